"""Statistics against published values, hand-made examples and slow obvious references."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from skautoal.simulation import (
    aubc,
    confidence_interval,
    critical_difference,
    friedman_test,
    holm,
    labels_to_reach,
    mean_ranks,
    paired_test,
    penalty_matrix,
    regret,
    share_near_best,
)

# Demsar (2006), table 6: AUC of C4.5 and three variants on 14 data sets.
DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9754, 0.975],  # published ranks 2 and 3: equal by rounding only
        [0.957, 0.978, 0.946, 0.970],
    ]
)


def test_ranks_and_friedman_test_of_demsar():
    assert mean_ranks(DEMSAR) == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)
    statistic, p = friedman_test(DEMSAR)
    assert statistic == pytest.approx(3.69, abs=0.005)
    assert p == pytest.approx(stats.f.sf(3.69, 3, 39), rel=0.01)


@pytest.mark.parametrize(
    ("k", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (7, 2.949), (10, 3.164)]
)
def test_critical_difference_from_demsars_table(k, q):
    # Table 5 (a), alpha = .05; N = 1 and k (k + 1) / 6 undone.
    expected = q * np.sqrt(k * (k + 1) / 6)
    assert critical_difference(k, 1) == pytest.approx(expected, rel=5e-4)


def test_critical_difference_of_demsars_example():
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    assert critical_difference(4, 14, alpha=0.1) == pytest.approx(1.12, abs=0.005)
    with pytest.raises(ValueError, match="at least 2 methods"):
        critical_difference(1, 14)


def test_wilcoxon_on_darwins_maize():
    # Differences in eighths of an inch of 15 pairs (Darwin 1876; exact two-sided p).
    difference = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    p = paired_test(difference, np.zeros(15))
    assert p == pytest.approx(0.0413, abs=5e-5)
    t = paired_test(difference, np.zeros(15), test="t")
    assert t == pytest.approx(0.0497, abs=5e-5)  # Fisher (1935): t = 2.148


@pytest.mark.parametrize("test", ["wilcoxon", "t"])
def test_paired_tests_at_the_edges(test):
    assert paired_test([1, 2, 3], [1, 2, 3], test=test) == 1.0
    assert np.isnan(paired_test([1], [0], test=test))
    assert np.isnan(paired_test([1, np.nan], [0, 1], test=test))
    pairs = np.arange(8.0)
    better = paired_test(pairs + 1, pairs, test=test, alternative="greater")
    worse = paired_test(pairs - 1, pairs, test=test, alternative="greater")
    assert better < 0.01 < 0.9 < worse
    with pytest.raises(ValueError, match="'test'"):
        paired_test([1, 2], [2, 1], test="sign")


def test_differences_that_are_equal_but_for_rounding():
    b = np.array([0.1, 0.7, 0.3])
    a = b + 0.2
    assert 0 < np.ptp(a - b) < 1e-15
    assert paired_test(a, b, test="t") == 0.0
    assert paired_test(a, b, test="t", alternative="less") == 1.0


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
    mixed = holm([0.01, np.nan, 0.02])
    assert mixed[[0, 2]] == pytest.approx([0.02, 0.02])
    assert np.isnan(mixed[1])
    assert len(holm([])) == 0


@given(arrays(float, st.integers(1, 12), elements=st.floats(0, 1)))
def test_holm_rejects_what_the_procedure_rejects(p):
    adjusted = holm(p)
    rejected = np.zeros(len(p), dtype=bool)
    for step, i in enumerate(np.argsort(p, kind="stable")):
        if p[i] * (len(p) - step) > 0.05:
            break
        rejected[i] = True
    assert ((adjusted <= 0.05) == rejected).all()


def test_aubc_by_hand():
    assert aubc([0, 1, 3], [0.0, 1.0, 1.0]) == pytest.approx((0.5 + 2) / 3)
    assert aubc([5], [0.7]) == 0.7
    assert aubc([10, 20], [0.25, 0.75]) == 0.5
    for n, values in (([1, 1], [0, 0]), ([1, 2], [0]), ([], [])):
        with pytest.raises(ValueError, match="increase"):
            aubc(n, values)


@given(arrays(float, st.integers(2, 8), elements=st.floats(0, 1)))
def test_aubc_is_between_the_extremes_and_scale_free(values):
    n = np.arange(len(values)) ** 2
    area = aubc(n, values)
    assert values.min() - 1e-12 <= area <= values.max() + 1e-12
    assert aubc(100 + 7 * n, values) == pytest.approx(area)


def test_labels_to_reach_by_hand():
    n, values = [10, 20, 40], [0.5, 0.7, 0.9]
    assert labels_to_reach(n, values, 0.8) == pytest.approx(30)
    assert labels_to_reach(n, values, 0.5) == 10
    assert labels_to_reach(n, values, 0.1) == 10
    assert labels_to_reach(n, values, 0.7) == pytest.approx(20)
    assert labels_to_reach(n, values, 0.95) == float("inf")
    # It counts when the target is reached first, even if it is lost again.
    assert labels_to_reach([1, 2, 3], [0.0, 1.0, 0.2], 0.5) == 1.5


def test_confidence_interval_by_hand():
    # Mean 2, s = 1, n = 3: 4.3027 / sqrt(3).
    assert confidence_interval([1, 2, 3]) == pytest.approx(4.302653 / np.sqrt(3))
    rows = confidence_interval([[1, 2, 3], [1, np.nan, 1]])
    assert rows == pytest.approx([4.302653 / np.sqrt(3), 0])
    # One repetition says nothing about the spread.
    assert np.isnan(confidence_interval([5.0]))


def test_penalty_matrix_by_hand():
    # At the first budget a beats b by .1 in all five seeds (t = inf); at the second the
    # differences are 1, -1, 1, -1, 1 hundredths (t = 0.41 < 2.776); at the third
    # b beats a with t = 3.16 / ... > 2.776.
    a = np.array([[0.6, 0.51, 0.5]] * 5)
    b = np.array([[0.5, 0.5, 0.6]] * 5)
    b[:, 1] += [0.0, 0.02, 0.0, 0.02, 0.0]
    b[:, 2] += [0.0, 0.01, 0.02, 0.03, 0.04]
    P = penalty_matrix([[a, b], [b, a]])
    assert P == pytest.approx(np.array([[0, 2 / 3], [2 / 3, 0]]))
    single = penalty_matrix([[a, b]])
    assert single == pytest.approx(np.array([[0, 1 / 3], [1 / 3, 0]]))


@given(arrays(float, (3, 4, 2), elements=st.floats(0, 1, width=16)))
def test_penalty_matrix_agrees_with_the_t_test(curves):
    P = penalty_matrix([curves])
    for i in range(3):
        for j in range(3):
            wins = 0
            for budget in range(2):
                d = curves[i, :, budget] - curves[j, :, budget]
                if np.ptp(d) < 1e-6:
                    wins += d.mean() > 1e-6
                else:
                    t = stats.ttest_1samp(d, 0)
                    if abs(t.pvalue - 0.05) < 1e-6:
                        return  # rounding decides
                    wins += t.pvalue < 0.05 and d.mean() > 0
            assert P[i, j] == wins / 2


def test_penalty_matrix_refuses_what_it_cannot_judge():
    with pytest.raises(ValueError, match="at least 2"):
        penalty_matrix([np.zeros((2, 1, 3))])
    with pytest.raises(ValueError, match="empty"):
        penalty_matrix([])


def test_regret_and_shares_by_hand():
    scores = [[0.5, 0.75, 0.875], [0.5, 0.25, 0.5]]
    assert regret(scores).tolist() == [[0.375, 0.125, 0.0], [0.0, 0.25, 0.0]]
    assert regret(scores, [0, 1]).tolist() == [[0.25, 0.0, -0.125], [0.0, 0.25, 0.0]]
    assert share_near_best(scores, (0, 0.125)).tolist() == [[0.5, 0.5], [0.0, 0.5], [1.0, 1.0]]
    # .705 - .7 is a little more than .005 in floating point.
    assert share_near_best([[0.705, 0.7]])[1, 0] == 1


@pytest.mark.parametrize("function", [mean_ranks, regret, share_near_best, friedman_test])
def test_tables_with_holes_are_refused(function):
    with pytest.raises(ValueError, match="1 NaN"):
        function([[0.5, np.nan]])
    with pytest.raises(ValueError, match="n_tasks, n_methods"):
        function([0.5, 0.6])
