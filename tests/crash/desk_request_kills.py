"""Ends a worker by SIGKILL or SIGTERM at each named step of a desk request. Another worker, or the same worker after
a restart, continues the request. The checks are about the answer to the desk.
"""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from console.app import Console, open_console
from console.domain.errors import EXIT_STATUS, ConsoleError
from console.domain.process import interrupts
from console.domain.process.failpoint_names import REQUEST_FAILPOINTS
from console.sandbox.server import Sandbox
from console.services.guarded import request_ids
from console.services.process.context import get_executed_desk_request_id
from console.services.process.failpoints import Failpoints
from console.settings.settings import Settings
from console.worker.main import run_worker
from tests.crash import kills, request_kills
from tests.crash.request_kills import RequestKillCase, count_provider_requests, make_call
from tests.support import money_truth, truth
from tests.support.children import CHILD_WAIT_SECONDS, Child, Pipe, start_children
from tests.support.invented import invent_numbers
from tests.support.money_desks import make_provider_settings
from tests.support.places import Place
from tests.support.team_mode import answer_password_prompts, is_result_unknown, start_team_mode
from tests.support.waiting import wait_until

PERSON_BY_ACTION = {"purchase": "op-a", "approve": "lead-b"}
STEPS_BY_ACTION: Mapping[str, tuple[str, ...]] = {
    "purchase": (*REQUEST_FAILPOINTS, *kills.PURCHASE_STEPS),
    "approve": request_kills.STEPS_BY_ACTION["approve"],
}
WorkerEnding = Literal["killed", "told to end", "told twice"]
EXIT_STATUS_BY_ENDING: Mapping[WorkerEnding, int] = {
    "killed": kills.KILLED_EXIT_STATUS,
    "told to end": 0,
    "told twice": 0,
}
"""Exit status of the worker by the way in which it is ended at the step."""
_ASKERS_DESK = 1
_FIRST_WORKERS_DESK = 2
_SECOND_WORKERS_DESK = 3
_EXIT_STATUSES_BEFORE_SENDING = (3, 6, 130)
_SELECT_OPEN_REQUESTS_SQL = "SELECT id, action, state FROM requests WHERE state IN ('asked', 'taken')"


class FailpointsThatEndWorker(Failpoints):
    """Failpoints of a worker that end its process at one step of a desk request. Due tasks of this worker wait before
    their first transaction: otherwise they would send an approved refund before the desk request does.
    """

    def __init__(self, step: str, ending: WorkerEnding) -> None:
        super().__init__(None)
        self._step, self._end = step, ending

    def reach(self, name: str) -> None:
        if get_executed_desk_request_id() is None:
            while name == "before_tx1" and not interrupts.is_interrupt_pending():
                time.sleep(0.02)  # house: until this process has ended
            return
        if name != self._step:
            return
        self._step = ""
        if self._end == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGTERM)
        deadline = time.monotonic() + CHILD_WAIT_SECONDS
        while self._end == "told twice" and not interrupts.is_interrupt_pending():
            assert time.monotonic() < deadline, "the second SIGTERM cuts nothing off"
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.02)  # house: the first signal must have been handled before the next one


def run_worker_until_step(pipe: Pipe, environment: Mapping[str, str], step: str, ending: WorkerEnding) -> None:
    """Target of a child process: run a worker that ends at the step `step` in the way `ending`: by SIGKILL, by one
    SIGTERM or by repeated SIGTERM. With the step "" the worker runs until the parent process stops it.
    """
    with open_console(Settings.load(dict(environment))) as console:
        console._context.failpoints = FailpointsThatEndWorker(step, ending) if step else Failpoints(None)
        run_worker(console, lambda _: pipe.send("ready"))


@dataclass(frozen=True)
class _TeamModeDesks:
    """The desks of one test. `asker` is the desk that sends desk requests. `observer` is a desk of another person,
    who executes actions without a worker and reads the results.
    """

    place: Place
    sandbox: Sandbox
    asker: Console
    observer: Console

    @contextmanager
    def start_worker(self, desk: int, step: str = "", ending: WorkerEnding = "killed") -> Iterator[Child]:
        """Start a worker at this desk, and yield it when it is ready. If it is to end after one SIGTERM ("told to
        end"), its waits have their full length, so that a slow machine interrupts none of its requests.
        """
        facts = make_provider_settings(self.sandbox.url) | ({"TIME_SCALE": "1"} if ending == "told to end" else {})
        environment = self.place.make_environment(self.sandbox.url, "worker", desk, RECEIVER_PORT="0", **facts)
        with start_children(run_worker_until_step, [(environment, step, ending)]) as (child,):
            assert child.wait_for_report() == "ready"
            yield child


def end_worker_at_each_step(
    place: Place,
    action: str,
    ending: WorkerEnding,
    seed: int = 0,
    only_steps: Sequence[str] = (),
    same_worker_continues: bool = False,
) -> Counter[str]:
    """End the worker at each step of the action (or at the steps `only_steps`). `ending` decides how it is ended.
    With `same_worker_continues` the same worker continues, with its spool, otherwise another worker. Return the
    number of requests with each answer to the desk (`acted`, `repeated` or an error code), and `ends`, the number of
    ended workers.
    """
    start_team_mode(place, *PERSON_BY_ACTION.values())
    with Sandbox() as sandbox, _open_scene(place, sandbox, PERSON_BY_ACTION[action]) as scene:
        steps = [step for step in STEPS_BY_ACTION[action] if step in (only_steps or STEPS_BY_ACTION[action])]
        cases = [
            RequestKillCase(
                action, step, number, request_kills.make_subject(action, number, scene.observer, sandbox), str(i)
            )
            for i, (step, number) in enumerate(zip(steps, invent_numbers(len(steps), seed), strict=True), 1)
        ]
        answer_counts = Counter(
            _end_and_continue(case, scene, ending, same_worker_continues=same_worker_continues) for case in cases
        )
        _check_all_records(scene)
    return answer_counts + Counter(ends=len(cases))


@contextmanager
def _open_scene(place: Place, sandbox: Sandbox, asker: str) -> Iterator[_TeamModeDesks]:
    """Yield the scene: the desk of the person `asker`, which stores requests, and the desk of an observer."""
    both = make_provider_settings(sandbox.url)
    with (
        place.open_desk(sandbox, person=asker, desk=_ASKERS_DESK, **both) as console,
        place.open_desk(sandbox, person="op-b", **both) as observer,
    ):
        yield _TeamModeDesks(place, sandbox, console, observer)


def _end_and_continue(
    case: RequestKillCase, scene: _TeamModeDesks, ending: WorkerEnding, *, same_worker_continues: bool
) -> str:
    """End the worker while the desk waits for the answer, and let a worker continue the request. Check the answer to
    the desk, then send the same request id once more. Return the first answer.
    """
    with ThreadPoolExecutor(1) as thread:
        with scene.start_worker(_FIRST_WORKERS_DESK, case.step, ending) as first:
            answer = thread.submit(_send_until_answered, case, scene)
            assert first.wait_for_end() == EXIT_STATUS_BY_ENDING[ending], f"{case}: {ending}"
        with scene.start_worker(_FIRST_WORKERS_DESK if same_worker_continues else _SECOND_WORKERS_DESK):
            first_answer = answer.result()
            if first_answer in ("acted", "repeated"):  # a due task may be about to send what was approved
                wait_until(lambda: count_provider_requests(case, scene.sandbox) > 0, f"{case}: what was told is sent")
            provider_request_count = count_provider_requests(case, scene.sandbox)
            _check_answer(
                case, ending, first_answer, provider_request_count, same_worker_continues=same_worker_continues
            )
            _check_repetition(case, scene, first_answer, provider_request_count)
    return first_answer


def _check_answer(
    case: RequestKillCase,
    ending: WorkerEnding,
    answer: str,
    provider_request_count: int,
    *,
    same_worker_continues: bool,
) -> None:
    """Check the answer `answer` against the provider: the action was executed once, or not at all, or its outcome is
    unknown. `provider_request_count` is the number of requests for this action that the provider has received.
    """
    description = f"{case}, {ending}: told {answer}, {provider_request_count} requests at the provider"
    assert provider_request_count <= 1, description
    if ending == "killed":
        prepared = case.step == request_kills.STEP_AFTER_TX1
        expected = (
            {case.expected_answer, "outcome_unknown"}
            if prepared and same_worker_continues
            else {case.expected_answer}
        )
        assert answer in ({"outcome_unknown"} if prepared and not same_worker_continues else expected), description
    elif ending == "told to end":
        assert answer == "acted", description
    if answer in ("acted", "repeated"):
        assert provider_request_count == 1, description
    else:
        assert answer == "outcome_unknown" or (
            EXIT_STATUS[answer] in _EXIT_STATUSES_BEFORE_SENDING and not provider_request_count
        ), description


def _check_repetition(
    case: RequestKillCase, scene: _TeamModeDesks, first_answer: str, provider_request_count: int
) -> None:
    """Check that a repeated request id gets the same answer. The action is executed again only if it was never sent
    to the provider before.
    """
    repeated = _send_until_answered(case, scene)
    description = f"{case}: told {first_answer}, then {repeated}"
    if first_answer in ("acted", "repeated"):
        assert repeated == "repeated", description
    elif first_answer == "outcome_unknown":
        assert repeated in ("outcome_unknown", "repeated") or (repeated == "acted" and not provider_request_count), (
            description
        )
    else:
        has_vote = case.action == "approve" and scene.place.sql(
            f"SELECT 1 FROM approvals WHERE subject_id = {case.subject}"
        )
        assert repeated == "acted" or (has_vote and repeated in ("already_decided", "in_progress")), description
    assert count_provider_requests(case, scene.sandbox) <= 1, description


def _send_until_answered(case: RequestKillCase, scene: _TeamModeDesks) -> str:
    """Send the desk request as a person's desk does: again with the same request id until the result is known. Return
    "acted", "repeated" or the error code of the refusal.
    """
    answers: list[str] = []

    def is_answered() -> bool:
        with (
            answer_password_prompts(scene.place, PERSON_BY_ACTION[case.action]),
            request_ids.watch_for_repeated_request() as watch,
        ):
            try:
                make_call(scene.asker, case)
            except ConsoleError as refusal:
                answers.extend([] if is_result_unknown(refusal) else [str(refusal.code)])
            else:
                answers.append("repeated" if watch.is_repetition else "acted")
        return bool(answers)

    wait_until(is_answered, f"an answer about {case}", CHILD_WAIT_SECONDS)
    return answers[0]


def _check_all_records(scene: _TeamModeDesks) -> None:
    """Check that each charge has its record and each refund of the provider its row, and that unknown records are in
    their queue.
    """
    place, console = scene.place, scene.observer
    with scene.start_worker(_FIRST_WORKERS_DESK):  # its spool may know what others don't
        wait_until(
            lambda: not place.sql(_SELECT_OPEN_REQUESTS_SQL) and not truth.count_calling_operations(console.database),
            "all to end",
        )
    rows = truth.read_check_rows(console.database)
    truth.check_claims(rows)
    truth.check_charges(rows, scene.sandbox.ledger.count_charges_by_number())
    truth.check_queues(console)
    money_truth.check_money(console, scene.sandbox)
    console.audit.verify_chains()
