"""Docstrings: numpydoc accepts the public ones, and none opens with a question word."""

import ast
import dataclasses
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from numpydoc.validate import validate

from tests._docs import api, public_objects

# Left to taste: extended summaries, see-also, where the closing quotes stand (ruff
# decides), the mood of a summary, names that begin small (k-means), what "self" returns.
_LEFT_OUT = {"ES01", "EX01", "SA01", "GL01", "GL02", "GL03", "SS02", "SS05", "RT02", "RT03"}
_SECTIONS = {"PR01", "RT01", "YD01"}
_NEED_AN_EXAMPLE = ("skautoal", "skautoal.strategies", "skautoal.pipeline")
_BASES = {"Strategy", "ScoreStrategy", "BatchStrategy"}

# "What a net says" and "Whether it fits" are no summaries: begin with a verb or a noun.
_QUESTION = re.compile(r"(what|who|whom|whose|where|why|how|whether)\b", re.IGNORECASE)
_PACKAGE = Path(__file__).parents[1] / "skautoal"


@pytest.mark.parametrize(("path", "value"), sorted(public_objects().items()))
def test_docstring_is_complete(path, value):
    doc = inspect.getdoc(value) or ""
    left_out = set(_LEFT_OUT)
    is_member = not inspect.isclass(value) and path not in _top_level()
    if dataclasses.is_dataclass(value) or (is_member and "\nParameters\n" not in doc):
        # Attributes of a dataclass are its parameters; for a method a sentence may do.
        left_out |= _SECTIONS
    if "See :" in doc:
        left_out.add("PR04")  # parameters of a base, explained where it says
    if doc:
        left_out.add("GL08")  # inherited from what it overrides
    assert not [fault for fault in validate(path)["errors"] if fault[0] not in left_out]


@pytest.mark.parametrize(
    "entry",
    [
        entry
        for entry in api().entries()
        if entry.module in _NEED_AN_EXAMPLE
        and entry.kind in ("class", "function")
        and entry.name not in _BASES
    ],
    ids=lambda entry: entry.path,
)
def test_what_users_build_has_an_example(entry):
    assert ">>>" in inspect.getdoc(entry.object)


def test_no_docstring_opens_with_a_question_word():
    found = [
        f"{path.relative_to(_PACKAGE.parent)}:{line}: {opening}"
        for path in sorted(_PACKAGE.rglob("*.py"))
        for line, opening in openings(path.read_text(encoding="utf-8"))
        if _QUESTION.match(opening)
    ]
    assert not found, "\n".join(["reword these openings:", *found])


def test_openings_are_read_everywhere():
    text = '"""Whether."""\nclass A:\n    def f(self):\n        """\n        Why.\n        """\n'
    assert list(openings(text)) == [(1, "Whether."), (3, "Why.")]
    assert all(_QUESTION.match(opening) for _, opening in openings(text))


def openings(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and first line of the docstring of a module, its classes and functions."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            doc = ast.get_docstring(node)
            if doc:
                yield getattr(node, "lineno", 1), doc.splitlines()[0]


def _top_level() -> set[str]:
    return {entry.path for entry in api().entries()}
