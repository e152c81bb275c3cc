"""small-text itself: our samplers in its learner, its strategies among ours."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from skorch import NeuralNetClassifier

from skautoal import StrategySampler
from skautoal.modules import MLP
from skautoal.signals import compute_signals
from skautoal.strategies import STRATEGIES
from tests._helpers import flat_autoal
from tests._internals import isolated_rng

small_text = pytest.importorskip("small_text")
BALD = pytest.importorskip("small_text.query_strategies").BALD
interop = pytest.importorskip("skautoal.interop.small_text")
as_query_strategy, from_small_text = interop.as_query_strategy, interop.from_small_text

L = 20
SAMPLER = flat_autoal(strategies=["margin", "kmeans"], n_steps=3, n_splits=2, random_state=0)


def two_column_net():
    return NeuralNetClassifier(
        MLP,
        module__n_features=2,
        module__n_classes=2,
        criterion=torch.nn.CrossEntropyLoss,
        max_epochs=2,
    )


@pytest.fixture
def dataset(blobs):
    return small_text.SklearnDataset(*blobs, target_labels=np.arange(3))


@pytest.fixture
def indices():
    """Unlabelled, labelled; in no order."""
    order = np.random.RandomState(0).permutation(120)
    return order[L:], order[:L]


def test_in_their_learner(dataset):
    factory = small_text.SklearnClassifierFactory(LogisticRegression(), 3)
    learner = small_text.PoolBasedActiveLearner(factory, as_query_strategy(SAMPLER), dataset)
    labeled = np.arange(L)
    learner.initialize(labeled)
    for _ in range(2):
        picks = learner.query(num_samples=5)
        assert len(set(picks.tolist()) - set(labeled.tolist())) == 5
        learner.update(dataset.y[picks])
        labeled = np.concatenate([labeled, picks])
    assert len(learner.indices_labeled) == L + 10


def test_indices_count_from_the_start_of_the_data_set(dataset, indices):
    unlabeled, labeled = indices
    query = as_query_strategy(SAMPLER)
    picks = query.query(None, dataset, unlabeled, labeled, dataset.y[labeled], n=5)
    plain = clone(SAMPLER).fit(dataset.x[labeled], dataset.y[labeled])
    assert picks.tolist() == unlabeled[plain.query(dataset.x[unlabeled], 5)].tolist()
    assert picks.dtype == np.int64
    assert np.array_equal(query.sampler_.predict(dataset.x), plain.predict(dataset.x))
    again = query.query(None, dataset, unlabeled, labeled, dataset.y[labeled], n=5)
    assert again.tolist() == picks.tolist()
    assert not hasattr(SAMPLER, "estimator_")


@pytest.mark.parametrize("query", ["badge", STRATEGIES["margin"](), None])
def test_whatever_may_be_a_sampler(dataset, indices, query):
    strategy = as_query_strategy(query, random_state=0)
    unlabeled, labeled = indices
    picks = strategy.query(None, dataset, unlabeled, labeled, dataset.y[labeled])
    assert len(set(picks.tolist()) & set(unlabeled.tolist())) == 10
    assert str(strategy).startswith("SmallTextQueryStrategy(")


def test_pools_that_are_too_small_raise(dataset):
    query, labeled = as_query_strategy("random", random_state=0), np.arange(L)
    with pytest.raises(small_text.EmptyPoolException):
        query.query(None, dataset, np.array([], dtype=int), labeled, dataset.y[:L], n=1)
    with pytest.raises(small_text.PoolExhaustedException, match="2 available / 3 requested"):
        query.query(None, dataset, np.array([50, 51]), labeled, dataset.y[:L], n=3)


TEXTS = [f"{'good fine nice' if i % 2 else 'bad awful poor'} number{i}" for i in range(40)]
SENTIMENTS = np.arange(40) % 2


def test_texts():
    pipeline = make_pipeline(TfidfVectorizer(), TruncatedSVD(2, random_state=0), two_column_net())
    query = as_query_strategy("margin", pipeline, random_state=0)
    dataset = small_text.TextDataset(TEXTS, SENTIMENTS, target_labels=np.arange(2))
    labeled = np.arange(10)
    picks = query.query(None, dataset, np.arange(10, 40), labeled, SENTIMENTS[:10], n=4)
    assert len(set(picks.tolist()) & set(range(10, 40))) == 4


def test_sparse_matrices():
    X = TfidfVectorizer().fit_transform(TEXTS)
    dataset = small_text.SklearnDataset(X, SENTIMENTS, target_labels=np.arange(2))
    arguments = (None, dataset, np.arange(10, 40), np.arange(10), SENTIMENTS[:10])
    reduced = make_pipeline(TruncatedSVD(2, random_state=0), two_column_net())
    assert as_query_strategy("margin", reduced, random_state=0).query(*arguments, n=4).shape == (4,)
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        as_query_strategy("margin", two_column_net()).query(*arguments, n=4)


def test_several_labels_a_sample_are_refused(dataset):
    y = sparse.csr_matrix(np.eye(3)[dataset.y[:L]])
    with pytest.raises(TypeError, match="several labels a sample"):
        as_query_strategy().query(None, dataset, np.arange(L, 120), np.arange(L), y, n=3)


@pytest.fixture
def signals(mlp_net, blobs):
    X, y = blobs
    return compute_signals(mlp_net, X[L:], X_labeled=X[:L], codes=y[:L])


def theirs():
    breaking_ties = small_text.BreakingTies()
    return [
        small_text.RandomSampling(),
        breaking_ties,
        small_text.LeastConfidence(),
        small_text.PredictionEntropy(),
        small_text.SubsamplingQueryStrategy(breaking_ties, 40),
        small_text.EmbeddingKMeans(),
        small_text.ContrastiveActiveLearning(),
        small_text.GreedyCoreset(),
        small_text.LightweightCoreset(),
        BALD(7),
    ]


@pytest.mark.parametrize("strategy", theirs(), ids=lambda strategy: type(strategy).__name__)
def test_their_strategies_as_candidates(signals, strategy):
    before = repr(vars(strategy))
    candidate = from_small_text(strategy)
    picks = candidate.select(signals, 5, random_state=0)
    assert len(set(picks.tolist())) == 5
    assert clone(candidate).select(signals, 5, random_state=0).tolist() == picks.tolist()
    if not isinstance(strategy, BALD):  # dropout starts from samples
        candidate.set_params(features="embeddings")
        assert candidate.select(signals, 5, random_state=0).shape == (5,)
    assert repr(vars(strategy)) == before


@pytest.mark.parametrize(
    ("strategy", "ours"),
    [
        (small_text.BreakingTies(), "margin"),
        (small_text.PredictionEntropy(), "entropy"),
        (small_text.LeastConfidence(), "least_confidence"),
        (BALD(10), "bald"),
    ],
)
def test_the_same_rule_picks_the_same(signals, strategy, ours):
    picks = from_small_text(strategy).select(signals, 6)
    assert sorted(picks.tolist()) == sorted(STRATEGIES[ours]().select(signals, 6).tolist())


def test_their_strategies_see_the_net(signals, blobs):
    shown = []

    class Spy(small_text.QueryStrategy):
        def query(self, clf, dataset, indices_unlabeled, indices_labeled, y, n=10):
            shown.append((clf, dataset, indices_unlabeled, indices_labeled, y))
            return indices_unlabeled[:n]

    assert from_small_text(Spy()).select(signals, 3).shape == (3,)
    clf, dataset, unlabeled, labeled, y = shown[0]
    assert np.array_equal(dataset.x[labeled], blobs[0][:L])
    assert y.tolist() == signals.codes.tolist()
    part = dataset[unlabeled[:7]]
    with isolated_rng(0):
        expected = signals.net.predict_proba(part.x)
    labels, P = clf.predict(part, return_proba=True)
    assert np.allclose(P, expected, atol=1e-6)
    assert labels.tolist() == clf.predict(part).tolist() == expected.argmax(axis=1).tolist()
    own = compute_signals(signals.net, part.x)
    assert np.array_equal(clf.embed(part), own.embeddings.numpy())
    passes = clf.predict_proba(part, dropout_sampling=10)
    assert passes.shape == (7, 10, 3)
    assert np.allclose(passes.transpose(1, 0, 2), own.mc_probabilities.numpy(), atol=1e-6)
    with pytest.raises(TypeError, match="trained already"):
        clf.fit(dataset)


def test_a_candidate_like_any_other(blobs):
    X, y = blobs
    strategy = from_small_text(small_text.GreedyCoreset())
    sampler = StrategySampler(strategy=strategy, random_state=0).fit(X[:L], y[:L])
    assert sampler.query(X[L:], 4).shape == (4,)


def test_what_is_no_strategy_is_refused():
    with pytest.raises(TypeError, match="must be a QueryStrategy object of small-text"):
        from_small_text(small_text.BreakingTies)
