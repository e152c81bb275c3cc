"""Processor time until the package and its command are there: imports and help texts.

Each case runs in processes of its own, which start with compiled modules in the disk's
cache; the figure is the median over processes.

    python benchmarks/startup.py
"""

from __future__ import annotations

import argparse
import platform
import resource
import statistics
import subprocess
import sys

#: Name and arguments of Python.
CASES = {
    "python alone": ["-c", "pass"],
    "import skautoal": ["-c", "import skautoal"],
    "skautoal --help": ["-m", "skautoal", "--help"],
    "skautoal --version": ["-m", "skautoal", "--version"],
    "skautoal query --help": ["-m", "skautoal", "query", "--help"],
    "skautoal list": ["-m", "skautoal", "list"],
    "import torch": ["-c", "import torch"],
    "from skautoal import AutoALSampler": ["-c", "from skautoal import AutoALSampler"],
    "import skautoal.simulation": ["-c", "import skautoal.simulation"],
}


def processor_seconds(arguments: list[str]) -> float:
    """Return the processor time, user and system, of one run of Python."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(arguments=None) -> None:
    """Print a line for each case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="processes a case (default: 5)")
    options = parser.parse_args(arguments)
    print(
        f"{platform.machine()}, Python {platform.python_version()};"
        f" processor seconds, median of {options.repeats}"
    )
    for name, command in CASES.items():
        processor_seconds(command)  # compiles what changed, and fills the disk's cache
        seconds = statistics.median(processor_seconds(command) for _ in range(options.repeats))
        print(f"{name:36s} {seconds:6.2f}", flush=True)


if __name__ == "__main__":
    main()
