"""
A labelling campaign: late, wrong, and missing answers
======================================================

People label when they can. A :class:`~skautoal.LabelingCampaign` keeps questions and answers
in a folder, goes on after a restart, remembers why each sample was chosen, and says when to
stop.
"""

# %%
# A pool without labels
# ---------------------
#
# The pool is 900 handwritten digits. Their labels are known here, and stand in for the
# people who label.

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
    """The same each time: the campaign warns if its sampler is configured otherwise."""
    return AutoALSampler(strategies=["margin", "badge", "typiclust"], n_instances=25)


stopping = [StablePredictions(threshold=0.9, n_rounds=2, n_watched=500), Budget(250)]
options = {"stopping": stopping, "random_state": 0}
campaign = LabelingCampaign(folder, make_sampler(), pool, **options)

# %%
# Rounds, with a restart after each
# ---------------------------------
#
# One answer in ten is still missing when the next question is asked. One in fifty is wrong,
# and is corrected later. The campaign is closed and loaded after each round, as in a script
# that runs once a day.

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
# A second person corrects the wrong labels, and skips two digits that nobody can read.

wrong = campaign.labeled[campaign.labels != y_pool[campaign.labeled]]
campaign.tell(wrong, y_pool[wrong], annotator="Bob")
campaign.skip(campaign.pending[:2], annotator="Bob")
print(f"{len(wrong)} labels corrected; {campaign}")

# %%
# When to stop
# ------------
#
# A real campaign does not know the accuracy on other digits. It does know how well the
# models of successive rounds agree (Cohen's kappa). It stopped when two of these values in a
# row were above 0.9.

fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
ax.plot(n_labels, accuracies, "o-", label="accuracy on test digits")
kappa = campaign.agreements
ax.plot(n_labels[-len(kappa) - 1 : -1], kappa, "s--", label="kappa")
ax.axhline(0.9, color="0.7", linewidth=1)
ax.set(xlabel="labels", ylim=(0, 1.02))
ax.legend(loc="lower right")

# %%
# Which samples were chosen, and were they useful?
# ------------------------------------------------
#
# The audit has a row for each sample: who chose it, what the net predicted, who labelled it,
# and when. Here it shows that the campaign asked for digits that its net got wrong far more
# often than others. The first round has no predictions, since there was no net yet.

rows = [row for row in campaign.audit() if row["label"] is not None]
rows = [row for row in rows if row["predicted"] is not None]
rounds = sorted({row["round"] for row in rows})
by_round = [[row for row in rows if row["round"] == number] for number in rounds]
wrong = [np.mean([row["predicted"] != row["label"] for row in part]) for part in by_round]
errors = [1 - accuracies[number - 1] for number in rounds]
fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
ax.bar(np.array(rounds) - 0.2, wrong, 0.4, label="digits that were asked for")
ax.bar(np.array(rounds) + 0.2, errors, 0.4, label="test digits")
ax.set(xlabel="round", ylabel="share that the net gets wrong", xticks=rounds)
fig.legend(loc="outside upper center", ncols=2)

# %%

names = ["index", "round", "chosen_by", "predicted", "label", "annotator"]
print({name: rows[0][name] for name in names})
campaign.close()
