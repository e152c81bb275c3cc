"""What the search must learn, and must not unlearn, on tasks whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from skautoal import Search
from tests.search._planted import (
    BATCH,
    adversarial,
    good,
    hits,
    mean_hits,
    planted,
    right_in_a_half,
    silent,
    wrong_in_a_half,
)

pytestmark = pytest.mark.filterwarnings("ignore::skautoal.exceptions.FewLabelsWarning")
SEEDS = range(4)
DEFAULT = Search()


def shares(strategies, n_labeled, name, seeds=SEEDS):
    """Mean weight of a strategy in the pool."""
    samplers = [hits(strategies, n_labeled, seed, DEFAULT)[1] for seed in seeds]
    return np.mean([sampler.strategy_weights_["pool"][name] for sampler in samplers])


@pytest.mark.parametrize("n_steps", [60, 400])
@pytest.mark.parametrize("n_labeled", [20, 40, 60, 100, 200, 500])
def test_never_below_equal_weights(n_labeled, n_steps):
    both = [right_in_a_half("left"), right_in_a_half("right")]
    equal = mean_hits(both, n_labeled, SEEDS, None, batch_builder="top")
    assert equal == 1
    search = Search(n_steps=n_steps)
    assert mean_hits(both, n_labeled, SEEDS, search, batch_builder="top") >= 0.98
    # With the default builder, too, whose batches reach less.
    expected = mean_hits(both, n_labeled, SEEDS, None)
    assert mean_hits(both, n_labeled, SEEDS, search) >= 0.98 * expected


@pytest.mark.parametrize("n_labeled", [300, 600])
def test_trust_differs_between_samples(n_labeled):
    both = [wrong_in_a_half("left"), wrong_in_a_half("right")]
    assert mean_hits(both, n_labeled, SEEDS, None) < 0.5
    assert mean_hits(both, n_labeled, SEEDS, DEFAULT) >= 0.9


def test_the_weights_show_where_a_strategy_is_right():
    both = [wrong_in_a_half("left"), wrong_in_a_half("right")]
    for seed in SEEDS:
        _, sampler = hits(both, 400, seed, DEFAULT)
        X = planted(400, seed)[2]
        of_left = sampler.explain(X, np.arange(len(X)), n_instances=BATCH).weights[:, 0]
        assert of_left[X[:, 0] < -0.2].mean() > 0.8
        assert of_left[X[:, 0] > 0.2].mean() < 0.2


def test_an_adversarial_candidate_is_ignored():
    both = [good(), adversarial()]
    assert shares(both, 100, "adversarial") < 0.2
    assert shares(both, 200, "adversarial") < 0.05
    for n_labeled, least in ((100, 0.75), (200, 0.95)):
        found = mean_hits(both, n_labeled, SEEDS, DEFAULT, batch_builder="top")
        assert found >= least
        assert found > 1.4 * mean_hits(both, n_labeled, SEEDS, None, batch_builder="top")


def test_the_only_good_one_of_fifteen_is_found():
    many = [good(), *(silent(column) for column in range(14))]
    assert shares(many, 300, "good") >= 3 / 15


def test_trust_grows_with_labels():
    many = [good(), *(silent(column) for column in range(5))]
    found = [shares(many, n_labeled, "good") for n_labeled in (40, 200, 600)]
    assert found[0] < found[1] < found[2]
    assert found[2] > 0.8


def test_copies_share_one_weight():
    many = [("one", good()), ("two", good()), ("three", good()), ("bad", adversarial())]
    weights = hits(many, 30, 0, None)[1].strategy_weights_["pool"]
    assert weights["bad"] == pytest.approx(0.5)
    weights = hits(many, 300, 0, DEFAULT)[1].strategy_weights_["pool"]
    assert weights["bad"] < 0.1
    copies = [weights[name] for name in ("one", "two", "three")]
    assert max(copies) - min(copies) < 0.01


def test_batch_of_equal_weights_where_nothing_is_proven():
    """To the last index: nobody pays for a search that has learned nothing."""
    nothing = [silent(0), silent(1), silent(2)]
    unproven = 0
    for seed in range(8):
        _, sampler = hits(nothing, 60, seed, DEFAULT)
        pool = planted(60, seed)[2]
        learned = sampler.query(pool, BATCH, return_utilities=True)
        _, equal = hits(nothing, 60, seed, None)
        expected = equal.query(pool, BATCH, return_utilities=True)
        if sampler.learned_share_ == 0:
            unproven += 1
            np.testing.assert_array_equal(learned[0], expected[0])
            np.testing.assert_array_equal(learned[1], expected[1])
    assert unproven >= 5


def test_learned_weights_move_the_batch_of_the_default_builder():
    """From few labels on, where joint herding trusts scores little."""
    both = [good(), adversarial()]
    assert mean_hits(both, 200, SEEDS, DEFAULT) > 1.5 * mean_hits(both, 200, SEEDS, None)
