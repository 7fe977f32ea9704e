"""The section of the reports page with the daily close: the sums of one provider and one day, and the records
whose outcome was unknown at the end of the day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import shiboken6
from PySide6.QtCore import Slot
from PySide6.QtWidgets import QStackedWidget, QWidget

from console.domain.calendar_days import parse_typed_day
from console.domain.exports.tables import DocumentFormat
from console.domain.reports.daily_close import (
    SHOWN_SUM_NAMES,
    DailyClose,
    DailyCloseMoney,
    UnknownRecord,
    WrittenDailyClose,
)
from console.views.pages.static_table import StaticTable, TableOrEmptyState
from console.views.reports.section import ReportSection
from console.views.runtime.announcer import announce
from console.views.runtime.context import Toast, WindowContext
from console.views.runtime.routes import make_route_to_record
from console.views.runtime.tasks import Failure, ProgressReporter
from console.views.tables.columns import Column
from console.views.theme.design_tokens import tokens
from console.views.widgets.base import ParagraphLabel, Surface, TextLabel, make_column, make_row
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.controls.inputs import DropDownList, Field, LineEdit
from console.views.widgets.display.placeholders import EmptyState
from console.views.widgets.window.save_file import ask_for_save_path
from console.wording import daily_close as close_words
from console.wording.records import get_provider_name
from console.wording.sentences import catalogue as wording

if TYPE_CHECKING:
    from console.app import Console

_DAILY_CLOSE_FILE_FORMATS = [document_format.value for document_format in DocumentFormat]


@dataclass(frozen=True, slots=True)
class _MoneySumRow:
    """One row of the table of sums: the number of records and the sum of their amounts in one currency, in minor
    units. `name` is the name of the sum (one of SHOWN_SUM_NAMES), or "net" for the net amount. `count` is None for
    the net amount."""

    currency: str
    name: str
    count: int | None
    amount_minor: int


class DailyCloseSection(ReportSection):
    """The section of the reports page with the daily close of the selected provider and day, at first yesterday. A
    person can write the daily close to a file. Enter opens the current record of the table of unknown outcomes."""

    name = "close"

    def __init__(self, context: WindowContext) -> None:
        super().__init__()
        translate = context.translate
        self._context = context
        self._providers: tuple[str, ...] = ()
        self._daily_close: DailyClose | None = None
        self.is_writing = False
        self.provider_list = DropDownList(translate("close.provider"))
        self.day_field = Field(translate("close.day"), role="data")
        self._day_edit.setText((context.get_day_in_japan() - timedelta(days=1)).isoformat())
        self.show_button = KeyButton(translate("close.read"))
        self.state_label = ParagraphLabel("section")
        self.scope_label = ParagraphLabel("small", "muted")
        self.sums_table = StaticTable(
            context, _make_sum_columns(context), _get_sum_row_key, translate("close.table.money")
        )
        self.unknown_table = StaticTable(
            context, _make_unknown_record_columns(context), lambda row: row.name, translate("close.table.unknown")
        )
        self.changes_label = ParagraphLabel("small")
        self._build_layout()
        self.provider_list.currentIndexChanged.connect(self._read_chosen_close)
        self._day_edit.returnPressed.connect(self._read_chosen_close)
        self.show_button.clicked.connect(self._read_chosen_close)
        self.unknown_table.opened.connect(self._open_record)

    def _build_layout(self) -> None:
        translate, margin = self._context.translate, tokens().px("spacing", "page_margin")
        provider_label = TextLabel(translate("close.provider"), "small", "muted")
        provider_label.setBuddy(self.provider_list)
        provider_choice = QWidget()
        provider_choice.setLayout(make_column(provider_label, self.provider_list, None, gap_px=4))
        space_label = TextLabel("", "small")  # as high as the labels of the fields, at any text size
        space_label.is_decoration = True
        button_area = QWidget()
        button_area.setLayout(make_column(space_label, self.show_button, None, gap_px=4))
        self.day_field.setMaximumWidth(180)
        header = Surface(edge="bottom")
        header_rows = make_column(
            make_row(provider_choice, self.day_field, button_area, None, gap_px=16),
            self.state_label.row,
            self.scope_label.row,
            self.changes_label.row,
            gap_px=6,
            margins=(margin, 8, margin, 8),
        )
        header.setLayout(header_rows)
        self._tables = QWidget()
        table_column = make_column(gap_px=0)
        unknown_heading = TextLabel(translate("close.table.unknown"), "panel_title")
        sums_rows = TableOrEmptyState(
            self.sums_table, EmptyState(translate("close.table.money.empty"), icon_name="dash")
        )
        # Not a TableOrEmptyState, whose text would take the height of a table from the sums.
        self._unknown_empty_state = EmptyState(translate("close.table.unknown.empty"), icon_name="check")
        self._unknown_empty_state.setContentsMargins(0, 0, 0, 12)
        self._unknown_empty_state.hide()
        self._sums_rows = sums_rows
        table_column.addWidget(sums_rows, 3)
        table_column.addLayout(make_row(unknown_heading, margins=(margin, 8, margin, 4)))
        table_column.addWidget(self.unknown_table, 2)
        table_column.addWidget(self._unknown_empty_state)
        self._tables.setLayout(table_column)
        self._stack = QStackedWidget()
        self._empty_state = EmptyState(translate("reports.empty"), translate("reports.close.empty"), icon_name="dash")
        for page in (self._tables, self._empty_state):
            self._stack.addWidget(page)
        layout = make_column(header, gap_px=0)
        layout.addWidget(self._stack, 1)
        self.setLayout(layout)

    @property
    def _day_edit(self) -> LineEdit:
        edit = self.day_field.edit
        assert isinstance(edit, LineEdit)  # noqa: S101  # a Field with one line
        return edit

    def list_focus_targets(self) -> Sequence[QWidget]:
        return self.sums_table, self._day_edit

    # -- reading

    def read_data(self) -> None:
        """Read the providers that have payments, then the daily close of the selected provider and day."""
        self._context.run_read(
            lambda services: services.reports.list_providers(),
            self._show_providers,
            self.failed.emit,
            caller=self,
            key=("report", "close providers"),
        )

    def _show_providers(self, providers: tuple[str, ...]) -> None:
        if providers != self._providers:
            earlier_provider = self.chosen_provider
            self._providers = providers
            self.provider_list.blockSignals(True)
            self.provider_list.clear()
            self.provider_list.addItems([get_provider_name(name, self._context) for name in providers])
            self.provider_list.setCurrentIndex(
                providers.index(earlier_provider) if earlier_provider in providers else 0
            )
            self.provider_list.blockSignals(False)
            self.provider_list.updateGeometry()
        self._stack.setCurrentWidget(self._tables if providers else self._empty_state)
        for widget in (self.provider_list, self.show_button):
            widget.setEnabled(bool(providers))
        if providers:
            self._read_chosen_close()
        else:
            self.figures_read.emit(self._context.now())

    @property
    def chosen_provider(self) -> str:
        """The name of the selected provider; "" if no provider has payments."""
        index = self.provider_list.currentIndex()
        return self._providers[index] if 0 <= index < len(self._providers) else ""

    def parse_typed_day(self) -> date | None:
        """Return the day that the person has typed. If the text isn't a valid day, or if the day is after today in
        Japan, show the error at the field and return None."""
        try:
            day: date | None = parse_typed_day(self._day_edit.text())
        except ValueError:
            day = None
        is_valid = day is not None and day <= self._context.get_day_in_japan()
        self.day_field.show_error("" if is_valid else self._context.translate("close.no_day"))
        return day if is_valid else None

    @Slot()
    def _read_chosen_close(self) -> None:
        provider, day = self.chosen_provider, self.parse_typed_day()
        if not provider or day is None:
            return
        self._context.run_read(
            lambda services: services.reports.read_daily_close(provider, day),
            self._show_close,
            self.failed.emit,
            caller=self,
            key=("report", self.name),
        )

    def _show_close(self, close: DailyClose) -> None:
        is_other = self._daily_close is None or (self._daily_close.provider, self._daily_close.day) != (
            close.provider,
            close.day,
        )
        self._daily_close, language = close, self._context.language
        # The names of its provider and day, too: if the next close can't be read, this one stays on the screen.
        title = close_words.format_daily_close_title(close, language)
        state_text = close_words.format_daily_close_state(close, language)
        self.state_label.show_text(
            self._context.translate("act.about", title=title, message=state_text),
            "good" if close.is_final else "care",
        )
        self.scope_label.show_text("\n".join(close_words.format_daily_close_notes(close, language)))
        self.changes_label.show_text("\n".join(close_words.format_daily_close_change_lines(close, language)))
        self.changes_label.setVisible(bool(close.changes))
        self._sums_rows.show_rows([row for money in close.money for row in _make_sum_rows(money)])
        self._show_unknown_records(close.unknown_records)
        if is_other:
            announce(self.state_label, self.state_label.plain, is_stored=False)
        self.figures_read.emit(close.read_at)

    def _show_unknown_records(self, records: Sequence[UnknownRecord]) -> None:
        self.unknown_table.show_rows(records)
        self.unknown_table.setVisible(bool(records))
        self._unknown_empty_state.setVisible(not records)

    @Slot(object)
    def _open_record(self, row: UnknownRecord) -> None:
        self._context.navigate(make_route_to_record(row.kind, row.id, (), "reports"))

    # -- writing

    @property
    def can_write(self) -> bool:
        """True if the section shows a daily close and is not writing a file."""
        return self._daily_close is not None and not self.is_writing

    @Slot()
    def ask_path_and_write_close(self) -> None:
        """Ask the person for the path of a new file, then write the shown daily close to it. Do nothing if the
        section can't write it (see `can_write`)."""
        close = self._daily_close
        if close is None or not self.can_write:
            return
        file_name = f"close-{close.provider}-{close.day:%Y%m%d}.{_DAILY_CLOSE_FILE_FORMATS[0]}"
        ask_for_save_path(
            self,
            self._context.translate("close.write"),
            _DAILY_CLOSE_FILE_FORMATS,
            partial(self.write_close, close),  # another one may be shown when the person has chosen the path
            file_name,
        )

    def write_close(self, close: DailyClose, path: str) -> None:
        """Write `close` to the new file `path` in the background. The suffix of `path` selects the format. Do nothing
        while the section is writing a file."""
        context = self._context
        if self.is_writing:
            return
        self.is_writing, language, acting_person = True, context.language, context.operator

        def write_in_thread(report_progress: ProgressReporter) -> WrittenDailyClose:
            def write_with_services(services: "Console") -> WrittenDailyClose:
                return services.daily_closes.write(close.provider, close.day, Path(path), language)

            return context.bind_services(write_with_services, acting_person)()

        context.runner.run_with_progress(
            write_in_thread,
            self._show_written_toast,
            partial(self._show_writing_failure, close_words.format_daily_close_title(close, language)),
            lambda _: None,
            caller=context,  # the page may be closed or built again before the file is written
            label=context.translate("close.write"),
            pool_name="long",
        )

    def _show_written_toast(self, written_close: WrittenDailyClose) -> None:
        self.is_writing = False
        message = self._context.translate("close.written", file=Path(written_close.file).name)
        title = close_words.format_daily_close_title(written_close.close, self._context.language)
        self._context.toast_requested.emit(
            Toast(message, written_close.file, path=written_close.file, subject_title=title)
        )
        if shiboken6.isValid(self):
            self._read_chosen_close()

    def _show_writing_failure(self, title: str, failure: Failure) -> None:
        self.is_writing = False
        message = self._context.format_failure(failure)
        self._context.show_toast(
            self._context.translate("act.refused"), message, "square_bang", "bad", subject_title=title
        )


def _make_sum_rows(money: DailyCloseMoney) -> list[_MoneySumRow]:
    sums = [
        _MoneySumRow(money.currency, name, money.get_sum(name).count, money.get_sum(name).minor)
        for name in SHOWN_SUM_NAMES
    ]
    return [*sums, _MoneySumRow(money.currency, "net", None, money.net_minor)]


def _get_sum_row_key(row: _MoneySumRow) -> tuple[str, str]:
    return row.currency, row.name


def _make_sum_columns(context: WindowContext) -> Sequence[Column]:
    translate = context.translate
    return [
        Column(
            "sum",
            translate("close.column.sum"),
            240,
            lambda row: close_words.get_daily_sum_name(row.name, context.language),
        ),
        Column(
            "count",
            translate("reports.count"),
            110,
            lambda row: wording.NO_VALUE if row.count is None else wording.format_count(row.count),
            "amount",
        ),
        Column(
            "amount",
            translate("column.amount"),
            180,
            lambda row: wording.format_amount(row.amount_minor, row.currency),
            "amount",
        ),
        # Last, because the last column takes the free width of a wide window, and a sum must be near its name.
        Column("currency", translate("reports.currency"), 96, lambda row: row.currency, "data", is_stretched=True),
    ]


def _make_unknown_record_columns(context: WindowContext) -> Sequence[Column]:
    translate, language = context.translate, context.language
    return [
        Column(
            "record",
            translate("column.record"),
            150,
            lambda row: close_words.format_unknown_record(row, language),
            "data",
        ),
        Column("payment", translate("kind.payment"), 180, lambda row: row.number, "data", True),
        Column(
            "amount",
            translate("column.amount"),
            140,
            lambda row: wording.format_amount(row.minor, row.currency),
            "amount",
        ),
        Column("since", translate("column.since"), 190, lambda row: wording.format_instant(row.since), "data"),
        Column(
            "settled",
            translate("close.column.settled"),
            230,
            partial(close_words.format_settled_outcome, language=language),
        ),
    ]
