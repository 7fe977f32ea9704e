"""A question on its way to AlarmBox: with a token that lives, and once more after a 401."""

import logging
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from console.domain.clock import Clock
from console.domain.outcomes import Outcome, OutcomeClass, Sent
from console.providers.alarmbox_oauth import AlarmBoxConfig, AlarmBoxOAuth
from console.providers.asking import Question, ask_once, never_sent, reason_of
from console.providers.judging import Judge
from console.providers.protocol import RateGate, TokenKeeper, TokenPair, TokenRefused, TokenUnavailable
from console.providers.transport import HttpTransport

T = TypeVar("T")
_log = logging.getLogger(__name__)
_REFRESH_BEFORE_END = timedelta(minutes=5)


class AlarmBoxLine:
    """Holds what a question needs on its way. Safe to use from any thread: it keeps no state of its own."""

    def __init__(
        self,
        config: AlarmBoxConfig,
        *,
        tokens: TokenKeeper,
        gate: RateGate,
        transport: HttpTransport,
        clock: Clock,
    ) -> None:
        self.oauth = AlarmBoxOAuth(config, transport=transport, gate=gate, clock=clock)
        self._secret = config.client_secret
        self._tokens = tokens
        self._gate = gate
        self._transport = transport
        self._clock = clock

    def ask(self, question: Question, judge: Judge[T]) -> Outcome[T]:
        """Ask; after a 401, which says that nothing was done, once more with a newer token. Never raises."""
        try:
            pair = self._usable_pair()
        except Exception as error:
            return _without_token(error, buys=question.buys)
        first = self._once(question, judge, pair)
        if first.kind is not OutcomeClass.AUTH:
            return first
        try:
            newer = self._tokens.refresh(self.oauth.exchange, stale=pair)
        except Exception as error:
            return replace(first, reason=reason_of(error))
        return self._once(question, judge, newer)

    def _usable_pair(self) -> TokenPair:
        """The stored pair, renewed shortly before it ends; if that fails, the old one as long as it lives."""
        pair = self._tokens.current()
        if pair is not None and self._lives(pair, _REFRESH_BEFORE_END):
            return pair
        try:
            return self._tokens.refresh(self.oauth.exchange, stale=pair)
        except Exception as error:
            if pair is None or not self._lives(pair, timedelta()):
                raise
            _log.warning("token not renewed (%s); the old one still lives", reason_of(error))
            return pair

    def _lives(self, pair: TokenPair, margin: timedelta) -> bool:
        return pair.expires_at is None or pair.expires_at > self._clock.now() + margin

    def _once(self, question: Question, judge: Judge[T], pair: TokenPair) -> Outcome[T]:
        return ask_once(
            self._transport,
            self._gate,
            question,
            judge,
            headers=_headers(question, pair),
            secrets=(pair.access_token, pair.refresh_token, self._secret),
        )


def _headers(question: Question, pair: TokenPair) -> dict[str, str]:
    always = {"Authorization": f"Bearer {pair.access_token}", "Accept": "application/json"}
    return always if question.body is None else {**always, "Content-Type": "application/json"}


def _without_token(error: Exception, *, buys: bool) -> Outcome[T]:
    """No token, so nothing was sent: refused credentials, refused for speed, or simply not possible now."""
    if isinstance(error, TokenRefused):
        return Outcome(OutcomeClass.AUTH, error.reason, Sent.NO)
    if isinstance(error, TokenUnavailable) and error.reason == "rate_limited":
        return Outcome(OutcomeClass.RATE_LIMITED, error.reason, Sent.NO)
    return never_sent(reason_of(error), buys=buys)
