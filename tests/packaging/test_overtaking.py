"""Tests of the tests' other process, which acts in the middle of a transaction."""

from threading import Event
from types import ModuleType

import pytest

from tests.support.overtaking import start_other_process


@pytest.fixture
def lock_module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return a module with the function `lock_until_commit`, which here acquires no lock."""
    acts = ModuleType("acts")
    monkeypatch.setattr(acts, "lock_until_commit", lambda context, tx, name: None, raising=False)
    return acts


def test_the_test_goes_on_while_the_other_process_waits_for_the_lock(
    monkeypatch: pytest.MonkeyPatch, lock_module: ModuleType
) -> None:
    """The other process has asked for the lock and goes on after the test's transaction."""
    is_committed = Event()

    def act() -> None:
        lock_module.lock_until_commit(None, None, "a lock")
        is_committed.wait()

    other = start_other_process(monkeypatch, lock_module, "a lock", act)
    assert other.is_alive()
    is_committed.set()
    other.join()


@pytest.mark.parametrize("names", [[], ["another lock"]], ids=["no-lock", "another-lock"])
def test_a_process_that_ends_without_the_lock_is_reported(
    monkeypatch: pytest.MonkeyPatch, lock_module: ModuleType, names: list[str]
) -> None:
    """A test that watches the wrong module or lock would otherwise wait until the program refuses to wait for the
    lock, and would pass although nothing overlapped."""

    def act() -> None:
        for name in names:
            lock_module.lock_until_commit(None, None, name)

    other = start_other_process(monkeypatch, lock_module, "a lock", act)
    with pytest.raises(AssertionError, match="never asked the watched module"):
        other.join()
