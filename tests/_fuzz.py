"""Mutations of files from a stranger, and a watch on what reading them does."""

from __future__ import annotations

import re
import resource
import sys
import time
from contextlib import contextmanager

import numpy as np

#: What may stand for a value in JSON, or breaks it.
HOSTILE = [
    *("-1", "0", "1", "2.5", "1e999", "-1e999", "NaN", "Infinity", "9" * 400, "9" * 5000),
    *("null", "true", "[]", "{}", '""', '"x"', '"\\ud800"', '"a\\u0000"', "[[[]]]", "[0,0]"),
    *("[" * 3000, '{"a":' * 3000, "1" * 19, "18446744073709551616", "0.1", "[null]"),
    '"' + "x" * 5000 + '"',
    '{"__reduce__": ["os.system", "true"], "__class__": "os"}',
]
_VALUE = re.compile(rb'-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|"(?:[^"\\]|\\.)*"|null|true|false|\[|\]|\{|\}')
_FORBIDDEN = {"pickle.find_class", "os.system", "subprocess.Popen", "os.exec", "socket.connect"}
_watched: list[str] | None = None


def mutate_bytes(data: bytes, rng: np.random.RandomState) -> bytes:
    """Flip, insert, delete, repeat, move or cut some bytes."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        a, b = sorted(rng.randint(0, len(changed) + 1, 2).tolist())
        kind = rng.randint(6)
        if kind == 0 and a < len(changed):
            changed[a] ^= 1 << rng.randint(8)
        elif kind == 1:
            changed[a:a] = rng.bytes(rng.randint(1, 9))
        elif kind == 2:
            del changed[a : a + rng.randint(1, 9)]
        elif kind == 3:
            changed[a:a] = changed[a : min(b, a + 200)]
        elif kind == 4:
            changed[a:a] = HOSTILE[rng.randint(len(HOSTILE))].encode()
        elif kind == 5 and rng.random_sample() < 0.2:
            del changed[a:]
    return bytes(changed)


def mutate_json(text: bytes, rng: np.random.RandomState) -> bytes:
    """Replace values of a JSON text by others, or by each other."""
    for _ in range(rng.randint(1, 3)):
        places = [match.span() for match in _VALUE.finditer(text)]
        if not places:
            break
        start, end = places[rng.randint(len(places))]
        if rng.random_sample() < 0.7:
            new = HOSTILE[rng.randint(len(HOSTILE))].encode()
        else:
            other = places[rng.randint(len(places))]
            new = text[other[0] : other[1]]
        text = text[:start] + new + text[end:]
    return text


def _hook(event: str, arguments) -> None:
    if _watched is not None and event in _FORBIDDEN:
        _watched.append(event)


sys.addaudithook(_hook)


@contextmanager
def harmless(seconds: float = 2.0, megabytes: float = 100.0):
    """Fail if a block runs code or programs, takes more CPU time, or eats memory."""
    global _watched
    _watched, start, before = [], time.process_time(), _peak()
    try:
        yield
        assert _watched == []
    finally:
        _watched = None
    assert time.process_time() - start < seconds
    assert _peak() - before < megabytes


def _peak() -> float:
    """Largest resident memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
