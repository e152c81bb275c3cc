"""Deep active learning that drops into scikit-learn."""

from importlib import import_module
from typing import TYPE_CHECKING

from ._version import __version__

# torch and scipy take seconds to import. Names are looked up when they are first used, so
# that `import skautoal` and `skautoal --help` do not wait for them (SPEC 1 of Scientific
# Python). Type checkers and editors read the imports below.
if TYPE_CHECKING:
    from . import (  # noqa: F401
        baselines,
        campaign,
        data,
        exceptions,
        interop,
        mixing,
        modules,
        nets,
        ops,
        pipeline,
        plot,
        samplers,
        search,
        signals,
        simulation,
        strategies,
    )
    from .campaign import LabelingCampaign
    from .samplers import (
        ALBLSampler,
        AutoALSampler,
        QueryResult,
        REFINESampler,
        SelectALSampler,
        StrategySampler,
        TAILORSampler,
        TCMSampler,
    )
    from .search import Search
    from .signals import SignalOptions

#: Module of each public name.
_HOMES = {
    "ALBLSampler": "samplers",
    "AutoALSampler": "samplers",
    "LabelingCampaign": "campaign",
    "REFINESampler": "samplers",
    "QueryResult": "samplers",
    "Search": "search",
    "SelectALSampler": "samplers",
    "SignalOptions": "signals",
    "StrategySampler": "samplers",
    "TAILORSampler": "samplers",
    "TCMSampler": "samplers",
}

#: Public modules, attributes of the package without an import of their own.
_MODULES = (
    "baselines",
    "campaign",
    "data",
    "exceptions",
    "interop",
    "mixing",
    "modules",
    "nets",
    "ops",
    "pipeline",
    "plot",
    "samplers",
    "search",
    "signals",
    "simulation",
    "strategies",
)

__all__ = [
    "ALBLSampler",
    "AutoALSampler",
    "LabelingCampaign",
    "QueryResult",
    "REFINESampler",
    "Search",
    "SelectALSampler",
    "SignalOptions",
    "StrategySampler",
    "TAILORSampler",
    "TCMSampler",
    "__version__",
]

if not TYPE_CHECKING:  # a type checker would take every unknown name for one of these

    def __getattr__(name: str) -> object:
        """Import a public name or module when it is first used."""
        if name in _HOMES:
            value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
            globals()[name] = value
            return value
        if name in _MODULES:
            return import_module(f".{name}", __name__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names and modules, also those that are not imported yet."""
    return sorted({*__all__, *_MODULES})
