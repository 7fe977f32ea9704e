"""The service `console.notices`: read the queue of unmatched notices, which belong to no payment and no order of
ours.

A notice leaves the queue when a due task has found its record, or when a person has acknowledged the case about it.
An acknowledged notice stays stored: if its record appears later, the due task still applies the notice to it. No
command assigns a notice to a record that a person chooses, because only the signed body of the notice, or the
provider's own answer, is proof.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.explained_state import Explanation
from console.domain.explanations.notices import explain_notice
from console.domain.payments import provider_registry
from console.domain.payments.records import Order, Payment
from console.domain.queue_names import NOTICES_QUEUE_NAME
from console.domain.records import WorkReason
from console.domain.service_results import QueueCount
from console.domain.tasks.records import Alert
from console.domain.views.unmatched_notices import (
    NoticeCandidate,
    NoticeProof,
    SharedFact,
    UnmatchedNotice,
    UnmatchedNoticeItem,
    UnmatchedNoticePage,
)
from console.services.alerts.inbox import format_alert_cursor, parse_alert_cursor
from console.services.payment_intake.notices import EVENT_UNMATCHED, NOTICE_KIND, UNMATCHED_NOTICE_RULES
from console.services.payments.providers import PaymentProviders
from console.services.process.context import ServiceContext
from console.store.alerts import alerts
from console.store.database.sqlalchemy_names import Connection
from console.store.payments import events as payment_events
from console.store.payments import notice_candidates
from console.store.payments.events import PaymentEvent

MAX_COUNTED_NOTICES = 1_000
_UNMATCHED_NOTICE_RULE = WorkReason.UNMATCHED_NOTICE
_ONE_DAY = timedelta(days=1)
_EARLIEST_INSTANT = datetime(2, 1, 1, tzinfo=UTC)
"""Lower bound of the instants of a notice. An earlier instant may have no day in another time zone, because the
calendar of Python begins with the year 1.
"""
_LATEST_INSTANT = datetime(9998, 12, 31, tzinfo=UTC)
"""Upper bound of the instants of a notice. A later instant may have no day in another time zone, because the calendar
of Python ends with the year 9999.
"""


class UnmatchedNoticeReader:
    """Reads the queue of unmatched notices. It writes nothing and calls no provider. A person acknowledges a
    notice with `console.alerts.acknowledge_alerts` and the ids of `UnmatchedNoticeItem.cases`."""

    def __init__(self, context: ServiceContext, payment_providers: PaymentProviders) -> None:
        self._context, self._payment_providers = context, payment_providers

    def read_page(
        self, limit: int = 50, after_cursor: str | None = None, *, with_candidates: bool = True
    ) -> UnmatchedNoticePage:
        """Return one page of at most `limit` items of the queue of unmatched notices, the oldest notice first.
        `after_cursor` is the cursor of the next page, which the previous page contains (`next_cursor`); None for the
        first page. With `with_candidates`, also read our records with the amount and the day of each notice. Raises
        usage for an unknown cursor, not_allowed if the acting person has no right to read."""
        limit = max(1, min(limit, MAX_COUNTED_NOTICES))
        last_id = parse_alert_cursor(NOTICES_QUEUE_NAME, after_cursor)
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            open_cases = alerts.list_unacknowledged_alerts(conn, _UNMATCHED_NOTICE_RULE, limit + 1, last_id)
            items = tuple(self._make_items(conn, open_cases[:limit], with_candidates=with_candidates))
        has_more = len(open_cases) > limit
        next_cursor = format_alert_cursor(NOTICES_QUEUE_NAME, open_cases[limit - 1].id) if has_more else None
        return UnmatchedNoticePage(NOTICES_QUEUE_NAME, items, next_cursor)

    def read_item(self, case_id: int) -> UnmatchedNoticeItem:
        """Return the unmatched notice of the open case `case_id` with its candidates: our records to which it may
        belong. Raises not_found if no case has this id, if the case is closed or acknowledged, or if the notice's
        record was found meanwhile; not_allowed if the acting person has no right to read."""
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            case = alerts.find(conn, case_id)
            is_open = case is not None and case.rule_id == _UNMATCHED_NOTICE_RULE and case.resolved_at is None
            cases = [case] if case is not None and is_open and case.acknowledged_by is None else []
            for item in self._make_items(conn, cases, with_candidates=True):
                return item
        raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": alerts.ALERT_KIND, "id": str(case_id)})

    def count_open_notices(self) -> QueueCount:
        """Return the number of unmatched notices in the queue, at most MAX_COUNTED_NOTICES, and the time at which the
        oldest notice began to wait. Raises not_allowed if the acting person has no right to read.
        """
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            count, oldest_instant = alerts.count_unacknowledged_alerts_and_find_oldest(
                conn, _UNMATCHED_NOTICE_RULE, MAX_COUNTED_NOTICES + 1
            )
        return QueueCount(
            NOTICES_QUEUE_NAME, min(count, MAX_COUNTED_NOTICES), count > MAX_COUNTED_NOTICES, oldest_instant
        )

    def _make_items(
        self, conn: Connection, unacknowledged_cases: Sequence[Alert], *, with_candidates: bool
    ) -> Iterator[UnmatchedNoticeItem]:
        """Yield the notices of `unacknowledged_cases`, the open and unacknowledged cases about unmatched notices. A
        notice whose record a due task has found meanwhile is left out. With `with_candidates`, each item also has the
        records to which its notice may belong."""
        event_ids = [case.subject_id for case in unacknowledged_cases]
        events = {
            event.id: event for event in payment_events.find_by_ids(conn, event_ids) if event.state == EVENT_UNMATCHED
        }
        open_cases = alerts.read_open_alerts_of_subjects(conn, NOTICE_KIND, event_ids)
        records = _group_records_by_number(
            notice_candidates.find_by_numbers(conn, {event.order_no for event in events.values() if event.order_no})
        )
        for case in unacknowledged_cases:
            event = events.get(case.subject_id)
            if event is not None:
                other_cases = [
                    open_case
                    for open_case in open_cases.get(event.id, ())
                    if open_case.id != case.id and open_case.rule_id in UNMATCHED_NOTICE_RULES
                ]
                notice = _make_notice(event, case, other_cases)
                records_with_same_number = records.get(notice.order_no or "", ())
                yield UnmatchedNoticeItem(
                    notice,
                    self._explain_notice(notice, records_with_same_number, (case, *other_cases)),
                    (case, *other_cases),
                    _find_candidates(conn, notice, records_with_same_number) if with_candidates else None,
                )

    def _explain_notice(
        self, notice: UnmatchedNotice, records_with_same_number: Sequence[Order | Payment], cases: Sequence[Alert]
    ) -> Explanation:
        reader = self._payment_providers.find_reader(notice.source)
        if reader is None:
            return explain_notice(notice, records_with_same_number, cases, can_import=False)
        needs_amount_and_day = reader.capabilities.needs_amount_and_day
        return explain_notice(
            notice, records_with_same_number, cases, can_import=True, needs_amount_and_day=needs_amount_and_day
        )


def _group_records_by_number(records: Collection[Order | Payment]) -> Mapping[str, list[Order | Payment]]:
    """Return the orders and payments by their numbers. An order is found by its order number; a payment is found by
    our payment number and by the id that the provider has given to it."""
    groups: dict[str, list[Order | Payment]] = {}
    for record in records:
        for number in _list_numbers_of_record(record):
            groups.setdefault(number, []).append(record)
    return groups


def _list_numbers_of_record(record: Order | Payment) -> Collection[str]:
    """Return the number of the order, or our payment number of the payment and its id at the provider."""
    if isinstance(record, Order):
        return (record.merch_txn_id,)
    return [number for number in (record.merchant_payment_id, record.provider_payment_id) if number]


def _make_notice(event: PaymentEvent, case: Alert, other_cases: Sequence[Alert]) -> UnmatchedNotice:
    """Return the unmatched notice of the stored event for the queue. `case` is the case about the notice,
    `other_cases` are the other open cases about it. If one of these cases says that the notice's signature can't be
    verified, the notice has no proof.
    """
    proof = NoticeProof.SIGNATURE if event.signature else NoticeProof.ADDRESS
    if any(other_case.rule_id == WorkReason.UNVERIFIED_NOTICE for other_case in other_cases):
        proof = NoticeProof.NONE
    return UnmatchedNotice(
        event.id, event.source, event.event_id, event.kind, event.order_no, event.amount_minor, event.currency,
        None if event.occurred_at is None else _limit_to_convertible_instant(event.occurred_at),
        _limit_to_convertible_instant(event.received_at or case.detected_at), proof,
    )  # fmt: skip


def _limit_to_convertible_instant(at: datetime) -> datetime:
    """Return the instant, limited to the range from _EARLIEST_INSTANT to _LATEST_INSTANT, so that it can be converted
    into every time zone. This program never stores an instant outside of this range; another program may do so."""
    return min(max(at, _EARLIEST_INSTANT), _LATEST_INSTANT)


def _find_candidates(
    conn: Connection, notice: UnmatchedNotice, records_with_same_number: Sequence[Order | Payment]
) -> tuple[NoticeCandidate, ...]:
    """Return our orders and payments that have the number of the notice (`records_with_same_number`), or the notice's
    amount and day. The records that have the most facts in common with the notice come first.
    """
    records_by_key = {(type(record), record.id): record for record in records_with_same_number}
    if notice.amount_minor is not None and notice.currency is not None:
        local_time = (notice.occurred_at or notice.received_at).astimezone(
            provider_registry.get_time_zone(notice.source)
        )
        day_start = local_time.replace(hour=0, minute=0, second=0, microsecond=0)
        records_of_day = notice_candidates.find_by_amount_and_day(
            conn, notice.source, notice.amount_minor, notice.currency, day_start, day_start + _ONE_DAY
        )
        records_by_key |= {(type(record), record.id): record for record in records_of_day}
    candidates = [NoticeCandidate(record, _find_shared_facts(notice, record)) for record in records_by_key.values()]
    return tuple(sorted(candidates, key=lambda candidate: (-len(candidate.shared_facts), candidate.record.id)))


def _find_shared_facts(notice: UnmatchedNotice, record: Order | Payment) -> tuple[SharedFact, ...]:
    """Return those of the facts number, amount and day that the notice and the record have in common."""
    if isinstance(record, Payment):
        amount_minor, instants = record.captured_minor or record.asked_minor, (record.begun_at, record.paid_at)
    else:
        amount_minor, instants = record.total_minor, (record.state_since, None)
    zone = provider_registry.get_time_zone(notice.source)
    day = (notice.occurred_at or notice.received_at).astimezone(zone).date()
    shared_facts = {
        SharedFact.NUMBER: notice.order_no in _list_numbers_of_record(record),
        SharedFact.AMOUNT: (amount_minor, record.currency) == (notice.amount_minor, notice.currency),
        SharedFact.DAY: any(
            at is not None and _limit_to_convertible_instant(at).astimezone(zone).date() == day for at in instants
        ),
    }
    return tuple(fact for fact, is_shared in shared_facts.items() if is_shared)
