"""State of a campaign as the sum of its steps, which are checked one by one.

This module uses neither files nor nets. The same checks apply to steps of the user and to
steps read from a journal, which may have been edited.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch

from ..data._requests import check_costs
from ..data._rows import is_dataset

#: Largest number of samples in one step.
MAX_STEP = 100_000
_INT64 = 2**63


class CampaignState:
    """Labelled, pending and skipped samples of a pool.

    Parameters
    ----------
    n_pool : int
        Number of samples in the pool.

    Attributes
    ----------
    labels : dict of int to label
        Current label of each labelled sample.
    pending : dict of int to None
        Samples that were asked for and have no answer, in the order of asking. The dict
        serves as an ordered set.
    refused : dict of int to None
        Skipped samples.
    n_steps : int
        Number of steps applied.
    n_rounds : int
        Number of steps that asked for samples.
    version : int
        Number of label changes; equal versions mean equal labels.
    agreements : list of float
        Cohen's kappa between the predictions of successive models.
    watched : list or None
        Last predictions of the samples that stopping criteria watch.
    watched_version : int
        ``version`` at the time of these predictions.

    """

    def __init__(self, n_pool: int):
        self.n_pool = n_pool
        self.labels: dict[int, object] = {}
        self.pending: dict[int, None] = {}
        self.refused: dict[int, None] = {}
        self.n_steps = self.n_rounds = self.version = 0
        self.agreements: list[float] = []
        self.watched: list | None = None
        self.watched_version = -1

    @property
    def label_type(self) -> type | None:
        """Type of the labels, or None without labels."""
        return next((type(label) for label in self.labels.values()), None)

    def free(self) -> np.ndarray:
        """Return the samples that may be asked for, sorted, (m,) int64."""
        mask = np.ones(self.n_pool, dtype=bool)
        for taken in (self.labels, self.pending, self.refused):
            mask[list(taken)] = False
        return np.flatnonzero(mask)

    def labeled(self) -> np.ndarray:
        """Return the labelled samples, sorted, (l,) int64."""
        return np.array(sorted(self.labels), dtype=np.int64)

    def check(self, step: dict) -> None:
        """Raise ValueError, TypeError or KeyError if the step is invalid in this state."""
        _check_type(step["time"], str, "time")
        kind = step["kind"]
        if kind == "ask":
            self._check_ask(step)
        elif kind == "tell":
            indices = self.check_indices(step["indices"])
            labels = check_label_list(step["labels"], self.label_type)
            if len(labels) != len(indices):
                raise ValueError(f"{len(labels)} labels for {len(indices)} indices")
            _check_annotator(step["annotator"])
        elif kind == "skip":
            self._check_skip(step)
        elif kind == "sampler":
            _check_type(step["sampler"], dict, "sampler")
        else:
            raise ValueError(f"{kind!r:.40} is not a kind of step")

    def apply(self, step: dict) -> None:
        """Apply a step. If :meth:`check` raises, the state is unchanged."""
        self.check(step)
        self.n_steps += 1
        if step["kind"] == "ask":
            self.pending |= dict.fromkeys(step["indices"])
            self.n_rounds += 1
            self._watch(step["watched"])
        elif step["kind"] == "tell":
            for index, label in zip(step["indices"], step["labels"], strict=True):
                self.version += self.labels.get(index) != label
                self.labels[index] = label
                self.pending.pop(index, None)
                self.refused.pop(index, None)
        elif step["kind"] == "skip":
            for index in step["indices"]:
                self.pending.pop(index, None)
                self.refused[index] = None

    def _watch(self, watched: dict | None) -> None:
        if watched is None:
            return
        found = _decoded(watched)
        if self.watched is not None and len(self.watched) == len(found):
            self.agreements.append(kappa(self.watched, found))
        self.watched, self.watched_version = found, self.version

    def _check_ask(self, step: dict) -> None:
        indices = self.check_indices(step["indices"])
        for index in indices:
            if index in self.labels or index in self.pending or index in self.refused:
                raise ValueError(f"sample {index} is labelled, pending or skipped already")
        if type(step["round"]) is not int or step["round"] != self.n_rounds:
            raise ValueError(f"'round' is {step['round']!r:.40}; expected {self.n_rounds}")
        _check_type(step["fitted"], bool, "fitted")
        _check_type(step["n_labeled"], int, "n_labeled")
        _check_reasons(step, len(indices))
        if "costs" in step:
            _check_costs(step, len(self.free()))
        if step["watched"] is not None:
            watched = _decoded(step["watched"])
            # Kappa compares them with the previous ones, which must have the same type.
            check_label_list([*watched[:1], *(self.watched or [])[:1]], None)

    def _check_skip(self, step: dict) -> None:
        labeled = [i for i in self.check_indices(step["indices"]) if i in self.labels]
        if labeled:
            raise ValueError(
                f"'indices' contains labelled samples, {labeled[:5]}, which cannot be skipped."
                " Use tell to correct their labels."
            )
        _check_annotator(step["annotator"])

    def check_indices(self, indices: Any) -> list[int]:
        """Return ``indices`` if they are distinct rows of the pool; else raise."""
        _check_type(indices, list, "indices")
        if len(indices) > MAX_STEP:
            raise ValueError(
                f"'indices' has {len(indices)} items; the maximum is {MAX_STEP}. Pass them in"
                " several calls."
            )
        for index in indices:
            if type(index) is not int or not 0 <= index < self.n_pool:
                raise ValueError(
                    f"'indices' must be rows of the pool, 0 to {self.n_pool - 1}; got"
                    f" {index!r:.40}."
                )
        if len(set(indices)) < len(indices):
            raise ValueError("'indices' contains duplicates. Pass each index once.")
        return indices


def _check_costs(step: dict, n_free: int) -> None:
    """Raise an error unless a step holds a positive cost for each free sample."""
    _check_type(step["costs"], list, "costs")
    if not all(type(cost) in (int, float) for cost in step["costs"]):
        raise ValueError("'costs' must be numbers")
    check_costs(np.array(step["costs"], dtype=np.float64), step["budget"], n_free)


def as_indices(indices: Any, name: str = "indices") -> list[int]:
    """Convert indices from the user to a list of Python integers."""
    if isinstance(indices, torch.Tensor):
        indices = indices.detach().cpu().numpy()
    array = np.asarray(indices)
    if array.size == 0:
        return []
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise TypeError(
            f"'{name}' must be a list or array of integers; got {indices!r:.100}. Pass a single"
            " index as a list."
        )
    return array.tolist()


def as_labels(labels: Any) -> list:
    """Convert labels from the user to Python booleans, integers, floats or strings."""
    if isinstance(labels, (str, bytes)) or is_dataset(labels):
        raise TypeError(f"'labels' must be a list or array of labels; got {labels!r:.100}.")
    if isinstance(labels, torch.Tensor):
        labels = labels.detach().cpu().numpy()
    if hasattr(labels, "tolist"):  # arrays and pandas Series
        labels = labels.tolist()
    if not isinstance(labels, Iterable):
        raise TypeError(
            f"'labels' must be a list or array of labels; got {labels!r:.100}. Pass a single"
            " label as a list."
        )
    return [label.item() if isinstance(label, np.generic) else label for label in labels]


def check_label_list(labels: Any, expected: type | None) -> list:
    """Return ``labels`` if all have one type and survive JSON and NumPy unchanged; else raise.

    Parameters
    ----------
    labels : list
        Labels as Python objects.
    expected : type or None
        Type of the earlier labels; None if there are none.

    Returns
    -------
    labels : list
        The same object.

    """
    _check_type(labels, list, "labels")
    for label in labels:
        kind = type(label)
        if kind not in (bool, int, float, str):
            raise TypeError(
                "'labels' must be integers, strings, booleans or whole floats, without missing"
                f" values; got {label!r:.40} of type {kind.__name__}. Call skip for samples that"
                " cannot be labelled."
            )
        if kind is int and not -_INT64 <= label < _INT64:
            raise ValueError(f"'labels' contains {label!r:.40}, which is out of range for int64.")
        if kind is float and not (math.isfinite(label) and label.is_integer()):
            raise ValueError(f"'labels' contains {label!r}. Float labels must be whole numbers.")
        if kind is str and label.endswith("\0"):
            # NumPy pads strings with null characters and removes them when reading.
            raise ValueError(
                f"'labels' contains {label!r:.40}. Remove the null character at its end."
            )
        expected = kind if expected is None else expected
        if kind is not expected:
            raise TypeError(
                f"'labels' contains {label!r:.40} of type {kind.__name__}, but the other labels"
                f" of this campaign are {expected.__name__}. Pass labels of one type."
            )
    return labels


def encoded(predictions: Sequence) -> dict:
    """Encode predictions as classes and codes, which keeps long class names out of the journal."""
    classes = sorted(set(predictions))
    position = {label: code for code, label in enumerate(classes)}
    return {"classes": classes, "codes": [position[label] for label in predictions]}


def kappa(a: Sequence, b: Sequence) -> float:
    """Compute Cohen's kappa of two lists of labels.

    It is 1 if both lists contain the same single class, for which kappa is not defined.
    """
    classes, codes = np.unique(np.array([*a, *b]), return_inverse=True)
    first, second = codes[: len(a)], codes[len(a) :]
    observed = np.mean(first == second)
    shares = [np.bincount(part, minlength=len(classes)) / len(part) for part in (first, second)]
    by_chance = float(shares[0] @ shares[1])
    return 1.0 if by_chance >= 1 else float((observed - by_chance) / (1 - by_chance))


def _decoded(watched: Any) -> list:
    """Check and reverse :func:`encoded`."""
    _check_type(watched, dict, "watched")
    classes = check_label_list(watched["classes"], None)
    codes = watched["codes"]
    _check_type(codes, list, "codes")
    if not codes or len(codes) > MAX_STEP:
        raise ValueError(f"'codes' has {len(codes)} items; expected 1 to {MAX_STEP}")
    if not all(type(code) is int and 0 <= code < len(classes) for code in codes):
        raise ValueError("'codes' must be positions in 'classes'")
    return [classes[code] for code in codes]


def _check_reasons(step: dict, n: int) -> None:
    """Check the columns of an "ask" step, each of which is None or has ``n`` items."""
    _check_type(step["by"], str, "by")
    if step["predicted"] is not None:
        check_label_list(step["predicted"], None)
    if step["probability"] is not None:
        _check_numbers(step["probability"], "probability")
    names, weights = step["strategies"], step["weights"]
    if (names is None) != (weights is None):
        raise ValueError("'strategies' and 'weights' must both be given or both be null")
    if names is not None:
        _check_type(names, list, "strategies")
        _check_type(weights, list, "weights")
        for name in names:
            _check_type(name, str, "strategies")
        for row in weights:
            _check_numbers(row, "weights")
            if len(row) != len(names):
                raise ValueError(f"'weights' has a row of {len(row)} for {len(names)} names")
    for column in ("predicted", "probability", "weights"):
        if step[column] is not None and len(step[column]) != n:
            raise ValueError(f"'{column}' has {len(step[column])} items for {n} samples")


def _check_numbers(values: Any, name: str) -> None:
    _check_type(values, list, name)
    for value in values:
        if type(value) is not float or not math.isfinite(value):
            raise ValueError(f"'{name}' must be finite floats; got {value!r:.40}")


def _check_annotator(annotator: object) -> None:
    if annotator is not None and type(annotator) not in (str, int):
        raise TypeError(
            f"'annotator' must be a name, a number or None; got {annotator!r:.40} of type"
            f" {type(annotator).__name__}. Pass a str or an int."
        )


def _check_type(value: object, expected: type, name: str) -> None:
    if not isinstance(value, expected):
        raise TypeError(
            f"'{name}' must be of type {expected.__name__}; got {type(value).__name__}."
        )
