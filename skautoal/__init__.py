"""Deep active learning that drops into scikit-learn."""

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

__version__ = "0.1.0.dev0"

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
