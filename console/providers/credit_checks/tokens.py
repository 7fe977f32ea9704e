"""Access and refresh token of a provider of credit checks, and the protocol of the store that shares them among all
desks.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


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
    """Raised if the provider refuses the credentials of this console. `reason` is `authorise_again` (a person must
    authorise this console again), `code_refused` (an authorisation code is wrong, used or expired) or
    `client_refused` (the provider refuses this console's OAuth client, for example because its secret is wrong).
    """

    def __init__(self, reason: str = "authorise_again") -> None:
        super().__init__(reason)
        self.reason = reason


class TokenUnavailable(Exception):
    """Raised if the provider gives no new token now, for a temporary reason; `reason` is a stable code, for example
    `rate_limited`.
    """

    def __init__(self, reason: str = "token_unavailable") -> None:
        super().__init__(reason)
        self.reason = reason


class TokenAnswerLost(TokenUnavailable):
    """Raised if no usable answer to a token request arrived. The request may have reached the provider, so the
    refresh token or the authorisation code may have been used.
    """


TokenExchange = Callable[[str], TokenPair | None]
"""Function that exchanges a refresh token for a new token pair. It returns None if the provider refuses the refresh
token (`invalid_grant`); this is no error if another process has used the token meanwhile. It raises
CredentialsRefused if no refresh token can help, and TokenUnavailable if the provider gives no token now or no usable
answer arrives, also after one retry with the same refresh token.
"""


class TokenStore(Protocol):
    """Stores the token pair for all desks. It lets only one desk at a time refresh the pair, because two parallel
    refreshes would lose the new pair.
    """

    def find_current_pair(self) -> TokenPair | None:
        """Return the stored token pair; None if no pair was ever stored."""
        ...

    def refresh_pair(self, exchange: TokenExchange, *, outdated_pair: TokenPair | None) -> TokenPair:
        """Return a token pair newer than `outdated_pair` (None: any stored pair is newer). Only one desk at a time,
        the holder of a lease, requests a new pair from the provider.

        The desk first reads the stored pair again and returns it if it is newer than `outdated_pair`. Otherwise the
        desk calls `exchange` with the stored refresh token, stores the new pair, and returns it. `exchange` returns
        None if the provider refuses this refresh token. Then the desk returns the stored pair if another desk has
        stored a newer one meanwhile; if not, it raises CredentialsRefused. A TokenUnavailable of `exchange` is raised
        to the caller.
        """
        ...


class AuthorisationTokenStore(TokenStore, Protocol):
    """A TokenStore that also stores the first token pair of a new authorisation."""

    def store_first_pair(self, exchange: Callable[[], TokenPair]) -> TokenPair:
        """Call `exchange`, which returns the first pair of a new authorisation. Store this pair in place of any
        stored pair, and return it. Only one desk at a time can store a first pair or refresh the pair. An error of
        `exchange` is raised to the caller.

        Raises TokenAnswerLost if the database could not store the pair. The desk then keeps the pair in its spool for
        `store_spooled_pair`; if the spool can't store it either, the error's reason is `tokens_lost` and a person
        must authorise this console again.
        """
        ...

    def store_spooled_pair(self) -> TokenPair | None:
        """Store in the database the token pair that `store_first_pair` could only write to this desk's spool, and
        return the pair. Return None if the spool has no such pair, or if a newer pair has been stored since then."""
        ...


class AuthorisationCalls(Protocol):
    """The calls with which a person authorises this console at a provider (OAuth 2.0, authorisation code grant)."""

    @property
    def returns_state(self) -> bool:
        """True if the provider sends the code, together with the state, to a redirect address. False if the provider
        shows the code on its own page.
        """
        ...

    def make_authorize_url(self, state: str | None = None) -> str:
        """Return the URL of the page on which a person authorises this console. The provider returns `state`
        unchanged with the authorisation code; None: the URL has no state."""
        ...

    def exchange_code(self, code: str) -> TokenPair:
        """Exchange an authorisation code for the first token pair, and return the pair. The request isn't repeated.

        Raises CredentialsRefused (`code_refused`: the code is wrong, used or expired; `client_refused`: the provider
        refuses the OAuth client); TokenUnavailable if the provider gives no token now or no usable answer arrives.
        """
        ...
