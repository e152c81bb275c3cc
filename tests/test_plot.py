"""Figures of a sampler: what is drawn is what the sampler says."""

from __future__ import annotations

import sys

import matplotlib as mpl
import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import nn

from skautoal import AutoALSampler, Search, StrategySampler, plot
from skautoal.exceptions import MissingSignalError
from skautoal.pipeline import make_pipeline
from tests._helpers import make_net

mpl.use("Agg")


@pytest.fixture(autouse=True)
def no_figures_left():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.fixture(scope="module")
def pool(blobs):
    return blobs[0][30:]


@pytest.fixture(scope="module")
def sampler(blobs, pool):
    made = AutoALSampler(
        strategies=[("$m$", "margin"), "kmeans"],
        search=Search(n_steps=4, n_splits=2, trust=1.0),
        random_state=0,
    )
    made.fit(blobs[0][:30], np.array(["cat", "dog", "eel"])[blobs[1][:30]]).query(pool, 5)
    return made


def drawn(ax):
    """Every text of an axes, after it was really drawn."""
    ax.figure.canvas.draw()
    ticks = [*ax.get_yticklabels(), *ax.get_xticklabels()]
    return [text.get_text() for text in [*ax.texts, *ticks, *ax.get_legend().get_texts()]]


def test_bars_of_an_explanation_are_the_contributions(sampler, pool):
    explanation = sampler.explain(pool, [*sampler.query(pool, 5), 0], n_instances=5)
    ax = plot.explanation(explanation)
    widths = [[bar.get_width() for bar in bars] for bars in ax.containers]
    np.testing.assert_allclose(np.transpose(widths), explanation.contributions)
    ends = [bar.get_x() + bar.get_width() for bar in ax.containers[-1]]
    np.testing.assert_allclose(ends, explanation.scores, rtol=1e-5)
    texts = drawn(ax)
    assert f"pick 1, score rank {explanation.ranks[0]}" in texts
    assert f"not picked, score rank {explanation.ranks[5]}" in texts
    assert any(text.startswith(f"0: {explanation.predictions[5]} (") for text in texts)
    assert r"\$m\$" in texts
    assert ax.yaxis_inverted()
    assert ax.get_xlim()[1] > 1.3 * explanation.scores.max()  # the texts have room


def test_weights_are_those_of_the_last_query(sampler):
    ax = plot.strategy_weights(sampler)
    for bars, part in zip(ax.containers, ("labeled", "pool", "batch"), strict=True):
        shares = list(sampler.strategy_weights_[part].values())
        np.testing.assert_allclose([bar.get_width() for bar in bars], shares)
    assert {"labelled samples", "pool", "batch", "equal weights", "KMeans"} <= set(drawn(ax))


def test_the_history_of_both_searches(sampler):
    ax = plot.search_history(sampler)
    history = sampler.search_history_
    objective = [line for line in ax.get_lines() if line.get_label() == "objective"]
    assert [len(line.get_xdata()) for line in objective] == [4, 1]
    together = np.concatenate([line.get_ydata() for line in objective])
    np.testing.assert_array_equal(together, history["objective"])
    on_labels = [line for line in ax.get_lines() if line.get_label() == "gain on the labels"]
    assert [line.get_xdata().tolist() for line in on_labels] == [[4]]
    texts = drawn(ax)
    assert {"search on the labels", "search on the pool", "norm of the gradient"} <= set(texts)


def test_a_map_of_the_picks(sampler, pool):
    idx = sampler.query(pool, 5)
    ax = plot.picks(sampler, pool, idx)
    rings = next(c for c in ax.collections if c.get_label() == "picked").get_offsets()
    dots = [c.get_offsets() for c in ax.collections if c.get_label() in sampler.classes_]
    crosses = next(c for c in ax.collections if c.get_label() == "labelled").get_offsets()
    assert (len(rings), sum(map(len, dots)), len(crosses)) == (5, 90, 30)
    assert {"1", "2", "3", "4", "5"} <= set(drawn(ax))

    seen = []
    head = sampler.estimator_.module_.head
    handle = head.register_forward_pre_hook(lambda m, args: seen.append(args[0].numpy()))
    sampler.predict(pool)
    handle.remove()
    expected = PCA(2, svd_solver="full").fit_transform(np.concatenate(seen).astype(float))
    np.testing.assert_allclose(rings, expected[idx], atol=1e-4)


def test_pipelines_and_given_axes(blobs, pool):
    import matplotlib.pyplot as plt

    plain = StrategySampler(random_state=0).fit(
        StandardScaler().fit_transform(blobs[0][:30]), blobs[1][:30]
    )
    pipe = make_pipeline(StandardScaler(), make_pipeline(StrategySampler(random_state=0)))
    pipe.fit(blobs[0][:30], blobs[1][:30])
    axes = plt.subplots(1, 2)[1]
    assert plot.picks(pipe, pool, [3, 4], ax=axes[0]) is axes[0]
    transformed = StandardScaler().fit(blobs[0][:30]).transform(pool)
    plot.picks(plain, transformed, [3, 4], ax=axes[1])
    offsets = [
        next(c for c in ax.collections if c.get_label() == "picked").get_offsets() for ax in axes
    ]
    np.testing.assert_allclose(*offsets, rtol=1e-5)
    ax = plot.explanation(pipe.explain(pool, [1]), ax=plt.subplots()[1])
    assert len(ax.containers) == 1


def test_embeddings_of_one_dimension_and_many_classes():
    X, y = np.linspace(-1, 1, 40)[:, None].astype(np.float32), np.arange(40) % 12
    net = make_net(nn.Linear, module__in_features=1, module__out_features=12, max_epochs=40, lr=1.0)
    sampler = StrategySampler(net, strategy="margin", random_state=0).fit(X, y)
    ax = plot.picks(sampler, X, [0])
    assert not ax.collections[0].get_offsets()[:, 1].any()
    assert "labelled" in drawn(ax)


def test_what_cannot_be_drawn_is_refused(sampler, pool, blobs):
    with pytest.raises(
        TypeError, match=r"'explanation' must be the result of 'explain' .* got list"
    ):
        plot.explanation(sampler.explain(pool, [0]).rows())
    equal = AutoALSampler(strategies=["margin"], batch_builder="top", random_state=0)
    with pytest.raises(NotFittedError):
        plot.strategy_weights(equal)
    equal.fit(blobs[0][:30], blobs[1][:30])
    with pytest.raises(ValueError, match="'sampler' has no weights of strategies"):
        plot.strategy_weights(equal)
    with pytest.raises(ValueError, match="'sampler' has no search in 'search_history_'"):
        plot.search_history(equal)
    with pytest.raises(TypeError, match=r"'sampler' must be a sampler of skautoal.*Logistic"):
        plot.picks(LogisticRegression(), pool, [0])
    with pytest.raises(ValueError, match="'indices' holds"):
        plot.picks(sampler, pool, [90])


class NoHead(nn.Module):
    """Ends in no linear layer."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.eye(3, 5))

    def forward(self, X):
        return X @ self.weight.T


def test_without_embeddings(blobs, pool):
    sampler = StrategySampler(make_net(NoHead), random_state=0).fit(blobs[0][:30], blobs[1][:30])
    with pytest.raises(MissingSignalError, match="A map of picks needs embeddings"):
        plot.picks(sampler, pool, [0])


def test_without_matplotlib(sampler, pool, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    for draw in (
        lambda: plot.explanation(sampler.explain(pool, [0])),
        lambda: plot.strategy_weights(sampler),
        lambda: plot.search_history(sampler),
        lambda: plot.picks(sampler, pool, [0]),
    ):
        with pytest.raises(ImportError, match=r"pip install 'skautoal\[plot\]'"):
            draw()


def test_names_are_drawn_as_they_are(blobs, pool):
    """No mathematics, and nothing missing in a legend because of its first letter."""
    names, classes = [r"$\frac{$", "_mine"], np.array([r"$\sqrt[$", "_b", "c"])
    pairs = list(zip(names, ["margin", "kmeans"], strict=True))
    sampler = AutoALSampler(strategies=pairs, batch_builder="top", random_state=0)
    idx = sampler.fit(blobs[0][:30], classes[blobs[1][:30]]).query(pool, 3)
    explanation = sampler.explain(pool, idx)
    for ax, expected in [
        (plot.explanation(explanation), names),
        (plot.strategy_weights(sampler), names),
        (plot.picks(sampler, pool, idx), set(sampler.predict(pool))),
    ]:
        shown = " ".join(text.replace(r"\$", "$") for text in drawn(ax))
        assert [name for name in expected if name not in shown] == []
