"""Asking for a refund: the form, a review that says what will and will not happen, the asking, how it ended."""

from PySide6.QtCore import QTimer, Slot
from PySide6.QtWidgets import QWidget

from console import wording
from console.domain.money import decimal_text
from console.domain.order_records import Refund, SetAside
from console.domain.payment_results import RefundPlan
from console.domain.truth import is_old
from console.views import case_words, record_words
from console.views.dialogs.refund_form import RefundForm
from console.views.dialogs.refund_review import RefundReview
from console.views.dialogs.steps import LET_GO_SECONDS
from console.views.routes import RefundRoute, route_to
from console.views.seat import Note, Seat
from console.views.tasks import Failure
from console.views.widgets.badge import Badge
from console.views.widgets.bars import Bar
from console.views.widgets.base import Words, column, row
from console.views.widgets.buttons import KeyButton
from console.views.widgets.dialog import DialogFrame


class RefundDialog(DialogFrame):
    """Nothing is sent to the provider from here: another person decides first."""

    def __init__(self, seat: Seat, plan: RefundPlan, set_aside: SetAside | None, parent: QWidget) -> None:
        say = seat.say
        number = plan.payment.merchant_payment_id
        super().__init__(
            say("dialog.refund.title", number=number),
            _subtitle(seat, plan),
            cancel=say("action.cancel"),
            act=say("dialog.refund.review"),
            close_name=say("action.close"),
            parent=parent,
        )
        self._seat, self.plan = seat, plan
        self._reading = False
        self.form_set_aside = set_aside
        self._refund: Refund | None = None
        self.review: RefundReview | None = None
        self.form = RefundForm(seat, plan, set_aside)
        self.form.changed.connect(self._look)
        self.form.amount_changed.connect(self._read_plan)
        self.form.case_wanted.connect(self._open_case)
        self._probing = False
        self.probe_button = KeyButton(say("action.probe"), kind="inline")
        self.probe_button.clicked.connect(self._probe)
        self._old = Bar("", say("dialog.refund.old"), tone="care", shape="clock", button=self.probe_button)
        self._holder = QWidget()
        self._holder.setLayout(column(*self._bars(), self._old, self.form, gap=12))
        self.show_content(self._holder)
        self.act_button.clicked.connect(self._go_on)
        self._patience = QTimer(self, singleShot=True, interval=LET_GO_SECONDS * 1_000)
        self._patience.timeout.connect(self._let_go)
        self._look()

    # -- the form

    def _bars(self) -> list[QWidget]:
        off = self._why_off()
        return [Bar(self._seat.say("dialog.refund.off"), off, tone="care", shape="lock")] if off else []

    def _why_off(self) -> str:
        """Why no refund of this payment can be asked for now; "" when one can."""
        plan = self.plan
        set_aside = self.form_set_aside is not None and plan.off == "refund_nothing_left"
        return self._seat.say(f"reason.{plan.off}", **plan.off_facts) if plan.off and not set_aside else ""

    @property
    def is_old(self) -> bool:
        """Whether the provider's answer about the payment says too little by now to ask for a refund on it."""
        payment = self.plan.payment
        return payment.told_at is None or is_old(payment.told_at, payment, self._seat.now())

    @property
    def provider(self) -> str:
        return case_words.provider_word(self.plan.payment.provider, self._seat)

    @Slot()
    def _look(self) -> None:
        off = self._why_off()
        self.form.setEnabled(not off)
        old = self.is_old and not off
        self._old.setVisible(old)
        why_not = off or (self._seat.say("dialog.refund.old") if old else "") or self.form.why_not()
        if why_not or self._reading or self.form.asking:
            self.set_act_off(why_not or self._seat.say("dialog.refund.reading"))
        else:
            self.set_act_on(self._seat.say("dialog.refund.nothing_sent", provider=self.provider))

    @Slot(str)
    def _read_plan(self, amount: str | None) -> None:
        """Hits and rules depend on the amount."""
        payment, self._reading = self.plan.payment.id, True
        self._look()
        self._seat.read(
            lambda desk: desk.refunds.plan(payment, amount), self._take_plan, self._no_plan, owner=self,
            key=("refund-plan", payment),
        )  # fmt: skip

    @Slot()
    def _probe(self) -> None:
        """The provider's present answer, then the plan anew."""
        if self._probing:
            return
        seat, payment, self._probing = self._seat, self.plan.payment, True
        self.probe_button.set_busy(seat.say("dialog.busy"))
        title = case_words.title(payment, seat)
        seat.act(
            lambda desk: desk.recovery.probe("payment", payment.id),
            self._probed,
            self._not_probed,
            owner=self,
            label=seat.say("act.probe_case", title=title),
            told=lambda _: Note(seat.say("record.no_change", at=seat.now()), title),
            key=("payment", payment.id),
            asked=payment.provider,
        )

    def _probed(self, _found: object) -> None:
        self._probing = False
        money = self.form.money
        self._read_plan(decimal_text(money) if money is not None else None)

    def _not_probed(self, failure: Failure) -> None:
        self._probing = False
        self.probe_button.say(self._seat.say("action.probe"))
        self.probe_button.set_on()
        self._old.say("", self._seat.message(failure))

    def _take_plan(self, plan: RefundPlan) -> None:
        self._reading = False
        self.plan = plan
        self.form.show_plan(plan)

    def _no_plan(self, failure: Failure) -> None:
        self._reading = False
        self._look()
        self.set_act_off(self._seat.message(failure))

    # -- the review

    @Slot()
    def _go_on(self) -> None:
        if self.review is None:
            self._review()
        elif not self.busy:
            self._request()

    def _review(self) -> None:
        """The same window, other content: what is asked for, what changes, what does not happen yet."""
        seat, money = self._seat, self.form.money
        if money is None:
            return
        amount = wording.format_amount(money.minor, money.currency)
        self._holder.setParent(None)  # kept for the way back
        self.review = RefundReview(seat, self.plan, self.form)
        self.review.changed.connect(self._look_at_review)
        self.say_title(seat.say("dialog.refund.confirm", amount=amount), _subtitle(seat, self.plan))
        self.show_content(self.review)
        self.act_button.say(seat.say("dialog.refund.act"))
        self.cancel_button.setFocus()
        self._look_at_review()

    @Slot()
    def _look_at_review(self) -> None:
        why_not = self.review.why_not() if self.review is not None else ""
        if why_not:
            self.set_act_off(why_not)
        else:
            self.set_act_on(self._seat.say("dialog.refund.nothing_sent", provider=self.provider))

    # -- asking

    def _request(self) -> None:
        seat, request = self._seat, self.form.request()
        self.set_busy(seat.say("dialog.busy"))
        self.hint.say("")
        self._patience.start()
        seat.act(
            lambda desk: desk.refunds.request(request),
            self._asked,
            self._failed,
            owner=self,
            label=seat.say("act.refund", number=self.plan.payment.merchant_payment_id),
            told=lambda refund: Note(
                seat.say("dialog.refund.asked_title"), case_words.title(refund, seat), "hourglass", "progress"
            ),
            key=("payment", request.payment_id),
            asked="",
        )

    @Slot()
    def _let_go(self) -> None:
        if self.busy:
            self.let_go(self._seat.say("action.close"), self._seat.say("dialog.elapsed", seconds=LET_GO_SECONDS))

    def _asked(self, refund: Refund) -> None:
        seat = self._seat
        self._refund = refund
        self._end(seat.say("dialog.refund.asked_title"), asked(seat, refund, self.plan), act="action.open_refund")
        self.act_button.clicked.connect(self._open_refund)

    def _failed(self, failure: Failure) -> None:
        """Nothing was asked for: which rule said no, and what there is to do."""
        seat = self._seat
        title = "dialog.stale.title" if failure.code == "stale_view" else "dialog.refund.refused_title"
        content = QWidget()
        told = Bar("", seat.message(failure), tone="bad", shape="square_bang")
        content.setLayout(column(told, Words(seat.say("dialog.refund.nothing_changed"), wrap=True), gap=12))
        self._end(seat.say(title), content)

    def _end(self, title: str, content: QWidget, act: str = "") -> None:
        say = self._seat.say
        self._patience.stop()
        subtitle = _subtitle(self._seat, self.plan)
        self.show_outcome(
            title, subtitle, content, close=say("action.close"), act=say("action.open_refund") if act else ""
        )

    @Slot()
    def _open_refund(self) -> None:
        self.accept()
        if self._refund is not None:
            self._seat.go(RefundRoute(self._refund.id))

    @Slot(str, int)
    def _open_case(self, kind: str, id: int) -> None:
        self.reject()
        self._seat.go(route_to(kind, id))


def asked(seat: Seat, refund: Refund, plan: RefundPlan) -> QWidget:
    """It was asked for: who decides until when, and that nothing was sent."""
    say = seat.say
    told = Bar(say("dialog.refund.asked_lead"), say("dialog.refund.asked", people=plan.who_is_asked),
               tone="progress", shape="hourglass")  # fmt: skip
    keys = (
        case_words.state_key(refund), case_words.certainty_key(refund, seat.now()), case_words.work_key(refund),
    )  # fmt: skip
    badges = QWidget()
    badges.setLayout(row(*(Badge.of(key, seat.language) for key in keys), None))
    _, why, following = record_words.explained(case_words.explained(refund, seat.now()), seat)
    holder = QWidget()
    holder.setLayout(column(told, badges, Words(why, wrap=True), Words(following, wrap=True), gap=12))
    return holder


def _subtitle(seat: Seat, plan: RefundPlan) -> str:
    payment = plan.payment
    return seat.say(
        "dialog.refund.subtitle",
        number=payment.corporation_number,
        provider=case_words.provider_word(payment.provider, seat),
        amount=wording.format_amount(payment.captured_minor, payment.currency),
        at=payment.paid_at,
        payer=case_words.payer(payment.payer),
    )
