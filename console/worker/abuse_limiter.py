"""Reject connections from addresses whose requests are refused too often. Rejecting a connection costs a tenth of
refusing a request.

Each address (for IPv6: each /64 network) has a token bucket: a refusal uses one token, and tokens return with time.
An address from which a genuine notice came recently is always accepted, because many senders may share one address.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

MAX_REFUSALS = 100.0
"""Number of tokens in the bucket of each address: the number of refusals after which its connections are rejected."""
REFILLED_TOKENS_PER_SECOND = 20.0
GENUINE_SENDER_SECONDS = 600.0
"""Seconds after a genuine notice during which its address is always accepted."""
MAX_ADDRESSES = 4_096
"""Largest number of addresses stored; after that the least recently used one is deleted."""
V = TypeVar("V")


class RefusalBuckets:
    """The token buckets of all sender addresses. Not thread-safe. `clock` returns monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._used_tokens: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._accepted_until: OrderedDict[str, float] = OrderedDict()

    def count_refusal(self, address: str) -> None:
        """Count a refusal of a request from this address."""
        _store_value(self._used_tokens, address, (self._used_token_count(address) + 1, self._clock()))

    def mark_genuine(self, address: str) -> None:
        """Accept connections from this address for GENUINE_SENDER_SECONDS: a genuine notice came from it."""
        _store_value(self._accepted_until, address, self._clock() + GENUINE_SENDER_SECONDS)

    def is_blocked(self, address: str) -> bool:
        """Return True if connections from this address are rejected now."""
        return (
            self._used_token_count(address) >= MAX_REFUSALS
            and self._accepted_until.get(address, float("-inf")) < self._clock()
        )

    def _used_token_count(self, address: str) -> float:
        """Return the number of used tokens of this address; used tokens become free again with time."""
        token_count, counted_at = self._used_tokens.get(address, (0.0, 0.0))
        return max(0.0, token_count - (self._clock() - counted_at) * REFILLED_TOKENS_PER_SECOND)


def _store_value(values_by_address: OrderedDict[str, V], address: str, value: V) -> None:
    values_by_address[address] = value
    values_by_address.move_to_end(address)
    if len(values_by_address) > MAX_ADDRESSES:
        values_by_address.popitem(last=False)
