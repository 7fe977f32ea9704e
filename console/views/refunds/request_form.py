"""The form of a refund request: amount, reason, ticket, what speaks against it with an answer each, the rules."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QSignalBlocker, QTimer, Signal, Slot
from PySide6.QtWidgets import QButtonGroup, QLayout, QWidget

from console import wording
from console.domain.money import Money, NotAnAmount, decimal_text, money_from_text
from console.domain.order_records import RefundRequest, SetAside
from console.domain.payment_results import Check, RadarHit, RefundPlan
from console.views.dialogs import refund_words
from console.views.dialogs.purchase_form import labelled
from console.views.look.theme import look
from console.views.seat import Seat
from console.views.widgets.base import Sign, Surface, ToneBox, Words, column, row
from console.views.widgets.flow import flowing
from console.views.widgets.inputs import CheckBox, Choice, Edit, Field, RadioButton

REASONS = ("ordered_twice", "returned", "not_delivered", "wrong_amount", "paid_after_cancel", "set_aside", "other")
LOOK_ALIKE = "exact_lookalike"
_TOLD = frozenset({"per_refund", "per_person_day", "window"})
"""Rules that are shown also while they hold; the others go without saying."""
_ASK_AFTER_MS = 350
_LONGEST = 300


class RefundForm(QWidget):
    """The whole of what is left is prefilled; the rest is for the person to say.

    Signals:
        changed: another answer to whether it can go on.
        amount_changed(str): read the plan for this amount (decimal text).
        case_wanted(str, int): open the record that a hit is about.
    """

    changed = Signal()
    amount_changed = Signal(str)
    case_wanted = Signal(str, int)

    def __init__(self, seat: Seat, plan: RefundPlan, set_aside: SetAside | None) -> None:
        super().__init__()
        self._seat, self.plan, self._set_aside = seat, plan, set_aside
        self._answers: dict[str, Field] = {}
        self.intended = CheckBox(seat.say("dialog.refund.intended"))
        self._make_inputs()
        self._radar = QWidget()
        self._rules = QWidget()
        self._timer = QTimer(self, singleShot=True, interval=_ASK_AFTER_MS)
        self._timer.timeout.connect(self._ask)
        self._whole = self._build()
        self.setLayout(self._whole)
        self._connect()
        self.show_plan(plan)

    # -- building

    def _make_inputs(self) -> None:
        say, currency = self._seat.say, self.plan.payment.currency
        amount = say("dialog.refund.amount", currency=say(f"currency.{currency}"))
        self.amount = Field(amount, role="figure", right=True)
        self.all = RadioButton(say("dialog.refund.all_left", amount=self._shown(self.most)))
        self.part = RadioButton(say("dialog.refund.part"))
        group = QButtonGroup(self)
        group.addButton(self.all)
        group.addButton(self.part)
        self.all.setChecked(True)
        self.after = Words("", "small", "muted")
        self.reason = Choice(say("field.reason"), empty=say("dialog.refund.choose_reason"))
        for code in REASONS:
            self.reason.addItem(say(f"refund_reason.{code}"), code)
        self.reason.setCurrentIndex(REASONS.index("set_aside") if self._set_aside else -1)
        self.words = Field(say("dialog.refund.words"))
        self.ticket = Field(say("field.ticket"), role="data")
        self.amount_edit, self.words_edit, self.ticket_edit = (
            _line(field) for field in (self.amount, self.words, self.ticket)
        )
        self.amount_edit.setText(decimal_text(Money(self.most, currency)))
        self.words_edit.setMaxLength(_LONGEST)
        self.ticket_edit.setMaxLength(60)

    def _build(self) -> QLayout:
        say = self._seat.say
        # One below the other, what is wrong has the whole width: a layout measures words by that of the column.
        narrow = self.amount_edit if look().scale >= refund_words.LARGE else self.amount
        narrow.setFixedWidth(round(168 * look().scale))
        choice = flowing(self.all, self.part, gap=16)
        extent = labelled(say("dialog.refund.extent"), choice)
        self.after.setMinimumHeight(look().control("input"))
        after = labelled("", self.after)
        first = refund_words.beside(self.amount, extent, after, stretched=extent)
        reason = labelled(say("field.reason"), self.reason)
        second = refund_words.beside(reason, self.words, self.ticket, stretched=self.words)
        self.ticket.setFixedWidth(round(112 * look().scale))
        return column(first, second, self._radar, self._rules, gap=12)

    def _connect(self) -> None:
        self.amount_edit.textChanged.connect(self._typed)
        self.all.toggled.connect(self._all_or_part)
        for edit in (self.words_edit, self.ticket_edit):
            edit.textChanged.connect(self.changed)
        self.reason.currentIndexChanged.connect(self.changed)
        self.intended.checkStateChanged.connect(self.changed)

    # -- the plan of this moment, for this amount

    def show_plan(self, plan: RefundPlan) -> None:
        """Hits and rules anew; what was answered to a hit that is still there stays."""
        self.plan = plan
        kept = {rule: field.text() for rule, field in self._answers.items()}
        self.intended.setParent(self)  # its place may go with the hits
        self.intended.hide()
        self._replace("_radar", self._radar_box(kept))
        self._replace("_rules", self._rule_lines())
        self._show_after()
        self.changed.emit()

    def _replace(self, name: str, widget: QWidget) -> None:
        before: QWidget = getattr(self, name)
        self._whole.replaceWidget(before, widget)
        before.hide()
        before.deleteLater()
        setattr(self, name, widget)

    def _radar_box(self, kept: Mapping[str, str]) -> QWidget:
        """Each hit with its link and a line for the maker's answer."""
        say, hits = self._seat.say, self.plan.radar
        self._answers = {}
        holder = QWidget()
        if not hits:
            none = row(Sign("check", "good", 14), Words(say("dialog.refund.no_hits")), None, gap=6)
            holder.setLayout(none)
            return holder
        head = row(
            Sign("look_alike", "care", 16), Words(say("dialog.refund.radar"), "panel_title"),
            Words(str(len(hits)), "small_data", "muted"), None,
            Words(say("dialog.refund.told"), "small", "muted"), gap=6,
        )  # fmt: skip
        box = ToneBox("care")
        lines = column(gap=0, margins=(1, 1, 1, 1))
        rules = list(dict.fromkeys(hit.rule for hit in hits))
        for rule in rules:
            of_rule = [hit for hit in hits if hit.rule == rule]
            lines.addWidget(self._hits(of_rule, kept.get(rule, ""), last=rule == rules[-1]))
        box.setLayout(lines)
        holder.setLayout(column(head, box, gap=6))
        return holder

    def _hits(self, hits: Sequence[RadarHit], answer: str, *, last: bool) -> QWidget:
        """All hits of one rule, with one answer."""
        line = Surface(edge="none" if last else "bottom")
        heads = [self._hit(hit) for hit in hits]
        rule, words = hits[0].rule, refund_words.hit(hits[0], self._seat)
        field = Field(self._seat.say("dialog.refund.answer"))
        field.label.hide()
        edit = _line(field)
        edit.setAccessibleName(self._seat.say("dialog.refund.answer_to", hit=words))
        edit.setPlaceholderText(self._seat.say("dialog.refund.answer"))
        edit.setMaxLength(_LONGEST)
        edit.setText(answer)
        edit.textChanged.connect(self.changed)
        self._answers[rule] = field
        more = [self.intended] if rule == LOOK_ALIKE else []
        for box in more:
            box.show()
        line.setLayout(column(*heads, field, *more, gap=4, margins=(12, 8, 12, 8)))
        return line

    def _hit(self, hit: RadarHit) -> QWidget:
        head = row(Sign("look_alike", "care", 14), Words(refund_words.hit(hit, self._seat), wrap=True), gap=8)
        link = refund_words.hit_link(hit, self._seat)
        if link is not None:
            link.clicked.connect(self._open_hit)
            head.addWidget(link)
        holder = QWidget()
        holder.setLayout(head)
        return holder

    def _rule_lines(self) -> QWidget:
        currency = self.plan.payment.currency
        told = [check for check in self._checks() if check.rule in _TOLD or not check.holds]
        lines = [refund_words.check_line(check, self._seat, currency) for check in told]
        lines.append(refund_words.sign_line("clock", "muted", refund_words.cooling_off(self.plan, self._seat)))
        lines.append(refund_words.sign_line("person", "muted", refund_words.who_is_asked(self.plan, self._seat)))
        return flowing(*lines, gap=20, line_gap=6)

    # -- what is said

    @property
    def most(self) -> int:
        """What can be asked for, in minor units: all that is left, or what was set aside."""
        return self._set_aside.amount_minor if self._set_aside else self.plan.money.refundable

    @property
    def money(self) -> Money | None:
        """The amount as it stands there; None while it is none."""
        text = self.amount_edit.text().strip().replace(",", "")
        try:
            money = money_from_text(text, self.plan.payment.currency)
        except NotAnAmount:
            return None
        return money if money.minor > 0 else None

    @property
    def reason_code(self) -> str:
        return str(self.reason.currentData()) if self.reason.currentIndex() >= 0 else ""

    def reason_words(self) -> str:
        """As it is kept: the code's word with the person's own."""
        own, word = self.words_edit.text().strip(), self.reason.currentText()
        return self._seat.say("dialog.refund.reason_line", reason=word, words=own) if own else word

    def answers(self) -> tuple[tuple[str, str], ...]:
        return tuple((rule, field.text().strip()) for rule, field in self._answers.items())

    def request(self) -> RefundRequest:
        money = self.money
        return RefundRequest(
            self.plan.payment.id,
            decimal_text(money) if money is not None else "",
            self.reason_words(),
            intended_repeat=LOOK_ALIKE in self._answers and self.intended.isChecked(),
            ticket=self.ticket_edit.text().strip() or None,
            set_aside_id=self._set_aside.id if self._set_aside else None,
            saw=self.plan.payment.version,
            answers=self.answers(),
        )

    def why_not(self) -> str:
        """Why it can't go on as it stands; "" when it can. What is wrong with a field stands at the field."""
        say, wrong = self._seat.say, self._wrong_amount()
        self.amount.show_error(wrong)
        if wrong:
            return wrong
        if not self.reason_code:
            return say("dialog.refund.needs_reason")
        if self.reason_code == "other" and not self.words_edit.text().strip():
            return say("dialog.refund.needs_words")
        if any(not words for _, words in self.answers()):
            return say("dialog.refund.needs_answers")
        if LOOK_ALIKE in self._answers and not self.intended.isChecked():
            return say("dialog.refund.needs_intent")
        broken = next((check for check in self._checks() if not check.holds), None)
        return refund_words.check(broken, self._seat, self.plan.payment.currency) if broken else ""

    def _checks(self) -> list[Check]:
        """What was looked at; what is left says nothing about money set aside."""
        return [check for check in self.plan.checks if self._set_aside is None or check.rule != "left"]

    def _wrong_amount(self) -> str:
        """What is wrong with the amount, in words that say how to write it."""
        say, text, money = self._seat.say, self.amount_edit.text().strip(), self.money
        if not text:
            return say("dialog.refund.needs_amount")
        if not text.isascii():
            return say("dialog.refund.ascii_only")
        if money is None:
            return say("dialog.refund.no_amount")
        if money.minor > self.most:
            return say("dialog.refund.too_much", most=Money(self.most, money.currency))
        whole_only = self._set_aside is not None and money.minor != self.most
        return say("dialog.refund.set_aside_whole", amount=Money(self.most, money.currency)) if whole_only else ""

    # -- what follows

    @Slot()
    def _typed(self) -> None:
        money = self.money
        whole = money is not None and money.minor == self.most
        # Checking one unchecks the other, and that must not look like a choice: it would take the amount anew.
        with QSignalBlocker(self.all), QSignalBlocker(self.part):
            (self.all if whole else self.part).setChecked(True)
        self._show_after()
        self.changed.emit()
        self._timer.start()

    @Slot(bool)
    def _all_or_part(self, all_: bool) -> None:
        if all_:
            self.amount_edit.setText(decimal_text(Money(self.most, self.plan.payment.currency)))
        else:
            self.amount_edit.setFocus()
            self.amount_edit.selectAll()

    def _show_after(self) -> None:
        money = self.money
        rest = max(0, self.plan.money.refundable - (0 if self._set_aside or money is None else money.minor))
        self.after.say(self._seat.say("dialog.refund.after", amount=self._shown(rest)))

    @Slot()
    def _ask(self) -> None:
        money = self.money
        if money is not None and money.minor <= self.most:
            self.amount_changed.emit(decimal_text(money))

    @property
    def asking(self) -> bool:
        """Whether another amount's plan has yet to be asked for."""
        return self._timer.isActive()

    @Slot()
    def _open_hit(self) -> None:
        sender = self.sender()
        self.case_wanted.emit(str(sender.property("kind")), int(sender.property("case")))

    def _shown(self, minor: int) -> str:
        return wording.format_amount(minor, self.plan.payment.currency)


def _line(field: Field) -> Edit:
    edit = field.edit
    assert isinstance(edit, Edit)  # noqa: S101  # a field of one line: tells the type checker
    return edit
