"""Tests of failures at every step of a purchase: after each failure the record agrees with the charges at
AlarmBox.
"""

from asyncio import CancelledError
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from console.app import Console
from console.domain.errors import ConsoleError, ErrorCode, rebuild_error
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import CheckReport, CreditCheck, PurchaseRequest
from console.services.credit_checks.purchase import PURCHASE_ACTION
from console.services.guarded.operation import ClaimedRecord
from console.store.database.engine import Transaction
from console.wording.sentences.catalogue import format_error_message
from tests.support.in_memory_alarmbox import Behaviour, Charge, InMemoryAlarmBox
from tests.support.invented import invent_numbers
from tests.support.places import Place
from tests.support.quick_desks import ManualClock
from tests.support.refusals import call_for_refusal
from tests.support.simulated_crash import SimulatedCrash, simulate_crash
from tests.support.truth import read_check_rows

FIRST_NUMBER, SECOND_NUMBER = invent_numbers(2)


@pytest.fixture
def clock(hand_clock: ManualClock) -> ManualClock:
    return hand_clock


@pytest.fixture
def console(place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock) -> Iterator[Console]:
    with place.desk(alarmbox, clock) as desk:
        yield desk


def buy_check(console: Console, number: str = FIRST_NUMBER, client: str = "1", *, renew: bool = False) -> CreditCheck:
    return console.credit_checks.purchase(PurchaseRequest(number, client, renew=renew))


def read_single_record(console: Console, number: str = FIRST_NUMBER) -> CreditCheck:
    """Return the only record of the number."""
    (record,) = console.lookup.find_records(number).credit_checks
    return record


def delete_row(place: Place, record: CreditCheck) -> None:
    """Delete the row of the record."""
    place.sql(f"DELETE FROM hansha_alarmbox_credit_checks WHERE id = {record.id}")


def break_writes(monkeypatch: pytest.MonkeyPatch, console: Console) -> None:
    """Make every later write to the database fail."""

    def raise_database_locked(*_: object) -> object:
        raise rebuild_error(ErrorCode.DATABASE_LOCKED, {"problem": "taken by a test"})

    monkeypatch.setattr(console.database, "write", raise_database_locked)


def break_database(monkeypatch: pytest.MonkeyPatch, console: Console) -> None:
    """Make every later read and write of the database fail."""
    break_writes(monkeypatch, console)
    monkeypatch.setattr(console.database, "read", console.database.write)


# Progress is somebody else's code


@pytest.mark.expects_log("progress that raises is told")
@pytest.mark.parametrize("step", ["answered", "detail", "pdf"])
def test_progress_that_raises_loses_no_answer(console: Console, alarmbox: InMemoryAlarmBox, step: str) -> None:
    """The progress function of a purchase raises an error after the call has begun: the purchase is still recorded as
    a success.
    """

    def raise_at_step(code: str) -> None:
        if code == step:
            raise RuntimeError("the window is gone")

    console.credit_checks.purchase(PurchaseRequest(FIRST_NUMBER, "1"), raise_at_step)
    assert (read_single_record(console).state, len(alarmbox.charges)) == ("success", 1)


def test_progress_that_raises_before_the_call_sends_nothing(console: Console, alarmbox: InMemoryAlarmBox) -> None:
    """The progress function of a purchase raises an error just before the call: the call isn't sent, and the number
    can be bought again.
    """

    def leave_when_asking(code: str) -> None:
        if code == "asking":
            raise RuntimeError("left")

    with pytest.raises(RuntimeError, match="left"):
        console.credit_checks.purchase(PurchaseRequest(FIRST_NUMBER, "1"), leave_when_asking)
    assert (read_single_record(console).state, read_single_record(console).certainty, alarmbox.charges) == (
        "error",
        "known",
        [],
    )
    assert buy_check(console).state == "success"


# The database goes away


@pytest.mark.expects_log("the database is taken away")
def test_a_success_is_returned_despite_an_unreadable_record(
    console: Console, alarmbox: InMemoryAlarmBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database fails as soon as the success of a purchase is recorded: the caller still gets the record."""

    def break_at_detail(code: str) -> None:
        if code == "detail":
            break_database(monkeypatch, console)

    record = console.credit_checks.purchase(PurchaseRequest(FIRST_NUMBER, "1"), break_at_detail)
    monkeypatch.undo()
    assert (record.state, record.certainty, record.credit_check_id) == ("success", "known", 1)
    assert (record.id, record.incomplete) == (read_single_record(console).id, ("pdf",))


@pytest.mark.expects_log("the database is taken away")
def test_an_answer_that_cannot_be_recorded_waits_on_the_desk(
    console: Console, alarmbox: InMemoryAlarmBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database fails during the call of a purchase: the caller gets `outcome_unknown` with the record. The next
    due tasks deliver the answer from the spool.
    """
    alarmbox.during_call = lambda: break_writes(monkeypatch, console)
    lost = call_for_refusal(lambda: buy_check(console))
    monkeypatch.undo()
    alarmbox.during_call = lambda: None
    assert (lost.code, lost.exit_status) == ("outcome_unknown", 4)
    record = lost.detail["record"]
    assert isinstance(record, CreditCheck)
    assert (record.id, record.certainty) == (read_single_record(console).id, "unknown")
    assert call_for_refusal(lambda: buy_check(console)).code == "already_purchased"
    console.recovery.run_all_tasks()
    assert (
        read_single_record(console).state,
        read_single_record(console).credit_check_id,
        len(alarmbox.charges),
    ) == (
        "success",
        1,
        1,
    )


@pytest.mark.expects_log("the disk is full")
def test_an_answer_that_cannot_be_stored_has_its_own_error(
    console: Console, alarmbox: InMemoryAlarmBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the database nor the spool can store AlarmBox's answer. The error has the reason `not_kept` and
    AlarmBox's id of the check, so that a person can decide the outcome with it.
    """

    def break_writes_and_spool() -> None:
        break_writes(monkeypatch, console)
        monkeypatch.setattr("console.store.spool.spool.Spool.store_answer", raise_storage_full)

    def raise_storage_full(*_: object) -> None:
        raise ConsoleError(ErrorCode.STORAGE_FULL)

    alarmbox.during_call = break_writes_and_spool
    lost = call_for_refusal(lambda: buy_check(console))
    assert (lost.exit_status, lost.detail["reason"], lost.detail["provider_id"]) == (4, "not_kept", 1)
    assert "number 1," in format_error_message(lost, "en")
    assert "番号 1 " in format_error_message(lost, "ja")
    monkeypatch.undo()
    assert call_for_refusal(lambda: buy_check(console)).code == "already_purchased"


@pytest.mark.expects_log("the database is taken away")
def test_a_fenced_answer_that_cannot_be_delivered_waits_on_the_desk(
    console: Console, alarmbox: InMemoryAlarmBox, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process loses its lease during the call, and then the database refuses its late answer. The answer stays in
    the spool, and the next due tasks deliver it.
    """
    refuse_next = iter([False, True])
    write = console.database.write

    def refuse_or_write(work: Callable[[Transaction], object]) -> object:
        if next(refuse_next, False):
            raise ConsoleError(ErrorCode.DATABASE_LOCKED)
        return write(work)

    def let_operation_lapse() -> None:
        clock.at += timedelta(minutes=5)
        console.recovery.run_all_tasks()
        monkeypatch.setattr(console.database, "write", refuse_or_write)

    alarmbox.during_call = let_operation_lapse
    buy_or_unknown = call_for_refusal(lambda: buy_check(console))
    monkeypatch.undo()
    assert buy_or_unknown.code == "outcome_unknown"
    alarmbox.during_call = lambda: None
    console.recovery.run_all_tasks()
    assert (
        read_single_record(console).state,
        read_single_record(console).credit_check_id,
        len(alarmbox.charges),
    ) == (
        "success",
        1,
        1,
    )


@pytest.mark.expects_log("the database is taken away")
def test_a_refetch_that_cannot_be_recorded_is_no_unknown_outcome(
    console: Console, alarmbox: InMemoryAlarmBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database fails while a re-fetch is recorded. A re-fetch costs nothing, so the error is that of the database
    and not `outcome_unknown`.
    """
    record = buy_check(console)

    def break_when_answered(code: str) -> None:
        if code == "answered":
            break_writes(monkeypatch, console)

    again = call_for_refusal(lambda: console.credit_checks.refetch(record.id, progress=break_when_answered))
    assert (again.code, again.exit_status) == ("database_locked", 6)


@pytest.mark.expects_log("no room on the desk")
def test_a_full_disk_before_the_call_sends_nothing(
    console: Console, alarmbox: InMemoryAlarmBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the call of a purchase the spool is full and the database fails: the error is `storage_full` (exit
    status 6), and no call is sent.
    """

    def break_writes_and_raise(*_: object) -> None:
        break_writes(monkeypatch, console)
        raise rebuild_error(ErrorCode.STORAGE_FULL, {"problem": "no space left"})

    monkeypatch.setattr("console.store.spool.spool.Spool.mark_calling", break_writes_and_raise)
    lost = call_for_refusal(lambda: buy_check(console))
    assert (lost.code, lost.exit_status, alarmbox.charges) == ("storage_full", 6, [])


@pytest.mark.expects_log("the database is taken away")
@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_missing_database_file_is_not_written(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place, is_replaced: bool
) -> None:
    """The database file is moved or replaced during the call: the answer waits in the spool, and no other file is
    written. After the file is back, the due tasks deliver the answer.
    """
    file, elsewhere = place.folder / "console.db", place.folder / "elsewhere.db"

    def move_file_away() -> None:
        file.rename(elsewhere)
        if is_replaced:
            file.write_bytes(elsewhere.read_bytes())

    alarmbox.during_call = move_file_away
    lost = call_for_refusal(lambda: buy_check(console))
    assert (lost.code, lost.exit_status) == ("outcome_unknown", 4)
    replacement = file.read_bytes() if is_replaced else None
    assert call_for_refusal(lambda: buy_check(console, SECOND_NUMBER)).code == "database_unreachable"
    assert (file.read_bytes() if file.exists() else None) == replacement
    elsewhere.replace(file)
    alarmbox.during_call = lambda: None
    console.recovery.run_all_tasks()
    assert (read_single_record(console).state, len(alarmbox.charges)) == ("success", 1)


@pytest.mark.expects_log("a hook fails")
def test_a_failed_hook_after_commit_undoes_nothing(
    console: Console, alarmbox: InMemoryAlarmBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function that runs after COMMIT raises an error: the purchase is still a success."""
    run_commit_hooks = Transaction.run_commit_hooks

    def raise_zero_division() -> None:
        raise ZeroDivisionError

    def fail_after_commit(tx: Transaction) -> None:
        tx.call_after_commit(raise_zero_division)
        run_commit_hooks(tx)

    monkeypatch.setattr(Transaction, "run_commit_hooks", fail_after_commit)
    assert buy_check(console).state == "success"


# Claims that vanished


def test_a_renewal_with_a_lost_row_is_not_bought_again(
    console: Console, alarmbox: InMemoryAlarmBox, clock: ManualClock, place: Place
) -> None:
    """The database is restored from a backup made before a renewal, so the superseded row is live again. The desk's
    spool still makes the desk refuse a second renewal.
    """
    old = buy_check(console)
    clock.at += timedelta(days=400)
    renewed = buy_check(console, renew=True)
    delete_row(place, renewed)
    back = "UPDATE hansha_alarmbox_credit_checks SET superseded_at = NULL, superseded_by = NULL"
    place.sql(f"DELETE FROM operations WHERE subject_id = {renewed.id}", f"{back} WHERE id = {old.id}")
    again = call_for_refusal(lambda: buy_check(console, renew=True))
    assert (again.code, again.detail["source"]) == ("already_purchased", "desk")
    assert len(alarmbox.charges) == 2


@pytest.mark.parametrize("is_by_person", [False, True])
def test_a_renewal_with_a_lost_row_is_restored(
    console: Console, alarmbox: InMemoryAlarmBox, clock: ManualClock, place: Place, is_by_person: bool
) -> None:
    """A renewal that the database has lost is restored by a probe or by a person's decision, and gets the claim of
    the check that it renewed. Without this, people could only deny the renewal, and the corporation would be bought
    again.
    """
    old = buy_check(console)
    clock.at += timedelta(days=400)
    renewed = buy_check(console, renew=True)
    delete_row(place, renewed)
    back = "UPDATE hansha_alarmbox_credit_checks SET superseded_at = NULL, superseded_by = NULL"
    place.sql(f"DELETE FROM operations WHERE subject_id = {renewed.id}", f"{back} WHERE id = {old.id}")
    operation = renewed.operation_id or ""
    if is_by_person:
        console.recovery.resolve("operation", operation, "success", "seen on their screen", renewed.credit_check_id)
    else:
        console.recovery.probe("operation", operation)
    restored, superseded = console.lookup.find_records(FIRST_NUMBER).credit_checks
    assert (restored.state, restored.credit_check_id, restored.is_live) == ("success", renewed.credit_check_id, True)
    assert (superseded.id, superseded.is_live, superseded.superseded_by) == (old.id, False, restored.id)
    clock.at += timedelta(minutes=1)
    assert call_for_refusal(lambda: buy_check(console, renew=True)).code == "not_expired"
    assert len(alarmbox.charges) == 2


def test_a_restored_claim_can_be_renewed(
    console: Console, alarmbox: InMemoryAlarmBox, clock: ManualClock, place: Place
) -> None:
    """The database has lost a record, and `resolve operation` has restored it: the record can be renewed after its
    expiry.
    """
    lost = buy_check(console)
    delete_row(place, lost)
    operation = lost.operation_id or ""
    console.recovery.resolve("operation", operation, "success", "seen on their screen", lost.credit_check_id)
    clock.at += timedelta(days=400)
    assert buy_check(console, renew=True).state == "success"
    assert len(alarmbox.charges) == 2


@pytest.mark.expects_log("the database is taken away")
def test_the_answer_for_a_restored_claim_is_not_delivered_again(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The spool has an undelivered answer for a row that the database has lost. A probe restores the row and marks
    the spool entry as ended, so the answer isn't delivered again.
    """
    with monkeypatch.context() as lost:
        alarmbox.during_call = lambda: break_writes(lost, console)
        refusal = call_for_refusal(lambda: buy_check(console))
    alarmbox.during_call = lambda: None
    record = refusal.detail["record"]
    assert isinstance(record, CreditCheck)
    delete_row(place, record)
    console.recovery.probe("operation", record.operation_id or "")
    assert (read_single_record(console).state, read_single_record(console).credit_check_id) == ("success", 1)
    assert {run.task: run.count for run in console.recovery.run_all_tasks()}["spool_delivery"] == 0
    assert console._context.spool.list_undelivered_entries(console._context.database_id) == ()


@pytest.mark.parametrize("is_decided", [False, True])
def test_another_client_may_get_the_id_of_a_restored_claim(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place, is_decided: bool
) -> None:
    """AlarmBox answers client 2's purchase with the id of client 1's restored purchase. No case is opened if the
    spool had this id from client 1's own answer. A case is opened if a person had decided the id.
    """
    lost = buy_check(console)
    delete_row(place, lost)
    place.drop_table_triggers("evidence")
    place.sql("DELETE FROM evidence")
    operation = lost.operation_id or ""
    if is_decided:
        console.recovery.resolve("operation", operation, "success", "seen on their screen", lost.credit_check_id)
    else:
        console.recovery.probe("operation", operation)
    alarmbox.charges.clear()  # one check may serve two clients
    second = buy_check(console, client="2")
    assert second.credit_check_id == lost.credit_check_id
    cases = [alert.rule_id for alert in console.alerts.list_alerts() if alert.resolved_at is None]
    assert ("contradicted" in cases) is is_decided


# A process that goes away


@pytest.mark.parametrize("step_name", ["before_call", "during_call"])
def test_a_purchase_whose_process_ends_during_the_call_becomes_unknown(
    console: Console, alarmbox: InMemoryAlarmBox, clock: ManualClock, step_name: str
) -> None:
    """The process of a purchase ends during the call, and its lease expires: every reader sees the purchase as
    unknown at once. The next due tasks store this, and the purchase never becomes an error.
    """
    with simulate_crash(console._context) as vanish:
        setattr(alarmbox, step_name, vanish)
        with pytest.raises(SimulatedCrash):
            buy_check(console)
    assert (read_single_record(console).state, read_single_record(console).certainty) == ("pending", "known")
    clock.at += timedelta(minutes=5)
    assert (read_single_record(console).state, read_single_record(console).certainty) == ("pending", "unknown")
    console.recovery.run_all_tasks()
    assert [(row.status, row.certainty, row.work_state) for row in read_check_rows(console.database)] == [
        ("pending", "unknown", "needs_review")
    ]


@pytest.mark.parametrize("exception", [SystemExit, GeneratorExit, CancelledError])
def test_an_exception_during_a_call_leaves_an_unknown_record(
    console: Console, alarmbox: InMemoryAlarmBox, exception: type[BaseException]
) -> None:
    """An exception ends the process of a purchase during the call: the record is unknown at once, and the caller gets
    the exception.
    """

    def raise_end() -> None:
        raise exception

    alarmbox.during_call = raise_end
    with pytest.raises(exception):
        buy_check(console)
    assert (read_single_record(console).state, read_single_record(console).certainty) == ("pending", "unknown")


@pytest.mark.parametrize("exception", [SystemExit, GeneratorExit, MemoryError, KeyboardInterrupt])
@pytest.mark.parametrize("step", ["after_tx1", "after_intent", "before_send"])
def test_an_exception_before_a_call_leaves_a_known_error(
    console: Console,
    alarmbox: InMemoryAlarmBox,
    monkeypatch: pytest.MonkeyPatch,
    exception: type[BaseException],
    step: str,
) -> None:
    """An exception is raised before the call of a purchase: the record is a known error at once, and the number can
    be bought again.
    """
    with monkeypatch.context() as broken:
        broken.setattr(
            console._context.failpoints, "reach", lambda name: raise_exception(exception) if name == step else None
        )
        with pytest.raises(exception):
            buy_check(console)
    assert (read_single_record(console).state, read_single_record(console).certainty, alarmbox.charges) == (
        "error",
        "known",
        [],
    )
    assert buy_check(console).state == "success"


@pytest.mark.parametrize("exception", [SystemExit, GeneratorExit, KeyboardInterrupt])
@pytest.mark.parametrize("step", ["after_send", "before_tx2", "after_tx2"])
def test_an_exception_after_an_answer_leaves_a_success(
    console: Console,
    alarmbox: InMemoryAlarmBox,
    monkeypatch: pytest.MonkeyPatch,
    exception: type[BaseException],
    step: str,
) -> None:
    """An exception is raised after AlarmBox's answer to a purchase: the success is recorded before the caller gets
    the exception. After Ctrl+C directly at the answer, the caller gets the record instead.
    """
    is_record_returned = (exception, step) == (KeyboardInterrupt, "after_send")
    with monkeypatch.context() as broken:
        broken.setattr(
            console._context.failpoints, "reach", lambda name: raise_exception(exception) if name == step else None
        )
        with nullcontext() if is_record_returned else pytest.raises(exception):
            buy_check(console)
    assert (read_single_record(console).state, read_single_record(console).certainty, len(alarmbox.charges)) == (
        "success",
        "known",
        1,
    )


def raise_exception(exception: type[BaseException]) -> None:
    """Raise an exception of this class. A lambda calls this function because a lambda can't contain `raise`."""
    raise exception


# Never guessing


def test_a_probe_ignores_a_listed_purchase_of_a_running_call(
    place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock
) -> None:
    """Two clients buy the same number, and client 1's outcome is unknown. While client 2's call runs, a probe of
    client 1's purchase can't decide to which of the two purchases the listed id belongs, and the purchase stays
    unknown.
    """
    alarmbox.lists_purchases = True
    with place.desk(alarmbox, clock, ALARMBOX_FIND_PURCHASES="1") as console:
        alarmbox.behaviour = "silent_before_charge"
        first = call_for_refusal(lambda: buy_check(console)).detail["record"]
        assert isinstance(first, CreditCheck)
        probed: list[ConsoleError] = []
        alarmbox.behaviour = "answers"
        alarmbox.during_call = lambda: probed.append(call_for_refusal(lambda: console.credit_checks.probe(first.id)))
        second = buy_check(console, client="2")
        assert [error.code for error in probed] == ["outcome_unknown"]
        assert second.credit_check_id == alarmbox.charges[0].id
        (stored_check,) = [row for row in read_check_rows(console.database) if row.id == first.id]
        assert (stored_check.certainty, stored_check.id_at_provider) == ("unknown", None)


def test_a_probe_overtaken_by_the_late_answer_returns_the_settled_record(
    place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock
) -> None:
    """While a probe reads the list of purchases, another desk delivers the late answer: the probe returns the settled
    record and overwrites nothing.
    """
    alarmbox.lists_purchases = True
    with place.desk(alarmbox, clock, ALARMBOX_FIND_PURCHASES="1") as console:
        alarmbox.behaviour = "silent_after_charge"
        record = call_for_refusal(lambda: buy_check(console)).detail["record"]
        assert isinstance(record, CreditCheck)
        with place.desk(alarmbox, clock, person="op-b") as other:
            late = Outcome(
                OutcomeClass.SUCCEEDED, "answered", SendingCertainty.YES, alarmbox.report_charge(alarmbox.charges[0])
            )
            reader = _InterruptedListAlarmBox(alarmbox, lambda: _deliver_late_answer(other, record, late))
            with place.desk(reader, clock, ALARMBOX_FIND_PURCHASES="1") as prober:
                assert prober.credit_checks.probe(record.id).state == "success"
        assert (read_single_record(console).state, read_single_record(console).credit_check_id) == ("success", 1)


@pytest.mark.parametrize("decision", [("success", 1), ("error", None)])
def test_a_decision_overtaken_by_the_late_answer_is_a_stale_view(
    console: Console,
    alarmbox: InMemoryAlarmBox,
    clock: ManualClock,
    decision: tuple[str, int | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If the late answer is delivered while a person decides, the decision is refused with `stale_view`, and no
    proposal remains.
    """
    alarmbox.behaviour = "silent_after_charge"
    record = call_for_refusal(lambda: buy_check(console)).detail["record"]
    assert isinstance(record, CreditCheck)
    late = Outcome(
        OutcomeClass.SUCCEEDED, "answered", SendingCertainty.YES, alarmbox.report_charge(alarmbox.charges[0])
    )
    reach = console._context.failpoints.reach

    def deliver_answer_before_resolve(name: str) -> None:
        """Deliver the late answer at the moment when the decision reaches the failpoint `before_resolve`."""
        reach(name)
        if name == "before_resolve":
            _deliver_late_answer(console, record, late)

    monkeypatch.setattr(console._context.failpoints, "reach", deliver_answer_before_resolve)
    decided = call_for_refusal(
        lambda: console.recovery.resolve("credit-check", record.id, decision[0], "seen", decision[1])
    )
    assert decided.code == "stale_view"
    assert (read_single_record(console).state, read_single_record(console).credit_check_id) == ("success", 1)
    assert console.credit_checks.read_credit_check(record.id).awaiting is None


class _InterruptedListAlarmBox(InMemoryAlarmBox):
    """A simulated AlarmBox that calls the function `meanwhile` whenever its list of purchases is read."""

    def __init__(self, world: InMemoryAlarmBox, meanwhile: Callable[[], None]) -> None:
        super().__init__(today=world.today, lists_purchases=True, charges=world.charges)
        self._meanwhile = meanwhile

    def make_reader(self) -> "_InterruptedListAlarmBox":  # type: ignore[override]  # as a reader it is used
        return self

    def find_purchases(self, corporation_number: str) -> Outcome[tuple[CheckReport, ...]]:
        self._meanwhile()
        return super().make_reader().find_purchases(corporation_number)


def _deliver_late_answer(console: Console, record: CreditCheck, answer: Outcome[CheckReport]) -> None:
    """Deliver a late answer to the record's purchase."""
    console._action_builders.credit_checks.purchases.deliver_outcome(record.operation_id or "", answer)


# Renewal


@pytest.mark.engines("mariadb", "galera")
@pytest.mark.parametrize("behaviour", ["answers", "silent_after_charge"])
def test_a_renewal_does_not_take_over_from_another_renewal(
    place: Place,
    alarmbox: InMemoryAlarmBox,
    clock: ManualClock,
    behaviour: Behaviour,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a server, another desk's renewal is committed between this desk's checks and its claim: this desk's renewal
    of the same check isn't sent.
    """
    claim, faster = PURCHASE_ACTION.claim, list[BaseException | None]()

    def renew_before_claim(attempt: Any, *claimed: Any) -> ClaimedRecord:
        """Let the other desk renew the check in a thread before this desk writes its claim."""
        monkeypatch.undo()
        with ThreadPoolExecutor(1) as thread:  # somebody else's, for whom no transaction is open here
            faster.append(thread.submit(lambda: buy_check(other, renew=True)).exception(20))
        return claim(attempt, *claimed)

    with (  # a named lease would hold the faster one up
        place.desk(alarmbox, clock, LEASES="off") as console,
        place.desk(alarmbox, clock, person="op-b", desk=1, LEASES="off") as other,
    ):
        buy_check(console)
        clock.at += timedelta(days=400)
        alarmbox.behaviour = behaviour
        monkeypatch.setattr(
            console._action_builders.credit_checks.purchases,
            "action",
            replace(PURCHASE_ACTION, claim=renew_before_claim),
        )
        lost = call_for_refusal(lambda: buy_check(console, renew=True))
    assert [error is None for error in faster] == [behaviour == "answers"]
    assert (lost.code, len(alarmbox.charges)) == ("already_purchased", 2)


def sell_with_dates_of_an_earlier_purchase(alarmbox: InMemoryAlarmBox) -> None:
    """Make the simulated AlarmBox sell checks whose dates say that they expired years ago."""
    today = alarmbox.today
    alarmbox.before_call = lambda: setattr(alarmbox, "today", lambda: date(2020, 1, 1))
    alarmbox.during_call = lambda: setattr(alarmbox, "today", today)


def test_a_renewal_made_by_another_desk_is_not_repeated(
    place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This desk asks AlarmBox if an old check has expired. Meanwhile another desk renews that check, and the dates of
    the new check are over as well. This desk doesn't renew the new check, because it hasn't asked AlarmBox about the
    new check.
    """
    with place.desk(alarmbox, clock) as console, place.desk(alarmbox, clock, person="op-b", desk=1) as other:
        buy_check(console)
        clock.at += timedelta(days=400)
        sell_with_dates_of_an_earlier_purchase(alarmbox)
        reach = console._context.failpoints.reach

        def renew_before_first_transaction(name: str) -> None:
            """Let the other desk renew the check before this desk's first transaction."""
            reach(name)
            if name == "before_tx1":
                monkeypatch.undo()
                buy_check(other, renew=True)

        monkeypatch.setattr(console._context.failpoints, "reach", renew_before_first_transaction)
        lost = call_for_refusal(lambda: buy_check(console, renew=True))
    assert (lost.code, len(alarmbox.charges)) == ("already_purchased", 2)


def test_dates_of_an_earlier_purchase_renew_nothing_at_once(
    console: Console, alarmbox: InMemoryAlarmBox, clock: ManualClock
) -> None:
    """A new check has dates that were over before it was bought, so its dates are wrong or belong to another check.
    Its renewal is refused, because each renewal would cost money again. After 91 days it can be renewed.
    """
    sell_with_dates_of_an_earlier_purchase(alarmbox)
    live = buy_check(console)
    assert live.expired_at is not None
    for _ in range(2):
        refused = call_for_refusal(lambda: buy_check(console, renew=True))
        assert (refused.code, refused.detail["reason"]) == ("provider_answer_unusable", "expired_before")
        assert "expired_before" not in format_error_message(refused, "en")
    assert len(alarmbox.charges) == 1
    clock.at += timedelta(days=91)
    assert (buy_check(console, renew=True).state, len(alarmbox.charges)) == ("success", 2)


@pytest.mark.engines("sqlite")
def test_the_id_of_an_expired_check_renews_no_other_check(
    console: Console, alarmbox: InMemoryAlarmBox, clock: ManualClock, place: Place
) -> None:
    """A person wrote the id and the end of the superseded check into the live row. AlarmBox's answer about that id
    isn't about the live row's check, so the renewal of the live row is refused.
    """
    old = buy_check(console)
    clock.at += timedelta(days=400)
    live = buy_check(console, renew=True)
    ended = "credit_check_id = {}, expired_at = '2020-01-01 00:00:00', version = version + 1"
    place.sql(f"UPDATE hansha_alarmbox_credit_checks SET {ended.format(old.credit_check_id)} WHERE id = {live.id}")
    refused = call_for_refusal(lambda: buy_check(console, renew=True))
    assert (refused.code, refused.detail["reason"]) == ("provider_answer_unusable", "other_record")
    assert len(alarmbox.charges) == 2


@pytest.mark.parametrize("behaviour", ["refuses", "unauthorised", "too_fast", "unreachable"])
def test_a_renewal_that_was_not_made_restores_the_old_record(
    console: Console, alarmbox: InMemoryAlarmBox, clock: ManualClock, behaviour: Behaviour
) -> None:
    """If a renewal was certainly not made, the earlier credit check stays live and can be renewed."""
    old = buy_check(console)
    clock.at += timedelta(days=400)
    alarmbox.behaviour = behaviour
    assert call_for_refusal(lambda: buy_check(console, renew=True)).exit_status in (5, 6)
    newest, restored = console.lookup.find_records(FIRST_NUMBER).credit_checks
    assert (newest.state, restored.id, restored.is_live) == ("error", old.id, True)
    assert call_for_refusal(lambda: buy_check(console)).code == "already_purchased"
    alarmbox.behaviour = "answers"
    assert buy_check(console, renew=True).state == "success"


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("days", [100, 400])
@pytest.mark.parametrize(("expired", "by_date"), [(False, False), (True, True), (None, None)])
def test_the_providers_expired_field_decides_about_a_renewal(
    place: Place,
    alarmbox: InMemoryAlarmBox,
    clock: ManualClock,
    days: int,
    *,
    expired: bool | None,
    by_date: bool | None,
) -> None:
    """AlarmBox's field `expired` decides whether a check may be renewed, whatever the check's date says; without the
    field (None) the date decides. In each case AlarmBox's answer is stored as evidence of the earlier purchase.
    """
    with place.desk(alarmbox, clock) as console:
        old = buy_check(console)
        clock.at += timedelta(days=days)
        place.drop_table_triggers("hansha_alarmbox_credit_checks")
        ended = clock.at.strftime("%Y-%m-%d %H:%M:%S")
        place.sql(f"UPDATE hansha_alarmbox_credit_checks SET expired_at = '{ended}', version = version + 1")
        clock.at += timedelta(days=1)
        alarmbox.expired = expired
        is_over = days > 365 if by_date is None else by_date
        if is_over:
            assert buy_check(console, renew=True).state == "success"
        else:
            refused = call_for_refusal(lambda: buy_check(console, renew=True))
            assert refused.code == "not_expired"
            until = refused.detail.get("expired_at")
            assert until is None if days > 365 else isinstance(until, datetime) and until > clock.at
        assert len(alarmbox.charges) == 1 + is_over
        where = f"source = 'alarmbox.renewal' AND operation_id = '{old.operation_id}' AND summary LIKE '%SUCCEEDED%'"
        assert place.sql(f"SELECT COUNT(*) FROM evidence WHERE {where}") == [(1,)]


@pytest.mark.engines("sqlite")
def test_the_answer_to_a_renewals_read_is_shown_with_its_record(
    place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock, tmp_path: Path
) -> None:
    """Before the renewal of another application's check the desk queries AlarmBox about that check. The answer is
    shown on the check's page, in its timeline and in its evidence pack, but isn't evidence of its purchase.
    """
    alarmbox.charges.append(Charge(1, FIRST_NUMBER, "1", clock.today(), None))
    with place.desk(alarmbox, clock) as console:
        place.sql(
            "INSERT INTO hansha_alarmbox_credit_checks (client_id, corporation_number, credit_check_id, expired_at)"
            f" VALUES (1, '{FIRST_NUMBER}', 1, '{clock.at:%Y-%m-%d %H:%M:%S}')"
        )
        (old,) = console.lookup.find_records(FIRST_NUMBER).credit_checks
        clock.at += timedelta(days=400)
        assert buy_check(console, renew=True).state == "success"
        shown = console.credit_checks.read_credit_check(old.id).evidence
        assert [item.source for item in shown] == ["alarmbox.renewal"]
        events = console.recovery.read_timeline("credit-check", old.id).events
        assert "alarmbox.renewal" in {event.what for event in events}
        console.recovery.write_evidence_pack("credit-check", old.id, tmp_path / "pack.zip")
        with ZipFile(tmp_path / "pack.zip") as content:
            assert any(b"alarmbox.renewal" in content.read(name) for name in content.namelist())
        counted = f"subject_kind = 'credit-check' AND subject_id = {old.id}"  # by the triggers of a server
        assert place.sql(f"SELECT COUNT(*) FROM evidence WHERE {counted}") == [(0,)]


@pytest.mark.engines("sqlite")
def test_a_check_without_an_id_is_not_renewed(place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock) -> None:
    """A check without an AlarmBox id can't be queried at AlarmBox, and the desk's clock, which may be wrong, isn't
    enough to decide that the check has expired. So its renewal is refused.
    """
    with place.desk(alarmbox, clock) as console:
        place.sql(
            "INSERT INTO hansha_alarmbox_credit_checks (client_id, corporation_number, status, expired_at)"
            f" VALUES (1, '{FIRST_NUMBER}', 'success', '{clock.at:%Y-%m-%d %H:%M:%S}')"
        )
        (old,) = console.lookup.find_records(FIRST_NUMBER).credit_checks
        clock.at += timedelta(days=1)
        refused = call_for_refusal(lambda: buy_check(console, renew=True))
        assert (refused.code, refused.detail["record"]) == ("already_purchased", old)
        assert alarmbox.charges == []
        assert not console.credit_checks.make_plan(FIRST_NUMBER).is_renewal
        actions = console.credit_checks.read_credit_check(old.id).actions
        renewal = next(action for action in actions if action.action == "renew")
        assert (renewal.allowed, renewal.reason) == (False, "reason.renewal_without_id")


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("bought_on", [None, date(1970, 1, 1)])
def test_an_empty_date_of_expiry_renews_nothing(
    place: Place,
    alarmbox: InMemoryAlarmBox,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    bought_on: date | None,
) -> None:
    """AlarmBox sends 1970-01-01 as the expiry of a new check. The date counts as missing and a renewal is refused,
    because otherwise the same check would be bought again at once.
    """
    report = InMemoryAlarmBox.report_charge

    def report_empty_dates(alarmbox: InMemoryAlarmBox, charge: Charge) -> CheckReport:
        return replace(
            report(alarmbox, charge), purchase_date=bought_on, expiration_date=date(1970, 1, 1), expired=None
        )

    monkeypatch.setattr(InMemoryAlarmBox, "report_charge", report_empty_dates)
    with place.desk(alarmbox, clock) as console:
        bought = buy_check(console)
        assert (bought.expired_at, "dates" in bought.incomplete) == (None, True)
        clock.at += timedelta(days=1)
        assert call_for_refusal(lambda: buy_check(console, renew=True)).code == "not_expired"
        place.drop_table_triggers("hansha_alarmbox_credit_checks")
        place.sql("UPDATE hansha_alarmbox_credit_checks SET expired_at = '2020-01-01', version = version + 1")
        assert call_for_refusal(lambda: buy_check(console, renew=True)).code == "not_expired"
    assert len(alarmbox.charges) == 1


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("shown", [None, "bought"], ids=["adopted", "bought"])
@pytest.mark.parametrize(
    ("bought_on", "expires_on"),
    [(date(8, 11, 26), date(9, 11, 26)), (date(115, 11, 26), date(116, 11, 26)), (None, date(1970, 1, 1))],
    ids=["Reiwa", "Minguo", "epoch"],
)
def test_a_date_before_the_first_corporation_numbers_renews_nothing(
    place: Place,
    alarmbox: InMemoryAlarmBox,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    bought_on: date | None,
    expires_on: date,
    shown: str | None,
) -> None:
    """AlarmBox sends dates with years of another calendar, such as Reiwa 8. These dates count as missing, for our own
    rows and for adopted ones, and a renewal is refused.
    """
    report = InMemoryAlarmBox.report_charge

    def report_odd_dates(alarmbox: InMemoryAlarmBox, charge: Charge) -> CheckReport:
        return replace(report(alarmbox, charge), purchase_date=bought_on, expiration_date=expires_on, expired=None)

    monkeypatch.setattr(InMemoryAlarmBox, "report_charge", report_odd_dates)
    with place.desk(alarmbox, clock) as console:
        if shown is None:
            alarmbox.buy_check(PurchaseRequest(FIRST_NUMBER, "1"))
            (charge,) = alarmbox.charges
            place.execute_as_shop(
                "INSERT INTO hansha_alarmbox_credit_checks (client_id, corporation_number, credit_check_id)"
                f" VALUES (1, '{FIRST_NUMBER}', {charge.id})"
            )
            console.recovery.run_all_tasks()
        else:
            buy_check(console)
        (check,) = console.lookup.find_records(FIRST_NUMBER).credit_checks
        console.credit_checks.refetch(check.id)
        (check,) = console.lookup.find_records(FIRST_NUMBER).credit_checks
        assert (check.expired_at, "dates" in check.incomplete) == (None, True)
        clock.at += timedelta(days=1)
        assert call_for_refusal(lambda: buy_check(console, renew=True)).code == "not_expired"
    assert len(alarmbox.charges) == 1


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(
    ("change", "reason"), [("", "no_date"), (", viewing_over = 1", "date_unavailable")], ids=["shown", "over"]
)
def test_a_check_without_a_date_is_not_called_valid(
    place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock, change: str, reason: str
) -> None:
    """The expiry of a check is unknown: its renewal is refused, and the error doesn't call the check valid. A
    re-fetch is advised only while AlarmBox shows the report.
    """
    with place.desk(alarmbox, clock) as console:
        old = buy_check(console)
        place.drop_table_triggers("hansha_alarmbox_credit_checks")
        place.sql(f"UPDATE hansha_alarmbox_credit_checks SET expired_at = NULL, version = version + 1{change}")
        clock.at += timedelta(days=1)
        refused = call_for_refusal(lambda: buy_check(console, renew=True))
        assert (refused.code, refused.detail["reason"]) == ("not_expired", reason)
        message = format_error_message(refused, "en")
        assert "still valid" not in message
        assert ("Re-fetch" in message) is (reason == "no_date")
        actions = console.credit_checks.read_credit_check(old.id).actions
        renewal = next(action for action in actions if action.action == "renew")
        assert (renewal.allowed, renewal.reason) == (False, "reason.no_expiry_date")


def test_the_loser_of_a_renewal_race_gets_the_bought_record(
    place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock
) -> None:
    """Two desks renew the same check at once: the slower desk is refused, and its error contains the record that the
    faster desk bought.
    """
    with place.desk(alarmbox, clock) as console, place.desk(alarmbox, clock, person="op-b") as other:
        buy_check(console)
        clock.at += timedelta(days=400)
        winner: list[CreditCheck] = []
        write = other.database.write

        def renew_before_first_write(work: Callable[[Transaction], object]) -> object:
            """Let the faster desk renew the check before the slower desk's first write. Return the result of that
            write."""
            if not winner:
                clock.at += timedelta(milliseconds=5)
                winner.append(buy_check(console, renew=True))
            return write(work)

        other.database.write = renew_before_first_write  # type: ignore[method-assign, assignment]  # the faster one comes between
        lost = call_for_refusal(lambda: buy_check(other, renew=True))
        assert (lost.code, lost.detail["record"]) == ("already_purchased", winner[0])
        clock.at += timedelta(days=1)
        assert call_for_refusal(lambda: buy_check(console, renew=True)).code == "not_expired"
        assert len(alarmbox.charges) == 2
