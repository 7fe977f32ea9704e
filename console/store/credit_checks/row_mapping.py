"""Converts a row of the table of credit checks into a `CreditCheck`, with the values that the program derives from
the stored columns."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from datetime import datetime
from typing import Any

from console.domain.annotations.person_texts import is_blank
from console.domain.calendar_days import convert_to_utc
from console.domain.corporation_number import DIGIT_COUNT
from console.domain.lookup.number_input import find_corporation_number
from console.domain.records import Certainty, CheckState, CreditCheck, Work, WorkReason, WorkState
from console.store.database.instants import convert_to_aware_utc, convert_to_known_instant
from console.store.database.unreadable_rows import convert_to_text
from console.store.schema.core import credit_checks

CREDIT_CHECK_COLUMNS = (
    credit_checks.c.id, credit_checks.c.corporation_number, credit_checks.c.number_key, credit_checks.c.client_id,
    credit_checks.c.seen_status, credit_checks.c.certainty, credit_checks.c.seen_work, credit_checks.c.work_at,
    credit_checks.c.work_reason, credit_checks.c.work_attempts, credit_checks.c.credit_check_id,
    credit_checks.c.company_name, credit_checks.c.result, credit_checks.c.purchased_at, credit_checks.c.expired_at,
    credit_checks.c.pdf_file_path, credit_checks.c.superseded_by, credit_checks.c.operation_id,
    credit_checks.c.version, credit_checks.c.created_at, credit_checks.c.changed_at, credit_checks.c.error_code,
    credit_checks.c.viewing_over, credit_checks.c.duplicate_of, credit_checks.c.work_state,
    credit_checks.c.dates_zone, credit_checks.c.state_since, credit_checks.c.asked_at,
)  # fmt: skip


def make_record(row: Sequence[Any], lapsed_ids: AbstractSet[int]) -> CreditCheck:
    """Return the credit check of a row with the columns CREDIT_CHECK_COLUMNS. State and work of a row that another
    application wrote are derived from its other columns. `lapsed_ids` are the ids of credit checks whose purchase
    call has lapsed. A pending credit check with one of these ids gets an unknown outcome.
    """
    (
        record_id,
        raw_number,
        number_key,
        client_id,
        status,
        certainty,
        work_state,
        work_at,
        work_reason,
        attempts,
        id_at_provider,
        name,
        result,
        purchased_at,
        expired_at,
        pdf_path,
        superseded_by,
        operation_id,
        version,
        created_at,
        changed_at,
        error_code,
        has_viewing_period_ended,
        duplicate_of,
        own_work,
        dates_zone,
        state_since,
        sent_at,
    ) = row
    stored_work = Work(WorkState(work_state), _read_as_utc(work_at), work_reason, attempts)
    state, work = _correct_state_and_work(
        CheckState(status), stored_work, id_at_provider, has_own_work=own_work is not None
    )
    if record_id in lapsed_ids and state is CheckState.PENDING and certainty == Certainty.KNOWN:
        certainty, work = Certainty.UNKNOWN, Work(WorkState.NEEDS_REVIEW, reason=WorkReason.LAPSED)
    name, result, pdf_path = map(convert_to_text, (name, result, pdf_path))
    return CreditCheck(
        id=record_id,
        corporation_number=_get_normalised_number(number_key, raw_number),
        client_id=str(client_id),
        state=state,
        certainty=Certainty(certainty),
        work=work,
        credit_check_id=id_at_provider,
        company_name=None if name is None or is_blank(name) else name,
        result=result,
        purchased_at=_read_as_utc(purchased_at, dates_zone),
        expired_at=_read_as_utc(expired_at, dates_zone),
        pdf_file_path=pdf_path,
        incomplete=_list_missing_values(name, result, purchased_at and expired_at, pdf_path)
        if state is CheckState.SUCCESS
        else (),
        superseded_by=superseded_by,
        operation_id=operation_id,
        version=version,
        created_at=_read_as_utc(created_at),
        changed_at=_read_as_utc(changed_at),
        state_since=convert_to_known_instant(state_since),
        sent_at=_read_as_utc(sent_at),
        error_code=error_code,
        viewing_over=bool(has_viewing_period_ended),
        duplicate_of=duplicate_of,
        dates_zone=dates_zone,
    )


def _correct_state_and_work(
    state: CheckState, work: Work, id_at_provider: int | None, *, has_own_work: bool
) -> tuple[CheckState, Work]:
    """Return the state and the work of a credit check, corrected for values that another application has written
    into its row. For example a pending row becomes successful, without a next step, if it has AlarmBox's id.

    `state` and `work` are those of the row's derived columns. `id_at_provider` is the id that AlarmBox has given to
    the bought credit check, None if the row has none. `has_own_work` is False if this program has stored no work in
    the row: a review that such a row needs then has the reason WRITTEN_BY_OTHER.
    """
    # The other application has bought the check since it wrote the row.
    if state is CheckState.PENDING and id_at_provider is not None:
        state, work = CheckState.SUCCESS, Work()
    if not has_own_work and work.state is WorkState.NEEDS_REVIEW:
        work = Work(WorkState.NEEDS_REVIEW, reason=WorkReason.WRITTEN_BY_OTHER)
    if work.reason == WorkReason.WRITTEN_BY_OTHER and (id_at_provider is not None or state is CheckState.ERROR):
        work = Work()  # the other application has written the final state since
    return state, work


def _list_missing_values(name: object, result: object, dates: object, pdf: object) -> tuple[str, ...]:
    """Return the names (name, result, dates, pdf) of those values that a bought row lacks: None or "". `dates` is
    None if the date of the purchase or of the expiry is missing; `pdf` is the path of the document.
    """
    value_by_name: Mapping[str, object] = {"name": name, "result": result, "dates": dates, "pdf": pdf}
    return tuple(name_of_value for name_of_value, value in value_by_name.items() if value is None or value == "")


def _get_normalised_number(key: str | None, stored_number: object) -> str:
    """Return the normalised corporation number. `key` is the number as SQL has normalised it. If SQL couldn't
    normalise the number, it is parsed from `stored_number`, the stored text, until a task of the worker corrects the
    row. If the text can't be parsed either, return `key` unchanged ("" for NULL).

    In a table of another application the column may have integers or NULL.
    """
    if key is None or len(key) != DIGIT_COUNT:
        return find_corporation_number(str(stored_number)) or key or ""
    return key


def _read_as_utc(value: datetime | None, zone: str | None = None) -> datetime | None:
    """Convert a stored instant (without a zone) to an aware instant in UTC. `zone` is the time zone of the stored
    instant; None means UTC. Return None for NULL, and for a zone that this system doesn't know."""
    if value is None or zone is None:
        return convert_to_aware_utc(value) if value is not None else None
    with suppress(LookupError):  # an unknown zone: the instant is unknown, too
        return convert_to_utc(value, zone)
    return None
