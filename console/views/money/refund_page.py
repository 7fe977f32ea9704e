"""One refund: its state, the payment's three sides and money, who asked and who decided, what to do."""

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from console import wording
from console.domain.payment_records import RefundState
from console.domain.payment_results import RefundView
from console.domain.permissions import same_person
from console.domain.records import Certainty, WorkState
from console.views import case_words
from console.views.desk_api import Desk
from console.views.pages import beside_acts, money_facts
from console.views.pages.evidence_acts import HINTS
from console.views.pages.money_page import MoneyPage, View, copyable, fact_list
from console.views.routes import ApprovalsRoute, PaymentRoute
from console.views.seat import Seat
from console.views.widgets.buttons import LinkButton


class RefundPage(MoneyPage):
    """Deciding has its own view; from here one goes there."""

    kind = "refund"
    lists = ("refunds",)
    verb_names = ("probe", "resolve", "withdraw", "open_payment", "open_approval")
    hints = (
        (("[", "]"), "key.previous_next"),
        (("P",), "key.probe"),
        (("E",), "key.resolve"),
        (("W",), "key.withdraw"),
        (("Ctrl+C",), "key.copy"),
        (("Ctrl+Shift+C",), "key.copy_summary"),
        *beside_acts.HINTS,
        *HINTS,
        (("Esc",), "key.back"),
    )

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        self._raw = LinkButton(seat.say("action.open_raw"), chevron=True, role="small")
        self._raw.clicked.connect(self._show_answers)

    def ask(self, desk: Desk, id: int) -> View:
        return desk.refunds.show(id)

    def plain(self, view: View) -> str:
        record = view.record
        return getattr(record, "provider_refund_key", None) or str(record.id)

    def related(self) -> frozenset[tuple[str, int]]:
        view = self.view
        return frozenset({("payment", view.payment.id)}) if isinstance(view, RefundView) else frozenset()

    def number(self) -> str:
        view = self.view
        return view.payment.corporation_number or "" if isinstance(view, RefundView) else ""

    # -- showing

    def fill(self, view: View) -> None:
        if not isinstance(view, RefundView):
            return
        seat, record, payment = self.seat, view.record, view.payment
        of = seat.say(
            "case.refund_of", amount=case_words.amount(record), number=payment.merchant_payment_id,
            provider=case_words.provider_word(payment.provider, seat),
        )  # fmt: skip
        self.head.show_identity(payment.corporation_number or "", "", of, self.badges(view))
        self.strip.show_sides(money_facts.sides(view.sides, seat, provider=payment.provider))
        if self._raw.parent() is None:
            self.strip.panels[money_facts.GATEWAY].add_tool(self._raw)
        self._raw.setVisible(bool(view.evidence))
        self.money.show_parts(*money_facts.parts(view.money, seat))
        self.tabs.show_view(record, view, refunds=view.earlier)
        self._show_aside(view)

    def _show_aside(self, view: RefundView) -> None:
        record, say = view.record, self.seat.say
        facts = fact_list(
            (say("field.reason"), record.reason),
            (say("field.ticket"), record.ticket),
            (say("field.maker"), record.maker),
            (say("field.checkers"), say("case.names", names=record.checkers) if record.checkers else None),
            (say("field.payer"), case_words.payer(view.payment.payer)),
            (say("field.refund_key"), self._copyable("refund_key", record.provider_refund_key)),
            (say("field.provider_refund_id"), self._copyable("provider_refund_id", record.provider_refund_id)),
            (say("field.sent"), self._sent(view)),
            (say("field.version"), str(record.version)),
        )
        self.show_aside((say("case.this_refund"), facts))

    def _copyable(self, name: str, text: str | None) -> QWidget | None:
        return copyable(self.seat, self.acts, self.seat.say(f"field.{name}"), text)

    def _sent(self, view: RefundView) -> str | None:
        record = view.record
        if not record.sent_count or record.last_sent_at is None:
            return None
        key = "case.sent_once" if record.sent_count == 1 else "case.sent_again"
        at = wording.format_instant(record.last_sent_at)
        return self.seat.say(key, at=at, n=record.sent_count)

    def helpful(self, view: View) -> tuple[str, ...]:
        if not isinstance(view, RefundView):
            return ()
        record = view.record
        own = same_person(record.maker, self.seat.operator or "")
        if record.certainty is Certainty.UNKNOWN:
            return ("resolve", "probe") if record.work.state is WorkState.NEEDS_REVIEW else ("probe", "resolve")
        match record.state:
            case RefundState.REQUESTED:
                return ("withdraw",) if own else ("open_approval",)
            case RefundState.APPROVED:
                return ("withdraw",) if own else ("open_approval",)
            case RefundState.SUBMITTED | RefundState.SUBMITTING:
                return ("probe",)
        return ("open_payment",)

    # -- acting

    def act(self, name: str) -> None:
        view = self.view
        if not isinstance(view, RefundView):
            return
        match name:
            case "probe":
                self.acts.probe_case(view.record, view.payment.provider)
            case "resolve":
                self.acts.resolve_case(view.record, self.verbs.proposer(view))
            case "withdraw":
                self.acts.withdraw(view)
            case "open_payment":
                self.seat.go(PaymentRoute(view.payment.id, (), self.place))
            case "open_approval":
                self.seat.go(ApprovalsRoute(view.record.id))

    @Slot()
    def _show_answers(self) -> None:
        self.tabs.show_tab("evidence")
        self.tabs.focus_content()

