"""The read-only switch at the terminal: which commands it refuses, which still work, and who may set it. The tests
count the effects in the ledgers of the simulated providers.
"""

import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.cli.conftest import CommandResult
from tests.cli.paying_terminal import CHECKER, CORPORATION_NUMBER, MAKER, PayingTerminal

REASON = "PayPay の障害のため"
OTHER_CORPORATION_NUMBER = "5010001192707"
READ_ONLY_REFUSAL = (3, "read_only")


def set_read_only(paying_terminal: PayingTerminal, word: str, *more: str, person: str = CHECKER) -> CommandResult:
    return paying_terminal.json("read-only", word, "--reason", REASON, *more, OPERATOR=person)


def count_provider_effects(paying_terminal: PayingTerminal) -> tuple[int, int, int]:
    """Return the numbers of bought credit checks, begun payments and sent refunds, by the providers' ledgers."""
    payments = paying_terminal.money.read_ledger()["payments"]
    return paying_terminal.control.count_charges(), len(payments), len(paying_terminal.money.read_refunds())


def test_read_only_for_everything_refuses_all_changes_by_people(paying_terminal: PayingTerminal) -> None:
    """While everything is read-only, each decision and each call with effect by a person is refused, and nothing is
    sent to a provider. Each refusal names the person who set the switch, and the reason. Reading, a probe and a
    re-fetch work, and a refund that was requested before can be withdrawn.
    """
    payment = paying_terminal.make_booked_payment()
    free = paying_terminal.make_booked_payment("ORD-4")
    bought = paying_terminal.json("purchase", CORPORATION_NUMBER, "--client", "1").data["id"]
    refund, waiting = (
        paying_terminal.request_refund(payment).data["id"],
        paying_terminal.request_refund(paying_terminal.make_booked_payment("ORD-3")).data["id"],
    )
    set_now = set_read_only(paying_terminal, "on").data
    assert (set_now["scope"], set_now["is_on"], set_now["person"]) == ("everything", True, CHECKER)
    before = count_provider_effects(paying_terminal)
    changes = (
        ("purchase", OTHER_CORPORATION_NUMBER, "--client", "1"),
        ("refund", "request", str(free), "--amount=1", "--reason", "x"),
        ("refund", "approve", str(refund)),
        ("refund", "reject", str(refund), "--reason", "no"),
        ("resolve", "credit-check", str(bought), "--as", "error", "--evidence", "their letter"),
        ("payment", "move-order", str(free)),
    )
    for words in changes:
        refused = paying_terminal.json(*words, OPERATOR="lead-c")
        assert refused.exit_status_and_code == READ_ONLY_REFUSAL, words
        assert CHECKER in refused.error["message"], words
        assert REASON in refused.error["message"], words
    assert count_provider_effects(paying_terminal) == before
    assert paying_terminal.json("lookup", CORPORATION_NUMBER).status == 0
    assert paying_terminal.json("probe", "payment", str(payment)).status == 0
    assert paying_terminal.json("refetch", str(bought), OPERATOR=MAKER).status == 0
    assert paying_terminal.json("refund", "withdraw", str(waiting), OPERATOR=MAKER).data["state"] == "withdrawn"
    assert set_read_only(paying_terminal, "off").data["is_on"] is False
    assert paying_terminal.json("purchase", OTHER_CORPORATION_NUMBER, "--client", "1").status == 0
    assert paying_terminal.decide_refund("approve", refund).data["state"] == "submitted"


def test_read_only_for_one_provider_stops_only_its_money(paying_terminal: PayingTerminal) -> None:
    """While only the switch of a payment provider is on, credit checks can be bought and refunds requested, but no
    refund of this provider is approved or sent. While the switch of AlarmBox is on, no credit check can be bought.
    """
    payment = paying_terminal.make_booked_payment()
    set_read_only(paying_terminal, "on", "--provider", "paypay")
    before = count_provider_effects(paying_terminal)
    refund = paying_terminal.request_refund(payment).data["id"]
    refused = paying_terminal.decide_refund("approve", refund)
    assert refused.exit_status_and_code == READ_ONLY_REFUSAL
    assert "PayPay" in refused.error["message"]
    assert count_provider_effects(paying_terminal) == before
    assert paying_terminal.json("purchase", CORPORATION_NUMBER, "--client", "1").status == 0
    set_read_only(paying_terminal, "on", "--provider", "alarmbox")
    assert (
        paying_terminal.json("purchase", OTHER_CORPORATION_NUMBER, "--client", "1").exit_status_and_code
        == READ_ONLY_REFUSAL
    )
    set_read_only(paying_terminal, "off", "--provider", "paypay")
    assert paying_terminal.decide_refund("approve", refund).data["state"] == "submitted"
    assert (
        paying_terminal.json("purchase", OTHER_CORPORATION_NUMBER, "--client", "1").exit_status_and_code
        == READ_ONLY_REFUSAL
    )


@pytest.mark.parametrize("scope", [(), ("--provider", "paypay")])
def test_an_approved_refund_waits_until_the_switch_is_off(
    paying_terminal: PayingTerminal, scope: tuple[str, ...]
) -> None:
    """While the switch is on, an approved refund waits. After the switch is off, the worker sends the refund once.
    The worker's earlier attempts leave no refusals in the audit trail.
    """
    refund = paying_terminal.request_refund(paying_terminal.make_booked_payment()).data["id"]
    paying_terminal.control.add_fault("result:RATE_LIMIT", call="paypay_refund")
    assert paying_terminal.decide_refund("approve", refund).exit_status_and_code == (5, "rate_limited")
    with closing(sqlite3.connect(paying_terminal.home / "console.db")) as conn, conn:
        conn.execute("UPDATE refunds SET work_at = '2026-01-01 00:00:00', version = version + 1")
    set_read_only(paying_terminal, "on", *scope)
    for _ in range(2):
        assert paying_terminal.json("worker", "--once").status == 0
    assert paying_terminal.money.read_refunds() == []
    assert paying_terminal.json("show", "refund", str(refund)).data["state"] == "approved"
    assert read_refusals(paying_terminal) == []
    set_read_only(paying_terminal, "off", *scope)
    for _ in range(2):
        assert paying_terminal.json("worker", "--once").status == 0
    assert len(paying_terminal.money.read_refunds()) == 1


def read_refusals(paying_terminal: PayingTerminal) -> list[Any]:
    with closing(sqlite3.connect(paying_terminal.home / "console.db")) as conn, conn:
        return conn.execute("SELECT what, reason FROM audit_log WHERE reason = 'read_only'").fetchall()


def test_only_approvers_and_administrators_set_read_only(paying_terminal: PayingTerminal) -> None:
    """An approver or an administrator may set the switch, and must give a reason; other people are refused. Setting
    the switch again to its present value changes nothing.
    """
    with closing(sqlite3.connect(paying_terminal.home / "console.db")) as conn, conn:
        for name, roles in (("op-a", "operator"), ("lead-b", "approver"), ("adm-f", "admin"), ("aud-e", "auditor")):
            conn.execute("INSERT INTO operators (name, roles, may_buy) VALUES (?, ?, 1)", (name, roles))
    for person in ("op-a", "aud-e"):
        assert set_read_only(paying_terminal, "on", person=person).exit_status_and_code == (3, "not_allowed"), person
    for reason in ("", "   ", "x" * 201):
        assert paying_terminal.json(
            "read-only", "on", "--reason", reason, OPERATOR="lead-b"
        ).exit_status_and_code == (
            2,
            "usage",
        ), reason
    first = set_read_only(paying_terminal, "on", person="adm-f").data
    assert set_read_only(paying_terminal, "on", person="lead-b").data == first
    assert paying_terminal.json("read-only", "list", OPERATOR="op-a").data["switches"] == [first]
    assert REASON in paying_terminal("read-only", "list", OPERATOR="op-a").out.decode()
    set_read_only(paying_terminal, "off", person="lead-b")
    with closing(sqlite3.connect(paying_terminal.home / "console.db")) as conn, conn:
        trail = conn.execute(
            "SELECT who, what, subject_id, result FROM audit_log WHERE what LIKE 'read_only%' ORDER BY id"
        ).fetchall()
    assert trail == [
        ("op-a", "read_only.set", "everything", "refused"),
        ("aud-e", "read_only.set", "everything", "refused"),
        ("adm-f", "read_only.on", "everything", "done"),
        ("lead-b", "read_only.off", "everything", "done"),
    ]


def test_no_statement_changes_a_row_of_switches(paying_terminal: PayingTerminal) -> None:
    """The database refuses an SQL statement that changes a row of the table of switches."""
    set_read_only(paying_terminal, "on")
    for statement in ("UPDATE read_only_switches SET is_on = 0", "DELETE FROM read_only_switches"):
        with (
            closing(sqlite3.connect(paying_terminal.home / "console.db")) as conn,
            conn,
            pytest.raises(sqlite3.IntegrityError),
        ):
            conn.execute(statement)
    assert json.loads(paying_terminal.json("read-only", "list").out)["data"]["switches"][0]["is_on"] is True
