"""Bookkeeping of the strategy benchmark: what is known, skipped, tried again and reported."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "strategies.py"


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(SCRIPT.parent))  # what it imports lies beside it
    spec = importlib.util.spec_from_file_location("strategies_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(SCRIPT.parent))


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
    others = [
        row(failure=script.SKIPPED),
        row("scikit-activeml", 20_000, 64, 10, 100, failure="over 60 s"),
        row("skautoal", *script.LARGEST, seconds=0.25, peak_mb=700, added_mb=9),
    ]
    report = script.tables(growth + pair + others).splitlines()
    assert "| badge | skautoal | 1.50 |  |" in report
    assert "| badge over scikit-activeml | 20x | 12.0x |" in report
    assert "| badge | scikit-activeml | 1 | 12 | 12 | 12 | 1 | 0 |" in report
    assert "| badge | skautoal | 0.25 | 700 | 9 |" in report


def test_the_page_gets_two_figures_a_csv_file_and_a_short_table(script, tmp_path):
    sizes = (5_000, 20_000, 50_000, 100_000)
    ours = [
        row("skautoal", n, 64, 10, 100, name=name, seconds=s * n / 5e4, peak_mb=70, added_mb=3)
        for n in sizes
        for name, s in (("badge", 0.5), ("margin", 0.01))
    ]
    peers = [row(n=n, d=64, C=10, b=100, seconds=3.0, peak_mb=80, added_mb=4) for n in sizes[:2]]
    peers.append(row(n=50_000, d=64, C=10, b=100, failure="over 60 s"))
    page = tmp_path / "page.md"
    page.write_text("# Costs\n\n<!-- begin costs -->\nold\n<!-- end costs -->\n\nAfter.\n")
    for _ in range(2):  # the second time it replaces what the first wrote
        script.write_page(ours + peers, page)
    lines = page.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("# Costs", "After.")
    assert lines.count("| over 10 s | none | none |") == 1
    assert "| under 0.1 s | margin | none |" in lines
    assert "| 0.1 to 1 s | badge | none |" in lines
    assert "old" not in lines
    folder = tmp_path / "_static" / "costs"
    table = (folder / "strategy_costs.csv").read_text().splitlines()
    assert table[0] == "strategy,library,n,d,C,b,seconds,added_mb,peak_mb,failure"
    assert table[1] == "badge,skautoal,5000,64,10,100,0.05,3,70,"
    assert "badge,peer,50000,64,10,100,,,,over 60 s" in table
    assert len(table) == 1 + len(ours) + len(peers)
    assert "badge" in (folder / "seconds.svg").read_text()
    assert "(+1)" in (folder / "peers.svg").read_text()


def test_the_page_shows_the_results_that_are_kept(script):
    rows = list(script.known(script.read(script.KEPT), 0).values())
    assert sys.modules["_strategy_page"].short_table(rows) in script.PAGE.read_text()
    kept = (script.PAGE.parent / "_static" / "costs" / "strategy_costs.csv").read_text()
    assert len(kept.splitlines()) == 1 + len(rows)


MEASURE = """
import json, strategies
cells = [("margin", (300, 4, 3, 7), 120), ("margin", (300, 4, 3, 7), 0)]
cells += [("nothing", (300, 4, 3, 7), 120), ("margin", (10**10, 64, 3, 7), 120)]
print(json.dumps([strategies.measure("skautoal", *cell) for cell in cells]))
"""


def test_a_cell_is_measured_in_a_process_of_its_own():
    done = subprocess.run(
        [sys.executable, "-c", MEASURE], cwd=SCRIPT.parent, capture_output=True, check=True
    )
    measured, late, unknown, large = json.loads(done.stdout)
    assert measured["distinct"] == 7
    assert measured["seconds"] > 0
    assert measured["peak_mb"] > measured["added_mb"] >= 0
    assert late["failure"] == "over 0 s"
    assert "KeyError" in unknown["failure"]
    assert large["failure"] == "out of memory"


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
