"""Tests of re-fetches whose answer arrived but couldn't be stored: the result is an error, never a success."""

from collections.abc import Callable

import pytest

from console.app import Console
from console.domain.errors import ConsoleError, ErrorCode, rebuild_error
from console.domain.records import CreditCheck, PurchaseRequest
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.places import Place
from tests.support.quick_desks import ManualClock
from tests.support.refusals import call_for_refusal

STATEMENT_BY_LOSS: dict[str, str] = {
    "declared lapsed by another desk": (
        "UPDATE operations SET fence = fence + 1, state = 'failed' WHERE action LIKE '%.refetch'"
    ),
    "its operation deleted": "DELETE FROM operations WHERE action LIKE '%.refetch'",
}


def buy_check(console: Console) -> CreditCheck:
    """Buy a credit check at this desk and return its record."""
    return console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBERS[0], "1"))


def read_refetch_error(console: Console, record: CreditCheck) -> ConsoleError:
    """Re-fetch the record, which must fail, and return the error. Assert that the error has every field that the
    documented interface promises.
    """
    ending = call_for_refusal(lambda: console.credit_checks.refetch(record.id))
    assert ending.exit_status in (5, 6)
    assert isinstance(ending.detail["record"], CreditCheck)
    failed = ending.detail["failed"]
    assert isinstance(failed, list)
    assert {part["part"] for part in failed} == {"detail", "pdf"}
    return ending


def call_during_reading(
    alarmbox: InMemoryAlarmBox, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]
) -> None:
    """Call `act` once, while the next answer of AlarmBox is being read."""
    waiting = [act]
    count_call = InMemoryAlarmBox.count_call

    def count_and_call_waiting(self: InMemoryAlarmBox, call: str) -> None:
        count_call(self, call)
        if waiting:
            waiting.pop()()

    monkeypatch.setattr(InMemoryAlarmBox, "count_call", count_and_call_waiting)


@pytest.mark.expects_log("what could not be kept is told")
@pytest.mark.parametrize("loss_name", STATEMENT_BY_LOSS)
def test_a_lost_operation_is_no_success(
    place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock, monkeypatch: pytest.MonkeyPatch, loss_name: str
) -> None:
    """While AlarmBox answers a re-fetch, the row of its operation is ended or deleted: nothing is stored, and the
    error says that the operation is lost.
    """
    with place.desk(alarmbox, hand_clock) as console:
        record = buy_check(console)
        call_during_reading(alarmbox, monkeypatch, lambda: place.sql(STATEMENT_BY_LOSS[loss_name]))
        ending = read_refetch_error(console, record)
        assert (ending.code, ending.detail["problem"]) == ("database_locked", "operation_lost")
        assert console.credit_checks.read_credit_check(record.id).record.version == record.version


@pytest.mark.expects_log("what could not be kept is told")
@pytest.mark.parametrize("code", ["database_unreachable", "database_locked", "storage_full", "read_only"])
@pytest.mark.parametrize("is_after_commit", [False, True], ids=["while it is read", "when it is kept"])
def test_a_database_error_during_a_refetch_keeps_its_code(
    place: Place,
    alarmbox: InMemoryAlarmBox,
    hand_clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    is_after_commit: bool,
) -> None:
    """The database fails while a re-fetch reads from AlarmBox or stores the answer: the error has the code of the
    database's failure (exit status 6).
    """
    with place.desk(alarmbox, hand_clock) as console:
        record = buy_check(console)
        database = console.database

        def raise_in_the_middle(*_: object, **__: object) -> None:
            raise rebuild_error(ErrorCode(code), {"problem": "in the middle"})

        def break_database() -> None:
            monkeypatch.setattr(database, "write" if is_after_commit else "read", raise_in_the_middle)

        call_during_reading(alarmbox, monkeypatch, break_database)
        ending = call_for_refusal(lambda: console.credit_checks.refetch(record.id))
        monkeypatch.undo()
        assert (ending.code, ending.exit_status) == (code, 6)
        assert isinstance(ending.detail["record"], CreditCheck)
        assert {part["code"] for part in ending.detail["failed"]} <= {code}
