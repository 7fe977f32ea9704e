"""Find the possible actions on a record. This module reads the facts from the database; the decision table (the
rules in `console.domain.recovery.decision_table`) derives the actions from them. No provider is called, and
nothing is written.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, TypedDict

from console.domain.allowed_action import AllowedAction
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.consistency import is_order_covered
from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER
from console.domain.payments.records import Order, Payment, Refund
from console.domain.payments.states import PAID_STATES, PaymentState
from console.domain.process.lease_names import (
    make_credit_check_lease_name,
    make_payment_lease_name,
    make_refund_lease_name,
)
from console.domain.records import Certainty, CreditCheck, LeaseHolder, Operation, Person
from console.domain.recovery.decision_table import list_all_choices, make_allowed_action
from console.domain.recovery.records import (
    ChoiceFacts,
    DecisionChoice,
    OpenProposal,
    ProviderQueryPossibility,
    ProviderStatement,
    RecoverableRecord,
)
from console.domain.tasks.records import Take
from console.services.credit_checks.provider import CreditCheckAdapterSource
from console.services.guarded.second_person import may_proposer_still_decide
from console.services.payments.providers import PaymentProviders
from console.services.process.context import ServiceContext
from console.services.process.read_only import find_read_only_switch
from console.services.recovery.provider_statement import find_last_provider_statement
from console.store.credit_checks import credit_checks
from console.store.database.instants import read_current_time
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import journal, leases
from console.store.payments import currency_limits, orders, payments
from console.store.records import any_record, takes
from console.store.refunds import approvals, refunds

if TYPE_CHECKING:
    from console.services.refunds.request import RefundRequestService


class DecisionChoiceReader:
    """Finds the possible actions on a record. This class checks whether this desk could query the provider, but
    calls no provider."""

    def __init__(
        self,
        context: ServiceContext,
        adapter_source: CreditCheckAdapterSource,
        payment_providers: PaymentProviders,
        get_refund_requests: "Callable[[], RefundRequestService]",
    ) -> None:
        self._context, self._adapter_source, self._payment_providers, self._get_refund_requests = (
            context,
            adapter_source,
            payment_providers,
            get_refund_requests,
        )

    def read_choices(self, kind: str, record_id: int) -> tuple[DecisionChoice, ...]:
        """Return all actions that exist for this kind of record, each with its effect. An action that is not possible
        now also contains the reason. `kind` is the record's kind, such as `payment`. Raises not_found if there is no
        such record, and not_allowed if the acting person has no right to read."""
        return list_all_choices(self.read_facts(kind, record_id))

    def read_facts(self, kind: str, record_id: int) -> ChoiceFacts:
        """Return the facts about the record that the rules of the decision table use. `kind` is the record's kind,
        such as `payment`. Raises not_found if there is no such record, and not_allowed if the acting person has no
        right to read."""
        with self._context.database.read() as conn:
            return self.read_facts_in_transaction(conn, kind, record_id, self._context.find_reading_person(conn))

    def read_facts_in_transaction(
        self, conn: Connection, kind: str, record_id: int, person: Person | None, *, has_money_facts: bool = True
    ) -> ChoiceFacts:
        """Return the facts about the record that the rules of the decision table use, read on the caller's
        connection. `person` is the acting person; None if no name of a person is configured, as for a due task. With
        `has_money_facts=False`, the facts that only actions about money need are left out. Raises not_found if there
        is no such record.
        """
        record = any_record.find(conn, kind, record_id, journal.list_lapsed_record_ids_by_kind(conn))
        if record is None:
            raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": kind, "id": str(record_id)})
        take = takes.read_takes(conn, kind, (record_id,), self._context.now()).get(record_id)
        if isinstance(record, CreditCheck):
            return self._make_credit_check_facts(conn, record, person, take)
        payment = _find_payment(conn, record)
        order = record if isinstance(record, Order) else _find_order(conn, payment)
        probed_payment = _find_probed_payment(conn, record, payment)
        now, query_possibility = self._context.now(), self._find_query_possibility_of_payment(probed_payment)
        running_operation = journal.find_running_money_operation(conn, kind, record_id) or (
            journal.find_running_money_operation(conn, payments.PAYMENT_KIND, probed_payment.id)
            if probed_payment is not None
            else None
        )
        lease_holder = (
            leases.find_holder(conn, _make_probe_lease_name(record, probed_payment))
            if probed_payment is not None
            else None
        )
        open_proposal = self._find_open_proposal(conn, kind, record_id)
        facts = ChoiceFacts(
            record,
            now,
            person,
            is_call_running=running_operation is not None,
            is_leased=lease_holder is not None,
            **_make_holder_facts(running_operation, lease_holder),
            query_possibility=query_possibility,
            # Nobody has a reason to decide about a payment that the provider has confirmed, however long ago: a probe
            # comes first. A proposal was made after that answer, so a second person may confirm it.
            statement=find_last_provider_statement(record, now, accepts_old_confirmation=open_proposal is None)
            if query_possibility is ProviderQueryPossibility.YES and isinstance(record, Payment)
            else ProviderStatement.NOTHING,
            open_proposal=open_proposal,
            take=take,
            payment=payment,
            order=order,
            read_only_switch=find_read_only_switch(conn, payment.provider if payment is not None else None),
        )
        return self._add_money_facts(conn, facts) if has_money_facts else facts

    def _find_open_proposal(self, conn: Connection, kind: str, record_id: int) -> OpenProposal | None:
        """Return the proposal that waits for a second person. Return None if there is no proposal, or if its proposer
        no longer has the right to decide; the next person then counts as the first one.
        """
        proposal = approvals.find_open_proposal(conn, kind, str(record_id))
        if proposal is None or not may_proposer_still_decide(self._context, conn, proposal.person):
            return None
        return OpenProposal(proposal.proposed_state, proposal.person)

    def _make_credit_check_facts(
        self, conn: Connection, record: CreditCheck, person: Person | None, take: Take | None
    ) -> ChoiceFacts:
        purchase_blocker = credit_checks.find_purchase_blocker(conn, record.client_id, record.corporation_number)
        running_operation = journal.find_running_money_operation(conn, credit_checks.CREDIT_CHECK_KIND, record.id)
        lease_holder = leases.find_holder(conn, make_credit_check_lease_name(record.id))
        return ChoiceFacts(
            record,
            self._context.now(),
            person,
            is_call_running=running_operation is not None,
            is_leased=lease_holder is not None,
            **_make_holder_facts(running_operation, lease_holder),
            query_possibility=self._find_query_possibility_of_purchase(),
            open_proposal=self._find_open_proposal(conn, credit_checks.CREDIT_CHECK_KIND, record.id),
            take=take,
            purchase_blocker_id=None if purchase_blocker is None else purchase_blocker.id,
            read_only_switch=find_read_only_switch(conn, CREDIT_CHECK_PROVIDER),
            may_have_spooled_answer=self._may_have_spooled_answer(record),
        )

    def _may_have_spooled_answer(self, record: CreditCheck) -> bool:
        """True if the outcome of the purchase is unknown, and this desk's spool has an answer to it, or AlarmBox's id
        of it. Also True if a worker would do the probe, because this desk can't read the worker's spool."""
        if record.certainty is not Certainty.UNKNOWN:
            return False
        if self._context.acts_through_worker:
            return True
        entry = self._context.spool.find(record.operation_id) if record.operation_id is not None else None
        if entry is None or entry.intent.database_id != self._context.database_id:
            return False
        return entry.has_answer or entry.id_at_provider is not None

    def _find_query_possibility_of_purchase(self) -> ProviderQueryPossibility:
        """Return the possibility of asking AlarmBox from this desk about a purchase with an unknown outcome: YES,
        NO_CALL (AlarmBox has no call for it), or NOT_SET_UP (this desk has no usable settings for AlarmBox)."""
        try:
            finds_purchases = self._adapter_source.get_reader().capabilities.finds_purchases
        except ConsoleError:
            return ProviderQueryPossibility.NOT_SET_UP
        return ProviderQueryPossibility.YES if finds_purchases else ProviderQueryPossibility.NO_CALL

    def _find_query_possibility_of_payment(self, payment: Payment | None) -> ProviderQueryPossibility:
        """Return the possibility of asking the provider from this desk about the payment: YES, NO_CALL (the provider
        has no call for it, or `payment` is None), or NOT_SET_UP (this desk has no usable settings for the
        provider)."""
        if payment is None:
            return ProviderQueryPossibility.NO_CALL
        try:
            self._payment_providers.get_reader(payment.provider)
        except ConsoleError as unfit:
            return (
                ProviderQueryPossibility.NO_CALL
                if unfit.code == ErrorCode.NOT_FOUND
                else ProviderQueryPossibility.NOT_SET_UP
            )
        return ProviderQueryPossibility.YES

    def _add_money_facts(self, conn: Connection, facts: ChoiceFacts) -> ChoiceFacts:
        """Return a copy of `facts` that also has the facts for actions about money: the payment's refunds, the reason
        why no refund can be requested now, the other payments of the order, and a flag that is True if the paid
        payments cover the order's total."""
        payment, order = facts.payment, facts.order
        order_payments = payments.find_by_order(conn, order.id) if order is not None else ()
        other_payments = tuple(other for other in order_payments if payment is None or other.id != payment.id)
        # A payment that a callback alone calls paid counts here: the choices that complete it confirm it.
        own_payments = [
            replace(own, state=PaymentState.COMPLETED)
            for own in order_payments
            if own not in other_payments and own.state in PAID_STATES
        ]
        is_covered = order is not None and is_order_covered([*own_payments, *other_payments], order)
        facts = replace(facts, is_order_covered=is_covered, other_order_payments=other_payments)
        if payment is None:
            return facts
        lapsed_ids = journal.list_lapsed_record_ids(conn, refunds.REFUND_KIND)
        payment_refunds = refunds.find_by_payment(conn, payment.id, lapsed_ids)
        refund_limits = currency_limits.read_limits(conn, payment.currency)
        refusal, refusal_facts = self._get_refund_requests().find_request_refusal(
            conn, payment, payment_refunds, refund_limits, read_current_time(conn, self._context.now())
        )
        return replace(
            facts,
            refunds=payment_refunds,
            refund_refusal=refusal,
            refund_refusal_facts=refusal_facts,
        )

    def read_actions(
        self, conn: Connection, kind: str, record_id: int, person: Person | None, names: Sequence[str]
    ) -> tuple[AllowedAction, ...]:
        """Return the actions `names` (such as `probe`) on the record, for its screen. An action that is not possible
        now contains the reason. The facts are read on the caller's connection. `person` is the acting person; None if
        no name of a person is configured. Raises not_found if there is no such record."""
        facts = self.read_facts_in_transaction(conn, kind, record_id, person)
        return tuple(make_allowed_action(facts, name) for name in names)


def _find_payment(conn: Connection, record: Order | Payment | Refund) -> Payment | None:
    """Return the payment of the record (of an order, payment or refund); None if there is none. For an order, this
    is the newest paid payment, or the newest payment if none is paid."""
    if isinstance(record, Payment):
        return record
    lapsed_ids = journal.list_lapsed_record_ids(conn, payments.PAYMENT_KIND)
    if isinstance(record, Refund):
        return payments.find(conn, record.payment_id, lapsed_ids)
    sorted_payments = sorted(
        payments.find_by_order(conn, record.id, lapsed_ids),
        key=lambda payment: (payment.state in PAID_STATES, payment.id),
    )
    return sorted_payments[-1] if sorted_payments else None


def _find_order(conn: Connection, payment: Payment | None) -> Order | None:
    return orders.find(conn, payment.order_id) if payment is not None and payment.order_id is not None else None


def _find_probed_payment(
    conn: Connection, record: Order | Payment | Refund, payment: Payment | None
) -> Payment | None:
    """Return the payment about which the provider is asked if a person probes `record`. For an order with payments,
    this is the newest payment (the one with the highest id). For any other record, return `payment`, the payment that
    the caller has found for the record (None if there is none)."""
    if isinstance(record, Order) and record.payment_ids:
        return payments.find(conn, max(record.payment_ids))
    return payment


def _make_probe_lease_name(record: RecoverableRecord, payment: Payment) -> str:
    """Return the name of the lease that a process acquires to probe this record or to decide its outcome. `payment`
    is the payment about which the provider is asked."""
    name = make_refund_lease_name if isinstance(record, Refund) else make_payment_lease_name
    return name(payment.id)


class _LeaseHolderFacts(TypedDict, total=False):
    """The name of the person whose process works on a record now (`holder`), and the time at which that work began
    (`holder_since`). Both keys are missing if no process works on the record."""

    holder: str
    holder_since: datetime


def _make_holder_facts(running_operation: Operation | None, lease_holder: LeaseHolder | None) -> _LeaseHolderFacts:
    """Return the name of the person whose process works on the record now, and the time at which that work began. The
    values come from the record's running operation if there is one, otherwise from the holder of its lease. Return an
    empty dict if the record has neither a running operation nor a lease."""
    if running_operation is not None:
        return {"holder": running_operation.operator, "holder_since": running_operation.started_at}
    return {} if lease_holder is None else {"holder": lease_holder.operator, "holder_since": lease_holder.since}
