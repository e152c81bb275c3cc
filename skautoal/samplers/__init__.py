"""Samplers: classifiers that also choose which samples to label next."""

from ._albl import ALBLSampler
from ._autoal import AutoALSampler
from ._base import BaseSampler
from ._explain import Explanation
from ._refine import REFINESampler
from ._result import QueryResult
from ._selectal import SelectALSampler
from ._strategy import StrategySampler
from ._tailor import TAILORSampler
from ._tcm import TCMSampler

__all__ = [
    "ALBLSampler",
    "AutoALSampler",
    "BaseSampler",
    "Explanation",
    "QueryResult",
    "REFINESampler",
    "SelectALSampler",
    "StrategySampler",
    "TAILORSampler",
    "TCMSampler",
]
