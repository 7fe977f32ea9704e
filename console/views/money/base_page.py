"""The base class of the pages of payments, orders and refunds. Below the explanation of the state are the amounts;
beside the tabs is a panel with more data of the record."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, TypeVar

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QHideEvent, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from console.domain.payments.consistency import compute_reversed_minor
from console.domain.payments.provider_registry import get_time_zone
from console.domain.payments.records import Payment, Refund
from console.domain.payments.service_results import OrderDetails, PaymentDetails, RefundDetails
from console.domain.tasks.records import Note, Take
from console.views.money.tabs import MoneyTabs
from console.views.money.unmasking import PayerUnmasking
from console.views.pages.base import compute_side_panel_width
from console.views.presenters import money_view as money_facts
from console.views.presenters import records as case_words
from console.views.presenters.credit_checks import get_actor_name
from console.views.records.page import RecordPage
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import OrderRoute, RecordPageRoute
from console.views.theme.design_tokens import tokens
from console.views.theme.theme import current_appearance
from console.views.widgets.base import UNLIMITED_WIDTH_PX, Surface, TextLabel, make_column, make_row
from console.views.widgets.controls.buttons import LinkButton
from console.views.widgets.display.money_strip import MoneyPanel
from console.views.widgets.display.record_parts import FactList
from console.wording import records as record_words
from console.wording.sentences import catalogue as wording

_MIN_WIDTH_WITH_FACTS_PANEL_PX = 900  # px at text size 1; in a narrower window the facts stand below the tabs
_FACTS_MARGIN_PX = 16  # px, left and right of the facts beside the tabs
_FACTS_BORDER_WIDTH_PX = 1  # px, the line left of the facts
MoneyDetailsT = TypeVar("MoneyDetailsT", bound=PaymentDetails | OrderDetails | RefundDetails)


class MoneyPage(RecordPage[MoneyDetailsT]):
    """Base class of the pages of payments, orders and refunds. `related_tab_names` are the names of the tabs that
    list related records. If `shows_amounts` is False, the page doesn't show the parts of an amount."""

    tabs: MoneyTabs
    related_tab_names: ClassVar[tuple[str, ...]] = ()
    shows_amounts: ClassVar[bool] = True
    help_key = "help.payment"

    def __init__(self, context: WindowContext, *widgets_above_amounts: QWidget) -> None:
        """`widgets_above_amounts` are widgets that the page shows between the explanation and the amounts."""
        self.money_panel = MoneyPanel(
            context.translate("money.strip"), part_description=context.translate("money.part.open")
        )
        self.facts_panel = QScrollArea()
        self.facts_panel.setWidgetResizable(True)
        self.facts_panel.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.facts_panel.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        tabs = MoneyTabs(context, self.related_tab_names)
        self._tabs_and_facts_layout = make_row(tabs, self.facts_panel, gap_px=0)
        self._tabs_and_facts_layout.setStretch(0, 1)
        super().__init__(context, tabs, (*widgets_above_amounts, self.money_panel), self._tabs_and_facts_layout)
        self._unmasked_payer_label: TextLabel | None = None
        self._scroll_timer = QTimer(self)
        self._scroll_timer.setSingleShot(True)
        self._scroll_timer.setInterval(0)
        self._scroll_timer.timeout.connect(self._scroll_to_payer)
        self.unmasking = PayerUnmasking(context, self)
        self.unmasking.changed.connect(self._show_unmasked_texts)
        self.money_panel.part_opened.connect(self.open_rows_of_money_part)
        self.money_panel.copied.connect(self.action_handlers.show_copied_toast)
        self.money_panel.setVisible(self.shows_amounts)
        self._order_link = LinkButton(context.translate("action.open_order"), has_arrow=True, role="small")
        self._order_link.clicked.connect(self.open_order)

    def show_money_panels(
        self,
        details: PaymentDetails | RefundDetails,
        provider: str,
        *tools: QWidget,
    ) -> None:
        """Show the record's sides (its state in this database, at the payment provider, and in the order) and the
        parts of the payment's amount. `provider` is the code of the payment's provider, such as "paypay"; `tools` are
        links and buttons for the panel of the provider's side. The panel of the order has a link to the order.
        """
        context = self.context
        sides = money_facts.make_shown_sides(details.sides, context, provider=provider, record=details.record)
        self.show_sides(
            sides, {money_facts.GATEWAY_SIDE_INDEX: tools, money_facts.ORDER_SIDE_INDEX: (self._order_link,)}
        )
        self._order_link.setVisible(details.order is not None)
        payment = details.record if isinstance(details, PaymentDetails) else details.payment
        reversed_minor = compute_reversed_minor(payment)
        money_parts = money_facts.make_money_parts(
            details.money,
            context,
            reversed_minor=reversed_minor,
            is_paid_unknown=record_words.is_paid_amount_unknown(payment),
        )
        self.money_panel.show_money_parts(*money_parts)
        self.money_panel.show_note(money_facts.format_outside_proposal(payment, context))

    @Slot()
    def open_order(self) -> None:
        """Open the page of the order of this payment or refund, if there is one."""
        if isinstance(self.details, PaymentDetails | RefundDetails) and self.details.order is not None:
            self.context.navigate(OrderRoute(self.details.order.id, (), self.sidebar_key))

    def fill_facts_panel(self, details: MoneyDetailsT) -> None:
        """Show the facts of the record in the panel beside the tabs. If the payer can't be unmasked, store the reason
        (`store_unmask_refusal`). The caller then updates the action buttons. Implemented by the subclass."""

    def make_payer_label(self, payer: str | None) -> TextLabel | None:
        """Return a label with the masked payer, or with the payer itself while it is unmasked. The text of an
        unmasked payer can't be selected, so that nobody copies it; the Tab key stops at the label, so that a screen
        reader reads it. Return None if `payer` is None or empty."""
        texts = self.unmasking.texts
        self._unmasked_payer_label = None
        if texts is not None and texts.payer:
            self._unmasked_payer_label = TextLabel(texts.payer, wraps_lines=True)
            self._unmasked_payer_label.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            return self._unmasked_payer_label
        masked = case_words.mask_payer(payer)
        return TextLabel(masked, wraps_lines=True, is_selectable=True) if masked else None

    def store_unmask_refusal(self, payer: str | None) -> None:
        """Store the reason why the payer can't be unmasked: the payment has no payer (`payer` is None or empty), or
        the payer is unmasked already. Remove the stored reason if neither is true. The button of the action shows
        the reason when the page updates its action buttons the next time."""
        key = "money.payer_shown" if self.unmasking.texts is not None else "" if payer else "money.no_payer"
        self.action_bar.missing_record_reasons = {"unmask": self.context.translate(key)} if key else {}

    @Slot()
    def _show_unmasked_texts(self) -> None:
        """Show the payer and the answers anew, because they were unmasked or masked again. Scroll the unmasked payer
        into view."""
        if self.details is not None:
            self.fill_facts_panel(self.details)
            self._update_actions()
        self.tabs.show_unmasked_answers(self.unmasking.unmasked_answer_by_evidence_id)
        self._scroll_timer.start()

    @Slot()
    def _scroll_to_payer(self) -> None:
        """Scroll the unmasked payer to the middle of the view. There it stays visible when the page shows the bar
        about the unmasking, which makes the view shorter."""
        if self._unmasked_payer_label is not None:
            middle = self.contents_area.viewport().height() // 2
            self.facts_panel.ensureWidgetVisible(self._unmasked_payer_label)
            self.contents_area.ensureWidgetVisible(self._unmasked_payer_label, 0, middle)

    def show_route(self, route: object) -> None:
        if isinstance(route, RecordPageRoute) and route.id != self.route.id:
            self.unmasking.mask_texts()
        super().show_route(route)

    def hideEvent(self, event: QHideEvent) -> None:
        """Mask the payer and the answers again, because the page is hidden: the window was locked or hidden, or
        another page was opened."""
        self.unmasking.mask_texts()
        super().hideEvent(event)

    def open_rows_of_money_part(self, part_key: str) -> None:
        """Show the rows from which the amount of this part results. `part_key` is the key of the part (a field of
        MoneyParts). Implemented by the pages that show the parts."""

    def list_focus_stops_above_tabs(self) -> tuple[QWidget, ...]:
        return (*super().list_focus_stops_above_tabs(), *self.money_panel.part_buttons.values())

    def list_printed_lines(self, details: MoneyDetailsT) -> list[str]:
        amounts = [self.money_panel.accessibleName()] if self.shows_amounts else []
        return [*super().list_printed_lines(details), *amounts]

    def show_facts_panel(self, title: str, facts: FactList, notes: Sequence[Note]) -> None:
        """Show the labels and values in `facts`, under a title, in the panel beside the tabs; below them the newest
        of `notes`, the record's notes from the oldest to the newest."""
        content = Surface(is_raised=True, edge="left")
        block = make_column(TextLabel(title, "panel_title", "muted"), facts, gap_px=8)
        note_blocks = (self._make_note_block(notes[-1], len(notes)),) if notes else ()
        content.setLayout(make_column(block, *note_blocks, None, gap_px=16))
        self.facts_panel.setWidget(content)
        self._place_facts_panel()

    def _make_note_block(self, note: Note, note_count: int) -> QVBoxLayout:
        """Return a layout with `note`, the newest note of the record, its author and its time, under a heading with
        the number of notes (`note_count`)."""
        heading = f"{self.context.translate('record.tab.notes')} {wording.format_count(note_count)}"
        author_name = get_actor_name(note.person, self.context)
        return make_column(
            TextLabel(heading, "panel_title", "muted"),
            TextLabel(note.words, wraps_lines=True, is_selectable=True),
            TextLabel(
                wording.join_facts(
                    (author_name, wording.format_short_instant(note.at, self.context.now())), self.context.translate
                ),
                "small",
                "muted",
                wraps_lines=True,
            ),
            gap_px=4,
        )

    def make_copyable_fact(self, name: str, text: str | None) -> QWidget | None:
        """Return a widget with the shortened identifier `text` and a button that copies the whole identifier. `name`
        is the last part of the wording key of its label: `field.` followed by `name`. Return None if `text` is None
        or empty."""
        short_form = case_words.shorten_identifier(text) if text else ""
        if not text:
            return None
        copyable = self.make_copyable_id(self.context.translate(f"field.{name}"), short_form, text)
        copyable.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)  # the button beside the text
        return copyable

    def make_provider_state_fact(self, record: Payment | Refund) -> tuple[str, QWidget | None]:
        """Return the label and the widget for the provider's own code for the record's state, such as COMPLETED. The
        widget is None if the provider has sent no code."""
        label = self.context.translate("field.gateway_code")
        return label, self.make_copyable_fact("gateway_code", record.provider_state)

    def format_fact_time(self, at: datetime | None, provider: str) -> str | None:
        """Return the instant `at` for the panel with the facts: in Japanese time and, on a line of its own, in the
        time zone of the provider with the code `provider`. Return None if `at` is None."""
        return None if at is None else wording.format_instant_in_zones(at, get_time_zone(provider), separator="\n")

    def make_taker_fact(self, take: Take | None) -> tuple[str, str]:
        """Return the label and the text with the person who has taken the record and the end of the take. If `take`
        is None, the text says that nobody has taken the record."""
        translate = self.context.translate
        if take is None:
            return translate("column.taken_by"), translate("record.taker.nobody")
        taker = get_actor_name(take.person, self.context)
        return translate("column.taken_by"), translate("record.taker", who=taker, until=take.until)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_facts_panel()

    def _place_facts_panel(self) -> None:
        """Place the panel with the facts beside the tabs. In a narrow page, place it below the tabs; there the panel
        is as high as its facts need and begins at the margin of the page."""
        content = self.facts_panel.widget()
        is_beside = self.width() >= _MIN_WIDTH_WITH_FACTS_PANEL_PX * current_appearance().scale
        content_layout = content.layout() if content is not None else None
        if content_layout is not None:
            margin = _FACTS_MARGIN_PX if is_beside else tokens().px("spacing", "page_margin") - _FACTS_BORDER_WIDTH_PX
            # Beside the tabs, the panel ends with the page. A wide margin there could make it scroll without need.
            content_layout.setContentsMargins(margin, 12, margin, 2 if is_beside else 12)
        if is_beside:
            self._tabs_and_facts_layout.setDirection(QBoxLayout.Direction.LeftToRight)
            # A label and an instant, which takes one line, may need more than the usual width beside the scroll bar.
            needed_width = 0 if content is None else content.minimumSizeHint().width()
            needed_width += self.facts_panel.verticalScrollBar().sizeHint().width()
            self.facts_panel.setFixedWidth(
                max(compute_side_panel_width("preview_width", self.window()), needed_width)
            )
            self.facts_panel.setMinimumHeight(0)
            return
        self._tabs_and_facts_layout.setDirection(QBoxLayout.Direction.TopToBottom)
        self.facts_panel.setMinimumWidth(0)
        self.facts_panel.setMaximumWidth(UNLIMITED_WIDTH_PX)
        if content is not None:
            self.facts_panel.setMinimumHeight(content.sizeHint().height())


def make_fact_list(*facts: tuple[str, str | QWidget | None]) -> FactList:
    """Return a widget with one line per pair (label, value); a value that is None or "" is shown as –."""
    fact_list = FactList()
    for label, value in facts:
        value_label = value or wording.NO_VALUE
        fact_list.add_fact(
            label,
            value_label
            if isinstance(value_label, QWidget)
            else TextLabel(value_label, wraps_lines=True, is_selectable=True),
        )
    return fact_list
