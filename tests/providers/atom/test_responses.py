"""Tests of each row of Atom's tables of codes, and of decrypted answers that don't belong to the request."""

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from console.domain.money import Money
from console.domain.payments.provider_messages import ListedRefund, PaymentQuestion, PaymentReport, RefundReport
from console.domain.payments.states import PaymentState, RefundState
from console.domain.provider_outcome import Outcome
from console.domain.provider_outcome import OutcomeClass as Kind
from console.providers.atom.responses import (
    make_atom_converter,
    make_payment_reader,
    make_refund_list_reader,
    make_refund_reader,
    make_refund_status_reader,
    make_token_reader,
)
from console.providers.atom.status_codes import (
    PAYMENT_CODE_MEANINGS,
    REFUND_REMARK_MEANINGS,
    VERDICTS_BY_CALL,
    AtomCall,
    FailureCause,
    find_failure_cause,
)
from console.wording.sentences.catalogue import read_sentences
from tests.providers.payments.parts import (
    AMOUNT_IN_RUPEES,
    ATOM_QUESTION,
    ATOM_REFUND,
    ATOM_REQUEST,
    PROVIDER_TEST_VECTORS,
    derive_response_key,
    describe_effect,
    get_report,
    make_atom,
    make_http_answer,
    seal_answer,
)
from tests.providers.raw_server import make_answer_script, serve_scripts

ANSWER_VECTORS = [v for v in PROVIDER_TEST_VECTORS["classify_http"] if v["provider"] == "ndps"]
ATOM_STATE_VECTORS = [v for v in PROVIDER_TEST_VECTORS["states"] if v["domain"].startswith("ndps")]
REFUND_INSTRUCTION = ATOM_REFUND
Fields = dict[str, Any]
READER_BY_CALL: dict[AtomCall, Callable[[Any], Any]] = {
    AtomCall.AUTH: make_token_reader(ATOM_REQUEST),
    AtomCall.PAYMENT: make_payment_reader("317157", ATOM_QUESTION),
    AtomCall.REFUND: make_refund_reader(REFUND_INSTRUCTION),
    AtomCall.REFUND_STATUS: make_refund_status_reader(REFUND_INSTRUCTION),
}
FAILED = Kind.FAILED_DEFINITE
UNKNOWN = Kind.UNKNOWN
NOT_FOUND = Kind.NOT_FOUND
AUTH = Kind.AUTH
RATE_LIMITED = Kind.RATE_LIMITED
PENDING = Kind.PENDING
SUCCEEDED = Kind.SUCCEEDED


def convert_answer(call: AtomCall, status: int, body: bytes) -> Outcome[Any]:
    return make_atom_converter(call, derive_response_key(), READER_BY_CALL[call])(make_http_answer(status, body))


def convert_fields(call: AtomCall, content: object, status: int = 200) -> Outcome[Any]:
    return convert_answer(call, status, seal_answer(content))


def make_details(code: str) -> Fields:
    return {"responseDetails": {"statusCode": code, "message": "-", "description": "-"}}


def make_attempt(code: str = "OTS0000", pay: Fields | None = None, merchant: Fields | None = None) -> Fields:
    """Return one payment attempt with the result code `code`, in the form of an answer to the call TXNVERIFICATION.
    `pay` and `merchant` replace fields of its parts `payDetails` and `merchDetails`.
    """
    return {
        "settlementDetails": {"reconStatus": "NRNS"},
        "merchDetails": {"merchId": 317157, "merchTxnId": "ORD20261120000123", "merchTxnDate": "2026-11-20 12:21:33"}
        | (merchant or {}),
        "payDetails": {"atomTxnId": 11000000615892, "product": "NSE", "amount": 500.00, "totalAmount": 517.67}
        | (pay or {}),
        "payModeSpecificData": {
            "subChannel": "DC",
            "bankDetails": {"bankTxnId": "001100000061589211119", "otsBankName": "Hdfc Bank"},
        },
        "custDetails": {"custEmail": "payer@example.com", "custMobile": 9999999999},
        **make_details(code),
    }


def convert_verification(*attempts: Fields, question: PaymentQuestion = ATOM_QUESTION) -> Outcome[PaymentReport]:
    read = make_payment_reader("317157", question)
    return make_atom_converter(AtomCall.PAYMENT, derive_response_key(), read)(
        make_http_answer(200, seal_answer({"payInstrument": list(attempts)}))
    )


# ---- test vectors


def convert_vector(vector: dict[str, Any]) -> Outcome[Any]:
    body = vector["body"]
    with serve_scripts(
        make_answer_script(vector["http_status"], seal_answer(body) if isinstance(body, dict) else body)
    ) as server:
        adapter = make_atom(server.url)
        calls: dict[str, Callable[[], Outcome[Any]]] = {
            "TXNVERIFICATION": lambda: adapter.read_payment(ATOM_QUESTION),
            "REFUNDINIT": lambda: adapter.refund(REFUND_INSTRUCTION),
            "REFUNDSTATUS": lambda: adapter.read_refund(REFUND_INSTRUCTION),
        }
        outcome = calls[vector["call"]]()
        assert server.connections == 1
    return outcome


@pytest.mark.parametrize("vector", ANSWER_VECTORS, ids=[v["id"] for v in ANSWER_VECTORS])
def test_answers_of_the_test_vectors_have_their_outcome_class(vector: dict[str, Any]) -> None:
    """Each answer of the test vectors, sent encrypted over real HTTP, has the outcome class that its vector states.
    For a refund the effect is compared too."""
    outcome = convert_vector(vector)
    assert outcome.kind == vector["expected_class"]
    assert outcome.status == vector["http_status"]
    if vector["call"] == "REFUNDINIT":
        assert describe_effect(outcome.kind) == vector["effect"]


@pytest.mark.parametrize("vector", ATOM_STATE_VECTORS, ids=[v["id"] for v in ATOM_STATE_VECTORS])
def test_states_of_the_test_vectors_have_our_state_and_label(vector: dict[str, Any]) -> None:
    """For each state of Atom in the test vectors, the adapter gives the expected state of this program and the
    expected label, and says correctly whether the state is final.
    """
    word = vector["provider_state"]
    if vector["domain"] == "ndps-payment":
        assert (PAYMENT_CODE_MEANINGS[word].state, PAYMENT_CODE_MEANINGS[word].is_final) == (
            vector["business_state"],
            vector["final"],
        )
    else:
        state = REFUND_REMARK_MEANINGS[word][1]
        assert (state, state is not RefundState.SUBMITTED) == (vector["business_state"], vector["final"])
    key = f"provider_state.{vector['domain'].replace('ndps', 'atom')}.{word.replace(' ', '_')}"
    assert read_sentences("ja")[key] == vector["label_ja"]


# ---- the tables, row by row

OUTCOME_CLASS_OF_REFUND_STATUS_BY_CODE = {
    "OTS0506": AUTH,
    "OTS0522": AUTH,
    "OTS0451": AUTH,
    "OTS0401": NOT_FOUND,
    "OTS0951": UNKNOWN,
    "OTS0501": UNKNOWN,
    **dict.fromkeys(("OTS0503", "OTS0504", "OTS0507", "OTS0508", "OTS0509", "OTS0510"), UNKNOWN),
}
OUTCOME_CLASS_OF_PAYMENT_BY_CODE = OUTCOME_CLASS_OF_REFUND_STATUS_BY_CODE | {
    "OTS0000": SUCCEEDED, "OTS0002": SUCCEEDED, "OTS0551": PENDING, "OTS0351": PENDING, "OTS0301": PENDING,
    "OTS0201": PENDING,
    "OTS0001": FAILED, "OTS0101": FAILED, "OTS0600": FAILED,
}  # fmt: skip
OUTCOME_CLASS_OF_REFUND_BY_CODE = {
    "OTS0506": AUTH,
    "OTS0522": AUTH,
    "OTS0451": AUTH,
    "OTS0401": FAILED,
    "OTS0951": UNKNOWN,
    **dict.fromkeys(("OTS0503", "OTS0504", "OTS0507", "OTS0508", "OTS0509", "OTS0510"), FAILED),
    **dict.fromkeys(("OTS0637", "OTS0638", "OTS0641"), FAILED),
}
OUTCOME_CLASS_OF_AUTH_BY_CODE = {
    "OTS0451": AUTH,
    "OTS0506": AUTH,
    "OTS0522": AUTH,
    "OTS0600": FAILED,
    **{f"OTS{n:04}": FAILED for n in range(601, 642)},
}
OUTCOME_CLASS_BY_CODE_BY_CALL = {
    AtomCall.PAYMENT: OUTCOME_CLASS_OF_PAYMENT_BY_CODE,
    AtomCall.REFUND_STATUS: OUTCOME_CLASS_OF_REFUND_STATUS_BY_CODE,
    AtomCall.REFUND: OUTCOME_CLASS_OF_REFUND_BY_CODE,
    AtomCall.AUTH: OUTCOME_CLASS_OF_AUTH_BY_CODE,
}
UNLISTED_CODES = ("OTS9999", "OTS0404", "OTS0405", "OTS0408", "OTS0701", "OTS", "0000", "SUCCESS")


def convert_code(call: AtomCall, code: str) -> Outcome[Any]:
    if call is AtomCall.AUTH:
        return convert_fields(call, {"responseDetails": {"txnStatusCode": code}})
    return convert_fields(call, {"payInstrument": make_details(code)})


@pytest.mark.parametrize("call", AtomCall)
def test_every_code_of_atom_has_its_outcome_class(call: AtomCall) -> None:
    """The tables contain exactly the expected result codes, and each code has the expected outcome class."""
    assert set(VERDICTS_BY_CALL[call]) == set(OUTCOME_CLASS_BY_CODE_BY_CALL[call])
    assert {
        code: convert_code(call, code).kind for code in OUTCOME_CLASS_BY_CODE_BY_CALL[call]
    } == OUTCOME_CLASS_BY_CODE_BY_CALL[call]


@pytest.mark.parametrize("call", AtomCall)
def test_an_unlisted_code_is_unknown(call: AtomCall) -> None:
    """A result code that the table doesn't list leaves the outcome unknown, even if the code had a meaning in an
    earlier version of Atom's interface.
    """
    assert {convert_code(call, code).kind for code in UNLISTED_CODES} == {UNKNOWN}
    listed_elsewhere = (
        set().union(*OUTCOME_CLASS_BY_CODE_BY_CALL.values()) - set(OUTCOME_CLASS_BY_CODE_BY_CALL[call]) - {"OTS0000"}
    )
    assert {convert_code(call, code).kind for code in listed_elsewhere} <= {UNKNOWN}


OUTCOME_CLASS_BY_STATUS_BY_CALL = {
    AtomCall.AUTH: {400: FAILED, 401: AUTH, 402: FAILED, 403: AUTH},
    AtomCall.REFUND: {401: AUTH, 403: AUTH},
    AtomCall.PAYMENT: {401: AUTH, 403: AUTH, 429: RATE_LIMITED},
    AtomCall.REFUND_STATUS: {401: AUTH, 403: AUTH, 429: RATE_LIMITED},
}


@pytest.mark.parametrize("call", AtomCall)
def test_an_http_status_of_no_success_decides_the_outcome(call: AtomCall) -> None:
    """If the HTTP status isn't a success, it decides the outcome; an unlisted status is UNKNOWN. A 429 without a
    readable body means "too many requests". For a call with an effect, an unreadable body leaves the outcome unknown,
    and so does a body with the status code of a success.
    """
    good = seal_answer({"payInstrument": make_attempt()})
    for status in (*range(300, 309), *range(400, 452), *range(500, 512), 599):
        for body in (b"", b"<html>", good, b'{"payInstrument":'):
            bare = {429: RATE_LIMITED} if body in (b"", b"<html>") else {}
            is_doubtful = body in (good, b'{"payInstrument":') and call in (AtomCall.AUTH, AtomCall.REFUND)
            expected_kind = (
                UNKNOWN if is_doubtful else (OUTCOME_CLASS_BY_STATUS_BY_CALL[call] | bare).get(status, UNKNOWN)
            )
            assert convert_answer(call, status, body).kind is expected_kind, (status, body[:9])


ACCEPTED_REFUND = {"prodRefundId": REFUND_INSTRUCTION.key, "prodStatusCode": "OTS0000", "refundTxnId": 1519}
UNREADABLE_REFUSALS: dict[str, tuple[bytes, str]] = {
    "sealed with another key": (b"merchId=317157&encData=" + b"0A" * 48, "not_opened"),
    "sealed twice": (seal_answer({}) + b"&encData=00", "not_opened"),
    "sealed, and no JSON": (seal_answer("refunded"), "unreadable"),
    "compressed": (gzip.compress(seal_answer({})), "unreadable"),
    "cut JSON": (b'{"payInstrument":{"payDetails":', "unreadable"),
    "a form cut before the ciphertext": (b"merchId=317157&encD", "unreadable"),
    "a form cut in its first name": (b"merchI", "unreadable"),
    "another form": (b"status=success", "unreadable"),
    "UTF-16": ("encData=00".encode("utf-16"), "unreadable"),
    "the refund, not sealed": (json.dumps({"payInstrument": [ACCEPTED_REFUND]}).encode(), "refused_but_made"),
    "the refund in a list": (json.dumps([ACCEPTED_REFUND]).encode(), "refused_but_made"),
    "the refund in a page": (b"<pre>" + json.dumps([ACCEPTED_REFUND]).encode() + b"</pre>", "unreadable"),
}


@pytest.mark.parametrize("status", [401, 403, 429])
@pytest.mark.parametrize(("body", "reason"), UNREADABLE_REFUSALS.values(), ids=UNREADABLE_REFUSALS)
def test_an_unreadable_refusal_of_a_refund_is_unknown(status: int, body: bytes, reason: str) -> None:
    """If the body of a refused refund can't be read, it may contain the refund, so the outcome is unknown. A refund
    in an unencrypted body also makes the outcome unknown."""
    outcome = convert_answer(AtomCall.REFUND, status, body)
    assert outcome.kind is UNKNOWN
    assert status == 429 or outcome.reason == reason


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("credentials_refused", FailureCause.AUTHENTICATION),
        ("merchant_refused", FailureCause.AUTHENTICATION),
        ("signature_refused", FailureCause.SIGNATURE),
        ("provider_error", FailureCause.SYSTEM),
        ("http_503", FailureCause.SYSTEM),
        ("http_404", FailureCause.OTHER),
        ("unlisted_answer", FailureCause.OTHER),
        ("read_timeout", FailureCause.OTHER),
    ],
)
def test_each_cause_of_a_failed_call_is_distinguished(reason: str, kind: FailureCause) -> None:
    """Each reason of a failed call is translated to the right failure cause, which names the thing that a person must
    check (for example credentials or signature).
    """
    assert find_failure_cause(reason) is kind


# ---- opening

PAID_ANSWER: Fields = {"payInstrument": [make_attempt()]}
UNREADABLE_FORMS = {
    "empty": b"", "HTML": b"<html>", "no encData": b"merchId=317157", "empty encData": b"merchId=317157&encData=",
    "twice": seal_answer(PAID_ANSWER) + b"&encData=00", "cut": seal_answer(PAID_ANSWER)[:-2],
    "cut by a block": seal_answer(PAID_ANSWER)[:-32],
    "no hex": b"encData=" + b"zz" * 16, "JSON without it": b'{"a":1}', "JSON with a number": b'{"encData":5}',
    "not ASCII": "encData=９８".encode(), "many fields": b"&".join([b"a=1"] * 20) + b"&" + seal_answer(PAID_ANSWER),
}  # fmt: skip


@pytest.mark.parametrize("call", AtomCall)
@pytest.mark.parametrize("body", UNREADABLE_FORMS.values(), ids=UNREADABLE_FORMS)
def test_an_answer_that_is_not_decryptable_is_unknown(call: AtomCall, body: bytes) -> None:
    """An answer leaves the outcome unknown if it isn't encrypted, is incomplete or contains two encrypted texts. The
    evidence contains no encrypted text."""
    outcome = convert_answer(call, 200, body)
    assert (outcome.kind, outcome.reason, outcome.content) == (UNKNOWN, "not_opened", None)
    assert b"encData" not in body or outcome.evidence == f"sealed, {len(body)} bytes, not opened"


INVALID_MESSAGES = [
    "", "x", "[]", "null", "{}", '{"a":1,"a":2}', '{"payInstrument":', '{"payInstrument":5}', '{"payInstrument":{}}',
    '{"payInstrument":{"responseDetails":5}}', '{"payInstrument":{"responseDetails":{"statusCode":0}}}',
    '{"payInstrument":{"payDetails":{"amount":1e999999999999999999999}}}',
]  # fmt: skip


@pytest.mark.parametrize("text", INVALID_MESSAGES)
def test_a_decrypted_text_that_is_no_message_is_unknown(text: str) -> None:
    """If the decrypted text isn't a message of Atom's format, the outcome is unknown."""
    for call in AtomCall:
        outcome = convert_fields(call, text)
        assert (outcome.kind, outcome.reason) == (UNKNOWN, "unreadable")


def test_a_listed_refund_of_an_amount_beyond_all_bounds_makes_the_list_unreadable() -> None:
    """An amount whose exponent is so large that no calculation is possible makes the outcome unknown. It causes no
    other exception than an unreadable answer does."""
    refund = '{"prodRefundId":"RFD-1","remarks":"REFUND INITIATED","refundAmt":1e9999999}'
    code = '"responseDetails":{"statusCode":"OTS0000"}'
    body = seal_answer(f'{{"payInstrument":{{"refundStatusDetails":[{refund}],{code}}}}}')
    reader = make_refund_list_reader("11000000615892", None)
    outcome = make_atom_converter(AtomCall.REFUND_STATUS, derive_response_key(), reader)(make_http_answer(200, body))
    assert (outcome.kind, outcome.reason) == (UNKNOWN, "unreadable")


def test_an_encrypted_answer_is_read_in_a_form_or_in_json() -> None:
    """An encrypted answer is also read if its body is JSON instead of a form, if its hex digits are lower case, or if
    the form has its fields in another order.
    """
    hexed = seal_answer(PAID_ANSWER).partition(b"encData=")[2]
    lower = b"encData=" + hexed.lower() + b"\n"
    for body in (b'{"encData":"' + hexed + b'"}', lower, b"encData=" + hexed + b"&merchId=1"):
        assert convert_answer(AtomCall.PAYMENT, 200, body).kind is SUCCEEDED


# ---- payments


def test_all_facts_of_a_payment_are_read() -> None:
    """The report contains all facts that people compare: Indian times become instants, and amounts are exact."""
    outcome = convert_verification(make_attempt(pay={"surchargeAmount": 17.67, "txnCurrency": "INR"}))
    assert outcome.kind is SUCCEEDED
    assert outcome.content == PaymentReport(
        "ORD20261120000123", "11000000615892", "OTS0000", PaymentState.PAYMENT_SUCCESS, True, AMOUNT_IN_RUPEES,
        Money(51_767, "INR"), paid_at=datetime(2026, 11, 20, 6, 51, 33, tzinfo=UTC), method="DC",
        bank_reference="001100000061589211119", settlement="NRNS", payer="payer@example.com", refunds=None,
    )  # fmt: skip
    assert outcome.content.is_bookable


def test_a_payment_time_without_end_is_not_accepted() -> None:
    """The adapter does not accept 9999-12-31 as the time of a payment, because the program cannot compute a deadline
    from it. It uses the next time in the answer."""
    report = convert_verification(make_attempt(pay={"txnCompleteDate": "9999-12-31 23:59:59"})).content
    assert report is not None
    assert report.paid_at == datetime(2026, 11, 20, 6, 51, 33, tzinfo=UTC)


def test_evidence_names_no_payer() -> None:
    """In the evidence, names of payers and secrets are masked. The numbers and amounts that identify the payment
    remain readable.
    """
    card = {"payModeSpecificData": {"subChannel": "CC", "cardNumber": "4111111111111111", "maskedCard": "4111"}}
    outcome = convert_verification(make_attempt() | card)
    for word in ("payer@", "9999999999", "4111"):
        assert word not in outcome.evidence
    for word in ("OTS0000", "11000000615892", "500.0", "517.67", "ORD20261120000123"):
        assert word in outcome.evidence
    token = convert_fields(
        AtomCall.AUTH, {"atomTokenId": 15000000033303, "responseDetails": {"txnStatusCode": "OTS0000"}}
    )
    assert "15000000033303" not in token.evidence
    assert "payer@" not in repr(outcome)


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        (["OTS0600", "OTS0000"], SUCCEEDED),
        (["OTS0000", "OTS0600"], SUCCEEDED),
        (["OTS0551", "OTS0002", "OTS0101"], SUCCEEDED),
        (["OTS0600", "OTS0551"], PENDING),
        (["OTS0201", "OTS0101"], PENDING),
        (["OTS0600", "OTS0101"], FAILED),
        (["OTS0600", "OTS9999"], UNKNOWN),
        (["OTS9999", "OTS0551"], PENDING),
        (["OTS0600", "OTS0401"], FAILED),
        (["OTS0506", "OTS0600"], AUTH),
    ],
)
def test_the_best_of_several_attempts_decides_the_outcome(codes: list[str], kind: Kind) -> None:
    """If an order has several attempts, a successful one decides the outcome. Otherwise one that may still succeed
    decides it, and a failed one only if all have failed."""
    rows = [make_attempt(code, {"atomTxnId": 11000000615892 + place}) for place, code in enumerate(codes)]
    for row, code in zip(rows, codes, strict=True):
        if code == "OTS0401":
            row.update({"payDetails": {}, "payModeSpecificData": {}})
    assert convert_verification(*rows).kind is kind


def test_a_no_data_answer_that_contains_an_attempt_is_unknown() -> None:
    """If Atom's code says that no such payment exists, but the answer contains an attempt with an id of Atom or of
    the bank, the outcome is unknown."""
    assert (
        convert_verification(make_attempt("OTS0401")).kind,
        convert_verification(make_attempt("OTS0401")).reason,
    ) == (UNKNOWN, "refused_but_made")
    bank_only = make_attempt("OTS0401", {"atomTxnId": None})
    assert convert_verification(bank_only).reason == "refused_but_made"
    assert convert_verification(bank_only | {"payModeSpecificData": {}}).kind is NOT_FOUND


def test_an_empty_list_with_another_code_is_unknown_or_refused() -> None:
    """If the answer has no attempt, its result code decides the outcome. Only the code OTS0401 means "not found". Any
    other code leaves the outcome unknown or, if it is a refusal, means the refusal.
    """
    assert convert_fields(AtomCall.PAYMENT, {"payInstrument": [], **make_details("OTS0951")}).kind is UNKNOWN
    assert convert_fields(AtomCall.PAYMENT, {"payInstrument": [], **make_details("OTS0506")}).kind is AUTH
    for code in ("OTS0000", "OTS0551"):
        assert convert_fields(AtomCall.PAYMENT, {"payInstrument": [], **make_details(code)}).kind is UNKNOWN
    assert convert_fields(AtomCall.PAYMENT, {"payInstrument": [], **make_details("OTS0401")}).kind is NOT_FOUND


def test_an_unreadable_attempt_hides_no_success() -> None:
    """If one attempt is unreadable and another one is a success, the outcome is a success. If the other one is a
    failure, the outcome is unknown, because the unreadable attempt may be a success.
    """
    odd = make_attempt(pay={"amount": [1]})
    assert convert_verification(odd, make_attempt()).kind is SUCCEEDED
    assert convert_verification(make_attempt("OTS0600"), odd).kind is UNKNOWN
    assert convert_verification(odd, make_attempt("OTS0551")).kind is PENDING


def test_a_second_captured_attempt_is_named_in_the_report() -> None:
    """If two attempts have taken money, one becomes the payment, and the report names the other attempt."""
    report = convert_verification(
        make_attempt(), make_attempt(pay={"atomTxnId": 7}), make_attempt("OTS0600", {"atomTxnId": 8})
    ).content
    assert report is not None
    assert (report.provider_payment_id, report.further_captures) == ("11000000615892", ("7",))
    seven = replace(ATOM_QUESTION, provider_payment_id="7")
    known = convert_verification(make_attempt(), make_attempt(pay={"atomTxnId": 7}), question=seven).content
    assert known is not None
    assert (known.provider_payment_id, known.further_captures) == ("7", ("11000000615892",))


def test_a_second_success_of_another_amount_is_named() -> None:
    """If the payer has paid twice with different amounts, the report is about the attempt with the requested amount
    and names the id of the other attempt. An attempt with another amount alone leaves the outcome unknown.
    """
    other = make_attempt(pay={"atomTxnId": 7, "amount": 400.00})
    for question in (ATOM_QUESTION, replace(ATOM_QUESTION, provider_payment_id="11000000615892")):
        for rows in ((make_attempt(), other), (other, make_attempt())):
            outcome = convert_verification(*rows, question=question)
            assert outcome.kind is SUCCEEDED
            assert outcome.content is not None
            assert (outcome.content.provider_payment_id, outcome.content.further_captures) == (
                "11000000615892",
                ("7",),
            )
    alone = convert_verification(other)
    assert (alone.kind, alone.reason) == (UNKNOWN, "other_amount")


def test_a_captured_payment_is_not_failed_by_another_attempt() -> None:
    """If the program has stored Atom's id of the payment, only the attempt with this id can report that the payment
    failed; other attempts leave the outcome unknown.
    """
    known = replace(ATOM_QUESTION, provider_payment_id="5")
    outcome = convert_verification(make_attempt("OTS0600"), question=known)
    assert (outcome.kind, outcome.reason) == (UNKNOWN, "other_payment")
    outcome = convert_verification(make_attempt(), question=known)
    assert (outcome.kind, outcome.reason) == (UNKNOWN, "other_payment")
    assert (
        convert_verification(make_attempt("OTS0001", {"atomTxnId": 5}), make_attempt("OTS0600"), question=known).kind
        is FAILED
    )


def test_attempts_on_other_orders_do_not_count() -> None:
    """Attempts of other orders or merchants are ignored. If the list contains only such attempts, the outcome is
    unknown; if the list is empty, it is "not found".
    """
    others = (make_attempt(merchant={"merchTxnId": "ORD-OTHER"}), make_attempt(merchant={"merchId": 8952}))
    assert convert_verification(*others, make_attempt("OTS0600")).kind is FAILED
    outcome = convert_verification(*others)
    assert (outcome.kind, outcome.reason) == (UNKNOWN, "other_id")
    assert convert_verification().kind is NOT_FOUND


def test_a_failure_is_not_certain_if_another_attempt_has_our_number_in_small_letters() -> None:
    """Atom's answer contains two attempts to pay: a failed one, and one whose payment number is ours in small
    letters. The outcome is unknown, because the second attempt may be a success of the same payment. If the first
    attempt is a success, the payment has succeeded.
    """
    other = make_attempt(merchant={"merchTxnId": ATOM_QUESTION.merchant_payment_id.lower()})
    outcome = convert_verification(make_attempt("OTS0600"), other)
    assert (outcome.kind, outcome.reason) == (UNKNOWN, "other_payment")
    assert convert_verification(make_attempt(), other).kind is SUCCEEDED


WRONG_ATTEMPTS: dict[str, tuple[Fields, str]] = {
    "other amount": ({"amount": 499.99}, "other_amount"),
    "paise for rupees": ({"amount": 50_000}, "other_amount"),
    "other currency": ({"txnCurrency": "JPY"}, "other_currency"),
    "currency as list": ({"txnCurrency": ["INR"]}, "other_currency"),
    "third decimal": ({"amount": 500.005}, "bad_amount"),
    "negative": ({"amount": -500}, "bad_amount"),
    "true": ({"amount": True}, "bad_amount"),
    "amount as list": ({"amount": [500]}, "bad_amount"),
    "amount in words": ({"amount": "500,00"}, "bad_amount"),
    "endless amount": ({"amount": 10**40}, "bad_amount"),
    "id as fraction": ({"atomTxnId": 11000000615892.5}, "bad_id"),
    "id as true": ({"atomTxnId": True}, "bad_id"),
    "id as text with blanks": ({"atomTxnId": "1 1"}, "bad_id"),
}


@pytest.mark.parametrize(("pay", "reason"), WRONG_ATTEMPTS.values(), ids=WRONG_ATTEMPTS)
def test_an_answer_about_another_payment_is_unknown(pay: Fields, reason: str) -> None:
    """A payment in the answer with another amount or currency, or with an unreadable amount or id, has an unknown
    outcome. If only the amount differs, a report is returned for comparison."""
    outcome = convert_verification(make_attempt(pay=pay))
    assert (outcome.kind, outcome.reason) == (UNKNOWN, reason)
    assert (outcome.content is not None) == (reason == "other_amount")


@pytest.mark.parametrize("amount", [500, 500.0, "500", "500.0", "500.00"])
def test_an_amount_is_read_in_each_of_its_forms(amount: object) -> None:
    """500 rupees are read from each JSON form: number or text, with or without decimals."""
    assert convert_verification(make_attempt(pay={"amount": amount})).kind is SUCCEEDED


def test_a_success_without_further_fields_is_not_booked() -> None:
    """An answer with only a success code means that the payment is paid, but its report isn't bookable."""
    outcome = convert_fields(AtomCall.PAYMENT, {"payInstrument": make_details("OTS0000")})
    assert outcome.kind is SUCCEEDED
    assert not get_report(outcome).is_bookable


@pytest.mark.parametrize("number", [None, ""])
def test_a_payment_without_our_number_may_be_another_one(number: str | None) -> None:
    """If the answer doesn't contain our payment number, it may be about another payment, so its report isn't
    bookable.
    """
    outcome = convert_verification(make_attempt(merchant={"merchTxnId": number}))
    assert outcome.kind is SUCCEEDED
    assert not get_report(outcome).is_bookable


# ---- refunds


def convert_refund_initiation(change: Fields | None = None, pay: Fields | None = None) -> Outcome[RefundReport]:
    product = {
        "prodName": "NSE",
        "refundTxnId": 1519,
        "prodRefundId": REFUND_INSTRUCTION.key,
        "prodStatusCode": "OTS0000",
        "prodDescription": "REFUND INITIATED",
        "prodRefundAmount": 150.50,
    }
    fields = {"atomTxnId": 11000000615892, "txnCurrency": "INR", "totalRefundAmount": 150.50}
    fields = fields | {"prodDetails": [product | (change or {})]} | (pay or {})
    return convert_fields(AtomCall.REFUND, {"payInstrument": {"payDetails": fields, **make_details("OTS0000")}})


def test_a_refund_is_accepted_with_matching_codes_key_and_amount() -> None:
    """A refund is accepted, with Atom's id, if its two result codes, its idempotency key, its payment and its amount
    are right.
    """
    outcome = convert_refund_initiation()
    assert outcome.kind is PENDING
    assert outcome.content == RefundReport(
        REFUND_INSTRUCTION.key,
        "1519",
        "REFUND INITIATED",
        RefundState.SUBMITTED,
        REFUND_INSTRUCTION.amount,
        "11000000615892",
    )


UNCONFIRMED_ANSWERS: dict[str, tuple[Fields, Fields, str]] = {
    "product refused": ({"prodStatusCode": "OTS0600"}, {}, "refund_not_confirmed"),
    "product without code": ({"prodStatusCode": None}, {}, "refund_not_confirmed"),
    "other key": ({"prodRefundId": "RFD-OTHER"}, {}, "refund_not_confirmed"),
    "no key": ({"prodRefundId": None}, {}, "refund_not_confirmed"),
    "no product": ({}, {"prodDetails": []}, "refund_not_confirmed"),
    "products as text": ({}, {"prodDetails": "NSE"}, "refund_not_confirmed"),
    "other sum": ({"prodRefundAmount": 150.51}, {}, "other_amount"),
    "other total": ({}, {"totalRefundAmount": 500}, "other_amount"),
    "sum in paise": ({"prodRefundAmount": 15050}, {}, "other_amount"),
    "no sum at all": ({"prodRefundAmount": None}, {"totalRefundAmount": None}, "other_amount"),
    "sum as list": ({"prodRefundAmount": [150.5]}, {}, "bad_amount"),
    "other payment": ({}, {"atomTxnId": 5}, "other_payment"),
    "other currency": ({}, {"txnCurrency": "USD"}, "other_currency"),
    "strange number": ({"refundTxnId": 1.5}, {}, "bad_id"),
}


@pytest.mark.parametrize(("change", "pay", "reason"), UNCONFIRMED_ANSWERS.values(), ids=UNCONFIRMED_ANSWERS)
def test_a_refund_answer_with_a_foreign_field_is_unknown(change: Fields, pay: Fields, reason: str) -> None:
    """If a field in the answer to a refund is missing, unreadable or belongs to another refund, the outcome is
    unknown.
    """
    outcome = convert_refund_initiation(change, pay)
    assert (outcome.kind, outcome.reason) == (UNKNOWN, reason)


def test_two_refunds_with_one_key_are_unknown() -> None:
    """If the answer has two products with our idempotency key, there may be two refunds, so the outcome is
    unknown.
    """
    twice = [{"prodRefundId": REFUND_INSTRUCTION.key, "prodStatusCode": "OTS0000", "prodRefundAmount": 150.50}] * 2
    outcome = convert_refund_initiation({}, {"prodDetails": twice})
    assert (outcome.kind, outcome.reason) == (UNKNOWN, "refund_not_confirmed")


def convert_refund_list(*refunds: Fields, shape: str = "object") -> Outcome[RefundReport]:
    our_refund = {
        "refundTxnId": 1519,
        "refundAmt": 150.50,
        "refundInitiatedDate": "2026-11-20",
        "remarks": "REFUND PROCESSED",
        "prodRefundId": REFUND_INSTRUCTION.key,
    }
    product = [{"prodName": "NSE", "refundStatus": [our_refund | change for change in refunds]}]
    status = {"object": {"refundDetails": product}, "list": product, "nested": [{"refundDetails": product}]}[shape]
    fields = {"payDetails": {"atomTxnId": 11000000615892}, "refundStatusDetails": status, **make_details("OTS0000")}
    return convert_fields(AtomCall.REFUND_STATUS, {"payInstrument": fields})


@pytest.mark.parametrize("shape", ["object", "list", "nested"])
def test_the_remark_decides_in_each_form_of_the_list(shape: str) -> None:
    """In each form of the refund list, the remark of a refund decides its outcome; extra blanks and lower-case
    letters in the remark make no difference.
    """
    kinds = {
        "REFUND INITIATED": PENDING, "REFUND PENDING": PENDING, "REFUND PROCESSED": SUCCEEDED,
        "REFUND FAILED": FAILED, "REFUND REJECTED": FAILED,
        " refund processed\n": SUCCEEDED, "REFUNDED": UNKNOWN, "": UNKNOWN, "SUCCESS": UNKNOWN,
    }  # fmt: skip
    assert {word: convert_refund_list({"remarks": word}, shape=shape).kind for word in kinds} == kinds
    assert set(REFUND_REMARK_MEANINGS) < set(kinds)


def test_our_refund_is_found_among_other_refunds() -> None:
    """Other refunds of the payment in the list are ignored, whatever they contain. If no refund has our idempotency
    key, the outcome is "not found"."""
    other = {"prodRefundId": "RFD-OTHER", "remarks": "REFUND FAILED", "refundAmt": "?", "refundTxnId": []}
    assert convert_refund_list(other, {}, {"prodRefundId": "a b"}).kind is SUCCEEDED
    assert convert_refund_list(other).kind is NOT_FOUND
    assert convert_refund_list().kind is NOT_FOUND


@pytest.mark.parametrize(("code", "status"), [("OTS0506", 200), ("OTS0509", 200), ("OTS0401", 200), ("OTS0000", 401),
                                              ("OTS0000", 403)])  # fmt: skip
def test_a_refusal_that_contains_the_refund_is_unknown(code: str, status: int) -> None:
    """If the result code or HTTP status refuses the refund but the body contains the accepted refund, the outcome is
    unknown.
    """
    entry = {"prodRefundId": ATOM_REFUND.key, "prodStatusCode": "OTS0000", "prodRefundAmount": 150.50}
    pay_details = {"atomTxnId": 11000000615892, "prodDetails": [entry], "totalRefundAmount": 150.50}
    made = {"payInstrument": {"payDetails": pay_details, **make_details(code)}}
    outcome = convert_fields(AtomCall.REFUND, made, status)
    assert (outcome.kind, outcome.reason) == (UNKNOWN, "refused_but_made")
    entry["prodStatusCode"] = "OTS0600"
    assert convert_fields(AtomCall.REFUND, made, status).reason != "refused_but_made"


@pytest.mark.parametrize("status", [200, 401, 403])
@pytest.mark.parametrize("entries", [
    {"refundTxnId": 1519}, [[{"prodStatusCode": "OTS0000"}]],
    [{"prodRefundId": "RFD-OTHER", "prodStatusCode": "OTS0000"}], [{"prodStatusCode": "ots0000 "}],
])  # fmt: skip
def test_a_refund_is_found_at_any_place_of_a_refusal(entries: object, status: int) -> None:
    """A refusal leaves the outcome unknown if it contains the refund in an object, in nested lists or without our
    idempotency key, also if the result code is unreadable."""
    codes: list[Fields] = [make_details("OTS0504"), make_details("OTS0506"), {"responseDetails": [[]]}]
    for code in codes:
        refused = {"payInstrument": {"payDetails": {"prodDetails": entries}, **code}}
        assert convert_fields(AtomCall.REFUND, refused, status).kind is UNKNOWN
    token = {"inner": {"atomTokenId": 15000000033303}, "responseDetails": {"txnStatusCode": "OTS0600"}}
    assert convert_fields(AtomCall.AUTH, token, status).reason == "refused_but_made"


@pytest.mark.parametrize("entry_code", ["OTS0600", "OTS0551", "OTS9999", 5, ["OTS0506"]])
def test_a_refusal_with_a_code_that_is_none_is_unknown(entry_code: object) -> None:
    """If the code of the answer refuses the refund, but the code of the product doesn't, the outcome is unknown. A
    product with a refusing code, or without a code, changes nothing."""
    for code, status in (("OTS0506", 200), ("OTS0509", 200), ("OTS0506", 401)):
        entry = {"prodRefundId": ATOM_REFUND.key, "prodStatusCode": entry_code}
        refused = {"payInstrument": {"payDetails": {"prodDetails": [entry]}, **make_details(code)}}
        assert convert_fields(AtomCall.REFUND, refused, status).kind is UNKNOWN
        for refusing_code in ("ots0506 ", "", None):
            entry["prodStatusCode"] = refusing_code
            assert convert_fields(AtomCall.REFUND, refused, status).kind in (AUTH, FAILED)


OUR_REFUND_ENTRY: Fields = {
    "refundTxnId": 1519,
    "refundAmt": 150.50,
    "remarks": "REFUND PROCESSED",
    "prodRefundId": REFUND_INSTRUCTION.key,
}


@pytest.mark.parametrize(
    "entry", [OUR_REFUND_ENTRY, OUR_REFUND_ENTRY | {"prodRefundId": "RFD-OTHER"}, {"remarks": "?"}]
)
def test_a_no_data_answer_that_contains_the_refund_is_unknown(entry: Fields) -> None:
    """If Atom's code says that no refund exists but the body contains one, the outcome is unknown. So the program
    doesn't send the refund again."""
    listing = {"refundDetails": [{"prodName": "NSE", "refundStatus": [entry]}]}
    outcome = convert_fields(
        AtomCall.REFUND_STATUS, {"payInstrument": {"refundStatusDetails": listing, **make_details("OTS0401")}}
    )
    assert (outcome.kind, outcome.reason, outcome.content) == (UNKNOWN, "refused_but_made", None)
    nothing: list[object] = [None, [], {}, {"refundDetails": []}, "NODATA"]
    for empty in nothing:
        value = {"payInstrument": {"refundStatusDetails": empty, **make_details("OTS0401")}}
        assert convert_fields(AtomCall.REFUND_STATUS, value).kind is NOT_FOUND


@pytest.mark.parametrize(
    "listing",
    [
        {"refundDetails": [], "refundStatus": [OUR_REFUND_ENTRY]},
        [OUR_REFUND_ENTRY | {"refundStatus": []}],
        {"refundDetails": None, "refundStatus": OUR_REFUND_ENTRY},
        OUR_REFUND_ENTRY | {"refundDetails": []},
    ],
)
def test_refunds_are_read_from_either_field_of_the_list(listing: object) -> None:
    """A refund in the answer is read from either field of the list, also if the other field is empty."""
    fields = {"payDetails": {"atomTxnId": 11000000615892}, "refundStatusDetails": listing, **make_details("OTS0000")}
    assert convert_fields(AtomCall.REFUND_STATUS, {"payInstrument": fields}).kind is SUCCEEDED


@pytest.mark.parametrize(
    "key",
    [
        REFUND_INSTRUCTION.key.lower(),
        f" {REFUND_INSTRUCTION.key}",
        f"Ｒ{REFUND_INSTRUCTION.key[1:]}",
        f"{REFUND_INSTRUCTION.key}\n",
    ],
)
def test_a_key_in_another_notation_is_no_proof_of_absence(key: str) -> None:
    """If a listed refund has our idempotency key in lower case, with a blank or in full-width letters, the outcome is
    unknown and not "not found".
    """
    outcome = convert_refund_list({"prodRefundId": key})
    assert (outcome.kind, outcome.reason) == (UNKNOWN, "other_id")
    assert convert_refund_list({"prodRefundId": key}, {}).kind is SUCCEEDED


@pytest.mark.parametrize("key", [REFUND_INSTRUCTION.key.lower(), f" {REFUND_INSTRUCTION.key}"])
def test_a_failed_refund_listed_again_in_another_notation_is_unknown(key: str) -> None:
    """If our refund is listed as failed, and again as processed with its key in another notation, the outcome is
    unknown: the money may have gone back.
    """
    outcome = convert_refund_list({"remarks": "REFUND FAILED"}, {"prodRefundId": key})
    assert (outcome.kind, outcome.reason) == (UNKNOWN, "other_id")
    assert convert_refund_list({"remarks": "REFUND PENDING"}, {"prodRefundId": key}).kind is PENDING


@pytest.mark.parametrize("remark", ["REFUND PROCE\u00dfED", "REFUND PROCE\u017f\u017fED", "\u3000REFUND PROCESSED",
                                    "REFUND FA\u0131LED", "ＲＥＦＵＮＤ FAILED"])  # fmt: skip
def test_a_remark_that_matches_only_in_upper_case_is_unknown(remark: str) -> None:
    """A remark with letters such as `ß`, `ſ` or `ı`, whose upper case looks like a listed remark, isn't a listed
    remark, so the outcome is unknown.
    """
    assert convert_refund_list({"remarks": remark}).kind is UNKNOWN


@pytest.mark.parametrize("amount", [150.50, "150.50", "150.5", 15050, 15050.0])
def test_the_sum_may_be_in_rupees_or_paise(amount: object) -> None:
    """Atom's documents don't state the unit of a listed refund's amount, so the right amount is accepted in rupees
    and in paise.
    """
    assert convert_refund_list({"refundAmt": amount}).kind is SUCCEEDED


@pytest.mark.parametrize("amount", [150, 15051, 1505, 1.505, True, "15050", [], -150.5])
def test_a_listed_refund_of_another_amount_is_unknown(amount: object) -> None:
    """If the amount of a listed refund is wrong both in rupees and in paise, the outcome is UNKNOWN."""
    assert convert_refund_list({"refundAmt": amount}).kind is UNKNOWN


def test_an_unclear_list_of_refunds_settles_nothing() -> None:
    """The outcome is unknown if the refund list has our key twice with different contents, has a refund without a
    key, belongs to another payment, or isn't a list.
    """
    twice = convert_refund_list({}, {"refundTxnId": 1520})
    assert (twice.kind, twice.reason) == (UNKNOWN, "listed_twice")
    assert convert_refund_list({}, {"remarks": "REFUND FAILED"}).reason == "listed_twice"
    assert convert_refund_list({}, {}).kind is SUCCEEDED
    assert (convert_refund_list({"prodRefundId": None}).kind, convert_refund_list({"prodRefundId": None}).reason) == (
        UNKNOWN,
        "no_id",
    )
    other = {"payDetails": {"atomTxnId": 5}, "refundStatusDetails": [], **make_details("OTS0000")}
    assert convert_fields(AtomCall.REFUND_STATUS, {"payInstrument": other}).reason == "other_payment"
    for value in (None, "none", 5, [5], {"x": 1}):
        fields = {"refundStatusDetails": value, **make_details("OTS0000")}
        assert convert_fields(AtomCall.REFUND_STATUS, {"payInstrument": fields}).reason == "unreadable"


def test_the_list_has_each_refund_of_a_payment_once() -> None:
    """The list of a payment's refunds contains each refund that Atom has made or may still make, exactly once. A
    refund whose key can't be an id makes the whole list unusable."""

    def list_refunds(*refunds: Fields) -> Outcome[tuple[ListedRefund, ...]]:
        our_refund = {"remarks": "REFUND INITIATED", "prodRefundId": "RFD-1"}
        status = [{"refundStatus": [our_refund | change for change in refunds]}]
        fields = {
            "payDetails": {"atomTxnId": 11000000615892},
            "refundStatusDetails": status,
            **make_details("OTS0000"),
        }
        reader = make_refund_list_reader("11000000615892", Money(50_000, "INR"))
        body = seal_answer({"payInstrument": fields})
        return make_atom_converter(AtomCall.REFUND_STATUS, derive_response_key(), reader)(make_http_answer(200, body))

    outcome = list_refunds(
        {}, {}, {"prodRefundId": 7, "remarks": "?"}, {"prodRefundId": "B", "remarks": "REFUND FAILED"}
    )
    assert (outcome.kind, [refund.key for refund in get_report(outcome)]) == (SUCCEEDED, ["RFD-1", "7"])
    assert list_refunds().content == ()
    useless = {"prodRefundId": None}, {"prodRefundId": ""}, {"prodRefundId": "a b"}, {"prodRefundId": "x" * 65}
    assert {(list_refunds({}, one).kind, list_refunds(one).content) for one in useless} == {(UNKNOWN, None)}
    # A number is one of rupees or of paise: the larger meaning that the payment of 500 rupees admits.
    amounts = [300, 501, 50000, 12.5, "300.00", "30000", 0, None, "much", True, [3], -5]
    read = list_refunds(*({"refundAmt": amount, "prodRefundId": f"R{n}"} for n, amount in enumerate(amounts)))
    assert [refund.amount and refund.amount.minor for refund in get_report(read)] == [
        30_000, 501, 50_000, 1_250, 30_000, 3_000_000, None, None, None, None, None, None
    ]  # fmt: skip


# ---- tokens


@pytest.mark.parametrize("token", [15000000033303, "15000000033303"])
def test_a_token_opens_the_payment_page(token: object) -> None:
    """An answer with a token is a success: the payer can open the payment page, but nothing is paid yet."""
    outcome = convert_fields(AtomCall.AUTH, {"atomTokenId": token, "responseDetails": {"txnStatusCode": "OTS0000"}})
    assert (outcome.kind, get_report(outcome).handle) == (SUCCEEDED, "15000000033303")


INVALID_TOKEN_IDS: list[tuple[object, str]] = [(None, "no_id"), ("", "no_id"), (True, "bad_id"), ([], "bad_id")]


@pytest.mark.parametrize(("token", "reason"), INVALID_TOKEN_IDS)
def test_a_success_without_a_token_is_unknown(token: object, reason: str) -> None:
    """If the answer to a token request has a success code but no token, the outcome is unknown."""
    outcome = convert_fields(AtomCall.AUTH, {"atomTokenId": token, "responseDetails": {"txnStatusCode": "OTS0000"}})
    assert (outcome.kind, outcome.reason) == (UNKNOWN, reason)
