"""Bookkeeping of the strategy benchmark: what is known, skipped, tried again and reported."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "strategies.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("strategies_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def row(who="peer", n=10, d=2, C=2, b=1, name="badge", **result):
    return {"who": who, "name": name, "n": n, "d": d, "C": C, "b": b, **result}


def test_what_failed_in_a_smaller_cell_is_skipped_in_larger_ones(script):
    results = script.known([row(failure="over 600 s")], 600)
    for larger in (row(n=20), row(d=3, b=5), row(n=20, C=3)):
        assert script.smaller_failed(script.key_of(larger), results)
    for other in (row(), row(n=5, d=9), row(n=20, C=1), row("skautoal", n=20)):
        assert not script.smaller_failed(script.key_of(other), results)


def test_a_longer_timeout_tries_again_and_opens_what_was_skipped(script):
    rows = [row(failure="over 40 s"), row(n=20, failure=script.SKIPPED), row(d=1, seconds=1.0)]
    assert len(script.known(rows, 40)) == 3
    assert list(script.known(rows, 600).values()) == [rows[2]]
    assert script.known([*rows, row(seconds=50.0)], 600)[script.key_of(row())]["seconds"] == 50


def test_the_report_fits_the_growth_and_compares_with_the_bars(script):
    growth = [
        row("skautoal", n, 64, 10, 100, seconds=n**1.5 / 1e6, peak_mb=1, added_mb=1)
        for n in (5_000, 20_000, 50_000)
    ]
    pair = [
        row(who, 5_000, 64, 10, 50, seconds=seconds, peak_mb=1, added_mb=1)
        for who, seconds in (("skautoal", 0.5), ("scikit-activeml", 6.0))
    ]
    failed = [row(failure=script.SKIPPED)]
    report = script.tables(growth + pair + failed)
    assert "| badge | skautoal | 1.50 |" in report
    assert "| badge over scikit-activeml | 20x | 12.0x |" in report
    assert f"| badge | peer | 10 | 2 | 2 | 1 | {script.SKIPPED} | | |" in report


def test_a_second_run_goes_on_where_the_first_stopped(script, tmp_path, monkeypatch, capsys):
    asked = []

    def measure(who, name, cell, timeout):
        asked.append((who, name))
        return row(who, *cell, name=name, seconds=1.0, peak_mb=1, added_mb=1)

    monkeypatch.syspath_prepend(SCRIPT.parent)
    monkeypatch.setattr(script, "measure", measure)
    out = tmp_path / "out.jsonl"
    arguments = [str(SCRIPT), "--only", "badge", "margin", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", [*arguments, "--who", "ours"])
    script.main()
    assert asked == [("skautoal", "badge"), ("skautoal", "margin")]
    monkeypatch.setattr(sys, "argv", arguments)
    script.main()
    assert asked[2:] == [("scikit-activeml", "badge"), ("scikit-activeml", "margin")]
    assert len(out.read_text().splitlines()) == 4
    assert capsys.readouterr().out.count("| badge over scikit-activeml | 20x | 1.0x |") == 1
