"""
Strategy weights: learned by the search
=======================================

``AutoALSampler`` gives its strategies equal weights, unless it is told to learn them:
``search=Search()``. Here it learns them on handwritten digits, and is asked about single
picks.
"""

# %%
# Thirty digits have labels. The three strategies look at different things: ``margin`` at
# uncertainty, ``badge`` at uncertainty and diversity, and ``typiclust`` at how typical a
# sample is.

import numpy as np
from sklearn.datasets import load_digits

from skautoal import AutoALSampler, Search, plot

X, y = load_digits(return_X_y=True)
X = X / 16
strategies = ["margin", "badge", "typiclust"]
sampler = AutoALSampler(strategies=strategies, search=Search(), random_state=0)
sampler.fit(X[:30], y[:30])

# %%
# Three rounds. After each query, ``strategy_weights_`` holds the mean weights of the batch.

unlabeled = np.arange(30, 600)
for round_ in range(3):
    result = sampler.query(X[unlabeled], n_instances=15, return_result=True)
    weights = sampler.strategy_weights_["batch"]
    print({name: round(value, 2) for name, value in weights.items()})
    if round_ < 2:  # the last batch is not labelled
        chosen = unlabeled[result.indices]
        unlabeled = np.setdiff1d(unlabeled, chosen)
        sampler.teach(X[chosen], y[chosen])

# %%
# The weights of the last query: on the labelled samples, on the pool, and in the batch. The
# dotted line marks equal weights, from which the search starts.

plot.strategy_weights(sampler)

# %%
# Why these samples? Each row is a pick. Its bar is its score: the utility that each strategy
# gave it, times the weight of the strategy. The batch also has to cover the pool, so the
# picks are not simply the highest scores.

plot.explanation(result.explain(result.indices[:8]))

# %%
# The picks among the pool, in the first two directions of the embeddings.

plot.picks(sampler, X[unlabeled], result.indices)

# %%
# Did the search learn anything? This is the objective that it maximizes, in ``fit`` and in
# the query.

plot.search_history(sampler)
