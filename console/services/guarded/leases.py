"""Named leases for services: acquire, renew and release them. The heartbeat of the process renews a lease during
`hold_lease` and `keep_lease_renewed`. `refuse_running_operation` refuses an action on a record during an operation.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Unpack

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import InProgressDetail, LeaseHolderFacts
from console.domain.payments.records import Payment, Refund
from console.domain.records import CreditCheck
from console.services.audit import refusals
from console.services.process.context import ServiceContext
from console.services.process.failure_suppression import log_and_suppress
from console.store.database.engine import RunAgain, Transaction
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import journal, leases
from console.store.operations.leases import Lease

_LOCKING_LEASE_SECONDS = 1.0
"""Duration in seconds of the lease by which `lock_until_commit` locks a row; the same transaction releases the
lease."""


def lock_until_commit(context: ServiceContext, tx: Transaction, name: str) -> None:
    """Serialize the transactions that call this function with the same name: until this transaction's COMMIT, no
    other such transaction changes the rows that this transaction reads after the call. Raises RunAgain if another
    holder has the lease `name`.

    On a server the transaction acquires and releases the lease `name`: the changed row of the lease is the lock, also
    between the nodes of a cluster. SQLite runs all write transactions one after another.
    """
    if not context.database.is_server:
        return
    lease = leases.acquire(tx, name, context.make_holder(), context.now(), _LOCKING_LEASE_SECONDS)
    if lease is None:
        raise RunAgain
    leases.release(tx.conn, lease)


@contextmanager
def hold_lease(context: ServiceContext, name: str, /, **facts: Unpack[InProgressDetail]) -> Iterator[Lease]:
    """Context manager: acquire the lease `name`, yield the lease, and keep it until the end of the block. Never
    waits: if another process or thread holds the lease, raises in_progress, whose detail contains `facts` and the
    holder."""
    lease = acquire_lease(context, name)
    if lease is None:
        with context.database.read() as conn:
            holder = leases.find_holder(conn, name)
        raise ConsoleError(ErrorCode.IN_PROGRESS, {**facts, **refusals.make_lease_holder_detail(holder)})
    with keep_lease_renewed(context, lease):
        yield lease


def refuse_running_operation(conn: Connection, kind: str, record: CreditCheck | Payment | Refund) -> None:
    """Raise in_progress, with the operator and desk, while a process buys the credit check, starts the payment or
    sends the refund. Otherwise do nothing."""
    operation = journal.find_running_money_operation(conn, kind, record.id)
    if operation is not None:
        holder = LeaseHolderFacts(operator=operation.operator, desk=operation.desk)
        raise ConsoleError(ErrorCode.IN_PROGRESS, {"record": record, "holder": holder, "since": operation.started_at})


def acquire_lease(context: ServiceContext, name: str) -> Lease | None:
    """Acquire the lease `name` and return it; return None if another process or thread holds it. The caller must
    pass the lease to `keep_lease_renewed`, because nothing renews it before that.
    """
    return context.write(
        lambda tx: leases.acquire(
            tx, name, context.make_holder(), context.now(), context.heartbeat.scale_lease_seconds
        )
    )


@contextmanager
def keep_lease_renewed(context: ServiceContext, lease: Lease) -> Iterator[None]:
    """Context manager: let the heartbeat renew the lease until the end of the block, then release the lease."""
    key = f"{lease.name}-{lease.slot}-{lease.token}"

    def renew_lease() -> None:
        context.write(lambda tx: leases.renew(tx.conn, lease, context.now(), context.heartbeat.scale_lease_seconds))

    context.heartbeat.add_beat(key, renew_lease)
    try:
        yield
    finally:
        context.heartbeat.remove_beat(key)
        with log_and_suppress("giving a lease up"):
            context.write(lambda tx: leases.release(tx.conn, lease))
