"""
Text: which messages should be labelled next?
=============================================

Messages to a help desk, to be sorted by topic: a lot of them, and hardly any labels. The
model turns a message into TF-IDF weights, these into a few dimensions, and puts a small
skorch net on top. The sampler takes the messages as they are, as strings.
"""

# %%
# The messages
# ------------
#
# They are made up here from phrases, so that nothing has to be downloaded. Two topics are
# rare, and some messages open with a phrase of another topic: those are the hard ones.

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from skorch import NeuralNetClassifier

from skautoal import AutoALSampler, StrategySampler, plot
from skautoal.modules import MLP

TOPICS = {
    "billing": ["charged twice", "wrong amount", "invoice missing", "pay by card", "a refund"],
    "delivery": ["parcel is late", "wrong address", "courier left", "track my parcel", "damaged"],
    "account": ["forgot my password", "log in fails", "change my email", "locked out", "profile"],
    "returns": ["send it back", "exchange the size", "return label", "does not fit", "a refund"],
    "privacy": ["delete my data", "who sees my profile", "stop your emails", "consent form"],
}
SHARES = [0.36, 0.36, 0.16, 0.06, 0.06]
OPENINGS = [
    "hello,",
    "please help:",
    "for the third time:",
    "good morning,",
    "urgent!",
    "hi there,",
]
ENDINGS = ["thank you", "what now?", "please answer soon", "order 4711", "regards", "since monday"]


def message(topic, rng):
    """Two phrases of the topic; one message in four mentions another topic first."""
    words = [rng.choice(OPENINGS)]
    if rng.random_sample() < 0.25:
        words.append(rng.choice(TOPICS[rng.choice(list(TOPICS))]) + " and")
    words += [*rng.choice(TOPICS[topic], 2, replace=False), rng.choice(ENDINGS)]
    return " ".join(words)


rng = np.random.RandomState(0)
topics = rng.choice(list(TOPICS), 1200, p=SHARES)
texts = [message(topic, rng) for topic in topics]
pool, y_pool, test, y_test = texts[:800], topics[:800], texts[800:], topics[800:]
for text, topic in zip(pool[:4], y_pool[:4], strict=True):
    print(f"{topic:9s} {text}")

# %%
# The model
# ---------
#
# What needs no labels learns from all messages, once: ``FrozenEstimator`` keeps it as it
# is. Left unfrozen, it would be fitted again in every round, and on the few labelled
# messages alone. The head is trained from scratch in every round.

text_to_numbers = make_pipeline(TfidfVectorizer(), TruncatedSVD(24, random_state=0)).fit(pool)
head = NeuralNetClassifier(
    MLP,
    module__n_features=24,
    module__n_classes=5,
    criterion=torch.nn.CrossEntropyLoss,
    optimizer=torch.optim.Adam,
    lr=0.02,
    max_epochs=40,
    iterator_train__shuffle=True,
)
model = make_pipeline(FrozenEstimator(text_to_numbers), head)

# %%
# Six rounds of ten labels
# ------------------------
#
# ``classes`` names all topics, since the first labels may miss some.

samplers = {
    "AutoAL": AutoALSampler(
        model, strategies=["margin", "badge", "kmeans"], classes=list(TOPICS), random_state=0
    ),
    "random": StrategySampler(model, "random", classes=list(TOPICS), random_state=0),
}
curves = {}
for name, sampler in samplers.items():
    left = list(range(10, len(pool)))
    sampler.fit(pool[:10], y_pool[:10])
    curve = [sampler.score(test, y_test)]
    for _ in range(6):
        picks = sampler.query([pool[i] for i in left], n_instances=10)
        chosen = [left[pick] for pick in picks]
        sampler.teach([pool[i] for i in chosen], y_pool[chosen])
        left = [i for i in left if i not in set(chosen)]
        curve.append(sampler.score(test, y_test))
    curves[name] = curve

_, ax = plt.subplots(layout="constrained")
for name, curve in curves.items():
    ax.plot(range(10, 71, 10), curve, marker="o", label=name)
ax.set(xlabel="labelled messages", ylabel="accuracy on other messages")
ax.legend()
print({name: round(curve[-1], 2) for name, curve in curves.items()})

# %%
# A single run says little: for a comparison with seeds, intervals and tests see
# :func:`skautoal.simulation.compare`.
#
# Why these messages?
# -------------------
#
# What the sampler would ask for next, and why: the utility of each message for each
# strategy, times the trust in that strategy.

sampler = samplers["AutoAL"]
rest = [text for text in pool if text not in set(sampler.X_labeled_)]
idx = sampler.query(rest, n_instances=5)
for i in idx:
    print(rest[i])
explanation = sampler.explain(rest, idx)
print(explanation)
plot.explanation(explanation)

# %%
# The same messages on a map of the head's embeddings:

plot.picks(sampler, rest, idx)
