"""Answers of the commands `audit …` as text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from console.cli.json_output.audit import AuditExport
from console.cli.text_output.records import TableRow, format_aligned_lines
from console.cli.text_output.translator import Lines, Translator
from console.domain.records import AuditEntry
from console.wording import audit_words
from console.wording.sentences import catalogue as wording

if TYPE_CHECKING:
    from console.domain.audit.verification import VerifiedTrail


def format_audit_page_lines(entries: Sequence[AuditEntry], translator: Translator) -> Lines:
    """Return the answer of the command `audit list` as text: one line per audit entry."""
    if not entries:
        return (translator("audit_screen.empty"),)
    return format_aligned_lines(_make_audit_row(entry, translator.language) for entry in entries)


def _make_audit_row(entry: AuditEntry, language: str) -> TableRow:
    kind, _, id = entry.subject.partition(" ")
    subject = audit_words.format_record_reference_with_number(kind, id, language, entry.number) or wording.NO_VALUE
    facts = (
        subject,
        audit_words.format_audit_action(entry, language),
        audit_words.format_audit_result(entry, language),
    )
    return (str(entry.id), wording.format_instant(entry.at), entry.who, *facts)


def format_audit_verification_lines(trail: "VerifiedTrail", translator: Translator) -> Lines:
    """Return the answer of the command `audit verify` as text, for an audit trail without errors."""
    return (audit_words.format_verified_trail(trail, translator.language),)


def format_audit_export_lines(export: AuditExport, translator: Translator) -> Lines:
    """Return the answer of the command `audit export` as text: the file and the number of its rows."""
    return (translator("audit_screen.exported", rows=export.row_count, file=export.file),)
