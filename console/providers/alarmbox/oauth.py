"""OAuth 2.0 of AlarmBox: the first authorisation of this console, and the exchange of a refresh token for the next
token pair. A refresh token can be used only once.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeGuard
from urllib.parse import urlencode

from console.domain.clock import Clock
from console.domain.provider_outcome import SendingCertainty
from console.providers.credit_checks.tokens import (
    CredentialsRefused,
    TokenAnswerLost,
    TokenPair,
    TokenUnavailable,
)
from console.providers.http.answer_age import OLD_ANSWER_REASON
from console.providers.http.answer_outcomes import is_readable_refusal
from console.providers.http.rate_limiter import RateLimiter
from console.providers.http.strict_json import UnreadableJson, parse_json_object
from console.providers.http.transport import HttpAnswer, HttpTransport, TransportFailure

OUT_OF_BAND_REDIRECT_URI = "urn:ietf:wg:oauth:2.0:oob"
OAUTH_SCOPE = "read credit_check:create"
_READ_TIMEOUT_SECONDS = 15.0
_TOKEN_CALL_BUDGET_SECONDS = 25.0
_TOKEN_PATTERN = re.compile(r"[\x21-\x7e]{1,4096}")  # valid in a header: no blanks, no line ends
_LONGEST_LIFETIME_SECONDS = 10 * 366 * 86_400
"""Longest lifetime of an access token that is accepted from an answer."""


@dataclass(frozen=True, slots=True)
class AlarmBoxConfig:
    """URL and credentials of AlarmBox; the secrets are hidden in `repr`. `redirect_uri` is the address to which
    AlarmBox sends the authorisation code; with OUT_OF_BAND_REDIRECT_URI, AlarmBox shows the code on its own page.
    `finds_purchases` is True if AlarmBox offers a list of purchases."""

    base_url: str
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    finds_purchases: bool = False
    redirect_uri: str = OUT_OF_BAND_REDIRECT_URI


class AlarmBoxOAuth:
    """Calls to AlarmBox's `/oauth`. This class stores no tokens: the TokenStore that calls it stores each new token
    pair before the pair is used."""

    def __init__(
        self, config: AlarmBoxConfig, *, transport: HttpTransport, rate_limiter: RateLimiter, clock: Clock
    ) -> None:
        self._config = config
        self._transport = transport
        self._rate_limiter = rate_limiter
        self._clock = clock

    @property
    def returns_state(self) -> bool:
        """True if AlarmBox sends the authorisation code and the `state` to a redirect address, False if AlarmBox
        shows the code on its own page."""
        return self._config.redirect_uri != OUT_OF_BAND_REDIRECT_URI

    def make_authorize_url(self, state: str | None = None) -> str:
        """Return the URL of the page on which a person authorises this console. AlarmBox then shows the code for
        `exchange_code`, or sends it to the redirect address (see `returns_state`), with `state` unchanged. If `state`
        is None, the URL has no such parameter.
        """
        query = {
            "client_id": self._config.client_id,
            "redirect_uri": self._config.redirect_uri,
            "response_type": "code",
            "scope": OAUTH_SCOPE,
            **({} if state is None else {"state": state}),
        }
        return f"{self._config.base_url.rstrip('/')}/oauth/authorize?{urlencode(query)}"

    def exchange_code(self, code: str) -> TokenPair:
        """Exchange an authorisation code for the first token pair, and return the pair. A code can be used only once,
        so the request isn't repeated.

        Raises CredentialsRefused (`code_refused`: the code is wrong, used or expired; `client_refused`: AlarmBox
        refuses the OAuth client); TokenUnavailable if AlarmBox gives no token now or no usable answer arrives.
        """
        token_pair = self._request_token_pair(
            {"grant_type": "authorization_code", "code": code}, old_refresh_token=""
        )
        if token_pair is None:
            raise CredentialsRefused("code_refused")
        return token_pair

    def exchange_refresh_token(self, refresh_token: str) -> TokenPair | None:
        """Exchange a refresh token for the next token pair; return None if AlarmBox refuses this refresh token. If no
        usable answer arrives although the request may have been sent, it is sent once more.

        Raises CredentialsRefused if AlarmBox refuses the credentials of the OAuth client; TokenUnavailable if
        AlarmBox gives no token now or no usable answer arrives.
        """
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        try:
            return self._request_token_pair(form, refresh_token)
        except TokenAnswerLost:
            return self._request_token_pair(form, refresh_token)

    def _request_token_pair(self, form: dict[str, str], old_refresh_token: str) -> TokenPair | None:
        """Send a token request with the fields `form`, and return the token pair in the answer; None if AlarmBox
        refuses the sent refresh token or code. If the answer has no new refresh token, the pair keeps
        `old_refresh_token`. Raises CredentialsRefused or TokenUnavailable for any other answer.
        """
        requested_at = self._clock.now()
        answer = self._send_form(form)
        if answer.was_stored_before:
            raise TokenAnswerLost(OLD_ANSWER_REASON)
        if 200 <= answer.status < 300:
            return _read_token_pair(answer, requested_at, old_refresh_token)
        _require_token_refusal(answer)
        return None

    def _send_form(self, form: dict[str, str]) -> HttpAnswer:
        """Send a form to the token endpoint, and return the HTTP answer. Raises TokenUnavailable if no answer
        arrives."""
        fields = {
            **form,
            "client_id": self._config.client_id,
            "client_secret": self._config.client_secret,
            "redirect_uri": self._config.redirect_uri,
        }
        self._rate_limiter.wait_for_start()
        try:
            return self._transport.send(
                "POST",
                "/oauth/token",
                headers={"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"},
                body=urlencode(fields).encode("ascii"),
                read_timeout_seconds=_READ_TIMEOUT_SECONDS,
                budget_seconds=_TOKEN_CALL_BUDGET_SECONDS,
                # AlarmBox may invalidate the old pair after its answer: if we lose the new pair, a person must
                # authorise this console again.
                may_be_interrupted=False,
            )
        except TransportFailure as failure:
            error_type = TokenUnavailable if failure.sent is SendingCertainty.NO else TokenAnswerLost
            raise error_type(failure.reason) from None


def _read_token_pair(answer: HttpAnswer, requested_at: datetime, old_refresh_token: str) -> TokenPair:
    """Return the token pair that is read from an answer with status 2xx to a request that was sent at the instant
    `requested_at`; the lifetime of the access token is counted from this instant. If the answer has no new refresh
    token, the pair keeps `old_refresh_token`. Raises TokenAnswerLost if the answer is unreadable."""
    try:
        body = parse_json_object(answer.body)
    except UnreadableJson:
        raise TokenAnswerLost("token_unreadable") from None
    access_token, refresh_token = body.get("access_token"), body.get("refresh_token") or old_refresh_token
    if not (_is_token(access_token) and _is_token(refresh_token)):
        raise TokenAnswerLost("token_unreadable")
    seconds = _parse_lifetime_seconds(body.get("expires_in"))
    return TokenPair(
        access_token, refresh_token, None if seconds is None else requested_at + timedelta(seconds=seconds)
    )


def _is_token(value: object) -> TypeGuard[str]:
    """True for a text that can be a token: 1 to 4,096 visible ASCII characters."""
    return isinstance(value, str) and _TOKEN_PATTERN.fullmatch(value) is not None


def _parse_lifetime_seconds(value: object) -> int | None:
    """Return the seconds for which an access token is valid; None for a value that is no such number."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LONGEST_LIFETIME_SECONDS:
        return None
    return value


def _require_token_refusal(answer: HttpAnswer) -> None:
    """Do nothing if the answer refuses the refresh token or the authorisation code that was sent. For any other
    answer raise CredentialsRefused (the OAuth client is refused) or TokenUnavailable (AlarmBox gives no token
    now, or the answer isn't usable; TokenAnswerLost if it may be cut, or contains a token).
    """
    if answer.status == 429:
        raise TokenUnavailable("rate_limited")
    if not 400 <= answer.status < 500:
        raise TokenAnswerLost(f"http_{answer.status}")
    try:
        body = parse_json_object(answer.body)
    except UnreadableJson:
        if not is_readable_refusal(answer):
            raise TokenAnswerLost("token_unreadable") from None
        body = {}
    if body.get("access_token"):
        raise TokenAnswerLost("token_unreadable")
    error = body.get("error")
    if not isinstance(error, str) and answer.status != 401:
        raise TokenUnavailable(f"http_{answer.status}")
    if error != "invalid_grant":
        raise CredentialsRefused("client_refused")
