"""Texts labelled in Label Studio, chosen by a campaign
====================================================

Each run of this script takes one turn: it reads what annotators did in Label Studio,
tells the campaign, and imports the next batch as tasks. Run it by hand or by cron; the
campaign remembers where it was::

    pip install "skautoal[label-studio]" label-studio
    label-studio start
    python examples/label_studio.py --url http://localhost:8080 --key YOUR_API_KEY --folder reviews

The texts here are made up; put your own in ``TEXTS``.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from skorch import NeuralNetClassifier
from torch import nn

from skautoal import LabelingCampaign, StrategySampler
from skautoal.campaign import Budget, read_annotations, to_tasks
from skautoal.modules import MLP

TITLE = "Reviews (skautoal)"
CONFIG = """
<View>
  <Text name="text" value="$text"/>
  <Choices name="label" toName="text" choice="single" required="true">
    <Choice value="positive"/>
    <Choice value="negative"/>
  </Choices>
</View>
"""


def made_up_reviews(n: int = 200) -> list[str]:
    """Short reviews of things, pleased or not."""
    draw = random.Random(0)
    good, bad = ["great", "lovely", "superb", "charming"], ["poor", "awful", "boring", "broken"]
    things = ["film", "book", "hotel", "phone", "meal", "song"]
    words = [draw.choice([good, bad]) for _ in range(n)]
    return [
        f"a {draw.choice(kind)} {draw.choice(things)}, {draw.choice(kind)} and number {number}"
        for number, kind in enumerate(words)
    ]


TEXTS = made_up_reviews()


def make_sampler() -> StrategySampler:
    """Margin sampling with a small net on TF-IDF vectors."""
    vectors = TfidfVectorizer().fit(TEXTS)
    net = NeuralNetClassifier(
        MLP,
        module__n_features=len(vectors.vocabulary_),
        module__n_classes=2,
        criterion=nn.CrossEntropyLoss,
        lr=0.5,
        max_epochs=30,
        train_split=None,
        verbose=0,
    )
    fixed = TfidfVectorizer(vocabulary=vectors.vocabulary_)
    return StrategySampler(make_pipeline(fixed, net), "margin", n_instances=10)


def open_campaign(folder: Path) -> LabelingCampaign:
    """The campaign in a folder, a new one the first time."""
    features = TfidfVectorizer().fit_transform(TEXTS)
    if (folder / "journal.jsonl").exists():
        return LabelingCampaign.load(
            folder, make_sampler(), TEXTS, features=features, stopping=Budget(100)
        )
    return LabelingCampaign(
        folder, make_sampler(), TEXTS, features=features, stopping=Budget(100), random_state=0
    )


def find_project(client) -> int:
    """Number of the project in Label Studio; made the first time."""
    for project in client.projects.list():
        if project.title == TITLE:
            return project.id
    return client.projects.create(title=TITLE, label_config=CONFIG).id


def take_turn(client, campaign: LabelingCampaign) -> str:
    """Read the annotations, tell the campaign, import the next batch; what was done."""
    project = find_project(client)
    tasks = [task.model_dump() for task in client.tasks.list(project=project, fields="all")]
    found = read_annotations(tasks, from_name="label")
    found.tell(campaign)
    reason = campaign.should_stop()
    if reason:
        return f"Stop: {reason}."
    # A batch that was asked for, but not imported because something failed, goes first.
    there = {task["data"].get("skautoal_index") for task in tasks}
    batch = [index for index in campaign.pending.tolist() if index not in there]
    if not batch and len(campaign.pending) == 0:
        batch = campaign.ask().tolist()
    if batch:
        new = to_tasks(batch, lambda index: {"text": TEXTS[index]})
        client.projects.import_tasks(id=project, request=new)
    return f"{campaign}; {len(batch)} tasks imported, {len(found.disputed)} disputed."


def main() -> None:
    """One turn."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--url", default="http://localhost:8080", help="of Label Studio")
    parser.add_argument("--key", required=True, help="API key: Account & Settings")
    parser.add_argument("--folder", type=Path, required=True, help="where the campaign is kept")
    options = parser.parse_args()
    from label_studio_sdk import LabelStudio  # pip install "skautoal[label-studio]"

    with open_campaign(options.folder) as campaign:
        print(take_turn(LabelStudio(base_url=options.url, api_key=options.key), campaign))


if __name__ == "__main__":
    main()
