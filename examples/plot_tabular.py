"""
Tables: columns of numbers and words through a pipeline
=======================================================

A pandas frame has columns of different kinds: numbers to scale, words to encode. They go
into a pipeline that ends in a sampler, which takes frames, checks their columns, and
answers queries.
"""

# %%
# The table
# ---------
#
# Made-up customers, of whom we want to know who will leave. Numbers are on different
# scales, one column holds words, another words in an order.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from skautoal import AutoALSampler, StrategySampler, plot
from skautoal.pipeline import make_pipeline

rng = np.random.RandomState(0)
n = 1000
customers = pd.DataFrame(
    {
        "income": rng.lognormal(10, 0.5, n),
        "years": rng.randint(0, 20, n),
        "calls": rng.poisson(2, n),
        "region": pd.Categorical(rng.choice(["north", "south", "islands"], n, p=[0.5, 0.4, 0.1])),
        "plan": pd.Categorical(rng.choice(["free", "basic", "full"], n)),
    }
)
restless = (customers["calls"] > 3) | ((customers["plan"] == "free") & (customers["years"] < 4))
settled = (customers["region"] == "islands") & (customers["calls"] < 6)  # nowhere else to go
leaves = np.where(restless & ~settled, "leaves", "stays")
pool, y_pool, test, y_test = customers[:600], leaves[:600], customers[600:], leaves[600:]
print(pool.head(), f"\n{np.mean(leaves == 'leaves'):.0%} leave")

# %%
# The pipeline
# ------------
#
# The categories are named, since the first labelled rows may lack some. The sampler has
# no ``estimator``: its model is then a small net that is made to measure.

columns = make_column_transformer(
    (StandardScaler(), ["income", "years", "calls"]),
    (OneHotEncoder(categories=[["north", "south", "islands"]], sparse_output=False), ["region"]),
    (OrdinalEncoder(categories=[["free", "basic", "full"]]), ["plan"]),
)
autoal = AutoALSampler(strategies=["margin", "badge", "kmeans"], random_state=0)
pipe = make_pipeline(columns, autoal)
pipe

# %%
# Rounds of labelling
# -------------------
#
# The scaler is fitted on the first labels and kept: ``teach`` sends new rows through it.

curves = {}
for name, sampler in {
    "AutoAL": autoal,
    "random": StrategySampler(strategy="random", random_state=0),
}.items():
    pipe = make_pipeline(columns, sampler)
    left = pool.index[20:]
    pipe.fit(pool[:20], y_pool[:20])
    curve = [pipe.score(test, y_test)]
    for _ in range(6):
        rows = left[pipe.query(pool.loc[left], n_instances=10)]
        pipe.teach(pool.loc[rows], y_pool[rows])
        left = left.difference(rows)
        curve.append(pipe.score(test, y_test))
    curves[name] = curve

_, ax = plt.subplots(layout="constrained")
for name, curve in curves.items():
    ax.plot(range(20, 81, 10), curve, marker="o", label=name)
ax.set(xlabel="labelled customers", ylabel="accuracy on other customers")
ax.legend()
print({name: round(curve[-1], 2) for name, curve in curves.items()})

# %%
# A single run says little: for a comparison with seeds, intervals and tests see
# :func:`skautoal.simulation.compare`.
#
# Why these rows?
# ---------------
#
# The table of reasons is a frame as well, so it can stand beside the rows.

pipe = make_pipeline(columns, autoal)
left = pool.index.difference(pool.index[:20])
pipe.fit(pool[:20], y_pool[:20])
idx = pipe.query(pool.loc[left], n_instances=6)
reasons = pipe.explain(pool.loc[left], idx).to_frame().set_index(left[idx])
print(pool.loc[left[idx]].join(reasons[["prediction", "margin", "score", "rank"]]).round(2))

# %%
# How much each strategy was trusted, on the labelled rows, the pool and the batch:

plot.strategy_weights(pipe)

# %%
# Columns are checked
# -------------------
#
# A frame with another order of columns is understood; one that lacks a column is not.

try:
    pipe.query(pool.loc[left].drop(columns="calls"))
except ValueError as error:
    print(error)
