"""The lookup page: an input field for a corporation number or a search text, and below it the records found for
it."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QStackedWidget, QWidget

from console.domain.error_reasons import NumberReason
from console.domain.errors import ErrorCode
from console.domain.exports.tables import ExportRequest, ListName
from console.domain.lookup.results import SearchResult, SearchSubject
from console.domain.registry.corporations import RegistryMatches
from console.domain.views.any_record import LookupResult
from console.views.exports import list_export
from console.views.exports.list_export import ListExporter
from console.views.lookup.company_page import CompanyPanel
from console.views.lookup.found_records import FoundRecordsPanel
from console.views.pages.base import Page, PageHead, add_hidden_buttons_to_menu
from console.views.pages.corporation_number_field import CorporationNumberField
from console.views.presenters import records as case_words
from console.views.presenters.records import ShownRecord
from console.views.records import evidence_bundle
from console.views.records.actions import RecordActionHandlers
from console.views.records.evidence_bundle import EvidenceBundleExport
from console.views.registry.company_list import CompanyList, FoundCompany, list_found_companies
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import LookupRoute, OperationRoute, RecordRef, Route, make_route_to_record
from console.views.runtime.tasks import Failure
from console.views.theme.design_tokens import tokens
from console.views.widgets.base import Surface, make_column
from console.views.widgets.placeholders import EmptyState
from console.wording.search import format_search_problem
from console.wording.sentences import catalogue as wording

if TYPE_CHECKING:
    from console.app import Console

_MIN_DIGITS_MEANT_AS_CORPORATION_NUMBER = 11
"""A text with fewer digits is meant as something else than a corporation number, such as an order."""
_FIRST_SEARCH_LIMIT, _SEARCH_LIMIT_FACTOR, _MAX_SEARCH_LIMIT = 50, 4, 1_000
"""Records of each kind that a search lists at first and at most, and by how many times more each further reading."""


class LookupPage(Page):
    """The page with the input field for a corporation number or a search text. Below it are all records of the
    corporation, or the companies and records that the search has found."""

    sidebar_key = "lookup"
    help_key = "help.lookup"
    key_hints = (
        (("Enter",), "key.open"),
        (("B",), "key.purchase"),
        (("F",), "key.refetch"),
        (("P",), "key.probe"),
        (("R",), "key.refund"),
        (("Ctrl+C",), "key.copy"),
        (("Ctrl+Shift+C",), "company_page.copy_summary"),
        (("Ctrl+F",), "key.number"),
        *list_export.EXPORT_KEY_HINTS,
        evidence_bundle.EVIDENCE_BUNDLE_KEY_HINT,
        (("F1",), "key.help"),
    )

    def __init__(self, context: WindowContext) -> None:
        super().__init__(context)
        self.action_handlers = RecordActionHandlers(context, self)
        self.head = PageHead(
            context.translate("screen.lookup"),
            context.translate("lookup.sentence"),
            more=context.translate("action.more"),
        )
        self.exporter = ListExporter(context, self, self._make_export_request, self.head)
        self.evidence_bundle = EvidenceBundleExport(context, self)
        self.bind_shortcut(evidence_bundle.EVIDENCE_BUNDLE_SHORTCUT, self._export_evidence_bundle)
        self.number = CorporationNumberField(context)
        margin = tokens().px("spacing", "page_margin")
        line = Surface(edge="bottom")
        line.setLayout(make_column(self.number, margins=(margin, 0, margin, 12)))
        self.add_content(self.head)
        self.add_content(line)
        self.content = QStackedWidget(self)
        self.company = CompanyPanel(context, self.action_handlers, self.content)
        self.head.menu_parts.append(lambda menu: add_hidden_buttons_to_menu(self.company.panel, menu))
        self.content.addWidget(QWidget())
        self.content.addWidget(self.company)
        self._number, self._limit = "", _FIRST_SEARCH_LIMIT
        self._opens_purchase = False
        self.add_content(self.content, 1)
        self.add_key_hints()
        self.number.lookup_requested.connect(self._look_up_text)
        self.number.edit.textEdited.connect(self._remove_result_on_edit)
        self.content.currentChanged.connect(self._set_lookup_button_kind)
        self.company.opened.connect(self._open_record)
        self.company.counted.connect(self.hint_bar.status_label.show_text)
        self.company.number_requested.connect(self._open_corporation_number)
        functions_by_key = {
            "B": self.company.open_purchase_dialog,
            "F": self.company.refetch_current_record,
            "P": self.company.probe_current_record,
            "R": self.company.request_refund_of_current_record,
        }
        for key, act in functions_by_key.items():
            self.bind_shortcut(key, act)
        self.bind_shortcut("Ctrl+C", self.company.copy_number)
        self.add_button_shortcut(self.company.copy_button)
        self.bind_shortcut("Ctrl+F", self._focus_number_field)

    def show_route(self, route: object) -> None:
        if not isinstance(route, LookupRoute) or not route.text:
            return
        self._opens_purchase = route.buy
        self.number.show_text(route.text)
        if route.text != self._number:
            self._start_lookup(route.text)
        else:
            self.refresh("entered")

    def list_focus_targets(self) -> Sequence[QWidget | None]:
        is_company_shown = self.content.currentWidget() is self.company
        if is_company_shown:
            return self.company.list_focus_targets()
        shown_widget = self.content.currentWidget()
        if isinstance(shown_widget, FoundRecordsPanel):
            companies = shown_widget.company_list.table if shown_widget.company_list is not None else None
            return (
                companies,
                shown_widget.table,
                shown_widget.more_button if shown_widget.more_button.isVisible() else None,
                self.number.edit,
            )
        return (shown_widget.table if isinstance(shown_widget, CompanyList) else None, self.number.edit)

    def take_focus(self) -> None:
        super().take_focus()
        if self.number.edit.hasFocus():
            self.number.edit.selectAll()

    def is_affected_by(self, changes: frozenset[tuple[str, int]]) -> bool:
        return bool(self._number) and self.company.is_affected_by(changes)

    @Slot(str)
    def _remove_result_on_edit(self, text: str) -> None:
        """Remove the shown records when the person edits the text in the input field."""
        if text != self._number and self._number:
            self._number = ""
            self._replace_result(QWidget())

    @Slot()
    def _set_lookup_button_kind(self) -> None:
        """Paint the button "look up" as the primary button, but not while a corporation is shown, because the
        person then needs the purchase button."""
        is_company = self.content.currentWidget() is self.company
        self.number.button.set_kind("default" if is_company else "primary")

    def _make_export_request(self) -> ExportRequest | None:
        """Return the export request for the shown list: the visible tab of a company, or the records or companies
        that a search has found. Return None if no list is shown."""
        shown_widget = self.content.currentWidget()
        if shown_widget is self.company and self.company.number:
            return ExportRequest(ListName.LOOKUP, self.company.number, self.company.visible_list_name)
        if isinstance(shown_widget, FoundRecordsPanel):
            return ExportRequest(ListName.SEARCH, self._number)
        return ExportRequest(ListName.COMPANIES, self._number) if isinstance(shown_widget, CompanyList) else None

    @Slot()
    def _export_evidence_bundle(self) -> None:
        """Export the evidence packs of the records in the visible tab of a company (for documents, notes and
        history: of all the company's records), or of the records that a search has found."""
        request = self._make_export_request()
        if request is None or request.name is ListName.COMPANIES:
            self.show_key_refusal(self.context.translate("bundle.none"))
        else:
            self.evidence_bundle.choose_bundle_path(partial(_list_export_refs, request))

    # -- lookup

    @Slot(str)
    def _look_up_text(self, text: str) -> None:
        """Look up the typed text by navigating to its route, so that going back in the window's history returns to
        this lookup."""
        if text.strip():
            self.context.navigate(LookupRoute(text))

    def _start_lookup(self, text: str) -> None:
        self._number, self._limit = text, _FIRST_SEARCH_LIMIT
        if self.isVisible():
            self.read_data("asked")
        else:
            self.refresh("asked")

    def read_data(self, reason: str) -> None:
        text = self._number
        if not text or not self.context.is_ready:
            return
        self.context.run_read(
            lambda services: services.lookup.find_records(text),
            lambda result: self._show_result(text, result, is_automatic=reason == "changed"),
            lambda failure: self._show_lookup_failure(text, failure),
            owner=self,
            key=self,
        )

    def _show_result(self, text: str, result: LookupResult, *, is_automatic: bool = False) -> None:
        if text != self._number:
            return
        self.hide_reading_failure()
        is_first = (
            self.content.currentWidget() is not self.company or self.company.number != result.corporation_number
        )
        self.company.show_result(result, is_automatic=is_automatic and not is_first)
        if result.corporation is not None:
            self.number.field.show_hint("")  # the facts of the registry below say more than the check digit
        self.content.setCurrentWidget(self.company)
        if is_first:
            self.take_focus()
        if self._opens_purchase:
            self._opens_purchase = False
            self.company.open_purchase_dialog()

    def _show_lookup_failure(self, text: str, failure: Failure) -> None:
        """Show why the lookup of `text` failed: a wrong corporation number in place of the records, any other
        failure in a bar. If `text` isn't meant as a number, search for it. Ignore the failure if the person has
        looked up another text since.
        """
        if text != self._number:
            return
        reason, digits = failure.detail.get("reason"), sum(character.isdecimal() for character in text)
        is_other_text = reason == NumberReason.OTHER_CHARACTER or (
            reason == NumberReason.WRONG_LENGTH and digits < _MIN_DIGITS_MEANT_AS_CORPORATION_NUMBER
        )
        if failure.code == ErrorCode.INVALID_CORPORATION_NUMBER and is_other_text:
            self._search_text(text)
        elif failure.code == ErrorCode.INVALID_CORPORATION_NUMBER:
            self._number = ""
            empty_state = EmptyState(
                self.context.translate("lookup.not_a_number"),
                self.context.format_failure(failure),
                shape="square_bang",
            )
            self._replace_result(empty_state)
            self.take_focus()
        else:
            self.show_reading_failure(failure)

    def _search_text(self, text: str) -> None:
        """Search for a text that is no corporation number. If exactly one record or company matches, open its
        page; otherwise list the matches or, if there are none, show the next steps."""
        limit = self._limit
        self.context.run_read(
            lambda services: services.lookup.search(text, limit),
            lambda search_result: self._show_search_result(text, search_result),
            self.show_reading_failure,
            owner=self,
            key=self,
        )

    def _show_search_result(self, text: str, result: SearchResult) -> None:
        if text != self._number:
            return
        problems = " ".join(
            format_search_problem(problem, self.context.translate) for problem in result.query.problems
        )
        self.number.show_search_problem(problems)
        records = tuple(result.records)
        companies = list_found_companies(result.companies, records, self.context) if result.query.words else ()
        if result.exact is not None and not problems:
            self.context.replacement_requested.emit(_make_subject_route(result.exact))
        elif len(companies) == 1 and not result.query.has_conditions and not problems:
            number = wording.format_corporation_number(companies[0].number)
            self.context.replacement_requested.emit(LookupRoute(number))
        elif records:
            self._show_found_records(result, companies if not result.query.has_conditions else ())
        elif companies and not result.query.has_conditions:
            self._show_found_companies(result, companies)
        else:
            self._number = ""
            self._replace_result(self._make_nothing_found_message(text.strip()[:40], result.companies))
            self.take_focus()

    def _show_found_records(self, result: SearchResult, companies: Sequence[FoundCompany]) -> None:
        view = FoundRecordsPanel(self.context, result, companies)
        view.company_opened.connect(self._open_corporation_number)
        view.record_opened.connect(self._open_found_record)
        view.more_requested.connect(self._search_with_higher_limit)
        self._replace_result(view)
        self.take_focus()

    def _show_found_companies(self, result: SearchResult, companies: Sequence[FoundCompany]) -> None:
        title = self.context.translate("corporation.found_for", text=result.query.words[:40], n=len(companies))
        company_list = CompanyList(self.context, companies, title, result.companies.registry_date)
        company_list.opened.connect(self._open_corporation_number)
        self._replace_result(company_list)
        self.take_focus()

    @Slot()
    def _search_with_higher_limit(self) -> None:
        """Search for the same text again with a higher limit of records per kind."""
        self._limit = min(self._limit * _SEARCH_LIMIT_FACTOR, _MAX_SEARCH_LIMIT)
        self._search_text(self._number)

    @Slot(object)
    def _open_found_record(self, record: ShownRecord) -> None:
        self.context.navigate(case_words.make_record_route(record, (), "lookup"))

    def _make_nothing_found_message(self, typed_text: str, matches: RegistryMatches) -> EmptyState:
        """Return the message that replaces the list if nothing matches the typed text, with the time of the search
        and the next steps. Without a corporation registry it also says that a search by company name needs one."""
        translate = self.context.translate
        hint = translate("lookup.nothing_hint", at=self.context.now())
        if matches.registry_date is None:
            hint = f"{hint} {translate('lookup.no_registry')}"
        return EmptyState(translate("lookup.nothing", text=typed_text), hint, shape="search")

    @Slot(str)
    def _open_corporation_number(self, number: str) -> None:
        self.context.navigate(LookupRoute(wording.format_corporation_number(number)))

    def _replace_result(self, widget: QWidget) -> None:
        old_widget = self.content.widget(0)
        self.content.insertWidget(0, widget)
        self.content.setCurrentWidget(widget)
        if old_widget is not None:
            self.content.removeWidget(old_widget)
            old_widget.deleteLater()

    @Slot(object)
    def _open_record(self, record: ShownRecord) -> None:
        self.context.navigate(case_words.make_record_route(record, self.company.list_visible_refs(), "lookup"))

    @Slot()
    def _focus_number_field(self) -> None:
        self.number.edit.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.number.edit.selectAll()


def _list_export_refs(request: ExportRequest, services: "Console") -> Sequence[RecordRef]:
    """Return kind and id of all records in the list that `request` names: records of a corporation number, or of a
    search."""
    if request.name is ListName.SEARCH:
        return list(
            map(case_words.make_record_ref, services.lookup.search(request.subject, _MAX_SEARCH_LIMIT).records)
        )
    result = services.lookup.find_records(request.subject)
    of_tab: Mapping[str, Sequence[ShownRecord]] = {
        "payments": result.payments,
        "refunds": result.refunds,
        "orders": result.orders,
        "checks": result.credit_checks,
    }
    lists = [of_tab[request.part]] if request.part in of_tab else of_tab.values()
    return [case_words.make_record_ref(record) for records in lists for record in records]


def _make_subject_route(subject: SearchSubject) -> Route:
    kind, subject_id = subject
    return OperationRoute(subject_id) if isinstance(subject_id, str) else make_route_to_record(kind, subject_id)
