"""Tests of the figures in the reports against inserted rows: ages of queues, steps of refunds, money of each day, and
the time to truth.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from console.app import Console
from console.domain.reports.refund_funnel import CountAndSum
from console.domain.reports.settlement import SettlementDay
from console.domain.reports.time_to_truth import UnknownOutcome, compute_percentile, compute_time_to_truth
from console.store.reports import queue_ages, refund_funnel, settlement, time_to_truth
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.places import Place
from tests.support.quick_desks import ManualClock
from tests.support.report_rows import NOW, ReportRows

ONE_SECOND, HOUR, ONE_DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
TODAY, YESTERDAY = date(2026, 11, 20), date(2026, 11, 19)


@pytest.fixture
def console(place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock) -> Iterator[Console]:
    hand_clock.at = NOW
    with place.desk(alarmbox, hand_clock, TIME_SCALE="1") as opened:
        yield opened


def test_each_record_is_in_one_class_of_age(console: Console, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record exactly at the limit of two age classes belongs to the older class. A record in two queues counts in
    each of them, and a record of unknown age is counted separately. If a queue has more records than are counted, it
    is marked as incomplete.
    """
    rows = ReportRows(place)
    for age in (
        timedelta(),
        HOUR - ONE_SECOND,
        HOUR,
        4 * HOUR,
        ONE_DAY - ONE_SECOND,
        ONE_DAY,
        3 * ONE_DAY - ONE_SECOND,
        3 * ONE_DAY,
        40 * ONE_DAY,
    ):
        rows.insert_payment("paypay", "user_payment", NOW, certainty="unknown", state_since=NOW - age)
    rows.insert_payment("paypay", "user_payment", NOW, state_since=NOW - 2 * HOUR)
    rows.insert_payment("paypay", "completed", NOW, work_state="needs_review", state_since=NOW - 2 * ONE_DAY)
    rows.insert_payment("paypay", "completed", NOW, state_since=NOW - 2 * ONE_DAY)
    rows.insert_refund("submitting", NOW, certainty="unknown", work_state="needs_review", state_since=NOW - 5 * HOUR)
    rows.insert_refund("approved", NOW)
    ages = {queue.queue: queue for queue in console.reports.read_queue_ages().queues}
    assert {name: (queue.counts, queue.undated_count) for name, queue in ages.items()} == {
        "pending": ((0, 1, 0, 0, 0), 0),
        "unknown": ((2, 1, 3, 2, 2), 0),
        "error": ((0, 0, 0, 0, 0), 0),
        "incomplete": ((0, 0, 0, 0, 0), 0),
        "review": ((0, 0, 1, 1, 0), 0),
        "refunds": ((0, 0, 1, 0, 0), 1),
        "disagree": ((0, 0, 0, 0, 0), 0),
    }
    assert all(queue.is_complete for queue in ages.values())
    monkeypatch.setattr(queue_ages, "MAX_RECORDS", 3)
    unknown = next(queue for queue in console.reports.read_queue_ages().queues if queue.queue == "unknown")
    assert (unknown.total, unknown.is_complete) == (4, False), "three payments and a refund"


def test_refund_figures_count_each_currency_separately(
    console: Console, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refund figures count each currency separately. A refund that was withdrawn after its approval counts as
    approved; one with only one of two votes does not. An unknown refund counts neither as refunded nor as failed, and
    requests before the period do not count.
    """
    rows = ReportRows(place)
    inserted: list[tuple[str, dict[str, Any]]] = [
        ("requested", {}),
        ("approved", {}),
        ("submitting", {"first_sent_at": NOW, "certainty": "unknown"}),
        ("completed", {"first_sent_at": NOW, "refund_amount": 2_500}),
        ("failed", {"first_sent_at": NOW}),
        ("rejected", {}),
        ("withdrawn", {}),
        ("expired", {}),
        ("completed", {"first_sent_at": NOW, "currency": "INR", "refund_amount": 70_000}),
    ]
    rows.insert_refund("completed", NOW - 91 * ONE_DAY, first_sent_at=NOW)
    for status, facts in inserted:
        rows.insert_refund(status, NOW - ONE_DAY, **facts)
    withdrawn = place.sql("SELECT id FROM refunds WHERE status = 'withdrawn'")[0][0]
    rejected = place.sql("SELECT id FROM refunds WHERE status = 'rejected'")[0][0]
    for seq, (refund, what) in enumerate([(withdrawn, "refund.approved"), (rejected, "refund.half_approved")]):
        entry = {"session": "s", "seq": seq, "at": NOW, "who": "lead-b", "desk": "d", "what": what, "result": "ok"}
        subject = {"subject_kind": "refund", "subject_id": str(refund), "detail": "{}", "prev_hash": "", "hash": ""}
        rows.insert_row("audit_log", {**entry, **subject})
    report = console.reports.read_refund_funnel()
    yen, rupees = report.funnels
    steps = {name: yen.get_step(name) for name in yen.__slots__ if name != "currency"}
    assert steps == {
        "requested": CountAndSum(8, 9_500),
        "approved": CountAndSum(5, 6_500),
        "sent": CountAndSum(3, 4_500),
        "refunded": CountAndSum(1, 2_500),
        "rejected": CountAndSum(1, 1_000),
        "withdrawn": CountAndSum(1, 1_000),
        "expired": CountAndSum(1, 1_000),
        "failed": CountAndSum(1, 1_000),
        "unknown": CountAndSum(1, 1_000),
    }
    assert (rupees.currency, rupees.refunded) == ("INR", CountAndSum(1, 70_000))
    assert report.is_complete
    monkeypatch.setattr(refund_funnel, "MAX_REFUNDS", 3)
    assert not console.reports.read_refund_funnel().is_complete


def test_payments_and_refunds_count_for_their_japanese_day(
    console: Console, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Payments count for the Japanese day on which they were paid, and refunds for the day of their completion. Each
    currency and each provider is counted separately. Unknown payments and accepted refunds do not count, and of
    reversed payments only the refunded part counts.
    """
    rows, midnight = ReportRows(place), datetime(2026, 11, 19, 15, 0, tzinfo=UTC)
    paid = {"captured_minor": 3_300, "certainty": "known"}
    rows.insert_payment("paypay", "completed", NOW, paid_at=midnight, **paid)
    rows.insert_payment("paypay", "payment_success", NOW, paid_at=midnight - ONE_SECOND, **paid)
    rows.insert_payment("paypay", "reversed", NOW, paid_at=midnight, **paid)
    rows.insert_payment("paypay", "completed", NOW, paid_at=midnight, **{**paid, "certainty": "unknown"})
    rows.insert_payment(
        "paypay", "completed", NOW, paid_at=midnight, **{**paid, "currency": "INR", "captured_minor": 99}
    )
    rows.insert_payment("atom", "completed", NOW, paid_at=NOW - 20 * ONE_DAY, **paid)
    ids = [row[0] for row in place.sql("SELECT id FROM payments ORDER BY id")]
    done = {"first_sent_at": NOW, "state_since": midnight}
    rows.insert_refund("completed", NOW, payment_id=ids[0], **done)
    rows.insert_refund("completed", NOW, payment_id=ids[5], **{**done, "state_since": midnight - ONE_SECOND})
    rows.insert_refund("submitted", NOW, payment_id=ids[1], **done)
    rows.insert_refund(
        "completed", NOW, payment_id=ids[4], **{**done, "currency": "INR", "work_state": "needs_review"}
    )
    rows.insert_payment("paypay", "reversed", NOW, paid_at=midnight - ONE_SECOND, refunded_minor=300, **paid)
    series = {(one.provider, one.currency): one for one in console.reports.read_settlement().series}
    counted = {key: [day for day in one.days if day.payments or day.refunds] for key, one in series.items()}
    assert counted == {
        ("atom", "JPY"): [SettlementDay(YESTERDAY, 0, 0, 1, 1_000)],
        ("paypay", "INR"): [SettlementDay(TODAY, 1, 99, 1, 1_000)],
        ("paypay", "JPY"): [SettlementDay(YESTERDAY, 2, 3_600), SettlementDay(TODAY, 1, 3_300, 1, 1_000)],
    }
    assert counted["atom", "JPY"][0].net_minor == -1_000
    assert all(one.is_complete for one in series.values())
    monkeypatch.setattr(settlement, "MAX_ROWS", 5)
    flags = {(one.provider, one.currency): one.is_complete for one in console.reports.read_settlement().series}
    assert flags == {("atom", "JPY"): True, ("paypay", "INR"): False, ("paypay", "JPY"): False}


def test_the_time_to_truth_excludes_calls_with_their_own_answer(
    console: Console, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that got its outcome itself was never unknown and does not count. For each other call, the time until
    its outcome was written counts, or the time until now if it is still unknown. Calls that only read do not count.
    """
    rows = ReportRows(place)
    action = "refund.submit"
    rows.insert_operation("refund", action, "done", NOW - ONE_DAY, ended_at=NOW - ONE_DAY + ONE_SECOND)
    rows.insert_operation("refund", action, "done", NOW - ONE_DAY, ended_at=NOW - ONE_DAY + 5 * ONE_SECOND, fence=2)
    rows.insert_operation("refund", action, "failed", NOW - 20 * ONE_DAY, ended_at=NOW - 10 * ONE_DAY, fence=3)
    rows.insert_operation("refund", action, "unknown", NOW - 2 * ONE_DAY)
    rows.insert_operation("refund", "refund.read", "failed", NOW - ONE_DAY, ended_at=NOW, fence=2)
    rows.insert_operation("refund", action, "done", NOW - 91 * ONE_DAY, ended_at=NOW, fence=2)
    rows.insert_operation("payment", "payment.start", "unknown", NOW - HOUR)
    kinds = {kind.kind: kind for kind in console.reports.read_time_to_truth().kinds}
    refund = kinds["refund"]
    assert (refund.settled_count, refund.median, refund.p90, refund.longest) == (
        2,
        5 * ONE_SECOND,
        10 * ONE_DAY,
        10 * ONE_DAY,
    )
    assert (refund.late_count, refund.open_count, refund.oldest_open, refund.is_complete) == (1, 1, 2 * ONE_DAY, True)
    assert timedelta(days=5) < refund.schedule < timedelta(days=6)
    assert (kinds["payment"].settled_count, kinds["payment"].median, kinds["payment"].oldest_open) == (0, None, HOUR)
    assert kinds["credit-check"].open_count == 0
    monkeypatch.setattr(time_to_truth, "MAX_OPERATIONS", 2)
    kinds = {kind.kind: kind for kind in console.reports.read_time_to_truth().kinds}
    assert (kinds["refund"].is_complete, kinds["payment"].is_complete) == (False, True)


def test_lapsed_calls_count_as_unknown(console: Console, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls of ended processes whose lapse no worker has recorded count as unknown. If more of them exist than the
    program reads, the figure is marked as incomplete.
    """
    rows = ReportRows(place)
    with place.keep_connection_open():
        for _ in range(501):
            rows.insert_operation("payment", "payment.start", "calling", NOW - HOUR)
    rows.insert_operation("refund", "refund.submit", "calling", NOW - ONE_SECOND)
    kinds = {kind.kind: kind for kind in console.reports.read_time_to_truth().kinds}
    assert {name: (kind.open_count, kind.is_complete) for name, kind in kinds.items()} == {
        "credit-check": (0, True),
        "payment": (501, True),
        "refund": (1, True),
    }
    monkeypatch.setattr(time_to_truth, "MAX_OPERATIONS", 501)
    kinds = {kind.kind: kind for kind in console.reports.read_time_to_truth().kinds}
    assert not kinds["refund"].is_complete, "its lapsed call is the newest one of all kinds"


@pytest.mark.parametrize(
    ("count", "percent", "place"), [(1, 50, 1), (2, 50, 1), (3, 50, 2), (10, 90, 9), (11, 90, 10), (4, 100, 4)]
)
def test_a_percentile_is_one_of_the_times(count: int, percent: int, place: int) -> None:
    """A percentile is the smallest measured time that at least this percentage of the times does not exceed. No value
    between two measured times is computed.
    """
    assert compute_percentile([number * ONE_SECOND for number in range(1, count + 1)], percent) == place * ONE_SECOND
    assert compute_percentile([], percent) is None
    late = compute_time_to_truth(
        "payment", [UnknownOutcome(NOW - HOUR, NOW), UnknownOutcome(NOW - 2 * HOUR, NOW)], HOUR, NOW
    )
    assert late.late_count == 1, "a time of exactly the schedule is in time"
