"""Baselines of comparisons: samplers that choose among strategies without learning."""

from ._fixed_mixture import FixedMixtureSampler
from ._random_strategy import RandomStrategySampler
from ._random_weights import RandomWeightsSampler

__all__ = ["FixedMixtureSampler", "RandomStrategySampler", "RandomWeightsSampler"]
