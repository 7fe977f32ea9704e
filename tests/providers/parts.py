"""Test doubles in memory that a provider's adapter needs: tokens, a rate limiter, a clock; and an AlarmBox adapter
for a given URL."""

from datetime import UTC, datetime, timedelta
from threading import Lock

from console.domain.clock import SystemClock, TimeScale
from console.domain.records import PurchaseRequest
from console.providers.alarmbox.client import AlarmBox, AlarmBoxConfig, make_alarmbox_adapter
from console.providers.credit_checks.tokens import CredentialsRefused, TokenExchange, TokenPair
from console.providers.http.rate_limiter import RateLimiter

CORPORATION_NUMBER = "7123456789012"
PURCHASE_REQUEST = PurchaseRequest(CORPORATION_NUMBER, "1", deal=2, reasons=(4,), comment="新規取引開始前の調査")
CHECK_ANSWER = {
    "credit_check_id": 12345,
    "purchase_date": "2026-11-20",
    "expiration_date": "2027-11-20",
    "corporation_name": "架空商事株式会社",
    "corporation_number": CORPORATION_NUMBER,
    "result": "ok",
}
PURCHASED_ANSWER = {"credit_check": CHECK_ANSWER}
PAIR_ANSWER = {
    "access_token": "at-2",
    "token_type": "Bearer",
    "expires_in": 86_400,
    "refresh_token": "rt-2",
    "scope": "read credit_check:create",
    "created_at": 1_795_161_600,
}


class CountingRateLimiter:
    """A rate limiter that never waits and counts the requests that it admits."""

    def __init__(self) -> None:
        self.taken = 0

    def wait_for_start(self) -> None:
        self.taken += 1


class MemoryTokens:
    """A token store in memory for one process; it follows the rules of the program's token store without a
    database.
    """

    def __init__(self, pair: TokenPair | None, first: str | None = None) -> None:
        self.pair = pair
        self.first = first
        self.log: list[str] = []
        self._lock = Lock()

    def find_current_pair(self) -> TokenPair | None:
        return self.pair

    def refresh_pair(self, exchange: TokenExchange, *, outdated_pair: TokenPair | None) -> TokenPair:
        with self._lock:
            before = self.pair
            if before is not None and before != outdated_pair:
                return before
            refresh_token = before.refresh_token if before else self.first
            if refresh_token is None:
                raise CredentialsRefused
            self.log.append(f"exchange {refresh_token}")
            fresh = exchange(refresh_token)
            if fresh is not None:
                self.pair = fresh
                self.log.append(f"stored {fresh.access_token}")
                return fresh
            if self.pair is not None and self.pair != before:
                return self.pair
            raise CredentialsRefused


class ManualClock(SystemClock):
    """A clock whose time a test sets; its waits still take real time."""

    def __init__(self, at: datetime = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


CLOCK = ManualClock()


def make_token_pair(*, lifetime: timedelta | None = timedelta(hours=20), serial: int = 1) -> TokenPair:
    return TokenPair(f"at-{serial}", f"rt-{serial}", None if lifetime is None else CLOCK.now() + lifetime)


def make_alarmbox(
    url: str,
    *,
    tokens: MemoryTokens | None = None,
    rate_limiter: RateLimiter | None = None,
    scale: float = 1.0,
    finds_purchases: bool = False,
) -> AlarmBox:
    """Return an AlarmBox adapter made as in the program, but with the given token store and rate limiter. `scale`
    divides its time limits; with `finds_purchases` it uses AlarmBox's list of purchases.
    """
    return make_alarmbox_adapter(
        AlarmBoxConfig(url, "client-1", "s3cret-of-client", finds_purchases=finds_purchases),
        tokens=tokens or MemoryTokens(make_token_pair()),
        rate_limiter=rate_limiter or CountingRateLimiter(),
        clock=CLOCK,
        scale=TimeScale(scale),
    )
