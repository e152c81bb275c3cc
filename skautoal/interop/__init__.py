"""Other active-learning libraries, both ways: one module for each, imported by its name.

- :mod:`skautoal.interop.modal`: modAL-python
- :mod:`skautoal.interop.skactiveml`: scikit-activeml
- :mod:`skautoal.interop.baal`: baal
- :mod:`skautoal.interop.small_text`: small-text

``as_query_strategy`` makes one of theirs from a sampler or strategy of ours; ``from_...``
makes a strategy of ours, a candidate for a sampler, from one of theirs.
"""
