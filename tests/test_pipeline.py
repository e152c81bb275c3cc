"""Pipelines that end in a sampler: transform, then query; everything else is scikit-learn's."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import pipeline as sk_pipeline
from sklearn.base import clone, is_classifier
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from skorch import NeuralNetClassifier
from torch import nn

from skautoal import StrategySampler
from skautoal.modules import MLP
from skautoal.pipeline import Pipeline, make_pipeline
from skautoal.strategies import BADGE, Margin
from tests._helpers import flat_autoal
from tests._internals import isolated_rng

pytestmark = pytest.mark.usefixtures("short_training")

SAME_AS_SCIKIT_LEARN = "scikit-learn's own Pipeline fits its steps in place, too"


def quick(**params):
    """An AutoAL sampler that searches little."""
    options = {"strategies": ["margin", "kmeans"], "n_steps": 3, "n_splits": 2, "random_state": 0}
    return flat_autoal(**(options | params))


def small_net(n_features, **params):
    return NeuralNetClassifier(
        MLP,
        module__n_features=n_features,
        module__n_classes=3,
        module__hidden=8,
        criterion=nn.CrossEntropyLoss,
        max_epochs=3,
        lr=0.1,
        verbose=0,
        **params,
    )


@pytest.fixture(scope="module")
def frame():
    """180 rows of two numbers and a word; the class depends on all three."""
    rng = np.random.RandomState(0)
    X = pd.DataFrame(
        {
            "length": rng.normal(50, 20, 180),
            "weight": rng.normal(0, 0.1, 180),
            "colour": rng.choice(["red", "green", "blue"], 180),
        }
    )
    y = np.where(X["colour"] == "red", 0, np.where(X["length"] > 50, 1, 2))
    return X, np.array(["no", "maybe", "yes"])[y]


def columns():
    """Scaled numbers and one-hot words."""
    return make_column_transformer(
        (StandardScaler(), ["length", "weight"]),
        (OneHotEncoder(sparse_output=False), ["colour"]),
    )


@pytest.mark.parametrize("sampler", [quick(), StrategySampler(random_state=0)])
def test_it_is_the_sampler_on_transformed_samples(sampler, blobs):
    X, y = blobs[0] * 100 + 7, blobs[1]
    pipe = make_pipeline(StandardScaler(), clone(sampler)).fit(X[:30], y[:30])
    scaler = StandardScaler().fit(X[:30])
    alone = clone(sampler).fit(scaler.transform(X[:30]), y[:30])

    picks, utilities = pipe.query(X[30:], 6, return_utilities=True)
    expected, expected_utilities = alone.query(scaler.transform(X[30:]), 6, return_utilities=True)
    assert picks.tolist() == expected.tolist()
    np.testing.assert_array_equal(utilities, expected_utilities)
    np.testing.assert_array_equal(pipe.predict_proba(X), alone.predict_proba(scaler.transform(X)))

    pipe.teach(X[30:][picks], y[30:][picks])
    alone.teach(scaler.transform(X[30:][picks]), y[30:][picks])
    np.testing.assert_array_equal(pipe[-1].X_labeled_, alone.X_labeled_)
    np.testing.assert_array_equal(pipe[0].mean_, scaler.mean_)  # fitted in fit only
    assert pipe.query(X[60:], 6).tolist() == alone.query(scaler.transform(X[60:]), 6).tolist()


def test_arguments_of_query_reach_the_sampler(blobs):
    X, y = blobs
    pipe = make_pipeline(StandardScaler(), StrategySampler(n_instances=4, random_state=0))
    pipe.fit(X[:30], y[:30])
    assert len(pipe.query(X[30:])) == 4
    costs = np.linspace(1, 3, 90)
    assert costs[pipe.query(X[30:], costs=costs, budget=5.0)].sum() <= 5
    with pytest.raises(TypeError, match="n_samples"):
        pipe.query(X[30:], n_samples=3)


def test_a_frame_with_words(frame):
    X, y = frame
    pipe = make_pipeline(columns(), quick()).fit(X[:60], y[:60])
    assert pipe.feature_names_in_.tolist() == ["length", "weight", "colour"]
    assert pipe.classes_.tolist() == ["maybe", "no", "yes"]
    pool = X[60:].reset_index(drop=True)
    picks = pipe.query(pool, 5)
    assert pipe.query(pool[["colour", "weight", "length"]], 5).tolist() == picks.tolist()
    pipe.teach(pool.iloc[picks], y[60:][picks])
    assert len(pipe[-1].y_labeled_) == 65
    assert pipe.score(X, y) > 0.8
    with pytest.raises(ValueError, match="columns are missing"):
        pipe.query(pool.drop(columns="weight"))
    with pytest.raises(ValueError, match="Found unknown categories"):
        pipe.teach(pool[:1].assign(colour="mauve"), ["no"])
    assert len(pipe[-1].y_labeled_) == 65


def test_names_of_columns_are_checked_without_a_column_transformer(frame):
    X, y = frame[0][["length", "weight"]], frame[1]
    for scaler in (StandardScaler(), StandardScaler().set_output(transform="pandas")):
        pipe = make_pipeline(scaler, StrategySampler(random_state=0)).fit(X[:30], y[:30])
        assert len(pipe.teach(X[30:33], y[30:33]).query(X[33:], 3)) == 3
        for call in (pipe.query, lambda X, pipe=pipe: pipe.teach(X, y[60:])):
            with pytest.raises(ValueError, match="feature names should match"):
                call(X[60:].rename(columns={"weight": "height"}))


def test_grid_search_over_strategies(frame):
    X, y = frame

    def accuracy_after_a_batch(pipe, X, y):
        pool, rest = X.iloc[::2], X.iloc[1::2]
        picks = pipe.query(pool, 5)
        queried.append((len(pool), len(pipe[-1].strategies_), pipe[-1].batch_builder))
        return pipe.teach(pool.iloc[picks], y[::2][picks]).score(rest, y[1::2])

    queried = []
    pipe = make_pipeline(columns(), quick())
    grid = {
        "autoalsampler__strategies": [["margin", "badge"], [("m", Margin())], [BADGE()]],
        "autoalsampler__batch_builder": ["auto", "top"],
    }
    with isolated_rng(0):
        search = GridSearchCV(pipe, grid, scoring=accuracy_after_a_batch, cv=2).fit(X, y)
    assert sorted(queried) == sorted(2 * [(45, k, b) for k in (2, 1, 1) for b in ("auto", "top")])
    assert len(search.best_estimator_.query(X, 3)) == 3
    assert search.best_score_ > 0.8
    assert not pipe.__sklearn_is_fitted__()


def test_grid_search_reaches_strategies_and_the_net(blobs):
    X, y = blobs
    pipe = make_pipeline(
        StandardScaler(), quick(estimator=small_net(5), strategies=[("b", BADGE())])
    )
    grid = {
        "autoalsampler__b": [BADGE(), Margin()],
        "autoalsampler__estimator__max_epochs": [1, 30],
    }
    search = GridSearchCV(pipe, grid, cv=2).fit(X, y)
    assert search.best_params_["autoalsampler__estimator__max_epochs"] == 30
    assert len(search.best_estimator_[-1].estimator_.history) == 30


def test_a_pipeline_of_scikit_learn_as_the_model_inside(blobs):
    """Its transformers are fitted again with every batch, those outside are not."""
    X, y = blobs
    inside = sk_pipeline.make_pipeline(StandardScaler(), small_net(5))
    pipe = make_pipeline(FunctionTransformer(np.arcsinh), StrategySampler(inside, random_state=0))
    pipe.fit(X[:30], y[:30])
    picks = pipe.query(X[30:], 6)
    pipe.teach(X[30:][picks], y[30:][picks])
    seen = np.arcsinh(np.concatenate([X[:30], X[30:][picks]]))
    np.testing.assert_allclose(pipe[-1].estimator_[0].mean_, seen.mean(0), rtol=1e-5)


def test_passthrough_single_steps_and_nesting(blobs):
    X, y = blobs
    alone = StrategySampler(random_state=0).fit(X[:30], y[:30]).query(X[30:], 4).tolist()
    for pipe in (
        make_pipeline(StrategySampler(random_state=0)),
        make_pipeline("passthrough", StrategySampler(random_state=0)),
        make_pipeline("passthrough", make_pipeline(StrategySampler(random_state=0))),
    ):
        assert pipe.fit(X[:30], y[:30]).query(X[30:], 4).tolist() == alone
        assert len(pipe.teach(X[30:32], y[30:32]).query(X[32:], 4)) == 4


def test_teach_comes_first_where_nothing_was_fitted(blobs):
    X, y = blobs
    first = make_pipeline(StandardScaler(), StrategySampler(random_state=0))
    picks = first.teach(X[:30], y[:30]).query(X[30:], 4)
    assert picks.tolist() == clone(first).fit(X[:30], y[:30]).query(X[30:], 4).tolist()


def test_cached_transformers(blobs, tmp_path):
    X, y = blobs
    answers = [
        make_pipeline(StandardScaler(), StrategySampler(random_state=0), memory=memory)
        .fit(X[:30], y[:30])
        .query(X[30:], 4)
        .tolist()
        for memory in (None, str(tmp_path), str(tmp_path))
    ]
    assert answers[0] == answers[1] == answers[2]


def test_clones_copies_and_nested_parameters(blobs):
    X, y = blobs
    pipe = make_pipeline(StandardScaler(), quick()).fit(X[:30], y[:30])
    assert type(clone(pipe)) is Pipeline
    assert (
        pickle.loads(pickle.dumps(pipe)).query(X[30:], 4).tolist() == pipe.query(X[30:], 4).tolist()
    )
    pipe.set_params(autoalsampler__batch_builder="top", autoalsampler__strategies=["margin"])
    assert (pipe[-1].batch_builder, pipe["autoalsampler"].strategies) == ("top", ["margin"])
    assert is_classifier(pipe)
    assert not hasattr(pipe, "transform")


def test_slices(blobs):
    X, y = blobs
    pipe = make_pipeline(StandardScaler(), "passthrough", StrategySampler(random_state=0))
    pipe.fit(X[:30], y[:30])
    before = pipe[:-1]
    assert type(before) is sk_pipeline.Pipeline
    transformed = before.transform(X)
    assert type(pipe[1:]) is Pipeline
    assert pipe[1:].query(transformed[30:], 4).tolist() == pipe.query(X[30:], 4).tolist()


@pytest.mark.parametrize("last", [LogisticRegression(), "passthrough", None, small_net(5)])
def test_another_last_step_is_refused(last, blobs):
    pipe = Pipeline([("scale", StandardScaler()), ("last", last)])
    with pytest.raises(TypeError, match=r"'steps' must end in a sampler such as AutoALSampler"):
        pipe.fit(*blobs)
    assert not hasattr(pipe[0], "mean_")
    assert not hasattr(pipe, "query")
    assert not hasattr(pipe, "teach")


def test_asked_too_early(blobs):
    with pytest.raises(NotFittedError, match="not fitted"):
        make_pipeline(StandardScaler(), StrategySampler()).query(blobs[0])


def test_the_diagram_shows_every_step():
    html = make_pipeline(StandardScaler(), quick(estimator=small_net(5)))._repr_html_()
    for name in ("StandardScaler", "AutoALSampler", "NeuralNetClassifier"):
        assert name in html


@parametrize_with_checks(
    [make_pipeline(StandardScaler(), StrategySampler(random_state=0))],
    expected_failed_checks=lambda _: {
        "check_estimators_overwrite_params": SAME_AS_SCIKIT_LEARN,
        "check_dont_overwrite_parameters": SAME_AS_SCIKIT_LEARN,
    },
)
def test_scikit_learn_check(estimator, check):
    with isolated_rng(0):
        check(estimator)


def test_tensors_pass_where_transformers_let_them(blobs):
    X, y = torch.as_tensor(blobs[0]), blobs[1]
    pipe = make_pipeline(FunctionTransformer(lambda X: 2 * X), StrategySampler(random_state=0))
    assert len(pipe.fit(X[:30], y[:30]).query(X[30:], 4)) == 4
