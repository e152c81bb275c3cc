"""The command ``skautoal query``: every kind of file gives the same answer or a sentence."""

from __future__ import annotations

import csv
import io
import json
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

from tests._fuzz import harmless, mutate_bytes
from tests._internals import internal, main, one_thread

COLUMNS = ["width", "height", "is_red"]


@pytest.fixture
def frames():
    """Labelled samples, and a pool with other columns in another order."""
    rng = np.random.RandomState(0)
    frame = pd.DataFrame(rng.normal(size=(50, 2)), columns=COLUMNS[:2])
    frame["is_red"] = rng.random_sample(50) < 0.5
    labeled = frame[:12].assign(kind=["cat", "None", "cow"] * 4)  # "None" is a class here
    pool = frame[12:].assign(code=[f"{number:03d}" for number in range(38)])
    return labeled, pool[["code", "is_red", "height", "width"]].reset_index(drop=True)


@pytest.fixture
def files(frames, tmp_path):
    """The same samples in every kind of file."""
    labeled, pool = frames
    labeled.to_csv(tmp_path / "L.csv", index=False)
    labeled.to_parquet(tmp_path / "L.parquet")
    pool.to_csv(tmp_path / "P.csv", index=False)
    pool.to_parquet(tmp_path / "P.parquet")
    X, y = labeled[COLUMNS].to_numpy(float), labeled["kind"].to_numpy(dtype=str)
    np.savez(tmp_path / "L.npz", X=X, y=y)
    np.save(tmp_path / "P.npy", pool[COLUMNS].to_numpy(float))
    np.savez(tmp_path / "P.npz", X=pool[COLUMNS].to_numpy(float), other=np.zeros(3))
    return tmp_path


def query(folder, labeled, pool, out, *more):
    if "--strategy" not in more:
        more = (*more, "--strategy", "margin")
    arguments = ["--labeled", str(folder / labeled), "--pool", str(folder / pool)]
    if not labeled.endswith(".npz") and "--label-column" not in more:
        arguments += ["--label-column", "kind"]
    with one_thread():
        return main(["query", *arguments, "--out", str(folder / out), *more])


def test_every_kind_of_file_gives_the_same_rows(files, frames, capsys):
    _, pool = frames
    assert query(files, "L.npz", "P.npy", "picks.npy") == 0
    assert "10 of 38 rows written to" in capsys.readouterr().out
    rows = np.load(files / "picks.npy", allow_pickle=False)
    assert rows.dtype == np.int64
    assert len(set(rows.tolist())) == 10
    assert set(rows.tolist()) <= set(range(38))
    for labeled, unlabeled in [("L.csv", "P.csv"), ("L.parquet", "P.csv"), ("L.csv", "P.parquet")]:
        assert query(files, labeled, unlabeled, "picks.csv") == 0
        picks = pd.read_csv(files / "picks.csv", dtype={"code": str})
        assert picks["row"].tolist() == rows.tolist()
        assert picks["place"].tolist() == list(range(1, 11))
        assert picks["utility"].notna().all()
        own = picks.drop(columns=["row", "place", "utility"])
        pd.testing.assert_frame_equal(own, pool.iloc[rows].reset_index(drop=True))
        printed = capsys.readouterr().out
        assert "3 columns are used: width, height, is_red." in printed
        assert f"lacks them: 'code' of {files / unlabeled}" in printed
    for unlabeled in ("P.csv", "P.parquet"):
        assert query(files, "L.csv", unlabeled, "picks.parquet") == 0
        again = pd.read_parquet(files / "picks.parquet")
        pd.testing.assert_frame_equal(again, picks)
    assert query(files, "L.npz", "P.npz", "picks.csv") == 0
    assert pd.read_csv(files / "picks.csv").equals(picks[["row", "place", "utility"]])


def test_options_decide(files):
    def rows(*more):
        assert query(files, "L.npz", "P.npy", "picks.npy", *more) == 0
        return np.load(files / "picks.npy", allow_pickle=False).tolist()

    auto = rows("--strategy", "auto")
    assert len(auto) == 10  # as the samplers
    badge = rows("--strategy", "badge", "--n-instances", "7")
    assert len(badge) == 7
    assert rows("--strategy", "badge", "--n-instances", "7") == badge
    assert rows("--strategy", "badge", "--n-instances", "7", "--seed", "3") != badge
    assert rows("--strategy", "margin", "--n-instances", "7") != badge


def test_rows_of_the_pool_are_copied_as_they_are(files, frames):
    _, pool = frames
    pool["note"] = ['says "a, b"', "two\nlines", "", "x" * 200_000] * 9 + ["ä", " 1.50 "]
    pool["row"] = "0012"
    pool.to_csv(files / "P.csv", index=False)
    assert query(files, "L.csv", "P.csv", "picks.csv", "--n-instances", "38") == 0
    assert csv.field_size_limit() == 131072
    given, picks = (
        pd.read_csv(files / name, dtype=str, keep_default_na=False).to_dict("records")
        for name in ("P.csv", "picks.csv")
    )
    assert len(picks) == 38
    for pick in picks:
        original = given[int(pick["row"])]
        assert pick["pool_row"] == original.pop("row") == "0012"
        assert {name: pick[name] for name in original} == original


def test_types_in_parquet_from_csv(files, frames):
    _, pool = frames
    pool = pool.assign(zip="00123", n=range(38), share=0.5, text="a", is_big=True)
    pool.to_csv(files / "P.csv", index=False)
    assert query(files, "L.csv", "P.csv", "picks.parquet") == 0
    picks = pd.read_parquet(files / "picks.parquet")
    assert picks["zip"].tolist() == ["00123"] * 10
    assert picks["n"].tolist() == picks["row"].tolist()
    assert picks["n"].dtype == np.int64
    assert picks["share"].dtype == float
    assert picks["text"].tolist() == ["a"] * 10
    assert picks["is_big"].dtype == bool


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_label_column_of_a_pool_is_ignored(files, frames, ending, capsys):
    _, pool = frames
    assert query(files, "L.csv", f"P.{ending}", "without.npy") == 0
    pool = pool.assign(kind="cat")
    pool.to_csv(files / "P.csv", index=False)
    pool.to_parquet(files / "P.parquet")
    assert query(files, "L.csv", f"P.{ending}", "with.npy") == 0
    assert f"Column 'kind' of {files / 'P.'}{ending} is ignored" in capsys.readouterr().out
    assert (files / "with.npy").read_bytes() == (files / "without.npy").read_bytes()


def test_labels_keep_their_type(files, frames, monkeypatch):
    labeled, _ = frames
    seen = []

    def choose(sampler, labeled, *rest):
        seen.append(labeled.y)
        return np.arange(3), np.zeros(3)

    monkeypatch.setattr(*internal("cli.query.choose"), choose)
    for labels in (["2", "10", "-1"], ["01", "1", "2"], [True, False, True], ["x", "NA", "ä"]):
        for ending in ("csv", "parquet"):
            labeled = labeled.assign(kind=labels * 4)
            labeled.to_csv(files / "L.csv", index=False)
            labeled.to_parquet(files / "L.parquet")
            assert query(files, f"L.{ending}", "P.csv", "picks.csv") == 0
    assert [y.dtype.kind for y in seen] == ["i", "U", "U", "U", "U", "b", "U", "U"]
    assert seen[0].tolist()[:3] == [2, 10, -1]
    assert seen[2].tolist()[:3] == seen[3].tolist()[:3] == ["01", "1", "2"]
    assert seen[6].tolist()[:3] == seen[7].tolist()[:3] == ["x", "NA", "ä"]


def csv_of(frame) -> bytes:
    return frame.to_csv(index=False).encode()


def parquet_of(frame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    return buffer.getvalue()


def npy_of(array, **options) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def npz_of(**arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


LABELED = pd.DataFrame({"a": [0.0, 1, 2, 3], "b": [1, 2, 3, 5], "kind": ["x", "y", "x", "y"]})
POOL = pd.DataFrame({"a": [0.0, 1], "b": [1, 2]})
X, Y = np.arange(8.0).reshape(4, 2), np.array([0, 1, 0, 1])
TEXT = LABELED.assign(city=["Rome", "Oslo", "Rome", "Bonn"])
EMPTY = LABELED.assign(a=[0, np.nan, 1, np.nan])

#: Labelled file, pool, and a part of the answer; None for a file without fault.
FAULTY_TABLES = [
    (("L.csv", csv_of(TEXT)), None, "column 'city' ('Rome' in row 0); rows count from 0. Leave"),
    (("L.parquet", parquet_of(TEXT)), None, "column 'city' ('Rome' in row 0)"),
    (("L.csv", csv_of(EMPTY)), None, "column 'a' (2 rows, the first is row 1)"),
    (("L.parquet", parquet_of(EMPTY)), None, "column 'a' (2 rows, the first is row 1)"),
    (None, ("P.csv", csv_of(POOL.assign(a=["1", "?"]))), "column 'a' ('?' in row 1)"),
    (None, ("P.csv", csv_of(POOL.assign(a=["1", "inf"]))), "missing or infinite"),
    (None, ("P.csv", csv_of(POOL[["a"]])), "lacks the columns 'b' of"),
    (None, ("P.csv", b"a,b\n"), "has a header, but no rows"),
    (None, ("P.csv", b""), "is empty"),
    (None, ("P.csv", b"a,b\n1,2\n1\n"), "row 1 has 1 values, the header names 2"),
    (None, ("P.csv", b"a;b\n1;2\n"), "Separate values by commas"),
    (None, ("P.csv", b"a,b,a\n1,2,3\n"), "several columns named ['a']"),
    (None, ("P.csv", "a,b\n1,2\n\xe4,3".encode("latin-1")), "is not text in UTF-8"),
    (None, ("P.csv", b'a,b\n"1,2\n'), "cannot be read as CSV"),
    (("L.csv", csv_of(LABELED.rename(columns={"a": ""}))), None, "use to_csv(..., index=False)"),
    (("L.csv", csv_of(LABELED[["kind"]])), None, "must have columns besides the labels"),
    (("L.csv", csv_of(LABELED.rename(columns={"kind": "y"}))), None, "'kind' is no column of"),
    (("L.csv", csv_of(LABELED.assign(kind=["x", "", "y", ""]))), None, "2 rows have no label"),
    (
        ("L.parquet", parquet_of(LABELED.assign(kind=["x", None, "y", "x"]))),
        None,
        "1 rows have no label in column 'kind', the first is row 1",
    ),
    (("L.csv", csv_of(LABELED.assign(kind="x"))), None, "needs at least two"),
    (("L.csv", parquet_of(LABELED)), None, "ends in .csv, but holds a Parquet table"),
    (("L.parquet", csv_of(LABELED)), None, "rename it to .csv if it is a table"),
    (("L.parquet", b"PAR1 no PAR1"), None, "cannot be read as a Parquet file"),
    (None, ("P.csv", b"PAR1,PK\n1,2\n"), "lacks the columns 'a', 'b' of"),
    (("L.txt", csv_of(LABELED)), None, "must be a file that ends in .csv, .parquet or .npz"),
    (("L.npy", npy_of(X)), None, "an .npy file has no place for labels"),
    (None, ("P.npy", npy_of(X)), "columns cannot be matched. Give two tables"),
    (("L.npz", npz_of(X=X, y=Y)), None, "--label-column is for tables"),
]
FAULTY_ARRAYS = [
    (None, ("P.csv", csv_of(POOL)), "columns cannot be matched. Give two tables"),
    (("L.npz", npz_of(X=X, y=Y.astype(object))), None, "The array y of"),
    (("L.npz", npz_of(X=X, y=np.array(["a", "b"] * 2, dtype=object))), None, "y=y.astype(str)"),
    (("L.npz", npz_of(X=X.astype(object), y=Y)), None, "X=X.astype(float)"),
    (("L.npz", npz_of(X=X)), None, "must hold the arrays ['X', 'y']; it holds ['X']"),
    (("L.npz", npz_of(X=X, y=Y[:3])), None, "one label for each of the 4 samples"),
    (("L.npz", npz_of(X=X.astype(str), y=Y)), None, "must hold numbers; its dtype is <U"),
    (("L.npz", b"text"), None, "ends in .npz, but holds something else, perhaps text"),
    (("L.npz", npz_of(X=X, y=Y)[:-30]), None, "cannot be read as arrays in .npz"),
    (None, ("P.npy", csv_of(POOL)), "rename it to .csv if it is a table with a header"),
    (None, ("P.npy", npz_of(X=X)), "Rename it to .npz, or save it as .npy"),
    (None, ("P.npy", npy_of(np.array([{}, {}]), allow_pickle=True)), "as a plain array"),
    (None, ("P.npy", npy_of(X[:, :1])), "have shape (2,), those of"),
    (None, ("P.npy", npy_of(X[0])), "in 2 to 4 dimensions"),
    (None, ("P.npy", npy_of(X[:0])), "at least one sample"),
    (
        None,
        ("P.npy", npy_of(np.where(X == 0, np.nan, X))),
        "infinity in 1 samples, the first is sample 0",
    ),
    (None, ("P.npz", npz_of(Z=X)), "must hold the arrays ['X']; it holds ['Z']"),
]


def answer(folder, labeled, pool, capsys, *more) -> str:
    """Write two files and return what the command says about them on its way to code 2."""
    for name, content in (labeled, pool):
        (folder / name).write_bytes(content)
    assert query(folder, labeled[0], pool[0], "picks.csv", *more) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("skautoal query: error: ")
    assert "Traceback" not in printed.err
    assert not (folder / "picks.csv").exists()
    return printed.err


@pytest.mark.parametrize("number", range(len(FAULTY_TABLES)))
def test_faulty_tables_are_answered_by_name(number, tmp_path, capsys):
    labeled, pool, expected = FAULTY_TABLES[number]
    faulty = labeled or pool
    labeled, pool = labeled or ("L.csv", csv_of(LABELED)), pool or ("P.csv", csv_of(POOL))
    said = answer(tmp_path, labeled, pool, capsys, "--label-column", "kind")
    assert expected in said
    if "needs at least two" not in said and "--label-column" not in said:
        assert str(tmp_path / faulty[0]) in said


@pytest.mark.parametrize("number", range(len(FAULTY_ARRAYS)))
def test_faulty_arrays_are_answered_by_name(number, tmp_path, capsys):
    labeled, pool, expected = FAULTY_ARRAYS[number]
    faulty = labeled or pool
    labeled, pool = labeled or ("L.npz", npz_of(X=X, y=Y)), pool or ("P.npy", npy_of(X))
    said = answer(tmp_path, labeled, pool, capsys)
    assert expected in said
    assert str(tmp_path / faulty[0]) in said


def test_options_are_checked_before_anything_is_read(files, capsys, monkeypatch):
    monkeypatch.setattr(*internal("cli.query.read_labeled"), None)  # not reached
    (files / "folder").mkdir()
    for out, more, expected in [
        ("picks", [], "--out must end in .csv, .parquet or .npy"),
        ("picks.npz", [], "--out must end in .csv, .parquet or .npy"),
        ("no/picks.csv", [], f"--out: there is no folder {files / 'no'}"),
        ("P.csv", [], f"--out would replace the input {files / 'P.csv'}"),
        ("L.csv", [], f"--out would replace the input {files / 'L.csv'}"),
        ("picks.csv", ["--n-instances", "0"], "--n-instances must be at least 1; got 0"),
        ("picks.csv", ["--strategy", "margni"], "Did you mean 'margin'"),
        ("picks.csv", ["--strategy", "oracle"], "only 'skautoal compare' can run it"),
    ]:
        assert query(files, "L.csv", "P.csv", out, *more) == 2
        assert expected in capsys.readouterr().err
    (files / "folder" / "x.csv").mkdir()
    assert query(files, "L.csv", "P.csv", "folder/x.csv") == 2
    assert "is a folder. Add the name of a file" in capsys.readouterr().err


def test_missing_inputs(files, capsys):
    assert query(files, "none.csv", "P.csv", "picks.csv") == 2
    assert f"--labeled: there is no file {files / 'none.csv'}." in capsys.readouterr().err
    assert query(files, "L.csv", "none.csv", "picks.csv") == 2
    assert f"--pool: there is no file {files / 'none.csv'}." in capsys.readouterr().err
    (files / "folder.csv").mkdir()
    assert query(files, "folder.csv", "P.csv", "picks.csv") == 2
    assert "--labeled must be a file" in capsys.readouterr().err
    arguments = ["--labeled", str(files / "L.csv"), "--pool", str(files / "P.csv")]
    assert main(["query", *arguments, "--out", str(files / "picks.csv")]) == 2
    assert "--label-column is needed. Name one of 'width'," in capsys.readouterr().err


def test_parquet_without_pyarrow(files, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert query(files, "L.parquet", "P.csv", "picks.csv") == 2
    assert "pip install 'skautoal[data]'" in capsys.readouterr().err
    assert query(files, "L.csv", "P.csv", "picks.parquet") == 2
    assert "pip install 'skautoal[data]'" in capsys.readouterr().err


def test_a_clipped_batch_is_one_line(files, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert query(files, "L.csv", "P.csv", "picks.csv", "--n-instances", "100") == 0
    printed = capsys.readouterr()
    assert "38 of 38 rows" in printed.out
    assert printed.err.startswith("skautoal query: warning: 'n_instances' is 100")
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize("name", ["L.csv", "L.parquet", "P.csv", "P.parquet", "L.npz", "P.npy"])
def test_damaged_files_get_an_answer(files, name, capsys, monkeypatch):
    """Every mutation ends in code 0 or 2, without a traceback, quickly, and runs nothing."""
    monkeypatch.setattr(*internal("cli.query.choose"), lambda *args: (np.arange(3), np.zeros(3)))
    rng = np.random.RandomState(0)
    original = (files / name).read_bytes()
    arrays = name in ("L.npz", "P.npy")
    labeled, pool = ("L.npz", "P.npy") if arrays else ("L.csv", "P.csv")
    labeled, pool = (name, pool) if name[0] == "L" else (labeled, name)
    codes = []
    for _ in range(60):
        (files / name).write_bytes(mutate_bytes(original, rng))
        with harmless(seconds=5.0, megabytes=300.0):
            codes.append(query(files, labeled, pool, "picks.csv"))
        assert "Traceback" not in capsys.readouterr().err
    assert set(codes) == {0, 2}, json.dumps(codes)
