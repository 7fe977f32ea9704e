"""The rows and columns of a queue's table, and the functions that read the rows page by page. In some queues the
rows are grouped by work state."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from console.domain.corporation_number import read_first_digits
from console.domain.explained_state import WorkBadge
from console.domain.exports.tables import ChosenRecords, ExportRequest, ListName
from console.domain.lookup.number_input import HYPHEN_BY_DASH
from console.domain.payments.records import Order, Payment
from console.domain.queue_names import MISMATCH_QUEUE_NAME
from console.domain.queues.filters import NO_FILTER, RecordFilter
from console.domain.queues.sort_order import DEFAULT_SORT_ORDER, QueueSortOrder, SortColumn
from console.domain.records import CreditCheck
from console.domain.views.any_record import QueueItem, QueuePage
from console.views.presenters import records as case_words
from console.views.presenters.records import ShownRecord
from console.views.records.columns import ALL_STATE_GROUPS, make_credit_check_columns, make_record_columns
from console.views.runtime.context import WindowContext
from console.views.runtime.page_fetch import FetchedPage as Rows
from console.views.runtime.routes import RecordRef
from console.views.tables.columns import Column, RowGroup, make_check_box_column
from console.views.theme.design_tokens import tokens
from console.wording.mismatches import format_mismatch
from console.wording.sentences import catalogue as wording

if TYPE_CHECKING:
    from console.app import Console

QUEUES_GROUPED_BY_WORK_STATE = frozenset({"unknown"})
_ROWS_PER_SEARCHED_PAGE = 1_000
_MAX_SEARCHED_PAGES = 5


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A row of a queue's table: one item of the queue. `group_size` is the number of rows with the same badge of
    work; None if not all rows were read in one page."""

    item: QueueItem
    group_size: int | None = None


def get_row_record_ref(row: QueueRow) -> RecordRef:
    return case_words.make_record_ref(row.item.record)


def get_row_record(row: QueueRow) -> ShownRecord:
    return row.item.record


_HIDEABLE_COLUMN_KEYS = ("number", "kind", "owner", "next", "provider", "people", "client", "work")
_QUEUE_OF_ONE_STATE = "incomplete"
_OPTIONAL_COLUMN_KEYS = frozenset(("number", "kind"))
"""Keys of the columns that a queue shows only if the person has chosen them: the columns of the company and of the
record contain their texts.
"""
_QUEUES_NAMED_AFTER_CERTAINTY = frozenset({"unknown", MISMATCH_QUEUE_NAME})
"""Queues that show the column of the certainty only if the person has chosen it, because the queue's name already
states the certainty of all its rows. If the outcome of a mismatch is unknown, the text in the column of its
difference begins with "unknown".
"""
_QUEUES_NAMED_AFTER_WORK_STATE = frozenset({"review"})
"""Queues that show the column of the work state only if the person has chosen it, because the queue's name already
states the work state of all its rows.
"""
_QUEUES_WITHOUT_NEXT_ATTEMPT = frozenset({"review"})
"""Queues that show the column of the next automatic attempt only if the person has chosen it, because no record in
them has such an attempt.
"""
RECORD_NAMING_COLUMN_KEYS = ("corporation", "company")
"""Keys of the columns that name the company to which a row's record belongs. In a narrow table they are hidden last,
at the largest text size.
"""


SORT_COLUMN_BY_COLUMN_KEY: Mapping[str, SortColumn] = {
    "age": SortColumn.AGE,
    "corporation": SortColumn.NUMBER,
    "company": SortColumn.NUMBER,
    "number": SortColumn.NUMBER,
    "name": SortColumn.RECORD,
    "kind": SortColumn.KIND,
    "client": SortColumn.CLIENT,
    "provider": SortColumn.PROVIDER,
    "amount": SortColumn.AMOUNT,
    "state": SortColumn.STATE,
    "certainty": SortColumn.CERTAINTY,
    "work": SortColumn.WORK,
    "cause": SortColumn.CAUSE,
    "next": SortColumn.NEXT,
    "owner": SortColumn.OWNER,
    "people": SortColumn.MAKER,
}
"""The sort order after a click on a column's title, by the key of the column. Names of companies aren't in the
database, so their column is sorted by the corporation number.
"""


def list_hideable_column_keys(queue: str) -> tuple[str, ...]:
    """Return the keys of the columns that a narrow window hides, the first one first. State, certainty and cause are
    always visible, except the state in a queue whose records all have the same state. The work state is hidden only
    at the largest text size, because the cause contains more information.
    """
    return (*_HIDEABLE_COLUMN_KEYS[:-1], "state", "work") if queue == _QUEUE_OF_ONE_STATE else _HIDEABLE_COLUMN_KEYS


def make_queue_columns(context: WindowContext, queue: str, *, is_grouped: bool | None = None) -> list[Column]:
    """Return the columns of a queue's table. If `is_grouped` is True, the rows are grouped by work state, and the
    table has no column for the work state. If `is_grouped` is None, the rows are grouped only in the queues of
    QUEUES_GROUPED_BY_WORK_STATE."""
    has_groups = queue in QUEUES_GROUPED_BY_WORK_STATE if is_grouped is None else is_grouped
    owner_column = Column("owner", context.translate("column.taken_by"), 88, lambda row: row.item.owner or "")
    columns = [
        make_check_box_column(context.translate("key.choose"), context.translate("column.choose_some")),
        *_make_record_columns(context, queue, is_grouped=has_groups),
        owner_column,
    ]
    optional_keys = {
        *_OPTIONAL_COLUMN_KEYS,
        *(("certainty",) if queue in _QUEUES_NAMED_AFTER_CERTAINTY else ()),
        *(("work",) if queue in _QUEUES_NAMED_AFTER_WORK_STATE else ()),
        *(("next",) if queue in _QUEUES_WITHOUT_NEXT_ATTEMPT else ()),
    }
    return [replace(column, is_optional=column.key in optional_keys) for column in columns]


def _make_record_columns(context: WindowContext, queue: str, *, is_grouped: bool) -> list[Column]:
    if queue == _QUEUE_OF_ONE_STATE:  # contains credit checks only
        column_names = [
            "age",
            "corporation",
            "number",
            "name",
            "client",
            "provider",
            "state",
            "certainty",
            "work",
            "cause",
            "next",
        ]
        return make_credit_check_columns(context, column_names, _get_credit_check, lambda row: row.item.since)
    if queue == "refunds":
        column_names = [
            "age",
            "company",
            "name",
            "people",
            "provider",
            "amount",
            "state",
            "certainty",
            "work",
            "cause",
        ]
        column_names.append("next")
        return make_record_columns(context, column_names, get_row_record, lambda row: row.item.since, ("refund",))
    if queue == MISMATCH_QUEUE_NAME:
        column_names = [
            "age",
            "company",
            "number",
            "kind",
            "name",
            "provider",
            "amount",
            "state",
            "certainty",
            "work",
        ]
        return [
            *make_record_columns(context, column_names, get_row_record, lambda row: row.item.since),
            _make_difference_column(context),
        ]
    column_names = ["age", "company", "number", "kind", "name", "provider", "amount", "state", "certainty"]
    if not is_grouped:
        column_names.append("work")
    column_names += ["cause", "next"]
    has_waiting = queue in (
        "pending",
        "unknown",
    )  # only these queues contain payments that wait for the payer, whose state word is long
    state_groups = [group for group in ALL_STATE_GROUPS if has_waiting or group != "waiting"]
    return make_record_columns(context, column_names, get_row_record, lambda row: row.item.since, state_groups)


def _make_difference_column(context: WindowContext) -> Column:
    """Return the column that shows a mismatch: it names the side that differs from our record (the provider or the
    order), and the two states or amounts that differ. If the outcome of the record is unknown, the text begins with
    the word for "unknown"."""
    unknown = wording.get_badge_word("certainty.unknown", context.language)
    separator = context.translate("list.separator")

    def format_difference(row: QueueRow) -> str:
        difference = format_item_difference(row.item, context)
        is_unknown = case_words.get_certainty_badge_key(row.item.record, context.now()) == "certainty.unknown"
        return separator.join(filter(None, (unknown, difference))) if is_unknown else difference

    return Column("cause", context.translate("column.difference"), 380, format_difference, is_stretched=True)


def format_item_difference(queue_item: QueueItem, context: WindowContext) -> str:
    """Return the text with the states or amounts in which the sides of a queue's item differ; "" if the queue doesn't
    compare the sides of records."""
    return format_mismatch(queue_item.record, queue_item.mismatch, context.language) if queue_item.mismatch else ""


def _get_credit_check(row: QueueRow) -> CreditCheck:
    record = row.item.record
    assert isinstance(record, CreditCheck)  # noqa: S101  # what this queue holds: tells the type checker
    return record


def make_work_heading_function(context: WindowContext) -> Callable[[QueueRow], RowGroup]:
    """Return a function that gets a row and returns the heading (RowGroup) above all rows with the same badge of
    work."""

    def make_group(row: QueueRow) -> RowGroup:
        badge_key = f"work.{row.item.explanation.work}"
        badge = tokens().badges[badge_key]
        count = wording.format_count(row.group_size) if row.group_size is not None else ""
        word = wording.get_badge_word(badge_key, context.language)
        return RowGroup(badge_key, word, badge.icon_name, badge.tone, count)

    return make_group


@dataclass(frozen=True, slots=True)
class QueueListQuery:
    """The query of a queue's list: the records of the queue `queue` that match the filter `record_filter` and whose
    texts contain `words`, sorted by `sort_order`. If `is_grouped_by_cause` is True, the list is grouped by cause.
    Equal queries select the same records.
    """

    queue: str
    words: str = ""
    record_filter: RecordFilter = NO_FILTER
    sort_order: QueueSortOrder = DEFAULT_SORT_ORDER
    is_grouped_by_cause: bool = False

    @property
    def lists_whole_queue(self) -> bool:
        """True if the query has no filter condition and no searched words, so that its list contains every record of
        the queue."""
        return not self.record_filter and not self.words.strip()

    @property
    def is_grouped_by_work(self) -> bool:
        """True if the rows of the list have headings with the badges of their work."""
        is_default_order = self.sort_order == DEFAULT_SORT_ORDER and not self.is_grouped_by_cause
        return self.queue in QUEUES_GROUPED_BY_WORK_STATE and is_default_order

    def read_page(self, services: "Console", limit: int, after_cursor: str | None = None) -> QueuePage:
        """Return at most `limit` items of the queue that match the filter of this query. This method ignores the
        query's `words`; `_read_matches` searches the texts of the items for them. `after_cursor` is the cursor at
        which the page begins; None for the first page."""
        if self.record_filter or self.sort_order != DEFAULT_SORT_ORDER:
            return services.recovery.read_queue(self.queue, limit, after_cursor, self.record_filter, self.sort_order)
        return services.recovery.read_queue(self.queue, limit, after_cursor)

    def make_export_request(self, filter_text: str, chosen_records: ChosenRecords | None = None) -> ExportRequest:
        """Return the request to export the items of this query's list. `filter_text` is the typed filter and words,
        which the file states. `chosen_records` are the selected records; None for all records of the list."""
        return ExportRequest(
            ListName.QUEUE,
            self.queue,
            filter_text,
            chosen_records,
            record_filter=self.record_filter,
            has_words=make_word_matcher(self.words),
        )


def make_row_reader(query: QueueListQuery) -> Callable[["Console", object, int], Rows]:
    """Return a function that reads one page of the rows of a query, for a PagedModel."""
    filter_text = _fold_text(query.words)

    def read_rows(services: "Console", cursor: object, limit: int) -> Rows:
        after = str(cursor) if cursor else None
        if not filter_text:
            page = query.read_page(services, limit, after)
            return Rows(
                _make_rows_with_group_sizes(
                    query, page.items, is_complete=after is None and page.next_cursor is None
                ),
                page.next_cursor,
            )
        return _read_matches(services, query, filter_text, after, limit)

    return read_rows


def _read_matches(
    services: "Console", query: QueueListQuery, filter_text: str, after_cursor: str | None, limit: int
) -> Rows:
    """Return the next page of the items whose texts contain `filter_text`, the typed words in the form that
    `_fold_text` returns. Reading stops as soon as at least `limit` items match, so the page can have more of them, or
    after 5,000 searched items. `after_cursor` is the cursor that the previous page returned; None for the first page.
    When the person scrolls to the end, the search continues at this cursor."""
    items: list[QueueItem] = []
    is_first_page = after_cursor is None
    for _ in range(_MAX_SEARCHED_PAGES):
        page = query.read_page(services, _ROWS_PER_SEARCHED_PAGE, after_cursor)
        items += [item for item in page.items if _does_item_match_text(item, filter_text)]
        after_cursor = page.next_cursor
        if after_cursor is None or len(items) >= limit:
            break
    is_complete = is_first_page and after_cursor is None
    return Rows(_make_rows_with_group_sizes(query, items, is_complete=is_complete), after_cursor)


def _does_item_match_text(queue_item: QueueItem, filter_text: str) -> bool:
    """True if `filter_text` (the typed words in the form that `_fold_text` returns) occurs in the company's name, in
    a number or in the payer of the item's record. If the typed text consists of digits, spaces and dashes, such as
    "7-1234", or is an invoice registration number (T and 13 digits), its digits alone are compared, too: the result
    is True if they are the record's id, or the beginning of its corporation number."""
    record = queue_item.record
    digits = read_first_digits(filter_text)
    corporation_number = case_words.get_corporation_number(record)
    if digits and (corporation_number.startswith(digits) or str(record.id) == digits):
        return True
    entry = record.registry_entry
    official_name = entry.corporation.name if entry is not None else ""
    our_name = "" if isinstance(record, CreditCheck) else record.name_in_credit_check or ""
    return any(filter_text in _fold_text(text) for text in (official_name, our_name, *_list_searched_texts(record)))


def _list_searched_texts(record: ShownRecord) -> tuple[str, ...]:
    """Return the texts of the record (names, numbers, payer) in which the typed words are searched."""
    match record:
        case CreditCheck():
            return (record.company_name or "",)
        case Payment():
            return record.merchant_payment_id, record.provider_payment_id or "", record.payer or ""
        case Order():
            return (record.merch_txn_id,)
    return record.provider_refund_key or "", record.provider_refund_id or "", f"r-{record.id}"


def make_word_matcher(words: str) -> Callable[[QueueItem], bool] | None:
    """Return a function that returns True if the searched words occur in a text of an item of the queue. Return None
    instead of a function if no words are searched."""
    filter_text = _fold_text(words)
    return (lambda queue_item: _does_item_match_text(queue_item, filter_text)) if filter_text else None


def _fold_text(text: str) -> str:
    """Return the text in a form for comparisons: full-width and half-width characters are equal, and so are upper
    and lower case, and all dashes. Several spaces become one, because the typed words are joined by one space."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().translate(HYPHEN_BY_DASH).split())


def _make_rows_with_group_sizes(
    query: QueueListQuery, items: Sequence[QueueItem], *, is_complete: bool
) -> list[QueueRow]:
    """Return the table rows of the items. If `is_complete` is True, `items` are all items of the list, and each row
    contains the size of its group. If it is False, the group size of each row is None.

    The database sorts by the stored work state, and a badge can differ from it, such as "waiting for approval". A
    complete list is sorted by the badges, so that each badge has one group.
    """
    if not is_complete:
        return [QueueRow(item) for item in items]
    if query.is_grouped_by_work:
        items = sorted(items, key=_make_group_order_key)
    count_by_badge = Counter(item.explanation.work for item in items)
    return [QueueRow(item, count_by_badge[item.explanation.work]) for item in items]


_BADGES_IN_GROUP_ORDER = (
    WorkBadge.NEEDS_REVIEW,
    WorkBadge.WAITING_FOR_APPROVAL,
    WorkBadge.POSSIBLE,
    WorkBadge.SCHEDULED,
    WorkBadge.WAITING_FOR_SENDING,
    WorkBadge.AUTOMATIC,
    WorkBadge.NONE,
)


def _make_group_order_key(item: QueueItem) -> int:
    """Return the position of the item's group: first the groups that wait for a person."""
    return _BADGES_IN_GROUP_ORDER.index(item.explanation.work)
