"""The search loop on made-up arrays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from skautoal.search import stratified_splits
from skautoal.signals import compute_signals
from tests._internals import (
    HISTORY_COLUMNS,
    POOL_SHARE,
    TAU_END,
    Coverage,
    GlobalSearchNet,
    HeadFitNet,
    LabelArrays,
    LocationSearchNet,
    ModuleFitNet,
    ModuleSearchNet,
    PoolArrays,
    copy_module,
    inspect_net,
    isolated_rng,
    ranking_loss,
    run_search,
    soft_top_k,
    standardize,
)

K, Q = 3, 5  # strategies, inputs of SearchNet
#: Operations after which a program has to wait for numbers from the device.
SYNCHRONISING = {
    "_local_scalar_dense",
    "_unique2",
    "equal",
    "is_nonzero",
    "item",
    "masked_select",
    "nonzero",
    "unique_dim",
}


class Synchronisations(TorchDispatchMode):
    """Counts them."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func.overloadpacket.__name__ in SYNCHRONISING
        return func(*args, **(kwargs or {}))


def label_arrays(sizes=(12, 9), seed=0, width=None):
    """Held-out sets of these sizes, padded to ``width``."""
    rng = np.random.RandomState(seed)
    width = max(sizes) if width is None else width
    mask = torch.arange(width) < torch.tensor(sizes)[:, None]

    def padded(columns):
        """The same numbers for a split, however wide the padding."""
        array = np.zeros((len(sizes), width, columns))
        for split, n in enumerate(sizes):
            array[split, :n] = rng.uniform(size=(n, columns))
        return torch.as_tensor(array, dtype=torch.float32)

    inputs, utilities, losses = padded(Q), padded(K), padded(1).squeeze(-1)
    losses = standardize(losses, mask)
    S = len(sizes)
    return LabelArrays(
        inputs, utilities, losses, losses.clone(), mask, torch.full((S,), 2.0), torch.ones(S) / S
    )


def pool_arrays(n=14, seed=0):
    generator = torch.Generator().manual_seed(seed)
    similar = torch.rand(n, 10, generator=generator)
    similar = similar / similar.amax(0).sum()
    gains, order = similar.sort(dim=0, descending=True)
    coverage = Coverage(torch.arange(n), order, order.argsort(0), gains)
    inputs, utilities = (torch.rand(n, d, generator=generator) for d in (Q, K))
    return PoolArrays(inputs, utilities, 3, coverage)


def search_net(loss_prediction=False, seed=0):
    with isolated_rng(seed):
        return LocationSearchNet(torch.full((K,), 1 / K), loss_prediction, Q)


def run(net, labels=None, pool=None, n_steps=10, prior=0.1, threshold="exact", **options):
    return run_search(
        net, labels, pool, n_steps=n_steps, prior=prior, threshold=threshold, **options
    )


# ---------------------------------------------------------------- gradients


@pytest.mark.parametrize("threshold", ["exact", "gmm"])
@pytest.mark.parametrize("loss_prediction", [False, True])
@pytest.mark.parametrize("by", ["labels", "pool", "both"])
def test_every_step_has_a_gradient(by, loss_prediction, threshold):
    labels = label_arrays() if by != "pool" else None
    pool = pool_arrays() if by != "labels" else None
    net = search_net(loss_prediction)
    head = net.head_weight
    start = head.detach().clone()
    history = run(net, labels, pool, n_steps=30, threshold=threshold)
    assert (history["grad_norm"] > 0).all()
    assert np.isfinite(history["objective"]).all()
    assert (head != start).any()


@pytest.mark.parametrize("kind", ["global", "location", "module"])
def test_every_net_climbs_the_objective(kind, blobs, mlp_net):
    labels = replace(label_arrays((20, 20)), k=torch.tensor([4.0, 4.0]))
    labels.values = labels.losses = standardize(labels.utilities[..., 1])  # the second is right
    if kind == "global":
        net = GlobalSearchNet(torch.full((K,), 1 / K))
    elif kind == "location":
        net = search_net()
    else:
        X = blobs[0][:40]
        layer = inspect_net(mlp_net, X[:1]).embedding_layer
        with isolated_rng(0):
            equal = torch.full((K,), 1 / K)
            net = ModuleSearchNet(equal, False, copy_module(mlp_net), layer, X[:1])
        labels = replace(labels, inputs=X)
    history = run(net, labels, n_steps=60, prior=0.0)
    assert history["objective"][-1] > history["objective"][0] + 0.1
    with torch.no_grad():
        logits, _ = net(labels.inputs)
    weights = (logits.reshape(-1, K) + net.equal.log()).softmax(-1).mean(0)
    assert weights.argmax() == 1
    assert weights[1] > 0.5


def test_predicted_losses_learn_the_order_of_the_losses():
    labels = label_arrays((30,))
    labels.losses = standardize(labels.inputs[..., 0])
    net = search_net(loss_prediction=True)
    history = run(net, labels, n_steps=80)
    predicted = net(labels.inputs)[1].detach().flatten()
    assert np.corrcoef(predicted, labels.losses.flatten())[0, 1] > 0.9
    assert history["ranking_loss"][-1] < history["ranking_loss"][0] / 2


def test_the_ranking_loss_comes_to_every_pair_of_real_samples():
    labels = label_arrays((7, 5))
    labels.losses[0, :2] = 0.3  # a tie
    predicted = torch.rand(2, 7, generator=torch.Generator().manual_seed(0))
    for step in range(12):
        shift = 1 + step % 6  # six steps pair each of the seven with all others
        hinges = []
        for s, n in enumerate((7, 5)):
            for i in range(7):
                j = (i - shift) % 7
                if max(i, j) < n:
                    sign = np.sign(float(labels.losses[s, i] - labels.losses[s, j]))
                    margin = 1 - sign * float(predicted[s, i] - predicted[s, j])
                    hinges.append(max(0, margin) * abs(sign))
        found = float(ranking_loss(predicted, labels, step))
        assert found == pytest.approx(np.mean(hinges), rel=1e-5)


def test_a_strong_prior_pulls_to_equal_weights():
    def weights(prior):
        net, labels = search_net(), label_arrays()
        labels.values = standardize(labels.utilities[..., 1], labels.mask)
        run(net, labels, pool_arrays(), n_steps=40, prior=prior)
        with torch.no_grad():
            return net.mix(*net(labels.inputs), labels.utilities)[0][labels.mask]

    free, strong = weights(0.0), weights(1_000.0)
    assert (free - 1 / K).abs().max() > 0.1
    assert (strong - 1 / K).abs().max() < 0.01


# ---------------------------------------------------------------- history


def test_history():
    history = run(search_net(), label_arrays(), pool_arrays(), n_steps=5, phase="pool")
    assert history.dtype.names == ("phase", "step", "tau", *HISTORY_COLUMNS)
    assert history["phase"].tolist() == ["pool"] * 5
    assert history["step"].tolist() == list(range(5))
    np.testing.assert_allclose(history["tau"][[0, -1]], [0.5, 0.05])
    assert (np.diff(history["tau"]) < 0).all()
    mixed = history["label_gain"] + POOL_SHARE * history["pool_gain"]
    np.testing.assert_allclose(history["objective"], mixed, rtol=1e-5)


def test_the_objective_of_one_teacher_is_its_own():
    by_labels = run(search_net(), labels=label_arrays())
    assert np.array_equal(by_labels["objective"], by_labels["label_gain"])
    by_pool = run(search_net(), pool=pool_arrays())
    assert np.array_equal(by_pool["objective"], by_pool["pool_gain"])


def test_the_same_start_gives_the_same_search():
    one, other = (run(search_net(), label_arrays(), pool_arrays()) for _ in range(2))
    assert np.array_equal(one, other)


def test_progress_is_reported_and_changes_nothing():
    steps = []

    def progress(step, objective, weights):
        assert weights.shape == (K,)
        assert np.isfinite(float(objective))
        steps.append(step)

    watched = run(search_net(), label_arrays(), n_steps=25, progress=progress)
    assert steps == [0, 10, 20, 24]
    assert np.array_equal(watched, run(search_net(), label_arrays(), n_steps=25))


# ---------------------------------------------------------------- padding


@pytest.mark.parametrize("threshold", ["exact", "gmm"])
def test_padding_has_no_influence(threshold):
    clean = label_arrays()
    generator = torch.Generator().manual_seed(9)
    dirty = {}
    for name in ("inputs", "utilities", "losses", "values"):
        value = getattr(clean, name)
        mask = clean.mask if value.ndim == 2 else clean.mask.unsqueeze(-1)
        dirty[name] = torch.where(mask, value, 50 * torch.randn(value.shape, generator=generator))
    for loss_prediction in (False, True):
        one = run(search_net(loss_prediction), clean, threshold=threshold)
        other = run(search_net(loss_prediction), replace(clean, **dirty), threshold=threshold)
        for name in HISTORY_COLUMNS:
            np.testing.assert_allclose(one[name], other[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("threshold", ["exact", "gmm"])
def test_a_split_is_worth_the_same_alone_and_padded(threshold):
    alone = run(search_net(), label_arrays((9,)), threshold=threshold)
    padded = run(search_net(), label_arrays((9,), width=17), threshold=threshold)
    for name in HISTORY_COLUMNS:
        np.testing.assert_allclose(alone[name], padded[name], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("threshold", ["exact", "gmm"])
def test_the_objective_is_the_weighted_mean_over_sets(threshold):
    scale = (torch.tensor(0.0), torch.tensor(1.0))
    both = replace(label_arrays(), weight=torch.tensor([0.25, 0.75]), scale=scale)
    fields = ("inputs", "utilities", "losses", "values", "mask", "k")
    sets = [
        LabelArrays(**{f: getattr(both, f)[[s]] for f in fields}, weight=torch.ones(1), scale=scale)
        for s in range(2)
    ]
    options = {"n_steps": 1, "threshold": threshold}
    apart = [run(search_net(), one, **options)["objective"] for one in sets]
    together = run(search_net(), both, **options)["objective"]
    np.testing.assert_allclose(together, 0.25 * apart[0] + 0.75 * apart[1], rtol=1e-5)


# ---------------------------------------------------------------- one scale


@pytest.mark.parametrize("factor", [0.1, 1e3])
@pytest.mark.parametrize("part", ["labels", "pool"])
def test_the_scale_of_an_objective_changes_nothing(part, factor):
    def trained(labels, pool):
        net = search_net()
        history = run(net, labels, pool, n_steps=20)
        return history, torch.cat([p.detach().flatten() for p in net.parameters()])

    labels, pool = label_arrays(), pool_arrays()
    history, net = trained(labels, pool)
    if part == "labels":
        labels = replace(labels, values=factor * labels.values)
    else:
        pool = replace(pool, coverage=replace(pool.coverage, gains=factor * pool.coverage.gains))
    other, moved = trained(labels, pool)
    torch.testing.assert_close(moved, net, atol=1e-3, rtol=1e-3)
    for name in HISTORY_COLUMNS:
        np.testing.assert_allclose(other[name], history[name], rtol=1e-2, atol=1e-3)


def test_gains_count_from_equal_weights_in_units_of_the_candidates():
    labels = label_arrays()
    equal = torch.full((K,), 1 / K)

    def gain(scores):
        p = soft_top_k(standardize(scores, labels.mask), labels.k, TAU_END, labels.mask)
        return float(((p * labels.values).sum(1) / labels.k).mean())

    zero, unit = labels.scaled(equal).scale
    of_equal = gain(labels.utilities @ equal)
    of_single = np.array([gain(labels.utilities[..., k]) for k in range(K)])
    assert float(zero) == pytest.approx(of_equal, abs=1e-5)
    expected = ((of_single - of_equal) ** 2).mean() ** 0.5
    assert float(unit) == pytest.approx(expected, abs=1e-5)
    pool = pool_arrays()
    zero, unit = pool.scale(equal)
    coverages = [
        float(pool.coverage.gain(soft_top_k(standardize(scores), pool.k, TAU_END)))
        for scores in ((pool.utilities @ equal), *pool.utilities.T)
    ]
    assert float(zero) == pytest.approx(coverages[0], abs=1e-5)
    expected = ((np.array(coverages[1:]) - coverages[0]) ** 2).mean() ** 0.5
    assert float(unit) == pytest.approx(expected, abs=1e-5)


# ---------------------------------------------------------------- early end, copies


def test_a_search_that_ends_early_is_the_beginning_of_a_longer_one():
    whole_net, part_net, seen = search_net(), search_net(), {}

    def watch(step, net):
        seen[step] = [p.detach().clone() for p in net.parameters()]

    whole = run(whole_net, label_arrays(), pool_arrays(), n_steps=20, watch=watch)
    part = run(part_net, label_arrays(), pool_arrays(), n_steps=20, stop=7)
    assert np.array_equal(part, whole[:7])
    assert list(seen) == list(range(1, 21))
    for found, expected in zip(part_net.parameters(), seen[7], strict=True):
        assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ("kind", "loss_prediction"), [("global", False), ("location", False), ("location", True)]
)
def test_copies_learn_as_if_each_were_alone(kind, loss_prediction):
    labels = label_arrays((12, 9, 10))
    S, F = 3, 4
    # Of this draw no gradient is so near zero that Adam makes a step of its rounding.
    generator = torch.Generator().manual_seed(6)
    mask = labels.mask & (torch.rand(F, S, 12, generator=generator) < 0.8)
    mask[..., 0] = labels.mask[..., 0]
    k = (torch.rand(F, S, generator=generator) * 3 + 1).round()
    weight = torch.rand(F, S, generator=generator)
    weight[0, 1] = 0.0
    weight = weight / weight.sum(1, keepdim=True)
    many = replace(labels, mask=mask, k=k, weight=weight)

    def net(copies=()):
        with isolated_rng(0):
            if kind == "global":
                return GlobalSearchNet(torch.full((K,), 1 / K), copies)
            return LocationSearchNet(torch.full((K,), 1 / K), loss_prediction, Q, copies)

    def weights(net):
        with torch.no_grad():
            logits, predicted = net(labels.inputs)
            return net.mix(logits, predicted, labels.utilities)[0]

    together, start = net((F,)), weights(net())
    run(together, many, n_steps=20)
    found = weights(together)
    for f in range(F):
        alone = net()
        run(alone, replace(labels, mask=mask[f], k=k[f], weight=weight[f]), n_steps=20)
        expected = weights(alone)
        torch.testing.assert_close(found[f], expected, atol=1e-4, rtol=1e-4)
        assert (expected - start).abs().max() > 0.02  # it has learned something
        others = [other for other in range(F) if other != f]
        assert ((found[others] - expected).abs().amax((1, 2, 3)) > 2e-3).all()


# ---------------------------------------------------------------- padding of selections


def test_padding_is_never_selected():
    selected = []
    labels = label_arrays()
    labels.update = lambda p: (selected.append(p), labels.losses)[1]
    for threshold in ("exact", "gmm"):
        run(search_net(), labels, n_steps=3, threshold=threshold)
    for p in selected:
        assert (p[~labels.mask] == 0).all()
        assert not p.requires_grad  # FitNet does not teach SearchNet through its step
    torch.testing.assert_close(selected[0].sum(1), labels.k, atol=1e-4, rtol=0)


# ---------------------------------------------------------------- one program


@pytest.mark.parametrize("threshold", ["exact", "gmm"])
@pytest.mark.parametrize("alternate", [None, "head", "module"])
def test_the_loop_never_waits_for_the_host(alternate, threshold, blobs, mlp_net):
    X, y = blobs[0][:30], blobs[1][:30]
    codes = torch.as_tensor(y)
    splits = stratified_splits(y, 2, np.random.RandomState(0))
    if alternate == "module":
        layout = inspect_net(mlp_net, X[:1])
        fit_net = ModuleFitNet(mlp_net, X, codes, splits, layout, n_passes=2, seed=0)
    else:
        signals = compute_signals(mlp_net, X)
        fit_net = HeadFitNet(signals, codes, splits, dropout_rate=0.5, n_passes=2, seed=0)
    labels = label_arrays([len(V) for _, V in splits])
    index = torch.nn.utils.rnn.pad_sequence(
        [torch.as_tensor(V) for _, V in splits], batch_first=True
    )
    for n_steps in (1, 7):
        if alternate:
            labels.update = fit_net.updater(index, labels.mask)
        net = search_net(loss_prediction=True)
        with Synchronisations() as waits:
            run(net, labels, pool_arrays(), n_steps=n_steps, threshold=threshold)
        assert waits.count == 0


def test_the_counter_of_waits_counts():
    with Synchronisations() as waits:
        torch.ones(3).sum().item()
        torch.ones(3).nonzero()
    assert waits.count == 2
