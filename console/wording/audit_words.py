"""Texts of an audit entry, for the page of the audit trail and for the terminal: the action, the record and the
result. Codes and internal ids are only in the entry's JSON."""

from console.domain.audit.verification import VerifiedTrail
from console.domain.records import AuditEntry, TimelineEntry
from console.wording.sentences import catalogue as wording

_REFERENCE_KEY_BY_RECORD_KIND = {"credit-check": "record.short", "refund": "case.title.refund"}


def format_audit_action(entry: AuditEntry, language: str) -> str:
    """Return a sentence that describes the action of an audit entry."""
    facts = {**entry.detail, "reason": entry.reason}
    return wording.format_audit_entry(TimelineEntry(entry.at, entry.who, entry.what, facts, entry.result), language)


def format_verified_trail(trail: VerifiedTrail, language: str) -> str:
    """Return the sentence about a verified audit trail: the number of its entries, and the first and the last entry
    with their times."""
    if trail.first is None or trail.last is None:
        return wording.translate("audit_screen.verified", language, rows=trail.rows)
    facts = {"first": trail.first.id, "first_at": trail.first.at, "last": trail.last.id, "last_at": trail.last.at}
    return wording.translate("audit_screen.verified.range", language, rows=trail.rows, **facts)


def format_audit_subject(entry: AuditEntry, language: str) -> str:
    """Return the text that names the record of an audit entry: its kind, and the number of a payment or an order
    instead of its internal id."""
    kind, _, id = entry.subject.partition(" ")
    return format_record_reference(kind, id, language, entry.number)


def format_record_reference(kind: str, id: int | str, language: str, number: str = "") -> str:
    """Return the text that names a record. For a credit check, a refund or a bulk run, it contains the id. For a
    record of another kind, it contains the word for the kind and, if given, `number`. Return "" for an unknown kind.
    """
    if id and kind in _REFERENCE_KEY_BY_RECORD_KIND:
        return wording.translate(_REFERENCE_KEY_BY_RECORD_KIND[kind], language, id=id)
    if kind == "bulk-run" and str(id).isdecimal():
        return wording.translate("bulk.label", language, name=f"BS-{id}")
    if not wording.has_sentence(f"kind.{kind}"):
        return ""
    return f"{wording.translate(f'kind.{kind}', language)} {number}".strip()


def format_record_reference_with_number(kind: str, id: int | str, language: str, number: str) -> str:
    """Return the text that names a record, for a list from which a person can't open the record. It is the text of
    `format_record_reference`; for a credit check, the corporation number follows, and for a refund, the number of its
    payment. `number` is this number.
    """
    text = format_record_reference(kind, id, language, number)
    if not number or kind not in _REFERENCE_KEY_BY_RECORD_KIND:
        return text
    return f"{text} {wording.format_corporation_number(number) if kind == 'credit-check' else number}"


def format_audit_result(entry: AuditEntry, language: str) -> str:
    """Return the word for the result of an audit entry's action."""
    return wording.translate(f"audit_screen.result.{entry.result}", language)
