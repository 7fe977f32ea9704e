"""Reads and ends operations of the journal by their idempotency key (operation key). The key is unique, so a second
operation with the same key can't be inserted.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, bindparam, select, update

from console.domain.records import OperationState
from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc
from console.store.database.lease_clock import make_is_live_condition
from console.store.database.transaction import Transaction, make_locking_read
from console.store.operations import leases
from console.store.operations.leases import HoldingProcess
from console.store.schema.core import leases as named_leases
from console.store.schema.core import operations

_IDEMPOTENCY_KEY_USE_QUERY = select(
    operations.c.id,
    operations.c.state,
    operations.c.fingerprint,
    operations.c.result,
    operations.c.operator,
    operations.c.desk,
    operations.c.started_at,
    make_is_live_condition(operations.c.lease_clock, operations.c.lease_expires).label("live"),
).where(operations.c.idempotency_key == bindparam("key"))
_END_OPERATION_STATEMENT = (
    update(operations)
    .where(
        operations.c.id == bindparam("operation_id"),
        operations.c.fence == bindparam("fence_as_begun"),
        operations.c.state == OperationState.CALLING.value,
    )
    .values(state=bindparam("final_state"), result=bindparam("final_result"), ended_at=bindparam("at"))
)
_OPERATION_RESULT_QUERY = select(operations.c.result).where(
    operations.c.id == bindparam("operation_id"),
    operations.c.fence == bindparam("fence_as_begun"),
    operations.c.state == bindparam("final_state"),
)
_FREE_IDEMPOTENCY_KEY_STATEMENT = (
    update(operations).where(operations.c.id == bindparam("operation_id")).values(idempotency_key=bindparam("key"))
)
LONGEST_EPOCH_AGE = timedelta(hours=1)
"""Age from which on an epoch is no longer used."""
_EPOCH_ROW_PARAMETERS = {"lease_name": "idempotency_cache"}
"""Parameters of statements about the epoch: the name of the lease whose token is the epoch."""
_EPOCH_ROW_CONDITION = and_(named_leases.c.name == bindparam("lease_name"), named_leases.c.slot == 0)
"""SQL condition that selects the lease whose token is the epoch."""
_CACHE_EPOCH_QUERY = select(named_leases.c.token, named_leases.c.since).where(_EPOCH_ROW_CONDITION)
_REPLACE_CACHE_EPOCH_STATEMENT = (
    update(named_leases)
    .where(_EPOCH_ROW_CONDITION)
    .values(token=bindparam("token_"), since=bindparam("since_"), fence=named_leases.c.fence + 1)
)


@dataclass(frozen=True, slots=True)
class IdempotencyKeyUse:
    """The operation that uses an idempotency key, with its state. `operator` began it on `desk` at the instant
    `since`. `fingerprint` is the digest of its request, `result` its stored result (None: none is stored).
    `has_live_lease` is True while its lease hasn't expired.
    """

    operation_id: str
    state: OperationState
    fingerprint: str
    result: str | None
    operator: str
    desk: str
    since: datetime
    has_live_lease: bool


def find_use(conn: Connection, key: str) -> IdempotencyKeyUse | None:
    """Return the operation that uses this idempotency key; None if there is none. This reads an index once."""
    row = conn.execute(_IDEMPOTENCY_KEY_USE_QUERY, {"key": key}).first()
    if row is None:
        return None
    operation_id, state, fingerprint, result, operator, desk, since, has_live_lease = row
    return IdempotencyKeyUse(
        operation_id,
        OperationState(state),
        fingerprint,
        result,
        operator,
        desk,
        convert_to_aware_utc(since),
        bool(has_live_lease),
    )


def end_operation_with_result(
    conn: Connection, operation_id: str, fence: int, state: OperationState, result: str | None, now: datetime
) -> bool:
    """Write the final state and the result (None: no result) of a `calling` operation if its fencing token is still
    `fence`.

    Return False if another process has ended the operation meanwhile. A repeated call with the same fencing token,
    state and result also returns True.
    """
    values = {"operation_id": operation_id, "fence_as_begun": fence, "final_state": state.value}
    if (
        conn.execute(
            _END_OPERATION_STATEMENT, values | {"final_result": result, "at": convert_to_naive_utc(now)}
        ).rowcount
        == 1
    ):
        return True
    stored_row = conn.execute(_OPERATION_RESULT_QUERY, values).first()
    return stored_row is not None and stored_row.result == result


def free_idempotency_key(conn: Connection, operation_id: str, key: str) -> None:
    """Make the idempotency key of this operation usable for another operation. The row of this operation stays in the
    journal and gets another, unique key."""
    conn.execute(
        _FREE_IDEMPOTENCY_KEY_STATEMENT, {"operation_id": operation_id, "key": f"{key[:200]}#{operation_id}"}
    )


def forget_result(tx: Transaction, operation_id: str, key: str, holder: HoldingProcess, now: datetime) -> None:
    """Free the idempotency key `key` of an operation with a stored result. Also begin a new epoch, so that no process
    uses a copy of the result in Redis. `holder` is the calling process."""
    free_idempotency_key(tx.conn, operation_id, key)
    new_epoch = replace_epoch(tx, holder, now)
    tx.set_commit_proof(
        lambda conn: conn.scalar(make_locking_read(_CACHE_EPOCH_QUERY), _EPOCH_ROW_PARAMETERS) == new_epoch
    )


def read_current_epoch(conn: Connection, now: datetime) -> str:
    """Return the current epoch: a random text to which the encryption of each result in Redis is bound (see
    `idempotency_cache`). The database stores it as the token of a lease that no process holds. Return "" if there is
    no epoch, or if it is older than an hour.

    A new epoch begins in three cases: a result is forgotten; a restore of the database is completed; or a process
    with a cache begins to use an idempotency key or a request id while no epoch is younger than an hour.
    """
    row = conn.execute(_CACHE_EPOCH_QUERY, _EPOCH_ROW_PARAMETERS).first()
    return row.token if row and abs(now - convert_to_aware_utc(row.since)) < LONGEST_EPOCH_AGE else ""


def replace_epoch(tx: Transaction, holder: HoldingProcess, now: datetime) -> str:
    """Begin a new epoch (see `read_current_epoch`): write a new random text, and return it. `holder` is the calling
    process."""
    token = {"token_": str(uuid.uuid4()), "since_": convert_to_naive_utc(now)}
    if tx.conn.execute(_REPLACE_CACHE_EPOCH_STATEMENT, _EPOCH_ROW_PARAMETERS | token).rowcount == 0:
        leases.acquire(tx, _EPOCH_ROW_PARAMETERS["lease_name"], holder, now, 0.0)
    return read_current_epoch(tx.conn, now)
