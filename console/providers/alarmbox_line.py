"""One question to AlarmBox, from token to outcome: whatever happens on the way comes back as an Outcome."""

import logging
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypeVar

from console.domain.clock import Clock
from console.domain.errors import ConsoleError
from console.domain.outcomes import Outcome, OutcomeClass, Sent
from console.providers.alarmbox_answers import Judge
from console.providers.alarmbox_oauth import AlarmBoxConfig, AlarmBoxOAuth
from console.providers.protocol import RateGate, TokenKeeper, TokenPair, TokenRefused, TokenUnavailable
from console.providers.redaction import redact
from console.providers.transport import HttpTransport, TransportFailure

T = TypeVar("T")
_log = logging.getLogger(__name__)
_REFRESH_BEFORE_END = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Question:
    """One request of ours; `buys`: asking costs money. Seconds are real ones, `limit` is in bytes."""

    method: str
    path: str
    read_timeout: float
    budget: float
    limit: int
    body: bytes | None = field(default=None, repr=False)
    buys: bool = False


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
        """Ask once; after a 401, which says that nothing was done, once more with a newer token.

        A read that was never sent is UNKNOWN: only a purchase can fail definitely without an answer.
        """
        outcome = self._asked(question, judge)
        if question.buys or outcome.kind is not OutcomeClass.FAILED_DEFINITE or outcome.sent is not Sent.NO:
            return outcome
        return replace(outcome, kind=OutcomeClass.UNKNOWN)

    def _asked(self, question: Question, judge: Judge[T]) -> Outcome[T]:
        try:
            pair = self._usable_pair()
        except Exception as error:
            return _without_token(error)
        first = self._once(question, judge, pair)
        if first.kind is not OutcomeClass.AUTH:
            return first
        try:
            newer = self._tokens.refresh(self.oauth.exchange, stale=pair)
        except Exception as error:
            return replace(first, reason=_reason(error))
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
            _log.warning("token not renewed (%s); the old one still lives", _reason(error))
            return pair

    def _lives(self, pair: TokenPair, margin: timedelta) -> bool:
        return pair.expires_at is None or pair.expires_at > self._clock.now() + margin

    def _once(self, question: Question, judge: Judge[T], pair: TokenPair) -> Outcome[T]:
        try:
            self._gate.wait_turn()
            headers = _headers(question, pair)
        except Exception as error:
            return _never_sent(_reason(error))
        try:
            answer = self._transport.send(
                question.method,
                question.path,
                headers=headers,
                body=question.body,
                read_timeout=question.read_timeout,
                budget=question.budget,
                limit=question.limit,
            )
            outcome = judge(answer)
            hidden = redact(outcome.evidence, (pair.access_token, pair.refresh_token, self._secret))
            return replace(outcome, evidence=hidden)
        except TransportFailure as failure:
            return Outcome(failure.kind, failure.reason, failure.sent)
        except Exception as error:
            _log.error("an answer was not understood: %s", type(error).__name__)
            return Outcome(OutcomeClass.UNKNOWN, "internal_error", Sent.MAYBE)


def _headers(question: Question, pair: TokenPair) -> dict[str, str]:
    always = {"Authorization": f"Bearer {pair.access_token}", "Accept": "application/json"}
    return always if question.body is None else {**always, "Content-Type": "application/json"}


def _without_token(error: Exception) -> Outcome[T]:
    """No token, so nothing was sent: refused credentials, refused for speed, or simply not possible now."""
    if isinstance(error, TokenRefused):
        return Outcome(OutcomeClass.AUTH, error.reason, Sent.NO)
    if isinstance(error, TokenUnavailable) and error.reason == "rate_limited":
        return Outcome(OutcomeClass.RATE_LIMITED, error.reason, Sent.NO)
    return _never_sent(_reason(error))


def _never_sent(reason: str) -> Outcome[T]:
    return Outcome(OutcomeClass.FAILED_DEFINITE, reason, Sent.NO)


def _reason(error: Exception) -> str:
    """A stable code for what stopped us before anything was sent."""
    if isinstance(error, TokenRefused | TokenUnavailable):
        return error.reason
    if isinstance(error, ConsoleError):
        return error.code
    _log.error("stopped before sending: %s", type(error).__name__)
    return "internal_error"
