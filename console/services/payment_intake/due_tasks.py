"""Due tasks of payments: confirm notices at the provider, probe and poll payments, set orders to paid."""

from collections.abc import Callable, Collection

from console.domain.errors import ConsoleError
from console.domain.payments.records import Payment
from console.services.payment_intake.receive import NoticeReceiver
from console.services.payments import next_work as payment_work
from console.services.payments import order_status
from console.services.payments.probe import PaymentProber
from console.services.process.context import ServiceContext
from console.services.process.failpoints import FailpointReached
from console.services.process.failure_suppression import log_and_suppress
from console.services.tasks.cancellation import iterate_until_stopped
from console.services.tasks.due_tasks import BATCH_SIZE, DueTask, act_on_unchanged_record
from console.store.payments import payments


class PaymentDueTasks:
    """The due tasks of payments. A task handles its due payments one after another; after a failure at one payment,
    the task continues with the next payment.
    """

    def __init__(
        self,
        context: ServiceContext,
        payment_prober: PaymentProber,
        notices: NoticeReceiver,
    ) -> None:
        self._context = context
        self._payment_prober = payment_prober
        self._notices = notices

    def list_tasks(self) -> tuple[DueTask, ...]:
        """Return the due tasks (name and function), in the sequence in which they should run: a task can handle the
        results of the tasks before it.
        """
        return (
            ("unconfirmed_notices", self._notices.confirm_due_notices),
            (
                "payment_probes",
                lambda: self._probe_due_payments((payment_work.PROBE_REASON,)),
            ),
            (
                "payment_polls",
                lambda: self._probe_due_payments((payment_work.POLL_REASON, payment_work.CONFIRM_REASON)),
            ),
            (
                "order_moves",
                lambda: self._run_for_due_payments((payment_work.MOVE_ORDER_REASON,), self._set_order_paid),
            ),
        )

    def _probe_due_payments(self, reasons: Collection[str]) -> int:
        """Probe the payments whose work is due and has a reason of `reasons` (such as PROBE_REASON). The payments of
        providers that this desk can't call are left to a desk or worker that can call the provider. Return the number
        of handled payments.
        """
        return self._run_for_due_payments(
            reasons, self._probe_payment, self._payment_prober.list_uncallable_providers()
        )

    def _run_for_due_payments(
        self, reasons: Collection[str], act: Callable[[Payment], object], excluded_providers: Collection[str] = ()
    ) -> int:
        """Call `act` with each payment whose work is due and has a reason of `reasons` (such as PROBE_REASON), at
        most BATCH_SIZE payments. The payments of `excluded_providers` are left out. Return the number of handled
        payments."""
        with self._context.database.read() as conn:
            due_payments = payments.list_due_payments(
                conn, reasons, self._context.now(), BATCH_SIZE, excluded_providers
            )
        return sum(
            act_on_unchanged_record(
                self._context, payment, payments.find, act, f"{payment.work.reason} of payment {payment.id}"
            )
            for payment in iterate_until_stopped(due_payments)
        )

    def _probe_payment(self, payment: Payment) -> Payment:
        """Probe a due payment and return it. If an error in this program ends the probe, schedule the payment's next
        probe for a later time and raise the error, so that the task can handle the other due payments first. After
        the last probe of the schedule, a person must look at the payment.
        """
        try:
            return self._payment_prober.probe(payment.id, is_automatic=True)
        except (ConsoleError, FailpointReached):
            raise
        except Exception:
            with log_and_suppress(f"the next probe of payment {payment.id}"):
                self._payment_prober.plan_next_probe(payment)
            raise

    def _set_order_paid(self, payment: Payment) -> bool:
        """Set the payment's order to paid, after an earlier attempt failed. Return True, because the payment counts
        as handled.
        """
        return order_status.retry_set_order_paid(self._context, payment)
