"""Builds the services for payments, once per process."""

from pathlib import Path
from typing import NoReturn

from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import NothingToResolveReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.records import Order, Payment, PaymentImport, ReceivedNotice
from console.domain.payments.service_results import (
    NoticeResult,
    OrderDetails,
    PaymentDetails,
    SetAsideItem,
    SideComparison,
    StartResult,
)
from console.domain.records import Certainty
from console.domain.recovery.decision_reasons import StatedReason, list_reason_arguments
from console.domain.views.any_record import ResolveResult
from console.services.audit import refusals
from console.services.guarded.action import GuardedService
from console.services.guarded.pipeline import GuardedPipeline
from console.services.guarded.request_ids import RequestIdService
from console.services.payment_intake.checked_notice import CheckedNotice
from console.services.payment_intake.due_tasks import PaymentDueTasks
from console.services.payment_intake.import_payment import PaymentImporter
from console.services.payment_intake.receive import NoticeReceiver
from console.services.payments import order_status
from console.services.payments.details_reader import PaymentDetailsReader
from console.services.payments.probe import PaymentProber
from console.services.payments.providers import PaymentProviders
from console.services.payments.resolve import PaymentResolver
from console.services.payments.start import START_PAYMENT_ACTION, PaymentStarter, PaymentStartService
from console.services.payments.timeouts import PaymentTimeoutSagas
from console.services.process.context import ServiceContext
from console.services.recovery import replayed_answers as record_answers
from console.services.tasks.due_tasks import DueTask
from console.store.payments import orders, payments


class PaymentService:
    """The service `console.payments`: all actions on payments and orders."""

    def __init__(
        self, payment_starter: PaymentStarter, payment_importer: PaymentImporter, notice_receiver: NoticeReceiver,
        payment_prober: PaymentProber, payment_resolver: PaymentResolver, details_reader: PaymentDetailsReader,
        context: ServiceContext, timeout_sagas: PaymentTimeoutSagas, request_ids: RequestIdService,
    ) -> None:  # fmt: skip
        self._request_ids = request_ids
        self._payment_starter, self._payment_importer, self._notice_receiver, self._timeout_sagas = (
            payment_starter,
            payment_importer,
            notice_receiver,
            timeout_sagas,
        )
        self._payment_prober, self._payment_resolver, self._details_reader, self._context = (
            payment_prober,
            payment_resolver,
            details_reader,
            context,
        )

    def start(self, order_id: int, provider: str, *, request_id: str | None = None) -> StartResult:
        """Start a payment of an order at the provider. If the order already has an open payment at this provider,
        with which the payer can still pay the order's total, start nothing and return that payment. Raises not_found
        if the order or the provider is missing; in_progress if the order has an open payment at this provider that
        can't be returned, such as one that is being started or has another amount; outcome_unknown if the outcome of
        this start or of an earlier one is unknown; and the further errors of `PaymentStarter.start` if the payment
        can't be started."""
        return self._request_ids.act_once(
            "payment start",
            request_id,
            (order_id, provider),
            lambda: self._payment_starter.start(order_id, provider),
            record_answers.make_start_answer_finder(self._context),
        )

    def import_payment(self, request: PaymentImport, *, request_id: str | None = None) -> Payment:
        """Insert a payment that the provider has and this database doesn't have, in the state that the provider
        reports. A payment that is already in the database is only probed. Return the payment. Raises not_allowed if
        the acting person has no right to import, provider_refused if the provider has no such payment, and the
        further errors of `PaymentImporter.import_payment` if the request is invalid or the provider gives no usable
        answer.
        """
        return self._request_ids.act_once(
            "payment import", request_id, (request,), lambda: self._payment_importer.import_payment(request)
        )

    def receive_notice(self, received_notice: ReceivedNotice) -> NoticeResult:
        """Check a provider's notice, store it, apply the provider's report in it to the payment, and return the
        result for the sender. Raises database_unreachable if the database doesn't answer; the sender should then send
        the notice again."""
        return self._notice_receiver.receive_notice(received_notice)

    def check_notice(self, received_notice: ReceivedNotice) -> CheckedNotice:
        """Check a provider's notice without reading the database, and return it with its remaining steps. The caller
        stores the notice, answers its sender, and asks the provider about the payment if necessary. For a forged,
        malformed or too large notice, the method raises no error: it returns the notice as refused, and the remaining
        step writes an audit entry about the refusal.
        """
        return self._notice_receiver.check_notice(received_notice)

    def count_refused_notices(self) -> int:
        """Return the number of stored refused notices, at most 1,000. Raises not_allowed if the acting person has no
        right to read."""
        return self._notice_receiver.count_refused_notices()

    def read_payment(self, id: int) -> PaymentDetails:
        """Return one payment with the data that its screen shows. Raises not_found if no payment has this id,
        not_allowed if the acting person has no right to read."""
        return self._details_reader.read_payment(id)

    def read_order(self, id: int) -> OrderDetails:
        """Return one order with its payments and refunds. Raises not_found if no order has this id, not_allowed if
        the acting person has no right to read."""
        return self._details_reader.read_order(id)

    def read_order_sides(self, id: int) -> SideComparison:
        """Return the compared sides of one order, for a preview. Raises not_found if no order has this id,
        not_allowed if the acting person has no right to read."""
        return self._details_reader.read_order_sides(id)

    def probe(self, id: int, *, request_id: str | None = None) -> Payment:
        """Ask the provider about a payment, and return the payment as it is after the probe. If the payment's saga is
        stuck, resume the saga; this also happens after an unknown outcome or a failed call, but not after a refused
        probe.

        Raises not_found if there is no such payment; not_allowed if the acting person has no right to probe;
        in_progress while another process works on the payment; outcome_unknown if the outcome stays unknown;
        bad_profile if the provider is not configured on this desk; provider_auth, rate_limited or
        provider_unreachable if the provider refuses the credentials, refuses the call because of too many calls, or
        doesn't answer.
        """
        find_answer = record_answers.make_probe_answer_finder(self._context, payments.PAYMENT_KIND, id)
        return self._request_ids.act_once(
            "probe", request_id, (payments.PAYMENT_KIND, str(id)), lambda: self._probe_payment(id), find_answer
        )

    def _probe_payment(self, id: int) -> Payment:
        try:
            self._payment_prober.probe(id)
        except ConsoleError as ending:
            if ending.exit_status != refusals.REFUSED_EXIT_STATUS:
                self._timeout_sagas.resume_stuck_saga(id)
            raise
        self._timeout_sagas.resume_stuck_saga(id)
        return self._payment_prober.read_payment(id)

    def probe_order(self, id: int) -> Order:
        """Probe the order's newest payment and the order's payments with an unknown outcome; return the order as it
        is afterwards.

        Raises not_found if no order has this id; not_allowed if the acting person has no right to read or to probe;
        nothing_to_resolve for an order without a payment; and, if the probe of a payment fails, the error of `probe`
        with the order as detail.record and the payment as detail.payment.
        """
        with refusals.audit_refusals(self._context, AuditAction.ORDER_PROBE, id, kind=orders.ORDER_KIND):
            self._context.require_right("probe")
            details = self._details_reader.read_order(id)
            if not details.payments:
                raise ConsoleError(
                    ErrorCode.NOTHING_TO_RESOLVE,
                    {"record": details.record, "reason": NothingToResolveReason.ORDER_WITHOUT_PAYMENT},
                )
            newest_id = max(payment.id for payment in details.payments)
            try:
                for payment in details.payments:
                    if payment.id == newest_id or payment.certainty is Certainty.UNKNOWN:
                        self._probe_payment(payment.id)
            except ConsoleError as ending:
                payment_record = ending.detail.get("record")
                ending.detail |= {
                    "record": self._details_reader.read_order(id).record,
                    "about": "order",
                    "payment": payment_record,
                }
                raise
            return self._details_reader.read_order(id).record

    def refuse_to_resolve_order(self, id: int) -> NoReturn:
        """Refuse to decide the outcome of an order, because people can decide only the outcomes of the order's
        payments. Always raises an error: not_found if no order has this id, not_allowed if the acting person has no
        right to decide outcomes, otherwise nothing_to_resolve."""
        with refusals.audit_refusals(self._context, AuditAction.ORDER_RESOLVE, id, kind=orders.ORDER_KIND):
            self._context.require_right("resolve")
            record = self._details_reader.read_order(id).record
            raise ConsoleError(
                ErrorCode.NOTHING_TO_RESOLVE,
                {"record": record, "reason": NothingToResolveReason.ORDER_FOLLOWS_PAYMENTS},
            )

    def resolve(
        self,
        id: int,
        target_state: str,
        evidence: str | Path,
        id_at_provider: str | None = None,
        expected_version: int | None = None,
        reason: StatedReason | None = None,
        *,
        request_id: str | None = None,
    ) -> ResolveResult:
        """Decide with evidence (the path of a file, or a written statement) that a payment with an unknown outcome
        has the state `target_state`, and return the payment. The result's `awaiting` is `second_person` while a
        second person must confirm the decision. `id_at_provider` is the id that the provider gave to the payment,
        None if the person has none. `expected_version` is the version on the person's screen; None means any version.
        `reason` is the person's reason; None if a script decides without a reason. Raises not_found if there is no
        such payment; nothing_to_resolve if people can't decide that the payment has the state `target_state`;
        evidence_mismatch if the provider's answer contradicts the decision; and the further errors of
        `PaymentResolver.resolve` if the decision is refused."""
        return self._request_ids.act_once(
            "resolve",
            request_id,
            (
                payments.PAYMENT_KIND,
                str(id),
                target_state,
                evidence,
                id_at_provider,
                expected_version,
                *list_reason_arguments(reason),
            ),
            lambda: self._payment_resolver.resolve(
                id, target_state, evidence, id_at_provider, expected_version, reason
            ),
            record_answers.make_resolve_answer_finder(self._context, payments.PAYMENT_KIND, id),
        )

    def list_set_asides(self, limit: int = 50, after_id: int | None = None) -> tuple[SetAsideItem, ...]:
        """Return a page of at most `limit` set-asides that wait for their refund, oldest first. `after_id` is the id
        of the last set-aside on the previous page; None for the first page. Raises not_allowed if the acting person
        has no right to read."""
        return self._details_reader.list_set_asides(limit, after_id)

    def set_order_paid(self, payment_id: int, *, request_id: str | None = None) -> Order:
        """Change the state of a paid payment's order to paid, and return the order. Raises not_found if there is no
        such payment, or if it has no order; nothing_to_resolve if the order can't be set to paid; not_allowed if the
        acting person has no right to resolve; read_only while a read-only switch stops this action."""
        return self._request_ids.act_once(
            "order move",
            request_id,
            (payment_id,),
            lambda: order_status.set_order_paid_by_person(self._context, payment_id),
            record_answers.make_order_paid_answer_finder(self._context, payment_id),
        )


class PaymentServiceBuilder:
    """Builds the services for payments. Its public attributes are the services that other builders use."""

    def __init__(
        self,
        context: ServiceContext,
        pipeline: GuardedPipeline,
        payment_providers: PaymentProviders,
        request_ids: RequestIdService,
        details_reader: PaymentDetailsReader,
    ) -> None:
        self.start_action: PaymentStartService = GuardedService(
            context, pipeline, START_PAYMENT_ACTION, lambda: context
        )
        self.payment_prober = payment_prober = PaymentProber(context, payment_providers, self.start_action)
        self.imports = PaymentImporter(context, payment_providers, payment_prober)
        notice_receiver = NoticeReceiver(context, payment_providers, payment_prober)
        self._due_payments = PaymentDueTasks(context, payment_prober, notice_receiver)
        self.timeouts = PaymentTimeoutSagas(context, payment_prober)
        self.payments = PaymentService(
            PaymentStarter(context, self.start_action, payment_providers, payment_prober),
            self.imports, notice_receiver, payment_prober,
            PaymentResolver(context, payment_prober), details_reader, context, self.timeouts, request_ids,
        )  # fmt: skip

    def list_due_tasks(self) -> tuple[DueTask, ...]:
        """Return the due tasks about payments, for the scheduler."""
        return (*self._due_payments.list_tasks(), *self.timeouts.list_tasks())
