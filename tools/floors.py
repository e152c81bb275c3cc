"""Print the oldest supported versions, the floors, as requirements for pip.

    python tools/floors.py > floors.txt
    python tools/floors.py --peers > peers.txt

Every requirement ``name>=version`` of pyproject.toml becomes ``name==version``: those of
the package, of the extra ``test``, and of the extras whose packages the tests use. Two
kinds of requirement take the version of constraints.txt instead: those without a lower
bound, which only the tests need, and torch, since the package index has old releases of
it as CUDA builds of several GB only. ``--torch`` takes the floor of torch as well.

Other active-learning libraries form the second file, to be installed with ``--no-deps``:
they ask for newer releases of numpy than this package does.

``make floors`` uses this. It needs the package ``packaging``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

_ROOT = Path(__file__).parents[1]

# The tests use what these bring; `docs` builds the site, and `bench` has pins.
_EXTRAS = ("test", "data", "plot", "dask", "baal", "skactiveml", "small-text")
_PEERS = {"baal", "modal-python", "scikit-activeml", "small-text"}
_WITHOUT_EXTRA = ("modAL-python",)
_NOT_RUN = {"mypy", "ruff"}  # `make lint` runs them, at one version


def requirements(pyproject: Path) -> Iterator[Requirement]:
    """Yield each requirement of the package and the extras once, if it applies here."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    seen = set()
    optional = [line for name in _EXTRAS for line in extras[name]]
    for line in [*project["dependencies"], *optional, *_WITHOUT_EXTRA]:
        requirement = Requirement(line)
        applies = requirement.marker is None or requirement.marker.evaluate()
        if applies and requirement.name not in seen | _NOT_RUN:
            seen.add(requirement.name)
            yield requirement


def pins(constraints: Path) -> dict[str, str]:
    """Return the tested version of each package by its normalized name."""
    found = {}
    for line in constraints.read_text(encoding="utf-8").splitlines():
        if line := line.split("#")[0].strip():
            requirement = Requirement(line)
            found[canonicalize_name(requirement.name)] = _version(requirement, "==")
    return found


def floors(pyproject: Path, constraints: Path, *, torch: bool = False) -> list[str]:
    """Return one line ``name==version`` for each requirement, sorted by name.

    Parameters
    ----------
    pyproject, constraints : pathlib.Path
        The two files of the project.
    torch : bool, default=False
        Whether torch is pinned to its floor too, not to its tested version.

    Raises
    ------
    SystemExit
        If a package has neither a lower bound nor a tested version.

    """
    tested = pins(constraints)
    lines = []
    for requirement in requirements(pyproject):
        name = canonicalize_name(requirement.name)
        version = _version(requirement, ">=") or _version(requirement, "==")
        if version is None or (name == "torch" and not torch):
            version = tested.get(name)
        if version is None:
            raise SystemExit(
                f"{requirement.name} has no lower bound in {pyproject.name} and no version in"
                f" {constraints.name}: give it one of them"
            )
        lines.append(f"{name}=={version}")
    return sorted(lines)


def _version(requirement: Requirement, operator: str) -> str | None:
    versions = [part.version for part in requirement.specifier if part.operator == operator]
    return versions[0] if versions else None


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch", action="store_true", help="take the floor of torch as well")
    parser.add_argument("--peers", action="store_true", help="the other libraries alone")
    arguments = parser.parse_args()
    found = floors(_ROOT / "pyproject.toml", _ROOT / "constraints.txt", torch=arguments.torch)
    print("\n".join(line for line in found if (line.split("==")[0] in _PEERS) == arguments.peers))
