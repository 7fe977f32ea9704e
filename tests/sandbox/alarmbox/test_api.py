"""Tests of buying, reading and listing credit checks at the simulated AlarmBox: its answers have the documented form,
and its ledger has one charge for each purchase that it accepts and none for a refused one.
"""

import base64
from concurrent.futures import ThreadPoolExecutor

import pytest

from console.sandbox import Sandbox, SandboxControl
from tests.sandbox.caller import CORPORATION_NUMBER, OTHER_CORPORATION_NUMBER, Caller
from tests.support.waiting import wait_until


def test_a_purchase_answer_has_the_documented_fields(caller: Caller, control: SandboxControl) -> None:
    """The answer to a purchase has the documented fields; the purchase date is today in Japan, and the validity is
    one year.
    """
    control.change_settings(now="2026-11-19T15:00:00+00:00")
    answer = caller.buy_check(fields={"deal": 2, "purchase_reasons": [4], "purchase_reason_comment": "新規の調査"})
    assert answer.status == 201
    named = "credit_check_id purchase_date expiration_date corporation_name corporation_number result"
    assert list(answer.credit_check) == named.split()
    assert (answer.credit_check["purchase_date"], answer.credit_check["expiration_date"]) == (
        "2026-11-20",
        "2027-11-20",
    )
    assert answer.credit_check["corporation_number"] == CORPORATION_NUMBER
    assert answer.credit_check["result"] in ("ok", "hold", "ng")


def test_every_purchase_is_charged(caller: Caller, sandbox: Sandbox) -> None:
    """The sandbox charges each purchase: two purchase requests for one corporation number give two credit checks and
    two charges.
    """
    ids = [
        caller.buy_check(number).credit_check["credit_check_id"]
        for number in (CORPORATION_NUMBER, CORPORATION_NUMBER, OTHER_CORPORATION_NUMBER)
    ]
    assert len(set(ids)) == 3
    assert sandbox.ledger.count_charges_by_number() == {CORPORATION_NUMBER: 2, OTHER_CORPORATION_NUMBER: 1}
    assert sandbox.ledger.charge_count == 3


def test_the_ledger_is_read_over_http(caller: Caller, control: SandboxControl) -> None:
    """The control API returns the id, corporation number, time and delivery state of each charge, for all corporation
    numbers or for one."""
    check_id = caller.buy_check().credit_check["credit_check_id"]
    caller.buy_check(OTHER_CORPORATION_NUMBER)
    # The provider marks the delivery when its answer is written; the caller may have read it by then.
    wait_until(lambda: control.read_ledger(CORPORATION_NUMBER)["entries"][0]["delivered"], "the delivery is marked")
    ledger = control.read_ledger(CORPORATION_NUMBER)
    assert (ledger["total"], ledger["by_number"]) == (1, {CORPORATION_NUMBER: 1})
    (entry,) = ledger["entries"]
    assert (entry["id"], entry["number"], entry["provider"]) == (check_id, CORPORATION_NUMBER, "alarmbox")
    assert (entry["delivered"], entry["fault"]) == (True, None)
    assert entry["at"].endswith("Z")
    assert control.count_charges() == 2


def test_the_same_purchase_has_the_same_content_after_each_reset(caller: Caller, control: SandboxControl) -> None:
    """After a reset, as after a start, the same purchase gets the same id, name and result as before."""
    before = caller.buy_check().credit_check
    control.reset()
    assert caller.authorize().buy_check().credit_check == before


def test_dummy_numbers_have_fixed_results(caller: Caller) -> None:
    """The corporation numbers of AlarmBox's test account have fixed results."""
    results = [caller.buy_check(f"000000000000{n}").credit_check["result"] for n in (1, 2, 3)]
    assert results == ["ok", "hold", "ng"]


@pytest.mark.parametrize(
    ("number", "more", "status"),
    [
        ("118030101877", {}, 422),
        ("T1180301018771", {}, 422),
        ("１１８０３０１０１８７７１", {}, 422),
        (CORPORATION_NUMBER, {"deal": 3}, 422),
        (CORPORATION_NUMBER, {"purchase_reasons": [5]}, 422),
        (CORPORATION_NUMBER, {"purchase_reasons": 4}, 422),
        (CORPORATION_NUMBER, {"purchase_reasons": [[4]]}, 422),
        (CORPORATION_NUMBER, {"purchase_reason_comment": "あ" * 501}, 422),
    ],
)
def test_the_sandbox_refuses_and_charges_nothing(
    caller: Caller, sandbox: Sandbox, number: str, more: dict[str, object], status: int
) -> None:
    """The simulated AlarmBox refuses a purchase with a wrong corporation number, deal, reason or comment, and charges
    nothing for it."""
    assert caller.buy_check(number, fields=more).status == status
    assert sandbox.ledger.charge_count == 0


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff"])
def test_an_unreadable_purchase_is_refused_and_not_charged(caller: Caller, sandbox: Sandbox, body: bytes) -> None:
    """The sandbox refuses a purchase whose body isn't a JSON object with a corporation number, and charges
    nothing.
    """
    bearer = f"Bearer {caller.access}"
    path = "/ps/v1/credit_checks"
    answer = caller.send_request("POST", path, body, Authorization=bearer, Content_Type="application/json")
    assert answer.status in (400, 422)
    assert caller.send_request("POST", path, b"{}", Authorization=bearer, Content_Type="text/plain").status == 400
    assert sandbox.ledger.charge_count == 0


def test_a_bought_check_has_detail_and_pdf(caller: Caller, control: SandboxControl) -> None:
    """The detail of a credit check has the same facts as the answer to its purchase, and also `infos`. Only the call
    for the PDF returns the file."""
    bought = caller.buy_check().credit_check
    detail = caller.read_detail(bought["credit_check_id"]).credit_check
    assert bought.items() <= detail.items()
    assert detail["expired"] is False
    assert "pdf_file_data" not in detail
    assert all(set(info) == {"received_date", "tags"} for info in detail["infos"])
    file = base64.b64decode(caller.read_pdf(bought["credit_check_id"]).credit_check["pdf_file_data"], validate=True)
    assert file.startswith(b"%PDF-")
    assert file.rstrip().endswith(b"%%EOF")
    assert control.count_charges() == 1


def test_an_unknown_credit_check_is_not_found(caller: Caller) -> None:
    """The sandbox answers 404 to a read of a credit check or its PDF if it has never sold this id."""
    assert caller.read_detail(999).status == caller.read_pdf(999).status == 404


def test_a_credit_check_expires_after_its_last_day_in_japan(caller: Caller, control: SandboxControl) -> None:
    """A credit check is valid until the end of its last day in Japan. After that it has expired, and the sandbox
    answers 403 if its setting demands this."""
    control.change_settings(today="2026-11-20")
    check_id = caller.buy_check().credit_check["credit_check_id"]
    control.change_settings(today="2027-11-20")
    assert caller.read_detail(check_id).credit_check["expired"] is False
    control.change_settings(today="2027-11-21")
    assert caller.read_detail(check_id).credit_check["expired"] is True
    control.change_settings(answers_403_after_expiration=True)
    assert caller.read_detail(check_id).status == caller.read_pdf(check_id).status == 403


def test_the_list_of_credit_checks_depends_on_its_setting(caller: Caller, control: SandboxControl) -> None:
    """If the sandbox's setting is off, the call that lists credit checks doesn't exist. If it is on, the call lists
    the credit checks of the corporation number, newest first."""
    ids = [caller.buy_check().credit_check["credit_check_id"] for _ in range(2)]
    caller.buy_check(OTHER_CORPORATION_NUMBER)
    assert caller.list_checks().status == 404
    control.change_settings(offers_purchase_list=True)
    listed = caller.list_checks().data["credit_checks"]
    assert [check["credit_check_id"] for check in listed] == ids[::-1]
    assert caller.list_checks("0000000000001").data == {"credit_checks": []}


def test_a_test_adds_checks_bought_elsewhere(caller: Caller, control: SandboxControl) -> None:
    """A test adds a credit check over the control API. The check can be read and isn't charged, and the sandbox
    doesn't sell its id again."""
    (known,) = control.register_checks(
        {"corporation_number": OTHER_CORPORATION_NUMBER, "credit_check_id": 100_001, "result": None}
    )
    assert (known["credit_check_id"], known["result"]) == (100_001, None)
    assert caller.read_detail(100_001).credit_check["corporation_number"] == OTHER_CORPORATION_NUMBER
    assert control.count_charges() == 0
    assert caller.buy_check().credit_check["credit_check_id"] == 100_002


def test_a_setting_chooses_the_status_of_a_purchase(caller: Caller, control: SandboxControl) -> None:
    """The HTTP status of a purchase is a setting, because AlarmBox's public notes state 200 and 201."""
    control.change_settings(purchase_status=200)
    assert caller.buy_check().status == 200


def test_calls_too_fast_are_refused_and_not_charged(caller: Caller, control: SandboxControl) -> None:
    """The sandbox refuses calls that follow each other too fast and doesn't charge them; calls for tokens don't count
    towards this limit.
    """
    control.change_settings(spacing_seconds=60)
    assert [caller.buy_check().status, caller.request_token().status, caller.buy_check().status] == [201, 400, 429]
    assert control.count_charges() == 1


def test_simultaneous_callers_are_all_charged(caller: Caller, sandbox: Sandbox) -> None:
    """Sixteen threads buy at the same time: every accepted purchase has its own id and its own charge."""
    numbers = [f"{n % 7:013d}" for n in range(320)]
    with ThreadPoolExecutor(16) as pool:
        checks = [answer.credit_check for answer in pool.map(caller.buy_check, numbers)]
    assert len({check["credit_check_id"] for check in checks}) == 320
    assert sandbox.ledger.charge_count == 320
    assert sandbox.ledger.count_charges_by_number() == {f"{n:013d}": numbers.count(f"{n:013d}") for n in range(7)}
