"""The daily close: the money of one provider on one Japanese day, the records whose outcome was unknown at the end of
the day, and the changes since the first close of this day.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from console.domain.reconciliation.service_results import DifferenceItem
from console.domain.reports.refund_funnel import CountAndSum

DAILY_SUM_NAMES = ("captured", "refunded", "reversed", "unknown_opening", "unknown_closing")
"""Names of the sums of a daily close, in the order in which its tables show them."""
DAILY_CLOSE_KIND = "daily-close"
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

    - `captured`: payments that were paid on the day, without reversed ones and those whose outcome is unknown
    - `refunded`: refunds that were completed on the day
    - `reversed`: payments that were reversed on the day, whenever they were paid
    - `unknown_opening`: payments and refunds whose outcome was unknown at the first instant of the day;
      `unknown_closing`: those whose outcome was unknown at the first instant after the day. If the outcome is known
      now, the record may also be in another sum.
    """

    currency: str
    captured: CountAndSum
    refunded: CountAndSum
    reversed: CountAndSum
    unknown_opening: CountAndSum
    unknown_closing: CountAndSum

    @property
    def net_minor(self) -> int:
        """The captured sum less the refunded sum, in minor units."""
        return self.captured.minor - self.refunded.minor

    def get_sum(self, name: str) -> CountAndSum:
        """Return the field `name`, one of DAILY_SUM_NAMES."""
        value: CountAndSum = getattr(self, name)
        return value


@dataclass(frozen=True, slots=True)
class UnknownRecord:
    """A payment or refund whose outcome was unknown at the instant for which a close lists it, such as the end of the
    day. `minor` is its amount in minor units, `number` our payment number. The outcome was unknown since `since`;
    `settled_at` is the time at which it was written later, None if it is still unknown.
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
    """The newest complete reconciliation that compared the day. It has the counts of payments at the time of the run,
    the number of unreadable rows, and the first 1,000 differences with their present cases.
    """

    run_id: int
    from_day: date
    to_day: date
    matched: int
    imported: int
    missing_there: int
    different_state: int
    different_amount: int
    refused: int
    differences: tuple[DifferenceItem, ...] = ()

    @property
    def difference_count(self) -> int:
        """The number of all differences of the reconciliation, including those that aren't listed."""
        return self.imported + self.missing_there + self.different_state + self.different_amount + self.refused


@dataclass(frozen=True, slots=True)
class DailyCloseChange:
    """A difference between the first close of a day and a later close of this day.

    - `what`: the kind of difference. It is the name of a sum (one of DAILY_SUM_NAMES, in `currency`); or `unknown`,
      if a record was added to or removed from the records with an unknown outcome; or `reconciliation`, if the result
      of the reconciliation has changed
    - `before` and `after`: the values in the first and in the later close; None if that close has no value. A sum is
      a number and an amount, with zeros if it is missing. The value of `unknown` is a text such as `payment 17`, that
      of `reconciliation` a text such as `120 / 3` (agreeing payments / differences)
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
    """The first close of the day that was written to a file: the time at which, and the person by whom, it was
    written."""

    at: datetime
    person: str


@dataclass(frozen=True, slots=True)
class DailyClose:
    """The close of a provider's day, computed from the present records at `read_at`. `money` has the sums of each
    currency, `open_points` the reasons for which the close isn't final, `changes` the changes since the first close
    of the day. `reconciliation` is None if no complete run compared the day, `first_close` if the day was never
    closed before.

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
    is_complete: bool = True

    @property
    def is_final(self) -> bool:
        """True if nothing of the day is open (`open_points` is empty)."""
        return not self.open_points

    def copy_with_changes(self, changes: tuple[DailyCloseChange, ...]) -> "DailyClose":
        """Return a copy of the close with `changes` as the changes since the first close of the day."""
        return replace(self, changes=changes)


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
    them."""
    run = close.reconciliation
    return {
        "money": {
            money.currency: {name: [money.get_sum(name).count, money.get_sum(name).minor] for name in DAILY_SUM_NAMES}
            for money in close.money
        },
        "unknown": [record.name for record in close.unknown_records],
        "reconciliation": None if run is None else format_reconciliation(run),
        "final": close.is_final,
    }


def format_reconciliation(run: CloseReconciliation) -> str:
    """Return two counts of a reconciliation as text: the payments that agree / the differences, such as `120 / 3`."""
    return f"{run.matched} / {run.difference_count}"


def compare_close_facts(first_facts: Facts, present_facts: Facts) -> tuple[DailyCloseChange, ...]:
    """Return the changes from the facts `first_facts` of the day's first close to the facts `present_facts` of a
    later close. The sequence is: the changed sums per currency, the removed and added records with an unknown
    outcome, the change of the reconciliation's result.
    """
    changes = []
    first_sums, present_sums = (_read_sums(facts) for facts in (first_facts, present_facts))
    for currency, name in sorted(
        first_sums.keys() | present_sums.keys(), key=lambda key: (key[0], DAILY_SUM_NAMES.index(key[1]))
    ):
        first_sum, present_sum = (
            first_sums.get((currency, name), CountAndSum()),
            present_sums.get((currency, name), CountAndSum()),
        )
        if first_sum != present_sum:
            changes.append(DailyCloseChange(name, currency, first_sum, present_sum))
    first_unknown, present_unknown = (
        _convert_to_text_list(facts.get("unknown")) for facts in (first_facts, present_facts)
    )
    changes += [DailyCloseChange("unknown", before=name) for name in first_unknown if name not in present_unknown]
    changes += [DailyCloseChange("unknown", after=name) for name in present_unknown if name not in first_unknown]
    if first_facts.get("reconciliation") != present_facts.get("reconciliation"):
        first_reconciliation, present_reconciliation = (
            facts.get("reconciliation") for facts in (first_facts, present_facts)
        )
        changes.append(
            DailyCloseChange(
                "reconciliation",
                before=None if first_reconciliation is None else str(first_reconciliation),
                after=None if present_reconciliation is None else str(present_reconciliation),
            )
        )
    return tuple(changes)


def _read_sums(facts: Facts) -> dict[tuple[str, str], CountAndSum]:
    """Return the sums in the stored facts of a close, by currency and name of the sum. A name that is not one of
    DAILY_SUM_NAMES is left out."""
    money_of_currencies = facts.get("money")
    return {
        (str(currency), name): CountAndSum(int(sums[name][0]), int(sums[name][1]))
        for currency, sums in (money_of_currencies.items() if isinstance(money_of_currencies, Mapping) else ())
        for name in DAILY_SUM_NAMES
        if name in sums
    }


def _convert_to_text_list(value: object) -> list[str]:
    return [str(name) for name in value] if isinstance(value, list | tuple) else []
