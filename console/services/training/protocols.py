"""Interfaces of the invented people and the simulated providers of the training. `console.demo.training`
implements them, because services must not import the sandbox or the composition root."""

from collections.abc import Sequence
from typing import Protocol


class TrainingActors(Protocol):
    """Creates the exercises of the training. The methods act for payers, providers and colleagues through the
    ordinary services. Amounts are in yen. All methods may be called from any thread."""

    def make_corporation_number(self) -> str:
        """Return the number of a corporation that no record has yet."""
        ...

    def make_merged_corporation_numbers(self) -> tuple[str, str]:
        """Return two corporation numbers: of a corporation that was merged into another one, and of its successor
        in the corporation registry."""
        ...

    def buy_check(self, corporation_number: str, fault: str, call_name: str) -> int:
        """Buy a credit check of this corporation as a colleague, while the simulated AlarmBox gives the fault
        `fault` to the call `call_name` (such as `purchase` or `pdf`). Return the id of our record."""
        ...

    def find_provider_credit_check_id(self, corporation_number: str) -> int:
        """Return AlarmBox's id of the newest credit check of this corporation, as AlarmBox shows it on its own
        screen."""
        ...

    def add_order(self, amount_yen: int, state: str = "pending", corporation_number: str | None = None) -> str:
        """Add an order of the shop with this amount, state and corporation number (None: an order without a
        corporation). Return the order's number.
        """
        ...

    def pay_order(self, order_number: str, amount_yen: int) -> int:
        """Pay this amount for the order `order_number` with PayPay as the payer, and book the payment. Return the
        payment's id."""
        ...

    def pay_without_notice(self, order_number: str, amount_yen: int, days_ago: int) -> None:
        """Pay this amount for the order `order_number` at the simulated PayPay, `days_ago` Japanese days before
        today. PayPay sends no notice of this payment, so the console has no record of it."""
        ...

    def publish_daily_file(self, days_ago: int) -> str:
        """Publish PayPay's daily file of payments for the Japanese day `days_ago` days before today, and send
        PayPay's notice about it. Return the day in the ISO format."""
        ...

    def send_notice(self, order_number: str, amount_yen: int, days_ago: int) -> None:
        """Send a notice in PayPay's format: the order `order_number` was paid with this amount at noon of the
        Japanese day `days_ago` days before today. Such a notice has no signature, so any sender could have written
        it."""
        ...

    def request_refund(self, payment_id: int, amount_yen: int, reason_key: str, *, is_repeat: bool = False) -> int:
        """Request a refund of this amount (yen) of the payment as a colleague. The text of the reason has the wording
        key `training.reason.<reason_key>`; `is_repeat` confirms that an equal refund exists already. Return the
        refund's id.
        """
        ...

    def approve_refund(self, refund_id: int, fault: str = "") -> None:
        """Approve a refund as the invented approver. `fault` is the fault that the simulated PayPay gives to the
        call that sends the refund; empty for no fault."""
        ...

    def reject_refund(self, refund_id: int) -> None:
        """Reject a refund as the invented approver, with a reason."""
        ...

    def confirm_decision(self, kind: str, record_id: int, target_state: str) -> None:
        """Confirm, as the invented approver, the outcome `target_state` that the person in training has proposed
        for a record with an unknown outcome."""
        ...


class ProviderLedger(Protocol):
    """Reads the ledgers of the simulated providers: the charges and refunds that really happened, and the queries
    that PayPay received."""

    def count_charges(self, corporation_number: str) -> int:
        """Return the number of charges for credit checks of the corporation `corporation_number`."""
        ...

    def list_refunded_amounts(self, order_number: str) -> Sequence[int]:
        """Return the amounts (yen) of the refunds that PayPay has accepted for the payment for the order number
        `order_number`."""
        ...

    def count_queries(self, order_number: str, day: str) -> int:
        """Return the number of queries that PayPay received about the payment for the order number `order_number`, or
        for its daily file of the day `day` (ISO format)."""
        ...
