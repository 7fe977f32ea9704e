"""A database with an audit trail of several chains, for tests that write, verify and change the trail."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

from sqlalchemy import insert

from console.domain.clock import SystemClock
from console.store.audit.hash_chain import (
    FIRST_PREVIOUS_HASH,
    HASHED_COLUMNS,
    compute_row_hash,
    format_hashed_instant,
)
from console.store.audit.trail import AuditTrail, AuditVerificationResult, NewAuditEntry, verify_chains
from console.store.database.engine import Database, Transaction
from console.store.schema.core import audit_log
from console.store.spool.spool import ChainHead
from tests.support.places import Place

DESK_NAME = "desk-1"
ENTRY_INSTANT = datetime(2026, 11, 20, 3, 20, 1, 250_000, tzinfo=UTC)


class AnchorList:
    """The anchors that a desk has stored. Calling the object adds anchors; iterating returns them in the order of the
    desk's spool.
    """

    def __init__(self) -> None:
        self.heads: list[ChainHead] = []

    def __call__(self, heads: Sequence[ChainHead]) -> None:
        self.heads.extend(heads)

    def __iter__(self) -> Iterator[ChainHead]:
        return iter(sorted(self.heads, key=lambda head: (head.chain, head.seq, head.row_id)))


class DatabaseWithThreeChains:
    """A database with three chains of audit entries: two of this desk, and one of another desk whose anchors this
    desk doesn't have."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.me = place.get_account_name("op-a")
        self.database = Database(place.url())
        self.anchors = AnchorList()
        self.trails = {
            name: AuditTrail(
                name, DESK_NAME, SystemClock(), self.anchors if name != "chain-c" else lambda heads: None
            )
            for name in ("chain-a", "chain-b", "chain-c")
        }

    def append_entries(self, chain: str, count: int = 1, **facts: object) -> None:
        def write(tx: Transaction) -> None:
            for _ in range(count):
                entry = NewAuditEntry(self.me, "credit-check.purchase", "credit-check", 17, detail=facts)
                self.trails[chain].record_all(tx, (entry,))

        self.database.write(write)

    def append_many_entries(self, chain: str, count: int) -> None:
        for _ in range(count):
            self.append_entries(chain)

    def verify_trail(self) -> AuditVerificationResult:
        with self.database.read() as conn:
            return verify_chains(conn, self.anchors)

    def execute_without_triggers(self, *statements: str) -> None:
        """Execute the statements without the triggers of the audit trail, as a person with access to the database
        file or the schema account could do.
        """
        self.place.drop_table_triggers("audit_log")
        self.place.sql(*statements)

    def list_rows(self) -> list[tuple[int, str, int]]:
        """Return (id, session, number in the chain) of each row of the trail, sorted by id."""
        rows = self.place.sql("SELECT id, session, seq FROM audit_log ORDER BY id")
        return [(row_id, session, seq) for row_id, session, seq in rows]


def fill_chains(desk: DatabaseWithThreeChains, seed: int, row_count: int = 60) -> random.Random:
    """Add rows to random chains until the trail has `row_count` rows or up to two more, in transactions of one to
    three rows. `seed` decides the random choices. Return the random generator."""
    chance, written = random.Random(seed), len(desk.list_rows())
    while written < row_count:
        chain, count = chance.choice(list(desk.trails)), chance.randint(1, 3)
        desk.append_entries(chain, count, company="株式会社", n=chance.random())
        written += count
    return chance


def write_rows(desk: DatabaseWithThreeChains, count: int) -> None:
    """Insert `count` rows in chains of four rows directly with SQL, like a database after many short runs of
    processes.
    """
    desk.place.drop_table_triggers("audit_log")
    columns = (*HASHED_COLUMNS, "prev_hash", "hash")
    rows = _make_rows(count)
    with desk.database.write_without_retries() as tx:
        while some := [dict(zip(columns, row, strict=True)) for row in islice(rows, 5_000)]:
            tx.conn.execute(insert(audit_log), some)


def _make_rows(count: int) -> Iterator[tuple[object, ...]]:
    before = FIRST_PREVIOUS_HASH
    for index in range(count):
        seq = index % 4 + 1
        before = FIRST_PREVIOUS_HASH if seq == 1 else before
        at = (ENTRY_INSTANT + timedelta(seconds=index)).replace(tzinfo=None)
        chain = f"chain-{index // 4:09}"
        content = [
            chain,
            seq,
            format_hashed_instant(at),
            "op-a",
            DESK_NAME,
            "x",
            "credit-check",
            "17",
            "done",
            None,
            "{}",
        ]
        hashed = compute_row_hash(before, content)
        yield (chain, seq, at, *content[3:], before, hashed)
        before = hashed
