"""Rows of the limits of refunds, and of the proposals by which two administrators change a limit. In this module the
word limit includes the conditions for a second approver."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, insert, select, update

from console.domain.access.permissions import has_right, is_same_person
from console.domain.payments.limits import (
    LIMIT_KIND,
    PROPOSAL_TIME_LIMIT,
    Limit,
    list_second_checker_condition_names,
    make_limit_subject,
)
from console.store.access import operators
from console.store.access.people_views import LIMIT_PROPOSALS_VIEW
from console.store.database.instants import convert_to_naive_utc, make_present_time_value
from console.store.database.server import reads_views
from console.store.schema.core import approvals
from console.store.schema.payments import limits, metadata

LIMIT_ACTION = "limit"
"""Action of the rows of `approvals` that propose a limit."""
_proposals_view = approvals.to_metadata(type(metadata)(), name=LIMIT_PROPOSALS_VIEW)
_LIMIT_VALUE_QUERY = select(limits.c.value).where(
    limits.c.name == bindparam("limit_name"), limits.c.currency == bindparam("currency")
)
_LIMITS_QUERY = select(limits.c.name, limits.c.currency, limits.c.value).order_by(limits.c.currency, limits.c.name)


def find_limit_value(conn: Connection, limit_name: str, currency: str) -> int | None:
    """Return the stored value of the limit or condition `limit_name` (such as `per_refund`) in this currency, in the
    unit that `get_limit_unit` returns for this limit. Return None if the table `limits` has no such row.
    """
    value = conn.scalar(_LIMIT_VALUE_QUERY, {"limit_name": limit_name, "currency": currency})
    return None if value is None else int(value)


def list_limits(conn: Connection, now: datetime, *, includes_unlisted_names: bool) -> tuple[Limit, ...]:
    """Return the stored limits, sorted by currency and name. After the limits of a currency follow the conditions for
    a second approver that have no row in this currency yet; their value is None.

    Each returned limit contains its newest open proposal: one that is neither closed nor expired at `now`, and whose
    person is an administrator. If `includes_unlisted_names` is True and the table `operators` is empty, every name
    counts as an administrator, as on SQLite.
    """
    proposals = {row.subject_id: row for row in _read_open_proposals(conn, now, includes_unlisted_names)}
    values_by_currency: dict[str, dict[str, int | None]] = {}
    for name, currency, value in conn.execute(_LIMITS_QUERY):
        values_by_currency.setdefault(currency, {})[name] = int(value)
    for values in values_by_currency.values():
        for name in list_second_checker_condition_names():
            values.setdefault(name, None)
    return tuple(
        _make_limit(name, currency, value, proposals)
        for currency, values in values_by_currency.items()
        for name, value in values.items()
    )


def _make_limit(limit_name: str, currency: str, limit_value: int | None, proposals: Mapping[str, Row[Any]]) -> Limit:
    proposal = proposals.get(make_limit_subject(limit_name, currency, limit_value))
    if proposal is None:
        return Limit(limit_name, currency, limit_value)
    return Limit(limit_name, currency, limit_value, int(proposal.proposed), proposal.person)


def find_proposers(
    conn: Connection, limit_subject: str, limit_value: int, now: datetime, *, includes_unlisted_names: bool
) -> tuple[str, ...]:
    """Return the people who have proposed `limit_value` for a limit, in the order of their proposals. `limit_subject`
    is the id that `make_limit_subject` returns for the limit and its present value: `per_refund JPY 50000`. Proposals
    that are closed or expired at `now`, or whose person is no longer an administrator, are left out.
    `includes_unlisted_names`: while the table `operators` is empty, every name is an administrator.
    """
    rows = _read_open_proposals(conn, now, includes_unlisted_names)
    return tuple(row.person for row in rows if (row.subject_id, row.proposed) == (limit_subject, str(limit_value)))


def _read_open_proposals(conn: Connection, now: datetime, includes_unlisted_names: bool) -> tuple[Row[Any], ...]:
    """Return the proposals that are neither closed nor expired at `now`, the first one first. A proposal counts only
    while its person is an administrator; a server's constraint on the table `limits` has the same condition. With
    `includes_unlisted_names`, every name is an administrator while the table `operators` is empty."""
    columns = _proposals_view.c if reads_views(conn) else approvals.c
    query = select(columns.subject_id, columns.proposed, columns.person).where(
        columns.subject_kind == LIMIT_KIND,
        columns.closed_at.is_(None),
        columns.at > convert_to_naive_utc(now - PROPOSAL_TIME_LIMIT),
    )
    rows: tuple[Row[Any], ...] = tuple(conn.execute(query.order_by(columns.id)))
    names = {row.person for row in rows}
    people = {name: operators.find(conn, name, includes_unlisted_names=includes_unlisted_names) for name in names}
    administrators = {name for name, person in people.items() if person is not None and has_right(person, "limits")}
    return tuple(row for row in rows if row.person in administrators)


def insert_proposal(conn: Connection, limit_subject: str, limit_value: int, person: str, now: datetime) -> None:
    """Insert the proposal of `person` to set a limit to `limit_value`. `limit_subject` is the id that
    `make_limit_subject` returns for the limit and its present value.
    """
    conn.execute(
        insert(approvals).values(
            subject_kind=LIMIT_KIND, subject_id=limit_subject, action=LIMIT_ACTION, proposed=str(limit_value),
            person=person, at=make_present_time_value(conn, now),
        )
    )  # fmt: skip


def close_proposals_of_person(conn: Connection, limit_subject: str, person: str, now: datetime) -> None:
    """Close the open proposals of `person` about a limit, because the person proposes another value: only the newest
    proposal of a person counts, the one that the list of limits shows. `limit_subject` is the id that
    `make_limit_subject` returns for the limit and its present value.
    """
    is_open_proposal = _make_open_proposal_conditions(limit_subject)
    rows = conn.execute(select(approvals.c.id, approvals.c.person).where(*is_open_proposal)).all()
    own_ids = [row.id for row in rows if is_same_person(row.person, person)]
    if own_ids:
        is_own_proposal = (*is_open_proposal, approvals.c.id.in_(own_ids))
        conn.execute(update(approvals).where(*is_own_proposal).values(closed_at=convert_to_naive_utc(now)))


def change_limit_value(conn: Connection, limit: Limit, limit_value: int, now: datetime) -> None:
    """Set the stored value of `limit` to `limit_value`, and close the open proposals about its former value."""
    if limit.value is None:
        conn.execute(insert(limits).values(name=limit.name, currency=limit.currency, value=limit_value))
    else:
        is_limit = (limits.c.name == limit.name, limits.c.currency == limit.currency)
        conn.execute(update(limits).where(*is_limit).values(value=limit_value))
    subject = make_limit_subject(limit.name, limit.currency, limit.value)
    is_open_proposal = _make_open_proposal_conditions(subject)
    conn.execute(update(approvals).where(*is_open_proposal).values(closed_at=convert_to_naive_utc(now)))


def _make_open_proposal_conditions(limit_subject: str) -> tuple[ColumnElement[bool], ...]:
    """Return the SQL conditions that a row of `approvals` is an open proposal about the limit `limit_subject`."""
    return (
        approvals.c.subject_kind == LIMIT_KIND,
        approvals.c.subject_id == limit_subject,
        approvals.c.closed_at.is_(None),
    )
