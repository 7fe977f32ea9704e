"""Tests of queues that are read in pages. All pages together contain each row once and in order, and each lapsed call
is in the right queue."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from sqlalchemy import Connection, event, insert

from console.domain.payments.records import Order, Payment, Refund
from console.domain.records import CreditCheck
from console.store.credit_checks import credit_checks
from console.store.database.engine import Database
from console.store.database.instants import convert_to_naive_utc
from console.store.queues import queues
from console.store.queues.queues import QueuePosition
from console.store.queues.table_queries import QueuedRecord
from console.store.records import any_record
from console.store.schema import payments as payment_schema
from console.store.schema.column_types import EPOCH_START
from console.store.schema.core import credit_checks as table
from tests.support.places import Engine, open_empty_place_anywhere

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
UNKNOWN_TIME = EPOCH_START.replace(tzinfo=UTC)
NO_LAPSED_IDS: queues.LapsedIds = {}
LAPSED_IDS: queues.LapsedIds = {
    "credit-check": frozenset({2, 7, 8, 30, 31, 55}),
    "payment": frozenset({1, 2, 3, 40}),
    "refund": frozenset({10, 13, 14, 15}),
}
with_and_without_lapsed = pytest.mark.parametrize(
    "lapsed", [NO_LAPSED_IDS, LAPSED_IDS], ids=["", "with lapsed calls"]
)
each_queue = pytest.mark.parametrize("name", queues.RECORD_QUEUE_NAMES)
WORK_STATES = ("none", "scheduled", "needs_review")


def compute_state_start(number: int) -> datetime:
    """Return the time at which the state of the record `number` began. This time doesn't rise with the ids, records
    of all kinds can have the same time, and for every eleventh record it is unknown."""
    return EPOCH_START if number % 11 == 0 else convert_to_naive_utc(NOW + timedelta(hours=number * 7 % 31))


def make_check_row(number: int, status: str, certainty: str, work: str, *, is_pdf_missing: bool) -> dict[str, object]:
    """Return the row of a credit check with this state, certainty and work state; each row has a company of its
    own. With `is_pdf_missing` a purchased credit check has no PDF.
    """
    bought = status == "success"
    return {
        "id": number,
        "client_id": 1,
        "corporation_number": f"{number:013d}",
        "credit_check_id": number if bought else None,
        "company_name": f"架空{number}" if bought else None,
        "result": "ok" if bought else None,
        "purchased_at": convert_to_naive_utc(NOW) if bought else None,
        "expired_at": convert_to_naive_utc(NOW) if bought else None,
        "pdf_file_path": "x.pdf" if bought and not is_pdf_missing else None,
        "status": status,
        "certainty": certainty,
        "work_state": work,
        "changed_at": convert_to_naive_utc(NOW),
        "state_since": compute_state_start(number),
        "work_reason": None,
    }


def make_order_row(number: int, status: str, work: str) -> dict[str, object]:
    """Return the row of an order; each row has an order number of its own."""
    return {
        "id": number,
        "merch_txn_id": f"ORD-{number}",
        "total_amount": 3_300,
        "status": status,
        "work_state": work,
        "updated_at": convert_to_naive_utc(NOW),
        "state_since": compute_state_start(number),
    }


def make_payment_row(number: int, status: str, certainty: str, work: str, **more: object) -> dict[str, object]:
    at = convert_to_naive_utc(NOW + timedelta(hours=number))
    known = {
        "order_id": None, "paid_at": None, "work_reason": None, "captured_minor": 0, "refunded_minor": 0,
        "told_at": None, "provider_minor": None, "provider_refunded_minor": None,
    }  # fmt: skip
    return known | more | {
        "id": number, "provider": "paypay", "merchant_payment_id": f"P-{number}", "currency": "JPY",
        "asked_minor": 3_300, "status": status, "certainty": certainty, "work_state": work, "created_at": at,
        "changed_at": at, "state_since": compute_state_start(number),
    }  # fmt: skip


def make_refund_row(
    number: int, status: str, certainty: str, work: str, payment_id: int | None = None
) -> dict[str, object]:
    at = convert_to_naive_utc(NOW + timedelta(hours=number))
    return {
        "id": number, "payment_id": payment_id or 1_000 + number, "refund_amount": 100, "currency": "JPY",
        "status": status,
        "certainty": certainty, "work_state": work, "maker": "op-a", "reason": "", "saw": "", "radar": "",
        "checkers_needed": 1, "decide_by": at, "created_at": at, "changed_at": at,
        "state_since": compute_state_start(number), "work_reason": None,
    }  # fmt: skip


@pytest.fixture(scope="module")
def database(engine: Engine) -> Iterator[Database]:
    """Yield a database with records of every kind in every combination of states."""
    with open_empty_place_anywhere(engine) as place, closing(Database(place.url(""))) as opened:
        for guarded in (table.name, "orders", "payments", "refunds"):
            place.drop_table_triggers(guarded)  # they have no history
        _insert_records(opened)
        yield opened


def _insert_records(opened: Database) -> None:
    kinds = [
        ("pending", "known", "none"),
        ("success", "known", "none"),
        ("error", "known", "none"),
        ("pending", "unknown", "needs_review"),
        ("success", "known", "scheduled"),
        ("pending", "unknown", "scheduled"),
        ("success", "known", "needs_review"),
    ]
    mixed = enumerate(product((True, False), range(5), kinds), 1)
    rows = [
        make_check_row(number, *kind, is_pdf_missing=is_pdf_missing) for number, (is_pdf_missing, _, kind) in mixed
    ]
    rows += [
        {**make_check_row(number, "success", "known", work, is_pdf_missing=False), "work_reason": "contradicted"}
        for number, work in ((71, "needs_review"), (72, "none"))
    ]
    with opened.write_without_retries() as tx:
        tx.conn.execute(insert(table), rows)
        tx.conn.execute(insert(payment_schema.orders), _make_order_rows())
        tx.conn.execute(insert(payment_schema.payments), _make_payment_rows())
        tx.conn.execute(insert(payment_schema.refunds), _make_refund_rows())


def _make_order_rows() -> list[dict[str, object]]:
    mixed = enumerate(product(range(2), ("pending", "paid", "cancelled"), WORK_STATES), 1)
    return [
        *({**make_order_row(number, status, work), "work_reason": None} for number, (_, status, work) in mixed),
        {**make_order_row(101, "on hold", "none"), "work_reason": None},
        *(
            {**make_order_row(number, "paid", "needs_review"), "work_reason": reason}
            for number, reason in ORDER_REASONS.items()
        ),
        {**make_order_row(105, "paid", "none"), "work_reason": "paid_late"},  # nobody has to look any more
    ]


ORDER_REASONS = {102: "paid_late", 103: "paid_without_payment", 104: "no_order"}


def _make_payment_rows() -> list[dict[str, object]]:
    states = ("initializing", "token_generated", "user_payment", "payment_success", "payment_failed", "expired")
    mixed = enumerate(product(range(2), states, ("known", "unknown"), WORK_STATES), 1)
    return [
        *(make_payment_row(number, state, certainty, work) for number, (_, state, certainty, work) in mixed),
        # Failed, and the order was paid since: by a later payment, by an earlier one that was late, or not.
        make_payment_row(101, "payment_failed", "known", "none", order_id=1),
        make_payment_row(102, "completed", "known", "none", order_id=1),
        make_payment_row(
            103, "completed", "known", "none", order_id=2, paid_at=convert_to_naive_utc(NOW + timedelta(hours=500))
        ),
        make_payment_row(104, "payment_failed", "known", "none", order_id=2),
        make_payment_row(105, "completed", "known", "none", order_id=3, paid_at=convert_to_naive_utc(NOW)),
        make_payment_row(106, "payment_failed", "known", "none", order_id=3),
        make_payment_row(107, "payment_failed", "known", "none", order_id=4),
        make_payment_row(108, "expired", "known", "none", order_id=4),
        *(
            make_payment_row(number, "completed", "known", work, **facts)
            for number, (work, facts) in WORK_AND_FACTS_BY_PAYMENT.items()
        ),
    ]


FAILED_PAYMENTS_PAID_LATER = {101, 104}
_NAIVE_NOW = convert_to_naive_utc(NOW)
_PAID_COLUMNS = {"captured_minor": 3_300, "told_at": _NAIVE_NOW}
WORK_AND_FACTS_BY_PAYMENT: Mapping[int, tuple[str, dict[str, object]]] = {
    # 109 to 115: the sides disagree. 116 to 121: they agree, were not asked, or a person looks for another reason.
    109: ("needs_review", {**_PAID_COLUMNS, "work_reason": "reconcile_amount"}),
    110: ("needs_review", {**_PAID_COLUMNS, "work_reason": "contradicted"}),
    111: ("scheduled", {**_PAID_COLUMNS, "work_reason": "move_order"}),
    112: ("none", {**_PAID_COLUMNS, "provider_minor": 3_200}),
    113: ("none", {"told_at": _NAIVE_NOW, "provider_minor": 3_299}),  # before the capture the requested amount counts
    114: ("none", {**_PAID_COLUMNS, "provider_minor": 3_300, "provider_refunded_minor": 100}),
    115: ("scheduled", {**_PAID_COLUMNS, "provider_minor": 3_200, "work_reason": "poll"}),
    116: ("none", {**_PAID_COLUMNS, "provider_minor": 3_300, "provider_refunded_minor": 0}),
    117: ("none", {"captured_minor": 3_300, "provider_minor": 3_200}),
    118: ("needs_review", {**_PAID_COLUMNS, "work_reason": "set_aside"}),
    119: ("none", {**_PAID_COLUMNS, "work_reason": "contradicted"}),
    120: ("scheduled", {**_PAID_COLUMNS, "work_reason": "waiting"}),
    121: ("none", {**_PAID_COLUMNS, "provider_minor": 3_300, "provider_refunded_minor": 100, "refunded_minor": 100}),
}
DISAGREEING_IDS_BY_KIND = {
    "payment": set(range(109, 116)),
    "order": {102, 103},
    "refund": {105},
    "credit-check": {71},
}


def _make_refund_rows() -> list[dict[str, object]]:
    states = ("requested", "approved", "submitting", "submitted", "completed", "failed", "withdrawn")
    mixed = enumerate(product(states, ("known", "unknown"), WORK_STATES), 1)
    return [
        *(make_refund_row(number, state, certainty, work) for number, (state, certainty, work) in mixed),
        make_refund_row(101, "failed", "known", "none", payment_id=1),
        make_refund_row(102, "completed", "known", "none", payment_id=1),
        make_refund_row(103, "completed", "known", "none", payment_id=2),
        make_refund_row(104, "failed", "known", "none", payment_id=2),
        {**make_refund_row(105, "completed", "known", "needs_review", payment_id=3), "work_reason": "contradicted"},
        {**make_refund_row(106, "completed", "known", "needs_review", payment_id=4), "work_reason": "probes_ended"},
    ]


FAILED_REFUNDS_COMPLETED_LATER = {101}


def read_all_pages(
    conn: Connection, name: str, limit: int, lapsed: queues.LapsedIds
) -> list[tuple[QueuePosition, QueuedRecord]]:
    """Read the queue `name` in pages of `limit` records until a page isn't full, and return the records with their
    positions."""
    placed_records: list[tuple[QueuePosition, QueuedRecord]] = []
    after = None
    while True:
        page = queues.read_queue_page(conn, name, after, limit, lapsed)
        placed_records += [(position, record) for position, record in page if record is not None]
        assert len(placed_records) % limit == len(page) % limit  # each row is readable
        if len(page) < limit:
            return placed_records
        after = page[-1][0]


def iterate_all_records(conn: Connection, lapsed: queues.LapsedIds) -> Iterator[QueuedRecord]:
    """Yield each record of every kind, read one by one."""
    for kind, number in product(queues.QUEUED_RECORD_KINDS, range(1, 125)):
        one = any_record.find(conn, kind, number, lapsed)
        if one is not None:
            yield one


CHECK_RULE_BY_QUEUE: Mapping[str, Callable[[CreditCheck], bool]] = {
    "pending": lambda one: one.state.value == "pending" and one.certainty.value == "known",
    "unknown": lambda one: one.certainty.value == "unknown",
    "error": lambda one: one.state.value == "error",
    "incomplete": lambda one: bool(one.incomplete),
}
PAYMENT_RULE_BY_QUEUE: Mapping[str, Callable[[Payment], bool]] = {
    "pending": lambda one: (
        one.state.value in ("initializing", "token_generated", "user_payment") and one.certainty.value == "known"
    ),
    "unknown": lambda one: one.certainty.value == "unknown",
    "error": lambda one: (
        one.state.value == "payment_failed"
        and one.certainty.value == "known"
        and one.id not in FAILED_PAYMENTS_PAID_LATER
    ),
}
REFUND_RULE_BY_QUEUE: Mapping[str, Callable[[Refund], bool]] = {
    "unknown": lambda one: one.certainty.value == "unknown",
    "error": lambda one: (
        one.state.value == "failed"
        and one.certainty.value == "known"
        and one.id not in FAILED_REFUNDS_COMPLETED_LATER
    ),
    "refunds": lambda one: one.state.value in ("requested", "approved", "submitting", "submitted"),
}


def belongs_to_queue(record: QueuedRecord, name: str) -> bool:
    """Return True if the record belongs to the queue `name`. The function applies the rules of the queues in Python,
    to compare them with the SQL.
    """
    if name == "disagree":
        return record.id in DISAGREEING_IDS_BY_KIND[get_record_kind(record)] and record.work.reason != "lapsed"
    if name == "review":
        return record.work.state.value == "needs_review" and record.work.reason != "state_unreadable"
    if isinstance(record, Order):
        return name == "pending" and record.state.value == "pending" and record.work.reason != "state_unreadable"
    if isinstance(record, Payment):
        return name in PAYMENT_RULE_BY_QUEUE and PAYMENT_RULE_BY_QUEUE[name](record)
    if isinstance(record, Refund):
        return name in REFUND_RULE_BY_QUEUE and REFUND_RULE_BY_QUEUE[name](record)
    return name in CHECK_RULE_BY_QUEUE and CHECK_RULE_BY_QUEUE[name](record)


def get_record_kind(record: QueuedRecord) -> str:
    return {Order: "order", Payment: "payment", Refund: "refund", CreditCheck: "credit-check"}[type(record)]


@with_and_without_lapsed
@each_queue
def test_pages_of_any_size_make_up_the_queue(database: Database, name: str, lapsed: queues.LapsedIds) -> None:
    """In pages of 1, 3, 7 or all records, a queue returns the same rows, each once. The rows are ordered by the
    stored work state, and then by age over all kinds, with unknown ages first."""
    with database.read() as conn:
        expected = {
            (get_record_kind(one), one.id): one
            for one in iterate_all_records(conn, lapsed)
            if belongs_to_queue(one, name)
        }
        assert expected, "a queue without rows shows nothing"
        for limit in (1, 3, 7, 1_000):
            placed_records = read_all_pages(conn, name, limit, lapsed)
            assert [place for place, _ in placed_records] == sorted(place for place, _ in placed_records), limit
            assert len(placed_records) == len(expected), limit
            assert {(place.kind, place.id): one for place, one in placed_records} == expected, limit
            ages = [(place.work_state, one.state_since or UNKNOWN_TIME) for place, one in placed_records]
            assert ages == sorted(ages), limit
        assert all(place.work_state == one.work.state for place, one in placed_records if one.work.reason != "lapsed")


@with_and_without_lapsed
@each_queue
def test_the_count_of_a_queue_equals_its_rows(database: Database, name: str, lapsed: queues.LapsedIds) -> None:
    """The count and the oldest age of a queue equal those of its rows."""
    with database.read() as conn:
        rows = [one for _, one in read_all_pages(conn, name, 1_000, lapsed)]
        assert queues.count_queue_records_and_find_oldest(conn, name, lapsed) == (
            len(rows),
            min(one.state_since for one in rows if one.state_since),
        )


@with_and_without_lapsed
@each_queue
def test_the_oldest_record_of_a_queue_may_be_one_that_was_not_counted(
    database: Database, name: str, lapsed: queues.LapsedIds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest age of a queue with too many records to count is that of its oldest record. The counted records are
    the first ones of each index range, and these are in the order of the work states.
    """
    with database.read() as conn:
        rows = [one for _, one in read_all_pages(conn, name, 1_000, lapsed)]
        monkeypatch.setattr(queues, "MAX_COUNTED_RECORDS", 1)
        assert queues.count_queue_records_and_find_oldest(conn, name, lapsed) == (
            min(len(rows), 2),
            min(one.state_since for one in rows if one.state_since),
        )


def test_counts_of_queues_stop_at_their_limit(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The count of a queue stops at one above the cap, which means that the queue has more records. Lapsed calls are
    counted too.
    """
    monkeypatch.setattr(queues, "MAX_COUNTED_RECORDS", 4)
    with database.read() as conn:
        for name in queues.RECORD_QUEUE_NAMES:
            assert queues.count_queue_records_and_find_oldest(conn, name, NO_LAPSED_IDS)[0] == 5
            assert queues.count_queue_records_and_find_oldest(conn, name, LAPSED_IDS)[0] == 5


@each_queue
def test_a_queue_is_counted_by_one_statement(database: Database, name: str) -> None:
    """The program counts a queue with one SQL statement, however many kinds and states the queue contains."""
    with database.read() as conn:
        assert (
            len(record_statements(conn, lambda: queues.count_queue_records_and_find_oldest(conn, name, LAPSED_IDS)))
            == 1
        )


def record_statements(conn: Connection, ask: Callable[[], object]) -> list[str]:
    """Call `ask`, and return the SQL statements that it sends on this connection."""
    statements: list[str] = []
    event.listen(conn, "before_cursor_execute", lambda _conn, _cursor, sql, *_: statements.append(sql))
    ask()
    return statements


def test_a_lapsed_call_keeps_its_place_in_the_queue(database: Database) -> None:
    """A refund with a lapsed call has the position of its stored work state in the queue, and the next page continues
    after it.
    """
    with database.read() as conn:
        state_and_reason_by_id = {
            place.id: (place.work_state, one.work.reason)
            for place, one in read_all_pages(conn, "refunds", 2, LAPSED_IDS)
        }
    assert [state_and_reason_by_id[number] for number in (13, 14, 15)] == [
        ("none", "lapsed"),
        ("scheduled", "lapsed"),
        ("needs_review", "lapsed"),
    ]


def test_suggestions_begin_with_the_typed_digits(database: Database) -> None:
    """The suggestions are the corporation numbers that begin with the typed digits, in ascending order and at most as
    many as requested. Suggestions of names follow the same rules."""
    with database.read() as conn:
        numbers = credit_checks.find_by_number_prefix(conn, "00000000000", 3, frozenset())
        names = credit_checks.find_by_name_prefixes(conn, ("架空1",), 3, frozenset())
        assert [one.id for one in numbers] == [1, 2, 3]
        assert [one.company_name for one in names] == ["架空12", "架空14", "架空16"]
        assert credit_checks.find_by_name_prefixes(conn, ("空想",), 3, frozenset()) == ()
