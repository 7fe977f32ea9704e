"""Booking payments that the provider has and we don't: asked for by number, entered as the answer proves."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, time

from sqlalchemy.exc import IntegrityError

from console.domain.corporation_number import parse
from console.domain.dates import IST
from console.domain.errors import ConsoleError
from console.domain.money import Money, NotAnAmount, money_from_text
from console.domain.order_records import Payment, PaymentImport
from console.domain.outcomes import Outcome, OutcomeClass, Sent
from console.domain.payment_news import Way
from console.domain.payment_records import PaymentQuestion, PaymentReport
from console.providers.payment_protocol import PaymentReader
from console.services import payment_work, refusals
from console.services.desk import Desk
from console.services.happened import PaymentFact, what_happened
from console.services.notice_signed import corporation_of
from console.services.payment_probing import PaymentProbing
from console.services.payment_vendors import PaymentVendors
from console.store import orders, payments
from console.store.engine import RunAgain, Transaction
from console.store.payments import NewPayment

ACTION = "payment.import"
KIND = payments.KIND
CALL = "import"
_MIDDAY = time(12)


class Imports:
    """Imports of single payments. Holds only the providers' reading halves."""

    def __init__(self, desk: Desk, vendors: PaymentVendors, probing: PaymentProbing) -> None:
        self._desk = desk
        self._vendors = vendors
        self._probing = probing

    def import_(self, asked: PaymentImport) -> Payment:
        """The payment as the provider has it, booked here if it wasn't; the same again changes nothing.

        Raises usage, invalid_amount, invalid_corporation_number, not_found (no such provider) and bad_profile (2),
        provider_refused where the provider has no such payment, provider_auth, rate_limited (5), outcome_unknown
        where no usable answer came (4), provider_unreachable where the question never left (6).
        """
        facts = {"provider": asked.provider[:40], "number": asked.merchant_payment_id[:64]}
        with refusals.audited(self._desk, ACTION, None, facts, kind=KIND):
            self._desk.require("import")
            reader = self._vendors.reader(asked.provider)
            question, number = self._checked(asked, reader)
            return self._import(asked, reader, question, number)

    def _checked(self, asked: PaymentImport, reader: PaymentReader) -> tuple[PaymentQuestion, str | None]:
        """What is asked of the provider, and whose payment it is said to be."""
        if not _fits(asked.merchant_payment_id):
            raise ConsoleError("usage", {"problem": "merchant_payment_id"})
        number = None
        if asked.corporation_number is not None:
            number = parse(asked.corporation_number, dummies=self._desk.settings.test_numbers).value
        can, amount = reader.capabilities, None
        if asked.amount is not None:
            try:
                amount = money_from_text(asked.amount, can.currency)
            except NotAnAmount:
                facts = {"amount": asked.amount[:40], "currency": can.currency}
                raise ConsoleError("invalid_amount", facts) from None
        if can.asks_by_amount_and_day and (amount is None or asked.day is None):
            raise ConsoleError("usage", {"problem": "amount_and_day"})
        return PaymentQuestion(asked.merchant_payment_id, amount=amount, day=asked.day), number

    def _import(
        self, asked: PaymentImport, reader: PaymentReader, question: PaymentQuestion, number: str | None
    ) -> Payment:  # fmt: skip
        known = self._known(asked)
        if known is not None:
            return self._asked_again(known)
        asked_at, outcome = self._desk.now(), reader.payment(question)
        by_code = True
        if outcome.kind is OutcomeClass.NOT_FOUND and not reader.capabilities.asks_by_amount_and_day:
            outcome, by_code = reader.payment(replace(question, by_code=False)), False
        fact = PaymentFact(self._usable(outcome), asked_at, Way.READ, CALL, outcome)
        entered = self._desk.write(lambda tx: self._enter(tx, asked, fact, number, by_code=by_code))
        with suppress(ConsoleError):
            return self._probing.current(entered.id)  # its order may have followed by now
        return entered

    def _known(self, asked: PaymentImport) -> Payment | None:
        with self._desk.database.read() as conn:
            return payments.by_merchant_id(conn, asked.provider, asked.merchant_payment_id)

    def _asked_again(self, known: Payment) -> Payment:
        """It is here: what it lacks is learned as by a probe, and no answer at all changes nothing."""
        with suppress(ConsoleError):
            return self._probing.probe(known.id)
        after = self._probing.current(known.id)
        if after.certainty.value == "unknown":
            raise ConsoleError("outcome_unknown", {"record": after, "reason": after.error_code})
        return after

    def _usable(self, outcome: Outcome[PaymentReport]) -> PaymentReport:
        """The report, or what a person has to know of an answer that is none."""
        detail = {"reason": outcome.reason, "status": outcome.status}
        if outcome.kind is OutcomeClass.NOT_FOUND:
            raise ConsoleError("provider_refused", detail)
        if outcome.kind is OutcomeClass.AUTH:
            raise ConsoleError("provider_auth", detail)
        if outcome.kind is OutcomeClass.RATE_LIMITED:
            raise ConsoleError("rate_limited", detail)
        if outcome.sent is Sent.NO:
            raise ConsoleError("provider_unreachable", detail)
        report = outcome.found
        if report is None or report.amount is None or outcome.kind is OutcomeClass.UNKNOWN:
            raise ConsoleError("outcome_unknown", detail)
        return report

    def enter(self, tx: Transaction, asked: PaymentImport, fact: PaymentFact) -> Payment:
        """Book in the caller's transaction what a provider's history tells of a payment that isn't here."""
        return self._enter(tx, asked, fact, None, by_code=True)

    @payments.runs_again()
    def _enter(
        self, tx: Transaction, asked: PaymentImport, fact: PaymentFact, number: str | None, *, by_code: bool
    ) -> Payment:  # fmt: skip
        """The row, and in the same transaction the steps that the answer proves."""
        desk, report = self._desk, fact.report
        known = payments.by_merchant_id(tx.conn, asked.provider, asked.merchant_payment_id)
        if known is None:
            new = self._new(tx, asked, report.amount or Money(0, "JPY"), number)
            payment_id = self._insert(tx, replace(new, begun_at=_begun(asked, fact), by_code=by_code))
            desk.note(tx, "payment.imported", payment_id, {"provider": asked.provider}, kind=KIND)
            known = payment_work.required(tx, payment_id)
        return payment_work.required(tx, what_happened(desk, tx, known, fact, read=True).payment_id)

    def _new(self, tx: Transaction, asked: PaymentImport, amount: Money, number: str | None) -> NewPayment:
        order = orders.by_number(tx.conn, asked.merchant_payment_id)
        whose = number or (corporation_of(order) if order else None)
        return NewPayment(
            asked.provider, asked.merchant_payment_id, amount.currency, amount.minor,
            order_id=order.id if order else None, corporation_number=whose,
        )  # fmt: skip

    def _insert(self, tx: Transaction, new: NewPayment) -> int:
        try:
            return payments.insert(tx.conn, new, self._desk.now())
        except IntegrityError:  # begun or imported by somebody else at this very moment
            raise RunAgain from None


def _begun(asked: PaymentImport, fact: PaymentFact) -> datetime:
    """When it began, as far as that is known: providers that ask by day take the day from it."""
    if asked.day is not None:
        return datetime.combine(asked.day, _MIDDAY, IST).astimezone(UTC)
    return fact.report.paid_at or fact.at


def _fits(number: str) -> bool:
    return 0 < len(number) <= 64 and number.isascii() and number.replace("-", "").replace("_", "").isalnum()
