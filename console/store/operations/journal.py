"""The operations journal: one row per guarded operation, written before anything is sent.

A `calling` row whose lease ran out belongs to a process that died or froze: its outcome is not known. The fencing
token in each write keeps such a process, should it wake up, from overwriting what was decided meanwhile.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, exists, insert, not_, or_, select, update

from console.domain.outcomes import Outcome
from console.domain.records import Operation, OperationState
from console.domain.states import sources_of_operation
from console.store.lease_time import expiry, is_live, lease_mark
from console.store.leases import Holder, aware, naive
from console.store.schema import operations
from console.store.transaction import Transaction, settled

_t = operations.c
FIRST_FENCE = 1
EFFECT_OF: Mapping[str, str] = {
    "credit-check": "credit-check.purchase",
    "payment": "payment.start",
    "refund": "refund.submit",
}
"""Per kind of record the action that costs or moves money."""
EFFECTS = frozenset(EFFECT_OF.values())
"""Actions that cost or move money: their lapse leaves an unknown outcome, a reading's lapse leaves nothing."""


@dataclass(frozen=True, slots=True)
class NewOperation:
    """What the journal keeps of an operation before it is sent."""

    id: str
    action: str
    subject_kind: str
    subject_id: int
    client_id: str | None
    corporation_number: str | None
    key: str
    fingerprint: str


_COLUMNS = (
    _t.id, _t.action, _t.subject_kind, _t.subject_id, _t.state, _t.operator, _t.desk, _t.started_at, _t.ended_at,
    _t.corporation_number, _t.client_id, _t.outcome_class, _t.outcome_reason,
)  # fmt: skip
_LIVE = is_live(_t.lease_clock, _t.lease_expires)
_MINE = (_t.id == bindparam("of"), _t.fence == bindparam("held"), _t.state == OperationState.CALLING.value)
_RENEW = update(operations).where(*_MINE).values(lease_expires=expiry())
_BEGIN = insert(operations).values(
    {column: bindparam(column) for column in (
        "id", "action", "subject_kind", "subject_id", "client_id", "corporation_number", "state", "idempotency_key",
        "fingerprint", "operator", "desk", "host", "process", "session", "started_at",
    )} | {"lease_clock": lease_mark(), "lease_expires": expiry(), "fence": FIRST_FENCE}
)  # fmt: skip
_IS_THERE = settled(select(_t.id).where(_t.id == bindparam("of")))
_END_ANY = update(operations).values(
    state=bindparam("new_state"),
    outcome_class=bindparam("kind"),
    outcome_reason=bindparam("why"),
    ended_at=bindparam("at"),
)
_END = _END_ANY.where(*_MINE)
_KEY = select(_t.idempotency_key).where(_t.id == bindparam("of"))
_GET = select(*_COLUMNS).where(_t.id == bindparam("of"))
_SEEN = select(*_COLUMNS, not_(_LIVE)).where(_t.id == bindparam("of"))
_OF_SUBJECT = (
    select(*_COLUMNS)
    .where(_t.subject_kind == bindparam("kind"), _t.subject_id == bindparam("of"))
    .order_by(_t.started_at)
)
_CALLING = select(*_COLUMNS).where(_t.state == OperationState.CALLING.value)
_LAPSED = _CALLING.where(not_(_LIVE)).order_by(_t.started_at)
_BROKEN_OFF = {
    kind: and_(_t.state == OperationState.CALLING.value, _t.action == action, not_(_LIVE))
    for kind, action in EFFECT_OF.items()
}
_ANY_EFFECT = or_(*(_t.action == action for action in EFFECT_OF.values()))  # IN would be spelled out anew each time
_LAPSED_BY_KIND = select(_t.subject_kind, _t.subject_id).where(
    _t.state == OperationState.CALLING.value, _ANY_EFFECT, not_(_LIVE)
)
_LAPSED_SUBJECTS = {kind: select(_t.subject_id).where(broken_off) for kind, broken_off in _BROKEN_OFF.items()}
_RUNNING_OF = _CALLING.where(_LIVE, _t.subject_kind == bindparam("kind"), _t.subject_id == bindparam("of"))


def begin(tx: Transaction, new: NewOperation, holder: Holder, now: datetime, seconds: float) -> int:
    """Write a `calling` row; returns its fencing token. A key that exists already violates a unique index."""
    row = {
        "id": new.id,
        "action": new.action,
        "subject_kind": new.subject_kind,
        "subject_id": new.subject_id,
        "client_id": int(new.client_id) if new.client_id else None,
        "corporation_number": new.corporation_number,
        "state": OperationState.CALLING.value,
        "idempotency_key": new.key,
        "fingerprint": new.fingerprint,
        "operator": holder.operator,
        "desk": holder.desk,
        "host": holder.host,
        "process": holder.process,
        "session": holder.session,
        "started_at": naive(now),
        "lease_ms": int(seconds * 1000),
    }
    tx.conn.execute(_BEGIN, row)
    tx.prove_by(lambda conn: conn.scalar(_IS_THERE, {"of": new.id}) is not None)
    return FIRST_FENCE


def renew(conn: Connection, operation_id: str, fence: int, seconds: float) -> bool:
    """Heartbeat; False when somebody declared the operation lapsed."""
    values = {"of": operation_id, "held": fence, "lease_ms": int(seconds * 1000)}
    return conn.execute(_RENEW, values).rowcount == 1


def end(
    conn: Connection, operation_id: str, fence: int, state: OperationState, outcome: Outcome[object], now: datetime
) -> bool:
    """Write how a call ended, fenced: False when this process lost the operation meanwhile."""
    mine = {"of": operation_id, "held": fence}
    return conn.execute(_END, mine | _ending(state, outcome, now)).rowcount == 1


def settle(
    conn: Connection, operation_id: str, state: OperationState, outcome: Outcome[object], now: datetime
) -> bool:
    """Write what is known now about an operation whose outcome was unknown; raises the fencing token."""
    settled = _END_ANY.where(_t.id == operation_id, _t.state.in_(sources_of_operation(state)))
    return conn.execute(settled.values(fence=_t.fence + 1), _ending(state, outcome, now)).rowcount == 1


def _ending(state: OperationState, outcome: Outcome[object], now: datetime) -> dict[str, object]:
    return {
        "new_state": state.value,
        "kind": outcome.kind.value,
        "why": outcome.reason[:64],
        "at": None if state is OperationState.UNKNOWN else naive(now),
    }


def lapse(conn: Connection, operation_id: str, state: OperationState, now: datetime) -> bool:
    """Declare a `calling` operation lapsed whose lease ran out: `unknown`, or `failed` for a mere reading."""
    lapsed = (
        update(operations)
        .where(_t.id == operation_id, _t.state == OperationState.CALLING.value, not_(_LIVE))
        .values(
            fence=_t.fence + 1,
            state=state.value,
            outcome_class="UNKNOWN",
            outcome_reason="lapsed",
            **({} if state is OperationState.UNKNOWN else {"ended_at": naive(now)}),
        )
    )
    return conn.execute(lapsed).rowcount == 1


def find(conn: Connection, operation_id: str) -> Operation | None:
    row = conn.execute(_GET, {"of": operation_id}).first()
    return _operation(row) if row else None


def seen(conn: Connection, operation_id: str) -> Operation | None:
    """An operation as everybody sees it: `calling` ends with its lease, written down by a due task or not."""
    row = conn.execute(_SEEN, {"of": operation_id}).first()
    if row is None:
        return None
    *columns, lease_over = row
    operation = _operation(columns)
    if operation.state is not OperationState.CALLING or not lease_over:
        return operation
    return replace(operation, state=state_after_lapse(operation.action), outcome_class="UNKNOWN", reason="lapsed")


def key_of(conn: Connection, operation_id: str) -> str | None:
    """The idempotency key under which an operation stands in the journal."""
    return conn.scalar(_KEY, {"of": operation_id})


def state_after_lapse(action: str) -> OperationState:
    """What a process that went away leaves behind: an unknown outcome, or a mere reading that has ended."""
    return OperationState.UNKNOWN if action in EFFECTS else OperationState.FAILED


def of_subject(conn: Connection, kind: str, subject_id: int) -> tuple[Operation, ...]:
    """All operations on a record, oldest first."""
    return tuple(_operation(row) for row in conn.execute(_OF_SUBJECT, {"kind": kind, "of": subject_id}))


def running_of(conn: Connection, kind: str, subject_id: int) -> Operation | None:
    """The operation that is calling for this record right now, under a live lease."""
    row = conn.execute(_RUNNING_OF, {"kind": kind, "of": subject_id}).first()
    return _operation(row) if row else None


def unfinished(conn: Connection, limit: int = 500) -> tuple[Operation, ...]:
    """Everything begun and not ended, the unknown included, oldest first."""
    open_states = (OperationState.CALLING.value, OperationState.UNKNOWN.value)
    query = select(*_COLUMNS).where(_t.state.in_(open_states)).order_by(_t.started_at).limit(limit)
    return tuple(_operation(row) for row in conn.execute(query))


def lapsed(conn: Connection, limit: int = 500) -> tuple[Operation, ...]:
    """`calling` rows whose lease ran out, oldest first."""
    return tuple(_operation(row) for row in conn.execute(_LAPSED.limit(limit)))


def lapsed_subjects(conn: Connection, kind: str = "credit-check") -> frozenset[int]:
    """Ids of a kind's records whose outcome is unknown because their process went away; readers look here first."""
    return frozenset([subject for (subject,) in conn.execute(_LAPSED_SUBJECTS[kind])])


def lapsed_by_kind(conn: Connection) -> Mapping[str, frozenset[int]]:
    """`lapsed_subjects` of every kind that has any."""
    found: dict[str, set[int]] = {}
    for kind, subject in conn.execute(_LAPSED_BY_KIND):
        found.setdefault(kind, set()).add(subject)
    return {kind: frozenset(subjects) for kind, subjects in found.items()}


def is_lapsed(kind: str, subject_id: ColumnElement[int]) -> ColumnElement[bool]:
    """SQL: this record is one of `lapsed_subjects`."""
    return exists().where(_t.subject_kind == kind, _t.subject_id == subject_id, _BROKEN_OFF[kind])


def purchases_open_for(conn: Connection, corporation_number: str) -> tuple[Operation, ...]:
    """Purchases of a number, for whatever client, whose outcome nobody knows yet: unknown, or still calling."""
    unsettled = (OperationState.UNKNOWN.value, OperationState.CALLING.value)
    bought = _t.action == EFFECT_OF["credit-check"]
    query = select(*_COLUMNS).where(_t.corporation_number == corporation_number, _t.state.in_(unsettled), bought)
    return tuple(_operation(row) for row in conn.execute(query))


def _operation(row: Sequence[Any]) -> Operation:
    (op_id, action, kind, subject, state, operator, desk, started, ended, number, client, klass, reason) = row
    return Operation(
        id=op_id,
        action=action,
        subject_kind=kind,
        subject_id=subject,
        state=OperationState(state),
        operator=operator,
        desk=desk,
        started_at=aware(started),
        ended_at=aware(ended) if ended is not None else None,
        corporation_number=number,
        client_id=str(client) if client is not None else None,
        outcome_class=klass,
        reason=reason,
    )
