"""The rooms of the package: imports go one way, skorch is imported in one room alone."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import skautoal

ROOT = Path(skautoal.__file__).parent
#: Each room may import itself and the rooms before it.
ROOMS = (
    "exceptions",
    "_version",
    "_utils",
    "data",
    "modules",
    "nets",
    "ops",
    "signals",
    "strategies",
    "mixing",
    "search",
    "samplers",
    "baselines",
    "pipeline",
    "campaign",
    "plot",
    "interop",
    "simulation",
    "_cli",
    "__main__",
)
FILES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> list[tuple[str, int]]:
    """Absolute names of the modules that a file imports, those in functions as well."""
    package = ["skautoal", *path.relative_to(ROOT).parts[:-1]]
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            if node.level and not node.module:  # from . import module
                names += [(f"{module}.{alias.name}", node.lineno) for alias in node.names]
            else:
                names.append((module, node.lineno))
    return names


def test_every_file_is_in_a_room():
    found = {module_of(path).partition(".")[0] for path in FILES}
    assert found == set(ROOMS)


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_imports_go_one_way(path):
    room = ROOMS.index(module_of(path).partition(".")[0])
    upwards = [
        f"line {line}: {name}"
        for name, line in imported(path)
        if name.startswith("skautoal.") and ROOMS.index(name.split(".")[1]) > room
    ]
    assert not upwards
    # The package itself is lazy: importing it would hide what is really used.
    assert "skautoal" not in [name for name, _ in imported(path)]


#: Rooms within the simulation.
SIMULATION = ("tasks", "runs", "analysis")


def test_imports_within_the_simulation_go_one_way():
    seen = set()
    for path in FILES:
        _, _, room = module_of(path).partition("simulation.")
        if not room:
            continue
        for name, line in imported(path):
            other = name.removeprefix("skautoal.simulation.").split(".")[0]
            if name.startswith("skautoal.simulation") and other in SIMULATION:
                here = SIMULATION.index(room.split(".")[0])
                assert SIMULATION.index(other) <= here, f"{path}:{line} imports {name}"
                seen.add((room.split(".")[0], other))
    assert ("analysis", "runs") in seen
    assert ("runs", "tasks") in seen


def test_skorch_is_imported_by_nets_alone():
    rooms = {
        module_of(path).partition(".")[0]
        for path in FILES
        for name, _ in imported(path)
        if name.partition(".")[0] == "skorch"
    }
    assert rooms == {"nets"}


def test_at_most_four_private_files_at_the_root():
    private = [path.name for path in ROOT.glob("_*.py") if path.name[:2] != "__"]
    assert len(private) <= 4
