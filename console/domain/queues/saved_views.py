"""Saved views of a queue: a name for a filter, a sort order, the columns and the grouping. No I/O.

A view stores texts as a person typed them, because a newer or an older version of the program may have other
operators, sort orders and columns. If this version doesn't have a part of a view, it reports the part to the person
and ignores it, so that the part hides no record.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from console.domain.queues.filter_text import (
    LONGEST_FILTER_CHARACTERS,
    ParsedFilter,
    is_own_records_operator,
    parse_filter,
)
from console.domain.queues.sort_order import DEFAULT_SORT_ORDER, QueueSortOrder, parse_sort_order

VIEW_KIND = "view"
LONGEST_NAME_CHARACTERS = 60
MAX_OWN_VIEWS = 50
"""Largest number of views of one person."""
MAX_TEAM_VIEWS = 50
"""Largest number of views of the team."""
MAX_VIEW_COLUMNS = 40
"""Largest number of columns that a view may name."""
LONGEST_COLUMN_CHARACTERS = 40
LONGEST_FIELD_CHARACTERS = LONGEST_FILTER_CHARACTERS
"""Largest number of characters of each text of a view's content (filter, words, sort order)."""

_REFUSED_UNICODE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_STACKED_COMBINING_MARKS_PATTERN = re.compile("MMM|^M")
"""Three combining marks in a row, or a combining mark at the beginning of the text. The pattern is applied to a text
in which each character is replaced by the first letter of its Unicode category (M: mark).
"""
_COLUMN_PATTERN = re.compile(r"[a-z][a-z_]*")
_OPERATOR_PATTERN = re.compile(r"[a-z_]+:\S*", re.IGNORECASE)


class InvalidViewName(ValueError):
    """Raised if a text can't be the name of a view."""


@dataclass(frozen=True, slots=True)
class ViewContent:
    """The contents of a saved view.

    - `queue`: name of the queue
    - `filter`: the conditions in their text form; `owner:me` means the person who opens the view
    - `words`: the texts that are searched in the records
    - `sort`: the sort order in its text form; "" for the default sort order of the queue
    - `columns`: keys of the visible columns, in their order; empty for the default columns
    - `by_cause`: the records are grouped by their cause
    """

    queue: str
    filter: str = ""
    words: str = ""
    sort: str = ""
    columns: tuple[str, ...] = ()
    by_cause: bool = False


@dataclass(frozen=True, slots=True)
class SavedView:
    """A view with its name. All people see the views of the team; only the maker of a person's own view sees it.
    `version` rises with each change; a deleted view has `deleted_at` and can be restored.
    """

    id: int
    name: str
    is_team: bool
    maker: str
    content: ViewContent
    changed_by: str
    changed_at: datetime
    version: int = 1
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ParsedView:
    """The filter and the sort order (`sort_order`) of a view's content, as this program understands them. `problems`
    are the parts that this program doesn't understand and therefore ignores; `unreadable_conditions` are those of
    them that are conditions.
    """

    filter: ParsedFilter
    sort_order: QueueSortOrder
    problems: tuple[str, ...]
    unreadable_conditions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ViewCount:
    """The number of records that a view shows. `is_capped`: there may be more, because only a part of the queue was
    counted. `count` is None for a view that can't be counted: it searches words, or its queue is unknown. `oldest` is
    the instant since which the oldest counted record has its present state, None if no record was counted; `problems`
    are the parts of the view that this program doesn't understand. If `unreadable_conditions`, the conditions among
    them, isn't empty, `count` also contains records that these conditions would exclude.
    """

    view: SavedView
    count: int | None = None
    is_capped: bool = False
    oldest: datetime | None = None
    problems: tuple[str, ...] = ()
    unreadable_conditions: tuple[str, ...] = ()


def clean_view_name(text: str) -> str:
    """Return the name of a view in its stored form: in Unicode's form NFC, with single spaces. Raises InvalidViewName
    if the name is empty or too long, or has control characters, marks of the writing direction, other invisible
    characters, three combining marks in a row, or a combining mark without a letter before it.
    """
    composed_text = unicodedata.normalize("NFC", text)
    categories = [unicodedata.category(character) for character in composed_text]
    if _REFUSED_UNICODE_CATEGORIES.intersection(categories) or _STACKED_COMBINING_MARKS_PATTERN.search(
        "".join(category[0] for category in categories)
    ):
        raise InvalidViewName
    name = " ".join(composed_text.split())
    if not 0 < len(name) <= LONGEST_NAME_CHARACTERS:
        raise InvalidViewName
    return name


def fold_view_name(view_name: str) -> str:
    """Return the text by which names of views are compared: names that differ only in full or half width, or in upper
    or lower case, have the same text."""
    folded_name = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", view_name).casefold())
    return " ".join(folded_name.split())


def make_view_name_claim(view_name: str, person: str | None) -> str:
    """Return the unique value of a view that isn't deleted, made from the view's name in comparison form and its
    owner (`person`; None: the team). A unique index on this value prevents that one owner has two views with equal
    names."""
    scope = "" if person is None else person.strip().casefold()
    return sha256(f"{scope}\n{fold_view_name(view_name)}".encode()).hexdigest()


def is_storable_view_content(content: ViewContent) -> bool:
    """True if the view's content can be stored. Its texts must be at most LONGEST_FIELD_CHARACTERS long, without
    control characters and surrogates. It must have at most MAX_VIEW_COLUMNS columns, whose keys have only small
    letters and underscores. Operators and columns that this program doesn't have are allowed.
    """
    texts = (content.filter, content.words, content.sort, content.queue)
    return (
        all(len(text) <= LONGEST_FIELD_CHARACTERS and _is_printable(text) for text in texts)
        and len(content.columns) <= MAX_VIEW_COLUMNS
        and all(
            len(key) <= LONGEST_COLUMN_CHARACTERS and _COLUMN_PATTERN.fullmatch(key) is not None
            for key in content.columns
        )
    )


def _is_printable(text: str) -> bool:
    return not any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


def parse_view(content: ViewContent, person: str | None) -> ParsedView:
    """Return the filter and the sort order of a view's content, for the person who opens the view, and the problems
    of the content. A word in the stored filter that is no operator is a problem: the program doesn't search it,
    because a newer program may have meant it as a condition. The condition `owner:me` is a problem if `person` is
    None.
    """
    filter_words = content.filter.split()
    nobodys_conditions = list(filter(is_own_records_operator, filter_words)) if person is None else []
    parsed_filter = parse_filter(" ".join(word for word in filter_words if word not in nobodys_conditions), person)
    order = parse_sort_order(content.sort) if content.sort else DEFAULT_SORT_ORDER
    unreadable_conditions = (
        *parsed_filter.words.split(),
        *parsed_filter.unusable_words,
        *nobodys_conditions,
    )
    problems = unreadable_conditions if order is not None else (*unreadable_conditions, content.sort)
    words = " ".join(content.words.split())
    return ParsedView(
        ParsedFilter(parsed_filter.record_filter, words),
        order or DEFAULT_SORT_ORDER,
        problems,
        unreadable_conditions,
    )


def split_filter_text(text: str) -> tuple[str, str]:
    """Return the operators of a typed filter as one text in NFKC form, and all its other words, as typed, as a second
    text."""
    operators, other_words = list[str](), list[str]()
    for word in text.split():
        normalized_word = unicodedata.normalize("NFKC", word)
        if _OPERATOR_PATTERN.fullmatch(normalized_word):
            operators.append(normalized_word)
        else:
            other_words.append(word)
    return " ".join(operators), " ".join(other_words)


def find_view_by_name(views: Iterable[SavedView], view_name: str) -> SavedView | None:
    """Return the view with this name, compared without regard to width and case; None if there is none. If both a
    person's own view and a view of the team have the name, return the person's own view."""
    folded_name = fold_view_name(view_name)
    matching_views = [view for view in views if fold_view_name(view.name) == folded_name]
    return min(matching_views, key=lambda view: view.is_team, default=None)
