"""Errors and warnings of skautoal; each is also the built-in type a caller expects."""

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
    """Root of every error that skautoal defines itself."""


class MissingSignalError(SkautoalError, ValueError):
    """A strategy needs something that the net or the caller does not provide."""


class InvalidSamplesError(SkautoalError, ValueError):
    """Samples hold NaN or infinity, or differ in shape from those of ``fit``."""


class StrategyOutputError(SkautoalError, ValueError):
    """A strategy returned scores or picks that cannot be used."""


class StrategyError(SkautoalError, RuntimeError):
    """A strategy raised an error, or did not end in time."""


class SimulationError(SkautoalError, RuntimeError):
    """A run of a comparison failed."""


class CampaignFileError(SkautoalError, ValueError):
    """The files of a labelling campaign are damaged, or belong to something else."""


class CampaignLockedError(SkautoalError, RuntimeError):
    """A labelling campaign is open elsewhere."""


class SkautoalWarning(UserWarning):
    """Root of every warning that skautoal emits."""


class FewLabelsWarning(SkautoalWarning):
    """There are too few labels for what was asked; a documented fallback is used."""


class StrategyDroppedWarning(SkautoalWarning):
    """A strategy failed, and the work went on without it."""


class PoolSizeWarning(SkautoalWarning):
    """More samples were asked for than the pool holds."""
