"""The records that were opened last, for going back to them."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QVBoxLayout

from console import wording
from console.domain.records import CreditCheck
from console.views import case_words
from console.views import record_words as words
from console.views.look.tokens import tokens
from console.views.pages.counts import Line, LineButton
from console.views.routes import route_to
from console.views.seat import Seat, Visit
from console.views.widgets.base import Surface, Words, row

_MOST = 12


class RecentPanel(Surface):
    """A side panel of lines; each leads to its record."""

    def __init__(self, seat: Seat) -> None:
        super().__init__(raised=True, edge="left")
        self.setAccessibleName(seat.say("home.recent"))
        self._seat = seat
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(1, 0, 0, 0)
        self._box.setSpacing(0)
        head = Surface(raised=True, edge="bottom")
        head.setLayout(row(Words(seat.say("home.recent"), "panel_title"), None, margins=(16, 9, 16, 9)))
        self._box.addWidget(head)
        self._empty = Words(seat.say("home.recent_empty"), "small", "muted", wrap=True)
        self._box.addLayout(row(self._empty, margins=(16, 12, 16, 0)))
        self._box.addStretch(1)
        self._lines: list[LineButton] = []
        self.setMinimumWidth(tokens().px("layout", "approval_list"))
        seat.visits_changed.connect(self.show_visits)
        seat.person_changed.connect(self.show_visits)
        self.show_visits()

    @Slot()
    def show_visits(self) -> None:
        """Newest first."""
        visits = self._seat.visits[:_MOST]
        for button in self._lines[len(visits) :]:
            button.deleteLater()
        del self._lines[len(visits) :]
        for number, visit in enumerate(visits):
            line = _line(self._seat, visit)
            if number < len(self._lines):
                self._lines[number].show_line(line)
            else:
                self._add(line)
        self._empty.setVisible(not visits)

    def _add(self, line: Line) -> None:
        button = LineButton(line)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        button.clicked.connect(self._open)
        self._box.insertWidget(2 + len(self._lines), button)
        self._lines.append(button)

    @Slot()
    def _open(self) -> None:
        button = self.sender()
        if isinstance(button, LineButton):
            kind, _, id = button.line.key.rpartition(" ")
            self._seat.go(route_to(kind, int(id), (), "home"))


def _line(seat: Seat, visit: Visit) -> Line:
    record, at = visit.record, wording.format_instant(visit.at, "clock")[:5]
    badge = words.cell(case_words.most_telling(record, seat.now()), seat.language)
    if isinstance(record, CreditCheck):
        name = seat.say("home.recent_line", at=at, id=record.id, name=words.name_of(record, seat))
    else:
        title = case_words.title(record, seat)
        name = seat.say("home.recent_case", at=at, title=title, amount=case_words.amount(record))
    tone = "text" if badge.tone == "good" else badge.tone
    kind, id = case_words.ref_of(record)
    return Line(f"{kind} {id}", "", "text", name, "", badge.word, badge.shape, tone)
