"""Progress bar of the search: objective and leading strategy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from tqdm.auto import tqdm


class SearchProgress:
    """Show the progress of a search as a tqdm bar; a context manager.

    Parameters
    ----------
    n_steps : int
        Length of the search.
    names : sequence of str
        Names of the columns of the weights.
    verbose : int
        0 hides the bar.

    """

    def __init__(self, n_steps: int, names: Sequence[str], verbose: int):
        self.names = names
        self.bar = tqdm(total=n_steps, desc="search", leave=False, disable=not verbose)

    def __enter__(self) -> SearchProgress:
        return self

    def __exit__(self, *exc: Any) -> None:
        self.bar.close()

    def update(self, step: int, objective: Tensor, weights: Tensor) -> None:
        """Show a step; reading its values waits for the device."""
        leader = int(weights.argmax())
        self.bar.update(step + 1 - self.bar.n)
        # Last, because it redraws the bar even if little time has passed.
        self.bar.set_postfix_str(
            f"objective={float(objective):.3f}, {self.names[leader]}={float(weights[leader]):.2f}"
        )
