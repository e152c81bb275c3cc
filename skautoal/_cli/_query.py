"""The command ``skautoal query``: which samples of a file to label next."""

from __future__ import annotations

import argparse

import numpy as np

from ..samplers import BaseSampler
from ..simulation import standard_net
from ..simulation.runs._methods import ORACLE, as_sampler
from ..simulation.tasks._scaling import scale_inputs
from ._outputs import check_output_file
from ._picks import check_format, write_picks
from ._samples import Labeled, Pool, read_labeled, read_pool


def query(options: argparse.Namespace) -> None:
    """Read two files, train, choose, and write the picks."""
    check_format(options.out)
    check_output_file(options.out, "--out", (options.labeled, options.pool))
    if options.n_instances < 1:
        raise ValueError(f"--n-instances must be at least 1; got {options.n_instances}.")
    if options.strategy == ORACLE:
        raise ValueError(
            "--strategy: the oracle needs the labels of the pool, so that only 'skautoal compare'"
            " can run it. Choose a method that 'skautoal list' names."
        )
    sampler = as_sampler(options.strategy)
    labeled = read_labeled(options.labeled, options.label_column)
    pool = read_pool(options.pool, labeled)
    if labeled.columns is not None:
        print(f"{len(labeled.columns)} columns are used: {', '.join(labeled.columns):.200}.")
    for note in pool.notes:
        print(note)
    rows, utilities = _choose(sampler, labeled, pool, options)
    write_picks(options.out, rows, utilities, pool.table)
    print(
        f"{len(rows)} of {len(pool.X)} rows written to {options.out}, best first.\n"
        f"Next: label them, add them to {options.labeled}, take them out of {options.pool} and"
        " repeat the command."
    )


def _choose(
    sampler: BaseSampler, labeled: Labeled, pool: Pool, options: argparse.Namespace
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that a sampler picks, with the standard net for such data, and utilities.

    Inputs are scaled with the statistics of labelled samples and pool together.
    """
    everything = np.concatenate([labeled.X, pool.X])
    scaled, _ = scale_inputs(everything, everything[:1])
    sampler.set_params(
        estimator=standard_net(scaled.shape, len(np.unique(labeled.y))),
        random_state=options.seed,
    )
    n = len(labeled.X)
    rows, utilities = sampler.fit(scaled[:n], labeled.y).query(
        scaled[n:], options.n_instances, return_utilities=True
    )
    return rows, utilities[rows]
