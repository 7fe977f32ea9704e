"""Sends one request to a provider, once, and converts every failure into an outcome."""

import html
import logging
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TypeVar

from console.domain.errors import ConsoleError
from console.domain.process import correlation as tracing
from console.domain.process import log_events
from console.domain.process.log_events import LogEvent
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.providers.credit_checks.tokens import CredentialsRefused, TokenUnavailable
from console.providers.http.answer_age import OLD_ANSWER_REASON
from console.providers.http.answer_outcomes import AnswerConverter
from console.providers.http.rate_limiter import RateLimiter
from console.providers.http.transport import MEBIBYTE, HttpAnswer, HttpTransport, TransportFailure

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
    `read_timeout_seconds` (the longest wait for the next bytes of the answer) and `budget_seconds` (the whole call)
    are real seconds; `largest_answer_bytes` is the size limit of the answer. `body` is None for a request without a
    body. `accepts_stored_answer`: the request is for a published file, so a cache may answer it.
    """

    method: str
    path: str
    read_timeout_seconds: float
    budget_seconds: float
    largest_answer_bytes: int = MEBIBYTE
    body: bytes | None = field(default=None, repr=False)
    has_effect: bool = False
    accepts_stored_answer: bool = False


TOKEN_FIELDS = ("access_token", "refresh_token", "client_secret", "client_id", "code", "password")
_BEARER_PATTERN = re.compile(r"(?i)\b(bearer)\s+[A-Za-z0-9._~+/=-]+")
_MASKED_VALUE = "***"
_ESCAPE_PATTERN = re.compile(
    r"(?:%[0-9A-Fa-f]?|\\(?:u[0-9A-Fa-f]{0,3})?|&[#0-9A-Za-z]{0,10})\Z"
    r"|%([0-9A-Fa-f]{2})|\\u([0-9A-Fa-f]{4})|\\([/\"\\])|(&(?:#[0-9]{1,9}|#[xX][0-9A-Fa-f]{1,8}|[A-Za-z]{2,8});?)"
)
"""Matches one escaped character: the beginning of one at the end of the text, or one in a URL, in JSON (two forms)
or in HTML."""
_MAX_ESCAPE_LEVELS = 3  # how many times a page may have escaped a credential, for example as JSON in HTML
_MIN_CUT_SECRET_CHARACTERS = 4  # characters


def mask_secrets(text: str, secrets: Iterable[str] = (), fields: tuple[str, ...] = TOKEN_FIELDS) -> str:
    """Return the text with `***` in place of each of the `secrets`, of the token after `Bearer`, and of the values of
    the JSON fields named in `fields`. Two further forms of a secret are found, too: one that is escaped as in a URL,
    in JSON or in HTML, and one that the end of the text cuts off.
    """
    spans = sorted(
        _find_secrets(
            text, {encoding for secret in secrets if secret for encoding in _list_encodings_of_secret(secret)}
        )
    )
    for start, end in reversed(_merge_spans(spans)):
        text = text[:start] + _MASKED_VALUE + text[end:]
    return _BEARER_PATTERN.sub(
        rf"\1 {_MASKED_VALUE}", _make_fields_pattern(fields).sub(rf'\1"{_MASKED_VALUE}"', text)
    )


def _list_encodings_of_secret(secret: str) -> list[str]:
    """Return the secret in the forms in which a text may contain it: its characters (JSON and HTML escape
    characters), its bytes in UTF-8 (a URL escapes bytes), and each of these two forms with `+` in place of spaces, as
    in a URL.
    """
    forms = (secret, secret.encode("utf-8", "surrogatepass").decode("latin-1"))
    return [written_form for form in forms for written_form in (form, form.replace(" ", "+"))]


def _find_secrets(text: str, encodings: Collection[str]) -> Iterator[tuple[int, int]]:
    """Yield the start and the end of each place in the text that contains one of `encodings`, unchanged or with
    escaped characters. If the text ends in the middle of an encoding, the place with its first characters is found,
    too.
    """
    positions: Sequence[int] = range(len(text) + 1)
    for _ in range(_MAX_ESCAPE_LEVELS + 1):
        for encoding in encodings:
            for match in re.finditer(re.escape(encoding), text):
                yield positions[match.start()], positions[match.end()]
            for length in range(len(encoding) - 1, _MIN_CUT_SECRET_CHARACTERS - 1, -1):
                if text.endswith(encoding[:length]):
                    yield positions[-1 - length], positions[-1]
                    break
        if not _ESCAPE_PATTERN.search(text):
            return
        text, positions = _unescape(text, positions)


def _unescape(text: str, positions: Sequence[int]) -> tuple[str, list[int]]:
    """Return the text with each escape replaced by its character, and a list of positions in the original text. The
    list has one position for each character of the returned text, and one for its end.

    `positions` is such a list for `text`, because an earlier call may already have removed outer escapes from the
    text.
    """
    characters: list[str] = []
    new_positions: list[int] = []
    end = 0
    for match in _ESCAPE_PATTERN.finditer(text):
        url_digits, json_digits, escaped_character, html_entity = match.groups("")
        unescaped_text = (
            chr(int(url_digits or json_digits, 16))
            if url_digits or json_digits
            else escaped_character or html.unescape(html_entity)
        )
        characters += text[end : match.start()] + unescaped_text
        new_positions += positions[end : match.start()]
        new_positions += [positions[match.start()]] * len(unescaped_text)
        end = match.end()
    return "".join(characters) + text[end:], [*new_positions, *positions[end:]]


def _merge_spans(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the spans (start, end) in ascending order, with overlapping spans joined into one."""
    merged_spans: list[tuple[int, int]] = []
    for start, end in spans:
        if merged_spans and start < merged_spans[-1][1]:
            merged_spans[-1] = (merged_spans[-1][0], max(end, merged_spans[-1][1]))
        else:
            merged_spans.append((start, end))
    return merged_spans


@cache
def _make_fields_pattern(fields: tuple[str, ...]) -> re.Pattern[str]:
    """Return the pattern that finds the text values of these JSON fields. A value whose end is missing, because the
    text was cut off, is found, too."""
    return re.compile(rf'("(?:{"|".join(fields)})"\s*:\s*)"(?:[^"\\]|\\.)*(?:"|\\?\Z)', re.DOTALL)


def send_once(
    transport: HttpTransport,
    rate_limiter: RateLimiter,
    request: SingleRequest,
    convert_answer: AnswerConverter[T],
    *,
    headers: Mapping[str, str],
    secrets: Iterable[str] = (),
    hidden_fields: tuple[str, ...] = TOKEN_FIELDS,
    make_cut_evidence: Callable[[bytes], str] | None = None,
) -> Outcome[T]:
    """Wait for `rate_limiter`, send the request, and return the outcome into which `convert_answer` converts the
    answer. Raises no `Exception`: an error becomes an outcome.

    `secrets` and the values of `hidden_fields` are removed from the evidence. If the answer to a call with an effect
    breaks off, or an error in this program keeps it from being read, `make_cut_evidence` makes the evidence from the
    received part of its body, which may name the object that the call has made (None: no evidence). A request that
    wasn't sent has the outcome of `make_unsent_outcome`. After sending has begun, a call without an answer is
    UNKNOWN, and so is a call whose answer existed before its request (OLD_ANSWER_REASON), unless
    `accepts_stored_answer` is True."""
    outcome = _send_without_event(
        transport, rate_limiter, request, convert_answer, headers, secrets, hidden_fields, make_cut_evidence
    )
    if outcome.kind in _LOGGED_OUTCOME_CLASSES:
        log_fields = {"class": outcome.kind, "reason": outcome.reason, "status": outcome.status, "sent": outcome.sent}
        call = f"{request.method} {_RECORD_ID_PATTERN.sub('/…', request.path.partition('?')[0])}"
        log_events.write_event(LogEvent.API_CALL_FAILED, call=call, retries=tracing.get_retry_count(), **log_fields)
    return outcome


def _send_without_event(
    transport: HttpTransport,
    rate_limiter: RateLimiter,
    request: SingleRequest,
    convert_answer: AnswerConverter[T],
    headers: Mapping[str, str],
    secrets: Iterable[str],
    hidden_fields: tuple[str, ...],
    make_cut_evidence: Callable[[bytes], str] | None,
) -> Outcome[T]:
    """Wait for `rate_limiter`, send the request and return its outcome, as `send_once` does, but write no log event
    about a failure."""
    try:
        rate_limiter.wait_for_start()
    except Exception as error:
        return make_unsent_outcome(get_error_reason(error), has_effect=request.has_effect)
    make_cut_evidence = make_cut_evidence if request.has_effect else None
    answer: HttpAnswer | None = None
    try:
        answer = transport.send(
            request.method,
            request.path,
            headers=headers,
            body=request.body,
            read_timeout_seconds=request.read_timeout_seconds,
            budget_seconds=request.budget_seconds,
            max_body_bytes=request.largest_answer_bytes,
            keeps_cut_body=make_cut_evidence is not None,
        )
        outcome = convert_answer(answer)
        if _is_answer_too_old(answer, request):
            outcome = replace(outcome, kind=OutcomeClass.UNKNOWN, reason=OLD_ANSWER_REASON, content=None)
        return replace(outcome, evidence=mask_secrets(outcome.evidence, secrets, hidden_fields))
    except TransportFailure as failure:
        if failure.sent is SendingCertainty.NO:
            return make_unsent_outcome(failure.reason, has_effect=request.has_effect)
        evidence = _make_evidence_of_failure(failure.received_body, make_cut_evidence, secrets, hidden_fields)
        return Outcome(failure.outcome_class, failure.reason, failure.sent, None, failure.status, evidence)
    except Exception as error:
        _log.error("an answer could not be classified: %s", type(error).__name__)
        body = b"" if answer is None else answer.body
        evidence = _make_evidence_of_failure(body, make_cut_evidence, secrets, hidden_fields)
        return Outcome(OutcomeClass.UNKNOWN, "internal_error", SendingCertainty.MAYBE, evidence=evidence)


def _make_evidence_of_failure(
    received_body: bytes,
    make_cut_evidence: Callable[[bytes], str] | None,
    secrets: Iterable[str],
    hidden_fields: tuple[str, ...],
) -> str:
    """Return the evidence text of an answer that broke off or that this program could not read; empty if nothing was
    received, or if `make_cut_evidence` is None. Raises no `Exception`: without the evidence the outcome still counts.
    """
    if make_cut_evidence is None or not received_body:
        return ""
    try:
        return mask_secrets(make_cut_evidence(received_body), secrets, hidden_fields)
    except Exception as error:
        _log.error("a received part could not be stored: %s", type(error).__name__)
        return ""


def _is_answer_too_old(answer: HttpAnswer, request: SingleRequest) -> bool:
    """True if the answer existed before the request was sent, so that the answer proves nothing.

    The `Date` header is judged only for reads: a call with an effect has no earlier answer, and a slow clock at the
    provider must not turn the success of such a call into UNKNOWN.
    """
    if request.accepts_stored_answer:
        return False
    return answer.was_stored_before or (answer.has_old_date and not request.has_effect)


def make_unsent_outcome(reason: str, *, has_effect: bool) -> Outcome[T]:
    """Return the outcome, with this reason, of a request that wasn't sent: FAILED_DEFINITE if the request
    `has_effect`, because certainly nothing happened at the provider; UNKNOWN for a read.
    """
    return Outcome(OutcomeClass.FAILED_DEFINITE if has_effect else OutcomeClass.UNKNOWN, reason, SendingCertainty.NO)


def get_error_reason(error: Exception) -> str:
    """Return the stable reason code for an error that occurred before any byte was sent."""
    if isinstance(error, CredentialsRefused | TokenUnavailable):
        return error.reason
    if isinstance(error, ConsoleError):
        return error.code
    _log.error("stopped before sending: %s", type(error).__name__)
    return "internal_error"
