"""The machinery of payments and refunds, wired once per process: beside that of credit checks."""

from pathlib import Path

from console.domain.order_records import NoticePost, Order, Payment, PaymentImport
from console.domain.payment_results import NoticeResult, OrderView, PaymentView, SetAsideItem, StartResult
from console.domain.results import ResolveResult
from console.services import order_moving
from console.services.desk import Desk
from console.services.due import Task
from console.services.due_payments import DuePayments
from console.services.guarded import Guard
from console.services.imports import Imports
from console.services.notice_heard import Heard
from console.services.notices import Notices
from console.services.paying import Paying
from console.services.payment_deciding import PaymentDeciding
from console.services.payment_probing import PaymentProbing
from console.services.payment_starting import PaymentSettler
from console.services.payment_timeouts import PaymentTimeouts
from console.services.payment_vendors import PaymentVendors
from console.services.payment_views import PaymentViews
from console.services.reads import ReadLog


class PaymentDesk:
    """`console.payments`: everything about payments and orders."""

    def __init__(
        self, paying: Paying, imports: Imports, notices: Notices, probing: PaymentProbing, deciding: PaymentDeciding,
        views: PaymentViews, desk: Desk, timeouts: PaymentTimeouts,
    ) -> None:  # fmt: skip
        self._paying, self._imports, self._notices, self._timeouts = paying, imports, notices, timeouts
        self._probing, self._deciding, self._views, self._desk = probing, deciding, views, desk

    def start(self, order_id: int, provider: str) -> StartResult:
        return self._paying.start(order_id, provider)

    def import_(self, asked: PaymentImport) -> Payment:
        return self._imports.import_(asked)

    def notice(self, post: NoticePost) -> NoticeResult:
        return self._notices.notice(post)

    def hear(self, post: NoticePost) -> Heard:
        """The same in steps: judged here; to be kept, answered, and asked about by whoever serves the sender."""
        return self._notices.hear(post)

    def refused_notices(self) -> int:
        """How many notices were refused, counted up to 1,000."""
        return self._notices.refused()

    def show(self, id: int) -> PaymentView:
        return self._views.payment(id)

    def order(self, id: int) -> OrderView:
        return self._views.order(id)

    def probe(self, id: int) -> Payment:
        """Ask the provider; what follows its time and was stuck goes on, whatever is answered. Raises as the probing
        does.
        """
        try:
            self._probing.probe(id)
        finally:
            self._timeouts.go_on(id)
        return self._probing.current(id)

    def resolve(
        self, id: int, as_state: str, evidence: str | Path, provider_id: str | None = None, saw: int | None = None
    ) -> ResolveResult:
        return self._deciding.resolve(id, as_state, evidence, provider_id, saw)

    def set_asides(self, limit: int = 50, after: int | None = None) -> tuple[SetAsideItem, ...]:
        return self._views.set_asides(limit, after)

    def move_order(self, payment_id: int) -> Order:
        return order_moving.by_hand(self._desk, payment_id)


class PaymentMachinery:
    """Services of payments, and what the refunds' share with them."""

    def __init__(self, desk: Desk, guard: Guard, vendors: PaymentVendors, reads: ReadLog) -> None:
        self.probing = probing = PaymentProbing(desk, vendors)
        self.imports = Imports(desk, vendors, probing)
        notices = Notices(desk, vendors, probing)
        self._due = DuePayments(desk, probing, notices)
        self.timeouts = PaymentTimeouts(desk, probing)
        self.settler = PaymentSettler(desk)
        self.payments = PaymentDesk(
            Paying(desk, guard, vendors, probing), self.imports, notices, probing,
            PaymentDeciding(desk, probing), PaymentViews(desk, reads), desk, self.timeouts,
        )  # fmt: skip

    def tasks(self) -> tuple[Task, ...]:
        """Due tasks, for the worker."""
        return (*self._due.tasks(), *self.timeouts.tasks())
