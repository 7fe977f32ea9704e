"""The rows of a queue: read page by page, grouped by work state where that says something, filtered by a text."""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from console import wording
from console.domain.order_records import Order, Payment
from console.domain.records import CreditCheck
from console.domain.results import QueueItem
from console.views import case_words
from console.views.case_words import Case
from console.views.desk_api import Desk
from console.views.look.tokens import tokens
from console.views.pages.case_columns import EVERYTHING, case_columns
from console.views.pages.columns import check_columns
from console.views.routes import Ref
from console.views.seat import Seat
from console.views.tables.book import Page as Rows
from console.views.tables.columns import Column, Group, check_column

QUEUES = ("review", "unknown", "refunds", "incomplete", "pending", "error")
GROUPED = frozenset({"unknown"})
_READ = 1_000
_MOST_READS = 5


@dataclass(frozen=True, slots=True)
class QueueRow:
    """An item, and how many are in its group where the whole queue is known."""

    item: QueueItem
    in_group: int | None = None


def key_of(row: QueueRow) -> Ref:
    return case_words.ref_of(row.item.record)


def record_of(row: QueueRow) -> Case:
    return row.item.record


SPARE = ("number", "provider", "kind", "next", "people")
"""Columns that go where there is no room. The three axes always stay."""


def columns(seat: Seat, queue: str) -> list[Column]:
    """A list grouped by an axis drops that column."""
    return [check_column(), *_columns_of(seat, queue)]


def _columns_of(seat: Seat, queue: str) -> list[Column]:
    if queue == "incomplete":  # credit checks alone
        names = ["age", "corporation", "number", "client", "provider", "state", "certainty", "work", "cause", "next"]
        return check_columns(seat, names, _check_of, lambda row: row.item.since)
    if queue == "refunds":
        names = ["age", "name", "people", "amount", "state", "certainty", "work", "cause", "next"]
        return case_columns(seat, names, record_of, lambda row: row.item.since, ("refund",))
    names = ["age", "company", "number", "kind", "name", "provider", "amount", "state", "certainty"]
    if queue not in GROUPED:
        names.append("work")
    names += ["cause", "next"]
    waits = queue in ("pending", "unknown")  # elsewhere nobody waits for a payer, whose word is long
    kinds = [kind for kind in EVERYTHING if waits or kind != "waiting"]
    return case_columns(seat, names, record_of, lambda row: row.item.since, kinds)


def _check_of(row: QueueRow) -> CreditCheck:
    record = row.item.record
    assert isinstance(record, CreditCheck)  # noqa: S101  # what this queue holds: tells the type checker
    return record


def group_maker(seat: Seat) -> Callable[[QueueRow], Group]:
    """The heading above rows of one work state."""

    def group(row: QueueRow) -> Group:
        look = tokens().badges[f"work.{row.item.record.work.state.value}"]
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
    number = case_words.number_of(record)
    if digits.isdecimal() and (number.startswith(digits) or str(record.id) == digits):
        return True
    return any(wanted in _folded(text) for text in _texts(record))


def _texts(record: Case) -> tuple[str, ...]:
    """By what people look for it."""
    match record:
        case CreditCheck():
            return (record.company_name or "",)
        case Payment():
            return record.merchant_payment_id, record.provider_payment_id or "", record.payer or ""
        case Order():
            return (record.merch_txn_id,)
    return record.provider_refund_key or "", record.provider_refund_id or "", f"r-{record.id}"


def _folded(text: str) -> str:
    """Compared whatever the width and case."""
    return unicodedata.normalize("NFKC", text).casefold().strip()


def _counted(items: Sequence[QueueItem], *, whole: bool) -> list[QueueRow]:
    totals: dict[object, int] = {}
    for item in items:
        state = item.record.work.state
        totals[state] = totals.get(state, 0) + 1
    return [QueueRow(item, totals[item.record.work.state] if whole else None) for item in items]
