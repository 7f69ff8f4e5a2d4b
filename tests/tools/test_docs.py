# SPDX-License-Identifier: Apache-2.0
"""README.md stays short, links lead somewhere, and the commands that the documents show have options that exist."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import unittest
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from run_folder import PYTHON, ROOT, TOOLS

BIN = Path(os.environ.get("K7_BIN_DIR", ROOT / "build" / "bin"))
LONGEST_README = 900  # words, as `wc -w` counts them
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

FENCE = re.compile(r"^(```+)[^\n]*\n(.*?)^\1[ ]*$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^ {4}.*\n)+", re.MULTILINE)
SPAN = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)")
HEADING = re.compile(r"^#{1,6} +(.*?) *#* *$", re.MULTILINE)
PROGRAM = re.compile(r"(?:.*/)?(k7_[a-z]+)")
OPTION = re.compile(r"(--?[A-Za-z][\w-]*)(?:=.*)?", re.DOTALL)


def prose(text: str) -> str:
    """A page without its blocks of code."""
    return INDENTED.sub("", FENCE.sub("", text))


def anchors(text: str) -> set[str]:
    """Of a page's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in HEADING.findall(FENCE.sub("", text)):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        name = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        copies = 1
        unique = name
        while unique in found:
            unique = f"{name}-{copies}"
            copies += 1
        found.add(unique)
    return found


def links(text: str) -> list[str]:
    """Relative ones, pictures included."""
    targets: list[str] = LINK.findall(SPAN.sub("", prose(text)))
    return [target for target in targets if not re.match(r"[a-z][a-z+.-]*:", target)]


def link_defect(page: Path, target: str) -> str:
    """What is wrong with a link of a page; empty if nothing is."""
    name, _, anchor = target.partition("#")
    file = (page.parent / unquote(name)).resolve() if name else page
    if not file.exists():
        return f"{page.name}: {target}: there is no {file}"
    if anchor and unquote(anchor) not in anchors(file.read_text(encoding="utf-8")):
        return f"{page.name}: {target}: {file.name} has no heading with this anchor"
    return ""


def code(text: str) -> list[str]:
    """Lines of a page's blocks of code, continued ones joined, and its code within sentences."""
    blocks = [match[2] for match in FENCE.finditer(text)] + INDENTED.findall(FENCE.sub("", text))
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return lines + [" ".join(match[2].split()) for match in SPAN.finditer(prose(text))]


def words_of(line: str) -> list[str]:
    """As a shell reads them; output with a quote in it has no words."""
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return []


def commands(text: str) -> list[tuple[str, list[str]]]:
    """Each K7 program that a page's code starts, with the options it gets, long or short. A program stands first in
    its line, or behind mpirun or srun and what belongs to them. What follows `--` is for PETSc and SLEPc."""
    found = []
    for line in code(text):
        words = words_of(line.strip().removeprefix("$ "))
        place = next((i for i, word in enumerate(words) if PROGRAM.fullmatch(word)), None)
        if place is None or (place > 0 and words[0] not in ("mpirun", "srun")):
            continue
        own = words[place + 1 :]
        own = own[: own.index("--")] if "--" in own else own
        program = PROGRAM.fullmatch(words[place])
        assert program is not None
        found.append((program[1], [match[1] for match in map(OPTION.fullmatch, own) if match]))
    return found


@lru_cache(maxsize=None)
def known_options(program: str) -> frozenset[str]:
    """All that a program's --help names where it lists its options."""
    start = [PYTHON, str(TOOLS / program)] if (TOOLS / program).exists() else [str(BIN / program)]
    if not Path(start[-1]).exists():
        raise AssertionError(f"{start[-1]} is not there; build K7, or set K7_BIN_DIR")
    done = subprocess.run([*start, "--help"], capture_output=True, text=True, timeout=60, check=True)
    listed = re.findall(r"^ +(-[^ ,]*(?:, ?-[^ ,]*)*(?: [A-Z]+, --?[a-z-]+)*)", done.stdout, re.MULTILINE)
    return frozenset(name for names in listed for name in re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", names))


def option_defects(page: str, text: str) -> list[str]:
    """The options of a page's commands that their programs do not have."""
    return [f"{page}: {program} has no option {option}" for program, options in commands(text)
            for option in options if option not in known_options(program)]


class Documents(unittest.TestCase):
    def test_readme_is_short(self) -> None:
        words = len(README.read_text(encoding="utf-8").split())

        self.assertLessEqual(words, LONGEST_README, "move something to docs/")

    def test_readme_leads_to_every_page(self) -> None:
        named = {(ROOT / target.partition("#")[0]).resolve() for target in links(README.read_text(encoding="utf-8"))}

        self.assertEqual([page.name for page in PAGES[1:] if page not in named], [])

    def test_links_lead_somewhere(self) -> None:
        for page in PAGES:
            with self.subTest(page.name):
                targets = links(page.read_text(encoding="utf-8"))
                self.assertEqual([defect for t in targets if (defect := link_defect(page, t))], [])

    def test_options_of_commands_exist(self) -> None:
        shown = 0
        for page in PAGES:
            text = page.read_text(encoding="utf-8")
            shown += sum(len(options) for _, options in commands(text))
            with self.subTest(page.name):
                self.assertEqual(option_defects(page.name, text), [])
        self.assertGreater(shown, 40, "commands are no longer recognised")


class Checks(unittest.TestCase):
    """What the tests above would find."""

    def test_anchors_are_those_of_github(self) -> None:
        text = "# `graph`, and λ₁·H\\*\n\ntext\n\n## A  b_c-d!\n\n```sh\n# no heading\n```\n\n## Twice\n## Twice\n"

        self.assertEqual(anchors(text), {"graph-and-λ₁h", "a--b_c-d", "twice", "twice-1"})

    def test_links_that_lead_nowhere(self) -> None:
        text = ("[a](docs/none.md) ![b](docs/quick.png) [c](docs/files.md#exit-codes) [d](docs/files.md#none)\n"
                "[e](#none) [f](https://example.org/none) `[g](none)`\n")

        defects = [link_defect(README, target) for target in links(text)]

        self.assertEqual([bool(defect) for defect in defects], [True, False, False, True, True])
        self.assertIn("docs/none.md", defects[0])

    def test_options_that_do_not_exist(self) -> None:
        text = ("Say `k7_train --no-such` or `--this`, `x k7_train --not-a-command`.\n\n"
                "```sh\n"
                "mpirun -n 4 --oversubscribe k7_spectral s.h5 -k 30 -q9 \\\n  --methods ritz -- -eps_view\n"
                "build/bin/k7_sample --points=5 -N 5 --number=5   # --comment\n"
                "tools/k7_report outputs --quiet --loud\n"
                "```\n\n    k7_torsion --fields a.h5 --row -1\n")

        self.assertEqual(option_defects("page", text),
                         ["page: k7_spectral has no option -q9", "page: k7_spectral has no option --methods",
                          "page: k7_sample has no option --number", "page: k7_report has no option --loud",
                          "page: k7_torsion has no option --row", "page: k7_train has no option --no-such"])

    def test_help_is_read_whole(self) -> None:
        self.assertLessEqual({"-k", "--neighbors", "--extrapolate", "--no-extrapolate", "-h", "--help"},
                             known_options("k7_spectral"))
        self.assertLessEqual({"--images", "--no-images", "--impose-det", "--lambda-trace"}, known_options("k7_train"))
        self.assertNotIn("-eps_monitor", known_options("k7_spectral"))


if __name__ == "__main__":
    unittest.main()
