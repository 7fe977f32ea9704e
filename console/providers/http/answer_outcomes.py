"""Conversion of an HTTP answer into an outcome: tables with the outcome class of each HTTP status, and a function
that reads the body of an answer with status 2xx."""

import codecs
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.providers.http.strict_json import UnreadableJson, parse_json_object
from console.providers.http.transport import HttpAnswer

T = TypeVar("T")
AnswerConverter = Callable[[HttpAnswer], Outcome[T]]
"""Type of a function that converts an HTTP answer into the outcome of the call."""
StatusTable = Mapping[int, OutcomeClass]
"""The outcome class of a call by the HTTP status of its answer."""

# A status that isn't in a table is UNKNOWN, for example 408, 409, 425 and every 3xx and 5xx.
PURCHASE_STATUS_CLASSES: StatusTable = {
    400: OutcomeClass.FAILED_DEFINITE,  # validation
    401: OutcomeClass.AUTH,
    403: OutcomeClass.FAILED_DEFINITE,  # contract or scope
    404: OutcomeClass.FAILED_DEFINITE,  # no such company
    422: OutcomeClass.FAILED_DEFINITE,  # validation
    429: OutcomeClass.RATE_LIMITED,
}
READ_STATUS_CLASSES: StatusTable = {
    401: OutcomeClass.AUTH,
    403: OutcomeClass.FAILED_DEFINITE,  # not permitted, or the viewing period is over
    404: OutcomeClass.NOT_FOUND,
    429: OutcomeClass.RATE_LIMITED,
}
LIST_STATUS_CLASSES: StatusTable = {401: OutcomeClass.AUTH, 429: OutcomeClass.RATE_LIMITED}

_LONGEST_EVIDENCE_CHARACTERS = 65_536


TOO_MANY_REQUESTS_STATUS = 429


REFUSAL_OUTCOME_CLASSES = frozenset({OutcomeClass.FAILED_DEFINITE, OutcomeClass.AUTH, OutcomeClass.RATE_LIMITED})
"""Outcome classes that mean, for a call with an effect, that nothing has happened at the provider."""
REFUSED_BUT_MADE_REASON = "refused_but_made"
"""Reason of an answer that refuses a call by its status or code, but contains the object that the call would have
created; and of an answer that says "not found" to a question, but contains the requested object. The answer
contradicts itself, so the outcome is UNKNOWN.
"""
_FIELDS_WITHOUT_INFORMATION = frozenset(
    {"message", "error", "errorMessage", "error_description", "code", "requestId", "request_id"}
)


UNREADABLE_REASON = "unreadable"
"""Reason of an answer whose body can't be read, so that it may contain anything."""
_CONTROL_CHARACTER_PATTERN = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_JSON_OBJECT_START_PATTERN = re.compile(r'\{\s*"')
_FORM_PATTERN = re.compile(rb"[A-Za-z][A-Za-z0-9_.-]{0,63}=\S*")
_FORM_STARTS = (b"merchId=", b"encData=")
"""Beginnings of an answer in the form of a form, as Atom sends it."""


def is_readable_refusal(answer: HttpAnswer) -> bool:
    """True if the body of a refusal is complete and can be read. Only then can the program be sure that the body
    contains no answer to the request besides the refusal. A JSON value shows by itself if it is complete. Any other
    body is complete only if the headers declare its end."""
    is_json = answer.body.removeprefix(codecs.BOM_UTF8).lstrip().startswith((b"{", b"["))
    return is_readable_body(answer.body) and (is_json or answer.is_end_declared)


def is_readable_body(body: bytes) -> bool:
    """True if the body of an answer is text, so that the program can search its contents. A body with control
    characters is no text (compressed data and UTF-16 have some). If the text begins like JSON, it must be JSON with
    exactly one meaning. URL-encoded form fields (`name=value&…`), and a text that may be the beginning of such
    fields, aren't readable, because the contents may be in a field that was cut off. Any other text is accepted, in
    any encoding. An empty body is readable."""
    if _CONTROL_CHARACTER_PATTERN.search(body):
        return False
    text = body.removeprefix(codecs.BOM_UTF8).strip()
    if not text.startswith((b"{", b"[")):
        is_cut_name = bool(text) and any(start.startswith(text) for start in _FORM_STARTS)
        return not is_cut_name and _FORM_PATTERN.fullmatch(text) is None
    try:
        parse_json_object(b'{"list":%s}' % text if text.startswith(b"[") else text)
    except UnreadableJson:
        return False
    return True


def has_no_information(answer: HttpAnswer) -> bool:
    """True if an answer's body has no information about the request: the body is empty, or is a page of a server in
    front of the provider (text without a JSON object), or is a JSON object in which only fields such as `message`,
    `code` and `request_id` have a value.

    False for damaged JSON, for a page with a JSON object in it, for a body that is no text, and for a body that may
    be incomplete (`is_readable_refusal`), because such a body may have contained an answer to the request.
    """
    body = answer.body
    text = body.decode("utf-8-sig", "replace").strip()
    if not text.startswith(("{", "[")):
        has_contents = "encData" in text or _JSON_OBJECT_START_PATTERN.search(text)
        return is_readable_refusal(answer) and not has_contents
    try:
        fields = parse_json_object(body)
    except UnreadableJson:
        return False
    return {name for name, value in fields.items() if value is not None} <= _FIELDS_WITHOUT_INFORMATION


def iterate_nested_objects(value: object) -> Iterator[dict[str, object]]:
    """Yield each JSON object in a JSON value, at any depth."""
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from iterate_nested_objects(part)


def iterate_nested_fields(value: object) -> Iterator[tuple[str, object]]:
    """Yield the name and the value of each field in a JSON value, at any depth."""
    for fields in iterate_nested_objects(value):
        yield from fields.items()


class UnusableAnswer(Exception):
    """Raised if an answer with status 2xx doesn't answer the request, or has invalid contents; `reason` is a stable
    code.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def format_storable_text(body: bytes) -> str:
    """Return the part of an answer's body that may be stored: its text, at most 65,536 characters."""
    return body[: 4 * _LONGEST_EVIDENCE_CHARACTERS].decode("utf-8", "replace")[:_LONGEST_EVIDENCE_CHARACTERS]


def make_answer_converter(
    class_by_status: StatusTable,
    read_body: Callable[[bytes], T],
    make_evidence: Callable[[bytes], str] = format_storable_text,
) -> AnswerConverter[T]:
    """Return a function that converts an HTTP answer into an outcome. For status 2xx, `read_body` reads the body. For
    any other status, the outcome class is that in `class_by_status`, or UNKNOWN if the status isn't in it.

    `read_body` raises UnusableAnswer or UnreadableJson if the body contains no answer to the request; the outcome is
    then UNKNOWN. `make_evidence` returns the part of the body that may be stored.
    """

    def convert_answer(answer: HttpAnswer) -> Outcome[T]:
        content, outcome_class, reason = classify_status(answer)
        return Outcome(
            outcome_class,
            reason,
            SendingCertainty.YES,
            content,
            answer.status,
            make_evidence(answer.body),
            answer.sha256,
        )

    def classify_status(answer: HttpAnswer) -> tuple[T | None, OutcomeClass, str]:
        """Return the content of the answer (None: unusable), the class of the outcome, and its reason."""
        if not 200 <= answer.status < 300:
            reason = "redirect" if 300 <= answer.status < 400 else f"http_{answer.status}"
            return None, class_by_status.get(answer.status, OutcomeClass.UNKNOWN), reason
        try:
            return read_body(answer.body), OutcomeClass.SUCCEEDED, "answered"
        except UnusableAnswer as error:
            return None, OutcomeClass.UNKNOWN, error.reason
        except UnreadableJson:
            return None, OutcomeClass.UNKNOWN, UNREADABLE_REASON

    return convert_answer
