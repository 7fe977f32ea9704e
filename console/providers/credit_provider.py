"""Protocols through which the services call the providers of credit checks."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from console.domain.provider_outcome import Outcome
from console.domain.records import CheckReport, PurchaseRequest


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Features of a provider of credit checks. The services check these features and never the provider's name.

    - `by_number`: companies are identified by corporation number (otherwise by name)
    - `verdict`: the result of a credit check is ok, hold or ng (otherwise a count)
    - `pdf`: a credit check has a report as a PDF file
    - `finds_purchases`: the provider can list the purchases for a corporation number
    """

    by_number: bool
    verdict: bool
    pdf: bool
    finds_purchases: bool


@dataclass(frozen=True, slots=True)
class PdfAnswer:
    """The report of a credit check and its PDF file. The file is checked: a complete PDF of at most 32 MiB."""

    report: CheckReport
    content: bytes = field(repr=False)


class CreditCheckReader(Protocol):
    """Read-only calls to a provider of credit checks: a caller that has only this protocol can't buy.

    No method raises for errors of the provider or the network: every answer and every missing answer becomes an
    Outcome. A read without a result is UNKNOWN, with `sent` NO if the request wasn't sent and `status` None if no
    answer arrived.
    """

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> Capabilities: ...

    def read_detail(self, credit_check_id: int) -> Outcome[CheckReport]:
        """Read the report of one credit check. The outcome is FAILED_DEFINITE with status 403 if this console may not
        see the report, or may not see it any more.
        """
        ...

    def read_pdf(self, credit_check_id: int) -> Outcome[PdfAnswer]:
        """Read the report of one credit check with its PDF file. A reason that begins with `pdf_` names a fault of
        the file.
        """
        ...

    def find_purchases(self, corporation_number: str) -> Outcome[tuple[CheckReport, ...]]:
        """Read the list of purchases for a corporation number. If the provider has no such call, nothing is sent and
        the outcome is UNKNOWN with the reason `no_list_call`.
        """
        ...


class CreditCheckProvider(CreditCheckReader, Protocol):
    """All calls to a provider of credit checks, also the purchase."""

    def buy_check(self, request: PurchaseRequest) -> Outcome[CheckReport]:
        """Buy one credit check. This is the only call that costs money, and it isn't repeated automatically.

        Raises no Exception. `sent` is NO only if certainly no byte of the request was sent. FAILED_DEFINITE, AUTH and
        RATE_LIMITED mean that nothing was bought; every other outcome except SUCCEEDED is UNKNOWN.
        """
        ...

    def make_reader(self) -> CreditCheckReader:
        """Return an adapter of this provider without the method `buy_check`."""
        ...


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access token, and the refresh token with which the next token pair is requested. The TokenStore increments
    `version` with each stored pair.

    `expires_at` (UTC) is None if the provider didn't state the time; then an answer with status 401 shows that the
    access token has expired.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime | None
    version: int = 0


class CredentialsRefused(Exception):
    """The provider refuses the credentials of this console. `reason` is `authorise_again` (a person must authorise
    this console again) or `client_refused`.
    """

    def __init__(self, reason: str = "authorise_again") -> None:
        super().__init__(reason)
        self.reason = reason


class TokenUnavailable(Exception):
    """The provider gives no new token now, for a temporary reason; `reason` is a stable code, for example
    `rate_limited`.
    """

    def __init__(self, reason: str = "token_unavailable") -> None:
        super().__init__(reason)
        self.reason = reason


TokenExchange = Callable[[str], TokenPair | None]
"""Function that exchanges a refresh token for a new token pair. It returns None if the provider refuses the refresh
token (`invalid_grant`); this is no error if another process has used the token meanwhile. It raises
CredentialsRefused if no refresh token can help, and TokenUnavailable if no usable answer arrives, also after one
retry with the same refresh token.
"""


class TokenStore(Protocol):
    """Stores the token pair for all desks. It lets only one desk at a time refresh the pair, because two parallel
    refreshes would lose the new pair.
    """

    def current(self) -> TokenPair | None:
        """Return the stored token pair; None if no pair was ever stored."""
        ...

    def refresh(self, exchange: TokenExchange, *, stale: TokenPair | None) -> TokenPair:
        """Return a token pair newer than `stale` (None: any stored pair is newer). Only one desk at a time asks the
        provider.

        The desk that holds the lease reads the stored pair again and returns it if it is newer than `stale`.
        Otherwise the desk calls `exchange` and stores the new pair before it returns it. If `exchange` returns None,
        the desk returns the stored pair if this pair has become newer meanwhile, or raises CredentialsRefused. A
        TokenUnavailable of `exchange` is raised to the caller.
        """
        ...


class RateLimiter(Protocol):
    """Keeps a minimum time between the starts of two calls to a provider, for all desks together."""

    def wait_turn(self) -> None:
        """Reserve the next free start time for a call and wait until this time. A call that hangs after its start
        doesn't delay other calls.
        """
        ...
