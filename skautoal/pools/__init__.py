"""Pools that need not fit in memory: they are read in chunks, each checked when it is read.

``query`` wraps its argument in one of these classes; users need not create them.
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
