"""Methods by name: whatever the user gives becomes a sampler ready for a run."""

from __future__ import annotations

from collections.abc import Mapping

from sklearn.base import clone

from ... import baselines, samplers
from ...samplers import AutoALSampler, StrategySampler
from ...samplers._base import BaseSampler
from ...search import Search
from ...strategies import STRATEGIES, get_strategy

#: Parameters of AutoALSampler that are methods of their own.
AUTOAL: dict[str, dict] = {
    "auto": {},
    "search": {"search": Search()},
    "vote": {"batch_builder": "top"},
    "paper": {"search": "paper"},
}

_SAMPLER_METHODS = ("fit", "query", "teach", "predict_proba", "set_params")


def list_methods() -> list[str]:
    """Names that :func:`simulate`, :func:`compare` and the command line know.

    Returns
    -------
    names : list of str

    Examples
    --------
    >>> from skautoal.simulation import list_methods
    >>> {"auto", "vote", "paper", "random", "badge"} <= set(list_methods())
    True

    """
    return [*AUTOAL, *_other_samplers(), *STRATEGIES]


def as_sampler(method) -> BaseSampler:
    """A new, unfitted sampler from a name, a strategy, a function of signals or a sampler.

    Parameters
    ----------
    method : str, Strategy, callable or sampler
        Names are those of :func:`list_methods`.

    """
    if isinstance(method, str):
        if method in AUTOAL:
            return AutoALSampler(**AUTOAL[method])
        if method in _other_samplers():
            return _other_samplers()[method]()
        try:
            return StrategySampler(strategy=get_strategy(method))
        except ValueError as exc:
            if method in STRATEGIES:
                raise
            hint = str(exc).split(" Known are")[0].split(".")[1:]
            raise ValueError(
                f"Unknown method {method!r}.{'.'.join(hint)} Known are {sorted(list_methods())}."
            ) from None
    if not isinstance(method, type) and all(hasattr(method, name) for name in _SAMPLER_METHODS):
        return clone(method)
    if isinstance(method, type):
        raise TypeError(f"'method' is the class {method.__name__}; give an object.")
    return StrategySampler(strategy=get_strategy(method))


def method_name(method) -> str:
    """Name of a method in tables."""
    if isinstance(method, str):
        return method
    if isinstance(method, BaseSampler) or hasattr(method, "teach"):
        if isinstance(method, StrategySampler):
            return method_name(method.strategy)
        return type(method).__name__
    return get_strategy(method).name


def named_methods(methods) -> dict[str, object]:
    """Methods with distinct names, from one, a list or a mapping of names."""
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
        as_sampler(method)
    return named


def _other_samplers() -> dict[str, type[BaseSampler]]:
    """The other samplers of the package by short name: ``"albl"`` for ALBLSampler."""
    rooms = (samplers, baselines)
    classes = (getattr(room, name) for room in rooms for name in room.__all__)
    return {
        cls.__name__.removesuffix("Sampler").lower(): cls
        for cls in classes
        if isinstance(cls, type)
        and issubclass(cls, BaseSampler)
        and cls not in (AutoALSampler, StrategySampler, BaseSampler)
    }
