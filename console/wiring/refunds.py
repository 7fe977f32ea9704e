"""The machinery of refunds, wired once per process: beside that of payments."""

from collections.abc import Sequence
from pathlib import Path

from console.domain.order_records import Refund, RefundRequest
from console.domain.payment_results import ApprovalInbox, RefundPlan, RefundView
from console.domain.results import ResolveResult
from console.services.described import Progress
from console.services.desk import Desk
from console.services.due import Task
from console.services.due_refunds import DueRefunds
from console.services.guarded import Guard
from console.services.payment_vendors import PaymentVendors
from console.services.reads import ReadLog
from console.services.refund_holding import RefundHolding
from console.services.refund_probing import RefundProbing
from console.services.refund_recovery import RefundRecovery
from console.services.refund_settling import RefundSettling
from console.services.refund_views import RefundViews
from console.services.refunding import Refunding
from console.services.submitting import Submitting
from console.services.voting import Voting


class RefundDesk:
    """`console.refunds`: everything about refunds, for makers and checkers."""

    def __init__(
        self, refunding: Refunding, voting: Voting, submitting: Submitting, probing: RefundProbing,
        recovery: RefundRecovery, views: RefundViews,
    ) -> None:  # fmt: skip
        self._refunding, self._voting, self._submitting = refunding, voting, submitting
        self._probing, self._recovery, self._views = probing, recovery, views

    def plan(self, payment_id: int, amount: str | None = None) -> RefundPlan:
        return self._refunding.plan(payment_id, amount)

    def request(self, request: RefundRequest) -> Refund:
        return self._refunding.request(request)

    def approve(self, id: int, saw: int | None = None, progress: Progress | None = None) -> Refund:
        return self._voting.approve(id, saw, progress)

    def reject(self, id: int, reason: str, saw: int | None = None) -> Refund:
        return self._voting.reject(id, reason, saw)

    def withdraw(self, id: int) -> Refund:
        return self._voting.withdraw(id)

    def submit(self, id: int, progress: Progress | None = None) -> Refund:
        return self._submitting.submit(id, progress)

    def probe(self, id: int) -> Refund:
        return self._probing.probe(id)

    def resolve(
        self, id: int, as_state: str, evidence: str | Path, provider_id: str | None = None, saw: int | None = None
    ) -> ResolveResult:
        return self._recovery.resolve(id, as_state, evidence, provider_id, saw)

    def show(self, id: int) -> RefundView:
        return self._views.show(id)

    def inbox(self) -> ApprovalInbox:
        return self._views.inbox()


class RefundMachinery:
    """Services of refunds. Only what sends gets a whole provider; everything else its reading half."""

    def __init__(self, desk: Desk, guard: Guard, vendors: PaymentVendors, reads: ReadLog) -> None:
        self.settler = RefundSettling(desk, vendors)
        holding = RefundHolding(desk, self.settler)
        probing = RefundProbing(desk, vendors, holding)
        submitting = Submitting(desk, guard, vendors, self.settler, probing)
        voting = Voting(desk, vendors, submitting)
        recovery = RefundRecovery(desk, vendors, holding)
        self.refunding = Refunding(desk, vendors)
        self._due = DueRefunds(desk, submitting, probing, voting)
        self.refunds = RefundDesk(
            self.refunding, voting, submitting, probing, recovery, RefundViews(desk, vendors, reads)
        )

    def tasks(self) -> Sequence[Task]:
        """Due tasks, for the worker."""
        return self._due.tasks()
