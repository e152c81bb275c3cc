"""Signals: the output of a net for an array of samples, shared by all strategies.

A strategy declares the signals it needs. One pass over the array computes these and
nothing else, on the device of the net. ``Signals`` holds arrays; what is not given as an
array is computed by its source when it is first used. ``compute_signals`` makes signals
whose source is a trained skorch net.
"""

from ._compute import compute_signals
from ._names import SIGNAL_NAMES
from ._options import SignalOptions
from ._signals import Signals

__all__ = ["SIGNAL_NAMES", "SignalOptions", "Signals", "compute_signals"]
