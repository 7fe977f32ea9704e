"""The words of an audit entry, for the page of the trail and the terminal: the action, the record and the result.
Codes and internal ids are only in the JSON of the entry.
"""

from console.domain.records import AuditEntry, TimelineEntry
from console.wording import catalogue as wording

_NUMBERED_KINDS = {"credit-check": "record.short", "refund": "case.refund_short"}


def action_text(entry: AuditEntry, language: str) -> str:
    """Return the action of the entry as one sentence."""
    facts = {**entry.detail, "reason": entry.reason}
    return wording.timeline_line(TimelineEntry(entry.at, entry.who, entry.what, facts, entry.result), language)


def subject_text(entry: AuditEntry, language: str) -> str:
    """Return the name of an audit entry's record for people: its kind, and the number of a payment or an order
    instead of its internal id.
    """
    kind, _, id = entry.subject.partition(" ")
    return record_text(kind, id, language, entry.number)


def record_text(kind: str, id: int | str, language: str, number: str = "") -> str:
    """Return the name of a record for people: its kind and number. `number` is the number of a payment or an
    order.
    """
    if id and kind in _NUMBERED_KINDS:
        return wording.translate(_NUMBERED_KINDS[kind], language, id=id)
    if kind == "bulk-run" and str(id).isdecimal():
        return wording.translate("bulk.label", language, name=f"BS-{id}")
    if not wording.has_sentence(f"kind.{kind}"):
        return ""
    return f"{wording.translate(f'kind.{kind}', language)} {number}".strip()


def named_record_text(kind: str, id: int | str, language: str, number: str) -> str:
    """Return a record for a list without pages to open: a credit check with its corporation number, a refund with the
    number of its payment, a payment or order with its own number.
    """
    text = record_text(kind, id, language, number)
    if not number or kind not in _NUMBERED_KINDS:
        return text
    return f"{text} {wording.format_number(number) if kind == 'credit-check' else number}"


def result_text(entry: AuditEntry, language: str) -> str:
    """Return the result of the action as one word."""
    return wording.translate(f"audit_screen.result.{entry.result}", language)
