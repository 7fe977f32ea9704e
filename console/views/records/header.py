"""The head of a record: which one, whose, its three badges, and where it stands in the list it came from."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QGridLayout, QHBoxLayout, QWidget

from console import wording
from console.domain.results import CreditCheckView
from console.views.look.tokens import tokens
from console.views.pages import record_facts as facts
from console.views.routes import CaseRoute, where_in
from console.views.seat import Seat
from console.views.widgets.badge import Badge, KeyCap
from console.views.widgets.base import ElidedWords, Surface, Words, row
from console.views.widgets.buttons import IconButton, LinkButton
from console.views.widgets.copyable import CopyableId
from console.views.widgets.flow import flowing


class RecordHead(Surface):
    """Title and badges; whose it is stands beside the title, or below it where there is no room.

    Signals:
        stepped(int): to the previous (-1) or next (1) record.
        copied(str): an identifier was copied.
        company_wanted: everything about this corporation.
    """

    stepped = Signal(int)
    copied = Signal(str)
    company_wanted = Signal()

    def __init__(self, seat: Seat) -> None:
        super().__init__()
        self._seat = seat
        copy = seat.say("action.copy")
        self.title = CopyableId("", "", seat.say("column.record"), copy_word=copy, role="title")
        self.number = CopyableId("", "", seat.say("field.corporation_number"), copy_word=copy, tone="muted")
        for copyable in (self.title, self.number):
            copyable.copied.connect(self.copied)
        self.badges: list[Badge] = []
        self._badge_box = QHBoxLayout()
        self._badge_box.setSpacing(8)
        self._identity = self._build_identity()
        self._right = self._build_right()
        self._grid = QGridLayout(self)
        margin = tokens().px("spacing", "page_margin")
        self._grid.setContentsMargins(margin, 10, margin, 10)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)
        self._grid.addWidget(self.title, 0, 0)
        self._shape: tuple[bool, bool] | None = None
        self._place(identity_below=False, badges_below=False)

    @property
    def stops(self) -> tuple[QWidget, ...]:
        """Where Tab stops, in order."""
        return self.title, self.number, self.all, self.previous, self.next

    def _build_identity(self) -> QWidget:
        self.company = ElidedWords("")
        self.client = Words("", "body", "muted")
        self.all = LinkButton(self._seat.say("record.company"), chevron=True, role="small")
        self.all.clicked.connect(self.company_wanted)
        return flowing(self.company, self.number, self.client, self.all, gap=8)

    def _build_right(self) -> QWidget:
        """The badges, and the way along the list."""
        self.previous = IconButton("arrow_up", self._seat.say("action.previous"))
        self.next = IconButton("arrow_down", self._seat.say("action.next"))
        self.position = Words("", "small_data", "muted")
        self.previous.clicked.connect(self._back)
        self.next.clicked.connect(self._on)
        self._trail = Surface(edge="left")
        steps = row(KeyCap("["), self.previous, self.position, self.next, KeyCap("]"), gap=4, margins=(12, 0, 0, 0))
        self._trail.setLayout(steps)
        holder = QWidget()
        box = row(gap=12)
        box.addLayout(self._badge_box)
        box.addWidget(self._trail)
        holder.setLayout(box)
        return holder

    def _place(self, *, identity_below: bool, badges_below: bool) -> None:
        """Whose it is, and then the badges too, go to lines of their own where there is no room."""
        if self._shape == (identity_below, badges_below):
            return
        self._shape = identity_below, badges_below
        for part in (self._identity, self._right):
            self._grid.removeWidget(part)
        middle = Qt.AlignmentFlag.AlignVCenter
        self._grid.addWidget(self._identity, *((1, 0, 1, 3) if identity_below else (0, 1, 1, 1)), middle)
        self._grid.addWidget(self._right, *((2, 0, 1, 3) if badges_below else (0, 2, 1, 1)))

    def _room(self) -> int:
        """What there is to see: a page that was too wide before must not stay so."""
        above = self.parentWidget()
        while above is not None and not isinstance(above, QAbstractScrollArea):
            above = above.parentWidget()
        return self.width() if above is None else min(self.width(), above.viewport().width())

    def _fit(self) -> None:
        room = self._room() - 2 * tokens().px("spacing", "page_margin") - 2 * self._grid.horizontalSpacing()
        title, identity, right = (part.sizeHint().width() for part in (self.title, self._identity, self._right))
        self._place(identity_below=title + identity + right > room, badges_below=title + right > room)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    # -- showing

    def show_reading(self, title: str, plain: str) -> None:
        """The record isn't here yet: only what it is called is known."""
        self.title.show_id(title, plain)
        self.company.say("")
        self.client.say("")
        for widget in (self.number, self.all):
            widget.hide()
        for badge in self.badges:
            badge.hide()

    def show_place(self, route: CaseRoute) -> None:
        """Where it stands in the list that it was opened from."""
        where = where_in(route)
        self._trail.setVisible(where is not None)
        if where is not None:
            place, total = where
            self.position.say(f"{place + 1} / {total}")
            self.previous.setEnabled(place > 0)
            self.next.setEnabled(place < total - 1)

    def show_view(self, view: CreditCheckView) -> None:
        seat, record = self._seat, view.record
        name = record.company_name or seat.say("record.no_name")
        client = seat.say("record.client", client=record.client_id)
        self.show_identity(record.corporation_number, name, client, facts.badges(view))

    def show_identity(self, number: str, company: str, beside: str, badges: tuple[str, ...]) -> None:
        """Whose it is ("" where there is no number), a word beside that, and the keys of its badges."""
        self.number.show_id(wording.format_number(number) if number else "", number)
        self.number.setVisible(bool(number))
        self.all.setVisible(bool(number))
        self.company.say(company)
        self.client.say(beside)
        self._show_badges(badges)
        self._fit()

    def _show_badges(self, keys: tuple[str, ...]) -> None:
        for badge in self.badges:
            self._badge_box.removeWidget(badge)
            badge.hide()
            badge.deleteLater()
        self.badges = [Badge.of(key, self._seat.language) for key in keys]
        for badge in self.badges:
            self._badge_box.addWidget(badge)
            badge.show()  # hidden ones take no room, and it is measured next

    @Slot()
    def _back(self) -> None:
        self.stepped.emit(-1)

    @Slot()
    def _on(self) -> None:
        self.stepped.emit(1)
