"""PayPay's daily file of payments and refunds. PayPay has no other list of payments; a record that is missing in the
file doesn't exist at PayPay.

The file is in Shift_JIS with one record on each line. It comes from outside, so each line is checked, and accepted or
refused, independently of the others.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import BinaryIO
from urllib.parse import urlsplit

from console.domain.calendar_days import JST, convert_to_local
from console.domain.clock import Clock, TimeScale
from console.domain.errors import ConsoleError
from console.domain.money import Money
from console.domain.payments.states import PaymentState, RefundState
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.reconciliation.provider_rows import HistoryRow, RefusedRow
from console.providers.http.answer_outcomes import UNREADABLE_REASON
from console.providers.http.failure_outcomes import CUT_REASON
from console.providers.http.rate_limiter import RateLimiter
from console.providers.http.single_request import SingleRequest, make_unsent_outcome, send_once
from console.providers.http.transport import MEBIBYTE, HttpAnswer, HttpTransport
from console.providers.payments.daily_files import HistoryRowIndex
from console.providers.paypay.responses import is_valid_id

LARGEST_FILE_BYTES = 32 * MEBIBYTE
LONGEST_LINE_BYTES = 8 << 10
READ_TIMEOUT_SECONDS = 30.0
BUDGET_SECONDS = 300.0
STATES_BY_LINE_STATUS: Mapping[str, tuple[PaymentState, RefundState | None]] = {
    "取引完了": (PaymentState.PAYMENT_SUCCESS, None),
    "取引失敗": (PaymentState.PAYMENT_FAILED, None),
    "返金完了": (PaymentState.PAYMENT_SUCCESS, RefundState.COMPLETED),
    "返金失敗": (PaymentState.PAYMENT_SUCCESS, RefundState.FAILED),
}
"""Meaning of a line's status in the daily file: the state of the payment and, for a line about a refund, the state of
the refund.
"""
_PAYMENT_COLUMN = "決済番号"
_STATE_COLUMN = "取引ステータス"
_TIME_COLUMN = "取引日時"
_AMOUNT_COLUMN = "取引金額"
_MERCHANT_COLUMN = "加盟店ID"
_METHOD_COLUMN = "支払い方法"
_MERCHANT_PAYMENT_COLUMN = "マーチャント決済ID"
_NEEDED_COLUMNS = (
    _PAYMENT_COLUMN,
    _MERCHANT_COLUMN,
    _STATE_COLUMN,
    _TIME_COLUMN,
    _AMOUNT_COLUMN,
    _METHOD_COLUMN,
    _MERCHANT_PAYMENT_COLUMN,
)
_YEN_PATTERN = re.compile(r"-?[1-9][0-9]{0,10}")
_FORMULA_PREFIXES = ("=", "+", "@", "\t", "\r")
_LONGEST_METHOD_CHARACTERS = 64
_FILE_NAME_PATTERN = re.compile(r"transaction_([A-Za-z0-9]+)_([0-9]{8})000000_([0-9]{8})235959_v2\.csv")


class InvalidDailyFile(Exception):
    """The bytes aren't a PayPay daily file: a column is missing, or the text isn't CSV."""


@dataclass(frozen=True, slots=True)
class DailyFileName:
    """Parts of a daily file's name: the merchant id, and the first and the last day in Japan."""

    merchant_id: str
    first_day: date
    last_day: date


def parse_file_name(url: str) -> DailyFileName | None:
    """Return the parts of the daily file's name in a URL; None for a URL without such a name."""
    try:
        match = _FILE_NAME_PATTERN.fullmatch(urlsplit(url).path.rpartition("/")[2])
        return DailyFileName(match[1], _parse_day(match[2]), _parse_day(match[3])) if match else None
    except ValueError:
        return None


def _parse_day(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


class DailyFileReader:
    """Reads the lines of a merchant's daily file of the day `day` as history rows. `index` stores the accepted rows
    and finds repeated rows."""

    def __init__(self, stream: BinaryIO, merchant_id: str, day: date, index: HistoryRowIndex) -> None:
        """Read the first line of `stream`, PayPay's daily file of the Japanese day `day` for the merchant
        `merchant_id`. `index` recognizes repeated rows. Raises InvalidDailyFile if the line isn't the header of a
        daily file."""
        self._stream, self._merchant_id, self._day, self._index = stream, merchant_id, day, index
        self._header = _read_header(stream)

    def __iter__(self) -> Iterator[HistoryRow | RefusedRow]:
        """Yield an accepted or refused row for every non-empty line, in the sequence of the file. A row's `key` is
        the day and the line number (the first record is in line 2).
        """
        number = 1
        while line := self._stream.readline(LONGEST_LINE_BYTES):
            number += 1
            key = f"{self._day.isoformat()}:{number:08}"
            if line.endswith(b"\n") or len(line) < LONGEST_LINE_BYTES:
                if line.strip():
                    yield self._read_line(key, line)
            else:
                _skip_line(self._stream)
                yield RefusedRow(key, "too_long")

    def _read_line(self, key: str, line: bytes) -> HistoryRow | RefusedRow:
        """Return the accepted row of a line, or a refused row with the code of the reason: `duplicate` if an equal
        row was accepted before, otherwise the code of the first error in the line. `key` identifies the row in the
        file."""
        cells: Mapping[str, str] = {}
        try:
            cells = self._split_cells(line)
            row = self._parse_row(key, cells)
        except _RefusedLine as refusal:
            payment_id = cells.get(_PAYMENT_COLUMN, "")
            return RefusedRow(key, str(refusal), payment_id if is_valid_id(payment_id) else None)
        return row if self._index.add_row_if_new(row) else RefusedRow(key, "duplicate", row.provider_payment_id)

    def _split_cells(self, line: bytes) -> Mapping[str, str]:
        """Return the cells of a line by column name, for the columns that this program reads.

        Raises _RefusedLine `columns` for a complete line (with a line end) that isn't CSV or has another number of
        cells than the header. Raises _RefusedLine `truncated` for a line without a line end if it has one of these
        defects, or if its last cell is in a column that this program reads: PayPay may have sent the file before it
        was completely written.
        """
        is_whole = line.endswith(b"\n")
        bad_form = "columns" if is_whole else "truncated"
        try:
            cells = next(csv.reader([line.decode("cp932", "replace").rstrip("\r\n")], strict=True))
        except (csv.Error, StopIteration):
            raise _RefusedLine(bad_form) from None
        if len(cells) != len(self._header) or not (is_whole or self._header[-1] not in _NEEDED_COLUMNS):
            raise _RefusedLine(bad_form)
        return {name: cell.strip() for name, cell in zip(self._header, cells, strict=True) if name in _NEEDED_COLUMNS}

    def _parse_row(self, key: str, cells: Mapping[str, str]) -> HistoryRow:
        """Return the history row that `cells`, the cells of a line by column name, state; `key` identifies the row in
        the file. Raises _RefusedLine with the code of the first wrong cell."""
        _require_condition(not any(cell.startswith(_FORMULA_PREFIXES) for cell in cells.values()), "formula")
        payment_id, merchant_payment_id = cells[_PAYMENT_COLUMN], cells[_MERCHANT_PAYMENT_COLUMN] or None
        _require_condition(
            is_valid_id(payment_id) and (merchant_payment_id is None or is_valid_id(merchant_payment_id)),
            "id",
        )
        _require_condition(cells[_MERCHANT_COLUMN] == self._merchant_id, "other_merchant")
        _require_condition(cells[_STATE_COLUMN] in STATES_BY_LINE_STATUS, "state")
        state, refund = STATES_BY_LINE_STATUS[cells[_STATE_COLUMN]]
        amount = _parse_amount(cells[_AMOUNT_COLUMN], is_negative=refund is not None)
        at = _parse_instant(cells[_TIME_COLUMN])
        _require_condition(convert_to_local(at, JST).date() == self._day, "other_day")
        method = cells[_METHOD_COLUMN][:_LONGEST_METHOD_CHARACTERS] or None
        return HistoryRow(
            key, payment_id, merchant_payment_id, state, cells[_STATE_COLUMN], at, amount, refund, method
        )


class _RefusedLine(Exception):
    """A line of the daily file is refused; the text of the exception is the code of the reason."""


def _require_condition(condition: object, reason: str) -> None:
    """Raise _RefusedLine with the code `reason` unless the condition is true."""
    if not condition:
        raise _RefusedLine(reason)


def _read_header(stream: BinaryIO) -> Sequence[str]:
    """Return the column names in the first line. Raises InvalidDailyFile if the line isn't CSV or a needed column is
    missing."""
    line = stream.readline(LONGEST_LINE_BYTES)
    try:
        names = next(csv.reader([line.decode("cp932").rstrip("\r\n")], strict=True), [])
    except (csv.Error, UnicodeDecodeError):
        raise InvalidDailyFile("no list") from None
    names = [name.strip() for name in names]
    if not line.endswith(b"\n") or any(names.count(name) != 1 for name in _NEEDED_COLUMNS):
        raise InvalidDailyFile("a column is missing")
    return names


def _skip_line(stream: BinaryIO) -> None:
    """Read to the end of a line that is longer than LONGEST_LINE_BYTES, without storing it."""
    while (remainder := stream.readline(LONGEST_LINE_BYTES)) and not remainder.endswith(b"\n"):
        pass


def _parse_amount(text: str, *, is_negative: bool) -> Money:
    """Return the amount in a cell (whole yen) without its sign. `is_negative` is True for a refund, whose amount is
    negative in the file. Raises _RefusedLine `amount` for any other text or sign."""
    _require_condition(_YEN_PATTERN.fullmatch(text) and text.startswith("-") == is_negative, "amount")
    return Money(int(text.removeprefix("-")), "JPY")


def _parse_instant(text: str) -> datetime:
    """Return the time (UTC) that a cell states. A text without a time zone is Japanese time. Raises _RefusedLine
    `time` for any other text.
    """
    try:
        instant = datetime.fromisoformat(text.replace("/", "-"))
        return (instant.replace(tzinfo=JST) if instant.tzinfo is None else instant).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _RefusedLine("time") from None


def fetch_daily_file(
    url: str, *, hosts: Sequence[str], rate_limiter: RateLimiter, clock: Clock, scale: TimeScale
) -> Outcome[bytes]:
    """Download the daily file from the URL of a notice, only from one of the allowed origins `hosts`
    (`https://host[:port]`), and return the outcome with the bytes of the file. For a URL of another origin nothing is
    sent, and the outcome is UNKNOWN with the reason `address_not_allowed`.

    The request has no credentials: the URL contains its own signature. The download is a read; its outcome decides
    nothing about money.
    """
    try:
        url_parts = urlsplit(url)
        origin = f"{url_parts.scheme}://{url_parts.netloc}"
        transport = HttpTransport(origin, clock=clock, scale=scale) if origin in hosts else None
    except (ValueError, ConsoleError):
        transport = None
    if transport is None:
        return make_unsent_outcome("address_not_allowed", has_effect=False)
    path = f"{url_parts.path}?{url_parts.query}" if url_parts.query else url_parts.path
    request = SingleRequest(
        "GET", path, READ_TIMEOUT_SECONDS, BUDGET_SECONDS, LARGEST_FILE_BYTES, accepts_stored_answer=True
    )
    return send_once(transport, rate_limiter, request, _convert_answer, headers={"Accept": "text/csv"})


def _convert_answer(answer: HttpAnswer) -> Outcome[bytes]:
    """Return the outcome of a download, made from the HTTP answer with the daily file. It is NOT_FOUND for status
    404, and UNKNOWN for any other status than 200, or if the body isn't a daily file. It is also UNKNOWN if the
    headers don't say where the body ends: the file may then be cut, and the missing lines would count as missing at
    PayPay. The evidence is the file's size and hash, not its content.
    """
    evidence = f"recon file, {len(answer.body)} bytes"
    if answer.status != 200:
        reason = "redirect" if 300 <= answer.status < 400 else f"http_{answer.status}"
        outcome_class = OutcomeClass.NOT_FOUND if answer.status == 404 else OutcomeClass.UNKNOWN
        return Outcome(outcome_class, reason, SendingCertainty.YES, None, answer.status, evidence, answer.sha256)
    defect = None if answer.is_end_declared else CUT_REASON
    try:
        _read_header(io.BytesIO(answer.body))
    except InvalidDailyFile:
        defect = UNREADABLE_REASON
    if defect is not None:
        return Outcome(OutcomeClass.UNKNOWN, defect, SendingCertainty.YES, None, 200, evidence, answer.sha256)
    return Outcome(
        OutcomeClass.SUCCEEDED, "answered", SendingCertainty.YES, answer.body, 200, evidence, answer.sha256
    )
