"""The console command, called in this process and once in another."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tests._internals import main, one_thread


@pytest.fixture
def data(tmp_path):
    """A small task in a .npz file."""
    rng = np.random.RandomState(0)
    y = np.arange(90) % 3
    X = (rng.normal(size=(90, 4)) + 2 * np.eye(4)[y]).astype(np.float32)
    path = tmp_path / "blobs.npz"
    np.savez(path, X_train=X[:60], y_train=y[:60], X_test=X[60:], y_test=y[60:])
    return path


def compare(data, out, *more):
    arguments = ["--strategies", "random,margin", "--rounds", "2", "--seeds", "2", "--quiet"]
    return main(["compare", "--data", str(data), "--out", str(out), *arguments, *more])


def test_compare_and_report(data, tmp_path, capsys):
    out = tmp_path / "study"
    assert compare(data, out) == 0
    printed = capsys.readouterr().out
    assert "blobs (3+2x3)" in printed
    assert "(2 seeds: too few for an interval)" in printed
    assert "±" not in printed
    assert len(list(out.glob("*.json"))) == 4
    table = (out / "results.csv").read_bytes()
    times = (out / "seconds.csv").read_bytes()
    assert compare(data, out) == 0
    assert (out / "results.csv").read_bytes() == table
    assert (out / "seconds.csv").read_bytes() == times  # nothing was run again
    assert main(["report", str(out)]) == 0
    page = (out / "report.html").read_text()
    assert "blobs (3+2x3)" in page
    # Three calls of one command, noted once.
    assert page.count(f"skautoal compare --data {data} --out {out} --strategies") == 1


def test_budgets_sizes_and_variants(data, tmp_path, capsys):
    more = ["--initial", "4", "--batch", "5", "--pool-size", "40", "--test-size", "9"]
    more += ["--variants", "plain,noisy,skewed", "--seeds", "3,", "--full-data"]
    assert compare(data, tmp_path / "study", *more) == 0
    printed = capsys.readouterr().out
    for name in ("blobs", "blobs-noisy", "blobs-skewed"):
        assert f"{name} (4+2x5)" in printed
    assert "(1 seed)" in printed
    assert "±" not in printed
    assert "one seed cannot tell chance from a difference" in printed


def test_list(capsys):
    assert main(["list"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert {"auto", "vote", "paper", "random", "badge", "bald"} <= set(names)


def test_query(tmp_path, capsys):
    rng = np.random.RandomState(0)
    X = rng.normal(size=(50, 4))
    np.savez(tmp_path / "L.npz", X=X[:12], y=np.array(["cat", "dog", "cow"] * 4))
    np.save(tmp_path / "P.npy", X[12:])
    arguments = ["query", "--labeled", str(tmp_path / "L.npz"), "--pool", str(tmp_path / "P.npy")]
    arguments += ["--n-instances", "7", "--out", str(tmp_path / "idx.npy"), "--strategy"]
    with one_thread():
        assert main([*arguments, "badge"]) == 0
    rows = np.load(tmp_path / "idx.npy")
    assert rows.shape == (7,)
    assert rows.dtype == np.int64
    assert len(set(rows.tolist())) == 7
    assert set(rows.tolist()) <= set(range(38))
    assert "7 of 38" in capsys.readouterr().out
    with one_thread():
        assert main([*arguments, "badge"]) == 0
    assert np.load(tmp_path / "idx.npy").tolist() == rows.tolist()


def failing(tmp_path):
    """Command lines that ask for something impossible, with a word of the answer."""
    good = tmp_path / "good.npy"
    np.save(good, np.zeros((5, 2)))
    np.save(tmp_path / "wide.npy", np.zeros((5, 3)))
    np.savez(tmp_path / "L.npz", X=np.zeros((4, 2)), y=[0, 1, 0, 1])
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    (tmp_path / "text.npz").write_text("text")
    (tmp_path / "file").write_text("")
    out = str(tmp_path / "out")
    compare = ["compare", "--out", out, "--quiet"]
    query = ["query", "--out", out, "--n-instances", "2"]
    L = str(tmp_path / "L.npz")
    return [
        ([*compare, "--data", "nowhere", "--strategies", "random"], "Unknown task"),
        ([*compare, "--data", "none.npz", "--strategies", "random"], "no file"),
        ([*compare, "--data", "digits", "--strategies", "margni"], "Did you mean 'margin'"),
        ([*compare, "--data", "digits", "--strategies", "margin,margin"], "several named"),
        ([*compare, "--data", "digits", "--strategies", "random", "--rounds", "-1"], "n_rounds"),
        ([*compare, "--data", "digits", "--strategies", "random", "--budget", "x"], "no budget"),
        ([*compare, "--data", "digits", "--strategies", "random", "--variants", "x"], "variant"),
        ([*compare, "--data", "paper:cifar10", "--strategies", "random"], "comes from"),
        (
            ["compare", "--data", "digits", "--strategies", "random", "--out", str(good)],
            "must be a folder",
        ),
        (["report", str(tmp_path / "none")], "no folder"),
        ([*query, "--labeled", L, "--pool", str(tmp_path / "none.npy")], "No such file"),
        ([*query, "--labeled", str(good), "--pool", str(good)], "arrays X and y"),
        ([*query, "--labeled", L, "--pool", L], "must be a .npy"),
        ([*query, "--labeled", L, "--pool", str(tmp_path / "objects.npy")], "plain NumPy"),
        ([*query, "--labeled", str(tmp_path / "text.npz"), "--pool", str(good)], "plain NumPy"),
        ([*query, "--labeled", L, "--pool", str(tmp_path / "wide.npy")], "same shape"),
    ]


def test_errors_of_the_user_get_a_sentence_and_code_2(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("SKAUTOAL_DATA", raising=False)
    for arguments, expected in failing(tmp_path):
        assert main(arguments) == 2, arguments
        error = capsys.readouterr().err
        assert expected in error, arguments
        assert "Traceback" not in error


def test_wrong_arguments_are_argparse_errors(capsys):
    for arguments in ([], ["fly"], ["compare"], ["query", "--n-instances", "many"]):
        with pytest.raises(SystemExit) as raised:
            main(arguments)
        assert raised.value.code == 2
    assert "invalid int value" in capsys.readouterr().err


def test_a_run_that_fails_is_code_1(data, tmp_path, capsys):
    with np.load(data) as file:
        arrays = dict(file)
    arrays["y_train"] = np.zeros(60, dtype=int)
    arrays["y_test"] = np.zeros(30, dtype=int)
    np.savez(data, **arrays)
    assert compare(data, tmp_path / "study") == 1
    assert "needs at least two" in capsys.readouterr().err


def test_interruption(data, tmp_path, capsys, monkeypatch):
    import skautoal.simulation

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(skautoal.simulation, "compare", interrupted)
    assert compare(data, tmp_path / "study") == 130
    assert "goes on" in capsys.readouterr().err


def test_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "skautoal", "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "compare" in done.stdout
