"""Trouble at the first place, at the second, and so on, until there is no place that it could meet."""

from collections import Counter
from collections.abc import Callable
from itertools import count


def at_each_place(fails: Callable[[int], str | None]) -> Counter[str]:
    """How it ended at each, and how many there were; `fails` says None where there is no such place any more."""
    tally: Counter[str] = Counter()
    for nth in count(1):
        ended = fails(nth)
        if ended is None:
            break
        tally.update({"places": 1, ended: 1})
    assert tally["places"], "nothing was ever asked"
    return tally
