"""Write audit entries about the records, PDFs and exports that people have opened, several entries at a time."""

from collections.abc import Sequence
from threading import Lock

from console.domain.audit.actions import AuditAction
from console.services.process.context import WORKER, ServiceContext
from console.services.process.failure_suppression import log_and_suppress
from console.store.audit.trail import NewAuditEntry

AUDIT_ENTRIES_PER_WRITE = 20


class RecordOpeningLog:
    """Collects audit entries about opened records, and writes AUDIT_ENTRIES_PER_WRITE of them in one transaction. A
    failure of this transaction does not prevent people from reading."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context
        self._unwritten_entries: list[NewAuditEntry] = []
        self._last_entry_by_person: dict[str, NewAuditEntry] = {}
        self._lock = Lock()

    def record_opening(self, action: AuditAction, kind: str, subject_id: int | str | None) -> None:
        """Collect an audit entry: the acting person has opened a record, a PDF or an export. When
        AUDIT_ENTRIES_PER_WRITE entries are collected, they are written together; `flush` writes the entries that
        remain.

        If the new entry equals the previous entry of the person, no entry is collected: a screen reads its record
        again after each change, and this counts as one opening. `subject_id` is the id of the opened record; None for
        a list, which has no id.
        """
        entry = NewAuditEntry(self._context.operator or WORKER, action, kind, subject_id)
        with self._lock:
            if self._last_entry_by_person.get(entry.person) == entry:
                return
            self._last_entry_by_person[entry.person] = entry
            self._unwritten_entries.append(entry)
            is_full = len(self._unwritten_entries) >= AUDIT_ENTRIES_PER_WRITE
        if is_full:
            self.flush()

    def flush(self) -> None:
        """Write the collected entries in one transaction. An error is logged and not raised; the entries are then
        lost."""
        with self._lock:
            batch: Sequence[NewAuditEntry] = self._unwritten_entries
            self._unwritten_entries = []
        if batch:
            with log_and_suppress("audit of reads"):
                self._context.write(lambda tx: self._context.audit.record_all(tx, batch))
