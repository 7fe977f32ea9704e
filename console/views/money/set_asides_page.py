"""The page of the money set aside, with one row for each payment that exceeded the limit of an account. The buttons
of the page request a refund of this money, or open that refund."""

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from console.domain.exports.tables import ExportRequest, ListName
from console.domain.payments.records import SetAsideState
from console.domain.payments.service_results import SetAsideItem
from console.views.exports import list_export
from console.views.exports.list_export import ListExporter
from console.views.pages.base import Page, set_tab_order
from console.views.pages.column_preferences import ColumnWidthStorage
from console.views.pages.permission_buttons import bind_button_to_right
from console.views.pages.static_table import StaticTable, TableOrEmptyState
from console.views.presenters import credit_checks as words
from console.views.presenters import records as case_words
from console.views.presenters.columns import measure_column_width
from console.views.records.actions import RecordActionHandlers
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import PaymentRoute, RefundRoute
from console.views.tables.columns import Column, StateCell
from console.views.theme.design_tokens import Tone
from console.views.widgets.base import Surface, make_row
from console.views.widgets.controls.buttons import KeyButton, ReasonLabel
from console.views.widgets.display.placeholders import EmptyState
from console.wording.sentences import catalogue as wording

_MAX_SET_ASIDES = 200
_ICON_AND_TONE_BY_SET_ASIDE_STATE: dict[SetAsideState, tuple[str, Tone]] = {
    SetAsideState.OPEN: ("square_bang", "care"),
    SetAsideState.REFUNDING: ("hourglass", "progress"),
    SetAsideState.REFUNDED: ("arrow_back", "text"),
    SetAsideState.REVERSED: ("arrow_back", "bad"),
}


class SetAsidesPage(Page):
    """The page that lists the money set aside. The R key opens the dialog that requests a refund for the selected
    row."""

    sidebar_key = "queues"
    help_key = "help.set_asides"
    key_hints = (
        (("↓", "↑"), "key.move"),
        (("Enter",), "key.open"),
        (("R",), "key.refund"),
        *list_export.EXPORT_KEY_HINTS,
        (("Esc",), "key.back"),
    )

    def __init__(self, context: WindowContext) -> None:
        super().__init__(context)
        translate = context.translate
        self.action_handlers = RecordActionHandlers(context, self)
        self.head = self.make_page_head(translate("screen.set_asides"), translate("set_asides.sentence"))
        self.exporter = ListExporter(context, self, lambda: ExportRequest(ListName.SET_ASIDES), self.head)
        self.table = StaticTable(
            context,
            _make_set_aside_columns(context),
            _get_set_aside_id,
            translate("screen.set_asides"),
            hideable_columns=("limit",),
        )
        ColumnWidthStorage(context, self.table, "set_asides")
        self.table_or_empty_state = TableOrEmptyState(
            self.table,
            EmptyState(translate("set_asides.empty"), translate("set_asides.empty_hint"), icon_name="check"),
        )
        self.request_button = bind_button_to_right(
            context, KeyButton(translate("set_asides.ask"), "R", "primary", binds_key=False), "refund_request"
        )
        self.request_button.clicked.connect(self.request_refund)
        self.open_refund_button = KeyButton(translate("action.open_refund"))
        self.open_refund_button.clicked.connect(self._open_refund)
        footer = Surface(is_raised=True, edge="top")
        footer.setLayout(
            make_row(
                self.request_button,
                ReasonLabel(self.request_button),
                self.open_refund_button,
                None,
                margins=(24, 8, 24, 8),
            )
        )
        self.add_content(self.head)
        self.add_content(self.table_or_empty_state, 1)
        self.add_content(footer)
        self.add_key_hints(self.table)
        self.table.opened.connect(self._open_payment)
        self.table.current_changed.connect(self._update_buttons)
        self.table.current_changed.connect(self._update_current_record)
        self.table.rows.page_applied.connect(self._select_first_row)
        self.bind_shortcut("R", self._press_request_button)
        set_tab_order(*self.head.focus_stops, self.table, self.request_button, self.open_refund_button)

    def show_route(self, route: object) -> None:
        self.refresh("entered")

    def list_focus_targets(self) -> Sequence[QWidget | None]:
        return (self.table,)

    def is_affected_by(self, changes: frozenset[tuple[str, int]]) -> bool:
        return any(kind in ("payment", "refund") for kind, _ in changes)

    def read_data(self, reason: str) -> None:
        self.context.run_read(
            lambda services: services.payments.list_set_asides(_MAX_SET_ASIDES),
            partial(self._show_set_asides, is_automatic=reason == "changed", after_action=reason == "acted"),
            self.show_reading_failure,
            caller=self,
            key="set-asides",
        )

    def _show_set_asides(
        self, items: tuple[SetAsideItem, ...], *, is_automatic: bool = False, after_action: bool = False
    ) -> None:
        self.mark_data_read()
        self.table_or_empty_state.show_rows(items, is_automatic=is_automatic, after_action=after_action)
        self._update_buttons(self.table.current_item)

    @Slot()
    def _select_first_row(self) -> None:
        if self.table.current_item is None:
            self.table.go_to_first_row()
        self._update_buttons(self.table.current_item)

    @Slot()
    def _update_current_record(self) -> None:
        """Make the set-aside of the current row the record to which the page's actions apply."""
        item = self.current_item
        self.action_handlers.set_current_record(("set-aside", _get_set_aside_id(item)) if item is not None else None)

    @property
    def current_item(self) -> SetAsideItem | None:
        selected_row = self.table.current_item
        return selected_row if isinstance(selected_row, SetAsideItem) else None

    @Slot(object)
    def _update_buttons(self, row: object) -> None:
        """Show the buttons that fit the current row: the button that requests a refund if the set-aside is open, and
        the button that opens its refund if it has one. The line at the bottom names the key of a shown button."""
        has_refund = isinstance(row, SetAsideItem) and row.record.refund_id is not None
        is_open = isinstance(row, SetAsideItem) and row.record.state is SetAsideState.OPEN
        self.request_button.setVisible(is_open)
        self.open_refund_button.setVisible(has_refund)
        self.hide_key_hints(() if is_open else {"key.refund"})

    def _press_request_button(self) -> None:
        """Press the button that requests a refund, because its shortcut was pressed. If it is hidden or disabled,
        show the reason."""
        key = "act.none_selected" if self.current_item is None else "set_asides.not_open"
        self.press_button(self.request_button, self.context.translate(key))

    @Slot()
    def request_refund(self) -> None:
        """Open the dialog that requests a refund of the money in the selected row. Do nothing if no row is selected,
        the button is disabled, or the set-aside isn't open."""
        item = self.current_item
        if item is not None and self.request_button.isEnabled() and item.record.state is SetAsideState.OPEN:
            self.action_handlers.open_refund_dialog(item.payment.id, item.record.id)

    @Slot(object)
    def _open_payment(self, set_aside_item: SetAsideItem) -> None:
        self.context.navigate(PaymentRoute(set_aside_item.payment.id, (), self.sidebar_key))

    @Slot()
    def _open_refund(self) -> None:
        item = self.current_item
        if item is not None and item.record.refund_id is not None:
            self.context.navigate(RefundRoute(item.record.refund_id, (), self.sidebar_key))


def _get_set_aside_id(set_aside_item: SetAsideItem) -> int:
    return set_aside_item.record.id


def _make_set_aside_columns(context: WindowContext) -> list[Column]:
    translate = context.translate

    def make_state_cell(set_aside_item: SetAsideItem) -> StateCell:
        return StateCell(
            translate(f"state.set_aside.{set_aside_item.record.state}"),
            *_ICON_AND_TONE_BY_SET_ASIDE_STATE[set_aside_item.record.state],
        )

    def make_money_column(
        column_name: str, title: str, get_amount_minor: Callable[[SetAsideItem], int | None]
    ) -> Column:
        def format_text(set_aside_item: SetAsideItem) -> str:
            minor = get_amount_minor(set_aside_item)
            return wording.NO_VALUE if minor is None else wording.format_amount(minor, set_aside_item.record.currency)

        return Column(column_name, title, measure_column_width("¥12,345,678", 16), format_text, "amount")

    return [
        Column(
            "age", translate("column.age"), 84,
            lambda item: words.make_age_cell(item.record.created_at, context), "age",
            make_spoken_text=lambda item: words.format_spoken_age(item.record.created_at, context),
        ),
        Column("company", translate("column.corporation"), measure_column_width("8 8888 8888 8888", 16),
               lambda item: case_words.format_company_or_title(item.payment, context),
               make_full_text=lambda item: case_words.format_company_name_and_number(item.payment, context)),
        Column("payment", translate("kind.payment"), 140,
               lambda item: case_words.format_short_title(item.payment, context)),
        Column("provider", translate("column.provider"), 96,
               lambda item: case_words.get_record_provider_name(item.payment, context)),
        make_money_column("paid", translate("money.part.paid"), lambda item: item.payment.captured_minor),
        make_money_column("aside", translate("money.part.set_aside"), lambda item: item.record.amount_minor),
        make_money_column("limit", translate("set_asides.limit"), lambda item: item.limit_minor),
        Column("state", translate("column.state"), 160, make_state_cell, "state", is_stretched=True),
    ]  # fmt: skip
