"""How long a write goes on trying: after races it lost, for a server that is away, for locks that others hold."""

import time

from console.store import troubles

RERUNS = 5
"""How often a transaction that lost a race is run again."""
AWAY_SECONDS = 4.0
"""How long a transaction waits for a server that was there and has gone away."""
WITHOUT_QUORUM_SECONDS = 3.0
"""The same for nodes that have lost their cluster, which took them seconds to notice: it is seldom back soon."""
LOCKED_SECONDS = 8.0
"""After this nobody waits for somebody else's lock another time."""


class Patience:
    """Of one write, from its beginning."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._races = 0
        self._absences = 0

    def allows(self, trouble: Exception, *, met: bool, in_doubt: bool) -> bool:
        """Whether another try is worth it after this trouble.

        `met`: this process has seen the server; a wrong address is told at once. `in_doubt`: a COMMIT was lost, and
        each try begins with a look at it, so that even a refusal is worth one: our own row may have refused.
        """
        fate, seconds = troubles.fate_of(trouble), time.monotonic() - self._begun
        if fate == "gone":
            self._absences += 1  # once whatever the time: the first try may have hung where another node serves
            return met and (self._absences == 1 or seconds < away_seconds(trouble))
        if troubles.waited_in_vain(trouble) and seconds >= LOCKED_SECONDS:
            return False
        self._races += 1
        return self._races <= RERUNS and (fate == "undone" or in_doubt)


def away_seconds(trouble: BaseException) -> float:
    """How long to wait for a server that this says is away."""
    return min(AWAY_SECONDS, WITHOUT_QUORUM_SECONDS) if troubles.has_no_quorum(trouble) else AWAY_SECONDS
