"""A flood of invalid notices doesn't fill the database: the trail has the first refusals, and the number of the
others.
"""

import json

import pytest

from console.domain.payments.records import ReceivedNotice
from console.services.payment_intake.rate_limit import TokenBucket
from console.services.payment_intake.receive import REFUSAL_BURST_SIZE
from tests.support.payment_desks import PaymentDesk

pytestmark = pytest.mark.engines("sqlite")


def test_refusals_are_written_at_a_bearable_pace(scene: PaymentDesk) -> None:
    """Each invalid notice is refused; far fewer are audited than came, and their entries have the number of those
    that weren't.
    """
    many = 3 * REFUSAL_BURST_SIZE
    results = {scene.payments.receive_notice(ReceivedNotice("bank", b"{}")) for _ in range(many)}
    assert [one.is_refused for one in results] == [True]
    written = scene.count_audit_entries("payment.callback_refused")
    assert REFUSAL_BURST_SIZE <= written < many
    scene.machinery.payments._notice_receiver._refusal_limit = pace = TokenBucket(1, 0.0)
    assert (pace.take_token(0.0), pace.take_token(0.0), pace.take_token(0.0)) == (0, None, None)
    pace._tokens = 1.0
    scene.payments.receive_notice(ReceivedNotice("bank", b"{}"))
    newest = "SELECT detail FROM audit_log WHERE what = 'payment.callback_refused' ORDER BY id DESC LIMIT 1"
    assert json.loads(scene.place.sql(newest)[0][0])["passed_over"] == 2


def test_a_refused_callback_about_a_payment_is_always_audited(scene: PaymentDesk) -> None:
    """A callback with a false signature names a payment: it is audited and its payment probed, also in a flood."""
    scene.machinery.payments._notice_receiver._refusal_limit = TokenBucket(0, 0.0)
    payment = scene.payments.start(scene.insert_order("ORD-1", 50_000, "INR"), "atom").payment
    scene.money.change_payment_state("atom", "ORD-1", "paid")
    assert scene.deliver_notice("atom", "ORD-1", manner="bad_signature").is_refused
    scene.run_due_tasks()
    assert scene.read_payment(payment.id).state == "completed"


def test_the_pace_of_audit_entries_is_limited() -> None:
    """The pace allows a number of entries at once, then a number in each second. A clock that goes back allows no
    more.
    """
    pace = TokenBucket(2, 0.5)
    assert [pace.take_token(10.0) for _ in range(4)] == [0, 0, None, None]
    assert (pace.take_token(11.0), pace.take_token(12.0), pace.take_token(11.0)) == (None, 3, None)
    assert [pace.take_token(1_000.0) for _ in range(3)] == [1, 0, None]
