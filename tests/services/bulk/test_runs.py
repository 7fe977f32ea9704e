"""Tests of bulk runs. The records of a run are fixed when the run is created; then come forecast, execution row by
row, stop, crash and continuation. No bulk run moves money.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import Connection

from console.app import Console
from console.domain.access.permissions import APPROVER, AUDITOR, OPERATOR
from console.domain.access.read_only import EVERYTHING_SCOPE
from console.domain.bulk.records import NOT_DONE_ROWS_FILTER, BulkProgress, ChosenRecord, ForecastKind
from console.domain.errors import ConsoleError
from console.domain.records import Certainty, Person
from console.domain.tasks.records import BulkRun
from console.services.bulk import runs as bulk_run_service
from console.services.process.context import WORKER, act_as
from console.store.schema.legacy_table import TABLE_NAME
from console.store.tasks import bulk_runs
from tests.support.bulk_stage import (
    CHECK_KIND,
    continue_run_in_child,
    count_bought_entries,
    expire_all_leases,
    insert_unknown_checks,
    make_alarmbox,
    make_corporation_numbers,
    make_unknown_checks,
    read_check,
)
from tests.support.children import start_children
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.overtaking import start_other_process
from tests.support.places import Place
from tests.support.refusals import call_for_refusal, call_for_refusal_code

ROW_COUNT = 8


@pytest.fixture
def alarmbox() -> InMemoryAlarmBox:
    return make_alarmbox(ROW_COUNT)


@pytest.fixture
def console(place: Place, alarmbox: InMemoryAlarmBox) -> Iterator[Console]:
    with place.desk(alarmbox, TIME_SCALE="1") as desk:  # its lease outlasts a slow machine
        yield desk


def read_results(console: Console, run_id: int) -> list[tuple[str | None, str | None]]:
    """Return result and reason of each row of the run; both are None for a row that isn't done."""
    return [(row.result, row.reason) for row in console.bulk_runs.list_rows(run_id)]


# Freezing


def test_one_person_creates_a_limited_number_of_bulk_rows(
    place: Place, console: Console, alarmbox: InMemoryAlarmBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person can choose only a limited number of records for bulk runs within 24 hours. Records of discarded and of
    partly executed runs count too; another person has a limit of their own.
    """
    make_unknown_checks(console, ROW_COUNT)
    monkeypatch.setattr("console.services.bulk.runs.MAX_BULK_RECORDS_PER_DAY", 2 * ROW_COUNT)
    console.bulk_runs.discard(console.bulk_runs.create_run("probe", "unknown").id)
    console.bulk_runs.run(console.bulk_runs.create_run("note", "unknown", "seen").id, 1)
    refused = call_for_refusal(lambda: console.bulk_runs.create_run("probe", "unknown"))
    assert {"problem": "bulk_day", "n": 3 * ROW_COUNT, "most": 2 * ROW_COUNT}.items() <= dict(refused.detail).items()
    with place.open_console_of_person(console, "lead-b") as other:
        assert other.bulk_runs.create_run("probe", "unknown").size == ROW_COUNT


@pytest.mark.engines("mariadb")
def test_two_runs_created_at_once_respect_the_limit_of_a_day(
    place: Place, console: Console, alarmbox: InMemoryAlarmBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person creates two runs at the same moment at two desks, and only one of them fits into the limit of 24
    hours. The later one sees the records of the other, and is refused.
    """
    make_unknown_checks(console, ROW_COUNT)
    monkeypatch.setattr("console.services.bulk.runs.MAX_BULK_RECORDS_PER_DAY", ROW_COUNT)
    count_records_in_runs_of_person, turns = bulk_runs.count_records_in_runs_of_person, iter([True])
    others, refused = list[Thread](), list[str]()
    with place.desk(alarmbox, desk=1, TIME_SCALE="1") as other:

        def create_other_run() -> None:
            refused.append(call_for_refusal_code(lambda: other.bulk_runs.create_run("probe", "unknown")))

        def let_other_desk_overtake(conn: Connection, person: str, since: datetime) -> int:
            count = count_records_in_runs_of_person(conn, person, since)
            if next(turns, False):
                lock_name = f"bulk_runs_of_{person}"
                others.append(start_other_process(monkeypatch, bulk_run_service, lock_name, create_other_run))
            return count

        monkeypatch.setattr(bulk_runs, "count_records_in_runs_of_person", let_other_desk_overtake)
        assert console.bulk_runs.create_run("probe", "unknown").size == ROW_COUNT
        others[0].join()
    assert refused == ["usage"]
    assert len(console.bulk_runs.list_latest_runs()) == 1


def test_a_run_has_the_records_that_matched_at_its_creation(console: Console, alarmbox: InMemoryAlarmBox) -> None:
    """A new bulk run contains the records that match its filter when it is created, with their versions. No
    provider is called for that. A record that matches later isn't added, also not while the run is executed; one that
    no longer matches stays in the run and is skipped.
    """
    chosen = make_unknown_checks(console, ROW_COUNT)
    run = console.bulk_runs.create_run("probe", "unknown")
    assert (run.size, run.most, run.done, run.state, run.name) == (ROW_COUNT, ROW_COUNT, 0, "frozen", f"BS-{run.id}")
    rows = console.bulk_runs.list_rows(run.id)
    assert {ChosenRecord(row.kind, row.subject_id, row.expected_version) for row in rows} == set(chosen)
    assert console.bulk_runs.read_run(run.id).size == ROW_COUNT
    assert not alarmbox.call_counts
    (later,) = insert_unknown_checks(console, make_corporation_numbers(ROW_COUNT + 1)[ROW_COUNT:])
    console.recovery.probe(CHECK_KIND, chosen[0].id)
    assert later.id in {item.record.id for item in console.recovery.read_queue("unknown").items}
    assert len(console.bulk_runs.make_plan(run.id).forecasts) == ROW_COUNT
    done = console.bulk_runs.run(run.id)
    assert (done.state, done.size, done.done) == ("done", ROW_COUNT, ROW_COUNT)
    assert {row.subject_id for row in console.bulk_runs.list_rows(run.id)} == {one.id for one in chosen}
    assert sorted(read_results(console, run.id), key=str) == [
        *[("done", None)] * (ROW_COUNT - 1),
        ("skipped", "changed"),
    ]
    assert read_check(console, later.id).version == later.expected_version


@pytest.mark.parametrize("action", ["refund", "approve", "resolve", "purchase", "move_order", "submit", ""])
def test_actions_that_move_money_are_refused_in_bulk(console: Console, action: str) -> None:
    """A bulk run with an action that moves money or decides an outcome, or without an action, is refused."""
    chosen = make_unknown_checks(console, 1)
    refused = call_for_refusal(lambda: console.bulk_runs.create_run(action, chosen))
    assert (refused.code, refused.detail["problem"]) == ("usage", "bulk_action")


def test_a_run_without_valid_records_is_not_created(console: Console) -> None:
    """No run is created if it has no records, if its records are of a kind without bulk actions, or if its note has
    no words.
    """
    chosen = make_unknown_checks(console, 1)
    assert call_for_refusal(lambda: console.bulk_runs.create_run("probe", [])).detail["problem"] == "bulk_size"
    assert call_for_refusal(lambda: console.bulk_runs.create_run("probe", "error")).detail["problem"] == "bulk_size"
    operation = [ChosenRecord("operation", 1, 1)]
    assert call_for_refusal(lambda: console.bulk_runs.create_run("probe", operation)).detail["problem"] == "bulk_kind"
    assert call_for_refusal(lambda: console.bulk_runs.create_run("note", chosen, " ")).detail["problem"] == "note"
    assert call_for_refusal_code(lambda: console.bulk_runs.read_run(99)) == "not_found"


# Looking through


def test_a_dry_run_has_a_result_per_row_without_a_call(
    place: Place, console: Console, alarmbox: InMemoryAlarmBox
) -> None:
    """The plan of a bulk run forecasts each row with its reason (would run, taken by another person, changed since,
    not found) and the totals. The forecast calls no provider and writes no result. The run then has the results that
    were forecast.
    """
    chosen = make_unknown_checks(console, 5)
    console.recovery.probe(CHECK_KIND, chosen[1].id)  # settled since it was chosen
    with place.open_console_of_person(console, "lead-b") as other:
        other.recovery.take(CHECK_KIND, chosen[2].id)
    run = console.bulk_runs.create_run(
        "probe", [*chosen[:4], ChosenRecord(CHECK_KIND, 9_999, 1), ChosenRecord("payment", 1, 1)]
    )
    call_counts = alarmbox.call_counts.copy()
    plan = console.bulk_runs.make_plan(run.id)
    forecasts = [(row.kind, row.reason) for row in plan.forecasts]
    assert forecasts == [
        (ForecastKind.WOULD_RUN, None),
        (ForecastKind.SKIP, "changed"),
        (ForecastKind.SKIP, "taken"),
        (ForecastKind.WOULD_RUN, None),
        (ForecastKind.REFUSED, "not_found"),
        (ForecastKind.REFUSED, "not_found"),
    ]
    assert plan.forecasts[2].blocking_person == place.get_account_name("lead-b")
    assert plan.row_counts == {ForecastKind.WOULD_RUN: 2, ForecastKind.SKIP: 2, ForecastKind.REFUSED: 2}
    assert alarmbox.call_counts == call_counts
    assert read_results(console, run.id) == [(None, None)] * 6
    console.bulk_runs.run(run.id)
    assert read_results(console, run.id) == [
        ("done", None),
        ("skipped", "changed"),
        ("skipped", f"taken:{plan.forecasts[2].blocking_person}"),
        ("done", None),
        ("refused", "not_found"),
        ("refused", "not_found"),
    ]


def test_a_run_has_a_result_and_a_reason_per_row(place: Place, console: Console) -> None:
    """Each row of a bulk run has a result and a reason: executed, skipped because the record was changed or another
    person has taken it, or refused because the record doesn't exist. The progress counts the rows. Rows that were
    skipped or refused can be listed, and a second execution does nothing.
    """
    chosen = make_unknown_checks(console, 4)
    console.recovery.probe(CHECK_KIND, chosen[1].id)
    with place.open_console_of_person(console, "lead-b") as other:
        other.recovery.take(CHECK_KIND, chosen[2].id)
    run = console.bulk_runs.create_run("probe", [*chosen, ChosenRecord(CHECK_KIND, 9_999, 1)])
    reported: list[BulkProgress] = []
    done = console.bulk_runs.run(run.id, progress=reported.append)
    assert (done.state, done.done) == ("done", 5)
    taken = f"taken:{place.get_account_name('lead-b')}"
    assert read_results(console, run.id) == [
        ("done", None),
        ("skipped", "changed"),
        ("skipped", taken),
        ("done", None),
        ("refused", "not_found"),
    ]
    assert [(progress.done_count, progress.row_count) for progress in reported] == [(n, 5) for n in range(1, 6)]
    assert reported[-1].result_counts == {"done": 2, "skipped": 2, "refused": 1}
    assert read_check(console, chosen[2].id).certainty is Certainty.UNKNOWN
    not_done_positions = [row.position for row in console.bulk_runs.list_rows(run.id, NOT_DONE_ROWS_FILTER)]
    assert not_done_positions == [2, 3, 5]
    assert console.bulk_runs.run(run.id) == done  # again: nothing is left to do


def test_an_excluded_action_is_refused_per_row(console: Console, alarmbox: InMemoryAlarmBox) -> None:
    """The decision table excludes a re-fetch of a check that was perhaps not purchased. In a bulk run of re-fetches
    each such row is refused, and the provider isn't called.
    """
    chosen = make_unknown_checks(console, 2)
    run = console.bulk_runs.create_run("refetch", chosen)
    assert [row.reason for row in console.bulk_runs.make_plan(run.id).forecasts] == [
        "bought_perhaps",
        "bought_perhaps",
    ]
    console.bulk_runs.run(run.id)
    assert read_results(console, run.id) == [("refused", "bought_perhaps")] * 2
    assert not alarmbox.call_counts


def test_a_bulk_refetch_reads_missing_parts(console: Console) -> None:
    """A bulk run of re-fetches reads the missing detail and PDF of each purchased credit check."""
    chosen = make_unknown_checks(console, 2)
    for one in chosen:
        console.recovery.probe(CHECK_KIND, one.id)
    again = [ChosenRecord(CHECK_KIND, one.id, read_check(console, one.id).version) for one in chosen]
    run = console.bulk_runs.run(console.bulk_runs.create_run("refetch", again).id)
    assert run.state == "done"
    assert all(read_check(console, one.id).incomplete == () for one in chosen)


def test_a_refetch_that_brings_nothing_missing_is_not_counted_as_done(
    console: Console, alarmbox: InMemoryAlarmBox
) -> None:
    """If the provider answers a re-fetch, and the credit check still has no result, the row is counted as still
    incomplete, and the filter of the rows that aren't done shows it."""
    (chosen,) = make_unknown_checks(console, 1)
    alarmbox.result = None
    console.recovery.probe(CHECK_KIND, chosen.id)
    again = [ChosenRecord(CHECK_KIND, chosen.id, read_check(console, chosen.id).version)]
    run = console.bulk_runs.run(console.bulk_runs.create_run("refetch", again).id)
    assert run.state == "done"
    assert read_check(console, chosen.id).incomplete == ("result",)
    assert read_results(console, run.id) == [("done", "still_incomplete")]
    assert console.bulk_runs.read_progress(run.id).result_counts == {"still_incomplete": 1}
    assert len(console.bulk_runs.list_rows(run.id, NOT_DONE_ROWS_FILTER)) == 1


# Taking and noting


def test_bulk_takes_and_notes_have_the_name_of_the_person(place: Place, console: Console) -> None:
    """A bulk run that takes records or adds notes acts in the name of the person who created it; another person can't
    run it. Records that another person has taken are skipped.
    """
    chosen = make_unknown_checks(console, 3)
    with place.open_console_of_person(console, "lead-b") as other:
        other.recovery.take(CHECK_KIND, chosen[0].id)
    takes = console.bulk_runs.create_run("take", chosen)
    notes = console.bulk_runs.create_run("note", chosen, "asked AlarmBox by telephone")
    with place.open_console_of_person(console, "lead-b") as other:
        refused = call_for_refusal(lambda: other.bulk_runs.run(takes.id))
    assert (refused.code, refused.detail["reason"]) == ("not_allowed", "bulk_maker")
    console.bulk_runs.run(takes.id)
    assert [result for result, _ in read_results(console, takes.id)] == ["skipped", "done", "done"]
    console.bulk_runs.run(notes.id)
    assert [result for result, _ in read_results(console, notes.id)] == ["skipped", "done", "done"]
    details = console.credit_checks.read_credit_check(chosen[1].id)
    assert details.taken is not None
    assert details.taken.person == place.get_account_name("op-a")
    noted = [(note.person, note.words) for note in details.notes]
    assert noted == [(place.get_account_name("op-a"), "asked AlarmBox by telephone")]


def test_a_run_can_be_stopped_and_discarded_while_everything_is_read_only(place: Place, console: Console) -> None:
    """Everything becomes read-only while a bulk run of takes is executed. The person can still stop the run and
    discard its remaining rows, because that only prevents changes. No one can create or resume a run.
    """
    chosen = make_unknown_checks(console, 3)

    def make_read_only_and_stop(now: BulkProgress) -> None:
        if now.done_count == 1:
            with place.open_console_of_person(console, "lead-b") as other:
                other.read_only_switches.set_switch(EVERYTHING_SCOPE, True, "restore")
            console.bulk_runs.stop(run.id)

    run = console.bulk_runs.create_run("take", chosen)
    stopped = console.bulk_runs.run(run.id, progress=make_read_only_and_stop)
    assert (stopped.state, stopped.reason, stopped.done) == ("stopped", "asked", 1)
    assert call_for_refusal_code(lambda: console.bulk_runs.run(run.id)) == "read_only"
    discarded = console.bulk_runs.discard(run.id)
    assert (discarded.state, discarded.done) == ("done", 1)
    assert call_for_refusal_code(lambda: console.bulk_runs.create_run("take", chosen)) == "read_only"


# Sizes, stopping, and other people


def test_a_run_of_the_first_rows_and_a_run_of_all_execute_each_row_once(
    console: Console, alarmbox: InMemoryAlarmBox
) -> None:
    """A bulk run is first executed for three of its rows and later for all rows: each row is executed once."""
    run = console.bulk_runs.create_run("probe", make_unknown_checks(console, ROW_COUNT))
    few = console.bulk_runs.run(run.id, max_rows=3)
    assert (few.state, few.reason, few.done) == ("stopped", "most", 3)
    assert (
        call_for_refusal(lambda: console.bulk_runs.run(run.id, max_rows=ROW_COUNT + 1)).detail["problem"]
        == "bulk_most"
    )
    assert console.bulk_runs.run(run.id).done == 3
    whole = console.bulk_runs.run(run.id, max_rows=ROW_COUNT)
    assert (whole.state, whole.done) == ("done", ROW_COUNT)
    assert alarmbox.call_counts["list"] == ROW_COUNT


def test_a_stopped_run_ends_after_its_present_row(place: Place, console: Console) -> None:
    """A bulk run stops after its present row if the running person or another person stops it. The next execution
    does the remaining rows.
    """
    run = console.bulk_runs.create_run("probe", make_unknown_checks(console, ROW_COUNT))
    reported_counts: list[int] = []
    stopped = console.bulk_runs.run(
        run.id,
        progress=lambda now: reported_counts.append(now.done_count),
        should_stop=lambda: len(reported_counts) == 2,
    )
    assert (stopped.state, stopped.reason, stopped.done) == ("stopped", "asked", 2)

    def stop_as_other_person(now: BulkProgress) -> None:
        if now.done_count == 5:
            with place.open_console_of_person(console, "lead-b") as other:
                other.bulk_runs.stop(run.id)

    stopped = console.bulk_runs.run(run.id, progress=stop_as_other_person)
    assert (stopped.state, stopped.reason, stopped.done) == ("stopped", "asked", 5)
    assert console.bulk_runs.run(run.id).state == "done"
    assert set(count_bought_entries(place).values()) == {1}


def test_only_one_person_executes_a_run_at_a_time(place: Place, console: Console) -> None:
    """If a second person starts a bulk run that is already running, the start is refused with the name of the person
    who runs it.
    """
    run = console.bulk_runs.create_run("probe", make_unknown_checks(console, 2))
    refusals: list[ConsoleError] = []

    def try_as_other_desk(_now: BulkProgress) -> None:
        with place.open_console_of_person(console, "lead-b") as other:
            refusals.append(call_for_refusal(lambda: other.bulk_runs.run(run.id)))

    console.bulk_runs.run(run.id, progress=try_as_other_desk)
    assert {one.code for one in refusals} == {"in_progress"}
    holder = refusals[0].detail["holder"]
    assert isinstance(holder, dict)
    assert holder["operator"] == place.get_account_name("op-a")


@pytest.mark.engines("sqlite")
def test_an_auditor_and_a_worker_start_no_bulk_run(console: Console) -> None:
    """An auditor can read bulk runs but cannot create or run one; a worker cannot create a bulk run of notes or add a
    note.
    """
    chosen = make_unknown_checks(console, 1)
    for name, role in (("op-a", OPERATOR), ("lead-b", APPROVER), ("aud-e", AUDITOR)):
        console.people.add_person(Person(name, frozenset({role}), may_buy=False))
    run = console.bulk_runs.create_run("probe", chosen)
    with console.acting_as("aud-e"):
        assert call_for_refusal_code(lambda: console.bulk_runs.create_run("probe", chosen)) == "not_allowed"
        assert call_for_refusal_code(lambda: console.bulk_runs.run(run.id)) == "not_allowed"
        assert console.bulk_runs.list_rows(run.id)
    with act_as(WORKER):
        assert call_for_refusal_code(lambda: console.bulk_runs.create_run("note", chosen, "seen")) == "not_allowed"
        assert (
            call_for_refusal_code(lambda: console.recovery.add_note(CHECK_KIND, chosen[0].id, "seen"))
            == "not_allowed"
        )


# Providers


def test_a_provider_without_answers_pauses_the_run(
    console: Console, alarmbox: InMemoryAlarmBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the provider doesn't answer three re-fetches in a row, the bulk run pauses, with the provider as the
    reason. The next execution does the remaining rows; the three rows stay failed.
    """
    run = console.bulk_runs.create_run("refetch", _choose_purchased(console, ROW_COUNT))
    monkeypatch.setattr(
        InMemoryAlarmBox, "is_readable", property(lambda _alarmbox: False, lambda _alarmbox, _value: None)
    )
    paused = console.bulk_runs.run(run.id)
    assert (paused.state, paused.reason, paused.done) == ("paused", "provider_unreachable:alarmbox", 3)
    monkeypatch.undo()
    done = console.bulk_runs.run(run.id)
    assert (done.state, done.done) == ("done", ROW_COUNT)
    assert Counter(result for result, _ in read_results(console, run.id)) == {"failed": 3, "done": ROW_COUNT - 3}


@pytest.mark.parametrize("action", ["take", "note"])
def test_the_read_only_switch_pauses_a_running_run(place: Place, action: str) -> None:
    """Everything becomes read-only while a bulk run takes records or adds notes: the run pauses before its next row.
    After the switch is off, the run continues with the remaining rows.
    """
    with place.desk(make_alarmbox(4)) as console:
        run = console.bulk_runs.create_run(
            action, make_unknown_checks(console, 4), "seen" if action == "note" else None
        )

        def set_switch_after_two(progress: BulkProgress) -> None:
            if progress.done_count == 2:
                with place.open_console_of_person(console, "lead-b") as other:
                    other.read_only_switches.set_switch(EVERYTHING_SCOPE, True, "an outage")

        paused = console.bulk_runs.run(run.id, progress=set_switch_after_two)
        assert (paused.state, paused.reason, paused.done) == ("paused", "read_only", 2)
        assert call_for_refusal_code(lambda: console.bulk_runs.run(run.id)) == "read_only"
        with place.open_console_of_person(console, "lead-b") as other:
            other.read_only_switches.set_switch(EVERYTHING_SCOPE, False, "over")
        done = console.bulk_runs.run(run.id)
        assert (done.state, done.done) == ("done", 4)
        assert [result for result, _ in read_results(console, run.id)] == ["done"] * 4


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("action", ["take", "note"])
def test_a_run_ends_when_its_person_loses_the_right(place: Place, console: Console, action: str) -> None:
    """A run that takes records or adds notes ends before its next row if the person is disabled meanwhile. Nothing
    more is written in the name of this person.
    """
    make_unknown_checks(console, ROW_COUNT)
    person = console.people.read_acting_person()
    console.people.add_person(replace(person, roles=frozenset({OPERATOR})))
    run = console.bulk_runs.create_run(action, "unknown", "seen" if action == "note" else None)

    def disable_person(_done: BulkProgress) -> None:
        place.sql(f"UPDATE operators SET disabled_at = '2026-11-20 00:00:00' WHERE name = '{person.name}'")

    assert call_for_refusal(lambda: console.bulk_runs.run(run.id, progress=disable_person)).code == "not_allowed"
    assert place.sql(f"SELECT count(*) FROM {'takes' if action == 'take' else 'notes'}") == [(1,)]
    assert place.sql(f"SELECT count(*) FROM bulk_rows WHERE run_id = {run.id} AND result IS NOT NULL") == [(1,)]


def _choose_purchased(console: Console, count: int) -> list[ChosenRecord]:
    """Return `count` purchased checks with their present versions, as records for a bulk run."""
    chosen = make_unknown_checks(console, count)
    for one in chosen:
        console.recovery.probe(CHECK_KIND, one.id)
    return [ChosenRecord(CHECK_KIND, one.id, read_check(console, one.id).version) for one in chosen]


@pytest.mark.expects_log("the bug is told")
def test_a_bug_in_one_row_is_stored_as_its_result(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unexpected error in one row is stored as the result of that row, and the other rows are executed."""
    chosen = make_unknown_checks(console, 3)
    run = console.bulk_runs.create_run("probe", chosen)
    acts = console.bulk_runs._actions
    probe = acts._probe

    def probe_or_raise(kind: str, record_id: int) -> object:
        if record_id == chosen[1].id:
            raise RuntimeError("a bug")
        return probe(kind, record_id)

    monkeypatch.setattr(acts, "_probe", probe_or_raise)
    assert console.bulk_runs.run(run.id).state == "done"
    assert read_results(console, run.id) == [("done", None), ("failed", "internal_error"), ("done", None)]


# Killed


def _run_until_killed(place: Place, run_id: int, count: int, failpoint: str) -> None:
    """Execute the bulk run of `count` records in a child process, which is killed at the failpoint; then let its
    lease expire."""
    settings = place.make_settings("op-a", 1) | {"FAILPOINT": failpoint}
    with start_children(continue_run_in_child, [(place.get_home(1), settings, count, run_id)]) as (child,):
        assert child.wait_for_end() == -9
    expire_all_leases(place)


def _stop_kill_and_complete(place: Place, count: int, stop_after: int, killed_at: int, point: str) -> BulkRun:
    """Stop a bulk run of `count` records after `stop_after` rows. Continue it in a process that is killed at the
    failpoint `point` of the continued run's row number `killed_at`, then complete the run and return it.
    """
    with place.desk(make_alarmbox(count)) as console:
        run = console.bulk_runs.create_run("probe", make_unknown_checks(console, count))
        reported_counts: list[int] = []
        stopped = console.bulk_runs.run(
            run.id,
            progress=lambda now: reported_counts.append(now.done_count),
            should_stop=lambda: len(reported_counts) == stop_after,
        )
        assert stopped.done == stop_after
        _run_until_killed(place, run.id, count, f"{point}:{killed_at}:kill")
        died = console.bulk_runs.read_run(run.id)
        at = stop_after + killed_at
        assert (died.state, died.done, died.begun_position) == ("running", at - 1, at)
        done = console.bulk_runs.run(run.id)
        assert (done.state, done.done) == ("done", count)
        rows = console.bulk_runs.list_rows(run.id, limit=count)
        assert {row.result for row in rows} == {"done"}
        assert rows[at - 1].reason == ("already_done" if point == "after_bulk_row" else None)
    return done


@pytest.mark.parametrize("point", ["before_bulk_row", "after_bulk_row"])
def test_a_row_interrupted_by_a_kill_is_executed_once(place: Place, point: str) -> None:
    """A process is killed before or after the action of a row in a bulk run. The continued run executes the row if it
    wasn't executed, and otherwise counts it as done. Each record is settled once.
    """
    _stop_kill_and_complete(place, 6, 2, 2, point)
    assert count_bought_entries(place) == Counter(dict.fromkeys(count_bought_entries(place), 1))
    assert len(count_bought_entries(place)) == 6


@pytest.mark.engines("sqlite")
def test_a_run_stopped_after_a_kill_counts_the_executed_row(place: Place) -> None:
    """A process is killed after the action of a row, and a person then stops the bulk run. The continued run counts
    the row as done, although the action has changed the record.
    """
    with place.desk(make_alarmbox(3)) as console:
        run = console.bulk_runs.create_run("probe", make_unknown_checks(console, 3))
        _run_until_killed(place, run.id, 3, "after_bulk_row:2:kill")
        stopped = console.bulk_runs.stop(run.id)
        assert (stopped.state, stopped.reason, stopped.begun_position) == ("stopped", "asked", 2)
        assert console.bulk_runs.run(run.id).state == "done"
        assert read_results(console, run.id) == [("done", None), ("done", "already_done"), ("done", None)]


@pytest.mark.engines("sqlite")
def test_three_hundred_rows_are_completed_after_stops_and_kills(place: Place) -> None:
    """A bulk run of 300 rows that is stopped, killed and continued settles each record once."""
    _stop_kill_and_complete(place, 300, 150, 50, "after_bulk_row")
    assert len(count_bought_entries(place)) == 300
    assert set(count_bought_entries(place).values()) == {1}


def test_the_due_task_continues_abandoned_runs_only(place: Place) -> None:
    """The due task continues a bulk run whose process died, and doesn't continue a run that a person has stopped."""
    with place.desk(make_alarmbox(ROW_COUNT)) as console:
        chosen = make_unknown_checks(console, ROW_COUNT)
        stopped = console.bulk_runs.run(
            console.bulk_runs.create_run("probe", chosen[:2]).id, should_stop=lambda: True
        )
        run = console.bulk_runs.create_run("probe", chosen[2:])
        _run_until_killed(place, run.id, ROW_COUNT, "after_bulk_row:2:kill")
        with act_as(WORKER if not console.database.is_server else None):
            assert console.bulk_runs.continue_unfinished_runs() == ROW_COUNT - 3
        assert console.bulk_runs.read_run(run.id).state == "done"
        assert console.bulk_runs.read_run(stopped.id).done == 0
    assert set(count_bought_entries(place).values()) == {1}


def test_the_due_task_pauses_a_run_of_takes_of_a_dead_process(place: Place) -> None:
    """The due task does not continue a run of takes whose process has died, because a take has a person's name. The
    run is paused until the person who created it runs it again.
    """
    with place.desk(make_alarmbox(2)) as console:
        run = console.bulk_runs.create_run("take", make_unknown_checks(console, 2))
        place.sql(f"UPDATE bulk_runs SET state = 'running', version = version + 1 WHERE id = {run.id}")
        with place.open_console_of_person(console, "lead-b") as other:
            assert other.bulk_runs.continue_unfinished_runs() == 0
        assert (console.bulk_runs.read_run(run.id).state, console.bulk_runs.read_run(run.id).reason) == (
            "paused",
            "maker",
        )
        assert console.bulk_runs.run(run.id).state == "done"


def test_two_processes_execute_each_row_of_a_run_once(place: Place) -> None:
    """If two processes run the same bulk run at once, each row is executed once."""
    with place.desk(make_alarmbox(ROW_COUNT)) as console:
        run = console.bulk_runs.create_run("probe", make_unknown_checks(console, ROW_COUNT))
        each = [
            (place.get_home(desk), place.make_settings(person, desk), ROW_COUNT, run.id)
            for desk, person in ((1, "op-a"), (2, "lead-b"))
        ]
        with start_children(_run_or_send_refusal, each) as children:
            ended = sorted(child.wait_for_report() for child in children)
        assert ("done", ROW_COUNT) in ended
        assert set(ended) <= {("done", ROW_COUNT), ("in_progress", 0)}
        assert [result for result, _ in read_results(console, run.id)] == ["done"] * ROW_COUNT
    assert set(count_bought_entries(place).values()) == {1}


def _run_or_send_refusal(pipe: object, folder: Path, environment: dict[str, str], count: int, run_id: int) -> None:
    """Run the bulk run of `count` records in a child process and send its state to the test, or the error code if the
    run is refused."""
    try:
        continue_run_in_child(pipe, folder, environment, count, run_id)  # type: ignore[arg-type]
    except ConsoleError as refused:
        pipe.send((refused.code, 0))  # type: ignore[attr-defined]


@pytest.mark.soak
@pytest.mark.timeout(1800)  # 50 statements a row: a minute and a half alone, many where others use the disk
@pytest.mark.engines("sqlite")
def test_ten_thousand_rows_are_settled_once_after_stops_and_kills(place: Place) -> None:
    """A bulk run of 10,000 rows that is stopped, killed and continued settles each record once."""
    _stop_kill_and_complete(place, 10_000, 5_000, 1_000, "after_bulk_row")
    assert len(count_bought_entries(place)) == 10_000
    assert set(count_bought_entries(place).values()) == {1}


@pytest.mark.expects_log("a record that can't be read is told")
def test_an_unreadable_record_stops_no_run(place: Place, console: Console, alarmbox: InMemoryAlarmBox) -> None:
    """A record that this program can't read, such as one of a newer program, is refused as a row of the run. The
    other rows are executed, and the run ends; its plan and its list of rows can be read.
    """
    chosen = make_unknown_checks(console, 3)
    run = console.bulk_runs.create_run("note", chosen, "seen")
    place.drop_table_triggers(TABLE_NAME)
    place.sql(f"UPDATE {TABLE_NAME} SET certainty = 'future' WHERE id = {chosen[1].id}")
    assert Counter(row.kind for row in console.bulk_runs.make_plan(run.id).forecasts) == {
        ForecastKind.WOULD_RUN: 2,
        ForecastKind.REFUSED: 1,
    }
    assert console.bulk_runs.run(run.id).state == "done"
    assert read_results(console, run.id) == [("done", None), ("refused", "record_unreadable"), ("done", None)]
    assert [line.record is None for line in console.bulk_runs.list_rows_with_records(run.id)] == [False, True, False]
