"""A desk has no free file descriptors or threads: the errors name the desk's own lack as the cause, and nothing was
sent."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from console.domain.errors import ErrorCode
from console.domain.payments.states import RefundState
from console.domain.records import Certainty, CheckState, PurchaseRequest
from console.sandbox.server import Sandbox
from console.wording.sentences.catalogue import format_error_message
from tests.support import money_truth
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.invented import invent_numbers
from tests.support.money_desks import import_paid_payment, make_provider_settings, request_refund
from tests.support.places import Place
from tests.support.refusals import call_for_refusal

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there is no limit of descriptors")


@contextmanager
def _use_up_descriptors() -> Iterator[None]:
    from tests.support.used_up_descriptors import use_up_descriptors  # needs a module that Windows lacks

    with use_up_descriptors():
        yield


@contextmanager
def _use_up_threads() -> Iterator[None]:
    """Within the block, the test's thread can start no other thread."""
    start, refused_thread = threading.Thread.start, threading.current_thread()

    def refuse_start(thread: threading.Thread) -> None:
        if threading.current_thread() is refused_thread:
            raise RuntimeError("can't start new thread")
        start(thread)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse_start)
        yield


@pytest.mark.parametrize(
    "use_up",
    [
        _use_up_descriptors,
        pytest.param(_use_up_threads, marks=pytest.mark.expects_log("the heartbeat has no thread")),
    ],
)
def test_a_desk_without_resources_blames_no_provider(
    place: Place, use_up: Callable[[], AbstractContextManager[None]]
) -> None:
    """While the desk can open no connection, a purchase and the approval of a refund end with storage_full: nothing
    was sent, and the provider isn't called unreachable. The approval is stored. Afterwards the purchase is
    possible, and the refund can be sent.
    """
    first, number = invent_numbers(2)
    with Sandbox() as sandbox:
        settings = make_provider_settings(sandbox.url)
        with (
            place.open_desk(sandbox, **settings) as maker,
            place.open_desk(sandbox, person="lead-b", **settings) as checker,
        ):
            maker.credit_checks.purchase(PurchaseRequest(first, "1"))  # opens the connections that the desk keeps
            for order_number in ("ORD-1", "ORD-2"):
                refund = request_refund(maker, import_paid_payment(maker, sandbox, order_number).id)
                if order_number == "ORD-1":
                    checker.refunds.approve(refund.id)
            with use_up():
                refusals = [
                    call_for_refusal(lambda: maker.credit_checks.purchase(PurchaseRequest(number, "1"))),
                    call_for_refusal(lambda: checker.refunds.approve(refund.id)),
                ]
            for refusal in refusals:
                assert (refusal.code, refusal.detail["reason"]) == (ErrorCode.STORAGE_FULL, "out_of_resources")
                assert "no free file descriptors" in format_error_message(refusal, "en")
            assert sandbox.ledger.list_charges_of_number(number) == []
            approved = maker.refunds.read_refund(refund.id).record
            assert (approved.state, approved.certainty) == (RefundState.APPROVED, Certainty.KNOWN)
            assert (
                maker.credit_checks.purchase(PurchaseRequest(number, "1")).state,
                checker.refunds.submit(refund.id).state,
            ) == (CheckState.SUCCESS, RefundState.SUBMITTED)
            assert len(sandbox.ledger.list_charges_of_number(number)) == 1
            money_truth.check_money(maker, sandbox)


def test_a_desk_that_can_open_no_connection_does_not_report_an_unreachable_database(
    place: Place, alarmbox: InMemoryAlarmBox
) -> None:
    """If the desk can't open its database because it has no free file descriptor, the purchase ends with
    storage_full, and the database isn't called unreachable. Afterwards the purchase is possible.
    """
    (number,) = invent_numbers(1)
    with place.desk(alarmbox) as console:
        console.credit_checks.purchase(PurchaseRequest(number, "2"))  # loads the modules of a purchase
        console.database.engine.dispose()
        with _use_up_descriptors():
            refusal = call_for_refusal(lambda: console.credit_checks.purchase(PurchaseRequest(number, "1")))
        assert (refusal.code, refusal.detail["reason"]) == (ErrorCode.STORAGE_FULL, "out_of_resources")
        assert console.credit_checks.purchase(PurchaseRequest(number, "1")).state is CheckState.SUCCESS


@pytest.mark.engines("sqlite")
def test_a_desk_that_cannot_open_its_spool_names_the_cause(place: Place, alarmbox: InMemoryAlarmBox) -> None:
    """If the desk can't open its spool because it has no free file descriptor, the message doesn't ask the person to
    correct permissions.
    """
    (number,) = invent_numbers(1)
    with place.desk(alarmbox) as console:
        console.credit_checks.purchase(PurchaseRequest(number, "2"))
        console._context.spool._file._close_idle_connections()
        with _use_up_descriptors():
            refusal = call_for_refusal(lambda: console.credit_checks.purchase(PurchaseRequest(number, "1")))
        assert (refusal.code, refusal.detail["reason"]) == (ErrorCode.STORAGE_FULL, "out_of_resources")
        assert "no free file descriptors" in format_error_message(refusal, "en")
        assert console.credit_checks.purchase(PurchaseRequest(number, "1")).state is CheckState.SUCCESS
