"""modAL-python itself: our strategies in its learners, its strategies as our candidates."""

from __future__ import annotations

import pickle
from inspect import signature

import numpy as np
import pytest
import torch
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_array
from skorch import NeuralNetClassifier
from torch import nn

from skautoal import AutoALSampler, StrategySampler
from skautoal.interop.modal import as_query_strategy, from_modal
from skautoal.modules import MLP
from skautoal.signals import compute_signals
from skautoal.strategies import BADGE, Margin
from tests._helpers import flat_autoal, frozen, train
from tests._internals import isolated_rng

models = pytest.importorskip("modAL.models")

L = 30


def make_net():
    return NeuralNetClassifier(
        MLP,
        module__n_features=5,
        module__n_classes=3,
        criterion=nn.CrossEntropyLoss,
        max_epochs=5,
        lr=0.1,
        train_split=None,
        verbose=0,
    )


def learner_of(net, strategy, blobs):
    """A learner around a net trained under a seed."""
    learner = models.ActiveLearner(net, strategy)
    learner.X_training, learner.y_training = blobs[0][:L], blobs[1][:L]
    return learner


@pytest.fixture
def net(blobs):
    return train(make_net(), blobs[0][:L], blobs[1][:L])


QUERIES = {
    "strategy": lambda: as_query_strategy(Margin(), random_state=0),
    "name": lambda: as_query_strategy("badge", random_state=0),
    "function": lambda: as_query_strategy(
        lambda signals: signals.probabilities[:, 0], random_state=0
    ),
    "sampler": lambda: as_query_strategy(
        flat_autoal(strategies=["margin", "kmeans"], n_steps=2, n_splits=2, random_state=0)
    ),
}


@pytest.mark.parametrize("b", [1, 2, 5])
@pytest.mark.parametrize("query", QUERIES)
def test_in_a_learner(net, blobs, query, b):
    calls = []
    strategy = QUERIES[query]()

    def counted(*args, **kwargs):
        calls.append(strategy(*args, **kwargs))
        return calls[-1]

    learner = learner_of(net, counted, blobs)
    before = frozen(net)
    picks, samples, metrics = learner.query(blobs[0][L:], n_instances=b, return_metrics=True)
    assert len(calls) == 1  # modAL asks again where it got no pair
    assert isinstance(calls[0], tuple)
    assert picks.shape == metrics.shape == (b,)
    assert len(set(picks.tolist())) == b
    assert np.array_equal(samples, blobs[0][L:][picks])
    again, _ = learner.query(blobs[0][L:], n_instances=b)
    assert again.tolist() == picks.tolist()
    assert all(torch.equal(value, frozen(net)[name]) for name, value in before.items())


def test_one_sample_by_default(net, blobs):
    for query in QUERIES.values():
        assert learner_of(net, query(), blobs).query(blobs[0][L:])[0].shape == (1,)


def test_the_learners_net_is_asked(net, blobs):
    picks, _ = learner_of(net, QUERIES["name"](), blobs).query(blobs[0][L:], n_instances=4)
    sampler = StrategySampler(FrozenEstimator(net), BADGE(), random_state=0)
    expected = sampler.fit(blobs[0][:L], blobs[1][:L]).query(blobs[0][L:], 4)
    assert picks.tolist() == expected.tolist()


def test_a_learner_that_trains_first(blobs):
    with isolated_rng(0):  # modAL trains the net under the global generator
        learner = models.ActiveLearner(
            make_net(), QUERIES["strategy"](), X_training=blobs[0][:L], y_training=blobs[1][:L]
        )
    assert learner.query(blobs[0][L:], n_instances=3)[0].shape == (3,)


def test_a_deep_learner_keeps_no_labels(blobs):
    with isolated_rng(0):
        learner = models.DeepActiveLearner(make_net(), QUERIES["name"]())
        learner.estimator.fit(blobs[0][:L], blobs[1][:L])
    labels = {"X_training": blobs[0][:L], "y_training": blobs[1][:L]}
    assert learner.query(blobs[0][L:], n_instances=3, **labels)[0].shape == (3,)
    with pytest.raises(ValueError, match="keeps no labelled samples"):
        learner.query(blobs[0][L:], n_instances=3)


def test_a_sampler_as_estimator(blobs):
    """Its net is the model; the question still goes to the strategy."""
    X, y = blobs[0], np.array(["a", "b", "c"])[blobs[1]]
    model = StrategySampler(make_net(), "random", random_state=0).fit(X[:L], y[:L])
    query = as_query_strategy("margin", random_state=0)
    picks, _ = models.ActiveLearner(model, query).query(X[L:], n_instances=4)
    expected = Margin().query(model.estimator_, X[L:], 4)
    assert picks.tolist() == expected.tolist()
    assert query.sampler.classes is None
    itself = as_query_strategy(model)
    picks, _ = models.ActiveLearner(model, itself).query(X[L:], n_instances=4)
    assert picks.tolist() == model.query(X[L:], 4).tolist()


@pytest.mark.skipif(
    "force_all_finite" in signature(check_array).parameters,
    reason="modAL's teach works before scikit-learn 1.8",
)
def test_our_own_loop_where_modals_teach_breaks(blobs):
    """modAL 0.4.2.1 calls scikit-learn with an argument that 1.8 took away."""
    X, y = blobs
    sampler = StrategySampler(make_net(), "margin", random_state=0).fit(X[:L], y[:L])
    learner = models.ActiveLearner(sampler, as_query_strategy(sampler))
    picks, samples = learner.query(X[L:], n_instances=3)
    with pytest.raises(TypeError, match="force_all_finite"):
        learner.teach(samples, y[L:][picks])
    learner.estimator.teach(samples, y[L:][picks])
    assert len(sampler.y_labeled_) == L + 3
    assert learner.query(X[L:], n_instances=3)[0].shape == (3,)


def test_it_pickles_and_shows_itself(net, blobs):
    query = pickle.loads(pickle.dumps(QUERIES["strategy"]()))
    assert repr(query) == "ModALQueryStrategy(StrategySampler(random_state=0, strategy=Margin()))"
    assert learner_of(net, query, blobs).query(blobs[0][L:], n_instances=2)[0].shape == (2,)


def test_a_sampler_has_its_own_random_state():
    with pytest.raises(ValueError, match=r"'random_state' cannot be given beside a sampler"):
        as_query_strategy(StrategySampler(), random_state=0)
    assert isinstance(as_query_strategy().sampler, AutoALSampler)
    with pytest.raises(ValueError, match="unknown name 'no'"):
        as_query_strategy("no")


@pytest.fixture
def signals(net, blobs):
    X, y = blobs
    return compute_signals(net, X[L:], X_labeled=X[:L], codes=y[:L])


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("uncertainty_sampling", "least_confidence"),
        ("margin_sampling", "margin"),
        ("entropy_sampling", "entropy"),
    ],
)
def test_the_same_rule_picks_the_same(net, signals, blobs, theirs, ours):
    from modAL import uncertainty

    strategy = from_modal(getattr(uncertainty, theirs))
    assert strategy.name == theirs
    expected = StrategySampler(FrozenEstimator(net), ours).fit(blobs[0][:L], blobs[1][:L])
    picks = strategy.select(signals, 6)
    assert sorted(picks.tolist()) == sorted(expected.query(blobs[0][L:], 6).tolist())


@pytest.mark.parametrize("features", ["samples", "embeddings"])
def test_ranked_batches(signals, blobs, features):
    """Their batch strategy measures distances, also to the labelled samples."""
    from modAL.batch import uncertainty_batch_sampling

    strategy = from_modal(uncertainty_batch_sampling, features=features)
    picks = strategy.select(signals, 6, random_state=0)
    assert len(set(picks.tolist())) == 6
    learner = models.ActiveLearner(signals.net, uncertainty_batch_sampling)
    learner.X_training = blobs[0][:L]
    with isolated_rng(0):
        expected, _ = learner.query(blobs[0][L:], n_instances=6)
    assert (picks.tolist() == expected.tolist()) == (features == "samples")


def test_keywords_reach_their_strategy(signals):
    from modAL.uncertainty import margin_sampling

    strategy = from_modal(margin_sampling, random_tie_break=True)
    first = strategy.select(signals, 5, random_state=0)  # draws from numpy's global generator
    assert first.tolist() == strategy.select(signals, 5, random_state=0).tolist()


def test_dropout_strategies_of_theirs_get_a_copy_of_the_net(signals, blobs):
    def theirs(learner, X, n_instances):
        learner.estimator.module_.train(not signals.net.module_.training)
        passes = learner.estimator.forward(torch.as_tensor(X), training=True)
        return np.argsort(passes.detach().numpy().std(axis=1))[-n_instances:]

    before = signals.probabilities.clone()
    modes = [m.training for m in signals.net.module_.modules()]
    from_modal(theirs).select(signals, 4, random_state=0)
    assert [m.training for m in signals.net.module_.modules()] == modes
    after = compute_signals(signals.net, blobs[0][L:]).probabilities
    assert torch.equal(before, after)


def test_what_is_no_strategy_is_refused():
    with pytest.raises(TypeError, match=r"'strategy' must be a modAL query strategy.*'margin'"):
        from_modal("margin")
