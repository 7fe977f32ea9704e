"""Format and parse cursors that are valid for one list only. A cursor is a text with two parts: the position at which
the next page begins, and a hash of the list's name, filter and sort order.

The hash is needed because a position of another list would let the page start at a wrong record, without an error.
"""

from hashlib import sha256

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.usage_problems import UsageProblem

_LIST_HASH_CHARACTERS = 12
"""Number of characters of the hash in a cursor that identifies the list."""


def format_list_cursor(position: str, *list_parts: str) -> str:
    """Return the cursor for `position` in the list that `list_parts` identify, such as the name of a queue, the
    text of its filter and its sort order."""
    return f"{position}.{_compute_list_hash(list_parts)}"


def parse_list_cursor(text: str, *list_parts: str) -> str:
    """Return the position in the cursor `text`. Raises usage if `format_list_cursor` didn't make the cursor for the
    list that `list_parts` identify."""
    position, _, list_hash = text.rpartition(".")
    if list_hash != _compute_list_hash(list_parts):
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.UNREADABLE_CURSOR})
    return position


def _compute_list_hash(list_parts: tuple[str, ...]) -> str:
    return sha256("\n".join(list_parts).encode(errors="backslashreplace")).hexdigest()[:_LIST_HASH_CHARACTERS]
