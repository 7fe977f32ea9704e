"""Tests of the alert about a provider whose answers are slow for a quarter of an hour; the alert closes by itself."""

from datetime import timedelta

import pytest

from console.domain.alerts.provider_slowness import (
    ALERT_LIFETIME_WITHOUT_CALLS,
    ALERT_RULE,
    compute_median_seconds,
    format_observed_call_duration,
)
from console.domain.alerts.provider_subjects import PROVIDER_KIND, compute_provider_subject_id
from console.domain.records import PurchaseRequest
from console.sandbox.server import Sandbox
from console.services.alerts.provider_slowness import ProviderSlownessAlerts
from console.services.evidence.answered_operations import list_answered_operations
from console.store.monitoring import recent_activity
from console.wording.sentences.catalogue import format_finding
from tests.support.desks import MovedClock
from tests.support.invented import invent_numbers
from tests.support.places import Place

_SELECT_ALERTS_SQL = (
    f"SELECT subject_kind, subject_id, observed, resolved_at IS NULL FROM alerts WHERE rule_id = '{ALERT_RULE}'"
)


@pytest.mark.parametrize(
    ("durations", "median"), [([9.0, 9.0], None), ([1.0, 9.0, 2.0], 2.0), ([1.0, 2.0, 4.0, 9.0], 3.0)]
)
def test_fewer_than_three_calls_have_no_median(durations: list[float], median: float | None) -> None:
    """The median of three or more durations (seconds) of calls is returned. For fewer durations the result is
    None.
    """
    assert compute_median_seconds(durations) == median


@pytest.mark.engines("sqlite")
def test_an_alert_about_slowness_closes_when_calls_are_fast(place: Place, sandbox: Sandbox) -> None:
    """Three slow purchases raise one alert, and further runs raise no second one. The alert closes when most calls of
    the measured period are fast.
    """
    clock, numbers = MovedClock(), list(invent_numbers(12, seed=11))
    with place.open_desk(sandbox, clock) as desk:
        watch = ProviderSlownessAlerts(desk._context)

        def buy_slowly(count: int, seconds: float) -> None:
            """Buy `count` credit checks and record for each that AlarmBox took `seconds` for each answer."""
            for _ in range(count):
                record = desk.credit_checks.purchase(PurchaseRequest(numbers.pop(), "1"))
                operation = record.operation_id
                ((answers,),) = place.sql(f"SELECT COUNT(*) FROM evidence WHERE operation_id = '{operation}'")
                place.drop_table_triggers("operations")
                place.sql(
                    f"UPDATE operations SET started_at = datetime(ended_at, '-{seconds * answers} seconds')"
                    f" WHERE id = '{operation}'"
                )

        buy_slowly(2, 8)
        assert watch.update_alerts() == 0, "two calls say nothing"
        buy_slowly(1, 8)
        assert watch.update_alerts() == 1
        assert watch.update_alerts() == 0
        ((kind, subject, observed, is_open),) = place.sql(_SELECT_ALERTS_SQL)
        assert (kind, subject, is_open) == (PROVIDER_KIND, compute_provider_subject_id("alarmbox"), 1)
        assert observed.startswith("alarmbox answers in ")
        assert observed.endswith(" s (median of 3 calls)")
        buy_slowly(4, 0)
        assert watch.update_alerts() == 1
        assert place.sql(_SELECT_ALERTS_SQL)[0][3] == 0


@pytest.mark.engines("sqlite")
def test_the_slowness_alert_closes_after_an_hour_without_calls(place: Place, sandbox: Sandbox) -> None:
    """An alert about a slow provider closes after an hour without a call, because the provider's present speed is
    then unknown.
    """
    clock, numbers = MovedClock(), invent_numbers(3, seed=12)
    with place.open_desk(sandbox, clock) as desk:
        watch = ProviderSlownessAlerts(desk._context)
        for number in numbers:
            desk.credit_checks.purchase(PurchaseRequest(number, "1"))
        place.drop_table_triggers("operations")
        place.sql("UPDATE operations SET started_at = datetime(ended_at, '-60 seconds')")
        assert watch.update_alerts() == 1
        clock.offset += ALERT_LIFETIME_WITHOUT_CALLS / 2
        assert watch.update_alerts() == 0, "the last calls were slow, and nothing newer is known"
        clock.offset += ALERT_LIFETIME_WITHOUT_CALLS / 2 + timedelta(minutes=1)
        assert watch.update_alerts() == 1
        assert place.sql(_SELECT_ALERTS_SQL)[0][3] == 0


@pytest.mark.parametrize(("language", "words"), [("en", "PayPay answers in 4.1 s"), ("ja", "4.1 秒")])
def test_the_stored_text_of_a_slowness_alert_becomes_a_sentence(language: str, words: str) -> None:
    """From the stored text of an alert about a slow provider, the window makes a sentence with the seconds and the
    number of calls.
    """
    sentence = format_finding(format_observed_call_duration("paypay", 4.06, 7), language)
    assert words in sentence
    assert "7" in sentence


@pytest.mark.engines("sqlite")
def test_the_slowness_alert_closes_when_few_calls_follow(place: Place, sandbox: Sandbox) -> None:
    """An alert about a slow provider closes after an hour in which the provider got too few calls for a median."""
    clock, numbers = MovedClock(), list(invent_numbers(5, seed=13))
    with place.open_desk(sandbox, clock) as desk:
        watch = ProviderSlownessAlerts(desk._context)
        for _ in range(3):
            desk.credit_checks.purchase(PurchaseRequest(numbers.pop(), "1"))
        place.drop_table_triggers("operations")
        place.sql("UPDATE operations SET started_at = datetime(ended_at, '-60 seconds')")
        assert watch.update_alerts() == 1
        clock.offset += ALERT_LIFETIME_WITHOUT_CALLS + timedelta(minutes=1)
        desk.credit_checks.purchase(PurchaseRequest(numbers.pop(), "1"))
        assert watch.update_alerts() == 1
        assert place.sql(_SELECT_ALERTS_SQL)[0][3] == 0


@pytest.mark.engines("sqlite")
def test_an_operation_settled_by_a_later_probe_is_no_slow_call(place: Place, sandbox: Sandbox) -> None:
    """An operation whose call got no answer ends hours later, when a probe gets one. The time until then isn't the
    time in which the provider answers, so no alert about a slow provider is raised.
    """
    numbers = list(invent_numbers(4, seed=12))
    with place.open_desk(sandbox, MovedClock()) as desk:
        watch = ProviderSlownessAlerts(desk._context)
        for table in ("operations", "evidence"):
            place.drop_table_triggers(table)
        for _ in range(3):
            operation = desk.credit_checks.purchase(PurchaseRequest(numbers.pop(), "1")).operation_id
            place.sql(
                f"UPDATE operations SET started_at = datetime(ended_at, '-7 hours') WHERE id = '{operation}'",
                "UPDATE evidence SET summary = 'UNKNOWN read_timeout', at = datetime(at, '-7 hours')"
                f" WHERE operation_id = '{operation}' AND source = 'alarmbox.purchase'",
            )
        assert place.sql("SELECT COUNT(*) FROM evidence WHERE source = 'alarmbox.detail'")[0][0] == 3
        assert watch.update_alerts() == 0


@pytest.mark.engines("sqlite")
def test_an_operation_whose_evidence_is_not_read_does_not_count_as_answered(
    place: Place, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If there are more operations than one query reads, the evidence of the operations beyond its limit isn't
    read. These operations don't count as answered, because nobody has looked.
    """
    numbers = invent_numbers(2, seed=13)
    with place.open_desk(sandbox, MovedClock()) as desk:
        ids = [str(desk.credit_checks.purchase(PurchaseRequest(number, "1")).operation_id) for number in numbers]
        with desk._context.database.read() as conn:
            assert list_answered_operations(conn, ids) == ids
            monkeypatch.setattr(recent_activity, "_MAX_IDS_PER_QUERY", 1)
            assert list_answered_operations(conn, ids) == ids[:1]
