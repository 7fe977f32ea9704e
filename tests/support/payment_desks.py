"""Desks for tests of payments, on any engine: the real adapters call the sandbox over HTTP.

with open_payment_desk(place, sandbox, clock) as scene:
    order = scene.insert_order("ORD-1", 3300)
    started = scene.payments.start(order, "paypay")
    scene.money.move("paypay", "ORD-1", "paid")
    assert scene.payments.probe(started.payment.id).state == "completed"
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from console.app import Console
from console.domain.clock import SystemClock
from console.domain.payments.records import Order, Payment, ReceivedNotice
from console.domain.payments.service_results import NoticeResult
from console.domain.service_results import TaskRun
from console.sandbox import SandboxControl
from console.sandbox.server import Sandbox
from console.services.audit.opening_log import RecordOpeningLog
from console.services.guarded.pipeline import GuardedPipeline
from console.services.guarded.request_ids import RequestIdService
from console.services.payments.providers import PaymentProviders
from console.services.process.context import WORKER, ServiceContext, act_as
from console.services.process.heartbeat import Heartbeat
from console.store.operations.idempotency_cache import IdempotencyCache
from console.store.payments import orders, payments
from console.wiring.payments import PaymentServiceBuilder
from console.wiring.providers import make_payment_adapter
from console.wiring.record_readers import RecordReaders
from tests.support.desks import CORPORATION_NUMBERS, MovedClock, make_payment_provider_settings
from tests.support.places import Place
from tests.support.refusals import call_for_refusal_code

BANK_KEY = "a-bank's-own-key-for-notices"


def make_settings(url: str) -> dict[str, str]:
    """Return the settings of a desk without their prefix `CONSOLE_`: the addresses of both payment providers at the
    sandbox's `url`, and the key of a bank that sends signed notices.
    """
    return {**make_payment_provider_settings(url), "SECRET_NOTICE_BANK_KEY": BANK_KEY}


class PaymentDesk:
    """A desk with its payment services. Its methods also act as the sandbox's payers and as the shop."""

    def __init__(self, place: Place, console: Console, sandbox: Sandbox) -> None:
        self.place, self.console = place, console
        self.context: ServiceContext = console._context
        self.control = SandboxControl(sandbox.url)
        self.money = self.control.payments_control
        self.heartbeat = Heartbeat(self.context.scale)
        self.providers = PaymentProviders(lambda name: make_payment_adapter(self.context, name))
        self.reads = RecordOpeningLog(self.context)
        checks = console._record_readers.adapter_source
        self.readers = RecordReaders(self.context, self.reads, checks, self.providers)
        self.machinery = PaymentServiceBuilder(
            self.context,
            GuardedPipeline(self.context, self.heartbeat),
            self.providers,
            RequestIdService(self.context, IdempotencyCache()),
            self.readers.payment_details,
        )
        self.payments = self.machinery.payments
        self.taker = console

    def use_receiver(self, receiver: Console) -> None:
        """Let `receiver` receive the notices from now on. On a server only the worker's account may store notices."""
        self.taker = receiver
        receiver._context.failpoints = self.context.failpoints
        self.payments._notice_receiver = receiver.payments._notice_receiver

    # The shop

    def insert_order(self, number: str, minor: int, currency: str = "JPY", corporation: str | None = None) -> int:
        """Insert an order with the order number `number` of `minor` minor units of `currency` as the shop does, and
        return its id."""
        whose = "NULL" if corporation is None else f"'{corporation}'"
        self.place.sql(
            "INSERT INTO orders (merch_txn_id, total_amount, currency, corporation_number, created_at, updated_at)"
            f" VALUES ('{number}', {minor}, '{currency}', {whose}, '2026-11-20 03:00:00', '2026-11-20 03:00:00')"
        )
        return int(self.place.sql(f"SELECT id FROM orders WHERE merch_txn_id = '{number}'")[0][0])

    def cancel_order(self, number: str) -> None:
        """Cancel the order with this order number, as the shop does."""
        self.place.sql(f"UPDATE orders SET status = 'cancelled' WHERE merch_txn_id = '{number}'")

    def insert_account(self, corporation: str, limit: int, currency: str = "JPY") -> None:
        """Insert an account of the corporation with this limit (minor units)."""
        self.place.sql(
            "INSERT INTO accounts (corporation_number, currency, limit_minor)"
            f" VALUES ('{corporation}', '{currency}', {limit})"
        )

    # Reading

    def read_payment(self, payment_id: int) -> Payment:
        """Return the present state of the payment."""
        with self.context.database.read() as conn:
            payment = payments.find(conn, payment_id)
        assert payment is not None
        return payment

    def find_payment(self, provider: str, number: str) -> Payment | None:
        """Return the payment with this payment number, or None if there is none."""
        with self.context.database.read() as conn:
            return payments.find_by_payment_number(conn, provider, number)

    def read_order(self, number: str) -> Order:
        """Return the present state of the order with this number."""
        with self.context.database.read() as conn:
            order = orders.find_by_number(conn, number)
        assert order is not None
        return order

    def list_open_alert_rules(self, kind: str = "payment") -> list[str]:
        """Return the rule ids of all open alerts about records of this kind, from the oldest alert to the newest."""
        rows = self.place.sql(
            f"SELECT rule_id FROM alerts WHERE subject_kind = '{kind}' AND resolved_at IS NULL ORDER BY id"
        )
        return [str(rule) for (rule,) in rows]

    def count_audit_entries(self, action: str) -> int:
        """Return the number of audit entries with the action `action`."""
        return int(self.place.sql(f"SELECT COUNT(*) FROM audit_log WHERE what = '{action}'")[0][0])

    # Acting

    def run_due_tasks(self) -> tuple[TaskRun, ...]:
        """Run the due tasks of payments once, as a worker does, and return their results."""
        with act_as(WORKER):
            return tuple(TaskRun(name, task()) for name, task in self.machinery.list_due_tasks())

    def make_provider_notice(
        self, provider: str, number: str, peer: str = "127.0.0.1", **more: Any
    ) -> ReceivedNotice:
        """Return the notice that the simulated provider would send about the present state of the payment with the
        payment number `number`. `peer` is the address of the sender. `more` are further arguments of the sandbox's
        `compose_notice`: `fields` and `manner`.
        """
        return make_notice(self.money, provider, number, peer, **more)

    def deliver_notice(self, provider: str, number: str, **more: Any) -> NoticeResult:
        """Deliver to the receiver the notice that the simulated provider would send about the payment with the
        payment number `number`, and return the result. `more` has further arguments of `make_provider_notice`."""
        return self.payments.receive_notice(self.make_provider_notice(provider, number, **more))

    def make_bank_notice(self, event: str, order: str, amount: str = "3300", **fields: object) -> ReceivedNotice:
        """Return a signed notice of a bank about a payment of the order `order`. `amount` is in major units, as a
        text; `fields` replaces fields of the notice.
        """
        body = {
            "event_id": event,
            "type": "payment.succeeded",
            "order_no": order,
            "amount": amount,
            "currency": "JPY",
            "occurred_at": self.context.now().isoformat(),
        } | fields
        return make_signed_notice("bank", json.dumps(body).encode(), self.context.now())

    def close(self) -> None:
        self.heartbeat.close()


def make_notice(money: Any, provider: str, number: str, peer: str = "127.0.0.1", **more: Any) -> ReceivedNotice:
    """Return the notice that the simulated provider would send about the payment with the payment number `number`;
    `peer` is the address of its sender. `money` is the object that controls the sandbox's payments, and `more` are
    further arguments of its `compose_notice`: `fields` and `manner`.
    """
    _, body = money.compose_notice(provider, number, **more)
    return ReceivedNotice(provider, body, (), peer)


def make_signed_notice(source: str, body: bytes, at: datetime, key: str = BANK_KEY) -> ReceivedNotice:
    """Return a notice of this source with this body, signed with `key` at the time `at`."""
    stamp = str(int(at.timestamp()))
    made = hmac.new(key.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return ReceivedNotice(source, body, (("x-notice-signature", f"t={stamp},v1={made}"),), "127.0.0.1")


@contextmanager
def open_payment_desk(
    place: Place, sandbox: Sandbox, clock: SystemClock | None = None, *, person: str = "op-a", **extra: str | None
) -> Iterator[PaymentDesk]:
    """Yield a PaymentDesk of the person `person`, and close it at the end of the block. `extra` are further settings
    without their prefix `CONSOLE_`; the value None removes a setting.
    """
    known: dict[str, Any] = {
        name: text for name, text in (make_settings(sandbox.url) | extra).items() if text is not None
    }
    with place.open_desk(sandbox, clock, person=person, **known) as console:
        scene = PaymentDesk(place, console, sandbox)
        try:
            with ExitStack() as stack:
                if place.notice_account_name not in ("op-a", person):
                    taker = place.open_desk(sandbox, clock, person=place.notice_account_name, **known)
                    scene.use_receiver(stack.enter_context(taker))
                yield scene
        finally:
            scene.close()


OpenDeskOf: TypeAlias = Callable[[str], AbstractContextManager[PaymentDesk]]
"""Type of a function that opens the payment desk of another person by the person's name."""


def pass_time(scene: PaymentDesk, clock: MovedClock, duration: timedelta) -> None:
    """Move our clock and the provider's clock forward by `duration`."""
    clock.offset += duration
    scene.control.change_settings(advance_seconds=duration.total_seconds())


def make_unknown_payment(scene: PaymentDesk, number: str = "ORD-1") -> Payment:
    """Return an unknown payment of a new order (order number `number`): its start got no usable answer from the
    provider."""
    scene.control.add_fault("status_after_charge:500", call="paypay_create")
    order_id = scene.insert_order(number, 3300, corporation=CORPORATION_NUMBERS[0])
    assert call_for_refusal_code(lambda: scene.payments.start(order_id, "paypay")) == "outcome_unknown"
    payment = scene.find_payment("paypay", number)
    assert payment is not None
    return payment


def make_paid_payment(scene: PaymentDesk, number: str = "ORD-1") -> Payment:
    """Return a payment of a new order (order number `number`) that the payer has paid and that was then probed."""
    payment = scene.payments.start(
        scene.insert_order(number, 3300, corporation=CORPORATION_NUMBERS[0]), "paypay"
    ).payment
    scene.money.change_payment_state("paypay", number, "paid")
    return scene.payments.probe(payment.id)
