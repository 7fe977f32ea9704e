"""The tabs of a credit check's page: timeline, documents, earlier credit checks of the corporation, notes, stored
answers of the provider, and audit entries."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from console.domain.audit.actions import AuditAction
from console.domain.records import Document, WorkState
from console.domain.views.any_record import CreditCheckDetails
from console.views.pages.static_table import StaticTable, TableOrEmptyState
from console.views.presenters import credit_checks as words
from console.views.records.columns import make_credit_check_columns
from console.views.records.tabs import RecordTab, RecordTabs, make_empty_tab_state, make_planned_lines
from console.views.runtime.context import WindowContext
from console.views.runtime.tasks import TaskHandle
from console.views.tables.columns import Column, StateCell
from console.views.timelines.timeline_list import TimelineList
from console.views.widgets.base import TextLabel, make_column, make_row
from console.views.widgets.controls.buttons import KeyButton
from console.wording.sentences import catalogue as wording

_MIN_VISIBLE_TABLE_ROWS = 4
_HISTORY_COLUMN_NAMES = ("day", "record", "client", "state", "certainty", "result", "until", "work")
_DOCUMENT_FETCH_AUDIT_ACTIONS = (
    AuditAction.CREDIT_CHECK_PDF_STORED,
    AuditAction.CREDIT_CHECK_PDF_FAILED,
    AuditAction.CREDIT_CHECK_DETAIL_STORED,
    AuditAction.CREDIT_CHECK_DETAIL_FAILED,
    AuditAction.CREDIT_CHECK_REFETCH_STARTED,
)


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """One row of the table of documents: a stored PDF of the credit check or, with `document` None, the row which
    says that no current PDF is stored. `key` identifies the row: the SHA-256 of the stored PDF, "" without a PDF.
    `page_count` is the number of pages of the PDF; None if it isn't known."""

    key: str
    name: str
    state: StateCell
    document: Document | None = None
    page_count: int | None = None


class CreditCheckTabs(RecordTabs):
    """The tabs of a credit check's page.

    Signals:
    - pdf_requested(str): the person wants to open the stored PDF with this SHA-256.
    - missing_pdf_requested: the person wants to open a PDF that isn't stored.
    - comparison_requested(str): the person wants to compare the stored PDF with this SHA-256 ("" for the newest)
      with another version.
    """

    pdf_requested = Signal(str)
    missing_pdf_requested = Signal()
    comparison_requested = Signal(str)

    def __init__(self, context: WindowContext) -> None:
        self._record_id: int | None = None
        self._document_rows: list[DocumentRow] = []
        self._page_counts: Mapping[str, int] = {}
        self._requested_sha256s: set[str] = set()
        self._counting_task: TaskHandle | None = None
        self._document_table = _make_document_table(context)
        self._compare_button = KeyButton(context.translate("action.compare"))
        self._attempt_list = TimelineList(
            context.translate("record.attempts"), repeated_event_texts=words.make_repeated_event_texts(context)
        )
        self._attempt_list.setMinimumHeight(1)  # Qt's least height is more than the tab has beside its documents
        self._earlier_check_table = StaticTable(
            context,
            make_credit_check_columns(context, _HISTORY_COLUMN_NAMES, lambda record: record),
            lambda record: record.id,
            context.translate("record.tab.history"),
        )
        self._earlier_check_list = TableOrEmptyState(
            self._earlier_check_table, make_empty_tab_state("history", context)
        )
        title = make_row(
            TextLabel(context.translate("record.attempts"), "panel_title", "muted"),
            None,
            self._compare_button,
            margins=(24, 12, 24, 0),
        )
        documents = QWidget()
        documents.setLayout(make_column(self._document_table, title, self._attempt_list, gap_px=0))
        tabs_between = (
            RecordTab("documents", documents, (self._document_table, self._attempt_list)),
            RecordTab("history", self._earlier_check_list, (self._earlier_check_table,)),
        )
        super().__init__(context, tabs_between, min_row_count=_MIN_VISIBLE_TABLE_ROWS)
        self._document_table.opened.connect(self.request_document)
        self._compare_button.clicked.connect(self.request_comparison)
        self.tabs.currentChanged.connect(self._read_page_counts)
        self._earlier_check_table.opened.connect(self.related_record_requested)

    def show_details(self, details: CreditCheckDetails) -> None:
        """Replace the contents of all tabs with the contents of `details`; the visible tab stays the same."""
        entries = [entry for entry in reversed(details.timeline) if not words.is_record_opened_entry(entry)]
        next_lines = make_planned_lines(details.record, self._context)
        if self._record_id != details.record.id:
            self._cancel_page_counting()
        self._record_id, self._document_rows = details.record.id, _make_document_rows(details, self._context)
        rows = self._show_and_return_document_rows()
        self._document_table.setFixedHeight(self._document_table.compute_height_for_rows(min(len(rows), 4)))
        self._compare_button.setVisible(len(details.documents) > 1)
        attempts = [entry for entry in entries if entry.what in _DOCUMENT_FETCH_AUDIT_ACTIONS]
        self._attempt_list.show_lines(
            [*next_lines, *(words.make_entry_timeline_line(entry, self._context) for entry in attempts)]
        )
        history = [record for record in details.history if record.id != details.record.id]
        self._earlier_check_list.show_rows(history)
        lines = [*next_lines, *(words.make_entry_timeline_line(entry, self._context) for entry in entries)]
        self.show_record(details, lines, [len(details.documents), len(history)])
        self._read_page_counts()

    def _show_and_return_document_rows(self) -> list[DocumentRow]:
        """Show the table of documents with the known numbers of pages; return its rows."""
        rows = [replace(row, page_count=self._page_counts.get(row.key)) for row in self._document_rows]
        self._document_table.show_rows(rows)
        return rows

    @Slot()
    def _read_page_counts(self) -> None:
        """Count the pages of the credit check's newest PDFs (at most five) in a child process. Do this only if the
        tab of documents is open and shows a PDF whose pages weren't counted yet, because the counting takes time."""
        record_id = self._record_id
        sha256s = {row.key for row in self._document_rows if row.document is not None}
        if self.current_tab_name != "documents" or record_id is None or sha256s <= self._requested_sha256s:
            return
        self._requested_sha256s = sha256s
        self._counting_task = self._context.run_read(
            lambda services: services.pdfs.count_pages(record_id),
            lambda counts: self._show_page_counts(record_id, counts),
            lambda _: self._forget_failed_page_count(record_id),  # the table shows no number of pages
            caller=self,
            key=self,
            pool_name="documents",
        )

    def _cancel_page_counting(self) -> None:
        """Discard the page counts of the previous record, and cancel the call that counts its pages."""
        self._page_counts, self._requested_sha256s = {}, set()
        if self._counting_task is not None:
            self._counting_task.cancel()
            self._counting_task = None

    def _forget_failed_page_count(self, record_id: int) -> None:
        """Mark the pages of this record's PDFs as not counted, because counting them has failed. They are counted
        when the record is read again. Do nothing if the tabs show another record by now."""
        if record_id == self._record_id:
            self._requested_sha256s = set()

    def _show_page_counts(self, record_id: int, counts: Mapping[str, int]) -> None:
        if record_id == self._record_id:
            self._page_counts = counts
            self._show_and_return_document_rows()

    @Slot()
    def request_comparison(self) -> None:
        """Emit `comparison_requested` for the stored PDF of the selected row, or for the newest one if no row with a
        PDF is selected."""
        row = self._document_table.current_item
        document = row.document if isinstance(row, DocumentRow) else None
        self.comparison_requested.emit("" if document is None else document.sha256)

    @Slot(object)
    def request_document(self, row: DocumentRow) -> None:
        """Emit `pdf_requested` for the stored PDF of `row`, or `missing_pdf_requested` if this row has none."""
        if row.document is not None:
            self.pdf_requested.emit(row.document.sha256)
        else:
            self.missing_pdf_requested.emit()


def _make_document_rows(details: CreditCheckDetails, context: WindowContext) -> list[DocumentRow]:
    record, language = details.record, context.language
    name = context.translate("record.paper.pdf")
    current_state = StateCell(context.translate("record.document.current"), "check", "good")
    older_state = StateCell(context.translate("record.document.older"), "two_sheets", "muted")
    rows = [
        DocumentRow(document.sha256, name, current_state if document.is_current else older_state, document)
        for document in details.documents
    ]
    if not any(document.is_current for document in details.documents):
        missing_state = StateCell(context.translate("record.document.missing_word"), "cross", "bad")
        state_without_pdf = (
            words.make_state_cell(f"work.{WorkState.NONE.value}", language)
            if record.state != "success"
            else missing_state
        )
        rows.insert(0, DocumentRow("", name, missing_state if record.state == "success" else state_without_pdf))
    return rows


def _make_document_table(context: WindowContext) -> StaticTable:
    """Return the empty table of documents; its rows are DocumentRow objects."""
    translate = context.translate

    def format_document(row: DocumentRow, column_key: str) -> str:
        """Return the text of one cell: the column `column_key` of the row; "" if the row has no PDF."""
        document = row.document
        if document is None:
            return ""
        text_makers = {
            "fetched": lambda: wording.format_instant(document.fetched_at)[:-4],
            "size": lambda: wording.format_bytes(document.bytes),
            "pages": lambda: "" if row.page_count is None else str(row.page_count),
            "sha256": lambda: wording.shorten_id(document.sha256),
        }
        return text_makers[column_key]()

    columns = [
        Column("document", translate("column.document"), 260, lambda row: row.name),
        Column("state", translate("column.state"), 140, lambda row: row.state, "state"),
        Column("fetched", translate("column.fetched"), 176, lambda row: format_document(row, "fetched"), "data"),
        Column("size", translate("column.size"), 96, lambda row: format_document(row, "size"), "amount"),
        Column("pages", translate("column.pages"), 80, lambda row: format_document(row, "pages"), "amount"),
        Column("sha256", translate("column.sha256"), 140, lambda row: format_document(row, "sha256"), "data"),
        Column(
            "source", translate("column.source"), 140, lambda _: words.CREDIT_CHECK_PROVIDER_NAME, is_stretched=True
        ),
    ]
    return StaticTable(context, columns, lambda row: row.key, translate("record.tab.documents"))
