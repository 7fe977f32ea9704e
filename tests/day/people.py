"""The actions of the shop, the payers and the people at the desks. Each action is repeated while the database or a
provider can't be reached.
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Any, TypeVar
from uuid import uuid4

from console.domain.errors import ConsoleError
from console.domain.payments.records import RefundRequest
from console.services.process.passwords import use_password_reader
from tests.day.course_runner import PaymentProgress
from tests.day.plan import OrderPlan
from tests.day.surroundings import UNREACHABLE_EXIT_STATUS, DaySurroundings, call_with_retries
from tests.support.random_request_ids import RandomRequestIds
from tests.support.team_mode import is_result_unknown
from tests.support.waiting import wait_until

_NOW = "UTC_TIMESTAMP(6)"
_SELECT_PROGRESS_SQL = (
    "SELECT p.id, o.merch_txn_id, o.status, p.status, p.certainty FROM payments p JOIN orders o ON o.id = p.order_id"
    " WHERE p.id IN ({})"
)
_ALREADY_DECIDED_CODE = "already_decided"
_ResultT = TypeVar("_ResultT")


def _call_with_request_ids(
    description: str, act: Callable[[str | None], _ResultT], retried_codes: frozenset[str] = frozenset()
) -> _ResultT:
    """Call `act` and return its result. Call it again while the database or a provider can't be reached, or after a
    refusal with one of the `retried_codes` codes. For half of the actions, `act` gets the same request id in each
    call; for the others it gets None. The request ids depend on `description`.
    """
    name = f"{description} {uuid4()}"
    return call_with_retries(lambda: RandomRequestIds(name)(act), retried_codes=retried_codes)


@dataclass(frozen=True, slots=True)
class BegunPayment:
    """A payment that was begun at a provider. `number` is its payment number, `code_valid_until` the end of its
    payment code (None: the code stays valid all day).
    """

    order_number: str
    order_id: int
    payment_id: int
    provider: str
    number: str
    code_valid_until: datetime | None


@dataclass
class Diary:
    """A record of the actions that were really executed, written by many threads. `orders` has item and quantity by
    order number, `broken_rule_by_order` the broken rule by order number, `corrected_orders` the orders whose fault
    was removed, `given_up` the orders without a payment code. `unanswered` has the actions in team mode that got no
    answer and were repeated with the same request id.
    """

    orders: dict[str, tuple[str, int]] = field(default_factory=dict)
    broken_rule_by_order: dict[str, str] = field(default_factory=dict)
    corrected_orders: set[str] = field(default_factory=set)
    given_up: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)


class Shop:
    """The shop's own program: it writes orders and stock by SQL, and begins payments at the console."""

    def __init__(self, surroundings: DaySurroundings, diary: Diary) -> None:
        self._surroundings, self._diary = surroundings, diary

    def insert_order(self, plan: OrderPlan, number: str) -> int:
        """Insert an order with the order number `number` and its stock reservation, and return its id."""
        self._diary.orders[number] = (plan.item, plan.quantity)
        rows = self._surroundings.shop_sql.sql(
            "INSERT INTO orders (merch_txn_id, total_amount, currency, payment_method, created_at, updated_at)"
            f" SELECT '{number}', {plan.minor}, '{plan.currency}', '{plan.provider}', {_NOW}, {_NOW} FROM DUAL"
            f" WHERE NOT EXISTS (SELECT 1 FROM orders WHERE merch_txn_id = '{number}')",
            "INSERT INTO stock_reservations (order_id, item, quantity, created_at)"
            f" SELECT o.id, '{plan.item}', {plan.quantity}, {_NOW} FROM orders o WHERE o.merch_txn_id = '{number}'"
            " AND NOT EXISTS (SELECT 1 FROM stock_reservations s WHERE s.order_id = o.id)",
            f"SELECT id FROM orders WHERE merch_txn_id = '{number}'",
        )
        return int(rows[0][0])

    def begin_payment(self, plan: OrderPlan, number: str, order_id: int) -> BegunPayment:
        """Begin a payment of the order, which has the order number `number`. Raises ConsoleError if the provider gave
        no payment code."""
        result = _call_with_request_ids(
            f"begin {number}",
            lambda id: self._surroundings.shop_desk.payments.start(order_id, plan.provider, request_id=id),
            frozenset({"in_progress"}),  # an earlier try without a request id, whose answer was lost
        )
        payment, code_valid_until = result.payment, result.started.expires_at
        return BegunPayment(
            number, order_id, payment.id, plan.provider, payment.merchant_payment_id, code_valid_until
        )

    def change_order(self, order: str, assignments: str) -> None:
        """Change columns of an order: `assignments` is SQL of assignments."""
        self._surroundings.shop_sql.sql(
            f"UPDATE orders SET {assignments}, updated_at = {_NOW} WHERE merch_txn_id = '{order}'"
        )

    def set_order_paid(self, order: str) -> bool:
        """Set an order that still waits for its payment to paid, and return True. Return False if the order has been
        cancelled at its time limit.
        """
        self.change_order(order, "status = IF(status = 'cancelled', status, 'paid')")
        return self._surroundings.shop_sql.sql(f"SELECT status FROM orders WHERE merch_txn_id = '{order}'") == [
            ("paid",)
        ]

    def cancel_order(self, order: str, order_id: int) -> None:
        """Cancel the order, and release its stock."""
        self._surroundings.shop_sql.sql(
            f"UPDATE orders SET status = 'cancelled', updated_at = {_NOW} WHERE id = {order_id}",
            f"UPDATE stock_reservations SET status = 'released', updated_at = {_NOW}"
            f" WHERE order_id = {order_id} AND status = 'held'",
        )


class Payers:
    """The payers, who pay at the simulated provider. The provider sends a notice about each change, which may be
    lost.
    """

    def __init__(self, surroundings: DaySurroundings) -> None:
        self._surroundings = surroundings
        self._money = surroundings.control.payments_control

    def set_payment_state(self, payment: BegunPayment, state: str, *, never_lost: bool = False, **more: Any) -> None:
        """Change the state of the payment at the provider to `state`. With `never_lost` its notice isn't lost."""
        call_with_retries(
            lambda: self._money.change_payment_state(
                payment.provider, payment.number, state, notify=not never_lost, **more
            )
        )
        if never_lost:
            kind, body = call_with_retries(lambda: self._money.compose_notice(payment.provider, payment.number))
            path = {"paypay": "/webhooks/paypay", "atom": "/callbacks/atom"}[payment.provider]
            self._surroundings.notice_deliverer.accept_notice(path, body, kind, never_lost=True)

    def is_code_payable(self, payment: BegunPayment) -> bool:
        """True if the payer can still pay with the code. A margin of time is left, because the provider may be
        unreachable for a moment.
        """
        return (
            payment.code_valid_until is None
            or (payment.code_valid_until - datetime.now(UTC)).total_seconds() > _MIN_REMAINING_CODE_SECONDS
        )


_MIN_REMAINING_CODE_SECONDS = 2.0


class Operators:
    """An operator and an approver. In team mode each of their actions has a request id, with which the action is
    repeated until it has an answer.
    """

    def __init__(self, surroundings: DaySurroundings, diary: Diary) -> None:
        self._surroundings, self._diary = surroundings, diary

    def _act_until_answered(self, description: str, act: Callable[[str | None], _ResultT]) -> _ResultT:
        """Call `act` until it has a result. In team mode each call has the same request id. Raises ConsoleError if
        the action is refused.
        """
        if not self._surroundings.day.uses_team_mode:
            return _call_with_request_ids(description, act)
        answers: list[_ResultT] = []

        def is_answered() -> bool:
            try:
                answers.append(RandomRequestIds(description, has_id_always=True)(act))
            except ConsoleError as refusal:
                may_still_run = refusal.code == "in_progress"  # an earlier call with this request id
                if (
                    refusal.exit_status != UNREACHABLE_EXIT_STATUS
                    and not is_result_unknown(refusal)
                    and not may_still_run
                ):
                    raise
                self._diary.unanswered.append(f"{description}: {refusal.code}")
            return bool(answers)

        wait_until(is_answered, f"an answer: {description}", self._surroundings.day.max_wait_seconds)
        return answers[0]

    def request_refund(self, payment: BegunPayment, minor: int) -> int:
        """Request a refund of `minor` (minor units), and return its id."""
        text = str(minor) if payment.provider == "paypay" else f"{minor // 100}.{minor % 100:02}"
        refund_request = RefundRequest(payment.payment_id, text, "sent back")
        request_refund = self._surroundings.operator.refunds.request
        refund_ids: list[int] = []

        def is_requested() -> bool:
            try:
                refund_ids.append(
                    self._act_until_answered(
                        f"ask {payment.order_number}", lambda id: request_refund(refund_request, request_id=id)
                    ).id
                )
            except ConsoleError as refusal:
                if self._surroundings.day.uses_team_mode or refusal.code not in ("in_progress", "possible_repeat"):
                    raise
                # An earlier try had arrived, without a request id; or the payment is busy, and is asked about again.
                rows = self._surroundings.owner_sql.sql(
                    f"SELECT id FROM refunds WHERE payment_id = {payment.payment_id}"
                )
                refund_ids.extend(int(id) for (id,) in rows)
            return bool(refund_ids)

        wait_until(is_requested, f"a refund of {payment.order_number}", self._surroundings.day.max_wait_seconds)
        (refund,) = refund_ids
        return refund

    def approve_refund(self, refund: int) -> bool:
        """Approve the refund. Return True if the refund is decided afterwards, whatever the result of its sending."""
        try:
            approve = self._surroundings.approver.refunds.approve
            if self._surroundings.day.uses_team_mode:
                with use_password_reader(lambda: self._surroundings.approvers_password):
                    self._act_until_answered(f"approve {refund}", lambda id: approve(refund, request_id=id))
            else:
                RandomRequestIds(f"approve {refund} {uuid4()}")(lambda id: approve(refund, request_id=id))
        except ConsoleError as refusal:
            if refusal.code == _ALREADY_DECIDED_CODE:
                return True
            rows = call_with_retries(
                lambda: self._surroundings.owner_sql.sql(f"SELECT status FROM refunds WHERE id = {refund}")
            )
            return str(rows[0][0]) != "requested"
        return True

    def probe_accepted_refunds(self, *, is_closed: bool = False) -> None:
        """Probe the refunds that a provider has accepted, because the program would poll them only an hour later. If
        `is_closed` is True, the workers have ended and execute no desk requests, so an account that isn't in team
        mode probes the refunds.
        """
        surroundings = self._surroundings
        probe = (
            surroundings.shop_desk if is_closed and surroundings.day.uses_team_mode else surroundings.operator
        ).refunds.probe
        for (refund,) in self._surroundings.owner_sql.sql("SELECT id FROM refunds WHERE status = 'submitted'"):
            with suppress(ConsoleError):
                probe(int(refund))

    def set_order_paid_by_hand(self, payment: BegunPayment) -> None:
        """Set the order to paid by hand, as its alert advises."""
        try:
            moved = self._surroundings.operator.payments.set_order_paid
            self._act_until_answered(
                f"move {payment.order_number}", lambda id: moved(payment.payment_id, request_id=id)
            )
        except ConsoleError as refusal:
            if (
                self._surroundings.day.uses_team_mode or refusal.code != "nothing_to_resolve"
            ):  # an earlier try had arrived
                raise


class ProgressReader:
    """Reads the states of payments and orders, and the events about these orders that the receiver of alerts has
    got.
    """

    def __init__(self, surroundings: DaySurroundings) -> None:
        self._surroundings, self._read, self._lock = surroundings, 0, Lock()
        self._alert_events_by_order: dict[str, set[tuple[str, str]]] = {}

    def read_progress(self, payments: Collection[int]) -> Mapping[int, PaymentProgress]:
        """Return the progress of these payments by payment id."""
        alert_events_by_order = self._read_received_alert_events()
        rows = self._surroundings.owner_sql.sql(_SELECT_PROGRESS_SQL.format(", ".join(map(str, payments))))
        return {
            int(payment): PaymentProgress(state, paid, certainty, frozenset(alert_events_by_order.get(order, ())))
            for payment, order, state, paid, certainty in rows
        }

    def _read_received_alert_events(self) -> Mapping[str, set[tuple[str, str]]]:
        """Return all events that the receiver of alerts has got, by order number: each as its kind and rule id."""
        with self._lock:
            news = self._surroundings.alert_receiver.events[self._read :]
            self._read += len(news)
            for event in news:
                self._alert_events_by_order.setdefault(event["order_no"], set()).add(
                    (event["event"], event["rule_id"])
                )
        return self._alert_events_by_order
