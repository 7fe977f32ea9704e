"""Rows of sagas: each has the saga's state, its next step and the facts that the earlier steps stored."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, Row, Select, bindparam, select
from sqlalchemy import insert as into
from sqlalchemy.exc import IntegrityError

from console.domain.tasks.records import Saga
from console.domain.tasks.states import SagaState
from console.domain.transitions.tables import ForbiddenTransition
from console.store.database import compare_and_swap, unreadable_rows
from console.store.database.compare_and_swap import StaleRow as StaleRow
from console.store.database.error_codes import RunAgain
from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc
from console.store.payments.balances import PAYMENT_KIND
from console.store.payments.row_mapping import read_as_utc
from console.store.schema.core import alerts
from console.store.schema.payments import payments
from console.store.schema.worker import sagas

SAGA_KIND = "saga"
_SAGAS_QUERY = select(
    sagas.c.id, sagas.c.kind, sagas.c.subject_kind, sagas.c.subject_id, sagas.c.state, sagas.c.step, sagas.c.facts,
    sagas.c.begun_at, sagas.c.changed_at, sagas.c.reason, sagas.c.next_at, sagas.c.attempts, sagas.c.ended_at,
    sagas.c.version,
)  # fmt: skip
_SAGA_BY_ID_QUERY = _SAGAS_QUERY.where(sagas.c.id == bindparam("saga_id"))
_OPEN_SAGA_OF_SUBJECT_QUERY = _SAGAS_QUERY.where(
    sagas.c.kind == bindparam("kind"),
    sagas.c.subject_kind == bindparam("subject_kind"),
    sagas.c.open_subject == bindparam("subject_id"),
)
_SAGAS_OF_SUBJECT_QUERY = _SAGAS_QUERY.where(
    sagas.c.subject_kind == bindparam("subject_kind"), sagas.c.subject_id == bindparam("subject_id")
).order_by(sagas.c.id)
_SAGAS_OF_SUBJECTS_QUERY = _SAGAS_QUERY.where(
    sagas.c.subject_kind == bindparam("subject_kind"),
    sagas.c.subject_id.in_(bindparam("subject_ids", expanding=True)),
).order_by(sagas.c.id)
_PAYMENT_AT_EXCLUDED_PROVIDER_QUERY = select(payments.c.id).where(
    payments.c.id == sagas.c.subject_id,
    payments.c.provider.in_(bindparam("excluded_providers", expanding=True)),
    sagas.c.subject_kind == PAYMENT_KIND,
    sagas.c.step == bindparam("question_step"),
)
_DUE_SAGAS_QUERY = (
    _SAGAS_QUERY.where(
        sagas.c.state == SagaState.RUNNING.value,
        sagas.c.next_at <= bindparam("now"),
        ~_PAYMENT_AT_EXCLUDED_PROVIDER_QUERY.exists(),
    )
    .order_by(sagas.c.next_at, sagas.c.id)
    .limit(bindparam("limit", type_=Integer))
)
_OPEN_ALERT_OF_SAGA_QUERY = select(alerts.c.id).where(
    alerts.c.subject_kind == sagas.c.subject_kind,
    alerts.c.subject_id == sagas.c.subject_id,
    alerts.c.rule_id == bindparam("rule"),
    alerts.c.resolved_at.is_(None),
)
_STUCK_SAGAS_WITHOUT_CASE_QUERY = (
    _SAGAS_QUERY.where(
        sagas.c.state == SagaState.STUCK.value, sagas.c.kind == bindparam("kind"), ~_OPEN_ALERT_OF_SAGA_QUERY.exists()
    )
    .order_by(sagas.c.id)
    .limit(bindparam("limit", type_=Integer))
)
_INSERT_SAGA_STATEMENT = into(sagas)


def start_saga(
    conn: Connection,
    kind: str,
    subject_kind: str,
    subject_id: int,
    step: str,
    facts: Mapping[str, object],
    now: datetime,
) -> Saga | None:
    """Insert a saga of the kind `kind` about the record `subject_kind`, `subject_id`, with the facts `facts`; its
    first step `step` is due now.

    Return the saga; None if the record has an unfinished saga of this kind. Raises RunAgain if another process
    inserted a saga of this kind at the same time, and that saga has already ended.
    """
    if find_open_saga(conn, kind, subject_kind, subject_id):
        return None
    row = {
        "kind": kind,
        "subject_kind": subject_kind,
        "subject_id": subject_id,
        "state": SagaState.RUNNING.value,
        "step": step,
        "facts": _format_facts(facts),
        "begun_at": convert_to_naive_utc(now),
        "changed_at": convert_to_naive_utc(now),
        "next_at": convert_to_naive_utc(now),
    }
    try:
        saga_id = compare_and_swap.insert_and_announce(conn, SAGA_KIND, _INSERT_SAGA_STATEMENT, row, now)
    except IntegrityError:  # another process began it at the same time
        if find_open_saga(conn, kind, subject_kind, subject_id):
            return None
        raise RunAgain from None
    compare_and_swap.announce_change(conn, subject_kind, subject_id, now)
    return find(conn, saga_id)


def find(conn: Connection, saga_id: int) -> Saga | None:
    """Return a saga by its id; None if there is none."""
    return _find_first_saga(conn, _SAGA_BY_ID_QUERY, saga_id=saga_id)


def find_open_saga(conn: Connection, kind: str, subject_kind: str, subject_id: int) -> Saga | None:
    """Return the unfinished saga of this kind about a record; None if there is none."""
    return _find_first_saga(
        conn, _OPEN_SAGA_OF_SUBJECT_QUERY, kind=kind, subject_kind=subject_kind, subject_id=subject_id
    )


def find_by_subject(conn: Connection, subject_kind: str, subject_id: int) -> tuple[Saga, ...]:
    """Return all sagas of a record, oldest first."""
    return _select_sagas(conn, _SAGAS_OF_SUBJECT_QUERY, subject_kind=subject_kind, subject_id=subject_id)


def find_by_subjects(conn: Connection, subject_kind: str, subject_ids: Collection[int]) -> tuple[Saga, ...]:
    """Return all sagas of these records, oldest first."""
    if not subject_ids:
        return ()
    return _select_sagas(conn, _SAGAS_OF_SUBJECTS_QUERY, subject_kind=subject_kind, subject_ids=sorted(subject_ids))


def list_due_sagas(
    conn: Connection, now: datetime, limit: int, question_step: str = "", excluded_providers: Collection[str] = ()
) -> tuple[Saga, ...]:
    """Return at most `limit` running sagas whose next step is due, sorted by due time. The sagas of payments at
    `excluded_providers` are left out while their next step is `question_step`, the step that asks the provider."""
    return _select_sagas(
        conn,
        _DUE_SAGAS_QUERY,
        now=convert_to_naive_utc(now),
        limit=limit,
        question_step=question_step,
        excluded_providers=sorted(excluded_providers),
    )


def list_stuck_sagas_without_case(conn: Connection, kind: str, rule: str, limit: int) -> tuple[Saga, ...]:
    """Return at most `limit` stuck sagas of this kind whose record has no open case of the rule `rule` any more."""
    return _select_sagas(conn, _STUCK_SAGAS_WITHOUT_CASE_QUERY, kind=kind, rule=rule, limit=limit)


def advance_saga(
    conn: Connection,
    saga: Saga,
    now: datetime,
    step: str,
    facts: Mapping[str, object] | None = None,
    reason: str | None = None,
) -> Saga:
    """Write `step` as the saga's next step, add `facts` to the stored facts, and return the changed saga.

    The step is due now, and the number of attempts is 0 again. `reason` is the code of the reason for which the saga
    waits for this step; None if it doesn't wait. Raises StaleRow if the row has changed since `saga` was read;
    ForbiddenTransition for a saga that has ended.
    """
    merged_facts = {**saga.facts, **(facts or {})}
    return _write_change(conn, saga, now, step=step, facts=merged_facts, next_at=now, reason=reason, attempts=0)


def postpone_step(
    conn: Connection,
    saga: Saga,
    now: datetime,
    next_at: datetime,
    reason: str | None,
    facts: Mapping[str, object] | None = None,
    *,
    counts_as_attempt: bool = True,
) -> Saga:
    """Write that the saga's present step is due again at `next_at` because of `reason`, add `facts` to the stored
    facts, and return the changed saga. With `counts_as_attempt`, also increment the number of attempts.

    Raises StaleRow if the row has changed since `saga` was read; ForbiddenTransition for a saga that has ended.
    """
    merged_facts, attempts = {**saga.facts, **(facts or {})}, saga.attempts + counts_as_attempt
    return _write_change(conn, saga, now, facts=merged_facts, next_at=next_at, reason=reason, attempts=attempts)


def mark_stuck(conn: Connection, saga: Saga, now: datetime, reason: str, facts: Mapping[str, object]) -> Saga:
    """Change the saga's state to stuck, because its present step can't be done, and return the changed saga. The step
    isn't tried again until `resume_saga` is called. `reason` is the stored code of the cause; `facts` are added to
    the stored facts.

    Raises StaleRow if the row has changed since `saga` was read; ForbiddenTransition for a saga that has ended.
    """
    return _write_change(
        conn,
        saga,
        now,
        state=SagaState.STUCK,
        facts={**saga.facts, **facts},
        next_at=None,
        reason=reason,
        attempts=saga.attempts + 1,
    )


def resume_saga(conn: Connection, saga: Saga, now: datetime, facts: Mapping[str, object]) -> Saga:
    """Change the state of a stuck saga to running, and return the changed saga. Its present step is due now, and the
    number of attempts is 0 again; `facts` are added to the stored facts. The stored reason stays.

    Raises StaleRow if the row has changed since `saga` was read; ForbiddenTransition for a saga that has ended.
    """
    return _write_change(
        conn, saga, now, state=SagaState.RUNNING, facts={**saga.facts, **facts}, next_at=now, attempts=0
    )


def end_saga(conn: Connection, saga: Saga, now: datetime, state: SagaState, reason: str | None = None) -> Saga:
    """Change the saga's state to `state`, which must be final (done or compensated), and return the changed saga.

    `reason` is the code of the reason for the end; None if the end needs no reason. Raises StaleRow if the row has
    changed since `saga` was read; ForbiddenTransition for a saga that has ended, and if `state` is running or stuck.
    """
    if state in (SagaState.RUNNING, SagaState.STUCK):
        raise ForbiddenTransition("a saga ends as done or compensated")
    return _write_change(conn, saga, now, state=state, reason=reason, next_at=None, ended_at=now)


def _write_change(conn: Connection, saga: Saga, now: datetime, **values: Any) -> Saga:
    """Write `values` and the next version into the saga's row and return the changed saga. Raises StaleRow if the row
    has changed since `saga` was read; ForbiddenTransition for a saga that has ended."""
    if saga.ended_at is not None:
        raise ForbiddenTransition("a saga that has ended stays as it is")
    written_values = {**values, "changed_at": now}
    stored_values = written_values | (
        {"facts": _format_facts(written_values["facts"])} if "facts" in written_values else {}
    )
    compare_and_swap.update_if_unchanged(conn, sagas, (saga.id, saga.version), stored_values)
    compare_and_swap.announce_change(conn, SAGA_KIND, saga.id, now)
    compare_and_swap.announce_change(conn, saga.subject_kind, saga.subject_id, now)
    return replace(saga, **written_values, version=saga.version + 1)


def _format_facts(facts: Mapping[str, object]) -> str:
    return json.dumps(dict(facts), ensure_ascii=False, sort_keys=True)


def _parse_facts(text: str) -> Mapping[str, object]:
    """Return the stored facts of a saga from their JSON text. Raises ValueError if the text isn't a JSON object."""
    facts = json.loads(text)
    if not isinstance(facts, dict):
        raise ValueError("facts are an object")
    return facts


def _find_first_saga(conn: Connection, query: Select[Any], **values: object) -> Saga | None:
    return next(iter(_select_sagas(conn, query, **values)), None)


def _select_sagas(conn: Connection, query: Select[Any], **values: object) -> tuple[Saga, ...]:
    return unreadable_rows.select_readable_records(conn, query, values, _read_readable_rows)


def _read_readable_rows(rows: Sequence[Row[Any]]) -> tuple[Saga, ...]:
    return unreadable_rows.read_readable_rows(
        SAGA_KIND, rows, lambda row: _make_saga(*row), lambda row: (row.subject_kind, row.subject_id)
    )


def _make_saga(
    saga_id: int, kind: str, subject_kind: str, subject_id: int, state: str, step: str, facts: str,
    begun_at: datetime,
    changed_at: datetime, reason: str | None, next_at: datetime | None, attempt_count: int, ended_at: datetime | None,
    version: int,
) -> Saga:  # fmt: skip
    return Saga(
        saga_id,
        kind,
        subject_kind,
        subject_id,
        SagaState(state),
        step,
        _parse_facts(facts),
        convert_to_aware_utc(begun_at),
        convert_to_aware_utc(changed_at),
        reason,
        read_as_utc(next_at),
        attempt_count,
        read_as_utc(ended_at),
        version,
    )
