# SPDX-License-Identifier: Apache-2.0
"""Messages that docs/faq.md quotes are those of the sources, and those about set-up are all quoted."""

from __future__ import annotations

import re
import unittest
from functools import lru_cache
from typing import Iterable

from pages import DOCS, indented
from run_folder import ROOT, TOOLS

FAQ = DOCS / "faq.md"
# Of other programs, as they print them.
FOREIGN = (
    'Could not find a package configuration file provided by "Torch"',
    "No package 'petsc' found",
    "mpirun has detected an attempt to run as root.",
    "There are not enough slots available in the system to satisfy the",
)
# Whose refusals are about set-up: each of them stands in the page.
OF_SET_UP = ("src/parallel/gpus.cpp", "src/model/device.cpp", "src/parallel/gradient_reducer.cpp", "src/cli/memory_limit.cpp",
             "src/io/folder_lock.cpp", "src/io/unopened_file.cpp", "src/apps/model_metric.cpp",
             "src/spectral/cloud/free_ends.cpp")

SCRIPTS_OF_SET_UP = ("tools/install_dependencies", "tools/steps.sh", "tools/build_cuda_stack")
REFUSAL = re.compile(r'fail "([^"]*[;,?][^"]*)"')  # with a remedy

LITERAL = r'"(?:\\.|[^"\\\n])*"'
NEIGHBORS = re.compile(rf"{LITERAL}(?:\s*(?://[^\n]*\n\s*)?{LITERAL})*")


def literals(text: str) -> list[str]:
    """The texts of a C++ source, those that stand side by side as one."""
    directives = re.sub(r"^[ \t]*#.*$", "", text, flags=re.MULTILINE)
    return ["".join(part[1:-1] for part in re.findall(LITERAL, group)).replace('\\"', '"')
            for group in NEIGHBORS.findall(directives)]


@lru_cache(maxsize=None)
def sources() -> str:
    """Every text of the programs, the tools and the build."""
    files = [*(ROOT / "src").rglob("*.cpp"), *(ROOT / "src").rglob("*.hpp")]
    texts = [text for file in files for text in literals(file.read_text(encoding="utf-8"))]
    scripts = [file for file in TOOLS.rglob("*") if file.is_file() and file.suffix in ("", ".sh", ".py", ".cmake")]
    return "\n".join([*texts, *(file.read_text(encoding="utf-8", errors="ignore") for file in scripts)])


def quoted(text: str) -> list[str]:
    """The messages that a page quotes, one a line."""
    return [line.strip() for block in indented(text) for line in block.splitlines() if line.strip()]


def fixed_parts(message: str) -> list[str]:
    """What of a message is the same whenever it is printed: `...` stands for the rest, and a remedy may be added to a
    text that stands elsewhere."""
    parts = [part.strip() for piece in message.split("...") for part in piece.split("; ")]
    return [part for part in parts if part]


def unknown(messages: Iterable[str], known: str) -> list[str]:
    """The messages of which a part is in no source."""
    return [message for message in messages if not all(part in known for part in fixed_parts(message))]


def unmentioned(texts: Iterable[str], messages: Iterable[str]) -> list[str]:
    """Refusals, texts with a remedy, of which the page quotes nothing."""
    parts = [part for message in messages for part in fixed_parts(message) if len(part) >= 20]
    refusals = [text for text in texts if len(text) >= 30 and ("; " in text or ": " in text) and " " in text.strip()]
    return [text for text in refusals if not any(part in text for part in parts)]


class Messages(unittest.TestCase):
    def test_quoted_messages_are_those_of_the_sources(self) -> None:
        messages = quoted(FAQ.read_text(encoding="utf-8"))

        self.assertGreater(len(messages), 30, "messages are no longer recognised")
        self.assertEqual(unknown(messages, sources() + "\n" + "\n".join(FOREIGN)), [])

    def test_messages_about_set_up_are_quoted(self) -> None:
        messages = quoted(FAQ.read_text(encoding="utf-8"))
        for file in OF_SET_UP:
            with self.subTest(file):
                texts = literals((ROOT / file).read_text(encoding="utf-8"))
                self.assertEqual(unmentioned(texts, messages), [])


    def test_messages_of_scripts_are_quoted(self) -> None:
        messages = quoted(FAQ.read_text(encoding="utf-8"))
        for file in SCRIPTS_OF_SET_UP:
            texts = [text for text in REFUSAL.findall((ROOT / file).read_text(encoding="utf-8")) if "--help" not in text]
            with self.subTest(file):
                self.assertGreater(len(texts), 0)
                self.assertEqual([text for text in texts if not any(
                    part in text for message in messages for part in fixed_parts(message) if len(part) >= 15)], [])


class Checks(unittest.TestCase):
    """What the tests above would find."""

    SOURCE = '#include "none.hpp"\nfail(path + ": is not here; "\n     "look there, or " + name + " elsewhere");\n'

    def test_texts_of_a_source(self) -> None:
        self.assertEqual(literals(self.SOURCE), [": is not here; look there, or ", " elsewhere"])

    def test_messages_that_nobody_prints(self) -> None:
        known = "\n".join(literals(self.SOURCE))

        self.assertEqual(unknown(["is not here; look there, or ... elsewhere", "is not there; look there"], known),
                         ["is not there; look there"])

    def test_messages_that_are_not_quoted(self) -> None:
        texts = ["no GPU is there at all; take the CPU", "short; one"]

        self.assertEqual(unmentioned(texts, ["something else that is long enough"]), texts[:1])
        self.assertEqual(unmentioned(texts, ["no GPU is there at all; take"]), [])


if __name__ == "__main__":
    unittest.main()
