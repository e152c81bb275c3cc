"""Rows as pandas frames; pandas (the extra ``data``) is imported here only."""

from __future__ import annotations


def as_frame(rows: list[dict]):
    """Rows as a pandas DataFrame; says what to install where pandas is missing."""
    try:
        import pandas as pd
    except ImportError as exc:
        raise ImportError(
            "Frames need pandas: pip install 'skautoal[data]'. 'rows()' gives plain dicts."
        ) from exc
    return pd.DataFrame(rows)
