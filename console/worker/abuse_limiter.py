"""Who sends nothing but rubbish is turned away at the door for a while, which costs a tenth of refusing it.

Each household has an allowance of refusals that fills again as time goes on (a token bucket). Whoever brought a
genuine notice lately is let in whatever else comes from there: behind one address may be many.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

BURST = 100.0
"""Refusals that anybody may have at once."""
PER_SECOND = 20.0
VOUCHED_SECONDS = 600.0
"""So long a genuine notice speaks for the address that it came from."""
MOST_KNOWN = 4_096
"""Households that are remembered; beyond these the one that was heard of longest ago is forgotten."""
V = TypeVar("V")


class Offences:
    """For one thread. `clock`: seconds that only go forward."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._spent: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._vouched: OrderedDict[str, float] = OrderedDict()

    def add(self, name: str) -> None:
        """This household was refused something."""
        _keep(self._spent, name, (self._owed(name) + 1, self._clock()))

    def vouch(self, name: str) -> None:
        """It brought something genuine."""
        _keep(self._vouched, name, self._clock() + VOUCHED_SECONDS)

    def is_spent(self, name: str) -> bool:
        """Whether it is not to be heard now."""
        return self._owed(name) >= BURST and self._vouched.get(name, float("-inf")) < self._clock()

    def _owed(self, name: str) -> float:
        """Its refusals that time has not made up for yet."""
        owed, at = self._spent.get(name, (0.0, 0.0))
        return max(0.0, owed - (self._clock() - at) * PER_SECOND)


def _keep(kept: OrderedDict[str, V], name: str, value: V) -> None:
    kept[name] = value
    kept.move_to_end(name)
    if len(kept) > MOST_KNOWN:
        kept.popitem(last=False)
