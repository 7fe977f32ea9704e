"""The side panel of a list: the current record in short, and the first things to do with it."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from console import wording
from console.domain.records import Certainty, CreditCheck
from console.domain.results import QueueItem
from console.views import record_words as words
from console.views.look.tokens import tokens
from console.views.pages.rights import Reasons, guarded
from console.views.seat import Seat
from console.views.widgets.badge import Badge
from console.views.widgets.bars import Bar
from console.views.widgets.base import ElidedWords, Surface, Words, column, row, scroller
from console.views.widgets.buttons import KeyButton, LinkButton
from console.views.widgets.copyable import CopyableId
from console.views.widgets.flow import flowing
from console.views.widgets.record import FactList

_PAD = 16


class Preview(Surface):
    """Shows one item of a queue.

    Signals:
        opened, probed, refetched, resolved: what was pressed, about the record shown.
        copied(str): a number was copied.
    """

    opened = Signal()
    probed = Signal()
    refetched = Signal()
    resolved = Signal()
    copied = Signal(str)

    def __init__(self, seat: Seat) -> None:
        super().__init__(edge="left")
        self._seat = seat
        self.setAccessibleName(seat.say("queue.preview"))
        self.setFixedWidth(tokens().px("layout", "preview_width"))
        self.record: CreditCheck | None = None
        self._area = scroller()
        box = QVBoxLayout(self)
        box.setContentsMargins(1, 0, 0, 0)
        box.addWidget(self._area)

    def show_item(self, item: QueueItem | None) -> None:
        """None: nothing is current."""
        self.record = item.record if item else None
        self._area.setWidget(self._content(item) if item else QWidget())

    def _content(self, item: QueueItem) -> QWidget:
        content = QWidget()
        box = column(gap=0)
        box.addWidget(self._head(item.record))
        box.addWidget(self._state(item))
        box.addWidget(self._sides(item.record))
        box.addStretch(1)
        content.setLayout(box)
        return content

    def _head(self, record: CreditCheck) -> QWidget:
        seat = self._seat
        link = LinkButton(seat.say("action.open"))
        link.clicked.connect(self.opened)
        head = Surface(edge="bottom")
        title = row(Words(seat.say("record.title", id=record.id), "section"), None, link, gap=8)
        number = CopyableId(
            wording.format_number(record.corporation_number), record.corporation_number,
            seat.say("field.corporation_number"), copy_word=seat.say("action.copy"),
        )  # fmt: skip
        number.copied.connect(self.copied)
        badges = row(*(Badge.of(key, seat.language) for key in words.badge_keys(record)), None, gap=8)
        name = ElidedWords(record.company_name or seat.say("record.no_name"))
        numbers = row(number, 12, Words(seat.say("record.client", client=record.client_id), "body", "muted"), None)
        head.setLayout(column(title, name, numbers, 4, badges, gap=2, margins=(_PAD, 12, _PAD, 14)))
        return head

    def _state(self, item: QueueItem) -> QWidget:
        seat, record = self._seat, item.record
        part = Surface(edge="bottom")
        box = column(gap=10, margins=(_PAD, 14, _PAD, 14))
        if record.certainty is Certainty.UNKNOWN:
            box.addWidget(
                Bar(seat.say("record.blocked"), seat.say("record.blocked_short"), tone="unknown", shape="lock")
            )
        _, why, following = words.explained(item.explanation, seat)
        box.addWidget(FactList([(seat.say("record.label.why"), why), (seat.say("record.label.next"), following)]))
        box.addLayout(self._actions(record))
        part.setLayout(box)
        return part

    def _actions(self, record: CreditCheck) -> "QVBoxLayout":
        """At most one primary; the keys are the page's own."""
        say = self._seat.say
        unknown = record.certainty is Certainty.UNKNOWN
        buttons = []
        if record.incomplete:
            buttons.append(self._button(say("action.refetch"), "F", self.refetched, "refetch"))
        if unknown:
            buttons.append(self._button(say("action.resolve"), "E", self.resolved, "resolve"))
        buttons.append(self._button(say("action.probe"), "P", self.probed, "probe"))
        return column(flowing(*buttons, gap=8), Reasons(*buttons))

    def _button(self, text: str, key: str, pressed: object, right: str) -> KeyButton:
        button = KeyButton(text, key, binds=False)
        button.clicked.connect(pressed)
        return guarded(self._seat, button, right)

    def _sides(self, record: CreditCheck) -> QWidget:
        seat = self._seat
        facts = FactList()
        facts.add(seat.say("field.result"), Words(words.result_word(record, seat) or "–"))
        bought = wording.format_instant(record.purchased_at, "day")
        facts.add(seat.say("field.purchased_at"), Words(bought))
        until = wording.format_instant(record.expired_at, "until") if record.expired_at else "–"
        facts.add(seat.say("field.expired_at"), Words(until))
        facts.add(seat.say("field.provider_id"), Words(str(record.credit_check_id or "–"), "data"))
        if record.incomplete:
            missing = Words(seat.say("record.missing_parts", missing=record.incomplete), wrap=True)
            facts.add(seat.say("word.missing_label"), missing)
        holder = QWidget()
        holder.setLayout(column(facts, margins=(_PAD, 14, _PAD, 14)))
        return holder

