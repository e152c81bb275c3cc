"""Ten thousand mutations of campaign files either load or raise a CampaignFileError."""

from __future__ import annotations

import hashlib
import json
import warnings

import numpy as np
import pytest

from skautoal import LabelingCampaign, StrategySampler
from skautoal.campaign import StablePredictions
from skautoal.exceptions import CampaignFileError, SkautoalWarning
from tests._fuzz import harmless, mutate_bytes, mutate_json
from tests._internals import JOURNAL_ROOT, MAX_LINE, audit_rows, read_campaign
from tests.campaign._tools import CheapSampler, make_pool, tiny_net

N_RAW, N_SIGNED = 4000, 6000


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return a campaign with a step of each kind and a value in every column."""
    folder = tmp_path_factory.mktemp("fuzz") / "c"
    X, _ = make_pool()
    rule = StablePredictions(n_watched=3)
    sampler = StrategySampler(tiny_net(max_epochs=1), "margin")
    with LabelingCampaign(folder, sampler, X, stopping=rule, random_state=0) as campaign:
        first = campaign.ask(3)
        campaign.tell([*first, 5], ["a", "b", "é", "a"], annotator="Ada")
        picks = campaign.ask(2)
        campaign.skip(picks[:1])
        campaign.tell(picks[1:], ["b"])
    with pytest.warns(SkautoalWarning):
        LabelingCampaign.load(folder, CheapSampler(), X).close()
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def sign(texts):
    """Write a journal and a head with valid digests for arbitrary records."""
    digest, lines = JOURNAL_ROOT, []
    for text in texts:
        text = text.replace(b"\n", b"")
        digest = hashlib.sha256(digest.encode() + text).hexdigest()
        lines.append(digest.encode() + b" " + text + b"\n")
    head = json.dumps(["skautoal-campaign-head-1", len(lines), digest])
    return {"journal.jsonl": b"".join(lines), "head.json": head.encode()}


def write(folder, files):
    for name, data in files.items():
        # Overwritten files go to disk at once on ext4; new ones wait.
        (folder / name).unlink(missing_ok=True)
        (folder / name).write_bytes(data)


def check(folder):
    """Return whether the files can be read; the only error allowed is CampaignFileError."""
    steps = []
    try:
        reader = read_campaign(folder)
    except CampaignFileError:
        return False
    state = reader.state
    parts = [set(state.labels), set(state.pending), set(state.refused)]
    assert sum(map(len, parts)) == len(set().union(*parts))
    assert all(type(i) is int and 0 <= i < state.n_pool for part in parts for i in part)
    assert len({type(label) for label in state.labels.values()}) <= 1
    for line in (folder / "journal.jsonl").read_bytes().splitlines()[1:]:
        steps.append(json.loads(line[65:]))
    audit_rows(steps[: state.n_steps])
    return True


@pytest.mark.parametrize("name", ["journal.jsonl", "head.json"])
def test_bytes_changed_at_random(files, tmp_path, name):
    rng, n_read = np.random.RandomState(0), 0
    write(tmp_path, files)
    with harmless(seconds=60), warnings.catch_warnings():
        warnings.simplefilter("ignore", SkautoalWarning)
        for _ in range(N_RAW // 2):
            changed = mutate_bytes(files[name], rng)
            write(tmp_path, {name: changed})
            n_read += check(tmp_path) and changed != files[name]
    # A head may gain blanks; a journal with another byte before its last line never passes.
    assert n_read <= (N_RAW // 100 if name == "head.json" else 0)


def test_values_changed_and_signed_again(files, tmp_path):
    """Files with valid digests but other values are checked as well."""
    texts = [line[65:] for line in files["journal.jsonl"].splitlines()]
    write(tmp_path, sign(texts))
    assert check(tmp_path)
    rng, n_read = np.random.RandomState(1), 0
    with harmless(seconds=60):
        for _ in range(N_SIGNED):
            changed = list(texts)
            position = rng.randint(len(texts))
            mutate = mutate_json if rng.random_sample() < 0.8 else mutate_bytes
            changed[position] = mutate(changed[position], rng)
            if rng.random_sample() < 0.1:
                changed.insert(rng.randint(len(texts) + 1), changed[position])
            write(tmp_path, sign(changed))
            n_read += check(tmp_path)
    assert 0 < n_read < N_SIGNED / 2


@pytest.mark.parametrize(
    "bomb",
    [
        b"[" * 10**6,
        b'{"a":' * 10**6,
        b"9" * 10**6,
        b'{"kind":"tell","time":"","annotator":null,"indices":['
        + b"0," * 10**6
        + b'0],"labels":[]}',
        b'{"kind":"skip","time":"","annotator":null,"indices":[1e400]}',
    ],
    ids=["arrays", "objects", "digits", "indices", "infinity"],
)
def test_bombs_in_a_line(files, tmp_path, bomb):
    texts = [line[65:] for line in files["journal.jsonl"].splitlines()]
    write(tmp_path, sign([*texts, bomb]))
    with harmless(), pytest.raises(CampaignFileError):
        read_campaign(tmp_path)


def test_a_pool_that_is_claimed_to_be_huge(files, tmp_path):
    texts = [line[65:] for line in files["journal.jsonl"].splitlines()]
    huge = texts[0].replace(b'"n_samples":40', b'"n_samples":' + b"9" * 18)
    assert huge != texts[0]
    write(tmp_path, sign([huge, *texts[1:]]))
    with harmless(), pytest.raises(CampaignFileError, match=r"X\.n_samples"):
        LabelingCampaign.load(tmp_path, CheapSampler(), make_pool()[0])


@pytest.mark.parametrize("size", [MAX_LINE + 1, 2**40])
@pytest.mark.parametrize("name", ["journal.jsonl", "head.json"])
def test_files_that_are_larger_than_anything(files, tmp_path, name, size):
    write(tmp_path, files)
    with open(tmp_path / name, "r+b") as file:
        file.truncate(64)
        try:
            file.truncate(size)  # a hole: it takes no room
        except OSError:
            pytest.skip("the file system has no such files")
    with harmless(), pytest.raises(CampaignFileError):
        read_campaign(tmp_path)
