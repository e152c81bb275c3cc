"""Pools of samples that need not fit in memory. They are read and checked in chunks.

``query`` creates these objects from the user's samples. Users do not create them.
"""

from ._arrays import ArrayPool, TransformedPool, is_sliceable
from ._base import Pool, SubPool
from ._dask import DaskPool, is_dask_array
from ._datasets import DatasetPool
from ._finite import FinitePart
from ._memory import Scratch, check_memory
from ._streams import StreamPool, is_stream

__all__ = [
    "ArrayPool",
    "DaskPool",
    "DatasetPool",
    "FinitePart",
    "Pool",
    "Scratch",
    "StreamPool",
    "SubPool",
    "TransformedPool",
    "check_memory",
    "is_dask_array",
    "is_sliceable",
    "is_stream",
]
