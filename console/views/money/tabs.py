"""The tabs on the page of a payment, an order or a refund: timeline, calls to the provider, related records, notes,
stored answers of the provider, and audit entries."""

from collections.abc import Sequence
from datetime import timezone

from console.domain.calendar_days import JST
from console.domain.evidence.timeline import does_event_report_provider_call
from console.domain.payments.consistency import find_money_part_of_refund
from console.domain.payments.provider_registry import get_time_zone
from console.domain.payments.service_results import OrderDetails, PaymentDetails, RefundDetails
from console.views.pages.static_table import StaticTable, TableOrEmptyState
from console.views.presenters import credit_checks as words
from console.views.presenters.records import ShownRecord, make_record_ref
from console.views.records.columns import make_record_columns, return_record
from console.views.records.tabs import RecordTab, RecordTabs, make_empty_tab_state, make_planned_lines
from console.views.runtime.context import WindowContext
from console.views.timelines.timeline_list import TimelineList

_MIN_VISIBLE_TABLE_ROWS = 3
_REFUND_COLUMN_NAMES = ("day", "name", "amount", "state", "certainty", "work", "people", "next")
_COLUMN_NAMES_BY_TAB = {
    "payments": ("day", "name", "provider", "amount", "state", "certainty", "work", "next"),
    "refunds": _REFUND_COLUMN_NAMES,
    "other_refunds": _REFUND_COLUMN_NAMES,  # on the page of a refund
}
_STATE_GROUPS_BY_TAB = {
    "payments": ("payment", "waiting", "business"),
    "refunds": ("refund",),
    "other_refunds": ("refund",),
}


class MoneyTabs(RecordTabs):
    """The tabs on the page of a payment, an order or a refund. `related_tab_names` are the names of the tabs with
    related records, which are between the tabs "attempts" and "notes"."""

    def __init__(self, context: WindowContext, related_tab_names: Sequence[str]) -> None:
        self._call_list = TimelineList(
            context.translate("record.tab.attempts"), repeated_event_texts=words.make_repeated_event_texts(context)
        )
        self._list_by_tab_name = {name: self._make_related_table(context, name) for name in related_tab_names}
        related_tabs = (
            RecordTab(name, table_or_nothing, (table_or_nothing.table,))
            for name, table_or_nothing in self._list_by_tab_name.items()
        )
        tabs_between = (RecordTab("attempts", self._call_list, (self._call_list,)), *related_tabs)
        super().__init__(context, tabs_between, min_row_count=_MIN_VISIBLE_TABLE_ROWS)
        for table_or_nothing in self._list_by_tab_name.values():
            table_or_nothing.table.opened.connect(self.related_record_requested)

    @staticmethod
    def _make_related_table(context: WindowContext, tab_name: str) -> TableOrEmptyState:
        table = StaticTable(
            context,
            make_record_columns(
                context,
                _COLUMN_NAMES_BY_TAB[tab_name],
                return_record,
                state_groups=_STATE_GROUPS_BY_TAB[tab_name],
            ),
            make_record_ref,
            context.translate(f"record.tab.{tab_name}"),
            hideable_columns=("next", "people", "day", "provider"),
        )
        return TableOrEmptyState(table, make_empty_tab_state(tab_name, context))

    def show_refunds_of_part(self, part_key: str) -> None:
        """Open the tab with the refunds, and select the newest one whose amount belongs to this part of the payment's
        amount (a field of MoneyParts)."""
        self.show_tab("refunds")
        self.focus_content()
        self._list_by_tab_name["refunds"].table.go_to_item(
            lambda refund: find_money_part_of_refund(refund) == part_key
        )

    def show_details(
        self, details: PaymentDetails | OrderDetails | RefundDetails, **records_by_tab: Sequence[ShownRecord]
    ) -> None:
        """Replace the contents of all tabs with the contents of `details`; the visible tab stays the same.
        `records_by_tab` are the related records by the name of their tab."""
        context, timeline_page, zone = self._context, details.newest_events, _find_time_zone(details)
        events = words.list_shown_events(timeline_page)
        event_lines = [words.make_event_timeline_line(event, timeline_page, context, zone) for event in events]
        call_lines = [
            line for event, line in zip(events, event_lines, strict=True) if does_event_report_provider_call(event)
        ]
        earlier_events_lines = words.make_earlier_events_lines(timeline_page, context)
        lines = [*make_planned_lines(details.record, context), *event_lines, *earlier_events_lines]
        call_lines.extend(earlier_events_lines)
        self._call_list.show_lines(call_lines)
        for name, table in self._list_by_tab_name.items():
            table.show_rows(list(records_by_tab[name]))
        self.show_record(
            details, lines, [len(call_lines), *(len(records_by_tab[name]) for name in self._list_by_tab_name)]
        )


def _find_time_zone(details: PaymentDetails | OrderDetails | RefundDetails) -> timezone:
    """Return the time zone of the record's payment provider. For an order, return Japan's time zone, because the
    payments of an order can have several providers."""
    if isinstance(details, OrderDetails):
        return JST
    payment = details.record if isinstance(details, PaymentDetails) else details.payment
    return get_time_zone(payment.provider)
