"""Any statement and any COMMIT may fail, for a moment or for good."""

import pytest

from tests.crash import statements
from tests.crash.broken_statements import Trouble
from tests.support.places import Engine, Fresh

PLACES = 3


@pytest.mark.expects_log("every kind of trouble")
@pytest.mark.parametrize("trouble", statements.TROUBLES)
@pytest.mark.parametrize("action", statements.ACTIONS)
def test_a_statement_fails(fresh_place: Fresh, engine: Engine, action: str, trouble: Trouble, seed: int) -> None:
    """However far it got: one charge at most, a named ending that tells the truth, nothing called error that was
    charged, and after the next due tasks nothing that hangs.
    """
    tally = statements.run_some(fresh_place, action, trouble, seed, PLACES)
    print(f"demand 3: {engine}: {action}, {trouble} at {tally['places']} places: 0 second charges, 0 untrue endings")
    assert tally["places"]


@pytest.mark.engines("mariadb")
@pytest.mark.expects_log("every kind of trouble")
@pytest.mark.parametrize("trouble", statements.ON_SERVERS)
@pytest.mark.parametrize("action", statements.ACTIONS)
def test_a_statement_loses(fresh_place: Fresh, action: str, trouble: Trouble, seed: int) -> None:
    """A lost race at any statement, whether the server undoes all of the transaction or the statement alone."""
    tally = statements.run_some(fresh_place, action, trouble, seed, PLACES)
    print(f"demand 3: mariadb: {action}, {trouble} at {tally['places']} places: 0 second charges, 0 untrue endings")
    assert tally["places"]
