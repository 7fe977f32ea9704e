"""A cluster of three Galera nodes: conflicts at COMMIT, reads after writes on another node, and the loss of one or
two nodes.
"""

import time

import pytest
from sqlalchemy import text

from console.domain.errors import ConsoleError
from console.domain.records import PurchaseRequest
from console.store.database.engine import Database, Transaction
from tests.faults.nodes import (
    ThreadsThatWrite,
    compete_for_leases,
    open_database_per_node,
    read_after_write,
    swap_after_write,
)
from tests.faults.scene import CLIENT_ID, buy_check, execute_as_schema_account, open_scene
from tests.faults.verdicts import TriedAuditEntry, read_stored_tries
from tests.support.invented import invent_numbers
from tests.support.places import ServerPlace
from tests.support.servers import Cluster
from tests.support.sql_proxy import SqlProxy
from tests.support.waiting import MAX_WAIT_SECONDS, wait_until

PEOPLE = ("op-a", "op-b", "lead-b")
CORPORATION_NUMBERS = iter(invent_numbers(100, seed=79))


def list_people(place: ServerPlace) -> list[str]:
    """Return the account names of three people."""
    return [place.get_account_name(person) for person in PEOPLE]


@pytest.fixture
def place_with_counter(galera_place: ServerPlace) -> ServerPlace:
    """Return the database with the counter rows that these tests write."""
    execute_as_schema_account(
        galera_place, "DELETE FROM call_rates", "INSERT INTO call_rates VALUES ('causal', 'server', 0)"
    )
    return galera_place


def test_a_commit_on_one_node_is_visible_on_all_others(place_with_counter: ServerPlace) -> None:
    """A value is written on one node. The next node reads it immediately, and can update the row under the condition
    of this value. Each session has the setting that makes its reads wait for other nodes' writes.
    """
    with open_database_per_node(place_with_counter, as_owner=True) as databases:
        reads, swaps = read_after_write(databases, 40), swap_after_write(databases, 30)
    print(f"demand 11: {reads['stale']} stale of {reads['reads']}, {swaps['refused']} refused of {swaps['swaps']}")
    assert (reads["stale"], reads["unguarded"], swaps["refused"]) == (0, 0, 0)


def test_a_transaction_that_fails_certification_runs_again(place_with_counter: ServerPlace) -> None:
    """Another node changes the same row and commits first, so COMMIT fails with error 1213. The program runs the
    whole transaction again, and both changes are stored.
    """
    with open_database_per_node(place_with_counter, as_owner=True) as (first_database, second_database, _):
        tries = 0

        def increment_counter(tx: Transaction) -> None:
            tx.conn.execute(text("UPDATE call_rates SET not_before = not_before + 1 WHERE name = 'causal'"))

        def count_try_and_increment(tx: Transaction) -> None:
            nonlocal tries
            tries += 1
            increment_counter(tx)
            if tries == 1:
                second_database.write(increment_counter)

        first_database.write(count_try_and_increment)
    assert tries == 2
    assert execute_as_schema_account(place_with_counter, "SELECT not_before FROM call_rates") == [(2,)]


@pytest.mark.parametrize("arrival", ["after all", "in between"])
def test_an_unanswered_commit_is_verified_on_another_node(galera_place: ServerPlace, arrival: str) -> None:
    """The console's node can't be reached at COMMIT, and another node doesn't have the transaction, so the console
    runs it again there. Even if the first COMMIT arrives later, the transaction is stored once.
    """
    first, second, _ = galera_place.database.nodes

    class AuditEntryDuringLateCommit(TriedAuditEntry):
        def __call__(self, tx: Transaction) -> int:
            if self.tries == 1 and arrival == "in between":
                shot.release_command()
                wait_until(lambda: read_stored_tries(galera_place, self.name) == [1], "the late one to arrive")
            return super().__call__(tx)

    with SqlProxy(first.host, first.port) as proxy:
        database = Database(f"{proxy.make_url(galera_place.url())}?fallback={second.host}:{second.port}")
        note = AuditEntryDuringLateCommit(f"late {arrival}", list_people(galera_place)[0])
        with proxy.cause_fault("late", sql_prefix="COMMIT", is_lasting=True) as shot:
            stored_try = database.write(note)
            shot.release_command()
            assert shot.reply_event.wait(MAX_WAIT_SECONDS)
        database.close()
    assert read_stored_tries(galera_place, note.name) == [stored_try]
    assert stored_try == (1 if arrival == "in between" else 2)


def test_only_one_of_three_nodes_acquires_a_lease(galera_place: ServerPlace) -> None:
    """In each round, three people at different nodes try to acquire the same lease, and exactly one of them gets
    it.
    """
    place = galera_place
    urls = [place.url(person, desk=number) for number, person in enumerate(PEOPLE)]
    databases = [Database(url) for url in urls]
    tally = compete_for_leases(databases, list_people(place), 15)
    for database in databases:
        database.close()
    print(f"leases on three nodes: one winner in {tally['one_winner']} of {tally['rounds']} rounds")
    assert tally["one_winner"] == tally["rounds"]


def test_a_killed_node_loses_no_acknowledged_row(galera_alone: Cluster, galera_place: ServerPlace) -> None:
    """A node is killed while three people write: no acknowledged row is lost or stored twice, and no write is
    refused.
    """
    place = galera_place
    databases = [Database(place.url(person, desk=number)) for number, person in enumerate(PEOPLE)]
    writers = ThreadsThatWrite(databases, list_people(place), "killed")
    with writers.write_in_threads():
        wait_until(lambda: len(writers.acknowledged_rows) > 30, "some work")
        galera_alone.nodes[0].kill()
        mark = len(writers.acknowledged_rows)
        wait_until(lambda: len(writers.acknowledged_rows) > mark + 60, "work after the kill")
    for database in databases:
        database.close()
    lost, twice = writers.find_lost_and_duplicate_rows(place)
    print(
        f"demand 9: {len(lost)} of {len(writers.acknowledged_rows)} acknowledged rows lost, {len(twice)} twice,"
        f" longest stall {writers.longest_seconds:.1f} s, refused: {dict(writers.count_by_refusal_code)}"
    )
    assert (lost, twice, dict(writers.count_by_refusal_code)) == ([], [], {})


@pytest.mark.soak  # its return takes a quarter of a minute
@pytest.mark.expects_log("what a refused read meant for the audit is told")
def test_a_desk_leaves_a_node_that_is_cut_off_from_its_cluster(
    galera_alone: Cluster, galera_place: ServerPlace
) -> None:
    """A node that is cut off from its cluster accepts connections but refuses statements. The desk connects to
    another node and continues.
    """
    before, after = next(CORPORATION_NUMBERS), next(CORPORATION_NUMBERS)
    with open_scene(galera_place) as stage, stage.open_desk_without_proxy() as console:
        console.credit_checks.make_plan(before)
        alone = galera_alone.nodes[0]
        alone.sql("SET GLOBAL wsrep_provider_options = 'gmcast.isolate=1'")
        try:
            wait_until(lambda: alone.read_status("wsrep_ready") == "OFF", "the node to notice")
            begun = time.monotonic()
            endings = [buy_check(console, before), buy_check(console, after)]
            print(f"demand 9: {endings} beside a node without its cluster, {time.monotonic() - begun:.1f} s")
        finally:
            alone.sql("SET GLOBAL wsrep_provider_options = 'gmcast.isolate=0'")
        galera_alone.wait_until_ready()
        assert endings[-1] == "done"
        assert endings[0] in ("done", "database_unreachable")  # a read that was on the way is told, not repeated
        with stage.settle_and_check(before, after):
            pass


def test_a_cluster_without_a_quorum_sends_nothing(galera_alone: Cluster, galera_place: ServerPlace) -> None:
    """Two of three nodes are killed while the remaining node executes the COMMIT of a claim. The desk refuses the
    purchase with exit status 6 and sends nothing. After the restart of the nodes the purchase works.
    """
    number, others = next(CORPORATION_NUMBERS), galera_alone.nodes[1:]
    killed: list[float] = []

    def kill_others(_session: int) -> None:
        killed.append(time.monotonic())
        for node in others:
            node.kill()

    fallbacks = "&".join(f"fallback={node.host}:{node.port}" for node in others)
    with open_scene(galera_place) as stage, stage.open_desk(f"{stage.url}?{fallbacks}") as console:
        assert buy_check(console, next(CORPORATION_NUMBERS)) == "done"
        console.credit_checks.make_plan(number)
        with (
            stage.proxy.cause_fault("passed", sql_prefix="COMMIT", before_fault=kill_others),
            pytest.raises(ConsoleError) as refused,
        ):
            console.credit_checks.purchase(PurchaseRequest(number, CLIENT_ID))
        seconds = time.monotonic() - killed[0]
        print(
            f"demand 9: non-Primary told after {seconds:.1f} s, {stage.alarmbox.count_charges(number)} provider calls"
        )
        assert (refused.value.exit_status, stage.alarmbox.count_charges(number)) == (6, 0)
        assert "1047" in str(refused.value.detail["cause"])  # the node that lives knows more than the dead ones
        galera_alone.restart_nodes()
        assert buy_check(console, number) == "done"
        with stage.settle_and_check(number):
            pass
