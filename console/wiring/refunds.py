"""Builds the services for refunds, once per process."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from console.domain.payments.records import Refund, RefundRequest
from console.domain.payments.service_results import (
    ApprovalInbox,
    RefundDetails,
    RefundPlan,
    RefundRequestSummary,
    SideComparison,
)
from console.domain.payments.states import RefundState
from console.domain.recovery.decision_reasons import StatedReason, list_reason_arguments
from console.domain.views.any_record import ResolveResult
from console.services.guarded.action import GuardedService
from console.services.guarded.operation import StepReporter
from console.services.guarded.pipeline import GuardedPipeline
from console.services.guarded.request_ids import RequestIdService
from console.services.payments.providers import PaymentProviders
from console.services.process.context import ServiceContext
from console.services.recovery import replayed_answers as record_answers
from console.services.refunds.approval import RefundDecisionService
from console.services.refunds.details_reader import RefundDetailsReader
from console.services.refunds.due_tasks import RefundDueTasks
from console.services.refunds.lease import RefundLeaseService
from console.services.refunds.probe import RefundProber
from console.services.refunds.request import RefundRequestService
from console.services.refunds.resolve import RefundResolver
from console.services.refunds.submit import REFUND_SUBMISSION_ACTION, RefundSubmissionService, RefundSubmitter
from console.services.tasks.due_tasks import DueTask
from console.store.refunds import refunds


class RefundService:
    """The service `console.refunds`: all actions on refunds, for makers and checkers."""

    def __init__(
        self, refund_requests: RefundRequestService, decision_service: RefundDecisionService,
        refund_submitter: RefundSubmitter, refund_prober: RefundProber, refund_resolver: RefundResolver,
        details_reader: RefundDetailsReader, context: ServiceContext, request_ids: RequestIdService,
    ) -> None:  # fmt: skip
        self._context, self._request_ids = context, request_ids
        self._refund_requests, self._decision_service, self._refund_submitter = (
            refund_requests,
            decision_service,
            refund_submitter,
        )
        self._refund_prober, self._refund_resolver, self._details_reader = (
            refund_prober,
            refund_resolver,
            details_reader,
        )

    def make_plan(self, payment_id: int, amount: str | None = None, set_aside_id: int | None = None) -> RefundPlan:
        """Return the facts that a person should read before requesting a refund of `amount` (in major units, as the
        person typed it; None: the largest amount that can be requested). `set_aside_id` is the id of the set-aside
        from which the refund is paid; with None, the plan is about the payment's oldest open set-aside if no other
        money of the payment can be refunded, otherwise about none.

        Raises not_found if there is no such payment or set-aside, not_allowed if the acting person may not read, and
        invalid_amount if `amount` is no amount of the payment's currency, or is 0.
        """
        return self._refund_requests.make_plan(payment_id, amount, set_aside_id)

    def request(self, request: RefundRequest, *, request_id: str | None = None) -> Refund:
        """Request a refund as its maker, and return the refund. This call sends nothing to the provider. If the
        request is refused, raises the error of `RefundRequestService.request_refund`, for example exceeds_captured if
        the amount is more than the refundable amount.
        """
        return self._request_ids.act_once(
            "refund request",
            request_id,
            (request,),
            lambda: self._refund_requests.request_refund(request),
            record_answers.make_refund_request_answer_finder(self._context),
        )

    def approve(
        self,
        id: int,
        expected_version: int | None = None,
        progress: StepReporter | None = None,
        *,
        request_id: str | None = None,
    ) -> Refund:
        """Approve a refund as a checker, and return the refund. If `expected_version` is given and the refund has
        another version, the approval is refused. Send the refund to the provider, unless another checker must approve
        it or its cooling-off period has not ended. `progress` is called with the name of each step of the sending. If
        the approval is refused or the refund can't be sent, raises the error of `RefundDecisionService.approve`, for
        example same_person if the acting person is the maker.
        """
        return self._request_ids.act_once(
            "refund approve",
            request_id,
            (id, expected_version),
            lambda: self._decision_service.approve(id, expected_version, progress),
            record_answers.make_refund_approval_answer_finder(self._context, id),
            progress,
        )

    def reject(
        self, id: int, reason: str, expected_version: int | None = None, *, request_id: str | None = None
    ) -> Refund:
        """Reject a requested refund with a reason, and return the refund. Raises usage if the reason is empty or too
        long; not_found if there is no such refund; not_allowed if the acting person has no right to reject refunds;
        same_person if the acting person is the maker; stale_view if `expected_version` is given and the refund has
        another version; already_decided if the refund doesn't wait for a decision; in_progress while a process sends
        the refund.
        """
        return self._request_ids.act_once(
            "refund reject",
            request_id,
            (id, reason, expected_version),
            lambda: self._decision_service.reject(id, reason, expected_version),
            record_answers.make_refund_decision_answer_finder(self._context, id, RefundState.REJECTED),
        )

    def withdraw(self, id: int, *, request_id: str | None = None) -> Refund:
        """Withdraw the acting person's own refund request, and return the refund. Raises not_found if there is no
        such refund; not_allowed for another person's request, or if the acting person has no right to withdraw;
        already_decided if the refund has ended; in_progress if the refund may have been sent.
        """
        return self._request_ids.act_once(
            "refund withdraw",
            request_id,
            (id,),
            lambda: self._decision_service.withdraw(id),
            record_answers.make_refund_decision_answer_finder(self._context, id, RefundState.WITHDRAWN),
        )

    def submit(self, id: int, progress: StepReporter | None = None, *, request_id: str | None = None) -> Refund:
        """Send an approved refund to the provider, and return the refund. `progress` is called with the name of each
        step. If the refund may not be sent, or if the provider doesn't accept it, raises the error of
        `RefundSubmitter.submit_refund`, for example already_decided if the refund is not approved.
        """
        return self._request_ids.act_once(
            "refund submit",
            request_id,
            (id,),
            lambda: self._refund_submitter.submit_refund(id, progress),
            record_answers.make_refund_approval_answer_finder(self._context, id),
            progress,
        )

    def probe(self, id: int, *, request_id: str | None = None) -> Refund:
        """Ask the provider about a refund, and return the refund as it is after the probe. Raises not_found if there
        is no such refund; not_allowed if the acting person has no right to probe; in_progress while another process
        works on the refund; outcome_unknown if the outcome stays unknown; bad_profile if the provider is not
        configured on this desk; provider_auth, rate_limited or provider_unreachable if the provider refuses the
        credentials, refuses the call because of too many calls, or doesn't answer.
        """
        return self._request_ids.act_once(
            "probe",
            request_id,
            (refunds.REFUND_KIND, str(id)),
            lambda: self._refund_prober.probe(id),
            record_answers.make_probe_answer_finder(self._context, refunds.REFUND_KIND, id),
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
        """Decide with evidence (the path of a file, or a written statement) that a refund with an unknown outcome has
        the outcome `target_state`, such as `failed`, and return the refund. The result's `awaiting` is
        `second_person` while a second person must confirm the decision. `id_at_provider` is the id that the provider
        gave to the refund, None if the person has none. `expected_version` is the version on the person's screen;
        None means any version. `reason` is the person's reason; None if a script decides without a reason. If the
        decision is refused, raises the error of `RefundResolver.resolve`, for example evidence_mismatch if the
        provider's answer contradicts the decision."""
        return self._request_ids.act_once(
            "resolve",
            request_id,
            (
                refunds.REFUND_KIND,
                str(id),
                target_state,
                evidence,
                id_at_provider,
                expected_version,
                *list_reason_arguments(reason),
            ),
            lambda: self._refund_resolver.resolve(
                id, target_state, evidence, id_at_provider, expected_version, reason
            ),
            record_answers.make_resolve_answer_finder(self._context, refunds.REFUND_KIND, id),
        )

    def read_refund(self, id: int) -> RefundDetails:
        """Return one refund with the data that its screen shows. Raises not_found if no refund has this id,
        not_allowed if the acting person has no right to read."""
        return self._details_reader.read_refund(id)

    def read_sides(self, id: int) -> SideComparison:
        """Return the compared sides of one refund, for a preview. Raises not_found if no refund has this id,
        not_allowed if the acting person has no right to read."""
        return self._details_reader.read_sides(id)

    def read_inbox(self, after_id: int = 0) -> ApprovalInbox:
        """Return a page of the refunds that wait for a decision, oldest first. `after_id` is the largest id of the
        previous page; 0 for the first page. Raises not_allowed if the acting person has no right to read."""
        return self._details_reader.read_inbox(after_id)

    def read_summaries(self, refund_ids: Sequence[int]) -> Mapping[int, RefundRequestSummary]:
        """Return, by the id of each of these refunds, its payment and the number of its risk signals and broken
        rules, for the list of approvals. The method reads only the first 30 ids. Raises not_found if a refund does
        not exist, not_allowed if the acting person has no right to read.
        """
        return self._details_reader.read_summaries(refund_ids)


class RefundServiceBuilder:
    """Builds the services for refunds. Only `RefundSubmitter` gets an adapter with all calls of a provider; the other
    services get an adapter with only the calls that read."""

    def __init__(
        self,
        context: ServiceContext,
        pipeline: GuardedPipeline,
        payment_providers: PaymentProviders,
        request_ids: RequestIdService,
        details_reader: RefundDetailsReader,
    ) -> None:
        self.submit_action: RefundSubmissionService = GuardedService(
            context, pipeline, REFUND_SUBMISSION_ACTION, lambda: context
        )
        lease_service = RefundLeaseService(context, self.submit_action)
        refund_prober = RefundProber(context, payment_providers, lease_service)
        refund_submitter = RefundSubmitter(context, self.submit_action, payment_providers, refund_prober)
        decision_service = RefundDecisionService(context, payment_providers, refund_submitter)
        refund_resolver = RefundResolver(context, payment_providers, lease_service)
        self.refund_requests = RefundRequestService(context, payment_providers)
        self._due_refunds = RefundDueTasks(
            context, self.refund_requests, refund_submitter, refund_prober, decision_service, payment_providers
        )
        self.refunds = RefundService(
            self.refund_requests,
            decision_service,
            refund_submitter,
            refund_prober,
            refund_resolver,
            details_reader,
            context,
            request_ids,
        )

    def list_due_tasks(self) -> Sequence[DueTask]:
        """Return the due tasks about refunds, for the scheduler."""
        return self._due_refunds.list_tasks()
