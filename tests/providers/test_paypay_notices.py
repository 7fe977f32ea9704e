"""PayPay's webhooks are read as hints, the daily file line by line; neither can do more than be asked about."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.domain.clock import TimeScale
from console.domain.money import Money
from console.domain.outcomes import Outcome, OutcomeClass
from console.providers.paypay_notices import OtherHint, ReconFileHint, TransactionHint, read_notice
from console.providers.paypay_recon import NoReconFile, ReconFile, ReconRow, fetch_recon, read_recon
from console.providers.strict_json import Unreadable
from tests.providers.parts import CLOCK, Turns
from tests.providers.payment_parts import VECTORS
from tests.providers.raw_server import Script, says, serving

NOTICES = VECTORS["paypay_webhook"]
TOLD: dict[str, Any] = NOTICES[0]["payload"]


def hint(change: dict[str, object] | None = None) -> TransactionHint:
    found = read_notice(json.dumps(TOLD | (change or {})).encode())
    assert isinstance(found, TransactionHint)
    return found


@pytest.mark.parametrize("vector", NOTICES, ids=[v["id"] for v in NOTICES])
def test_vectors(vector: dict[str, Any]) -> None:
    """Every published notice is handled or left as it says; none carries trust."""
    expected = vector["expected"]
    found = read_notice(json.dumps(vector["payload"]).encode())
    assert isinstance(found, TransactionHint | ReconFileHint) == expected["handle"]
    if isinstance(found, TransactionHint):
        assert (found.payment_id, found.merchant_payment_id) == (
            expected["payment_id"],
            expected["merchant_payment_id"],
        )
        assert found.amount == Money(expected["amount_jpy"], "JPY")
        assert expected["trust_state"] is False


def test_repeats_are_one_event_and_news_another() -> None:
    """Payment, state, newest time and sum tell one event from another; the rest doesn't."""
    first = hint()
    assert first.latest == datetime(2026, 11, 20, 3, 20, 1, tzinfo=UTC)
    assert hint({"pos_id": "7", "order_amount": 3300}).event_id == first.event_id
    news: list[dict[str, object]] = [
        {"state": "CANCELED"},
        {"order_amount": "3301"},
        {"paid_at": "2026-11-20T03:20:02Z"},
        {"order_id": "0499"},
        {"confirmation_expires_at": "2026-12-01T00:00:00Z"},
    ]
    assert len({hint(change).event_id for change in news} | {first.event_id}) == 6


@pytest.mark.parametrize(
    "change",
    [
        {"order_amount": "3300.5"}, {"order_amount": True}, {"order_amount": None}, {"order_amount": "３３００"},
        {"paid_at": "yesterday"}, {"paid_at": 5}, {"paid_at": "2026-02-30T00:00:00Z"}, {"merchant_order_id": ""},
        {"merchant_order_id": "a b"}, {"order_id": None},
    ],
)  # fmt: skip
def test_an_odd_hint_is_still_followed(change: dict[str, object]) -> None:
    """As long as it names a payment, what else is odd is left out."""
    found = hint(change)
    assert found.payment_id or found.merchant_payment_id


REFUSED = {
    "empty": b"", "form": b"a=1", "list": b"[]", "no type": b"{}", "type as number": b'{"notification_type":1}',
    "endless type": b'{"notification_type":"%s"}' % (b"x" * 65), "no state": b'{"notification_type":"Transaction"}',
    "no payment": b'{"notification_type":"Transaction","state":"COMPLETED"}',
    "10 MB": b'{"notification_type":"Transaction","x":"' + b"a" * 10_000_000 + b'"}',
    "no path": b'{"notification_type":"file.created","fileType":"transaction_recon","notification_id":"1"}',
    "twice": b'{"notification_type":"Transaction","state":"FAILED","state":"COMPLETED","order_id":"1"}',
}  # fmt: skip


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_what_is_no_notice(body: bytes) -> None:
    """Malformed and oversized bodies are refused, all in one way."""
    with pytest.raises(Unreadable):
        read_notice(body)


@pytest.mark.parametrize(
    "said", [{"notification_type": "Transaction", "state": "NEW", "order_id": "1"}, {"notification_type": "x"}]
)
def test_unknown_kinds_are_well_formed(said: dict[str, object]) -> None:
    """A kind or state that nobody has told us of is no error."""
    assert isinstance(read_notice(json.dumps(said).encode()), OtherHint)


ANYTHING = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=4)


@given(ANYTHING)
def test_no_value_breaks_the_reading(value: object) -> None:
    """Whatever stands in a field, the notice is read or refused."""
    for name in TOLD:
        try:
            read_notice(json.dumps(TOLD | {name: value}).encode())
        except Unreadable:
            continue


# ---- the daily file

HEADER = (
    "決済番号,加盟店ID,屋号,店舗ID,店舗名,端末番号/PosID,取引ステータス,取引日時,取引金額,レシート番号,支払い方法,"
    "マーチャント決済ID,支払い詳細"
)
LINES = (
    "04212345678901234567,1,架空商事,,,,取引完了,2026-11-19T12:20:01+09:00,3300,,PayPay残高,ORD-1,",
    '04212345678901234567,1,"架空,商事",,,,返金完了,2026-11-19T13:00:00+09:00,-1000,,PayPay残高,ORD-1,',
    "04212345678901234568,1,①商事,,,,取引失敗,2026-11-19T14:00:00+09:00,5,,,,",
)


def recon(*lines: str, header: str = HEADER) -> bytes:
    return "\n".join((header, *lines, "")).encode("cp932")


def test_a_file_as_it_is_described() -> None:
    """Payments and refunds, sums without their sign, times as instants."""
    at = datetime(2026, 11, 19, 3, 20, 1, tzinfo=UTC)
    found = read_recon(recon(*LINES))
    assert found.unreadable == ()
    assert found.rows[0] == ReconRow(
        "04212345678901234567", "ORD-1", "COMPLETED", at, Money(3300, "JPY"), "PayPay残高"
    )
    assert [(row.state, row.is_refund, row.amount.minor) for row in found.rows[1:]] == [
        ("REFUNDED", True, 1000),
        ("FAILED", False, 5),
    ]
    assert found.rows[2].merchant_payment_id is None


@pytest.mark.parametrize(
    "line",
    [
        "x", LINES[0].replace("取引完了", "新状態"), LINES[0].replace("3300", "3300.5"), LINES[0].replace("3300", ""),
        LINES[0].replace("2026-11-19T", "2026-13-19T"), LINES[0].replace("0421", "04 21"),
        LINES[0].replace("ORD-1", "a b"),
    ],
)  # fmt: skip
def test_a_bad_line_spoils_only_itself(line: str) -> None:
    """The line is counted by its number, the others are read."""
    found = read_recon(recon(LINES[0], line, LINES[2]))
    assert (len(found.rows), found.unreadable) == (2, (3,))


@pytest.mark.parametrize("content", [b"", b"<html>", recon(header=HEADER.replace("取引金額", "金額")), b"\0" * 100])
def test_what_is_no_file(content: bytes) -> None:
    """Without its columns it is nothing."""
    with pytest.raises(NoReconFile):
        read_recon(content)


def fetched(script: Script, *, allowed: bool = True, url: str = "") -> tuple[Outcome[ReconFile], int]:
    with serving(script) as server:
        hosts = [server.url] if allowed else ["https://files.example.com"]
        path = url or f"{server.url}/transaction_1_v2.csv?sig=x%2By"
        outcome = fetch_recon(path, hosts=hosts, gate=Turns(), clock=CLOCK, scale=TimeScale())
        return outcome, server.connections


def test_a_file_is_fetched_from_an_allowed_host_only() -> None:
    """The address in a notice is a stranger's word."""
    outcome, connections = fetched(says(200, recon(*LINES)))
    assert (outcome.kind, connections) == (OutcomeClass.SUCCEEDED, 1)
    assert outcome.found is not None
    assert len(outcome.found.rows) == 3
    outcome, connections = fetched(says(200, recon(*LINES)), allowed=False)
    assert (outcome.kind, outcome.reason, connections) == (OutcomeClass.UNKNOWN, "address_not_allowed", 0)


@pytest.mark.parametrize("url", ["", "x", "file:///etc/passwd", "http://[", "//files.example.com/x"])
def test_an_address_that_is_none(url: str) -> None:
    """Whatever it is, nothing is sent and nothing raised."""
    outcome = fetch_recon(url, hosts=[url, "https://files.example.com"], gate=Turns(), clock=CLOCK, scale=TimeScale())
    assert outcome.sent == "no"
    assert outcome.kind is OutcomeClass.UNKNOWN


@pytest.mark.parametrize(
    ("script", "kind", "reason"),
    [
        (says(404), OutcomeClass.NOT_FOUND, "http_404"),
        (says(403), OutcomeClass.UNKNOWN, "http_403"),
        (says(302, b"", {"Location": "https://example.com/"}), OutcomeClass.UNKNOWN, "redirect"),
        (says(200, "<html>"), OutcomeClass.UNKNOWN, "unreadable"),
    ],
)
def test_a_file_that_is_not_there(script: Script, kind: OutcomeClass, reason: str) -> None:
    """No file, or something else, settles nothing."""
    outcome, _ = fetched(script)
    assert (outcome.kind, outcome.reason) == (kind, reason)
