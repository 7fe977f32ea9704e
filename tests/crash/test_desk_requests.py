"""A worker ends during a desk request, or one of its statements fails. Another worker continues, and the desk gets an
answer that agrees with the provider's ledger.
"""

import random
from collections.abc import Iterator

import pytest

from tests.crash import desk_request_kills, desk_request_statements
from tests.support.places import Engine, Place, ServerPlace, use_shared_nodes
from tests.support.pooled_databases import PooledDatabase
from tests.support.pooled_teams import lend_team_database
from tests.support.quick_desks import make_quick_folder

pytestmark = pytest.mark.engines("mariadb")


@pytest.fixture(scope="module")
def team_database(engine: Engine) -> Iterator[PooledDatabase]:
    """Yield a database that only these tests use meanwhile, because they change the rights of its accounts."""
    with use_shared_nodes(engine) as nodes, lend_team_database(nodes) as database:
        yield database


@pytest.fixture
def place(engine: Engine, team_database: PooledDatabase) -> Iterator[Place]:
    team_database.restore_content()
    with make_quick_folder() as folder:
        yield ServerPlace(engine, folder, team_database)


@pytest.mark.expects_log("what lapsed is told")
def test_a_worker_ended_at_any_step_acts_at_most_once(place: Place, seed: int) -> None:
    """A worker is ended at one random step of a desk request (`make soak` tests all steps). Nothing is charged or
    refunded twice, each charge has a record, and the answer to the desk agrees with the provider's ledger.
    """
    chance = random.Random(f"a worker ends {seed}")
    action, end = (
        chance.choice(tuple(desk_request_kills.STEPS_BY_ACTION)),
        chance.choice(tuple(desk_request_kills.EXIT_STATUS_BY_ENDING)),
    )
    step, again = chance.choice(desk_request_kills.STEPS_BY_ACTION[action]), chance.random() < 0.5
    answer_counts = desk_request_kills.end_worker_at_each_step(
        place, action, end, seed, [step], same_worker_continues=again
    )
    print(f"asked: {action}, the worker {end} at {step}: {dict(answer_counts)}, 0 twice, 0 lost")
    assert answer_counts["ends"] == 1


@pytest.mark.expects_log("every kind of fault")
def test_a_failed_statement_of_the_worker_leaves_a_correct_record(place: Place, seed: int) -> None:
    """A random statement of the worker fails during a desk request. Afterwards the answer to the desk and the stored
    record agree with the provider's ledger, and each desk request has ended.
    """
    action = random.Random(f"a statement fails {seed}").choice(desk_request_statements.ACTIONS)
    with desk_request_statements.open_stage(place) as stage:
        tally = desk_request_statements.fail_random_statements(stage, action, seed, place_count=1)
    print(f"asked: {action}, a statement of the worker fails: {dict(tally)}: 0 twice, 0 untrue answers")
    assert tally.total() == 1
