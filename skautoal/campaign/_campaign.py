"""LabelingCampaign: ask, tell, skip, and never lose an answer."""

from __future__ import annotations

from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from .._frames import as_frame
from .._rng import derive_seed, draw_seed
from .._validation import n_samples
from ..pools import is_stream
from ..samplers import BaseSampler
from ..strategies._base import check_n_instances
from ..strategies._cost_aware import check_costs
from ._accuracy import AccuracyEstimate, out_of_fold_estimate
from ._asker import Asker
from ._audit import audit_rows
from ._cold_start import Costs, check_cold_start
from ._files import CampaignFiles, time_of_day
from ._state import MAX_STEP, CampaignState, as_indices, as_labels
from ._stopping import check_stopping
from ._view import CampaignView


class LabelingCampaign(CampaignView):
    """Label a pool with people who answer when they can, over days and restarts.

    ``ask`` says which samples to label next, ``tell`` takes labels and ``skip`` refusals,
    in any order, some now and some later, and again to correct them. Each step is safely
    in the folder before the call returns; :meth:`load` goes on from there in any process,
    with the same answers as if nothing had happened in between.

    Parameters
    ----------
    folder : path-like
        Where the campaign is kept; made if it is not there. It must not hold a campaign
        yet: :meth:`load` opens one.
    sampler : sampler
        Any sampler of skautoal; it is copied and never changed. Its ``random_state`` is
        replaced by seeds derived from that of the campaign.
    X : array-like, DataFrame, list, tensor, dict of them, or torch Dataset
        The pool, (n_pool, ...), everything that may be labelled. It is not kept in the
        folder. Memory maps and arrays of zarr or HDF5 are read as they are needed.
    features : array-like of shape (n_pool, d), optional
        What samples are compared by before any net can be trained, embeddings of a
        pre-trained net, say. By default the embeddings of the net of a frozen
        sampler, else the samples themselves, flattened and standardised.
    cold_start : str, default="typiclust"
        Strategy that asks until two classes have labels, by features alone: any of those
        that need nothing but embeddings.
    stopping : StoppingCriterion or list of them, default=()
        What :meth:`should_stop` looks at.
    random_state : int, RandomState or None, default=None
        Decides everything; None takes that of the sampler. It is kept in the folder.

    Raises
    ------
    FileExistsError
        If the folder holds a campaign already.
    CampaignLockedError
        If it is open elsewhere.

    Notes
    -----
    One process at a time can have a campaign open; the lock ends with the process. Use it
    as a context manager, or close it, to let others in.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import make_blobs
    >>> from skautoal import LabelingCampaign, StrategySampler
    >>> X, y = make_blobs(100, centers=3, random_state=0)
    >>> folder = tempfile.mkdtemp() + "/campaign"
    >>> campaign = LabelingCampaign(folder, StrategySampler(strategy="margin"), X,
    ...                             random_state=0)
    >>> indices = campaign.ask(6)                      # no labels yet: diverse samples
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
        folder,
        sampler,
        X,
        *,
        features=None,
        cold_start="typiclust",
        stopping=(),
        random_state=None,
    ):
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
    def load(cls, folder, sampler, X, *, features=None, stopping=()) -> LabelingCampaign:
        """Open a campaign where it was left, also by a process that was killed.

        Parameters
        ----------
        folder : path-like
            Where it is kept.
        sampler : sampler
            The sampler to go on with. If it is not configured as before, a warning says
            how it differs, and the journal notes it.
        X : array-like of shape (n_pool, ...)
            The pool; its fingerprint must be that of the start.
        features : array-like of shape (n_pool, d), optional
            Those of the start, if there were any.
        stopping : StoppingCriterion or list of them, default=()
            What :meth:`should_stop` looks at.

        Returns
        -------
        campaign : LabelingCampaign

        Raises
        ------
        FileNotFoundError
            If there is no campaign in the folder.
        CampaignFileError
            If a file is damaged or cut off, or the pool is another one.
        CampaignLockedError
            If it is open elsewhere.

        """
        self = cls.__new__(cls)
        self._set_up(sampler, X, features, stopping)
        self._files, state = CampaignFiles.open(Path(folder), self._sampler, X, features)
        self._start(state)
        return self

    def _set_up(self, sampler, X, features, stopping) -> None:
        if not isinstance(sampler, BaseSampler):
            raise TypeError(
                "'sampler' must be a sampler of skautoal, such as AutoALSampler() or"
                f" StrategySampler('margin'); got {sampler!r:.100}."
            )
        sampler._validate_params()
        self._sampler = clone(sampler).set_params(random_state=None)
        if is_stream(X):
            raise TypeError(
                f"'X' must be a pool whose rows can be read again; got {type(X).__name__}. Write"
                " it to a file and give a memory map."
            )
        self._X, self._features = X, features
        self._n_pool = n_samples(X)
        if self._n_pool == 0:
            raise ValueError("'X' is empty: a campaign needs at least one sample.")
        if features is not None and n_samples(features) != self._n_pool:
            raise ValueError(
                f"'features' has {n_samples(features)} rows for {self._n_pool} samples in 'X'."
            )
        self._stopping = check_stopping(stopping)
        self._estimates: dict[tuple, AccuracyEstimate] = {}

    def _start(self, state: CampaignState) -> None:
        self._state = state
        self._asker = Asker(self._sampler, self._X, self._features, self._files, self._stopping)

    def ask(
        self, n_instances: int | None = None, *, costs: Any = None, budget: float | None = None
    ) -> np.ndarray:
        """Choose samples to label next; they are pending until they are answered.

        Nothing is given out twice: while answers are missing, asking again gives other
        samples. Those still out are :attr:`pending`.

        Parameters
        ----------
        n_instances : int, optional
            How many; by default ``n_instances`` of the sampler or, with a budget, as many
            as it pays for. More than are left is clipped with a warning.
        costs : array-like of shape (n_pool,), optional
            Cost of labelling each sample of the pool, positive. Samples are then chosen by
            utility per unit of cost.
        budget : float, optional
            Most that this batch may cost; it may then be smaller than ``n_instances``.

        Returns
        -------
        indices : ndarray of shape (n_instances,), dtype int64
            Rows of the pool, best first; empty when no sample is left.

        Notes
        -----
        The sampler is fitted on all labels when the first question after a new label is
        asked. Until two classes have labels, ``cold_start`` answers.

        """
        self._check_usable()
        prices = check_costs(costs, budget, self._n_pool)
        n = n_instances
        if n is None:
            n = self._sampler.n_instances
            if budget is not None:
                n = max(1, min(len(self._state.free()), MAX_STEP))
        if isinstance(n, Integral) and int(n) > MAX_STEP:
            raise ValueError(f"'n_instances' is {n}; a campaign asks for {MAX_STEP} at most.")
        free = self._state.free()
        # With nothing left the answer is empty, which ends a loop without a warning.
        n = check_n_instances(n, len(free) or n)
        if len(free) == 0:
            return free
        given = None if prices is None else Costs(prices, budget)
        with self._asker.question(self._state, free, n, given) as step:
            self._take(step)
        return np.array(step["indices"], dtype=np.int64)

    def tell(self, indices, labels, *, annotator=None) -> None:
        """Take labels, of samples that were asked for or of any others of the pool.

        Parameters
        ----------
        indices : array-like of int of shape (m,)
            Rows of the pool, each once. A label for a labelled sample corrects it; one
            for a skipped sample takes it back.
        labels : array-like of shape (m,)
            Integers, strings or booleans, of one type in the whole campaign; new classes
            are welcome.
        annotator : str or int, optional
            Who labelled; kept for the audit.

        Raises
        ------
        ValueError, TypeError
            If an index is not in the pool or named twice, or a label cannot be one; then
            none of the labels is taken.

        """
        self._check_usable()
        step = {
            "kind": "tell",
            "indices": as_indices(indices),
            "labels": as_labels(labels),
            "annotator": annotator,
        }
        if len(step["indices"]) != len(step["labels"]):
            raise ValueError(
                f"'labels' has {len(step['labels'])} items for {len(step['indices'])} in"
                " 'indices'. Give one label for each."
            )
        if step["indices"]:
            self._take(step)

    def skip(self, indices, *, annotator=None) -> None:
        """Note that samples cannot be labelled; they are never asked for again.

        Parameters
        ----------
        indices : array-like of int of shape (m,)
            Rows of the pool, each once, without a label.
        annotator : str or int, optional
            Who refused; kept for the audit.

        Raises
        ------
        ValueError
            If one has a label, is not in the pool, or is named twice.

        """
        self._check_usable()
        step = {"kind": "skip", "indices": as_indices(indices), "annotator": annotator}
        if step["indices"]:
            self._take(step)

    def should_stop(self) -> str | None:
        """The first reason to stop, or None.

        Returns
        -------
        reason : str or None
            No sample is left, or what one of the ``stopping`` criteria says.

        """
        self._check_usable()
        if len(self._state.free()) == 0 and not self._state.pending:
            return "no sample is left to ask for"
        for criterion in self._stopping:
            reason = criterion.reason(self)
            if reason is not None:
                return reason
        return None

    def estimate_accuracy(self, n_folds=5, *, confidence=0.95) -> AccuracyEstimate:
        """Accuracy on labelled samples by cross-validation, with an interval.

        Parameters
        ----------
        n_folds : int, default=5
            Parts; nets trained on all but one predict it.
        confidence : float, default=0.95
            Of the exact binomial interval.

        Returns
        -------
        estimate : AccuracyEstimate
            With ``accuracy``, ``lower``, ``upper``, ``n_samples``.

        Notes
        -----
        It speaks of samples like the labelled ones, which a sampler chose for being
        unlike the rest, and of nets with fewer labels; not of the pool. The interval
        takes samples as independent.

        """
        if not isinstance(n_folds, Integral) or n_folds < 2:
            raise ValueError(f"'n_folds' must be an integer >= 2; got {n_folds!r}.")
        if not 0 < confidence < 1:
            raise ValueError(f"'confidence' must be between 0 and 1; got {confidence!r}.")
        key = (self._state.version, n_folds, confidence)
        if key not in self._estimates:
            # Estimates of earlier labels are not asked for again.
            self._estimates = {k: v for k, v in self._estimates.items() if k[0] == key[0]}
            classes = self.sampler_.classes_
            folds = int(n_folds)
            seed = derive_seed(self._files.seed, "accuracy", len(self._state.labels))
            self._estimates[key] = out_of_fold_estimate(
                self._sampler, classes, self._X, self._state.labels, folds, confidence, seed
            )
        return self._estimates[key]

    def audit(self) -> list[dict]:
        """Who chose each sample and why, and who answered what and when.

        Returns
        -------
        rows : list of dict
            One for each sample that anything happened to, in the order of first mention:
            ``index``, ``status`` ("pending", "labeled" or "skipped"), ``label``,
            ``chosen_by`` (a sampler, the cold start, or "user" for labels told unasked),
            ``round``, ``place`` in the batch, ``n_labeled`` (labels the model knew),
            ``predicted`` and ``probability`` (what it thought when asking),
            ``strategy_weights`` (how much each strategy was trusted for this sample),
            ``asked_at``, ``answered_at``, ``annotator``, and ``labels``, all labels it
            ever had.

        """
        return audit_rows(self._files.steps())

    def audit_frame(self):
        """The audit as a pandas DataFrame, with a column for each strategy's weight.

        Returns
        -------
        frame : DataFrame
            Needs pandas (the extra ``data``).

        """
        rows = self.audit()
        for row in rows:
            weights = row.pop("strategy_weights")
            row |= {f"weight_{name}": weight for name, weight in weights.items()}
        return as_frame(rows)

    @property
    def sampler_(self):
        """The sampler, fitted on all labels: to predict with, not to teach.

        For samplers that learn from their rounds it is a copy.
        """
        self._check_usable()
        sampler = self._asker.sampler(self._state, copied=True)
        if sampler is None:
            raise ValueError(
                "A classifier needs labels of two classes; the campaign has"
                f" {len(self._state.labels)} labels of {len(set(self._state.labels.values()))}."
                " Ask and tell first."
            )
        return sampler

    @property
    def estimator_(self):
        """The net trained on all labels (or the Pipeline that ends in it)."""
        return self.sampler_.estimator_

    def close(self) -> None:
        """Let go of the folder; the campaign cannot be used any more, but loaded."""
        self._files.close()

    def __enter__(self) -> LabelingCampaign:
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def _take(self, step: dict) -> None:
        """Check a step, write it, then let it count; nothing happens if it cannot be written."""
        step = {**step, "time": time_of_day()}
        self._state.check(step)
        self._files.write(step)
        self._state.apply(step)

    def _check_usable(self) -> None:
        self._files.check_usable(self._state.n_steps)
