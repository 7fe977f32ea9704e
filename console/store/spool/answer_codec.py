"""Converts a provider's answer to JSON text and back. The spool of a desk stores the text until the database can
store the answer."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, TypeAlias

from console.domain.money import Money
from console.domain.payments.provider_messages import RefundReport, StartedPayment
from console.domain.payments.states import RefundState
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import CheckReport

StoredReport: TypeAlias = CheckReport | RefundReport | StartedPayment
Answer: TypeAlias = Outcome[StoredReport]

_DAY_FIELDS = ("purchase_date", "expiration_date")
"""Fields of a credit check's report that are days."""
_CONTENT_KEY = "found"
"""Key of `Outcome.content` in the stored text. Files of earlier versions have this key, too."""


@dataclass(frozen=True, slots=True)
class StoredReportFormat:
    """The stored format of one type of report (`Outcome.content`). `format_number` identifies the format in the
    stored text; `make_report` makes the report of JSON values; `get_id_at_provider` returns the id that the provider
    gave to the record; for a started payment it returns our payment number.
    """

    format_number: int
    make_report: Callable[[Mapping[str, Any]], StoredReport]
    get_id_at_provider: Callable[[Any], int | str | None]


def encode_answer(answer: Answer) -> str:
    """Return the answer as JSON text, which `decode_answer` can read. Raises KeyError for a type of report that
    the spool can't store (see `find_storable_report`)."""
    format_number = 1 if answer.content is None else STORED_FORMAT_BY_REPORT_TYPE[type(answer.content)].format_number
    fields = asdict(answer)
    fields[_CONTENT_KEY] = fields.pop("content")
    return json.dumps({"form": format_number, **fields}, default=_format_day, sort_keys=True)


def decode_answer(text: str | bytes) -> Answer:
    """Return the answer of a text that `encode_answer` has made. Raises ValueError for any other text."""
    try:
        fields = json.loads(text)
        make_report = _REPORT_MAKER_BY_FORMAT_NUMBER.get(fields.pop("form"))
        if make_report is None:
            raise ValueError("an answer in a format that this program does not know")
        fields["kind"], fields["sent"] = OutcomeClass(fields["kind"]), SendingCertainty(fields["sent"])
        content = fields.pop(_CONTENT_KEY)
        return Outcome(content=None if content is None else make_report(content), **fields)
    except (TypeError, KeyError, AttributeError) as odd:
        raise ValueError("not a stored answer") from odd


def _format_day(value: date) -> str:
    return value.isoformat()


def find_storable_report(report: object) -> StoredReport | None:
    """Return `report` if it is of a type that the spool can store; otherwise None."""
    return report if isinstance(report, CheckReport | RefundReport | StartedPayment) else None


def find_id_at_provider(report: object) -> int | str | None:
    """Return the id that the provider gave to the reported record (of a started payment: our payment number); None
    if the report has none, or is of a type that the spool can't store."""
    storable_report = find_storable_report(report)
    return (
        None
        if storable_report is None
        else STORED_FORMAT_BY_REPORT_TYPE[type(storable_report)].get_id_at_provider(storable_report)
    )


def _decode_check_report(fields: Mapping[str, Any]) -> CheckReport:
    days = {name: date.fromisoformat(fields[name]) for name in _DAY_FIELDS if fields[name] is not None}
    return CheckReport(**{**fields, **days})


def _decode_refund_report(fields: Mapping[str, Any]) -> RefundReport:
    amount = fields["amount"]
    converted_fields = {
        "state": RefundState(fields["state"]),
        "amount": None if amount is None else Money(**amount),
        "accepted_at": _parse_instant(fields["accepted_at"]),
    }
    return RefundReport(**{**fields, **converted_fields})


def _decode_started_payment(fields: Mapping[str, Any]) -> StartedPayment:
    return StartedPayment(**{**fields, "expires_at": _parse_instant(fields["expires_at"])})


def _parse_instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


STORED_FORMAT_BY_REPORT_TYPE: Mapping[type[StoredReport] | None, StoredReportFormat] = {
    CheckReport: StoredReportFormat(1, _decode_check_report, lambda report: report.credit_check_id),
    RefundReport: StoredReportFormat(2, _decode_refund_report, lambda report: report.provider_refund_id),
    StartedPayment: StoredReportFormat(3, _decode_started_payment, lambda report: report.merchant_payment_id),
}
"""The stored format of each type of report. An answer without a report has format 1, which every version of the
program can read.
"""
_REPORT_MAKER_BY_FORMAT_NUMBER = {
    stored.format_number: stored.make_report for stored in STORED_FORMAT_BY_REPORT_TYPE.values()
}
