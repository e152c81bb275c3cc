"""Held-out sets as padded tensors, which the search reads."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data._rows import take_rows
from ..nets._task import TaskModel
from ._held_out import HeldOut
from ._loop import LabelArrays
from ._objectives import label_values
from ._options import Search
from ._soft_topk import standardize


def label_arrays(
    sets: list[HeldOut],
    importance: list[float],
    task: TaskModel,
    place: Tensor,
    search: Search,
    rng: np.random.RandomState,
) -> tuple[LabelArrays, Tensor]:
    """Stack held-out sets, padded to the largest.

    Parameters
    ----------
    sets : list of HeldOut
        The S sets.
    importance : list of float
        What a label of each set counts.
    task : TaskModel
        Holds the labels.
    place : Tensor of shape (l, q)
        Location of each labelled sample.
    search : Search
        Objective and kind of SearchNet.
    rng : RandomState
        Halves the sets for ``objective="bilevel"``.

    Returns
    -------
    labels : LabelArrays
    rows : Tensor of shape (S, n), dtype int64
        Positions in the labelled set, 0 at padding.

    """
    device = sets[0].utilities.device
    codes = torch.as_tensor(task.codes, device=device)
    inputs, values, losses = [], [], []
    for held_out in sets:
        loss, residuals = held_out.losses(codes, task.classes)
        worth = label_values(loss, residuals, held_out.head_inputs, search.objective, rng)
        values.append(standardize(worth.float()))
        losses.append(standardize(loss.float()))
        own = torch.as_tensor(held_out.rows, device=device)
        inputs.append(place[own])
    rows = padded([torch.as_tensor(held_out.rows) for held_out in sets])
    lengths = torch.tensor([len(held_out.rows) for held_out in sets], device=device)
    weight = torch.tensor(importance, device=device) * lengths
    all_inputs: Any = padded(inputs)
    if search.search_net == "module":
        all_inputs = take_rows(task.X_labeled, rows.flatten().numpy())
    labels = LabelArrays(
        inputs=all_inputs,
        utilities=padded([held_out.utilities for held_out in sets]),
        losses=padded(losses),
        values=padded(values),
        mask=torch.arange(rows.shape[1], device=device) < lengths[:, None],
        k=torch.tensor([float(held_out.n_selected) for held_out in sets], device=device),
        weight=weight / weight.sum(),
    )
    return labels, rows.to(device)


def padded(parts: list[Tensor]) -> Tensor:
    """Stack tensors (n_i, ...) to (S, n, ...), zeros after the shorter ones."""
    return torch.nn.utils.rnn.pad_sequence(parts, batch_first=True)
