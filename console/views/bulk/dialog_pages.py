"""The two pages inside the bulk dialog: the plan of the dry run, and the progress with the results of the rows."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from console.domain.bulk.records import (
    NOT_DONE_ROWS_FILTER,
    BulkPlan,
    BulkProgress,
    BulkRowWithRecord,
    BulkRunWithHolder,
    ForecastKind,
    RowForecast,
    RowResult,
)
from console.domain.exports.tables import ExportRequest, ListName
from console.domain.tasks.records import BulkAction, BulkRow, BulkRun
from console.views.exports.list_export import ListExporter
from console.views.pages.fitted_table import FittedTable
from console.views.pages.permission_buttons import block_button_while_read_only
from console.views.pages.whole_text_line import add_whole_text_line
from console.views.presenters import bulk as bulk_words
from console.views.presenters.columns import measure_column_width
from console.views.records.columns import format_name_with_kind, measure_width_of_name_with_kind
from console.views.runtime.context import WindowContext
from console.views.runtime.page_fetch import FetchedPage
from console.views.tables.columns import Column, StateCell
from console.views.tables.paged_model import PagedModel
from console.views.widgets.base import TextLabel, discard_widget, make_column, make_row, set_visible_in_parent
from console.views.widgets.controls.buttons import KeyButton, ReasonLabel
from console.views.widgets.controls.inputs import DropDownList
from console.views.widgets.layout.flow_layout import make_flow_widget
from console.views.widgets.window.notification_bars import NotificationBar
from console.wording.sentences import catalogue as wording

if TYPE_CHECKING:
    from console.app import Console

BULK_ROW_COUNT_OPTIONS = (1, 5, 20, 100)
_TABLE_MARGIN_PX = 12
_MIN_TABLE_ROWS = 3
_MAX_TABLE_ROWS = 8
_HIDEABLE_COLUMN_NAMES = ("place", "company")
_RECORD_NAMING_COLUMN_NAMES = ("company",)
_ROW_RESULT_FILTERS = (None, NOT_DONE_ROWS_FILTER)


class BulkPlanPage(QWidget):
    """The page of the dialog with the plan of a dry run. The person selects here the number of rows that the run
    will execute.

    Signals:
    - row_limit_changed: the person has selected another number of rows.
    """

    row_limit_changed = Signal()

    def __init__(self, context: WindowContext, plan: BulkPlan) -> None:
        super().__init__()
        self._context, self._plan = context, plan
        translate, run = context.translate, plan.run
        self.limited_plan = plan
        self.row_limit_list = DropDownList(translate("bulk.size"))
        for max_rows in (
            len(plan.forecasts),
            *(row_limit for row_limit in BULK_ROW_COUNT_OPTIONS if row_limit < len(plan.forecasts)),
        ):
            key = "bulk.size.first" if self.row_limit_list.count() else "bulk.size.all"
            self.row_limit_list.addItem(translate(key, n=max_rows), max_rows)
        self.row_limit_list.currentIndexChanged.connect(self._show_plan_of_selected_rows)
        self.totals_label = TextLabel("", is_bold=True, wraps_lines=True)
        self.duration_label = TextLabel("", "small", "muted", wraps_lines=True)
        list_label = TextLabel(translate("bulk.size"), "body", "muted")
        list_label.setBuddy(self.row_limit_list)
        action_label = TextLabel(translate(f"bulk.what.{run.action.value}"), wraps_lines=True)
        note_label = TextLabel(translate("bulk.note_words", words=run.words or ""), "body", "muted", wraps_lines=True)
        set_visible_in_parent(note_label, run.words is not None)
        self.table = _make_bulk_row_table(
            context,
            _make_plan_columns(context, run.action),
            lambda forecast: forecast.row.position,
            translate("bulk.plan"),
            len(plan.forecasts),
        )
        row_limit_row = make_row(list_label, self.row_limit_list, None, gap_px=8)
        self.setLayout(
            make_column(
                action_label,
                note_label,
                row_limit_row,
                self.totals_label,
                self.duration_label,
                _make_table_with_reason_line(self.table),
                gap_px=8,
            )
        )
        self._show_plan_of_selected_rows()

    @property
    def max_rows(self) -> int:
        """The number of rows, counted from the first row of the run, to which the execution is limited; 0 if the plan
        has no rows.
        """
        return self.limited_plan.forecasts[-1].row.position if self.limited_plan.forecasts else 0

    @property
    def is_limited_to_first_rows(self) -> bool:
        """True if the person has selected only the first rows of the plan."""
        return len(self.limited_plan.forecasts) < len(self._plan.forecasts)

    @Slot()
    def _show_plan_of_selected_rows(self) -> None:
        context = self._context
        self.limited_plan = self._plan.limit_to_first_rows(int(self.row_limit_list.currentData() or 0))
        self.table.rows.read_query(partial(_read_plan_rows, _list_processed_rows_first(self.limited_plan)))
        self.totals_label.show_text(bulk_words.format_plan_totals(self.limited_plan, context))
        recheck_sentence = context.translate("bulk.checked_again")
        duration_sentence = bulk_words.format_shortest_duration(self.limited_plan, context)
        sentence = wording.join_sentences((duration_sentence, recheck_sentence), context.translate)
        self.duration_label.show_text(sentence if self.limited_plan.row_counts.get(ForecastKind.WOULD_RUN) else "")
        self.duration_label.setVisible(bool(self.duration_label.plain))
        self.row_limit_changed.emit()


def _list_processed_rows_first(plan: BulkPlan) -> tuple[RowForecast, ...]:
    """Return the forecasts of the plan: first those of the rows that will be processed, which the title and the
    button count, then the others. Both parts are in the order of the run."""
    return tuple(sorted(plan.forecasts, key=lambda forecast: forecast.kind is not ForecastKind.WOULD_RUN))


def _read_plan_rows(forecasts: Sequence[RowForecast], cursor: object, limit: int) -> FetchedPage:
    """Return one page of the table: at most `limit` of the forecasts, and the cursor of the next page (None at the
    end). `cursor` is the index of the first forecast of this page; None for the first page."""
    begin = cursor if isinstance(cursor, int) else 0
    end = begin + limit
    return FetchedPage(forecasts[begin:end], end if end < len(forecasts) else None)


class BulkProgressPage(QWidget):
    """The page of the dialog with the progress of a bulk run and the table of its rows with their results.

    Signals:
    - discard_requested: the person has pressed the button that discards the rows still open.
    """

    discard_requested = Signal()

    def __init__(self, context: WindowContext, run: BulkRun) -> None:
        super().__init__()
        self._context, self._run = context, run
        translate = context.translate
        self.status_bar = NotificationBar(
            "", translate("bulk.told.begins", name=run.name), tone="progress", icon_name="circle_arrow"
        )
        self._shown_status: bulk_words.RunStatusContent | None = None
        self.progress_label = TextLabel("", "panel_title", heading_level=0)
        self.result_counts_label = TextLabel("", "body", "muted", wraps_lines=True)
        self.filter_list = DropDownList(translate("bulk.filter"))
        for filter_name in _ROW_RESULT_FILTERS:
            self.filter_list.addItem(translate(f"bulk.filter.{filter_name or 'all'}"), filter_name)
        self.filter_list.currentIndexChanged.connect(self._show_filtered_rows)
        self.exporter = ListExporter(context, self, self._make_export_request)
        self.discard_button = block_button_while_read_only(
            context, KeyButton(translate("bulk.discard")), run.action.value
        )
        self.discard_button.clicked.connect(self.discard_requested)
        self.discard_button.hide()
        self.table = _make_bulk_row_table(
            context,
            _make_result_columns(context, run.action),
            lambda line: line.row.position,
            translate("bulk.rows"),
            run.size,
        )
        self._bar_layout = make_column(self.status_bar, gap_px=0)
        list_label = TextLabel(translate("bulk.filter"), "body", "muted")
        list_label.setBuddy(self.filter_list)
        line = make_flow_widget(
            list_label,
            self.filter_list,
            self.exporter.button,
            self.discard_button,
            ReasonLabel(self.discard_button),
            gap_px=8,
        )
        self.setLayout(
            make_column(
                self._bar_layout,
                self.progress_label,
                self.result_counts_label,
                line,
                _make_table_with_reason_line(self.table),
                gap_px=8,
            )
        )
        self._show_filtered_rows()

    def show_run(self, run_item: BulkRunWithHolder, bulk_progress: BulkProgress, *, is_running_here: bool) -> None:
        """Show the state of the run `run_item`, and its progress and result counts from `bulk_progress`; read the
        table of the rows again if the progress has changed. `is_running_here` is True if this window executes the
        run."""
        context = self._context
        status = bulk_words.make_run_status(
            run_item, context, bulk_progress.result_counts, is_running_here=is_running_here
        )
        if status != self._shown_status:
            self._shown_status = status
            old_bar, self.status_bar = (
                self.status_bar,
                NotificationBar("", status.sentence, tone=status.tone, icon_name=status.icon_name),
            )
            self._bar_layout.replaceWidget(old_bar, self.status_bar)
            discard_widget(old_bar)
        sentence = bulk_words.format_run_progress(run_item.run, bulk_progress.done_count, context)
        if sentence != self.progress_label.plain:
            self.progress_label.show_text(sentence)
            self.result_counts_label.show_text(
                bulk_words.format_result_counts(bulk_progress.result_counts, self._run.action, context)
            )
            self.table.rows.read_rows_again()

    @property
    def result_filter(self) -> str | None:
        """The filter by result that the person has selected for the table: None (all rows) or NOT_DONE_ROWS_FILTER
        (the rows that are not done)."""
        result_name: str | None = self.filter_list.currentData()
        return result_name

    @Slot()
    def _show_filtered_rows(self) -> None:
        read_rows = partial(_read_result_rows, run_id=self._run.id, result_filter=self.result_filter)
        self.table.rows.read_query(self._context.make_page_reader(read_rows))

    def _make_export_request(self) -> ExportRequest:
        return ExportRequest(ListName.BULK, str(self._run.id), self.result_filter or "")


def _read_result_rows(
    services: "Console", cursor: object, limit: int, *, run_id: int, result_filter: str | None
) -> FetchedPage:
    """Return one page of the table, of at most twice `limit` rows. The failed rows of the bulk run come first,
    because a person must look at them; the other rows follow in the order of the run. `result_filter` is a value of
    `BulkProgressPage.result_filter`.

    `cursor` is None for the first page, otherwise a pair: the result of the rows that this page continues (None: the
    other rows), and the position after which they begin.
    """
    result, after_position = cursor if isinstance(cursor, tuple) else (RowResult.FAILED, 0)
    failed_lines: Sequence[BulkRowWithRecord] = ()
    if result is not None:
        failed_lines = services.bulk_runs.list_rows_with_records(run_id, result, after_position, limit)
        if len(failed_lines) == limit:
            return FetchedPage(failed_lines, (result, failed_lines[-1].row.position))
        after_position = 0
    lines = services.bulk_runs.list_rows_with_records(run_id, result_filter, after_position, limit)
    other_lines = [line for line in lines if line.row.result != RowResult.FAILED]
    next_cursor = (None, lines[-1].row.position) if len(lines) == limit else None
    return FetchedPage((*failed_lines, *other_lines), next_cursor)


def _make_bulk_row_table(
    context: WindowContext, columns: list[Column], get_key: Callable[[Any], int], accessible_name: str, row_count: int
) -> FittedTable:
    """Return the table that shows one row of the bulk run per line. `get_key` returns the key by which the table
    recognizes a line after a new read. `row_count` is the number of the run's rows, from which the fixed height of
    the table is computed."""
    table = FittedTable(
        PagedModel(columns, get_key, context.runner),
        accessible_name,
        hideable_columns=_HIDEABLE_COLUMN_NAMES,
        naming_columns=_RECORD_NAMING_COLUMN_NAMES,
        margin_px=_TABLE_MARGIN_PX,
    )
    # the record names the row, and the line below the table has the company of the current row
    table.repeated_keys = ("company",)
    table.rows.setParent(table)
    visible_rows = max(_MIN_TABLE_ROWS, min(row_count, _MAX_TABLE_ROWS))
    table.setFixedHeight(table.compute_dialog_list_height(visible_rows))
    return table


def _make_table_with_reason_line(table: FittedTable) -> QWidget:
    """Return a widget with the table and a line below it. The line shows the company and the reason of the current
    row; it is visible only if the table hides or cuts one of them off. The first row is current until the person
    chooses another one, so that these texts can be read at once."""

    def make_first_row_current() -> None:
        if table.current_row < 0:
            table.go_to_first_row()

    table.rows.changed.connect(make_first_row_current)
    return add_whole_text_line(table, ("company", "why"), margin_px=_TABLE_MARGIN_PX, has_line=False)


def _make_bulk_row_columns(
    context: WindowContext,
    get_row_and_record: Callable[[Any], tuple[BulkRow, Any]],
    state_column: Column,
    format_reason: Callable[[Any], str],
) -> list[Column]:
    """Return the columns position, record, company, `state_column` and reason. The items of the table are forecasts
    or results; `get_row_and_record` returns the bulk run's row of an item and the record (None if it no longer
    exists), and `format_reason` the text of the column "reason"."""
    translate = context.translate

    def format_position(forecast_or_result: Any) -> str:
        return str(get_row_and_record(forecast_or_result)[0].position)

    def format_record(forecast_or_result: Any) -> str:
        row, record = get_row_and_record(forecast_or_result)
        return (
            bulk_words.get_row_record_name(record, row, context)
            if record is None
            else format_name_with_kind(record, context)
        )

    def format_company(forecast_or_result: Any) -> str:
        return bulk_words.get_company_name_or_number(get_row_and_record(forecast_or_result)[1], context)

    return [
        Column(
            "place",
            translate("bulk.column.place"),
            max(measure_column_width(translate("bulk.column.place"), 24), 72),
            format_position,
            "amount",
        ),
        Column("record", translate("column.record"), measure_width_of_name_with_kind(context), format_record, "data"),
        Column("company", translate("column.corporation"), 136, format_company),
        state_column,
        Column("why", translate("column.reason"), 220, format_reason, is_stretched=True),
    ]


def _make_plan_columns(context: WindowContext, action: BulkAction) -> list[Column]:
    def make_verdict_cell(forecast: RowForecast) -> StateCell:
        return bulk_words.make_forecast_cell(forecast, action, context)

    def format_reason(forecast: RowForecast) -> str:
        return bulk_words.format_bulk_reason(forecast.reason, forecast.blocking_person, context)

    longest_word = max(
        (context.translate(f"bulk.verdict.{name}") for name in (f"would.{action.value}", "skip", "refused")), key=len
    )
    state_column = Column(
        "verdict",
        context.translate("bulk.column.verdict"),
        measure_column_width(longest_word, 44),
        make_verdict_cell,
        "state",
    )
    return _make_bulk_row_columns(
        context, lambda forecast: (forecast.row, forecast.record), state_column, format_reason
    )


def _make_result_columns(context: WindowContext, action: BulkAction) -> list[Column]:
    def make_result_cell(line: BulkRowWithRecord) -> StateCell:
        return bulk_words.make_result_cell(line.row, action, context)

    def make_present_state_cell(line: BulkRowWithRecord) -> StateCell:
        return bulk_words.make_record_state_cell(line.record, context)

    def format_reason(line: BulkRowWithRecord) -> str:
        return bulk_words.format_bulk_row_reason(line.row, context)

    longest_word = max(
        (
            bulk_words.get_row_outcome_word(name, action, context)
            for name in (*bulk_words.BULK_ROW_RESULT_NAMES, "none")
        ),
        key=len,
    )
    result_column = Column(
        "result",
        context.translate("column.result"),
        measure_column_width(longest_word, 44),
        make_result_cell,
        "state",
    )
    present_state_column = Column(
        "state", context.translate("bulk.column.state_now"), 116, make_present_state_cell, "state"
    )
    *leading_columns, result_column, reason_column = _make_bulk_row_columns(
        context, lambda line: (line.row, line.record), result_column, format_reason
    )
    return [*leading_columns, result_column, present_state_column, reason_column]
