"""Public docstrings: numpydoc finds nothing to object to; what users build has an example."""

import dataclasses
import inspect

import pytest
from numpydoc.validate import validate

from tests._docs import api, public_objects

# Left to taste: extended summaries, see-also, where the closing quotes stand (ruff
# decides), the mood of a summary, names that begin small (k-means), what "self" returns.
_LEFT_OUT = {"ES01", "EX01", "SA01", "GL01", "GL02", "GL03", "SS02", "SS05", "RT02", "RT03"}
_SECTIONS = {"PR01", "RT01", "YD01"}
_NEED_AN_EXAMPLE = ("skautoal", "skautoal.strategies", "skautoal.pipeline")
_BASES = {"Strategy", "ScoreStrategy", "BatchStrategy"}


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


def _top_level() -> set[str]:
    return {entry.path for entry in api().entries()}
