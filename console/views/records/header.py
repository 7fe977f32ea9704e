"""The header of a record's page: title, corporation, badges, and the position of the record in the list from which
the person has opened the page. Also the form with the explanation of a record."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QGridLayout, QWidget

from console.domain.service_results import Explanation
from console.views.presenters import credit_checks as record_words
from console.views.presenters import records as case_words
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import RecordPageRoute, find_position_in_trail
from console.views.theme.design_tokens import tokens
from console.views.widgets.badge import Badge
from console.views.widgets.base import ElidedLabel, Surface, TextLabel, make_row
from console.views.widgets.buttons import IconButton, LinkButton
from console.views.widgets.copyable_id import CopyableId
from console.views.widgets.flow_layout import FlowLayout, make_flow_holder, make_flow_widget
from console.views.widgets.record_parts import ExplanationForm
from console.wording.sentences import catalogue as wording


class RecordHeader(Surface):
    """The header of a record's page. The corporation and the badges are beside the title; in a narrow window, below
    the title.

    Signals:
    - step_requested(int): the person wants to open the previous (-1) or next (1) record of the list.
    - copied(str): the person has copied an identifier in the header; carries the copied text.
    - company_requested: the person wants to open the page of the record's corporation.
    """

    step_requested = Signal(int)
    copied = Signal(str)
    company_requested = Signal()

    def __init__(self, context: WindowContext) -> None:
        super().__init__()
        self._context = context
        copy_word = context.translate("action.copy")
        self.title = CopyableId("", "", context.translate("column.record"), copy_word=copy_word, role="title")
        self.number = CopyableId(
            "", "", context.translate("field.corporation_number"), copy_word=copy_word, tone="muted"
        )
        for copyable in (self.title, self.number):
            copyable.copied.connect(self.copied)
        self.badges: list[Badge] = []
        self._notable_word = ""
        self._badge_box = FlowLayout()
        self._badge_row = make_flow_holder(self._badge_box)
        self._identity = self._build_identity_panel()
        self._right = self._build_badges_and_step_buttons()
        self._grid = QGridLayout(self)
        margin = tokens().px("spacing", "page_margin")
        self._grid.setContentsMargins(margin, 10, margin, 10)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)
        self._grid.addWidget(self.title, 0, 0)
        self._placement: tuple[bool, bool] | None = None
        self._place_identity_and_badges(identity_below=False, badges_below=False)

    @property
    def focus_stops(self) -> tuple[QWidget, ...]:
        """The widgets of the header that can have the focus, in tab order."""
        return self.title, self.number, self.all, self.previous, self.next

    def _build_identity_panel(self) -> QWidget:
        self.company = ElidedLabel("")
        self.client = TextLabel("", "body", "muted")
        self.all = LinkButton(self._context.translate("record.company"), chevron=True, role="small")
        self.all.clicked.connect(self.company_requested)
        return make_flow_widget(self.company, self.number, self.client, self.all, gap=8)

    def _build_badges_and_step_buttons(self) -> QWidget:
        """Return a widget with the badges and the buttons that open the previous and the next record."""
        self.previous = IconButton("arrow_up", self._context.translate("action.previous"))
        self.next = IconButton("arrow_down", self._context.translate("action.next"))
        self.position = TextLabel("", "small_data", "muted")
        self.previous.clicked.connect(self._go_to_previous)
        self.next.clicked.connect(self._go_to_next)
        self._trail = Surface(edge="left")
        for button, key in ((self.previous, "["), (self.next, "]")):
            button.setToolTip(f"{button.accessibleName()} {key}")
            button.setAccessibleDescription(key)
        steps = make_row(self.previous, self.position, self.next, gap=4, margins=(12, 0, 0, 0))
        self._trail.setLayout(steps)
        return make_flow_widget(self._badge_row, self._trail, gap=12)

    def _place_identity_and_badges(self, *, identity_below: bool, badges_below: bool) -> None:
        """Place the corporation below the title (`identity_below`) or beside it, and the badges below the title
        (`badges_below`) or beside it."""
        if self._placement == (identity_below, badges_below):
            return
        self._placement = identity_below, badges_below
        for part in (self._identity, self._right):
            self._grid.removeWidget(part)
        middle = Qt.AlignmentFlag.AlignVCenter
        self._grid.addWidget(self._identity, *((1, 0, 1, 3) if identity_below else (0, 1, 1, 1)), middle)
        self._grid.addWidget(self._right, *((2, 0, 1, 3) if badges_below else (0, 2, 1, 1)))

    def _measure_available_width(self) -> int:
        """Return the width in px that the header can use: the visible width of the scroll area around it, or the
        header's own width if that is smaller."""
        ancestor = self.parentWidget()
        while ancestor is not None and not isinstance(ancestor, QAbstractScrollArea):
            ancestor = ancestor.parentWidget()
        return self.width() if ancestor is None else min(self.width(), ancestor.viewport().width())

    def _fit_to_width(self) -> None:
        room = (
            self._measure_available_width()
            - 2 * tokens().px("spacing", "page_margin")
            - 2 * self._grid.horizontalSpacing()
        )
        title, identity, right = (part.sizeHint().width() for part in (self.title, self._identity, self._right))
        self._place_identity_and_badges(
            identity_below=title + identity + right > room, badges_below=title + right > room
        )

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_to_width()

    # -- display

    def show_reading(self, title: str, plain: str) -> None:
        """Show only `title` while the record is being read. `plain` is the text that the copy button beside the
        title copies."""
        self.title.show_id(title, plain)
        self.company.show_text("")
        self.client.show_text("")
        for widget in (self.number, self.all):
            widget.hide()
        for badge in self.badges:
            badge.hide()

    def show_position(self, route: RecordPageRoute) -> None:
        """Show the position of the route's record in the list from which the person has opened the page, such as 3 /
        20. Hide the position if there is no such list."""
        place_and_total = find_position_in_trail(route)
        self._trail.setVisible(place_and_total is not None)
        if place_and_total is not None:
            place, total = place_and_total
            self.position.show_text(f"{place + 1} / {total}")
            self.previous.setEnabled(place > 0)
            self.next.setEnabled(place < total - 1)

    def show_identity(self, number: str, company: str, detail: str, badges: tuple[str, ...]) -> None:
        """Show the corporation number ("" for none), the name of the company, the text `detail` beside the name, and
        the badges with the keys `badges`."""
        self.number.show_id(wording.format_corporation_number(number) if number else "", number)
        self.number.setVisible(bool(number))
        self.all.setVisible(bool(number))
        self.company.show_text(company)
        self.company.setVisible(bool(company))  # an empty name would indent the number
        self.client.show_text(detail)
        self._show_badges(badges)
        self._fit_to_width()

    @property
    def notable_badge_word(self) -> str:
        """The word of the badge that a person must notice: the badge of certainty if the certainty isn't "known",
        otherwise the badge of the state."""
        return self._notable_word

    def set_spoken_title(self, verdict: str) -> None:
        """Set the accessible name of the title, so that a screen reader reads the title, the badges and the
        verdict as one sentence."""
        parts = (self.title.short_form, *(badge.accessibleName() for badge in self.badges), verdict)
        self.title.setAccessibleName(", ".join(part for part in parts if part))

    def _show_badges(self, keys: tuple[str, ...]) -> None:
        state, certainty = keys[:2]
        notable_key = state if certainty == "certainty.known" else certainty
        self._notable_word = tokens().badges[notable_key].word(self._context.language)
        for badge in self.badges:
            self._badge_box.removeWidget(badge)
            badge.hide()
            badge.deleteLater()
        self.badges = [Badge.from_badge_key(key, self._context.language) for key in keys]
        for badge in self.badges:
            self._badge_box.addWidget(badge)
            badge.show()  # hidden widgets have no size, and the row is measured next

    @Slot()
    def _go_to_previous(self) -> None:
        self.step_requested.emit(-1)

    @Slot()
    def _go_to_next(self) -> None:
        self.step_requested.emit(1)


def make_explanation_form(context: WindowContext) -> ExplanationForm:
    """Return an empty form for the explanation of a record, with four lines: verdict, reason, next step,
    recommended actions."""
    translate = context.translate
    verdict, reason, next_step, you_can = (
        translate(f"record.label.{name}") for name in ("verdict", "why", "next", "you_can")
    )
    return ExplanationForm((verdict, reason, next_step, you_can))


def show_explanation(form: ExplanationForm, explanation: Explanation, context: WindowContext) -> None:
    """Show the explanation of a record in `form`: the verdict, the reason for the verdict, and the next step."""
    shape, tone = case_words.get_verdict_icon_and_tone(explanation)
    form.show_explanation(*record_words.format_explanation(explanation, context), shape=shape, tone=tone)
