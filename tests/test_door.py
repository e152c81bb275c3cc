"""Tests reach private modules of skautoal through tests/_internals.py alone."""

from __future__ import annotations

import ast
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests import _internals

TESTS = Path(__file__).parent
DOOR = TESTS / "_internals.py"
FILES = sorted(path for path in TESTS.rglob("*.py") if path != DOOR)
# In strings: the target of a patch, or the program of another process.
PRIVATE = re.compile(r"\bskautoal(\.\w+)*\._[a-z]|from skautoal[\w.]* import [^\n]*\b_[a-z]")


def is_private(path):
    return any(re.match("_[a-z]", part) for part in path.split("."))


def private_lines(source):
    """Return the lines of a source that name a private module of skautoal."""
    lines, bound, attributes = [], {}, []
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "skautoal":
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            bound |= {a.asname or a.name: name for a, name in zip(node.names, names, strict=True)}
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "skautoal":
                    names.append(alias.name)
                    bound[alias.asname or "skautoal"] = alias.name if alias.asname else "skautoal"
        elif isinstance(node, ast.Attribute):
            attributes.append(node)
        elif isinstance(node, ast.Constant) and PRIVATE.search(str(node.value)):
            lines.append(node.lineno)
        if any(map(is_private, names)):
            lines.append(node.lineno)
    for node in attributes:
        root, _, rest = ast.unparse(node).partition(".")
        if root in bound and is_private(rest) and is_module(f"{bound[root]}.{rest}"):
            lines.append(node.lineno)
    return sorted(set(lines))


def is_module(path):
    try:
        return find_spec(path) is not None
    except (ModuleNotFoundError, ValueError):  # a class or a function on the way
        return False


def test_no_other_file_names_a_private_module():
    found = {
        str(path.relative_to(TESTS)): private_lines(path.read_text(encoding="utf-8"))
        for path in FILES
    }
    found = {path: lines for path, lines in found.items() if lines}
    assert not found, f"take these from tests/_internals.py: {found}"


# Put together here, or this file would not pass its own test.
PRIVATE_PART = "_utils"


@pytest.mark.parametrize(
    "source",
    [
        f"from skautoal.{PRIVATE_PART} import isolated_rng",
        f"from skautoal import {PRIVATE_PART}",
        f"import skautoal.{PRIVATE_PART}",
        f"import skautoal.{PRIVATE_PART} as utils",
        f"import skautoal\nskautoal.{PRIVATE_PART}.isolated_rng",
        "from skautoal import ops\nops._kmeans.kmeans",
        f"patch('skautoal.{PRIVATE_PART}._HASH_CHUNK', 3)",
        f"code = 'import sys\\nfrom skautoal import {PRIVATE_PART}\\n'",
    ],
)
def test_each_way_to_name_one_is_seen(source):
    assert private_lines(source)


@pytest.mark.parametrize(
    "source",
    [
        "import skautoal\nskautoal.__version__",
        "from skautoal import AutoALSampler\nAutoALSampler._round_seed",
        "from skautoal.ops import __doc__",
        "from other import _rng",
    ],
)
def test_what_is_no_private_module_is_not(source):
    assert not private_lines(source)


def test_each_name_is_found_and_used():
    used = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "tests._internals":
                used |= {alias.name for alias in node.names}
    assert used - {"internal"} == set(_internals._PLACES)
    for name in _internals._PLACES:
        assert getattr(_internals, name) is not None


def test_each_place_to_patch_is_found_and_used():
    sources = "".join(path.read_text(encoding="utf-8") for path in FILES)
    unused = [name for name in _internals._PATCHED if f'"{name}"' not in sources]
    missing = [name for name in _internals._PATCHED if not hasattr(*_internals.internal(name))]
    assert (unused, missing) == ([], [])


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="has no 'kmean'"):
        _ = _internals.kmean
