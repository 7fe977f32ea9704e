"""Desks that use the sandbox's PayPay and Atom: their settings, payments that can be refunded, and a common clock of
desk and providers.
"""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from console.app import Console
from console.domain.calendar_days import IST
from console.domain.errors import ConsoleError
from console.domain.payments.records import Payment, PaymentImport, Refund, RefundRequest
from console.sandbox.server import Sandbox
from console.store.refunds import refunds
from tests.support.desks import MovedClock, make_payment_provider_settings
from tests.support.places import Place

TIME_SCALE = "20"
"""Value of the setting TIME_SCALE: the factor by which these desks shorten all waits."""
CAPTURED_MINOR = 3_000


def make_provider_settings(url: str) -> dict[str, Any]:
    """Return the settings, without their prefix `CONSOLE_`, of a desk that uses PayPay and Atom at the sandbox's
    `url` and shortens all waits.
    """
    return {**make_payment_provider_settings(url), "TIME_SCALE": TIME_SCALE}


def import_paid_payment(
    console: Console,
    sandbox: Sandbox,
    number: str,
    minor: int = CAPTURED_MINOR,
    provider: str = "paypay",
    corporation_number: str | None = None,
) -> Payment:
    """Let the sandbox register a paid payment, import the payment into the console, and return it. `minor` is its
    amount in minor units, and `corporation_number` the number of its corporation or None.
    """
    sandbox.control.payments_control.register_payment(provider, number, minor)
    today = console._context.now().astimezone(IST).date()
    payment_import = PaymentImport(provider, number, corporation_number=corporation_number)
    if provider == "atom":
        payment_import = replace(payment_import, amount=f"{minor // 100}.{minor % 100:02}", day=today)
    for _ in range(3):  # a busy machine may need longer than a desk in a hurry waits
        with suppress(ConsoleError):
            return console.payments.import_payment(payment_import)
    return console.payments.import_payment(payment_import)


def insert_order(place: Place, number: str, minor: int, currency: str = "JPY") -> int:
    """Insert an order with the order number `number` of `minor` minor units as the shop does, and return the order's
    id."""
    place.sql(
        "INSERT INTO orders (merch_txn_id, total_amount, currency, created_at, updated_at)"
        f" VALUES ('{number}', {minor}, '{currency}', '2026-11-20 03:00:00', '2026-11-20 03:00:00')"
    )
    return int(place.sql(f"SELECT id FROM orders WHERE merch_txn_id = '{number}'")[0][0])


def request_refund(
    console: Console, payment_id: int, amount: int | str = 1_000, request_id: str | None = None
) -> Refund:
    """Request a refund of `amount` (major units of the currency), and return it. The request is marked as an intended
    repetition, so that an earlier similar refund doesn't prevent it.
    """
    request = RefundRequest(payment_id, str(amount), "sent back", intended_repeat=True)
    return console.refunds.request(request, request_id=request_id)


def find_newest_refund(console: Console, payment_id: int) -> Refund | None:
    """Return the newest refund of a payment, or None if it has none."""
    with console.database.read() as conn:
        return next(iter(refunds.find_by_payment(conn, payment_id)), None)


def move_clocks(clock: MovedClock, sandbox: Sandbox, step: timedelta) -> None:
    """Move the clocks of the desk and of the sandbox's providers forward by `step`."""
    clock.offset += step
    sandbox.control.change_settings(advance_seconds=step.total_seconds())
