"""Fixtures for tests of commands: a terminal that runs each command in this process, on a new desk with a new
sandbox.
"""

import io
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from console.cli.main import main
from console.sandbox.server import Sandbox
from tests.support.desks import copy_empty_database, make_environment
from tests.support.json_answers import check_answer

if TYPE_CHECKING:
    from tests.cli.paying_terminal import PayingTerminal


@dataclass(frozen=True)
class CommandResult:
    """The result of one command: its exit status, the bytes of stdout and the text of stderr."""

    status: int
    out: bytes
    err: str

    @property
    def answer(self) -> dict[str, Any]:
        """The JSON object that the command has printed on stdout. The test fails if stdout contains any other
        text.
        """
        assert self.out.endswith(b"\n"), self.out
        assert self.out.count(b"\n") == 1, self.out
        answer: dict[str, Any] = json.loads(self.out.decode("utf-8"))
        assert answer["ok"] is (self.status == 0), answer
        return answer

    @property
    def data(self) -> Any:
        assert self.status == 0, self.answer
        return self.answer["data"]

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = self.answer["error"]
        assert set(error) == {"code", "message", "detail"}
        assert isinstance(error["detail"], dict)
        assert isinstance(error["message"], str)
        assert error["message"]
        return error

    @property
    def exit_status_and_code(self) -> tuple[int, str]:
        """The exit status, and the error code of the answer."""
        return self.status, self.error["code"]


class Terminal:
    """Runs commands as `support-console` would, on one desk."""

    def __init__(self, env: dict[str, str]) -> None:
        self.env = env

    def __call__(self, *words: str, **env: str) -> CommandResult:
        """Run one command. `env` has additional settings for this call, without the prefix `CONSOLE_`."""
        full_env = self.env | {f"CONSOLE_{name}": value for name, value in env.items()}
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
        with mock.patch.dict(os.environ, full_env), mock.patch.multiple(sys, stdout=out, stderr=err):
            status = main(words)
        out.flush()
        return CommandResult(status, out.buffer.getvalue(), err.getvalue())

    def json(self, *words: str, **env: str) -> CommandResult:
        """Run one command with `--json`, and check that its answer fits the command's JSON schema. Return the result
        of the command.
        """
        ending = self("--json", *words, **env)
        check_answer(words, ending.answer)
        return ending


@pytest.fixture
def unopened_terminal(tmp_path: Path, sandbox: Sandbox) -> Terminal:
    """Return a terminal on a desk that has no database yet, with the sandbox as its provider."""
    return Terminal(make_environment(tmp_path / "home", sandbox.url))


@pytest.fixture
def terminal(unopened_terminal: Terminal) -> Terminal:
    """Return a terminal like `unopened_terminal`, with an empty database."""
    copy_empty_database(Path(unopened_terminal.env["CONSOLE_HOME"]))
    return unopened_terminal


@pytest.fixture
def paying_terminal(tmp_path: Path, sandbox: Sandbox) -> "PayingTerminal":
    """Return a terminal on a desk with the sandbox as its provider of credit checks and payments."""
    from tests.cli.paying_terminal import PayingTerminal  # that module imports this one

    return PayingTerminal(tmp_path / "home", sandbox)
