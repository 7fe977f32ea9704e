"""Kills a call with a request id with SIGKILL at each named step. Checks the answer to the same call when it is
repeated."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from console.app import Console, open_console
from console.domain.errors import ConsoleError
from console.domain.payments.records import Refund, RefundRequest
from console.domain.process.failpoint_names import REQUEST_FAILPOINTS
from console.domain.records import CreditCheck, PurchaseRequest
from console.sandbox.server import Sandbox
from console.services.guarded import request_ids
from console.settings.settings import Settings
from tests.crash.kills import KILLED_EXIT_STATUS
from tests.support.children import Pipe, start_children
from tests.support.invented import invent_numbers
from tests.support.money_desks import import_paid_payment, make_provider_settings, request_refund
from tests.support.places import FIRST_PERSON, Place
from tests.support.waiting import wait_until

_CALL_STEPS = ("before_tx1", "after_tx1", "after_intent", "before_send", "after_send", "before_tx2", "after_tx2")
STEPS_BY_ACTION: Mapping[str, tuple[str, ...]] = {
    "purchase": (*REQUEST_FAILPOINTS, *_CALL_STEPS, "before_pdf"),
    "request": (*REQUEST_FAILPOINTS, "before_request", "after_request"),
    "approve": (*REQUEST_FAILPOINTS, "before_vote", "after_vote", *_CALL_STEPS),
}
_STEPS_WITH_NOTHING_WRITTEN = ("before_request_id", "after_request_id", "before_tx1", "before_request", "before_vote")
STEP_AFTER_TX1 = "after_tx1"
_STEPS_WITH_UNKNOWN_OUTCOME = ("after_intent", "before_send", "after_send", "before_tx2")


@dataclass(frozen=True, slots=True)
class RequestKillCase:
    """One call that is killed at one step. `subject` is the argument of the call: a corporation number, payment id or
    refund id. `number` is the corporation number of a purchase, or a part of the order number of a refund's payment.
    Each case has a client of its own, so that no call waits for the lease of a killed call.
    """

    action: str
    step: str
    number: str
    subject: str
    client: str  # each its own: nobody waits for the dead

    @property
    def expected_answer(self) -> str:
        """The answer to the same call after the leases have expired: "acted", "repeated" or "outcome_unknown"."""
        if self.action == "approve" and self.step == "before_tx1":
            return "repeated"  # the vote was written: it stands, and the worker sends
        if self.step in (*_STEPS_WITH_NOTHING_WRITTEN, STEP_AFTER_TX1):
            return "acted"  # of the last its desk can prove that nothing was sent
        return "outcome_unknown" if self.step in _STEPS_WITH_UNKNOWN_OUTCOME else "repeated"


def kill_call_at_each_step(action: str, place: Place, seed: int, only_steps: Sequence[str] = ()) -> Counter[str]:
    """Kill the call at each of its steps (or at the steps `only_steps`), then make the same call again. Return the
    number of repeated calls with each answer: `acted`, `repeated` or an error code."""
    with Sandbox() as sandbox, place.open_desk(sandbox, **make_provider_settings(sandbox.url)) as console:
        steps = [step for step in STEPS_BY_ACTION[action] if step in (only_steps or STEPS_BY_ACTION[action])]
        cases = [
            RequestKillCase(action, step, number, make_subject(action, number, console, sandbox), str(i))
            for i, (step, number) in enumerate(zip(steps, invent_numbers(len(steps), seed), strict=True), 1)
        ]
        person, both = "lead-b" if action == "approve" else FIRST_PERSON, make_provider_settings(sandbox.url)
        for some in (cases[i : i + 4] for i in range(0, len(cases), 4)):
            environments = {
                one: place.make_environment(sandbox.url, person, **both, FAILPOINT=f"{one.step}:1:kill")
                for one in some
            }
            with start_children(make_call_until_killed, [(environments[one], one) for one in some]) as children:
                for case, child in zip(some, children, strict=True):
                    assert child.wait_for_report() == "open"
                    assert child.wait_for_end() == KILLED_EXIT_STATUS, f"{action} passed {case.step} unharmed"
        with place.open_desk(sandbox, person=person, **both) as caller:
            over = {case: _call_until_leases_expire(case, caller, sandbox) for case in cases}
        # A process of its own, as the next command is: what nobody sent is told by whoever opens the desk first.
        with place.open_desk(sandbox, person=person, **both) as caller:
            return Counter(_repeat_call(case, caller, sandbox, *over[case]) for case in cases)


def make_subject(action: str, number: str, console: Console, sandbox: Sandbox) -> str:
    """Create the records that the action needs, and return the action's argument as text. `number` is the corporation
    number of a purchase; for a refund it is a part of the payment number."""
    if action == "purchase":
        return number
    payment = import_paid_payment(console, sandbox, f"ORD-{number}")
    return str(payment.id if action == "request" else request_refund(console, payment.id).id)


def make_call_until_killed(pipe: Pipe, environment: Mapping[str, str], case: RequestKillCase) -> None:
    """Target of a child process: open the desk and make the call, until the failpoint kills it."""
    with open_console(Settings.load(dict(environment))) as console:
        pipe.send("open")
        make_call(console, case)


def make_call(console: Console, case: RequestKillCase) -> CreditCheck | Refund:
    """Make the call of the case with its request id, and return the credit check or refund that it returns."""
    request_id = f"{case.action}-{case.step}"
    if case.action == "purchase":
        return console.credit_checks.purchase(PurchaseRequest(case.subject, case.client), request_id=request_id)
    if case.action == "request":
        request = RefundRequest(int(case.subject), "1000", "sent back", intended_repeat=True)
        return console.refunds.request(request, request_id=request_id)
    return console.refunds.approve(int(case.subject), request_id=request_id)


def _call_until_leases_expire(case: RequestKillCase, console: Console, sandbox: Sandbox) -> tuple[str, int]:
    """Repeat the call while its answer is "in_progress". Return the next answer, and the number of times that the
    provider had executed the action before that answer."""
    before = count_provider_requests(case, sandbox)
    answers = ["in_progress"]

    def is_ended() -> bool:
        answers[0] = call_and_get_ending_code(case, console)
        return answers[0] != "in_progress"

    wait_until(is_ended, f"{case.action} at {case.step}: the leases to run out")
    return answers[0], before


def _repeat_call(case: RequestKillCase, console: Console, sandbox: Sandbox, answer: str, sent_before: int) -> str:
    """Repeat the call, and check its answer and that the action is executed at most once. Return the answer."""
    if case.step == STEP_AFTER_TX1 and answer == "outcome_unknown":
        answer = call_and_get_ending_code(case, console)
    assert answer == case.expected_answer, (case, answer)
    assert count_provider_requests(case, sandbox) == sent_before + (answer == "acted" and case.action != "request"), (
        case
    )
    assert count_provider_requests(case, sandbox) <= 1, case
    if answer == "acted":
        assert call_and_get_ending_code(case, console) == "repeated", case
    return answer


def call_and_get_ending_code(case: RequestKillCase, console: Console) -> str:
    """Make the call. Return "acted", "repeated", or the error code if it is refused."""
    with request_ids.watch_for_repeated_request() as watch:
        try:
            make_call(console, case)
        except ConsoleError as refusal:
            return refusal.code
    return "repeated" if watch.is_repetition else "acted"


def count_provider_requests(case: RequestKillCase, sandbox: Sandbox) -> int:
    """Return the number of times that the provider has executed the action of the case."""
    if case.action == "purchase":
        return sandbox.control.count_charges(case.number)
    return int(
        sandbox.control.payments_control.read_payment("paypay", f"ORD-{case.number}")["refunded_minor"] // 1_000
    )
