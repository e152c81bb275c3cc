"""Campaigns whose labels have costs: each batch within its budget, also after a restart."""

from __future__ import annotations

import numpy as np
import pytest

from skautoal import ALBLSampler, LabelingCampaign, StrategySampler
from tests.campaign._tools import make_pool


@pytest.fixture(scope="module")
def pool():
    X, y = make_pool()
    return X, y, np.where(np.arange(len(X)) % 4 == 0, 1.0, 50.0)


def samplers():
    return {
        "margin": StrategySampler(strategy="margin"),
        "albl": ALBLSampler(strategies=["margin", "random"], p_min=0.2),
    }


@pytest.mark.parametrize("name", samplers())
def test_each_batch_stays_within_its_budget(tmp_path, pool, name):
    X, y, costs = pool
    with LabelingCampaign(tmp_path / "a", samplers()[name], X, random_state=0) as campaign:
        for _ in range(3):
            indices = campaign.ask(costs=costs, budget=3.0)  # the first from the cold start
            assert 1 <= len(indices) <= 3
            assert costs[indices].sum() <= 3.0
            campaign.tell(indices, y[indices])
        campaign.ask(2, costs=costs)
        assert len(campaign.pending) == 2


@pytest.mark.parametrize("name", samplers())
def test_a_restart_changes_no_question(tmp_path, pool, name):
    X, y, costs = pool
    asked = {}
    for restarts in (False, True):
        folder = tmp_path / f"{restarts}"
        campaign = LabelingCampaign(folder, samplers()[name], X, random_state=0)
        asked[restarts] = []
        for _ in range(4):
            if restarts:
                campaign.close()
                campaign = LabelingCampaign.load(folder, samplers()[name], X)
            indices = campaign.ask(3, costs=costs, budget=100.0)
            asked[restarts].append(indices.tolist())
            campaign.tell(indices, y[indices])
        campaign.close()
    assert asked[True] == asked[False]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"budget": 3.0}, "'budget' is 3.0, but 'costs' is None"),
        ({"costs": np.ones(3)}, "'costs' must be 40 numbers"),
        ({"costs": np.ones(40), "budget": -1}, "'budget' must be a positive number"),
    ],
)
def test_wrong_costs_are_refused_before_anything_is_written(tmp_path, pool, options, match):
    with LabelingCampaign(tmp_path / "a", samplers()["margin"], pool[0]) as campaign:
        with pytest.raises(ValueError, match=match):
            campaign.ask(2, **options)
        assert campaign.n_rounds == 0
