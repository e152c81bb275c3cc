"""The verdict on a comparison: who won, on runs whose accuracies are given."""

from __future__ import annotations

import numpy as np
import pytest

from skautoal.simulation import Results
from tests._internals import verdict
from tests.simulation._tiny import made_run


def made(heights, *, tasks="a", n_seeds=5, spread=0.001):
    """Runs of methods with given accuracies, and a spread over seeds."""
    rng = np.random.RandomState(0)
    return Results(
        made_run(method, [0.5, height + rng.normal(0, spread)], task=task, seed=seed)
        for task in tasks
        for method, height in heights.items()
        for seed in range(n_seeds)
    )


FAR = {"margin": 0.9, "badge": 0.8, "random": 0.6}


def test_one_method_has_won_a_setting():
    assert verdict(made(FAR)) == (
        "margin won: it has the largest mean area under the budget curve (0.701), and it differs"
        " significantly from all other methods (paired t tests over 5 seeds, Holm's correction,"
        " 5 % level)."
    )
    two = verdict(made({"a": 0.9, "b": 0.6}))
    assert two.startswith("a won: ")
    assert "from the other method (" in two


def test_some_methods_are_as_good():
    text = verdict(made({**FAR, "twin": 0.9}))
    assert text.startswith("No clear winner: ")
    assert "significantly from 2 of 3 other methods, but not from " in text
    many = {f"m{i}": 0.9 for i in range(7)} | {"random": 0.6}
    text = verdict(made(many))
    assert "from 1 of 7 other methods, but not from " in text
    assert " and 3 more (paired" in text


def test_nothing_is_told_apart():
    text = verdict(made({"a": 0.9, "b": 0.9, "c": 0.9}, spread=0.1))
    assert text.startswith("No winner: ")
    assert "does not differ significantly from any other method (" in text
    assert "significantly from b (" in verdict(made({"a": 0.91, "b": 0.9}, spread=0.1))


def test_the_same_numbers_are_no_difference():
    same = made({"a": 0.9, "b": 0.9}, spread=0)
    assert verdict(same).startswith("No winner")


@pytest.mark.parametrize(
    ("n_seeds", "words"),
    [
        (1, "but one seed cannot tell chance from a difference."),
        (2, "but 2 seeds are too few to tell chance from a difference."),
    ],
)
def test_few_seeds_decide_nothing(n_seeds, words):
    text = verdict(made(FAR, n_seeds=n_seeds))
    assert text.startswith("No winner: margin has the largest mean area")
    assert text.endswith(words)


def test_settings_are_judged_by_ranks():
    # Nemenyi's critical difference of 3 methods is 1.17 in 8 settings, 0.83 in 16.
    text = verdict(made(FAR, tasks="abcdefgh"))
    assert text.startswith("No clear winner: margin has the best mean rank (1.00 among 3 methods)")
    assert "from 1 of 2 other methods, but not from badge (Friedman's and Nemenyi's" in text
    assert verdict(made(FAR, tasks="abcdefghijklmnop")) == (
        "margin won: it has the best mean rank (1.00 among 3 methods) and the largest area under"
        " the budget curve in 16 of 16 settings, and it differs significantly from all other"
        " methods (Friedman's and Nemenyi's tests over settings, 5 % level)."
    )
    text = verdict(made({"a": 0.9, "b": 0.9, "c": 0.9}, tasks="abcdefgh", spread=0.1))
    assert text.startswith("No winner: ")


def test_few_settings_are_judged_within():
    text = verdict(made(FAR, tasks="ab"))
    assert text.startswith("No winner: margin has the best mean rank (1.00 among 3 methods)")
    assert "but 2 settings are too few for a test of mean ranks." in text
    assert "differs significantly from all other methods in 2 of 2 settings (paired t" in text
    assert "2 of 2 settings (paired" not in verdict(made(FAR, tasks="ab", n_seeds=2))


def test_what_cannot_be_compared():
    assert verdict(made({"margin": 0.9})) == (
        "Only margin was run: there is nothing to compare it with."
    )
    apart = Results([made_run("x", [0.1, 0.2]), made_run("y", [0.1, 0.2], task="b")])
    assert verdict(apart) == (
        "The methods cannot be compared. No method was run in all settings; select tasks or"
        " budgets first."
    )
    some = Results([*apart, made_run("x", [0.1, 0.2], task="b")])
    assert verdict(some) == "Only x was run in every setting: nothing can be compared."
    seeds = Results([made_run("x", [0.1, 0.2], seed=0), made_run("y", [0.1, 0.2], seed=1)])
    assert "no seed in common" in verdict(seeds)
