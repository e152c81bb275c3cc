"""SearchNet: starts as equal weights, stays on the simplex."""

from __future__ import annotations

import pytest
import torch

from tests._helpers import n_hooks
from tests._internals import (
    GlobalSearchNet,
    LocationSearchNet,
    ModuleSearchNet,
    copy_module,
    inspect_net,
    isolated_rng,
)

NETS = [
    ("global", False),
    ("location", False),
    ("location", True),
    ("module", False),
    ("module", True),
]
EQUAL = torch.tensor([0.5, 0.25, 0.25])


@pytest.fixture
def make(blobs, cnn_net, mlp_net, images):
    """Builds a SearchNet of a kind, with inputs for it: 30 samples."""

    def build(kind, loss_prediction, equal=EQUAL, task_net=mlp_net, X=blobs[0][:30]):
        with isolated_rng(0):
            if kind == "global":
                return GlobalSearchNet(equal), torch.randn(30, 8)
            if kind == "location":
                return LocationSearchNet(equal, loss_prediction, 8), torch.randn(30, 8)
            layer = inspect_net(task_net, X[:1]).embedding_layer
            module = copy_module(task_net)
            return ModuleSearchNet(equal, loss_prediction, module, layer, X[:1]), X

    return build


def mixed(net, inputs, utilities):
    logits, predicted = net(inputs)
    return net.mix(logits, predicted, utilities)


@pytest.mark.parametrize(("kind", "loss_prediction"), NETS)
def test_untrained_it_gives_equal_weights(kind, loss_prediction, make):
    net, inputs = make(kind, loss_prediction)
    utilities = torch.rand(30, 3, generator=torch.Generator().manual_seed(1))
    weights, scores = mixed(net, inputs, utilities)
    mean = utilities @ EQUAL
    assert torch.equal(scores.argsort(), mean.argsort())
    torch.testing.assert_close(weights, net.equal.expand_as(weights))
    torch.testing.assert_close(
        weights[:, :3] / weights[:, :3].sum(1, keepdim=True), EQUAL.expand(30, 3)
    )
    assert weights.shape == (30, 3 + loss_prediction)
    if not loss_prediction:
        torch.testing.assert_close(scores, mean)


@pytest.mark.parametrize(("kind", "loss_prediction"), NETS)
def test_weights_lie_on_the_simplex_whatever_it_has_learned(kind, loss_prediction, make):
    net, inputs = make(kind, loss_prediction)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter += torch.randn(parameter.shape, generator=generator)
        utilities = torch.rand(30, 3, generator=generator)
        weights, scores = mixed(net, inputs, utilities)
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(1), torch.ones(30))
    # A mixture of opinions is no more extreme than the opinions.
    assert ((scores >= 0) & (scores <= 1)).all()
    assert (weights.std(0) > 0).any() == (kind != "global")


def test_new_equal_weights_move_the_start_only(make):
    net, inputs = make("location", True)
    net.set_equal_weights(torch.tensor([0.2, 0.2, 0.6]))
    weights, _ = mixed(net, inputs, torch.zeros(30, 3))
    torch.testing.assert_close(weights[0], torch.tensor([0.2, 0.2, 0.6, 1 / 3]) / (4 / 3))


def test_the_search_does_not_teach_the_loss_prediction(make):
    net, inputs = make("location", True)
    with isolated_rng(0):
        net.draw_head()
    utilities = torch.rand(30, 3, generator=torch.Generator().manual_seed(0))
    _, scores = mixed(net, inputs, utilities)
    scores.square().sum().backward()
    # The last output is the predicted loss.
    for gradient in (net.head_weight.grad, net.head_bias.grad):
        assert (gradient[..., -1] == 0).all()
        assert (gradient[..., :-1] != 0).any()


def test_a_predicted_loss_is_ranked_among_real_samples_only(make):
    net, _ = make("location", True)
    logits, utilities = torch.zeros(1, 5, 4), torch.zeros(1, 5, 3)
    mask = torch.tensor([[True, True, True, False, False]])
    _, scores = net.mix(logits, torch.tensor([[1.0, 2.0, 3.0, 9.0, -50.0]]), utilities, mask)
    _, alone = net.mix(logits[:, :3], torch.tensor([[1.0, 2.0, 3.0]]), utilities[:, :3])
    torch.testing.assert_close(scores[:, :3], alone)


@pytest.mark.parametrize("loss_prediction", [False, True])
def test_the_module_of_a_convolutional_net(loss_prediction, make, cnn_net, images):
    net, X = make("module", loss_prediction, task_net=cnn_net, X=images[0][:30])
    logits, predicted = net(X)
    assert logits.shape == (30, 3 + loss_prediction)
    assert (predicted is not None) == loss_prediction
    assert not any(module.training for module in net.module.modules())  # batch norm stays still
    before = {name: value.clone() for name, value in net.module.named_buffers()}
    loss = logits.sum() + (0 if predicted is None else predicted.sum())
    loss.backward()
    assert all(torch.equal(before[name], value) for name, value in net.module.named_buffers())
    assert n_hooks(net.module) == 0
    assert net.module is not cnn_net.module_


# ---------------------------------------------------------------- copies


@pytest.mark.parametrize("kind", ["global", "location"])
def test_copies_are_nets_that_share_their_start_only(kind):
    F, S, n, q = 4, 3, 7, 5
    inputs = torch.randn(S, n, q, generator=torch.Generator().manual_seed(0))

    def build(copies=()):
        with isolated_rng(0):
            if kind == "global":
                return GlobalSearchNet(EQUAL, copies)
            return LocationSearchNet(EQUAL, False, q, copies)

    alone, many = build(), build((F,))
    start = alone(inputs)[0].detach().clone()
    assert start.shape == (S, n, 3)
    assert many(inputs)[0].shape == (F, S, n, 3)
    torch.testing.assert_close(many(inputs)[0], start.expand(F, S, n, 3))
    # The parameters of one copy act on this copy alone.
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for single, parameter in zip(alone.parameters(), many.parameters(), strict=True):
            single += torch.randn(single.shape, generator=generator)
            parameter[2] = single
    moved = many(inputs)[0]
    torch.testing.assert_close(moved[2], alone(inputs)[0])
    torch.testing.assert_close(moved[[0, 1, 3]], start.expand(3, S, n, 3))
    moved[1].sum().backward()
    for parameter in many.parameters():
        assert (parameter.grad[[0, 2, 3]] == 0).all()


def test_a_drawn_head_is_that_of_a_layer_of_torch():
    with isolated_rng(0):
        net = LocationSearchNet(EQUAL, False, 4)
        net.draw_head()
    drawn = torch.cat([net.head_weight.flatten(), net.head_bias.flatten()])
    bound = net.head_weight.shape[0] ** -0.5
    assert drawn.abs().max() <= bound
    assert drawn.std() > bound / 3


def test_without_a_place_all_samples_have_the_same_weights():
    with isolated_rng(0):
        net = LocationSearchNet(EQUAL, True, 0, (2,))
        net.draw_head()
    logits, predicted = net(torch.zeros(3, 7, 0))
    assert logits.shape == (2, 3, 7, 4)
    assert predicted.shape == (2, 3, 7)
    torch.testing.assert_close(logits, logits[..., :1, :].expand_as(logits))
