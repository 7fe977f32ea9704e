"""Import payments that the provider has and our database doesn't: ask the provider about our payment number, and
insert the payment in the state that the provider reports.
"""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, time

from console.domain.audit.actions import AuditAction
from console.domain.calendar_days import IST
from console.domain.error_reasons import AmountProblem
from console.domain.errors import ConsoleError, ErrorCode, make_outcome_error
from console.domain.errors.details import InvalidAmountDetail, ProviderAnswerFacts
from console.domain.lookup.number_input import find_corporation_number, parse_corporation_number
from console.domain.money import InvalidAmountText, Money, parse_money
from console.domain.payments.provider_messages import PaymentQuestion, PaymentReport
from console.domain.payments.records import Payment, PaymentImport
from console.domain.payments.report_rules import ReportSource, find_paid_time_problem
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import Certainty
from console.domain.usage_problems import UsageProblem
from console.providers.payments.provider import PaymentReader
from console.services.audit import refusals
from console.services.credit_checks.part_reader import NO_ANSWER_ERROR_CODES, find_read_error_code
from console.services.payments import next_work as payment_work
from console.services.payments.apply_report import ReportWithSource, apply_report, limit_report_time_to_now
from console.services.payments.probe import PaymentProber, read_question_time
from console.services.payments.providers import PaymentProviders
from console.services.payments.spooled_payments import find_order_of_sent_start
from console.services.process.context import ServiceContext
from console.store.database.engine import RunAgain, Transaction
from console.store.database.instants import read_current_time
from console.store.database.sqlalchemy_names import UniqueViolation
from console.store.payments import orders, payments
from console.store.payments.payments import NewPayment

IMPORT_ACTION = AuditAction.PAYMENT_IMPORT
PAYMENT_KIND = payments.PAYMENT_KIND
EVIDENCE_CALL_NAME = "import"
_ASSUMED_PAYMENT_TIME_OF_DAY = time(12)
"""Time of day (Indian time) at which an imported payment counts as begun if only its day is known."""


class PaymentImporter:
    """Imports single payments that a provider has and our database doesn't have, on the request of a person or a
    reconciliation. This class can query providers but not move money."""

    def __init__(
        self, context: ServiceContext, payment_providers: PaymentProviders, payment_prober: PaymentProber
    ) -> None:
        self._context = context
        self._payment_providers = payment_providers
        self._payment_prober = payment_prober

    def import_payment(self, request: PaymentImport) -> Payment:
        """Ask the provider about the requested payment, insert it in the reported state, and return it. If our
        database already has the payment, only probe it.

        Raises not_found for an unknown provider; bad_profile if the provider is not configured; usage for a
        malformed payment number, for a missing amount or day that the provider needs, or if our database already has
        the payment without the requested corporation number; invalid_amount or invalid_corporation_number for an
        invalid value; not_allowed if the acting person has no right to import; outcome_unknown if the provider gave
        no usable answer; provider_refused if the provider has no such payment; provider_auth if the provider refused
        our credentials; rate_limited if it received too many calls; provider_unreachable if the question could not
        be sent.
        """
        facts = {"provider": request.provider[:40], "number": request.merchant_payment_id[:64]}
        try:
            with refusals.audit_refusals(self._context, IMPORT_ACTION, None, facts, kind=PAYMENT_KIND):
                self._context.require_right("import")
                reader = self._payment_providers.get_reader(request.provider)
                question, corporation_number = self._make_question_and_corporation_number(request, reader)
                return self._import_payment(request, reader, question, corporation_number)
        except ConsoleError as refusal:
            if "record" not in refusal.detail:
                refusal.detail["about"] = "import"
            raise

    def _make_question_and_corporation_number(
        self, request: PaymentImport, reader: PaymentReader
    ) -> tuple[PaymentQuestion, str | None]:
        """Return the question for the provider, and the corporation number of the request (normalised; None if the
        request has no such number). Raises usage for a malformed payment number, or if the provider needs an amount
        and a day and one of these is missing; invalid_amount for an amount that can't be read;
        invalid_corporation_number for an invalid corporation number."""
        if not _is_valid_payment_number(request.merchant_payment_id):
            raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.INVALID_MERCHANT_PAYMENT_ID})
        corporation_number = None
        if request.corporation_number is not None:
            corporation_number = parse_corporation_number(
                request.corporation_number, allows_test_numbers=self._context.settings.allows_test_numbers
            ).value
        capabilities, amount = reader.capabilities, None
        if request.amount is not None:
            amount = _parse_positive_amount(request.amount, capabilities.currency)
        if capabilities.needs_amount_and_day and (amount is None or request.day is None):
            raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.AMOUNT_AND_DAY_MISSING})
        return PaymentQuestion(request.merchant_payment_id, amount=amount, day=request.day), corporation_number

    def _import_payment(
        self, request: PaymentImport, reader: PaymentReader, question: PaymentQuestion, corporation_number: str | None
    ) -> Payment:
        payment = self._find_existing_payment(request)
        if payment is not None:
            _require_same_corporation_number(payment, corporation_number)
            return self._probe_existing_payment(payment)
        asked_at, outcome = read_question_time(self._context), reader.read_payment(question)
        is_paid_by_code = True
        if outcome.kind is OutcomeClass.NOT_FOUND and not reader.capabilities.needs_amount_and_day:
            outcome, is_paid_by_code = reader.read_payment(replace(question, by_code=False)), False
        sourced_report = ReportWithSource(
            self._require_report(outcome, reader), asked_at, ReportSource.READ, EVIDENCE_CALL_NAME, outcome
        )
        imported_payment = self._context.write(
            lambda tx: self.insert_missing_payment(
                tx, request, sourced_report, corporation_number, is_paid_by_code=is_paid_by_code
            )
        )
        with suppress(ConsoleError):
            # Setting the order to paid may have changed the payment's work, so the payment is read again.
            return self._payment_prober.read_payment(imported_payment.id)
        return imported_payment

    def _find_existing_payment(self, request: PaymentImport) -> Payment | None:
        with self._context.database.read() as conn:
            return payments.find_by_payment_number(conn, request.provider, request.merchant_payment_id)

    def _probe_existing_payment(self, existing_payment: Payment) -> Payment:
        """Probe a payment that our database already has, and return it. If the probe fails, raise its error only if
        the payment's outcome is unknown.
        """
        try:
            return self._payment_prober.probe(existing_payment.id)
        except ConsoleError as refusal:
            probed_payment = self._payment_prober.read_payment(existing_payment.id)
            if probed_payment.certainty is Certainty.KNOWN:
                return probed_payment
            refusal.detail["record"] = probed_payment
            raise

    def _require_report(self, outcome: Outcome[PaymentReport], reader: PaymentReader) -> PaymentReport:
        """Return the report in `outcome`, the answer of the provider; `reader` is the provider's adapter. Raises
        provider_refused if the provider has no such payment; an error with a code of NO_ANSWER_ERROR_CODES if it gave
        no answer (provider_unreachable only if the question was certainly not sent); otherwise outcome_unknown if the
        answer contains no usable report."""
        detail: ProviderAnswerFacts = {"reason": outcome.reason, "status": outcome.status}
        if outcome.kind is OutcomeClass.NOT_FOUND:
            if reader.capabilities.needs_amount_and_day:
                detail["hint"] = "amount_and_day"
            raise make_outcome_error(ErrorCode.PROVIDER_REFUSED, detail)
        code = find_read_error_code(outcome)
        if code in NO_ANSWER_ERROR_CODES and (
            code != ErrorCode.PROVIDER_UNREACHABLE or outcome.sent is SendingCertainty.NO
        ):
            raise make_outcome_error(code, detail)
        report = outcome.content
        if report is None or report.amount is None or outcome.kind is OutcomeClass.UNKNOWN:
            raise make_outcome_error(ErrorCode.OUTCOME_UNKNOWN, detail)
        return report

    @payments.run_again_if_stale()
    def insert_missing_payment(
        self,
        tx: Transaction,
        request: PaymentImport,
        sourced_report: ReportWithSource,
        corporation_number: str | None = None,
        *,
        is_paid_by_code: bool = True,
    ) -> Payment:
        """Insert the payment of `request` if our database has no payment with its provider and payment number. Then
        apply the provider's report `sourced_report` to the payment, even if the payment was not inserted now, and
        return the payment.

        `corporation_number` is the payment's corporation number, None if it isn't known. `is_paid_by_code` is True if
        the payer paid with a code that the console requested. Raises usage if our database has the payment without
        that corporation number.
        """
        context, report = self._context, sourced_report.report
        payment = payments.find_by_payment_number(tx.conn, request.provider, request.merchant_payment_id)
        if payment is None:
            new_payment = self._make_new_payment(tx, request, report.amount or Money(0, "JPY"), corporation_number)
            begun_at = _choose_beginning_time(request, sourced_report, read_current_time(tx.conn, context.now()))
            payment_id = self._insert_payment(tx, replace(new_payment, begun_at=begun_at, by_code=is_paid_by_code))
            context.record_audit(
                tx, AuditAction.PAYMENT_IMPORTED, payment_id, {"provider": request.provider}, kind=PAYMENT_KIND
            )
            payment = payment_work.require_payment(tx, payment_id)
        _require_same_corporation_number(payment, corporation_number)
        return payment_work.require_payment(
            tx, apply_report(context, tx, payment, sourced_report, is_read_in_transaction=True).payment_id
        )

    def _make_new_payment(
        self, tx: Transaction, request: PaymentImport, amount: Money, corporation_number: str | None
    ) -> NewPayment:
        number = request.merchant_payment_id
        order = orders.find_by_number(tx.conn, number) or find_order_of_sent_start(
            self._context, tx.conn, request.provider, number, amount
        )
        owner_number = corporation_number or (
            find_corporation_number(order.corporation_number, allows_test_numbers=True) if order else None
        )
        return NewPayment(
            request.provider,
            number,
            amount.currency,
            amount.minor,
            order_id=order.id if order else None,
            corporation_number=owner_number,
        )

    def _insert_payment(self, tx: Transaction, new_payment: NewPayment) -> int:
        try:
            return payments.insert_payment(tx.conn, new_payment, self._context.now())
        except UniqueViolation:  # Another process has just started or imported the payment.
            raise RunAgain from None


def _require_same_corporation_number(payment: Payment, corporation_number: str | None) -> None:
    """Raise usage if the request names a corporation number and the stored payment has another number or no number,
    because an import changes no payment that our database already has. `corporation_number` is None if the request
    names no corporation number.
    """
    if corporation_number is not None and payment.corporation_number != corporation_number:
        raise ConsoleError(
            ErrorCode.USAGE,
            {
                "problem": UsageProblem.OTHER_CORPORATION_NUMBER,
                "corporation_number": payment.corporation_number,
                "record": payment,
            },
        )


def _choose_beginning_time(request: PaymentImport, sourced_report: ReportWithSource, now: datetime) -> datetime:
    """Return the time (UTC) at which an imported payment began. If the request has a day, this is 12:00 in Indian
    time on that day, because Atom, the provider that searches payments by day, uses Indian days. Without a requested
    day, it is the time of payment in the report if that time is plausible, otherwise the time of the report; if that
    time isn't plausible either, it is `now`. `now` is the time by the clock of the database.
    """
    if request.day is not None:
        return datetime.combine(request.day, _ASSUMED_PAYMENT_TIME_OF_DAY, IST).astimezone(UTC)
    times = (sourced_report.report.paid_at, limit_report_time_to_now(sourced_report, now).effective_at)
    return next((at for at in times if at is not None and find_paid_time_problem(at, now) is None), now)


def _parse_positive_amount(text: str, currency: str) -> Money:
    """Return the amount in `text`. Raises invalid_amount for a text that isn't an amount of the currency, and for
    zero, because a payment of zero doesn't exist and Atom can't search for the amount zero."""
    facts: InvalidAmountDetail = {"amount": text[:40], "currency": currency}
    try:
        amount = parse_money(text, currency)
    except InvalidAmountText:
        raise ConsoleError(ErrorCode.INVALID_AMOUNT, {**facts, "problem": AmountProblem.WRONG_FORM}) from None
    if amount.minor == 0:
        raise ConsoleError(ErrorCode.INVALID_AMOUNT, {**facts, "problem": AmountProblem.NOT_POSITIVE})
    return amount


def _is_valid_payment_number(payment_number: str) -> bool:
    return (
        0 < len(payment_number) <= 64
        and payment_number.isascii()
        and payment_number.replace("-", "").replace("_", "").isalnum()
    )
