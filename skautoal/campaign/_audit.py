"""Collect the history of each sample of a campaign from the steps of its journal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def audit_rows(steps: Iterable[dict]) -> list[dict]:
    """Return one dict per sample that occurs in the steps, in the order of first occurrence.

    Parameters
    ----------
    steps : iterable of dict
        Steps of a journal, in order.

    Returns
    -------
    rows : list of dict
        See ``LabelingCampaign.audit`` for the keys.

    """
    rows: dict[int, dict] = {}
    for step in steps:
        if step["kind"] == "ask":
            _note_asked(rows, step)
        elif step["kind"] in ("tell", "skip"):
            _note_answer(rows, step)
    return list(rows.values())


def _note_asked(rows: dict[int, dict], step: dict) -> None:
    for position, index in enumerate(step["indices"]):
        row = rows.setdefault(index, _row(index))
        row |= {
            "status": "pending",
            "chosen_by": step["by"],
            "round": step["round"],
            "place": position + 1,
            "asked_at": step["time"],
            "n_labeled": step["n_labeled"],
            "predicted": _item(step["predicted"], position),
            "probability": _item(step["probability"], position),
        }
        if step["weights"] is not None:
            shares = zip(step["strategies"], step["weights"][position], strict=True)
            row["strategy_weights"] = dict(shares)


def _note_answer(rows: dict[int, dict], step: dict) -> None:
    for position, index in enumerate(step["indices"]):
        row = rows.setdefault(index, _row(index))
        row |= {"answered_at": step["time"], "annotator": step["annotator"]}
        if step["kind"] == "skip":
            row["status"] = "skipped"
            continue
        label = step["labels"][position]
        row |= {"status": "labeled", "label": label, "labels": [*row["labels"], label]}


def _row(index: int) -> dict:
    """Return the row of a sample without any step yet.

    ``chosen_by`` is "user" until the sample is asked for, because a sample whose label is
    told first was chosen by the user.
    """
    return {
        "index": index,
        "status": "free",
        "label": None,
        "chosen_by": "user",
        "round": None,
        "place": None,
        "n_labeled": None,
        "predicted": None,
        "probability": None,
        "strategy_weights": {},
        "asked_at": None,
        "answered_at": None,
        "annotator": None,
        "labels": [],
    }


def _item(column: list | None, position: int) -> Any:
    return None if column is None else column[position]
