"""The hourly root: heads of all chains of the audit trail, kept in the chain of whoever runs the due tasks."""

from console.services.desk import Desk
from console.store import audit_roots
from console.store.engine import Transaction

EVERY_SECONDS = 3600.0


class AuditRoots:
    """Writes a root once the oldest row that none covers is an hour old."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def write_due(self) -> int:
        """How many heads were kept. All that is there is covered then, in transactions of bounded size."""
        desk = self._desk
        with desk.database.read() as conn:
            age = audit_roots.oldest_age_seconds(conn, audit_roots.covered(conn), desk.now())
            last = audit_roots.newest_id(conn)
        # A row of the future: the clock was ahead when it was written.
        if age is None or abs(age) < desk.scale.seconds(EVERY_SECONDS):
            return 0
        kept = 0
        while wrote := desk.write(lambda tx: self._write_next(tx, last)):
            kept += wrote
        return kept

    def _write_next(self, tx: Transaction, last: int) -> int:
        """The next part up to the row `last`; 0 when that is covered."""
        since = audit_roots.covered(tx.conn)
        if since.upto >= last:
            return 0
        now, heads = audit_roots.heads(tx.conn, since)
        for facts in audit_roots.details(now, heads):
            self._desk.note(tx, audit_roots.WHAT, audit_roots.SUBJECT, facts, kind=audit_roots.KIND)
        return len(heads)
