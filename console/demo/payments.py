"""The demo's other half: a merchant at both simulated payment providers, what they know, and a payer who pays."""

import contextlib
import secrets
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from console.sandbox import Sandbox
    from console.services.samples import PaymentSample

PAYER_SECONDS, FAST_PAYER_SECONDS = 60.0, 10.0
PAYS = "pays_by_itself"
SHOWN = (PAYS, "refund_asked", "refund_unknown", "contradicted", "complete")
"""Kinds of payments that are worth a look; one of each is named."""


def merchant(sandbox: "Sandbox") -> dict[str, str]:
    """A merchant of this demo's own at both payment providers; its keys as variables."""
    paypay = {name: secrets.token_urlsafe(18) for name in ("api_key", "api_secret")}
    paypay["merchant_id"] = secrets.token_hex(9)  # letters and digits: names of its daily files carry it
    sandbox.control.money.accept_paypay(**paypay)
    keys = ("request_key", "request_salt", "response_key", "response_salt", "request_hash_key", "response_hash_key")
    atom = {"merch_id": str(secrets.randbelow(900_000) + 100_000), "password": secrets.token_urlsafe(12)}
    atom |= {name: secrets.token_hex(16).upper() for name in keys}
    sandbox.control.money.accept_atom(**atom, product="NSE")
    given = {f"PAYPAY_{name.upper()}": text for name, text in paypay.items()}
    given |= {f"ATOM_{name.upper()}": text for name, text in atom.items()}
    return {f"CONSOLE_SECRET_{name}": text for name, text in given.items()}


def tell(sandbox: "Sandbox", payments: "Sequence[PaymentSample]") -> None:
    """Let the providers know what they have of the invented payments."""
    for payment in payments:
        if known := payment.known_there:
            sandbox.control.money.know(**known)


def shown(payments: "Sequence[PaymentSample]") -> list[dict[str, Any]]:
    """The newest payment of each kind that is worth a look."""
    newest = {payment.kind: payment for payment in payments}
    return [_shown(newest[kind]) for kind in SHOWN if kind in newest]


def _shown(payment: "PaymentSample") -> dict[str, Any]:
    return {
        "id": payment.id,
        "order": payment.order_no,
        "what": payment.kind,
        "number": payment.corporation,
        "refunds": [refund.id for refund in payment.refunds],
    }


@contextlib.contextmanager
def payer(sandbox: "Sandbox", payments: "Sequence[PaymentSample]", *, fast: bool) -> Iterator[None]:
    """Somebody pays one of the open payments after a while, by itself; nobody does once the block has ended."""
    open_one = next((payment for payment in payments if payment.kind == PAYS), None)
    timer = threading.Timer(FAST_PAYER_SECONDS if fast else PAYER_SECONDS, _pay, (sandbox, open_one))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _pay(sandbox: "Sandbox", payment: "PaymentSample | None") -> None:
    """A demo that ends at this moment needs no payer any more."""
    if payment is not None:
        with contextlib.suppress(OSError):
            sandbox.control.money.move(payment.provider, payment.reference, "paid")
