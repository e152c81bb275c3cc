"""A labelling loop with a Pipeline
================================

The loop of :doc:`loop_plain` with the preprocessing in a Pipeline. It asks for the same
digits.
"""

# %%
# The same pool, with raw grey levels from 0 to 16.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.preprocessing import FunctionTransformer

from skautoal import AutoALSampler
from skautoal.pipeline import make_pipeline

X, y = load_digits(return_X_y=True)
X_pool, y_pool, X_test, y_test = X[:1200], y[:1200], X[1200:], y[1200:]
labeled = np.arange(1200) < 20


# %%
# The Pipeline is scikit-learn's with a method ``query``. It scales the samples it is given.
def scaled(X):
    """Grey levels from 0 to 1."""
    return X / 16


sampler = AutoALSampler(strategies=["margin", "badge", "typiclust"], random_state=0)
pipe = make_pipeline(FunctionTransformer(scaled), sampler)
picks = []
for _ in range(3):
    pipe.fit(X_pool[labeled], y_pool[labeled])
    print(f"{labeled.sum()} labels, accuracy {pipe.score(X_test, y_test):.2f}")
    unlabeled = np.flatnonzero(~labeled)
    chosen = unlabeled[pipe.query(X_pool[unlabeled], n_instances=10)]
    labeled[chosen] = True
    picks.append(chosen.tolist())

# %%
# What it asked for: a row for each round.
print(*picks, sep="\n")
fig, axes = plt.subplots(3, 10, figsize=(6.5, 2.2), layout="constrained")
for ax, index in zip(axes.flat, np.ravel(picks), strict=True):
    ax.imshow(X_pool[index].reshape(8, 8), cmap="gray_r")
    ax.axis("off")
