# SPDX-License-Identifier: Apache-2.0
"""The pages of the documents and what stands in them, for the tests of documents."""

from __future__ import annotations

import re
import shlex

from run_folder import ROOT

README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = [README, ROOT / "CONTRIBUTING.md", ROOT / "SUPPORT.md", ROOT / "tests" / "README.md", *sorted(DOCS.glob("*.md"))]

FENCE = re.compile(r"^(```+)([^\n]*)\n(.*?)^\1[ ]*$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^ {4}.*\n)+", re.MULTILINE)
SPAN = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)")
HEADING = re.compile(r"^#{1,6} +(.*?) *#* *$", re.MULTILINE)
PRINTED = "text"  # the language of blocks that hold what programs print


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


def lines_of(block: str) -> list[str]:
    """The lines of a block of code, continued ones joined."""
    return block.replace("\\\n", " ").splitlines()


def blocks(text: str, language: str) -> list[str]:
    """What stands in a page's fences of a language."""
    return [match[3] for match in FENCE.finditer(text) if match[2].strip() == language]


def indented(text: str) -> list[str]:
    """A page's indented blocks, without their indent."""
    return [re.sub(r"^ {4}", "", block, flags=re.MULTILINE) for block in INDENTED.findall(FENCE.sub("", text))]


def code(text: str) -> list[str]:
    """Lines of a page's blocks of code, and its code within sentences."""
    fences = [match[3] for match in FENCE.finditer(text) if match[2].strip() != PRINTED]
    lines = [line for block in [*fences, *indented(text)] for line in lines_of(block)]
    return lines + [" ".join(match[2].split()) for match in SPAN.finditer(prose(text))]


def words_of(line: str) -> list[str]:
    """As a shell reads them; output with a quote in it has no words."""
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return []
