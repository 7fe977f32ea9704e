"""Tests that no credit check is charged twice when many processes at two desks buy or renew credit checks of the same
corporation numbers at the same moment.
"""

from collections import Counter

import pytest

from tests.races.buyers import PROCESS_COUNT, PurchaseRace, run_purchase_race
from tests.races.node_death import add_node_death
from tests.support.invented import invent_numbers
from tests.support.places import Engine, Place
from tests.support.servers import Cluster

pytestmark = pytest.mark.xdist_group("races")
CORPORATION_NUMBERS = invent_numbers(12, seed=1)
PROCESSES_BY_ENGINE: dict[Engine, int] = {"sqlite": PROCESS_COUNT, "mariadb": 8, "mysql": 8, "galera": 6}
DESK_COUNT_BY_ENGINE: dict[Engine, int] = {"sqlite": 2, "mariadb": 2, "mysql": 2, "galera": 3}


def run_race(
    place: Place, count: int, *, fault_seed: int | None, uses_leases: bool, renew: bool = False
) -> Counter[str]:
    """Run a race with as many processes and numbers as the database engine can execute in some seconds. `fault_seed`
    is the seed of the provider's faults (None: no faults). Check the counts of the race, and return them: the number
    of calls with each ending, `numbers`, `calls` and `charged`."""
    chosen = CORPORATION_NUMBERS[: count if place.engine == "sqlite" else count * 2 // 3]
    process_count, desks = PROCESSES_BY_ENGINE[place.engine], DESK_COUNT_BY_ENGINE[place.engine]
    tally = run_purchase_race(PurchaseRace(chosen, process_count, desks, fault_seed, uses_leases, renew), place)
    how = f"{'a good provider' if fault_seed is None else 'random faults'}, leases {'on' if uses_leases else 'off'}"
    what = f"{len(chosen)} numbers × {process_count} processes, {'renewals' if renew else 'purchases'} at once"
    print(f"demand 1: {place.engine}: {what}, {how}: {tally['charged']} charged, 0 doubles, 0 unhandled")
    assert tally["calls"] == process_count * len(chosen)
    assert fault_seed is not None or tally["charged"] == len(chosen)
    return tally


@pytest.mark.parametrize("uses_leases", [True, False], ids=["leases", "no-leases"])
@pytest.mark.parametrize("has_faults", [False, True], ids=["good", "faults"])
def test_simultaneous_purchases_are_charged_once(
    place: Place, has_faults: bool, uses_leases: bool, seed: int
) -> None:
    """If many processes buy the same numbers at the same moment, each number is charged at most once. Each process
    gets the record or a refusal with a code, and the audit trail stays valid."""
    run_race(place, 12, fault_seed=seed if has_faults else None, uses_leases=uses_leases)


@pytest.mark.parametrize(
    ("uses_leases", "has_faults"), [(True, False), (False, True)], ids=["leases", "no-leases-faults"]
)
def test_simultaneous_renewals_are_charged_once(place: Place, uses_leases: bool, has_faults: bool, seed: int) -> None:
    """Many processes renew the same expired credit checks. Each credit check is charged at most once more, and each
    renewal is linked correctly with the credit check that it supersedes."""
    run_race(place, 6, fault_seed=seed if has_faults else None, uses_leases=uses_leases, renew=True)


@pytest.mark.engines("galera")
@pytest.mark.parametrize("uses_leases", [True, False], ids=["leases", "no-leases"])
def test_simultaneous_purchases_on_three_nodes_are_charged_once(place: Place, uses_leases: bool, seed: int) -> None:
    """The desks are connected to different nodes of a Galera database cluster. One purchase of each number succeeds
    (with faults of the provider at most one), and all other processes get its record or a refusal.
    """
    run_race(place, 9, fault_seed=None if uses_leases else seed, uses_leases=uses_leases)


@pytest.mark.engines("galera")
@pytest.mark.expects_log("the lost node is told")
def test_a_node_killed_during_a_race_causes_no_second_purchase(place: Place, galera_alone: Cluster) -> None:
    """A database node is killed during the race and restarted. Each number is bought once, and afterwards all nodes
    have the same rows."""
    chosen = CORPORATION_NUMBERS[:8]
    tally = run_purchase_race(
        add_node_death(galera_alone, PurchaseRace(chosen, PROCESSES_BY_ENGINE["galera"], 3, uses_leases=False), 2, 5),
        place,
    )
    print(f"demand 1: galera: {len(chosen)} numbers, a node killed and back: {tally['charged']} charged, 0 doubles")
    database = place.url().partition("?")[0].rpartition("/")[2]
    rows = f"SELECT id, status, credit_check_id FROM `{database}`.hansha_alarmbox_credit_checks ORDER BY id"
    first, *others = (node.sql("SET wsrep_sync_wait = 7", rows) for node in galera_alone.nodes)
    assert others == [first, first]
    # A buyer whose node is lost between claim and call is refused: nothing was sent, its row is an error, uncharged.
    assert Counter(row[1] for row in first if row[1] != "error") == {"success": len(chosen)}
    assert all(row[2] is None for row in first if row[1] == "error")
