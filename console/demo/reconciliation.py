"""Prepares two days for a reconciliation in the demo: payments that only the simulated provider has, announced daily
files, and one finished reconciliation."""

import json
import random
import uuid
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from console.domain.calendar_days import JST
from console.domain.payments.records import ReceivedNotice

if TYPE_CHECKING:
    from console.app import Console
    from console.sandbox import Sandbox

_PROVIDER_ONLY_YEN_AMOUNTS = (1_980, 4_400, 7_700, 15_400)
_PREPARED_DAYS_AGO = (2, 1)
"""Number of days before today (in Japan) of the two prepared days. The demo itself reconciles the older day; the
person who uses the demo can reconcile the newer one.
"""
_PROVIDER_ONLY_PAYMENTS_PER_DAY = 2


def prepare_reconciliation_days(
    console: "Console", sandbox: "Sandbox", seed: int, now: datetime, operator: str
) -> None:
    """Prepare two days of the demo for a reconciliation: register payments at the simulated provider and announce the
    daily files. Reconcile the older day as `operator`; the person who uses the demo can reconcile the newer one. The
    same `seed` gives the same payments."""
    days = [(now.astimezone(JST) - timedelta(days=days_back)).date() for days_back in _PREPARED_DAYS_AGO]
    for day in days:
        _register_provider_only_payments(sandbox, random.Random(f"reconcile {seed} {day}"), day)  # noqa: S311 - repeatable on purpose
        _announce_daily_file(console, sandbox, day)
    with console.acting_as(operator):
        console.reconciliation.run("paypay", days[0], days[0])


def _register_provider_only_payments(sandbox: "Sandbox", random_source: random.Random, day: date) -> None:
    """Register payments of the afternoon of `day` (in Japan) at the simulated provider only, so that our database
    doesn't have them.
    """
    for serial in range(_PROVIDER_ONLY_PAYMENTS_PER_DAY):
        at = datetime.combine(day, time(16 + serial, random_source.randrange(60)), JST).astimezone(UTC)
        number, minor = (
            f"ORD-{day:%Y%m%d}-9{random_source.randrange(10**5):05d}",
            random_source.choice(_PROVIDER_ONLY_YEN_AMOUNTS),
        )
        sandbox.control.payments_control.register_payment("paypay", number, minor, "paid", at=at.isoformat())


def _announce_daily_file(console: "Console", sandbox: "Sandbox", day: date) -> None:
    """Announce the daily file of `day` to the console by a notice in PayPay's format."""
    url = sandbox.control.payments_control.publish_reconciliation_file(day.isoformat(), must_notify=False)
    notice = {
        "notification_type": "file.created",
        "notification_id": str(uuid.uuid4()),
        "fileType": "transaction_recon",
        "path": url,
        "requestedAt": "1",
    }
    console.payments.receive_notice(ReceivedNotice("paypay", json.dumps(notice).encode(), (), "127.0.0.1"))
