"""One search finds companies, records, operations and alerts. The tests search on each database engine for every
identifier, for words with conditions, for requests of other people, and for hostile texts.
"""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, insert, update

from console.app import Console
from console.domain.calendar_days import JST
from console.domain.lookup.search_result import SearchResult
from console.domain.payments.records import Payment
from console.domain.payments.states import RefundState
from console.domain.queues.filters import RecordFilter
from console.domain.queues.sort_order import QueueSortOrder, SortColumn
from console.domain.records import Certainty, PurchaseRequest
from console.store.alerts import alerts
from console.store.credit_checks import credit_checks
from console.store.database.engine import Database
from console.store.payments import orders, payments
from console.store.records.prefix_search import list_company_name_beginnings
from console.store.refunds import refunds
from console.store.schema.core import credit_checks as check_table
from console.store.schema.core import operations, request_ids
from console.store.schema.payments import refunds as refund_table
from console.store.schema.worker import takes
from tests.store.credit_checks.test_joined_reads import make_operation_row
from tests.store.money_rows import (
    NOW,
    insert_begun_payment,
    insert_paid_payment,
    insert_requested_refund,
    move_refund_to_state,
)
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.places import Place

CORPORATION_NUMBER = CORPORATION_NUMBERS[0]
TABLES_TO_EMPTY = ("alerts", "approvals", "operations", "orders", "payments", "refunds", "request_ids")
HOSTILE_TEXTS = (
    "%", "_", "'", '"', "\\", "a' OR 1=1 --", "あ", "🦊", "\u202e\u200f", "\x00\x1b", "\ud800", "NEAR(a b)", "*",
    "status:" * 200, "kind:payment " * 200, "名" * 100_000, "amount:>" + "9" * 500, "day:0000-00-00", ":", "::", "¥",
    "e\u0301" * 500,
)  # fmt: skip


@pytest.fixture
def connection(place: Place) -> Iterator[Connection]:
    """Yield a plain database connection that writes invented rows into the tables."""
    for table in TABLES_TO_EMPTY:
        place.drop_table_triggers(table)
    with closing(Database(place.url(""))) as opened, opened.engine.connect() as conn:
        yield conn.execution_options(isolation_level="AUTOCOMMIT")


@pytest.fixture
def console(place: Place, connection: Connection) -> Iterator[Console]:
    with place.desk(InMemoryAlarmBox()) as desk:
        yield desk


def list_found_records(result: SearchResult) -> set[tuple[str, int]]:
    """Return the kind and id of each record in the search result."""
    return {(kind, record.id) for kind, group in result.records_by_kind.items() for record in group.records}


def test_each_identifier_finds_its_record(console: Console, connection: Connection) -> None:
    """A search for any identifier of a record finds this record, and opening the search result shows the record."""
    check = console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1"))
    order_id = orders.insert_order(
        connection, orders.NewOrder("ORD-1", 50_000, corporation_number=CORPORATION_NUMBER), NOW
    )
    payment = insert_paid_payment(
        connection, "ORD-1", 50_000, order_id=order_id, provider_payment_id="04217788", asked_minor=50_000
    )
    other = insert_paid_payment(connection, "ORD-2", 12_000, provider_payment_id="04219900", payer="支払花子")
    payments.change_payment(connection, other, NOW, certainty="unknown")
    refund = move_refund_to_state(
        connection, insert_requested_refund(connection, payment, 1_000), RefundState.APPROVED
    )
    refunds.change_refund(connection, refund, NOW, status=RefundState.SUBMITTING, provider_refund_key="RFD-ABC")
    connection.execute(update(refund_table).values(refund_txn_id="GR-4711"))
    operation: dict[str, Any] = make_operation_row(refund.id, "refund.submit", "done") | {"subject_kind": "refund"}
    connection.execute(insert(operations), operation)
    operation_id = operation["id"]
    _add_request_id(connection, console, "REQ-7", refund.id, operation_id)
    alert = alerts.raise_alert(connection, "order_unpaid", "payment", payment.id, "ORD-1", "paid", "pending", NOW)
    assert alert is not None
    mine = {("payment", payment.id), ("order", order_id), ("refund", refund.id), ("credit-check", check.id)}

    def search_text(text: str) -> SearchResult:
        return console.lookup.search(text)

    assert list_found_records(search_text(CORPORATION_NUMBER)) == mine
    assert list_found_records(search_text("Ｔ" + CORPORATION_NUMBER)) == mine
    assert [one.id for one in search_text(CORPORATION_NUMBER).alerts] == [alert.id]
    for text, exact in {
        "ORD-1": ("payment", payment.id),
        "０４２１７７８８": ("payment", payment.id),
        "RFD-ABC": ("refund", refund.id),
        "GR-4711": ("refund", refund.id),
        f"R-{refund.id}": ("refund", refund.id),
        f"ｒー{refund.id}": ("refund", refund.id),
        operation_id: ("operation", operation_id),
    }.items():
        assert search_text(text).exact_match == exact, text
    assert search_text("ORD-").exact_match is None
    assert {("payment", payment.id), ("payment", other.id), ("order", order_id)} == list_found_records(
        search_text("ORD-")
    )
    assert ("refund", refund.id) in list_found_records(search_text("REQ-7"))
    assert [one.id for one in search_text("REQ-7").operations] == [operation_id]

    # conditions, alone, together and beside words
    day = NOW.astimezone(JST).date()
    for text, right in {
        f"¥50,000 {day}": {("payment", payment.id), ("order", order_id)},
        f"50000円 {day:%m/%d}": {("payment", payment.id), ("order", order_id)},
        "amount:<=12000 kind:payment": {("payment", other.id)},
        "status:unknown provider:paypay kind:payment": {("payment", other.id)},
        "ORD- status:unknown": {("payment", other.id)},
        f"{CORPORATION_NUMBER} kind:refund": {("refund", refund.id)},
        f"{CORPORATION_NUMBER} amount:>40000": {("payment", payment.id), ("order", order_id)},
        f"{CORPORATION_NUMBER} provider:atom": set(),
        f"day:{day + timedelta(days=1)} kind:payment": set(),
    }.items():
        assert list_found_records(search_text(text)) == right, text
    result = search_text("ORD-1 foo:bar")
    assert [one.kind.value for one in result.query.problems] == ["unknown_operator"]
    assert ("payment", payment.id) in list_found_records(result)
    nothing = search_text("foo:bar provider:zzz")
    assert (list_found_records(nothing), nothing.query.has_conditions) == (set(), False)

    # first the ones that need a person, and no more than asked for
    (first,) = console.lookup.search("ORD-", 1).payments.records
    assert console.lookup.search("ORD-", 1).payments.has_more
    assert first.id in (payment.id, other.id)

    # a payer is found by the beginning of the name; every record is explained
    assert list_found_records(search_text("支払")) == {("payment", other.id)}
    (unknown,) = search_text("支払").payments.records
    assert isinstance(unknown, Payment)
    assert unknown.certainty is Certainty.UNKNOWN
    assert all(record.relations is not None for record in search_text("ORD-").payments.records)

    # several values of one condition: whatever fulfils one of them, also if they are states and certainties
    for words in (("success", "unknown"), ("completed", "needs_review"), ("pending", "known"), ("paid", "none")):
        each = [list_found_records(search_text(f"status:{word}")) for word in words]
        assert list_found_records(search_text(f"status:{','.join(words)}")) == set().union(*each), words
    assert list_found_records(search_text("status:success,unknown"))

    for text in HOSTILE_TEXTS:
        answer = search_text(text)
        assert len(answer.query.words) <= 1_000, text
        assert not list_found_records(answer) or answer.query.has_conditions, text


def test_a_search_with_conditions_says_if_it_did_not_examine_all_records(
    console: Console, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search text has the beginning of a number and conditions: the conditions are checked only for the first
    records whose numbers have this beginning. If there are more such records, the result says that not all of them
    were checked, because one of the others may fulfil the conditions.
    """
    monkeypatch.setattr("console.services.lookup.search._MAX_PREFIX_MATCHES", 2)
    for number in ("ORD-1", "ORD-2"):
        insert_paid_payment(connection, number)
    last = insert_paid_payment(connection, "ORD-3")
    payments.change_payment(connection, last, NOW, certainty="unknown")
    cut = console.lookup.search("ORD- status:unknown")
    assert (list_found_records(cut), cut.payments.is_partial) == (set(), True)
    whole = console.lookup.search("ORD-3 status:unknown")
    assert (list_found_records(whole), whole.payments.is_partial) == ({("payment", last.id)}, False)
    assert not console.lookup.search("ORD-").is_partial


def test_the_owner_of_a_record_is_found_among_many_takes(console: Console, connection: Connection) -> None:
    """A bulk run can take thousands of records. The filters of the owner still find the records of other people, and
    records that nobody has taken.
    """
    taken, free = insert_paid_payment(connection, "ORD-1"), insert_paid_payment(connection, "ORD-2")
    other_take = {
        "kind": "payment", "person": "op-c", "taken_at": NOW - timedelta(1), "until": NOW + timedelta(30_000)
    }  # fmt: skip
    other_takes = [{**other_take, "subject_id": 1_000 + place} for place in range(600)]
    last_take = {**other_take, "subject_id": taken.id, "person": "lead-b", "taken_at": NOW}
    connection.execute(insert(takes), [*other_takes, last_take])
    assert list_found_records(console.lookup.search("owner:lead-b kind:payment")) == {("payment", taken.id)}
    assert list_found_records(console.lookup.search("owner:- kind:payment")) == {("payment", free.id)}
    order = QueueSortOrder(SortColumn.OWNER)
    queue = console.recovery.read_queue("pending", 50, None, RecordFilter(owner="-"), order)
    assert queue.items == ()


def _add_request_id(connection: Connection, console: Console, name: str, refund: int, operation: str) -> None:
    """Insert a used request id of this person that belongs to the refund and its operation."""
    facts = {
        "person": console._context.operator or "", "request_id": name, "command": "refund approve",
        "fingerprint": "f", "state": "kept", "begun_ms": 0, "subject_kind": "refund", "subject_id": str(refund),
        "operation_id": operation, "desk": "d", "host": "h", "process": 1, "since": NOW.replace(tzinfo=None),
        "token": "t", "lease_clock": "c", "lease_expires": 0, "fence": 1,
    }  # fmt: skip
    connection.execute(insert(request_ids), facts)
    connection.execute(insert(request_ids), facts | {"person": "somebody-else", "request_id": "REQ-8"})


def test_a_request_id_of_another_person_is_not_found(console: Console, connection: Connection) -> None:
    """A search for a request id that another person has used finds nothing, like a search for an unused request
    id.
    """
    payment = insert_begun_payment(connection, "P-1")
    _add_request_id(connection, console, "REQ-7", payment.id, "o-1")
    assert list_found_records(console.lookup.search("REQ-8")) == set()
    assert console.lookup.search("REQ-8").operations == ()


@pytest.mark.parametrize(
    "written", ["T{}", "\uff54{}", "{}\t", "{}\r\n", "{}\u00a0", "{}\u200b", "\ufeff{}", "\u3000{}"]
)
def test_an_order_is_found_despite_the_spelling_of_its_corporation_number(
    console: Console, connection: Connection, written: str
) -> None:
    """The shop has written an order's corporation number in another spelling. The order's page shows the normalised
    number; a search for this number and the lookup find the order.
    """
    order_id = orders.insert_order(
        connection, orders.NewOrder("ORD-1", 50_000, corporation_number=written.format(CORPORATION_NUMBER)), NOW
    )
    payment = insert_paid_payment(connection, "ORD-1", 50_000, order_id=order_id)
    lookup_result = console.lookup.find_records(CORPORATION_NUMBER)
    assert [(order.id, order.corporation_number) for order in lookup_result.orders] == [
        (order_id, CORPORATION_NUMBER)
    ]
    assert [one.id for one in lookup_result.payments] == [payment.id]
    assert list_found_records(console.lookup.search(CORPORATION_NUMBER)) == {
        ("order", order_id),
        ("payment", payment.id),
    }
    assert not console.lookup.find_records(CORPORATION_NUMBERS[1]).orders


@pytest.mark.parametrize("written", ["T{}", "\uff54{}\t", "\u3000{}"])
def test_a_credit_check_is_found_despite_the_spelling_of_its_corporation_number(
    console: Console, connection: Connection, written: str
) -> None:
    """Another application has written a check with its corporation number in another spelling, and no task has
    corrected it yet. A search for the number finds the check, as the lookup does."""
    connection.execute(
        insert(check_table), {"client_id": 1, "corporation_number": written.format(CORPORATION_NUMBER)}
    )
    (check,) = console.lookup.find_records(CORPORATION_NUMBER).credit_checks
    assert list_found_records(console.lookup.search(CORPORATION_NUMBER)) == {("credit-check", check.id)}
    assert list_found_records(console.lookup.search(CORPORATION_NUMBERS[1])) == set()


@pytest.mark.parametrize("typed", ["{}-{}", "{}–{}", "{} {}", "T{}—{}"])
def test_the_beginning_of_a_number_is_found_with_any_dash(console: Console, typed: str) -> None:
    """A search finds a credit check by the first digits of its corporation number, whichever dash divides them."""
    check = console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1"))
    text = typed.format(CORPORATION_NUMBER[:1], CORPORATION_NUMBER[1:5])
    assert list_found_records(console.lookup.search(text)) == {("credit-check", check.id)}


@pytest.mark.parametrize(
    ("stored", "typed"),
    [
        ("株式会社ＡＢＣ", "株式会社ABC"),
        ("株式会社ＡＢＣ", "株式会社abc"),
        ("株式会社ABC", "株式会社ＡＢＣ"),
        ("山田　太郎", "山田　太郎"),
        ("山田　太郎", "山田 太郎"),
        ("ﾔﾏﾀﾞ ﾀﾛｳ", "ヤマダ　タロウ"),
        ("ヤマダ　タロウ", "ﾔﾏﾀﾞ ﾀﾛｳ"),
        ("がくぶん社", "か\u3099くぶん社"),
        ("taro@example.com", "Taro@Example.com"),
    ],
)
def test_a_name_is_found_in_its_usual_spellings(
    console: Console, connection: Connection, stored: str, typed: str
) -> None:
    """A search finds a credit check and a payment by a name that is typed in another width, case or form of kana
    than it is stored. The payment is the exact match.
    """
    check = console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1"))
    connection.execute(update(check_table).values(company_name=stored))
    payment = insert_paid_payment(connection, "ORD-1", 12_000, provider_payment_id="04219900", payer=stored)
    insert_paid_payment(connection, "ORD-2", 12_000, provider_payment_id="04219901", payer="支払花子")
    result = console.lookup.search(typed)
    assert list_found_records(result) == {("credit-check", check.id), ("payment", payment.id)}
    assert result.exact_match == ("payment", payment.id)


@pytest.mark.parametrize(
    ("stored", "typed"),
    [
        ("株式会社アルファ", "アルファ"),
        ("株式会社アルファ", "㈱アル"),
        ("アルファ株式会社", "株式会社アルファ"),
        ("（株）ＡＢＣ", "abc"),  # full-width, as a name is stored
    ],
)
def test_a_company_is_found_without_its_legal_form(
    console: Console, connection: Connection, stored: str, typed: str
) -> None:
    """A search finds companies whose names begin with the typed text, also if the stored name or the typed text has a
    legal form before or after the name.
    """
    check = console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1"))
    connection.execute(update(check_table).values(company_name=stored))
    assert list_found_records(console.lookup.search(typed)) == {("credit-check", check.id)}
    assert list_found_records(console.lookup.search("ファ")) == set()


def test_the_typed_name_comes_before_the_same_name_after_a_legal_form(
    console: Console, connection: Connection
) -> None:
    """More companies match than the search returns: it returns a company whose stored name begins with the typed text
    before one whose name has a legal form before this text.
    """
    for client, name in (("1", "株式会社アルファ"), ("2", "アルファ株式会社")):
        check = console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, client))
        connection.execute(update(check_table).where(check_table.c.id == check.id).values(company_name=name))
    checks = credit_checks.find_by_name_prefixes(connection, list_company_name_beginnings("アルファ"), 1, frozenset())
    assert [one.company_name for one in checks] == ["アルファ株式会社"]
