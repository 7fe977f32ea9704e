"""Tests of the worker's metrics as Prometheus reads them: their names, the source of their values, and that they
contain no personal data.
"""

import math
import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from console.services.alerts.evaluate import AlertRuleEvaluator
from console.services.process.context import WORKER, act_as
from console.services.process.counters import LEASE_WAIT_CLASS_BOUNDS_SECONDS, ProcessCounters
from tests.support.payment_desks import PaymentDesk
from tests.worker.running_receiver import RunningReceiver, run_receiver

pytestmark = pytest.mark.engines("sqlite")
EXPECTED_METRICS = {
    "payment_success_rate", "avg_response_time", "error_rate", "api_availability", "signature_failure_rate",
    "lease_wait_seconds", "duplicates_refused", "cache_hit_rate", "queue_depth", "queue_oldest_seconds",
    "unknown_outcomes", "notices", "receiver_in_flight", "database_up",
}  # fmt: skip


def read_metrics(receiver: RunningReceiver) -> dict[str, dict[tuple[str, ...], float]]:
    """Return the samples of the page `/metrics` by the name of their metric family. Each sample has its name and the
    values of its labels, in the order of the labels' names."""
    answer = receiver.get("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        family.name: {(sample.name, *_list_label_values(sample.labels)): sample.value for sample in family.samples}
        for family in text_string_to_metric_families(answer.body.decode())
    }


def _list_label_values(labels: dict[str, str]) -> list[str]:
    return [labels[name] for name in sorted(labels)]


def get_sample(samples: dict[str, dict[tuple[str, ...], float]], name: str) -> float:
    """Return the value of the metric `name` that has no labels."""
    return samples[name][(name,)]


@pytest.mark.engines("sqlite", "mariadb")
def test_all_expected_metrics_exist(scene: PaymentDesk, receiver: RunningReceiver) -> None:
    """All metrics of EXPECTED_METRICS exist. Before any event, rates are NaN and counts are zero."""
    samples = read_metrics(receiver)
    assert set(samples) >= EXPECTED_METRICS
    rates = ("payment_success_rate", "avg_response_time", "error_rate", "api_availability", "signature_failure_rate")
    assert [name for name in (*rates, "cache_hit_rate") if not math.isnan(get_sample(samples, name))] == []
    assert (
        get_sample(samples, "unknown_outcomes"),
        get_sample(samples, "database_up"),
        get_sample(samples, "receiver_in_flight"),
    ) == (0, 1, 0)


@pytest.mark.engines("sqlite", "mariadb")
def test_rates_are_computed_from_events(scene: PaymentDesk) -> None:
    """After one paid and one failed payment, one unanswered call and some refused notices, the rates and counts have
    the expected values."""
    for number, became in (("ORD-1", "paid"), ("ORD-2", "failed")):
        payment = scene.payments.start(scene.insert_order(number, 3300), "paypay").payment
        scene.money.change_payment_state("paypay", number, became)
        scene.payments.probe(payment.id)
    scene.payments.start(scene.insert_order("ORD-3", 3300), "paypay")
    scene.money.change_payment_state("paypay", "ORD-3", "paid")
    scene.control.add_fault("status:503", call="paypay_payment", times=1)
    scene.payments.receive_notice(scene.make_provider_notice("paypay", "ORD-3"))
    with run_receiver(scene.taker) as receiver:
        assert receiver.deliver_notice(scene.make_bank_notice("e-1", "ORD-9")).status == 200
        assert receiver.deliver_notice(scene.make_bank_notice("e-1", "ORD-9")).status == 200
        assert receiver.deliver_notice(scene.make_bank_notice("e-2", "ORD-9")).status == 200
        assert receiver.post("/notices/bank", b"{}").status == 400
        assert receiver.post("/notices/no-such", b"{}").status == 400
        samples = read_metrics(receiver)
    assert get_sample(samples, "payment_success_rate") == 0.5
    assert get_sample(samples, "signature_failure_rate") == 0.5
    assert 0 < get_sample(samples, "error_rate") < 1
    assert 0 < get_sample(samples, "avg_response_time") < 30
    assert 0 < get_sample(samples, "api_availability") <= 1
    notices = samples["notices"]
    assert notices[("notices_total", "unmatched", "bank")] == 2
    assert notices[("notices_total", "repeated", "bank")] == 1
    assert notices[("notices_total", "refused", "bank")] == 1
    assert notices[("notices_total", "refused", "other")] == 1
    assert samples["queue_depth"][("queue_depth", "pending")] >= 1


def test_metrics_contain_no_business_data(scene: PaymentDesk, receiver: RunningReceiver) -> None:
    """The metrics contain no order, sum, company or invented source. The test searches for the sum as a whole number,
    because its digits can also be a part of a time or of a size in bytes."""
    scene.insert_order("ORD-CANARY-1", 4711, corporation="7010001065142")
    receiver.deliver_notice(scene.make_bank_notice("event-canary", "ORD-CANARY-1", "4711"))
    receiver.post("/notices/canary", b"{}")
    text = receiver.get("/metrics").body.decode().lower()
    patterns = ("canary", r"(?<![\d.])4711(?!\d|\.\d*[1-9])", "7010001065142")
    assert [pattern for pattern in patterns if re.search(pattern, text)] == []
    assert re.search(patterns[1], "paid_minor 4711.0")


def test_evidence_without_a_summary_counts_as_unanswered(scene: PaymentDesk, receiver: RunningReceiver) -> None:
    """A row of evidence with a blank summary, as another program may store it, counts as a call without an answer. It
    stops neither the page of metrics nor the task that raises alerts."""
    columns = "subject_kind, subject_id, at, source, who, sha256, summary, body"
    at = scene.context.now().strftime("%Y-%m-%d %H:%M:%S")
    for summary in ("", " ", "HTTP 200 SUCCEEDED"):
        values = f"'payment', 1, '{at}', 'paypay.payment', 'x', '', '{summary}', ''"
        scene.place.sql(f"INSERT INTO evidence ({columns}) VALUES ({values})")
    assert get_sample(read_metrics(receiver), "api_availability") == pytest.approx(1 / 3)
    with act_as(WORKER):
        assert AlertRuleEvaluator(scene.context).update_alerts() == 0


def test_two_reads_of_the_metrics_read_the_database_once(scene: PaymentDesk) -> None:
    """If the page `/metrics` is read twice within one interval, the worker reads the database only once."""
    with run_receiver(scene.taker, metrics_interval_seconds=3_600.0) as receiver:
        read_metrics(receiver)
        scene.place.sql("ALTER TABLE payment_events RENAME TO away")
        assert get_sample(read_metrics(receiver), "database_up") == 1
        scene.place.sql("ALTER TABLE away RENAME TO payment_events")


def test_metrics_outside_the_database_are_returned_without_it(scene: PaymentDesk) -> None:
    """While the database doesn't answer, the metrics from the database are missing, `database_up` is 0, and the other
    metrics are returned."""
    with run_receiver(scene.taker, metrics_interval_seconds=0.5) as receiver:
        scene.place.sql("ALTER TABLE payment_events RENAME TO away")
        samples = read_metrics(receiver)
        scene.place.sql("ALTER TABLE away RENAME TO payment_events")
    assert get_sample(samples, "database_up") == 0
    assert "queue_depth" not in samples
    assert "lease_wait_seconds" in samples


def test_waits_and_duplicates_are_counted() -> None:
    """Waits for leases are counted by classes of duration, with their sum. Only refusals of repeated actions count as
    duplicates."""
    tally = ProcessCounters()
    for seconds in (0.0, 0.005, 0.2, 99.0):
        tally.count_lease_wait(seconds)
    for code in ("already_purchased", "possible_repeat", "over_limit"):
        tally.count_refusal(code)
    classes, total = tally.lease_wait_counts_and_seconds
    assert (classes[0], classes[LEASE_WAIT_CLASS_BOUNDS_SECONDS.index(0.25)], classes[-1], sum(classes)) == (
        2,
        1,
        1,
        4,
    )
    assert (round(total, 3), tally.refused_duplicate_count) == (99.205, 2)
