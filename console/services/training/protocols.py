"""Interfaces of what lies outside of the training service: the invented people and the simulated providers.
`console.demo.training` implements them, because services know neither the sandbox nor the composition root.
"""

from collections.abc import Sequence
from typing import Protocol


class InventedWorld(Protocol):
    """Plants incidents: acts in place of payers, providers and colleagues, by the ordinary services. Amounts are in
    yen. All methods may be called from any thread.
    """

    def new_corporation(self) -> str:
        """Return a corporation number that no record has."""
        ...

    def new_merged_corporations(self) -> tuple[str, str]:
        """Return the numbers of a corporation that was merged and of its successor, as the registry tells."""
        ...

    def buy_check(self, number: str, fault: str, call: str) -> int:
        """Let a colleague buy a credit check while the simulated AlarmBox gives this fault to one call. Return the
        record's id.
        """
        ...

    def check_id_at_provider(self, number: str) -> int:
        """Return AlarmBox's id of the newest credit check of this corporation, as its own screen shows it."""
        ...

    def add_order(self, amount: int, state: str = "pending", corporation: str | None = None) -> str:
        """Let the shop write an order; return its number."""
        ...

    def pay_order(self, number: str, amount: int) -> int:
        """Let the payer pay this amount for an order with PayPay, and book the payment. Return the payment's id."""
        ...

    def pay_unbooked(self, number: str, amount: int, days_ago: int) -> None:
        """Let the payer pay at the simulated PayPay `days_ago` days ago (Japanese days). The console gets no
        notice of this payment.
        """
        ...

    def publish_day(self, days_ago: int) -> str:
        """Let PayPay announce its daily file of the day (in Japan); return the day in the ISO format."""
        ...

    def send_notice(self, number: str, amount: int, days_ago: int) -> None:
        """Send a notice in PayPay's format which says that this payment was paid at noon of the day. PayPay's notices
        have no signature, so anybody could have written it.
        """
        ...

    def request_refund(self, payment_id: int, amount: int, reason_key: str, *, is_repeat: bool = False) -> int:
        """Let a colleague request a refund. Return the refund's id."""
        ...

    def approve_refund(self, refund_id: int, fault: str = "") -> None:
        """Let the invented approver approve a refund. `fault` is a fault that PayPay gives to its sending."""
        ...

    def decline_refund(self, refund_id: int) -> None:
        """Let the invented approver decline a refund with a reason."""
        ...

    def confirm_decision(self, kind: str, record_id: int, target_state: str) -> None:
        """Let the invented approver confirm what somebody has proposed about an unknown outcome."""
        ...


class ProviderLedger(Protocol):
    """The true charges and refunds of an incident, and the queries that PayPay got, read from the ledgers of the
    simulated providers.
    """

    def count_charges(self, number: str) -> int:
        """Return the number of charges for credit checks of this corporation."""
        ...

    def refunded_amounts(self, number: str) -> Sequence[int]:
        """Return the amounts of the accepted refunds of the payment with this merchant's payment id."""
        ...

    def count_questions(self, number: str, day: str) -> int:
        """Return how often PayPay was asked about this payment, or for its daily file of this day (ISO format)."""
        ...
