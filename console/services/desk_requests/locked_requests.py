"""Desk requests that a worker has found locked by a person's open transaction."""

from threading import Lock

from console.domain.clock import Clock
from console.store.desk_requests.requests import LockedIds

SKIP_LOCKED_REQUEST_AFTER_SECONDS = 1.0
"""Time (seconds) for which a locked request delays the later requests about the same record; after that, a worker may
take the later requests first. A worker that takes a request holds the request's locks for some milliseconds; until
its COMMIT no other request about the record is taken."""


class LockedRequests:
    """The desk requests that one worker can't take now, because a person's open transaction in the database holds a
    lock that the worker needs. Also decides the order in which the worker waits for these locks. Several threads may
    use this object."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._mutex = clock, Lock()
        self._requests_by_id: dict[str, tuple[str, float]] = {}
        """For the id of each locked request, the person who sent it, and the time (monotonic seconds) at which it was
        first found locked."""
        self._turn_by_person: dict[str, int] = {}
        self._last_turn = 0

    def __bool__(self) -> bool:
        """True if at least one request is locked."""
        return bool(self._requests_by_id)

    @property
    def ids(self) -> LockedIds:
        """The ids of all locked requests, and separately the ids of the requests that have been locked for at least
        SKIP_LOCKED_REQUEST_AFTER_SECONDS."""
        now = self._clock.monotonic()
        with self._mutex:
            return LockedIds(
                frozenset(self._requests_by_id),
                frozenset(
                    id
                    for id, (_, since) in self._requests_by_id.items()
                    if now - since >= SKIP_LOCKED_REQUEST_AFTER_SECONDS
                ),
            )

    def add(self, request_id: str, person: str) -> None:
        """Add the request with this id, which `person` has sent."""
        with self._mutex:
            self._requests_by_id.setdefault(request_id, (person, self._clock.monotonic()))

    def remove(self, request_id: str) -> None:
        """Remove the request with this id; do nothing if it isn't one of the locked requests."""
        with self._mutex:
            self._requests_by_id.pop(request_id, None)

    def choose_next_id(self) -> str | None:
        """Return the id of the request for whose locks the worker waits next; None if no request is locked. The
        worker chooses requests of different people in turn, so that many locked requests of one person don't delay
        the requests of other people."""
        with self._mutex:
            if not self._requests_by_id:
                self._turn_by_person.clear()
                return None
            chosen_id = min(
                self._requests_by_id,
                key=lambda id: self._turn_by_person.get(self._requests_by_id[id][0], 0),
            )
            self._last_turn += 1
            self._turn_by_person[self._requests_by_id[chosen_id][0]] = self._last_turn
            return chosen_id
