"""What other programs are shown as it happens: which record, and where it stands. Nobody's names, numbers or sums."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from console.domain.order_records import Order, Payment, Refund
from console.domain.records import CreditCheck
from console.domain.results import FeedMark, QueueCount, QueueItem
from console.services.desk import Desk
from console.services.queues import Queues
from console.store import any_record, credit_checks, feed, journal, orders, payments, refunds

CHANNELS = (credit_checks.KIND, payments.KIND, orders.KIND, refunds.KIND)
PAGE = 20
_MOST_LOOKED_AT = 200
_KINDS: Mapping[type, str] = {
    CreditCheck: credit_checks.KIND, Payment: payments.KIND, Order: orders.KIND, Refund: refunds.KIND,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Glimpse:
    """A record as far as everybody may know it; what is None was not looked at, or doesn't apply."""

    kind: str
    id: int
    state: str | None = None
    certainty: str | None = None
    work: str | None = None
    reason: str | None = None
    version: int | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How many wait where, and the first of each queue: what needs a person first."""

    counts: tuple[QueueCount, ...]
    items: Mapping[str, tuple[Glimpse, ...]]


class LiveView:
    """Reads by index, capped; nothing is audited or changed."""

    def __init__(self, desk: Desk, queues: Queues) -> None:
        self._desk, self._queues = desk, queues

    def snapshot(self) -> Snapshot:
        counts = self._queues.counts()
        waiting = [one.queue for one in counts if one.count]
        items = {name: tuple(map(_of_item, self._queues.queue(name, PAGE).items)) for name in waiting}
        return Snapshot(counts, items)

    def changes(self, after: FeedMark | None) -> tuple[FeedMark, tuple[Glimpse, ...]]:
        """A mark for the next reading, and what changed since `after`, each as it stands now."""
        with self._desk.database.read() as conn:
            self._desk.reader(conn)
            mark, changed = feed.since(conn, after)
            changed = tuple(one for one in changed if one[0] in CHANNELS)
            lapsed = journal.lapsed_by_kind(conn) if changed else {}
            seen = tuple(_look(conn, kind, record_id, lapsed) for kind, record_id in changed[:_MOST_LOOKED_AT])
        return mark, (*seen, *(Glimpse(kind, record_id) for kind, record_id in changed[_MOST_LOOKED_AT:]))


def _look(conn: Connection, kind: str, record_id: int, lapsed: Mapping[str, AbstractSet[int]]) -> Glimpse:
    record = any_record.find(conn, kind, record_id, lapsed)
    return Glimpse(kind, record_id) if record is None else _glimpse(record, None)


def _of_item(item: QueueItem) -> Glimpse:
    return _glimpse(item.record, item.since)


def _glimpse(record: CreditCheck | Order | Payment | Refund, since: datetime | None) -> Glimpse:
    certainty = None if isinstance(record, Order) else record.certainty.value
    work = record.work
    return Glimpse(
        _KINDS[type(record)], record.id, str(record.state), certainty, work.state.value, work.reason, record.version,
        since,
    )  # fmt: skip
