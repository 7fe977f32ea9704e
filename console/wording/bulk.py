"""Texts of bulk runs, for the window and for exports: the outcome of a row, its reason, its record."""

from console.domain.bulk.records import split_reason
from console.domain.payments.records import Order
from console.domain.records import Certainty
from console.domain.recovery.records import RecoverableRecord
from console.domain.tasks.records import BulkAction, BulkRow
from console.wording import catalogue as wording
from console.wording import credit_checks as check_words
from console.wording import records as record_words
from console.wording.text_context import TextContext


def result_word(name: str, action: BulkAction, context: TextContext) -> str:
    """Return the word for the outcome of a row. The word for "done" depends on the action."""
    return context.translate(f"bulk.result.done.{action.value}" if name == "done" else f"bulk.result.{name}")


def reason_key(code: str) -> str | None:
    """Return the wording key of a row's reason code; None if no text exists. A text for bulk runs has priority over a
    text that is written for single actions.
    """
    keys = (f"bulk.reason.{code}", f"reason.{code}", f"refusal.{code}", f"cause.{code}")
    return next(filter(wording.has_sentence, keys), None)


def reason_text(code: str | None, person: str | None, context: TextContext) -> str:
    """Return the sentence of a reason code for the forecast or result of a row, with the name of `person` if the
    sentence names one. Return "" without a code, and the code itself if it has no sentence.
    """
    if not code:
        return ""
    key = reason_key(code)
    return context.translate(key, who=check_words.actor_name(person, context) if person else None) if key else code


def row_reason(row: BulkRow, context: TextContext) -> str:
    return reason_text(*split_reason(row.reason), context)


def record_state_key(record: RecoverableRecord) -> str:
    """Return the key of the badge for the present state of a row's record, or for an unknown outcome."""
    if not isinstance(record, Order) and record.certainty is Certainty.UNKNOWN:
        return "certainty.unknown"
    return record_words.state_key(record)


def record_name(record: RecoverableRecord | None, row: BulkRow, context: TextContext) -> str:
    """Return the short name of a row's record. `record` is None if the record no longer exists; then return a text
    which says this.
    """
    if record is None:
        return context.translate("bulk.gone", kind=row.kind, id=row.subject_id)
    return record_words.short_title(record, context)


def company_name(record: RecoverableRecord | None, context: TextContext) -> str:
    """Return the name of the record's company for a row; "" if the record is None or has no corporation number."""
    return record_words.name_of(record, context) if record is not None and record_words.number_of(record) else ""
