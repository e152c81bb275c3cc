"""SignalOptions: how the signals of a sampler are computed."""

from __future__ import annotations

from numbers import Integral

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, validate_parameter_constraints

from ..data import check_memory


class SignalOptions(BaseEstimator):
    """Options for the signals that a sampler computes from its net.

    Parameters
    ----------
    embedding_layer : str, default="auto"
        Name of the submodule whose input is the embedding. ``"auto"`` takes the last
        linear layer that is executed and as wide as the output.
    n_passes : int, default=10
        Number of MC-dropout passes, at least 2.
    n_members : int, default=5
        Number of nets in an ensemble, at least 2.
    max_memory : int, str or None, default=None
        Memory for the signals of a pool and the work on them, in bytes or as text like
        ``"2GB"``. None sets no limit. Beyond it, strategies that score each sample by itself
        still see the whole pool; others see a random part of it, chosen by content.

    Examples
    --------
    >>> from skautoal import SignalOptions, StrategySampler
    >>> sampler = StrategySampler(strategy="bald", signals=SignalOptions(n_passes=20))
    >>> sampler.set_params(signals__n_passes=30).signals.n_passes
    30

    """

    _parameter_constraints: dict = {
        "embedding_layer": [str],
        "n_passes": [Interval(Integral, 2, None, closed="left")],
        "n_members": [Interval(Integral, 2, None, closed="left")],
        "max_memory": "no_validation",  # check_memory says what is wrong with it
    }

    def __init__(
        self,
        embedding_layer: str = "auto",
        *,
        n_passes: int = 10,
        n_members: int = 5,
        max_memory: int | str | None = None,
    ):
        self.embedding_layer = embedding_layer
        self.n_passes = n_passes
        self.n_members = n_members
        self.max_memory = max_memory

    def check(self) -> None:
        """Raise an error that names the first parameter with a wrong value."""
        validate_parameter_constraints(
            self._parameter_constraints, self.get_params(deep=False), "SignalOptions"
        )
        check_memory(self.max_memory)
