"""Explanation: a table of the reasons for which a query picked samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from .._utils._frames import as_frame

if TYPE_CHECKING:
    from pandas import DataFrame

_SHOWN = 20  # rows of the text table


@dataclass(frozen=True, repr=False)
class Explanation:
    """Table of the reasons for which a sampler picked samples, one row per sample.

    It prints as a text table; ``rows()`` and ``to_frame()`` return it for other software.

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
        Difference to the probability of the second class; near 0, the model is uncertain.
    scores : ndarray of shape (m,), dtype float64
        Utility of the sample for the sampler, as ``query`` returns it.
    ranks : ndarray of shape (m,), dtype int64
        Rank of the score in the whole pool, 1 for the highest; ties share a rank. A batch
        builder that aims at coverage may pick samples of low rank; then ``reasons`` has
        the values that it compared.
    utilities : ndarray of shape (m, K), dtype float64
        Utility of each sample for each strategy: in [0, 1] if a sampler mixes strategies,
        on the scale of the strategy if it uses a single one. NaN for samples that were not
        considered.
    weights : ndarray of shape (m, K), dtype float64
        Weight of each strategy for each sample; rows sum to 1. With
        :class:`~skautoal.ALBLSampler` and :class:`~skautoal.TAILORSampler`, 1 for the
        strategy that picked the sample, and 0 in every column if none did.
    considered : ndarray of shape (m,), dtype bool
        False for samples that the query left out: they contain NaN
        (``on_nonfinite="skip"``), did not fit into ``max_memory``, or did not pass the
        filter of :class:`~skautoal.REFINESampler`.
    reasons : dict of str to ndarray of shape (m,)
        Values that the batch builder computed for each pick; NaN, or an empty text, for
        samples that are not in the batch. Coverage (``"joint_herding"``, ``"herding"``):
        ``newly_covered``, the share of the uncertain part of the pool that this pick
        covers and neither the labelled samples nor earlier picks do; ``nearest``, the
        nearest of these, and ``similarity`` to it; the weights that multiply the gain.
        With ``costs``: ``cost`` and ``utility_per_cost``.

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
    >>> sorted(explanation.rows()[0])[:5]
    ['considered', 'index', 'margin', 'place', 'prediction']

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
    considered: np.ndarray
    reasons: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def contributions(self) -> np.ndarray:
        """Weight times utility, (m, K): the share of each strategy in the scores.

        Rows sum to ``scores`` for samplers that mix strategies.
        """
        return self.weights * self.utilities

    def rows(self) -> list[dict[str, Any]]:
        """Return one dict per sample, in the order of the indices.

        Returns
        -------
        rows : list of dict
            With the keys ``index``, ``place``, ``prediction``, ``probability``,
            ``margin``, ``score``, ``rank``, ``considered``, then ``utility_NAME`` and
            ``weight_NAME`` of each strategy, and the ``reasons`` by their names.

        """
        columns = {
            "index": self.indices,
            "place": self.places,
            "prediction": self.predictions,
            "probability": self.probabilities,
            "margin": self.margins,
            "score": self.scores,
            "rank": self.ranks,
            "considered": self.considered,
        }
        for k, name in enumerate(self.strategies):
            columns[f"utility_{name}"] = self.utilities[:, k]
            columns[f"weight_{name}"] = self.weights[:, k]
        columns |= self.reasons
        values = zip(*(column.tolist() for column in columns.values()), strict=True)
        return [dict(zip(columns, row, strict=True)) for row in values]

    def to_frame(self) -> DataFrame:
        """Return the rows as a pandas DataFrame; needs pandas (the extra ``data``).

        Returns
        -------
        frame : DataFrame

        """
        return as_frame(self.rows())

    def __repr__(self) -> str:
        head = ["index", "place", "prediction", "margin", "score", "rank"]
        table = [[*head, *self.reasons, *self.strategies]]
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
                    *(_cell(column[i]) for column in self.reasons.values()),
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
        return "\n".join([*lines, "The column of a strategy shows utility x weight."])


def _cell(value: Any) -> str:
    """Return the text of a reason; a dash if there is none."""
    if isinstance(value, str):
        return value or "-"
    return "-" if np.isnan(value) else f"{value:.3g}"


def check_indices(indices: Sequence[int], n: int) -> np.ndarray:
    """Return rows of a pool of n samples as an array (m,) int64, m >= 1.

    Raises
    ------
    TypeError
        If ``indices`` is not a list of integers.
    ValueError
        If one of them is not in the pool.

    """
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
