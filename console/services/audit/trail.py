"""The audit trail for people: listing, verifying, exporting."""

import json
from pathlib import Path

from console.domain.dates import instant_text
from console.domain.errors import ConsoleError
from console.domain.permissions import AUDITOR, ROLES_FOR, may
from console.domain.records import AuditEntry
from console.services import sheets
from console.services.desk import Desk
from console.services.reads import ReadLog
from console.store import audit, audit_roots

_COLUMNS = ("id", "at", "who", "what", "subject", "result", "reason", "detail")


class Auditing:
    """Operators and approvers see their own entries, auditors all."""

    def __init__(self, desk: Desk, reads: ReadLog) -> None:
        self._desk = desk
        self._reads = reads

    def list(self, limit: int = 50, before: int | None = None) -> tuple[AuditEntry, ...]:
        """The newest entries, newest first; `before` pages on by id."""
        who = self._whose()
        with self._desk.database.read() as conn:
            entries = audit.page(conn, limit=max(1, min(limit, 1_000)), before=before, who=who)
        self._reads.opened("audit.listed", "audit", None)
        return entries

    def verify(self) -> int:
        """How many rows fit. Checking takes no name; a named person needs the right.

        Raises audit_broken with detail.first_bad, the first row that does not fit; of a cut tail the first missing
        one.
        """
        desk = self._desk
        if desk.operator is not None:
            self._whose()
        with desk.database.read() as conn:
            result = audit.verify(conn, desk.spool.anchored(desk.database_id))
            missed = audit_roots.first_missed(conn)
        walked = () if result.first_bad is None else ((result.first_bad, result.why or ""),)
        bad = min((*walked, *((missed,) if missed else ())), default=None)
        if bad is not None:
            raise ConsoleError("audit_broken", {"rows": result.rows, "first_bad": bad[0], "why": bad[1]})
        return result.rows

    def export(self, path: Path) -> int:
        """Write the entries that the person may see as CSV (UTF-8 with signature); returns how many."""
        who = self._whose()
        with self._desk.database.read() as conn:
            rows = sheets.write(path, [_COLUMNS], map(_cells, audit.entries(conn, who=who)))
        self._reads.opened("audit.exported", "audit", None)
        return rows

    def _whose(self) -> str | None:
        """None for all entries; otherwise the only person whose entries may be seen."""
        person = self._desk.person()
        if person.roles & {AUDITOR}:
            return None
        if may(person, "audit_own"):
            return person.name
        needs = sorted(ROLES_FOR["audit_any"])
        raise ConsoleError("not_allowed", {"operator": person.name, "reason": "role", "needs": needs})


def _cells(entry: AuditEntry) -> tuple[str, ...]:
    detail = json.dumps(dict(entry.detail), ensure_ascii=False, sort_keys=True)
    at = instant_text(entry.at)
    return (str(entry.id), at, entry.who, entry.what, entry.subject, entry.result, entry.reason or "", detail)
