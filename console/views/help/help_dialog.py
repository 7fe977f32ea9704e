"""The help dialog: the purpose of the visible page, and the meaning of the terms on the screens."""

from collections.abc import Iterator

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QAbstractButton, QLabel, QTableView, QWidget

from console.views.frame.main_window import WindowFrame
from console.views.pages.base import Page
from console.views.pages.static_table import StaticTable, TableOrEmptyState
from console.views.runtime.context import WindowContext
from console.views.tables.columns import Column, RowGroup
from console.views.theme.theme import current_appearance
from console.views.widgets.base import TextLabel, make_column
from console.views.widgets.controls.inputs import LineEdit
from console.views.widgets.display.badge import Badge
from console.views.widgets.display.placeholders import EmptyState
from console.views.widgets.window.dialog import DialogFrame
from console.wording.sentences.terms import Term, is_term_in_text, list_terms

_VISIBLE_TERM_ROWS = 8
_MAX_SEARCHED_TABLE_ROWS = 50
"""Number of rows of a table whose text is searched for terms; more than a window can show."""


class HelpDialog(DialogFrame):
    """The dialog that explains the page and the terms; the terms that the page shows come first. The person can
    search the terms; below the list is the meaning of the selected term."""

    is_wide = True

    def __init__(self, context: WindowContext, page_purpose: str, page_text: str, parent: QWidget) -> None:
        """`page_purpose` is the text about the purpose of the page; `page_text` is all text that the page shows, in
        which the dialog looks for terms."""
        translate = context.translate
        super().__init__(
            translate("screen.help"),
            cancel_text=translate("action.close"),
            close_name=translate("action.close"),
            parent=parent,
        )
        terms = list_terms(context.language)
        self._shown_terms = [term for term in terms if is_term_in_text(term, page_text, context.language)]
        self._other_terms = [term for term in terms if term not in self._shown_terms]
        self._heading_of_shown_terms, self._heading_of_other_terms = translate("help.here"), translate("help.words")
        self.search_field = LineEdit()
        self.search_field.setPlaceholderText(translate("help.find"))
        self.search_field.setAccessibleName(translate("help.find"))
        self.table = StaticTable(
            context,
            _make_term_columns(context),
            lambda term: term.name,
            translate("help.words"),
            margin_px=12,
            get_group=self._make_row_group,
        )
        self._term_list = TableOrEmptyState(self.table, EmptyState(translate("help.none")))
        self._term_list.setFixedHeight(self.table.compute_dialog_list_height(_VISIBLE_TERM_ROWS))
        self.meaning_label = TextLabel("", wraps_lines=True, is_selectable=True)
        self.meaning_label.setMinimumHeight(2 * current_appearance().line_height("body"))
        content = QWidget()
        content.setLayout(
            make_column(
                TextLabel(page_purpose, wraps_lines=True),
                self.search_field,
                self._term_list,
                self.meaning_label,
                gap_px=8,
            )
        )
        self.show_content(content)
        self.search_field.textChanged.connect(self._show_matching_terms)
        self.table.current_changed.connect(self._show_term_meaning)
        self.table.rows.page_applied.connect(self._select_first_term)
        self._show_matching_terms()

    def find_first_focus(self) -> QWidget:
        return self.search_field

    def _make_row_group(self, term: Term) -> RowGroup:
        is_shown = term in self._shown_terms
        return RowGroup(is_shown, self._heading_of_shown_terms if is_shown else self._heading_of_other_terms)

    @Slot()
    def _show_matching_terms(self) -> None:
        search_text = self.search_field.text().strip().casefold()
        matches = [
            term
            for term in (*self._shown_terms, *self._other_terms)
            if search_text in term.word.casefold() or search_text in term.meaning.casefold()
        ]
        self._term_list.show_rows(matches)
        self._show_term_meaning()

    @Slot()
    def _select_first_term(self) -> None:
        if self.table.current_item is None:
            self.table.go_to_first_row()
        self._show_term_meaning()

    @Slot()
    def _show_term_meaning(self) -> None:
        term = self.table.current_item
        self.meaning_label.show_text(f"{term.word}: {term.meaning}" if isinstance(term, Term) else "")


def _make_term_columns(context: WindowContext) -> list[Column]:
    return [
        Column("word", context.translate("help.word"), 200, lambda term: term.word),
        Column("meaning", context.translate("help.meaning"), 480, lambda term: term.meaning, is_stretched=True),
    ]


def open_help_dialog(frame: WindowFrame, page: Page | None) -> HelpDialog:
    """Open the help of `page` over the window, and return the dialog. If `page` is None, open the help of the home
    page."""
    page_purpose = frame.context.translate(page.help_key if page else "help.home")
    dialog = HelpDialog(frame.context, page_purpose, "\n".join(_list_visible_texts(frame.window)), frame.window)
    dialog.open()
    return dialog


def _list_visible_texts(window: QWidget) -> Iterator[str]:
    """Yield the text of the visible labels, badges, buttons and tables of a window."""
    for widget in window.findChildren(QWidget):
        if not widget.isVisible():
            continue
        if isinstance(widget, TextLabel):
            yield widget.plain
        elif isinstance(widget, QLabel | QAbstractButton):
            yield widget.text()
        elif isinstance(widget, Badge):
            yield widget.accessibleName()
        elif isinstance(widget, QTableView):
            yield from _list_table_texts(widget)


def _list_table_texts(table: QTableView) -> Iterator[str]:
    model, role = table.model(), Qt.ItemDataRole.DisplayRole
    columns = [column for column in range(model.columnCount()) if not table.isColumnHidden(column)]
    yield from (str(model.headerData(column, Qt.Orientation.Horizontal, role) or "") for column in columns)
    for row in range(min(model.rowCount(), _MAX_SEARCHED_TABLE_ROWS)):
        yield from (str(model.index(row, column).data(role) or "") for column in columns)
