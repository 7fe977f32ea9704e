"""The rows of a queue: read page by page, grouped by work state where that says something, filtered by a text."""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from console import wording
from console.domain.records import CreditCheck
from console.domain.results import QueueItem
from console.views import record_words as words
from console.views.desk_api import Desk
from console.views.look.tokens import tokens
from console.views.pages.columns import check_columns
from console.views.seat import Seat
from console.views.tables.book import Page as Rows
from console.views.tables.columns import Column, Group

QUEUES = ("review", "unknown", "incomplete", "pending", "error")
GROUPED = frozenset({"unknown"})
_READ = 1_000
_MOST_READS = 5


@dataclass(frozen=True, slots=True)
class QueueRow:
    """An item, and how many are in its group where the whole queue is known."""

    item: QueueItem
    in_group: int | None = None


def key_of(row: QueueRow) -> int:
    return row.item.record.id


def record_of(row: QueueRow) -> CreditCheck:
    return row.item.record


SPARE = ("provider", "client")
"""Columns that go where there is no room. The three axes always stay."""


def columns(seat: Seat, queue: str) -> list[Column]:
    """A list grouped by an axis drops that column."""
    names = ["age", "corporation", "number", "client", "provider", "state", "certainty"]
    if queue not in GROUPED:
        names.append("work")
    names += ["cause", "next"]
    return check_columns(seat, names, record_of, lambda row: row.item.since)


def group_maker(seat: Seat) -> Callable[[QueueRow], Group]:
    """The heading above rows of one work state."""

    def group(row: QueueRow) -> Group:
        look = tokens().badges[words.work_key(row.item.record)]
        count = wording.format_count(row.in_group) if row.in_group is not None else ""
        return Group(row.item.record.work.state, look.word(seat.language), look.shape, look.tone, count)

    return group


def read_rows(queue: str, text: str) -> Callable[[Desk, object, int], Rows]:
    """For a PagedModel: one page of the queue, of those that fit the text."""
    wanted = _folded(text)

    def read(desk: Desk, cursor: object, limit: int) -> Rows:
        after = str(cursor) if cursor else None
        if not wanted:
            page = desk.recovery.queue(queue, limit, after)
            return Rows(_counted(page.items, whole=after is None and page.next_cursor is None), page.next_cursor)
        return _filtered(desk, queue, wanted, after, limit)

    return read


def _filtered(desk: Desk, queue: str, wanted: str, after: str | None, limit: int) -> Rows:
    """Looks through some thousand records at most, then hands over what fits so far; the rest comes on scrolling."""
    found: list[QueueItem] = []
    first = after is None
    for _ in range(_MOST_READS):
        page = desk.recovery.queue(queue, _READ, after)
        found += [item for item in page.items if _fits(item, wanted)]
        after = page.next_cursor
        if after is None or len(found) >= limit:
            break
    return Rows(_counted(found, whole=first and after is None), after)


def _fits(item: QueueItem, wanted: str) -> bool:
    record = item.record
    digits = wanted.replace(" ", "").replace("-", "")
    by_number = digits.isdecimal() and (record.corporation_number.startswith(digits) or str(record.id) == digits)
    return by_number or wanted in _folded(record.company_name or "")


def _folded(text: str) -> str:
    """Compared whatever the width and case."""
    return unicodedata.normalize("NFKC", text).casefold().strip()


def _counted(items: Sequence[QueueItem], *, whole: bool) -> list[QueueRow]:
    totals: dict[object, int] = {}
    for item in items:
        state = item.record.work.state
        totals[state] = totals.get(state, 0) + 1
    return [QueueRow(item, totals[item.record.work.state] if whole else None) for item in items]
