"""Builds the services for credit checks, once per process. The modules of probes, of decisions and of the reader of
the details are imported at their first use, so that a purchase doesn't import them."""

from functools import cached_property
from typing import TYPE_CHECKING

from console.domain.records import CreditCheck, PurchaseRequest
from console.services.credit_checks import purchase, replayed_answers
from console.services.credit_checks.outcomes import PurchaseSettler
from console.services.credit_checks.part_reader import CreditCheckPartReader
from console.services.credit_checks.refetch import RefetchService
from console.services.guarded.action import GuardedService
from console.services.guarded.operation import StepReporter
from console.services.guarded.pipeline import GuardedPipeline
from console.services.guarded.request_ids import RequestIdService
from console.services.lookup.record_search import Lookup
from console.services.process.context import ServiceContext
from console.wiring.record_readers import RecordReaders

if TYPE_CHECKING:
    from console.domain.records import EvidenceItem
    from console.domain.service_results import PurchasePlan, RefetchResult
    from console.domain.views.any_record import CreditCheckDetails
    from console.services.credit_checks.probe import CreditCheckProber
    from console.services.credit_checks.resolve import PurchaseResolver


class CreditCheckService:
    """The service `console.credit_checks`: all actions of a person on credit checks."""

    def __init__(
        self,
        context: ServiceContext,
        checks: purchase.CreditCheckPurchaseService,
        builder: "CreditCheckServiceBuilder",
        readers: RecordReaders,
        request_ids: RequestIdService,
    ) -> None:
        self._context, self._request_ids = context, request_ids
        self._checks, self._builder, self._readers = checks, builder, readers

    def make_plan(self, corporation_number: str) -> "PurchasePlan":
        """Return the facts that a person should read before a purchase. Raises invalid_corporation_number if
        `corporation_number` is no valid corporation number."""
        return self._checks.make_plan(corporation_number)

    def purchase(
        self, request: PurchaseRequest, progress: StepReporter | None = None, *, request_id: str | None = None
    ) -> CreditCheck:
        """Buy one credit check, at most once, and return it. `progress` is called with the name of each step. If the
        purchase is refused or fails, raises the error of `CreditCheckPurchaseService.purchase`, for example
        already_purchased if another purchase has the claim.
        """
        return self._request_ids.act_once(
            "purchase",
            request_id,
            (request,),
            lambda: self._checks.purchase(request, progress),
            replayed_answers.make_purchase_answer_finder(self._context),
            progress,
        )

    def refetch(
        self,
        id: int,
        *,
        detail: bool = True,
        pdf: bool = True,
        expected_version: int | None = None,
        progress: StepReporter | None = None,
        request_id: str | None = None,
    ) -> "RefetchResult":
        """Read the detail data (if `detail` is True) and the PDF (if `pdf` is True) of a bought credit check from the
        provider again. Return the credit check with the names of its changed fields and its documents. Raises
        not_found for an unknown credit check; not_refetchable if the credit check isn't bought; stale_view if
        `expected_version` is given and the credit check has another version; in_progress while another process has
        its lease; and the further errors of `CreditCheckPurchaseService.refetch` if the re-fetch is refused or fails.
        """
        return self._request_ids.act_once(
            "refetch",
            request_id,
            (id, detail, pdf, expected_version),
            lambda: self._checks.refetch(
                id, detail=detail, pdf=pdf, expected_version=expected_version, progress=progress
            ),
            replayed_answers.make_refetch_answer_finder(self._context),
            progress,
        )

    def probe(self, id: int, *, request_id: str | None = None) -> CreditCheck:
        """Ask the provider about a credit check, and return the credit check as it is after the probe. Raises
        outcome_unknown if the outcome of the purchase stays unknown, in_progress while the call of the purchase runs,
        not_found for an unknown credit check, not_allowed if the acting person has no right to probe, and
        provider_unreachable or another code of NO_ANSWER_ERROR_CODES (`services/credit_checks/part_reader.py`) if the
        provider gave no answer.
        """
        from console.services.recovery.replayed_answers import make_probe_answer_finder

        return self._request_ids.act_once(
            "probe",
            request_id,
            ("credit-check", str(id)),
            lambda: self._builder.credit_check_prober.probe(id),
            make_probe_answer_finder(self._context, "credit-check", id),
        )

    def read_credit_check(self, id: int) -> "CreditCheckDetails":
        """Return one credit check with the data that its screen shows. Raises not_found for an unknown credit check,
        and not_allowed if the acting person has no right to read.
        """
        return self._readers.credit_check_details.read_credit_check(id)

    def read_last_call(self, id: int) -> "EvidenceItem | None":
        """Return the evidence of the last call to AlarmBox for a credit check, for a preview; None if there was no
        call. Raises not_found for an unknown credit check, and not_allowed if the acting person has no right to read.
        """
        return self._readers.credit_check_details.read_last_call(id)

    def read_pdf(self, id: int, sha256: str | None = None) -> bytes:
        """Return the content of a PDF of the credit check: the PDF with this SHA-256, or the current PDF if `sha256`
        is None. Raises not_found if the credit check has no such PDF or the PDF's file is missing or damaged,
        documents_unreachable if the storage of the documents can't be reached, and not_allowed if the acting person
        has no right to read.
        """
        return self._readers.credit_check_details.read_pdf(id, sha256)


class CreditCheckServiceBuilder:
    """Builds the services for credit checks. Only the purchase service gets an adapter with all calls of the
    credit-check provider; the other services get an adapter with only the calls that read. The public attributes are
    the services that other builders use."""

    def __init__(
        self,
        context: ServiceContext,
        pipeline: GuardedPipeline,
        readers: RecordReaders,
        request_ids: RequestIdService,
    ) -> None:
        self._context, self._readers, self._request_ids = context, readers, request_ids
        adapter_source = readers.adapter_source
        self._get_reader = adapter_source.get_reader
        self.refetch_service = RefetchService(context, pipeline, CreditCheckPartReader(context, self._get_reader))
        self.purchases: purchase.GuardedPurchaseService = GuardedService(
            context,
            pipeline,
            purchase.PURCHASE_ACTION,
            lambda: PurchaseSettler(context, adapter_source.get_capabilities()),
        )

    @cached_property
    def purchase_resolver(self) -> "PurchaseResolver":
        """The service for the decisions of people about purchases."""
        from console.services.credit_checks.resolve import PurchaseResolver

        return PurchaseResolver(self._context, self._get_reader, self.purchases)

    @cached_property
    def credit_check_prober(self) -> "CreditCheckProber":
        """The service that asks the provider about credit checks."""
        from console.services.credit_checks.probe import CreditCheckProber

        return CreditCheckProber(self._context, self.purchase_resolver, self._get_reader)

    def make_credit_check_service(self, lookup: Lookup) -> CreditCheckService:
        """Return the service with all actions on credit checks. `lookup` is the service that reads the records of a
        corporation number."""
        checks = purchase.CreditCheckPurchaseService(
            self._context, self.purchases, self._readers.adapter_source, self.refetch_service, lookup
        )
        return CreditCheckService(self._context, checks, self, self._readers, self._request_ids)
