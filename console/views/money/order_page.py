"""One order of the shop: what it is now, its payments and refunds."""

from collections.abc import Mapping, Sequence

from PySide6.QtWidgets import QLayout, QWidget

from console import saga_wording, wording
from console.domain.payment_results import OrderView
from console.domain.saga_steps import SagaStep, SagaView, StepState
from console.views.desk_api import Desk
from console.views.look.tokens import Tone
from console.views.pages import beside_acts
from console.views.pages.evidence_acts import HINTS
from console.views.pages.money_page import MoneyPage, View, fact_list
from console.views.routes import PaymentRoute
from console.views.widgets.steps import StepLine, StepList

_LOOKS: Mapping[StepState, tuple[str, Tone]] = {
    StepState.DONE: ("check", "good"),
    StepState.CURRENT: ("ring_arrow", "progress"),
    StepState.WAITING: ("hourglass", "care"),
    StepState.STUCK: ("person", "bad"),
    StepState.OPEN: ("ring", "muted"),
    StepState.SKIPPED: ("dash", "muted"),
    StepState.UNDONE: ("arrow_back", "care"),
}


class OrderPage(MoneyPage):
    """An order has one side: the shop writes it, the console moves its state. Where a payment's time has passed, the
    steps that follow stand above its tabs.
    """

    kind = "order"
    lists = ("payments", "refunds")
    verb_names = ("open_payment",)
    has_strips = False
    hints = (
        (("[", "]"), "key.previous_next"),
        (("Ctrl+C",), "key.copy"),
        (("Ctrl+Shift+C",), "key.copy_summary"),
        *beside_acts.HINTS,
        *HINTS,
        (("Esc",), "key.back"),
    )

    def _build(self) -> None:
        self.steps = StepList(self.seat.say("saga.steps"))
        self.steps.hide()
        super()._build()

    def add(self, part: QWidget | QLayout, stretch: int = 0) -> None:
        """The steps stand right below why it is so and what is next."""
        super().add(part, stretch)
        if part is self.form:
            super().add(self.steps)

    def ask(self, desk: Desk, id: int) -> View:
        return desk.payments.order(id)

    def plain(self, view: View) -> str:
        return view.record.merch_txn_id if isinstance(view, OrderView) else ""

    def related(self) -> frozenset[tuple[str, int]]:
        view = self.view
        if not isinstance(view, OrderView):
            return frozenset()
        payments = {("payment", payment.id) for payment in view.payments}
        return frozenset(payments | {("refund", refund.id) for refund in view.refunds})

    def fill(self, view: View) -> None:
        if not isinstance(view, OrderView):
            return
        record, say = view.record, self.seat.say
        total = wording.format_amount(record.total_minor, record.currency)
        self.head.show_identity(record.corporation_number or "", "", total, self.badges(view))
        self._show_steps(view.sagas)
        self.tabs.show_view(record, view, payments=view.payments, refunds=view.refunds)
        facts = fact_list(
            (say("column.number_short"), wording.format_number(record.corporation_number or "")),
            (say("field.order_number"), record.merch_txn_id),
            (say("field.total"), total),
            (say("field.currency"), record.currency),
            (say("field.created_at"), wording.format_instant(record.created_at) if record.created_at else None),
            (say("field.version"), str(record.version)),
        )
        self.show_aside((say("case.this_order"), facts))

    def _show_steps(self, sagas: Sequence[SagaView]) -> None:
        """Of several the one that is under way, and else the newest."""
        open_ones = [one for one in sagas if one.record.ended_at is None]
        shown = (open_ones or list(sagas))[-1:]
        self.steps.setVisible(bool(shown))
        if shown:
            say = self.seat.language
            standing = (saga_wording.standing(shown[0], say), saga_wording.dated(shown[0], say))
            lines = [step_line(step, say) for step in shown[0].steps]
            self.steps.show_steps(saga_wording.title(shown[0], say), " · ".join(standing), lines)

    def helpful(self, view: View) -> tuple[str, ...]:
        return ("open_payment",) if isinstance(view, OrderView) and view.payments else ()

    def act(self, name: str) -> None:
        view = self.view
        if name == "open_payment" and isinstance(view, OrderView) and view.payments:
            newest = max(payment.id for payment in view.payments)
            settles = view.alert.id if view.alert is not None and view.alert.kind == "payment" else newest
            self.seat.go(PaymentRoute(settles, (), self.place))


def step_line(step: SagaStep, language: str) -> StepLine:
    """One of the steps in words."""
    shape, tone = _LOOKS[step.state]
    return StepLine(
        saga_wording.step_name(step, language),
        shape,
        tone,
        saga_wording.step_word(step, language),
        saga_wording.step_detail(step, language),
        strong=step.state in (StepState.CURRENT, StepState.WAITING, StepState.STUCK),
    )
