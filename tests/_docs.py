"""What is public, for the tests of the documentation: docs/_api.py, loaded by its path."""

import importlib.util
import sys
from functools import cache
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


@cache
def load(name: str):
    """A module of the docs folder, which is no package."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def api():
    """The module docs/_api.py."""
    return load("_api")


@cache
def public_objects() -> dict[str, object]:
    """Dotted name and object of every public class, its members, and every function.

    A member that several classes inherit is there once, by the first of them.
    """
    found, seen = {}, set()
    for entry in api().entries():
        if entry.kind == "data":
            continue
        found[entry.path] = entry.object
        if entry.kind == "class":
            for name, _ in api().public_members(entry.object):
                owner = next(base for base in entry.object.__mro__ if name in vars(base))
                if (owner, name) not in seen:
                    seen.add((owner, name))
                    found[f"{entry.path}.{name}"] = getattr(entry.object, name)
    return found
