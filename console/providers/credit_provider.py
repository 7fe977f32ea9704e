"""What every credit-check vendor offers the services, and what it needs from them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from console.domain.outcomes import Outcome
from console.domain.records import CheckReport, PurchaseRequest


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a vendor can do at all; services ask this, never the vendor's name.

    `by_number`: searches by corporation number (otherwise by name). `synchronous`: `check` itself brings the
    answer. `verdict`: answers ok / hold / ng (otherwise a count). `pdf`: has a report to fetch. `idempotent`:
    repeating a purchase is harmless. `finds_purchases`: can list what was bought for a number.
    """

    by_number: bool
    synchronous: bool
    verdict: bool
    pdf: bool
    idempotent: bool
    finds_purchases: bool


@dataclass(frozen=True, slots=True)
class PdfAnswer:
    """A report together with its file, checked to be a complete PDF of at most 32 MiB."""

    report: CheckReport
    content: bytes = field(repr=False)


class CreditReader(Protocol):
    """The reading half of a vendor: whoever holds only this can't buy anything.

    No method raises for what the provider or the network does: every answer and every silence is an Outcome.
    A read that taught nothing is UNKNOWN: `sent` NO when it was never asked, `status` None when nothing came.
    """

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> Capabilities: ...

    def detail(self, credit_check_id: int) -> Outcome[CheckReport]:
        """Ask for one check; FAILED_DEFINITE with status 403 when it may not be seen (any more)."""
        ...

    def pdf(self, credit_check_id: int) -> Outcome[PdfAnswer]:
        """Ask for one check with its file; reasons `pdf_…` say why a file that came is unusable."""
        ...

    def find_purchases(self, corporation_number: str) -> Outcome[tuple[CheckReport, ...]]:
        """What was bought for a number; UNKNOWN `no_list_call`, nothing sent, where the vendor can't tell."""
        ...


class CreditVendor(CreditReader, Protocol):
    """A whole vendor."""

    def check(self, request: PurchaseRequest) -> Outcome[CheckReport]:
        """Buy one credit check; the only call that costs money, and never repeated by itself.

        Never raises an Exception. `sent` is NO only when no byte can have left; FAILED_DEFINITE, AUTH and
        RATE_LIMITED mean that nothing was bought; anything else that is not SUCCEEDED is UNKNOWN.
        """
        ...

    def reader(self) -> CreditReader:
        """The same vendor without `check`."""
        ...


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access token with the refresh token that replaces it; `version` counts what the keeper has stored.

    `expires_at` (UTC) is None when the provider did not say; then only a 401 tells that it is over.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime | None
    version: int = 0


class TokenRefused(Exception):
    """The provider no longer takes what we have; `reason` is `authorise_again` or `client_refused`."""

    def __init__(self, reason: str = "authorise_again") -> None:
        super().__init__(reason)
        self.reason = reason


class TokenUnavailable(Exception):
    """No new token now, for a cause that passes; `reason` is a stable code, `rate_limited` among them."""

    def __init__(self, reason: str = "token_unavailable") -> None:
        super().__init__(reason)
        self.reason = reason


Exchange = Callable[[str], TokenPair | None]
"""Trades a refresh token for a new pair. None: the provider refused this refresh token (`invalid_grant`),
which is no error if somebody else has meanwhile used it. Raises TokenRefused when no refresh token could
help, and TokenUnavailable when no usable answer came (after one retry with the same refresh token)."""


class TokenKeeper(Protocol):
    """Keeps the pair for all desks, so that two refreshing at once don't lose it."""

    def current(self) -> TokenPair | None:
        """The stored pair, None before the first."""
        ...

    def refresh(self, exchange: Exchange, *, stale: TokenPair | None) -> TokenPair:
        """A pair newer than `stale`, by asking at most once at a time over all desks.

        Under the lease: reads the stored pair again; one newer than `stale` is returned without asking;
        otherwise runs `exchange` and stores what it brings before returning it. When `exchange` gives None, a
        pair that has meanwhile become newer is returned, else TokenRefused is raised. TokenUnavailable passes
        through.
        """
        ...


class RateGate(Protocol):
    """Spaces the starts of calls over all desks."""

    def wait_turn(self) -> None:
        """Reserve the next free slot, then wait for it; a call that hangs afterwards delays nobody."""
        ...
