"""Methods by name: turning what the user gives into a sampler ready for a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.base import clone

from ... import baselines, samplers
from ...samplers import AutoALSampler, StrategySampler
from ...samplers._base import BaseSampler
from ...search import Search
from ...strategies import STRATEGIES, get_strategy
from ._oracle import OracleSampler

#: Names of methods that are AutoALSampler with certain parameters.
AUTOAL: dict[str, dict[str, Any]] = {
    "auto": {},
    "search": {"search": Search()},
    "vote": {"batch_builder": "top"},
    "paper": {"search": "paper"},
}

#: Name of the method that knows the labels of the pool.
ORACLE = "oracle"

_SAMPLER_METHODS = ("fit", "query", "teach", "predict_proba", "set_params")


def list_methods() -> list[str]:
    """List the names that :func:`simulate`, :func:`compare` and the command line accept.

    Returns
    -------
    names : list of str

    Examples
    --------
    >>> from skautoal.simulation import list_methods
    >>> {"auto", "vote", "paper", "oracle", "random", "badge"} <= set(list_methods())
    True

    """
    return [*AUTOAL, ORACLE, *_other_samplers(), *STRATEGIES]


def as_sampler(method: Any) -> Any:
    """Return a new, unfitted sampler for a method.

    Parameters
    ----------
    method : str, Strategy, callable or sampler
        Names are those of :func:`list_methods`. A callable is a function of the signals.

    Returns
    -------
    sampler : sampler

    """
    if isinstance(method, str):
        return _named_sampler(method)
    if isinstance(method, type):
        raise TypeError(f"'method' is the class {method.__name__}; give an object.")
    if all(hasattr(method, name) for name in _SAMPLER_METHODS):
        return clone(method)
    return StrategySampler(strategy=get_strategy(method))


def _named_sampler(name: str) -> BaseSampler:
    if name in AUTOAL:
        return AutoALSampler(**AUTOAL[name])
    if name == ORACLE:
        return OracleSampler()
    if name in _other_samplers():
        return _other_samplers()[name]()
    try:
        return StrategySampler(strategy=get_strategy(name))
    except ValueError as exc:
        if name in STRATEGIES:
            raise
        # The message lists strategies only; methods are more than that. Its hint is kept.
        hint = str(exc).split(" Known are")[0].split(".")[1:]
        raise ValueError(
            f"Unknown method {name!r}.{'.'.join(hint)} Known are {sorted(list_methods())}."
        ) from None


def method_name(method: Any) -> str:
    """Return the name of a method in tables."""
    if isinstance(method, str):
        return method
    if isinstance(method, BaseSampler) or hasattr(method, "teach"):
        if isinstance(method, StrategySampler):
            return method_name(method.strategy)
        return type(method).__name__
    return get_strategy(method).name


def named_methods(methods: Any) -> dict[str, Any]:
    """Return methods by distinct names, from one method, a list or a mapping of names."""
    if isinstance(methods, Mapping):
        named = {str(name): method for name, method in methods.items()}
    else:
        methods = list(methods) if isinstance(methods, (list, tuple)) else [methods]
        names = [method_name(method) for method in methods]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"'methods' holds several named {twice}. Give a dict of distinct names:"
                " {'first': ..., 'second': ...}."
            )
        named = dict(zip(names, methods, strict=True))
    if not named:
        raise ValueError("'methods' is empty; give at least one.")
    for method in named.values():
        as_sampler(method)  # an unknown name is an error before any run
    return named


def _other_samplers() -> dict[str, type[BaseSampler]]:
    """Return the other samplers of the package by short name: ``"albl"`` for ALBLSampler."""
    rooms = (samplers, baselines)
    classes = (getattr(room, name) for room in rooms for name in room.__all__)
    return {
        cls.__name__.removesuffix("Sampler").lower(): cls
        for cls in classes
        if isinstance(cls, type)
        and issubclass(cls, BaseSampler)
        and cls not in (AutoALSampler, StrategySampler, BaseSampler)
    }
