"""Checks invariants of credit checks that must hold after any sequence of events. It compares the provider's ledger
with the rows of the database.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import text

from console.app import Console
from console.store.database.engine import Database

_SELECT_CHECKS_SQL = text(
    "SELECT id, client_id, corporation_number, status, certainty, credit_check_id, superseded_by, superseded_at,"
    " renews, claim_number, work_state, operation_id FROM hansha_alarmbox_credit_checks ORDER BY id"
)
_COUNT_CALLING_OPERATIONS_SQL = text("SELECT count(*) FROM operations WHERE state = 'calling'")


@dataclass(frozen=True, slots=True)
class CheckRow:
    """The stored values of a credit check. The database computes only the claim."""

    id: int
    client_id: int
    number: str
    status: str
    certainty: str
    id_at_provider: int | None
    superseded_by: int | None
    superseded_at: object
    renews: int | None
    claim: str | None
    work_state: str | None
    operation_id: str | None


def read_check_rows(database: Database) -> tuple[CheckRow, ...]:
    """Return the stored rows of all credit checks."""
    with database.read() as conn:
        return tuple(CheckRow(*row) for row in conn.execute(_SELECT_CHECKS_SQL))


def count_calling_operations(database: Database) -> int:
    """Return the number of operations in the journal whose state is `calling`."""
    with database.read() as conn:
        return int(conn.scalar(_COUNT_CALLING_OPERATIONS_SQL) or 0)


def check_claims(rows: Iterable[CheckRow]) -> None:
    """Check that at most one row per client and corporation number holds the claim. Also check renewals: a superseded
    record was bought, and has one successor with the same client and number.
    """
    rows = tuple(rows)
    by_id = {row.id: row for row in rows}
    claim_counts = Counter((row.client_id, row.claim) for row in rows if row.claim)
    assert not [pair for pair, count in claim_counts.items() if count > 1], f"claimed twice: {claim_counts}"
    for row in rows:
        if row.superseded_by is not None:
            check_renewal(row, by_id.get(row.superseded_by))
        assert (row.superseded_at is None) == (row.superseded_by is None), f"half superseded: {row}"
        if row.renews is not None and row.status == "error":
            assert by_id[row.renews].superseded_by != row.id, f"superseded by what was not bought: {row}"
    successors = Counter(row.superseded_by for row in rows if row.superseded_by is not None)
    assert not [one for one, count in successors.items() if count > 1], f"supersedes several: {successors}"


def check_renewal(row: CheckRow, successor: CheckRow | None) -> None:
    """Check that `successor`, the renewal of a record, is newer, has the same client and number, and hasn't
    failed.
    """
    assert successor is not None, f"superseded by nothing: {row}"
    assert row.status == "success", f"superseded without having been bought: {row}"
    assert (successor.client_id, successor.number) == (row.client_id, row.number), f"{row} → {successor}"
    assert successor.id > row.id, f"superseded by an older one: {row} → {successor}"
    assert successor.renews == row.id, f"{row} → {successor}"
    assert successor.status != "error", f"superseded by an error: {row} → {successor}"


def check_charges(rows: Iterable[CheckRow], charged: Mapping[str, int]) -> None:
    """Check that each charge belongs to a record that isn't failed, and that each successful record has a charge.
    `charged` has the number of charges in the ledger by corporation number, for desks with one client.
    """
    record_counts = Counter(row.number for row in rows if row.status != "error")
    certain = Counter(row.number for row in rows if row.status == "success")
    for number, count in charged.items():
        assert count <= record_counts[number], (
            f"{number}: {count} charges, {record_counts[number]} records that hold them"
        )
    for number, count in certain.items():
        assert count <= charged.get(number, 0), f"{number}: {count} bought, {charged.get(number, 0)} charges"


def check_queues(console: Console) -> None:
    """Check that each record that has an unknown outcome, needs a review or is pending is in the right queue, and
    that each record in a queue has a next step.
    """
    queued = {
        name: {item.record.id: item for item in console.recovery.read_queue(name, 1_000).items}
        for name in ("unknown", "incomplete", "error", "review", "pending")
    }
    for row in read_check_rows(console.database):
        if row.certainty == "unknown":
            assert row.id in queued["unknown"], f"unknown, but not in the queue: {row}"
        if row.work_state == "needs_review":
            assert row.id in queued["review"], f"needs review, but not in the queue: {row}"
        if row.status == "pending":
            assert row.id in queued["unknown"].keys() ^ queued["pending"].keys(), f"in no queue or in two: {row}"
    for items in queued.values():
        for item in items.values():
            assert item.explanation.next_step.code, f"no next step: {item.record}"
