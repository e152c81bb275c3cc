"""The public API is the one in tests/public_api.txt: it changes on purpose or not at all."""

import difflib
import functools

import pytest

from tests._api_snapshot import COMMAND, SNAPSHOT, _callable, snapshot


def difference(expected: str, found: str) -> str:
    """Return a unified diff that says how to accept it; empty if the two are the same."""
    lines = difflib.unified_diff(
        expected.splitlines(),
        found.splitlines(),
        f"accepted ({SNAPSHOT.name})",
        "now",
        n=4,
        lineterm="",
    )
    diff = "\n".join(lines)
    return diff and (
        f"The public API is not the one in tests/{SNAPSHOT.name}:\n\n{diff}\n\n"
        f"If you mean this change, accept it and add a line to CHANGELOG.md:\n    {COMMAND}\n"
    )


def test_the_public_api_is_the_accepted_one():
    message = difference(SNAPSHOT.read_text(encoding="utf-8"), snapshot())
    if message:
        pytest.fail(message, pytrace=False)


def test_a_change_is_shown_with_the_command_that_accepts_it():
    message = difference("def f(a)\ndef g()\n", "def f(a, b=1)\ndef g()\n")
    assert "-def f(a)\n+def f(a, b=1)\n" in message
    assert COMMAND in message
    assert not difference("def f(a)\n", "def f(a)\n")


NO_NAME = object()


def base_function(a, /, b, *args, c=1, **more): ...


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda: None, "def f()"),
        (base_function, "def f(a, /, b, *args, c=1, **more)"),
        (lambda a, /: None, "def f(a, /)"),
        (lambda a, _b=1: None, "def f(a)"),  # an underscore: not public
        (lambda a, *, b: None, "def f(a, *, b)"),
        (lambda a=(1, "x"), b=len, c=int: None, "def f(a=(1, 'x'), b=len, c=int)"),
        (lambda a=NO_NAME: None, "def f(a=<object object>)"),  # no address
        (functools.partial(base_function, 0, c=2), "def f(b, *args, c=2, **more)"),
    ],
)
def test_a_signature_is_written_as_python_does(function, text):
    assert list(_callable("def f", function)) == [text]


@pytest.mark.parametrize(
    "lines",
    [
        "class MissingSignalError\n    inherits SkautoalError, ValueError\n",
        "class AccuracyEstimate(accuracy, lower, upper, n_samples)\n",
        "    def estimate_accuracy(self, n_folds=5, *, confidence=0.95)\n",
        "    classmethod load(folder, sampler, X, *, features=None, stopping=())\n",
        "LabelingCampaign: see skautoal\n",
        "__version__: str\n",
    ],
)
def test_the_text_holds(lines):
    assert lines in snapshot()


def test_a_long_signature_has_one_parameter_a_line():
    def function(
        a_parameter_with_a_long_name=None,
        another_parameter_with_a_long_name=None,
        yet_another_parameter_with_a_long_name=None,
    ): ...

    assert list(_callable("def f", function)) == [
        "def f(",
        "    a_parameter_with_a_long_name=None,",
        "    another_parameter_with_a_long_name=None,",
        "    yet_another_parameter_with_a_long_name=None,",
        ")",
    ]
