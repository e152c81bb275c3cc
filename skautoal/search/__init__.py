"""The bi-level search: SearchNet learns the weights of strategies, FitNet supervises it."""

from ._options import Search
from ._soft_topk import soft_threshold_gmm, soft_top_k
from ._splits import stratified_splits

__all__ = ["Search", "soft_threshold_gmm", "soft_top_k", "stratified_splits"]
