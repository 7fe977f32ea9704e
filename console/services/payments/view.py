"""Everything a payment's or an order's screen needs, read in one go: sides, money, history, and who may do what."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from console.domain.errors import ConsoleError
from console.domain.explain_payments import explain_order, explain_payment
from console.domain.order_records import Account, Order, OrderState, Payment
from console.domain.payment_records import PaymentState
from console.domain.payment_results import OrderView, PaymentView, SetAsideItem
from console.domain.permissions import ROLES_FOR, may
from console.domain.records import Certainty, LeaseHolder, Person, WorkState
from console.domain.results import AllowedAction
from console.domain.saga_steps import SagaView, seen
from console.domain.truth import PAID, money_strip, sides
from console.domain.worker_records import SagaState
from console.services import order_alerts, timed_out
from console.services.beside import beside
from console.services.desk import Desk
from console.services.explaining import newest
from console.services.payment_probing import lease_name
from console.services.payment_vendors import meaning
from console.services.reads import ReadLog
from console.services.views import timeline
from console.store import accounts, approvals, evidence, journal, leases, orders, payments, refunds, sagas, set_asides

KIND = payments.KIND
LONGEST_PAGE = 1_000
_ACTIONS = ("probe", "refund", "resolve", "move_order")
_RIGHTS = {"refund": "refund_request", "move_order": "probe"}
# Reasons for which people decide although the outcome is known.
RESOLVABLE = ("reversed", "contradicted", "amount_differs", "other_payment")


class PaymentViews:
    """Opens payments and orders. Each opening is audited, after the answer."""

    def __init__(self, desk: Desk, reads: ReadLog) -> None:
        self._desk = desk
        self._reads = reads

    def payment(self, payment_id: int) -> PaymentView:
        """One payment with everything about it. Raises not_found."""
        desk, now = self._desk, self._desk.now()
        with desk.database.read() as conn:
            person = desk.reader(conn)
            record = _found(conn, payment_id)
            order = orders.find(conn, record.order_id) if record.order_id is not None else None
            proposal = approvals.open_proposal(conn, KIND, str(payment_id))
            holder = _holder(conn, record)
            history = timeline(conn, KIND, str(payment_id))
            given_back = refunds.of_payment(conn, payment_id, journal.lapsed_subjects(conn, refunds.KIND))
            awaiting = "second_person" if proposal else None
            told = meaning(record.provider, record.provider_state)
            view = PaymentView(
                record=record,
                explanation=explain_payment(record, now, order=order, awaiting=awaiting),
                sides=sides(record, order, told, now, by=history[-1].who if history else None),
                money=money_strip(record, given_back),
                order=order,
                refunds=given_back,
                set_asides=set_asides.of_payment(conn, payment_id),
                timeline=history,
                story=newest(desk, conn, KIND, payment_id),
                evidence=evidence.of_subject(conn, KIND, payment_id),
                actions=tuple(_action(name, record, order, person, holder) for name in _ACTIONS),
                holder=holder,
                awaiting=awaiting,
                **beside(desk, conn, KIND, payment_id),
            )
        self._reads.opened("payment.opened", KIND, payment_id)
        return view

    def order(self, order_id: int) -> OrderView:
        """One order with its payments and refunds. Raises not_found."""
        desk = self._desk
        with desk.database.read() as conn:
            desk.reader(conn)
            record = orders.find(conn, order_id)
            if record is None:
                raise ConsoleError("not_found", {"kind": orders.KIND, "id": str(order_id)})
            paid_by = payments.of_order(conn, order_id, journal.lapsed_subjects(conn, KIND))
            followed = _sagas(conn, paid_by, desk.now())
            unpaid = record.state is OrderState.CANCELLED and any(
                timed_out.CANCELLED in one.record.facts for one in followed
            )
            stuck = any(one.record.state is SagaState.STUCK for one in followed)
            otherwise = explain_order(record, desk.now(), unpaid=unpaid, stuck=stuck)
            explanation, alert = order_alerts.explained(desk, conn, record, paid_by, otherwise)
            view = OrderView(
                record=record,
                explanation=explanation,
                alert=alert,
                payments=paid_by,
                refunds=refunds.of_order(conn, order_id, journal.lapsed_subjects(conn, refunds.KIND)),
                timeline=timeline(conn, orders.KIND, str(order_id)),
                story=newest(desk, conn, orders.KIND, order_id),
                evidence=evidence.of_subject(conn, orders.KIND, order_id),
                sagas=followed,
                **beside(desk, conn, orders.KIND, order_id),
            )
        self._reads.opened("order.opened", orders.KIND, order_id)
        return view

    def set_asides(self, limit: int = 50, after: int | None = None) -> tuple[SetAsideItem, ...]:
        """What exceeded an account's limit and waits for its refund, oldest first; `after`: the last id seen."""
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            found = set_asides.open_ones(conn, max(1, min(limit, LONGEST_PAGE)), after or 0)
            return tuple(
                SetAsideItem(one, _found(conn, one.payment_id), _account(conn, one.account_id)) for one in found
            )


def _sagas(conn: Connection, paid_by: Sequence[Payment], now: datetime) -> tuple[SagaView, ...]:
    """What followed when their time had passed, oldest first."""
    of_each = (sagas.of_subject(conn, KIND, payment.id) for payment in reversed(paid_by))
    return tuple(seen(saga, timed_out.STEPS, now) for some in of_each for saga in some if saga.kind == timed_out.KIND)


def _found(conn: Connection, payment_id: int) -> Payment:
    record = payments.find(conn, payment_id, journal.lapsed_subjects(conn, KIND))
    if record is None:
        raise ConsoleError("not_found", {"kind": KIND, "id": str(payment_id)})
    return record


def _account(conn: Connection, account_id: int) -> Account:
    account = accounts.find(conn, account_id)
    if account is None:
        raise ConsoleError("not_found", {"kind": "account", "id": str(account_id)})
    return account


def _holder(conn: Connection, record: Payment) -> LeaseHolder | None:
    held = leases.holder_of(conn, lease_name(record.id))
    if held is None and record.state is PaymentState.INITIALIZING and record.order_id is not None:
        held = leases.holder_of(conn, f"payment_start_{record.order_id}")
    return held


def _action(
    name: str, record: Payment, order: Order | None, person: Person | None, holder: LeaseHolder | None
) -> AllowedAction:
    """Whether the reader may act, and why not; the service decides again when asked."""
    busy = holder is not None and name in ("probe", "resolve")
    reason = _off(name, record, order) or ("in_progress" if busy else None)
    if reason is not None:
        facts = {"holder": holder.operator, "since": holder.since} if holder and reason == "in_progress" else {}
        return AllowedAction(name, False, f"reason.{reason}", facts)
    right = _RIGHTS.get(name, name)
    if person is not None and not may(person, right):
        return AllowedAction(name, False, "reason.role", {"needs": tuple(sorted(ROLES_FOR[right]))})
    return AllowedAction(name, True)


def _off(name: str, record: Payment, order: Order | None) -> str | None:
    rules: dict[str, Callable[[], str | None]] = {
        "probe": lambda: None,
        "refund": lambda: _not_refundable(record),
        "resolve": lambda: None if is_resolvable(record) else "outcome_known",
        "move_order": lambda: _not_movable(record, order),
    }
    return rules[name]()


def is_resolvable(record: Payment) -> bool:
    """Whether people have something to decide: nobody knows, or the provider says otherwise."""
    waits = record.work.state is WorkState.NEEDS_REVIEW and record.work.reason in RESOLVABLE
    return record.certainty is Certainty.UNKNOWN or waits or record.state in PAID


def _not_refundable(record: Payment) -> str | None:
    if record.certainty is Certainty.UNKNOWN:
        return "payment_unknown"
    if record.state not in PAID:
        return "payment_not_paid"
    return None if record.left_minor or record.set_aside_minor else "payment_nothing_left"


def _not_movable(record: Payment, order: Order | None) -> str | None:
    if order is None:
        return "payment_no_order"
    if record.state not in PAID:
        return "payment_not_paid"
    return None if order.state is OrderState.PENDING else "order_knows"
