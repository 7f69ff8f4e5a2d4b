# SPDX-License-Identifier: Apache-2.0
"""How the library is called: one call at a time, on a communicator, with what it tells shown while it runs."""

from __future__ import annotations

import atexit
import importlib
import importlib.abc
import importlib.machinery
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional, TypeVar

from . import _spectral
from ._errors import InputError, LibraryError

T = TypeVar("T")

_lock = threading.RLock()  # PETSc, and MPI as it is started here, take one call at a time


@contextmanager
def started(comm: Any) -> Iterator[int]:
    """Starts MPI and PETSc if nobody has; gives the address of an mpi4py communicator, 0 for this process alone."""
    with _lock:
        _start()
        yield _address(comm)


_started = False


def _start() -> None:
    global _started
    if _started:
        return
    _spectral.start()
    atexit.register(_spectral.finish)
    _started = True
    core = _spectral.better_blas_core()
    if core:
        warnings.warn(f"OpenBLAS has taken a slow kernel; set OPENBLAS_CORETYPE={core} before Python starts",
                      RuntimeWarning, stacklevel=5)


def _address(comm: Any) -> int:
    if comm is None:
        return 0
    mpi = sys.modules.get("mpi4py.MPI")
    if mpi is None or not isinstance(comm, mpi.Intracomm) or comm == mpi.COMM_NULL:
        raise InputError(f"comm: is {comm!r}; a communicator of mpi4py is needed, or None for this process alone")
    if mpi.Get_library_version().rstrip("\0 \n") != _spectral.mpi_library().rstrip("\0 \n"):
        raise LibraryError(f"comm: mpi4py uses {_first_words(mpi.Get_library_version())}, and K7 "
                           f"{_first_words(_spectral.mpi_library())}; build mpi4py with the MPI that K7 has")
    return int(mpi._addressof(comm))


def _first_words(version: str) -> str:
    return version.split(",")[0].strip()


def agreed(address: int, make: Callable[[], T]) -> T:
    """Runs what checks arguments. What one rank refuses, all of them refuse, so that none waits for it."""
    try:
        result, error = make(), None
    except Exception as caught:  # pylint: disable=broad-except
        result, error = None, caught
    text = "" if error is None else str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
    try:
        _spectral.agree(address, text)
    except InputError as refusal:
        raise refusal from (None if isinstance(error, InputError) else error)
    return result  # type: ignore[return-value]


class Listener:
    """Shows what the library tells on sys.stderr, passes epochs to a callback, and keeps warnings until the end."""

    def __init__(self, address: int, show: Optional[bool], callback: Optional[Callable[[int, float], Any]] = None):
        is_root = _spectral.comm_rank(address) == 0
        self._shows = is_root and (_is_watched() if show is None else show)
        self._warns = is_root
        self._callback = callback
        self._stop = False
        self._drawn = 0.0
        self._has_bar = False
        self._warnings: list[str] = []

    def info(self, line: str) -> None:
        if self._shows:
            self._clear()
            print(line, file=sys.stderr, flush=True)

    def warn(self, line: str) -> None:
        self._warnings.append(line)

    def progress(self, label: str, done: int, total: int, note: str) -> None:
        now = time.monotonic()
        if not self._shows or (now - self._drawn < 0.2 and done < total):
            return
        self._drawn = now
        share = done / total if total else 1.0
        print(f"\r{label} [{'#' * int(28 * share):.<28}] {100 * share:3.0f}%  {note}  ", end="", file=sys.stderr,
              flush=True)
        self._has_bar = True
        if done >= total:
            self._clear()

    def epoch(self, number: int, loss: float) -> None:
        if self._callback is not None and self._callback(number, loss) is True:
            self._stop = True

    def stop_requested(self) -> bool:
        return self._stop

    def finish(self) -> None:
        """Gives the warnings, where Python may make errors of them."""
        self._clear()
        if self._warns:
            for line in self._warnings:
                warnings.warn(line, RuntimeWarning, stacklevel=3)

    def _clear(self) -> None:
        if self._has_bar:
            print("\r" + " " * 79 + "\r", end="", file=sys.stderr, flush=True)
            self._has_bar = False


def _is_watched() -> bool:
    """Whether somebody reads along: in a notebook, or at a terminal."""
    return "ipykernel" in sys.modules or bool(getattr(sys.stderr, "isatty", lambda: False)())


# ---- LibTorch ----


def model_library() -> Any:
    """The module with LibTorch in it, loaded when it is first wanted."""
    name = f"{__package__}._model"
    if name not in sys.modules:
        other = _other_torch()
        if other:
            raise LibraryError(f"{other} is loaded, and K7 needs the LibTorch in {_spectral.torch_folder}; two of them "
                               "cannot be in one process: use K7's models in a process that does not import torch")
        importlib.import_module(name)
        sys.meta_path.insert(0, _TorchGuard())
    return sys.modules[name]


def _is_other(library: Path) -> bool:
    return library.resolve().parent != Path(_spectral.torch_folder).resolve()


def _other_torch() -> str:
    """A LibTorch in this process that is not the one that K7 was built with; empty where there is none."""
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        paths = {line.split(maxsplit=5)[5].strip() for line in maps if "libtorch_cpu.so" in line}
    return next((path for path in sorted(paths) if _is_other(Path(path))), "")


class _TorchGuard(importlib.abc.MetaPathFinder):
    """Refuses an `import torch` that would bring a second LibTorch, which ends in a crash."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        if fullname != "torch":
            return
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        folder = Path(spec.origin).parent / "lib" if spec is not None and spec.origin else Path()
        if any(_is_other(library) for library in folder.glob("libtorch_cpu.so*")):
            raise ImportError(f"torch: {folder} and the LibTorch of K7 in {_spectral.torch_folder} cannot be in one "
                              "process, and K7's is loaded; use torch in another process")
