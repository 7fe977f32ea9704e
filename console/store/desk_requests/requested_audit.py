"""Audit entries of a desk that only sends desk requests: the desk sends each entry as a desk request, and a worker
writes the entry into the audit trail.

So a database account without rights on the trail can neither write an entry itself nor damage a chain of entries.
"""

import json
import re
from collections.abc import Sequence

from console.domain.audit.actions import AuditAction
from console.domain.desk_requests.records import NewDeskRequest, make_request_id
from console.domain.desk_requests.rules import AUDIT_REQUEST_ACTION, LONGEST_ARGUMENTS_BYTES
from console.store.audit.trail import NewAuditEntry
from console.store.database.engine import Transaction
from console.store.desk_requests import requests


class RequestedAuditTrail:
    """Audit trail of a desk whose account may not write to the table of audit entries. Each entry becomes a desk
    request, and a worker writes the entry."""

    def __init__(self, desk: str) -> None:
        self._desk = desk

    def record_all(self, tx: Transaction, new_entries: Sequence[NewAuditEntry]) -> None:
        """Insert one desk request for each of the audit entries, in their order. The worker that writes an entry
        stores the sender of its request as the person; the field `person` of `new_entries` is ignored. If an entry is
        too long for a request, its detail is replaced by the beginning of the detail's JSON text."""
        for entry in new_entries:
            facts = {
                "what": entry.action,
                "subject_kind": entry.subject_kind,
                "subject_id": None if entry.subject_id is None else str(entry.subject_id),
                "result": entry.result,
                "reason": entry.reason,
                "detail": dict(entry.detail),
            }
            text = _encode_json(facts)
            if len(text.encode()) > LONGEST_ARGUMENTS_BYTES:
                text = _encode_json(
                    {**facts, "detail": {"cut": _encode_json(facts["detail"])[: LONGEST_ARGUMENTS_BYTES // 8]}}
                )
            requests.insert_request(tx, NewDeskRequest(make_request_id(), AUDIT_REQUEST_ACTION, text), self._desk)


_LONE_SURROGATE_PATTERN = re.compile("[\ud800-\udfff]")


def _encode_json(facts: object) -> str:
    """Return the facts as JSON text that can be stored. A lone surrogate, such as in the name of a file that is no
    text, becomes six readable characters (backslash, `u`, four digits): the worker refuses entries with surrogates.
    """
    text = json.dumps(facts, ensure_ascii=False, default=str)
    return _LONE_SURROGATE_PATTERN.sub(lambda match: f"\\\\u{ord(match[0]):04x}", text)


_AUDIT_ACTIONS = frozenset(AuditAction)
_ACTIONS_OF_DESKS = frozenset(
    {
        AuditAction.AUDIT_EXPORTED,
        AuditAction.AUDIT_LISTED,
        AuditAction.BULK_EXPORTED,
        AuditAction.LIST_EXPORTED,
        AuditAction.LIST_PRINTED,
        AuditAction.RECORD_PRINTED,
        AuditAction.DAILY_CLOSE_WRITTEN,
        AuditAction.CREDIT_CHECK_OPENED,
        AuditAction.CREDIT_CHECK_PDF_PRINTED,
        AuditAction.CREDIT_CHECK_PDF_READ,
        AuditAction.CREDIT_CHECK_PDF_SAVED,
        AuditAction.EVIDENCE_BUNDLE_EXPORTED,
        AuditAction.EVIDENCE_PACK_EXPORTED,
        AuditAction.OPERATION_SHOW,
        AuditAction.ORDER_OPENED,
        AuditAction.PAYMENT_OPENED,
        AuditAction.REFUND_OPENED,
        AuditAction.SESSION_CONFIRMED,
        AuditAction.SESSION_CREATED,
        AuditAction.SESSION_DELETED,
        AuditAction.SESSION_MISSING,
        AuditAction.STORY_OPENED,
    }
)
"""Audit actions that a desk may request with any result. All other actions are written by workers, so a person can't
invent such an entry; a desk may request them only with the result refused, and AUDIT_ROOT never.
"""


def parse_audit_entry(person: str, arguments_json: str) -> NewAuditEntry:
    """Return the audit entry that a desk requests. `person` is the sender of the request, `arguments_json` its JSON
    text. Raises ValueError for a text that isn't an audit entry, or for an action and result that a desk may not
    request.
    """
    try:
        facts = json.loads(arguments_json, parse_constant=_refuse_json_constant)
        action_text, result, detail = str(facts["what"]), str(facts["result"]), dict(facts["detail"])
        kind, subject, reason = (
            _require_text_or_none(facts[name]) for name in ("subject_kind", "subject_id", "reason")
        )
        json.dumps(detail, ensure_ascii=False, allow_nan=False).encode()  # 1e999 is read as infinite
    except (KeyError, RecursionError, TypeError) as malformed:
        raise ValueError("not an audit entry") from malformed
    is_refusal = result == "refused" and action_text in _AUDIT_ACTIONS and action_text != AuditAction.AUDIT_ROOT
    if not is_refusal and (action_text not in _ACTIONS_OF_DESKS or result not in ("done", "failed", "refused")):
        raise ValueError("not an audit entry of a desk")
    return NewAuditEntry(person, action_text, kind, subject, result, reason, detail)


def _require_text_or_none(value: object) -> str | None:
    """Return the value if it is a text or None. Raises TypeError for another value."""
    if value is not None and not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _refuse_json_constant(name: str) -> None:
    """Raise ValueError: NaN and Infinity are no valid JSON."""
    raise ValueError(f"{name} is no JSON")
