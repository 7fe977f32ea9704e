"""Tests that any statement or COMMIT of an action on a refund or a notice may fail, either once or with all later
statements.
"""

import pytest

from tests.crash import refund_statements
from tests.support.money_stage import ACTIONS, open_money_stage
from tests.support.places import Place


@pytest.mark.expects_log("every kind of fault")
def test_a_failed_statement_executes_no_refund_twice(place: Place, seed: int) -> None:
    """For each action on a refund or a notice, two kinds of fault happen, each at a random statement. The provider
    executes an approved refund at most once, and the reported ending agrees with the provider. After the next due
    tasks no operation has the state `calling`.
    """
    faults = refund_statements.TESTED_FAULTS + (refund_statements.SERVER_FAULTS if place.is_server else ())
    with open_money_stage(place) as stage:
        for action in ACTIONS:
            tally = refund_statements.fail_random_statements(stage, action, faults, seed)
            print(f"demand 3: {place.engine}: {action}: {dict(tally)}: 0 twice, 0 untrue endings")
        stage.check_all_rules()
