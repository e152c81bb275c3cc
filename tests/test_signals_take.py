"""Signals of some of the rows: the same values, computed for these rows alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

from skautoal.signals import compute_signals
from tests._helpers import TwoInputs, counted_calls, make_net, make_signals
from tests._internals import HeadFitNet

ROWS = [7, 3, 3, 25]


@pytest.mark.parametrize("as_type", [list, np.asarray, torch.as_tensor])
def test_rows_of_arrays(as_type):
    signals = make_signals()
    taken = signals.take(as_type(ROWS))
    assert len(taken) == taken.n_samples == 4
    assert taken.labeled is signals.labeled
    assert taken.codes is signals.codes
    for name in ("logits", "probabilities", "embeddings"):
        assert torch.equal(taken.get(name), signals.get(name)[ROWS])
    assert torch.equal(taken.mc_probabilities, signals.mc_probabilities[:, ROWS])
    np.testing.assert_array_equal(taken.row_hash, signals.row_hash[ROWS])
    assert taken.take([3]).embeddings.tolist() == signals.embeddings[[25]].tolist()


def test_what_is_held_is_gathered_and_the_rest_computed_for_the_rows(mlp_net, blobs):
    signals = compute_signals(mlp_net, blobs[0], X_labeled=blobs[0][:9], codes=blobs[1][:9])
    names = {"probabilities", "embeddings", "mc_probabilities", "ensemble_probabilities"}
    late = signals.take(ROWS)
    with counted_calls(mlp_net.module_) as sizes:
        late.require(names)
    assert sum(sizes) <= 4 * 13  # one plain and ten dropped passes of four rows, and a check
    signals.require(names)
    early = signals.take(ROWS)
    with counted_calls(mlp_net.module_) as sizes:
        for name in names:
            value = signals.get(name)
            expected = value[:, ROWS] if value.ndim == 3 else value[ROWS]
            assert torch.equal(early.get(name), expected)
            torch.testing.assert_close(late.get(name), expected)
    assert sizes == []
    assert late.timings is signals.timings


def test_datasets_and_dicts_are_taken_too(mlp_net, blobs):
    dataset = TensorDataset(*map(torch.as_tensor, blobs))
    expected = compute_signals(mlp_net, blobs[0]).probabilities[ROWS]
    taken = compute_signals(mlp_net, dataset).take(ROWS)
    torch.testing.assert_close(taken.probabilities, expected)
    net = make_net(TwoInputs)
    signals = compute_signals(net, {"left": blobs[0][:, :2], "right": blobs[0][:, 2:]})
    torch.testing.assert_close(signals.take(ROWS).logits, signals.logits[ROWS])


def test_a_simulated_pool_trains_its_further_heads_for_the_right_rows(mlp_net, blobs):
    X, y = blobs
    signals = compute_signals(mlp_net, X)
    split = (np.arange(60), np.arange(60, 120))
    fit_net = HeadFitNet(signals, torch.as_tensor(y), [split], dropout_rate=0.5, n_passes=3, seed=0)
    pool = fit_net.simulated_pools()[0].signals
    taken = pool.take(ROWS).take([1, 3])
    for name in ("ensemble_probabilities", "previous_probabilities"):
        torch.testing.assert_close(taken.get(name), pool.get(name)[..., [3, 25], :])
