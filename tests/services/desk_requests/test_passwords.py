"""A person in team mode must type the password again for each decision, such as an approval."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from console.app import Console
from console.domain.desk_requests.records import NewDeskRequest, make_request_id
from console.domain.errors import ConsoleError
from console.domain.payments.records import Refund, RefundRequest
from console.domain.payments.states import RefundState
from console.domain.records import CheckState, CreditCheck, PurchaseRequest
from console.sandbox.server import Sandbox
from console.services.process.passwords import use_password_reader
from console.store.desk_requests import requests
from tests.cli.conftest import CommandResult, Terminal
from tests.support.desks import MovedClock
from tests.support.invented import invent_numbers
from tests.support.payment_desks import make_settings, open_payment_desk
from tests.support.places import Place
from tests.support.team_mode import (
    answer_password_prompts,
    get_password_of,
    keep_executing_desk_requests,
    start_team_mode,
)
from tests.support.waiting import wait_until

PASSWORD_NEEDED_ERROR = ("not_allowed", "password_needed")
WRONG_PASSWORD_ERROR = ("not_allowed", "password_wrong")


@dataclass(frozen=True)
class WaitingRefund:
    """A refund that op-a has requested, and the desk of lead-b, who must decide about it."""

    place: Place
    refund: Refund
    checker_desk: Console

    def count_decision_requests(self) -> int:
        """Return the number of stored desk requests that contain a decision about a refund."""
        ((count,),) = self.place.sql(
            "SELECT count(*) FROM requests WHERE action IN ('refund approve', 'refund reject')"
        )
        return int(count)


@pytest.fixture
def waiting_refund(place: Place, sandbox: Sandbox, clock: MovedClock) -> Iterator[WaitingRefund]:
    """A refund that waits for lead-b's decision, while a worker is running."""
    extra = {"REFUND_COOLING_OFF_SECONDS": "0", **make_settings(sandbox.url)}
    start_team_mode(place, "op-a", "lead-b")
    with ExitStack() as opened:
        worker = opened.enter_context(place.open_desk(sandbox, clock, person="worker", desk=1, **extra))
        opened.enter_context(keep_executing_desk_requests(worker))
        scene = opened.enter_context(open_payment_desk(place, sandbox, clock))
        checker = opened.enter_context(place.open_desk(sandbox, clock, person="lead-b", desk=3))
        scene.console.payments.start(scene.insert_order("ORD-1", 3300), "paypay")
        scene.money.change_payment_state("paypay", "ORD-1", "paid")
        paid = scene.find_payment("paypay", "ORD-1")
        assert paid is not None
        scene.console.payments.probe(paid.id)
        yield WaitingRefund(place, scene.console.refunds.request(RefundRequest(paid.id, "1000", "too much")), checker)


def read_error_code_and_reason(refusal: "pytest.ExceptionInfo[ConsoleError]") -> tuple[str, object]:
    """Return the code of the error and the reason in its detail."""
    return refusal.value.code, refusal.value.detail.get("reason")


def test_an_approval_needs_the_password(waiting_refund: WaitingRefund) -> None:
    """An approval without the password, or with a wrong password, stores no desk request; a wrong password is
    audited. To request a refund, a person doesn't need the password.
    """
    checker, refund, place = waiting_refund.checker_desk, waiting_refund.refund, waiting_refund.place
    with pytest.raises(ConsoleError) as needed:
        checker.refunds.approve(refund.id)
    with pytest.raises(ConsoleError) as empty, use_password_reader(lambda: ""):
        checker.refunds.approve(refund.id)
    with pytest.raises(ConsoleError) as wrong, use_password_reader(lambda: "not the password"):
        checker.refunds.approve(refund.id)
    assert (
        read_error_code_and_reason(needed),
        read_error_code_and_reason(empty),
        read_error_code_and_reason(wrong),
    ) == (
        PASSWORD_NEEDED_ERROR,
        PASSWORD_NEEDED_ERROR,
        WRONG_PASSWORD_ERROR,
    )
    assert waiting_refund.count_decision_requests() == 0
    tried = "SELECT count(*) FROM audit_log WHERE what = 'session_confirmed' AND result = 'refused'"
    wait_until(lambda: place.sql(tried) == [(1,)], "the wrong password in the trail")
    with answer_password_prompts(place, "lead-b"):
        assert checker.refunds.approve(refund.id).state in (RefundState.COMPLETED, RefundState.SUBMITTED)
    assert place.sql("SELECT confirmed FROM requests WHERE action = 'refund approve'") == [(1,)]
    assert place.sql("SELECT count(*) FROM requests WHERE action = 'refund request' AND confirmed = 1") == [(0,)]


def test_a_command_without_a_terminal_needs_a_password_descriptor(
    waiting_refund: WaitingRefund, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command for a decision that runs without a terminal reads the password from a file descriptor. Without this
    descriptor the command is refused with the reason `password_needed`; with the descriptor it succeeds.
    """
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    place, id = waiting_refund.place, str(waiting_refund.refund.id)
    terminal = Terminal(place.make_environment(sandbox.url, "lead-b", 4))

    def reject_by_command(password: str | None) -> CommandResult:
        """Reject the refund by a command that reads this password from a file descriptor, and return the command's
        result. If the password is None, the command gets no descriptor.
        """
        if password is None:
            return terminal.json("refund", "reject", id, "--reason", "too late")
        ours, theirs = os.pipe()
        os.write(theirs, password.encode())
        os.close(theirs)
        return terminal.json("refund", "reject", id, "--reason", "too late", OPERATOR_PASSWORD_FD=str(ours))

    for password, ending in ((None, PASSWORD_NEEDED_ERROR), ("not the password", WRONG_PASSWORD_ERROR)):
        refused = reject_by_command(password)
        assert refused.exit_status_and_code == (3, ending[0])
        assert refused.error["detail"]["reason"] == ending[1]
    done = reject_by_command(get_password_of(place, "lead-b"))
    assert (done.status, done.data["state"]) == (0, "rejected")


def test_the_connection_that_checks_a_password_is_closed(waiting_refund: WaitingRefund) -> None:
    """To check a password, the desk opens a database connection; this connection is closed after the decision."""
    place = waiting_refund.place
    sessions = f"SELECT id FROM information_schema.processlist WHERE user = '{place.get_account_name('lead-b')}'"

    def list_open_session_ids() -> set[object]:
        return {id for (id,) in place.sql(sessions)}

    waiting_refund.checker_desk.refunds.read_inbox()
    before = list_open_session_ids()
    with answer_password_prompts(place, "lead-b"):
        waiting_refund.checker_desk.refunds.reject(waiting_refund.refund.id, "no reason")
    wait_until(
        lambda: len(list_open_session_ids() - before) <= 1, "the connection to be closed"
    )  # the desk's own for writes


def test_an_unconfirmed_request_decides_nothing(waiting_refund: WaitingRefund) -> None:
    """A program stores a desk request for a decision without having confirmed the password: the worker refuses the
    request, and nothing is decided. The refusal is in the audit trail in the person's name.
    """
    checker, refund, place = waiting_refund.checker_desk, waiting_refund.refund, waiting_refund.place
    request = NewDeskRequest(
        make_request_id(), "refund reject", f'[{refund.id}, "no", null]', "refund", str(refund.id)
    )
    checker._context.write(lambda tx: requests.insert_request(tx, request, "desk"))
    ended = f"SELECT result FROM requests WHERE id = '{request.id}' AND state = 'ended'"
    wait_until(lambda: bool(place.sql(ended)), "the worker's answer")
    ((result,),) = place.sql(ended)
    assert "password_needed" in result
    assert place.sql(f"SELECT status FROM refunds WHERE id = {refund.id}") == [("requested",)]
    refusals = place.sql("SELECT who, what, subject_id FROM audit_log WHERE reason = 'not_allowed'")
    assert refusals == [(checker.database.account_name, "refund.reject", str(refund.id))]


def test_the_second_decision_needs_the_password(place: Place, sandbox: Sandbox, tmp_path: Path) -> None:
    """The first person's decision about an unknown purchase needs no password, and the second person's decision needs
    it. The worker finds out whether a decision is the first or the second one.
    """
    (number,) = invent_numbers(1, seed=11)
    start_team_mode(place, "op-a", "lead-b")
    typed: list[str] = []

    def type_wrong_password() -> str:
        typed.append("wrong")
        return typed[-1]

    with (
        place.open_desk(sandbox, person="worker", desk=1) as worker,
        place.open_desk(sandbox, person="op-a", desk=2) as maker,
        place.open_desk(sandbox, person="lead-b", desk=3) as checker,
        keep_executing_desk_requests(worker),
    ):
        sandbox.control.add_fault("hang_after_charge", call="purchase", seconds=3600)
        with pytest.raises(ConsoleError) as unknown:
            maker.credit_checks.purchase(PurchaseRequest(number, "1"))
        record = unknown.value.detail["record"]
        assert isinstance(record, CreditCheck)
        assert maker.recovery.resolve("credit-check", record.id, "error", "first").awaiting == "second_person"
        with pytest.raises(ConsoleError) as needed:
            checker.recovery.resolve("credit-check", record.id, "error", "second")
        with pytest.raises(ConsoleError) as wrong, use_password_reader(type_wrong_password):
            checker.recovery.resolve("credit-check", record.id, "error", "second")
        assert (read_error_code_and_reason(needed), read_error_code_and_reason(wrong)) == (
            PASSWORD_NEEDED_ERROR,
            WRONG_PASSWORD_ERROR,
        )
        assert [item.state for item in checker.lookup.find_records(number).credit_checks] == [CheckState.PENDING]
        refusals = "SELECT count(*) FROM audit_log WHERE detail LIKE '%password_needed%'"
        before = place.sql(refusals)
        with use_password_reader(lambda: get_password_of(place, "lead-b"), is_typed=True):  # as the window does
            decided = checker.recovery.resolve("credit-check", record.id, "error", "second").record
        assert place.sql(refusals) == before, "the first request has the password"
    assert isinstance(decided, CreditCheck)
    assert (decided.state, typed) == (CheckState.ERROR, ["wrong"])
