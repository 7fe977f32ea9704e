"""Tests of calls that wait for a thread while the acting person changes."""

import ast
from pathlib import Path

import console.views
from console.app import Console
from console.domain.clock import SystemClock
from console.views.runtime.context import WindowContext
from console.views.runtime.tasks import ProgressReporter
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.inline_runner import InlineRunner
from tests.support.quick_desks import open_quick_desk


def test_a_waiting_run_is_executed_as_the_person_who_started_it(qapp: object, tmp_path: Path) -> None:
    """A person starts a bulk run, which waits for a thread. Another person unlocks the window and acts from then on.
    The run is executed as the person who started it.
    """
    actors: list[str | None] = []

    def store_actor(services: Console, _request_id: str, _report_progress: ProgressReporter) -> None:
        actors.append(services._context.operator)

    desk = open_quick_desk(tmp_path / "desk", InMemoryAlarmBox())
    try:
        runner = InlineRunner(paused=True)
        context = WindowContext(desk.settings, runner, SystemClock())
        context.store_services(desk)
        context.change_operator("op-a")
        context.run_long_acting_call(
            store_actor, lambda _: None, lambda _: None, label="run", attempt=("run", 1), key=("bulk", 1)
        )
        context.change_operator("lead-b")
        while runner.waiting_task_count:
            runner.execute_oldest_task()
        assert actors == ["op-a"]
    finally:
        desk.close()


def test_every_service_call_in_another_thread_names_its_person() -> None:
    """A function that binds and calls a service only in the thread that executes it (`….bind_services(call,
    person)()`) passes the person who started it, for example as the person of an audit entry about an exported file.
    Only `read_page`, which reads the pages of a list, may leave the person out: it runs as the person who is acting
    then.
    """
    nameless: list[str] = []
    for path in sorted(Path(console.views.__file__).parent.rglob("*.py")):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef) and function.name != "read_page":
                nameless += (
                    f"{path.name}: {function.name}"
                    for statement in function.body
                    if isinstance(statement, ast.Return) and _is_late_call_without_person(statement.value)
                )
    assert nameless == []


def _is_late_call_without_person(node: ast.expr | None) -> bool:
    """True for the expression `….bind_services(call)()`, which binds without a person."""
    bound = node.func if isinstance(node, ast.Call) else None
    if not isinstance(bound, ast.Call) or not isinstance(bound.func, ast.Attribute):
        return False
    return bound.func.attr == "bind_services" and len(bound.args) < 2
