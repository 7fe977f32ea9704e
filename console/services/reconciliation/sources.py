"""Histories to reconcile with: PayPay's files, and for a mere source of notices the notices themselves. Atom gives
none: its payments are asked about one by one.
"""

import io
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Protocol

from console.domain.dates import day_begins, day_ended
from console.domain.history_records import HistoryRow, RefusedRow
from console.domain.money import MINOR_DIGITS, Money
from console.domain.order_records import Payment
from console.domain.payment_news import Way
from console.domain.payment_states import PaymentState, RefundState
from console.services.desk import Desk
from console.services.notice_signed import number_of
from console.services.payment_vendors import NOTICE_WORDS
from console.store import history_reads, payment_events
from console.store.history_index import HistoryIndex
from console.store.history_reads import Told

PAGE = 200
MOST_REFUSED = 1_000
"""So many rows of a history that are not believed spoil all of it."""


class HistorySource(Protocol):
    """What a provider says happened in some days, row by row, in an order that never changes."""

    way: Way
    """How much it proves: a `read` is the provider's own answer, a `notice` is signed and all that there is."""

    def rows(self, after: str | None) -> Iterator[HistoryRow | RefusedRow]:
        """Its rows after the one of that key. Read again it tells the same."""
        ...

    def whole(self) -> bool:
        """Whether all of it could be read, so that what it does not tell of is missing there."""
        ...

    def holds(self, payment: Payment) -> bool:
        """Whether it tells that this payment was paid."""
        ...

    def refund_times(self, provider_payment_id: str, minor: int) -> tuple[datetime, ...] | None:
        """When refunds of that sum of the payment were done, as far as it was read; None: it tells of no refunds."""
        ...

    def named(self, key: str) -> str:
        """Where a row stands, as evidence names it."""
        ...

    def close(self) -> None: ...


class PayPayFiles:
    """A file for each day. One day's bytes are held at a time, its rows never."""

    way = Way.READ

    def __init__(self, merchant: str, files: Mapping[date, tuple[str, Callable[[], bytes]]]) -> None:
        """`files`: by day the hash of the file, and how to get it."""
        self._merchant, self._files = merchant, files
        self._index, self._read, self._refused = HistoryIndex(), False, 0

    def rows(self, after: str | None) -> Iterator[HistoryRow | RefusedRow]:
        """What is passed over is read too: it may be repeated later, and the other half asks about it."""
        self._begin_again()
        for day in sorted(self._files):
            for row in self._rows_of(day):
                if isinstance(row, RefusedRow):
                    self._refused += 1
                if after is None or row.key > after:
                    yield row
        self._read = True

    def _begin_again(self) -> None:
        self._index.close()
        self._index, self._read, self._refused = HistoryIndex(), False, 0

    def _rows_of(self, day: date) -> Iterator[HistoryRow | RefusedRow]:
        from console.providers.paypay_recon import ReconReader

        yield from ReconReader(io.BytesIO(self._files[day][1]()), self._merchant, day, self._index)

    def _fill(self) -> None:
        if not self._read:
            for _ in self.rows(None):
                pass

    def whole(self) -> bool:
        self._fill()
        return self._refused == 0

    def holds(self, payment: Payment) -> bool:
        self._fill()
        theirs = payment.provider_payment_id
        return theirs is not None and self._index.holds(theirs)

    def refund_times(self, provider_payment_id: str, minor: int) -> tuple[datetime, ...] | None:
        return self._index.refund_times(provider_payment_id, minor, RefundState.COMPLETED)

    def named(self, key: str) -> str:
        return self._files[date.fromisoformat(key[:10])][0]

    def close(self) -> None:
        self._index.close()


class NoticeList:
    """What a source of signed notices told of these days (of Japan), one event a row."""

    way = Way.NOTICE

    def __init__(self, desk: Desk, source: str, first: date, last: date) -> None:
        self._desk, self._source = desk, source
        self._from, self._until = day_begins(first), day_ended(last)

    def rows(self, after: str | None) -> Iterator[HistoryRow | RefusedRow]:
        mark = _mark(after) if after else (self._from, 0)
        while found := self._page(mark):
            yield from filter(None, map(_row, found))
            mark = found[-1].at, found[-1].id

    def _page(self, mark: history_reads.Mark) -> tuple[Told, ...]:
        with self._desk.database.read() as conn:
            return history_reads.told(conn, self._source, mark, self._until, PAGE)

    def whole(self) -> bool:
        return True

    def holds(self, payment: Payment) -> bool:
        with self._desk.database.read() as conn:
            events = payment_events.of_payment(conn, payment.id)
        return any(NOTICE_WORDS.get(one.kind) is PaymentState.PAYMENT_SUCCESS for one in events)

    def refund_times(self, provider_payment_id: str, minor: int) -> tuple[datetime, ...] | None:
        return None

    def named(self, key: str) -> str:
        return f"{self._source} {key.partition('|')[2]}"

    def close(self) -> None:
        """Nothing is held."""


def _mark(key: str) -> history_reads.Mark:
    at, _, number = key.partition("|")
    return datetime.fromisoformat(at), int(number)


def _row(one: Told) -> HistoryRow | None:
    """None for a notice that says nothing of a payment."""
    state, currency = NOTICE_WORDS.get(one.kind), one.currency or ""
    if state is None or currency not in MINOR_DIGITS or one.amount_minor is None:
        return None
    key = f"{one.at.isoformat(timespec='microseconds')}|{one.id}"
    theirs = number_of(one.event_id) if state is PaymentState.PAYMENT_SUCCESS else None
    amount = Money(one.amount_minor, currency)
    return HistoryRow(key, theirs, one.order_no, state, one.kind, one.at, amount)
