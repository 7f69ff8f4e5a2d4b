# SPDX-License-Identifier: Apache-2.0
"""The one exception for everything that a user can put right."""

from __future__ import annotations

import os
from pathlib import Path


class InputError(Exception):
    """Bad input or a folder that cannot be written: one line, exit code 2.

    `str()` gives `<file>[: <where>]: <problem>; <remedy>` on one line whatever the parts hold.
    """

    def __init__(self, file: Path | str, problem: str, remedy: str, where: str = "") -> None:
        location = f"{file}: {where}" if where else f"{file}"
        super().__init__(one_line(f"{location}: {problem}; {remedy}"))

    @classmethod
    def from_line(cls, line: str) -> InputError:
        """The error whose whole line is known, as a child process reports it."""
        error = cls("", "", "")
        error.args = (one_line(line),)
        return error


def one_line(text: str) -> str:
    """Collapses line breaks, tabs and runs of blanks; shows other unprintable characters as escapes."""
    collapsed = " ".join(text.split())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in collapsed)


def shown(value: object, limit: int = 80) -> str:
    """A short, printable form of a user's value for a message: quoted, control characters escaped, cut."""
    text = repr(value[: limit + 1] if isinstance(value, (str, bytes)) else value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def from_os_error(error: OSError, file: Path | str, action: str) -> InputError:
    """Turns a failed system call on `file` into an InputError; `action` is `read` or `written`."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    remedies = {
        "read": "give a file that this user may read",
        "written": "give a folder on a disk with free space that this user may write to",
    }
    return InputError(file, f"cannot be {action} ({reason})", remedies[action])
