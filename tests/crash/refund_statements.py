"""Makes the n-th statement of an action on a refund or a notice fail, either once or with all later statements. The
checks are the same for every n.
"""

import random
from collections import Counter
from functools import partial

from tests.crash.broken_statements import StatementFault, break_statements
from tests.support.fault_places import call_at_each_place
from tests.support.money_stage import MoneyStage

TESTED_FAULTS: tuple[StatementFault, ...] = ("full", "lost", "commit_lost", "desk_full")
SERVER_FAULTS: tuple[StatementFault, ...] = ("deadlock", "lock_wait")
USUAL_STATEMENT_COUNT_BY_ACTION = {
    "ask": 30, "approve": 75, "reject": 25, "withdraw": 25, "probe": 45, "due": 70, "resolve": 45, "notice": 35,
}  # fmt: skip
_STATEMENT_COUNT_BY_RARE_FAULT: dict[StatementFault, int] = {"commit_lost": 5, "desk_full": 2}

RANDOM_FAULT_COUNT = 2


def fail_each_statement(stage: MoneyStage, action: str, fault: StatementFault) -> Counter[str]:
    """Let each statement of the action fail: once alone, and once with all later statements. Return the number of
    failed statements under the key `places`, and the number of actions with each ending: "done" or an error code.
    """
    tally: Counter[str] = Counter()
    for is_lasting in (False, True):
        tally += call_at_each_place(partial(fail_at_statement, stage, action, fault, is_lasting=is_lasting))
    stage.check_all_rules()
    return tally


def fail_random_statements(
    stage: MoneyStage, action: str, faults: tuple[StatementFault, ...], seed: int
) -> Counter[str]:
    """Let the action fail with RANDOM_FAULT_COUNT of these faults, each at a random statement; every second failure
    lasts. Return the number of actions with each ending: "done", an error code, or "undisturbed" if the action has
    fewer statements.
    """
    chance = random.Random(f"{action}{seed}")
    tally: Counter[str] = Counter()
    for i, fault in enumerate(chance.sample(faults, RANDOM_FAULT_COUNT), seed):
        nth = chance.randint(1, _STATEMENT_COUNT_BY_RARE_FAULT.get(fault, USUAL_STATEMENT_COUNT_BY_ACTION[action]))
        ended = fail_at_statement(stage, action, fault, nth, is_lasting=i % 2 == 0)
        tally.update({ended or "undisturbed": 1})
    return tally


def fail_at_statement(
    stage: MoneyStage, action: str, fault: StatementFault, nth: int, *, is_lasting: bool
) -> str | None:
    """Run the action with a fault at its n-th statement, and check how it ended. Return "done" or the error code;
    None if the action has no such statement.
    """
    where = f"{action}, {fault} at {nth}{', lasting' * is_lasting}"
    target = stage.prepare_target(action)
    with stage.open_desk(action) as console:
        console.recovery.count_queued_records()  # opens the desk, so that only the action itself has a fault
        with break_statements(console, nth, fault, is_lasting=is_lasting) as countdown:
            code = stage.execute_action(console, target)
            has_fired = countdown.has_fired
    stage.check_ending(target, code, where)
    stage.settle_and_check(target, code, where)
    return code if has_fired else None
