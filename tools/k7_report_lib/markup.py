# SPDX-License-Identifier: Apache-2.0
"""Pieces of an HTML page. What comes from a run folder is escaped here; words of this package may hold markup."""

from __future__ import annotations

import html
import json
from typing import Any, Iterable, Sequence

from . import digits, page_text
from .inputs import Json, is_number

LONG_LIST = 8  # longer lists of numbers are summarised


def document(title: str, sections: Iterable[str]) -> str:
    """One whole page; `title` is escaped already."""
    return (f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title}</title>\n'
            f"<style>{page_text.STYLE}</style>\n</head>\n<body>\n<main>\n" + "\n".join(filter(None, sections))
            + "\n</main>\n</body>\n</html>\n")


def text(value: Any) -> str:
    """Escaped, and cut where it is long."""
    words = str(value)
    return html.escape(words if len(words) <= 1000 else words[:997] + "...")


def value(item: Any) -> str:
    """A JSON value for a reader, escaped: numbers with six digits, a dash for null, long lists as a range."""
    if item is None:
        return "–"
    if isinstance(item, bool):
        return "yes" if item else "no"
    if isinstance(item, float):
        return digits.plain(item)
    if isinstance(item, list):
        return _list(item)
    return text(json.dumps(item, ensure_ascii=False) if isinstance(item, dict) else item)


def _list(values: list[Any]) -> str:
    numbers = [item for item in values if is_number(item)]
    if len(values) > LONG_LIST and len(numbers) == len(values):
        return f"{len(values)} values, {value(min(numbers))} to {value(max(numbers))}"
    return ", ".join(value(item) for item in values) or "none"


def number(item: float | None) -> str:
    """A number with six digits, a dash for none."""
    return "–" if item is None else digits.plain(float(item))


def section(title: str, content: str) -> str:
    return f"<section>\n<h2>{title}</h2>\n{content}\n</section>"


def paragraph(words: str, kind: str = "") -> str:
    return f'<p{f" class={chr(34)}{kind}{chr(34)}" if kind else ""}>{words}</p>'


def pairs(rows: Sequence[tuple[str, Any]], caption: str) -> str:
    """A table of keys and values of a run folder; long values are broken."""
    body = "\n".join(f'<tr><th scope="row">{text(key)}</th><td>{value(item)}</td></tr>' for key, item in rows)
    return (f'<p class="caption">{text(caption)}</p>\n<div class="scroll"><table class="pairs">\n<tbody>\n{body}\n'
            f"</tbody></table></div>")


def columns(row_titles: Sequence[str], titles: Sequence[str], rows: Sequence[tuple[Sequence[str], Sequence[Any]]],
            caption: str) -> str:
    """A table of numbers: each row has words, then numbers or None. Words come from this package."""
    head = heads(row_titles) + heads(titles, numbers=True)
    body = "\n".join(
        f'<tr><th scope="row">{words[0]}</th>' + "".join(f"<td>{word}</td>" for word in words[1:])
        + "".join(f'<td class="number">{number(item)}</td>' for item in numbers) + "</tr>"
        for words, numbers in rows)
    return table(head, body, caption)


def heads(titles: Iterable[str], numbers: bool = False) -> str:
    """Headers of columns."""
    kind = ' class="number"' if numbers else ""
    return "".join(f'<th scope="col"{kind}>{title}</th>' for title in titles)


def table(head: str, body: str, caption: str) -> str:
    """A table that scrolls in a box of its own where the screen is narrow, below its caption, which does not scroll."""
    return (f'<p class="caption">{caption}</p>\n<div class="scroll"><table>\n<thead><tr>{head}</tr></thead>\n'
            f"<tbody>\n{body}\n</tbody></table></div>")


def nested(title: str, parts: Json) -> str:
    """A folded section with one table per part; deeper objects become dotted keys."""
    tables = "\n".join(pairs(list(flat(content)), part) for part, content in parts.items()
                       if isinstance(content, dict) and content)
    return folded(title, tables) if tables else ""


def folded(title: str, content: str) -> str:
    return f"<details>\n<summary>{title}</summary>\n{content}\n</details>"


def flat(content: Any, prefix: str = "") -> Iterable[tuple[str, Any]]:
    """Keys and values of an object, with dotted keys for those within."""
    if not isinstance(content, dict):
        yield prefix or "value", content
        return
    for key, item in content.items():
        yield from flat(item, f"{prefix}.{key}" if prefix else key)


def figure(chart: tuple[str, str], title: str, words: str = "") -> str:
    """A card with a plot, its legend, and what to know about it."""
    plot, legend = chart
    return f"<figure>{plot}{legend}<figcaption><b>{title}.</b> {words}</figcaption></figure>"


def grid(cards: Iterable[str]) -> str:
    return '<div class="grid">\n' + "\n".join(cards) + "\n</div>"
