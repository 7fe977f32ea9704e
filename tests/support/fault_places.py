"""Repeats a test with a fault at each place of an action in turn, for example at its first statement, at its second
one, and so on.
"""

from collections import Counter
from collections.abc import Callable
from itertools import count


def call_at_each_place(act_with_fault: Callable[[int], str | None]) -> Counter[str]:
    """Call `act_with_fault` with 1, 2 and so on, until it returns None. `act_with_fault` runs the action with the
    fault at the place with this number, and returns the ending, or None if the action has no such place. Return the
    number of times of each ending, and the number of places under the key `places`.
    """
    tally: Counter[str] = Counter()
    for nth in count(1):
        ended = act_with_fault(nth)
        if ended is None:
            break
        tally.update({"places": 1, ended: 1})
    assert tally["places"], "nothing was ever asked"
    return tally
