"""Cases: what doesn't fit and waits for a person, kept as rows of `alerts`."""

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from console.store.leases import naive
from console.store.schema import alerts

_t = alerts.c


def open_case(
    conn: Connection, rule: str, kind: str, subject_id: int, observed: str, expected: str, now: datetime
) -> bool:
    """Open a case unless the same rule already has an open one for this record; True when it is new."""
    same = select(_t.id).where(
        _t.rule_id == rule, _t.subject_kind == kind, _t.subject_id == subject_id, _t.resolved_at.is_(None)
    )
    if conn.execute(same).first():
        return False
    conn.execute(
        insert(alerts).values(
            rule_id=rule, subject_kind=kind, subject_id=subject_id, observed=observed[:255], expected=expected[:255],
            detected_at=naive(now),
        )
    )  # fmt: skip
    return True


def close_cases(conn: Connection, kind: str, subject_id: int, now: datetime) -> None:
    """The facts fit again, or a person has decided."""
    conn.execute(
        update(alerts)
        .where(_t.subject_kind == kind, _t.subject_id == subject_id, _t.resolved_at.is_(None))
        .values(resolved_at=naive(now))
    )


def open_rules(conn: Connection, kind: str, subject_id: int) -> tuple[str, ...]:
    """The rules of a record's open cases, oldest first."""
    same = (_t.subject_kind == kind, _t.subject_id == subject_id, _t.resolved_at.is_(None))
    return tuple(conn.scalars(select(_t.rule_id).where(*same).order_by(_t.id)))
