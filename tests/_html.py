"""Names that would be HTML if nobody escaped them, and what a page is made of."""

from __future__ import annotations

from html.parser import HTMLParser

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</style></title></script></table><b id=escaped>",
    """quotes" onmouseover="alert(1)" x='y' z=""",
    "' onclick='alert(1)",
    "&lt;b&gt; &amp; <!-- ]]> -->",
    "javascript:alert(1)//<a href=",
]


class Page(HTMLParser):
    """Elements of a page with the names of their attributes, what they do, and the text."""

    def __init__(self, html: str):
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.actions: list[str | None] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        for name, value in attrs:
            if name in ("href", "src", "action", "style") or name.startswith("on"):
                self.actions.append(value)

    def handle_endtag(self, tag):
        self.elements.append((f"/{tag}", ()))

    def handle_comment(self, data):
        self.elements.append(("comment", (data,)))

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        """All that is shown, and the content of scripts and styles."""
        return "".join(self.words)
