"""Registers a merchant and the sample payments of the demo at the simulated providers PayPay and Atom, and simulates
a payer."""

import contextlib
import secrets
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from console.demo.samples import PaymentSample
    from console.sandbox import Sandbox

PAYER_DELAY_SECONDS = 60.0
"""Time from the demo's start until its simulated payer pays, if the demo runs without the fast clock."""
FAST_PAYER_DELAY_SECONDS = 10.0
"""Time from the demo's start until its simulated payer pays, if the demo runs with the fast clock."""
KIND_PAID_BY_SIMULATED_PAYER = "pays_by_itself"
"""Name of the situation of the payment that the simulated payer pays while the demo runs."""
LISTED_PAYMENT_SAMPLE_KINDS = (
    KIND_PAID_BY_SIMULATED_PAYER,
    "refund_asked",
    "refund_unknown",
    "contradicted",
    "complete",
)
"""Kinds of sample payments of which the demo's answer lists one payment each."""


def register_merchant(sandbox: "Sandbox") -> dict[str, str]:
    """Register a new merchant at the simulated providers PayPay and Atom. Return the merchant's keys as environment
    variables (values by name)."""
    paypay = {name: secrets.token_urlsafe(18) for name in ("api_key", "api_secret")}
    paypay["merchant_id"] = secrets.token_hex(9)  # letters and digits: the names of its daily files contain it
    sandbox.control.payments_control.register_paypay_merchant(**paypay)
    keys = ("request_key", "request_salt", "response_key", "response_salt", "request_hash_key", "response_hash_key")
    atom = {"merch_id": str(secrets.randbelow(900_000) + 100_000), "password": secrets.token_urlsafe(12)}
    atom |= {name: secrets.token_hex(16).upper() for name in keys}
    sandbox.control.payments_control.register_atom_merchant(**atom, product="NSE")
    credentials = {f"PAYPAY_{name.upper()}": text for name, text in paypay.items()}
    credentials |= {f"ATOM_{name.upper()}": text for name, text in atom.items()}
    return {f"CONSOLE_SECRET_{name}": text for name, text in credentials.items()}


def register_payments(sandbox: "Sandbox", payments: "Sequence[PaymentSample]") -> None:
    """Register the sample payments at the simulated providers, except those that a provider doesn't have
    (`sandbox_payment` is None)."""
    for payment in payments:
        if at_provider := payment.sandbox_payment:
            sandbox.control.payments_control.register_payment(**at_provider)


def build_listed_payments_json(payments: "Sequence[PaymentSample]") -> list[dict[str, Any]]:
    """Return, for the answer of the command `demo`, one JSON object for each kind in LISTED_PAYMENT_SAMPLE_KINDS: the
    newest sample payment of this kind. `payments` must be in the sequence of their times. A kind without a sample
    payment has no object."""
    newest = {payment.sample_kind: payment for payment in payments}
    return [_build_payment_json(newest[kind]) for kind in LISTED_PAYMENT_SAMPLE_KINDS if kind in newest]


def _build_payment_json(payment: "PaymentSample") -> dict[str, Any]:
    return {
        "id": payment.id,
        "order": payment.order_no,
        "what": payment.sample_kind,
        "number": payment.corporation_number,
        "refunds": [refund.id for refund in payment.refunds],
    }


@contextlib.contextmanager
def run_simulated_payer(
    sandbox: "Sandbox", payments: "Sequence[PaymentSample]", *, has_fast_clock: bool
) -> Iterator[None]:
    """While the block runs, let a simulated payer pay the payment in `payments` whose kind is
    KIND_PAID_BY_SIMULATED_PAYER. The payer pays after PAYER_DELAY_SECONDS, or after FAST_PAYER_DELAY_SECONDS if
    `has_fast_clock` is True. If the block ends earlier, the payment is not made.
    """
    open_payment = next(
        (payment for payment in payments if payment.sample_kind == KIND_PAID_BY_SIMULATED_PAYER), None
    )
    timer = threading.Timer(
        FAST_PAYER_DELAY_SECONDS if has_fast_clock else PAYER_DELAY_SECONDS,
        _set_payment_paid,
        (sandbox, open_payment),
    )
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _set_payment_paid(sandbox: "Sandbox", payment: "PaymentSample | None") -> None:
    """Set the payment to paid at its simulated provider; do nothing for None. An OSError is ignored, because the
    simulated provider may have ended already.
    """
    if payment is not None:
        with contextlib.suppress(OSError):
            sandbox.control.payments_control.change_payment_state(
                payment.provider, payment.merchant_payment_id, "paid"
            )
