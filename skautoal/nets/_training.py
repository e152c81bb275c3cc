"""Training skorch nets: fresh copies of the user's, under one seed, with few labels."""

from __future__ import annotations

import copy
import inspect
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from sklearn.base import clone
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier
from skorch.dataset import ValidSplit
from torch import nn

from .._utils._rng import isolated_rng

#: What trains the nets of the current thread instead of :func:`fit_alone`, with the same
#: parameters. Comparisons set it to train the nets of several runs together.
TRAINER: ContextVar[Callable[[Any, Any, np.ndarray, int], None] | None] = ContextVar(
    "TRAINER", default=None
)


def fresh_net(net: Any, codes: np.ndarray | None = None) -> Any:
    """Untrained, silent copy of a net, ready for few labels.

    skorch's default validation split takes a fifth of the labels away and fails when
    a class has fewer than five. Without callbacks nothing reads that fifth, so the
    copy trains on every label; with callbacks it is kept, unstratified where it must.
    """
    new = clone(net).set_params(verbose=0)
    # Not of its own class: subclasses may hide their parameters behind **kwargs.
    base = (
        NeuralNetClassifier if isinstance(net, NeuralNetClassifier) else NeuralNetBinaryClassifier
    )
    default = inspect.signature(base.__init__).parameters["train_split"].default
    split = net.train_split
    is_default = type(split) is ValidSplit and vars(split) == vars(default)
    if is_default:
        few = codes is not None and np.bincount(codes)[np.unique(codes)].min() < 5
        if not net.callbacks:
            new.set_params(train_split=None)
        elif few:
            new.set_params(train_split=ValidSplit(0.2, random_state=0))
    return new


def fit_net(net: Any, X: Any, codes: np.ndarray, seed: int) -> Any:
    """Train ``net`` from scratch on label codes 0..C-1 under one seed; returns it."""
    # skorch trains a module that is given as an object itself. A clone of the net would then
    # start from what it has learned; with the object as it was, clones start as this one did.
    untrained = copy.deepcopy(net.module) if isinstance(net.module, nn.Module) else net.module
    (TRAINER.get() or fit_alone)(net, X, codes, seed)
    net.module = untrained
    return net


def fit_alone(net: Any, X: Any, codes: np.ndarray, seed: int) -> None:
    """Train ``net`` by its own ``fit``; see :func:`fit_net`."""
    y = codes.astype(np.float32 if isinstance(net, NeuralNetBinaryClassifier) else np.int64)
    with isolated_rng(seed, net.device or "cpu"):
        avoid_single_row_batch(net, len(y))
        try:
            with _interruptible(net):
                net.fit(X, y)
        except ValueError as exc:
            _explain_split(net, X, y, exc)
            raise


@contextmanager
def _interruptible(net: Any) -> Iterator[None]:
    """Let a KeyboardInterrupt through, which skorch takes for the end of the training.

    It may be just that: skorch's EarlyStopping raises one in a callback.
    """
    loop, interrupted = net.fit_loop, []

    def fit_loop(*args: Any, **kwargs: Any) -> Any:
        try:
            return loop(*args, **kwargs)
        except KeyboardInterrupt as exc:
            frames = traceback.extract_tb(exc.__traceback__)
            if not any(frame.name == "notify" for frame in frames):
                interrupted.append(exc)
            raise

    net.fit_loop = fit_loop
    try:
        yield
    finally:
        del net.fit_loop
    if interrupted:
        raise interrupted[0]


def _explain_split(net: Any, X: Any, y: Any, exc: ValueError) -> None:
    """If it was the validation split that failed, say what to do about it."""
    if net.train_split is None:
        return
    try:
        net.get_split_datasets(X, y)
    except ValueError:
        raise ValueError(
            f"The 'train_split' of the net in 'estimator' fails with {len(y)} labels, the"
            f" rarest class having {np.unique(y, return_counts=True)[1].min()}: {exc} Set"
            " train_split=None on the net, or a ValidSplit that is not stratified."
        ) from exc


def initialize_net(net: Any, seed: int) -> Any:
    """Give ``net`` its modules with weights drawn from ``seed``; returns it."""
    with isolated_rng(seed, net.device or "cpu"):
        return net.initialize()


def avoid_single_row_batch(net: Any, n: int) -> None:
    """Initialize a net, and shrink its batches so that none of one row is left for batch norm."""
    net.initialize()
    batch_norm = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in net.module_.modules())
    size = net.get_params_for("iterator_train").get("batch_size", net.batch_size)
    if not batch_norm or size < 2:
        return
    smaller = next((s for s in range(size, 1, -1) if n % s != 1), size)
    if smaller != size:
        # An attribute, since skorch refuses set_params for iterators of an initialized net.
        net.iterator_train__batch_size = smaller
