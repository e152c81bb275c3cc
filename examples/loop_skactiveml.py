"""A labelling loop in scikit-activeml's style
===========================================

The loop of :doc:`loop_plain` with a query strategy of scikit-activeml: it asks for the
same digits. Needs ``pip install "skautoal[skactiveml]"``.
"""

# %%
# Samples with and without a label are one array; a missing label is ``nan``.
import numpy as np
from sklearn.datasets import load_digits

from skautoal import AutoALSampler
from skautoal.interop.skactiveml import as_query_strategy

X, y = load_digits(return_X_y=True)
X = X / 16
X_pool, y_pool, X_test, y_test = X[:1200], y[:1200], X[1200:], y[1200:]
labels = np.where(np.arange(1200) < 20, y_pool, np.nan)

# %%
# The strategy fits the sampler in each query and keeps it: ``sampler_`` predicts, so that
# no other model has to be trained.
sampler = AutoALSampler(strategies=["margin", "badge", "typiclust"], random_state=0)
strategy = as_query_strategy(sampler)
picks = []
for _ in range(3):
    chosen = strategy.query(X_pool, labels, batch_size=10)
    accuracy = strategy.sampler_.score(X_test, y_test)
    print(f"{np.isfinite(labels).sum()} labels, accuracy {accuracy:.2f}")
    labels[chosen] = y_pool[chosen]
    picks.append(chosen.tolist())

# %%
# What it asked for, round by round.
print(picks)
