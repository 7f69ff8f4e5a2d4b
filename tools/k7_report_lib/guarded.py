# SPDX-License-Identifier: Apache-2.0
"""Reading of files that may be damaged or hostile: regular files only, and HDF5 in a child process."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import signal
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable

from .errors import InputError, from_os_error

TEXT_LIMIT = 256 << 20  # bytes of a JSON or CSV file; a million epochs take less
CHILD_MEMORY = 2 << 30  # more address space than blocks and HDF5's caches take
SILENT_SECONDS = 30  # of processor time that the reader of HDF5 may take for one block
ANSWER_LIMIT = 1 << 20  # bytes that a reader may answer
LFS_POINTER = b"version https://git-lfs.github.com/spec/"  # how a file begins that Git LFS has not fetched

_in_child = False


def open_regular(path: Path) -> int:
    """A descriptor of a regular file. A pipe, socket or device is refused and never waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:  # what open() says of a socket
            raise _not_regular(path) from error
        raise from_os_error(error, path, "read") from error
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise from_os_error(IsADirectoryError(errno.EISDIR, "folder"), path, "read")
    raise _not_regular(path)


def _not_regular(path: Path) -> InputError:
    return InputError(path, "is a pipe, socket or device", "give a regular file")


def check_regular(path: Path) -> None:
    """Raises InputError unless `path` is a regular file that this user may read, and no stand-in of Git LFS."""
    with open(open_regular(path), "rb") as stream:
        try:
            beginning = stream.read(len(LFS_POINTER))
        except OSError as error:
            raise from_os_error(error, path, "read") from error
    if beginning == LFS_POINTER:
        raise InputError(path, "is a Git LFS pointer, not the file itself", "run git lfs pull in its repository")


def read_bytes(path: Path) -> bytes:
    """The whole of a text file. Raises InputError if it is larger than any that K7 writes."""
    with open(open_regular(path), "rb") as stream:
        try:
            content = stream.read(min(TEXT_LIMIT, os.fstat(stream.fileno()).st_size) + 1)
        except OSError as error:
            raise from_os_error(error, path, "read") from error
    if len(content) > TEXT_LIMIT:
        raise InputError(path, f"is larger than {TEXT_LIMIT >> 20} MiB", "should be as K7's programs write it")
    return content


def allow_more_time() -> None:
    """Starts the processor time of the reader anew; called for each block, so that a long file may take long."""
    if _in_child:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        soft = int(usage.ru_utime + usage.ru_stime) + SILENT_SECONDS + 1
        resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def read_hdf5(path: Path, reader: Callable[[], Any]) -> Any:
    """What `reader` returns, which must be JSON, from a child process of its own.

    HDF5 can crash or loop on a damaged file, and then only the child ends. The answer is JSON, for a damaged child's
    bytes must be harmless. Raises InputError as `reader` does, or if the file ends the child.
    """
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receiving)
        _answer(sending, reader)
    os.close(sending)
    status: int | None = None
    try:
        with open(receiving, "rb") as stream:
            answer = stream.read(ANSWER_LIMIT)
        status = os.waitpid(child, 0)[1]
    finally:
        if status is None:  # SIGTERM or Ctrl-C: leave no reader behind
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return _result(path, status, answer)


def _answer(sending: int, reader: Callable[[], Any]) -> None:
    """The child's whole life; it never returns."""
    global _in_child
    try:
        _in_child = True
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _end_with_parent()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + CHILD_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
        allow_more_time()
        try:
            answer = {"value": reader()}
        except InputError as error:
            answer = {"refused": str(error)}
        except Exception as error:  # h5py has many kinds for what damage does
            answer = {"damaged": type(error).__name__}
        with open(sending, "wb") as stream:
            stream.write(json.dumps(answer).encode())
        os._exit(0)
    finally:
        os._exit(3)


def _end_with_parent() -> None:
    """Asks Linux to end this process when its parent ends, however that ends; elsewhere it ends by itself, later."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, int(signal.SIGKILL))  # 1: PR_SET_PDEATHSIG


def _result(path: Path, status: int, answer: bytes) -> Any:
    remedy = "write it again"
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
        raise InputError(path, "is damaged: the HDF5 library does not come to an end with it", remedy)
    try:
        content = json.loads(answer) if status == 0 else None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise InputError(path, "is damaged: reading it crashes the HDF5 library", remedy)
    if "refused" in content:
        raise InputError.from_line(str(content["refused"]))
    if "value" not in content:
        raise InputError(path, f"is damaged: the HDF5 library cannot read it ({content.get('damaged')})", remedy)
    return content["value"]
