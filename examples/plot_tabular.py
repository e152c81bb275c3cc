"""
Tables: a DataFrame through a pipeline
======================================

A pandas DataFrame has columns of different kinds: numbers to scale, and categories to
encode. A scikit-learn pipeline does both and ends in a sampler. The pipeline takes
DataFrames, checks their columns, and answers queries.
"""

# %%
# The table
# ---------
#
# The customers are made up. Which of them will leave? The numbers are on different scales,
# one column holds categories, and another holds categories that have an order.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from skautoal import AutoALSampler, StrategySampler
from skautoal.pipeline import make_pipeline

rng = np.random.RandomState(0)
n = 1000
customers = pd.DataFrame(
    {
        "income": rng.lognormal(10, 0.5, n),
        "years": rng.randint(0, 20, n),
        "calls": rng.poisson(2, n),
        "region": rng.choice(["north", "south", "islands"], n, p=[0.5, 0.4, 0.1]),
        "plan": rng.choice(["free", "basic", "full"], n),
    }
)
new_and_free = (customers["plan"] == "free") & (customers["years"] < 4)
unhappy = (customers["calls"] > 3) | new_and_free
settled = (customers["region"] == "islands") & (customers["calls"] < 6)
leaves = np.where(unhappy & ~settled, "leaves", "stays")
pool, y_pool = customers[:600], leaves[:600]
test, y_test = customers[600:], leaves[600:]
print(pool.head(), f"\n{np.mean(leaves == 'leaves'):.0%} leave")

# %%
# The pipeline
# ------------
#
# The categories are given, since the first labelled rows may lack some. The sampler gets no
# ``estimator``, so its model is a small net whose size follows the data.

regions, plans = ["north", "south", "islands"], ["free", "basic", "full"]
columns = make_column_transformer(
    (StandardScaler(), ["income", "years", "calls"]),
    (OneHotEncoder(categories=[regions], sparse_output=False), ["region"]),
    (OrdinalEncoder(categories=[plans]), ["plan"]),
)
three = ["margin", "badge", "kmeans"]
pipe = make_pipeline(columns, AutoALSampler(strategies=three, random_state=0))
pipe

# %%
# Rounds of labelling
# -------------------
#
# ``fit`` fits the scaler on the first labels. ``teach`` sends new rows through the fitted
# scaler, and trains the net again. Each method runs with three seeds.


def run(sampler, seed):
    """Accuracy on the other customers after each round."""
    pipe = make_pipeline(columns, sampler)
    labeled = pool.sample(20, random_state=seed).index
    pipe.fit(pool.loc[labeled], y_pool[labeled])
    curve = [pipe.score(test, y_test)]
    for _ in range(3):
        left = pool.index.difference(labeled)
        rows = left[pipe.query(pool.loc[left], n_instances=20)]
        pipe.teach(pool.loc[rows], y_pool[rows])
        labeled = labeled.union(rows)
        curve.append(pipe.score(test, y_test))
    return curve


makers = {
    "AutoALSampler": lambda seed: AutoALSampler(strategies=three, random_state=seed),
    "random": lambda seed: StrategySampler(strategy="random", random_state=seed),
}
n_labels = range(20, 81, 20)
_, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
for name, make in makers.items():
    curves = np.array([run(make(seed), seed) for seed in range(3)])
    ax.plot(n_labels, curves.mean(axis=0), marker="o", label=name)
    ax.fill_between(n_labels, curves.min(axis=0), curves.max(axis=0), alpha=0.15)
    print(f"{name:13s} {curves[:, -1].mean():.3f} with {n_labels[-1]} labels")
ax.set(xlabel="labelled customers", ylabel="accuracy on other customers")
ax.legend(loc="lower right")

# %%
# Lines are means; bands reach from the worst to the best of the three runs.
#
# Why these rows?
# ---------------
#
# The reasons are a DataFrame, too, so they can stand beside the rows. Joint herding, which
# builds the batch, prefers rows that cover a part of the pool that no labelled row covers
# (``newly_covered``) and that the net is unsure of (a small ``margin``).

pipe.fit(pool[:20], y_pool[:20])
left = pool.index[20:]
idx = pipe.query(pool.loc[left], n_instances=6)
reasons = pipe.explain(pool.loc[left], idx).to_frame().set_index(left[idx])
print(pool.loc[left[idx]].round().to_string())
names = ["prediction", "margin", "newly_covered", "nearest"]
print(f"\n{reasons[names].round(3).to_string()}")

# %%
# Columns are checked
# -------------------
#
# Columns in another order are put in order. A missing column is an error.

try:
    pipe.query(pool.loc[left].drop(columns="calls"))
except ValueError as error:
    print(error)
