"""Alerts and incidents at the terminal: the worker raises an alert, and commands list it, acknowledge it and handle
its incident.
"""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.sandbox.server import Sandbox
from tests.cli.paying_terminal import CHECKER, ORDER_NUMBER, PayingTerminal

ALERT_FIELDS = {
    "id",
    "order_no",
    "rule_id",
    "observed",
    "expected",
    "detected_at",
    "resolved_at",
    "acknowledged_by",
    "subject",
}


@pytest.fixture
def paying_terminal(tmp_path: Path, sandbox: Sandbox) -> PayingTerminal:
    made = PayingTerminal(tmp_path / "home", sandbox)
    made.create_order(ORDER_NUMBER, 3300)
    execute_as_shop(made, "UPDATE orders SET status = 'cancelled'")
    made.make_booked_payment()
    return made


def execute_as_shop(paying_terminal: PayingTerminal, statement: str) -> None:
    with closing(sqlite3.connect(paying_terminal.home / "console.db")) as conn, conn:
        conn.execute(statement)


def list_alerts_by_order(paying_terminal: PayingTerminal) -> list[dict[str, object]]:
    listed = paying_terminal.json("alerts", "list").data["alerts"]
    assert all(set(one) == ALERT_FIELDS for one in listed)
    return [one for one in listed if one["order_no"]]


def test_the_json_of_a_cut_list_says_how_many_alerts_are_missing(paying_terminal: PayingTerminal) -> None:
    """`alerts list` and `incidents list` leave out alerts if there are too many. With `--json` they say how many, as
    the text does.
    """
    paying_terminal.json("worker", "--once")
    assert (
        paying_terminal.json("alerts", "list").data["unlisted"],
        paying_terminal.json("incidents", "list").data["unlisted"],
    ) == (0, 0)
    columns = "rule_id, subject_kind, subject_id, observed, expected, detected_at"
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1004)"
    notices = "SELECT 'unmatched_notice', 'notice', i, 'x', 'y', '2026-11-20' FROM n"
    execute_as_shop(paying_terminal, f"INSERT INTO alerts ({columns}) {numbers} {notices}")
    listed = paying_terminal.json("alerts", "list").data
    rules = [alert["rule_id"] for alert in listed["alerts"]]
    assert (rules.count("unmatched_notice"), listed["unlisted"]) == (1_000, 4)
    assert paying_terminal.json("incidents", "list").data["unlisted"] == 3


def test_a_late_payment_raises_an_alert_once(paying_terminal: PayingTerminal) -> None:
    """`worker --once` raises one alert about a late payment, also when it runs again. After an acknowledgement the
    alert is still open and shows who has acknowledged it. It closes when a refund of the whole payment is completed.
    """
    assert list_alerts_by_order(paying_terminal) == []
    ran = {run["task"]: run["count"] for run in paying_terminal.json("worker", "--once").data["ran"]}
    assert (ran["alert_rules"], ran["outbox"]) == (1, 0)
    paying_terminal.json("worker", "--once")
    (alert,) = list_alerts_by_order(paying_terminal)
    assert (alert["order_no"], alert["rule_id"], alert["expected"]) == (ORDER_NUMBER, "C", "refund|compensation")
    assert str(alert["observed"]).startswith("order=cancelled; payment 1=completed 3300 JPY")
    assert (alert["resolved_at"], alert["acknowledged_by"]) == (None, None)
    acknowledged_alert = paying_terminal.json("alerts", "ack", str(alert["id"]), "--note", "返金を申請しました").data
    assert (set(acknowledged_alert), acknowledged_alert["acknowledged_by"]) == (ALERT_FIELDS, "op-a")
    assert [(one["id"], one["acknowledged_by"]) for one in list_alerts_by_order(paying_terminal)] == [
        (alert["id"], "op-a")
    ]
    refund = paying_terminal.request_refund(1, "3300").data["id"]
    assert paying_terminal.decide_refund("approve", refund).data["state"] == "submitted"
    assert paying_terminal.json("probe", "refund", str(refund)).data["state"] == "completed"
    paying_terminal.json("worker", "--once")
    (closed,) = list_alerts_by_order(paying_terminal)
    assert (closed["id"], closed["resolved_at"] is not None) == (alert["id"], True)


def test_an_invalid_acknowledgement_is_refused(paying_terminal: PayingTerminal) -> None:
    """`alerts ack` is refused if another person has already acknowledged the alert, if the alert doesn't exist,
    without a note, and without a person.
    """
    paying_terminal.json("worker", "--once")
    number = str(list_alerts_by_order(paying_terminal)[0]["id"])
    paying_terminal.json("alerts", "ack", number, "--note", "seen")
    assert paying_terminal.json(
        "alerts", "ack", number, "--note", "me too", OPERATOR=CHECKER
    ).exit_status_and_code == (
        3,
        "already_decided",
    )
    assert paying_terminal.json("alerts", "ack", "999", "--note", "seen").exit_status_and_code == (2, "not_found")
    assert paying_terminal.json("alerts", "ack", "x", "--note", "seen").exit_status_and_code == (2, "not_found")
    assert paying_terminal.json("alerts", "ack", number, "--note", " ").exit_status_and_code == (2, "usage")
    assert paying_terminal.json("alerts", "ack", number, "--note", "x", OPERATOR="").exit_status_and_code == (
        2,
        "no_operator",
    )


def test_an_acknowledgement_can_be_withdrawn(paying_terminal: PayingTerminal) -> None:
    paying_terminal.json("worker", "--once")
    number = str(list_alerts_by_order(paying_terminal)[0]["id"])
    assert paying_terminal.json("alerts", "ack", number).data["acknowledged_by"] == "op-a"
    assert paying_terminal.json("alerts", "unack", number, OPERATOR=CHECKER).exit_status_and_code == (
        3,
        "already_decided",
    )
    assert paying_terminal.json("alerts", "unack", number).data["acknowledged_by"] is None
    assert list_alerts_by_order(paying_terminal)[0]["acknowledged_by"] is None


def test_another_persons_acknowledgement_is_ended_by_reopening(paying_terminal: PayingTerminal) -> None:
    """A person can't undo a colleague's acknowledgement. The refusal names the command that reopens the alert with a
    reason.
    """
    paying_terminal.json("worker", "--once")
    number = str(list_alerts_by_order(paying_terminal)[0]["id"])
    paying_terminal.json("alerts", "ack", number, "--note", "called the shop")
    refused = paying_terminal("alerts", "unack", number, OPERATOR=CHECKER, LANGUAGE="en")
    assert "op-a acknowledged this alert" in refused.err
    assert "reopen its incident with a reason" in refused.err
    assert paying_terminal.json(
        "incidents", "reopen", number, "--reason", " ", OPERATOR=CHECKER
    ).exit_status_and_code == (
        2,
        "usage",
    )
    reopened = paying_terminal.json("incidents", "reopen", number, "--reason", "nobody called", OPERATOR=CHECKER).data
    assert (reopened["state"], reopened["steps"][-1]["action"], reopened["steps"][-1]["note"]) == (
        "open", "reopen", "nobody called",
    )  # fmt: skip
    assert list_alerts_by_order(paying_terminal)[0]["acknowledged_by"] is None
    for language, words in (("en", "reopened it"), ("ja", "が未解決に変更")):
        assert (
            f"{CHECKER} {words}: nobody called"
            in paying_terminal("incidents", "show", number, LANGUAGE=language).out.decode()
        )


def test_commands_handle_an_incident(paying_terminal: PayingTerminal) -> None:
    """The alert about the order and the case about its payment form one incident. Commands can take, hand over,
    release, snooze, wake, resolve and reopen this incident. A second person can't take it, and it can't be snoozed
    until an unreadable or past moment.
    """
    paying_terminal.json("worker", "--once")
    (listed,) = paying_terminal.json("incidents", "list").data["incidents"]
    id = str(listed["id"])
    assert {one["rule_id"] for one in listed["alerts"]} == {"C", "paid_after_cancel"}
    assert (listed["sums"], listed["owner"], listed["state"], listed["rule_id"]) == ({"JPY": 3300}, None, "open", "C")
    assert len(listed["playbook"]) == 3
    assert paying_terminal.json("incidents", "take", id).data["owner"] == "op-a"
    assert paying_terminal.json("incidents", "take", id, OPERATOR=CHECKER).exit_status_and_code == (3, "in_progress")
    handed = paying_terminal.json(
        "incidents", "hand-over", id, "--to", CHECKER, "--note", "please call the shop"
    ).data
    assert (handed["owner"], handed["steps"][-1]["note"]) == (CHECKER, "please call the shop")
    assert paying_terminal.json("incidents", "snooze", id, "--until", "soon").exit_status_and_code == (2, "usage")
    assert paying_terminal.json("incidents", "snooze", id, "--until", "2001-01-01T09:00").exit_status_and_code == (
        2,
        "usage",
    )
    assert paying_terminal.json("incidents", "show", id).data["state"] == "open"
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    snoozed = paying_terminal.json(
        "incidents", "snooze", id, "--until", until.isoformat(), "--note", "the bank answers"
    ).data
    assert (snoozed["state"], datetime.fromisoformat(snoozed["snoozed_until"])) == ("snoozed", until)
    assert (snoozed["steps"][-1]["action"], snoozed["steps"][-1]["note"]) == ("snooze", "the bank answers")
    assert paying_terminal.json("incidents", "wake", id).data["state"] == "open"
    assert paying_terminal.json("incidents", "resolve", id, "--reason", "compensated by voucher").data["because"] == (
        "compensated by voucher"
    )
    assert (
        paying_terminal.json("incidents", "reopen", id, "--reason", "the voucher was wrong").data["state"] == "open"
    )
    assert paying_terminal.json("incidents", "show", "999").exit_status_and_code == (2, "not_found")
    for language, words in (("ja", "担当なし"), ("en", "No owner")):
        paying_terminal.json("incidents", "release", id, OPERATOR=CHECKER)
        assert words in paying_terminal("incidents", "list", LANGUAGE=language).out.decode()
        assert "3,300" in paying_terminal("incidents", "show", id, LANGUAGE=language).out.decode()


def test_the_text_of_an_incident_names_its_records(paying_terminal: PayingTerminal) -> None:
    """In the text of the list each incident names the record of its alert, so that two incidents of one kind can be
    distinguished. `incidents show` names every affected record with its amount, and the record of every alert.
    """
    paying_terminal.json("worker", "--once")
    (listed,) = paying_terminal.json("incidents", "list").data["incidents"]
    order, payment = ((record["kind"], record["number"]) for record in listed["records"])
    assert (order[0], payment[0]) == ("order", "payment")
    assert order[1] in paying_terminal("incidents", "list").out.decode()
    lines = paying_terminal("incidents", "show", str(listed["id"])).out.decode().splitlines()
    assert [line for line in lines if line.split() == ["Order", order[1]]] != []
    assert [line for line in lines if line.split() == ["Payment", payment[1], "¥3,300"]] != []
    assert [line for line in lines if "Cancelled but paid" in line and f"Payment {payment[1]}" in line] != []


def test_the_list_of_alerts_has_the_payment_of_a_cancelled_order(paying_terminal: PayingTerminal) -> None:
    """If a payment was paid after its order was cancelled, `alerts list` has the case `paid_after_cancel` and no
    other alert, also before a worker has run.
    """
    rules = {one["rule_id"] for one in paying_terminal.json("alerts", "list").data["alerts"]}
    assert rules == {"paid_after_cancel"}


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_text_of_an_alert_has_observed_and_expected_state(paying_terminal: PayingTerminal, language: str) -> None:
    """In the text output, each alert has one line, and below it the observed and the expected state."""
    paying_terminal.json("worker", "--once")
    output = paying_terminal("alerts", "list", LANGUAGE=language).out.decode()
    assert ORDER_NUMBER in output
    assert any(f"→ {words}" in output for words in ("refund or other compensation", "返金または別の補償"))
    assert {"ja": "期限切れ・失敗・取消後の入金", "en": "Paid after expiry"}[language] in output
