"""Analysis of runs: statistics, tables, plots, reports.

The last of three rooms. It imports the other two, and neither imports it; public names
are those of :mod:`skautoal.simulation`.
"""
