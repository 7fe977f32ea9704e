"""Tests of the faults of the simulated payment providers over real HTTP: the answers that the client gets, and the
content of the ledger."""

import contextlib
import http.client
import json
from collections.abc import Callable
from typing import Any

import pytest

from console.sandbox import Sandbox
from console.sandbox.atom.merchant import MESSAGE_BY_RESPONSE_CODE
from console.sandbox.control.client import SandboxError
from console.sandbox.paypay.responses import RESULT_BY_CODE
from console.sandbox.rules.fault_table import ATOM_CALLS, FAULT_BY_NAME, PAYPAY_CALLS
from tests.sandbox.atom_caller import ORDER_NUMBER as ATOM_ORDER_NUMBER
from tests.sandbox.atom_caller import AtomCaller, decrypt_json_answer, get_status_code
from tests.sandbox.caller import Answer
from tests.sandbox.paypay_caller import ORDER_NUMBER, PayPayCaller, get_status_and_code

COVERED_FAULTS = {
    "other_payment", "other_order", "other_refund", "other_amount", "amount_as_text", "amount_fraction",
    "other_currency", "odd_status", "refund_failed", "result", "result_after", "set_fields", "no_data",
    "hidden_refunds", "refund_twice", "other_seal", "no_seal", "sealed_json", "cut_seal",
}  # fmt: skip


class SandboxGateways:
    """Clients of the simulated PayPay and Atom in one sandbox, each with a paid payment (3,300 yen, 500 rupees).
    Every call can be made by its name."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.control = sandbox.control
        self.paypay, self.atom = PayPayCaller(sandbox), AtomCaller(sandbox)
        self.yen = self.control.payments_control.register_payment("paypay", ORDER_NUMBER, 3300)["id"]
        at = "2026-11-20T06:51:33Z"
        self.rupees = self.control.payments_control.register_payment("atom", ATOM_ORDER_NUMBER, 50000, at=at)["id"]

    def make_refunds(self) -> None:
        """Make a refund of the paid payment at each provider."""
        self.paypay.refund_payment(self.yen)
        self.atom.refund_payment(self.rupees)

    def call_by_name(self, call: str) -> Answer:
        calls: dict[str, Callable[[], Answer]] = {
            "paypay_create": lambda: self.paypay.create_payment("NEW"),
            "paypay_delete_code": lambda: self.paypay.send_request("DELETE", "/v2/codes/x"),
            "paypay_payment": self.paypay.read_payment,
            "paypay_cancel": self.paypay.cancel_payment,
            "paypay_refund": lambda: self.paypay.refund_payment(self.yen),
            "paypay_refund_details": lambda: self.paypay.read_refund(self.yen),
            "atom_auth": lambda: self.atom.start_payment("NEW"),
            "atom_verification": self.atom.verify_payment,
            "atom_refund": lambda: self.atom.refund_payment(self.rupees),
            "atom_refund_status": lambda: self.atom.read_refund_status(self.rupees),
        }
        return calls[call]()

    def read_answer_text(self, call: str) -> str:
        """Make the call with this name and return the text of its complete answer; Atom's answers are decrypted."""
        answer = self.call_by_name(call)
        return json.dumps(decrypt_json_answer(answer) if call in ATOM_CALLS else answer.data, ensure_ascii=False)


@pytest.fixture
def gateways(sandbox: Sandbox) -> SandboxGateways:
    return SandboxGateways(sandbox)


ALTERING_FAULTS = [
    ("other_payment", {"paypay_payment", "paypay_refund", "paypay_refund_details", "atom_verification",
                       "atom_refund", "atom_refund_status"}, {"paypay": '{yen}9"', "atom": "{rupees}9"}),
    ("other_order", {"paypay_payment", "atom_verification"}, {"paypay": f"{ORDER_NUMBER}-OTHER",
                                                             "atom": f"{ATOM_ORDER_NUMBER}-OTHER"}),
    ("other_refund", {"paypay_refund", "paypay_refund_details", "atom_refund", "atom_refund_status"},
     {"paypay": "RFD-1-OTHER", "atom": "RFD1-OTHER"}),
    ("other_currency", {"paypay_payment", "paypay_refund", "atom_refund"}, {"paypay": '"USD"', "atom": '"USD"'}),
    ("odd_status", {"paypay_payment", "paypay_refund", "paypay_refund_details", "atom_verification", "atom_refund",
                    "atom_refund_status"}, {"paypay": "SOMETHING_NEW", "atom": "OTS9999"}),
    ("amount_fraction", {"paypay_payment", "paypay_refund", "paypay_refund_details"}, {"paypay": ".5,"}),
    ("refund_failed", {"paypay_refund_details", "atom_refund_status"}, {"paypay": "REFUND_FAILED",
                                                                       "atom": "REFUND FAILED"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "call", "shown_value"),
    [
        (fault, call, shown_value[call.split("_")[0]])
        for fault, calls, shown_value in ALTERING_FAULTS
        for call in sorted(calls)
    ],
)
def test_only_the_first_answer_is_altered_by_a_fault(
    gateways: SandboxGateways, fault: str, call: str, shown_value: str
) -> None:
    """With each of the tested faults the call takes effect but its answer states something else; the next answer is
    correct again.
    """
    if call.endswith(("details", "status")):
        gateways.make_refunds()
    shown_text = shown_value.format(yen=gateways.yen, rupees=gateways.rupees)
    gateways.control.add_fault(fault, call=call)
    assert shown_text in gateways.read_answer_text(call)
    assert shown_text not in gateways.read_answer_text(call)
    if call.endswith("_refund"):
        assert gateways.control.payments_control.read_refunds()[0]["fault"] == fault


@pytest.mark.parametrize(
    ("call", "amount_field"),
    [
        ("paypay_payment", '"amount": 3301'),
        ("paypay_refund", '"amount": 1001'),
        ("atom_verification", ": 501.0"),
        ("atom_refund", ": 151.5"),
    ],
)
def test_a_fault_raises_the_amount_in_an_answer(gateways: SandboxGateways, call: str, amount_field: str) -> None:
    """With the fault `other_amount` the amount in the answer is one yen or one rupee more than the real amount."""
    gateways.control.add_fault("other_amount", call=call)
    assert amount_field in gateways.read_answer_text(call)


@pytest.mark.parametrize(
    ("call", "amount_field"), [("paypay_refund", '"amount": "1000"'), ("atom_refund", ': "150.50"')]
)
def test_a_fault_writes_amounts_as_json_texts(gateways: SandboxGateways, call: str, amount_field: str) -> None:
    """With the fault `amount_as_text`, the amounts in an answer are JSON texts instead of numbers."""
    gateways.control.add_fault("amount_as_text", call=call)
    assert amount_field in gateways.read_answer_text(call)


@pytest.mark.parametrize("result", sorted(RESULT_BY_CODE))
def test_a_fault_can_answer_with_each_code_of_paypay(gateways: SandboxGateways, result: str) -> None:
    """A fault can make PayPay answer with each result code of its table, with the HTTP status and the code id of the
    table; the call then has no effect."""
    row = RESULT_BY_CODE[result]
    gateways.control.add_fault(f"result:{result}", call="paypay_refund")
    answer = gateways.call_by_name("paypay_refund")
    assert get_status_and_code(answer) == (row.status, result)
    assert answer.data["resultInfo"]["codeId"] == row.code_id
    assert gateways.control.payments_control.read_refunds() == []


@pytest.mark.parametrize("result", sorted(MESSAGE_BY_RESPONSE_CODE))
def test_a_fault_can_answer_with_each_code_of_atom(gateways: SandboxGateways, result: str) -> None:
    """A fault can make a call of Atom answer with each of Atom's result codes. AUTH has its own texts for these
    codes.
    """
    for call in ("atom_verification", "atom_refund", "atom_refund_status"):
        gateways.control.add_fault(f"result:{result}", call=call)
        assert get_status_code(gateways.call_by_name(call)) == result
    gateways.control.add_fault(f"result:{result}", call="atom_auth")
    assert decrypt_json_answer(gateways.call_by_name("atom_auth"))["responseDetails"]["txnStatusCode"] == result
    assert gateways.control.payments_control.read_refunds() == []


def test_a_fault_sets_results_outside_of_the_tables(gateways: SandboxGateways) -> None:
    """A fault can make a provider answer with an HTTP status, code id or result code that is in no table."""
    gateways.control.add_fault("result:SERVICE_ERROR", call="paypay_refund", fields={"status": 503, "codeId": "1"})
    answer = gateways.call_by_name("paypay_refund")
    assert (answer.status, answer.data["resultInfo"]["codeId"]) == (503, "1")
    gateways.control.add_fault("result:NEW_CODE", call="paypay_refund")
    assert get_status_and_code(gateways.call_by_name("paypay_refund")) == (400, "NEW_CODE")
    gateways.control.add_fault("result:OTS9999", call="atom_refund", fields={"status": 402})
    answer = gateways.call_by_name("atom_refund")
    assert (answer.status, get_status_code(answer)) == (402, "OTS9999")


@pytest.mark.parametrize("action", ["result", "result:", "result:lower", "other_order:1", "refund_twice:X"])
def test_a_fault_with_an_unknown_code_is_refused(gateways: SandboxGateways, action: str) -> None:
    """The sandbox refuses, with a reason, a fault with an unknown code or for a call that can't have this fault."""
    with pytest.raises(SandboxError):
        gateways.control.add_fault(action)
    with pytest.raises(SandboxError):
        gateways.control.add_fault("other_seal", call="paypay_refund")
    with pytest.raises(SandboxError):
        gateways.control.add_fault("reset", call="atom_callback")


@pytest.mark.parametrize(("call", "result"), [("paypay_refund", "SERVICE_ERROR"), ("atom_refund", "OTS0951")])
def test_a_fault_answers_with_an_error_after_the_refund(gateways: SandboxGateways, call: str, result: str) -> None:
    """With the fault `result_after` the answer states an error although the provider has made the refund."""
    gateways.control.add_fault(f"result_after:{result}", call=call)
    assert result in gateways.read_answer_text(call)
    refund = gateways.control.payments_control.read_refunds()[0]
    assert (refund["fault"], refund["delivered"]) == (f"result_after:{result}", False)


def test_a_fault_sets_a_field_of_an_answer(gateways: SandboxGateways) -> None:
    """A fault can set a field at any place of an answer. The field itself may be new; the objects and lists around it
    must exist, otherwise the fault sets nothing."""
    fields = {"data.amount.amount": 7, "data.new": None, "data.nowhere.x": 1}
    gateways.control.add_fault("set_fields", call="paypay_refund", fields=fields)
    refund_fields = gateways.call_by_name("paypay_refund").data["data"]
    assert (refund_fields["amount"], refund_fields["new"], "nowhere" in refund_fields) == (
        {"amount": 7, "currency": "JPY"},
        None,
        False,
    )
    fields = {"payInstrument.0.payDetails.amount": 7, "payInstrument.9.x": 1}
    gateways.control.add_fault("set_fields", call="atom_verification", fields=fields)
    assert (
        decrypt_json_answer(gateways.call_by_name("atom_verification"))["payInstrument"][0]["payDetails"]["amount"]
        == 7
    )


@pytest.mark.parametrize(
    ("call", "expected_data"), [("paypay_payment", {"data": None}), ("atom_verification", {"payInstrument": []})]
)
def test_a_fault_answers_success_without_data(
    gateways: SandboxGateways, call: str, expected_data: dict[str, Any]
) -> None:
    """With the fault `no_data` the answer states success and contains no data."""
    gateways.control.add_fault("no_data", call=call)
    assert expected_data.items() <= json.loads(gateways.read_answer_text(call)).items()


def test_a_fault_hides_the_refunds_of_a_payment(gateways: SandboxGateways) -> None:
    """With the fault `hidden_refunds` the answer to a read lacks the refunds of the payment, although they exist in
    the ledger.
    """
    gateways.make_refunds()
    gateways.control.add_fault("hidden_refunds", call="paypay_payment")
    assert gateways.call_by_name("paypay_payment").data["data"]["refunds"] is None
    gateways.control.add_fault("hidden_refunds", call="atom_refund_status")
    assert '"refundDetails": []' in gateways.read_answer_text("atom_refund_status")


@pytest.mark.parametrize(("call", "refunded"), [("paypay_refund", 2000), ("atom_refund", 30100)])
def test_a_fault_makes_a_refund_twice(gateways: SandboxGateways, call: str, refunded: int) -> None:
    """With the fault `refund_twice` the provider makes a refund twice. The answer doesn't show the second refund, but
    the ledger does.
    """
    gateways.control.add_fault("refund_twice", call=call)
    assert gateways.call_by_name(call).status == 200
    assert gateways.control.payments_control.read_ledger()["accepted_minor"] == refunded


def test_faults_change_the_encryption_of_an_answer(gateways: SandboxGateways) -> None:
    """The fault `other_seal` encrypts Atom's answer with another key, `no_seal` doesn't encrypt it, and `cut_seal`
    cuts off the end of the encrypted text. With `sealed_json` the encrypted text is in a JSON object instead of a
    form; Atom's client accepts both.
    """
    good = gateways.call_by_name("atom_verification")
    bodies = {}
    for fault in ("other_seal", "no_seal", "sealed_json", "cut_seal"):
        gateways.control.add_fault(fault, call="atom_verification")
        bodies[fault] = gateways.call_by_name("atom_verification").body
    assert bodies["other_seal"] != good.body
    assert bodies["other_seal"].startswith(b"merchId=900001&encData=")
    assert json.loads(bodies["no_seal"])["payInstrument"]
    assert f"encData={json.loads(bodies['sealed_json'])['encData']}".encode() in good.body
    assert good.body.startswith(bodies["cut_seal"])
    assert len(bodies["cut_seal"]) < len(good.body)


@pytest.mark.parametrize("call", [*PAYPAY_CALLS, *ATOM_CALLS])
def test_connection_faults_break_payment_calls(gateways: SandboxGateways, call: str) -> None:
    """The sandbox's connection faults also break calls to the payment providers, before or after the effect."""
    before = gateways.control.payments_control.read_ledger()["accepted_minor"]
    gateways.control.add_faults(
        {"action": "reset", "call": call},
        {"action": "close_after_charge", "call": call},
        {"action": "status_after_charge:503", "call": call},
    )
    with pytest.raises(ConnectionError):
        gateways.call_by_name(call)
    assert gateways.control.payments_control.read_ledger()["accepted_minor"] == before
    with pytest.raises(ConnectionError):
        gateways.call_by_name(call)
    if call.endswith("_refund"):
        assert gateways.control.payments_control.read_ledger()["accepted_minor"] > before
    assert gateways.call_by_name(call).status == 503


def test_a_fault_makes_a_refund_later_without_an_answer(gateways: SandboxGateways) -> None:
    """With the fault `late_charge:503` a refund call gets the status 503, and the provider makes the refund later. A
    probe before that doesn't find the refund.
    """
    gateways.control.add_fault("late_charge:503", call="paypay_refund", payment=ORDER_NUMBER)
    assert gateways.call_by_name("paypay_refund").status == 503
    assert get_status_and_code(gateways.call_by_name("paypay_refund_details")) == (404, "NO_SUCH_REFUND_ORDER")
    assert gateways.control.wait_until_counts_reached(held=1, call="paypay_refund", number="RFD-1")
    gateways.control.release_calls()
    assert gateways.control.wait_until_counts_reached(refunds=1)
    assert gateways.call_by_name("paypay_refund_details").status == 200


@pytest.mark.parametrize(
    "fault", ["truncate", "slow", "malformed", "empty", "html", "garbage", "not_utf8", "deep_json"]
)
@pytest.mark.parametrize("call", ["paypay_refund", "atom_refund"])
def test_a_fault_sends_an_unreadable_answer_once(gateways: SandboxGateways, fault: str, call: str) -> None:
    """Each of these faults of an answer changes one answer only; the same call gets its usual answer the next time.
    The refund is made, except with the fault `html`."""
    gateways.control.add_fault(fault, call=call, seconds=0.0001)
    with contextlib.suppress(http.client.HTTPException):
        gateways.call_by_name(call)
    refund_count = 0 if fault == "html" else 1
    assert len(gateways.control.payments_control.read_refunds()) == refund_count
    assert gateways.call_by_name(call).status == 200


def test_a_rule_matches_refunds_by_their_payment(gateways: SandboxGateways) -> None:
    """A rule for faults can name the payment of a refund instead of the refund itself."""
    gateways.control.add_fault("status:500", payment=ATOM_ORDER_NUMBER, call="atom_refund")
    assert (gateways.call_by_name("paypay_refund").status, gateways.call_by_name("atom_refund").status) == (
        200,
        500,
    )


def test_payment_faults_are_allowed_only_for_payment_calls() -> None:
    """Each fault that this file covers is allowed only for calls of the two payment providers."""
    assert {*PAYPAY_CALLS, *ATOM_CALLS} >= {c for name in COVERED_FAULTS for c in FAULT_BY_NAME[name].calls}
