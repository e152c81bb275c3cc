"""What a net says about an array, computed once, lazily, and shared by all strategies.

A strategy declares the signals it needs; one pass over the array computes those and
nothing else, on the net's device. ``Signals`` holds arrays made elsewhere (by hand in
tests, from a batched linear head in the search); ``NetSignals`` computes them from a
skorch net.
"""

from ._names import SIGNAL_NAMES
from ._net_signals import NetSignals, compute_signals
from ._options import SignalOptions
from ._signals import Signals

__all__ = ["SIGNAL_NAMES", "NetSignals", "SignalOptions", "Signals", "compute_signals"]
