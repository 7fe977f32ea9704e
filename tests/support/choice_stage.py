"""A desk that makes records of every kind in every state, with providers in memory that return configured statements.
With these records, tests compare the decision table with the results of the services.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from console.app import Console, open_console
from console.domain.access.permissions import APPROVER, AUDITOR, OPERATOR
from console.domain.calendar_days import JST
from console.domain.errors import ConsoleError
from console.domain.money import Money
from console.domain.payments.outside_refunds import OutsideRefund
from console.domain.payments.provider_messages import PaymentQuestion, PaymentReport
from console.domain.payments.records import Payment, Refund, RefundRequest
from console.domain.payments.states import (
    DONE_OUTSIDE,
    PAID_STATES,
    PAYMENT_TRANSITIONS,
    RECORD_OUTSIDE_ACTION,
    PaymentState,
)
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import Certainty, CreditCheck, Person, PurchaseRequest, Work, WorkState
from console.domain.recovery.records import DecisionChoice, ProviderStatement
from console.providers.payments.provider import PaymentCapabilities
from console.settings.settings import Settings
from console.store.access import operators
from console.store.access.operators import StoredPerson
from console.store.database.engine import Transaction
from console.store.payments import orders, payments
from tests.support.bulk_stage import make_corporation_numbers
from tests.support.desks import UNUSED_URL, MovedClock, copy_empty_database, make_environment
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.ledger_refunds import UNREADABLE_OUTCOME, RefundLedger, RefundLedgerProvider, RefundLedgerReader
from tests.support.payment_desks import BANK_KEY

TEAM = (
    Person("op-a", frozenset({OPERATOR}), may_buy=True),
    Person("op-e", frozenset({OPERATOR}), may_buy=False),
    Person("lead-b", frozenset({APPROVER}), may_buy=True),
    Person("aud-f", frozenset({AUDITOR}), may_buy=False),
)
AMOUNT_MINOR = 3_300
_PROVIDER_STATE_WORDS = {
    ProviderStatement.PAID: "COMPLETED",
    ProviderStatement.WAITING: "CREATED",
    ProviderStatement.FAILED: "FAILED",
    ProviderStatement.EXPIRED: "EXPIRED",
}
_STATE_BY_STATEMENT = {
    ProviderStatement.PAID: PaymentState.PAYMENT_SUCCESS,
    ProviderStatement.WAITING: PaymentState.USER_PAYMENT,
    ProviderStatement.FAILED: PaymentState.PAYMENT_FAILED,
    ProviderStatement.EXPIRED: PaymentState.EXPIRED,
}
_OUTCOME_BY_STATEMENT = {
    ProviderStatement.PAID: OutcomeClass.SUCCEEDED,
    ProviderStatement.WAITING: OutcomeClass.PENDING,
    ProviderStatement.FAILED: OutcomeClass.FAILED_DEFINITE,
    ProviderStatement.EXPIRED: OutcomeClass.FAILED_DEFINITE,
}


@dataclass(frozen=True)
class ConfiguredReader(RefundLedgerReader):
    """Provider in memory that can only be read. For each payment number, it returns the statement in
    `statement_by_number`.
    """

    statement_by_number: dict[str, ProviderStatement] = field(default_factory=dict)

    @property
    def capabilities(self) -> PaymentCapabilities:
        return replace(super().capabilities, lists_refunds_with_payment=self.keeps_keys)

    def read_payment(self, question: PaymentQuestion) -> Outcome[PaymentReport]:
        statement = self.statement_by_number.get(question.merchant_payment_id, ProviderStatement.NOTHING)
        if statement is ProviderStatement.NOTHING or not self.ledger.is_readable:
            return UNREADABLE_OUTCOME
        if statement is ProviderStatement.NOT_FOUND:
            return Outcome(OutcomeClass.NOT_FOUND, "not_found", SendingCertainty.YES)
        number = question.merchant_payment_id
        state = _STATE_BY_STATEMENT.get(statement, PaymentState.PAYMENT_SUCCESS)
        report = PaymentReport(
            number,
            f"T-{number}",
            _PROVIDER_STATE_WORDS.get(statement, "COMPLETED"),
            state,
            statement is not ProviderStatement.WAITING,
            question.amount
            or Money(AMOUNT_MINOR, "JPY"),  # a provider has no currency of a row that another program wrote
            refunds=self.report_refunds(f"T-{number}") if statement is ProviderStatement.PAID else (),
        )
        if statement is ProviderStatement.OTHER_AMOUNT:
            report = replace(report, amount=Money(AMOUNT_MINOR - 1, "JPY"))
            return Outcome(OutcomeClass.UNKNOWN, "other_amount", SendingCertainty.YES, report)
        return Outcome(_OUTCOME_BY_STATEMENT[statement], "answered", SendingCertainty.YES, report, evidence="{}")


class ConfiguredProvider(ConfiguredReader, RefundLedgerProvider):
    def make_reader(self) -> ConfiguredReader:
        return ConfiguredReader(self.name, self.ledger, self.statement_by_number)

    @property
    def merchant_id(self) -> str:
        return "M-1"


class ChoiceStage:
    """Makes records, and executes the choices of the decision table by their names, as a person would. A test can
    move `clock`.
    """

    def __init__(self, home: Path) -> None:
        copy_empty_database(home)
        self.clock = MovedClock()
        self.alarmbox, self.ledger, self.statement_by_number = (
            InMemoryAlarmBox(lists_purchases=True),
            RefundLedger(),
            dict[str, ProviderStatement](),
        )
        environment = make_environment(
            home, UNUSED_URL, PAYPAY_URL=UNUSED_URL, ATOM_URL=UNUSED_URL, SECRET_NOTICE_BANK_KEY=BANK_KEY
        )
        settings = Settings.load(environment)
        self.console: Console = open_console(
            settings, self.clock, self.alarmbox, make_payment_adapter=self._make_provider
        )
        self.context, self._next, self._numbers = (
            self.console._context,
            count(1),
            iter(make_corporation_numbers(2_000)),
        )
        self.answers: list[Any] = []
        self._first_limits: list[tuple[Any, ...]] = []
        for person in TEAM:
            self.console.people.add_person(person)

    def _make_provider(self, name: str) -> ConfiguredProvider:
        return ConfiguredProvider(name, self.ledger, self.statement_by_number)

    # Credit checks

    def make_check(self, behaviour: str = "answers", *, is_readable: bool = True) -> CreditCheck:
        """Buy a credit check for a new corporation number while the provider has this behaviour. Return the credit
        check, even if the purchase ended with an error. With `readable=False` the provider can't be read afterwards.
        """
        self.alarmbox.behaviour, self.alarmbox.is_readable = behaviour, is_readable  # type: ignore[assignment]  # one of its words
        number = next(self._numbers)
        try:
            return self.console.credit_checks.purchase(PurchaseRequest(number, "1"))
        except ConsoleError as ended:
            record = ended.detail["record"]
            assert isinstance(record, CreditCheck)
            return record
        finally:
            self.alarmbox.behaviour, self.alarmbox.is_readable = "answers", True

    # Payments

    def make_payment(
        self,
        state: PaymentState,
        statement: ProviderStatement = ProviderStatement.NOTHING,
        *,
        is_unknown: bool = False,
        needs_review: bool = False,
        has_order: bool = True,
        provider: str = "paypay",
        currency: str = "JPY",
        order_id: int | None = None,
        captured_minor: int = AMOUNT_MINOR,
    ) -> Payment:
        """Insert a payment in this state, and return it. `captured_minor` is its captured amount if it is paid;
        `statement` is the provider's statement about the payment. With `is_unknown` the payment's outcome is unknown,
        with `needs_review` its work is for a person. With `has_order` the payment gets a new order, or the existing
        order `order_id` if this is given.
        """
        number = f"ORD-{next(self._next)}"
        self.statement_by_number[number] = statement
        return self.context.database.write(
            lambda tx: self._insert_payment(
                tx,
                number,
                state,
                statement,
                is_unknown,
                needs_review,
                has_order,
                provider,
                currency,
                order_id,
                captured_minor,
            )
        )

    def _insert_payment(
        self,
        tx: Transaction,
        number: str,
        state: PaymentState,
        statement: ProviderStatement,
        is_unknown: bool,
        needs_review: bool,
        has_order: bool,
        provider: str,
        currency: str,
        order_id: int | None,
        captured_minor: int,
    ) -> Payment:
        now, conn = self.context.now(), tx.conn
        if has_order and order_id is None:
            order_id = orders.insert_order(conn, orders.NewOrder(number, AMOUNT_MINOR, currency), now)
        new = payments.NewPayment(provider, number, currency, AMOUNT_MINOR, order_id=order_id, begun_at=now)
        made = payments.find(conn, payments.insert_payment(conn, new, now))
        assert made is not None
        path = find_state_path(state)
        values: dict[str, Any] = {"certainty": Certainty.UNKNOWN if is_unknown else Certainty.KNOWN}
        values |= _make_stored_statement(statement, now, number)
        if PAID_STATES & set(path):
            values |= {"provider_payment_id": f"T-{number}", "paid_at": now}
        if needs_review:
            values |= payments.make_work_values(Work(WorkState.NEEDS_REVIEW, reason="contradicted"))
        payments.move_payment_along_path(conn, made, path, now, **values)
        if PAID_STATES & set(path):
            payments.set_captured_amount(conn, made.id, captured_minor, now)
        return self._find_payment(conn, made.id)

    def _find_payment(self, conn: Any, payment_id: int) -> Payment:
        payment = payments.find(conn, payment_id)
        assert payment is not None
        return payment

    def make_paid_payment(self) -> Payment:
        """Insert a completed payment, which can be refunded, and return it."""
        return self.make_payment(PaymentState.COMPLETED, ProviderStatement.PAID)

    # Refunds

    def make_refund(self, behaviour: str | None = None) -> Refund:
        """Request a refund and return it. If `behaviour` (the provider's behaviour) is given, also approve the
        refund; the approval sends it.
        """
        request = RefundRequest(self.make_paid_payment().id, "1000", "returned")
        refund = self.call_as("op-a", lambda: self.console.refunds.request(request))
        assert isinstance(refund, Refund)
        if behaviour is not None:
            self.ledger.behaviour = behaviour  # type: ignore[assignment]  # one of its words
            with self.console.acting_as("lead-b"):
                call_and_get_ending(lambda: self.console.refunds.approve(refund.id))
        return self.console.refunds.read_refund(refund.id).record

    # Surroundings

    def set_roles(self, name: str, roles: Iterable[str]) -> None:
        """Give the person these roles instead of the present ones. A person without a role is disabled."""
        may_buy = next(person.may_buy for person in TEAM if person.name == name)
        person = StoredPerson(Person(name, frozenset(roles), may_buy), not roles, False)
        self.context.database.write(lambda tx: operators.save_person(tx.conn, person, self.context.now()))

    def set_limit(self, name: str, currency: str, value: int) -> None:
        """Set the limit `name` of refunds in this currency to `value` directly. In the console such a change needs
        two administrators."""
        with self.context.database.read() as conn:
            stored = conn.exec_driver_sql("SELECT name, currency, value FROM limits").all()
        self._first_limits = self._first_limits or [tuple(row) for row in stored]
        self._write_limits([(name, currency, value)])

    def _write_limits(self, rows: Sequence[tuple[Any, ...]], *, are_all: bool = False) -> None:
        def replace_limits(tx: Transaction) -> None:
            if are_all:
                tx.conn.exec_driver_sql("DELETE FROM limits")
            for row in rows:
                tx.conn.exec_driver_sql("REPLACE INTO limits (name, currency, value) VALUES (?, ?, ?)", row)

        self.context.database.write(replace_limits)

    def restore_roles_limits_and_providers(self) -> None:
        """Give all people their first roles, set the limits to their first values, and let the providers answer
        again.
        """
        for person in TEAM:
            self.set_roles(person.name, sorted(person.roles))
        if self._first_limits:
            self._write_limits(self._first_limits, are_all=True)
        ledger = self.ledger
        ledger.is_readable, ledger.hides_refunds, ledger.is_period_over = True, False, False

    # People

    def call_as(self, person: str, act: Callable[[], Any]) -> Any:
        """Call `act` as the person `person`, and return its result."""
        with self.console.acting_as(person):
            return act()

    def list_choices(self, person: str, kind: str, record_id: int) -> dict[str, DecisionChoice]:
        """Return the choices that the decision table offers the person on this record, by name."""
        with self.console.acting_as(person):
            return {choice.name: choice for choice in self.console.recovery.find_choices(kind, record_id)}

    def execute_choice(self, person: str, kind: str, record: Any, choice: str) -> str:
        """Execute the choice `choice` on a record as the person `person`. Return "done", "awaiting" (a second person
        must decide), or the error code.
        """
        with self.console.acting_as(person):
            return self.call_and_store_answer(lambda: self._call_service(kind, record, choice))

    def call_and_store_answer(self, act: Callable[[], Any]) -> str:
        """Call `act`, and return its ending as the function `call_and_get_ending` does. Add the result or the error
        to `answers`.
        """

        def call_and_store() -> Any:
            try:
                self.answers.append(act())
            except ConsoleError as refusal:
                self.answers.append(refusal)
                raise
            return self.answers[-1]

        return call_and_get_ending(call_and_store)

    def _call_service(self, kind: str, record: Any, choice: str) -> Any:
        """Execute the choice, and return the result of the called service."""
        console, name, _, state = self.console, *choice.partition(".")
        match name:
            case "probe":
                return console.recovery.probe(kind, record.id)
            case "refetch":
                return console.credit_checks.refetch(record.id)
            case "buy":
                return console.credit_checks.purchase(PurchaseRequest(record.corporation_number, record.client_id))
            case "move_order":
                payment_id = max(record.payment_ids, default=0) if kind == "order" else record.id
                return console.payments.set_order_paid(payment_id)
            case "refund":
                payment_id = record.payment_id if kind == "refund" else record.id
                return console.refunds.request(RefundRequest(payment_id, "100", "returned", intended_repeat=True))
            case _ if name == RECORD_OUTSIDE_ACTION:
                today = console._context.now().astimezone(JST).date()
                statement = OutsideRefund(max(1, record.requestable_minor), today).format_statement()
                return console.recovery.resolve(kind, record.id, DONE_OUTSIDE, "transfer 114", statement)
            case "take":
                return console.recovery.take(kind, record.id)
            case "note":
                return console.recovery.add_note(kind, record.id, "seen")
        number = self._find_provider_id(kind, record)
        return console.recovery.resolve(kind, record.id, state or "completed", "the panel", number)

    def _find_provider_id(self, kind: str, record: Any) -> int | str | None:
        """Return the provider's id of the record, which a person would read on the provider's own screen. Return None
        if records of this kind have none.
        """
        if kind == "credit-check":
            charge_ids = (charge.id for charge in self.alarmbox.charges if charge.number == record.corporation_number)
            return next(charge_ids, 999_999)
        return f"{kind[0].upper()}-{record.id}" if kind in ("payment", "refund") else None


def call_and_get_ending(act: Callable[[], Any]) -> str:
    """Call `act`. Return "done", "awaiting" (a second person must decide), or the code of the ConsoleError that it
    raises.
    """
    try:
        result = act()
    except ConsoleError as refusal:
        return refusal.code
    return "awaiting" if getattr(result, "awaiting", None) else "done"


def find_state_path(state: PaymentState) -> tuple[PaymentState, ...]:
    """Return a shortest path of payment states from the initial state to `state`, by the transition table."""
    ways: list[tuple[PaymentState, ...]] = [()]
    for path in ways:
        last = path[-1] if path else PaymentState.INITIALIZING
        if last is state:
            return path
        ways += [(*path, step) for step in sorted(PAYMENT_TRANSITIONS[last]) if step not in path]
    raise AssertionError(state)


def _make_stored_statement(statement: ProviderStatement, now: Any, number: str) -> dict[str, Any]:
    """Return the columns of a payment in which the desk stores the provider's last `statement`, made at `now`.
    `number` is the number of the payment.
    """
    if statement in (ProviderStatement.NOTHING, ProviderStatement.NOT_FOUND):
        return {"error_code": "not_found" if statement is ProviderStatement.NOT_FOUND else None}
    other = statement is ProviderStatement.OTHER_AMOUNT
    return {
        "provider_state": _PROVIDER_STATE_WORDS.get(statement, "COMPLETED"),
        "told_at": now,
        "provider_minor": AMOUNT_MINOR - 1 if other else AMOUNT_MINOR,
        "error_code": "other_amount" if other else None,
    }


@contextmanager
def open_choice_stage(home: Path) -> Iterator[ChoiceStage]:
    """Yield a ChoiceStage with the home folder `home`."""
    made = ChoiceStage(home)
    try:
        yield made
    finally:
        made.console.close()
