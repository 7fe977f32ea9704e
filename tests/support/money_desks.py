"""Desks before the sandbox's PayPay and Atom: what they are told, payments to refund, and time for both sides."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from console.app import Console
from console.domain.calendar_days import IST
from console.domain.errors import ConsoleError
from console.domain.payments.records import Payment, PaymentImport, Refund, RefundRequest
from console.sandbox.environment import credentials
from console.sandbox.server import Sandbox
from console.store.refunds import refunds
from tests.support.desks import MovedClock
from tests.support.places import Place

SCALE = "20"
"""How much faster than in life a desk of these tests waits."""
CAPTURED = 3_000
_ATOM = (
    "MERCH_ID",
    "PASSWORD",
    "REQUEST_KEY",
    "REQUEST_SALT",
    "RESPONSE_KEY",
    "RESPONSE_SALT",
    "REQUEST_HASH_KEY",
    "RESPONSE_HASH_KEY",
)
_SECRETS = ("PAYPAY_API_KEY", "PAYPAY_API_SECRET", "PAYPAY_MERCHANT_ID", *(f"ATOM_{name}" for name in _ATOM))


def providers(url: str) -> dict[str, Any]:
    """Return the settings of a desk for both providers, by the names of the variables without `CONSOLE_`."""
    secrets = {f"SECRET_{name}": str(getattr(credentials, name)) for name in _SECRETS}
    return {"PAYPAY_URL": url, "ATOM_URL": url, "TIME_SCALE": SCALE, **secrets}


def paid(console: Console, sandbox: Sandbox, number: str, minor: int = CAPTURED, provider: str = "paypay") -> Payment:
    """A payment that somebody has made, booked here."""
    sandbox.control.payments_control.register_payment(provider, number, minor)
    today = console._context.now().astimezone(IST).date()
    asked = PaymentImport(provider, number)
    if provider == "atom":
        asked = PaymentImport(provider, number, amount=f"{minor // 100}.{minor % 100:02}", day=today)
    for _ in range(3):  # a busy machine may need longer than a desk in a hurry waits
        with suppress(ConsoleError):
            return console.payments.import_payment(asked)
    return console.payments.import_payment(asked)


def order(place: Place, number: str, minor: int, currency: str = "JPY") -> int:
    """An order as the shop writes it; its id."""
    place.sql(
        "INSERT INTO orders (merch_txn_id, total_amount, currency, created_at, updated_at)"
        f" VALUES ('{number}', {minor}, '{currency}', '2026-11-20 03:00:00', '2026-11-20 03:00:00')"
    )
    return int(place.sql(f"SELECT id FROM orders WHERE merch_txn_id = '{number}'")[0][0])


def ask(console: Console, payment_id: int, amount: int | str = 1_000, request_id: str | None = None) -> Refund:
    """A request for so much of a payment, whatever was asked for before."""
    wanted = RefundRequest(payment_id, str(amount), "sent back", intended_repeat=True)
    return console.refunds.request(wanted, request_id=request_id)


def newest(console: Console, payment_id: int) -> Refund | None:
    """The refund of a payment that was asked for last."""
    with console.database.read() as conn:
        return next(iter(refunds.find_by_payment(conn, payment_id)), None)


def later(clock: MovedClock, sandbox: Sandbox, step: timedelta) -> None:
    """Time goes on for a desk and for the providers."""
    clock.offset += step
    sandbox.control.change_settings(advance_seconds=step.total_seconds())


def ending(act: Callable[[], object]) -> str:
    """How it ended: done, the code of the refusal, or a bug."""
    try:
        act()
    except ConsoleError as refusal:
        return refusal.code
    except Exception as bug:
        return f"unhandled {bug!r}"
    return "done"
