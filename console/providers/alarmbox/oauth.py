"""AlarmBox's OAuth 2.0: the first authorisation, and trading a refresh token, which dies by being used."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeGuard
from urllib.parse import urlencode

from console.domain.clock import Clock
from console.domain.outcomes import Sent
from console.providers.protocol import RateGate, TokenPair, TokenRefused, TokenUnavailable
from console.providers.strict_json import Unreadable, parse_object
from console.providers.transport import HttpAnswer, HttpTransport, TransportFailure

OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
SCOPE = "read credit_check:create"
_READ_TIMEOUT_SECONDS = 15.0
_BUDGET_SECONDS = 25.0
_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")  # fit for a header: no blanks, no line ends
_LONGEST_LIFE_SECONDS = 10 * 366 * 86_400


@dataclass(frozen=True, slots=True)
class AlarmBoxConfig:
    """How to reach AlarmBox and as whom; the secret shows in no repr."""

    base_url: str
    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    find_purchases: bool = False
    redirect_uri: str = OUT_OF_BAND


class _AnswerLost(TokenUnavailable):
    """The token call may have arrived, and the refresh token may thus be used up."""


class AlarmBoxOAuth:
    """Speaks to `/oauth`. Tokens are not kept here: the keeper stores them before they are used."""

    def __init__(self, config: AlarmBoxConfig, *, transport: HttpTransport, gate: RateGate, clock: Clock) -> None:
        self._config = config
        self._transport = transport
        self._gate = gate
        self._clock = clock

    def authorize_url(self, state: str | None = None) -> str:
        """Where a person allows this console to act; the page then shows a code for `exchange_code`."""
        asked = {
            "client_id": self._config.client_id,
            "redirect_uri": self._config.redirect_uri,
            "response_type": "code",
            "scope": SCOPE,
            **({} if state is None else {"state": state}),
        }
        return f"{self._config.base_url.rstrip('/')}/oauth/authorize?{urlencode(asked)}"

    def exchange_code(self, code: str) -> TokenPair:
        """The first pair. Raises TokenRefused or TokenUnavailable; a code serves once and is never resent."""
        pair = self._granted({"grant_type": "authorization_code", "code": code}, old="")
        if pair is None:
            raise TokenRefused
        return pair

    def exchange(self, refresh_token: str) -> TokenPair | None:
        """The next pair; None when this refresh token is refused. A lost answer is asked for once more."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        try:
            return self._granted(form, refresh_token)
        except _AnswerLost:
            return self._granted(form, refresh_token)

    def _granted(self, form: dict[str, str], old: str) -> TokenPair | None:
        asked_at = self._clock.now()
        answer = self._ask(form)
        if 200 <= answer.status < 300:
            return _pair(answer, asked_at, old)
        _refused(answer)
        return None

    def _ask(self, form: dict[str, str]) -> HttpAnswer:
        whole = {
            **form,
            "client_id": self._config.client_id,
            "client_secret": self._config.client_secret,
            "redirect_uri": self._config.redirect_uri,
        }
        self._gate.wait_turn()
        try:
            return self._transport.send(
                "POST",
                "/oauth/token",
                headers={"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"},
                body=urlencode(whole).encode("ascii"),
                read_timeout=_READ_TIMEOUT_SECONDS,
                budget=_BUDGET_SECONDS,
            )
        except TransportFailure as failure:
            lost = TokenUnavailable if failure.sent is Sent.NO else _AnswerLost
            raise lost(failure.reason) from None


def _pair(answer: HttpAnswer, asked_at: datetime, old: str) -> TokenPair:
    """The pair in a 2xx; without a new refresh token the old one goes on. Unreadable counts as lost."""
    try:
        said = parse_object(answer.body)
    except Unreadable:
        raise _AnswerLost("token_unreadable") from None
    access, refresh = said.get("access_token"), said.get("refresh_token") or old
    if not (_is_token(access) and _is_token(refresh)):
        raise _AnswerLost("token_unreadable")
    lives = _seconds(said.get("expires_in"))
    return TokenPair(access, refresh, None if lives is None else asked_at + timedelta(seconds=lives))


def _is_token(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None


def _seconds(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LONGEST_LIFE_SECONDS:
        return None
    return value


def _refused(answer: HttpAnswer) -> None:
    """Comes back when this refresh token (or code) is over; raises what every other answer means."""
    if answer.status == 429:
        raise TokenUnavailable("rate_limited")
    if not 400 <= answer.status < 500:
        raise _AnswerLost(f"http_{answer.status}")
    try:
        error = parse_object(answer.body).get("error")
    except Unreadable:
        error = None
    if not isinstance(error, str):
        raise TokenUnavailable(f"http_{answer.status}")
    if error != "invalid_grant":
        raise TokenRefused("client_refused")
