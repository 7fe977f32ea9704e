"""Inserts operations as lost operations, as a desk does after the database was restored to an earlier state."""

from collections.abc import Sequence

from console.domain.audit.actions import AuditAction
from console.services.process.context import ServiceContext
from console.store.database.engine import Transaction
from console.store.operations import lost_operations
from console.store.spool.spool import SpoolEntry


def store_lost_operations(context: ServiceContext, entries: Sequence[SpoolEntry]) -> None:
    """Insert these spool entries as lost operations, together with the audit entry about the loss. A server's
    triggers require this audit entry.
    """

    def insert_entries(tx: Transaction) -> None:
        context.record_audit(tx, AuditAction.DATABASE_WENT_BACK, 1, {}, kind="database")
        lost_operations.insert_lost_operations(tx.conn, entries, context.database_id, context.now())

    context.write(insert_entries)
