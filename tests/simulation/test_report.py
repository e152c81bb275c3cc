"""Plots and the report."""

from __future__ import annotations

import base64
import builtins

import matplotlib as mpl
import numpy as np
import pytest

from skautoal.simulation import (
    Results,
    plot_critical_difference,
    plot_learning_curves,
    plot_penalty_matrix,
    plot_strategy_weights,
    write_report,
)
from tests._html import HOSTILE, Page
from tests._internals import cliques
from tests.simulation._tiny import made_results, made_run


@pytest.fixture(autouse=True)
def no_screen():
    mpl.use("Agg")
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def test_learning_curves():
    results = made_results()
    ax = plot_learning_curves(results, results.settings[0])
    assert [line.get_label() for line in ax.lines] == results.methods
    assert ax.lines[1].get_ydata() == pytest.approx([0.5, 0.655, 0.81])
    assert len(ax.collections) == 3  # bands
    same = plot_learning_curves(results, results.settings[0], metric="log_loss", ax=ax)
    assert same is ax


def test_critical_difference_diagram():
    ax = plot_critical_difference(made_results())
    text = " ".join(t.get_text() for t in ax.texts)
    assert "slow  1.00" in text
    assert "3.00  bad" in text
    assert "critical difference 2.34" in text


def test_groups_that_are_not_told_apart():
    ranks = np.array([1.0, 1.5, 2.4, 4.0])
    assert cliques(ranks, 1.0) == [(0, 1), (1, 2)]
    assert cliques(ranks, 10.0) == [(0, 3)]
    assert cliques(ranks, 0.1) == []


def test_penalty_heat_map():
    ax = plot_penalty_matrix(made_results())
    shown = ax.images[0].get_array().tolist()
    assert shown[:-1] == [[0, 0, 2], [2, 0, 2], [0, 0, 0]]
    assert shown[-1] == pytest.approx([2 / 3, 0, 4 / 3])


def test_weights_over_rounds():
    results = made_results()
    ax = plot_strategy_weights(results, "slow", results.settings[0])
    assert {line.get_label(): line.get_ydata()[0] for line in ax.lines} == {"x": 0.25, "y": 0.75}
    assert ax.lines[0].get_xdata().tolist() == [1, 2]
    with pytest.raises(ValueError, match="recorded no weights"):
        plot_strategy_weights(results, "random", results.settings[0])


def test_report_is_one_file_with_everything(tmp_path):
    runs = [*made_results(), made_run("random", [0.75], task="a", budget="full")]
    path = write_report(Results(runs), tmp_path / "new" / "report.html", title="Mine")
    page = Page(path.read_text(encoding="utf-8"))
    assert page.actions
    assert all(link.startswith("data:image/png;base64,") for link in page.actions)
    for link in page.actions:
        assert base64.b64decode(link.split(",")[1]).startswith(b"\x89PNG")
    images = [tag for tag, _ in page.elements].count("img")
    assert images == 2 + 2 + 2  # ranks and penalties, curves, weights
    words = " ".join(page.words)
    for expected in ("Mine", "Against random", "Labels saved", "Cost", "a (low)", "mean rank"):
        assert expected in words


def report_about(name, folder) -> Page:
    """A report where title, methods, tasks, budgets and strategies have one name."""
    runs = [
        made_run(method, [0.5, 0.6 + seed / 10], task=name, budget=name, seed=seed, weights=weights)
        for seed in range(2)
        for method, weights in ((name, {name: 1}), ("random", None))
    ]
    runs.append(made_run(f"{name} alone", [0.7], task="other", budget=name))
    path = write_report(Results(runs), folder / "report.html", title=name)
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def harmless(tmp_path_factory):
    return report_about("harmless", tmp_path_factory.mktemp("harmless"))


NAMES = ["".join(HOSTILE[:3]), "".join(HOSTILE[3:]), "$x_1$ $", "_private"]


@pytest.mark.parametrize("name", NAMES)
def test_everything_the_user_gave_is_escaped(name, harmless, tmp_path):
    """Elements and attributes are those of the report about something harmless."""
    page = report_about(name, tmp_path)
    assert page.elements == harmless.elements
    assert len(page.actions) == len(harmless.actions)
    assert all(action.startswith("data:image/png;base64,") for action in page.actions)
    assert page.text.count(name) == harmless.text.count("harmless") > 8


def test_reports_of_little(tmp_path):
    write_report(Results([made_run("x", [0.5])]), tmp_path / "one.html")
    alone = Results([made_run("x", [0.1]), made_run("y", [0.1], task="b")])
    text = write_report(alone, tmp_path / "two.html").read_text()
    assert "No method was run in all settings" in text
    with pytest.raises(ValueError, match="no runs"):
        write_report(Results([]), tmp_path / "none.html")


def test_without_matplotlib(monkeypatch):
    original = builtins.__import__

    def missing(name, *args, **kwargs):
        if name.startswith(("matplotlib", "pandas")):
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ImportError, match=r"pip install 'skautoal\[plot\]'"):
        plot_penalty_matrix(made_results())
    with pytest.raises(ImportError, match=r"pip install 'skautoal\[data\]'"):
        made_results().to_frame()
