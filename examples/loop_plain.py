"""A labelling loop with skautoal alone
====================================

Three rounds of ten labels on handwritten digits. The same loop in the style of
:doc:`modAL <loop_modal>`, of :doc:`scikit-activeml <loop_skactiveml>` and in a
:doc:`Pipeline <loop_pipeline>` asks for the same digits.
"""

# %%
# The pool has 1200 images; the labels of the first twenty are known. The others play the
# annotator: the loop looks at a label only after it has asked for it.
import numpy as np
from sklearn.datasets import load_digits

from skautoal import AutoALSampler

X, y = load_digits(return_X_y=True)
X = X / 16
X_pool, y_pool, X_test, y_test = X[:1200], y[:1200], X[1200:], y[1200:]
labeled = np.arange(1200) < 20

# %%
# The sampler is a classifier, trained by ``fit``; ``query`` returns indices into the
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
# What it asked for, round by round.
print(picks)
