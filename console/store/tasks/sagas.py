"""Rows of the sagas: what is done in steps, the step that is done next, and what is known so far."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, Select, bindparam, select
from sqlalchemy import insert as into
from sqlalchemy.exc import IntegrityError

from console.domain.states import ForbiddenTransition
from console.domain.worker_records import Saga, SagaState
from console.store import swaps
from console.store.leases import aware, naive
from console.store.payment_rows import at
from console.store.schema import alerts
from console.store.swaps import Stale as Stale
from console.store.troubles import RunAgain
from console.store.worker_schema import sagas

KIND = "saga"
_t = sagas.c
_ALL = select(
    _t.id, _t.kind, _t.subject_kind, _t.subject_id, _t.state, _t.step, _t.facts, _t.begun_at, _t.changed_at,
    _t.reason, _t.next_at, _t.attempts, _t.ended_at, _t.version,
)  # fmt: skip
_GET = _ALL.where(_t.id == bindparam("of"))
_OPEN_OF = _ALL.where(
    _t.kind == bindparam("kind"), _t.subject_kind == bindparam("whose"), _t.open_subject == bindparam("of")
)
_OF_SUBJECT = _ALL.where(_t.subject_kind == bindparam("whose"), _t.subject_id == bindparam("of")).order_by(_t.id)
_DUE = (
    _ALL.where(_t.state == SagaState.RUNNING.value, _t.next_at <= bindparam("now"))
    .order_by(_t.next_at, _t.id)
    .limit(bindparam("most", type_=Integer))
)
_TOLD = select(alerts.c.id).where(
    alerts.c.subject_kind == _t.subject_kind, alerts.c.subject_id == _t.subject_id,
    alerts.c.rule_id == bindparam("rule"), alerts.c.resolved_at.is_(None),
)  # fmt: skip
_SETTLED = (
    _ALL.where(_t.state == SagaState.STUCK.value, _t.kind == bindparam("kind"), ~_TOLD.exists())
    .order_by(_t.id)
    .limit(bindparam("most", type_=Integer))
)
_INSERT = into(sagas)


def start(
    conn: Connection, kind: str, subject_kind: str, subject_id: int, step: str, facts: Mapping[str, object],
    now: datetime,
) -> Saga | None:  # fmt: skip
    """Begin one, due at once; None when the record has one of this kind under way."""
    if open_of(conn, kind, subject_kind, subject_id):
        return None
    row = {
        "kind": kind,
        "subject_kind": subject_kind,
        "subject_id": subject_id,
        "state": SagaState.RUNNING.value,
        "step": step,
        "facts": _json(facts),
        "begun_at": naive(now),
        "changed_at": naive(now),
        "next_at": naive(now),
    }
    try:
        saga_id = swaps.added(conn, KIND, _INSERT, row, now)
    except IntegrityError:  # somebody began it at this very moment
        if open_of(conn, kind, subject_kind, subject_id):
            return None
        raise RunAgain from None
    swaps.announce(conn, subject_kind, subject_id, now)
    return find(conn, saga_id)


def find(conn: Connection, saga_id: int) -> Saga | None:
    return _first(conn, _GET, of=saga_id)


def open_of(conn: Connection, kind: str, subject_kind: str, subject_id: int) -> Saga | None:
    """The one of this kind that the record has under way."""
    return _first(conn, _OPEN_OF, kind=kind, whose=subject_kind, of=subject_id)


def of_subject(conn: Connection, subject_kind: str, subject_id: int) -> tuple[Saga, ...]:
    """All of a record, oldest first."""
    return _select(conn, _OF_SUBJECT, whose=subject_kind, of=subject_id)


def due(conn: Connection, now: datetime, limit: int) -> tuple[Saga, ...]:
    """Those under way whose next step's time has come, the longest due first."""
    return _select(conn, _DUE, now=naive(now), most=limit)


def settled(conn: Connection, kind: str, rule: str, limit: int) -> tuple[Saga, ...]:
    """Those of this kind that are stuck, and whose case (`rule`) people or facts have closed."""
    return _select(conn, _SETTLED, kind=kind, rule=rule, most=limit)


def advance(
    conn: Connection, saga: Saga, now: datetime, step: str, facts: Mapping[str, object] | None = None,
    next_at: datetime | None = None, reason: str | None = None,
) -> Saga:  # fmt: skip
    """A step was done: `step` is next, at once unless `next_at` tells; `facts` are added to the known ones. Raises
    Stale, and ForbiddenTransition for one that has ended.
    """
    known = {**saga.facts, **(facts or {})}
    return _changed(conn, saga, now, step=step, facts=known, next_at=next_at or now, reason=reason, attempts=0)


def postpone(
    conn: Connection, saga: Saga, now: datetime, next_at: datetime, reason: str | None,
    facts: Mapping[str, object] | None = None, *, tried: bool = True,
) -> Saga:  # fmt: skip
    """Its step could not be done now: once more at `next_at`. What was not `tried` was no attempt. Raises as
    `advance` does.
    """
    known, attempts = {**saga.facts, **(facts or {})}, saga.attempts + tried
    return _changed(conn, saga, now, facts=known, next_at=next_at, reason=reason, attempts=attempts)


def halt(conn: Connection, saga: Saga, now: datetime, reason: str, facts: Mapping[str, object]) -> Saga:
    """Its step can't be done: nobody tries it again before `resume`. Raises as `advance` does."""
    return _changed(
        conn, saga, now, state=SagaState.STUCK, facts={**saga.facts, **facts}, next_at=None, reason=reason,
        attempts=saga.attempts + 1,
    )  # fmt: skip


def resume(conn: Connection, saga: Saga, now: datetime, facts: Mapping[str, object]) -> Saga:
    """What was stuck goes on at once, at the step where it stood. Raises as `advance` does."""
    return _changed(conn, saga, now, state=SagaState.RUNNING, facts={**saga.facts, **facts}, next_at=now, attempts=0)


def end(conn: Connection, saga: Saga, now: datetime, state: SagaState, reason: str | None = None) -> Saga:
    """It is done or undone; what ended is never begun again. Raises as `advance`."""
    if state in (SagaState.RUNNING, SagaState.STUCK):
        raise ForbiddenTransition("a saga that ends runs no more, and is not stuck")
    return _changed(conn, saga, now, state=state, reason=reason, next_at=None, ended_at=now)


def _changed(conn: Connection, saga: Saga, now: datetime, **values: Any) -> Saga:
    if saga.ended_at is not None:
        raise ForbiddenTransition("a saga that has ended stays as it is")
    written = {**values, "changed_at": now}
    stored = written | ({"facts": _json(written["facts"])} if "facts" in written else {})
    swaps.swap(conn, sagas, (saga.id, saga.version), stored)
    swaps.announce(conn, KIND, saga.id, now)
    swaps.announce(conn, saga.subject_kind, saga.subject_id, now)
    return replace(saga, **written, version=saga.version + 1)


def _json(facts: Mapping[str, object]) -> str:
    return json.dumps(dict(facts), ensure_ascii=False, sort_keys=True)


def _first(conn: Connection, query: Select[Any], **values: object) -> Saga | None:
    return next(iter(_select(conn, query, **values)), None)


def _select(conn: Connection, query: Select[Any], **values: object) -> tuple[Saga, ...]:
    return tuple(_saga(*row) for row in conn.execute(query, values))


def _saga(
    saga_id: int, kind: str, subject_kind: str, subject_id: int, state: str, step: str, facts: str, begun: datetime,
    changed: datetime, reason: str | None, next_at: datetime | None, attempts: int, ended: datetime | None,
    version: int,
) -> Saga:  # fmt: skip
    return Saga(
        saga_id, kind, subject_kind, subject_id, SagaState(state), step, json.loads(facts), aware(begun),
        aware(changed), reason, at(next_at), attempts, at(ended), version,
    )  # fmt: skip
