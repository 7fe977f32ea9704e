"""Collects the facts by which the decision table judges a record: in one read, nothing asked, nothing written."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from console.domain.choice_records import Asks, Choice, Facts, Matter, Proposed, Told
from console.domain.errors import ConsoleError
from console.domain.order_records import Order, Payment, Refund
from console.domain.payment_records import PaymentState
from console.domain.records import Certainty, CreditCheck, Person
from console.domain.recovery_choices import choices
from console.domain.truth import ENDED_UNPAID, PAID, WAITING, is_old
from console.domain.worker_records import Take
from console.services import completion, order_moving, payment_probing, refund_holding
from console.services.desk import Desk
from console.services.payment_vendors import PaymentVendors, meaning
from console.services.refunding import Refunding
from console.services.vendors import Vendors
from console.store import any_record, approvals, credit_checks, journal, leases, orders, payments, refunds, takes

_UNSEEN = ("not_found", "no_such_payment", "no_such_code")
_SAYS: Mapping[PaymentState, Told] = {
    **dict.fromkeys(PAID, Told.PAID),
    **dict.fromkeys(WAITING, Told.WAITING),
    **dict.fromkeys(ENDED_UNPAID | {PaymentState.REVERSED}, Told.FAILED),
    PaymentState.EXPIRED: Told.EXPIRED,
}


class Choices:
    """What may be done about a record. Holds only the reading halves of the providers, and asks none of them."""

    def __init__(self, desk: Desk, checks: Vendors, vendors: PaymentVendors, refunding: Refunding) -> None:
        self._desk, self._checks, self._vendors, self._refunding = desk, checks, vendors, refunding

    def choices(self, kind: str, record_id: int) -> tuple[Choice, ...]:
        """Every choice for a record of this kind, with its effect; those ruled out with the reason. Raises not_found,
        and not_allowed for who may not look.
        """
        return choices(self.facts(kind, record_id))

    def facts(self, kind: str, record_id: int) -> Facts:
        """What they are judged by. Raises as `choices` does."""
        with self._desk.database.read() as conn:
            return self.facts_in(conn, kind, record_id, self._desk.reader(conn))

    def facts_in(
        self, conn: Connection, kind: str, record_id: int, person: Person | None, *, money: bool = True
    ) -> Facts:
        """The same within the caller's read; without `money` only what counts for acts that move none."""
        record = any_record.find(conn, kind, record_id, journal.lapsed_by_kind(conn))
        if record is None:
            raise ConsoleError("not_found", {"kind": kind, "id": str(record_id)})
        taken = takes.of(conn, kind, (record_id,), self._desk.now()).get(record_id)
        if isinstance(record, CreditCheck):
            return self._of_check(conn, record, person, taken)
        payment = _payment_of(conn, record)
        order = record if isinstance(record, Order) else _order_of(conn, payment)
        asked = _asked(conn, record, payment)
        now, asks = self._desk.now(), self._asks(asked)
        facts = Facts(
            record, now, person,
            running=_runs(conn, kind, record_id) or _runs(conn, payments.KIND, asked.id if asked else 0),
            held=asked is not None and leases.holder_of(conn, _lease_of(record, asked)) is not None,
            asks=asks,
            told=_told(record, now) if asks is Asks.YES and isinstance(record, Payment) else Told.NOTHING,
            proposed=_proposed(conn, kind, record_id),
            taken=taken,
            payment=payment,
            order=order,
        )  # fmt: skip
        return self._with_money(conn, facts) if money else facts

    def _of_check(self, conn: Connection, record: CreditCheck, person: Person | None, taken: Take | None) -> Facts:
        live = credit_checks.live(conn, record.client_id, record.corporation_number)
        return Facts(
            record, self._desk.now(), person,
            running=_runs(conn, credit_checks.KIND, record.id),
            held=leases.holder_of(conn, completion.lease_name(record.id)) is not None,
            asks=self._check_asks(),
            proposed=_proposed(conn, credit_checks.KIND, record.id),
            taken=taken,
            claimed=live is not None and live.id != record.id,
        )  # fmt: skip

    def _check_asks(self) -> Asks:
        try:
            found = self._checks.reader().capabilities.finds_purchases
        except ConsoleError:
            return Asks.NOT_SET_UP
        return Asks.YES if found else Asks.NO_CALL

    def _asks(self, payment: Payment | None) -> Asks:
        if payment is None:
            return Asks.NO_CALL
        try:
            self._vendors.reader(payment.provider)
        except ConsoleError as unfit:
            return Asks.NO_CALL if unfit.code == "not_found" else Asks.NOT_SET_UP
        return Asks.YES

    def _with_money(self, conn: Connection, facts: Facts) -> Facts:
        """And what the dry runs and the money's own rules look at."""
        payment, order = facts.payment, facts.order
        covered = order is not None and order_moving.covers(order_moving.paid_of(conn, order), order)
        if payment is None:
            return replace(facts, covered=covered)
        lapsed = journal.lapsed_subjects(conn, refunds.KIND)
        given_back = refunds.of_payment(conn, payment.id, lapsed)
        return replace(facts, covered=covered, refunds=given_back, refund_off=self._refunding.why_off(conn, payment))


def _payment_of(conn: Connection, record: Order | Payment | Refund) -> Payment | None:
    """The payment that a record is about; of an order's the one that it follows, or else the newest."""
    if isinstance(record, Payment):
        return record
    lapsed = journal.lapsed_subjects(conn, payments.KIND)
    if isinstance(record, Refund):
        return payments.find(conn, record.payment_id, lapsed)
    found = sorted(payments.of_order(conn, record.id, lapsed), key=lambda one: (one.state in PAID, one.id))
    return found[-1] if found else None


def _order_of(conn: Connection, payment: Payment | None) -> Order | None:
    return orders.find(conn, payment.order_id) if payment is not None and payment.order_id is not None else None


def _asked(conn: Connection, record: Order | Payment | Refund, payment: Payment | None) -> Payment | None:
    """The payment that a probe asks about: an order's newest."""
    if isinstance(record, Order) and record.payment_ids:
        return payments.find(conn, max(record.payment_ids))
    return payment


def _lease_of(record: Matter, asked: Payment) -> str:
    """Under which lease it is asked about and decided."""
    name = refund_holding.lease_name if isinstance(record, Refund) else payment_probing.lease_name
    return name(asked.id)


def _runs(conn: Connection, kind: str, record_id: int) -> bool:
    running = journal.running_of(conn, kind, record_id)
    return running is not None and running.action in journal.EFFECTS


def _proposed(conn: Connection, kind: str, record_id: int) -> Proposed | None:
    found = approvals.open_proposal(conn, kind, str(record_id))
    return Proposed(found.proposed, found.person) if found else None


def _told(payment: Payment, now: datetime) -> Told:
    """What the provider said of a payment last; what it said long ago says nothing."""
    if payment.error_code == "other_amount":
        return Told.OTHER_AMOUNT
    if payment.certainty is Certainty.UNKNOWN and payment.error_code in _UNSEEN:
        return Told.NOT_FOUND
    state = meaning(payment.provider, payment.provider_state)
    if state is None or payment.told_at is None or is_old(payment.told_at, payment, now):
        return Told.NOTHING
    ours = payment.captured_minor or payment.asked_minor
    return Told.OTHER_AMOUNT if state in PAID and payment.provider_minor not in (None, ours) else _SAYS[state]
