"""Any statement and any COMMIT may fail, for a moment or for good."""

import pytest

from tests.crash import statements
from tests.crash.broken_statements import Trouble
from tests.support.quick_desks import quick_folder

PLACES = 3


@pytest.mark.expects_log("every kind of trouble")
@pytest.mark.parametrize("trouble", statements.TROUBLES)
@pytest.mark.parametrize("action", statements.ACTIONS)
def test_a_statement_fails(action: str, trouble: Trouble, seed: int) -> None:
    """However far it got: one charge at most, a named ending that tells the truth, nothing called error that was
    charged, and after the next due tasks nothing that hangs.
    """
    with quick_folder() as folder:
        tally = statements.run_some(folder, action, trouble, seed, PLACES)
    print(f"demand 3: {action}, {trouble} at {tally['places']} places: 0 second charges, 0 untrue endings")
    assert tally["places"]
