"""The page that shows two versions of a stored PDF side by side, marks their differences, and lists the
differences."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QSplitter, QWidget

from console.domain.documents.comparison import DIFFERENCE_SIGNS, DifferenceKind, DocumentComparison, PageDifference
from console.domain.documents.pdf_pages import PageImage
from console.domain.errors import ErrorCode
from console.domain.records import Document
from console.views.documents.pdf_view import PdfPageMark, PdfPageView
from console.views.pages.base import Page
from console.views.pages.static_table import StaticTable, TableOrEmptyState
from console.views.runtime.announcer import announce
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import PdfComparisonRoute
from console.views.runtime.tasks import Cancelled, Failure, ProgressReporter, TaskHandle
from console.views.tables.columns import Column
from console.views.theme.design_tokens import Tone, tokens
from console.views.widgets.base import Surface, TextLabel, TitleLabel, make_column, make_row
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.display.placeholders import EmptyState
from console.wording import documents as document_words
from console.wording.sentences import catalogue as wording

if TYPE_CHECKING:
    from console.app import Console
    from console.services.credit_checks.pdf import PdfComparison

_MIN_PAGE_WIDTH_PX = 240  # px
_PAGE_MARGINS_WIDTH_PX = 60  # px beside a page, with its scroll bar


@dataclass(frozen=True, slots=True)
class _DifferenceRow:
    """One row in the list of differences: a difference, and its number counted from 1."""

    difference_number: int
    difference: PageDifference


class PdfComparisonPage(Page):
    """The page that compares two versions of a credit check's PDF. Each mark has a colour and a sign: + for words
    only in the new version, − for words only in the old version, ≠ for replaced words. The arrow keys select a
    difference in the list. The keys N and B select the next or the previous difference from anywhere on the page.
    Both PDFs then show the page with the selected difference. When the person leaves the page, the child processes
    that read the PDFs end.
    """

    sidebar_key = "lookup"
    help_key = "help.compare"
    key_hints = (
        (("↓", "↑"), "key.move"),
        (("N", "B"), "key.difference"),
        (("PgUp", "PgDown"), "key.pages"),
        (("Esc",), "key.back"),
    )

    def __init__(self, context: WindowContext) -> None:
        super().__init__(context)
        translate, margin = context.translate, tokens().px("spacing", "page_margin")
        self.route = PdfComparisonRoute(0)
        self._pdf_pair: PdfComparison | None = None
        self._has_left_page = False
        self._comparison: DocumentComparison | None = None
        self._render_task_by_side: dict[str, TaskHandle] = {}
        self._cancelled = threading.Event()
        self.page_index = 0
        self.title = TitleLabel()
        self.summary_label = TextLabel("", "body", "muted", wraps_lines=True)
        self.page_position_label = TextLabel("", "body", "muted")
        self.back_button = KeyButton(translate("action.back"), "Esc", binds_key=False)
        self.old_version_label, self.new_version_label = (
            TextLabel("", "small", "muted", wraps_lines=True) for _ in range(2)
        )
        self.old_view = PdfPageView(translate("compare.old"))
        self.new_view = PdfPageView(translate("compare.new"))
        self.difference_table = StaticTable(
            context, _make_difference_columns(context), lambda row: row.difference_number, translate("compare.list")
        )
        self._table_or_empty_state = TableOrEmptyState(
            self.difference_table, EmptyState(translate("compare.empty"), icon_name="check")
        )
        head = Surface(edge="bottom")
        first_line = make_row(self.title, None, self.page_position_label, self.back_button, gap_px=8)
        line = make_column(first_line, self.summary_label, gap_px=4, margins=(margin, 12, margin, 12))
        head.setLayout(line)
        version_panels = QSplitter(Qt.Orientation.Horizontal)
        for version_label, view in ((self.old_version_label, self.old_view), (self.new_version_label, self.new_view)):
            side = QWidget()
            side_layout = make_column(make_row(version_label, margins=(margin, 4, 8, 4)), gap_px=0)
            side_layout.addWidget(view, 1)
            side.setLayout(side_layout)
            version_panels.addWidget(side)
        version_panels.setChildrenCollapsible(False)
        self._table_or_empty_state.setMinimumHeight(140)
        self.add_content(head)
        self.add_content(version_panels, 3)
        self.add_content(self._table_or_empty_state, 1)
        self.add_key_hints()
        self.back_button.clicked.connect(self._go_back)
        self.difference_table.current_changed.connect(self._show_current_difference)
        self.difference_table.rows.page_applied.connect(self._select_first_difference)
        for keys, act in (
            ("N", partial(self.select_difference_by_step, 1)),
            ("B", partial(self.select_difference_by_step, -1)),
            ("PgDown", partial(self._turn_pages, 1)),
            ("PgUp", partial(self._turn_pages, -1)),
        ):
            self.bind_shortcut(keys, act)

    # -- which documents

    def show_route(self, route: object) -> None:
        if not isinstance(route, PdfComparisonRoute):
            return
        self._has_left_page = False
        if route != self.route or self._pdf_pair is None:
            self._close_documents()
            self.route = route
            self.title.show_text(self.context.translate("compare.title", id=route.record_id))
            self.set_page_name(self.title.plain)
            self.refresh("entered")

    def list_focus_targets(self) -> Sequence[QWidget | None]:
        return self.difference_table, self.new_view

    def is_affected_by(self, changes: frozenset[tuple[str, int]]) -> bool:
        return False  # stored PDFs never change

    def read_data(self, reason: str) -> None:
        route = self.route
        for view in (self.old_view, self.new_view):
            view.show_message(self.context.translate("pdf.reading"))

        def open_both_pdfs(services: "Console") -> "tuple[PdfComparison, tuple[Document, ...]]":
            versions = services.pdfs.list_versions(route.record_id)
            return services.pdfs.open_comparison(route.record_id, route.old_sha256, route.new_sha256), versions

        self.context.run_read(
            open_both_pdfs,
            lambda opened: self._show_opened_pdfs(route, *opened),
            lambda failure: self._show_opening_failure(route, failure),
            caller=self,
            key=self,
            pool_name="documents",
        )

    def _show_opened_pdfs(
        self, route: PdfComparisonRoute, pdf_pair: "PdfComparison", versions: tuple[Document, ...]
    ) -> None:
        """Show which two versions were opened, and begin to compare them; their pages are shown after the comparison.
        `versions` are all stored versions of the PDF, the newest first; the labels above the PDFs name the two
        compared ones. If the person has opened another page meanwhile, only close the PDFs.
        """
        if route != self.route or self._has_left_page:
            self._end_pdf_processes(pdf_pair)
            return
        self._close_documents()
        self.mark_data_read()
        self._pdf_pair, self.page_index = pdf_pair, 0
        new_version = next((version for version in versions if version.sha256 == route.new_sha256), versions[0])
        older = versions[versions.index(new_version) + 1 :]
        old_version = next(
            (version for version in versions if version.sha256 == route.old_sha256),
            older[0] if older else new_version,
        )
        for label, key, version in (
            (self.old_version_label, "old", old_version),
            (self.new_version_label, "new", new_version),
        ):
            facts = {"at": version.fetched_at, "sha256": wording.shorten_id(version.sha256)}
            label.show_text(self.context.translate(f"compare.{key}.version", **facts))
        self._compare_versions(pdf_pair)

    def _show_opening_failure(self, route: PdfComparisonRoute, failure: Failure) -> None:
        if route == self.route and not self._has_left_page:
            self._show_unreadable_pdfs(failure)

    def _compare_versions(self, pdf_pair: "PdfComparison") -> None:
        cancelled = self._cancelled = threading.Event()

        def compare_pdfs(report_progress: ProgressReporter) -> DocumentComparison:
            def report_compared_pages(page: int, page_count: int) -> None:
                if cancelled.is_set() or report_progress.is_cancelled:
                    raise Cancelled
                report_progress((page, page_count))

            return pdf_pair.compare(report_compared_pages)

        self.context.runner.run_with_progress(
            compare_pdfs,
            partial(self._show_comparison, pdf_pair),
            partial(self._show_comparison_failure, pdf_pair),
            partial(self._show_progress, pdf_pair),
            caller=self,
            label=self.title.plain,
            pool_name="long",
        )

    def _show_progress(self, pdf_pair: "PdfComparison", pages: tuple[int, int]) -> None:
        """Show the progress of the comparison of `pdf_pair`, if the page still shows this pair. `pages` is a pair:
        the index (from 0) of the page that is being compared, and the number of pages."""
        if pdf_pair is not self._pdf_pair:
            return
        page, count = pages
        self.summary_label.show_text(self.context.translate("progress.compare", page=page + 1, pages=count))

    def _show_comparison(self, pdf_pair: "PdfComparison", comparison: DocumentComparison) -> None:
        if pdf_pair is not self._pdf_pair:
            return
        self._comparison = comparison
        self.summary_label.show_text(
            " ".join(document_words.format_comparison_summary_lines(comparison, self.context.language))
        )
        announce(self.summary_label, self.summary_label.plain, is_stored=False)
        self._table_or_empty_state.show_rows(
            [_DifferenceRow(number, item) for number, item in enumerate(comparison.differences, 1)]
        )
        self._render_pages()
        self.restore_focus()

    def _show_comparison_failure(self, pdf_pair: "PdfComparison", failure: Failure) -> None:
        if pdf_pair is self._pdf_pair and failure.code != "cancelled":
            self._show_unreadable_pdfs(failure)

    def _show_unreadable_pdfs(self, failure: Failure) -> None:
        message = self.context.translate("pdf.unreadable", reason=failure.detail.get("reason"))
        if failure.code != ErrorCode.PROVIDER_ANSWER_UNUSABLE:
            message = self.context.format_failure(failure)
        for view in (self.old_view, self.new_view):
            view.show_message(message)
        self.summary_label.show_text(message)
        announce(self, message, icon_name="cross", tone="bad")

    def clean_up_after_visit(self) -> None:
        self._has_left_page = True
        self._close_documents()

    def _close_documents(self) -> None:
        """Cancel the comparison and the rendering of pages, end the child processes that read the PDFs, and clear the
        list of differences."""
        pdf_pair, self._pdf_pair = self._pdf_pair, None
        while self._render_task_by_side:  # a page of these PDFs, or its failure, would be shown with the next ones
            self._render_task_by_side.popitem()[1].cancel()
        self._cancelled.set()
        self._comparison = None
        self._table_or_empty_state.show_rows(())
        self.summary_label.show_text("")
        if pdf_pair is not None:
            self._end_pdf_processes(pdf_pair)

    def _end_pdf_processes(self, pdf_pair: "PdfComparison") -> None:
        self.context.runner.run(pdf_pair.close, lambda _: None, lambda _: None, caller=self.context)

    # -- differences

    @property
    def current_difference(self) -> PageDifference | None:
        """The selected difference in the list; None if no row is selected."""
        row = self.difference_table.current_item
        return row.difference if isinstance(row, _DifferenceRow) else None

    def select_difference_by_step(self, offset: int) -> None:
        """Select the difference that is `offset` rows below the selected one in the list; −1 selects the previous
        difference. Beyond an end of the list, select its first or last difference; do nothing if the list is empty.
        """
        rows = self.difference_table.all_rows
        if rows:
            self.difference_table.go_to_row(min(max(self.difference_table.current_row + offset, 0), len(rows) - 1))

    @Slot()
    def _select_first_difference(self) -> None:
        if self.difference_table.current_item is None:
            self.difference_table.go_to_first_row()

    @Slot()
    def _show_current_difference(self) -> None:
        difference = self.current_difference
        if difference is not None:
            self.page_index = difference.page_index
            self._render_pages()
            announce(
                self.difference_table,
                document_words.format_page_difference_line(difference, self.context.language),
                is_stored=False,
            )

    def _turn_pages(self, offset: int) -> None:
        """In both PDFs, show the page `offset` pages after the shown one, but at least the first page, and at most
        the last page of the longer PDF."""
        comparison = self._comparison
        if comparison is not None:
            last = max(comparison.old_page_count, comparison.new_page_count) - 1
            self.page_index = min(max(self.page_index + offset, 0), last)
            self._render_pages()
            announce(self.page_position_label, self.page_position_label.plain, is_stored=False)

    def _render_pages(self) -> None:
        """Let the child processes render the page at `page_index` of both PDFs, and show the two images. Earlier
        calls that still wait for a child process don't begin any more."""
        pdf_pair, comparison, index = self._pdf_pair, self._comparison, self.page_index
        if pdf_pair is None or comparison is None:
            return
        count = max(comparison.old_page_count, comparison.new_page_count)
        self.page_position_label.show_text(self.context.translate("pdf.page", page=index + 1, count=count))
        pages_to_render = (
            (self.old_view, pdf_pair.old_pdf, comparison.old_page_count, "old"),
            (self.new_view, pdf_pair.new_pdf, comparison.new_page_count, "new"),
        )
        for view, document, pages, side in pages_to_render:
            if side in self._render_task_by_side:
                self._render_task_by_side.pop(side).cancel()
            if index >= pages:
                view.show_message(self.context.translate(f"compare.no_page.{side}"))
                continue
            width = max(view.width() - _PAGE_MARGINS_WIDTH_PX, _MIN_PAGE_WIDTH_PX)
            self._render_task_by_side[side] = self.context.runner.run(
                partial(document.render_page, index, round(width * self.devicePixelRatioF())),
                partial(self._show_page_image, view, side, index, width),
                partial(self._show_page_failure, view),
                caller=self,
                pool_name="documents",
                is_cancellable=True,
            )

    def _show_page_image(self, view: PdfPageView, side: str, index: int, width_px: int, image: PageImage) -> None:
        """Show the rendered page with the marks of its differences in `view`. `side` is "old" or "new", `index` is
        the index (from 0) of the page. Do nothing if another page is shown by now."""
        comparison = self._comparison
        if comparison is None or index != self.page_index:
            return
        current_difference = self.current_difference
        marks = [
            PdfPageMark(
                box, DIFFERENCE_SIGNS[item.kind], _TONE_BY_DIFFERENCE_KIND[item.kind], item is current_difference
            )
            for item in comparison.differences
            if item.page_index == index
            for box in (item.old_boxes if side == "old" else item.new_boxes)
        ]
        spoken_name = self.context.translate(f"compare.{side}")
        view.show_marked_page(image, width_px, marks, f"{spoken_name}. {self.page_position_label.plain}")

    def _show_page_failure(self, view: PdfPageView, failure: Failure) -> None:
        view.show_message(self.context.translate("pdf.unreadable", reason=failure.detail.get("reason")))

    @Slot()
    def _go_back(self) -> None:
        self.context.back_requested.emit()


_TONE_BY_DIFFERENCE_KIND: dict[DifferenceKind, Tone] = {
    DifferenceKind.ADDED: "good",
    DifferenceKind.REMOVED: "bad",
    DifferenceKind.CHANGED: "care",
}
"""The tone of the marks on the pages, by the kind of the difference. Differences of a kind without an entry have no
marks."""


def _make_difference_columns(context: WindowContext) -> Sequence[Column]:
    translate, language = context.translate, context.language

    def format_text(row: _DifferenceRow) -> str:
        return document_words.format_page_difference(row.difference, language)

    return [
        Column("sign", translate("compare.column.sign"), 60, lambda row: DIFFERENCE_SIGNS[row.difference.kind]),
        Column(
            "page", translate("compare.column.page"), 80, lambda row: str(row.difference.page_index + 1), "amount"
        ),
        Column("text", translate("compare.column.text"), 500, format_text, is_stretched=True),
    ]
