"""A campaign that is loaded again gives the same results as one without interruption."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from itertools import pairwise

import numpy as np
import pytest
import torch

from skautoal import (
    ALBLSampler,
    LabelingCampaign,
    StrategySampler,
    TAILORSampler,
    TCMSampler,
)
from skautoal.campaign import StablePredictions
from skautoal.exceptions import CampaignFileError, SkautoalWarning
from tests._helpers import FirstColumns, flat_autoal, make_net
from tests._internals import CampaignRound, Learner, internal
from tests.campaign._tools import (
    CheapSampler,
    RememberingSampler,
    make_pool,
    play,
    tiny_net,
    uninterrupted,
)

TWO = ["margin", "kcenter_greedy"]
SAMPLERS = {
    "cheap": lambda: CheapSampler(),
    "remembering": lambda: RememberingSampler(),
    "margin": lambda: StrategySampler(tiny_net(), "margin"),
    "autoal": lambda: flat_autoal(tiny_net(), TWO, n_steps=2, n_splits=2),
    "autoal, a column unread": lambda: flat_autoal(two_columns(), TWO),
    "search": lambda: searching(),
    "search, comparing": lambda: searching([*TWO, "temporal_output_discrepancy"]),
    "previous": lambda: StrategySampler(tiny_net(), "temporal_output_discrepancy"),
    "albl": lambda: ALBLSampler(tiny_net(), TWO),
    "tailor": lambda: TAILORSampler(tiny_net(), [("a", "margin"), ("b", "random")]),
    "tcm": lambda: TCMSampler(tiny_net(), n_initial_rounds=1),
}
N_ROUNDS = 4


def two_columns():
    """A net that does not read the last of three columns."""
    return make_net(FirstColumns, module__d=2, module__n_classes=3, lr=0.1, max_epochs=3)


def searching(strategies=TWO):
    """A search that uses what it learns from the labels of the last rounds."""
    search = {"mode": "search", "objective": "loss", "n_steps": 6, "trust": 1.0}
    return flat_autoal(tiny_net(), strategies, **search)


class Reopened:
    """Campaign that is closed and loaded before every step."""

    def __init__(self, folder, sampler, X, **options):
        self._open = lambda: LabelingCampaign.load(folder, sampler(), X, **options)
        LabelingCampaign(folder, sampler(), X, random_state=0, **options).close()

    def __getattr__(self, name):
        def step(*arguments):
            with self._open() as campaign:
                return getattr(campaign, name)(*arguments)

        return step


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.filterwarnings("ignore::skautoal.exceptions.FewLabelsWarning")
def test_loading_before_each_step_changes_nothing(tmp_path, name):
    X, y = make_pool()
    sampler = SAMPLERS[name]
    expected = uninterrupted(tmp_path / "a", sampler(), X, y, n_rounds=N_ROUNDS)
    reopened = Reopened(tmp_path / "b", sampler, X)
    asked = play(reopened, y, n_rounds=N_ROUNDS)
    assert asked == expected
    assert len({index for batch in asked for index in batch}) == 4 * N_ROUNDS


@pytest.mark.parametrize("name", ["search", "search, comparing"])
@pytest.mark.filterwarnings("ignore::skautoal.exceptions.FewLabelsWarning")
def test_more_rounds_than_a_search_remembers(tmp_path, name, monkeypatch):
    """A campaign that is loaded repeats as many rounds as are remembered, not all."""
    X, y = make_pool(90)
    monkeypatch.setattr(*internal("autoal.max_rounds"), 3)
    monkeypatch.setattr(*internal("record.max_rounds"), 3)
    rounds = {"n_rounds": 8}
    expected = uninterrupted(tmp_path / "a", SAMPLERS[name](), X, y, **rounds)
    asked = play(Reopened(tmp_path / "b", SAMPLERS[name], X), y, **rounds)
    assert asked == expected
    fits = []
    inner = Learner._fresh, Learner._taught

    def fresh(self, labels):
        fits.append(len(labels))
        return inner[0](self, labels)

    def taught(self, labels):
        fits.append(len(labels))
        return inner[1](self, labels)

    monkeypatch.setattr(Learner, "_fresh", fresh)
    monkeypatch.setattr(Learner, "_taught", taught)
    with LabelingCampaign.load(tmp_path / "b", SAMPLERS[name](), X) as loaded:
        sampler = loaded.sampler_
    assert [int(s.rows[0]) for s in sampler._record.sets] == fits[-4:-1]
    assert len(fits) == 4 + 1 + (name == "search, comparing")
    assert min(fits) > 8


@pytest.mark.parametrize("correct", ["each round", "never"])
@pytest.mark.filterwarnings("ignore::skautoal.exceptions.FewLabelsWarning")
def test_corrections_do_not_shorten_what_a_search_remembers(tmp_path, correct, monkeypatch):
    X, y = make_pool(90)
    for place in ("autoal.max_rounds", "record.max_rounds"):
        monkeypatch.setattr(*internal(place), 3)
    records, picks = [], []
    for folder, reopen in (("a", False), ("b", True)):
        campaign = LabelingCampaign(tmp_path / folder, searching(), X, random_state=0)
        for _ in range(7):
            if reopen:
                campaign.close()
                campaign = LabelingCampaign.load(tmp_path / folder, searching(), X)
            asked = campaign.ask(4)
            campaign.tell(asked, y[asked])
            if correct == "each round":
                campaign.ask(1)  # a round of its own, without a new label
                campaign.tell(asked[:1], (y[asked[:1]] + 1) % 3)
                campaign.ask(1)
            picks.append(asked.tolist())
        records.append([s.rows.tolist() for s in campaign.sampler_._record.sets])
        campaign.close()
    assert picks[:7] == picks[7:]
    assert records[0] == records[1]
    assert len(records[0]) == 3


@pytest.mark.filterwarnings("ignore::skautoal.exceptions.FewLabelsWarning")
def test_what_a_search_remembers_matters_here(tmp_path, monkeypatch):
    X, y = make_pool()
    expected = uninterrupted(tmp_path / "a", searching(), X, y)
    monkeypatch.setattr(*internal("autoal.rounds_remembered"), 0)
    asked = play(Reopened(tmp_path / "b", searching, X), y)
    assert asked != expected


_PLAYED = """
    import sys
    from skautoal.campaign import LabelingCampaign
    from tests.campaign._tools import make_pool
    from tests.campaign.test_resume import searching
    X, y = make_pool(200)
    with LabelingCampaign(sys.argv[1], searching(), X, random_state=0) as campaign:
        while True:
            picks = campaign.ask(4)
            campaign.tell(picks, y[picks])
            print(len(campaign.labeled), flush=True)
"""


@pytest.mark.filterwarnings("ignore::skautoal.exceptions.FewLabelsWarning")
def test_a_search_goes_on_after_kill_9(tmp_path):
    X, y = make_pool(200)
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(_PLAYED), tmp_path / "killed"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            while int(process.stdout.readline()) < 28:
                pass
            time.sleep(0.1)  # while it asks
        finally:
            process.kill()  # with -9
    with LabelingCampaign.load(tmp_path / "killed", searching(), X) as campaign:
        pending = campaign.pending
        if len(pending):
            campaign.tell(pending, y[pending])
        n_rounds = len(campaign.labeled) // 4 + 2
        for _ in range(2):
            picks = campaign.ask(4)
            campaign.tell(picks, y[picks])
        found = campaign.labels
        record = campaign.sampler_._record
    with LabelingCampaign(tmp_path / "whole", searching(), X, random_state=0) as campaign:
        for _ in range(n_rounds):
            picks = campaign.ask(4)
            campaign.tell(picks, y[picks])
        assert np.array_equal(campaign.labels, found)
        expected = campaign.sampler_._record
    assert len(record.sets) == len(expected.sets) >= 5
    for one, other in zip(record.sets, expected.sets, strict=True):
        assert np.array_equal(one.rows, other.rows)
        assert torch.equal(one.probabilities, other.probabilities)
        assert torch.equal(one.utilities, other.utilities)


@pytest.mark.parametrize("name", ["remembering", "albl", "previous"])
def test_looking_at_the_model_changes_nothing(tmp_path, name):
    X, y = make_pool()
    expected = uninterrupted(tmp_path / "a", SAMPLERS[name](), X, y)
    with LabelingCampaign(tmp_path / "b", SAMPLERS[name](), X, random_state=0) as campaign:

        def look():
            if len(set(campaign.labels.tolist())) > 1:
                campaign.sampler_.predict(X)

        asked = play(campaign, y, after=look)
    assert asked == expected


def test_what_a_sampler_remembers_matters_here(tmp_path):
    """Without its earlier rounds the sampler picks other samples, so the test above can fail."""
    X, y = make_pool()
    expected = uninterrupted(tmp_path / "a", RememberingSampler(), X, y)
    with LabelingCampaign(tmp_path / "b", RememberingSampler(), X, random_state=0) as campaign:

        def forget():
            campaign._asker._forget()
            campaign._asker._is_repeated = True

        asked = play(campaign, y, after=forget)
    assert asked != expected


def test_another_process_gives_the_same_answer(tmp_path):
    X, y = make_pool()
    with LabelingCampaign(tmp_path / "c", SAMPLERS["margin"](), X, random_state=0) as campaign:
        campaign.tell(np.arange(8), y[:8])
    code = """
        import sys
        from skautoal.campaign import LabelingCampaign
        from tests.campaign._tools import make_pool
        from tests.campaign.test_resume import SAMPLERS
        with LabelingCampaign.load(sys.argv[1], SAMPLERS["margin"](), make_pool()[0]) as campaign:
            print(campaign.ask(5).tolist())
    """
    command = [
        sys.executable,
        "-W",
        "error::UserWarning",
        "-c",
        textwrap.dedent(code),
        str(tmp_path / "c"),
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    with LabelingCampaign(tmp_path / "d", SAMPLERS["margin"](), X, random_state=0) as campaign:
        campaign.tell(np.arange(8), y[:8])
        assert run.stdout.strip() == str(campaign.ask(5).tolist())


def test_the_seed_decides(tmp_path):
    X, y = make_pool()
    picks = []
    for folder, seed, own in (("a", 1, None), ("b", None, 1), ("c", 2, 1), ("d", None, None)):
        sampler = StrategySampler(tiny_net(), "random", random_state=own)
        with LabelingCampaign(tmp_path / folder, sampler, X, random_state=seed) as campaign:
            campaign.tell(np.arange(6), y[:6])
            picks.append(campaign.ask(8).tolist())
    assert picks[0] == picks[1] != picks[2]
    # A seed that was drawn is kept.
    with LabelingCampaign.load(tmp_path / "d", sampler, X) as campaign:
        campaign.tell(np.arange(6), y[:6])
        more = campaign.ask(8).tolist()
    assert not set(more) & set(picks[3])


class TestLearner:
    """Only the rounds that the sampler looks back to are repeated."""

    @staticmethod
    def rounds(labels):
        return lambda: (CampaignRound(known, np.arange(40), []) for known in labels)

    @pytest.mark.parametrize(
        ("memory", "expected"),
        [(0, []), (1, [{0: 0, 1: 1, 2: 0}, {0: 0, 1: 1, 2: 0, 3: 1}]), (np.inf, "all")],
    )
    def test_repeated(self, memory, expected):
        labels = [
            {0: 0, 1: 1},
            {0: 0, 1: 1, 2: 0},
            {0: 0, 1: 1, 2: 0},
            {0: 0, 1: 1, 2: 0, 3: 1},
            {0: 0, 1: 1, 2: 0, 3: 1},
        ]
        learner = Learner(RememberingSampler(), make_pool()[0], seed=0)
        learner.memory = memory
        seen = []
        inner = learner.at
        learner.at = lambda known: (seen.append(dict(known)), inner(known))[1]
        learner.repeat(self.rounds(labels))
        fits = [a for a, b in pairwise([*seen, None]) if a != b]
        full = [labels[0], labels[1], labels[3]]
        assert fits == (full if expected == "all" else expected)


def test_another_pool_is_refused(tmp_path):
    X, _ = make_pool()
    LabelingCampaign(tmp_path / "c", CheapSampler(), X, random_state=0).close()
    other = X.copy()
    other[7, 1] += 1e-3
    for wrong, message in (
        (other, "X.sha256"),
        (X[:-1], "X.n_samples was 40 and is 39"),
        (X.astype(np.float64), "X.rows.dtype was 'float32' and is 'float64'"),
        (X.tolist(), "X.kind was 'ndarray' and is 'list'|X was "),
    ):
        with pytest.raises(CampaignFileError, match=f"'X' differs from that of.*{message}"):
            LabelingCampaign.load(tmp_path / "c", CheapSampler(), wrong)
    with pytest.raises(CampaignFileError, match="'features' differs from that of"):
        LabelingCampaign.load(tmp_path / "c", CheapSampler(), X, features=X)
    LabelingCampaign.load(tmp_path / "c", CheapSampler(), X).close()


def test_a_memory_map_is_the_array(tmp_path):
    X, _ = make_pool()
    np.save(tmp_path / "X.npy", X)
    LabelingCampaign(tmp_path / "c", CheapSampler(), X, random_state=0).close()
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    LabelingCampaign.load(tmp_path / "c", CheapSampler(), mapped).close()


def test_another_sampler_is_pointed_out_once(tmp_path):
    X, y = make_pool()
    first, second = StrategySampler(tiny_net(), "margin"), StrategySampler(tiny_net(lr=0.5), "bald")
    with LabelingCampaign(tmp_path / "c", first, X, random_state=0) as campaign:
        campaign.tell(np.arange(6), y[:6])
        campaign.ask(2)
    # The random state is the campaign's business.
    first.set_params(random_state=9)
    LabelingCampaign.load(tmp_path / "c", first, X).close()
    with pytest.warns(SkautoalWarning, match=r"lr was 0.1 and is 0.5.*'margin' and is 'bald'"):
        LabelingCampaign.load(tmp_path / "c", second, X).close()
    with LabelingCampaign.load(tmp_path / "c", second, X) as campaign:
        assert len(campaign.labeled) == 6


def test_a_new_sampler_does_not_inherit_the_rounds_of_the_old(tmp_path):
    X, y = make_pool()
    with LabelingCampaign(tmp_path / "c", CheapSampler(), X, random_state=0) as campaign:
        play(campaign, y, n_rounds=3)
    with pytest.warns(SkautoalWarning, match="continues with the new one"):
        campaign = LabelingCampaign.load(tmp_path / "c", RememberingSampler(), X)
    with campaign:
        assert campaign.sampler_.memory_ == [len(campaign.labeled)]
        picks = campaign.ask(2)
        campaign.tell(picks, y[picks])
        memory = campaign.sampler_.memory_
    with LabelingCampaign.load(tmp_path / "c", RememberingSampler(), X) as campaign:
        assert campaign.sampler_.memory_ == memory


def test_a_round_that_cannot_be_repeated_is_pointed_out(tmp_path, monkeypatch):
    X, y = make_pool()
    with LabelingCampaign(tmp_path / "c", RememberingSampler(), X, random_state=0) as campaign:
        play(campaign, y, n_rounds=3)
    monkeypatch.setattr(CheapSampler, "_direction", lambda self: np.array([1.0, 0.0, 0.0]))
    monkeypatch.setattr(RememberingSampler, "_direction", lambda self: np.array([1.0, 0.0, 0.0]))
    with LabelingCampaign.load(tmp_path / "c", RememberingSampler(), X) as campaign:
        with pytest.warns(SkautoalWarning, match="picks other samples than recorded"):
            campaign.ask(2)


def test_a_failed_question_is_as_if_it_was_never_asked(tmp_path, monkeypatch):
    X, y = make_pool()
    expected = uninterrupted(tmp_path / "a", RememberingSampler(), X, y)
    with LabelingCampaign(tmp_path / "b", RememberingSampler(), X, random_state=0) as campaign:

        def fail():
            if len(set(campaign.labels.tolist())) > 1:
                with monkeypatch.context() as patch:
                    patch.setattr(campaign, "_take", lambda step: 1 / 0)
                    with pytest.raises(ZeroDivisionError):
                        campaign.ask(3)

        asked = play(campaign, y, after=fail)
    assert asked == expected


def test_watched_predictions_survive(tmp_path):
    X, y = make_pool()
    rule = StablePredictions(threshold=0.01, n_rounds=2, n_watched=20)
    values = []
    for folder, reopen in (("a", False), ("b", True)):
        options = {"stopping": [rule]}
        campaign = LabelingCampaign(
            tmp_path / folder, SAMPLERS["margin"](), X, random_state=0, **options
        )
        for start in range(0, 32, 8):
            campaign.tell(np.arange(start, start + 8), y[start : start + 8])
            campaign.ask(1)
            if reopen:
                campaign.close()
                campaign = LabelingCampaign.load(
                    tmp_path / folder, SAMPLERS["margin"](), X, **options
                )
        values.append((campaign.agreements, campaign.should_stop()))
        campaign.close()
    assert values[0] == values[1]
    assert len(values[0][0]) == 3
