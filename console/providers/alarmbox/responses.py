"""Reads the report of a credit check from AlarmBox's answers and checks each field."""

import codecs
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import TypeVar

from console.domain.annotations.person_texts import is_blank
from console.domain.corporation_number import FIRST_ASSIGNMENT_DAY, CorporationNumber, read_corporation_number
from console.domain.provider_outcome import Outcome, OutcomeClass
from console.domain.records import CheckReport, is_valid_credit_check_id
from console.providers.alarmbox.pdf_extraction import decode_pdf, separate_pdf_text
from console.providers.credit_checks.provider import PURCHASED_WITHOUT_ID_REASON, PdfAnswer
from console.providers.http import list_pages
from console.providers.http.answer_outcomes import (
    LIST_STATUS_CLASSES,
    PURCHASE_STATUS_CLASSES,
    READ_STATUS_CLASSES,
    REFUSAL_OUTCOME_CLASSES,
    REFUSED_BUT_MADE_REASON,
    UNREADABLE_REASON,
    AnswerConverter,
    UnusableAnswer,
    format_storable_text,
    is_readable_refusal,
    iterate_nested_fields,
    iterate_nested_objects,
    make_answer_converter,
)
from console.providers.http.strict_json import UnreadableJson, parse_json_object
from console.providers.http.transport import HttpAnswer

T = TypeVar("T")
_CHECK_RESULTS = frozenset({"ok", "hold", "ng"})
_ID_IN_BODY_PATTERN = re.compile(rb"credit_check_id\W{1,12}[0-9]")
_NONZERO_ID_PATTERN = re.compile(rb"credit_check_id\W{1,12}0*[1-9]")
_NUMBER_PATTERN = re.compile(r"[0-9]{13}")
_DAY_PATTERN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

NO_ID_REASON = "no_id"
"""Reason of an answer in which a credit check has no id. The outcome is UNKNOWN."""
BAD_ID_REASON = "bad_id"
"""Reason of an answer in which the id of a credit check can't be an id of AlarmBox. The outcome is UNKNOWN."""
_REASONS_WITHOUT_ID = frozenset({NO_ID_REASON, BAD_ID_REASON, UNREADABLE_REASON})


def make_purchase_converter(corporation_number: str) -> AnswerConverter[CheckReport]:
    """Return the function that converts AlarmBox's answer to a purchase into an outcome. An answer with a status of
    success has the outcome UNKNOWN if it has another corporation number than `corporation_number`, or if it has no id
    of AlarmBox. In the second case the reason is PURCHASED_WITHOUT_ID_REASON if the answer has other contents of the
    credit check. A refusal has the outcome UNKNOWN if its body has the id or other contents of a credit check, or
    can't be read."""

    def read_purchased_check(body: bytes) -> CheckReport:
        report = _read_report(_get_credit_check(separate_pdf_text(body)[0]))
        if report.corporation_number not in (None, corporation_number):
            raise UnusableAnswer("other_number")
        return report

    convert_by_status = make_answer_converter(PURCHASE_STATUS_CLASSES, read_purchased_check, make_evidence_text)

    def convert_answer(answer: HttpAnswer) -> Outcome[CheckReport]:
        outcome = convert_by_status(answer)
        if outcome.kind in REFUSAL_OUTCOME_CLASSES and (
            _has_check_id(answer.body) or _has_check_contents(answer.body)
        ):
            return replace(outcome, kind=OutcomeClass.UNKNOWN, reason=REFUSED_BUT_MADE_REASON)
        if outcome.kind in REFUSAL_OUTCOME_CLASSES and not _is_readable_refusal(answer):
            return replace(outcome, kind=OutcomeClass.UNKNOWN, reason=UNREADABLE_REASON)
        if outcome.reason in _REASONS_WITHOUT_ID and _shows_purchase_without_id(answer, corporation_number):
            return replace(outcome, reason=PURCHASED_WITHOUT_ID_REASON)
        return outcome

    return convert_answer


def _shows_purchase_without_id(answer: HttpAnswer, corporation_number: str) -> bool:
    """True if an answer with status 2xx has the contents of a credit check, at any depth, but no id; the id 0 counts
    as missing. The contents must not be of another corporation than `corporation_number`."""
    if not 200 <= answer.status < 300 or _NONZERO_ID_PATTERN.search(answer.body):
        return False
    checks = list(filter(_has_report_contents, iterate_nested_objects(_parse_body(answer.body))))
    numbers = {_read_corporation_number(check.get("corporation_number")) for check in checks}
    return bool(checks) and numbers <= {None, corporation_number}


def _is_readable_refusal(answer: HttpAnswer) -> bool:
    """True if the body of a refusal can be read, so that the program can be sure that it contains no credit check."""
    try:
        return is_readable_refusal(replace(answer, body=separate_pdf_text(answer.body)[0]))
    except UnusableAnswer:
        return False


def _has_check_id(body: bytes) -> bool:
    """True if the body of an answer has the id of a credit check. The id is also found in damaged JSON, in UTF-16,
    and in a field whose name has escaped characters."""
    if _ID_IN_BODY_PATTERN.search(body.replace(b"\0", b"")):
        return True
    return any(
        name == "credit_check_id" and not isinstance(value, bool) and str(value).isdecimal()
        for name, value in iterate_nested_fields(_parse_body(body))
    )


def _has_check_contents(body: bytes) -> bool:
    """True if the body of a refusal has the contents of a credit check at any depth: a date of a credit check, or its
    result together with the company."""
    return any(map(_has_report_contents, iterate_nested_objects(_parse_body(body))))


def _has_report_contents(fields: dict[str, object]) -> bool:
    days = (fields.get("purchase_date"), fields.get("expiration_date"))
    has_company = any(isinstance(fields.get(name), str) for name in ("corporation_number", "corporation_name"))
    has_result = _read_check_result(fields.get("result")) is not None
    return any(_read_day(day) is not None for day in days) or (has_company and has_result)


def _parse_body(body: bytes) -> dict[str, object]:
    """Return the body of an answer as a JSON object. If the body is a JSON list, return an object that contains this
    list in the field `list`; for any other body, return an empty object."""
    try:
        text = separate_pdf_text(body)[0].removeprefix(codecs.BOM_UTF8).strip()
        return parse_json_object(b'{"list":%s}' % text if text.startswith(b"[") else text)
    except (UnusableAnswer, UnreadableJson):
        return {}


def _make_read_converter(read_body: Callable[[bytes], T]) -> AnswerConverter[T]:
    """Return the function that converts AlarmBox's answer about one credit check into an outcome; `read_body` reads
    the body of an answer with status 2xx.

    An answer with a refusal or "not found" is UNKNOWN if it nevertheless has the contents of the credit check, or if
    its body can't be read. If it counted as a refusal, the program would conclude that AlarmBox no longer shows the
    credit check, and a person could buy a renewal.
    """
    convert_by_status = make_answer_converter(READ_STATUS_CLASSES, read_body, make_evidence_text)

    def convert_answer(answer: HttpAnswer) -> Outcome[T]:
        outcome = convert_by_status(answer)
        is_gone = outcome.kind in (OutcomeClass.NOT_FOUND, OutcomeClass.FAILED_DEFINITE)
        if is_gone and _has_check_contents(answer.body):
            return replace(outcome, kind=OutcomeClass.UNKNOWN, reason=REFUSED_BUT_MADE_REASON)
        if is_gone and not _is_readable_refusal(answer):
            return replace(outcome, kind=OutcomeClass.UNKNOWN, reason=UNREADABLE_REASON)
        return outcome

    return convert_answer


def make_detail_converter(credit_check_id: int) -> AnswerConverter[CheckReport]:
    """Return the function that converts AlarmBox's answer with the report of a credit check into an outcome. A
    report with another id than `credit_check_id` is UNKNOWN; a PDF in the answer is ignored."""

    def read_check_detail(body: bytes) -> CheckReport:
        return _read_own_report(credit_check_id, _get_credit_check(separate_pdf_text(body)[0]))

    return _make_read_converter(read_check_detail)


def make_pdf_converter(credit_check_id: int) -> AnswerConverter[PdfAnswer]:
    """Return the function that converts AlarmBox's answer with a report and its PDF into an outcome. A report with
    another id than `credit_check_id`, or an incomplete PDF, is UNKNOWN."""

    def read_pdf_answer(body: bytes) -> PdfAnswer:
        body_without_pdf, pdf = separate_pdf_text(body)
        check = _get_credit_check(body_without_pdf)
        report = _read_own_report(credit_check_id, check)
        file_data = check.get("pdf_file_data")
        if pdf is not None and file_data == pdf.placeholder:
            return PdfAnswer(report, decode_pdf(pdf))
        raise UnusableAnswer("pdf_not_base64" if isinstance(file_data, str) else "pdf_missing")

    return _make_read_converter(read_pdf_answer)


def make_list_converter(corporation_number: str) -> AnswerConverter[tuple[CheckReport, ...]]:
    """Return the function that converts AlarmBox's list of purchases into an outcome with the reports of
    `corporation_number`. The outcome is UNKNOWN if one report is unreadable or has no number of 13 digits, because
    that report could be about the corporation `corporation_number`. It is also UNKNOWN if the list may be only one of
    several pages."""

    def read_check_list(body: bytes) -> tuple[CheckReport, ...]:
        fields = parse_json_object(body)
        rows = fields.pop("credit_checks", None)
        if not isinstance(rows, list):
            raise UnreadableJson("no list")
        reports = [_read_report(row) for row in rows]
        if list_pages.may_lack_rows(fields, len(rows)):
            raise UnusableAnswer("list_incomplete")
        numbers = {report.corporation_number for report in reports}
        if None in numbers:
            raise UnusableAnswer("no_number")
        if not all(number is not None and _NUMBER_PATTERN.fullmatch(number) for number in numbers):
            raise UnusableAnswer("other_number")  # in another notation, so it may be the number of the request
        return tuple(report for report in reports if report.corporation_number == corporation_number)

    convert_body = make_answer_converter(LIST_STATUS_CLASSES, read_check_list, make_evidence_text)

    def convert_answer(answer: HttpAnswer) -> Outcome[tuple[CheckReport, ...]]:
        outcome = convert_body(answer)
        if outcome.kind is OutcomeClass.SUCCEEDED and list_pages.may_lack_rows_by_headers(
            answer.headers, _count_listed_rows(answer.body)
        ):
            return replace(outcome, kind=OutcomeClass.UNKNOWN, reason="list_incomplete", content=None)
        return outcome

    return convert_answer


def _count_listed_rows(body: bytes) -> int:
    """Return the number of rows in a readable list of purchases, those of other corporation numbers included."""
    rows = parse_json_object(body)["credit_checks"]
    return len(rows) if isinstance(rows, list) else 0


def make_evidence_text(body: bytes) -> str:
    """Return the text of an answer's body without the PDF; if the body has two fields for the PDF, only the text
    before the first of them. The program may show and store this text."""
    try:
        return format_storable_text(separate_pdf_text(body)[0])
    except UnusableAnswer:
        return format_storable_text(body.partition(b'"pdf_file_data"')[0])


def _get_credit_check(body: bytes) -> dict[str, object]:
    """Return the JSON object of the credit check in an answer's body. Raises UnreadableJson if there is none."""
    check = parse_json_object(body).get("credit_check")
    if not isinstance(check, dict):
        raise UnreadableJson("no credit check")
    return check


def _read_own_report(credit_check_id: int, check: dict[str, object]) -> CheckReport:
    """Return the report in AlarmBox's JSON object `check`. Raises UnusableAnswer `other_id` if it has another id than
    `credit_check_id`, and the errors of `_read_report`."""
    report = _read_report(check)
    if report.credit_check_id != credit_check_id:
        raise UnusableAnswer("other_id")
    return report


def _read_report(report_json: object) -> CheckReport:
    """Return the report of a credit check that is read from a JSON object of AlarmBox. Only the id is required. The
    corporation number is read unchecked; any other field with a wrong type or form counts as missing. An expiration
    date before the purchase date counts as missing too, because the program would otherwise treat the credit check as
    expired and allow a new purchase. Raises UnusableAnswer for a missing or wrong id, UnreadableJson if `report_json`
    is no JSON object.
    """
    if not isinstance(report_json, dict):
        raise UnreadableJson("no credit check")
    purchase_date, expiration_date = (
        _read_day(report_json.get("purchase_date")),
        _read_day(report_json.get("expiration_date")),
    )
    if purchase_date is not None and expiration_date is not None and expiration_date < purchase_date:
        expiration_date = None
    return CheckReport(
        credit_check_id=_read_check_id(report_json.get("credit_check_id")),
        corporation_number=_read_corporation_number(report_json.get("corporation_number")),
        company_name=_read_company_name(report_json.get("corporation_name")),
        result=_read_check_result(report_json.get("result")),
        purchase_date=purchase_date,
        expiration_date=expiration_date,
        expired=_read_flag(report_json.get("expired")),
    )


def _read_check_id(value: object) -> int:
    """Return the id of a credit check, an integer that the database column can hold. Raises UnusableAnswer for any
    other value, also for True, 12345.0 and "12345".
    """
    if value is None:
        raise UnusableAnswer(NO_ID_REASON)
    if not isinstance(value, int) or not is_valid_credit_check_id(value):
        raise UnusableAnswer(BAD_ID_REASON)
    return value


def _read_corporation_number(value: object) -> str | None:
    """Return the corporation number in a report of AlarmBox as text; None if it is missing or empty. A number in
    another notation (full-width digits, hyphens, a T before it) becomes 13 digits; any other value is returned
    unchecked. The callers compare it with the number of the credit check.
    """
    if value is None or value == "":
        return None
    number = read_corporation_number(str(value), allows_test_numbers=True)
    return number.value if isinstance(number, CorporationNumber) else number.normalized or str(value)


def _read_company_name(value: object) -> str | None:
    """Return the complete company name in a report of AlarmBox; None if it is blank or no text. An unpaired
    surrogate, which JSON allows and the database can't store, becomes `?`."""
    if not isinstance(value, str) or is_blank(value):
        return None
    return value.encode("utf-8", "replace").decode()


def _read_check_result(value: object) -> str | None:
    """Return the result in a report, one of _CHECK_RESULTS; None for any other value."""
    return value if isinstance(value, str) and value in _CHECK_RESULTS else None


def _read_day(value: object) -> date | None:
    """Return the date (in Japan) that a text `yyyy-mm-dd` states; None for any other form. Also return None for a
    date before the first corporation numbers were assigned: such a date is a placeholder for a missing date, or
    belongs to another calendar.
    """
    if not isinstance(value, str) or not _DAY_PATTERN.fullmatch(value):
        return None
    try:
        day = date.fromisoformat(value)
    except ValueError:
        return None
    return None if day < FIRST_ASSIGNMENT_DAY else day


def _read_flag(value: object) -> bool | None:
    """Return the value of a field of a report if it is a boolean; None for any other value."""
    return value if isinstance(value, bool) else None
