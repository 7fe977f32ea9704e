"""What a person does with a payment, a refund or an order, from any page."""

from PySide6.QtGui import QGuiApplication

from console.domain.order_records import Order, Payment, Refund, SetAside
from console.domain.payment_results import RefundPlan, RefundView
from console.domain.records import Certainty, CreditCheck, Operation
from console.views import case_words, record_words
from console.views.case_words import Case
from console.views.pages.acts import Acts
from console.views.pages.page import Page
from console.views.seat import Note, Seat
from console.views.tasks import Failure
from console.views.widgets.bars import Bar

Settled = CreditCheck | Operation | Payment | Refund | Order


class MoneyActs(Acts):
    """Belongs to one page, like the acts on credit checks, which it knows too."""

    def __init__(self, seat: Seat, page: Page, *, in_bar: bool = False) -> None:
        """`in_bar`: what a probe brought stands in a bar of the page, where a toast would cover its buttons."""
        super().__init__(seat, page)
        self._moving, self._in_bar = False, in_bar

    # -- asking the provider

    def probe_case(self, record: Case, provider: str = "") -> None:
        """Ask what happened; changes nothing there. `provider` is who is asked, where the record doesn't say."""
        kind, id = case_words.ref_of(record)
        mark = f"{kind} {id}"
        if mark in self._probing or self.barred("probe"):
            return
        seat, title = self._seat, case_words.title(record, self._seat)
        self._probing.add(mark)
        lead, words = seat.say("dialog.busy"), seat.say("act.probing_case", title=title)
        self._page.show_bar("act", Bar(lead, words, tone="progress", shape="circle_arrow"))
        seat.act(
            lambda desk: desk.recovery.probe(kind, id),
            lambda found: self._case_probed(mark, record, found),
            lambda failure: self._case_failed(mark, failure),
            owner=self,
            label=seat.say("act.probe_case", title=title),
            told=lambda found: probe_note(seat, record, found),
            key=(kind, id),
            asked=record.provider if isinstance(record, Payment) else provider,
        )

    def _case_probed(self, mark: str, before: Case, found: Settled) -> None:
        self._probing.discard(mark)
        self._page.hide_bar("act")
        note = probe_note(self._seat, before, found)
        if self._in_bar:
            bar = Bar(note.words, note.detail, tone=note.tone, shape=note.shape, button=self._closing())
            self._page.show_bar("act", bar)
        else:
            self._seat.told.emit(note)
        self._page.refresh("probed")

    def _case_failed(self, mark: str, failure: Failure) -> None:
        self._probing.discard(mark)
        self.refused(failure)
        self._page.refresh("probed")

    # -- the order of a payment

    def move_order(self, payment: Payment) -> None:
        """Put the missing step to our order; nothing is sent to the provider."""
        if self._moving or self.barred("resolve"):
            return
        seat, self._moving = self._seat, True
        seat.act(
            lambda desk: desk.payments.move_order(payment.id),
            self._moved,
            self._not_moved,
            owner=self,
            label=seat.say("act.move_order", number=payment.merchant_payment_id),
            told=lambda order: _moved_note(seat, order),
            key=("payment", payment.id),
            asked="",
        )

    def _moved(self, order: Order) -> None:
        self._moving = False
        self._seat.told.emit(_moved_note(self._seat, order))
        self._page.refresh("moved")

    def _not_moved(self, failure: Failure) -> None:
        self._moving = False
        self.refused(failure)
        self._page.refresh("moved")

    # -- dialogs; imported when first opened

    def refund(self, payment_id: int, set_aside: SetAside | None = None) -> None:
        """Read the plan of this moment, then show it."""
        if self.barred("refund_request"):
            return
        self._seat.read(
            lambda desk: desk.refunds.plan(payment_id),
            lambda plan: self._show_refund(plan, set_aside),
            self.refused,
            owner=self,
            key=("refund-plan", payment_id),
        )

    def _show_refund(self, plan: RefundPlan, set_aside: SetAside | None) -> None:
        from console.views.dialogs.refund import RefundDialog

        RefundDialog(self._seat, plan, set_aside, self._page.window()).open()

    def resolve_case(self, record: Payment | Refund, proposer: str | None = None) -> None:
        if self.barred("resolve"):
            return
        from console.views.dialogs.resolve_money import ResolveMoneyDialog

        ResolveMoneyDialog(self._seat, record, proposer, self._page.window()).open()

    def approve(self, view: RefundView) -> None:
        if self.barred("refund_approve"):
            return
        from console.views.dialogs.decide import ApproveDialog

        ApproveDialog(self._seat, view, self._page.window()).open()

    def reject(self, view: RefundView) -> None:
        if self.barred("refund_approve"):
            return
        from console.views.dialogs.decide import DeclineDialog

        DeclineDialog(self._seat, view, self._page.window()).open()

    def withdraw(self, view: RefundView) -> None:
        if self.barred("refund_withdraw"):
            return
        from console.views.dialogs.decide import WithdrawDialog

        WithdrawDialog(self._seat, view, self._page.window()).open()

    def copy_line(self, record: Case) -> None:
        """One line for a ticket, without personal data."""
        seat, now = self._seat, self._seat.now()
        keys = (case_words.state_key(record), case_words.certainty_key(record, now), case_words.work_key(record))
        state, certainty, work = (record_words.cell(key, seat.language).word for key in keys)
        line = seat.say(
            "case.summary", title=case_words.title(record, seat), amount=case_words.amount(record), state=state,
            certainty=certainty, work=work, at=now,
        )  # fmt: skip
        self.copy_words(line)

    def copy_words(self, line: str) -> None:
        QGuiApplication.clipboard().setText(line)
        self._seat.tell(self._seat.say("record.summary_copied"), line)


def probe_note(seat: Seat, before: Case, found: Settled) -> Note:
    """What a probe brought, in a line: what changed, or that nothing did."""
    if isinstance(found, Operation):
        return Note(seat.say("record.no_change", at=seat.now()))
    if not isinstance(found, Order) and found.certainty is Certainty.UNKNOWN:
        return Note(seat.say("dialog.probe.still_unknown"), shape="question", tone="unknown")
    word = record_words.cell(case_words.state_key(found), seat.language).word
    if _told(found) == _told(before):
        return Note(seat.say("record.no_change", at=seat.now()), case_words.title(found, seat))
    return Note(seat.say("case.probed", state=word), case_words.title(found, seat))


def _told(record: Case | Settled) -> tuple[object, ...]:
    """What a probe may change."""
    names = ("state", "certainty", "captured_minor", "refunded_minor", "provider_minor", "provider_state")
    return tuple(getattr(record, name, None) for name in names)


def _moved_note(seat: Seat, order: Order) -> Note:
    word = record_words.cell(case_words.state_key(order), seat.language).word
    return Note(seat.say("case.order_moved", state=word), case_words.title(order, seat))
