"""Says what a build of the documentation is doing: one line for each step.

``make docs`` runs Sphinx with ``-q``, which is silent for minutes; these lines are
printed all the same.
"""

from __future__ import annotations

import time
from pathlib import Path

_STARTED = time.perf_counter()


def say(text: str) -> None:
    """Print a line with the seconds since the start of the build.

    Parameters
    ----------
    text : str
        What is being done.

    """
    print(f"[{time.perf_counter() - _STARTED:4.0f} s] {text}", flush=True)


def announce_example(gallery_conf: dict, file_name: str) -> None:
    """Name an example before it runs; sphinx-gallery calls this as a ``reset_modules``."""
    say(f"gallery: {Path(file_name).name}")


def _before_reading(app, env, changed: list[str]) -> None:
    say(f"pages: reading {len(changed)}")


def _before_writing(app, env) -> None:
    say("pages: writing")


def _finished(app, exception) -> None:
    if exception is None:
        say(f"site: {app.outdir}/index.html")


def setup(app) -> dict:
    """Connect the lines to the steps of a build; called by Sphinx."""
    app.connect("env-before-read-docs", _before_reading)
    app.connect("env-check-consistency", _before_writing)
    app.connect("build-finished", _finished)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
