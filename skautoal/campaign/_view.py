"""Read-only properties of a campaign, and its audit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .._utils._frames import as_frame
from ._audit import audit_rows
from ._files import CampaignFiles
from ._state import CampaignState

if TYPE_CHECKING:
    import pandas as pd


class CampaignView:
    """Base of :class:`LabelingCampaign` with the properties that only read its state."""

    _files: CampaignFiles
    _state: CampaignState

    @property
    def folder(self) -> Path:
        """Folder of the campaign."""
        return self._files.folder

    @property
    def labeled(self) -> np.ndarray:
        """Rows of the pool that have a label, sorted, of shape (n_labeled,), int64."""
        return self._state.labeled()

    @property
    def labels(self) -> np.ndarray:
        """Labels of :attr:`labeled`, of shape (n_labeled,)."""
        return np.array([self._state.labels[index] for index in self.labeled.tolist()])

    @property
    def pending(self) -> np.ndarray:
        """Rows that were asked for and have no answer yet, in the order of asking, int64."""
        return np.array(list(self._state.pending), dtype=np.int64)

    @property
    def skipped(self) -> np.ndarray:
        """Rows that were skipped, sorted, int64."""
        return np.array(sorted(self._state.refused), dtype=np.int64)

    @property
    def n_rounds(self) -> int:
        """Number of calls of ``ask`` that returned samples."""
        return self._state.n_rounds

    @property
    def agreements(self) -> list[float]:
        """Cohen's kappa between the models of successive rounds; see :class:`StablePredictions`."""
        return list(self._state.agreements)

    def audit(self) -> list[dict]:
        """Return the history of every sample that was asked for, labelled or skipped.

        Returns
        -------
        rows : list of dict
            One dict per sample, in the order in which the samples first appear:

            - ``index``: row of the pool.
            - ``status``: ``"pending"``, ``"labeled"`` or ``"skipped"``.
            - ``label``: the current label; ``labels``: all labels it has had.
            - ``chosen_by``: the sampler, the cold start, or ``"user"`` for a label that was
              told without being asked for.
            - ``round`` and ``place``: round of the campaign and position in its batch.
            - ``n_labeled``: number of labels the model was trained on.
            - ``predicted`` and ``probability``: prediction of the model at that time.
            - ``strategy_weights``: weight of each strategy for this sample.
            - ``asked_at``, ``answered_at`` and ``annotator``.

        """
        return audit_rows(self._files.steps())

    def audit_frame(self) -> pd.DataFrame:
        """Return the audit as a pandas DataFrame.

        Returns
        -------
        frame : DataFrame
            The rows of :meth:`audit`, with one column per strategy weight. pandas is
            required (the extra ``data``).

        """
        rows = self.audit()
        for row in rows:
            weights = row.pop("strategy_weights")
            row |= {f"weight_{name}": weight for name, weight in weights.items()}
        return as_frame(rows)

    def __repr__(self) -> str:
        state = self._state
        taken = len(state.labels) + len(state.pending) + len(state.refused)
        return (
            f"LabelingCampaign({len(state.labels)} labeled, {len(state.pending)} pending,"
            f" {len(state.refused)} skipped, {state.n_pool - taken} free,"
            f" round {state.n_rounds})"
        )
