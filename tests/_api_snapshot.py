"""The public API as text: every public name, its parameters and their defaults.

``tests/public_api.txt`` holds the last accepted text. After an intended change, write it
anew from the root of the repository and read the diff before you commit it:

    .venv/bin/python -m tests._api_snapshot --write

Type hints are left out: mypy checks them, and improving one changes nothing for a caller.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import re
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from numpydoc.docscrape import NumpyDocString

from tests._docs import api

SNAPSHOT = Path(__file__).with_name("public_api.txt")
COMMAND = ".venv/bin/python -m tests._api_snapshot --write"

_WIDTH = 96
_HEAD = f"""\
# Every public name of skautoal, with parameters and defaults. Do not edit by hand:
#     {COMMAND}
"""


@cache
def snapshot() -> str:
    """Return the public API as text, one module after another, sorted by name."""
    homes = _homes()
    lines = [_HEAD]
    for module in api().public_modules():
        lines.append(f"\n{module.__name__}\n{'=' * len(module.__name__)}\n")
        for name in sorted(module.__all__):
            value = getattr(module, name)
            home = homes.get(id(value), module.__name__)
            if home == module.__name__:
                lines += [f"{line}\n" for line in _entry(name, value, homes)]
            else:
                lines.append(f"{name}: see {home}\n")
    return "".join(lines)


def _homes() -> dict[int, str]:
    """Return the first public module of each class and function, by identity."""
    return {id(entry.object): entry.module for entry in api().entries() if entry.kind != "data"}


def _entry(name: str, value: object, homes: dict[int, str]) -> Iterator[str]:
    if inspect.isclass(value):
        yield from _class(name, value, homes)
    elif inspect.isroutine(value):
        yield from _callable(f"def {name}", value)
    else:
        yield f"{name}: {type(value).__name__}"


def _class(name: str, cls: type, homes: dict[int, str]) -> Iterator[str]:
    bases = _public_bases(cls, homes)
    if issubclass(cls, BaseException) and "__init__" not in vars(cls):
        # The signature of Python's own constructor differs from version to version.
        yield f"class {name}"
    else:
        yield from _callable(f"class {name}", cls)
    if bases:
        yield f"    inherits {', '.join(base.__name__ for base in bases)}"
    # What a public base defines is listed there, unless a method is called differently here.
    inherited = {name for base in bases for name in vars(base)}
    methods = {name for name, kind in api().public_members(cls) if kind == "method"}
    properties = {name for name, kind in api().public_members(cls) if kind == "attribute"}
    attributes = (properties | _constants(cls) | _documented(cls)) - methods - _fields(cls)
    yield from (f"    {name}" for name in sorted(attributes - inherited))
    for name in sorted(methods):
        lines = list(_method(name, cls))
        if not any(hasattr(base, name) and lines == list(_method(name, base)) for base in bases):
            yield from lines


def _public_bases(cls: type, homes: dict[int, str]) -> list[type]:
    """Return the public ancestors; of an error or a warning those of Python as well."""
    is_error = issubclass(cls, BaseException)
    return [
        base
        for base in cls.__mro__[1:]
        if id(base) in homes or (is_error and base not in (BaseException, Exception, object))
    ]


def _fields(cls: type) -> set[str]:
    """Return the attributes of a dataclass, which are its parameters."""
    return (
        {field.name for field in dataclasses.fields(cls)}
        if dataclasses.is_dataclass(cls)
        else set()
    )


def _constants(cls: type) -> set[str]:
    """Return the names of what our classes set in their bodies, apart from methods."""
    ours = [base for base in cls.__mro__ if base.__module__.split(".")[0] == api().PACKAGE]
    names = {name for base in ours for name in vars(base) if not name.startswith("_")}
    return {name for name in names if not hasattr(inspect.getattr_static(cls, name), "__get__")}


def _documented(cls: type) -> set[str]:
    """Return the attributes that the docstring promises: ``fit`` sets them."""
    doc = vars(cls).get("__doc__") or ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tests/test_docstrings.py checks the format
        attributes = NumpyDocString(inspect.cleandoc(doc))["Attributes"]
    names = {name.strip() for entry in attributes for name in entry.name.split(",")}
    return {name for name in names if name.isidentifier()}


def _method(name: str, cls: type) -> Iterator[str]:
    kind = inspect.getattr_static(cls, name)
    method = getattr(cls, name)
    if isinstance(kind, (classmethod, staticmethod)):
        lines = _callable(f"{type(kind).__name__} {name}", method)
    else:
        lines = _callable(f"def {name}", method)
    yield from (f"    {line}" for line in lines)


def _callable(head: str, function: object) -> Iterator[str]:
    """Yield the signature on one line, or one parameter a line if that is too long."""
    parameters = list(_parameters(function))
    line = f"{head}({', '.join(parameters)})"
    if len(line) <= _WIDTH:
        yield line
        return
    yield f"{head}("
    yield from (f"    {parameter}," for parameter in parameters)
    yield ")"


def _parameters(function: object) -> Iterator[str]:
    """Yield the public parameters as Python writes them, without hints."""
    keyword_only = positional_only = False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name.startswith("_"):
            continue
        if positional_only and parameter.kind is not parameter.POSITIONAL_ONLY:
            yield "/"
        positional_only = parameter.kind is parameter.POSITIONAL_ONLY
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            yield "*"
        keyword_only |= parameter.kind in (parameter.VAR_POSITIONAL, parameter.KEYWORD_ONLY)
        stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}
        text = stars.get(parameter.kind, "") + parameter.name
        if parameter.default is not parameter.empty:
            text += f"={_default(parameter.default)}"
        yield text
    if positional_only:
        yield "/"


def _default(value: object) -> str:
    if inspect.isclass(value) or inspect.isroutine(value):
        return value.__qualname__
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))  # an address is no part of the API


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"write {SNAPSHOT.name}")
    if parser.parse_args().write:
        SNAPSHOT.write_text(snapshot(), encoding="utf-8")
    else:
        print(snapshot(), end="")
