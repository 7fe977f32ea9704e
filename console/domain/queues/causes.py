"""Groups the records of a queue by their cause: the cause of a record's last failed call, or else the reason of its
work, both as codes. No I/O.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class CauseTotal:
    """A part of a group: the records of one kind with the same cause and currency. `sum_minor` is the sum of their
    amounts in minor units. `oldest` is the earliest instant at which one of these records got its present state; None
    if no such instant is stored. `cause` is None for records without a problem; `currency` is None for records
    without an amount.
    """

    kind: str
    cause: str | None
    currency: str | None
    count: int
    sum_minor: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class CauseGroup:
    """The records with one cause: their number (`count`), the sums of their amounts, and the earliest instant at
    which one of them got its present state (None if no such instant is stored). `cause` is None for records without a
    problem.

    `sums_minor_by_kind` has, for each kind of record with an amount, the sums in minor units by currency. The amounts
    of different kinds aren't added: a payment collects money, a refund returns it, and an order has the same amount
    as its payment.
    """

    cause: str | None
    count: int
    sums_minor_by_kind: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    oldest: datetime | None = None


@dataclass(frozen=True, slots=True)
class CausePage:
    """The groups of a queue, the largest first. `is_capped` is True if a part of the queue has too many records to
    count them all; then there may be more records and groups. `is_filtered` is True if a filter leaves records of the
    queue out.
    """

    queue: str
    groups: tuple[CauseGroup, ...]
    is_capped: bool = False
    is_filtered: bool = False


def group_by_cause(totals: Iterable[CauseTotal]) -> tuple[CauseGroup, ...]:
    """Return one group for each cause, the largest group first. Each group has the sums of the totals with this
    cause, separately for each kind of record and each currency.
    """
    groups: dict[str | None, CauseGroup] = {}
    for total in totals:
        group = groups.get(total.cause, CauseGroup(total.cause, 0))
        sums = {kind: dict(sums_of_kind) for kind, sums_of_kind in group.sums_minor_by_kind.items()}
        if total.currency is not None:
            sums_of_kind = sums.setdefault(total.kind, {})
            sums_of_kind[total.currency] = sums_of_kind.get(total.currency, 0) + total.sum_minor
        oldest_instants = [at for at in (group.oldest, total.oldest) if at is not None]
        groups[total.cause] = CauseGroup(
            total.cause, group.count + total.count, sums, min(oldest_instants, default=None)
        )
    return tuple(sorted(groups.values(), key=lambda group: (-group.count, group.cause or "")))
