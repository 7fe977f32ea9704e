"""What AlarmBox's answers mean: the status tables, and the report in a body, judged field by field."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import TypeVar

from console.domain.outcomes import Outcome, OutcomeClass, Sent
from console.domain.records import CheckReport
from console.providers.pdf_field import PdfUnusable, decode_pdf, split_pdf
from console.providers.protocol import PdfAnswer
from console.providers.strict_json import Unreadable, parse_object
from console.providers.transport import HttpAnswer

T = TypeVar("T")
Judge = Callable[[HttpAnswer], Outcome[T]]
Table = Mapping[int, OutcomeClass]

# A status that a table does not list is UNKNOWN: 408, 409, 425 and every 3xx and 5xx among them.
PURCHASE: Table = {
    400: OutcomeClass.FAILED_DEFINITE,  # validation
    401: OutcomeClass.AUTH,
    403: OutcomeClass.FAILED_DEFINITE,  # contract or scope
    404: OutcomeClass.FAILED_DEFINITE,  # no such company
    422: OutcomeClass.FAILED_DEFINITE,  # validation
    429: OutcomeClass.RATE_LIMITED,
}
READ: Table = {
    401: OutcomeClass.AUTH,
    403: OutcomeClass.FAILED_DEFINITE,  # not permitted, or the viewing period is over
    404: OutcomeClass.NOT_FOUND,
    429: OutcomeClass.RATE_LIMITED,
}
LIST: Table = {401: OutcomeClass.AUTH, 429: OutcomeClass.RATE_LIMITED}

LARGEST_ID = 2_147_483_647
_RESULTS = frozenset({"ok", "hold", "ng"})
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EVIDENCE_CHARACTERS = 65_536


class _Unusable(Exception):
    """A 2xx whose content does not answer the question; carries the reason."""


def judge_purchase(corporation_number: str) -> Judge[CheckReport]:
    """Reads the answer to a purchase: success only with an id, and never for another number."""

    def read(answer: HttpAnswer) -> tuple[CheckReport, str]:
        body, _ = split_pdf(answer.body)
        report = _report(parse_object(body).get("credit_check"))
        if report.corporation_number not in (None, corporation_number):
            raise _Unusable("other_number")
        return report, _text(body)

    return _judge(PURCHASE, read)


def judge_detail(credit_check_id: int) -> Judge[CheckReport]:
    """Reads the answer to a question about one check; a file in it is left alone."""

    def read(answer: HttpAnswer) -> tuple[CheckReport, str]:
        body, _ = split_pdf(answer.body)
        return _report_of(credit_check_id, body), _text(body)

    return _judge(READ, read)


def judge_pdf(credit_check_id: int) -> Judge[PdfAnswer]:
    """Reads the answer to a question about one check with its file, which must be a whole PDF."""

    def read(answer: HttpAnswer) -> tuple[PdfAnswer, str]:
        body, pdf = split_pdf(answer.body)
        report = _report_of(credit_check_id, body)
        if pdf is None:
            raise PdfUnusable("pdf_missing")
        return PdfAnswer(report, decode_pdf(pdf)), _text(body)

    return _judge(READ, read)


def judge_list(corporation_number: str) -> Judge[tuple[CheckReport, ...]]:
    """Reads a list of checks: those of this number. One that can't be read spoils it, it might be the one."""

    def read(answer: HttpAnswer) -> tuple[tuple[CheckReport, ...], str]:
        rows = parse_object(answer.body).get("credit_checks")
        if not isinstance(rows, list):
            raise Unreadable("no list")
        reports = [_report(row) for row in rows]
        if any(report.corporation_number is None for report in reports):
            raise _Unusable("no_number")
        return tuple(r for r in reports if r.corporation_number == corporation_number), _text(answer.body)

    return _judge(LIST, read)


def _judge(table: Table, read: Callable[[HttpAnswer], tuple[T, str]]) -> Judge[T]:
    def judge(answer: HttpAnswer) -> Outcome[T]:
        if not 200 <= answer.status < 300:
            kind = table.get(answer.status, OutcomeClass.UNKNOWN)
            return outcome_of(answer, kind, _status_reason(answer.status))
        try:
            found, evidence = read(answer)
        except (_Unusable, PdfUnusable) as error:
            return outcome_of(answer, OutcomeClass.UNKNOWN, str(error))
        except Unreadable:
            return outcome_of(answer, OutcomeClass.UNKNOWN, "unreadable")
        return outcome_of(answer, OutcomeClass.SUCCEEDED, "answered", found, evidence)

    return judge


def outcome_of(
    answer: HttpAnswer, kind: OutcomeClass, reason: str, found: T | None = None, evidence: str | None = None
) -> Outcome[T]:
    """An outcome that rests on an answer, with the answer's text as evidence (a file in it left out)."""
    text = evidence_text(answer.body) if evidence is None else evidence
    return Outcome(kind, reason, Sent.YES, found, answer.status, text, answer.sha256)


def evidence_text(body: bytes) -> str:
    """What may be shown and kept of a body: text without the file, at most 65,536 characters."""
    try:
        return _text(split_pdf(body)[0])
    except PdfUnusable:
        return _text(body[:_EVIDENCE_CHARACTERS].split(b'"pdf_file_data"')[0])


def _text(body: bytes) -> str:
    return body[: 4 * _EVIDENCE_CHARACTERS].decode("utf-8", "replace")[:_EVIDENCE_CHARACTERS]


def _status_reason(status: int) -> str:
    return "redirect" if 300 <= status < 400 else f"http_{status}"


def _report_of(credit_check_id: int, body: bytes) -> CheckReport:
    report = _report(parse_object(body).get("credit_check"))
    if report.credit_check_id != credit_check_id:
        raise _Unusable("other_id")
    return report


def _report(found: object) -> CheckReport:
    """The report; only the id must be there. Anything else of a wrong type or form counts as not said."""
    if not isinstance(found, dict):
        raise Unreadable("no credit check")
    return CheckReport(
        credit_check_id=_id(found.get("credit_check_id")),
        corporation_number=_number(found.get("corporation_number")),
        company_name=_name(found.get("corporation_name")),
        result=_result(found.get("result")),
        purchase_date=_day(found.get("purchase_date")),
        expiration_date=_day(found.get("expiration_date")),
        expired=_flag(found.get("expired")),
    )


def _id(value: object) -> int:
    """An integer that fits the column. True is none, and 12345.0 or "12345" is not what was promised."""
    if value is None:
        raise _Unusable("no_id")
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST_ID:
        raise _Unusable("bad_id")
    return value


def _number(value: object) -> str | None:
    """The number that was echoed, as text; whatever is not exactly the one asked for is another one."""
    return None if value is None or value == "" else str(value)


def _name(value: object) -> str | None:
    """The name, whole. Half a surrogate pair can be written in JSON but stored nowhere: it becomes `?`."""
    if not isinstance(value, str) or not value.strip():
        return None
    return value.encode("utf-8", "replace").decode()


def _result(value: object) -> str | None:
    return value if isinstance(value, str) and value in _RESULTS else None


def _day(value: object) -> date | None:
    """A Japanese day `yyyy-mm-dd`, or None: a date is never guessed."""
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None
