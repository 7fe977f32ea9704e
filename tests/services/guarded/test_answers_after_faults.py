"""A guarded action has succeeded, and then something fails: the first call and each repeat with the same request id
are still answered as a success.
"""

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
from console.services.process.failpoints import Failpoints
from console.services.refunds.submit import RefundSubmitter
from tests.support.money_desks import request_refund
from tests.support.money_stage import MoneyStage, open_money_stage
from tests.support.places import Place

pytestmark = [pytest.mark.engines("sqlite", "mariadb"), pytest.mark.expects_log("a failure after the act is told")]


def _make_sql_error(number: int) -> Exception:
    """Return a database error with this error number of MySQL or MariaDB."""
    return OperationalError("UPDATE", {}, pymysql.err.OperationalError(number, "as the server says it"))


FAILURE_ERRORS: tuple[Exception, ...] = (
    ConsoleError(ErrorCode.DATABASE_UNREACHABLE), ConsoleError(ErrorCode.DATABASE_LOCKED),
    ConsoleError(ErrorCode.STORAGE_FULL), _make_sql_error(1205), _make_sql_error(1213),
    _make_sql_error(2013), InterfaceError("SELECT", {}, pymysql.err.InterfaceError(0, "")), RuntimeError("a bug"),
)  # fmt: skip
READ_REFUND_FUNCTION, STORE_ANSWER_FUNCTION = (
    "console.services.refunds.records.read_refund",
    "console.store.operations.request_ids.end_use",
)


@pytest.fixture
def money_stage(place: Place) -> Iterator[MoneyStage]:
    """The desks of a requester and an approver, which use a sandbox as their providers."""
    with open_money_stage(place) as made:
        yield made


@contextmanager
def raise_at_first_calls(name: str, failure: Exception, times: int) -> Iterator[list[int]]:
    """Inside the block, the function with the import path `name` raises `failure` at its first `times` calls. The
    block gets a list that grows by one item with each failure.
    """
    failed: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        module, _, function = name.rpartition(".")
        sound = getattr(__import__(module, fromlist=[function]), function)

        def fail_or_call(*arguments: Any) -> Any:
            if len(failed) < times:
                failed.append(1)
                raise failure
            return sound(*arguments)

        patch.setattr(name, fail_or_call)
        yield failed


@contextmanager
def raise_after_commit(failure: Exception) -> Iterator[None]:
    """Inside the block, each request of a refund raises `failure` directly after its COMMIT."""
    reach = Failpoints.reach

    def fail_or_reach(failpoints: Failpoints, name: str) -> None:
        if name == "after_request":
            raise failure
        reach(failpoints, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Failpoints, "reach", fail_or_reach)
        yield


def call_and_read_answer(act: Callable[[], Refund]) -> tuple[Refund | ConsoleError, bool]:
    """Call the action; return its refund or error, and True if this answer repeats the answer of an earlier call."""
    with request_ids.watch_for_repeated_request() as repeats:
        try:
            return act(), repeats.is_repetition
        except ConsoleError as error:
            return error, repeats.is_repetition


def _prepare_request(stage_of_desks: MoneyStage, id: str) -> tuple[int, Callable[[], Refund]]:
    """Return the id of a paid payment, and a function that requests its refund under the request id `id`."""
    payment_id = stage_of_desks.prepare_target("ask").payment_id
    return payment_id, lambda: request_refund(stage_of_desks.maker, payment_id, request_id=id)


def _read_refund_states(place: Place, payment: int) -> list[tuple[Any, ...]]:
    """Return the states of the payment's refunds."""
    return place.sql(f"SELECT status FROM refunds WHERE payment_id = {payment}")


def test_a_call_that_fails_after_commit_returns_its_result(place: Place, money_stage: MoneyStage) -> None:
    """A call fails after COMMIT: it still returns the refund, which is read again. If this read fails, too, the call
    raises the failure, and a repeat of the call returns the refund.
    """
    for nth, failure in enumerate(FAILURE_ERRORS):
        payment, act = _prepare_request(money_stage, f"once-{nth}")
        with raise_after_commit(failure):
            first, _ = call_and_read_answer(act)
        assert isinstance(first, Refund), (failure, first)
        assert call_and_read_answer(act) == (first, True)
        assert _read_refund_states(place, payment) == [("requested",)]
    payment, act = _prepare_request(money_stage, "longer")
    with (
        raise_after_commit(FAILURE_ERRORS[0]),
        raise_at_first_calls(READ_REFUND_FUNCTION, FAILURE_ERRORS[0], times=99),
    ):
        assert getattr(call_and_read_answer(act)[0], "code", None) == "database_unreachable"
    first, is_repetition = call_and_read_answer(act)
    assert (isinstance(first, Refund), is_repetition) == (True, True), first
    assert _read_refund_states(place, payment) == [("requested",)]


def test_an_answer_that_could_not_be_stored_is_stored_later(place: Place, money_stage: MoneyStage) -> None:
    """The database refuses twice to store the answer of a call: the answer is stored at a later try, and repeats of
    the call return it. If the answer can never be stored, a repeat makes it from the record, and all later repeats
    return that answer.
    """
    for nth, failure in enumerate(FAILURE_ERRORS):
        _, act = _prepare_request(money_stage, f"moment-{nth}")
        with raise_at_first_calls(STORE_ANSWER_FUNCTION, failure, times=2) as failed:
            first, _ = call_and_read_answer(act)
        assert (len(failed), isinstance(first, Refund)) == (2, True), (failure, first)
        assert call_and_read_answer(act) == (first, True)
    payment, act = _prepare_request(money_stage, "longer")
    with raise_at_first_calls(STORE_ANSWER_FUNCTION, FAILURE_ERRORS[0], times=99):
        first, _ = call_and_read_answer(act)
    assert isinstance(first, Refund)
    money_stage.move_clocks()
    assert call_and_read_answer(act) == (first, True)
    money_stage.maker.refunds.withdraw(first.id)
    assert call_and_read_answer(act) == (first, True)
    assert _read_refund_states(place, payment) == [("withdrawn",)]


def test_an_approval_is_returned_despite_its_refunds_unknown_outcome(place: Place, money_stage: MoneyStage) -> None:
    """The approver's desk ends after the vote, and a due task sends the refund with an unknown outcome: repeats of
    the approval still return a success, before and after the refund is settled.
    """
    target = money_stage.prepare_target("approve")

    def approve_refund() -> Refund:
        return money_stage.checker.refunds.approve(target.refund_id, request_id="approve")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RefundSubmitter, "submit_refund", _raise_interrupt)
        with pytest.raises(KeyboardInterrupt):
            approve_refund()
    money_stage.sandbox.control.add_fault("close_after_charge", call="paypay_refund", payment=target.number)
    money_stage.move_clocks(timedelta(seconds=1))
    money_stage.checker.recovery.run_all_tasks()
    first, is_repetition = call_and_read_answer(approve_refund)
    assert isinstance(first, Refund), first
    assert (first.state, first.certainty, is_repetition) == (RefundState.SUBMITTING, Certainty.UNKNOWN, True)
    money_stage.settle_and_check(target, "done", "an approval")
    assert call_and_read_answer(approve_refund) == (first, True)
    money_stage.check_all_rules()


def _raise_interrupt(*_: object, **__: object) -> Refund:
    """Always raise KeyboardInterrupt, as if the process ended."""
    raise KeyboardInterrupt
