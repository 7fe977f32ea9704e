"""Cases: contradictions that a person must look into, stored as rows of `alerts`.

Alerts about an order that contradicts its payments are in the same table but aren't cases: only the program resolves
them, when the order and its payments agree again. Opening a case is announced in the change feed, closing one isn't.
"""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, select, update

from console.domain.tasks.records import AlertRule
from console.store.alerts import alerts
from console.store.database.instants import convert_to_naive_utc
from console.store.schema.core import alerts as table

_CASE_ALERT_CONDITION = table.c.rule_id.not_in([rule.value for rule in AlertRule])


def _make_open_alert_conditions(kind: str, subject_id: int) -> tuple[ColumnElement[bool], ...]:
    """Return the SQL conditions for the open alerts about one record."""
    return table.c.subject_kind == kind, table.c.subject_id == subject_id, table.c.resolved_at.is_(None)


def open_case(
    conn: Connection, rule: str, kind: str, subject_id: int, observed: str, expected: str, now: datetime
) -> bool:
    """Open a case about the record `kind`, `subject_id`. `observed` and `expected` are the contradictory facts as
    texts. Return False, without a change, if the same rule has an open case about this record already."""
    return alerts.raise_alert(conn, rule, kind, subject_id, None, observed, expected, now) is not None


def find_open_case_id(conn: Connection, rule: str, kind: str, subject_id: int) -> int | None:
    """Return the id of the newest open case of a rule about this record; None if there is none."""
    is_same_case = (*_make_open_alert_conditions(kind, subject_id), table.c.rule_id == rule)
    return conn.scalar(select(table.c.id).where(*is_same_case).order_by(table.c.id.desc()).limit(1))


def close_cases(conn: Connection, kind: str, subject_id: int, now: datetime) -> None:
    """Mark all open cases about a record as resolved, because the contradiction has ended or a person has decided."""
    conn.execute(
        update(table)
        .where(*_make_open_alert_conditions(kind, subject_id), _CASE_ALERT_CONDITION)
        .values(resolved_at=convert_to_naive_utc(now))
    )


def list_open_case_ids(conn: Connection, kind: str, subject_id: int) -> tuple[int, ...]:
    """Return the ids of the open cases about a record, oldest case first."""
    is_open_case = (*_make_open_alert_conditions(kind, subject_id), _CASE_ALERT_CONDITION)
    return tuple(conn.scalars(select(table.c.id).where(*is_open_case).order_by(table.c.id)))


def close_cases_by_id(conn: Connection, ids: Collection[int], now: datetime) -> None:
    """Mark the open cases with these ids as resolved, because a person has decided."""
    if ids:
        conn.execute(
            update(table)
            .where(table.c.id.in_(sorted(ids)), table.c.resolved_at.is_(None), _CASE_ALERT_CONDITION)
            .values(resolved_at=convert_to_naive_utc(now))
        )


def close_case(conn: Connection, rule: str, kind: str, subject_id: int, now: datetime) -> None:
    """Mark the open case of one rule about a record as resolved. If there is no such case, nothing is changed."""
    is_same_case = (*_make_open_alert_conditions(kind, subject_id), table.c.rule_id == rule)
    conn.execute(
        update(table).where(*is_same_case, _CASE_ALERT_CONDITION).values(resolved_at=convert_to_naive_utc(now))
    )


def list_rules_of_open_cases(conn: Connection, kind: str, subject_id: int) -> tuple[str, ...]:
    """Return the rule ids of the open cases about one record, oldest case first."""
    return list_rules_of_open_cases_by_id(conn, kind, [subject_id]).get(subject_id, ())


def list_rules_of_open_cases_by_id(
    conn: Connection, kind: str, ids: Collection[int]
) -> Mapping[int, tuple[str, ...]]:
    """Return, by record id, the rule ids of the open cases about each of these records, oldest case first. A
    record without an open case has no key."""
    is_open_case = (
        table.c.subject_kind == kind,
        table.c.subject_id.in_(sorted(ids)),
        table.c.resolved_at.is_(None),
        _CASE_ALERT_CONDITION,
    )
    rules_by_id: dict[int, tuple[str, ...]] = {}
    for subject_id, rule in (
        conn.execute(select(table.c.subject_id, table.c.rule_id).where(*is_open_case).order_by(table.c.id))
        if ids
        else ()
    ):
        rules_by_id[subject_id] = (*rules_by_id.get(subject_id, ()), rule)
    return rules_by_id
