"""The review of a refund request: what is asked for, what changes, what does not happen, who is asked."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from console import wording
from console.domain.payment_results import MoneyStrip, RefundPlan
from console.views import case_words
from console.views.dialogs import refund_words
from console.views.dialogs.refund_form import RefundForm
from console.views.pages import money_facts
from console.views.seat import Seat
from console.views.widgets.bars import Bar
from console.views.widgets.base import Words, column
from console.views.widgets.inputs import Edit, Field
from console.views.widgets.money import MoneyPanel
from console.views.widgets.record import FactList, panel


class RefundReview(QWidget):
    """Read only, but for the last digits of the order's number where the sum is large.

    Signals:
        changed: another answer to whether it can be asked for.
    """

    changed = Signal()

    def __init__(self, seat: Seat, plan: RefundPlan, form: RefundForm) -> None:
        super().__init__()
        self._seat, self._plan = seat, plan
        money = form.money
        self._minor = money.minor if money is not None else 0
        self.digits = LastDigits(seat, plan.order.merch_txn_id if plan.order else plan.payment.merchant_payment_id)
        self.digits.changed.connect(self.changed)
        self.digits.setVisible(self.large)
        say, provider = seat.say, case_words.provider_word(plan.payment.provider, seat)
        lead = say("dialog.refund.nothing_sent_lead")
        feared = Bar(lead, say("dialog.refund.nothing_sent_now", provider=provider), tone="text", shape="shield")
        strip = MoneyPanel(say("money.strip"), margins=(0, 0, 0, 0))
        strip.setProperty("edge", "none")
        rows, rest = money_facts.parts(after(plan.money, self._minor, set_aside=form.request().set_aside_id), seat)
        strip.show_parts([part for part in rows if not part.quiet], rest)
        money_after = panel(say("dialog.refund.money_after"), strip)
        self.setLayout(column(feared, self._asked(form), money_after, self._changes(), self.digits, gap=12))

    @property
    def large(self) -> bool:
        """Whether a second checker is needed: then one look more costs little."""
        return self._plan.second_checker

    def why_not(self) -> str:
        return self.digits.why_not() if self.large else ""

    def _asked(self, form: RefundForm) -> FactList:
        seat, plan = self._seat, self._plan
        say, payment = seat.say, plan.payment
        facts = FactList()
        order = plan.order.merch_txn_id if plan.order else payment.merchant_payment_id
        named = [
            (say("field.order_number"), order),
            (say("field.corporation_number"), wording.format_number(payment.corporation_number or "") or "–"),
            (say("field.payer"), case_words.payer(payment.payer) or wording.NOTHING),
            (say("field.reason"), form.reason_words()),
        ]
        answers = dict(form.answers())
        named += [(refund_words.hit(hit, seat), answers.get(hit.rule, "")) for hit in plan.radar]
        for label, value in named[:4]:
            facts.add(label, Words(value, wrap=True, selectable=True))
        for hit, answer in named[4:]:
            both = say("case.answered", hit=hit, answer=answer)
            facts.add(say("dialog.refund.radar_short"), Words(both, wrap=True))
        return facts

    def _changes(self) -> FactList:
        """Before → after, field by field, and who is asked."""
        seat, plan = self._seat, self._plan
        say, currency = seat.say, plan.money.currency
        before, after_ = plan.money.refundable, max(0, plan.money.refundable - self._minor)
        facts = FactList()
        shown = [wording.format_amount(minor, currency) for minor in (before, after_)]
        facts.add(say("money.part.refundable"), Words(say("case.becomes", before=shown[0], after=shown[1])))
        facts.add(say("dialog.refund.cooling_off_label"), Words(refund_words.cooling_off(plan, seat), wrap=True))
        facts.add(say("dialog.refund.asked_label"), Words(refund_words.who_is_asked(plan, seat), wrap=True))
        return facts


class LastDigits(QWidget):
    """Asks for the last four characters of the order's number, so that a large sum is not pressed through.

    Signals:
        changed: something was typed.
    """

    changed = Signal()

    def __init__(self, seat: Seat, number: str) -> None:
        super().__init__()
        self._seat, self._wanted = seat, number[-4:]
        self.field = Field(seat.say("dialog.refund.last_four"), role="data")
        edit = self.field.edit
        if isinstance(edit, Edit):
            edit.setMaxLength(4)
            edit.setFixedWidth(104)
            edit.textChanged.connect(self.changed)
        self.setLayout(column(self.field))

    def why_not(self) -> str:
        typed = self.field.text().strip()
        return "" if typed == self._wanted else self._seat.say("dialog.refund.needs_last_four")


def after(money: MoneyStrip, minor: int, *, set_aside: int | None = None) -> MoneyStrip:
    """The strip as it is once this refund is asked for: figures for the eye, the service keeps the true ones."""
    return MoneyStrip(
        money.currency, money.captured, money.refunded, money.on_its_way, money.unknown, money.waiting + minor,
        money.set_aside - (minor if set_aside is not None else 0),
        money.refundable - (0 if set_aside is not None else minor),
    )  # fmt: skip
