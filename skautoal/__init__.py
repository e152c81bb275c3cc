"""Deep active learning that drops into scikit-learn."""

from .campaign import LabelingCampaign
from .samplers import (
    ALBLSampler,
    AutoALSampler,
    FixedMixtureSampler,
    RandomStrategySampler,
    RandomWeightsSampler,
    REFINESampler,
    SelectALSampler,
    StrategySampler,
    TAILORSampler,
    TCMSampler,
)

__version__ = "0.1.0.dev0"

__all__ = [
    "ALBLSampler",
    "AutoALSampler",
    "FixedMixtureSampler",
    "LabelingCampaign",
    "REFINESampler",
    "RandomStrategySampler",
    "RandomWeightsSampler",
    "SelectALSampler",
    "StrategySampler",
    "TAILORSampler",
    "TCMSampler",
    "__version__",
]
