"""
A labelling campaign: answers late, wrong, or refused
=====================================================

People label when they can. A campaign keeps what was asked, told and refused in a folder,
goes on after a restart, remembers why each sample was chosen, and says when to stop.
"""

# %%
# A pool without labels
# ---------------------
#
# Digits, of which we know the labels, to play the annotators.

import tempfile

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skautoal import AutoALSampler, LabelingCampaign
from skautoal.campaign import Budget, StablePredictions

X, y = load_digits(return_X_y=True)
X = X / 16
pool, y_pool, test, y_test = X[:900], y[:900], X[900:], y[900:]
folder = tempfile.mkdtemp() + "/digits"


def make_sampler():
    """The same each time: the campaign notes how its sampler is configured."""
    return AutoALSampler(strategies=["margin", "badge", "typiclust"], n_instances=25)


stopping = [StablePredictions(threshold=0.9, n_rounds=2, n_watched=500), Budget(250)]
campaign = LabelingCampaign(folder, make_sampler(), pool, stopping=stopping, random_state=0)

# %%
# Rounds, with a night in between
# -------------------------------
#
# One answer in ten is missing when the next question is asked, one in fifty is wrong and
# corrected later. After each round the campaign is closed and loaded, as by a script that
# runs once a day.

rng = np.random.RandomState(0)
n_labels, accuracies = [], []
while campaign.should_stop() is None:
    asked = campaign.ask()
    answered = asked[rng.random_sample(len(asked)) > 0.1]
    labels = np.where(rng.random_sample(len(answered)) > 0.02, y_pool[answered], 0)
    campaign.tell(answered, labels, annotator="Ada")
    n_labels.append(len(campaign.labeled))
    accuracies.append(campaign.sampler_.score(test, y_test))
    campaign.close()
    campaign = LabelingCampaign.load(folder, make_sampler(), pool, stopping=stopping)

print(campaign)
print("Stopped:", campaign.should_stop())

# %%
# Somebody looks again, corrects what is wrong, and refuses what nobody can read.

wrong = campaign.labeled[campaign.labels != y_pool[campaign.labeled]]
campaign.tell(wrong, y_pool[wrong], annotator="Bob")
campaign.skip(campaign.pending[:2], annotator="Bob")
print(f"{len(wrong)} labels corrected; {campaign}")

# %%
# How it went
# -----------
#
# Accuracy on digits that were never in the pool, which a real campaign does not know, and
# agreement of the models of successive rounds, which it does.

fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
ax.plot(n_labels, accuracies, "o-", label="accuracy on test digits")
ax.plot(n_labels[-len(campaign.agreements) - 1 : -1], campaign.agreements, "s--", label="kappa")
ax.axhline(0.9, color="0.7", linewidth=1)
ax.set(xlabel="labels", ylim=(0, 1.02))
ax.legend(loc="lower right")

# %%
# Who chose, and why
# ------------------
#
# The audit has a row for each sample. Here: how much AutoAL trusted its strategies, for
# each sample it chose, by round. The first round was TypiClust's alone, when there was
# nothing to train on.

rows = [row for row in campaign.audit() if row["strategy_weights"]]
names = list(rows[0]["strategy_weights"])
fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
for shift, name in enumerate(names):
    rounds = np.array([row["round"] for row in rows])
    weights = np.array([row["strategy_weights"][name] for row in rows])
    ax.plot(rounds + 0.2 * (shift - 1), weights, ".", alpha=0.5, label=name)
ax.set(xlabel="round", ylabel="trust for a sample", xticks=sorted(set(rounds)))
fig.legend(loc="outside upper center", ncols=len(names))
plt.show()

# %%

print({key: rows[0][key] for key in ("index", "chosen_by", "round", "predicted", "label")})
campaign.close()
