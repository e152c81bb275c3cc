"""Results and errors of ask, tell and skip."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import make_blobs
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

from skautoal import LabelingCampaign, StrategySampler
from skautoal.exceptions import PoolSizeWarning
from skautoal.signals import Signals
from skautoal.strategies import TypiClust
from tests._helpers import flat_autoal
from tests.campaign._tools import N_POOL, CheapSampler, make_pool, tiny_net


@pytest.fixture
def pool():
    return make_pool()


@pytest.fixture
def campaign(tmp_path, pool):
    with LabelingCampaign(tmp_path / "c", CheapSampler(), pool[0], random_state=0) as made:
        yield made


def test_everything_is_in_one_of_four_states(campaign, pool):
    _, y = pool
    picks = campaign.ask(6)
    assert picks.dtype == np.int64
    assert campaign.pending.tolist() == picks.tolist()
    campaign.tell(picks[[4, 2]], y[picks[[4, 2]]])
    campaign.skip([int(picks[0])])
    assert campaign.labeled.tolist() == sorted(picks[[4, 2]].tolist())
    assert campaign.labels.tolist() == y[campaign.labeled].tolist()
    assert campaign.pending.tolist() == picks[[1, 3, 5]].tolist()
    assert campaign.skipped.tolist() == [picks[0]]
    assert repr(campaign) == ("LabelingCampaign(2 labeled, 3 pending, 1 skipped, 34 free, round 1)")


def test_asking_again_gives_others(campaign, pool):
    picks = np.concatenate([campaign.ask(7) for _ in range(3)])
    assert len(set(picks.tolist())) == 21
    campaign.tell(picks[:9], pool[1][picks[:9]])
    more = np.concatenate([campaign.ask(5), campaign.ask(5)])
    assert not set(more.tolist()) & set(picks.tolist())
    assert len(set(more.tolist())) == 10


def test_the_pool_is_asked_for_once_and_then_empty(campaign):
    assert len(campaign.ask(N_POOL - 3)) == N_POOL - 3
    with pytest.warns(PoolSizeWarning):
        assert len(campaign.ask(5)) == 3
    assert campaign.ask(5).shape == (0,)
    assert campaign.should_stop() is None  # answers are still out
    campaign.skip(campaign.pending)
    assert "no sample is left" in campaign.should_stop()
    assert campaign.n_rounds == 2


def test_the_first_question_is_typiclust_on_standardised_features(tmp_path):
    X, _ = make_blobs(60, n_features=2, centers=3, random_state=1)
    X[:, 1] *= 1000  # counts as much as the other
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    # Three clusters: each gives the sample that one finds by hand as its typical one.
    embeddings = scaled.astype(np.float32)
    picks = {}
    for seed in range(3):
        folder = tmp_path / str(seed)
        with LabelingCampaign(folder, CheapSampler(), X, random_state=seed) as campaign:
            picks[seed] = sorted(campaign.ask(3).tolist())
    by_hand = TypiClust().select(Signals(embeddings=embeddings), 3, random_state=5)
    assert picks[0] == picks[1] == picks[2] == sorted(by_hand.tolist())


def test_a_cold_start_keeps_away_from_what_was_asked(tmp_path):
    X = np.array([[0.0], [0.1], [5.0], [5.1], [9.0]])
    options = {"cold_start": "kcenter_greedy", "random_state": 0}
    with LabelingCampaign(tmp_path / "c", CheapSampler(), X, **options) as campaign:
        campaign.tell([0], ["one class only"])
        assert campaign.ask(1).tolist() == [4]
        assert campaign.ask(1)[0] in (2, 3)


def test_a_cold_start_on_given_features(tmp_path, pool):
    features = np.zeros((N_POOL, 2))
    features[17] = 100
    options = {"features": features, "cold_start": "kcenter_greedy", "random_state": 0}
    with LabelingCampaign(tmp_path / "c", CheapSampler(), pool[0], **options) as campaign:
        assert 17 in campaign.ask(2)


def test_a_cold_start_on_the_embeddings_of_a_trained_net(tmp_path, mlp_net, blobs):
    X, _ = blobs
    sampler = StrategySampler(FrozenEstimator(mlp_net), "margin")
    options = {"cold_start": "kcenter_greedy", "random_state": 0}
    with LabelingCampaign(tmp_path / "a", sampler, X, **options) as campaign:
        picks = campaign.ask(5).tolist()
    H = np.maximum(X @ weight(mlp_net, "weight").T + weight(mlp_net, "bias"), 0)
    with LabelingCampaign(tmp_path / "b", sampler, X, features=H, **options) as campaign:
        raw = campaign.ask(5).tolist()
    assert len(set(picks)) == 5
    # The net's embeddings as they are, features standardised: near, not the same.
    with LabelingCampaign(tmp_path / "c", CheapSampler(), X, **options) as campaign:
        assert picks != campaign.ask(5).tolist()
    assert len(raw) == 5


def weight(net, name):
    return next(
        value.detach().numpy()
        for key, value in net.module_.state_dict().items()
        if key.endswith(name)
    )


def test_labels_in_any_order_lead_to_the_same_question(tmp_path, pool):
    X, y = pool
    asked = []
    for number, order in enumerate(([0, 1, 2, 3, 4, 5], [3, 5, 4, 1, 0, 2])):
        sampler = StrategySampler(tiny_net(), "margin")
        with LabelingCampaign(tmp_path / str(number), sampler, X, random_state=0) as campaign:
            picks = campaign.ask(6)
            for position in order:
                campaign.tell(picks[[position]], y[picks[[position]]])
            asked.append(campaign.ask(4).tolist())
    assert asked[0] == asked[1]


def test_a_correction_counts(tmp_path, pool):
    X, _ = pool
    asked = {}
    for name, labels in (("wrong", [2, 2, 0]), ("right", [0, 1, 0]), ("corrected", [2, 2, 0])):
        with LabelingCampaign(tmp_path / name, CheapSampler(), X, random_state=0) as campaign:
            campaign.tell([0, 1, 2], labels)
            campaign.ask(1)
            if name == "corrected":
                campaign.tell([0, 1], [0, 1])
                assert campaign.labels.tolist() == [0, 1, 0]
            model = campaign.sampler_
            free = np.setdiff1d(np.arange(N_POOL), [0, 1, 2, *campaign.pending])
            asked[name] = campaign.ask(3).tolist()
            assert asked[name] == free[model.query(X[free], 3)].tolist()
            assert model.y_labeled_.tolist() == campaign.labels.tolist()
    assert asked["corrected"] != asked["wrong"]


def test_new_classes_grow(tmp_path):
    X, y = make_pool(30)
    with LabelingCampaign(tmp_path / "c", StrategySampler(), X, random_state=0) as campaign:
        first = [np.flatnonzero(y == c)[:4] for c in range(3)]
        for rows in first[:2]:
            campaign.tell(rows, y[rows])
        campaign.ask(2)
        assert campaign.sampler_.classes_.tolist() == [0, 1]
        campaign.tell(first[2], y[first[2]])
        campaign.ask(2)
        assert campaign.sampler_.classes_.tolist() == [0, 1, 2]
        assert campaign.sampler_.predict_proba(X).shape == (30, 3)
        assert campaign.estimator_.module_ is campaign.sampler_.estimator_.module_


def test_a_skipped_sample_comes_back_with_a_label(campaign):
    campaign.skip([3, 4])
    campaign.skip([3])
    campaign.tell([3], [1])
    assert campaign.skipped.tolist() == [4]
    assert campaign.labeled.tolist() == [3]
    with pytest.raises(ValueError, match=r"labelled samples, \[3\].*Use tell to correct"):
        campaign.skip([4, 3])
    assert campaign.skipped.tolist() == [4]


@pytest.mark.parametrize(
    ("indices", "labels", "error", "message"),
    [
        ([40], [0], ValueError, "0 to 39; got 40"),
        ([-1], [0], ValueError, "0 to 39; got -1"),
        ([1, 1], [0, 0], ValueError, "contains duplicates"),
        ([1, 2], [0], ValueError, "has 1 items, but 'indices' has 2"),
        ([1.0], [0], TypeError, "list or array of integers"),
        ([[1]], [0], TypeError, "list or array of integers"),
        ([1], [None], TypeError, "without missing values"),
        ([1], [float("nan")], ValueError, "whole numbers"),
        ([1], [0.5], ValueError, "whole numbers"),
        ([1], ["a"], TypeError, "of type str, but the other labels of this campaign are int"),
        ([1], [True], TypeError, "of type bool"),
        ([1], [2**63], ValueError, "int64"),
        ([1], 5, TypeError, "Pass a single label as a list"),
        ([1], "a", TypeError, "list or array of labels"),
        ([1], [b"a"], TypeError, "of type bytes"),
        ([1], [[0]], TypeError, "of type list"),
    ],
)
def test_bad_answers_are_refused_whole(campaign, indices, labels, error, message):
    campaign.tell([0], [0])
    before = (campaign.folder / "journal.jsonl").read_bytes()
    with pytest.raises(error, match=message):
        campaign.tell(indices, labels)
    assert campaign.labeled.tolist() == [0]
    assert (campaign.folder / "journal.jsonl").read_bytes() == before


def test_an_annotator_is_a_name_or_a_number(campaign):
    campaign.tell([0], [0], annotator=7)
    campaign.skip([1], annotator="Ada")
    with pytest.raises(TypeError, match="'annotator' must be a name"):
        campaign.tell([0], [1], annotator=["Ada"])


@pytest.mark.parametrize("y", [["a", "b"], np.array([True, False]), [1.0, 2.0], np.int8([3, -4])])
def test_labels_keep_their_kind(campaign, y):
    campaign.tell([2, 1], y)
    assert campaign.labels.tolist() == list(np.asarray(y).tolist()[::-1])
    assert campaign.labels.dtype.kind == np.asarray(y).dtype.kind


def test_tensors_and_series_are_answers_too(campaign):
    campaign.tell(torch.tensor([1, 2]), torch.tensor([0, 1]))
    campaign.tell(pd.Series([3]), pd.Series([1]))
    campaign.tell([], [])
    assert campaign.labels.tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"sampler": "margin"}, TypeError, "'sampler' must be a sampler of skautoal"),
        ({"sampler": StrategySampler(n_instances=0)}, ValueError, "n_instances"),
        ({"X": np.empty((0, 3))}, ValueError, "'X' is empty"),
        ({"features": np.ones((3, 2))}, ValueError, "'features' has 3 rows, but 'X' has 40"),
        ({"cold_start": "margin"}, ValueError, "'cold_start' must be one of"),
        ({"stopping": ["budget"]}, TypeError, "'stopping' must be a StoppingCriterion"),
    ],
)
def test_bad_parameters_leave_no_folder(tmp_path, pool, options, error, message):
    arguments = {"sampler": CheapSampler(), "X": pool[0], **options}
    with pytest.raises(error, match=message):
        LabelingCampaign(tmp_path / "c", random_state=0, **arguments)
    assert not (tmp_path / "c").exists()


def test_samples_without_vectors_need_features_for_the_first_question(tmp_path):
    texts = ["good film", "bad film", "good play", "bad play"] * 5
    with LabelingCampaign(tmp_path / "c", StrategySampler(), texts, random_state=0) as campaign:
        with pytest.raises(TypeError, match="Pass 'features'"):
            campaign.ask(2)
        assert campaign.n_rounds == 0


def test_texts_through_a_pipeline(tmp_path):
    texts = ["good film", "bad film", "good play", "bad play", "good one", "bad one"] * 4
    features = TfidfVectorizer().fit_transform(texts)
    net = tiny_net(2).set_params(module__n_features=features.shape[1])
    vectors = TfidfVectorizer(vocabulary=sorted({w for t in texts for w in t.split()}))
    sampler = StrategySampler(make_pipeline(vectors, net), "margin")
    with LabelingCampaign(
        tmp_path / "c", sampler, texts, features=features, random_state=0
    ) as campaign:
        picks = campaign.ask(6)
        campaign.tell(picks, [texts[i].split()[0] for i in picks])
        assert len(campaign.ask(3)) == 3
        assert set(campaign.sampler_.predict(texts)) <= {"good", "bad"}


@pytest.mark.parametrize("kind", ["frame", "tensor", "dict", "dataset"])
def test_pools_of_many_kinds(tmp_path, kind):
    X, y = make_pool(24)
    pools = {
        "frame": pd.DataFrame(X, columns=list("abc")),
        "tensor": torch.as_tensor(X),
        "dict": {"X": X},
        "dataset": torch.utils.data.TensorDataset(torch.as_tensor(X), torch.as_tensor(y)),
    }
    estimator = tiny_net()
    features = X if kind in ("dict", "dataset") else None
    sampler = StrategySampler(estimator, "margin")
    with LabelingCampaign(
        tmp_path / "c", sampler, pools[kind], features=features, random_state=0
    ) as campaign:
        campaign.tell([0, 1, 2, 3, 4, 5], y[:6])
        picks = campaign.ask(4)
        assert len(set(picks.tolist()) | set(range(6))) == 10
    with LabelingCampaign.load(tmp_path / "c", sampler, pools[kind], features=features) as campaign:
        assert campaign.pending.tolist() == picks.tolist()


class OnDisk:
    """Array that supports slices only and counts the rows read."""

    def __init__(self, array):
        self._array, self.most = array, 0
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, rows):
        assert isinstance(rows, slice)
        part = self._array[rows]
        self.most = max(self.most, len(part))
        return part


@pytest.mark.parametrize("kind", ["memmap", "slices"])
def test_pools_on_disk_give_the_picks_of_the_array(tmp_path, kind):
    X, y = make_pool(9000)
    np.save(tmp_path / "X.npy", X)
    pool = np.load(tmp_path / "X.npy", mmap_mode="r") if kind == "memmap" else OnDisk(X)
    asked = []
    for folder, samples in (("a", X), ("b", pool)):
        sampler = StrategySampler(tiny_net(), "margin")
        with LabelingCampaign(
            tmp_path / folder, sampler, samples, cold_start="kcenter_greedy", random_state=0
        ) as campaign:
            first = campaign.ask(3)
            campaign.tell(np.arange(50, 80), y[50:80])
            asked.append([first.tolist(), campaign.ask(20).tolist()])
    assert asked[0] == asked[1]
    if kind == "slices":
        assert pool.most < 9000  # never the whole


def test_a_pool_that_can_be_read_once_is_refused(tmp_path):
    with pytest.raises(TypeError, match="can be read several times"):
        LabelingCampaign(tmp_path / "c", CheapSampler(), iter([np.ones((3, 2))]))


def test_the_net_of_the_user_stays_untouched(tmp_path, pool):
    X, y = pool
    X.flags.writeable = False
    sampler = flat_autoal(tiny_net(), ["margin", "random"], n_steps=2, random_state=5)
    before = sampler.get_params(deep=False)
    with LabelingCampaign(tmp_path / "c", sampler, X) as campaign:
        campaign.tell(np.arange(12), y[:12])
        campaign.ask(3)
    assert sampler.get_params(deep=False) == before
    assert not sampler.estimator.initialized_
    assert not hasattr(sampler, "estimator_")


def test_a_closed_campaign_says_so(campaign):
    campaign.close()
    campaign.close()
    for use in (
        campaign.ask,
        campaign.should_stop,
        campaign.audit,
        lambda: campaign.tell([0], [0]),
    ):
        with pytest.raises(ValueError, match="campaign is closed"):
            use()
