"""Why samples were picked: what each strategy thought of them, and how it was weighed."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from .._frames import as_frame
from ..signals import Signals
from ..strategies._base import check_n_instances

_SHOWN = 20  # rows of the text table


@dataclass(frozen=True)
class Opinions:
    """What strategies thought of a pool in one query, and what weight that had.

    Attributes
    ----------
    names : list of str
        Names of the K strategies.
    utilities : Tensor of shape (n, K)
        Higher is better.
    weights : Tensor of shape (n, K)
        Trust in each strategy for each sample.

    """

    names: list[str]
    utilities: Tensor
    weights: Tensor

    @classmethod
    def of_one(cls, name: str, utilities: Tensor) -> Opinions:
        """Opinions where a single strategy, or the sampler as a whole, decides."""
        return cls([name], utilities[:, None], torch.ones_like(utilities)[:, None])


@dataclass(frozen=True, repr=False)
class Explanation:
    """Why a sampler picked some samples of a pool, one row a sample.

    Printed, it is a table; ``rows()`` and ``to_frame()`` give it to other software.

    Attributes
    ----------
    strategies : list of str
        Names of the K strategies, and ``"predicted_loss"`` where a sampler learns to
        predict losses.
    indices : ndarray of shape (m,), dtype int64
        Rows of the pool.
    places : ndarray of shape (m,), dtype int64
        Place in the batch, 1 for the first pick; 0 for samples that are not in it.
    predictions : ndarray of shape (m,)
        Most probable class.
    probabilities : ndarray of shape (m,), dtype float64
        Its probability.
    margins : ndarray of shape (m,), dtype float64
        Distance to the probability of the second class; near 0, the model is torn.
    scores : ndarray of shape (m,), dtype float64
        Utility of the sample for the sampler, as ``query`` returns it.
    ranks : ndarray of shape (m,), dtype int64
        Rank of the score in the whole pool, 1 for the highest; ties share a rank. A pick
        of low rank was taken for its difference from the picks before it.
    utilities : ndarray of shape (m, K), dtype float64
        What each strategy thought of each sample: in [0, 1] where a sampler mixes
        strategies, on the scale of the strategy where it asks just one.
    weights : ndarray of shape (m, K), dtype float64
        Trust in each strategy for each sample; rows sum to 1. With
        :class:`~skautoal.ALBLSampler` and :class:`~skautoal.TAILORSampler`, 1 for the
        strategy that brought the sample, and 0 in every column if none did.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skautoal import StrategySampler
    >>> X, y = make_blobs(60, centers=3, random_state=0)
    >>> sampler = StrategySampler(strategy="margin", random_state=0).fit(X[:12], y[:12])
    >>> idx = sampler.query(X[12:], n_instances=3)
    >>> explanation = sampler.explain(X[12:], idx)
    >>> explanation.places.tolist(), explanation.ranks.tolist(), explanation.strategies
    ([1, 2, 3], [1, 2, 3], ['Margin'])
    >>> sorted(explanation.rows()[0])[:4]
    ['index', 'margin', 'place', 'prediction']

    """

    strategies: list[str]
    indices: np.ndarray
    places: np.ndarray
    predictions: np.ndarray
    probabilities: np.ndarray
    margins: np.ndarray
    scores: np.ndarray
    ranks: np.ndarray
    utilities: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def contributions(self) -> np.ndarray:
        """Weight times utility, (m, K): what each strategy added.

        Rows sum to ``scores`` for samplers that mix strategies.
        """
        return self.weights * self.utilities

    def rows(self) -> list[dict]:
        """One dict a sample, in the order of the indices.

        Returns
        -------
        rows : list of dict
            With the keys ``index``, ``place``, ``prediction``, ``probability``,
            ``margin``, ``score``, ``rank``, then ``utility_NAME`` and ``weight_NAME`` of
            each strategy.

        """
        columns = {
            "index": self.indices,
            "place": self.places,
            "prediction": self.predictions,
            "probability": self.probabilities,
            "margin": self.margins,
            "score": self.scores,
            "rank": self.ranks,
        }
        for k, name in enumerate(self.strategies):
            columns[f"utility_{name}"] = self.utilities[:, k]
            columns[f"weight_{name}"] = self.weights[:, k]
        values = zip(*(column.tolist() for column in columns.values()), strict=True)
        return [dict(zip(columns, row, strict=True)) for row in values]

    def to_frame(self):
        """The rows as a pandas DataFrame; needs pandas (the extra ``data``).

        Returns
        -------
        frame : DataFrame

        """
        return as_frame(self.rows())

    def __repr__(self) -> str:
        head = ["index", "place", "prediction", "margin", "score", "rank", *self.strategies]
        table = [head]
        for i in range(min(len(self), _SHOWN)):
            cells = zip(self.utilities[i], self.weights[i], strict=True)
            table.append(
                [
                    f"{self.indices[i]}",
                    f"{self.places[i] or '-'}",
                    f"{self.predictions[i]} ({self.probabilities[i]:.2f})",
                    f"{self.margins[i]:.2f}",
                    f"{self.scores[i]:.3g}",
                    f"{self.ranks[i]}",
                    *(f"{utility:.3g} x {weight:.2f}" for utility, weight in cells),
                ]
            )
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            for row in table
        ]
        if len(self) > _SHOWN:
            lines.append(f"... {len(self)} rows; to_frame() gives all.")
        return "\n".join([*lines, "A column of a strategy shows utility x weight."])


class ExplainMixin:
    """Adds ``explain`` to samplers; those with strategies override ``_opinions``."""

    def explain(self, X_unlabeled, indices, *, n_instances=None) -> Explanation:
        """Say why samples of a pool were picked, or were not.

        Parameters
        ----------
        X_unlabeled : array-like, DataFrame, tensor, dict of them, or torch Dataset
            The pool that was queried, (n_pool, ...).
        indices : array-like of int of shape (m,)
            Rows to explain: what ``query`` returned, or any others.
        n_instances : int, optional
            Size of the batch that was asked for; by default as many as there are
            ``indices``.

        Returns
        -------
        explanation : Explanation
            One row for each of ``indices``: prediction and margin of the model, utility
            and weight of each strategy, mixed score, its rank in the pool, and place in
            the batch.

        Raises
        ------
        TypeError
            If ``indices`` is not a list of integers.
        ValueError
            If one of them is not in the pool.

        Notes
        -----
        The query is repeated, which takes as long again and changes nothing. Costs are
        not part of it: places are those of a query without them.

        """
        return explain_query(self, X_unlabeled, indices, n_instances)

    def _opinions(self, signals: Signals, n_instances: int, seed: int, answer: tuple) -> Opinions:
        """What the strategies thought of the pool; ``answer`` is what ``_pick`` returned."""
        return Opinions.of_one(type(self).__name__, answer[1])


def pool_signals(sampler, X_unlabeled) -> Signals:
    """Signals of a pool, those that a query would see."""
    check_is_fitted(sampler, "estimator_")
    pool = sampler._check_pool(X_unlabeled, "X_unlabeled")
    seed = sampler._round_seed("mc")
    signals = sampler._task.signals(pool, n_passes=sampler.n_passes, seed=seed)
    signals.read(sampler._needs())
    return signals


def explain_query(sampler, X_unlabeled, indices, n_instances: int | None) -> Explanation:
    """Repeat a query on a copy of ``sampler``, which stays as it is, and say how it went."""
    signals = pool_signals(sampler, X_unlabeled)
    indices = check_indices(indices, signals.n_samples)
    requested = len(indices) if n_instances is None else n_instances
    n_instances = check_n_instances(requested, signals.n_samples)
    seed = sampler._round_seed("query")
    twin = copy.copy(sampler)
    answer = twin._pick(signals, n_instances, seed)
    opinions = twin._opinions(signals, n_instances, seed, answer)
    picks, scores = _as_array(answer[0]), _as_array(answer[1])
    places = np.zeros(len(scores), dtype=np.int64)
    places[picks] = np.arange(1, len(picks) + 1)
    ordered = np.sort(scores)
    top = signals.probabilities[torch.as_tensor(indices, device=signals.device)].topk(2)
    values = _as_array(top.values).astype(np.float64)
    return Explanation(
        strategies=list(opinions.names),
        indices=indices,
        places=places[indices],
        predictions=sampler.classes_[_as_array(top.indices)[:, 0]],
        probabilities=values[:, 0],
        margins=values[:, 0] - values[:, 1],
        scores=scores[indices].astype(np.float64),
        ranks=1 + len(scores) - np.searchsorted(ordered, scores[indices], side="right"),
        utilities=_as_array(opinions.utilities)[indices].astype(np.float64),
        weights=_as_array(opinions.weights)[indices].astype(np.float64),
    )


def check_indices(indices: Sequence[int], n: int) -> np.ndarray:
    """Rows of a pool of n samples, (m,) int64, m >= 1; refuses anything else."""
    rows = np.asarray(indices)
    if rows.ndim != 1 or len(rows) == 0 or rows.dtype.kind not in "iu":
        raise TypeError(
            "'indices' must be a list or 1-D array of at least one row of the pool, such as"
            f" query returns; got {indices!r:.100}."
        )
    outside = rows[(rows < 0) | (rows >= n)]
    if len(outside):
        raise ValueError(
            f"'indices' holds {outside[:5].tolist()}, but the pool has {n} samples, rows 0 to"
            f" {n - 1}. Give the pool that was queried."
        )
    return rows.astype(np.int64)


def _as_array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
