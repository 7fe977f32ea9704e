"""Days to reconcile: what the simulated provider has of them, what we have, and the announcement of its file."""

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
from console.domain.payments.records import Payment, PostedNotice
from console.domain.payments.report_rules import ReportSource
from console.domain.payments.states import PaymentState
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.tasks.records import ReconcileReport
from console.services.payments.apply_report import ReportWithSource, apply_report
from console.settings.settings import Settings
from console.store.payments import payments
from console.store.payments.payments import NewPayment
from tests.support.payment_desks import Scene

COUNTS = ("matched", "imported", "missing_there", "different_state", "different_amount")


class Days:
    """A day of Japan that is over, at a scene."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.day: date = (scene.context.now().astimezone(JST) - timedelta(days=1)).date()

    @property
    def noon(self) -> datetime:
        return datetime.combine(self.day, time(12), JST).astimezone(UTC)

    def there(self, number: str, minor: int = 3300, state: str = "paid", **more: Any) -> str:
        """A payment that the provider has: its number there."""
        made = self.scene.money.register_payment("paypay", number, minor, state, at=self.noon.isoformat(), **more)
        return str(made["id"])

    def here(
        self, number: str, minor: int = 3300, theirs: str | None = None, *, paid: bool = True, source: str = "paypay"
    ) -> Payment:
        """A payment that we have: paid at noon, or still waited for."""
        at, scene = self.noon, self.scene
        new = NewPayment(source, number, "JPY", minor, state=PaymentState.USER_PAYMENT, begun_at=at)
        payment = scene.payment(scene.context.database.write(lambda tx: payments.insert_payment(tx.conn, new, at)))
        if not paid:
            return payment
        report = PaymentReport(
            number,
            theirs or f"0499{payment.id:016}",
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
        return scene.payment(payment.id)

    def both(self, number: str, minor: int = 3300, **more: Any) -> Payment:
        """One that both sides have alike."""
        return self.here(number, minor, self.there(number, minor, **more))

    def announce(self) -> None:
        """The provider says that the day's file is there."""
        url = self.scene.money.publish_recon_file(self.day.isoformat(), must_notify=False)
        told = {
            "notification_type": "file.created",
            "notification_id": str(uuid4()),
            "fileType": "transaction_recon",
            "path": url,
            "requestedAt": "1",
        }
        result = self.scene.payments.receive_notice(
            PostedNotice("paypay", json.dumps(told).encode(), (), "127.0.0.1")
        )
        assert not result.is_refused

    def run(self, *, dry_run: bool = False, provider: str = "paypay") -> ReconcileReport:
        return self.scene.console.reconciliation.run(provider, self.day, self.day, dry_run=dry_run)

    def rows(self) -> dict[str, int]:
        """How many rows each table has."""
        tables = ("payments", "payment_events", "evidence", "documents", "alerts", "audit_log", "changes", "leases",
                  "reconciliations", "reconciliation_rows", "orders", "refunds")  # fmt: skip
        return {name: int(self.scene.place.sql(f"SELECT COUNT(*) FROM {name}")[0][0]) for name in tables}


def counts(report: ReconcileReport) -> tuple[int, ...]:
    """Matched, imported, missing there, different state, different amount."""
    return tuple(getattr(report, name) for name in COUNTS)


def reconcile(pipe: Connection, told: Mapping[str, str], day: date) -> None:
    """In a process of its own: the day, at a desk that is told this."""
    with open_console(Settings.load(told)) as console:
        pipe.send(counts(console.reconciliation.run("paypay", day, day)))
