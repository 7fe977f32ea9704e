"""Tests of the sandbox's faults that change an answer: each answer arrives completely with the content of its fault,
and the ledger shows whether the purchase was charged."""

import gzip
import json
import zlib
from collections.abc import Callable

import pytest

from console.sandbox import Sandbox, SandboxControl
from console.sandbox.faults.responses import find_next_valid_number
from tests.sandbox.caller import CORPORATION_NUMBER, Answer, Caller

AnswerPredicate = Callable[[Answer], bool]

PURCHASE_FAULTS: dict[str, AnswerPredicate] = {
    "no_result": lambda a: a.credit_check["result"] is None and a.credit_check["corporation_name"] != "",
    "odd_result": lambda a: a.credit_check["result"] == "maybe",
    "other_number": lambda a: (
        a.credit_check["corporation_number"] == find_next_valid_number(CORPORATION_NUMBER) != CORPORATION_NUMBER
    ),
    "no_number": lambda a: "corporation_number" not in a.credit_check,
    "no_name": lambda a: "corporation_name" not in a.credit_check,
    "long_name": lambda a: len(a.credit_check["corporation_name"]) == 400,
    "no_dates": lambda a: not {"purchase_date", "expiration_date"} & set(a.credit_check),
    "odd_dates": lambda a: a.credit_check["purchase_date"] == "2026-02-30",
    "no_id": lambda a: "credit_check_id" not in a.credit_check and "result" in a.credit_check,
    "id_string": lambda a: isinstance(a.credit_check["credit_check_id"], str),
    "id_boolean": lambda a: a.credit_check["credit_check_id"] is True,
    "id_float": lambda a: isinstance(a.credit_check["credit_check_id"], float),
    "id_too_big": lambda a: a.credit_check["credit_check_id"] == 2147483648,
    "id_negative": lambda a: a.credit_check["credit_check_id"] < 0,
    "stored": lambda a: is_json(a.body) and a.headers["age"] == "3600",
    "malformed": lambda a: not is_json(a.body) and a.body.startswith(b'{"credit_check":'),
    "empty": lambda a: a.body == b"" and a.status == 201,
    "not_utf8": lambda a: not is_utf8(a.body),
    "wrong_shape": lambda a: isinstance(json.loads(a.body), list),
    "deep_json": lambda a: a.body.count(b"[") == 100_000,
    "html_after_charge": lambda a: a.status == 200 and a.headers["content-type"].startswith("text/html"),
    "bad_gzip": lambda a: a.headers["content-encoding"] == "gzip" and not is_gzip(a.body),
}
FAULTS_WITHOUT_CHARGE: dict[str, AnswerPredicate] = {
    "html": lambda a: a.status == 200 and a.body.startswith(b"<!doctype html>"),
}
DETAIL_FAULTS: dict[str, AnswerPredicate] = {
    "other_id": lambda a: a.credit_check["credit_check_id"] == 100_002,
    "expired": lambda a: a.credit_check["expired"] is True,
    "no_infos": lambda a: "infos" not in a.credit_check,
    "viewing_period_over": lambda a: a.status == 403,
}
TOKEN_FAULTS = {
    "token_expired",
    "token_revoked",
    "invalid_grant",
    "invalid_client",
    "no_rotation",
    "no_access_token",
    "other_state",
    "refresh_lost",
}
FAULTS_WITH_OPTIONS = {"fields", "empty_list", "body", "body_after_charge", "gzip_bomb", "huge"}
COVERED_FAULTS = {*PURCHASE_FAULTS, *FAULTS_WITHOUT_CHARGE, *DETAIL_FAULTS, *TOKEN_FAULTS, *FAULTS_WITH_OPTIONS}


def is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


def is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def is_gzip(body: bytes) -> bool:
    try:
        gzip.decompress(body)
    except Exception:
        return False
    return True


@pytest.mark.parametrize("fault", PURCHASE_FAULTS)
def test_a_charged_purchase_gets_the_answer_of_the_fault(
    caller: Caller, control: SandboxControl, sandbox: Sandbox, fault: str
) -> None:
    """With each fault in PURCHASE_FAULTS the purchase is charged and its answer has the content of the fault; the
    next purchase gets an ordinary answer.
    """
    control.add_fault(fault, call="purchase")
    assert PURCHASE_FAULTS[fault](caller.buy_check())
    (charge,) = sandbox.ledger.list_charges_of_number()
    assert (charge.fault, charge.delivered) == (fault, False)
    assert caller.buy_check().credit_check["credit_check_id"] == 100_002


@pytest.mark.parametrize("fault", FAULTS_WITHOUT_CHARGE)
def test_a_fault_answers_without_a_charge(
    caller: Caller, control: SandboxControl, sandbox: Sandbox, fault: str
) -> None:
    """With each fault in FAULTS_WITHOUT_CHARGE the sandbox sends the fault's answer and charges nothing."""
    control.add_fault(fault, call="purchase")
    assert FAULTS_WITHOUT_CHARGE[fault](caller.buy_check())
    assert sandbox.ledger.charge_count == 0


@pytest.mark.parametrize("call", ["detail", "pdf"])
@pytest.mark.parametrize("fault", DETAIL_FAULTS)
def test_a_fault_sends_faulty_details_of_one_credit_check(
    caller: Caller, control: SandboxControl, fault: str, call: str
) -> None:
    """A fault of the credit check's details changes only the answer about the chosen credit check, and only once."""
    check_id = caller.buy_check().credit_check["credit_check_id"]
    control.add_fault(fault, call=call, credit_check_id=check_id)
    assert DETAIL_FAULTS[fault](caller.call_by_name(call, check_id))
    ordinary = caller.call_by_name(call, check_id)
    assert (ordinary.status, ordinary.credit_check["credit_check_id"], ordinary.credit_check["expired"]) == (
        200,
        check_id,
        False,
    )


def test_a_fault_replaces_any_field_of_an_answer(caller: Caller, control: SandboxControl) -> None:
    """A fault can replace any field of an answer, also a field within a list."""
    control.change_settings(offers_purchase_list=True)
    control.add_fault("fields", fields={"result": "ng", "extra": [1]}, times=2)
    assert caller.buy_check().credit_check["result"] == "ng"
    assert caller.list_checks().data["credit_checks"][0]["extra"] == [1]


def test_a_fault_sends_an_empty_list_of_credit_checks(caller: Caller, control: SandboxControl) -> None:
    """With the fault `empty_list` the list of credit checks is empty once although the sandbox has sold some."""
    control.change_settings(offers_purchase_list=True)
    caller.buy_check()
    control.add_fault("empty_list")
    assert caller.list_checks().data == {"credit_checks": []}
    assert len(caller.list_checks().data["credit_checks"]) == 1


@pytest.mark.parametrize(("fault", "charge_count"), [("body", 0), ("body_after_charge", 1)])
def test_a_fault_sends_any_text_as_the_body(
    caller: Caller, control: SandboxControl, fault: str, charge_count: int
) -> None:
    """A fault can make the sandbox send any text as the body of the answer."""
    control.add_fault(fault, call="purchase", body='{"credit_check":{}}')
    assert caller.buy_check().data == {"credit_check": {}}
    assert control.count_charges() == charge_count


def test_a_fault_sends_a_huge_valid_answer(caller: Caller, control: SandboxControl) -> None:
    """The fault `huge` sends an answer of the requested size that is valid JSON as a whole."""
    control.add_fault("huge", call="purchase", size=3 << 20)
    answer = caller.buy_check()
    assert len(answer.body) > 3 << 20
    assert "credit_check" in answer.data


def test_a_fault_sends_a_small_body_that_decompresses_to_a_large_one(caller: Caller, control: SandboxControl) -> None:
    """With the fault `gzip_bomb` the compressed answer is small and decompresses to a very large one."""
    control.add_fault("gzip_bomb", call="purchase", size=64 << 20)
    answer = caller.buy_check()
    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.body) < 1 << 20
    assert len(zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(answer.body)) > 64 << 20


def test_a_fault_lets_the_access_token_expire(caller: Caller, control: SandboxControl) -> None:
    """With the fault `token_expired` a purchase gets the status 401 until the caller refreshes its token, and nothing
    is bought before that.
    """
    pair = caller.request_token().data
    control.add_fault("token_expired", call="purchase")
    assert [caller.buy_check(access=pair["access_token"]).status for _ in range(2)] == [401, 401]
    fresh = caller.request_token(pair["refresh_token"]).data["access_token"]
    assert caller.buy_check(access=fresh).status == 201
    assert control.count_charges() == 1


def test_a_fault_revokes_the_tokens(caller: Caller, control: SandboxControl) -> None:
    """With the fault `token_revoked` a call gets the status 401, and the sandbox also refuses a refresh of the
    tokens.
    """
    pair = caller.request_token().data
    control.add_fault("token_revoked", call="purchase")
    assert caller.buy_check(access=pair["access_token"]).status == 401
    assert caller.request_token(pair["refresh_token"]).data == {"error": "invalid_grant"}


@pytest.mark.parametrize(("fault", "status"), [("invalid_grant", 400), ("invalid_client", 401)])
def test_a_fault_refuses_a_refresh_once(caller: Caller, control: SandboxControl, fault: str, status: int) -> None:
    """With the fault `invalid_grant` or `invalid_client` the sandbox refuses one refresh and changes no token; it
    accepts the same refresh token afterwards.
    """
    pair = caller.request_token().data
    control.add_fault(fault)
    assert (caller.request_token(pair["refresh_token"]).status) == status
    assert caller.request_token(pair["refresh_token"]).status == 200


def test_a_fault_loses_the_answer_to_a_refresh(caller: Caller, control: SandboxControl) -> None:
    """With the fault `refresh_lost` the sandbox issues new tokens but sends no answer; it accepts the old refresh
    token once more.
    """
    pair = caller.request_token().data
    control.add_fault("refresh_lost")
    with pytest.raises(ConnectionError):
        caller.request_token(pair["refresh_token"])
    assert control.read_state()["tokens"]["pairs_handed_out"] == 3
    assert caller.request_token(pair["refresh_token"]).status == 200


def test_a_fault_refreshes_without_rotating_the_refresh_token(caller: Caller, control: SandboxControl) -> None:
    """With the fault `no_rotation` a refresh returns only an access token. After this access token was used, the old
    refresh token is still valid.
    """
    pair = caller.request_token().data
    control.add_fault("no_rotation")
    answer = caller.request_token(pair["refresh_token"]).data
    assert "refresh_token" not in answer
    assert caller.buy_check(access=answer["access_token"]).status == 201
    assert caller.request_token(pair["refresh_token"]).status == 200


def test_a_fault_refreshes_without_an_access_token(sandbox: Sandbox, control: SandboxControl) -> None:
    """With the fault `no_access_token` the answer to a refresh states success but contains no access token."""
    control.add_fault("no_access_token")
    answer = Caller(sandbox).request_token()
    assert (answer.status, "access_token" in answer.data) == (200, False)
