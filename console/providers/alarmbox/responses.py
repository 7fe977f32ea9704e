"""What AlarmBox's answers hold: the report in a body, judged field by field."""

import re
from datetime import date

from console.domain.records import CheckReport
from console.providers.judging import LIST, PURCHASE, READ, Judge, Unusable, judge_by, shown
from console.providers.pdf_field import decode_pdf, split_pdf
from console.providers.protocol import PdfAnswer
from console.providers.strict_json import Unreadable, parse_object

LARGEST_ID = 2_147_483_647
_RESULTS = frozenset({"ok", "hold", "ng"})
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def judge_purchase(corporation_number: str) -> Judge[CheckReport]:
    """Reads the answer to a purchase: success only with an id, and never for another number."""

    def read(body: bytes) -> CheckReport:
        report = _report(_check_in(split_pdf(body)[0]))
        if report.corporation_number not in (None, corporation_number):
            raise Unusable("other_number")
        return report

    return judge_by(PURCHASE, read, evidence_text)


def judge_detail(credit_check_id: int) -> Judge[CheckReport]:
    """Reads the answer to a question about one check; a file in it is left alone."""

    def read(body: bytes) -> CheckReport:
        return _report_of(credit_check_id, _check_in(split_pdf(body)[0]))

    return judge_by(READ, read, evidence_text)


def judge_pdf(credit_check_id: int) -> Judge[PdfAnswer]:
    """Reads the answer to a question about one check with its file, which must be a whole PDF."""

    def read(body: bytes) -> PdfAnswer:
        bare, pdf = split_pdf(body)
        found = _check_in(bare)
        report = _report_of(credit_check_id, found)
        said = found.get("pdf_file_data")
        if pdf is not None and said == pdf.stand_in:
            return PdfAnswer(report, decode_pdf(pdf))
        raise Unusable("pdf_not_base64" if isinstance(said, str) else "pdf_missing")

    return judge_by(READ, read, evidence_text)


def judge_list(corporation_number: str) -> Judge[tuple[CheckReport, ...]]:
    """Reads a list of checks: those of this number. One that can't be read spoils it, it might be the one."""

    def read(body: bytes) -> tuple[CheckReport, ...]:
        rows = parse_object(body).get("credit_checks")
        if not isinstance(rows, list):
            raise Unreadable("no list")
        reports = [_report(row) for row in rows]
        if any(report.corporation_number is None for report in reports):
            raise Unusable("no_number")
        return tuple(report for report in reports if report.corporation_number == corporation_number)

    return judge_by(LIST, read, evidence_text)


def evidence_text(body: bytes) -> str:
    """What may be shown and kept of a body: its text without the file."""
    try:
        return shown(split_pdf(body)[0])
    except Unusable:
        return shown(body.partition(b'"pdf_file_data"')[0])


def _check_in(body: bytes) -> dict[str, object]:
    found = parse_object(body).get("credit_check")
    if not isinstance(found, dict):
        raise Unreadable("no credit check")
    return found


def _report_of(credit_check_id: int, found: dict[str, object]) -> CheckReport:
    report = _report(found)
    if report.credit_check_id != credit_check_id:
        raise Unusable("other_id")
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
        raise Unusable("no_id")
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST_ID:
        raise Unusable("bad_id")
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
