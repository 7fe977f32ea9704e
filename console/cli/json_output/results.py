"""Functions that build the answers of commands as JSON objects. Other programs depend on the names and types of
the fields.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from console.cli.json_output.records import (
    JsonObject,
    TranslateFunction,
    build_any_value_json,
    build_attributes_json,
    build_badges_json,
    build_document_json,
    build_explanation_json,
    build_record_fields_json,
    build_record_json,
    build_work_json,
    format_instant_for_json,
)
from console.domain.records import AuditEntry

if TYPE_CHECKING:
    from console.domain.lookup.lookup_result import LookupResult
    from console.domain.queues.mismatches import Mismatch
    from console.domain.registry.facts import CorporationFacts
    from console.domain.service_results import DueTasksResult, HealthCheck, RefetchResult
    from console.domain.views.any_record import AnyRecordDetails, QueueItem, QueuePage, ResolveResult
    from console.domain.views.changed_companies import ChangedCompanyItem, ChangedCompanyPage
    from console.domain.views.company_actions import CompanyAction
    from console.domain.views.unmatched_notices import UnmatchedNoticeItem, UnmatchedNoticePage

    AnyQueueItem = QueueItem | ChangedCompanyItem | UnmatchedNoticeItem
__all__ = [
    "JsonObject",
    "TranslateFunction",
    "build_attributes_json",
    "build_any_value_json",
    "format_instant_for_json",
    "build_record_json",
    "build_work_json",
]


def build_record_details_json(record_details: "AnyRecordDetails", translate: TranslateFunction) -> JsonObject:
    """Return the answer of the command `show` as JSON: the result of `record_details.build_details_json`. The module
    `record_details` is imported by this call only, because it imports the views of all kinds."""
    # imported here, because it imports the views of all kinds, and other commands start faster without them
    from console.cli.json_output.record_details import build_details_json

    return build_details_json(record_details, translate)


def build_lookup_json(result: "LookupResult", translate: TranslateFunction) -> JsonObject:
    """Return the answer of the command `lookup` as JSON: the records of a corporation number, by kind."""
    return {
        "corporation_number": result.corporation_number,
        "credit_checks": [build_record_json(check, translate) for check in result.credit_checks],
        "orders": [build_record_json(item, translate) for item in result.orders],
        "payments": [build_record_json(item, translate) for item in result.payments],
        "refunds": [build_record_json(item, translate) for item in result.refunds],
        "corporation": build_corporation_json(result.corporation),
        "totals": [build_attributes_json(totals, _COMPANY_TOTAL_FIELDS, translate) for totals in result.totals],
    }


_COMPANY_TOTAL_FIELDS = ("currency", "paid_minor", "refunded_minor", "sending_minor", "unknown_minor")


def build_corporation_json(facts: "CorporationFacts | None") -> JsonObject | None:
    """Return the result of `registry.build_corporation_json`: the registry data of one corporation as JSON; None if
    this desk has no registry, or if the registry doesn't contain the number. The module `registry` is imported only
    if there are facts."""
    if facts is None:
        return None
    # imported here, because commands on a desk without a registry start faster without it
    from console.cli.json_output import registry

    return registry.build_corporation_json(facts)


def build_queue_item_json(item: "QueueItem", translate: TranslateFunction) -> JsonObject:
    """Return one record of a queue as JSON, with its explanation, the person who has taken it, and in `since` the
    time since which it has its present state (null if that isn't known).
    """
    return {
        **build_record_fields_json(item.record, translate),
        **build_explanation_json(item.explanation, translate),
        "badges": build_badges_json(item.record, item.explanation, translate),
        "since": format_instant_for_json(item.since),
        "taken_by": item.owner,
        **({"disagreement": _build_mismatch_json(item.mismatch, translate)} if item.mismatch else {}),
    }


_MISMATCH_SIDE_FIELDS = ("state", "word", "minor", "refunded_minor", "currency", "asked", "differs")


def _build_mismatch_json(mismatch: "Mismatch", translate: TranslateFunction) -> JsonObject:
    """Return the differences between our record, the provider and the order as JSON: in `sides` the state and
    amounts that each of them has, and the open alert about the record."""
    names = ("rule", "observed", "expected", "detected_at")
    return {
        "sides": [
            {"side": side.name, **build_attributes_json(side, _MISMATCH_SIDE_FIELDS, translate)}
            for side in mismatch.sides
        ],
        **build_attributes_json(mismatch, names, translate),
    }


def _build_any_queue_item_json(item: "AnyQueueItem", translate: TranslateFunction) -> JsonObject:
    from console.domain.views.any_record import QueueItem
    from console.domain.views.unmatched_notices import UnmatchedNoticeItem

    if isinstance(item, QueueItem):
        return build_queue_item_json(item, translate)
    if isinstance(item, UnmatchedNoticeItem):
        return _build_unmatched_notice_json(item, translate)
    return _build_changed_company_json(item, translate)


_UNMATCHED_NOTICE_FIELDS = (
    "id", "source", "event_id", "type", "order_no", "amount_minor", "currency", "occurred_at", "received_at", "proof",
)  # fmt: skip


def _build_unmatched_notice_json(item: "UnmatchedNoticeItem", translate: TranslateFunction) -> JsonObject:
    """Return a notice of the queue `notices` as JSON. `candidates` are our orders and payments with the same
    number, or with the same amount and day.
    """
    return {
        "kind": "notice",
        **build_attributes_json(item.notice, _UNMATCHED_NOTICE_FIELDS, translate),
        "alert_ids": [case.id for case in item.cases],
        "candidates": [
            {
                **build_record_fields_json(candidate.record, translate),
                "shared": [fact.value for fact in candidate.shared_facts],
            }
            for candidate in item.candidates or ()
        ],
        **build_explanation_json(item.explanation, translate),
        "since": format_instant_for_json(item.since),
    }


def _build_changed_company_json(item: "ChangedCompanyItem", translate: TranslateFunction) -> JsonObject:
    """Return a changed corporation of the queue `companies` as JSON, with its registry data before and after the
    change.
    """
    from console.cli.json_output.registry import build_registry_match_json
    from console.domain.registry.watched_facts import convert_watched_facts_to_json

    change = item.change
    return {
        "kind": "corporation",
        "id": change.corporation_number,
        "corporation_number": change.corporation_number,
        "name": change.after.name,
        "alert_id": change.alert_id,
        "changed": sorted(change.changed_facts),
        "before": dict(convert_watched_facts_to_json(change.before)),
        "after": dict(convert_watched_facts_to_json(change.after)),
        "registry_date": change.registry_date.isoformat(),
        "successors": [build_registry_match_json(match) for match in item.corporation_facts.successors]
        if item.corporation_facts
        else [],
        "predecessors": [build_registry_match_json(match) for match in item.corporation_facts.predecessors]
        if item.corporation_facts
        else [],
        **build_explanation_json(item.explanation, translate),
        "actions": [_build_company_action_json(action, translate) for action in item.actions],
        "since": format_instant_for_json(item.since),
    }


def _build_company_action_json(action: "CompanyAction", translate: TranslateFunction) -> JsonObject:
    """Return an action on a changed corporation as JSON. If the action isn't possible now, `command` is null and
    `reason` is a sentence with the cause.
    """
    return {
        "action": action.action,
        "allowed": action.allowed,
        "command": action.command or None,
        "reason": translate(action.reason, **action.facts) if action.reason else None,
    }


def build_queue_page_json(
    page: "QueuePage | ChangedCompanyPage | UnmatchedNoticePage", translate: TranslateFunction
) -> JsonObject:
    """Return the answer of the command `queue` as JSON: one page of records, of changed corporations or of notices.
    `next_cursor` is null on the last page. The fields `filter` and `sort` are present only if the caller gave a
    filter or a sort order.
    """
    from console.domain.views.any_record import QueuePage

    items = [_build_any_queue_item_json(item, translate) for item in page.items]
    choice = {"filter": page.filter, "sort": page.sort} if isinstance(page, QueuePage) else {}
    texts_by_operator = {name: text for name, text in choice.items() if text}
    return {"queue": page.queue, "items": items, "next_cursor": page.next_cursor, **texts_by_operator}


def build_refetch_json(result: "RefetchResult", translate: TranslateFunction) -> JsonObject:
    """Return the answer of the command `refetch` as JSON: the credit check, the names of its changed fields, and its
    PDFs.
    """
    return {
        **build_record_json(result.record, translate),
        "changed": list(result.changed_fields),
        "documents": [build_document_json(item, translate) for item in result.documents],
    }


def build_resolution_json(result: "ResolveResult", translate: TranslateFunction) -> JsonObject:
    """Return the answer of the command `resolve` as JSON: the record. The field `awaiting` is `second_person` while a
    second person must still agree, otherwise null."""
    return {**build_record_json(result.record, translate), "awaiting": result.awaiting}


def build_audit_page_json(entries: Iterable[AuditEntry], translate: TranslateFunction) -> JsonObject:
    """Return the answer of the command `audit list` as JSON: the audit entries."""
    names = ("id", "at", "who", "what", "subject", "result", "reason", "detail")
    return {"entries": [build_attributes_json(entry, names, translate) for entry in entries]}


def build_health_checks_json(checks: "Iterable[HealthCheck]", translate: TranslateFunction) -> JsonObject:
    """Return the answer of the commands `doctor` and `db check` as JSON. The attributes `message` and `next` of a
    check are wording keys; the answer contains their sentences.
    """
    return {
        "checks": [
            {
                "name": check.name,
                "ok": check.ok,
                "message": translate(check.message, **check.facts),
                "next": translate(check.next, **check.facts) if check.next else "",
                "facts": build_any_value_json(check.facts, translate),
            }
            for check in checks
        ]
    }


def build_due_tasks_json(tasks_result: "DueTasksResult", _: TranslateFunction) -> JsonObject:
    """Return the answer of the command `worker --once` as JSON: for each due task that ran, the number of records
    that it handled. The answer also states if a signal ended the command before every task had begun, and the names
    of the tasks that did not begin.
    """
    left_names = list(tasks_result.unstarted_task_names)
    ran = [{"task": run.task, "count": run.count} for run in tasks_result.runs]
    return {"ran": ran, "stopped": bool(left_names), "left": left_names}
