# SPDX-License-Identifier: Apache-2.0
"""Several runs on one page: lambda_1 with bars, loss curves, timings, and the options in which they differ."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Sequence

import numpy as np

from . import __version__, charts, markup, page_text, results
from .errors import InputError
from .inputs import Json, is_number
from .lambda1 import Estimate, judged_estimate
from .markup import figure, grid, paragraph, section, text, value
from .results import RunData
from .series import excess
from .svg import Plot, legend

PAGE = "comparison.html"
MOST_RUNS = 24  # more do not fit a picture
COLOURS = 7  # classes s1 ... s7 of the page; further runs begin anew
IGNORED = ("out", "resume", "checkpoint-every", "log-every", "config", "quiet", "verbose", "eigenvectors", "graph", "model",
           "samples")  # options that say where files are and not what is computed


def read_runs(folders: Sequence[Path]) -> list[RunData]:
    """Reads and checks all runs. Raises InputError at the first that is bad, or where there are too few or too many."""
    if not 2 <= len(folders) <= MOST_RUNS:
        raise InputError("--compare", f"has {len(folders)} run folders", f"give 2 to {MOST_RUNS}")
    return [results.read_run(folder) for folder in folders]


def check_output(out: Path, runs: Sequence[RunData]) -> None:
    """Raises InputError where the page would take the place of a file of one of the runs."""
    names = (results.TRAIN, results.HISTORY, results.SPECTRAL, results.SAMPLES, results.MODEL)
    if any(out.resolve() == (run.folder / name).resolve() for run in runs for name in names):
        raise InputError(out, "is a file of one of the runs", "choose another name", "--out")


def names_of(runs: Sequence[RunData]) -> list[str]:
    """The folders' own names, longer where they are not different."""
    paths = [run.folder.resolve() for run in runs]
    for depth in range(1, max(len(path.parts) for path in paths) + 1):
        names = ["/".join(path.parts[-depth:]) for path in paths]
        if len(set(names)) == len(set(paths)):
            break
    return [name if names.count(name) == 1 else f"{name} ({i + 1})" for i, name in enumerate(names)]


def render(runs: Sequence[RunData]) -> str:
    """The page."""
    names, trees = names_of(runs), [results.build(run) for run in runs]
    sections = [
        f'<header><h1>K7 comparison of {len(runs)} runs</h1>\n<p class="soft">Written {text(trees[-1]["metadata"]["timestamp"])} '
        f"by k7_report {__version__}. Each run's own page is in its folder, by k7_report DIR.</p></header>",
        _lambda1(names, trees), _losses(names, runs), _timings(names, trees), _options(names, trees),
    ]
    return markup.document("K7 comparison", sections)


def summary(runs: Sequence[RunData]) -> str:
    """One line for each run, for a terminal."""
    lines = []
    for run in runs:
        tree = results.build(run)
        found = judged_estimate(tree)
        bar = f" +- {found.bar:.2g}" if found.bar > 0 else ""
        lines.append(f"{run.folder}: lambda_1 = {found.value:.6g}{bar}, {tree['validation']['status']}")
    return "\n".join(lines)


def _lambda1(names: Sequence[str], trees: Sequence[Json]) -> str:
    found = [judged_estimate(tree) for tree in trees]
    rows = []
    for name, tree, e in zip(names, trees, found):
        loss = (tree["training"] or {}).get("best_loss")
        words = results.judged_words(tree).name.removeprefix("λ₁").strip(" ()")
        rows.append(f'<tr><th scope="row">{text(name)}</th><td class="number">{e.text}</td>'
                    f'<td class="number">{e.times(tree["constants"]["H_star"])}</td><td>{text(tree["validation"]["status"])}</td>'
                    f'<td class="remark">{text(words)}</td><td class="number">{value(tree["metric"]["n_samples"])}</td>'
                    f'<td class="number">{value(loss)}</td></tr>')
    head = markup.heads(["run"]) + markup.heads(["λ₁", "λ₁·H*"], True) + markup.heads(["verdict", "from"])
    head += markup.heads(["points", "best loss"], True)
    named = [Estimate(_short(name), e.value, e.low, e.high, is_judged=False) for name, e in zip(names, found)]
    targets = {tree["spectral"]["target"] / tree["constants"]["H_star"] for tree in trees}
    target = targets.pop() if len(targets) == 1 else math.nan
    chart = charts.lambda1_chart(named, target)
    return section("λ₁", grid([figure(chart, "λ₁ by run", page_text.COMPARED_LAMBDA1)])
                   + markup.table(head, "\n".join(rows), page_text.COMPARED_TABLE))


def _short(name: str) -> str:
    """A name for the margin of a plot."""
    return name if len(name) <= 18 else "…" + name[-17:]


def _losses(names: Sequence[str], runs: Sequence[RunData]) -> str:
    """One line for each run: above the best constants where all know them, otherwise the loss itself."""
    trained = [(name, run) for name, run in zip(names, runs) if run.history is not None]
    if not trained:
        return section("Training", paragraph(page_text.COMPARED_NO_TRAINING))
    above = [excess(run) for _, run in trained]
    is_excess = all(above)
    lines = []
    for (name, run), parts in zip(trained, above):
        assert run.history is not None
        values = parts.get("validation", parts["loss"]) if is_excess else run.history["loss"]
        lines.append((name, run.history["epoch"], values))
    positive = np.concatenate([values[np.isfinite(values) & (values > 0)] for _, _, values in lines])
    if not len(positive):
        return section("Training", paragraph(page_text.COMPARED_NO_LOSS))
    title = "loss − best constants" if is_excess else "loss"
    last = max(float(epochs[-1]) for _, epochs, _ in lines)
    low, high = float(positive.min()), float(positive.max())
    plot = Plot("Training of the runs", (0.0, max(last, 1.0)), (low / 1.3, high * 1.3), "epoch", title, log_y=True, whole_x=True)
    keys = []
    for number, (name, epochs, values) in enumerate(lines):
        colour = f"s{number % COLOURS + 1}"
        plot.line(epochs, values, colour)
        shown = np.flatnonzero(np.isfinite(values) & (values > 0))
        if len(shown):  # a dot at its end, for a short run beside long ones
            plot.point(float(epochs[shown[-1]]), float(values[shown[-1]]), colour, name)
        keys.append(("line", colour, name))
    words = page_text.COMPARED_EXCESS if is_excess else page_text.COMPARED_LOSS
    return section("Training", grid([figure((plot.svg(), legend(keys)), "Loss by run", words)]))


def _timings(names: Sequence[str], trees: Sequence[Json]) -> str:
    """Seconds of every stage, one column for each run."""
    rows: dict[str, list[Any]] = {}
    for number, tree in enumerate(trees):
        found = {f"k7_{program} {key[:-2].replace('_', ' ')}": item for program, timing in tree["timing"].items()
                 for key, item in (timing or {}).items() if key.endswith("_s") and not key.endswith("_per_s") and is_number(item)}
        for key, item in found.items():
            rows.setdefault(key, [None] * len(trees))[number] = f"{item:.3g}"
    machine = {"ranks": "ranks", "threads": "threads per rank", "device": "device", "blas": "BLAS"}
    extra = {words: [tree["parallel"].get(key) for tree in trees] for key, words in machine.items()}
    return section("Timings", _by_run(names, rows, "Seconds of wall-clock time.") + _by_run(names, extra, "Where they ran."))


def _options(names: Sequence[str], trees: Sequence[Json]) -> str:
    """The options that are not the same in all runs."""
    flat = [dict(markup.flat({program: options for program, options in tree["options"].items() if options})) for tree in trees]
    keys = list(dict.fromkeys(key for options in flat for key in options if key.rsplit(".", 1)[-1] not in IGNORED))
    rows = {key: [options.get(key) for options in flat] for key in keys}
    differing = {key: row for key, row in rows.items() if any(item != row[0] for item in row)}
    if not differing:
        return section("Options", paragraph(page_text.COMPARED_SAME_OPTIONS))
    return section("Options", _by_run(names, differing, page_text.COMPARED_OPTIONS))


def _by_run(names: Sequence[str], rows: dict[str, list[Any]], caption: str) -> str:
    """A table with one column for each run."""
    body = "\n".join(f'<tr><th scope="row">{text(key)}</th>' + "".join(f"<td>{value(item)}</td>" for item in row) + "</tr>"
                     for key, row in rows.items())
    return markup.table(markup.heads([""]) + markup.heads([text(name) for name in names]), body, caption)
