"""Table `alerts`: contradictions that the program has found, at most one open row per rule and record. Cases (module
`cases`) are rows of this table, too. Functions that return several alerts leave out rows that can't be read.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Executable, Integer, Select, bindparam, func, select, update
from sqlalchemy import insert as into
from sqlalchemy.exc import IntegrityError

from console.domain.tasks.records import Alert
from console.store.database import compare_and_swap, unreadable_rows
from console.store.database.error_codes import RunAgain
from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc
from console.store.payments.row_mapping import read_as_utc
from console.store.schema.core import alerts

ALERT_KIND = "alert"
LONGEST_TEXT_CHARACTERS = 255
"""Longest stored text (characters) of an observed or expected fact."""
_ID_ABOVE_ALL_ALERTS = 2**63 - 1
"""A number above every row id: the start of the first page."""

_ALERTS_QUERY = select(
    alerts.c.id, alerts.c.rule_id, alerts.c.subject_kind, alerts.c.subject_id, alerts.c.order_no, alerts.c.observed,
    alerts.c.expected, alerts.c.detected_at, alerts.c.resolved_at, alerts.c.acknowledged_by, alerts.c.acknowledged_at,
    alerts.c.note,
)  # fmt: skip
_LIMIT_PARAMETER = bindparam("limit", type_=Integer)
_OPEN_ALERT_CONDITION = alerts.c.resolved_at.is_(None)
_OPEN_ALERTS_PAGE_QUERY = (
    _ALERTS_QUERY.where(_OPEN_ALERT_CONDITION, alerts.c.id > bindparam("after"))
    .order_by(alerts.c.id)
    .limit(_LIMIT_PARAMETER)
)
_OPEN_ALERTS_PAGE_OF_RULE_QUERY = _OPEN_ALERTS_PAGE_QUERY.where(alerts.c.rule_id == bindparam("rule"))
_OPEN_ALERT_IDS_OF_RULE_SUBQUERY = (
    select(alerts.c.id)
    .where(_OPEN_ALERT_CONDITION, alerts.c.rule_id == bindparam("rule"))
    .order_by(alerts.c.id)
    .limit(_LIMIT_PARAMETER)
    .subquery()
)
_UNACKNOWLEDGED_ALERTS_OF_RULE_QUERY = _OPEN_ALERTS_PAGE_OF_RULE_QUERY.where(alerts.c.acknowledged_by.is_(None))
_UNACKNOWLEDGED_ALERT_IDS_OF_RULE_SUBQUERY = (
    select(alerts.c.id)
    .where(_OPEN_ALERT_CONDITION, alerts.c.rule_id == bindparam("rule"), alerts.c.acknowledged_by.is_(None))
    .order_by(alerts.c.id)
    .limit(_LIMIT_PARAMETER)
    .subquery()
)
_UNACKNOWLEDGED_ALERT_COUNT_QUERY = select(func.count(), func.min(_UNACKNOWLEDGED_ALERT_IDS_OF_RULE_SUBQUERY.c.id))
_OPEN_ALERT_COUNT_QUERY = select(func.count(), func.min(_OPEN_ALERT_IDS_OF_RULE_SUBQUERY.c.id))
_ALERT_BY_ID_QUERY = _ALERTS_QUERY.where(alerts.c.id == bindparam("alert_id"))
_NEWEST_ALERTS_PAGE_QUERY = (
    _ALERTS_QUERY.where(alerts.c.id < bindparam("before")).order_by(alerts.c.id.desc()).limit(_LIMIT_PARAMETER)
)
_ALERTS_OF_SUBJECT_QUERY = _ALERTS_QUERY.where(
    alerts.c.subject_kind == bindparam("kind"), alerts.c.subject_id == bindparam("subject_id")
).order_by(alerts.c.id)
_NEWEST_ALERTS_OF_SUBJECT_QUERY = (
    _ALERTS_OF_SUBJECT_QUERY.order_by(None).order_by(alerts.c.id.desc()).limit(_LIMIT_PARAMETER)
)
_OPEN_ALERT_OF_SUBJECT_AND_RULE_QUERY = _ALERTS_OF_SUBJECT_QUERY.where(
    alerts.c.rule_id == bindparam("rule"), _OPEN_ALERT_CONDITION
)
_LISTED_SUBJECT_CONDITION = alerts.c.subject_id.in_(bindparam("ids", expanding=True))
_OPEN_ALERTS_OF_SUBJECTS_QUERY = _ALERTS_QUERY.where(
    alerts.c.subject_kind == bindparam("kind"), _LISTED_SUBJECT_CONDITION, _OPEN_ALERT_CONDITION
)
_ALERTS_OF_SUBJECTS_QUERY = _ALERTS_QUERY.where(
    alerts.c.subject_kind == bindparam("kind"), _LISTED_SUBJECT_CONDITION
).order_by(alerts.c.id)
_NEWEST_ALERTS_OF_KIND_QUERY = (
    _ALERTS_QUERY.where(alerts.c.subject_kind == bindparam("kind"))
    .order_by(alerts.c.id.desc())
    .limit(_LIMIT_PARAMETER)
)
_OPEN_ALERTS_OF_KIND_QUERY = (
    _ALERTS_QUERY.where(alerts.c.subject_kind == bindparam("kind"), _OPEN_ALERT_CONDITION)
    .order_by(alerts.c.id)
    .limit(_LIMIT_PARAMETER)
)
_ALL_ALERTS_COUNT_QUERY = select(func.count()).select_from(alerts)
_ALL_OPEN_ALERTS_COUNT_QUERY = _ALL_ALERTS_COUNT_QUERY.where(_OPEN_ALERT_CONDITION)
_OPEN_ALERT_RULES_QUERY = select(alerts.c.rule_id).where(_OPEN_ALERT_CONDITION).distinct()
_INSERT_ALERT_STATEMENT = into(alerts)
_RESOLVE_ALERT_STATEMENT = (
    update(alerts)
    .where(alerts.c.id == bindparam("alert_id"), _OPEN_ALERT_CONDITION)
    .values(resolved_at=bindparam("at"))
)
_ACKNOWLEDGE_ALERT_STATEMENT = (
    update(alerts)
    .where(alerts.c.id == bindparam("alert_id"), alerts.c.acknowledged_by.is_(None))
    .values(acknowledged_by=bindparam("person_name"), acknowledged_at=bindparam("at"), note=bindparam("note_text"))
)

_UNDO_ALERT_ACKNOWLEDGEMENT_STATEMENT = (
    update(alerts)
    .where(
        alerts.c.id == bindparam("alert_id"),
        alerts.c.acknowledged_by == bindparam("person_name"),
        _OPEN_ALERT_CONDITION,
    )
    .values(acknowledged_by=None, acknowledged_at=None, note=None)
)


def raise_alert(
    conn: Connection,
    rule: str,
    kind: str,
    subject_id: int,
    order_no: str | None,
    observed: str,
    expected: str,
    now: datetime,
) -> Alert | None:
    """Insert an alert about the record `kind`, `subject_id` and return it. Return None if the same rule has an open
    alert about this record; that alert doesn't change. `order_no` is the number of the order that the alert concerns,
    None without an order; `observed` and `expected` are the contradictory facts as texts, cut to
    LONGEST_TEXT_CHARACTERS.

    Raises RunAgain if another process inserted the same alert at the same time and this transaction can't see it.
    """
    if _has_open_alert(conn, rule, kind, subject_id):
        return None
    row = {
        "rule_id": rule,
        "subject_kind": kind,
        "subject_id": subject_id,
        "order_no": order_no,
        "observed": observed[:LONGEST_TEXT_CHARACTERS],
        "expected": expected[:LONGEST_TEXT_CHARACTERS],
        "detected_at": convert_to_naive_utc(now),
    }
    try:
        alert_id = compare_and_swap.insert_and_announce(conn, ALERT_KIND, _INSERT_ALERT_STATEMENT, row, now)
    except IntegrityError:  # another process raised it at the same time
        if _has_open_alert(conn, rule, kind, subject_id):
            return None
        raise RunAgain from None
    return find(conn, alert_id)


def _has_open_alert(conn: Connection, rule: str, kind: str, subject_id: int) -> bool:
    """True if the rule has an open alert about this record that the transaction can see."""
    return (
        conn.execute(
            _OPEN_ALERT_OF_SUBJECT_AND_RULE_QUERY, {"rule": rule, "kind": kind, "subject_id": subject_id}
        ).first()
        is not None
    )


def find(conn: Connection, alert_id: int) -> Alert | None:
    """Return the alert with this id; None if there is none, or if its row can't be read."""
    return next(iter(_select_alerts(conn, _ALERT_BY_ID_QUERY, alert_id=alert_id)), None)


def list_open_alerts(conn: Connection, limit: int, after_id: int = 0) -> tuple[Alert, ...]:
    """Return at most `limit` open alerts, oldest first; `after_id` is the last id of the previous page."""
    return _select_alerts(conn, _OPEN_ALERTS_PAGE_QUERY, limit=limit, after=after_id)


def list_open_alerts_of_rule(conn: Connection, rule: str, limit: int, after_id: int = 0) -> tuple[Alert, ...]:
    """Return at most `limit` open alerts of one rule, oldest first; `after_id` is the last id of the previous
    page."""
    return _select_alerts(conn, _OPEN_ALERTS_PAGE_OF_RULE_QUERY, rule=rule, limit=limit, after=after_id)


def count_alerts(conn: Connection, *, includes_resolved: bool) -> int:
    """Return the number of open alerts; with `includes_resolved` the number of all alerts."""
    return int(conn.scalar(_ALL_ALERTS_COUNT_QUERY if includes_resolved else _ALL_OPEN_ALERTS_COUNT_QUERY) or 0)


def list_rules_of_open_alerts(conn: Connection) -> tuple[str, ...]:
    """Return the ids of the rules that have an open alert, sorted."""
    return tuple(sorted(conn.scalars(_OPEN_ALERT_RULES_QUERY)))


def list_unacknowledged_alerts(conn: Connection, rule: str, limit: int, after_id: int = 0) -> tuple[Alert, ...]:
    """Return at most `limit` open alerts of one rule that no person has acknowledged, oldest first; `after_id` is the
    last id of the previous page.
    """
    return _select_alerts(conn, _UNACKNOWLEDGED_ALERTS_OF_RULE_QUERY, rule=rule, limit=limit, after=after_id)


def count_unacknowledged_alerts_and_find_oldest(
    conn: Connection, rule: str, limit: int
) -> tuple[int, datetime | None]:
    """Return two values: the number of open alerts of one rule that no person has acknowledged, at most `limit`; and
    the time (UTC) at which the oldest of them was raised. The time is None if there are no such alerts, or if the row
    of the oldest one can't be read.
    """
    return _count_alerts_with_oldest_time(conn, _UNACKNOWLEDGED_ALERT_COUNT_QUERY, rule, limit)


def count_open_alerts_and_find_oldest(conn: Connection, rule: str, limit: int) -> tuple[int, datetime | None]:
    """Return two values: the number of open alerts of one rule, at most `limit`; and the time (UTC) at which the
    oldest of them was raised. The time is None if there are no such alerts, or if the row of the oldest one can't be
    read.
    """
    return _count_alerts_with_oldest_time(conn, _OPEN_ALERT_COUNT_QUERY, rule, limit)


def _count_alerts_with_oldest_time(
    conn: Connection, query: Executable, rule: str, limit: int
) -> tuple[int, datetime | None]:
    """Return the count of alerts of the rule `rule` that `query` selects, at most `limit`, and the time at which the
    oldest of them was raised (None if there are none). The query returns the count and the smallest id."""
    count, oldest_id = conn.execute(query, {"rule": rule, "limit": limit}).one()
    oldest = None if oldest_id is None else find(conn, oldest_id)
    return count, None if oldest is None else oldest.detected_at


def list_alerts(conn: Connection, limit: int, before_id: int | None = None) -> tuple[Alert, ...]:
    """Return at most `limit` open and resolved alerts, newest first; `before_id` is the last id of the previous page
    (None: the first page)."""
    return _select_alerts(
        conn, _NEWEST_ALERTS_PAGE_QUERY, limit=limit, before=_ID_ABOVE_ALL_ALERTS if before_id is None else before_id
    )


def find_by_subject(conn: Connection, kind: str, subject_id: int) -> tuple[Alert, ...]:
    """Return all open and resolved alerts of one record, oldest first."""
    return _select_alerts(conn, _ALERTS_OF_SUBJECT_QUERY, kind=kind, subject_id=subject_id)


def list_newest_of_subject(conn: Connection, kind: str, subject_id: int, limit: int) -> tuple[Alert, ...]:
    """Return at most `limit` open and resolved alerts of one record, newest first."""
    return _select_alerts(conn, _NEWEST_ALERTS_OF_SUBJECT_QUERY, kind=kind, subject_id=subject_id, limit=limit)


def find_by_subjects(conn: Connection, kind: str, ids: Collection[int]) -> tuple[Alert, ...]:
    """Return all open and resolved alerts of the records of this kind with these ids, oldest first."""
    return _select_alerts(conn, _ALERTS_OF_SUBJECTS_QUERY, kind=kind, ids=sorted(ids)) if ids else ()


def list_newest_of_kind(conn: Connection, kind: str, limit: int) -> tuple[Alert, ...]:
    """Return at most `limit` open and resolved alerts about records of this kind, newest first."""
    return _select_alerts(conn, _NEWEST_ALERTS_OF_KIND_QUERY, kind=kind, limit=limit)


def list_open_alerts_of_kind(conn: Connection, kind: str, limit: int) -> tuple[Alert, ...]:
    """Return at most `limit` open alerts about records of this kind, oldest first."""
    return _select_alerts(conn, _OPEN_ALERTS_OF_KIND_QUERY, kind=kind, limit=limit)


def read_open_alerts_of_subjects(conn: Connection, kind: str, ids: Collection[int]) -> dict[int, list[Alert]]:
    """Return the open alerts about the records of this kind with these ids, by record id. A record without an open
    alert has no key."""
    by_subject: dict[int, list[Alert]] = {}
    for alert in _select_alerts(conn, _OPEN_ALERTS_OF_SUBJECTS_QUERY, kind=kind, ids=sorted(ids)) if ids else ():
        by_subject.setdefault(alert.subject_id, []).append(alert)
    return by_subject


def acknowledge(conn: Connection, alert_id: int, person: str, note: str | None, now: datetime) -> bool:
    """Store that `person` has acknowledged the alert, with the time and a note (None: no note). Return False if the
    alert was acknowledged before; then the stored person and note don't change.
    """
    values = {"alert_id": alert_id, "person_name": person, "note_text": note, "at": convert_to_naive_utc(now)}
    return _announce_alert_change(conn, conn.execute(_ACKNOWLEDGE_ALERT_STATEMENT, values).rowcount, alert_id, now)


def undo_acknowledgement(conn: Connection, alert_id: int, person: str, now: datetime) -> bool:
    """Remove the acknowledgement and its note from an open alert. Return False, without a change, if `person`
    hasn't acknowledged this alert or the alert isn't open."""
    values = {"alert_id": alert_id, "person_name": person}
    return _announce_alert_change(
        conn, conn.execute(_UNDO_ALERT_ACKNOWLEDGEMENT_STATEMENT, values).rowcount, alert_id, now
    )


def resolve(conn: Connection, alert_id: int, now: datetime) -> bool:
    """Mark an alert as resolved: the contradiction has ended, or a person has decided about it. Return False if it
    was resolved before."""
    return _announce_alert_change(
        conn,
        conn.execute(_RESOLVE_ALERT_STATEMENT, {"alert_id": alert_id, "at": convert_to_naive_utc(now)}).rowcount,
        alert_id,
        now,
    )


def _announce_alert_change(conn: Connection, updated_row_count: int, alert_id: int, now: datetime) -> bool:
    """Announce in the change feed that an alert has changed, unless `updated_row_count`, the number of updated rows,
    is 0. Return True if it is 1.
    """
    if updated_row_count:
        compare_and_swap.announce_change(conn, ALERT_KIND, alert_id, now)
    return updated_row_count == 1


def _select_alerts(conn: Connection, query: Select[Any], **values: object) -> tuple[Alert, ...]:
    """Return the alerts that the query finds with the parameters `values`. Rows that can't be read are left out."""
    return unreadable_rows.read_readable_rows("alerts", conn.execute(query, values), lambda row: _make_alert(*row))


def _make_alert(
    alert_id: int, rule: str, kind: str, subject_id: int, order_no: str | None, observed: str, expected: str,
    detected_at: datetime, resolved_at: datetime | None, person: str | None, acknowledged_at: datetime | None,
    note: str | None,
) -> Alert:  # fmt: skip
    return Alert(
        alert_id,
        rule,
        kind,
        subject_id,
        order_no,
        observed,
        expected,
        convert_to_aware_utc(detected_at),
        read_as_utc(resolved_at),
        person,
        read_as_utc(acknowledged_at),
        note,
    )
