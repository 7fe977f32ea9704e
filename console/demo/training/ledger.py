"""Reads the ledgers of the simulated providers over HTTP. The training compares a person's work on an exercise with
these ledgers.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.sandbox import SandboxControl

_PAYMENT_QUERY_CALLS = ("paypay_payment", "paypay_recon")


class SandboxLedger:
    """The ledgers of the simulated providers (protocol `ProviderLedger`), which it reads through `control`, the
    client of the control API. The sandbox may run in another process."""

    def __init__(self, control: "SandboxControl") -> None:
        self._control = control

    def count_charges(self, corporation_number: str) -> int:
        """Return the number of charges for credit checks of the corporation `corporation_number`."""
        return self._control.count_charges(corporation_number)

    def list_refunded_amounts(self, order_number: str) -> Sequence[int]:
        """Return the amounts (yen) of the refunds that PayPay has accepted for the payment of the order
        `order_number`."""
        return [
            int(refund["amount_minor"])
            for refund in self._control.payments_control.read_refunds(payment=order_number)
        ]

    def count_queries(self, order_number: str, day: str) -> int:
        """Return the number of queries that PayPay has received about the payment of the order `order_number`, plus
        the number of queries for PayPay's daily file of the Japanese day `day` (ISO format)."""
        requests = (request for call in _PAYMENT_QUERY_CALLS for request in self._control.read_requests(call))
        marks = (order_number, day.replace("-", ""))
        return sum(any(mark in request["path"] for mark in marks) for request in requests)
