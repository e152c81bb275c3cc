"""What the search must learn, and must not unlearn, on tasks whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from skautoal import Search
from tests.search._planted import (
    BATCH,
    copies,
    good_and_adversarial,
    halves,
    hits,
    mean_hits,
    one_of_fifteen,
    one_of_six,
    planted,
    three_silent,
    wrong_halves,
)

pytestmark = pytest.mark.filterwarnings("ignore::skautoal.exceptions.FewLabelsWarning")
SEEDS = range(4)
DEFAULT = Search()
SEARCHES = {
    "60 steps": DEFAULT,
    "400 steps": Search(n_steps=400),
    "60 steps, labels alone": Search("loss"),
    "400 steps, labels alone": Search("loss", n_steps=400),
}


def shares(make, n_labeled, name, seeds=SEEDS):
    """Mean weight of a strategy in the pool."""
    samplers = [hits(make, n_labeled, seed, DEFAULT)[1] for seed in seeds]
    return np.mean([sampler.strategy_weights_["pool"][name] for sampler in samplers])


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("n_labeled", [20, 40, 60, 100, 200, 500])
def test_never_below_equal_weights(n_labeled, search):
    assert mean_hits(halves, n_labeled, SEEDS, batch_builder="top") == 1
    assert mean_hits(halves, n_labeled, SEEDS, SEARCHES[search], batch_builder="top") >= 0.98


@pytest.mark.parametrize("n_labeled", [40, 200])
def test_never_below_equal_weights_with_the_default_builder(n_labeled):
    expected = mean_hits(halves, n_labeled, SEEDS)
    assert mean_hits(halves, n_labeled, SEEDS, DEFAULT) >= 0.98 * expected


@pytest.mark.parametrize("n_labeled", [300, 600])
def test_trust_differs_between_samples(n_labeled):
    assert mean_hits(wrong_halves, n_labeled, SEEDS) < 0.5
    assert mean_hits(wrong_halves, n_labeled, SEEDS, DEFAULT) >= 0.9


def test_the_weights_show_where_a_strategy_is_right():
    for seed in SEEDS:
        _, sampler = hits(wrong_halves, 400, seed, DEFAULT)
        X = planted(400, seed)[2]
        of_left = sampler.explain(X, np.arange(len(X)), n_instances=BATCH).weights[:, 0]
        assert of_left[X[:, 0] < -0.2].mean() > 0.8
        assert of_left[X[:, 0] > 0.2].mean() < 0.2


def test_an_adversarial_candidate_is_ignored():
    assert shares(good_and_adversarial, 100, "adversarial") < 0.2
    assert shares(good_and_adversarial, 200, "adversarial") < 0.05
    for n_labeled, least in ((100, 0.75), (200, 0.95)):
        found = mean_hits(good_and_adversarial, n_labeled, SEEDS, DEFAULT, batch_builder="top")
        assert found >= least
        assert found > 1.4 * mean_hits(good_and_adversarial, n_labeled, SEEDS, batch_builder="top")


def test_the_only_good_one_of_fifteen_is_found():
    assert shares(one_of_fifteen, 300, "good") >= 3 / 15


def test_trust_grows_with_labels():
    found = [shares(one_of_six, n_labeled, "good") for n_labeled in (40, 150, 400)]
    assert found[0] < found[1] < found[2]
    assert found[2] > 0.8


def test_copies_share_one_weight():
    weights = hits(copies, 30, 0)[1].strategy_weights_["pool"]
    assert weights["bad"] == pytest.approx(0.5)
    weights = hits(copies, 300, 0, DEFAULT)[1].strategy_weights_["pool"]
    assert weights["bad"] < 0.1
    of_copies = [weights[name] for name in ("one", "two", "three")]
    assert max(of_copies) - min(of_copies) < 0.01


def test_batch_of_equal_weights_where_nothing_is_proven():
    """To the last index: nobody pays for a search that has learned nothing."""
    unproven = 0
    for seed in range(8):
        _, sampler = hits(three_silent, 60, seed, DEFAULT)
        pool = planted(60, seed)[2]
        learned = sampler.query(pool, BATCH, return_utilities=True)
        _, equal = hits(three_silent, 60, seed)
        expected = equal.query(pool, BATCH, return_utilities=True)
        if sampler.learned_share_ == 0:
            unproven += 1
            np.testing.assert_array_equal(learned[0], expected[0])
            np.testing.assert_array_equal(learned[1], expected[1])
    assert unproven >= 5


def test_learned_weights_move_the_batch_of_the_default_builder():
    """From few labels on, where joint herding trusts scores little."""
    assert mean_hits(good_and_adversarial, 200, SEEDS, DEFAULT) > 1.5 * mean_hits(
        good_and_adversarial, 200, SEEDS
    )
