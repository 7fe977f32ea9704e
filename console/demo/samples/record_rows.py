"""Makes rows that samples of every kind need: operations, evidence and cases."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Table, insert

from console.demo.samples.credit_check_factory import JournalState, SampleEvent, SampleEvidenceItem
from console.domain.transitions.audit_actions import ACTIONS_BY_ENTERED_STATE, UNKNOWN_OUTCOME_KEY
from console.services.process.context import ServiceContext
from console.store.database import boot_clock
from console.store.database.engine import Transaction
from console.store.database.instants import convert_to_naive_utc
from console.store.operations.journal import MONEY_ACTION_BY_KIND

ColumnValues = dict[str, Any]
RecordKey = tuple[str, int]
"""Kind and id of a record."""


def insert_rows(tx: Transaction, table: Table, rows: list[ColumnValues]) -> None:
    """Insert the rows into the table; do nothing if the list is empty."""
    if rows:
        tx.conn.execute(insert(table), rows)


def make_operation_row(
    context: ServiceContext,
    subject: RecordKey,
    operation_id: str,
    corporation_number: str,
    at: datetime,
    journal_state: JournalState,
    operator_name: str = "worker",
    duration_seconds: int = 2,
) -> ColumnValues:
    """Return the row of the operation `operation_id`, which began on the record `subject` at the time `at`.
    `corporation_number` is that of the record, `journal_state` is the operation's (state, outcome class, reason),
    `operator_name` is the person or program that acted. If the operation is done or failed, it ended
    `duration_seconds` seconds after `at`."""
    operation_state, outcome_class, reason = journal_state
    ended_at = at + timedelta(seconds=duration_seconds) if operation_state in ("done", "failed") else None
    return {
        "id": operation_id,
        "action": MONEY_ACTION_BY_KIND[subject[0]],
        "subject_kind": subject[0],
        "subject_id": subject[1],
        "corporation_number": corporation_number,
        "state": operation_state,
        "idempotency_key": f"sample:{operation_id}",
        "fingerprint": operation_id.replace("-", ""),
        "operator": operator_name,
        "desk": context.spool.desk_id,
        "host": context.host_name,
        "process": 0,
        "session": context.session_id,
        "started_at": convert_to_naive_utc(at),
        "ended_at": convert_to_naive_utc(ended_at) if ended_at else None,
        "outcome_class": outcome_class,
        "outcome_reason": reason,
        "lease_clock": boot_clock.read_boot_id(),
        "lease_expires": 0,
    }


def find_instant_of_state(
    kind: str, state: str, events: Iterable[SampleEvent], begun_at: datetime, *, is_unknown: bool = False
) -> datetime:
    """Return the time of the newest of `events` by which a record of the kind `kind` entered the state `state` or,
    with `is_unknown`, by which its outcome became unknown. Return `begun_at` if there is no such event.
    """
    actions = ACTIONS_BY_ENTERED_STATE[kind].get(UNKNOWN_OUTCOME_KEY if is_unknown else state, ())
    return max((event.at for event in events if event.action in actions), default=begun_at)


def make_evidence_row(item: SampleEvidenceItem, subject: RecordKey, operation_id: str) -> ColumnValues:
    """Return an item of evidence about the record `subject` as a row of the table of evidence. `operation_id` is the
    id of the operation to which the item belongs; "" for none."""
    return {
        "subject_kind": subject[0],
        "subject_id": subject[1],
        "operation_id": operation_id or None,
        "at": convert_to_naive_utc(item.at),
        "source": item.source,
        "who": item.actor,
        "sha256": sha256(item.body.encode()).hexdigest(),
        "summary": item.summary,
        "body": item.body,
    }


def make_case_row(subject: RecordKey, rule: str, observed: str, expected: str, at: datetime) -> ColumnValues:
    """Return the row of an open case about the record `subject`, which was found at the instant `at`. `rule` is the
    key of the broken rule; `observed` and `expected` are the values that the case shows."""
    return {
        "rule_id": rule,
        "subject_kind": subject[0],
        "subject_id": subject[1],
        "observed": observed,
        "expected": expected,
        "detected_at": convert_to_naive_utc(at),
    }
