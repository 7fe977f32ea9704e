"""Hypothesis state machine of purchases, re-fetches, probes, decisions, crashes and waits at two desks. After each
step the records are compared with the provider's ledger.
"""

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
from console.domain.process.failpoint_names import OPERATION_FAILPOINTS
from console.domain.records import CreditCheck, PurchaseRequest
from tests.stateful import crashing
from tests.stateful.world import PEOPLE, PurchaseWorld
from tests.support import truth
from tests.support.in_memory_alarmbox import Behaviour, Charge, InMemoryAlarmBox
from tests.support.invented import invent_numbers
from tests.support.places import Engine

CORPORATION_NUMBERS = invent_numbers(5, seed=24)
CLIENTS = ("1", "2")
BEHAVIOURS: tuple[Behaviour, ...] = (
    *(("answers",) * 6), "silent_after_charge", "silent_after_charge", "silent_before_charge",
    "other_number", "bad_id", "refuses", "unauthorised", "too_fast", "unreachable",
)  # fmt: skip
CLOCK_STEPS = tuple(timedelta(seconds=s) for s in (1, 3, 60, 600, 86_400, 400 * 86_400))
desk_numbers = st.integers(0, 1)
crash_failpoints = st.none() | st.none() | st.sampled_from(OPERATION_FAILPOINTS)
MAX_PURCHASES_BY_HAND = 2


class PurchaseMachine(RuleBasedStateMachine):
    """State machine whose methods with `@rule` are possible steps at one of two desks. `counts` has the sums of
    steps, refusals, crashes, purchases and charges over all runs.

    Of the arguments of a step, `desk` is the number of the desk, `number` the corporation number, `behaviour` the
    provider's behaviour during the step, and `crash` the failpoint at which the desk's process crashes (None: no
    crash). `data` draws the record of the step.
    """

    counts: ClassVar[Counter[str]] = Counter()
    engine: ClassVar[Engine] = "sqlite"

    @initialize(lists_purchases=st.booleans())
    def open_test_database(self, lists_purchases: bool) -> None:
        self.world = PurchaseWorld(InMemoryAlarmBox(lists_purchases=lists_purchases), self.engine)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        try:
            self._settle()
        finally:
            self.counts.update(world.tally)
            self.counts.update(charges=len(world.alarmbox.charges))
            world.close()

    def _settle(self) -> None:
        """At the end of a run, let all leases expire and run the due tasks of both desks. Check that no operation is
        still `calling`, that the queues have the right records, and that the audit trail verifies.
        """
        world = self.world
        world.alarmbox.is_readable = True
        world.clock.at += timedelta(minutes=5)
        for which in (0, 1):
            world.call_at_desk(which, lambda console: console.recovery.run_all_tasks())
        world.check_ledger()
        for process in world.processes:
            truth.check_queues(process.console)
            assert truth.count_calling_operations(process.console.database) == 0
            process.console.audit.verify_chains()

    # Buying

    @rule(
        desk=desk_numbers,
        number=st.sampled_from(CORPORATION_NUMBERS),
        client=st.sampled_from(CLIENTS),
        renew=st.booleans(),
        behaviour=st.sampled_from(BEHAVIOURS),
        crash=crash_failpoints,
    )
    def buy_credit_check(
        self, desk: int, number: str, client: str, renew: bool, behaviour: Behaviour, crash: str | None
    ) -> None:
        self._buy(desk, PurchaseRequest(number, client, renew=renew), behaviour, crash)

    @rule(
        desk=desk_numbers,
        number=st.sampled_from(CORPORATION_NUMBERS),
        client=st.sampled_from(CLIENTS),
        behaviour=st.sampled_from(BEHAVIOURS),
        crashes_after_charge=st.booleans(),
    )
    def crash_during_call(
        self, desk: int, number: str, client: str, behaviour: Behaviour, crashes_after_charge: bool
    ) -> None:
        """The desk's process crashes during the call to the provider, either before or after the provider's
        charge.
        """
        process = self.world.processes[desk]
        where = "during_call" if crashes_after_charge else "before_call"
        setattr(self.world.alarmbox, where, lambda: self.world.kill(process))
        self._buy(desk, PurchaseRequest(number, client), behaviour, None)

    @rule(
        desk=desk_numbers,
        number=st.sampled_from(CORPORATION_NUMBERS),
        client=st.sampled_from(CLIENTS),
        behaviour=st.sampled_from(BEHAVIOURS),
    )
    def lose_database_during_call(self, desk: int, number: str, client: str, behaviour: Behaviour) -> None:
        """The desk's database refuses all writes from the moment of the provider's charge until the end of the
        purchase.
        """
        with self.world.break_database_writes(desk) as lose:
            self.world.alarmbox.during_call = lose
            self._buy(desk, PurchaseRequest(number, client), behaviour, None)

    @rule(
        desk=desk_numbers,
        number=st.sampled_from(CORPORATION_NUMBERS),
        client=st.sampled_from(CLIENTS),
        behaviour=st.sampled_from(BEHAVIOURS),
        other_desk_decides=st.booleans(),
        span=st.sampled_from(CLOCK_STEPS),
    )
    def stop_process_during_call(
        self, desk: int, number: str, client: str, behaviour: Behaviour, other_desk_decides: bool, span: timedelta
    ) -> None:
        """The desk's process stops during the call to the provider for the time `span`. Meanwhile the other desk runs
        its due tasks. With `other_desk_decides`, two people at the other desk also decide about the records that were
        not charged.
        """
        world, other = self.world, 1 - desk

        def run_tasks_at_other_desk_during_call() -> None:
            world.alarmbox.during_call = lambda: None
            world.clock.at += span
            world.call_at_desk(other, lambda console: console.recovery.run_all_tasks())
            if other_desk_decides:
                for record in self._list_record_ids():
                    self._let_two_people_decide(other, record)

        world.alarmbox.during_call = run_tasks_at_other_desk_during_call
        self._buy(desk, PurchaseRequest(number, client), behaviour, None)

    def _buy(self, desk: int, request: PurchaseRequest, behaviour: Behaviour, crash: str | None) -> None:
        """Buy a credit check at this desk while the provider has this behaviour. With `crash` the desk's process
        crashes at that failpoint. Check that a successful purchase has exactly one charge, which belongs to the
        returned record.
        """
        alarmbox = self.world.alarmbox
        alarmbox.behaviour = behaviour
        call_count = alarmbox.call_counts["check"]
        answer = self.world.call_at_desk(desk, lambda console: console.credit_checks.purchase(request), crash)
        alarmbox.before_call = alarmbox.during_call = lambda: None
        if isinstance(answer, CreditCheck):
            self.world.tally["bought"] += 1
            assert behaviour == "answers"
            assert alarmbox.call_counts["check"] == call_count + 1
            charge = alarmbox.charges[-1]
            assert (answer.id, answer.credit_check_id or charge.id) == (charge.record_id, charge.id)

    # Late effects

    @rule(desk=desk_numbers, number=st.sampled_from(CORPORATION_NUMBERS), client=st.sampled_from(CLIENTS))
    def charge_later(self, desk: int, number: str, client: str) -> None:
        """Send a purchase that the provider doesn't answer. The rule `book_late_charge` charges it in a later
        step.
        """
        world = self.world
        before = set(world.purchase_count_by_record)
        self._buy(desk, PurchaseRequest(number, client), "silent_before_charge", None)
        world.late_charges += [
            (number, client, record_id) for record_id in set(world.purchase_count_by_record) - before
        ]

    @precondition(lambda self: bool(self.world.late_charges))
    @rule()
    def book_late_charge(self) -> None:
        """The provider charges the oldest unanswered purchase of the rule `charge_later`. If two people have decided
        meanwhile that it was not bought, the charge happens only if the provider has a list of purchases, in which
        the console can find the charge.
        """
        world = self.world
        number, client, record_id = world.late_charges.pop(0)
        if record_id not in world.ids_decided_not_bought or world.alarmbox.lists_purchases:
            charges = world.alarmbox.charges
            charges.append(Charge(len(charges) + 1, number, client, world.clock.today(), record_id))

    @precondition(
        lambda self: sum(charge.record_id is None for charge in self.world.alarmbox.charges) < MAX_PURCHASES_BY_HAND
    )
    @rule(number=st.sampled_from(CORPORATION_NUMBERS))
    def buy_by_hand(self, number: str) -> None:
        """A person buys a credit check on AlarmBox's own page, without the console. A run has at most
        MAX_PURCHASES_BY_HAND such purchases, because with more of them the provider's list could never identify a
        purchase.
        """
        charges = self.world.alarmbox.charges
        charges.append(Charge(len(charges) + 1, number, "", self.world.clock.today(), None))

    # Repairing

    def _list_record_ids(self) -> list[int]:
        return [row.id for row in self.world.read_check_rows()]

    @precondition(lambda self: bool(self._list_record_ids()))
    @rule(desk=desk_numbers, data=st.data(), detail=st.booleans(), pdf=st.booleans(), crash=crash_failpoints)
    def refetch(self, desk: int, data: st.DataObject, detail: bool, pdf: bool, crash: str | None) -> None:
        """Fetch the report (`detail`) or the PDF (`pdf`) of a random credit check again; both if neither is chosen.
        Nothing may be bought. `crash` is the failpoint at which the desk crashes.
        """
        record = data.draw(st.sampled_from(self._list_record_ids()))
        call_count = self.world.alarmbox.call_counts["check"]
        both = not (detail or pdf)
        self.world.call_at_desk(
            desk,
            lambda console: console.credit_checks.refetch(record, detail=detail or both, pdf=pdf or both),
            crash,
        )
        assert self.world.alarmbox.call_counts["check"] == call_count, "a re-fetch bought something"

    @precondition(lambda self: bool(self._list_record_ids()))
    @rule(desk=desk_numbers, data=st.data(), crash=crash_failpoints)
    def probe(self, desk: int, data: st.DataObject, crash: str | None) -> None:
        record = data.draw(st.sampled_from(self._list_record_ids()))
        self.world.call_at_desk(desk, lambda console: console.credit_checks.probe(record), crash)

    @precondition(lambda self: bool(self._list_record_ids()))
    @rule(desk=desk_numbers, data=st.data(), id_at_provider=st.integers(1, 6), crash=crash_failpoints)
    def resolve_by_any_id(self, desk: int, data: st.DataObject, id_at_provider: int, crash: str | None) -> None:
        """A person resolves a record as bought with an id that may be wrong. A wrong id is skipped if the desk can't
        recognise it: its charge has the same corporation number and belongs to no other record.
        """
        record = data.draw(st.sampled_from(self._list_record_ids()))
        charge = next((one for one in self.world.alarmbox.charges if one.id == id_at_provider), None)
        if charge is not None and charge.record_id != record and not self._is_distinguishable(charge, record):
            return
        self.world.call_at_desk(
            desk,
            lambda console: console.recovery.resolve(
                "credit-check", record, "success", "their screen", id_at_provider
            ),
            crash,
        )

    def _is_distinguishable(self, charge: Charge, record_id: int) -> bool:
        """Return True if the desk can recognise that the charge doesn't belong to this record: the charge's
        corporation number differs, or another record already has the charge's id.
        """
        rows = {row.id: row for row in self.world.read_check_rows()}
        return charge.number != rows[record_id].number or any(
            row.id_at_provider == charge.id for row in rows.values()
        )

    @precondition(lambda self: bool(self._list_unknown_ids()))
    @rule(desk=desk_numbers, data=st.data(), crash=crash_failpoints)
    def resolve_by_true_id(self, desk: int, data: st.DataObject, crash: str | None) -> None:
        """A person resolves an unknown record as bought, with the id of the record's charge from the provider's
        screen. Nothing happens if the provider has not charged the record.
        """
        record = data.draw(st.sampled_from(self._list_unknown_ids()))
        charge = self.world.find_charge_id(record)
        if charge is not None:
            self.world.call_at_desk(
                desk,
                lambda console: console.recovery.resolve("credit-check", record, "success", "seen", charge),
                crash,
            )

    def _list_unknown_ids(self) -> list[int]:
        return [row.id for row in self.world.read_check_rows() if row.certainty == "unknown"]

    @precondition(lambda self: bool(self._list_record_ids()))
    @rule(desk=desk_numbers, data=st.data(), person=st.sampled_from(PEOPLE), crash=crash_failpoints)
    def resolve_as_error(self, desk: int, data: st.DataObject, person: str, crash: str | None) -> None:
        """One person decides that a record was not bought (see `_decide_not_bought`)."""
        record = data.draw(st.sampled_from(self._list_record_ids()))
        self._decide_not_bought(desk, record, person, crash)

    def _let_two_people_decide(self, desk: int, record: int) -> None:
        """Let two people decide that this record was not bought. Each decision is skipped where `_decide_not_bought`
        skips it.
        """
        for person in PEOPLE[:2]:
            self._decide_not_bought(desk, record, person, None)

    def _decide_not_bought(self, desk: int, record: int, person: str, crash: str | None) -> None:
        """Let one person decide that this record was not bought. The decision is skipped if the record was charged or
        may still be charged, and AlarmBox has no readable list of purchases. With a readable list the person may
        decide wrongly, because the list shows the program that the purchase was made, at once or later.
        """
        world = self.world
        is_charged = any(one.record_id == record and not world.has_expired(one) for one in world.alarmbox.charges)
        is_listed = world.alarmbox.lists_purchases and world.alarmbox.is_readable
        if not is_listed and (is_charged or any(late[2] == record for late in world.late_charges)):
            return

        def decide_as_person(console: Console) -> object:
            if person == PEOPLE[0]:
                return console.recovery.resolve("credit-check", record, "error", f"{person}: not on the bill")
            with world.place.open_console_of_person(console, person) as other:
                return other.recovery.resolve("credit-check", record, "error", f"{person}: not on the bill")

        world.call_at_desk(desk, decide_as_person, crash)
        if not is_charged and any(row.id == record and row.status == "error" for row in world.read_check_rows()):
            world.ids_decided_not_bought.add(record)

    @rule(desk=desk_numbers, crash=crash_failpoints)
    def acknowledge(self, desk: int, crash: str | None) -> None:
        """A person acknowledges all open alerts about contradicted decisions."""

        def acknowledge_contradictions(console: Console) -> None:
            for alert in console.alerts.list_alerts():
                if alert.rule_id == "contradicted" and alert.acknowledged_by is None:
                    console.alerts.acknowledge(alert.id, "seen")

        self.world.call_at_desk(desk, acknowledge_contradictions, crash)

    @rule(desk=desk_numbers, crash=crash_failpoints)
    def run_due_tasks(self, desk: int, crash: str | None) -> None:
        """Run the due tasks of this desk, and check that they buy nothing."""
        call_count = self.world.alarmbox.call_counts["check"]
        self.world.call_at_desk(desk, lambda console: console.recovery.run_all_tasks(), crash)
        assert self.world.alarmbox.call_counts["check"] == call_count, "a due task bought something"

    # The world around

    @rule(span=st.sampled_from(CLOCK_STEPS))
    def move_clock(self, span: timedelta) -> None:
        self.world.clock.at += span

    @rule(is_readable=st.booleans())
    def set_provider_readable(self, is_readable: bool) -> None:
        self.world.alarmbox.is_readable = is_readable

    @rule(desk=desk_numbers)
    def check_desk_queues(self, desk: int) -> None:
        truth.check_queues(self.world.processes[desk].console)

    @invariant()
    def check_world(self) -> None:
        """After each step, compare all records with the provider's ledger."""
        if hasattr(self, "world"):
            self.counts["steps"] += 1
            self.world.check_ledger()


def run_purchase_machine(seed: int, example_count: int, engine_of_run: Engine = "sqlite") -> Counter[str]:
    """Run the state machine `example_count` times on the database engine `engine_of_run`, and return its counts:
    `steps`, `bought`, `crashes`, `charges`, and the number of calls with each error code. The same seed repeats the
    same steps.
    """

    class CountedMachine(PurchaseMachine):
        # Counts of its own, so that the counts of two runs in one process are not added up.
        counts: ClassVar[Counter[str]] = Counter()
        engine: ClassVar[Engine] = engine_of_run

    crashing.run_machine(CountedMachine, seed, example_count)
    return CountedMachine.counts
