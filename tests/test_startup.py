"""Nothing heavy is imported before it is used, and everything public is found all the same."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import skautoal

#: Packages that take long to import, or that need not be installed.
HEAVY = {
    *("torch", "scipy", "sklearn", "numpy", "skorch", "joblib", "tqdm", "threadpoolctl"),
    *("pandas", "pyarrow", "matplotlib", "PIL"),
}
#: Last line of what it prints: the packages that a process has imported.
REPORT = "\nimport sys; print(*sorted({name.split('.')[0] for name in sys.modules}))"
COMMAND = """
import runpy, sys
sys.argv[1:] = {arguments}
try:
    runpy.run_module("skautoal", run_name="__main__")
except SystemExit as exc:
    assert exc.code == 0
"""


def imported_by(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", code + REPORT], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "code",
    [
        "import skautoal; skautoal.__version__; dir(skautoal)",
        "from skautoal import exceptions",
        COMMAND.format(arguments=["--help"]),
        COMMAND.format(arguments=["--version"]),
        COMMAND.format(arguments=["compare", "--help"]),
        COMMAND.format(arguments=["query", "--help"]),
    ],
)
def test_nothing_heavy_is_imported(code):
    assert HEAVY & imported_by(code) == set()


def test_modules_are_attributes():
    code = "import skautoal\nassert skautoal.strategies.Margin().name == 'Margin'"
    code += "\nassert skautoal.simulation.Task.__name__ == 'Task'"
    assert "torch" in imported_by(code)  # else nothing is shown above


def test_every_public_name_and_module_is_found():
    for name in skautoal.__all__:
        assert getattr(skautoal, name) is not None
    found = [info.name for info in pkgutil.iter_modules(skautoal.__path__)]
    public = {name for name in found if not name.startswith("_")}
    assert set(dir(skautoal)) == {*skautoal.__all__, *public}
    for name in public:
        assert getattr(skautoal, name) is importlib.import_module(f"skautoal.{name}")


def test_type_checkers_see_the_same_names():
    tree = ast.parse(Path(skautoal.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    assert ast.unparse(block.test) == "TYPE_CHECKING"
    seen = {alias.name for node in block.body for alias in node.names}
    assert seen | {"__version__"} == set(dir(skautoal))
    for node in block.body:
        for alias in node.names:
            if node.module:
                home = importlib.import_module(f"skautoal.{node.module}")
                assert getattr(skautoal, alias.name) is getattr(home, alias.name)


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="'skautoal' has no attribute 'AutoAlSampler'"):
        _ = skautoal.AutoAlSampler
    assert not hasattr(skautoal, "_nothing")


def test_the_benchmark_of_start_up_runs(capsys, monkeypatch):
    path = Path(__file__).parents[1] / "benchmarks" / "startup.py"
    spec = importlib.util.spec_from_file_location("startup_benchmark", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setattr(script, "CASES", {"skautoal --help": script.CASES["skautoal --help"]})
    script.main(["--repeats", "1"])
    name, seconds = capsys.readouterr().out.splitlines()[-1].rsplit(maxsplit=1)
    assert name == "skautoal --help"
    assert float(seconds) > 0
