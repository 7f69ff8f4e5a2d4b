# SPDX-License-Identifier: Apache-2.0
"""The results as a page in Markdown."""

from __future__ import annotations

from typing import Any, Optional


def number(value: Optional[float], unit: str = "") -> str:
    return "-" if value is None else f"{value:.3g}{unit}"


def percent(value: Optional[float]) -> str:
    return "-" if value is None else f"{100 * value:.0f} %"


def cell(text: object) -> str:
    """Text that does not end its cell."""
    return str("-" if text is None else text).replace("|", "\\|").replace("\n", " ")


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *rows)] + [""]


def page(tree: dict[str, Any]) -> str:
    device, counts = tree["device"], tree["counts"]
    lines = [f"# K7 on {device['name'] or 'this machine'}: {tree['verdict']}", "",
             f"{counts['passed']} tests passed, {counts['failed']} failed, {counts['skipped']} skipped, {counts['left out']} left out; "
             f"{tree['used_s']:.0f} s of {tree['budget_s']:.0f} s used, {tree['timestamp']}.", "", "## Machine", ""]
    lines += table(["what", "value"], [[name.replace("_", " "), cell(value)] for part in ("device", "versions")
                                       for name, value in tree[part].items()])
    lines += ["## Tests", ""]
    lines += table(["program", "ranks", "test", "outcome", "seconds", "reason"],
                   [[cell(test["program"]), str(test["ranks"]), cell(test["name"]), test["outcome"], f"{test['seconds']:.2f}",
                     cell(test["reason"])] for test in tree["tests"]])
    lines += ["## Training", "", "Floating-point operations are those of the matrix products of a step.", ""]
    lines += table(["batch", "step", "points/s", "TFLOP/s", "of the peak", "host MiB", "GPU MiB", "problem"],
                   [[str(run["batch"]), number(run["step_s"], " s"), number(run["points_per_s"]), number(run["tflops"]),
                     percent(run["share_of_peak"]), number(run["host_memory_mib"]), number(run["device_memory_mib"]),
                     cell(run["problem"])] for run in tree["training"]])
    lines += ["## Spectra", "", "Bandwidth is what products with the matrix must move at least, in the time that they take.", ""]
    lines += table(["points", "eigensolve", "whole run", "products", "GB/s", "of the peak", "host MiB", "GPU MiB", "problem"],
                   [[str(run["points"]), number(run["eigensolve_s"], " s"), number(run["total_s"], " s"), cell(run["products"]),
                     number(run["bandwidth_gbs"]), percent(run["share_of_bandwidth"]), number(run["host_memory_mib"]),
                     number(run["device_memory_mib"]), cell(run["problem"])] for run in tree["spectra"]])
    return "\n".join(lines)
