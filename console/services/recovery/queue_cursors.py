"""Format and parse the positions in the cursors of queue pages. A position is a text that identifies the place of the
last record of a page; the next page starts after this record. `list_cursors` adds a hash that identifies the queue,
its filter and its sort order."""

import re
from contextlib import suppress
from datetime import datetime

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.queues.sort_order import SortColumn
from console.domain.records import WorkState
from console.domain.usage_problems import UsageProblem
from console.store.queues import queues
from console.store.queues.chosen_records import SortPosition, SortValue
from console.store.queues.queues import QueuePosition

_CURSOR_TIME_FORMAT = "%Y%m%dT%H%M%S%f"
_LONGEST_POSITION_CHARACTERS = 1_024
# Other applications store negative amounts and client ids.
_INTEGER_PATTERN = re.compile("-?[0-9]{1,19}")


def format_queue_position(position: QueuePosition) -> str:
    """Return the text of a position in a queue that is sorted in its default sort order."""
    return f"{position.work_state}.{position.since:{_CURSOR_TIME_FORMAT}}.{position.kind}.{position.id}"


def parse_queue_position(text: str | None) -> QueuePosition | None:
    """Parse the text of a position in a queue with its default sort order. Return the position; None if `text` is
    None. Raises usage if the text has not the form of such a position."""
    if text is None:
        return None
    work, at, kind, record_id = (*text.split("."), "", "", "")[:4]
    with suppress(ValueError):
        since = datetime.strptime(at, _CURSOR_TIME_FORMAT)  # noqa: DTZ007  # without a zone, as the column stores it
        if (
            text.count(".") == 3
            and work in list(WorkState)
            and kind in queues.QUEUED_RECORD_KINDS
            and _is_record_id(record_id)
        ):
            return queues.make_queue_position(work, since, kind, int(record_id))
    raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.UNREADABLE_CURSOR})


def format_sorted_queue_position(position: SortPosition) -> str:
    """Return the text of a position in a queue that a person has sorted by a column."""
    keys = ".".join(_format_sort_value(value) for value in (position.first_key, position.second_key))
    return f"{keys}.{queues.QUEUED_RECORD_KINDS[position.kind_index]}.{position.id}"


def parse_sorted_queue_position(text: str | None, column: SortColumn) -> SortPosition | None:
    """Parse the text of a position in a queue that is sorted by `column`. Return the position; None if `text` is
    None. Raises usage if the text has not the form of such a position, or if its sort keys have other types than the
    values of `column`."""
    if text is None:
        return None
    first_key, second_key, kind, record_id = (*text.split("."), "", "", "")[:4]
    with suppress(ValueError):
        if (
            text.count(".") == 3
            and kind in queues.QUEUED_RECORD_KINDS
            and _is_record_id(record_id)
            and len(text) <= _LONGEST_POSITION_CHARACTERS
        ):
            keys = _parse_sort_value(first_key), _parse_sort_value(second_key)
            if tuple(type(key) for key in keys) == _SORT_VALUE_TYPES_BY_COLUMN.get(column, (int, int)):
                return SortPosition(*keys, queues.QUEUED_RECORD_KINDS.index(kind), int(record_id))
    raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.UNREADABLE_CURSOR})


_SORT_VALUE_TYPES_BY_COLUMN: dict[SortColumn, tuple[type, type]] = {
    SortColumn.WORK: (int, datetime),
    SortColumn.AGE: (datetime, int),
    SortColumn.NEXT: (int, datetime),
    SortColumn.NUMBER: (str, int),
    SortColumn.RECORD: (str, int),
    SortColumn.CAUSE: (str, int),
    SortColumn.OWNER: (str, int),
    SortColumn.MAKER: (str, int),
}
"""The types of the two sort keys, by column; (int, int) for every other column."""


def _format_sort_value(value: SortValue) -> str:
    if isinstance(value, datetime):
        return f"t{value:{_CURSOR_TIME_FORMAT}}"
    return f"h{value}" if isinstance(value, str) else f"n{value}"


def _parse_sort_value(text: str) -> SortValue:
    kind, value = text[:1], text[1:]
    if kind == "t":
        return datetime.strptime(value, _CURSOR_TIME_FORMAT)  # noqa: DTZ007  # without a zone, as the column stores it
    if kind == "h" and all(digit in "0123456789ABCDEFG" for digit in value):
        return value
    if kind == "n" and _INTEGER_PATTERN.fullmatch(value) and -(2**63) <= int(value) < 2**63:
        return int(value)
    raise ValueError(text)


def _is_record_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 18
