"""Stopping criteria and the audit of a campaign."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.metrics import cohen_kappa_score

from skautoal import ALBLSampler, LabelingCampaign, StrategySampler
from skautoal.campaign import Budget, StablePredictions, TargetAccuracy
from tests._helpers import flat_autoal
from tests._internals import accuracy_folds, clopper_pearson, derive_seed, kappa
from tests.campaign._tools import CheapSampler, make_pool, tiny_net


@pytest.fixture
def opened(tmp_path):
    made = []

    def make(sampler=None, X=None, **options):
        X = make_pool()[0] if X is None else X
        folder = tmp_path / str(len(made))
        sampler = CheapSampler() if sampler is None else sampler
        made.append(LabelingCampaign(folder, sampler, X, random_state=0, **options))
        return made[-1]

    yield make
    for campaign in made:
        campaign.close()


def test_budget(opened):
    campaign = opened(stopping=Budget(3))
    campaign.tell([0, 1], [0, 1])
    campaign.skip([2])
    assert campaign.should_stop() is None
    campaign.tell([1, 5], [0, 1])
    assert campaign.should_stop() == "3 of 3 labels were told"


@pytest.mark.parametrize(
    "criterion",
    [
        Budget(0),
        TargetAccuracy(1.0),
        TargetAccuracy(0.9, confidence=95),
        TargetAccuracy(0.9, n_folds=1),
        StablePredictions(threshold=0),
        StablePredictions(n_rounds=0),
        StablePredictions(n_watched=1),
        StablePredictions(n_watched=100_001),
    ],
    ids=repr,
)
def test_bad_criteria_are_refused_at_the_start(opened, criterion):
    with pytest.raises(ValueError, match="must be"):
        opened(stopping=[criterion])


def test_target_accuracy_is_that_of_models_that_did_not_see_the_label(opened):
    rng = np.random.RandomState(0)
    y = rng.randint(2, size=60)
    X = rng.standard_normal((60, 3)).astype(np.float32) + 6 * y[:, None]
    easy = opened(StrategySampler(tiny_net(2, max_epochs=20)), X.astype(np.float32))
    noise = opened(StrategySampler(tiny_net(2, max_epochs=20)), rng.standard_normal((60, 3)))
    for campaign in (easy, noise):
        campaign.tell(np.arange(60), y)
    estimate = easy.estimate_accuracy()
    assert estimate.n_samples == 60
    assert estimate.accuracy > 0.9
    assert estimate.lower < estimate.accuracy <= estimate.upper
    assert noise.estimate_accuracy().accuracy < 0.8
    assert easy.estimate_accuracy() is estimate  # nothing is trained twice
    target = TargetAccuracy(0.8)
    assert "cross-validated accuracy on 60" in target.reason(easy)
    assert target.reason(noise) is None
    assert TargetAccuracy(0.8, n_least=61).reason(easy) is None
    with pytest.raises(ValueError, match="'n_folds'"):
        easy.estimate_accuracy(1)
    with pytest.raises(ValueError, match="'confidence'"):
        easy.estimate_accuracy(confidence=1)


@pytest.mark.parametrize(("n_right", "n"), [(0, 7), (7, 7), (13, 20), (1, 2)])
def test_exact_interval(n_right, n):
    lower, upper = clopper_pearson(n_right, n, 0.9)
    # By definition: at the ends, what was seen or more (less) has probability 5 %.
    if n_right:
        assert binom.sf(n_right - 1, n, lower) == pytest.approx(0.05)
    if n_right < n:
        assert binom.cdf(n_right, n, upper) == pytest.approx(0.05)
    assert (lower == 0) == (n_right == 0)
    assert (upper == 1) == (n_right == n)


def test_folds_deal_each_class_out():
    y = np.repeat([0, 1, 2], [10, 5, 2])
    folds = accuracy_folds(y, 5, np.random.RandomState(0))
    assert np.bincount(folds).tolist() == [4, 4, 3, 3, 3]
    for label, most in ((0, 2), (1, 1), (2, 1)):
        assert np.bincount(folds[y == label]).max() <= most


def test_kappa():
    rng = np.random.RandomState(0)
    for _ in range(20):
        a, b = rng.randint(3, size=(2, 30)).tolist()
        assert kappa(a, b) == pytest.approx(cohen_kappa_score(a, b))
    assert kappa(["x"] * 3, ["x"] * 3) == 1
    assert kappa(["x"] * 3, ["y"] * 3) == 0


def test_stable_predictions(opened):
    X, y = make_pool(200)
    campaign = opened(
        StrategySampler(tiny_net(max_epochs=20), "random"),
        X,
        stopping=[StablePredictions(threshold=0.9, n_rounds=2, n_watched=50), Budget(190)],
    )
    campaign.tell(np.arange(5), y[:5])
    reasons, models = [], []
    for _ in range(6):
        picks = campaign.ask(20)
        campaign.ask(1)  # the same model: it counts once
        models.append(campaign.sampler_.predict(X))
        campaign.tell(picks, y[picks])
        reasons.append(campaign.should_stop())
    assert len(campaign.agreements) == 5
    assert reasons[:2] == [None, None]
    watched = np.random.RandomState(derive_seed(0, "watched")).choice(200, 50, replace=False)
    assert campaign.agreements == pytest.approx(
        [kappa(a[watched], b[watched]) for a, b in pairwise(models)]
    )
    settled = np.mean(campaign.agreements[-2:]) >= 0.9
    assert (reasons[-1] is not None) == settled


@pytest.mark.filterwarnings("ignore::skautoal.exceptions.FewLabelsWarning")
@pytest.mark.parametrize("kind", ["autoal", "albl", "margin"])
def test_audit(opened, kind):
    X, _ = make_pool()
    sampler = {
        "autoal": flat_autoal(tiny_net(), ["margin", "kmeans"], n_steps=2, n_splits=2),
        "albl": ALBLSampler(tiny_net(), ["margin", "kmeans"]),
        "margin": StrategySampler(tiny_net()),
    }[kind]
    campaign = opened(sampler, X)
    first = campaign.ask(2)
    campaign.tell([30, 31, 32], [0, 1, 2], annotator="Ada")
    picks = campaign.ask(3)
    P = campaign.sampler_.predict_proba(X[picks])
    campaign.tell(picks[:1], [2], annotator=7)
    campaign.tell(picks[:1], [1])
    campaign.skip(picks[1:2])
    rows = campaign.audit()
    assert [row["index"] for row in rows] == [*first, 30, 31, 32, *picks]
    assert [row["status"] for row in rows] == [
        *["pending"] * 2, *["labeled"] * 4, "skipped", "pending"
    ]  # fmt: skip
    assert rows[0]["chosen_by"] == "cold start: typiclust"
    assert rows[2] | {"chosen_by": "user", "annotator": "Ada", "round": None} == rows[2]
    asked = rows[5:]
    assert {row["chosen_by"] for row in asked} == {type(sampler).__name__}
    assert [row["place"] for row in asked] == [1, 2, 3]
    assert {(row["round"], row["n_labeled"]) for row in asked} == {(1, 3)}
    assert [row["predicted"] for row in asked] == P.argmax(axis=1).tolist()
    assert [row["probability"] for row in asked] == pytest.approx(P.max(axis=1))
    assert asked[0]["labels"] == [2, 1]
    assert asked[0]["label"] == 1
    assert all(row["asked_at"].endswith("+00:00") for row in asked)
    if kind == "margin":
        assert asked[0]["strategy_weights"] == {"Margin": 1.0}
        return
    weights = [list(row["strategy_weights"].values()) for row in asked]
    assert np.sum(weights, axis=1) == pytest.approx(1)
    if kind == "albl":
        assert all(sorted(row) == [0, 1] for row in weights)
    frame = campaign.audit_frame()
    names = [f"weight_{name}" for name in asked[0]["strategy_weights"]]
    assert frame.loc[5:, names].to_numpy() == pytest.approx(np.array(weights))
    assert frame.loc[:4, names].isna().all(axis=None)
