"""The lookup page: an input field for a corporation number or a search text, and below it the records found for
it."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QStackedWidget, QWidget

from console.domain.error_reasons import NumberReason
from console.domain.errors import ErrorCode
from console.domain.exports.tables import ExportRequest, ListName
from console.domain.lookup.lookup_result import LookupResult
from console.domain.lookup.search_result import SearchResult, SearchSubject
from console.domain.payments.records import Payment
from console.domain.recovery.decision_rules import can_probe_ask_provider, can_refetch
from console.views.exports import list_export
from console.views.exports.list_export import ListExporter
from console.views.lookup.company_page import CompanyPanel, are_records_affected
from console.views.lookup.found_records import FoundRecordsPanel, make_company_list_title
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
from console.views.widgets.base import Surface, make_row
from console.views.widgets.display.placeholders import EmptyState
from console.wording.search import format_search_problem
from console.wording.sentences import catalogue as wording

if TYPE_CHECKING:
    from console.app import Console

_MIN_DIGITS_MEANT_AS_CORPORATION_NUMBER = 11
"""A text with fewer digits is meant as something else than a corporation number, such as an order."""
_FIRST_SEARCH_LIMIT = 50
"""Number of records of each kind that a search lists at first."""
_SEARCH_LIMIT_FACTOR = 4
"""Factor by which each press of the button that shows more records raises the number of records of each kind that a
search lists."""
_MAX_SEARCH_LIMIT = 1_000
"""Largest number of records of each kind that a search lists."""
_LIST_KEY_HINTS = [
    wording_key for _, wording_key in (*list_export.EXPORT_KEY_HINTS, evidence_bundle.EVIDENCE_BUNDLE_KEY_HINT)
]
"""Wording keys of the hints about keys that write or print the shown list."""


class LookupPage(Page):
    """The page with the input field for a corporation number or a search text. Below it are all records of the
    corporation, or the companies and records that the search has found."""

    sidebar_key = "lookup"
    shows_read_time = False  # the page of the company shows it
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
            menu_text=context.translate("action.more"),
        )
        self.exporter = ListExporter(context, self, self._make_export_request, self.head)
        self.evidence_bundle = EvidenceBundleExport(context, self)
        self.bind_shortcut(evidence_bundle.EVIDENCE_BUNDLE_SHORTCUT, self._export_evidence_bundle)
        self.number_field = CorporationNumberField(context)
        margin = tokens().px("spacing", "page_margin")
        line = Surface(edge="bottom")
        input_row = make_row(self.number_field, gap_px=12, margins=(margin, 0, margin, 12))
        input_row.setStretch(0, 1)
        # Below the button: in the header, the sentence about the page has no room for it.
        input_row.addWidget(self.head.make_reason_label(self.exporter.button), 0, Qt.AlignmentFlag.AlignTop)
        line.setLayout(input_row)
        self.add_content(self.head)
        self.add_content(line)
        self.result_stack = QStackedWidget(self)
        self.company_panel = CompanyPanel(context, self.action_handlers, self.result_stack)
        self.head.menu_entry_adders.append(
            lambda menu: add_hidden_buttons_to_menu(self.company_panel.live_check_panel, menu)
        )
        self.result_stack.addWidget(QWidget())
        self.result_stack.addWidget(self.company_panel)
        self._looked_up_text, self._search_limit = "", _FIRST_SEARCH_LIMIT
        self._opens_purchase = False
        self.add_content(self.result_stack, 1)
        self.add_key_hints()
        self.number_field.lookup_requested.connect(self._look_up_text)
        self.number_field.edit.textEdited.connect(self._remove_result_on_edit)
        self.result_stack.currentChanged.connect(self._update_lookup_button_kind)
        self.result_stack.currentChanged.connect(self._show_offered_key_hints)
        self._show_offered_key_hints()
        self.company_panel.record_requested.connect(self._open_record)
        self.company_panel.position_changed.connect(self.hint_bar.status_label.show_text)
        self.company_panel.position_changed.connect(self._show_offered_key_hints)
        self.company_panel.number_requested.connect(self._open_corporation_number)
        functions_by_key = {
            "B": self.company_panel.open_purchase_dialog,
            "F": self.company_panel.refetch_current_record,
            "P": self.company_panel.probe_current_record,
            "R": self.company_panel.request_refund_of_current_record,
        }
        for key, act in functions_by_key.items():
            self.bind_shortcut(key, partial(self._act_on_shown_company, act))
        self.bind_shortcut("Ctrl+C", partial(self._act_on_shown_company, self.company_panel.copy_number))
        self.add_button_shortcut(self.company_panel.copy_button)
        self.bind_shortcut("Ctrl+F", self._focus_number_field)

    def show_route(self, route: object) -> None:
        self._opens_purchase = isinstance(route, LookupRoute) and route.opens_purchase
        if not isinstance(route, LookupRoute) or not route.text:
            return
        self.number_field.show_text(route.text)
        if route.text != self._looked_up_text:
            self._start_lookup(route.text)
        else:
            self.refresh("entered")

    def get_screen_state(self) -> Mapping[str, Any]:
        return {"text": self.number_field.text}

    def restore_screen_state(self, state: Mapping[str, Any]) -> None:
        """Put a text that the person had typed but not looked up yet into the input field again, for example in a
        page that was built again in another language."""
        text = state.get("text")
        if isinstance(text, str) and text != self._looked_up_text:
            self.number_field.show_text(text)
            self._remove_result_on_edit(text)

    def list_focus_targets(self) -> Sequence[QWidget | None]:
        is_company_shown = self.result_stack.currentWidget() is self.company_panel
        if is_company_shown:
            return self.company_panel.list_focus_targets()
        shown_widget = self.result_stack.currentWidget()
        if isinstance(shown_widget, FoundRecordsPanel):
            companies = shown_widget.company_list.table if shown_widget.company_list is not None else None
            return (
                companies,
                shown_widget.table,
                shown_widget.more_button if shown_widget.more_button.isVisible() else None,
                self.number_field.edit,
            )
        return (shown_widget.table if isinstance(shown_widget, CompanyList) else None, self.number_field.edit)

    def take_focus(self) -> None:
        super().take_focus()
        if self.number_field.edit.hasFocus():
            self.number_field.edit.selectAll()

    def is_affected_by(self, changes: frozenset[tuple[str, int]]) -> bool:
        shown_widget = self.result_stack.currentWidget()
        if not self._looked_up_text or isinstance(shown_widget, CompanyList):  # it shows no records
            return False
        records = (
            shown_widget.table.all_rows
            if isinstance(shown_widget, FoundRecordsPanel)
            else self.company_panel.all_records
        )
        return are_records_affected(records, changes)

    @Slot(str)
    def _remove_result_on_edit(self, text: str) -> None:
        """Remove the shown records when the person edits the text in the input field."""
        if text != self._looked_up_text and self._looked_up_text:
            self._looked_up_text = ""
            self._remove_result()

    def _act_on_shown_company(self, act: Callable[[], None]) -> None:
        """Call `act`, the action of a pressed key on the company or its current record. While no company is shown,
        only show a message which says this: the hidden panel still has the company that was looked up before.
        """
        if self.result_stack.currentWidget() is self.company_panel:
            act()
        else:
            self.show_key_refusal(self.context.translate("act.no_company"))

    @Slot()
    def _update_lookup_button_kind(self) -> None:
        """Paint the button "look up" as the primary button. While a corporation is shown, paint it as an ordinary
        button, because the person then needs the purchase button."""
        is_company = self.result_stack.currentWidget() is self.company_panel
        self.number_field.button.set_kind("default" if is_company else "primary")

    @Slot()
    def _show_offered_key_hints(self) -> None:
        """Show the hints of those keys that can have an effect on the present contents of the page, and enable the
        button "export" only if a list is shown."""
        self.exporter.update_button()
        shown_widget = self.result_stack.currentWidget()
        is_company = shown_widget is self.company_panel
        records = self.company_panel.list_records_for_shortcuts() if is_company else []
        has_rows = self.company_panel.has_rows_to_open() if is_company else False
        is_offered = {
            "key.open": has_rows or isinstance(shown_widget, FoundRecordsPanel | CompanyList),
            "key.purchase": is_company,
            "key.refetch": any(map(can_refetch, records)),
            "key.probe": any(map(can_probe_ask_provider, records)),
            "key.refund": any(isinstance(record, Payment) for record in records),
            "key.copy": is_company,
            "company_page.copy_summary": is_company,
            **dict.fromkeys(_LIST_KEY_HINTS, self._make_export_request() is not None),
        }
        self.hide_key_hints([hint for hint, is_hint_offered in is_offered.items() if not is_hint_offered])

    def _make_export_request(self) -> ExportRequest | None:
        """Return the export request for the shown list: the visible tab of a company, or the records or companies
        that a search has found. Return None if no list is shown."""
        shown_widget = self.result_stack.currentWidget()
        if shown_widget is self.company_panel and self.company_panel.number:
            return ExportRequest(ListName.LOOKUP, self.company_panel.number, self.company_panel.visible_list_name)
        if isinstance(shown_widget, FoundRecordsPanel):
            return ExportRequest(ListName.SEARCH, self._looked_up_text)
        return (
            ExportRequest(ListName.COMPANIES, self._looked_up_text) if isinstance(shown_widget, CompanyList) else None
        )

    @Slot()
    def _export_evidence_bundle(self) -> None:
        """Export the evidence packs of the records in the visible tab of a company, or of the records that a search
        has found. If the visible tab is documents, notes or history, export the packs of all records of the company.
        If no records are shown, show the reason.
        """
        request = self._make_export_request()
        if request is None or request.name is ListName.COMPANIES:
            self.show_key_refusal(self.context.translate("bundle.none"))
        else:
            self.evidence_bundle.ask_path_and_write_bundle(partial(_list_export_refs, request))

    # -- lookup

    @Slot(str)
    def _look_up_text(self, text: str) -> None:
        """Look up the typed text by opening its route. So the person returns to this lookup by going back in the
        window's history."""
        if text.strip():
            self.context.navigate(LookupRoute(text))

    def _start_lookup(self, text: str) -> None:
        """Begin the lookup of the text: now if the page is visible, otherwise when it is next shown. Remove the
        records of the previous lookup at once, so that no key acts on them."""
        if text != self._looked_up_text:
            self._remove_result()
        self._looked_up_text, self._search_limit = text, _FIRST_SEARCH_LIMIT
        if self.isVisible():
            self.read_data("asked")
        else:
            self.refresh("asked")

    def read_data(self, reason: str) -> None:
        text, is_automatic = self._looked_up_text, reason == "changed"
        if not text or not self.context.is_ready:
            return
        self.context.run_read(
            lambda services: services.lookup.find_records(text),
            lambda result: self._show_result(text, result, is_automatic=is_automatic),
            lambda failure: self._show_lookup_failure(text, failure, is_automatic=is_automatic),
            caller=self,
            key=self,
        )

    def _show_result(self, text: str, result: LookupResult, *, is_automatic: bool = False) -> None:
        if text != self._looked_up_text:
            return
        self.mark_data_read()
        is_first = (
            self.result_stack.currentWidget() is not self.company_panel
            or self.company_panel.number != result.corporation_number
        )
        self.company_panel.show_result(result, is_automatic=is_automatic and not is_first)
        if result.corporation is not None:
            self.number_field.field.show_hint("")  # the facts of the registry below say more than the check digit
        self.result_stack.setCurrentWidget(self.company_panel)
        self._show_offered_key_hints()
        if is_first:
            self.take_focus()
        opens_purchase, self._opens_purchase = self._opens_purchase and self.isVisible(), False
        if opens_purchase:
            # Another language, or a return in the history, must not open the dialog again.
            self.context.route_replacement_requested.emit(LookupRoute(text))
            self.company_panel.open_purchase_dialog()

    def _show_lookup_failure(self, text: str, failure: Failure, *, is_automatic: bool = False) -> None:
        """Show the reason why the lookup of `text` failed. If `text` is a wrong corporation number, show this in
        place of the records; show any other failure in a bar. If `text` isn't meant as a number, because it has other
        characters or too few digits, search for it instead (`is_automatic` as in `_search_text`). Do nothing if the
        person has looked up another text meanwhile.
        """
        if text != self._looked_up_text:
            return
        reason, digits = failure.detail.get("reason"), sum(character.isdecimal() for character in text)
        is_other_text = reason == NumberReason.OTHER_CHARACTER or (
            reason == NumberReason.WRONG_LENGTH and digits < _MIN_DIGITS_MEANT_AS_CORPORATION_NUMBER
        )
        if failure.code == ErrorCode.INVALID_CORPORATION_NUMBER and is_other_text:
            self._search_text(text, is_automatic=is_automatic)
        elif failure.code == ErrorCode.INVALID_CORPORATION_NUMBER:
            self._looked_up_text = ""
            empty_state = EmptyState(
                self.context.translate("lookup.not_a_number"),
                self.context.format_failure(failure),
                icon_name="square_bang",
            )
            self._replace_result(empty_state)
            self.take_focus()
        else:
            self.show_reading_failure(failure)

    def _search_text(self, text: str, *, is_automatic: bool = False) -> None:
        """Search for a text that is no corporation number. If the text is the identifier of one record or operation,
        or if exactly one company matches a text without conditions, open its page; a company is not opened if it only
        matches another spelling of the text. No page opens if the search doesn't understand a word. Otherwise list
        the matches or, if there are none, show the next steps. If the program searches again without a request of the
        person (`is_automatic`), only update the list of found records: the current row and the focus stay, and no
        page opens.
        """
        limit = self._search_limit
        self.context.run_read(
            lambda services: services.lookup.search(text, limit),
            lambda search_result: self._show_search_result(text, search_result, is_automatic=is_automatic),
            lambda failure: self._show_search_failure(text, failure),
            caller=self,
            key=self,
        )

    def _show_search_failure(self, text: str, failure: Failure) -> None:
        """Show the reason why the search for `text` failed, unless the person has looked up another text
        meanwhile."""
        if text == self._looked_up_text:
            self.show_reading_failure(failure)

    def _show_search_result(self, text: str, result: SearchResult, *, is_automatic: bool) -> None:
        if text != self._looked_up_text:
            return
        if not self.isVisible():  # it must open no page in place of the one that the person looks at meanwhile
            self.refresh("asked")  # searches again when the person returns
            return
        self.mark_data_read()
        shown_widget = self.result_stack.currentWidget()
        if is_automatic and isinstance(shown_widget, FoundRecordsPanel):
            shown_widget.show_records(result, is_automatic=True)
            return
        problems = wording.join_sentences(
            (format_search_problem(problem, self.context.translate) for problem in result.query.problems),
            self.context.translate,
        )
        self.number_field.show_search_problem(problems)
        records = tuple(result.records)
        companies = list_found_companies(result.companies, records, self.context) if result.query.words else ()
        if result.exact_match is not None and not problems:
            self.context.route_replacement_requested.emit(_make_subject_route(result.exact_match))
        elif (
            len(companies) == 1
            and not result.companies.other_spelling
            and not result.query.has_conditions
            and not problems
        ):
            number_text = wording.format_corporation_number(companies[0].corporation_number)
            self.context.route_replacement_requested.emit(LookupRoute(number_text))
        elif records:
            self._show_found_records(result, companies if not result.query.has_conditions else ())
        elif companies and not result.query.has_conditions:
            self._show_found_companies(result, companies)
        else:
            self._looked_up_text = ""
            self._replace_result(self._make_nothing_found_message(text.strip()[:40], result))
            self.take_focus()

    def _show_found_records(self, result: SearchResult, companies: Sequence[FoundCompany]) -> None:
        found_panel = FoundRecordsPanel(self.context, result, companies)
        found_panel.company_opened.connect(self._open_corporation_number)
        found_panel.record_opened.connect(self._open_found_record)
        found_panel.more_requested.connect(self._search_with_higher_limit)
        self._replace_result(found_panel)
        self.take_focus()

    def _show_found_companies(self, result: SearchResult, companies: Sequence[FoundCompany]) -> None:
        title = make_company_list_title(result, companies, self.context)
        company_list = CompanyList(self.context, companies, title, result.companies.registry_date)
        company_list.opened.connect(self._open_corporation_number)
        self._replace_result(company_list)
        self.take_focus()

    @Slot()
    def _search_with_higher_limit(self) -> None:
        """Search for the same text again with _SEARCH_LIMIT_FACTOR times the limit (the number of records per kind),
        at most _MAX_SEARCH_LIMIT records."""
        self._search_limit = min(self._search_limit * _SEARCH_LIMIT_FACTOR, _MAX_SEARCH_LIMIT)
        self._search_text(self._looked_up_text)

    @Slot(object)
    def _open_found_record(self, record: ShownRecord) -> None:
        self.context.navigate(case_words.make_record_route(record, (), "lookup"))

    def _make_nothing_found_message(self, typed_text: str, result: SearchResult) -> EmptyState:
        """Return the message that replaces the list if nothing matches the typed text. It contains the time of the
        search and the next steps. If not all records were searched, the message says this. On a desk without
        a corporation registry, it says that a search by company name needs a registry, unless the text has only
        conditions: such a search has not asked the registry. For a single character, it says that a search within
        names needs two characters."""
        translate = self.context.translate
        hints = [translate("lookup.nothing_hint", at=self.context.now())]
        if result.is_partial:
            hints.insert(0, translate("search.partial"))
        if result.companies.is_one_character:
            hints.append(translate("lookup.one_character"))
        if result.query.words and result.companies.registry_date is None:
            hints.append(translate("lookup.no_registry"))
        return EmptyState(
            translate("lookup.nothing", text=typed_text), wording.join_sentences(hints, translate), icon_name="search"
        )

    @Slot(str)
    def _open_corporation_number(self, corporation_number: str) -> None:
        self.context.navigate(LookupRoute(wording.format_corporation_number(corporation_number)))

    def _remove_result(self) -> None:
        """Remove the shown result. Also cancel a requested dialog about the company whose data is still being
        read.
        """
        self.cancel_requested_dialog()
        self.reset_read_state()
        self._replace_result(QWidget())

    def _replace_result(self, widget: QWidget) -> None:
        """Show this widget below the input field in place of the previous result."""
        old_widget = self.result_stack.widget(0)
        self.result_stack.insertWidget(0, widget)
        self.result_stack.setCurrentWidget(widget)
        if old_widget is not None:
            self.result_stack.removeWidget(old_widget)
            old_widget.deleteLater()

    @Slot(object)
    def _open_record(self, record: ShownRecord) -> None:
        self.context.navigate(case_words.make_record_route(record, self.company_panel.list_visible_refs(), "lookup"))

    @Slot()
    def _focus_number_field(self) -> None:
        self.number_field.edit.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.number_field.edit.selectAll()


def _list_export_refs(request: ExportRequest, services: "Console") -> Sequence[RecordRef]:
    """Return kind and id of all records in the list that `request` names: records of a corporation number, or of a
    search."""
    if request.name is ListName.SEARCH:
        return list(
            map(case_words.make_record_ref, services.lookup.search(request.subject, _MAX_SEARCH_LIMIT).records)
        )
    lookup_result = services.lookup.find_records(request.subject)
    records_of_tab: Mapping[str, Sequence[ShownRecord]] = {
        "payments": lookup_result.payments,
        "refunds": lookup_result.refunds,
        "orders": lookup_result.orders,
        "checks": lookup_result.credit_checks,
    }
    lists = [records_of_tab[request.part]] if request.part in records_of_tab else records_of_tab.values()
    return [case_words.make_record_ref(record) for records in lists for record in records]


def _make_subject_route(subject: SearchSubject) -> Route:
    kind, subject_id = subject
    return OperationRoute(subject_id) if isinstance(subject_id, str) else make_route_to_record(kind, subject_id)
