"""Read the related records of many records with a few queries, so that a list explains each record in the same way
as the record's own screen."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from console.domain.access.read_only import (
    IS_STOPPED_BY_PROVIDER_SWITCH_BY_ACTION,
    ReadOnlySwitch,
    find_stopping_switch,
)
from console.domain.alerts.rules import ALERT_RULES, find_broken_rule
from console.domain.corporation_number import is_well_formed
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.explanations.payments import OPEN_REFUND_ACTION, find_mismatch_verdict
from console.domain.explanations.records import explain_record
from console.domain.explanations.refunds import may_be_requested_again
from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER
from console.domain.payments.records import (
    Limits,
    Order,
    OrderRelations,
    OrderState,
    Payment,
    PaymentRelations,
    Refund,
    RefundRelations,
    find_pending_refund,
)
from console.domain.payments.states import (
    DONE_OUTSIDE,
    ENDED_WITHOUT_MONEY_STATES,
    PAID_STATES,
    WAITING_STATES,
    PaymentState,
    RefundState,
)
from console.domain.records import (
    RECONCILIATION_CASE_RULES,
    Certainty,
    CheckRelations,
    CheckState,
    CreditCheck,
    WorkState,
)
from console.domain.recovery.decision_rules import (
    WORK_REASONS_OF_CONTRADICTION,
    find_contradicted_refund,
    is_decidable_check,
)
from console.domain.recovery.decision_table import is_decision_denied
from console.domain.registry.watched_facts import (
    CORPORATION_CHANGE_RULE,
    CORPORATION_KIND,
    compute_corporation_subject_id,
)
from console.domain.tasks.records import Alert, Saga
from console.domain.tasks.states import SagaState
from console.services.credit_checks.provider import CreditCheckAdapterSource
from console.services.guarded import second_person
from console.services.payments import timeout_start
from console.services.payments.providers import PaymentProviders, find_payment_state_of_provider_word
from console.services.process.context import ServiceContext
from console.services.recovery.provider_statement import find_last_provider_statement
from console.services.refunds import rules as refund_rules
from console.store.alerts import alerts
from console.store.credit_checks import credit_checks
from console.store.database.instants import read_current_time
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import journal
from console.store.payments import currency_limits, orders, payments
from console.store.queues.table_queries import QueuedRecord
from console.store.refunds import approvals, refunds
from console.store.tasks import sagas

if TYPE_CHECKING:
    from console.services.refunds.request import RefundRequestService

RecordT = TypeVar("RecordT", bound=QueuedRecord)
LapsedIdsByKind = Mapping[str, AbstractSet[int]]
"""By kind of record: the ids of the records whose operation has lapsed."""
ReadOnlySwitchFinder = Callable[[str | None], ReadOnlySwitch | None]
"""Type of a function that returns the read-only switch which stops changes at the provider with this name (None:
changes at no provider); None if no switch stops them.
"""


class RelatedRecordCompleter:
    """Adds the related records (such as a payment's order and refunds) to records that were read for a list. No
    provider is called, and nothing is written. The number of queries does not depend on the number of records,
    with one exception: for payments whose next step is a refund, and for ended refunds whose next step is a new
    request, the rules of refunds are checked one by one.
    """

    def __init__(
        self,
        context: ServiceContext,
        adapter_source: CreditCheckAdapterSource,
        payment_providers: PaymentProviders,
        get_refund_requests: "Callable[[], RefundRequestService]",
    ) -> None:
        """`get_refund_requests` returns the service that checks refund requests. It is called only for records whose
        next step is a refund."""
        self._context, self._adapter_source = context, adapter_source
        self._payment_providers, self._get_refund_requests = payment_providers, get_refund_requests

    def complete_records(self, conn: Connection, records: Sequence[RecordT]) -> tuple[RecordT, ...]:
        """Return the records in the sequence of `records`, each with its related records in the field `relations`."""
        lapsed_ids, find_switch = journal.list_lapsed_record_ids_by_kind(conn), _make_read_only_switch_finder(conn)
        completed_by_type_and_id: dict[tuple[object, int], QueuedRecord] = {}
        for completed_records in (
            self._add_relations_to_credit_checks(conn, _select_records_of_type(records, CreditCheck), find_switch),
            self._add_relations_to_orders(conn, _select_records_of_type(records, Order), lapsed_ids, find_switch),
            self._add_relations_to_payments(conn, _select_records_of_type(records, Payment), lapsed_ids, find_switch),
            self._add_relations_to_refunds(conn, _select_records_of_type(records, Refund), lapsed_ids, find_switch),
        ):
            completed_by_type_and_id |= {(type(record), record.id): record for record in completed_records}
        return tuple(completed_by_type_and_id[type(record), record.id] for record in records)  # type: ignore[misc]  # completed records have the types of the given ones

    # Credit checks

    def _add_relations_to_credit_checks(
        self, conn: Connection, checks: Sequence[CreditCheck], find_switch: ReadOnlySwitchFinder
    ) -> Iterable[CreditCheck]:
        unknown_ids = [str(check.id) for check in checks if check.certainty is Certainty.UNKNOWN]
        decidable_ids = [str(check.id) for check in checks if is_decidable_check(check)]
        clients_and_numbers_of_failed = {
            (check.client_id, check.corporation_number) for check in checks if check.state is CheckState.ERROR
        }
        proposed_states = second_person.read_proposed_states(
            self._context, conn, credit_checks.CREDIT_CHECK_KIND, decidable_ids
        )
        ids_without_second_person = second_person.list_ids_without_second_person(
            conn, credit_checks.CREDIT_CHECK_KIND, proposed_states, second_person.make_approver_counter(conn)
        )
        claim_holders = credit_checks.find_claim_holder_ids(conn, clients_and_numbers_of_failed)
        open_denials = credit_checks.find_denied_but_bought(
            conn, {number for _, number in clients_and_numbers_of_failed}
        )
        lost_renewals = credit_checks.find_checks_of_lost_renewals(
            conn,
            {check.corporation_number for check in checks if check.state is CheckState.ERROR or check.is_superseded},
        )
        finds_purchases = not unknown_ids or self._has_provider_a_call_to_find_purchases()
        contradicting_answers = _read_contradicting_answers(conn, credit_checks.CREDIT_CHECK_KIND, checks)
        change_alerts = _read_change_alerts(conn, checks)
        for check in checks:
            is_failed, pair = check.state is CheckState.ERROR, (check.client_id, check.corporation_number)
            change_alert = change_alerts.get(check.id)
            relations = CheckRelations(
                claim_holders.get(pair) if is_failed else None,
                finds_purchases,
                open_denial_ids=tuple(denied.id for denied in open_denials.get(pair, ())) if is_failed else (),
                lost_renewal_id=lost_renewals.get(pair) if is_failed or check.is_superseded else None,
                proposed_state=proposed_states.get(str(check.id)),
                contradicting_answer_text=contradicting_answers.get(check.id),
                lacks_second_person=str(check.id) in ids_without_second_person,
                change_alert_id=change_alert.id if change_alert else None,
                observed_change=change_alert.observed if change_alert else "",
            )
            completed_check = replace(check, relations=relations)
            if _may_be_stopped_by_switch(completed_check, self._find_advised_action(completed_check)):
                relations = replace(relations, read_only_switch=find_switch(CREDIT_CHECK_PROVIDER))
                completed_check = replace(check, relations=relations)
            yield completed_check

    def _find_advised_action(self, record: QueuedRecord) -> str | None:
        """Return the action of the next step that the record's explanation advises; None if it advises no action."""
        return explain_record(record, self._context.now()).next_step.action

    def _has_provider_a_call_to_find_purchases(self) -> bool:
        """True if the provider of credit checks has a call that finds a purchase with an unknown outcome. Also True
        if this desk has no settings for that provider, because the desk then can't check this."""
        try:
            return self._adapter_source.get_reader().capabilities.finds_purchases
        except ConsoleError:
            return True

    # Orders

    def _add_relations_to_orders(
        self,
        conn: Connection,
        records: Sequence[Order],
        lapsed_ids: LapsedIdsByKind,
        find_switch: ReadOnlySwitchFinder,
    ) -> Iterable[Order]:
        """Yield the orders with the facts of related rows that their explanations need (`_make_order_relations`).
        These are facts of the order's open alert, its payments, their refunds that have not ended, and their sagas
        for expired payments. Only the payments of an order with an open alert get relations of their own.
        `lapsed_ids` has, by kind, the ids of the records whose operation has lapsed.
        """
        if not records:
            return
        open_alerts = alerts.read_open_alerts_of_subjects(conn, orders.ORDER_KIND, [order.id for order in records])
        payments_by_order_id = _read_payments(conn, records, lapsed_ids)
        payments_of_orders_with_alert = [
            payment for order_id in open_alerts for payment in payments_by_order_id.get(order_id, ())
        ]
        completed_payments_by_order_id = _group_items_by(
            self._add_relations_to_payments(conn, payments_of_orders_with_alert, lapsed_ids, find_switch),
            lambda payment: payment.order_id,
        )
        payment_ids = [payment_id for order in records for payment_id in order.payment_ids]
        refunds_by_payment_id = _group_items_by(
            refunds.find_by_payments(conn, payment_ids, lapsed_ids.get(refunds.REFUND_KIND, frozenset())),
            lambda refund: refund.payment_id,
        )
        sagas_by_payment_id = _group_items_by(
            (
                saga
                for saga in sagas.find_by_subjects(conn, payments.PAYMENT_KIND, payment_ids)
                if saga.kind == timeout_start.PAYMENT_TIMEOUT_KIND
            ),
            lambda saga: saga.subject_id,
        )
        for order in records:
            order_payments = tuple(completed_payments_by_order_id.get(order.id, ()))
            yield replace(
                order,
                relations=_make_order_relations(
                    order,
                    order_payments,
                    self._find_alert_of_broken_rule(order, order_payments, open_alerts.get(order.id, ())),
                    [refund for id in order.payment_ids for refund in refunds_by_payment_id.get(id, ())],
                    [saga for id in order.payment_ids for saga in sagas_by_payment_id.get(id, ())],
                    payments_by_order_id.get(order.id, ()),
                    self._context.now(),
                ),
            )

    def _find_alert_of_broken_rule(
        self, order: Order, order_payments: tuple[Payment, ...], open_alerts: Sequence[Alert]
    ) -> Alert | None:
        """Return the order's open alert whose rule the order still breaks; None if there is no such alert.
        `open_alerts` are the open alerts about the order. `order_payments` are the order's payments, read only for an
        order with an open alert; if there are none, return None."""
        if not order_payments:
            return None
        finding = find_broken_rule(order, order_payments, self._context.now(), self._context.scale, ALERT_RULES)
        return next((alert for alert in open_alerts if finding is not None and alert.rule_id == finding.rule), None)

    # Payments

    def _add_relations_to_payments(
        self,
        conn: Connection,
        records: Sequence[Payment],
        lapsed_ids: LapsedIdsByKind,
        find_switch: ReadOnlySwitchFinder,
    ) -> tuple[Payment, ...]:
        if not records:
            return ()
        lapsed_payment_ids = lapsed_ids.get(payments.PAYMENT_KIND, frozenset())
        order_by_id = {
            order.id: order
            for order in orders.find_by_ids(
                conn, {payment.order_id for payment in records if payment.order_id is not None}
            )
        }
        shared_order_ids = [order.id for order in order_by_id.values() if len(order.payment_ids) > 1]
        payments_by_order_id = _group_items_by(
            payments.find_by_orders(conn, shared_order_ids, lapsed_payment_ids), lambda payment: payment.order_id
        )
        paid_ids = [payment.id for payment in records if payment.captured_minor]
        refunds_by_payment_id = _group_items_by(
            self._add_relations_to_waiting_refunds(
                conn,
                refunds.find_by_payments(conn, paid_ids, lapsed_ids.get(refunds.REFUND_KIND, frozenset())),
                lapsed_ids,
                find_switch,
            ),
            lambda refund: refund.payment_id,
        )
        ids = [str(payment.id) for payment in records]
        proposed_states = second_person.read_proposed_states(self._context, conn, payments.PAYMENT_KIND, ids)
        ids_without_second_person = second_person.list_ids_without_second_person(
            conn, payments.PAYMENT_KIND, proposed_states, second_person.make_approver_counter(conn)
        )
        outside_proposals = approvals.read_outside_proposals(
            conn, [id for id, state in proposed_states.items() if state == DONE_OUTSIDE]
        )
        contradicting_answers = _read_contradicting_answers(conn, payments.PAYMENT_KIND, records)
        read_limits, read_server_now = self._make_limits_reader(conn), self._make_server_time_reader(conn)
        completed_payments = []
        for payment in records:
            order = order_by_id.get(payment.order_id) if payment.order_id is not None else None
            relations = PaymentRelations(
                order=order,
                order_payments=tuple(payments_by_order_id.get(order.id, ())) if order is not None else (),
                refunds=tuple(refunds_by_payment_id.get(payment.id, ())),
                proposed_state=proposed_states.get(str(payment.id)),
                is_proposal_contradicted=self._is_proposal_contradicted(
                    payment, proposed_states.get(str(payment.id))
                ),
                known_provider_state=find_payment_state_of_provider_word(payment.provider, payment.provider_state),
                can_ask_provider=self._can_read_payments(payment.provider),
                contradicting_answer_text=contradicting_answers.get(payment.id),
                lacks_second_person=str(payment.id) in ids_without_second_person,
                outside_proposal=outside_proposals.get(str(payment.id)),
            )
            completed_payments.append(
                self._add_refusals_of_next_step(
                    conn, replace(payment, relations=relations), find_switch, read_limits, read_server_now
                )
            )
        return tuple(completed_payments)

    def _add_refusals_of_next_step(
        self,
        conn: Connection,
        payment: Payment,
        find_switch: ReadOnlySwitchFinder,
        read_limits: Callable[[str], Limits],
        read_server_now: Callable[[], datetime],
    ) -> Payment:
        """Return the payment with two facts that can stop the next step that its explanation advises: the read-only
        switch that is on, and the refusal of a refund request. `payment` already has its other relations.
        `find_switch` returns the switch that stops changes at a provider, `read_limits` the limits of refunds in a
        currency, `read_server_now` the present instant by the database server.
        """
        relations = payment.relations or PaymentRelations()
        advised_action = self._find_advised_action(payment)
        may_advise_refund = _may_advise_refund(payment, advised_action)
        if may_advise_refund or _may_be_stopped_by_switch(payment, advised_action):
            relations = replace(relations, read_only_switch=find_switch(payment.provider))
        if may_advise_refund:
            refusal, _ = self._get_refund_requests().find_request_refusal(
                conn, payment, relations.refunds, read_limits(payment.currency), read_server_now()
            )
            relations = replace(relations, refund_refusal=refusal)
        return payment if relations is payment.relations else replace(payment, relations=relations)

    def _add_relations_to_waiting_refunds(
        self,
        conn: Connection,
        records: Sequence[Refund],
        lapsed_ids: LapsedIdsByKind,
        find_switch: ReadOnlySwitchFinder,
    ) -> Iterable[Refund]:
        """Return all of `records`, in their sequence. Refunds that wait for an approver or have an unknown outcome
        get their related records; all other records are returned unchanged. The explanation of such a refund needs
        these records, and the explanation of a payment contains the explanations of its refunds. `lapsed_ids` has, by
        kind, the ids of the records whose operation has lapsed."""
        waiting_refunds = [
            refund
            for refund in records
            if refund.state is RefundState.REQUESTED or refund.certainty is Certainty.UNKNOWN
        ]
        completed_by_id = {
            refund.id: refund
            for refund in self._add_relations_to_refunds(conn, waiting_refunds, lapsed_ids, find_switch)
        }
        return [completed_by_id.get(refund.id, refund) for refund in records]

    def _is_proposal_contradicted(self, payment: Payment, proposed_state: str | None) -> bool:
        """True if the provider's recent statement about the payment contradicts the state that a first person has
        proposed. False if no person has proposed a state (`proposed_state` is None), or only that an amount was given
        back outside, about which the provider states nothing.
        """
        if proposed_state in (None, DONE_OUTSIDE):
            return False
        return is_decision_denied(
            PaymentState(proposed_state), find_last_provider_statement(payment, self._context.now())
        )

    def _can_read_payments(self, provider: str) -> bool:
        """True if the provider has a call that reads a payment; False if it only sends notices. Also True if the
        provider is not configured on this desk."""
        try:
            self._payment_providers.get_reader(provider)
        except ConsoleError as error:
            return error.code != ErrorCode.NOT_FOUND
        return True

    @staticmethod
    def _make_limits_reader(conn: Connection) -> Callable[[str], Limits]:
        """Return a function that returns the limits of refunds in a currency. The function reads the limits of each
        currency only once from the database."""
        return cache(lambda currency: currency_limits.read_limits(conn, currency))

    def _make_server_time_reader(self, conn: Connection) -> Callable[[], datetime]:
        """Return a function that returns the present instant by the database server. Only the first call of the
        function asks the server."""
        return cache(lambda: read_current_time(conn, self._context.now()))

    # Refunds

    def _add_relations_to_refunds(
        self,
        conn: Connection,
        records: Sequence[Refund],
        lapsed_ids: LapsedIdsByKind,
        find_switch: ReadOnlySwitchFinder,
    ) -> Iterable[Refund]:
        if not records:
            return
        payment_ids = {refund.payment_id for refund in records}
        payment_by_id = {
            payment.id: payment
            for payment in payments.find_by_ids(conn, payment_ids, lapsed_ids.get(payments.PAYMENT_KIND, frozenset()))
        }
        undecided_ids = [
            str(refund.id)
            for refund in records
            if refund.certainty is Certainty.UNKNOWN or refund.work.state is WorkState.NEEDS_REVIEW
        ]
        proposed_states = second_person.read_proposed_states(self._context, conn, refunds.REFUND_KIND, undecided_ids)
        count_other_approvers = second_person.make_approver_counter(conn)
        ids_without_second_person = second_person.list_ids_without_second_person(
            conn, refunds.REFUND_KIND, proposed_states, count_other_approvers
        )
        contradicting_answers = _read_contradicting_answers(conn, refunds.REFUND_KIND, records)
        read_limits = self._make_limits_reader(conn)
        find_refusals = self._make_refund_refusals_finder(conn, records, payment_by_id, lapsed_ids, read_limits)
        for refund in records:
            payment = payment_by_id.get(refund.payment_id)
            if payment is not None and refund.state in (RefundState.REQUESTED, RefundState.APPROVED):
                # A limit that was changed since the request can make the period longer than the row says.
                limits = read_limits(payment.currency)
                until = refund_rules.find_later_cooling_off_end(self._context, payment, refund, limits)
                refund = replace(refund, sends_after=until)
            approval_refusal, request_refusal = find_refusals(refund)
            relations = RefundRelations(
                payment,
                approval_refusal,
                contradicting_answer_text=contradicting_answers.get(refund.id),
                lacks_second_person=str(refund.id) in ids_without_second_person,
                lacks_approver=_lacks_approver(refund, count_other_approvers),
                request_refusal=request_refusal,
                proposed_state=proposed_states.get(str(refund.id)),
            )
            completed_refund = replace(refund, relations=relations)
            if _may_be_stopped_by_switch(completed_refund, self._find_advised_action(completed_refund)):
                provider = payment.provider if payment is not None else None
                relations = replace(relations, read_only_switch=find_switch(provider))
                completed_refund = replace(refund, relations=relations)
            yield completed_refund

    def _make_refund_refusals_finder(
        self,
        conn: Connection,
        records: Sequence[Refund],
        payment_by_id: Mapping[int, Payment],
        lapsed_ids: LapsedIdsByKind,
        read_limits: Callable[[str], Limits],
    ) -> Callable[[Refund], tuple[str | None, str | None]]:
        """Return a function of one of the refunds `records`. It returns two reasons: that for which no person can
        approve the refund now, and that for which no new refund of its payment can be requested now. Each is None if
        there is no such reason, or if the refund's next step is something else.

        `payment_by_id` has the payments of the refunds. `lapsed_ids` has, by kind, the ids of the records whose
        operation has lapsed. `read_limits` returns the limits of refunds in a currency.
        """
        judged_payment_ids = {
            refund.payment_id
            for refund in records
            if refund.state is RefundState.REQUESTED
            or may_be_requested_again(refund, payment_by_id.get(refund.payment_id))
        }
        refunds_by_payment_id = _group_items_by(
            refunds.find_by_payments(conn, judged_payment_ids, lapsed_ids.get(refunds.REFUND_KIND, frozenset())),
            lambda refund: refund.payment_id,
        )
        read_server_now = self._make_server_time_reader(conn)

        def find_refusals(refund: Refund) -> tuple[str | None, str | None]:
            payment = payment_by_id.get(refund.payment_id)
            if payment is None:
                return None, None
            refunds_of_payment = refunds_by_payment_id.get(payment.id, ())
            if refund.state is RefundState.REQUESTED:
                return self._get_refund_requests().find_approval_refusal(
                    conn, refund, payment, refunds_of_payment, read_limits(payment.currency), read_server_now()
                ), None
            if may_be_requested_again(refund, payment):
                return None, self._get_refund_requests().find_request_refusal(
                    conn, payment, refunds_of_payment, read_limits(payment.currency), read_server_now()
                )[0]
            return None, None

        return find_refusals


def _lacks_approver(refund: Refund, count_other_approvers: second_person.ApproverCounter) -> bool:
    """True if the refund is requested and no person can approve it now: only its maker and the people who have
    already approved it have the right. `count_other_approvers` is a function of a right and a list of names. It
    returns the number of people who have the right and are not in the list."""
    is_requested = refund.state is RefundState.REQUESTED
    return is_requested and count_other_approvers("refund_approve", (refund.maker, *refund.checkers)) == 0


def _make_read_only_switch_finder(conn: Connection) -> ReadOnlySwitchFinder:
    """Return a function that finds the read-only switch which stops changes. The function's argument is the name of
    the provider at which something is to be changed (None: no provider). It returns None if no switch stops the
    change. Its first call reads all switches from the database.
    """

    @cache
    def read_switches() -> tuple[ReadOnlySwitch, ...]:
        from console.store.access import read_only_switches  # a lookup that finds nothing doesn't need this table

        return read_only_switches.read_switches(conn)

    return lambda provider: find_stopping_switch(read_switches(), provider)


def _may_be_stopped_by_switch(record: QueuedRecord, advised_action: str | None) -> bool:
    """True if a read-only switch could stop the record's next step, so that the switches must be read.
    `advised_action` is the action that the record's explanation advises, None if it advises none."""
    is_approved = isinstance(record, Refund) and record.state is RefundState.APPROVED
    return (
        is_approved
        or advised_action == OPEN_REFUND_ACTION
        or advised_action in IS_STOPPED_BY_PROVIDER_SWITCH_BY_ACTION
    )


def _may_advise_refund(payment: Payment, advised_action: str | None) -> bool:
    """True if the screen of the payment, or an alert about its order, may advise a refund. Only then must the rules
    of refunds be checked. `advised_action` is the action that the payment's explanation advises, None if it advises
    none.
    """
    order = payment.relations.order if payment.relations is not None else None
    is_late = payment.late_after is not None or (order is not None and order.state is OrderState.CANCELLED)
    return (is_late and payment.state in PAID_STATES) or advised_action == "refund"


ItemT = TypeVar("ItemT")
KeyT = TypeVar("KeyT")


def _read_payments(
    conn: Connection, records: Sequence[Order], lapsed_ids: LapsedIdsByKind
) -> dict[int | None, list[Payment]]:
    """Return the payments of these orders by order id, without their relations. `lapsed_ids` has the ids of the
    records with a lapsed operation, by kind. The key None never occurs: each of these payments has an order."""
    order_ids = [order.id for order in records if order.payment_ids]
    order_payments = payments.find_by_orders(conn, order_ids, lapsed_ids.get(payments.PAYMENT_KIND, frozenset()))
    return _group_items_by(order_payments, lambda payment: payment.order_id)


def _read_change_alerts(conn: Connection, checks: Sequence[CreditCheck]) -> dict[int, Alert]:
    """Return, by the id of a live bought credit check, the open alert about a change of its corporation."""
    subject_ids = {
        check.id: compute_corporation_subject_id(check.corporation_number)
        for check in checks
        if check.is_live and check.state is CheckState.SUCCESS and is_well_formed(check.corporation_number)
    }
    open_alerts = alerts.read_open_alerts_of_subjects(conn, CORPORATION_KIND, set(subject_ids.values()))
    return {
        check_id: alert
        for check_id, subject_id in subject_ids.items()
        for alert in open_alerts.get(subject_id, ())
        if alert.rule_id == CORPORATION_CHANGE_RULE
    }


def _make_order_relations(
    order: Order,
    order_payments: tuple[Payment, ...],
    alert: Alert | None,
    order_refunds: Sequence[Refund],
    order_sagas: Sequence[Saga],
    all_payments: Sequence[Payment],
    now: datetime,
) -> OrderRelations:
    """Return the facts of related rows that the explanation of the order needs. `order_payments` are the order's
    payments, empty for an order without an open alert; `alert` is the order's open alert whose rule the order still
    breaks (None: there is none). `order_refunds` and `order_sagas` are the refunds and the timeout sagas of the
    order's payments. `all_payments` are all payments of the order, without their relations."""
    return OrderRelations(
        payments=order_payments,
        alert_rule=alert.rule_id if alert else None,
        alert_detected_at=alert.detected_at if alert else None,
        is_cancelled_unpaid=any(timeout_start.CANCELLED_ORDER_FACT_KEY in saga.facts for saga in order_sagas),
        stuck_payment_id=next((saga.subject_id for saga in order_sagas if saga.state is SagaState.STUCK), None),
        is_expiring=any(saga.state is SagaState.RUNNING for saga in order_sagas)
        and not any(_is_payment_period_open(payment, now) for payment in all_payments),
        pending_refund=find_pending_refund(order_refunds),
        contradicted_refund=find_contradicted_refund(order_refunds),
        unknown_payment=_find_payment_with_unknown_outcome(order, all_payments),
        reviewed_payment=_find_payment_to_review(order, all_payments, now),
        ended_payment=_find_newest_ended_payment(order, all_payments),
        providers=tuple(sorted({payment.provider for payment in all_payments})),
    )


def _is_payment_period_open(payment: Payment, now: datetime) -> bool:
    """True if the payer can still pay the payment's order at the instant `now`: with this payment or, if it has ended
    unpaid before its expiry time, with another one. The timeout saga of the payment acts only after this period.
    """
    return payment.state in WAITING_STATES if payment.expires_at is None else now < payment.expires_at


def _find_payment_with_unknown_outcome(order: Order, order_payments: Iterable[Payment]) -> Payment | None:
    """Return the first of `order_payments` that has an unknown outcome; None if there is
    none, or if the order is not pending."""
    if order.state is not OrderState.PENDING:
        return None
    return next((payment for payment in order_payments if payment.certainty is Certainty.UNKNOWN), None)


def _find_newest_ended_payment(order: Order, order_payments: Sequence[Payment]) -> Payment | None:
    """Return the newest of `order_payments`, the payments of the order, if the order is pending and all of them have
    ended unpaid or were reversed; None otherwise."""
    has_ended = all(payment.state in ENDED_WITHOUT_MONEY_STATES for payment in order_payments)
    is_waiting = order.state is OrderState.PENDING and has_ended
    return max(order_payments, key=lambda payment: payment.id, default=None) if is_waiting else None


def _find_payment_to_review(order: Order, order_payments: Sequence[Payment], now: datetime) -> Payment | None:
    """Return the first of `order_payments`, the payments of the order, that a person must look at; None if there is
    none. A payment with a mismatch precedes the others, because an order with a mismatch must not be shown as
    confirmed. The returned payment has all payments of the order in its relations.
    """
    relations = PaymentRelations(order_payments=tuple(order_payments))
    payments_to_review = (
        replace(payment, relations=relations)
        for payment in order_payments
        if payment.work.state is WorkState.NEEDS_REVIEW
    )
    return min(
        payments_to_review,
        key=lambda payment: find_mismatch_verdict(payment, order, now) is None,
        default=None,
    )


def _read_contradicting_answers(
    conn: Connection, kind: str, records: Sequence[CreditCheck] | Sequence[Payment] | Sequence[Refund]
) -> dict[int, str]:
    """Return the provider's answers, or the rows of its history, that contradict records of this kind, as the open
    alerts store them, by record id. A record that nothing contradicts has no key."""
    reason_by_id = {
        record.id: record.work.reason
        for record in records
        if record.work.state is WorkState.NEEDS_REVIEW
        and record.work.reason in (*WORK_REASONS_OF_CONTRADICTION, *RECONCILIATION_CASE_RULES)
    }
    alerts_by_id = alerts.read_open_alerts_of_subjects(conn, kind, reason_by_id) if reason_by_id else {}
    return {
        record_id: alert.observed
        for record_id, open_alerts in alerts_by_id.items()
        for alert in open_alerts
        if alert.rule_id == reason_by_id[record_id]
    }


def _group_items_by(items: Iterable[ItemT], get_key: Callable[[ItemT], KeyT]) -> dict[KeyT, list[ItemT]]:
    groups: dict[KeyT, list[ItemT]] = {}
    for item in items:
        groups.setdefault(get_key(item), []).append(item)
    return groups


def _select_records_of_type(records: Collection[QueuedRecord], record_type: type[ItemT]) -> list[ItemT]:
    return [record for record in records if isinstance(record, record_type)]
