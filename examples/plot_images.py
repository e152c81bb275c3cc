"""
Images: a small convolutional net
=================================

Handwritten digits as images of 8 x 8 pixels, and a small convolutional net. Images keep
their shape: the sampler hands them to the net as they are.
"""

# %%
# Images and a net
# ----------------
#
# Arrays of images have the shape that torch expects: samples, channels, height, width. Any
# skorch ``NeuralNetClassifier`` will do. ``SmallCNN`` has two convolutions, a dropout layer,
# and a linear head; the input of the head is the embedding that strategies compare.

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from skorch import NeuralNetClassifier

from skautoal import AutoALSampler, StrategySampler
from skautoal.modules import SmallCNN

X, y = load_digits(return_X_y=True)
images = (X / 8 - 1).astype(np.float32).reshape(-1, 1, 8, 8)
pool, y_pool, test, y_test = images[:1000], y[:1000], images[1000:], y[1000:]

net = NeuralNetClassifier(
    SmallCNN,
    module__image_shape=(1, 8, 8),
    module__n_classes=10,
    criterion=torch.nn.CrossEntropyLoss,
    optimizer=torch.optim.Adam,
    lr=0.01,
    max_epochs=40,
    iterator_train__batch_size=-1,  # all labels: a small last batch would add noise
)

# %%
# One query
# ---------
#
# Thirty images have labels. Which twelve should be labelled next? Above each of them is
# what the net takes it for, and how sure it is.

sampler = AutoALSampler(net, random_state=0).fit(pool[:30], y_pool[:30])
result = sampler.query(pool[30:], n_instances=12, return_result=True)
reasons = result.explain()

fig, axes = plt.subplots(2, 6, figsize=(6.5, 2.6), layout="constrained")
for ax, row in zip(axes.flat, range(12), strict=True):
    ax.imshow(pool[30:][result.indices[row], 0], cmap="gray_r")
    title = f"{reasons.predictions[row]} ({reasons.probabilities[row]:.0%})"
    ax.set_title(title, fontsize=9)
    ax.axis("off")

# %%
# Four rounds of fifteen labels
# -----------------------------
#
# The net is trained from scratch after each round. The default of ``AutoALSampler`` runs
# beside random sampling, with three seeds and the same first labels.

N_SEEDS, N_ROUNDS = 3, 4


def run(sampler, seed):
    """Accuracy on the test images after each round."""
    labeled = np.random.RandomState(seed).permutation(len(pool))[:20]
    sampler.fit(pool[labeled], y_pool[labeled])
    curve = [sampler.score(test, y_test)]
    for _ in range(N_ROUNDS):
        left = np.setdiff1d(np.arange(len(pool)), labeled)
        chosen = left[sampler.query(pool[left], n_instances=15)]
        sampler.teach(pool[chosen], y_pool[chosen])
        labeled = np.concatenate([labeled, chosen])
        curve.append(sampler.score(test, y_test))
    return curve


makers = {
    "default": lambda seed: AutoALSampler(net, random_state=seed),
    "random": lambda seed: StrategySampler(net, "random", random_state=seed),
}
n_labels = 20 + 15 * np.arange(N_ROUNDS + 1)
fig, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
for name, make in makers.items():
    curves = np.array([run(make(seed), seed) for seed in range(N_SEEDS)])
    ax.plot(n_labels, curves.mean(axis=0), marker="o", label=name)
    ax.fill_between(n_labels, curves.min(axis=0), curves.max(axis=0), alpha=0.15)
    print(f"{name:8s} {curves[:, -1].mean():.3f} with {n_labels[-1]} labels")
ax.set(xlabel="labelled images", ylabel="accuracy on test images")
ax.legend(loc="lower right")

# %%
# Lines are means; bands reach from the worst to the best of the three runs.
