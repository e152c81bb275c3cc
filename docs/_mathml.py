"""Formulas as MathML, which browsers draw themselves: no script, no font, no network.

docutils has the converter; this registers it as a renderer of Sphinx.
"""

from __future__ import annotations

import re
from html import unescape
from xml.etree import ElementTree

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import accents, tex2mathml
from sphinx.util import logging

_LOGGER = logging.getLogger(__name__)
_NAMESPACE = "http://www.w3.org/1998/Math/MathML"
ElementTree.register_namespace("", _NAMESPACE)  # elements are written without a prefix


def _with_indices_beside(formula: str) -> str:
    """Put the index of an accented letter beside it; docutils puts it below, like a limit."""
    # docutils writes entities that HTML has and XML has not, such as &ApplyFunction;.
    characters = re.sub(r"&(?!lt;|gt;|amp;)\w+;", lambda name: unescape(name[0]), formula)
    root = ElementTree.fromstring(characters)
    for element in root.iter(f"{{{_NAMESPACE}}}munderover"):
        letter, index, above = element
        if above.text in accents.values():
            accented = ElementTree.Element(f"{{{_NAMESPACE}}}mover", accent="true")
            accented.extend([letter, above])
            element.tag = f"{{{_NAMESPACE}}}msub"
            element[:] = [accented, index]
    return ElementTree.tostring(root, encoding="unicode")


def _converted(node, **options) -> str:
    try:
        return _with_indices_beside(tex2mathml(node.astext(), **options))
    except MathError as exc:
        _LOGGER.warning("no MathML for %s: %s", node.astext(), exc, location=node)
        return ""


def _visit_inline(self, node) -> None:
    self.body.append(_converted(node))
    raise nodes.SkipNode


def _visit_block(self, node) -> None:
    ids = "".join(f'<span id="{name}"></span>' for name in node.get("ids", []))
    formula = _converted(node, as_block=True)
    number = f'<span class="eqno">({node["number"]})</span>' if node["number"] else ""
    self.body.append(f'<div class="formula">{ids}{number}{formula}</div>\n')
    raise nodes.SkipNode


def setup(app) -> dict:
    """Register the renderer; called by Sphinx."""
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
