"""Standard nets: one architecture and one set of hyper-parameters per kind of input.

They were fixed once, with random sampling on the development tasks. Every method trains
the same net.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from ...modules import MLP, LinearHead, SmallCNN
from ...nets._net import NeuralNetClassifier

#: Vectors with at least this many entries count as embeddings of a pretrained network.
_EMBEDDING_WIDTH = 256

_TRAINING = {
    "tabular": {
        "module__hidden": 128,
        "lr": 0.005,
        "max_epochs": 50,
        "batch_size": 32,
        "optimizer__weight_decay": 1e-3,
    },
    "embeddings": {
        "lr": 0.002,
        "max_epochs": 50,
        "batch_size": 32,
        "optimizer__weight_decay": 1e-2,
    },
    "images": {
        "lr": 0.002,
        "max_epochs": 30,
        "batch_size": 32,
        "optimizer__weight_decay": 1e-3,
    },
}


class ShuffledBatches:
    """Iterate over minibatches of two arrays, in a new order each time.

    Used instead of torch's ``DataLoader``, which gathers samples one at a time: for nets
    as small as these, that takes longer than the training step.

    Parameters
    ----------
    dataset : skorch.dataset.Dataset
        Samples and labels.
    batch_size : int
        Number of samples in a minibatch.

    """

    def __init__(self, dataset: Any, batch_size: int) -> None:
        self.X, self.y = torch.as_tensor(dataset.X), torch.as_tensor(dataset.y)
        self.batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self.X) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for rows in torch.randperm(len(self.X)).split(self.batch_size):
            yield self.X[rows], self.y[rows]


def input_kind(shape: tuple[int, ...]) -> str:
    """Return the kind of input that an array of a given shape holds.

    Parameters
    ----------
    shape : tuple of int
        Shape of the array, samples first: images have four dimensions, embeddings at
        least 256 entries per sample.

    Returns
    -------
    kind : {"images", "embeddings", "tabular"}

    Examples
    --------
    >>> from skautoal.simulation import input_kind
    >>> [input_kind(shape) for shape in [(100, 64), (100, 768), (100, 3, 32, 32)]]
    ['tabular', 'embeddings', 'images']

    """
    if len(shape) == 4:
        return "images"
    return "embeddings" if int(np.prod(shape[1:])) >= _EMBEDDING_WIDTH else "tabular"


def standard_net(shape: tuple[int, ...], n_classes: int) -> NeuralNetClassifier:
    """Return the untrained net for tasks without one of their own.

    It is a small convolutional net for images, a linear head for embeddings, and a
    perceptron with two hidden layers for other inputs, each with dropout before the head.

    Parameters
    ----------
    shape : tuple of int
        Shape of the array, samples first. Images are (n, channels, height, width).
    n_classes : int
        Number of classes.

    Returns
    -------
    net : NeuralNetClassifier

    Examples
    --------
    >>> from skautoal.simulation import standard_net
    >>> standard_net((100, 1, 28, 28), n_classes=10).module.__name__
    'SmallCNN'

    """
    kind = input_kind(shape)
    if kind == "images":
        module = {
            "module": SmallCNN,
            "module__image_shape": tuple(shape[1:]),
            "module__n_filters": 8,  # about 50,000 weights
        }
    else:
        module = {
            "module": LinearHead if kind == "embeddings" else MLP,
            "module__n_features": int(np.prod(shape[1:])),
        }
    return NeuralNetClassifier(
        **module,
        module__n_classes=n_classes,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        optimizer__fused=True,
        iterator_train=ShuffledBatches,
        train_split=None,
        verbose=0,
        **_TRAINING[kind],
    )
