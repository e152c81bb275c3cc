"""baal's heuristics as candidates that need MC dropout only."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from skautoal import StrategySampler
from skautoal.exceptions import MissingSignalError
from skautoal.interop.baal import from_baal
from skautoal.signals import Signals, compute_signals
from skautoal.strategies import BALD, EntropyDropout
from tests._helpers import flat_autoal
from tests._internals import isolated_rng

heuristics = pytest.importorskip("baal.active.heuristics")


@pytest.fixture
def signals():
    rng = np.random.RandomState(0)
    return Signals(mc_probabilities=rng.dirichlet(np.ones(3), (8, 40)).astype(np.float32))


@pytest.mark.parametrize("name", ["BALD", "Variance", "Entropy", "Margin", "Certainty"])
def test_the_batch_is_the_top_of_their_ranking(signals, name):
    heuristic = getattr(heuristics, name)()
    with isolated_rng(0):  # every ranking of theirs draws from numpy's global generator
        ranking = heuristic(signals.mc_probabilities.numpy().transpose(1, 2, 0).astype(float))
    assert from_baal(heuristic).select(signals, 7).tolist() == ranking[:7].tolist()


@pytest.mark.parametrize(("theirs", "ours"), [("BALD", BALD()), ("Entropy", EntropyDropout())])
def test_the_same_rule_picks_the_same(signals, theirs, ours):
    picks = from_baal(getattr(heuristics, theirs)()).select(signals, 7)
    assert picks.tolist() == ours.select(signals, 7).tolist()


def test_probabilities_are_never_taken_for_logits():
    """baal sends all of them through a softmax as soon as one exceeds one."""
    sharp = np.tile([[1.0000001, 0.0], [0.6, 0.4], [0.9, 0.1]], (4, 1, 1)).astype(np.float32)
    signals = Signals(mc_probabilities=sharp)
    shown = []
    from_baal(lambda P: shown.append(P) or heuristics.Entropy()(P)).select(signals, 1)
    assert shown[0].dtype == np.float64
    assert shown[0].shape == (3, 2, 4)
    assert shown[0].max() <= 1
    expected = stats.entropy(sharp[0].T / sharp[0].sum(axis=1))
    entropies = heuristics.Entropy().get_uncertainties(shown[0])
    assert np.allclose(np.sort(entropies), np.sort(expected), atol=1e-6)


@pytest.mark.parametrize("heuristic", ["BatchBALD", "shuffled"])
def test_chance_comes_from_the_random_state(signals, heuristic):
    strategy = {
        "BatchBALD": lambda: heuristics.BatchBALD(num_samples=5, num_draw=5),
        "shuffled": lambda: lambda P: np.random.permutation(len(P)),
    }[heuristic]()
    with np.errstate(divide="ignore", invalid="ignore"):
        picks = [from_baal(strategy).select(signals, 5, s).tolist() for s in (0, 0, 1)]
    assert picks[0] == picks[1]
    assert len(set(picks[0])) == 5
    assert heuristic == "BatchBALD" or picks[0] != picks[2]


def test_what_cannot_be_copied_is_refused():
    with pytest.raises(TypeError, match=r"'heuristic' cannot be copied .*Random"):
        from_baal(heuristics.Random())  # holds the module numpy.random


def test_a_heuristic_with_a_state_keeps_it(signals):
    strategy = from_baal(heuristics.Random(seed=3))
    assert strategy.select(signals, 5, 0).tolist() == strategy.select(signals, 5, 0).tolist()


def test_as_a_candidate(blobs):
    X, y = blobs
    strategies = [from_baal(heuristics.BALD()), "margin"]
    sampler = flat_autoal(strategies=strategies, n_steps=3, n_splits=2, random_state=0)
    assert sampler.fit(X[:20], y[:20]).query(X[20:], 4).shape == (4,)


def test_it_needs_dropout_and_nothing_else(no_dropout_net, mlp_net, blobs):
    strategy = from_baal(heuristics.BALD())
    assert strategy.needs == ("mc_probabilities",)
    with pytest.raises(MissingSignalError, match=r"BALD needs MC dropout"):
        StrategySampler(no_dropout_net, strategy).fit(blobs[0][:9], blobs[1][:9])
    signals = compute_signals(mlp_net, blobs[0])
    strategy.select(signals, 3)
    assert torch.equal(
        signals.mc_probabilities, compute_signals(mlp_net, blobs[0]).mc_probabilities
    )


@pytest.mark.parametrize("heuristic", ["margin", None, heuristics.BALD])
def test_what_is_no_heuristic_is_refused(heuristic):
    with pytest.raises(TypeError, match=r"'heuristic' must be a baal heuristic object"):
        from_baal(heuristic)
