"""One query on arrays from disk: a person with files gets an answer."""

from __future__ import annotations

import numpy as np

from ..tasks._loaders import scale_inputs
from ..tasks._nets import standard_net
from ._methods import as_sampler


def choose(method, X_labeled, y_labeled, X_pool, n_instances: int, *, random_state=0) -> np.ndarray:
    """Rows of a pool that a method would label next, with the standard net for such data.

    Inputs are scaled with statistics of labelled samples and pool together.
    """
    if X_labeled.shape[1:] != X_pool.shape[1:]:
        raise ValueError(
            f"The labelled samples have shape {X_labeled.shape[1:]}, those of the pool"
            f" {X_pool.shape[1:]}. Give samples of the same shape."
        )
    everything = np.concatenate([X_labeled, X_pool])
    scaled, _ = scale_inputs(everything, everything[:1])
    sampler = as_sampler(method).set_params(
        estimator=standard_net(scaled.shape, len(np.unique(y_labeled))),
        random_state=random_state,
    )
    n = len(X_labeled)
    return sampler.fit(scaled[:n], y_labeled).query(scaled[n:], n_instances)
