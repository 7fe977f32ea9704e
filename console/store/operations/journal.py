"""Reads and writes of the journal (table `operations`): one row per guarded operation, written before the request
is sent.

A row in state `calling` with an expired lease belongs to a process that crashed or froze: its outcome is unknown.
Each write compares the fencing token, so such a process can't overwrite a later decision if it continues.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Row,
    Select,
    and_,
    bindparam,
    exists,
    insert,
    not_,
    or_,
    select,
    update,
)

from console.domain.audit.actions import AuditAction
from console.domain.payments.states import SENDING_STATE_BY_KIND
from console.domain.records import Operation, OperationState
from console.domain.transitions.tables import list_earlier_operation_states
from console.store.database import unreadable_rows
from console.store.database.deferred_statements import execute_with_next_statement
from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc
from console.store.database.lease_clock import lease_clock_id, make_is_live_condition, make_lease_expiry_sql
from console.store.database.transaction import Transaction, make_locking_read
from console.store.schema.core import operations

if TYPE_CHECKING:
    from console.domain.provider_outcome import Outcome
    from console.store.operations.leases import HoldingProcess

FIRST_FENCE = 1
"""Fencing token of a new operation."""
WAITED_MS_KEY = "waited_ms"
"""Key in the detail of the audit entry about the beginning of an operation. Its value is the time (milliseconds) for
which the operation waited for its lease.
"""
MONEY_ACTION_BY_KIND: Mapping[str, str] = {
    "credit-check": AuditAction.CREDIT_CHECK_PURCHASE,
    "payment": AuditAction.PAYMENT_START,
    "refund": AuditAction.REFUND_SUBMIT,
}
"""For each kind of record, the action that costs or moves money."""


def has_effect(action: str) -> bool:
    """True if the action costs or moves money. If the lease of an operation with such an action expires, the
    operation's outcome is unknown; an operation that only reads has failed in that case."""
    return action in MONEY_ACTION_BY_KIND.values()


def find_kind_of_money_action(action: str) -> str | None:
    """Return the kind of record on which this action costs or moves money (MONEY_ACTION_BY_KIND); None for any
    other action."""
    return next((kind for kind, effect in MONEY_ACTION_BY_KIND.items() if effect == action), None)


@dataclass(frozen=True, slots=True)
class NewOperation:
    """An operation to be inserted into the journal before its request is sent. `action` is the name of its guarded
    action, such as `credit-check.purchase`; `subject_kind` and `subject_id` are its record. `client_id` and
    `corporation_number` are those of its record (None if the record has none). `idempotency_key` is its idempotency
    key, `fingerprint` the digest of the request. `answer_key` is the operation's answer key (None: it has none). A
    trigger of the server accepts the state FAILED for the operation only together with this key.
    """

    id: str
    action: str
    subject_kind: str
    subject_id: int
    client_id: str | None
    corporation_number: str | None
    idempotency_key: str
    fingerprint: str
    answer_key: str | None = None
    """The answer key, as hex digits. At first the journal stores only its SHA-256. The key itself is written together
    with an answer that frees the claim, which shows that the answer comes from a desk with the store key.
    """


_OPERATION_COLUMNS = (
    operations.c.id, operations.c.action, operations.c.subject_kind, operations.c.subject_id, operations.c.state,
    operations.c.operator, operations.c.desk, operations.c.started_at, operations.c.ended_at,
    operations.c.corporation_number, operations.c.client_id, operations.c.outcome_class, operations.c.outcome_reason,
)  # fmt: skip
_LIVE_LEASE_CONDITION = make_is_live_condition(operations.c.lease_clock, operations.c.lease_expires)
_OWN_CALL_CONDITIONS = (
    operations.c.id == bindparam("operation_id"),
    operations.c.fence == bindparam("fence_as_begun"),
    operations.c.state == OperationState.CALLING.value,
)
_RENEW_OPERATION_LEASE_STATEMENT = (
    update(operations).where(*_OWN_CALL_CONDITIONS).values(lease_expires=make_lease_expiry_sql())
)
_INSERT_OPERATION_STATEMENT = insert(operations).values(
    {column: bindparam(column) for column in (
        "id", "action", "subject_kind", "subject_id", "client_id", "corporation_number", "state", "idempotency_key",
        "fingerprint", "operator", "desk", "host", "process", "session", "started_at", "answer_lock",
    )} | {"lease_clock": lease_clock_id(), "lease_expires": make_lease_expiry_sql(), "fence": FIRST_FENCE}
)  # fmt: skip
_OPERATION_ID_QUERY = make_locking_read(select(operations.c.id).where(operations.c.id == bindparam("operation_id")))
_END_OPERATION_STATEMENT = update(operations).values(
    state=bindparam("new_state"),
    outcome_class=bindparam("outcome_class_name"),
    outcome_reason=bindparam("reason"),
    ended_at=bindparam("at"),
    answer_key=bindparam("shown_key"),
)
_END_OWN_CALL_STATEMENT = _END_OPERATION_STATEMENT.where(*_OWN_CALL_CONDITIONS)
_IDEMPOTENCY_KEY_QUERY = select(operations.c.idempotency_key).where(operations.c.id == bindparam("operation_id"))
_OPERATION_BY_ID_QUERY = select(*_OPERATION_COLUMNS).where(operations.c.id == bindparam("operation_id"))
_OPERATION_BY_ID_WITH_LAPSE_QUERY = select(*_OPERATION_COLUMNS, not_(_LIVE_LEASE_CONDITION)).where(
    operations.c.id == bindparam("operation_id")
)
_OPERATIONS_OF_SUBJECT_QUERY = (
    select(*_OPERATION_COLUMNS)
    .where(operations.c.subject_kind == bindparam("kind"), operations.c.subject_id == bindparam("subject_id"))
    .order_by(operations.c.started_at)
)
_CALLING_OPERATIONS_QUERY = select(*_OPERATION_COLUMNS).where(operations.c.state == OperationState.CALLING.value)
_LAPSED_OPERATIONS_QUERY = (
    _CALLING_OPERATIONS_QUERY.where(not_(_LIVE_LEASE_CONDITION))
    .order_by(operations.c.started_at)
    .limit(bindparam("limit", type_=Integer))
)
_LAPSED_SUBJECTS_QUERY = select(operations.c.subject_id).where(
    operations.c.state == OperationState.CALLING.value,
    operations.c.action == bindparam("effective_action"),
    not_(_LIVE_LEASE_CONDITION),
)
_RUNNING_OPERATION_QUERY = _CALLING_OPERATIONS_QUERY.where(
    _LIVE_LEASE_CONDITION,
    operations.c.subject_kind == bindparam("kind"),
    operations.c.subject_id == bindparam("subject_id"),
)


def begin_operation(
    tx: Transaction, operation: NewOperation, holder: "HoldingProcess", now: datetime, lease_seconds: float
) -> int:
    """Insert an operation in state `calling` into the journal and return its fencing token. `holder` is the
    calling process, which sends the request; `lease_seconds` is the length of its lease.

    If another operation has this idempotency key, IntegrityError is raised, by this function or by a later statement
    of the transaction (`execute_with_next_statement`).
    """
    row = {
        "id": operation.id,
        "action": operation.action,
        "subject_kind": operation.subject_kind,
        "subject_id": operation.subject_id,
        "client_id": int(operation.client_id) if operation.client_id else None,
        "corporation_number": operation.corporation_number,
        "state": OperationState.CALLING.value,
        "idempotency_key": operation.idempotency_key,
        "fingerprint": operation.fingerprint,
        "operator": holder.operator,
        "desk": holder.desk,
        "host": holder.host_name,
        "process": holder.process_id,
        "session": holder.session_id,
        "started_at": convert_to_naive_utc(now),
        "answer_lock": hashlib.sha256(operation.answer_key.encode()).hexdigest() if operation.answer_key else None,
        "lease_ms": int(lease_seconds * 1000),
    }
    execute_with_next_statement(tx.conn, _INSERT_OPERATION_STATEMENT, row)
    tx.set_commit_proof(lambda conn: conn.scalar(_OPERATION_ID_QUERY, {"operation_id": operation.id}) is not None)
    return FIRST_FENCE


def renew_lease(conn: Connection, operation_id: str, fence: int, lease_seconds: float) -> bool:
    """Extend the lease of a `calling` operation to `lease_seconds` from now (heartbeat), even if it has expired.
    Return False if the operation has ended, or if its fencing token isn't `fence`: another process has declared it
    lapsed.
    """
    values = {"operation_id": operation_id, "fence_as_begun": fence, "lease_ms": int(lease_seconds * 1000)}
    return conn.execute(_RENEW_OPERATION_LEASE_STATEMENT, values).rowcount == 1


class OperationEndedByOtherProcess(Exception):
    """Another process has ended the operation, or has declared that it lapsed."""


def end_operation(
    conn: Connection,
    operation_id: str,
    fence: int,
    state: OperationState,
    outcome: "Outcome[object]",
    now: datetime,
    answer_key: str | None = None,
) -> None:
    """Write the outcome and the state of a `calling` operation, by a statement that is sent together with the next
    one (`execute_with_next_statement`). OperationEndedByOtherProcess is raised by this function, by the next
    statement or by COMMIT if the operation is no longer `calling` or its fencing token isn't `fence`: then another
    process has ended the operation or declared it lapsed.

    `answer_key` is the operation's answer key (None: it has none). It is written only for the state FAILED, which a
    trigger of the database server accepts only together with this key.
    """

    def require_one_row(row_count: int) -> None:
        if row_count != 1:
            raise OperationEndedByOtherProcess(operation_id)

    values = {"operation_id": operation_id, "fence_as_begun": fence}
    values |= _make_ending_values(state, outcome, now, answer_key)
    execute_with_next_statement(conn, _END_OWN_CALL_STATEMENT, values, require_one_row)


def settle_operation(
    conn: Connection,
    operation_id: str,
    state: OperationState,
    outcome: "Outcome[object]",
    now: datetime,
    answer_key: str | None = None,
) -> bool:
    """Write the outcome of an operation that is `calling` or whose outcome was unknown, and increment its fencing
    token. Unlike `end_operation`, this function doesn't compare the fencing token.

    Return False if the operation's present state has no transition to `state`. `answer_key`, written only for the
    state FAILED, proves that the answer comes from a desk with the store key.
    """
    update_statement = _END_OPERATION_STATEMENT.where(
        operations.c.id == operation_id, operations.c.state.in_(list_earlier_operation_states(state))
    )
    values = _make_ending_values(state, outcome, now, answer_key)
    return conn.execute(update_statement.values(fence=operations.c.fence + 1), values).rowcount == 1


def _make_ending_values(
    state: OperationState, outcome: "Outcome[object]", now: datetime, answer_key: str | None
) -> dict[str, object]:
    """Return the values of the columns that the end of an operation writes. The answer key is stored only with the
    state FAILED; `answer_key` is None if the call has no answer key. If the outcome is unknown, the operation gets no
    end time.
    """
    return {
        "shown_key": answer_key if state is OperationState.FAILED else None,
        "new_state": state.value,
        "outcome_class_name": outcome.kind.value,
        "reason": outcome.reason[:64],
        "at": None if state is OperationState.UNKNOWN else convert_to_naive_utc(now),
    }


def mark_lapsed(conn: Connection, operation_id: str, state_after_lapse: OperationState, now: datetime) -> bool:
    """Declare a `calling` operation with an expired lease lapsed: write `state_after_lapse`, which is `unknown`, or
    `failed` for an operation that only reads (`get_state_after_lapse`).

    Return False if the operation is no longer `calling` or its lease hasn't expired.
    """
    lapsed_ids = (
        update(operations)
        .where(
            operations.c.id == operation_id,
            operations.c.state == OperationState.CALLING.value,
            not_(_LIVE_LEASE_CONDITION),
        )
        .values(
            fence=operations.c.fence + 1,
            state=state_after_lapse.value,
            outcome_class="UNKNOWN",
            outcome_reason="lapsed",
            **({} if state_after_lapse is OperationState.UNKNOWN else {"ended_at": convert_to_naive_utc(now)}),
        )
    )
    return conn.execute(lapsed_ids).rowcount == 1


def find(conn: Connection, operation_id: str) -> Operation | None:
    """Return an operation by its id; None if there is none."""
    row = conn.execute(_OPERATION_BY_ID_QUERY, {"operation_id": operation_id}).first()
    return _make_operation(row) if row else None


def find_with_state_after_lapse(conn: Connection, operation_id: str) -> Operation | None:
    """Return an operation; None if there is none. An operation that is stored as `calling` but has an expired
    lease is returned with the state that `mark_lapsed` will write."""
    row = conn.execute(_OPERATION_BY_ID_WITH_LAPSE_QUERY, {"operation_id": operation_id}).first()
    if row is None:
        return None
    return _make_operation_after_lapse(row)


def _make_operation_after_lapse(row: Sequence[Any]) -> Operation:
    """Return the operation of a row of `_OPERATION_COLUMNS` and a last column that is true if the lease has expired.
    A `calling` operation with an expired lease is returned with the state that `mark_lapsed` will write."""
    *columns, has_lease_expired = row
    operation = _make_operation(columns)
    if operation.state is not OperationState.CALLING or not has_lease_expired:
        return operation
    return replace(operation, state=get_state_after_lapse(operation.action), outcome_class="UNKNOWN", reason="lapsed")


def find_idempotency_key(conn: Connection, operation_id: str) -> str | None:
    """Return the idempotency key of an operation; None if there is no such operation."""
    return conn.scalar(_IDEMPOTENCY_KEY_QUERY, {"operation_id": operation_id})


def get_state_after_lapse(action: str) -> OperationState:
    """Return the state of an operation whose lease expired during its call: unknown if the action costs or moves
    money, failed if it only reads.
    """
    return OperationState.UNKNOWN if has_effect(action) else OperationState.FAILED


def find_by_subject(conn: Connection, kind: str, subject_id: int) -> tuple[Operation, ...]:
    """Return the operations on one record, in any state, oldest first. Rows that can't be read are left out."""
    return unreadable_rows.read_readable_rows(
        "operations",
        conn.execute(_OPERATIONS_OF_SUBJECT_QUERY, {"kind": kind, "subject_id": subject_id}),
        _make_operation,
    )


def find_running_operation(conn: Connection, kind: str, subject_id: int) -> Operation | None:
    """Return the `calling` operation on this record whose lease hasn't expired; None if there is none."""
    row = conn.execute(_RUNNING_OPERATION_QUERY, {"kind": kind, "subject_id": subject_id}).first()
    return _make_operation(row) if row else None


def find_running_money_operation(conn: Connection, kind: str, subject_id: int) -> Operation | None:
    """Return the operation of `find_running_operation` if it costs or moves money, otherwise None."""
    operation = find_running_operation(conn, kind, subject_id)
    return operation if operation is not None and has_effect(operation.action) else None


def list_unfinished_operations(
    conn: Connection, limit: int = 500, *, operator: str | None = None
) -> tuple[Operation, ...]:
    """Return at most `limit` operations in state `calling` or `unknown`, oldest first. With `operator`, return only
    the operations of this person.

    An operation that is stored as `calling` but has an expired lease counts with the state that `mark_lapsed` will
    write: it is returned as `unknown`, or left out if it only reads, because it has then failed.
    """
    open_states = (OperationState.CALLING.value, OperationState.UNKNOWN.value)
    is_open_after_lapse = or_(
        operations.c.state == OperationState.UNKNOWN.value,
        _LIVE_LEASE_CONDITION,
        operations.c.action.in_(MONEY_ACTION_BY_KIND.values()),
    )
    query = (
        select(*_OPERATION_COLUMNS, not_(_LIVE_LEASE_CONDITION))
        .where(operations.c.state.in_(open_states), is_open_after_lapse)
        .order_by(operations.c.started_at)
        .limit(limit)
    )
    if operator is not None:
        query = query.where(operations.c.operator == operator)
    return unreadable_rows.read_readable_rows("operations", conn.execute(query), _make_operation_after_lapse)


def list_lapsed_operations(conn: Connection, limit: int = 500) -> tuple[Operation, ...]:
    """Return at most `limit` operations that are `calling` with an expired lease, oldest first."""
    return unreadable_rows.select_readable_records(
        conn, _LAPSED_OPERATIONS_QUERY, {"limit": limit}, _read_readable_rows
    )


def _read_readable_rows(rows: Sequence[Row[Any]]) -> tuple[Operation, ...]:
    return unreadable_rows.read_readable_rows("operations", rows, _make_operation)


def list_lapsed_record_ids(conn: Connection, kind: str = "credit-check") -> frozenset[int]:
    """Return the ids of the records of a kind whose operation that costs or moves money has lapsed: it is
    `calling` with an expired lease. Readers of these records show their outcome as unknown."""
    return frozenset(
        [
            subject
            for (subject,) in conn.execute(_LAPSED_SUBJECTS_QUERY, {"effective_action": MONEY_ACTION_BY_KIND[kind]})
        ]
    )


def list_lapsed_record_ids_by_kind(conn: Connection) -> Mapping[str, frozenset[int]]:
    """Return, by kind of record, the ids that `list_lapsed_record_ids` returns for the kind. A kind without lapsed
    operations has no key."""
    by_kind: dict[str, set[int]] = {}
    for kind, subject in conn.execute(_make_lapsed_record_ids_query(*MONEY_ACTION_BY_KIND.values())):
        by_kind.setdefault(kind, set()).add(subject)
    return {kind: frozenset(subjects) for kind, subjects in by_kind.items()}


@cache
def _make_lapsed_record_ids_query(*effective_actions: str) -> Select[Any]:
    """Return the query of `list_lapsed_record_ids_by_kind`; `effective_actions` are the actions that cost or move
    money. The query uses OR instead of IN, because SQLAlchemy would compile an IN again for each call."""
    has_effective_action = or_(*(operations.c.action == action for action in effective_actions))
    return select(operations.c.subject_kind, operations.c.subject_id).where(
        operations.c.state == OperationState.CALLING.value, has_effective_action, not_(_LIVE_LEASE_CONDITION)
    )


def make_lapsed_record_condition(kind: str, id: ColumnElement[int], state: ColumnElement[str]) -> ColumnElement[bool]:
    """Return an SQL condition on a row of the payments or refunds (`kind`): the operation that costs or moves money
    on the record has lapsed, so the record is shown with an unknown outcome, although its stored certainty is known.
    `id` and `state` are the columns of the record's id and of its business state; the state must be the one in which
    such a record is being sent.
    """
    lapsed_ids = select(operations.c.subject_id).where(_make_lapsed_operation_condition(kind))
    return and_(state == SENDING_STATE_BY_KIND[kind], id.in_(lapsed_ids))


def make_lapsed_subject_condition(kind: str, subject_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Return an SQL condition on a row of any table: the operation that costs or moves money on the record of this
    kind whose id is in the column `subject_id` has lapsed.
    """
    return exists().where(
        operations.c.subject_kind == kind,
        operations.c.subject_id == subject_id,
        _make_lapsed_operation_condition(kind),
    )


def _make_lapsed_operation_condition(kind: str) -> ColumnElement[bool]:
    """Return an SQL condition: the operation costs or moves money on a record of this kind, and has lapsed."""
    return and_(
        operations.c.state == OperationState.CALLING.value,
        operations.c.action == MONEY_ACTION_BY_KIND[kind],
        not_(_LIVE_LEASE_CONDITION),
    )


def list_open_purchases(conn: Connection, corporation_number: str) -> tuple[Operation, ...]:
    """Return the operations in state `unknown` or `calling` that purchase a credit check of this corporation, for all
    clients."""
    open_states = (OperationState.UNKNOWN.value, OperationState.CALLING.value)
    is_purchase = operations.c.action == MONEY_ACTION_BY_KIND["credit-check"]
    query = select(*_OPERATION_COLUMNS).where(
        operations.c.corporation_number == corporation_number, operations.c.state.in_(open_states), is_purchase
    )
    return tuple(_make_operation(row) for row in conn.execute(query))


def _make_operation(row: Sequence[Any]) -> Operation:
    (
        op_id,
        action,
        kind,
        subject,
        state,
        operator,
        desk,
        started_at,
        ended_at,
        number,
        client,
        outcome_class_name,
        reason,
    ) = row
    return Operation(
        id=op_id,
        action=action,
        subject_kind=kind,
        subject_id=subject,
        state=OperationState(state),
        operator=operator,
        desk=desk,
        started_at=convert_to_aware_utc(started_at),
        ended_at=convert_to_aware_utc(ended_at) if ended_at is not None else None,
        corporation_number=number,
        client_id=str(client) if client is not None else None,
        outcome_class=outcome_class_name,
        reason=reason,
    )
