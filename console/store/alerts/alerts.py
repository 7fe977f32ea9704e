"""Alerts: what doesn't fit between records, each once while it is open. Cases (`cases`) are rows of it too."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, Select, bindparam, select, update
from sqlalchemy import insert as into
from sqlalchemy.exc import IntegrityError

from console.domain.worker_records import Alert
from console.store import swaps
from console.store.leases import aware, naive
from console.store.payment_rows import at
from console.store.schema import alerts
from console.store.troubles import RunAgain

KIND = "alert"
LONGEST_WORDS = 255
_BEYOND = 2**63 - 1
"""No id is as high."""

_t = alerts.c
_ALL = select(
    _t.id, _t.rule_id, _t.subject_kind, _t.subject_id, _t.order_no, _t.observed, _t.expected, _t.detected_at,
    _t.resolved_at, _t.acknowledged_by, _t.acknowledged_at, _t.note,
)  # fmt: skip
_MOST = bindparam("most", type_=Integer)
_OPEN = _t.resolved_at.is_(None)
_ONWARDS = _ALL.where(_OPEN, _t.id > bindparam("after")).order_by(_t.id).limit(_MOST)
_BY_RULE = _ONWARDS.where(_t.rule_id == bindparam("rule"))
_GET = _ALL.where(_t.id == bindparam("of"))
_BACK = _ALL.where(_t.id < bindparam("before")).order_by(_t.id.desc()).limit(_MOST)
_OF_SUBJECT = _ALL.where(_t.subject_kind == bindparam("kind"), _t.subject_id == bindparam("of")).order_by(_t.id)
_SAME = _OF_SUBJECT.where(_t.rule_id == bindparam("rule"), _OPEN)
_AMONG = _t.subject_id.in_(bindparam("ids", expanding=True))
_OPEN_OF = _ALL.where(_t.subject_kind == bindparam("kind"), _AMONG, _OPEN)
_INSERT = into(alerts)
_RESOLVE = update(alerts).where(_t.id == bindparam("of"), _OPEN).values(resolved_at=bindparam("at"))
_ACKNOWLEDGE = (
    update(alerts)
    .where(_t.id == bindparam("of"), _t.acknowledged_by.is_(None))
    .values(acknowledged_by=bindparam("who"), acknowledged_at=bindparam("at"), note=bindparam("words"))
)


def raise_(
    conn: Connection, rule: str, kind: str, subject_id: int, order_no: str | None, observed: str, expected: str,
    now: datetime,
) -> Alert | None:  # fmt: skip
    """Keep what was found; None when the same rule has an open one of this record, which stays as it is."""
    if _same(conn, rule, kind, subject_id):
        return None
    row = {
        "rule_id": rule,
        "subject_kind": kind,
        "subject_id": subject_id,
        "order_no": order_no,
        "observed": observed[:LONGEST_WORDS],
        "expected": expected[:LONGEST_WORDS],
        "detected_at": naive(now),
    }
    try:
        alert_id = swaps.added(conn, KIND, _INSERT, row, now)
    except IntegrityError:  # somebody raised it at this very moment
        if _same(conn, rule, kind, subject_id):
            return None
        raise RunAgain from None
    return find(conn, alert_id)


def _same(conn: Connection, rule: str, kind: str, subject_id: int) -> bool:
    return conn.execute(_SAME, {"rule": rule, "kind": kind, "of": subject_id}).first() is not None


def find(conn: Connection, alert_id: int) -> Alert | None:
    return next(iter(_select(conn, _GET, of=alert_id)), None)


def open_ones(conn: Connection, limit: int, after: int = 0) -> tuple[Alert, ...]:
    """Those that are open, oldest first; `after`: the last id seen."""
    return _select(conn, _ONWARDS, most=limit, after=after)


def open_by_rule(conn: Connection, rule: str, limit: int, after: int = 0) -> tuple[Alert, ...]:
    """Those of one rule that are open, oldest first; `after`: the last id seen."""
    return _select(conn, _BY_RULE, rule=rule, most=limit, after=after)


def all_of(conn: Connection, limit: int, before: int | None = None) -> tuple[Alert, ...]:
    """Open and resolved ones, newest first; `before`: the last id seen."""
    return _select(conn, _BACK, most=limit, before=_BEYOND if before is None else before)


def of_subject(conn: Connection, kind: str, subject_id: int) -> tuple[Alert, ...]:
    """All of one record, oldest first."""
    return _select(conn, _OF_SUBJECT, kind=kind, of=subject_id)


def open_of_subjects(conn: Connection, kind: str, ids: Collection[int]) -> dict[int, list[Alert]]:
    """The open ones of these records, by record."""
    found: dict[int, list[Alert]] = {}
    for alert in _select(conn, _OPEN_OF, kind=kind, ids=sorted(ids)) if ids else ():
        found.setdefault(alert.subject_id, []).append(alert)
    return found


def acknowledge(conn: Connection, alert_id: int, person: str, note: str | None, now: datetime) -> bool:
    """Somebody has seen it; False when somebody has done so before, whose name and note stay."""
    values = {"of": alert_id, "who": person, "words": note, "at": naive(now)}
    return _written(conn, conn.execute(_ACKNOWLEDGE, values).rowcount, alert_id, now)


def resolve(conn: Connection, alert_id: int, now: datetime) -> bool:
    """The facts fit again, or a person has decided; False when that was so before."""
    return _written(conn, conn.execute(_RESOLVE, {"of": alert_id, "at": naive(now)}).rowcount, alert_id, now)


def _written(conn: Connection, rows: int, alert_id: int, now: datetime) -> bool:
    if rows:
        swaps.announce(conn, KIND, alert_id, now)
    return rows == 1


def _select(conn: Connection, query: Select[Any], **values: object) -> tuple[Alert, ...]:
    return tuple(_alert(*row) for row in conn.execute(query, values))


def _alert(
    alert_id: int, rule: str, kind: str, subject_id: int, order_no: str | None, observed: str, expected: str,
    detected: datetime, resolved: datetime | None, who: str | None, acknowledged: datetime | None, note: str | None,
) -> Alert:  # fmt: skip
    return Alert(
        alert_id, rule, kind, subject_id, order_no, observed, expected, aware(detected), at(resolved), who,
        at(acknowledged), note,
    )  # fmt: skip
