"""The table of the companies that a search by name, address or postcode has found."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from console.domain.registry.corporations import RegistryMatches
from console.views.pages.static_table import StaticTable
from console.views.presenters import records as case_words
from console.views.presenters.records import ShownRecord
from console.views.runtime.context import WindowContext
from console.views.tables.columns import Column, StateCell
from console.views.theme.design_tokens import tokens
from console.views.widgets.base import Surface, TextLabel, make_column, make_row
from console.wording import registry as registry_words
from console.wording.sentences import catalogue as wording


@dataclass(frozen=True, slots=True)
class FoundCompany:
    """One company that a search has found, with the texts of its table row. `is_registered` is False if the
    corporation registry doesn't have the company and only our records have it. `furigana` is the reading of the
    company's name in kana. `closure_word` is the word for the closure and `closed_on` the day of the closure, both ""
    for an open company. `our_records_word` is the word for our records of the company; "" if we have no records of
    it."""

    corporation_number: str
    name: str
    is_registered: bool
    furigana: str
    address: str
    prefecture_and_city: str
    closure_word: str
    closed_on: str
    our_records_word: str


def list_found_companies(
    matches: RegistryMatches, our_records: Iterable[ShownRecord], context: WindowContext
) -> tuple[FoundCompany, ...]:
    """Return the found companies: first the companies of `our_records` that aren't among the matches of the
    corporation registry, then the matches in their order."""
    translate = context.translate
    companies = [
        FoundCompany(
            match.corporation.number,
            registry_words.get_official_name(match.corporation, translate),
            True,
            match.corporation.furigana,
            match.corporation.address,
            f"{match.corporation.prefecture}{match.corporation.city}",
            registry_words.format_corporation_closure(match.corporation, translate),
            match.corporation.closure.day.isoformat() if match.corporation.closure is not None else "",
            registry_words.format_own_records_note(match, translate),
        )
        for match in matches.items
    ]
    known_numbers = {company.corporation_number for company in companies}
    our_records, no_name_text = tuple(our_records), translate("record.no_name")
    # A payment has no name, but a credit check of the same company often has one.
    our_names = {
        case_words.get_corporation_number(record): name
        for record in our_records
        if (name := case_words.get_record_company_name(record, context))
    }
    our_companies: dict[str, FoundCompany] = {}
    for record in our_records:
        number = case_words.get_corporation_number(record)
        if number and number not in known_numbers and number not in our_companies:
            our_records_word = translate(
                "corporation.ours_open" if case_words.is_record_open(record) else "corporation.ours"
            )
            our_companies[number] = FoundCompany(
                number, our_names.get(number, no_name_text), False, "", "", "", "", "", our_records_word
            )
    return (*our_companies.values(), *companies)


class CompanyList(QWidget):
    """The table of the found companies, with the title above it and, if `registry_date` isn't None, the date and
    the source of the corporation registry below it. If `max_rows` isn't None, the table is only as high as its rows,
    and at most as high as `max_rows` rows.

    Signals:
    - opened(str): the person opens the company with this corporation number.
    """

    opened = Signal(str)

    def __init__(
        self,
        context: WindowContext,
        companies: Sequence[FoundCompany],
        title: str,
        registry_date: date | None,
        *,
        max_rows: int | None = None,
    ) -> None:
        super().__init__()
        translate, margin = context.translate, tokens().px("spacing", "page_margin")
        columns = _make_company_columns(context, has_registry=registry_date is not None)
        self.table = StaticTable(
            context, columns, _get_corporation_number, title, hideable_columns=("furigana", "address")
        )
        self.table.opened.connect(self._open_company)
        header = Surface(edge="bottom")
        header.setLayout(
            make_row(TextLabel(title, "section", heading_level=2), None, margins=(margin, 10, margin, 8))
        )
        widgets: list[QWidget] = [header, self.table]
        if registry_date is not None:
            source_label = TextLabel(
                registry_words.format_registry_source(registry_date, translate), "small", "muted", wraps_lines=True
            )
            # Without an empty area below the rows, the line of the last row is the only line that is needed.
            footer_row = Surface(edge="top" if max_rows is None else "none")
            footer_row.setLayout(make_row(source_label, margins=(margin, 6, margin, 6)))
            widgets.append(footer_row)
        layout = make_column(*widgets, gap_px=0)
        layout.setStretch(1, 1)
        self.setLayout(layout)
        if max_rows is not None:
            self.table.setMaximumHeight(self.table.compute_height_for_rows(min(len(companies), max_rows)))
        self.table.rows.page_applied.connect(self._go_to_first_row)
        self.table.show_rows(companies)

    @Slot()
    def _go_to_first_row(self) -> None:
        if self.table.current_item is None:
            self.table.go_to_first_row()

    @Slot(object)
    def _open_company(self, company: FoundCompany) -> None:
        self.opened.emit(company.corporation_number)


def _get_corporation_number(company: FoundCompany) -> str:
    return company.corporation_number


def _make_company_columns(context: WindowContext, *, has_registry: bool) -> list[Column]:
    """Return the columns of the table. If this desk has no corporation registry, return only the columns that our
    records can fill."""
    translate = context.translate

    def make_state_cell(company: FoundCompany) -> StateCell:
        if not company.is_registered:
            not_registered = wording.capitalize_first_letter(translate("corporation.not_registered"))
            return StateCell(not_registered, "dash", "muted")
        if company.closed_on:
            return StateCell(translate("corporation.closed_short", day=company.closed_on), "ring_slash", "care")
        return StateCell(translate("corporation.open"), "check", "muted")

    def format_number(company: FoundCompany) -> str:
        return wording.format_corporation_number(company.corporation_number)

    name_title = translate("corporation.label.name" if has_registry else "column.corporation")
    ours_title = translate("corporation.label.ours")
    columns = [
        Column("name", name_title, 220, lambda company: company.name, is_stretched=True),
        Column("number", translate("field.corporation_number"), 150, format_number, "data"),
        Column("address", translate("corporation.label.address"), 260, lambda company: company.address),
        Column("state", translate("column.state"), 170, make_state_cell, "state"),
        Column("ours", ours_title, 120, lambda company: company.our_records_word),
        Column("furigana", translate("corporation.label.furigana"), 160, lambda company: company.furigana),
    ]
    return columns if has_registry else [column for column in columns if column.key in ("name", "number", "ours")]
