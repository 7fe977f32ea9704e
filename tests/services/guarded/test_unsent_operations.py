"""An operation was prepared but its call was never sent: the desk records it as not sent. A process that continues
the operation later sends nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from console.app import Console
from console.domain.errors import ErrorCode, rebuild_error
from console.domain.records import CreditCheck, PurchaseRequest
from console.services.guarded import unsent_operations
from console.services.process.failpoints import Failpoints
from console.store.spool.spool import Intent, SpoolState
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.invented import invent_numbers
from tests.support.places import Place
from tests.support.quick_desks import ManualClock
from tests.support.refusals import call_for_refusal

(CORPORATION_NUMBER,) = invent_numbers(1)
LONGER_THAN_A_LEASE = timedelta(minutes=5)


@pytest.fixture
def console(place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock) -> Iterator[Console]:
    with place.desk(alarmbox, hand_clock) as desk:
        yield desk


def buy_check(console: Console) -> CreditCheck:
    return console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1"))


def read_single_record(console: Console) -> CreditCheck:
    """Return the only credit check of the number CORPORATION_NUMBER."""
    (record,) = console.lookup.find_records(CORPORATION_NUMBER).credit_checks
    return record


class FailpointsWithSleepAfterClaim(Failpoints):
    """Failpoints at which the thread sleeps once, after the claim and before the intent. During the sleep they call
    `meanwhile`.
    """

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__(None)
        self._meanwhile = meanwhile
        self._slept = False

    def reach(self, name: str) -> None:
        if name == "after_tx1" and not self._slept:
            self._slept = True
            self._meanwhile()


def test_a_process_that_slept_past_its_lease_sends_nothing(
    place: Place, console: Console, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock
) -> None:
    """A process sleeps after its claim until its lease has expired. Meanwhile the desk records that nothing was sent,
    and another process buys the number. When the first process wakes up, it sends nothing.
    """

    def act_during_sleep() -> None:
        hand_clock.at += LONGER_THAN_A_LEASE
        with place.desk(alarmbox, hand_clock) as other:
            assert (read_single_record(other).state, read_single_record(other).certainty) == ("error", "known")
            assert buy_check(other).state == "success"

    console._context.failpoints = FailpointsWithSleepAfterClaim(act_during_sleep)
    late = call_for_refusal(lambda: buy_check(console))
    assert (late.code, late.exit_status, late.detail["reason"]) == ("interrupted", 6, "told_not_sent")
    assert len(alarmbox.charges) == 1
    assert [one.state for one in console.lookup.find_records(CORPORATION_NUMBER).credit_checks] == [
        "success",
        "error",
    ]
    console._context.failpoints = Failpoints(None)
    assert console._context.spool.list_unsent_entries(console._context.database_id) == ()


def test_a_prepared_operation_with_a_valid_lease_is_not_ended(
    place: Place, console: Console, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock
) -> None:
    """The lease of a prepared operation is still valid: opening the desk again and running its due tasks don't change
    the operation.
    """

    def open_other_desk_during_lease() -> None:
        with place.desk(alarmbox, hand_clock) as other:
            other.recovery.run_all_tasks()
            assert [one.state for one in other._context.spool.list_unsent_entries(other._context.database_id)] == [
                SpoolState.PREPARED
            ]

    console._context.failpoints = FailpointsWithSleepAfterClaim(open_other_desk_during_lease)
    assert buy_check(console).state == "success"
    assert len(alarmbox.charges) == 1


class FailpointsWithKillAfterClaim(Failpoints):
    """Failpoints that end the thread after the claim and before the intent, as a kill of the process would: nothing
    is written afterwards.
    """

    def __init__(self, console: Console, patch: pytest.MonkeyPatch) -> None:
        super().__init__(None)
        self._console, self._patch = console, patch

    def reach(self, name: str) -> None:
        if name == "after_tx1":
            self._patch.setattr(self._console.database, "write", _raise_killed)
            self._patch.setattr(self._console._context.spool, "store_answer", _raise_killed)
            raise ProcessKilled


class ProcessKilled(BaseException):
    """Exception that simulates the end of the process by kill -9."""


def _raise_killed(*_: object) -> object:
    """Always raise the exception that simulates the end of the process by kill -9."""
    raise ProcessKilled


@pytest.mark.parametrize("action_name", ["due tasks", "probe", "resolve"])
def test_any_action_at_an_open_desk_ends_an_unsent_operation(
    console: Console, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock, action_name: str
) -> None:
    """A thread died between the claim and the intent of a purchase. The desk's due tasks, a probe or a person's
    decision record that nothing was sent; the person's decision itself is refused.
    """
    with pytest.MonkeyPatch.context() as patch:
        console._context.failpoints = FailpointsWithKillAfterClaim(console, patch)
        with pytest.raises(ProcessKilled):
            buy_check(console)
    console._context.failpoints = Failpoints(None)
    hand_clock.at += LONGER_THAN_A_LEASE
    assert (read_single_record(console).certainty, read_single_record(console).work.reason) == ("unknown", "lapsed")
    record = read_single_record(console).id
    if action_name == "due tasks":
        console.recovery.run_all_tasks()
    elif action_name == "probe":
        assert console.credit_checks.probe(record).state == "error"
    else:
        decided = call_for_refusal(
            lambda: console.recovery.resolve("credit-check", record, "error", "their list is empty")
        )
        assert decided.code == "nothing_to_resolve"
    assert (read_single_record(console).state, read_single_record(console).certainty, alarmbox.charges) == (
        "error",
        "known",
        [],
    )
    assert buy_check(console).state == "success"


@pytest.mark.expects_log("what could not be told is told later")
def test_an_unsent_operation_stays_unknown_until_its_record_is_accepted(
    console: Console, hand_clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database refuses to store that nothing was sent for a purchase: the outcome stays unknown, so that people
    can decide about it, and the desk later tries again to store the fact.
    """
    with pytest.MonkeyPatch.context() as patch:
        console._context.failpoints = FailpointsWithKillAfterClaim(console, patch)
        with pytest.raises(ProcessKilled):
            buy_check(console)
    console._context.failpoints = Failpoints(None)
    hand_clock.at += LONGER_THAN_A_LEASE
    with monkeypatch.context() as refusing:
        refusing.setattr("console.services.credit_checks.outcomes._settle_by_answer", _raise_not_allowed)
        console.recovery.run_all_tasks()
        assert read_single_record(console).certainty == "unknown"
    console.recovery.run_all_tasks()
    assert (read_single_record(console).state, read_single_record(console).certainty) == ("error", "known")


def _raise_not_allowed(*_: object) -> bool:
    """Raise the error `not_allowed`, as if the database refused the write; never return True or False."""
    raise rebuild_error(ErrorCode.NOT_ALLOWED, {"reason": "role"})


def test_a_claim_that_was_never_committed_is_forgotten(
    place: Place, console: Console, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock
) -> None:
    """The spool has an entry of a prepared operation whose row isn't in the database. The desk deletes the entry
    after an hour, because until then the COMMIT may still be executed. An entry for another database isn't deleted.
    """
    context = console._context
    mine = _make_intent(context.database_id, "op-1", console)
    context.spool.store_intent(mine)
    context.spool.store_intent(_make_intent("another database", "op-2", console))
    console.recovery.run_all_tasks()
    assert len(context.spool.list_unsent_entries(context.database_id)) == 1
    hand_clock.at += timedelta(hours=2)
    console.recovery.run_all_tasks()
    assert context.spool.list_unsent_entries(context.database_id) == ()
    assert len(context.spool.list_unsent_entries("another database")) == 1
    assert not context.spool.mark_calling("op-1")


def test_an_action_of_another_version_stops_no_other_operation(
    console: Console, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest unsent operation has an action that this program version doesn't know. The next one is settled."""
    context = console._context
    with pytest.MonkeyPatch.context() as patch:
        context.failpoints = FailpointsWithKillAfterClaim(console, patch)
        with pytest.raises(ProcessKilled):
            buy_check(console)
    context.failpoints = Failpoints(None)
    hand_clock.at += LONGER_THAN_A_LEASE
    (unsent,) = unsent_operations.find_unsent_operations(context)
    of_other_version = replace(unsent, intent=replace(unsent.intent, operation_id="op-other", action="newer.action"))
    monkeypatch.setattr(unsent_operations, "find_unsent_operations", lambda _context: (of_other_version, unsent))
    console.recovery.run_all_tasks()
    assert (read_single_record(console).state, alarmbox.charges) == ("error", [])


def _make_intent(database_id: str, operation_id: str, console: Console) -> Intent:
    """Return the spool's intent of a purchase."""
    at = console._context.now()
    sent = ("credit-check.purchase", "1", CORPORATION_NUMBER, 1, "op-a", "desk", at, "f")
    return replace(Intent(operation_id, database_id, *sent), at=at)
