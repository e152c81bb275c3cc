"""``explain``: the table says what the query did, and asking for it changes nothing."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import StandardScaler

from skautoal import AutoALSampler, Search, StrategySampler, baselines, samplers
from skautoal.exceptions import PoolSizeWarning
from skautoal.pipeline import make_pipeline
from tests._helpers import sampler_classes
from tests._internals import PAPER

CLASSES = sampler_classes()
MIXING = (AutoALSampler, baselines.RandomWeightsSampler, baselines.FixedMixtureSampler)


def make(cls, **params):
    """A sampler of the class that is fast, with three strategies if it takes a list."""
    options = {"random_state": 0, "strategies": ["margin", "badge", "kmeans"]}
    known = cls().get_params(deep=False)
    return cls(**({key: options[key] for key in options if key in known} | params))


@pytest.fixture(scope="module")
def labels(blobs):
    return np.array(["cat", "dog", "eel"])[blobs[1]]


@pytest.fixture(params=CLASSES, ids=lambda cls: cls.__name__)
def sampler(request, blobs, labels):
    return make(request.param).fit(blobs[0][:30], labels[:30])


def test_it_says_what_the_query_did(sampler, blobs):
    pool = blobs[0][30:]
    idx, utilities = sampler.query(pool, 6, return_utilities=True)
    rows = [*idx.tolist(), *np.setdiff1d(np.arange(90), idx)[:3].tolist()]
    explanation = sampler.explain(pool, rows, n_instances=6)
    assert len(explanation) == 9
    assert explanation.indices.tolist() == rows
    assert explanation.places.tolist() == [1, 2, 3, 4, 5, 6, 0, 0, 0]
    np.testing.assert_allclose(explanation.scores, utilities[rows])
    assert explanation.ranks.tolist() == [1 + int((utilities > utilities[i]).sum()) for i in rows]

    P = sampler.predict_proba(pool)[rows]
    assert explanation.predictions.tolist() == sampler.predict(pool)[rows].tolist()
    np.testing.assert_allclose(explanation.probabilities, P.max(1), rtol=1e-6)
    np.testing.assert_allclose(explanation.margins, np.diff(np.sort(P))[:, -1], atol=1e-6)

    K = len(explanation.strategies)
    assert explanation.utilities.shape == explanation.weights.shape == (9, K)
    np.testing.assert_allclose(explanation.weights[:6].sum(1), 1, rtol=1e-5)


def test_it_changes_nothing(sampler, blobs):
    pool = blobs[0][30:]
    idx = sampler.query(pool, 6)
    before = pickle.dumps(sampler)
    first, again = sampler.explain(pool, idx), sampler.explain(pool, idx)
    assert first.rows() == again.rows()
    assert pickle.dumps(sampler) == before


@pytest.mark.parametrize("cls", MIXING)
def test_mixed_scores_are_the_sum_of_contributions(cls, blobs):
    X, y = blobs
    sampler = make(cls).fit(X[:30], y[:30])
    idx = sampler.query(X[30:], 6)
    explanation = sampler.explain(X[30:], idx)
    assert explanation.strategies == ["Margin", "BADGE", "KMeans"]
    np.testing.assert_allclose(explanation.contributions.sum(1), explanation.scores, rtol=1e-5)
    expected = list(sampler.strategy_weights_["batch"].values())
    np.testing.assert_allclose(explanation.weights.mean(0), expected, rtol=1e-5)
    # Margin scores every sample: its utility is the average rank of the score over n.
    alone = make(StrategySampler, strategy="margin").fit(X[:30], y[:30])
    _, margins = alone.query(X[30:], 1, return_utilities=True)
    everything = sampler.explain(X[30:], np.arange(90), n_instances=6)
    np.testing.assert_allclose(everything.utilities[:, 0], rankdata(margins) / 90, rtol=1e-5)


@pytest.mark.parametrize("mode", ["paper", "vote"])
def test_the_paper_and_the_top_of_the_scores(mode, blobs):
    X, y = blobs
    search = Search(**(PAPER | {"n_steps": 3, "n_splits": 2})) if mode == "paper" else None
    sampler = make(AutoALSampler, search=search, batch_builder="top").fit(X[:30], y[:30])
    idx, utilities = sampler.query(X[30:], 6, return_utilities=True)
    explanation = sampler.explain(X[30:], idx)
    np.testing.assert_allclose(explanation.contributions.sum(1), utilities[idx], rtol=1e-5)
    expected = ["Margin", "BADGE", "KMeans"] + ["predicted_loss"] * (mode == "paper")
    assert explanation.strategies == expected == list(sampler.strategy_weights_["batch"])
    if mode == "paper":  # a strategy picks a sample or does not
        assert set(explanation.utilities[:, :3].ravel().tolist()) <= {0.0, 1.0}
    else:
        np.testing.assert_allclose(explanation.weights, 1 / 3, rtol=1e-6)


@pytest.mark.parametrize("cls", [samplers.ALBLSampler, samplers.TAILORSampler])
def test_a_bandit_names_the_strategy_that_brought_the_sample(cls, blobs):
    X, y = blobs
    sampler = make(cls).fit(X[:30], y[:30])
    idx = sampler.query(X[30:], 6)
    explanation = sampler.explain(X[30:], [*idx, *np.setdiff1d(np.arange(90), idx)], n_instances=6)
    assert explanation.weights[:6].argmax(1).tolist() == sampler.last_query_["arm"].tolist()
    assert explanation.weights[:6].sum() == explanation.weights.sum() == 6
    # Each strategy ranks six samples of its own: 1, 5/6, .. 1/6.
    for column in explanation.utilities.T:
        np.testing.assert_allclose(np.sort(column)[-7:] * 6, np.arange(7), atol=1e-5)


def test_one_strategy_speaks_for_itself(blobs):
    X, y = blobs
    sampler = make(StrategySampler, strategy="entropy").fit(X[:30], y[:30])
    explanation = sampler.explain(X[30:], [4, 2])
    assert explanation.strategies == ["Entropy"]
    P = sampler.predict_proba(X[30:])[[4, 2]]
    np.testing.assert_allclose(explanation.utilities[:, 0], -(P * np.log(P)).sum(1), rtol=1e-5)
    names = {"initial": "TypiClust", "final": "Margin"}
    for phase, name in names.items():
        rounds = int(phase == "initial")
        chooser = make(samplers.TCMSampler, n_initial_rounds=rounds).fit(X[:30], y[:30])
        assert chooser.explain(X[30:], [0]).strategies == [name]


def test_rows_frame_and_text(blobs, labels):
    X = blobs[0]
    sampler = make(AutoALSampler, batch_builder="top").fit(X[:30], labels[:30])
    explanation = sampler.explain(X[30:], sampler.query(X[30:], 30))
    names = ["index", "place", "prediction", "probability", "margin", "score", "rank"]
    names.append("considered")
    for name in ("Margin", "BADGE", "KMeans"):
        names += [f"utility_{name}", f"weight_{name}"]
    frame = explanation.to_frame()
    assert frame.columns.tolist() == names
    assert frame["index"].tolist() == explanation.indices.tolist()
    assert frame["weight_KMeans"].tolist() == explanation.weights[:, 2].tolist()
    first = explanation.rows()[0]
    assert [type(first[name]) for name in names[:4]] == [int, int, str, float]
    lines = repr(explanation).splitlines()
    head = "index place prediction margin score rank Margin BADGE KMeans"
    assert lines[0].split() == head.split()
    assert lines[1].split()[:3] == [str(first["index"]), "1", first["prediction"]]
    assert lines[-2] == "... 30 rows; to_frame() gives all."
    assert len({len(line) for line in lines[:21]}) == 1  # columns stand below each other


def test_without_pandas(blobs, monkeypatch):
    X, y = blobs
    explanation = make(StrategySampler).fit(X[:30], y[:30]).explain(X[30:], [0])
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install 'skautoal\[data\]'"):
        explanation.to_frame()
    assert len(explanation.rows()) == 1


def test_frames_and_pipelines(blobs, labels):
    frame = pd.DataFrame(blobs[0] * 100, columns=list("abcde"))
    pipe = make_pipeline(StandardScaler(), make(AutoALSampler)).fit(frame[:30], labels[:30])
    pool = frame[30:]
    idx = pipe.query(pool, 4)
    explanation = pipe.explain(pool, idx)
    assert explanation.places.tolist() == [1, 2, 3, 4]
    assert explanation.predictions.tolist() == pipe.predict(pool)[idx].tolist()


@pytest.mark.parametrize("indices", [[], 3, [[1, 2]], [0.5], ["a"], None, [True, False]])
def test_indices_of_another_kind_are_refused(indices, blobs):
    X, y = blobs
    sampler = make(StrategySampler).fit(X[:30], y[:30])
    with pytest.raises(TypeError, match=r"'indices' must be a list or 1-D array"):
        sampler.explain(X[30:], indices)


@pytest.mark.parametrize("outside", [-1, 90])
def test_indices_outside_of_the_pool_are_refused(outside, blobs):
    X, y = blobs
    sampler = make(StrategySampler).fit(X[:30], y[:30])
    with pytest.raises(ValueError, match=rf"'indices' holds \[{outside}\], but the pool has 90"):
        sampler.explain(X[30:], [3, outside])


def test_other_bad_input(blobs):
    X, y = blobs
    sampler = make(StrategySampler)
    with pytest.raises(NotFittedError):
        sampler.explain(X, [0])
    sampler.fit(X[:30], y[:30])
    with pytest.raises(ValueError, match="'n_instances' must be an integer >= 1"):
        sampler.explain(X[30:], [0], n_instances=0)
    with pytest.raises(ValueError, match="4 features"):
        sampler.explain(X[30:, :4], [0])
    with pytest.warns(PoolSizeWarning):
        assert sampler.explain(X[30:35], [0], n_instances=9).places[0] > 0
