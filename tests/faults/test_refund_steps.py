"""Disturbances of the connection between a desk and its database server during actions on refunds, at random
commands.
"""

import pytest

from tests.faults import refund_steps
from tests.support.money_stage import ACTIONS, open_money_stage
from tests.support.places import ServerPlace
from tests.support.servers import Server


@pytest.fixture
def quick_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the console wait only one second for a server that can't be reached."""
    monkeypatch.setattr("console.store.database.retry_policy.UNREACHABLE_RETRY_SECONDS", 1.0)


@pytest.mark.expects_log("every kind of fault")
def test_a_broken_command_loses_no_refund(place: ServerPlace, seed: int) -> None:
    """For each action on a refund or a notice, two kinds of fault happen, each at a random command. The provider
    executes an approved refund at most once, and the reported ending agrees with that. After the next due tasks no
    operation has the state `calling`.
    """
    with open_money_stage(place) as stage:
        for action in ACTIONS:
            tally = refund_steps.disturb_random_commands(stage, action, refund_steps.TESTED_FAULTS, seed)
            print(f"faults: refunds: {action}: {dict(tally)}: 0 twice, 0 untrue endings")
        stage.check_all_rules()


@pytest.mark.expects_log("every kind of fault")
def test_a_server_that_dies_or_is_read_only_loses_no_refund(
    own_place: ServerPlace, own_server: Server, seed: int
) -> None:
    """While a refund is being sent, the server is killed and restarted, or refuses writes. The provider executes the
    refund at most once, and after the next due tasks no operation has the state `calling`.
    """
    with open_money_stage(own_place) as stage:
        summaries = []
        for nth in (25 + seed % 10, 45 + seed % 20):
            ended, seconds = refund_steps.kill_server_at_command(stage, own_server, "approve", nth)
            summaries.append(f"killed: {ended} in {seconds:.1f} s")
            summaries.append(
                f"read-only: {refund_steps.make_read_only_at_command(stage, own_server, 'approve', nth)}"
            )
        stage.check_all_rules()
    print(f"faults: refunds: server {'; '.join(summaries)}: 0 twice, 0 untrue endings")
