"""MC dropout: masks that act like the real modules, shared by all rows, one trunk pass."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from skautoal.modules import MLP
from tests._helpers import (
    AssertedResidual,
    ConvNet,
    HeadFirst,
    Residual,
    counted_calls,
    n_hooks,
)
from tests._internals import MCDropout, dropout_masks, dropout_modules, isolated_rng

N_PASSES = 6

DROPOUTS = [
    (nn.Dropout(0.3), (40,)),
    (nn.Dropout(0.3, inplace=True), (40,)),
    (nn.Dropout1d(0.4), (8, 5)),
    (nn.Dropout2d(0.4), (8, 3, 2)),
    (nn.Dropout3d(0.4), (8, 2, 2, 2)),
    (nn.AlphaDropout(0.3), (40,)),
    (nn.FeatureAlphaDropout(0.3), (8, 3, 2)),
]


def built(module, *args, **kwargs):
    with isolated_rng(0):
        return module(*args, **kwargs).eval()


def alpha_head():
    return nn.AlphaDropout(0.4), nn.Linear(8, 3)


def rows(*shape, seed=1):
    with isolated_rng(seed):
        return torch.randn(*shape)


def run(module, X, n_passes=N_PASSES, seed=0):
    with torch.no_grad():
        plain, passes = MCDropout(module, n_passes, seed).run(lambda: (module(X),), len(X))
    return plain[0], passes[0]


def explicit_passes(module, X, n_passes=N_PASSES, seed=0):
    """One forward a pass, the copies never built."""
    dropout = MCDropout(module, n_passes, seed)
    with torch.no_grad():
        return torch.stack([dropout._single(lambda: (module(X),), t)[0] for t in range(n_passes)])


MODULES = {
    "mlp": (lambda: built(MLP, 5, 3, hidden=8, dropout=0.5), (7, 5)),
    "conv": (lambda: built(ConvNet), (7, 1, 8, 8)),
    "residual": (lambda: built(Residual, 5, 3), (7, 5)),
    "asserted residual": (lambda: built(AssertedResidual, 5, 3), (7, 5)),
    "alpha": (
        lambda: built(lambda: nn.Sequential(nn.Linear(5, 8), nn.SELU(), *alpha_head())),
        (7, 5),
    ),
}


@pytest.fixture(params=MODULES)
def module_and_rows(request):
    make, shape = MODULES[request.param]
    return make(), rows(*shape)


# ---------------------------------------------------------------- masks


@pytest.mark.parametrize(("dropout", "shape"), DROPOUTS)
def test_masks_act_like_the_module(dropout, shape):
    """With the same random numbers, slope and offset give what the module gives."""
    X = rows(N_PASSES, *shape)
    slope, offset = dropout_masks(dropout, X[:1], N_PASSES, seed=3)
    dropout.train()
    with isolated_rng(3):
        expected = dropout(X.clone())
    torch.testing.assert_close(X * slope + offset, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("dropout", "shape"), DROPOUTS)
def test_masks_drop_at_the_rate_of_the_module(dropout, shape):
    slope, _ = dropout_masks(dropout, torch.zeros(1, *shape), 2000, seed=0)
    dropped = (slope == 0).double().mean().item()
    assert dropped == pytest.approx(dropout.p, abs=0.02)


@pytest.mark.parametrize(
    ("dropout", "shape"), [d for d in DROPOUTS if "Alpha" not in type(d[0]).__name__]
)
def test_masks_are_unbiased(dropout, shape):
    slope, offset = dropout_masks(dropout, torch.zeros(1, *shape), 2000, seed=0)
    assert slope.mean().item() == pytest.approx(1, abs=0.03)
    assert (offset == 0).all()


@pytest.mark.parametrize("kind", [nn.AlphaDropout, nn.FeatureAlphaDropout])
def test_alpha_masks_keep_mean_and_variance(kind):
    X = rows(4000, 50, 1)
    slope, offset = dropout_masks(kind(0.3), X[:1], len(X), seed=0)
    out = X * slope + offset
    assert out.mean().item() == pytest.approx(0, abs=0.03)
    assert out.std().item() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize(
    ("dropout", "shape"), [(nn.Dropout2d(0.4), (8, 3, 2)), (nn.FeatureAlphaDropout(0.4), (8, 3, 2))]
)
def test_whole_channels_are_dropped(dropout, shape):
    slope, _ = dropout_masks(dropout, torch.zeros(1, *shape), 50, seed=0)
    assert (slope == slope[:, :, :1, :1]).all()
    assert len(slope[:, :, 0, 0].unique()) == 2


def test_modules_that_drop_nothing_are_left_out():
    module = nn.Sequential(nn.Dropout(0.0), nn.Dropout(0.2), nn.ReLU(), nn.AlphaDropout(0.1))
    assert [m.p for m in dropout_modules(module)] == [0.2, 0.1]


# ---------------------------------------------------------------- passes


def test_all_passes_at_once_equal_one_forward_a_pass(module_and_rows):
    module, X = module_and_rows
    _, passes = run(module, X)
    torch.testing.assert_close(passes, explicit_passes(module, X), rtol=1e-5, atol=1e-6)


def test_the_plain_output_is_that_of_evaluation_mode(module_and_rows):
    module, X = module_and_rows
    plain, _ = run(module, X)
    with torch.no_grad():
        torch.testing.assert_close(plain, module(X), rtol=1e-5, atol=1e-6)


def test_passes_differ_and_repeat_with_the_seed(module_and_rows):
    module, X = module_and_rows
    _, passes = run(module, X)
    assert len(passes.flatten(1).unique(dim=0)) > N_PASSES // 2
    assert torch.equal(passes, run(module, X)[1])
    assert not torch.allclose(passes, run(module, X, seed=1)[1])


def test_a_pass_of_a_row_does_not_depend_on_the_other_rows(module_and_rows):
    module, X = module_and_rows
    _, passes = run(module, X)
    for part in (slice(0, 1), slice(2, 5), slice(6, 7)):
        torch.testing.assert_close(run(module, X[part])[1], passes[:, part], rtol=1e-5, atol=1e-6)


def test_equal_rows_get_the_same_mask(module_and_rows):
    module, X = module_and_rows
    _, passes = run(module, X[:1].repeat(5, *[1] * (X.ndim - 1)))
    torch.testing.assert_close(passes, passes[:, :1].expand_as(passes), rtol=1e-5, atol=1e-6)


def test_each_dropout_and_each_call_has_its_own_mask():
    shared = nn.Dropout(0.5)
    _, passes = run(nn.Sequential(shared, shared).eval(), torch.ones(1, 400))
    _, twins = run(nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.5)).eval(), torch.ones(1, 400))
    for kept in (passes, twins):  # one mask used twice would keep a half, not a quarter
        assert (kept != 0).double().mean().item() == pytest.approx(0.25, abs=0.05)


@pytest.mark.parametrize(
    ("name", "trunk_of"),
    [("mlp", lambda m: m.body), ("conv", lambda m: m.trunk), ("alpha", lambda m: m[0])],
    ids=["mlp", "conv", "alpha"],
)
def test_the_trunk_runs_once_a_chunk(name, trunk_of):
    make, shape = MODULES[name]
    module, X = make(), rows(*shape)
    dropout = MCDropout(module, 20, seed=0)
    with counted_calls(trunk_of(module)) as sizes, torch.no_grad():
        for _ in range(4):
            dropout.run(lambda: (module(X),), len(X))
    # The first chunk is run once more, to see whether the copies came through.
    assert sizes == [len(X)] * 5


def test_the_fallback_is_remembered():
    module, X = built(Residual, 5, 3), rows(7, 5)
    dropout = MCDropout(module, 20, seed=0)
    with torch.no_grad():
        dropout.run(lambda: (module(X),), len(X))
        with counted_calls(module.body) as sizes:
            dropout.run(lambda: (module(X),), len(X))
    assert sizes == [7] * 21


def test_a_lone_row_first_does_not_mislead_the_chunks_after_it():
    """One row broadcasts against its copies through the skip connection; seven cannot."""
    module, X = built(Residual, 5, 3), rows(8, 5)
    dropout = MCDropout(module, N_PASSES, seed=0)
    with torch.no_grad():
        parts = [dropout.run(lambda x=x: (module(x),), len(x))[1][0] for x in (X[:1], X[1:])]
    torch.testing.assert_close(
        torch.cat(parts, dim=1), explicit_passes(module, X), rtol=1e-5, atol=1e-6
    )


def test_every_tensor_of_the_forward_is_split():
    module, X = built(HeadFirst, 5, 3), rows(7, 5)
    trunk = module.body  # ahead of the dropout: the same in every pass

    def forward():
        return *module(X), trunk(X)

    with torch.no_grad():
        plain, passes = MCDropout(module, N_PASSES, seed=0).run(forward, len(X))
        expected = trunk(X)
    assert [tuple(p.shape) for p in plain] == [(7, 3), (7, 5), (7, 7)]
    assert [tuple(p.shape) for p in passes] == [(6, 7, 3), (6, 7, 5), (6, 7, 7)]
    torch.testing.assert_close(passes[2], expected.expand(6, 7, 7))


def test_no_rows_give_no_passes():
    plain, passes = run(built(MLP, 5, 3), torch.empty(0, 5))
    assert (tuple(plain.shape), tuple(passes.shape)) == ((0, 3), (N_PASSES, 0, 3))


def test_hooks_are_removed_also_when_the_forward_raises(module_and_rows):
    module, X = module_and_rows
    run(module, X)
    with pytest.raises(RuntimeError):
        run(module, X[:, :-1])
    assert n_hooks(module) == 0


def test_an_error_of_the_module_is_not_swallowed():
    class Broken(MLP):
        def forward(self, X):
            super().forward(X)
            raise IndexError("broken on purpose")

    with pytest.raises(IndexError, match="broken on purpose"):
        run(built(Broken, 5, 3), rows(4, 5))
