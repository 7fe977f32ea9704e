"""Hypothesis state machine of refund requests, decisions, sendings, probes, crashes and waits at two desks. After
each step the refunds are compared with the providers' ledger."""

from collections import Counter
from datetime import timedelta
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from console.app import Console
from console.domain.access.permissions import is_same_person
from console.domain.payments.records import Refund, RefundRequest
from console.domain.process.failpoint_names import MONEY_FAILPOINTS, OPERATION_FAILPOINTS
from console.services.refunds.late_outcomes import apply_refund_report
from console.store.database.engine import Transaction
from console.store.payments import payments
from tests.stateful import crashing
from tests.stateful.refund_world import CHECKERS, MAKERS, RefundWorld
from tests.support import money_truth, truth
from tests.support.ledger_refunds import Behaviour, RefundEntry, make_report
from tests.support.money_truth import RefundRow

BEHAVIOURS: tuple[Behaviour, ...] = (
    *(("accepts",) * 3), "completes", "silent_after", "silent_after", "silent_before", "other_amount", "refuses",
    "unauthorised", "too_fast", "throttled", "unreachable",
)  # fmt: skip
CLOCK_STEPS = tuple(timedelta(seconds=s) for s in (1, 3, 10, 60, 600, 4_000, 15_000))
AMOUNTS = ("100", "500", "1000", "2000", "3001", "0")
desk_numbers = st.integers(0, 1)
refund_indexes = st.integers(0, 20)
crash_failpoints = st.none() | st.none() | st.sampled_from((*OPERATION_FAILPOINTS, *MONEY_FAILPOINTS))


class RefundMachine(RuleBasedStateMachine):
    """State machine whose methods with `@rule` are possible steps at one of two desks. `counts` has the sums of
    steps, refusals, crashes, requests, approvals and refunds over all runs.

    Of the arguments of a step, `desk` is the number of the desk, `refund_index` or `payment_index` the random number
    that chooses a refund or a payment, `behaviour` the provider's behaviour during the step, and `crash` the
    failpoint at which the desk's process crashes (None: no crash).
    """

    counts: ClassVar[Counter[str]] = Counter()

    @initialize()
    def open_test_database(self) -> None:
        self.world = RefundWorld()

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        try:
            self._end_run()
        finally:
            self.counts.update(world.tally)
            self.counts.update(refunds=len(world.ledger.entries), sendings=world.ledger.sending_count)
            world.close()

    def _end_run(self) -> None:
        """At the end of a run, run the due tasks of both desks three times, ten minutes apart. Check that no
        operation is still `calling`, and that each refund that has not ended is in its queue with a next step."""
        world = self.world
        world.ledger.is_readable, world.ledger.behaviour = True, "accepts"
        for _ in range(3):
            world.clock.at += timedelta(minutes=10)
            for desk_index in (0, 1):
                world.call_as(desk_index, "op-a", lambda console: console.recovery.run_all_tasks())
        world.check_ledger()
        console = world.processes[0].console
        assert truth.count_calling_operations(console.database) == 0
        money_truth.check_queues(console, world.read_refund_rows())
        for process in world.processes:
            process.console.audit.verify_chains()

    # Asking

    @rule(
        desk=desk_numbers,
        payment_index=st.integers(0, 5),
        amount=st.sampled_from(AMOUNTS),
        person=st.sampled_from(MAKERS),
        is_intended_repeat=st.booleans(),
        crash=crash_failpoints,
    )
    def request_refund(
        self, desk: int, payment_index: int, amount: str, person: str, is_intended_repeat: bool, crash: str | None
    ) -> None:
        request = RefundRequest(self.world.payments[payment_index], amount, "sent back", is_intended_repeat)
        self._count_step(
            "asked", self.world.call_as(desk, person, lambda console: console.refunds.request(request), crash)
        )

    @rule(desk=desk_numbers, person=st.sampled_from(MAKERS), crash=crash_failpoints)
    def request_refund_of_set_aside(self, desk: int, person: str, crash: str | None) -> None:
        payment, item = self.world.set_asides[0]
        request = RefundRequest(payment, "700", "beyond the limit", intended_repeat=True, set_aside_id=item)
        self._count_step(
            "asked", self.world.call_as(desk, person, lambda console: console.refunds.request(request), crash)
        )

    def _count_step(self, step_name: str, result: object) -> None:
        """Count the step `step_name` if `result` is a refund; an error code or None is not counted."""
        if isinstance(result, Refund):
            self.world.tally[step_name] += 1

    def _choose_refund(self, refund_index: int) -> RefundRow | None:
        """Return a refund chosen by the random number `refund_index`, or None if there is no refund. Refunds that
        have not ended are five times as likely."""
        rows = self.world.read_refund_rows()
        rows += tuple(row for row in rows if row.is_open) * 4
        return rows[-1 - refund_index % len(rows)] if rows else None

    # Deciding and sending

    @rule(
        desk=desk_numbers,
        refund_index=refund_indexes,
        person=st.sampled_from((*CHECKERS, *CHECKERS, *MAKERS)),
        behaviour=st.sampled_from(BEHAVIOURS),
        crash=crash_failpoints,
    )
    def approve(self, desk: int, refund_index: int, person: str, behaviour: Behaviour, crash: str | None) -> None:
        self._approve(desk, refund_index, person, behaviour, crash)

    @rule(
        desk=desk_numbers,
        payment_index=st.integers(0, 5),
        amount=st.sampled_from(AMOUNTS[:4]),
        wait=st.booleans(),
        behaviour=st.sampled_from(BEHAVIOURS),
        crash=crash_failpoints,
    )
    def request_and_approve_refund(
        self, desk: int, payment_index: int, amount: str, behaviour: Behaviour, wait: bool, crash: str | None
    ) -> None:
        """Request a refund and let both approvers approve it, which sends the refund. With `wait`, let a minute pass,
        which is longer than the refund's cooling-off period, and let one approver approve it again."""
        world, request = self.world, RefundRequest(self.world.payments[payment_index], amount, "sent back", True)
        refund = world.call_as(desk, MAKERS[0], lambda console: console.refunds.request(request))
        if not isinstance(refund, Refund):
            return
        self._count_step("asked", refund)
        for person in CHECKERS:
            self._approve_refund(desk, refund.id, person, behaviour, crash)
        if wait:
            world.clock.at += timedelta(seconds=60)
            self._approve_refund(desk, refund.id, CHECKERS[0], behaviour, crash)

    @rule(
        desk=desk_numbers,
        refund_index=refund_indexes,
        behaviour=st.sampled_from(BEHAVIOURS),
        crashes_after_acceptance=st.booleans(),
    )
    def crash_during_call(
        self, desk: int, refund_index: int, behaviour: Behaviour, crashes_after_acceptance: bool
    ) -> None:
        """The desk's process crashes during the call to the provider: after the provider has accepted the refund
        (`crashes_after_acceptance`), or before."""
        process, ledger = self.world.processes[desk], self.world.ledger
        setattr(
            ledger, "during_call" if crashes_after_acceptance else "before_call", lambda: self.world.kill(process)
        )
        self._approve(desk, refund_index, CHECKERS[0], behaviour, None)

    @rule(desk=desk_numbers, refund_index=refund_indexes, behaviour=st.sampled_from(BEHAVIOURS))
    def lose_database_during_call(self, desk: int, refund_index: int, behaviour: Behaviour) -> None:
        """The desk's database refuses all writes from the moment at which the provider has accepted the refund."""
        with self.world.break_database_writes(desk) as lose:
            self.world.ledger.during_call = lose
            self._approve(desk, refund_index, CHECKERS[0], behaviour, None)

    @rule(
        desk=desk_numbers,
        refund_index=refund_indexes,
        behaviour=st.sampled_from(BEHAVIOURS),
        span=st.sampled_from(CLOCK_STEPS),
    )
    def stop_process_during_call(self, desk: int, refund_index: int, behaviour: Behaviour, span: timedelta) -> None:
        """The desk's process stops during the call to the provider for the time `span`. Meanwhile the other desk runs
        its due tasks."""
        world, other = self.world, 1 - desk

        def run_tasks_at_other_desk_during_call() -> None:
            world.ledger.during_call = lambda: None
            world.clock.at += span
            world.call_as(other, "op-a", lambda console: console.recovery.run_all_tasks())

        world.ledger.during_call = run_tasks_at_other_desk_during_call
        self._approve(desk, refund_index, CHECKERS[0], behaviour, None)

    def _approve(self, desk: int, refund_index: int, person: str, behaviour: Behaviour, crash: str | None) -> None:
        """Let a person approve the refund that `refund_index` chooses (see `_choose_refund`). The approval may send
        the refund to a provider with this behaviour.
        """
        row, ledger = self._choose_refund(refund_index), self.world.ledger
        if row is not None:
            self._approve_refund(desk, row.id, person, behaviour, crash)
        ledger.before_call = ledger.during_call = lambda: (
            None
        )  # what was to happen in this call happens in no later one

    def _approve_refund(
        self, desk: int, refund_id: int, person: str, behaviour: Behaviour, crash: str | None
    ) -> None:
        """Let a person approve this refund. Check that the approval fails if the person has requested the refund."""
        world = self.world
        world.ledger.behaviour = behaviour
        answer = world.call_as(desk, person, lambda console: console.refunds.approve(refund_id), crash)
        self._count_step("approved", answer)
        assert not isinstance(answer, Refund) or not is_same_person(person, answer.maker), (
            f"approved their own: {answer}"
        )
        world.ledger.behaviour = "accepts"

    @rule(
        desk=desk_numbers,
        payment_index=st.integers(0, 5),
        executes_later=st.booleans(),
        later=st.lists(st.sampled_from(CLOCK_STEPS[2:]), min_size=3, max_size=6),
    )
    def send_without_answer(
        self, desk: int, payment_index: int, executes_later: bool, later: list[timedelta]
    ) -> None:
        """Request and approve a refund to whose sending the provider gives no answer. With `executes_later` the
        provider executes the refund in a later step. Meanwhile the other desk runs its due tasks after each time span
        of `later`."""
        world, sent = self.world, self.world.ledger.sending_count
        request = RefundRequest(world.payments[payment_index], "70", "sent back", True)
        refund = world.call_as(desk, MAKERS[1], lambda console: console.refunds.request(request))
        if isinstance(refund, Refund):
            self._approve_refund(desk, refund.id, CHECKERS[1], "silent_before", None)
        if executes_later and world.ledger.sending_count > sent and world.last_instruction is not None:
            world.late_instructions.append(world.last_instruction)
        for span in later:
            world.clock.at += span
            world.call_as(1 - desk, "op-a", lambda console: console.recovery.run_all_tasks())
            world.check_ledger()

    @precondition(lambda self: bool(self.world.late_instructions))
    @rule()
    def execute_late_refund(self) -> None:
        """The provider executes the oldest unanswered refund of the rule `send_without_answer`."""
        self.world.execute_late_instruction(self.world.late_instructions.pop(0))

    @rule(
        desk=desk_numbers,
        refund_index=refund_indexes,
        person=st.sampled_from((*CHECKERS, *MAKERS)),
        crash=crash_failpoints,
    )
    def reject(self, desk: int, refund_index: int, person: str, crash: str | None) -> None:
        row = self._choose_refund(refund_index)
        if row is not None:
            self.world.call_as(desk, person, lambda console: console.refunds.reject(row.id, "no"), crash)

    @rule(desk=desk_numbers, refund_index=refund_indexes, person=st.sampled_from(MAKERS), crash=crash_failpoints)
    def withdraw(self, desk: int, refund_index: int, person: str, crash: str | None) -> None:
        row = self._choose_refund(refund_index)
        if row is not None:
            self.world.call_as(desk, person, lambda console: console.refunds.withdraw(row.id), crash)

    # Asking what happened

    @rule(desk=desk_numbers, refund_index=refund_indexes, crash=crash_failpoints)
    def probe(self, desk: int, refund_index: int, crash: str | None) -> None:
        """Probe the refund that `refund_index` chooses, and check that the probe sends no refund."""
        row, sent = self._choose_refund(refund_index), self.world.ledger.sending_count
        if row is not None:
            self.world.call_as(desk, "op-a", lambda console: console.refunds.probe(row.id), crash)
        assert self.world.ledger.sending_count == sent, "a probe sent something"

    @rule(desk=desk_numbers, behaviour=st.sampled_from(BEHAVIOURS), crash=crash_failpoints)
    def run_due_tasks(self, desk: int, behaviour: Behaviour, crash: str | None) -> None:
        self.world.ledger.behaviour = behaviour
        self.world.call_as(desk, "op-a", lambda console: console.recovery.run_all_tasks(), crash)
        self.world.ledger.behaviour = "accepts"

    @rule(desk=desk_numbers, refund_index=refund_indexes)
    def report_in_payment_details(self, desk: int, refund_index: int) -> None:
        """The provider reports a refund as a part of the details of the refunded payment."""
        entries = self.world.ledger.entries
        if not entries:
            return
        entry = entries[refund_index % len(entries)]

        def report_in_transaction(console: Console, tx: Transaction) -> bool:
            provider = self.world.provider_by_payment_id_at_provider[entry.payment]
            payment = payments.find_by_id_at_provider(tx.conn, provider, entry.payment)
            assert payment is not None
            return apply_refund_report(console._context, tx, payment.id, make_report(entry))

        def report_details(console: Console) -> bool:
            return console.database.write(lambda tx: report_in_transaction(console, tx))

        assert self.world.call_as(desk, "op-a", report_details) is True

    @rule(
        desk=desk_numbers,
        refund_index=refund_indexes,
        person=st.sampled_from((*CHECKERS, *MAKERS)),
        crash=crash_failpoints,
    )
    def resolve(self, desk: int, refund_index: int, person: str, crash: str | None) -> None:
        """A person resolves a refund as completed or failed, according to the provider's screen. The step is skipped
        while the provider has not ended the refund or may still execute it."""
        row = self._choose_refund(refund_index)
        if row is None or self.world.is_late(row.key):
            return
        entry: RefundEntry | None = next(iter(self.world.ledger.list_entries(row.key)), None)
        done = entry is not None and entry.entry_state == "done"
        if entry is not None and entry.entry_state == "accepted":
            return
        as_state, number = ("completed", entry.number) if done and entry else ("failed", None)
        self.world.call_as(
            desk, person, lambda console: console.refunds.resolve(row.id, as_state, "their screen", number), crash
        )

    # The world around

    @precondition(lambda self: bool(self.world.ledger.entries))
    @rule(refund_index=refund_indexes, is_completed=st.booleans())
    def end_accepted_refund(self, refund_index: int, is_completed: bool) -> None:
        """The provider ends a refund that it has accepted. It completes the refund with `is_completed`; otherwise
        Atom refuses the refund and PayPay completes it."""
        entries = [one for one in self.world.ledger.entries if one.entry_state == "accepted"]
        if entries:
            entry = entries[refund_index % len(entries)]
            entry.entry_state = "done" if is_completed or entry.payment not in ("T-ORD2", "T-ORD5") else "void"

    @rule(span=st.sampled_from(CLOCK_STEPS))
    def move_clock(self, span: timedelta) -> None:
        self.world.clock.at += span

    @rule(is_readable=st.booleans())
    def set_provider_readable(self, is_readable: bool) -> None:
        self.world.ledger.is_readable = is_readable

    @invariant()
    def check_world(self) -> None:
        """After each step, compare all refunds with the providers' ledger."""
        if hasattr(self, "world"):
            self.counts["steps"] += 1
            self.world.check_ledger()


def run_refund_machine(seed: int, example_count: int) -> Counter[str]:
    """Run the state machine `example_count` times, and return its counts: `steps`, `refunds` (at the provider),
    `sendings`, `crashes`, the number of steps by name, such as `approved`, and the number of calls with each error
    code. The same seed repeats the same steps."""

    class CountedMachine(RefundMachine):
        # Counts of its own, so that the counts of two runs in one process are not added up.
        counts: ClassVar[Counter[str]] = Counter()

    crashing.run_machine(CountedMachine, seed, example_count)
    return CountedMachine.counts
