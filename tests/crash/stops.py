"""Stops processes in the middle of a purchase by the signal SIGSTOP, until their leases have expired. A process is
stopped before it sends the purchase, or after the provider's answer but before it writes the outcome.
"""

import os
import signal
from collections import Counter
from dataclasses import dataclass
from typing import Literal, TypeAlias

import pytest
from sqlalchemy import text

from console.app import Console, open_console
from console.domain.errors import ConsoleError
from console.domain.records import Certainty, CheckState, CreditCheck, PurchaseRequest
from console.sandbox.server import Sandbox
from console.settings.settings import Settings
from tests.crash.actors import CLIENT_ID, pause_before_sending, pause_when_answered
from tests.support import truth
from tests.support.children import Child, start_children
from tests.support.invented import invent_numbers
from tests.support.places import Place
from tests.support.waiting import wait_until

_COUNT_CASES_SQL = text("SELECT count(*) FROM alerts WHERE rule_id = 'contradicted' AND subject_id = :id")


EventDuringStop: TypeAlias = Literal["nothing", "lapse", "decision"]


@dataclass(frozen=True, slots=True)
class StoppedBuyer:
    """One stopped process that buys one number. If `is_decided` is True, two people decide that the number was not
    bought, while the process is stopped.
    """

    number: str
    is_decided: bool
    environment: dict[str, str]
    child: Child


def stop_buyers(place: Place, stopped_count: int, seed: int = 0) -> Counter[str]:
    """Stop `stopped_count` buying processes on one database after the provider's answer. Each buys a number of its
    own. Two people decide about every second purchase, then the processes continue. Return `stopped` (processes),
    `evidence` (stored answers), and the number of processes by their reported ending.
    """
    with Sandbox() as sandbox:
        environment = place.make_environment(sandbox.url, LEASES="off")
        with open_console(Settings.load(environment)) as console:
            names = invent_numbers(stopped_count, seed)
            with start_children(pause_when_answered, [(environment, number) for number in names]) as children:
                asleep = [
                    StoppedBuyer(number, bool(i % 2), environment, child)
                    for i, (number, child) in enumerate(zip(names, children, strict=True))
                ]
                _stop_buyers(asleep)
                wait_until(lambda: _are_all_lapsed(console, asleep), "their leases to run out")
                console.recovery.run_all_tasks()
                for one in asleep:
                    _decide_not_bought(place, console, one)
                return _continue_buyers(console, sandbox, asleep)


def run_stop_before_sending(place: Place, event_during_stop: EventDuringStop) -> None:
    """Stop a buying process before it sends, until its lease has expired, and let it continue. Before it continues,
    `event_during_stop` happens: "nothing", "lapse" (due tasks record the lapse) or "decision" (people also decide
    that the number was not bought, and it is bought again). Check the records and charges.
    """
    (number,) = invent_numbers(1, 7)
    with Sandbox() as sandbox:
        environment = place.make_environment(sandbox.url, LEASES="off")
        with (
            open_console(Settings.load(environment)) as console,
            start_children(pause_before_sending, [(environment, number)]) as (child,),
        ):
            assert child.wait_for_report() == "asking"
            os.kill(child.pid, signal.SIGSTOP)
            stopped = StoppedBuyer(number, event_during_stop == "decision", environment, child)
            wait_until(lambda: _are_all_lapsed(console, [stopped]), "its lease to run out")
            if event_during_stop != "nothing":
                console.recovery.run_all_tasks()
                _decide_not_bought(place, console, stopped)
            if stopped.is_decided:
                assert console.credit_checks.purchase(PurchaseRequest(number, CLIENT_ID)).state is CheckState.SUCCESS
            os.kill(child.pid, signal.SIGCONT)
            child.pipe.send("go")
            assert child.wait_for_report() == ("bought" if event_during_stop == "nothing" else "provider_unreachable")
            assert child.wait_for_end() == 0
            states = [record.state for record in console.lookup.find_records(number).credit_checks]
            assert (
                states
                == {
                    "nothing": [CheckState.SUCCESS],
                    "lapse": [CheckState.ERROR],
                    "decision": [CheckState.SUCCESS, CheckState.ERROR],
                }[event_during_stop]
            )
            assert len(sandbox.ledger.list_charges_of_number(number)) == states.count(CheckState.SUCCESS)
            truth.check_claims(truth.read_check_rows(console.database))


def _stop_buyers(stopped_buyers: list[StoppedBuyer]) -> None:
    """Stop the buying processes after the provider's answer."""
    for one in stopped_buyers:
        assert one.child.wait_for_report() == "answered"
        os.kill(one.child.pid, signal.SIGSTOP)


def _read_single_check(console: Console, number: str) -> CreditCheck:
    """Return the only credit check of this number."""
    (record,) = console.lookup.find_records(number).credit_checks
    return record


def _are_all_lapsed(console: Console, stopped_buyers: list[StoppedBuyer]) -> bool:
    """True if the outcome of each stopped purchase is unknown."""
    return all(_read_single_check(console, one.number).certainty is Certainty.UNKNOWN for one in stopped_buyers)


def _decide_not_bought(place: Place, console: Console, buyer: StoppedBuyer) -> None:
    """Check that the stopped purchase is unknown and holds its claim. If `is_decided` is True, let two people decide
    that it was not bought.
    """
    record = _read_single_check(console, buyer.number)
    assert (record.state, record.certainty) == (CheckState.PENDING, Certainty.UNKNOWN)
    with pytest.raises(ConsoleError) as refused:
        console.credit_checks.purchase(PurchaseRequest(buyer.number, CLIENT_ID))
    assert refused.value.code == "already_purchased"
    if buyer.is_decided:
        console.recovery.resolve("credit-check", record.id, "error", "their list is empty")
        with place.open_console_of_person(console, "lead-b") as other:
            other.recovery.resolve("credit-check", record.id, "error", "not on the bill")


def _continue_buyers(console: Console, sandbox: Sandbox, stopped_buyers: list[StoppedBuyer]) -> Counter[str]:
    """Let the stopped processes continue. Check that none overwrites a decision, and that each answer is stored as
    evidence. Return `stopped` (the number of processes), `evidence` (the number of stored answers), and for each
    reported ending, under `ending …`, the number of processes with this ending.
    """
    tally: Counter[str] = Counter(stopped=len(stopped_buyers))
    for one in stopped_buyers:
        before = _read_single_check(console, one.number)
        os.kill(one.child.pid, signal.SIGCONT)
        one.child.pipe.send("go")
        tally[f"ending {one.child.wait_for_report()}"] += 1
        assert one.child.wait_for_end() == 0
        after = _read_single_check(console, one.number)
        (charge,) = sandbox.ledger.list_charges_of_number(one.number)
        if one.is_decided:
            assert (after.state, after.certainty) == (before.state, before.certainty), f"overwritten: {after}"
            assert _count_contradictions(console, after.id) == 1
        else:
            assert (after.state, after.credit_check_id) == (CheckState.SUCCESS, charge.id)
        stored_answers = [
            item for item in console.credit_checks.read_credit_check(after.id).evidence if str(charge.id) in item.body
        ]
        assert stored_answers, f"the answer was lost: {after}"
        tally["evidence"] += 1
    truth.check_claims(truth.read_check_rows(console.database))
    truth.check_queues(console)
    console.audit.verify_chains()
    return tally


def _count_contradictions(console: Console, record_id: int) -> int:
    """Return the number of alerts about a contradicted decision on this record."""
    with console.database.read() as conn:
        return int(conn.scalar(_COUNT_CASES_SQL, {"id": record_id}) or 0)
