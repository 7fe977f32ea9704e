"""Tests that any statement or COMMIT of an action on a credit check may fail, either once or with all later
statements.
"""

import pytest

from tests.crash import statements
from tests.crash.broken_statements import StatementFault
from tests.support.places import Engine, MakePlace

RANDOM_STATEMENT_COUNT = 3


@pytest.mark.expects_log("every kind of fault")
@pytest.mark.parametrize("fault", statements.TESTED_FAULTS)
@pytest.mark.parametrize("action", statements.ACTIONS)
def test_a_failed_statement_leaves_a_correct_record(
    fresh_place: MakePlace, engine: Engine, action: str, fault: StatementFault, seed: int
) -> None:
    """The first and some random statements of the action fail, each in a run of its own. The number is charged at
    most once, the reported ending is correct, and no record of a charged purchase has the state `error`. After
    the next due tasks no operation has the state `calling`.
    """
    tally = statements.fail_random_statements(fresh_place, action, fault, seed, RANDOM_STATEMENT_COUNT)
    print(f"demand 3: {engine}: {action}, {fault} at {tally['places']} places: 0 second charges, 0 untrue endings")
    assert tally["places"]


@pytest.mark.engines("mariadb")
@pytest.mark.expects_log("every kind of fault")
@pytest.mark.parametrize("fault", statements.SERVER_FAULTS)
@pytest.mark.parametrize("action", statements.ACTIONS)
def test_a_statement_that_loses_a_lock_leaves_a_correct_record(
    fresh_place: MakePlace, action: str, fault: StatementFault, seed: int
) -> None:
    """The first and some random statements lose a lock, each in a run of its own: the server rolls back the whole
    transaction (deadlock) or only the statement (lock wait). The number is charged at most once, and no
    record of a charged purchase has the state `error`.
    """
    tally = statements.fail_random_statements(fresh_place, action, fault, seed, RANDOM_STATEMENT_COUNT)
    print(f"demand 3: mariadb: {action}, {fault} at {tally['places']} places: 0 second charges, 0 untrue endings")
    assert tally["places"]
