"""Decides from which addresses the receiver rejects connections, because it has refused too many requests from these
addresses. Rejecting a connection takes a tenth of the CPU time of refusing a request.

Each address (for IPv6: each /64 network) has a bucket of tokens: each refusal uses one token, and used tokens come
back with time. The receiver rejects connections from an address without a token. An address from which a genuine
notice or a listener of `/live` with a valid token came recently is always accepted, because many senders may share an
address.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

REFUSALS_PER_FULL_BUCKET = 100.0
"""Number of tokens in the bucket of each address: the number of refusals after which its connections are rejected."""
REFILLED_TOKENS_PER_SECOND = 20.0
GENUINE_SENDER_ACCEPTED_SECONDS = 600.0
"""Seconds after a genuine request (a notice, or a listener of `/live`) during which its address is always
accepted."""
MAX_REMEMBERED_ADDRESSES = 4_096
"""Largest number of addresses stored; after that the least recently used one is deleted."""
ValueT = TypeVar("ValueT")


class RefusalTokenBuckets:
    """The token buckets of all sender addresses (see the module's docstring). This class is not thread-safe."""

    def __init__(self, read_monotonic_seconds: Callable[[], float]) -> None:
        """`read_monotonic_seconds` returns the present monotonic time in seconds, like `time.monotonic`."""
        self._clock = read_monotonic_seconds
        self._used_tokens: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._accepted_until: OrderedDict[str, float] = OrderedDict()

    def count_refusal(self, address: str) -> None:
        """Use one token of this address, because the receiver has refused a request from it."""
        _store_value_of_address(self._used_tokens, address, (self._count_used_tokens(address) + 1, self._clock()))

    def mark_genuine_sender(self, address: str) -> None:
        """Accept all connections from this address for GENUINE_SENDER_ACCEPTED_SECONDS, because a genuine request
        came from it."""
        _store_value_of_address(self._accepted_until, address, self._clock() + GENUINE_SENDER_ACCEPTED_SECONDS)

    def is_blocked(self, address: str) -> bool:
        """True if the receiver rejects connections from this address now."""
        return (
            self._count_used_tokens(address) >= REFUSALS_PER_FULL_BUCKET
            and self._accepted_until.get(address, float("-inf")) < self._clock()
        )

    def _count_used_tokens(self, address: str) -> float:
        """Return the number of used tokens of this address: the tokens that were used at its last refusal, less the
        tokens that have come back since then (REFILLED_TOKENS_PER_SECOND)."""
        token_count, counted_at = self._used_tokens.get(address, (0.0, 0.0))
        return max(0.0, token_count - (self._clock() - counted_at) * REFILLED_TOKENS_PER_SECOND)


def _store_value_of_address(values_by_address: OrderedDict[str, ValueT], address: str, value: ValueT) -> None:
    """Store the value of the address in `values_by_address` as its newest entry. If `values_by_address` then has more
    than MAX_REMEMBERED_ADDRESSES entries, remove its oldest entry."""
    values_by_address[address] = value
    values_by_address.move_to_end(address)
    if len(values_by_address) > MAX_REMEMBERED_ADDRESSES:
        values_by_address.popitem(last=False)
