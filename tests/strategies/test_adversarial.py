"""Adversarial distances: exact for linear nets, and nothing of the net is touched."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import TensorDataset

from skautoal.signals import Signals, compute_signals
from skautoal.strategies import AdversarialBIM, AdversarialDeepFool
from tests._helpers import PooledTokens, TwoInputs, counted_calls, linear_net, make_net, n_hooks
from tests._internals import internal, isolated_rng

BOTH = [AdversarialBIM(), AdversarialDeepFool()]


@pytest.fixture(params=BOTH, ids=["bim", "deepfool"])
def strategy(request):
    return request.param


def linear_pool(n, n_features, n_classes, seed):
    """Samples near the boundaries of a linear net, with its weights and biases."""
    net = linear_net(n_features, n_classes)
    X = np.random.RandomState(seed).standard_normal((n, n_features)).astype(np.float32)
    weight, bias = (p.detach().double().numpy() for p in net.module_.parameters())
    return net, X, weight, bias


def distances(X, weight, bias, dual_norm):
    """Distance of each row to the nearest other class of a linear model."""
    out = []
    for x in X.astype(float):
        logits = weight @ x + bias
        top = logits.argmax()
        out.append(
            min(
                (logits[top] - logits[c]) / np.linalg.norm(weight[top] - weight[c], dual_norm)
                for c in range(len(bias))
                if c != top
            )
        )
    return np.array(out)


# ---------------------------------------------------------------- distances


@settings(max_examples=20)
@given(n_features=st.integers(1, 6), n_classes=st.integers(2, 5), seed=st.integers(0, 1000))
def test_deepfool_is_exact_for_linear_nets(n_features, n_classes, seed):
    net, X, *model = linear_pool(12, n_features, n_classes, seed)
    scores = AdversarialDeepFool().scores(compute_signals(net, X))
    np.testing.assert_allclose(-scores.numpy(), distances(X, *model, 2), rtol=1e-3, atol=1e-5)


@settings(max_examples=20)
@given(n_features=st.integers(1, 6), seed=st.integers(0, 1000), step=st.sampled_from([0.3, 0.01]))
def test_bim_is_exact_for_linear_nets_of_two_classes(n_features, seed, step):
    net, X, *model = linear_pool(12, n_features, 2, seed)
    strategy = AdversarialBIM(step_size=step, max_steps=2000)
    scores = strategy.scores(compute_signals(net, X))
    # The dual of the maximum norm, in which the steps are taken, is the sum of magnitudes.
    expected = distances(X, *model, 1)
    np.testing.assert_allclose(-scores.numpy(), expected, rtol=1e-2, atol=1e-4)
    assert (np.abs(-scores.numpy() - expected) < step).all()


def test_bim_is_no_shorter_than_the_way_to_the_nearest_of_many_classes():
    net, X, *model = linear_pool(40, 5, 4, 0)
    sizes = -AdversarialBIM(step_size=0.01, max_steps=2000).scores(compute_signals(net, X)).numpy()
    expected = distances(X, *model, 1)
    assert (sizes > expected - 0.01).all()
    assert np.median(sizes / expected) < 1.3


def test_both_see_a_circle():
    """The boundary is |x| = 1: ||x| - 1| is the distance, whatever the logits say."""

    class Circle(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.power = torch.nn.Parameter(torch.tensor(3.0))

        def forward(self, X):
            outside = X.square().sum(1, keepdim=True).pow(self.power) - 1
            return torch.cat([torch.zeros_like(outside), outside], dim=1)

    net = make_net(Circle)
    radii, angles = np.linspace(0.5, 1.6, 20), np.linspace(0, 6, 20)
    X = (radii * [np.cos(angles), np.sin(angles)]).T.astype(np.float32)
    sizes = -AdversarialDeepFool().scores(compute_signals(net, X)).numpy()
    away = np.abs(radii - 1)
    np.testing.assert_allclose(sizes[radii > 1], away[radii > 1], rtol=0.025)
    assert (sizes > 0.97 * away).all()  # too long from inside, where the logits are flat
    assert (np.diff(sizes[radii < 1]) < 0).all()
    picks = AdversarialBIM().query(net, X, 4, random_state=0)
    assert away[picks].max() < 0.25


def test_bim_moves_samples_of_which_the_net_is_certain():
    """In float32 the cross-entropy of a logit of 300 has no gradient at all."""
    net = make_net(torch.nn.Linear, module__in_features=1, module__out_features=2)
    with torch.no_grad():
        net.module_.weight.copy_(torch.tensor([[300.0], [0.0]]))
        net.module_.bias.zero_()
    X = np.array([[1.0], [2.0], [0.5]], dtype=np.float32)
    scores = AdversarialBIM(step_size=0.1, max_steps=100).scores(compute_signals(net, X))
    assert (-scores).tolist() == pytest.approx([1.0, 2.0, 0.5], abs=1e-4)


def test_what_cannot_be_changed_comes_last():
    net, X, *_ = linear_pool(30, 3, 2, 0)
    near = -AdversarialBIM(step_size=0.1, max_steps=5).scores(compute_signals(net, X))
    far = -AdversarialBIM(step_size=0.1, max_steps=500).scores(compute_signals(net, X))
    reached = far < 0.5
    assert 0 < reached.sum() < 30
    torch.testing.assert_close(near[reached], far[reached])
    assert near[~reached].unique().shape == (1,)
    assert near[~reached].min() > near[reached].max()


@pytest.mark.parametrize("bias", [0.0, 1.0])
def test_a_net_without_slope_gives_random_picks(strategy, bias):
    net = make_net(torch.nn.Linear, module__in_features=2, module__out_features=2)
    with torch.no_grad():
        net.module_.weight.zero_()
        net.module_.bias.copy_(torch.tensor([bias, 0.0]))
    X = np.random.RandomState(0).standard_normal((25, 2)).astype(np.float32)
    firsts = {int(strategy.query(net, X, 1, random_state=seed)[0]) for seed in range(20)}
    assert len(firsts) > 8


def test_only_the_most_probable_classes_are_tried():
    net, X, *_ = linear_pool(30, 4, 5, 0)
    two = -AdversarialDeepFool(max_classes=2).scores(compute_signals(net, X)).numpy()
    everything = -AdversarialDeepFool().scores(compute_signals(net, X)).numpy()
    assert (two >= everything - 1e-4).all()
    assert (two > everything + 1e-3).any()


# ---------------------------------------------------------------- the net


@pytest.mark.parametrize("net_name", ["mlp_net", "softmax_net", "binary_net", "cnn_net"])
def test_the_net_is_left_alone(strategy, net_name, blobs, images, request):
    net = request.getfixturevalue(net_name)
    X = (images if net_name == "cnn_net" else blobs)[0][:30]
    parameters = list(net.module_.parameters())
    before = [p.detach().clone() for p in parameters]
    buffers = [b.clone() for b in net.module_.buffers()]
    hooks, modes = n_hooks(net.module_), [m.training for m in net.module_.modules()]
    requires, sentinel = [p.requires_grad for p in parameters], torch.ones_like(parameters[0])
    grads = [p.grad for p in parameters]
    parameters[0].grad, parameters[1].requires_grad = sentinel, False
    samples = X.copy()
    net.module_.train()
    try:
        strategy.query(net, X, 5, random_state=0)
        assert all(m.training for m in net.module_.modules())
        assert parameters[0].grad is sentinel
        assert (sentinel == 1).all()
        assert [p.grad for p in parameters[1:]] == grads[1:]
        assert [p.requires_grad for p in parameters] == [requires[0], False, *requires[2:]]
    finally:
        for p, grad, flag in zip(parameters, grads, requires, strict=True):
            p.grad, p.requires_grad = grad, flag
        for module, training in zip(net.module_.modules(), modes, strict=True):
            module.training = training
    assert n_hooks(net.module_) == hooks
    assert all(torch.equal(a, b) for a, b in zip(before, parameters, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(buffers, net.module_.buffers(), strict=True))
    np.testing.assert_array_equal(X, samples)


def test_samples_go_through_the_net_in_batches(strategy):
    net, X, *_ = linear_pool(300, 3, 3, 0)
    signals = compute_signals(net, X)
    signals.compute(strategy.needs)
    with counted_calls(net.module_) as sizes:
        strategy.scores(signals, random_state=0)
    assert len(sizes) <= strategy.max_steps + 1
    assert sizes[0] == 300


def test_the_size_of_a_chunk_does_not_matter(strategy, mlp_net, blobs, monkeypatch):
    signals = compute_signals(mlp_net, blobs[0])
    expected = strategy.scores(signals, random_state=0)
    monkeypatch.setattr(*internal("adversarial.chunk_elements"), 7 * 5)
    with counted_calls(mlp_net.module_) as sizes:
        found = strategy.scores(signals, random_state=0)
    assert max(sizes) == 7
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)


def test_any_container_of_floats_will_do(strategy, mlp_net, blobs):
    X = blobs[0][:40]
    expected = strategy.query(mlp_net, X, 6, random_state=0)
    tensor = torch.as_tensor(X)
    dataset = TensorDataset(tensor, torch.zeros(40))
    for samples in (tensor, dataset):
        assert strategy.query(mlp_net, samples, 6, random_state=0).tolist() == expected.tolist()


def test_signals_by_hand_are_enough(strategy):
    net, X, *_ = linear_pool(20, 3, 2, 0)
    P = compute_signals(net, X).probabilities
    by_hand = Signals(probabilities=P, net=net, X=X)
    scores = strategy.scores(compute_signals(net, X), 0)
    torch.testing.assert_close(strategy.scores(by_hand, 0), scores)


@pytest.mark.parametrize("kind", ["integers", "dict"])
def test_samples_that_cannot_be_perturbed_are_refused(strategy, kind):
    rng = np.random.RandomState(0)
    if kind == "integers":
        net, X, got = make_net(PooledTokens), rng.randint(0, 11, (9, 4)), "torch.int64"
    else:
        parts = {"left": rng.standard_normal((9, 2)), "right": rng.standard_normal((9, 3))}
        X = {key: value.astype(np.float32) for key, value in parts.items()}
        net, got = make_net(TwoInputs), "dict"
    with pytest.raises(TypeError, match=rf"{strategy.name} perturbs .* floating array; got {got}"):
        strategy.query(net, X, 2)


def test_nan_is_refused_before_anything_is_perturbed(strategy):
    net, X, *_ = linear_pool(20, 3, 2, 0)
    X[4, 1] = np.nan
    with pytest.raises(ValueError, match=rf"{strategy.name} needs finite .*\[4\]"):
        strategy.query(net, X, 2)


def test_gradients_are_made_inside_no_grad(strategy, mlp_net, blobs):
    with torch.no_grad():
        picks = strategy.query(mlp_net, blobs[0], 5, random_state=0)
    assert picks.tolist() == strategy.query(mlp_net, blobs[0], 5, random_state=0).tolist()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (AdversarialBIM(step_size=0.0), r"'step_size' must be .* > 0; got 0\.0"),
        (AdversarialBIM(max_steps=0), "'max_steps' must be an integer >= 1; got 0"),
        (AdversarialDeepFool(max_steps=2.5), r"'max_steps' must be an integer >= 1; got 2\.5"),
        (AdversarialDeepFool(max_classes=1), "'max_classes' must be an integer >= 2; got 1"),
    ],
)
def test_wrong_parameters_are_refused(wrong, message):
    net, X, *_ = linear_pool(5, 2, 2, 0)
    with isolated_rng(0), pytest.raises(ValueError, match=message):
        wrong.query(net, X, 1)
