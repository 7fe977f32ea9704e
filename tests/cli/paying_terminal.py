"""A terminal on a desk with the gateways PayPay and Atom, with methods for the actions of the shop and the payers."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from console.domain.calendar_days import IST
from console.sandbox.server import Sandbox
from tests.cli.conftest import CommandResult, Terminal
from tests.support.desks import copy_empty_database, make_environment
from tests.support.payment_desks import make_settings

CORPORATION_NUMBER = "1180301018771"
ORDER_NUMBER = "ORD-1"
ATOM_ORDER_NUMBER = "ORD1"
MAKER = "op-a"
CHECKER = "lead-b"
SECOND_CHECKER = "lead-c"


class PayingTerminal(Terminal):
    """A terminal on a desk with the gateways PayPay and Atom, with methods for the actions of the shop and the
    payers.
    """

    def __init__(self, home: Path, sandbox: Sandbox) -> None:
        super().__init__(make_environment(home, sandbox.url, **make_settings(sandbox.url)))
        copy_empty_database(home)
        self.home, self.control, self.money = home, sandbox.control, sandbox.control.payments_control

    def make_booked_payment(
        self, number: str = ORDER_NUMBER, minor: int = 3300, provider: str = "paypay", at: datetime | None = None
    ) -> int:
        """Register a payment with the payment number `number` at the sandbox as paid, import it at this desk, and
        return its id. Its amount is `minor` (minor units), and `at` the time of the payment (None: now).
        """
        when = at or datetime.now(UTC)
        self.money.register_payment(provider, number, minor, at=when.isoformat())
        words = ["payment", "import", provider, number, "--corporation-number", CORPORATION_NUMBER]
        if provider == "atom":
            day = when.astimezone(IST).strftime("%Y-%m-%d")
            words += ["--amount", f"{minor // 100}.{minor % 100:02}", "--date", day]
        return int(self.json(*words).data["id"])

    def request_refund(self, payment: int, amount: str = "1000", *more: str, person: str = MAKER) -> CommandResult:
        words = ("refund", "request", str(payment), f"--amount={amount}", "--reason", "一部返金", *more)
        return self.json(*words, OPERATOR=person)

    def decide_refund(
        self, decision: str, refund: int, *more: str, person: str = CHECKER, **env: str
    ) -> CommandResult:
        return self.json("refund", decision, str(refund), *more, OPERATOR=person, **env)

    def create_order(self, number: str, minor: int, currency: str = "JPY") -> int:
        """Insert an order with the order number `number` and a total of `minor` (minor units) into the database, as
        the shop does, and return its id.
        """
        self.json("lookup", CORPORATION_NUMBER)
        with closing(sqlite3.connect(self.home / "console.db")) as shop, shop:
            columns = "merch_txn_id, total_amount, currency, corporation_number"
            made = shop.execute(
                f"INSERT INTO orders ({columns}) VALUES (?, ?, ?, ?) RETURNING id",
                (number, minor, currency, CORPORATION_NUMBER),
            ).fetchone()
        return int(made[0])
