"""The command ``skautoal list``: every method with a line of explanation."""

from __future__ import annotations

import inspect
import re
import shutil
import textwrap

from ..samplers import StrategySampler
from ..simulation import list_methods
from ..simulation.runs._methods import as_sampler

#: AutoALSampler stands behind several names, so its docstring cannot tell them apart; the
#: oracle has no class that users see.
_CONFIGURATIONS = {
    "auto": "AutoALSampler with its defaults: several strategies with equal weights.",
    "search": "AutoALSampler that learns the weights of its strategies in each round.",
    "vote": "AutoALSampler with equal weights; takes the samples of highest utility.",
    "paper": "AutoALSampler as in the paper of AutoAL: its strategies, learned weights.",
    "oracle": "Reference for comparisons: buys the best of 100 batches by their true labels.",
}
_WIDEST = 100
_ROLE = re.compile(r":\w+:`~?([^`]+)`")


def print_methods() -> None:
    """Print the names of all methods, aligned, each with one sentence."""
    names = list_methods()
    column = max(map(len, names)) + 2
    width = min(_WIDEST, shutil.get_terminal_size((_WIDEST, 24)).columns)
    print("METHOD".ljust(column) + "IN WORDS")
    for name in names:
        print(
            textwrap.fill(
                summary(name),
                max(width, column + 20),  # something must fit beside the names
                initial_indent=name.ljust(column),
                subsequent_indent=" " * column,
                break_on_hyphens=False,
            )
        )
    print("\nGive names to 'skautoal query --strategy' or 'skautoal compare --strategies'.")
    print("Only 'skautoal compare' has the labels that the oracle needs.")


def summary(name: str) -> str:
    """Return one sentence about a method: the summary of its class, without markup."""
    if name in _CONFIGURATIONS:
        return _CONFIGURATIONS[name]
    method = as_sampler(name)
    if isinstance(method, StrategySampler):
        method = method.strategy
    text = (inspect.getdoc(type(method)) or "").split("\n\n")[0]
    return _ROLE.sub(r"\1", " ".join(text.split())).replace("`", "")
