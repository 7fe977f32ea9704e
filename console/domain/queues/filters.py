"""The filter of a list of records: conditions on provider, state, certainty, work, cause, amount, age, day of the
last change, owner, client and kind. A record is in the filtered list if it fulfils all conditions; a condition with
several values is fulfilled if the record has one of them.

`filter_text` parses and writes the text form of a filter, such as `provider:paypay amount:>50000 age:>2d`.
"""

from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum
from functools import cached_property
from typing import TypeAlias

from console.domain.access.permissions import is_same_person
from console.domain.calendar_days import get_end_of_japanese_day, get_start_of_japanese_day
from console.domain.money import LARGEST_AMOUNT_MINOR, MINOR_DIGITS_BY_CURRENCY
from console.domain.payments.records import Order, Payment, Refund
from console.domain.payments.states import PaymentState, RefundState
from console.domain.records import RESOLVED_BY_PEOPLE_CAUSE, Certainty, CreditCheck, WorkState

FilteredRecord: TypeAlias = CreditCheck | Order | Payment | Refund

NO_OWNER = "-"
"""Value of `RecordFilter.owner` for records that nobody has taken."""
NO_CAUSE = "-"
"""Value in `RecordFilter.causes` for records without a problem."""


class FilterCertainty(StrEnum):
    """A value of the condition on the certainty. Each record has UNKNOWN or KNOWN: the value that `get_certainty`
    returns for it. It also has OLD if the provider's last answer about it is too old to be used (`has_old_answer`),
    and MAY_BE_REVERSED if the payer's bank can still reverse the payment. So one record can fulfil several of these
    values, although its badge shows only the most urgent one.
    """

    UNKNOWN = "unknown"
    OLD = "old"
    MAY_BE_REVERSED = "may_be_reversed"
    KNOWN = "known"


@dataclass(frozen=True, slots=True)
class AmountRange:
    """A condition on the amount of a record, in major units (yen, rupees). `lowest` and `highest` are the bounds,
    None for no bound. The bounds are part of the range, except if `excludes_lowest` or `excludes_highest` is True.
    With `currency` only amounts in this currency fulfil it; without it, the same numbers are compared with amounts of
    each currency.
    """

    lowest: Decimal | None = None
    highest: Decimal | None = None
    currency: str | None = None
    excludes_lowest: bool = False
    excludes_highest: bool = False

    def compute_minor_bounds(self, currency: str) -> tuple[int, int] | None:
        """Return the lowest and highest amount in minor units of this currency that fulfil the condition; None if no
        amount in this currency does.
        """
        if self.currency not in (None, currency):
            return None
        scale = 10 ** MINOR_DIGITS_BY_CURRENCY[currency]
        lowest, highest = 0, LARGEST_AMOUNT_MINOR
        if self.lowest is not None:
            exact_bound = self.lowest * scale
            lowest = int(exact_bound.to_integral_value(ROUND_CEILING))
            lowest += self.excludes_lowest and lowest == exact_bound
        if self.highest is not None:
            exact_bound = self.highest * scale
            highest = int(exact_bound.to_integral_value(ROUND_FLOOR))
            highest -= self.excludes_highest and highest == exact_bound
        return (lowest, highest) if lowest <= highest else None


@dataclass(frozen=True, slots=True)
class AgeRange:
    """A condition on the age of a record: the time since its state or certainty last changed. A record without a
    stored time of this change doesn't fulfil the condition. `at_least` and `at_most` are the bounds, None for no
    bound.
    """

    at_least: timedelta | None = None
    at_most: timedelta | None = None

    def compute_instant_bounds(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        """Return the condition at `now` as bounds of the last change: its earliest and its latest allowed instant;
        None for no bound.
        """
        return (
            now - self.at_most if self.at_most is not None else None,
            now - self.at_least if self.at_least is not None else None,
        )


@dataclass(frozen=True, slots=True)
class LastChangeDays:
    """A condition on the Japanese day on which the state or certainty of a record last changed: from `first` to
    `last`, both included; None for no bound. A record without a stored time of this change doesn't fulfil it.
    """

    first: date | None = None
    last: date | None = None


@dataclass(frozen=True)
class RecordFilter:
    """The conditions of a filtered list. An empty set, or None, is no condition.

    - `providers`: names of providers; a refund has the provider of its payment, an order that of its payments
    - `states`: business states such as `pending`, certainties and work states, mixed in one set; a record fulfils the
      condition if its state, its certainty or its work state is in the set
    - `certainties`, `work_states`: two more conditions, on the certainty alone (see FilterCertainty) and on the work
      state alone
    - `causes`: codes of the cause, as `find_cause` returns them; NO_CAUSE for records without a cause
    - `amount`: the captured amount of a payment (the requested one before the capture), the whole amount of a refund
      or an order; a credit check has none, so it doesn't fulfil the condition
    - `owner`: the person whose take of the record is running; NO_OWNER for records without a running take
    - `age`: the time since the last change of the record's state or certainty
    - `since`: the first and the last day that this last change may have; if `age` is given too, the record must
      fulfil both conditions
    - `client`: the client id of a credit check; other kinds of records have no client
    - `kinds`: kinds of records, see RECORD_KINDS
    """

    providers: frozenset[str] = frozenset()
    states: frozenset[str] = frozenset()
    certainties: frozenset[FilterCertainty] = frozenset()
    work_states: frozenset[WorkState] = frozenset()
    causes: frozenset[str] = frozenset()
    amount: AmountRange | None = None
    age: AgeRange | None = None
    since: LastChangeDays | None = None
    owner: str | None = None
    client: str | None = None
    kinds: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        """True if the filter has at least one condition."""
        return self._has_condition

    @property
    def restricts_last_change(self) -> bool:
        """True if there is a condition on the time of the last change, as an age or as a day."""
        return self.age is not None or self.since is not None

    def find_last_change_bounds(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        """Return the earliest and the latest instant of the last change that the conditions `age` and `since`
        together allow at the instant `now`; None for no bound.
        """
        earliest, latest = self.age.compute_instant_bounds(now) if self.age is not None else (None, None)
        if self.since is not None and self.since.first is not None:
            begin = get_start_of_japanese_day(self.since.first)
            earliest = begin if earliest is None else max(earliest, begin)
        if self.since is not None and self.since.last is not None:
            end = get_end_of_japanese_day(self.since.last) - timedelta(microseconds=1)
            latest = end if latest is None else min(latest, end)
        return earliest, latest

    @cached_property
    def _has_condition(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))


NO_FILTER = RecordFilter()


def fulfils_owner_condition(owner_condition: str | None, owner: str | None) -> bool:
    """True if a record that `owner` has taken fulfils the filter's condition `owner_condition` on the owner. `owner`
    is None if no person has taken the record; `owner_condition` is None if the filter has no such condition.
    """
    if owner_condition is None:
        return True
    return (
        owner is None if owner_condition == NO_OWNER else owner is not None and is_same_person(owner, owner_condition)
    )


def get_record_kind(record: FilteredRecord) -> str:
    """Return the kind of the record, one of RECORD_KINDS, such as `payment`."""
    if isinstance(record, CreditCheck):
        return "credit-check"
    return type(record).__name__.lower()


def get_certainty(record: FilteredRecord) -> Certainty:
    """Return the certainty of the record. It is UNKNOWN if the record's own outcome is unknown. A payment is also
    UNKNOWN if the outcome of one of its refunds is unknown; an order if the outcome of one of its refunds is unknown
    or, while the order is pending, that of one of its payments. The related records are read from the record's
    relations; without relations, the record's own certainty is returned (KNOWN for an order).
    """
    relations = record.relations if isinstance(record, Order | Payment) else None
    refund = relations.pending_refund if relations is not None else None
    if refund is not None and refund.certainty is Certainty.UNKNOWN:
        return Certainty.UNKNOWN
    if isinstance(record, Order):
        has_unknown_payment = record.relations is not None and record.relations.unknown_payment is not None
        return Certainty.UNKNOWN if has_unknown_payment else Certainty.KNOWN
    return record.certainty


def find_cause(record: FilteredRecord) -> str | None:
    """Return the code of the record's problem: the cause of its last failed call or, without one, the reason of its
    work. Return None if there is no problem. A decision of people that a payment or refund is completed doesn't count
    as a problem.
    """
    failed_call = None if isinstance(record, Order) else record.error_code
    if isinstance(record, Payment | Refund) and failed_call == RESOLVED_BY_PEOPLE_CAUSE:
        is_completed = record.state in (PaymentState.COMPLETED, RefundState.COMPLETED)
        failed_call = None if is_completed else failed_call
    return failed_call or record.work.reason
