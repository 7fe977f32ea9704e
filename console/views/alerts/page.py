"""The page of open alerts, grouped by rule. It shows each alert's age and acknowledgement, and a link to the record
on which a person must act.
"""

from collections.abc import Sequence
from functools import partial
from itertools import groupby

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from console.domain.exports.tables import ExportRequest, ListName
from console.domain.tasks.records import AlertItem
from console.views.alerts.acknowledge_dialog import AcknowledgeDialog
from console.views.exports import list_export
from console.views.exports.list_export import ListExport
from console.views.pages.base import Page, set_tab_order
from console.views.pages.column_preferences import ColumnPreferences
from console.views.pages.permission_buttons import bind_right
from console.views.pages.static_table import StaticTable, TableOrEmptyState
from console.views.presenters import alerts as alert_words
from console.views.presenters import credit_checks as words
from console.views.presenters.columns import width_of_text
from console.views.runtime.context import WindowContext
from console.views.tables.columns import Column, Group, StateCell
from console.views.widgets.base import ElidedLabel, Surface, TextLabel, make_column, make_row
from console.views.widgets.buttons import KeyButton, ReasonLabel
from console.views.widgets.placeholders import EmptyState
from console.wording import catalogue as wording

_MAX_ALERTS = 1_000
_MIN_VISIBLE_ROWS = 4
"""The minimum number of visible rows of the list, also if the texts below the list are long."""


class AlertsPage(Page):
    """The page with the list of open alerts. The Enter key opens the record whose action resolves the current alert;
    the A key opens the dialog that acknowledges the alert.
    """

    sidebar_key = "alerts"
    help_key = "help.alerts"
    hints = (
        (("↓", "↑"), "key.move"),
        (("Enter",), "key.open"),
        (("A",), "key.acknowledge"),
        list_export.HINT,
        (("Esc",), "key.back"),
    )

    def __init__(self, context: WindowContext) -> None:
        super().__init__(context)
        translate = context.translate
        self.head = self.make_head(translate("screen.alerts"), translate("alerts_screen.sentence"))
        self.export = ListExport(context, self, lambda: ExportRequest(ListName.ALERTS), self.head)
        self._counts: dict[str, int] = {}
        spare = ("expected",)
        self.table = StaticTable(
            context,
            _alert_columns(context),
            _alert_id,
            translate("screen.alerts"),
            hideable_columns=spare,
            group_of=self._group_of,
        )
        self.table.hidden_keys = frozenset({"cause"})
        ColumnPreferences(context, self.table, "alerts")
        self.list = TableOrEmptyState(self.table, EmptyState(translate("alerts_screen.empty"), shape="check"))
        self.action_button = KeyButton("", "Enter", "primary", binds=False)
        self.action_button.clicked.connect(self._open_current)
        self.acknowledge_button = bind_right(
            context, KeyButton(translate("alerts_screen.acknowledge"), "A", binds=False), "note"
        )
        self.acknowledge_button.clicked.connect(self.acknowledge_current)
        self.list.setMinimumHeight(self.table.height_for(_MIN_VISIBLE_ROWS))
        self._build_foot()
        self.table.opened.connect(self._open_record)
        self.table.current_changed.connect(self._show_alert)
        self.table.rows.page_applied.connect(self._go_to_first)
        self.bind_key("A", self._acknowledge_by_key)
        set_tab_order(*self.head.stops, self.table, self.action_button, self.acknowledge_button)

    def _build_foot(self) -> None:
        self.why_words = TextLabel("", "body", wrap=True, selectable=True)
        self.action_words = TextLabel("", "body", wrap=True)
        self.acknowledgement_words = TextLabel("", "small", "muted", wrap=True)
        self.one_line_words = ElidedLabel("", "body")
        self.one_line_words.hide()
        foot = Surface(raised=True, edge="top")
        buttons = make_row(
            self.action_button,
            self.acknowledge_button,
            ReasonLabel(self.acknowledge_button),
            self.one_line_words,
            None,
            gap=8,
        )
        buttons.setStretchFactor(self.one_line_words, 100)  # it takes what the stretch after it would take
        foot.setLayout(
            make_column(
                self.why_words,
                self.action_words,
                self.acknowledgement_words,
                buttons,
                gap=6,
                margins=(24, 10, 24, 10),
            )
        )
        self.foot = foot
        self.add_part(self.head)
        self.add_part(self.list, 1)
        self.add_part(foot)
        self.add_hints()

    def show_route(self, route: object) -> None:
        self.refresh("entered")

    def show_short(self, *, is_short: bool) -> None:
        """Also leave out the headings of the rules, which become a column, and the lines below the list, which become
        one beside the buttons, so that eight alerts stay visible at the largest text.
        """
        super().show_short(is_short=is_short)
        self.table.set_group_of(None if is_short else self._group_of)
        self.table.hidden_keys = frozenset() if is_short else frozenset({"cause"})
        self.table.fit_columns()
        self._show_alert(self.table.current_item)

    def focus_targets(self) -> Sequence[QWidget | None]:
        return (self.table,)

    def is_affected_by(self, changes: frozenset[tuple[str, int]]) -> bool:
        return any(kind == "alert" for kind, _ in changes)

    def read_data(self, reason: str) -> None:
        self.context.run_read(
            lambda services: services.alerts.list_open_items(_MAX_ALERTS),
            partial(self._show_alerts, is_automatic=reason == "changed"),
            self.show_reading_failure,
            owner=self,
            key="alerts",
        )

    def _show_alerts(self, items: tuple[AlertItem, ...], *, is_automatic: bool = False) -> None:
        self.hide_reading_failure()
        sorted_items = sorted(items, key=_sort_key)
        self._counts = {rule: len(list(group)) for rule, group in groupby(sorted_items, key=_rule_id)}
        self.list.show_rows(sorted_items, is_automatic=is_automatic)
        self.head.read_at.show_text(self.context.translate("screen.last_read", at=self.context.now()))
        self._show_alert(self.table.current_item)

    def _group_of(self, item: AlertItem) -> Group:
        count = wording.format_count(self._counts.get(item.alert.rule_id, 0))
        return Group(
            item.alert.rule_id, alert_words.rule_text(item.alert, self.context), "square_bang", "care", count
        )

    @Slot()
    def _go_to_first(self) -> None:
        if self.table.current_item is None:
            self.table.go_to_first()
        self._show_alert(self.table.current_item)

    @property
    def current_alert(self) -> AlertItem | None:
        row = self.table.current_item
        return row if isinstance(row, AlertItem) else None

    @Slot(object)
    def _show_alert(self, item: object) -> None:
        """Show below the list how a person resolves the current alert, and the name of the person who has
        acknowledged it.
        """
        self.foot.setVisible(isinstance(item, AlertItem))
        if not isinstance(item, AlertItem):
            return
        translate, alert = self.context.translate, item.alert
        action, why_text = item.action or "none", alert_words.why_text(item, self.context)
        self.why_words.show_text(why_text)
        self.action_words.show_text(translate(f"alerts_screen.to_do.{action}"))
        self.action_button.show_text(translate(f"alerts_screen.action.{action}"))
        self.action_button.setVisible(item.action is not None)
        self.acknowledge_button.setVisible(alert.acknowledged_by is None)
        acknowledgement = alert.acknowledged_by and translate(
            "alerts_screen.seen_note", who=alert.acknowledged_by, at=alert.acknowledged_at, note=alert.note or ""
        )
        self.acknowledgement_words.show_text(acknowledgement or translate("alerts_screen.seen_by_nobody"))
        self._show_texts_in_one_line()

    def _show_texts_in_one_line(self) -> None:
        """In a window that is low for the text size, show the texts below the list in one line, which a tooltip and a
        screen reader tell as a whole.
        """
        labels = (self.why_words, self.action_words, self.acknowledgement_words)
        self.one_line_words.show_text(" ".join(label.plain for label in labels if label.plain))
        self.one_line_words.setVisible(self.is_short)
        for label in labels:
            label.setVisible(bool(label.plain) and not self.is_short)

    @Slot()
    def _open_current(self) -> None:
        if self.current_alert is not None:
            self._open_record(self.current_alert)

    @Slot(object)
    def _open_record(self, item: AlertItem) -> None:
        route = alert_words.record_route(item)
        if route is not None:
            self.context.navigate(route)

    def _acknowledge_by_key(self) -> None:
        item = self.current_alert
        key = "act.none_selected" if item is None else "alerts_screen.already_seen"
        self.press_button(
            self.acknowledge_button, self.context.translate(key, who=item and item.alert.acknowledged_by)
        )

    @Slot()
    def acknowledge_current(self) -> None:
        item = self.current_alert
        if item is not None and self.acknowledge_button.isEnabled() and item.alert.acknowledged_by is None:
            AcknowledgeDialog(self.context, item, self.window()).open()


def _alert_id(item: AlertItem) -> int:
    return item.alert.id


def _rule_id(item: AlertItem) -> str:
    return item.alert.rule_id


def _sort_key(item: AlertItem) -> tuple[bool, str, int]:
    """Return the key by which the list of alerts is sorted: alerts about orders come first, then alerts are sorted by
    rule, and within a rule from the oldest to the newest.
    """
    return item.alert.order_no is None, item.alert.rule_id, item.alert.id


def _alert_columns(context: WindowContext) -> list[Column]:
    translate = context.translate
    longest_px = width_of_text(translate("alerts_screen.refund_or_compensation"), 24)

    def observed(item: AlertItem) -> str:
        return alert_words.finding_words(item.alert.observed, context, item.alert.expected)

    def expected(item: AlertItem) -> str:
        return alert_words.finding_words(item.alert.expected, context, item.alert.observed)

    def acknowledgement(item: AlertItem) -> StateCell:
        acknowledged_by = item.alert.acknowledged_by
        if acknowledged_by is None:
            return StateCell(translate("alerts_screen.open"), "ring", "care")
        return StateCell(translate("alerts_screen.seen"), "person", "text", acknowledged_by)

    return [
        Column(
            "age", translate("column.age"), 84, lambda item: words.age_cell(item.alert.detected_at, context), "age",
            spoken=lambda item: words.age_spoken(item.alert.detected_at, context),
        ),
        Column("about", translate("alerts_screen.column.about"), width_of_text("ORD-2026-000001", 24),
               lambda item: alert_words.record_text(item, context), "data"),
        Column("cause", translate("column.cause"), width_of_text("M" * 16, 24),
               lambda item: alert_words.rule_text(item.alert, context)),
        Column("observed", translate("alerts_screen.column.observed"), 280, observed,
               is_stretched=True),
        Column("expected", translate("alerts_screen.column.expected"), longest_px, expected),
        Column("seen", translate("alerts_screen.column.seen"), 180, acknowledgement, "state"),
    ]  # fmt: skip
