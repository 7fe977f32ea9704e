"""A worker process is killed: another worker process takes over its requests within seconds. The test runs real
processes.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from console.domain.errors import ConsoleError
from console.domain.records import PurchaseRequest
from console.sandbox.server import Sandbox
from tests.support.invented import invent_numbers
from tests.support.places import Place
from tests.support.team_mode import start_team_mode
from tests.support.waiting import MAX_WAIT_SECONDS, wait_until
from tests.support.worker_process import fork_worker


def read_fencing_token(place: Place, number: str) -> int:
    """Return the fencing token of the purchase request of this number; 0 if there is no request."""
    rows = place.sql(f"SELECT fence FROM requests WHERE action = 'purchase' AND subject_id = '{number}'")
    return int(rows[0][0]) if rows else 0


def test_a_killed_workers_request_is_taken_over(place: Place, sandbox: Sandbox) -> None:
    """AlarmBox charges a purchase and holds back its answer, and the worker is killed. Another worker takes over the
    request, although the request's own lease lasts a day longer, and sends no second purchase.
    """
    (number,) = invent_numbers(1, seed=21)
    start_team_mode(place, "op-a")
    sandbox.control.add_fault("hang_after_charge", call="purchase", number=number, seconds=3600)
    with (
        fork_worker(place, sandbox.url, desk=1, person="worker", TIME_SCALE="1") as first,
        place.open_desk(sandbox, TIME_SCALE="1") as desk,
        ThreadPoolExecutor(1) as thread,
    ):
        wait_until(lambda: not desk.desk_status.read_desk_update().is_worker_away, "the first worker")
        bought = thread.submit(desk.credit_checks.purchase, PurchaseRequest(number, "1"))
        wait_until(lambda: len(sandbox.ledger.list_charges_of_number(number)) == 1, "the charge")
        with fork_worker(place, sandbox.url, desk=2, person="worker", TIME_SCALE="1"):
            wait_until(
                lambda: place.sql("SELECT count(*) FROM leases WHERE name = 'desk_requests'") == [(2,)], "two workers"
            )
            first.process.kill()
            place.sql(  # so that the request's own lease can't be what ends
                f"UPDATE requests SET lease_expires = lease_expires + 86400000 WHERE subject_id = '{number}'"
            )
            killed_at = time.monotonic()
            wait_until(lambda: read_fencing_token(place, number) == 2, "the other worker to take the request")
            print(f"taken over {time.monotonic() - killed_at:.1f} s after the kill")
            place.sql(  # the call under way counts as running until its own leases end
                "UPDATE request_ids SET lease_expires = 1 WHERE lease_expires > 0",
                "UPDATE operations SET lease_expires = 1 WHERE lease_expires > 0",
                "UPDATE leases SET lease_expires = 1 WHERE name LIKE 'purchase%'",
            )
            with pytest.raises(ConsoleError) as unknown:
                bought.result(MAX_WAIT_SECONDS)
    assert unknown.value.code == "outcome_unknown"
    assert len(sandbox.ledger.list_charges_of_number(number)) == 1
