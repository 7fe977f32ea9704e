"""Tests of audit roots: by a root, every desk detects that the end of an audit chain was deleted, not only the desk
that wrote the chain.
"""

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from hashlib import sha256

import pytest

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.records import PurchaseRequest
from console.store.audit import roots as audit_roots
from console.store.audit.trail import NewAuditEntry, append_entry
from console.store.database.engine import Transaction
from console.store.spool.spool import ChainHead
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.invented import invent_numbers
from tests.support.places import Place
from tests.support.quick_desks import ManualClock

CORPORATION_NUMBERS = invent_numbers(130, seed=5)
_COUNT_ROOTS_SQL = "SELECT count(*) FROM audit_log WHERE what = 'audit.root'"
_SELECT_NEWEST_ENTRY_SQL = "SELECT max(id) FROM audit_log WHERE session = '{}'"


@contextmanager
def open_three_desks(
    place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock
) -> Iterator[tuple[Console, Console, Console]]:
    """Open three desks: the first has bought a credit check, the second is a worker's, and the third has written
    neither of their audit chains.
    """
    with (
        place.desk(alarmbox, clock, desk=1) as bought,
        place.desk(alarmbox, clock, person="worker", desk=2) as worker,
        place.desk(alarmbox, clock, desk=3) as other,
    ):
        bought.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBERS[0], "1"))
        yield bought, worker, other


def let_hour_pass(place: Place, clock: ManualClock) -> None:
    """Move the clock by an hour. On a server, whose clock can't be moved, make the audit rows an hour older
    instead.
    """
    clock.at += timedelta(hours=1)
    if place.is_server:  # nobody turns a server's clock: the rows grow old instead
        place.drop_table_triggers("audit_log")
        place.sql("UPDATE audit_log SET at = at - INTERVAL 1 HOUR")


def delete_last_row(place: Place, session: str) -> int:
    """Delete the last row of a session's audit chain, as the owner of the database could; return the row's id."""
    ((row_id,),) = place.sql(_SELECT_NEWEST_ENTRY_SQL.format(session))
    place.drop_table_triggers("audit_log")
    place.sql(f"DELETE FROM audit_log WHERE id = {row_id}")
    return int(row_id)


def verify_trail(console: Console) -> tuple[int, str] | None:
    """Return the id and the kind of the first error that the command `audit verify` reports at this desk; None if it
    reports none.
    """
    with suppress(ConsoleError):
        console.audit.verify_chains()
        return None
    with pytest.raises(ConsoleError, match="audit_broken") as refusal:
        console.audit.verify_chains()
    return refusal.value.detail["first_bad"], refusal.value.detail["why"]  # type: ignore[return-value]  # an id, a word


def find_root_error(console: Console) -> tuple[int, str] | None:
    """Return the id and the kind of the first error that the audit roots alone show; None if there is none. Tests use
    it where rows on a server were made older, because such rows no longer match their hashes.
    """
    with console.database.read() as conn:
        return audit_roots.find_first_root_error(conn)


@pytest.mark.engines("sqlite")
def test_every_desk_reports_a_deleted_last_row(
    place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock
) -> None:
    """The last row of a chain is deleted after an audit root was written: all three desks report the missing row."""
    with open_three_desks(place, alarmbox, hand_clock) as (bought, worker, other):
        let_hour_pass(place, hand_clock)
        worker.recovery.run_all_tasks()
        assert [verify_trail(console) for console in (bought, worker, other)] == [None] * 3
        gone = delete_last_row(place, bought._context.session_id)
        assert [verify_trail(console) for console in (bought, worker, other)] == [(gone, "missing")] * 3


@pytest.mark.engines("sqlite")
def test_a_cut_chain_without_a_root_is_found_by_its_desk_alone(
    place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock
) -> None:
    """The last row of a chain is deleted while there is no audit root: only the desk that wrote the chain reports the
    missing row.
    """
    with open_three_desks(place, alarmbox, hand_clock) as (bought, _, other):
        gone = delete_last_row(place, bought._context.session_id)
        assert (verify_trail(bought), verify_trail(other)) == ((gone, "missing"), None)


@pytest.mark.engines("sqlite")
def test_the_worker_finds_a_cut_chain_whose_root_was_deleted(
    place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock
) -> None:
    """A chain's last row and the audit root are both deleted: the worker's desk, which has the heads of its own chain
    in its spool, reports the deleted root.
    """
    with open_three_desks(place, alarmbox, hand_clock) as (bought, worker, other):
        let_hour_pass(place, hand_clock)
        worker.recovery.run_all_tasks()
        gone = delete_last_row(place, bought._context.session_id)
        root = delete_last_row(place, worker._context.session_id)
        assert (verify_trail(other), verify_trail(worker)) == (None, (root, "missing"))
        assert gone < root


@pytest.mark.engines("sqlite")
def test_a_rewritten_chain_is_found_by_a_root(
    place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock
) -> None:
    """An attacker edits a chain and repairs its hashes. The audit root still has the original hash, so the row is
    reported as replaced.
    """
    with open_three_desks(place, alarmbox, hand_clock) as (bought, worker, other):
        let_hour_pass(place, hand_clock)
        worker.recovery.run_all_tasks()
        ((row_id,),) = place.sql(_SELECT_NEWEST_ENTRY_SQL.format(bought._context.session_id))
        assert find_root_error(other) is None
        place.drop_table_triggers("audit_log")
        place.sql(f"UPDATE audit_log SET hash = '{'0' * 64}' WHERE id = {row_id}")
        assert find_root_error(other) == (row_id, "replaced")


def test_a_root_is_written_an_hour_after_its_rows(
    place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock
) -> None:
    """The worker writes an audit root an hour after the rows that the root covers. While the only new row is an
    audit root, the worker writes no further one.
    """
    with open_three_desks(place, alarmbox, hand_clock) as (_, worker, _):
        counts = []
        for _ in range(4):
            worker.recovery.run_all_tasks()
            counts.append(place.sql(_COUNT_ROOTS_SQL)[0][0])
            let_hour_pass(place, hand_clock)
        assert counts == [0, 1, 1, 1]


@pytest.mark.engines("sqlite")
def test_rows_that_appear_late_are_covered_by_the_next_root(
    place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock
) -> None:
    """A server gives a row its id before the row is committed. So the last audit root can cover the id of a row that
    it couldn't read; the next root contains that row.
    """
    with open_three_desks(place, alarmbox, hand_clock) as (bought, worker, _):
        for i in range(1, 4):
            let_hour_pass(place, hand_clock)
            bought.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBERS[i], "1"))
            worker.recovery.run_all_tasks()
        with bought.database.read() as conn:
            since = audit_roots.read_covered_rows(conn)
            _, heads = audit_roots.list_heads_to_store(
                conn,
                audit_roots.RowsCoveredByRoots(since.last_id_of_previous_root, since.last_id_of_previous_root),
                since.last_id_of_newest_root,
            )
        assert 0 < since.last_id_of_previous_root < since.last_id_of_newest_root
        assert bought._context.session_id in {head.chain for head in heads}


def test_all_chain_heads_are_stored_in_several_roots(
    place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock
) -> None:
    """If one row cannot contain all chain heads, they are stored in several roots: all heads are stored, and no
    detail is truncated.
    """
    with place.desk(alarmbox, hand_clock, person="worker", TIME_SCALE="1") as console:
        context = console._context

        def append_entries_of_many_chains(tx: object) -> None:
            for i in range(audit_roots.HEADS_PER_ROW * 2 + 1):
                entry = NewAuditEntry(place.get_account_name("worker"), "test.begun")
                append_entry(tx, entry, session=f"chain-{i}", desk="d", at=context.now())  # type: ignore[arg-type]  # a transaction

        console.database.write(append_entries_of_many_chains)
        let_hour_pass(place, hand_clock)
        counts = {run.task: run.count for run in console.recovery.run_all_tasks()}
        assert counts["audit_roots"] == audit_roots.HEADS_PER_ROW * 2 + 1
        assert place.sql(_COUNT_ROOTS_SQL)[0][0] == 3
        assert place.sql("SELECT count(*) FROM audit_log WHERE detail LIKE '%\"cut\"%'")[0][0] == 0
        assert find_root_error(console) is None


# ---------------------------------------------------------------- forged roots


def forge_root(place: Place, console: Console, person: str, detail: str) -> int:
    """Write an audit root with this detail as `person`, in a new chain with a valid hash; return the id of
    its row. The triggers, which refuse such a row on a server, are removed first.
    """
    place.drop_table_triggers("audit_log")
    entry = NewAuditEntry(
        place.get_account_name(person),
        audit_roots.ROOT_ACTION,
        audit_roots.AUDIT_KIND,
        audit_roots.ROOT_SUBJECT_ID,
        detail=json.loads(detail),
    )

    def append_false_root(tx: Transaction) -> int:
        return append_entry(tx, entry, session=str(uuid.uuid4()), desk="d", at=console._context.now()).row_id

    return console.database.write(append_false_root)


def make_root_detail(heads: Sequence[ChainHead] = (), *, since: int = 0, upto: int = 0) -> str:
    """Return the detail of a root in the program's own format, with these heads, or with one invented head if there
    are none. The root covers the row ids above `since` and up to `upto`.
    """
    return json.dumps(
        next(
            audit_roots.make_root_details(
                audit_roots.RowsCoveredByRoots(since, upto), heads or [ChainHead("x", 1, 1, "x")]
            )
        )
    )


@pytest.mark.parametrize("upto", [1, 10**9])
def test_a_root_written_by_a_person_covers_no_rows(
    place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock, upto: int
) -> None:
    """A person writes an audit root that claims to cover everything: this root is reported as forged. Later rows
    are covered by the worker's next root, and a deleted last row is still reported.
    """
    with open_three_desks(place, alarmbox, hand_clock) as (bought, worker, other):
        forged = forge_root(place, bought, "op-a", make_root_detail(upto=upto))
        assert verify_trail(other) == (forged, "forged")
        let_hour_pass(place, hand_clock)
        worker.recovery.run_all_tasks()
        with other.database.read() as conn:
            assert audit_roots.read_covered_rows(conn).last_id_of_newest_root >= forged
        gone = delete_last_row(place, bought._context.session_id)
        assert find_root_error(other) == min((gone, "missing"), (forged, "forged"))


def test_a_copied_root_is_reported_as_forged(
    place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock
) -> None:
    """A person copies an old audit root of the worker into another chain: the copy is reported as forged, and the
    range of rows that roots cover stays the same.
    """
    with open_three_desks(place, alarmbox, hand_clock) as (bought, worker, other):
        let_hour_pass(place, hand_clock)
        worker.recovery.run_all_tasks()
        ((detail,),) = place.sql("SELECT detail FROM audit_log WHERE what = 'audit.root' ORDER BY id LIMIT 1")
        with other.database.read() as conn:
            before = audit_roots.read_covered_rows(conn)
        forged = forge_root(place, bought, "op-a", str(detail))
        assert find_root_error(other) == (forged, "forged")
        with other.database.read() as conn:
            assert audit_roots.read_covered_rows(conn) == before


@pytest.mark.parametrize(
    ("since", "upto"), [(0, 10**9), (5_000, 5_001), (3, 2), (-1, 1)], ids=["ahead", "a gap", "backwards", "below"]
)
def test_a_root_with_unknown_rows_is_reported_as_forged(
    place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock, since: int, upto: int
) -> None:
    """An attacker with the worker's account writes an audit root that covers later rows or leaves out rows: the
    root is reported as forged.
    """
    with open_three_desks(place, alarmbox, hand_clock) as (_, worker, other):
        forged = forge_root(place, worker, "worker", make_root_detail(since=since, upto=upto))
        assert verify_trail(other) == (forged, "forged")


def test_a_root_without_its_heads_is_reported_as_forged(
    place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock
) -> None:
    """An audit root without its list of chain heads doesn't match its own hash and is reported as forged."""
    with open_three_desks(place, alarmbox, hand_clock) as (_, worker, other):
        detail = json.loads(make_root_detail(upto=1)) | {"heads": []}
        assert verify_trail(other) is None
        forged = forge_root(place, worker, "worker", json.dumps(detail))
        assert verify_trail(other) == (forged, "forged")


def make_false_root_detail(console: Console, keep: Callable[[ChainHead], Sequence[ChainHead]], since: int = 0) -> str:
    """Return the detail of an audit root that covers all present rows with ids above `since`, in which the
    function `keep` replaces each chain head by the heads that it returns.
    """
    with console.database.read() as conn:
        last = conn.exec_driver_sql("SELECT max(id) FROM audit_log").scalar_one()
        covers, heads = audit_roots.list_heads_to_store(conn, audit_roots.RowsCoveredByRoots(since, since), last)
    stated_heads = [[head.chain, head.seq, head.row_id, head.hash] for each in heads for head in keep(each)]
    digest = sha256(json.dumps(stated_heads, separators=(",", ":")).encode()).hexdigest()
    return json.dumps(
        {
            "since": covers.last_id_of_previous_root,
            "upto": covers.last_id_of_newest_root,
            "root": digest,
            "heads": stated_heads,
        }
    )


@pytest.mark.parametrize("lie", ["nothing", "one chain less", "an older row", "a row of another chain"])
def test_a_root_without_all_its_chains_is_reported(
    place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock, lie: str
) -> None:
    """An audit root with the heads of all chains is no error. Then an attacker with the worker's account writes a
    root that contains no chain, lacks one of the chains or lacks the newest row of a chain: it is reported as
    forged. A root that names a row under another chain's name is reported, too.
    """
    with open_three_desks(place, alarmbox, hand_clock) as (bought, worker, other):
        bought.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBERS[1], "1"))
        forge_root(place, worker, "worker", make_false_root_detail(other, lambda head: [head]))
        assert find_root_error(other) is None
        chain = bought._context.session_id
        ((row_id, hashed),) = place.sql(f"SELECT id, hash FROM audit_log WHERE session = '{chain}' AND seq = 1")
        instead = {
            "nothing": [],
            "one chain less": [],
            "an older row": [ChainHead(chain, 1, int(row_id), str(hashed))],
            "a row of another chain": [ChainHead("x", 1, int(row_id), str(hashed))],
        }[lie]

        def list_false_heads(head: ChainHead) -> Sequence[ChainHead]:
            """Return the false chain heads for the attacked chain, and for any other chain its own head, or nothing
            if the root shall be empty.
            """
            return instead if head.chain == chain else [] if lie == "nothing" else [head]

        forged = forge_root(place, worker, "worker", make_false_root_detail(other, list_false_heads))
        assert lie == "a row of another chain" or verify_trail(other) == (forged, "forged")
        assert verify_trail(other) is not None


def test_a_false_root_hides_no_deleted_row(place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock) -> None:
    """An attacker with the worker's account writes an audit root without chain heads and then deletes a row. The
    two other desks report an error. After a second false root that continues the first, the first is still reported.
    """
    with open_three_desks(place, alarmbox, hand_clock) as (bought, worker, other):
        forged = forge_root(place, worker, "worker", make_false_root_detail(other, lambda _: []))
        gone = delete_last_row(place, bought._context.session_id)
        assert verify_trail(other) == (forged, "forged")
        assert find_root_error(bought) == (forged, "forged")
        assert verify_trail(bought) == (min(gone, forged), "missing")
        forge_root(place, worker, "worker", make_false_root_detail(other, lambda _: [], since=gone))
        assert find_root_error(other) == (forged, "forged")


@pytest.mark.engines("sqlite")
def test_a_late_commit_is_no_forged_root(place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock) -> None:
    """A row is committed after the audit root that already covers its id. The next root contains the row, and no
    error is reported.
    """
    with open_three_desks(place, alarmbox, hand_clock) as (bought, worker, other):
        other.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBERS[1], "1"))
        place.drop_table_triggers("audit_log")
        newest = _SELECT_NEWEST_ENTRY_SQL.format(bought._context.session_id)
        place.sql(f"CREATE TABLE late AS SELECT * FROM audit_log WHERE id = ({newest})")
        place.sql("DELETE FROM audit_log WHERE id IN (SELECT id FROM late)")
        let_hour_pass(place, hand_clock)
        worker.recovery.run_all_tasks()
        place.sql("INSERT INTO audit_log SELECT * FROM late")
        other.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBERS[2], "1"))
        let_hour_pass(place, hand_clock)
        worker.recovery.run_all_tasks()
        assert place.sql(_COUNT_ROOTS_SQL)[0][0] == 2
        assert verify_trail(other) is None
        gone = delete_last_row(place, bought._context.session_id)
        assert verify_trail(other) == (gone, "missing")


def test_rows_of_the_last_minute_wait_for_the_next_root(
    place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock
) -> None:
    """An audit root covers only rows older than a minute, because another transaction may still commit a row with a
    smaller id.
    """
    with open_three_desks(place, alarmbox, hand_clock) as (bought, worker, other):
        let_hour_pass(place, hand_clock)
        other.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBERS[1], "1"))
        ((newest,),) = place.sql(_SELECT_NEWEST_ENTRY_SQL.format(bought._context.session_id))
        worker.recovery.run_all_tasks()
        with other.database.read() as conn:
            assert audit_roots.read_covered_rows(conn).last_id_of_newest_root == newest
        assert find_root_error(other) is None


@pytest.mark.engines("mariadb")
def test_a_desk_of_a_person_writes_no_audit_roots(
    place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock
) -> None:
    """On a server, a person's desk does not run the task that writes audit roots, because only the roots of a worker
    count.
    """
    with open_three_desks(place, alarmbox, hand_clock) as (bought, worker, other):
        let_hour_pass(place, hand_clock)
        ran = bought.recovery.run_all_tasks()
        assert "audit_roots" not in {run.task for run in ran}
        assert place.sql(_COUNT_ROOTS_SQL)[0][0] == 0
        assert "audit_roots" in {run.task for run in worker.recovery.run_all_tasks()}
        assert place.sql(_COUNT_ROOTS_SQL)[0][0] == 1
        assert find_root_error(other) is None
