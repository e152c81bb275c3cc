"""Labelling budgets: labels at the start, labels per round, number of rounds."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral


@dataclass(frozen=True)
class Budget:
    """A labelling budget: labels at the start, labels per round, number of rounds.

    Parameters
    ----------
    name : str
        Name in tables.
    n_initial : int
        Number of labels at the start.
    n_instances : int
        Number of labels added in each round.
    n_rounds : int
        Number of rounds.

    Examples
    --------
    >>> from skautoal.simulation import Budget
    >>> budget = Budget("small", n_initial=10, n_instances=5, n_rounds=4)
    >>> budget.n_labels
    30
    >>> budget.fit_to(n_pool=40)
    Budget(name='small', n_initial=6, n_instances=3, n_rounds=4)

    """

    name: str
    n_initial: int
    n_instances: int
    n_rounds: int

    def __post_init__(self) -> None:
        for name, least in (("n_initial", 1), ("n_instances", 1), ("n_rounds", 0)):
            value = getattr(self, name)
            if not isinstance(value, Integral) or value < least:
                raise ValueError(f"'{name}' must be an integer >= {least}; got {value!r}.")
            # Result files hold budgets as JSON, which does not know NumPy's integers.
            object.__setattr__(self, name, int(value))

    @property
    def n_labels(self) -> int:
        """Number of labels at the end."""
        return self.n_initial + self.n_rounds * self.n_instances

    def fit_to(self, n_pool: int) -> Budget:
        """Return the budget, scaled down if it would label more than half of a pool.

        Parameters
        ----------
        n_pool : int
            Number of samples in the pool.

        Returns
        -------
        budget : Budget
            The same budget if it fits.

        """
        share = n_pool / 2 / self.n_labels
        if share >= 1:
            return self
        n_initial = max(1, int(share * self.n_initial))
        n_instances = max(1, int(share * self.n_instances))
        n_rounds = min(self.n_rounds, max(0, (n_pool // 2 - n_initial) // n_instances))
        return Budget(self.name, n_initial, n_instances, n_rounds)
