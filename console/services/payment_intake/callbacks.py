"""Atom's callbacks: opened and checked by the adapter, booked as far as a signature goes, completed by a read.

A false one is refused in one single way and at one single cost: whether it named a payment is looked up later.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from console.domain.order_records import NoticePost
from console.domain.outcomes import Outcome, Sent
from console.domain.payment_news import Way
from console.providers.payment_protocol import PaymentReader
from console.services import notice_parts as parts
from console.services.desk import Desk
from console.services.happened import PaymentFact, what_happened
from console.services.notice_parts import NoticeRefused, Taken
from console.services.payment_probing import PaymentProbing
from console.services.payment_vendors import PaymentVendors
from console.store import payments
from console.store.engine import Transaction
from console.store.payment_events import PaymentEvent

if TYPE_CHECKING:
    from console.providers.atom_callback import AtomCallback

NAME = "atom"
GRAIN = timedelta(seconds=1)
"""Its times are whole seconds: until the end of that second it may have happened, also after a read of ours in it."""


class AtomNotices:
    """Takes what comes to the callback address, through the payer's browser or from Atom itself."""

    def __init__(self, desk: Desk, vendors: PaymentVendors, probing: PaymentProbing) -> None:
        self._desk = desk
        self._vendors = vendors
        self._probing = probing

    def judge(self, post: NoticePost) -> Callable[[], Taken]:
        callback = self._opened(post.body)
        if not callback.genuine:
            raise NoticeRefused("callback_refused", callback.evidence, callback.hint)
        paid_at = callback.report.paid_at if callback.report else None
        parts.require_present(paid_at, self._desk.now(), callback.evidence, callback.hint)
        return lambda: self._keep(callback)

    def _keep(self, callback: "AtomCallback") -> Taken:
        before = parts.told_before(self._desk, NAME, callback.event_id)
        if before is not None:
            return before
        kept = parts.keep(self._desk, NAME, callback.event_id, lambda tx: self._book(tx, callback))
        if kept is None:
            return Taken(parts.REPEATED)
        return Taken(kept.done, kept.payment_id, kept if kept.done == parts.QUEUED else None)

    def _opened(self, body: bytes) -> "AtomCallback":
        from console.providers.atom import AtomReader

        reader: PaymentReader | None = self._vendors.asker(NAME)
        if not isinstance(reader, AtomReader):
            raise NoticeRefused("not_configured", f"{len(body)} bytes")
        return reader.callback(body)

    @payments.runs_again()
    def _book(self, tx: Transaction, callback: "AtomCallback") -> PaymentEvent:
        """The three steps that a good callback is worth; it is asked about whatever it says."""
        report, now = callback.report, self._desk.now()
        payment = payments.by_merchant_id(tx.conn, NAME, callback.hint or "")
        amount = report.amount if report else None
        event = PaymentEvent(
            NAME, callback.event_id, (report.provider_state if report else callback.reason)[:40],
            parts.QUEUED if payment else parts.UNMATCHED, callback.evidence,
            payment_id=payment.id if payment else None, order_no=callback.hint,
            amount_minor=amount.minor if amount else None, currency=amount.currency if amount else None,
            occurred_at=report.paid_at if report else None,
        )  # fmt: skip
        if payment is not None and report is not None:
            told = (callback.kind, callback.reason, Sent.YES, report, None, callback.evidence, callback.sha256)
            at = min(report.paid_at + GRAIN, now) if report.paid_at else now
            fact = PaymentFact(report, at, Way.CALLBACK, "callback", Outcome(*told), callback.event_id)
            what_happened(self._desk, tx, payment, fact, read=True)
        return event

    def ask(self, event: PaymentEvent) -> str:
        """TXNVERIFICATION decides what a genuine callback is worth in the end; `queued` while it can't be asked."""
        if event.payment_id is None:
            return event.done
        done = self._probing.confirm(event.payment_id, event.event_id)
        if done is None:
            return parts.QUEUED
        word = parts.BOOKED if event.done == parts.QUEUED else parts.word_of(done)
        parts.settle(self._desk, NAME, event.event_id, word, event.payment_id)
        return word

    def ask_about_refused(self, event: PaymentEvent) -> str:
        """A false callback that names a payment of ours may hide a true one: the provider is asked, once."""
        with self._desk.database.read() as conn:
            payment = payments.by_merchant_id(conn, NAME, event.order_no or "")
        if payment is not None and self._probing.confirm(payment.id) is None:
            return event.done
        parts.settle(self._desk, NAME, event.event_id, parts.ASKED, None)
        return parts.ASKED
