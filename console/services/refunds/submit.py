"""Sending approved refunds under guard: one key for life, stored before the first call, and never a second refund."""

import base64
import hashlib
import logging
from dataclasses import replace

from sqlalchemy import Connection

from console.domain.errors import ConsoleError
from console.domain.order_records import Refund
from console.domain.outcomes import Outcome, OutcomeClass, Sent
from console.domain.payment_records import RefundReport, RefundState
from console.domain.records import Certainty, Work
from console.providers.payment_protocol import PaymentVendor
from console.services import fitness, idempotency, refund_limits, refund_reading, refund_writing, refusals, remembered
from console.services.described import HAPPENED, Claimed, Guarded, Progress, Subject, Unrecorded, error_code
from console.services.desk import Desk
from console.services.guarded import Guard
from console.services.payment_vendors import PaymentVendors
from console.services.refund_holding import lease_name
from console.services.refund_probing import RefundProbing
from console.services.refund_reading import Matter
from console.services.refund_settling import RefundSettling
from console.store import idempotency as keys
from console.store import journal, refunds
from console.store.engine import Transaction

ACTION = journal.EFFECT_OF[refunds.KIND]
KIND = refunds.KIND
THROTTLED = "similar_refund_running"
_R = RefundState
_log = logging.getLogger("console.guard")


class Submitting:
    """Sends what is approved. Safe from any thread."""

    def __init__(
        self, desk: Desk, guard: Guard, vendors: PaymentVendors, settling: RefundSettling, probing: RefundProbing
    ) -> None:  # fmt: skip
        self._desk = desk
        self._guard = guard
        self._vendors = vendors
        self._settling = settling
        self._probing = probing

    def submit(self, refund_id: int, progress: Progress | None = None) -> Refund:
        """Send an approved refund now; once however many ask.

        Returns it accepted or completed. Raises ConsoleError: already_decided, in_progress, not_allowed (cooling-off,
        maker disabled), over_limit, outside_window, lease_timeout, outcome_unknown (detail.record), provider_refused
        and its like, provider_auth, rate_limited, provider_unreachable.
        """
        with refusals.audited(self._desk, ACTION, refund_id, kind=KIND):
            self._desk.require("refund_submit")
            return self._submit(refund_id, progress or _silent)

    def _submit(self, refund_id: int, progress: Progress) -> Refund:
        desk = self._desk
        matter = refund_reading.matter(desk, refund_id)
        provider = matter.payment.provider
        refund_limits.require_place(desk, matter.payment)
        vendor = self._vendors.whole(provider)
        fitness.require(desk, provider)
        self._probing.require_undone(matter)
        # Without the key an answer that the database can't take could not be kept: refused before sending.
        desk.spool.unlock(desk.cipher)
        try:
            claimed, outcome = self._guard.run(self._guarded(matter, vendor), progress)
        except Unrecorded as lost:
            lost.detail["record"] = remembered.refund(matter.refund, lost.claimed, None)
            raise
        return self._ended(matter.refund, claimed, outcome)

    # The pipeline's steps

    def _guarded(self, matter: Matter, vendor: PaymentVendor) -> Guarded[RefundReport]:
        desk, refund_id = self._desk, matter.refund.id
        lease = lease_name(matter.payment.id) if desk.settings.leases else None
        claimed: list[Matter] = []

        def claim(tx: Transaction, operation_id: str) -> Subject:
            """What is sent is read here: between the claim and the call nothing may fail any more."""
            subject, sent = self._claim(tx, refund_id, operation_id)
            claimed[:] = [sent]
            return subject

        return Guarded(
            action=ACTION,
            lease=lease,
            waits=True,
            effect=True,
            check=lambda conn: self._refuse_hopeless(conn, refund_id, vendor),
            claim=claim,
            call=lambda _subject: _call(claimed[0], vendor),
            record=lambda tx, subject, outcome: refund_writing.record_outcome(
                desk, tx, subject.id, outcome, vendor.capabilities
            ),
            deliver=self._settling.deliver,
        )

    def _refuse_hopeless(self, conn: Connection, refund_id: int, vendor: PaymentVendor) -> None:
        """Whether the approval still holds, and everything that it rested on."""
        matter = refund_reading.matter_in(conn, refund_id)
        require_sendable(conn, matter.refund)
        refund_limits.refuse_unsendable(self._desk, conn, matter, vendor)
        self._refuse_spooled(conn, matter, vendor)

    def _refuse_spooled(self, conn: Connection, matter: Matter, vendor: PaymentVendor) -> None:
        """What this desk has sent of the payment and the database has forgotten; our own key may be sent again."""
        own = key_of(self._desk, matter.refund)
        for intent in refund_limits.forgotten(self._desk, conn, matter.payment.id):
            if intent.provider_key != own or not vendor.capabilities.keeps_keys:
                raise refund_limits.only_desk_knows(matter.payment, intent)

    @refunds.runs_again()
    def _claim(self, tx: Transaction, refund_id: int, operation_id: str) -> tuple[Subject, Matter]:
        """approved → submitting, the key stored. On a server the row need not be the one that was checked."""
        desk, now = self._desk, self._desk.now()
        refund = refund_writing.required(tx, refund_id)
        require_sendable(tx.conn, refund)
        key = key_of(desk, refund)
        sent = Matter(replace(refund, provider_refund_key=key), refund_reading.payment(tx.conn, refund.payment_id))
        refunds.change(
            tx.conn,
            refund,
            now,
            status=_R.SUBMITTING,
            provider_refund_key=key,
            sent_count=refund.sent_count + 1,
            first_sent_at=refund.first_sent_at or now,
            last_sent_at=now,
            operation_id=operation_id,
            not_found=0,
            first_not_found_at=None,
            **refunds.work_values(Work(attempt=refund.work.attempt)),
        )
        subject = Subject(
            kind=KIND,
            id=refund.id,
            client_id=None,
            corporation_number=sent.payment.corporation_number,
            key=_operation_key(tx.conn, refund),
            fingerprint=_fingerprint(refund, key),
            payment_id=refund.payment_id,
            provider_key=key,
            amount_minor=refund.amount_minor,
        )
        return subject, sent

    # Endings

    def _ended(self, before: Refund, claimed: Claimed, outcome: Outcome[RefundReport]) -> Refund:
        """The outcome is recorded: a database that is lost only now changes nothing about it."""
        try:
            refund = refund_reading.current(self._desk, claimed.subject.id)
        except Exception:
            _log.warning("refund %s can't be read after its sending", claimed.subject.id, exc_info=True)
            refund = remembered.refund(before, claimed, outcome)
        if outcome.kind in HAPPENED or refund.state in (_R.SUBMITTED, _R.COMPLETED):
            return refund
        detail = {"record": refund, "reason": outcome.reason, "status": outcome.status}
        raise ConsoleError(error_code(outcome), detail)


def require_sendable(conn: Connection, refund: Refund) -> None:
    """Raise in_progress while it is being sent or its outcome is unknown, already_decided unless it is approved."""
    if refund.state is _R.SUBMITTING:
        refund_reading.refuse_running(conn, refund)
        raise ConsoleError("in_progress", {"record": refund, "reason": "refund_unknown"})
    if refund.state is not _R.APPROVED or refund.certainty is not Certainty.KNOWN:
        raise ConsoleError("already_decided", {"record": refund, "state": refund.state.value})


def key_of(desk: Desk, refund: Refund) -> str:
    """Our key towards the provider: the stored one, or what the request itself says, so that a database that forgot a
    sending sends the same key again.
    """
    if refund.provider_refund_key is not None:
        return refund.provider_refund_key
    request = (
        desk.database_id, refund.id, refund.payment_id, refund.amount_minor, refund.currency, refund.maker,
        refund.created_at and refund.created_at.isoformat(),
    )  # fmt: skip
    digest = hashlib.sha256("|".join(map(str, request)).encode()).digest()
    return f"RFD-{base64.b32encode(digest).decode()[:26]}"


def _operation_key(conn: Connection, refund: Refund) -> str:
    """The first key that nothing holds: what came to nothing gave its own back, a repeat takes the next."""
    repeat: int | None = None
    while True:
        key = idempotency.refund_key(refund.payment_id, refund.maker, refund.amount_minor, repeat)
        if keys.seen(conn, key) is None:
            return key
        repeat = (repeat or 1) + 1


def _call(matter: Matter, vendor: PaymentVendor) -> Outcome[RefundReport]:
    if matter.refund.error_code == THROTTLED:
        earlier = _earlier_attempt(matter, vendor)
        if earlier is not None:
            return earlier
    return vendor.refund(matter.order)


def _earlier_attempt(matter: Matter, vendor: PaymentVendor) -> Outcome[RefundReport] | None:
    """A similar refund is said to be running: it may be our own. None when it certainly isn't there."""
    outcome = vendor.reader().refund_status(matter.order)
    if outcome.kind is OutcomeClass.NOT_FOUND:
        return None
    if outcome.kind in (*HAPPENED, OutcomeClass.FAILED_DEFINITE):
        return replace(outcome, sent=Sent.YES)
    return Outcome(OutcomeClass.RATE_LIMITED, THROTTLED, Sent.NO, None, outcome.status, outcome.evidence)


def _fingerprint(refund: Refund, key: str) -> str:
    told = f"v1|{refund.payment_id}|{refund.amount_minor}|{refund.currency}|{key}"
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def _silent(_step: str) -> None:
    """Progress that nobody watches."""
