"""The audit of a campaign: who chose each sample and why, who answered what and when."""

from __future__ import annotations

from collections.abc import Iterable


def audit_rows(steps: Iterable[dict]) -> list[dict]:
    """One dict a sample that anything happened to, in the order of first mention.

    Parameters
    ----------
    steps : iterable of dict
        Steps of a journal, in order.

    Returns
    -------
    rows : list of dict

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
    """A sample that nothing is known about; who tells a label unasked has chosen it."""
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


def _item(column: list | None, position: int):
    return None if column is None else column[position]
