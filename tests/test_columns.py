"""Columns that a trained net reads: found on a few samples, or else all count."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from tests._helpers import FirstColumns, counted_calls, frozen, linear_net, make_net, n_hooks
from tests._internals import columns_read, isolated_rng

N_FEATURES, N_READ = 6, 4


@pytest.fixture
def table():
    return np.random.RandomState(0).standard_normal((100, N_FEATURES)).astype(np.float32)


def first_columns(**params):
    return make_net(FirstColumns, module__d=N_READ, module__n_classes=3, **params)


class Layer(nn.Module):
    """A linear layer on the first four columns; subclasses do something with the rest."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(N_READ, 3)

    def forward(self, X):
        return self.head(X[:, :N_READ])


class Probabilities(Layer):
    """The gradients of probabilities cancel in their sum."""

    def forward(self, X):
        return super().forward(X).softmax(1)


class OneOutput(Layer):
    def forward(self, X):
        return super().forward(X)[:, 0]


class Tuple(Layer):
    def forward(self, X):
        return super().forward(X), X


class InPlace(Layer):
    def forward(self, X):
        return super().forward(X.mul_(2).clamp_(min=-9))


class Noisy(Layer):
    """Draws random numbers in evaluation mode, too."""

    def forward(self, X):
        return super().forward(X) + torch.randn(3)


class RarelyRead(Layer):
    """Reads the last column of samples in which it is the first one's largest value."""

    def forward(self, X):
        return super().forward(X) + (X[:, :1] > 5) * X[:, -1:]


class Category(Layer):
    """Looks up the last column, which has no gradient."""

    def __init__(self):
        super().__init__()
        self.lookup = nn.Embedding(2, 3)

    def forward(self, X):
        return super().forward(X) + self.lookup((X[:, -1] > 0).long())


class Detached(Layer):
    def forward(self, X):
        return super().forward(X).detach()


class Constant(Layer):
    def forward(self, X):
        return super().forward(0 * X)


class NoInput(Layer):
    """Has gradients, but none with respect to the samples."""

    def forward(self, X):
        return self.head.bias.expand(len(X), -1)


class NoGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        raise ArithmeticError("no gradient here")


class Breaks(Layer):
    def forward(self, X):
        return NoGradient.apply(super().forward(X))


class InNumPy(Layer):
    def forward(self, X):
        return super().forward(torch.as_tensor(np.tanh(X.numpy())))


class Own(Layer):
    def forward(self, X):
        raise LookupError("an error of its own")


class OutOfMemory(Layer):
    """Has room for so many rows at a time."""

    def __init__(self, room):
        super().__init__()
        self.room = room

    def forward(self, X):
        if len(X) > self.room:
            raise RuntimeError("CUDA out of memory")
        return super().forward(X)


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_columns_that_are_read_are_found(table, kind, device):
    read = columns_read(first_columns(device=device), kind(table))
    assert read.dtype == bool
    assert read.tolist() == [True] * N_READ + [False] * 2


@pytest.mark.parametrize("module", [Probabilities, OneOutput, Tuple, InPlace, Noisy])
def test_every_kind_of_output(table, module):
    assert columns_read(make_net(module), table).tolist() == [True] * N_READ + [False] * 2


def test_a_column_that_is_read_in_one_sample_counts(table):
    table[40] = 6.0
    read = columns_read(make_net(RarelyRead), table[:64])
    assert read.tolist() == [True] * N_READ + [False, True]


def test_every_column_counts_where_all_are_read(table):
    assert columns_read(linear_net(N_FEATURES, 3), table) is None


@pytest.mark.parametrize("module", [Category, Detached, Constant, NoInput, Breaks, InNumPy])
def test_every_column_counts_where_the_gradient_does_not_say(table, module):
    assert columns_read(make_net(module), table) is None


@pytest.mark.parametrize(
    "X",
    [
        np.ones((5, N_FEATURES), np.int64),
        torch.ones(5, N_FEATURES, dtype=torch.long),
        np.ones((5, N_FEATURES, 2), np.float32),
        np.ones(5, np.float32),
        np.ones((0, N_FEATURES), np.float32),
        {"a": np.ones((5, N_FEATURES), np.float32)},
        [[1.0] * N_FEATURES],
    ],
    ids=["integers", "integer tensor", "sequences", "numbers", "no sample", "dict", "list"],
)
def test_every_column_counts_where_samples_are_no_table_of_numbers(X):
    net = first_columns()
    with counted_calls(net.module_) as sizes:
        assert columns_read(net, X) is None
    assert sizes == []


def test_an_error_of_the_module_is_told(table):
    with pytest.raises(LookupError, match="an error of its own"):
        columns_read(make_net(Own), table)


def test_a_compiled_net_is_not_compiled_again(table):
    net = first_columns()
    net.module_ = torch.compile(net.module_, backend="eager")
    assert columns_read(net, table) is None


@pytest.mark.parametrize("room", [63, 10, 1])
def test_fewer_samples_at_a_time_where_memory_runs_out(table, room):
    read = columns_read(make_net(OutOfMemory, module__room=room), table)
    assert read.tolist() == [True] * N_READ + [False] * 2


def test_every_column_counts_where_there_is_no_memory_for_one_sample(table):
    assert columns_read(make_net(OutOfMemory, module__room=0), table) is None


def test_at_most_64_samples_are_sent_through_the_net(table):
    net = first_columns()
    with counted_calls(net.module_) as sizes:
        columns_read(net, table)
    assert sizes == [64] * 3  # for the gradient, and to compare swapped values with the others


def test_samples_of_all_classes_are_looked_at(table):
    """Labels may come class by class: the first 64 samples would not show the last class."""
    table[-1] = 6.0
    assert columns_read(make_net(RarelyRead), table)[-1]


def test_neither_net_nor_samples_change(table):
    net = first_columns()
    for parameter in net.module_.mlp.parameters():
        parameter.requires_grad_(False)
    next(net.module_.mlp.parameters()).requires_grad_(True)
    net.module_.mlp.train()
    next(net.module_.mlp.children()).eval()

    def state():
        module = net.module_
        return (
            [m.training for m in module.modules()],
            [(p.requires_grad, p.grad) for p in module.parameters()],
            n_hooks(module),
        )

    before, weights, copy = state(), frozen(net), table.copy()
    with isolated_rng(3):
        drawn = torch.rand(2)
    with isolated_rng(3):
        assert columns_read(net, table) is not None
        assert torch.equal(torch.rand(2), drawn)
    assert state() == before
    assert all(torch.equal(value, weights[name]) for name, value in frozen(net).items())
    assert np.array_equal(table, copy)


def test_gradients_are_on_only_here(table):
    with torch.no_grad():
        assert columns_read(first_columns(), table) is not None
        assert not torch.is_grad_enabled()
