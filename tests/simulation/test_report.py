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
    assert ax.get_legend().get_title().get_text() == "mean of 3 seeds"
    same = plot_learning_curves(results, results.settings[0], metric="log_loss", ax=ax)
    assert same is ax


@pytest.mark.parametrize("n_seeds", [1, 2])
def test_few_seeds_have_no_band(n_seeds):
    results = Results(run for run in made_results() if run.seed < n_seeds)
    assert not plot_learning_curves(results, results.settings[0]).collections


def test_more_methods_than_styles_are_all_drawn():
    results = Results(made_run(f"m{i}", [0.5, 0.6], weights=[{"x": 1.0}]) for i in range(45))
    assert len(plot_learning_curves(results, results.settings[0]).lines) == 45
    weights = {f"s{i}": i / 990 for i in range(45)}
    one = Results([made_run("a", [0.5, 0.6], weights=[weights])])
    assert len(plot_strategy_weights(one, "a", one.settings[0]).lines) == 45


def legend_and_axes(ax):
    ax.figure.canvas.draw()
    return ax.get_legend().get_window_extent(), ax.get_window_extent()


@pytest.mark.parametrize("n_methods", [2, 45])
@pytest.mark.parametrize("given", [False, True])
def test_legends_are_beside_the_axes_and_in_the_figure(n_methods, given):
    import matplotlib.pyplot as plt

    names = ["a" * 99, *(f"method_{i}" for i in range(1, n_methods))]
    runs = [made_run(name, [0.5, 0.6], weights=[dict.fromkeys(names, 0.1)]) for name in names]
    results = Results(runs)
    for draw in (plot_learning_curves, plot_strategy_weights):
        method = (names[0],) if draw is plot_strategy_weights else ()
        ax = plt.subplots(figsize=(9, 6), layout="constrained")[1] if given else None
        ax = draw(results, *method, results.settings[0], ax=ax)
        legend, axes = legend_and_axes(ax)
        assert legend.x0 >= axes.x1
        assert legend.x1 <= ax.figure.bbox.x1
        assert legend.y0 >= 0


NAMED = {
    "two": ["a", "b"],
    "few": ["margin", "random", "badge", "auto"],
    "long": [f"a method with a name that is far too long, number {i}" for i in range(8)],
    "many": [f"method_{i}_of_many" for i in range(45)],
    "one long": ["a", *(f"uncertainty_herding labeled {i}" for i in range(4))],
}


@pytest.mark.parametrize("size", [None, (6, 4)])
@pytest.mark.parametrize("names", NAMED.values(), ids=NAMED)
def test_nothing_of_the_critical_difference_diagram_is_clipped(names, size):
    import matplotlib.pyplot as plt

    results = Results(
        made_run(name, [0.5, 0.6 + rank / 1000], task=task)
        for task in "abc"
        for rank, name in enumerate(names)
    )
    ax = None if size is None else plt.subplots(figsize=size)[1]
    ax = plot_critical_difference(results, ax=ax)
    ax.figure.canvas.draw()
    box = ax.figure.bbox
    texts = [text for text in [*ax.texts, *ax.get_xticklabels()] if text.get_text()]
    assert len(texts) > len(names)
    for text in texts:
        extent = text.get_window_extent()
        assert box.x0 <= extent.x0 < extent.x1 <= box.x1, text.get_text()
        assert box.y0 <= extent.y0 < extent.y1 <= box.y1, text.get_text()
    assert len({text.get_text() for text in texts}) == len(texts)  # long names differ
    # A line ends where its text begins.
    left, right = ax.get_xlim()
    assert all(left <= x <= right for line in ax.lines for x in line.get_xdata())


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
    # It begins with the verdict, after title and style.
    before = page.text[: page.text.index("No winner: slow has the best mean rank")]
    assert before.strip().endswith("Mine")
    for wrong in ("1 settings", "nan", ">-<", "inf"):
        assert wrong not in path.read_text(encoding="utf-8").partition("<img")[0]


def test_a_report_in_markdown_has_the_same_tables(tmp_path):
    runs = [*made_results(), made_run("random", [0.75], task="a", budget="full")]
    results = Results(runs)
    commands = ["skautoal compare --data a"]
    page = Page(write_report(results, tmp_path / "r.html", commands=commands).read_text())
    text = write_report(results, tmp_path / "r.md", commands=commands).read_text()
    assert text.startswith("# Comparison of active learning methods\n\nNo winner: slow has")
    assert "- Command: skautoal compare --data a\n" in text
    assert "skautoal compare --data a" in page.text
    assert '<span class="option">--data</span>' in (tmp_path / "r.html").read_text()
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line[0:1] == "|"]
    cells = [cell.replace("\\", "") for row in rows if row[0] != "---" for cell in row]
    assert len(cells) > 50
    words = iter(page.words)  # names also stand in sentences between the tables
    assert [cell for cell in cells if cell not in words] == []
    assert "<img" not in text


@pytest.mark.parametrize(
    ("n_seeds", "present", "absent"),
    [
        (1, ["one seed cannot tell"], ["±", "too few seeds", "Against random", "| p |"]),
        (2, ["2 seeds are too few", "| too few seeds |", "Against random"], ["±"]),
        (3, ["± 0.0124", "paired t tests over 3 seeds"], ["too few"]),
    ],
)
def test_a_report_says_what_few_seeds_are_too_few_for(n_seeds, present, absent, tmp_path):
    results = Results(run for run in made_results() if run.seed < n_seeds and run.task == "a")
    text = write_report(results, tmp_path / "r.md").read_text()
    assert [words for words in present if words not in text] == []
    assert [words for words in absent if words in text] == []
    assert "1 settings" not in text
    assert "times entropy" not in text  # entropy was not run
    assert text.count("too few seeds |") == {1: 0, 2: 3 + 2 * 2, 3: 0}[n_seeds]  # intervals, p


def test_labels_that_random_does_not_reach(tmp_path):
    runs = [*made_results(), made_run("random", [0.85], task="a", budget="full")]
    text = write_report(Results(runs), tmp_path / "r.md").read_text()
    assert "| a (low) | slow | 30 | random does not reach it |" not in text
    (section,) = [part for part in text.split("## ") if part.startswith("Labels saved")]
    # No method comes to 95 % of .85 but slow; a column of ratios would be empty.
    assert "share of" not in section
    assert section.count("not reached") == 2


def test_weights_that_do_not_change_are_not_drawn(tmp_path):
    constant = [{"x": 0.25, "y": 0.75}] * 2
    for weights, n in ((constant, 0), ([*constant[:1], {"x": 0.5, "y": 0.5}], 1)):
        runs = [made_run("a", [0.5, 0.6, 0.7], weights=weights)]
        page = Page(write_report(Results(runs), tmp_path / "r.html").read_text())
        assert page.words.count("Weights of strategies") == n


def report_about(name, folder) -> Page:
    """A report where title, methods, tasks, budgets and strategies have one name."""
    weights = [{name: 1.0}, {name: 0.5}]
    runs = [
        made_run(method, [0.5, 0.6, 0.6 + seed / 10], task=name, budget=name, seed=seed, **given)
        for seed in range(3)
        for method, given in ((name, {"weights": weights}), ("random", {}))
    ]
    software = {name: name}
    net = {"class": name, "params": {"module": name, "optimizer": name}}
    runs[0].config, runs[0].software = {"task": {"net": net}}, software
    runs.append(made_run(f"{name} alone", [0.7], task="other", budget=name))
    path = write_report(Results(runs), folder / "report.html", title=name, commands=[name])
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
