"""Answers as the JSON objects that programs read; names and shapes here are a contract."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from console.cli_json_records import (
    Object,
    Say,
    credit_check,
    instant,
    masked_payer,
    operation,
    order,
    payment,
    record,
    refund,
    work,
)
from console.domain.dates import instant_text
from console.domain.order_records import Order, Payment, Refund
from console.domain.records import AuditEntry, CreditCheck, Document, EvidenceItem, Operation, TimelineEntry
from console.domain.results import (
    Explanation,
    HealthCheck,
    LookupResult,
    NextStep,
    QueueItem,
    QueuePage,
    RefetchResult,
    ResolveResult,
    TaskRun,
)

if TYPE_CHECKING:
    from console.domain.views import AnyView

__all__ = [
    "Object", "Say", "credit_check", "instant", "masked_payer", "operation", "order", "payment", "record", "refund",
    "work",
]  # fmt: skip

_LONGEST_FACT = 2_000


def document(payload: Object) -> bytes:
    """One line of UTF-8; what no UTF-8 has (bytes of a strange command line) becomes U+FFFD."""
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode() + b"\n"


def next_step(step: NextStep, say: Say) -> Object:
    return {"text": say(step.code, **step.facts), "command": step.command, "code": step.code}


def explained(explanation: Explanation, say: Say) -> Object:
    """What stands beside a record: why it is as it is, and what happens next."""
    return {
        "verdict": say(explanation.verdict, **explanation.facts),
        "why": say(explanation.why, **explanation.facts),
        "why_code": explanation.why,
        "next_step": next_step(explanation.next_step, say),
        "may_act": list(explanation.may_act),
    }


def stored(item: Document) -> Object:
    return {
        "path": item.path,
        "sha256": item.sha256,
        "bytes": item.bytes,
        "current": item.current,
        "fetched_at": instant(item.fetched_at),
    }


def timeline_entry(entry: TimelineEntry, say: Say) -> Object:
    return {
        "at": instant(entry.at),
        "who": entry.who,
        "what": entry.what,
        "detail": fact(entry.detail, say),
        "result": entry.result,
    }


def evidence_item(item: EvidenceItem) -> Object:
    return {
        "id": item.id,
        "at": instant(item.at),
        "source": item.source,
        "sha256": item.sha256,
        "summary": item.summary,
        "who": item.who,
    }


def view(seen: "AnyView", say: Say) -> Object:
    """`show`: the record with its history and what happens next."""
    from console.cli_json_views import shown  # knows the views of every kind: other commands start without

    return shown(seen, say)


def lookup(found: LookupResult, say: Say) -> Object:
    return {
        "corporation_number": found.corporation_number,
        "credit_checks": [credit_check(check, say) for check in found.credit_checks],
        "orders": [order(one, say) for one in found.orders],
        "payments": [payment(one, say) for one in found.payments],
        "refunds": [refund(one, say) for one in found.refunds],
    }


def queue_item(item: QueueItem, say: Say) -> Object:
    return {**record(item.record, say), **explained(item.explanation, say), "since": instant(item.since)}


def queue_page(page: QueuePage, say: Say) -> Object:
    items = [queue_item(item, say) for item in page.items]
    return {"queue": page.queue, "items": items, "next_cursor": page.next_cursor}


def refetched(result: RefetchResult, say: Say) -> Object:
    return {
        **credit_check(result.record, say),
        "changed": list(result.changed),
        "documents": [stored(item) for item in result.documents],
    }


def resolved(result: ResolveResult, say: Say) -> Object:
    return {**record(result.record, say), "awaiting": result.awaiting}


def audit_page(entries: Iterable[AuditEntry], say: Say) -> Object:
    return {"entries": [_audit_entry(entry, say) for entry in entries]}


def _audit_entry(entry: AuditEntry, say: Say) -> Object:
    return {
        "id": entry.id,
        "at": instant(entry.at),
        "who": entry.who,
        "what": entry.what,
        "subject": entry.subject,
        "result": entry.result,
        "reason": entry.reason,
        "detail": fact(entry.detail, say),
    }


def health(checks: Iterable[HealthCheck], say: Say) -> Object:
    """`message` and `next` of a check are wording keys; programs get the sentences and the facts."""
    return {
        "checks": [
            {
                "name": check.name,
                "ok": check.ok,
                "message": say(check.message, **check.facts),
                "next": say(check.next, **check.facts) if check.next else "",
                "facts": fact(check.facts, say),
            }
            for check in checks
        ]
    }


@dataclass(frozen=True, slots=True)
class Exported:
    """Where an export went and how many rows it holds."""

    file: str
    rows: int


def verified(rows: int, _: Say) -> Object:
    return {"rows": rows, "first_bad": None}


def exported(done: Exported, _: Say) -> Object:
    return {"file": done.file, "rows": done.rows}


def tasks(runs: Iterable[TaskRun], _: Say) -> Object:
    return {"ran": [{"task": run.task, "count": run.count} for run in runs]}


def fact(value: object, say: Say) -> Any:
    """Whatever an error, a timeline or an audit row carries; records as everywhere, long text cut."""
    match value:
        case None | bool() | int() | float():
            return value
        case CreditCheck() | Operation() | Order() | Payment() | Refund():
            return record(value, say)
        case datetime():
            return instant_text(value)
        case Enum():
            return fact(value.value, say)
        case str():
            return value if len(value) <= _LONGEST_FACT else value[:_LONGEST_FACT] + "…"
        case Mapping():
            return {str(key): fact(part, say) for key, part in value.items()}
        case list() | tuple() | set() | frozenset():
            return [fact(part, say) for part in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {field.name: fact(getattr(value, field.name), say) for field in fields(value)}
        case _:
            return fact(str(value), say)
