"""Asking for refunds: what a maker sees before, and the request, which reserves its sum and sends nothing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from console.domain.errors import ConsoleError
from console.domain.money import Money, NotAnAmount, decimal_text, money_from_text
from console.domain.order_records import Limits, Payment, Refund, RefundRequest, SetAside, SetAsideState
from console.domain.payment_results import Check, RadarHit, RefundPlan
from console.domain.permissions import APPROVER, may, same_person
from console.domain.records import Certainty
from console.domain.schedules import REFUND_DECISION
from console.domain.truth import PAID, money_strip
from console.providers.payment_protocol import PaymentReader
from console.services import radar, refund_limits, refund_reading, refusals
from console.services.desk import Desk
from console.services.payment_vendors import PaymentVendors
from console.services.refund_limits import Ground
from console.store import leases, payments, people, refunds, set_asides
from console.store.engine import RunAgain, Transaction
from console.store.refunds import NewRefund

ACTION = "refund.request"
KIND = refunds.KIND
LONGEST_REASON, LONGEST_TICKET, LONGEST_ANSWER = 255, 64, 500
_OFF: Mapping[str, str] = {
    "paid": "refund_not_paid",
    "nothing_open": "refund_open",
    "nothing_contradicted": "refund_contradicted",
    "left": "refund_nothing_left",
    "repeated": "refund_repeated",
    "count": "refund_count",
    "window": "refund_window_over",
}
"""Rules that no other sum would keep, and the word for each; `reason.` says it."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that can be read. `hits` and what the maker saw are kept with it."""

    request: RefundRequest
    maker: str
    minor: int
    reader: PaymentReader


class Refunding:
    """The maker's half. Sends nothing, ever."""

    def __init__(self, desk: Desk, vendors: PaymentVendors) -> None:
        self._desk = desk
        self._vendors = vendors

    # Before asking

    def plan(self, payment_id: int, amount: str | None = None) -> RefundPlan:
        """What a person should see before asking: facts of this moment, nothing reserved.

        Raises not_found, invalid_amount, no_operator and not_allowed for who may not look.
        """
        desk, now = self._desk, self._desk.now()
        with desk.database.read() as conn:
            desk.reader(conn)
            payment = refund_reading.payment(conn, payment_id)
            seen = refund_limits.ground(desk, conn, payment, desk.operator or "")
            minor = parsed(amount, payment) if amount is not None else payment.left_minor
            found = radar.hits(conn, seen, minor) if minor else ()
            asked = _approvers(conn, seen.maker)
            checks, off, facts = self._off(conn, seen, minor)
        return RefundPlan(
            payment=payment,
            order=seen.order,
            money=money_strip(payment, seen.refunds),
            limits=seen.limits,
            today_minor=seen.today_minor,
            radar=found,
            checks=checks,
            earlier=seen.refunds,
            second_checker=minor > seen.limits.second_checker_above,
            cooling_off_until=self._sends_after(payment, minor, seen.limits, now),
            who_is_asked=asked,
            off=off,
            off_facts=facts,
            read_at=now,
        )

    def why_off(self, conn: Connection, payment: Payment) -> str | None:
        """Why no refund of this payment can be asked for now, as a code; None where one can."""
        seen = refund_limits.ground(self._desk, conn, payment, self._desk.operator or "")
        return self._off(conn, seen, payment.left_minor)[1]

    def _off(
        self, conn: Connection, seen: Ground, minor: int
    ) -> tuple[tuple[Check, ...], str | None, Mapping[str, object]]:
        """Why no refund of this payment can be asked for now, whatever its sum; with all that was looked at."""
        desk, payment = self._desk, seen.payment
        try:
            refund_limits.require_place(desk, payment)
            reader = self._vendors.reader(payment.provider)
        except ConsoleError as unfit:
            off = "refund_sqlite" if unfit.code == "not_allowed" else "refund_provider_disabled"
            return (), off, {"provider": payment.provider}
        forgotten = refund_limits.forgotten(desk, conn, payment.id)
        checks = refund_limits.checks(seen, max(minor, 1), reader, asking=True)
        if forgotten:
            return checks, "refund_only_desk_knows", {"operation": forgotten[0].operation_id}
        if seen.open is not None and seen.open.certainty is Certainty.UNKNOWN:
            return checks, "refund_unknown", {"refund": seen.open.id}
        broken = next((c for c in checks if not c.holds and c.rule in _OFF and not _by_sum(c, payment)), None)
        return checks, _OFF[broken.rule] if broken else None, broken.facts if broken else {}

    # Asking

    def request(self, request: RefundRequest) -> Refund:
        """Ask for a refund: its sum is reserved, nothing is sent.

        Raises ConsoleError: not_found, invalid_amount, usage, bad_profile (2) · not_allowed, stale_view,
        exceeds_captured, over_limit, possible_repeat, in_progress, outside_window (3), each audited.
        """
        facts = {"amount": request.amount[:40], "payment": request.payment_id}
        with refusals.audited(self._desk, ACTION, request.payment_id, facts, kind=payments.KIND):
            maker = self._desk.require("refund_request").name
            asked = self._readable(request, maker)
            self._desk.failpoints.reach("before_request")
            refund_id = self._write(asked)
            self._desk.failpoints.reach("after_request")
        return refund_reading.current(self._desk, refund_id)

    def _readable(self, request: RefundRequest, maker: str) -> _Asked:
        with self._desk.database.read() as conn:
            payment = refund_reading.payment(conn, request.payment_id)
        minor = parsed(request.amount, payment)
        reason, ticket = request.reason.strip(), (request.ticket or "").strip() or None
        if not reason or len(reason) > LONGEST_REASON:
            raise ConsoleError("usage", {"problem": "refund_reason", "longest": LONGEST_REASON})
        if ticket is not None and len(ticket) > LONGEST_TICKET:
            raise ConsoleError("usage", {"problem": "refund_ticket", "longest": LONGEST_TICKET})
        refund_limits.require_place(self._desk, payment)
        reader = self._vendors.reader(payment.provider)
        return _Asked(replace(request, reason=reason, ticket=ticket), maker, minor, reader)

    def _write(self, asked: _Asked) -> int:
        """The unique index has the last word on who is the one open refund of a payment."""
        try:
            return self._desk.write(lambda tx: self._ask(tx, asked))
        except IntegrityError:
            with self._desk.database.read() as conn:
                opened = refunds.open_of(conn, asked.request.payment_id)
            if opened is None:
                raise
            raise ConsoleError("in_progress", {"record": opened, "reason": "nothing_open"}) from None

    @refunds.runs_again()
    def _ask(self, tx: Transaction, asked: _Asked) -> int:
        """The payment's reservation, then the refund: the row of the payment decides who gets what is left."""
        desk, now, request = self._desk, self._desk.now(), asked.request
        self._take_turn(tx, asked.maker)
        payment = refund_reading.payment(tx.conn, request.payment_id)
        if request.saw is not None and request.saw != payment.version:
            raise refund_limits.stale_payment(payment, request.saw)
        seen = refund_limits.ground(desk, tx.conn, payment, asked.maker)
        aside = _set_aside(tx.conn, request, asked.minor)
        hits = self._judge(tx.conn, seen, asked, aside)
        if not payments.reserve(tx.conn, payment.id, asked.minor, now, from_set_aside=aside is not None):
            facts = {"record": payment, "reason": "left", "left": payment.left_minor, "currency": payment.currency}
            raise ConsoleError("exceeds_captured", facts)
        new = self._new(seen, asked, hits, now)
        refund_id = refunds.insert(tx.conn, new, now)
        if aside is not None:
            set_asides.change(tx.conn, aside, now, SetAsideState.REFUNDING, refund_id)
        told = {"payment": payment.id, "minor": asked.minor, "currency": payment.currency, "radar": _rules(hits)}
        desk.note(tx, "refund.requested", refund_id, told, kind=KIND)
        return refund_id

    def _take_turn(self, tx: Transaction, maker: str) -> None:
        """Requests of one maker are written one after the other: the sum of a day is one over rows of many payments,
        and nothing else that two requests write would make them meet on a server.
        """
        if not self._desk.database.is_server:
            return
        lease = leases.take(tx, f"refunds_of_{maker}", self._desk.holder(), self._desk.now(), 1.0)
        if lease is None:
            raise RunAgain
        leases.release(tx.conn, lease)

    def _judge(
        self, conn: Connection, seen: Ground, asked: _Asked, aside: SetAside | None
    ) -> tuple[RadarHit, ...]:  # fmt: skip
        desk, minor, payment = self._desk, asked.minor, seen.payment
        for intent in refund_limits.forgotten(desk, conn, payment.id):
            raise refund_limits.only_desk_knows(payment, intent)
        same = radar.lookalike(conn, payment.id, minor, seen.now)
        if same is not None and not asked.request.intended_repeat:
            facts = {"record": same, "reason": "exact_lookalike", "maker": same.maker, "at": same.created_at}
            raise ConsoleError("possible_repeat", facts)
        left = aside.amount_minor if aside is not None else None
        checks = refund_limits.checks(seen, minor, asked.reader, asking=True, aside=left)
        refund_limits.refuse(checks, seen, payment)
        answers = dict(asked.request.answers)
        return tuple(replace(hit, answer=answers.get(hit.rule)) for hit in radar.hits(conn, seen, minor))

    def _new(self, seen: Ground, asked: _Asked, hits: Sequence[RadarHit], now: datetime) -> NewRefund:
        payment, request, minor = seen.payment, asked.request, asked.minor
        return NewRefund(
            payment_id=payment.id,
            order_id=payment.order_id,
            amount_minor=minor,
            currency=payment.currency,
            maker=asked.maker,
            reason=request.reason,
            saw=json.dumps(what_is_seen(seen), ensure_ascii=False, sort_keys=True),
            radar=json.dumps([_kept(hit) for hit in hits], ensure_ascii=False, default=str),
            checkers_needed=2 if minor > seen.limits.second_checker_above else 1,
            decide_by=now + self._desk.scale.delta(REFUND_DECISION),
            sends_after=self._sends_after(payment, minor, seen.limits, now),
            ticket=request.ticket,
            intended_repeat=request.intended_repeat,
            set_aside_id=request.set_aside_id,
        )

    def _sends_after(self, payment: Payment, minor: int, limited: Limits, now: datetime) -> datetime | None:
        """When the cooling-off ends, counted from asking; None where there is none."""
        seconds = self._desk.settings.refund_cooling_off_seconds
        if seconds is None or not self._desk.settings.on_loopback(payment.provider):
            if minor <= limited.cooling_off_above:
                return None
            seconds = limited.cooling_off_seconds
        elif seconds == 0 and minor <= limited.cooling_off_above:
            return None
        return now + self._desk.scale.delta(timedelta(seconds=seconds))


def parsed(text: str, payment: Payment) -> int:
    """Minor units of decimal text in the payment's currency. Raises invalid_amount."""
    facts = {"amount": text[:40], "currency": payment.currency, "record": payment}
    try:
        money = money_from_text(text, payment.currency)
    except NotAnAmount:
        raise ConsoleError("invalid_amount", {**facts, "problem": "form"}) from None
    if money.minor == 0:
        raise ConsoleError("invalid_amount", {**facts, "problem": "zero"})
    return money.minor


def what_is_seen(seen: Ground) -> dict[str, object]:
    """The facts about a payment that a maker asks by, and a checker compares with what they are by then."""
    payment, order = seen.payment, seen.order
    return {
        "state": payment.state.value,
        "provider_state": payment.provider_state,
        "captured_minor": payment.captured_minor,
        "refunded_minor": payment.refunded_minor,
        "set_aside_minor": payment.set_aside_minor,
        "payer": payment.payer,
        "order_state": order.state.value if order else None,
        "order_total_minor": order.total_minor if order else None,
        "version": payment.version,
    }


def _set_aside(conn: Connection, request: RefundRequest, minor: int) -> SetAside | None:
    """What was set aside and is to be refunded. Raises not_found, or already_decided when its refund runs."""
    if request.set_aside_id is None:
        return None
    item = set_asides.find(conn, request.set_aside_id)
    if item is None or item.payment_id != request.payment_id:
        raise ConsoleError("not_found", {"kind": set_asides.KIND, "id": str(request.set_aside_id)})
    if item.state is not SetAsideState.OPEN:
        raise ConsoleError("already_decided", {"reason": "set_aside", "refund": item.refund_id})
    if item.amount_minor != minor:
        asked = decimal_text(Money(minor, item.currency))
        raise ConsoleError("exceeds_captured", {"reason": "set_aside", "left": item.amount_minor, "amount": asked})
    return item


def _approvers(conn: Connection, maker: str) -> tuple[str, ...]:
    """Who may decide about what `maker` asks for."""
    known = [one for one in people.everybody(conn) if may(one, "refund_approve") and APPROVER in one.roles]
    return tuple(one.name for one in known if not same_person(one.name, maker))


def _by_sum(check: Check, payment: Payment) -> bool:
    """Whether a smaller sum would keep this rule."""
    return check.rule == "left" and payment.left_minor > 0 and payment.state in PAID


def _rules(hits: Sequence[RadarHit]) -> list[str]:
    return sorted({hit.rule for hit in hits})


def _kept(hit: RadarHit) -> dict[str, object]:
    answer = hit.answer[:LONGEST_ANSWER] if hit.answer else None
    return {"rule": hit.rule, "facts": dict(hit.facts), "kind": hit.kind, "id": hit.id, "answer": answer}
