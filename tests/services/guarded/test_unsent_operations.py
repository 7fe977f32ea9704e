"""An operation that stayed prepared is reported as not sent; a process that resumes afterwards sends nothing."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from console.app import Console
from console.domain.errors import ErrorCode, rebuild_error
from console.domain.records import CreditCheck, PurchaseRequest
from console.services.process.failpoints import Failpoints
from console.store.spool.spool import Intent, SpoolState
from tests.support.invented import numbers
from tests.support.ledger_vendor import LedgerVendor
from tests.support.places import Place
from tests.support.quick_desks import HandClock
from tests.support.refusals import refusal

(NUMBER,) = numbers(1)
LONG = timedelta(minutes=5)


@pytest.fixture
def console(place: Place, vendor: LedgerVendor, hand_clock: HandClock) -> Iterator[Console]:
    with place.desk(vendor, hand_clock) as desk:
        yield desk


def buy(console: Console) -> CreditCheck:
    return console.credit_checks.purchase(PurchaseRequest(NUMBER, "1"))


def only(console: Console) -> CreditCheck:
    (record,) = console.lookup.find_records(NUMBER).credit_checks
    return record


class Asleep(Failpoints):
    """Between the claim and the intent this thread sleeps, while others do something."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__(None)
        self._meanwhile = meanwhile
        self._slept = False

    def reach(self, name: str) -> None:
        if name == "after_tx1" and not self._slept:
            self._slept = True
            self._meanwhile()


def test_a_late_sleeper_sends_nothing(
    place: Place, console: Console, vendor: LedgerVendor, hand_clock: HandClock
) -> None:
    """Its lease ran out, its desk told that nothing was sent, the number was bought again: then it wakes up."""

    def meanwhile() -> None:
        hand_clock.at += LONG
        with place.desk(vendor, hand_clock) as other:
            assert (only(other).state, only(other).certainty) == ("error", "known")
            assert buy(other).state == "success"

    console._context.failpoints = Asleep(meanwhile)
    late = refusal(lambda: buy(console))
    assert (late.code, late.exit_status, late.detail["reason"]) == ("interrupted", 6, "told_not_sent")
    assert len(vendor.charges) == 1
    assert [one.state for one in console.lookup.find_records(NUMBER).credit_checks] == ["success", "error"]
    console._context.failpoints = Failpoints(None)
    assert console._context.spool.list_unsent_entries(console._context.database_id) == ()


def test_what_is_about_to_be_sent_is_left_alone(
    place: Place, console: Console, vendor: LedgerVendor, hand_clock: HandClock
) -> None:
    """While its lease lives nobody takes it back, however often the desk is opened and its due tasks run."""

    def meanwhile() -> None:
        with place.desk(vendor, hand_clock) as other:
            other.recovery.run_due()
            assert [one.state for one in other._context.spool.list_unsent_entries(other._context.database_id)] == [
                SpoolState.PREPARED
            ]

    console._context.failpoints = Asleep(meanwhile)
    assert buy(console).state == "success"
    assert len(vendor.charges) == 1


class Dies(Failpoints):
    """Ends the thread between the claim and the intent, as a kill does: nothing is written any more."""

    def __init__(self, console: Console, patch: pytest.MonkeyPatch) -> None:
        super().__init__(None)
        self._console, self._patch = console, patch

    def reach(self, name: str) -> None:
        if name == "after_tx1":
            self._patch.setattr(self._console.database, "write", _gone)
            self._patch.setattr(self._console._context.spool, "store_answer", _gone)
            raise Killed


class Killed(BaseException):
    """Stands for kill -9."""


def _gone(*_: object) -> object:
    raise Killed


@pytest.mark.parametrize("way", ["due tasks", "probe", "resolve"])
def test_whoever_looks_at_a_desk_that_stays_open_tells_it(
    console: Console, vendor: LedgerVendor, hand_clock: HandClock, way: str
) -> None:
    """Its due tasks, a probe, or a person who wants to decide: there is nothing to decide."""
    with pytest.MonkeyPatch.context() as patch:
        console._context.failpoints = Dies(console, patch)
        with pytest.raises(Killed):
            buy(console)
    console._context.failpoints = Failpoints(None)
    hand_clock.at += LONG
    assert (only(console).certainty, only(console).work.reason) == ("unknown", "lapsed")
    record = only(console).id
    if way == "due tasks":
        console.recovery.run_due()
    elif way == "probe":
        assert console.credit_checks.probe(record).state == "error"
    else:
        decided = refusal(lambda: console.recovery.resolve("credit-check", record, "error", "their list is empty"))
        assert decided.code == "nothing_to_resolve"
    assert (only(console).state, only(console).certainty, vendor.charges) == ("error", "known", [])
    assert buy(console).state == "success"


@pytest.mark.expects_log("what could not be told is told later")
def test_what_can_not_be_told_stays_unknown_until_it_can(
    console: Console, hand_clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is refused: people may look and decide as ever, and the desk goes on trying."""
    with pytest.MonkeyPatch.context() as patch:
        console._context.failpoints = Dies(console, patch)
        with pytest.raises(Killed):
            buy(console)
    console._context.failpoints = Failpoints(None)
    hand_clock.at += LONG
    with monkeypatch.context() as refusing:
        refusing.setattr("console.services.credit_checks.outcomes._settle_by_answer", _refuse)
        console.recovery.run_due()
        assert only(console).certainty == "unknown"
    console.recovery.run_due()
    assert (only(console).state, only(console).certainty) == ("error", "known")


def _refuse(*_: object) -> bool:
    raise rebuild_error(ErrorCode.NOT_ALLOWED, {"reason": "role"})


def test_a_claim_that_was_never_committed_is_forgotten(
    place: Place, console: Console, vendor: LedgerVendor, hand_clock: HandClock
) -> None:
    """Not at once, its COMMIT may be under way; after an hour. Another database's is not touched."""
    context = console._context
    mine = _intent(context.database_id, "op-1", console)
    context.spool.store_intent(mine)
    context.spool.store_intent(_intent("another database", "op-2", console))
    console.recovery.run_due()
    assert len(context.spool.list_unsent_entries(context.database_id)) == 1
    hand_clock.at += timedelta(hours=2)
    console.recovery.run_due()
    assert context.spool.list_unsent_entries(context.database_id) == ()
    assert len(context.spool.list_unsent_entries("another database")) == 1
    assert not context.spool.mark_calling("op-1")


def _intent(database_id: str, operation_id: str, console: Console) -> Intent:
    at = console._context.now()
    sent = ("credit-check.purchase", "1", NUMBER, 1, "op-a", "desk", at, "f")
    return replace(Intent(operation_id, database_id, *sent), at=at)
