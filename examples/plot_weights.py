"""Whom AutoAL trusts, and why it picked what it did
=================================================

Three rounds on handwritten digits. After each, the sampler says what share every strategy
had in the batch, and it can be asked about single samples.
"""

# %%
# Thirty labels, and three strategies that look at different things: uncertainty, both
# uncertainty and diversity, and what is typical. ``search=Search()`` learns their weights.
import numpy as np
from sklearn.datasets import load_digits

from skautoal import AutoALSampler, Search, plot

X, y = load_digits(return_X_y=True)
X = X / 16
strategies = ["margin", "badge", "typiclust"]
sampler = AutoALSampler(strategies=strategies, search=Search(), random_state=0)
sampler.fit(X[:30], y[:30])

# %%
# The loop. The weights of the batch are noted, round by round.
unlabeled = np.arange(30, 600)
shares = []
for round_ in range(3):
    idx = sampler.query(X[unlabeled], n_instances=15)
    shares.append(sampler.strategy_weights_["batch"])
    if round_ < 2:  # the last batch is looked at, not labelled
        chosen = unlabeled[idx]
        unlabeled = np.setdiff1d(unlabeled, chosen)
        sampler.teach(X[chosen], y[chosen])
for share in shares:
    print({name: round(value, 2) for name, value in share.items()})

# %%
# The shares of the last query: on the labels, on the pool, in the batch. Equal shares are
# the vote that the search starts from.
plot.strategy_weights(sampler)

# %%
# Why these? One row a sample: the utility that each strategy gave it, times its weight.
explanation = sampler.explain(X[unlabeled], idx[:8])
plot.explanation(explanation)

# %%
# Where they lie among the pool, in the first two directions of the embeddings.
plot.picks(sampler, X[unlabeled], idx)

# %%
# Whether the search learned: the objective it climbs, in ``fit`` and in the query.
plot.search_history(sampler)
