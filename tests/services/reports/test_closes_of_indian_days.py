"""Tests of the daily close of Atom, whose days are Indian days: the Japanese day has a part of two of them, the first
3.5 hours and the rest.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from console.app import Console
from console.domain.reports.daily_close import CloseReconciliation, NotFinalReason
from console.wording.daily_close import format_daily_close_notes, format_daily_close_state
from tests.services.reports.test_daily_close import DAY_BEGIN, DAY_END, ONE_DAY, ONE_SECOND, YESTERDAY, insert_run
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.payment_desks import make_settings
from tests.support.places import Place
from tests.support.quick_desks import ManualClock
from tests.support.report_rows import NOW, ReportRows

HOUR = timedelta(hours=1)
INDIAN_MIDNIGHT = DAY_BEGIN + 3.5 * HOUR
"""The instant within yesterday in Japan at which the Indian day changes."""


@pytest.fixture
def console(place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock) -> Iterator[Console]:
    hand_clock.at = NOW
    with place.desk(alarmbox, hand_clock, TIME_SCALE="1") as opened:
        yield opened


def insert_payment(rows: ReportRows, id: int, begun_at: datetime, paid_at: datetime | None) -> None:
    """Insert a payment of Atom that began at `begun_at`. It was paid at `paid_at`, or has expired if that is None."""
    paid = {"captured_minor": 3_300, "paid_at": paid_at} if paid_at else {}
    state = "completed" if paid_at else "expired"
    rows.insert_payment("atom", state, begun_at, id=id, currency="INR", **paid)


def insert_difference(rows: ReportRows, run_id: int, payment_id: int | None) -> None:
    """Insert a difference of the run about this payment, which Atom doesn't have."""
    facts = {"run_id": run_id, "row_key": f"P-{payment_id}", "verdict": "missing_there", "payment_id": payment_id}
    rows.insert_row("reconciliation_rows", {**facts, "ours": "completed 3300 INR", "case_opened": 1})


def read_reconciliation(console: Console) -> CloseReconciliation:
    reconciliation = console.reports.read_daily_close("atom", YESTERDAY).reconciliation
    assert reconciliation is not None
    return reconciliation


def test_a_japanese_day_needs_a_reconciliation_of_both_indian_days(console: Console, place: Place) -> None:
    """The close is final if a complete run has compared both Indian days, each after the end of its part of the
    Japanese day. A run of the second one may begin before the Indian day ends.
    """
    rows = ReportRows(place)
    insert_payment(rows, 1, DAY_BEGIN + HOUR, DAY_BEGIN + HOUR)

    def is_reconciled() -> bool:
        close = console.reports.read_daily_close("atom", YESTERDAY)
        return NotFinalReason.NOT_RECONCILED not in close.open_points

    insert_run(rows, place, "done", begun_at=DAY_END, provider="atom")
    assert not is_reconciled(), "the first hours are of the Indian day before"
    close = console.reports.read_daily_close("atom", YESTERDAY)
    missing = f"no complete reconciliation covers the gateway day {YESTERDAY - ONE_DAY}"
    assert missing in format_daily_close_state(close, "en"), "the note below lists the run of the other Indian day"
    assert f"提供元の日付 {YESTERDAY - ONE_DAY} の照合が未完了" in format_daily_close_state(close, "ja")
    insert_run(rows, place, "done", YESTERDAY - ONE_DAY, INDIAN_MIDNIGHT - ONE_SECOND, provider="atom")
    assert not is_reconciled(), "begun before the Indian day was over"
    close = console.reports.read_daily_close("atom", YESTERDAY)
    assert "reconciliation no. 2 started before the day was over" in format_daily_close_state(close, "en")
    insert_run(rows, place, "done", YESTERDAY - ONE_DAY, INDIAN_MIDNIGHT, provider="atom")
    assert is_reconciled()
    insert_run(rows, place, "done", begun_at=DAY_END - ONE_SECOND, provider="atom")
    assert not is_reconciled(), "the newest run of the second Indian day has not compared the last second"


def test_the_close_lists_the_differences_of_both_indian_days(console: Console, place: Place) -> None:
    """The close lists the differences of both runs whose payments are of the Japanese day by the time of payment, or
    of beginning if they aren't paid. A difference without a known payment is listed, too. A run of several days
    counts only for the Indian day of which it is the newest run.
    """
    rows = ReportRows(place)
    insert_payment(
        rows, 1, DAY_BEGIN - HOUR, DAY_BEGIN - ONE_SECOND
    )  # the day before in Japan, on the first Indian day
    insert_payment(rows, 2, DAY_BEGIN - ONE_SECOND, DAY_BEGIN)
    insert_payment(rows, 3, INDIAN_MIDNIGHT - ONE_SECOND, INDIAN_MIDNIGHT)  # begun on the first Indian day
    insert_payment(rows, 4, INDIAN_MIDNIGHT, None)
    insert_payment(rows, 5, DAY_END - ONE_SECOND, DAY_END)  # the day after in Japan
    insert_payment(rows, 6, DAY_END, None)
    insert_run(
        rows, place, "done", YESTERDAY - ONE_DAY, to_day=YESTERDAY, provider="atom", matched=7, missing_there=6
    )
    for payment_id in (1, 2, 3, 4, 5, 6):
        insert_difference(rows, 1, payment_id)
    reconciliation = read_reconciliation(console)
    listed = [item.difference.payment_id for item in reconciliation.differences]
    assert (reconciliation.run_ids, listed, reconciliation.missing_at_provider_count) == ((1,), [2, 3, 4], 3)

    insert_run(rows, place, "done", YESTERDAY - ONE_DAY, provider="atom", matched=5, missing_there=1)
    insert_difference(rows, 2, 3)
    insert_difference(rows, 2, None)
    reconciliation = read_reconciliation(console)
    listed = [item.difference.payment_id for item in reconciliation.differences]
    assert listed == [4, 3, None], "the newer run found payment 2 at Atom"
    assert (reconciliation.run_ids, reconciliation.run_id) == ((1, 2), 2)
    assert (reconciliation.from_day, reconciliation.to_day) == (YESTERDAY - ONE_DAY, YESTERDAY)
    assert (reconciliation.matched_count, reconciliation.difference_count) == (12, 3)
    close = console.reports.read_daily_close("atom", YESTERDAY)
    notes = "\n".join(format_daily_close_notes(close, "en"))
    assert "Reconciliation no. 1, 2: 3 differences on this Japanese day." in notes
    assert "(2026-11-18 to 2026-11-19) have 12 matching payments, paid or not." in notes
    of_one_day = replace(close, reconciliation=replace(reconciliation, from_day=YESTERDAY))
    notes = "\n".join(format_daily_close_notes(of_one_day, "en"))
    assert "(2026-11-19) have 12 matching payments, paid or not." in notes


@pytest.mark.parametrize("begun_at", [DAY_BEGIN, INDIAN_MIDNIGHT - ONE_SECOND, INDIAN_MIDNIGHT, DAY_END - ONE_SECOND])
def test_the_worker_compares_both_indian_days_of_a_payment(
    place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock, begun_at: datetime
) -> None:
    """A single payment of a Japanese day makes both its Indian days due, although one of them has no payments."""
    hand_clock.at = max(begun_at, INDIAN_MIDNIGHT)
    due_days = set[date]()
    settings = {"TIME_SCALE": "1", **make_settings("http://127.0.0.1:9")}
    with place.desk(alarmbox, hand_clock, **settings) as console:  # type: ignore[arg-type]  # the values are texts
        insert_payment(ReportRows(place), 1, begun_at, begun_at)
        for _ in range(3):
            due_days |= {day for name, day, _ in console.reconciliation._find_due_days() if name == "atom"}
            hand_clock.at += ONE_DAY
    assert due_days == {YESTERDAY - ONE_DAY, YESTERDAY}
