"""Exchange samples and labels with Label Studio, without its SDK.

Tasks and annotations are dicts in the format of Label Studio's JSON import and export. The
objects of its SDK have the same format after ``model_dump()``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._campaign import LabelingCampaign

#: Field of a task that holds the row of the sample in the pool.
_KEY = "skautoal_index"


@dataclass
class Annotations:
    """Annotations of samples of a pool, combined over the annotators.

    Attributes
    ----------
    indices : list of int
        Samples to which more than half of their annotators gave the same label.
    labels : list of str
        The majority label of each sample in ``indices``.
    skipped : list of int
        Samples that all of their annotators skipped.
    disputed : list of int
        Samples without a majority label. :meth:`tell` neither tells nor skips them.

    """

    indices: list[int] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    disputed: list[int] = field(default_factory=list)

    def tell(self, campaign: LabelingCampaign) -> None:
        """Pass new labels, corrected labels and skipped samples to a campaign.

        Labels that the campaign knows already are not told again.

        Parameters
        ----------
        campaign : LabelingCampaign
            Campaign that asked for the samples.

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
    """Create one Label Studio task per sample, in the order of ``indices``.

    Parameters
    ----------
    indices : iterable of int
        Rows of the pool, as returned by ``LabelingCampaign.ask``.
    data : callable
        Function that takes an index and returns the fields shown by the labelling
        configuration of the project, such as ``{"text": ...}`` or ``{"image": url}``.

    Returns
    -------
    tasks : list of dict
        Tasks for ``projects.import_tasks`` of the SDK, or for a JSON file to import.

    Raises
    ------
    TypeError
        If ``data`` does not return a dict.

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
                "'data' must return a dict of the fields shown by the project, such as"
                f" {{'text': ...}}; got {fields!r:.100} for sample {index}."
            )
        tasks.append({"data": {**fields, _KEY: int(index)}})
    return tasks


def read_annotations(tasks: Iterable[Mapping], *, from_name: str | None = None) -> Annotations:
    """Read the labels from annotated tasks of Label Studio.

    Parameters
    ----------
    tasks : iterable of dict
        Tasks with their ``annotations``, from a JSON export or from the SDK. Tasks that
        were not created by :func:`to_tasks` are ignored.
    from_name : str, optional
        Name of the ``<Choices>`` tag that holds the label. It is required if the project
        has several such tags.

    Returns
    -------
    annotations : Annotations
        Labels and skips. Tasks without annotations do not appear in it.

    Raises
    ------
    ValueError
        If an annotation does not contain exactly one choice.

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
        # Label Studio stores a skipped task as an annotation that was cancelled.
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
    """Return the label of an annotation, which must contain exactly one choice."""
    results = [
        result
        for result in annotation.get("result") or []
        if result.get("type") == "choices" and from_name in (None, result.get("from_name"))
    ]
    choices = [choice for result in results for choice in result["value"]["choices"]]
    if len(choices) != 1:
        raise ValueError(
            f"The annotation of sample {index} must contain exactly one choice; got {choices}."
            " Make the choice of the project single and required. If the project has several"
            " <Choices> tags, name the one with the label by 'from_name'."
        )
    return choices[0]
