"""Tests of the simulated PayPay's refunds: merchant, payment and refund key together identify one refund; the
captured amount is the limit; and the time limit is the end of a Japanese day."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest

from console.sandbox import Sandbox, SandboxControl
from tests.sandbox.paypay_caller import ORDER_NUMBER, PayPayCaller, get_status_and_code


@pytest.fixture
def paypay_caller(sandbox: Sandbox) -> PayPayCaller:
    return PayPayCaller(sandbox)


@pytest.fixture
def paid_payment_id(control: SandboxControl) -> str:
    """Make a paid payment of 3300 yen, and return PayPay's id of this payment."""
    return str(control.payments_control.register_payment("paypay", ORDER_NUMBER, 3300)["id"])


def read_sums(control: SandboxControl) -> tuple[int, int, int]:
    """Return the captured, the accepted and the refunded amount of the payment in the ledger, in yen."""
    payment = control.payments_control.read_payment("paypay", ORDER_NUMBER)
    return payment["captured_minor"], payment["accepted_minor"], payment["refunded_minor"]


def test_a_refund_is_accepted_first_and_made_at_the_next_read(
    paypay_caller: PayPayCaller, control: SandboxControl, paid_payment_id: str
) -> None:
    """The first answer states that PayPay has accepted the refund, and repeats the request's fields. The next read
    shows that the refund is made."""
    answer = paypay_caller.refund_payment(paid_payment_id)
    data = answer.data["data"]
    assert (answer.status, data["status"], data["merchantRefundId"], data["paymentId"], data["amount"]["amount"]) == (
        200,
        "CREATED",
        "RFD-1",
        paid_payment_id,
        1000,
    )
    assert paypay_caller.read_refund(paid_payment_id).data["data"]["status"] == "REFUNDED"
    payment = paypay_caller.read_payment().data["data"]
    assert (payment["status"], [r["merchantRefundId"] for r in payment["refunds"]["data"]]) == ("REFUNDED", ["RFD-1"])
    assert read_sums(control) == (3300, 1000, 1000)
    assert control.payments_control.read_refunds("RFD-1")[0]["delivered"] is True


def test_refunds_wait_for_the_test_by_a_setting(
    paypay_caller: PayPayCaller, control: SandboxControl, paid_payment_id: str
) -> None:
    """With the setting `waits_for_manual_settling`, a refund stays open until the test sets its state. A refund that
    the test has set to failed can still be completed.
    """
    control.change_settings(waits_for_manual_settling=True)
    paypay_caller.refund_payment(paid_payment_id)
    for to, status, refunded in (
        ("accepted", "CREATED", 0),
        ("failed", "REFUND_FAILED", 0),
        ("completed", "REFUNDED", 1000),
    ):
        control.payments_control.change_refund_state("RFD-1", to)
        assert paypay_caller.read_refund(paid_payment_id).data["data"]["status"] == status
        assert read_sums(control) == (3300, 1000, refunded)


def test_refunds_are_made_immediately_by_a_setting(
    paypay_caller: PayPayCaller, control: SandboxControl, paid_payment_id: str
) -> None:
    """With the setting `completes_refunds_at_once`, the answer to the refund request already says that the refund is
    made.
    """
    control.change_settings(completes_refunds_at_once=True)
    assert paypay_caller.refund_payment(paid_payment_id).data["data"]["status"] == "REFUNDED"


def test_a_repeated_request_returns_the_earlier_refund(
    paypay_caller: PayPayCaller, control: SandboxControl, paid_payment_id: str
) -> None:
    """A second request with the same refund key and payment gets the earlier refund, also if its amount differs. The
    same key for another payment makes another refund."""
    first = paypay_caller.refund_payment(paid_payment_id).data["data"]
    again = paypay_caller.refund_payment(paid_payment_id, amount=2000).data["data"]
    assert (again["amount"], again["acceptedAt"]) == (first["amount"], first["acceptedAt"])
    assert len(control.payments_control.read_refunds()) == 1
    other = control.payments_control.register_payment("paypay", "SECOND", 3300)["id"]
    assert paypay_caller.refund_payment(other).status == 200
    assert len(control.payments_control.read_refunds("RFD-1")) == 2


def test_partial_refunds_are_accepted_up_to_the_captured_amount(
    paypay_caller: PayPayCaller, control: SandboxControl, paid_payment_id: str
) -> None:
    """PayPay accepts several refunds of a payment up to the captured amount."""
    assert paypay_caller.refund_payment(paid_payment_id, 1300, "A").status == 200
    assert get_status_and_code(paypay_caller.refund_payment(paid_payment_id, 2001, "B")) == (400, "INVALID_PARAMS")
    assert paypay_caller.refund_payment(paid_payment_id, 2000, "C").status == 200
    assert get_status_and_code(paypay_caller.refund_payment(paid_payment_id, 1, "D")) == (400, "UNACCEPTABLE_OP")
    assert read_sums(control) == (3300, 3300, 3300)


def test_simultaneous_refunds_never_exceed_the_captured_amount(
    paypay_caller: PayPayCaller, control: SandboxControl, paid_payment_id: str
) -> None:
    """The sum of eight simultaneous refunds of one payment does not exceed the captured amount. Eight simultaneous
    requests with one key make one refund."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: paypay_caller.refund_payment(paid_payment_id, 1100, f"R{n}"), range(8)))
        assert read_sums(control)[1] <= 3300
        other = control.payments_control.register_payment("paypay", "SECOND", 3300)["id"]
        statuses = list(pool.map(lambda _: paypay_caller.refund_payment(other, 1100, "ONE").status, range(8)))
    assert (set(statuses), len(control.payments_control.read_refunds("ONE"))) == ({200}, 1)


@pytest.mark.parametrize(
    ("fields", "result"),
    [
        ({"amount": {"amount": 0, "currency": "JPY"}}, "INVALID_PARAMS"),
        ({"amount": {"amount": -5, "currency": "JPY"}}, "INVALID_PARAMS"),
        ({"amount": {"amount": 1.5, "currency": "JPY"}}, "INVALID_PARAMS"),
        ({"amount": {"amount": 100, "currency": "INR"}}, "INVALID_PARAMS"),
        ({"amount": {"amount": 10**18, "currency": "JPY"}}, "INVALID_PARAMS"),
        ({"merchantRefundId": "a/b"}, "INVALID_PARAMS"),
        ({"reason": "x" * 256}, "INVALID_PARAMS"),
        ({"paymentId": None}, "MISSING_REQUEST_PARAMS"),
    ],
)
def test_a_wrong_refund_request_is_refused(
    paypay_caller: PayPayCaller, control: SandboxControl, paid_payment_id: str, fields: dict[str, Any], result: str
) -> None:
    """A wrong refund request gets PayPay's error code, and PayPay refunds nothing."""
    assert get_status_and_code(paypay_caller.refund_payment(paid_payment_id, **fields)) == (400, result)
    assert control.payments_control.read_refunds() == []


def test_wrong_ids_are_refused(paypay_caller: PayPayCaller, control: SandboxControl, paid_payment_id: str) -> None:
    """A refund of an unknown payment, or reading an unknown refund, gets "not found". The merchant's payment number
    in place of PayPay's id gets an internal error. A failed payment can't be refunded."""
    assert get_status_and_code(paypay_caller.refund_payment("04219999999999999999")) == (404, "RESOURCE_NOT_FOUND")
    assert get_status_and_code(paypay_caller.refund_payment(ORDER_NUMBER)) == (500, "INTERNAL_SERVER_ERROR")
    failed = control.payments_control.register_payment("paypay", "FAILED", 100, "failed")["id"]
    assert get_status_and_code(paypay_caller.refund_payment(failed, 100)) == (400, "UNACCEPTABLE_OP")
    assert get_status_and_code(paypay_caller.read_refund(paid_payment_id, "NEVER")) == (404, "NO_SUCH_REFUND_ORDER")
    assert get_status_and_code(paypay_caller.send_request("GET", "/v2/refunds/RFD-1")) == (
        400,
        "MISSING_REQUEST_PARAMS",
    )


def test_a_refund_is_accepted_until_the_end_of_its_window(
    paypay_caller: PayPayCaller, control: SandboxControl
) -> None:
    """The sandbox accepts a refund until 23:59:59 of the 365th day in Japan."""
    payment_id = control.payments_control.register_payment("paypay", "OLD", 300, at="2026-11-20T10:15:00+09:00")["id"]
    refund_fields = {
        "merchantRefundId": "W",
        "paymentId": payment_id,
        "amount": {"amount": 100, "currency": "JPY"},
        "requestedAt": 1,
    }
    over = "2027-11-21T00:00:00+09:00"
    epoch = int(datetime.fromisoformat(over).timestamp())
    control.change_settings(now=over)
    assert get_status_and_code(paypay_caller.send_request("POST", "/v2/refunds", refund_fields, epoch=epoch)) == (
        400,
        "REFUND_WINDOW_EXCEED",
    )
    control.change_settings(now="2027-11-20T23:59:00+09:00")
    assert paypay_caller.send_request("POST", "/v2/refunds", refund_fields, epoch=epoch).status == 200


def test_several_refunds_of_a_payment_need_a_contract(
    paypay_caller: PayPayCaller, control: SandboxControl, paid_payment_id: str
) -> None:
    """PayPay makes several refunds of one payment only if a setting (the merchant's contract) allows this, and up to
    a limited number. A second refund of the same amount is refused while the first is being made."""
    control.change_settings(waits_for_manual_settling=True, paypay_refund_limit=2)
    assert paypay_caller.refund_payment(paid_payment_id, 100, "A").status == 200
    assert get_status_and_code(paypay_caller.refund_payment(paid_payment_id, 100, "B")) == (
        400,
        "THROTTLED_MULTIPLE_REFUND_REJECTED",
    )
    assert paypay_caller.refund_payment(paid_payment_id, 101, "C").status == 200
    assert get_status_and_code(paypay_caller.refund_payment(paid_payment_id, 102, "D")) == (
        400,
        "REFUND_LIMIT_EXCEEDED",
    )
    control.change_settings(paypay_allows_several_refunds=False)
    assert get_status_and_code(paypay_caller.refund_payment(paid_payment_id, 102, "E")) == (
        403,
        "MERCHANT_MULTIPLE_REFUND_REJECTED",
    )


def test_a_setting_allows_refunds_above_the_captured_amount(
    paypay_caller: PayPayCaller, control: SandboxControl, paid_payment_id: str
) -> None:
    """With a setting of the control API, refunds can exceed the captured amount."""
    control.change_settings(accepts_refunds_above_captured=True)
    assert paypay_caller.refund_payment(paid_payment_id, 5000).status == 200
    assert control.payments_control.read_payment("paypay", ORDER_NUMBER)["left_minor"] == -1700


def test_a_refunded_payment_cannot_be_cancelled(paypay_caller: PayPayCaller, paid_payment_id: str) -> None:
    """PayPay refuses to cancel a payment that has been refunded."""
    assert paypay_caller.refund_payment(paid_payment_id).status == 200
    assert get_status_and_code(paypay_caller.cancel_payment()) == (400, "ORDER_NOT_REVERSIBLE")


def test_a_payment_being_cancelled_is_not_refunded(paypay_caller: PayPayCaller, paid_payment_id: str) -> None:
    """While a payment is being cancelled, a refund of it is refused."""
    assert paypay_caller.cancel_payment().status == 202
    assert get_status_and_code(paypay_caller.refund_payment(paid_payment_id)) == (400, "UNACCEPTABLE_OP")
