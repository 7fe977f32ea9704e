"""The queries on tables that grow, and the steps of their query plans."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, event

from console.domain.access.permissions import MAKER_ROLES
from console.domain.lookup.search_query import parse_search
from console.domain.queues.filter_text import parse_filter
from console.domain.queues.sort_order import QueueSortOrder, SortColumn
from console.domain.service_results import FeedMark
from console.store.access import operators
from console.store.alerts import cases
from console.store.credit_checks import credit_checks, joined_reads, purchase_refusals
from console.store.database import change_feed
from console.store.database.engine import Database
from console.store.lookup import record_search
from console.store.lookup.record_search import RecordSearch
from console.store.operations import idempotency, journal, leases
from console.store.payments import account_limits as accounts
from console.store.payments import events as payment_events
from console.store.payments import orders, payments, set_asides
from console.store.queues import chosen_records, future_dated_work, queues, view_counts
from console.store.queues import definitions as queue_tables
from console.store.queues.filter_sql import QueueChoice
from console.store.queues.table_queries import QueueKey, RecordTableQueries
from console.store.records import company, corporation_records
from console.store.records import prefix_search as beginnings
from console.store.refunds import approvals, refunds
from console.store.registry import our_records
from tests.bench.figures import ReportRow

CORPORATION_NUMBER = "7123456789012"
CORPORATION_NUMBER_WITH_PAYMENTS = "9000000000300"
_NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
_LAPSED_IDS = frozenset({3, 5})
_NO_IDS = frozenset[int]()

_CHANGE_FEED_POSITION = FeedMark(5_000, frozenset(range(4_001, 5_001)), 4_000, 5_000, float("inf"))

Query = Callable[[Connection], object]
"""Type of a function that runs the measured query."""


def _make_page_query(part: RecordTableQueries, name: str, after: QueueKey | None, lapsed: frozenset[int]) -> Query:
    return lambda conn: part.read_page(conn, name, after, 50, lapsed)


def _make_count_query(name: str, lapsed: queues.LapsedIds) -> Query:
    return lambda conn: queues.count_queue_records_and_find_oldest(conn, name, lapsed)


_PERIOD_START = datetime(2026, 4, 15, 3)  # noqa: DTZ001  # without a zone, as columns store it
CURSOR_BY_PAGE_NAME: dict[str, QueueKey | None] = {
    "first page": None,
    "later page": ("needs_review", _PERIOD_START, 7),
    "last page": ("scheduled", _PERIOD_START, 7),
}
QUEUE_PART_BY_NAME = {
    f"{part.kind} {name}": (part, name) for part in queue_tables.QUEUE_TABLES for name in part.conditions_by_queue
}
_PAGE_QUERIES = {
    f"{queue} {place}{' beside lapsed calls' if lapsed else ''}": (
        part,
        name,
        _make_page_query(part, name, after, lapsed),
    )
    for queue, (part, name) in QUEUE_PART_BY_NAME.items()
    for place, after in CURSOR_BY_PAGE_NAME.items()
    for lapsed in (_NO_IDS, _LAPSED_IDS)
}
QUERY_BY_PAGE: dict[str, Query] = {
    name: ask for name, (part, queue, ask) in _PAGE_QUERIES.items() if len(part.conditions_by_queue[queue]) == 1
}
MERGED_PAGE_QUERIES: dict[str, Query] = {
    name: ask for name, (_, _, ask) in _PAGE_QUERIES.items() if name not in QUERY_BY_PAGE
}
"""Queries by name of the pages that contain records of several states. Such a query reads the first rows of each
state by an index, and then sorts these few rows together."""
FILTER_BY_NAME = {
    "residual": "provider:paypay amount:>100 cause:timeout owner:- status:pending,submitting,payment_failed",
    "by age": "age:>2d provider:paypay",
    "by day": "since:2026-11-18 provider:paypay",
    "by work": "work:scheduled,needs_review certainty:unknown",
}
_NO_LAPSED_IDS: queues.LapsedIds = {}


def _make_filtered_page_query(part: RecordTableQueries, name: str, after: QueueKey | None, text: str) -> Query:
    choice = QueueChoice(parse_filter(text).record_filter, now=_NOW, owners={part.kind: {3: "op-a"}})
    return lambda conn: part.read_page(conn, name, after, 50, _NO_IDS, choice)


def make_sorted_page_query(
    name: str, order: QueueSortOrder, after: chosen_records.SortPosition | None = None
) -> Query:
    """Return the query of a page of the queue `name` in this sort order, filtered by the provider PayPay. The page
    begins after the row `after` (None: at the first row).
    """
    choice = QueueChoice(parse_filter("provider:paypay").record_filter, order, _NOW)
    return lambda conn: chosen_records.read_sorted_page(conn, name, after, 50, _NO_LAPSED_IDS, choice)


INDEXED_SORT_ORDERS = {
    "oldest": QueueSortOrder(SortColumn.AGE),
    "newest": QueueSortOrder(SortColumn.AGE, is_descending=True),
    "most urgent": QueueSortOrder(SortColumn.WORK),
    "least urgent": QueueSortOrder(SortColumn.WORK, is_descending=True),
}
"""The sort orders that the indexes of the queues have."""
FILTERED_PAGE_QUERIES: dict[str, Query] = {
    f"{queue} {place} filtered {how}": _make_filtered_page_query(part, name, after, text)
    for queue, (part, name) in QUEUE_PART_BY_NAME.items()
    for place, after in CURSOR_BY_PAGE_NAME.items()
    for how, text in FILTER_BY_NAME.items()
} | {
    f"{name} filtered, {what} first": make_sorted_page_query(name, order)
    for name in queues.RECORD_QUEUE_NAMES
    for what, order in INDEXED_SORT_ORDERS.items()
}
"""Filtered pages: the index of the queue is read in its order; rows that don't fulfil the filter are passed over."""


def _make_view_count_query(name: str) -> Query:
    choices = [
        QueueChoice(parse_filter(text).record_filter, now=_NOW, owners={}) for text in ("", *FILTER_BY_NAME.values())
    ]
    return lambda conn: view_counts.count_records_of_choices(conn, name, _NO_LAPSED_IDS, choices)


VIEW_COUNT_QUERIES: dict[str, Query] = {name: _make_view_count_query(name) for name in queues.RECORD_QUEUE_NAMES}
COUNT_QUERIES: dict[str, Query] = {
    f"count of {name}{' beside lapsed calls' if lapsed else ''}": _make_count_query(name, lapsed)
    for name in queues.RECORD_QUEUE_NAMES
    for lapsed in ({}, dict.fromkeys(queues.QUEUED_RECORD_KINDS, _LAPSED_IDS))
}
KEY_LOOKUP_QUERIES: dict[str, Query] = {
    "record": lambda conn: credit_checks.find(conn, 1),
    "lookup": lambda conn: joined_reads.search_corporation_number(
        conn, CORPORATION_NUMBER, "op-a", includes_unlisted_names=False
    ),
    "records of a number": lambda conn: credit_checks.find_by_number(conn, CORPORATION_NUMBER),
    "live claim": lambda conn: credit_checks.find_live_check(conn, "1", CORPORATION_NUMBER),
    "blocker of a purchase": lambda conn: credit_checks.find_purchase_blocker(conn, "1", CORPORATION_NUMBER),
    "purchase refusals": lambda conn: purchase_refusals.may_refuse_purchase(conn, CORPORATION_NUMBER, "alarmbox"),
    "names of companies": lambda conn: credit_checks.find_company_names(
        conn, (CORPORATION_NUMBER, "2000000000000", "5000000000000")
    ),
    "numbers that we have": lambda conn: credit_checks.list_numbers_with_checks(
        conn, [CORPORATION_NUMBER, CORPORATION_NUMBER[::-1]], 3
    ),
    "provider's id": lambda conn: credit_checks.list_by_id_at_provider(conn, 5),
    "what a renewal replaced": lambda conn: credit_checks.find_superseded_record(conn, 5),
    "due": lambda conn: queues.list_due_credit_checks(conn, "incomplete", _NOW, 10),
    "what a wrong clock put off": lambda conn: future_dated_work.find_future_dated_rows(conn, _NOW, 10),
    "written by others": lambda conn: queues.find_new_foreign_rows(conn, 10**9, 10),
    "changed by others": lambda conn: queues.find_changed_foreign_rows(conn, 10**9, 10),
    "records of lapsed calls": journal.list_lapsed_record_ids,
    "records of lapsed calls of all kinds": journal.list_lapsed_record_ids_by_kind,
    "call running for a record": lambda conn: journal.find_running_operation(
        conn, credit_checks.CREDIT_CHECK_KIND, 1
    ),
    "purchases open for a number": lambda conn: journal.list_open_purchases(conn, CORPORATION_NUMBER),
    "idempotency key": lambda conn: idempotency.find_use(conn, "key"),
    "holder of a lease": lambda conn: leases.find_holder(conn, "name"),
    "changes": lambda conn: change_feed.list_changes_since(conn, None),
    "changes, later reading": lambda conn: change_feed.list_changes_since(conn, _CHANGE_FEED_POSITION),
    "changes, later reading, a late one": lambda conn: change_feed.list_changes_since(
        conn, replace(_CHANGE_FEED_POSITION, read_ids=frozenset())
    ),
    "order": lambda conn: orders.find(conn, 1),
    "order by its number": lambda conn: orders.find_by_number(conn, "ORD-7"),
    "orders of a corporation": lambda conn: orders.find_by_corporation(conn, CORPORATION_NUMBER),
    "payment": lambda conn: payments.find(conn, 1),
    "payment by our id": lambda conn: payments.find_by_payment_number(conn, "paypay", "ORD-7"),
    "payment by the provider's id": lambda conn: payments.find_by_id_at_provider(conn, "paypay", "04217"),
    "payments of a corporation": lambda conn: payments.find_by_corporation(conn, CORPORATION_NUMBER),
    "payments of an order": lambda conn: payments.find_by_order(conn, 7),
    "event of a payment": lambda conn: payment_events.find_by_event_id(conn, "paypay", "N-1"),
    "events of a payment": lambda conn: payment_events.find_by_payment(conn, 7),
    "events that wait": lambda conn: payment_events.list_events_with_state(conn, "queued", 10),
    "open refund of a payment": lambda conn: refunds.find_open_refund(conn, 70),
    "refund by its key": lambda conn: refunds.find_by_idempotency_key(conn, "RFD-7"),
    "refunds of a payment": lambda conn: refunds.find_by_payment(conn, 70),
    "look-alike of a refund": lambda conn: refunds.find_equal_recent_refund(conn, 70, 1_000, _NOW),
    "account": lambda conn: accounts.find_by_corporation(conn, CORPORATION_NUMBER, "JPY"),
    "set aside of a payment": lambda conn: set_asides.find_by_payment(conn, 7),
    "records of numbers": lambda conn: our_records.find_numbers_with_our_records(
        conn, [CORPORATION_NUMBER, CORPORATION_NUMBER_WITH_PAYMENTS]
    ),
    "set aside and open": lambda conn: set_asides.list_open_set_asides(conn, 10),
}
QUERIES_SORTED_IN_MEMORY: dict[str, Query] = {
    "claims on numbers": lambda conn: credit_checks.find_claim_holder_ids(
        conn, {("1", CORPORATION_NUMBER), ("2", CORPORATION_NUMBER[::-1])}
    ),
    "live credit checks of numbers": lambda conn: credit_checks.find_live_checks_of_numbers(
        conn, [CORPORATION_NUMBER, CORPORATION_NUMBER[::-1]]
    ),
    "denied but bought": lambda conn: credit_checks.find_denied_but_bought(
        conn, [CORPORATION_NUMBER, CORPORATION_NUMBER[::-1]]
    ),
    "lost renewals": lambda conn: credit_checks.find_checks_of_lost_renewals(
        conn, [CORPORATION_NUMBER, CORPORATION_NUMBER[::-1]]
    ),
    "lapsed calls": journal.list_lapsed_operations,
    "numbers of open records": our_records.list_numbers_of_open_records,
    "unfinished work": journal.list_unfinished_operations,
    "operations of a record": lambda conn: journal.find_by_subject(conn, credit_checks.CREDIT_CHECK_KIND, 1),
    "holders": leases.list_holders,
    "money of a number": lambda conn: corporation_records.list_records_of_number(
        conn, CORPORATION_NUMBER_WITH_PAYMENTS
    ),
    "totals of a company": lambda conn: company.sum_money_of_corporation(
        conn, CORPORATION_NUMBER_WITH_PAYMENTS, _NOW
    ),
    "amounts given back outside": lambda conn: list(
        company._list_amounts_given_back_outside(conn, CORPORATION_NUMBER_WITH_PAYMENTS, _NOW)
    ),
    "beginning of a name": lambda conn: beginnings.find_ids_by_prefix(conn, "ORD-7", 20),
    "refunds of an order": lambda conn: refunds.find_by_order(conn, 70),
    "refunds of makers": lambda conn: refunds.read_sums_of_makers_since(conn, ["op-7", "op-8"], _NOW),
    "refunds of payers": lambda conn: refunds.list_ids_by_payers_since(conn, {70: "架空7", 71: "架空8"}, _NOW),
    "refunds of orders": lambda conn: refunds.find_by_orders(conn, [70, 71]),
    "refunds by their ids": lambda conn: refunds.find_by_ids(conn, [70, 71]),
    "facts of requests": lambda conn: refunds.read_request_facts(conn, [70, 71]),
    "payments like others of corporations": lambda conn: payments.find_by_corporations_and_amounts(
        conn, [CORPORATION_NUMBER, CORPORATION_NUMBER_WITH_PAYMENTS], [3_300, 500]
    ),
    "cases of payments": lambda conn: cases.list_rules_of_open_cases_by_id(conn, payments.PAYMENT_KIND, [70, 71]),
    "enabled names": lambda conn: operators.find_names_with_role(
        conn, ["op-a", "op-b"], MAKER_ROLES, includes_unlisted_names=False
    ),
    "refunds that wait for a decision": lambda conn: refunds.list_refunds_waiting_for_decision(conn, _NOW, 10),
    "payments due": lambda conn: payments.list_due_payments(conn, ["unknown"], _NOW, 10),
    "refunds due": lambda conn: refunds.list_due_refunds(conn, ["poll", "unknown"], _NOW, 10, ["paypay"]),
    "votes": lambda conn: approvals.read_voters_of_refunds(conn, [1, 2, 3]),
    "decisions that wait": lambda conn: approvals.read_open_proposals(conn, "refund", ["1", "2"]),
    "proposals that wait": lambda conn: approvals.list_open_proposals(conn, 10),
}
"""Queries by name that sort their result in memory. The result has few rows even if the table is large, so the sort
is fast.
"""
PREFIX_SEARCH_QUERIES: dict[str, Query] = {
    "numbers that begin so": lambda conn: credit_checks.find_by_number_prefix(conn, "7", 20, _NO_IDS),
    "names that begin so": lambda conn: credit_checks.find_by_name_prefixes(conn, ("架空商事9",), 20, _NO_IDS),
}


def _make_search_query(text: str, named: record_search.IdsByKind | None = None) -> Query:
    query = parse_search(text, _NOW.date())
    search = RecordSearch(QueueChoice(query.record_filter, now=_NOW), query.days, _NO_LAPSED_IDS, 50, named)
    return lambda conn: record_search.find_records(conn, search)


QUERY_BY_SEARCH: dict[str, Query] = {
    "search by status": _make_search_query("status:reversed provider:paypay amount:>100"),
    "search by outcome": _make_search_query("certainty:unknown kind:payment,refund cause:timeout"),
    "search of pending orders": _make_search_query("status:pending kind:order amount:>100"),
    "search by work": _make_search_query("work:needs_review kind:payment amount:>100"),
    "search of named records": _make_search_query("amount:>100", {"payment": {1, 2}, "refund": {1}, "order": {1}}),
    "records of searched numbers": lambda conn: record_search.find_record_ids_of_numbers(
        conn, [CORPORATION_NUMBER, CORPORATION_NUMBER_WITH_PAYMENTS]
    ),
}
"""Queries by name of the searches that an index answers. The few rows that are found are sorted by work state."""
NEWEST_ROW_SEARCH_QUERIES: dict[str, Query] = {
    f"search of the newest {kind}s": _make_search_query(f"kind:{kind} amount:>100")
    for kind in ("payment", "order", "refund")
}
"""Queries by name of the searches that read rows by primary key, newest first, until the page is full."""
ALL_QUERIES: dict[str, Query] = {
    **QUERY_BY_PAGE,
    **MERGED_PAGE_QUERIES,
    **FILTERED_PAGE_QUERIES,
    **COUNT_QUERIES,
    **KEY_LOOKUP_QUERIES,
    **QUERIES_SORTED_IN_MEMORY,
    **PREFIX_SEARCH_QUERIES,
}


RecordedStatements = list[tuple[str, Any]]
"""SQL statements in the sequence in which they were sent, each with its parameters."""


def record_statements(database: Database, query_function: Query) -> RecordedStatements:
    """Call the query function `query_function` on a connection, and return the SQL statements that it sends, with
    their parameters.
    """
    sent_statements: RecordedStatements = []

    def record_statement(_conn: Connection, _cursor: object, sql: str, values: Any, *_: object) -> None:
        sent_statements.append((sql, values))

    with database.read() as conn:
        event.listen(conn, "before_cursor_execute", record_statement)
        query_function(conn)
    assert sent_statements, "nothing was asked"
    return sent_statements


def explain_statements(database: Database, statements: RecordedStatements) -> list[str]:
    """Return the steps of the query plans of these statements. SQLite's steps are its own words; a server's steps
    have the form "access table key: extra".
    """
    with database.read() as conn:
        return [step for sql, values in statements for step in _explain_statement(conn, sql, values)]


def read_plan_steps(database: Database, query_function: Query) -> list[str]:
    """Return the steps of the plan by which this database answers the query."""
    return explain_statements(database, record_statements(database, query_function))


def _explain_statement(conn: Connection, sql: str, values: Any) -> Iterator[str]:
    if conn.dialect.name == "sqlite":
        yield from (str(step[-1]) for step in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values))
        return
    for row in conn.exec_driver_sql(f"EXPLAIN /*!80000 FORMAT=TRADITIONAL */ {sql}", values).mappings():
        yield f"{row['type']} {row['table']} {row['key']}: {row['Extra']}"


def find_whole_table_steps(plan_steps: Sequence[str]) -> list[str]:
    """Return the steps that read a whole table or index. Temporary tables of a statement don't count."""
    made = ("SCAN anon_", "SCAN (subquery-", "SCAN CONSTANT ROW", "ALL <", "index <")
    return [step for step in plan_steps if step.startswith(("SCAN", "ALL ", "index ")) and not step.startswith(made)]


def find_sort_steps(plan_steps: Sequence[str]) -> list[str]:
    """Return the steps that sort all found rows."""
    return [step for step in plan_steps if step == "USE TEMP B-TREE FOR ORDER BY" or "Using filesort" in step]


def check_plans(database_name: str, empty_url: str, big: Database) -> ReportRow:
    """Check the promise that none of `ALL_QUERIES` reads a whole table, whatever the size of the table. The queries
    are recorded on an empty database, because a service that finds nothing runs all its queries; the big database
    then explains the recorded statements. `database_name` describes the big database in the report. Return the row of
    the report, with the number of queries that read no whole table.
    """
    with closing(Database(empty_url, without_time_limit=True)) as empty:
        plans = {name: explain_statements(big, record_statements(empty, ask)) for name, ask in ALL_QUERIES.items()}
    wrong = {name: whole for name, plan_steps in plans.items() if (whole := find_whole_table_steps(plan_steps))}
    for name, whole in wrong.items():
        print(f"{database_name}: {name}: {'; '.join(whole)}", flush=True)
    figure = f"{len(ALL_QUERIES) - len(wrong)} of {len(ALL_QUERIES)}"
    return ReportRow(
        "5",
        f"questions answered by index, {database_name}",
        figure,
        "–",
        "–",
        "–",
        "all",
        not wrong,
        is_required_for_success=True,
    )
