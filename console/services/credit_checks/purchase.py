"""Buy credit checks as guarded operations. The class `CreditCheckPurchaseService` is the service with which a person
plans a purchase, buys, and re-fetches detail and PDF."""

import hashlib
import json
import logging
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias

from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import AlreadyPurchasedReason, EvidenceMismatchReason, NotExpiredReason
from console.domain.errors import ConsoleError, ErrorCode, make_outcome_error
from console.domain.errors.details import NotExpiredDetail, ProviderAnswerFacts
from console.domain.lookup.number_input import InvalidCorporationNumber, parse_corporation_number
from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER
from console.domain.process.lease_names import make_purchase_lease_name
from console.domain.provider_outcome import Outcome, OutcomeClass
from console.domain.records import CheckReport, CheckState, CreditCheck, PurchaseRequest
from console.domain.recovery.decision_rules import find_refetch_refusal, has_expired, is_denied_but_bought
from console.domain.usage_problems import UsageProblem
from console.providers.credit_checks.provider import CreditCheckReader
from console.services.credit_checks import outcomes
from console.services.credit_checks import records as check_records
from console.services.credit_checks.listed_purchases import check_list_for_denied_purchases, make_lost_purchase_error
from console.services.credit_checks.part_reader import find_read_error_code
from console.services.credit_checks.provider import CreditCheckAdapterSource
from console.services.credit_checks.refetch import RefetchService
from console.services.guarded import database_fitness, last_known_record, late_answers
from console.services.guarded.action import GuardedAction, GuardedService
from console.services.guarded.operation import (
    ClaimedOperation,
    ClaimedRecord,
    OutcomeUnrecorded,
    StepReporter,
    find_error_code_of_effect_call,
    ignore_step,
)
from console.services.lookup.record_search import Lookup
from console.services.process.context import ServiceContext
from console.services.process.read_only import refuse_if_read_only
from console.store.credit_checks import credit_checks, joined_reads, purchase_refusals
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import journal

if TYPE_CHECKING:
    from console.domain.service_results import PurchasePlan, RefetchResult

PURCHASE_DEAL_CODES = (1, 2, 9)
"""AlarmBox's codes for the field `deal`: the buyer does business with the company (1), does not (2), other (9)."""
PURCHASE_REASON_CODES = (1, 2, 3, 4, 9)
"""AlarmBox's codes for the field `reason`, the purpose for which the buyer needs the credit check."""
LONGEST_COMMENT_CHARACTERS = 500
SHORTEST_CREDIT_CHECK_VALIDITY = timedelta(days=90)
"""Shortest time for which the provider shows a credit check. A credit check that is older and that the provider no
longer shows counts as expired, so that it can be renewed.
"""
_log = logging.getLogger("console.guard")


class CreditCheckPurchaseService:
    """The service for a person's actions on credit checks: plan a purchase, buy, and re-fetch detail and PDF. Several
    threads may use this object at the same time."""

    def __init__(
        self,
        context: ServiceContext,
        purchases: "GuardedPurchaseService",
        adapter_source: CreditCheckAdapterSource,
        refetch_service: RefetchService,
        lookup: Lookup,
    ) -> None:
        self._context = context
        self._lookup = lookup
        self._purchases = purchases
        self._adapter_source = adapter_source
        self._refetch_service = refetch_service

    def make_plan(self, number: str) -> "PurchasePlan":
        """Return the facts that a person should read before buying a credit check of this corporation number. Writes
        nothing. Raises invalid_corporation_number if `number` isn't a valid corporation number.
        """
        from console.domain.service_results import PurchasePlan  # a purchase needs neither of the two modules
        from console.services.registry.facts import read_facts

        valid_number = self.parse_corporation_number(number)
        context = self._context
        with context.database.read() as conn:
            records = credit_checks.find_by_number(conn, valid_number, journal.list_lapsed_record_ids(conn))
            denied_checks = credit_checks.find_denied_but_bought(conn, (valid_number,)).values()
            holders = [check_records.find_purchase_lease_holder(conn, record) for record in records]
            corporation_facts = read_facts(context, conn, valid_number)
        live_records = tuple(record for record in records if record.is_live)
        past_records = [record for record in records if not record.is_live]
        renewable_records = [
            live_record
            for live_record in live_records
            if live_record.credit_check_id is not None and has_expired(live_record, context.now())
        ]
        return PurchasePlan(
            corporation_number=valid_number,
            client_ids=tuple(sorted(context.settings.clients or (), key=int)),
            live_checks=live_records,
            denied_checks=tuple(chain.from_iterable(denied_checks)),
            last_ended_check=past_records[0] if past_records else None,
            purchase_holder=next((holder for holder in holders if holder is not None), None),
            is_renewal=bool(renewable_records),
            read_at=context.now(),
            corporation=corporation_facts,
        )

    def purchase(self, request: PurchaseRequest, progress: StepReporter | None = None) -> CreditCheck:
        """Buy one credit check, at most once even after failures and repetitions. Return the bought credit check;
        its detail or PDF may still be missing. The method calls `progress` with the name of each step.

        Raises invalid_corporation_number if the request's number is no valid corporation number; unknown_client if
        the settings lack the client; usage for a deal code, reason code or comment that is not allowed; not_allowed
        if the acting person has no right to buy; bad_profile if the database has unsafe settings or AlarmBox is not
        configured; already_purchased (detail.record) if another purchase has the claim; not_expired if a renewal is
        too early; lease_timeout if another purchase for this client holds the lease for LEASE_WAIT_SECONDS; the
        errors of `check_list_for_denied_purchases`; the other refusals of `GuardedPipeline.run`, such as
        database_went_back. A renewal also raises an error if AlarmBox doesn't confirm that the earlier credit check
        has expired. If the purchase was sent and did not succeed, raises outcome_unknown (detail.record) or another
        code that `guarded.operation.find_error_code_of_effect_call` returns.
        """
        valid_request = self._validate_purchase_request(request)
        report_step = progress or ignore_step
        facts = {"client": valid_request.client_id, "number": valid_request.corporation_number}
        attempt = _PurchaseAttempt(
            self._context, valid_request, self._adapter_source, self._refetch_service, report_step
        )
        return self._purchases.perform(attempt, report_step, facts=facts)

    def refetch(
        self,
        record_id: int,
        *,
        detail: bool = True,
        pdf: bool = True,
        expected_version: int | None = None,
        progress: StepReporter | None = None,
    ) -> "RefetchResult":
        """Re-fetch the detail and the PDF of a bought credit check, as far as `detail` and `pdf` are True; this costs
        nothing. Return the credit check, the names of its changed fields, and its documents. The method calls
        `progress` with the name of each part.

        `expected_version` is the version of the credit check on the caller's screen (None: any version). Raises
        not_found if there is no such credit check; not_allowed if the acting person has no right to re-fetch;
        not_refetchable if the credit check isn't bought; viewing_period_over if the provider no longer shows the
        credit check; stale_view if its version is not `expected_version`; in_progress while another process has its
        lease; bad_profile if the provider is not configured. If the read of a part fails, raises the error of the
        most severe failure, with detail.record and (except for bad_profile) detail.failed.
        """
        return self._refetch_service.refetch(
            record_id, detail=detail, pdf=pdf, expected_version=expected_version, progress=progress or ignore_step
        )

    # Validation

    def parse_corporation_number(self, text: str) -> str:
        """Return the valid corporation number in `text`. Raises invalid_corporation_number for any other text;
        detail.candidates has at most three similar stored numbers."""
        try:
            return parse_corporation_number(
                text, allows_test_numbers=self._context.settings.allows_test_numbers
            ).value
        except InvalidCorporationNumber as invalid:
            invalid.detail["candidates"] = list(self._lookup.find_similar_corporation_numbers(text))
            raise

    def _validate_purchase_request(self, request: PurchaseRequest) -> PurchaseRequest:
        """Return the request with its corporation number as 13 digits and its reason codes sorted, each once. Raises
        invalid_corporation_number for an invalid number, unknown_client for a client that the settings lack, and
        usage for an invalid deal code, reason code or comment."""
        number = self.parse_corporation_number(request.corporation_number)
        if not self._context.settings.is_accepted_client(request.client_id):
            known_clients = sorted(self._context.settings.clients or (), key=int)
            raise ConsoleError(
                ErrorCode.UNKNOWN_CLIENT, {"client_id": request.client_id[:40], "clients": known_clients}
            )
        if request.deal is not None and request.deal not in PURCHASE_DEAL_CODES:
            raise ConsoleError(
                ErrorCode.USAGE, {"problem": UsageProblem.INVALID_DEAL_CODE, "allowed": list(PURCHASE_DEAL_CODES)}
            )
        if not set(request.reasons) <= set(PURCHASE_REASON_CODES):
            raise ConsoleError(
                ErrorCode.USAGE,
                {"problem": UsageProblem.INVALID_REASON_CODES, "allowed": list(PURCHASE_REASON_CODES)},
            )
        if request.comment is not None and len(request.comment) > LONGEST_COMMENT_CHARACTERS:
            raise ConsoleError(
                ErrorCode.USAGE, {"problem": UsageProblem.COMMENT_TOO_LONG, "longest": LONGEST_COMMENT_CHARACTERS}
            )
        return PurchaseRequest(
            number,
            request.client_id,
            request.deal,
            tuple(sorted(set(request.reasons))),
            request.comment,
            request.renew,
        )


class _PurchaseAttempt:
    """One attempt to buy a credit check. The guarded pipeline calls its methods as the steps of the action
    PURCHASE_ACTION."""

    def __init__(
        self,
        context: ServiceContext,
        request: PurchaseRequest,
        adapter_source: CreditCheckAdapterSource,
        refetch_service: RefetchService,
        progress: StepReporter,
    ) -> None:
        self._context, self._request, self._adapter_source = context, request, adapter_source
        self._refetch_service, self._progress = refetch_service, progress
        self._checked_at = context.now()
        self._expired_purchases: frozenset[tuple[int, int | None]] = frozenset()
        """The id and AlarmBox's id of each credit check about which AlarmBox has said that it has expired."""
        self._earlier_ids: frozenset[int] = frozenset()
        """For a renewal, AlarmBox's ids of all earlier credit checks of the client and corporation number."""

    def prepare(self) -> None:
        """Before the operation begins, raise an error if the purchase must not be tried. This is the case if the
        database has unsafe settings, if AlarmBox is not configured, or if AlarmBox doesn't answer the question about
        an earlier purchase that people have denied; for a renewal, also if the earlier credit check has not expired.
        Only the provider's answers, and a case about a denied purchase, are stored. Raises bad_profile for unsafe
        settings and for an AlarmBox that isn't configured, and the errors of `check_list_for_denied_purchases` and
        `_find_expired_purchases`."""
        database_fitness.require_safe_settings(self._context, CREDIT_CHECK_PROVIDER)
        reader = self._adapter_source.get_adapter().make_reader()
        check_list_for_denied_purchases(
            self._context, reader, self._request.client_id, self._request.corporation_number
        )
        if self._request.renew:
            self._expired_purchases = self._find_expired_purchases(reader)
        self._checked_at = self._context.now()

    def _find_expired_purchases(self, reader: CreditCheckReader) -> frozenset[tuple[int, int | None]]:
        """Ask the provider about the earlier credit check and its duplicates, and refuse the renewal if one of them
        may still be valid. Return a pair for each credit check about which the provider was asked: its id in our
        database, and its id at the provider. The answers allow the renewal of these credit checks only. The provider
        is not asked about a credit check because of which `check` will refuse the renewal anyway.

        A duplicate is a row of another application for the same client and corporation number. It can be a later
        purchase than the credit check that holds the claim.

        Raises the errors of `_ask_if_expired`.
        """
        context, request = self._context, self._request
        with context.database.read() as conn:
            live_check = credit_checks.find_purchase_blocker(conn, request.client_id, request.corporation_number)
            duplicates = () if live_check is None else _list_other_duplicates(conn, live_check)
        earlier_checks = () if live_check is None else (live_check, *duplicates)
        return frozenset(
            (earlier_check.id, earlier_check.credit_check_id)
            for earlier_check in earlier_checks
            if self._ask_if_expired(reader, earlier_check)
        )

    def _ask_if_expired(self, reader: CreditCheckReader, earlier_check: CreditCheck) -> bool:
        """Ask the provider about a credit check that has expired by our dates, and return True. Return False, without
        a call, for any other credit check: `check` then raises the right refusal. The stored row alone is no proof of
        the expiry: a renewal costs money again, and a database account that may write credit checks could change the
        id at the provider in the row.

        The renewal is possible if the provider says that the credit check has expired, or if the provider no longer
        shows it and it is old enough to have expired (`_may_have_expired`). Raises not_expired if the provider says
        that the credit check has not expired; provider_answer_unusable if the stored id or the answer belongs to
        another credit check, or if the dates in the answer can't be those of a purchase that was made less than
        SHORTEST_CREDIT_CHECK_VALIDITY ago; and the error of the read (`find_read_error_code`) if the provider gave no
        report.
        """
        context = self._context
        if earlier_check.credit_check_id is None or not has_expired(earlier_check, context.now()):
            return False
        with context.database.read() as conn:
            is_shared = _is_id_of_another_purchase(conn, earlier_check)
            sent_at = _find_sending_time(conn, earlier_check)
        if is_shared:
            raise make_outcome_error(
                ErrorCode.PROVIDER_ANSWER_UNUSABLE, {"record": earlier_check, "reason": "other_record"}
            )
        outcome = reader.read_detail(earlier_check.credit_check_id)
        report = outcome.content
        context.write(lambda tx: outcomes.store_answer_before_renewal(context, tx, earlier_check, outcome))
        if outcome.kind is not OutcomeClass.SUCCEEDED or report is None:
            if _is_no_longer_shown(outcome) and _may_have_expired(earlier_check, context.now()):
                return True
            detail: ProviderAnswerFacts = {
                "record": earlier_check,
                "reason": outcome.reason,
                "status": outcome.status,
            }
            raise make_outcome_error(find_read_error_code(outcome), detail)
        if report.corporation_number not in (None, earlier_check.corporation_number):
            raise make_outcome_error(
                ErrorCode.PROVIDER_ANSWER_UNUSABLE, {"record": earlier_check, "reason": "other_number"}
            )
        if outcomes.had_reported_check_expired_before(report, sent_at) and not _may_have_expired(
            earlier_check, context.now()
        ):
            raise make_outcome_error(
                ErrorCode.PROVIDER_ANSWER_UNUSABLE,
                {"record": earlier_check, "reason": EvidenceMismatchReason.EXPIRED_BEFORE},
            )
        valid_until = outcomes.compute_valid_until(report, earlier_check)
        is_date_over = valid_until is not None and valid_until <= context.now()
        # The provider's statement takes precedence over its date, in both directions.
        if not (is_date_over if report.expired is None else report.expired):
            facts: NotExpiredDetail = {"record": earlier_check}
            if report.expired is None:  # the date is missing: a date that is over would not be refused
                facts = _add_reason_of_missing_date(facts, valid_until, can_refetch=False)
            raise ConsoleError(ErrorCode.NOT_EXPIRED, facts if is_date_over else {**facts, "expired_at": valid_until})
        return True

    def make_lease_name(self) -> str | None:
        if not self._context.settings.uses_leases:
            return None
        return make_purchase_lease_name(self._request.client_id)

    def check(self, conn: Connection) -> None:
        """Refuse a purchase that can't succeed. Raises already_purchased in four cases: a live credit check (one that
        has the claim) exists and this purchase isn't the renewal of a successful credit check; another renewal was
        faster; people decided that an earlier purchase was not made, and AlarmBox said later that it was made; an
        operation in the spool or in the table of lost operations has the claim. Also raises not_expired if the
        renewal is too early; read_only if a read-only switch is on.
        """
        request = self._request
        client, number = request.client_id, request.corporation_number
        live_check = credit_checks.find_purchase_blocker(conn, client, number)
        if live_check is not None:
            live_record = joined_reads.find_record(conn, live_check.id) or live_check
            self._refuse_blocking_credit_check(conn, live_record)
        lost_purchases = check_records.list_lost_purchases(self._context, conn, number, client)
        sent_at = None
        if lost_purchases and live_check is not None:
            # Not `created_at` alone: in older databases this may be the time of a restore.
            sent_at = _find_sending_time(conn, live_check) or live_check.created_at
        for intent in lost_purchases:
            if sent_at is not None and sent_at > intent.at:
                continue  # this renews a newer credit check than the lost one, and AlarmBox has said that it expired
            raise make_lost_purchase_error(intent)
        refuse_if_read_only(conn, CREDIT_CHECK_PROVIDER)

    def may_be_refused(self, conn: Connection) -> bool:
        """True if the purchase may have to be refused, by `check` or because of an open alert that the database has
        gone back to an earlier state. For a corporation number without an earlier purchase, a single SQL statement
        shows that no reason for a refusal exists.
        """
        context, request = self._context, self._request
        client, number = request.client_id, request.corporation_number
        has_lost_purchase = context.spool.list_purchases_holding_claim(context.database_id, client, number)
        return bool(has_lost_purchase) or purchase_refusals.may_refuse_purchase(conn, number, CREDIT_CHECK_PROVIDER)

    def _refuse_blocking_credit_check(self, conn: Connection, blocking_credit_check: CreditCheck) -> None:
        """Refuse the purchase because of a credit check that `find_purchase_blocker` has returned. If this credit
        check has the claim, raise the errors of `_refuse_live_credit_check`, which permits a renewal. Raise
        already_purchased (reason DENIED_BUT_BOUGHT) if people decided that a purchase was not made, and AlarmBox said
        later that it was made."""
        request = self._request
        if not is_denied_but_bought(blocking_credit_check):
            self._refuse_live_credit_check(conn, blocking_credit_check)
        # An earlier renewal may have been decided as not made: then the expired credit check has its claim again.
        denied_checks = credit_checks.find_denied_but_bought(conn, (request.corporation_number,))
        if pair_checks := denied_checks.get((request.client_id, request.corporation_number)):
            reason = AlreadyPurchasedReason.DENIED_BUT_BOUGHT
            raise ConsoleError(ErrorCode.ALREADY_PURCHASED, {"record": pair_checks[0], "reason": reason})

    def _refuse_live_credit_check(self, conn: Connection, live_credit_check: CreditCheck) -> None:
        """Refuse the purchase because of this credit check, which has the claim; return normally if the purchase is a
        permitted renewal of the credit check. Raises already_purchased if the purchase isn't a renewal of a
        successful credit check with an id at the provider, if another renewal was faster, or if a duplicate of the
        credit check is or may be a valid purchase; not_expired if the credit check has not expired."""
        # Without the provider's id nobody can ask whether it has expired (`_ask_if_expired`).
        if (
            not self._request.renew
            or live_credit_check.state.value != "success"
            or live_credit_check.credit_check_id is None
        ):
            raise ConsoleError(ErrorCode.ALREADY_PURCHASED, {"record": live_credit_check})
        if not has_expired(live_credit_check, self._context.now()):
            # A change after this request began means that another renewal was faster. This selects the error code
            # only.
            was_overtaken = (
                live_credit_check.changed_at is not None and live_credit_check.changed_at >= self._checked_at
            )
            expired_at, can_refetch = live_credit_check.expired_at, find_refetch_refusal(live_credit_check) is None
            if was_overtaken:
                raise ConsoleError(
                    ErrorCode.ALREADY_PURCHASED, {"record": live_credit_check, "expired_at": expired_at}
                )
            facts: NotExpiredDetail = {"record": live_credit_check, "expired_at": expired_at}
            facts = _add_reason_of_missing_date(facts, expired_at, can_refetch=can_refetch)
            raise ConsoleError(ErrorCode.NOT_EXPIRED, facts)
        for earlier_check in (live_credit_check, *_list_other_duplicates(conn, live_credit_check)):
            if (earlier_check.id, earlier_check.credit_check_id) not in self._expired_purchases or not has_expired(
                earlier_check, self._context.now()
            ):
                # Another renewal was faster, and its dates are over: nobody has asked AlarmBox about that purchase.
                # Or a duplicate is still valid, or nobody can ask AlarmBox about it.
                raise ConsoleError(
                    ErrorCode.ALREADY_PURCHASED, {"record": earlier_check, "expired_at": earlier_check.expired_at}
                )

    def claim(self, tx: Transaction, operation_id: str) -> ClaimedRecord:
        """Insert the pending credit check, and return it as the claimed record; the unique index over claims admits
        only one pending or live credit check for this client and corporation number. A renewal first supersedes the
        earlier credit check, so that its claim ends. Raises the errors of `_refuse_blocking_credit_check` if the
        renewal isn't permitted any more."""
        context, now, request = self._context, self._context.now(), self._request
        client, number = request.client_id, request.corporation_number
        superseded_check = credit_checks.find_purchase_blocker(tx.conn, client, number) if request.renew else None
        if superseded_check is not None:
            # On a server, another renewal may have been committed since the check, so the record is checked again.
            self._refuse_blocking_credit_check(tx.conn, superseded_check)
            if credit_checks.find_live_check(tx.conn, client, number) is not None:
                credit_checks.supersede(tx.conn, superseded_check, now)
        record_id = credit_checks.insert_pending_check(
            tx.conn, client, number, operation_id, now, superseded_check.id if superseded_check else None
        )
        if superseded_check is not None:
            self._earlier_ids = frozenset(
                check.credit_check_id
                for check in credit_checks.find_by_number(tx.conn, number)
                if check.client_id == client and check.credit_check_id is not None
            )
            replaced_check = credit_checks.find(tx.conn, superseded_check.id)
            if replaced_check is not None:
                credit_checks.change_record(tx.conn, replaced_check, now, superseded_by=record_id)
            context.record_audit(tx, AuditAction.CREDIT_CHECK_SUPERSEDED, superseded_check.id, {"by": record_id})
        key = _compute_short_hash(["v1", PURCHASE_ACTION.name, client, number, record_id])
        return ClaimedRecord(
            credit_checks.CREDIT_CHECK_KIND, record_id, client, number, key, _compute_short_hash(asdict(request))
        )

    def call(self, _subject: ClaimedRecord) -> Outcome[CheckReport]:
        """Buy at AlarmBox. If AlarmBox answers a renewal with the id of an earlier credit check, nobody knows whether
        it has sold a new one: the outcome is then UNKNOWN, and a person must look."""
        outcome = self._adapter_source.get_adapter().buy_check(self._request)
        if outcome.content is not None and outcome.content.credit_check_id in self._earlier_ids:
            return replace(outcome, kind=OutcomeClass.UNKNOWN, reason=outcomes.EARLIER_ID_REASON, content=None)
        return outcome

    def record(self, tx: Transaction, subject: ClaimedRecord, outcome: Outcome[CheckReport]) -> None:
        outcomes.record_outcome(self._context, tx, subject.id, outcome, self._adapter_source.get_capabilities())

    def make_exception_to_raise(self, error: Exception) -> Exception:
        if isinstance(error, OutcomeUnrecorded):
            error.detail["record"] = last_known_record.build_credit_check(error.claimed, None)
        return error

    def make_result(self, claimed_operation: ClaimedOperation, outcome: Outcome[CheckReport]) -> CreditCheck:
        """Return the bought credit check, or raise the error that the recorded outcome means. If the database
        can't be read now, build the credit check from the claim and the outcome in memory."""
        if outcome.kind is OutcomeClass.SUCCEEDED:
            self._refetch_service.fetch_parts_after_purchase(claimed_operation.subject.id, self._progress)
        try:
            record = check_records.read_stored_credit_check(self._context, claimed_operation.subject.id)
        except Exception:
            _log.warning(
                "credit check %s can't be read after its purchase", claimed_operation.subject.id, exc_info=True
            )
            record = last_known_record.build_credit_check(claimed_operation, outcome)
        if outcomes.is_contradicting_answer(record, outcome):
            raise late_answers.make_already_decided_error(self._context, credit_checks.CREDIT_CHECK_KIND, record)
        if outcome.kind is OutcomeClass.SUCCEEDED or record.state.value == "success":
            return record
        raise make_outcome_error(
            find_error_code_of_effect_call(outcome),
            {"record": record, "reason": outcome.reason, "status": outcome.status},
        )


PURCHASE_ACTION: GuardedAction[_PurchaseAttempt, outcomes.PurchaseSettler, CheckReport, CreditCheck] = GuardedAction(
    name=AuditAction.CREDIT_CHECK_PURCHASE,
    kind=credit_checks.CREDIT_CHECK_KIND,
    right="purchase",
    has_effect=True,
    waits_for_lease=True,
    report_type=CheckReport,
    prepare=_PurchaseAttempt.prepare,
    find_lease_name=_PurchaseAttempt.make_lease_name,
    check=_PurchaseAttempt.check,
    may_be_refused=_PurchaseAttempt.may_be_refused,
    claim=_PurchaseAttempt.claim,
    call=_PurchaseAttempt.call,
    record_outcome=_PurchaseAttempt.record,
    make_exception_to_raise=_PurchaseAttempt.make_exception_to_raise,
    make_result=_PurchaseAttempt.make_result,
    settle=outcomes.PurchaseSettler.settle,
    record_lapse=outcomes.PurchaseSettler.record_lapse,
)
GuardedPurchaseService: TypeAlias = GuardedService[
    _PurchaseAttempt, outcomes.PurchaseSettler, CheckReport, CreditCheck
]


def _find_sending_time(conn: Connection, record: CreditCheck) -> datetime | None:
    """Return the time at which this program sent the purchase of the credit check, also if the database has lost the
    credit check in the meantime; None for a credit check of another application."""
    operation = None if record.operation_id is None else journal.find(conn, record.operation_id)
    return None if operation is None else operation.started_at


def _list_other_duplicates(conn: Connection, record: CreditCheck) -> tuple[CreditCheck, ...]:
    """Return the duplicates of the credit check that were bought or may have been bought, except those with the same
    id at the provider, which are the same purchase."""
    return tuple(
        other_check
        for other_check in credit_checks.find_by_number(conn, record.corporation_number)
        if other_check.duplicate_of == record.id
        and other_check.state is not CheckState.ERROR
        and (other_check.credit_check_id is None or other_check.credit_check_id != record.credit_check_id)
    )


def _is_id_of_another_purchase(conn: Connection, record: CreditCheck) -> bool:
    """True if another credit check has the same id at the provider as `record`, although each purchase gets a
    separate id. Duplicates, and credit checks of the same corporation for another client, don't count.
    """
    if record.credit_check_id is None:
        return False
    return any(
        other_check.id != record.id
        and other_check.duplicate_of is None
        and (other_check.client_id == record.client_id or other_check.corporation_number != record.corporation_number)
        for other_check in credit_checks.list_by_id_at_provider(conn, record.credit_check_id)
    )


def _add_reason_of_missing_date(
    facts: NotExpiredDetail, expired_at: datetime | None, *, can_refetch: bool
) -> NotExpiredDetail:
    """Return the facts of a refused renewal. If the date of expiry isn't known (`expired_at` is None), add the reason
    NO_DATE if a re-fetch may get the date (`can_refetch`), otherwise DATE_UNAVAILABLE.
    """
    if expired_at is not None:
        return facts
    return {**facts, "reason": NotExpiredReason.NO_DATE if can_refetch else NotExpiredReason.DATE_UNAVAILABLE}


def _is_no_longer_shown(outcome: Outcome[CheckReport]) -> bool:
    """True if `outcome` is one of the answers that a provider gives about a credit check which it no longer shows:
    not found, or viewing period over."""
    return outcome.kind is OutcomeClass.NOT_FOUND or find_read_error_code(outcome) == ErrorCode.VIEWING_PERIOD_OVER


def _may_have_expired(record: CreditCheck, now: datetime) -> bool:
    """True if the credit check is at least SHORTEST_CREDIT_CHECK_VALIDITY old, so that it may have expired; also for
    a row of another application, which has no time of creation."""
    return record.created_at is None or record.created_at <= now - SHORTEST_CREDIT_CHECK_VALIDITY


def _compute_short_hash(facts: object) -> str:
    """Return the first 32 hex digits of the SHA-256 of the facts as canonical JSON. The operation key of a purchase
    and the fingerprint of a purchase request are hashes of this form."""
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
