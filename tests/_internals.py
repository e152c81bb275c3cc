"""The one door from the tests to private modules of skautoal; when one moves, edit it here.

``from tests._internals import isolated_rng`` gives a private function or class.
``monkeypatch.setattr(*internal("distances.block_elements"), 20)`` patches a private one.
Modules are imported when a name is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

# What tests import: the names that each module of skautoal gives.
_NAMES = {
    # Random streams: seeds, generators that are put back, hashes of rows.
    "_utils._rng": (
        "combine_hashes, derive_seed, draw_seed, first_in_order, hash_rows, "
        "isolated_rng, order_among, random_order"
    ),
    # Nets: layout, training, layers, Monte-Carlo dropout.
    "nets._net": (
        "copy_module, evaluation_mode, inspect_net, split_estimator, takes_integers, "
        "to_probabilities, trunk_learns"
    ),
    "nets._columns": "columns_read",
    "nets._training": "fit_net, fresh_net, initialize_net",
    "nets._layers": "block_features, captured_input",
    "nets._mc_dropout": "MCDropout, dropout_masks, dropout_modules",
    # Labels and the command line.
    "data._labels": "check_labels",
    "_cli": "main",
    "_cli._estimate": "Cost as RoundCost, expected_seconds, in_words, key_of as setting_of",
    # Pools: chunks and their checks.
    "data._base": "n_rows_of, rechunk",
    "data._checks": "ChunkCheck",
    "data._rows": "RowsOnDisk, load_rows, n_samples, take_rows",
    "data._convert": "as_net_input, from_transformer, standardized_vectors, writeable",
    # Operations: distances, clusters, ranks.
    "ops._ball_cover": "greedy_ball_cover, pure_radius",
    "ops._calibration": "fit_temperature",
    "ops._distances": (
        "GaussianKernel, gaussian_kernel, nearest_distances, nearest_kernel, normalize_rows, "
        "row_blocks, squared_distances"
    ),
    "ops._gaussians": "GaussianMixture",
    "ops._greedy": "farthest_first, greedy_coverage",
    "ops._kmeans": "kmeans, nearest_to_centers",
    "ops._kmeanspp": "FactorDistances, PointDistances, kmeans_plusplus",
    "ops._knapsack": "select_by_cost",
    "ops._neighbors": "nearest_neighbors, typicality, typicality_within",
    "ops._projection": "principal_components",
    "ops._ranking": "average_ranks, round_robin, top_k",
    # Strategies: the parts that have a closed form to compare with.
    "strategies._alfa_mix": (
        "_anchors as alfa_anchors, _best_alpha as best_alpha, _flips as alfa_flips"
    ),
    "strategies._batch_bald": "_JointLabels as JointLabels",
    "strategies._glister": "_gains as glister_gains, _head_gradient as glister_head_gradient",
    "strategies._mqnet": (
        "_labeled_purity as labeled_purity, _purity as purity, _train as train_mqnet"
    ),
    "strategies._training": "MAX_ROWS, raw_rows, standardizer",
    "strategies._vaal": "_small as shrink_images",
    # Search: its nets, objectives and loop.
    "search._cross_validation": (
        "RECORD, Verdict, _folds as label_folds, "
        "_verdict as combined_verdict, coverage_verdict, cross_validate"
    ),
    "search._fit_net": "HeadFitNet, ModuleFitNet, batched_heads, with_constant",
    "search._held_out": "HeldOut, _MAX_ROWS as MAX_HELD_OUT",
    "search._location": "Components, Location, N_COMPONENTS",
    "search._objectives": (
        "Coverage, POOL_SHARE, _ExpectedMaximum as ExpectedMaximum, clip_losses, label_gain, "
        "label_values, pool_coverage, spread_of_candidates"
    ),
    "search._record": "MAX_ROUNDS, Record",
    "search._progress": "SearchProgress",
    "search._loop": (
        "HISTORY_COLUMNS, LabelArrays, PoolArrays, TAU_END, _ranking_loss as ranking_loss, "
        "run_search"
    ),
    "search._search_net": "GlobalSearchNet, LocationSearchNet, ModuleSearchNet",
    "search._soft_topk": "StandardTopK, soft_threshold_gmm, soft_top_k, standardize",
    "mixing._batch": "coverage_reasons",
    "mixing._inputs": "InputView, MAX_COLUMNS, has_inputs",
    "mixing._candidates": "Candidates, named_strategies",
    "mixing._utilities": "candidate_utilities, equal_weights",
    "search._options": "PAPER",
    # Samplers: the update rules of the bandits, the regimes of SelectAL.
    "samplers._result": "PoolTable",
    "samplers._albl": "arm_probabilities, exp4p_update",
    "samplers._bandit": "deal",
    "samplers._selectal": "highest_of_each_class, errors_after_removal",
    "samplers._tailor": "class_values",
    # Campaigns: the journal, the state, the learner.
    "campaign._accuracy": "_folds as accuracy_folds, clopper_pearson",
    "campaign._audit": "audit_rows",
    "campaign._files": "read_campaign",
    "campaign._journal": "MAX_LINE, _ROOT as JOURNAL_ROOT",
    "campaign._learner": "Learner, Round as CampaignRound",
    "campaign._state": "CampaignState, MAX_STEP, kappa",
    # Simulation: tasks, runs, tables.
    "simulation.runs._batched_training": "fit_nets",
    "simulation.runs._compare": "one_thread",
    "simulation.runs._oracle": "OracleSampler, ridge",
    "simulation.analysis._export": "overview, write_tables",
    "simulation.analysis._origin": "origin_of",
    "simulation.analysis._rank_plot": "cliques",
    "simulation.analysis._verdict": "verdict",
    "simulation.runs._commands": "record_command, recorded_commands",
    "simulation.runs._plan": "plan_runs",
    "simulation.runs._simulate": "_halves as halves, score",
    "simulation.runs._store": "RunStore",
    "simulation.runs._together": "run_together",
    "simulation.tasks._nets": "ShuffledBatches",
    "simulation.tasks._rows": "draw_initial",
}

# What tests patch: a name for each, and its place as "module:attribute". A function stands
# where it is looked up, which may be a module that imports it.
_PATCHED = {
    # Random streams.
    "rng.hash_chunk": "_utils._rng:_HASH_CHUNK",
    # Pools.
    "pools.max_chunk": "data._base:_MAX_CHUNK",
    "pools.write_memory": "data._memory:_write",
    # Nets.
    "nets.default_net": "nets._task:default_net",
    "task.fit_net": "nets._task:fit_net",
    # Operations: sizes of blocks, and below which sizes an exact way is taken.
    "distances.block_elements": "ops._distances:_BLOCK_ELEMENTS",
    "neighbors.batch_elements": "ops._neighbors:_BATCH_ELEMENTS",
    "neighbors.batched_below": "ops._neighbors:_BATCHED_BELOW",
    "kmeans.seed_rows": "ops._kmeans:_SEED_ROWS",
    "kmeans.seed_rows_per_cluster": "ops._kmeans:_SEED_ROWS_PER_CLUSTER",
    "greedy.coverage_gains": "ops._greedy:_coverage_gains",
    "greedy.gain_block": "ops._greedy:_GAIN_BLOCK",
    "greedy.remembered": "ops._greedy:_REMEMBERED",
    "ball_cover.rows": "ops._ball_cover:_ROWS",
    "ball_cover.stored_below": "ops._ball_cover:_STORED_BELOW",
    "herding.exact_below": "ops._herding:EXACT_BELOW",
    "herding.max_candidates": "ops._herding:_MAX_CANDIDATES",
    "herding.max_targets": "ops._herding:MAX_TARGETS",
    # Strategies: sizes, and above which a sample is used.
    "typiclust.max_references": "strategies._typiclust:_MAX_REFERENCES",
    "probcover.exact_below": "strategies._probcover:_EXACT_BELOW",
    "adversarial.chunk_elements": "strategies._adversarial:_CHUNK_ELEMENTS",
    "bait.max_factor_elements": "strategies._bait:_MAX_FACTOR_ELEMENTS",
    "cluster_margin.max_clustered": "strategies._cluster_margin:_MAX_CLUSTERED",
    # Search and batches.
    "label_arrays.label_values": "search._label_arrays:label_values",
    "round.run_search": "search._round:run_search",
    "search.fit_net": "search._fit_net:fit_net",
    "pool_query.equal_weights": "search._pool_query:equal_weights",
    "inputs.block_elements": "mixing._inputs:_BLOCK_ELEMENTS",
    "inputs.reference_elements": "mixing._inputs:_REFERENCE_ELEMENTS",
    "inputs.load_rows": "mixing._inputs:load_rows",
    "record.max_rounds": "search._record:MAX_ROUNDS",
    "autoal.max_rounds": "samplers._autoal:MAX_ROUNDS",
    "autoal.rounds_remembered": "samplers._autoal:AutoALSampler._n_rounds_remembered",
    "location.max_rows": "search._location:_MAX_ROWS",
    "objectives.max_candidates": "search._objectives:_MAX_CANDIDATES",
    "joint_herding.exact_below": "mixing._joint_herding:_EXACT_BELOW",
    "joint_herding.half_labels": "mixing._joint_herding:_HALF_LABELS",
    "joint_herding.max_candidates": "mixing._joint_herding:_MAX_CANDIDATES",
    "joint_herding.max_targets": "mixing._joint_herding:_MAX_TARGETS",
    # Samplers: steps that a fault replaces.
    "sampler.all_or_nothing": "samplers._base:all_or_nothing",
    "sampler.concat_labels": "samplers._base:concat_labels",
    "sampler.draw_seed": "samplers._base:draw_seed",
    "sampler.round_seed": "samplers._classifier:TaskClassifier._round_seed",
    # Campaigns: writing the journal.
    "journal.max_line": "campaign._journal:MAX_LINE",
    "journal.read_head": "campaign._journal:_read_head",
    "journal.undo": "campaign._journal:Journal._undo",
    "journal.write_all": "campaign._journal:_write_all",
    "journal.write_head": "campaign._journal:_write_head",
    # Simulation.
    "compare.simulate": "simulation.runs._compare:simulate",
    # The command line: what a command does after its checks.
    "cli.compare.load_task": "_cli._compare:load_task",
    "cli.compare.plan_runs": "_cli._compare:plan_runs",
    "cli.compare.run_plan": "_cli._compare:run_plan",
    "cli.query.choose": "_cli._query:_choose",
    "cli.query.read_labeled": "_cli._query:read_labeled",
    "store.write_whole": "simulation.runs._store:write_whole",
}


def _places() -> dict[str, tuple[str, str]]:
    """Return the module and the attribute of each name that tests import."""
    places = {}
    for module, names in _NAMES.items():
        for entry in names.split(", "):
            attribute, _, alias = entry.partition(" as ")
            assert (alias or attribute) not in places, f"two things are called {entry}"
            places[alias or attribute] = module, attribute
    return places


_PLACES = _places()


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"tests/_internals.py has no {name!r}: add it to its table.")
    module, attribute = _PLACES[name]
    return getattr(import_module(f"skautoal.{module}"), attribute)


def internal(name: str) -> tuple[Any, str]:
    """Return the object and the attribute to patch, for ``setattr`` and ``mock.patch.object``."""
    module, _, path = _PATCHED[name].partition(":")
    *parents, attribute = path.split(".")
    owner = import_module(f"skautoal.{module}")
    for parent in parents:
        owner = getattr(owner, parent)
    return owner, attribute
