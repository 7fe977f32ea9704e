"""Tests of each fault of the sandbox in each call of the payment adapters: each combination has the expected outcome
class.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from console.domain.provider_outcome import Outcome, OutcomeClass
from console.sandbox import SandboxControl
from console.sandbox.atom.merchant import MESSAGE_BY_RESPONSE_CODE
from console.sandbox.paypay.responses import RESULT_BY_CODE
from console.sandbox.rules.fault_table import FAULT_BY_NAME
from tests.providers.sandbox_adapters import AdaptersAtSandbox

SUCCEEDED = OutcomeClass.SUCCEEDED
PENDING = OutcomeClass.PENDING
FAILED = OutcomeClass.FAILED_DEFINITE
UNKNOWN = OutcomeClass.UNKNOWN
NOT_FOUND = OutcomeClass.NOT_FOUND
AUTH = OutcomeClass.AUTH
RATE_LIMITED = OutcomeClass.RATE_LIMITED

SUCCESS_OUTCOME_BY_CALL = {
    "paypay_create": SUCCEEDED,
    "paypay_payment": SUCCEEDED,
    "paypay_cancel": PENDING,
    "paypay_refund": PENDING,
    "paypay_refund_details": SUCCEEDED,
    "atom_auth": SUCCEEDED,
    "atom_verification": SUCCEEDED,
    "atom_refund": PENDING,
    "atom_refund_status": SUCCEEDED,
}
"""The outcome of each call without a fault."""

ARGUMENT_BY_FAULT = {
    "status": "503",
    "status_after_charge": "503",
    "late_charge": "503",
    "result": "SERVICE_ERROR",
    "result_after": "SERVICE_ERROR",
}
SMALLER_FAULT_ARGUMENTS: dict[str, dict[str, Any]] = {
    "huge": {"size": 4 << 20},
    "gzip_bomb": {"size": 64 << 20},
    "slow": {"seconds": 0.00001},
}
HARMLESS_FAULTS = {"slow", "answer_twice", "sealed_json", "set_fields", "refund_twice"}
"""Faults with which the answer is complete and has its ordinary contents. The tests order the fault `set_fields`
without fields."""

OUTCOME_BY_FAULT_AND_CALL: Mapping[tuple[str, str], OutcomeClass] = {
    # Nothing of it is Japanese.
    ("not_utf8", "paypay_payment"): SUCCEEDED,
    ("not_utf8", "atom_verification"): SUCCEEDED,
    ("not_utf8", "atom_refund"): PENDING,
    # A verification names no currency, a listing of Atom's refunds neither.
    ("other_currency", "atom_verification"): SUCCEEDED,
    ("other_currency", "atom_refund_status"): SUCCEEDED,
    # Atom's sums are read from text too, PayPay's are numbers or nothing.
    ("amount_as_text", "atom_verification"): SUCCEEDED,
    ("amount_as_text", "atom_refund"): PENDING,
    ("amount_as_text", "atom_refund_status"): SUCCEEDED,
    ("hidden_refunds", "paypay_payment"): SUCCEEDED,
    ("hidden_refunds", "atom_refund_status"): NOT_FOUND,
    # An empty list of attempts is how "no such payment" is told.
    ("no_data", "atom_verification"): NOT_FOUND,
    # Other refunds of the payment stand in Atom's listing; that ours is none of them proves nothing.
    ("other_refund", "atom_refund_status"): NOT_FOUND,
    # Without a token there is no payment, so any refusal of one is certain.
    ("result", "atom_auth"): FAILED,
    ("result_after", "atom_auth"): FAILED,
    # PayPay tries a failed refund again by itself; Atom's is at its end.
    ("refund_failed", "paypay_refund_details"): PENDING,
    ("refund_failed", "atom_refund_status"): FAILED,
}
CALLS_FOR_COMMON_FAULTS = {"paypay_payment", "paypay_refund", "atom_verification", "atom_refund"}
"""A read and a refund at each provider: a fault that fits every call is tried with these calls alone."""
FITTING_FAULTS = [
    (name, call)
    for name, kind in FAULT_BY_NAME.items()
    for call in SUCCESS_OUTCOME_BY_CALL
    if (call in kind.calls or (not kind.calls and call in CALLS_FOR_COMMON_FAULTS))
]


@pytest.mark.parametrize(("name", "call"), FITTING_FAULTS)
def test_each_fault_has_its_outcome_class(control: SandboxControl, name: str, call: str) -> None:
    """An incomplete answer, or one that isn't about the request, has the outcome UNKNOWN. If the answer clearly
    confirms or denies a refund, the outcome states this."""
    # A silence is waited out: a fast clock for it alone, as the others must not run into its timeouts.
    silent = name in ("hang", "hang_after_charge")
    adapters = AdaptersAtSandbox(control, scale=100 if silent else 1.0)
    if call in ("paypay_refund_details", "atom_refund_status"):
        adapters.make_refunds()
    before = control.payments_control.read_ledger()["accepted_minor"]
    action = f"{name}:{ARGUMENT_BY_FAULT[name]}" if name in ARGUMENT_BY_FAULT else name
    control.add_fault(action, call=call, **SMALLER_FAULT_ARGUMENTS.get(name, {}))
    outcome = adapters.send_call(call)
    expected = OUTCOME_BY_FAULT_AND_CALL.get(
        (name, call), SUCCESS_OUTCOME_BY_CALL[call] if name in HARMLESS_FAULTS else UNKNOWN
    )
    assert outcome.kind is expected, outcome.reason
    assert control.read_requests(call)[-1]["fault"] == action
    moved = control.payments_control.read_ledger()["accepted_minor"] - before
    if FAULT_BY_NAME[name].effect == "happens" and call.endswith("_refund"):
        assert moved > 0
    if outcome.kind in (FAILED, AUTH, RATE_LIMITED):
        assert moved == 0


OUTCOME_BY_PAYPAY_REFUND_CODE = {
    "REQUEST_ACCEPTED": PENDING, "INVALID_REQUEST_PARAMS": FAILED, "MISSING_REQUEST_PARAMS": FAILED,
    "INVALID_PARAMS": FAILED, "UNAUTHORIZED": AUTH, "OP_OUT_OF_SCOPE": AUTH, "OPA_CLIENT_NOT_FOUND": AUTH,
    "RATE_LIMIT": RATE_LIMITED, "TRANSACTION_FAILED": FAILED, "UNACCEPTABLE_OP": FAILED, "CANCELED_USER": FAILED,
    "THROTTLED_MULTIPLE_REFUND_REJECTED": RATE_LIMITED, "REFUND_LIMIT_EXCEEDED": FAILED,
    "REFUND_WINDOW_EXCEED": FAILED, "ORDER_NO_LONGER_AVAILABLE": FAILED, "USER_STATE_IS_NOT_ACTIVE": FAILED,
    "MERCHANT_MULTIPLE_REFUND_REJECTED": FAILED, "RESOURCE_NOT_FOUND": FAILED, "NO_SUCH_REFUND_ORDER": FAILED,
}  # fmt: skip
OUTCOME_BY_PAYPAY_READ_CODE = {
    "UNAUTHORIZED": AUTH,
    "OP_OUT_OF_SCOPE": AUTH,
    "OPA_CLIENT_NOT_FOUND": AUTH,
    "RATE_LIMIT": RATE_LIMITED,
}
OUTCOME_BY_CODE_BY_PAYPAY_CALL = {
    "paypay_refund": OUTCOME_BY_PAYPAY_REFUND_CODE,
    "paypay_refund_details": OUTCOME_BY_PAYPAY_READ_CODE | {"NO_SUCH_REFUND_ORDER": NOT_FOUND},
    "paypay_payment": OUTCOME_BY_PAYPAY_READ_CODE
    | {
        "DYNAMIC_QR_PAYMENT_NOT_FOUND": NOT_FOUND,
        "RESOURCE_NOT_FOUND": NOT_FOUND,
        "NO_SUCH_REFUND_ORDER": NOT_FOUND,
        "DYNAMIC_QR_NOT_FOUND": NOT_FOUND,
    },
}


@pytest.mark.parametrize("call", OUTCOME_BY_CODE_BY_PAYPAY_CALL)
def test_each_code_of_paypay_has_an_outcome_class(control: SandboxControl, call: str) -> None:
    """Each result code of PayPay's table has its outcome class. A code that isn't listed for the call, and a success
    without data, are UNKNOWN."""
    adapters = AdaptersAtSandbox(control)
    class_by_code = {
        code: call_with_fault(adapters, f"result:{code}", call).kind for code in (*RESULT_BY_CODE, "NEW_CODE")
    }
    assert class_by_code == {code: OUTCOME_BY_CODE_BY_PAYPAY_CALL[call].get(code, UNKNOWN) for code in class_by_code}
    assert control.payments_control.read_refunds() == []


def call_with_fault(adapters: AdaptersAtSandbox, action: str, call: str) -> Outcome[Any]:
    """Let the sandbox answer the next call named `call` with the fault `action`, make this call, and return its
    outcome.
    """
    adapters.control.add_fault(action, call=call)
    return adapters.send_call(call)


OUTCOME_BY_ATOM_AUTH_CODE = {"OTS0506": AUTH, "OTS0522": AUTH, "OTS0451": AUTH}
OUTCOME_BY_CODE_BY_ATOM_CALL = {
    "atom_refund": OUTCOME_BY_ATOM_AUTH_CODE | dict.fromkeys((
        "OTS0503", "OTS0504", "OTS0507", "OTS0508", "OTS0509", "OTS0510", "OTS0637", "OTS0638", "OTS0641", "OTS0401",
    ), FAILED),
    "atom_refund_status": OUTCOME_BY_ATOM_AUTH_CODE | {"OTS0401": NOT_FOUND},
    "atom_verification": OUTCOME_BY_ATOM_AUTH_CODE | {
        "OTS0000": SUCCEEDED, "OTS0002": SUCCEEDED, "OTS0551": PENDING, "OTS0351": PENDING, "OTS0301": PENDING,
        "OTS0201": PENDING,
        "OTS0001": FAILED, "OTS0101": FAILED, "OTS0600": FAILED, "OTS0401": NOT_FOUND,
    },
}  # fmt: skip


@pytest.mark.parametrize("call", OUTCOME_BY_CODE_BY_ATOM_CALL)
def test_each_code_of_atom_has_an_outcome_class(control: SandboxControl, call: str) -> None:
    """Each result code of Atom has its outcome class for each call. For a refund, every doubtful code is UNKNOWN and
    never a failure. No report that contains only a code is bookable."""
    adapters = AdaptersAtSandbox(control)
    outcome_by_code = {
        code: call_with_fault(adapters, f"result:{code}", call) for code in (*MESSAGE_BY_RESPONSE_CODE, "OTS9999")
    }
    assert {code: one.kind for code, one in outcome_by_code.items()} == {
        c: OUTCOME_BY_CODE_BY_ATOM_CALL[call].get(c, UNKNOWN) for c in outcome_by_code
    }
    assert not any(one.content is not None and one.content.is_bookable for one in outcome_by_code.values())
    assert control.payments_control.read_refunds() == []


@pytest.mark.parametrize(("call", "status", "expected"), [
    ("atom_refund", 401, AUTH), ("atom_refund", 403, AUTH), ("atom_refund", 400, UNKNOWN),
    ("atom_refund", 429, RATE_LIMITED), ("atom_refund", 402, UNKNOWN), ("atom_verification", 401, AUTH),
    ("atom_verification", 404, UNKNOWN), ("paypay_refund", 401, UNKNOWN), ("paypay_refund", 403, UNKNOWN),
    ("paypay_refund", 404, UNKNOWN), ("paypay_refund", 408, UNKNOWN), ("paypay_refund", 429, RATE_LIMITED),
    ("paypay_payment", 404, UNKNOWN), ("paypay_refund_details", 404, UNKNOWN), ("atom_auth", 402, FAILED),
])  # fmt: skip
def test_a_status_without_a_code_is_no_answer_of_paypay(
    control: SandboxControl, call: str, status: int, expected: OutcomeClass
) -> None:
    """If an answer of PayPay has an error status without a readable result code, it may come from a server in front
    of PayPay, so the outcome is unknown. A 429 means "too many requests". At Atom, some other statuses decide
    without a code, for example 401.
    """
    adapters = AdaptersAtSandbox(control)
    control.add_fault(f"status:{status}", call=call, body="<html>")
    assert adapters.send_call(call).kind is expected


@pytest.mark.parametrize("call", SUCCESS_OUTCOME_BY_CALL)
def test_a_call_during_an_outage_is_not_sent(control: SandboxControl, call: str) -> None:
    """If the provider refuses connections, a call with an effect is a definite failure, and the outcome of a read is
    unknown.
    """
    adapters = AdaptersAtSandbox(control)
    with control.cause_outage():
        outcome = adapters.send_call(call)
    acts = call in ("paypay_create", "paypay_cancel", "paypay_refund", "atom_auth", "atom_refund")
    assert (outcome.kind, outcome.reason) == (FAILED if acts else UNKNOWN, "not_connected")


@pytest.mark.parametrize("provider", ["paypay", "atom"])
def test_a_late_refund_is_found_by_a_later_probe(control: SandboxControl, provider: str) -> None:
    """A refund call gets no answer, and the provider makes the refund later. A probe before this moment doesn't find
    the refund; a probe after it does."""
    adapters = AdaptersAtSandbox(control)
    control.add_fault("late_charge:503", call=f"{provider}_refund")
    probe = "paypay_refund_details" if provider == "paypay" else "atom_refund_status"
    assert adapters.send_call(f"{provider}_refund").kind is UNKNOWN
    assert adapters.send_call(probe).kind is NOT_FOUND
    control.release_calls()
    assert control.wait_until_counts_reached(refunds=1)
    assert adapters.send_call(probe).kind is SUCCEEDED
