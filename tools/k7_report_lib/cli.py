# SPDX-License-Identifier: Apache-2.0
"""What the Python programs share on the command line: one-line usage errors, -v/-q, exit codes."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from typing import Callable, NoReturn, Sequence

from . import __version__
from .errors import InputError, one_line

EXIT_DONE = 0
EXIT_BAD_INPUT = 2
EXIT_SIGTERM = 128 + signal.SIGTERM

EXIT_CODES_TEXT = """exit codes:
  0  done
  1  internal error (a bug)
  2  bad usage or bad input: one line on stderr says what is wrong and what would be right; nothing is written
"""


class OneLineParser(argparse.ArgumentParser):
    """An ArgumentParser whose usage errors are one line and exit code 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_BAD_INPUT, one_line(f"{self.prog}: error: {message}; see {self.prog} --help") + "\n")


def make_parser(prog: str, description: str, epilog: str) -> OneLineParser:
    """A parser with `--version`, `-v` and `-q`; the epilog is followed by the exit codes."""
    parser = OneLineParser(prog=prog, description=description, epilog=epilog + "\n" + EXIT_CODES_TEXT,
                           formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"{prog} {__version__}")
    loudness = parser.add_mutually_exclusive_group()
    loudness.add_argument("-v", "--verbose", action="store_true", help="say on stderr what is being done")
    loudness.add_argument("-q", "--quiet", action="store_true", help="print nothing but errors")
    return parser


def run_main(parser: OneLineParser, body: Callable[[argparse.Namespace], None],
             arguments: Sequence[str] | None = None) -> int:
    """Parses the command line, runs `body`, and turns InputError into one line and exit code 2.

    Any other exception is a bug and leaves with Python's traceback and exit code 1. SIGTERM unwinds the stack, so
    that temporary files are removed.
    """
    options = parser.parse_args(arguments)
    _set_loudness(parser.prog, options)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_SIGTERM))
    try:
        body(options)
    except InputError as error:
        print(f"{parser.prog}: error: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    return EXIT_DONE


def _set_loudness(prog: str, options: argparse.Namespace) -> None:
    """Sends the log of this package to stderr and keeps libraries quiet below errors."""
    level = logging.INFO if options.verbose else logging.ERROR if options.quiet else logging.WARNING
    logging.basicConfig(stream=sys.stderr, level=logging.ERROR, format=f"{prog}: %(message)s")
    logging.getLogger(__package__).setLevel(level)
