"""The payers, the shop, the providers and the colleagues of a training, and their actions. The actions use the
ordinary services and the ordinary interfaces of the simulated providers, so that each exercise arises as in real
work."""

import json
import secrets
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from console.demo.training.corporations import (
    import_merged_corporations,
    make_invented_corporation_number,
    make_merged_pairs,
)
from console.domain.access.permissions import APPROVER, OPERATOR
from console.domain.calendar_days import JST
from console.domain.errors import ConsoleError
from console.domain.payments.records import OrderState, PaymentImport, ReceivedNotice, RefundRequest
from console.domain.payments.refund_reasons import RefundReason
from console.domain.records import CreditCheck, Person, PurchaseRequest
from console.domain.training.results import COLLEAGUE_NAME, INVENTED_APPROVER_NAME
from console.store.payments import orders
from console.store.payments.orders import NewOrder
from console.wording.sentences.catalogue import translate

if TYPE_CHECKING:
    from console.app import Console
    from console.sandbox import SandboxControl

INVENTED_PEOPLE = (
    Person(COLLEAGUE_NAME, frozenset({OPERATOR}), may_buy=True),
    Person(INVENTED_APPROVER_NAME, frozenset({APPROVER}), may_buy=False),
)
CLIENT_IDS = ("1", "2", "3")
_PAYMENT_PROVIDER = "paypay"
_NOON = time(12)


class SandboxTrainingActors:
    """The invented payers, shop and colleagues of a training (protocol `TrainingActors`). They act through the
    services of `console` and the simulated providers of `control`. `folder` is the folder for the files of the
    corporation registry.
    """

    def __init__(self, console: "Console", control: "SandboxControl", folder: Path) -> None:
        self._console, self._control, self._folder = console, control, folder
        self._payment_control = control.payments_control
        self._merged_pairs: list[tuple[str, str]] = []
        self._used_pair_count = 0

    # -- credit checks

    def make_corporation_number(self) -> str:
        """Return the number of a corporation that no record has yet."""
        return make_invented_corporation_number()

    def make_merged_corporation_numbers(self) -> tuple[str, str]:
        """Return the numbers of a merged corporation and of its successor. No credit check of these two corporations
        was bought yet."""
        if self._used_pair_count == len(self._merged_pairs):
            self.publish_merged_corporations()
        self._used_pair_count += 1
        return self._merged_pairs[self._used_pair_count - 1]

    def publish_merged_corporations(self) -> None:
        """Import a corporation registry with MERGED_PAIR_COUNT new merged corporations and their successors. The
        merged corporations of earlier calls stay in the registry, because records of earlier attempts name them."""
        pairs = [*self._merged_pairs, *make_merged_pairs()]
        import_merged_corporations(self._console, self._folder, pairs)
        self._merged_pairs = pairs

    def buy_check(self, corporation_number: str, fault: str, call_name: str) -> int:
        """Buy a credit check of the corporation `corporation_number` as a colleague, while the simulated AlarmBox
        answers the call `call_name`, such as "purchase" or "pdf", with the fault `fault`, such as
        "reset_after_charge". Return the id of our record."""
        self._control.add_fault(fault, call=call_name, number=corporation_number)
        with self._console.acting_as(COLLEAGUE_NAME):
            try:
                return self._console.credit_checks.purchase(PurchaseRequest(corporation_number, CLIENT_IDS[0])).id
            except ConsoleError as refusal:
                record = refusal.detail.get("record")
                if not isinstance(record, CreditCheck):
                    raise
                return record.id

    def find_provider_credit_check_id(self, corporation_number: str) -> int:
        return int(self._control.read_ledger(corporation_number)["entries"][-1]["id"])

    # -- payments

    def add_order(self, amount_yen: int, state: str = "pending", corporation_number: str | None = None) -> str:
        """Add an order of the shop with this amount (yen) and state, and return the order's number.
        `corporation_number` is the corporation number of the customer; None if the order has none."""
        context = self._console._context
        number = f"T-{secrets.randbelow(900_000) + 100_000}"
        new_order = NewOrder(
            number, amount_yen, "JPY", corporation_number, None, _PAYMENT_PROVIDER, OrderState(state)
        )
        context.write(lambda tx: orders.insert_order(tx.conn, new_order, context.now()))
        return number

    def pay_order(self, order_number: str, amount_yen: int) -> int:
        """Pay the order `order_number` at the simulated PayPay with `amount_yen` yen, and book the payment. Return
        the payment's id."""
        self._payment_control.register_payment(_PAYMENT_PROVIDER, order_number, amount_yen)
        with self._console.acting_as(COLLEAGUE_NAME):
            return self._console.payments.import_payment(PaymentImport(_PAYMENT_PROVIDER, order_number)).id

    def pay_without_notice(self, order_number: str, amount_yen: int, days_ago: int) -> None:
        """Pay `amount_yen` yen for the order `order_number` at the simulated PayPay, `days_ago` days before today.
        PayPay sends no notice about it."""
        self._payment_control.register_payment(
            _PAYMENT_PROVIDER, order_number, amount_yen, at=self._compute_noon_before_today(days_ago).isoformat()
        )

    def publish_daily_file(self, days_ago: int) -> str:
        """Publish PayPay's daily file of the Japanese day `days_ago` days before today, send PayPay's notice about
        it, and return the day (ISO format)."""
        day = self._compute_day_before_today(days_ago).isoformat()
        url = self._payment_control.publish_reconciliation_file(day)
        notice = {
            "notification_type": "file.created",
            "notification_id": str(uuid4()),
            "fileType": "transaction_recon",
            "path": url,
            "requestedAt": "1",
        }
        self._receive_notice(notice)
        return day

    def send_notice(self, order_number: str, amount_yen: int, days_ago: int) -> None:
        """Send the console a notice without a signature, which says that `amount_yen` yen were paid for the order
        `order_number` `days_ago` days before today."""
        notice = {
            "notification_type": "Transaction",
            "order_id": f"04{secrets.randbelow(10**18):018d}",
            "merchant_order_id": order_number,
            "order_amount": str(amount_yen),
            "state": "COMPLETED",
            "paid_at": self._compute_noon_before_today(days_ago).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        self._receive_notice(notice)

    def _receive_notice(self, notice: dict[str, Any]) -> None:
        """Pass a notice in PayPay's format to the service that processes notices, as if PayPay had sent it to the
        worker's receiver."""
        self._console.payments.receive_notice(
            ReceivedNotice(_PAYMENT_PROVIDER, json.dumps(notice).encode(), (), "127.0.0.1")
        )

    def _compute_day_before_today(self, days_ago: int) -> date:
        """Return the Japanese day that is `days_ago` days before today."""
        return (self._console._context.now().astimezone(JST) - timedelta(days=days_ago)).date()

    def _compute_noon_before_today(self, days_ago: int) -> datetime:
        """Return noon (UTC instant) of the Japanese day that is `days_ago` days before today."""
        return datetime.combine(self._compute_day_before_today(days_ago), _NOON, JST).astimezone(UTC)

    # -- refunds and decisions

    def request_refund(self, payment_id: int, amount_yen: int, reason_key: str, *, is_repeat: bool = False) -> int:
        """Request, as a colleague, a refund of `amount_yen` yen of the payment `payment_id`, and return the refund's
        id. `reason_key` is the last part of the reason's wording key `training.reason.…`. `is_repeat` confirms that
        the refund is intended although an equal one exists."""
        request = RefundRequest(
            payment_id,
            str(amount_yen),
            self._translate(f"training.reason.{reason_key}"),
            intended_repeat=is_repeat,
            reason_code=RefundReason.RETURNED,
        )
        with self._console.acting_as(COLLEAGUE_NAME):
            return self._console.refunds.request(request).id

    def approve_refund(self, refund_id: int, fault: str = "") -> None:
        """Approve the refund as the invented approver; the approval also sends the refund. `fault` is the fault that
        the simulated PayPay gives to the call that sends the refund; "" for none. A ConsoleError of the approval is
        ignored, because the fault causes one."""
        if fault:
            payment = self._console.refunds.read_refund(refund_id).payment.merchant_payment_id
            self._control.add_fault(fault, call="paypay_refund", payment=payment)
        with self._console.acting_as(INVENTED_APPROVER_NAME), suppress(ConsoleError):
            self._console.refunds.approve(refund_id)

    def reject_refund(self, refund_id: int) -> None:
        """Reject the refund as the invented approver, with a reason."""
        with self._console.acting_as(INVENTED_APPROVER_NAME):
            self._console.refunds.reject(refund_id, self._translate("training.reason.declined"))

    def confirm_decision(self, kind: str, record_id: int, target_state: str) -> None:
        """As the invented approver, confirm the outcome `target_state` that the trainee has proposed for the record
        with this kind and id."""
        with self._console.acting_as(INVENTED_APPROVER_NAME):
            self._console.recovery.resolve(
                kind, record_id, target_state, self._translate("training.reason.confirmed")
            )

    def _translate(self, key: str) -> str:
        return translate(key, self._console.settings.language)
