"""One order of the shop: what it is now, its payments and refunds."""

from console import wording
from console.domain.payment_results import OrderView
from console.views.desk_api import Desk
from console.views.pages.money_page import MoneyPage, View, fact_list
from console.views.routes import PaymentRoute


class OrderPage(MoneyPage):
    """An order has one side: the shop writes it, the console moves its state."""

    kind = "order"
    lists = ("payments", "refunds")
    verb_names = ("open_payment",)
    has_strips = False
    hints = (
        (("[", "]"), "key.previous_next"),
        (("Ctrl+C",), "key.copy"),
        (("Ctrl+Shift+C",), "key.copy_summary"),
        (("Esc",), "key.back"),
    )

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

    def helpful(self, view: View) -> tuple[str, ...]:
        return ("open_payment",) if isinstance(view, OrderView) and view.payments else ()

    def act(self, name: str) -> None:
        view = self.view
        if name == "open_payment" and isinstance(view, OrderView) and view.payments:
            newest = max(view.payments, key=lambda payment: payment.id)
            self.seat.go(PaymentRoute(newest.id, (), self.place))
