# SPDX-License-Identifier: Apache-2.0
"""README.md stays short, links lead somewhere, and the commands that the documents show have options that exist."""

from __future__ import annotations

import os
import re
import subprocess
import unittest
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from pages import DOCS, PAGES, README, anchors, code, links, words_of
from run_folder import PYTHON, ROOT, TOOLS

BIN = Path(os.environ.get("K7_BIN_DIR", ROOT / "build" / "bin"))
LONGEST_README = 900  # words, as `wc -w` counts them

PROGRAM = re.compile(r"(?:.*/)?(k7_[a-z]+)")
OPTION = re.compile(r"(--?[A-Za-z][\w-]*)(?:=.*)?", re.DOTALL)


def link_defect(page: Path, target: str) -> str:
    """What is wrong with a link of a page; empty if nothing is."""
    name, _, anchor = target.partition("#")
    file = (page.parent / unquote(name)).resolve() if name else page
    if not file.exists():
        return f"{page.name}: {target}: there is no {file}"
    if anchor and unquote(anchor) not in anchors(file.read_text(encoding="utf-8")):
        return f"{page.name}: {target}: {file.name} has no heading with this anchor"
    return ""


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


VARIABLE = re.compile(
    r"""getenv\("(\w+)"\)|setenv\("(\w+)"|set_default\("(\w+)"|environ(?:\.get\(|\[)"(\w+)"|\b(?P<own>[A-Z]\w+)=\$\{(?P=own)\b""")


def variables() -> set[str]:
    """The environment variables that programs, tools, jobs and tests look at or set."""
    folders = [ROOT / "src", TOOLS, ROOT / "jobs", ROOT / "tests"]
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file() and file.suffix not in (".h5", ".pyc")]
    texts = [file.read_text(encoding="utf-8", errors="ignore") for file in files]
    found = {name for text in texts for match in VARIABLE.finditer(text) for name in match.groups() if name}
    return found - {"LD_LIBRARY_PATH"}


class Documents(unittest.TestCase):
    def test_readme_is_short(self) -> None:
        words = len(README.read_text(encoding="utf-8").split())

        self.assertLessEqual(words, LONGEST_README, "move something to docs/")

    def test_the_index_leads_to_every_page(self) -> None:
        index = DOCS / "README.md"
        named = {(DOCS / target.partition("#")[0]).resolve() for target in links(index.read_text(encoding="utf-8"))}

        pages = [page for page in DOCS.glob("*.md") if page != index]
        self.assertEqual([page.name for page in pages if page not in named], [])
        self.assertIn(index, {(ROOT / target).resolve() for target in links(README.read_text(encoding="utf-8"))})

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


    def test_generated_parts_are_those_of_the_programs(self) -> None:
        done = subprocess.run([str(TOOLS / "make_docs"), "--check", "--bin", str(BIN)], capture_output=True, text=True,
                              timeout=120, check=False)

        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_environment_variables_are_explained(self) -> None:
        page = (DOCS / "options.md").read_text(encoding="utf-8")
        named = set(re.findall(r"`([A-Z][A-Z0-9_a-z]+)`", page))

        self.assertGreater(len(variables()), 15, "variables are no longer recognised")
        self.assertEqual(variables() - named, set())


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
