"""Helpers that every other part may import and that import none of them."""
