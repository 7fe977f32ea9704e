"""Tests of AlarmBox's status 403, which can mean a missing permission or the end of a viewing period; a probe finds
out which.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from console.app import Console
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import CheckReport, CreditCheck, PurchaseRequest, WorkState
from tests.support.in_memory_alarmbox import InMemoryAlarmBox, LedgerReader
from tests.support.invented import invent_numbers
from tests.support.places import Place
from tests.support.quick_desks import ManualClock
from tests.support.refusals import call_for_refusal

(CORPORATION_NUMBER,) = invent_numbers(1)


@dataclass
class ForbiddingAlarmBox(InMemoryAlarmBox):
    """A simulated AlarmBox that answers every read with status 403 while `is_forbidding` is True."""

    is_forbidding: bool = False

    def make_reader(self) -> LedgerReader:
        return ForbiddingReader(self)


class ForbiddingReader(LedgerReader):
    """The reader that ForbiddingAlarmBox returns; it answers with status 403 while reading is forbidden."""

    def read_detail(self, credit_check_id: int) -> Outcome[CheckReport]:
        assert isinstance(self.alarmbox, ForbiddingAlarmBox)
        if self.alarmbox.is_forbidding:
            self.alarmbox.count_call("detail")
            return Outcome(OutcomeClass.FAILED_DEFINITE, "http_403", SendingCertainty.YES, None, 403)
        return super().read_detail(credit_check_id)


@pytest.fixture
def alarmbox(hand_clock: ManualClock) -> ForbiddingAlarmBox:
    return ForbiddingAlarmBox(today=hand_clock.today)


@pytest.fixture
def console(place: Place, alarmbox: ForbiddingAlarmBox, hand_clock: ManualClock) -> Iterator[Console]:
    with place.desk(alarmbox, hand_clock) as desk:
        yield desk


def read_record(console: Console) -> CreditCheck:
    """Return the newest record of CORPORATION_NUMBER."""
    return console.lookup.find_records(CORPORATION_NUMBER).credit_checks[0]


def test_a_probe_restores_the_viewing_of_a_credit_check(console: Console, alarmbox: ForbiddingAlarmBox) -> None:
    """AlarmBox forbade reading when the check was bought, so the record counts as no longer viewable, and a re-fetch
    sends no call. After AlarmBox allows reading again, a probe makes it possible to re-fetch the report.
    """
    alarmbox.is_forbidding = True
    record = console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1"))
    assert read_record(console).viewing_over
    detail_call_count = alarmbox.call_counts["detail"]
    assert call_for_refusal(lambda: console.credit_checks.refetch(record.id)).code == "viewing_period_over"
    assert alarmbox.call_counts["detail"] == detail_call_count, "a re-fetch sends nothing"
    console.recovery.probe("credit-check", record.id)
    assert read_record(console).viewing_over, "still forbidden"
    alarmbox.is_forbidding = False
    console.recovery.probe("credit-check", record.id)
    shown = read_record(console)
    assert (shown.viewing_over, shown.error_code, shown.work.state) == (False, None, WorkState.SCHEDULED)
    assert console.credit_checks.refetch(record.id).record.incomplete == ()
    assert read_record(console).work.state is WorkState.NONE
