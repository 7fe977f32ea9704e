"""Asks a provider one question, once, and lets nothing escape: whatever happens is an outcome."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from console.domain.errors import ConsoleError
from console.domain.outcomes import Outcome, OutcomeClass, Sent
from console.providers.judging import Judge
from console.providers.protocol import RateGate, TokenRefused, TokenUnavailable
from console.providers.redaction import TOKEN_FIELDS, redact
from console.providers.transport import MEBIBYTE, HttpTransport, TransportFailure

T = TypeVar("T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Question:
    """One request of ours; `buys`: asking costs money. Seconds are real ones, `limit` is in bytes."""

    method: str
    path: str
    read_timeout: float
    budget: float
    limit: int = MEBIBYTE
    body: bytes | None = field(default=None, repr=False)
    buys: bool = False


def ask_once(
    transport: HttpTransport,
    gate: RateGate,
    question: Question,
    judge: Judge[T],
    *,
    headers: Mapping[str, str],
    secrets: Iterable[str] = (),
    hidden_fields: tuple[str, ...] = TOKEN_FIELDS,
) -> Outcome[T]:
    """Wait for a turn, send, judge. `secrets` and the values of `hidden_fields` leave the evidence. Never raises
    an Exception.

    Once sending began, whatever is not an answer is UNKNOWN, unless the transport knows that nothing left.
    """
    try:
        gate.wait_turn()
    except Exception as error:
        return never_sent(reason_of(error), buys=question.buys)
    try:
        answer = transport.send(
            question.method,
            question.path,
            headers=headers,
            body=question.body,
            read_timeout=question.read_timeout,
            budget=question.budget,
            limit=question.limit,
        )
        outcome = judge(answer)
        return replace(outcome, evidence=redact(outcome.evidence, secrets, hidden_fields))
    except TransportFailure as failure:
        if failure.sent is Sent.NO:
            return never_sent(failure.reason, buys=question.buys)
        return Outcome(failure.kind, failure.reason, failure.sent, status=failure.status)
    except Exception as error:
        _log.error("an answer could not be judged: %s", type(error).__name__)
        return Outcome(OutcomeClass.UNKNOWN, "internal_error", Sent.MAYBE)


def never_sent(reason: str, *, buys: bool) -> Outcome[T]:
    """Nothing left: a purchase certainly did not happen; a read taught nothing."""
    return Outcome(OutcomeClass.FAILED_DEFINITE if buys else OutcomeClass.UNKNOWN, reason, Sent.NO)


def reason_of(error: Exception) -> str:
    """A stable code for what stopped us before anything was sent."""
    if isinstance(error, TokenRefused | TokenUnavailable):
        return error.reason
    if isinstance(error, ConsoleError):
        return error.code
    _log.error("stopped before sending: %s", type(error).__name__)
    return "internal_error"
