"""Files are never unpickled: no code does it, and a file that counts on it does nothing."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

import skautoal
from skautoal.simulation import load_npz_task
from tests._fuzz import harmless
from tests._internals import main

PACKAGE = Path(skautoal.__file__).parent

# Modules that unpickle or run what they read, and what loads files in modules that do more.
FORBIDDEN_MODULES = {
    *("pickle", "_pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "yaml"),
    *("importlib", "runpy", "code", "subprocess"),
}
FORBIDDEN_CALLS = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "torch.load"),
    *("joblib.load", "load_params", "pandas.read_pickle", "torch.jit.load", "torch.hub.load"),
}
METADATA = "importlib.metadata"  # versions of what is installed
# Imports of the package's own modules by names that stand in the source.
ALLOWED = {"__init__.py": ["importlib"]}
# These take 'allow_pickle', or unpickle without it.
NUMPY_READERS = {"np.load", "numpy.load", "np.lib.format.read_array"}


def _name(node: ast.expr) -> str:
    """``a.b.c`` of a call, as far as it is made of names."""
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value)}.{node.attr}".lstrip(".")
    return node.id if isinstance(node, ast.Name) else ""


def _is_forbidden(call: ast.Call) -> bool:
    name = _name(call.func)
    if name in FORBIDDEN_CALLS or name.split(".")[-1] in {"load_params", "read_pickle"}:
        return True
    plain = [
        keyword.arg == "allow_pickle" and getattr(keyword.value, "value", None) is False
        for keyword in call.keywords
    ]
    return name in NUMPY_READERS and not any(plain)


def offences(source: str) -> list[str]:
    """What in a source could unpickle a file or run what is in it."""
    found = []
    for node in ast.walk(ast.parse(source)):
        imported = []
        if isinstance(node, ast.Import):
            imported = [alias.name.split(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module != METADATA:
            imported = [(node.module or "").split(".")[0]]
            imported += [f"{node.module}.{alias.name}" for alias in node.names]
        found += [name for name in imported if name in FORBIDDEN_MODULES | FORBIDDEN_CALLS]
        if isinstance(node, ast.Call) and _is_forbidden(node):
            found.append(ast.unparse(node))
    return found


def test_nothing_in_the_package_can_unpickle_a_file():
    sources = sorted(PACKAGE.rglob("*.py"))
    assert len(sources) > 150
    found = {
        path.relative_to(PACKAGE).as_posix(): offences(path.read_text(encoding="utf-8"))
        for path in sources
    }
    assert {name: what for name, what in found.items() if what} == ALLOWED


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import os, marshal",
        "import importlib",
        "from torch import load",
        "from joblib import Parallel, load",
        "torch.load(path)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=trusted)",
        "net.load_params(f_params=path)",
        "def read(text):\n    return eval(text)",
    ],
)
def test_the_search_finds(source):
    assert len(offences(source)) == 1


def test_the_search_lets_pass():
    assert offences("np.load(path, allow_pickle=False); json.load(file); module.eval()") == []
    assert offences("from importlib.metadata import version") == []


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def bomb(tmp_path):
    """A folder with arrays that run code when they are unpickled, and a mark that they did."""
    mark = tmp_path / "exploded"
    objects = np.array([Bomb(mark)] * 4, dtype=object)
    np.save(tmp_path / "pool.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "labeled.npz", X=np.zeros((4, 2)), y=objects)
    np.savez(
        tmp_path / "task.npz", X_train=objects, y_train=objects, X_test=objects, y_test=objects
    )
    (tmp_path / "plain.npy").write_bytes((tmp_path / "pool.npy").read_bytes()[128:])  # the pickle
    yield tmp_path
    assert not mark.exists()


def test_the_bomb_explodes(bomb):
    """Else nothing is shown here."""
    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        np.load(bomb / "pool.npy", allow_pickle=False)
    np.load(bomb / "pool.npy", allow_pickle=True)
    (bomb / "exploded").unlink()


@pytest.mark.parametrize("pool", ["pool.npy", "plain.npy"])
def test_the_command_line_defuses_it(bomb, pool, capsys):
    np.savez(bomb / "good.npz", X=np.zeros((4, 2)), y=[0, 1, 0, 1])
    for labeled in ("good.npz", "labeled.npz"):
        arguments = ["--labeled", str(bomb / labeled), "--pool", str(bomb / pool)]
        with harmless(seconds=30.0):
            code = main(["query", *arguments, "--n-instances", "1", "--out", str(bomb / "out.npy")])
        assert code != 0
        assert "plain" in capsys.readouterr().err
        assert not (bomb / "out.npy").exists()


def test_a_task_defuses_it(bomb):
    with harmless(), pytest.raises(ValueError, match="plain arrays"):
        load_npz_task(bomb / "task.npz")
