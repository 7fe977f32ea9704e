"""A test of the tests' other process, which acts in the middle of a transaction."""

from types import ModuleType

import pytest

from console.domain.errors import ConsoleError, ErrorCode
from tests.support.overtaking import start_other_process


def test_a_call_that_waited_too_long_for_a_lock_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a slow machine the transaction of the test lasts longer than the program waits for a lock. The other process
    calls again until it is executed."""
    module = ModuleType("acts")
    monkeypatch.setattr(module, "lock_until_commit", lambda context, tx, name: None, raising=False)
    results: list[object] = []

    def act() -> None:
        results.append("called")
        if len(results) == 1:
            raise ConsoleError(ErrorCode.DATABASE_LOCKED)

    start_other_process(monkeypatch, module, "a lock", act).join()
    assert results == ["called", "called"]
