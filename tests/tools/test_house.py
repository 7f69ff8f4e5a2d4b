# SPDX-License-Identifier: Apache-2.0
"""Includes follow the arrows between rooms, folders form no circles, and programs, files and functions stay short."""

from __future__ import annotations

import re
import unittest
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Mapping, Optional

ROOT = Path(__file__).resolve().parents[2]

# What a room may include besides itself. The compiler finds only the headers of the rooms that a room links; this says
# which those may be, so that no new link turns an arrow.
BELOW_MODEL = {"g2", "io", "parallel", "geometry", "base"}
ARROWS: dict[str, set[str]] = {
    "base": set(),
    "parallel": {"base"},
    "geometry": {"base"},
    "io": {"parallel", "geometry", "base"},
    "g2": {"geometry", "base"},
    "model": BELOW_MODEL,
    "train": {"model", *BELOW_MODEL},
    "spectral": {"io", "parallel", "geometry", "base"},
    "cli": {"io", "parallel", "geometry", "base"},
}
ARROWS["python"] = set(ARROWS) - {"cli"}
ARROWS["apps"] = set(ARROWS) - {"python"}
INSTALLED = {"k7/version.hpp"}  # made when K7 is configured, and installed
GENERATED = {"build_values.hpp", "git_revision.hpp", *INSTALLED}

LONGEST_PROGRAM = 150  # lines
LONGEST_FILE = 500
LONGEST_FUNCTION = 80
LONG_FILES = {
    "src/io/hdf5_file.cpp": "every call of the HDF5 library and its locks stand in one place",
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.MULTILINE)
DIRECTIVE = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.MULTILINE)
ASIDE = re.compile(  # a comment or a literal; an apostrophe within a number is neither
    r"""//(?:\\\n|[^\n])*|/\*.*?\*/|R"([^(\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<!\w)'(?:\\.|[^'\\\n])+'""", re.DOTALL)
SCOPE = re.compile(r"(?:inline\s+)?namespace\b|(?:class|struct|union)\b(?!.*\)\s*(?:const\s*)?$)|extern\s*$", re.DOTALL)
PREFIX = re.compile(r"\s*(?:(?:public|private|protected)\s*:(?!:)|template\s*<(?:[^<>]|<(?:[^<>]|<[^<>]*>)*>)*>)\s*")


def sources() -> dict[str, str]:
    """Path and text of every C++ file of the libraries and programs."""
    files = [file for folder in ("src", "include") for file in sorted((ROOT / folder).rglob("*.[ch]pp"))]
    return {file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8") for file in files}


# --- rooms ---------------------------------------------------------------------------------------------------------


def place_of(path: str) -> list[str]:
    """Room, folders and name of a file or of what it includes."""
    parts = path.split("/")
    return parts[2:] if parts[:2] == ["include", "k7"] else parts[1:] if parts[0] in ("src", "k7") else parts


def own_includes(text: str) -> list[str]:
    """Those of this repository: in quotes, or k7/ in angle brackets."""
    return [path for mark, path in INCLUDE.findall(text) if mark == '"' or path.startswith("k7/")]


def arrow_defects(files: Mapping[str, str]) -> list[str]:
    """Includes against the arrows."""
    defects = []
    for file, text in files.items():
        room = place_of(file)[0]
        if room not in ARROWS:
            defects.append(f"{file}: no arrows are known of the room {room}")
            continue
        for path in own_includes(text):
            target = place_of(path)[0]
            if target not in ARROWS and path not in GENERATED:
                defects.append(f"{file}: {path} is in no room")
            elif path not in GENERATED and target != room and target not in ARROWS[room]:
                defects.append(f"{file}: {path} is not below {room}")
    return defects


def public_defects(files: Mapping[str, str]) -> list[str]:
    """Public headers that include what is not installed with them."""
    return [f"{file}: {path} is not public" for file, text in files.items() if file.startswith("include/")
            for path in own_includes(text) if not path.startswith("k7/") and path not in INSTALLED]


def folder_graphs(files: Mapping[str, str]) -> dict[str, dict[str, set[str]]]:
    """Per room, the folders in it and for each those that it includes."""
    graphs: dict[str, dict[str, set[str]]] = {}
    for file, text in files.items():
        room, *folders = place_of(file)[:-1]
        if not folders:
            continue
        targets = graphs.setdefault(room, {}).setdefault(folders[0], set())
        for path in own_includes(text):
            target = place_of(path)
            if target[0] == room and len(target) > 2 and target[1] != folders[0]:
                targets.add(target[1])
    return graphs


def circle(graph: Mapping[str, set[str]]) -> Optional[str]:
    """One way back to where it began."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return " <- ".join(error.args[1])
    return None


# --- lengths -------------------------------------------------------------------------------------------------------


def bare(text: str) -> str:
    """Code without comments, what literals say, and directives, on the lines where it was."""
    def blank(match: re.Match[str]) -> str:
        return "\n" * match[0].count("\n")

    return DIRECTIVE.sub(blank, ASIDE.sub(blank, text))


def closing(code: str, opening: int) -> int:
    """Where the brace that opens there is closed."""
    depth = 0
    for mark in re.compile(r"[{}]").finditer(code, opening):
        depth += 1 if mark[0] == "{" else -1
        if depth == 0:
            return mark.start()
    raise ValueError("a brace is not closed")


def without_prefix(head: str) -> str:
    """What stands before a brace, without access labels and template parameters."""
    while (prefix := PREFIX.match(head)) is not None:
        head = head[prefix.end():]
    return head.lstrip()


def functions(text: str) -> list[tuple[str, int, int]]:
    """Name, first line and number of lines of each function in a namespace or a class."""
    code = bare(text)
    found = []
    start = position = 0  # of what stands before the next brace, and where to go on
    while (mark := re.compile(r"[;{}]").search(code, position)) is not None:
        position = mark.end()
        head = without_prefix(code[start:mark.start()])
        if mark[0] != "{" or SCOPE.match(head):
            start = position
            continue
        position = closing(code, mark.start()) + 1
        # Braces within parentheses, and those of members in a constructor's list, belong to the head.
        if head.count("(") != head.count(")") or re.compile(r"\s*[,{]").match(code, position):
            continue
        name = re.search(r"([\w:~]+|operator\W+)\s*\(", head)
        if name is not None:
            first = mark.start() - len(head)
            found.append((name[1], code.count("\n", 0, first) + 1, code.count("\n", first, position) + 1))
        start = position
    return found


def function_defects(files: Mapping[str, str]) -> list[str]:
    return [f"{file}:{line}: {name} has {length} lines" for file, text in files.items()
            for name, line, length in functions(text) if length > LONGEST_FUNCTION]


def too_long(files: Mapping[str, str], longest: int) -> dict[str, int]:
    lengths = {file: len(text.splitlines()) for file, text in files.items()}
    return {file: length for file, length in lengths.items() if length > longest}


class Rooms(unittest.TestCase):
    def test_includes_follow_the_arrows(self) -> None:
        self.assertEqual(arrow_defects(sources()), [])

    def test_public_headers_include_only_public_ones(self) -> None:
        self.assertEqual(public_defects(sources()), [])

    def test_folders_form_no_circle(self) -> None:
        graphs = folder_graphs(sources())

        self.assertLessEqual({"cloud", "knn", "graph", "solve", "limit", "ritz", "witness"}, graphs["spectral"].keys())
        self.assertLessEqual({"loss", "optimizer"}, graphs["train"].keys())
        self.assertEqual({room: found for room, graph in graphs.items() if (found := circle(graph))}, {})


class Lengths(unittest.TestCase):
    def test_programs_are_short(self) -> None:
        programs = {file: text for file, text in sources().items() if place_of(file)[0] == "apps"}

        self.assertGreaterEqual(len(programs), 4)
        self.assertEqual(too_long(programs, LONGEST_PROGRAM), {}, "move something to a library")

    def test_files_are_short(self) -> None:
        found = too_long(sources(), LONGEST_FILE)

        self.assertEqual({file: length for file, length in found.items() if file not in LONG_FILES}, {})
        self.assertLessEqual(LONG_FILES.keys(), found.keys(), "no longer exceptions")

    def test_functions_are_short(self) -> None:
        files = sources()

        self.assertGreater(sum(len(functions(text)) for text in files.values()), 500, "functions are not recognised")
        self.assertEqual(function_defects(files), [])


class Checks(unittest.TestCase):
    """What the tests above would find."""

    def test_includes_against_the_arrows(self) -> None:
        files = {
            "src/io/a.cpp": '#include "io/a.hpp"\n#include "base/b.hpp"\n# include "model/c.hpp"\n#include <mpi.h>\n',
            "include/k7/geometry/d.hpp": '#include <k7/parallel/e.hpp>\n// #include "train/none.hpp"\n',
            "src/apps/f.cpp": '#include "k7/train/g.hpp"\n#include "spectral/h.hpp"\n#include "k7/version.hpp"\n',
            "src/cli/i.cpp": '#include "j.hpp"\n#include "apps/k.hpp"\n',
            "src/attic/l.cpp": "",
        }

        self.assertEqual(arrow_defects(files),
                         ["src/io/a.cpp: model/c.hpp is not below io",
                          "include/k7/geometry/d.hpp: k7/parallel/e.hpp is not below geometry",
                          "src/cli/i.cpp: j.hpp is in no room", "src/cli/i.cpp: apps/k.hpp is not below cli",
                          "src/attic/l.cpp: no arrows are known of the room attic"])

    def test_the_table_of_arrows_has_no_circle(self) -> None:
        self.assertIsNone(circle(ARROWS))

    def test_public_headers_that_are_not(self) -> None:
        files = {"include/k7/io/a.hpp": '#include <vector>\n#include "k7/base/b.hpp"\n#include "io/c.hpp"\n',
                 "src/io/c.hpp": '#include "io/d.hpp"\n'}

        self.assertEqual(public_defects(files), ["include/k7/io/a.hpp: io/c.hpp is not public"])

    def test_circles_of_folders(self) -> None:
        files = {"src/spectral/knn/a.cpp": '#include "spectral/knn/a.hpp"\n#include "spectral/graph/b.hpp"\n',
                 "src/spectral/graph/b.hpp": '#include "spectral/run.hpp"\n#include "spectral/solve/c.hpp"\n',
                 "src/spectral/run.hpp": '#include "spectral/knn/a.hpp"\n',
                 "src/train/loss/d.hpp": '#include "train/optimizer/e.hpp"\n'}
        self.assertEqual({room: circle(graph) for room, graph in folder_graphs(files).items()},
                         {"spectral": None, "train": None})

        files["src/spectral/solve/c.hpp"] = '#include "spectral/knn/a.hpp"\n'
        found = circle(folder_graphs(files)["spectral"])

        assert found is not None
        self.assertEqual(set(found.split(" <- ")), {"knn", "graph", "solve"})

    def test_functions_are_recognised(self) -> None:
        text = '''#include <array>
#define MACRO(x) \\
  { x
namespace k7 {
inline constexpr int table[] = {1'000, '{', sizeof("{(\\"")};  // {
/* { */ void declared(Options options = {});
enum class Kind { a, b };
template <class T, class V = std::vector<T>>
int first(T t) {
  if (t) { return 1; }
  const char* raw = R"({)";
  return 0;
}
class Thing : public Base<int> {
 public:
  Thing(int a) : Base<int>(std::vector<int>{a}), b_{a}, c_{} {
    call();
  }
  bool operator==(const Thing& other) const { return b_ == other.b_; }

 private:
  struct Part {
    int size() const {
      return 1;
    }
  };
  int b_{0};
  std::array<int, 1> c_ = {1};
};
}  // namespace k7
auto k7::Thing::last(struct Part* part)
    -> int {
}
'''

        self.assertEqual(functions(text), [("first", 9, 5), ("Thing", 16, 3), ("operator==", 19, 1), ("size", 23, 3),
                                           ("k7::Thing::last", 31, 3)])

    def test_long_functions(self) -> None:
        def text(lines: int) -> str:
            return "namespace {\nint f() {\n" + "  g();\n" * (lines - 2) + "}\n}\n"

        files = {"a.cpp": text(LONGEST_FUNCTION), "b.cpp": text(LONGEST_FUNCTION + 1)}

        self.assertEqual(function_defects(files), ["b.cpp:2: f has 81 lines"])
        self.assertEqual(too_long(files, LONGEST_FUNCTION + 2), {"b.cpp": LONGEST_FUNCTION + 3})


if __name__ == "__main__":
    unittest.main()
