"""Experiments of the AutoAL paper: seven image data sets, each with a ResNet-18."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ...modules import ResNet18
from ...nets._net import NeuralNetClassifier
from ._budget import Budget
from ._files import data_folder
from ._readers import (
    ImageData,
    read_cifar,
    read_medmnist,
    read_svhn,
    read_tiny_imagenet,
)
from ._scaling import scale_images
from ._task import Task

_CIFAR = "https://www.cs.toronto.edu/~kriz/cifar.html (the binary version)"
_MEDMNIST = "https://medmnist.com (the 28 x 28 version)"


@dataclass(frozen=True)
class PaperExperiment:
    """An experiment of the AutoAL paper: its data, the training of the net, the budget.

    Start, batch and number of rounds are the defaults of the authors' released code for
    CIFAR (2,000 + 18 x 1,000 of 50,000), as shares of the pool for the other data sets.
    Epochs and optimizers are those of the code. Where it names none for a data set, they
    are those of a related one.

    Parameters
    ----------
    data : ImageData
        The data set.
    max_epochs : int
        Number of epochs of each training.
    optimizer : type
        Optimizer class of torch.
    lr : float, default=0.001
        Learning rate.
    weight_decay : float, default=0.0
        Weight decay.
    batch_size : int, default=128
        Number of samples in a training step.
    start : float, default=0.04
        Share of the pool labelled at the start.
    batch : float, default=0.02
        Share of the pool labelled in each round.
    n_rounds : int, default=18
        Number of rounds.

    """

    data: ImageData
    max_epochs: int
    optimizer: type
    lr: float = 0.001
    weight_decay: float = 0.0
    batch_size: int = 128
    start: float = 0.04
    batch: float = 0.02
    n_rounds: int = 18

    def budget(self, n_pool: int) -> Budget:
        """Return the budget for a pool of a given size.

        Parameters
        ----------
        n_pool : int
            Number of samples in the pool.

        Returns
        -------
        budget : Budget

        """
        start, batch = (max(1, round(share * n_pool)) for share in (self.start, self.batch))
        return Budget("paper", start, batch, self.n_rounds)

    def build_net(self, **params: Any) -> NeuralNetClassifier:
        """Return the untrained net, on a CUDA device if there is one.

        Parameters
        ----------
        **params : dict
            Parameters to change, as for ``set_params``.

        Returns
        -------
        net : NeuralNetClassifier

        """
        momentum = {"optimizer__momentum": 0.9} if self.optimizer is torch.optim.SGD else {}
        net = NeuralNetClassifier(
            ResNet18,
            module__n_channels=self.data.image_shape[0],
            module__n_classes=self.data.n_classes,
            module__augment=True,
            criterion=nn.CrossEntropyLoss,
            optimizer=self.optimizer,
            optimizer__weight_decay=self.weight_decay,
            **momentum,
            lr=self.lr,
            max_epochs=self.max_epochs,
            batch_size=self.batch_size,
            iterator_train__shuffle=True,
            train_split=None,
            verbose=0,
            device="cuda" if torch.cuda.is_available() else "cpu",
        )
        return net.set_params(**params)


def _medmnist(
    name: str, channels: int, n_classes: int, n_train: tuple[int, ...], n_test: tuple[int, ...]
) -> ImageData:
    return ImageData(
        name,
        _MEDMNIST,
        (f"{name.lower()}.npz",),
        (channels, 28, 28),
        n_classes,
        n_train,
        n_test,
        read_medmnist,
    )


_BATCHES = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
_COLOUR = (3, 32, 32)

#: AutoAL's experiments (Wang, Zhan & Huang, ICML 2025, arXiv 2410.13853) by name.
PAPER_EXPERIMENTS: dict[str, PaperExperiment] = {
    "cifar10": PaperExperiment(
        ImageData(
            "CIFAR-10",
            _CIFAR,
            (*_BATCHES, "test_batch.bin"),
            _COLOUR,
            10,
            (50_000,),
            (10_000,),
            read_cifar,
        ),
        max_epochs=200,
        optimizer=torch.optim.SGD,
        weight_decay=5e-4,
    ),
    "cifar100": PaperExperiment(
        ImageData(
            "CIFAR-100",
            _CIFAR,
            ("train.bin", "test.bin"),
            _COLOUR,
            100,
            (50_000,),
            (10_000,),
            read_cifar,
        ),
        max_epochs=200,
        optimizer=torch.optim.Adam,
    ),
    "svhn": PaperExperiment(
        ImageData(
            "SVHN",
            "http://ufldl.stanford.edu/housenumbers (format 2, cropped digits)",
            ("train_32x32.mat", "test_32x32.mat"),
            _COLOUR,
            10,
            (73_257,),
            (26_032,),
            read_svhn,
        ),
        max_epochs=200,
        optimizer=torch.optim.Adam,
        weight_decay=5e-4,
    ),
    "tinyimagenet": PaperExperiment(
        ImageData(
            "Tiny ImageNet",
            "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
            ("wnids.txt", "train", "val"),
            (3, 64, 64),
            200,
            (100_000,),
            (10_000,),
            read_tiny_imagenet,
        ),
        max_epochs=40,
        optimizer=torch.optim.Adam,
    ),
    "organcmnist": PaperExperiment(
        # The second edition has a few images fewer than the first.
        _medmnist("OrganCMNIST", 1, 11, (13_000, 12_975), (8_268, 8_216)),
        max_epochs=400,
        optimizer=torch.optim.SGD,
        weight_decay=5e-4,
    ),
    "pathmnist": PaperExperiment(
        _medmnist("PathMNIST", 3, 9, (89_996,), (7_180,)),
        max_epochs=400,
        optimizer=torch.optim.Adam,
    ),
    "tissuemnist": PaperExperiment(
        _medmnist("TissueMNIST", 1, 8, (165_466,), (47_280,)),
        max_epochs=400,
        optimizer=torch.optim.Adam,
    ),
}


def load_paper_task(
    name: str, folder: str | os.PathLike[str] | None = None, **net_params: Any
) -> Task:
    """Load the task of an experiment of the paper, with its net and the budget ``"paper"``.

    Parameters
    ----------
    name : str
        One of ``PAPER_EXPERIMENTS``.
    folder : path-like, optional
        Folder that the data set was unpacked into. By default it is taken from the
        environment variable ``SKAUTOAL_DATA``.
    **net_params : dict
        Parameters of the net to change, for example ``max_epochs=2``.

    Returns
    -------
    task : Task

    Examples
    --------
    >>> from skautoal.simulation import PAPER_EXPERIMENTS
    >>> sorted(PAPER_EXPERIMENTS)
    ['cifar10', 'cifar100', 'organcmnist', 'pathmnist', 'svhn', 'tinyimagenet', 'tissuemnist']
    >>> PAPER_EXPERIMENTS["cifar10"].budget(50_000)
    Budget(name='paper', n_initial=2000, n_instances=1000, n_rounds=18)

    """
    if name not in PAPER_EXPERIMENTS:
        raise ValueError(f"Unknown experiment {name!r}. Known are {sorted(PAPER_EXPERIMENTS)}.")
    experiment = PAPER_EXPERIMENTS[name]
    data = data_folder(folder)
    if data is None:
        raise ValueError(
            f"{experiment.data.title} needs 'folder', the folder that it was unpacked into. It"
            f" comes from {experiment.data.source}."
        )
    X_train, y_train, X_test, y_test = experiment.data.load(data)
    X_train, X_test = scale_images(X_train, X_test)
    return Task(
        f"paper:{name}",
        X_train,
        y_train,
        X_test,
        y_test,
        net=experiment.build_net(**net_params),
        budgets={"paper": experiment.budget(len(y_train))},
    )
