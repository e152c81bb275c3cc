"""Read-only properties of a campaign."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ._files import CampaignFiles
from ._state import CampaignState


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

    def __repr__(self) -> str:
        state = self._state
        taken = len(state.labels) + len(state.pending) + len(state.refused)
        return (
            f"LabelingCampaign({len(state.labels)} labeled, {len(state.pending)} pending,"
            f" {len(state.refused)} skipped, {state.n_pool - taken} free,"
            f" round {state.n_rounds})"
        )
