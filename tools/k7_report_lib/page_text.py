# SPDX-License-Identifier: Apache-2.0
"""The fixed words and the style sheet of results.html."""

TITLES = {
    "losses": "Training loss",
    "det_history": "Mean of det g in training",
    "spectrum": "Laplace spectrum",
    "histogram": "det g over the samples",
}

HOW_TO_READ = {
    "losses": "The thick black line is the total that the optimiser lowers, the others are its terms as history.csv "
              "records them, before their weights, so a term may lie above the total. The axis is logarithmic: equal "
              "heights are equal factors. A run is done when the total "
              "has flattened. A term that stays at rounding level is left out, and the legend says so. A small loss "
              "alone does not make a G₂ metric: the notebook's torsion term is a distance to the standard form, "
              "without a derivative.",
    "det_history": "The mean of det g over each training batch, and the value that the construction asks for. The "
                   "legend gives the largest distance between the two. Where it is rounding only, the axis spans one "
                   "percent to each side of the target, so that a straight line means agreement and not a hidden "
                   "scale.",
    "spectrum": "Each point is an eigenvalue of the Laplacian on the sampled metric, counted from the constant "
                "function, λ₀ = 0. Neighbours closer than 3 % share a colour and are counted above (4× is a "
                "multiplicity of about four; ≥ marks a group in which the computed list ends). Bars are the error "
                "estimates of the limits, which come from graphs with more and more points and neighbours, or from "
                "Rayleigh–Ritz, as the table says; open circles are the values of one graph. The dashed "
                "line is where the prediction puts λ₁; no other eigenvalue is meant to lie on it.",
    "histogram": "How det g is distributed over all samples. A metric with det g equal to the target everywhere gives "
                 "one bar on the dashed line, and the legend then says that all values are equal. A wide or shifted "
                 "histogram means that the determinant condition does not hold at every point, or that the metric was "
                 "made for another target.",
}

# What is different for the torsion objective.
HOW_TO_READ_TORSION = {
    "losses": "The thick black line is the total that the optimiser lowers, the others are its terms as history.csv "
              "records them, before their weights, so a term may lie above the total: the torsion of φ, |dφ|² and "
              "|d⋆φ|² with exact derivatives and in the metric of φ; the distance of det g from its target; "
              "|φφ−6δ|² and |Eφ|², which hold φ near the standard form and smooth; where asked for, tr g/7, and the "
              "distance to the lapse and shift of the known solution (gauge). Terms of weight 0 are not drawn. The "
              "dashed line is the loss of the best constant coefficients, where they are known: what the network has "
              "to reach or beat. The axis is logarithmic: equal heights are equal factors.",
    "det_history": "The mean of det g over each training batch in the learned coframe, with the value that the loss or "
                   "the construction asks for, if any. The torsion objective lets det g vary from point to point: the "
                   "band is one standard deviation over the batch to each side, cut off at 0, and the legend "
                   "gives the last values. Where all is equal up to rounding, the axis spans one percent to each side, so that a straight "
                   "line means agreement and not a hidden scale. Where the values span more than a factor of 30, the "
                   "axis is logarithmic.",
    "histogram": "How det g of the learned metric is distributed over all samples, in the learned coframe, so that it "
                 "compares with the training. (The metric in samples.h5 is in the manifold's own frame, where "
                 "det g differs by a constant factor, given below.) The torsion objective fixes det g only as far as "
                 "its weight or the construction goes, so a width is no fault in itself. Where the values span more "
                 "than a factor of 30, axis and bins are logarithmic.",
}

# Key of training.best_form -> label, unit. Lengths are in the unit of the learned coframe.
BEST_FORM_ROWS = {
    "norm2_dphi": ("|dφ|²", "length⁻²"), "norm2_dpsi": ("|d⋆φ|²", "length⁻²"),
    "norm2_tau0": ("|τ₀|²", "length⁻²"), "norm2_tau1": ("|τ₁|²", "length⁻²"),
    "norm2_tau2": ("|τ₂|²", "length⁻²"), "norm2_tau3": ("|τ₃|²", "length⁻²"),
    "cond_g": ("cond g", "1"), "det_g": ("det g", "1"), "trace_g_over_7": ("tr g/7", "1"),
}
BEST_FORM_NUMBERS = {
    "volume": ("volume", "length⁷"), "positive_fraction": ("share of points where φ is a G₂-structure", "1"),
}
EXACT_ROWS = {
    "volume_error": "volume", "length_error": "length of the r-lines", "metric_error_rms": "metric, root mean square",
    "metric_error_max": "metric, largest",
}
LOSS_ROWS = {
    "loss": ("loss (with weights)", "1"), "torsion_closed": ("|dφ|²", "length⁻²"),
    "torsion_coclosed": ("|d⋆φ|²", "length⁻²"), "det": ("(det g − 65/32)²", "1"), "norm": ("|φφ−6δ|²", "1"),
    "smooth": ("|Eφ|²", "1"), "trace": ("tr g/7", "1"),
}
TORSION_EXPLAINED = ("A low torsion energy says nothing without cond g beside it: stretching some directions against "
                     "others can lower |dφ|² and |d⋆φ|² as far as one likes, at the same det g, without bringing φ "
                     "closer to a G₂ metric.")
NO_DET_TARGET = "This training asked for no value of det g (weight 0); what is below follows from the torsion alone."
LEFT_INVARIANT_EXPLAINED = ("On S¹ × S³ × S³ constant coefficients in the coframe are a homogeneous G₂-structure. This "
                            "is the least loss among them")

VERDICT_WORDS = {
    "PASSED": ("Passed", "the prediction holds within 5 %"),
    "PARTIAL": ("Partial", "less than 15 % from the prediction"),
    "NEEDS_REFINEMENT": ("Needs refinement", "15 % or more from the prediction"),
}

VERDICT_EXPLAINED = ("K7 reports what it finds. The verdict compares λ₁·H* of this metric with the prediction and "
                     "nothing else: PASSED means less than 5 % apart, PARTIAL less than 15 %, NEEDS_REFINEMENT more. "
                     "It is not a judgement of the computation, whose own quality is in the residuals and error "
                     "estimates below.")

WITNESS_COLUMNS = {"eigenvalues": "constant metric", "lower": "at least", "upper": "at most"}
WITNESS_EXPLAINED = ("The sampled metric is near one that is constant in the frame, whose eigenvalues are known exactly. "
                     "“At least” and “at most” bound those of the sampled metric by min-max. The bounds were taken over "
                     "the samples: they prove nothing between them, and the verdict does not depend on them.")
NOTEBOOK_METHOD_NOTE = ("Method “notebook” rebuilds the original notebook's matrix. It does not scale with the metric "
                        "and its λ₁ depends on the numbers of points and neighbours, so λ₁·H* here is a comparison "
                        "with the notebook, not a statement about geometry. Methods “graph” and “ritz” are.")

NOT_CONVERGED_NOTE = ("The eigensolver did not converge: eigenvalues with a large residual are not eigenvalues yet, "
                      "and the verdict cannot be PASSED. Run k7_spectral with more iterations or a wider search space "
                      "(-eps_max_it, -eps_ncv after --).")

STOPPED_NOTES = {
    "signal": "Training was stopped by a signal before its end: run k7_train again to go on.",
    "not_finite": "Training was stopped because the loss or its gradient became infinite or NaN: what is shown is the "
                  "state before.",
}

NO_TRAINING = ("No training in this run folder: it has no train.json and no history.csv. The metric was given, or "
               "learned elsewhere.")

STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --soft: #5b6570; --paper: #fbfbfa; --card: #fff; --line: #dfe2e6;
  --bar: #cfe0ee; --passed: #18713f; --partial: #8a5a00; --refine: #a8321f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ea; --soft: #a2abb5; --paper: #15181b; --card: #1d2125;
  --line: #343a41; --bar: #27455c; --passed: #5fc98d; --partial: #e0ac45; --refine: #f08a76; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.5rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; }
p { max-width: 46rem; margin: .5rem 0; }
.soft, caption, figcaption { color: var(--soft); }
.verdict { background: var(--card); border: 1px solid var(--line); border-left: .5rem solid var(--tone);
  border-radius: .5rem; padding: 1rem 1.25rem; margin: 1.25rem 0; }
.verdict strong { color: var(--tone); font-size: 1.6rem; display: block; line-height: 1.3; }
.verdict .numbers { font-size: 1.1rem; }
.PASSED { --tone: var(--passed); } .PARTIAL { --tone: var(--partial); } .NEEDS_REFINEMENT { --tone: var(--refine); }
.note { border-left: .25rem solid var(--partial); padding-left: .75rem; }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1.25rem; }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; overflow: hidden; }
figure img { display: block; width: 100%; height: auto; background: #fff; }
figcaption { padding: .75rem 1rem; font-size: .92rem; }
figcaption b { color: var(--ink); }
.absent { padding: 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .94rem; font-variant-numeric: tabular-nums; min-width: 20rem; }
caption { text-align: left; padding-bottom: .35rem; }
th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top;
  overflow-wrap: anywhere; }
th { font-weight: 600; } tbody th { font-weight: 400; color: var(--soft); }
.number { text-align: right; white-space: nowrap; }
.share { min-width: 8rem; } .share span { display: block; height: .8rem; margin-top: .35rem; background: var(--bar); }
tr.new-group > * { border-top: 2px solid var(--line); }
details { margin: .75rem 0; } summary { cursor: pointer; font-weight: 600; }
code { font-family: ui-monospace, monospace; font-size: .92em; }
@media print { body { background: #fff; } figure, .verdict { break-inside: avoid; } }
"""
