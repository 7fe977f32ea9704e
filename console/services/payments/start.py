"""Beginning payments under guard: one code or token per order and provider, whatever happens on the way."""

import hashlib
import json
import logging
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy import Connection

from console.domain.corporation_number import InvalidCorporationNumber, parse
from console.domain.errors import ConsoleError
from console.domain.money import Money, NotAnAmount
from console.domain.order_records import Order, OrderState, Payment
from console.domain.outcomes import Outcome, OutcomeClass
from console.domain.payment_records import PaymentRequest, PaymentState, StartedPayment
from console.domain.payment_results import StartResult
from console.domain.records import Certainty, OperationState
from console.domain.truth import PAID
from console.services import fitness, refusals
from console.services.described import Claimed, Guarded, Subject, Unrecorded, error_code
from console.services.desk import Desk
from console.services.guarded import Guard
from console.services.idempotency import payment_key
from console.services.payment_probing import PaymentProbing
from console.services.payment_starting import PaymentSettler, record_start
from console.services.payment_vendors import PaymentVendors
from console.services.settling import tolerated
from console.store import accounts, idempotency, journal, orders, payments
from console.store.engine import RunAgain, Transaction
from console.store.payments import NewPayment

ACTION = "payment.start"
KIND = payments.KIND
Call = Callable[[PaymentRequest], Outcome[StartedPayment]]
_log = logging.getLogger("console.guard")


class Paying:
    """Begins payments: the shop and the sandbox call it."""

    def __init__(self, desk: Desk, guard: Guard, vendors: PaymentVendors, probing: PaymentProbing) -> None:
        self._desk = desk
        self._guard = guard
        self._vendors = vendors
        self._probing = probing
        self._settler = PaymentSettler(desk)

    def start(self, order_id: int, provider: str) -> StartResult:
        """Begin a payment of an order, or find the one that was begun: where the payer goes on.

        Raises not_found, not_allowed, usage, bad_profile, already_decided (detail.record), over_limit, in_progress,
        outcome_unknown (detail.record), provider_refused and its like, provider_unreachable.
        """
        desk, asked = self._desk, {"order": order_id, "provider": provider[:40]}
        with refusals.audited(desk, ACTION, None, asked, kind=KIND):
            desk.require("payment_start")
            vendor = self._vendors.whole(provider)
            fitness.require(desk, provider)
            order = self._order(order_id, vendor.capabilities.currency)
            standing = self._standing(order, provider)
            if standing is not None:
                return standing
            desk.spool.unlock(desk.cipher)
            try:
                claimed, outcome = self._guard.run(self._guarded(order, provider, vendor.start), _silent)
            except Unrecorded as lost:
                lost.detail["record"] = self._payment(lost.claimed.subject.id)
                raise
        return self._ended(claimed, outcome)

    # What is there

    def _order(self, order_id: int, currency: str) -> Order:
        with self._desk.database.read() as conn:
            order = _required(conn, order_id)
        if order.currency != currency:
            raise ConsoleError("usage", {"problem": "currency", "allowed": [currency]})
        with suppress(NotAnAmount):
            if Money(order.total_minor, order.currency).minor > 0:
                return order
        raise ConsoleError("invalid_amount", {"problem": "order_total", "minor": order.total_minor})

    def _standing(self, order: Order, provider: str) -> StartResult | None:
        """The payment that the payer can still go on with, if the order is still what it was begun for."""
        if order.state is not OrderState.PENDING:
            return None
        with self._desk.database.read() as conn:
            found = [one for one in self._live(conn, order.id) if one.provider == provider]
        for payment in found:
            same = (payment.asked_minor, payment.certainty) == (order.total_minor, Certainty.KNOWN)
            if same and payment.state in _OPEN and payment.handle is not None:
                told = (payment.merchant_payment_id, payment.handle, payment.url)
                return StartResult(payment, StartedPayment(*told, expires_at=payment.expires_at))
        return None

    def _live(self, conn: Connection, order_id: int) -> list[Payment]:
        """Payments of an order that may still bring money, or have."""
        lapsed = journal.lapsed_subjects(conn, KIND)
        now = self._desk.now()
        return [one for one in payments.of_order(conn, order_id, lapsed) if one.state not in _OVER and (
            one.state not in _OPEN or one.expires_at is None or one.expires_at > now
            or one.certainty is Certainty.UNKNOWN
        )]  # fmt: skip

    def _payment(self, payment_id: int) -> Payment | None:
        try:
            with self._desk.database.read() as conn:
                return payments.find(conn, payment_id)
        except Exception:
            _log.warning("payment %s can't be read after it was begun", payment_id, exc_info=True)
            return None

    # The pipeline's steps

    def _guarded(self, order: Order, provider: str, call: Call) -> Guarded[StartedPayment]:
        desk = self._desk
        asked: list[PaymentRequest] = []

        def claim(tx: Transaction, operation_id: str) -> Subject:
            subject, request = self._claim(tx, order.id, provider, operation_id)
            asked[:] = [request]
            return subject

        return Guarded(
            action=ACTION,
            lease=f"payment_start_{order.id}" if desk.settings.leases else None,
            waits=False,
            effect=True,
            check=lambda conn: self._refuse_hopeless(conn, order.id, provider),
            claim=claim,
            call=lambda _subject: call(asked[0]),
            record=lambda tx, subject, outcome: record_start(desk, tx, subject.id, outcome),
            deliver=self._settler.deliver,
        )

    def _refuse_hopeless(self, conn: Connection, order_id: int, provider: str) -> None:
        """An order that is not to be paid, or that is being paid at this provider; an account without room."""
        order = _required(conn, order_id)
        if order.state is not OrderState.PENDING:
            raise ConsoleError("already_decided", {"order": order.merch_txn_id, "state": order.state.value})
        for payment in self._live(conn, order_id):
            if payment.state in PAID:
                raise ConsoleError("already_decided", {"record": payment, "state": payment.state.value})
            if payment.provider != provider:
                continue
            if payment.certainty is Certainty.UNKNOWN:
                raise ConsoleError("outcome_unknown", {"record": payment, "reason": "earlier_attempt"})
            raise ConsoleError("in_progress", {"record": payment, "holder": None, "since": payment.begun_at})
        self._refuse_over_limit(conn, order)

    def _refuse_over_limit(self, conn: Connection, order: Order) -> None:
        number = _number(order)
        account = accounts.of(conn, number, order.currency) if number else None
        if account is not None and account.room_minor < order.total_minor:
            sums = {"limit": account.limit_minor, "left": account.room_minor, "asked": order.total_minor}
            facts = {name: Money(minor, order.currency) for name, minor in sums.items()}
            raise ConsoleError("over_limit", {"reason": "account", **facts})

    @orders.runs_again()
    def _claim(
        self, tx: Transaction, order_id: int, provider: str, operation_id: str
    ) -> tuple[Subject, PaymentRequest]:
        """The payment, its account's room, and the key that admits one beginning at a time. The order is written
        too: who cancels it at this very moment sees this payment, or is seen.
        """
        now = self._desk.now()
        order = _required(tx.conn, order_id)
        if order.state is not OrderState.PENDING:
            raise ConsoleError("already_decided", {"order": order.merch_txn_id, "state": order.state.value})
        orders.change(tx.conn, order, now)
        number, held = _number(order), self._hold(tx, order)
        key = payment_key(provider, order.merch_txn_id)
        self._free_key(tx, key)
        new = NewPayment(
            provider, _free_number(tx.conn, order, provider), order.currency, order.total_minor, order_id=order.id,
            corporation_number=number, account_minor=held, begun_at=now, operation_id=operation_id,
        )  # fmt: skip
        payment_id = payments.insert(tx.conn, new, now)
        amount = Money(order.total_minor, order.currency)
        request = PaymentRequest(
            new.merchant_payment_id, amount, now, order.merch_txn_id, corporation_number=number
        )  # fmt: skip
        marks = [order.merch_txn_id, provider, order.total_minor, order.currency]
        return Subject(KIND, payment_id, None, number, key, _digest(marks)), request

    def _hold(self, tx: Transaction, order: Order) -> int:
        """Reserve the account's room; how much was held of it."""
        number = _number(order)
        account = accounts.of(tx.conn, number, order.currency) if number else None
        if account is None:
            return 0
        if not accounts.reserve(tx.conn, account.id, order.total_minor):
            self._refuse_over_limit(tx.conn, order)
            raise RunAgain  # there is room again by now: all of it is looked at afresh
        return order.total_minor

    def _free_key(self, tx: Transaction, key: str) -> None:
        """An earlier beginning that has ended, and of which nothing stands any more, keeps the key no longer."""
        seen = idempotency.seen(tx.conn, key)
        if seen is not None and seen.state in (OperationState.DONE, OperationState.FAILED):
            idempotency.set_aside(tx.conn, seen.operation_id, key)

    # Endings

    def _ended(self, claimed: Claimed, outcome: Outcome[StartedPayment]) -> StartResult:
        if outcome.reason == "code_exists":
            # The code is there by an earlier attempt: how it stands is read, and no other id is made blindly.
            with tolerated("reading a payment that exists already"):
                self._probing.probe(claimed.subject.id, automatic=True)
        payment = self._payment(claimed.subject.id)
        if outcome.kind is OutcomeClass.SUCCEEDED and outcome.found is not None and payment is not None:
            return StartResult(payment, outcome.found)
        detail = {"record": payment, "reason": outcome.reason, "status": outcome.status}
        if payment is not None and outcome.reason == "code_exists" and payment.certainty is Certainty.KNOWN:
            raise ConsoleError("already_decided", {**detail, "state": payment.state.value})
        raise ConsoleError(error_code(outcome), detail)


_OPEN = frozenset({PaymentState.TOKEN_GENERATED, PaymentState.USER_PAYMENT})
_OVER = frozenset({PaymentState.PAYMENT_FAILED, PaymentState.EXPIRED, PaymentState.REVERSED})


def _silent(_step: str) -> None:
    """Progress that nobody watches."""


def _required(conn: Connection, order_id: int) -> Order:
    order = orders.find(conn, order_id)
    if order is None:
        raise ConsoleError("not_found", {"kind": orders.KIND, "id": str(order_id)})
    return order


def _number(order: Order) -> str | None:
    """The order's corporation, where it names one in a way that counts."""
    with suppress(InvalidCorporationNumber):
        return parse(order.corporation_number, dummies=True).value if order.corporation_number else None
    return None


def _free_number(conn: Connection, order: Order, provider: str) -> str:
    """What we call the payment: the order's number, and for each further attempt another one."""
    number, attempt = order.merch_txn_id, 1
    while payments.by_merchant_id(conn, provider, number) is not None:
        attempt += 1
        number = f"{order.merch_txn_id[:56]}-{attempt}"
    return number


def _digest(facts: object) -> str:
    return hashlib.sha256(json.dumps(facts, ensure_ascii=False).encode()).hexdigest()[:32]
