"""Threads of one process take turns at their chain of the trail, and nobody waits for ever."""

from concurrent.futures import ThreadPoolExecutor
from unittest.mock import sentinel

import pytest

from console.services.process import audit_chain_lock as turns
from console.services.process.audit_chain_lock import AuditChainLock
from console.store.database.engine import Transaction
from tests.support.waiting import PATIENCE_SECONDS


def test_the_turn_is_held_until_commit() -> None:
    """From the first entry on; what follows the COMMIT finds it free, and so does whoever comes after a failure."""
    turn, tx = AuditChainLock(), Transaction(sentinel.conn)
    with turn.allow_locking():
        assert free(turn)
        turn.acquire(tx)
        turn.acquire(tx)
        assert not free(turn)
        tx.run_commit_hooks()
        assert free(turn)
    with pytest.raises(ZeroDivisionError):
        breaks_off(turn)
    assert free(turn)


def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """The holder of the turn may be waiting for one of our rows: after a while the next thread goes on without the
    turn.
    """
    monkeypatch.setattr(turns, "LONGEST_LOCK_WAIT_SECONDS", 0.01)
    turn = AuditChainLock()
    with turn.allow_locking():
        turn.acquire(Transaction(sentinel.conn))
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(goes_on, turn).result(timeout=PATIENCE_SECONDS)
        assert not free(turn)


def test_where_it_is_not_offered_nothing_is_held() -> None:
    """A transaction of any other kind can't leave it behind."""
    turn = AuditChainLock()
    turn.acquire(Transaction(sentinel.conn))
    assert free(turn)


def breaks_off(turn: AuditChainLock) -> None:
    with turn.allow_locking():
        turn.acquire(Transaction(sentinel.conn))
        raise ZeroDivisionError


def free(turn: AuditChainLock) -> bool:
    """Return True if another thread could acquire the lock."""
    return not turn._lock.locked()


def goes_on(turn: AuditChainLock) -> bool:
    with turn.allow_locking():
        turn.acquire(Transaction(sentinel.conn))
    return True
