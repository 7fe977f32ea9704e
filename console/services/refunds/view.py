"""Everything that a refund's screen needs, and the approval view first of all: the reasons to say no come first."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from console.domain.deciding import is_open_refund
from console.domain.errors import ConsoleError
from console.domain.explain_refunds import explain_refund
from console.domain.order_records import Order, Payment, Refund
from console.domain.payment_records import RefundState
from console.domain.payment_results import ApprovalInbox, Check, RadarHit, RefundView, Side
from console.domain.permissions import ROLES_FOR, may, same_person
from console.domain.records import Certainty, LeaseHolder, Person
from console.domain.results import AllowedAction
from console.domain.truth import money_strip, sides
from console.services import radar, refund_limits, refund_reading
from console.services.beside import beside
from console.services.desk import Desk
from console.services.explaining import newest
from console.services.payment_vendors import PaymentVendors, meaning
from console.services.reads import ReadLog
from console.services.refund_holding import lease_name
from console.services.refund_limits import Ground
from console.services.refunding import what_is_seen
from console.services.views import timeline
from console.store import approvals, evidence, leases, refunds

KIND = refunds.KIND
LONGEST_INBOX = 1_000
_R = RefundState
_ACTIONS: Mapping[str, str] = {
    "approve": "refund_approve",
    "reject": "refund_approve",
    "withdraw": "refund_withdraw",
    "submit": "refund_submit",
    "probe": "probe",
    "resolve": "resolve",
}


class RefundViews:
    """Opens refunds. Each opening is audited, after the answer."""

    def __init__(self, desk: Desk, vendors: PaymentVendors, reads: ReadLog) -> None:
        self._desk = desk
        self._vendors = vendors
        self._reads = reads

    def show(self, refund_id: int) -> RefundView:
        """One refund with everything about it. Raises not_found, and not_allowed for who may not look."""
        with self._desk.database.read() as conn:
            person = self._desk.reader(conn)
            view = self._view(conn, refund_id, person)
        self._reads.opened("refund.opened", KIND, refund_id)
        return view

    def inbox(self) -> ApprovalInbox:
        """Refunds that wait for a decision, oldest first: those that the reader may decide, and the others."""
        with self._desk.database.read() as conn:
            person = self._desk.reader(conn)
            waiting = refunds.waiting(conn, LONGEST_INBOX)
        decides = person is not None and may(person, "refund_approve")
        mine = tuple(one for one in waiting if decides and _why_not_decide(one, person) is None)
        return ApprovalInbox(mine, tuple(one for one in waiting if one not in mine))

    def _view(self, conn: Connection, refund_id: int, person: Person | None) -> RefundView:
        desk, now = self._desk, self._desk.now()
        matter = refund_reading.matter_in(conn, refund_id)
        refund, payment = matter.refund, matter.payment
        seen = refund_limits.ground(desk, conn, payment, refund.maker)
        saw, kept = _asked_with(conn, refund_id)
        awaiting = "second_person" if approvals.open_proposal(conn, KIND, str(refund_id)) else None
        holder = leases.holder_of(conn, lease_name(payment.id))
        return RefundView(
            record=refund,
            explanation=explain_refund(refund, now, awaiting=awaiting),
            payment=payment,
            order=seen.order,
            sides=self._sides(payment, seen.order),
            money=money_strip(payment, seen.refunds),
            against=_against(conn, seen, refund, kept),
            checks=self._checks(seen, refund),
            changed=_changed(saw, what_is_seen(seen), refund),
            earlier=tuple(one for one in seen.refunds if one.id != refund_id),
            timeline=timeline(conn, KIND, str(refund_id)),
            story=newest(desk, conn, KIND, refund_id),
            evidence=evidence.of_subject(conn, KIND, refund_id),
            actions=tuple(self._action(name, refund, person, holder) for name in _ACTIONS),
            holder=holder,
            awaiting=awaiting,
            **beside(desk, conn, KIND, refund_id),
        )

    def _sides(self, payment: Payment, order: Order | None) -> tuple[Side, Side, Side]:
        return sides(payment, order, meaning(payment.provider, payment.provider_state), self._desk.now())

    def _checks(self, seen: Ground, refund: Refund) -> tuple[Check, ...]:
        """What was looked at for the checker; nothing where the provider is not configured here."""
        try:
            reader = self._vendors.reader(seen.payment.provider)
        except ConsoleError:
            return ()
        return refund_limits.checks(seen, refund.amount_minor, reader, asking=False)

    def _action(self, name: str, refund: Refund, person: Person | None, holder: LeaseHolder | None) -> AllowedAction:
        """Whether the reader may act, and why not; the service decides again when asked."""
        right = _ACTIONS[name]
        reason, facts = self._why_not(name, refund, person)
        if reason is None and holder is not None and name in ("submit", "resolve"):
            reason, facts = "in_progress", {"holder": holder.operator, "since": holder.since}
        if reason is not None:
            return AllowedAction(name, False, f"reason.{reason}", facts)
        if person is not None and not may(person, right):
            return AllowedAction(name, False, "reason.role", {"needs": tuple(sorted(ROLES_FOR[right]))})
        return AllowedAction(name, True)

    def _why_not(
        self, name: str, refund: Refund, person: Person | None
    ) -> tuple[str | None, Mapping[str, object]]:  # fmt: skip
        if name in ("approve", "reject"):
            return _why_not_decide(refund, person), {"maker": refund.maker}
        if name == "withdraw":
            if person is not None and not same_person(person.name, refund.maker):
                return "refund_not_maker", {"maker": refund.maker}
            if refund.work.reason in refund_limits.CONTRADICTED:
                return "refund_contradicted", {}
            return None if refund.state in (_R.REQUESTED, _R.APPROVED) else "refund_decided", {}
        if name == "submit":
            return self._why_not_send(refund)
        if name == "probe":
            return None if refund.provider_refund_key is not None else "refund_never_sent", {}
        return None if is_open_refund(refund) else "outcome_known", {}

    def _why_not_send(self, refund: Refund) -> tuple[str | None, Mapping[str, object]]:
        if refund.state is not _R.APPROVED:
            return "refund_not_approved", {}
        if refund.sends_after is not None and refund.sends_after > self._desk.now():
            return "refund_cooling_off", {"until": refund.sends_after}
        return None, {}


def _why_not_decide(refund: Refund, person: Person | None) -> str | None:
    """Why this person may not decide about it; None when nothing is against it."""
    if refund.state is not _R.REQUESTED or refund.certainty is not Certainty.KNOWN:
        return "refund_decided"
    if person is None:
        return None
    if same_person(person.name, refund.maker):
        return "refund_own"
    return "refund_approved_by_you" if any(same_person(person.name, one) for one in refund.checkers) else None


def _asked_with(conn: Connection, refund_id: int) -> tuple[Mapping[str, Any], tuple[RadarHit, ...]]:
    """What the maker saw and what the radar said then, with the maker's words."""
    kept = refunds.asked_with(conn, refund_id)
    if kept is None:
        return {}, ()
    saw, said = (json.loads(text) for text in kept)
    return saw, tuple(RadarHit(hit["rule"], hit["facts"], hit["kind"], hit["id"], hit["answer"]) for hit in said)


def _against(conn: Connection, seen: Ground, refund: Refund, kept: tuple[RadarHit, ...]) -> tuple[RadarHit, ...]:
    """What speaks against it now, with the maker's answers; what spoke against it when it was asked for follows."""
    answers = {(hit.rule, hit.kind, hit.id): hit.answer for hit in kept}
    now = tuple(
        RadarHit(hit.rule, hit.facts, hit.kind, hit.id, answers.get((hit.rule, hit.kind, hit.id)))
        for hit in radar.hits(conn, seen, refund.amount_minor, own=refund.id)
    )
    there = {(hit.rule, hit.kind, hit.id) for hit in now}
    return (*now, *(hit for hit in kept if (hit.rule, hit.kind, hit.id) not in there and hit.id != refund.id))


def _changed(
    saw: Mapping[str, Any], now: Mapping[str, object], refund: Refund
) -> Mapping[str, tuple[object, object]]:  # fmt: skip
    """Fields in which the payment differs from what the maker saw; its version goes on by the request itself."""
    if refund.state not in (_R.REQUESTED, _R.APPROVED):
        return {}
    return {name: (saw[name], now[name]) for name in now if name != "version" and saw.get(name) != now[name]}
