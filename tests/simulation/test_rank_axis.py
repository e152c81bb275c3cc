"""The axis of the critical-difference diagram."""

from __future__ import annotations

import pytest

from skautoal.simulation import Results, Round, SimulationResult, plot_critical_difference


def run(method, seed):
    rounds = [Round(n, 0.01 * method + 0.001 * seed, 0.5, 1.0, 0.5, [], []) for n in (10, 20)]
    return SimulationResult(f"m{method}", "digits", "low", seed, rounds, [0, 0], [0, 0])


@pytest.mark.parametrize(("n", "expected"), [(15, list(range(1, 16))), (22, [1, 5, 10, 15, 20])])
def test_numbers_of_many_ranks_do_not_touch(n, expected):
    plt = pytest.importorskip("matplotlib.pyplot")
    results = Results([run(method, seed) for method in range(n) for seed in range(2)])
    ax = plot_critical_difference(results)
    assert [round(tick) for tick in ax.get_xticks()] == expected
    plt.close(ax.figure)
