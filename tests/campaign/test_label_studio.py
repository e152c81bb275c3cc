"""Label Studio tasks and annotations, in recorded formats and on a real server."""

from __future__ import annotations

import os
import runpy
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest

from skautoal import LabelingCampaign
from skautoal.campaign import read_annotations, to_tasks
from tests.campaign._tools import CheapSampler, make_pool

EXAMPLE = Path(__file__).parents[2] / "examples" / "label_studio.py"
TOKEN = "0123456789abcdef0123456789abcdef01234567"


def annotation(*choices, cancelled=False, name="label"):
    """Return a task as exported by the server, without the fields that are not read."""
    result = {
        "id": "fRqkZJ",
        "type": "choices",
        "value": {"choices": list(choices)},
        "origin": "manual",
        "to_name": "text",
        "from_name": name,
    }
    return {
        "id": 3,
        "completed_by": 1,
        "result": [result] if choices else [],
        "was_cancelled": cancelled,
        "ground_truth": False,
        "lead_time": 1.5,
    }


def task(index, *annotations):
    data = {"text": "x"} if index is None else {"text": "x", "skautoal_index": index}
    return {"id": 1, "data": data, "annotations": list(annotations), "predictions": []}


def test_tasks_carry_their_index():
    tasks = to_tasks([4, 2], lambda index: {"text": f"text {index}"})
    assert tasks[0] == {"data": {"text": "text 4", "skautoal_index": 4}}
    with pytest.raises(TypeError, match="'data' must return a dict"):
        to_tasks([1], str)


def test_annotations_of_an_export():
    found = read_annotations(
        [
            task(7, annotation("a")),
            task(8),
            task(9, annotation(cancelled=True)),
            task(10, annotation("a"), annotation("b"), annotation("b")),
            task(11, annotation("a"), annotation("b")),
            task(12, annotation(cancelled=True), annotation("b")),
            task(None, annotation("a")),
        ]
    )
    assert dict(zip(found.indices, found.labels, strict=True)) == {7: "a", 10: "b", 12: "b"}
    assert found.skipped == [9]
    assert found.disputed == [11]


def test_annotations_that_are_no_label():
    two = annotation("a", "b")
    with pytest.raises(ValueError, match=r"sample 7 .* exactly one choice; got \['a', 'b'\]"):
        read_annotations([task(7, two)])
    with pytest.raises(ValueError, match=r"exactly one choice; got \[\]"):
        read_annotations([task(7, annotation("a", name="other"))], from_name="label")
    both = annotation("a")
    both["result"] += annotation("x", name="other")["result"]
    assert read_annotations([task(7, both)], from_name="label").labels == ["a"]


def test_a_campaign_is_told_what_is_new(tmp_path):
    X, _ = make_pool()
    with LabelingCampaign(tmp_path / "c", CheapSampler(), X, random_state=0) as campaign:
        tasks = [task(7, annotation("a")), task(9, annotation(cancelled=True))]
        for _ in range(2):
            read_annotations(tasks).tell(campaign)
        tasks[0] = task(7, annotation("b"))
        # Who skips a sample that has a label does not take the label away.
        read_annotations([*tasks, task(9, annotation(cancelled=True))]).tell(campaign)
        assert campaign.labels.tolist() == ["b"]
        assert campaign.skipped.tolist() == [9]
        assert campaign.audit()[0]["labels"] == ["a", "b"]
        assert campaign.audit()[0]["annotator"] == "Label Studio"


class Fake:
    """Stand-in for the part of the SDK that the example uses, based on lists."""

    def __init__(self):
        self.made, self.all = [], []
        self.projects = SimpleNamespace(
            list=lambda: self.made, create=self._create, import_tasks=self._import
        )
        self.tasks = SimpleNamespace(list=lambda project, fields: self.all)

    def _create(self, title, label_config):
        self.made.append(SimpleNamespace(title=title, id=5))
        return self.made[-1]

    def _import(self, id, request):
        assert id == 5
        for made in request:
            content = {**made, "annotations": []}
            self.all.append(SimpleNamespace(content=content, model_dump=lambda c=content: c))


def test_the_example_goes_round(tmp_path):
    example = runpy.run_path(str(EXAMPLE))
    client = Fake()
    truth = ["positive" if _is_good(text) else "negative" for text in example["TEXTS"]]
    for turn in range(4):
        with example["open_campaign"](tmp_path / "c") as campaign:
            said = example["take_turn"](client, campaign)
            assert "10 tasks imported" in said
            assert len(client.all) == 10 * (turn + 1)
        for waiting in client.all:
            index = waiting.content["data"]["skautoal_index"]
            waiting.content["annotations"] = [annotation(truth[index])]
    assert len({t.content["data"]["skautoal_index"] for t in client.all}) == 40


def test_the_example_imports_what_a_failed_turn_asked_for(tmp_path):
    example = runpy.run_path(str(EXAMPLE))
    client = Fake()
    with example["open_campaign"](tmp_path / "c") as campaign:
        asked = campaign.ask(3).tolist()
        assert "3 tasks imported" in example["take_turn"](client, campaign)
        assert "0 tasks imported" in example["take_turn"](client, campaign)
        assert [t.content["data"]["skautoal_index"] for t in client.all] == asked


def _is_good(text):
    return text.split()[1] in ("great", "lovely", "superb", "charming")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Start a Label Studio server on SQLite; LABEL_STUDIO names the command."""
    pytest.importorskip("label_studio_sdk")
    command = shutil.which(os.environ.get("LABEL_STUDIO", "label-studio"))
    if command is None:
        pytest.skip("no label-studio is installed")
    data = tmp_path_factory.mktemp("label-studio")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--data-dir", data, "--internal-host", "127.0.0.1", "--port", port]
    options += ["--username", "a@example.org", "--password", "for-this-test"]
    options += ["--user-token", TOKEN, "--enable-legacy-api-token", "--no-browser"]
    quiet = {"COLLECT_ANALYTICS": "False", "LATEST_VERSION_CHECK": "0", "DJANGO_DB": "sqlite"}
    with open(data / "log.txt", "w") as log:
        process = subprocess.Popen(
            [command, "start", *map(str, options)],
            stdout=log,
            stderr=log,
            env={**os.environ, **quiet, "LABEL_STUDIO_BASE_DATA_DIR": str(data)},
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url, process, data / "log.txt")
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _wait(url, process, log):
    for _ in range(300):  # the first start makes a database
        try:
            with urllib.request.urlopen(url + "/health", timeout=5):
                return
        except OSError:
            assert process.poll() is None, log.read_text()[-2000:]
            time.sleep(1)
    raise AssertionError(log.read_text()[-2000:])


@pytest.mark.label_studio
@pytest.mark.filterwarnings("default")  # those of the SDK are not ours
def test_a_real_server(server, tmp_path):
    import httpx
    from label_studio_sdk import LabelStudio

    with httpx.Client() as connection:  # ours to close: the SDK leaves it open
        client = LabelStudio(base_url=server, api_key=TOKEN, httpx_client=connection)
        _label_two_batches(client, tmp_path)


def _label_two_batches(client, tmp_path):
    example = runpy.run_path(str(EXAMPLE))
    truth = ["positive" if _is_good(text) else "negative" for text in example["TEXTS"]]
    with example["open_campaign"](tmp_path / "c") as campaign:
        assert "10 tasks imported" in example["take_turn"](client, campaign)
        asked = campaign.pending.tolist()
    project = example["find_project"](client)
    tasks = list(client.tasks.list(project=project, fields="all"))
    assert [t.data["skautoal_index"] for t in tasks] == asked or len(tasks) == 10
    skipped = tasks[0].data["skautoal_index"]
    for number, made in enumerate(tasks):
        index = made.data["skautoal_index"]
        given = annotation(truth[index])["result"]
        client.annotations.create(
            id=made.id, result=[] if number == 0 else given, was_cancelled=number == 0
        )
    with example["open_campaign"](tmp_path / "c") as campaign:
        assert "10 tasks imported" in example["take_turn"](client, campaign)
        assert sorted([*campaign.labeled, skipped]) == sorted(asked)
        assert campaign.labels.tolist() == [truth[i] for i in campaign.labeled]
        assert campaign.skipped.tolist() == [skipped]
        again = campaign.pending.tolist()
    assert len(list(client.tasks.list(project=project))) == 20
    assert not set(again) & set(asked)
