# SPDX-License-Identifier: Apache-2.0
"""Reads and checks `train.json`, `spectral.json` and `history.csv` of a run folder."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import numpy as np

from .errors import InputError, shown
from .guarded import read_bytes

Json = dict[str, Any]
Check = tuple[str, Callable[[Any], bool]]  # what would be right, whether a value is

HISTORY_COLUMNS = ("epoch", "loss", "torsion", "det", "norm", "smooth", "det_mean", "lr", "grad_norm")
OPTIONAL_COLUMNS = ("validation",)  # may be absent, and not finite where an epoch has none
TORSION_COLUMNS = ("torsion_closed", "torsion_coclosed", "trace", "gauge", "positive")  # more for --objective torsion
STATUSES = ("PASSED", "PARTIAL", "NEEDS_REFINEMENT")


@dataclass(frozen=True)
class History:
    """The training history; every column is (epochs,) float64, dimensionless."""

    columns: dict[str, np.ndarray]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    def __len__(self) -> int:
        return len(self.columns["epoch"])

    @property
    def is_torsion(self) -> bool:
        """Whether the torsion objective was trained, which knows the two parts of the torsion."""
        return TORSION_COLUMNS[0] in self.columns


def is_number(value: Any) -> bool:
    """Whether a JSON value is a number that float64 holds; true and false are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return is_number(value) and float(value).is_integer()


def _all(value: Any, accept: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and all(accept(entry) for entry in value)


NUMBER: Check = ("a number", is_number)
POSITIVE: Check = ("a positive number", lambda v: is_number(v) and v > 0)
NON_ZERO: Check = ("a number other than 0", lambda v: is_number(v) and v != 0)
COUNT: Check = ("a positive integer", lambda v: _is_integer(v) and v > 0)
INTEGER: Check = ("an integer", _is_integer)
TEXT: Check = ("a string", lambda v: isinstance(v, str))
BOOLEAN: Check = ("true or false", lambda v: isinstance(v, bool))
OBJECT: Check = ("an object {...}", lambda v: isinstance(v, dict))
STATUS: Check = (f"one of {', '.join(STATUSES)}", lambda v: v in STATUSES)
NUMBER_OR_NULL: Check = ("a number or null", lambda v: v is None or is_number(v))
NUMBERS: Check = ("an object of numbers or nulls",
                  lambda v: isinstance(v, dict) and all(map(NUMBER_OR_NULL[1], v.values())))
NUMBERS_OR_NULL: Check = (f"{NUMBERS[0]}, or null", lambda v: v is None or NUMBERS[1](v))
SPECTRUM: Check = ("an array of two or more numbers", lambda v: _all(v, is_number) and len(v) > 1)
PER_EIGENVALUE: Check = ("null or an array of numbers and nulls", lambda v: v is None or _all(v, NUMBER_OR_NULL[1]))

CONSTANTS: dict[str, Check] = {
    "constants": OBJECT, "constants.dim": INTEGER, "constants.b2": INTEGER, "constants.b3": INTEGER,
    "constants.H_star": POSITIVE, "constants.dim_G2": INTEGER, "constants.det_g_target": POSITIVE,
    "constants.lambda1_target": NON_ZERO, "constants.tcs_ratio": NUMBER,
}
FRAME: dict[str, Check] = {"metadata": OBJECT, "timing": OBJECT, "parallel": OBJECT, "options": OBJECT}

TRAIN_KEYS: dict[str, Check] = FRAME | CONSTANTS | {
    "model": OBJECT, "model.architecture": TEXT, "model.n_parameters": COUNT, "model.activation": TEXT,
    "training": OBJECT, "training.epochs": COUNT, "training.final_loss": NUMBER, "training.best_loss": NUMBER,
    "training.final_torsion": NUMBER,
}
TRAIN_OPTIONAL_KEYS: dict[str, Check] = {
    "training.torsion_closed": NUMBER_OR_NULL, "training.torsion_coclosed": NUMBER_OR_NULL,
    "model.radii": ("an array of three positive numbers from 1e-20 to 1e20",
                    lambda v: _all(v, lambda r: is_number(r) and 1e-20 <= r <= 1e20) and len(v) == 3),
    "training.best_epoch": INTEGER, "training.stopped": TEXT,
    "training.left_invariant": NUMBERS_OR_NULL, "training.best_form": OBJECT,
}
# Of the report on the best form; those with "mean" and "max", and those with "min" as well. All may be absent.
BEST_FORM_RANGES = ("norm2_dphi", "norm2_dpsi", "norm2_tau0", "norm2_tau1", "norm2_tau2", "norm2_tau3", "det_g",
                    "trace_g_over_7", "cond_g")
BEST_FORM_NUMBERS = ("points", "positive_fraction", "volume")
SPECTRAL_KEYS: dict[str, Check] = FRAME | CONSTANTS | {
    "metric": OBJECT, "metric.n_samples": COUNT, "metric.det_mean": NUMBER, "metric.det_std": NUMBER,
    "metric.det_min": NUMBER, "metric.det_max": NUMBER,
    "spectral": OBJECT, "spectral.eigenvalues": SPECTRUM, "spectral.lambda_0": NUMBER, "spectral.lambda_1": NUMBER,
    "spectral.lambda1_times_Hstar": NUMBER, "spectral.target": NON_ZERO, "spectral.deviation_percent": NUMBER,
    "validation": OBJECT, "validation.passed": BOOLEAN, "validation.status": STATUS,
}
SPECTRAL_OPTIONAL_KEYS: dict[str, Check] = {
    "spectral.method": TEXT, "spectral.error": PER_EIGENVALUE, "spectral.extrapolated": PER_EIGENVALUE,
    "spectral.residual": PER_EIGENVALUE, "spectral.n_components": INTEGER, "spectral.k": INTEGER,
    "spectral.n_points": INTEGER, "spectral.zero_modes": INTEGER,
    "spectral.converged": BOOLEAN,
    "validation.basis": ("graph or limit", lambda v: v in ("graph", "limit")),
    "validation.method": TEXT, "spectral.quadrature": OBJECT,
    "spectral.multiplets": ("an array of multiplets, each with first and count",
                            lambda v: isinstance(v, list) and all(map(_is_multiplet, v))),
}
# Of the constant metric near that of the samples, where there is one.
WITNESS_KEYS: dict[str, Check] = {"spectral.constant_metric": OBJECT} | {
    f"spectral.constant_metric.{name}": PER_EIGENVALUE for name in ("eigenvalues", "lower", "upper")}
# Of the limit that the verdict is about, where it is.
LIMIT_KEYS: dict[str, Check] = {
    "spectral.limit": OBJECT, "spectral.limit.lambda_1": NUMBER, "spectral.limit.error": NUMBER,
    "spectral.limit.lambda1_times_Hstar": NUMBER, "spectral.limit.deviation_percent": NUMBER,
}


def _is_multiplet(value: Any) -> bool:
    return (isinstance(value, dict) and all(INTEGER[1](value.get(key)) and value[key] >= 0 for key in ("first", "count"))
            and isinstance(value.get("method"), (str, type(None))))


def read_train(path: Path) -> Json:
    """The checked content of train.json. Raises InputError naming file and key."""
    content = _read_checked(path, TRAIN_KEYS, TRAIN_OPTIONAL_KEYS, "run k7_train again")
    form = content["training"].get("best_form", {})
    checks = dict.fromkeys(BEST_FORM_NUMBERS, NUMBER_OR_NULL) | dict.fromkeys((*BEST_FORM_RANGES, "exact"), NUMBERS)
    for name in checks.keys() & form.keys():
        _check_key(path, content, f"training.best_form.{name}", checks[name], "run k7_train again")
    return content


def read_spectral(path: Path) -> Json:
    """The checked content of spectral.json. Raises InputError naming file and key."""
    content = _read_checked(path, SPECTRAL_KEYS, SPECTRAL_OPTIONAL_KEYS, "run k7_spectral again")
    if content["validation"].get("basis") == "limit":
        for key, check in LIMIT_KEYS.items():
            _check_key(path, content, key, check, "run k7_spectral again")
    for name in ("error", "extrapolated", "residual"):
        _check_length(path, content["spectral"].get(name), content, f"spectral.{name}")
    if "constant_metric" in content["spectral"]:
        for key, check in WITNESS_KEYS.items():
            _check_key(path, content, key, check, "run k7_spectral again")
            if check is PER_EIGENVALUE:
                _check_length(path, content["spectral"]["constant_metric"][key.rsplit(".", 1)[1]], content, key)
    return content


def _check_length(path: Path, values: list[Any] | None, content: Json, key: str) -> None:
    """Raises InputError unless there are none, or as many as there are eigenvalues."""
    n_eigenvalues = len(content["spectral"]["eigenvalues"])
    if values and len(values) != n_eigenvalues:
        raise InputError(path, f"has {len(values)} entries and spectral.eigenvalues has {n_eigenvalues}",
                         "should have none or as many", f"key {key}")


def _read_checked(path: Path, keys: dict[str, Check], optional: dict[str, Check], remedy: str) -> Json:
    content = read_object(path, remedy)
    for key, check in keys.items():
        _check_key(path, content, key, check, remedy)
    for key, check in optional.items():
        section, name = key.split(".")
        if name in content[section]:
            _check_key(path, content, key, check, remedy)
    return content


def _check_key(path: Path, content: Json, key: str, check: Check, remedy: str) -> None:
    """Raises InputError unless the dotted key exists and holds the right kind of value; its parent was checked."""
    expected, accepts = check
    value: Any = content
    for name in key.split("."):
        if name not in value:
            raise InputError(path, "is missing", f"should be {expected}: {remedy}", f"key {key}")
        value = value[name]
    if not accepts(value):
        raise InputError(path, f"is {_json_text(value)}", f"should be {expected}", f"key {key}")


def read_object(path: Path, remedy: str) -> Json:
    """One JSON object with finite numbers only. Raises InputError naming line and column."""
    text = _read_text(path)
    try:
        content = json.loads(text, parse_constant=_refuse_number, parse_float=_finite, parse_int=_finite_integer)
    except json.JSONDecodeError as error:
        raise InputError(path, f"is not JSON ({error.msg})", remedy,
                         f"line {error.lineno}, column {error.colno}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(path, f"is not usable JSON ({error})", remedy) from error
    if not isinstance(content, dict):
        raise InputError(path, f"holds {_json_text(content)}", f"should hold one object {{...}}: {remedy}")
    return content


def _read_text(path: Path) -> str:
    try:
        return read_bytes(path).decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise InputError(path, f"is not UTF-8 text (byte {error.start})", "should be a text file") from error


def _refuse_number(text: str) -> float:
    raise ValueError(f"it holds the number {_cut(text)}, which is not finite")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse_number(text)


def _finite_integer(text: str) -> int:
    _finite(text)
    return int(text)


def _json_text(value: Any) -> str:
    """A JSON value as a user would recognise it in the file, cut short."""
    return shown(value).strip() if isinstance(value, str) else _cut(json.dumps(value))


def _cut(text: str, limit: int = 40) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."


def read_history(path: Path) -> History:
    """The training history, one row per epoch.

    Raises InputError naming the line (the header is line 1) and column that is missing, not finite, or out of order.
    The columns of the torsion objective are there together or not at all; further columns are accepted and left out.
    """
    rows = csv.reader(_read_text(path).splitlines())
    try:
        header = [name.strip() for name in next(rows, [])]
        names = HISTORY_COLUMNS + (TORSION_COLUMNS if TORSION_COLUMNS[0] in header else ())
        names += tuple(name for name in OPTIONAL_COLUMNS if header.count(name) == 1)
        positions = _column_positions(path, header, names)
        values = [_parse_row(path, rows.line_num, row, header, positions) for row in rows]
    except csv.Error as error:
        raise InputError(path, f"is not CSV ({error})", "run k7_train again", f"line {rows.line_num}") from error
    if not values:
        raise InputError(path, "has no rows", "should have one row per epoch: run k7_train again")
    table = np.array(values, dtype=np.float64)
    _check_epochs(path, table[:, 0])
    return History({name: table[:, i] for i, name in enumerate(names)})


def _column_positions(path: Path, header: list[str], names: tuple[str, ...]) -> dict[str, int]:
    for name in names:
        if header.count(name) != 1:
            problem = "is missing" if name not in header else "appears twice"
            raise InputError(path, problem, f"the header should be {','.join(names)}",
                             f"line 1, column {name}")
    return {name: header.index(name) for name in names}


def _parse_row(path: Path, line: int, row: list[str], header: list[str], positions: dict[str, int]) -> list[float]:
    if len(row) != len(header):
        raise InputError(path, f"has {len(row)} fields", f"should have {len(header)}, as the header", f"line {line}")
    return [_parse_field(path, line, name, row[at]) for name, at in positions.items()]


def _parse_field(path: Path, line: int, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) and name not in OPTIONAL_COLUMNS:
        raise InputError(path, f"is {shown(text)}", "should be a finite number", f"line {line}, column {name}")
    return value


def _check_epochs(path: Path, epochs: np.ndarray) -> None:
    """Epochs are integers that increase from row to row."""
    wrong = (epochs != np.floor(epochs)) | np.concatenate([[False], np.diff(epochs) <= 0])
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InputError(path, f"is {epochs[row]:g}", "should be an integer above the epoch before it",
                         f"line {row + 2}, column epoch")
