"""PayPay's webhooks: unsigned, so never more than a reason to ask. Nothing is believed but the answer."""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from console.domain.errors import ConsoleError
from console.domain.order_records import NoticePost, Payment
from console.domain.payment_records import PaymentState
from console.domain.truth import PAID
from console.services import notice_parts as parts
from console.services.desk import Desk
from console.services.notice_parts import NoticeRefused, Taken
from console.services.payment_probing import PaymentProbing
from console.services.recon_files import sealed
from console.store import payments
from console.store.engine import Transaction
from console.store.history_reads import ANNOUNCED
from console.store.payment_events import PaymentEvent

if TYPE_CHECKING:
    from console.providers.paypay_notices import ReconFileHint

NAME = "paypay"
_FIELDS = ("notification_type", "order_id", "merchant_order_id", "order_amount", "state", "authorized_at", "paid_at",
           "canceled_at", "expires_at")  # fmt: skip
_LONGEST_TEXT = 2_000


class PayPayNotices:
    """Takes hints from addresses that PayPay's come from."""

    def __init__(self, desk: Desk, probing: PaymentProbing) -> None:
        self._desk = desk
        self._probing = probing
        self._networks = [ip_network(text) for text in desk.settings.paypay_webhook_sources]

    def judge(self, post: NoticePost) -> Callable[[], Taken]:
        from console.providers.paypay_notices import ReconFileHint, TransactionHint, read_notice
        from console.providers.strict_json import Unreadable

        if not self._comes_from_there(post.peer):
            raise NoticeRefused("wrong_source", f"{len(post.body)} bytes")
        try:
            hint = read_notice(post.body)
        except Unreadable:
            raise NoticeRefused("no_notice", f"{len(post.body)} bytes") from None
        if isinstance(hint, ReconFileHint):
            return lambda: self._keep(self._announced(hint))
        if not isinstance(hint, TransactionHint):
            name = hashlib.sha256(post.body).hexdigest()
            return lambda: self._keep(PaymentEvent(NAME, name, "OtherHint", parts.KEPT, ""))
        text = _kept(post.body)
        parts.require_present(hint.latest, self._desk.now(), text, hint.merchant_payment_id)
        event = PaymentEvent(
            NAME, hint.event_id, hint.state, parts.QUEUED, text, order_no=hint.merchant_payment_id,
            amount_minor=hint.amount.minor if hint.amount else None,
            currency=hint.amount.currency if hint.amount else None, occurred_at=hint.latest,
        )  # fmt: skip
        return lambda: self._follow(event, hint.payment_id)

    def _comes_from_there(self, peer: str | None) -> bool:
        try:
            address = ip_address(peer or "")
        except ValueError:
            return False
        return any(address in network for network in self._networks if network.version == address.version)

    def _announced(self, hint: "ReconFileHint") -> PaymentEvent:
        """A day's file, to be fetched by whoever reconciles. The address carries its own permission: it is written
        down sealed, and not at all where it names no such file of ours.
        """
        from console.providers.paypay_recon import name_of

        name, kind = name_of(hint.url), "ReconFileHint"
        ours = name is not None and name.merchant == self._desk.settings.secret("PAYPAY_MERCHANT_ID")
        if name is not None and ours and name.first == name.last:
            with suppress(ConsoleError):  # without a store key nothing can be sealed
                body, day = sealed(self._desk, hint.url), name.first.isoformat()
                return PaymentEvent(NAME, hint.event_id, kind, ANNOUNCED, body, order_no=day)
        return PaymentEvent(NAME, hint.event_id, kind, parts.KEPT, "")

    def _keep(self, event: PaymentEvent) -> Taken:
        kept = parts.keep(self._desk, NAME, event.event_id, lambda _tx: event)
        return Taken(parts.KEPT if kept else parts.REPEATED)

    def _follow(self, event: PaymentEvent, payment_id: str | None) -> Taken:
        """Keep the hint; asking comes after its answer, which its sender awaits for two seconds at most."""
        before = parts.told_before(self._desk, NAME, event.event_id)
        if before is not None:
            return self._heard_again(event, before)
        kept = parts.keep(self._desk, NAME, event.event_id, lambda tx: self._matched(tx, event, payment_id))
        if kept is None:
            return Taken(parts.REPEATED)
        return Taken(kept.done, kept.payment_id, kept if kept.done == parts.QUEUED else None)

    def _heard_again(self, event: PaymentEvent, before: Taken) -> Taken:
        """A hint of an end carries no time: the second one of a payment may be news, so it is asked about if it says
        otherwise than we do; its row waits for that again.
        """
        if before.payment_id is None or event.kind == "COMPLETED":
            return before
        if self._probing.current(before.payment_id).state not in PAID:
            return before
        parts.settle(self._desk, NAME, event.event_id, parts.QUEUED, before.payment_id)
        return replace(before, to_ask=replace(event, payment_id=before.payment_id))

    def _matched(self, tx: Transaction, event: PaymentEvent, payment_id: str | None) -> PaymentEvent:
        payment = _meant(tx.conn, payment_id, event.order_no)
        if payment is None:
            return replace(event, done=parts.UNMATCHED)
        done = parts.UNCHANGED if _says_nothing_new(payment, event) else parts.QUEUED
        return replace(event, done=done, payment_id=payment.id)

    def ask(self, event: PaymentEvent) -> str:
        """The provider's answer about a kept hint decides; `queued` while there is none."""
        if event.payment_id is None:
            return event.done
        try:
            done = self._probing.confirm(event.payment_id, event.event_id)
        except ConsoleError as gone:
            if gone.code != "not_found":
                raise
            done = "unchanged"
        if done is None:
            return parts.QUEUED
        word = parts.word_of(done)
        parts.settle(self._desk, event.source, event.event_id, word, event.payment_id)
        return word


def _kept(body: bytes) -> str:
    """What of a readable hint is written down: no merchant, no shop."""
    fields = json.loads(body)
    return json.dumps({name: fields.get(name) for name in _FIELDS}, ensure_ascii=False)[:_LONGEST_TEXT]


def _meant(conn: Connection, theirs: str | None, ours: str | None) -> Payment | None:
    found = payments.by_provider_id(conn, NAME, theirs) if theirs else None
    return found or (payments.by_merchant_id(conn, NAME, ours) if ours else None)


def _says_nothing_new(payment: Payment, event: PaymentEvent) -> bool:
    """What the hint says was confirmed by a read before."""
    completed = payment.state is PaymentState.COMPLETED and event.kind == "COMPLETED"
    return completed and event.amount_minor in (None, payment.captured_minor)
