"""Warnings that point at the user's code, however deep in the package they arise."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

_PACKAGE = str(Path(__file__).parents[1])


def warn_caller(message: str, category: type[Warning]) -> None:
    """Emit a warning that points at the first frame outside of the package.

    Nested calls, pipelines and adapters differ in their number of frames, so a fixed
    ``stacklevel`` would point into the package in some of them.
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
