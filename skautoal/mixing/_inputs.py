"""Raw inputs as points between which a distance has a meaning, in at most 256 columns.

Samples are read by blocks, through the loader of the user where there is one, and reduced
block by block, so that a pool is never copied whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..data import Pool
from ..data._rows import load_rows
from ..signals import Signals

MAX_COLUMNS = 256
_QUANTILES = (0.01, 0.99)
_REFERENCE_ELEMENTS = 2**22  # that quantiles are computed from
_BLOCK_ELEMENTS = 2**20  # that are read at a time
_SEED = 0x5EED  # of the projection, the same for every pool: distances stay comparable


def has_inputs(signals: Signals) -> bool:
    """Return True if there are raw samples between which distances have a meaning."""
    if not signals.has("network"):
        return False
    X = signals.X
    if isinstance(X, Pool) and not (X.random_access and X.rereadable):
        return False
    row = load_rows(X, np.arange(1)) if signals.n_samples else X
    is_number = isinstance(row, Tensor) and row.is_floating_point()
    return is_number or (isinstance(row, np.ndarray) and row.dtype.kind == "f")


@dataclass(frozen=True)
class InputView:
    """A map of raw samples to points, made from some of them and used for all.

    Columns of a table have units of their own: each is clipped to its 1st to 99th
    percentile and divided by the range between the two. So neither units nor heavy tails
    nor rare indicators decide a distance. A column that hardly varies counts nothing, nor
    does one that the net of a sampler does not read.
    More than 256 columns are projected at random, which keeps distances (Johnson &
    Lindenstrauss). Samples with more than one dimension, as images, have one unit, and are
    averaged over a grid instead.

    Attributes
    ----------
    low, high : Tensor of shape (d,) or None
        Percentiles of the columns of a table; equal for a column that is not read.
    projection : Tensor of shape (d, 256) or None
        Of a wide table.

    """

    low: Tensor | None = None
    high: Tensor | None = None
    projection: Tensor | None = None

    @classmethod
    def of(cls, signals: Signals, rows: Tensor | None = None) -> InputView:
        """Make the view from some rows, by default from all.

        Parameters
        ----------
        signals : Signals
            Signals with raw samples.
        rows : Tensor of shape (m,), optional
            Rows in random order, of which as many are read as are needed.

        """
        index = _index(signals, rows)
        first = _block(signals, index[:1])
        if first.ndim != 2:
            return cls()
        d = first.shape[1]
        reference = _block(signals, index[: max(100, _REFERENCE_ELEMENTS // max(1, d))])
        quantiles = torch.tensor(_QUANTILES, dtype=reference.dtype, device=reference.device)
        parts = reference.split(max(1, _REFERENCE_ELEMENTS // len(reference)), dim=1)
        # torch.quantile takes 16 million numbers at most: a very wide table goes by columns.
        found = [torch.quantile(part, quantiles, dim=0) for part in parts]
        low, high = torch.cat(found, dim=1)
        read = signals.source.columns_read
        if read is not None:
            # Without a range, a column counts nothing. Only tables have such columns: pixels
            # share one unit, and a mean over a grid has some that are read and some not.
            high = torch.where(torch.as_tensor(read, device=high.device), high, low)
        projection = None
        if d > MAX_COLUMNS:
            rng = np.random.RandomState(_SEED)
            drawn = rng.standard_normal((d, MAX_COLUMNS)).astype(np.float32)
            projection = torch.from_numpy(drawn).to(reference) / MAX_COLUMNS**0.5
        return cls(low, high, projection)

    def __call__(self, signals: Signals, rows: Tensor | None = None) -> Tensor:
        """Return the points of some rows of an array, by default of all, (m, q) float32."""
        index = _index(signals, rows)
        if not len(index):
            return self._points(_block(signals, np.arange(1)))[:0]
        width = int(np.prod(_block(signals, index[:1]).shape[1:]))
        step = max(1, _BLOCK_ELEMENTS // max(1, width))
        parts = [
            self._points(_block(signals, index[start : start + step]))
            for start in range(0, len(index), step)
        ]
        return torch.cat(parts)

    def _points(self, block: Tensor) -> Tensor:
        if self.low is None or self.high is None:
            return _averaged(block)
        extent = self.high - self.low
        scale = torch.where(extent > 0, extent, torch.inf)
        points = (block.clamp(self.low, self.high) - self.low) / scale
        return points if self.projection is None else points @ self.projection


def _averaged(block: Tensor) -> Tensor:
    """Samples (n, ...) as at most 256 numbers each: means over a grid of the last axes."""
    if block.ndim < 3 or block[0].numel() <= MAX_COLUMNS:
        return block.flatten(1)
    leading = block.flatten(1, -3) if block.ndim > 3 else block[:, None]
    leading = leading[:, :MAX_COLUMNS]
    side = max(1, int((MAX_COLUMNS // leading.shape[1]) ** 0.5))
    size = min(side, leading.shape[2]), min(side, leading.shape[3])
    return torch.nn.functional.adaptive_avg_pool2d(leading, size).flatten(1)


def _index(signals: Signals, rows: Tensor | None) -> np.ndarray:
    return np.arange(signals.n_samples) if rows is None else rows.cpu().numpy()


def _block(signals: Signals, index: np.ndarray) -> Tensor:
    X = load_rows(signals.X, index)
    X = torch.as_tensor(X) if isinstance(X, Tensor) else torch.from_numpy(np.array(X))
    X = X.to(signals.device).float()
    return X[:, None] if X.ndim == 1 else X
