"""A labelling loop in modAL's style
=================================

The loop of :doc:`loop_plain` with a learner of modAL: it asks for the same digits. Needs
``pip install --no-deps modAL-python``.
"""

# %%
# The pool, as there.
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
# works as well. modAL's own ``teach`` calls scikit-learn with an argument that version 1.8
# took away, so the model is fitted directly.
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
# What it asked for, round by round.
print(picks)
