"""The console command, called in this process and once in another: list, compare, report."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import pytest

import skautoal
from skautoal.exceptions import FewLabelsWarning
from skautoal.simulation import Budget, list_methods, load_task
from tests._internals import (
    RoundCost,
    expected_seconds,
    in_words,
    internal,
    main,
    plan_runs,
    setting_of,
)


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


def compare_aloud(data, out, *more):
    arguments = ["--strategies", "random,margin", "--rounds", "2", "--seeds", "2"]
    return main(["compare", "--data", str(data), "--out", str(out), *arguments, *more])


def test_compare_and_report(data, tmp_path, capsys):
    out = tmp_path / "study"
    assert compare(data, out) == 0
    printed = capsys.readouterr().out
    assert "blobs (3+2x3)" in printed
    assert "margin" in printed
    assert f"Next: 'skautoal report {out}'" in printed
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
    text = re.sub("<[^>]+>", "", page)  # options are marked, so that they stay on one line
    assert text.count(f"skautoal compare --data {data} --out {out} --strategies") == 1


def test_compare_prints_its_plan_and_an_estimate_first(data, tmp_path, capsys):
    out = tmp_path / "study"
    assert compare_aloud(data, out) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "4 runs: 2 methods x 1 task x 1 budget x 2 seeds; 0 finished, 4 to do."
    setting = "  blobs (3+2x3): 3 labels, then 2 rounds of 3; pool of 60, test set of 30"
    assert lines[1] == setting
    pattern = r"Estimating the time \.\.\. about \d+ (second|minute)s? with 1 at a time "
    assert re.match(pattern + r"\(from one round of 2 of 2 settings, timed in \d+ s\)", lines[2])
    assert compare_aloud(data, out, "--seeds", "3", "--full-data") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        "7 runs: 2 methods x 1 task x 1 budget x 3 seeds, and 1 training on a whole pool;"
        " 4 finished, 3 to do."
    )
    assert re.match(pattern + r"\(from finished runs\)", lines[2])
    assert compare_aloud(data, out) == 0
    printed = capsys.readouterr().out
    assert "4 finished, 0 to do." in printed
    assert "Estimating" not in printed
    assert compare(data, tmp_path / "quiet", "--seeds", "3", "--full-data") == 0
    # Timing rounds in the same process did not change a digit.
    assert (tmp_path / "quiet" / "results.csv").read_bytes() == (out / "results.csv").read_bytes()


def test_an_estimate_adds_up(data, tmp_path):
    task, budget = load_task(data), Budget("tiny", 6, 3, 4)
    plan = plan_runs(
        ["random", "margin"], task, seeds=3, budgets=budget, full_data=True, out=tmp_path / "runs"
    )
    cost = RoundCost(train=2.0, query=3.0, n_labels=12.0)
    run, whole = plan.jobs[0], plan.jobs[-1]
    assert cost.of(run) == 5 * 2 + 4 * 3
    assert cost.of(whole) == 2 * 60 / 12
    known = {("blobs", "tiny", "random"): cost}
    for job in plan.jobs:
        # margin and the whole pool are expected to cost what random does.
        assert expected_seconds(setting_of(job), job, known) == cost.of(job)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.01, "1 second"),
        (99, "99 seconds"),
        (130, "2 minutes"),
        (3 * 3600, "3 hours"),
        (47 * 3600, "47 hours"),
        (10 * 86400, "10 days"),
    ],
)
def test_durations_in_words(seconds, words):
    assert in_words(seconds) == words


def test_budgets_sizes_and_variants(data, tmp_path, capsys):
    more = ["--initial", "4", "--batch", "5", "--pool-size", "40", "--test-size", "9"]
    more += ["--variants", "plain,noisy,skewed", "--seeds", "3,", "--full-data"]
    assert compare(data, tmp_path / "study", *more) == 0
    printed = capsys.readouterr().out
    for name in ("blobs", "blobs-noisy", "blobs-skewed"):
        assert f"{name} (4+2x5)" in printed
    assert "(1 seed)" in printed
    assert "±" not in printed


@pytest.mark.parametrize("columns", [100, 60, 10, 1000])
def test_list(capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["list"]) == 0
    head, *lines = capsys.readouterr().out.split("\n\n")[0].splitlines()
    place = head.index("IN WORDS")
    assert head.startswith("METHOD ")
    assert [line[:place].strip() for line in lines if line[0] != " "] == list_methods()
    entries = re.split(r"^(?=\S)", "\n".join(lines), flags=re.MULTILINE)[1:]
    sentences = [" ".join(line[place:].strip() for line in e.splitlines()) for e in entries]
    assert len(set(sentences)) == len(list_methods())
    for words in sentences:
        assert words.endswith(".")
        assert 2 < len(words.split()) < 25
        assert not set("`^=_|") & set(words)  # words, no markup and no formulas
    longest = max(map(len, lines))
    assert longest <= min(100, max(columns, place + 20))


def test_version(capsys):
    with pytest.raises(SystemExit) as raised:
        main(["--version"])
    assert raised.value.code == 0
    assert capsys.readouterr().out == f"skautoal {skautoal.__version__}\n"


def failing(tmp_path):
    """Command lines that ask for something impossible, with a word of the answer."""
    file = tmp_path / "file"
    file.write_text("")
    out = ["--out", str(tmp_path / "out"), "--quiet"]
    digits = ["compare", *out, "--data", "digits", "--strategies"]
    placed = ["compare", "--data", "digits", "--strategies", "random", "--out"]
    return [
        (["compare", *out, "--data", "nowhere", "--strategies", "random"], "Unknown task"),
        (["compare", *out, "--data", "none.npz", "--strategies", "random"], "no file"),
        ([*digits, "margni"], "Did you mean 'margin'"),
        ([*digits, "margin,margin"], "several named"),
        ([*digits, "random", "--rounds", "-1"], "n_rounds"),
        ([*digits, "random", "--budget", "x"], "no budget"),
        ([*digits, "random", "--variants", "x"], "--variants: unknown variant"),
        (["compare", *out, "--data", "paper:cifar10", "--strategies", "random"], "comes from"),
        ([*placed, str(file)], "--out must be a folder"),
        ([*placed, str(file / "below")], f"--out must be a folder, but {file} is a file"),
        (["report", str(tmp_path / "none")], "no folder"),
        (["report", str(tmp_path), "--out", str(tmp_path)], "is a folder. Add the name of a file"),
        (["report", str(tmp_path), "--out", str(tmp_path / "no" / "r.html")], "there is no folder"),
    ]


def test_errors_of_the_user_get_a_sentence_and_code_2(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("SKAUTOAL_DATA", raising=False)
    for arguments, expected in failing(tmp_path):
        assert main(arguments) == 2, arguments
        printed = capsys.readouterr()
        assert expected in printed.err, arguments
        assert printed.err.startswith(f"skautoal {arguments[0]}: error: ")
        assert "Traceback" not in printed.err
        assert printed.out == ""
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_to_is_found_before_anything_runs(
    data, tmp_path, capsys, monkeypatch
):
    def full(*, dir):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    monkeypatch.setattr(*internal("cli.compare.load_task"), None)  # not reached
    assert compare(data, tmp_path / "study") == 2
    error = capsys.readouterr().err
    assert f"--out: the folder {tmp_path} cannot be written to (No space left" in error
    assert main(["report", str(tmp_path), "--out", str(tmp_path / "r.html")]) == 2
    assert "cannot be written to" in capsys.readouterr().err


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
    assert compare_aloud(data, tmp_path / "study") == 1
    printed = capsys.readouterr()
    assert "not possible: no method gets through a round." in printed.out
    assert "needs at least two" in printed.err


def test_interruption(data, tmp_path, capsys, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(*internal("cli.compare.run_plan"), interrupted)
    assert compare(data, tmp_path / "study") == 130
    assert "goes on" in capsys.readouterr().err


def test_warnings_are_short(data, tmp_path, capsys, monkeypatch):
    shown = []

    def warn(*args, **kwargs):
        warnings.warn("There are few labels.", FewLabelsWarning, stacklevel=1)
        warnings.warn("Something else.", UserWarning, stacklevel=1)
        raise ValueError("stop")

    monkeypatch.setattr(*internal("cli.compare.plan_runs"), warn)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda *args, **kwargs: shown.append(args[1])
        assert compare(data, tmp_path / "study") == 2
    error = capsys.readouterr().err
    assert error.splitlines()[0] == "skautoal compare: warning: There are few labels."
    assert shown == [UserWarning]  # as Python shows it


def test_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "skautoal", "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "compare" in done.stdout


def test_a_reader_that_ends_early_is_no_error(monkeypatch, capsys):
    """As in ``skautoal list | head``: nobody reads what is still to be written."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert main(["list"]) == 0
    assert capsys.readouterr().err == ""
