"""Texts of an audit entry, for the page of the audit trail and for the terminal: the action, the record and the
result. Codes and internal ids are only in the entry's JSON."""

from console.domain.audit.actions import does_failure_leave_outcome_unknown
from console.domain.audit.verification import VerifiedTrail
from console.domain.payments.limits import PROVIDER_CONDITION_PREFIX
from console.domain.records import AuditEntry, TimelineEntry
from console.wording.limit_words import format_limit_name
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


def format_record_reference(kind: str, id: int | str, language: str, record_number: str = "") -> str:
    """Return the text that names a record. For a credit check, a refund or a bulk run, it contains the id. For a
    provider, a person, a limit or a read-only switch, the id is a name, and the text contains this name in words. For
    a record of another kind, it contains the word for the kind and, if given, `record_number`. Return "" for an
    unknown kind.
    """
    if id and kind in _REFERENCE_KEY_BY_RECORD_KIND:
        return wording.translate(_REFERENCE_KEY_BY_RECORD_KIND[kind], language, id=id)
    if kind == "bulk-run" and str(id).isdecimal():
        return wording.translate("bulk.label", language, name=f"BS-{id}")
    if not wording.has_sentence(f"kind.{kind}"):
        return ""
    word = wording.translate(f"kind.{kind}", language)
    if record_number:
        return f"{word} {record_number}"
    name = _format_name_in_words(kind, str(id), language)
    return f"{word}: {name}" if name else word


def _format_name_in_words(kind: str, name: str, language: str) -> str:
    """Return the words for the subject `name` of a kind whose subjects have names instead of numbers; "" for another
    kind, and for a name without a text, as in the audit entry of a refused attempt."""
    match kind:
        case "operator":
            return name
        case "limit":
            limit, _, currency = name.partition(" ")
            provider = limit.removeprefix(PROVIDER_CONDITION_PREFIX)
            is_known = wording.has_sentence(f"limit.{limit}" if provider == limit else f"provider.{provider}")
            return f"{format_limit_name(limit, language)} {currency}" if is_known else ""
        case "provider" | "read-only":
            key = next((key for key in (f"scope.{name}", f"provider.{name}") if wording.has_sentence(key)), None)
            return wording.translate(key, language) if key else ""
    return ""


def format_record_reference_with_number(kind: str, id: int | str, language: str, record_number: str) -> str:
    """Return the text that names a record, for a list from which a person can't open the record. It is the text of
    `format_record_reference`; for a credit check, the corporation number follows, and for a refund, the number of its
    payment. `record_number` is this number.
    """
    text = format_record_reference(kind, id, language, record_number)
    if not record_number or kind not in _REFERENCE_KEY_BY_RECORD_KIND:
        return text
    return f"{text} {wording.format_corporation_number(record_number) if kind == 'credit-check' else record_number}"


def format_audit_result(entry: AuditEntry | TimelineEntry, language: str) -> str:
    """Return the word for the result of an audit entry's action. A failure that leaves the outcome at the provider
    unknown, such as a probe without an answer, has the word "Unknown"."""
    is_unknown = does_failure_leave_outcome_unknown(entry.what, entry.result)
    return wording.translate(f"audit_screen.result.{'unknown' if is_unknown else entry.result}", language)
