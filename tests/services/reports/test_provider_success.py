"""Tests of the success figures of each provider and day: payments are counted by Japanese days, unknown payments
separately, and outages come from their alerts.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from console.app import Console
from console.domain.alerts.provider_subjects import PROVIDER_KIND, compute_provider_subject_id
from console.domain.reports.provider_success import Outage, ProviderDay
from console.services.alerts.provider_outage import ALERT_RULE
from console.store.reports import provider_success as store
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.places import Place
from tests.support.quick_desks import ManualClock
from tests.support.report_rows import NOW, ReportRows

HOUR = timedelta(hours=1)
MIDNIGHT = datetime(2026, 11, 19, 15, 0, tzinfo=UTC)
"""The beginning of 2026-11-20 in Japan."""


@pytest.fixture
def console(place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock) -> Iterator[Console]:
    hand_clock.at = NOW
    with place.desk(alarmbox, hand_clock) as opened:
        yield opened


def test_each_payment_counts_for_its_japanese_day(console: Console, place: Place) -> None:
    """A payment counts for the Japanese day on which it began. An unknown payment is neither a success nor a failure,
    and payments before the period are not counted.
    """
    rows = ReportRows(place)
    rows.insert_payment("paypay", "completed", MIDNIGHT)
    rows.insert_payment("paypay", "payment_success", MIDNIGHT + HOUR)
    rows.insert_payment("paypay", "payment_failed", NOW)
    rows.insert_payment("paypay", "expired", NOW)
    rows.insert_payment("paypay", "completed", NOW, certainty="unknown")
    rows.insert_payment("paypay", "user_payment", NOW)
    rows.insert_payment("paypay", "reversed", NOW)
    rows.insert_payment("paypay", "completed", MIDNIGHT - timedelta(microseconds=1))
    rows.insert_payment("paypay", "completed", MIDNIGHT - 13 * 24 * HOUR)
    rows.insert_payment("paypay", "completed", MIDNIGHT - 13 * 24 * HOUR - timedelta(microseconds=1))
    rows.insert_payment("atom", "payment_failed", NOW)
    rows.insert_payment("bank", "completed", None)
    report = console.reports.read_provider_success()
    assert [series.provider for series in report.providers] == ["atom", "bank", "paypay"]
    days = {series.provider: [day for day in series.days if day.total] for series in report.providers}
    assert days["atom"] == [ProviderDay(date(2026, 11, 20), unpaid=1)]
    assert days["bank"] == []
    assert days["paypay"] == [
        ProviderDay(date(2026, 11, 7), paid=1),
        ProviderDay(date(2026, 11, 19), paid=1),
        ProviderDay(date(2026, 11, 20), paid=2, unpaid=2, unknown=1, other=2),
    ]
    assert days["paypay"][-1].paid_percent == 50
    assert len(report.providers[0].days) == 14
    assert report.outages == ()


def test_outages_begin_and_end_with_alerts(console: Console, place: Place) -> None:
    """An outage lasts from the first unanswered call, which its alert states, until the end of the alert. Other and
    older alerts do not count.
    """
    rows = ReportRows(place)
    rows.insert_payment("paypay", "completed", NOW)
    words = "paypay: no usable answer since 2026-11-18T01:00:00Z"
    facts = {"subject_kind": PROVIDER_KIND, "subject_id": compute_provider_subject_id("paypay"), "expected": ""}
    alert = {**facts, "rule_id": ALERT_RULE, "observed": words, "detected_at": NOW - 49 * HOUR}
    old = {**alert, "observed": "paypay: no usable answer since 2026-10-01T00:00:00Z"}
    rows.insert_row("alerts", {**old, "resolved_at": NOW - 40 * 24 * HOUR})
    rows.insert_row("alerts", {**alert, "resolved_at": NOW - 48 * HOUR})
    rows.insert_row("alerts", {**alert, "rule_id": "other", "resolved_at": NOW})
    rows.insert_row("alerts", {**alert, "observed": "in other words", "detected_at": NOW - HOUR})
    assert console.reports.read_provider_success().outages == (
        Outage("paypay", datetime(2026, 11, 18, 1, tzinfo=UTC), NOW - 48 * HOUR),
        Outage("paypay", NOW - HOUR, None),
    )


def test_a_report_states_that_older_payments_are_missing(
    console: Console, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If there are more payments than are counted, the newest ones are counted, and the report says that older
    payments are missing.
    """
    monkeypatch.setattr(store, "MAX_PAYMENTS", 2)
    rows = ReportRows(place)
    for hours in (0, 1, 30):
        rows.insert_payment("paypay", "completed", NOW - hours * HOUR)
    (series,) = console.reports.read_provider_success().providers
    assert (series.days[-1].paid, series.days[-2].paid, series.is_complete) == (2, 0, False)
