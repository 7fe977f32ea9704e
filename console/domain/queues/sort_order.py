"""The order of a queue's rows: a column and a direction, and their text form, such as `amount` or `-amount`."""

from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum


class SortColumn(StrEnum):
    """A column by which a queue can be sorted.

    WORK is the default sort order of a queue: records that need a person come before the others. The others are in
    two parts, first those without an automatic attempt, then those with one; in each part, older records come before
    newer ones. AGE sorts by the instant since which the record has its present state, NUMBER by the
    corporation number, RECORD by the number of the order or payment, NEXT by the time of the next automatic attempt.
    In the ascending order of AGE, records without a stored instant come first. In the ascending order of any other
    column except WORK, records that have no value in this column come last.
    """

    WORK = "work"
    AGE = "age"  # by the instant since which the state holds; an unknown instant is first, then the oldest one
    NUMBER = "number"
    RECORD = "record"
    KIND = "kind"
    CLIENT = "client"
    PROVIDER = "provider"
    AMOUNT = "amount"  # by currency, then by amount; the currencies keep their sequence, and no amount comes last
    STATE = "state"
    CERTAINTY = "certainty"  # unknown outcomes are first
    CAUSE = "cause"
    NEXT = "next"
    OWNER = "owner"
    MAKER = "maker"


@dataclass(frozen=True, slots=True)
class QueueSortOrder:
    """The column by which a queue is sorted. `is_descending` reverses the sequence of all rows."""

    column: SortColumn = SortColumn.WORK
    is_descending: bool = False


DEFAULT_SORT_ORDER = QueueSortOrder()


def parse_sort_order(text: str) -> QueueSortOrder | None:
    """Return the sort order that a text means: the name of a column, with `-` before it for the descending order.
    None if there is no such column.
    """
    with suppress(ValueError):
        return QueueSortOrder(SortColumn(text.removeprefix("-")), text.startswith("-"))
    return None


def format_sort_order(order: QueueSortOrder) -> str:
    """Return the text form of a sort order, such as `-amount`, which `parse_sort_order` parses."""
    return f"{'-' if order.is_descending else ''}{order.column}"
