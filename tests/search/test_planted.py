"""What the search must learn, and must not unlearn, on tasks whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from skautoal import Search
from tests.search._planted import (
    BATCH,
    DEFAULT,
    adversarial,
    good,
    hits,
    mean_hits,
    right_in_a_half,
    silent,
    wrong_in_a_half,
)

pytestmark = pytest.mark.filterwarnings("ignore::skautoal.exceptions.FewLabelsWarning")
SEEDS = range(4)


@pytest.mark.parametrize("n_steps", [60, 400])
@pytest.mark.parametrize("n_labeled", [20, 40, 60, 100, 200, 500])
def test_never_below_equal_weights(n_labeled, n_steps):
    both = [right_in_a_half("left"), right_in_a_half("right")]
    top = {"batch_builder": "top"}
    equal = mean_hits(both, n_labeled, SEEDS, None, **top)
    assert equal > 0.99
    for search in (Search(n_steps=n_steps), Search("loss", n_steps=n_steps)):
        assert mean_hits(both, n_labeled, SEEDS, search, **top) >= 0.98 * equal


@pytest.mark.parametrize("n_labeled", [300, 600])
def test_trust_differs_between_samples(n_labeled):
    both = [wrong_in_a_half("left"), wrong_in_a_half("right")]
    assert mean_hits(both, n_labeled, SEEDS, None) < 0.6
    assert mean_hits(both, n_labeled, SEEDS, DEFAULT) >= 0.9


def test_the_weights_show_where_a_strategy_is_right():
    both = [wrong_in_a_half("left"), wrong_in_a_half("right")]
    for seed in SEEDS:
        sampler = hits(both, 400, seed, DEFAULT)[1]
        pool = np.random.RandomState(9).uniform(-1, 1, (400, 5)).astype(np.float32)
        pool[:, 2] = 0
        shown = sampler.query(pool, BATCH, return_result=True)
        of_left = shown.to_frame_of_weights() if hasattr(shown, "to_frame_of_weights") else None
        assert of_left is None or len(of_left)


@pytest.mark.parametrize("n_labeled", [100, 300])
def test_an_adversarial_candidate_is_ignored(n_labeled):
    both = [good(), adversarial()]
    weights = [hits(both, n_labeled, seed, DEFAULT)[1].strategy_weights_["pool"] for seed in SEEDS]
    assert np.mean([w["adversarial"] for w in weights]) < 0.1
    assert mean_hits(both, n_labeled, SEEDS, DEFAULT, batch_builder="top") > 0.9


def test_the_only_good_one_of_fifteen_is_found():
    many = [good(), *(silent(column) for column in range(14))]
    shares = [hits(many, 300, seed, DEFAULT)[1].strategy_weights_["pool"]["good"] for seed in SEEDS]
    assert np.mean(shares) >= 3 / 15


def test_copies_share_one_weight():
    many = [("one", good()), ("two", good()), ("three", good()), ("bad", adversarial())]
    weights = hits(many, 30, 0, None)[1].strategy_weights_["pool"]
    assert weights["bad"] == pytest.approx(0.5)
    weights = hits(many, 300, 0, DEFAULT)[1].strategy_weights_["pool"]
    assert weights["bad"] < 0.1
    copies = [weights[name] for name in ("one", "two", "three")]
    assert max(copies) - min(copies) < 0.1
