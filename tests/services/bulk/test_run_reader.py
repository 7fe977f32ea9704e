"""Tests of the data of bulk runs that the screens show: lists, names, parts of a plan, runs whose process ended, and
discarded runs.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from console.app import Console
from console.domain.bulk.records import NOT_DONE_ROWS_FILTER, BulkProgress, ChosenRecord, ForecastKind
from console.domain.payments.records import Refund
from console.domain.records import CreditCheck
from console.sandbox.registry.files import write_whole_file
from console.sandbox.registry.rows import make_company_row
from console.services.process.context import WORKER, act_as
from console.store.refunds.refunds import REFUND_KIND
from console.store.registry.import_files import import_registry_files
from console.wording.records import get_corporation_number
from tests.store.money_rows import insert_begun_payment, insert_requested_refund
from tests.support.bulk_stage import (
    CHECK_KIND,
    count_bought_entries,
    make_alarmbox,
    make_corporation_numbers,
    make_unknown_checks,
)
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.places import Place
from tests.support.refusals import call_for_refusal, call_for_refusal_code

RECORD_COUNT = 6


@pytest.fixture
def alarmbox() -> InMemoryAlarmBox:
    return make_alarmbox(RECORD_COUNT)


@pytest.fixture
def console(place: Place, alarmbox: InMemoryAlarmBox) -> Iterator[Console]:
    with place.desk(alarmbox, TIME_SCALE="1") as desk:  # its lease outlasts a slow machine
        yield desk


def test_a_limited_plan_has_the_totals_of_its_rows(place: Place, console: Console) -> None:
    """The plan of a bulk run that is limited to the first rows has the totals of those rows. Each row has its record,
    or None where the record doesn't exist.
    """
    chosen = make_unknown_checks(console, 4)
    with place.open_console_of_person(console, "lead-b") as other:
        other.recovery.take(CHECK_KIND, chosen[3].id)
    reported: list[int] = []
    run = console.bulk_runs.create_run("probe", [*chosen, ChosenRecord(CHECK_KIND, 9_999, 1)])
    plan = console.bulk_runs.make_plan(run.id, reported.append)
    assert plan.row_counts == {ForecastKind.WOULD_RUN: 3, ForecastKind.SKIP: 1, ForecastKind.REFUSED: 1}
    assert plan.limit_to_first_rows(2).row_counts == {ForecastKind.WOULD_RUN: 2}
    assert [row.record.id if row.record else None for row in plan.forecasts] == [*(one.id for one in chosen), None]
    assert reported == [5]


def test_the_records_of_a_plan_and_of_a_result_have_the_same_company_name(console: Console, tmp_path: Path) -> None:
    """On a desk with a corporation registry, the record of each row has the registry's entry about its corporation:
    in the plan as among the results, so that both show the same name.
    """
    run = console.bulk_runs.create_run("probe", make_unknown_checks(console, 1))
    (row,) = console.bulk_runs.list_rows_with_records(run.id)
    assert isinstance(row.record, CreditCheck)
    company_row = make_company_row(row.record.corporation_number, "株式会社みなも堂印刷", furigana="ミナモドウ")
    file = write_whole_file(tmp_path, date(2026, 10, 30), 20, 5, first_rows=[company_row])
    import_registry_files(console._context.registry_folder, [file])
    (forecast,) = console.bulk_runs.make_plan(run.id).forecasts
    (row,) = console.bulk_runs.list_rows_with_records(run.id)
    assert row.record is not None
    assert forecast.record is not None
    assert forecast.record.registry_entry == row.record.registry_entry
    assert forecast.record.registry_entry is not None


def test_a_refund_has_the_corporation_number_of_its_payment(place: Place, console: Console) -> None:
    """In the plan as among the results, a refund comes with its payment, which has the corporation number."""

    (number,) = make_corporation_numbers(1)
    place.drop_table_triggers("refunds")
    payment = console._context.write(lambda tx: insert_begun_payment(tx.conn, "P-1", corporation_number=number))
    maker = place.get_account_name("op-a")
    refund = console._context.write(lambda tx: insert_requested_refund(tx.conn, payment, maker=maker))
    chosen = ChosenRecord(REFUND_KIND, refund.id, refund.version)
    run = console.bulk_runs.create_run("note", [chosen], "seen")
    (forecast,) = console.bulk_runs.make_plan(run.id).forecasts
    (row,) = console.bulk_runs.list_rows_with_records(run.id)
    for record in (forecast.record, row.record):
        assert record is not None
        assert get_corporation_number(record) == number


@pytest.mark.expects_log("a record that can't be read is told")
def test_a_refund_whose_payment_cannot_be_read_is_listed(place: Place, console: Console) -> None:
    """The payment of a refund is one of a newer program. The plan refuses the row, and the list of rows has the
    refund without its payment."""
    place.drop_table_triggers("refunds")
    place.drop_table_triggers("payments")
    payment = console._context.write(lambda tx: insert_begun_payment(tx.conn, "P-1"))
    maker = place.get_account_name("op-a")
    refund = console._context.write(lambda tx: insert_requested_refund(tx.conn, payment, maker=maker))
    run = console.bulk_runs.create_run("note", [ChosenRecord(REFUND_KIND, refund.id, refund.version)], "seen")
    place.sql(f"UPDATE payments SET certainty = 'future' WHERE id = {payment.id}")
    (forecast,) = console.bulk_runs.make_plan(run.id).forecasts
    (row,) = console.bulk_runs.list_rows_with_records(run.id)
    assert (forecast.kind, forecast.record) == (ForecastKind.REFUSED, None)
    assert isinstance(row.record, Refund)
    assert (row.record.id, row.record.relations) == (refund.id, None)


def test_a_plan_estimates_the_time_of_the_rows_that_would_run(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The estimated time (seconds) of a bulk run's plan counts only the rows that would run, also after the plan is
    limited to the first rows.
    """
    chosen = make_unknown_checks(console, 4)
    console.recovery.probe(CHECK_KIND, chosen[0].id)
    monkeypatch.setattr(type(console.settings), "is_on_loopback", lambda *_: False)
    plan = console.bulk_runs.make_plan(console.bulk_runs.create_run("probe", chosen).id)
    assert plan.shortest_duration_seconds == pytest.approx(console._context.scale.scale_seconds(0.2) * 3)
    assert plan.limit_to_first_rows(2).shortest_duration_seconds == pytest.approx(
        console._context.scale.scale_seconds(0.2)
    )


def test_the_plan_of_a_stopped_run_has_the_remaining_rows(console: Console) -> None:
    """The plan of a stopped bulk run contains all rows without a result."""
    run = console.bulk_runs.create_run("probe", make_unknown_checks(console, RECORD_COUNT))
    console.bulk_runs.run(run.id, max_rows=2)
    plan = console.bulk_runs.make_plan(run.id)
    assert [one.row.position for one in plan.forecasts] == [3, 4, 5, 6]
    assert console.bulk_runs.read_progress(run.id) == BulkProgress(2, 2, {"done": 2})


def test_rows_of_a_run_are_read_with_their_records(console: Console) -> None:
    """The rows of a bulk run are read together with their records, in pages by position. Either all rows are read or
    only those that aren't done.
    """
    chosen = make_unknown_checks(console, 3)
    run = console.bulk_runs.create_run("probe", [*chosen, ChosenRecord(CHECK_KIND, 9_999, 1)])
    console.bulk_runs.run(run.id, max_rows=2)
    first, rest = (
        console.bulk_runs.list_rows_with_records(run.id, limit=3),
        console.bulk_runs.list_rows_with_records(run.id, after_position=3),
    )
    assert [line.row.position for line in (*first, *rest)] == [1, 2, 3, 4]
    assert isinstance(first[0].record, CreditCheck)
    assert rest[0].record is None
    assert [line.row.position for line in console.bulk_runs.list_rows_with_records(run.id, NOT_DONE_ROWS_FILTER)] == [
        3,
        4,
    ]


def test_open_runs_are_listed_first(console: Console) -> None:
    """The list of bulk runs has the open runs first, then the done ones, and the open ones are counted, also those
    that nobody has started. A run that is being executed states the name of the person who executes it.
    """
    chosen = make_unknown_checks(console, 3)
    done = console.bulk_runs.run(console.bulk_runs.create_run("probe", chosen[:1]).id)
    open_run = console.bulk_runs.create_run("probe", chosen[1:])
    reported: list[tuple[str | None, int]] = []

    def read_runs(_now: BulkProgress) -> None:
        holder = console.bulk_runs.read_run_with_holder(open_run.id).holder
        reported.append((holder.operator if holder else None, console.bulk_runs.count_unfinished_runs()))

    assert [one.run.id for one in console.bulk_runs.list_unfinished_and_recent_runs()] == [open_run.id, done.id]
    assert [one.is_open for one in console.bulk_runs.list_unfinished_and_recent_runs()] == [True, False]
    assert console.bulk_runs.count_unfinished_runs() == 1
    console.bulk_runs.run(open_run.id, progress=read_runs)
    assert reported == [(console._context.make_holder().operator, 1)] * 2
    assert console.bulk_runs.count_unfinished_runs() == 0
    assert console.bulk_runs.read_run_with_holder(open_run.id).holder is None


def test_the_due_task_continues_the_run_of_a_closed_window(place: Place, console: Console) -> None:
    """If the window is closed during a bulk run, the window ends the execution after the present row. The due task
    continues the run at once.
    """
    run = console.bulk_runs.create_run("probe", make_unknown_checks(console, RECORD_COUNT))
    reported: list[int] = []
    stopped = console.bulk_runs.run(
        run.id, progress=lambda now: reported.append(now.done_count), should_leave=lambda: len(reported) == 2
    )
    assert (stopped.state, stopped.done) == ("running", 2)
    assert console.bulk_runs.read_run_with_holder(run.id).holder is None
    with act_as(WORKER if not console.database.is_server else None):
        assert console.bulk_runs.continue_unfinished_runs() == RECORD_COUNT - 2
    assert console.bulk_runs.read_run(run.id).state == "done"
    assert set(count_bought_entries(place).values()) == {1}


def test_only_the_creator_discards_the_remaining_rows(
    place: Place, console: Console, alarmbox: InMemoryAlarmBox
) -> None:
    """Only the person who created a bulk run can discard its remaining rows for good, and only while the run isn't
    being executed. A discarded run is in no list and calls no provider.
    """
    run = console.bulk_runs.create_run("probe", make_unknown_checks(console, 3))
    with place.open_console_of_person(console, "lead-b") as other:
        refused = call_for_refusal(lambda: other.bulk_runs.discard(run.id))
    assert (refused.code, refused.detail["reason"]) == ("not_allowed", "bulk_discard")
    codes: list[str] = []
    console.bulk_runs.run(
        run.id,
        1,
        progress=lambda _now: codes.append(call_for_refusal_code(lambda: console.bulk_runs.discard(run.id))),
    )
    assert codes == ["in_progress"]
    call_counts = alarmbox.call_counts.copy()
    given_up = console.bulk_runs.discard(run.id)
    assert (given_up.state, given_up.reason, given_up.done) == ("done", "discarded", 1)
    assert console.bulk_runs.discard(run.id) == given_up
    assert console.bulk_runs.list_unfinished_and_recent_runs() == ()
    assert console.bulk_runs.run(run.id, 3) == given_up
    assert alarmbox.call_counts == call_counts
