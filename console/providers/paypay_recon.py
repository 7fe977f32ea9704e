"""PayPay's daily list of payments and refunds: the only list there is, and the last word on what is not found."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import urlsplit

from console.domain.clock import Clock, TimeScale
from console.domain.dates import JST
from console.domain.errors import ConsoleError
from console.domain.money import Money, NotAnAmount, money_from_text
from console.domain.outcomes import Outcome, OutcomeClass, Sent
from console.providers.asking import Question, ask_once, never_sent
from console.providers.protocol import RateGate
from console.providers.transport import MEBIBYTE, HttpAnswer, HttpTransport

T = TypeVar("T")

LARGEST_FILE_BYTES = 64 * MEBIBYTE
READ_TIMEOUT_SECONDS, BUDGET_SECONDS = 30.0, 300.0
STATES = {
    "取引完了": "COMPLETED",
    "取引失敗": "FAILED",
    "返金完了": "REFUNDED",
    "返金失敗": "REFUND_FAILED",
}
_PAYMENT, _STATE, _AT, _AMOUNT = "決済番号", "取引ステータス", "取引日時", "取引金額"
_METHOD, _OURS = "支払い方法", "マーチャント決済ID"
_NEEDED = (_PAYMENT, _STATE, _AT, _AMOUNT, _OURS)
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LONGEST_METHOD = 64


@dataclass(frozen=True, slots=True)
class ReconRow:
    """One line: a payment or a refund of it. `amount` is what moved, whichever way; `at` is UTC."""

    payment_id: str
    merchant_payment_id: str | None
    state: str
    at: datetime
    amount: Money
    method: str | None = None

    @property
    def is_refund(self) -> bool:
        return self.state in ("REFUNDED", "REFUND_FAILED")


@dataclass(frozen=True, slots=True)
class ReconFile:
    """A whole file; `unreadable` holds the numbers of the lines that could not be read, from 1 for the header."""

    rows: tuple[ReconRow, ...]
    unreadable: tuple[int, ...]


class NoReconFile(Exception):
    """The bytes are no such file: a column is missing, or it is no list at all."""


def read_recon(content: bytes) -> ReconFile:
    """All lines of a file in Shift_JIS; raises NoReconFile. One bad line spoils only itself."""
    lines = csv.reader(io.StringIO(content.decode("cp932", "replace"), newline=""))
    rows: list[ReconRow] = []
    unreadable: list[int] = []
    try:
        places = _places(next(lines, []))
        for cells in lines:
            row = _row(cells, places) if cells else None
            if row is not None:
                rows.append(row)
            elif cells:
                unreadable.append(lines.line_num)
    except csv.Error:
        raise NoReconFile("no list") from None
    return ReconFile(tuple(rows), tuple(unreadable))


def _places(header: Sequence[str]) -> dict[str, int]:
    places = {name.strip().strip('"'): place for place, name in enumerate(header)}
    if not all(name in places for name in _NEEDED):
        raise NoReconFile("a column is missing")
    return places


def _row(cells: Sequence[str], places: dict[str, int]) -> ReconRow | None:
    """The line, or None when any part that matters can't be read."""
    try:
        said = {name: cells[place].strip() for name, place in places.items()}
        state = STATES[said[_STATE]]
        amount = money_from_text(said[_AMOUNT].removeprefix("-"), "JPY")
        at = _instant(said[_AT])
    except (IndexError, KeyError, ValueError, NotAnAmount):
        return None
    ours = said[_OURS] or None
    if not _ID.fullmatch(said[_PAYMENT]) or not (ours is None or _ID.fullmatch(ours)):
        return None
    return ReconRow(said[_PAYMENT], ours, state, at, amount, said.get(_METHOD, "")[:_LONGEST_METHOD] or None)


def _instant(text: str) -> datetime:
    """An instant; without a zone it is Japanese time."""
    found = datetime.fromisoformat(text.replace("/", "-"))
    return (found.replace(tzinfo=JST) if found.tzinfo is None else found).astimezone(UTC)


def fetch_recon(
    url: str, *, hosts: Sequence[str], gate: RateGate, clock: Clock, scale: TimeScale
) -> Outcome[ReconFile]:
    """Fetch and read the file that a notice named, from one of the allowed origins only (`https://host[:port]`).

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


def _judge(answer: HttpAnswer) -> Outcome[ReconFile]:
    """The file itself is no evidence to keep in a record: its hash is."""
    told = f"recon file, {len(answer.body)} bytes"
    if answer.status != 200:
        reason = "redirect" if 300 <= answer.status < 400 else f"http_{answer.status}"
        kind = OutcomeClass.NOT_FOUND if answer.status == 404 else OutcomeClass.UNKNOWN
        return Outcome(kind, reason, Sent.YES, None, answer.status, told, answer.sha256)
    try:
        found = read_recon(answer.body)
    except NoReconFile:
        return Outcome(OutcomeClass.UNKNOWN, "unreadable", Sent.YES, None, 200, told, answer.sha256)
    return Outcome(OutcomeClass.SUCCEEDED, "answered", Sent.YES, found, 200, told, answer.sha256)
