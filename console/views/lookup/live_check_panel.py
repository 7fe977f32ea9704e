"""Beside a company's list: the live credit check of the current row's client, and its earlier ones."""

from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from console import wording
from console.domain.records import CreditCheck
from console.views import record_words as words
from console.views.pages.counts import Line, LineButton
from console.views.pages.rights import Reasons, guarded
from console.views.seat import Seat
from console.views.widgets.badge import Badge
from console.views.widgets.base import Sign, Surface, Words, column, row, scroller
from console.views.widgets.buttons import KeyButton, LinkButton, PaintedButton
from console.views.widgets.record import FactList

_PAD = 16


class LivePanel(Surface):
    """`record` is the live one shown.

    Signals:
        opened(int): open that record. pdf_wanted(int): show its PDF.
        refetched: fetch the shown one again.
    """

    opened = Signal(int)
    pdf_wanted = Signal(int)
    refetched = Signal()

    def __init__(self, seat: Seat) -> None:
        super().__init__(raised=True, edge="left")
        self._seat = seat
        self.record: CreditCheck | None = None
        self._shown: tuple[object, ...] = ()
        self.setAccessibleName(seat.say("lookup.live"))
        self._area = scroller()
        box = QVBoxLayout(self)
        box.setContentsMargins(1, 0, 0, 0)
        box.addWidget(self._area)

    def show_records(self, current: CreditCheck | None, records: Sequence[CreditCheck]) -> None:
        """The live one of the current row's client, else that there is none."""
        client = current.client_id if current else None
        of_client = [record for record in records if record.client_id == client]
        live = next((record for record in of_client if record.live), None)
        earlier = [record for record in of_client if record is not live]
        key = (client, live, tuple(earlier))
        if key == self._shown:
            return
        self._shown, self.record = key, live
        content = Surface(raised=True)
        parts: list[QWidget] = [self._head(live, client)]
        if live is not None:
            parts.append(self._live(live))
        if earlier:
            parts.append(self._earlier(earlier))
        content.setLayout(column(*parts, None, gap=0))
        self._area.setWidget(content)

    @property
    def stops(self) -> list[QWidget]:
        """Where Tab stops, in order."""
        return [*self._area.findChildren(PaintedButton)]

    def _head(self, live: CreditCheck | None, client: str | None) -> QWidget:
        say = self._seat.say
        head = Surface(raised=True, edge="bottom")
        title = Words(say("lookup.live_of", client=client) if client else say("lookup.live"), "panel_title")
        number = Words(str(live.id) if live else "", "data", "muted")
        head.setLayout(row(title, None, number, margins=(_PAD, 8, _PAD, 8)))
        return head

    def _live(self, record: CreditCheck) -> QWidget:
        seat = self._seat
        part = Surface(raised=True, edge="bottom")
        keys = [words.state_key(record, derived=False)]
        if words.most_telling(record) not in keys:
            keys.append(words.most_telling(record))
        badges = row(*(Badge.of(key, seat.language) for key in keys), None, gap=8)
        link = LinkButton(seat.say("action.open_record"), chevron=True)
        link.setProperty("record", record.id)
        link.clicked.connect(self._open)
        buttons = self._buttons(record)
        acts = column(row(*buttons, link, None, gap=8), Reasons(*buttons), gap=4)
        part.setLayout(column(badges, self._facts(record), acts, gap=12, margins=(_PAD, 14, _PAD, 14)))
        return part

    def _buttons(self, record: CreditCheck) -> list[KeyButton]:
        say = self._seat.say
        if record.incomplete and record.state == "success":
            button = KeyButton(say("action.refetch"), "F", binds=False)
            button.clicked.connect(self.refetched)
            return [guarded(self._seat, button, "refetch")]
        if record.pdf_file_path:
            button = KeyButton(say("action.open_pdf"), icon="document")
            button.setProperty("record", record.id)
            button.clicked.connect(self._open_pdf)
            return [button]
        return []

    def _facts(self, record: CreditCheck) -> FactList:
        seat, nothing = self._seat, wording.NOTHING
        say = seat.say
        facts = FactList()
        facts.add(say("field.result"), Words(words.result_word(record, seat) or nothing, bold=True))
        facts.add(say("field.purchased_at"), Words(wording.format_instant(record.purchased_at, "day")))
        until = say("record.document.until", until=record.expired_at) if record.expired_at else nothing
        facts.add(say("field.expired_at"), Words(until))
        facts.add(say("column.document"), self._document(record))
        if record.work.at is not None:
            following = say(f"record.planned.{record.work.reason}", attempt=record.work.attempt + 1)
            at = words.next_short(record, seat.now())
            facts.add(say("record.label.next"), Words(say("lookup.next", at=at, what=following), wrap=True))
        return facts

    def _document(self, record: CreditCheck) -> QWidget:
        say, has = self._seat.say, record.pdf_file_path is not None
        holder = QWidget()
        sign = Sign("check" if has else "cross", "good" if has else "bad", 14)
        words_ = Words(say("lookup.has_pdf" if has else "lookup.no_pdf"), "body", "text" if has else "bad")
        holder.setLayout(row(sign, words_, None, gap=5))
        return holder

    def _earlier(self, records: Sequence[CreditCheck]) -> QWidget:
        seat = self._seat
        title = row(Words(seat.say("lookup.earlier"), "small", "muted"), margins=(_PAD, 0, _PAD, 0))
        lines = []
        for record in records[:6]:
            badge = words.cell(words.state_key(record), seat.language)
            day = wording.format_instant(record.created_at or record.purchased_at, "day")
            word = seat.say("lookup.earlier_line", day=day, id=record.id)
            tone = "text" if badge.tone == "good" else badge.tone
            button = LineButton(Line(str(record.id), "", "text", word, "", badge.word, badge.shape, tone))
            button.setProperty("record", record.id)
            button.clicked.connect(self._open)
            lines.append(button)
        part = Surface(raised=True)
        part.setLayout(column(title, *lines, gap=2, margins=(0, 12, 0, 8)))
        return part

    @Slot()
    def _open(self) -> None:
        self.opened.emit(int(self.sender().property("record")))

    @Slot()
    def _open_pdf(self) -> None:
        self.pdf_wanted.emit(int(self.sender().property("record")))
