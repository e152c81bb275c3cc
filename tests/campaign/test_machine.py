"""State machine test: any order of steps keeps all labels and never repeats a sample."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from pathlib import Path
from unittest import mock

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from skautoal import LabelingCampaign
from skautoal.exceptions import SkautoalWarning
from tests._internals import CampaignState, internal
from tests.campaign._tools import N_POOL, RememberingSampler, make_pool

X, _ = make_pool()
ROWS = st.lists(st.integers(0, N_POOL - 1), unique=True, max_size=6)
LABELS = st.sampled_from(["a", "b", "new"])


class Crash(BaseException):
    """Simulated end of the process."""


class CampaignMachine(RuleBasedStateMachine):
    """Campaign compared with a model of it that consists of three dicts."""

    def __init__(self):
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.folder = self.root / "c"
        self.labels, self.pending, self.refused, self.asked = {}, set(), set(), []
        self.patch = mock.patch.object(os, "fsync")  # the disk of a test may forget
        self.patch.start()

    @initialize(seed=st.integers(0, 3))
    def begin(self, seed):
        self.campaign = LabelingCampaign(
            self.folder,
            RememberingSampler(),
            X,
            cold_start="kcenter_greedy",
            random_state=seed,
        )

    @property
    def free(self):
        return set(range(N_POOL)) - set(self.labels) - self.pending - self.refused

    @rule(n=st.integers(1, 5))
    def ask(self, n):
        self._asked(self.campaign, min(n, len(self.free)))

    def _asked(self, campaign, n):
        if n == 0:
            return
        picks = campaign.ask(n).tolist()
        assert len(set(picks)) == n
        assert set(picks) <= self.free
        assert not set(picks) & set(self.asked)
        self.asked += picks
        self.pending |= set(picks)

    @precondition(lambda self: self.pending)
    @rule(data=st.data())
    def answer(self, data):
        rows = data.draw(st.lists(st.sampled_from(sorted(self.pending)), unique=True, min_size=1))
        self._tell(rows, [data.draw(LABELS) for _ in rows])

    @rule(rows=ROWS, label=LABELS)
    def tell_unasked_or_correct(self, rows, label):
        self._tell(rows, [label] * len(rows))

    def _tell(self, rows, labels):
        self.campaign.tell(rows, labels)
        self._told(rows, labels)

    def _told(self, rows, labels):
        self.labels |= dict(zip(rows, labels, strict=True))
        self.pending -= set(rows)
        self.refused -= set(rows)

    @rule(rows=ROWS)
    def skip(self, rows):
        if set(rows) & set(self.labels):
            try:
                self.campaign.skip(rows)
            except ValueError:
                return
            raise AssertionError("a label would have been lost")
        self.campaign.skip(rows)
        self.refused |= set(rows)
        self.pending -= set(rows)

    @rule()
    def close_and_load(self):
        self.campaign.close()
        self._load()

    def _load(self):
        self.campaign = self._loaded(self.folder)

    def _loaded(self, folder):
        with warnings.catch_warnings():
            # The step that a crash cut off is left out, until the next is written.
            warnings.filterwarnings("ignore", "The last step in", SkautoalWarning)
            return LabelingCampaign.load(folder, RememberingSampler(), X)

    @rule(row=st.integers(0, N_POOL - 1), label=LABELS, final=st.booleans())
    def crash_in_a_step(self, row, label, final):
        """The process ends while telling, with an incomplete line or after the step was final."""

        def half(file, data):
            file.write(data[: len(data) // 2])
            raise Crash

        def die(*arguments):
            raise Crash

        where = internal("journal.write_head" if final else "journal.write_all")
        with mock.patch.object(*where, die if final else half):
            with mock.patch.object(*internal("journal.undo")):  # the dead undo nothing
                try:
                    self.campaign.tell([row], [label])
                except Crash:
                    pass
        self.campaign.close()  # what the system does for the dead: files and lock
        if final:
            self._load()
            self._told([row], [label])
            return
        self._load()

    @precondition(lambda self: self.free)
    @rule()
    def same_state_same_answer(self):
        """A campaign loaded from a copy of the folder asks for the same samples."""
        twin = self.root / "twin"
        shutil.copytree(self.folder, twin, ignore=shutil.ignore_patterns("lock"))
        n = min(3, len(self.free))
        with self._loaded(twin) as other:
            expected = other.ask(n).tolist()
        shutil.rmtree(twin)
        self._asked(self.campaign, n)
        assert self.asked[-n:] == expected

    @invariant()
    def nothing_is_lost_or_invented(self):
        if not hasattr(self, "campaign"):
            return
        got = dict(zip(self.campaign.labeled.tolist(), self.campaign.labels.tolist(), strict=True))
        assert got == self.labels
        assert set(self.campaign.pending.tolist()) == self.pending
        assert set(self.campaign.skipped.tolist()) == self.refused
        statuses = {row["index"]: row["status"] for row in self.campaign.audit()}
        expected = dict.fromkeys(self.labels, "labeled") | dict.fromkeys(self.pending, "pending")
        assert statuses == expected | dict.fromkeys(self.refused, "skipped")

    def teardown(self):
        if hasattr(self, "campaign"):
            self.campaign.close()
        self.patch.stop()
        shutil.rmtree(self.root)


TestCampaignMachine = CampaignMachine.TestCase
TestCampaignMachine.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)


def test_the_machine_can_fail(monkeypatch):
    """The machine finds a campaign that forgets skipped samples."""
    machine = CampaignMachine()
    try:
        machine.begin(seed=0)
        machine.ask(3)
        monkeypatch.setattr(CampaignState, "free", lambda self: np.arange(self.n_pool))
        caught = False
        try:
            machine._asked(machine.campaign, 38)
        except (AssertionError, ValueError):
            caught = True
        assert caught
    finally:
        machine.teardown()
    assert not os.path.exists(machine.root)
