"""Measures the change feed. The first figure is the time until another desk sees a change; that desk reads the feed
once a second, and the window every 1.5 seconds. The figure is compared with a plain SELECT at the same moments. The
second figure is the time of one read of the feed without changes.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from threading import Event, Thread
from typing import Any

from sqlalchemy import text

from console.app import Console
from console.domain.service_results import FeedMark
from console.sandbox.server import Sandbox
from console.store.database import compare_and_swap
from console.store.database.engine import Database
from console.store.payments import payments
from console.store.payments.payments import NewPayment
from tests.bench.disk_databases import open_empty_databases_on_disk
from tests.bench.figures import (
    ReportRow,
    compute_median,
    compute_percentile,
    format_duration,
    format_ratio,
    measure_alternately,
)
from tests.support.payment_desks import PaymentDesk, open_payment_desk
from tests.support.places import Place

GOAL_NUMBER = 24
GOAL_SECONDS = 2.0
READ_INTERVAL_SECONDS = 1.0
"""Interval (seconds) at which the other desk reads the change feed."""
_READ_COUNT = 20
_WRITES_PER_SECOND = 8
_ROUND_COUNT = 200
_SELECT_NEW_CHANGES_SQL = text("SELECT id, kind, subject_id FROM changes WHERE id > :after ORDER BY id")


def measure_rows(goal_numbers: frozenset[int]) -> Iterator[ReportRow]:
    """Measure the change feed on each engine. Yield two rows of the report per engine: the latency, and the duration
    of one read."""
    if GOAL_NUMBER not in goal_numbers:
        return
    for engine, place in open_empty_databases_on_disk(GOAL_NUMBER):
        with (
            Sandbox() as sandbox,
            open_payment_desk(place, sandbox) as scene,
            place.open_desk(sandbox, None, desk=1) as other,
        ):
            yield _measure_latency(engine, scene, other)
            yield _measure_read(engine, place, other)


def _measure_latency(engine: str, scene: PaymentDesk, other: Console) -> ReportRow:
    """Measure the time from a change at one desk until another desk has read it. On a cluster the other desk reads
    from another node. Return the row of the report.
    """
    now, new = scene.context.now(), NewPayment("paypay", "ORD-1", "JPY", 3300)
    payment = scene.context.database.write(lambda tx: payments.insert_payment(tx.conn, new, now))
    ours, bare = _FeedReader(other), _PlainSelectReader(other.database)
    written: dict[int, float] = {}
    over = Event()
    writer = Thread(target=_write_changes, args=(scene.console, payment, written, over))
    writer.start()
    chance, read_at_by_id = random.Random(0), {"ours": dict[int, float](), "bare": dict[int, float]()}
    for tick in range(_READ_COUNT + 2):
        time.sleep(READ_INTERVAL_SECONDS)
        if tick == _READ_COUNT:
            over.set()
            writer.join()
        for name, reader in chance.sample([("ours", ours.read), ("bare", bare.read)], 2):
            ids = reader()
            read_at_by_id[name].update(dict.fromkeys(ids, time.monotonic()))
    took = {name: sorted(at[one] - moment for one, moment in written.items()) for name, at in read_at_by_id.items()}
    p99 = compute_percentile(took["ours"], 0.99)
    return ReportRow(
        str(GOAL_NUMBER),
        f"feed latency, a reading a second, {engine}",
        f"{format_duration(compute_median(took['ours']))}, p99 {format_duration(p99)}",
        f"bare SELECT as often {format_duration(compute_median(took['bare']))}",
        "–",
        format_ratio(compute_median(took["ours"]) / compute_median(took["bare"])),
        "p99 ≤ 2 s",
        p99 <= GOAL_SECONDS,
    )


def _measure_read(engine: str, place: Place, other: Console) -> ReportRow:
    """Measure one read of the feed without new rows. Each read also reads the rows of the last minute again, because
    their transactions may have committed late. Return the row of the report.
    """
    rows = [f"('payment', {one}, '2026-11-20 03:00:00')" for one in range(500)]
    ours, bare = _FeedReader(other), _PlainSelectReader(other.database)
    place.sql(f"INSERT INTO changes (kind, subject_id, at) VALUES {', '.join(rows)}")
    works: dict[str, Callable[[], object]] = {"ours": ours.read, "bare": bare.read}
    took = {name: compute_median(seconds) for name, seconds in measure_alternately(works, _ROUND_COUNT).items()}
    return ReportRow(
        str(GOAL_NUMBER),
        f"a reading of the feed, nothing new, {engine}",
        format_duration(took["ours"]),
        f"bare SELECT {format_duration(took['bare'])}",
        "–",
        format_ratio(took["ours"] / took["bare"]),
        "–",
        None,
    )


def _write_changes(console: Console, payment: int, written: dict[int, float], stop_event: Event) -> None:
    """Announce changes of the payment at random moments until `stop_event` is set. Store in `written`, by the id of
    each row of the feed, the moment after its COMMIT (monotonic seconds).
    """
    chance, database = random.Random(1), console.database
    while not stop_event.wait(chance.uniform(0, 2 / _WRITES_PER_SECOND)):
        one = database.write(lambda tx: _announce_change(tx.conn, payment, console))
        written[one] = time.monotonic()


def _announce_change(conn: Any, payment: int, console: Console) -> int:
    """Announce a change of the payment, and return the id of its row."""
    compare_and_swap.announce_change(conn, "payment", payment, console._context.now())
    own = "SELECT last_insert_rowid()" if conn.dialect.name == "sqlite" else "SELECT LAST_INSERT_ID()"
    return int(conn.exec_driver_sql(own).scalar())


class _FeedReader:
    """The feed as a desk reads it. `read` returns the ids that are new to the desk."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._mark = console.desk_status.read_desk_update().feed_mark

    def read(self) -> Sequence[int]:
        before: FeedMark = self._mark
        self._mark = self._console.desk_status.read_desk_update(before).feed_mark
        return [*range(before.newest_id + 1, self._mark.newest_id + 1), *(self._mark.read_ids - before.read_ids)]


class _PlainSelectReader:
    """The SELECT statement of the feed alone, without the program's change feed, through the program's own database
    object.
    """

    def __init__(self, database: Database) -> None:
        self._database, self._latest = database, 0
        self.read()

    def read(self) -> Sequence[int]:
        with self._database.read() as conn:
            ids = [int(row[0]) for row in conn.execute(_SELECT_NEW_CHANGES_SQL, {"after": self._latest})]
        self._latest = max([self._latest, *ids])
        return ids
