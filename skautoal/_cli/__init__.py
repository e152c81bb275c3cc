"""The console command ``skautoal``: compare, report, list, query."""

from ._main import main

__all__ = ["main"]
