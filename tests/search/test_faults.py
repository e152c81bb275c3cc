"""Strategies that fail: named, or left out as if they had not been there."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest
import torch

from skautoal import REFINESampler
from skautoal.exceptions import StrategyDroppedWarning, StrategyError, StrategyOutputError
from skautoal.mixing import candidate_utilities
from skautoal.strategies import BADGE, BatchStrategy, FunctionStrategy, Margin, Strategy
from tests._helpers import candidates_of, flat_autoal, make_signals

OTHERS = [("margin", Margin()), ("badge", BADGE()), ("entropy", "entropy")]
QUICK = {"random_state": 0, "n_steps": 3, "n_splits": 2}


class Raises(BatchStrategy):
    def _pick(self, signals, n_instances, rng):
        raise ZeroDivisionError("its own mistake")


class Gives(BatchStrategy):
    """Picks whatever it was given."""

    def __init__(self, picks):
        self.picks = picks

    def _pick(self, signals, n_instances, rng):
        return self.picks


class Unchecked(Strategy):
    """An ``evaluate`` of its own, whose utilities nothing else looks at."""

    def __init__(self, utilities):
        self.utilities = utilities

    def evaluate(self, signals, n_instances, random_state=None):
        return torch.arange(n_instances), self.utilities(signals.n_samples)


def nan(signals):
    return torch.full((signals.n_samples,), torch.nan)


def too_wide(signals):
    return signals.probabilities


def too_short(signals):
    return signals.probabilities[1:, 0]


def text(signals):
    return "high"


def complex_scores(signals):
    return signals.probabilities[:, 0] * 1j


BROKEN = {
    "raises": (Raises(), "Raises raised ZeroDivisionError: its own mistake"),
    "nan": (nan, "nan returned NaN"),
    "too wide": (too_wide, "too_wide returned scores of shape"),
    "too short": (too_short, "too_short returned scores of shape"),
    "text": (text, "text returned 'high', not numbers"),
    "complex": (complex_scores, "complex_scores returned complex scores"),
    "index outside": (Gives([0, 1, 10**6]), "Gives returned"),
    "negative index": (Gives([0, 1, -1]), "Gives returned"),
    "twice the same": (Gives([0, 0, 1]), "Gives returned"),
    "none": (Gives(None), "Gives returned None"),
    "bool": (Gives([True, False]), "Gives returned"),
    "no tensor": (Unchecked(lambda n: None), "Unchecked returned utilities of shape"),
    "short utilities": (Unchecked(lambda n: torch.zeros(n - 1)), "Unchecked returned utilities"),
    "nan utilities": (Unchecked(lambda n: torch.full((n,), torch.nan)), "Unchecked returned NaN"),
}


@pytest.fixture
def data(blobs):
    X, y = blobs
    return X[:30], y[:30], X[30:]


def sampler_of(strategies, **params):
    return flat_autoal(strategies=strategies, **{**QUICK, **params})


def named(message):
    """An error of the user's comes under the name that he gave the strategy."""
    return re.sub("^Raises raised", "(mine|Raises) raised", message)


@pytest.mark.parametrize("mode", ["auto", "search"])
@pytest.mark.parametrize("fault", BROKEN)
def test_an_error_names_the_strategy(fault, mode, data):
    broken, message = BROKEN[fault]
    X, y, pool = data
    sampler = sampler_of([*OTHERS, ("mine", broken)], mode=mode)
    with pytest.raises((StrategyError, StrategyOutputError), match=f"Strategy {named(message)}"):
        sampler.fit(X, y).query(pool, 3)


@pytest.mark.parametrize("fault", BROKEN)
def test_dropped_as_if_it_had_never_been_there(fault, data):
    broken, message = BROKEN[fault]
    X, y, pool = data
    strategies = [("mine", broken), *OTHERS]
    without = sampler_of(OTHERS).fit(X, y)
    with_it = sampler_of(strategies, on_error="drop").fit(X, y)
    assert with_it.dropped_strategies_ == {}
    with pytest.warns(
        StrategyDroppedWarning, match=f"'mine' is left out.*{named(message)}"
    ) as caught:
        picks, utilities = with_it.query(pool, 3, return_utilities=True)
    assert [warning.filename for warning in caught] == [__file__]
    expected, expected_utilities = without.query(pool, 3, return_utilities=True)
    assert picks.tolist() == expected.tolist()
    np.testing.assert_array_equal(utilities, expected_utilities)
    assert list(with_it.dropped_strategies_) == ["mine"]
    assert re.search(named(message), with_it.dropped_strategies_["mine"])
    assert with_it.strategy_weights_ == without.strategy_weights_
    assert [name for name, _ in with_it.strategies_] == ["mine", "margin", "badge", "entropy"]


def test_dropped_in_fit_is_out_until_the_next(data):
    X, y, pool = data
    without = sampler_of(OTHERS, mode="search").fit(X, y)
    sampler = sampler_of([OTHERS[0], ("mine", Raises()), *OTHERS[1:]], mode="search")
    with pytest.warns(StrategyDroppedWarning, match="'mine'") as caught:
        sampler.set_params(on_error="drop").fit(X, y)
    assert [warning.filename for warning in caught] == [__file__]
    assert [name for name, _ in sampler.strategies_] == ["margin", "badge", "entropy"]
    assert sampler.query(pool, 3).tolist() == without.query(pool, 3).tolist()
    assert list(sampler.dropped_strategies_) == ["mine"]
    assert sampler.strategy_weights_ == without.strategy_weights_


@pytest.mark.parametrize("mode", ["search", "paper", "vote"])
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_dropped_in_a_query_is_tried_again_in_the_next(data, n_jobs, mode):
    X, y, pool = data
    broken = []

    def moody(signals):
        if broken:
            raise ZeroDivisionError
        return signals.probabilities[:, 0]

    without = sampler_of(OTHERS, mode=mode, loss_prediction=False).fit(X, y)
    sampler = sampler_of(
        [moody, *OTHERS], mode=mode, on_error="drop", n_jobs=n_jobs, loss_prediction=False
    ).fit(X, y)
    before = sampler.query(pool, 5).tolist()
    broken.append(True)
    with pytest.warns(StrategyDroppedWarning, match="moody"):
        assert sampler.query(pool, 5).tolist() == without.query(pool, 5).tolist()
    assert set(sampler.strategy_weights_["batch"]) == {"margin", "badge", "entropy"}
    with pytest.warns(StrategyDroppedWarning, match="moody"):
        assert sampler.explain(pool, [0]).strategies == ["margin", "badge", "entropy"]
    broken.clear()
    assert sampler.query(pool, 5).tolist() == before
    assert sampler.dropped_strategies_ == {}


def test_a_signal_that_is_not_there_yet(data):
    X, y, pool = data
    strategies = [*OTHERS, "temporal_output_discrepancy"]
    sampler = sampler_of(strategies, on_error="drop").fit(X[:20], y[:20])
    with pytest.warns(StrategyDroppedWarning, match="net of the previous round"):
        sampler.query(pool, 3)
    sampler.teach(X[20:], y[20:]).query(pool, 3)
    assert sampler.dropped_strategies_ == {}


def test_faults_while_filtering(data):
    X, y, pool = data

    class OnlyWhole(BatchStrategy):
        def _pick(self, signals, n_instances, rng):
            if signals.n_samples < len(pool):
                raise ZeroDivisionError
            return torch.arange(n_instances)

    without = REFINESampler(strategies=OTHERS, random_state=0).fit(X, y)
    strategies = [OnlyWhole(), *OTHERS]
    sampler = REFINESampler(strategies=strategies, on_error="drop", random_state=0).fit(X, y)
    with pytest.warns(StrategyDroppedWarning, match="OnlyWhole raised ZeroDivisionError"):
        assert sampler.query(pool, 3).tolist() == without.query(pool, 3).tolist()
    with pytest.raises(StrategyError, match="OnlyWhole raised ZeroDivisionError"):
        sampler.set_params(on_error="raise").fit(X, y).query(pool, 3)


def test_all_that_were_dropped_are_named_also_those_of_an_earlier_try(data):
    X, y, pool = data
    # The one without its signal fails before any other runs, the second in the next try.
    strategies = ["temporal_output_discrepancy", ("mine", Raises()), *OTHERS]
    sampler = sampler_of(strategies, on_error="drop").fit(X, y)
    with pytest.warns(StrategyDroppedWarning) as caught:
        sampler.query(pool, 3)
    assert len(caught) == 2
    assert list(sampler.dropped_strategies_) == ["TemporalOutputDiscrepancy", "mine"]


def test_nothing_is_left(data):
    X, y, pool = data
    sampler = sampler_of([("a", Raises()), ("b", nan)], on_error="drop").fit(X, y)
    with pytest.raises(StrategyError, match=r"All strategies failed.*'a'.*its own.*'b'.*NaN"):
        sampler.query(pool, 3)


def test_with_threads_the_first_strategy_is_named():
    def late(signals):
        time.sleep(0.05)
        raise ZeroDivisionError("its fault")

    candidates = candidates_of([FunctionStrategy(late), Raises()], n_jobs=2)
    with pytest.raises(StrategyError, match="late raised ZeroDivisionError: its fault") as caught:
        candidate_utilities(candidates, make_signals(), 3, kind="rank", seed=0)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_interrupts_are_no_faults_of_a_strategy(data):
    X, y, pool = data
    calls = []

    def interrupted(signals):
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return signals.probabilities[:, 0]

    sampler = sampler_of([interrupted, *OTHERS], on_error="drop")
    sampler.fit(X, y)
    with pytest.raises(KeyboardInterrupt):
        sampler.query(pool, 3)
    again = sampler.query(pool, 3)
    assert again.tolist() == sampler.query(pool, 3).tolist()
    assert sampler.dropped_strategies_ == {}
