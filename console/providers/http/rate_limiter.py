"""The protocol of a rate limiter that all desks share."""

from typing import Protocol


class RateLimiter(Protocol):
    """Interface of a rate limiter: it keeps a minimum time between the starts of two calls to a provider, for all
    desks together."""

    def wait_for_start(self) -> None:
        """Reserve the next free start time for a call and wait until this time. A call that hangs after its start
        doesn't delay other calls.
        """
        ...
