"""Conversion of rows to pandas frames; pandas (the extra ``data``) is imported here only."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def as_frame(rows: list[dict]) -> pd.DataFrame:
    """Return the rows as a pandas DataFrame; the error for a missing pandas says what to do."""
    try:
        import pandas as pd
    except ImportError as exc:
        raise ImportError(
            "Frames need pandas: pip install 'skautoal[data]'. 'rows()' gives plain dicts."
        ) from exc
    return pd.DataFrame(rows)
