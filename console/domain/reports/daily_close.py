"""The daily close: the money of one provider on one Japanese day, the records whose outcome was unknown at the end of
the day, and the changes since the first close of this day.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

from console.domain.reconciliation.service_results import DifferenceItem
from console.domain.reports.refund_funnel import CountAndSum

DAILY_SUM_NAMES = ("captured", "refunded", "reversed", "unknown_opening", "unknown_closing")
"""Names of the sums of a daily close that JSON answers and the stored facts of a close contain."""
SHOWN_SUM_NAMES = (
    "captured",
    "refunded",
    "reversed",
    "unknown_payments_opening",
    "unknown_refunds_opening",
    "unknown_payments_closing",
    "unknown_refunds_closing",
)
"""Names of the sums of a daily close, in the order in which its tables show them. Payments and refunds with an
unknown outcome have separate sums, because their money moves in opposite directions.
"""
MAX_STORED_UNKNOWN_NAMES = 300
"""Largest number of records with an unknown outcome whose names the facts of a close contain. With this number the
facts have at most about 12,000 characters, so the audit trail stores them uncut.
"""
_ZERO_COUNT_AND_SUM = CountAndSum()
_UNKNOWN_NAME_PATTERN = re.compile("(payment|refund) [0-9]{1,18}")
Facts = Mapping[str, object]


class NotFinalReason(StrEnum):
    """Reason for which a daily close is not final yet. DAY_RUNNING: the day isn't over; STILL_UNKNOWN: an outcome is
    still unknown; NOT_RECONCILED: the day isn't reconciled."""

    DAY_RUNNING = "day_running"
    STILL_UNKNOWN = "still_unknown"
    NOT_RECONCILED = "not_reconciled"


@dataclass(frozen=True, slots=True)
class DailyCloseMoney:
    """Numbers and sums of the payments and refunds of one currency in a daily close.

    - `captured`: payments that were paid on the day, without those whose outcome is unknown. Of a payment that has
      been reversed since, only the refunded amount is in this sum
    - `refunded`: refunds that were completed on the day
    - `reversed`: payments that were reversed on the day, whenever they were paid, without their refunded amounts
    - `unknown_opening`: payments and refunds whose outcome was unknown at the first instant of the day;
      `unknown_closing`: those whose outcome was unknown at the first instant after the day. If the outcome is known
      now, the record may also be in another sum
    - `unknown_refunds_opening`, `unknown_refunds_closing`: the refunds among them
    """

    currency: str
    captured: CountAndSum
    refunded: CountAndSum
    reversed: CountAndSum
    unknown_opening: CountAndSum
    unknown_closing: CountAndSum
    unknown_refunds_opening: CountAndSum = _ZERO_COUNT_AND_SUM
    unknown_refunds_closing: CountAndSum = _ZERO_COUNT_AND_SUM

    @property
    def unknown_payments_opening(self) -> CountAndSum:
        """The payments whose outcome was unknown at the first instant of the day."""
        return self.unknown_opening.subtract(self.unknown_refunds_opening)

    @property
    def unknown_payments_closing(self) -> CountAndSum:
        """The payments whose outcome was unknown at the first instant after the day."""
        return self.unknown_closing.subtract(self.unknown_refunds_closing)

    @property
    def net_minor(self) -> int:
        """The captured sum less the refunded sum, in minor units."""
        return self.captured.minor - self.refunded.minor

    def get_sum(self, name: str) -> CountAndSum:
        """Return the sum `name`, one of DAILY_SUM_NAMES or of SHOWN_SUM_NAMES."""
        value: CountAndSum = getattr(self, name)
        return value


@dataclass(frozen=True, slots=True)
class MovedReversal:
    """The payments of one currency that were paid on the Japanese day `paid_on` and reversed on the other day
    `reversed_on`: their number, and the reversed amount in minor units. This amount is in the captured sum of neither
    day, and no sum subtracts it on the day of the reversal."""

    currency: str
    paid_on: date
    reversed_on: date
    count: int
    minor: int


@dataclass(frozen=True, slots=True)
class UnknownRecord:
    """A payment or refund whose outcome was unknown at the instant for which a close lists it, such as the end of the
    day. `minor` is its amount in minor units, `number` our payment number. The outcome was unknown since `since`;
    `settled_at` is the time at which the outcome was written later, None if it is still unknown.
    """

    kind: str
    id: int
    number: str
    currency: str
    minor: int
    since: datetime
    settled_at: datetime | None = None

    @property
    def name(self) -> str:
        """Kind and id of the record, such as `payment 17`."""
        return f"{self.kind} {self.id}"


@dataclass(frozen=True, slots=True)
class CloseReconciliation:
    """The newest complete reconciliation runs that compared the day, with the counts of payments at the time of the
    runs, the number of unreadable rows, and the first 1,000 differences with their present cases.

    It is one run, or several if the provider's days begin at another time than Japanese days. `run_ids` are their
    ids, the newest last. If the provider is asked about each payment, `has_differences_of_day` is True: then the
    differences and their counts are those of the payments of the Japanese day, and `matched_count` is the number of
    the agreeing payments of all days of the runs. Otherwise all counts are those of the runs' days.

    `early_run_id` is the id of a run that began before the end of the part of the day that it compared; None if there
    is none. `days_without_run` are the provider's days of which a part belongs to the day, and which no complete run
    compared. If `is_missing_unknown` is True, an unreadable row has prevented the search for payments that are
    missing at the provider, so that `missing_at_provider_count` may be too low.
    """

    run_ids: tuple[int, ...]
    from_day: date
    to_day: date
    matched_count: int
    imported_count: int
    missing_at_provider_count: int
    different_state_count: int
    different_amount_count: int
    refused_row_count: int
    differences: tuple[DifferenceItem, ...] = ()
    has_differences_of_day: bool = False
    early_run_id: int | None = None
    days_without_run: tuple[date, ...] = ()
    is_missing_unknown: bool = False

    @property
    def run_id(self) -> int:
        """The id of the newest run."""
        return self.run_ids[-1]

    @property
    def difference_count(self) -> int:
        """The number of all differences of the reconciliation, including those that aren't listed."""
        return (
            self.imported_count
            + self.missing_at_provider_count
            + self.different_state_count
            + self.different_amount_count
            + self.refused_row_count
        )


@dataclass(frozen=True, slots=True)
class DailyCloseChange:
    """A difference between the first close of a day and a later close of this day.

    - `what`: the kind of difference. It is the name of a sum (one of DAILY_SUM_NAMES, in `currency`); or `unknown`,
      if a record was added to or removed from the records with an unknown outcome; or `unknown_records`, if these
      records have changed and are too many to be named; or `reconciliation`, if the result of the reconciliation has
      changed
    - `before` and `after`: the values in the first and in the later close; None if that close has no value. A sum is
      a number and an amount, with zeros if it is missing. The value of `unknown` is a text such as `payment 17`, that
      of `unknown_records` a text such as `1202 / 5c1f3a90` (number of the records / beginning of the SHA-256 of their
      names), that of `reconciliation` a text such as `120 / 3` (agreeing payments / differences)
    - `number`: the number of the payment that an `unknown` change is about; None for the other changes, or if the
      database no longer has the payment
    """

    what: str
    currency: str = ""
    before: CountAndSum | str | None = None
    after: CountAndSum | str | None = None
    number: str | None = None

    @property
    def unknown_record(self) -> tuple[str, int] | None:
        """Kind and id of the record that an `unknown` change is about; None for another change."""
        name = self.before or self.after
        if self.what != "unknown" or not isinstance(name, str):
            return None
        kind, _, id = name.partition(" ")
        return (kind, int(id)) if id.isdecimal() else None


@dataclass(frozen=True, slots=True)
class FirstClose:
    """The first close of the day that was written to a file: the time of writing (`at`), and the `person` who wrote
    it. `is_comparable` is False if its audit entry lacks figures, so that the changes since then aren't known: an
    earlier version of the program cut the entry of a close with many unknown outcomes."""

    at: datetime
    person: str
    is_comparable: bool = True


@dataclass(frozen=True, slots=True)
class DailyClose:
    """The close of a provider's day, computed from the present records at `read_at`. `money` has the sums of each
    currency, `open_points` the reasons for which the close isn't final, `changes` the changes since the first close
    of the day. `reconciliation` is None if no complete run compared a part of the day, `first_close` if the day was
    never closed before. `moved_reversals` are the reversals of payments that were paid on this day and reversed on
    another day, and of payments that were paid on another day and reversed on this day, oldest first.

    `is_complete` is True if the close has searched all calls for outcomes that were unknown at the end of the day and
    are known now. It is False if there are too many calls for that.
    """

    provider: str
    day: date
    money: tuple[DailyCloseMoney, ...]
    unknown_records: tuple[UnknownRecord, ...]
    reconciliation: CloseReconciliation | None
    open_points: tuple[NotFinalReason, ...]
    read_at: datetime
    first_close: FirstClose | None = None
    changes: tuple[DailyCloseChange, ...] = ()
    moved_reversals: tuple[MovedReversal, ...] = ()
    is_complete: bool = True

    @property
    def is_final(self) -> bool:
        """True if nothing of the day is open (`open_points` is empty)."""
        return not self.open_points


@dataclass(frozen=True, slots=True)
class WrittenDailyClose:
    """A daily close that was written to a file: the path of the file, its size in bytes, its SHA-256, and the
    close itself."""

    file: str
    bytes: int
    sha256: str
    close: DailyClose


def make_close_subject(provider: str, day: date) -> str:
    """Return the id under which the audit trail stores the daily closes of a provider's day, such as `paypay
    2026-11-20`.
    """
    return f"{provider} {day.isoformat()}"


def make_close_facts(close: DailyClose) -> Facts:
    """Return the facts of a close that its audit entry stores. `compare_close_facts` compares a later close with
    them. Of the records with an unknown outcome they have the first MAX_STORED_UNKNOWN_NAMES names, and the number
    and the SHA-256 of all names, because an audit entry has a limited length."""
    run = close.reconciliation
    unknown_names = [record.name for record in close.unknown_records]
    return {
        "money": {
            money.currency: {name: [money.get_sum(name).count, money.get_sum(name).minor] for name in DAILY_SUM_NAMES}
            for money in close.money
        },
        "unknown": unknown_names[:MAX_STORED_UNKNOWN_NAMES],
        "unknown_count": len(unknown_names),
        "unknown_sha256": _hash_names(unknown_names),
        "reconciliation": None if run is None else format_reconciliation_counts(run),
        "final": close.is_final,
    }


def format_reconciliation_counts(run: CloseReconciliation) -> str:
    """Return two counts of a reconciliation as text: the payments that agree / the differences, such as `120 / 3`."""
    return f"{run.matched_count} / {run.difference_count}"


def compare_close_facts(first_facts: Facts, present_facts: Facts) -> tuple[DailyCloseChange, ...] | None:
    """Return the changes from the facts `first_facts` of the day's first close to the facts `present_facts` of a
    later close. The sequence is: the changed sums per currency, the removed and added records with an unknown
    outcome, the change of the reconciliation's result.

    Return None if facts are missing or malformed, so that the closes can't be compared: an audit entry may be cut,
    and people can write malformed entries with their own database accounts.
    """
    first, present = _parse_facts(first_facts), _parse_facts(present_facts)
    if first is None or present is None:
        return None
    changes = []
    for currency, name in sorted(
        first.sums.keys() | present.sums.keys(), key=lambda key: (key[0], DAILY_SUM_NAMES.index(key[1]))
    ):
        first_sum, present_sum = (facts.sums.get((currency, name), CountAndSum()) for facts in (first, present))
        if first_sum != present_sum:
            changes.append(DailyCloseChange(name, currency, first_sum, present_sum))
    changes += _compare_unknown_records(first, present)
    if first.reconciliation != present.reconciliation:
        changes.append(DailyCloseChange("reconciliation", before=first.reconciliation, after=present.reconciliation))
    return tuple(changes)


@dataclass(frozen=True, slots=True)
class _CloseFacts:
    """The facts of a close as its audit entry stores them: its sums by currency and name, and the result of the
    reconciliation. `unknown_names` are the stored names of records with an unknown outcome, at most the first
    MAX_STORED_UNKNOWN_NAMES; `unknown_count` and `unknown_names_sha256` are the number and the SHA-256 of all such
    names."""

    sums: Mapping[tuple[str, str], CountAndSum]
    unknown_names: tuple[str, ...]
    unknown_count: int
    unknown_names_sha256: str
    reconciliation: str | None


def _compare_unknown_records(first_facts: _CloseFacts, present_facts: _CloseFacts) -> list[DailyCloseChange]:
    """Return a change for each record with an unknown outcome that was removed or added. If not all names are stored,
    return at most one change, of the kind `unknown_records`."""
    if first_facts.unknown_names_sha256 == present_facts.unknown_names_sha256:
        return []
    if any(len(facts.unknown_names) < facts.unknown_count for facts in (first_facts, present_facts)):
        before, after = (
            f"{facts.unknown_count} / {facts.unknown_names_sha256[:8]}" for facts in (first_facts, present_facts)
        )
        return [DailyCloseChange("unknown_records", before=before, after=after)]
    removed_names = [name for name in first_facts.unknown_names if name not in present_facts.unknown_names]
    added_names = [name for name in present_facts.unknown_names if name not in first_facts.unknown_names]
    return [
        *(DailyCloseChange("unknown", before=name) for name in removed_names),
        *(DailyCloseChange("unknown", after=name) for name in added_names),
    ]


def _parse_facts(facts: Facts) -> _CloseFacts | None:
    """Return the stored facts of a close; None if facts are missing or malformed. Facts that an earlier version of
    the program stored have the names of all records with an unknown outcome, but neither the number nor the SHA-256
    of the names: both are then computed from the names."""
    stored: Mapping[str, Any] = facts
    try:
        sums = {
            (str(currency), name): CountAndSum(int(values[name][0]), int(values[name][1]))
            for currency, values in stored["money"].items()
            for name in DAILY_SUM_NAMES
        }
        unknown_names = tuple(map(str, stored["unknown"]))
        unknown_count = int(stored.get("unknown_count", len(unknown_names)))
        reconciliation = stored["reconciliation"]
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError):
        return None
    if not all(map(_UNKNOWN_NAME_PATTERN.fullmatch, unknown_names)):
        return None
    unknown_names_sha256 = str(stored.get("unknown_sha256", _hash_names(unknown_names)))
    return _CloseFacts(
        sums,
        unknown_names,
        unknown_count,
        unknown_names_sha256,
        None if reconciliation is None else str(reconciliation),
    )


def _hash_names(names: Collection[str]) -> str:
    """Return the hexadecimal SHA-256 of the names, independent of their sequence."""
    return sha256("\n".join(sorted(names)).encode()).hexdigest()
