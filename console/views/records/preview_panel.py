"""The side panel of a list: the current record in short, and the first things to do with it."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from console import wording
from console.domain.order_records import Order, Payment, Refund
from console.domain.records import Certainty, CreditCheck
from console.domain.results import QueueItem
from console.views import case_words
from console.views import record_words as words
from console.views.case_words import Case
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
        self.record: Case | None = None
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

    def _head(self, record: Case) -> QWidget:
        seat, now = self._seat, self._seat.now()
        link = LinkButton(seat.say("action.open"))
        link.clicked.connect(self.opened)
        head = Surface(edge="bottom")
        title = row(Words(case_words.title(record, seat), "section"), None, link, gap=8)
        keys = (case_words.state_key(record), case_words.certainty_key(record, now), case_words.work_key(record))
        badges = flowing(*(Badge.of(key, seat.language) for key in keys), gap=8)
        parts: list[QWidget] = []
        if isinstance(record, CreditCheck):
            parts.append(ElidedWords(record.company_name or seat.say("record.no_name")))
        line = row(*self._numbers(record), None)
        head.setLayout(column(title, *parts, line, 4, badges, gap=2, margins=(_PAD, 12, _PAD, 14)))
        return head

    def _numbers(self, record: Case) -> list[QWidget]:
        """Its corporation number to copy, and its client or sum beside it."""
        seat, number = self._seat, case_words.number_of(record)
        shown: list[QWidget] = []
        if number:
            name, copy = seat.say("field.corporation_number"), seat.say("action.copy")
            copyable = CopyableId(wording.format_number(number), number, name, copy_word=copy)
            copyable.copied.connect(self.copied)
            shown.append(copyable)
        beside = (
            seat.say("record.client", client=record.client_id)
            if isinstance(record, CreditCheck)
            else case_words.amount(record)
        )
        return [*shown, Words(beside, "body", "muted")]

    def _state(self, item: QueueItem) -> QWidget:
        seat, record = self._seat, item.record
        part = Surface(edge="bottom")
        box = column(gap=10, margins=(_PAD, 14, _PAD, 14))
        blocked = _blocked(record)
        if blocked:
            lead, words_ = blocked
            box.addWidget(Bar(seat.say(lead), seat.say(words_), tone="unknown", shape="lock", narrow=True))
        _, why, following = words.explained(item.explanation, seat)
        box.addWidget(FactList([(seat.say("record.label.why"), why), (seat.say("record.label.next"), following)]))
        box.addLayout(self._actions(record))
        part.setLayout(box)
        return part

    def _actions(self, record: Case) -> "QVBoxLayout":
        """At most one primary; the keys are the page's own."""
        say = self._seat.say
        unknown = not isinstance(record, Order) and record.certainty is Certainty.UNKNOWN
        buttons = []
        if isinstance(record, CreditCheck) and record.incomplete:
            buttons.append(self._button(say("action.refetch"), "F", self.refetched, "refetch"))
        if unknown:
            buttons.append(self._button(say("action.resolve"), "E", self.resolved, "resolve"))
        buttons.append(self._button(say("action.probe"), "P", self.probed, "probe"))
        return column(flowing(*buttons, gap=8), Reasons(*buttons))

    def _button(self, text: str, key: str, pressed: object, right: str) -> KeyButton:
        button = KeyButton(text, key, binds=False)
        button.clicked.connect(pressed)
        return guarded(self._seat, button, right)

    def _sides(self, record: Case) -> QWidget:
        if not isinstance(record, CreditCheck):
            return self._facts(record)
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

    def _facts(self, record: Order | Payment | Refund) -> QWidget:
        """What people ask about a payment, an order or a refund."""
        seat = self._seat
        say, facts = seat.say, FactList()
        told: list[tuple[str, str | None]] = [(say("column.amount"), case_words.amount(record))]
        if isinstance(record, Payment):
            told += [
                (say("column.provider"), case_words.provider(record, seat)),
                (say("field.payer"), case_words.payer(record.payer)),
                (say("field.provider_payment_id"), record.provider_payment_id),
            ]
        elif isinstance(record, Refund):
            told += [(say("field.maker"), record.maker), (say("field.reason"), record.reason),
                     (say("field.refund_key"), record.provider_refund_key)]  # fmt: skip
        for label, value in told:
            facts.add(label, Words(value or wording.NOTHING, wrap=True, selectable=True))
        holder = QWidget()
        holder.setLayout(column(facts, margins=(_PAD, 14, _PAD, 14)))
        return holder


def _blocked(record: Case) -> tuple[str, str] | None:
    """Lead and words of what an unknown outcome forbids."""
    if isinstance(record, Order) or record.certainty is not Certainty.UNKNOWN:
        return None
    if isinstance(record, CreditCheck):
        return "record.blocked", "record.blocked_short"
    if isinstance(record, Refund):
        return "money.blocked_refund", "money.blocked_refund_short"
    return "money.blocked_payment", "money.blocked_payment_short"
