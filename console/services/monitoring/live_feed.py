"""The live feed for other programs: each changed record with its state, certainty and work. The feed contains no
names, corporation numbers or amounts.
"""

import logging
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from console.domain.audit.actions import AuditAction
from console.domain.payments.records import Order, Payment, Refund
from console.domain.records import CreditCheck
from console.domain.service_results import FeedMark, QueueCount
from console.domain.views.any_record import QueueItem
from console.services.process.context import ServiceContext
from console.services.recovery.queues import QueueReader
from console.store.credit_checks import credit_checks
from console.store.database import change_feed
from console.store.database.sqlalchemy_names import Connection
from console.store.database.unreadable_rows import READ_ERRORS
from console.store.operations import journal
from console.store.payments import orders, payments
from console.store.records import any_record
from console.store.refunds import refunds

LIVE_FEED_CHANNELS = (credit_checks.CREDIT_CHECK_KIND, payments.PAYMENT_KIND, orders.ORDER_KIND, refunds.REFUND_KIND)
"""Kinds of records to whose changes a listener of the live feed can subscribe."""
MAX_ITEMS_PER_QUEUE = 20
_log = logging.getLogger("console.worker")
_MAX_RECORDS_READ = 200
"""Largest number of changed records of one call that are sent with their present state."""
_KIND_OF_RECORD_CLASS: Mapping[type, str] = {
    CreditCheck: credit_checks.CREDIT_CHECK_KIND,
    Payment: payments.PAYMENT_KIND,
    Order: orders.ORDER_KIND,
    Refund: refunds.REFUND_KIND,
}


@dataclass(frozen=True, slots=True)
class RecordSummary:
    """The fields of a changed record that the worker sends to other programs in its live feed. `work` is the state of
    the record's next step, `reason` its reason. `since` is the instant (UTC) at which the record got its present
    state; only records of a queue have this field. A field is None if the record was not read or doesn't have the
    field."""

    kind: str
    id: int
    state: str | None = None
    certainty: str | None = None
    work: str | None = None
    reason: str | None = None
    version: int | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class LiveFeedSnapshot:
    """The present content of the queues, which a listener gets first. `counts` has the count of each queue; `items`
    has the first records of each queue that isn't empty, with the queue's name as the key. Records that a person must
    look at come first.
    """

    counts: tuple[QueueCount, ...]
    items: Mapping[str, tuple[RecordSummary, ...]]


class LiveFeedReader:
    """Reads queues and changed records for the live feed. Each query uses a database index and reads a limited number
    of rows. Writes only audit entries about refused listeners.
    """

    def __init__(self, context: ServiceContext, queues: QueueReader) -> None:
        self._context, self._queues = context, queues

    def read_snapshot(self) -> LiveFeedSnapshot:
        """Return the present counts and the first MAX_ITEMS_PER_QUEUE records of each queue, without records that
        this program can't read. Raises not_allowed if the acting person has no right to read."""
        counts = self._queues.read_counts()
        filled_queues = [count.queue for count in counts if count.count]
        items = {
            name: tuple(map(_make_item_summary, self._queues.read_page(name, MAX_ITEMS_PER_QUEUE).items))
            for name in filled_queues
        }
        return LiveFeedSnapshot(counts, items)

    def audit_refused_listener(self, reason: str, peer: str | None, skipped_count: int) -> None:
        """Write an audit entry about a refused listener. `reason` is the code of the refusal's reason; `peer` is the
        listener's network address, None if it isn't known; `skipped_count` is the number of listeners that were
        refused since the last such entry and have no separate entry.
        """
        facts: dict[str, object] = {"peer": (peer or "")[:64]}
        if skipped_count:
            facts["passed_over"] = skipped_count
        self._context.write(
            lambda tx: self._context.record_audit(
                tx, AuditAction.LIVE_REFUSED, None, facts, kind="live", result="refused", reason=reason
            )
        )

    def read_changes(self, after_mark: FeedMark | None) -> tuple[FeedMark, tuple[RecordSummary, ...]]:
        """Return two values: the present position in the change feed, for the next call, and the records that changed
        after the position `after_mark`. The first _MAX_RECORDS_READ records have their present state, if they can be
        read; the others have only kind and id. If `after_mark` is None (the first call), or if the database was
        restored from a backup, return no records. Raises not_allowed if the acting person has no right to read."""
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            mark, changed_ids = change_feed.list_changes_since(conn, after_mark)
            changed_ids = tuple(change for change in changed_ids if change[0] in LIVE_FEED_CHANNELS)
            lapsed_ids = journal.list_lapsed_record_ids_by_kind(conn) if changed_ids else {}
            summaries = tuple(
                _read_summary(conn, kind, record_id, lapsed_ids)
                for kind, record_id in changed_ids[:_MAX_RECORDS_READ]
            )
        return mark, (
            *summaries,
            *(RecordSummary(kind, record_id) for kind, record_id in changed_ids[_MAX_RECORDS_READ:]),
        )


def _read_summary(
    conn: Connection, kind: str, record_id: int, lapsed_ids: Mapping[str, AbstractSet[int]]
) -> RecordSummary:
    """Return the summary of the record with its present state. If there is no such record, or if it has a value that
    this program doesn't know, such as one of a newer version, the summary has only kind and id, so that the listeners
    still get the changes of all other records. `lapsed_ids` has, by kind, the ids of the records whose operation has
    lapsed."""
    try:
        record = any_record.find(conn, kind, record_id, lapsed_ids)
    except READ_ERRORS as error:
        _log.warning("%s %s can't be read: %s", kind, record_id, type(error).__name__)
        record = None
    return RecordSummary(kind, record_id) if record is None else _make_summary(record, None)


def _make_item_summary(item: QueueItem) -> RecordSummary:
    return _make_summary(item.record, item.since)


def _make_summary(record: CreditCheck | Order | Payment | Refund, since: datetime | None) -> RecordSummary:
    certainty = None if isinstance(record, Order) else record.certainty.value
    work = record.work
    return RecordSummary(
        _KIND_OF_RECORD_CLASS[type(record)],
        record.id,
        str(record.state),
        certainty,
        work.state.value,
        work.reason,
        record.version,
        since,
    )
