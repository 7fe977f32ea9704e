"""Tests of the words for bulk runs: each reason of a row, the state and the progress of a run, its titles and its
counts.
"""

import inspect
import re
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from pytestqt.qtbot import QtBot

from console.domain.bulk.records import (
    DISCARDED_REASON,
    STILL_UNKNOWN_OUTCOME,
    BulkRowWithRecord,
    BulkRunWithHolder,
    ForecastKind,
    RowForecast,
    make_bulk_plan,
)
from console.domain.error_reasons import OutcomeUnknownReason
from console.domain.errors import ErrorCode
from console.domain.records import Certainty
from console.domain.recovery import decision_table as recovery_choices
from console.domain.recovery.decision_rules import find_refetch_refusal
from console.domain.recovery.decision_table import CHOICE_RULES_BY_KIND
from console.domain.tasks.records import BulkAction, BulkRow, BulkRun
from console.services.bulk import actions as bulk_acts
from console.services.bulk import eligibility as bulk_judging
from console.views.bulk import dialog_pages
from console.views.bulk.dialog_pages import BulkPlanPage
from console.views.pages.whole_text_line import WholeTextLine
from console.views.presenters import bulk as bulk_words
from console.views.tables.paged_model import PagedModel
from console.views.theme.theme import Appearance
from tests.support.inline_runner import InlineRunner
from tests.views.invented_checks import NOW, make_check, make_window_context
from tests.views.invented_payments import make_payment


def list_reasons_of_bulk_rows() -> set[str]:
    """Return the reason codes that the rules of the decision table and the checks of the bulk service can give."""
    rules = {
        rule
        for rows in CHOICE_RULES_BY_KIND.values()
        for row in rows
        if row.choice_name in set(BulkAction)
        for rule in row.refusal_finders
    }
    sources = [inspect.getsource(rule) for rule in rules if rule.__name__ != "<lambda>"]
    sources += [
        inspect.getsource(getattr(recovery_choices, name))
        for name in ("_find_call_running_or_leased_reason", "_find_call_running_reason")
    ]
    sources.append(inspect.getsource(find_refetch_refusal))
    codes = {
        code
        for source in sources
        for code in re.findall(r'(?:return|else) "([a-z_]+)"|"([a-z_]+)" if', source)
        for code in code
    }
    codes |= {
        OutcomeUnknownReason[name].value
        for source in sources
        for name in re.findall(r"OutcomeUnknownReason\.(\w+)", source)
    }
    judging = inspect.getsource(bulk_judging)
    own = set(re.findall(r'ForecastKind\.[A-Z]+, "([a-z_]+)"', judging)) | {bulk_judging.ACTION_ALREADY_DONE_REASON}
    own |= {ErrorCode[name].value for name in re.findall(r"ForecastKind\.[A-Z]+, ErrorCode\.([A-Z_]+)", judging)}
    return (
        {code for code in codes if code}
        | own
        | bulk_acts.PROVIDER_REFUSAL_ERROR_CODES
        | {"still_unknown", "internal_error"}
    )


@pytest.mark.parametrize("code", sorted(list_reasons_of_bulk_rows()))
def test_each_reason_has_words(code: str) -> None:
    """Every reason code has a text in one of the groups of wording keys in which the window looks for the reason of a
    row.
    """
    assert bulk_words.find_bulk_reason_key(code), code


def test_the_known_reasons_of_bulk_rows_are_found() -> None:
    """`list_reasons_of_bulk_rows` finds the known reason codes. If it found none, the test of the texts would check
    nothing and pass.
    """
    assert {
        "changed",
        "not_found",
        "not_for_kind",
        "no_list_call",
        "not_bought",
        "viewing_over",
    } <= list_reasons_of_bulk_rows()


@pytest.mark.parametrize(
    ("counts", "tone"),
    [
        ({"done": 3}, "good"),
        ({"done": 2, "still_unknown": 1}, "unknown"),
        ({"still_unknown": 2}, "unknown"),
        ({"done": 2, "skipped": 1}, "care"),
        ({"failed": 1}, "care"),
    ],
)
def test_an_end_is_green_only_if_nothing_stayed_open(counts: dict[str, int], tone: str) -> None:
    """An ended bulk run is shown in green only if it has no unknown, skipped or failed row."""
    run = BulkRun(7, BulkAction.PROBE, "done", "op-a", NOW, 3, 3, 3)
    assert bulk_words.get_ended_run_icon_and_tone(run, counts)[1] == tone


@pytest.mark.parametrize(
    ("counts", "icon_and_tone"),
    [
        ({}, ("dash", "muted")),
        ({"done": 2}, ("dash", "muted")),
        (None, ("dash", "muted")),
        ({"done": 1, "still_unknown": 1}, ("question", "unknown")),
        ({"done": 1, "failed": 1}, ("square_bang", "care")),
    ],
)
def test_a_discarded_run_has_no_green_tick(counts: dict[str, int] | None, icon_and_tone: tuple[str, str]) -> None:
    """The remaining rows of a discarded run have no result. Its dialog and the list of runs don't show a green check
    and don't call it finished.
    """
    context = make_window_context()
    context.language = "en"
    run = BulkRun(7, BulkAction.PROBE, "done", "op-a", NOW, 5, 5, 2, reason=DISCARDED_REASON)
    status = bulk_words.make_run_status(BulkRunWithHolder(run), context, counts)
    assert (status.icon_name, status.tone) == icon_and_tone
    assert status.sentence.startswith("The remaining records were discarded")
    cell = bulk_words.make_run_state_cell(run, context)
    assert (cell.word, cell.icon_name, cell.tone) == ("Rest discarded", "dash", "muted")


@pytest.mark.parametrize(
    ("reason", "beginning"),
    [
        (ErrorCode.READ_ONLY, "Paused because of read-only."),
        ("maker", "Waiting for op-a"),
        ("provider_unreachable:alarmbox", "Paused: AlarmBox refused three times in a row"),
    ],
)
def test_a_paused_run_states_its_reason(reason: str, beginning: str) -> None:
    """The sentence about a paused run states its reason: the read-only switch, another requester, or a provider."""
    run = BulkRun(7, BulkAction.TAKE, "paused", "op-a", NOW, 4, 4, 2, reason=reason)
    status = bulk_words.make_run_status(BulkRunWithHolder(run), make_window_context())
    assert (status.sentence.startswith(beginning), status.tone) == (True, "care"), status.sentence


def test_the_rows_that_will_be_processed_are_first() -> None:
    """The table of a dry run begins with the rows that its title counts. Each row keeps the number that it has in
    the run."""
    kinds = (ForecastKind.REFUSED, ForecastKind.WOULD_RUN, ForecastKind.SKIP, ForecastKind.WOULD_RUN)
    rows = [RowForecast(BulkRow(n, "payment", n, 7), kind) for n, kind in enumerate(kinds, 1)]
    plan = make_bulk_plan(BulkRun(7, BulkAction.PROBE, "frozen", "op-a", NOW, 4, 4, 0), rows, {})
    page = BulkPlanPage(make_window_context(), plan)
    assert [row.row.position for row in page.table.rows.iterate_loaded_rows()] == [2, 4, 1, 3]
    assert page.max_rows == 4


def test_a_row_names_the_kind_of_its_record() -> None:
    """A bulk run may have records of several kinds, so that the name of each has its kind."""
    run = BulkRun(7, BulkAction.TAKE, "frozen", "op-a", NOW, 1, 1, 0)
    payment = make_payment()
    forecast = RowForecast(BulkRow(1, "payment", payment.id, 7), ForecastKind.WOULD_RUN, record=payment)
    table = BulkPlanPage(make_window_context(), make_bulk_plan(run, [forecast], {})).table
    (column,) = (column for column in table.rows.columns if column.key == "record")
    assert column.format_text(forecast) == "Payment A-10442"


def test_a_run_of_the_first_rows_is_not_called_stopped() -> None:
    """A run that has executed its first rows, as planned, is called finished up to them; "stopped" is a run that a
    person has stopped. While it runs, its progress has the number of the rows that it executes."""
    context = make_window_context()
    ended = BulkRun(7, BulkAction.PROBE, "stopped", "op-a", NOW, 30, 20, 20, reason="most")
    assert bulk_words.get_run_state_word(ended, context) == "first 20 finished"
    assert bulk_words.get_run_state_word(replace(ended, done=14, reason=None), context) == "stopped"
    counts = {"done": 17, "still_unknown": 2, "failed": 1}
    state_cell = bulk_words.make_run_state_cell(ended, context)
    signs = {
        (state_cell.icon_name, state_cell.tone),
        *(bulk_words.get_ended_run_icon_and_tone(ended, each) for each in (counts, {}, None)),
    }
    assert signs == {("half_disc", "muted")}, "one sign in the dialog, the messages and the list of runs"
    running = replace(ended, state="running", done=14, reason=None)
    assert bulk_words.format_run_progress(running, 14, context) == "14 of the first 20 (total 30)"
    assert bulk_words.format_run_progress(ended, 20, context) == "20 of 30"
    assert bulk_words.format_run_progress(replace(running, most=30), 14, context) == "14 of 30"


@pytest.mark.parametrize(
    ("row_count", "title"),
    [(1, "None of the first 1 can be probed"), (2, "Probe 1 record?"), (3, "Probe 1 record?")],
)
def test_the_title_of_a_limited_dry_run_counts_only_the_first_rows(row_count: int, title: str) -> None:
    """The title of a dry run that is limited to the first rows counts only these rows. Example: the first of three
    records can't be probed, but the second can; the title for the first one says nothing about the second.
    """
    context = make_window_context()
    context.language = "en"
    kinds = (ForecastKind.REFUSED, ForecastKind.WOULD_RUN, ForecastKind.REFUSED)
    rows = [RowForecast(BulkRow(n, "payment", n, 7), kind) for n, kind in enumerate(kinds, 1)]
    plan = make_bulk_plan(BulkRun(7, BulkAction.PROBE, "frozen", "op-a", NOW, 3, 3, 0), rows, {})
    page = BulkPlanPage(context, plan)
    assert not page.is_limited_to_first_rows
    page.limited_plan = plan.limit_to_first_rows(row_count)
    assert (
        bulk_words.format_plan_title(
            page.limited_plan, context, is_limited_to_first_rows=page.is_limited_to_first_rows
        )
        == title
    )
    none = make_bulk_plan(plan.run, rows[:1], {})
    assert (
        bulk_words.format_plan_title(none, context, is_limited_to_first_rows=False)
        == "None of these records can be probed"
    )


def test_rows_of_a_bulk_run_are_counted_by_outcome() -> None:
    """A row whose record stays unknown isn't counted as done, whatever action was executed."""
    context = make_window_context()
    context.language = "en"
    counts = {"done": 1, "still_unknown": 1, "skipped": 2}
    assert (
        bulk_words.format_result_counts(counts, BulkAction.PROBE, context)
        == "1 known now, 1 still unknown, 2 skipped"
    )
    assert bulk_words.format_result_counts({"done": 2}, BulkAction.REFETCH, context) == "2 fetched"
    row = BulkRow(1, "payment", 5, 7, "done", STILL_UNKNOWN_OUTCOME)
    assert bulk_words.make_result_cell(row, BulkAction.PROBE, context).word == "Still unknown"
    unknown = make_payment(certainty=Certainty.UNKNOWN)
    assert bulk_words.make_record_state_cell(unknown, context).word == "Unknown"
    assert bulk_words.make_record_state_cell(make_payment(), context).word == "Completed"


@pytest.mark.parametrize("language", ["ja", "en"])
def test_each_state_cell_begins_with_a_capital(language: Literal["ja", "en"]) -> None:
    """In the tables of bulk runs, a cell with a state begins with a capital, as the states of other tables do,
    although its words are written small in the middle of a sentence.
    """
    context = make_window_context()
    context.language = language
    row = BulkRow(1, "payment", 1, 7)
    cells = [
        bulk_words.make_forecast_cell(RowForecast(row, kind), BulkAction.PROBE, context) for kind in ForecastKind
    ]
    cells.append(bulk_words.make_result_cell(row, BulkAction.PROBE, context))
    cells.append(
        bulk_words.make_run_state_cell(BulkRun(7, BulkAction.TAKE, "stopped", "op-a", NOW, 4, 4, 2), context)
    )
    assert [cell.word for cell in cells if cell.word[0].islower()] == []


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_row_shows_its_whole_reason_at_the_largest_text_size(
    language: Literal["ja", "en"], appearance: Appearance, qtbot: QtBot
) -> None:
    """In the dry run at 200 %, the table hides the company rather than cut the reason of a row off. The line below
    the table then has the company of the current row."""
    appearance.set_text_scale(2.0)
    context = make_window_context()
    context.language = language
    rows = [
        RowForecast(BulkRow(n, "credit-check", n, 7), ForecastKind.REFUSED, "no_list_call", record=make_check(id=n))
        for n in (187, 192, 194)
    ]
    plan = make_bulk_plan(BulkRun(7, BulkAction.PROBE, "frozen", "op-a", NOW, 3, 3, 0), rows, {})
    page = BulkPlanPage(context, plan)
    qtbot.addWidget(page)
    page.resize(1130, 500)
    page.show()
    assert page.table.current_row == 0
    assert not page.table.is_cell_cut("why", rows[0])
    (line,) = page.findChildren(WholeTextLine)
    assert bool(line.get_text("company")) is page.table.is_cell_cut("company", rows[0]) is True
    assert line.get_text("why") == ""


def test_rows_that_failed_are_first_in_the_results(qtbot: QtBot) -> None:
    """The table of a run's results has the rows that failed first, each row once, and can be read to its end, even
    if whole pages of the run have failed."""
    results = ["refused", "done", *["failed"] * 8, "done", None]
    rows = [BulkRow(position, "payment", position, 1, result) for position, result in enumerate(results, 1)]

    class InventedBulkService:
        def list_rows_with_records(
            self, run_id: int, result: str | None, after_position: int, limit: int
        ) -> list[BulkRowWithRecord]:
            matching_rows = [row for row in rows if row.position > after_position and result in (None, row.result)]
            return [BulkRowWithRecord(row, None) for row in matching_rows[:limit]]

    services: Any = SimpleNamespace(bulk_runs=InventedBulkService())
    model = PagedModel([], lambda line: line.row.position, InlineRunner(), rows_per_page=3)
    model.read_query(partial(dialog_pages._read_result_rows, services, run_id=1, result_filter=None))
    for _page in range(6):
        model.set_visible_rows(0, model.rowCount())
    shown_positions = [line.row.position for line in map(model.get_item, range(model.rowCount())) if line]
    assert shown_positions == [3, 4, 5, 6, 7, 8, 9, 10, 1, 2, 11, 12]
