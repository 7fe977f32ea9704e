"""A person whose account acts types the password again for each decision at a terminal."""

import io
import os
import sys

import pytest

from console.domain.errors import ConsoleError
from console.domain.payments.records import RefundRequest
from console.domain.records import CheckState, CreditCheck, PurchaseRequest
from console.sandbox.server import Sandbox
from console.services.process.passwords import use_password_reader
from tests.cli.conftest import CommandResult, Terminal
from tests.support.desks import MovedClock
from tests.support.invented import invent_numbers
from tests.support.payment_desks import open_payment_desk
from tests.support.places import Place
from tests.support.refusals import call_for_refusal
from tests.support.team_mode import get_password_of

pytestmark = pytest.mark.engines("mariadb")


def test_a_decision_at_a_terminal_needs_the_password(
    place: Place, sandbox: Sandbox, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a terminal and without a descriptor, the rejection of a refund is refused with `password_needed`, and
    with a wrong password with `password_wrong`; each refusal has one audit entry. With the right password the refund
    is rejected.
    """
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    with open_payment_desk(place, sandbox, clock) as scene:
        scene.console.payments.start(scene.insert_order("ORD-1", 3300), "paypay")
        scene.money.change_payment_state("paypay", "ORD-1", "paid")
        payment = scene.find_payment("paypay", "ORD-1")
        assert payment is not None
        scene.console.payments.probe(payment.id)
        refund = scene.console.refunds.request(RefundRequest(payment.id, "1000", "too much"))
    terminal = Terminal(place.make_environment(sandbox.url, "lead-b", 4))

    def reject_by_command(*password: str) -> CommandResult:
        words = ("refund", "reject", str(refund.id), "--reason", "too late")
        if not password:
            return terminal.json(*words)
        descriptor, writing_end = os.pipe()
        os.write(writing_end, password[0].encode())
        os.close(writing_end)
        return terminal.json(*words, OPERATOR_PASSWORD_FD=str(descriptor))

    refused = [reject_by_command(), reject_by_command("not the password")]
    assert [(one.exit_status_and_code, one.error["detail"]["reason"]) for one in refused] == [
        ((3, "not_allowed"), "password_needed"),
        ((3, "not_allowed"), "password_wrong"),
    ]
    assert place.sql("SELECT what, subject_id FROM audit_log WHERE result = 'refused' ORDER BY id")[0] == (
        "refund.reject",
        str(refund.id),
    )
    assert place.sql("SELECT count(*) FROM audit_log WHERE result = 'refused'") == [(2,)]
    done = reject_by_command(get_password_of(place, "lead-b"))
    assert (done.status, done.data["state"]) == (0, "rejected")


def test_the_second_decision_of_an_acting_person_needs_the_password(place: Place, sandbox: Sandbox) -> None:
    """The program doesn't ask the first person who decides about an unknown purchase for the password, and asks the
    second person once. In a thread that can't ask for a password, as in a program that uses the Python interface, the
    second decision is accepted without it.
    """
    numbers, typed = invent_numbers(2, seed=12), list[str]()

    def type_password(password: str) -> str:
        typed.append(password)
        return password

    with (
        place.open_desk(sandbox, person="op-a", desk=2) as maker,
        place.open_desk(sandbox, person="lead-b", desk=3) as checker,
    ):
        records: list[CreditCheck] = []
        for number in numbers:
            sandbox.control.add_fault("reset_after_charge", call="purchase", times=1)
            unknown = call_for_refusal(maker.credit_checks.purchase, PurchaseRequest(number, "1")).detail["record"]
            assert isinstance(unknown, CreditCheck)
            records.append(unknown)
        with use_password_reader(lambda: type_password("none is needed")):
            for record in records:
                maker.recovery.resolve("credit-check", record.id, "error", "first")
        assert typed == []
        decide = checker.recovery.resolve
        with use_password_reader(lambda: type_password("wrong")), pytest.raises(ConsoleError) as wrong:
            decide("credit-check", records[0].id, "error", "second")
        assert (wrong.value.code, wrong.value.detail["reason"], typed) == ("not_allowed", "password_wrong", ["wrong"])
        typed.clear()
        with use_password_reader(lambda: type_password(get_password_of(place, "lead-b"))):
            decided = decide("credit-check", records[0].id, "error", "second", request_id="second").record
        assert isinstance(decided, CreditCheck)
        assert (decided.state, len(typed)) == (CheckState.ERROR, 1)
        assert decide("credit-check", records[1].id, "error", "second").awaiting is None
