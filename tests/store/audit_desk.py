"""A database with an audit trail of several chains, for the tests that write it, verify it and tamper with it."""

import random
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from console.domain.clock import SystemClock
from console.store.audit import AuditTrail, VerifyResult, verify
from console.store.audit_chain import CONTENT, START, digest
from console.store.engine import Database
from console.store.spool import Head

DESK = "desk-1"
AT = datetime(2026, 11, 20, 3, 20, 1, 250_000, tzinfo=UTC)


class Anchors:
    """What a desk remembers, as its spool gives it back."""

    def __init__(self) -> None:
        self.heads: list[Head] = []

    def __call__(self, heads: Sequence[Head]) -> None:
        self.heads.extend(heads)

    def __iter__(self) -> Iterator[Head]:
        return iter(sorted(self.heads, key=lambda head: (head.chain, head.seq, head.row_id)))


class Desk:
    """A database with three chains: two of this desk, one of another whose anchors we don't have."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.database = Database(f"sqlite:///{file}")
        self.anchors = Anchors()
        self.trails = {
            name: AuditTrail(name, DESK, SystemClock(), self.anchors if name != "chain-c" else lambda heads: None)
            for name in ("chain-a", "chain-b", "chain-c")
        }

    def record(self, chain: str, count: int = 1, **facts: object) -> None:
        with self.database.attempt() as tx:
            for _ in range(count):
                self.trails[chain].record(tx, "op-a", "credit-check.purchase", "credit-check", 17, detail=facts)

    def record_often(self, chain: str, count: int) -> None:
        for _ in range(count):
            self.record(chain)

    def verify(self) -> VerifyResult:
        with self.database.read() as conn:
            return verify(conn, self.anchors)

    def tamper(self, *statements: str) -> None:
        """As somebody with the file and without our program would."""
        conn = sqlite3.connect(self.file, isolation_level=None)
        for (trigger,) in conn.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            conn.execute(f"DROP TRIGGER {trigger}")
        for statement in statements:
            conn.execute(statement)
        conn.close()

    def rows(self) -> list[tuple[int, str, int]]:
        conn = sqlite3.connect(self.file)
        found = conn.execute("SELECT id, session, seq FROM audit_log ORDER BY id").fetchall()
        conn.close()
        return found


def fill(desk: Desk, seed: int, rows: int = 60) -> random.Random:
    """Rows of all chains, mixed, in transactions of one to three."""
    chance = random.Random(seed)
    while len(desk.rows()) < rows:
        desk.record(chance.choice(list(desk.trails)), chance.randint(1, 3), company="株式会社", n=chance.random())
    return chance


def write_rows(file: Path, count: int) -> None:
    """Rows in chains of four, straight into the file: many process runs, each with little to tell."""
    conn = sqlite3.connect(file)
    marks = ",".join("?" * 13)
    conn.executemany(f"INSERT INTO audit_log({', '.join(CONTENT)}, prev_hash, hash) VALUES ({marks})", _rows(count))
    conn.commit()
    conn.close()


def _rows(count: int) -> Iterator[tuple[object, ...]]:
    before = START
    for index in range(count):
        seq = index % 4 + 1
        before = START if seq == 1 else before
        at = (AT + timedelta(seconds=index)).strftime("%Y-%m-%d %H:%M:%S.%f")
        chain = f"chain-{index // 4:09}"
        content = [chain, seq, at, "op-a", DESK, "x", "credit-check", "17", "done", None, "{}"]
        hashed = digest(before, content)
        yield (*content, before, hashed)
        before = hashed
