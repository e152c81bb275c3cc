"""The rules that hold for every strategy in the registry."""

from __future__ import annotations

import itertools
import re
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone

from skautoal.exceptions import MissingSignalError, PoolSizeWarning
from skautoal.signals import SIGNAL_NAMES, Signals
from skautoal.strategies import STRATEGIES, ScoreStrategy
from tests._helpers import beside_arrays, make_signals, quick_strategy, row_arrays, take_signals

PARTS = {
    "logits": ("logits",),
    "probabilities": ("logits",),
    "embeddings": ("embeddings",),
    "mc_probabilities": ("mc_probabilities",),
    "gradient_factors": ("logits", "embeddings"),
    "ensemble_probabilities": ("ensemble_probabilities",),
    "previous_probabilities": ("previous_probabilities",),
    "head": (),
    "labeled": (),
    "network": (),
}
BESIDE = {"head": {"head"}, "labeled": {"labeled", "codes"}, "network": {"net", "X"}}
WAY_OUT = {
    "labeled": "labelled samples; pass 'X_labeled' and 'y_labeled'",
    "ensemble_probabilities": "labelled samples; pass 'X_labeled' and 'y_labeled'",
    "previous_probabilities": r"the net of the previous round; call teach\(\)",
}
SHAPES = {
    "many": {"n": 30},
    "one row": {"n": 1},
    "two rows": {"n": 2},
    "one class": {"n_classes": 1},
    "two classes": {"n_classes": 2},
    "one dimension": {"d": 1},
    "one pass": {"n_passes": 1},
    "nothing labeled": {"n_labeled": 0},
}
READING = [name for name, cls in STRATEGIES.items() if cls.needs]
READING_LABELED = (
    "alfa_mix",
    "bait",
    "contrastive_al",
    "ddu",
    "discriminative_al",
    "glister",
    "kcenter_greedy",
    "learning_loss",
    "max_herding",
    "mqnet",
    "probcover",
    "typiclust",
    "uncertainty_herding",
    "vaal",
    "waal",
)
SCORING = [name for name, cls in STRATEGIES.items() if issubclass(cls, ScoreStrategy)]


def identical_rows(n: int, dtype=np.float64, **sizes) -> Signals:
    return take_signals(make_signals(3, dtype=dtype, d=50, **sizes), [1] * n)


@pytest.fixture(params=STRATEGIES)
def strategy(request):
    return quick_strategy(request.param)


@pytest.fixture(params=READING)
def reading_strategy(request):
    return quick_strategy(request.param)


@pytest.fixture(params=SCORING)
def scoring_strategy(request):
    return quick_strategy(request.param)


def assert_valid(picks, n, b):
    assert picks.dtype == np.int64
    assert picks.shape == (min(n, b),)
    assert len(set(picks.tolist())) == len(picks)
    assert set(picks.tolist()) <= set(range(n))


# ---------------------------------------------------------------- the batch


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_exactly_b_distinct_picks(strategy, shape, dtype):
    signals = make_signals(**SHAPES[shape], dtype=dtype)
    n = signals.n_samples
    for b in {1, (n + 1) // 2, n}:
        assert_valid(strategy.select(signals, b, random_state=0), n, b)


@pytest.mark.parametrize("n", [2, 17, 40])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exactly_b_distinct_picks_of_identical_rows(strategy, n, dtype):
    signals = identical_rows(n, dtype)
    for b in {1, n // 2, n}:
        assert_valid(strategy.select(signals, b, random_state=0), n, b)


def test_few_distinct_rows(strategy):
    signals = take_signals(make_signals(3), np.arange(24) % 3)
    for b in (2, 3, 4, 23):
        assert_valid(strategy.select(signals, b, random_state=0), 24, b)


def test_more_than_the_pool_warns_and_gives_all(strategy):
    with pytest.warns(PoolSizeWarning, match="'n_instances' is 9, but the pool holds 5") as caught:
        picks = strategy.select(make_signals(5), 9, random_state=0)
    assert_valid(picks, 5, 9)
    assert caught[0].filename == __file__


def test_an_empty_pool_warns_and_gives_nothing(strategy):
    with pytest.warns(PoolSizeWarning):
        assert_valid(strategy.select(make_signals(0), 3, random_state=0), 0, 3)


@pytest.mark.parametrize(
    ("wrong", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), (True, TypeError)]
)
def test_a_wrong_batch_size_is_refused(strategy, wrong, error):
    with pytest.raises(error, match=f"'n_instances' must be an integer >= 1; got {wrong}"):
        strategy.select(make_signals(), wrong)


def test_scores_are_picked_from_the_top_best_first(scoring_strategy):
    signals = make_signals()
    scores = scoring_strategy.scores(signals, random_state=0).numpy()
    picks = scoring_strategy.select(signals, 12, random_state=0)
    assert (np.diff(scores[picks]) <= 0).all()
    assert scores[picks].min() >= np.delete(scores, picks).max()


# ---------------------------------------------------------------- chance


def test_the_same_seed_picks_the_same(strategy):
    for state in (0, 7):
        picks = [strategy.select(make_signals(), 10, random_state=state) for _ in range(2)]
        np.testing.assert_array_equal(*picks)


def test_a_random_state_object_works_and_advances(strategy):
    state = np.random.RandomState(0)
    signals = identical_rows(40)
    first, second = (strategy.select(signals, 5, random_state=state) for _ in range(2))
    assert first.tolist() != second.tolist()


def test_rows_in_another_order_are_picked_all_the_same(strategy):
    signals = make_signals()
    for seed in range(5):
        permutation = np.random.RandomState(seed).permutation(30)
        picks = strategy.select(take_signals(signals, permutation), 10, random_state=seed)
        expected = strategy.select(signals, 10, random_state=seed)
        np.testing.assert_array_equal(permutation[picks], expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ties_are_broken_by_the_random_state_and_not_by_position(strategy, dtype):
    signals = identical_rows(37, dtype)
    firsts = [strategy.select(signals, 3, random_state=seed)[0] for seed in range(30)]
    # Of 30 uniform draws from 37 rows 20.7 differ on average, with deviation 1.9.
    assert len(set(firsts)) > 13
    assert 9 < np.mean(firsts) < 27


@pytest.mark.parametrize("name", [name for name in SCORING if STRATEGIES[name].needs])
def test_equal_rows_score_the_same_wherever_they_stand(name):
    """A sum may add in another order elsewhere; its rounding must not break the tie."""
    for n_classes, n, dtype in itertools.product((2, 3, 7), (3, 17, 33), (np.float32, float)):
        signals = identical_rows(n, dtype, n_classes=n_classes, n_passes=10)
        assert len(quick_strategy(name).scores(signals).unique()) == 1


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_inputs_that_are_not_finite_are_refused_by_name(reading_strategy, value):
    for need in reading_strategy.needs:
        for part in PARTS[need]:
            arrays = row_arrays(make_signals())
            arrays[part][..., 7, 0] = value
            name = part
            if part == "logits" and need != "logits":
                name = "probabilities"
                arrays[name] = arrays.pop("logits")
            message = rf"{reading_strategy.name} needs finite '{name}', .*\[7\]"
            signals = Signals(**arrays, **beside_arrays(make_signals()))
            with pytest.raises(ValueError, match=message):
                reading_strategy.select(signals, 3)


@pytest.mark.parametrize("name", READING_LABELED)
def test_a_missing_signal_of_the_labelled_samples_names_the_strategy(name):
    strategy = quick_strategy(name)
    signals = make_signals()
    beside = beside_arrays(signals) | {"labeled": Signals(mc_probabilities=np.ones((2, 8, 4)) / 4)}
    message = rf"{strategy.name} \(for the labelled samples\) needs"
    with pytest.raises(MissingSignalError, match=message):
        strategy.select(Signals(**row_arrays(signals), **beside), 3)


def test_a_missing_signal_names_strategy_and_way_out(reading_strategy):
    signals = make_signals()
    for need in reading_strategy.needs:
        for part in (*PARTS[need], *BESIDE.get(need, ())):
            given = row_arrays(signals) | beside_arrays(signals)
            del given[part]
            lost = "probabilities" if need != part == "logits" else part
            lost = need if part in BESIDE.get(need, ()) else lost
            way_out = WAY_OUT.get(need, rf"'{need}'.*Pass \['{lost}'\] to Signals")
            with pytest.raises(
                MissingSignalError, match=rf"{reading_strategy.name} needs {way_out}"
            ):
                reading_strategy.select(Signals(**given), 3)


def test_only_declared_signals_are_read(strategy):
    signals = make_signals()
    parts = {part for need in strategy.needs for part in PARTS[need]} or {"embeddings"}
    beside = {part for need in strategy.needs for part in BESIDE.get(need, ())}
    declared = {part: row_arrays(signals)[part] for part in parts}
    declared |= {part: beside_arrays(signals)[part] for part in beside}
    assert_valid(strategy.select(Signals(**declared), 5, random_state=0), 30, 5)


def test_inputs_are_left_alone(strategy):
    signals = make_signals()
    before = {name: value.copy() for name, value in row_arrays(signals).items()}
    strategy.select(signals, 10, random_state=0)
    for name, value in row_arrays(signals).items():
        np.testing.assert_array_equal(value, before[name])


# ---------------------------------------------------------------- the object


def test_it_is_a_parameter_object(strategy):
    params = strategy.get_params()
    assert clone(strategy).get_params() == params
    assert type(strategy)(**params).get_params() == params
    assert repr(type(strategy)()) == f"{type(strategy).__name__}()"
    assert strategy.set_params(**params) is strategy


def test_no_state_is_kept_between_queries(strategy):
    before = dict(vars(strategy))
    strategy.select(make_signals(), 5, random_state=0)
    assert vars(strategy) == before


def test_needs_and_cost_are_declared(strategy):
    assert isinstance(strategy.needs, tuple)
    assert set(strategy.needs) <= set(SIGNAL_NAMES)
    assert re.search(r"O\(.*\)", strategy.cost)


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_docstring_says_where_it_comes_from(name):
    doc = STRATEGIES[name].__doc__
    assert re.search(r"^    Examples\n    -{8}\n", doc, re.MULTILINE)
    references = re.search(r"^    References\n    -{10}\n.*\d{4}", doc, re.MULTILINE | re.DOTALL)
    assert references or name == "random"


def test_all_strategies_work_under_the_strictest_warnings(strategy):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        strategy.select(make_signals(), 29, random_state=0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_strategies_run_where_the_signals_are(strategy):
    assert_valid(strategy.select(make_signals(device="cuda"), 5, random_state=0), 30, 5)
