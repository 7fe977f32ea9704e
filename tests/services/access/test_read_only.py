"""Tests of the read-only switch in the services: while it is on, no payment is started and no refund is sent.
Purchases, and the texts on screen, are tested in `tests/cli/access/test_read_only.py`.
"""

from collections.abc import Iterator

import pytest

from console.domain.access.permissions import READING_RIGHTS, ROLES_BY_RIGHT
from console.domain.access.read_only import EVERYTHING_SCOPE, RIGHTS_STOPPED_BY_SWITCH
from console.sandbox import SandboxControl, start_sandbox
from tests.support.payment_desks import PaymentDesk
from tests.support.quick_desks import make_quick_folder
from tests.support.refund_desks import RefundDesk, open_refund_desk
from tests.support.refusals import call_for_refusal

RIGHTS_NOT_STOPPED_BY_SWITCH = READING_RIGHTS | {
    "audit_root", "change_team_view", "due_tasks", "import", "people", "probe", "provider_authorise", "refetch",
    "refund_withdraw", "registry_import",
    "save_view", "set_read_only", "schema", "unmask",
}  # fmt: skip
"""Rights that the switch doesn't stop: to read records in the database and at the providers, to withdraw a request,
to set the switch to off, to save views, to import and to unmask, and to do the work of the worker and of the schema
account. None of these actions costs or moves money.
"""


@pytest.fixture
def desk() -> Iterator[RefundDesk]:
    with start_sandbox() as sandbox, make_quick_folder() as folder:
        control: SandboxControl = sandbox.control
        with open_refund_desk(folder / "home", control) as opened:
            yield opened


def test_each_right_is_either_stopped_by_the_read_only_switch_or_not() -> None:
    """Every right belongs to exactly one of two sets: the rights that the read-only switch stops, and the rights that
    it leaves. A new right therefore fails this test until it is added to one set.
    """
    assert set(ROLES_BY_RIGHT) == RIGHTS_STOPPED_BY_SWITCH | RIGHTS_NOT_STOPPED_BY_SWITCH
    assert not RIGHTS_STOPPED_BY_SWITCH & RIGHTS_NOT_STOPPED_BY_SWITCH


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("scope", [EVERYTHING_SCOPE, "paypay"])
def test_no_payment_is_started(scene: PaymentDesk, scope: str) -> None:
    """No payment is started at a provider that is read-only; another provider isn't affected. The same start succeeds
    after the switch is off.
    """
    order, other = scene.insert_order("ORD-1", 3_300), scene.insert_order("ORD-2", 3_300, "INR")
    switches = scene.console.read_only_switches
    switches.set_switch(scope, True, "障害")
    refused = call_for_refusal(scene.payments.start, order, "paypay")
    assert (refused.code, refused.detail["note"]) == ("read_only", "障害")
    assert scene.control.read_requests(call="paypay_create") == []
    assert scene.place.sql("SELECT COUNT(*) FROM payments")[0][0] == 0
    if scope == "paypay":
        assert scene.payments.start(other, "atom").payment.state == "token_generated"
    switches.set_switch(scope, False, "復旧")
    assert scene.payments.start(order, "paypay").payment.state == "token_generated"


@pytest.mark.parametrize("scope", [EVERYTHING_SCOPE, "paypay"])
def test_no_approved_refund_is_sent(desk: RefundDesk, scope: str) -> None:
    """While the provider is read-only, an approved refund is sent neither by a person nor by the due task after its
    cooling-off period. The first due task after the end of read-only sends the refund once.
    """
    refund = desk.request_refund(desk.make_paid_payment(minor=900_000), "600000")
    desk.approve_refund(refund)
    assert desk.approve_refund(refund, person="lead-c").state == "approved"
    desk.move_clock(hours=1)
    desk.console.read_only_switches.set_switch(scope, True, "障害")
    assert call_for_refusal(desk.refunds.submit, refund.id).code == "read_only"
    desk.run_due_tasks()
    assert desk.control.payments_control.read_refunds() == []
    assert desk.read_refund(refund).state == "approved"
    desk.console.read_only_switches.set_switch(scope, False, "復旧")
    desk.run_due_tasks()
    desk.run_due_tasks()
    assert len(desk.control.payments_control.read_refunds()) == 1
