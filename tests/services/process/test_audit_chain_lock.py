"""Threads of one process take turns at their chain of the trail, and nobody waits for ever."""

from concurrent.futures import ThreadPoolExecutor
from unittest.mock import sentinel

import pytest

from console.services import turns
from console.services.turns import Turn
from console.store.engine import Transaction


def test_the_turn_is_held_until_commit() -> None:
    """From the first entry on; what follows the COMMIT finds it free, and so does whoever comes after a failure."""
    turn, tx = Turn(), Transaction(sentinel.conn)
    with turn.offered():
        assert free(turn)
        turn.take(tx)
        turn.take(tx)
        assert not free(turn)
        tx.run_hooks()
        assert free(turn)
    with pytest.raises(ZeroDivisionError):
        breaks_off(turn)
    assert free(turn)


def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has the turn may be waiting for one of our rows: after a while we go on without it."""
    monkeypatch.setattr(turns, "SECONDS", 0.01)
    turn = Turn()
    with turn.offered():
        turn.take(Transaction(sentinel.conn))
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(goes_on, turn).result(timeout=5)
        assert not free(turn)


def test_where_it_is_not_offered_nothing_is_held() -> None:
    """A transaction of any other kind can't leave it behind."""
    turn = Turn()
    turn.take(Transaction(sentinel.conn))
    assert free(turn)


def breaks_off(turn: Turn) -> None:
    with turn.offered():
        turn.take(Transaction(sentinel.conn))
        raise ZeroDivisionError


def free(turn: Turn) -> bool:
    """Whether another thread could have it."""
    return not turn._lock.locked()


def goes_on(turn: Turn) -> bool:
    with turn.offered():
        turn.take(Transaction(sentinel.conn))
    return True
