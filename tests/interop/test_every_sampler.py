"""Every sampler through every adapter, those that look back at earlier rounds among them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from skautoal import SelectALSampler, StrategySampler, TCMSampler
from skautoal.interop import modal
from skautoal.strategies import TemporalOutputDiscrepancy
from tests._helpers import sampler_classes

skactiveml = pytest.importorskip("skautoal.interop.skactiveml")
small_text = pytest.importorskip("skautoal.interop.small_text")

L, N = 30, 60


def quick(cls, strategy=None):
    """A sampler with three strategies, or with those that are given."""
    if cls is StrategySampler:
        return cls(strategy=strategy or "badge", random_state=0)
    if cls is TCMSampler:
        return cls(initial_strategy=strategy or "badge", n_initial_rounds=9, random_state=0)
    if cls is SelectALSampler:
        both = strategy or "badge"
        return cls(low_budget=both, high_budget=both, random_state=0)
    return cls(strategies=[strategy or "badge", "margin", "kmeans"], random_state=0)


@pytest.fixture(scope="module")
def task(blobs):
    X, y = blobs
    return X[:N].astype(np.float32), y[:N]


def asked(adapter, sampler, task, n=4, **options):
    """Rows of the whole array that an adapter asks for."""
    X, y = task
    if adapter == "modal":
        model = StrategySampler(random_state=0).fit(X[:L], y[:L]).estimator_
        learner = SimpleNamespace(estimator=model, X_training=X[:L], y_training=y[:L])
        query = modal.as_query_strategy(sampler)
        return L + query(learner, X[L:], n_instances=n, **options)[0]
    if adapter == "skactiveml":
        labels = np.where(np.arange(N) < L, y, np.nan)
        strategy = skactiveml.as_query_strategy(sampler)
        return strategy.query(X, labels, batch_size=n, **options)
    from small_text import SklearnDataset

    dataset = SklearnDataset(X, y, target_labels=np.arange(3))
    strategy = small_text.as_query_strategy(sampler)
    known, rest = np.arange(L), np.arange(L, N)
    return strategy.query(None, dataset, rest, known, y[:L], n=n, **options)


@pytest.mark.parametrize("adapter", ["modal", "skactiveml", "small_text"])
@pytest.mark.parametrize("cls", sampler_classes(), ids=lambda cls: cls.__name__)
def test_every_sampler_answers_through_every_adapter(cls, adapter, task):
    picks = asked(adapter, quick(cls), task)
    assert len(set(picks.tolist())) == 4
    assert picks.min() >= L
    assert picks.tolist() == asked(adapter, quick(cls), task).tolist()


@pytest.mark.parametrize("adapter", ["modal", "skactiveml", "small_text"])
@pytest.mark.parametrize("cls", sampler_classes(), ids=lambda cls: cls.__name__)
def test_strategies_that_compare_rounds_get_an_earlier_net(cls, adapter, task):
    picks = asked(adapter, quick(cls, TemporalOutputDiscrepancy()), task)
    assert len(set(picks.tolist())) == 4


@pytest.mark.parametrize("adapter", ["modal", "skactiveml", "small_text"])
def test_costs_reach_the_sampler(adapter, task):
    # Costs are those of the pool for modAL, of all samples for the others.
    cheap = np.arange(N) % 2 == 1
    costs = np.where(cheap, 1.0, 100.0)
    options = {"costs": costs[L:] if adapter == "modal" else costs, "budget": 4.0}
    picks = asked(adapter, quick(StrategySampler, "margin"), task, n=4, **options)
    assert len(picks) == 4
    assert cheap[picks].all()
