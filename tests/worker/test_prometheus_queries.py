"""Tests of the delivered alert rules and of the queries of the delivered dashboard: `promtool` evaluates them over
the series that Prometheus stores from the worker's page `/metrics`, with the labels of a scrape.
"""

import json
import math
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from console.resource_paths import resources_dir
from tests.support.payment_desks import PaymentDesk
from tests.support.server_fixtures import require_server
from tests.support.waiting import MAX_WAIT_SECONDS
from tests.worker.running_receiver import RunningReceiver, run_receiver

pytestmark = pytest.mark.engines("sqlite")
RULES_FILE = resources_dir() / "worker" / "prometheus-rules.yml"
DASHBOARD_FILE = resources_dir() / "worker" / "grafana-dashboard.json"
SCRAPE_LABELS = 'job="support-console",instance="worker:8089"'
METRICS_WITHOUT_VALUE = {"cache_hit_rate"}
"""Metrics that are NaN on the page, because the desk of these tests has no Redis."""


@dataclass(frozen=True, slots=True)
class AlertCase:
    """An alert that the values `firing` of a series raise after `minutes` minutes, no sooner, but the values `quiet`
    never. The values are in the notation of promtool: a first value, the step of each minute, and the last minute.
    """

    alert: str
    series: str
    quiet: str
    firing: str
    minutes: int


ALERT_CASES = (
    AlertCase("WorkerDown", "up", "1+0x60", "0+0x60", 2),
    AlertCase("DatabaseDown", "database_up", "1+0x60", "0+0x60", 1),
    AlertCase("TasksLate", "tasks_late", "0+0x60", "1+0x60", 5),
    AlertCase("UnknownOutcomes", "unknown_outcomes", "0+0x60", "1+0x60", 30),
    AlertCase("QueueOld", 'queue_oldest_seconds{queue="review"}', "86400+0x60", "86401+0x60", 10),
    AlertCase("ProviderAway", "api_availability", "0.5+0x60", "0.49+0x60", 10),
    AlertCase("SignaturesFail", "signature_failure_rate", "0.2+0x60", "0.21+0x60", 10),
    # The rate is that of five minutes, before the ten of the rule.
    AlertCase("ConnectionsTurnedAway", "connections_turned_away_total", "0+60x60", "0+61x60", 15),
)


def read_series(receiver: RunningReceiver) -> dict[str, float]:
    """Return the value of each series that Prometheus has after one scrape of the page `/metrics`."""
    value_by_series = {"up": 1.0}
    for family in text_string_to_metric_families(receiver.get("/metrics").body.decode()):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
            value_by_series[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return value_by_series


def make_test(values_by_series: Mapping[str, str], checks: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """Return a test for promtool: with these values of the series, the queries have the expected results."""
    series = []
    for written, values in values_by_series.items():
        name, _, labels = written.rstrip("}").partition("{")
        series.append({"series": f"{name}{{{SCRAPE_LABELS}{',' if labels else ''}{labels}}}", "values": values})
    return {"interval": "1m", "input_series": series, "promql_expr_test": checks}


def run_promtool(tests: Sequence[Mapping[str, object]], folder: Path) -> None:
    """Let promtool run tests, in each of which it evaluates the delivered rules every minute. Fail with its words if
    one fails.
    """
    require_server("promtool")
    file = folder / "tests.yml"  # JSON is YAML, too
    file.write_text(json.dumps({"rule_files": [str(RULES_FILE)], "evaluation_interval": "1m", "tests": tests}))
    command = ["promtool", "test", "rules", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=MAX_WAIT_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr


def make_check_of_alerts(minute: int, firing: str | None) -> dict[str, object]:
    """Return a check that exactly the alert with these labels fires in a minute; None: no alert fires."""
    query = 'count by (alertname, queue) (ALERTS{alertstate="firing"})'
    samples = [{"labels": firing, "value": 1}] if firing else []
    return {"expr": query, "eval_time": f"{minute}m", "exp_samples": samples}


def test_each_alert_fires_at_its_limit_only(receiver: RunningReceiver, tmp_path: Path) -> None:
    """Each delivered alert fires when the value of its series is beyond the limit for the delay of the rule, and not
    before. At the limit it never fires. No other alert fires then: all other series stay as on the page of a desk
    that has nothing to do, where the rates are NaN.
    """
    assert [case.alert for case in ALERT_CASES] == re.findall(
        r"alert: SupportConsole(\w+)", RULES_FILE.read_text("utf-8")
    )
    page = {series: f"{value}+0x60" for series, value in read_series(receiver).items()}
    tests = []
    for case in ALERT_CASES:
        assert case.series in page
        name, labels = f'alertname="SupportConsole{case.alert}"', case.series.rstrip("}").partition("{")[2]
        alert = f"{{{name}{',' if labels else ''}{labels}}}"
        states = ((case.minutes - 1, None), (case.minutes, alert), (60, alert))
        tests.append(make_test(page | {case.series: case.firing}, [make_check_of_alerts(*one) for one in states]))
        tests.append(make_test(page | {case.series: case.quiet}, [make_check_of_alerts(60, None)]))
    run_promtool(tests, tmp_path)


def test_one_worker_of_two_is_enough(receiver: RunningReceiver, tmp_path: Path) -> None:
    """While one of two workers answers, no alert says that no worker answers."""
    page = {series: f"{value}+0x60" for series, value in read_series(receiver).items()}
    run_promtool([make_test(page | {'up{replica="2"}': "0+0x60"}, [make_check_of_alerts(60, None)])], tmp_path)


def test_each_query_of_the_dashboard_gives_values(scene: PaymentDesk, tmp_path: Path) -> None:
    """Each query of the delivered dashboard gives at least one series with a value, over two scrapes of the page: one
    before any payment and notice, one after. Each series has the labels that the legend names.
    """
    with run_receiver(scene.taker) as receiver:
        first = read_series(receiver)
    for number, became in (("ORD-1", "paid"), ("ORD-2", "failed")):
        payment = scene.payments.start(scene.insert_order(number, 3300), "paypay").payment
        scene.money.change_payment_state("paypay", number, became)
        scene.payments.probe(payment.id)
    with run_receiver(scene.taker) as receiver:
        assert receiver.deliver_notice(scene.make_bank_notice("e-1", "ORD-9")).status == 200
        second = read_series(receiver)
    assert {name for name, value in second.items() if math.isnan(value)} == METRICS_WITHOUT_VALUE
    pages = {series: f"{first.get(series, 0)} {value}+0x9" for series, value in second.items()}
    dashboard = json.loads(DASHBOARD_FILE.read_text("utf-8"))
    targets = [target for panel in dashboard["panels"] for target in panel["targets"]]
    assert len(targets) > 15
    run_promtool([make_test(pages, list(map(make_check_of_target, targets)))], tmp_path)


def make_check_of_target(target: Mapping[str, str]) -> dict[str, object]:
    """Return a check that the query gives at least one series, that each has a value, and that each has all labels
    which the legend names.
    """
    query, legend = target["expr"], re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])
    valued = query if query in METRICS_WITHOUT_VALUE else f"({query}) >= 0"
    for label in legend:
        valued = f'label_replace({valued}, "has_{label}", "yes", "{label}", ".+")'
    names, labels = (",".join(form.format(label) for label in legend) for form in ("has_{}", 'has_{}="yes"'))
    expected = [{"labels": f"{{{labels}}}", "value": 1}]
    return {"expr": f"count by ({names}) ({valued}) > bool 0", "eval_time": "5m", "exp_samples": expected}
