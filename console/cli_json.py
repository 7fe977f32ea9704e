"""Records as the JSON objects that programs read; names and shapes here are a contract."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from console.domain.dates import instant_text
from console.domain.records import AuditEntry, CreditCheck, Document, EvidenceItem, Operation, TimelineEntry, Work
from console.domain.results import (
    CreditCheckView,
    Explanation,
    HealthCheck,
    LookupResult,
    NextStep,
    OperationView,
    QueueItem,
    QueuePage,
    RefetchResult,
    ResolveResult,
    TaskRun,
)

Object = dict[str, Any]
Say = Callable[..., str]
"""`say(key, **facts)`: the sentence for a key in the language of this call."""

_LONGEST_FACT = 2_000


def document(payload: Object) -> bytes:
    """One line of UTF-8; what no UTF-8 has (bytes of a strange command line) becomes U+FFFD."""
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode() + b"\n"


def instant(at: datetime | None) -> str | None:
    return None if at is None else instant_text(at)


def work(axis: Work, say: Say) -> Object:
    """`reason` is for people; `reason_code` for programs."""
    reason = None if axis.reason is None else say(f"work.reason.{axis.reason}")
    return {
        "state": axis.state.value,
        "at": instant(axis.at),
        "reason": reason,
        "reason_code": axis.reason,
        "attempt": axis.attempt,
    }


def credit_check(record: CreditCheck, say: Say) -> Object:
    return {
        "kind": "credit-check",
        "id": record.id,
        "corporation_number": record.corporation_number,
        "client_id": record.client_id,
        "state": record.state.value,
        "certainty": record.certainty.value,
        "work": work(record.work, say),
        "credit_check_id": record.credit_check_id,
        "company_name": record.company_name,
        "result": record.result,
        "purchased_at": instant(record.purchased_at),
        "expired_at": instant(record.expired_at),
        "pdf_file_path": record.pdf_file_path,
        "incomplete": list(record.incomplete),
        "superseded_by": record.superseded_by,
        "operation_id": record.operation_id,
        "version": record.version,
        "created_at": instant(record.created_at),
        "changed_at": instant(record.changed_at),
        "error_code": record.error_code,
        "viewing_over": record.viewing_over,
        "duplicate_of": record.duplicate_of,
    }


def operation(record: Operation) -> Object:
    return {
        "kind": "operation",
        "id": record.id,
        "action": record.action,
        "subject": {"kind": record.subject_kind, "id": record.subject_id},
        "state": record.state.value,
        "operator": record.operator,
        "desk": record.desk,
        "started_at": instant(record.started_at),
        "ended_at": instant(record.ended_at),
        "corporation_number": record.corporation_number,
        "client_id": record.client_id,
        "outcome_class": record.outcome_class,
        "reason": record.reason,
        "source": record.source,
    }


def record(value: CreditCheck | Operation, say: Say) -> Object:
    return credit_check(value, say) if isinstance(value, CreditCheck) else operation(value)


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


def view(seen: CreditCheckView | OperationView, say: Say) -> Object:
    """`show`: the record with its history and what happens next."""
    shown = {
        **record(seen.record, say),
        **explained(seen.explanation, say),
        "timeline": [timeline_entry(entry, say) for entry in seen.timeline],
        "evidence": [evidence_item(item) for item in seen.evidence],
        "awaiting": seen.awaiting,
    }
    return shown | _only_of_checks(seen, say) if isinstance(seen, CreditCheckView) else shown


def _only_of_checks(seen: CreditCheckView, say: Say) -> Object:
    return {
        "documents": [stored(item) for item in seen.documents],
        "actions": [fact(action, say) for action in seen.actions],
        "holder": fact(seen.holder, say),
        "asked_at": instant(seen.asked_at),
        "history": [credit_check(older, say) for older in seen.history],
    }


def lookup(found: LookupResult, say: Say) -> Object:
    """Orders, payments and refunds come with the payment providers; until then there are none."""
    return {
        "corporation_number": found.corporation_number,
        "credit_checks": [credit_check(check, say) for check in found.credit_checks],
        "orders": [],
        "payments": [],
        "refunds": [],
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
        case CreditCheck() | Operation():
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
