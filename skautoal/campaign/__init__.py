"""Run a labelling campaign with human annotators: ask, tell, stop and resume."""

from ._accuracy import AccuracyEstimate
from ._campaign import LabelingCampaign
from ._label_studio import Annotations, read_annotations, to_tasks
from ._stopping import Budget, StablePredictions, StoppingCriterion, TargetAccuracy

__all__ = [
    "AccuracyEstimate",
    "Annotations",
    "Budget",
    "LabelingCampaign",
    "StablePredictions",
    "StoppingCriterion",
    "TargetAccuracy",
    "read_annotations",
    "to_tasks",
]
