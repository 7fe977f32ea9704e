"""Tests of Atom's callbacks: the adapter accepts or refuses each one, and the sender of a forged callback can't see
why it was refused.
"""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.domain.money import Money
from console.domain.provider_outcome import OutcomeClass
from console.providers.atom.aes import derive_key, encrypt_text
from console.providers.atom.callbacks import LARGEST_CALLBACK_BYTES, parse_callback
from console.providers.atom.signing import compute_signature
from console.providers.payments.notices import SignedCallback
from tests.providers.payments.parts import (
    MERCHANT,
    PROVIDER_TEST_VECTORS,
    REQUEST_KEY,
    derive_response_key,
    make_atom,
)

CALLBACK_VECTORS = PROVIDER_TEST_VECTORS["ndps_callback"]
CALLBACK_PLAINTEXT: str = CALLBACK_VECTORS[0]["plaintext"]
PAID_BODY = CALLBACK_VECTORS[0]["form_body"].encode()


def parse_body(body: bytes) -> SignedCallback:
    return parse_callback(body, MERCHANT)


def make_form(text: str, key: bytes | None = None) -> bytes:
    return f"merchId=317157&encData={encrypt_text(text, key or derive_response_key())}".encode()


def make_changed_fields(change: dict[str, Any], section: str = "payDetails") -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(CALLBACK_PLAINTEXT)
    fields["payInstrument"][section] |= change
    return fields


def sign_fields(fields: dict[str, Any], key: str = MERCHANT.response_hash_key) -> bytes:
    """Return the body of a callback that has a signature over the given fields by the key `key` (the valid one by
    default)."""
    pay, merchant, mode, answer = (
        fields["payInstrument"][name]
        for name in ("payDetails", "merchDetails", "payModeSpecificData", "responseDetails")
    )
    total = f"{pay['totalAmount']:.2f}" if isinstance(pay["totalAmount"], int | float) else str(pay["totalAmount"])
    channel = mode["subChannel"][0] if isinstance(mode["subChannel"], list) else mode["subChannel"]
    parts = (
        merchant["merchId"],
        pay["atomTxnId"],
        merchant["merchTxnId"],
        total,
        answer["statusCode"],
        channel,
        mode["bankDetails"]["bankTxnId"] or "",
    )
    pay["signature"] = compute_signature(key, *map(str, parts))
    return make_form(json.dumps(fields))


def is_refused(callback: SignedCallback) -> bool:
    """Return True if the callback was refused. The function also checks that every refusal has the same fields, so
    that the sender can't learn its cause.
    """
    same = (False, "", OutcomeClass.UNKNOWN, "callback_refused", None)
    return (callback.has_valid_signature, callback.event_id, callback.kind, callback.reason, callback.report) == same


@pytest.mark.parametrize("vector", CALLBACK_VECTORS, ids=[v["id"] for v in CALLBACK_VECTORS])
def test_callbacks_of_the_test_vectors_are_accepted_or_refused(vector: dict[str, Any]) -> None:
    """Each callback of the test vectors is accepted or refused, and has the outcome class, as its vector states."""
    keys = {"response_key": vector["res_key"], "response_salt": vector["res_salt"]}
    merchant = replace(MERCHANT, **keys, response_hash_key=vector["res_hash_key"])
    callback = parse_callback(vector["form_body"].encode(), merchant)
    expected = vector["expected"]
    assert callback.has_valid_signature == expected["signature_ok"] == expected["accept"]
    assert callback.kind == expected["class"]
    assert is_refused(callback) is not expected["accept"]


def test_a_valid_callback_is_read_completely() -> None:
    """From a valid callback the adapter reads the order, the payment, two amounts and the time. The evidence doesn't
    contain the payer's account.
    """
    callback = make_atom("http://127.0.0.1:1").parse_callback(PAID_BODY)
    assert callback.report is not None
    assert (callback.merchant_payment_id, callback.report.provider_payment_id) == (
        "ORD20261120000123",
        "11000000615892",
    )
    assert (callback.report.amount, callback.report.total) == (Money(50_000, "INR"), Money(51_767, "INR"))
    assert callback.report.paid_at == datetime(2026, 11, 20, 6, 52, 10, tzinfo=UTC)
    assert "213232323" not in callback.evidence
    assert len(callback.sha256) == 64


def test_repeated_callbacks_have_one_event_id() -> None:
    """Callbacks with the same order, payment and code have the same event id, even if other fields differ."""
    first = parse_body(PAID_BODY)
    again = parse_body(sign_fields(make_changed_fields({"surchargeAmount": 1})))
    later = parse_body(sign_fields(make_changed_fields({"statusCode": "OTS0002"}, "responseDetails")))
    assert first.event_id == again.event_id != later.event_id


def test_a_callback_with_a_flipped_bit_is_refused() -> None:
    """A callback is refused if one bit of its encrypted text is changed. The only exception is a bit of a field that
    is neither signed nor read."""
    head, _, sealed = PAID_BODY.partition(b"encData=")
    data = bytearray.fromhex(sealed.decode())
    for place in range(len(data)):
        data[place] ^= 1 << place % 8
        callback = parse_body(head + b"encData=" + data.hex().encode())
        data[place] ^= 1 << place % 8
        assert is_refused(callback) or get_signed_fields(callback) == get_signed_fields(parse_body(PAID_BODY)), place


def get_signed_fields(callback: SignedCallback) -> tuple[object, ...]:
    """Return the fields of a callback that the signature covers."""
    assert callback.report is not None
    return (
        callback.event_id,
        callback.merchant_payment_id,
        callback.report.total,
        callback.report.method,
        callback.report.bank_reference,
    )


def test_a_too_large_callback_is_refused_before_decryption() -> None:
    """A callback above the size limit is refused without decryption, even if its signature is valid."""
    large = make_form(CALLBACK_PLAINTEXT + " " * (LARGEST_CALLBACK_BYTES // 2))
    callback = parse_body(large)
    assert is_refused(callback)
    assert (callback.merchant_payment_id, callback.evidence) == (None, f"{len(large)} bytes")


def test_a_truncated_callback_is_refused() -> None:
    """A callback that is truncated at any place is refused."""
    assert all(is_refused(parse_body(PAID_BODY[: len(PAID_BODY) - cut])) for cut in range(1, 200))
    assert is_refused(parse_body(PAID_BODY + b"00" * 16))


def test_a_callback_without_its_padding_is_refused() -> None:
    """A callback whose last encrypted block, which contains the padding, is missing is refused."""
    text = CALLBACK_PLAINTEXT + " " * (-len(CALLBACK_PLAINTEXT.encode()) % 16)
    whole = make_form(text)
    assert parse_body(whole).has_valid_signature
    assert is_refused(parse_body(whole[:-32]))


HOSTILE_BODIES = {
    "empty": b"", "no encData": b"merchId=317157", "empty encData": b"merchId=317157&encData=",
    "two": PAID_BODY + b"&encData=" + PAID_BODY.partition(b"encData=")[2], "no hex": b"encData=zz", "JSON": b"{}",
    "NUL": b"\0" * 100, "10 MB": b"encData=" + b"0" * 10_000_000, "many fields": b"a=1&" * 20 + PAID_BODY,
    "just too large": b"encData=" + b"00" * (LARGEST_CALLBACK_BYTES // 2),
    "a list": make_form("[]"), "no instrument": make_form("{}"), "an empty list": make_form('{"payInstrument":[]}'),
    "two instruments": make_form('{"payInstrument":[{},{}]}'), "endless nesting": make_form('{"a":' * 20_000),
    "keys twice": make_form(CALLBACK_PLAINTEXT.replace('"signature"', '"amount":1,"signature"')),
    "no text": make_form("\0\1\2"),
}  # fmt: skip


@pytest.mark.parametrize("body", HOSTILE_BODIES.values(), ids=HOSTILE_BODIES)
def test_all_hostile_bodies_get_the_same_refusal(body: bytes) -> None:
    """Every malformed callback body gets the same refusal, without an exception and without a report."""
    assert is_refused(parse_body(body))


UNSIGNED_BODIES: dict[str, bytes] = {
    "no signature": make_form(json.dumps(make_changed_fields({"signature": None}))),
    "empty signature": make_form(json.dumps(make_changed_fields({"signature": ""}))),
    "signature as number": make_form(json.dumps(make_changed_fields({"signature": 5}))),
    "signature as list": make_form(json.dumps(make_changed_fields({"signature": ["x"]}))),
    "request's key": sign_fields(make_changed_fields({}), MERCHANT.request_hash_key),
    "no key": sign_fields(make_changed_fields({}), ""),
    "sealed with the request's key": make_form(CALLBACK_PLAINTEXT, derive_key(REQUEST_KEY, REQUEST_KEY)),
    "another merchant, well signed": sign_fields(make_changed_fields({"merchId": 8952}, "merchDetails")),
    "total without sign of it": make_form(json.dumps(make_changed_fields({"totalAmount": 517.68}))),
    "status changed": make_form(json.dumps(make_changed_fields({"statusCode": "OTS0002"}, "responseDetails"))),
    "order changed": make_form(json.dumps(make_changed_fields({"merchTxnId": "ORD20261120000124"}, "merchDetails"))),
    "no payment": make_form(json.dumps(make_changed_fields({"atomTxnId": None}))),
    "no total": make_form(json.dumps(make_changed_fields({"totalAmount": None}))),
    "total too fine": sign_fields(make_changed_fields({"totalAmount": "517.675"})),
}


@pytest.mark.parametrize("body", UNSIGNED_BODIES.values(), ids=UNSIGNED_BODIES)
def test_a_callback_without_a_valid_signature_is_refused(body: bytes) -> None:
    """A callback is refused if its signature is missing, wrong or made for another callback, or if its content was
    changed after signing."""
    assert is_refused(parse_body(body))


def test_a_refused_callback_may_name_an_order_to_ask_about() -> None:
    """A callback without a valid signature is refused, but its result names the order, so that the program can ask
    Atom about this order.
    """
    assert parse_body(UNSIGNED_BODIES["no signature"]).merchant_payment_id == "ORD20261120000123"
    assert parse_body(HOSTILE_BODIES["no hex"]).merchant_payment_id is None


def test_refused_callbacks_differ_only_in_hint_and_evidence() -> None:
    """Callbacks that are refused for their padding, form or signature give equal results. Only the hint (the named
    order) and the evidence with its hash can differ."""
    common_fields = set()
    for body in (*HOSTILE_BODIES.values(), *UNSIGNED_BODIES.values()):
        callback = parse_body(body)
        differing_fields = {"merchant_payment_id", "evidence", "sha256"}
        common_fields.add(
            tuple(getattr(callback, field.name) for field in fields(callback) if field.name not in differing_fields)
        )
    assert len(common_fields) == 1


@pytest.mark.parametrize(
    ("change", "section"),
    [
        ({"subChannel": []}, "payModeSpecificData"),
        ({"subChannel": None}, "payModeSpecificData"),
        ({"subChannel": [5]}, "payModeSpecificData"),
        ({"bankDetails": "x"}, "payModeSpecificData"),
        ({"bankDetails": {"bankTxnId": [1]}}, "payModeSpecificData"),
        ({"statusCode": None}, "responseDetails"),
    ],
)
def test_an_unusable_field_is_refused_without_details(change: dict[str, Any], section: str) -> None:
    """A callback is refused if a field has a wrong type, even if the callback still has its original signature. The
    refusal has the same fields as every other one, so the sender doesn't learn its cause.
    """
    assert is_refused(parse_body(make_form(json.dumps(make_changed_fields(change, section)))))


def test_a_null_bank_number_counts_as_empty() -> None:
    """If the bank number of a callback is null, it counts as an empty text when the signature is computed."""
    callback = parse_body(
        sign_fields(make_changed_fields({"bankDetails": {"bankTxnId": None}}, "payModeSpecificData"))
    )
    assert callback.has_valid_signature
    assert callback.report is not None
    assert callback.report.bank_reference is None


@pytest.mark.parametrize(
    ("change", "section", "kind", "reason"),
    [
        ({"statusCode": "OTS9999"}, "responseDetails", "UNKNOWN", "unlisted_answer"),
        ({"statusCode": "OTS0506"}, "responseDetails", "AUTH", "signature_refused"),
        ({"txnCurrency": "JPY"}, "payDetails", "UNKNOWN", "other_currency"),
        ({"amount": "x"}, "payDetails", "UNKNOWN", "bad_amount"),
        ({"amount": [1]}, "payDetails", "UNKNOWN", "bad_amount"),
    ],
)
def test_a_signed_callback_with_unknown_contents_has_no_report(
    change: dict[str, Any], section: str, kind: str, reason: str
) -> None:
    """A callback with a valid signature and unknown contents gives no report; the kind and reason of the result state
    this.
    """
    callback = parse_body(sign_fields(make_changed_fields(change, section)))
    assert callback.has_valid_signature
    assert (callback.kind, callback.reason, callback.report) == (kind, reason, None)


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(body: bytes) -> None:
    """A callback body of random bytes is refused without an exception."""
    assert is_refused(parse_body(body))
    assert is_refused(parse_body(b"merchId=317157&encData=" + body.hex().encode()))
