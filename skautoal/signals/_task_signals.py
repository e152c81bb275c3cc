"""Signals of a task model: of its labelled samples, of a pool, or for a single strategy."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data import check_memory
from ..data._convert import as_net_input
from ..data._validation import as_pool, as_samples
from ..nets._net import check_trained, takes_integers
from ..nets._task import TaskModel
from ._compute import compute_signals, signals_from_net
from ._signals import Signals


def task_signals(
    task: TaskModel, X: Any, *, seed: int, labeled: bool = True, **options: Any
) -> Signals:
    """Return the signals of samples from the net of a task model.

    Parameters
    ----------
    task : TaskModel
        Task model with a trained net.
    X : array, Dataset or Pool
        Samples after the transformers of the task model.
    seed : int
        Seed of the dropout masks and the ensemble.
    labeled : bool, default=True
        Whether to include the labelled samples of the task model.
    **options
        Further options of :func:`~skautoal.signals.compute_signals`.

    Returns
    -------
    signals : Signals

    """
    return signals_from_net(
        task.net,
        X,
        task.layout,
        X_labeled=task.X_labeled if labeled else None,
        codes=task.codes if labeled else None,
        previous_net=task.previous_net,
        columns_read=task.columns_read,
        seed=seed,
        **options,
    )


def query_signals(
    net: Any,
    X_pool: Any,
    *,
    X_labeled: Any = None,
    y_labeled: Any = None,
    previous_net: Any = None,
    embedding_layer: str = "auto",
    max_memory: int | str | None = None,
    seed: int = 0,
) -> Signals:
    """Return the signals of a pool for a strategy that is used without a sampler.

    Parameters
    ----------
    net, X_pool, X_labeled, y_labeled, previous_net, embedding_layer, max_memory
        See :meth:`skautoal.strategies.Strategy.query`.
    seed : int, default=0
        Seed of the dropout masks and the ensemble.

    Returns
    -------
    signals : Signals

    """
    check_trained(net)
    integers = takes_integers(net)
    signals = compute_signals(
        net,
        as_pool(as_samples(X_pool, "X_pool"), "X_pool", integers=integers),
        X_labeled=None if X_labeled is None else _labeled_input(X_labeled, net),
        previous_net=previous_net,
        embedding_layer=embedding_layer,
        max_memory=check_memory(max_memory),
        seed=seed,
    )
    if y_labeled is not None:
        codes = _as_codes(np.asarray(y_labeled), signals.n_classes)
        signals.codes = torch.as_tensor(codes, device=signals.device)
    return signals


def _as_codes(y: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the columns of the net's output that the labels stand for, (n_labeled,) int64."""
    if y.dtype.kind in "iu" and len(y) and 0 <= y.min() and y.max() < n_classes:
        # Labels that are class codes already, as in torch's losses. Some classes may have no
        # label yet, so the labels must not be renumbered.
        return y.astype(np.int64)
    return np.unique(y, return_inverse=True)[1]


def _labeled_input(X: Any, net: Any) -> Any:
    """Return labelled samples as the net takes them."""
    X = as_samples(X, "X_labeled")
    if not isinstance(X, (np.ndarray, Tensor)):
        return X
    return as_net_input(X, "X_labeled", integers=takes_integers(net), finite=False)
