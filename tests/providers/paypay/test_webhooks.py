"""Tests of PayPay's webhooks, which count only as hints: after one, the program asks PayPay."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.domain.money import Money
from console.providers.http.strict_json import MAX_JSON_DEPTH, UnreadableJson
from console.providers.payments.notices import OtherHint, ReconciliationFileHint, TransactionHint
from console.providers.paypay.webhooks import read_notice
from tests.providers.payments.parts import VECTORS

NOTICES = VECTORS["paypay_webhook"]
NOTICE_PAYLOAD: dict[str, Any] = NOTICES[0]["payload"]


def read_hint(change: dict[str, object] | None = None) -> TransactionHint:
    found = read_notice(json.dumps(NOTICE_PAYLOAD | (change or {})).encode())
    assert isinstance(found, TransactionHint)
    return found


@pytest.mark.parametrize("vector", NOTICES, ids=[v["id"] for v in NOTICES])
def test_published_notices_are_used_or_ignored(vector: dict[str, Any]) -> None:
    """Each published notice is used or ignored as it states; none is trusted."""
    expected = vector["expected"]
    found = read_notice(json.dumps(vector["payload"]).encode())
    assert isinstance(found, TransactionHint | ReconciliationFileHint) == expected["handle"]
    if isinstance(found, TransactionHint):
        assert (found.payment_id, found.merchant_payment_id) == (
            expected["payment_id"],
            expected["merchant_payment_id"],
        )
        assert found.amount == Money(expected["amount_jpy"], "JPY")
        assert expected["trust_state"] is False


def test_the_event_id_depends_on_payment_state_time_and_amount() -> None:
    """The payment, state, newest time and amount make the event id; other fields don't."""
    first = read_hint()
    assert first.newest_time == datetime(2026, 11, 20, 3, 20, 1, tzinfo=UTC)
    assert read_hint({"pos_id": "7", "order_amount": 3300}).event_id == first.event_id
    news: list[dict[str, object]] = [
        {"state": "CANCELED"},
        {"order_amount": "3301"},
        {"paid_at": "2026-11-20T03:20:02Z"},
        {"order_id": "0499"},
        {"confirmation_expires_at": "2026-12-01T00:00:00Z"},
    ]
    assert len({read_hint(change).event_id for change in news} | {first.event_id}) == 6


@pytest.mark.parametrize(
    "change",
    [
        {"order_amount": "3300.5"}, {"order_amount": True}, {"order_amount": None}, {"order_amount": "３３００"},
        {"paid_at": "yesterday"}, {"paid_at": 5}, {"paid_at": "2026-02-30T00:00:00Z"}, {"merchant_order_id": ""},
        {"merchant_order_id": "a b"}, {"order_id": None},
    ],
)  # fmt: skip
def test_a_hint_with_unusual_fields_is_accepted(change: dict[str, object]) -> None:
    """A hint that names a payment is accepted, and its other unusual fields are ignored."""
    found = read_hint(change)
    assert found.payment_id or found.merchant_payment_id


REFUSED = {
    "empty": b"",
    "form": b"a=1",
    "list": b"[]",
    "no type": b"{}",
    "type as number": b'{"notification_type":1}',
    "endless type": b'{"notification_type":"%s"}' % (b"x" * 65),
    "no state": b'{"notification_type":"Transaction"}',
    "no payment": b'{"notification_type":"Transaction","state":"COMPLETED"}',
    "10 MB": b'{"notification_type":"Transaction","x":"' + b"a" * 10_000_000 + b'"}',
    "no path": b'{"notification_type":"file.created","fileType":"transaction_recon","notification_id":"1"}',
    "twice": b'{"notification_type":"Transaction","state":"FAILED","state":"COMPLETED","order_id":"1"}',
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_malformed_bodies_are_refused(body: bytes) -> None:
    """Malformed and too large bodies are all refused in the same way."""
    with pytest.raises(UnreadableJson):
        read_notice(body)


def test_a_notice_nested_too_deeply_is_refused() -> None:
    """A notice with the largest allowed nesting is read, and one with one more level is refused, whatever Python's
    own limit is.
    """
    deep: list[Any] = []
    for _ in range(MAX_JSON_DEPTH - 2):  # the notice and the innermost list are levels too
        deep = [deep]
    read_notice(json.dumps(NOTICE_PAYLOAD | {"other": deep}).encode())
    with pytest.raises(UnreadableJson):
        read_notice(json.dumps(NOTICE_PAYLOAD | {"other": [deep]}).encode())


@pytest.mark.parametrize(
    "said", [{"notification_type": "Transaction", "state": "NEW", "order_id": "1"}, {"notification_type": "x"}]
)
def test_a_notice_of_an_unknown_kind_is_accepted(said: dict[str, object]) -> None:
    """A notice of an unknown kind or state is accepted as well-formed."""
    assert isinstance(read_notice(json.dumps(said).encode()), OtherHint)


ANY_JSON_VALUE = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=4)


@given(ANY_JSON_VALUE)
def test_a_notice_with_any_value_is_read_or_refused(value: object) -> None:
    """A notice with any value in any field is read or refused."""
    for name in NOTICE_PAYLOAD:
        try:
            read_notice(json.dumps(NOTICE_PAYLOAD | {name: value}).encode())
        except UnreadableJson:
            continue
