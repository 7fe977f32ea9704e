"""Tests that no read of a screen reads a whole table that can grow. SQLite explains the services' statements with all
relations of the records, without ANALYZE, as in most desks.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event

from console.app import Console
from console.store.queues.queues import RECORD_QUEUE_NAMES
from console.store.reconciliation import our_records
from tests.bench import plans
from tests.support.sample_desk import SampleDesk, open_sample_desk

_SMALL_TABLES = frozenset(
    {
        "alembic_version", "console_meta", "limits", "operators", "read_only_switches", "takes", "tasks",
        "lost_operations", "any_proposal",
    }
)  # fmt: skip
"""Names of tables that stay small over the years, and `any_proposal`, an alias under which a condition reads such
a table.
"""
_PRIMARY_KEY_READ_PATTERN = re.compile(r" ORDER BY \w+\.id( DESC)?\s+LIMIT \?")
"""The end of a statement that reads rows by their primary key until the page is full."""

RecordedStatements = dict[str, tuple[object, str]]
"""By SQL statement: the parameters of its first execution, and the name of the read that sent it first."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleDesk]:
    with open_sample_desk(tmp_path_factory.mktemp("home"), count=230, OPERATOR="op-a") as made:
        yield made


@contextmanager
def record_statements() -> Iterator[tuple[RecordedStatements, Callable[[str], None]]]:
    """Record the SELECT statements of all database engines within the block. Yield the recorded statements, and a
    function that sets the name of the next read."""
    statements: RecordedStatements = {}
    names = [""]

    def record_statement(_conn: object, _cursor: object, sql: str, values: object, *_: object) -> None:
        if sql.lstrip().upper().startswith(("SELECT", "WITH")):
            statements.setdefault(sql, (values, names[-1]))

    event.listen(Engine, "before_cursor_execute", record_statement)
    try:
        yield statements, names.append
    finally:
        event.remove(Engine, "before_cursor_execute", record_statement)


def read_all_records(desk: SampleDesk, set_name: Callable[[str], None]) -> None:
    """Read every queue, and one record of each kind with its timeline and its corporation."""
    console: Console = desk.console
    for queue in RECORD_QUEUE_NAMES:
        set_name(f"queue {queue}")
        console.recovery.read_queue(queue, 1_000)
        console.recovery.read_cause_groups(queue)
    subjects = [("credit-check", check.id) for check in {check.sample_kind: check for check in desk.samples}.values()]
    for payment in {payment.sample_kind: payment for payment in desk.payments}.values():
        subjects += [("payment", payment.id), *(("refund", refund.id) for refund in payment.refunds)]
        subjects += [("order", payment.order_id)] if payment.order_id else []
    for kind, record_id in subjects:
        set_name(f"{kind} {record_id}")
        console.recovery.read_record(kind, record_id)
        console.recovery.read_timeline(kind, record_id)
    for number in {payment.corporation_number for payment in desk.payments}:
        set_name(f"lookup {number}")
        console.lookup.find_records(number)
    for text in ("架空", "7", "S-100042", "ORD-2026", "¥500", "status:unknown", "RFD-A", "owner:-"):
        set_name(f"search {text}")
        console.lookup.search(text)


def read_counts_and_lists(console: Console, set_name: Callable[[str], None]) -> None:
    """Read the data that Home, the sidebar, the alerts and the approvals show."""
    reads: dict[str, Callable[[], object]] = {
        "counts": console.recovery.count_queued_records,
        "unfinished": console.recovery.list_unfinished_operations,
        "proposals": console.recovery.list_proposals,
        "alerts": console.alerts.list_open_alert_items,
        "companies": console.alerts.read_company_queue,
        "notices": console.notices.read_page,
        "left open": lambda: console.left_open.list_items(()),
        "incidents": console.incidents.list_incidents,
        "approvals": console.refunds.read_inbox,
        "views": console.saved_views.list_views,
        "audit": console.audit.list_entries,
    }
    for name, read in reads.items():
        set_name(name)
        read()


def read_page_of_reconciliation(console: Console, set_name: Callable[[str], None]) -> None:
    """Read one page of each list of our records that a reconciliation reads."""
    now = console._context.now()
    for list_rows in (our_records.list_paid_payments, our_records.list_begun_payments, our_records.list_sent_refunds):
        set_name(list_rows.__name__)
        with console.database.read() as conn:
            list_rows(conn, "paypay", (now - timedelta(days=30), 0), now, 100)


def test_no_read_of_a_screen_reads_a_whole_table(desk: SampleDesk) -> None:
    """Each statement finds its rows through an index, or reads rows by primary key until the page is full."""
    with record_statements() as (statements, set_name):
        read_all_records(desk, set_name)
        read_counts_and_lists(desk.console, set_name)
        read_page_of_reconciliation(desk.console, set_name)
    assert len(statements) > 100
    wrong = []
    with desk.console.database.read() as conn:
        for sql, (values, name) in statements.items():
            explained = conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)  # type: ignore[arg-type]  # as they were sent
            for step in plans.find_whole_table_steps([str(row[3]) for row in explained]):
                is_walk = _PRIMARY_KEY_READ_PATTERN.search(sql) is not None and " USING " not in step
                if step.split()[1] not in _SMALL_TABLES and not is_walk:
                    wrong.append((name, step, sql))
    assert wrong == []
