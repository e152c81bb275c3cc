"""scikit-activeml itself: our samplers among its strategies, its strategies among ours."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch import NeuralNetClassifier

from skautoal import StrategySampler
from skautoal.exceptions import MissingSignalError
from skautoal.modules import MLP
from skautoal.signals import compute_signals
from skautoal.strategies import STRATEGIES, Margin, TemporalOutputDiscrepancy
from tests._helpers import ConvNet, flat_autoal

base = pytest.importorskip("skactiveml.base")
pool = pytest.importorskip("skactiveml.pool")
classifiers = pytest.importorskip("skactiveml.classifier")
interop = pytest.importorskip("skautoal.interop.skactiveml")
SkactivemlQueryStrategy = interop.SkactivemlQueryStrategy
as_query_strategy, from_skactiveml = interop.as_query_strategy, interop.from_skactiveml

L = 20


def make_net(module=MLP, **params):
    if module is MLP:
        params = {"module__n_features": 5, "module__n_classes": 3} | params
    return NeuralNetClassifier(
        module, criterion=torch.nn.CrossEntropyLoss, max_epochs=3, lr=0.1, **params
    )


@pytest.fixture
def data(blobs):
    """Samples, true labels, and labels of which all but the first 20 are missing."""
    X, y = blobs
    X, y = X[:60], y[:60]
    return X, y, np.where(np.arange(60) < L, y, np.nan)


SAMPLER = flat_autoal(make_net(), ["margin", "kmeans"], n_steps=3, n_splits=2, random_state=0)


def test_the_answer_is_that_of_the_sampler(data):
    X, true, y = data
    query = as_query_strategy(SAMPLER)
    assert isinstance(query, base.SingleAnnotatorPoolQueryStrategy)
    picks, utilities = query.query(X, y, batch_size=5, return_utilities=True)
    plain = clone(SAMPLER).fit(X[:L], true[:L])
    expected, scores = plain.query(X[L:], 5, return_utilities=True)
    assert picks.tolist() == (L + expected).tolist()
    assert picks.dtype == np.int64
    assert np.array_equal(utilities[0, L:], scores)
    assert np.array_equal(query.sampler_.predict(X), plain.predict(X))
    assert not hasattr(SAMPLER, "estimator_")


@pytest.mark.parametrize("query", [SAMPLER, Margin(), "badge", lambda s: s.probabilities[:, 0]])
def test_utilities_have_a_row_for_each_pick(data, query):
    X, _, y = data
    strategy = SkactivemlQueryStrategy(query, random_state=3)
    picks, utilities = strategy.query(X, y, batch_size=4, return_utilities=True)
    assert utilities.shape == (4, 60)
    gone = np.zeros(60, dtype=bool)
    gone[:L] = True
    for pick, row in zip(picks, utilities, strict=True):
        assert (np.isnan(row) == gone).all()
        assert np.isfinite(row[pick])
        gone[pick] = True


def test_a_score_strategy_picks_the_top_of_each_row(data):
    X, _, y = data
    picks, utilities = as_query_strategy("entropy", make_net(), random_state=0).query(
        X, y, batch_size=6, return_utilities=True
    )
    assert picks.tolist() == np.nanargmax(utilities, axis=1).tolist()


def test_candidates(data):
    X, _, y = data
    query = as_query_strategy("margin", make_net(), random_state=0)
    _, utilities = query.query(X, y, batch_size=3, return_utilities=True)
    some = np.array([55, 30, 31, 48, 22])
    among, rows = query.query(X, y, candidates=some, batch_size=3, return_utilities=True)
    assert set(among) <= set(some.tolist())
    assert rows.shape == (3, 60)
    assert np.flatnonzero(~np.isnan(rows[0])).tolist() == sorted(some)
    assert np.allclose(rows[0, some], utilities[0, some])
    into, rows = query.query(X, y, candidates=X[some], batch_size=3, return_utilities=True)
    assert some[into].tolist() == among.tolist()
    assert rows.shape == (3, 5)
    # Labelled samples may be asked about again; others need not be in X.
    assert query.query(X, y, candidates=[0, 1], batch_size=2).tolist() in ([0, 1], [1, 0])
    assert query.query(X, y, candidates=X[:4] + 1).shape == (1,)


@pytest.mark.parametrize(
    ("missing", "names", "dtype"),
    [
        (np.nan, [0, 1, 2], float),
        (np.nan, [0.5, 1.5, 2.5], float),
        (-1, [0, 1, 2], int),
        (None, [0, 1, 2], object),
        (None, ["a", "b", "c"], object),
        ("", ["a", "b", "c"], str),
        ("none", ["a", "b", "c"], str),
    ],
)
def test_missing_labels(data, missing, names, dtype):
    X, _, y = data
    codes = as_query_strategy("badge", make_net(), random_state=0)
    expected = codes.query(X, y, batch_size=4)
    labels = [missing if np.isnan(code) else names[int(code)] for code in y]
    query = as_query_strategy("badge", make_net(), missing_label=missing, random_state=0)
    if 0.5 in names:  # not labels, to scikit-learn
        with pytest.raises(ValueError, match="continuous"):
            query.query(X, np.array(labels, dtype=dtype))
        return
    picks = query.query(X, np.array(labels, dtype=dtype), batch_size=4)
    assert picks.tolist() == expected.tolist()
    assert query.sampler_.classes_.tolist() == names
    assert query.sampler_.classes_.dtype.kind in "iU"


@pytest.mark.parametrize("state", [0, np.random.RandomState(0)], ids=["int", "RandomState"])
def test_the_same_labels_get_the_same_answer(data, state):
    """Whatever was asked in between, bit for bit."""
    X, true, y = data
    query = SkactivemlQueryStrategy(
        clone(SAMPLER).set_params(random_state=None), random_state=state
    )
    answers = [query.query(X, y, batch_size=4, return_utilities=True)]
    more = np.where(np.arange(60) < 30, true, np.nan)
    query.query(X, more, batch_size=2)
    answers.append(query.query(X, y, batch_size=4, return_utilities=True))
    answers.append(
        pickle.loads(pickle.dumps(query)).query(X, y, batch_size=4, return_utilities=True)
    )
    answers.append(clone(query).query(X, y, batch_size=4, return_utilities=True))
    for picks, utilities in answers[1:]:
        assert picks.tolist() == answers[0][0].tolist()
        assert np.array_equal(utilities, answers[0][1], equal_nan=True)


def test_without_a_random_state_numpys_generator_is_left_alone(data):
    X, _, y = data
    SkactivemlQueryStrategy("random").query(X, y)  # a fixture looks at the generators


def test_the_random_state_decides(data):
    X, _, y = data
    picks = [
        SkactivemlQueryStrategy("random", random_state=s).query(X, y, batch_size=5).tolist()
        for s in (0, 0, 1)
    ]
    assert picks[0] == picks[1] != picks[2]


def test_the_users_arrays_are_left_alone(data):
    X, _, y = data
    before = X.copy(), y.copy()
    SkactivemlQueryStrategy(SAMPLER).query(X, y, batch_size=3)
    assert np.array_equal(X, before[0])
    assert np.array_equal(y, before[1], equal_nan=True)


def test_more_than_there_are(data):
    X, true, y = data
    query = as_query_strategy("margin", make_net(), random_state=0)
    with pytest.warns(UserWarning, match="batch_size=100"):
        picks = query.query(X, y, batch_size=100)
    assert sorted(picks.tolist()) == list(range(L, 60))
    with (
        pytest.warns(UserWarning, match="batch_size=1"),
        pytest.raises(ValueError, match="a label for every sample"),
    ):
        query.query(X, true.astype(float))


def test_images(images):
    X, y = images
    labels = np.where(np.arange(len(y)) < 40, y, np.nan)
    query = as_query_strategy("badge", make_net(ConvNet), random_state=0)
    picks = query.query(X, labels, batch_size=3)
    assert (picks >= 40).all()
    assert query.sampler_.X_labeled_.shape == (40, 1, 8, 8)


@pytest.mark.parametrize("labels", [[], [2.0], [1.0, 1.0, 1.0]])
def test_a_diverse_start(data, labels):
    """Three far groups, no two classes labelled: one pick in each group."""
    X = np.repeat([[0.0, 0], [9, 0], [0, 9000]], 20, axis=0)
    X += np.random.RandomState(0).standard_normal(X.shape) * 0.1
    y = np.full(60, np.nan)
    y[: len(labels)] = labels
    query = SkactivemlQueryStrategy(random_state=0)
    picks, utilities = query.query(X, y, batch_size=3, return_utilities=True)
    assert sorted(picks // 20) == [0, 1, 2]
    assert query.sampler_ is None
    assert np.isnan(utilities[0]).sum() == len(labels)


def test_one_class_is_enough_where_classes_are_known(data):
    X = data[0]
    y = np.full(60, np.nan)
    y[:5] = 1
    sampler = StrategySampler(make_net(), classes=[0, 1, 2])
    query = SkactivemlQueryStrategy(sampler, random_state=0)
    query.query(X, y)
    assert query.sampler_.predict_proba(X).shape == (60, 3)


def test_the_round_before_is_half_of_the_labels(data):
    """The other library remembers no rounds, and this strategy compares with the last."""
    X, true, y = data
    strategy = TemporalOutputDiscrepancy()
    with pytest.raises(MissingSignalError, match="previous round"):
        StrategySampler(make_net(), strategy).fit(X[:L], true[:L]).query(X[L:], 3)
    query = as_query_strategy(strategy, make_net(), random_state=0)
    picks, utilities = query.query(X, y, batch_size=3, return_utilities=True)
    assert np.nanmax(utilities[0]) > 0
    assert len(query.sampler_.y_labeled_) == L
    assert picks.tolist() == query.query(X, y, batch_size=3).tolist()
    sampler = flat_autoal(make_net(), [strategy, "margin"], n_steps=2, n_splits=2)
    assert SkactivemlQueryStrategy(sampler, random_state=0).query(X, y).shape == (1,)


def test_in_their_wrappers(data):
    X, _, y = data
    ours = SkactivemlQueryStrategy(StrategySampler(make_net(), "margin"), random_state=0)
    wrapper = pool.SubSamplingWrapper(ours, max_candidates=10, random_state=0)
    picks, utilities = wrapper.query(X, y, batch_size=3, return_utilities=True)
    assert len(set(picks.tolist())) == 3
    assert np.isfinite(utilities[0]).sum() == 10
    parallel = pool.ParallelUtilityEstimationWrapper(ours, n_jobs=1, random_state=0)
    assert parallel.query(X, y).tolist() == ours.query(X, y).tolist()


def test_their_classifier_around_a_sampler(data):
    """It hides failures of ``fit``, and predicts label counts then."""
    X, _, y = data
    classifier = classifiers.SklearnClassifier(
        StrategySampler(make_net(), random_state=0), classes=[0, 1, 2]
    )
    classifier.fit(X, y)
    assert classifier.is_fitted_
    picks = pool.UncertaintySampling(random_state=0).query(X, y, clf=classifier, batch_size=3)
    assert len(set(picks.tolist())) == 3


def test_what_may_not_be_given(data):
    with pytest.raises(ValueError, match=r"'estimator' cannot be given beside a sampler"):
        as_query_strategy(StrategySampler(), make_net())
    with pytest.raises(ValueError, match=r"unknown name 'bagde'. Did you mean 'badge'"):
        as_query_strategy("bagde")
    with pytest.raises(ValueError, match="unknown name"):
        SkactivemlQueryStrategy("bagde").query(*data[::2])


INIT = {
    "Quire": {"classes": [0, 1, 2]},
    "CostEmbeddingAL": {"classes": [0, 1, 2]},
    "SubSamplingWrapper": {"query_strategy": pool.Badge(), "max_candidates": 0.5},
}
PARZEN = classifiers.ParzenWindowClassifier(classes=[0, 1, 2])
KEYWORDS = {
    "DiscriminativeAL": {"discriminator": classifiers.ParzenWindowClassifier()},
    "FourDs": {"clf": classifiers.MixtureModelClassifier(classes=[0, 1, 2], random_state=0)},
    "ProbabilisticAL": {"clf": PARZEN},
    "MonteCarloEER": {"clf": PARZEN},
    "ValueOfInformationEER": {"clf": PARZEN},
}
COMMITTEES = {"QueryByCommittee", "GreedyBALD", "BatchBALD"}
REGRESSION = {
    "ExpectedModelChangeMaximization",
    "ExpectedModelOutputChange",
    "ExpectedModelVarianceReduction",
    "KLDivergenceMaximization",
    "GreedySamplingTarget",
    "RegressionTreeBasedAL",
}
LEFT_OUT = {
    "ExpectedErrorReduction",  # abstract
    "EpistemicUncertaintySampling",  # two classes and their own classifiers only
    "ParallelUtilityEstimationWrapper",  # one sample a query only
}
THEIRS = [
    name
    for name in pool.__all__
    if isinstance(getattr(pool, name), type)
    and issubclass(getattr(pool, name), base.SingleAnnotatorPoolQueryStrategy)
    and name not in REGRESSION | LEFT_OUT
]


@pytest.fixture
def signals(mlp_net, blobs):
    X, y = blobs
    return compute_signals(mlp_net, X[L:50], X_labeled=X[:L], codes=y[:L])


@pytest.mark.parametrize("name", THEIRS)
def test_their_strategies_as_candidates(signals, name):
    theirs = getattr(pool, name)(**INIT.get(name, {}))
    before = repr(theirs), pickle.dumps(theirs)
    for features in ("samples",) if name in COMMITTEES else ("samples", "embeddings"):
        strategy = from_skactiveml(theirs, features=features, **KEYWORDS.get(name, {}))
        picks = strategy.select(signals, 4, random_state=0)
        assert picks.dtype == np.int64
        assert len(set(picks.tolist())) == 4
        assert clone(strategy).select(signals, 4, random_state=0).tolist() == picks.tolist()
    assert (repr(theirs), pickle.dumps(theirs)) == before


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (pool.UncertaintySampling("margin_sampling"), "margin"),
        (pool.UncertaintySampling("entropy"), "entropy"),
        (pool.UncertaintySampling("least_confident", missing_label=-1), "least_confidence"),
        (pool.GreedyBALD(), "bald"),
    ],
)
def test_the_same_rule_picks_the_same(signals, theirs, ours):
    picks = from_skactiveml(theirs).select(signals, 6)
    expected = STRATEGIES[ours]().select(signals, 6)
    assert sorted(picks.tolist()) == sorted(expected.tolist())


def test_core_set_on_embeddings(signals):
    picks = from_skactiveml(pool.CoreSet(), features="embeddings").select(signals, 6)
    assert picks.tolist() == STRATEGIES["kcenter_greedy"]().select(signals, 6).tolist()


def test_chance_comes_from_the_random_state(signals):
    strategy = from_skactiveml(pool.SubSamplingWrapper(pool.Badge(), max_candidates=20))
    picks = [strategy.select(signals, 4, random_state=s).tolist() for s in (0, 0, 1)]
    assert picks[0] == picks[1] != picks[2]


def test_their_strategies_beside_ours(data):
    X, true, _ = data
    strategies = [from_skactiveml(pool.Badge()), from_skactiveml(pool.QueryByCommittee()), "margin"]
    sampler = clone(SAMPLER).set_params(strategies=strategies).fit(X[:L], true[:L])
    assert sampler.query(X[L:], 4).shape == (4,)
    assert set(sampler.strategy_weights_["batch"]) == {"Badge", "QueryByCommittee", "Margin"}


def test_a_net_without_dropout_is_no_committee(no_dropout_net, blobs):
    strategy = from_skactiveml(pool.GreedyBALD())
    with pytest.raises(MissingSignalError, match="GreedyBALD needs MC dropout"):
        StrategySampler(no_dropout_net, strategy).fit(blobs[0][:L], blobs[1][:L])


@pytest.mark.parametrize("name", sorted(REGRESSION))
def test_strategies_for_regression_are_refused(name):
    theirs = getattr(pool, name)()
    with pytest.raises(TypeError, match=rf"{name}.query needs \['reg'\]"):
        from_skactiveml(theirs)


def test_strategies_that_train_need_a_classifier(signals):
    with pytest.raises(TypeError, match=r"DiscriminativeAL.query needs \['discriminator'\]"):
        from_skactiveml(pool.DiscriminativeAL())
    with pytest.raises(TypeError, match=r"one of its own: from_skactiveml\(strategy, clf="):
        from_skactiveml(pool.MonteCarloEER())

    class Trains(base.SingleAnnotatorPoolQueryStrategy):
        def query(self, X, y, clf, candidates=None, batch_size=1, return_utilities=False):
            clf.fit(X, y)

    with pytest.raises(TypeError, match="it is trained already"):
        from_skactiveml(Trains()).select(signals, 2)
    with pytest.raises(ValueError, match=r"BatchBALD.query needs an ensemble.*'samples'"):
        from_skactiveml(pool.BatchBALD(), features="embeddings")
    with pytest.raises(TypeError, match=r"must be a SingleAnnotatorPoolQueryStrategy object"):
        from_skactiveml(pool.Badge)


def test_warnings_stay_with_the_caller(signals):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from_skactiveml(pool.TypiClust()).select(signals, 4)
