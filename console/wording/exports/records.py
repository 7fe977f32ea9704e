"""The columns of an exported list of records, which may contain credit checks, orders, payments and refunds."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from console.domain.calendar_days import compute_last_valid_day
from console.domain.exports.tables import CellKind, ExportColumn
from console.domain.payments.consistency import compute_refundable_minor
from console.domain.payments.records import Payment, Refund
from console.domain.records import CreditCheck, WorkState
from console.wording import credit_checks as check_words
from console.wording import records as record_words
from console.wording.exports.columns import (
    make_amount_column,
    make_corporation_number_column,
    make_currency_column,
    make_instant_column,
    make_text_column,
)
from console.wording.records import ShownRecord
from console.wording.sentences import catalogue as wording
from console.wording.sentences.text_context import TextContext


def make_record_columns(context: TextContext, get_record: Callable[[Any], ShownRecord]) -> tuple[ExportColumn, ...]:
    """Return the columns of a list of records; `get_record` returns the record of a row. A cell is empty if
    records of this kind have no value for the column."""

    def apply_to_record(read_value: Callable[[ShownRecord], Any]) -> Callable[[Any], Any]:
        return lambda row: read_value(get_record(row))

    def make_badge_function(get_badge_key: Callable[[ShownRecord], str]) -> Callable[[Any], str]:
        return lambda row: wording.get_badge_word(get_badge_key(get_record(row)), context.language)

    def format_kind(record: ShownRecord) -> str:
        return context.translate(f"kind.{record_words.get_record_kind(record)}")

    return (
        make_text_column(context, "column.kind", apply_to_record(format_kind)),
        make_text_column(
            context, "column.record", apply_to_record(lambda record: record_words.format_short_title(record, context))
        ),
        make_text_column(context, "export.column.provider_number", apply_to_record(_get_provider_reference)),
        make_text_column(
            context,
            "column.corporation",
            apply_to_record(lambda record: record_words.get_record_company_name(record, context)),
        ),
        make_corporation_number_column(context, apply_to_record(record_words.get_corporation_number)),
        make_text_column(context, "column.client", apply_to_record(_get_client_id)),
        make_text_column(
            context,
            "column.provider",
            apply_to_record(lambda record: record_words.get_record_provider_name(record, context)),
        ),
        make_amount_column(context, "column.amount", apply_to_record(record_words.compute_signed_amount)),
        make_amount_column(context, "column.left", apply_to_record(_get_refundable_amount)),
        make_currency_column(context, apply_to_record(lambda record: record_words.compute_signed_amount(record)[1])),
        make_text_column(context, "column.state", make_badge_function(record_words.get_state_badge_key)),
        make_text_column(
            context,
            "column.certainty",
            make_badge_function(lambda record: record_words.get_certainty_badge_key(record, context.now())),
        ),
        make_text_column(
            context,
            "column.work",
            make_badge_function(lambda record: record_words.get_work_badge_key(record, context.now())),
        ),
        make_text_column(
            context,
            "column.cause",
            apply_to_record(lambda record: record_words.format_record_problem(record, context)),
        ),
        make_instant_column(context, "column.next", apply_to_record(_get_next_attempt)),
        make_instant_column(context, "column.since", apply_to_record(lambda record: record.state_since)),
        make_instant_column(context, "column.began", apply_to_record(record_words.get_creation_time)),
        make_text_column(context, "field.payer", apply_to_record(_get_masked_payer)),
        make_text_column(context, "column.maker", apply_to_record(lambda record: _get_refund_maker(record, context))),
        make_text_column(context, "column.checkers", apply_to_record(_format_refund_checkers)),
        make_text_column(
            context, "column.result", apply_to_record(lambda record: _format_credit_check_result(record, context))
        ),
        ExportColumn(context.translate("column.valid_until"), CellKind.DAY, apply_to_record(_get_last_valid_day)),
        make_text_column(
            context, "column.document", apply_to_record(lambda record: _format_credit_check_document(record, context))
        ),
    )


def _get_provider_reference(record: ShownRecord) -> str | None:
    """Return as text the id that the provider has given to a credit check, payment or refund. Return None if this id
    is unknown. Also return None for an order, because providers give no id to orders."""
    match record:
        case CreditCheck():
            return None if record.credit_check_id is None else str(record.credit_check_id)
        case Payment():
            return record.provider_payment_id
        case Refund():
            return record.provider_refund_id
    return None


def _get_client_id(record: ShownRecord) -> str | None:
    return record.client_id if isinstance(record, CreditCheck) else None


def _get_refundable_amount(record: ShownRecord) -> tuple[int | None, str | None]:
    """Return the refundable amount of a payment in minor units, and its currency; None for both if the record is no
    payment.
    """
    return (compute_refundable_minor(record), record.currency) if isinstance(record, Payment) else (None, None)


def _get_next_attempt(record: ShownRecord) -> datetime | None:
    return record.work.at if record.work.state is WorkState.SCHEDULED else None


def _get_masked_payer(record: ShownRecord) -> str | None:
    return record_words.mask_payer(record.payer) if isinstance(record, Payment) else None


def _get_refund_maker(record: ShownRecord, context: TextContext) -> str | None:
    return check_words.get_actor_name(record.maker, context) if isinstance(record, Refund) else None


def _format_refund_checkers(record: ShownRecord) -> str | None:
    return " ".join(record.checkers) if isinstance(record, Refund) else None


def _format_credit_check_result(record: ShownRecord, context: TextContext) -> str | None:
    return check_words.get_result_word(record, context) if isinstance(record, CreditCheck) else None


def _get_last_valid_day(record: ShownRecord) -> date | None:
    """Return the last day (in Japan) on which a credit check is valid. Return None for a record of another kind, and
    if the day is unknown."""
    expires_at = record.expired_at if isinstance(record, CreditCheck) else None
    return None if expires_at is None else compute_last_valid_day(expires_at)


def _format_credit_check_document(record: ShownRecord, context: TextContext) -> str | None:
    """Return the word for a PDF if the record is a credit check with a stored PDF; otherwise None."""
    has_pdf = isinstance(record, CreditCheck) and record.pdf_file_path
    return context.translate("column.document.pdf") if has_pdf else None
