"""VAAL: a variational autoencoder and a discriminator of labelled and pool samples."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..signals import Signals
from ._base import ScoreStrategy
from ._checks import check_integer, check_number, labeled_signals
from ._training import (
    build,
    descent,
    draw_batches,
    perceptron,
    raw_rows,
    scores_along,
    standardizer,
    training_rows,
)

_BATCH = 64  # labelled rows, and pool rows, in a training step
_SIDE = 32  # larger images are reduced to this height and width
_CHANNELS = 16  # channels of the first convolution
_HIDDEN = 128  # hidden units of the perceptrons


class VAAL(ScoreStrategy):
    """Variational adversarial active learning (VAAL): samples most unlike the labelled ones.

    A variational autoencoder of labelled and pool samples minimizes the negative evidence lower
    bound, ``||x - x'||^2 / 2 + KL``, plus a weighted adversarial loss: the latent means of all
    samples should look labelled. A discriminator on these means learns to tell labelled and
    pool samples apart. The score is its log-odds of being unlabelled.

    Parameters
    ----------
    n_latent : int, default=16
        Dimension of the latent code.
    adversary_weight : float, default=0.1
        Positive weight of the adversarial loss. The larger it is, the less the latent code
        reveals about which samples are labelled. With the paper's value of 1, little is left
        after so few steps.
    n_steps : int, default=300
        Number of Adam steps of both networks, each on 64 labelled and 64 pool samples.

    Notes
    -----
    The inputs are the raw samples, standardized. Images (channels, height, width) use
    convolutions and are reduced to 32 x 32 if they are larger. All other inputs are flattened
    and use perceptrons. The predictions of the net are not used. At most 5,000 labelled and
    5,000 pool samples are used for training; every pool sample is scored. Without labelled
    samples all scores are 0.

    References
    ----------
    Sinha, Ebrahimi & Darrell, "Variational adversarial active learning", ICCV 2019,
    arXiv 1904.00370.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from skorch import NeuralNetClassifier
    >>> from skautoal.modules import MLP
    >>> from skautoal.strategies import VAAL
    >>> net = NeuralNetClassifier(MLP, module__n_features=4, module__n_classes=2,
    ...                           criterion=torch.nn.CrossEntropyLoss).initialize()
    >>> X = np.random.RandomState(0).randn(30, 4).astype("float32")
    >>> picks = VAAL(n_steps=20).query(net, X[10:], 5, X_labeled=X[:10], y_labeled=[0, 1] * 5,
    ...                                random_state=0)
    >>> len(set(picks.tolist()))
    5

    """

    needs = ("network", "labeled")
    cost = "O(n D) for D input values + training on at most 10,000 samples"

    def __init__(self, n_latent: int = 16, adversary_weight: float = 0.1, n_steps: int = 300):
        self.n_latent = n_latent
        self.adversary_weight = adversary_weight
        self.n_steps = n_steps

    def _scores(self, signals: Signals, rng: np.random.RandomState) -> Tensor:
        check_integer("n_latent", self.n_latent, 1)
        check_number("adversary_weight", self.adversary_weight, above=0)
        check_integer("n_steps", self.n_steps, 1)
        labeled = labeled_signals(signals, ("network",), self.name)
        if labeled is None:
            return torch.zeros(len(signals), device=signals.device)
        order = signals.order(rng)
        known = _small(raw_rows(labeled, training_rows(labeled, rng), self.name))
        unknown = _small(raw_rows(signals, training_rows(signals, rng), self.name))
        scale = standardizer(torch.cat([known, unknown]))
        vae, discriminator = _train(
            scale(known), scale(unknown), self.n_latent, self.adversary_weight, self.n_steps, rng
        )

        def unlike_labeled(rows: Tensor) -> Tensor:
            X = scale(_small(raw_rows(signals, rows, self.name)))
            return discriminator(vae.encode(X)[0]).squeeze(1)

        return scores_along(order, signals.row_hash, unlike_labeled)


class _VAE(nn.Module):
    """Variational autoencoder: encoder to mean and log-variance, and decoder.

    Parameters
    ----------
    shape : torch.Size
        Shape of one sample, (d,) or (channels, height, width).
    n_latent : int
        Dimension of the latent code.

    """

    def __init__(self, shape: torch.Size, n_latent: int):
        super().__init__()
        self.shape = shape
        networks = _convolutions if len(shape) == 3 else _perceptrons
        self.encoder, self.decoder = networks(shape, n_latent)

    def encode(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of the latent code, (n, n_latent) each."""
        return self.encoder(X).chunk(2, dim=1)

    def decode(self, z: Tensor) -> Tensor:
        """Return reconstructed samples (n, ...) of latent codes (n, n_latent)."""
        X = self.decoder(z)
        # Two upsamplings by 2 are too large for a side that is not a multiple of four.
        return X[..., : self.shape[1], : self.shape[2]] if X.ndim == 4 else X


def _perceptrons(shape: torch.Size, n_latent: int) -> tuple[nn.Module, nn.Module]:
    """Build encoder and decoder of flat samples."""
    return perceptron(shape[0], _HIDDEN, 2 * n_latent), perceptron(n_latent, _HIDDEN, shape[0])


def _convolutions(shape: torch.Size, n_latent: int) -> tuple[nn.Module, nn.Module]:
    """Build encoder and decoder of images, with two strided convolutions each."""
    channels, *sides = shape
    height, width = (-(-side // 4) for side in sides)  # two strides of 2 round up
    n_flat = 2 * _CHANNELS * height * width
    encoder = nn.Sequential(
        nn.Conv2d(channels, _CHANNELS, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(_CHANNELS, 2 * _CHANNELS, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(n_flat, 2 * n_latent),
    )
    decoder = nn.Sequential(
        nn.Linear(n_latent, n_flat),
        nn.Unflatten(1, (2 * _CHANNELS, height, width)),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * _CHANNELS, _CHANNELS, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(_CHANNELS, channels, 4, stride=2, padding=1),
    )
    return encoder, decoder


def _small(X: Tensor) -> Tensor:
    """Reduce images to at most 32 x 32; return anything else unchanged."""
    if X.ndim != 4 or max(X.shape[2:]) <= _SIDE:
        return X
    return F.adaptive_avg_pool2d(X, (min(X.shape[2], _SIDE), min(X.shape[3], _SIDE)))


@torch.enable_grad()
def _train(
    labeled: Tensor,
    unlabeled: Tensor,
    n_latent: int,
    adversary_weight: float,
    n_steps: int,
    rng: np.random.RandomState,
) -> tuple[_VAE, nn.Module]:
    """Train the autoencoder and the discriminator in turn.

    The output of the discriminator is the log-odds of being unlabelled.
    """
    vae = build(_VAE, labeled.shape[1:], n_latent, like=labeled, rng=rng)
    discriminator = build(perceptron, n_latent, like=labeled, rng=rng)
    descend = descent(torch.optim.Adam(vae.parameters(), lr=3e-3, fused=True))
    descend_discriminator = descent(
        torch.optim.Adam(discriminator.parameters(), lr=3e-3, fused=True)
    )
    device = labeled.device
    from_labeled = draw_batches(len(labeled), _BATCH, n_steps, rng, device)
    from_unlabeled = draw_batches(len(unlabeled), _BATCH, n_steps, rng, device)
    for step in range(n_steps):
        L, U = labeled[from_labeled[step]], unlabeled[from_unlabeled[step]]
        noise = torch.as_tensor(rng.standard_normal((len(L) + len(U), n_latent))).to(L)
        X = torch.cat([L, U])
        mean, log_variance = vae.encode(X)
        rebuilt = vae.decode(mean + noise * (log_variance / 2).exp())
        error = (rebuilt - X).square().flatten(1).sum(1).mean() / 2
        kl = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean() / 2
        fooling = F.softplus(discriminator(mean)).mean()
        descend(error + kl + adversary_weight * fooling)
        known, unknown = discriminator(mean.detach()).squeeze(1).split([len(L), len(U)])
        descend_discriminator(F.softplus(known).mean() + F.softplus(-unknown).mean())
    return vae, discriminator
