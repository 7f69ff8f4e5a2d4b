# SPDX-License-Identifier: Apache-2.0
"""The parts of results.html that are about the spectrum: verdict, lambda_1 by method, tables of eigenvalues, graphs."""

from __future__ import annotations

from typing import Any, Sequence

from . import charts, digits, page_text
from .details import Details, Eigenfunctions
from .inputs import Json, is_number
from .lambda1 import estimates, judged_estimate
from .markup import columns, figure, folded, grid, heads, number, paragraph, section, table, text, value
from .results import groups, judged, judged_words

NEW_GROUP = ' class="new-group"'
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
RUNG_COLUMNS = {"n_points": "points", "k": "neighbours", "mean_degree": "edges per point", "n_components": "parts",
                "mean_distance_sq": "mean d²", "effective_points": "effective points", "wrapped": "wrapped",
                "mean_cut": "cut off"}


def verdict(tree: Json) -> str:
    """The verdict with its numbers, and what it judges."""
    status, target, h_star = tree["validation"]["status"], tree["spectral"]["target"], tree["constants"]["H_star"]
    word, meaning = page_text.VERDICT_WORDS[status]
    found, words, estimate = judged(tree), judged_words(tree), judged_estimate(tree)
    product = estimate.times(h_star)
    remark = f" ({estimate.remark})" if estimate.remark else ""
    return (f'<section class="verdict {status}" aria-label="Verdict">\n<strong>{word.format(target=f"{target:g}")}</strong>\n'
            f'<p class="numbers">{words.name} = {estimate.text}{remark}, so λ₁·H* = <b>{product}</b>; the prediction is '
            f'{value(target)}: {found["deviation_percent"]:.4g} % apart ({meaning}).</p>\n'
            + (f"<p>{words.explained}</p>\n" if words.explained else "")
            + f'<p class="soft">{page_text.VERDICT_EXPLAINED.format(target=f"{target:g}")}</p>\n</section>')


def lambda1(tree: Json) -> str:
    """All methods side by side."""
    found = estimates(tree)
    target = tree["spectral"]["target"] / tree["constants"]["H_star"]
    rows = "\n".join(f'<tr><th scope="row">{e.name}</th><td class="number">{e.text}</td>'
                     f'<td class="number">{e.times(tree["constants"]["H_star"])}</td><td class="remark">{e.remark}</td></tr>' for e in found)
    head = heads(["method"]) + heads(["λ₁", "λ₁·H*"], numbers=True) + heads([""])
    return section("λ₁ by method", grid([figure(charts.lambda1_chart(found, target), "λ₁ by method", page_text.LAMBDA1_EXPLAINED)])
                   + table(head, rows, f"Bars are two standard deviations; the prediction is {target:.6g}."))


def eigenvalues(tree: Json) -> str:
    """The multiplets, then every eigenvalue."""
    spectral = tree["spectral"]
    exact = _exact_words(spectral.get("constant_metric"))
    parts = [_multiplets(spectral), paragraph(exact) if exact else "", _all_eigenvalues(spectral)]
    return section("Spectrum", "\n".join(filter(None, parts)))


def _exact_words(witness: Json | None) -> str:
    """What is said of the constant metric; where the samples have no other, its spectrum is theirs."""
    if witness is None:
        return ""
    bounds = zip(witness.get("lower") or [], witness.get("upper") or [])
    is_exact = all(a is None or b is None or b - a <= 1e-9 * abs(b) for a, b in bounds)
    return page_text.WITNESS_EXPLAINED + (" " + page_text.EXACT_EXPLAINED if is_exact else "")


def _multiplets(spectral: Json) -> str:
    """Eigenvalues that belong together, by their mean, which is known better than each of them."""
    known = (spectral.get("constant_metric") or {}).get("eigenvalues") or []
    rows = []
    for multiplet in spectral.get("multiplets") or []:
        first, last = int(multiplet["first"]), int(multiplet["first"] + multiplet["count"]) - 1
        if first >= len(spectral["eigenvalues"]) or not is_number(multiplet.get("extrapolated")):
            continue
        limit = digits.measured(multiplet["extrapolated"], multiplet.get("error") if is_number(multiplet.get("error")) else None)
        cells = [f'<th scope="row">{first}{f"–{last}" if last > first else ""}</th>',
                 f'<td class="number">{limit}</td>', f"<td>{value(multiplet.get('method'))}</td>"]
        if known:
            cells.append(f'<td class="number">{_range_of(known[first:last + 1], last - first + 1)}</td>')
        rows.append(f"<tr>{''.join(cells)}</tr>")
    if not rows:
        return ""
    head = heads(["index"]) + heads(["mean, limit"], numbers=True) + heads(["by"])
    head += heads(["exact, constant metric"], numbers=True) if known else ""
    return table(head, "\n".join(rows), page_text.MULTIPLETS_EXPLAINED)


def _range_of(values: Sequence[float | None], count: int) -> str:
    """The exact eigenvalues of a multiplet: one number, or the ends; an ellipsis where the list ends before it."""
    numbers = [v for v in values if v is not None]
    if not numbers:
        return "–"
    low, high = number(min(numbers)), number(max(numbers))
    return (low if low == high else f"{low} to {high}") + (" …" if len(numbers) < count else "")


def _all_eigenvalues(spectral: Json) -> str:
    """The table of eigenvalues; a thicker line begins each group of near-equal ones."""
    limits, errors = spectral.get("extrapolated") or [], spectral.get("error") or []
    has_limits = any(v is not None for v in limits)
    largest = max(map(abs, spectral["eigenvalues"]))
    table_of: dict[str, list[Any]] = {"one graph" if has_limits and "quadrature" not in spectral else "λ": [
        _raw(float(v), largest, has_limits) for v in spectral["eigenvalues"]]}
    if has_limits:
        table_of["limit"] = [None if v is None else digits.measured(float(v), e)
                             for v, e in zip(limits, errors or [None] * len(limits))]
        if methods := _methods(spectral):
            table_of["by"] = methods
    elif any(v is not None for v in errors):
        table_of["error"] = [None if e is None else digits.power(float(e)) for e in errors]
    if any(v is not None for v in spectral.get("residual") or []):
        table_of["residual"] = [None if v is None else digits.power(float(v)) for v in spectral["residual"]]
    for key, title in page_text.WITNESS_COLUMNS.items():
        if (spectral.get("constant_metric") or {}).get(key):
            table_of[title] = spectral["constant_metric"][key]
    starts = {first for first, _ in groups(spectral["eigenvalues"])}
    rows = "\n".join(
        f'<tr{NEW_GROUP if i in starts else ""}><th scope="row">λ{str(i).translate(SUBSCRIPTS)}</th>'
        + "".join(f'<td class="number">{value(values[i])}</td>' for values in table_of.values()) + "</tr>"
        for i in range(len(spectral["eigenvalues"])))
    facts = {"method": "method", "n_points": "points", "k": "neighbours", "n_components": "connected parts",
             "zero_modes": "zero modes"}
    words = ", ".join(f"{what} {value(spectral[key])}" for key, what in facts.items() if key in spectral)
    return table(heads(["index"]) + heads(table_of, numbers=True), rows,
                 f"Smallest eigenvalues, dimensionless. {words}. Lines mark groups closer than 3 %; the bar of one eigenvalue "
                 f"holds its scatter within the group.")


def _raw(eigenvalue: float, largest: float, has_limit: bool) -> str:
    """With four digits where a limit stands beside it, since one graph is some per cent off; zero modes as what they are."""
    if abs(eigenvalue) < 1e-9 * largest:
        return digits.power(eigenvalue)
    return f"{eigenvalue:#.4g}" if has_limit else digits.plain(eigenvalue)


def _methods(spectral: Json) -> list[str | None]:
    """What the limit of each eigenvalue comes from; nothing where spectral.json does not say it."""
    methods: list[str | None] = [None] * len(spectral["eigenvalues"])
    for multiplet in spectral.get("multiplets") or []:
        first = int(multiplet["first"])
        for i in range(first, min(first + int(multiplet["count"]), len(methods))):
            if spectral["extrapolated"][i] is not None:
                methods[i] = multiplet.get("method")
    return methods if any(methods) else []


def graphs(tree: Json, details: Details, chart: charts.Chart | None) -> str:
    """The graphs that were solved, and the lists of neighbours where they were kept."""
    ladder = tree["spectral"].get("ladder")
    rungs = [rung for rung in ladder if isinstance(rung, dict)] if isinstance(ladder, list) else []
    parts = []
    if rungs:
        found = [key for key in RUNG_COLUMNS if any(is_number(rung.get(key)) for rung in rungs)]
        rows = [(["all points" if rung.get("part") == 0 else f"half {text(rung.get('part'))}"],
                 [rung.get(key) if is_number(rung.get(key)) else None for key in found]) for rung in rungs]
        parts.append(columns(["graph"], [RUNG_COLUMNS[key] for key in found], rows, page_text.GRAPHS_EXPLAINED))
    else:
        parts.append(paragraph(page_text.NO_LADDER))
    if details.graph and chart:
        words = page_text.NEIGHBORS_EXPLAINED.format(
            least=f"{details.graph['least_times']:,}", most=f"{details.graph['most_times']:,}", k=details.graph["k"],
            std=digits.power(details.graph["std_times"]))
        parts.append(grid([figure(chart, "Distances to neighbours", words)]))
    else:
        parts.append(paragraph(page_text.NO_GRAPH_FILE, "soft"))
    return section("Graphs", "\n".join(parts))


def eigenfunctions(functions: Eigenfunctions | None, tree: Json) -> str:
    """The first of them, each over two pairs of coordinates."""
    if functions is None:
        return section("Eigenfunctions", paragraph(page_text.NO_EIGENFUNCTIONS))
    blocks = []
    for at in range(functions.values.shape[1]):
        index = functions.first + at
        plots = "".join(f"<figure>{plot}</figure>" for plot, _ in charts.eigenfunction_charts(functions, at))
        found = tree["spectral"]["eigenvalues"][index:index + 1]
        eigenvalue = f", λ = {number(found[0])} of one graph" if found else ""
        blocks.append(f"<h3>f{str(index).translate(SUBSCRIPTS)}{eigenvalue}</h3>\n<div class=\"pair\">{plots}</div>")
    scale = "".join(f'<span class="swatch f{i}"></span>' for i in range(charts.CLASSES))
    words = page_text.EIGENFUNCTIONS_EXPLAINED.format(shown=f"{len(functions.values):,}", all=f"{functions.n_points:,}")
    shown = paragraph(words) + f'<p class="soft">−max {scale} +max</p>\n' + "\n".join(blocks[:2])
    more = folded(f"{len(blocks) - 2} more", "\n".join(blocks[2:])) if len(blocks) > 2 else ""
    return section("Eigenfunctions", shown + more)
