"""Tests of the lock for a process's audit chain: threads of one process write their audit entries one after the
other, and no thread waits without a limit.
"""

from concurrent.futures import ThreadPoolExecutor
from unittest.mock import sentinel

import pytest

from console.services.process import audit_chain_lock as turns
from console.services.process.audit_chain_lock import AuditChainLock
from console.store.database.engine import Transaction
from tests.support.waiting import MAX_WAIT_SECONDS


def test_the_audit_lock_is_held_until_commit() -> None:
    """A transaction holds the lock from its first audit entry until after its COMMIT or failure; then another thread
    can acquire it.
    """
    turn, tx = AuditChainLock(), Transaction(sentinel.conn)
    with turn.allow_locking():
        assert is_audit_lock_free(turn)
        turn.acquire(tx)
        turn.acquire(tx)
        assert not is_audit_lock_free(turn)
        tx.run_commit_hooks()
        assert is_audit_lock_free(turn)
    with pytest.raises(ZeroDivisionError):
        raise_error_while_locked(turn)
    assert is_audit_lock_free(turn)


def test_a_wait_for_the_audit_lock_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The holder of the lock may itself wait for a row of the next thread's transaction. After a time limit the next
    thread therefore continues without the lock.
    """
    monkeypatch.setattr(turns, "LONGEST_LOCK_WAIT_SECONDS", 0.01)
    turn = AuditChainLock()
    with turn.allow_locking():
        turn.acquire(Transaction(sentinel.conn))
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(acquire_and_release_lock, turn).result(timeout=MAX_WAIT_SECONDS)
        assert not is_audit_lock_free(turn)


def test_a_transaction_of_another_kind_acquires_no_lock() -> None:
    """A transaction that begins outside of `allow_locking` does not acquire the lock, and so cannot leave it
    locked.
    """
    turn = AuditChainLock()
    turn.acquire(Transaction(sentinel.conn))
    assert is_audit_lock_free(turn)


def raise_error_while_locked(chain_lock: AuditChainLock) -> None:
    """Acquire the lock and raise an error within the transaction."""
    with chain_lock.allow_locking():
        chain_lock.acquire(Transaction(sentinel.conn))
        raise ZeroDivisionError


def is_audit_lock_free(chain_lock: AuditChainLock) -> bool:
    """Return True if another thread can acquire the lock now."""
    return not chain_lock._lock.locked()


def acquire_and_release_lock(chain_lock: AuditChainLock) -> bool:
    """Acquire the lock, release it and return True."""
    with chain_lock.allow_locking():
        chain_lock.acquire(Transaction(sentinel.conn))
    return True
