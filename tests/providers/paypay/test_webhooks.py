"""Tests of PayPay's webhook notices, which count only as hints: after a hint, the program asks PayPay about the
payment.
"""

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
from tests.providers.payments.parts import PROVIDER_TEST_VECTORS

NOTICE_VECTORS = PROVIDER_TEST_VECTORS["paypay_webhook"]
NOTICE_PAYLOAD: dict[str, Any] = NOTICE_VECTORS[0]["payload"]


def read_hint(change: dict[str, object] | None = None) -> TransactionHint:
    hint = read_notice(json.dumps(NOTICE_PAYLOAD | (change or {})).encode())
    assert isinstance(hint, TransactionHint)
    return hint


@pytest.mark.parametrize("vector", NOTICE_VECTORS, ids=[v["id"] for v in NOTICE_VECTORS])
def test_notices_of_the_test_vectors_are_read_or_ignored(vector: dict[str, Any]) -> None:
    """Each notice of the test vectors is read as a hint or ignored, as its vector states. According to every vector,
    the state in a notice isn't trusted; that the program asks PayPay instead is tested with the same notices in
    `tests/services/payment_intake/test_receive.py`.
    """
    expected = vector["expected"]
    hint = read_notice(json.dumps(vector["payload"]).encode())
    assert isinstance(hint, TransactionHint | ReconciliationFileHint) == expected["handle"]
    if isinstance(hint, TransactionHint):
        assert (hint.payment_id, hint.merchant_payment_id) == (
            expected["payment_id"],
            expected["merchant_payment_id"],
        )
        assert hint.amount == Money(expected["amount_jpy"], "JPY")
        assert expected["trust_state"] is False


def test_the_event_id_depends_on_payment_state_time_and_amount() -> None:
    """The event id depends on the payment, its state, its newest time and its amount, and on no other field."""
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
    """The adapter accepts a hint that names a payment, and ignores its other unusual fields."""
    hint = read_hint(change)
    assert hint.payment_id or hint.merchant_payment_id


REFUSED_BODIES = {
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


@pytest.mark.parametrize("body", REFUSED_BODIES.values(), ids=REFUSED_BODIES)
def test_malformed_bodies_are_refused(body: bytes) -> None:
    """All malformed and too large notice bodies are refused with the same error."""
    with pytest.raises(UnreadableJson):
        read_notice(body)


def test_a_notice_nested_too_deeply_is_refused() -> None:
    """A notice with the largest allowed nesting of JSON is read. A notice with one more level is refused, independent
    of Python's own recursion limit.
    """
    deep: list[Any] = []
    for _ in range(MAX_JSON_DEPTH - 2):  # the notice and the innermost list are levels too
        deep = [deep]
    read_notice(json.dumps(NOTICE_PAYLOAD | {"other": deep}).encode())
    with pytest.raises(UnreadableJson):
        read_notice(json.dumps(NOTICE_PAYLOAD | {"other": [deep]}).encode())


@pytest.mark.parametrize(
    "notice_fields",
    [{"notification_type": "Transaction", "state": "NEW", "order_id": "1"}, {"notification_type": "x"}],
)
def test_a_notice_of_an_unknown_kind_is_accepted(notice_fields: dict[str, object]) -> None:
    """A well-formed notice of an unknown kind or state is accepted as an `OtherHint`, which has no effect."""
    assert isinstance(read_notice(json.dumps(notice_fields).encode()), OtherHint)


ANY_JSON_VALUE = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=4)


@given(ANY_JSON_VALUE)
def test_a_notice_with_any_value_is_read_or_refused(value: object) -> None:
    """For any JSON value in any field, a notice is either read or refused, and no other exception is raised."""
    for name in NOTICE_PAYLOAD:
        try:
            read_notice(json.dumps(NOTICE_PAYLOAD | {name: value}).encode())
        except UnreadableJson:
            continue
