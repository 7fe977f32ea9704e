"""Tests of the rows of reconciliations. One run at a time covers the same days, it continues where it stopped, its
counts only rise, and its end is final."""

from datetime import date, timedelta
from typing import Any, Protocol

import pytest
from sqlalchemy import Connection

from console.domain.tasks.records import ReconciliationDifference, ReconciliationVerdict
from console.domain.transitions.tables import ForbiddenTransition
from console.store.database import change_feed
from console.store.database.engine import Database
from console.store.reconciliation import runs as reconciliations
from console.store.reconciliation.runs import ReconciliationRun
from tests.store.concurrent_transactions import run_at_once
from tests.store.money_rows import NOW
from tests.support.places import FIRST_PERSON

FIRST_DAY, LAST_DAY = date(2026, 11, 1), date(2026, 11, 2)
FIVE_MINUTES_LATER = NOW + timedelta(minutes=5)


class BeginRun(Protocol):
    def __call__(self, provider: str = "paypay", last_day: date = LAST_DAY) -> ReconciliationRun: ...


@pytest.fixture
def begin_run(person_connection: Connection, acting_person: str) -> BeginRun:
    """Return a function that begins a run, or returns the unfinished run of the same days."""

    def open_run(provider: str = "paypay", last_day: date = LAST_DAY) -> ReconciliationRun:
        run = reconciliations.find(
            person_connection,
            reconciliations.open_run(person_connection, provider, FIRST_DAY, last_day, acting_person, NOW),
        )
        assert run is not None
        return run

    return open_run


def test_a_second_call_continues_the_run_of_the_same_days(
    person_connection: Connection, begin_run: BeginRun, acting_person: str
) -> None:
    """A second call for the same provider and days returns the unfinished run. Other days and other providers have
    runs of their own. After the end of the run, a call begins a new run.
    """
    run = begin_run()
    assert (run.state, run.phase, run.from_day, run.to_day, run.asked_by) == (
        "running",
        "theirs",
        FIRST_DAY,
        LAST_DAY,
        acting_person,
    )
    assert begin_run() == run
    others = begin_run(last_day=FIRST_DAY), begin_run("atom")
    assert reconciliations.list_unfinished_runs(person_connection, "paypay") == (run, others[0])
    ended = reconciliations.save_progress(
        person_connection, run, FIVE_MINUTES_LATER, state=reconciliations.DONE_RUN_STATE
    )
    assert begin_run().id > others[1].id
    assert reconciliations.find(person_connection, run.id) == ended


def test_saved_progress_of_a_run_is_read_back(person_connection: Connection, begin_run: BeginRun) -> None:
    """The saved progress of a run is read back unchanged. A process that has read an older version can't save
    progress.
    """
    run = begin_run()
    saved = reconciliations.save_progress(
        person_connection, run, FIVE_MINUTES_LATER, phase="ours", position="id 7", matched=3, different_amount=1
    )
    assert reconciliations.find(person_connection, run.id) == saved
    assert (saved.phase, saved.position, saved.matched, saved.different_amount) == ("ours", "id 7", 3, 1)
    with pytest.raises(reconciliations.StaleRow):
        reconciliations.save_progress(person_connection, run, FIVE_MINUTES_LATER, matched=9)


@pytest.mark.parametrize("values", [{"matched": 2}, {"provider": "atom"}, {"asked_by": "x"}, {"ended_at": NOW}])
def test_a_count_of_a_run_never_falls(
    person_connection: Connection, begin_run: BeginRun, values: dict[str, Any]
) -> None:
    """A lower count, or a change of the run's provider, days or person, raises ForbiddenTransition."""
    run = reconciliations.save_progress(person_connection, begin_run(), NOW, matched=3)
    with pytest.raises(ForbiddenTransition):
        reconciliations.save_progress(person_connection, run, NOW, **values)


@pytest.mark.parametrize("state", [reconciliations.DONE_RUN_STATE, reconciliations.FAILED_RUN_STATE])
def test_an_ended_run_never_changes(person_connection: Connection, begin_run: BeginRun, state: str) -> None:
    """An ended run has the time of its end, and a further change is refused."""
    ended = reconciliations.save_progress(
        person_connection, begin_run(), FIVE_MINUTES_LATER, state=state, reason="x", evidence_id=5
    )
    assert reconciliations.find(person_connection, ended.id) == ended
    assert (ended.ended_at, ended.evidence_id, ended.reason) == (FIVE_MINUTES_LATER, 5, "x")
    with pytest.raises(ForbiddenTransition):
        reconciliations.save_progress(person_connection, ended, FIVE_MINUTES_LATER, matched=9)


def test_a_payment_has_one_difference_per_run(person_connection: Connection, begin_run: BeginRun) -> None:
    """Each payment has at most one difference in a run, and the differences are read in pages."""
    run = begin_run().id
    differences = [
        ReconciliationDifference(
            f"ORD-{n}", ReconciliationVerdict.MISSING_THERE, n, "completed 300", None, case_opened=n == 2
        )
        for n in range(3)
    ]
    assert all(reconciliations.add_difference(person_connection, run, one) for one in differences)
    assert not reconciliations.add_difference(
        person_connection, run, ReconciliationDifference("ORD-1", ReconciliationVerdict.IMPORTED, None, None, "x")
    )
    one, two, three = reconciliations.list_differences(person_connection, run)
    assert [(each.row_key, each.verdict, each.payment_id) for each in (one, two)] == [
        ("ORD-0", ReconciliationVerdict.MISSING_THERE, 0),
        ("ORD-1", ReconciliationVerdict.MISSING_THERE, 1),
    ]
    assert [each.case_opened for each in (one, two, three)] == [False, False, True]
    assert reconciliations.list_differences(person_connection, run, one.id, 1) == (two,)
    assert reconciliations.add_difference(person_connection, begin_run("atom").id, differences[0])


def test_the_latest_runs_are_listed_newest_first(person_connection: Connection, begin_run: BeginRun) -> None:
    """The latest runs of one provider or of all providers are listed from the newest to the oldest. Each change of a
    run is in the change feed."""
    mark, _ = change_feed.list_changes_since(person_connection, None)
    one, two, three = begin_run(), begin_run("atom"), begin_run(last_day=FIRST_DAY)
    assert reconciliations.list_latest_runs(person_connection, "paypay", 9) == (three, one)
    assert reconciliations.list_latest_runs(person_connection, None, 2) == (three, two)
    assert set(change_feed.list_changes_since(person_connection, mark)[1]) == {
        ("reconciliation", run.id) for run in (one, two, three)
    }


@pytest.mark.engines("sqlite", "mariadb", "galera")
def test_simultaneous_beginnings_return_one_run(databases: tuple[Database, ...]) -> None:
    """Many processes begin a run of the same days at the same moment, and all of them get the same run."""
    person = databases[0].account_name or FIRST_PERSON
    given = run_at_once(
        databases, lambda tx, _: reconciliations.open_run(tx.conn, "paypay", FIRST_DAY, LAST_DAY, person, NOW)
    )
    assert len(set(given)) == 1
    row = ReconciliationDifference("ORD-1", ReconciliationVerdict.IMPORTED, None, None, "x")
    assert sum(run_at_once(databases, lambda tx, _: reconciliations.add_difference(tx.conn, given[0], row))) == 1
