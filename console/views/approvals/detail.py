"""A refund request as its approver sees it, built for saying no: what stands against it comes first."""

from collections.abc import Sequence

import shiboken6
from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QBoxLayout, QGridLayout, QScrollArea, QWidget

from console import wording
from console.domain.order_records import Refund
from console.domain.payment_results import MoneyStrip, RadarHit, RefundView
from console.views import case_words, record_words
from console.views.dialogs import refund_words
from console.views.look.theme import look
from console.views.pages import money_facts
from console.views.pages.money_page import fact_list
from console.views.seat import Seat
from console.views.widgets.badge import Badge
from console.views.widgets.base import Sign, Surface, ToneBox, Words, column, row
from console.views.widgets.buttons import KeyButton
from console.views.widgets.flow import flowing
from console.views.widgets.money import MoneyPanel, MoneyPart
from console.views.widgets.record import Strip, panel

FRESH_SECONDS = 900.0
"""How old the provider's answer may be when somebody approves."""
_READABLE = 10  # lines
_MARGIN = 24  # px beside the content
_LEAST = 50  # px: less than that is no content that was laid out
_COMPARED = ("state", "captured_minor", "refunded_minor", "payer")


class ApprovalView(QScrollArea):
    """Scrolls as a whole. `seen_whole` holds what was shown down to its end, by id and version.

    Signals:
        seen: the end has been shown. probed: ask the provider now.
        case_wanted(str, int): open the record that a reason is about.
    """

    seen = Signal()
    probed = Signal()
    case_wanted = Signal(str, int)

    def __init__(self, seat: Seat) -> None:
        super().__init__()
        self._seat = seat
        self.view: RefundView | None = None
        self._seen: set[tuple[int, int]] = set()
        self._pair: QBoxLayout | None = None
        self._strip: Strip | None = None
        self._beside = True
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        bar = self.verticalScrollBar()
        bar.valueChanged.connect(self._look)
        bar.rangeChanged.connect(self._look_later)

    # -- whether it was read

    @property
    def seen_whole(self) -> bool:
        return self.view is not None and (self.view.record.id, self.view.record.version) in self._seen

    @Slot()
    def _look_later(self) -> None:
        QTimer.singleShot(0, self, self._look)

    @Slot()
    def _look(self) -> None:
        """Its end is in sight: all of it was shown."""
        view, bar, content = self.view, self.verticalScrollBar(), self.widget()
        if view is None or not self.isVisible() or content is None or content.height() < _LEAST:
            return
        if bar.value() >= bar.maximum() - 4 and not self.seen_whole:
            self._seen.add((view.record.id, view.record.version))
            self.seen.emit()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._look_later()

    # -- showing

    def lie(self, *, beside: bool) -> None:
        """What was asked beside what is now, or above it where there is no room."""
        self._beside = beside
        self.setMinimumHeight(0 if beside else _READABLE * look().line("body"))
        if self._pair is not None and shiboken6.isValid(self._pair):
            directions = QBoxLayout.Direction
            self._pair.setDirection(directions.LeftToRight if beside else directions.TopToBottom)

    def _fit_sides(self) -> None:
        if self._strip is not None and shiboken6.isValid(self._strip):
            self._strip.fit(self.viewport().width() - 2 * _MARGIN)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_sides()

    def show_view(self, view: RefundView) -> None:
        same = self.view is not None and self.view.record.id == view.record.id
        at = self.verticalScrollBar().value() if same else 0
        self.view = view
        content = QWidget()
        parts = [
            self._against(view), self._asked_and_now(view), self._facts(view), self._money(view), self._checked(view),
            self._earlier(view.earlier), self._afterwards(view),
        ]  # fmt: skip
        content.setLayout(column(*parts, None, gap=18, margins=(_MARGIN, 14, _MARGIN, 16)))
        self.setWidget(content)
        self._fit_sides()
        self.setAccessibleName(title(view, self._seat))
        self.verticalScrollBar().setValue(at)
        self._look_later()

    def reasons_against(self, view: RefundView) -> list[tuple[str, str, str, RadarHit | None]]:
        """Sign, words, what the maker says to it, and the hit: each reason to say no."""
        seat = self._seat
        told: list[tuple[str, str, str, RadarHit | None]] = []
        for hit in view.against:
            says = seat.say("approvals.makers_answer", maker=view.record.maker, words=hit.answer)
            answer = says if hit.answer else ""
            told.append(("look_alike", refund_words.hit(hit, seat), answer, hit))
        for check in view.checks:
            if not check.holds:
                told.append(("cross", refund_words.check(check, seat, view.record.currency), "", None))
        return told

    def stale_fact(self, view: RefundView) -> str:
        """Why the provider's answer can't be decided on; "" while it is fresh."""
        side, seat = view.sides[money_facts.GATEWAY], self._seat
        if side.asked is None:
            return seat.say("approvals.never_asked")
        if money_facts.stale(side, seat.now(), FRESH_SECONDS):
            return seat.say("approvals.old_fact", age=seat.now() - side.asked, limit=int(FRESH_SECONDS // 60))
        return ""

    def _against(self, view: RefundView) -> QWidget:
        say, reasons, stale = self._seat.say, self.reasons_against(view), self.stale_fact(view)
        count = len(reasons) + bool(stale)
        head = row(
            Sign("warning" if count else "check", "care" if count else "good"),
            Words(say("approvals.against" if count else "approvals.nothing_against"), "section"),
            Words(str(count) if count else "", "data", "muted"), None, gap=8,
        )  # fmt: skip
        holder = QWidget()
        box = ToneBox("care")
        lines = column(gap=0, margins=(1, 1, 1, 1))
        for place, (shape, words, answer, hit) in enumerate(reasons):
            lines.addWidget(self._reason(shape, words, answer, hit, last=place == count - 1))
        if stale:
            lines.addWidget(self._stale_line(stale))
        box.setLayout(lines)
        box.setVisible(bool(count))
        holder.setLayout(column(head, box, gap=8))
        return holder

    def _reason(self, shape: str, words: str, answer: str, hit: RadarHit | None, *, last: bool) -> QWidget:
        line = Surface(edge="none" if last else "bottom")
        texts = [Words(words, wrap=True, selectable=True)]
        if answer:
            texts.append(Words(answer, "body", "muted", wrap=True, selectable=True))
        box = row(gap=12, margins=(14, 8, 12, 8))
        box.addWidget(Sign(shape, "care"), 0, Qt.AlignmentFlag.AlignTop)
        box.addLayout(column(*texts, gap=0), 1)
        if hit is not None and hit.kind is not None and hit.id is not None:
            button = KeyButton(self._seat.say("approvals.open_hit"), kind="inline")
            button.setAccessibleName(self._seat.say("approvals.open_hit_of", words=words))
            button.setProperty("kind", hit.kind)
            button.setProperty("case", hit.id)
            button.clicked.connect(self._open)
            box.addWidget(button)
        line.setLayout(box)
        return line

    def _stale_line(self, words: str) -> QWidget:
        line = Surface()
        button = KeyButton(self._seat.say("action.probe"), "P", "inline", binds=False)
        button.clicked.connect(self.probed)
        hint = Words(self._seat.say("approvals.probe_first"), "body", "muted", wrap=True)
        box = row(gap=12, margins=(14, 8, 12, 8))
        box.addWidget(Sign("clock", "care"), 0, Qt.AlignmentFlag.AlignTop)
        box.addLayout(column(Words(words, wrap=True), hint, gap=0), 1)
        box.addWidget(button)
        line.setLayout(box)
        return line

    def _asked_and_now(self, view: RefundView) -> QWidget:
        record, say = view.record, self._seat.say
        asked = fact_list(
            (say("field.reason"), record.reason),
            (say("field.ticket"), record.ticket),
            (say("field.payer"), case_words.payer(view.payment.payer)),
            (say("field.maker"), say("approvals.asked_by", maker=record.maker, at=record.created_at)),
        )
        holder = QWidget()
        compared = panel(say("approvals.then_and_now"), self._compared(view))
        both = self._pair = row(panel(say("approvals.asked"), asked), compared, gap=24)
        self.lie(beside=self._beside)
        both.setStretch(0, 1)
        both.setStretch(1, 1)
        holder.setLayout(both)
        return holder

    def _compared(self, view: RefundView) -> QWidget:
        """What the maker saw, and how it is now, field by field; a difference has its sign."""
        say, payment = self._seat.say, view.payment
        holder = QWidget()
        grid = QGridLayout(holder)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(3, 1)
        for place, word in ((1, "then"), (2, "now")):
            grid.addWidget(Words(say(f"approvals.{word}"), "small", "muted"), 0, place)
        now: dict[str, object] = {name: getattr(payment, name) for name in _COMPARED}
        for line, name in enumerate(dict.fromkeys((*_COMPARED, *view.changed)), 1):
            then, current = view.changed.get(name, (now.get(name), now.get(name)))
            differs = name in view.changed
            grid.addWidget(Words(say(f"approvals.field.{name}"), "body", "muted"), line, 0)
            grid.addWidget(Words(self._shown(name, then, view)), line, 1)
            grid.addWidget(Words(self._shown(name, current, view), "body", "bad" if differs else "text"), line, 2)
            same = say("approvals.differs" if differs else "approvals.same")
            grid.addWidget(Words(same, "body", "bad" if differs else "muted"), line, 3)
        return holder

    def _shown(self, name: str, value: object, view: RefundView) -> str:
        if value is None:
            return wording.NOTHING
        if name == "state" and wording.has(f"state.payment.{value}"):
            return self._seat.say(f"state.payment.{value}")
        if name.endswith("_minor") and isinstance(value, int):
            return wording.format_amount(value, view.record.currency)
        if name == "order_state" and wording.has(f"state.order.{value}"):
            return self._seat.say(f"state.order.{value}")
        return case_words.payer(str(value)) if name == "payer" else str(value)

    def _facts(self, view: RefundView) -> QWidget:
        """Each side with the age of its fact."""
        strip = self._strip = Strip(
            money_facts.sides(view.sides, self._seat, provider=view.payment.provider),
            self._seat.say("approvals.facts"),
        )
        holder = QWidget()
        holder.setLayout(column(Words(self._seat.say("approvals.facts"), "panel_title", "muted"), strip, gap=6))
        return holder

    def _money(self, view: RefundView) -> QWidget:
        """Captured, refunded, reserved; this request stands out of what waits."""
        seat, money = self._seat, view.money
        mine = view.record.amount_minor
        others = MoneyStrip(
            money.currency, money.captured, money.refunded, money.on_its_way, money.unknown,
            max(0, money.waiting - mine), money.set_aside, money.refundable,
        )  # fmt: skip
        rows, rest = money_facts.parts(others, seat)
        shown = wording.format_amount(-mine, money.currency)
        rows.append(MoneyPart(seat.say("money.part.this"), shown, mine, "back_hatch", "care"))
        strip = MoneyPanel(seat.say("money.strip"), margins=(0, 0, 0, 0))
        strip.setProperty("edge", "none")
        strip.show_parts(rows, rest)
        return panel(seat.say("approvals.money"), strip)

    def _checked(self, view: RefundView) -> QWidget:
        currency = view.record.currency
        good = [refund_words.check_line(check, self._seat, currency) for check in view.checks if check.holds]
        holder = QWidget()
        title_ = Words(self._seat.say("approvals.checked"), "panel_title", "muted")
        lines = flowing(*good, gap=20, line_gap=6) if good else Words(wording.NOTHING)
        holder.setLayout(column(title_, lines, gap=6))
        return holder

    def _earlier(self, refunds: Sequence[Refund]) -> QWidget:
        seat = self._seat
        title_ = Words(seat.say("approvals.earlier"), "panel_title", "muted")
        lines: list[QWidget] = []
        for refund in refunds:
            badge = record_words.cell(case_words.state_key(refund), seat.language)
            words = seat.say(
                "approvals.earlier_line", at=refund.created_at, amount=case_words.amount(refund), state=badge.word,
                maker=refund.maker, reason=refund.reason,
            )  # fmt: skip
            line = QWidget()
            line.setLayout(row(Sign(badge.shape, badge.tone, 14), Words(words, wrap=True), gap=6))
            lines.append(line)
        holder = QWidget()
        holder.setLayout(column(title_, *(lines or [Words(seat.say("approvals.no_earlier"))]), gap=4))
        return holder

    def _afterwards(self, view: RefundView) -> QWidget:
        seat, record = self._seat, view.record
        provider = case_words.provider_word(view.payment.provider, seat)
        if len(record.checkers) + 1 < record.checkers_needed:
            words = seat.say("approvals.after_first")
        elif record.sends_after is not None and record.sends_after > seat.now():
            words = seat.say("approvals.after_cooling_off", at=record.sends_after, provider=provider)
        else:
            words = seat.say("approvals.after_at_once", provider=provider)
        holder, head = QWidget(), Words(seat.say("approvals.afterwards"), "panel_title", "muted")
        holder.setLayout(column(head, Words(words, wrap=True), gap=4))
        return holder

    @Slot()
    def _open(self) -> None:
        sender = self.sender()
        self.case_wanted.emit(str(sender.property("kind")), int(sender.property("case")))


def title(view: RefundView, seat: Seat) -> str:
    amount = wording.format_amount(view.record.amount_minor, view.record.currency)
    return seat.say("dialog.approve.title", amount=amount)


def badges(view: RefundView, seat: Seat) -> list[Badge]:
    record, now = view.record, seat.now()
    keys = case_words.state_key(record), case_words.certainty_key(record, now), case_words.work_key(record)
    return [Badge.of(key, seat.language) for key in keys]
