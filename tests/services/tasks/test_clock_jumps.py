"""Tests of a desk whose clock jumps by a day forward or back during work: nothing is lost, and nothing is done
twice.
"""

from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.records import CreditCheck, PurchaseRequest, WorkState
from console.domain.tasks.records import Saga
from console.services.process.context import WORKER, act_as
from console.services.tasks.clock_jumps import ClockJumpCorrection
from console.store.database.engine import Transaction
from console.store.tasks import sagas
from tests.support import bulk_stage
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.invented import invent_numbers
from tests.support.places import Place
from tests.support.quick_desks import ManualClock

CORPORATION_NUMBER_BEFORE_JUMP, CORPORATION_NUMBER_DURING_JUMP, CORPORATION_NUMBER_AFTER_JUMP = (
    CORPORATION_NUMBERS
) = invent_numbers(3, seed=24)
ONE_DAY = timedelta(days=1)


def buy_without_answer(console: Console, number: str) -> None:
    """Buy a credit check of the corporation number and ignore the error about the missing answer."""
    with suppress(ConsoleError):
        console.credit_checks.purchase(PurchaseRequest(number, "1"))


def read_record(console: Console, number: str) -> CreditCheck:
    """Return the only record of the corporation number."""
    (record,) = console.lookup.find_records(number).credit_checks
    return record


@pytest.mark.parametrize("jump", [ONE_DAY, -ONE_DAY], ids=["forth", "back"])
def test_a_clock_jump_loses_and_doubles_no_purchase(
    place: Place,
    alarmbox: InMemoryAlarmBox,
    hand_clock: ManualClock,
    jump: timedelta,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Purchases before, during and after the jump get no answer. Each is charged once, and a probe finds it or it
    waits for a person. The purchases that were made while the clock was right are found.
    """
    clock_error = [timedelta()]
    monkeypatch.setattr(hand_clock, "now", lambda: hand_clock.at + clock_error[0])
    alarmbox.lists_purchases, alarmbox.behaviour = True, "silent_after_charge"
    with place.desk(alarmbox, hand_clock) as console:
        for number, wrong in zip(CORPORATION_NUMBERS, (timedelta(), jump, timedelta()), strict=True):
            clock_error[0] = wrong
            buy_without_answer(console, number)
            console.recovery.run_due_tasks()
        for _ in range(20):
            hand_clock.at += timedelta(hours=8)
            console.recovery.run_due_tasks()
        records = [read_record(console, number) for number in CORPORATION_NUMBERS]
        assert [charge.number for charge in alarmbox.charges] == list(CORPORATION_NUMBERS)
        assert [(records[i].state, records[i].certainty) for i in (0, 2)] == [("success", "known")] * 2
        assert records[1].certainty == "known" or records[1].work.state is WorkState.NEEDS_REVIEW
        assert {task.error_code for task in console.scheduler.read_task_states()} == {None}
        assert all(
            task.next_at <= hand_clock.at + timedelta(hours=1) for task in console.scheduler.read_task_states()
        )
        console.audit.verify_chains()


@pytest.mark.engines("mariadb")
def test_a_worker_with_a_clock_behind_makes_nothing_due(
    place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A desk with a right clock has scheduled the next probe of a record. A worker whose clock is behind doesn't
    change this schedule. Otherwise each run of the worker would cause a probe, and the schedule of several days would
    end within minutes.
    """
    alarmbox.lists_purchases, alarmbox.behaviour = True, "silent_after_charge"
    hand_clock.at = datetime.now(UTC)
    with place.desk(alarmbox, hand_clock) as console:
        buy_without_answer(console, CORPORATION_NUMBER_BEFORE_JUMP)
        before = read_record(console, CORPORATION_NUMBER_BEFORE_JUMP)
        with act_as(WORKER):
            correction = ClockJumpCorrection(console._context)
            monkeypatch.setattr(hand_clock, "now", lambda: hand_clock.at - timedelta(minutes=10))
            assert correction.make_future_dated_rows_due() == 0
        assert read_record(console, CORPORATION_NUMBER_BEFORE_JUMP).work == before.work
        assert before.work.state is WorkState.SCHEDULED


def test_a_postponed_record_is_due_after_a_clock_jump(
    place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record and a saga that were postponed while the clock was a day ahead become due once. Those that were
    postponed by a right clock do not change.
    """
    hand_clock.at = datetime.now(UTC)  # on a server, rows count as written by a wrong clock by the server's time
    clock_error = [timedelta()]
    monkeypatch.setattr(hand_clock, "now", lambda: hand_clock.at + clock_error[0])
    alarmbox.lists_purchases, alarmbox.behaviour = True, "silent_after_charge"
    with place.desk(alarmbox, hand_clock) as console:
        context = console._context

        def start_postponed_saga(tx: Transaction, payment_id: int) -> Saga:
            made = sagas.start_saga(tx.conn, "timeout", "payment", payment_id, "ask", {}, context.now())
            assert made is not None
            return sagas.postpone_step(tx.conn, made, context.now(), context.now() + ONE_DAY, "away")

        for subject, (number, wrong) in enumerate(
            ((CORPORATION_NUMBER_BEFORE_JUMP, timedelta()), (CORPORATION_NUMBER_DURING_JUMP, ONE_DAY)), 1
        ):
            clock_error[0] = wrong
            buy_without_answer(console, number)
            context.write(lambda tx, payment_id=subject: start_postponed_saga(tx, payment_id))  # type: ignore[misc]  # of this turn
        clock_error[0], waits = timedelta(), read_record(console, CORPORATION_NUMBER_BEFORE_JUMP).work
        with act_as(WORKER):
            assert [ClockJumpCorrection(context).make_future_dated_rows_due() for _ in range(2)] == [2, 0]
        with context.database.read() as conn:
            assert [saga.subject_id for saga in sagas.list_due_sagas(conn, context.now(), 9)] == [2]
        assert (
            read_record(console, CORPORATION_NUMBER_DURING_JUMP).work.at,
            read_record(console, CORPORATION_NUMBER_BEFORE_JUMP).work,
        ) == (
            context.now(),
            waits,
        )


@pytest.mark.parametrize("jump", [ONE_DAY, -ONE_DAY], ids=["forth", "back"])
@pytest.mark.engines("sqlite")
def test_a_bulk_run_continues_after_a_clock_jump(
    place: Place, hand_clock: ManualClock, jump: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bulk run that was created before a jump of the clock, and executed during and after it, executes each row
    once.
    """
    clock_error, alarmbox = [timedelta()], bulk_stage.make_alarmbox(4)
    monkeypatch.setattr(hand_clock, "now", lambda: hand_clock.at + clock_error[0])
    with place.desk(alarmbox, hand_clock) as console:
        rows = bulk_stage.insert_unknown_checks(console, bulk_stage.make_corporation_numbers(4))
        run = console.bulk_runs.create_run("probe", rows)
        for wrong, most in ((timedelta(), 1), (jump, 3), (timedelta(), 4)):
            clock_error[0] = wrong
            assert console.bulk_runs.run(run.id, most).done == most
        assert [row.result for row in console.bulk_runs.list_rows(run.id)] == ["done"] * 4
        assert bulk_stage.count_bought_entries(place) == {row.id: 1 for row in rows}
        assert Counter(alarmbox.call_counts).total() == 4
        console.audit.verify_chains()
