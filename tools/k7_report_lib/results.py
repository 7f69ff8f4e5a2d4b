# SPDX-License-Identifier: Apache-2.0
"""The verdict, the checks that the files of a run folder belong together, and the tree of results.json."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from . import __version__, inputs, samples
from .errors import InputError
from .inputs import History, Json
from .samples import DetStatistics

# Names inside a run folder.
TRAIN, HISTORY, SPECTRAL, SAMPLES, MODEL = "train.json", "history.csv", "spectral.json", "samples.h5", "best.h5"
RESULTS, FIGURE, PAGE = "results.json", "results.png", "results.html"

PASSED_BELOW_PERCENT = 5.0
PARTIAL_BELOW_PERCENT = 15.0
AGREEMENT = 1e-5  # relative; files may carry six digits, and a metric may be float32
GROUP_GAP = 0.03  # neighbours closer than this fraction are drawn as one group

SECTIONS_OF_TRAIN = ("model", "training")
SECTIONS_OF_SPECTRAL = ("metric", "spectral", "validation")
COMMON_SECTIONS = ("metadata", "constants")


@dataclass(frozen=True)
class Verdict:
    """lambda_1 H* against its prediction; dimensionless, the deviation in percent."""

    product: float
    deviation_percent: float
    status: str


@dataclass(frozen=True)
class RunData:
    """Everything that a report shows of one run folder; train and history are both None without training."""

    folder: Path
    train: Json | None
    history: History | None
    spectral: Json
    det: DetStatistics

    @property
    def constants(self) -> Json:
        """Topological constants; those of spectral.json go first, for the verdict was computed with them."""
        return ((self.train or {}).get("constants", {})) | self.spectral["constants"]

    @property
    def is_torsion(self) -> bool:
        """Whether the metric was trained with the torsion objective."""
        return self.history is not None and self.history.is_torsion

    def option(self, name: str) -> float | None:
        """An option of k7_train as a number, where train.json has it and it is one; true and false are 1 and 0."""
        try:
            return float(self.train["options"][name]) if self.train else None
        except (KeyError, TypeError, ValueError):
            return None

    @property
    def wants_det(self) -> bool:
        """Whether the training asked for the target of det g, by a weight or by construction."""
        asked = [self.option(name) for name in ("lambda-det", "impose-det", "condition-bound")]
        return not self.is_torsion or asked[0] is None or any(asked)

    @property
    def frame_factor(self) -> float:
        """det g of the sample file, in the manifold's frame, over det g of the training, in the scaled coframe."""
        if self.train is None or self.train["options"].get("manifold") != "s1xs3xs3":
            return 1.0
        r = self.train["model"].get("radii", [1.0, 1.0, 1.0])
        return float((r[0] * r[1] ** 3 * r[2] ** 3) ** 2)


def status_of(deviation_percent: float) -> str:
    """The notebook's three words."""
    if deviation_percent < PASSED_BELOW_PERCENT:
        return "PASSED"
    return "PARTIAL" if deviation_percent < PARTIAL_BELOW_PERCENT else "NEEDS_REFINEMENT"


def verdict(lambda_1: float, h_star: float, target: float) -> Verdict:
    """The notebook's rule: |lambda_1 H* - target| / target in percent, and its status."""
    product = lambda_1 * h_star
    deviation = abs(product - target) / abs(target) * 100
    return Verdict(product, deviation, status_of(deviation))


def read_run(folder: Path) -> RunData:
    """Reads and checks a run folder.

    Raises InputError naming the file, and key, row or dataset, that is missing, wrong, or contradicts another.
    """
    check_folder(folder)
    _require(folder / SPECTRAL, f"make it with: k7_spectral {folder / SAMPLES} -o {folder / SPECTRAL}")
    _require(folder / SAMPLES, f"make it with: k7_sample --model {folder / MODEL} -o {folder / SAMPLES}")
    train, history = _read_training(folder)
    spectral = inputs.read_spectral(folder / SPECTRAL)
    check_verdict(folder / SPECTRAL, spectral)
    det = samples.det_statistics(folder / SAMPLES)
    if "quadrature" not in spectral["spectral"]:  # otherwise its metric is that of other points, by intention
        check_metric(folder / SPECTRAL, spectral["metric"], det)
    return RunData(folder, train, history, spectral, det)


def check_folder(folder: Path) -> None:
    """Raises InputError unless `folder` is a folder."""
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "is missing"
        raise InputError(folder, problem, "give the run folder that k7_train --out and k7_spectral -o wrote to")


def _require(path: Path, remedy: str) -> None:
    if not path.exists():
        raise InputError(path, "is missing", remedy)


def _read_training(folder: Path) -> tuple[Json | None, History | None]:
    """train.json and history.csv, both or neither, and whether they tell the same story."""
    train_path, history_path = folder / TRAIN, folder / HISTORY
    if not train_path.exists() and not history_path.exists():
        return None, None
    for path, other in ((train_path, HISTORY), (history_path, TRAIN)):
        _require(path, f"{other} is there, so either run k7_train again or remove {other} to report without training")
    train, history = inputs.read_train(train_path), inputs.read_history(history_path)
    check_training(train_path, train["training"], history)
    return train, history


def check_training(path: Path, training: Json, history: History) -> None:
    """Raises InputError where train.json and history.csv disagree on length, last loss or last torsion."""
    if training["epochs"] != len(history):
        raise InputError(path, f"is {training['epochs']} and {HISTORY} has {len(history)} rows",
                         "both should come from one run of k7_train", "key training.epochs")
    pairs = [("final_loss", "loss"), ("final_torsion", "torsion")]
    if history.is_torsion:
        pairs += [(name, name) for name in ("torsion_closed", "torsion_coclosed") if training.get(name) is not None]
    for key, column in pairs:
        last = float(history[column][-1])
        if not _agree(training[key], last):
            raise InputError(path, f"is {training[key]:.9g} and the last row of {HISTORY} has {last:.9g}",
                             "both should come from one run of k7_train", f"key training.{key}")


def check_verdict(path: Path, spectral: Json) -> None:
    """Raises InputError where product, deviation, status or `passed` do not follow from lambda_1, H* and target.

    The status is that of the limit where validation.basis says so, otherwise that of the graph's lambda_1.
    """
    part, validation, constants = spectral["spectral"], spectral["validation"], spectral["constants"]
    if not _agree(part["target"], constants["lambda1_target"]):
        _contradiction(path, "spectral.target", part["target"],
                       f"constants.lambda1_target is {constants['lambda1_target']}")
    accepted, recipe = _check_product(path, "spectral", part, spectral)
    if validation.get("basis") == "limit":
        accepted, recipe = _check_product(path, "spectral.limit", part["limit"], spectral)
    if validation["status"] not in accepted:
        _contradiction(path, "validation.status", validation["status"], f"{recipe} {accepted[0]}")
    if validation["passed"] != (validation["status"] == "PASSED"):
        _contradiction(path, "validation.passed", validation["passed"],
                       f"validation.status is {validation['status']}")


def _check_product(path: Path, section: str, judged: Json, spectral: Json) -> tuple[list[str], str]:
    """The statuses that the judged lambda_1 allows, and how it is said what gives them."""
    part, h_star = spectral["spectral"], spectral["constants"]["H_star"]
    expected = verdict(judged["lambda_1"], h_star, part["target"])
    recipe = f"lambda_1 = {judged['lambda_1']:.9g}, H_star = {h_star:g} and target = {part['target']:g} give"
    for key, value in (("lambda1_times_Hstar", expected.product), ("deviation_percent", expected.deviation_percent)):
        if not _agree(judged[key], value):
            _contradiction(path, f"{section}.{key}", judged[key], f"{recipe} {value:.9g}")
    status = status_of(judged["deviation_percent"])  # at a threshold, digits lost in the file must not decide
    return [_capped(word, part) for word in (status, expected.status)], recipe


def _capped(status: str, spectral: Json) -> str:
    """No more than PARTIAL where k7_spectral says that the eigensolver did not converge."""
    return "PARTIAL" if status == "PASSED" and not spectral.get("converged", True) else status


def check_metric(path: Path, metric: Json, det: DetStatistics) -> None:
    """Raises InputError where spectral.json was not computed from the samples beside it."""
    remedy = f"run k7_spectral again on this {SAMPLES}"
    if metric["n_samples"] != det.n_samples:
        raise InputError(path, f"is {metric['n_samples']} and {SAMPLES} has {det.n_samples} rows", remedy,
                         "key metric.n_samples")
    scale = max(abs(det.minimum), abs(det.maximum))
    for key, value in (("det_mean", det.mean), ("det_min", det.minimum), ("det_max", det.maximum)):
        if abs(metric[key] - value) > AGREEMENT * scale:
            raise InputError(path, f"is {metric[key]:.9g} and {SAMPLES} gives {value:.9g}", remedy,
                             f"key metric.{key}")


def _agree(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=AGREEMENT, abs_tol=1e-6)


def _contradiction(path: Path, key: str, value: Any, reason: str) -> None:
    shown = f"{value:.9g}" if inputs.is_number(value) else value
    raise InputError(path, f"is {shown} but {reason}", "run k7_spectral again", f"key {key}")


def groups(eigenvalues: list[float]) -> list[tuple[int, int]]:
    """Splits ascending eigenvalues into groups (first, last) whose neighbours are closer than GROUP_GAP.

    The gap is relative to the larger neighbour, or to a millionth of the largest eigenvalue for zero modes.
    """
    floor = 1e-6 * max(abs(value) for value in eigenvalues)
    starts = [0]
    for i in range(1, len(eigenvalues)):
        gap = abs(eigenvalues[i] - eigenvalues[i - 1])
        if gap >= GROUP_GAP * max(abs(eigenvalues[i]), floor):
            starts.append(i)
    return [(first, following - 1) for first, following in zip(starts, [*starts[1:], len(eigenvalues)])]


def build(data: RunData) -> Json:
    """The tree of results.json: the notebook's keys, K7's additions, and whatever else the programs wrote."""
    train = data.train
    tree: Json = {"metadata": _metadata(data), "constants": data.constants}
    tree["model"] = train["model"] if train else None
    tree["training"] = _training(train["training"]) if train else None
    tree.update({name: data.spectral[name] for name in SECTIONS_OF_SPECTRAL})
    tree["files"] = _files(data.folder)
    known = (*COMMON_SECTIONS, *SECTIONS_OF_TRAIN, *SECTIONS_OF_SPECTRAL, "files")
    per_program = ["timing", "parallel", "options"]
    per_program += [name for name in (*(train or {}), *data.spectral) if name not in (*known, *per_program)]
    for name in dict.fromkeys(per_program):
        tree[name] = {"train": train.get(name) if train else None, "spectral": data.spectral.get(name)}
    tree["parallel"] = _where(data) | tree["parallel"]
    return tree


@dataclass(frozen=True)
class JudgedWords:
    """How the judged lambda_1 is called, by what it comes from."""

    summary: str  # after "lambda_1 H*" on a terminal
    name: str  # on the page
    explained: str = ""


# By validation.basis and validation.method; older files have no method.
JUDGED_WORDS = {
    ("limit", "graph"): JudgedWords(
        " of the graphs' limit k, N -> infinity", "λ₁ (limit of graphs, k, N → ∞)",
        "It comes from graphs of the samples, whose λ₁ was extrapolated to infinitely many neighbours and points."),
    ("limit", "ritz"): JudgedWords(
        " by Rayleigh-Ritz", "λ₁ (Rayleigh–Ritz)",
        "It comes from Rayleigh–Ritz: the least energy that smooth functions on the whole manifold can have, averaged "
        "over the samples. Nothing was extrapolated in k and N; the bar holds what the samples and the functions leave "
        "open."),
    ("limit", "quadrature"): JudgedWords(
        " by Rayleigh-Ritz on the model", "λ₁ (Rayleigh–Ritz on the model)",
        "It comes from Rayleigh–Ritz: the least energy that smooth functions on the whole manifold can have, integrated "
        "by quadrature rules, for which the model's metric is known everywhere. No samples were needed; the bar holds "
        "what the rules and the functions leave open."),
    ("limit", "both"): JudgedWords(
        " between graphs and Rayleigh-Ritz", "λ₁ (graphs and Rayleigh–Ritz disagree)",
        "The limit of graphs of the samples and Rayleigh–Ritz on smooth functions differ by more than their bars, and "
        "the bar shown covers both."),
    ("limit", None): JudgedWords(" of the limit k, N -> infinity", "λ₁ (limit k, N → ∞)"),
    ("graph", "graph"): JudgedWords(
        " of one graph", "λ₁ (one graph)", "It is that of one graph of the samples, not extrapolated."),
    ("graph", "notebook"): JudgedWords(" of the notebook's matrix", "λ₁ (the notebook's matrix)"),
}


def judged_words(tree: Json) -> JudgedWords:
    """What to call the judged value; without a word where nothing is known of its origin."""
    validation = tree["validation"]
    basis = validation.get("basis")
    method = "quadrature" if "quadrature" in tree["spectral"] else validation.get("method")
    return JUDGED_WORDS.get((basis, method), JUDGED_WORDS.get((basis, None), JudgedWords("", "λ₁")))


def judged(tree: Json) -> Json:
    """lambda_1, its product with H* and the deviation that the verdict is about: those of the limit where it judged that."""
    spectral = tree["spectral"]
    if tree["validation"].get("basis") == "limit":
        return spectral["limit"]
    error = (spectral.get("error") or [None, None])[1]
    return {"error": error} | {key: spectral[key] for key in ("lambda_1", "lambda1_times_Hstar", "deviation_percent")}


def _where(data: RunData) -> Json:
    """The five keys of "parallel" that stand on top: those of the training, or of the spectrum where there was none."""
    source = data.spectral.get("parallel", {}) | ((data.train or {}).get("parallel") or {})
    return {key: source.get(key) for key in ("ranks", "threads", "device", "comm", "blas")}


def _training(training: Json) -> Json:
    """The training section, with null for the two torsion parts where k7_train did not write them."""
    return training | {key: training.get(key) for key in ("torsion_closed", "torsion_coclosed")}


def _metadata(data: RunData) -> Json:
    return {
        "timestamp": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "program": "k7_report",
        "version": __version__,
        "train": data.train["metadata"] if data.train else None,
        "spectral": data.spectral["metadata"],
    }


def _files(folder: Path) -> Json:
    """Names of the run's files that exist, or will once this report is written."""
    names = {"model": MODEL, "samples": SAMPLES, "history": HISTORY, "figure": FIGURE, "page": PAGE}
    return {key: name for key, name in names.items() if name in (FIGURE, PAGE) or (folder / name).exists()}
