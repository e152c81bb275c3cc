"""Labelling a pool with people: ask, tell, stop, resume."""

from ._accuracy import AccuracyEstimate
from ._campaign import LabelingCampaign
from ._stopping import Budget, StablePredictions, StoppingCriterion, TargetAccuracy

__all__ = [
    "AccuracyEstimate",
    "Budget",
    "LabelingCampaign",
    "StablePredictions",
    "StoppingCriterion",
    "TargetAccuracy",
]
