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
              "axis is logarithmic: equal heights are equal factors.",
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
    "PASSED": ("PASSED: λ₁·H* is within 5 % of {target}", "the prediction holds within 5 %"),
    "PARTIAL": ("PARTIAL: λ₁·H* is within 15 % of {target}", "less than 15 % from the prediction"),
    "NEEDS_REFINEMENT": ("NEEDS_REFINEMENT: λ₁·H* is not near {target}", "15 % or more from the prediction"),
}

VERDICT_EXPLAINED = ("K7 reports what it finds. The verdict judges a conjecture, λ₁·H* = {target}, and not K7: PASSED means "
                     "that λ₁·H* of this metric is less than 5 % from it, PARTIAL less than 15 %, NEEDS_REFINEMENT more. A "
                     "correct λ₁ with NEEDS_REFINEMENT is a good result: the conjecture then is not true of this metric. "
                     "Where φ has torsion, the verdict says nothing about holonomy G₂. How good the computation is, its "
                     "error bars and residuals say.")

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

EXCESS_TITLE = "Training loss above the best constants"
HOW_TO_READ_EXCESS = ("How much more loss the network has than the best constant coefficients, which are what it has to reach or "
                      "beat; equal heights are equal factors. On points that training never sees it falls to a level that the "
                      "network cannot leave, or below the constants, where the line ends. A single batch may have less "
                      "loss than the constants by chance: a gap in its line.")
LAMBDA1_EXPLAINED = ("Each method's λ₁ with its error bar. Where the bars of the same eigenvalues do not overlap, one of them is "
                     "wrong. The value that the verdict judges is orange.")
MULTIPLETS_EXPLAINED = ("Eigenvalues that belong together, by their mean, which is known better than each of them. Bars are two "
                        "standard deviations.")
EXACT_EXPLAINED = "Here the sampled metric is that constant metric to rounding, so that its eigenvalues are exact."
GRAPHS_EXPLAINED = ("The graphs that limits come from. Effective points: of equal volume, that would have as much noise. "
                    "Wrapped: share of neighbours that are nearly half a circle away. Cut off: how much of the neighbourhoods "
                    "lies beyond a boundary.")
NO_LADDER = "One graph was solved, or none: spectral.json holds no series of graphs to go to a limit with."
NO_GRAPH_FILE = "The neighbour lists are not in this folder; k7_spectral --graph writes them."
NEIGHBORS_EXPLAINED = ("How far the nearest and the last of {k} neighbours are. A point is a neighbour of {least} to {most} others, "
                       "with standard deviation {std}.")
NO_EIGENFUNCTIONS = ("The eigenfunctions are not in this folder; k7_spectral --eigenvectors writes them, with an XDMF file for "
                     "ParaView beside them.")
EIGENFUNCTIONS_EXPLAINED = ("Eigenfunctions of the graph at {shown} of {all} points, over the two of the seven coordinates "
                            "c0, …, c6 that each depends on most, and over the next two. Of a multiplet, any "
                            "orthonormal combination is as good as another.")
EIGENVALUES_OF_G_EXPLAINED = "Eigenvalues of the matrix of g in the frame of samples.h5, ascending, at {used} of {all} samples."
EIGENVALUES_OF_G_READ = ("Lengths squared along the axes of g. A metric that is constant in the frame has seven values or "
                         "fewer; where the largest is far from the smallest, some directions are collapsing.")
NO_TORSION = ("No torsion of samples in this folder; the best form of the training is below. k7_torsion --model best.h5 "
              "-o torsion.json measures it anew.")
NO_TORSION_AT_ALL = "No torsion in this folder; k7_torsion -o torsion.json measures that of a model."
TORSION_READ = "Where both are zero, φ is a G₂ metric's form. Rows where φ is no G₂-structure count nowhere."
NO_TIMINGS = "The programs recorded no timings."
MACHINE_ROWS = {"ranks": "ranks", "threads": "threads per rank", "device": "device", "comm": "gradients summed by", "blas": "BLAS",
                "peak_memory_mib": "peak memory"}

COMPARED_LAMBDA1 = "The λ₁ that each run's verdict judges, with its error bar of two standard deviations."
COMPARED_TABLE = "The judged λ₁ of each run, the points that it comes from, and the best loss where the metric was learned."
COMPARED_EXCESS = ("How far the loss is above that of the run's own best constant coefficients, on points that training never sees "
                   "where they are recorded. Where options of the loss differ, heights do not compare.")
COMPARED_LOSS = "The total loss on the batch. Where options of the loss differ, heights do not compare."
COMPARED_NO_TRAINING = "None of these runs has a training in its folder."
COMPARED_NO_LOSS = "The loss is not above zero anywhere, so that a logarithmic axis has no place for it."
COMPARED_OPTIONS = "Options that are not the same in all runs; – where a program has none or did not run. Names of files are left out."
COMPARED_SAME_OPTIONS = "All options that decide what is computed are the same in these runs."

STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --soft: #5b6570; --paper: #fbfbfa; --card: #fff; --line: #dfe2e6;
  --bar: #cfe0ee; --passed: #18713f; --partial: #8a5a00; --refine: #a8321f;
  --blue: #0072b2; --orange: #c77700; --green: #00875f; --purple: #b0568c; --sky: #3498d8; --grey: #8a8f96; --red: #c2410c;
  --cold: #a9cbe3; --middle: #e3e3e0; --warm: #f2bda3; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ea; --soft: #a2abb5; --paper: #15181b; --card: #1d2125;
  --line: #343a41; --bar: #27455c; --passed: #5fc98d; --partial: #e0ac45; --refine: #f08a76; --blue: #5ab0ea;
  --orange: #f0a83c; --green: #3fc79a; --purple: #dd94c2; --sky: #8accf5; --grey: #8f98a1; --red: #ff8a5c;
  --cold: #3d5c75; --middle: #3a3d40; --warm: #7a4a38; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.5rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; }
p { max-width: 46rem; margin: .5rem 0; }
.soft, .caption, figcaption { color: var(--soft); }
.verdict { background: var(--card); border: 1px solid var(--line); border-left: .5rem solid var(--tone);
  border-radius: .5rem; padding: 1rem 1.25rem; margin: 1.25rem 0; }
.verdict strong { color: var(--tone); font-size: 1.6rem; display: block; line-height: 1.3; }
.verdict .numbers { font-size: 1.1rem; }
.PASSED { --tone: var(--passed); } .PARTIAL { --tone: var(--partial); } .NEEDS_REFINEMENT { --tone: var(--refine); }
.note { border-left: .25rem solid var(--partial); padding-left: .75rem; }
.grid, .pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1.25rem; }
.grid { margin: .75rem 0; } .pair { margin-bottom: 1rem; } h3 { font-size: 1rem; margin: 1rem 0 .5rem; }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; overflow: hidden;
  max-width: 36rem; }
figcaption { padding: .25rem 1rem .75rem; font-size: .92rem; }
figcaption b { color: var(--ink); }
.absent { padding: 1rem; margin: 0; }
.plot { display: block; width: 100%; height: auto; padding: .25rem; }
.plot text { fill: var(--ink); font: 13px system-ui, sans-serif; } .plot .small { fill: var(--soft); font-size: 12px; }
.grid-lines path { stroke: var(--line); fill: none; } .grid-lines .frame { stroke: var(--soft); }
.line { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round;
  stroke-linecap: round; } .dashed { stroke-dasharray: 6 4; }
.area { fill: var(--c); fill-opacity: .45; stroke: var(--c); stroke-opacity: .8; stroke-width: 1; }
path.line.s0 { stroke-width: 3; } path.line.s7 { stroke-width: 1.2; } .dot { fill: var(--c); } .ring { fill: none; stroke: var(--c); stroke-width: 1.6; }
.cloud { fill: none; stroke: var(--c); stroke-width: 4.5; stroke-linecap: round; }
.s0 { --c: var(--ink); } .s1 { --c: var(--blue); } .s2 { --c: var(--orange); } .s3 { --c: var(--green); }
.s4 { --c: var(--purple); } .s5 { --c: var(--sky); } .s6 { --c: var(--soft); } .s7 { --c: var(--grey); }
.target { --c: var(--red); }
.f0 { --c: #2166ac; } .f1 { --c: #5a97c7; } .f2 { --c: var(--cold); } .f3 { --c: var(--middle); } .f4 { --c: var(--warm); }
.f5 { --c: #d9805a; } .f6 { --c: #c8402f; }
.swatch { display: inline-block; width: 1.4rem; height: .8rem; background: var(--c); vertical-align: -.05rem; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .1rem 1.1rem; margin: 0; padding: .1rem 1rem .3rem;
  font-size: .88rem; }
.legend li { display: flex; align-items: center; gap: .4rem; } .key { width: 24px; height: 12px; flex: none; }
.legend .key:empty { display: none; }
.scroll { overflow-x: auto; margin: 0 0 1.25rem; }
table { border-collapse: collapse; font-size: .94rem; font-variant-numeric: tabular-nums; }
.caption { margin: .75rem 0 .35rem; font-size: .94rem; }
th, td { text-align: left; padding: .3rem 1rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th, .number { white-space: nowrap; } td { min-width: 3rem; } .remark { min-width: 13rem; }
@media (max-width: 40rem) { tbody th { white-space: normal; min-width: 5.5rem; } }
.pairs th { white-space: normal; min-width: 8rem; } .pairs td, .pairs th { overflow-wrap: anywhere; }
th { font-weight: 600; } tbody th { font-weight: 400; color: var(--soft); }
.number { text-align: right; }
.share { min-width: 8rem; } .share span { display: block; height: .8rem; margin-top: .35rem; background: var(--bar); }
tr.new-group > * { border-top: 2px solid var(--line); }
details { margin: .75rem 0; } summary { cursor: pointer; font-weight: 600; }
code { font-family: ui-monospace, monospace; font-size: .92em; }
@media print { body { background: #fff; } figure, .verdict { break-inside: avoid; } }
"""
