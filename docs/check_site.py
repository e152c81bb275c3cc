"""Check the built site without a network: internal links, anchors, images, scripts, text.

``python docs/check_site.py docs/_build/html`` prints the faults and exits with 1 if there
are any. ``make docs`` runs it.

Nothing may be fetched from elsewhere to show a page: a script, style sheet or image with
an address of another host is an error. Links to other sites are not followed. Text such as
``<Figure object at 0x7f...>`` is an error as well: it is of no use to a reader, and it
differs from one build to the next.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LOADED = {"img": "src", "script": "src", "iframe": "src", "source": "src", "video": "src"}
_OBJECT_ADDRESS = re.compile(r"\bobject at 0x[0-9a-f]+")


@dataclass
class Page:
    """One HTML file: its anchors, the addresses it refers to, and its text."""

    anchors: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    loaded: set[str] = field(default_factory=set)
    texts: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.page = Page()

    def handle_starttag(self, tag, attrs):
        found = {name: value or "" for name, value in attrs}
        self.page.anchors.update(found[name] for name in ("id", "name") if name in found)
        if tag == "a" and "href" in found:
            self.page.links.add(found["href"])
        elif tag == "link" and "stylesheet" in found.get("rel", ""):
            self.page.loaded.add(found["href"])
        elif _LOADED.get(tag) in found:
            self.page.loaded.add(found[_LOADED[tag]])

    def handle_data(self, data):
        # Highlighted code is cut into many pieces; an address may span several of them.
        self.page.texts.append(data)


def read_page(path: Path) -> Page:
    """Return the anchors, addresses and text of one HTML file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    page : Page

    """
    reader = _Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader.page


def check_site(root: Path) -> tuple[list[str], int, int]:
    """Look at every page below a folder.

    Parameters
    ----------
    root : Path
        The folder that holds ``index.html``.

    Returns
    -------
    faults : list of str
        One sentence for each broken reference and each address of an object in the text;
        empty if all is well.
    n_pages : int
        Number of pages.
    n_references : int
        Number of internal references that were followed.

    """
    root = root.resolve()
    # The theme leaves a template of its own among the static files.
    files = [path for path in sorted(root.rglob("*.html")) if path.parent != root / "_static"]
    pages = {path: read_page(path) for path in files}
    faults, count = [], 0
    for path, page in pages.items():
        where = path.relative_to(root)
        shown = sorted(set(_OBJECT_ADDRESS.findall("".join(page.texts))))
        faults += [f"{where}: the text shows '{address}'" for address in shown]
        for address in sorted(page.links | page.loaded):
            parts = urlsplit(address)
            if parts.scheme == "data" or parts.scheme == "mailto":
                continue
            if parts.scheme or parts.netloc:
                if address in page.loaded:
                    faults.append(f"{where}: {address} is loaded from another host")
                continue
            count += 1
            faults += [f"{where}: {fault}" for fault in _follow(path, parts, pages, root)]
    return faults, len(pages), count


def _follow(path: Path, parts, pages: dict[Path, Page], root: Path) -> Iterator[str]:
    target = path
    if parts.path:
        base = root if parts.path.startswith("/") else path.parent
        target = (base / unquote(parts.path).lstrip("/")).resolve()
        if target.is_dir():
            target = target / "index.html"
    if not target.is_file():
        yield f"{parts.geturl()} leads to no file"
    elif (
        parts.fragment
        and target in pages
        and unquote(parts.fragment) not in _anchors(pages[target])
    ):
        yield f"{parts.geturl()} leads to no anchor of {target.relative_to(root)}"


def _anchors(page: Page) -> set[str]:
    return page.anchors | {"", "top"}  # both mean the top of the page


def main(arguments: list[str]) -> int:
    """Check the site in the folder that is named; return the exit code."""
    root = Path(arguments[0] if arguments else "docs/_build/html")
    if not (root / "index.html").is_file():
        print(f"{root} holds no index.html: build the site first (make docs).", file=sys.stderr)
        return 2
    faults, n_pages, count = check_site(root)
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"{n_pages} pages, {count} internal references, {len(faults)} faults.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
