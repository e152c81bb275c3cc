"""A labelling loop with scikit-activeml
=====================================

The loop of :doc:`loop_plain` as a query strategy of scikit-activeml. It asks for the same
digits. This needs ``pip install "skautoal[skactiveml]"``.
"""

# %%
# Samples with and without a label are in one array. A missing label is ``nan``.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skautoal import AutoALSampler
from skautoal.interop.skactiveml import as_query_strategy

X, y = load_digits(return_X_y=True)
X = X / 16
X_pool, y_pool, X_test, y_test = X[:1200], y[:1200], X[1200:], y[1200:]
labels = np.where(np.arange(1200) < 20, y_pool, np.nan)

# %%
# The strategy fits the sampler in each query. The fitted sampler is ``sampler_``; it can
# predict, so no other model has to be trained.
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
# What it asked for: a row for each round.
print(*picks, sep="\n")
fig, axes = plt.subplots(3, 10, figsize=(6.5, 2.2), layout="constrained")
for ax, index in zip(axes.flat, np.ravel(picks), strict=True):
    ax.imshow(X_pool[index].reshape(8, 8), cmap="gray_r")
    ax.axis("off")
