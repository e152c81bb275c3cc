"""Reports in Markdown: the same sections as in HTML, without figures."""

from __future__ import annotations

import re

from ._cells import Table
from ._sections import Section


def markdown_of(
    title: str, answer: str, origin: list[tuple[str, str]], sections: list[Section]
) -> str:
    """Write a report in Markdown.

    Parameters
    ----------
    title : str
        Heading.
    answer : str
        First paragraph.
    origin : list of (str, str)
        Names and descriptions, for a list.
    sections : list of Section
        The rest. Sections of figures only are left out.

    Returns
    -------
    text : str

    """
    blocks = [
        f"# {_escaped(title)}",
        _escaped(answer),
        "\n".join(f"- {_escaped(name)}: {_escaped(text)}" for name, text in origin),
    ]
    for section in sections:
        if section.table is not None:
            blocks += [f"## {_escaped(section.title)}", *map(_escaped, section.text)]
            blocks.append(_table(section.table))
    return "\n\n".join(filter(None, blocks)) + "\n"


def _table(table: Table) -> str:
    rule = ["---", *["---:"] * (len(table.heads) - 1)]
    rows = [[_escaped(cell) for cell in row] for row in (table.heads, *table.rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], rule, *rows[1:]))


def _escaped(text: str) -> str:
    """Escape what Markdown or HTML would take for markup; names may hold anything."""
    return re.sub(r"([\\`*_\[\]<>|$&#~])", r"\\\1", " ".join(text.split()))
