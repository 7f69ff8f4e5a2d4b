# SPDX-License-Identifier: Apache-2.0
"""What goes wrong. The texts are those of the programs: one line, with what would be right."""

from __future__ import annotations


class Error(Exception):
    """Any failure of K7. With a communicator every rank raises the same one."""


class InputError(Error, ValueError):
    """An argument, an array or a file that does not fit."""


class NumericalError(Error, ArithmeticError):
    """Numbers that are not finite, or do not converge."""


class InternalError(Error, RuntimeError):
    """A bug, or a machine that has no more to give."""


class LibraryError(Error, ImportError):
    """A library that is not there, or cannot be in one process with another."""


class Stopped(Error):
    """Another rank was interrupted, or its callback has failed."""
