"""Who may do what. The service asks here; screens read the same table to explain what is off."""

from collections.abc import Mapping

from console.domain.records import Person

OPERATOR, APPROVER, AUDITOR, ADMIN, WORKER = "operator", "approver", "auditor", "admin", "worker"
ALL_ROLES = frozenset({OPERATOR, APPROVER, AUDITOR, ADMIN, WORKER})

ROLES_FOR: Mapping[str, frozenset[str]] = {
    "read": frozenset({OPERATOR, APPROVER, AUDITOR, WORKER}),
    "probe": frozenset({OPERATOR, APPROVER, WORKER}),
    "refetch": frozenset({OPERATOR, APPROVER, WORKER}),
    "take": frozenset({OPERATOR, APPROVER, WORKER}),
    "note": frozenset({OPERATOR, APPROVER}),
    "purchase": frozenset({OPERATOR, APPROVER}),
    "resolve": frozenset({OPERATOR, APPROVER}),
    "resolve_second": frozenset({APPROVER}),
    "due_tasks": frozenset({OPERATOR, APPROVER, WORKER}),
    "audit_root": frozenset({WORKER}),
    "payment_start": frozenset({OPERATOR, APPROVER, WORKER}),
    "import": frozenset({OPERATOR, APPROVER, WORKER}),
    "refund_request": frozenset({OPERATOR, APPROVER}),
    "refund_withdraw": frozenset({OPERATOR, APPROVER}),
    "refund_approve": frozenset({APPROVER}),
    "refund_submit": frozenset({OPERATOR, APPROVER, WORKER}),
    "audit_own": frozenset({OPERATOR, APPROVER}),
    "audit": frozenset({AUDITOR}),
    "audit_any": frozenset({OPERATOR, APPROVER, AUDITOR}),  # their own entries, or all
    "schema": frozenset({ADMIN}),
}


def may(person: Person, action: str) -> bool:
    """Whether one of the person's roles admits the action; buying also takes the person's own flag."""
    return bool(person.roles & ROLES_FOR[action]) and (action != "purchase" or person.may_buy)


def same_person(one: str, other: str) -> bool:
    """Names compared trimmed and case-folded, so that `Op-A ` can't be second person to `op-a`."""
    return one.strip().casefold() == other.strip().casefold()
