"""One payment: its three sides, verdict, where its money is, its past, its refunds, what to do."""

from PySide6.QtCore import Slot

from console import wording
from console.domain.explain_payments import PAID, explain_refund
from console.domain.order_records import OrderState
from console.domain.payment_results import PaymentView
from console.domain.records import Certainty, WorkState
from console.views import case_words, record_words
from console.views.desk_api import Desk
from console.views.pages import beside_acts, money_facts
from console.views.pages.evidence_acts import HINTS
from console.views.pages.money_page import MoneyPage, View, fact_list
from console.views.routes import OrderRoute, RefundRoute
from console.views.seat import Seat
from console.views.widgets.bars import Bar
from console.views.widgets.buttons import KeyButton, LinkButton
from console.views.widgets.copyable import CopyableId


class PaymentPage(MoneyPage):
    """Truth strip, verdict, money strip, tabs."""

    kind = "payment"
    lists = ("refunds",)
    verb_names = ("probe", "refund", "resolve", "move_order")
    hints = (
        (("[", "]"), "key.previous_next"),
        (("P",), "key.probe"),
        (("R",), "key.refund"),
        (("E",), "key.resolve"),
        (("M",), "key.move_order"),
        (("Ctrl+C",), "key.copy"),
        (("Ctrl+Shift+C",), "key.copy_summary"),
        *beside_acts.HINTS,
        *HINTS,
        (("Esc",), "key.back"),
    )

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        say = seat.say
        copy = say("action.copy")
        self._reference = CopyableId("", "", say("money.reference"), copy_word=copy, role="small", tone="muted")
        self._reference.copied.connect(self.acts.tell_copied)
        self._raw = LinkButton(say("action.open_raw"), chevron=True, role="small")
        self._raw.clicked.connect(self._show_answers)
        self._probe = KeyButton(say("action.probe"), "P", "inline", binds=False)
        self._probe.clicked.connect(self._probe_now)
        self._order_link = LinkButton(say("action.open_order"), chevron=True, role="small")
        self._order_link.clicked.connect(self._open_order)

    def ask(self, desk: Desk, id: int) -> View:
        return desk.payments.show(id)

    def plain(self, view: View) -> str:
        return view.record.merchant_payment_id if isinstance(view, PaymentView) else ""

    def related(self) -> frozenset[tuple[str, int]]:
        view = self.view
        if not isinstance(view, PaymentView):
            return frozenset()
        order = {("order", view.order.id)} if view.order is not None else set()
        return frozenset({("refund", refund.id) for refund in view.refunds} | order)

    # -- showing

    def fill(self, view: View) -> None:
        if not isinstance(view, PaymentView):
            return
        seat, record = self.seat, view.record
        provider = case_words.provider_word(record.provider, seat)
        self.head.show_identity(record.corporation_number or "", "", provider, self.badges(view))
        self.strip.show_sides(money_facts.sides(view.sides, seat, provider=record.provider))
        self._add_tools(view)
        self.money.show_parts(*money_facts.parts(view.money, seat))
        self.tabs.show_view(record, view, refunds=view.refunds)
        self._show_aside(view)
        self._tell_unknown_refund(view)

    def _tell_unknown_refund(self, view: PaymentView) -> None:
        """While one refund has no known result nothing else may be refunded: that stands above everything."""
        unknown = next((one for one in view.refunds if one.certainty is Certainty.UNKNOWN), None)
        if unknown is None:
            self.hide_bar("refund")
            return
        seat = self.seat
        _, _, following = record_words.explained(explain_refund(unknown, seat.now()), seat)
        button = KeyButton(seat.say("action.open_refund"), kind="inline")
        button.setProperty("refund", unknown.id)
        button.clicked.connect(self._open_refund)
        words = seat.say("money.refund_unknown", id=unknown.id, next=following)
        bar = Bar(seat.say("money.blocked_refund"), words, tone="unknown", shape="lock", button=button)
        self.show_bar("refund", bar)

    @Slot()
    def _open_refund(self) -> None:
        self.seat.go(RefundRoute(int(self.sender().property("refund")), (), self.place))

    def _add_tools(self, view: PaymentView) -> None:
        """On the gateway's side its number to copy and its answers, on the order's the way to it."""
        gateway, order = self.strip.panels[money_facts.GATEWAY], self.strip.panels[money_facts.ORDER]
        if self._raw.parent() is None:
            for tool in (self._reference, self._raw, self._probe):
                gateway.add_tool(tool)
            order.add_tool(self._order_link)
        number = view.record.provider_payment_id
        self._reference.setVisible(number is not None)
        self._reference.show_id(self.seat.say("money.side.reference", number=_shortened(number)), number or "")
        asked = view.sides[money_facts.GATEWAY].asked is not None
        self._raw.setVisible(asked)
        self._probe.setVisible(not asked)
        self._order_link.setVisible(view.order is not None)

    def _show_aside(self, view: PaymentView) -> None:
        record, say = view.record, self.seat.say
        paid = wording.format_instant(record.paid_at) if record.paid_at else None
        ends = wording.format_instant(record.expires_at) if record.expires_at and record.state not in PAID else None
        facts = [
            (say("column.number_short"), wording.format_number(record.corporation_number or "")),
            (say("field.payer"), case_words.payer(record.payer)),
            (say("field.paid_at"), paid),
            (say("field.merchant_payment_id"), record.merchant_payment_id),
            (say("field.provider_payment_id"), _shortened(record.provider_payment_id)),
            (say("field.currency"), record.currency),
            (say("field.asked"), wording.format_amount(record.asked_minor, record.currency)),
        ]
        if ends:
            facts.insert(3, (say("field.expires_at"), ends))
        if view.set_asides:
            aside = wording.format_amount(record.set_aside_minor, record.currency)
            facts.append((say("money.part.set_aside"), aside))
        self.show_aside((say("case.this_payment"), fact_list(*facts)))

    def helpful(self, view: View) -> tuple[str, ...]:
        if not isinstance(view, PaymentView):
            return ()
        record, order = view.record, view.order
        if record.certainty is Certainty.UNKNOWN:
            return ("resolve", "probe") if record.work.state is WorkState.NEEDS_REVIEW else ("probe", "resolve")
        if record.state in PAID and order is not None and order.state is OrderState.PENDING:
            return ("move_order", "probe")
        if record.work.reason in ("paid_after_cancel", "paid_twice", "set_aside", "no_order"):
            return ("refund", "probe")
        if record.work.state is WorkState.NEEDS_REVIEW:
            return ("resolve", "probe")
        return ("probe", "refund") if record.state in PAID else ("probe",)

    # -- acting

    def act(self, name: str) -> None:
        view = self.view
        if not isinstance(view, PaymentView):
            return
        match name:
            case "probe":
                self.acts.probe_case(view.record)
            case "refund":
                self.acts.refund(view.record.id)
            case "resolve":
                self.acts.resolve_case(view.record, self.verbs.proposer(view))
            case "move_order":
                self.acts.move_order(view.record)

    @Slot()
    def _probe_now(self) -> None:
        self.act("probe")

    @Slot()
    def _show_answers(self) -> None:
        self.tabs.show_tab("evidence")
        self.tabs.focus_content()

    @Slot()
    def _open_order(self) -> None:
        view = self.view
        if isinstance(view, PaymentView) and view.order is not None:
            self.seat.go(OrderRoute(view.order.id, (), self.place))


def _shortened(number: str | None) -> str:
    """The ends of a long number, by which people compare."""
    if number is None:
        return ""
    return number if len(number) <= 12 else f"{number[:4]}…{number[-4:]}"
