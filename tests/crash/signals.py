"""Sends SIGINT or SIGTERM to a process at each named step of each guarded action. Checks the records immediately
after the action has ended, before any due task runs.
"""

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice

from console.app import Console, open_console
from console.domain.errors import ConsoleError
from console.domain.payments.states import PaymentState, RefundState
from console.domain.process.failpoint_names import OPERATION_FAILPOINTS
from console.domain.records import Certainty, CheckState, PurchaseRequest
from console.sandbox.server import Sandbox
from console.services.process.failpoints import Failpoints
from console.settings.settings import Settings
from tests.support import money_truth, old_purchases, truth
from tests.support.children import Pipe, start_children
from tests.support.invented import invent_numbers
from tests.support.money_desks import import_paid_payment, insert_order, make_provider_settings, request_refund
from tests.support.places import Place

PURCHASE_STEPS = OPERATION_FAILPOINTS[: OPERATION_FAILPOINTS.index("after_pdf") + 1]
CALL_STEPS = OPERATION_FAILPOINTS[: OPERATION_FAILPOINTS.index("after_tx2") + 1]
STEPS_BEFORE_SENDING = ("before_tx1", "after_tx1", "after_intent", "before_send")
STEPS_BY_ACTION: Mapping[str, Sequence[str]] = {
    "purchase": PURCHASE_STEPS,
    "renewal": PURCHASE_STEPS,
    "refetch": tuple(name for name in PURCHASE_STEPS if name != "after_intent"),
    "approve": ("before_vote", "after_vote", *CALL_STEPS),
    "submit": CALL_STEPS,
    "approve at Atom": CALL_STEPS,
    "start": CALL_STEPS,
    "start at Atom": CALL_STEPS,
}
SIGNAL_BY_MODE: Mapping[str, tuple[int, bool]] = {
    "once": (signal.SIGINT, False),
    "twice": (signal.SIGINT, True),
    "SIGTERM": (signal.SIGTERM, True),
}
"""Signals by mode. The second value is True if the signal is sent again at every step after the first one."""
StepsByMode = Mapping[str, Sequence[str]]
"""The steps at which the signal is sent, by mode."""
CLIENT_ID = "1"
"""Client for which a purchase is made if its subject names no client. Each mode has a client of its own, so that no
purchase waits for the lease of another one."""
_REFUND_ACTIONS = ("approve", "submit", "approve at Atom")
_PROVIDER_BY_START_ACTION = {"start": "paypay", "start at Atom": "atom"}


class FailpointsThatSendSignal(Failpoints):
    """Failpoints that send the signal `number` to their own process when the code reaches the name in the attribute
    `step` (None: never). With `repeats_signal` they send it also at all later failpoints. `has_fired` is True after
    the first one.
    """

    def __init__(self, number: int, repeats_signal: bool) -> None:
        super().__init__(None)
        self._number, self._repeats_signal = number, repeats_signal
        self.step: str | None = None
        self.has_fired = False

    def reach(self, name: str) -> None:
        if self.step is not None and (name == self.step or (self.has_fired and self._repeats_signal)):
            self.has_fired = True
            signal.raise_signal(self._number)


def execute_with_interrupts(
    pipe: Pipe,
    environment: Mapping[str, str],
    action: str,
    mode: str,
    steps_and_subjects: Sequence[tuple[str, object]],
) -> None:
    """Target of a child process: execute the action once for each (step, subject), and interrupt it at that step.
    After each execution send whether the signal was sent and how the action ended. Then wait for the parent process,
    which checks the records."""
    number, repeats_signal = SIGNAL_BY_MODE[mode]
    if number == signal.SIGTERM:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # as the terminal takes it
    with open_console(Settings.load(dict(environment))) as console:
        points = console._context.failpoints = FailpointsThatSendSignal(number, repeats_signal)
        for step, subject in steps_and_subjects:
            points.step, points.has_fired = step, False
            try:
                ended = _call_and_get_code(lambda subject=subject: _FUNCTION_BY_ACTION[action](console, subject))  # type: ignore[misc]  # bound
            except KeyboardInterrupt:
                ended = "interrupted"
            points.step = None
            pipe.send((points.has_fired, ended))
            pipe.recv()  # others look at what is left


def execute_until_terminated(
    pipe: Pipe, environment: Mapping[str, str], action: str, step: str, subject: object, number: int = signal.SIGTERM
) -> None:
    """Target of a child process: execute the action, and receive the signal `number` (SIGTERM with its default
    effect, or SIGKILL) at the step. The signal ends the process."""
    with open_console(Settings.load(dict(environment))) as console:
        points = console._context.failpoints = FailpointsThatSendSignal(number, repeats_signal=True)
        points.step = step
        pipe.send("open")
        pipe.send(_call_and_get_code(lambda: _FUNCTION_BY_ACTION[action](console, subject)))


def _call_and_get_code(act: Callable[[], object]) -> str:
    """Call `act`. Return "done", or the error code if the call is refused."""
    try:
        act()
    except ConsoleError as refusal:
        return refusal.code
    return "done"


_FUNCTION_BY_ACTION: Mapping[str, Callable[[Console, object], object]] = {
    "purchase": lambda console, subject: console.credit_checks.purchase(_make_purchase_request(subject)),
    "renewal": lambda console, subject: console.credit_checks.purchase(_make_purchase_request(subject, renew=True)),
    "refetch": lambda console, record: console.credit_checks.refetch(int(str(record))),
    "approve": lambda console, refund: console.refunds.approve(int(str(refund))),
    "approve at Atom": lambda console, refund: console.refunds.approve(int(str(refund))),
    "submit": lambda console, refund: console.refunds.submit(int(str(refund))),
    "start": lambda console, order_id: console.payments.start(int(str(order_id)), "paypay"),
    "start at Atom": lambda console, order_id: console.payments.start(int(str(order_id)), "atom"),
}


def _make_purchase_request(number_and_client: object, *, renew: bool = False) -> PurchaseRequest:
    """Return the purchase request for the text `number_and_client`, which is "number" or "number:client"."""
    number, _, client = str(number_and_client).partition(":")
    return PurchaseRequest(number, client or CLIENT_ID, renew=renew)


# The parent's side


@dataclass(frozen=True)
class SignalTestStage:
    """A database, the sandbox, and the desks of two people who check the records."""

    place: Place
    sandbox: Sandbox
    maker: Console
    checker: Console

    def make_environment(self, action: str) -> dict[str, str]:
        """Return the environment variables of the process that executes this action."""
        person = "lead-b" if action in _REFUND_ACTIONS else "op-a"
        return self.place.make_environment(self.sandbox.url, person, **make_provider_settings(self.sandbox.url))


@contextmanager
def open_stage(place: Place) -> Iterator[SignalTestStage]:
    with ExitStack() as open_:
        sandbox = open_.enter_context(Sandbox())
        people = [
            open_.enter_context(place.open_desk(sandbox, person=person, **make_provider_settings(sandbox.url)))
            for person in ("op-a", "lead-b")
        ]
        yield SignalTestStage(place, sandbox, *people)


def plan_every_mode(action: str) -> StepsByMode:
    """Return a plan in which each step of the action is interrupted in each mode (signal once, repeatedly, or
    SIGTERM).
    """
    return dict.fromkeys(SIGNAL_BY_MODE, STEPS_BY_ACTION[action])


def plan_one_mode(action: str, first: int) -> StepsByMode:
    """Return a plan in which each step of the action is interrupted in one mode. The modes alternate, beginning with
    the mode of the index `first`.
    """
    modes = list(SIGNAL_BY_MODE)
    return {mode: STEPS_BY_ACTION[action][(i - first) % len(modes) :: len(modes)] for i, mode in enumerate(modes)}


def signal_at_each_step(place: Place, action: str, plan: StepsByMode) -> int:
    """Interrupt the action as the plan states, and check the records after each interrupt. Return the number of
    interrupts."""
    with open_stage(place) as stage:
        count = sum(map(len, plan.values()))
        subjects = iter(_prepare_records(stage, action, [*map(len, plan.values())]))
        each = {mode: tuple(zip(steps, islice(subjects, len(steps)), strict=True)) for mode, steps in plan.items()}
        arguments = [(stage.make_environment(action), action, mode, steps) for mode, steps in each.items()]
        with start_children(execute_with_interrupts, arguments) as children:
            for child, (mode, steps) in zip(children, each.items(), strict=True):
                for step, subject in steps:
                    description = f"{action}, {mode} at {step}"
                    assert child.wait_for_report() == (True, "interrupted"), description
                    _check_result(stage, action, step, subject, description)
                    child.pipe.send("go on")
                assert child.wait_for_end() == 0
        assert truth.count_calling_operations(stage.maker.database) == 0
        assert stage.maker.recovery.list_lease_holders() == ()
        stage.checker.recovery.run_all_tasks()
        if action in _REFUND_ACTIONS:
            money_truth.check_money(stage.checker, stage.sandbox)
        truth.check_claims(truth.read_check_rows(stage.maker.database))
        stage.maker.audit.verify_chains()
    return count


def _prepare_records(stage: SignalTestStage, action: str, counts: Sequence[int]) -> list[object]:
    """Create the records for the action. `counts` has the number of interrupts for each mode. Return one argument of
    the action for each interrupt: first those for the interrupts of the first mode, then those of the next modes."""
    count = sum(counts)
    provider, currency, sum_ = ("atom", "INR", "10.00") if "Atom" in action else ("paypay", "JPY", "1000")
    if action in _PROVIDER_BY_START_ACTION:
        return [insert_order(stage.place, f"ORD-{i}", 3_300, currency) for i in range(count)]
    if action in _REFUND_ACTIONS:
        paid_ones = [
            import_paid_payment(stage.maker, stage.sandbox, f"ORD-{i}", provider=provider) for i in range(count)
        ]
        refund_ids = [request_refund(stage.maker, payment.id, sum_).id for payment in paid_ones]
        if action == "submit":  # approved, and kept from being sent by a provider that has had enough
            stage.sandbox.control.add_fault("result:RATE_LIMIT", call="paypay_refund", times=count)
            for refund in refund_ids:
                code = _call_and_get_code(lambda refund=refund: stage.checker.refunds.approve(refund))  # type: ignore[misc]  # bound
                assert code == "rate_limited"
            stage.sandbox.control.clear_faults()
        return list(refund_ids)
    clients = [client for client, n in enumerate(counts, 1) for _ in range(n)]
    names = [f"{number}:{client}" for number, client in zip(invent_numbers(count), clients, strict=True)]
    if action == "purchase":
        return list(names)
    stage.sandbox.control.change_settings(today=old_purchases.OLD_PURCHASE_DAY if action == "renewal" else None)
    bought = [stage.maker.credit_checks.purchase(_make_purchase_request(name)) for name in names]
    stage.sandbox.control.change_settings(today=None)
    if action == "renewal":
        stage.place.sql(old_purchases.SET_SENDING_TIME_SQL)
    return list(names) if action == "renewal" else [record.id for record in bought]


def _check_result(stage: SignalTestStage, action: str, step: str, subject: object, situation: str) -> None:
    """Check the records immediately after the action on `subject` was interrupted at this step. An action that was
    not sent is recorded as not sent, and an answered one has its outcome. `situation` is the message of a failed
    check.
    """
    sent = step not in STEPS_BEFORE_SENDING
    if action in ("purchase", "renewal"):
        _check_purchase(stage, _make_purchase_request(subject, renew=action == "renewal"), step, situation)
    elif action == "refetch":
        record = stage.maker.credit_checks.read_credit_check(int(str(subject))).record
        assert (record.state, record.certainty) == (CheckState.SUCCESS, Certainty.KNOWN), situation
        assert stage.maker.credit_checks.refetch(record.id).record.incomplete == (), situation
    elif action in _PROVIDER_BY_START_ACTION:
        _check_start(stage, int(str(subject)), _PROVIDER_BY_START_ACTION[action], step, situation)
    else:
        refund = stage.maker.refunds.read_refund(int(str(subject))).record
        found = [
            one
            for one in stage.sandbox.control.payments_control.read_refunds()
            if one["key"] == refund.provider_refund_key
        ]
        sent = sent and step not in ("before_vote", "after_vote")
        assert (len(found), refund.certainty) == (int(sent), Certainty.KNOWN), situation
        went = (RefundState.SUBMITTED, RefundState.COMPLETED)
        assert refund.state in went if sent else refund.state is RefundState.APPROVED, f"{situation}: {refund}"


def _check_purchase(stage: SignalTestStage, request: PurchaseRequest, step: str, situation: str) -> None:
    """Check the record of a purchase or renewal that was interrupted at this step."""
    sent, number, renews = step not in STEPS_BEFORE_SENDING, request.corporation_number, request.renew
    assert stage.sandbox.control.count_charges(number) == int(sent) + int(renews), situation
    records = stage.maker.lookup.find_records(number).credit_checks
    if sent:
        newest = records[0]
        assert (newest.state, newest.certainty) == (CheckState.SUCCESS, Certainty.KNOWN), f"{situation}: {newest}"
        return
    if step != "before_tx1":
        newest, *older = records
        assert (newest.state, newest.certainty) == (CheckState.ERROR, Certainty.KNOWN), f"{situation}: {newest}"
        assert [old.is_live for old in older] == ([True] if renews else []), (
            f"{situation}: the renewed one is not back"
        )
    again = stage.maker.credit_checks.purchase(request)
    assert again.state is CheckState.SUCCESS, situation


def _check_start(stage: SignalTestStage, order_id: int, provider: str, step: str, situation: str) -> None:
    """Check the record of a payment whose start was interrupted at this step."""
    order_payments = stage.maker.payments.read_order(order_id).payments
    if step not in STEPS_BEFORE_SENDING:
        (payment,) = order_payments
        assert (payment.state, payment.certainty) == (PaymentState.TOKEN_GENERATED, Certainty.KNOWN), situation
        return
    states = [(payment.state, payment.certainty) for payment in order_payments]
    assert states == ([] if step == "before_tx1" else [(PaymentState.EXPIRED, Certainty.KNOWN)]), situation
    assert stage.maker.payments.start(order_id, provider).payment.state is PaymentState.TOKEN_GENERATED, situation
