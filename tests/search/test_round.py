"""A whole round of the search, through AutoALSampler."""

from __future__ import annotations

import itertools
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from scipy.stats import rankdata
from torch import nn
from torch.utils.data import TensorDataset

from skautoal import Search
from skautoal.exceptions import FewLabelsWarning
from skautoal.mixing import BUILDERS, equal_weights
from skautoal.modules import MLP
from skautoal.strategies import BatchStrategy, FunctionStrategy, Margin
from tests._helpers import flat_autoal, make_net, trained_once
from tests._internals import (
    PAPER,
    GlobalSearchNet,
    LabelArrays,
    SearchProgress,
    internal,
    label_values,
    run_search,
    standardize,
    with_constant,
)

MODES = ("auto", "search", "paper", "vote")
OBJECTIVES = ("loss", "bilevel", "coverage", "mixed")
SEARCH_NETS = ("location", "global", "module")
DOCUMENTED = {"strategy_weights_", "search_history_", "timings_", "dropped_strategies_"}


def tiny_net(n_features=5, n_classes=3, **params):
    options = {"max_epochs": 4, "lr": 0.1, "batch_size": 20, "module__hidden": 12} | params
    return make_net(MLP, module__n_features=n_features, module__n_classes=n_classes, **options)


def sampler(**params):
    """AutoALSampler on a tiny net whose learned weights are used, however little they learned."""
    options = {
        "strategies": ["margin", "bald", "kmeans"],
        "n_instances": 5,
        "n_steps": 8,
        "n_splits": 2,
        "n_passes": 3,
        "trust": 1.0,
        "random_state": 0,
    }
    return flat_autoal(params.pop("estimator", tiny_net()), **(options | params))


def weights(fitted, on="pool"):
    return np.array(list(fitted.strategy_weights_[on].values()))


class Counting(FunctionStrategy):
    """Counts its runs; a clone would forget them, a sampler does not clone strategies."""

    def __init__(self, function, needs=("probabilities",)):
        super().__init__(function, needs)
        self.sizes = []

    def _scores(self, signals, rng):
        self.sizes.append(signals.n_samples)
        return super()._scores(signals, rng)


class CountingBatch(BatchStrategy):
    """The same for a strategy that builds batches."""

    def __init__(self):
        self.sizes = []

    def _pick(self, signals, n_instances, rng):
        self.sizes.append(signals.n_samples)
        return torch.arange(n_instances)


@pytest.fixture
def task(blobs):
    X, y = blobs
    return X[:30], y[:30], X[30:]


# ---------------------------------------------------------------- the search learns


@pytest.mark.parametrize("threshold", ["exact", "gmm"])
@pytest.mark.parametrize(
    ("mode", "objective", "search_net"),
    list(itertools.product(("search", "paper"), OBJECTIVES, SEARCH_NETS)),
)
def test_every_step_of_every_search_has_a_gradient(mode, objective, search_net, threshold, task):
    X, y, pool = task
    fitted = sampler(mode=mode, objective=objective, search_net=search_net, threshold=threshold)
    fitted.fit(X, y).query(pool)
    history = fitted.search_history_
    # On the pool it goes on from what the labels taught, with a third of the steps.
    on_pool = {"coverage": 8, "mixed": 8 // 3}.get(objective, 0)
    expected = ["labels"] * 8 * (objective != "coverage") + ["pool"] * on_pool
    assert history["phase"].tolist() == expected
    assert (history["grad_norm"] > 0).all()
    assert all(np.isfinite(history[name]).all() for name in history.dtype.names[2:])
    for share in fitted.strategy_weights_.values():
        assert sum(share.values()) == pytest.approx(1, abs=1e-5)
        assert min(share.values()) >= 0


@pytest.mark.parametrize("search_net", ["auto", *SEARCH_NETS])
@pytest.mark.parametrize("loss_prediction", [False, True])
@pytest.mark.parametrize("trust", ["auto", 0.3, 0.0])
def test_learned_weights_are_used_as_far_as_they_are_trusted(
    search_net, loss_prediction, trust, task
):
    X, y, pool = task
    options = {"mode": "search", "search_net": search_net, "loss_prediction": loss_prediction}
    fitted = sampler(trust=trust, **options).fit(X, y)
    result = fitted.query(pool, return_result=True)
    history = fitted.search_history_
    assert (history["grad_norm"] > 0).all()
    share = fitted.learned_share_
    assert share == trust or trust == "auto"
    assert 0 <= share < 1
    least = (1 - share) / 3  # equal weights keep this
    assert all(least - 1e-6 <= w for w in list(weights(fitted))[:3])
    equal = sampler().fit(X, y).query(pool, return_result=True)
    if share == 0:
        assert result.indices.tolist() == equal.indices.tolist()
        assert np.array_equal(result.utilities, equal.utilities)
    else:
        assert set(history["phase"]) == {"labels", "pool"}


def test_an_early_end_is_written_in_the_history(task, monkeypatch):
    """The search on the labels makes as many steps as helped on labels that were left out."""
    X, y, _ = task
    ends = set()
    for seed in range(6):
        fitted = sampler(mode="search", trust="auto", n_steps=40, random_state=seed).fit(X, y)
        history = fitted.search_history_
        assert history["step"].tolist() == list(range(len(history)))
        np.testing.assert_allclose(history["tau"], np.geomspace(0.5, 0.05, 40)[: len(history)])
        ends.add(len(history))
    assert ends <= {6, 12, 18, 24, 30, 36, 40}
    assert len(ends) > 1


@pytest.mark.parametrize("search_net", SEARCH_NETS)
@pytest.mark.parametrize("objective", ["loss", "mixed"])
def test_fit_net_may_be_a_copy_of_the_module(objective, search_net, task):
    X, y, pool = task
    for mode in ("search", "paper"):
        fitted = sampler(
            mode=mode, objective=objective, search_net=search_net, fit_net="module"
        ).fit(X, y)
        assert len(set(fitted.query(pool).tolist())) == 5
        assert (fitted.search_history_["grad_norm"] > 0).all()


def test_the_module_reads_the_candidates_of_a_large_pool(task, monkeypatch):
    X, y, pool = task
    seen = []

    def watched(net, labels, arrays, **options):
        seen.append(arrays)
        return run_search(net, labels, arrays, **options)

    monkeypatch.setattr(*internal("objectives.max_candidates"), 20)
    monkeypatch.setattr(*internal("round.run_search"), watched)
    sampler(mode="search", objective="coverage", search_net="module").fit(X, y).query(pool)
    (arrays,) = seen
    assert 5 < len(arrays.coverage.candidates) < len(pool)
    np.testing.assert_array_equal(arrays.inputs, pool[arrays.coverage.candidates])


def test_a_dataset_is_refused_where_the_module_reads_candidates(task):
    X, y, pool = task
    dataset = TensorDataset(torch.as_tensor(pool), torch.zeros(len(pool)))
    fitted = sampler(mode="search", objective="coverage", search_net="module").fit(X, y)
    with pytest.raises(TypeError, match=r"'X_unlabeled' is a torch Dataset.*search_net='loc"):
        fitted.query(dataset)


@pytest.mark.parametrize("mode", ["search", "paper"])
def test_every_strategy_runs_once_an_array_and_round(mode, task):
    X, y, pool = task
    strategies = [Counting(lambda s: s.probabilities[:, 0]), CountingBatch()]
    fitted = sampler(mode=mode, strategies=strategies, n_splits=3, fit_net="module").fit(X, y)
    for strategy in strategies:  # three halvings, each half held out once
        assert len(strategy.sizes) == 6
        assert [sum(pair) for pair in zip(*[iter(strategy.sizes)] * 2, strict=True)] == [30] * 3
    fitted.query(pool)
    for strategy in strategies:
        assert strategy.sizes[6:] == [90]
    # In teach: on the new labels by the net before, and on halves of all of them.
    fitted.teach(pool[:5], y[:5])
    for strategy in strategies:
        assert strategy.sizes[7] == 5
        assert len(strategy.sizes) == 14
        assert sum(strategy.sizes[8:]) == 3 * 35


def test_equal_weights_run_them_on_the_pool_only(task):
    X, y, pool = task
    strategy = Counting(lambda s: s.probabilities[:, 0])
    sampler(strategies=[strategy, "margin"]).fit(X, y).query(pool)
    assert strategy.sizes == [90]


# ---------------------------------------------------------------- planted tasks


def reads(column, name, function=lambda x: x):
    """A strategy that scores a sample by one of its features."""

    def score(signals):
        return function(signals.X[:, column])

    score.__name__ = name
    return FunctionStrategy(score, needs=("network",))


def noisy_labels(marked):
    """Labels are random where the marked feature is high."""
    rng = np.random.RandomState(0)
    X = rng.standard_normal((300, 6)).astype(np.float32)
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    noisy = X[:, marked] > 0.6
    y[noisy] = rng.randint(2, size=noisy.sum())
    return X, y, [reads(3, "three"), reads(4, "four"), reads(5, "five")]


def boundary(axis):
    """The classes meet where this feature is zero."""
    X = np.random.RandomState(0).uniform(-1, 1, (300, 6)).astype(np.float32)
    names = {3: "three", 4: "four", 5: "five"}
    near = [reads(j, name, lambda x: -np.abs(x)) for j, name in names.items()]
    return X, (X[:, axis] > 0).astype(int), near


@pytest.mark.parametrize("right", [3, 4])
@pytest.mark.parametrize(
    ("mode", "search_net", "objective", "plant"),
    [
        ("search", "location", "loss", noisy_labels),
        ("search", "location", "coverage", boundary),
        ("search", "location", "mixed", boundary),
        ("search", "global", "loss", noisy_labels),
        ("search", "global", "coverage", boundary),
        ("search", "global", "mixed", boundary),
        ("search", "module", "loss", noisy_labels),
        ("paper", "global", "loss", noisy_labels),
        ("paper", "global", "coverage", boundary),
        ("paper", "global", "mixed", boundary),
    ],
)
def test_the_right_strategy_weighs_most(mode, search_net, objective, plant, right):
    X, y, strategies = plant(right)
    fitted = flat_autoal(
        strategies=strategies,
        mode=mode,
        objective=objective,
        search_net=search_net,
        trust=1.0,
        random_state=0,
    )
    with trained_once("default"):
        fitted.fit(X[:120], y[:120]).query(X[120:])
    name = {3: "three", 4: "four"}[right]
    on = "pool" if objective == "coverage" else "labeled"
    shares = dict(fitted.strategy_weights_[on])
    others = [shares[other] for other in ("three", "four", "five") if other != name]
    # All start equal. Weights per sample cannot go far from that, since no strategy matters
    # where no sample is near the border of the selection.
    assert shares[name] > 1.05 * max(others)


@pytest.mark.parametrize(
    ("objective", "favourite"), [("bilevel", "clean"), ("loss", "mislabelled")]
)
def test_bilevel_and_loss_disagree_about_wrong_labels(objective, favourite):
    rng = np.random.RandomState(0)
    n = 60
    wrong = torch.as_tensor(rng.uniform(size=n) < 0.25)
    codes = torch.as_tensor(rng.randint(2, size=n))
    # The head knows the direction, but is not sure enough yet.
    H = (2.0 * codes - 1).unsqueeze(1) + 0.1 * torch.as_tensor(rng.standard_normal((n, 1)))
    P = torch.cat([-0.5 * H, 0.5 * H], dim=1).softmax(1)
    labels = torch.where(wrong, 1 - codes, codes)
    residuals = P - torch.nn.functional.one_hot(labels, 2)
    losses = -P[torch.arange(n), labels].log()
    values = label_values(losses, residuals, with_constant(H), objective, rng)
    chance = torch.as_tensor(rng.uniform(size=n))
    utilities = torch.stack([~wrong, wrong, chance], dim=1).float()
    arrays = LabelArrays(
        inputs=torch.zeros(1, n, 8),
        utilities=utilities.unsqueeze(0),
        losses=standardize(losses.float()).unsqueeze(0),
        values=standardize(values.float()).unsqueeze(0),
        mask=torch.ones(1, n, dtype=torch.bool),
        k=torch.tensor([6.0]),
        weight=torch.ones(1),
    )
    net = GlobalSearchNet(torch.full((3,), 1 / 3))
    run_search(net, arrays, None, n_steps=60, prior=0.1, threshold="exact")
    weight = (net.logits + net.equal.log()).softmax(-1).tolist()
    assert weight[["clean", "mislabelled"].index(favourite)] > 0.5


def test_the_search_of_the_paper_is_these_parameters(task):
    X, y, pool = task
    as_paper = {
        "fit_net": "module",
        "search_net": "module",
        "utilities": "binary",
        "threshold": "gmm",
        "loss_prediction": True,
        "n_splits": 1,
        "trust": 1.0,
    }
    assert {"objective": "loss", "alternate": True, **as_paper} == PAPER
    alternating, still = (
        flat_autoal(
            tiny_net(),
            search=Search("loss", **as_paper, alternate=alternate),
            batch_builder="top",
            random_state=0,
        ).fit(X, y)
        for alternate in (True, False)
    )
    paper = flat_autoal(tiny_net(), search="paper", random_state=0).fit(X, y)
    assert np.array_equal(paper.search_history_, alternating.search_history_)
    assert not np.array_equal(paper.search_history_, still.search_history_)
    assert paper.query(pool, 5).tolist() == alternating.query(pool, 5).tolist()


def test_a_strong_prior_gives_equal_weights():
    X, y, strategies = noisy_labels(3)
    with trained_once("default"):
        free, strong = (
            flat_autoal(
                strategies=strategies,
                objective="loss",
                search_net="global",
                prior=prior,
                trust=1.0,
                random_state=0,
            ).fit(X[:120], y[:120])
            for prior in (0, 1_000)
        )
    assert weights(free, "labeled").max() > 0.5
    np.testing.assert_allclose(weights(strong, "labeled"), 1 / 3, atol=0.01)


def test_candidates_that_agree_share_one_weight(blobs):
    X, y = blobs[0], (blobs[1] == 0).astype(int)
    strategies = ["entropy", "margin", "least_confidence", "kmeans"]  # C = 2: three are one
    fitted = sampler(estimator=tiny_net(n_classes=2), strategies=strategies)
    fitted.fit(X[:30], y[:30]).query(X[30:])
    np.testing.assert_allclose(weights(fitted), [1 / 6, 1 / 6, 1 / 6, 1 / 2], rtol=1e-5)


# ---------------------------------------------------------------- equal weights


def test_with_equal_weights_the_utility_is_the_mean_rank(task):
    X, y, pool = task
    pool = pool[:20]
    names = ("one", "two", "three")
    strategies = [reads(j, name) for j, name in enumerate(names)]
    fitted = sampler(batch_builder="top", strategies=strategies, n_instances=4).fit(X, y)
    picks, utilities = fitted.query(pool, return_utilities=True)
    mean = sum(rankdata(pool[:, j]) / 20 for j in range(3)) / 3
    np.testing.assert_allclose(utilities, mean, atol=1e-6)
    assert np.sort(mean[picks]).tolist() == pytest.approx(np.sort(mean)[-4:].tolist())
    assert "labeled" not in fitted.strategy_weights_
    assert fitted.search_history_ is None


def test_the_rows_that_agreement_is_measured_on_are_drawn_by_the_seed(task, monkeypatch):
    X, y, pool = task
    orders = []

    def watched(utilities, order=None):
        orders.append(order.tolist())
        return equal_weights(utilities, order)

    monkeypatch.setattr(*internal("pool_query.equal_weights"), watched)
    fitted = sampler().fit(X, y)
    for _ in range(2):
        fitted.query(pool)
    assert orders[0] == orders[1] != sorted(orders[0])


@pytest.mark.parametrize("search_net", SEARCH_NETS)
@pytest.mark.parametrize("loss_prediction", [False, True])
def test_a_search_that_has_not_learned_ranks_as_equal_weights(search_net, loss_prediction, task):
    X, y, pool = task
    options = {"batch_builder": "top", "strategies": ["margin", "bald", "kmeans"]}
    equal = sampler(**options).fit(X, y)
    expected, utilities = equal.query(pool, 20, return_utilities=True)
    held = sampler(
        objective="loss",
        prior=1e6,
        search_net=search_net,
        loss_prediction=loss_prediction,
        n_steps=1,
        **options,
    ).fit(X, y)
    net = held._round.net
    with torch.no_grad():  # back to the start: the last layers are zero
        for name, parameter in net.named_parameters():
            if "head" in name or name == "logits":
                parameter.zero_()
    # By the utility of the picks: samples of equal utility may change places, since a
    # predicted loss adds a constant and with it some rounding.
    np.testing.assert_allclose(utilities[held.query(pool, 20)], utilities[expected], atol=1e-6)


def test_a_single_strategy_is_that_strategy(task):
    X, y, pool = task
    fitted = sampler(strategies=["margin"], batch_builder="top").fit(X, y)
    P = fitted.predict_proba(pool)
    ordered = np.sort(P, axis=1)
    expected = np.argsort(ordered[:, -1] - ordered[:, -2])[:5]
    assert fitted.query(pool).tolist() == expected.tolist()
    assert fitted.strategy_weights_["pool"] == {"Margin": 1.0}


# ---------------------------------------------------------------- few labels


@pytest.mark.parametrize("mode", ["search", "paper"])
def test_one_label_a_class_cannot_teach(mode, blobs):
    X, y = blobs
    first = [int(np.flatnonzero(y == c)[0]) for c in range(3)]
    with pytest.warns(FewLabelsWarning, match="the strategies have equal weights") as caught:
        fitted = sampler(mode=mode, objective="loss", loss_prediction=False).fit(X[first], y[first])
    assert caught[0].filename == __file__
    pool = np.delete(X, first, axis=0)
    picks, utilities = fitted.query(pool, return_utilities=True)
    np.testing.assert_allclose(weights(fitted), 1 / 3, rtol=1e-5)
    if mode == "search":
        assert picks.tolist() == sampler().fit(X[first], y[first]).query(pool).tolist()
    else:  # each strategy marks the five samples that it would pick
        assert utilities.sum() == pytest.approx(5, rel=1e-5)
        np.testing.assert_allclose(utilities[picks], np.sort(utilities)[::-1][:5], rtol=1e-5)


def test_with_one_label_a_class_only_coverage_learns(blobs):
    X, y = blobs
    first = [int(np.flatnonzero(y == c)[0]) for c in range(3)]
    pool = np.delete(X, first, axis=0)
    fitted = {}
    for objective in ("coverage", "mixed"):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fitted[objective] = sampler(objective=objective).fit(X[first], y[first])
        assert len(caught) == (objective == "mixed")  # coverage asks nothing of the labels
        fitted[objective].query(pool)
    assert set(fitted["coverage"].search_history_["phase"]) == {"pool"}
    assert fitted["mixed"].search_history_ is None
    np.testing.assert_allclose(weights(fitted["mixed"]), 1 / 3, rtol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_a_class_with_a_single_label_among_others(mode, blobs):
    X, y = blobs
    rows = np.r_[np.flatnonzero(y == 0)[:1], np.flatnonzero(y == 1)[:4], np.flatnonzero(y == 2)[:2]]
    fitted = sampler(mode=mode).fit(X[rows], y[rows])
    assert len(set(fitted.query(X).tolist())) == 5


# ---------------------------------------------------------------- order, seeds, workers


@pytest.mark.parametrize(
    ("mode", "builder"),
    [*(("search", builder) for builder in BUILDERS), ("paper", "auto"), ("vote", "auto")],
)
def test_picks_follow_the_rows_of_the_pool(mode, builder, task):
    X, y, pool = task
    fitted = sampler(mode=mode, batch_builder=builder).fit(X, y)
    rows = np.random.RandomState(0).permutation(len(pool))
    picks, utilities = fitted.query(pool, return_utilities=True)
    moved, moved_utilities = fitted.query(pool[rows], return_utilities=True)
    np.testing.assert_allclose(moved_utilities, utilities[rows], atol=1e-3)
    assert rows[moved].tolist() == picks.tolist()


_SCRIPT = """
import numpy as np
from sklearn.datasets import make_blobs
from skautoal import AutoALSampler, Search
X, y = make_blobs(90, n_features=4, centers=3, cluster_std=4.0, random_state=0)
for options in (dict(), dict(objective="loss", utilities="binary", alternate=True)):
    search = Search(**options, n_steps=8, n_splits=2)
    sampler = AutoALSampler(search=search, random_state=7, n_jobs={n_jobs})
    print(sampler.fit(X[:30], y[:30]).query(X[30:], 6).tolist())
"""


def test_another_process_and_any_number_of_workers_give_the_same_answer(capsys):
    for n_jobs in (1, 2):
        exec(_SCRIPT.format(n_jobs=n_jobs), {})
    here = capsys.readouterr().out.splitlines()
    assert here[:2] == here[2:]
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(n_jobs=2)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == here[:2]


def test_the_seed_decides(task):
    X, y, pool = task
    one, same, other = (
        sampler(random_state=seed).fit(X, y).query(pool).tolist() for seed in (0, 0, 1)
    )
    assert one == same != other


# ---------------------------------------------------------------- state


@pytest.mark.parametrize(
    ("mode", "objective"),
    [("auto", None), *itertools.product(("search", "paper"), ("loss", "coverage", "mixed"))],
)
def test_a_query_answers_the_same_twice_and_changes_what_is_documented(mode, objective, task):
    X, y, pool = task
    learned = {} if objective is None else {"objective": objective}
    fitted = sampler(mode=mode, strategies=[Margin(), "kmeans"], **learned).fit(X, y)

    def state():
        return {k: pickle.dumps(v) for k, v in vars(fitted).items() if k not in DOCUMENTED}

    before = state()
    first, utilities = fitted.query(pool, return_utilities=True)
    described = pickle.dumps((fitted.strategy_weights_, fitted.search_history_))
    again, same = fitted.query(pool, return_utilities=True)
    assert first.tolist() == again.tolist()
    assert np.array_equal(utilities, same)
    assert state() == before
    assert pickle.dumps((fitted.strategy_weights_, fitted.search_history_)) == described


def test_timings_name_every_stage(task):
    X, y, pool = task
    fitted = sampler(objective="mixed", trust="auto").fit(X, y)
    stages = {"train", "fit_net", "held_out_candidates", "cross_validation", "search"}
    assert stages <= set(fitted.timings_)
    fitted = sampler(objective="mixed").fit(X, y)
    fitted.query(pool)
    expected = {
        "candidates",
        "location",
        "coverage",
        "weights",
        "search",
        "batch",
        "Margin",
        "BALD",
        "KMeans",
    }
    assert {f"query_{stage}" for stage in expected} <= set(fitted.timings_)
    assert all(seconds >= 0 for seconds in fitted.timings_.values())


# ---------------------------------------------------------------- sizes


@pytest.mark.parametrize("builder", BUILDERS)
def test_the_whole_pool_and_a_single_sample(builder, task):
    X, y, pool = task
    fitted = sampler(batch_builder=builder).fit(X, y)
    assert sorted(fitted.query(pool[:7], 7).tolist()) == list(range(7))
    assert fitted.query(pool[:1], 1).tolist() == [0]


def test_identical_samples(task):
    X, y, pool = task
    for mode in MODES:
        fitted = sampler(mode=mode).fit(X, y)
        assert len(set(fitted.query(np.repeat(pool[:1], 12, axis=0)).tolist())) == 5


def test_a_net_without_a_linear_head_has_equal_weights_or_searches_with_copies(task):
    X, y, pool = task

    class Bare(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(5, 3))

        def forward(self, X):
            return X @ self.weight

    strategies = ["margin", "random"]
    net = make_net(Bare, max_epochs=3, lr=0.1)
    for params in ({}, {"objective": "loss", "fit_net": "module", "search_net": "global"}):
        fitted = sampler(estimator=net, strategies=strategies, mode="vote", **params)
        assert len(fitted.fit(X, y).query(pool)) == 5


def test_progress_bar(task, capfd):
    X, y, pool = task
    silent = sampler(mode="search").fit(X, y).query(pool)
    assert capfd.readouterr() == ("", "")
    shown = sampler(mode="search", verbose=1).fit(X, y).query(pool)
    out, err = capfd.readouterr()
    assert "search" in err
    assert "objective=" in err
    assert "/8 [" in err
    fit_line, query_line = out.splitlines()
    assert fit_line.startswith("[AutoALSampler] fit on 30 labels: ")
    assert query_line.startswith("[AutoALSampler] query of 5 from 90 samples: total")
    assert silent.tolist() == shown.tolist()


def test_the_bar_counts_the_steps_and_names_the_leader():
    with SearchProgress(25, ["one", "two", "three"], verbose=1) as progress:
        for step in (0, 10, 24):
            progress.update(step, torch.tensor(0.5), torch.tensor([0.1, 0.7, 0.2]))
            assert progress.bar.n == step + 1
        assert progress.bar.total == 25
        assert progress.bar.postfix == "objective=0.500, two=0.70"
