"""The pipeline under hostile circumstances: whatever breaks around a purchase, money and record stay together."""

from asyncio import CancelledError
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
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
from tests.support.gone import Gone, going_away
from tests.support.invented import numbers
from tests.support.ledger_vendor import Behaviour, Charge, LedgerVendor
from tests.support.places import Place
from tests.support.quick_desks import HandClock
from tests.support.refusals import refusal
from tests.support.truth import rows

ONE, TWO = numbers(2)


@pytest.fixture
def clock(hand_clock: HandClock) -> HandClock:
    return hand_clock


@pytest.fixture
def console(place: Place, vendor: LedgerVendor, clock: HandClock) -> Iterator[Console]:
    with place.desk(vendor, clock) as desk:
        yield desk


def buy(console: Console, number: str = ONE, client: str = "1", *, renew: bool = False) -> CreditCheck:
    return console.credit_checks.purchase(PurchaseRequest(number, client, renew=renew))


def only(console: Console, number: str = ONE) -> CreditCheck:
    (record,) = console.lookup.find_records(number).credit_checks
    return record


def delete(place: Place, record: CreditCheck) -> None:
    place.sql(f"DELETE FROM hansha_alarmbox_credit_checks WHERE id = {record.id}")


def lose_writes(monkeypatch: pytest.MonkeyPatch, console: Console) -> None:
    """From now on the database can't be written."""

    def broken(*_: object) -> object:
        raise rebuild_error(ErrorCode.DATABASE_LOCKED, {"problem": "taken by a test"})

    monkeypatch.setattr(console.database, "write", broken)


def lose_everything(monkeypatch: pytest.MonkeyPatch, console: Console) -> None:
    """From now on the database can't even be read."""
    lose_writes(monkeypatch, console)
    monkeypatch.setattr(console.database, "read", console.database.write)


# Progress is somebody else's code


@pytest.mark.expects_log("progress that raises is told")
@pytest.mark.parametrize("step", ["answered", "detail", "pdf"])
def test_progress_that_raises_loses_no_answer(console: Console, vendor: LedgerVendor, step: str) -> None:
    """After the call has begun, a listener that fails changes nothing: bought is bought."""

    def listener(code: str) -> None:
        if code == step:
            raise RuntimeError("the window is gone")

    console.credit_checks.purchase(PurchaseRequest(ONE, "1"), listener)
    assert (only(console).state, len(vendor.charges)) == ("success", 1)


def test_progress_that_raises_before_the_call_sends_nothing(console: Console, vendor: LedgerVendor) -> None:
    """A person who leaves just before the call is taken at their word: not sent, and the number is free."""

    def listener(code: str) -> None:
        if code == "asking":
            raise RuntimeError("left")

    with pytest.raises(RuntimeError, match="left"):
        console.credit_checks.purchase(PurchaseRequest(ONE, "1"), listener)
    assert (only(console).state, only(console).certainty, vendor.charges) == ("error", "known", [])
    assert buy(console).state == "success"


# The database goes away


@pytest.mark.expects_log("the database is taken away")
def test_bought_is_told_even_if_the_record_cannot_be_read(
    console: Console, vendor: LedgerVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once success is recorded the caller never gets an error, whatever happens to the database afterwards."""

    def listener(code: str) -> None:
        if code == "detail":
            lose_everything(monkeypatch, console)

    record = console.credit_checks.purchase(PurchaseRequest(ONE, "1"), listener)
    monkeypatch.undo()
    assert (record.state, record.certainty, record.credit_check_id) == ("success", "known", 1)
    assert (record.id, record.incomplete) == (only(console).id, ("pdf",))


@pytest.mark.expects_log("the database is taken away")
def test_an_answer_that_cannot_be_recorded_waits_on_the_desk(
    console: Console, vendor: LedgerVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Database lost between call and record: unknown, with the record; the answer arrives by the next due tasks."""
    vendor.during = lambda: lose_writes(monkeypatch, console)
    lost = refusal(lambda: buy(console))
    monkeypatch.undo()
    vendor.during = lambda: None
    assert (lost.code, lost.exit_status) == ("outcome_unknown", 4)
    record = lost.detail["record"]
    assert isinstance(record, CreditCheck)
    assert (record.id, record.certainty) == (only(console).id, "unknown")
    assert refusal(lambda: buy(console)).code == "already_purchased"
    console.recovery.run_due()
    assert (only(console).state, only(console).credit_check_id, len(vendor.charges)) == ("success", 1, 1)


@pytest.mark.expects_log("the disk is full")
def test_an_answer_that_nothing_can_keep_is_told_as_such(
    console: Console, vendor: LedgerVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No room anywhere: nobody promises a delivery, and the provider's id is named for the one who decides."""

    def full() -> None:
        lose_writes(monkeypatch, console)
        monkeypatch.setattr("console.store.spool.spool.Spool.store_answer", no_room)

    def no_room(*_: object) -> None:
        raise ConsoleError(ErrorCode.STORAGE_FULL)

    vendor.during = full
    lost = refusal(lambda: buy(console))
    assert (lost.exit_status, lost.detail["reason"], lost.detail["provider_id"]) == (4, "not_kept", 1)
    monkeypatch.undo()
    assert refusal(lambda: buy(console)).code == "already_purchased"


@pytest.mark.expects_log("the database is taken away")
def test_a_fenced_answer_that_cannot_be_delivered_waits_on_the_desk(
    console: Console, vendor: LedgerVendor, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A holder that lost its lease and then the database still loses no answer."""
    refuse_next = iter([False, True])
    write = console.database.write

    def sometimes(work: Callable[[Transaction], object]) -> object:
        if next(refuse_next, False):
            raise ConsoleError(ErrorCode.DATABASE_LOCKED)
        return write(work)

    def lapse() -> None:
        clock.at += timedelta(minutes=5)
        console.recovery.run_due()
        monkeypatch.setattr(console.database, "write", sometimes)

    vendor.during = lapse
    buy_or_unknown = refusal(lambda: buy(console))
    monkeypatch.undo()
    assert buy_or_unknown.code == "outcome_unknown"
    vendor.during = lambda: None
    console.recovery.run_due()
    assert (only(console).state, only(console).credit_check_id, len(vendor.charges)) == ("success", 1, 1)


@pytest.mark.expects_log("the database is taken away")
def test_a_refetch_that_cannot_be_recorded_is_no_unknown_outcome(
    console: Console, vendor: LedgerVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reading costs nothing: what failed is the database, and that is what the person is told."""
    record = buy(console)

    def listener(code: str) -> None:
        if code == "answered":
            lose_writes(monkeypatch, console)

    again = refusal(lambda: console.credit_checks.refetch(record.id, progress=listener))
    assert (again.code, again.exit_status) == ("database_locked", 6)


@pytest.mark.expects_log("no room on the desk")
def test_no_room_before_sending_is_told_as_such(
    console: Console, vendor: LedgerVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the desk nor then the database can be written: nothing was sent, and exit 6 says so."""

    def full(*_: object) -> None:
        lose_writes(monkeypatch, console)
        raise rebuild_error(ErrorCode.STORAGE_FULL, {"problem": "no space left"})

    monkeypatch.setattr("console.store.spool.spool.Spool.mark_calling", full)
    lost = refusal(lambda: buy(console))
    assert (lost.code, lost.exit_status, vendor.charges) == ("storage_full", 6, [])


@pytest.mark.expects_log("the database is taken away")
@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("replaced", [False, True])
def test_a_database_file_taken_away_takes_no_writes(
    console: Console, vendor: LedgerVendor, place: Place, replaced: bool
) -> None:
    """Moved or replaced during the call: the answer waits on the desk, no file is written that nobody will read."""
    file, elsewhere = place.folder / "console.db", place.folder / "elsewhere.db"

    def taken_away() -> None:
        file.rename(elsewhere)
        if replaced:
            file.write_bytes(elsewhere.read_bytes())

    vendor.during = taken_away
    lost = refusal(lambda: buy(console))
    assert (lost.code, lost.exit_status) == ("outcome_unknown", 4)
    assert refusal(lambda: buy(console, TWO)).code == "database_unreachable"
    assert file.exists() is replaced
    elsewhere.replace(file)
    vendor.during = lambda: None
    console.recovery.run_due()
    assert (only(console).state, len(vendor.charges)) == ("success", 1)


@pytest.mark.expects_log("a hook fails")
def test_what_fails_after_commit_undoes_nothing(
    console: Console, vendor: LedgerVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """COMMIT has returned: a hook behind it that fails can't turn the transaction into a failure."""
    run_commit_hooks = Transaction.run_commit_hooks

    def broken() -> None:
        raise ZeroDivisionError

    def failing(tx: Transaction) -> None:
        tx.call_after_commit(broken)
        run_commit_hooks(tx)

    monkeypatch.setattr(Transaction, "run_commit_hooks", failing)
    assert buy(console).state == "success"


# Claims that vanished


def test_a_renewal_whose_row_vanished_is_not_bought_again(
    console: Console, vendor: LedgerVendor, clock: HandClock, place: Place
) -> None:
    """A backup from before the renewal brings the old row back to life; the desk remembers what was charged."""
    old = buy(console)
    clock.at += timedelta(days=400)
    renewed = buy(console, renew=True)
    delete(place, renewed)
    back = "UPDATE hansha_alarmbox_credit_checks SET superseded_at = NULL, superseded_by = NULL"
    place.sql(f"DELETE FROM operations WHERE subject_id = {renewed.id}", f"{back} WHERE id = {old.id}")
    again = refusal(lambda: buy(console, renew=True))
    assert (again.code, again.detail["source"]) == ("already_purchased", "desk")
    assert len(vendor.charges) == 2


@pytest.mark.parametrize("by_person", [False, True])
def test_a_renewal_whose_row_vanished_comes_back(
    console: Console, vendor: LedgerVendor, clock: HandClock, place: Place, by_person: bool
) -> None:
    """It takes over the claim of the check that it renewed, as when it was bought. Otherwise people could only deny
    it, and the company would be bought again."""
    old = buy(console)
    clock.at += timedelta(days=400)
    renewed = buy(console, renew=True)
    delete(place, renewed)
    back = "UPDATE hansha_alarmbox_credit_checks SET superseded_at = NULL, superseded_by = NULL"
    place.sql(f"DELETE FROM operations WHERE subject_id = {renewed.id}", f"{back} WHERE id = {old.id}")
    operation = renewed.operation_id or ""
    if by_person:
        console.recovery.resolve("operation", operation, "success", "seen on their screen", renewed.credit_check_id)
    else:
        console.recovery.probe("operation", operation)
    restored, superseded = console.lookup.find_records(ONE).credit_checks
    assert (restored.state, restored.credit_check_id, restored.is_live) == ("success", renewed.credit_check_id, True)
    assert (superseded.id, superseded.is_live, superseded.superseded_by) == (old.id, False, restored.id)
    clock.at += timedelta(minutes=1)
    assert refusal(lambda: buy(console, renew=True)).code == "not_expired"
    assert len(vendor.charges) == 2


def test_a_restored_claim_can_be_renewed(
    console: Console, vendor: LedgerVendor, clock: HandClock, place: Place
) -> None:
    """A record that `resolve operation` has restored is an ordinary record: after its end it may be renewed."""
    lost = buy(console)
    delete(place, lost)
    operation = lost.operation_id or ""
    console.recovery.resolve("operation", operation, "success", "seen on their screen", lost.credit_check_id)
    clock.at += timedelta(days=400)
    assert buy(console, renew=True).state == "success"
    assert len(vendor.charges) == 2


@pytest.mark.expects_log("the database is taken away")
def test_a_restored_claim_is_nothing_to_deliver(
    console: Console, vendor: LedgerVendor, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer kept on the desk for a row that vanished is settled with it, not for ever undelivered."""
    with monkeypatch.context() as lost:
        vendor.during = lambda: lose_writes(lost, console)
        kept = refusal(lambda: buy(console))
    vendor.during = lambda: None
    record = kept.detail["record"]
    assert isinstance(record, CreditCheck)
    delete(place, record)
    console.recovery.probe("operation", record.operation_id or "")
    assert (only(console).state, only(console).credit_check_id) == ("success", 1)
    assert {run.task: run.count for run in console.recovery.run_due()}["spool_delivery"] == 0
    assert console._context.spool.list_undelivered_entries(console._context.database_id) == ()


@pytest.mark.parametrize("is_decided", [False, True])
def test_another_client_may_get_the_id_of_a_restored_claim(
    console: Console, vendor: LedgerVendor, place: Place, is_decided: bool
) -> None:
    """The desk has the id from the answer to its own purchase, so nobody is asked to look; a person may be wrong."""
    lost = buy(console)
    delete(place, lost)
    place.unguard("evidence")
    place.sql("DELETE FROM evidence")
    operation = lost.operation_id or ""
    if is_decided:
        console.recovery.resolve("operation", operation, "success", "seen on their screen", lost.credit_check_id)
    else:
        console.recovery.probe("operation", operation)
    vendor.charges.clear()  # one check may serve two clients
    second = buy(console, client="2")
    assert second.credit_check_id == lost.credit_check_id
    cases = [alert.rule_id for alert in console.alerts.list_alerts() if alert.resolved_at is None]
    assert ("contradicted" in cases) is is_decided


# A process that goes away


@pytest.mark.parametrize("where", ["before", "during"])
def test_a_call_that_nobody_ends_becomes_unknown(
    console: Console, vendor: LedgerVendor, clock: HandClock, where: str
) -> None:
    """Its lease runs out: every reader sees unknown at once, the next due tasks write it down; error it never is."""
    with going_away(console._context) as vanish:
        setattr(vendor, where, vanish)
        with pytest.raises(Gone):
            buy(console)
    assert (only(console).state, only(console).certainty) == ("pending", "known")
    clock.at += timedelta(minutes=5)
    assert (only(console).state, only(console).certainty) == ("pending", "unknown")
    console.recovery.run_due()
    assert [(row.status, row.certainty, row.work_state) for row in rows(console.database)] == [
        ("pending", "unknown", "needs_review")
    ]


@pytest.mark.parametrize("end", [SystemExit, GeneratorExit, CancelledError])
def test_whatever_ends_a_call_the_record_says_so_at_once(
    console: Console, vendor: LedgerVendor, end: type[BaseException]
) -> None:
    """It may have been sent, so it is unknown; what was raised goes on."""

    def ended() -> None:
        raise end

    vendor.during = ended
    with pytest.raises(end):
        buy(console)
    assert (only(console).state, only(console).certainty) == ("pending", "unknown")


@pytest.mark.parametrize("end", [SystemExit, GeneratorExit, MemoryError, KeyboardInterrupt])
@pytest.mark.parametrize("step", ["after_tx1", "after_intent", "before_send"])
def test_whatever_comes_before_the_call_nothing_was_sent(
    console: Console, vendor: LedgerVendor, monkeypatch: pytest.MonkeyPatch, end: type[BaseException], step: str
) -> None:
    """Known not to have been bought, at once."""
    with monkeypatch.context() as broken:
        broken.setattr(console._context.failpoints, "reach", lambda name: raising(end) if name == step else None)
        with pytest.raises(end):
            buy(console)
    assert (only(console).state, only(console).certainty, vendor.charges) == ("error", "known", [])
    assert buy(console).state == "success"


@pytest.mark.parametrize("end", [SystemExit, GeneratorExit, KeyboardInterrupt])
@pytest.mark.parametrize("step", ["after_send", "before_tx2", "after_tx2"])
def test_whatever_comes_after_the_answer_it_is_kept(
    console: Console, vendor: LedgerVendor, monkeypatch: pytest.MonkeyPatch, end: type[BaseException], step: str
) -> None:
    """Recorded before anything is raised."""
    with monkeypatch.context() as broken, suppress(end):
        broken.setattr(console._context.failpoints, "reach", lambda name: raising(end) if name == step else None)
        buy(console)
    assert (only(console).state, only(console).certainty, len(vendor.charges)) == ("success", "known", 1)


def raising(end: type[BaseException]) -> None:
    raise end


# Never guessing


def test_a_probe_does_not_take_what_a_running_call_may_have_bought(
    place: Place, vendor: LedgerVendor, clock: HandClock
) -> None:
    """Two clients ask for one number; while the second's call runs, the first's probe can't know whose id it is."""
    vendor.finds = True
    with place.desk(vendor, clock, ALARMBOX_FIND_PURCHASES="1") as console:
        vendor.behaviour = "silent_before_charge"
        first = refusal(lambda: buy(console)).detail["record"]
        assert isinstance(first, CreditCheck)
        probed: list[ConsoleError] = []
        vendor.behaviour = "answers"
        vendor.during = lambda: probed.append(refusal(lambda: console.credit_checks.probe(first.id)))
        second = buy(console, client="2")
        assert [error.code for error in probed] == ["outcome_unknown"]
        assert second.credit_check_id == vendor.charges[0].id
        (kept,) = [row for row in rows(console.database) if row.id == first.id]
        assert (kept.certainty, kept.provider_id) == ("unknown", None)


def test_a_probe_overtaken_by_the_late_answer_tells_it(place: Place, vendor: LedgerVendor, clock: HandClock) -> None:
    """Somebody else settled the record while a probe asked: it is known now, and nothing is overwritten."""
    vendor.finds = True
    with place.desk(vendor, clock, ALARMBOX_FIND_PURCHASES="1") as console:
        vendor.behaviour = "silent_after_charge"
        record = refusal(lambda: buy(console)).detail["record"]
        assert isinstance(record, CreditCheck)
        with place.desk(vendor, clock, person="op-b") as other:
            late = Outcome(OutcomeClass.SUCCEEDED, "answered", SendingCertainty.YES, vendor.report(vendor.charges[0]))
            reader = _Overtaken(vendor, lambda: _deliver(other, record, late))
            with place.desk(reader, clock, ALARMBOX_FIND_PURCHASES="1") as prober:
                assert prober.credit_checks.probe(record.id).state == "success"
        assert (only(console).state, only(console).credit_check_id) == ("success", 1)


@pytest.mark.parametrize("decision", [("success", 1), ("error", None)])
def test_a_decision_overtaken_by_the_late_answer_is_a_stale_view(
    console: Console,
    vendor: LedgerVendor,
    clock: HandClock,
    decision: tuple[str, int | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The answer arrived while a person decided: a named refusal, no decision left half made."""
    vendor.behaviour = "silent_after_charge"
    record = refusal(lambda: buy(console)).detail["record"]
    assert isinstance(record, CreditCheck)
    late = Outcome(OutcomeClass.SUCCEEDED, "answered", SendingCertainty.YES, vendor.report(vendor.charges[0]))
    reach = console._context.failpoints.reach

    def overtaken(name: str) -> None:
        reach(name)
        if name == "before_resolve":
            _deliver(console, record, late)

    monkeypatch.setattr(console._context.failpoints, "reach", overtaken)
    decided = refusal(lambda: console.recovery.resolve("credit-check", record.id, decision[0], "seen", decision[1]))
    assert decided.code == "stale_view"
    assert (only(console).state, only(console).credit_check_id) == ("success", 1)
    assert console.credit_checks.read_credit_check(record.id).awaiting is None


class _Overtaken(LedgerVendor):
    """A vendor during whose list call something else happens."""

    def __init__(self, world: LedgerVendor, meanwhile: Callable[[], None]) -> None:
        super().__init__(today=world.today, finds=True, charges=world.charges)
        self._meanwhile = meanwhile

    def make_reader(self) -> "_Overtaken":  # type: ignore[override]  # as a reader it is used
        return self

    def find_purchases(self, corporation_number: str) -> Outcome[tuple[CheckReport, ...]]:
        self._meanwhile()
        return super().make_reader().find_purchases(corporation_number)


def _deliver(console: Console, record: CreditCheck, answer: Outcome[CheckReport]) -> None:
    console._service_builder._purchases.deliver(record.operation_id or "", answer)


# Renewal


@pytest.mark.engines("mariadb", "galera")
@pytest.mark.parametrize("behaviour", ["answers", "silent_after_charge"])
def test_a_renewal_does_not_take_over_from_another_renewal(
    place: Place, vendor: LedgerVendor, clock: HandClock, behaviour: Behaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a server somebody else's renewal may be committed between our checks and our claim: it is not renewed."""
    claim, faster = PURCHASE_ACTION.claim, list[BaseException | None]()

    def overtaken(attempt: Any, *claimed: Any) -> ClaimedRecord:
        monkeypatch.undo()
        with ThreadPoolExecutor(1) as thread:  # somebody else's, for whom no transaction is open here
            faster.append(thread.submit(lambda: buy(other, renew=True)).exception(20))
        return claim(attempt, *claimed)

    with (  # a named lease would hold the faster one up
        place.desk(vendor, clock, LEASES="off") as console,
        place.desk(vendor, clock, person="op-b", desk=1, LEASES="off") as other,
    ):
        buy(console)
        clock.at += timedelta(days=400)
        vendor.behaviour = behaviour
        monkeypatch.setattr(console._service_builder._purchases, "action", replace(PURCHASE_ACTION, claim=overtaken))
        lost = refusal(lambda: buy(console, renew=True))
    assert [error is None for error in faster] == [behaviour == "answers"]
    assert (lost.code, len(vendor.charges)) == ("already_purchased", 2)


def sell_with_dates_of_an_earlier_purchase(vendor: LedgerVendor) -> None:
    """Make the provider sell checks whose dates say that they expired years ago."""
    today = vendor.today
    vendor.before = lambda: setattr(vendor, "today", lambda: date(2020, 1, 1))
    vendor.during = lambda: setattr(vendor, "today", today)


def test_what_a_faster_renewal_has_bought_is_not_renewed(
    place: Place, vendor: LedgerVendor, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AlarmBox has said of the old one that it is over. The other desk's purchase, whose dates are over as well, is
    another one, about which nobody has asked."""
    with place.desk(vendor, clock) as console, place.desk(vendor, clock, person="op-b", desk=1) as other:
        buy(console)
        clock.at += timedelta(days=400)
        sell_with_dates_of_an_earlier_purchase(vendor)
        reach = console._context.failpoints.reach

        def overtaken(name: str) -> None:
            reach(name)
            if name == "before_tx1":
                monkeypatch.undo()
                buy(other, renew=True)

        monkeypatch.setattr(console._context.failpoints, "reach", overtaken)
        lost = refusal(lambda: buy(console, renew=True))
    assert (lost.code, len(vendor.charges)) == ("already_purchased", 2)


def test_dates_of_an_earlier_purchase_renew_nothing_at_once(
    console: Console, vendor: LedgerVendor, clock: HandClock
) -> None:
    """A check that was over before it was bought isn't the one that was bought, or its dates are wrong: whoever
    renews whatever is over would pay for it again each time. It can be renewed when it must be over by now."""
    sell_with_dates_of_an_earlier_purchase(vendor)
    live = buy(console)
    assert live.expired_at is not None
    for _ in range(2):
        refused = refusal(lambda: buy(console, renew=True))
        assert (refused.code, refused.detail["reason"]) == ("provider_answer_unusable", "expired_before")
        assert "expired_before" not in format_error_message(refused, "en")
    assert len(vendor.charges) == 1
    clock.at += timedelta(days=91)
    assert (buy(console, renew=True).state, len(vendor.charges)) == ("success", 2)


@pytest.mark.engines("sqlite")
def test_the_id_of_an_expired_check_renews_no_other_one(
    console: Console, vendor: LedgerVendor, clock: HandClock, place: Place
) -> None:
    """Somebody wrote the id of the superseded check, and its end, into the live row: what the provider says about it
    is not about the live one."""
    old = buy(console)
    clock.at += timedelta(days=400)
    live = buy(console, renew=True)
    ended = "credit_check_id = {}, expired_at = '2020-01-01 00:00:00', version = version + 1"
    place.sql(f"UPDATE hansha_alarmbox_credit_checks SET {ended.format(old.credit_check_id)} WHERE id = {live.id}")
    refused = refusal(lambda: buy(console, renew=True))
    assert (refused.code, refused.detail["reason"]) == ("provider_answer_unusable", "other_record")
    assert len(vendor.charges) == 2


@pytest.mark.parametrize("behaviour", ["refuses", "unauthorised", "too_fast", "unreachable"])
def test_a_renewal_that_comes_to_nothing_restores_the_old_record(
    console: Console, vendor: LedgerVendor, clock: HandClock, behaviour: Behaviour
) -> None:
    """Certainly not bought: what it was to replace lives again, and can be renewed."""
    old = buy(console)
    clock.at += timedelta(days=400)
    vendor.behaviour = behaviour
    assert refusal(lambda: buy(console, renew=True)).exit_status in (5, 6)
    newest, restored = console.lookup.find_records(ONE).credit_checks
    assert (newest.state, restored.id, restored.is_live) == ("error", old.id, True)
    assert refusal(lambda: buy(console)).code == "already_purchased"
    vendor.behaviour = "answers"
    assert buy(console, renew=True).state == "success"


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("days", [100, 400])
@pytest.mark.parametrize(("expired", "by_date"), [(False, False), (True, True), (None, None)])
def test_the_providers_word_about_the_end_is_above_its_date(
    place: Place, vendor: LedgerVendor, clock: HandClock, days: int, *, expired: bool | None, by_date: bool | None
) -> None:
    """`expired` decides whether a renewal may cost money, whatever the date says; where it is missing, the date does.
    The answer is evidence of the old purchase, whether something is bought or not."""
    with place.desk(vendor, clock) as console:
        old = buy(console)
        clock.at += timedelta(days=days)
        place.unguard("hansha_alarmbox_credit_checks")
        ended = clock.at.strftime("%Y-%m-%d %H:%M:%S")
        place.sql(f"UPDATE hansha_alarmbox_credit_checks SET expired_at = '{ended}', version = version + 1")
        clock.at += timedelta(days=1)
        vendor.expired = expired
        is_over = days > 365 if by_date is None else by_date
        if is_over:
            assert buy(console, renew=True).state == "success"
        else:
            refused = refusal(lambda: buy(console, renew=True))
            assert refused.code == "not_expired"
            until = refused.detail.get("expired_at")
            assert until is None if days > 365 else isinstance(until, datetime) and until > clock.at
        assert len(vendor.charges) == 1 + is_over
        where = f"source = 'alarmbox.renewal' AND operation_id = '{old.operation_id}' AND summary LIKE '%SUCCEEDED%'"
        assert place.sql(f"SELECT COUNT(*) FROM evidence WHERE {where}") == [(1,)]


@pytest.mark.engines("sqlite")
def test_what_a_renewal_asked_about_another_applications_check_is_shown_with_it(
    place: Place, vendor: LedgerVendor, clock: HandClock, tmp_path: Path
) -> None:
    """The other application's purchase is no operation of this program; its credit check still shows the answer, on
    its page, in its timeline and in its evidence pack, and no rule takes it for an answer to that purchase."""
    vendor.charges.append(Charge(1, ONE, "1", clock.today(), None))
    with place.desk(vendor, clock) as console:
        place.sql(
            "INSERT INTO hansha_alarmbox_credit_checks (client_id, corporation_number, credit_check_id, expired_at)"
            f" VALUES (1, '{ONE}', 1, '{clock.at:%Y-%m-%d %H:%M:%S}')"
        )
        (old,) = console.lookup.find_records(ONE).credit_checks
        clock.at += timedelta(days=400)
        assert buy(console, renew=True).state == "success"
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
def test_a_check_without_an_id_is_not_renewed(place: Place, vendor: LedgerVendor, clock: HandClock) -> None:
    """AlarmBox can't be asked whether it has expired, and this desk's clock alone, which may be ahead, decides about
    no money."""
    with place.desk(vendor, clock) as console:
        place.sql(
            "INSERT INTO hansha_alarmbox_credit_checks (client_id, corporation_number, status, expired_at)"
            f" VALUES (1, '{ONE}', 'success', '{clock.at:%Y-%m-%d %H:%M:%S}')"
        )
        (old,) = console.lookup.find_records(ONE).credit_checks
        clock.at += timedelta(days=1)
        refused = refusal(lambda: buy(console, renew=True))
        assert (refused.code, refused.detail["record"]) == ("already_purchased", old)
        assert vendor.charges == []
        assert not console.credit_checks.make_plan(ONE).is_renewal
        actions = console.credit_checks.read_credit_check(old.id).actions
        renewal = next(action for action in actions if action.action == "renew")
        assert (renewal.allowed, renewal.reason) == (False, "reason.renewal_without_id")


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("bought_on", [None, date(1970, 1, 1)])
def test_an_empty_date_of_expiry_renews_nothing(
    place: Place, vendor: LedgerVendor, clock: HandClock, monkeypatch: pytest.MonkeyPatch, bought_on: date | None
) -> None:
    """A check that AlarmBox says to have expired before it was bought here, without any time of validity: such a date
    stands for none. The same check would be bought again at once."""
    report = LedgerVendor.report

    def report_empty_dates(vendor: LedgerVendor, charge: Charge) -> CheckReport:
        return replace(
            report(vendor, charge), purchase_date=bought_on, expiration_date=date(1970, 1, 1), expired=None
        )

    monkeypatch.setattr(LedgerVendor, "report", report_empty_dates)
    with place.desk(vendor, clock) as console:
        bought = buy(console)
        assert (bought.expired_at, "dates" in bought.incomplete) == (None, True)
        clock.at += timedelta(days=1)
        assert refusal(lambda: buy(console, renew=True)).code == "not_expired"
        place.unguard("hansha_alarmbox_credit_checks")
        place.sql("UPDATE hansha_alarmbox_credit_checks SET expired_at = '2020-01-01', version = version + 1")
        assert refusal(lambda: buy(console, renew=True)).code == "not_expired"
    assert len(vendor.charges) == 1


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("shown", [None, "bought"], ids=["adopted", "bought"])
@pytest.mark.parametrize(
    ("bought_on", "expires_on"),
    [(date(8, 11, 26), date(9, 11, 26)), (date(115, 11, 26), date(116, 11, 26)), (None, date(1970, 1, 1))],
    ids=["Reiwa", "Minguo", "epoch"],
)
def test_a_day_before_there_were_numbers_renews_nothing(
    place: Place,
    vendor: LedgerVendor,
    clock: HandClock,
    monkeypatch: pytest.MonkeyPatch,
    bought_on: date | None,
    expires_on: date,
    shown: str | None,
) -> None:
    """Years of another calendar, with a validity or not, and whoever wrote the row: such a day stands for none."""
    report = LedgerVendor.report

    def report_odd_dates(vendor: LedgerVendor, charge: Charge) -> CheckReport:
        return replace(report(vendor, charge), purchase_date=bought_on, expiration_date=expires_on, expired=None)

    monkeypatch.setattr(LedgerVendor, "report", report_odd_dates)
    with place.desk(vendor, clock) as console:
        if shown is None:
            vendor.buy_check(PurchaseRequest(ONE, "1"))
            (charge,) = vendor.charges
            place.shop(
                "INSERT INTO hansha_alarmbox_credit_checks (client_id, corporation_number, credit_check_id)"
                f" VALUES (1, '{ONE}', {charge.id})"
            )
            console.recovery.run_due()
        else:
            buy(console)
        (found,) = console.lookup.find_records(ONE).credit_checks
        console.credit_checks.refetch(found.id)
        (found,) = console.lookup.find_records(ONE).credit_checks
        assert (found.expired_at, "dates" in found.incomplete) == (None, True)
        clock.at += timedelta(days=1)
        assert refusal(lambda: buy(console, renew=True)).code == "not_expired"
    assert len(vendor.charges) == 1


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(
    ("change", "reason"), [("", "no_date"), (", viewing_over = 1", "date_unavailable")], ids=["shown", "over"]
)
def test_a_check_without_a_date_is_not_called_valid(
    place: Place, vendor: LedgerVendor, clock: HandClock, change: str, reason: str
) -> None:
    """Nobody knows when it expires; a re-fetch is advised only while AlarmBox shows the report."""
    with place.desk(vendor, clock) as console:
        old = buy(console)
        place.unguard("hansha_alarmbox_credit_checks")
        place.sql(f"UPDATE hansha_alarmbox_credit_checks SET expired_at = NULL, version = version + 1{change}")
        clock.at += timedelta(days=1)
        refused = refusal(lambda: buy(console, renew=True))
        assert (refused.code, refused.detail["reason"]) == ("not_expired", reason)
        said = format_error_message(refused, "en")
        assert "still valid" not in said
        assert ("Re-fetch" in said) is (reason == "no_date")
        actions = console.credit_checks.read_credit_check(old.id).actions
        renewal = next(action for action in actions if action.action == "renew")
        assert (renewal.allowed, renewal.reason) == (False, "reason.no_expiry_date")


def test_who_loses_a_renewal_race_is_told_that_it_was_bought(
    place: Place, vendor: LedgerVendor, clock: HandClock
) -> None:
    """Two renew at once; the slower one looks when the faster has finished, and gets its record."""
    with place.desk(vendor, clock) as console, place.desk(vendor, clock, person="op-b") as other:
        buy(console)
        clock.at += timedelta(days=400)
        winner: list[CreditCheck] = []
        find = other.database.write

        def slow(work: Callable[[Transaction], object]) -> object:
            if not winner:
                clock.at += timedelta(milliseconds=5)
                winner.append(buy(console, renew=True))
            return find(work)

        other.database.write = slow  # type: ignore[method-assign, assignment]  # the faster one comes between
        lost = refusal(lambda: buy(other, renew=True))
        assert (lost.code, lost.detail["record"]) == ("already_purchased", winner[0])
        clock.at += timedelta(days=1)
        assert refusal(lambda: buy(console, renew=True)).code == "not_expired"
        assert len(vendor.charges) == 2
