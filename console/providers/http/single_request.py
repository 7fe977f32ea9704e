"""Sends one request to a provider, once, and converts every failure into an outcome."""

import html
import json
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TypeVar
from urllib.parse import quote, quote_plus

from console.domain.errors import ConsoleError
from console.domain.process import correlation as tracing
from console.domain.process import log_events
from console.domain.process.log_events import LogEvent
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.providers.credit_checks.tokens import CredentialsRefused, TokenUnavailable
from console.providers.http.rate_limiter import RateLimiter
from console.providers.http.response_classes import AnswerConverter
from console.providers.http.transport import MEBIBYTE, HttpTransport, TransportFailure

T = TypeVar("T")
_log = logging.getLogger(__name__)
_LOGGED_OUTCOME_CLASSES = (
    OutcomeClass.FAILED_DEFINITE,
    OutcomeClass.AUTH,
    OutcomeClass.RATE_LIMITED,
    OutcomeClass.UNKNOWN,
)
_RECORD_ID_PATTERN = re.compile(r"/(?!v\d+(?:/|$))[^/]*\d[^/]*")
"""Matches the parts of a URL path that identify a record. They are removed from the log, which has only the kind of
call.
"""


@dataclass(frozen=True, slots=True)
class SingleRequest:
    """One HTTP request to a provider. `has_effect`: the request costs money or has another effect at the provider.
    `read_timeout` (the longest wait for the next bytes of the answer) and `budget_seconds` (the whole call) are
    real seconds; `largest_answer_bytes` is the size limit of the answer.
    """

    method: str
    path: str
    read_timeout: float
    budget_seconds: float
    largest_answer_bytes: int = MEBIBYTE
    body: bytes | None = field(default=None, repr=False)
    has_effect: bool = False


TOKEN_FIELDS = ("access_token", "refresh_token", "client_secret", "client_id", "code", "password")
_BEARER_PATTERN = re.compile(r"(?i)\b(bearer)\s+[A-Za-z0-9._~+/=-]+")
_MASKED_VALUE = "***"


def mask_secrets(text: str, secrets: Iterable[str] = (), fields: tuple[str, ...] = TOKEN_FIELDS) -> str:
    """Return the text with `***` in place of each of the `secrets`, of the token after `Bearer`, and of the values of
    the JSON fields named in `fields`.
    """
    for secret in secrets:
        for form in _list_written_forms(secret):
            text = text.replace(form, _MASKED_VALUE)
    return _BEARER_PATTERN.sub(
        rf"\1 {_MASKED_VALUE}", _make_fields_pattern(fields).sub(rf'\1"{_MASKED_VALUE}"', text)
    )


def _list_written_forms(secret: str) -> list[str]:
    """Return the forms in which a server may repeat a secret, the longest first: as it is, in JSON (with or without a
    backslash before each slash), in a URL and in HTML. Empty for an empty secret.
    """
    in_json = json.dumps(secret)[1:-1]
    in_url = (quote(secret, safe="", errors="replace"), quote_plus(secret, errors="replace"))
    forms = {secret, in_json, in_json.replace("/", "\\/"), *in_url, html.escape(secret)} if secret else set()
    return sorted(forms, key=len, reverse=True)


@cache
def _make_fields_pattern(fields: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf'("(?:{"|".join(fields)})"\s*:\s*)"(?:[^"\\]|\\.)*"')


def send_once(
    transport: HttpTransport,
    gate: RateLimiter,
    request: SingleRequest,
    convert_answer: AnswerConverter[T],
    *,
    headers: Mapping[str, str],
    secrets: Iterable[str] = (),
    hidden_fields: tuple[str, ...] = TOKEN_FIELDS,
) -> Outcome[T]:
    """Wait for the rate limiter `gate`, send the request, and convert the answer into an outcome with
    `convert_answer`. Raises no Exception.

    `secrets` and the values of `hidden_fields` are removed from the evidence. After sending has begun, a call
    without an answer is UNKNOWN, unless the transport knows that no byte was sent.
    """
    outcome = _send_once(transport, gate, request, convert_answer, headers, secrets, hidden_fields)
    if outcome.kind in _LOGGED_OUTCOME_CLASSES:
        log_fields = {"class": outcome.kind, "reason": outcome.reason, "status": outcome.status, "sent": outcome.sent}
        call = f"{request.method} {_RECORD_ID_PATTERN.sub('/…', request.path.partition('?')[0])}"
        log_events.write_event(LogEvent.API_CALL_FAILED, call=call, retries=tracing.get_retry_count(), **log_fields)
    return outcome


def _send_once(
    transport: HttpTransport,
    gate: RateLimiter,
    request: SingleRequest,
    convert_answer: AnswerConverter[T],
    headers: Mapping[str, str],
    secrets: Iterable[str],
    hidden_fields: tuple[str, ...],
) -> Outcome[T]:
    try:
        gate.wait_for_start()
    except Exception as error:
        return make_unsent_outcome(get_error_reason(error), has_effect=request.has_effect)
    try:
        answer = transport.send(
            request.method,
            request.path,
            headers=headers,
            body=request.body,
            read_timeout=request.read_timeout,
            budget=request.budget_seconds,
            limit=request.largest_answer_bytes,
        )
        outcome = convert_answer(answer)
        return replace(outcome, evidence=mask_secrets(outcome.evidence, secrets, hidden_fields))
    except TransportFailure as failure:
        if failure.sent is SendingCertainty.NO:
            return make_unsent_outcome(failure.reason, has_effect=request.has_effect)
        return Outcome(failure.kind, failure.reason, failure.sent, status=failure.status)
    except Exception as error:
        _log.error("an answer could not be judged: %s", type(error).__name__)
        return Outcome(OutcomeClass.UNKNOWN, "internal_error", SendingCertainty.MAYBE)


def make_unsent_outcome(reason: str, *, has_effect: bool) -> Outcome[T]:
    """Return the outcome of a request that wasn't sent: FAILED_DEFINITE if the request `has_effect`, because
    certainly nothing happened at the provider; UNKNOWN for a read.
    """
    return Outcome(OutcomeClass.FAILED_DEFINITE if has_effect else OutcomeClass.UNKNOWN, reason, SendingCertainty.NO)


def get_error_reason(error: Exception) -> str:
    """Return the stable reason code of an error that occurred before anything was sent."""
    if isinstance(error, CredentialsRefused | TokenUnavailable):
        return error.reason
    if isinstance(error, ConsoleError):
        return error.code
    _log.error("stopped before sending: %s", type(error).__name__)
    return "internal_error"
