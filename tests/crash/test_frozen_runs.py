"""A process freezes during a reconciliation or a bulk run until another process has taken over its lease and ended
the run. When the frozen process continues, it changes nothing.
"""

from pathlib import Path

import pytest

from console.sandbox.server import Sandbox
from tests.crash import frozen
from tests.services.reconciliation.test_run import write_payments_of_each_verdict
from tests.support import payment_desks
from tests.support.bulk_stage import count_bought_entries, expire_all_leases, make_alarmbox, make_unknown_checks
from tests.support.children import start_children
from tests.support.payment_desks import open_payment_desk
from tests.support.places import Place
from tests.support.reconciled_day import ReconciledDay, get_counts

pytestmark = [
    pytest.mark.time_scale("1"),
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux shows that a process has stopped"),
]


@pytest.mark.parametrize(
    ("point", "nth"),
    [
        ("before_reconcile_row", 2),
        ("after_reconcile_row", 2),
        ("after_reconcile_batch", 1),
        ("before_reconcile_end", 1),
    ],
)
def test_a_reconciliation_that_froze_writes_only_its_refusal_afterwards(
    place: Place, sandbox: Sandbox, point: str, nth: int
) -> None:
    """A process freezes during a reconciliation, and another process continues the run to its end. When the first
    process continues, it ends with in_progress and writes nothing but its refusal.
    """
    with open_payment_desk(place, sandbox) as scene:
        days = ReconciledDay(scene)
        write_payments_of_each_verdict(days)
        environment = place.make_environment(sandbox.url, "op-a", 0, **payment_desks.make_settings(sandbox.url))
        with start_children(frozen.reconcile_and_freeze, [(environment, days.day, point, nth)]) as (child,):
            frozen.wait_until_stopped(child)
            expire_all_leases(place)
            assert get_counts(days.reconcile_day()) == (2, 1, 1, 1, 1)
            rows = days.count_rows()
            assert frozen.continue_child(child) == "in_progress"
        later_rows = days.count_rows()
        assert {name: later_rows[name] - rows[name] for name in rows if name != "audit_log"} == dict.fromkeys(
            (name for name in rows if name != "audit_log"), 0
        )
        assert scene.place.sql("SELECT COUNT(*), MAX(state) FROM reconciliations") == [(1, "done")]
        scene.console.audit.verify_chains()


@pytest.mark.parametrize("point", ["before_bulk_row", "after_bulk_row"])
def test_a_frozen_bulk_run_executes_no_row_again(place: Place, point: str) -> None:
    """A process freezes during a row of a bulk run, and another process continues the run to its end. When the first
    process continues, each record was settled once, and the results of the run stay.
    """
    count = 5
    with place.desk(make_alarmbox(count)) as console:
        run = console.bulk_runs.create_run("probe", make_unknown_checks(console, count))
        arguments = (place.get_home(1), place.make_settings("op-a", 1), count, run.id, point, 2)
        with start_children(frozen.run_bulk_and_freeze, [arguments]) as (child,):
            frozen.wait_until_stopped(child)
            expire_all_leases(place)
            assert console.bulk_runs.run(run.id).state == "done"
            results = [(row.result, row.reason) for row in console.bulk_runs.list_rows(run.id, limit=count)]
            frozen.continue_child(child)
        assert [(row.result, row.reason) for row in console.bulk_runs.list_rows(run.id, limit=count)] == results
        assert (console.bulk_runs.read_run(run.id).state, console.bulk_runs.read_run(run.id).done) == ("done", count)
        assert sorted(count_bought_entries(place).values()) == [1] * count
        console.audit.verify_chains()
