"""Receive the signed callbacks of a provider. The provider's adapter decrypts and checks a callback. The report in
the callback is applied to the payment, and then a read call to the provider confirms the payment's state.

The reply to a forged callback does not reveal whether its payment exists: all such replies have the same content
and take the same time, because a due task looks for the payment later.
"""

from collections.abc import Callable
from datetime import timedelta

from console.domain.payments.records import Payment, ReceivedNotice
from console.domain.payments.report_rules import ReportSource
from console.domain.provider_outcome import Outcome, SendingCertainty
from console.providers.payments.notices import CallbackReader, SignedCallback
from console.services.payment_intake import notices
from console.services.payment_intake.notices import NoticeEffect, NoticeRefused
from console.services.payments.apply_report import ReportWithSource, apply_report
from console.services.payments.probe import PaymentProber
from console.services.payments.providers import PaymentProviders
from console.services.process.context import ServiceContext
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection
from console.store.payments import payments
from console.store.payments.events import PaymentEvent

CALLBACK_TIME_PRECISION = timedelta(seconds=1)
"""Precision of the times in Atom's callbacks: whole seconds. A payment with the time 12:00:05 may have been made at
any moment of that second, possibly after this program had read the payment's state at the provider.
"""


class CallbackHandler:
    """Handles the signed callbacks of one provider: notices that the payer's browser or the provider itself sends
    to the callback address."""

    def __init__(
        self,
        context: ServiceContext,
        provider: str,
        payment_providers: PaymentProviders,
        payment_prober: PaymentProber,
    ) -> None:
        self._context = context
        self._provider = provider
        self._payment_providers = payment_providers
        self._payment_prober = payment_prober

    def check_notice(self, received_notice: ReceivedNotice) -> Callable[[], NoticeEffect]:
        """Check the callback in `received_notice` without reading the database. Return a function that stores the
        callback and applies its report to the payment. Raises NoticeRefused for a forged callback, for a payment time
        in the future, and for every callback if the provider is not configured on this desk.
        """
        callback = self._read_callback(received_notice.body)
        if not callback.has_valid_signature:
            raise NoticeRefused("callback_refused", callback.evidence, callback.merchant_payment_id)
        paid_at = callback.report.paid_at if callback.report else None
        notices.refuse_future_time(paid_at, self._context.now(), callback.evidence, callback.merchant_payment_id)
        return lambda: self._store_callback(callback)

    def _store_callback(self, callback: SignedCallback) -> NoticeEffect:
        """Store the event of a genuine callback, unless it is already stored, and apply its report. Return the
        callback's effect: `repeated` if the event was stored before."""
        earlier_effect = notices.find_stored_notice_effect(self._context, self._provider, callback.event_id)
        if earlier_effect is not None:
            return earlier_effect
        event = notices.store_event(
            self._context, self._provider, callback.event_id, lambda tx: self._apply_callback(tx, callback)
        )
        if event is None:
            return NoticeEffect(notices.EVENT_REPEATED)
        return NoticeEffect(event.state, event.payment_id, event if event.state == notices.EVENT_QUEUED else None)

    def _read_callback(self, body: bytes) -> SignedCallback:
        """Return the decrypted callback in `body`. Raises NoticeRefused if the callback is not genuine, or if the
        provider isn't configured on this desk."""
        reader: object = self._payment_providers.find_reader(self._provider)
        if not isinstance(reader, CallbackReader):
            raise NoticeRefused("not_configured", f"{len(body)} bytes")
        return reader.parse_callback(body)

    @payments.run_again_if_stale()
    def _apply_callback(self, tx: Transaction, callback: SignedCallback) -> PaymentEvent:
        """Apply a genuine callback's report to its payment in the transaction `tx`. Return the event, which the
        caller stores: its state is `queued` if our database has the payment, otherwise `unmatched`.
        """
        report, now = callback.report, self._context.now()
        payment = payments.find_by_payment_number(tx.conn, self._provider, callback.merchant_payment_id or "")
        amount = report.amount if report else None
        event = PaymentEvent(
            self._provider,
            callback.event_id,
            (report.provider_state if report else callback.reason)[:40],
            notices.EVENT_QUEUED if payment else notices.EVENT_UNMATCHED,
            callback.evidence,
            payment_id=payment.id if payment else None,
            order_no=callback.merchant_payment_id,
            amount_minor=amount.minor if amount else None,
            currency=amount.currency if amount else None,
            occurred_at=report.paid_at if report else None,
        )
        if payment is not None and report is not None:
            outcome_values = (
                callback.kind,
                callback.reason,
                SendingCertainty.YES,
                report,
                None,
                callback.evidence,
                callback.sha256,
            )
            reported_at = min(report.paid_at + CALLBACK_TIME_PRECISION, now) if report.paid_at else now
            sourced_report = ReportWithSource(
                report, reported_at, ReportSource.CALLBACK, "callback", Outcome(*outcome_values), callback.event_id
            )
            apply_report(self._context, tx, payment, sourced_report, is_read_in_transaction=True)
        return event

    def ask_provider(self, event: PaymentEvent) -> str:
        """Ask the provider about the payment of a genuine callback, and store the event's new state. Return this
        state (column `done`); it is `queued` if the provider gave no usable answer.
        """
        if event.payment_id is None:
            return event.state
        answer_effect = self._payment_prober.confirm_by_provider(event.payment_id, event.event_id)
        effect = notices.find_effect_that_ends_questions(self._context, event, answer_effect)
        if effect is None:
            return notices.EVENT_QUEUED
        event_state = (
            notices.EVENT_BOOKED if event.state == notices.EVENT_QUEUED else notices.find_event_state(effect)
        )
        notices.settle_event(self._context, self._provider, event.event_id, event_state, event.payment_id)
        return event_state

    def find_payment(self, conn: Connection, event: PaymentEvent) -> Payment | None:
        """Return the payment whose number the stored callback contains; None if our database has no such payment."""
        return payments.find_by_payment_number(conn, self._provider, event.order_no or "")

    def ask_about_refused_callback(self, event: PaymentEvent) -> str:
        """Ask the provider about the payment whose number a refused callback contains, because the callback may be a
        damaged genuine callback. Store and return the event's new state (column `done`) `refused_asked` in three
        cases: the provider has answered with the payment's state; it has no such payment and the callback arrived
        more than LATE_ANSWER_PERIOD ago; or our database has no payment with this number. Otherwise return the
        event's unchanged state."""
        with self._context.database.read() as conn:
            payment = self.find_payment(conn, event)
        if payment is not None:
            answer_effect = self._payment_prober.confirm_by_provider(payment.id)
            if notices.find_effect_that_ends_questions(self._context, event, answer_effect) is None:
                return event.state
        notices.settle_event(self._context, self._provider, event.event_id, notices.EVENT_REFUSED_ANSWERED, None)
        return notices.EVENT_REFUSED_ANSWERED
