"""VAAL: a variational autoencoder, and a discriminator of labelled and pool in its latents."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ._base import ScoreStrategy
from ._checks import check_integer, check_number, labeled_signals
from ._training import (
    build,
    draw_batches,
    perceptron,
    raw_rows,
    scores_along,
    standardizer,
    training_rows,
)

_BATCH = 64  # rows of each kind in a step
_SIDE = 32  # larger images are averaged down to this
_CHANNELS = 16
_HIDDEN = 128


class VAAL(ScoreStrategy):
    """Samples that an adversarial discriminator finds most unlike the labelled (VAAL).

    A variational autoencoder of labelled and pool samples minimises the negative evidence
    bound, ``||x - x'||^2 / 2 + KL``, plus the weighted error of passing the latent means of
    both off as labelled, while a discriminator on these means learns to tell them apart.
    Score: the log-odds of being unlabelled.

    Parameters
    ----------
    n_latent : int, default=16
        Width of the latent code.
    adversary_weight : float, default=0.1
        Weight, above 0, of fooling the discriminator. The larger it is, the less the latents
        tell about what is labelled; with the paper's 1 little is left after so few steps.
    n_steps : int, default=300
        Adam steps of each of the two on 64 rows of each kind.

    Notes
    -----
    Works on the raw samples, standardised: convolutions for images (channels, height,
    width), averaged down to 32 x 32 if they are larger, perceptrons for anything else,
    flattened. It does not look at the task. Training sees at most 5,000 labelled and 5,000
    pool samples; every pool sample is scored. Without labelled samples all scores are 0.

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
    cost = "O(n D) for D inputs, a training on at most 10,000 samples"

    def __init__(self, n_latent: int = 16, adversary_weight: float = 0.1, n_steps: int = 300):
        self.n_latent = n_latent
        self.adversary_weight = adversary_weight
        self.n_steps = n_steps

    def _scores(self, signals, rng):
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
    """Encoder to mean and log-variance, decoder back to the shape of a row."""

    def __init__(self, shape: torch.Size, n_latent: int):
        super().__init__()
        self.shape = shape
        networks = _convolutions if len(shape) == 3 else _perceptrons
        self.encoder, self.decoder = networks(shape, n_latent)

    def encode(self, X: Tensor) -> tuple[Tensor, Tensor]:
        return self.encoder(X).chunk(2, dim=1)

    def decode(self, z: Tensor) -> Tensor:
        X = self.decoder(z)
        # Doubling sides twice overshoots those that are no multiple of four.
        return X[..., : self.shape[1], : self.shape[2]] if X.ndim == 4 else X


def _perceptrons(shape: torch.Size, n_latent: int) -> tuple[nn.Module, nn.Module]:
    return perceptron(shape[0], _HIDDEN, 2 * n_latent), perceptron(n_latent, _HIDDEN, shape[0])


def _convolutions(shape: torch.Size, n_latent: int) -> tuple[nn.Module, nn.Module]:
    channels, *sides = shape
    height, width = (-(-side // 4) for side in sides)  # rounded up, as two strides of 2 do
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
    """Images no larger than 32 x 32; anything else as it is."""
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
    """Autoencoder and discriminator, whose output is the log-odds of being unlabelled."""
    vae = build(_VAE, labeled.shape[1:], n_latent, like=labeled, rng=rng)
    discriminator = build(perceptron, n_latent, like=labeled, rng=rng)
    steps = [_adam(vae), _adam(discriminator)]
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
        steps[0](error + kl + adversary_weight * fooling)
        known, unknown = discriminator(mean.detach()).squeeze(1).split([len(L), len(U)])
        steps[1](F.softplus(known).mean() + F.softplus(-unknown).mean())
    return vae, discriminator


def _adam(module: nn.Module) -> Callable[[Tensor], None]:
    """Function that makes one step of Adam down a loss."""
    optimizer = torch.optim.Adam(module.parameters(), lr=3e-3, fused=True)

    def step(loss: Tensor) -> None:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step
