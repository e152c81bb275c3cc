"""One campaign and several processes: second writers, forks and kill -9."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager, suppress

import numpy as np
import pytest

from skautoal import LabelingCampaign
from skautoal.exceptions import CampaignLockedError
from tests._internals import read_campaign
from tests.campaign._tools import CheapSampler, make_pool

X, _ = make_pool()


@pytest.fixture
def folder(tmp_path):
    with LabelingCampaign(tmp_path / "c", CheapSampler(), X, random_state=0) as campaign:
        campaign.tell([0, 1], [0, 1])
        campaign.ask(3)
    return tmp_path / "c"


def load(folder):
    return LabelingCampaign.load(folder, CheapSampler(), X)


def test_a_second_writer_is_told_who_is_first(folder):
    with load(folder) as campaign:
        for second in (lambda: load(folder), lambda: LabelingCampaign(folder, CheapSampler(), X)):
            with pytest.raises(CampaignLockedError, match=f"open in process {os.getpid()} on host"):
                second()
        campaign.tell([39], [1])
    load(folder).close()


@contextmanager
def child(work):
    """Run ``work(say)`` in a process and yield the lines it says; kill -9 it at the end."""
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        with suppress(BaseException):  # it must never come back to pytest
            os.close(out)
            work(lambda *words: os.write(into, (" ".join(map(str, words)) + "\n").encode()))
        os._exit(1)
    os.close(into)
    with os.fdopen(out) as lines:
        yield pid, lines
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL


forking = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


@forking
def test_the_lock_ends_with_its_process(folder):
    def work(say):
        with load(folder):
            say("open")
            signal.pause()

    with child(work) as (pid, lines):
        assert lines.readline() == "open\n"
        with pytest.raises(CampaignLockedError, match=f"open in process {pid} "):
            load(folder)
    load(folder).close()


@forking
def test_a_forked_copy_cannot_write(folder):
    with load(folder) as campaign:

        def work(say):
            try:
                campaign.tell([39], [1])
            except CampaignLockedError as exc:
                say(exc)
            signal.pause()

        with child(work) as (_, lines):
            assert f"was opened by process {os.getpid()}" in lines.readline()
        assert 39 not in campaign._state.labels


@forking
def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path):
    """Kill a process repeatedly while it tells and asks as fast as it can."""
    X = np.random.RandomState(0).standard_normal((3000, 3))
    folder, rng = tmp_path / "c", np.random.RandomState(1)
    LabelingCampaign(folder, CheapSampler(), X, random_state=0).close()

    def work(say):
        with LabelingCampaign.load(folder, CheapSampler(), X) as campaign:
            while True:
                for index in campaign.pending.tolist():
                    say("asked", index)
                    campaign.tell([index], [index % 3])
                    say("told", index)
                for index in campaign.ask(3).tolist():
                    say("asked", index)

    asked, told = set(), set()
    for _ in range(12):
        with child(work) as (pid, lines):
            for _ in range(2 + rng.randint(25)):
                note(lines.readline(), asked, told)
            time.sleep(rng.random_sample() / 100)
            os.kill(pid, signal.SIGKILL)
            for line in lines:  # what it said before it died
                note(line, asked, told)
        state = read_campaign(folder).state
        assert told <= set(state.labels)
        assert asked <= set(state.labels) | set(state.pending)
        assert all(label == index % 3 for index, label in state.labels.items())
        # What was in flight may have become final, no more.
        assert len(state.labels) <= len(told) + 1
        told = set(state.labels)
    assert len(told) > 50


def note(line, asked, told):
    what, index = line.split()
    (asked if what == "asked" else told).add(int(index))
