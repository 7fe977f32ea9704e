"""Makes the n-th statement of a worker fail while the worker executes a desk request. The checks are the same for
every n.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import pytest

from console.app import Console
from console.domain.errors import EXIT_STATUS, ConsoleError
from console.domain.payments.records import Refund
from console.domain.payments.states import RefundState
from console.domain.records import PurchaseRequest
from console.sandbox.server import Sandbox
from console.store.database import boot_clock
from tests.crash import statements
from tests.crash.broken_statements import StatementFault, break_statements
from tests.support import truth
from tests.support.children import CHILD_WAIT_SECONDS
from tests.support.desks import MovedClock
from tests.support.fault_places import call_at_each_place
from tests.support.invented import invent_numbers
from tests.support.money_desks import find_newest_refund, request_refund
from tests.support.money_stage import ActionTarget, MoneyStage, open_console_as
from tests.support.places import Place
from tests.support.team_mode import (
    answer_password_prompts,
    is_result_unknown,
    keep_executing_desk_requests,
    start_team_mode,
)
from tests.support.waiting import wait_until

ACTIONS = ("purchase", "ask", "approve")
STATEMENT_FAULTS: tuple[StatementFault, ...] = (*statements.TESTED_FAULTS, *statements.SERVER_FAULTS)
_USUAL_STATEMENT_COUNT_BY_ACTION: Mapping[str, int] = {
    "purchase": 75,
    "ask": 46,
    "approve": 125,
    "commit_lost": 11,
    "desk_full": 4,
}
_ASKING_PERSON_BY_ACTION = {"purchase": "op-a", "ask": "op-a", "approve": "lead-b"}
_SELECT_ASKED_REQUEST_SQL = "SELECT id FROM requests WHERE state = 'asked'"
_SELECT_OPEN_REQUESTS_SQL = "SELECT id, action, state FROM requests WHERE state IN ('asked', 'taken')"


@dataclass
class TeamModeStage(MoneyStage):
    """Like MoneyStage, but in team mode: the people of `_ASKING_PERSON_BY_ACTION` send desk requests, and a worker
    executes them. `maker` and `checker` execute their actions without a worker, at desks without faults. The faults
    happen at the worker's desk.
    """

    def get_person(self, action: str) -> str:
        return "worker"

    def get_number(self, target: ActionTarget) -> str:
        """Return the corporation number of a purchase; "" for other actions."""
        return invent_numbers(1, seed=self.target_count)[0] if target.action == "purchase" else ""


@contextmanager
def open_stage(place: Place) -> Iterator[TeamModeStage]:
    """Yield a TeamModeStage with the empty database of `place`. The rights of the accounts of
    `_ASKING_PERSON_BY_ACTION` are reduced.
    """
    start_team_mode(place, *sorted(set(_ASKING_PERSON_BY_ACTION.values())))
    clock, uptime = MovedClock(), boot_clock.read_uptime_ms
    with pytest.MonkeyPatch.context() as patch, Sandbox() as sandbox:
        patch.setattr(boot_clock, "read_uptime_ms", lambda: uptime() + round(clock.offset.total_seconds() * 1000))
        with (
            open_console_as(place, sandbox, clock, "op-b") as maker,
            open_console_as(place, sandbox, clock, "lead-c") as checker,
        ):
            yield TeamModeStage(place, sandbox, clock, maker, checker)


def fail_each_statement(stage: TeamModeStage, action: str, fault: StatementFault) -> Counter[str]:
    """Let each statement of the action fail, once for a moment, and once until the worker gives up the desk request.
    Return the number of failed statements under the key `places`, and the number of requests with each answer to the
    desk: "done", "approved" or an error code.
    """
    tally: Counter[str] = Counter()
    for is_lasting in (False, True):
        tally += call_at_each_place(partial(fail_at_statement, stage, action, fault, is_lasting=is_lasting))
    stage.check_all_rules()
    return tally


def fail_random_statements(stage: TeamModeStage, action: str, seed: int, place_count: int) -> Counter[str]:
    """Let `place_count` random statements of the action fail, each with a random kind of fault; every second failure
    lasts. Return the number of requests with each answer to the desk: "done", "approved", an error code, or
    "undisturbed" if the action has fewer statements.
    """
    chance = random.Random(f"asked {action}{seed}")
    tally: Counter[str] = Counter()
    for i in range(place_count):
        fault = chance.choice(STATEMENT_FAULTS)
        nth = chance.randint(1, _USUAL_STATEMENT_COUNT_BY_ACTION.get(fault, _USUAL_STATEMENT_COUNT_BY_ACTION[action]))
        ended = fail_at_statement(stage, action, fault, nth, is_lasting=(seed + i) % 2 == 0)
        tally.update({ended or "undisturbed": 1})
    stage.check_all_rules()
    return tally


def fail_at_statement(
    stage: TeamModeStage, action: str, fault: StatementFault, nth: int, *, is_lasting: bool
) -> str | None:
    """Let the n-th statement of the desk request fail, then let the worker continue without faults. Check the result,
    and return the code of the answer to the desk; None if the request has fewer statements.
    """
    where = f"{action}, {fault} at {nth}{', lasting' * is_lasting}"
    target = _prepare_target(stage, action)
    with (
        open_console_as(stage.place, stage.sandbox, stage.clock, _ASKING_PERSON_BY_ACTION[action]) as desk,
        stage.open_desk(action) as worker,
        ThreadPoolExecutor(1) as thread,
    ):
        worker.desk_request_executor.announce_presence()
        answer = thread.submit(_send_until_answered, stage, desk, target, where)
        wait_until(lambda: bool(stage.place.sql(_SELECT_ASKED_REQUEST_SQL)) or answer.done(), "the request")
        with break_statements(worker, nth, fault, is_lasting=is_lasting) as countdown:
            with suppress(ConsoleError):  # logged by the thread of a worker
                worker.desk_request_executor.execute_next()
            has_fired = countdown.has_fired
        with keep_executing_desk_requests(worker):
            code = answer.result()
    assert stage.place.sql(_SELECT_OPEN_REQUESTS_SQL) == [], where
    if action == "purchase":
        _check_purchase(stage, stage.get_number(target), code, where)
    elif action == "ask":
        _check_request(stage, target, code, where)
    else:
        _check_approval(stage, target, code, where)
    return code if has_fired else None


def _prepare_target(stage: TeamModeStage, action: str) -> ActionTarget:
    """Create the records that the action needs, and return its target."""
    if action != "purchase":
        return stage.prepare_target(action)
    stage.target_count += 1
    return ActionTarget(action, f"ORD-{stage.target_count}")


def _send_until_answered(stage: TeamModeStage, desk: Console, target: ActionTarget, situation: str) -> str:
    """Send the desk request as a person's desk does: again with the same request id until the result is known. Return
    "done", "approved" (the refund is approved and not sent yet) or the error code of the refusal.
    """
    request_id, person = f"{target.action}-{stage.target_count}", _ASKING_PERSON_BY_ACTION[target.action]
    acts: Mapping[str, Callable[[], object]] = {
        "purchase": lambda: desk.credit_checks.purchase(
            PurchaseRequest(stage.get_number(target), "1"), request_id=request_id
        ),
        "ask": lambda: request_refund(desk, target.payment_id, request_id=request_id),
        "approve": lambda: desk.refunds.approve(target.refund_id, request_id=request_id),
    }
    codes: list[str] = []

    def is_answered() -> bool:
        with answer_password_prompts(stage.place, person):
            try:
                answer = acts[target.action]()
            except ConsoleError as refusal:
                codes.extend([] if is_result_unknown(refusal) else [str(refusal.code)])
            else:
                codes.append(
                    "approved" if isinstance(answer, Refund) and answer.state is RefundState.APPROVED else "done"
                )
        return bool(codes)

    wait_until(is_answered, f"an answer: {situation}", CHILD_WAIT_SECONDS)
    return codes[0]


def _check_request(stage: TeamModeStage, target: ActionTarget, code: str, situation: str) -> None:
    """Check the answer `code` to the desk: the database has the requested refund exactly if the code is "done". Then
    reject this refund. `situation` is the message of a failed check.
    """
    assert code in statements.EXPECTED_REFUSALS | {"done"}, f"{code}: {situation}"
    refund = find_newest_refund(stage.maker, target.payment_id)
    assert (code == "done") == (refund is not None), f"{code}: {situation}"
    stage.move_clocks()
    if refund is not None:
        assert stage.checker.refunds.reject(refund.id, "not ours").state is RefundState.REJECTED, situation


def _check_approval(stage: TeamModeStage, target: ActionTarget, code: str, situation: str) -> None:
    """Check how the approval of a refund ended, with the same checks as at a desk that executes it without a worker.
    In team mode the answer to a repeated request id may also be "approved": the refund is approved and not sent yet.
    """
    if code == "approved":
        assert stage.count_provider_refunds(target.number) <= 1, situation
    else:
        stage.check_ending(target, code, situation)
    stage.settle_and_check(target, "done" if code == "approved" else code, situation)


def _check_purchase(stage: TeamModeStage, number: str, code: str, situation: str) -> None:
    """Check that the number was charged at most once, and that the answer to the desk agrees with that. After the
    next due tasks no operation may have the state `calling`.
    """
    charged = len(stage.sandbox.ledger.list_charges_of_number(number))
    assert charged <= 1, f"{charged} charges: {situation}"
    assert code in statements.EXPECTED_REFUSALS | {"done"}, f"{code}: {situation}"
    assert code != "done" or charged == 1, f"done, but not charged: {situation}"
    assert EXIT_STATUS.get(code) != 6 or not charged, f"{code}, but charged: {situation}"
    stage.move_clocks(timedelta(minutes=5))
    with stage.open_desk("due") as fresh:
        fresh.recovery.run_all_tasks()
        rows = truth.read_check_rows(fresh.database)
        truth.check_claims(rows)
        truth.check_charges(rows, stage.sandbox.ledger.count_charges_by_number())
        truth.check_queues(fresh)
        assert truth.count_calling_operations(fresh.database) == 0, situation
    assert len(stage.sandbox.ledger.list_charges_of_number(number)) == charged, (
        f"bought again by due tasks: {situation}"
    )
