"""Prepares a day for reconciliation: the payments at the simulated provider, our payments, and the notice that
announces the provider's file.
"""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from multiprocessing.connection import Connection
from typing import Any
from uuid import uuid4

from console.app import open_console
from console.domain.calendar_days import JST
from console.domain.money import Money
from console.domain.payments.provider_messages import PaymentReport
from console.domain.payments.records import Payment, ReceivedNotice
from console.domain.payments.report_rules import ReportSource
from console.domain.payments.states import PaymentState
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.tasks.records import ReconcileReport
from console.services.payments.apply_report import ReportWithSource, apply_report
from console.settings.settings import Settings
from console.store.payments import payments
from console.store.payments.payments import NewPayment
from tests.support.payment_desks import PaymentDesk

COUNT_NAMES = ("matched", "imported", "missing_there", "different_state", "different_amount")


class ReconciledDay:
    """The day before the present day in Japan, with the payments of a PaymentDesk on that day."""

    def __init__(self, scene: PaymentDesk) -> None:
        self.scene = scene
        self.day: date = (scene.context.now().astimezone(JST) - timedelta(days=1)).date()

    @property
    def noon(self) -> datetime:
        """Return noon of the day in Japan."""
        return datetime.combine(self.day, time(12), JST).astimezone(UTC)

    def add_provider_payment(self, number: str, minor: int = 3300, state: str = "paid", **more: Any) -> str:
        """Add a payment of this day with the payment number `number`, the amount `minor` (minor units) and the state
        `state` to PayPay's ledger at the sandbox, and return PayPay's id of the payment. `more` are further arguments
        of `register_payment`."""
        made = self.scene.money.register_payment("paypay", number, minor, state, at=self.noon.isoformat(), **more)
        return str(made["id"])

    def insert_our_payment(
        self,
        number: str,
        minor: int = 3300,
        provider_id: str | None = None,
        *,
        is_paid: bool = True,
        source: str = "paypay",
    ) -> Payment:
        """Insert a payment of this day (payment number `number`, provider `source`) into the console's database, and
        return it. With `is_paid` it was paid at noon, otherwise it waits for its payer. `provider_id` is the
        provider's id of the payment (None: a new one).
        """
        at, scene = self.noon, self.scene
        new = NewPayment(source, number, "JPY", minor, state=PaymentState.USER_PAYMENT, begun_at=at)
        payment = scene.read_payment(
            scene.context.database.write(lambda tx: payments.insert_payment(tx.conn, new, at))
        )
        if not is_paid:
            return payment
        report = PaymentReport(
            number,
            provider_id or f"0499{payment.id:016}",
            "COMPLETED",
            PaymentState.PAYMENT_SUCCESS,
            True,
            Money(minor, "JPY"),
            paid_at=at,
            refunds=None,
        )
        answer = Outcome(OutcomeClass.SUCCEEDED, "told", SendingCertainty.YES, report, 200, "{}", "0" * 64)
        fact = ReportWithSource(report, at, ReportSource.READ, "payment", answer)
        scene.context.write(lambda tx: apply_report(scene.context, tx, payment, fact))
        return scene.read_payment(payment.id)

    def add_payment_on_both_sides(self, number: str, minor: int = 3300, **more: Any) -> Payment:
        """Add an equal paid payment with the payment number `number` to the console's database and to PayPay's
        ledger. `more` are further arguments of `add_provider_payment`. Return the payment in the database."""
        return self.insert_our_payment(number, minor, self.add_provider_payment(number, minor, **more))

    def announce_file(self) -> None:
        """Deliver PayPay's notice that the daily file of this day is available."""
        url = self.scene.money.publish_reconciliation_file(self.day.isoformat(), must_notify=False)
        notice = {
            "notification_type": "file.created",
            "notification_id": str(uuid4()),
            "fileType": "transaction_recon",
            "path": url,
            "requestedAt": "1",
        }
        result = self.scene.payments.receive_notice(
            ReceivedNotice("paypay", json.dumps(notice).encode(), (), "127.0.0.1")
        )
        assert not result.is_refused

    def make_line(self, provider_id: str, word: str, hour: int, minor: int, number: str) -> str:
        """Return a line of PayPay's daily file with the provider's id, the provider's state, the hour, the amount and
        our payment number.
        """
        from console.sandbox.environment.credentials import PAYPAY_MERCHANT_ID

        return f"{provider_id},{PAYPAY_MERCHANT_ID},x,,,,{word},{self.day}T{hour}:00:00+09:00,{minor},,x,{number},"

    def reconcile_day(self, *, dry_run: bool = False, provider: str = "paypay") -> ReconcileReport:
        """Reconcile this day, and return the report."""
        return self.scene.console.reconciliation.run(provider, self.day, self.day, dry_run=dry_run)

    def count_rows(self) -> dict[str, int]:
        """Return the number of rows in each table that a reconciliation may change."""
        tables = ("payments", "payment_events", "evidence", "documents", "alerts", "audit_log", "changes", "leases",
                  "reconciliations", "reconciliation_rows", "orders", "refunds")  # fmt: skip
        return {name: int(self.scene.place.sql(f"SELECT COUNT(*) FROM {name}")[0][0]) for name in tables}


def get_counts(report: ReconcileReport) -> tuple[int, ...]:
    """Return the counts of the report in the order of COUNT_NAMES."""
    return tuple(getattr(report, name) for name in COUNT_NAMES)


def reconcile_in_child(pipe: Connection, environment: Mapping[str, str], day: date) -> None:
    """Reconcile the day at a desk with the given environment, and send the counts through the pipe. This is the
    target function of a child process.
    """
    with open_console(Settings.load(environment)) as console:
        pipe.send(get_counts(console.reconciliation.run("paypay", day, day)))
