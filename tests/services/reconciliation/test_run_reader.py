"""Tests of reading reconciliation runs for the screens: their state, progress and differences, and the records that
settle each difference.
"""

from datetime import timedelta

import pytest

from console.domain.errors import ConsoleError
from console.domain.reconciliation.service_results import (
    VERDICTS_OF_PART,
    DifferenceItem,
    ReconciliationRunDetails,
    RunState,
)
from console.services.guarded.leases import acquire_lease
from console.services.process.context import act_as
from console.services.process.failpoints import FailpointReached
from console.services.reconciliation.run_reader import ReconciliationRunReader
from console.store.alerts import alerts
from console.store.operations import leases
from console.store.reconciliation import runs as reconciliations
from tests.support.payment_desks import PaymentDesk
from tests.support.reconciled_day import ReconciledDay


@pytest.fixture
def reconciled_day(scene: PaymentDesk) -> ReconciledDay:
    """Return the test's day for a reconciliation, with helpers that write the provider's history and payments."""
    return ReconciledDay(scene)


def write_payments_of_each_verdict(days: ReconciledDay) -> None:
    """Write one payment for each verdict about a difference (imported, missing_there, different_state,
    different_amount) and two payments that match, and announce the daily file.
    """
    days.add_payment_on_both_sides("ORD-same")
    days.add_provider_payment("ORD-theirs", 500)
    days.insert_our_payment("ORD-ours", 700)
    days.insert_our_payment("ORD-wait", 900, is_paid=False)
    days.add_provider_payment("ORD-wait", 900)
    days.insert_our_payment("ORD-sum", 1000, days.add_provider_payment("ORD-sum", 1100))
    days.add_payment_on_both_sides("ORD-last")
    days.announce_file()


def get_run_reader(days: ReconciledDay) -> ReconciliationRunReader:
    """Return the reader of reconciliation runs."""
    return days.scene.console.reconciliation.views


def read_run(days: ReconciledDay, run_id: int = 0) -> ReconciliationRunDetails:
    """Return the details of the run with this id; 0 means the latest run."""
    view = get_run_reader(days).read_run(run_id)
    assert view is not None
    return view


def get_payment_number(days: ReconciledDay, item: DifferenceItem) -> str:
    """Return the payment number of the difference."""
    assert item.payment is not None
    return item.payment.merchant_payment_id


def test_a_run_has_its_counts_and_its_file(reconciled_day: ReconciledDay) -> None:
    """A run has counts for each side, and its daily file with lines and sums. A second run names the earlier run that
    read the same bytes.
    """
    assert get_run_reader(reconciled_day).read_run() is None
    write_payments_of_each_verdict(reconciled_day)
    first, second = reconciled_day.reconcile_day().run_id, reconciled_day.reconcile_day().run_id
    other = reconciled_day.insert_our_payment("ORD-other", source="atom").id
    raised = "reconcile_amount", "payment", other, None, "1", "2", reconciled_day.scene.context.now()
    reconciled_day.scene.context.write(lambda tx: alerts.raise_alert(tx.conn, *raised))
    view = read_run(reconciled_day, first or 0)
    item = view.item
    assert (item.state, item.compared_count, item.matched_count, item.differing_count) == (RunState.DONE, 6, 2, 2)
    assert {part: view.count_differences(part) for part in VERDICTS_OF_PART} == {
        "all": 4,
        "differ": 2,
        "only_ours": 1,
        "only_theirs": 1,
        "refused": 0,
    }
    (file,) = view.files
    assert (file.day, file.row_count, file.paid_minor, file.refunded_minor) == (reconciled_day.day, 5, 9100, 0)
    assert (len(file.sha256), file.earlier_run_ids, view.open_case_count) == (64, (), 2)
    assert (view.newer_run_id, view.older_run_id) == (second, None)
    newest = read_run(reconciled_day)
    assert (newest.item.id, newest.files[0].earlier_run_ids, newest.newer_run_id, newest.older_run_id) == (
        second,
        (first,),
        None,
        first,
    )


def test_each_difference_leads_to_its_next_step(reconciled_day: ReconciledDay) -> None:
    """A difference with an open case leads to a probe. A difference whose payment was imported, or that the file's
    line has settled, needs no action.
    """
    write_payments_of_each_verdict(reconciled_day)
    run = reconciled_day.reconcile_day().run_id or 0
    differences = get_run_reader(reconciled_day).list_differences(run).items
    assert {
        get_payment_number(reconciled_day, one): (one.difference.verdict.value, one.action) for one in differences
    } == {
        "ORD-theirs": ("imported", None),
        "ORD-ours": ("missing_there", "probe"),
        "ORD-wait": ("different_state", None),
        "ORD-sum": ("different_amount", "probe"),
    }
    assert {one.case.rule_id for one in differences if one.case} == {"reconcile_missing_there", "reconcile_amount"}
    assert [
        get_payment_number(reconciled_day, one)
        for one in get_run_reader(reconciled_day).list_differences(run, "only_theirs").items
    ] == ["ORD-theirs"]
    reconciled_day.add_provider_payment(
        "ORD-ours",
        700,
        id=reconciled_day.scene.read_payment(read_payment_id(reconciled_day, "ORD-ours")).provider_payment_id,
    )
    reconciled_day.announce_file()
    reconciled_day.reconcile_day()
    (closed,) = get_run_reader(reconciled_day).list_differences(run, "only_ours").items
    assert (closed.case, closed.action) == (None, None)
    assert read_run(reconciled_day, run).open_case_count == 1


def read_payment_id(days: ReconciledDay, number: str) -> int:
    """Return the id of the PayPay payment with this number."""
    payment = days.scene.find_payment("paypay", number)
    assert payment is not None
    return payment.id


def test_pages_have_each_difference_once(reconciled_day: ReconciledDay) -> None:
    """Pages of any size contain each difference once, and each run once."""
    write_payments_of_each_verdict(reconciled_day)
    runs = [reconciled_day.reconcile_day().run_id or 0 for _ in range(3)]
    reader = get_run_reader(reconciled_day)
    for size in range(1, 6):
        after, difference_ids = None, []
        for _ in range(5):
            page = reader.list_differences(runs[0], limit=size, after_id=after)
            assert len(page.items) <= size
            difference_ids += [one.difference.id for one in page.items]
            if (after := page.next_cursor) is None:
                break
        assert (len(difference_ids), difference_ids) == (4, sorted(set(difference_ids)))
        before, listed = None, []
        for _ in range(4):
            run_page = reader.list_runs(limit=size, before_id=before)
            assert len(run_page.items) <= size
            listed += [one.id for one in run_page.items]
            if (before := run_page.next_cursor) is None:
                break
        assert listed == sorted(runs, reverse=True)
    assert get_run_reader(reconciled_day).list_runs("atom").items == ()


def test_a_broken_off_run_is_resumable(reconciled_day: ReconciledDay, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupted run can be continued by the same command, unless a process is executing it."""
    write_payments_of_each_verdict(reconciled_day)
    monkeypatch.setattr(reconciled_day.scene.context.failpoints, "reach", _make_failpoint_function(2))
    with pytest.raises(FailpointReached):
        reconciled_day.reconcile_day()
    monkeypatch.undo()
    broken_off_run = read_run(reconciled_day)
    assert (broken_off_run.item.state, broken_off_run.holder) == (RunState.RESUMABLE, None)
    lease = acquire_lease(reconciled_day.scene.context, "reconciliation_paypay")
    assert lease is not None
    going = read_run(reconciled_day)
    assert (going.item.state, going.holder and going.holder.name) == (RunState.RUNNING, "reconciliation_paypay")
    reconciled_day.scene.context.write(lambda tx: leases.release(tx.conn, lease))
    assert reconciled_day.reconcile_day().run_id == broken_off_run.item.id
    assert read_run(reconciled_day).item.state is RunState.DONE


def _make_failpoint_function(row_count: int) -> object:
    """Return a failpoint function that raises FailpointReached when the line after the first `row_count` lines was
    compared.
    """
    remaining_rows = [row_count]

    def reach(name: str) -> None:
        remaining_rows[0] -= name == "after_reconcile_row"
        if remaining_rows[0] < 0:
            raise FailpointReached(name)

    return reach


@pytest.mark.engines("sqlite")
def test_only_the_latest_of_several_broken_off_runs_counts_as_running(reconciled_day: ReconciledDay) -> None:
    """While a process holds the provider's lease, only the run with the latest change counts as being executed."""
    context, later = reconciled_day.scene.context, reconciled_day.scene.context.now() + timedelta(seconds=5)

    def open_run(back: int) -> int:
        day = reconciled_day.day - timedelta(days=back)
        return context.write(lambda tx: reconciliations.open_run(tx.conn, "paypay", day, day, "op-a", context.now()))

    ids = [open_run(back) for back in range(3)]
    run = reconciliations.find
    context.write(lambda tx: reconciliations.save_progress(tx.conn, run(tx.conn, ids[1]), later, matched=1))  # type: ignore[arg-type]  # it is there
    assert acquire_lease(reconciled_day.scene.context, "reconciliation_paypay")
    states = {item.id: item.state for item in get_run_reader(reconciled_day).list_runs().items}
    assert states == {ids[0]: RunState.RESUMABLE, ids[1]: RunState.RUNNING, ids[2]: RunState.RESUMABLE}


@pytest.mark.engines("sqlite")
def test_an_auditor_reads_reconciliations_and_an_administrator_does_not(reconciled_day: ReconciledDay) -> None:
    """An auditor can read reconciliations and an administrator cannot. The offered providers are those in the
    settings.
    """
    write_payments_of_each_verdict(reconciled_day)
    run = reconciled_day.reconcile_day().run_id or 0
    place = reconciled_day.scene.place
    place.sql("INSERT INTO operators (name, roles, may_buy) VALUES ('aud-e', 'auditor', 0), ('adm-f', 'admin', 0)")
    with act_as("aud-e"):
        assert read_run(reconciled_day, run).item.id == run
        assert len(get_run_reader(reconciled_day).list_differences(run).items) == 4
    for call in (
        lambda: get_run_reader(reconciled_day).read_run(run),
        lambda: get_run_reader(reconciled_day).list_runs(),
        lambda: get_run_reader(reconciled_day).list_differences(run),
    ):
        with act_as("adm-f"), pytest.raises(ConsoleError) as caught:
            call()
        assert caught.value.code == "not_allowed"
    assert set(get_run_reader(reconciled_day).providers()) == {"paypay", "atom", "bank"}


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(("part", "run", "code"), [("unlucky", 1, "usage"), ("all", 99, "not_found")])
def test_an_unknown_part_or_run_is_refused(reconciled_day: ReconciledDay, part: str, run: int, code: str) -> None:
    """The differences of an unknown part of a run are refused with `usage`, and an unknown run with `not_found`."""
    with pytest.raises(ConsoleError) as caught:
        get_run_reader(reconciled_day).list_differences(run, part) if code == "usage" else get_run_reader(
            reconciled_day
        ).read_run(run)
    assert caught.value.code == code
