"""Each command that writes can find the answer to an earlier call with the same request id, or may run again."""

import ast
from collections.abc import Iterator
from pathlib import Path

import console

REASONS_TO_RUN_AGAIN = {
    "bulk run": "a second call continues the run",
    "db accounts apply": "a second call completes what an interrupted one left",
    "db merchant": "a second call finds that the merchant is stored, and changes nothing",
    "payment import": "a second call finds the payment, and only probes it",
    "reconcile": "a second call continues the run",
    "registry import": "a second call continues the import, or finds that the files are imported",
    "run due": "it never has a request id; each task finds what is left to do",
    "take": "a second call extends the person's own take",
}
"""The commands that find no answer of an earlier call, with the reason why they may run again after they have
written."""
_FINDER_POSITION = 4
"""Index (from 0) of `find_answer` among the positional arguments of `act_once`."""


def _list_calls_without_finder() -> Iterator[str]:
    """Yield the command of each call of `act_once` that passes no `find_answer`; for a command that isn't a constant,
    the source text of the call's first argument."""
    for path in Path(console.__file__).parent.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)) if "act_once" in source else ():
            if not isinstance(node, ast.Call) or not ast.unparse(node.func).endswith("act_once"):
                continue
            if any(isinstance(argument, ast.Starred) for argument in node.args):
                continue
            has_finder = len(node.args) > _FINDER_POSITION or any(
                keyword.arg == "find_answer" for keyword in node.keywords
            )
            # `_act_once` of a service calls the method `act_once`, and that call is checked.
            if not has_finder and "IncidentAction" not in ast.unparse(node):
                yield ast.unparse(node.args[0]).strip("'")


def test_each_writing_command_finds_its_answer_or_may_run_again() -> None:
    """A process may be killed after a command's COMMIT and before it stores the answer. A command that can't find the
    answer of the first call then runs again under the same request id, so REASONS_TO_RUN_AGAIN must have the reason
    why this does no harm.
    """
    without_finder = set(_list_calls_without_finder())
    passed_on = {"command"}  # `act_once_by_request_id`, whose commands detect by themselves that their work is done
    assert without_finder - passed_on == set(REASONS_TO_RUN_AGAIN)
