"""Runs: one method on one task, whole comparisons, and the folder that keeps them.

The second of three rooms. It imports :mod:`skautoal.simulation.tasks` and never
:mod:`skautoal.simulation.analysis`; public names are those of :mod:`skautoal.simulation`.
"""
