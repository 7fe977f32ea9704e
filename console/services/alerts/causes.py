"""Find the cause of each alert (the order, payment, provider, queue or other subject that it comes from), and the
records that a cause affects."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from console.domain.alerts.incidents import TASKS_CAUSE, AffectedRecord, AffectedRecords, Cause
from console.domain.alerts.provider_subjects import PROVIDER_KIND, find_provider_of_subject
from console.domain.alerts.queue_age import AGE_LIMITS, QUEUE_BY_SUBJECT_ID, QUEUE_KIND
from console.domain.money import Money, make_stored_money
from console.domain.payments.records import Order, Payment, Refund
from console.domain.payments.states import ENDED_UNPAID_STATES, FINAL_STATES
from console.domain.queues.filters import AgeRange, FilterCertainty, RecordFilter
from console.domain.records import Certainty, CreditCheck
from console.domain.registry.watched_facts import CORPORATION_KIND, get_corporation_number_of_subject
from console.domain.tasks.records import Alert
from console.domain.transitions.tables import ENDED_REFUND_STATES
from console.services.process.context import ServiceContext
from console.store.alerts import alerts
from console.store.credit_checks import credit_checks
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import journal
from console.store.payments import orders, payments
from console.store.queues import chosen_records, queues
from console.store.queues.filter_sql import QueueChoice
from console.store.refunds import refunds
from console.store.registry.live_records import CHECK_EXPIRY_MARGIN

MAX_AFFECTED_RECORDS_PER_CAUSE = 200
"""Largest number of records of a queue that are read for one cause. Further records are only counted."""
MAX_COUNTED_RECORDS = 100_000
"""Largest number of records of a queue that are counted for one cause."""

_ORDER_CAUSE_KINDS = frozenset({orders.ORDER_KIND, payments.PAYMENT_KIND})
"""Kinds of causes whose records belong together: an order with its payments and their refunds, or a payment without
an order with its refunds."""

Record = CreditCheck | Payment | Refund | Order


def find_causes_of_alerts(conn: Connection, given_alerts: Iterable[Alert]) -> Mapping[int, Cause]:
    """Return the cause of each of these alerts, by the alert's id. All alerts about an order, its payments and their
    refunds have one common cause: the order, or the payment if the payment has no order. All alerts about due tasks
    also have one common cause.
    """
    all_alerts = tuple(given_alerts)
    payment_id_by_refund_id = _find_payment_ids_of_refunds(conn, _list_subject_ids(all_alerts, refunds.REFUND_KIND))
    payment_ids = _list_subject_ids(all_alerts, payments.PAYMENT_KIND) | set(payment_id_by_refund_id.values())
    order_id_by_payment_id = {
        payment.id: payment.order_id
        for payment in payments.find_by_ids(conn, payment_ids, skips_unreadable=True)
        if payment.order_id is not None
    }

    def find_cause_of_alert(alert: Alert) -> Cause:
        kind, id = alert.subject_kind, alert.subject_id
        if kind == TASKS_CAUSE.kind:
            return TASKS_CAUSE
        if kind == refunds.REFUND_KIND and id in payment_id_by_refund_id:
            kind, id = payments.PAYMENT_KIND, payment_id_by_refund_id[id]
        if kind == payments.PAYMENT_KIND and id in order_id_by_payment_id:
            kind, id = orders.ORDER_KIND, order_id_by_payment_id[id]
        return Cause(kind, id)

    return {alert.id: find_cause_of_alert(alert) for alert in all_alerts}


def _list_subject_ids(given_alerts: Iterable[Alert], kind: str) -> set[int]:
    return {alert.subject_id for alert in given_alerts if alert.subject_kind == kind}


def _find_payment_ids_of_refunds(conn: Connection, ids: Collection[int]) -> dict[int, int]:
    """Return, by refund id, the payment id of each refund of `ids`; refunds that are missing or can't be read are
    left out."""
    return {refund.id: refund.payment_id for refund in refunds.find_by_ids(conn, ids, skips_unreadable=True)}


def read_alerts_of_causes(conn: Connection, causes: Collection[Cause]) -> tuple[Alert, ...]:
    """Return the alerts that have one of these causes, open and resolved. Of the alerts about due tasks, which all
    have one cause, only the oldest MAX_AFFECTED_RECORDS_PER_CAUSE open alerts and the newest
    MAX_AFFECTED_RECORDS_PER_CAUSE alerts are returned. The oldest open alert is thus always in the result, with the
    actions of people that are stored under its id."""
    subjects = {(cause.kind, cause.id) for cause in causes}
    order_ids = [cause.id for cause in causes if cause.kind == orders.ORDER_KIND]
    payment_ids = {cause.id for cause in causes if cause.kind == payments.PAYMENT_KIND}
    payment_ids |= {payment.id for payment in payments.find_by_orders(conn, order_ids, skips_unreadable=True)}
    subjects |= {(payments.PAYMENT_KIND, id) for id in payment_ids}
    subjects.update(
        (refunds.REFUND_KIND, refund.id)
        for refund in refunds.find_by_payments(conn, payment_ids, skips_unreadable=True)
    )
    subject_ids_by_kind: dict[str, set[int]] = {}
    for kind, id in subjects:
        subject_ids_by_kind.setdefault(kind, set()).add(id)
    alert_groups = [
        alerts.find_by_subjects(conn, kind, ids)
        for kind, ids in subject_ids_by_kind.items()
        if kind != TASKS_CAUSE.kind
    ]
    if TASKS_CAUSE in causes:
        alert_groups += [
            alerts.list_newest_of_kind(conn, TASKS_CAUSE.kind, MAX_AFFECTED_RECORDS_PER_CAUSE),
            alerts.list_open_alerts_of_kind(conn, TASKS_CAUSE.kind, MAX_AFFECTED_RECORDS_PER_CAUSE),
        ]
    return tuple({alert.id: alert for group in alert_groups for alert in group}.values())


class AffectedRecordReader:
    """Reads the records that a cause of alerts affects. Each amount of money is counted once. For an order, the
    amounts of its payments are counted; if all its payments ended unpaid, the amount of the order is counted. The
    amount of a refund is counted only if its payment is not an affected record. The amount of a payment that ended
    unpaid is not counted.
    """

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def read_affected_records(self, conn: Connection, causes: Collection[Cause]) -> Mapping[Cause, AffectedRecords]:
        """Return the records that each of these causes affects. The orders and payments of all causes are read
        together in a few queries; without a cause nothing is read."""
        if not causes:
            return {}
        lapsed_ids = journal.list_lapsed_record_ids_by_kind(conn)
        records = _read_records_of_order_causes(conn, causes, lapsed_ids.get(refunds.REFUND_KIND, frozenset()))
        unread_counts: dict[Cause, int] = {}
        for cause in causes:
            if cause.kind not in _ORDER_CAUSE_KINDS:
                records[cause], unread_counts[cause] = self._find_records_of_cause(conn, cause, lapsed_ids)
        return {
            cause: AffectedRecords(_make_affected_records(records.get(cause, ())), unread_counts.get(cause, 0))
            for cause in causes
        }

    def _find_records_of_cause(
        self, conn: Connection, cause: Cause, lapsed_ids: queues.LapsedIds
    ) -> tuple[Sequence[Record], int]:
        """Return the records that a cause other than an order or payment affects, and the number of further
        records that it affects and that were not read. `lapsed_ids` has, by kind, the ids of the records whose
        operation has lapsed, which means that its process ended during the call to the provider."""
        match cause.kind:
            case refunds.REFUND_KIND:
                return refunds.find_by_ids(conn, [cause.id], skips_unreadable=True), 0
            case credit_checks.CREDIT_CHECK_KIND:
                return credit_checks.find_if_readable(conn, cause.id), 0
            case _ if cause.kind == CORPORATION_KIND:
                return self._find_records_of_corporation(conn, get_corporation_number_of_subject(cause.id)), 0
            case _ if cause.kind == QUEUE_KIND and cause.id in QUEUE_BY_SUBJECT_ID:
                return self._find_records_of_queue(conn, QUEUE_BY_SUBJECT_ID[cause.id], lapsed_ids)
            case _ if cause.kind == PROVIDER_KIND:
                return self._find_records_of_provider(conn, cause.id, lapsed_ids)
        return (), 0

    def _find_records_of_corporation(self, conn: Connection, corporation_number: str) -> Sequence[Record]:
        """Return the live records of the corporation, for which the program watches it (`live_records`)."""
        oldest_expiry = self._context.now() - CHECK_EXPIRY_MARGIN
        checks = [
            check
            for check in credit_checks.find_by_number(conn, corporation_number, skips_unreadable=True)
            if check.is_live and (check.expired_at is None or check.expired_at > oldest_expiry)
        ]
        order_ids = {order.id for order in orders.find_by_corporation(conn, corporation_number)}
        order_payments = payments.find_by_orders(conn, order_ids, skips_unreadable=True)
        payments_by_id = {payment.id: payment for payment in order_payments}
        payments_by_id |= {payment.id: payment for payment in payments.find_by_corporation(conn, corporation_number)}
        open_payments = [payment for payment in payments_by_id.values() if _is_open_payment(payment)]
        open_refunds = [
            refund
            for refund in refunds.find_by_payments(conn, payments_by_id, skips_unreadable=True)
            if refund.state not in ENDED_REFUND_STATES
        ]
        return (*checks, *open_payments, *open_refunds)

    def _find_records_of_queue(
        self, conn: Connection, queue_name: str, lapsed_ids: queues.LapsedIds
    ) -> tuple[Sequence[Record], int]:
        """Return the records of the queue that are older than its limit, at most MAX_AFFECTED_RECORDS_PER_CAUSE, and
        the number of further such records. `lapsed_ids` has, by kind, the ids of the records whose operation has
        lapsed."""
        age_limit = self._context.scale.scale_duration(AGE_LIMITS[queue_name])
        record_filter = RecordFilter(age=AgeRange(at_least=age_limit))
        return self._read_filtered_queues(conn, {queue_name: record_filter}, lapsed_ids)

    def _find_records_of_provider(
        self, conn: Connection, provider_subject_id: int, lapsed_ids: queues.LapsedIds
    ) -> tuple[Sequence[Record], int]:
        """Return the records that wait for an answer of the provider, at most MAX_AFFECTED_RECORDS_PER_CAUSE of each
        queue, and the number of further such records. `provider_subject_id` is the number from
        `compute_provider_subject_id`. `lapsed_ids` has, by kind, the ids of the records whose operation has lapsed.
        """
        name = find_provider_of_subject(provider_subject_id)
        if name is None:
            return (), 0
        of_provider = RecordFilter(providers=frozenset({name}))
        # A refund whose outcome is unknown is in both queues.
        known_outcome = replace(of_provider, certainties=frozenset({FilterCertainty.KNOWN}))
        return self._read_filtered_queues(conn, {"unknown": of_provider, "refunds": known_outcome}, lapsed_ids)

    def _read_filtered_queues(
        self, conn: Connection, filter_by_queue: Mapping[str, RecordFilter], lapsed_ids: queues.LapsedIds
    ) -> tuple[Sequence[Record], int]:
        """Return the records that the filters in `filter_by_queue` (by name of the queue) select, at most
        MAX_AFFECTED_RECORDS_PER_CAUSE of each queue, and the number of further such records. The filters must select
        each record in one queue only. `lapsed_ids` has, by kind, the ids of the records whose operation has lapsed.
        """
        records: list[Record] = []
        unread_count = 0
        for name, record_filter in filter_by_queue.items():
            choice = QueueChoice(record_filter, now=self._context.now())
            limit = MAX_AFFECTED_RECORDS_PER_CAUSE
            page = queues.read_queue_page(conn, name, None, limit, lapsed_ids, choice)
            records += [record for _, record in page if record is not None]
            if len(page) == limit:
                count, _ = chosen_records.count_chosen_records_and_find_oldest(
                    conn, name, lapsed_ids, choice, MAX_COUNTED_RECORDS
                )
                unread_count += max(0, count - limit)
        return records, unread_count


def _is_open_payment(payment: Payment) -> bool:
    """True if the payment has not ended, so that its amount may still be paid."""
    return payment.state not in FINAL_STATES or payment.certainty is Certainty.UNKNOWN


def _has_ended_without_money(payment: Payment) -> bool:
    """True if this payment has ended and the payer certainly paid nothing through it. The requested amount of such a
    payment doesn't count as affected: the amount of its order is counted through another payment of the order, or as
    the amount of the order itself.
    """
    is_certain = payment.certainty is Certainty.KNOWN and not payment.captured_minor
    return is_certain and payment.state in ENDED_UNPAID_STATES


def _read_records_of_order_causes(
    conn: Connection, causes: Collection[Cause], lapsed_ids: AbstractSet[int]
) -> dict[Cause, Sequence[Record]]:
    """Return the affected records for each cause that is an order or a payment: the order with its payments, or the
    payment, and the unfinished refunds of these payments. `lapsed_ids` has the ids of the refunds whose operation has
    lapsed: its process ended during the call to the provider."""
    order_ids = {cause.id for cause in causes if cause.kind == orders.ORDER_KIND}
    payment_ids = {cause.id for cause in causes if cause.kind == payments.PAYMENT_KIND}
    orders_by_id = {order.id: order for order in orders.find_by_ids(conn, order_ids, skips_unreadable=True)}
    order_payments = payments.find_by_orders(conn, order_ids, skips_unreadable=True)
    payments_without_order = payments.find_by_ids(conn, payment_ids, skips_unreadable=True)
    refunds_by_payment_id: dict[int, list[Refund]] = {}
    all_payment_ids = {payment.id for payment in (*order_payments, *payments_without_order)}
    for refund in refunds.find_by_payments(conn, all_payment_ids, lapsed_ids, skips_unreadable=True):
        if refund.state not in ENDED_REFUND_STATES:
            refunds_by_payment_id.setdefault(refund.payment_id, []).append(refund)
    records_by_cause: dict[Cause, list[Record]] = {
        Cause(orders.ORDER_KIND, id): [order] for id, order in orders_by_id.items()
    }
    for payment in order_payments:
        cause_records = records_by_cause.setdefault(Cause(orders.ORDER_KIND, payment.order_id or 0), [])
        cause_records += [payment, *refunds_by_payment_id.get(payment.id, ())]
    for payment in payments_without_order:
        records_by_cause[Cause(payments.PAYMENT_KIND, payment.id)] = [
            payment,
            *refunds_by_payment_id.get(payment.id, ()),
        ]
    return dict(records_by_cause)


def _make_affected_records(records: Sequence[Record]) -> tuple[AffectedRecord, ...]:
    payment_ids = {record.id for record in records if isinstance(record, Payment)}
    order_ids_with_money = {
        record.order_id for record in records if isinstance(record, Payment) and not _has_ended_without_money(record)
    }

    def make_affected_record(record: Record) -> AffectedRecord:
        match record:
            case Payment():
                amount = (
                    None
                    if _has_ended_without_money(record)
                    else _make_amount(record.captured_minor or record.asked_minor, record.currency)
                )
                return AffectedRecord(payments.PAYMENT_KIND, record.id, record.merchant_payment_id, amount)
            case Refund():
                is_amount_counted = record.payment_id not in payment_ids
                amount = _make_amount(record.amount_minor, record.currency) if is_amount_counted else None
                return AffectedRecord(refunds.REFUND_KIND, record.id, None, amount)
            case Order():
                amount = (
                    _make_amount(record.total_minor, record.currency)
                    if record.id not in order_ids_with_money
                    else None
                )
                return AffectedRecord(orders.ORDER_KIND, record.id, record.merch_txn_id, amount)
            case _:
                return AffectedRecord(credit_checks.CREDIT_CHECK_KIND, record.id, record.corporation_number)

    return tuple(map(make_affected_record, records))


def _make_amount(amount_minor: int, currency: str) -> Money | None:
    """Return an amount in minor units as Money; None for a currency without an entry in MINOR_DIGITS_BY_CURRENCY, or
    for an amount that is too large. A negative amount counts as 0."""
    return make_stored_money(max(0, amount_minor), currency)
