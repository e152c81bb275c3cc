"""Samplers: classifiers that also say which samples to label next."""

from ._albl import ALBLSampler
from ._autoal import AutoALSampler
from ._base import BaseSampler
from ._explain import Explanation
from ._fixed_mixture import FixedMixtureSampler
from ._random_strategy import RandomStrategySampler
from ._random_weights import RandomWeightsSampler
from ._refine import REFINESampler
from ._selectal import SelectALSampler
from ._strategy import StrategySampler
from ._tailor import TAILORSampler
from ._tcm import TCMSampler

__all__ = [
    "ALBLSampler",
    "AutoALSampler",
    "BaseSampler",
    "Explanation",
    "FixedMixtureSampler",
    "REFINESampler",
    "RandomStrategySampler",
    "RandomWeightsSampler",
    "SelectALSampler",
    "StrategySampler",
    "TAILORSampler",
    "TCMSampler",
]
