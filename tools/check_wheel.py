"""Install a wheel into an empty environment and use it there: python tools/check_wheel.py WHEEL.

The environment is made in a temporary folder, away from the sources, and gets nothing but
the wheel and what its metadata asks for, in the versions of ``constraints.txt``.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]

#: Run in the new environment. One core, and no look at the user's own packages.
SMOKE = """
import importlib.metadata, pathlib, sys
import skautoal
from sklearn.datasets import make_blobs
from sklearn.preprocessing import StandardScaler
from skautoal.pipeline import make_pipeline

home = pathlib.Path(skautoal.__file__).parent
assert pathlib.Path(sys.prefix) in home.parents, f"imported from {home}"
assert (home / "py.typed").exists(), "py.typed is missing"
version = importlib.metadata.version("skautoal")
assert version == skautoal.__version__, (version, skautoal.__version__)

X, y = make_blobs(60, centers=3, random_state=0)
pipe = make_pipeline(StandardScaler(), skautoal.AutoALSampler(random_state=0))
idx = pipe.fit(X[:12], y[:12]).query(X[12:], n_instances=5)
assert len(set(idx.tolist())) == 5
assert len(pipe.explain(X[12:], idx)) == 5
pipe.teach(X[12:][idx], y[12:][idx])
print(f"skautoal {version} asks for {idx.tolist()}")
"""


def main(wheel: Path) -> None:
    """Make the environment, install, run the smoke test and the command."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "env"
        venv.create(home, with_pip=True)
        binaries = home / ("Scripts" if sys.platform == "win32" else "bin")
        constraints = ROOT / "constraints.txt"
        _run(binaries / "python", "-m", "pip", "install", "-q", "-c", constraints, wheel)
        installed = time.perf_counter()
        _run(binaries / "python", "-I", "-W", "error", "-c", SMOKE, cwd=folder)
        _run(binaries / "skautoal", "--help", cwd=folder, stdout=subprocess.DEVNULL)
    print(
        f"{wheel.name}: installed in {installed - start:.0f} s,"
        f" works ({time.perf_counter() - installed:.0f} s)"
    )


def _run(*command, **options) -> None:
    subprocess.run([str(part) for part in command], check=True, **options)


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_file():
        sys.exit(f"usage: {sys.argv[0]} WHEEL (an existing file); got {sys.argv[1:]}")
    main(Path(sys.argv[1]).resolve())
