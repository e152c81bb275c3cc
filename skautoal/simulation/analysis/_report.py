"""Reports of results in one file: HTML with figures inside, or Markdown without them."""

from __future__ import annotations

import base64
import io
import os
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ..._utils._files import write_whole
from ..runs._results import Results
from ._cells import Table
from ._markdown import markdown_of
from ._origin import origin_of
from ._sections import Section, sections_of
from ._verdict import verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; overflow-wrap: break-word; }}
h1, h2 {{ line-height: 1.2; }}
h2 {{ margin-top: 2.5rem; }}
.verdict {{ font-size: 1.15rem; }}
dl {{ display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 0.3rem 1rem; }}
dt {{ font-weight: bold; }}
dd {{ margin: 0; }}
.option {{ white-space: nowrap; }}
.table {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: 0.25rem 0.8rem; border-bottom: 1px solid #8888; text-align: right;
  white-space: nowrap; }}
th {{ white-space: normal; vertical-align: bottom; }}
th:first-child, td:first-child {{ text-align: left; padding-left: 0; }}
img {{ max-width: 100%; height: auto; background: white; }}
@media (max-width: 40rem) {{
  dl {{ grid-template-columns: 1fr; gap: 0; }}
  dd {{ margin-bottom: 0.6rem; }}
  th, td {{ padding: 0.25rem 0.4rem; }}
}}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


def write_report(
    results: Results,
    path: str | os.PathLike[str],
    *,
    title: str = "Comparison of active learning methods",
    commands: Sequence[str] = (),
) -> Path:
    """Write a report of results: the winner, the origin of the results, tables and plots.

    Parameters
    ----------
    results : Results
        The runs.
    path : path-like
        File to write. An existing file is replaced. A name that ends in ``.md`` makes a
        Markdown file without figures. Any other name makes an HTML page that contains all
        it needs, for which matplotlib (the extra ``plot``) must be installed.
    title : str, default="Comparison of active learning methods"
        Title of the report.
    commands : sequence of str, default=()
        Command lines that made the results, to be shown in the report.

    Returns
    -------
    path : Path
        The file.

    Raises
    ------
    ValueError
        If there are no runs.

    """
    if not results.settings:
        raise ValueError("'results' holds no runs to report. Run compare first.")
    path = Path(path)
    answer, origin = verdict(results), origin_of(results, commands)
    sections = sections_of(results)
    if path.suffix == ".md":
        text = markdown_of(title, answer, origin, sections)
    else:
        text = _html_of(title, answer, origin, sections)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text)
    return path


def _html_of(
    title: str, answer: str, origin: list[tuple[str, str]], sections: list[Section]
) -> str:
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{_fact(text)}</dd>" for name, text in origin)
    parts = [f'<p class="verdict">{escape(answer)}</p>', f"<dl>{facts}</dl>"]
    parts += map(_section, sections)
    return _PAGE.format(title=escape(title), body="\n".join(parts))


def _fact(text: str) -> str:
    """Escape a text; options of a command are not broken after their hyphens."""
    return re.sub(r"(?<!\S)--?\w[\w-]*", r'<span class="option">\g<0></span>', escape(text))


def _section(section: Section) -> str:
    parts = [f"<h2>{escape(section.title)}</h2>"]
    parts += [f"<p>{escape(text)}</p>" for text in section.text]
    if section.table is not None:
        parts.append(_table(section.table))
    parts += [_image(figure.draw(), figure.alt) for figure in section.figures]
    return "\n".join(parts)


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in table.heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
    )
    return f'<div class="table"><table><tr>{head}</tr>{body}</table></div>'


def _image(ax: Axes, alt: str) -> str:
    """Return a plot as an image inside the page, and close its figure."""
    import matplotlib.pyplot as plt

    buffer = io.BytesIO()
    figure = cast("Figure", ax.figure)
    figure.savefig(buffer, format="png", dpi=110)
    plt.close(figure)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<p><img alt="{escape(alt)}" src="data:image/png;base64,{data}"></p>'
