"""How far learned weights are trusted: judged on labels that they did not learn from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests._internals import (
    RECORD,
    TAU_END,
    Coverage,
    GlobalSearchNet,
    LabelArrays,
    LocationSearchNet,
    PoolArrays,
    Verdict,
    combined_verdict,
    coverage_verdict,
    cross_validate,
    isolated_rng,
    label_folds,
    run_search,
    soft_top_k,
    standardize,
)

K, Q = 3, 2
EQUAL = torch.full((K,), 1 / K)
OPTIONS = {"prior": 0.05, "threshold": "exact"}


def held_out_sets(sizes=(30, 30), seed=0, right=None, noise=0.5):
    """Arrays of held-out sets; the strategy ``right`` knows what a sample is worth.

    Sets follow one another as the halves of halvings do: two that share no sample.
    """
    rng = np.random.RandomState(seed)
    S, n = len(sizes), max(sizes)
    mask = torch.arange(n) < torch.tensor(sizes)[:, None]
    inputs, utilities = rng.standard_normal((S, n, Q)), rng.uniform(size=(S, n, K))
    values = rng.standard_normal((S, n))
    if right is not None:
        values = utilities[..., right] + noise * rng.uniform(size=(S, n))
    rows = np.zeros((S, n), dtype=np.int64)
    for pair in range(0, S, 2):
        order = rng.permutation(sum(sizes[pair : pair + 2]))
        for s, part in enumerate(np.split(order, [sizes[pair]])[: S - pair]):
            rows[pair + s, : len(part)] = part
    tensors = [torch.as_tensor(a, dtype=torch.float32) for a in (inputs, utilities, values)]
    values = standardize(tensors[2], mask)
    sizes = torch.tensor(sizes)
    labels = LabelArrays(
        tensors[0],
        tensors[1] * mask.unsqueeze(-1),
        values,
        values,
        mask,
        (sizes // 5).float(),
        sizes / sizes.sum(),
    )
    return labels.scaled(EQUAL), torch.as_tensor(rows)


def maker(kind="global", loss_prediction=False):
    def make(copies=()):
        with isolated_rng(0):
            if kind == "global":
                return GlobalSearchNet(EQUAL, copies)
            return LocationSearchNet(EQUAL, loss_prediction, Q, copies)

    return make


# ---------------------------------------------------------------- verdicts


@given(st.floats(-2, 2), st.floats(0, 2))
def test_the_share_is_what_is_left_after_the_doubt(gain, error):
    verdict = Verdict(10, gain, error)
    assert verdict.lower_bound == gain - 1.28 * error
    if gain <= 1.28 * error:
        assert verdict.share == 0
    else:
        assert verdict.share == pytest.approx(1 - (1.28 * error / gain) ** 2)
        assert 0 < verdict.share <= 1


def test_the_share_grows_with_the_gain_and_falls_with_the_error():
    shares = [Verdict(1, gain, 0.1).share for gain in (-1.0, 0.1, 0.128, 0.2, 0.5, 5.0)]
    assert shares[:3] == [0, 0, 0]
    assert np.all(np.diff(shares[2:]) > 0)
    assert shares[-1] > 0.99
    assert Verdict(1, 0.3, 0.05).share > Verdict(1, 0.3, 0.1).share
    assert Verdict(1, 0.3, 0.0).share == 1
    assert Verdict(1, 0.0, np.inf).share == 0


# ---------------------------------------------------------------- combination


def verdict_of(gains, variances, sizes, groups, importance=None):
    importance = np.ones(len(gains)) if importance is None else importance
    arrays = (np.asarray(a, float) for a in (gains, variances, sizes, importance))
    return combined_verdict(7, *arrays, np.asarray(groups))


def test_errors_of_halvings_do_not_average_out():
    """Ten halvings of the same labels know no more than one."""
    once = verdict_of([0.2, 0.4], [0.04, 0.04], [10, 10], [0, 0])
    often = verdict_of([0.2, 0.4] * 10, [0.04] * 20, [10] * 20, np.repeat(np.arange(10), 2))
    assert often.gain == pytest.approx(once.gain)
    assert often.error == pytest.approx(once.error)
    # The halves of one halving share no label: their errors are independent.
    assert once.gain == pytest.approx(0.3)
    assert once.error == pytest.approx((0.25 * 0.04 + 0.25 * 0.04) ** 0.5)


def test_errors_of_recorded_rounds_average_out():
    four = verdict_of([0.1, 0.2, 0.3, 0.4], [0.04] * 4, [10] * 4, [RECORD] * 4)
    assert four.gain == pytest.approx(0.25)
    assert four.error == pytest.approx(0.1)
    assert four.n_steps == 7
    aged = verdict_of([0.0, 1.0], [0.04] * 2, [10] * 2, [RECORD] * 2, [0.25, 0.75])
    assert aged.gain == pytest.approx(0.75)


def test_halvings_and_record_count_by_their_labels_and_their_errors_add_up():
    sets = [0.2, 0.2, 0.6], [0.04, 0.04, 0.09], [10, 10, 40], [0, 0, RECORD]
    both = verdict_of(*sets)
    halving = verdict_of(*(part[:2] for part in sets))
    record = verdict_of(*(part[2:] for part in sets))
    assert both.gain == pytest.approx((20 * 0.2 + 40 * 0.6) / 60)
    assert both.error == pytest.approx((20 * halving.error + 40 * record.error) / 60)


# ---------------------------------------------------------------- folds


@given(st.integers(0, 500), st.integers(1, 4))
def test_what_is_left_out_is_not_learned_from(seed, n_halvings):
    rng = np.random.RandomState(seed)
    sizes = tuple(rng.randint(2, 9, size=2 * n_halvings))
    labels, rows = held_out_sets(sizes, seed)
    # A set of a record holds samples that halvings hold as well.
    folds = label_folds(labels, rows)
    S = len(sizes)
    assert folds.mask.shape == (S, *labels.mask.shape)
    for fold in range(S):
        left_out = set(rows[fold][labels.mask[fold]].tolist())
        learned = set(rows[folds.mask[fold]].tolist())
        assert not left_out & learned
        assert not folds.mask[fold, fold].any()
        assert not (folds.mask[fold] & ~labels.mask).any()  # padding never comes in
        for s in range(S):  # and everything else stays
            kept = set(rows[s][folds.mask[fold, s]].tolist())
            assert kept == set(rows[s][labels.mask[s]].tolist()) - left_out
    assert (folds.k <= folds.mask.sum(-1)).all()
    assert ((folds.k >= 1) | (folds.mask.sum(-1) == 0)).all()
    assert (folds.weight[folds.mask.sum(-1) == 0] == 0).all()
    total = folds.weight.sum(-1)
    torch.testing.assert_close(total, (total > 0).float())


@pytest.mark.parametrize("kind", ["global", "location"])
def test_labels_of_a_left_out_set_do_not_matter_to_its_net(kind):
    """What a fold has learned is the same whatever the set that is left out is worth."""
    labels, rows = held_out_sets((14, 14, 14, 14), right=1)
    changed = labels.values.clone()
    changed[0] = -changed[0]
    # The other halving holds the same samples: their values change with them.
    place = {int(row): -1.0 for row in rows[0]}
    for s in (2, 3):
        sign = torch.tensor([place.get(int(row), 1.0) for row in rows[s]])
        changed[s] = changed[s] * sign
    learned = []
    for values in (labels.values, changed):
        folds = label_folds(replace(labels, values=values), rows)
        net = maker(kind)((4,))
        run_search(net, folds, None, n_steps=10, **OPTIONS)
        learned.append([parameter[0].detach() for parameter in net.parameters()])
    for one, other in zip(*learned, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("kind", ["global", "location"])
@pytest.mark.parametrize("groups", [[0, 0, 1, 1], [0, 0, RECORD, RECORD]])
def test_folds_together_are_folds_one_after_another(kind, groups):
    labels, rows = held_out_sets((20, 17, 19, 18), right=2)
    verdict = cross_validate(maker(kind), labels, rows, groups, n_steps=10, **OPTIONS)
    folds = label_folds(labels, rows)
    gains, variances = [], []
    for fold in range(4):
        net = maker(kind)()
        part = replace(folds, mask=folds.mask[fold], k=folds.k[fold], weight=folds.weight[fold])
        run_search(net, part, None, n_steps=10, stop=verdict.n_steps, **OPTIONS)
        mask, k = labels.mask[fold], labels.k[fold]
        with torch.no_grad():
            logits, _ = net(labels.inputs)
            learned = net.mix(logits[fold], None, labels.utilities[fold], mask)[1]
            equal = labels.utilities[fold] @ EQUAL
            p, q = (soft_top_k(standardize(x, mask), k, TAU_END, mask) for x in (learned, equal))
        exchanged = ((p - q) / k).double()
        gains.append(float(exchanged @ labels.values[fold].double()))
        variances.append(float(exchanged.square().sum()))
    sizes = labels.mask.sum(1).tolist()
    expected = verdict_of(gains, variances, sizes, groups, labels.weight.numpy())
    assert expected.gain > 0.05
    assert verdict.gain == pytest.approx(expected.gain, abs=5e-3)
    assert verdict.error == pytest.approx(expected.error, rel=0.02)


# ---------------------------------------------------------------- what is found


@pytest.mark.parametrize("kind", ["global", "location"])
@pytest.mark.parametrize("right", range(K))
def test_a_candidate_that_is_right_is_found(kind, right):
    labels, rows = held_out_sets((120, 120, 120, 120), right=right)
    verdict = cross_validate(maker(kind), labels, rows, [0, 0, 1, 1], n_steps=60, **OPTIONS)
    assert verdict.gain > 0.3
    assert verdict.share > 0.5


def test_the_predicted_loss_takes_part():
    labels, rows = held_out_sets((40, 40), right=0)
    make = maker("location", loss_prediction=True)
    verdict = cross_validate(make, labels, rows, [0, 0], n_steps=30, **OPTIONS)
    assert np.isfinite([verdict.gain, verdict.error]).all()


@pytest.mark.parametrize("kind", ["global", "location"])
def test_chance_is_not_trusted(kind):
    shares = []
    for seed in range(40):
        labels, rows = held_out_sets((30, 30, 30, 30), seed=seed)
        verdict = cross_validate(maker(kind), labels, rows, [0, 0, 1, 1], n_steps=30, **OPTIONS)
        shares.append(verdict.share)
    assert np.mean(np.array(shares) == 0) >= 0.75
    assert np.mean(shares) < 0.1


def test_where_candidates_agree_there_is_nothing_to_gain():
    labels, rows = held_out_sets((20, 20), right=0)
    same = labels.utilities[..., :1].expand(-1, -1, K).contiguous()
    labels = replace(labels, utilities=same, scale=None).scaled(EQUAL)
    verdict = cross_validate(maker(), labels, rows, [0, 0], n_steps=10, **OPTIONS)
    assert verdict.share == 0


def test_with_one_set_there_is_nothing_to_compare():
    labels, rows = held_out_sets((20,), right=0)
    verdict = cross_validate(maker(), labels, rows, [RECORD], n_steps=10, **OPTIONS)
    assert (verdict.n_steps, verdict.gain, verdict.share) == (10, 0.0, 0.0)
    # Nor where the other sets hold the same samples.
    labels, rows = held_out_sets((20, 20), right=0)
    rows = rows[:1].expand(2, -1)
    assert cross_validate(maker(), labels, rows, [0, 0], n_steps=10, **OPTIONS).share == 0


# ---------------------------------------------------------------- coverage


def pool_with(right, seed=0, n=60, t=200):
    """A pool in which one candidate prefers what covers much."""
    rng = np.random.RandomState(seed)
    worth = rng.uniform(size=n)
    similar = torch.as_tensor(worth[:, None] * rng.uniform(size=(n, t)) / t, dtype=torch.float32)
    gains, order = similar.sort(dim=0, descending=True)
    utilities = rng.uniform(size=(n, K))
    if right is not None:
        utilities[:, right] = worth
    coverage = Coverage(torch.arange(n), order, order.argsort(0), gains)
    utilities = torch.as_tensor(utilities, dtype=torch.float32)
    return PoolArrays(torch.zeros(n, Q), utilities, 6, coverage)


def test_coverage_of_targets_that_taught_nothing():
    pool = pool_with(1)
    seen, left_out = (replace(pool, coverage=half) for half in pool.coverage.halves())
    net = maker()()
    untaught = coverage_verdict(net, left_out)
    assert untaught.gain == pytest.approx(0, abs=1e-6)
    assert untaught.share == 0
    run_search(net, None, seen, n_steps=60, **OPTIONS)
    verdict = coverage_verdict(net, left_out)
    assert verdict.gain > 0.02
    assert verdict.share > 0.5
