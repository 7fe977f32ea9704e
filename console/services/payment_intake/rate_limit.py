"""A rate limit for database writes that anybody on the network can cause."""

from threading import Lock


class TokenBucket:
    """A token bucket: each write takes a token; the bucket holds at most `capacity` tokens and gains
    `tokens_per_second`. Safe from any thread.
    """

    def __init__(self, capacity: int, tokens_per_second: float) -> None:
        self._capacity, self._tokens_per_second = float(capacity), tokens_per_second
        self._tokens, self._as_of = float(capacity), float("-inf")
        self._refused_count = 0
        self._lock = Lock()

    def take_token(self, monotonic: float) -> int | None:
        """Take a token at the monotonic time `monotonic` (seconds). Return the number of calls without a token since
        the last call that got one; None if there is no token.
        """
        with self._lock:
            gained = max(0.0, monotonic - self._as_of) * self._tokens_per_second
            self._tokens, self._as_of = min(self._capacity, self._tokens + gained), max(monotonic, self._as_of)
            if self._tokens < 1:
                self._refused_count += 1
                return None
            self._tokens -= 1
            refused_count, self._refused_count = self._refused_count, 0
            return refused_count
