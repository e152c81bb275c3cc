"""Numbers with their nouns, for messages and reports."""

from __future__ import annotations


def counted(n: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun, in the plural unless the number is 1.

    The plural ends in s unless it is given.

    Examples
    --------
    >>> counted(1, "seed"), counted(2, "seed")
    ('1 seed', '2 seeds')

    """
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def listed(names: list[str], most: int = 4) -> str:
    """Return names as an enumeration, of which long ones are cut.

    Examples
    --------
    >>> listed(["a", "b"]), listed(["a", "b", "c", "d"], most=3)
    ('a and b', 'a, b and 2 more')

    """
    if len(names) > most:
        names = [*names[: most - 1], f"{len(names) - most + 1} more"]
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
