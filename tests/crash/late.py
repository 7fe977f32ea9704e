"""Stops a process with SIGSTOP during its call to a provider, until its lease and its time budget have ended.
Meanwhile the complete answer of the provider arrives in the process's socket.
"""

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from console.app import Console, open_console
from console.domain.errors import ConsoleError
from console.domain.records import Certainty, PurchaseRequest
from console.settings.settings import Settings
from tests.crash.signals import CLIENT_ID, SignalTestStage
from tests.support.children import Child, Pipe, start_children
from tests.support.invented import invent_numbers
from tests.support.money_desks import import_paid_payment, insert_order, request_refund
from tests.support.waiting import wait_until

LONGER_THAN_TIME_BUDGET_SECONDS = 90.0 / 20
"""Seconds that are longer than the time budget of any call that moves money, at the accelerated time of these desks.
"""
LateEnding = tuple[str, int, object, object]
"""How an action ended: error code ("done" without an error), exit status, id of the record, and id of the case. The
ids are None if the error doesn't name them."""


def execute_and_send_ending(pipe: Pipe, environment: Mapping[str, str], action: str, subject: object) -> None:
    """Target of a child process: open the desk, execute the action, and send first "open" and then how the action
    ended, as a LateEnding.
    """
    with open_console(Settings.load(dict(environment))) as console:
        pipe.send("open")
        try:
            _FUNCTION_BY_ACTION[action](console, subject)
        except ConsoleError as refusal:
            record = refusal.detail.get("record")
            pipe.send((refusal.code, refusal.exit_status, getattr(record, "id", None), refusal.detail.get("case")))
        else:
            pipe.send(("done", 0, None, None))


_FUNCTION_BY_ACTION: Mapping[str, Callable[[Console, object], object]] = {
    "purchase": lambda console, number: console.credit_checks.purchase(PurchaseRequest(str(number), CLIENT_ID)),
    "refund": lambda console, refund: console.refunds.approve(int(str(refund))),
    "start": lambda console, order_id: console.payments.start(int(str(order_id)), "paypay"),
}
SUBJECT_KIND_BY_ACTION = {"purchase": "credit-check", "refund": "refund", "start": "payment"}
_PROVIDER_CALL_BY_ACTION = {"purchase": "purchase", "refund": "paypay_refund", "start": "paypay_create"}
_FAULT_BY_ACTION = {"purchase": "hang_after_charge", "refund": "hang", "start": "hang"}
STATE_AFTER_DECISION = {"purchase": "error", "refund": "failed", "start": "payment_failed"}


@dataclass
class LateAnswerCase:
    """One action whose answer from the provider arrives late. `record_id` is the id of its record (0: not found yet),
    `subject` the argument of the action.
    """

    stage: SignalTestStage
    action: str
    subject: object
    record_id: int = 0

    def read_shown_state(self) -> tuple[str, Certainty]:
        """Return state and certainty of the record as the page of another desk shows them."""
        record = self.stage.maker.recovery.read_record(
            SUBJECT_KIND_BY_ACTION[self.action], str(self.record_id)
        ).record
        return str(record.state), record.certainty  # type: ignore[union-attr]  # every kind has one

    def find_and_store_record_id(self) -> bool:
        """Look for the action's record. If it exists, store its id in `record_id` and return True; otherwise return
        False.
        """
        stage = self.stage
        if self.action == "purchase":
            record: object = next(iter(stage.maker.lookup.find_records(str(self.subject)).credit_checks), None)
        elif self.action == "refund":
            record = stage.maker.refunds.read_refund(int(str(self.subject))).record
        else:
            record = next(iter(stage.maker.payments.read_order(int(str(self.subject))).payments), None)
        self.record_id = getattr(record, "id", 0)
        return bool(self.record_id)


def check_late_answer(stage: SignalTestStage, action: str, *, is_decided: bool) -> tuple[LateAnswerCase, LateEnding]:
    """Execute the action in a process, and stop the process during its call until its lease has expired. With
    `is_decided`, two people then decide that the action didn't happen. Let the provider's answer arrive, and let the
    process continue. Return the case and how the action ended.
    """
    late = LateAnswerCase(stage, action, _make_subject(stage, action))
    person = "lead-b" if action == "refund" else "op-a"
    environment = stage.make_environment("approve" if person == "lead-b" else "start")
    stage.sandbox.control.add_fault(_FAULT_BY_ACTION[action], call=_PROVIDER_CALL_BY_ACTION[action], times=1)
    with start_children(execute_and_send_ending, [(environment, action, late.subject)]) as (child,):
        assert child.wait_for_report() == "open"
        assert stage.sandbox.control.wait_until_counts_reached(held=1)
        stopped_at = _stop_process(child)
        assert late.find_and_store_record_id()
        wait_until(lambda: late.read_shown_state()[1] is Certainty.UNKNOWN, "its lease to run out")
        if is_decided:
            _decide_as_two_people(late)
        assert stage.sandbox.control.release_calls() == 1
        wait_until(lambda: _count_unread_bytes(child, stage.sandbox.port) > 0, "the answer to stand in its socket")
        wait_until(lambda: time.monotonic() > stopped_at + LONGER_THAN_TIME_BUDGET_SECONDS, "its budget to be spent")
        os.kill(child.pid, signal.SIGCONT)
        answer: LateEnding = child.wait_for_report()
        assert child.wait_for_end() == 0
    return late, answer


def _make_subject(stage: SignalTestStage, action: str) -> object:
    """Create the records that the action needs, and return the action's argument: a corporation number, a refund id
    or an order id.
    """
    if action == "purchase":
        return invent_numbers(1)[0]
    if action == "refund":
        return request_refund(stage.maker, import_paid_payment(stage.maker, stage.sandbox, "ORD-1").id).id
    return insert_order(stage.place, "ORD-1", 3_300)


def _stop_process(child: Child) -> float:
    """Stop the process with SIGSTOP, and wait until the system has stopped it. Return that time (monotonic
    seconds).
    """
    os.kill(child.pid, signal.SIGSTOP)
    state = Path(f"/proc/{child.pid}/stat")
    wait_until(lambda: state.read_text().rpartition(")")[2].split()[0] == "T", "the process to stand still")
    return time.monotonic()


def _count_unread_bytes(child: Child, port: int) -> int:
    """Return the number of bytes that have arrived from the sandbox's port and that the process hasn't read. The
    sandbox sends a whole answer in one piece when its call is released. The manual page `proc(5)` describes the read
    columns.
    """
    opened = {str(one.readlink()) for one in Path(f"/proc/{child.pid}/fd").iterdir()}
    lines = (line.split() for line in Path(f"/proc/{child.pid}/net/tcp").read_text().splitlines()[1:])
    from_server = (line for line in lines if int(line[2].partition(":")[2], 16) == port)
    return sum(int(line[4].partition(":")[2], 16) for line in from_server if f"socket:[{line[9]}]" in opened)


def _decide_as_two_people(late: LateAnswerCase) -> None:
    """Let two people decide that the action didn't happen."""
    kind, ending, record = SUBJECT_KIND_BY_ACTION[late.action], STATE_AFTER_DECISION[late.action], str(late.record_id)
    late.stage.maker.recovery.resolve(kind, record, ending, "their list is empty")
    late.stage.checker.recovery.resolve(kind, record, ending, "not on the bill")
    assert late.read_shown_state() == (ending, Certainty.KNOWN)
