"""The lists that commands print name each record by the name or number that people know. The id of a database row is
printed only where another command needs it.
"""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from console.sandbox.server import Sandbox
from tests.cli.paying_terminal import CORPORATION_NUMBER, ORDER_NUMBER, PayingTerminal
from tests.cli.test_reconciliation import make_day_with_differences

FIRST_ID = 70_000
"""Smallest id of a record in this test's database: so large that no printed amount, number or date equals an id."""
_TABLES = ("orders", "payments", "refunds", "hansha_alarmbox_credit_checks")
_SHOWN_ID_PATTERN = re.compile(
    rf"(?:#|R-|\bID |\b(?:[Cc]redit check|与信チェック) |support-console [^\n]*\b){FIRST_ID // 100}\d\d\b"
)
_ANY_ID_PATTERN = re.compile(rf"\b{FIRST_ID // 100}\d\d\b")


@pytest.fixture
def paying_terminal(tmp_path: Path, sandbox: Sandbox) -> PayingTerminal:
    made = PayingTerminal(tmp_path / "home", sandbox)
    with closing(sqlite3.connect(made.home / "console.db")) as conn, conn:
        for place, table in enumerate(_TABLES):
            conn.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, FIRST_ID + 20 * place))
    return made


@pytest.mark.parametrize("language", ["ja", "en"])
def test_no_list_names_a_record_by_its_row_number(
    paying_terminal: PayingTerminal, sandbox: Sandbox, tmp_path: Path, language: str
) -> None:
    """In both languages no list of the terminal names an order, payment, refund, credit check, alert or case by the
    id of its row.
    """
    check = paying_terminal.json("purchase", CORPORATION_NUMBER, "--client", "1").data["id"]
    paying_terminal.create_order(ORDER_NUMBER, 3300)
    with closing(sqlite3.connect(paying_terminal.home / "console.db")) as shop, shop:
        shop.execute("UPDATE orders SET status = 'cancelled'")
    payment = paying_terminal.make_booked_payment()
    refund = paying_terminal.request_refund(payment).data["id"]
    assert min(check, payment, refund) > FIRST_ID
    paying_terminal.json("worker", "--once")
    day = make_day_with_differences(paying_terminal, tmp_path, sandbox)
    output_by_command = {
        words: paying_terminal(*words, LANGUAGE=language, OPERATOR="op-a").out.decode()
        for words in (
            ("reconcile", "paypay", "--from", day, "--to", day),
            ("alerts", "list"),
            ("audit", "list", "--limit", "200"),
            ("lookup", CORPORATION_NUMBER),
            *(("queue", name) for name in ("pending", "error", "incomplete", "unknown", "review", "refunds")),
            *(("show", kind, str(row)) for kind, row in (("payment", payment), ("refund", refund))),
            ("refund", "withdraw", str(refund)),
            ("probe", "payment", str(payment)),
        )
    }
    for words, text in output_by_command.items():
        assert not _ANY_ID_PATTERN.search(_SHOWN_ID_PATTERN.sub("", text)), (words, text)
    assert ORDER_NUMBER in output_by_command["alerts", "list"]
    assert ORDER_NUMBER in output_by_command["audit", "list", "--limit", "200"]
    assert f"support-console show payment {payment}" in output_by_command["alerts", "list"]
