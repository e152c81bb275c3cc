"""The protocol: strategies by name, plain functions, bad answers, and queries on a net."""

from __future__ import annotations

import inspect

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone

from skautoal import strategies
from skautoal.exceptions import MissingSignalError, StrategyOutputError
from skautoal.signals import compute_signals
from skautoal.strategies import (
    PAPER_CANDIDATES,
    STRATEGIES,
    BatchStrategy,
    Entropy,
    FunctionStrategy,
    Glister,
    KCenterGreedy,
    Strategy,
    get_strategy,
    list_strategies,
)
from tests._helpers import counted_calls, frozen, make_signals, quick_strategy


class Answering(BatchStrategy):
    """Returns the picks it was given."""

    def __init__(self, picks=()):
        self.picks = picks

    def _pick(self, signals, n_instances, rng):
        return torch.as_tensor(self.picks)


# ---------------------------------------------------------------- names


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_name_in_any_spelling_gives_the_strategy(name):
    cls = STRATEGIES[name]
    for spelling in (name, name.upper(), name.replace("_", "-"), cls.__name__):
        assert type(get_strategy(spelling)) is cls


@pytest.mark.parametrize(
    ("wrong", "suggestion"),
    [("entropi", "entropy"), ("BADG", "badge"), ("k_center", "kcenter_greedy")],
)
def test_a_misspelt_name_gets_a_suggestion(wrong, suggestion):
    with pytest.raises(ValueError, match=rf"'{wrong}'\. Did you mean '{suggestion}'\?"):
        get_strategy(wrong)


def test_an_unknown_name_gets_the_list():
    with pytest.raises(ValueError, match=r"'xyzzy'\. Known are \[.*'badge'.*'variation_ratio'"):
        get_strategy("xyzzy")


def test_objects_stay_and_functions_are_wrapped():
    strategy = KCenterGreedy(3)
    assert get_strategy(strategy) is strategy
    assert isinstance(get_strategy(len), FunctionStrategy)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (Entropy, r"the class Entropy; give an object: Entropy\(\)"),
        (3, "got 3"),
        (None, "got None"),
    ],
)
def test_what_is_no_strategy_is_refused(wrong, message):
    with pytest.raises(TypeError, match=message):
        get_strategy(wrong)


def test_the_registry_is_complete_and_public():
    public = [getattr(strategies, name) for name in strategies.__all__]
    concrete = {cls for cls in public if isinstance(cls, type) and cls.__module__ != base_module()}
    wrappers = {cls for cls in concrete if "strategy" in inspect.signature(cls).parameters}
    assert concrete - wrappers == set(STRATEGIES.values())
    assert set(PAPER_CANDIDATES) <= set(STRATEGIES)
    rows = {row["name"]: row for row in list_strategies()}
    assert list(rows) == list(STRATEGIES)
    assert rows["bald"]["class"] == "BALD"
    assert rows["bald"]["needs"] == "mc_probabilities"
    assert rows["random"]["needs"] == "-"


def base_module():
    return Strategy.__module__


# ---------------------------------------------------------------- plain functions


@pytest.mark.parametrize("as_type", [np.asarray, torch.as_tensor, list])
def test_a_function_returns_scores_of_any_type(as_type):
    strategy = FunctionStrategy(lambda signals: as_type([1, 3, 2]))
    assert strategy.select(make_signals(3), 2).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ([1.0, 2.0], r"scores of shape \(2,\) for 3 samples"),
        ([[1.0]] * 3, r"scores of shape \(3, 1\)"),
        ([1.0, np.nan, np.inf], r"NaN or infinity for 2 of 3 samples.*\[1, 2\]"),
        (["a", "b", "c"], "not numbers"),
        (None, "not numbers"),
    ],
)
def test_bad_scores_are_refused_with_the_name_of_the_function(answer, message):
    def my_rule(signals):
        return answer

    with pytest.raises(StrategyOutputError, match=rf"Strategy my_rule returned .*{message}"):
        FunctionStrategy(my_rule).select(make_signals(3), 1)


def test_needs_of_a_function_are_checked():
    with pytest.raises(MissingSignalError, match="<lambda> needs 'spam'"):
        FunctionStrategy(lambda signals: None, needs=("spam",)).select(make_signals(), 1)


def test_a_function_survives_cloning():
    strategy = FunctionStrategy(len, needs=("embeddings",))
    assert clone(strategy).get_params() == {"function": len, "needs": ("embeddings",)}
    assert "FunctionStrategy" in repr(strategy)


@pytest.mark.parametrize("picks", [[0], [0, 0], [0, 5], [-1, 0], [0.0, 1.0], [[0, 1]]], ids=str)
def test_bad_picks_are_refused(picks):
    with pytest.raises(StrategyOutputError, match=r"Answering returned .*2 distinct integers"):
        Answering(picks).select(make_signals(5), 2)


def test_good_picks_keep_their_order():
    assert Answering([3, 1]).select(make_signals(5), 2).tolist() == [3, 1]


# ---------------------------------------------------------------- on a net


@pytest.mark.parametrize("net_name", ["mlp_net", "softmax_net", "binary_net", "cnn_net"])
@pytest.mark.parametrize("name", STRATEGIES)
def test_a_query_on_a_net(name, net_name, blobs, images, request):
    net = request.getfixturevalue(net_name)
    X, y = images if net_name == "cnn_net" else blobs
    y = y % 2 if net_name == "binary_net" else y
    before = frozen(net)
    options = {"X_labeled": X[80:], "y_labeled": y[80:], "previous_net": net}
    picks = quick_strategy(name).query(net, X[:80], 9, random_state=0, **options)
    assert len(set(picks.tolist())) == len(picks) == 9
    assert all(torch.equal(before[key], value) for key, value in frozen(net).items())
    permutation = np.random.RandomState(0).permutation(80)
    again = quick_strategy(name).query(net, X[permutation], 9, random_state=0, **options)
    assert set(permutation[again]) == set(picks)


def test_a_query_without_dropout_says_so_before_any_work(no_dropout_net, blobs):
    with (
        counted_calls(no_dropout_net.module_) as sizes,
        pytest.raises(MissingSignalError, match=r"BALD needs MC dropout.*'estimator'"),
    ):
        get_strategy("bald").query(no_dropout_net, blobs[0], 3)
    assert sizes == [1]


def test_doubles_are_taken_as_the_net_wants_them(mlp_net, blobs):
    picks = [Entropy().query(mlp_net, blobs[0].astype(t), 5) for t in (np.float32, np.float64)]
    np.testing.assert_array_equal(*picks)


def test_a_layer_can_be_named_in_a_query(mlp_net, blobs):
    strategy = KCenterGreedy()
    options = {"X_labeled": blobs[0][:5], "random_state": 0}
    picks = strategy.query(mlp_net, blobs[0], 30, embedding_layer="body.2", **options)
    assert picks.tolist() != strategy.query(mlp_net, blobs[0], 30, **options).tolist()
    with pytest.raises(ValueError, match="'embedding_layer' must be"):
        strategy.query(mlp_net, blobs[0], 3, embedding_layer="neck")


@pytest.mark.parametrize("missing", [1, 2])
def test_integer_labels_are_columns_of_the_net_although_a_class_is_missing(missing, mlp_net, blobs):
    X, y = blobs
    seen = y != missing
    options = {"X_labeled": X[seen], "y_labeled": y[seen]}
    signals = compute_signals(mlp_net, X, X_labeled=X[seen], codes=y[seen])
    expected = Glister().select(signals, 9, random_state=0)
    assert Glister().query(mlp_net, X, 9, **options).tolist() == expected.tolist()
    named = np.array(["a", "b", "c"])[y]
    signals = compute_signals(mlp_net, X, X_labeled=X, codes=y)
    expected = Glister().select(signals, 9, random_state=0)
    found = Glister().query(mlp_net, X, 9, X_labeled=X, y_labeled=named)
    assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("convert", [np.ndarray.tolist, pd.DataFrame, np.float64])
def test_samples_come_in_any_container(convert, mlp_net, blobs):
    X, y = blobs
    expected = Glister().query(mlp_net, X[9:], 5, X_labeled=X[:9], y_labeled=y[:9], random_state=0)
    found = Glister().query(
        mlp_net, convert(X[9:]), 5, X_labeled=convert(X[:9]), y_labeled=y[:9], random_state=0
    )
    assert found.tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros(5), r"at least 2 dimensions.*shape \(5,\)"),
        (np.zeros(5, np.float32), r"at least 2 dimensions.*shape \(5,\)"),
        ([], r"at least 2 dimensions.*shape \(0,\)"),
        (None, r"at least 2 dimensions.*shape \(\)"),
        (np.zeros((0, 5)), "is empty"),
    ],
)
def test_wrong_samples_are_refused_by_name(wrong, message, mlp_net):
    with pytest.raises(ValueError, match=f"'X_pool' .*{message}"):
        Entropy().query(mlp_net, wrong, 3)


def test_wrong_labelled_samples_are_refused_by_name(mlp_net, blobs):
    with pytest.raises(ValueError, match="'X_labeled' must have at least 2 dimensions"):
        Entropy().query(mlp_net, blobs[0], 3, X_labeled=blobs[0][0])


def test_nan_in_the_pool_names_strategy_and_signal(mlp_net, blobs):
    X = blobs[0].copy()
    X[3] = np.nan
    with pytest.raises(ValueError, match=r"Entropy needs finite 'probabilities'.*\[3\]"):
        Entropy().query(mlp_net, X, 3)
