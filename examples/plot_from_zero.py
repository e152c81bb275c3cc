"""
From zero labels: the first batch
=================================

Nothing is labelled yet, so no net can be trained, and no strategy can ask one. A
:class:`~skautoal.LabelingCampaign` then chooses samples that are typical of the pool and
different from each other. As soon as two classes have labels, its sampler takes over.
"""

# %%
# Digits without labels
# ---------------------
#
# The labels are hidden, and stand in for the person who labels.

import tempfile

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skautoal import AutoALSampler, LabelingCampaign, StrategySampler

X, y = load_digits(return_X_y=True)
X = X / 16
pool, y_pool, test, y_test = X[:900], y[:900], X[900:], y[900:]

# %%
# The first batch
# ---------------
#
# ``ask`` returns rows of the pool. For data whose raw values are hard to compare, such as
# photographs or texts, give embeddings of a pre-trained net as ``features``.

folder = tempfile.mkdtemp()
sampler = AutoALSampler(classes=range(10), n_instances=10)
campaign = LabelingCampaign(f"{folder}/digits", sampler, pool, random_state=0)
first = campaign.ask()

fig, axes = plt.subplots(1, 10, figsize=(6.5, 1), layout="constrained")
for ax, index in zip(axes, first, strict=True):
    ax.imshow(pool[index].reshape(8, 8), cmap="gray_r")
    ax.axis("off")
print(f"{len(set(y_pool[first]))} of 10 digits are in the first batch")

# %%
# Labels, and the next batch
# --------------------------
#
# Now there are labels, and the next question is the sampler's.

campaign.tell(first, y_pool[first])
second = campaign.ask()
print(campaign)
print(f"accuracy with {len(first)} labels: {campaign.sampler_.score(test, y_test):.2f}")
campaign.close()

# %%
# Is that better than a random start?
# -----------------------------------
#
# Both ways to start run with six seeds: how many digits does the first batch contain, and
# how well does a net do that is trained on it?

N_SEEDS = 6


def typical(seed):
    """The first batch of a campaign."""
    name = f"{folder}/seed_{seed}"
    with LabelingCampaign(name, sampler, pool, random_state=seed) as campaign:
        return campaign.ask()


def at_random(seed):
    """The first batch of a random start."""
    return np.random.RandomState(seed).permutation(len(pool))[:10]


fig, (left, right) = plt.subplots(1, 2, figsize=(6.5, 2.8), layout="constrained")
for place, start in enumerate([typical, at_random]):
    batches = [start(seed) for seed in range(N_SEEDS)]
    found = [len(set(y_pool[batch])) for batch in batches]
    scores = []
    for seed, batch in enumerate(batches):
        net = StrategySampler(classes=range(10), random_state=seed)
        scores.append(net.fit(pool[batch], y_pool[batch]).score(test, y_test))
    name = start.__name__.replace("_", " ")
    for ax, values in ((left, found), (right, scores)):
        ax.bar(place, np.mean(values), 0.6, color=f"C{place}", alpha=0.5)
        ax.plot(place + np.linspace(-0.15, 0.15, N_SEEDS), values, "k.")
    print(f"{name:9s} {np.mean(found):.1f} digits, accuracy {np.mean(scores):.2f}")
left.set_ylabel("digits in the first batch")
right.set_ylabel("accuracy on test digits")
for ax in (left, right):
    ax.set_xticks([0, 1], ["typical", "at random"])

# %%
# Bars are means, points are seeds.
