"""Signals of samples from a trained net."""

from __future__ import annotations

from typing import Any

from ..data import Pool
from ..data._convert import writeable
from ..data._rows import load_rows
from ..nets import _net
from ._net_source import NetSource
from ._signals import Signals

# Options that the labelled samples have, too.
_OF_LABELED = ("n_passes", "seed", "chunk_size", "columns_read")


def compute_signals(
    net: Any,
    X: Any,
    *,
    X_labeled: Any = None,
    codes: Any = None,
    embedding_layer: str = "auto",
    **options: Any,
) -> Signals:
    """Return the signals of samples from a trained net, which are computed on first use.

    Parameters
    ----------
    net : skorch classifier
        Trained net. It is not changed.
    X : array of shape (n, ...)
        Samples as the net takes them.
    X_labeled : array of shape (n_labeled, ...), optional
        Labelled samples, for strategies that use them.
    codes : array of shape (n_labeled,), optional
        Class codes 0..C-1 of the labelled samples.
    embedding_layer : str, default="auto"
        Name of the submodule whose input is the embedding. ``"auto"`` takes the last linear
        layer that is executed and as wide as the output.
    **options
        Further options: ``previous_net`` (trained net of the previous round), ``n_passes``
        (MC-dropout passes, default 10), ``n_members`` (nets in an ensemble, default 5),
        ``seed`` (of the dropout masks and the ensemble, default 0), ``chunk_size`` (rows of
        a forward pass) and ``max_memory`` (bytes for the signals and work on them).

    Returns
    -------
    signals : Signals

    Examples
    --------
    >>> import numpy as np, torch
    >>> from skorch import NeuralNetClassifier
    >>> from skautoal.modules import MLP
    >>> from skautoal.signals import compute_signals
    >>> net = NeuralNetClassifier(MLP, module__n_features=4, module__n_classes=3,
    ...                           criterion=torch.nn.CrossEntropyLoss).initialize()
    >>> signals = compute_signals(net, np.zeros((5, 4), dtype="float32"))
    >>> signals.probabilities.shape, signals.embeddings.shape
    (torch.Size([5, 3]), torch.Size([5, 64]))
    >>> signals.mc_probabilities.shape
    torch.Size([10, 5, 3])

    """
    _net.check_trained(net)
    # A stream may be readable only once. Its first row is known without reading it.
    row = X.first_row() if isinstance(X, Pool) else load_rows(X, slice(0, 1))
    layout = _net.inspect_net(net, writeable(row), embedding_layer)
    return signals_from_net(net, X, layout, X_labeled=X_labeled, codes=codes, **options)


def signals_from_net(
    net: Any,
    X: Any,
    layout: _net.NetLayout,
    *,
    X_labeled: Any = None,
    codes: Any = None,
    **options: Any,
) -> Signals:
    """Return the signals of samples from a trained net whose layout is known.

    See :func:`compute_signals` for the parameters; ``layout`` says what the net can give.
    """
    labeled = None
    if X_labeled is not None:
        # Labelled samples are few: they need no memory limit, and no earlier net.
        kept = {name: options[name] for name in _OF_LABELED if name in options}
        labeled = Signals(source=NetSource(net, X_labeled, layout, **kept))
    return Signals(source=NetSource(net, X, layout, **options), labeled=labeled, codes=codes)
