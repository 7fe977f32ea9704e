"""A proxy disturbs the n-th command that an action on a refund or notice sends to the database server. The checks are
the same for every n.
"""

import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Literal

import pytest

from tests.faults.steps import make_kill_and_wait
from tests.support.fault_places import call_at_each_place
from tests.support.money_stage import MoneyStage
from tests.support.places import ServerPlace
from tests.support.servers import Server
from tests.support.sql_proxy import BreakKind, SqlProxy
from tests.support.sql_server import SqlServer

CommandFault = Literal[
    "lost_request", "lost_reply", "half_reply", "killed", "commit_lost", "deadlock", "away", "away_after",
    "read_only", "restarted",
]  # fmt: skip
TESTED_FAULTS: tuple[CommandFault, ...] = (
    "lost_request",
    "lost_reply",
    "half_reply",
    "killed",
    "commit_lost",
    "away",
    "away_after",
)
"""The faults that the tests cause. The n-th command or its reply is lost once; the session that sends the n-th
command is killed; the reply to the n-th COMMIT is lost; or the server can't be reached any more from the n-th command
on.
"""
_BREAK_KIND_BY_FAULT: dict[CommandFault, BreakKind] = {
    "lost_request": "lost_request",
    "lost_reply": "lost_reply",
    "half_reply": "half_reply",
    "killed": "passed",
    "commit_lost": "lost_reply",
    "away": "lost_request",
    "away_after": "lost_reply",
    "read_only": "passed",
    "restarted": "passed",
}
_LASTING_FAULTS: tuple[CommandFault, ...] = ("away", "away_after")
_SHORT_RETRY_SETTINGS = {"retry_policy.UNREACHABLE_RETRY_SECONDS": 0.2, "engine.COMMIT_CHECK_SECONDS": 0.2}
USUAL_COMMAND_COUNT_BY_ACTION = {
    "ask": 40, "approve": 90, "reject": 35, "withdraw": 35, "probe": 60, "due": 90, "resolve": 60, "notice": 40,
}  # fmt: skip
COMMIT_COUNT_BY_ACTION = {
    "ask": 1,
    "approve": 4,
    "reject": 1,
    "withdraw": 1,
    "probe": 3,
    "due": 3,
    "resolve": 3,
    "notice": 2,
}
BreakConnection = Callable[[int], None]
"""Type of a function that is called before the disturbed command, with the id of the command's session at the
server.
"""

RANDOM_FAULT_COUNT = 2


def disturb_each_command(stage: MoneyStage, action: str, fault: CommandFault) -> Counter[str]:
    """Disturb each command of the action in turn. Return the number of actions with each ending ("done" or an error
    code), and `places`, the number of disturbed commands."""
    tally = call_at_each_place(partial(fail_at_command, stage, action, fault))
    stage.check_all_rules()
    return tally


def disturb_random_commands(
    stage: MoneyStage, action: str, faults: tuple[CommandFault, ...], seed: int
) -> Counter[str]:
    """Disturb the action in RANDOM_FAULT_COUNT of the possible ways, each time at a random command. Return the number
    of actions with each ending: "done", an error code, or "undisturbed" if the action has fewer commands.
    """
    chance = random.Random(f"{action}{seed}")
    tally: Counter[str] = Counter()
    for fault in chance.sample(faults, RANDOM_FAULT_COUNT):
        most = COMMIT_COUNT_BY_ACTION[action] if fault == "commit_lost" else USUAL_COMMAND_COUNT_BY_ACTION[action]
        tally.update({fail_at_command(stage, action, fault, chance.randint(1, most)) or "undisturbed": 1})
    return tally


def fail_at_command(
    stage: MoneyStage,
    action: str,
    fault: CommandFault,
    nth: int,
    harm: BreakConnection | None = None,
    repair: Callable[[], None] = lambda: None,
) -> str | None:
    """Run the action through a proxy with a fault at its n-th command, and check how it ended. Return "done" or the
    error code; None if the action has no such command. `harm` is called before the command with the id of its session
    (None: only the proxy disturbs). `repair` is called after the action.
    """
    description, lasting = f"{action}, {fault} at {nth}", fault in _LASTING_FAULTS
    assert isinstance(stage.place, ServerPlace)
    node = stage.place.database.nodes[0]
    target = stage.prepare_target(action)
    with ExitStack() as around:
        if lasting:
            patch = around.enter_context(pytest.MonkeyPatch.context())
            for name, seconds in _SHORT_RETRY_SETTINGS.items():
                patch.setattr(f"console.store.database.{name}", seconds)
        proxy = around.enter_context(SqlProxy(node.host, node.port))
        console = around.enter_context(
            stage.open_desk(action, proxy.make_url(stage.place.url(stage.get_person(action))))
        )
        console.recovery.count_queued_records()
        if harm is None and fault == "killed":
            harm = partial(_kill_session, node)
        word = "COMMIT" if fault == "commit_lost" else ""
        with proxy.cause_fault(
            _BREAK_KIND_BY_FAULT[fault], nth, word, is_lasting=lasting, before_fault=harm or _leave_session_alone
        ) as shot:
            code = stage.execute_action(console, target)
        if shot.has_happened:
            repair()
    stage.check_ending(target, code, description)
    if fault in ("lost_request", "lost_reply", "half_reply", "killed", "commit_lost"):
        assert code in ("done", "database_unreachable"), f"one lost packet is no reason for {code}: {description}"
    stage.settle_and_check(target, code, description)
    return code if shot.has_happened else None


def _kill_session(node: SqlServer, session: int) -> None:
    node.sql(f"KILL CONNECTION {session}")


def _leave_session_alone(_session: int) -> None:
    """Do nothing, because only the proxy disturbs the command."""


def kill_server_at_command(stage: MoneyStage, server: Server, action: str, nth: int) -> tuple[str | None, float]:
    """Like `fail_at_command`, but the server is killed before the n-th command and restarted. Return the code and the
    total duration (seconds).
    """
    die, back = make_kill_and_wait(server)

    def restart_server() -> None:
        back()
        stage.place.database._lines.clear()  # type: ignore[attr-defined]  # a server's: connections of before its death

    begun = time.monotonic()
    ended = fail_at_command(stage, action, "restarted", nth, die, restart_server)
    return ended, time.monotonic() - begun


def make_read_only_at_command(stage: MoneyStage, server: Server, action: str, nth: int) -> str | None:
    """Like `fail_at_command`, but the server refuses writes from the n-th command until the end of the action. Return
    "done" or the error code; None if the action has fewer commands."""
    return fail_at_command(
        stage, action, "read_only", nth, lambda _: _set_read_only(server, 1), lambda: _set_read_only(server, 0)
    )


def _set_read_only(server: Server, value: int) -> None:
    server.sql(f"SET GLOBAL read_only = {value}")
