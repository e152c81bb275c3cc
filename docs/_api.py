"""What is public: every name in the ``__all__`` of the package and its public modules.

The API reference, the test that compares the two, and the test of the docstrings all
start here, so a new public name cannot be forgotten.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType

PACKAGE = "skautoal"

_REQUEST = re.compile(r"set_\w+_request")  # scikit-learn adds these to every estimator


@dataclass(frozen=True)
class Entry:
    """A public name and where it is documented.

    Attributes
    ----------
    module : str
        Public module it is imported from.
    name : str
        Name in that module.
    kind : {"class", "exception", "function", "data"}
        What the name stands for.

    """

    module: str
    name: str
    kind: str

    @property
    def path(self) -> str:
        """Dotted name."""
        return f"{self.module}.{self.name}"

    @property
    def object(self):
        """What the name stands for."""
        return getattr(importlib.import_module(self.module), self.name)


def public_modules() -> list[ModuleType]:
    """The package and its modules without a leading underscore that have an ``__all__``."""
    package = importlib.import_module(PACKAGE)
    modules = [package]
    for info in pkgutil.walk_packages(package.__path__, f"{PACKAGE}."):
        if not any(part.startswith("_") for part in info.name.split(".")):
            modules.append(importlib.import_module(info.name))
    return [module for module in modules if hasattr(module, "__all__")]


def entries() -> list[Entry]:
    """Every public name once, under the first module that exports it."""
    found, seen = [], set()
    for module in public_modules():
        for name in module.__all__:
            value = getattr(module, name)
            kind = _kind(value)
            # A constant is known by its name, everything else by what it is.
            key = (name, repr(value)) if kind == "data" else id(value)
            if key not in seen and not name.startswith("__"):
                seen.add(key)
                found.append(Entry(module.__name__, name, kind))
    return found


def public_members(cls: type) -> Iterator[tuple[str, str]]:
    """Name and kind ("method" or "attribute") of what a class of ours adds to its bases.

    What comes unchanged from scikit-learn, torch or Python is left out.
    """
    for name in sorted(dir(cls)):
        if name.startswith("_"):
            continue
        owner = next(base for base in cls.__mro__ if name in vars(base))
        if owner.__module__.split(".")[0] != PACKAGE:
            continue
        member = inspect.getattr_static(owner, name)
        if isinstance(member, (property, cached_property)):
            yield name, "attribute"
        elif hasattr(member, "__get__") and not _REQUEST.fullmatch(name):
            yield name, "method"


def _kind(value) -> str:
    if inspect.isclass(value):
        return "exception" if issubclass(value, BaseException) else "class"
    return "function" if inspect.isroutine(value) else "data"
