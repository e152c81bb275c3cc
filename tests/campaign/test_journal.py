"""Files of a campaign under truncation, changed bytes and full disks."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
from itertools import pairwise

import numpy as np
import pytest

from skautoal import LabelingCampaign
from skautoal.exceptions import CampaignFileError, SkautoalWarning
from tests._internals import MAX_STEP, internal, read_campaign
from tests.campaign._tools import CheapSampler, make_pool, play

X, Y = make_pool()


@pytest.fixture
def folder(tmp_path):
    """Return the folder of a finished campaign with a dozen steps."""
    with LabelingCampaign(tmp_path / "c", CheapSampler(), X, random_state=0) as campaign:
        play(campaign, Y)
    return tmp_path / "c"


def load(folder):
    return LabelingCampaign.load(folder, CheapSampler(), X)


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "lock"}


def answers(campaign):
    state = campaign._state
    return dict(state.labels), dict(state.pending), dict(state.refused)


def test_a_step_is_one_line_and_earlier_ones_stay(tmp_path):
    with LabelingCampaign(tmp_path / "c", CheapSampler(), X, random_state=0) as campaign:
        contents = []
        play(
            campaign, Y, after=lambda: contents.append((tmp_path / "c/journal.jsonl").read_bytes())
        )
    assert all(b.startswith(a) for a, b in pairwise(contents))
    lines = contents[-1].decode().splitlines()
    assert [json.loads(line[65:])["kind"] for line in lines[1:4]] == ["ask", "tell", "ask"]
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == [
        "head.json",
        "journal.jsonl",
        "lock",
    ]


def test_a_journal_cut_anywhere_is_noticed(folder):
    whole = (folder / "journal.jsonl").read_bytes()
    for cut in [*range(0, len(whole), 97), len(whole) - 1]:
        (folder / "journal.jsonl").write_bytes(whole[:cut])
        before = content(folder)
        with pytest.raises(CampaignFileError, match=r"incomplete|is truncated"):
            load(folder)
        assert content(folder) == before
    (folder / "journal.jsonl").write_bytes(whole)
    load(folder).close()


@pytest.mark.parametrize("name", ["journal.jsonl", "head.json"])
def test_a_changed_byte_is_noticed(folder, name):
    whole = (folder / name).read_bytes()
    rng = np.random.RandomState(0)
    for position in rng.choice(len(whole), min(60, len(whole)), replace=False):
        changed = bytearray(whole)
        changed[position] ^= 1 << rng.randint(8)
        (folder / name).write_bytes(changed)
        before = content(folder)
        with pytest.raises(CampaignFileError):
            load(folder)
        assert content(folder) == before


def test_lines_that_change_places_are_noticed(folder):
    lines = (folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
    lines[2], lines[3] = lines[3], lines[2]
    (folder / "journal.jsonl").write_bytes(b"".join(lines))
    with pytest.raises(CampaignFileError, match="line 3, is damaged: its checksum"):
        load(folder)


def test_a_step_that_was_cut_off_unacknowledged_is_left_out(folder):
    """A kill during a write leaves a partial line and the previous head."""
    whole = (folder / "journal.jsonl").read_bytes()
    with load(folder) as campaign:
        before = answers(campaign)
        head = (folder / "head.json").read_bytes()
        campaign.tell([39], [1])
    line = (folder / "journal.jsonl").read_bytes()[len(whole) :]
    for part in (1, 60, 66, len(line) - 1):
        for tail in (line[:part], line[:part] + b"\0" * 40, b"\0" * part + b"\n"):
            (folder / "journal.jsonl").write_bytes(whole + tail)
            (folder / "head.json").write_bytes(head)
            with pytest.warns(SkautoalWarning, match="interrupted while it was being written"):
                campaign = load(folder)
            with campaign:
                assert answers(campaign) == before
                campaign.tell([38], [2])
            assert (folder / "journal.jsonl").read_bytes().startswith(whole)
            with load(folder) as campaign:
                assert campaign._state.labels[38] == 2
                assert 39 not in campaign._state.labels
    # Killed after the line was written, before the head was: the step is there.
    (folder / "journal.jsonl").write_bytes(whole + line)
    (folder / "head.json").write_bytes(head)
    with load(folder) as campaign:
        assert campaign._state.labels[39] == 1


def test_without_a_head_only_the_end_is_uncertain(folder):
    (folder / "head.json").unlink()
    with pytest.warns(SkautoalWarning, match=r"head\.json is missing"):
        load(folder).close()
    lines = (folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "journal.jsonl").write_bytes(b"".join(lines[:-1]) + lines[-1][:-2] + b"!\n")
    with pytest.raises(CampaignFileError, match="checksum"):
        load(folder)
    (folder / "journal.jsonl").write_bytes(b"".join(lines[:-1]))
    with pytest.warns(SkautoalWarning, match=r"head\.json is missing"):
        campaign = load(folder)
    campaign.tell([0], [0])
    campaign.close()
    load(folder).close()


def test_files_of_two_campaigns_do_not_mix(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "d")
    with load(folder) as a:
        a.tell([39], [1])
    with load(tmp_path / "d") as b:
        b.tell([39], [2])
    shutil.copy(folder / "head.json", tmp_path / "d")
    with pytest.raises(CampaignFileError, match=r"head\.json do not belong together"):
        load(tmp_path / "d")


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no campaign"):
        load(tmp_path)
    with pytest.raises(FileNotFoundError, match="There is no campaign"):
        load(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []
    os.mkfifo(tmp_path / "journal.jsonl")  # reading it would wait forever
    with pytest.raises(FileNotFoundError, match="There is no campaign"):
        load(tmp_path)


def test_a_campaign_is_not_overwritten(folder):
    before = content(folder)
    for name in ("head.json", "journal.jsonl"):
        with pytest.raises(FileExistsError, match="contains a campaign already"):
            LabelingCampaign(folder, CheapSampler(), X)
        assert content(folder) == before
        (folder / name).unlink()
        del before[name]
    LabelingCampaign(folder, CheapSampler(), X, random_state=0).close()


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "c").write_text("mine")
    with pytest.raises(FileExistsError):
        LabelingCampaign(tmp_path / "c", CheapSampler(), X)
    assert (tmp_path / "c").read_text() == "mine"


class Fault:
    """Count the calls that write, and make the n-th one fail like a full disk."""

    def __init__(self, monkeypatch, error):
        self.error, self.left, self.calls = error, None, 0
        monkeypatch.setattr(
            *internal("journal.write_all"),
            self._wrap(getattr(*internal("journal.write_all")), partly=True),
        )
        monkeypatch.setattr(os, "fsync", self._wrap(os.fsync))
        monkeypatch.setattr(os, "replace", self._wrap(os.replace))

    def _wrap(self, function, partly=False):
        def call(*arguments):
            self.calls += 1
            if self.left is not None:
                self.left -= 1
                if self.left == -1:
                    if partly:
                        arguments[0].write(arguments[1][: len(arguments[1]) // 2])
                    raise self.error
            return function(*arguments)

        return call


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()]
)
def test_a_write_that_fails_anywhere_changes_nothing(folder, monkeypatch, error):
    fault = Fault(monkeypatch, error)
    with load(folder) as campaign:
        fault.calls = 0
        campaign.tell([39], [1])
        n_calls = fault.calls
        before, on_disk = answers(campaign), content(folder)
        for number in range(n_calls):
            fault.left = number
            with pytest.raises(type(error)) as caught:
                campaign.tell([38], [0])
            if isinstance(error, OSError):
                assert "the step was not saved" in str(caught.value)
                assert caught.value.errno == errno.ENOSPC
                assert caught.value.filename.endswith("journal.jsonl")
            fault.left = None
            assert answers(campaign) == before
            assert content(folder) == on_disk
            # Another process would find the same, and the next step works.
            state = read_campaign(folder).state
            assert (state.labels, state.pending, state.refused) == before
        campaign.tell([38], [0])
    assert n_calls == 4
    with load(folder) as campaign:
        assert campaign._state.labels[38] == 0


def test_an_interrupt_after_the_step_was_final(folder, monkeypatch):
    with load(folder) as campaign:
        original = getattr(*internal("journal.write_head"))

        def interrupted(*arguments):
            original(*arguments)
            raise KeyboardInterrupt

        monkeypatch.setattr(*internal("journal.write_head"), interrupted)
        with pytest.raises(KeyboardInterrupt):
            campaign.tell([39], [1])
        monkeypatch.setattr(*internal("journal.write_head"), original)
        with pytest.raises(CampaignFileError, match="last step was interrupted"):
            campaign.tell([38], [1])
    with load(folder) as campaign:
        assert campaign._state.labels[39] == 1


def test_a_disk_that_fails_for_good(folder, monkeypatch):
    with load(folder) as campaign:

        def broken(*arguments):
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(os, "fsync", broken)
        monkeypatch.setattr(*internal("journal.read_head"), broken)
        with pytest.raises(OSError, match="the step was not saved"):
            campaign.tell([39], [1])
        monkeypatch.undo()
        with pytest.raises(CampaignFileError, match="step could not be removed"):
            campaign.tell([39], [1])


def test_a_full_disk_when_a_campaign_starts(tmp_path, monkeypatch):
    fault = Fault(monkeypatch, OSError(errno.ENOSPC, "No space left on device"))
    fault.left = 0
    with pytest.raises(OSError, match="No space left"):
        LabelingCampaign(tmp_path / "c", CheapSampler(), X)
    fault.left = None
    LabelingCampaign(tmp_path / "c", CheapSampler(), X, random_state=0).close()


def test_a_real_limit_on_file_size(folder):
    """The operating system fails a write in the middle of a line."""
    size = (folder / "journal.jsonl").stat().st_size
    before = content(folder)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with load(folder) as campaign:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, hard))
        try:
            with pytest.raises(OSError, match="the step was not saved") as caught:
                campaign.tell(np.arange(20, 39), np.zeros(19, dtype=int))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        assert caught.value.errno == errno.EFBIG
        assert content(folder) == before
        campaign.tell([39], [1])


def test_a_journal_changed_from_outside_is_not_written_to(folder):
    with load(folder) as campaign:
        with open(folder / "journal.jsonl", "ab") as file:
            file.write(b"mine\n")
        before = content(folder)
        with pytest.raises(CampaignFileError, match="changed by another program"):
            campaign.tell([39], [1])
        assert content(folder) == before


def test_too_large_a_step_is_refused(folder, monkeypatch):
    with load(folder) as campaign:
        with pytest.raises(ValueError, match=f"the maximum is {MAX_STEP}"):
            campaign.skip(np.arange(MAX_STEP + 1))
        with pytest.raises(ValueError, match=f"'n_instances' must be at most {MAX_STEP}"):
            campaign.ask(MAX_STEP + 1)
        monkeypatch.setattr(*internal("journal.max_line"), 500)
        with pytest.raises(ValueError, match="Ask for or tell fewer samples at a time"):
            campaign.tell([39], [1], annotator="a" * 500)
        assert 39 not in campaign._state.labels
