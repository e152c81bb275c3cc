"""Writes the pages of the API reference into ``docs/generated``, one an object.

Autosummary makes the tables on the pages of the modules; the pages of the objects are
written here and not by its templates, since those would list what a class inherits from
scikit-learn, whose docstrings refer to scikit-learn's own manual.
"""

from __future__ import annotations

import importlib
import inspect
import shutil
from pathlib import Path

from _api import Entry, entries, public_members, public_modules
from sphinx.pycode import ModuleAnalyzer

_HEADINGS = {
    "class": "Classes",
    "function": "Functions",
    "data": "Constants",
    "exception": "Errors and warnings",
}


def write_reference(folder: Path) -> None:
    """Write an index, a page for each public module and one for each object.

    Parameters
    ----------
    folder : Path
        Emptied first: a page of a name that is gone would be an orphan.

    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    everything = entries()
    modules = [module.__name__ for module in public_modules()]
    for module in modules:
        own = [entry for entry in everything if entry.module == module]
        (folder / f"{module}.rst").write_text(_module_page(module, own))
    for entry in everything:
        if entry.kind != "data":
            (folder / f"{entry.path}.rst").write_text(_object_page(entry))
    (folder / "modules.rst").write_text(_index_page(modules))


def _index_page(modules: list[str]) -> str:
    """Every public module with the first line of its docstring."""
    text = _title("API reference")
    for module in modules:
        summary = inspect.getdoc(importlib.import_module(module)).splitlines()[0]
        text += f":doc:`{module}`\n   {summary}\n\n"
    text += ".. toctree::\n   :hidden:\n\n   skautoal\n"
    # The side bar has no room for the name of the package in front of each module.
    below = [name for name in modules if name != "skautoal"]
    return text + "".join(f"   {name.removeprefix('skautoal.')} <{name}>\n" for name in below)


def _module_page(name: str, own: list[Entry]) -> str:
    text = _title(f":mod:`{name}`" if own else name, plain=name)
    text += f".. automodule:: {name}\n   :no-members:\n\n.. currentmodule:: {name}\n\n"
    for kind, heading in _HEADINGS.items():
        names = [entry.name for entry in own if entry.kind == kind]
        if not names:
            continue
        text += _title(heading, line="-")
        if kind == "data":
            text += "".join(_data(entry) for entry in own if entry.kind == "data")
        else:
            text += ".. autosummary::\n   :toctree: .\n   :nosignatures:\n\n"
            text += "".join(f"   {item}\n" for item in names) + "\n"
    elsewhere = _documented_elsewhere(name, own)
    if elsewhere:
        text += _title("Also importable from here", line="-")
        text += ", ".join(f":py:obj:`~{path}`" for path in elsewhere) + ".\n"
    return text


def _documented_elsewhere(module: str, own: list[Entry]) -> list[str]:
    names = {entry.name for entry in own}
    by_object = {id(entry.object): entry.path for entry in entries() if entry.kind != "data"}
    exported = importlib.import_module(module)
    return [
        by_object[id(getattr(exported, name))]
        for name in exported.__all__
        if name not in names and id(getattr(exported, name)) in by_object
    ]


def _object_page(entry: Entry) -> str:
    text = _title(f"{entry.name}") + f".. currentmodule:: {entry.module}\n\n"
    if entry.kind == "function":
        return text + f".. autofunction:: {entry.name}\n" + _examples(entry)
    members = list(public_members(entry.object)) if entry.kind == "class" else []
    text += f".. auto{entry.kind}:: {entry.name}\n"
    methods = [name for name, kind in members if kind == "method"]
    properties = [name for name, kind in members if kind == "attribute"]
    if methods or properties:
        text += "\n   .. rubric:: Methods and properties\n\n"
        text += "   .. autosummary::\n      :nosignatures:\n\n"
        text += "".join(f"      ~{entry.name}.{name}\n" for name in methods + properties)
        text += "".join(f"\n   .. automethod:: {name}\n" for name in methods)
        text += "".join(f"\n   .. autoproperty:: {name}\n" for name in properties)
    return text + _examples(entry)


def _examples(entry: Entry) -> str:
    return f"\n.. minigallery:: {entry.path}\n   :add-heading: Gallery\n   :heading-level: -\n"


def _data(entry: Entry) -> str:
    """A constant with the ``#:`` comment above its definition, wherever that stands."""
    root = importlib.import_module(entry.module)
    candidates = [root.__name__]
    if hasattr(root, "__path__"):
        folder = Path(root.__path__[0])
        candidates += [f"{entry.module}.{path.stem}" for path in sorted(folder.glob("_[a-z]*.py"))]
    for candidate in candidates:
        comments = ModuleAnalyzer.for_module(candidate).find_attr_docs()
        if ("", entry.name) in comments:
            comment = "\n".join(comments["", entry.name])
            break
    else:
        comment = inspect.getdoc(type(entry.object)).splitlines()[0]
    value = repr(entry.object)
    shown = f"   :value: {value}\n" if len(value) <= 200 else ""
    body = "".join(f"   {line}\n" for line in comment.splitlines())
    return f".. py:data:: {entry.name}\n{shown}\n{body}\n"


def _title(text: str, line: str = "=", plain: str | None = None) -> str:
    return f"{text}\n{line * max(len(text), len(plain or ''))}\n\n"
