"""Query strategies: rules that select the samples to label next."""

from ._adversarial_bim import AdversarialBIM
from ._adversarial_deepfool import AdversarialDeepFool
from ._alfa_mix import AlfaMix
from ._badge import BADGE
from ._bait import BAIT
from ._bald import BALD
from ._base import BatchStrategy, FunctionStrategy, ScoreStrategy, Strategy
from ._batch_bald import BatchBALD
from ._ceal import CEAL
from ._class_balanced import ClassBalanced
from ._clue import Clue
from ._cluster_margin import ClusterMargin
from ._contrastive_al import ContrastiveAL
from ._cost_aware import CostAware
from ._ddu import DDU
from ._discriminative_al import DiscriminativeAL
from ._dropquery import DropQuery
from ._ensemble_variation_ratio import EnsembleVariationRatio
from ._entropy import Entropy, EntropyDropout
from ._epig import EPIG
from ._falcun import Falcun
from ._glister import Glister
from ._kcenter_greedy import KCenterGreedy
from ._kmeans import KMeans
from ._learning_loss import LearningLoss
from ._least_confidence import LeastConfidence, LeastConfidenceDropout
from ._margin import Margin, MarginDropout
from ._max_herding import MaxHerding
from ._mean_std import MeanSTD
from ._mqnet import MQNet
from ._probcover import ProbCover
from ._random import RandomSampling
from ._registry import PAPER_CANDIDATES, STRATEGIES, get_strategy, list_strategies
from ._stochastic_batch import PowerBALD, PowerMargin, StochasticBatch
from ._subsample_pool import SubsamplePool
from ._temporal_output_discrepancy import TemporalOutputDiscrepancy
from ._typiclust import TypiClust
from ._uncertainty_herding import UncertaintyHerding
from ._vaal import VAAL
from ._variation_ratio import VariationRatio
from ._waal import WAAL

__all__ = [
    "BADGE",
    "BAIT",
    "BALD",
    "CEAL",
    "DDU",
    "EPIG",
    "PAPER_CANDIDATES",
    "STRATEGIES",
    "VAAL",
    "WAAL",
    "AdversarialBIM",
    "AdversarialDeepFool",
    "AlfaMix",
    "BatchBALD",
    "BatchStrategy",
    "ClassBalanced",
    "Clue",
    "ClusterMargin",
    "ContrastiveAL",
    "CostAware",
    "DiscriminativeAL",
    "DropQuery",
    "EnsembleVariationRatio",
    "Entropy",
    "EntropyDropout",
    "Falcun",
    "FunctionStrategy",
    "Glister",
    "KCenterGreedy",
    "KMeans",
    "LearningLoss",
    "LeastConfidence",
    "LeastConfidenceDropout",
    "MQNet",
    "Margin",
    "MarginDropout",
    "MaxHerding",
    "MeanSTD",
    "PowerBALD",
    "PowerMargin",
    "ProbCover",
    "RandomSampling",
    "ScoreStrategy",
    "StochasticBatch",
    "Strategy",
    "SubsamplePool",
    "TemporalOutputDiscrepancy",
    "TypiClust",
    "UncertaintyHerding",
    "VariationRatio",
    "get_strategy",
    "list_strategies",
]
