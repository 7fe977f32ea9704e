"""A desk for tests of refunds at the simulated providers, with paid payments and people who decide.

A test can move the desk's clock. The requests to the providers are signed with the time of the machine's clock.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text

from console.app import Console
from console.domain.access.permissions import APPROVER, AUDITOR, OPERATOR
from console.domain.payments.records import OrderState, Payment, Refund, RefundRequest
from console.domain.payments.states import PaymentState
from console.domain.records import Person
from console.providers.payments.provider import PaymentProvider
from console.sandbox import SandboxControl
from console.services.audit.opening_log import RecordOpeningLog
from console.services.guarded.pipeline import GuardedPipeline
from console.services.guarded.request_ids import RequestIdService
from console.services.payments.providers import PaymentProviders
from console.services.process.context import WORKER, act_as
from console.services.process.heartbeat import Heartbeat
from console.services.refunds import records as refund_records
from console.store.access import operators as people
from console.store.database.engine import Transaction
from console.store.operations import journal
from console.store.operations.idempotency_cache import IdempotencyCache
from console.store.payments import orders, payments
from console.wiring.record_readers import RecordReaders
from console.wiring.refunds import RefundServiceBuilder
from tests.providers.sandbox_adapters import make_atom, make_paypay
from tests.support.desks import MovedClock
from tests.support.in_memory_alarmbox import InMemoryAlarmBox, OpenTransactionCounter
from tests.support.quick_desks import open_quick_desk

TIME_SCALE = 20
PROVIDER_TIME_SCALE = 4
"""Divisor of the time limits of calls to the simulated providers. TIME_SCALE would be too large for a busy machine:
if a question before the sending reached its time limit, the refund would not be sent.
"""
TEAM = (
    Person("op-a", frozenset({OPERATOR}), may_buy=True),
    Person("op-e", frozenset({OPERATOR}), may_buy=True),
    Person("lead-b", frozenset({APPROVER}), may_buy=True),
    Person("lead-c", frozenset({APPROVER}), may_buy=True),
    Person("lead-d", frozenset({APPROVER, OPERATOR}), may_buy=True),
    Person("aud-f", frozenset({AUDITOR}), may_buy=False),
)
STATES_TO_PAID = (
    PaymentState.TOKEN_GENERATED,
    PaymentState.USER_PAYMENT,
    PaymentState.PAYMENT_SUCCESS,
    PaymentState.COMPLETED,
)
_CALLS_TO_PROVIDER = frozenset(
    {"read_payment", "read_refund", "list_refunds", "delete_code", "start", "refund", "cancel"}
)
_CURRENCY_BY_PROVIDER = {"paypay": "JPY", "atom": "INR"}


class TransactionCheckedAdapter:
    """A provider's adapter whose calls to the provider raise AssertionError inside a database transaction.

    It has the adapter's methods as attributes of its own: from Python 3.12 on, `isinstance` with a protocol such as
    RefundLister doesn't call `__getattr__`.
    """

    def __init__(self, whole: Any, watch: OpenTransactionCounter) -> None:
        self._whole, self._watch = whole, watch
        if hasattr(whole, "parse_callback"):
            self.parse_callback = whole.parse_callback
        for name in _CALLS_TO_PROVIDER & set(dir(whole)):
            setattr(self, name, self._make_checked_call(name))

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._whole, name)
        return (lambda: TransactionCheckedAdapter(attribute(), self._watch)) if name == "make_reader" else attribute

    def _make_checked_call(self, name: str) -> Callable[..., Any]:
        def check_and_call(*given: Any) -> Any:
            assert self._watch.count == 0, f"{name} inside a transaction"
            return getattr(self._whole, name)(*given)

        return check_and_call


class RefundDesk:
    """A desk with the refund service `refunds`. The methods `request_refund`, `approve_refund` and others act as the
    person whose name is given.
    """

    def __init__(self, home: Path, control: SandboxControl, *, scale: int = TIME_SCALE, **extra: str) -> None:
        self.control, self.clock = control, MovedClock()
        self.clock.stop()
        urls = {"PAYPAY_URL": control.url, "ATOM_URL": control.url, "TIME_SCALE": str(scale)}
        self.console: Console = open_quick_desk(home, InMemoryAlarmBox(), self.clock, **{**urls, **extra})  # type: ignore[arg-type]
        self.context = self.console._context
        self._heartbeat = Heartbeat(self.context.scale)
        self.reads = RecordOpeningLog(self.context)
        self._watch = OpenTransactionCounter(self.context.database)
        provider_scale = min(scale, PROVIDER_TIME_SCALE)
        self._made: dict[str, PaymentProvider] = {
            "paypay": TransactionCheckedAdapter(make_paypay(control.url, scale=provider_scale), self._watch),
            "atom": TransactionCheckedAdapter(make_atom(control.url, scale=provider_scale), self._watch),
        }
        self.providers = PaymentProviders(lambda name: self._made[name])
        self.pipeline = GuardedPipeline(self.context, self._heartbeat)
        request_ids = RequestIdService(self.context, IdempotencyCache())
        checks = self.console._record_readers.adapter_source
        self.readers = RecordReaders(self.context, self.reads, checks, self.providers)
        self.machinery = RefundServiceBuilder(
            self.context, self.pipeline, self.providers, request_ids, self.readers.refund_details
        )
        self.refunds = self.machinery.refunds

    def close(self) -> None:
        self._heartbeat.close()
        self.reads.flush()
        self.console.close()

    # The world before a refund

    def insert_team(self) -> None:
        """Insert the people of TEAM. From then on only these people may act."""

        def insert_people(tx: Transaction) -> None:
            for person in TEAM:
                people.insert_person(tx.conn, person)

        self.context.database.write(insert_people)

    def make_paid_payment(
        self,
        number: str = "ORD-1",
        minor: int = 3_300,
        provider: str = "paypay",
        *,
        has_order: bool = True,
        **facts: Any,
    ) -> Payment:
        """Add a paid payment (payment number `number`) of `minor` minor units at the provider and in the console's
        database, with a paid order if `has_order`. `facts` are further fields of NewPayment. Return the payment in
        the database.
        """
        provider_payment = self.control.payments_control.register_payment(provider, number, minor)
        now, currency = self.context.now(), _CURRENCY_BY_PROVIDER[provider]

        def insert_payment(tx: Any) -> int:
            if has_order:
                facts["order_id"] = orders.insert_order(tx.conn, orders.NewOrder(number, minor, currency), now)
                made = orders.find(tx.conn, facts["order_id"])
                assert made is not None
                orders.change_order(tx.conn, made, now, status=OrderState.PAID)
            new = payments.NewPayment(provider, number, currency, minor, begun_at=now, **facts)
            payment = payments.find(tx.conn, payments.insert_payment(tx.conn, new, now))
            assert payment is not None
            payments.move_payment_along_path(
                tx.conn, payment, STATES_TO_PAID, now, provider_payment_id=provider_payment["id"], paid_at=now
            )
            assert payments.set_captured_amount(tx.conn, payment.id, minor, now)
            return payment.id

        return self.read_payment(self.context.database.write(insert_payment))

    def read_payment(self, payment_id: int) -> Payment:
        with self.context.database.read() as conn:
            payment = payments.find(conn, payment_id)
        assert payment is not None
        return payment

    def disable_person(self, name: str) -> None:
        """Disable the person with this name."""
        self.sql("UPDATE operators SET disabled_at = '2026-11-20 00:00:00' WHERE name = :name", name=name)

    def sql(self, statement: str, **values: object) -> list[Any]:
        """Run an SQL statement without the console's services, as another program would do, and return its rows."""

        def execute_statement(tx: Any) -> list[Any]:
            result = tx.conn.execute(text(statement), values)
            return list(result) if result.returns_rows else []

        return self.context.database.write(execute_statement)

    # Acts of people

    def request_refund(self, payment: Payment, amount: str = "1000", person: str = "op-a", **more: Any) -> Refund:
        """Request a refund of `amount` (major units) as `person`. `more` are further arguments of
        RefundRequest.
        """
        with self.console.acting_as(person):
            return self.refunds.request(RefundRequest(payment.id, amount, more.pop("reason", "sent back"), **more))

    def approve_refund(self, refund: Refund, person: str = "lead-b", expected_version: int | None = None) -> Refund:
        with self.console.acting_as(person):
            return self.refunds.approve(refund.id, expected_version)

    def reject_refund(self, refund: Refund, person: str = "lead-b", reason: str = "paid out in cash") -> Refund:
        with self.console.acting_as(person):
            return self.refunds.reject(refund.id, reason)

    def withdraw_refund(self, refund: Refund, person: str = "op-a") -> Refund:
        with self.console.acting_as(person):
            return self.refunds.withdraw(refund.id)

    def probe_refund(self, refund: Refund, person: str = "op-a") -> Refund:
        with self.console.acting_as(person):
            return self.refunds.probe(refund.id)

    def resolve_refund(
        self, refund: Refund, as_state: str, person: str, number: str | None = None, proof: str = "seen"
    ) -> Any:
        """Resolve the refund with the state `as_state`. `number` is the provider's id of the refund, and `proof` the
        person's evidence. Return the result of the decision.
        """
        with self.console.acting_as(person):
            return self.refunds.resolve(refund.id, as_state, proof, number)

    def run_due_tasks(self) -> dict[str, int]:
        """Run the tasks for lapsed and undelivered operations, then every due task of refunds. Return the number of
        processed records by task.
        """
        tasks = dict(self.machinery.list_due_tasks())
        with act_as(WORKER):
            with self.context.database.read() as conn:
                lapsed = [one for one in journal.list_lapsed_operations(conn) if one.subject_kind == "refund"]
            done = {"lapsed": sum(self.machinery.submit_action.record_lapse(one.id) for one in lapsed)}
            done["delivered"] = self._deliver_spooled_answers()
            return done | {name: task() for name, task in tasks.items()}

    def _deliver_spooled_answers(self) -> int:
        spool, count = self.context.spool, 0
        spool.set_cipher(self.context.cipher)
        for entry in spool.list_undelivered_entries(self.context.database_id):
            assert entry.answer is not None
            if self.machinery.submit_action.deliver_outcome(entry.intent.operation_id, entry.answer):
                spool.mark_delivered(entry.intent.operation_id)
                count += 1
        return count

    def move_clock(self, **span: float) -> None:
        """Move the desk's clock forward by `span` (arguments of timedelta), measured in the console's time. At the
        time scale 20, a minute of console time is three seconds of the clock.
        """
        self.clock.offset += timedelta(**span) / self.context.scale.factor

    def read_refund(self, refund: Refund) -> Refund:
        """Return the refund in its present state, as the service returns it."""
        return refund_records.read_refund(self.context, refund.id)

    # Conditions

    def check_payment_agrees(self, payment: Payment) -> Payment:
        """Check that the amounts of the payment in the database agree with the provider's ledger, and that no more
        was refunded than captured. Return the payment in the database.
        """
        our_payment = self.read_payment(payment.id)
        provider_payment = self.control.payments_control.read_payment(
            our_payment.provider, our_payment.merchant_payment_id
        )
        assert our_payment.refundable_minor >= 0
        assert provider_payment["accepted_minor"] <= our_payment.captured_minor
        assert our_payment.refunded_minor <= provider_payment["accepted_minor"]
        assert provider_payment["accepted_minor"] <= our_payment.refunded_minor + our_payment.reserved_minor
        return our_payment

    def list_provider_keys(self, payment: Payment) -> list[str]:
        """Return the idempotency keys of the refunds of this payment that the provider has accepted, in the order of
        their acceptance.
        """
        provider_payment = self.control.payments_control.read_payment(payment.provider, payment.merchant_payment_id)
        return [refund["key"] for refund in provider_payment["refunds"]]

    def list_refusal_reasons(self, code: str | None = None) -> list[str]:
        """Return the reasons of the refusals in the audit trail, from the oldest to the newest. With `code`, return
        only the refusals with this code.
        """
        rows = self.sql("SELECT reason FROM audit_log WHERE result = 'refused' ORDER BY id")
        return [row[0] for row in rows if code in (None, row[0])]


@contextmanager
def open_refund_desk(home: Path, control: SandboxControl, **extra: Any) -> Iterator[RefundDesk]:
    """Yield a RefundDesk with the home folder `home`, at the sandbox that `control` controls. `extra` can have the
    desk's time scale `scale`, and has further settings without their prefix `CONSOLE_`.
    """
    desk = RefundDesk(home, control, **extra)
    try:
        yield desk
    finally:
        desk.close()
