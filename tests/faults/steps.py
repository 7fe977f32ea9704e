"""A proxy disturbs the n-th command that an action sends to its database. The checks are the same for every n."""

import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from threading import Event, Thread
from typing import Literal

import pytest

from console.app import Console
from console.domain.errors import ConsoleError
from console.providers.credit_checks.tokens import TokenPair
from console.services.credit_checks.provider_tokens import DatabaseTokenStore
from tests.faults.scene import EXPECTED_REFUSALS, FaultScene, buy_check, check_ending
from tests.support.fault_places import call_at_each_place
from tests.support.invented import invent_numbers
from tests.support.servers import Server
from tests.support.sql_proxy import BreakKind
from tests.support.waiting import MAX_WAIT_SECONDS

CommandFault = Literal["lost_request", "lost_reply", "half_reply", "killed", "away", "away_after", "restarted"]
TESTED_FAULTS: tuple[CommandFault, ...] = ("lost_request", "lost_reply", "half_reply", "killed", "away", "away_after")
"""The faults that the tests cause. The n-th command or its reply is lost once; the session that sends the n-th
command is killed; or the server can't be reached any more from the n-th command on."""

_BREAK_KIND_BY_FAULT: dict[CommandFault, tuple[BreakKind, bool]] = {
    "lost_request": ("lost_request", False),
    "lost_reply": ("lost_reply", False),
    "half_reply": ("half_reply", False),
    "killed": ("passed", False),
    "away": ("lost_request", True),
    "away_after": ("lost_reply", True),
    "restarted": ("passed", False),
}
USUAL_COMMAND_COUNT_BY_ACTION = {"purchase": 64, "refetch": 50, "probe": 40, "resolve": 40, "due": 60, "token": 15}
ACTIONS = tuple(USUAL_COMMAND_COUNT_BY_ACTION)
_SHORT_RETRY_SETTINGS = {"retry_policy.UNREACHABLE_RETRY_SECONDS": 0.2, "engine.COMMIT_CHECK_SECONDS": 0.2}


def disturb_each_command(scene: FaultScene, action: str, fault: CommandFault, seed: int) -> Counter[str]:
    """Disturb each command of the action in turn. Return the number of actions with each ending ("done" or an error
    code), and `places`, the number of disturbed commands."""
    names = iter(invent_numbers(2_000, seed))
    tally = call_at_each_place(lambda nth: fail_at_command(scene, action, fault, nth, next(names)))
    scene.verify_trail()
    return tally


def disturb_random_commands(scene: FaultScene, action: str, seed: int) -> Counter[str]:
    """Disturb the action once in each possible way, each time at a random command. Return the number of actions with
    each ending: "done", an error code, or "undisturbed" if the action has fewer commands."""
    chance = random.Random(f"{action}{seed}")
    tally: Counter[str] = Counter()
    names = invent_numbers(len(TESTED_FAULTS), 10 * seed + ACTIONS.index(action))
    for fault, name in zip(TESTED_FAULTS, names, strict=True):
        ending = fail_at_command(scene, action, fault, chance.randint(1, USUAL_COMMAND_COUNT_BY_ACTION[action]), name)
        tally.update({ending or "undisturbed": 1})
    return tally


def make_kill_and_wait(server: Server) -> tuple[Callable[[int], None], Callable[[], None]]:
    """Return two functions. The first kills the server and begins to restart it; it accepts a session id, which it
    doesn't use. The second waits until the server is running again.
    """
    back, dead = Thread(target=server.start), Event()

    def kill_server(_session: int) -> None:
        server.kill()
        back.start()
        dead.set()

    def wait_for_death() -> None:
        assert dead.wait(MAX_WAIT_SECONDS)
        back.join()

    return kill_server, wait_for_death


def kill_server_at_command(
    scene: FaultScene, server: Server, action: str, nth: int, number: str
) -> tuple[str | None, float]:
    """Like `fail_at_command`, but the server is killed before the n-th command and restarted. Return the code and the
    total duration (seconds).
    """
    die, mend = make_kill_and_wait(server)
    begun = time.monotonic()
    try:
        ending = fail_at_command(scene, action, "restarted", nth, number, die, mend)
    finally:
        seconds = time.monotonic() - begun
    return ending, seconds


def fail_at_command(
    scene: FaultScene,
    action: str,
    fault: CommandFault,
    nth: int,
    number: str,
    harm: Callable[[int], None] | None = None,
    repair: Callable[[], None] = lambda: None,
) -> str | None:
    """Run the action on the corporation number `number` through a proxy with a fault at its n-th command, and check
    how it ended. Return "done" or the error code; None if the action has no such command. `harm` is called before the
    command with the id of its session (None: only the proxy disturbs, or the session is killed). `repair` is called
    after the action.
    """
    kind, lasting = _BREAK_KIND_BY_FAULT[fault]
    description = f"{action}, {fault} at {nth}"
    act = _FUNCTION_BY_ACTION[action]
    with ExitStack() as around:
        if lasting:
            patch = around.enter_context(pytest.MonkeyPatch.context())
            for name, seconds in _SHORT_RETRY_SETTINGS.items():
                patch.setattr(f"console.store.database.{name}", seconds)
        console = around.enter_context(scene.open_desk_through_proxy())
        subject = _prepare_records(scene, action, number)
        before = scene.alarmbox.count_charges(number)
        console.credit_checks.make_plan(number)
        harm = harm or (scene.kill_session if fault == "killed" else _leave_session_alone)
        with scene.proxy.cause_fault(kind, nth, is_lasting=lasting, before_fault=harm) as shot:
            ending = act(scene, console, subject)
        if shot.has_happened:
            repair()
        charges = scene.alarmbox.count_charges(number) - before
    assert charges <= 1, f"{charges} charges at {description}"
    if action == "purchase":
        check_ending(ending, charges, description)
    assert ending in EXPECTED_REFUSALS | {"done"}, f"{ending} at {description}"
    if not lasting and fault != "restarted" and ending not in ("done", "database_unreachable"):
        raise AssertionError(f"one lost packet is no reason for {ending}: {description}")
    with scene.settle_and_check(number) as fresh:
        _check_records_after_action(scene, fresh, action, number, ending, description)
    return ending if shot.has_happened else None


def _leave_session_alone(_session: int) -> None:
    """Do nothing, because only the proxy disturbs the command."""


def _prepare_records(scene: FaultScene, action: str, number: str) -> str:
    """Create the records that the action needs. Return the corporation number, or the id of the record as text."""
    if action in ("purchase", "token"):
        return number
    with scene.open_desk_without_proxy() as console:
        if action == "refetch":
            assert buy_check(console, number) == "done"
        else:
            scene.alarmbox.behaviour = "silent_after_charge"
            assert buy_check(console, number) == "outcome_unknown"
            scene.alarmbox.behaviour = "answers"
        (record,) = console.lookup.find_records(number).credit_checks
    return str(record.id)


def _call_and_get_code(call: Callable[[], object]) -> str:
    """Call `call`. Return "done", or the error code if the call is refused."""
    try:
        call()
    except ConsoleError as named:
        return named.code
    return "done"


def _resolve_record(scene: FaultScene, console: Console, record_id: str) -> str:
    charge = scene.alarmbox.charges[-1]
    return _call_and_get_code(
        lambda: console.recovery.resolve("credit-check", record_id, "success", "seen there", charge.id)
    )


def _probe_record(scene: FaultScene, console: Console, record_id: str) -> str:
    scene.alarmbox.lists_purchases = True
    try:
        return _call_and_get_code(lambda: console.credit_checks.probe(int(record_id)))
    finally:
        scene.alarmbox.lists_purchases = False


def _run_due_tasks(scene: FaultScene, console: Console, record_id: str) -> str:
    """Change the record's operation so that it looks like the operation of an ended process, and run the due tasks,
    which record its lapse. Return "done" or the error code.
    """
    scene.execute(
        "UPDATE operations SET state = 'calling', lease_expires = 1 WHERE id = (SELECT operation_id FROM"
        f" hansha_alarmbox_credit_checks WHERE id = {record_id})"
    )
    return _call_and_get_code(console.recovery.run_all_tasks)


def _exchange_token(scene: FaultScene, console: Console, number: str) -> str:
    """Exchange a refresh token at the invented provider `p` + `number`, that accepts each token once. If the exchange
    succeeds, check that the newest token is stored. Return "done" or the error code.
    """
    good = ["first"]

    def exchange_first_token(token: str) -> TokenPair | None:
        if token != good[-1]:
            return None
        good.append(f"refresh-{len(good)}")
        return TokenPair("access", good[-1], scene.clock.now(), 0)

    def refresh_token() -> None:
        DatabaseTokenStore(console._context, f"p{number}", "first", console._context.cipher).refresh_pair(
            exchange_first_token, outdated_pair=None
        )

    ending = _call_and_get_code(refresh_token)
    with scene.open_desk_without_proxy() as fresh:
        after = DatabaseTokenStore(fresh._context, f"p{number}", "first", fresh._context.cipher)
        stored = after.find_current_pair()
        if ending == "done":
            assert stored, "nothing was stored"
            assert stored.refresh_token == good[-1], "what the provider gave was lost"
    return ending


_FUNCTION_BY_ACTION: dict[str, Callable[[FaultScene, Console, str], str]] = {
    "purchase": lambda _scene, console, number: buy_check(console, number),
    "refetch": lambda _scene, console, record: _call_and_get_code(lambda: console.credit_checks.refetch(int(record))),
    "probe": _probe_record,
    "resolve": _resolve_record,
    "due": _run_due_tasks,
    "token": _exchange_token,
}


def _check_records_after_action(
    scene: FaultScene, console: Console, action: str, number: str, ending: str, situation: str
) -> None:
    """Check the records after the action. No charged record is an error, each unknown record has a next step, and an
    action that ended with "done" has left a bought record.
    """
    records = console.lookup.find_records(number).credit_checks
    for record in records:
        if scene.alarmbox.count_charges(number):
            assert record.state != "error", f"charged, but called an error: {situation}"
        if record.certainty == "unknown":
            assert console.credit_checks.read_credit_check(record.id).explanation.next_step.code
    if action in ("purchase", "refetch", "probe", "resolve") and ending == "done":
        assert [record.state for record in records] == ["success"], f"{records} at {situation}"
