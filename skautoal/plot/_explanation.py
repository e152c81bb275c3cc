"""Plot of an explanation: what each strategy or the batch builder added to each pick."""

from __future__ import annotations

from ..samplers._explanation_plot import explanation

__all__ = ["explanation"]
