"""Dask arrays as pools on the workers of a cluster, one of which is killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator

from skautoal import SignalOptions, StrategySampler
from tests._internals import internal

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
distributed = pytest.importorskip("distributed")

N_POOL = 600
X = (np.random.RandomState(3).standard_normal((N_POOL, 5)) * 1.5).astype(np.float64)
X[500] = X[3]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Start a cluster of two worker processes."""
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}  # any free port
    folder = str(tmp_path_factory.mktemp("workers"))
    patience = {f"distributed.comm.timeouts.{name}": "300s" for name in ("connect", "tcp")}
    with (
        dask.config.set(patience),  # machines that run tests are busy
        distributed.LocalCluster(**options, local_directory=folder) as cluster,
    ):
        yield cluster


@pytest.fixture(scope="module")
def samplers(mlp_net, blobs):
    options = {"random_state": 0, "signals": SignalOptions(n_passes=4)}
    net = FrozenEstimator(mlp_net)
    return {
        name: StrategySampler(net, name, **options).fit(blobs[0][:20], blobs[1][:20])
        for name in ("margin", "bald", "kcenter_greedy")
    }


def dying_once(array, marker):
    """Return an array whose third block kills the first process that computes it."""

    def block(part, block_id=None):
        if block_id[0] == 2 and not os.path.exists(marker):
            Path(marker).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return part

    return da.from_array(array, chunks=(150, 5)).map_blocks(block, dtype=array.dtype)


@pytest.mark.filterwarnings("ignore:.*large graph.*:UserWarning")
def test_workers_give_the_answer_of_one_machine(cluster, samplers, tmp_path, monkeypatch):
    # Blocks are cut where one machine's chunks end: all rounds as it does there.
    monkeypatch.setattr(*internal("pools.max_chunk"), 32)
    marker = tmp_path / "killed"
    pools = {
        "margin": (dying_once(X, str(marker)), None),
        "bald": (da.from_array(X, (110, 3)), 1000),
        "kcenter_greedy": (da.from_array(X, (200, 5)), "40 kB"),
    }
    with distributed.Client(cluster, set_as_default=True):
        for name, (pool, limit) in pools.items():
            options = {"return_utilities": True, "max_memory": limit}
            expected, values = samplers[name].query(X, 6, **options)
            picks, utilities = samplers[name].query(pool, 6, **options)
            assert picks.tolist() == expected.tolist(), name
            np.testing.assert_array_equal(utilities, values, err_msg=name)
    assert marker.exists()


def test_bad_values_are_named_with_their_rows_by_workers(cluster, samplers):
    bad = X.copy()
    bad[431] = np.nan
    with distributed.Client(cluster, set_as_default=True):
        with pytest.raises(ValueError, match=r"contains NaN or infinity.* \[431\]"):
            samplers["margin"].query(da.from_array(bad, chunks=(200, 5)), 3)


def test_an_unknown_length_is_refused(samplers):
    pool = da.from_array(X, chunks=(200, 5))
    with pytest.raises(ValueError, match="a dask array of unknown length"):
        samplers["margin"].query(pool[pool[:, 0] > 0], 3)
