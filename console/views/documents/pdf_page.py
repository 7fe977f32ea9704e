"""The page that shows a stored PDF, as images of its pages or as its text. A child process reads the PDF, so that
the window's own process never parses the file."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QStackedWidget, QWidget

from console.domain.documents.pdf_pages import PageImage, PageSearch, PageSearchMatch
from console.domain.error_reasons import UnusableAnswerReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.records import Document
from console.views.documents.pdf_text import PdfTextField, clean_pdf_text, find_text_matches
from console.views.documents.pdf_view import PdfPageView
from console.views.pages.base import Page
from console.views.printing.page_print import PagePrinter, make_pdf_file_stem
from console.views.printing.print_job import PRINT_KEY_HINT, PRINT_SHORTCUT
from console.views.runtime.announcer import announce, join_spoken_text
from console.views.runtime.context import Toast, WindowContext
from console.views.runtime.routes import CreditCheckRoute, PdfComparisonRoute, PdfRoute
from console.views.runtime.tasks import Failure, ProgressReporter, TaskHandle
from console.views.theme.design_tokens import tokens
from console.views.widgets.base import Surface, TextLabel, TitleLabel, make_row
from console.views.widgets.controls.action_row import ActionRow
from console.views.widgets.controls.buttons import IconButton, KeyButton
from console.views.widgets.controls.inputs import LineEdit
from console.views.widgets.layout.flow_layout import make_flow_widget
from console.views.widgets.window.save_file import ask_for_save_path

if TYPE_CHECKING:
    from console.app import Console
    from console.services.credit_checks.pdf import PdfDocument
    from console.services.exports.pdf_copies import SavedPdf

ReadResultT = TypeVar("ReadResultT")
_PAGE_ZOOMS_PERCENT = (50, 75, 100, 125, 150, 200, 300)
_DEFAULT_PAGE_ZOOM_INDEX = _PAGE_ZOOMS_PERCENT.index(100)
_FULL_SIZE_PAGE_WIDTH_PX = 760
_FIT_TO_WIDTH = "width"
"""Name of the way to fit a PDF page into the view by its width only."""
_FIT_TO_PAGE = "page"
"""Name of the way to fit a whole PDF page into the view."""
_PAGE_FIT_MODES = (_FIT_TO_WIDTH, _FIT_TO_PAGE)
_PAGE_FIT_MARGIN_PX = 52  # px of the view beside a page that fits: margins and scroll bar
_MIN_PAGE_WIDTH_PX = 120
_MIN_SEARCH_WIDTH_PX = 120
_MAX_SEARCH_WIDTH_PX = 220
_TOOL_GAP_PX = 4  # px between the buttons of one group of the toolbar
_MAX_SHOWN_TEXT_CHARACTERS = 1_000_000
"""Number of characters of a PDF's text after which the text of no further page is shown. The text of 500 pages with
2,000 characters is shown whole; a longer one would stop the window for seconds."""
_ZOOM_PREFERENCE_NAME = "pdf_zoom"
_PAGE_FIT_PREFERENCE_NAME = "pdf_fit"


class PdfPage(Page):
    """The page that shows one stored PDF. The T key switches between the images of its pages and its text, which a
    screen reader can read; the selected view also applies to the PDFs that are opened later. The child process
    that reads the PDF ends when the person opens another PDF or another page, or closes the window. It continues
    while the lock hides the page or the window is minimized.
    """

    sidebar_key = "lookup"
    help_key = "help.pdf"
    key_hints = (
        (("PgUp", "PgDown"), "key.pages"),
        (("T",), "key.pdf_text"),
        (("C",), "key.compare"),
        (("Ctrl+S",), "key.save_pdf"),
        PRINT_KEY_HINT,
        (("+", "-"), "key.zoom"),
        (("W", "H"), "key.fit"),
        (("R",), "key.rotate"),
        (("Ctrl+F",), "key.find"),
        (("Enter",), "key.next_hit"),
        (("Esc",), "key.back"),
    )

    def __init__(self, context: WindowContext) -> None:
        super().__init__(context)
        self.route = PdfRoute(0)
        self._pdf_document: PdfDocument | None = None
        self._render_task: TaskHandle | None = None
        self._has_left_page = False
        self.page_count = 0
        self.page_index = 0
        percent = context.preferences.get_number(
            _ZOOM_PREFERENCE_NAME, _PAGE_ZOOMS_PERCENT[0], _PAGE_ZOOMS_PERCENT[-1]
        )
        self._zoom_index = (
            _PAGE_ZOOMS_PERCENT.index(int(percent)) if percent in _PAGE_ZOOMS_PERCENT else _DEFAULT_PAGE_ZOOM_INDEX
        )
        self._page_fit = context.preferences.get_text(_PAGE_FIT_PREFERENCE_NAME, _PAGE_FIT_MODES) or ""
        self.quarter_turns = 0
        self._page_aspect_ratio = 2**0.5  # height by width of the visible page, as it is turned
        self._image_matches: tuple[PageSearchMatch, ...] = ()
        self._match_index = -1
        self._searched_text = ""
        self._text_matches: list[tuple[int, int]] = []
        self.shows_text = self._has_read_text = self._is_text_shown = False
        self.title = TitleLabel()
        self.page_position_label = TextLabel("", "body", "muted")
        self.zoom_label = TextLabel("", "body", "muted")
        self.match_position_label = TextLabel("", "small", "muted")
        self.page_view = PdfPageView(context.translate("pdf.page_image"))
        self.text_field = PdfTextField(context.translate("pdf.text_name"))
        self._view_stack = QStackedWidget()
        for view in (self.page_view, self.text_field):
            self._view_stack.addWidget(view)
        self.page_printer = PagePrinter(context, self)
        self._build_toolbar()
        self._connect_signals()

    def _build_toolbar(self) -> None:
        translate, margin = self.context.translate, tokens().px("spacing", "page_margin")
        self.back_button = KeyButton(translate("action.back"), "Esc", binds_key=False)
        self.previous_button = IconButton("arrow_up", translate("action.previous_page"))
        self.next_button = IconButton("arrow_down", translate("action.next_page"))
        self.zoom_out_button = self._make_icon_tool_button("minus", "action.zoom_out", "-")
        self.zoom_in_button = self._make_icon_tool_button("plus", "action.zoom_in", "+")
        self.fit_width_button = self._make_icon_tool_button("fit_width", "action.fit_width", "W")
        self.fit_page_button = self._make_icon_tool_button("fit_page", "action.fit_page", "H")
        self.rotate_button = self._make_icon_tool_button("rotate", "action.rotate", "R")
        self.text_button = self._make_text_tool_button("action.pdf_text", "T")
        self.save_button = self._make_text_tool_button("action.save_pdf", "Ctrl+S")
        self.print_button = self._make_text_tool_button("action.print", PRINT_SHORTCUT)
        self.compare_button = self._make_text_tool_button("action.compare", "C")
        self.search_field = LineEdit()
        self.search_field.setAccessibleName(translate("action.find"))
        self.search_field.setPlaceholderText(translate("action.find"))
        self.search_field.setMinimumWidth(_MIN_SEARCH_WIDTH_PX)
        self.search_field.setMaximumWidth(_MAX_SEARCH_WIDTH_PX)
        fit_tools = (self.fit_width_button, self.fit_page_button)
        self.image_tools = (self.zoom_out_button, self.zoom_in_button, *fit_tools, self.rotate_button)
        page_buttons = QWidget()
        page_buttons.setLayout(
            make_row(self.previous_button, self.page_position_label, self.next_button, gap_px=_TOOL_GAP_PX)
        )
        self.zoom_row = QWidget()
        zoom_out_button, *other_tools = self.image_tools
        self.zoom_row.setLayout(make_row(zoom_out_button, self.zoom_label, *other_tools, gap_px=_TOOL_GAP_PX))
        self.tools = (self.text_button, self.save_button, self.print_button, self.compare_button)
        self.tool_row = ActionRow(
            self.tools,
            (),
            (),
            menu_button_text=translate("action.more"),
            format_menu_text=lambda action, reason: translate("act.about", title=action, message=reason),
            opens_menu_below=True,
        )
        self.tool_row.menu_button.set_kind("tool")
        self.tool_row.menu_button.setAccessibleName(translate("action.more"))
        self.tool_row.menu_button.setToolTip(translate("action.more"))
        # With large text, a line has no room for the position of the match beside the field.
        search_group = make_flow_widget(self.search_field, self.match_position_label, gap_px=12)
        self.tool_line = make_row(
            page_buttons, self.zoom_row, self.tool_row, search_group, gap_px=12, margins=(margin, 8, margin, 8),
        )  # fmt: skip
        self.tool_line.setStretch(2, 1)
        head = Surface()
        self.view_description_label = TextLabel(translate("pdf.safe"), "body", "muted", wraps_lines=True)
        head_row = make_row(
            self.title, 8, self.view_description_label, self.back_button, gap_px=4, margins=(margin, 12, margin, 12)
        )
        head_row.setStretch(2, 1)
        head.setLayout(head_row)
        self.toolbar = Surface(is_raised=True, edge="bottom")
        self.toolbar.setLayout(self.tool_line)
        self.tool_row.offer_buttons(self.tools)
        self.add_content(head)
        self.add_content(self.toolbar)
        self.add_content(self._view_stack, 1)
        self.add_key_hints()

    def _make_icon_tool_button(self, icon_name: str, wording_key: str, key: str) -> IconButton:
        """Return a button of the toolbar with an icon, for an action on the images of the pages. The button's tooltip
        and accessible name contain the text of `wording_key` and the shortcut `key`, such as "Ctrl+F". The page
        handles the shortcut, not the button.
        """
        text = self.context.translate(wording_key)
        button = IconButton(icon_name, text, size_px=16)
        button.show_key(self.context.translate("tooltip.with_key", name=text, keys=key), key)
        return button

    def _make_text_tool_button(self, wording_key: str, key: str) -> KeyButton:
        """Return a button of the toolbar with the text of `wording_key`. The shortcut `key` is in the button's
        tooltip and in the menu, not on the button. The page handles the shortcut."""
        button = KeyButton(self.context.translate(wording_key), key, "tool", binds_key=False)
        button.set_key_shown(False)
        return button

    def _connect_signals(self) -> None:
        signal_handlers: list[tuple[object, Callable[[], object]]] = [
            (self.previous_button.clicked, self.show_previous_page),
            (self.next_button.clicked, self.show_next_page),
            (self.zoom_out_button.clicked, self.zoom_out),
            (self.zoom_in_button.clicked, self.zoom_in),
            (self.text_button.clicked, self.toggle_text_view),
            (self.compare_button.clicked, self._compare_versions),
            (self.save_button.clicked, self.ask_path_and_save_copy),
            (self.print_button.clicked, self.print_document),
            (self.fit_width_button.clicked, self.fit_page_width),
            (self.fit_page_button.clicked, self.fit_whole_page),
            (self.rotate_button.clicked, self.rotate_pages),
            (self.back_button.clicked, self._go_back),
            (self.search_field.returnPressed, self._search_text),
        ]
        for signal, handler in signal_handlers:
            signal.connect(handler)  # type: ignore[attr-defined]  # a Qt signal
        for keys, handler in (
            ("PgUp", self.show_previous_page),
            ("PgDown", self.show_next_page),
            ("T", self.toggle_text_view),
            ("C", self._compare_versions),
            ("Ctrl+S", self.ask_path_and_save_copy),
            (PRINT_SHORTCUT, self.print_document),
            ("W", self.fit_page_width),
            ("H", self.fit_whole_page),
            ("R", self.rotate_pages),
            ("+", self.zoom_in),
            ("-", self.zoom_out),
            ("Ctrl+F", self._focus_search_field),
            ("=", self.zoom_in),
        ):
            self.bind_shortcut(keys, handler)

    # -- which document

    def show_route(self, route: object) -> None:
        if not isinstance(route, PdfRoute):
            return
        self._has_left_page = False
        if route != self.route or self._pdf_document is None:
            self._close_document()
            self.route = route
            self.title.show_text(self.context.translate("pdf.title", id=route.record_id))
            self.set_page_name(self.title.plain)
            self.refresh("entered")

    def list_focus_targets(self) -> Sequence[QWidget | None]:
        return (self.text_field if self.shows_text else self.page_view,)

    def is_affected_by(self, changes: frozenset[tuple[str, int]]) -> bool:
        return False  # a stored PDF never changes

    def read_data(self, reason: str) -> None:
        route = self.route
        self.page_view.show_message(self.context.translate("pdf.reading"))

        def open_pdf(services: "Console") -> tuple["PdfDocument", int]:
            """Return the document and its number of pages."""
            pdf_document = services.pdfs.open_pages(route.record_id, route.sha256)
            return pdf_document, pdf_document.count_pages()

        self.context.run_read(
            open_pdf,
            lambda opened_pdf: self._show_document(route, *opened_pdf),
            lambda failure: self._show_opening_failure(route, failure),
            caller=self,
            key=self,
            pool_name="documents",  # also because the storage of the documents may be a share that doesn't answer
        )

    def _show_document(self, route: PdfRoute, pdf_document: "PdfDocument", count: int) -> None:
        if route != self.route or self._has_left_page:
            self._end_pdf_process(pdf_document)
            return
        self._close_document()
        self.mark_data_read()
        self._pdf_document, self.page_count, self.page_index = pdf_document, count, 0
        self._render_page()
        if self.shows_text:
            self._read_text()

    def _show_opening_failure(self, route: PdfRoute, failure: Failure) -> None:
        if route == self.route and not self._has_left_page:
            self._show_unreadable_pdf(failure)

    def _make_callback_for_shown_pdf(
        self, pdf_document: "PdfDocument", show_result: Callable[[ReadResultT], None]
    ) -> Callable[[ReadResultT], None]:
        """Return a function that calls `show_result` with its argument, but only if `pdf_document` is still the shown
        PDF. So a result about a PDF that was closed meanwhile isn't shown with another PDF."""

        def show_if_shown(result: ReadResultT) -> None:
            if pdf_document is self._pdf_document:
                show_result(result)

        return show_if_shown

    def _show_unreadable_pdf(self, failure: Failure) -> None:
        reason = failure.detail.get("reason")
        message = self.context.translate("pdf.unreadable", reason=reason)
        self.page_view.show_message(
            message if failure.code == ErrorCode.PROVIDER_ANSWER_UNUSABLE else self.context.format_failure(failure)
        )
        self.page_position_label.show_text("")
        self.text_field.show_message(self.page_view.message_text)
        announce(self, self.page_view.message_text, icon_name="cross", tone="bad")

    def _close_document(self) -> None:
        """End the child process that reads the shown PDF, and clear the matches of the search."""
        pdf_document, self._pdf_document = self._pdf_document, None
        self._image_matches, self._match_index, self.page_count, self.quarter_turns = (), -1, 0, 0
        self._text_matches, self._searched_text = [], ""
        self._has_read_text = self._is_text_shown = False
        self.text_field.show_message("")
        self.match_position_label.show_text("")
        if pdf_document is not None:
            self._end_pdf_process(pdf_document)

    def _end_pdf_process(self, pdf_document: "PdfDocument") -> None:
        # Not in the pool of the PDF's own calls: it would wait for them, and they end only with the child process.
        self.context.runner.run(pdf_document.close, lambda _: None, lambda _: None, caller=self.context)

    def clean_up_after_visit(self) -> None:
        self._has_left_page = True
        self._close_document()

    # -- text

    @Slot()
    def toggle_text_view(self) -> None:
        """Switch from the images of the PDF's pages to its text, or back, and stay at the same page."""
        self.shows_text = not self.shows_text
        translate = self.context.translate
        self._view_stack.setCurrentWidget(self.text_field if self.shows_text else self.page_view)
        self.text_button.show_text(translate("action.pdf_pages" if self.shows_text else "action.pdf_text"))
        self.view_description_label.show_text(translate("pdf.text_words" if self.shows_text else "pdf.safe"))
        announce(self.view_description_label, self.view_description_label.plain, is_stored=False)
        self.zoom_row.setVisible(not self.shows_text)
        self._image_matches, self._match_index, self._text_matches, self._searched_text = (), -1, [], ""
        self.match_position_label.show_text("")
        if self.shows_text and not self._has_read_text:
            self._read_text()
        elif self.shows_text:
            self.text_field.go_to_page(self.page_index)
        else:
            self.page_index = self.text_field.get_page_at_cursor()
            self._render_page()
        self.take_focus()

    def _read_text(self) -> None:
        """Let the child process read the text of the pages, up to _MAX_SHOWN_TEXT_CHARACTERS, then show the text. A
        page that can't be read has a sentence in place of its text."""
        pdf_document, count = self._pdf_document, self.page_count
        if pdf_document is None:
            return
        self._has_read_text = True
        self.text_field.show_message(self.context.translate("pdf.reading"))
        unreadable_text = self.context.translate("pdf.page_unreadable")

        def read_page_texts() -> list[str]:
            texts, character_count = list[str](), 0
            while len(texts) < count and character_count < _MAX_SHOWN_TEXT_CHARACTERS:
                try:
                    texts.append(pdf_document.read_page_text(len(texts)))
                except ConsoleError as error:
                    if error.detail.get("reason") != UnusableAnswerReason.PDF_UNREADABLE:
                        raise  # the next pages would take as long, or the PDF was closed
                    texts.append(unreadable_text)
                character_count += len(texts[-1])
            return texts

        self.context.runner.run(
            read_page_texts,
            self._make_callback_for_shown_pdf(pdf_document, self._show_text),
            self._make_callback_for_shown_pdf(pdf_document, self._show_unreadable_text),
            caller=self,
            pool_name="documents",
            is_cancellable=True,
        )

    def _show_text(self, texts: list[str]) -> None:
        """Show the text of the pages. If the person has searched in it while it was read, show the first match."""
        self._is_text_shown = True
        if not any(clean_pdf_text(text) for text in texts):
            self.text_field.show_message(self.context.translate("pdf.no_text"))
            announce(self.text_field, self.context.translate("pdf.no_text"), icon_name="square_bang", tone="care")
            return
        translate, count = self.context.translate, self.page_count
        headings = [translate("pdf.page", page=index + 1, count=count) for index in range(len(texts))]
        end_note = translate("pdf.text_cut", page=len(texts), count=count) if len(texts) < count else ""
        self.text_field.show_pages(headings, texts, end_note)
        self.text_field.go_to_page(self.page_index)
        search_text, self._searched_text = self._searched_text, ""
        if self.shows_text and search_text:
            self._search_in_text(search_text)

    def _show_unreadable_text(self, failure: Failure) -> None:
        """Show the message about the failed read in place of the text. From now on, a search searches the message, so
        that it isn't silent."""
        self._is_text_shown = True
        self._show_unreadable_pdf(failure)

    # -- pages

    def _render_page(self) -> None:
        """Let the child process render the current page of the PDF at the resolution of the screen, then show the
        image. An earlier call that still waits for the child process doesn't begin any more."""
        pdf_document, index = self._pdf_document, self.page_index
        if pdf_document is None:
            return
        self.page_position_label.show_text(self.context.translate("pdf.page", page=index + 1, count=self.page_count))
        width = self._compute_shown_width_px()
        percent = round(100 * width / _FULL_SIZE_PAGE_WIDTH_PX)
        self.zoom_label.show_text(self.context.translate("menu.percent", percent=percent))
        is_turned = self.quarter_turns % 2 == 1
        # A page that lies on its side is as wide as the unturned page is high.
        width_dots = round((width * self._page_aspect_ratio if is_turned else width) * self.devicePixelRatioF())
        self.previous_button.setEnabled(index > 0)
        self.next_button.setEnabled(index < self.page_count - 1)
        if self._render_task is not None:
            self._render_task.cancel()
        self._render_task = self.context.runner.run(
            lambda: pdf_document.render_page(index, width_dots),
            self._make_callback_for_shown_pdf(pdf_document, partial(self._show_page_image, index)),
            self._make_callback_for_shown_pdf(pdf_document, self._show_unreadable_pdf),
            caller=self,
            pool_name="documents",
            is_cancellable=True,
        )

    def _compute_shown_width_px(self) -> int:
        """Return the width of the page on the screen in px. It is computed from the selected zoom or, if the page is
        fitted to the view, from the view's width, or width and height."""
        view = self.page_view.viewport()
        available_width_px = self.page_view.width() - _PAGE_FIT_MARGIN_PX
        if self._page_fit == _FIT_TO_PAGE:
            available_width_px = min(
                available_width_px, round((max(view.height(), 1) - _PAGE_FIT_MARGIN_PX) / self._page_aspect_ratio)
            )
        elif self._page_fit != _FIT_TO_WIDTH:
            return round(_FULL_SIZE_PAGE_WIDTH_PX * _PAGE_ZOOMS_PERCENT[self._zoom_index] / 100)
        return max(available_width_px, _MIN_PAGE_WIDTH_PX)

    def _show_page_image(self, index: int, image: PageImage) -> None:
        """Show the rendered page with the index `index` (from 0) and with the matches of the search on it. Do nothing
        if another page is shown by now."""
        if index == self.page_index:
            aspect = image.height_px / image.width_px
            shown_aspect = 1 / aspect if self.quarter_turns % 2 else aspect
            has_other_form = abs(shown_aspect - self._page_aspect_ratio) > 0.01
            self._page_aspect_ratio = shown_aspect
            width = self._compute_shown_width_px()
            if has_other_form and (self._page_fit or self.quarter_turns % 2):
                self._render_page()  # at the resolution of its true width
            current_hit = (
                self._image_matches[self._match_index] if 0 <= self._match_index < len(self._image_matches) else None
            )
            boxes = [box for hit in self._image_matches if hit.page_index == index for box in hit.boxes]
            current_boxes = (
                list(current_hit.boxes) if current_hit is not None and current_hit.page_index == index else []
            )
            name = self.context.translate("pdf.page", page=index + 1, count=self.page_count)
            self.page_view.show_page(image, width, boxes, current_boxes, name, self.quarter_turns)

    def _turn_pages(self, offset: int) -> None:
        """Show the page `offset` pages after the shown one; do nothing if the PDF has no such page."""
        index = self.page_index + offset
        if 0 <= index < self.page_count:
            self.page_index = index
            self.page_view.scroll_to_top()
            self.text_field.go_to_page(index)
            self._render_page()
            announce(self.page_position_label, self.page_position_label.plain, is_stored=False)

    @Slot()
    def show_next_page(self) -> None:
        self._turn_pages(1)

    @Slot()
    def show_previous_page(self) -> None:
        self._turn_pages(-1)

    @Slot()
    def zoom_in(self) -> None:
        self._change_zoom(1)

    @Slot()
    def zoom_out(self) -> None:
        self._change_zoom(-1)

    def _change_zoom(self, offset: int) -> None:
        """Show the next larger (`offset` 1) or smaller (−1) zoom and store it as the person's preference. If the
        page was fitted to the view, use the nearest zoom in this direction."""
        if self._page_fit:
            percent = 100 * self._compute_shown_width_px() / _FULL_SIZE_PAGE_WIDTH_PX
            zoom_indexes = [
                zoom_index for zoom_index, zoom in enumerate(_PAGE_ZOOMS_PERCENT) if (zoom - percent) * offset > 0
            ]
            self._zoom_index = (
                (zoom_indexes[0] if offset > 0 else zoom_indexes[-1]) if zoom_indexes else self._zoom_index
            )
        else:
            self._zoom_index = min(max(self._zoom_index + offset, 0), len(_PAGE_ZOOMS_PERCENT) - 1)
        self._store_and_apply_fit_mode("")

    @Slot()
    def fit_page_width(self) -> None:
        self._store_and_apply_fit_mode(_FIT_TO_WIDTH)

    @Slot()
    def fit_whole_page(self) -> None:
        self._store_and_apply_fit_mode(_FIT_TO_PAGE)

    def _store_and_apply_fit_mode(self, fit_mode: str) -> None:
        """Store the mode by which the page is fitted to the view ("" for a fixed zoom) as a preference, and show the
        page in this mode.
        """
        self._page_fit = fit_mode
        self.context.preferences.store(_PAGE_FIT_PREFERENCE_NAME, fit_mode or None)
        self.context.preferences.store(_ZOOM_PREFERENCE_NAME, _PAGE_ZOOMS_PERCENT[self._zoom_index])
        self._render_page()
        announce(self.zoom_label, self.zoom_label.plain, is_stored=False)

    @Slot()
    def rotate_pages(self) -> None:
        """Rotate the pages clockwise by 90 degrees. The rotation ends when another PDF is opened."""
        self.quarter_turns = (self.quarter_turns + 1) % 4
        self._page_aspect_ratio = 1 / self._page_aspect_ratio
        self._render_page()
        sentence = self.context.translate("pdf.rotated", degrees=90 * self.quarter_turns)
        announce(self.page_view, sentence, is_stored=False)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._page_fit and self.page_view.has_page:
            self._render_page()

    # -- search

    @Slot()
    def _focus_search_field(self) -> None:
        self.search_field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search_field.selectAll()

    @Slot()
    def _search_text(self) -> None:
        """Search the PDF for the text that the person has typed and show the first match. If the last search was for
        the same text, show the next match."""
        search_text, pdf_document = self.search_field.text().strip(), self._pdf_document
        if not search_text or pdf_document is None:
            return
        if self.shows_text:
            self._search_in_text(search_text)
            return
        if self._image_matches and search_text == self._searched_text:
            self._show_match(self._match_index + 1)
            return
        self._searched_text, self._image_matches, self._match_index = search_text, (), -1
        self.match_position_label.show_text("")
        self.context.runner.run(
            lambda: pdf_document.search(search_text),
            self._make_callback_for_shown_pdf(pdf_document, partial(self._show_matches, search_text)),
            self._make_callback_for_shown_pdf(pdf_document, self._show_unreadable_pdf),
            caller=self,
            pool_name="documents",
            is_cancellable=True,
        )

    def _search_in_text(self, search_text: str) -> None:
        """Search the PDF's text for `search_text` and select the first match, or the next match if the last search
        was for the same text. While the text isn't shown yet, only store `search_text`."""
        if not self._is_text_shown:
            self._searched_text = search_text
            return
        if search_text != self._searched_text:
            self._searched_text, self._match_index = search_text, -1
            self._text_matches = find_text_matches(self.text_field.toPlainText(), search_text)
        if not self._text_matches:
            self._show_match_position(self.context.translate("pdf.none_found"))
            return
        self._match_index = (self._match_index + 1) % len(self._text_matches)
        self.text_field.select_match(self._text_matches[self._match_index])
        self.page_index = self.text_field.get_page_at_cursor()
        line = self.text_field.textCursor().block().text().strip()
        self._show_match_position(self._format_match_position(len(self._text_matches)), line)

    def _format_match_position(self, match_count: int) -> str:
        return self.context.translate("queue.position", position=self._match_index + 1, total=match_count)

    def _show_match_position(self, position_text: str, line: str = "") -> None:
        """Show `position_text`, which contains the number of the current match or says that there is none. Also
        announce it to the screen reader, together with `line`, the line of text that contains the match."""
        self.match_position_label.show_text(position_text)
        announce(self.match_position_label, join_spoken_text(position_text, line), is_stored=False)

    def _show_matches(self, search_text: str, search: PageSearch) -> None:
        """Show the first match of `search_text`. Do nothing if the person has searched for another text or has
        switched to the text of the PDF since then."""
        if self.shows_text or search_text != self._searched_text:
            return
        self._image_matches = search.matches
        if search.matches:
            self._show_match(0)
        else:
            self._show_match_position(self.context.translate("pdf.none_found"))
            self._render_page()
        if search.unreadable_page_count:
            sentence = self.context.translate("pdf.unsearched", n=search.unreadable_page_count)
            self.context.show_toast(
                sentence, "", "square_bang", "care", subject_title=self._format_record_title(self.route.record_id)
            )

    def _show_match(self, match_index: int) -> None:
        """Show the page with a match of the search, and mark the match as the current one. `match_index` is the
        index (from 0) of the match; after the last match comes the first one."""
        if self._image_matches:
            self._match_index = match_index % len(self._image_matches)
            self.page_index = self._image_matches[self._match_index].page_index
            self._show_match_position(self._format_match_position(len(self._image_matches)))
        self._render_page()

    @Slot()
    def _compare_versions(self) -> None:
        """Open the page that compares the shown PDF with the newest version; if the shown PDF is the newest version,
        with the version before it. If only one version is stored, show a toast.
        """
        route = self.route
        self.context.run_read(
            lambda services: services.pdfs.list_versions(route.record_id),
            partial(self._open_comparison, route),
            partial(self._show_failed_comparison, route),
            caller=self,
            key=(self, "versions"),
        )

    def _show_failed_comparison(self, route: PdfRoute, failure: Failure) -> None:
        """Show the reason why the versions of the PDF of `route` could not be read, unless the person has opened
        another PDF meanwhile."""
        if route == self.route:
            self.show_reading_failure(failure)

    def _open_comparison(self, route: PdfRoute, versions: tuple[Document, ...]) -> None:
        """Open the page that compares the PDF of `route` with another version, as `_compare_versions` describes it;
        show a toast if `versions`, the stored versions from the newest on, has only one. Do nothing if the person has
        left the page or opened another PDF meanwhile.
        """
        if route != self.route or not self.isVisible():
            return
        if len(versions) < 2:
            sentence = self.context.translate("compare.one_version")
            self.context.show_toast(
                sentence, "", "square_bang", "muted", subject_title=self._format_record_title(route.record_id)
            )
            return
        older_version = None if route.sha256 in (None, versions[0].sha256) else route.sha256
        self.context.navigate(PdfComparisonRoute(route.record_id, older_version))

    # -- a copy

    @Slot()
    def print_document(self) -> None:
        """Open the dialog in which the person selects a printer, and print the shown PDF."""
        self.page_printer.print_pdf(self.route.record_id, self.route.sha256)

    @Slot()
    def ask_path_and_save_copy(self) -> None:
        """Open the dialog in which the person selects the path for a copy of the shown PDF, then write the copy."""
        name = f"{make_pdf_file_stem(self.route.record_id)}.pdf"
        save_copy = partial(self._save_copy, self.route)  # another PDF may be shown when the path has been chosen
        ask_for_save_path(self, self.context.translate("action.save_pdf"), "pdf", save_copy, name)

    def _save_copy(self, route: PdfRoute, path: str) -> None:
        """Save a copy of the PDF of `route` to a new file at `path`, then show a toast with the file's name."""
        context, acting_person = self.context, self.context.operator

        def save_copy(report_progress: ProgressReporter) -> "SavedPdf":
            def save_with_services(services: "Console") -> "SavedPdf":
                return services.pdf_copy_writer.save(route.record_id, Path(path), route.sha256)

            return context.bind_services(save_with_services, acting_person)()

        label = context.translate("action.save_pdf")
        context.runner.run_with_progress(
            save_copy,
            partial(self._show_saved_toast, route.record_id),
            partial(self._show_save_failure, route.record_id),
            lambda _: None,
            caller=context,  # the page may be closed or built again before the file is written
            label=label,
            pool_name="long",
        )

    def _show_saved_toast(self, record_id: int, saved_pdf: "SavedPdf") -> None:
        sentence = self.context.translate("pdf.saved", file=Path(saved_pdf.file).name, size=saved_pdf.bytes)
        route, subject_title = CreditCheckRoute(record_id), self._format_record_title(record_id)
        self.context.toast_requested.emit(
            Toast(sentence, saved_pdf.file, route=route, path=saved_pdf.file, subject_title=subject_title)
        )

    def _show_save_failure(self, record_id: int, failure: Failure) -> None:
        sentence, message = self.context.translate("act.refused"), self.context.format_failure(failure)
        self.context.show_toast(
            sentence, message, "square_bang", "bad", subject_title=self._format_record_title(record_id)
        )

    def _format_record_title(self, record_id: int) -> str:
        """Return the title of the credit check to which a PDF belongs."""
        return self.context.translate("record.title", id=record_id)

    @Slot()
    def _go_back(self) -> None:
        self.context.back_requested.emit()
