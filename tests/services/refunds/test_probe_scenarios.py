"""Tests of the published scenarios step by step: the state after an interrupted or unclear call, and the state after
the answers to later probes. Adapters and services are the real ones; the published test vectors supply the HTTP
answers.
"""

import hashlib
import json
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from console.domain.payments.records import Payment, Refund
from console.domain.payments.states import RefundState
from console.domain.records import Certainty, CheckState, PurchaseRequest
from console.providers.atom.aes import derive_key, encrypt_text
from console.providers.http.failure_outcomes import TransportFailure, classify_exception
from console.providers.http.transport import HttpAnswer, HttpTransport
from console.sandbox.environment import credentials
from console.sandbox.server import Sandbox
from console.services.refunds.idempotency_key import find_refund_key
from tests.providers.http.test_failure_outcomes import make_exception_chain
from tests.providers.payments.parts import PROVIDER_TEST_VECTORS
from tests.support.desks import CORPORATION_NUMBERS, open_desk
from tests.support.refund_desks import RefundDesk
from tests.support.refusals import call_and_get_code

SCENARIO_BY_ID = {one["id"]: one for one in PROVIDER_TEST_VECTORS["probe_scenarios"]}
TRANSPORT_VECTORS_BY_ID = {one["id"]: one for one in PROVIDER_TEST_VECTORS["classify_transport"]}
ANSWER_BY_ID = {one["id"]: one for one in PROVIDER_TEST_VECTORS["classify_http"]}
REFUND_SAMPLES_BY_CALL = {"paypay refund": ("paypay", 5_000, "3300"), "ndps refund": ("atom", 50_000, "150.50")}
REFUND_CALLS_BY_PROVIDER = {
    "paypay": ("POST /v2/refunds", "GET /v2/refunds"),
    "atom": ("POST /ots/payment/refund", "POST /ots/payment/status"),
}
STATE_BY_ANSWER_CLASS = {
    "SUCCEEDED": (RefundState.COMPLETED, Certainty.KNOWN),
    "PENDING": (RefundState.SUBMITTED, Certainty.KNOWN),
    "UNKNOWN": (RefundState.SUBMITTING, Certainty.UNKNOWN),
    "FAILED_DEFINITE": (RefundState.APPROVED, Certainty.KNOWN),
}
"""State and certainty of a refund by the class of the provider's last answer. A refund that certainly failed may be
sent again.
"""


class ScriptedCalls:
    """A queue of scripted answers, in order. A call that has no scripted answer is really sent."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.script: deque[tuple[str, str, dict[str, str]]] = deque()
        self.sent: list[str] = []
        send = HttpTransport.send

        def answer_by_script(
            transport: HttpTransport, method: str, path: str, *rest: Any, **named: Any
        ) -> HttpAnswer:
            if not self.script or self.script[0][0] not in f"{method} {path}":
                return send(transport, method, path, *rest, **named)
            call_name, vector, ours = self.script.popleft()
            self.sent.append(call_name)
            return self._make_answer_or_raise(vector, ours)

        patch.setattr(HttpTransport, "send", answer_by_script)

    def expect_call(self, call: str, vector: str, ours: dict[str, str]) -> None:
        """Let the next call with this name end as the test vector says. `ours` maps the vector's ids to the ids of
        this test.
        """
        self.script.append((call, vector, ours))

    def _make_answer_or_raise(self, vector: str, ours: dict[str, str]) -> HttpAnswer:
        """Return the answer of the test vector, or raise its error."""
        if vector in TRANSPORT_VECTORS_BY_ID:
            broken = TRANSPORT_VECTORS_BY_ID[vector]
            words = broken.get("message_contains", "it broke")
            error = make_exception_chain(broken["exception_chain"], words, broken.get("context_of_innermost", ()))
            raise TransportFailure(*classify_exception(error))
        answer = ANSWER_BY_ID[vector]
        text = answer["body"] if isinstance(answer["body"], str) else json.dumps(answer["body"], ensure_ascii=False)
        for published, number in ours.items():
            text = text.replace(published, number)
        body = text.encode()
        if answer["provider"] == "ndps" and text:
            key = derive_key(credentials.ATOM_RESPONSE_KEY, credentials.ATOM_RESPONSE_SALT)
            body = f"merchId={credentials.ATOM_MERCH_ID}&encData={encrypt_text(text, key)}".encode()
        return HttpAnswer(answer["http_status"], {}, body, hashlib.sha256(body).hexdigest())


@pytest.mark.expects_log("broken calls are logged")
@pytest.mark.parametrize(
    "name", [name for name, one in SCENARIO_BY_ID.items() if one["operation"] in REFUND_SAMPLES_BY_CALL]
)
def test_each_refund_scenario_ends_as_expected(desk: RefundDesk, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Each scenario has its expected end. A refund is sent again, with the same key, only where the scenario allows
    that.
    """
    scenario = SCENARIO_BY_ID[name]
    provider, paid, amount = REFUND_SAMPLES_BY_CALL[scenario["operation"]]
    payment = desk.make_paid_payment("ORD1", paid, provider)
    refund = desk.request_refund(payment, amount)
    line, elapsed = ScriptedCalls(monkeypatch), 0
    send, status = REFUND_CALLS_BY_PROVIDER[provider]
    for step in scenario["steps"]:
        if "send" in step:
            line.expect_call(send, step["result"], make_id_replacements(desk, payment, refund))
            call_and_get_code(lambda: desk.approve_refund(refund))
            continue
        desk.move_clock(seconds=step["after_s"] - elapsed)
        elapsed = step["after_s"]
        line.expect_call(status, step["probe"], make_id_replacements(desk, payment, refund))
        call_and_get_code(lambda: desk.probe_refund(refund))
    assert not line.script, "every step was played"
    after = desk.read_refund(refund)
    assert (after.state, after.certainty) == STATE_BY_ANSWER_CLASS[scenario["expected_final"]]
    sent, key = len(line.sent), after.provider_refund_key
    line.expect_call(send, "h-pp-01", make_id_replacements(desk, payment, refund))
    call_and_get_code(lambda: desk.approve_refund(refund))
    assert (len(line.sent) > sent) == scenario["resend_allowed"]
    assert desk.read_refund(refund).provider_refund_key == key
    assert desk.read_refund(refund).sent_count == (2 if scenario["resend_allowed"] else 1)


def make_id_replacements(desk: RefundDesk, payment: Payment, refund: Refund) -> dict[str, str]:
    """Return a dictionary from the ids in the published vectors to the ids of this test."""
    with desk.context.database.read() as conn:
        key = find_refund_key(desk.context, conn, desk.read_refund(refund), payment)
    number = payment.provider_payment_id or ""
    return {
        "RFD-20261120-000123-01": key,
        "RFD2026112000012301": key,
        "04212345678901234567": number,
        "11000000615892": number,
    }


@pytest.mark.expects_log("what the sandbox does not know is logged")
@pytest.mark.parametrize(
    "name", [name for name, one in SCENARIO_BY_ID.items() if one["operation"] not in REFUND_SAMPLES_BY_CALL]
)
def test_refused_credentials_are_renewed_once_before_a_purchase(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """If AlarmBox refuses the credentials, the adapter renews them once, and the credit check is then bought once."""
    scenario = SCENARIO_BY_ID[name]
    with open_desk(tmp_path / "home", sandbox, TEST_NUMBERS="1") as console:
        console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBERS[0], "1"))
        line = ScriptedCalls(monkeypatch)
        for step in scenario["steps"]:
            call = "POST /oauth/token" if "refresh" in step else "POST /ps/v1/credit_checks"
            line.expect_call(call, step.get("result") or step["refresh"], {})
        bought = console.credit_checks.purchase(PurchaseRequest("7123456789012", "1"))
        assert (bought.state, bought.certainty) == (CheckState.SUCCESS, Certainty.KNOWN)
        assert bought.credit_check_id == ANSWER_BY_ID["h-ab-01"]["body"]["credit_check"]["credit_check_id"]
        assert not line.script, "every step was played"
        line.expect_call("POST /ps/v1/credit_checks", "h-ab-01", {})
        assert call_and_get_code(lambda: console.credit_checks.purchase(PurchaseRequest("7123456789012", "1"))) == (
            "already_purchased"
        )
        assert len(line.sent) == len(scenario["steps"])


def test_every_scenario_is_used_by_a_test() -> None:
    """The tests of this file use each published scenario."""
    assert {one["operation"] for one in SCENARIO_BY_ID.values()} == {*REFUND_SAMPLES_BY_CALL, "alarmbox purchase"}
