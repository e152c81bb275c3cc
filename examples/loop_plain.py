"""A labelling loop with skautoal alone
====================================

Three rounds of ten labels on handwritten digits. The same loop with
:doc:`modAL <loop_modal>`, with :doc:`scikit-activeml <loop_skactiveml>`, and in a
:doc:`Pipeline <loop_pipeline>` asks for the same digits.
"""

# %%
# The pool has 1200 images, and the first twenty have labels. The other labels stand in for
# the person who labels: the loop reads a label only after it has asked for it.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skautoal import AutoALSampler

X, y = load_digits(return_X_y=True)
X = X / 16
X_pool, y_pool, X_test, y_test = X[:1200], y[:1200], X[1200:], y[1200:]
labeled = np.arange(1200) < 20

# %%
# The sampler is a classifier. ``fit`` trains it, and ``query`` returns indices into the
# samples that it is given.
sampler = AutoALSampler(strategies=["margin", "badge", "typiclust"], random_state=0)
picks = []
for _ in range(3):
    sampler.fit(X_pool[labeled], y_pool[labeled])
    print(f"{labeled.sum()} labels, accuracy {sampler.score(X_test, y_test):.2f}")
    unlabeled = np.flatnonzero(~labeled)
    chosen = unlabeled[sampler.query(X_pool[unlabeled], n_instances=10)]
    labeled[chosen] = True
    picks.append(chosen.tolist())

# %%
# What it asked for: a row for each round.
print(*picks, sep="\n")
fig, axes = plt.subplots(3, 10, figsize=(6.5, 2.2), layout="constrained")
for ax, index in zip(axes.flat, np.ravel(picks), strict=True):
    ax.imshow(X_pool[index].reshape(8, 8), cmap="gray_r")
    ax.axis("off")
