"""Read the data for the screen of a payment or an order: its states at the shop, at the provider and in our database,
its money, its history and the allowed actions.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from console.domain.alerts.rules import RULES, BrokenRule, find_broken_rule
from console.domain.audit_actions import AuditAction
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.explanations.alerts import explain_alert
from console.domain.explanations.payments import explain_order, explain_payment
from console.domain.payments.consistency import PAID_STATES, compare_sides, money_parts
from console.domain.payments.records import Account, Order, OrderState, Payment
from console.domain.payments.service_results import OrderView, PaymentView, SetAsideItem
from console.domain.payments.states import PaymentState
from console.domain.permissions import ROLES_BY_RIGHT, has_right
from console.domain.records import Certainty, LeaseHolder, Person, WorkReason, WorkState
from console.domain.service_results import AllowedAction, Explanation
from console.domain.tasks.records import Alert, AlertItem
from console.domain.tasks.saga_progress import SagaView, saga_view
from console.domain.tasks.states import SagaState
from console.services.annotations.annotations import read_annotations
from console.services.audit.read_log import ReadLog
from console.services.credit_checks.view import read_timeline
from console.services.evidence.timeline import read_newest_events
from console.services.payments import timeout_start
from console.services.payments.probe import lease_name
from console.services.payments.providers import find_state
from console.services.process.context import ServiceContext
from console.store.alerts import alerts
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import journal, leases
from console.store.payments import account_limits as accounts
from console.store.payments import orders, payments, set_asides
from console.store.records import evidence
from console.store.refunds import approvals, refunds
from console.store.tasks import sagas

KIND = payments.KIND
MOST_ROWS_PER_PAGE = 1_000
_ACTIONS = ("probe", "refund", "resolve", "move_order")
_RIGHTS = {"refund": "refund_request", "move_order": "probe"}
# Reasons for which people may decide although the outcome is known.
RESOLVABLE_REASONS = (
    WorkReason.REVERSED,
    WorkReason.CONTRADICTED,
    WorkReason.AMOUNT_DIFFERS,
    WorkReason.OTHER_PAYMENT,
)


class PaymentViews:
    """Reads payments and orders for their screens. After each read, an audit entry says who opened the record."""

    def __init__(self, context: ServiceContext, reads: ReadLog) -> None:
        self._context = context
        self._reads = reads

    def read_payment(self, payment_id: int) -> PaymentView:
        """Return one payment with the data of its screen. Raises not_found, and not_allowed if the acting person may
        not read.
        """
        context, now = self._context, self._context.now()
        with context.database.read() as conn:
            person = context.find_reading_person(conn)
            record = _require_payment(conn, payment_id)
            order = orders.find(conn, record.order_id) if record.order_id is not None else None
            proposal = approvals.open_proposal(conn, KIND, str(payment_id))
            holder = _find_holder(conn, record)
            history = read_timeline(conn, KIND, str(payment_id))
            payment_refunds = refunds.of_payment(conn, payment_id, journal.lapsed_subjects(conn, refunds.KIND))
            awaiting = "second_person" if proposal else None
            provider_meaning = find_state(record.provider, record.provider_state)
            view = PaymentView(
                record=record,
                explanation=explain_payment(record, now, order=order, awaiting=awaiting),
                sides=compare_sides(
                    record, order, provider_meaning, now, source=history[-1].actor if history else None
                ),
                money=money_parts(record, payment_refunds),
                order=order,
                refunds=payment_refunds,
                set_asides=set_asides.of_payment(conn, payment_id),
                timeline=history,
                newest_events=read_newest_events(context, conn, KIND, payment_id),
                evidence=evidence.of_subject(conn, KIND, payment_id),
                actions=tuple(_make_action(name, record, order, person, holder) for name in _ACTIONS),
                holder=holder,
                awaiting=awaiting,
                **read_annotations(context, conn, KIND, payment_id),
            )
        self._reads.record_opening(AuditAction.PAYMENT_OPENED, KIND, payment_id)
        return view

    def read_order(self, order_id: int) -> OrderView:
        """Return one order with its payments and refunds. Raises not_found, and not_allowed if the acting person may
        not read.
        """
        context = self._context
        with context.database.read() as conn:
            context.find_reading_person(conn)
            record = orders.find(conn, order_id)
            if record is None:
                raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": orders.KIND, "id": str(order_id)})
            order_payments = payments.of_order(conn, order_id, journal.lapsed_subjects(conn, KIND))
            order_sagas = _list_sagas(conn, order_payments, context.now())
            is_cancelled_unpaid = record.state is OrderState.CANCELLED and any(
                timeout_start.CANCELLED_ORDER_FACT in saga.record.facts for saga in order_sagas
            )
            is_stuck = any(saga.record.state is SagaState.STUCK for saga in order_sagas)
            state_explanation = explain_order(
                record, context.now(), unpaid=is_cancelled_unpaid, is_saga_stuck=is_stuck
            )
            explanation, alert = _find_order_alert(context, conn, record, order_payments, state_explanation)
            view = OrderView(
                record=record,
                explanation=explanation,
                alert=alert,
                payments=order_payments,
                refunds=refunds.of_order(conn, order_id, journal.lapsed_subjects(conn, refunds.KIND)),
                timeline=read_timeline(conn, orders.KIND, str(order_id)),
                newest_events=read_newest_events(context, conn, orders.KIND, order_id),
                evidence=evidence.of_subject(conn, orders.KIND, order_id),
                sagas=order_sagas,
                **read_annotations(context, conn, orders.KIND, order_id),
            )
        self._reads.record_opening(AuditAction.ORDER_OPENED, orders.KIND, order_id)
        return view

    def list_set_asides(self, limit: int = 50, after: int | None = None) -> tuple[SetAsideItem, ...]:
        """Return the set-aside amounts that wait for their refund, oldest first. `limit` is at most
        MOST_ROWS_PER_PAGE; `after` is the last id of the previous page, None for the first page. Raises not_allowed
        if the acting person may not read.
        """
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            open_items = set_asides.open_set_asides(conn, max(1, min(limit, MOST_ROWS_PER_PAGE)), after or 0)
            return tuple(
                SetAsideItem(item, _require_payment(conn, item.payment_id), _find_account(conn, item.account_id))
                for item in open_items
            )


def _list_sagas(conn: Connection, paid_by: Sequence[Payment], now: datetime) -> tuple[SagaView, ...]:
    """Return the sagas that ended the payments after their expiry times, oldest first."""
    saga_groups = (sagas.of_subject(conn, KIND, payment.id) for payment in reversed(paid_by))
    return tuple(
        saga_view(saga, timeout_start.STEPS, now)
        for some in saga_groups
        for saga in some
        if saga.kind == timeout_start.KIND
    )


def _require_payment(conn: Connection, payment_id: int) -> Payment:
    record = payments.find(conn, payment_id, journal.lapsed_subjects(conn, KIND))
    if record is None:
        raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": KIND, "id": str(payment_id)})
    return record


def _find_account(conn: Connection, account_id: int) -> Account:
    account = accounts.find(conn, account_id)
    if account is None:
        raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": "account", "id": str(account_id)})
    return account


def _find_holder(conn: Connection, record: Payment) -> LeaseHolder | None:
    holder = leases.holder_of(conn, lease_name(record.id))
    if holder is None and record.state is PaymentState.INITIALIZING and record.order_id is not None:
        holder = leases.holder_of(conn, f"payment_start_{record.order_id}")
    return holder


def _make_action(
    name: str, record: Payment, order: Order | None, person: Person | None, holder: LeaseHolder | None
) -> AllowedAction:
    """Return the action `name`, and whether the person may run it now; if not, with the reason. The service that runs
    the action checks this again.
    """
    is_leased = holder is not None and name in ("probe", "resolve")
    reason = _refusal_reason(name, record, order) or (ErrorCode.IN_PROGRESS if is_leased else None)
    if reason is not None:
        facts = (
            {"holder": holder.operator, "since": holder.since} if holder and reason == ErrorCode.IN_PROGRESS else {}
        )
        return AllowedAction(name, False, f"reason.{reason}", facts)
    right = _RIGHTS.get(name, name)
    if person is not None and not has_right(person, right):
        return AllowedAction(name, False, "reason.role", {"needs": tuple(sorted(ROLES_BY_RIGHT[right]))})
    return AllowedAction(name, True)


def _refusal_reason(name: str, record: Payment, order: Order | None) -> str | None:
    rules: dict[str, Callable[[], str | None]] = {
        "probe": lambda: None,
        "refund": lambda: _not_refundable(record),
        "resolve": lambda: None if is_resolvable(record) else "outcome_known",
        "move_order": lambda: _not_movable(record, order),
    }
    return rules[name]()


def is_resolvable(record: Payment) -> bool:
    """True if people can decide about the payment: its outcome is unknown, it waits for a review with a reason of
    RESOLVABLE_REASONS, or it is paid.
    """
    is_in_review = record.work.state is WorkState.NEEDS_REVIEW and record.work.reason in RESOLVABLE_REASONS
    return record.certainty is Certainty.UNKNOWN or is_in_review or record.state in PAID_STATES


def _not_refundable(record: Payment) -> str | None:
    if record.certainty is Certainty.UNKNOWN:
        return "payment_unknown"
    if record.state not in PAID_STATES:
        return "payment_not_paid"
    return None if record.refundable_minor or record.set_aside_minor else "payment_nothing_left"


def _not_movable(record: Payment, order: Order | None) -> str | None:
    if order is None:
        return "payment_no_order"
    if record.state not in PAID_STATES:
        return "payment_not_paid"
    return None if order.state is OrderState.PENDING else "order_knows"


def _find_order_alert(
    context: ServiceContext, conn: Connection, order: Order, paid_by: Sequence[Payment], otherwise: Explanation
) -> tuple[Explanation, AlertItem | None]:
    """Return the order's open alert with its explanation. If no alert is open, or if the order's facts no longer
    break the alert's rule, return `otherwise` and None.
    """
    open_alerts, now = _open_alerts(conn, order), context.now()
    finding = find_broken_rule(order, paid_by, now, context.scale, RULES) if open_alerts else None
    alert = next(
        (candidate for candidate in open_alerts if finding is not None and candidate.rule_id == finding.rule), None
    )
    if alert is None or finding is None:
        return otherwise, None
    return explain_alert(order, paid_by, finding, alert.detected_at, now), _alert_item(alert, finding)


def _open_alerts(conn: Connection, order: Order) -> list[Alert]:
    open_alerts = alerts.open_of_subjects(conn, orders.KIND, (order.id,)).get(order.id, [])
    return [alert for alert in open_alerts if alert.rule_id in RULES]


def _alert_item(alert: Alert, finding: BrokenRule) -> AlertItem:
    return AlertItem(alert, finding.action, payments.KIND, finding.payment_id)
