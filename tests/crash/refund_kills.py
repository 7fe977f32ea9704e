"""Kills each action on refunds with SIGKILL at each of its named steps, and checks how each refund ends
afterwards.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from math import inf

from console.app import Console
from console.domain.payments.records import Refund
from console.domain.payments.states import RefundState
from console.domain.records import Certainty
from console.domain.transitions.tables import ENDED_REFUND_STATES
from console.sandbox.server import Sandbox
from console.store.operations import journal
from tests.crash.money_actors import execute_money_action
from tests.support import money_truth, truth
from tests.support.children import Child, start_children
from tests.support.desks import MovedClock
from tests.support.money_desks import (
    find_newest_refund,
    import_paid_payment,
    make_provider_settings,
    move_clocks,
    request_refund,
)
from tests.support.places import Place
from tests.support.refusals import call_and_get_code
from tests.support.waiting import wait_until

KILLED_EXIT_STATUS = -9
MAKER = "op-a"
CHECKER = "lead-b"
_SENDING_STEPS = (
    "before_tx1",
    "after_tx1",
    "after_intent",
    "before_send",
    "after_send",
    "before_tx2",
    "after_tx2",
)
STEPS_BY_ACTION: dict[str, tuple[str, ...]] = {
    "ask": ("before_request", "after_request"),
    "approve": ("before_vote", "after_vote", *_SENDING_STEPS),
    "reject": ("before_vote", "after_vote"),
    "withdraw": ("before_vote", "after_vote"),
    "approve at Atom": ("after_tx1", "before_send", "after_send", "before_tx2"),
    "send again": ("after_tx1", "after_send", "before_tx2"),
    "probe": ("before_probe", "after_probe"),
    "poll": ("before_probe", "after_probe"),
    "resolve": ("before_resolve", "after_resolve"),
    "delivery": ("before_delivery", "after_delivery"),
}
_STEPS_BEFORE_SENDING = ("before_vote", "after_vote", "before_tx1", "after_tx1", "after_intent", "before_send")
_STEPS_AFTER_TX1 = ("after_tx1",)


@dataclass
class RefundKillCase:
    """One action on a refund that is killed at one step. Each case has a payment and a desk of its own; `desk`
    is the number of the desk. `payment_id` and `refund_id` are 0 until the records are prepared.
    `refund_count_before` is the number of refunds of the payment at the provider before the kill.
    """

    action: str
    step: str
    place: Place
    url: str
    desk: int
    payment_id: int = 0
    refund_id: int = 0
    refund_count_before: int = 0

    @property
    def number(self) -> str:
        return f"ORD-{self.desk}"

    @property
    def person(self) -> str:
        """The name of the person who executes the action."""
        return MAKER if self.action in ("ask", "withdraw", "resolve") else CHECKER

    @property
    def name_in_money_actors(self) -> str:
        """The name of the action in money_actors.py."""
        words = {"send again": "submit", "poll": "probe", "delivery": "due", "approve at Atom": "approve"}
        return words.get(self.action, self.action)

    @property
    def is_sending(self) -> bool:
        """True if the action sends the refund."""
        return self.action in ("approve", "send again", "approve at Atom")

    @property
    def stays_unknown(self) -> bool:
        """True if the refund stays unknown until people decide. Atom's answer that a refund doesn't exist proves
        nothing, so the program never sends a refund again that may have been sent. Only for a kill before the intent,
        the desk itself can prove that nothing was sent.
        """
        return (
            self.action == "approve at Atom"
            and self.step in _STEPS_BEFORE_SENDING
            and self.step not in _STEPS_AFTER_TX1
        )

    @property
    def may_have_spool_facts(self) -> bool:
        """True if the spool of the killed desk may contain facts about the refund that the database lacks."""
        return self.is_sending or self.action == "delivery"

    def make_environment(self, failpoint: str) -> dict[str, str]:
        """Return the environment variables of the case's desk with this failpoint."""
        return self.place.make_environment(
            self.url, self.person, self.desk, FAILPOINT=failpoint, **make_provider_settings(self.url)
        )


@dataclass
class MakerAndCheckerDesks:
    """Two people at desks where no process is killed. `clock` is the clock of all desks."""

    maker: Console
    checker: Console
    sandbox: Sandbox
    clock: MovedClock

    def count_provider_refunds(self, case: RefundKillCase) -> int:
        """Return the number of refunds of the case's payment that the provider has accepted."""
        return len(self.sandbox.control.payments_control.read_refunds(payment=case.number))

    def read_newest_refund(self, case: RefundKillCase) -> Refund:
        """Return the newest refund of the case's payment with its present state."""
        refund = find_newest_refund(self.maker, case.payment_id)
        assert refund is not None, f"the refund is gone: {case}"
        return refund

    def run_due_tasks_of_case(self, case: RefundKillCase | None = None) -> float:
        """Run the due tasks at the desk of `case`, and return their duration (seconds). Without a case, run them at
        the approver's desk, and return 0.
        """
        if case is None:
            self.checker.recovery.run_all_tasks()
            return 0.0
        extra = make_provider_settings(case.url)
        with case.place.open_desk(self.sandbox, self.clock, person=CHECKER, desk=case.desk, **extra) as console:
            begun = time.monotonic()
            console.recovery.run_all_tasks()
            return time.monotonic() - begun


def kill_refund_at_each_step(
    place: Place, actions: Sequence[str], only_steps: Sequence[str] = (), within_seconds: float = inf
) -> Counter[str]:
    """Kill each action at each of its steps (or at the steps `only_steps`), recover, and let each refund end. A
    recovery may take `within_seconds` seconds; only the soak test sets this limit. Return `kills`, `refunds` (at the
    end) and `slowest_ms` (the longest recovery in ms).
    """
    with Sandbox() as sandbox, _open_team(place, sandbox) as team:
        actions_and_steps = [
            (action, step)
            for action in actions
            for step in STEPS_BY_ACTION[action]
            if not only_steps or step in only_steps
        ]
        cases = [RefundKillCase(*one, place, sandbox.url, desk) for desk, one in enumerate(actions_and_steps, 1)]
        sandbox.control.change_settings(waits_for_manual_settling=True)
        for case in cases:
            _prepare_records(case, team)
        _kill_all(cases)
        for case in cases:
            _check_before_expiry(case, team)
        wait_until(lambda: _are_leases_over(team.maker), "the leases of the dead")
        sandbox.control.change_settings(waits_for_manual_settling=False)
        slowest = max((team.run_due_tasks_of_case(case) for case in cases if case.may_have_spool_facts), default=0.0)
        assert slowest <= within_seconds, f"recovery took {slowest:.1f} s"  # house: only `make soak` sets it
        for case in cases:
            known = (
                team.read_newest_refund(case).certainty is Certainty.KNOWN if case.step in _STEPS_AFTER_TX1 else True
            )
            assert known, f"not sent, and unknown: {case}"
        assert truth.count_calling_operations(team.checker.database) == 0
        money_truth.check_money(team.checker, sandbox)
        for case in cases:
            _request_or_decide_refund(case, team)
        _run_tasks_until_ended(cases, team)
        rows = money_truth.check_money(team.checker, sandbox)
        team.checker.audit.verify_chains()
        return Counter(kills=len(cases), refunds=len(rows), slowest_ms=int(1000 * slowest))


@contextmanager
def _open_team(place: Place, sandbox: Sandbox) -> Iterator[MakerAndCheckerDesks]:
    """Open the desks of the maker and of the checker."""
    clock, extra = MovedClock(), make_provider_settings(sandbox.url)
    with (
        place.open_desk(sandbox, clock, person=MAKER, **extra) as maker,
        place.open_desk(sandbox, clock, person=CHECKER, **extra) as checker,
    ):
        yield MakerAndCheckerDesks(maker, checker, sandbox, clock)


# Before


def _prepare_records(case: RefundKillCase, team: MakerAndCheckerDesks) -> None:
    """Create the records that the action needs before it can be killed."""
    atom = case.action == "approve at Atom"
    case.payment_id = import_paid_payment(
        team.maker, team.sandbox, case.number, provider="atom" if atom else "paypay"
    ).id
    if case.action != "ask":
        case.refund_id = request_refund(team.maker, case.payment_id, "10.00" if atom else 1_000).id
    if case.action in ("probe", "resolve", "poll", "send again"):
        _approve_refund(
            case, team, {"poll": "", "send again": "result:RATE_LIMIT"}.get(case.action, "close_after_charge")
        )
    if case.action == "resolve":
        (provider_refund,) = team.sandbox.control.payments_control.read_refunds(payment=case.number)
        team.sandbox.control.payments_control.change_refund_state(provider_refund["key"], "completed")
    if case.action == "delivery":
        with start_children(
            execute_money_action, [(case.make_environment("before_tx2:1:raise"), "approve", case.refund_id)]
        ) as (child,):
            assert (child.wait_for_report(), child.wait_for_report()) == ("open", "outcome_unknown")
    case.refund_count_before = team.count_provider_refunds(case)


def _approve_refund(case: RefundKillCase, team: MakerAndCheckerDesks, fault: str) -> None:
    """Approve the refund of the case while the provider has this fault ("": none), and check how the approval
    ended.
    """
    if fault:
        team.sandbox.control.add_fault(fault, call="paypay_refund", payment=case.number)
    code = call_and_get_code(lambda: team.checker.refunds.approve(case.refund_id))
    expected_codes = {"": "done", "close_after_charge": "outcome_unknown", "result:RATE_LIMIT": "rate_limited"}
    assert code == expected_codes[fault], f"{code}: {case}"


# The kill


def _kill_all(cases: Sequence[RefundKillCase]) -> None:
    """Kill all cases, four at a time, because the machine has few cores. The cases of due tasks are killed one by
    one, because due tasks act on the records of all cases.
    """
    alone = [[case] for case in cases if case.name_in_money_actors == "due"]
    others = [case for case in cases if case.name_in_money_actors != "due"]
    for some in (*(others[i : i + 4] for i in range(0, len(others), 4)), *alone):
        subjects = [case.payment_id if case.action == "ask" else case.refund_id for case in some]
        each = [
            (case.make_environment(f"{case.step}:1:kill"), case.name_in_money_actors, subject)
            for case, subject in zip(some, subjects, strict=True)
        ]
        with start_children(execute_money_action, each) as children:
            for case, child in zip(some, children, strict=True):
                _check_killed(case, child)


def _check_killed(case: RefundKillCase, child: Child) -> None:
    """Check that the child process of this case was killed at the step `case.step`."""
    assert child.wait_for_report() == "open"
    assert child.wait_for_end() == KILLED_EXIT_STATUS, f"{case.action} passed {case.step} unharmed"


# After


def _check_before_expiry(case: RefundKillCase, team: MakerAndCheckerDesks) -> None:
    """Check the state before the lease of the killed process expires: an unsent refund isn't at the provider, and no
    person can send the refund while its outcome is unknown.
    """
    sent = case.refund_count_before + (case.is_sending and case.step not in _STEPS_BEFORE_SENDING)
    assert team.count_provider_refunds(case) == sent, f"{case.action} at {case.step}"
    if not case.is_sending or case.step not in ("after_tx1", "after_send", "before_tx2"):
        return
    for send in (team.checker.refunds.submit, team.checker.refunds.approve):
        code = call_and_get_code(lambda send=send: send(case.refund_id))
        assert code in ("in_progress", "already_decided"), f"{code}: {case}"
    assert team.count_provider_refunds(case) == sent, f"sent again: {case}"
    assert team.checker.refunds.read_refund(case.refund_id).explanation.next_step.code


def _are_leases_over(console: Console) -> bool:
    """True if no lease is held, and every operation of a killed process counts as lapsed."""
    with console.database.read() as conn:
        lapsed = len(journal.list_lapsed_operations(conn))
    return not console.recovery.list_lease_holders() and lapsed == truth.count_calling_operations(console.database)


def _request_or_decide_refund(case: RefundKillCase, team: MakerAndCheckerDesks) -> None:
    """Bring the case's refund past its decision, as people would. Request it if it isn't stored. If it still waits
    for its decision, withdraw or reject it if that was the case's action, otherwise approve it. Set `case.refund_id`.
    Raises AssertionError if a request or decision is missing that was stored before the kill.
    """
    refund = find_newest_refund(team.maker, case.payment_id)
    if refund is None:
        assert case.step == "before_request", f"the request is gone: {case}"
        refund = request_refund(team.maker, case.payment_id)
    case.refund_id = refund.id
    if refund.state is not RefundState.REQUESTED:
        return
    assert case.step == "before_vote" or case.action == "ask", f"the decision is gone: {case}"
    if case.action == "withdraw":
        team.maker.refunds.withdraw(refund.id)
    elif case.action == "reject":
        team.checker.refunds.reject(refund.id, "not ours")
    else:
        team.checker.refunds.approve(refund.id)


def _move_sending_times_back(place: Place, seconds: int) -> None:
    """Move the stored time of each sending of a refund back by `seconds`. A repeated sending waits by the server's
    clock, which a test can't move.
    """
    if place.engine != "sqlite":
        earlier = f"last_sent_at = last_sent_at - INTERVAL {seconds} SECOND, version = version + 1"
        place.sql(f"UPDATE refunds SET {earlier} WHERE last_sent_at IS NOT NULL")


def _run_tasks_until_ended(cases: Sequence[RefundKillCase], team: MakerAndCheckerDesks) -> None:
    """Run only due tasks until each refund has reached the end that its action expects. Check that nothing is sent
    twice.
    """
    ends = {"withdraw": RefundState.WITHDRAWN, "reject": RefundState.REJECTED}
    for _ in range(4):
        move_clocks(team.clock, team.sandbox, timedelta(minutes=5))
        _move_sending_times_back(cases[0].place, 300)
        team.run_due_tasks_of_case()
        refunds = [(case, team.read_newest_refund(case)) for case in cases]
        if all(refund.state in ENDED_REFUND_STATES or case.stays_unknown for case, refund in refunds):
            break
    for case, refund in refunds:
        expected_state = ends.get(case.action, RefundState.COMPLETED)
        if case.stays_unknown:
            assert (refund.certainty, team.count_provider_refunds(case)) == (Certainty.UNKNOWN, 0), (
                f"{case}, {refund}"
            )
            continue
        assert refund.state is expected_state, f"it did not come to its end: {case}, {refund}"
        assert team.count_provider_refunds(case) == (expected_state is RefundState.COMPLETED), (
            f"{team.count_provider_refunds(case)} refunds: {case}"
        )
