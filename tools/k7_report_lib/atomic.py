# SPDX-License-Identifier: Apache-2.0
"""Groups of files that appear whole or not at all: temporary name, flush, fsync, rename."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Iterable

from .errors import InputError, from_os_error


class AtomicGroup:
    """Several new files of one folder that replace their older versions together.

    Use as a context manager: `reserve` each file, write it (`fill`, or by hand under its temporary name), and call
    `commit` at the end. Leaving the block before `commit` removes every temporary file and leaves the older versions
    as they were. All files are complete on disk before the first is renamed; the renames follow in the order of
    reservation, so reserve the file that readers wait for last.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._temporaries: dict[Path, Path] = {}  # final name -> temporary name, in order of creation
        self._locks: list[int] = []  # descriptors; their locks say that this process lives

    def __enter__(self) -> AtomicGroup:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        for temporary in self._temporaries.values():
            with suppress(OSError):
                temporary.unlink()
        self._temporaries.clear()
        for descriptor in self._locks:
            os.close(descriptor)
        self._locks.clear()

    def reserve(self, name: str) -> Path:
        """Creates an empty temporary file for `folder/name` and returns its path.

        Raises InputError where `folder/name` is a folder or the temporary file cannot be created.
        """
        final = self.folder / name
        if final.is_dir():
            raise InputError(final, "is a folder, not a file", "move it away")
        remove_stale(self.folder, name)
        try:
            temporary = self._create_locked(name)
        except OSError as error:
            raise from_os_error(error, final, "written") from error
        self._temporaries[final] = temporary
        return temporary

    def _create_locked(self, name: str) -> Path:
        """A new empty file, locked. One that another process took for stale before the lock is made once more."""
        while True:
            temporary = self.folder / f".{name}.{secrets.token_hex(4)}.tmp"
            descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            with suppress(OSError):  # a file system without locks
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink > 0:
                self._locks.append(descriptor)
                return temporary
            os.close(descriptor)

    def reserve_all(self, names: Iterable[str]) -> None:
        """Reserves several files, so that a folder that refuses one of them is noticed before any work."""
        for name in names:
            self.reserve(name)

    def fill(self, name: str, content: bytes) -> None:
        """Writes the content of a reserved file. Raises InputError if the disk refuses it."""
        final = self.folder / name
        try:
            with self._temporaries[final].open("wb") as stream:
                stream.write(content)
                flush_to_disk(stream)
        except OSError as error:
            raise from_os_error(error, final, "written") from error

    def commit(self) -> None:
        """Renames every temporary file to its final name. Raises InputError if the system refuses a rename."""
        while self._temporaries:
            final, temporary = next(iter(self._temporaries.items()))
            try:
                os.replace(temporary, final)
            except OSError as error:
                raise from_os_error(error, final, "written") from error
            del self._temporaries[final]
        _sync_folder(self.folder)


def remove_stale(folder: Path, name: str) -> None:
    """Removes temporary files of `name` whose process ended without doing so: those whose lock is free."""
    pattern = re.compile(re.escape(f".{name}.") + r"[0-9a-f]{8}\.tmp")
    with suppress(OSError):
        for entry in os.listdir(folder):
            if pattern.fullmatch(entry):
                _remove_if_free(folder / entry)


def _remove_if_free(temporary: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(temporary, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            temporary.unlink()
        finally:
            os.close(descriptor)


def flush_to_disk(stream: BinaryIO) -> None:
    """Flushes Python's buffer and the system's cache of an open file."""
    stream.flush()
    os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    """Makes the renames durable; file systems that cannot sync a folder are left alone."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
