"""Reads that the audit trail must know of, written after the answer and in batches."""

from collections.abc import Sequence
from threading import Lock

from console.services import settling
from console.services.desk import WORKER, Desk
from console.store.audit import NewAuditEntry

BATCH = 20


class ReadLog:
    """Collects openings; `flush` writes them. A database that can't be written keeps nobody from reading."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._waiting: list[NewAuditEntry] = []
        self._open: dict[str, NewAuditEntry] = {}
        self._lock = Lock()

    def opened(self, what: str, kind: str, subject_id: int | str | None) -> None:
        """Note that the acting person has seen a record, a PDF or an export.

        A screen that reads its record again after each change is still the same opening.
        """
        entry = NewAuditEntry(self._desk.operator or WORKER, what, kind, subject_id)
        with self._lock:
            if self._open.get(entry.who) == entry:
                return
            self._open[entry.who] = entry
            self._waiting.append(entry)
            full = len(self._waiting) >= BATCH
        if full:
            self.flush()

    def flush(self) -> None:
        """Write what has collected, in one transaction."""
        with self._lock:
            batch: Sequence[NewAuditEntry] = self._waiting
            self._waiting = []
        if batch:
            with settling.tolerated("audit of reads"):
                self._desk.write(lambda tx: self._desk.audit.record_all(tx, batch))
