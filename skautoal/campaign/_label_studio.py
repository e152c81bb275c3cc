"""Between a campaign and Label Studio: tasks to import, annotations to read. No SDK needed.

Tasks and annotations are the dicts of Label Studio's JSON import and export, and of its
SDK after ``model_dump()``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

#: Where a task says which sample it is.
_KEY = "skautoal_index"


@dataclass
class Annotations:
    """What annotators said about samples of a pool.

    Attributes
    ----------
    indices : list of int
        Samples that a majority gave one label.
    labels : list of str
        That label.
    skipped : list of int
        Samples that everybody who looked at them skipped.
    disputed : list of int
        Samples whose annotators disagree without a majority: neither told nor skipped.

    """

    indices: list[int] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    disputed: list[int] = field(default_factory=list)

    def tell(self, campaign) -> None:
        """Tell a campaign what is new, correct what changed, skip what was refused.

        Parameters
        ----------
        campaign : LabelingCampaign
            The campaign that asked.

        """
        known = dict(zip(campaign.labeled.tolist(), campaign.labels.tolist(), strict=True))
        new = {
            index: label
            for index, label in zip(self.indices, self.labels, strict=True)
            if known.get(index) != label
        }
        campaign.tell(list(new), list(new.values()), annotator="Label Studio")
        refused = set(self.skipped) - set(known) - set(campaign.skipped.tolist())
        campaign.skip(sorted(refused), annotator="Label Studio")


def to_tasks(indices: Iterable[int], data: Callable[[int], Mapping]) -> list[dict]:
    """Tasks for Label Studio, one a sample, in the order of the campaign.

    Parameters
    ----------
    indices : iterable of int
        What a campaign asked for.
    data : callable
        Takes an index, returns the fields that the labelling configuration of the
        project shows, ``{"text": ...}`` or ``{"image": url}``.

    Returns
    -------
    tasks : list of dict
        For ``projects.import_tasks`` of the SDK, or as a JSON file for the import dialog.

    Examples
    --------
    >>> from skautoal.campaign import to_tasks
    >>> texts = ["good film", "bad film"]
    >>> to_tasks([1], lambda index: {"text": texts[index]})
    [{'data': {'text': 'bad film', 'skautoal_index': 1}}]

    """
    tasks = []
    for index in indices:
        fields = data(int(index))
        if not isinstance(fields, Mapping):
            raise TypeError(
                "'data' must return a dict of the fields that the project shows; got"
                f" {fields!r:.100} for sample {index}."
            )
        tasks.append({"data": {**fields, _KEY: int(index)}})
    return tasks


def read_annotations(tasks: Iterable[Mapping], *, from_name: str | None = None) -> Annotations:
    """Labels from tasks of Label Studio, as exported (JSON) or listed by its SDK.

    Parameters
    ----------
    tasks : iterable of dict
        Tasks with their ``annotations``; those that :func:`to_tasks` did not make are
        passed over.
    from_name : str, optional
        Name of the ``<Choices>`` tag that holds the label; needed where a project has
        several.

    Returns
    -------
    annotations : Annotations
        Tasks without annotations are in none of its lists.

    Raises
    ------
    ValueError
        If an annotation does not hold one choice, or holds several and ``from_name`` does
        not say which counts.

    Examples
    --------
    >>> from skautoal.campaign import read_annotations
    >>> result = [{"from_name": "label", "type": "choices", "value": {"choices": ["good"]}}]
    >>> task = {"data": {"text": "fine", "skautoal_index": 4},
    ...         "annotations": [{"result": result, "was_cancelled": False}]}
    >>> found = read_annotations([task])
    >>> found.indices, found.labels, found.skipped
    ([4], ['good'], [])

    """
    found = Annotations()
    for task in tasks:
        index = (task.get("data") or {}).get(_KEY)
        answers = task.get("annotations") or []
        if type(index) is not int or not answers:
            continue
        kept = [answer for answer in answers if not answer.get("was_cancelled")]
        if not kept:
            found.skipped.append(index)
            continue
        votes = Counter(_choice(answer, index, from_name) for answer in kept)
        label, count = votes.most_common(1)[0]
        if 2 * count > len(kept):
            found.indices.append(index)
            found.labels.append(label)
        else:
            found.disputed.append(index)
    return found


def _choice(annotation: Mapping, index: int, from_name: str | None) -> str:
    """The one choice of an annotation."""
    results = [
        result
        for result in annotation.get("result") or []
        if result.get("type") == "choices" and from_name in (None, result.get("from_name"))
    ]
    choices = [choice for result in results for choice in result["value"]["choices"]]
    if len(choices) != 1:
        raise ValueError(
            f"The annotation of sample {index} holds the choices {choices}; a label is one."
            " Let the project ask for a single required choice, and name its tag with"
            " 'from_name' if there are others."
        )
    return choices[0]
