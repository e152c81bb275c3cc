"""
Text: which messages should be labelled next?
=============================================

A help desk wants to sort messages by topic, and has many messages and few labels. The model
is a scikit-learn pipeline: TF-IDF, a projection to a few dimensions, and a small skorch net.
The sampler takes the messages as strings.
"""

# %%
# The messages
# ------------
#
# The messages are made up from phrases, so nothing has to be downloaded. Two topics are
# rare. One message in four also mentions another topic, which makes it hard to sort.

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

PHRASES = {
    "billing": "charged twice/wrong amount/invoice missing/pay by card/a refund",
    "delivery": "parcel is late/wrong address/courier left/track my parcel/damaged",
    "account": "forgot my password/log in fails/change my email/locked out/profile",
    "returns": "send it back/exchange the size/return label/does not fit/a refund",
    "privacy": "delete my data/who sees my profile/stop your emails/consent form",
}
TOPICS = list(PHRASES)
SHARES = [0.36, 0.36, 0.16, 0.06, 0.06]
OPENINGS = ["hello,", "please help:", "good morning,", "urgent!", "hi there,"]
ENDINGS = ["thank you", "what now?", "please answer soon", "order 4711", "regards"]


def message(topic, rng):
    """Two phrases of the topic; one message in four mentions another topic first."""
    words = [rng.choice(OPENINGS)]
    if rng.random_sample() < 0.25:
        other = rng.choice(TOPICS)
        words.append(rng.choice(PHRASES[other].split("/")) + " and")
    words += [*rng.choice(PHRASES[topic].split("/"), 2, replace=False)]
    return " ".join([*words, rng.choice(ENDINGS)])


rng = np.random.RandomState(0)
topics = rng.choice(TOPICS, 1200, p=SHARES)
texts = np.array([message(topic, rng) for topic in topics], dtype=object)
pool, y_pool, test, y_test = texts[:800], topics[:800], texts[800:], topics[800:]
for text, topic in zip(pool[:4], y_pool[:4], strict=True):
    print(f"{topic:9s} {text}")

# %%
# The model
# ---------
#
# TF-IDF and the projection need no labels. They are fitted once, on all messages, and
# ``FrozenEstimator`` keeps them fitted. Without it they would be fitted in every round, on
# the few labelled messages. The net is trained from scratch in every round.

text_to_numbers = make_pipeline(TfidfVectorizer(), TruncatedSVD(24, random_state=0))
text_to_numbers.fit(pool)
head = NeuralNetClassifier(
    MLP,
    module__n_features=24,
    module__n_classes=5,
    criterion=torch.nn.CrossEntropyLoss,
    optimizer=torch.optim.Adam,
    lr=0.04,
    max_epochs=15,
    iterator_train__shuffle=True,
)
model = make_pipeline(FrozenEstimator(text_to_numbers), head)

# %%
# Four rounds of labels
# ---------------------
#
# ``classes`` names all topics, since the first ten labels may miss some. A single run
# depends on its first labels, so each method runs with six seeds. All methods start from
# the same labels.

N_SEEDS, N_ROUNDS = 6, 4


def make_sampler(method, seed):
    """The default, or a single strategy."""
    options = {"classes": TOPICS, "random_state": seed}
    if method == "default":
        return AutoALSampler(model, **options)
    return StrategySampler(model, method, **options)


def run(method, seed):
    """Accuracy on the other messages after each round."""
    sampler = make_sampler(method, seed)
    labeled = np.random.RandomState(seed).permutation(len(pool))[:10]
    sampler.fit(pool[labeled], y_pool[labeled])
    curve = [sampler.score(test, y_test)]
    for _ in range(N_ROUNDS):
        left = np.setdiff1d(np.arange(len(pool)), labeled)
        chosen = left[sampler.query(pool[left], n_instances=15)]
        sampler.teach(pool[chosen], y_pool[chosen])
        labeled = np.concatenate([labeled, chosen])
        curve.append(sampler.score(test, y_test))
    return curve


methods = ["default", "margin", "random"]
curves = {m: np.array([run(m, seed) for seed in range(N_SEEDS)]) for m in methods}

# %%
# Lines are means over the seeds; bands are their standard errors.

n_labels = 10 + 15 * np.arange(N_ROUNDS + 1)
fig, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
for method, values in curves.items():
    mean, error = values.mean(axis=0), values.std(axis=0, ddof=1) / N_SEEDS**0.5
    ax.plot(n_labels, mean, marker="o", label=method)
    ax.fill_between(n_labels, mean - error, mean + error, alpha=0.2)
ax.set(xlabel="labelled messages", ylabel="accuracy on other messages")
ax.legend(loc="lower right")
for method, values in curves.items():
    print(f"{method:8s} {values[:, -1].mean():.3f} with {n_labels[-1]} labels")

# %%
# For a comparison with intervals and tests see :func:`skautoal.simulation.compare`.
#
# Why these messages?
# -------------------
#
# A query can return the reasons of its picks. Each pick covers a part of the pool that no
# labelled message and no earlier pick is close to (``newly_covered``), and counts more
# where the net is unsure (``uncertainty_weight``).

sampler = make_sampler("default", seed=0)
sampler.fit(pool[:40], y_pool[:40])
result = sampler.query(pool[40:], n_instances=5, return_result=True)
reasons = result.to_frame()
reasons.insert(0, "message", pool[40:][result.indices])
columns = ["message", "prediction", "margin", "newly_covered", "uncertainty_weight"]
print(reasons[columns].round(3).to_string(index=False))

# %%
# The same messages on a map of the net's embeddings:

plot.picks(sampler, pool[40:], result.indices)
