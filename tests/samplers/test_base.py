"""What every sampler does: fit, query, teach, predict; and what it leaves alone."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from skautoal import StrategySampler
from skautoal.modules import MLP
from skautoal.strategies import BADGE, Margin
from tests._helpers import flat_autoal, frozen, n_hooks, train
from tests._internals import isolated_rng

X, Y = make_blobs(90, n_features=4, centers=3, cluster_std=3.0, random_state=0)
X = X.astype(np.float32)
POOL = X[40:]


def net(n_features=4, n_classes=3, **params):
    options = {
        "module__n_features": n_features,
        "module__n_classes": n_classes,
        "module__hidden": 8,
        "criterion": nn.CrossEntropyLoss,
        "optimizer": torch.optim.Adam,
        "lr": 0.02,
        "max_epochs": 8,
        "batch_size": 16,
        "verbose": 0,
    }
    return NeuralNetClassifier(MLP, **(options | params))


def autoal(estimator="net", **params):
    options = {"strategies": ["margin", "kmeans"], "n_steps": 4, "n_splits": 2, "random_state": 0}
    return flat_autoal(net() if estimator == "net" else estimator, **(options | params))


def single(estimator="net", **params):
    return StrategySampler(
        net() if estimator == "net" else estimator, **({"random_state": 0} | params)
    )


def predicted(estimator, X):
    """Probabilities from skorch itself, whose loader draws from torch's global generator."""
    with isolated_rng(0):
        return estimator.predict_proba(X)


every_sampler = pytest.mark.parametrize("make", [autoal, single])


# ---------------------------------------------------------------- fit, query, teach


@every_sampler
def test_fit_sets_what_is_documented(make):
    sampler = make()
    assert sampler.fit(X[:40], Y[:40]) is sampler
    assert sampler.n_features_in_ == 4
    assert sampler.classes_.tolist() == [0, 1, 2]
    assert sampler.X_labeled_.shape == (40, 4)
    assert sampler.y_labeled_.tolist() == Y[:40].tolist()
    assert isinstance(sampler.estimator_, NeuralNetClassifier)
    assert sampler.timings_["train"] > 0


@every_sampler
@pytest.mark.parametrize("b", [1, 7, 50])
def test_query(make, b):
    sampler = make().fit(X[:40], Y[:40])
    picks, utilities = sampler.query(POOL, b, return_utilities=True)
    assert picks.dtype == np.int64
    assert picks.shape == (b,)
    assert len(set(picks.tolist())) == b
    assert picks.min() >= 0
    assert picks.max() < 50
    assert utilities.shape == (50,)
    assert np.isfinite(utilities).all()
    assert sampler.query(POOL, b).tolist() == picks.tolist()


@every_sampler
def test_the_size_of_the_batch_is_a_parameter_or_an_argument(make):
    sampler = make(n_instances=3).fit(X[:40], Y[:40])
    assert len(sampler.query(POOL)) == 3
    assert len(sampler.query(POOL, 6)) == 6
    assert len(sampler.query(POOL, n_instances=np.int32(2))) == 2


@every_sampler
def test_predictions_are_those_of_the_task_net(make):
    sampler = make().fit(X[:40], np.array(["a", "b", "c"])[Y[:40]])
    P = sampler.predict_proba(POOL)
    assert P.shape == (50, 3)
    np.testing.assert_allclose(P, predicted(sampler.estimator_, POOL), atol=1e-6)
    assert sampler.predict(POOL).tolist() == np.array(["a", "b", "c"])[P.argmax(1)].tolist()
    accuracy = sampler.score(X[40:], np.array(["a", "b", "c"])[Y[40:]])
    assert accuracy == np.mean(P.argmax(1) == Y[40:])
    assert accuracy > 0.5


@every_sampler
def test_teach_is_fit_on_all_of_it(make):
    taught = make().fit(X[:30], Y[:30]).teach(X[30:40], Y[30:40])
    fitted = make().fit(X[:40], Y[:40])
    assert np.array_equal(taught.X_labeled_, X[:40])
    assert taught.y_labeled_.tolist() == Y[:40].tolist()
    assert np.array_equal(taught.predict_proba(POOL), fitted.predict_proba(POOL))
    assert taught.query(POOL, 5).tolist() == fitted.query(POOL, 5).tolist()


@every_sampler
def test_teach_before_fit_is_fit(make):
    assert make().teach(X[:30], Y[:30]).query(POOL, 3).shape == (3,)


@every_sampler
def test_new_classes_may_come_with_new_labels(make):
    few = Y[:40] < 2
    sampler = make(None).fit(X[:40][few], Y[:40][few])
    assert sampler.classes_.tolist() == [0, 1]
    assert sampler.predict_proba(POOL).shape == (50, 2)
    sampler.teach(X[:40][~few], Y[:40][~few])
    assert sampler.classes_.tolist() == [0, 1, 2]
    assert sampler.predict_proba(POOL).shape == (50, 3)
    assert len(sampler.query(POOL, 4)) == 4


@every_sampler
def test_a_loop_of_rounds(make):
    sampler = make().fit(X[:10], np.r_[Y[:10]])
    unlabelled = np.arange(10, 90)
    for _ in range(3):
        picks = sampler.query(X[unlabelled], 5)
        sampler.teach(X[unlabelled[picks]], Y[unlabelled[picks]])
        unlabelled = np.delete(unlabelled, picks)
    assert len(sampler.y_labeled_) == 25
    assert len(unlabelled) == 65
    assert len(np.unique(sampler.X_labeled_, axis=0)) == 25


# ---------------------------------------------------------------- the estimator


@every_sampler
def test_the_estimator_is_never_touched(make):
    mine = net()
    params = {k: v for k, v in mine.get_params().items() if not k.startswith("callbacks__")}
    names = sorted(vars(mine))
    sampler = make(mine).fit(X[:40], Y[:40])
    sampler.query(POOL)
    sampler.teach(POOL[:3], Y[40:43])
    assert sorted(vars(mine)) == names
    assert not mine.initialized_
    after = mine.get_params()
    assert all(after[k] is v or after[k] == v for k, v in params.items())
    assert sampler.estimator is mine
    assert sampler.estimator_ is not mine


@every_sampler
def test_a_trained_estimator_is_a_template_like_another(make):
    trained = train(net(), X, Y)
    trained.module_.train()
    before = frozen(trained)
    sampler = make(trained).fit(X[:40], Y[:40])
    assert sampler.query(POOL, 5).tolist() == make().fit(X[:40], Y[:40]).query(POOL, 5).tolist()
    assert all(torch.equal(before[k], v) for k, v in frozen(trained).items())


@every_sampler
def test_a_prefitted_net_is_used_as_it_is(make):
    trained = train(net(), X[:40], Y[:40])
    trained.module_.train()
    before, epochs = frozen(trained), len(trained.history)
    expected = predicted(trained, POOL)
    trained.module_.train()
    sampler = make(
        FrozenEstimator(trained),
    ).fit(X[:40], Y[:40])
    assert sampler.estimator_ is trained
    np.testing.assert_allclose(sampler.predict_proba(POOL), expected, atol=1e-6)
    sampler.query(POOL)
    sampler.teach(POOL[:3], Y[40:43])
    assert len(sampler.y_labeled_) == 43
    assert len(trained.history) == epochs
    assert all(torch.equal(before[k], v) for k, v in frozen(trained).items())
    assert all(module.training for module in trained.module_.modules())
    assert n_hooks(trained.module_) == 0


@every_sampler
def test_a_prefitted_net_may_know_more_classes_than_there_are_labels(make):
    trained = train(net(), X, Y)
    few = Y[:40] < 2
    sampler = make(
        FrozenEstimator(trained),
    ).fit(X[:40][few], Y[:40][few])
    assert sampler.classes_.tolist() == [0, 1, 2]
    assert len(sampler.query(POOL, 4)) == 4


# ---------------------------------------------------------------- pipelines


@every_sampler
def test_an_estimator_may_be_a_pipeline(make):
    piped = make(make_pipeline(StandardScaler(), net())).fit(X[:40], Y[:40])
    by_hand = StandardScaler().fit(X[:40])
    plain = make().fit(by_hand.transform(X[:40]).astype(np.float32), Y[:40])
    pool = by_hand.transform(POOL).astype(np.float32)
    assert piped.query(POOL, 5).tolist() == plain.query(pool, 5).tolist()
    assert isinstance(piped.estimator_, Pipeline)
    np.testing.assert_allclose(piped.predict_proba(POOL), plain.predict_proba(pool), atol=1e-5)
    np.testing.assert_allclose(
        piped.predict_proba(POOL), predicted(piped.estimator_, POOL), atol=1e-5
    )
    assert not hasattr(piped.estimator[0], "mean_")


@every_sampler
def test_a_fitted_pipeline_is_used_as_it_is(make):
    with_scaler = train(make_pipeline(StandardScaler(), net()), X[:40], Y[:40])
    sampler = make(
        FrozenEstimator(with_scaler),
    ).fit(X[:40], Y[:40])
    np.testing.assert_allclose(sampler.predict_proba(POOL), predicted(with_scaler, POOL), atol=1e-6)
    assert len(sampler.query(POOL, 4)) == 4


@every_sampler
def test_texts_through_a_vectorizer(make):
    words = [["cat", "dog"], ["sun", "moon"], ["red", "blue"]]
    rng = np.random.RandomState(0)
    codes = np.arange(40) % 3
    texts = [
        " ".join(rng.choice([*words[c], "the", "a"], 6)) + " the cat sun red dog moon blue"
        for c in codes
    ]
    estimator = make_pipeline(TfidfVectorizer(), net(n_features=7))
    sampler = make(estimator).fit(texts[:20], codes[:20])
    picks = sampler.query(texts[20:], 4)
    assert len(set(picks.tolist())) == 4
    sampler.teach([texts[20 + i] for i in picks], codes[20:][picks])
    assert len(sampler.X_labeled_) == 24
    assert sampler.predict(texts).shape == (40,)


@every_sampler
def test_a_sampler_may_end_a_pipeline(make):
    pipe = make_pipeline(StandardScaler(), make()).fit(X[:40], Y[:40])
    assert pipe.score(X[40:], Y[40:]) > 0.5
    assert pipe.predict_proba(POOL).shape == (50, 3)
    assert len(pipe[-1].query(pipe[:-1].transform(POOL), 4)) == 4


# ---------------------------------------------------------------- scikit-learn's tools


@every_sampler
def test_pickle_and_clone(make):
    sampler = make().fit(X[:40], Y[:40])
    answer = sampler.query(POOL, 5).tolist()
    loaded = pickle.loads(pickle.dumps(sampler))
    assert loaded.query(POOL, 5).tolist() == answer
    loaded.teach(POOL[:3], Y[40:43])
    cloned = clone(sampler)
    assert not hasattr(cloned, "estimator_")
    assert cloned.fit(X[:40], Y[:40]).query(POOL, 5).tolist() == answer


@pytest.mark.parametrize("mode", ["auto", "search", "paper", "vote"])
@pytest.mark.parametrize("objective", ["loss", "mixed"])
def test_a_sampler_of_any_mode_can_be_saved(mode, objective):
    sampler = autoal(mode=mode, objective=objective, search_net="module").fit(X[:40], Y[:40])
    loaded = pickle.loads(pickle.dumps(sampler))
    assert loaded.query(POOL, 5).tolist() == sampler.query(POOL, 5).tolist()


def test_grid_search():
    grid = GridSearchCV(
        autoal(mode="vote"),
        {
            "n_instances": [2, 4],
            "estimator__lr": [1e-5, 0.03],
            "strategies": [["margin"], ["entropy", BADGE()]],
        },
        cv=2,
    ).fit(X[:40], Y[:40])
    assert grid.best_params_["estimator__lr"] == 0.03
    assert len(grid.best_estimator_.query(POOL)) == grid.best_params_["n_instances"]


def test_parameters_of_named_strategies():
    sampler = autoal(strategies=[("first", Margin()), ("second", "kmeans")])
    assert sampler.get_params()["first"] is sampler.strategies[0][1]
    sampler.set_params(first=BADGE(), n_instances=2)
    assert isinstance(sampler.strategies[0][1], BADGE)
    sampler.fit(X[:40], Y[:40]).query(POOL)
    assert set(sampler.strategy_weights_["pool"]) == {"first", "second"}
    assert clone(sampler).get_params()["second"] == "kmeans"
    sampler.set_params(strategies=["margin"])
    assert "first" not in sampler.get_params()


def test_nested_parameters_of_a_strategy():
    from skautoal.strategies import KCenterGreedy

    sampler = autoal(strategies=[("centers", KCenterGreedy()), ("margin", Margin())])
    sampler.set_params(centers__n_components=2)
    assert sampler.strategies[0][1].n_components == 2
    assert sampler.get_params()["centers__n_components"] == 2
    with pytest.raises(ValueError, match="Invalid parameter"):
        sampler.set_params(centers__nothing=2)
