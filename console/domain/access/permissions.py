"""The roles of people, and for each right (the permission for one action) the roles that have it. Services check
this table before they act; screens use it to explain a disabled action."""

import unicodedata
from collections.abc import Mapping

from console.domain.records import Person

OPERATOR = "operator"
APPROVER = "approver"
AUDITOR = "auditor"
ADMIN = "admin"
WORKER = "worker"
ALL_ROLES = frozenset({OPERATOR, APPROVER, AUDITOR, ADMIN, WORKER})

ROLES_BY_RIGHT: Mapping[str, frozenset[str]] = {
    "read": frozenset({OPERATOR, APPROVER, AUDITOR, WORKER}),
    "probe": frozenset({OPERATOR, APPROVER, WORKER}),
    "refetch": frozenset({OPERATOR, APPROVER, WORKER}),
    "take": frozenset({OPERATOR, APPROVER, WORKER}),
    "note": frozenset({OPERATOR, APPROVER}),
    "unmask": frozenset({OPERATOR, APPROVER, AUDITOR}),  # see a payer without its mask, with a reason
    "purchase": frozenset({OPERATOR, APPROVER}),
    "resolve": frozenset({OPERATOR, APPROVER}),
    "resolve_second": frozenset({APPROVER}),
    "due_tasks": frozenset({OPERATOR, APPROVER, WORKER}),
    "audit_root": frozenset({WORKER}),
    "payment_start": frozenset({OPERATOR, APPROVER, WORKER}),
    "import": frozenset({OPERATOR, APPROVER, WORKER}),
    "refund_request": frozenset({OPERATOR, APPROVER}),
    "refund_propose": frozenset({WORKER}),  # request the refund of a set-aside, which two people must approve
    "refund_withdraw": frozenset({OPERATOR, APPROVER}),
    "refund_approve": frozenset({APPROVER}),
    "refund_submit": frozenset({OPERATOR, APPROVER, WORKER}),
    "audit_own": frozenset({OPERATOR, APPROVER}),
    "audit": frozenset({AUDITOR}),
    "audit_any": frozenset({OPERATOR, APPROVER, AUDITOR}),  # read one's own entries, or those of all people
    "provider_authorise": frozenset({ADMIN, WORKER}),
    "registry_import": frozenset({WORKER}),
    "limits": frozenset({ADMIN}),
    "save_view": frozenset({OPERATOR, APPROVER}),
    "change_team_view": frozenset({APPROVER}),  # a view of the team that another person made
    "set_read_only": frozenset({APPROVER, ADMIN}),
    "people": frozenset({ADMIN}),  # disable and enable people
    "schema": frozenset({ADMIN}),
}
"""The roles that have each right, by the name of the right."""

MAKER_ROLES = ROLES_BY_RIGHT["refund_request"] | ROLES_BY_RIGHT["refund_propose"]
"""Roles of which the maker of a refund must have one: at the request, at the approval and at the sending."""
ROLES_THAT_SEND_REQUEST_IDS = frozenset({OPERATOR, APPROVER, WORKER})
"""Roles that may make calls with request ids. On a database server only the accounts with one of these roles may read
and store request ids (`store/access/grants.py`).
"""
READING_RIGHTS = frozenset({"read", "audit_own", "audit", "audit_any"})
"""Rights to read. A desk reads the database itself, even if a worker does all other actions for its person."""


_RIGHTS_THAT_CHANGE_NO_RECORD = READING_RIGHTS | {"probe", "take", "note", "unmask"}


def does_right_change_records(right_name: str) -> bool:
    """True if an action of this right changes a record, so that the person must have seen the record's present state
    before. False for reading, probes, takes, notes and unmasking, which are possible at any time, and for a name that
    is no right."""
    return right_name in ROLES_BY_RIGHT and right_name not in _RIGHTS_THAT_CHANGE_NO_RECORD


def has_right(person: Person, right_name: str) -> bool:
    """True if one of the person's roles gives the right `right_name`, such as `refund_request`; the right `purchase`
    also needs the person's flag `may_buy`. Raises KeyError for an unknown right.
    """
    return bool(person.roles & ROLES_BY_RIGHT[right_name]) and (right_name != "purchase" or person.may_buy)


def is_same_person(name: str, other_name: str) -> bool:
    """True if the two names mean the same person: they are compared in the form of `normalize_person_name`, so that
    `Op-A ` can't confirm a decision of `op-a`.
    """
    return normalize_person_name(name) == normalize_person_name(other_name)


def normalize_person_name(name: str) -> str:
    """Return the name without regard to upper and lower case, to full-width and other compatibility forms of its
    characters, and to spaces at both ends."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).strip()
