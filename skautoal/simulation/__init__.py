"""Comparing methods on data with known labels: tasks, runs, statistics, plots, reports.

The code is in three rooms, of which each imports only those before it: ``tasks``,
``runs``, ``analysis``.
"""

from .analysis._oracle_share import oracle_share
from .analysis._plots import (
    plot_learning_curves,
    plot_penalty_matrix,
    plot_strategy_weights,
)
from .analysis._rank_plot import plot_critical_difference
from .analysis._ranks import (
    critical_difference,
    friedman_test,
    mean_ranks,
    regret,
    share_near_best,
)
from .analysis._report import write_report
from .analysis._savings import cost_table, labels_saved
from .analysis._statistics import (
    confidence_interval,
    holm,
    paired_test,
    penalty_matrix,
)
from .analysis._tables import (
    difference_table,
    method_table,
    penalties_of,
    rank_summary,
    summary_table,
)
from .runs._compare import compare
from .runs._curves import aubc, labels_to_reach
from .runs._methods import list_methods
from .runs._result import Round, SimulationResult
from .runs._results import Results, Setting, load_results, oracle_best
from .runs._simulate import simulate
from .tasks._budget import Budget
from .tasks._loaders import list_tasks, load_digits_task, load_npz_task, load_task
from .tasks._nets import input_kind, standard_net
from .tasks._paper import PAPER_EXPERIMENTS, PaperExperiment, load_paper_task
from .tasks._task import Task
from .tasks._variants import imbalanced, noisy_labels, skewed_start

__all__ = [
    "PAPER_EXPERIMENTS",
    "Budget",
    "PaperExperiment",
    "Results",
    "Round",
    "Setting",
    "SimulationResult",
    "Task",
    "aubc",
    "compare",
    "confidence_interval",
    "cost_table",
    "critical_difference",
    "difference_table",
    "friedman_test",
    "holm",
    "imbalanced",
    "input_kind",
    "labels_saved",
    "labels_to_reach",
    "list_methods",
    "list_tasks",
    "load_digits_task",
    "load_npz_task",
    "load_paper_task",
    "load_results",
    "load_task",
    "mean_ranks",
    "method_table",
    "noisy_labels",
    "oracle_best",
    "oracle_share",
    "paired_test",
    "penalties_of",
    "penalty_matrix",
    "plot_critical_difference",
    "plot_learning_curves",
    "plot_penalty_matrix",
    "plot_strategy_weights",
    "rank_summary",
    "regret",
    "share_near_best",
    "simulate",
    "skewed_start",
    "standard_net",
    "summary_table",
    "write_report",
]
