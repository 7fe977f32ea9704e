"""Texts of bulk runs, for the window and for exports: the outcome of a row, the reason for it, and the row's
record."""

from console.domain.bulk.records import split_reason_and_person
from console.domain.payments.records import Order
from console.domain.records import Certainty
from console.domain.recovery.records import RecoverableRecord
from console.domain.tasks.records import BulkAction, BulkRow
from console.wording import credit_checks as check_words
from console.wording import records as record_words
from console.wording.sentences import catalogue as wording
from console.wording.sentences.text_context import TextContext


def get_row_outcome_word(outcome_name: str, action: BulkAction, context: TextContext) -> str:
    """Return the word for the outcome `outcome_name` of a row of a bulk run. For the outcome "done", the word depends
    on the action of the bulk run."""
    return context.translate(
        f"bulk.result.done.{action.value}" if outcome_name == "done" else f"bulk.result.{outcome_name}"
    )


def find_bulk_reason_key(code: str) -> str | None:
    """Return the wording key for the reason code of a row of a bulk run; None if there is no text. If there is a text
    for bulk runs and a text for single actions, return the key of the text for bulk runs."""
    keys = (f"bulk.reason.{code}", f"reason.{code}", f"refusal.{code}", f"cause.{code}")
    return next(filter(wording.has_sentence, keys), None)


def format_bulk_reason(code: str | None, person: str | None, context: TextContext) -> str:
    """Return the sentence for the reason code of a row of a bulk run, before or after the run. `person` is the person
    whom the sentence names, if the sentence names a person. Return "" if there is no code, and the code itself if the
    code has no text."""
    if not code:
        return ""
    key = find_bulk_reason_key(code)
    if key is None:
        return context.translate("finding.code", code=code)
    return context.translate(key, who=check_words.get_actor_name(person, context) if person else None)


def format_bulk_row_reason(row: BulkRow, context: TextContext) -> str:
    """Return the sentence for the stored reason of a processed row; "" for a row without a reason."""
    return format_bulk_reason(*split_reason_and_person(row.reason), context)


def get_row_badge_key(record: RecoverableRecord) -> str:
    """Return the key, in the design tokens, of the badge that a row of a bulk run shows: the badge of an unknown
    outcome if the record's outcome is unknown, otherwise the badge of the record's state."""
    if not isinstance(record, Order) and record.certainty is Certainty.UNKNOWN:
        return "certainty.unknown"
    return record_words.get_state_badge_key(record)


def get_row_record_name(record: RecoverableRecord | None, row: BulkRow, context: TextContext) -> str:
    """Return the short name of the record of a row of a bulk run. If the record no longer exists (`record` is
    None), the text says so."""
    if record is None:
        return context.translate("bulk.gone", kind=row.kind, id=row.subject_id)
    return record_words.format_short_title(record, context)


def get_company_name_or_number(record: RecoverableRecord | None, context: TextContext) -> str:
    """Return the name of the company of a bulk run's record, or its corporation number if the name is unknown; ""
    if the record is None or has no corporation number."""
    return (
        record_words.format_company_or_title(record, context)
        if record is not None and record_words.get_corporation_number(record)
        else ""
    )
