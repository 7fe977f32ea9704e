"""Tests of actions whose desk has a full disk before any call is sent: the action is refused, and no claim
remains.
"""

import shutil
from collections import namedtuple

import pytest

from console.domain.records import PurchaseRequest
from console.services.guarded.database_fitness import NEEDED_FREE_DISK_BYTES
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.payment_desks import PaymentDesk
from tests.support.places import Place
from tests.support.quick_desks import ManualClock
from tests.support.refusals import call_for_refusal

DiskUsage = namedtuple("DiskUsage", "total used free")  # as the system tells it


def test_a_purchase_on_a_full_disk_is_refused_without_a_row(
    place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A purchase on a full disk is refused with `storage_full` (exit status 6); no row is written and no call is
    sent. After the disk has space again, the purchase succeeds.
    """
    ask = PurchaseRequest(CORPORATION_NUMBERS[0], "1")
    with place.desk(alarmbox, hand_clock) as console:
        with monkeypatch.context() as full:
            full.setattr(shutil, "disk_usage", lambda _: DiskUsage(1, 1, NEEDED_FREE_DISK_BYTES - 1))
            refused = call_for_refusal(lambda: console.credit_checks.purchase(ask))
        assert (refused.code, refused.exit_status, alarmbox.charges) == ("storage_full", 6, [])
        assert console.lookup.find_records(CORPORATION_NUMBERS[0]).credit_checks == ()
        assert console.credit_checks.purchase(ask).state == "success"


def test_a_payment_start_on_a_full_disk_is_refused(scene: PaymentDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting a payment on a full disk is refused, and no row is written. After the disk has space again, the start
    succeeds.
    """
    order = scene.insert_order("ORD-1", 3300)
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda _: DiskUsage(1, 1, 0))
        assert call_for_refusal(lambda: scene.payments.start(order, "paypay")).code == "storage_full"
    assert scene.find_payment("paypay", "ORD-1") is None
    assert scene.payments.start(order, "paypay").payment.state.value == "token_generated"
