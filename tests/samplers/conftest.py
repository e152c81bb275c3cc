"""Nets of these tests train little where they are the default ones."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="module")
def _short_training(short_training):
    """Nobody looks here at how well the default net learns."""
