"""Roots of the audit trail: a tail that was cut off is missed on every desk, not only on the one that wrote it."""

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
from tests.support.invented import numbers
from tests.support.ledger_vendor import LedgerVendor
from tests.support.places import Place
from tests.support.quick_desks import HandClock

NUMBERS = numbers(130, seed=5)
_ROOTS = "SELECT count(*) FROM audit_log WHERE what = 'audit.root'"
_NEWEST_OF = "SELECT max(id) FROM audit_log WHERE session = '{}'"


@contextmanager
def desks(place: Place, vendor: LedgerVendor, clock: HandClock) -> Iterator[tuple[Console, Console, Console]]:
    """One where something was bought, one of a worker, and one that has seen neither's trail."""
    with (
        place.desk(vendor, clock, desk=1) as bought,
        place.desk(vendor, clock, person="worker", desk=2) as worker,
        place.desk(vendor, clock, desk=3) as other,
    ):
        bought.credit_checks.purchase(PurchaseRequest(NUMBERS[0], "1"))
        yield bought, worker, other


def an_hour_later(place: Place, clock: HandClock) -> None:
    """For the clock by which rows are stamped, and for ours."""
    clock.at += timedelta(hours=1)
    if place.is_server:  # nobody turns a server's clock: the rows grow old instead
        place.unguard("audit_log")
        place.sql("UPDATE audit_log SET at = at - INTERVAL 1 HOUR")


def cut(place: Place, session: str) -> int:
    """Somebody who owns the database takes a chain's last row away; its id."""
    ((row_id,),) = place.sql(_NEWEST_OF.format(session))
    place.unguard("audit_log")
    place.sql(f"DELETE FROM audit_log WHERE id = {row_id}")
    return int(row_id)


def broken(console: Console) -> tuple[int, str] | None:
    """The faults that `audit verify` reports there."""
    with suppress(ConsoleError):
        console.audit.verify_chains()
        return None
    with pytest.raises(ConsoleError, match="audit_broken") as found:
        console.audit.verify_chains()
    return found.value.detail["first_bad"], found.value.detail["why"]  # type: ignore[return-value]  # an id, a word


def missed(console: Console) -> tuple[int, str] | None:
    """Faults that only the roots show: if a server's rows were made older, they don't fit their hashes any more."""
    with console.database.read() as conn:
        return audit_roots.find_first_root_fault(conn)


@pytest.mark.engines("sqlite")
def test_a_cut_tail_is_missed_everywhere(place: Place, vendor: LedgerVendor, hand_clock: HandClock) -> None:
    """Without a root only the desk that wrote it knows; with one, all do: its row is named."""
    with desks(place, vendor, hand_clock) as (bought, worker, other):
        an_hour_later(place, hand_clock)
        worker.recovery.run_due()
        assert [broken(console) for console in (bought, worker, other)] == [None] * 3
        gone = cut(place, bought._context.session)
        assert [broken(console) for console in (bought, worker, other)] == [(gone, "missing")] * 3


@pytest.mark.engines("sqlite")
def test_without_a_root_a_cut_tail_is_missed_by_its_desk_alone(
    place: Place, vendor: LedgerVendor, hand_clock: HandClock
) -> None:
    """The purpose of the roots: without one, only the desk of a cut chain detects the cut."""
    with desks(place, vendor, hand_clock) as (bought, _, other):
        gone = cut(place, bought._context.session)
        assert (broken(bought), broken(other)) == ((gone, "missing"), None)


@pytest.mark.engines("sqlite")
def test_who_cuts_the_root_too_is_seen_by_the_worker(
    place: Place, vendor: LedgerVendor, hand_clock: HandClock
) -> None:
    """The root is a row of the worker's own chain, whose heads lie on its desk."""
    with desks(place, vendor, hand_clock) as (bought, worker, other):
        an_hour_later(place, hand_clock)
        worker.recovery.run_due()
        gone = cut(place, bought._context.session)
        root = cut(place, worker._context.session)
        assert (broken(other), broken(worker)) == (None, (root, "missing"))
        assert gone < root


@pytest.mark.engines("sqlite")
def test_a_rewritten_chain_is_found_by_a_root(place: Place, vendor: LedgerVendor, hand_clock: HandClock) -> None:
    """Somebody edits a chain and repairs its hashes: the audit root still has the original hash, so the row is
    reported as replaced.
    """
    with desks(place, vendor, hand_clock) as (bought, worker, other):
        an_hour_later(place, hand_clock)
        worker.recovery.run_due()
        ((row_id,),) = place.sql(_NEWEST_OF.format(bought._context.session))
        with other.database.read() as conn:
            assert audit_roots.find_first_root_fault(conn) is None
        place.unguard("audit_log")
        place.sql(f"UPDATE audit_log SET hash = '{'0' * 64}' WHERE id = {row_id}")
        with other.database.read() as conn:
            assert audit_roots.find_first_root_fault(conn) == (row_id, "replaced")


def test_a_root_is_written_an_hour_after_what_it_covers(
    place: Place, vendor: LedgerVendor, hand_clock: HandClock
) -> None:
    """Nothing before, one then, and no further one for a root alone: a desk that rests writes none."""
    with desks(place, vendor, hand_clock) as (_, worker, _):
        counts = []
        for _ in range(4):
            worker.recovery.run_due()
            counts.append(place.sql(_ROOTS)[0][0])
            an_hour_later(place, hand_clock)
        assert counts == [0, 1, 1, 1]


@pytest.mark.engines("sqlite")
def test_rows_that_appear_late_are_covered_by_the_next_root(
    place: Place, vendor: LedgerVendor, hand_clock: HandClock
) -> None:
    """A server gives ids before it commits: what the last root could not see, though its id was covered, is seen
    by the next one.
    """
    with desks(place, vendor, hand_clock) as (bought, worker, _):
        for i in range(1, 4):
            an_hour_later(place, hand_clock)
            bought.credit_checks.purchase(PurchaseRequest(NUMBERS[i], "1"))
            worker.recovery.run_due()
        with bought.database.read() as conn:
            since = audit_roots.read_covered_rows(conn)
            _, found = audit_roots.list_heads_to_store(
                conn,
                audit_roots.RowsCoveredByRoots(since.previous_root_last_id, since.previous_root_last_id),
                since.root_last_id,
            )
        assert 0 < since.previous_root_last_id < since.root_last_id
        assert bought._context.session in {head.chain for head in found}


def test_all_heads_of_many_chains_are_kept(place: Place, vendor: LedgerVendor, hand_clock: HandClock) -> None:
    """More chains than a row has room for, in parts: each newest row is in some root, each is whole, none is cut."""
    with place.desk(vendor, hand_clock, person="worker", TIME_SCALE="1") as console:
        context = console._context

        def begin(tx: object) -> None:
            for i in range(audit_roots.HEADS_PER_ROW * 2 + 1):
                entry = NewAuditEntry(place.named("worker"), "test.begun")
                append_entry(tx, entry, session=f"chain-{i}", desk="d", at=context.now())  # type: ignore[arg-type]  # a transaction

        console.database.write(begin)
        an_hour_later(place, hand_clock)
        counts = {run.task: run.count for run in console.recovery.run_due()}
        assert counts["audit_roots"] == audit_roots.HEADS_PER_ROW * 2 + 1
        assert place.sql(_ROOTS)[0][0] == 3
        assert place.sql("SELECT count(*) FROM audit_log WHERE detail LIKE '%\"cut\"%'")[0][0] == 0
        with console.database.read() as conn:
            assert audit_roots.find_first_root_fault(conn) is None


# ---------------------------------------------------------------- forged roots


def rooted(place: Place, console: Console, by: str, detail: str) -> int:
    """A root in a chain of its own, by whoever it is, with a hash that fits; its row's id. On a server past the
    triggers, which would refuse it.
    """
    place.unguard("audit_log")
    entry = NewAuditEntry(
        place.named(by),
        audit_roots.ROOT_ACTION,
        audit_roots.AUDIT_KIND,
        audit_roots.ROOT_SUBJECT_ID,
        detail=json.loads(detail),
    )

    def add(tx: Transaction) -> int:
        return append_entry(tx, entry, session=str(uuid.uuid4()), desk="d", at=console._context.now()).row_id

    return console.database.write(add)


def told_of(heads: Sequence[ChainHead] = (), *, since: int = 0, upto: int = 0) -> str:
    """A root's detail as our program writes it, whatever it says."""
    return json.dumps(
        next(
            audit_roots.make_root_details(
                audit_roots.RowsCoveredByRoots(since, upto), heads or [ChainHead("x", 1, 1, "x")]
            )
        )
    )


@pytest.mark.parametrize("upto", [1, 10**9])
def test_who_is_no_worker_covers_nothing(
    place: Place, vendor: LedgerVendor, hand_clock: HandClock, upto: int
) -> None:
    """A person writes in their own name that everything is covered. What comes later is covered all the same, its cut
    tail is missed, and the root is told.
    """
    with desks(place, vendor, hand_clock) as (bought, worker, other):
        forged = rooted(place, bought, "op-a", told_of(upto=upto))
        assert broken(other) == (forged, "forged")
        an_hour_later(place, hand_clock)
        worker.recovery.run_due()
        with other.database.read() as conn:
            assert audit_roots.read_covered_rows(conn).root_last_id >= forged
        gone = cut(place, bought._context.session)
        assert missed(other) == min((gone, "missing"), (forged, "forged"))


def test_a_root_that_somebody_repeats_is_told(place: Place, vendor: LedgerVendor, hand_clock: HandClock) -> None:
    """An old root of the worker's again, copied into the person's own chain: nothing is covered twice, or less."""
    with desks(place, vendor, hand_clock) as (bought, worker, other):
        an_hour_later(place, hand_clock)
        worker.recovery.run_due()
        ((detail,),) = place.sql("SELECT detail FROM audit_log WHERE what = 'audit.root' ORDER BY id LIMIT 1")
        with other.database.read() as conn:
            before = audit_roots.read_covered_rows(conn)
        forged = rooted(place, bought, "op-a", str(detail))
        assert missed(other) == (forged, "forged")
        with other.database.read() as conn:
            assert audit_roots.read_covered_rows(conn) == before


@pytest.mark.parametrize(
    ("since", "upto"), [(0, 10**9), (5_000, 5_001), (3, 2), (-1, 1)], ids=["ahead", "a gap", "backwards", "below"]
)
def test_a_workers_root_says_no_more_than_it_knows(
    place: Place, vendor: LedgerVendor, hand_clock: HandClock, since: int, upto: int
) -> None:
    """An attacker with the worker's account can't write a root that covers later rows or leaves out rows."""
    with desks(place, vendor, hand_clock) as (_, worker, other):
        forged = rooted(place, worker, "worker", told_of(since=since, upto=upto))
        assert broken(other) == (forged, "forged")


def test_the_heads_of_a_root_are_those_that_were_kept(
    place: Place, vendor: LedgerVendor, hand_clock: HandClock
) -> None:
    """A root whose list was made shorter does not fit its own hash."""
    with desks(place, vendor, hand_clock) as (_, worker, other):
        detail = json.loads(told_of(upto=1)) | {"heads": []}
        assert broken(other) is None
        forged = rooted(place, worker, "worker", json.dumps(detail))
        assert broken(other) == (forged, "forged")


def lying(console: Console, keep: Callable[[ChainHead], Sequence[ChainHead]], since: int = 0) -> str:
    """A root of all that is there, by the program's own words, in which each head became what `keep` makes of it."""
    with console.database.read() as conn:
        last = conn.exec_driver_sql("SELECT max(id) FROM audit_log").scalar_one()
        covers, found = audit_roots.list_heads_to_store(conn, audit_roots.RowsCoveredByRoots(since, since), last)
    told = [[head.chain, head.seq, head.row_id, head.hash] for each in found for head in keep(each)]
    digest = sha256(json.dumps(told, separators=(",", ":")).encode()).hexdigest()
    return json.dumps(
        {"since": covers.previous_root_last_id, "upto": covers.root_last_id, "root": digest, "heads": told}
    )


@pytest.mark.parametrize("lie", ["nothing", "one chain less", "an older row", "a row of another chain"])
def test_a_workers_root_holds_what_it_covers(
    place: Place, vendor: LedgerVendor, hand_clock: HandClock, lie: str
) -> None:
    """An attacker with the worker's account can't write a root without a chain, without all chains, or without the
    newest row.
    """
    with desks(place, vendor, hand_clock) as (bought, worker, other):
        bought.credit_checks.purchase(PurchaseRequest(NUMBERS[1], "1"))
        rooted(place, worker, "worker", lying(other, lambda head: [head]))
        assert missed(other) is None
        chain = bought._context.session
        ((row_id, hashed),) = place.sql(f"SELECT id, hash FROM audit_log WHERE session = '{chain}' AND seq = 1")
        instead = {
            "nothing": [],
            "one chain less": [],
            "an older row": [ChainHead(chain, 1, int(row_id), str(hashed))],
            "a row of another chain": [ChainHead("x", 1, int(row_id), str(hashed))],
        }[lie]

        def told(head: ChainHead) -> Sequence[ChainHead]:
            return instead if head.chain == chain else [] if lie == "nothing" else [head]

        forged = rooted(place, worker, "worker", lying(other, told))
        assert lie == "a row of another chain" or broken(other) == (forged, "forged")
        assert broken(other) is not None


def test_a_lying_root_hides_no_cut_tail(place: Place, vendor: LedgerVendor, hand_clock: HandClock) -> None:
    """After the tail is cut every desk is told, also where a second lie goes on from the first."""
    with desks(place, vendor, hand_clock) as (bought, worker, other):
        forged = rooted(place, worker, "worker", lying(other, lambda _: []))
        gone = cut(place, bought._context.session)
        assert broken(other) == (forged, "forged")
        assert missed(bought) == (forged, "forged")
        assert broken(bought) == (min(gone, forged), "missing")
        rooted(place, worker, "worker", lying(other, lambda _: [], since=gone))
        assert missed(other) == (forged, "forged")


@pytest.mark.engines("sqlite")
def test_what_was_committed_late_makes_no_root_a_forgery(
    place: Place, vendor: LedgerVendor, hand_clock: HandClock
) -> None:
    """A row that came after the root that covers its id is in the next one: nothing is missing then."""
    with desks(place, vendor, hand_clock) as (bought, worker, other):
        other.credit_checks.purchase(PurchaseRequest(NUMBERS[1], "1"))
        place.unguard("audit_log")
        newest = _NEWEST_OF.format(bought._context.session)
        place.sql(f"CREATE TABLE late AS SELECT * FROM audit_log WHERE id = ({newest})")
        place.sql("DELETE FROM audit_log WHERE id IN (SELECT id FROM late)")
        an_hour_later(place, hand_clock)
        worker.recovery.run_due()
        place.sql("INSERT INTO audit_log SELECT * FROM late")
        other.credit_checks.purchase(PurchaseRequest(NUMBERS[2], "1"))
        an_hour_later(place, hand_clock)
        worker.recovery.run_due()
        assert place.sql(_ROOTS)[0][0] == 2
        assert broken(other) is None
        gone = cut(place, bought._context.session)
        assert broken(other) == (gone, "missing")


def test_rows_of_the_last_minute_wait_for_the_next_root(
    place: Place, vendor: LedgerVendor, hand_clock: HandClock
) -> None:
    """Another transaction may still be writing under a smaller id: a root covers what is settled alone."""
    with desks(place, vendor, hand_clock) as (bought, worker, other):
        an_hour_later(place, hand_clock)
        other.credit_checks.purchase(PurchaseRequest(NUMBERS[1], "1"))
        ((newest,),) = place.sql(_NEWEST_OF.format(bought._context.session))
        worker.recovery.run_due()
        with other.database.read() as conn:
            assert audit_roots.read_covered_rows(conn).root_last_id == newest
        assert missed(other) is None


@pytest.mark.engines("mariadb")
def test_windows_of_people_leave_roots_to_a_worker(place: Place, vendor: LedgerVendor, hand_clock: HandClock) -> None:
    """On a server: what they would write does not count, so they don't take the task from who may."""
    with desks(place, vendor, hand_clock) as (bought, worker, other):
        an_hour_later(place, hand_clock)
        ran = bought.recovery.run_due()
        assert "audit_roots" not in {run.task for run in ran}
        assert place.sql(_ROOTS)[0][0] == 0
        assert "audit_roots" in {run.task for run in worker.recovery.run_due()}
        assert place.sql(_ROOTS)[0][0] == 1
        assert missed(other) is None
