"""The class ``LabelingCampaign``: ask for samples, tell their labels, skip samples.

It checks arguments and orders the steps. The state is in :mod:`._state`, the files are in
:mod:`._files`, and the choice of samples is in :mod:`._asker`.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone

from .._utils._rng import derive_seed, draw_seed
from ..data._requests import check_costs, check_n_instances
from ..data._rows import n_samples
from ..samplers import BaseSampler
from ._accuracy import AccuracyEstimate, out_of_fold_estimate
from ._asker import Asker
from ._checks import check_inputs
from ._cold_start import Costs, check_cold_start
from ._files import CampaignFiles, time_of_day
from ._state import MAX_STEP, CampaignState, as_indices, as_labels
from ._stopping import StoppingCriterion, check_stopping
from ._view import CampaignView


class LabelingCampaign(CampaignView):
    """Label a pool with human annotators over several days, sessions and processes.

    :meth:`ask` returns the samples to label next. :meth:`tell` records labels and
    :meth:`skip` records samples that cannot be labelled. Both accept answers in any order,
    a few at a time; telling a label again corrects it. Every step is written to the folder
    before the call returns. :meth:`load` opens the folder in another process and continues
    with the same results as an uninterrupted campaign.

    Parameters
    ----------
    folder : path-like
        Folder for the files of the campaign. It is created if it does not exist. It must
        not contain a campaign yet; use :meth:`load` to open an existing one.
    sampler : sampler
        Any sampler of skautoal. The campaign works on a copy, whose ``random_state`` is
        replaced by seeds derived from the campaign's own.
    X : array-like, DataFrame, list, tensor, dict of them, or torch Dataset
        The pool of shape (n_pool, ...): all samples that may be labelled. It is not stored
        in the folder. Memory maps and zarr or HDF5 arrays are read in parts, on demand.
    features : array-like of shape (n_pool, d), optional
        Vectors used by ``cold_start``, for example embeddings of a pre-trained net. By
        default, the embeddings of the net if the sampler has a ``FrozenEstimator``, and
        otherwise the samples themselves, flattened and standardized.
    cold_start : str, default="typiclust"
        Name of the strategy that chooses samples until two classes have labels. It must
        need embeddings only, because no net can be trained yet.
    stopping : StoppingCriterion or list of them, default=()
        Criteria that :meth:`should_stop` evaluates.
    random_state : int, RandomState or None, default=None
        Seed of the campaign, from which all random choices are derived. If None, the
        ``random_state`` of the sampler is used. The seed is stored in the folder.

    Raises
    ------
    FileExistsError
        If the folder contains a campaign already.
    CampaignLockedError
        If another process, or this one, has the campaign open.

    Notes
    -----
    Only one process can open a campaign at a time. The lock is released by :meth:`close`,
    at the end of a ``with`` block, or when the process ends.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import make_blobs
    >>> from skautoal import LabelingCampaign, StrategySampler
    >>> X, y = make_blobs(100, centers=3, random_state=0)
    >>> folder = tempfile.mkdtemp() + "/campaign"
    >>> campaign = LabelingCampaign(folder, StrategySampler(strategy="margin"), X,
    ...                             random_state=0)
    >>> indices = campaign.ask(6)                      # no labels yet: the cold start
    >>> campaign.tell(indices[:4], y[indices[:4]])
    >>> campaign.skip(indices[4:5])
    >>> campaign
    LabelingCampaign(4 labeled, 1 pending, 1 skipped, 94 free, round 1)
    >>> campaign.close()
    >>> campaign = LabelingCampaign.load(folder, StrategySampler(strategy="margin"), X)
    >>> len(campaign.ask(5)), len(campaign.pending)
    (5, 6)
    >>> campaign.close()

    """

    def __init__(
        self,
        folder: str | PathLike[str],
        sampler: BaseSampler,
        X: Any,
        *,
        features: Any = None,
        cold_start: str = "typiclust",
        stopping: StoppingCriterion | Sequence[StoppingCriterion] = (),
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        check_cold_start(cold_start)
        self._set_up(sampler, X, features, stopping)
        if random_state is None:
            random_state = sampler.random_state
        seed = draw_seed(random_state)
        self._files = CampaignFiles.create(
            Path(folder), self._sampler, X, features, cold_start, seed
        )
        self._start(CampaignState(self._n_pool))

    @classmethod
    def load(
        cls,
        folder: str | PathLike[str],
        sampler: BaseSampler,
        X: Any,
        *,
        features: Any = None,
        stopping: StoppingCriterion | Sequence[StoppingCriterion] = (),
    ) -> LabelingCampaign:
        """Open an existing campaign and continue it, also after its process was killed.

        Parameters
        ----------
        folder : path-like
            Folder of the campaign.
        sampler : sampler
            Sampler to continue with. If its parameters differ from those recorded, a
            warning lists the differences and the change is recorded.
        X : array-like of shape (n_pool, ...)
            The pool that the campaign was started with. Its fingerprint is compared.
        features : array-like of shape (n_pool, d), optional
            The features that the campaign was started with, if any.
        stopping : StoppingCriterion or list of them, default=()
            Criteria that :meth:`should_stop` evaluates. They are not stored.

        Returns
        -------
        campaign : LabelingCampaign

        Raises
        ------
        FileNotFoundError
            If the folder contains no campaign.
        CampaignFileError
            If a file is damaged or truncated, or ``X`` or ``features`` differ from those
            that the campaign was started with.
        CampaignLockedError
            If another process, or this one, has the campaign open.

        """
        self = cls.__new__(cls)
        self._set_up(sampler, X, features, stopping)
        self._files, state = CampaignFiles.open(Path(folder), self._sampler, X, features)
        self._start(state)
        return self

    def _set_up(self, sampler: BaseSampler, X: Any, features: Any, stopping: object) -> None:
        check_inputs(sampler, X, features)
        self._sampler = clone(sampler).set_params(random_state=None)
        self._X, self._features = X, features
        self._n_pool = n_samples(X)
        self._stopping = check_stopping(stopping)
        self._estimates: dict[tuple, AccuracyEstimate] = {}

    def _start(self, state: CampaignState) -> None:
        self._state = state
        self._asker = Asker(self._sampler, self._X, self._features, self._files, self._stopping)

    def ask(
        self, n_instances: int | None = None, *, costs: Any = None, budget: float | None = None
    ) -> np.ndarray:
        """Choose the samples to label next and mark them as pending.

        A sample is never returned twice. Calling ``ask`` again while labels are missing
        returns other samples; :attr:`pending` lists those without an answer.

        Parameters
        ----------
        n_instances : int, optional
            Number of samples. By default, ``n_instances`` of the sampler or, with a budget,
            as many as the budget allows. A number larger than what is left is reduced to it
            with a ``PoolSizeWarning``.
        costs : array-like of shape (n_pool,), optional
            Positive cost of labelling each sample of the pool. If given, samples are chosen
            by utility per unit of cost.
        budget : float, optional
            Most that this batch may cost. The batch may then have fewer than ``n_instances``
            samples.

        Returns
        -------
        indices : ndarray of shape (n_instances,), dtype int64
            Rows of the pool, best first. The array is empty when no sample is left.

        Notes
        -----
        The sampler is fitted on all labels at the first call after a label was added or
        changed. Until two classes have labels, ``cold_start`` chooses the samples.

        """
        self._check_usable()
        prices = check_costs(costs, budget, self._n_pool)
        n = n_instances
        if n is None:
            n = self._sampler.n_instances
            if budget is not None:
                n = max(1, min(len(self._state.free()), MAX_STEP))
        if isinstance(n, Integral) and int(n) > MAX_STEP:
            raise ValueError(
                f"'n_instances' must be at most {MAX_STEP} in a campaign; got {n}. Ask several"
                " times."
            )
        free = self._state.free()
        # An empty result ends the user's loop. It needs no warning, so the size is
        # compared with itself when nothing is left.
        n = check_n_instances(n, len(free) or n)
        if len(free) == 0:
            return free
        given = None if prices is None else Costs(prices, budget)
        with self._asker.question(self._state, free, n, given) as step:
            self._take(step)
        return np.array(step["indices"], dtype=np.int64)

    def tell(
        self, indices: ArrayLike, labels: ArrayLike, *, annotator: str | int | None = None
    ) -> None:
        """Record labels of samples, whether or not they were asked for.

        Parameters
        ----------
        indices : array-like of int of shape (m,)
            Rows of the pool, without duplicates. Telling a label for a labelled sample
            corrects it. Telling one for a skipped sample undoes the skip.
        labels : array-like of shape (m,)
            One label per index: integers, strings or booleans. All labels of a campaign
            must have the same type. New classes may appear at any time.
        annotator : str or int, optional
            Name or number of the annotator, recorded for :meth:`audit`.

        Raises
        ------
        ValueError, TypeError
            If an index is outside the pool or given twice, or if a label is invalid. No
            label is recorded in that case.

        """
        self._check_usable()
        step: dict[str, Any] = {
            "kind": "tell",
            "indices": as_indices(indices),
            "labels": as_labels(labels),
            "annotator": annotator,
        }
        if len(step["indices"]) != len(step["labels"]):
            raise ValueError(
                f"'labels' has {len(step['labels'])} items, but 'indices' has"
                f" {len(step['indices'])}. Pass one label per index."
            )
        if step["indices"]:
            self._take(step)

    def skip(self, indices: ArrayLike, *, annotator: str | int | None = None) -> None:
        """Record that samples cannot be labelled, so that they are not asked for again.

        Parameters
        ----------
        indices : array-like of int of shape (m,)
            Rows of the pool that have no label, without duplicates.
        annotator : str or int, optional
            Name or number of the annotator, recorded for :meth:`audit`.

        Raises
        ------
        ValueError
            If an index has a label, is outside the pool, or is given twice.

        """
        self._check_usable()
        step: dict[str, Any] = {
            "kind": "skip",
            "indices": as_indices(indices),
            "annotator": annotator,
        }
        if step["indices"]:
            self._take(step)

    def should_stop(self) -> str | None:
        """Return the first reason to stop labelling, or None to continue.

        Returns
        -------
        reason : str or None
            A sentence: either no sample is left, or the reason of the first criterion in
            ``stopping`` that is met.

        """
        self._check_usable()
        if len(self._state.free()) == 0 and not self._state.pending:
            return "no sample is left to ask for"
        for criterion in self._stopping:
            reason = criterion.reason(self)
            if reason is not None:
                return reason
        return None

    def estimate_accuracy(self, n_folds: int = 5, *, confidence: float = 0.95) -> AccuracyEstimate:
        """Estimate the accuracy on the labelled samples by cross-validation.

        Parameters
        ----------
        n_folds : int, default=5
            Number of folds. A net trained on the other folds predicts each fold.
        confidence : float, default=0.95
            Confidence level of the exact binomial interval, between 0 and 1.

        Returns
        -------
        estimate : AccuracyEstimate
            Object with ``accuracy``, ``lower``, ``upper`` and ``n_samples``.

        Notes
        -----
        The estimate is not the accuracy on the pool. The labelled samples were chosen by
        the sampler and do not represent the pool, and each net was trained on fewer labels
        than the campaign has. The interval assumes independent samples.

        """
        if not isinstance(n_folds, Integral) or n_folds < 2:
            raise ValueError(f"'n_folds' must be an integer of at least 2; got {n_folds!r}.")
        if not 0 < confidence < 1:
            raise ValueError(f"'confidence' must be between 0 and 1; got {confidence!r}.")
        key = (self._state.version, n_folds, confidence)
        if key not in self._estimates:
            # Labels never go back to an earlier version, so older estimates are dropped.
            self._estimates = {k: v for k, v in self._estimates.items() if k[0] == key[0]}
            classes = self.sampler_.classes_
            folds = int(n_folds)
            seed = derive_seed(self._files.seed, "accuracy", len(self._state.labels))
            self._estimates[key] = out_of_fold_estimate(
                self._sampler, classes, self._X, self._state.labels, folds, confidence, seed
            )
        return self._estimates[key]

    @property
    def sampler_(self) -> BaseSampler:
        """Sampler fitted on all labels, for predictions.

        Do not call its ``teach``; use :meth:`tell`. Samplers that learn from their rounds
        are copied, so that queries of the copy do not change the campaign.
        """
        self._check_usable()
        sampler = self._asker.sampler(self._state, copied=True)
        if sampler is None:
            raise ValueError(
                "A classifier needs labels of at least two classes, but the campaign has"
                f" {len(self._state.labels)} labels of {len(set(self._state.labels.values()))}"
                " classes. Call ask and tell first."
            )
        return sampler

    @property
    def estimator_(self) -> Any:
        """Net trained on all labels, or the Pipeline that ends in it."""
        return self.sampler_.estimator_

    def close(self) -> None:
        """Close the files and release the lock. Use :meth:`load` to continue."""
        self._files.close()

    def __enter__(self) -> LabelingCampaign:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _take(self, step: dict) -> None:
        """Check a step, write it to the journal, then apply it to the state."""
        step = {**step, "time": time_of_day()}
        # The order matters: if writing fails, the state is unchanged, so the object and the
        # folder always agree.
        self._state.check(step)
        self._files.write(step)
        self._state.apply(step)

    def _check_usable(self) -> None:
        self._files.check_usable(self._state.n_steps)
