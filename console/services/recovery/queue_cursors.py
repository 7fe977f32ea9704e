"""The cursors of queue pages: opaque texts that hold the position of a page's last record."""

from contextlib import suppress
from datetime import datetime

from console.domain.error_reasons import UsageProblem
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.queues.order import SortColumn
from console.domain.records import WorkState
from console.store.queues import queues
from console.store.queues.chosen_records import SortPosition, SortValue
from console.store.queues.queues import QueuePosition

_TIME_FORMAT = "%Y%m%dT%H%M%S%f"
_LONGEST_TEXT = 1_024


def format_cursor(place: QueuePosition) -> str:
    """Return the cursor of a position in a queue's own order."""
    return f"{place.work_state}.{place.since:{_TIME_FORMAT}}.{place.kind}.{place.id}"


def read_cursor(text: str | None) -> QueuePosition | None:
    """Return the position of a cursor in a queue's own order; None for no cursor. Raises usage."""
    if text is None:
        return None
    work, at, kind, number = (*text.split("."), "", "", "")[:4]
    with suppress(ValueError):
        since = datetime.strptime(at, _TIME_FORMAT)  # noqa: DTZ007  # without a zone, as the column stores it
        if (
            text.count(".") == 3
            and work in list(WorkState)
            and kind in queues.QUEUED_RECORD_KINDS
            and _is_number(number)
        ):
            return queues.position_of(work, since, kind, int(number))
    raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.UNREADABLE_CURSOR})


def format_sort_cursor(place: SortPosition) -> str:
    """Return the cursor of a position in a sorted queue."""
    keys = ".".join(_format_value(value) for value in (place.first, place.second))
    return f"{keys}.{queues.QUEUED_RECORD_KINDS[place.kind_index]}.{place.id}"


def read_sort_cursor(text: str | None, column: SortColumn) -> SortPosition | None:
    """Return the position of a cursor in a queue that is sorted by this column; None for no cursor. Raises usage,
    also for the cursor of another order.
    """
    if text is None:
        return None
    first, second, kind, number = (*text.split("."), "", "", "")[:4]
    with suppress(ValueError):
        if (
            text.count(".") == 3
            and kind in queues.QUEUED_RECORD_KINDS
            and _is_number(number)
            and len(text) <= _LONGEST_TEXT
        ):
            keys = _read_value(first), _read_value(second)
            if tuple(type(key) for key in keys) == _KEY_TYPES.get(column, (int, int)):
                return SortPosition(*keys, queues.QUEUED_RECORD_KINDS.index(kind), int(number))
    raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.UNREADABLE_CURSOR})


_KEY_TYPES: dict[SortColumn, tuple[type, type]] = {
    SortColumn.WORK: (int, datetime),
    SortColumn.AGE: (datetime, int),
    SortColumn.NEXT: (int, datetime),
    SortColumn.NUMBER: (str, int),
    SortColumn.RECORD: (str, int),
    SortColumn.CAUSE: (str, int),
    SortColumn.MAKER: (str, int),
}
"""The types of the two sort keys, by column; (int, int) for every other column."""


def _format_value(value: SortValue) -> str:
    if isinstance(value, datetime):
        return f"t{value:{_TIME_FORMAT}}"
    return f"h{value}" if isinstance(value, str) else f"n{value}"


def _read_value(text: str) -> SortValue:
    kind, value = text[:1], text[1:]
    if kind == "t":
        return datetime.strptime(value, _TIME_FORMAT)  # noqa: DTZ007  # without a zone, as the column stores it
    if kind == "h" and all(digit in "0123456789ABCDEFG" for digit in value):
        return value
    if kind == "n" and value.isascii() and value.isdecimal() and len(value) <= 19:
        return int(value)
    raise ValueError(text)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 18
