"""Protocols through which the services call the providers of credit checks."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from console.domain.provider_outcome import Outcome
from console.domain.records import CheckReport, PurchaseRequest


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Features of a provider. The services check these and never the provider's name.

    - `by_number`: companies are identified by corporation number (otherwise by name)
    - `verdict`: the result of a check is ok, hold or ng (otherwise a count)
    - `pdf`: a credit check has a report as a PDF file
    - `finds_purchases`: the provider can list the purchases for a corporation number
    """

    by_number: bool
    verdict: bool
    pdf: bool
    finds_purchases: bool


@dataclass(frozen=True, slots=True)
class PdfAnswer:
    """A credit check's report and its file. The file was checked: it is a complete PDF of at most 32 MiB."""

    report: CheckReport
    content: bytes = field(repr=False)


class CreditReader(Protocol):
    """Read-only calls to a provider of credit checks: with this protocol alone nothing can be bought.

    No method raises for errors of the provider or the network: every answer and every missing answer becomes an
    Outcome. A read without a result is UNKNOWN, with `sent` NO if the request wasn't sent and `status` None if there
    was no answer.
    """

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> Capabilities: ...

    def read_detail(self, credit_check_id: int) -> Outcome[CheckReport]:
        """Read one credit check. The outcome is FAILED_DEFINITE with status 403 if we may not, or may no longer, see
        it.
        """
        ...

    def read_pdf(self, credit_check_id: int) -> Outcome[PdfAnswer]:
        """Read one credit check with its file. A reason that begins with `pdf_` names a fault of the file."""
        ...

    def find_purchases(self, corporation_number: str) -> Outcome[tuple[CheckReport, ...]]:
        """Read the purchases for a corporation number. If the provider has no such call, nothing is sent and the
        outcome is UNKNOWN with the reason `no_list_call`.
        """
        ...


class CreditVendor(CreditReader, Protocol):
    """Calls to a provider of credit checks, the purchase included."""

    def buy_check(self, request: PurchaseRequest) -> Outcome[CheckReport]:
        """Buy one credit check. It is the only call that costs money, and it isn't repeated automatically.

        Raises no Exception. `sent` is NO only if certainly no byte of the request was sent. FAILED_DEFINITE, AUTH and
        RATE_LIMITED mean that nothing was bought; every other outcome except SUCCEEDED is UNKNOWN.
        """
        ...

    def reader(self) -> CreditReader:
        """Return this provider without the method `check`."""
        ...


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access token, and the refresh token with which the next pair is requested. The TokenKeeper increments
    `version` with each stored pair.

    `expires_at` (UTC) is None if the provider didn't state it; a response with status 401 then shows that the access
    token has expired.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime | None
    version: int = 0


class TokenRefused(Exception):
    """The provider refuses our credentials. `reason` is `authorise_again` (a person must authorise this console
    again) or `client_refused`.
    """

    def __init__(self, reason: str = "authorise_again") -> None:
        super().__init__(reason)
        self.reason = reason


class TokenUnavailable(Exception):
    """A new token can't be obtained now, for a temporary reason; `reason` is a stable code, for example
    `rate_limited`.
    """

    def __init__(self, reason: str = "token_unavailable") -> None:
        super().__init__(reason)
        self.reason = reason


Exchange = Callable[[str], TokenPair | None]
"""Function that exchanges a refresh token for a new pair. It returns None if the provider refuses the refresh token
(`invalid_grant`); that is no error if another process has used the token meanwhile. It raises TokenRefused if no
refresh token can help, and TokenUnavailable if there is no usable answer after one retry with the same refresh token.
"""


class TokenKeeper(Protocol):
    """Stores the token pair for all desks. It prevents two desks from refreshing at the same time, which would lose
    the pair.
    """

    def current(self) -> TokenPair | None:
        """Return the stored pair; None if none was ever stored."""
        ...

    def refresh(self, exchange: Exchange, *, stale: TokenPair | None) -> TokenPair:
        """Return a pair newer than `stale` (None: any pair is newer). Only one desk at a time asks the provider.

        The desk that holds the lease reads the stored pair again and returns it if it is newer than `stale`.
        Otherwise the desk calls `exchange` and stores the new pair before it returns it. If `exchange` returns None,
        the desk returns the stored pair if that has become newer meanwhile, or raises TokenRefused. A
        TokenUnavailable of `exchange` is raised to the caller.
        """
        ...


class RateGate(Protocol):
    """Keeps a minimum time between the starts of two calls to a provider, over all desks."""

    def wait_turn(self) -> None:
        """Reserve the next free start time and wait until it is reached. A call that hangs after its start doesn't
        delay other calls.
        """
        ...
