"""tools/floors.py: the oldest supported versions, as `make floors` installs them."""

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("tomllib")  # Python 3.11; make floors brings tomli for 3.10

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("floors", ROOT / "tools" / "floors.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(folder: Path, dependencies: list[str], constraints: str) -> tuple[Path, Path]:
    extras = {name: [] for name in ("data", "plot", "dask", "baal", "skactiveml", "small-text")}
    extras["test"] = ["pytest>=9.0", "ruff>=0.15", "old>=1.0; python_version < '3'"]
    lines = ["[project]", f"dependencies = {dependencies}", "[project.optional-dependencies]"]
    lines += [f"{name} = {requirements}" for name, requirements in extras.items()]
    project = folder / "pyproject.toml"
    project.write_text("\n".join(lines))
    pins = folder / "constraints.txt"
    pins.write_text(constraints)
    return project, pins


def test_lower_bounds_become_pins(tool, tmp_path):
    files = write(tmp_path, ["numpy>=1.26,<3", "torch>=2.4"], "torch==2.13.0\nmodAL-python==0.4\n")
    expected = ["modal-python==0.4", "numpy==1.26", "pytest==9.0", "torch==2.13.0"]
    assert tool.floors(*files) == expected
    assert tool.floors(*files, torch=True) == [*expected[:-1], "torch==2.4"]


def test_a_package_without_any_version_is_named(tool, tmp_path):
    files = write(tmp_path, ["structlog"], "modAL-python==0.4  # no dependencies\n")
    with pytest.raises(SystemExit, match="structlog has no lower bound"):
        tool.floors(*files)


def test_the_project_has_a_floor_for_each_dependency(tool):
    found = tool.floors(ROOT / "pyproject.toml", ROOT / "constraints.txt")
    names = [line.split("==")[0] for line in found]
    assert {"joblib", "numpy", "scikit-learn", "scipy", "skorch", "torch", "tqdm"} <= set(names)
    assert {"mypy", "ruff"}.isdisjoint(names)
    assert len(names) == len(set(names))
