"""Numerical operations on tensors, shared by the strategies and the search.

They know neither nets nor pools. Functions that need random decisions take a permutation
``order`` of the rows or a ``RandomState``; both are made by the caller from the content of
the rows, so that no result depends on the position of a row.
"""
