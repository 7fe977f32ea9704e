"""Roots of the audit trail. Each process adds its audit entries to its own chain. Every hour a due task stores, as a
root, the last entry (head) of each chain that has new entries; it adds the root to the chain of its own process. If
somebody deletes the end of a chain later, the root still has its head, so that the loss is found."""

from console.services.process.context import ServiceContext
from console.store.audit import roots as audit_roots
from console.store.database.engine import Transaction

AUDIT_ROOT_INTERVAL_SECONDS = 3600.0
COMMITTED_ENTRY_AGE_SECONDS = 60.0
"""Age of an audit entry in seconds. All entries with smaller ids than an entry of this age are committed, because no
transaction of this program lasts longer.
"""


class AuditRootWriter:
    """Stores the heads of those chains of the audit trail that have entries after the last root, as a root, when the
    oldest audit entry that no root covers is an hour old."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def write_root_if_due(self) -> int:
        """If a root is due, store the heads of the chains up to the newest entry that is older than
        COMMITTED_ENTRY_AGE_SECONDS, in several transactions. Return the number of stored heads; 0 if no root is
        due."""
        context = self._context
        with context.database.read() as conn:
            age = audit_roots.compute_oldest_uncovered_age_seconds(
                conn, audit_roots.read_covered_rows(conn), context.now()
            )
            newest_id = audit_roots.find_newest_row_older_than(
                conn, context.now(), context.scale.scale_seconds(COMMITTED_ENTRY_AGE_SECONDS)
            )
        # The age is negative if the clock was ahead when the entry was written.
        if age is None or abs(age) < context.scale.scale_seconds(AUDIT_ROOT_INTERVAL_SECONDS):
            return 0
        head_count = 0
        while written_heads := context.write(lambda tx: self._write_next_chain_heads(tx, newest_id)):
            head_count += written_heads
        return head_count

    def _write_next_chain_heads(self, tx: Transaction, newest_id: int) -> int:
        """Write audit roots with the heads of the chains that have entries after the last root, up to the entry with
        the id `newest_id`, in the caller's transaction. Return the number of heads; 0 if an earlier root already
        covers all these entries."""
        covered_rows = audit_roots.read_covered_rows(tx.conn)
        if covered_rows.last_id_of_newest_root >= newest_id:
            return 0
        now, heads = audit_roots.list_heads_to_store(tx.conn, covered_rows, newest_id)
        for facts in audit_roots.make_root_details(now, heads):
            self._context.record_audit(
                tx, audit_roots.ROOT_ACTION, audit_roots.ROOT_SUBJECT_ID, facts, kind=audit_roots.AUDIT_KIND
            )
        return len(heads)
