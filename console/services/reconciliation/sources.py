"""Histories of providers for the reconciliation. A history comes from the provider's daily files, or from the
stored notices of a provider that only sends notices. Other providers have no history: the reconciliation asks
them about each payment.
"""

import io
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, Protocol

from console.domain.calendar_days import get_end_of_japanese_day, get_start_of_japanese_day
from console.domain.payments.records import Payment
from console.domain.payments.report_rules import ReportSource
from console.domain.payments.states import PaymentState, RefundState
from console.domain.reconciliation.provider_rows import HistoryRow, RefusedRow
from console.providers.payments.daily_files import DailyFileFunctions
from console.services.payment_intake.notices import NoticeRefused
from console.services.payment_intake.signed_notices import SignedNoticeHandler, make_provider_payment_id
from console.services.payments.providers import PAYMENT_STATE_BY_NOTICE_TYPE
from console.services.process.context import ServiceContext
from console.store.payments import events as payment_events
from console.store.reconciliation import our_records
from console.store.reconciliation.our_records import TimedEvent
from console.store.reconciliation.row_index import HistoryIndex

ROWS_PER_PAGE = 200
MAX_REFUSED_ROWS = 1_000
"""Largest accepted number of rejected rows in a history. With more rejected rows, the whole history is rejected."""


class HistorySource(Protocol):
    """Interface of a provider's history: its payments and refunds of the days that a reconciliation compares, as rows
    in a fixed sequence. Each row is about one payment or one refund.
    """

    source_kind: ReportSource
    """Strength of the history as proof: `read` if it is the provider's own answer; `notice` if it consists of signed
    notices, which no other answer confirms.
    """

    def read_rows(self, last_key: str | None) -> Iterator[HistoryRow | RefusedRow]:
        """Yield the rows that follow the row with the key `last_key` (None: all rows). Every call yields the same
        rows in the same sequence.
        """
        ...

    def is_complete(self) -> bool:
        """True if a payment or refund that is missing in the history is also missing at the provider; False if a row
        was rejected, because the missing payment or refund may be in this row.
        """
        ...

    def has_paid_payment(self, payment: Payment) -> bool:
        """True if the history reports this payment as paid."""
        ...

    def find_refund_times(self, provider_payment_id: str, amount_minor: int) -> tuple[datetime, ...] | None:
        """Return the times of the completed refunds of one payment that have this amount (minor units), in the rows
        that were read so far. Return an empty tuple if there is none. `provider_payment_id` is the id that the
        provider gave to the payment. Return None if this kind of history never contains refunds, so that a missing
        refund proves nothing.
        """
        ...

    def find_row_source(self, key: str) -> str:
        """Return the name of the file or notice that contains the row with this key. The name is stored in the
        evidence.
        """
        ...

    def close(self) -> None:
        """Release the resources of the history, such as a temporary file."""


class FileHistory:
    """A history in a provider's daily files. At most one day's file is in memory at a time; the rows are not
    stored.
    """

    source_kind = ReportSource.READ

    def __init__(
        self,
        daily_files: DailyFileFunctions[Any],
        merchant_id: str,
        files: Mapping[date, tuple[str, Callable[[], bytes]]],
    ) -> None:
        """Store the arguments. `daily_files` reads the provider's files, `merchant_id` is our merchant id in these
        files. `files` has for each day the SHA-256 of the file and the function that returns its content.
        """
        self._daily_files, self._merchant_id, self._files = daily_files, merchant_id, files
        self._row_index, self._is_read_to_end, self._refused_count = HistoryIndex(), False, 0

    def read_rows(self, last_key: str | None) -> Iterator[HistoryRow | RefusedRow]:
        """Yield the rows that follow the row with the key `last_key` (None: all rows). The method also reads the rows
        before it, because a later row may repeat one of them, and because the second phase of the reconciliation
        searches all rows.
        """
        self._reset_row_index()
        for day in sorted(self._files):
            for row in self._read_rows_of_day(day):
                if isinstance(row, RefusedRow):
                    self._refused_count += 1
                if last_key is None or row.key > last_key:
                    yield row
        self._is_read_to_end = True

    def _reset_row_index(self) -> None:
        self._row_index.close()
        self._row_index, self._is_read_to_end, self._refused_count = HistoryIndex(), False, 0

    def _read_rows_of_day(self, day: date) -> Iterator[HistoryRow | RefusedRow]:
        yield from self._daily_files.read_rows(
            io.BytesIO(self._files[day][1]()), self._merchant_id, day, self._row_index
        )

    def _read_all_files(self) -> None:
        if not self._is_read_to_end:
            for _ in self.read_rows(None):
                pass

    def is_complete(self) -> bool:
        """True if no row was rejected, so that a payment or refund that is missing in the files is also missing at
        the provider. Reads all files first, unless they have been read to the end."""
        self._read_all_files()
        return self._refused_count == 0

    def has_paid_payment(self, payment: Payment) -> bool:
        """True if the files report our payment as paid: by the id that the provider gave to the payment, or by our
        payment number if the payment has no such id. Reads all files first, unless all have been read already.
        """
        self._read_all_files()
        return self._row_index.has_successful_payment(payment.provider_payment_id, payment.merchant_payment_id)

    def find_refund_times(self, provider_payment_id: str, amount_minor: int) -> tuple[datetime, ...] | None:
        """Return the times of the completed refunds of one payment that have this amount (minor units), in the rows
        that were read so far; an empty tuple if there is none. The result is never None, because daily files contain
        refunds. `provider_payment_id` is the id that the provider gave to the payment.
        """
        return self._row_index.list_refund_times(provider_payment_id, amount_minor, RefundState.COMPLETED)

    def find_row_source(self, key: str) -> str:
        """Return the SHA-256 of the daily file that contains the row with this key."""
        return self._files[date.fromisoformat(key[:10])][0]

    def close(self) -> None:
        """Delete the temporary index of the rows that were read."""
        self._row_index.close()


class NoticeHistory:
    """A history made of the stored notices of one source of signed notices, from the first to the last day (days
    in Japan). Each notice is one row.
    """

    source_kind = ReportSource.NOTICE

    def __init__(self, context: ServiceContext, notice_source: str, first_day: date, last_day: date) -> None:
        self._context, self._source, self._notice_handler = context, notice_source, SignedNoticeHandler(context)
        self._begins_at, self._ends_at = get_start_of_japanese_day(first_day), get_end_of_japanese_day(last_day)

    def read_rows(self, last_key: str | None) -> Iterator[HistoryRow | RefusedRow]:
        """Yield the rows that follow the row with the key `last_key` (None: all rows); the stored notices are read
        page by page."""
        page_position = _parse_notice_position(last_key) if last_key else (self._begins_at, 0)
        while page := self._read_notice_page(page_position):
            yield from filter(None, map(self._make_row_of_notice, page))
            page_position = page[-1].at, page[-1].event.id

    def _make_row_of_notice(self, stored_event: TimedEvent) -> HistoryRow | RefusedRow | None:
        """Return the row for the payment in the notice's signed body; a `RefusedRow` if the signature can't be
        verified. Return None for a notice without a payment's state, or if an older program version stored the
        notice without its signature.
        """
        key = f"{stored_event.at.isoformat(timespec='microseconds')}|{stored_event.event.id}"
        if stored_event.event.signature is None and stored_event.event.storing_account is None:
            return None
        try:
            notice = self._notice_handler.verify_event(stored_event.event)
        except NoticeRefused:
            return RefusedRow(key, "unverified")
        state = PAYMENT_STATE_BY_NOTICE_TYPE.get(notice.type)
        if state is None:
            return None
        id_at_provider = make_provider_payment_id(notice.event_id) if state is PaymentState.PAYMENT_SUCCESS else None
        return HistoryRow(key, id_at_provider, notice.order_no, state, notice.type, stored_event.at, notice.amount)

    def _read_notice_page(self, page_position: our_records.PagePosition) -> tuple[TimedEvent, ...]:
        with self._context.database.read() as conn:
            return our_records.list_events_of_source(conn, self._source, page_position, self._ends_at, ROWS_PER_PAGE)

    def is_complete(self) -> bool:
        """Return True, also if a notice was rejected because its signature can't be verified: `has_paid_payment`
        searches all stored notices."""
        return True

    def has_paid_payment(self, payment: Payment) -> bool:
        """True if a stored notice reports the payment as paid."""
        with self._context.database.read() as conn:
            events = payment_events.find_by_payment(conn, payment.id)
        return any(PAYMENT_STATE_BY_NOTICE_TYPE.get(event.kind) is PaymentState.PAYMENT_SUCCESS for event in events)

    def find_refund_times(self, provider_payment_id: str, amount_minor: int) -> tuple[datetime, ...] | None:
        """Return None for every payment and amount: notices report no refunds, so this history can't show whether a
        refund was made."""
        return None

    def find_row_source(self, key: str) -> str:
        """Return the name of the source and the id of the stored notice from which the row with this key is made."""
        return f"{self._source} {key.partition('|')[2]}"

    def close(self) -> None:
        """Do nothing: a list of notices holds no resource. Part of the interface `HistorySource`."""


def _parse_notice_position(key: str) -> our_records.PagePosition:
    at, _, number = key.partition("|")
    return datetime.fromisoformat(at), int(number)
