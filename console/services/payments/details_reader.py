"""Read the data for the screen of a payment or an order: its states at the shop, at the provider and in our
database, its money, its history and the allowed actions.
"""

from collections.abc import Sequence
from datetime import datetime

from console.domain.alerts.rules import ALERT_RULES, find_broken_rule
from console.domain.audit.actions import AuditAction
from console.domain.audit.record_entries import find_last_writer
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.explanations.alerts import find_alert_action
from console.domain.explanations.payments import explain_order, explain_payment, find_explained_payment_id
from console.domain.payments.consistency import compare_order_sides, compare_payment_sides, compute_money_parts
from console.domain.payments.records import Order, Payment, PaymentRelations, SetAside
from console.domain.payments.service_results import (
    ComparedSide,
    OrderDetails,
    PaymentDetails,
    SetAsideItem,
    SideComparison,
)
from console.domain.payments.states import RECORD_OUTSIDE_ACTION, PaymentState
from console.domain.process.lease_names import make_payment_lease_name, make_payment_start_lease_name
from console.domain.records import LeaseHolder
from console.domain.tasks.records import AlertItem
from console.domain.tasks.saga_progress import SagaProgress, make_saga_progress
from console.services.annotations.annotations import read_annotations
from console.services.audit.opening_log import RecordOpeningLog
from console.services.credit_checks.details_reader import ActionReader, read_audit_history
from console.services.evidence.timeline import read_newest_events
from console.services.payments import timeout_start
from console.services.payments.next_work import require_payment_after_lapse
from console.services.payments.unmasking import read_masked_evidence
from console.services.process.context import ServiceContext
from console.services.records.completer import RecordsCompleter, complete_record
from console.services.registry.facts import complete_with_corporations, read_facts_of_record
from console.store.alerts import alerts
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import journal, leases
from console.store.payments import account_limits as accounts
from console.store.payments import orders, payments, set_asides
from console.store.refunds import refunds
from console.store.tasks import sagas

PAYMENT_KIND = payments.PAYMENT_KIND
MAX_ROWS_PER_PAGE = 1_000
_PAYMENT_ACTIONS_ON_SCREEN = ("probe", "refund", "resolve", "move_order", RECORD_OUTSIDE_ACTION)


class PaymentDetailsReader:
    """Reads payments and orders for their screens. Each read writes an audit entry with the person who opened the
    record.
    """

    def __init__(
        self,
        context: ServiceContext,
        opening_log: RecordOpeningLog,
        complete_records: RecordsCompleter,
        read_actions: ActionReader,
    ) -> None:
        """Store the service context, the log `opening_log` (it writes the audit entries about opened records) and two
        functions. `complete_records` returns records with their relations (facts of related rows); `read_actions`
        returns the actions on a payment or order, each with the reason if it is not possible now."""
        self._context = context
        self._opening_log = opening_log
        self._complete_records, self._read_actions = complete_records, read_actions

    def read_payment(self, payment_id: int) -> PaymentDetails:
        """Return one payment with the data of its screen. Raises not_found if there is no such payment, and
        not_allowed if the acting person has no right to read."""
        context, now = self._context, self._context.now()
        with context.database.read() as conn:
            person = context.find_reading_person(conn)
            record = complete_record(self._complete_records, conn, require_payment_after_lapse(conn, payment_id))
            relations = record.relations or PaymentRelations()
            order = relations.order
            holder = _find_lease_holder(conn, record)
            history = read_audit_history(conn, PAYMENT_KIND, str(payment_id))
            corporation = read_facts_of_record(context, conn, record)
            details = PaymentDetails(
                record=record,
                explanation=explain_payment(record, now),
                sides=compare_payment_sides(
                    record, order, relations.known_provider_state, now, writer_name=find_last_writer(history)
                ),
                money=compute_money_parts(record, relations.refunds),
                order=order,
                refunds=self._complete_records(conn, relations.refunds),
                set_asides=set_asides.find_by_payment(conn, payment_id),
                timeline=history,
                newest_events=read_newest_events(context, conn, PAYMENT_KIND, payment_id),
                evidence=read_masked_evidence(conn, PAYMENT_KIND, payment_id),
                actions=self._read_actions(conn, PAYMENT_KIND, payment_id, person, _PAYMENT_ACTIONS_ON_SCREEN),
                holder=holder,
                awaiting="second_person" if relations.awaits_second_person else None,
                corporation=corporation,
                **read_annotations(context, conn, PAYMENT_KIND, payment_id),
            )
        self._opening_log.record_opening(AuditAction.PAYMENT_OPENED, PAYMENT_KIND, payment_id)
        return details

    def read_order(self, order_id: int) -> OrderDetails:
        """Return one order with the data of its screen, such as its payments and refunds. Raises not_found if there
        is no such order, and not_allowed if the acting person has no right to read."""
        context = self._context
        with context.database.read() as conn:
            context.find_reading_person(conn)
            record = self._require_completed_order(conn, order_id)
            order_payments = payments.find_by_order(
                conn, order_id, journal.list_lapsed_record_ids(conn, PAYMENT_KIND)
            )
            order_sagas = _list_sagas(conn, order_payments, context.now())
            completed_payments = self._complete_records(conn, order_payments)
            explained_id = find_explained_payment_id(record, context.now())
            explained_payment = next((payment for payment in completed_payments if payment.id == explained_id), None)
            corporation = read_facts_of_record(context, conn, record)
            details = OrderDetails(
                record=record,
                explanation=explain_order(record, context.now()),
                alert=_find_order_alert(conn, record, self._context),
                explained_payment=explained_payment,
                sides=_compare_sides_of_order(record, explained_payment, context.now()),
                payments=completed_payments,
                refunds=self._complete_records(
                    conn,
                    refunds.find_by_order(conn, order_id, journal.list_lapsed_record_ids(conn, refunds.REFUND_KIND)),
                ),
                timeline=read_audit_history(conn, orders.ORDER_KIND, str(order_id)),
                newest_events=read_newest_events(context, conn, orders.ORDER_KIND, order_id),
                evidence=read_masked_evidence(conn, orders.ORDER_KIND, order_id),
                sagas=order_sagas,
                corporation=corporation,
                **read_annotations(context, conn, orders.ORDER_KIND, order_id),
            )
        self._opening_log.record_opening(AuditAction.ORDER_OPENED, orders.ORDER_KIND, order_id)
        return details

    def read_order_sides(self, order_id: int) -> SideComparison:
        """Return the compared sides of an order for the preview next to a list, as the order's screen shows them.
        Writes no audit entry. Raises not_found if there is no such order, and not_allowed if the acting person has no
        right to read."""
        now = self._context.now()
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            order = self._require_completed_order(conn, order_id)
            payment_id = find_explained_payment_id(order, now)
            payment = (
                complete_record(self._complete_records, conn, require_payment_after_lapse(conn, payment_id))
                if payment_id is not None
                else None
            )
        provider = payment.provider if payment is not None else ""
        return SideComparison(_compare_sides_of_order(order, payment, now), provider, payment)

    def _require_completed_order(self, conn: Connection, order_id: int) -> Order:
        """Return the order with its relations. Raises not_found if there is no such order."""
        stored_order = orders.find(conn, order_id)
        if stored_order is None:
            raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": orders.ORDER_KIND, "id": str(order_id)})
        return complete_record(self._complete_records, conn, stored_order)

    def list_set_asides(self, limit: int = 50, after_id: int | None = None) -> tuple[SetAsideItem, ...]:
        """Return the set-aside amounts that wait for their refund, oldest first. `limit` is the largest number of
        amounts (at most MAX_ROWS_PER_PAGE); `after_id` is the last id of the previous page, None for the first page.
        Amounts whose rows can't be read are left out; the result is empty only if no further amount can be read.
        Raises not_allowed if the acting person has no right to read."""
        page_limit, last_id = max(1, min(limit, MAX_ROWS_PER_PAGE)), after_id or 0
        items: tuple[SetAsideItem, ...] = ()
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            while not items and (records := set_asides.list_open_set_asides(conn, page_limit, last_id)):
                items, last_id = self._make_set_aside_items(conn, records), records[-1].id
        return items

    def _make_set_aside_items(self, conn: Connection, records: Sequence[SetAside]) -> tuple[SetAsideItem, ...]:
        """Return the set-asides with their payments and accounts, without those whose payment can't be read."""
        payment_ids = {record.payment_id for record in records}
        lapsed_ids = journal.list_lapsed_record_ids(conn, PAYMENT_KIND)
        readable_payments = payments.find_by_ids(conn, payment_ids, lapsed_ids, skips_unreadable=True)
        payment_by_id = {
            payment.id: payment for payment in complete_with_corporations(self._context, conn, readable_payments)
        }
        return tuple(
            SetAsideItem(record, payment_by_id[record.payment_id], accounts.find(conn, record.account_id))
            for record in records
            if record.payment_id in payment_by_id
        )


def _compare_sides_of_order(
    order: Order, payment: Payment | None, now: datetime
) -> tuple[ComparedSide, ComparedSide, ComparedSide]:
    """Return the compared sides of an order; `payment` is its explained payment with its relations, None if the order
    has no payment."""
    relations = payment.relations if payment is not None else None
    return compare_order_sides(order, payment, relations.known_provider_state if relations else None, now)


def _list_sagas(conn: Connection, order_payments: Sequence[Payment], now: datetime) -> tuple[SagaProgress, ...]:
    """Return the timeout sagas of these payments, oldest first."""
    saga_groups = (sagas.find_by_subject(conn, PAYMENT_KIND, payment.id) for payment in reversed(order_payments))
    return tuple(
        make_saga_progress(saga, timeout_start.TIMEOUT_SAGA_STEP_NAMES, now)
        for group_sagas in saga_groups
        for saga in group_sagas
        if saga.kind == timeout_start.PAYMENT_TIMEOUT_KIND
    )


def _find_lease_holder(conn: Connection, record: Payment) -> LeaseHolder | None:
    holder = leases.find_holder(conn, make_payment_lease_name(record.id))
    if holder is None and record.state is PaymentState.INITIALIZING and record.order_id is not None:
        holder = leases.find_holder(conn, make_payment_start_lease_name(record.order_id))
    return holder


def _find_order_alert(conn: Connection, order: Order, context: ServiceContext) -> AlertItem | None:
    """Return the order's open alert with the action that ends it; None if no alert is open, or if the order no
    longer breaks the alert's rule.
    """
    relations = order.relations
    if relations is None or relations.alert_rule is None:
        return None
    finding = find_broken_rule(order, relations.payments, context.now(), context.scale, ALERT_RULES)
    open_alerts = alerts.read_open_alerts_of_subjects(conn, orders.ORDER_KIND, (order.id,)).get(order.id, [])
    alert = next((candidate for candidate in open_alerts if candidate.rule_id == relations.alert_rule), None)
    if finding is None or alert is None:
        return None
    action = find_alert_action(order, relations.payments, finding)
    return AlertItem(alert, action.name, action.kind, action.record_id)
