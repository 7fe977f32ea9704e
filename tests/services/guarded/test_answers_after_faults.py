"""An act that has succeeded is told as a success, at the first call and at each repeat, whatever fails after it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pymysql
import pytest
from sqlalchemy.exc import InterfaceError, OperationalError

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.records import Refund
from console.domain.payments.states import RefundState
from console.domain.records import Certainty
from console.services.guarded import request_ids
from console.services.refunds.submit import RefundSubmitter
from tests.support.money_desks import ask
from tests.support.money_stage import Stage, stage
from tests.support.places import Place

pytestmark = [pytest.mark.engines("sqlite", "mariadb"), pytest.mark.expects_log("a failure after the act is told")]


def _lost(number: int) -> Exception:
    return OperationalError("UPDATE", {}, pymysql.err.OperationalError(number, "as the server says it"))


FAILURES: tuple[Exception, ...] = (
    ConsoleError(ErrorCode.DATABASE_UNREACHABLE), ConsoleError(ErrorCode.DATABASE_LOCKED),
    ConsoleError(ErrorCode.STORAGE_FULL), _lost(1205), _lost(1213),
    _lost(2013), InterfaceError("SELECT", {}, pymysql.err.InterfaceError(0, "")), RuntimeError("a bug"),
)  # fmt: skip
READ, STORE = "console.services.refunds.records.read_refund", "console.store.operations.request_ids.end_use"


@pytest.fixture
def on(place: Place) -> Iterator[Stage]:
    with stage(place) as made:
        yield made


@contextmanager
def failing(name: str, failure: Exception, times: int) -> Iterator[list[int]]:
    """Inside the block the function fails at its first calls; yields a list with one entry per failure."""
    failed: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        module, _, function = name.rpartition(".")
        sound = getattr(__import__(module, fromlist=[function]), function)

        def fail(*arguments: Any) -> Any:
            if len(failed) < times:
                failed.append(1)
                raise failure
            return sound(*arguments)

        patch.setattr(name, fail)
        yield failed


def told(act: Callable[[], Refund]) -> tuple[Refund | ConsoleError, bool]:
    """The answer of the act, and whether it is the answer of an earlier call."""
    with request_ids.watch_for_repeated_request() as repeats:
        try:
            return act(), repeats.is_repetition
        except ConsoleError as error:
            return error, repeats.is_repetition


def _requested(on: Stage, id: str) -> tuple[int, Callable[[], Refund]]:
    payment = on.prepared("ask").payment
    return payment, lambda: ask(on.maker, payment, request_id=id)


def _made(place: Place, payment: int) -> list[tuple[Any, ...]]:
    return place.sql(f"SELECT status FROM refunds WHERE payment_id = {payment}")


def test_a_read_after_the_commit_fails(place: Place, on: Stage) -> None:
    """Once: the success is told from the record. For longer: the failure is told, and the repeat gets the success."""
    for nth, failure in enumerate(FAILURES):
        payment, act = _requested(on, f"once-{nth}")
        with failing(READ, failure, times=1) as failed:
            first, _ = told(act)
        assert (failed, isinstance(first, Refund)) == ([1], True), (failure, first)
        assert told(act) == (first, True)
        assert _made(place, payment) == [("requested",)]
    payment, act = _requested(on, "longer")
    with failing(READ, FAILURES[0], times=99):
        assert getattr(told(act)[0], "code", None) == "database_unreachable"
    first, is_repetition = told(act)
    assert (isinstance(first, Refund), is_repetition) == (True, True), first
    assert _made(place, payment) == [("requested",)]


def test_storing_the_answer_fails(place: Place, on: Stage) -> None:
    """For a moment: it is stored after all, and repeated at once. For longer: the repeat finds it in the record, and
    what it was told is what everybody is told from then on.
    """
    for nth, failure in enumerate(FAILURES):
        _, act = _requested(on, f"moment-{nth}")
        with failing(STORE, failure, times=2) as failed:
            first, _ = told(act)
        assert (len(failed), isinstance(first, Refund)) == (2, True), (failure, first)
        assert told(act) == (first, True)
    payment, act = _requested(on, "longer")
    with failing(STORE, FAILURES[0], times=99):
        first, _ = told(act)
    assert isinstance(first, Refund)
    on.later()
    assert told(act) == (first, True)
    on.maker.refunds.withdraw(first.id)
    assert told(act) == (first, True)
    assert _made(place, payment) == [("withdrawn",)]


def test_an_approval_is_told_whatever_becomes_of_its_refund(place: Place, on: Stage) -> None:
    """The desk ends after the vote, and a due task sends the refund, with an unknown outcome: the approval has
    succeeded, and is told so before and after the refund is settled.
    """
    target = on.prepared("approve")

    def act() -> Refund:
        return on.checker.refunds.approve(target.refund, request_id="approve")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RefundSubmitter, "submit_refund", _killed)
        with pytest.raises(KeyboardInterrupt):
            act()
    on.sandbox.control.add_fault("close_after_charge", call="paypay_refund", payment=target.number)
    on.later(timedelta(seconds=1))
    on.checker.recovery.run_due()
    first, is_repetition = told(act)
    assert isinstance(first, Refund), first
    assert (first.state, first.certainty, is_repetition) == (RefundState.SUBMITTING, Certainty.UNKNOWN, True)
    on.settled(target, "done", "an approval")
    assert told(act) == (first, True)
    on.checked()


def _killed(*_: object, **__: object) -> Refund:
    raise KeyboardInterrupt
