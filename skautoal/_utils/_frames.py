"""Convert rows to pandas DataFrames. pandas (the extra ``data``) is imported on demand."""

from __future__ import annotations

from typing import Any


def as_frame(rows: list[dict]) -> Any:
    """Convert a list of dicts to a DataFrame; raise an ImportError with advice without pandas."""
    try:
        import pandas as pd
    except ImportError as exc:
        raise ImportError(
            "A DataFrame requires pandas. Install it with: pip install 'skautoal[data]'."
        ) from exc
    return pd.DataFrame(rows)
