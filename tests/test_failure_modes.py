"""The tests that the documentation names beside each failure mode exist."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGES = TESTS.parent / "docs"
NAMED = re.compile(r"`([\w/]*test_\w+\.py)(?:::(\w+))?`")
# Paths on a page start here.
FOLDERS = {"failure_modes": TESTS, "campaign": TESTS / "campaign"}


def _missing(text: str, folder: Path) -> list[str]:
    """Tests that a page names and that are not there."""
    missing = []
    for name, test in NAMED.findall(text):
        path = folder / name
        tree = ast.parse(path.read_text()) if path.exists() else ast.parse("")
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        if not path.exists() or (test and test not in functions):
            missing.append(f"{name}::{test}")
    return missing


@pytest.mark.parametrize("page", FOLDERS)
def test_every_test_that_is_named_exists(page):
    rows = [line for line in (PAGES / f"{page}.md").read_text().splitlines() if "test_" in line]
    text = "\n".join(row for row in rows if row.startswith("|"))
    assert len(NAMED.findall(text)) > 8
    assert _missing(text, FOLDERS[page]) == []


def test_every_row_names_a_test():
    lines = (PAGES / "failure_modes.md").read_text().splitlines()
    rules = [number for number, line in enumerate(lines) if line.startswith("|---")]
    heads = {number + step for number in rules for step in (-1, 0)}
    rows = [line for n, line in enumerate(lines) if line.startswith("|") and n not in heads]
    assert len(rows) > 20
    assert [row for row in rows if not NAMED.search(row)] == []


def test_a_name_that_does_not_exist_is_found():
    text = "`test_failure_modes.py::test_no_such_thing` `test_none.py` `test_failure_modes.py`"
    assert _missing(text, TESTS) == ["test_failure_modes.py::test_no_such_thing", "test_none.py::"]
