"""A notice of a simulated payment provider, and the call that sends the notice."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from console.sandbox.http.calls import ProviderCall
from console.sandbox.http.messages import HttpReply, JsonObject
from console.sandbox.payments.ledger import Payment


@dataclass(frozen=True, slots=True)
class SimulatedNotice:
    """One notice before it is sent. `signature_kind` selects its encryption and signature, if the provider has any;
    `render` makes the body from `data` and `signature_kind`.
    """

    provider: str
    payment_number: str
    data: JsonObject
    render: Callable[[JsonObject, str], bytes]
    media_type: str
    signature_kind: str = "good"

    def replace_fields(self, **changes: Any) -> "SimulatedNotice":
        """Return a copy of the notice in which the attributes named in `changes` have the given values."""
        return replace(self, **changes)

    @property
    def body(self) -> bytes:
        """The bytes of the notice, made from `data` and `signature_kind`."""
        return self.render(self.data, self.signature_kind)


@dataclass(frozen=True, slots=True)
class NoticeCall(ProviderCall):
    """The sending of a notice as a provider call, so that fault rules can match it. `deliver_notice` sends the
    notice that a fault passes to it.

    `handled_count` is the number of notices that the sandbox had handled when this call was created.
    """

    notice: SimulatedNotice | None = None
    handled_count: int = 0
    deliver_notice: Callable[[SimulatedNotice], HttpReply] | None = None


def make_transaction_notice(payment: Payment) -> JsonObject:
    """Return the contents of PayPay's notice about a payment. In the state FAILED the notice has no times."""
    has_times = payment.state != "FAILED"
    return {
        "notification_type": "Transaction",
        "merchant_id": payment.merchant,
        "store_id": "1",
        "pos_id": None,
        "order_id": payment.id,
        "merchant_order_id": payment.merchant_payment_id,
        "authorized_at": _format_utc(payment.begun_at) if payment.state == "AUTHORIZED" else None,
        "expires_at": None,
        "paid_at": _format_utc(payment.captured_at) if has_times else None,
        "order_amount": str(payment.amount_minor),
        "state": payment.state,
    }


def _format_utc(at: datetime | None) -> str | None:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None
