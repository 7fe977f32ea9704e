"""The header of a record's page, and the rows below it with the explanation of the record. The header shows the
title, the corporation, the badges, and the position of the record in the list from which the person has opened the
page."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QGridLayout, QWidget

from console.domain.explained_state import Explanation
from console.domain.registry.facts import CorporationFacts
from console.views.presenters import credit_checks as record_words
from console.views.presenters import records as case_words
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import RecordPageRoute, find_position_in_trail
from console.views.theme.design_tokens import tokens
from console.views.theme.theme import current_appearance
from console.views.widgets.base import ElidedLabel, Surface, TextLabel, discard_widget, make_row
from console.views.widgets.controls.buttons import IconButton, LinkButton
from console.views.widgets.display.badge import Badge
from console.views.widgets.display.copyable_id import CopyableId
from console.views.widgets.display.record_parts import ExplanationForm
from console.views.widgets.layout.flow_layout import FlowLayout, make_flow_holder, make_flow_widget
from console.wording import registry as registry_words
from console.wording.sentences import catalogue as wording

_MIN_VERDICT_WIDTH_PX = 120
"""Smallest width (px at text size 1) in which the line above a scrolled record shows the beginning of a long verdict.
"""


class RecordHeader(Surface):
    """The header of a record's page. The corporation and the badges are to the right of the title; in a narrow
    window, they are below the title. The last lines have the facts of the corporation registry.

    Signals:
    - neighbour_record_requested(int): the person wants to open the previous (-1) or next (1) record of the list.
    - copied(str): the person has copied this text, an identifier in the header.
    - company_requested: the person wants to open the page of the record's corporation.
    """

    neighbour_record_requested = Signal(int)
    copied = Signal(str)
    company_requested = Signal()

    def __init__(self, context: WindowContext) -> None:
        super().__init__(edge="bottom")
        self._context = context
        copy_word = context.translate("action.copy")
        self.title = CopyableId("", "", context.translate("column.record"), copy_label=copy_word, role="title")
        self.corporation_number = CopyableId(
            "", "", context.translate("field.corporation_number"), copy_label=copy_word, tone="muted"
        )
        for copyable in (self.title, self.corporation_number):
            copyable.copied.connect(self.copied)
        self.badges: list[Badge] = []
        self.badge_keys: tuple[str, ...] = ()
        self._notable_badge_word = ""
        self._badge_layout = FlowLayout()
        self._badge_row = make_flow_holder(self._badge_layout)
        self._identity_panel = self._build_identity_panel()
        self._badge_panel = self._build_badges_and_step_buttons()
        self._grid = QGridLayout(self)
        margin = tokens().px("spacing", "page_margin")
        self._grid.setContentsMargins(margin, 10, margin, 9)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)
        self._grid.addWidget(self.title, 0, 0)
        self.registry_notice_label = TextLabel("", "small", "care", wraps_lines=True)
        self.registry_label = TextLabel("", "small", "muted", wraps_lines=True)
        for row, label in enumerate((self.registry_notice_label, self.registry_label), start=3):
            label.hide()
            self._grid.addWidget(label, row, 0, 1, 3)
        self._placement: tuple[bool, bool] | None = None
        self._place_identity_and_badges(is_identity_below=False, are_badges_below=False)

    @property
    def focus_stops(self) -> tuple[QWidget, ...]:
        """The widgets of the header that can have the focus, in tab order."""
        return self.title, self.corporation_number, self.company_link, self.previous_button, self.next_button

    def _build_identity_panel(self) -> QWidget:
        self.company_label = ElidedLabel("")
        self.detail_label = TextLabel("", "body", "muted")
        self.company_link = LinkButton(self._context.translate("record.company"), has_arrow=True, role="small")
        self.company_link.clicked.connect(self.company_requested)
        return make_flow_widget(
            self.company_label, self.corporation_number, self.detail_label, self.company_link, gap_px=8
        )

    def _build_badges_and_step_buttons(self) -> QWidget:
        """Return a widget with the badges and the buttons that open the previous and the next record."""
        self.previous_button = IconButton("arrow_up", self._context.translate("action.previous"))
        self.next_button = IconButton("arrow_down", self._context.translate("action.next"))
        self.position_label = TextLabel("", "small_data", "muted")
        self.previous_button.clicked.connect(self._go_to_previous_record)
        self.next_button.clicked.connect(self._go_to_next_record)
        self._step_panel = Surface(edge="left")
        for button, key in ((self.previous_button, "["), (self.next_button, "]")):
            button.setToolTip(f"{button.accessibleName()} {key}")
            button.setAccessibleDescription(key)
        step_row = make_row(
            self.previous_button, self.position_label, self.next_button, gap_px=4, margins=(12, 0, 0, 0)
        )
        self._step_panel.setLayout(step_row)
        return make_flow_widget(self._badge_row, self._step_panel, gap_px=12)

    def _place_identity_and_badges(self, *, is_identity_below: bool, are_badges_below: bool) -> None:
        """Place the corporation below the title if `is_identity_below` is True, otherwise to the right of the title.
        Place the badges in the same way, according to `are_badges_below`."""
        if self._placement == (is_identity_below, are_badges_below):
            return
        self._placement = is_identity_below, are_badges_below
        for panel in (self._identity_panel, self._badge_panel):
            self._grid.removeWidget(panel)
        vertical_centre = Qt.AlignmentFlag.AlignVCenter
        self._grid.addWidget(
            self._identity_panel, *((1, 0, 1, 3) if is_identity_below else (0, 1, 1, 1)), vertical_centre
        )
        self._grid.addWidget(self._badge_panel, *((2, 0, 1, 3) if are_badges_below else (0, 2, 1, 1)))

    def _measure_available_width(self) -> int:
        """Return the width in px that the header can use: the visible width of the scroll area around the header, or
        the header's own width if that is smaller."""
        ancestor = self.parentWidget()
        while ancestor is not None and not isinstance(ancestor, QAbstractScrollArea):
            ancestor = ancestor.parentWidget()
        return self.width() if ancestor is None else min(self.width(), ancestor.viewport().width())

    def _fit_to_width(self) -> None:
        available_width = (
            self._measure_available_width()
            - 2 * tokens().px("spacing", "page_margin")
            - 2 * self._grid.horizontalSpacing()
        )
        title_width, identity_width, badges_width = (
            part.sizeHint().width() for part in (self.title, self._identity_panel, self._badge_panel)
        )
        self._place_identity_and_badges(
            is_identity_below=title_width + identity_width + badges_width > available_width,
            are_badges_below=title_width + badges_width > available_width,
        )

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_to_width()

    # -- display

    def show_title_while_reading(self, title: str, copied_text: str) -> None:
        """Show only `title` while the page reads the record. `copied_text` is the text that the copy button next to
        the title copies."""
        self.title.show_id(title, copied_text)
        self.company_label.show_text("")
        self.detail_label.show_text("")
        for widget in (
            self.corporation_number,
            self.company_link,
            self.registry_notice_label,
            self.registry_label,
        ):
            widget.hide()
        for badge in self.badges:
            badge.hide()

    def show_position(self, route: RecordPageRoute) -> None:
        """Show the position of the route's record in the list from which the person has opened the page, such as 3 /
        20. Hide the position if the person hasn't opened the page from a list."""
        position_and_count = find_position_in_trail(route)
        self._step_panel.setVisible(position_and_count is not None)
        if position_and_count is not None:
            index, count = position_and_count
            self.position_label.show_text(f"{index + 1} / {count}")
            self.previous_button.setEnabled(index > 0)
            self.next_button.setEnabled(index < count - 1)

    def show_identity(self, number: str, company: str, detail: str, badge_keys: tuple[str, ...]) -> None:
        """Show the corporation number ("" for none), the name of the company, the text `detail` next to the name, and
        the badges with the keys `badge_keys`."""
        self.corporation_number.show_id(wording.format_corporation_number(number) if number else "", number)
        self.corporation_number.setVisible(bool(number))
        self.company_link.setVisible(bool(number))
        self.company_label.show_text(company)
        self.company_label.setVisible(bool(company))  # an empty name would indent the number
        self.detail_label.show_text(detail)
        self.show_badges(badge_keys)

    def show_registry_facts(self, facts: CorporationFacts | None, our_name: str | None) -> None:
        """Show the facts of the corporation registry about the record's corporation. The facts are None if this desk
        has no registry or the record has no corporation number. `our_name` is the name that the provider gave. If
        `our_name` is missing, the header shows the official name beside the title, marked as a name from the
        registry."""
        translate = self._context.translate
        notices = () if facts is None else registry_words.list_registry_warnings(facts, (our_name,), translate)
        self.registry_notice_label.show_text(wording.join_facts(notices, translate))
        self.registry_notice_label.setVisible(bool(notices))
        self.registry_label.show_text(
            "" if facts is None else registry_words.format_corporation_facts_line(facts, translate)
        )
        self.registry_label.setVisible(facts is not None)
        if facts is not None and facts.corporation is not None and not our_name:
            self.company_label.show_text(registry_words.format_registry_name_with_mark(facts.corporation, translate))
            self.company_label.show()
            self._fit_to_width()

    @property
    def notable_badge_word(self) -> str:
        """The word of the badge that a person must notice: the badge of certainty if the certainty isn't "known",
        otherwise the badge of the state."""
        return self._notable_badge_word

    def set_spoken_title(self, verdict: str) -> None:
        """Set the accessible name of the title, so that a screen reader reads the title, the badges and the
        verdict as one sentence."""
        texts = (self.title.short_form, *(badge.accessibleName() for badge in self.badges), verdict)
        self.title.setAccessibleName(self._context.translate("list.separator").join(filter(None, texts)))

    def show_badges(self, badge_keys: tuple[str, ...]) -> None:
        """Show the badges with the keys `badge_keys`: state and certainty, and mostly also work."""
        state_key, certainty_key = badge_keys[:2]
        self.badge_keys = badge_keys
        notable_key = state_key if certainty_key == "certainty.known" else certainty_key
        self._notable_badge_word = tokens().badges[notable_key].get_word(self._context.language)
        for badge in self.badges:
            self._badge_layout.removeWidget(badge)
            discard_widget(badge)
        self.badges = [Badge.from_badge_key(key, self._context.language) for key in badge_keys]
        for badge in self.badges:
            self._badge_layout.addWidget(badge)
            badge.show()  # hidden widgets have no size, and the row is measured next
        self._fit_to_width()

    @Slot()
    def _go_to_previous_record(self) -> None:
        self.neighbour_record_requested.emit(-1)

    @Slot()
    def _go_to_next_record(self) -> None:
        self.neighbour_record_requested.emit(1)


class RecordTitleLine(Surface):
    """One line with the title, the badges and the verdict of a record. A page shows it above its contents while the
    header is scrolled out of sight, so that the person always sees which record the contents belong to. In a narrow
    window it leaves out the verdict, then the last badges, before it cuts the title. Screen readers skip the line,
    because its texts are also in the header and in the explanation."""

    is_decoration = True

    def __init__(self, context: WindowContext) -> None:
        super().__init__(edge="bottom")
        self._language = context.language
        self.title_label = ElidedLabel("", is_bold=True)
        self.verdict_label = ElidedLabel("", "small", "muted")
        self.badges: list[Badge] = []
        margin = tokens().px("spacing", "page_margin")
        self._row = make_row(self.title_label, self.verdict_label, gap_px=8, margins=(margin, 4, margin, 4))
        self._row.setStretch(1, 1)
        self._row.addStretch()
        self.setLayout(self._row)
        self.hide()

    def show_record(self, title: str, badge_keys: tuple[str, ...], verdict: str) -> None:
        """Show the title, the badges with the keys `badge_keys`, and the verdict of a record."""
        self.title_label.show_text(title)
        self.verdict_label.show_text(verdict)
        for badge in self.badges:
            self._row.removeWidget(badge)
            discard_widget(badge)
        self.badges = [Badge.from_badge_key(key, self._language) for key in badge_keys]
        for position, badge in enumerate(self.badges, start=1):
            self._row.insertWidget(position, badge)
        self._fit_to_width()

    def _fit_to_width(self) -> None:
        """Show as many badges as fit beside the whole title, and the verdict if enough of it fits beside them."""
        margins, gap = self._row.contentsMargins(), self._row.spacing()
        free_width = self.width() - margins.left() - margins.right() - self.title_label.sizeHint().width()
        for badge in self.badges:
            free_width -= gap + badge.sizeHint().width()
            badge.setVisible(free_width >= 0)
        min_verdict_width = min(
            _MIN_VERDICT_WIDTH_PX * current_appearance().scale, self.verdict_label.sizeHint().width()
        )
        self.verdict_label.setVisible(free_width >= gap + min_verdict_width)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_to_width()


def make_explanation_form(context: WindowContext) -> ExplanationForm:
    """Return an empty form for the explanation of a record, with four lines: verdict, reason, next step,
    recommended actions."""
    translate = context.translate
    verdict_label, reason_label, next_step_label, actions_label = (
        translate(f"record.label.{name}") for name in ("verdict", "why", "next", "you_can")
    )
    return ExplanationForm((verdict_label, reason_label, next_step_label, actions_label))


def show_explanation(form: ExplanationForm, explanation: Explanation, context: WindowContext) -> None:
    """Show the explanation of a record in `form`: the verdict, the reason for the verdict, and the next step."""
    icon_name, tone = case_words.get_verdict_icon_and_tone(explanation)
    form.show_explanation(*record_words.format_explanation(explanation, context), icon_name=icon_name, tone=tone)
