"""Describe parameters, arrays and functions by plain values, and by one short hash."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from types import CodeType
from typing import Any

import numpy as np
import torch
from torch import nn


def key_of(description: Any) -> str:
    """Return a hexadecimal key of 32 digits for a description."""
    text = json.dumps(description, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def describe(value: Any) -> object:
    """Describe a value by objects that can be written as JSON.

    Equal values have equal descriptions in every process. Estimators are described by their
    class and parameters, arrays by a hash of their content, and functions by a hash of their
    code, so that a changed function has another description.

    Raises
    ------
    TypeError
        If the only description of a value is its memory address.

    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return describe(value.item())
    if isinstance(value, torch.Tensor):
        return describe(value.detach().cpu().numpy())
    if isinstance(value, np.ndarray):
        return {"array": list(value.shape), "dtype": str(value.dtype), "sha256": _digest(value)}
    if isinstance(value, Mapping):
        return {"dict": [[describe(key), describe(item)] for key, item in value.items()]}
    if isinstance(value, (set, frozenset)):
        return {"set": sorted(json.dumps(describe(item), sort_keys=True) for item in value)}
    if isinstance(value, (list, tuple)):
        return [describe(item) for item in value]
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, (torch.dtype, torch.device, slice)):
        return str(value)
    if isinstance(value, nn.Module):
        return {"class": describe(type(value)), "text": repr(value), "state": _state(value)}
    if hasattr(value, "get_params"):
        params = value.get_params(deep=False)
        return {
            "class": describe(type(value)),
            "params": {k: describe(v) for k, v in sorted(params.items()) if k[0] != "_"},
        }
    if hasattr(value, "__code__"):
        return _describe_function(value)
    return _describe_object(value)


def _describe_function(function: Any) -> dict:
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    return {
        "function": f"{function.__module__}.{function.__qualname__}",
        "code": hashlib.sha256(_code_text(function.__code__).encode()).hexdigest(),
        "bound": describe([function.__defaults__, function.__kwdefaults__, cells]),
    }


def _describe_object(value: Any) -> object:
    """Describe any other object by its ``repr``, or by its attributes if that has an address."""
    if hasattr(value, "func") and hasattr(value, "keywords"):  # functools.partial
        parts = [value.func, value.args, value.keywords]
        return {"partial": describe(parts)}
    if hasattr(value, "tolist"):  # pandas Series and similar
        return describe(np.asarray(value))
    text = repr(value)
    if re.search(r" at 0x[0-9a-fA-F]+", text):
        attributes = getattr(value, "__dict__", None)
        if not attributes:
            raise TypeError(
                f"{text:.100} cannot be described, so its runs could not be distinguished from"
                " others. Use strings, estimators, functions, arrays or numbers, and an int as"
                " random state."
            )
        return {"class": describe(type(value)), "attributes": describe(attributes)}
    return {"class": describe(type(value)), "text": text}


def _code_text(code: CodeType) -> str:
    # Nested functions are code objects among the constants, whose repr has an address.
    constants = [_code_text(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return repr((code.co_code.hex(), constants, code.co_names, code.co_varnames))


def _digest(array: np.ndarray) -> str:
    if array.dtype == object:
        return hashlib.sha256(repr(array.tolist()).encode()).hexdigest()
    return hashlib.sha256(np.ascontiguousarray(array).view(np.uint8).reshape(-1).data).hexdigest()


def _state(module: nn.Module) -> object:
    return describe(dict(module.state_dict()))
