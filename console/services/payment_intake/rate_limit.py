"""A rate limit for those database writes that any computer on the network can cause by sending notices."""

from threading import Lock


class TokenBucket:
    """A token bucket: each write takes one token; the bucket holds at most `capacity` tokens and gains
    `tokens_per_second`. May be used by several threads at the same time.
    """

    def __init__(self, capacity: int, tokens_per_second: float) -> None:
        self._capacity, self._tokens_per_second = float(capacity), tokens_per_second
        self._tokens, self._refilled_at = float(capacity), float("-inf")
        self._refused_count = 0
        self._lock = Lock()

    def take_token(self, monotonic_seconds: float, *, must_write: bool = False) -> int | None:
        """Take one token at the monotonic time `monotonic_seconds` (seconds). Return None if the bucket has no token.
        Otherwise return the number of calls that got no token since the last successful call. With `must_write`, the
        caller writes also without a token: the call then counts as successful."""
        with self._lock:
            gained_tokens = max(0.0, monotonic_seconds - self._refilled_at) * self._tokens_per_second
            self._tokens, self._refilled_at = (
                min(self._capacity, self._tokens + gained_tokens),
                max(monotonic_seconds, self._refilled_at),
            )
            if self._tokens >= 1:
                self._tokens -= 1
            elif not must_write:
                self._refused_count += 1
                return None
            refused_count, self._refused_count = self._refused_count, 0
            return refused_count
