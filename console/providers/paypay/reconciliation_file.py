"""PayPay's daily list of payments and refunds: the only list there is, and the last word on what is not found.

A file in Shift_JIS, one record a line. It is a stranger's text: each line is believed or refused by itself.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import BinaryIO, Protocol
from urllib.parse import urlsplit

from console.domain.clock import Clock, TimeScale
from console.domain.dates import JST
from console.domain.errors import ConsoleError
from console.domain.history_records import HistoryRow, RefusedRow
from console.domain.money import Money
from console.domain.outcomes import Outcome, OutcomeClass, Sent
from console.domain.payment_states import PaymentState, RefundState
from console.providers.asking import Question, ask_once, never_sent
from console.providers.protocol import RateGate
from console.providers.transport import MEBIBYTE, HttpAnswer, HttpTransport

LARGEST_FILE_BYTES = 32 * MEBIBYTE
LONGEST_LINE_BYTES = 8 << 10
READ_TIMEOUT_SECONDS, BUDGET_SECONDS = 30.0, 300.0
STATES: Mapping[str, tuple[PaymentState, RefundState | None]] = {
    "取引完了": (PaymentState.PAYMENT_SUCCESS, None),
    "取引失敗": (PaymentState.PAYMENT_FAILED, None),
    "返金完了": (PaymentState.PAYMENT_SUCCESS, RefundState.COMPLETED),
    "返金失敗": (PaymentState.PAYMENT_SUCCESS, RefundState.FAILED),
}
"""What a line's status says of the payment, and of a refund of it."""
_PAYMENT, _STATE, _AT, _AMOUNT = "決済番号", "取引ステータス", "取引日時", "取引金額"
_MERCHANT, _METHOD, _OURS = "加盟店ID", "支払い方法", "マーチャント決済ID"
_READ = (_PAYMENT, _MERCHANT, _STATE, _AT, _AMOUNT, _METHOD, _OURS)
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_YEN = re.compile(r"-?[1-9][0-9]{0,10}")
_FORMULA = ("=", "+", "@", "\t", "\r")
_LONGEST_METHOD = 64
_NAME = re.compile(r"transaction_([A-Za-z0-9]+)_([0-9]{8})000000_([0-9]{8})235959_v2\.csv")


class NoReconFile(Exception):
    """The bytes are no such file: a column is missing, or it is no list at all."""


@dataclass(frozen=True, slots=True)
class FileName:
    """What an address says of the file: whose it is, and its first and last day in Japan."""

    merchant: str
    first: date
    last: date


def name_of(url: str) -> FileName | None:
    """The file that an address names; None for an address of anything else."""
    try:
        found = _NAME.fullmatch(urlsplit(url).path.rpartition("/")[2])
        return FileName(found[1], _day(found[2]), _day(found[3])) if found else None
    except ValueError:
        return None


def _day(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


class Index(Protocol):
    """Knows what was told before."""

    def add(self, row: HistoryRow) -> bool:
        """Take a row in; False when the same was told before."""
        ...


class ReconReader:
    """Reads a day's file of one merchant line by line. `index` takes in what is believed, and knows repetitions."""

    def __init__(self, stream: BinaryIO, merchant: str, day: date, index: Index) -> None:
        """Raises NoReconFile where the first line is no header of such a file."""
        self._stream, self._merchant, self._day, self._index = stream, merchant, day, index
        self._header = _header(stream)

    def __iter__(self) -> Iterator[HistoryRow | RefusedRow]:
        """Every line but empty ones, in the file's order; `key` is day and line, from 2 for the first record."""
        number = 1
        while line := self._stream.readline(LONGEST_LINE_BYTES):
            number += 1
            key = f"{self._day.isoformat()}:{number:08}"
            if line.endswith(b"\n") or len(line) < LONGEST_LINE_BYTES:
                if line.strip():
                    yield self._read(key, line)
            else:
                _skip_line(self._stream)
                yield RefusedRow(key, "too_long")

    def _read(self, key: str, line: bytes) -> HistoryRow | RefusedRow:
        said: Mapping[str, str] = {}
        try:
            said = self._cells(line)
            row = self._row(key, said)
        except _Refused as why:
            theirs = said.get(_PAYMENT, "")
            return RefusedRow(key, str(why), theirs if _ID.fullmatch(theirs) else None)
        return row if self._index.add(row) else RefusedRow(key, "duplicate", row.provider_payment_id)

    def _cells(self, line: bytes) -> Mapping[str, str]:
        """The cells that are read, by column. A line that ends with the file is a cut one when it has too few."""
        bad_form = "columns" if line.endswith(b"\n") else "truncated"
        try:
            cells = next(csv.reader([line.decode("cp932", "replace").rstrip("\r\n")], strict=True))
        except (csv.Error, StopIteration):
            raise _Refused(bad_form) from None
        if len(cells) != len(self._header):
            raise _Refused(bad_form)
        return {name: cell.strip() for name, cell in zip(self._header, cells, strict=True) if name in _READ}

    def _row(self, key: str, said: Mapping[str, str]) -> HistoryRow:
        _require(not any(cell.startswith(_FORMULA) for cell in said.values()), "formula")
        theirs, ours = said[_PAYMENT], said[_OURS] or None
        _require(_ID.fullmatch(theirs) and (ours is None or _ID.fullmatch(ours)), "id")
        _require(said[_MERCHANT] == self._merchant, "other_merchant")
        _require(said[_STATE] in STATES, "state")
        state, refund = STATES[said[_STATE]]
        amount = _amount(said[_AMOUNT], negative=refund is not None)
        at = _instant(said[_AT])
        _require(at.astimezone(JST).date() == self._day, "other_day")
        method = said[_METHOD][:_LONGEST_METHOD] or None
        return HistoryRow(key, theirs, ours, state, said[_STATE], at, amount, refund, method)


class _Refused(Exception):
    """Why a line is not believed."""


def _require(good: object, reason: str) -> None:
    if not good:
        raise _Refused(reason)


def _header(stream: BinaryIO) -> Sequence[str]:
    line = stream.readline(LONGEST_LINE_BYTES)
    try:
        names = next(csv.reader([line.decode("cp932").rstrip("\r\n")], strict=True), [])
    except (csv.Error, UnicodeDecodeError):
        raise NoReconFile("no list") from None
    names = [name.strip() for name in names]
    if not line.endswith(b"\n") or any(names.count(name) != 1 for name in _READ):
        raise NoReconFile("a column is missing")
    return names


def _skip_line(stream: BinaryIO) -> None:
    while (rest := stream.readline(LONGEST_LINE_BYTES)) and not rest.endswith(b"\n"):
        pass


def _amount(text: str, *, negative: bool) -> Money:
    """Whole yen without its sign: what went back stands below zero, anything else above it."""
    _require(_YEN.fullmatch(text) and text.startswith("-") == negative, "amount")
    return Money(int(text.removeprefix("-")), "JPY")


def _instant(text: str) -> datetime:
    """An instant; without a zone it is Japanese time."""
    try:
        found = datetime.fromisoformat(text.replace("/", "-"))
        return (found.replace(tzinfo=JST) if found.tzinfo is None else found).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _Refused("time") from None


def fetch_recon(url: str, *, hosts: Sequence[str], gate: RateGate, clock: Clock, scale: TimeScale) -> Outcome[bytes]:
    """Fetch the file that a notice named, from one of the allowed origins only (`https://host[:port]`).

    No key of ours is sent: the address carries its own permission. A read: nothing it says is final for money.
    """
    try:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        transport = HttpTransport(origin, clock=clock, scale=scale) if origin in hosts else None
    except (ValueError, ConsoleError):
        transport = None
    if transport is None:
        return never_sent("address_not_allowed", buys=False)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    question = Question("GET", path, READ_TIMEOUT_SECONDS, BUDGET_SECONDS, LARGEST_FILE_BYTES)
    return ask_once(transport, gate, question, _judge, headers={"Accept": "text/csv"})


def _judge(answer: HttpAnswer) -> Outcome[bytes]:
    """The file itself is no evidence to keep in a record: its hash is."""
    told = f"recon file, {len(answer.body)} bytes"
    if answer.status != 200:
        reason = "redirect" if 300 <= answer.status < 400 else f"http_{answer.status}"
        kind = OutcomeClass.NOT_FOUND if answer.status == 404 else OutcomeClass.UNKNOWN
        return Outcome(kind, reason, Sent.YES, None, answer.status, told, answer.sha256)
    try:
        _header(io.BytesIO(answer.body))
    except NoReconFile:
        return Outcome(OutcomeClass.UNKNOWN, "unreadable", Sent.YES, None, 200, told, answer.sha256)
    return Outcome(OutcomeClass.SUCCEEDED, "answered", Sent.YES, answer.body, 200, told, answer.sha256)
