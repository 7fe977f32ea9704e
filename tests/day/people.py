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
from tests.day.plan import OrderPlan
from tests.day.street import PaymentProgress
from tests.day.surroundings import UNREACHABLE_EXIT_STATUS, DaySurroundings, call_patiently
from tests.support.random_request_ids import HalfRequestIds
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
    what: str, act: Callable[[str | None], _ResultT], passing: frozenset[str] = frozenset()
) -> _ResultT:
    """Call `act` again while the database or a provider can't be reached, or after a refusal with one of the
    `passing` codes. For half of the actions, each call has the same request id; the others have none.
    """
    name = f"{what} {uuid4()}"
    return call_patiently(lambda: HalfRequestIds(name)(act), passing=passing)


@dataclass(frozen=True, slots=True)
class BegunPayment:
    """A payment that was begun at a provider. `number` is its payment number, `until` the end of its payment code
    (None: the code stays valid all day).
    """

    order: str
    order_id: int
    payment: int
    provider: str
    number: str
    until: datetime | None


@dataclass
class Diary:
    """A record of the actions that were really executed, written by many threads. `orders` has item and quantity by
    order number, `planted` the broken rule by order number, `mended` the orders whose fault was removed, `given_up`
    the orders without a payment code. `unanswered` has the actions in team mode that got no answer and were repeated
    with the same request id.
    """

    orders: dict[str, tuple[str, int]] = field(default_factory=dict)
    planted: dict[str, str] = field(default_factory=dict)
    mended: set[str] = field(default_factory=set)
    given_up: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)


class Shop:
    """The shop's own program: it writes orders and stock by SQL, and begins payments at the console."""

    def __init__(self, town: DaySurroundings, diary: Diary) -> None:
        self._town, self._diary = town, diary

    def insert_order(self, life: OrderPlan, number: str) -> int:
        """Insert an order with its stock reservation, and return its id."""
        self._diary.orders[number] = (life.item, life.quantity)
        rows = self._town.shop.sql(
            "INSERT INTO orders (merch_txn_id, total_amount, currency, payment_method, created_at, updated_at)"
            f" SELECT '{number}', {life.minor}, '{life.currency}', '{life.provider}', {_NOW}, {_NOW} FROM DUAL"
            f" WHERE NOT EXISTS (SELECT 1 FROM orders WHERE merch_txn_id = '{number}')",
            "INSERT INTO stock_reservations (order_id, item, quantity, created_at)"
            f" SELECT o.id, '{life.item}', {life.quantity}, {_NOW} FROM orders o WHERE o.merch_txn_id = '{number}'"
            " AND NOT EXISTS (SELECT 1 FROM stock_reservations s WHERE s.order_id = o.id)",
            f"SELECT id FROM orders WHERE merch_txn_id = '{number}'",
        )
        return int(rows[0][0])

    def begin_payment(self, life: OrderPlan, number: str, order_id: int) -> BegunPayment:
        """Begin a payment of the order. Raises ConsoleError if the provider gave no payment code."""
        result = _call_with_request_ids(
            f"begin {number}",
            lambda id: self._town.till.payments.start(order_id, life.provider, request_id=id),
            frozenset({"in_progress"}),  # an earlier try without a request id, whose answer was lost
        )
        payment, until = result.payment, result.started.expires_at
        return BegunPayment(number, order_id, payment.id, life.provider, payment.merchant_payment_id, until)

    def change_order(self, order: str, what: str) -> None:
        """Change columns of an order: `what` is SQL of assignments."""
        self._town.shop.sql(f"UPDATE orders SET {what}, updated_at = {_NOW} WHERE merch_txn_id = '{order}'")

    def set_order_paid(self, order: str) -> bool:
        """Set an order that still waits for its payment to paid, and return True. Return False if the order has been
        cancelled at its time limit.
        """
        self.change_order(order, "status = IF(status = 'cancelled', status, 'paid')")
        return self._town.shop.sql(f"SELECT status FROM orders WHERE merch_txn_id = '{order}'") == [("paid",)]

    def cancel_order(self, order: str, order_id: int) -> None:
        """Cancel the order, and release its stock."""
        self._town.shop.sql(
            f"UPDATE orders SET status = 'cancelled', updated_at = {_NOW} WHERE id = {order_id}",
            f"UPDATE stock_reservations SET status = 'released', updated_at = {_NOW}"
            f" WHERE order_id = {order_id} AND status = 'held'",
        )


class Payers:
    """The payers, who pay at the simulated provider. The provider sends a notice about each change, which may be
    lost.
    """

    def __init__(self, town: DaySurroundings) -> None:
        self._town = town
        self._money = town.control.payments_control

    def set_payment_state(self, purse: BegunPayment, to: str, *, sure: bool = False, **more: Any) -> None:
        """Change the state of the payment at the provider to `to`. With `sure` its notice isn't lost."""
        call_patiently(
            lambda: self._money.change_payment_state(purse.provider, purse.number, to, notify=not sure, **more)
        )
        if sure:
            kind, body = call_patiently(lambda: self._money.compose_notice(purse.provider, purse.number))
            path = {"paypay": "/webhooks/paypay", "atom": "/callbacks/atom"}[purse.provider]
            self._town.postman.accept_notice(path, body, kind, sure=True)

    def is_code_payable(self, purse: BegunPayment) -> bool:
        """True if the payer can still pay with the code. A margin of time is left, because the provider may be
        unreachable for a moment.
        """
        return purse.until is None or (purse.until - datetime.now(UTC)).total_seconds() > _MARGIN_SECONDS


_MARGIN_SECONDS = 2.0


class Operators:
    """An operator and an approver. In team mode each of their actions has a request id, with which the action is
    repeated until it has an answer.
    """

    def __init__(self, town: DaySurroundings, diary: Diary) -> None:
        self._town, self._diary = town, diary

    def _act_until_answered(self, what: str, act: Callable[[str | None], _ResultT]) -> _ResultT:
        """Call `act` until it has a result. In team mode each call has the same request id. Raises ConsoleError if
        the action is refused.
        """
        if not self._town.day.asks:
            return _call_with_request_ids(what, act)
        answers: list[_ResultT] = []

        def is_answered() -> bool:
            try:
                answers.append(HalfRequestIds(what, always=True)(act))
            except ConsoleError as refusal:
                is_running = refusal.code == "in_progress" and what.startswith("begin ")  # an earlier try of this id
                if (
                    refusal.exit_status != UNREACHABLE_EXIT_STATUS
                    and not is_result_unknown(refusal)
                    and not is_running
                ):
                    raise
                self._diary.unanswered.append(f"{what}: {refusal.code}")
            return bool(answers)

        wait_until(is_answered, f"an answer: {what}", self._town.day.patience)
        return answers[0]

    def request_refund(self, purse: BegunPayment, minor: int) -> int:
        """Request a refund of `minor` (minor units), and return its id."""
        text = str(minor) if purse.provider == "paypay" else f"{minor // 100}.{minor % 100:02}"
        wanted = RefundRequest(purse.payment, text, "sent back")
        asked = self._town.operator.refunds.request
        found: list[int] = []

        def is_asked_for() -> bool:
            try:
                found.append(
                    self._act_until_answered(f"ask {purse.order}", lambda id: asked(wanted, request_id=id)).id
                )
            except ConsoleError as refusal:
                if self._town.day.asks or refusal.code not in ("in_progress", "possible_repeat"):
                    raise
                # An earlier try had arrived, without a request id; or the payment is busy, and is asked about again.
                rows = self._town.all.sql(f"SELECT id FROM refunds WHERE payment_id = {purse.payment}")
                found.extend(int(id) for (id,) in rows)
            return bool(found)

        wait_until(is_asked_for, f"a refund of {purse.order}", self._town.day.patience)
        (refund,) = found
        return refund

    def approve(self, refund: int) -> bool:
        """Approve the refund. Return True if the refund is decided afterwards, whatever the result of its sending."""
        try:
            approve = self._town.approver.refunds.approve
            if self._town.day.asks:
                with use_password_reader(lambda: self._town.approvers_password):
                    self._act_until_answered(f"approve {refund}", lambda id: approve(refund, request_id=id))
            else:
                HalfRequestIds(f"approve {refund} {uuid4()}")(lambda id: approve(refund, request_id=id))
        except ConsoleError as refusal:
            if refusal.code == _ALREADY_DECIDED_CODE:
                return True
            rows = call_patiently(lambda: self._town.all.sql(f"SELECT status FROM refunds WHERE id = {refund}"))
            return str(rows[0][0]) != "requested"
        return True

    def probe_accepted_refunds(self, *, is_closed: bool = False) -> None:
        """Probe the refunds that a provider has accepted, because the program would poll them only an hour later. If
        `is_closed` is True, the workers have ended and execute no desk requests, so an account that isn't in team
        mode probes the refunds.
        """
        town = self._town
        probe = (town.till if is_closed and town.day.asks else town.operator).refunds.probe
        for (refund,) in self._town.all.sql("SELECT id FROM refunds WHERE status = 'submitted'"):
            with suppress(ConsoleError):
                probe(int(refund))

    def set_order_paid_by_hand(self, purse: BegunPayment) -> None:
        """Set the order to paid by hand, as its alert advises."""
        try:
            moved = self._town.operator.payments.set_order_paid
            self._act_until_answered(f"move {purse.order}", lambda id: moved(purse.payment, request_id=id))
        except ConsoleError as refusal:
            if self._town.day.asks or refusal.code != "nothing_to_resolve":  # an earlier try had arrived
                raise


class ProgressReader:
    """Reads the states of payments and orders, and the events about these orders that the receiver of alerts has
    got.
    """

    def __init__(self, town: DaySurroundings) -> None:
        self._town, self._read, self._lock = town, 0, Lock()
        self._told: dict[str, set[tuple[str, str]]] = {}

    def read_progress(self, payments: Collection[int]) -> Mapping[int, PaymentProgress]:
        """Return the progress of these payments by payment id."""
        told = self._read_alert_events()
        rows = self._town.all.sql(_SELECT_PROGRESS_SQL.format(", ".join(map(str, payments))))
        return {
            int(payment): PaymentProgress(state, paid, certainty, frozenset(told.get(order, ())))
            for payment, order, state, paid, certainty in rows
        }

    def _read_alert_events(self) -> Mapping[str, set[tuple[str, str]]]:
        """Return the events that the receiver of alerts has got, by order number."""
        with self._lock:
            news = self._town.told.events[self._read :]
            self._read += len(news)
            for event in news:
                self._told.setdefault(event["order_no"], set()).add((event["event"], event["rule_id"]))
        return self._told
