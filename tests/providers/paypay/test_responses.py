"""Tests of each row of PayPay's tables of codes, and of answers that don't belong to the request."""

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from console.domain.money import Money
from console.domain.payments.provider_messages import PaymentQuestion, PaymentReport, RefundReport
from console.domain.payments.states import PaymentState, RefundState
from console.domain.provider_outcome import Outcome
from console.domain.provider_outcome import OutcomeClass as Kind
from console.providers.paypay.responses import (
    make_payment_reader,
    make_paypay_answer_converter,
    make_refund_reader,
    make_started_payment_reader,
    read_deleted_code,
    read_no_content,
)
from console.providers.paypay.result_codes import (
    PAYMENT_STATE_MEANINGS,
    PAYPAY_READING_CALLS,
    REFUND_STATE_MEANINGS,
    VERDICTS_BY_CALL_AND_CODE,
    VERDICTS_OF_ALL_CALLS,
    PayPayCall,
)
from console.wording.sentences.catalogue import read_sentences
from tests.providers.payments.parts import (
    AMOUNT_IN_YEN,
    PAYPAY_QUESTION,
    PAYPAY_REFUND_INSTRUCTION,
    PAYPAY_REQUEST,
    PROVIDER_TEST_VECTORS,
    describe_effect,
    get_report,
    make_http_answer,
    make_paypay,
    make_paypay_json,
)
from tests.providers.raw_server import make_answer_script, serve_scripts

ANSWER_VECTORS = [v for v in PROVIDER_TEST_VECTORS["classify_http"] if v["provider"] == "paypay"]
PAYPAY_STATE_VECTORS = [v for v in PROVIDER_TEST_VECTORS["states"] if v["domain"].startswith("paypay")]
REFUND_INSTRUCTION = PAYPAY_REFUND_INSTRUCTION
PROVIDER_PAYMENT_ID = "04212345678901234567"
READER_BY_CALL: dict[PayPayCall, Callable[[Any], Any]] = {
    PayPayCall.CREATE_CODE: make_started_payment_reader(PAYPAY_REQUEST),
    PayPayCall.DELETE_CODE: read_deleted_code,
    PayPayCall.PAYMENT: make_payment_reader(PAYPAY_QUESTION),
    PayPayCall.CANCEL: read_no_content,
    PayPayCall.REFUND: make_refund_reader(REFUND_INSTRUCTION),
    PayPayCall.REFUND_STATUS: make_refund_reader(REFUND_INSTRUCTION),
}
PAYMENT_DATA: dict[str, Any] = {
    "paymentId": PROVIDER_PAYMENT_ID,
    "status": "COMPLETED",
    "acceptedAt": 1795161670,
    "refunds": None,
    "captures": None,
    "merchantPaymentId": "ORD-20261120-000123",
    "amount": {"amount": 3300, "currency": "JPY"},
    "requestedAt": 1795161600,
    "paymentMethods": [{"amount": {"amount": 3300, "currency": "JPY"}, "type": "WALLET"}],
}
REFUND_DATA: dict[str, Any] = {
    "status": "CREATED",
    "acceptedAt": 1795161601,
    "merchantRefundId": REFUND_INSTRUCTION.key,
    "paymentId": PROVIDER_PAYMENT_ID,
    "amount": {"amount": 3300, "currency": "JPY"},
    "requestedAt": 1795161600,
    "reason": "注文キャンセルのため",
}
CODE_DATA: dict[str, Any] = {
    "codeId": "04-0aBcDeFgHiJkLmNo",
    "url": "https://qr.paypay.ne.jp/28180104xyz",
    "deeplink": "paypay://payment?link_key=xyz",
    "expiryDate": 1795161900,
    "merchantPaymentId": "ORD-20261120-000123",
    "amount": {"amount": 3300, "currency": "JPY"},
    "codeType": "ORDER_QR",
    "requestedAt": 1795161600,
    "isAuthorization": False,
}


def convert_answer(call: PayPayCall, status: int, body: object = b"") -> Outcome[Any]:
    return make_paypay_answer_converter(call, READER_BY_CALL[call])(make_http_answer(status, body))


# ---- test vectors


@pytest.mark.parametrize("vector", ANSWER_VECTORS, ids=[v["id"] for v in ANSWER_VECTORS])
def test_answers_of_the_test_vectors_have_their_outcome_class(vector: dict[str, Any]) -> None:
    """Each answer of the test vectors, sent over real HTTP, has the outcome class that its vector states, and the
    effect that follows from this class.
    """
    call = vector["call"]
    with serve_scripts(make_answer_script(vector["http_status"], vector["body"])) as server:
        adapter = make_paypay(server.url)
        if call.startswith("GET"):
            read = (
                adapter.read_refund(REFUND_INSTRUCTION)
                if "refunds" in call
                else adapter.read_payment(PAYPAY_QUESTION)
            )
            assert read.kind == vector["expected_class"]
        else:
            acted = adapter.refund(REFUND_INSTRUCTION) if call.startswith("POST") else adapter.cancel(PAYPAY_QUESTION)
            assert (acted.kind, describe_effect(acted.kind)) == (vector["expected_class"], vector["effect"])
        assert server.connections == 1


@pytest.mark.parametrize("vector", PAYPAY_STATE_VECTORS, ids=[v["id"] for v in PAYPAY_STATE_VECTORS])
def test_states_of_the_test_vectors_have_our_state_and_label(vector: dict[str, Any]) -> None:
    """For each state of PayPay in the test vectors, the adapter gives the expected state of this program and the
    expected label, and says correctly whether the state is final.
    """
    word = vector["provider_state"]
    if vector["domain"] == "paypay-payment":
        row = PAYMENT_STATE_MEANINGS[word]
        assert (row.state, row.is_final) == (vector["business_state"], vector["final"])
    else:
        state = REFUND_STATE_MEANINGS[word][1]
        assert (state, state is RefundState.COMPLETED) == (vector["business_state"], vector["final"])
    assert read_sentences("ja")[f"provider_state.{vector['domain']}.{word}"] == vector["label_ja"]


# ---- the tables, row by row

FAILED = Kind.FAILED_DEFINITE
UNKNOWN = Kind.UNKNOWN
NOT_FOUND = Kind.NOT_FOUND
AUTH = Kind.AUTH
RATE_LIMITED = Kind.RATE_LIMITED
PENDING = Kind.PENDING
ANSWERS_OF_ALL_CALLS: list[tuple[int, str, Kind, Kind]] = [
    (202, "REQUEST_ACCEPTED", PENDING, UNKNOWN),
    (400, "INVALID_REQUEST_PARAMS", FAILED, UNKNOWN),
    (400, "MISSING_REQUEST_PARAMS", FAILED, UNKNOWN),
    (400, "INVALID_PARAMS", FAILED, UNKNOWN),
    (401, "UNAUTHORIZED", AUTH, AUTH),
    (401, "OP_OUT_OF_SCOPE", AUTH, AUTH),
    (404, "OPA_CLIENT_NOT_FOUND", AUTH, AUTH),
    (429, "RATE_LIMIT", RATE_LIMITED, RATE_LIMITED),
    (500, "SERVICE_ERROR", UNKNOWN, UNKNOWN),
    (500, "INTERNAL_SERVER_ERROR", UNKNOWN, UNKNOWN),
    (500, "TRANSACTION_FAILED", FAILED, UNKNOWN),
    (503, "MAINTENANCE_MODE", UNKNOWN, UNKNOWN),
]
ANSWERS_OF_ONE_CALL: list[tuple[PayPayCall, int, str, Kind]] = [
    (PayPayCall.REFUND, 400, "UNACCEPTABLE_OP", FAILED),
    (PayPayCall.REFUND, 400, "CANCELED_USER", FAILED),
    (PayPayCall.REFUND, 400, "THROTTLED_MULTIPLE_REFUND_REJECTED", RATE_LIMITED),
    (PayPayCall.REFUND, 400, "REFUND_LIMIT_EXCEEDED", FAILED),
    (PayPayCall.REFUND, 400, "REFUND_WINDOW_EXCEED", FAILED),
    (PayPayCall.REFUND, 400, "ORDER_NO_LONGER_AVAILABLE", FAILED),
    (PayPayCall.REFUND, 401, "USER_STATE_IS_NOT_ACTIVE", FAILED),
    (PayPayCall.REFUND, 403, "MERCHANT_MULTIPLE_REFUND_REJECTED", FAILED),
    (PayPayCall.REFUND, 404, "RESOURCE_NOT_FOUND", FAILED),
    (PayPayCall.REFUND, 404, "NO_SUCH_REFUND_ORDER", FAILED),
    (PayPayCall.REFUND_STATUS, 404, "NO_SUCH_REFUND_ORDER", NOT_FOUND),
    (PayPayCall.REFUND_STATUS, 400, "ORDER_NO_LONGER_AVAILABLE", UNKNOWN),
    (PayPayCall.PAYMENT, 400, "DYNAMIC_QR_PAYMENT_NOT_FOUND", NOT_FOUND),
    (PayPayCall.PAYMENT, 400, "DYNAMIC_QR_BAD_REQUEST", UNKNOWN),
    (PayPayCall.PAYMENT, 400, "ORDER_NO_LONGER_AVAILABLE", UNKNOWN),
    (PayPayCall.CANCEL, 400, "ORDER_NOT_REVERSIBLE", FAILED),
    (PayPayCall.CANCEL, 400, "ORDER_NO_LONGER_AVAILABLE", FAILED),
    (PayPayCall.CREATE_CODE, 400, "DUPLICATE_DYNAMIC_QR_REQUEST", UNKNOWN),
    (PayPayCall.CREATE_CODE, 400, "PRE_AUTH_CAPTURE_UNSUPPORTED_MERCHANT", FAILED),
    (PayPayCall.CREATE_CODE, 400, "PRE_AUTH_CAPTURE_INVALID_EXPIRY_DATE", FAILED),
    (PayPayCall.CREATE_CODE, 400, "DYNAMIC_QR_BAD_REQUEST", FAILED),
    (PayPayCall.DELETE_CODE, 400, "DYNAMIC_QR_ALREADY_PAID", FAILED),
    (PayPayCall.DELETE_CODE, 404, "DYNAMIC_QR_NOT_FOUND", FAILED),
]


def test_each_row_of_the_tables_is_tested() -> None:
    """Every row of the adapter's tables of result codes occurs in the tables of this test file."""
    assert {row[:3] for row in ANSWERS_OF_ONE_CALL} == set(VERDICTS_BY_CALL_AND_CODE)
    assert {row[:2] for row in ANSWERS_OF_ALL_CALLS} == set(VERDICTS_OF_ALL_CALLS)


@pytest.mark.parametrize("row", ANSWERS_OF_ALL_CALLS, ids=[f"{row[0]} {row[1]}" for row in ANSWERS_OF_ALL_CALLS])
def test_codes_of_all_calls_have_their_outcome_class(row: tuple[int, str, Kind, Kind]) -> None:
    """Each result code that all calls share has one outcome class for the calls with an effect, and one for the
    reads. For a read, a definite refusal counts as unknown.
    """
    status, code, acts, reads = row
    for call in PayPayCall:
        outcome = convert_answer(call, status, make_paypay_json(code))
        assert (outcome.kind, outcome.status) == (reads if call in PAYPAY_READING_CALLS else acts, status)


@pytest.mark.parametrize(
    "row", ANSWERS_OF_ONE_CALL, ids=[f"{row[0]} {row[1]} {row[2]}" for row in ANSWERS_OF_ONE_CALL]
)
def test_each_row_of_paypays_codes_has_its_outcome_class(row: tuple[PayPayCall, int, str, Kind]) -> None:
    """Each row, a result code with its HTTP status, has its outcome class. The same code with another HTTP status
    counts as unlisted.
    """
    call, status, code, kind = row
    assert convert_answer(call, status, make_paypay_json(code)).kind is kind
    assert convert_answer(call, 418, make_paypay_json(code)).kind is Kind.UNKNOWN


@pytest.mark.parametrize("row", ANSWERS_OF_ALL_CALLS, ids=[f"{row[0]} {row[1]}" for row in ANSWERS_OF_ALL_CALLS])
def test_a_refusal_that_contains_its_effect_is_unknown(row: tuple[int, str, Kind, Kind]) -> None:
    """If the result code refuses the call but the data contain the call's effect, the outcome is unknown. Other
    data don't change the refusal. REQUEST_ACCEPTED refuses nothing and stays pending.
    """
    status, code, acts, _ = row
    for call, data in (
        (PayPayCall.REFUND, REFUND_DATA),
        (PayPayCall.CREATE_CODE, {"codeId": "04-1", "url": "https://x"}),
    ):
        assert convert_answer(call, status, make_paypay_json(code, data)).kind is (
            acts if acts in (PENDING, UNKNOWN) else UNKNOWN
        )
        assert convert_answer(call, status, make_paypay_json(code, {"field": "amount"})).kind is acts


@pytest.mark.parametrize("status", [400, 401, 404, 429])
def test_a_refusal_with_its_effect_at_any_place_is_unknown(status: int) -> None:
    """An answer that refuses the request leaves the outcome unknown if its body also shows that the request was
    carried out, no matter where: in a list, in an inner object, or outside of `data`. A refund or a code shows
    this; so does the state of a refund or the link for the payer, even if the id is missing.
    """
    code = {400: "INVALID_PARAMS", 401: "UNAUTHORIZED", 404: "OPA_CLIENT_NOT_FOUND", 429: "RATE_LIMIT"}[status]
    refund_without_id = {"status": "CREATED", "acceptedAt": 1795161601}
    made: list[object] = [[REFUND_DATA], {"refund": REFUND_DATA}, refund_without_id]
    for data in made:
        assert convert_answer(PayPayCall.REFUND, status, make_paypay_json(code, data)).reason == "refused_but_made"
    assert (
        convert_answer(PayPayCall.REFUND, status, make_paypay_json(code) | {"refund": REFUND_DATA}).reason
        == "refused_but_made"
    )
    codes: list[object] = [[CODE_DATA], {"code": CODE_DATA}, {"deeplink": CODE_DATA["deeplink"]}]
    for data in codes:
        assert (
            convert_answer(PayPayCall.CREATE_CODE, status, make_paypay_json(code, data)).reason == "refused_but_made"
        )
    other: list[object] = [[], {"merchantRefundId": None}, {"status": 400}, {"detail": {"status": "INVALID"}}]
    for data in other:
        assert convert_answer(PayPayCall.REFUND, status, make_paypay_json(code, data)).reason != "refused_but_made"


NOT_FOUND_ANSWERS_WITH_RECORD = [
    (PayPayCall.PAYMENT, 400, "DYNAMIC_QR_PAYMENT_NOT_FOUND", PAYMENT_DATA),
    (PayPayCall.PAYMENT, 404, "SOMETHING_NEW", PAYMENT_DATA),
    (PayPayCall.REFUND_STATUS, 404, "NO_SUCH_REFUND_ORDER", REFUND_DATA),
]


@pytest.mark.parametrize(("call", "status", "code", "record"), NOT_FOUND_ANSWERS_WITH_RECORD)
def test_not_found_with_the_record_in_the_data_is_unknown(
    call: PayPayCall, status: int, code: str, record: dict[str, Any]
) -> None:
    """If the result code says "not found" but the data contain the payment or refund, the outcome is unknown. So a
    payment or refund isn't made a second time."""
    shown: list[object] = [record, [record], {"status": record["status"]}, {"status": "SOMETHING_NEW"}]
    for data in shown:
        outcome = convert_answer(call, status, make_paypay_json(code, data))
        assert (outcome.kind, outcome.reason, outcome.content) == (UNKNOWN, "refused_but_made", None)
    nothing: list[object] = [None, {}, {"merchantPaymentId": "ORD-1"}, {"status": None, "paymentId": ""}]
    for data in nothing:
        assert convert_answer(call, status, make_paypay_json(code, data)).kind is NOT_FOUND


HTTP_STATUSES = (*range(200, 208), *range(300, 309), *range(400, 452), *range(500, 512), 599)


@pytest.mark.parametrize("call", PayPayCall)
def test_an_unlisted_code_is_unknown(call: PayPayCall) -> None:
    """An answer with an unlisted code, or without a readable code, has the outcome UNKNOWN. A 404 with an unlisted
    code means "not found" if a payment is read; a 404 without a code doesn't. The next test covers a 429 without a
    code.
    """
    codeless = (b"", b"<html>", b"null", b'{"resultInfo":null}', b'{"resultInfo":{"code":5}}')
    others = [status for status in HTTP_STATUSES if status != 429]
    assert {convert_answer(call, status, body).kind for status in others for body in codeless} == {Kind.UNKNOWN}
    kinds = {status: convert_answer(call, status, make_paypay_json("SOMETHING_NEW")).kind for status in HTTP_STATUSES}
    settled = {status for status, kind in kinds.items() if kind is not Kind.UNKNOWN}
    assert settled == ({404} if call is PayPayCall.PAYMENT else set())
    assert kinds[404] is (Kind.NOT_FOUND if call is PayPayCall.PAYMENT else Kind.UNKNOWN)


BODIES_OF_A_429: dict[str, tuple[bytes, Kind]] = {
    "empty": (b"", RATE_LIMITED),
    "a page": (b"<html><h1>429 Too Many Requests</h1></html>", RATE_LIMITED),
    "a remark": (b'{"message":"Too Many Requests"}', RATE_LIMITED),
    "an empty envelope": (b'{"resultInfo":null,"data":null}', RATE_LIMITED),
    "with a mark of order": (b"\xef\xbb\xbf{}", RATE_LIMITED),
    "a code of another form": (b'{"resultInfo":{"code":5}}', UNKNOWN),
    "an unlisted code": (json.dumps(make_paypay_json("SOMETHING_NEW")).encode(), UNKNOWN),
    "taken on": (json.dumps(make_paypay_json("REQUEST_ACCEPTED", REFUND_DATA)).encode(), UNKNOWN),
    "done": (json.dumps(make_paypay_json("SUCCESS", REFUND_DATA)).encode(), UNKNOWN),
    "the refund without an envelope": (json.dumps(REFUND_DATA).encode(), UNKNOWN),
    "cut": (json.dumps(make_paypay_json("SUCCESS", REFUND_DATA)).encode()[:-5], UNKNOWN),
    "a list": (json.dumps([REFUND_DATA]).encode(), UNKNOWN),
    "compressed": (gzip.compress(json.dumps(REFUND_DATA).encode()), UNKNOWN),
    "UTF-16": (json.dumps(REFUND_DATA).encode("utf-16"), UNKNOWN),
    "within a page": (b"<pre>" + json.dumps(REFUND_DATA).encode() + b"</pre>", UNKNOWN),
}


@pytest.mark.parametrize("call", PayPayCall)
@pytest.mark.parametrize(("body", "kind"), BODIES_OF_A_429.values(), ids=BODIES_OF_A_429)
def test_a_429_without_acceptance_means_too_many_requests(call: PayPayCall, body: bytes, kind: Kind) -> None:
    """A 429 means that PayPay refused the call because of too many requests, unless the body states, or may state,
    that PayPay accepted the call.
    """
    outcome = convert_answer(call, 429, body)
    assert outcome.kind is kind
    assert kind is not RATE_LIMITED or (outcome.reason, outcome.content) == ("rate_limited", None)


@pytest.mark.parametrize("call", PayPayCall)
def test_the_code_success_with_another_http_status_is_no_success(call: PayPayCall) -> None:
    """An answer with the code SUCCESS counts as a success only with the HTTP status that PayPay documents; with any
    other status it doesn't.
    """
    data = {PayPayCall.PAYMENT: PAYMENT_DATA, PayPayCall.CREATE_CODE: CODE_DATA}.get(call, REFUND_DATA)
    for status in (100, 202, 203, 204, 206, 302, 400, 401, 404, 500):
        assert convert_answer(call, status, make_paypay_json("SUCCESS", data)).kind in (Kind.UNKNOWN, Kind.NOT_FOUND)


# ---- refunds


@pytest.mark.parametrize("call", [PayPayCall.REFUND, PayPayCall.REFUND_STATUS])
@pytest.mark.parametrize(
    ("state", "kind", "business"),
    [
        ("CREATED", PENDING, RefundState.SUBMITTED),
        ("REFUND_FAILED", PENDING, RefundState.SUBMITTED),
        ("REFUNDED", Kind.SUCCEEDED, RefundState.COMPLETED),
    ],
)
def test_each_refund_state_has_its_outcome(call: PayPayCall, state: str, kind: Kind, business: RefundState) -> None:
    """Each refund state has its outcome: an accepted refund is not made yet, and a refund that PayPay tries again has
    not failed.
    """
    outcome = convert_answer(call, 200, make_paypay_json("SUCCESS", REFUND_DATA | {"status": state}))
    accepted = datetime(2026, 11, 20, 8, 0, 1, tzinfo=UTC)
    assert outcome.kind is kind
    assert outcome.content == RefundReport(
        REFUND_INSTRUCTION.key, REFUND_INSTRUCTION.key, state, business, AMOUNT_IN_YEN, PROVIDER_PAYMENT_ID, accepted
    )


WRONG_AMOUNTS: dict[str, tuple[object, str]] = {
    "another": ({"amount": 3299, "currency": "JPY"}, "other_amount"),
    "dollars": ({"amount": 3300, "currency": "USD"}, "other_currency"),
    "no currency": ({"amount": 3300}, "other_currency"),
    "float": ({"amount": 3300.0, "currency": "JPY"}, "bad_amount"),
    "exponent": ({"amount": 3.3e3, "currency": "JPY"}, "bad_amount"),
    "text": ({"amount": "3300", "currency": "JPY"}, "bad_amount"),
    "true": ({"amount": True, "currency": "JPY"}, "bad_amount"),
    "negative": ({"amount": -3300, "currency": "JPY"}, "bad_amount"),
    "12 digits": ({"amount": 100_000_000_000, "currency": "JPY"}, "bad_amount"),
    "bare": (3300, "bad_amount"),
    "list": ([], "bad_amount"),
}
WRONG_REFUNDS: dict[str, tuple[dict[str, object], str]] = {
    **{f"amount: {name}": ({"amount": said}, why) for name, (said, why) in WRONG_AMOUNTS.items()},
    "no amount": ({"amount": None}, "bad_amount"),
    "other key": ({"merchantRefundId": "RFD-OTHER"}, "other_id"),
    "no key": ({"merchantRefundId": None}, "no_id"),
    "key as number": ({"merchantRefundId": 5}, "bad_id"),
    "other payment": ({"paymentId": "0421"}, "other_payment"),
    "no payment": ({"paymentId": None}, "no_id"),
    "payment as number": ({"paymentId": 4212345678901234567}, "bad_id"),
    "new state": ({"status": "SOMETHING_NEW"}, "unlisted_state"),
    "state in small letters": ({"status": "refunded"}, "unlisted_state"),
    "no state": ({"status": None}, "unlisted_state"),
    "state as list": ({"status": ["REFUNDED"]}, "unlisted_state"),
}


@pytest.mark.parametrize("call", [PayPayCall.REFUND, PayPayCall.REFUND_STATUS])
@pytest.mark.parametrize("state", ["CREATED", "REFUNDED"])
@pytest.mark.parametrize(("change", "reason"), WRONG_REFUNDS.values(), ids=WRONG_REFUNDS)
def test_an_answer_about_another_refund_is_unknown(
    call: PayPayCall, state: str, change: dict[str, object], reason: str
) -> None:
    """If the key, payment, amount, currency or state in the answer to a refund is missing, unreadable or not the
    expected one, the outcome is unknown. If only the amount differs, a report is returned for comparison.
    """
    outcome = convert_answer(call, 200, make_paypay_json("SUCCESS", REFUND_DATA | {"status": state} | change))
    assert (outcome.kind, outcome.reason) == (Kind.UNKNOWN, reason)
    assert (outcome.content is not None) == (reason == "other_amount")


UNREADABLE_BODIES = {
    "empty": b"",
    "HTML": b"<html>OK</html>",
    "null": b"null",
    "list": b"[]",
    "no data": b'{"resultInfo":{"code":"SUCCESS"}}',
    "data as list": b'{"resultInfo":{"code":"SUCCESS"},"data":[]}',
    "cut": json.dumps(make_paypay_json("SUCCESS", REFUND_DATA)).encode()[:-5],
    "code twice": b'{"resultInfo":{"code":"X","code":"SUCCESS"},"data":{}}',
    "NaN": b'{"resultInfo":{"code":"SUCCESS"},"data":NaN}',
    "not UTF-8": '{"resultInfo":{"code":"SUCCESS","message":"成功"}}'.encode("shift-jis"),
    "nested": b'{"a":' * 100_000,
    "strange code": b'{"resultInfo":{"code":"SUCCESS\\n"},"data":{}}',
}


@pytest.mark.parametrize(
    "call", [PayPayCall.REFUND, PayPayCall.REFUND_STATUS, PayPayCall.PAYMENT, PayPayCall.CREATE_CODE]
)
@pytest.mark.parametrize("body", UNREADABLE_BODIES.values(), ids=UNREADABLE_BODIES)
def test_an_unreadable_answer_is_unknown(call: PayPayCall, body: bytes) -> None:
    """An answer that can't be read, or can be read in more than one way, has the outcome UNKNOWN."""
    outcome = convert_answer(call, 200, body)
    assert (outcome.kind, outcome.reason, outcome.content) == (Kind.UNKNOWN, "unreadable", None)


# ---- payments


def convert_payment(change: dict[str, object], question: PaymentQuestion = PAYPAY_QUESTION) -> Outcome[PaymentReport]:
    return make_paypay_answer_converter(PayPayCall.PAYMENT, make_payment_reader(question))(
        make_http_answer(200, make_paypay_json("SUCCESS", PAYMENT_DATA | change))
    )


def test_all_facts_of_a_payment_are_read() -> None:
    """The report contains all facts that people compare: ids, state, amount, time, payment method and refunds."""
    outcome = convert_payment({"refunds": {"data": [REFUND_DATA | {"status": "REFUNDED"}]}, "status": "REFUNDED"})
    assert outcome.kind is Kind.SUCCEEDED
    assert outcome.content == PaymentReport(
        "ORD-20261120-000123", PROVIDER_PAYMENT_ID, "REFUNDED", PaymentState.PAYMENT_SUCCESS, True, AMOUNT_IN_YEN,
        AMOUNT_IN_YEN,
        paid_at=datetime(2026, 11, 20, 8, 1, 10, tzinfo=UTC), method="WALLET",
        refunds=(RefundReport(REFUND_INSTRUCTION.key, REFUND_INSTRUCTION.key, "REFUNDED", RefundState.COMPLETED,
                              AMOUNT_IN_YEN, PROVIDER_PAYMENT_ID,
                              datetime(2026, 11, 20, 8, 0, 1, tzinfo=UTC)),),
    )  # fmt: skip
    assert outcome.content.is_bookable


@pytest.mark.parametrize("state", PAYMENT_STATE_MEANINGS)
def test_each_payment_state_has_its_outcome(state: str) -> None:
    """Each payment state of PayPay has the outcome paid, not paid yet, or failed."""
    kinds = {
        "COMPLETED": Kind.SUCCEEDED,
        "REFUNDED": Kind.SUCCEEDED,
        "FAILED": FAILED,
        "CANCELED": FAILED,
        "EXPIRED": FAILED,
    }
    assert convert_payment({"status": state}).kind is kinds.get(state, PENDING)


def test_an_answer_about_an_unpaid_code_needs_no_ids() -> None:
    """An answer about a payment code that nobody has paid has no ids and no amount. The outcome is "not paid yet",
    and the report isn't bookable. The time 0 in the answer counts as no time.
    """
    outcome = convert_answer(
        PayPayCall.PAYMENT, 200, make_paypay_json("SUCCESS", {"status": "CREATED", "acceptedAt": 0, "requestedAt": 0})
    )
    assert outcome.kind is PENDING
    assert outcome.content is not None
    assert (outcome.content.paid_at, outcome.content.amount, outcome.content.is_bookable) == (None, None, False)


def test_a_success_without_an_id_or_amount_is_not_booked() -> None:
    """If a successful answer has neither ids nor an amount, its report isn't bookable."""
    unsaid = ("paymentId", "merchantPaymentId", "amount", "acceptedAt", "paymentMethods")
    outcome = convert_payment(dict.fromkeys(unsaid))
    assert outcome.kind is Kind.SUCCEEDED
    assert outcome.content is not None
    assert not outcome.content.is_bookable


def test_a_payment_without_our_number_may_be_another_one() -> None:
    """If the answer doesn't contain our payment number, it may be about another payment, so its report isn't
    bookable.
    """
    outcome = convert_payment({"merchantPaymentId": None})
    assert outcome.kind is Kind.SUCCEEDED
    assert outcome.content is not None
    assert not outcome.content.is_bookable


WRONG_PAYMENTS: dict[str, tuple[dict[str, object], str]] = {
    **{f"amount: {name}": ({"amount": said}, why) for name, (said, why) in WRONG_AMOUNTS.items()},
    "other order": ({"merchantPaymentId": "ORD-OTHER"}, "other_id"),
    "order as number": ({"merchantPaymentId": 5}, "other_id"),
    "payment as number": ({"paymentId": 5}, "bad_id"),
    "payment with blanks": ({"paymentId": "04 21"}, "bad_id"),
    "endless payment": ({"paymentId": "0" * 65}, "bad_id"),
    "new state": ({"status": "PAID"}, "unlisted_state"),
}


@pytest.mark.parametrize(("change", "reason"), WRONG_PAYMENTS.values(), ids=WRONG_PAYMENTS)
def test_an_answer_about_another_payment_is_unknown(change: dict[str, object], reason: str) -> None:
    """If the answer has another order, amount or currency than the request, an unreadable id or an unlisted state,
    the outcome is unknown. If the amount differs, a report is returned for comparison.
    """
    outcome = convert_payment(change)
    assert (outcome.kind, outcome.reason) == (Kind.UNKNOWN, reason)
    assert (outcome.content is not None) == (reason == "other_amount")


def make_captured_data(*minors: int, status: str = "USER_REQUESTED") -> dict[str, Any]:
    return {"data": [{"amount": {"amount": minor, "currency": "JPY"}, "status": status} for minor in minors]}


@pytest.mark.parametrize(
    ("captures", "kind", "minor"),
    [
        (make_captured_data(3300), Kind.SUCCEEDED, 3300),
        (make_captured_data(3000, 300), Kind.SUCCEEDED, 3300),
        ({"data": []}, Kind.SUCCEEDED, 3300),
        ({"data": None}, Kind.SUCCEEDED, 3300),
        (make_captured_data(1000), Kind.UNKNOWN, 1000),
        (make_captured_data(3300, 1), Kind.UNKNOWN, 3301),
        (
            {"data": [*make_captured_data(3000)["data"], *make_captured_data(300, status="USER_CANCELED")["data"]]},
            Kind.UNKNOWN,
            3000,
        ),
    ],
)
def test_the_captured_amount_is_read_instead_of_the_authorised_one(captures: object, kind: Kind, minor: int) -> None:
    """If PayPay has captured an authorised payment, the report has the sum of the captured amounts. If this sum
    isn't the requested amount, the outcome is unknown.
    """
    outcome = convert_answer(
        PayPayCall.PAYMENT, 200, make_paypay_json("SUCCESS", {**PAYMENT_DATA, "captures": captures})
    )
    assert (outcome.kind, outcome.content and outcome.content.amount) == (kind, Money(minor, "JPY"))


@pytest.mark.parametrize(
    "captures",
    [
        "none",
        [],
        {"data": "x"},
        {"data": [1]},
        make_captured_data(-1),
        {"data": [{"amount": 5}]},
        {"data": ""},
        {"data": 0},
        {"data": {}},
        {"items": make_captured_data(100)["data"]},
        make_captured_data(3300) | {"total": 2},
    ],
)
def test_captures_that_cannot_be_read_book_nothing(captures: object) -> None:
    """If the list of captures is unreadable, the outcome is unknown and there is no report."""
    outcome = convert_answer(
        PayPayCall.PAYMENT, 200, make_paypay_json("SUCCESS", {**PAYMENT_DATA, "captures": captures})
    )
    assert (outcome.kind, outcome.content) == (Kind.UNKNOWN, None)


def test_a_payment_with_a_known_id_accepts_no_other_id() -> None:
    """If the program has stored PayPay's id of the payment, it doesn't accept an answer with another id."""
    assert (
        convert_payment({}, replace(PAYPAY_QUESTION, provider_payment_id=PROVIDER_PAYMENT_ID)).kind is Kind.SUCCEEDED
    )
    outcome = convert_payment({}, replace(PAYPAY_QUESTION, provider_payment_id="0499"))
    assert (outcome.kind, outcome.reason) == (Kind.UNKNOWN, "other_payment")


def test_an_import_reads_the_amount_from_the_answer() -> None:
    """An import of a payment doesn't state an amount; the adapter takes the amount from the answer."""
    outcome = convert_payment({"amount": {"amount": 1, "currency": "JPY"}}, PaymentQuestion("ORD-20261120-000123"))
    assert outcome.content is not None
    assert outcome.content.amount == Money(1, "JPY")


@pytest.mark.parametrize(
    "refunds",
    [
        {"data": [REFUND_DATA | {"status": "?"}]},
        {"data": {}},
        [],
        "none",
        {"data": [None]},
        # A list under another name, and one of several pages:
        {"items": [REFUND_DATA]},
        {"Data": [REFUND_DATA]},
        {"data": [], "total": 1},
        {"data": None, "nextCursor": "x"},
        {"data": [REFUND_DATA], "hasNext": True},
    ],
)
def test_refunds_that_cannot_be_read_leave_the_payment_readable(refunds: object) -> None:
    """If the list of refunds in an answer is unreadable, the payment is still read, and the list doesn't count as
    empty.
    """
    report = convert_payment({"refunds": refunds}).content
    assert report is not None
    assert report.refunds is None


@pytest.mark.parametrize(("missing", "refunds"), [(("merchantPaymentId",), ()), (("paymentId",), ()),
                                                  (("merchantPaymentId", "paymentId"), None)])  # fmt: skip
def test_an_answer_that_names_no_payment_lists_no_refunds(
    missing: tuple[str, ...], refunds: tuple[()] | None
) -> None:
    """An answer without both ids may belong to another request: it doesn't show that our payment has no refund."""
    report = convert_payment({"refunds": None, **dict.fromkeys(missing)}).content
    assert report is not None
    assert report.refunds == refunds


@pytest.mark.parametrize("refunds", [None, {"data": None}, {"data": []}, {}, {"data": [], "total": 0, "next": None}])
def test_an_answer_without_refunds_has_an_empty_list(refunds: object) -> None:
    """An answer about a payment without refunds has an empty list of refunds."""
    report = convert_payment({"refunds": refunds}).content
    assert report is not None
    assert report.refunds == ()


@pytest.mark.parametrize("value", [-5, 10**18, 253_402_300_799, 1795161670.5, "1795161670", True, [1]])
def test_an_invalid_time_is_refused(value: object) -> None:
    """Only a whole number of seconds since 1970, up to a limit, counts as a time; for every other value the report
    has no time.
    """
    report = convert_payment({"acceptedAt": value}).content
    assert report is not None
    assert report.paid_at is None


# ---- codes


def test_all_facts_of_a_payment_code_are_read() -> None:
    """The adapter reads the payment code, its links and its time of expiry."""
    outcome = convert_answer(PayPayCall.CREATE_CODE, 201, make_paypay_json("SUCCESS", CODE_DATA))
    assert outcome.kind is Kind.SUCCEEDED
    assert (get_report(outcome).handle, get_report(outcome).url) == (CODE_DATA["codeId"], CODE_DATA["url"])
    assert get_report(outcome).deeplink == CODE_DATA["deeplink"]
    assert get_report(outcome).expires_at == datetime(2026, 11, 20, 8, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"merchantPaymentId": "ORD-OTHER"}, "other_id"),
        ({"merchantPaymentId": None}, "no_id"),
        ({"amount": {"amount": 1, "currency": "JPY"}}, "other_amount"),
        ({"amount": None}, "bad_amount"),
        ({"codeId": None}, "no_id"),
        ({"codeId": "a b"}, "bad_id"),
    ],
)
def test_a_code_for_another_order_or_amount_is_not_shown(change: dict[str, object], reason: str) -> None:
    """If the order or amount in the answer is missing or differs from the request, or the payment code has no
    readable id, the outcome is unknown and contains no code, so the payer doesn't see it.
    """
    outcome = convert_answer(PayPayCall.CREATE_CODE, 201, make_paypay_json("SUCCESS", CODE_DATA | change))
    assert (outcome.kind, outcome.reason, outcome.content) == (Kind.UNKNOWN, reason, None)


INVALID_LINKS = ["javascript:alert(1)", "http://qr.paypay.ne.jp/x", "https://x\n", 5, "https://" + "x" * 3_000]


@pytest.mark.parametrize("url", INVALID_LINKS)
def test_an_invalid_link_is_refused(url: object) -> None:
    """A link that isn't allowed is left out of the result; the payment code itself is still used."""
    assert (
        get_report(
            convert_answer(PayPayCall.CREATE_CODE, 201, make_paypay_json("SUCCESS", CODE_DATA | {"url": url}))
        ).url
        is None
    )


def test_a_deleted_code_needs_no_data() -> None:
    """An answer to the deletion of a payment code succeeds with its result code alone; it may contain data about
    the code.
    """
    assert convert_answer(PayPayCall.DELETE_CODE, 200, make_paypay_json("SUCCESS")).kind is Kind.SUCCEEDED
    assert (
        convert_answer(PayPayCall.DELETE_CODE, 200, make_paypay_json("SUCCESS", {"codeId": "04-1"})).kind
        is Kind.SUCCEEDED
    )


@pytest.mark.parametrize(("status", "code"), [(200, "SUCCESS"), (404, "DYNAMIC_QR_NOT_FOUND")])
def test_a_code_reported_as_deleted_in_an_answer_with_a_payment_is_unknown(status: int, code: str) -> None:
    """If PayPay's result code says that the payment code is deleted or unknown but the answer contains a payment,
    the outcome is unknown. So the payer gets no second code.
    """
    for data in (PAYMENT_DATA, {"payment": {"paymentId": PROVIDER_PAYMENT_ID}}):
        outcome = convert_answer(PayPayCall.DELETE_CODE, status, make_paypay_json(code, data))
        assert (outcome.kind, outcome.reason) == (Kind.UNKNOWN, "refused_but_made")


# ---- evidence


def test_evidence_contains_the_answer_and_its_request_id() -> None:
    """The evidence contains PayPay's answer and its request id, which PayPay's support needs."""
    outcome = convert_answer(PayPayCall.REFUND, 400, make_paypay_json("UNACCEPTABLE_OP"))
    assert outcome.evidence.startswith("X-REQUEST-ID: REQ-1\n")
    assert '"code": "UNACCEPTABLE_OP"' in outcome.evidence
    assert len(outcome.sha256) == 64


def test_evidence_over_the_wire_keeps_the_code_and_no_key() -> None:
    """If an answer repeats our keys, they are masked in the evidence; PayPay's result code stays readable. An
    invalid request id is left out.
    """
    body = make_paypay_json("UNACCEPTABLE_OP") | {"echo": "a_dGVzdA_sample Zk3s5qXb0mB1n7yV2cQ8tR4uW6pL9aHd="}
    with serve_scripts(make_answer_script(400, body, {"X-REQUEST-ID": "bad id!"})) as server:
        outcome = make_paypay(server.url).refund(REFUND_INSTRUCTION)
    assert "UNACCEPTABLE_OP" in outcome.evidence
    assert not [word for word in ("a_dGVzdA", "Zk3s5", "bad id!") if word in outcome.evidence]
