"""Read the data of a refund's screen, and the list of refunds that wait for a decision."""

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from console.domain.access.permissions import ROLES_BY_RIGHT, has_right
from console.domain.access.read_only import (
    READ_ONLY_SWITCH_REASON,
    ReadOnlySwitch,
    is_action_stopped,
    make_switch_facts,
)
from console.domain.allowed_action import AllowedAction
from console.domain.audit.actions import AuditAction
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.explanations.refunds import explain_refund
from console.domain.payments.consistency import compare_payment_sides, compare_refund_sides, compute_money_parts
from console.domain.payments.records import Order, Payment, Refund, RefundRelations, mask_payer
from console.domain.payments.service_results import (
    ApprovalInbox,
    ComparedSide,
    RefundDetails,
    RefundRequestSummary,
    RiskSignal,
    RuleCheck,
    SideComparison,
)
from console.domain.payments.states import RefundState
from console.domain.process.lease_names import make_refund_lease_name
from console.domain.records import LeaseHolder, Person
from console.domain.recovery.decision_rules import find_decision_refusal, find_withdrawal_refusal
from console.services.annotations.annotations import read_annotations
from console.services.audit.opening_log import RecordOpeningLog
from console.services.credit_checks.details_reader import ActionReader, read_audit_history
from console.services.evidence.timeline import read_newest_events
from console.services.guarded.second_person import ApproverCounter, make_approver_counter
from console.services.payments.providers import (
    PaymentProviders,
    find_payment_state_of_provider_word,
    find_refund_state_of_provider_word,
)
from console.services.payments.unmasking import read_masked_evidence
from console.services.process.context import ServiceContext
from console.services.process.read_only import find_read_only_switch
from console.services.records.completer import RecordsCompleter, complete_record
from console.services.refunds import records as refund_records
from console.services.refunds import risk_signals as refund_risks
from console.services.refunds import rules as refund_rules
from console.services.refunds.records import RefundWithPayment
from console.services.refunds.request import make_facts_at_request
from console.services.refunds.risk_signals import RiskSignalFacts
from console.services.refunds.rules import RefundFacts
from console.services.registry.facts import complete_with_corporations, read_facts_of_record
from console.store.database import unreadable_rows
from console.store.database.instants import read_current_time
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import leases
from console.store.payments import orders
from console.store.refunds import refunds

REFUND_KIND = refunds.REFUND_KIND
MAX_APPROVAL_INBOX_ROWS = 1_000
MAX_REFUND_SUMMARIES = 30
"""Largest number of refunds for which one call reads the payments and counts the warnings."""
_log = logging.getLogger("console.guard")
_RIGHT_BY_REFUND_ACTION: Mapping[str, str] = {
    "approve": "refund_approve",
    "reject": "refund_approve",
    "withdraw": "refund_withdraw",
    "submit": "refund_submit",
}
"""The right that a person needs for each action on a refund's screen."""


class RefundDetailsReader:
    """Reads refunds for their screens. Each reading of a single refund is written into the audit trail."""

    def __init__(
        self,
        context: ServiceContext,
        payment_providers: PaymentProviders,
        opening_log: RecordOpeningLog,
        complete_records: RecordsCompleter,
        read_actions: ActionReader,
    ) -> None:
        """Store the service context, the payment providers, the log `opening_log` (it writes the audit entries about
        opened records) and two functions. `complete_records` returns records with their relations (facts of related
        rows); `read_actions` returns the actions on a record, each with the reason if it is not possible now."""
        self._context = context
        self._payment_providers = payment_providers
        self._opening_log = opening_log
        self._complete_records, self._read_actions = complete_records, read_actions

    def read_refund(self, refund_id: int) -> RefundDetails:
        """Return one refund with all data of its screen, and write an audit entry which says that the acting person
        has opened the refund. Raises not_found if there is no such refund, and not_allowed if the acting person has
        no right to read."""
        with self._context.database.read() as conn:
            person = self._context.find_reading_person(conn)
            details = self._read_details(conn, refund_id, person)
        self._opening_log.record_opening(AuditAction.REFUND_OPENED, REFUND_KIND, refund_id)
        return details

    def read_sides(self, refund_id: int) -> SideComparison:
        """Return the compared sides of a refund for the preview next to a list, as the refund's screen shows them.
        Writes no audit entry. Raises not_found if there is no such refund, and not_allowed if the acting person has
        no right to read."""
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            pair = refund_records.require_refund_with_payment(conn, refund_id)
            refund, payment = pair.refund, pair.payment
            order_ids = () if payment.order_id is None else (payment.order_id,)
            order = next(iter(orders.find_by_ids(conn, order_ids, skips_unreadable=True)), None)
        return SideComparison(_compare_sides(refund, payment, order, self._context.now()), payment.provider, refund)

    def read_inbox(self, after_id: int = 0) -> ApprovalInbox:
        """Return the refunds that wait for a decision in two lists, each oldest first. The first list has the refunds
        about which the acting person may decide, the second list all others. Together they have at most
        MAX_APPROVAL_INBOX_ROWS refunds, the oldest ones with an id above `after_id`: the largest id of the previous
        page, 0 for the first page. Refunds whose time limit `decide_by` has passed, and rows that can't be read, are
        left out. Raises not_allowed if the acting person has no right to read."""
        with self._context.database.read() as conn:
            person = self._context.find_reading_person(conn)
            server_now = read_current_time(conn, self._context.now())
            waiting_refunds = refunds.list_refunds_waiting_for_decision(
                conn, server_now, MAX_APPROVAL_INBOX_ROWS + 1, after_id
            )
            open_refunds = complete_with_corporations(self._context, conn, waiting_refunds[:MAX_APPROVAL_INBOX_ROWS])
        may_decide = person is not None and has_right(person, "refund_approve")
        decidable_refunds = tuple(
            refund
            for refund in open_refunds
            if may_decide and person is not None and _may_approve(refund, person, server_now)
        )
        return ApprovalInbox(
            decidable_refunds,
            tuple(refund for refund in open_refunds if refund not in decidable_refunds),
            is_cut=len(waiting_refunds) > MAX_APPROVAL_INBOX_ROWS,
        )

    def read_summaries(self, refund_ids: Sequence[int]) -> Mapping[int, RefundRequestSummary]:
        """Return, by refund id, the payment of each of these refunds and the number of warnings about the refund, for
        a list. Only the first MAX_REFUND_SUMMARIES ids are read. A refund is left out if this program can't read the
        row of its payment or of another related record. Raises not_found if one of these refunds is missing, and
        not_allowed if the acting person has no right to read."""
        ids = refund_ids[:MAX_REFUND_SUMMARIES]
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            try:
                return self._read_summaries(conn, ids)
            except unreadable_rows.READ_ERRORS:
                summaries = unreadable_rows.read_readable_rows(
                    "related rows",
                    ids,
                    lambda refund_id: self._read_summaries(conn, [refund_id]),
                    lambda refund_id: (REFUND_KIND, refund_id),
                    lambda refund_id: f"{REFUND_KIND} {refund_id}",
                )
        return {refund_id: summary for part in summaries for refund_id, summary in part.items()}

    def _read_summaries(self, conn: Connection, ids: Sequence[int]) -> Mapping[int, RefundRequestSummary]:
        pairs = refund_records.require_refunds_with_payments(conn, ids)
        requests = [(pair.payment, pair.refund.maker) for pair in pairs]
        rule_facts = refund_rules.read_facts_of_refunds(self._context, conn, requests)
        signal_facts = refund_risks.read_signal_facts(conn, rule_facts)
        stored_texts = refunds.read_request_facts(conn, ids)
        count_other_approvers = make_approver_counter(conn)
        return {
            pair.refund.id: self._summarize_request(
                pair, facts, stored_texts.get(pair.refund.id), count_other_approvers
            )
            for pair, facts in zip(pairs, signal_facts, strict=True)
        }

    def _summarize_request(
        self,
        refund_with_payment: RefundWithPayment,
        facts: RiskSignalFacts,
        stored_texts: tuple[str, str] | None,
        count_other_approvers: ApproverCounter,
    ) -> RefundRequestSummary:
        """Return the payment of the refund and the number of warnings: risk signals, broken rules of the approval,
        and a lack of approvers. `stored_texts` are the texts that were stored with the request (see
        `_parse_facts_at_request`)."""
        _, stored_signals = _parse_facts_at_request(refund_with_payment.refund.id, stored_texts)
        signals = _find_current_signals(facts, refund_with_payment.refund, stored_signals)
        broken_checks = [
            check
            for check in self._make_rule_checks(facts.refund_facts, refund_with_payment.refund)
            if not check.holds
        ]
        lacks_approvers = bool(
            _count_missing_approvers(facts.refund_facts, refund_with_payment.refund, count_other_approvers)
        )
        return RefundRequestSummary(refund_with_payment.payment, len(signals) + len(broken_checks) + lacks_approvers)

    def _read_details(self, conn: Connection, refund_id: int, person: Person | None) -> RefundDetails:
        context, now = self._context, self._context.now()
        pair = refund_records.require_refund_with_payment(conn, refund_id)
        refund = complete_record(self._complete_records, conn, pair.refund)
        payment = complete_record(self._complete_records, conn, pair.payment)
        relations = refund.relations or RefundRelations()
        refund_facts = refund_rules.read_facts(context, conn, payment, refund.maker)
        (signal_facts,) = refund_risks.read_signal_facts(conn, [refund_facts])
        stored_texts = refunds.read_request_facts(conn, [refund_id]).get(refund_id)
        facts_at_request, stored_signals = _parse_facts_at_request(refund_id, stored_texts)
        holder = leases.find_holder(conn, make_refund_lease_name(payment.id))
        switch = find_read_only_switch(conn, payment.provider)
        server_now = read_current_time(conn, now)
        corporation = read_facts_of_record(context, conn, refund)
        return RefundDetails(
            record=refund,
            explanation=explain_refund(refund, server_now),
            payment=payment,
            order=refund_facts.order,
            sides=_compare_sides(refund, payment, refund_facts.order, now),
            payment_sides=compare_payment_sides(
                payment,
                refund_facts.order,
                find_payment_state_of_provider_word(payment.provider, payment.provider_state),
                now,
            ),
            money=compute_money_parts(payment, refund_facts.refunds),
            risk_signals=_find_current_signals(signal_facts, refund, stored_signals),
            checks=self._make_rule_checks(refund_facts, refund),
            needed_checker_count=refund_rules.count_needed_checkers(refund_facts, refund),
            missing_approver_count=_count_missing_approvers(refund_facts, refund, make_approver_counter(conn)),
            version_at_request=facts_at_request.get("version"),
            changed=_find_changed_payment_fields(
                facts_at_request, make_facts_at_request(refund_facts), payment, refund
            ),
            earlier=self._complete_records(
                conn, tuple(refund for refund in refund_facts.refunds if refund.id != refund_id)
            ),
            timeline=read_audit_history(conn, REFUND_KIND, str(refund_id)),
            newest_events=read_newest_events(context, conn, REFUND_KIND, refund_id),
            evidence=read_masked_evidence(conn, REFUND_KIND, refund_id),
            actions=(
                *self._read_actions(conn, REFUND_KIND, refund_id, person, ("probe", "resolve")),
                *(
                    self._make_allowed_action(name, refund, person, holder, server_now, switch)
                    for name in _RIGHT_BY_REFUND_ACTION
                ),
            ),
            holder=holder,
            awaiting="second_person" if relations.awaits_second_person else None,
            corporation=corporation,
            **read_annotations(context, conn, REFUND_KIND, refund_id),
        )

    def _make_rule_checks(self, refund_facts: RefundFacts, refund: Refund) -> tuple[RuleCheck, ...]:
        """Return the checks of the rules for the approval of the refund; an empty tuple if this desk can't query the
        provider (it has no settings for it, or the provider only sends notices)."""
        try:
            reader = self._payment_providers.get_reader(refund_facts.payment.provider)
        except ConsoleError:
            return ()
        return refund_rules.check_refund_rules(refund_facts, refund.amount_minor, reader, is_before_request=False)

    def _make_allowed_action(
        self,
        name: str,
        refund: Refund,
        person: Person | None,
        holder: LeaseHolder | None,
        server_now: datetime,
        switch: ReadOnlySwitch | None,
    ) -> AllowedAction:
        """Return the action `name` on the refund. If the person can't do it now, the result contains the reason.
        `person` is the acting person, None if no name of a person is configured (the rights are then not checked).
        `holder` is the process that holds the lease, None if no process holds it. `switch` is the read-only switch
        that is on, None if no switch is on. `server_now` is the database server's time, because the clock of this
        machine may be wrong. The service that executes the action checks all of this again."""
        right = _RIGHT_BY_REFUND_ACTION[name]
        reason, facts = _find_refusal_reason(name, refund, person, server_now)
        if reason is None and holder is not None and name == "submit":
            reason, facts = ErrorCode.IN_PROGRESS, {"holder": holder.operator, "since": holder.since}
        if reason is not None:
            return AllowedAction(name, False, f"reason.{reason}", facts)
        if person is not None and not has_right(person, right):
            return AllowedAction(name, False, "reason.role", {"needs": tuple(sorted(ROLES_BY_RIGHT[right]))})
        if switch is not None and is_action_stopped(name, switch):
            return AllowedAction(name, False, READ_ONLY_SWITCH_REASON, make_switch_facts(switch))
        return AllowedAction(name, True)


def _compare_sides(
    refund: Refund, payment: Payment, order: Order | None, now: datetime
) -> tuple[ComparedSide, ComparedSide, ComparedSide]:
    known_provider_state = find_refund_state_of_provider_word(payment.provider, refund.provider_state)
    return compare_refund_sides(refund, payment, order, known_provider_state, now)


def _find_refusal_reason(
    action_name: str, refund: Refund, person: Person | None, server_now: datetime
) -> tuple[str | None, Mapping[str, object]]:
    """Return the code of the reason why the person can't do the action on the refund now, and the facts of that
    reason. If the person can do the action, the code is None and the facts have no meaning. `action_name` is
    `approve`, `reject`, `withdraw` or `submit`; `server_now` is the time of the database server."""
    if action_name in ("approve", "reject"):
        relations = refund.relations or RefundRelations()
        rule_reason = relations.approval_refusal if action_name == "approve" else None
        own_name = person.name if person is not None else None
        reason = find_decision_refusal(refund, own_name, server_now, is_approval=action_name == "approve")
        return reason or rule_reason, {"maker": refund.maker}
    if action_name == "withdraw":
        return find_withdrawal_refusal(refund, person.name if person is not None else None), {"maker": refund.maker}
    return _find_send_refusal(refund, server_now)


def _find_send_refusal(refund: Refund, server_now: datetime) -> tuple[str | None, Mapping[str, object]]:
    """Return the code of the reason why the refund can't be sent now, and its facts: the refund is not approved, or
    its cooling-off period has not ended. Return None and no facts if it can be sent. `server_now` is the time of the
    database server."""
    if refund.state is not RefundState.APPROVED:
        return "refund_not_approved", {}
    if refund.sends_after is not None and refund.sends_after > server_now:
        return "refund_cooling_off", {"until": refund.sends_after}
    return None, {}


def _may_approve(refund: Refund, person: Person, now: datetime) -> bool:
    """True if the person may approve the refund now."""
    return find_decision_refusal(refund, person.name, now, is_approval=True) is None


def _count_missing_approvers(facts: RefundFacts, refund: Refund, count_other_approvers: ApproverCounter) -> int:
    """Return the number of approvals that a requested refund still needs and no enabled approver can give. 0 for a
    decided refund, and if no people are registered."""
    if refund.state is not RefundState.REQUESTED:
        return 0
    approver_count = count_other_approvers("refund_approve", (refund.maker, *refund.checkers))
    needed_count = refund_rules.count_needed_checkers(facts, refund) - len(refund.checkers)
    return 0 if approver_count is None else max(needed_count - approver_count, 0)


def _parse_facts_at_request(
    refund_id: int, stored_texts: tuple[str, str] | None
) -> tuple[Mapping[str, Any], tuple[RiskSignal, ...]]:
    """Parse `stored_texts`: the facts about the payment, and the risk signals with the maker's comments, that were
    stored with the refund request as JSON. `stored_texts` is None if none were stored. Return the facts and the
    signals; if the texts can't be parsed, return no facts and no signals, and write a warning with `refund_id` to the
    log."""
    if stored_texts is None:
        return {}, ()
    try:
        facts_at_request, stored_signals = (json.loads(text) for text in stored_texts)
        signals = tuple(
            RiskSignal(
                signal_fields["rule"],
                signal_fields["facts"],
                signal_fields["kind"],
                signal_fields["id"],
                signal_fields["answer"],
            )
            for signal_fields in stored_signals
        )
        return dict(facts_at_request.items()), signals
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        _log.warning("refund %s: the facts that its maker saw can't be read", refund_id)
        return {}, ()


def _find_current_signals(
    facts: RiskSignalFacts, refund: Refund, stored_signals: tuple[RiskSignal, ...]
) -> tuple[RiskSignal, ...]:
    """Return the risk signals that the refund has now, with the maker's comments. After them, return those signals
    in `stored_signals` (stored with the refund request) that the refund no longer has."""
    comment_by_signal = {(signal.rule, signal.kind, signal.id): signal.answer for signal in stored_signals}
    current_signals = tuple(
        RiskSignal(
            signal.rule,
            signal.facts,
            signal.kind,
            signal.id,
            comment_by_signal.get((signal.rule, signal.kind, signal.id)),
        )
        for signal in refund_risks.find_risk_signals(facts, refund.amount_minor, own_refund_id=refund.id)
    )
    present_keys = {(signal.rule, signal.kind, signal.id) for signal in current_signals}
    return (
        *current_signals,
        *(
            signal
            for signal in stored_signals
            if (signal.rule, signal.kind, signal.id) not in present_keys and signal.id != refund.id
        ),
    )


def _find_changed_payment_fields(
    facts_at_request: Mapping[str, Any], present_facts: Mapping[str, object], payment: Payment, refund: Refund
) -> Mapping[str, tuple[object, object]]:
    """Return the payment's fields that have changed since the refund request: (old value, new value) by field name. A
    change that the request itself has made doesn't count. So the payment's version isn't compared. If the refund
    gives back an amount that was set aside, the refund's amount is added to the amount that is set aside now, before
    it is compared. A payer is masked after the comparison."""
    if refund.state not in (RefundState.REQUESTED, RefundState.APPROVED):
        return {}
    # The facts of a request that an older version of this program stored lack an amount given back outside.
    facts_at_request = {"outside_minor": 0, **facts_at_request}
    facts_without_request = dict(present_facts)
    del facts_without_request["version"]
    if refund.set_aside_id is not None:
        facts_without_request["set_aside_minor"] = payment.set_aside_minor + refund.amount_minor
    changed_fields = {
        name: (facts_at_request.get(name), value)
        for name, value in facts_without_request.items()
        if facts_at_request.get(name) != value
    }
    if "payer" in changed_fields:
        payer_before, payer_now = changed_fields["payer"]
        changed_fields["payer"] = _mask_stored_payer(payer_before), _mask_stored_payer(payer_now)
    return changed_fields


def _mask_stored_payer(value: object) -> str | None:
    """Return the payer in masked form. `value` is its stored JSON value, which may be malformed."""
    return None if value is None else mask_payer(str(value))
