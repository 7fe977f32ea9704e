"""A desk on which records of every kind are put into every state, before providers in memory that say what they are
told to say: for comparing the decision table with what the services do.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from console.app import Console, open_console
from console.domain.choice_records import Choice, Told
from console.domain.errors import ConsoleError
from console.domain.money import Money
from console.domain.order_records import Payment, Refund, RefundRequest
from console.domain.outcomes import Outcome, OutcomeClass, Sent
from console.domain.payment_records import PaymentQuestion, PaymentReport, PaymentState
from console.domain.permissions import APPROVER, AUDITOR, OPERATOR
from console.domain.records import Certainty, CreditCheck, Person, PurchaseRequest, Work, WorkState
from console.domain.states import PAYMENT
from console.domain.truth import PAID
from console.settings import Settings
from console.store import orders, payments
from console.store.engine import Transaction
from tests.support.bulk_stage import numbers
from tests.support.desks import environment
from tests.support.ledger_refunds import UNREADABLE, LedgerProvider, LedgerReader, RefundLedger
from tests.support.ledger_vendor import LedgerVendor
from tests.support.quick_desks import NOWHERE, template

TEAM = (
    Person("op-a", frozenset({OPERATOR}), may_buy=True),
    Person("op-e", frozenset({OPERATOR}), may_buy=False),
    Person("lead-b", frozenset({APPROVER}), may_buy=True),
    Person("aud-f", frozenset({AUDITOR}), may_buy=False),
)
MINOR = 3_300
_WORDS = {Told.PAID: "COMPLETED", Told.WAITING: "CREATED", Told.FAILED: "FAILED", Told.EXPIRED: "EXPIRED"}
_MEANT = {
    Told.PAID: PaymentState.PAYMENT_SUCCESS, Told.WAITING: PaymentState.USER_PAYMENT,
    Told.FAILED: PaymentState.PAYMENT_FAILED, Told.EXPIRED: PaymentState.EXPIRED,
}  # fmt: skip
_KINDS = {
    Told.PAID: OutcomeClass.SUCCEEDED, Told.WAITING: OutcomeClass.PENDING, Told.FAILED: OutcomeClass.FAILED_DEFINITE,
    Told.EXPIRED: OutcomeClass.FAILED_DEFINITE,
}  # fmt: skip


@dataclass(frozen=True)
class TellingReader(LedgerReader):
    """Says of any payment what it is told to say."""

    says: dict[str, Told] = field(default_factory=dict)

    def payment(self, question: PaymentQuestion) -> Outcome[PaymentReport]:
        told = self.says.get(question.merchant_payment_id, Told.NOTHING)
        if told is Told.NOTHING:
            return UNREADABLE
        if told is Told.NOT_FOUND:
            return Outcome(OutcomeClass.NOT_FOUND, "not_found", Sent.YES)
        number = question.merchant_payment_id
        state = _MEANT.get(told, PaymentState.PAYMENT_SUCCESS)
        report = PaymentReport(
            number, f"T-{number}", _WORDS.get(told, "COMPLETED"), state, told is not Told.WAITING, question.amount
        )
        if told is Told.OTHER_AMOUNT:
            report = replace(report, amount=Money(MINOR - 1, "JPY"))
            return Outcome(OutcomeClass.UNKNOWN, "other_amount", Sent.YES, report)
        return Outcome(_KINDS[told], "answered", Sent.YES, report, evidence="{}")


class TellingProvider(TellingReader, LedgerProvider):
    def reader(self) -> TellingReader:
        return TellingReader(self.name, self.ledger, self.says)


class Stage:
    """Makes records, and does by a choice's name what a person would do."""

    def __init__(self, home: Path) -> None:
        home.mkdir(exist_ok=True)
        (home / "console.db").write_bytes(template().read_bytes())
        self.vendor, self.ledger, self.says = LedgerVendor(finds=True), RefundLedger(), dict[str, Told]()
        told = environment(home, NOWHERE, PAYPAY_URL=NOWHERE, ATOM_URL=NOWHERE)
        self.console: Console = open_console(Settings.load(told), None, self.vendor, payment_vendor=self._provider)
        self.desk, self._next, self._numbers = self.console._desk, count(1), iter(numbers(2_000))
        for person in TEAM:
            self.console.people.add(person)

    def _provider(self, name: str) -> TellingProvider:
        return TellingProvider(name, self.ledger, self.says)

    # Credit checks

    def check(self, behaviour: str = "answers", *, readable: bool = True) -> CreditCheck:
        self.vendor.behaviour, self.vendor.readable = behaviour, readable  # type: ignore[assignment]  # one of its words
        number = next(self._numbers)
        try:
            return self.console.credit_checks.purchase(PurchaseRequest(number, "1"))
        except ConsoleError as ended:
            record = ended.detail["record"]
            assert isinstance(record, CreditCheck)
            return record
        finally:
            self.vendor.behaviour, self.vendor.readable = "answers", True

    # Payments

    def payment(
        self, state: PaymentState, told: Told = Told.NOTHING, *, unknown: bool = False, review: bool = False,
        order: bool = True,
    ) -> Payment:  # fmt: skip
        number = f"ORD-{next(self._next)}"
        self.says[number] = told
        return self.desk.database.write(lambda tx: self._write(tx, number, state, told, unknown, review, order))

    def _write(
        self, tx: Transaction, number: str, state: PaymentState, told: Told, unknown: bool, review: bool, order: bool
    ) -> Payment:
        now, conn = self.desk.now(), tx.conn
        order_id = orders.insert(conn, orders.NewOrder(number, MINOR, "JPY"), now) if order else None
        new = payments.NewPayment("paypay", number, "JPY", MINOR, order_id=order_id, begun_at=now)
        made = payments.find(conn, payments.insert(conn, new, now))
        assert made is not None
        path = way(state)
        values: dict[str, Any] = {"certainty": Certainty.UNKNOWN if unknown else Certainty.KNOWN}
        values |= _told_before(told, now, number)
        if PAID & set(path):
            values |= {"provider_payment_id": f"T-{number}", "paid_at": now}
        if review:
            values |= payments.work_values(Work(WorkState.NEEDS_REVIEW, reason="contradicted"))
        payments.follow(conn, made, path, now, **values)
        if PAID & set(path):
            payments.capture(conn, made.id, MINOR, now)
        return self._found(conn, made.id)

    def _found(self, conn: Any, payment_id: int) -> Payment:
        found = payments.find(conn, payment_id)
        assert found is not None
        return found

    def paid(self) -> Payment:
        """A payment that can be refunded."""
        return self.payment(PaymentState.COMPLETED, Told.PAID)

    # Refunds

    def refund(self, behaviour: str | None = None) -> Refund:
        """A request; approved and sent where a provider's behaviour is named."""
        wanted = RefundRequest(self.paid().id, "1000", "returned")
        asked = self.by("op-a", lambda: self.console.refunds.request(wanted))
        assert isinstance(asked, Refund)
        if behaviour is not None:
            self.ledger.behaviour = behaviour  # type: ignore[assignment]  # one of its words
            with self.console.acting("lead-b"):
                ending(lambda: self.console.refunds.approve(asked.id))
        return self.console.refunds.show(asked.id).record

    # People

    def by(self, who: str, act: Callable[[], Any]) -> Any:
        with self.console.acting(who):
            return act()

    def choices(self, who: str, kind: str, record_id: int) -> dict[str, Choice]:
        with self.console.acting(who):
            return {choice.what: choice for choice in self.console.recovery.choices(kind, record_id)}

    def does(self, who: str, kind: str, record: Any, what: str) -> str:
        """The service's answer to that choice: done, awaiting, or the code."""
        with self.console.acting(who):
            return ending(lambda: self._act(kind, record, what))

    def _act(self, kind: str, record: Any, what: str) -> Any:
        console, name, _, state = self.console, *what.partition(".")
        match name:
            case "probe":
                return console.recovery.probe(kind, record.id)
            case "refetch":
                return console.credit_checks.refetch(record.id)
            case "buy":
                return console.credit_checks.purchase(PurchaseRequest(record.corporation_number, record.client_id))
            case "move_order":
                payment_id = max(record.payment_ids, default=0) if kind == "order" else record.id
                return console.payments.move_order(payment_id)
            case "refund":
                payment_id = record.payment_id if kind == "refund" else record.id
                return console.refunds.request(RefundRequest(payment_id, "100", "returned", intended_repeat=True))
            case "take":
                return console.recovery.take(kind, record.id)
            case "note":
                return console.recovery.note(kind, record.id, "seen")
        number = self._number(kind, record)
        return console.recovery.resolve(kind, record.id, state or "completed", "the panel", number)

    def _number(self, kind: str, record: Any) -> int | str | None:
        """The provider's number that a person reads off its panel."""
        if kind == "credit-check":
            of = (charge.id for charge in self.vendor.charges if charge.number == record.corporation_number)
            return next(of, 999_999)
        return f"T-{record.id}" if kind == "payment" else "R-1" if kind == "refund" else None


def ending(act: Callable[[], Any]) -> str:
    """done, awaiting (a second person), or the code of the refusal or failure."""
    try:
        found = act()
    except ConsoleError as refusal:
        return refusal.code
    return "awaiting" if getattr(found, "awaiting", None) else "done"


def way(state: PaymentState) -> tuple[PaymentState, ...]:
    """Steps from the beginning to a state, by the table."""
    ways: list[tuple[PaymentState, ...]] = [()]
    for path in ways:
        last = path[-1] if path else PaymentState.INITIALIZING
        if last is state:
            return path
        ways += [(*path, step) for step in sorted(PAYMENT[last]) if step not in path]
    raise AssertionError(state)


def _told_before(told: Told, now: Any, number: str) -> dict[str, Any]:
    """What the desk knows of what the provider says: it was asked a moment ago."""
    if told in (Told.NOTHING, Told.NOT_FOUND):
        return {"error_code": "not_found" if told is Told.NOT_FOUND else None}
    other = told is Told.OTHER_AMOUNT
    return {
        "provider_state": _WORDS.get(told, "COMPLETED"), "told_at": now,
        "provider_minor": MINOR - 1 if other else MINOR, "error_code": "other_amount" if other else None,
    }  # fmt: skip


@contextmanager
def stage(home: Path) -> Iterator[Stage]:
    made = Stage(home)
    try:
        yield made
    finally:
        made.console.close()
