"""Tests of the rows of sagas: a record has one unfinished saga of each kind, which advances step by step, and its end
is final."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection

from console.domain.tasks.records import Saga
from console.domain.tasks.states import SagaState
from console.domain.transitions.tables import ForbiddenTransition
from console.store.alerts import alerts
from console.store.database import change_feed
from console.store.database.engine import Database
from console.store.tasks import sagas
from tests.store.concurrent_transactions import run_at_once
from tests.store.money_rows import NOW

FIVE_MINUTES_LATER = NOW + timedelta(minutes=5)
SAGA_KIND = "payment_timeout"


def start_saga(conn: Connection, payment: int = 1, kind: str = SAGA_KIND) -> Saga:
    saga = sagas.start_saga(conn, kind, "payment", payment, "ask", {"asked": 1}, NOW)
    assert saga is not None
    return saga


def test_a_record_has_one_unfinished_saga_of_a_kind(person_connection: Connection) -> None:
    """A record has at most one unfinished saga of a kind. After its end another saga may begin. All of them remain
    stored.
    """
    first = start_saga(person_connection)
    assert sagas.start_saga(person_connection, SAGA_KIND, "payment", 1, "ask", {}, FIVE_MINUTES_LATER) is None
    assert (
        sagas.find_open_saga(person_connection, SAGA_KIND, "payment", 1)
        == first
        == sagas.find(person_connection, first.id)
    )
    other = start_saga(person_connection, kind="other")
    done = sagas.end_saga(person_connection, first, NOW, SagaState.DONE)
    assert sagas.find_open_saga(person_connection, SAGA_KIND, "payment", 1) is None
    assert sagas.find_by_subject(person_connection, "payment", 1) == (done, other)
    assert sagas.find_by_subject(person_connection, "payment", 1) != (done, other, start_saga(person_connection))


def test_a_saga_advances_step_by_step(person_connection: Connection) -> None:
    """Each function that changes a saga returns it as it is stored: with the next step, the added facts, and the
    attempts of the present step.
    """
    saga = sagas.postpone_step(
        person_connection, start_saga(person_connection), NOW, FIVE_MINUTES_LATER, "provider_down"
    )
    assert sagas.find(person_connection, saga.id) == saga
    assert (saga.attempts, saga.reason, saga.next_at) == (1, "provider_down", FIVE_MINUTES_LATER)
    saga = sagas.advance_saga(person_connection, saga, FIVE_MINUTES_LATER, "expire", {"answer": "未払い"})
    assert sagas.find(person_connection, saga.id) == saga
    assert (saga.step, saga.attempts, saga.reason) == ("expire", 0, None)
    assert saga.facts == {"asked": 1, "answer": "未払い"}
    saga = sagas.end_saga(person_connection, saga, FIVE_MINUTES_LATER, SagaState.DONE, "order_paid")
    assert sagas.find(person_connection, saga.id) == saga
    assert (saga.ended_at, saga.next_at, saga.reason) == (FIVE_MINUTES_LATER, None, "order_paid")


def test_a_stuck_saga_is_not_ended(person_connection: Connection) -> None:
    """A stuck saga isn't due, and prevents another saga of its kind for the record. After a person resumes it, it is
    due at once, at the step at which it was stuck."""
    saga = sagas.mark_stuck(person_connection, start_saga(person_connection), NOW, "trouble", {"faults": 4})
    assert sagas.find(person_connection, saga.id) == saga
    assert (saga.state, saga.ended_at, saga.next_at, saga.facts["faults"]) == (SagaState.STUCK, None, None, 4)
    assert sagas.list_due_sagas(person_connection, FIVE_MINUTES_LATER, 10) == ()
    assert sagas.start_saga(person_connection, saga.kind, saga.subject_kind, saga.subject_id, "ask", {}, NOW) is None
    with pytest.raises(ForbiddenTransition):
        sagas.end_saga(person_connection, saga, FIVE_MINUTES_LATER, SagaState.STUCK)
    assert sagas.list_stuck_sagas_without_case(person_connection, saga.kind, "case", 10) == (saga,)
    alerts.raise_alert(person_connection, "case", saga.subject_kind, saga.subject_id, None, "x", "y", NOW)
    assert sagas.list_stuck_sagas_without_case(person_connection, saga.kind, "case", 10) == ()
    resumed = sagas.resume_saga(person_connection, saga, FIVE_MINUTES_LATER, {"faults": 0})
    assert (resumed.state, resumed.step, resumed.attempts) == (SagaState.RUNNING, saga.step, 0)
    assert sagas.list_due_sagas(person_connection, FIVE_MINUTES_LATER, 10) == (resumed,)


def test_a_saga_is_due_after_each_step(person_connection: Connection) -> None:
    """A saga is due when it begins and after each step, so that another process can continue it. The saga that has
    been due longest comes first."""
    one, two, three = (start_saga(person_connection, payment) for payment in (1, 2, 3))
    two = sagas.postpone_step(person_connection, two, NOW, FIVE_MINUTES_LATER, None)
    sagas.end_saga(person_connection, three, NOW, SagaState.COMPENSATED)
    assert sagas.list_due_sagas(person_connection, NOW, 9) == (one,)
    assert sagas.list_due_sagas(person_connection, FIVE_MINUTES_LATER, 9) == (one, two)
    assert sagas.list_due_sagas(person_connection, FIVE_MINUTES_LATER, 1) == (one,)


def test_a_process_with_an_old_version_writes_no_step(person_connection: Connection) -> None:
    """If two processes run the same step of a saga, the second one gets StaleRow when it stores the result."""
    saga = start_saga(person_connection)
    gone_on = sagas.advance_saga(person_connection, saga, NOW, "expire")
    with pytest.raises(sagas.StaleRow):
        sagas.advance_saga(person_connection, saga, NOW, "expire")
    with pytest.raises(sagas.StaleRow):
        sagas.postpone_step(person_connection, saga, NOW, FIVE_MINUTES_LATER, None)
    with pytest.raises(sagas.StaleRow):
        sagas.end_saga(person_connection, saga, NOW, SagaState.DONE)
    assert sagas.find(person_connection, saga.id) == gone_on


def test_an_ended_saga_never_changes(person_connection: Connection) -> None:
    """A change of an ended saga is refused, and `running` isn't accepted as the state of an end."""
    with pytest.raises(ForbiddenTransition):
        sagas.end_saga(person_connection, start_saga(person_connection), NOW, SagaState.RUNNING)
    ended = sagas.end_saga(person_connection, start_saga(person_connection, 2), NOW, SagaState.DONE)
    with pytest.raises(ForbiddenTransition):
        sagas.advance_saga(person_connection, ended, NOW, "ask")
    with pytest.raises(ForbiddenTransition):
        sagas.postpone_step(person_connection, ended, NOW, FIVE_MINUTES_LATER, None)
    with pytest.raises(ForbiddenTransition):
        sagas.end_saga(person_connection, ended, NOW, SagaState.COMPENSATED)


def test_each_change_of_a_saga_is_in_the_change_feed(person_connection: Connection) -> None:
    """A change of a saga adds two entries to the change feed: one for the saga, and one for the record whose page
    shows it.
    """
    mark, _ = change_feed.list_changes_since(person_connection, None)
    saga = start_saga(person_connection)
    mark, changes = change_feed.list_changes_since(person_connection, mark)
    assert set(changes) == {("saga", saga.id), ("payment", 1)}
    sagas.advance_saga(person_connection, saga, NOW, "expire")
    assert set(change_feed.list_changes_since(person_connection, mark)[1]) == {("saga", saga.id), ("payment", 1)}


@pytest.mark.engines("sqlite", "mariadb", "galera")
def test_simultaneous_beginnings_create_one_saga(databases: tuple[Database, ...]) -> None:
    """If many processes begin or advance the same saga at the same moment, exactly one begins it and exactly one
    advances it.
    """
    begun = [saga for saga in run_at_once(databases, lambda tx, _: _start_saga(tx.conn)) if saga]
    assert len(begun) == 1

    def advance_saga(conn: Connection) -> bool:
        try:
            sagas.advance_saga(conn, begun[0], NOW, "expire")
        except sagas.StaleRow:
            return False
        return True

    assert sum(run_at_once(databases, lambda tx, _: advance_saga(tx.conn))) == 1
    with databases[0].read() as conn:
        assert [saga.version for saga in sagas.find_by_subject(conn, "payment", 1)] == [2]


def _start_saga(conn: Connection) -> Saga | None:
    return sagas.start_saga(conn, SAGA_KIND, "payment", 1, "ask", {}, NOW)
