"""Fingerprints of runs: a description in plain values, and a short key made of it."""

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


def key_of(description: object) -> str:
    """Return a short hexadecimal key of a description."""
    text = json.dumps(description, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def describe(value: Any) -> object:
    """Describe a parameter in values that JSON can hold; equal things have equal descriptions.

    Estimators become their class and parameters, arrays the hash of their content,
    functions the hash of their code, so that a changed function is another function.

    Raises
    ------
    TypeError
        If something has no lasting description, so that it could not be told from others.

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


def _describe_function(function: Any) -> dict[str, object]:
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    return {
        "function": f"{function.__module__}.{function.__qualname__}",
        "code": hashlib.sha256(_code_text(function.__code__).encode()).hexdigest(),
        "bound": describe([function.__defaults__, function.__kwdefaults__, cells]),
    }


def _describe_object(value: Any) -> object:
    """Describe another object by its attributes, or by a repr that holds no address."""
    if hasattr(value, "func") and hasattr(value, "keywords"):  # functools.partial
        parts = [value.func, value.args, value.keywords]
        return {"partial": describe(parts)}
    if hasattr(value, "tolist"):  # pandas and the like
        return describe(np.asarray(value))
    text = repr(value)
    if re.search(r" at 0x[0-9a-fA-F]+", text):
        attributes = getattr(value, "__dict__", None)
        if not attributes:
            raise TypeError(
                f"{text:.100} cannot be described, so its runs could not be told from"
                " others. Use names, estimators, functions, arrays or plain values (and an"
                " int for a random state)."
            )
        return {"class": describe(type(value)), "attributes": describe(attributes)}
    return {"class": describe(type(value)), "text": text}


def _code_text(code: CodeType) -> str:
    constants = [_code_text(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return repr((code.co_code.hex(), constants, code.co_names, code.co_varnames))


def _digest(array: np.ndarray) -> str:
    if array.dtype == object:
        return hashlib.sha256(repr(array.tolist()).encode()).hexdigest()
    return hashlib.sha256(np.ascontiguousarray(array).view(np.uint8).reshape(-1).data).hexdigest()


def _state(module: nn.Module) -> object:
    return describe(dict(module.state_dict()))
