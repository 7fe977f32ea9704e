"""Tests of each row of AlarmBox's response tables over real HTTP: which outcome class, effect and report follow from
an HTTP status and a body."""

import gzip
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from console.domain.provider_outcome import Outcome, SendingCertainty
from console.domain.provider_outcome import OutcomeClass as Kind
from console.domain.records import CheckReport
from console.providers.alarmbox.client import AlarmBox
from console.providers.http.single_request import mask_secrets
from tests.providers.parts import (
    CHECK_ANSWER,
    CORPORATION_NUMBER,
    PAIR_ANSWER,
    PURCHASE_REQUEST,
    PURCHASED_ANSWER,
    MemoryTokens,
    make_alarmbox,
)
from tests.providers.raw_server import Script, make_answer_script, make_bytes_script, make_http_answer, serve_scripts

ALARMBOX_TEST_VECTORS = json.loads((Path(__file__).parents[2] / "vectors/provider_vectors.json").read_text("utf-8"))
ANSWER_VECTORS = [v for v in ALARMBOX_TEST_VECTORS["classify_http"] if v["provider"] == "alarmbox"]
ProviderCall = Callable[[AlarmBox], Outcome[Any]]

CALL_BY_NAME: dict[str, ProviderCall] = {
    "purchase": lambda adapter: adapter.buy_check(PURCHASE_REQUEST),
    "detail": lambda adapter: adapter.read_detail(12345),
    "pdf": lambda adapter: adapter.read_pdf(12345),
    "list": lambda adapter: adapter.find_purchases(CORPORATION_NUMBER),
}
TOKEN_REFRESH_ANSWER = make_answer_script(200, PAIR_ANSWER)


def call_provider(call: ProviderCall, *scripts: Script) -> tuple[Outcome[Any], list[str]]:
    """Make the call at a server that answers with `scripts` in turn. Return the outcome, and the paths of the
    requests.
    """
    with serve_scripts(*scripts) as server:
        outcome = call(make_alarmbox(server.url, finds_purchases=True))
        return outcome, server.list_paths()


def call_with_answer(call: ProviderCall, status: int, body: object = b"") -> Outcome[Any]:
    """Return the outcome of a call to which AlarmBox gives this answer. After a 401 the second request gets the same
    answer.
    """
    same = make_answer_script(status, body)
    return call_provider(call, same, TOKEN_REFRESH_ANSWER, same)[0] if status == 401 else call_provider(call, same)[0]


def buy_with_answer(body: object, status: int = 200) -> Outcome[CheckReport]:
    return call_with_answer(CALL_BY_NAME["purchase"], status, body)


def test_answer_vectors_cover_reads_and_purchases() -> None:
    """The test vectors contain answers to GET calls (reads) and to POST calls (purchases)."""
    assert len(ANSWER_VECTORS) >= 12
    assert {v["call"].split()[0] for v in ANSWER_VECTORS} == {"GET", "POST"}


@pytest.mark.parametrize("vector", ANSWER_VECTORS, ids=[v["id"] for v in ANSWER_VECTORS])
def test_answers_of_the_test_vectors_have_their_outcome_class(vector: dict[str, Any]) -> None:
    """Each answer of the test vectors has the outcome class that its vector states, and the effect that follows from
    this class.
    """
    call, status, body = vector["call"], vector["http_status"], vector["body"]
    if "oauth" in call:
        outcome = buy_after_refresh(status, body)
    elif call.startswith("POST"):
        outcome = call_with_answer(CALL_BY_NAME["purchase"], status, body)
        assert describe_effect(outcome) == vector["effect"]
    else:
        with_file = isinstance(body, dict) and "pdf_file_data" in body.get("credit_check", {})
        outcome = call_with_answer(CALL_BY_NAME["pdf" if with_file else "detail"], status, body)
        assert vector["effect"] == "no"
    assert outcome.kind == vector["expected_class"]
    assert outcome.status == status or "oauth" in call


def describe_effect(outcome: Outcome[Any]) -> str:
    if outcome.kind is Kind.SUCCEEDED:
        return "yes"
    return "maybe" if outcome.kind is Kind.UNKNOWN else "no"


def buy_after_refresh(status: int, body: object) -> Outcome[str]:
    """Buy a credit check without valid tokens: first the adapter requests new tokens, and this request gets the
    answer with `status` and `body`. Return the outcome SUCCEEDED with "answered" if the purchase was then made;
    otherwise an outcome that says, with the failure's reason, that the purchase was not sent.
    """
    tokens = MemoryTokens(None, first="rt-1")
    scripts = (
        (make_answer_script(status, body), make_answer_script(200, PURCHASED_ANSWER))
        if status == 200
        else (make_answer_script(status, body),)
    )
    with serve_scripts(*scripts) as server:
        outcome = make_alarmbox(server.url, tokens=tokens).buy_check(PURCHASE_REQUEST)
    if outcome.kind is Kind.SUCCEEDED:
        assert tokens.log == ["exchange rt-1", "stored at2"]
        return Outcome(Kind.SUCCEEDED, "answered", SendingCertainty.YES)
    assert (outcome.kind, outcome.sent) == (Kind.FAILED_DEFINITE, SendingCertainty.NO)
    return Outcome(Kind.UNKNOWN, outcome.reason, SendingCertainty.MAYBE)


UNLISTED_STATUSES = (301, 302, 303, 304, 307, 308, 402, 405, 406, 408, 409, 410, 413, 415, 423, 425, 451, 499,
            500, 501, 502, 503, 504, 507, 599, 600)  # fmt: skip
OUTCOME_CLASS_OF_LIST_BY_STATUS = dict.fromkeys(UNLISTED_STATUSES, Kind.UNKNOWN) | {
    400: Kind.UNKNOWN,
    422: Kind.UNKNOWN,
    403: Kind.UNKNOWN,
    404: Kind.UNKNOWN,
    401: Kind.AUTH,
    429: Kind.RATE_LIMITED,
}
OUTCOME_CLASS_OF_READ_BY_STATUS = OUTCOME_CLASS_OF_LIST_BY_STATUS | {403: Kind.FAILED_DEFINITE, 404: Kind.NOT_FOUND}
OUTCOME_CLASS_OF_PURCHASE_BY_STATUS = OUTCOME_CLASS_OF_LIST_BY_STATUS | dict.fromkeys(
    (400, 422, 403, 404), Kind.FAILED_DEFINITE
)


def parametrize_by_status(rows: dict[int, Kind]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("status", "kind"), rows.items(), ids=map(str, rows))


def make_reason(status: int) -> str:
    return "redirect" if 300 <= status < 400 else f"http_{status}"


@parametrize_by_status(OUTCOME_CLASS_OF_PURCHASE_BY_STATUS)
def test_the_http_status_decides_the_outcome_of_a_purchase(status: int, kind: Kind) -> None:
    """The HTTP status decides the outcome class of a purchase; a status that the expected table doesn't list is
    UNKNOWN.
    """
    outcome = call_with_answer(CALL_BY_NAME["purchase"], status, {"message": "なぜか"})
    expected = (kind, make_reason(status), status, SendingCertainty.YES)
    assert (outcome.kind, outcome.reason, outcome.status, outcome.sent) == expected


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429])
@pytest.mark.parametrize(
    "body",
    [
        PURCHASED_ANSWER,
        json.dumps(PURCHASED_ANSWER).encode()[:40],
        {"error": "x", "data": {"credit_check_id": "12345"}},
    ],
)
def test_a_refusal_that_names_a_check_is_unknown(status: int, body: object) -> None:
    """If the status refuses the purchase but the body contains a bought credit check, the outcome is unknown. Even
    after a 401 the adapter sends no second request.
    """
    outcome, paths = call_provider(
        CALL_BY_NAME["purchase"],
        make_answer_script(status, body),
        TOKEN_REFRESH_ANSWER,
        make_answer_script(200, PURCHASED_ANSWER),
    )
    assert (outcome.kind, outcome.reason, outcome.status) == (Kind.UNKNOWN, "refused_but_made", status)
    assert paths == ["POST /ps/v1/credit_checks"]


@pytest.mark.parametrize("status", [400, 403, 422])
@pytest.mark.parametrize(
    "body",
    [
        b'{"credit_check":{"credit\\u005fcheck_id":12345}}',
        {"errors": [{"credit_check_id": 12345}]},
        {"credit_check": {"corporation_number": CORPORATION_NUMBER, "result": "ok"}},
        {"credit_check": [CHECK_ANSWER]},
        [PURCHASED_ANSWER],
        {"data": {"corporation_number": CORPORATION_NUMBER, "result": "ng"}},
        {"credit_check": [{"credit_check_id": None, "purchase_date": "2026-11-20"}]},
        {"credit_check": {"inner": {"purchase_date": "2026-11-20"}}},
        json.dumps(PURCHASED_ANSWER).encode("utf-16"),
        {"credit_check_id": " 12345"},
        b"<credit_check><credit_check_id>12345</credit_check_id></credit_check>",
    ],
)
def test_a_refusal_that_contains_the_check_in_another_form_is_unknown(status: int, body: object) -> None:
    """A refusal whose body contains the credit check in an unusual form leads to UNKNOWN. Examples are an escaped
    field name, a list, a check without its id, another encoding and XML.
    """
    outcome = buy_with_answer(body, status)
    assert (outcome.kind, outcome.reason) == (Kind.UNKNOWN, "refused_but_made")


@pytest.mark.parametrize("call_name", ["detail", "pdf"])
@pytest.mark.parametrize("status", [403, 404])
def test_a_gone_status_with_the_check_in_the_body_is_unknown(call_name: str, status: int) -> None:
    """If the status says that the credit check is gone but the body contains this credit check, the outcome is
    unknown. Otherwise the program could buy the same check again."""
    outcome = call_with_answer(CALL_BY_NAME[call_name], status, PURCHASED_ANSWER)
    assert (outcome.kind, outcome.reason, outcome.content) == (Kind.UNKNOWN, "refused_but_made", None)


@pytest.mark.parametrize("body", [b"", {"credit_check": {"credit_check_id": None}}, {"error": "credit_check_id"},
                                  {"errors": {"credit_check": ["is invalid"], "credit_check_id": ["is blank"]}},
                                  {"credit_check": None}, {"credit_check": "invalid"}, {"result": "ng"}, [],
                                  {"credit_check": {"corporation_number": CORPORATION_NUMBER}}])  # fmt: skip
def test_a_refusal_without_an_id_is_definite(body: object) -> None:
    """A refusal is a definite failure if its body contains no id of a credit check, even if the name of the id's
    field occurs in the body.
    """
    assert buy_with_answer(body, 422).kind is Kind.FAILED_DEFINITE


UNREADABLE_REFUSALS = {
    "compressed": gzip.compress(json.dumps(PURCHASED_ANSWER).encode()),
    "cut": b'{"credit_check":{"corporation_name":"',
    "two objects": b'{"error":"x"}{"result":"ok"}',
    "twice": b'{"error":"x","error":"y"}',
    "too deep": b"[" * 200 + b"]" * 200,
    "UTF-16": '{"error":"x"}'.encode("utf-16"),
    "UTF-32": '{"error":"x"}'.encode("utf-32"),
    "no number": b'{"error":NaN}',
}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429])
@pytest.mark.parametrize("body", UNREADABLE_REFUSALS.values(), ids=UNREADABLE_REFUSALS)
def test_an_unreadable_refusal_is_unknown(status: int, body: bytes) -> None:
    """A refused purchase whose body can't be read may contain the bought credit check, so the outcome is unknown.
    Even after a 401 the adapter sends no second request."""
    outcome, paths = call_provider(
        CALL_BY_NAME["purchase"],
        make_answer_script(status, body),
        TOKEN_REFRESH_ANSWER,
        make_answer_script(200, PURCHASED_ANSWER),
    )
    assert (outcome.kind, outcome.reason, outcome.status) == (Kind.UNKNOWN, "unreadable", status)
    assert paths == ["POST /ps/v1/credit_checks"]


@pytest.mark.parametrize("call_name", ["detail", "pdf"])
@pytest.mark.parametrize("status", [403, 404])
def test_a_gone_status_with_an_unreadable_body_is_unknown(call_name: str, status: int) -> None:
    """If the status says that the credit check is gone but the body can't be read, the outcome is unknown. Otherwise
    the program could buy the same check again."""
    outcome = call_with_answer(CALL_BY_NAME[call_name], status, UNREADABLE_REFUSALS["compressed"])
    assert (outcome.kind, outcome.reason) == (Kind.UNKNOWN, "unreadable")


@pytest.mark.parametrize("body", [b"", b"<html>\r\n\t<h1>422</h1>", "条件エラー".encode("cp932"), b"null", b"no"])
def test_a_refusal_with_a_text_body_is_definite(body: bytes) -> None:
    """A refusal whose body is plain text, HTML or empty is a definite failure by its status, because AlarmBox
    publishes no format for refusals.
    """
    assert buy_with_answer(body, 422).kind is Kind.FAILED_DEFINITE


@pytest.mark.parametrize("call_name", ["detail", "pdf"])
@parametrize_by_status(OUTCOME_CLASS_OF_READ_BY_STATUS)
def test_the_http_status_decides_the_outcome_of_a_read(call_name: str, status: int, kind: Kind) -> None:
    """The HTTP status decides the outcome class of a read. 403 and 404 are definite answers of AlarmBox; a status
    such as 400 or 422 leaves the outcome unknown."""
    outcome = call_with_answer(CALL_BY_NAME[call_name], status, b"")
    assert (outcome.kind, outcome.reason, outcome.status) == (kind, make_reason(status), status)


@parametrize_by_status(OUTCOME_CLASS_OF_LIST_BY_STATUS)
def test_a_refused_or_missing_list_proves_nothing(status: int, kind: Kind) -> None:
    """If AlarmBox refuses the list of credit checks or answers "not found", the outcome proves neither a purchase nor
    its absence.
    """
    outcome = call_with_answer(CALL_BY_NAME["list"], status, b"")
    assert (outcome.kind, outcome.reason, outcome.status) == (kind, make_reason(status), status)


@pytest.mark.parametrize("status", [200, 201, 202, 203, 206, 299])
def test_any_2xx_with_an_id_is_bought(status: int) -> None:
    """An answer with any 2xx status and an id means that the credit check is bought, because AlarmBox's documents
    state both 200 and 201.
    """
    outcome = buy_with_answer(PURCHASED_ANSWER, status)
    assert outcome.kind is Kind.SUCCEEDED
    assert outcome.content == CheckReport(
        12345, CORPORATION_NUMBER, "架空商事株式会社", "ok", date(2026, 11, 20), date(2027, 11, 20), None
    )


INCOMPLETE_CHECKS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "null result": ({"result": None}, {"result": None}),
    "unlisted result": ({"result": "maybe"}, {"result": None}),
    "result in capitals": ({"result": "OK"}, {"result": None}),
    "result as number": ({"result": 1}, {"result": None}),
    "hold": ({"result": "hold"}, {"result": "hold"}),
    "ng": ({"result": "ng"}, {"result": "ng"}),
    "null name": ({"corporation_name": None}, {"company_name": None}),
    "blank name": ({"corporation_name": " \u3000"}, {"company_name": None}),
    "name of invisible characters": ({"corporation_name": "\u200b\u3164"}, {"company_name": None}),
    "name as list": ({"corporation_name": ["x"]}, {"company_name": None}),
    "half a surrogate pair in the name": ({"corporation_name": "a\ud83d"}, {"company_name": "a?"}),
    "long name": ({"corporation_name": "長" * 300}, {"company_name": "長" * 300}),
    "null number": ({"corporation_number": None}, {"corporation_number": None}),
    "empty number": ({"corporation_number": ""}, {"corporation_number": None}),
    "number as number": ({"corporation_number": int(CORPORATION_NUMBER)}, {"corporation_number": CORPORATION_NUMBER}),
    "number in another notation": (
        {"corporation_number": "T７１２３-４５６７-８９０１２"},
        {"corporation_number": CORPORATION_NUMBER},
    ),
    "null dates": (
        {"purchase_date": None, "expiration_date": None},
        {"purchase_date": None, "expiration_date": None},
    ),
    "slashes in a date": ({"purchase_date": "2026/11/20"}, {"purchase_date": None}),
    "short date": ({"purchase_date": "2026-1-2"}, {"purchase_date": None}),
    "date with time": ({"purchase_date": "2026-11-20T00:00:00"}, {"purchase_date": None}),
    "no such day": ({"expiration_date": "2027-02-29"}, {"expiration_date": None}),
    "date in full-width digits": ({"expiration_date": "２０２７-11-20"}, {"expiration_date": None}),
    "date as number": ({"expiration_date": 20271120}, {"expiration_date": None}),
    "years of Reiwa": (
        {"purchase_date": "0008-11-20", "expiration_date": "0009-11-20"},
        {"purchase_date": None, "expiration_date": None},
    ),
    "no date at all": ({"expiration_date": "1970-01-01"}, {"expiration_date": None}),
    "week date": ({"expiration_date": "2027-W01-1"}, {"expiration_date": None}),
    "expired before its purchase": ({"expiration_date": "2025-11-20"}, {"expiration_date": None}),
    "expired": ({"expired": True}, {"expired": True}),
    "expired as text": ({"expired": "true"}, {"expired": None}),
    "expired as number": ({"expired": 1}, {"expired": None}),
    "unknown fields": ({"surprise": {"a": [1]}}, {}),
    "smallest id": ({"credit_check_id": 1}, {"credit_check_id": 1}),
    "largest id": ({"credit_check_id": 2_147_483_647}, {"credit_check_id": 2_147_483_647}),
}


@pytest.mark.parametrize(("change", "read"), INCOMPLETE_CHECKS.values(), ids=INCOMPLETE_CHECKS)
def test_an_answer_with_an_id_is_a_success_whatever_other_fields_lack(
    change: dict[str, Any], read: dict[str, Any]
) -> None:
    """A purchase answer with an id is a success. Every other field that is missing or unreadable stays empty in the
    report.
    """
    outcome = buy_with_answer(json.dumps({"credit_check": CHECK_ANSWER | change}).encode())
    assert outcome.kind is Kind.SUCCEEDED
    assert {name: getattr(outcome.content, name) for name in read} == read


CHECK_WITHOUT_ID = {name: value for name, value in CHECK_ANSWER.items() if name != "credit_check_id"}


@pytest.mark.parametrize(
    "body",
    [
        {"credit_check": CHECK_WITHOUT_ID},
        {"credit_check": CHECK_WITHOUT_ID | {"credit_check_id": None}},
        {"credit_check": CHECK_WITHOUT_ID | {"credit_check_id": True}},
        {"credit_check": CHECK_WITHOUT_ID | {"credit_check_id": 0}},
        {"credit_check": CHECK_WITHOUT_ID | {"id": 12345}},
        {"credit_check": {"purchase_date": "2026-11-20"}},
        {"credit_checks": [CHECK_WITHOUT_ID]},
        CHECK_WITHOUT_ID,
        [CHECK_WITHOUT_ID],
    ],
)
def test_a_purchase_answer_with_the_check_but_no_id_says_that_it_was_made(body: object) -> None:
    """If the answer to a purchase has status 2xx and the contents of the credit check, but no usable id, the outcome
    is unknown with a reason of its own, because AlarmBox has made the purchase.
    """
    outcome = buy_with_answer(json.dumps(body).encode())
    assert (outcome.kind, outcome.reason) == (Kind.UNKNOWN, "made_without_id")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"credit_check": CHECK_WITHOUT_ID | {"corporation_number": "1180301018771"}}, "no_id"),
        ({"credit_check": CHECK_ANSWER | {"credit_check_id": "12345"}}, "bad_id"),
        ({"credit_check": {"corporation_number": CORPORATION_NUMBER}}, "no_id"),
        ({"message": "accepted"}, "unreadable"),
    ],
)
def test_other_answers_without_a_usable_id_say_nothing_about_the_purchase(body: object, reason: str) -> None:
    """An answer without a usable id doesn't prove that the purchase was made, and its reason names its defect: it is
    about another corporation, its id is a text instead of a number, it lacks the contents of a credit check, or it
    has no credit check at all.
    """
    assert buy_with_answer(json.dumps(body).encode()).reason == reason


UNUSABLE_BODIES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "unreadable"),
    "HTML": (b"<html>OK</html>", "unreadable"),
    "cut": (json.dumps(PURCHASED_ANSWER).encode()[:-9], "unreadable"),
    "two objects": (b"{}{}", "unreadable"),
    "null": (b"null", "unreadable"),
    "a list": (b"[]", "unreadable"),
    "a text": (b'"12345"', "unreadable"),
    "no check": (b"{}", "unreadable"),
    "check is a list": (b'{"credit_check":[]}', "unreadable"),
    "empty check": (b'{"credit_check":{}}', "no_id"),
    "null id": (b'{"credit_check":{"credit_check_id":null}}', "no_id"),
    "true": (b'{"credit_check":{"credit_check_id":true}}', "bad_id"),
    "false": (b'{"credit_check":{"credit_check_id":false}}', "bad_id"),
    "fraction": (b'{"credit_check":{"credit_check_id":12345.5}}', "bad_id"),
    "float": (b'{"credit_check":{"credit_check_id":12345.0}}', "bad_id"),
    "exponent": (b'{"credit_check":{"credit_check_id":1e4}}', "bad_id"),
    "text": (b'{"credit_check":{"credit_check_id":"12345"}}', "bad_id"),
    "zero": (b'{"credit_check":{"credit_check_id":0}}', "bad_id"),
    "negative": (b'{"credit_check":{"credit_check_id":-5}}', "bad_id"),
    "beyond the column": (b'{"credit_check":{"credit_check_id":2147483648}}', "bad_id"),
    "5,000 digits": (b'{"credit_check":{"credit_check_id":%s}}' % (b"9" * 5_000), "unreadable"),
    "NaN": (b'{"credit_check":{"credit_check_id":NaN}}', "unreadable"),
    "id twice": (b'{"credit_check":{"credit_check_id":1,"credit_check_id":2}}', "unreadable"),
    "check twice": (b'{"credit_check":{"credit_check_id":1},"credit_check":{"credit_check_id":2}}', "unreadable"),
    "endless nesting": (b'{"a":' * 100_000, "unreadable"),
    "not UTF-8": ('{"credit_check":{"credit_check_id":1,"corporation_name":"株"}}'.encode("shift-jis"), "unreadable"),
    "UTF-16": ('{"credit_check":{"credit_check_id":1}}'.encode("utf-16"), "unreadable"),
    "other number": (
        json.dumps({"credit_check": CHECK_ANSWER | {"corporation_number": "1180301018771"}}).encode(),
        "other_number",
    ),
    "other number as number": (
        json.dumps({"credit_check": CHECK_ANSWER | {"corporation_number": 1}}).encode(),
        "other_number",
    ),
    "number as list": (
        json.dumps({"credit_check": CHECK_ANSWER | {"corporation_number": [CORPORATION_NUMBER]}}).encode(),
        "other_number",
    ),
    "number as false": (
        json.dumps({"credit_check": CHECK_ANSWER | {"corporation_number": False}}).encode(),
        "other_number",
    ),
    "too large": (b" " * ((1 << 20) + 1), "answer_too_large"),
}


@pytest.mark.parametrize(("body", "reason"), UNUSABLE_BODIES.values(), ids=UNUSABLE_BODIES)
def test_an_answer_without_a_usable_id_is_unknown(body: bytes, reason: str) -> None:
    """A 2xx answer without a usable id leads to UNKNOWN, with the reason of its defect and without a report."""
    outcome = buy_with_answer(body)
    assert (outcome.kind, outcome.reason, outcome.content) == (Kind.UNKNOWN, reason, None)


def test_evidence_has_text_status_and_hash_of_the_answer() -> None:
    """The outcome has the text of the answer as evidence, and the answer's status and hash, also if the answer is a
    refusal.
    """
    outcome = buy_with_answer({"message": "契約がありません"}, 403)
    assert "契約がありません" in outcome.evidence
    assert (outcome.status, len(outcome.sha256)) == (403, 64)


def test_evidence_keeps_the_beginning_of_a_long_answer() -> None:
    """The evidence of a long answer contains its first 65,536 characters."""
    assert len(buy_with_answer("字" * 200_000, 500).evidence) == 65_536


def test_evidence_holds_no_secret() -> None:
    """If the provider repeats our credentials in its answer, the evidence contains them only masked."""
    page = 'Bearer at-1 rt-1 s3cret-of-client {"access_token":"at-9","refresh_token" : "rt\\"-9"} <pre>'
    outcome = buy_with_answer(page, 500)
    for secret in ("at-1", "rt-1", "s3cret", "at-9", "-9"):
        assert secret not in outcome.evidence
    assert "<pre>" in outcome.evidence


SECRET_WITH_SPECIAL_CHARACTERS = 'a/b+c&d"e= f'


@pytest.mark.parametrize(
    "form",
    [
        SECRET_WITH_SPECIAL_CHARACTERS,
        r"a\/b+c&d\"e= f",
        r"a\u002fb\u002Bc\u0026d\u0022e= f",
        "a%2Fb%2Bc%26d%22e%3D%20f",
        "a%2fb%2bc%26d%22e%3d+f",
        "a%252Fb%252bc%2526d%2522e%253D%2520f",
        "a/b+c&amp;d&quot;e= f",
        "a&#47;b&#x2b;c&#X0026;d&#034;e&#61&#32;f",
        r"a\/b+c&amp;d\&quot;e= f",
        "&#97;%2F&#98;%2bc&d&quot;e=+f",
    ],
)
def test_a_secret_is_masked_in_each_form_that_a_server_writes(form: str) -> None:
    """The evidence masks a secret in the escaped forms of JSON, URL and HTML, also if they are combined. A secret
    with half of a surrogate pair raises no error.
    """
    page = f"100%25 &amp; x {form}? {form} y {form}z"
    assert (
        mask_secrets(page, ("", "\ud800", "b+c", SECRET_WITH_SPECIAL_CHARACTERS)) == "100%25 &amp; x ***? *** y ***z"
    )


@pytest.mark.parametrize(
    "form", [SECRET_WITH_SPECIAL_CHARACTERS, "a%2fb%2bc%26d%22e%3d+f", "a&#47;b&#x2b;c&amp;d&quot;e= f"]
)
def test_a_secret_is_masked_where_the_answer_is_cut(form: str) -> None:
    """Only the beginning of a long answer is stored as evidence. A credential at the place of the cut is masked, also
    if the cut is within an escape sequence."""
    for length in range(form.index("c"), len(form)):
        assert mask_secrets(f"<pre>{form[:length]}", (SECRET_WITH_SPECIAL_CHARACTERS,)) == "<pre>***"
    assert mask_secrets('{"access_token":"at-9\\') == '{"access_token":"***"'


def test_a_secret_is_masked_after_a_page_of_broken_escapes() -> None:
    """A credential is masked in the evidence even after 65,536 characters of incomplete escapes, and the masking
    doesn't run endlessly."""
    for part in ("%25", "&", "&#0", "\\", "\\u002", "a%2f", '"code":"\\'):
        masked = mask_secrets(
            part * (65_536 // len(part)) + SECRET_WITH_SPECIAL_CHARACTERS, (SECRET_WITH_SPECIAL_CHARACTERS,)
        )
        assert "b+c" not in masked


def test_detail_of_another_check_is_no_answer() -> None:
    """An answer to a detail request is accepted only if it has the requested id of the credit check."""
    outcome = call_with_answer(
        CALL_BY_NAME["detail"], 200, {"credit_check": CHECK_ANSWER | {"credit_check_id": 54321}}
    )
    assert (outcome.kind, outcome.reason) == (Kind.UNKNOWN, "other_id")


@pytest.mark.parametrize("credit_check_id", [0, -1, 2_147_483_648, True])
def test_an_impossible_id_is_not_requested(credit_check_id: int) -> None:
    """If a number can't be the id of a credit check, the adapter sends no request for it."""
    with serve_scripts(make_answer_script(200)) as server:
        adapter = make_alarmbox(server.url)
        for outcome in (adapter.read_detail(credit_check_id), adapter.read_pdf(credit_check_id)):
            assert (outcome.kind, outcome.reason, outcome.sent) == (Kind.UNKNOWN, "bad_id", SendingCertainty.NO)
        assert server.connections == 0


LIST_ANSWERS: dict[str, tuple[object, Kind, str, int]] = {
    "empty": ({"credit_checks": []}, Kind.SUCCEEDED, "answered", 0),
    "one": ({"credit_checks": [CHECK_ANSWER]}, Kind.SUCCEEDED, "answered", 1),
    "two": ({"credit_checks": [CHECK_ANSWER, CHECK_ANSWER | {"credit_check_id": 7}]}, Kind.SUCCEEDED, "answered", 2),
    "of another number too": ({"credit_checks": [CHECK_ANSWER,
    CHECK_ANSWER | {"corporation_number": "1180301018771"}]},
                              Kind.SUCCEEDED, "answered", 1),
    "one without number": ({"credit_checks": [CHECK_ANSWER, CHECK_ANSWER | {"corporation_number": None}]},
                           Kind.UNKNOWN, "no_number", 0),
    "in full-width digits": ({"credit_checks": [CHECK_ANSWER | {"corporation_number": "７１２３４５６７８９０１２"}]},
                             Kind.SUCCEEDED, "answered", 1),
    "with hyphens and blanks": ({"credit_checks": [CHECK_ANSWER | {"corporation_number": " 7-1234-5678-9012\n"}]},
                                Kind.SUCCEEDED, "answered", 1),
    "with a T": ({"credit_checks": [CHECK_ANSWER | {"corporation_number": "T7123456789012"}]},
                 Kind.SUCCEEDED, "answered", 1),
    "a number of another form": ({"credit_checks": [CHECK_ANSWER | {"corporation_number": "corp:7123456789012"}]},
                                 Kind.UNKNOWN, "other_number", 0),
    "a number with a fraction": ({"credit_checks": [CHECK_ANSWER | {"corporation_number": 7123456789012.0}]},
                                 Kind.UNKNOWN, "other_number", 0),
    "a number that lacks a digit": ({"credit_checks": [CHECK_ANSWER | {"corporation_number": "123456789012"}]},
                                    Kind.UNKNOWN, "other_number", 0),
    "a number in a list": ({"credit_checks": [CHECK_ANSWER | {"corporation_number": [CORPORATION_NUMBER]}]},
                           Kind.UNKNOWN, "other_number", 0),
    "one without id": ({"credit_checks": [CHECK_ANSWER, {}]}, Kind.UNKNOWN, "no_id", 0),
    "one is a text": ({"credit_checks": [CHECK_ANSWER, "x"]}, Kind.UNKNOWN, "unreadable", 0),
    "not a list": ({"credit_checks": CHECK_ANSWER}, Kind.UNKNOWN, "unreadable", 0),
    "no list": ({}, Kind.UNKNOWN, "unreadable", 0),
    "HTML": ("<html>", Kind.UNKNOWN, "unreadable", 0),
    "all of it": ({"credit_checks": [CHECK_ANSWER], "total_count": 1, "next_page": None, "meta": {"more": False}},
                  Kind.SUCCEEDED, "answered", 1),
    "empty and all of it": ({"credit_checks": [], "total": 0}, Kind.SUCCEEDED, "answered", 0),
    "more than listed": ({"credit_checks": [CHECK_ANSWER], "total_count": 2}, Kind.UNKNOWN, "list_incomplete", 0),
    "a next page": ({"credit_checks": [CHECK_ANSWER], "next_page": 2}, Kind.UNKNOWN, "list_incomplete", 0),
    "a cursor": ({"credit_checks": [CHECK_ANSWER], "meta": {"next": "abc"}}, Kind.UNKNOWN, "list_incomplete", 0),
    "more to come": ({"credit_checks": [CHECK_ANSWER], "has_more": True}, Kind.UNKNOWN, "list_incomplete", 0),
    "empty page of several": ({"credit_checks": [], "pages": 3}, Kind.UNKNOWN, "list_incomplete", 0),
    "fields without pages": (
        {"credit_checks": [CHECK_ANSWER], "request_id": "req-17", "status": "ok", "success": True, "api_version": 2,
         "corporation_number": "7123456789012", "meta": {"generated_at": "2026-11-20T03:20:01Z", "tags": ["a"]}},
        Kind.SUCCEEDED, "answered", 1),
    "one page of one": (
        {"credit_checks": [CHECK_ANSWER], "pagination": {"current": 1, "total_pages": 1, "per_page": 20,
        "totalCount": 1},
         "links": {"self": "/ps/v1/credit_checks", "next": None}, "isLast": True, "offset": 0},
        Kind.SUCCEEDED, "answered", 1),
    "a full page": ({"credit_checks": [CHECK_ANSWER], "limit": 1}, Kind.UNKNOWN, "list_incomplete", 0),
    "a full page of a size": ({"credit_checks": [CHECK_ANSWER], "page": 1, "per_page": "1"}, Kind.UNKNOWN,
                              "list_incomplete", 0),
    "the second page": ({"credit_checks": [CHECK_ANSWER], "page": 2, "pages": 2}, Kind.UNKNOWN, "list_incomplete", 0),
    "pages within": ({"credit_checks": [CHECK_ANSWER], "pagination": {"of": 2}}, Kind.UNKNOWN, "list_incomplete", 0),
    "not complete": ({"credit_checks": [CHECK_ANSWER], "complete": False}, Kind.UNKNOWN, "list_incomplete", 0),
    "has a next page": ({"credit_checks": [CHECK_ANSWER], "hasNextPage": True}, Kind.UNKNOWN, "list_incomplete", 0),
    "an address of a page": ({"credit_checks": [CHECK_ANSWER], "url": "https://api.alarmbox.jp/x?page=2"},
    Kind.UNKNOWN,
                             "list_incomplete", 0),
    "rows elsewhere": ({"credit_checks": [CHECK_ANSWER], "archived": [CHECK_ANSWER]}, Kind.UNKNOWN, "list_incomplete",
        0),
    "words in one": ({"credit_checks": [CHECK_ANSWER], "hasmore": True}, Kind.UNKNOWN, "list_incomplete", 0),
    "words in one, with a mark": ({"credit_checks": [CHECK_ANSWER], "nextpage": "b2Zm"}, Kind.UNKNOWN,
        "list_incomplete", 0),
    "a total in one word": ({"credit_checks": [CHECK_ANSWER], "totalcount": 40}, Kind.UNKNOWN, "list_incomplete", 0),
    "a word of its own": ({"credit_checks": [CHECK_ANSWER], "scroll_id": "DnF1"}, Kind.UNKNOWN, "list_incomplete", 0),
    "the number of a page": ({"credit_checks": [CHECK_ANSWER], "number": 2}, Kind.UNKNOWN, "list_incomplete", 0),
    "Japanese words": ({"credit_checks": [CHECK_ANSWER], "続き": "あり"}, Kind.UNKNOWN, "list_incomplete", 0),
    "within what says nothing": ({"credit_checks": [CHECK_ANSWER], "meta": {"rest": 3}}, Kind.UNKNOWN,
        "list_incomplete", 0),
    "within what nobody knows": ({"credit_checks": [CHECK_ANSWER], "x": {"id": "1"}}, Kind.UNKNOWN, "list_incomplete",
        0),
    "itself a later page": ({"credit_checks": [CHECK_ANSWER], "links": {"self": "/x?p=2"}}, Kind.UNKNOWN,
                            "list_incomplete", 0),
    "an address with another page": ({"credit_checks": [CHECK_ANSWER], "url": "/x?start=20"}, Kind.UNKNOWN,
                                     "list_incomplete", 0),
    "an address by a path": ({"credit_checks": [CHECK_ANSWER], "url": "/x/page/2"}, Kind.UNKNOWN, "list_incomplete",
        0),
    "the question again": (
        {"credit_checks": [CHECK_ANSWER], "url": "/ps/v1/credit_checks?corporation_number=7123456789012", "code": "0",
         "trace_id": "17", "object": "x"},
        Kind.SUCCEEDED, "answered", 1),
    "all but the newest": ({"credit_checks": [CHECK_ANSWER], "from": "2020-01-01"}, Kind.UNKNOWN, "list_incomplete",
        0),
}  # fmt: skip


@pytest.mark.parametrize(("body", "kind", "reason", "count"), LIST_ANSWERS.values(), ids=LIST_ANSWERS)
def test_only_a_complete_and_readable_list_is_accepted(body: object, kind: Kind, reason: str, count: int) -> None:
    """The list of credit checks is accepted only if it is complete and every entry is readable. Entries with other
    corporation numbers are left out."""
    outcome = call_with_answer(CALL_BY_NAME["list"], 200, body)
    assert (outcome.kind, outcome.reason, len(outcome.content or ())) == (kind, reason, count)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Link", '<https://api.alarmbox.jp/?page=2>; rel="next"'), ("X-Total-Count", "40"), ("X-Per-Page", "1"),
        ("Content-Range", "items 0-0/2"), ("X-Next-Page", "2"), ("Total", "40"), ("Total-Pages", "2"),
        ("X-Pagination", '{"total":40}'), ("Pagination-Count", "40"), ("X-Has-Next", "true"), ("Current-Page", "2"),
    ],
)  # fmt: skip
def test_a_list_of_several_pages_is_not_whole(name: str, value: str) -> None:
    """If a header says that the list has further pages, the list counts as incomplete and its outcome is unknown."""
    outcome, _ = call_provider(
        CALL_BY_NAME["list"],
        make_bytes_script(make_http_answer(200, {"credit_checks": [CHECK_ANSWER]}, {name: value})),
    )
    assert (outcome.kind, outcome.reason, outcome.content) == (Kind.UNKNOWN, "list_incomplete", None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Link", '<https://api.alarmbox.jp/>; rel="self"'), ("X-Total-Count", "1"), ("X-Per-Page", "20"),
        ("Content-Range", "items 0-0/1"), ("X-Next-Page", ""), ("X-RateLimit-Remaining", "99"),
    ],
)  # fmt: skip
def test_a_header_that_excludes_pages_leaves_the_list_whole(name: str, value: str) -> None:
    """The list counts as complete if its headers, such as numbers of rows or pages, exclude a further page."""
    outcome, _ = call_provider(
        CALL_BY_NAME["list"],
        make_bytes_script(make_http_answer(200, {"credit_checks": [CHECK_ANSWER]}, {name: value})),
    )
    assert (outcome.kind, len(outcome.content or ())) == (Kind.SUCCEEDED, 1)


def test_a_status_100_is_skipped() -> None:
    """The adapter skips an interim answer with status 100 and reads the final answer."""
    outcome, _ = call_provider(
        CALL_BY_NAME["purchase"],
        make_bytes_script(b"HTTP/1.1 100 Continue\r\n\r\n" + make_http_answer(200, PURCHASED_ANSWER)),
    )
    assert outcome.kind is Kind.SUCCEEDED
