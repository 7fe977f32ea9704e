"""A provider that answers slowly over a quarter of an hour is an alert, which closes itself."""

from datetime import timedelta

import pytest

from console.domain.alerts.provider_slowness import (
    ALERT_LIFETIME_WITHOUT_CALLS,
    ALERT_RULE,
    compute_median_seconds,
    format_observed_slowness,
)
from console.domain.records import PurchaseRequest
from console.sandbox.server import Sandbox
from console.services.alerts.provider_outage import PROVIDER_KIND, compute_provider_subject_id
from console.services.alerts.provider_slowness import ProviderSlownessAlerts
from console.wording.sentences.catalogue import format_finding
from tests.support.desks import MovedClock
from tests.support.invented import numbers
from tests.support.places import Place

_ALERTS = f"SELECT subject_kind, subject_id, observed, resolved_at IS NULL FROM alerts WHERE rule_id = '{ALERT_RULE}'"


@pytest.mark.parametrize(
    ("durations", "median"), [([9.0, 9.0], None), ([1.0, 9.0, 2.0], 2.0), ([1.0, 2.0, 4.0, 9.0], 3.0)]
)
def test_the_median_of_a_few_calls_says_nothing(durations: list[float], median: float | None) -> None:
    assert compute_median_seconds(durations) == median


@pytest.mark.engines("sqlite")
def test_slow_then_fast_again(place: Place, sandbox: Sandbox) -> None:
    """One alert, not one for each run; resolved by the median of the window, in which the fast calls are the more."""
    clock, invented = MovedClock(), list(numbers(12, seed=11))
    with place.opened(sandbox, clock) as desk:
        watch = ProviderSlownessAlerts(desk._context)

        def buy(count: int, seconds: float) -> None:
            """Buy so many checks, each as if its provider had taken this time for each of its answers."""
            for _ in range(count):
                record = desk.credit_checks.purchase(PurchaseRequest(invented.pop(), "1"))
                operation = record.operation_id
                ((answers,),) = place.sql(f"SELECT COUNT(*) FROM evidence WHERE operation_id = '{operation}'")
                place.unguard("operations")
                place.sql(
                    f"UPDATE operations SET started_at = datetime(ended_at, '-{seconds * answers} seconds')"
                    f" WHERE id = '{operation}'"
                )

        buy(2, 8)
        assert watch.update_alerts() == 0, "two calls say nothing"
        buy(1, 8)
        assert watch.update_alerts() == 1
        assert watch.update_alerts() == 0
        ((kind, subject, observed, is_open),) = place.sql(_ALERTS)
        assert (kind, subject, is_open) == (PROVIDER_KIND, compute_provider_subject_id("alarmbox"), 1)
        assert observed.startswith("alarmbox answers in ")
        assert observed.endswith(" s (median of 3 calls)")
        buy(4, 0)
        assert watch.update_alerts() == 1
        assert place.sql(_ALERTS)[0][3] == 0


@pytest.mark.engines("sqlite")
def test_nobody_knows_after_an_hour_without_a_call(place: Place, sandbox: Sandbox) -> None:
    clock, invented = MovedClock(), numbers(3, seed=12)
    with place.opened(sandbox, clock) as desk:
        watch = ProviderSlownessAlerts(desk._context)
        for number in invented:
            desk.credit_checks.purchase(PurchaseRequest(number, "1"))
        place.unguard("operations")
        place.sql("UPDATE operations SET started_at = datetime(ended_at, '-60 seconds')")
        assert watch.update_alerts() == 1
        clock.offset += ALERT_LIFETIME_WITHOUT_CALLS / 2
        assert watch.update_alerts() == 0, "the last calls were slow, and nothing newer is known"
        clock.offset += ALERT_LIFETIME_WITHOUT_CALLS / 2 + timedelta(minutes=1)
        assert watch.update_alerts() == 1
        assert place.sql(_ALERTS)[0][3] == 0


@pytest.mark.parametrize(("language", "words"), [("en", "PayPay answers in 4.1 s"), ("ja", "4.1 秒")])
def test_the_stored_text_is_told_in_words(language: str, words: str) -> None:
    told = format_finding(format_observed_slowness("paypay", 4.06, 7), language)
    assert words in told
    assert "7" in told
