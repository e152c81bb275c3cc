"""DDU: low density of the labelled embeddings first, then entropy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skautoal.exceptions import MissingSignalError
from skautoal.signals import Signals
from skautoal.strategies import DDU, Entropy
from tests._helpers import make_signals
from tests._internals import GaussianMixture


def planted(n_far, d=8, n_labeled=60, seed=0):
    """Pool of two classes with ``n_far`` samples from elsewhere, which the head is sure of."""
    rng = np.random.RandomState(seed)
    centres = 4 * np.eye(d)[:3]
    codes, classes = np.arange(n_labeled) % 2, rng.randint(2, size=200)
    H = centres[classes] + rng.standard_normal((200, d))
    H[:n_far] = 2 * centres[2] + rng.standard_normal((n_far, d))
    P = np.where(classes[:, None] == np.arange(2), 0.9, 0.1)
    P[:n_far] = [1.0, 0.0]
    labeled = Signals(embeddings=centres[codes] + rng.standard_normal((n_labeled, d)))
    return Signals(probabilities=P, embeddings=H, labeled=labeled, codes=codes)


@pytest.mark.parametrize(("n_labeled", "d"), [(60, 8), (6, 8), (10, 40)])
def test_samples_from_elsewhere_come_first(n_labeled, d):
    signals = planted(12, d, n_labeled)
    picks = DDU().select(signals, 12, random_state=0)
    assert (picks < 12).mean() > (0.9 if d == 8 else 0.5)
    assert (Entropy().select(signals, 12, random_state=0) >= 12).all()


def test_scores_are_minus_the_log_density():
    signals = make_signals(50)
    gaussians = GaussianMixture(signals.labeled.embeddings, signals.codes, 1.0)
    expected = -gaussians.log_density(signals.embeddings)
    torch.testing.assert_close(DDU().scores(signals), expected)


def test_one_label_a_class_borrows_the_variance_of_the_pool():
    H = torch.as_tensor(np.random.RandomState(0).normal([0, 50], 3, (40, 2)))
    labeled, codes = H[:2] + 1, torch.arange(2)
    signals = Signals(
        probabilities=np.full((40, 2), 0.5),
        embeddings=H,
        labeled=Signals(embeddings=labeled),
        codes=codes,
    )
    gaussians = GaussianMixture(labeled, codes, float(H.var(0, correction=0).mean()))
    torch.testing.assert_close(DDU().scores(signals), -gaussians.log_density(H))


def test_entropy_orders_samples_of_equal_density():
    P = np.array([[0.9, 0.1], [0.5, 0.5], [0.7, 0.3], [0.6, 0.4], [1.0, 0.0]] * 9)
    H = np.tile([[0.3, -0.1]], (45, 1))
    labeled = Signals(embeddings=np.random.RandomState(0).standard_normal((6, 2)))
    signals = Signals(probabilities=P, embeddings=H, labeled=labeled, codes=[0, 1] * 3)
    picks = DDU().select(signals, 45, random_state=0)
    assert (picks % 5).tolist() == sorted(picks % 5, key=[1, 3, 2, 0, 4].index)


def test_entropy_decides_alone_without_labels():
    signals = make_signals(n_labeled=0)
    picks = DDU().select(signals, 8, random_state=0)
    assert picks.tolist() == Entropy().select(signals, 8, random_state=0).tolist()


def test_ddu_needs_labelled_samples_with_finite_embeddings():
    with pytest.raises(MissingSignalError, match="DDU needs labelled samples; pass 'X_labeled'"):
        DDU().select(Signals(probabilities=np.eye(2), embeddings=np.eye(2)), 1)
    labeled = Signals(embeddings=[[np.nan, 0.0]])
    signals = Signals(probabilities=np.eye(2), embeddings=np.eye(2), labeled=labeled, codes=[0])
    with pytest.raises(ValueError, match=r"DDU \(for the labelled samples\) needs finite"):
        DDU().select(signals, 1)
