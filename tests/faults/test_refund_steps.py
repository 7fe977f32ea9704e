"""Every kind of trouble between a desk that refunds and its server, at places that are drawn."""

import pytest

from tests.faults import refund_steps
from tests.support.money_stage import ACTIONS, stage
from tests.support.places import ServerPlace
from tests.support.servers import Server


@pytest.fixture
def quick_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for a server that refuses."""
    monkeypatch.setattr("console.store.database.retry_policy.UNREACHABLE_RETRY_SECONDS", 1.0)


@pytest.mark.expects_log("every kind of trouble")
def test_a_command_is_broken(place: ServerPlace, seed: int) -> None:
    """However far it got: one refund per approval at most, who is told anything is told the truth, and after the next
    due tasks nothing hangs.
    """
    with stage(place) as on:
        for action in ACTIONS:
            tally = refund_steps.run_some(on, action, refund_steps.TROUBLES, seed)
            print(f"faults: refunds: {action}: {dict(tally)}: 0 twice, 0 untrue endings")
        on.checked()


@pytest.mark.expects_log("every kind of trouble")
def test_the_server_dies_or_takes_no_writes(own_place: ServerPlace, own_server: Server, seed: int) -> None:
    """kill -9 of the server and its return, and a server that turns read-only, in the middle of a sending."""
    with stage(own_place) as on:
        told = []
        for nth in (25 + seed % 10, 45 + seed % 20):
            ended, seconds = refund_steps.dies_at(on, own_server, "approve", nth)
            told.append(f"killed: {ended} in {seconds:.1f} s")
            told.append(f"read-only: {refund_steps.turns_read_only(on, own_server, 'approve', nth)}")
        on.checked()
    print(f"faults: refunds: server {'; '.join(told)}: 0 twice, 0 untrue endings")
