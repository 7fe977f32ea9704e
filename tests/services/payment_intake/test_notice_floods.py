"""A flood of invalid notices doesn't fill the database: the audit trail has the first refusals, and then only the
number of the further ones.
"""

import json

import pytest

from console.domain.payments.records import ReceivedNotice
from console.services.payment_intake.rate_limit import TokenBucket
from console.services.payment_intake.receive import REFUSAL_BURST_SIZE
from tests.support.payment_desks import PaymentDesk

pytestmark = pytest.mark.engines("sqlite")


def test_only_some_refusals_of_a_flood_are_audited(scene: PaymentDesk) -> None:
    """Each invalid notice of a flood is refused. The audit trail has fewer entries than refused notices, and the
    entry after a gap contains the number of refusals before it that have no entry.
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
    """A callback with a false signature names an existing payment: also during a flood of notices, the refusal is
    audited and the payment is probed.
    """
    scene.machinery.payments._notice_receiver._refusal_limit = TokenBucket(0, 0.0)
    payment = scene.payments.start(scene.insert_order("ORD-1", 50_000, "INR"), "atom").payment
    scene.money.change_payment_state("atom", "ORD-1", "paid")
    assert scene.deliver_notice("atom", "ORD-1", manner="bad_signature").is_refused
    assert scene.count_audit_entries("payment.callback_refused") == 1
    scene.run_due_tasks()
    assert scene.read_payment(payment.id).state == "completed"


def test_a_callback_refusal_that_is_audited_above_the_limit_is_not_counted_as_skipped(scene: PaymentDesk) -> None:
    """A refused callback is audited although the limit on audit entries is reached. Its entry contains the number of
    the refusals before it that have no entry, and the next entry doesn't count the callback.
    """
    receiver = scene.machinery.payments._notice_receiver
    receiver._refusal_limit = pace = TokenBucket(0, 0.0)
    scene.payments.start(scene.insert_order("ORD-1", 50_000, "INR"), "atom")
    scene.money.change_payment_state("atom", "ORD-1", "paid")
    scene.payments.receive_notice(ReceivedNotice("bank", b"{}"))
    assert scene.deliver_notice("atom", "ORD-1", manner="bad_signature").is_refused
    pace._tokens = 1.0
    pace._capacity = 1.0
    scene.payments.receive_notice(ReceivedNotice("bank", b"{}"))
    entries = "SELECT detail FROM audit_log WHERE what = 'payment.callback_refused' ORDER BY id"
    counts = [json.loads(detail).get("passed_over") for (detail,) in scene.place.sql(entries)]
    assert counts == [1, None]


def test_the_pace_of_audit_entries_is_limited() -> None:
    """The limit on audit entries about refused notices allows a number of entries at once, and then a number in each
    second. A clock that goes back doesn't allow more entries.
    """
    pace = TokenBucket(2, 0.5)
    assert [pace.take_token(10.0) for _ in range(4)] == [0, 0, None, None]
    assert (pace.take_token(11.0), pace.take_token(12.0), pace.take_token(11.0)) == (None, 3, None)
    assert [pace.take_token(1_000.0) for _ in range(3)] == [1, 0, None]
