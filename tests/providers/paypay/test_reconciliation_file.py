"""Tests of PayPay's daily file: the reader reads it as a stream and accepts or refuses each line separately. No
content raises an exception."""

import io
import tracemalloc
from contextlib import closing
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.domain.clock import TimeScale
from console.domain.money import Money
from console.domain.payments.states import PaymentState, RefundState
from console.domain.provider_outcome import Outcome, OutcomeClass
from console.domain.reconciliation.provider_rows import HistoryRow, RefusedRow
from console.providers.paypay.reconciliation_file import (
    DailyFileReader,
    InvalidDailyFile,
    fetch_daily_file,
    parse_file_name,
)
from console.store.reconciliation.row_index import HistoryIndex
from tests.providers.parts import CLOCK, CountingRateLimiter
from tests.providers.raw_server import Script, make_answer_script, make_bytes_script, serve_scripts

FILE_DAY = date(2026, 11, 19)
FILE_HEADER = (
    "決済番号,加盟店ID,屋号,店舗ID,店舗名,端末番号/PosID,取引ステータス,取引日時,取引金額,レシート番号,支払い方法,"
    "マーチャント決済ID,支払い詳細"
)
PAID_LINE = "04212345678901234567,1,架空商事,,,,取引完了,2026-11-19T12:20:01+09:00,3300,,PayPay残高,ORD-1,"
REFUNDED_LINE = '04212345678901234567,1,"架空,商事",,,,返金完了,2026-11-19T13:00:00+09:00,-1000,,PayPay残高,ORD-1,'
FAILED_LINE = "04212345678901234568,1,①商事,,,,取引失敗,2026-11-19T14:00:00+09:00,5,,,,"
ORDINARY_LINES = (PAID_LINE, REFUNDED_LINE, FAILED_LINE)
ReadRow = HistoryRow | RefusedRow


def make_file(*lines: str, header: str = FILE_HEADER, end: str = "\n") -> bytes:
    return ("\n".join((header, *lines)) + end).encode("cp932", "replace")


def read_rows(content: bytes, merchant: str = "1") -> list[ReadRow]:
    with closing(HistoryIndex()) as index:
        return list(DailyFileReader(io.BytesIO(content), merchant, FILE_DAY, index))


def list_refusal_reasons(*lines: str, end: str = "\n") -> list[str | None]:
    """Return the refusal reason of each line of the file; None for an accepted line."""
    return [row.reason if isinstance(row, RefusedRow) else None for row in read_rows(make_file(*lines, end=end))]


def test_rows_of_a_described_daily_file_are_read() -> None:
    """The reader returns the payments and refunds of a daily file with positive amounts and times as instants; their
    keys are in ascending order.
    """
    rows = read_rows(make_file(*ORDINARY_LINES))
    at = datetime(2026, 11, 19, 3, 20, 1, tzinfo=UTC)
    assert rows[0] == HistoryRow(
        "2026-11-19:00000002", "04212345678901234567", "ORD-1", PaymentState.PAYMENT_SUCCESS, "取引完了", at,
        Money(3300, "JPY"), None, "PayPay残高",
    )  # fmt: skip
    accepted_rows = [row for row in rows if isinstance(row, HistoryRow)]
    assert [(row.state, row.refund_state, row.amount.minor) for row in accepted_rows[1:]] == [
        ("payment_success", RefundState.COMPLETED, 1000),
        ("payment_failed", None, 5),
    ]
    assert accepted_rows[2].merchant_payment_id is None
    assert [row.key for row in accepted_rows] == sorted(row.key for row in accepted_rows)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("x", "columns"),
        (PAID_LINE + ",", "columns"),
        (PAID_LINE.replace("架空商事", '"架空'), "columns"),
        (PAID_LINE.replace("取引完了", "新状態"), "state"),
        (PAID_LINE.replace(",3300,", ",3300.5,"), "amount"),
        (PAID_LINE.replace(",3300,", ",,"), "amount"),
        (PAID_LINE.replace(",3300,", ",-3300,"), "amount"),
        (PAID_LINE.replace(",3300,", ",0,"), "amount"),
        (PAID_LINE.replace(",3300,", ",٣٣٠٠,"), "amount"),
        (PAID_LINE.replace(",3300,", ",999999999999,"), "amount"),
        (REFUNDED_LINE.replace("-1000", "1000"), "amount"),
        (PAID_LINE.replace("2026-11-19T", "2026-13-19T"), "time"),
        (PAID_LINE.replace("2026-11-19T12", "2026-11-20T12"), "other_day"),
        (PAID_LINE.replace("12:20:01+09:00", "15:20:01+00:00"), "other_day"),
        (PAID_LINE.replace("2026-11-19T12:20:01+09:00", "9999-12-31T23:59:59+00:00"), "other_day"),
        (PAID_LINE.replace("2026-11-19T12:20:01+09:00", "0001-01-01T00:00:00+00:00"), "other_day"),
        (PAID_LINE.replace("0421", "04 21"), "id"),
        (PAID_LINE.replace("ORD-1", "a b"), "id"),
        (PAID_LINE.replace(",1,", ",2,", 1), "other_merchant"),
        (PAID_LINE.replace("ORD-1", "=HYPERLINK(1)"), "formula"),
        (PAID_LINE.replace("PayPay残高", "@SUM(A1)"), "formula"),
        (PAID_LINE.replace(",3300,", ",+3300,"), "formula"),
        (PAID_LINE.replace("架空商事", "x" * 20_000), "too_long"),
    ],
)
def test_a_bad_line_is_refused_and_the_others_are_read(line: str, reason: str) -> None:
    """A wrong line is refused with its reason, and all other lines are read."""
    assert list_refusal_reasons(FAILED_LINE, line, REFUNDED_LINE) == [None, reason, None]


def test_unused_cells_may_have_any_content() -> None:
    """A line is accepted whatever content the cells have that the program doesn't read."""
    assert list_refusal_reasons(PAID_LINE.replace("架空商事", "=1+1")) == [None]


def test_a_repeated_end_of_a_payment_is_a_duplicate() -> None:
    """Two lines that report the same end of the same payment are duplicates, whatever their amounts are. Two refunds
    with the same amount are different if their times differ."""
    later = REFUNDED_LINE.replace("13:00:00", "13:00:01")
    assert list_refusal_reasons(
        PAID_LINE, PAID_LINE, PAID_LINE.replace("3300", "3301"), REFUNDED_LINE, REFUNDED_LINE, later
    ) == [
        None,
        "duplicate",
        "duplicate",
        None,
        "duplicate",
        None,
    ]


@pytest.mark.parametrize("cut_length", [1, 20, 60, 75])
def test_a_cut_file_is_reported(cut_length: int) -> None:
    """If the file was cut within its last line, this line is refused: it has no line end and too few cells."""
    assert list_refusal_reasons(FAILED_LINE, PAID_LINE[:cut_length], end="") == [None, "truncated"]


def test_a_last_line_with_a_cut_amount_is_refused() -> None:
    """A last line without a line end is refused, even if it has all cells, if the program reads its last cell: an
    amount there may have lost digits. If the program doesn't read the last cell, the line is accepted.
    """
    header = FILE_HEADER.removesuffix(",支払い詳細").replace("取引金額,", "") + ",取引金額"
    line = PAID_LINE.removesuffix(",").replace("3300,", "") + ",3300"
    whole, cut = read_rows(make_file(line, header=header)), read_rows(make_file(line[:-2], header=header, end=""))
    assert [row.amount.minor for row in whole if isinstance(row, HistoryRow)] == [3300]
    assert [row.reason for row in cut if isinstance(row, RefusedRow)] == ["truncated"]
    assert list_refusal_reasons(PAID_LINE, end="") == [None], "the last cell is one that nobody reads"


def test_a_refused_line_names_its_payment_if_readable() -> None:
    """A refused line still names its payment if the payment number is readable, so that a person can find the
    payment.
    """
    (row,) = read_rows(make_file(PAID_LINE.replace(",3300,", ",x,")))
    assert row == RefusedRow("2026-11-19:00000002", "amount", "04212345678901234567")


@pytest.mark.parametrize(
    "content", [b"", b"<html>", make_file(header=FILE_HEADER.replace("取引金額", "金額")), b"\0" * 100,
    FILE_HEADER.encode("cp932"),
                make_file(header=f"{FILE_HEADER},決済番号"), b"\xff\xfe\n"]
)  # fmt: skip
def test_a_file_without_the_expected_columns_is_refused(content: bytes) -> None:
    """A file is refused as a whole if its header line is cut or doesn't have each expected column exactly once."""
    with pytest.raises(InvalidDailyFile):
        read_rows(content)


@given(st.binary(max_size=400), st.integers(0, 400))
def test_random_bytes_in_a_file_raise_no_exception(noise: bytes, place: int) -> None:
    """A file with random bytes gives rows and refusals and raises no exception."""
    content = make_file(*ORDINARY_LINES)
    at = len(make_file()) + place
    assert all(isinstance(row, ReadRow) for row in read_rows(content[:at] + noise + content[at:]))


def test_memory_does_not_grow_with_the_rows() -> None:
    """Reading a file with ten times as many rows needs no more memory, apart from the file itself."""
    peaks = []
    for count in (1_000, 10_000):
        lines = (PAID_LINE.replace("0421", f"{number:08}") for number in range(count))
        stream, index = io.BytesIO(make_file(*lines)), HistoryIndex()
        reader = DailyFileReader(stream, "1", FILE_DAY, index)
        tracemalloc.start()
        assert sum(isinstance(row, HistoryRow) for row in reader) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        index.close()
    assert peaks[1] < peaks[0] + 20_000


def test_the_name_in_an_address_has_merchant_and_days() -> None:
    """From the file name in the URL the program reads the merchant and the days; for any other URL it returns
    None.
    """
    file_name = parse_file_name("https://x.example/a/transaction_12_20261119000000_20261119235959_v2.csv?sig=1")
    assert file_name is not None
    assert (file_name.merchant_id, file_name.first_day, file_name.last_day) == ("12", FILE_DAY, FILE_DAY)
    for url in (
        "",
        "https://x.example/",
        "http://[",
        file_name.merchant_id,
        "https://x.example/transaction_12_20261399000000_20261119235959_v2.csv",
    ):
        assert parse_file_name(url) is None


# Fetching


def fetch_file(script: Script, *, allowed: bool = True) -> tuple[Outcome[bytes], int]:
    """Download a daily file from a server that answers with `script`; its host is allowed if `allowed`. Return the
    outcome, and the number of connections that the server got.
    """
    with serve_scripts(script) as server:
        hosts = [server.url] if allowed else ["https://files.example.com"]
        path = f"{server.url}/transaction_1_v2.csv?sig=x%2By"
        outcome = fetch_daily_file(
            path, hosts=hosts, rate_limiter=CountingRateLimiter(), clock=CLOCK, scale=TimeScale()
        )
        return outcome, server.connections


def test_a_file_is_fetched_from_an_allowed_host_only() -> None:
    """The program fetches a daily file only from an allowed host, because anybody could send a notice with a URL."""
    content = make_file(*ORDINARY_LINES)
    outcome, connections = fetch_file(make_answer_script(200, content))
    assert (outcome.kind, outcome.content, connections) == (OutcomeClass.SUCCEEDED, content, 1)
    outcome, connections = fetch_file(make_answer_script(200, content), allowed=False)
    assert (outcome.kind, outcome.reason, connections) == (OutcomeClass.UNKNOWN, "address_not_allowed", 0)


@pytest.mark.parametrize("url", ["", "x", "file:///etc/passwd", "http://[", "//files.example.com/x",
                                 "http://10.0.0.1/x", "http://files.example.com/x"])  # fmt: skip
def test_an_invalid_file_address_is_refused(url: str) -> None:
    """For an incomplete address, or one without HTTPS, the program sends nothing and raises no exception, even if
    the list of allowed hosts contains this address.
    """
    hosts = [url, "https://files.example.com", "http://10.0.0.1", "http://files.example.com"]
    outcome = fetch_daily_file(url, hosts=hosts, rate_limiter=CountingRateLimiter(), clock=CLOCK, scale=TimeScale())
    assert (outcome.sent, outcome.kind) == ("no", OutcomeClass.UNKNOWN)


@pytest.mark.parametrize(
    ("script", "kind", "reason"),
    [
        (make_answer_script(404), OutcomeClass.NOT_FOUND, "http_404"),
        (make_answer_script(403), OutcomeClass.UNKNOWN, "http_403"),
        (make_answer_script(302, b"", {"Location": "https://example.com/"}), OutcomeClass.UNKNOWN, "redirect"),
        (make_answer_script(200, "<html>"), OutcomeClass.UNKNOWN, "unreadable"),
        (
            make_bytes_script(b"HTTP/1.1 200 OK\r\n\r\n" + make_file(*ORDINARY_LINES)),
            OutcomeClass.UNKNOWN,
            "answer_cut",
        ),
    ],
)
def test_a_missing_daily_file_is_reported(script: Script, kind: OutcomeClass, reason: str) -> None:
    """If the daily file is missing or may be cut, or if the server sends another answer, the program reports an
    outcome that proves nothing about the payments.
    """
    outcome, _ = fetch_file(script)
    assert (outcome.kind, outcome.reason) == (kind, reason)
