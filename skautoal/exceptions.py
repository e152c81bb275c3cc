"""Errors and warnings of skautoal. Each also derives from a suitable built-in class."""

__all__ = [
    "CampaignFileError",
    "CampaignLockedError",
    "FewLabelsWarning",
    "InvalidSamplesError",
    "MissingSignalError",
    "PoolSizeWarning",
    "SimulationError",
    "SkautoalError",
    "SkautoalWarning",
    "StrategyDroppedWarning",
    "StrategyError",
    "StrategyOutputError",
]


class SkautoalError(Exception):
    """Base class of the errors defined by skautoal."""


class MissingSignalError(SkautoalError, ValueError):
    """Raised when a strategy needs a signal that the net or the user does not provide."""


class InvalidSamplesError(SkautoalError, ValueError):
    """Samples hold NaN or infinity, or differ in shape from those of ``fit``."""


class StrategyOutputError(SkautoalError, ValueError):
    """Raised when a strategy returns invalid scores or picks."""


class StrategyError(SkautoalError, RuntimeError):
    """Raised when a strategy raises an error."""


class SimulationError(SkautoalError, RuntimeError):
    """Raised when a run of a comparison fails."""


class CampaignFileError(SkautoalError, ValueError):
    """Raised when files of a labelling campaign are damaged or belong to another pool."""


class CampaignLockedError(SkautoalError, RuntimeError):
    """Raised when a labelling campaign is open in another process or object."""


class SkautoalWarning(UserWarning):
    """Base class of the warnings of skautoal."""


class FewLabelsWarning(SkautoalWarning):
    """Issued when there are too few labels and a documented fallback is used."""


class StrategyDroppedWarning(SkautoalWarning):
    """Issued when a strategy fails and the query continues without it."""


class PoolSizeWarning(SkautoalWarning):
    """Issued when more samples are requested than the pool contains."""
