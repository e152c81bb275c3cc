"""Tasks to try methods on: data with known labels, nets for them, budgets.

The first of three rooms. It imports neither :mod:`skautoal.simulation.runs` nor
:mod:`skautoal.simulation.analysis`; public names are those of :mod:`skautoal.simulation`.
"""
