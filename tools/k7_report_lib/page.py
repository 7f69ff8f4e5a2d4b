# SPDX-License-Identifier: Apache-2.0
"""results.html: one page that needs no other file and no network.

Everything that comes from a run folder passes through `_text` (HTML-escaped); only this package's own words hold
markup.
"""

from __future__ import annotations

import base64
import html
import json
import math
from typing import Any, Iterable, Mapping, Sequence

from . import __version__, page_text
from .inputs import Json, is_number
from .results import RunData, groups, judged, judged_words

LONG_LIST = 8  # longer lists of numbers are summarised
NEW_GROUP = ' class="new-group"'
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def render(data: RunData, tree: Json, panels: Mapping[str, bytes]) -> str:
    """The page for `tree` (results.json) with `panels` (name -> PNG; training panels may be missing)."""
    name = _text(data.folder.resolve().name)
    sections = [
        _header(name, tree), _verdict(tree), _notes(tree), _figures(panels, data.is_torsion), _spectrum(tree),
        _metric(tree, data), _best_form(tree, data), _left_invariant(tree, data), _training(tree), _timings(tree),
        _nested("Parallel", tree["parallel"]), _nested("Options", tree["options"]),
        _nested("Constants and provenance", {"constants": tree["constants"], "metadata": tree["metadata"]}),
    ]
    return (f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>K7 report: {name}</title>\n'
            f"<style>{page_text.STYLE}</style>\n</head>\n<body>\n<main>\n" + "\n".join(filter(None, sections))
            + "\n</main>\n</body>\n</html>\n")


def _text(value: Any) -> str:
    text = str(value)
    return html.escape(text if len(text) <= 1000 else text[:997] + "...")


def _value(value: Any) -> str:
    """A JSON value for a reader, escaped: numbers with six digits, a dash for null, long lists as a range."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return _list(value)
    return _text(json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value)


def _known(value: Any, error: Any) -> str:
    """A number with as many digits as its error allows, six at least and twelve at most, as k7_spectral prints it."""
    if not (is_number(value) and is_number(error) and value and error):
        return _value(value)
    digits = min(max(6, int(math.log10(abs(value / error))) + 2), 12)
    return f"{value:.{digits}g}"


def _list(values: list[Any]) -> str:
    numbers = [value for value in values if is_number(value)]
    if len(values) > LONG_LIST and len(numbers) == len(values):
        return f"{len(values)} values, {_value(min(numbers))} to {_value(max(numbers))}"
    return ", ".join(_value(value) for value in values) or "none"


def _header(name: str, tree: Json) -> str:
    parts = [f"{program['program']} {program['version']}" for program in _programs(tree)]
    programs = _text(", ".join([*parts, f"k7_report {__version__}"]))
    return (f"<header><h1>K7 report: {name}</h1>\n<p class=\"soft\">Written {_text(tree['metadata']['timestamp'])} by "
            f"{programs}. The same numbers are in <code>results.json</code>, the figure in <code>results.png</code>."
            f"</p></header>")


def _programs(tree: Json) -> list[Json]:
    """What the programs said about themselves, with defaults for what they left out."""
    found = [(f"k7_{part}", tree["metadata"][part]) for part in ("train", "spectral") if tree["metadata"][part]]
    return [{"program": name, "version": "(version not recorded)"} | metadata for name, metadata in found]


def _verdict(tree: Json) -> str:
    status, target = tree["validation"]["status"], tree["spectral"]["target"]
    word, meaning = page_text.VERDICT_WORDS[status]
    found, words = judged(tree), judged_words(tree)
    bar = f" ± {_value(found['error'])}" if found["error"] is not None else ""
    return (f'<section class="verdict {status}" aria-label="Verdict">\n<strong>{word}</strong>\n'
            f'<p class="numbers">{words.name} = {_known(found["lambda_1"], found["error"])}{bar}, so λ₁·H* = '
            f'<b>{_value(found["lambda1_times_Hstar"])}</b>; the prediction is {_value(target)}: '
            f'{found["deviation_percent"]:.4g} % apart ({meaning}).</p>\n'
            + (f"<p>{words.explained}</p>\n" if words.explained else "")
            + f'<p class="soft">{page_text.VERDICT_EXPLAINED}</p>\n</section>')


def _notes(tree: Json) -> str:
    """What a reader must know before believing the numbers."""
    spectral, notes = tree["spectral"], []
    if spectral.get("method") == "notebook":
        notes.append(page_text.NOTEBOOK_METHOD_NOTE)
    for key, what in (("n_components", "connected parts"), ("zero_modes", "zero eigenvalues")):
        if spectral.get(key) is not None and spectral[key] > 1:
            notes.append(f"The graph of the samples has {_value(spectral[key])} {what} instead of one, so its lowest "
                         f"eigenvalues say how it is torn, not how it is curved: use more neighbours or samples.")
    if tree["metric"]["det_min"] <= 0:
        notes.append(f"det g is not positive everywhere (its minimum is {_value(tree['metric']['det_min'])}): at such "
                     f"a point g is no Riemannian metric.")
    obstacle = (spectral.get("limit") or {}).get("obstacle")
    if obstacle:
        notes.append(f"The eigenvalues are those of one graph, which are too low by 5 to 20 %: there are no limits "
                     f"k, N → ∞, since {_value(obstacle)}.")
    if not spectral.get("converged", True):
        notes.append(page_text.NOT_CONVERGED_NOTE)
    stopped = (tree["training"] or {}).get("stopped")
    if stopped in page_text.STOPPED_NOTES:
        notes.append(page_text.STOPPED_NOTES[stopped])
    return "\n".join(f'<p class="note">{note}</p>' for note in notes)


def _figures(panels: Mapping[str, bytes], is_torsion: bool) -> str:
    how_to_read = page_text.HOW_TO_READ | (page_text.HOW_TO_READ_TORSION if is_torsion else {})
    cards = "\n".join(_figure(name, panels.get(name), how_to_read[name]) for name in page_text.TITLES)
    return f'<section>\n<h2>Figures</h2>\n<div class="grid">\n{cards}\n</div>\n</section>'


def _figure(name: str, png: bytes | None, how_to_read: str) -> str:
    title = page_text.TITLES[name]
    if png is None:
        return (f'<figure><p class="absent">{page_text.NO_TRAINING}</p>'
                f"<figcaption><b>{title}.</b></figcaption></figure>")
    source = base64.b64encode(png).decode("ascii")
    return (f'<figure><img alt="Plot: {title}" src="data:image/png;base64,{source}">'
            f"<figcaption><b>{title}. How to read this:</b> {how_to_read}</figcaption></figure>")


def _spectrum(tree: Json) -> str:
    """The table of eigenvalues; a thicker line begins each group of near-equal ones."""
    spectral = tree["spectral"]
    columns = {"λ": spectral["eigenvalues"]}
    for title, key in (("residual", "residual"), ("limit", "extrapolated"), ("error", "error")):
        if any(value is not None for value in spectral.get(key) or []):
            columns[title] = spectral[key]
    if "limit" in columns and "error" in columns:
        columns["limit"] = [None if value is None else _known(value, error)
                            for value, error in zip(columns["limit"], columns["error"])]
    if "limit" in columns and (methods := _methods(spectral)):
        columns["by"] = methods
    for key, title in page_text.WITNESS_COLUMNS.items():
        if (spectral.get("constant_metric") or {}).get(key):
            columns[title] = spectral["constant_metric"][key]
    witness = f"\n<p>{page_text.WITNESS_EXPLAINED}</p>" if "constant_metric" in spectral else ""
    starts = {first for first, _ in groups(spectral["eigenvalues"])}
    head = "".join(f'<th scope="col" class="number">{title}</th>' for title in columns)
    rows = "\n".join(
        f'<tr{NEW_GROUP if i in starts else ""}><th scope="row">λ{str(i).translate(SUBSCRIPTS)}</th>'
        + "".join(f'<td class="number">{_value(values[i])}</td>' for values in columns.values()) + "</tr>"
        for i in range(len(spectral["eigenvalues"])))
    facts = {"method": "method", "n_points": "points", "k": "neighbours", "n_components": "connected parts",
             "zero_modes": "zero modes"}
    text = ", ".join(f"{what} {_value(spectral[key])}" for key, what in facts.items() if key in spectral)
    return (f'<section>\n<h2>Spectrum</h2>\n<div class="scroll"><table>\n<caption>Smallest eigenvalues, dimensionless. '
            f"{text}. Lines mark groups closer than 3 %.</caption>\n"
            f'<thead><tr><th scope="col">index</th>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>{witness}\n'
            f"</section>")


def _methods(spectral: Json) -> list[str | None]:
    """What the limit of each eigenvalue comes from; nothing where spectral.json does not say it."""
    methods: list[str | None] = [None] * len(spectral["eigenvalues"])
    for multiplet in spectral.get("multiplets") or []:
        first = int(multiplet["first"])
        for i in range(first, min(first + int(multiplet["count"]), len(methods))):
            if spectral["extrapolated"][i] is not None:
                methods[i] = multiplet.get("method")
    return methods if any(methods) else []


def _metric(tree: Json, data: RunData) -> str:
    points = "quadrature nodes" if "quadrature" in tree["spectral"] else "samples"
    labels = {"n_samples": points, "det_mean": "mean of det g", "det_std": "standard deviation of det g",
              "det_min": "smallest det g", "det_max": "largest det g"}
    rows = [(labels.get(key, key), value) for key, value in tree["metric"].items()]
    target, factor = data.constants["det_g_target"], data.frame_factor
    if factor == 1.0 and data.wants_det:
        rows.append(("target of det g", target))
    if factor != 1.0:
        rows += [("target of det g in this frame", target * factor)] if data.wants_det else []
        rows.append(("det g in this frame over det g in the learned coframe", factor))
    return _section("Metric", _table(rows, f"Computed over all {points}; dimensionless."))


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
    table = _columns(("quantity", "unit"), ("mean", "max", "min"), rows,
                     f"The best form {points}, in the learned coframe.")
    known = [(label, form["exact"][key]) for key, label in page_text.EXACT_ROWS.items() if key in form.get("exact", {})]
    exact = _table(known, "Against the known solution with the same boundary values; relative errors.") if known else ""
    det = "" if data.wants_det else f"<p>{page_text.NO_DET_TARGET}</p>\n"
    return _section("Best form", f"<p>{page_text.TORSION_EXPLAINED}</p>\n{det}{table}\n{exact}")


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
    starts = f", found by {_value(reference.get('starts_that_reached_it'))} of {_value(reference.get('starts'))} starts"
    best, least = training["best_loss"], reference.get("loss")
    verdict = ""
    if least is not None:
        side = "above" if best > least else "below"
        verdict = f"<p>The best loss of the network, {best:.8g}, is {abs(best - least):.3g} {side} it.</p>\n"
    table = _columns(("term of the loss", "unit"), ("best constants", "network"), rows,
                     "Unweighted terms. Network: its last epoch, over the points of that batch; cond g: mean of its "
                     "best form.")
    text = f"<p>{page_text.LEFT_INVARIANT_EXPLAINED}{starts}.</p>\n{verdict}"
    return _section("Best constant coefficients", text + table)


def _columns(row_titles: Sequence[str], titles: Sequence[str], rows: Sequence[tuple[Sequence[str], Sequence[Any]]],
             caption: str) -> str:
    """A table of numbers: each row has words, then numbers or None. Words come from this package."""
    head = "".join(f'<th scope="col">{title}</th>' for title in row_titles)
    head += "".join(f'<th scope="col" class="number">{title}</th>' for title in titles)
    body = "\n".join(
        f'<tr><th scope="row">{words[0]}</th>' + "".join(f"<td>{word}</td>" for word in words[1:])
        + "".join(f'<td class="number">{_number(value)}</td>' for value in numbers) + "</tr>"
        for words, numbers in rows)
    return (f'<div class="scroll"><table>\n<caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n'
            f"<tbody>\n{body}\n</tbody></table></div>")


def _number(value: float | None) -> str:
    """A number with six digits, a dash for none."""
    return "–" if value is None else f"{float(value):.6g}"


def _training(tree: Json) -> str:
    if tree["training"] is None:
        return _section("Training", f"<p>{page_text.NO_TRAINING}</p>")
    rows = [(key.replace("_", " "), value) for part in ("model", "training") for key, value in tree[part].items()
            if key not in ("best_form", "left_invariant")]
    return _section("Training", _table(rows, "Network and training, as k7_train recorded them."))


def _timings(tree: Json) -> str:
    """Seconds per stage with their share of the program's total, then rates and whatever else is in `timing`."""
    rows = [row for program, timing in tree["timing"].items() if timing for row in _stages(program, timing)]
    head = "".join(f'<th scope="col"{cls}>{title}</th>' for title, cls in (
        ("program", ""), ("stage", ""), ("value", ' class="number"'), ("share of its total", "")))
    return _section("Timings", '<div class="scroll"><table>\n<caption>Wall-clock time per stage.</caption>\n'
                    f"<thead><tr>{head}</tr></thead>\n<tbody>\n" + "\n".join(rows) + "\n</tbody></table></div>")


def _stages(program: str, timing: Json) -> Iterable[str]:
    total = timing.get("total_s") if is_number(timing.get("total_s")) else None
    for key, value in timing.items():
        is_time = key.endswith("_s") and not key.endswith("_per_s") and is_number(value)
        name = key[:-2] if is_time else key
        share = ""
        if is_time and total and key != "total_s":
            percent = max(0.0, min(100.0, 100 * value / total))
            share = f'<span style="width:{percent:.1f}%" title="{percent:.1f} %"></span>'
        unit = " s" if is_time else ""
        yield (f'<tr><th scope="row">k7_{_text(program)}</th><td>{_text(name.replace("_", " "))}</td>'
               f'<td class="number">{_value(value)}{unit}</td><td class="share">{share}</td></tr>')


def _nested(title: str, parts: Json) -> str:
    """A folded section with one table per part; deeper objects become dotted keys."""
    tables = "\n".join(_table(list(_flat(content)), part) for part, content in parts.items() if isinstance(content, dict) and content)
    return f"<details>\n<summary>{title}</summary>\n{tables}\n</details>" if tables else ""


def _flat(content: Any, prefix: str = "") -> Iterable[tuple[str, Any]]:
    if not isinstance(content, dict):
        yield prefix or "value", content
        return
    for key, value in content.items():
        yield from _flat(value, f"{prefix}.{key}" if prefix else key)


def _table(rows: Sequence[tuple[str, Any]], caption: str) -> str:
    body = "\n".join(f'<tr><th scope="row">{_text(key)}</th><td>{_value(value)}</td></tr>' for key, value in rows)
    return f'<div class="scroll"><table>\n<caption>{_text(caption)}</caption>\n<tbody>\n{body}\n</tbody></table></div>'


def _section(title: str, content: str) -> str:
    return f"<section>\n<h2>{title}</h2>\n{content}\n</section>"
