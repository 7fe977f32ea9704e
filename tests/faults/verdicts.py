"""Loses the answers to COMMITs, and compares the program's decision, which it makes by the token of each transaction,
with what the server has committed.
"""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from console.store.audit import trail as audit
from console.store.database.engine import Database, Transaction
from tests.faults.scene import execute_as_schema_account
from tests.support.places import ServerPlace
from tests.support.sql_proxy import BreakKind, SqlProxy
from tests.support.waiting import MAX_WAIT_SECONDS

_USUAL_BREAKS: tuple[BreakKind, ...] = ("lost_reply", "lost_request", "half_reply", "lost_request")
QUICK_BREAKS: tuple[BreakKind, ...] = (*_USUAL_BREAKS, *_USUAL_BREAKS, "lost_reply", "late")
"""Ways in which the answers to ten COMMITs are lost. Five of the COMMITs have arrived at the server. One is still on
its way, and the program needs a second to decide about it."""
_CHAIN_NAME = "verdicts"


class TriedAuditEntry:
    """A transaction that writes an audit entry with the number of its try, and returns this number. `tries` is the
    number of times that it was run.
    """

    def __init__(self, name: str, person: str, chain: str = _CHAIN_NAME) -> None:
        self.name, self.tries, self._who, self._chain = name, 0, person, chain

    def __call__(self, tx: Transaction) -> int:
        self.tries += 1
        entry = audit.NewAuditEntry(self._who, "verdict", "test", self.name, detail={"try": self.tries})
        audit.append_entry(tx, entry, session=self._chain, desk="desk", at=datetime.now(UTC))
        return self.tries


@contextmanager
def open_database_behind_proxy(
    place: ServerPlace, answer_seconds: float | None = None
) -> Iterator[tuple[SqlProxy, Database]]:
    """Yield a proxy and a database that is reached through it. `answer_seconds` is the time limit for an answer
    (None: the usual one).
    """
    node = place.database.nodes[0]
    with SqlProxy(node.host, node.port) as proxy, pytest.MonkeyPatch.context() as patch:
        if answer_seconds:
            patch.setattr("console.store.database.server.ANSWER_TIMEOUT_SECONDS", answer_seconds)
        database = Database(proxy.make_url(place.url()))
        try:
            yield proxy, database
        finally:
            database.close()


def read_stored_tries(place: ServerPlace, name: str) -> list[int]:
    """Return the numbers of the tries whose audit entries with the subject id `name` are stored."""
    rows = execute_as_schema_account(place, f"SELECT detail FROM audit_log WHERE subject_id = '{name}' ORDER BY id")
    return [json.loads(detail)["try"] for (detail,) in rows]


def lose_commit_answers(place: ServerPlace, count: int, kinds: tuple[BreakKind, ...] = QUICK_BREAKS) -> Counter[str]:
    """Lose the answers to `count` COMMITs, and return three counts by name: `commits`, `right` (transactions that are
    stored once, and whose result is that of the stored run) and `had_arrived` (transactions that were run only once,
    because their COMMIT had arrived at the server).
    """
    tally: Counter[str] = Counter()
    with open_database_behind_proxy(place) as (proxy, database):
        person = place.get_account_name("op-a")
        database.write(TriedAuditEntry("warm", person))
        for i in range(count):
            kind, note = kinds[i % len(kinds)], TriedAuditEntry(f"n{i}", person)
            with proxy.cause_fault(kind, sql_prefix="COMMIT") as shot:
                result = database.write(note)
                shot.release_command()
            assert shot.has_happened
            right = read_stored_tries(place, note.name) == [result]
            tally.update({"commits": 1, "right": int(right), "had_arrived": int(note.tries == 1)})
    return tally


@contextmanager
def stop_commits(place: ServerPlace) -> Iterator[threading.Event]:
    """Within the block the server executes no COMMIT until the yielded event is set."""
    stopped, go = threading.Event(), threading.Event()

    def hold_read_lock() -> None:
        with place.database.nodes[0].connect() as connection, connection.cursor() as cursor:
            cursor.execute("FLUSH TABLES WITH READ LOCK")
            stopped.set()
            go.wait(MAX_WAIT_SECONDS)

    thread = threading.Thread(target=hold_read_lock)
    thread.start()
    assert stopped.wait(MAX_WAIT_SECONDS)
    try:
        yield go
    finally:
        go.set()
        thread.join()
