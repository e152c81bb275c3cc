"""Interface to skorch: the layout of a net, and forward passes through it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier
from skorch.dataset import unpack_data
from skorch.utils import to_tensor
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from .._utils._rng import PROCESS_LOCK
from ..data._rows import load_rows
from ..exceptions import MissingSignalError
from ._layers import captured_input, first_output
from ._mc_dropout import dropout_modules


@dataclass(frozen=True)
class NetLayout:
    """Properties of a net, found by one row that is sent through it.

    Attributes
    ----------
    n_outputs : int
        Columns of the probabilities.
    embedding_layer : str or None
        Name of the module whose input is the embedding; None if there is none.
    n_dropout : int
        Number of modules that drop something.
    dropout_rate : float
        Rate of the last of them, 0 without any.
    has_head : bool
        Whether the module that takes the embedding is the linear head itself.
    embedding_size : int
        Numbers in an embedding, 0 if there is none.

    """

    n_outputs: int
    embedding_layer: str | None
    n_dropout: int
    dropout_rate: float
    has_head: bool = False
    embedding_size: int = 0

    def check(self, signal: str, needed_by: str) -> None:
        """Raise if the net cannot give ``signal``, naming who asks for it."""
        if signal == "mc_probabilities" and self.n_dropout == 0:
            raise MissingSignalError(
                f"{needed_by} needs MC dropout, but the net in 'estimator' has no"
                " torch.nn.Dropout module with p > 0. Add one (usually before the"
                " last linear layer), or take the strategy out of 'strategies'."
            )
        if signal == "head" and not self.has_head:
            raise MissingSignalError(
                f"{needed_by} needs the linear head, but the net in 'estimator' does not"
                " end in a torch.nn.Linear, or 'embedding_layer' names another module. End"
                " the module in a linear layer, or take the strategy out of 'strategies'."
            )
        if signal in ("embeddings", "gradient_factors") and self.embedding_layer is None:
            raise MissingSignalError(
                f"{needed_by} needs embeddings, but the net in 'estimator' has no"
                " torch.nn.Linear as its last layer. Name the module whose input is"
                " the embedding with 'embedding_layer', or take the strategy out of"
                " 'strategies'."
            )


def is_net(estimator: Any) -> bool:
    """Return True for a skorch classifier."""
    return isinstance(estimator, (NeuralNetClassifier, NeuralNetBinaryClassifier))


def check_trained(net: Any) -> None:
    """Refuse what is no skorch classifier, and one without weights."""
    if not is_net(net):
        raise TypeError(
            "'net' must be a trained skorch NeuralNetClassifier or NeuralNetBinaryClassifier;"
            f" got {type(net).__name__}. Wrap a torch module as NeuralNetClassifier(module)."
        )
    if not net.initialized_:
        raise NotFittedError("'net' is not fitted; call its fit(X, y) first.")


def split_estimator(estimator: Any) -> tuple[Pipeline | None, Any]:
    """Transformers (or None) and net of a skorch classifier or a pipeline ending in one.

    The net may stand in a FrozenEstimator.
    """
    steps, net = None, estimator
    if isinstance(estimator, Pipeline):
        net = estimator.steps[-1][1]
        steps = Pipeline(estimator.steps[:-1]) if len(estimator.steps) > 1 else None
    if not is_net(net.estimator if isinstance(net, FrozenEstimator) else net):
        raise TypeError(
            "'estimator' must be a skorch NeuralNetClassifier or"
            " NeuralNetBinaryClassifier, or a scikit-learn Pipeline ending in one;"
            f" got {estimator!r:.200}. Wrap a torch module as"
            " NeuralNetClassifier(module)."
        )
    return steps, net


@contextmanager
def evaluation_mode(net: Any) -> Iterator[nn.Module]:
    """The net's module in evaluation mode, every submodule's mode restored after."""
    module = unwrapped_module(net)
    # Hooks sit on the module itself, so two threads must not hook one net at a time.
    with PROCESS_LOCK:
        modes = [(m, m.training) for m in net.module_.modules()]
        net.module_.eval()
        try:
            yield module
        finally:
            for m, training in modes:
                m.training = training


def unwrapped_module(net: Any) -> nn.Module:
    """The module without the shell that ``torch.compile`` puts around it."""
    return getattr(net.module_, "_orig_mod", net.module_)


def predicted_probabilities(net: Any, output: Tensor) -> Tensor:
    """Probabilities of a net's first output, not checked: nothing waits for the device."""
    return net._get_predict_nonlinearity()(output)


def to_probabilities(net: Any, output: Tensor) -> tuple[Tensor, Tensor]:
    """Logits and probabilities, (n, C) each, of a net's first output.

    Raises
    ------
    ValueError
        If the rows are not distributions, which happens when the criterion and
        ``predict_nonlinearity`` do not belong together.

    """
    P = predicted_probabilities(net, output)
    if P.ndim != 2:
        raise ValueError(
            "The net in 'estimator' must predict one row of class probabilities a"
            f" sample, shape (n, C); got shape {tuple(P.shape)}. Flatten the output"
            " of the module."
        )
    if P.numel() and not _are_distributions(P):
        raise ValueError(
            "The net in 'estimator' does not predict probabilities: rows must be"
            " >= 0 and sum to 1. Use CrossEntropyLoss with a module returning logits,"
            " NLLLoss with a module returning softmax, or set 'predict_nonlinearity'"
            " on the net."
        )
    # A look at the first rows saves one at all of them.
    given = output.shape != P.shape or (torch.equal(output[:1], P[:1]) and torch.equal(output, P))
    logits = P.clamp_min(torch.finfo(P.dtype).tiny).log() if given else output
    return logits, P


def _are_distributions(P: Tensor) -> bool:
    """Return True if the rows without NaN are probabilities."""
    low, high = torch.aminmax(P.sum(1))
    if bool((P.min() >= 0) & (low > 1 - 1e-3) & (high < 1 + 1e-3)):
        return True  # comparisons with NaN are false: none is here
    known = P[~P.isnan().any(1)]
    return bool(((known >= 0).all(1) & ((known.sum(1) - 1).abs() < 1e-3)).all())


def head_logits(net: Any, layer: str, embeddings: Tensor) -> Tensor:
    """Logits (m, C) of the net's linear head; a single logit becomes two columns."""
    logits = unwrapped_module(net).get_submodule(layer)(embeddings)
    if logits.shape[1] == 1:
        return torch.cat([torch.zeros_like(logits), logits], dim=1)
    return logits


def trunk_learns(net: Any, layout: NetLayout) -> bool:
    """Return True if training changes anything below the linear head of a net.

    If not, embeddings know nothing of the labels that the net was trained on.
    """
    if layout.embedding_layer is None or not layout.has_head:
        return any(parameter.requires_grad for parameter in net.module_.parameters())
    head = dict(net.module_.named_modules())[layout.embedding_layer]
    of_head = {id(parameter) for parameter in head.parameters()}
    return any(
        parameter.requires_grad and id(parameter) not in of_head
        for parameter in net.module_.parameters()
    )


def inspect_net(net: Any, X_row: Any, embedding_layer: str = "auto") -> NetLayout:
    """Send one row through an initialized net and report what it can give.

    Parameters
    ----------
    net : skorch classifier
        Initialized; need not be trained.
    X_row : array of shape (1, ...)
        One row, as the net takes it.
    embedding_layer : str, default="auto"
        ``"auto"`` or the name of a submodule whose input is the embedding.

    """
    with evaluation_mode(net) as module, torch.no_grad():
        linears = {name: m for name, m in module.named_modules() if isinstance(m, nn.Linear)}
        executed: list[str] = []
        handles = [
            m.register_forward_hook(lambda *_args, name=name: executed.append(name))
            for name, m in linears.items()
        ]
        try:
            output = first_output(net.infer(X_row))
        except (RuntimeError, TypeError, ValueError) as exc:
            raise ValueError(
                "The net in 'estimator' cannot process a row of X of shape"
                f" {_row_shape(X_row)}: {exc}. Reshape X, or change the module."
            ) from exc
        finally:
            for handle in handles:
                handle.remove()
        _, P = to_probabilities(net, output)
    width = output.shape[1] if output.ndim > 1 else 1
    if embedding_layer == "auto":
        # Registration order is not execution order, and an auxiliary head may run
        # last: the head is the last linear layer run that has the output's width.
        heads = [name for name in executed if linears[name].out_features == width]
        layer = heads[-1] if heads else None
    else:
        if embedding_layer not in dict(module.named_modules()):
            names = [name for name, _ in module.named_modules() if name]
            raise ValueError(
                f"'embedding_layer' must be 'auto' or one of {names}; got {embedding_layer!r}."
            )
        layer = embedding_layer
        size = _width_of_input(net, module, layer, X_row)
    if layer in linears:
        size = linears[layer].in_features
    elif layer is None:
        size = 0
    drops = dropout_modules(module)
    rate = drops[-1].p if drops else 0.0
    is_head = layer in linears and linears[layer].out_features == width
    return NetLayout(P.shape[1], layer, len(drops), rate, is_head, size)


def _width_of_input(net: Any, module: nn.Module, layer: str, X_row: Any) -> int:
    with (
        evaluation_mode(net),
        torch.no_grad(),
        captured_input(module, layer) as seen,
    ):
        net.infer(X_row)
    if not seen:
        raise ValueError(
            f"'embedding_layer' names {layer!r}, which the forward pass of the net does"
            " not call; name a module that it does."
        )
    return int(seen[-1].shape[1])


def _row_shape(X_row: Any) -> str:
    if isinstance(X_row, dict):
        return str({key: tuple(np.shape(value)[1:]) for key, value in X_row.items()})
    return str(tuple(np.shape(X_row)[1:]))


def takes_integers(net: Any) -> bool:
    """Return True if the module has embeddings of tokens: integer inputs must stay integers."""
    return any(isinstance(m, (nn.Embedding, nn.EmbeddingBag)) for m in net.module_.modules())


def copy_module(net: Any) -> nn.Module:
    """Independent copy of the net's trained module."""
    return copy.deepcopy(unwrapped_module(net))


def load_batches(net: Any, dataset: Dataset) -> Iterator[object]:
    """Samples of a dataset as the loader that the user gave the net brings them."""
    plain = net.iterator_valid is DataLoader and not net.get_params_for("iterator_valid")
    if plain and type(dataset) is TensorDataset and len(dataset.tensors) == 2:
        yield dataset.tensors[0]  # the samples are one tensor already
        return
    for batch in net.get_iterator(net.get_dataset(dataset), training=False):
        yield unpack_data(batch)[0]


def input_tensor(net: Any, X: Any, indices: Any) -> Any:
    """Rows of samples as the net's module takes them: a tensor, or several in a dict or list."""
    return to_tensor(load_rows(X, indices), device=net.device or "cpu")


def input_logits(net: Any, x: Tensor) -> Tensor:
    """Logits (m, C) of samples, differentiable with respect to them."""
    return to_probabilities(net, first_output(net.infer(x)))[0]
