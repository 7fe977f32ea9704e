"""The head of a record: which one, whose, its three badges, and where it stands in the list it came from."""

from PySide6.QtCore import Signal, Slot

from console import wording
from console.domain.records import CreditCheckView
from console.views.look.tokens import tokens
from console.views.pages import record_facts as facts
from console.views.routes import RecordRoute
from console.views.seat import Seat
from console.views.widgets.badge import Badge, KeyCap
from console.views.widgets.base import ElidedWords, Surface, Words, row
from console.views.widgets.buttons import IconButton, LinkButton
from console.views.widgets.copyable import CopyableId


class RecordHead(Surface):
    """Title and badges.

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
        say = seat.say
        self.title = Words("", "title")
        self.id = CopyableId("", "", say("column.record"), copy_word=say("action.copy"))
        self.company = ElidedWords("")
        self.number = CopyableId("", "", say("field.corporation_number"), copy_word=say("action.copy"), tone="muted")
        self.client = Words("", "body", "muted")
        self.all = LinkButton(say("record.company"), chevron=True, role="small")
        self.all.clicked.connect(self.company_wanted)
        self.badges: list[Badge] = []
        self._badge_box = row(gap=8)
        for copyable in (self.id, self.number):
            copyable.copied.connect(self.copied)
        self._build_trail()
        self._build()

    def _build_trail(self) -> None:
        self.previous = IconButton("arrow_up", self._seat.say("action.previous"))
        self.next = IconButton("arrow_down", self._seat.say("action.next"))
        self.position = Words("", "small_data", "muted")
        self.previous.clicked.connect(self._back)
        self.next.clicked.connect(self._on)
        self._trail = Surface(edge="left")
        self._trail.setLayout(
            row(KeyCap("["), self.previous, self.position, self.next, KeyCap("]"), gap=4, margins=(12, 0, 0, 0))
        )

    def _build(self) -> None:
        margin = tokens().px("spacing", "page_margin")
        box = row(
            self.title, self.id, 4, self.company, self.number, self.client, self.all, None, gap=8,
            margins=(margin, 10, margin, 10),
        )  # fmt: skip
        box.addLayout(self._badge_box)
        box.addWidget(self._trail)
        self.setLayout(box)

    def show_reading(self, id: int) -> None:
        """The record isn't here yet: only its number is known."""
        self.title.say(self._seat.say("record.title", id=id))
        self.id.show_id("", str(id))
        self.company.say("")
        self.client.say("")
        for widget in (self.number, self.all):
            widget.hide()
        for badge in self.badges:
            badge.hide()

    def show_place(self, route: RecordRoute) -> None:
        """Where it stands in the list that it was opened from."""
        known = route.id in route.trail and len(route.trail) > 1
        self._trail.setVisible(known)
        if known:
            place = route.trail.index(route.id)
            self.position.say(f"{place + 1} / {len(route.trail)}")
            self.previous.setEnabled(place > 0)
            self.next.setEnabled(place < len(route.trail) - 1)

    def show_view(self, view: CreditCheckView) -> None:
        seat, record = self._seat, view.record
        self.show_number(record.corporation_number)
        self.company.say(record.company_name or seat.say("record.no_name"))
        self.client.say(seat.say("record.client", client=record.client_id))
        self.all.show()
        self._show_badges(facts.badges(view))

    def show_number(self, number: str) -> None:
        self.number.show_id(wording.format_number(number), number)
        self.number.show()

    def _show_badges(self, keys: tuple[str, ...]) -> None:
        for badge in self.badges:
            self._badge_box.removeWidget(badge)
            badge.hide()
            badge.deleteLater()
        self.badges = [Badge.of(key, self._seat.language) for key in keys]
        for badge in self.badges:
            self._badge_box.addWidget(badge)

    @Slot()
    def _back(self) -> None:
        self.stepped.emit(-1)

    @Slot()
    def _on(self) -> None:
        self.stepped.emit(1)
