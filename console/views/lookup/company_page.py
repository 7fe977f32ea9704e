"""The widget with all records of one corporation: its open items, a tab for each kind of record, and at the right
the live credit check (the one that blocks another purchase for the same client)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from PySide6.QtCore import QEvent, QSize, Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from console.domain.lookup.lookup_result import LookupResult
from console.domain.payments.records import Order, Payment, Refund
from console.domain.record_kinds import RECORD_KINDS
from console.domain.records import Certainty, CreditCheck
from console.domain.recovery.decision_rules import find_refetch_refusal
from console.views.lookup.company_tabs import COMPANY_TAB_NAMES, CompanyTab
from console.views.lookup.company_totals import CompanyTotalsPanel
from console.views.lookup.live_check_panel import LiveCheckPanel
from console.views.lookup.open_items import OpenRecordList
from console.views.pages.base import (
    compute_side_panel_width,
    find_focused_widget,
    has_room_beside_lists,
    set_tab_order,
)
from console.views.pages.column_preferences import ColumnWidthStorage
from console.views.pages.permission_buttons import bind_button_to_right
from console.views.pages.static_table import StaticTable, TableOrEmptyState
from console.views.presenters import records as case_words
from console.views.presenters.records import ShownRecord, make_record_ref
from console.views.records.actions import RecordActionHandlers
from console.views.records.columns import (
    format_name_with_kind,
    make_credit_check_columns,
    make_record_columns,
    return_record,
)
from console.views.registry.facts_view import CorporationFactsView
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import RecordRef
from console.views.tables.columns import Column
from console.views.theme.theme import current_appearance
from console.views.widgets.base import Surface, TextLabel, make_column, make_row
from console.views.widgets.controls.buttons import KeyButton, ReasonLabel
from console.views.widgets.controls.tabs import TabBar
from console.views.widgets.display.copyable_id import CopyableId
from console.views.widgets.display.placeholders import EmptyState
from console.views.widgets.layout.flow_layout import make_flow_widget
from console.wording import registry as registry_words
from console.wording.company import format_company_summary
from console.wording.sentences import catalogue as wording

_MIN_WIDTH_WITH_PANEL_PX = 900  # px at text size 1
_CREDIT_CHECK_COLUMN_NAMES = ("day", "record", "client", "state", "certainty", "result", "work", "next", "age")


class _CompanyNameLabel(TextLabel):
    """Label with a company's name. The name is on one line if the line has room for it; otherwise it wraps."""

    def sizeHint(self) -> QSize:
        width = self.measure_line_width()
        return QSize(width, self.heightForWidth(width))


class CompanyPanel(QWidget):
    """The widget that shows all records of one corporation number, as part of the lookup page. `action_handlers` runs
    the actions on the current record, such as a purchase, a probe or a refund.

    Signals:
    - record_requested(object): the person wants to open the page of this record.
    - position_changed(str): the position of the selected row in the visible list, as text; "" if no row is selected.
    - number_requested(str): the person wants to look up this corporation number.
    """

    record_requested = Signal(object)
    number_requested = Signal(str)
    position_changed = Signal(str)

    def __init__(
        self, context: WindowContext, action_handlers: RecordActionHandlers, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._context, self._action_handlers = context, action_handlers
        self.number = ""
        self._has_room_for_live_check_panel = True
        self.lookup_result: LookupResult | None = None
        self.credit_checks: tuple[CreditCheck, ...] = ()
        self.all_records: tuple[ShownRecord, ...] = ()
        self._record_by_ref: Mapping[RecordRef, ShownRecord] = {}
        self.open_items = OpenRecordList(context)
        self.table = StaticTable(
            context,
            _make_check_columns(context),
            _get_record_id,
            context.translate("lookup.checks"),
            hideable_columns=("next", "client", "work"),
        )
        ColumnWidthStorage(context, self.table, "company.checks")
        self.tabs = TabBar(context.translate("record.tabs"))
        self.live_check_panel = LiveCheckPanel(context)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._make_company_head())
        layout.addWidget(self.open_items)
        middle = make_row(self._make_record_list_tabs(), self.live_check_panel, gap_px=0)
        middle.setStretch(0, 1)
        layout.addLayout(middle, 1)
        self._connect_signals()

    def _make_company_head(self) -> QWidget:
        translate = self._context.translate
        self.name_label = _CompanyNameLabel("", "title", heading_level=2, wraps_lines=True)
        self.number_label = CopyableId(
            "", "", translate("field.corporation_number"), copy_label=translate("action.copy")
        )
        self.number_label.copied.connect(self._action_handlers.show_copied_toast)
        self.furigana_label = _CompanyNameLabel("", "small", "muted", wraps_lines=True)
        self.registry_facts = CorporationFactsView(self._context)
        self.registry_facts.number_requested.connect(self.number_requested)
        self.totals_panel = CompanyTotalsPanel(self._context)
        self.copy_button = KeyButton(
            translate("company_page.copy_summary"), "Ctrl+Shift+C", icon="copy", binds_key=False
        )
        self.copy_button.clicked.connect(self.copy_summary)
        self.facts_label = TextLabel("", "small", "muted")
        self.read_time_label = TextLabel("", "small", "muted")
        buy = KeyButton(translate("action.purchase"), "B", "primary", binds_key=False)
        self.buy_button = bind_button_to_right(self._context, buy, "purchase")
        self.buy_button.clicked.connect(self.open_purchase_dialog)
        number_title = TextLabel(translate("field.corporation_number"), "small", "muted")
        head = Surface(edge="bottom")
        numbers = make_flow_widget(number_title, self.number_label, self.facts_label, self.read_time_label, gap_px=12)
        title_line = make_row()
        names = make_flow_widget(self.name_label, self.furigana_label, gap_px=12)
        title_line.addLayout(make_column(names, numbers, gap_px=2), 1)
        title_line.addWidget(make_flow_widget(self.copy_button, self.buy_button), 0, Qt.AlignmentFlag.AlignTop)
        # On a line of its own: beside the buttons, a long reason would take the width of the company's name.
        purchase_reason_label = ReasonLabel(self.buy_button)
        purchase_reason_label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        head.setLayout(
            make_column(
                title_line,
                purchase_reason_label,
                self.registry_facts,
                self.totals_panel,
                gap_px=2,
                margins=(24, 12, 24, 14),
            )
        )
        return head

    def _make_record_list_tabs(self) -> QWidget:
        """Return the widget with the tabs: one tab for each kind of record, and the tabs for documents, notes and
        history."""
        translate = self._context.translate
        list_area = QWidget(self)
        head = Surface(list_area, edge="bottom")
        head.setLayout(make_row(self.tabs, None))
        self.list_stack = QStackedWidget(list_area)
        self.money_list_by_name = {
            name: self._make_money_record_list(name) for name in COLUMN_NAMES_BY_MONEY_RECORD_LIST
        }
        for name in ("payments", "refunds", "orders"):
            self.tabs.add_tab(translate(f"record.tab.{name}"), data=name)
            self.list_stack.addWidget(self.money_list_by_name[name])
        self.tabs.add_tab(translate("lookup.checks"), data="checks")
        self.no_records = EmptyState(translate("lookup.none_title"), translate("lookup.none"), icon_name="search")
        self.check_stack = QStackedWidget(self.list_stack)
        self.check_stack.addWidget(self.table)
        self.check_stack.addWidget(self.no_records)
        self.no_records_of_registered = EmptyState(
            translate("lookup.none_title"), translate("lookup.none_of_known"), icon_name="search"
        )
        self.check_stack.addWidget(self.no_records_of_registered)
        self.list_stack.addWidget(self.check_stack)
        self.company_tabs = [
            CompanyTab(self._context, name, self._name_record, self.list_stack) for name in COMPANY_TAB_NAMES
        ]
        for tab in self.company_tabs:
            tab.tab_index = self.tabs.add_tab(translate(f"company_page.tab.{tab.name}"), data=tab.name)
            self.tabs.reserve_width_for_count(tab.tab_index)
            tab.row_count_known.connect(self._show_row_counts)
            tab.row_count_known.connect(self._show_position)
            tab.record_requested.connect(self._request_record)
            self.list_stack.addWidget(tab)
        self.tabs.currentChanged.connect(self._show_list_of_tab)
        list_area.setLayout(make_column(head, self.list_stack, gap_px=0))
        return list_area

    def _make_money_record_list(self, name: str) -> TableOrEmptyState:
        table = _make_money_record_table(self._context, name)
        table.opened.connect(self.record_requested)
        table.current_changed.connect(self._show_position)
        table.rows.page_applied.connect(partial(self._select_first_row, table))
        wording_key, translate = f"lookup.no_{name}", self._context.translate
        empty_state = EmptyState(translate(wording_key), translate(f"{wording_key}_hint"), icon_name="dash")
        return TableOrEmptyState(table, empty_state, self.list_stack)

    def _connect_signals(self) -> None:
        self.table.opened.connect(self._open_check_row)
        self.table.current_changed.connect(self._show_selected_check)
        self.table.current_changed.connect(self._show_position)
        self.table.rows.page_applied.connect(self._select_first_check)
        self.open_items.record_requested.connect(self.record_requested)
        self.live_check_panel.record_requested.connect(self._open_check)
        self.live_check_panel.refetch_requested.connect(self._refetch_live_check)
        self.live_check_panel.pdf_requested.connect(self._open_pdf)

    # -- display

    def show_result(self, result: LookupResult, *, is_automatic: bool = False) -> None:
        """Show the records of a corporation number. `is_automatic` is True if the program has read them again
        without a request of the person; then no row may move while the mouse pointer is over the list."""
        context, is_other_number = self._context, result.corporation_number != self.number
        self.lookup_result = result
        self.number, self.credit_checks = result.corporation_number, result.credit_checks
        self.all_records = (*result.payments, *result.refunds, *result.orders, *result.credit_checks)
        self._show_company_names(result)
        self.totals_panel.show_totals(result.totals)
        self._record_by_ref = {case_words.make_record_ref(record): record for record in self.all_records}
        refs = tuple(self._record_by_ref)
        for tab in self.company_tabs:
            tab.mark_outdated(refs, is_other_company=is_other_number)
        self._show_row_counts()
        self.number_label.show_id(wording.format_corporation_number(self.number), self.number)
        clients = sorted({record.client_id for record in self.credit_checks}, key=int)
        facts_key = "lookup.facts" if len(clients) == 1 else "lookup.facts_of_several"
        self.facts_label.show_text(
            context.translate(facts_key, n=len(self.credit_checks), clients=clients) if clients else ""
        )
        self.facts_label.setVisible(bool(clients))  # an empty label would leave a gap before the next text
        lists = {"payments": result.payments, "refunds": result.refunds, "orders": result.orders}
        for tab_index, (name, records) in enumerate(lists.items()):
            self.money_list_by_name[name].show_rows(records, is_automatic=is_automatic)
            self.tabs.set_count(tab_index, wording.format_count(len(records)))
        self.tabs.set_count(len(lists), wording.format_count(len(self.credit_checks)))
        self.read_time_label.show_text(context.translate("screen.last_read", at=context.now()))
        self.open_items.show_records(
            [record for record in self.all_records if case_words.is_record_open(record)],
            must_keep_places=is_automatic and self.underMouse(),
        )
        self.table.show_rows(self.credit_checks, is_automatic=is_automatic)
        facts = result.corporation
        is_in_registry = facts is not None and facts.corporation is not None
        no_records = self.no_records_of_registered if is_in_registry else self.no_records
        self.check_stack.setCurrentWidget(self.table if self.credit_checks else no_records)
        if is_other_number:
            self.tabs.setCurrentIndex(0 if result.payments else len(lists))
        self._show_list_of_tab(self.tabs.currentIndex())
        self._show_selected_check(self.table.current_item)
        tables = [table_or_empty_state.table for table_or_empty_state in self.money_list_by_name.values()]
        head_stops = (self.number_label, *self.registry_facts.focus_stops, self.copy_button, self.buy_button)
        late_tables = [tab.table for tab in self.company_tabs]
        stops = (*head_stops, *self.open_items.focus_stops, self.tabs, *tables, self.table, *late_tables)
        set_tab_order(*stops, *self.live_check_panel.focus_stops)

    def leaveEvent(self, event: QEvent) -> None:
        """When the mouse pointer leaves the panel, show the records of the list that were held back while it was
        there.
        """
        super().leaveEvent(event)
        self.open_items.show_held_back_records()

    def _show_company_names(self, result: LookupResult) -> None:
        """Show the company's official name and its reading in kana, and the registry's data about the company. If the
        corporation registry doesn't have the company, show the name from one of the credit checks."""
        context, facts = self._context, result.corporation
        corporation = facts.corporation if facts is not None else None
        our_names = [record.company_name for record in self.credit_checks]
        name = next((name for name in our_names if name), "")
        if corporation is not None:
            name = registry_words.get_official_name(corporation, context.translate)
        self.name_label.show_text(name or context.translate("record.no_name"), "text" if name else "muted")
        furigana = corporation.furigana if corporation is not None else ""
        self.furigana_label.show_text(furigana)
        self.furigana_label.setVisible(bool(furigana))  # an empty label can need a line of its own
        changes = (record.relations for record in self.credit_checks if record.relations is not None)
        open_change = next(
            ((change.change_alert_id, change.observed_change) for change in changes if change.change_alert_id), None
        )
        self.registry_facts.show_facts(facts, our_names, open_change)

    @Slot(int)
    def _show_list_of_tab(self, tab_index: int) -> None:
        """Show the list of the tab with the index `tab_index`. The panel with the live credit check is visible only
        beside the list of credit checks."""
        self.list_stack.setCurrentIndex(tab_index)
        shown_list = self.list_stack.currentWidget()
        if isinstance(shown_list, CompanyTab):
            shown_list.read_rows()
        self.live_check_panel.setVisible(
            self._has_room_for_live_check_panel and bool(self.credit_checks) and self.is_showing_credit_checks
        )
        self._show_position()

    @property
    def visible_list_name(self) -> str:
        """The name of the visible list of records: payments, refunds, orders or checks; "" for documents, notes
        and history."""
        name = str(self.tabs.get_tab_data(self.tabs.currentIndex()))
        return name if name in (*COLUMN_NAMES_BY_MONEY_RECORD_LIST, "checks") else ""

    @property
    def is_showing_credit_checks(self) -> bool:
        return self.list_stack.currentWidget() is self.check_stack

    def _get_visible_table(self) -> StaticTable:
        visible_list = self.list_stack.currentWidget()
        if isinstance(visible_list, CompanyTab):
            return visible_list.table
        return visible_list.table if isinstance(visible_list, TableOrEmptyState) else self.table

    @Slot()
    def _show_position(self) -> None:
        """Emit `position_changed` with the position of the selected row, and make its record the current record of
        the page's actions."""
        table = self._get_visible_table()
        position, total = table.current_row + 1, wording.format_count(len(table.all_rows))
        position_text = self._context.translate("queue.position", position=position, total=total) if position else ""
        self.position_changed.emit(position_text)
        record = table.current_item
        if isinstance(record, CreditCheck | Order | Payment | Refund):
            self._action_handlers.set_current_record(case_words.make_record_ref(record))

    def _select_first_row(self, table: StaticTable) -> None:
        if table.current_item is None:
            table.go_to_first_row()
        self._show_position()

    @Slot()
    def _select_first_check(self) -> None:
        if self.table.current_item is None:
            self.table.go_to_first_row()
        self._show_selected_check(self.table.current_item)

    @Slot(object)
    def _show_selected_check(self, record: object) -> None:
        current_check = record if isinstance(record, CreditCheck) else None
        self.live_check_panel.show_records(current_check, self.credit_checks)
        self._update_purchase_button()
        self._show_position()

    def _update_purchase_button(self) -> None:
        """Disable the purchase button while the outcome of the live credit check that the panel shows is unknown,
        because the check may have been bought already. The button is the primary one only if all these conditions
        are met: the panel shows no live check, none of the shown checks is denied but bought, and the corporation
        registry, if there is one, has the number of a company that isn't closed. The page of a merged company has
        another primary button, which opens the successor.
        """
        live_check = self.live_check_panel.record
        relations = (record.relations for record in self.all_records if isinstance(record, CreditCheck))
        is_denied = any(
            check_relations is not None and check_relations.open_denial_ids for check_relations in relations
        )
        is_unknown = live_check is not None and live_check.certainty is Certainty.UNKNOWN
        client = live_check.client_id if live_check is not None else ""
        self.buy_button.block(self._context.translate("lookup.bought_perhaps", client=client) if is_unknown else "")
        facts = self.lookup_result.corporation if self.lookup_result is not None else None
        corporation = facts.corporation if facts is not None else None
        is_closed = facts is not None and (corporation is None or corporation.closure is not None)
        self.buy_button.set_kind("primary" if live_check is None and not is_denied and not is_closed else "default")

    def list_focus_targets(self) -> Sequence[QWidget | None]:
        """Return the widgets that may get the focus when the page opens, in order of preference: the visible table
        (None if it has no rows), the tabs, and the corporation number. The purchase button isn't among them: Enter
        would start a purchase that nobody chose."""
        table = self._get_visible_table()
        return table if table.all_rows else None, self.tabs, self.number_label

    @Slot()
    def _show_row_counts(self) -> None:
        """Show the number of rows in the titles of the tabs documents, notes and history whose rows are loaded and
        up to date."""
        for tab in self.company_tabs:
            count = tab.row_count
            text = "" if count is None else wording.format_count(count, is_capped=tab.may_lack_older_rows)
            self.tabs.set_count(tab.tab_index, text)

    @Slot(object)
    def _request_record(self, ref: RecordRef) -> None:
        """Emit `record_requested` for the record with this kind and id, to which a document, note or event
        belongs."""
        record = self._record_by_ref.get(ref)
        if record is not None:
            self.record_requested.emit(record)

    def _name_record(self, ref: RecordRef) -> str:
        """Return the name of the company's record with this kind and id, for a list of records of several kinds."""
        kind, id = ref
        record = self._record_by_ref.get(ref)
        if record is not None:
            return format_name_with_kind(record, self._context)
        return f"{self._context.translate(f'kind.{kind}')} {id}"

    def has_rows_to_open(self) -> bool:
        """Return True if the visible list or the list of open items has a row."""
        return bool(self._get_visible_table().all_rows or self.open_items.focus_stops)

    def list_records_for_shortcuts(self) -> list[ShownRecord]:
        """Return the records to which keys of the page can apply: those of the visible list and the open items."""
        rows = self._get_visible_table().all_rows if self.visible_list_name else ()
        return [*rows, *filter(case_words.is_record_open, self.all_records)]

    def list_visible_refs(self) -> tuple[RecordRef, ...]:
        """Return kind and id of all records in the visible list; () for documents, notes and history. A route
        stores them, so that the page of a record has keys for the previous and the next record of this list."""
        rows = self._get_visible_table().all_rows
        if isinstance(self.list_stack.currentWidget(), CompanyTab):
            return ()
        return tuple(case_words.make_record_ref(record) for record in rows)

    # -- actions

    @property
    def current_record(self) -> ShownRecord | None:
        """The record to which the keys of the page apply. It is the record of the focused open item, or of the
        focused widget in the panel at the right; otherwise the record of the selected row in the visible list. None
        if there is no such record.
        """
        focus = find_focused_widget(self.window())
        if focus is not None and self.open_items.isAncestorOf(focus):
            return self.open_items.find_record(focus)
        if focus is not None and (id := self.live_check_panel.find_check_id(focus)) is not None:
            return next((check for check in self.credit_checks if check.id == id), None)
        row = self._get_visible_table().current_item
        return row if isinstance(row, CreditCheck | Payment | Refund | Order) else None

    @Slot()
    def open_purchase_dialog(self) -> None:
        """Open the dialog that buys a credit check for this corporation. If the purchase button is disabled, show
        the reason."""
        if self.number and self.buy_button.isEnabled():
            self._action_handlers.open_purchase_dialog(self.number)
        else:
            self._action_handlers.page.show_key_refusal(
                self.buy_button.shown_reason or self._context.translate("act.no_company")
            )

    @Slot()
    def refetch_current_record(self) -> None:
        """Open the re-fetch dialog for the current record. If no re-fetch of this record is possible, show the
        reason."""
        self._refetch_record(self.current_record)

    @Slot()
    def _refetch_live_check(self) -> None:
        self._refetch_record(self.live_check_panel.record)

    def _refetch_record(self, record: ShownRecord | None) -> None:
        """Open the re-fetch dialog for `record`. Show the reason instead if `record` is None, if it is no credit
        check, or if nothing of it can be re-fetched."""
        refusal = find_refetch_refusal(record) if isinstance(record, CreditCheck) else None
        if isinstance(record, CreditCheck) and refusal is None:
            self._action_handlers.open_refetch_dialog(record)
        else:
            self._show_key_refusal(record, f"reason.{refusal}" if refusal else "act.only_checks")

    @Slot()
    def probe_current_record(self) -> None:
        """Ask the provider for the outcome of the current record. If there is no current record, show a message that
        says this."""
        record = self.current_record
        if record is not None:
            self._action_handlers.probe_record(record)
        else:
            self._show_key_refusal(record, "")

    @Slot()
    def request_refund_of_current_record(self) -> None:
        """Open the dialog that requests a refund of the current record. If the record is no payment, show the
        reason."""
        record = self.current_record
        if isinstance(record, Payment):
            self._action_handlers.open_refund_dialog(record.id)
        else:
            self._show_key_refusal(record, "act.only_payments")

    def _show_key_refusal(self, record: ShownRecord | None, reason_key: str) -> None:
        """Show the reason why a shortcut does nothing: if `record` is None, a sentence which says that no record is
        selected; otherwise the sentence with the wording key `reason_key`."""
        self._action_handlers.page.show_key_refusal(
            self._context.translate(reason_key if record is not None else "act.none_selected")
        )

    @Slot()
    def copy_number(self) -> None:
        """Copy the corporation number to the clipboard."""
        if self.number:
            self._action_handlers.copy_text(self.number)

    @Slot()
    def copy_summary(self) -> None:
        """Copy a summary of the company, without personal data, to the clipboard, so that the person can paste it
        into a support ticket."""
        if self.lookup_result is None:
            return
        context = self._context
        open_records = [record for record in self.all_records if case_words.is_record_open(record)]
        text = format_company_summary(
            self.lookup_result, self.name_label.plain, open_records, context.now(), context.language
        )
        QGuiApplication.clipboard().setText(text)
        context.show_toast(
            context.translate("company_page.summary_copied"), text.partition("\n")[0], "copy", subject_title=""
        )

    @Slot(object)
    def _open_check_row(self, record: CreditCheck) -> None:
        self.record_requested.emit(record)

    @Slot(int)
    def _open_check(self, id: int) -> None:
        record = next((check for check in self.credit_checks if check.id == id), None)
        if record is not None:
            self.record_requested.emit(record)

    @Slot(int)
    def _open_pdf(self, id: int) -> None:
        from console.views.runtime.routes import PdfRoute

        self._context.navigate(PdfRoute(id))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._has_room_for_live_check_panel = self.width() >= _MIN_WIDTH_WITH_PANEL_PX * current_appearance().scale
        self.live_check_panel.setVisible(
            self._has_room_for_live_check_panel and bool(self.credit_checks) and self.is_showing_credit_checks
        )
        panel_name = "company_side_panel" if has_room_beside_lists(self.window()) else "approval_list"
        self.live_check_panel.setFixedWidth(compute_side_panel_width(panel_name, self.window()))


def are_records_affected(records: Iterable[ShownRecord], changes: frozenset[tuple[str, int]]) -> bool:
    """Return True if a list that shows `records` must be read again after these changes, which are given as (kind,
    id): a changed record is in the list, or it has a higher id than all records of its kind in the list. It may then
    be a new record of the list.
    """
    refs = {case_words.make_record_ref(record) for record in records}
    newest_ids = {kind: max((id for own_kind, id in refs if own_kind == kind), default=0) for kind, _ in changes}
    return any((kind, id) in refs or id > newest_ids[kind] for kind, id in changes if kind in RECORD_KINDS)


def _make_check_columns(context: WindowContext) -> list[Column]:
    """Return the columns of the table of credit checks. The column `work` (the next step) takes the remaining
    width."""
    columns = make_credit_check_columns(context, _CREDIT_CHECK_COLUMN_NAMES, _return_record)
    return [replace(column, is_stretched=column.key == "work") for column in columns]


def _return_record(record: CreditCheck) -> CreditCheck:
    """Return the record itself: the rows of the table of credit checks are the records."""
    return record


def _get_record_id(record: CreditCheck) -> int:
    return record.id


COLUMN_NAMES_BY_MONEY_RECORD_LIST: Mapping[str, tuple[str, ...]] = {
    "payments": ("day", "name", "provider", "amount", "state", "certainty", "work", "payer", "next", "age"),
    "refunds": ("day", "name", "amount", "state", "certainty", "work", "people", "next", "age"),
    "orders": ("day", "name", "amount", "state", "certainty", "work", "age"),
}


def _make_money_record_table(context: WindowContext, name: str) -> StaticTable:
    """Return the empty table for records of one kind: payments, refunds or orders. `name` is "payments", "refunds" or
    "orders"."""
    state_groups = {
        "payments": ("payment", "waiting", "business"),
        "refunds": ("refund",),
        "orders": ("order",),
    }[name]
    columns = make_record_columns(
        context, COLUMN_NAMES_BY_MONEY_RECORD_LIST[name], return_record, state_groups=state_groups
    )
    table = StaticTable(
        context,
        columns,
        make_record_ref,
        context.translate(f"record.tab.{name}"),
        hideable_columns=("payer", "next", "age", "work"),
    )
    ColumnWidthStorage(context, table, f"company.{name}")
    return table
