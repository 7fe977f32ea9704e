"""Receive notices, which providers send without a request. The reply to a refused notice is the same for every reason
of the refusal.
"""

import hashlib
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

from console.domain.audit.actions import AuditAction
from console.domain.payments.provider_registry import NoticeKind, list_providers_of_type
from console.domain.payments.records import Payment, ReceivedNotice
from console.domain.payments.service_results import NoticeResult
from console.domain.process import correlation as tracing
from console.domain.process import log_events
from console.domain.process.log_events import LogEvent
from console.providers.payments.plugin import ProviderPlugin
from console.services.payment_intake import notices
from console.services.payment_intake.callbacks import CallbackHandler
from console.services.payment_intake.checked_notice import CheckedNotice
from console.services.payment_intake.hints import HintHandler
from console.services.payment_intake.notices import NoticeEffect, NoticeHandler, NoticeRefused
from console.services.payment_intake.rate_limit import TokenBucket
from console.services.payment_intake.signed_notices import NOTICE_SOURCE_NAME_PATTERN, SignedNoticeHandler
from console.services.payments.probe import PaymentProber
from console.services.payments.providers import PaymentProviders
from console.services.process.context import WORKER, ServiceContext, act_as
from console.services.tasks.cancellation import iterate_until_stopped
from console.services.tasks.due_tasks import skip_failures
from console.store.database.engine import Transaction
from console.store.payments import events as payment_events
from console.store.payments.events import PaymentEvent

LARGEST_NOTICE_BYTES = 1 << 20
MAX_NOTICES_PER_RUN = 200
"""Largest number of events of one state that one call of `confirm_due_notices` handles."""
MAX_COUNTED_NOTICES = 1_000
REFUSAL_BURST_SIZE = 200
"""Largest number of refusals that one process writes to the database without a wait."""
REFUSALS_PER_SECOND = 5.0
"""Rate at which one process writes further refusals to the database."""
MAX_CONSECUTIVE_UNANSWERED_QUESTIONS = 3
"""If this many questions in a row about events of one source get no answer, the source counts as unreachable. One
missing answer may be an accident.
"""
_LONGEST_EVIDENCE_CHARACTERS = 2_000
"""Largest number of characters of a refused notice that are stored."""
_SIGNATURE_REFUSAL_REASONS = frozenset({"signature", "no_signature", "time", "callback_refused"})
"""Reasons of refusals which mean that no valid signature covers the notice's content and time."""
_REFUSED_EVENT_STATES = (notices.EVENT_REFUSED, notices.EVENT_REFUSED_UNANSWERED, notices.EVENT_REFUSED_ANSWERED)


class NoticeReceiver:
    """Receives the notices of payment providers and banks about payments: checks their signatures, stores them, and
    matches them with payments. Several threads may use this object at the same time.
    """

    def __init__(
        self, context: ServiceContext, payment_providers: PaymentProviders, payment_prober: PaymentProber
    ) -> None:
        self._context = context
        self._signed_notices = SignedNoticeHandler(context)
        self._hints = {
            plugin.name: HintHandler(context, plugin, plugin.make_hint_reader(), payment_prober)
            for plugin in list_providers_of_type(ProviderPlugin)
            if plugin.make_hint_reader
        }
        self._callbacks = {
            plugin.name: CallbackHandler(context, plugin.name, payment_providers, payment_prober)
            for plugin in list_providers_of_type(ProviderPlugin)
            if plugin.notice_source is NoticeKind.CALLBACKS
        }
        self._handlers: Mapping[str, HintHandler | CallbackHandler] = {**self._hints, **self._callbacks}
        self._refusal_limit = TokenBucket(REFUSAL_BURST_SIZE, REFUSALS_PER_SECOND)
        self._last_probed_id = {notices.EVENT_QUEUED: 0, notices.EVENT_REFUSED_UNANSWERED: 0}
        self._last_unmatched_id = 0

    def receive_notice(self, received_notice: ReceivedNotice) -> NoticeResult:
        """Check and store one notice, apply its report to the payment, and ask the provider if necessary. Return the
        result for the sender. Notices may arrive in any sequence and repeatedly.

        A refused notice changes no payment. The refusal is written to the audit trail unless it exceeds the rate
        limit; the next written refusal contains the number of refusals that were not written. Raises ConsoleError
        only if the database fails; the sender should then send the notice again.
        """
        checked_notice = self.check_notice(received_notice)
        result = checked_notice.store_notice()
        return checked_notice.ask_provider() if checked_notice.must_ask_provider else result

    def check_notice(self, received_notice: ReceivedNotice) -> CheckedNotice:
        """Check a notice without reading the database, and return the checked notice, with which the caller runs the
        remaining steps (store the notice, ask the provider). A receiver that must reply before the provider answers
        calls this method instead of `receive_notice`.
        """
        with act_as(WORKER), tracing.continue_or_start_correlation() as correlation:
            try:
                if len(received_notice.body) > LARGEST_NOTICE_BYTES:
                    raise NoticeRefused("too_large", f"{len(received_notice.body)} bytes")
                write_effect = self._get_handler(received_notice.source).check_notice(received_notice)
                log_events.write_event(
                    LogEvent.CALLBACK_RECEIVED, source=received_notice.source, bytes=len(received_notice.body)
                )
                return CheckedNotice(correlation, write_effect, self._ask_provider)
            except NoticeRefused as refusal:
                must_store_before_reply = (
                    received_notice.source in self._callbacks and refusal.payment_number is not None
                )
                return CheckedNotice(
                    correlation,
                    self._make_refusal_writer(received_notice, refusal, must_store_before_reply),
                    self._ask_provider,
                    True,
                    must_store_before_reply,
                )

    def _ask_provider(self, event: PaymentEvent) -> str:
        return self._handlers[event.source].ask_provider(event)

    def _get_handler(self, source_name: str) -> NoticeHandler:
        return self._handlers.get(source_name, self._signed_notices)

    def _make_refusal_writer(
        self, received_notice: ReceivedNotice, refusal: NoticeRefused, must_store_before_reply: bool
    ) -> Callable[[], NoticeEffect] | None:
        """Return the function that writes the refusal to the audit trail; None if the rate limit forbids the write.
        The next written entry contains the number of refusals that were not written.

        With `must_store_before_reply`, the rate limit does not apply: the refused callback may be a damaged genuine
        callback, so a due task asks the provider about its payment.
        """
        skipped_count = self._refusal_limit.take_token(
            self._context.clock.monotonic(), must_write=must_store_before_reply
        )
        if skipped_count is None:
            return None
        event_state = notices.EVENT_REFUSED_UNANSWERED if must_store_before_reply else notices.EVENT_REFUSED
        if refusal.reason in _SIGNATURE_REFUSAL_REASONS:
            source = (
                received_notice.source if NOTICE_SOURCE_NAME_PATTERN.fullmatch(received_notice.source) else "other"
            )
            facts = {"source": source, "reason": refusal.reason, "not_written_before": skipped_count}
            log_events.write_event(LogEvent.SIGNATURE_VERIFICATION_FAILED, **facts)

        def write_refusal() -> NoticeEffect:
            self._context.write(
                lambda tx: self._store_refusal(tx, received_notice, refusal, event_state, skipped_count)
            )
            return NoticeEffect(event_state)

        return write_refusal

    def _store_refusal(
        self,
        tx: Transaction,
        received_notice: ReceivedNotice,
        refusal: NoticeRefused,
        event_state: str,
        skipped_count: int,
    ) -> None:
        """Write the audit entry with the reason of the refusal, and store an event with the part of the notice that
        may be stored. `event_state` is the event's state; `skipped_count` is the number of earlier refusals that were
        not written.
        """
        source = received_notice.source if NOTICE_SOURCE_NAME_PATTERN.fullmatch(received_notice.source) else "other"
        digest = hashlib.sha256(received_notice.body[:LARGEST_NOTICE_BYTES]).hexdigest()
        event = PaymentEvent(
            source,
            f"{digest}:{uuid.uuid4()}",
            "refused",
            event_state,
            refusal.evidence[:_LONGEST_EVIDENCE_CHARACTERS],
            order_no=refusal.payment_number[:64] if refusal.payment_number else None,
        )
        payment_events.add_event(tx.conn, event, self._context.make_holder().operator, self._context.now())
        facts = {
            "source": source,
            "peer": (received_notice.peer or "")[:64],
            "sha256": digest,
            "bytes": len(received_notice.body),
        }
        if skipped_count:
            facts["passed_over"] = skipped_count
        audit_action = AuditAction.PAYMENT_CALLBACK_REFUSED
        self._context.record_audit(
            tx, audit_action, None, facts, kind=notices.NOTICE_KIND, result="refused", reason=refusal.reason
        )

    def count_refused_notices(self) -> int:
        """Return the number of stored refused notices, at most MAX_COUNTED_NOTICES. Raises not_allowed if the acting
        person has no right to read."""
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            return min(
                MAX_COUNTED_NOTICES,
                sum(
                    payment_events.count_events_with_state(conn, word, MAX_COUNTED_NOTICES)
                    for word in _REFUSED_EVENT_STATES
                ),
            )

    # Due task: work that could not be done when the notice came

    def confirm_due_notices(self) -> int:
        """Due task: ask the provider again about hints and callbacks that have no answer yet, and search again for
        the payments of unmatched notices. Return the number of events that were answered or matched.
        """
        probed_count = self._ask_about_events(
            notices.EVENT_QUEUED, lambda event: self._ask_provider(event) != notices.EVENT_QUEUED
        )
        probed_count += self._ask_about_events(notices.EVENT_REFUSED_UNANSWERED, self._ask_about_refused_callback)
        return probed_count + self._match_unmatched_events()

    def _ask_about_refused_callback(self, event: PaymentEvent) -> bool:
        """Ask the provider about the payment of a refused callback. Return True if the event needs no further
        question."""
        return self._callbacks[event.source].ask_about_refused_callback(event) == notices.EVENT_REFUSED_ANSWERED

    def _ask_about_events(self, event_state: str, ask_about_event: Callable[[PaymentEvent], bool]) -> int:
        """Call `ask_about_event` for a batch of events with the state `event_state`, beginning after the last event
        of the previous run. `ask_about_event` returns True if the provider answered. Return the number of events for
        which the provider answered.

        After MAX_CONSECUTIVE_UNANSWERED_QUESTIONS questions without an answer, the other events of that source are
        skipped, and the next run begins after the event of the last of these questions. So an unreachable provider,
        or an event without an answer, does not block the other events.
        """
        batch, answered_count, unanswered_by_source = (
            self._read_events_with_state(event_state, after_id=self._last_probed_id[event_state]),
            0,
            Counter[str](),
        )
        self._last_probed_id[event_state] = batch[-1].id if len(batch) == MAX_NOTICES_PER_RUN else 0
        for event in iterate_until_stopped(batch):
            if unanswered_by_source[event.source] >= MAX_CONSECUTIVE_UNANSWERED_QUESTIONS:
                continue
            is_answered = False
            with skip_failures(f"{event_state} notice {event.id}"):
                is_answered = ask_about_event(event)
            answered_count += is_answered
            unanswered_by_source[event.source] = 0 if is_answered else unanswered_by_source[event.source] + 1
            if unanswered_by_source[event.source] == MAX_CONSECUTIVE_UNANSWERED_QUESTIONS:
                self._last_probed_id[event_state] = event.id
        return answered_count

    def _match_unmatched_events(self) -> int:
        """Search again for the payments of a batch of unmatched notices, beginning after the last notice of the
        previous run. Return the number of notices that were matched.

        After MAX_CONSECUTIVE_UNANSWERED_QUESTIONS questions in a row without an answer, the other notices of that
        provider wait, and the next run begins after the last of these questions.
        """
        matched_count, batch = (
            0,
            self._read_events_with_state(notices.EVENT_UNMATCHED, after_id=self._last_unmatched_id),
        )
        self._last_unmatched_id = batch[-1].id if len(batch) == MAX_NOTICES_PER_RUN else 0
        unanswered_by_source = Counter[str]()
        for event in iterate_until_stopped(batch):
            if unanswered_by_source[event.source] >= MAX_CONSECUTIVE_UNANSWERED_QUESTIONS:
                continue
            with skip_failures(f"unmatched notice {event.id}"):
                if event.source not in self._handlers:
                    matched_count += self._signed_notices.retry_unmatched_event(event) != notices.EVENT_UNMATCHED
                elif (payment := self._find_payment(event)) is not None:
                    unanswered_by_source[event.source] += 1  # also if the question fails with an exception
                    is_answered = self._ask_provider(replace(event, payment_id=payment.id)) != notices.EVENT_QUEUED
                    unanswered_by_source[event.source] *= not is_answered
                    matched_count += is_answered
            if unanswered_by_source[event.source] == MAX_CONSECUTIVE_UNANSWERED_QUESTIONS:
                self._last_unmatched_id = event.id
        return matched_count

    def _find_payment(self, event: PaymentEvent) -> Payment | None:
        """Return the payment of an unmatched hint or callback; None if the payment is still missing in our database.
        The program doesn't store the whole notice, so the provider must be asked about a found payment: in our
        database, a payment with this number may have been started again and have ended unpaid, although the payer
        has paid.
        """
        with self._context.database.read() as conn:
            return self._handlers[event.source].find_payment(conn, event)

    def _read_events_with_state(self, event_state: str, after_id: int = 0) -> tuple[PaymentEvent, ...]:
        with self._context.database.read() as conn:
            return payment_events.list_events_with_state(conn, event_state, MAX_NOTICES_PER_RUN, after_id)
