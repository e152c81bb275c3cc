"""Result files from a stranger: an error or a run that tables can show, never harm."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest

from skautoal.exceptions import SkautoalWarning
from skautoal.simulation import Results, summary_table
from tests._fuzz import harmless, mutate_bytes, mutate_json
from tests._internals import RunStore
from tests.simulation._tiny import made_run

N_MUTATIONS = 3000


@pytest.fixture
def stored(tmp_path):
    run = made_run("margin", [0.5, 0.75], weights=[{"x": 0.25, "y": 0.75}])
    RunStore(tmp_path).put({"method": "margin"}, run)
    (path,) = tmp_path.glob("*.json")
    return path


def load(path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        runs = RunStore(path.parent).load()
    assert all(issubclass(w.category, SkautoalWarning) for w in caught)
    return runs


def test_mutations(stored):
    data, rng, n_read = stored.read_bytes(), np.random.RandomState(0), 0
    assert len(load(stored)) == 1
    with harmless(seconds=60):
        for _ in range(N_MUTATIONS):
            mutate = mutate_json if rng.random_sample() < 0.7 else mutate_bytes
            stored.unlink()
            stored.write_bytes(mutate(data, rng))
            runs = load(stored)
            if runs and runs[0].rounds:
                n_read += 1
                assert all(np.isfinite(runs[0].curve(m)).all() for m in ("accuracy", "log_loss"))
                assert runs[0].picked.dtype == np.int64
                json.dumps(runs[0].rows(seconds=False), allow_nan=False)
                if len(runs[0].rounds) == 2 and runs[0].rounds[0].n_labeled < 20:
                    summary_table(Results(runs))
    assert 0 < n_read < N_MUTATIONS / 2


@pytest.mark.parametrize(
    "bomb", [b"[" * 10**6, b'{"a":' * 10**6, b"9" * 10**6, b'{"format":"skautoal-run-2"}']
)
def test_bombs(stored, bomb):
    stored.write_bytes(bomb)
    with harmless():
        assert load(stored) == []


def test_a_file_larger_than_any_run(stored):
    with open(stored, "r+b") as file:
        file.truncate(2**33)
    with harmless():
        assert load(stored) == []
