"""Nets: everything that knows skorch. Layout, training, hooks, dropout, the task model."""
