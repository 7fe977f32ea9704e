"""Tests that no answer which is cut, wrongly typed or contradictory counts as a refusal or as a success. Every
vector is cut at each byte and gets other types in each field, for each call, with the HTTP statuses of successes
and refusals.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from console.domain.provider_outcome import Outcome
from console.domain.provider_outcome import OutcomeClass as Kind
from console.providers.alarmbox.oauth import AlarmBoxConfig, AlarmBoxOAuth, _require_token_refusal
from console.providers.alarmbox.responses import make_detail_converter, make_list_converter, make_purchase_converter
from console.providers.atom.responses import make_atom_converter
from console.providers.atom.status_codes import AtomCall
from console.providers.credit_checks.tokens import CredentialsRefused, TokenAnswerLost, TokenUnavailable
from console.providers.http.answer_outcomes import AnswerConverter, UnusableAnswer
from console.providers.http.strict_json import UnreadableJson
from console.providers.http.transport import HttpAnswer
from console.providers.paypay.responses import make_paypay_answer_converter
from console.providers.paypay.result_codes import PAYPAY_READING_CALLS, PayPayCall
from console.providers.registry.responses import read_corporations
from tests.providers.atom import test_responses as atom_tests
from tests.providers.parts import (
    CHECK_ANSWER,
    CORPORATION_NUMBER,
    PAIR_ANSWER,
    PURCHASED_ANSWER,
    CountingRateLimiter,
    ManualClock,
)
from tests.providers.payments.parts import derive_response_key, make_http_answer, make_paypay_json, seal_answer
from tests.providers.paypay import test_responses as paypay_tests
from tests.providers.registry.test_client import COMPANY_CSV_LINE, make_answer
from tests.providers.registry.test_client import CORPORATION_NUMBER as REGISTERED_NUMBER

STATUSES = (200, 400, 401, 402, 403, 404, 422, 429, 500)
HARMLESS_FOR_READS = frozenset({Kind.UNKNOWN, Kind.AUTH, Kind.RATE_LIMITED})
"""Classes of a read that change nothing: the HTTP status says that the question was refused."""
OTHER_TYPES: tuple[object, ...] = (True, False, 0, -1, 1.5, "x", [], {}, ["x"], {"x": "y"})
FIELDS_OF_OTHER_RECORDS = ("merchTxnId", "merchId", "prodRefundId")
"""Fields by which an answer is about another payment, merchant or refund, which the tests of each provider cover."""
PAYPAY_CALL_BY_NAME = {
    "POST /v2/refunds": PayPayCall.REFUND,
    "GET /v2/refunds/{id}": PayPayCall.REFUND_STATUS,
    "GET /v2/codes/payments/{id}": PayPayCall.PAYMENT,
    "DELETE /v2/payments/{id}": PayPayCall.CANCEL,
}
PAYPAY_MADE = {
    PayPayCall.CREATE_CODE: make_paypay_json("SUCCESS", paypay_tests.CODE_DATA),
    PayPayCall.DELETE_CODE: make_paypay_json("SUCCESS"),
    PayPayCall.PAYMENT: make_paypay_json("SUCCESS", paypay_tests.PAYMENT_DATA),
    PayPayCall.CANCEL: make_paypay_json("REQUEST_ACCEPTED"),
    PayPayCall.REFUND: make_paypay_json("SUCCESS", paypay_tests.REFUND_DATA),
    PayPayCall.REFUND_STATUS: make_paypay_json("SUCCESS", paypay_tests.REFUND_DATA),
}
ATOM_MADE: dict[AtomCall, dict[str, Any]] = {
    AtomCall.AUTH: {
        "atomTokenId": 15000000033303,
        "responseDetails": {"txnStatusCode": "OTS0000", "txnMessage": "SUCCESS", "txnDescription": "-"},
    },
    AtomCall.PAYMENT: {"payInstrument": [atom_tests.make_attempt()]},
    AtomCall.REFUND: {
        "payInstrument": {
            "payDetails": {
                "atomTxnId": 11000000615892,
                "txnCurrency": "INR",
                "totalRefundAmount": 150.50,
                "prodDetails": [atom_tests.ACCEPTED_REFUND | {"prodName": "NSE", "prodRefundAmount": 150.50}],
            },
            **atom_tests.make_details("OTS0000"),
        }
    },
    AtomCall.REFUND_STATUS: {
        "payInstrument": {
            "payDetails": {"atomTxnId": 11000000615892},
            "refundStatusDetails": {"refundDetails": [{"refundStatus": [atom_tests.OUR_REFUND_ENTRY]}]},
            **atom_tests.make_details("OTS0000"),
        }
    },
}
AlarmBoxConverters = dict[str, AnswerConverter[Any]]
ALARMBOX_CONVERTERS: AlarmBoxConverters = {
    "purchase": make_purchase_converter(CORPORATION_NUMBER),
    "detail": make_detail_converter(12345),
    "list": make_list_converter(CORPORATION_NUMBER),
}


def list_paypay_bodies(call: PayPayCall) -> list[Any]:
    """Return the bodies of the vectors about the call, and a complete success."""
    vectors = [v["body"] for v in paypay_tests.ANSWER_VECTORS if PAYPAY_CALL_BY_NAME.get(v["call"]) is call]
    return [body for body in vectors if isinstance(body, dict)] + [PAYPAY_MADE[call]]


def list_atom_bodies(call: AtomCall) -> list[Any]:
    """Return a complete success of the call, a refusal, and the vectors that have several attempts or refunds."""
    name = "txnStatusCode" if call is AtomCall.AUTH else "statusCode"
    refusal = {"payInstrument": {"responseDetails": {name: "OTS0506"}}}
    vectors = [v["body"] for v in atom_tests.ANSWER_VECTORS if v["call"] == call.value and v.get("note")]
    return [ATOM_MADE[call], refusal, *(body for body in vectors if isinstance(body, dict))]


def encode(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def cut(whole_body: bytes) -> Iterator[HttpAnswer]:
    """Yield an answer (with status 0) for each beginning of the body. Its length is declared, as a server in front of
    the provider that has received a part of the answer would send it. Only the end of the connection shows the end of
    the empty body: an empty body with a length is complete."""
    yield replace(make_http_answer(0), is_end_declared=False)
    for length in range(1, len(whole_body)):
        yield make_http_answer(0, whole_body[:length])


def find_wrong_classes(
    convert: Callable[[HttpAnswer], Outcome[Any]], answers: Iterator[HttpAnswer], allowed: frozenset[Kind]
) -> list[tuple[int, bytes, Kind, str]]:
    """Return status, body, class and reason of each answer whose class isn't allowed."""
    outcomes = ((answer, convert(replace(answer, status=status))) for answer in answers for status in STATUSES)
    return [
        (outcome.status or 0, answer.body, outcome.kind, outcome.reason)
        for answer, outcome in outcomes
        if outcome.kind not in allowed
    ]


@pytest.mark.parametrize("call", PayPayCall)
def test_a_cut_answer_of_paypay_decides_nothing(call: PayPayCall) -> None:
    """No beginning of an answer of PayPay has a definite class, whatever its HTTP status is."""
    allowed = HARMLESS_FOR_READS if call in PAYPAY_READING_CALLS else frozenset({Kind.UNKNOWN})
    convert = make_paypay_answer_converter(call, paypay_tests.READER_BY_CALL[call])
    for body in {encode(body) for body in list_paypay_bodies(call)}:
        assert find_wrong_classes(convert, cut(body), allowed) == []


@pytest.mark.parametrize("call", AtomCall)
def test_a_cut_answer_of_atom_decides_nothing(call: AtomCall) -> None:
    """No beginning of an answer of Atom has a definite class, whatever its HTTP status is: neither of the form nor of
    the same message as JSON or unencrypted."""
    allowed = frozenset({Kind.UNKNOWN}) if call in (AtomCall.AUTH, AtomCall.REFUND) else HARMLESS_FOR_READS
    convert = make_atom_converter(call, derive_response_key(), atom_tests.READER_BY_CALL[call])
    sealed = seal_answer(ATOM_MADE[call])
    ciphertext = sealed.rpartition(b"=")[2].decode()
    forms = (
        sealed,
        b"encData=" + sealed.rpartition(b"=")[2],
        encode({"encData": ciphertext}),
        encode(ATOM_MADE[call]),
    )
    for body in forms:
        assert find_wrong_classes(convert, cut(body), allowed) == []


@pytest.mark.parametrize("call", ALARMBOX_CONVERTERS)
@pytest.mark.parametrize("body", [PURCHASED_ANSWER, {"message": "forbidden"}, {"credit_checks": [CHECK_ANSWER]}])
def test_a_cut_answer_of_alarmbox_decides_nothing(call: str, body: object) -> None:
    """No beginning of an answer of AlarmBox has a definite class, whatever its HTTP status is."""
    allowed = frozenset({Kind.UNKNOWN}) if call == "purchase" else HARMLESS_FOR_READS
    assert find_wrong_classes(ALARMBOX_CONVERTERS[call], cut(encode(body)), allowed) == []


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize("body", [{"error": "invalid_grant"}, PAIR_ANSWER | {"error": "invalid_grant"}])
def test_a_cut_answer_to_a_token_request_refuses_nothing(status: int, body: dict[str, object]) -> None:
    """A cut answer to a token request refuses neither the refresh token nor the OAuth client, nor does an answer
    that contains a token. Only a complete refusal does.
    """
    for answer in cut(encode(body)):
        with pytest.raises(TokenUnavailable):
            _require_token_refusal(replace(answer, status=status))
    if "access_token" in body:
        with pytest.raises(TokenAnswerLost):
            _require_token_refusal(make_http_answer(status, body))
    elif status != 401:
        _require_token_refusal(make_http_answer(status, body))
    with pytest.raises(CredentialsRefused):
        _require_token_refusal(make_http_answer(401, b""))


@pytest.mark.parametrize(("status", "body"), [(200, PAIR_ANSWER), (400, {"error": "invalid_grant"})])
def test_a_refresh_token_is_sent_once_more_after_a_cut_answer(status: int, body: dict[str, object]) -> None:
    """After a cut answer, the refresh token is sent a second time, and the second answer counts. After a second cut
    answer it isn't sent again. An authorisation code is sent only once.
    """
    whole, answers, sent = make_http_answer(status, body), list[HttpAnswer](), list[bytes]()

    def answer_next(*_call: object, body: bytes, **_limits: object) -> HttpAnswer:
        sent.append(body)
        return answers[len(sent) - 1]

    oauth = AlarmBoxOAuth(
        AlarmBoxConfig("https://alarmbox.example", "client", "secret"),
        transport=SimpleNamespace(send=answer_next),  # type: ignore[arg-type]  # all that it uses
        rate_limiter=CountingRateLimiter(),
        clock=ManualClock(),
    )
    for answer in cut(encode(body)):
        lost = replace(answer, status=status)
        sent.clear()
        answers[:] = [lost, whole]
        pair = oauth.exchange_refresh_token("refresh-1")
        assert (pair is None) == (status == 400)
        assert len(sent) == 2
        assert sent[0] == sent[1]
        sent.clear()
        answers[:] = [lost, lost]
        with pytest.raises(TokenUnavailable):
            oauth.exchange_refresh_token("refresh-1")
        assert len(sent) == 2
        sent.clear()
        with pytest.raises(TokenUnavailable):
            oauth.exchange_code("code-1")
        assert len(sent) == 1


def test_a_cut_answer_of_the_registry_is_not_used() -> None:
    """No beginning of an answer about a corporation is used, unless only its last line end is missing."""
    whole = make_answer(COMPANY_CSV_LINE)
    complete = read_corporations(whole, {REGISTERED_NUMBER})
    for length in range(len(whole)):
        if length < len(whole.rstrip(b"\r\n")):
            with pytest.raises((UnreadableJson, UnusableAnswer)):
                read_corporations(whole[:length], {REGISTERED_NUMBER})
        else:
            assert read_corporations(whole[:length], {REGISTERED_NUMBER}) == complete


# ---- other types


def change_each_field(value: Any) -> Iterator[Any]:
    """Yield copies of a JSON value; in each of them one field or element that is no object or list has a value of
    another type."""
    for place, part in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(part, dict | list):
            for changed in change_each_field(part):
                yield _set(value, place, changed)
        elif place not in FIELDS_OF_OTHER_RECORDS:
            for other in OTHER_TYPES:
                if type(other) is not type(part):
                    yield _set(value, place, other)


def _set(value: Any, place: Any, part: object) -> Any:
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[place] = part
    return copy


def find_reversed_answers(
    convert: Callable[[HttpAnswer], Outcome[Any]], seal: Callable[[Any], bytes], body: Any, has_effect: bool
) -> list[tuple[int, Any, Kind, str]]:
    """Return the changed answers that count as a refusal, although the unchanged answer is none, or as a success,
    although the unchanged answer is none. A read that the HTTP status refuses doesn't count: it changes nothing."""
    reversed_answers = []
    for status in STATUSES:
        whole = convert(make_http_answer(status, seal(body)))
        for changed in change_each_field(body):
            outcome = convert(make_http_answer(status, seal(changed)))
            is_reversed = outcome.kind is not whole.kind and outcome.kind is not Kind.UNKNOWN
            if is_reversed and (has_effect or outcome.kind not in HARMLESS_FOR_READS):
                reversed_answers.append((status, changed, outcome.kind, outcome.reason))
    return reversed_answers


@pytest.mark.parametrize("call", PayPayCall)
def test_a_field_of_another_type_never_reverses_an_answer_of_paypay(call: PayPayCall) -> None:
    """If one field of an answer of PayPay has another type, the class is that of the whole answer or unknown."""
    convert = make_paypay_answer_converter(call, paypay_tests.READER_BY_CALL[call])
    for body in list_paypay_bodies(call):
        assert find_reversed_answers(convert, encode, body, call not in PAYPAY_READING_CALLS) == []


@pytest.mark.parametrize("call", AtomCall)
def test_a_field_of_another_type_never_reverses_an_answer_of_atom(call: AtomCall) -> None:
    """If one field of an answer of Atom has another type, the class is that of the whole answer or unknown."""
    has_effect = call in (AtomCall.AUTH, AtomCall.REFUND)
    convert = make_atom_converter(call, derive_response_key(), atom_tests.READER_BY_CALL[call])
    for body in list_atom_bodies(call):
        assert find_reversed_answers(convert, seal_answer, body, has_effect) == []


@pytest.mark.parametrize("call", ALARMBOX_CONVERTERS)
def test_a_field_of_another_type_never_reverses_an_answer_of_alarmbox(call: str) -> None:
    """If one field of an answer of AlarmBox has another type, the class is that of the whole answer or unknown."""
    for body in (PURCHASED_ANSWER, {"credit_checks": [CHECK_ANSWER]}, {"message": "not found"}):
        assert find_reversed_answers(ALARMBOX_CONVERTERS[call], encode, body, call == "purchase") == []
