"""The tabs documents, notes and history of a company. Each covers all of the company's records, and reads its rows
only when the person opens it."""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from console.domain.evidence.timeline import TimelineEventKind
from console.domain.views.company import MAX_ROWS_ON_COMPANY_PAGE, CompanyDocument, CompanyEvent
from console.views.pages.static_table import StaticTable, TableOrEmptyState
from console.views.presenters import credit_checks as words
from console.views.records.columns import measure_width_of_name_with_kind
from console.views.runtime.announcer import announce
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import RecordRef
from console.views.runtime.tasks import Failure
from console.views.tables.columns import AgeCell, Column
from console.views.theme.design_tokens import tokens
from console.views.widgets.base import TextLabel, make_column
from console.views.widgets.display.placeholders import EmptyState
from console.wording.sentences import catalogue as wording
from console.wording.timelines import format_event_sentence

if TYPE_CHECKING:
    from console.app import Console

COMPANY_TAB_NAMES = ("documents", "notes", "history")
_ROW_READER_BY_TAB: dict[str, "Callable[[Console, tuple[RecordRef, ...]], tuple[Any, ...]]"] = {
    "documents": lambda services, refs: services.lookup.read_documents(refs),
    "notes": lambda services, refs: services.lookup.read_notes(refs),
    "history": lambda services, refs: services.lookup.read_history(refs),
}


class CompanyTab(QWidget):
    """The tab of a company with its documents, notes or history; `name` is one of COMPANY_TAB_NAMES, and
    `name_record(ref)` returns the text that names the record of a row. The tab reads its rows when it is or becomes
    visible and the company's records may have changed since the rows were last read. If they can't be read, the
    earlier rows of this company stay, greyed, with the time at which they were read.

    Signals:
    - record_requested(object): the person wants to open the record with this kind and id.
    - row_count_known: the rows have been read, so their number is known.
    """

    record_requested = Signal(object)
    row_count_known = Signal()

    def __init__(
        self,
        context: WindowContext,
        name: str,
        name_record: Callable[[RecordRef], str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._context, self.name = context, name
        self.tab_index = -1
        """The number of this tab in the bar of tabs."""
        self._refs: tuple[RecordRef, ...] | None = None
        self._are_rows_current = False
        self._read_at: datetime | None = None
        self._failure: Failure | None = None
        context.minute_passed.connect(self._show_row_age)
        self.failure_label = TextLabel("", "small", "care", wraps_lines=True)
        self.failure_label.hide()
        columns = _COLUMN_FACTORY_BY_TAB[name](context, name_record)
        self.table = StaticTable(context, columns, _make_row_key, context.translate(f"company_page.tab.{name}"))
        self.table.opened.connect(self._open_row)
        wording_key = f"company_page.{name}.empty"
        empty_state = EmptyState(
            context.translate(wording_key), context.translate(f"{wording_key}_hint"), icon_name="dash"
        )
        self.rows = TableOrEmptyState(self.table, empty_state, self)
        margin = tokens().px("spacing", "page_margin")
        layout = make_column(gap_px=0)
        failure_line = make_column(self.failure_label, margins=(margin, 0, margin, 0))
        layout.addLayout(failure_line)
        layout.addWidget(self.rows, 1)
        self.setLayout(layout)

    @property
    def row_count(self) -> int | None:
        """The number of rows of this company; None until they have been read, and again while they are outdated."""
        return None if self._read_at is None or not self._are_rows_current else len(self.table.all_rows)

    @property
    def may_lack_older_rows(self) -> bool:
        """True if the tab may lack older rows: the service returns at most MAX_ROWS_ON_COMPANY_PAGE documents or
        notes for each kind of record, and at most as many events in total."""
        rows = self.table.all_rows
        row_count_by_kind = Counter(_make_row_record_ref(row)[0] for row in rows)
        row_counts = (len(rows),) if self.name == "history" else row_count_by_kind.values()
        return max(row_counts, default=0) >= MAX_ROWS_ON_COMPANY_PAGE

    def mark_outdated(self, refs: tuple[RecordRef, ...], *, is_other_company: bool) -> None:
        """Mark the rows of this tab as outdated. When the tab is next visible, it reads the rows of the records
        `refs`, which are the company's records. If `is_other_company` is True, also remove the shown rows.
        """
        self._refs, self._are_rows_current = refs, False
        if is_other_company:
            self._read_at = self._failure = None
            self.failure_label.hide()
            self.rows.show_rows(())
        if self.isVisible():
            self.read_rows()

    @Slot()
    def read_rows(self) -> None:
        """Read the rows from the service, unless they are up to date."""
        refs, reader = self._refs, _ROW_READER_BY_TAB[self.name]
        if refs is None or self._are_rows_current or not self._context.is_ready:
            return
        self._are_rows_current = True

        def show_rows(rows: tuple[Any, ...]) -> None:
            if refs == self._refs:
                self._show_rows(rows)

        def show_failure(failure: Failure) -> None:
            if refs == self._refs:  # the rows of another company are not outdated
                self._show_failure(failure)

        self._context.run_read(
            lambda services: reader(services, refs),
            show_rows,
            show_failure,
            caller=self,
            key=("company", self.name),
        )

    def _show_rows(self, rows: tuple[Any, ...]) -> None:
        self._read_at, self._failure = self._context.now(), None
        self.failure_label.hide()
        self.table.setEnabled(True)
        self.rows.show_rows(rows)
        self.row_count_known.emit()

    def _show_failure(self, failure: Failure) -> None:
        """Grey the rows, and show the time at which they were read and the reason why the program can't read them
        now.
        """
        self._failure = failure
        self._show_row_age()
        self.failure_label.show()
        announce(self, self.failure_label.plain)
        self.table.setEnabled(False)
        self._are_rows_current = False

    @Slot()
    def _show_row_age(self) -> None:
        """Show the age of the rows, and the reason why they could not be read again. Do nothing if they could be
        read."""
        if self._failure is None:
            return
        context, read_at = self._context, self._read_at
        sentence = (
            context.translate("company_page.stale", at=read_at, age=context.format_age_beside_time(read_at))
            if read_at
            else context.translate("company_page.not_read")
        )
        self.failure_label.show_text(f"{sentence}\n{context.format_failure(self._failure)}")

    @Slot(object)
    def _open_row(self, row: object) -> None:
        self.record_requested.emit(_make_row_record_ref(row))


def _make_row_record_ref(row: Any) -> RecordRef:
    return row.record if isinstance(row, CompanyDocument | CompanyEvent) else (row.kind, row.subject_id)


def _make_row_key(row: Any) -> Hashable:
    if isinstance(row, CompanyEvent):
        return row.event.source, row.event.row
    return (row.record, row.document.sha256) if isinstance(row, CompanyDocument) else row.id


def _make_record_column(context: WindowContext, name_record: Callable[[RecordRef], str]) -> Column:
    def format_name(row: Any) -> str:
        return name_record(_make_row_record_ref(row))

    return Column(
        "record", context.translate("column.record"), measure_width_of_name_with_kind(context), format_name, "data"
    )


def _make_time_column(context: WindowContext, get_instant: Callable[[Any], datetime]) -> Column:
    return Column(
        "when",
        context.translate("column.when"),
        190,
        lambda row: wording.format_instant(get_instant(row))[:-4],
        "data",
    )


def _make_document_columns(context: WindowContext, name_record: Callable[[RecordRef], str]) -> Sequence[Column]:
    translate = context.translate

    def format_version(row: CompanyDocument) -> str:
        return translate("company_page.document.current" if row.document.is_current else "company_page.document.old")

    def make_age_cell(row: CompanyDocument) -> AgeCell:
        number, _, unit = context.format_age(row.document.fetched_at).partition(" ")
        return AgeCell(number, unit)

    return [
        _make_time_column(context, lambda row: row.document.fetched_at),
        _make_record_column(context, name_record),
        Column("version", translate("company_page.column.version"), 104, format_version),
        Column(
            "size",
            translate("company_page.column.size"),
            90,
            lambda row: wording.format_bytes(row.document.bytes),
            "amount",
        ),
        Column(
            "sha256",
            translate("company_page.column.sha256"),
            120,
            lambda row: wording.shorten_id(row.document.sha256),
            "data",
            is_stretched=True,
            make_full_text=lambda row: row.document.sha256,
        ),
        Column("age", translate("column.age"), 80, make_age_cell, "age"),
    ]


def _make_note_columns(context: WindowContext, name_record: Callable[[RecordRef], str]) -> Sequence[Column]:
    translate = context.translate
    return [
        _make_time_column(context, lambda row: row.at),
        _make_record_column(context, name_record),
        Column("who", translate("column.who"), 110, lambda row: words.get_actor_name(row.person, context)),
        Column(
            "note",
            translate("company_page.column.note"),
            320,
            lambda row: " ".join(row.words.split()),
            is_stretched=True,
        ),
    ]


def _make_history_columns(context: WindowContext, name_record: Callable[[RecordRef], str]) -> Sequence[Column]:
    translate = context.translate

    def format_actor(row: CompanyEvent) -> str:
        """Return the name of the person or worker that caused the event; for a notice, the name of the provider that
        sent it."""
        actor = row.event.who
        if row.event.event_kind is TimelineEventKind.NOTICE:
            return wording.get_provider_name(actor, context.language)
        return words.get_actor_name(actor, context)

    def format_event(row: CompanyEvent) -> str:
        return format_event_sentence(row.event, context.language)

    return [
        _make_time_column(context, lambda row: row.event.at),
        _make_record_column(context, name_record),
        Column("who", translate("column.who"), 110, format_actor),
        Column("event", translate("company_page.column.event"), 400, format_event, is_stretched=True),
    ]


_COLUMN_FACTORY_BY_TAB: dict[str, Callable[[WindowContext, Callable[[RecordRef], str]], Sequence[Column]]] = {
    "documents": _make_document_columns,
    "notes": _make_note_columns,
    "history": _make_history_columns,
}
