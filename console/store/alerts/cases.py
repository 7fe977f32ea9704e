"""Cases: what doesn't fit and waits for a person, kept as rows of `alerts`. What a rule between orders and payments
finds stands there too, and is none: only that rule's facts resolve it.
"""

from datetime import datetime

from sqlalchemy import Connection, select, update

from console.domain.worker_records import Rule
from console.store import alerts
from console.store.leases import naive
from console.store.schema import alerts as table

_t = table.c
_IS_CASE = _t.rule_id.not_in([rule.value for rule in Rule])


def open_case(
    conn: Connection, rule: str, kind: str, subject_id: int, observed: str, expected: str, now: datetime
) -> bool:
    """Open a case unless the same rule already has an open one for this record; True when it is new."""
    return alerts.raise_(conn, rule, kind, subject_id, None, observed, expected, now) is not None


def close_cases(conn: Connection, kind: str, subject_id: int, now: datetime) -> None:
    """The facts fit again, or a person has decided."""
    conn.execute(
        update(table)
        .where(_t.subject_kind == kind, _t.subject_id == subject_id, _t.resolved_at.is_(None), _IS_CASE)
        .values(resolved_at=naive(now))
    )


def close_case(conn: Connection, rule: str, kind: str, subject_id: int, now: datetime) -> None:
    """What this one case was about fits again, or never was."""
    same = (_t.subject_kind == kind, _t.subject_id == subject_id, _t.resolved_at.is_(None), _t.rule_id == rule)
    conn.execute(update(table).where(*same, _IS_CASE).values(resolved_at=naive(now)))


def open_rules(conn: Connection, kind: str, subject_id: int) -> tuple[str, ...]:
    """The rules of a record's open cases, oldest first."""
    same = (_t.subject_kind == kind, _t.subject_id == subject_id, _t.resolved_at.is_(None), _IS_CASE)
    return tuple(conn.scalars(select(_t.rule_id).where(*same).order_by(_t.id)))
