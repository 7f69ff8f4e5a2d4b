# SPDX-License-Identifier: Apache-2.0
"""results.html: one page that needs no other file and no network.

Everything that comes from a run folder passes through `markup` (HTML-escaped); only this package's own words hold
markup.
"""

from __future__ import annotations

from typing import Iterable

from . import __version__, charts, digits, markup, page_spectrum, page_text
from .details import Details
from .inputs import Json, is_number
from .markup import columns, figure, grid, nested, paragraph, pairs, section, text, value
from .results import RunData
from .series import excess

Charts = dict[str, "charts.Chart | None"]


def render(data: RunData, tree: Json, details: Details) -> str:
    """The page for `tree` (results.json)."""
    name = text(data.folder.resolve().name)
    found = _charts(data) | charts.detail_charts(details)
    sections = [
        _header(name, tree), page_spectrum.verdict(tree), _notes(tree), page_spectrum.lambda1(tree), _figures(found, data),
        page_spectrum.eigenvalues(tree), page_spectrum.graphs(tree, details, found.get("graph")),
        page_spectrum.eigenfunctions(details.eigenfunctions, tree), _metric(tree, data, details, found["eigenvalues_of_g"]),
        _torsion(details, data, found.get("torsion")), _best_form(tree, data), _left_invariant(tree, data), _training(tree),
        _timings(tree), _machine(tree), nested("Parallel", tree["parallel"]), nested("Options", tree["options"]),
        nested("Constants and provenance", {"constants": tree["constants"], "metadata": tree["metadata"]}),
    ]
    return markup.document(f"K7 report: {name}", sections)


def _charts(data: RunData) -> Charts:
    trained = data.history is not None
    return {"losses": charts.loss_chart(data) if trained else None,
            "det_history": charts.det_history_chart(data) if trained else None,
            "spectrum": charts.spectrum_chart(data), "histogram": charts.det_chart(data)}


def _header(name: str, tree: Json) -> str:
    parts = [f"{program['program']} {program['version']}" for program in _programs(tree)]
    programs = text(", ".join([*parts, f"k7_report {__version__}"]))
    return (f"<header><h1>K7 report: {name}</h1>\n<p class=\"soft\">Written {text(tree['metadata']['timestamp'])} by "
            f"{programs}. The same numbers are in <code>results.json</code>, the figure in <code>results.png</code>."
            f"</p></header>")


def _programs(tree: Json) -> list[Json]:
    """What the programs said about themselves, with defaults for what they left out."""
    found = [(f"k7_{part}", tree["metadata"][part]) for part in ("train", "spectral") if tree["metadata"][part]]
    return [{"program": name, "version": "(version not recorded)"} | metadata for name, metadata in found]


def _notes(tree: Json) -> str:
    """What a reader must know before believing the numbers."""
    spectral, notes = tree["spectral"], []
    if spectral.get("method") == "notebook":
        notes.append(page_text.NOTEBOOK_METHOD_NOTE)
    for key, what in (("n_components", "connected parts"), ("zero_modes", "zero eigenvalues")):
        if spectral.get(key) is not None and spectral[key] > 1:
            notes.append(f"The graph of the samples has {value(spectral[key])} {what} instead of one, so its lowest "
                         f"eigenvalues say how it is torn, not how it is curved: use more neighbours or samples.")
    if tree["metric"]["det_min"] <= 0:
        notes.append(f"det g is not positive everywhere (its minimum is {value(tree['metric']['det_min'])}): at such "
                     f"a point g is no Riemannian metric.")
    obstacle = (spectral.get("limit") or {}).get("obstacle")
    if obstacle:
        notes.append(f"The eigenvalues are those of one graph, which are too low by 5 to 20 %: there are no limits "
                     f"k, N → ∞, since {value(obstacle)}.")
    if not spectral.get("converged", True):
        notes.append(page_text.NOT_CONVERGED_NOTE)
    stopped = (tree["training"] or {}).get("stopped")
    if stopped in page_text.STOPPED_NOTES:
        notes.append(page_text.STOPPED_NOTES[stopped])
    return "\n".join(paragraph(note, "note") for note in notes)


def _figures(found: Charts, data: RunData) -> str:
    titles, how_to_read = dict(page_text.TITLES), dict(page_text.HOW_TO_READ)
    if data.is_torsion:
        how_to_read |= page_text.HOW_TO_READ_TORSION
    if excess(data):
        titles["losses"], how_to_read["losses"] = page_text.EXCESS_TITLE, page_text.HOW_TO_READ_EXCESS
    cards = (_card(found[name], titles[name], how_to_read[name]) for name in titles)
    return section("Figures", grid(cards))


def _card(chart: charts.Chart | None, title: str, how_to_read: str) -> str:
    if chart is None:
        return (f'<figure><p class="absent">{page_text.NO_TRAINING}</p>'
                f"<figcaption><b>{title}.</b></figcaption></figure>")
    plot, legend = chart
    return f"<figure>{plot}{legend}<figcaption><b>{title}. How to read this:</b> {how_to_read}</figcaption></figure>"


def _metric(tree: Json, data: RunData, details: Details, chart: charts.Chart | None) -> str:
    points = "quadrature nodes" if "quadrature" in tree["spectral"] else "samples"
    labels = {"n_samples": points, "det_mean": "mean of det g", "det_std": "standard deviation of det g",
              "det_min": "smallest det g", "det_max": "largest det g"}
    rows = [(labels.get(key, key), item) for key, item in tree["metric"].items()]
    target, factor = data.constants["det_g_target"], data.frame_factor
    if factor == 1.0 and data.wants_det:
        rows.append(("target of det g", target))
    if factor != 1.0:
        rows += [("target of det g in this frame", target * factor)] if data.wants_det else []
        rows.append(("det g in this frame over det g in the learned coframe", factor))
    parts = [pairs(rows, f"Computed over all {points}; dimensionless.")]
    eigenvalues = [([str(i + 1)], row) for i, row in enumerate(details.eigenvalues_of_g["rows"])]
    parts.append(columns(["eigenvalue"], ["smallest", "mean", "largest"], eigenvalues,
                         page_text.EIGENVALUES_OF_G_EXPLAINED.format(used=f"{details.eigenvalues_of_g['used']:,}",
                                                                     all=f"{details.eigenvalues_of_g['of']:,}")))
    if chart:
        parts.append(grid([figure(chart, "Eigenvalues of g over the samples", page_text.EIGENVALUES_OF_G_READ)]))
    return section("Metric", "\n".join(parts))


def _torsion(details: Details, data: RunData, chart: charts.Chart | None) -> str:
    """What k7_torsion measured; the best form of the training has a section of its own."""
    if details.torsion is None:
        return section("Torsion", paragraph(page_text.NO_TORSION if data.is_torsion else page_text.NO_TORSION_AT_ALL))
    report = details.torsion["report"]
    rows = [((label, unit), [report[key].get(column) for column in ("mean", "max")])
            for key, (label, unit) in page_text.BEST_FORM_ROWS.items() if isinstance(report.get(key), dict)]
    rows += [((label, unit), [report[key], None]) for key, (label, unit) in page_text.BEST_FORM_NUMBERS.items()
             if is_number(report.get(key))]
    points = f"over {int(report['points']):,} points" if is_number(report.get("points")) else "over its points"
    table = columns(("quantity", "unit"), ("mean", "max"), rows, f"{details.torsion['file']}, {points}.")
    figures = grid([figure(chart, "Torsion over the rows", page_text.TORSION_READ)]) if chart else ""
    return section("Torsion", table + figures)


def _best_form(tree: Json, data: RunData) -> str:
    """What the best form is like over fresh points, the torsion beside the condition number of its metric."""
    form = (tree["training"] or {}).get("best_form")
    if not form:
        return ""
    rows = [((label, unit), [form[key].get(column) for column in ("mean", "max", "min")])
            for key, (label, unit) in page_text.BEST_FORM_ROWS.items() if key in form]
    rows += [((label, unit), [form[key], None, None])
             for key, (label, unit) in page_text.BEST_FORM_NUMBERS.items() if key in form]
    points = f"over {form['points']:,} fresh points" if form.get("points") else "over fresh points"
    table = columns(("quantity", "unit"), ("mean", "max", "min"), rows,
                    f"The best form {points}, in the learned coframe.")
    known = [(label, form["exact"][key]) for key, label in page_text.EXACT_ROWS.items() if key in form.get("exact", {})]
    exact = pairs(known, "Against the known solution with the same boundary values; relative errors.") if known else ""
    det = "" if data.wants_det else f"<p>{page_text.NO_DET_TARGET}</p>\n"
    return section("Best form", f"<p>{page_text.TORSION_EXPLAINED}</p>\n{det}{table}\n{exact}")


def _left_invariant(tree: Json, data: RunData) -> str:
    """The best constant coefficients beside the network: what it has to reach or beat."""
    training = tree["training"] or {}
    reference = training.get("left_invariant")
    if not reference or data.history is None:
        return ""
    rows = [((label, unit), [reference[key], float(data.history[key][-1])])
            for key, (label, unit) in page_text.LOSS_ROWS.items()
            if key in reference and key in data.history.columns]
    if "cond_g" in reference:
        learned = (training.get("best_form") or {}).get("cond_g", {}).get("mean")
        rows.append((("cond g", "1"), [reference["cond_g"], learned]))
    starts = f", found by {value(reference.get('starts_that_reached_it'))} of {value(reference.get('starts'))} starts"
    best, least = training["best_loss"], reference.get("loss")
    verdict = ""
    if least is not None:
        side = "above" if best > least else "below"
        verdict = f"<p>The best loss of the network, {best:.8g}, is {digits.power(abs(best - least))} {side} it.</p>\n"
    table = columns(("term of the loss", "unit"), ("best constants", "network"), rows,
                    "Unweighted terms. Network: its last epoch, over the points of that batch; cond g: mean of its "
                    "best form.")
    return section("Best constant coefficients",
                   f"<p>{page_text.LEFT_INVARIANT_EXPLAINED}{starts}.</p>\n{verdict}" + table)


def _training(tree: Json) -> str:
    if tree["training"] is None:
        return section("Training", paragraph(page_text.NO_TRAINING))
    rows = [(key.replace("_", " "), item) for part in ("model", "training") for key, item in tree[part].items()
            if key not in ("best_form", "left_invariant")]
    return section("Training", pairs(rows, "Network and training, as k7_train recorded them."))


def _timings(tree: Json) -> str:
    """Seconds per stage with their share of the program's total, then rates and whatever else is in `timing`."""
    rows = [row for program, timing in tree["timing"].items() if timing for row in _stages(program, timing)]
    if not rows:
        return section("Timings", paragraph(page_text.NO_TIMINGS))
    head = markup.heads(["program", "stage"]) + markup.heads(["value"], numbers=True) + markup.heads(["share of its total"])
    return section("Timings", markup.table(head, "\n".join(rows), "Wall-clock time per stage."))


def _stages(program: str, timing: Json) -> Iterable[str]:
    total = timing.get("total_s") if is_number(timing.get("total_s")) else None
    for key, item in timing.items():
        is_time = key.endswith("_s") and not key.endswith("_per_s") and is_number(item)
        name = key[:-2] if is_time else key
        share = ""
        if is_time and total and key != "total_s":
            percent = max(0.0, min(100.0, 100 * item / total))
            share = f'<span style="width:{percent:.1f}%" title="{percent:.1f} %"></span>'
        shown = f"{item:.3g} s" if is_time else value(item)
        yield (f'<tr><th scope="row">k7_{text(program)}</th><td>{text(name.replace("_", " "))}</td>'
               f'<td class="number">{shown}</td><td class="share">{share}</td></tr>')


def _machine(tree: Json) -> str:
    """Where training and spectrum were computed."""
    programs = {f"k7_{part}": tree["parallel"].get(part) for part in ("train", "spectral")}
    programs = {name: found for name, found in programs.items() if isinstance(found, dict)}
    rows = [f'<tr><th scope="row">{words}</th>' + "".join(f"<td>{_largest(found, key)}</td>" for found in programs.values()) + "</tr>"
            for key, words in page_text.MACHINE_ROWS.items() if any(key in found for found in programs.values())]
    if not rows:
        return ""
    return section("Machine", markup.table(markup.heads([""]) + markup.heads(programs), "\n".join(rows),
                                           "What the programs ran on; memory is that of the largest rank."))


def _largest(found: Json, key: str) -> str:
    item = found.get(key)
    if key == "peak_memory_mib" and isinstance(item, list) and item and all(map(is_number, item)):
        return f"{max(item):.0f} MiB"
    return value(item)
