"""List, verify and export the audit trail for people."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from console.domain.access.permissions import AUDITOR, ROLES_BY_RIGHT, has_right
from console.domain.audit.actions import AuditAction
from console.domain.audit.verification import AuditEntryPosition, VerifiedTrail
from console.domain.calendar_days import format_instant
from console.domain.error_reasons import NotAllowedReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.records import AuditEntry
from console.services.audit.csv_file import write_csv
from console.services.audit.opening_log import RecordOpeningLog
from console.services.process.context import ServiceContext, holds_request_id
from console.services.process.new_file import publish_with_audit_entry
from console.settings.private_files import open_ordinary_file
from console.settings.unfinished_files import UnfinishedFile
from console.store.audit import roots as audit_roots
from console.store.audit import trail as audit
from console.store.database.engine import Transaction
from console.store.operations.request_ids import RequestIdUse
from console.store.records import any_record

MAX_ENTRIES_PER_PAGE = 10_000
"""Largest number of entries of a page. It is the largest `--limit` of `audit list`, whose answer has no cursor that
would show that entries are missing."""
_AUDIT_CSV_COLUMNS = ("id", "at", "who", "what", "subject", "result", "reason", "detail")


ActOnceFunction = Callable[
    [str, str | None, tuple[object, ...], Callable[[], Any], Callable[[RequestIdUse], Any]], Any
]
"""Type of a function like `RequestIdService.act_once`. Its arguments: the command, the request id, the arguments of
the command, the function whose answer is stored under the request id, and the function that finds this answer if the
process of the first call ended early (None: that call had no effect).
"""
_EXPORTED_FILE_KIND = "audit"
_DIGEST_CHARACTERS = 20
"""Number of characters of a file's SHA-256 that are stored in the row of a request id."""


class AuditService:
    """Lists, verifies and exports audit entries. Operators and approvers may read their own entries, auditors may
    read all entries."""

    def __init__(self, context: ServiceContext, opening_log: RecordOpeningLog, act_once: ActOnceFunction) -> None:
        self._context, self._act_once = context, act_once
        self._opening_log = opening_log

    def list_entries(self, limit: int = 50, before_id: int | None = None) -> tuple[AuditEntry, ...]:
        """Return a page of at most `limit` (up to MAX_ENTRIES_PER_PAGE) audit entries that the acting person may
        read, newest first. `before_id` is the id of the last entry of the previous page, None for the first page.
        Raises no_operator if no name of a person is configured, and not_allowed if the acting person has no right to
        read audit entries.
        """
        visible_person = self._find_person_limited_to_own_entries()
        with self._context.database.read() as conn:
            entries = audit.list_newest_entries(
                conn, limit=max(1, min(limit, MAX_ENTRIES_PER_PAGE)), before_id=before_id, person=visible_person
            )
            numbers = any_record.read_numbers_of_subjects(conn, {entry.subject for entry in entries})
        self._opening_log.record_opening(AuditAction.AUDIT_LISTED, "audit", None)
        return tuple(replace(entry, number=numbers.get(entry.subject, "")) for entry in entries)

    def verify_chains(self) -> int:
        """Verify all chains of the audit trail, and return the number of entries. Raises audit_broken if a chain is
        broken, and not_allowed if the acting person has no right to read audit entries."""
        return self.verify_trail().rows

    def verify_trail(self) -> VerifiedTrail:
        """Verify all chains of the audit trail; return the number of entries, the first entry and the last entry. If
        no name of an acting person is configured, no right is needed. If the acting person's database account may
        read only a part of the trail, a worker verifies the trail.

        Raises audit_broken with detail.first_bad (the smallest id of an entry that doesn't match its chain, or that
        is missing, replaced or forged according to the stored roots), and not_allowed if the acting person has no
        right to read audit entries.
        """
        context = self._context
        only_person = None if context.operator is None else self._find_person_limited_to_own_entries()
        if only_person is not None and context.acts_through_worker:  # this account doesn't see the whole trail
            trail: VerifiedTrail = self._act_once("audit verify", None, (), self._verify_trail, lambda _: None)
            return trail
        return self._verify_trail()

    def _verify_trail(self) -> VerifiedTrail:
        context = self._context
        with context.database.read() as conn:
            result = audit.verify_chains(conn, context.spool.iterate_anchors(context.database_id))
            first_missing = audit_roots.find_first_root_error(conn)
        first_mismatch = () if result.first_bad_row_id is None else ((result.first_bad_row_id, result.reason or ""),)
        first_bad = min((*first_mismatch, *((first_missing,) if first_missing else ())), default=None)
        if first_bad is not None:
            raise ConsoleError(
                ErrorCode.AUDIT_BROKEN, {"rows": result.row_count, "first_bad": first_bad[0], "why": first_bad[1]}
            )
        return VerifiedTrail(result.row_count, *map(_make_entry_position, (result.first_row, result.last_row)))

    def export_csv(self, path: Path, *, request_id: str | None = None) -> int:
        """Write the audit entries that the acting person may read to the new CSV file `path`; return the number of
        these entries. Raises usage if the file exists or its folder doesn't exist, storage_full if it can't be
        written, no_operator if no name of a person is configured, and not_allowed if the acting person has no right
        to read audit entries.
        """
        row_count: int = self._act_once(
            "audit export",
            request_id,
            (str(path),),
            lambda: self._export_entries(path),
            lambda use: _find_rows_of_written_file(path, use),
        )
        return row_count

    def _export_entries(self, path: Path) -> int:
        """Write the audit entries that the acting person may read to a CSV file, and return their number."""
        visible_person = self._find_person_limited_to_own_entries()
        with self._context.database.read() as conn:
            return write_csv(
                path,
                [_AUDIT_CSV_COLUMNS],
                map(_make_csv_cells, audit.iterate_entries(conn, person=visible_person)),
                self._publish_export,
            )

    def _publish_export(self, draft: UnfinishedFile, row_count: int, sha256: str) -> None:
        """Write the audit entry about an exported file with this number of rows and this SHA-256, and give the file
        its name. Also store both in the row of the call's request id, if the call has one."""
        context = self._context

        def record_entry(tx: Transaction, /, *, result: str, reason: ErrorCode | None) -> None:
            if result == "done" and holds_request_id():  # before the entry, which stores no number of rows there
                context.bind_to_request_id(tx, _EXPORTED_FILE_KIND, f"{row_count}-{sha256[:_DIGEST_CHARACTERS]}")
            facts = {"n": row_count, "sha256": sha256}
            context.record_audit(
                tx, AuditAction.AUDIT_EXPORTED, None, facts, kind=_EXPORTED_FILE_KIND, result=result, reason=reason
            )

        publish_with_audit_entry(context, draft, record_entry)

    def _find_person_limited_to_own_entries(self) -> str | None:
        """Return the name of the acting person if this person may read only their own audit entries; None if the
        person may read all entries. Raises no_operator if no name of a person is configured, and not_allowed if the
        acting person has no right to read audit entries."""
        person = self._context.read_person()
        if person.roles & {AUDITOR}:
            return None
        if has_right(person, "audit_own"):
            return person.name
        needs = sorted(ROLES_BY_RIGHT["audit_any"])
        raise ConsoleError(
            ErrorCode.NOT_ALLOWED, {"operator": person.name, "reason": NotAllowedReason.RIGHT_MISSING, "needs": needs}
        )


def _find_rows_of_written_file(path: Path, use: RequestIdUse) -> int | None:
    """Return the number of rows of an export whose process ended before it stored this answer. `use` is the row of
    the export's request id, in which the process stored this number and the first digits of the file's SHA-256.
    Return None if the file at `path` is missing or has another SHA-256."""
    row_count, _, digest = (use.subject_id or "").partition("-")
    try:
        with open_ordinary_file(path) as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):
        return None
    is_written = use.subject_kind == _EXPORTED_FILE_KIND and sha256[:_DIGEST_CHARACTERS] == digest
    return int(row_count) if is_written else None


def _make_csv_cells(entry: AuditEntry) -> tuple[str, ...]:
    detail = json.dumps(dict(entry.detail), ensure_ascii=False, sort_keys=True)
    at = format_instant(entry.at)
    return (str(entry.id), at, entry.who, entry.what, entry.subject, entry.result, entry.reason or "", detail)


def _make_entry_position(row: tuple[int, str] | None) -> AuditEntryPosition | None:
    """Return the position of an audit entry; `row` is its id and its stored time. None if `row` is None, because the
    trail has no entry."""
    return None if row is None else AuditEntryPosition(row[0], datetime.fromisoformat(row[1]).replace(tzinfo=UTC))
