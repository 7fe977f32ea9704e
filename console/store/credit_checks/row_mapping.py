"""A credit check's row as everybody sees it: what it says, and what follows from it."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from datetime import datetime
from typing import Any

from console.domain.corporation_number import LENGTH, InvalidCorporationNumber, parse
from console.domain.dates import from_zone
from console.domain.records import Certainty, CheckState, CreditCheck, Work, WorkState
from console.store.leases import aware
from console.store.schema import credit_checks

_t = credit_checks.c
COLUMNS = (
    _t.id, _t.corporation_number, _t.number_key, _t.client_id, _t.seen_status, _t.certainty, _t.seen_work,
    _t.work_at, _t.work_reason, _t.work_attempts, _t.credit_check_id, _t.company_name, _t.result, _t.purchased_at,
    _t.expired_at, _t.pdf_file_path, _t.superseded_by, _t.operation_id, _t.version, _t.created_at, _t.changed_at,
    _t.error_code, _t.viewing_over, _t.duplicate_of, _t.work_state, _t.dates_zone,
)  # fmt: skip


def to_record(row: Sequence[Any], lapsed: AbstractSet[int]) -> CreditCheck:
    """A row as everybody sees it: states of rows written by others derived, a lapsed call read as unknown."""
    (
        record_id,
        raw_number,
        number_key,
        client,
        status,
        certainty,
        work_state,
        work_at,
        work_reason,
        attempts,
        provider_id,
        name,
        result,
        purchased,
        expired,
        pdf,
        superseded_by,
        operation_id,
        version,
        created,
        changed,
        error_code,
        viewing_over,
        duplicate_of,
        own_work,
        dates_zone,
    ) = row
    state = CheckState(status)
    work = Work(WorkState(work_state), _at(work_at), work_reason, attempts)
    if state is CheckState.PENDING and provider_id is not None:  # its writer has bought it meanwhile
        state, work = CheckState.SUCCESS, Work()
    if own_work is None and work.state is WorkState.NEEDS_REVIEW:
        work = Work(WorkState.NEEDS_REVIEW, reason="written_by_other")
    if record_id in lapsed and state is CheckState.PENDING and certainty == Certainty.KNOWN:
        certainty, work = Certainty.UNKNOWN, Work(WorkState.NEEDS_REVIEW, reason="lapsed")
    return CreditCheck(
        id=record_id,
        corporation_number=_number(number_key, raw_number),
        client_id=str(client),
        state=state,
        certainty=Certainty(certainty),
        work=work,
        credit_check_id=provider_id,
        company_name=name,
        result=result,
        purchased_at=_at(purchased, dates_zone),
        expired_at=_at(expired, dates_zone),
        pdf_file_path=pdf,
        incomplete=_missing(name, result, purchased and expired, pdf) if state is CheckState.SUCCESS else (),
        superseded_by=superseded_by,
        operation_id=operation_id,
        version=version,
        created_at=_at(created),
        changed_at=_at(changed),
        error_code=error_code,
        viewing_over=bool(viewing_over),
        duplicate_of=duplicate_of,
        dates_zone=dates_zone,
    )


def _missing(name: object, result: object, dates: object, pdf: object) -> tuple[str, ...]:
    parts: Mapping[str, object] = {"name": name, "result": result, "dates": dates, "pdf": pdf}
    return tuple(part for part, value in parts.items() if value is None or value == "")


def _number(key: str | None, raw: object) -> str:
    """The normalised number; a spelling that SQL doesn't know is read here until a due task puts it right. An
    adopted column may hold integers, or nothing.
    """
    if key is None or len(key) != LENGTH:
        with suppress(InvalidCorporationNumber):
            return parse(str(raw)).value
    return key or ""


def _at(value: datetime | None, zone: str | None = None) -> datetime | None:
    if value is None or zone is None:
        return aware(value) if value is not None else None
    return from_zone(value, zone)
