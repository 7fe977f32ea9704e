"""A worker is killed during a due task. Another worker takes over the task and completes it once."""

import pytest

from console.domain.errors import ConsoleError
from console.domain.records import PurchaseRequest
from console.domain.tasks.intervals import is_task_running
from console.sandbox.server import Sandbox
from tests.crash import task_kills
from tests.support import truth
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.places import Place
from tests.support.waiting import wait_until


@pytest.mark.parametrize("failpoint", ["after_task_begin:4", "before_probe:1", "after_probe:1", "before_task_end:4"])
def test_a_killed_workers_task_is_taken_over(place: Place, sandbox: Sandbox, failpoint: str) -> None:
    """A worker is killed before, during or after a probe. The next worker completes the task: there is one charge,
    and one bought record.
    """
    sandbox.control.change_settings(offers_purchase_list=True)
    with place.open_desk(sandbox, TIME_SCALE="60", ALARMBOX_FIND_PURCHASES="1") as console:
        sandbox.control.add_fault("close_after_charge", call="purchase", number=CORPORATION_NUMBERS[0])
        with pytest.raises(ConsoleError, match="outcome_unknown"):
            console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBERS[0], "1"))
        task_kills.kill_worker(place, sandbox.url, failpoint)
        (killed,) = (task for task in console.scheduler.read_task_states() if is_task_running(task))
        ran: list[str] = []

        def is_task_taken_over() -> bool:
            ran.extend(run.task for run in console.scheduler.run_due_tasks())
            return killed.name in ran and truth.read_check_rows(console.database)[0].certainty == "known"

        wait_until(is_task_taken_over, f"{killed.name} taken over")
        assert not any(is_task_running(task) for task in console.scheduler.read_task_states())
        (record,) = console.lookup.find_records(CORPORATION_NUMBERS[0]).credit_checks
        assert (record.state, record.certainty) == ("success", "known")
        assert sandbox.ledger.count_charges_of_number(CORPORATION_NUMBERS[0]) == 1
        console.audit.verify_chains()
