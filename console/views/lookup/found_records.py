"""The results of a search on the lookup page: a list of companies, and a table of records grouped by kind."""

from collections.abc import Hashable, Sequence
from dataclasses import replace

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from console.domain.lookup.search_result import SearchResult
from console.views.pages.static_table import StaticTable
from console.views.presenters import records as case_words
from console.views.presenters.records import ShownRecord
from console.views.records.columns import make_record_columns, return_record
from console.views.registry.company_list import CompanyList, FoundCompany
from console.views.runtime.context import WindowContext
from console.views.tables.columns import Cell, Column, RowGroup
from console.views.theme.design_tokens import tokens
from console.views.widgets.base import Surface, TextLabel, make_column, make_row
from console.views.widgets.controls.buttons import KeyButton
from console.wording.search import format_missing_records_note
from console.wording.sentences import catalogue as wording

_FOUND_RECORD_COLUMN_NAMES = ("company", "number", "name", "provider", "amount", "state", "certainty", "work", "age")
_MAX_COMPANY_ROWS = 6


class FoundRecordsPanel(QWidget):
    """The widget with the companies and records that a search by text has found. The records are grouped by kind.

    Signals:
    - company_opened(str): the person wants to look up this corporation number.
    - record_opened(object): the person wants to open the page of this record.
    - more_requested: the person has pressed the button that shows more records.
    """

    company_opened = Signal(str)
    record_opened = Signal(object)
    more_requested = Signal()

    def __init__(self, context: WindowContext, result: SearchResult, companies: Sequence[FoundCompany]) -> None:
        super().__init__()
        self._context, self._result = context, result
        translate, margin = context.translate, tokens().px("spacing", "page_margin")
        self.more_button = KeyButton(translate("search.show_more"))
        self.more_button.clicked.connect(self.more_requested)
        self.note_label = TextLabel("", "small", "muted", wraps_lines=True)
        self._title_label = TextLabel("", "section", heading_level=2)
        self.table = StaticTable(
            context,
            _make_found_record_columns(context, companies),
            _make_record_key,
            "",
            hideable_columns=("number",),
            naming_columns=("company",),
            get_group=self._make_row_group,
        )
        self.table.opened.connect(self.record_opened)
        heading_row = Surface(edge="bottom")
        heading_row.setLayout(
            make_row(self._title_label, self.note_label, None, self.more_button, margins=(margin, 8, margin, 8))
        )
        content_widgets: list[QWidget] = [heading_row, self.table]
        self.company_list: CompanyList | None = None
        if companies:
            company_title = make_company_list_title(result, companies, context)
            self.company_list = CompanyList(
                context, companies, company_title, result.companies.registry_date, max_rows=_MAX_COMPANY_ROWS
            )
            self.company_list.opened.connect(self.company_opened)
            content_widgets.insert(0, self.company_list)
        layout = make_column(*content_widgets, gap_px=0)
        layout.setStretch(len(content_widgets) - 1, 1)
        self.setLayout(layout)
        self.table.rows.page_applied.connect(self._select_first_row)
        self.show_records(result)

    def show_records(self, result: SearchResult, *, is_automatic: bool = False) -> None:
        """Show the records of `result`, and the texts about them. `is_automatic` is True if the program has searched
        again without a request of the person, see StaticTable.show_rows."""
        self._result, translate = result, self._context.translate
        records, groups = list(result.records), result.records_by_kind.values()
        title = translate("search.found_for", text=result.query.text[:40], n=len(records))
        self._title_label.show_text(title)
        self.table.setAccessibleName(title)
        self.more_button.setVisible(any(group.has_more for group in groups))
        note_sentences = dict.fromkeys(format_missing_records_note(group, translate) for group in groups)
        self.note_label.show_text(wording.join_sentences(note_sentences, translate))
        self.table.show_rows(records, is_automatic=is_automatic)

    def _make_row_group(self, record: ShownRecord) -> RowGroup:
        kind = case_words.get_record_kind(record)
        group = self._result.records_by_kind[kind]
        title = self._context.translate(f"search.group.{kind}")
        count = f"{len(group.records)}+" if group.has_more else str(len(group.records))
        return RowGroup(kind, title, case_words.ICON_BY_RECORD_KIND[kind], "text", count)

    @Slot()
    def _select_first_row(self) -> None:
        if self.table.current_item is None:
            self.table.go_to_first_row()


def _make_found_record_columns(context: WindowContext, companies: Sequence[FoundCompany]) -> list[Column]:
    """Return the columns of the table of found records. A record of one of the found `companies` has the name that
    this company has in the list above the table, also if its provider gave another name, so that both tables name the
    company in the same way."""
    name_by_number = {company.corporation_number: company.name for company in companies if company.is_registered}

    def use_name_of_list(column: Column) -> Column:
        def make_cell(record: ShownRecord) -> Cell:
            return name_by_number.get(case_words.get_corporation_number(record)) or column.make_cell(record)

        return replace(column, make_cell=make_cell)

    return [
        use_name_of_list(column) if column.key == "company" else column
        for column in make_record_columns(context, _FOUND_RECORD_COLUMN_NAMES, return_record)
    ]


def make_company_list_title(result: SearchResult, companies: Sequence[FoundCompany], context: WindowContext) -> str:
    """Return the title of the list of found companies. It names the words that the companies match and the number of
    companies, or says that the list has only the first ones. If nothing matches the searched words, the title also
    says this."""
    matches, words = result.companies, result.query.words[:40]
    key = "corporation.found_first_for" if matches.has_more else "corporation.found_for"
    title = context.translate(key, text=matches.other_spelling[:40] or words, n=len(companies))
    if not matches.other_spelling:
        return title
    return context.translate("corporation.found_by_spelling", text=words, title=title)


def _make_record_key(record: ShownRecord) -> Hashable:
    return case_words.get_record_kind(record), record.id
