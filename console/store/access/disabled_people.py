"""Disabled people in the table `operators`, and the proposals by which two administrators enable a person."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, Update, case, insert, select, update

from console.domain.access.disabled_people import PROPOSAL_TIME_LIMIT, Disabling, PersonAccess
from console.domain.access.people_commands import OPERATOR_KIND
from console.domain.access.permissions import has_right
from console.store.access import operators as people
from console.store.access.people_views import ENABLING_PROPOSALS_VIEW
from console.store.database.compare_and_swap import StaleRow
from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc, make_present_time_value
from console.store.database.server import reads_views
from console.store.schema.core import approvals, metadata, operators

ENABLING_ACTION = "enable"
"""Action of the rows of `approvals` that propose to enable a person."""
_proposals_view = approvals.to_metadata(type(metadata)(), name=ENABLING_PROPOSALS_VIEW)
_PEOPLE_QUERY: Select[Any] = select(
    *people.PERSON_COLUMNS, operators.c.disabled_at, operators.c.disabled_by, operators.c.disabled_reason
)


def find_disabling(conn: Connection, person_name: str) -> Disabling | None:
    """Return the disabling of the person of that name: its time, its administrator and its reason. Return None if the
    person is enabled, or if there is no such person.
    """
    row = conn.execute(_PEOPLE_QUERY.where(operators.c.name == person_name)).first()
    return None if row is None else _make_disabling(row)


def list_disabled_names(conn: Connection) -> tuple[str, ...]:
    """Return the names, sorted, of the people whom administrators have disabled."""
    query = select(operators.c.name).where(operators.c.disabled_by.is_not(None))
    return tuple(conn.scalars(query.order_by(operators.c.name)))


def list_names_with_wrong_account_lock(conn: Connection) -> tuple[str, ...]:
    """Return the names, sorted, of the people whose database account must still be locked on the server, because an
    administrator has disabled the person. Also return the names of those whose account must still be unlocked,
    because two administrators have enabled the person.
    """
    needed_lock = case((operators.c.disabled_by.is_not(None), 1), (operators.c.disabled_at.is_(None), 0))
    query = select(operators.c.name).where(operators.c.account_lock != needed_lock)
    return tuple(conn.scalars(query.order_by(operators.c.name)))


def find_person_access(
    conn: Connection, person_name: str, now: datetime, *, includes_unlisted_names: bool
) -> PersonAccess | None:
    """Return the person with exactly that name, also a disabled one; None if there is no such person. An enabling
    proposal that has expired at `now` is left out. `includes_unlisted_names`: while the table `operators` is empty,
    every proposer counts as an administrator.
    """
    for access in list_people(conn, now, includes_unlisted_names=includes_unlisted_names):
        if access.person.name == person_name:
            return access
    return None


def list_people(conn: Connection, now: datetime, *, includes_unlisted_names: bool) -> tuple[PersonAccess, ...]:
    """Return all people in the table `operators`, sorted by name. Each disabled person is returned with the proposer
    of the newest open proposal to enable the person, if there is one. A proposal is open if it is neither closed nor
    expired at `now`, was made after the person was disabled, and its proposer is still an administrator.
    `includes_unlisted_names`: while the table `operators` is empty, every proposer counts as an administrator.
    """
    proposals = _read_open_proposals(conn, now, includes_unlisted_names=includes_unlisted_names)
    return tuple(
        _make_person_access(row, proposals) for row in conn.execute(_PEOPLE_QUERY.order_by(operators.c.name))
    )


def _make_person_access(row: Row[Any], proposals: Mapping[tuple[str, str], str]) -> PersonAccess:
    person, disabling = people.make_person_of_row(row[: len(people.PERSON_COLUMNS)]), _make_disabling(row)
    proposed_by = None if disabling is None else proposals.get((person.name, disabling.id))
    return PersonAccess(person, disabling, proposed_by)


def _make_disabling(row: Row[Any]) -> Disabling | None:
    if row.disabled_at is None:
        return None
    return Disabling(convert_to_aware_utc(row.disabled_at), row.disabled_by, row.disabled_reason)


def _read_open_proposals(
    conn: Connection, now: datetime, *, includes_unlisted_names: bool
) -> Mapping[tuple[str, str], str]:
    """Return the administrator of each open proposal, by the name of the person to be enabled and the id of the
    disabling. Of several proposals, the newest one counts."""
    columns = _proposals_view.c if reads_views(conn) else approvals.c
    query = select(columns.subject_id, columns.proposed, columns.person).where(
        columns.subject_kind == OPERATOR_KIND,
        columns.action == ENABLING_ACTION,
        columns.closed_at.is_(None),
        columns.at > convert_to_naive_utc(now - PROPOSAL_TIME_LIMIT),
    )
    proposals = {}
    for row in conn.execute(query.order_by(columns.id)):
        proposer = people.find(conn, row.person, includes_unlisted_names=includes_unlisted_names)
        if proposer is not None and has_right(proposer, "people"):
            proposals[row.subject_id, row.proposed] = row.person
    return proposals


def disable_person(conn: Connection, person_name: str, administrator: str, reason: str, now: datetime) -> None:
    """Store that the administrator disables the person for this reason. Raises StaleRow if the person isn't enabled
    any more."""
    _change_person(
        conn,
        update(operators)
        .where(operators.c.name == person_name, operators.c.disabled_at.is_(None))
        .values(disabled_at=make_present_time_value(conn, now), disabled_by=administrator, disabled_reason=reason),
    )


def enable_person(conn: Connection, person_name: str, disabling: Disabling, now: datetime) -> None:
    """Store that the person is enabled, and close the proposals to end this disabling. Raises StaleRow if this
    disabling has ended meanwhile."""
    _change_person(
        conn,
        update(operators)
        .where(operators.c.name == person_name, operators.c.disabled_at == convert_to_naive_utc(disabling.since))
        .values(disabled_at=None, disabled_by=None, disabled_reason=None),
    )
    conn.execute(
        update(approvals)
        .where(
            approvals.c.subject_kind == OPERATOR_KIND,
            approvals.c.subject_id == person_name,
            approvals.c.action == ENABLING_ACTION,
            approvals.c.closed_at.is_(None),
        )
        .values(closed_at=convert_to_naive_utc(now))
    )


def _change_person(conn: Connection, statement: Update) -> None:
    """Execute the statement, which changes one person. Raises StaleRow if it finds no row."""
    if conn.execute(statement).rowcount != 1:
        raise StaleRow


def insert_enabling_proposal(
    conn: Connection, person_name: str, disabling: Disabling, administrator: str, now: datetime
) -> None:
    """Insert the proposal of the administrator to end this disabling, which means to enable the person. The caller
    has checked that the person is disabled.
    """
    conn.execute(
        insert(approvals).values(
            subject_kind=OPERATOR_KIND,
            subject_id=person_name,
            action=ENABLING_ACTION,
            proposed=disabling.id,
            person=administrator,
            at=make_present_time_value(conn, now),
        )
    )
