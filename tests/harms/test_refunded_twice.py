"""Money is refunded once, although an account changes a refund that the provider has accepted to failed and requests
the refund again."""

import pytest

from console.domain.payments.records import Refund
from tests.harms.attacks import Attack
from tests.harms.scene import UTC_NOW_SQL, AttackedDatabase
from tests.support.refusals import call_and_get_code

VERSION_UPDATE = "version = version + 1"


def make_failed_refund_attack(scene: AttackedDatabase, refund: Refund, work: str) -> Attack:
    """Return an attack that inserts a forged answer of the provider, changes the refund to failed, and releases its
    reserved amount. `work` is the SQL assignment of the work columns."""
    operation = scene.sql(f"SELECT operation_id FROM refunds WHERE id = {refund.id}")[0][0]
    answer = (
        "INSERT INTO evidence (subject_kind, subject_id, operation_id, at, source, who, sha256, summary, body) VALUES"
        f" ('refund', {refund.id}, '{operation}', {UTC_NOW_SQL}, 'paypay.refund', '{{me}}', REPEAT('a', 64),"
        " 'HTTP 200 FAILED_DEFINITE x', '')"
    )
    failed = (
        f"UPDATE refunds SET status = 'failed', certainty = 'known', {work}, {VERSION_UPDATE} WHERE id = {refund.id}"
    )
    free = (
        f"UPDATE payments SET reserved_minor = reserved_minor - {refund.amount_minor}, {VERSION_UPDATE}"
        f" WHERE id = {refund.payment_id}"
    )
    return Attack("told as failed", (answer, failed, free))


@pytest.mark.parametrize(
    "work",
    [
        "work_state = 'none'",
        "work_state = 'none', work_reason = 'x'",
        "work_state = 'scheduled', work_reason = 'submission', work_at = '9999-12-31'",
    ],
)
def test_a_refund_forged_as_failed_is_not_sent_again(harm_scene: AttackedDatabase, work: str) -> None:
    """A person changes an accepted refund to failed by SQL. Refunds are then requested and approved again, while the
    provider answers questions about the payment with HTTP 500. The program asks about the payment before it would
    send, and sends no second refund.
    """
    scene = harm_scene
    payment = scene.make_paid_payment()
    refund = scene.request_refund(payment)
    scene.get_desk("lead-b").refunds.approve(refund.id)
    scene.attack("op-a", make_failed_refund_attack(scene, refund, work))
    assert scene.sql(f"SELECT status FROM refunds WHERE id = {refund.id}") == [("failed",)]
    control = scene.sandbox.control
    control.add_fault("status:500", call="paypay_payment", times="always")
    asked_before = len(control.read_requests(call="paypay_payment"))
    try:
        for amount in (1_000, 900):

            def request_and_approve(amount: int = amount) -> Refund:
                return scene.get_desk("lead-b").refunds.approve(scene.request_refund(payment, "op-a", amount).id)

            call_and_get_code(request_and_approve)
            scene.get_desk("worker").recovery.run_all_tasks()
    finally:
        control.clear_faults()
    assert len(control.read_requests(call="paypay_payment")) > asked_before
    assert scene.count_refunds(payment) == 1
    scene.check_ordinary_work()
