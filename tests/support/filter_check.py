"""The conditions of a filter, checked for one record without a database. Tests compare the records that the SQL of a
filter selects with the records that fulfil `matches_filter`."""

from collections.abc import Callable, Iterator
from datetime import datetime

from console.domain.money import MINOR_DIGITS_BY_CURRENCY
from console.domain.payments.consistency import find_reversal_deadline, has_old_answer
from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER
from console.domain.payments.records import Payment, Refund
from console.domain.queues.filters import (
    NO_CAUSE,
    AmountRange,
    FilterCertainty,
    FilteredRecord,
    RecordFilter,
    find_cause,
    fulfils_owner_condition,
    get_certainty,
    get_record_kind,
)
from console.domain.records import CreditCheck, WorkState


def matches_filter(record: FilteredRecord, record_filter: RecordFilter, now: datetime, owner: str | None) -> bool:
    """True if the record fulfils all conditions of the filter `record_filter`. `owner` is the person whose take of
    the record is running; None if there is none. The record must have its relations (an order with all its payments),
    because the providers of orders and refunds are read from them.
    """
    return all(
        is_met(record)
        for is_met in (
            _make_condition_check(record_filter.kinds, get_record_kind),
            lambda candidate: (
                not record_filter.states or not record_filter.states.isdisjoint(_list_state_words(candidate))
            ),
            lambda candidate: (
                not record_filter.certainties
                or not record_filter.certainties.isdisjoint(_list_certainties(candidate, now))
            ),
            _make_condition_check(record_filter.work_states, lambda candidate: candidate.work.state),
            _make_condition_check(record_filter.causes, lambda candidate: find_cause(candidate) or NO_CAUSE),
            lambda candidate: (
                not record_filter.providers or bool(record_filter.providers & list_providers_of_record(candidate))
            ),
            lambda candidate: (
                record_filter.client in (None, candidate.client_id if isinstance(candidate, CreditCheck) else "")
            ),
            lambda candidate: (
                record_filter.amount is None or _is_amount_within_range(candidate, record_filter.amount)
            ),
            lambda candidate: (
                not record_filter.restricts_last_change
                or _is_last_change_within_bounds(candidate.state_since, record_filter, now)
            ),
        )
    ) and fulfils_owner_condition(record_filter.owner, owner)


def _list_state_words(record: FilteredRecord) -> tuple[str, ...]:
    """Return the words of the record with which the condition on states is compared: state, certainty and work
    state."""
    return record.state.value, get_certainty(record), record.work.state


def _list_certainties(record: FilteredRecord, now: datetime) -> Iterator[FilterCertainty]:
    """Yield the values with which the condition on the certainty is compared at the instant `now`."""
    yield FilterCertainty(get_certainty(record))
    if isinstance(record, Payment | Refund) and has_old_answer(record, now):
        yield FilterCertainty.OLD
    deadline = find_reversal_deadline(record) if isinstance(record, Payment) else None
    if deadline is not None and now < deadline:
        yield FilterCertainty.MAY_BE_REVERSED


def _is_last_change_within_bounds(since: datetime | None, record_filter: RecordFilter, now: datetime) -> bool:
    """True if `since`, the time of the record's last change, is within the filter's bounds at the instant `now`.
    False if `since` is None, because the time isn't known.
    """
    earliest, latest = record_filter.find_last_change_bounds(now)
    return since is not None and (earliest is None or since >= earliest) and (latest is None or since <= latest)


def _make_condition_check(
    values: frozenset[str] | frozenset[WorkState],
    get_value: Callable[[FilteredRecord], str | None],
) -> Callable[[FilteredRecord], bool]:
    return lambda record: not values or get_value(record) in values


def list_providers_of_record(record: FilteredRecord) -> frozenset[str]:
    """Return the provider names of a record: that of a credit check or payment itself, that of a refund's payment, or
    those of an order's payments. Empty if the refund's payment or the order's payments aren't among the relations.
    """
    match record:
        case CreditCheck():
            return frozenset({CREDIT_CHECK_PROVIDER})
        case Payment():
            return frozenset({record.provider})
        case Refund():
            payment = record.relations.payment if record.relations is not None else None
            return frozenset({payment.provider} if payment is not None else ())
    return frozenset(payment.provider for payment in (record.relations.payments if record.relations else ()))


def find_amount(record: FilteredRecord) -> tuple[int, str] | None:
    """Return the amount by which a list shows, filters and sorts the record, in minor units, and its currency; None
    for a credit check. A payment has its captured amount or, before the capture, its requested amount; a refund or an
    order has its whole amount.
    """
    match record:
        case CreditCheck():
            return None
        case Payment():
            return record.captured_minor or record.asked_minor, record.currency
        case Refund():
            return record.amount_minor, record.currency
    return record.total_minor, record.currency


def _is_amount_within_range(record: FilteredRecord, condition: AmountRange) -> bool:
    """True if the record has an amount and the amount fulfils the condition."""
    amount_minor, currency = find_amount(record) or (0, "")
    bounds = condition.compute_minor_bounds(currency) if currency in MINOR_DIGITS_BY_CURRENCY else None
    return bounds is not None and bounds[0] <= amount_minor <= bounds[1]
