"""A labelling loop with modAL
===========================

The loop of :doc:`loop_plain` with a learner of modAL. It asks for the same digits. This
needs ``pip install --no-deps modAL-python``.
"""

# %%
# The same pool.
import matplotlib.pyplot as plt
import numpy as np
from modAL.models import ActiveLearner
from sklearn.datasets import load_digits

from skautoal import AutoALSampler
from skautoal.interop.modal import as_query_strategy

X, y = load_digits(return_X_y=True)
X = X / 16
X_pool, y_pool, X_test, y_test = X[:1200], y[:1200], X[1200:], y[1200:]
labeled = np.arange(1200) < 20

# %%
# The sampler is both the learner's model and its query strategy. A skorch net as model
# works as well. modAL's own ``teach`` passes an argument that scikit-learn removed in
# version 1.8, so the model is fitted directly.
sampler = AutoALSampler(strategies=["margin", "badge", "typiclust"], random_state=0)
learner = ActiveLearner(estimator=sampler, query_strategy=as_query_strategy(sampler))
picks = []
for _ in range(3):
    learner.estimator.fit(X_pool[labeled], y_pool[labeled])
    print(f"{labeled.sum()} labels, accuracy {learner.score(X_test, y_test):.2f}")
    unlabeled = np.flatnonzero(~labeled)
    indices, samples = learner.query(X_pool[unlabeled], n_instances=10)
    chosen = unlabeled[indices]
    labeled[chosen] = True
    picks.append(chosen.tolist())

# %%
# What it asked for: a row for each round.
print(*picks, sep="\n")
fig, axes = plt.subplots(3, 10, figsize=(6.5, 2.2), layout="constrained")
for ax, index in zip(axes.flat, np.ravel(picks), strict=True):
    ax.imshow(X_pool[index].reshape(8, 8), cmap="gray_r")
    ax.axis("off")
