"""Reads and writes of named leases (table `leases`): the holder of each lease, and the beginning and end of the
lease.

Because of a lease, processes work one after another. The lease alone can't stop a late write of its former holder.
The fencing token of each write does that: the number `fence` grows with each acquisition, and a trigger refuses a
write with an older number. The column `token` identifies the acquisition. Each acquisition writes a new token, so a
process that has lost its lease can't renew or release it. The expiry is set and compared by the database's clock
(`lease_clock`); the columns `since` and `until` are only displayed.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, and_, bindparam, insert, not_, select, update
from sqlalchemy.exc import IntegrityError

from console.domain.records import LeaseHolder
from console.store.database import unreadable_rows
from console.store.database.deferred_statements import execute_with_next_statement
from console.store.database.engine import RunAgain, Transaction
from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc
from console.store.database.lease_clock import lease_clock_id, make_is_live_condition, make_lease_expiry_sql
from console.store.database.transaction import make_locking_read
from console.store.schema.core import leases


@dataclass(frozen=True, slots=True)
class HoldingProcess:
    """The process that holds leases and operations: the person, the desk, the host name, the process id and the id of
    the process run (`session_id`).
    """

    operator: str
    desk: str
    host_name: str
    process_id: int
    session_id: str


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that this process has acquired. If a name has several leases, `slot` numbers them from 0. `token` is
    the id (UUID) of this acquisition.
    """

    name: str
    slot: int
    token: str


_LIVE_LEASE_CONDITION = make_is_live_condition(leases.c.lease_clock, leases.c.lease_expires)
_ACQUIRE_LEASE_STATEMENT = (
    update(leases)
    .where(
        leases.c.name == bindparam("lease_name"),
        leases.c.slot == bindparam("lease_slot"),
        not_(_LIVE_LEASE_CONDITION),
    )
    .values(
        operator=bindparam("person_name"), desk=bindparam("desk_"), host=bindparam("host_"),
        process=bindparam("process_"), since=bindparam("since_"), until=bindparam("until_"),
        token=bindparam("token_"), lease_clock=lease_clock_id(),
        lease_expires=make_lease_expiry_sql(), fence=leases.c.fence + 1,
    )
)  # fmt: skip
_INSERT_LEASE_STATEMENT = insert(leases).values(
    name=bindparam("lease_name"), slot=bindparam("lease_slot"), operator=bindparam("person_name"),
    desk=bindparam("desk_"), host=bindparam("host_"), process=bindparam("process_"), since=bindparam("since_"),
    until=bindparam("until_"), token=bindparam("token_"), lease_clock=lease_clock_id(),
    lease_expires=make_lease_expiry_sql(), fence=1,
)  # fmt: skip
_LEASE_SLOT_QUERY = select(leases.c.slot).where(
    leases.c.name == bindparam("lease_name"), leases.c.slot == bindparam("lease_slot")
)
_OWN_LEASE_CONDITION = and_(
    leases.c.name == bindparam("lease_name"),
    leases.c.slot == bindparam("lease_slot"),
    leases.c.token == bindparam("own_token"),
)
_RELEASE_LEASE_STATEMENT = update(leases).where(_OWN_LEASE_CONDITION).values(lease_expires=0)
_RENEW_LEASE_STATEMENT = (
    update(leases)
    .where(_OWN_LEASE_CONDITION, _LIVE_LEASE_CONDITION)
    .values(lease_expires=make_lease_expiry_sql(), until=bindparam("until_"))
)
_LEASE_TOKEN_QUERY = make_locking_read(
    select(leases.c.token).where(leases.c.name == bindparam("lease_name"), leases.c.slot == bindparam("lease_slot"))
)
# Implied by _LIVE_LEASE_CONDITION, but a server uses no index for a comparison with its clock.
_INDEXED_LIVE_LEASE_CONDITION = and_(_LIVE_LEASE_CONDITION, leases.c.lease_expires > 0)
_LEASE_HOLDERS_QUERY = select(
    leases.c.name, leases.c.operator, leases.c.desk, leases.c.host, leases.c.process, leases.c.since, leases.c.until
).where(_INDEXED_LIVE_LEASE_CONDITION)
_LEASE_HOLDER_QUERY = (
    _LEASE_HOLDERS_QUERY.where(leases.c.name == bindparam("lease_name")).order_by(leases.c.slot).limit(1)
)


def acquire(
    tx: Transaction, name: str, holder: HoldingProcess, now: datetime, lease_seconds: float, slot_count: int = 1
) -> Lease | None:
    """Acquire the lease `name` for `lease_seconds`, for the calling process `holder`.

    With a `slot_count` above 1 there are as many leases of this name; the first free one is acquired. Return None if
    other processes hold all of them. Raises RunAgain if another process inserted the row at the same time.
    """
    token = str(uuid.uuid4())
    values = _make_lease_values(holder, now, lease_seconds) | {"token_": token}
    for slot in range(slot_count):
        parameters = {"lease_name": name, "lease_slot": slot}
        is_acquired = tx.conn.execute(_ACQUIRE_LEASE_STATEMENT, parameters | values).rowcount == 1
        if not is_acquired and tx.conn.execute(_LEASE_SLOT_QUERY, parameters).first() is None:
            _insert_lease(tx.conn, parameters | values)
            is_acquired = True
        if is_acquired:
            tx.set_commit_proof(partial(_has_token, slot=parameters, token=token))
            return Lease(name, slot, token)
    return None


class PendingLease:
    """A lease that `acquire_with_next_statement` tries to acquire by a statement that is sent later. `find_lease`
    returns the lease, or None if another holder has it.
    """

    def __init__(self, tx: Transaction, parameters: Mapping[str, object], values: Mapping[str, object]) -> None:
        """`parameters` are the name and slot of the lease (parameters of its statements), `values` the columns that
        the acquisition writes.
        """
        self._tx, self._parameters, self._values = tx, parameters, values
        self._row_count: int | None = None

    def receive_row_count(self, row_count: int) -> None:
        """Store the number of rows that the statement of the acquisition has changed: 1 if the lease was acquired,
        otherwise 0.
        """
        self._row_count = row_count

    def find_lease(self) -> Lease | None:
        """Return the acquired lease; None if another holder has it. Raises RunAgain if another process inserted the
        row at the same time."""
        conn, slot_row = self._tx.conn, None
        if not self._row_count:  # nothing was acquired, or no statement has brought the answer yet
            slot_row = conn.execute(_LEASE_SLOT_QUERY, self._parameters).first()
        if not self._row_count:
            if slot_row is not None:
                return None
            _insert_lease(conn, {**self._parameters, **self._values})
        name, token = str(self._parameters["lease_name"]), str(self._values["token_"])
        self._tx.set_commit_proof(partial(_has_token, slot=self._parameters, token=token))
        return Lease(name, 0, token)


def acquire_with_next_statement(
    tx: Transaction, name: str, holder: HoldingProcess, now: datetime, lease_seconds: float
) -> PendingLease:
    """Acquire the lease `name` for `lease_seconds`, for the calling process `holder`, by a statement that is sent
    together with the next one (`execute_with_next_statement`). After that, `PendingLease.find_lease` returns the
    lease."""
    values = _make_lease_values(holder, now, lease_seconds) | {"token_": str(uuid.uuid4())}
    parameters = {"lease_name": name, "lease_slot": 0}
    pending_lease = PendingLease(tx, parameters, values)
    execute_with_next_statement(
        tx.conn, _ACQUIRE_LEASE_STATEMENT, parameters | values, pending_lease.receive_row_count
    )
    return pending_lease


def _has_token(conn: Connection, slot: Mapping[str, object], token: str) -> bool:
    """True if the row of the lease slot `slot` (parameters of the query) has the token `token` of an acquisition."""
    return bool(conn.scalar(_LEASE_TOKEN_QUERY, slot) == token)


def _make_lease_values(holder: HoldingProcess, now: datetime, lease_seconds: float) -> dict[str, object]:
    """Return the values of the columns of a lease that `holder` acquires now, with its expiry."""
    return {
        "person_name": holder.operator,
        "desk_": holder.desk,
        "host_": holder.host_name,
        "process_": holder.process_id,
        "since_": convert_to_naive_utc(now),
        **_make_expiry_values(now, lease_seconds),
    }


def _make_expiry_values(now: datetime, lease_seconds: float) -> dict[str, object]:
    """Return the bound parameters for a lease that expires `lease_seconds` (seconds) after `now`: the length of the
    lease in milliseconds, and the instant of its end."""
    return {
        "lease_ms": int(lease_seconds * 1000),
        "until_": convert_to_naive_utc(now) + timedelta(seconds=lease_seconds),
    }


def _insert_lease(conn: Connection, values: dict[str, object]) -> None:
    """Insert the row of a lease slot with these values. Raises RunAgain if another process inserted it at the same
    time."""
    try:
        conn.execute(_INSERT_LEASE_STATEMENT, values)
    except IntegrityError:  # another process inserted the row at the same time: read it again
        raise RunAgain from None


def release(conn: Connection, lease: Lease) -> None:
    """Release a lease. If another process has acquired it meanwhile, do nothing."""
    execute_with_next_statement(
        conn, _RELEASE_LEASE_STATEMENT, {"lease_name": lease.name, "lease_slot": lease.slot, "own_token": lease.token}
    )


def renew(conn: Connection, lease: Lease, now: datetime, lease_seconds: float) -> bool:
    """Extend the lease to `lease_seconds` from now (heartbeat). Return False if the lease has expired or another
    process has acquired it.
    """
    values = {"lease_name": lease.name, "lease_slot": lease.slot, "own_token": lease.token}
    return conn.execute(_RENEW_LEASE_STATEMENT, values | _make_expiry_values(now, lease_seconds)).rowcount == 1


def find_holder(conn: Connection, name: str) -> LeaseHolder | None:
    """Return the present holder of the lease `name`; if several leases have this name (see `acquire`), the holder of
    the first held one. Return None if the lease is free.
    """
    row = conn.execute(_LEASE_HOLDER_QUERY, {"lease_name": name}).first()
    return _make_holder(row) if row else None


def list_holders(conn: Connection) -> tuple[LeaseHolder, ...]:
    """Return the holders of all leases that are held now, oldest first."""
    return unreadable_rows.read_readable_rows(
        "leases", conn.execute(_LEASE_HOLDERS_QUERY.order_by(leases.c.since)), _make_holder
    )


def _make_holder(row: Sequence[Any]) -> LeaseHolder:
    name, operator, desk, host, process, since, until = row
    return LeaseHolder(name, operator, desk, host, process, convert_to_aware_utc(since), convert_to_aware_utc(until))
