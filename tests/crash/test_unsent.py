"""An operation that was certainly not sent becomes known as not sent. Its process was killed, or its disk was full,
between the claim and the intent.
"""

import resource
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count

import pytest

from console.app import Console, open_console
from console.domain.errors import ConsoleError
from console.domain.payments.records import Payment, Refund
from console.domain.payments.states import PaymentState, RefundState
from console.domain.records import Certainty, CheckState, CreditCheck, PurchaseRequest
from console.sandbox.server import Sandbox
from console.services.process.failpoints import Failpoints
from console.settings.settings import Settings
from console.store.operations import journal
from tests.support import truth
from tests.support.children import Pipe, start_children
from tests.support.invented import invent_numbers
from tests.support.money_desks import import_paid_payment, insert_order, make_provider_settings, request_refund
from tests.support.places import Place
from tests.support.waiting import wait_until

ACTIONS = ("purchase", "submit", "start")
KILLED_EXIT_STATUS = -9
_STATE_OF_UNSENT_BY_ACTION = {
    "purchase": (CheckState.ERROR, Certainty.KNOWN),
    "submit": (RefundState.APPROVED, Certainty.KNOWN),
    "start": (PaymentState.EXPIRED, Certainty.KNOWN),
}
_ORDER_NUMBERS = count(1)


class FailpointsThatFillDisk(Failpoints):
    """Failpoints that simulate a full disk: from the step `step` on, this process can't extend any file."""

    def __init__(self, step: str) -> None:
        super().__init__(None)
        self._step = step

    def reach(self, name: str) -> None:
        if name == self._step:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))


def run_action(pipe: Pipe, environment: Mapping[str, str], action: str, subject: str, full_at: str | None) -> None:
    """Target of a child process: execute the action, and send first "open" and then how the action ended. From the
    step `full_at` on the process's disk is full (None: never).
    """
    with open_console(Settings.load(dict(environment))) as console:
        pipe.send("open")
        if full_at is not None:
            console._context.failpoints = FailpointsThatFillDisk(full_at)
        ended = _call_and_get_code(lambda: _execute_action(console, action, subject))
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        pipe.send(ended)


def _execute_action(console: Console, action: str, subject: str) -> object:
    if action == "purchase":
        return console.credit_checks.purchase(PurchaseRequest(subject, "1"))
    if action == "submit":
        return console.refunds.submit(int(subject))
    return console.payments.start(int(subject), "paypay")


def _call_and_get_code(act: Callable[[], object]) -> str:
    """Call `act`. Return "done", or the error code if the call is refused."""
    try:
        act()
    except ConsoleError as refusal:
        return refusal.code
    return "done"


@dataclass
class UnsentStage:
    """A database, the sandbox, and two people at a desk other than that of the failing process."""

    place: Place
    sandbox: Sandbox
    maker: Console
    checker: Console

    def make_environment(self, failpoint: str | None = None) -> dict[str, str]:
        """Return the environment variables of the desk whose process fails. No other desk has its spool."""
        point = {"FAILPOINT": failpoint} if failpoint else {}
        return self.place.make_environment(
            self.sandbox.url, "lead-b", 1, **make_provider_settings(self.sandbox.url), **point
        )

    @contextmanager
    def open_failed_desk(self) -> Iterator[Console]:
        """Open the desk whose process has failed."""
        with self.place.open_desk(
            self.sandbox, person="lead-b", desk=1, **make_provider_settings(self.sandbox.url)
        ) as console:
            yield console

    def make_subject(self, action: str) -> str:
        """Create the records that the action needs, and return the action's argument: a corporation number, an order
        id or a refund id.
        """
        if action == "purchase":
            return invent_numbers(1)[0]
        if action == "start":
            return str(insert_order(self.place, f"ORD-{next(_ORDER_NUMBERS)}", 3_300))
        refund = request_refund(
            self.maker, import_paid_payment(self.maker, self.sandbox, f"ORD-{next(_ORDER_NUMBERS)}").id
        )
        self.sandbox.control.add_fault("result:RATE_LIMIT", call="paypay_refund")
        assert _call_and_get_code(lambda: self.checker.refunds.approve(refund.id)) == "rate_limited"
        self.sandbox.control.clear_faults()
        return str(refund.id)

    def read_record(
        self, action: str, subject: str, console: Console | None = None
    ) -> CreditCheck | Payment | Refund:
        """Return the record of the action, as `console` (None: the maker's desk) reads it."""
        looks = console or self.maker
        if action == "purchase":
            return looks.lookup.find_records(subject).credit_checks[0]
        if action == "submit":
            return looks.refunds.read_refund(int(subject)).record
        return looks.payments.read_order(int(subject)).payments[0]

    def count_executions(self, action: str, subject: str) -> int:
        """Return the number of times that the provider has executed the action."""
        if action == "purchase":
            return self.sandbox.control.count_charges(subject)
        if action == "submit":
            return len(self.sandbox.control.payments_control.read_refunds())
        return len(self.sandbox.payment_ledger.list_payments())

    def await_lapse(self) -> None:
        """Wait until the leases of the killed process have expired."""

        def is_lapsed() -> bool:
            with self.maker.database.read() as conn:
                lapsed = len(journal.list_lapsed_operations(conn))
            return not self.maker.recovery.list_lease_holders() and lapsed == truth.count_calling_operations(
                self.maker.database
            )

        wait_until(is_lapsed, "the leases of the dead")

    def check_not_sent_and_repeat(self, action: str, subject: str, executions_before: int) -> None:
        """Open the desk of the failed process. Check that its record is known as not sent, and that the action can be
        executed again without a decision of a person. `executions_before` is the number of executions at the provider
        before this call.
        """
        with self.open_failed_desk() as console:
            record = self.read_record(action, subject, console)
            assert (record.state, record.certainty) == _STATE_OF_UNSENT_BY_ACTION[action], record
            assert record.error_code == "stopped_before_sending"
            assert console._context.spool.list_unsent_entries(console._context.database_id) == ()
            assert truth.count_calling_operations(console.database) == 0
            assert self.count_executions(action, subject) == executions_before
            assert _call_and_get_code(lambda: _execute_action(console, action, subject)) in (
                "done",
                "already_decided",
            )
            assert self.count_executions(action, subject) == executions_before + 1
            console.audit.verify_chains()


@pytest.fixture
def stage(place: Place) -> Iterator[UnsentStage]:
    with ExitStack() as open_:
        sandbox = open_.enter_context(Sandbox())
        people = [
            open_.enter_context(place.open_desk(sandbox, person=person, **make_provider_settings(sandbox.url)))
            for person in ("op-a", "lead-b")
        ]
        yield UnsentStage(place, sandbox, *people)


def _kill_at_step(stage: UnsentStage, action: str, subject: str, step: str) -> None:
    """Execute the action in a child process, and check that it is killed at the step."""
    with start_children(run_action, [(stage.make_environment(f"{step}:1:kill"), action, subject, None)]) as (child,):
        assert child.wait_for_report() == "open"
        assert child.wait_for_end() == KILLED_EXIT_STATUS


@pytest.mark.parametrize("action", ACTIONS)
def test_a_kill_before_the_intent_is_proved_unsent_by_its_desk(stage: UnsentStage, action: str) -> None:
    """If the process is killed before its intent is stored, another desk shows the record as unknown. When the desk
    of the killed process runs again, it proves that nothing was sent; then both desks show the record as known, and
    the action can be executed again.
    """
    subject = stage.make_subject(action)
    before = stage.count_executions(action, subject)
    _kill_at_step(stage, action, subject, "after_tx1")
    stage.await_lapse()
    stage.checker.recovery.run_all_tasks()
    assert stage.read_record(action, subject).certainty is Certainty.UNKNOWN
    stage.check_not_sent_and_repeat(action, subject, before)
    assert stage.read_record(action, subject).certainty is Certainty.KNOWN


@pytest.mark.parametrize("action", ACTIONS)
def test_a_kill_after_the_intent_leaves_an_unknown_record(stage: UnsentStage, action: str) -> None:
    """The process is killed after its intent is stored. Its desk can't know whether the request was sent, so the
    record stays unknown, and nothing is sent again.
    """
    subject = stage.make_subject(action)
    before = stage.count_executions(action, subject)
    _kill_at_step(stage, action, subject, "after_intent")
    stage.await_lapse()
    with stage.open_failed_desk() as console:
        assert stage.read_record(action, subject, console).certainty is Certainty.UNKNOWN
        again = _call_and_get_code(lambda: _execute_action(console, action, subject))
        assert again in ("already_purchased", "in_progress", "outcome_unknown")
    assert stage.count_executions(action, subject) == before


@pytest.mark.expects_log("the full disk is told")
@pytest.mark.parametrize("action", ACTIONS)
def test_a_full_disk_between_claim_and_intent_leaves_a_correct_record(stage: UnsentStage, action: str) -> None:
    """The disk becomes full after the claim, so the process can't write the intent, and on SQLite not even the end of
    the operation. The action ends with `storage_full`. The record is known as not sent: on a server at once, on
    SQLite when the desk of the failed process is opened again.
    """
    subject = stage.make_subject(action)
    before = stage.count_executions(action, subject)
    with start_children(run_action, [(stage.make_environment(), action, subject, "after_tx1")]) as (child,):
        assert (child.wait_for_report(), child.wait_for_report()) == ("open", "storage_full")
    if stage.place.is_server:  # it has room, so that what happened could be written at once
        record = stage.read_record(action, subject)
        assert (record.state, record.certainty) == _STATE_OF_UNSENT_BY_ACTION[action], record
        assert record.error_code == "storage_full"
        return
    assert truth.count_calling_operations(stage.maker.database) == 1
    stage.await_lapse()
    stage.check_not_sent_and_repeat(action, subject, before)
