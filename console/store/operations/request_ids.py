"""Reads and writes of request ids, one row per person and id.

A process acquires the lease of the row before the action and releases it afterwards. The lease expires by the
database's clock and has a fencing token. The person is part of the row's key, so a person can't use up the ids of
another person.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, and_, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from console.domain.records import LeaseHolder
from console.store.database.deferred_statements import execute_with_next_statement
from console.store.database.engine import RunAgain, Transaction
from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc
from console.store.database.lease_clock import (
    database_unix_ms,
    lease_clock_id,
    make_is_live_condition,
    make_lease_expiry_sql,
)
from console.store.database.transaction import make_locking_read
from console.store.schema.core import request_ids

if TYPE_CHECKING:
    from console.store.operations.leases import HoldingProcess

ANSWER_RETENTION = timedelta(hours=24)
"""Time for which the answer to a call is kept under its request id, from the beginning of the call. For this time,
the id can't be used for another call.
"""
RUNNING_USE_STATE = "running"
"""State of the use of a request id: the action runs."""
ANSWERED_USE_STATE = "kept"
"""State of the use of a request id: the answer of the action is stored."""
FREE_USE_STATE = "free"
"""State of the use of a request id: the id may be used again, because the action had no effect."""

_REQUEST_ID_CONDITION = and_(
    request_ids.c.person == bindparam("person_name"), request_ids.c.request_id == bindparam("used_id")
)
_ID_LEASED_HERE_CONDITION = and_(
    _REQUEST_ID_CONDITION,
    request_ids.c.fence == bindparam("fence_as_acquired"),
    request_ids.c.state == RUNNING_USE_STATE,
)
_USE_AGE_MS_EXPRESSION: Any = database_unix_ms() - request_ids.c.begun_ms
_REQUEST_ID_USE_QUERY = select(
    request_ids.c.command, request_ids.c.fingerprint, request_ids.c.state, request_ids.c.subject_kind,
    request_ids.c.subject_id, request_ids.c.operation_id, request_ids.c.answer, request_ids.c.desk,
    request_ids.c.host, request_ids.c.process, request_ids.c.since, request_ids.c.fence,
    make_is_live_condition(request_ids.c.lease_clock, request_ids.c.lease_expires).label("live"),
    _USE_AGE_MS_EXPRESSION.label("age_ms"),
).where(_REQUEST_ID_CONDITION)  # fmt: skip
_RESULT_IDS_QUERY = select(request_ids.c.subject_kind, request_ids.c.subject_id, request_ids.c.operation_id).where(
    _REQUEST_ID_CONDITION
)
_COLUMNS_OF_NEW_USE = ("command", "fingerprint", "desk", "host", "process", "since", "token")
_NEW_USE_VALUES = {
    **{column: bindparam(f"{column}_") for column in _COLUMNS_OF_NEW_USE},
    "state": RUNNING_USE_STATE,
    "begun_ms": database_unix_ms(),
    "lease_clock": lease_clock_id(),
    "lease_expires": make_lease_expiry_sql(),
}
_INSERT_REQUEST_ID_STATEMENT = insert(request_ids).values(
    person=bindparam("person_name"), request_id=bindparam("used_id"), fence=1, **_NEW_USE_VALUES
)
_NO_RESULT_VALUES = dict.fromkeys(("subject_kind", "subject_id", "operation_id", "answer"))
_ACQUIRE_REQUEST_ID_STATEMENT = (
    update(request_ids)
    .where(
        _REQUEST_ID_CONDITION,
        request_ids.c.fence == bindparam("fence_as_acquired"),
        request_ids.c.state == bindparam("state_as_read"),
        # The process of the earlier use may still run, and write under the id although its lease has expired.
        request_ids.c.subject_kind.is_not_distinct_from(bindparam("kind_as_read")),
        request_ids.c.operation_id.is_not_distinct_from(bindparam("operation_as_read")),
    )
    .values(fence=request_ids.c.fence + 1, **_NO_RESULT_VALUES, **_NEW_USE_VALUES)
)
_REQUEST_ID_TOKEN_QUERY = make_locking_read(select(request_ids.c.token).where(_REQUEST_ID_CONDITION))
# A beat of the heartbeat may still run when the process ends the lease (`lease_expires` 0): this lease stays ended.
_RENEW_REQUEST_ID_LEASE_STATEMENT = (
    update(request_ids)
    .where(_ID_LEASED_HERE_CONDITION, request_ids.c.lease_expires > 0)
    .values(lease_expires=make_lease_expiry_sql())
)
_STORE_RESULT_IDS_STATEMENT = (
    update(request_ids)
    .where(_ID_LEASED_HERE_CONDITION)
    .values(
        subject_kind=func.coalesce(request_ids.c.subject_kind, bindparam("result_kind")),
        subject_id=func.coalesce(request_ids.c.subject_id, bindparam("result_subject_id")),
        operation_id=func.coalesce(bindparam("result_operation_id"), request_ids.c.operation_id),
    )
)
_END_REQUEST_ID_USE_STATEMENT = (
    update(request_ids)
    .where(_ID_LEASED_HERE_CONDITION)
    .values(state=bindparam("final_state"), answer=bindparam("answer_"), lease_expires=0)
)
_END_REQUEST_ID_LEASE_STATEMENT = update(request_ids).where(_ID_LEASED_HERE_CONDITION).values(lease_expires=0)


@dataclass(frozen=True, slots=True)
class RequestKey:
    """A person's request id with the command that it was used for. `fingerprint` is a digest of the command's
    arguments.
    """

    person: str
    request_id: str
    command: str
    fingerprint: str

    @property
    def parameters(self) -> dict[str, object]:
        """The parameters of SQL statements that select the row of this person and request id."""
        return {"person_name": self.person, "used_id": self.request_id}


@dataclass(frozen=True, slots=True)
class RequestIdUse:
    """The stored use of a request id: the command, the digest of its arguments (`fingerprint`), the state of the use
    and the stored answer. The state is running, kept (an answer is stored) or free. `subject_kind`, `subject_id` and
    `operation_id` name the record and the operation that the action wrote. `holder` is the process that used the id
    last. `fence` is the fencing token of the lease of this use; `has_live_lease`: the lease hasn't expired. `age` is
    the time since the use began.
    """

    command: str
    fingerprint: str
    state: str
    subject_kind: str | None
    subject_id: str | None
    operation_id: str | None
    answer: str | None
    holder: LeaseHolder
    fence: int
    has_live_lease: bool
    age: timedelta

    @property
    def is_free(self) -> bool:
        """True if the request id may be used again: its action had no effect, or its use began at least
        ANSWER_RETENTION ago and is no longer running.
        """
        return self.state == FREE_USE_STATE or (
            self.age >= ANSWER_RETENTION and not (self.state == RUNNING_USE_STATE and self.has_live_lease)
        )

    @property
    def has_unfinished_work(self) -> bool:
        """True if the action has written something and has not stored an answer. Its process may still be running:
        then the lease is live (`has_live_lease`)."""
        return self.state == RUNNING_USE_STATE and self.subject_kind is not None

    @property
    def is_available(self) -> bool:
        """True if a call may use the request id: it is free, or the process of its call ended before the call wrote
        anything.
        """
        is_ended_without_effect = (
            self.state == RUNNING_USE_STATE and not self.has_live_lease and self.subject_kind is None
        )
        return self.is_free or is_ended_without_effect


@dataclass(frozen=True, slots=True)
class LeasedRequestId:
    """A request id whose lease this process holds, with the fencing token `fence` of that lease."""

    request_key: RequestKey
    fence: int


def find_use(conn: Connection, request: RequestKey) -> RequestIdUse | None:
    """Return the stored use of a person's request id; None if the id isn't stored. This reads an index once."""
    row = conn.execute(_REQUEST_ID_USE_QUERY, request.parameters).first()
    if row is None:
        return None
    (
        command,
        fingerprint,
        state,
        kind,
        subject,
        operation,
        answer,
        desk,
        host,
        process,
        since,
        fence,
        has_live_lease,
        age,
    ) = row
    holder = LeaseHolder(
        request.request_id,
        request.person,
        desk,
        host,
        process,
        convert_to_aware_utc(since),
        convert_to_aware_utc(since),
    )
    age = timedelta(milliseconds=int(age))
    return RequestIdUse(
        command, fingerprint, state, kind, subject, operation, answer, holder, fence, bool(has_live_lease), age
    )


def find_subject(conn: Connection, person: str, request_id: str) -> tuple[str, str] | None:
    """Return the kind and id of the first record that the action of a person's request id wrote; None if the
    request id isn't stored or its action wrote no record.
    """
    row = conn.execute(_RESULT_IDS_QUERY, {"person_name": person, "used_id": request_id}).first()
    return (row.subject_kind, row.subject_id) if row is not None and row.subject_kind and row.subject_id else None


def find_operation_id(conn: Connection, person: str, request_id: str) -> str | None:
    """Return the id of the last operation that the action of a person's request id began; None if there is none."""
    row = conn.execute(_RESULT_IDS_QUERY, {"person_name": person, "used_id": request_id}).first()
    return None if row is None else row.operation_id


def acquire_request_id(
    tx: Transaction,
    request: RequestKey,
    stored_use: RequestIdUse | None,
    holder: "HoldingProcess",
    now: datetime,
    lease_seconds: float,
) -> LeasedRequestId | None:
    """Give this process (`holder`) the lease of the request id for `lease_seconds`, and return the id with its
    fencing token.

    `stored_use` is the use of the id that the caller has read in this transaction. With `stored_use` None the id must
    be new: return None if it is stored already. Raises RunAgain if another process has changed the row meanwhile.
    """
    token = str(uuid.uuid4())
    row = request.parameters | {
        "command_": request.command,
        "fingerprint_": request.fingerprint,
        "desk_": holder.desk,
        "host_": holder.host_name,
        "process_": holder.process_id,
        "since_": convert_to_naive_utc(now),
        "token_": token,
        "lease_ms": int(lease_seconds * 1000),
    }
    if stored_use is None:
        try:
            tx.conn.execute(_INSERT_REQUEST_ID_STATEMENT, row)
        except IntegrityError:
            return None
        fence = 1
    else:
        if (
            tx.conn.execute(
                _ACQUIRE_REQUEST_ID_STATEMENT,
                row
                | {
                    "fence_as_acquired": stored_use.fence,
                    "state_as_read": stored_use.state,
                    "kind_as_read": stored_use.subject_kind,
                    "operation_as_read": stored_use.operation_id,
                },
            ).rowcount
            != 1
        ):
            raise RunAgain
        fence = stored_use.fence + 1
    tx.set_commit_proof(lambda conn: conn.scalar(_REQUEST_ID_TOKEN_QUERY, request.parameters) == token)
    return LeasedRequestId(request, fence)


def renew_lease(conn: Connection, leased_request_id: LeasedRequestId, lease_seconds: float) -> bool:
    """Extend the lease of a request id to `lease_seconds` from now (heartbeat), even if it has expired. Return False
    if another process has acquired the id, or if this process has ended the lease or the use of the id."""
    return (
        conn.execute(
            _RENEW_REQUEST_ID_LEASE_STATEMENT,
            _make_leased_id_parameters(leased_request_id) | {"lease_ms": int(lease_seconds * 1000)},
        ).rowcount
        == 1
    )


def store_result_ids(
    conn: Connection,
    leased_request_id: LeasedRequestId,
    kind: str,
    subject_id: str | None,
    operation_id: str | None,
    check_row_count: Callable[[int], None],
) -> None:
    """Store in the row of the request id the ids of the record and of the operation that the action wrote, in the
    action's transaction, by a statement that is sent together with the next one. `kind` is the kind of the record. An
    id is None if the action wrote no record or no operation. A later call replaces the operation but not the record.

    `check_row_count` is called with the number of changed rows: 1, or 0 if another process has acquired the id
    meanwhile. For 0 it must raise an exception, which is then the error of this statement.
    """
    values = {"result_kind": kind, "result_subject_id": subject_id, "result_operation_id": operation_id}
    parameters = _make_leased_id_parameters(leased_request_id) | values
    execute_with_next_statement(conn, _STORE_RESULT_IDS_STATEMENT, parameters, check_row_count)


def end_use(conn: Connection, leased_request_id: LeasedRequestId, state: str, answer: str | None) -> bool:
    """End the use of a request id and write its state: `kept` with the text `answer`, or `free` with None as
    `answer`. Return False if the use has ended already or another process has acquired the id meanwhile.
    """
    return (
        conn.execute(
            _END_REQUEST_ID_USE_STATEMENT,
            _make_leased_id_parameters(leased_request_id) | {"final_state": state, "answer_": answer},
        ).rowcount
        == 1
    )


def store_answered_use(
    tx: Transaction, request: RequestKey, holder: "HoldingProcess", now: datetime, answer: str
) -> None:
    """Store in the transaction `tx` that the action of the request id has ended with the answer `answer`. `holder` is
    the calling process. An older use of the request id is replaced. Raises RunAgain if another process has changed
    the row meanwhile."""
    leased_request_id = acquire_request_id(tx, request, find_use(tx.conn, request), holder, now, 0)
    if leased_request_id is None:
        raise RunAgain
    end_use(tx.conn, leased_request_id, ANSWERED_USE_STATE, answer)


def end_lease(conn: Connection, leased_request_id: LeasedRequestId) -> None:
    """End the lease of a request id without an answer, because this process no longer executes the action of the
    request id. If the action has written something, later calls find its answer by the ids that `store_result_ids`
    stored; otherwise the id is free. Changes nothing if another process has acquired the id."""
    conn.execute(_END_REQUEST_ID_LEASE_STATEMENT, _make_leased_id_parameters(leased_request_id))


def _make_leased_id_parameters(leased_request_id: LeasedRequestId) -> dict[str, object]:
    """Return the parameters of SQL statements that select the request id only while it still has the fencing token
    with which this process acquired it.
    """
    return leased_request_id.request_key.parameters | {"fence_as_acquired": leased_request_id.fence}
