"""The record: what the net of a round said of samples before their labels were known."""

from __future__ import annotations

import pickle
import subprocess
import sys
import textwrap
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.frozen import FrozenEstimator
from torch import nn

from skautoal import AutoALSampler, Search
from skautoal.exceptions import StrategyDroppedWarning
from skautoal.modules import MLP
from skautoal.strategies import FunctionStrategy
from tests._helpers import candidates_of, make_net, make_signals, train
from tests._internals import MAX_ROUNDS, HeldOut, Record, internal

pytestmark = pytest.mark.filterwarnings("ignore::skautoal.exceptions.FewLabelsWarning")
START, BATCH = 20, 6


def task(n=200, seed=0):
    rng = np.random.RandomState(seed)
    X = rng.standard_normal((n, 5)).astype(np.float32)
    y = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] + X[:, 2] > 0)
    y[:6] = [0, 1, 2, 0, 1, 2]
    return X, y


def net(**params):
    sizes = {"module__n_features": 5, "module__n_classes": 3, "module__hidden": 8}
    return make_net(MLP, max_epochs=4, lr=0.1, batch_size=16, **(sizes | params))


def sampler(search=None, estimator=None, strategies=("margin", "kmeans"), **params):
    search = Search("loss", n_steps=4) if search is None else search
    return AutoALSampler(
        net() if estimator is None else estimator,
        list(strategies),
        search=search,
        random_state=0,
        **params,
    )


def rounds(fitted, n, X=None, y=None, query=False):
    """Teach ``n`` batches, the next samples of the task or those of queries."""
    X, y = task() if X is None else (X, y)
    for _ in range(n):
        first = len(fitted.y_labeled_)
        batch = np.arange(first, first + BATCH)
        if query:
            batch = fitted.query(X, BATCH)
        fitted.teach(X[batch], y[batch])
        yield fitted


def taught(n, **params):
    X, y = task()
    fitted = sampler(**params).fit(X[:START], y[:START])
    list(rounds(fitted, n))
    return fitted


def content(record):
    return [
        (s.names, s.rows.tolist(), s.utilities.tolist(), s.probabilities.tolist(), s.n_selected)
        for s in record.sets
    ]


# ---------------------------------------------------------------- what is recorded


def test_after_five_rounds_the_labels_of_five_batches_are_held_out():
    X, y = task()
    fitted = taught(5)
    record = fitted._record
    assert [s.rows.tolist() for s in record.sets] == [
        list(range(start, start + BATCH)) for start in range(START, START + 5 * BATCH, BATCH)
    ]
    assert record.n_labels == 5 * BATCH
    assert all(s.names == ("Margin", "KMeans") for s in record.sets)
    for s in record.sets:
        # The net of the round before: one that was fitted on the labels of that time.
        n = int(s.rows[0])
        before = sampler().fit(X[:n], y[:n])
        expected = before.predict_proba(fitted.X_labeled_[s.rows])
        np.testing.assert_allclose(s.probabilities, expected, atol=1e-6)
        # It knows nothing of the batch: another net, taught on it, says something else.
        after = fitted.predict_proba(fitted.X_labeled_[s.rows])
        assert np.abs(s.probabilities.numpy() - after).max() > 1e-3


def test_the_search_learns_from_the_record():
    X, y = task()
    fitted = taught(3)
    labels = fitted._round.labels
    n_split = 2  # one halving, as the record is short
    assert labels.mask.sum(1)[n_split:].tolist() == [BATCH] * 3
    for s, utilities in zip(fitted._record.sets, labels.utilities[n_split:], strict=True):
        torch.testing.assert_close(utilities[:BATCH], s.utilities)
    alone = sampler().fit(X[: START + 3 * BATCH], y[: START + 3 * BATCH])
    assert len(alone._round.labels.mask) == n_split
    assert not np.array_equal(alone.search_history_, fitted.search_history_)


def test_a_long_record_saves_the_trainings():
    X, y = task(500)
    fitted = sampler().fit(X[:START], y[:START])
    for start, stop in pairwise([START, 80, 140, 200, 260]):
        fitted.teach(X[start:stop], y[start:stop])
        recorded = stop - START
        n_split = 0 if recorded >= 200 else 2
        assert len(fitted._round.labels.mask) == n_split + len(fitted._record.sets)


def test_a_frozen_net_learns_from_the_record_only():
    X, y = task()
    frozen = FrozenEstimator(train(net(), X[150:], y[150:]))
    with pytest.warns(match="No label is held out"):
        fitted = sampler(estimator=frozen).fit(X[:START], y[:START])
    assert fitted._round.labels is None
    assert fitted.learned_share_ == 0
    list(rounds(fitted, 2))
    assert len(fitted._round.labels.mask) == 2


def test_samples_that_were_picked_by_queries():
    X, y = task()
    fitted = sampler().fit(X[:START], y[:START])
    pool = X[START:]
    for number in range(3):
        batch = fitted.query(pool, BATCH)
        expected = fitted.predict_proba(pool[batch])
        fitted.teach(pool[batch], y[START:][batch])
        (*_, last) = fitted._record.sets
        np.testing.assert_allclose(last.probabilities, expected, atol=1e-6)
        np.testing.assert_array_equal(fitted.X_labeled_[last.rows], pool[batch])
        assert len(fitted._record.sets) == number + 1


@pytest.mark.parametrize("search", [None, "auto", Search("coverage", n_steps=2)])
def test_what_does_not_learn_from_labels_records_nothing(search):
    X, y = task()
    fitted = AutoALSampler(net(), ["margin", "kmeans"], search=search, random_state=0)
    fitted.fit(X[:START], y[:START]).teach(X[START:30], y[START:30])
    assert fitted._record.sets == ()
    assert fitted._n_rounds_remembered == 0


def test_bilevel_keeps_the_inputs_of_the_head():
    fitted = taught(2, search=Search("bilevel", n_steps=2))
    for s in fitted._record.sets:
        assert s.head_inputs.shape == (BATCH, 9)
    assert all(s.head_inputs is None for s in taught(1)._record.sets)


# ---------------------------------------------------------------- bounds, age, resets


def test_the_record_is_bounded():
    fitted = taught(MAX_ROUNDS + 3)
    assert len(fitted._record.sets) == MAX_ROUNDS
    assert fitted._record.sets[0].rows[0] == START + 3 * BATCH
    assert fitted._n_rounds_remembered == MAX_ROUNDS


def made_up(names, start):
    found = HeldOut.of(
        make_signals(4),
        np.arange(start, start + 4),
        candidates_of(["margin"]),
        np.arange(4),
        None,
        n_instances=1,
        kind="rank",
        seed=0,
    )
    return replace(found, names=names)


def test_older_sets_count_less_and_those_of_others_nothing():
    record = Record()
    for start, names in ((0, ("a", "b")), (4, ("a",)), (8, ("a", "b"))):
        record = record.with_round(made_up(names, start))
    assert record.n_labels == 12
    sets, importance = record.usable(["a", "b"])
    assert [int(s.rows[0]) for s in sets] == [0, 8]
    assert importance == pytest.approx([0.81, 1.0])
    assert record.usable(["b", "a"]) == ([], [])


def test_fit_forgets():
    X, y = task()
    fitted = taught(2)
    fitted.fit(X[:START], y[:START])
    assert fitted._record.sets == ()
    fresh = sampler().fit(X[:START], y[:START])
    assert np.array_equal(fitted.search_history_, fresh.search_history_)
    list(rounds(fitted, 1))
    assert len(fitted._record.sets) == 1


def test_a_first_teach_is_a_fit():
    X, y = task()
    fitted = sampler().teach(X[:START], y[:START])
    assert fitted._record.sets == ()


# ---------------------------------------------------------------- corrections, classes


def test_corrections_of_labels_change_what_a_set_teaches():
    fitted = taught(2)
    (s, _) = fitted._record.sets
    classes, codes = fitted.classes_, torch.as_tensor(fitted._task.codes)
    before, _ = s.losses(codes, classes)
    y = fitted.y_labeled_.copy()
    y[s.rows[0]] = (y[s.rows[0]] + 1) % 3
    # As a campaign refits after a correction.
    fitted._fit(fitted.X_labeled_, y, keeps_rounds=True)
    assert len(fitted._record.sets) == 2  # no new label, no new set
    after, _ = s.losses(torch.as_tensor(fitted._task.codes), classes)
    assert before[0] != after[0]
    assert torch.equal(before[1:], after[1:])


def test_new_classes():
    X, y = task()
    letters = np.array(["b", "d", "a"])[y]
    two = np.flatnonzero(letters != "a")
    others = np.flatnonzero(letters == "a")
    fitted = sampler().set_params(estimator=None)  # a net of two outputs, then of three
    fitted.fit(X[two[:START]], letters[two[:START]])
    fitted.teach(X[two[START : START + 6]], letters[two[START : START + 6]])
    new = np.r_[others[:4], two[30:32]]
    fitted.teach(X[new], letters[new])
    assert fitted.classes_.tolist() == ["a", "b", "d"]
    first, second = fitted._record.sets
    assert first.classes.tolist() == second.classes.tolist() == ["b", "d"]
    losses, residuals = second.losses(torch.as_tensor(fitted._task.codes), fitted.classes_)
    assert residuals.shape == (6, 3)
    assert losses[:4].min() > losses[4:].max()  # nobody expected a new class
    fitted.teach(X[others[4:8]], letters[others[4:8]])
    assert fitted._record.sets[-1].classes.tolist() == ["a", "b", "d"]
    assert len(set(fitted.query(X, 4).tolist())) == 4


# ---------------------------------------------------------------- state


@pytest.mark.parametrize("search", [Search("loss", n_steps=4), Search(n_steps=4, trust=1.0)])
def test_a_query_records_nothing(search):
    X, _ = task()
    fitted = taught(2, search=search)
    before = content(fitted._record)
    fitted.query(X[100:], 5)
    fitted.explain(X[100:], [0, 1])
    assert content(fitted._record) == before


def test_the_record_is_pickled_with_the_sampler():
    X, y = task()
    on, off = (
        sampler(Search("loss", n_steps=8, trust=1.0)).fit(X[:START], y[:START]) for _ in range(2)
    )
    for _ in range(4):
        off = pickle.loads(pickle.dumps(off))
        picks = [fitted.query(X, BATCH).tolist() for fitted in (on, off)]
        assert picks[0] == picks[1]
        on.teach(X[picks[0]], y[picks[0]])
        off.teach(X[picks[0]], y[picks[0]])
        assert content(on._record) == content(off._record)
        assert np.array_equal(on.search_history_, off.search_history_)
    assert len(off._record.sets) == 4


def test_the_record_matters_here():
    """Without it the sampler picks other samples, so the tests of picks can fail."""
    X, y = task()
    fitted = sampler(Search("loss", n_steps=60, trust=1.0)).fit(X[:START], y[:START])
    list(rounds(fitted, 4))
    forgetful = pickle.loads(pickle.dumps(fitted))
    forgetful._record = Record()
    batch = np.arange(START + 4 * BATCH, START + 5 * BATCH)
    for other in (fitted, forgetful):
        other.teach(X[batch], y[batch])
    assert fitted.query(X[60:], 20).tolist() != forgetful.query(X[60:], 20).tolist()


_SCRIPT = """
    import pickle, sys
    from tests.search.test_record import rounds
    with open(sys.argv[1], "rb") as file:
        fitted = pickle.load(file)
    picks = []
    for _ in rounds(fitted, 3):
        picks.append(fitted.query(fitted.X_labeled_[:15].repeat(3, 0) * 1.5, 5).tolist())
    print(picks, [int(s.rows[0]) for s in fitted._record.sets])
"""


def test_a_sampler_that_is_taught_in_two_processes_gives_the_same_picks(tmp_path):
    X, y = task()
    fitted = sampler(Search("loss", n_steps=8, trust=1.0)).fit(X[:START], y[:START])
    list(rounds(fitted, 2))
    (tmp_path / "sampler.pkl").write_bytes(pickle.dumps(fitted))
    command = [
        sys.executable, "-W", "ignore", "-c", textwrap.dedent(_SCRIPT), tmp_path / "sampler.pkl"
    ]  # fmt: skip
    there = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    picks = []
    for _ in rounds(fitted, 3):
        picks.append(fitted.query(fitted.X_labeled_[:15].repeat(3, 0) * 1.5, 5).tolist())
    here = f"{picks} {[int(s.rows[0]) for s in fitted._record.sets]}"
    assert there.strip() == here
    assert len(fitted._record.sets) == 5


@pytest.mark.parametrize("where", ["labels", "training", "strategy", "search"])
def test_a_teach_that_fails_leaves_the_record_as_it_was(where, monkeypatch):
    X, y = task()
    broken = []

    def moody(signals):
        if broken:
            raise ZeroDivisionError("on purpose")
        return signals.probabilities[:, 0]

    fitted = sampler(strategies=[FunctionStrategy(moody), "margin"]).fit(X[:START], y[:START])
    list(rounds(fitted, 2))
    before, labels = fitted._record, fitted.y_labeled_
    content_before, picks = content(before), fitted.query(X, 5).tolist()
    new_X, new_y = X[100:106], y[100:106]
    with monkeypatch.context() as patch:
        if where == "labels":
            new_y = new_y[:-1]
        elif where == "training":
            patch.setattr(MLP, "forward", lambda self, X: 1 / 0)
        elif where == "strategy":
            broken.append(True)
        else:
            patch.setattr(*internal("round.run_search"), lambda *args, **options: 1 / 0)
        with pytest.raises(Exception):  # noqa: B017, PT011
            fitted.teach(new_X, new_y)
    broken.clear()
    assert fitted._record is before
    assert content(before) == content_before
    assert fitted.y_labeled_ is labels
    assert fitted.query(X, 5).tolist() == picks


def test_a_strategy_that_is_dropped_leaves_a_set_that_is_not_used():
    X, y = task()
    broken = [True]

    def moody(signals):
        if broken and signals.n_samples == BATCH:
            raise ZeroDivisionError("on purpose")
        return signals.probabilities[:, 0]

    strategies = [FunctionStrategy(moody), "margin", "kmeans"]
    fitted = sampler(strategies=strategies, on_error="drop").fit(X[:START], y[:START])
    with pytest.warns(StrategyDroppedWarning, match="moody"):
        list(rounds(fitted, 1))
    assert fitted._record.sets[0].names == ("Margin", "KMeans")
    assert len(fitted._round.labels.mask) == 2  # the halving alone
    broken.clear()
    list(rounds(fitted, 1))
    assert len(fitted._round.labels.mask) == 3


@pytest.mark.parametrize("linear", [False, True])
def test_strategies_that_compare_rounds_are_recorded_from_the_second_round_on(linear):
    X, y = task()
    estimator = net()
    if linear:
        sizes = {"module__in_features": 5, "module__out_features": 3}
        estimator = make_net(nn.Linear, max_epochs=4, lr=0.1, **sizes)
    strategies = ["margin", "temporal_output_discrepancy"]
    fitted = sampler(strategies=strategies, estimator=estimator).fit(X[:START], y[:START])
    numbers = [len(other._record.sets) for other in rounds(fitted, 3)]
    assert numbers == [0, 1, 2]
    assert len(set(fitted.query(X, 5).tolist())) == 5
