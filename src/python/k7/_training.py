# SPDX-License-Identifier: Apache-2.0
"""Training."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import numpy as np

from . import _calls
from ._arrays import whole
from ._models import Model


@dataclass(frozen=True)
class Training:
    """How a training ended. Its folder is a run folder: k7_report and the programs take it."""

    stop: str  #: finished, early, signal or not_finite
    epochs: int
    best_loss: float
    seconds: float  #: of all parts of the run
    device: str
    out: Path
    training: dict[str, Any]  #: what train.json says of it

    def model(self, **options: Any) -> Model:
        """The model with the best loss."""
        return Model(self.out / "best.h5", **options)

    def history(self) -> np.ndarray:
        """history.csv: a row for each epoch, with named columns."""
        return np.genfromtxt(self.out / "history.csv", delimiter=",", names=True)


def train(preset: str = "neck", callback: Optional[Callable[[int, float], Any]] = None, comm: Any = None, *,
          threads: int = 0, progress: Optional[bool] = None, **options: Any) -> Training:
    """Learns the 3-form phi of a G2-structure, as k7_train does, data-parallel over the ranks of `comm`.

    callback(epoch, loss) is called after every epoch; training ends after a checkpoint when it returns True on any rank.
    The options are those of k7_train, with _ for -: epochs=800, hidden=[64, 64], out="outputs/mine". `transport` is its
    --comm. Ctrl-C ends training after a checkpoint too; the same call goes on from there, unless resume="never"."""
    with _calls.started(comm) as address:

        def arguments() -> tuple[dict[str, Any], int]:
            given = {name: os.fspath(value) if isinstance(value, os.PathLike) else value
                     for name, value in options.items()}
            return {"preset": str(preset), **given}, whole("threads", threads, 0)

        given, count = _calls.agreed(address, arguments)
        library = _calls.model_library()
        listener = _calls.Listener(address, progress, callback)
        result = library.train(given, count, address, listener)
        listener.finish()
        return Training(result["stop"], result["epochs"], result["best_loss"], result["seconds"], result["device"],
                        Path(result["out"]), json.loads(result["training"]))
