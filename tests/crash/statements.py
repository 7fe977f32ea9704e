"""Makes the n-th statement of a purchase, renewal or re-fetch fail, either once or with all later statements. The
checks are the same for every n.
"""

import random
from collections import Counter
from datetime import timedelta
from itertools import count

from console.app import Console
from console.domain.errors import EXIT_STATUS, ConsoleError
from console.domain.records import PurchaseRequest
from tests.crash.broken_statements import StatementFault, break_statements
from tests.support import truth
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.invented import invent_numbers
from tests.support.places import MakePlace, Place
from tests.support.quick_desks import ManualClock, use_lease_clock

ACTIONS = ("purchase", "renewal", "refetch")
TESTED_FAULTS: tuple[StatementFault, ...] = ("full", "lost", "commit_lost", "desk_full")
SERVER_FAULTS: tuple[StatementFault, ...] = ("deadlock", "lock_wait")
EXPECTED_REFUSALS = frozenset(
    ("storage_full", "outcome_unknown", "database_unreachable", "database_locked", "bad_profile")
)
USUAL_STATEMENT_COUNT_BY_FAULT: dict[StatementFault, int] = {
    "full": 60,
    "lost": 60,
    "commit_lost": 7,
    "desk_full": 7,
    "deadlock": 60,
    "lock_wait": 60,
}
(CORPORATION_NUMBER,) = invent_numbers(1)


def fail_each_statement(fresh_place: MakePlace, action: str, fault: StatementFault) -> Counter[str]:
    """Let each statement of the action fail: once alone, and once with all later statements. Each run has a new
    database. Return the number of failed statements under the key `places`."""
    tally: Counter[str] = Counter()
    for is_lasting in (False, True):
        for nth in count(1):
            with fresh_place() as place:
                if not fail_at_statement(nth, place, action, fault, is_lasting=is_lasting):
                    break
            tally["places"] += 1
    assert tally["places"], "nothing was ever asked"
    return tally


def fail_random_statements(
    fresh_place: MakePlace, action: str, fault: StatementFault, seed: int, place_count: int
) -> Counter[str]:
    """Let the first statement and some random statements fail, `place_count` statements in all. Return the number of
    runs in which a statement failed under the key `places`."""
    chance = random.Random(f"{action}{fault}{seed}")
    drawn = [1, *(chance.randint(2, USUAL_STATEMENT_COUNT_BY_FAULT[fault]) for _ in range(place_count - 1))]
    tally: Counter[str] = Counter()
    for i, nth in enumerate(drawn):
        with fresh_place() as place:
            tally["places"] += fail_at_statement(nth, place, action, fault, is_lasting=bool(i % 2))
    return tally


def fail_at_statement(nth: int, place: Place, action: str, fault: StatementFault, *, is_lasting: bool) -> bool:
    """Let the SQL statement with the number `nth` (from 1) fail while a desk of its own executes the action, and
    check the records. `fault` is the kind of failure; with `is_lasting` all later statements fail, too. Return False
    if the action has fewer than `nth` statements.
    """
    clock = ManualClock()
    with use_lease_clock(clock):
        return _run_with_fault(nth, place, clock, action, fault, is_lasting=is_lasting)


def _run_with_fault(
    nth: int, place: Place, clock: ManualClock, action: str, fault: StatementFault, *, is_lasting: bool
) -> bool:
    """Execute the action while the statement fails, and check how the action ended. Then run the due tasks in a new
    process of the desk, and check the records. Return True if the action reached the statement, so that the fault was
    caused.
    """
    alarmbox = InMemoryAlarmBox(today=clock.today)
    with place.desk(alarmbox, clock) as console:
        before = _prepare_purchase(console, clock, action)
        with break_statements(console, nth, fault, is_lasting=is_lasting) as countdown:
            ending = _execute_and_get_ending_code(console, action)
            has_fired = countdown.has_fired
        charged = len(alarmbox.charges)
        assert charged - before <= 1, f"{charged - before} charges at place {nth}"
        _check_ending(ending, charged - before, nth)
        truth.check_claims(truth.read_check_rows(console.database))
    clock.at += timedelta(minutes=5)
    with place.desk(alarmbox, clock) as fresh:
        fresh.recovery.run_all_tasks()
        rows = truth.read_check_rows(fresh.database)
        truth.check_claims(rows)
        truth.check_charges(rows, {CORPORATION_NUMBER: len(alarmbox.charges)})
        truth.check_queues(fresh)
        assert truth.count_calling_operations(fresh.database) == 0
        assert len(alarmbox.charges) == charged, f"bought again by due tasks, place {nth}"
        fresh.audit.verify_chains()
    return has_fired


def _prepare_purchase(console: Console, clock: ManualClock, action: str) -> int:
    """Buy the credit check that a renewal or re-fetch needs. Return the number of charges."""
    console.credit_checks.make_plan(CORPORATION_NUMBER)  # opens the desk, so that only the action itself has a fault
    if action == "purchase":
        return 0
    console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1"))
    if action == "renewal":
        clock.at += timedelta(days=400)
    return 1


def _execute_and_get_ending_code(console: Console, action: str) -> str:
    """Execute the action. Return "done", or the error code if the action is refused."""
    try:
        if action == "refetch":
            (bought,) = console.lookup.find_records(CORPORATION_NUMBER).credit_checks
            console.credit_checks.refetch(bought.id)
        else:
            console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1", renew=action == "renewal"))
    except ConsoleError as named:
        return named.code
    return "done"


def _check_ending(ending: str, fresh_charge_count: int, nth: int) -> None:
    """Check that the command ended with an expected code (`ending`), and that the provider charged nothing if this
    code says that nothing was sent. `fresh_charge_count` is the number of charges of this run; `nth` is named in the
    message of a failed check.
    """
    assert ending in EXPECTED_REFUSALS | {"done"}, f"{ending} at place {nth}"
    if ending != "done" and EXIT_STATUS[ending] == 6:
        assert fresh_charge_count == 0, f"{ending}, but charged, at place {nth}"
