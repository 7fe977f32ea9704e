"""Tests of the lists and counts of open alerts: thousands of alerts with a queue of their own hide no other alert."""

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.app import Console
from console.cli.alerts.alerts import COMMANDS as ALERT_COMMANDS
from console.cli.alerts.incidents import COMMANDS as INCIDENT_COMMANDS
from console.cli.process.command import ServiceCommand
from console.cli.text_output.translator import Translator
from console.services.alerts import incidents, open_alerts
from console.services.alerts.inbox import AlertService
from console.store.alerts import alerts
from console.store.database.engine import Transaction
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.quick_desks import ManualClock, open_quick_desk


@pytest.fixture
def console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Console]:
    """Yield a desk that reads at most four alerts of a rule with a queue, in pages of two."""
    monkeypatch.setattr(incidents, "MAX_OPEN_ALERTS_WITH_QUEUE", 4)
    monkeypatch.setattr(open_alerts, "_ALERTS_PER_PAGE", 2)
    with open_quick_desk(tmp_path / "desk", InMemoryAlarmBox(), ManualClock()) as made:
        yield made


def raise_alerts(console: Console, rule: str, kind: str, count: int) -> None:
    """Raise `count` alerts of the rule, each about another record."""

    def insert_alerts(tx: Transaction) -> None:
        for number in range(count):
            alerts.raise_alert(
                tx.conn, rule, kind, 1_180_301_018_771 + number, None, "x", "y", console._context.now()
            )

    console._context.write(insert_alerts)


def test_alerts_with_a_queue_hide_no_other_alert(console: Console) -> None:
    """Six alerts about changed companies, of which four are read here, come before the alerts about five slow
    providers and a provider that is away. Every list and count has the later alerts. The count of unacknowledged
    alerts also contains the alerts that aren't read.
    """
    raise_alerts(console, "corporation_changed", "corporation", 6)
    raise_alerts(console, "provider_slow", "provider", 5)
    raise_alerts(console, "provider_away", "provider", 1)
    listed = [alert.rule_id for incident in console.incidents.list_incidents() for alert in incident.alerts]
    expected = {"corporation_changed": 4, "provider_slow": 5, "provider_away": 1}
    assert {rule: listed.count(rule) for rule in expected} == expected
    assert console.incidents.count_waiting_incidents() == 4 + 5
    for rules in (
        [alert.rule_id for alert in console.alerts.list_alerts(4)],
        [item.alert.rule_id for item in console.alerts.list_open_alert_items(4)],
    ):
        assert {rule: rules.count(rule) for rule in expected} == expected
    assert console.alerts.count_unacknowledged_alerts() == 12


def test_the_lists_say_how_many_alerts_they_leave_out(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists that are cut at a limit, also that of the closed incidents, have a last line with the number of alerts
    that they leave out; the JSON has the listed alerts and this number.
    """
    monkeypatch.setattr(incidents, "MAX_ALERTS_SEARCHED_FOR_CLOSED_INCIDENTS", 1)
    raise_alerts(console, "corporation_changed", "corporation", 6)
    raise_alerts(console, "provider_away", "provider", 3)
    with console.database.read() as conn:
        away_ids = [alert.id for alert in alerts.list_open_alerts_of_rule(conn, "provider_away", 3)]
    now = console._context.now()
    console._context.write(lambda tx: [alerts.resolve(tx.conn, id, now) for id in away_ids])
    monkeypatch.setenv("CONSOLE_LANGUAGE", "en")
    translator = Translator()

    def read_list(name: str, **arguments: object) -> tuple[str, int, int]:
        """Call the command `name` with these arguments. Return the last line of its text, and from its JSON the
        number of items and that of unlisted alerts.
        """
        command = {**ALERT_COMMANDS, **INCIDENT_COMMANDS}[name]
        assert isinstance(command, ServiceCommand)
        answer = command.call_service(console, Namespace(**arguments), None)  # type: ignore[arg-type]  # unused
        items, unlisted = command.build_json(answer, translator).values()
        return list(command.format_lines(answer, translator))[-1], len(items), unlisted

    cut = "{} more alerts are not in this list, because there are too many."
    assert read_list("incidents list", closed=False) == (cut.format(2), 4, 2)
    assert read_list("incidents list", closed=True) == (cut.format(4), 5, 4)
    assert "more alerts" not in read_list("alerts list")[0]
    list_alerts = AlertService.list_alerts
    monkeypatch.setattr(AlertService, "list_alerts", lambda service: list_alerts(service, 5))
    assert read_list("alerts list") == (cut.format(4), 5, 4)


def test_an_export_has_the_alerts_that_a_list_leaves_out(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list contains at most a limited number of alerts of each rule. An export requests a larger number, up to
    which it contains all alerts of every rule.
    """
    monkeypatch.setattr(open_alerts, "MAX_OPEN_ALERTS_PER_RULE", 2)
    raise_alerts(console, "corporation_changed", "corporation", 3)
    raise_alerts(console, "provider_slow", "provider", 4)
    assert len(console.alerts.list_open_alert_items(1)) == 1 + 2
    assert len(console.alerts.list_open_alert_items(100_000)) == 3 + 4


def test_each_list_of_open_alerts_is_sorted_and_complete(console: Console) -> None:
    """The list of open alerts contains every alert of all rules once, the oldest first, although it is read in
    pages. The list of unacknowledged alerts leaves out only the acknowledged one.
    """
    raise_alerts(console, "provider_slow", "provider", 5)
    raise_alerts(console, "A", "order", 3)
    first, *_ = console.alerts.list_open_alert_items()
    console.alerts.acknowledge(first.alert.id, "")
    with console.database.read() as conn:
        ids = [alert.id for alert in open_alerts.list_open_alerts_of_all_rules(conn, 1)]
        waiting_ids = [alert.id for alert in open_alerts.list_unacknowledged_alerts_of_all_rules(conn, 1)]
    assert ids == sorted(ids)
    assert len(ids) == 8
    assert waiting_ids == ids[1:]
