"""Hints: unsigned notices of a provider. A hint books nothing: the program asks the provider about the payment,
and books the provider's answer.
"""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.records import Payment, ReceivedNotice
from console.domain.payments.states import ENDED_UNPAID_STATES, PAID_STATES, WAITING_STATES, PaymentState
from console.domain.records import Certainty
from console.providers.http.strict_json import UnreadableJson
from console.providers.payments.notices import HintReader, ReconciliationFileHint, TransactionHint
from console.providers.payments.plugin import ProviderPlugin
from console.services.payment_intake import notices
from console.services.payment_intake.daily_files import encrypt_download_address, find_merchant_id
from console.services.payment_intake.notices import NoticeEffect, NoticeRefused
from console.services.payments.probe import PaymentProber
from console.services.process.context import ServiceContext, is_cipher_missing_for_now
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection
from console.store.payments import payments
from console.store.payments.events import PaymentEvent
from console.store.reconciliation.our_records import ANNOUNCED_EVENT_STATE

_LONGEST_STORED_HINT_CHARACTERS = 2_000
"""Largest number of characters of a hint that are stored as evidence."""
_UNPAID_STATES = WAITING_STATES | ENDED_UNPAID_STATES


class HintHandler:
    """Handles the hints of one provider. A hint is a notice without a signature: it books nothing; the program
    asks the provider about the payment. Only hints from the provider's own network addresses are accepted.
    """

    def __init__(
        self,
        context: ServiceContext,
        plugin: ProviderPlugin[Any],
        hints: HintReader[Any],
        payment_prober: PaymentProber,
    ) -> None:
        self._context = context
        self._plugin, self._provider, self._hints = plugin, plugin.name, hints
        self._payment_prober = payment_prober
        self._networks = [
            ip_network(text) for text in hints.list_networks(context.settings.get_provider_settings(plugin))
        ]

    def check_notice(self, received_notice: ReceivedNotice) -> Callable[[], NoticeEffect]:
        """Check the source address and the form of the hint without reading the database. Return a function that
        stores the hint. Raises NoticeRefused if the hint comes from an address outside of the provider's networks, if
        it is malformed, or if its time is in the future."""
        if not self._is_from_provider(received_notice.peer):
            raise NoticeRefused("wrong_source", f"{len(received_notice.body)} bytes")
        try:
            hint = self._hints.parse_notice(received_notice.body)
        except UnreadableJson:
            raise NoticeRefused("no_notice", f"{len(received_notice.body)} bytes") from None
        if isinstance(hint, ReconciliationFileHint):
            return lambda: self._store_hint(self._make_daily_file_event(hint))
        if not isinstance(hint, TransactionHint):
            event_id = hashlib.sha256(received_notice.body).hexdigest()
            return lambda: self._store_hint(
                PaymentEvent(self._provider, event_id, "OtherHint", notices.EVENT_STORED_ONLY, "")
            )
        stored_fields = self._make_stored_fields_json(received_notice.body)
        notices.refuse_future_time(hint.newest_time, self._context.now(), stored_fields, hint.merchant_payment_id)
        event = PaymentEvent(
            self._provider,
            hint.event_id,
            hint.provider_state,
            notices.EVENT_QUEUED,
            stored_fields,
            order_no=hint.merchant_payment_id,
            amount_minor=hint.amount.minor if hint.amount else None,
            currency=hint.amount.currency if hint.amount else None,
            occurred_at=hint.newest_time,
        )
        return lambda: self._store_event_once(event, hint.payment_id)

    def _is_from_provider(self, peer: str | None) -> bool:
        try:
            address = ip_address(peer or "")
        except ValueError:
            return False
        return any(address in network for network in self._networks if network.version == address.version)

    def _make_daily_file_event(self, hint: ReconciliationFileHint) -> PaymentEvent:
        """Return the event of a hint that announces a daily file, which a reconciliation downloads later.

        The event contains the file's download address in encrypted form, because every person who has the address can
        download the file. The address is left out if the file belongs to another merchant id or if this desk has no
        usable store key. Raises bad_profile if the keyring can't be read now, and the error of the database if it
        can't be read: the provider must then send the hint again, because a stored hint is never completed.
        """
        kind, make_daily_file_functions = "ReconFileHint", self._plugin.make_daily_file_functions
        files = make_daily_file_functions() if make_daily_file_functions else None
        day = files.find_day(hint.url, find_merchant_id(self._context, self._provider, files)) if files else None
        if day is not None:
            try:
                body = encrypt_download_address(self._context, hint.url)
            except ConsoleError as refusal:
                if is_cipher_missing_for_now(refusal):
                    raise
            else:
                return PaymentEvent(
                    self._provider, hint.event_id, kind, ANNOUNCED_EVENT_STATE, body, order_no=day.isoformat()
                )
        return PaymentEvent(self._provider, hint.event_id, kind, notices.EVENT_STORED_ONLY, "")

    def _store_hint(self, event: PaymentEvent) -> NoticeEffect:
        stored_event = notices.store_event(self._context, self._provider, event.event_id, lambda _tx: event)
        return NoticeEffect(notices.EVENT_STORED_ONLY if stored_event else notices.EVENT_REPEATED)

    def _store_event_once(self, event: PaymentEvent, payment_id: str | None) -> NoticeEffect:
        """Store the event of a hint, unless it is already stored. Return the effect of the hint. `payment_id` is the
        provider's payment id in the hint.

        The provider is asked later, after the reply to the hint, because PayPay waits at most two seconds for the
        reply.
        """
        earlier_effect = notices.find_stored_notice_effect(self._context, self._provider, event.event_id)
        if earlier_effect is not None:
            return self._find_effect_of_repeated_hint(event, earlier_effect)
        stored_event = notices.store_event(
            self._context,
            self._provider,
            event.event_id,
            lambda tx: self._match_event_to_payment(tx, event, payment_id),
        )
        if stored_event is None:
            return NoticeEffect(notices.EVENT_REPEATED)
        return NoticeEffect(
            stored_event.state,
            stored_event.payment_id,
            stored_event if stored_event.state == notices.EVENT_QUEUED else None,
        )

    def _find_effect_of_repeated_hint(self, event: PaymentEvent, earlier_effect: NoticeEffect) -> NoticeEffect:
        """Return the effect of a repeated hint; `earlier_effect` is the effect of the first hint with this event id.

        A hint that does not report a successful payment contains no time, so two such hints have the same event id,
        and the second hint may be a new report. If our payment is paid, the event is therefore set to `queued` again,
        and the provider is asked. The event is also set to `queued` again if the repeated hint reports the payment as
        paid and our payment is not paid.
        """
        if earlier_effect.payment_id is None:
            return earlier_effect
        contradicting_states = _UNPAID_STATES if self._is_reported_as_paid(event) else PAID_STATES
        if self._payment_prober.read_payment(earlier_effect.payment_id).state not in contradicting_states:
            return earlier_effect
        notices.settle_event(
            self._context, self._provider, event.event_id, notices.EVENT_QUEUED, earlier_effect.payment_id
        )
        return replace(earlier_effect, event_to_confirm=replace(event, payment_id=earlier_effect.payment_id))

    def _match_event_to_payment(self, tx: Transaction, event: PaymentEvent, payment_id: str | None) -> PaymentEvent:
        """Return the event with its payment and its state: `unmatched` if our database has no such payment,
        `unchanged` if the payment is already booked with the hint's amount, otherwise `queued`, so that the provider
        is asked. `payment_id` is the provider's payment id in the hint, None if the hint has no such id."""
        payment = self._find_payment(tx.conn, payment_id, event.order_no)
        if payment is None:
            return replace(event, state=notices.EVENT_UNMATCHED)
        event_state = notices.EVENT_UNCHANGED if self._is_already_booked(payment, event) else notices.EVENT_QUEUED
        return replace(event, state=event_state, payment_id=payment.id)

    def ask_provider(self, event: PaymentEvent) -> str:
        """Ask the provider about the payment of a stored hint, and store the event's new state. Return this state
        (column `done`); it is `queued` if the provider gave no usable answer, or if its answer does not yet agree
        with the hint.
        """
        if event.payment_id is None:
            return event.state
        try:
            effect = self._payment_prober.confirm_by_provider(event.payment_id, event.event_id)
        except ConsoleError as refusal:
            if refusal.code != ErrorCode.NOT_FOUND:
                raise
            effect = "unchanged"
        effect = notices.find_effect_that_ends_questions(self._context, event, effect)
        if effect is None or self._may_answer_be_outdated(event):
            return notices.EVENT_QUEUED
        event_state = notices.find_event_state(effect)
        notices.settle_event(self._context, event.source, event.event_id, event_state, event.payment_id)
        return event_state

    def _may_answer_be_outdated(self, event: PaymentEvent) -> bool:
        """True if the provider's answer, which is already stored in our payment, may be older than the hint: the hint
        reports the payment as paid, our payment is stored as unpaid, and the hint arrived less than
        `LATE_ANSWER_PERIOD` ago. The provider must then be asked again; otherwise another payment of the order
        could be started, or the order be cancelled, although the payer has paid.
        """
        if event.payment_id is None or not self._is_reported_as_paid(event):
            return False
        if not notices.is_late_answer_possible(self._context, event):
            return False
        payment = self._payment_prober.read_payment(event.payment_id)
        return payment.certainty is Certainty.KNOWN and payment.state in _UNPAID_STATES

    def _make_stored_fields_json(self, body: bytes) -> str:
        """Return, as JSON text, the fields of the hint `body` that may be stored."""
        fields = json.loads(body)
        names = self._hints.stored_fields
        storable_fields = {name: value for name in names if isinstance(value := fields.get(name), str | int | None)}
        return json.dumps(storable_fields, ensure_ascii=False)[:_LONGEST_STORED_HINT_CHARACTERS]

    def find_payment(self, conn: Connection, event: PaymentEvent) -> Payment | None:
        """Return our payment with the provider's payment id or our payment number in the stored hint; None if our
        database has no such payment. A hint needn't contain our payment number."""
        id_at_provider = None
        with suppress(UnreadableJson):
            hint = self._hints.parse_notice(event.body.encode())
            id_at_provider = hint.payment_id if isinstance(hint, TransactionHint) else None
        return self._find_payment(conn, id_at_provider, event.order_no)

    def _find_payment(
        self, conn: Connection, id_at_provider: str | None, payment_number: str | None
    ) -> Payment | None:
        """Return our payment with the provider's payment id `id_at_provider`, or else the payment with our payment
        number `payment_number`; None if our database has no such payment. An argument is None if the hint doesn't
        contain its value."""
        payment = payments.find_by_id_at_provider(conn, self._provider, id_at_provider) if id_at_provider else None
        return payment or (
            payments.find_by_payment_number(conn, self._provider, payment_number) if payment_number else None
        )

    def _is_already_booked(self, payment: Payment, event: PaymentEvent) -> bool:
        """True if the payment is already completed in our database and the hint reports it as paid, with the same
        amount or without an amount.
        """
        is_completed = payment.state is PaymentState.COMPLETED and self._is_reported_as_paid(event)
        return is_completed and event.amount_minor in (None, payment.captured_minor)

    def _is_reported_as_paid(self, event: PaymentEvent) -> bool:
        return self._plugin.find_payment_state(event.kind) is PaymentState.PAYMENT_SUCCESS
