"""Tests of the registry facts that are shown with records, on each database engine. A page needs one query of the
registry, only people with the right read the facts, and a damaged registry never prevents reading the records.
"""

import csv
import inspect
import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from console.app import Console
from console.domain.corporation_number import group_digits
from console.domain.errors import ConsoleError
from console.domain.exports.tables import ExportRequest, ListName
from console.domain.payments.records import Order, Payment, Refund
from console.domain.records import PurchaseRequest
from console.domain.registry.corporations import Corporation, CorporationEvent, CorporationKind
from console.domain.registry.facts import find_other_names
from console.sandbox.registry import close_company, make_company_row, merge_company, write_whole_file
from console.services.registry.facts import complete_with_corporations
from console.store.database.engine import Transaction
from console.store.registry.import_files import import_registry_files
from console.store.registry.reader import RegistryReader
from console.store.registry.registry_file import find_registry_file
from console.store.schema.legacy_table import TABLE_NAME
from console.wording.registry import format_purchase_warning
from console.wording.sentences.catalogue import read_sentences, translate
from tests.store.money_rows import insert_paid_payment, insert_requested_refund
from tests.store.registry.files import WHOLE_FILE_NAME, make_row, write_file
from tests.support.bulk_stage import make_alarmbox, make_corporation_numbers, make_unknown_checks
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.places import Place
from tests.support.refusals import call_for_refusal_code
from tests.support.registries import (
    CLOSED_NUMBER,
    HOSTILE_NAME,
    MERGED_NUMBER,
    MIDDLE_NUMBER,
    OPEN_NUMBER,
    REGISTRY_ROWS,
    SUCCESSOR_NUMBER,
    WHOLE_FILE_DAY,
    write_small_whole_file,
)
from tests.support.sent_statements import record_statements
from tests.support.team_mode import end_team_mode, start_team_mode

RECORD_COUNT = 12
pytestmark = pytest.mark.engines("sqlite", "mariadb")


@pytest.fixture
def alarmbox() -> InMemoryAlarmBox:
    return make_alarmbox(RECORD_COUNT)


@pytest.fixture
def console(place: Place, alarmbox: InMemoryAlarmBox) -> Iterator[Console]:
    with place.desk(alarmbox) as desk:
        yield desk


def import_into_registry(console: Console, *files: Path) -> None:
    """Import the files into the corporation registry of the desk."""
    import_registry_files(console._context.registry_folder, files)


def test_a_page_needs_one_query_of_the_registry(
    console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page with any number of records needs one query of the registry, also if the registry lacks some of the
    corporations.
    """
    chosen = make_unknown_checks(console, RECORD_COUNT)
    rows = [
        make_company_row(number, f"株式会社{place}番")
        for place, number in enumerate(make_corporation_numbers(RECORD_COUNT)[2:])
    ]
    import_into_registry(console, write_whole_file(tmp_path, WHOLE_FILE_DAY, 5, 1, first_rows=rows))
    query_sizes: list[int] = []
    find_many = RegistryReader.find_many

    def count_and_find(self: RegistryReader, numbers: frozenset[str]) -> object:
        query_sizes.append(len(numbers))
        return find_many(self, numbers)

    monkeypatch.setattr(RegistryReader, "find_many", count_and_find)
    page = console.recovery.read_queue("unknown")
    assert query_sizes == [RECORD_COUNT]
    entries = [item.record.registry_entry for item in page.items]
    assert sum(entry is not None for entry in entries) == RECORD_COUNT - 2
    assert {entry.registry_date for entry in entries if entry} == {WHOLE_FILE_DAY}
    assert len(chosen) == len(page.items)


def make_translate(language: str) -> Callable[..., str]:
    """Return a function that translates wording keys into this language."""
    return lambda key, **facts: translate(key, language, **facts)


def test_the_plan_of_a_purchase_offers_the_last_successor(console: Console, tmp_path: Path) -> None:
    """The plan of a purchase offers the last successor of a merged company. It offers no successor for a company
    that was closed without a merger, or if the last successor was also closed.
    """
    assert console.credit_checks.make_plan(MERGED_NUMBER).corporation is None
    (lost,) = make_corporation_numbers(1)
    into_closed = merge_company(make_company_row(lost, "消滅株式会社"), CLOSED_NUMBER, date(2026, 3, 1))
    import_into_registry(
        console, write_whole_file(tmp_path, WHOLE_FILE_DAY, 5, 1, first_rows=[*REGISTRY_ROWS, into_closed])
    )
    vanished = console.credit_checks.make_plan(lost).corporation
    assert vanished is not None
    assert (vanished.purchase_warning, vanished.offered_successor) == ("merged", None)
    for language in ("en", "ja"):
        warning = format_purchase_warning(vanished, make_translate(language))
        assert group_digits(CLOSED_NUMBER) in warning, "not offered, but named: a person can look it up"
    merged = console.credit_checks.make_plan(MERGED_NUMBER).corporation
    closed = console.credit_checks.make_plan(CLOSED_NUMBER).corporation
    ordinary = console.credit_checks.make_plan(OPEN_NUMBER).corporation
    assert merged is not None
    assert merged.offered_successor is not None
    assert (merged.purchase_warning, merged.offered_successor.number) == ("merged", SUCCESSOR_NUMBER)
    assert closed is not None
    assert (closed.purchase_warning, closed.offered_successor) == ("closed", None)
    assert ordinary is not None
    assert (ordinary.purchase_warning, ordinary.offered_successor) == (None, None)
    assert [match.has_records for match in merged.successors] == [False, False]


def test_an_export_names_the_source_of_company_names(
    console: Console, alarmbox: InMemoryAlarmBox, tmp_path: Path
) -> None:
    """An export names the source of each company name, and no cell is a spreadsheet formula."""
    chosen = make_unknown_checks(console, 3)
    hostile, long_name = make_corporation_numbers(RECORD_COUNT)[:2]
    rows = [make_company_row(hostile, HOSTILE_NAME), make_company_row(long_name, "@" + "長" * 149)]
    run = console.bulk_runs.create_run("take", chosen)
    console.bulk_runs.run(run.id)
    import_into_registry(console, write_whole_file(tmp_path, WHOLE_FILE_DAY, 5, 1, first_rows=rows))
    file = tmp_path / "results.csv"
    console.exports.write(ExportRequest(ListName.BULK, str(run.id)), file, "en")
    titles, *exported = list(csv.reader(file.read_text(encoding="utf-8-sig").splitlines()))
    names = [row[titles.index(read_sentences("en")["column.corporation"])] for row in exported]
    shown = HOSTILE_NAME.replace("\u202e", " ")
    assert names == [
        f"'{shown} (registry)",
        f"'@{'長' * 149} (registry)",
        group_digits(make_corporation_numbers(RECORD_COUNT)[2]),
    ]
    assert not [cell for row in exported for cell in row if cell.startswith(("=", "+", "-", "@"))]


@pytest.mark.expects_log("the registry is damaged on purpose")
def test_a_damaged_registry_is_no_obstacle(
    console: Console, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """If the registry is damaged, records are still read and the log has a message; the registry's own commands
    report the damage.
    """
    make_unknown_checks(console, 1)
    (number,) = make_corporation_numbers(1)
    import_into_registry(
        console,
        write_whole_file(tmp_path, WHOLE_FILE_DAY, 50, 1, first_rows=[make_company_row(number, "株式会社一番")]),
    )
    assert console.lookup.find_records(number).corporation is not None
    file = find_registry_file(console._context.registry_folder)
    assert file is not None
    console._context.open_registry().close()  # type: ignore[union-attr]  # it was read just now
    file.write_bytes(b"no database" * 4_000)
    with caplog.at_level(logging.WARNING, "console.registry"):
        result = console.lookup.find_records(number)
        page = console.recovery.read_queue("unknown")
        searched = console.lookup.search(number, 10)
    assert len(searched.credit_checks.records) == 1
    assert (searched.companies.items, searched.companies.registry_date) == ((), None)
    assert (result.corporation, len(result.credit_checks)) == (None, 1)
    assert [item.record.registry_entry for item in page.items] == [None]
    assert "registry can't be read" in caplog.text
    assert call_for_refusal_code(console.registry.read_status) == "bad_profile"


@pytest.mark.engines("mariadb")
def test_only_the_worker_imports_the_registry_on_a_server(
    place: Place, alarmbox: InMemoryAlarmBox, tmp_path: Path
) -> None:
    """On a server only the worker can import the registry: a person's import is refused and audited. A person in team
    mode can read records with the registry's facts.
    """
    whole = write_small_whole_file(tmp_path)
    with place.desk(alarmbox, person="worker", desk=2) as worker, place.desk(alarmbox) as person:
        make_unknown_checks(person, 1)
        with pytest.raises(ConsoleError) as refused:
            person.registry.import_files([whole])
        assert (refused.value.code, refused.value.detail["reason"]) == ("not_allowed", "role")
        assert worker.registry.import_files([whole]).registry_date == WHOLE_FILE_DAY
    trail = place.sql("SELECT what, result FROM audit_log WHERE subject_kind = 'registry' ORDER BY id")
    assert [tuple(row) for row in trail] == [("registry.import", "refused"), ("registry.imported", "done")]
    start_team_mode(place, "op-a")
    try:
        with place.desk(alarmbox, desk=3) as asking:
            assert asking._context.acts_through_worker
            import_into_registry(asking, whole)
            assert call_for_refusal_code(lambda: asking.registry.import_files([whole])) == "not_allowed"
            assert asking.registry.find_corporation(OPEN_NUMBER) is not None
            facts = asking.lookup.find_records(SUCCESSOR_NUMBER).corporation
            assert facts is not None
            assert [match.corporation.number for match in facts.predecessors] == [MIDDLE_NUMBER]
    finally:
        end_team_mode(place, "op-a")


def test_each_kind_of_record_marks_its_company_as_ours(console: Console, tmp_path: Path, place: Place) -> None:
    """A company counts as having records in our database because of its order, or because of a payment with its
    corporation number. An open refund of a payment of its order makes it count as having open records. Each of these
    records shows the company's name, when read by its id and in a queue.
    """
    import_into_registry(console, write_small_whole_file(tmp_path))
    for table in ("orders", "payments", "refunds"):
        place.drop_table_triggers(table)

    def list_our_matches() -> list[tuple[str, bool, bool]]:
        """Return each successor's number, if we have records of it, and if one of these records is open."""
        facts = console.registry.read_facts(MERGED_NUMBER)
        assert facts is not None
        return [(match.corporation.number, match.has_records, match.has_open_records) for match in facts.successors]

    assert list_our_matches() == [(MIDDLE_NUMBER, False, False), (SUCCESSOR_NUMBER, False, False)]
    place.sql(
        f"INSERT INTO orders (merch_txn_id, total_amount, corporation_number)"
        f" VALUES ('ORD-1', 3300, '{SUCCESSOR_NUMBER}')"
    )
    order_id = int(place.sql("SELECT id FROM orders WHERE merch_txn_id = 'ORD-1'")[0][0])
    assert list_our_matches() == [(MIDDLE_NUMBER, False, False), (SUCCESSOR_NUMBER, True, False)]
    payment = console._context.write(lambda tx: insert_paid_payment(tx.conn, "ORD-1", order_id=order_id))
    assert list_our_matches() == [(MIDDLE_NUMBER, False, False), (SUCCESSOR_NUMBER, True, False)]
    # The list of requests reads the clock of the database: a limit in the tests' own past would leave this one out.
    decide_by = console._context.now() + timedelta(hours=72)
    refund = console._context.write(
        lambda tx: insert_requested_refund(
            tx.conn, payment, maker=place.get_account_name("op-a"), decide_by=decide_by
        )
    )
    assert list_our_matches() == [(MIDDLE_NUMBER, False, False), (SUCCESSOR_NUMBER, True, True)]
    other = console._context.write(lambda tx: insert_paid_payment(tx.conn, "ORD-2", corporation_number=MIDDLE_NUMBER))
    assert list_our_matches() == [(MIDDLE_NUMBER, True, False), (SUCCESSOR_NUMBER, True, True)]

    keys = [("order", order_id), ("payment", payment.id), ("refund", refund.id), ("payment", other.id)]
    stored = console.lookup.read_records(keys)
    with console._context.database.read() as conn:
        named = complete_with_corporations(console._context, conn, [stored[key] for key in keys])
    names = [record.registry_entry.corporation.name for record in named if record.registry_entry is not None]
    assert names == ["承継合同会社", "承継合同会社", "承継合同会社", "中間株式会社"]
    (waiting,) = console.recovery.read_queue("refunds").items
    assert waiting.record.registry_entry is not None
    inbox = console.refunds.read_inbox()
    assert [one.registry_entry is not None for one in (*inbox.refunds_to_decide, *inbox.other_refunds)] == [True]
    view = console.refunds.read_refund(refund.id)
    assert view.corporation is not None
    assert view.corporation.number == SUCCESSOR_NUMBER


def test_companies_with_open_records_come_first(console: Console, tmp_path: Path, place: Place) -> None:
    """If more companies match a search than it may check, the companies with an open record come before all others,
    also if only the end of their names matches. A company whose order has no open records does not come first.
    """
    for table in ("orders", "payments", "refunds"):
        place.drop_table_triggers(table)
    of_check, of_refund, of_order = make_corporation_numbers(3)
    make_unknown_checks(console, 1)
    for name, number in (("ORD-1", of_refund), ("ORD-2", of_order)):
        place.sql(
            f"INSERT INTO orders (merch_txn_id, total_amount, corporation_number) VALUES ('{name}', 3300, '{number}')"
        )
    order_id = int(place.sql("SELECT id FROM orders WHERE merch_txn_id = 'ORD-1'")[0][0])
    payment = console._context.write(lambda tx: insert_paid_payment(tx.conn, "ORD-1", order_id=order_id))
    console._context.write(lambda tx: insert_requested_refund(tx.conn, payment, maker=place.get_account_name("op-a")))
    last = [
        close_company(make_company_row(one, f"株式会社遠い{one[:2]}の見本"), WHOLE_FILE_DAY)
        for one in make_corporation_numbers(3)
    ]
    rows = [*(make_row(index) for index in range(1_200)), *map(list, last)]
    import_into_registry(console, write_file(tmp_path, WHOLE_FILE_NAME, rows))
    companies = console.registry.find("見本", limit=5).items
    assert {match.corporation.number for match in companies if match.has_open_records} == {of_check, of_refund}
    assert [match.has_open_records for match in companies] == [True, True, False, False, False]
    assert of_order not in {match.corporation.number for match in console.registry.find("見本", limit=150).items}
    assert console.registry.find("見本", prefecture="大阪").items == ()


def test_ended_records_come_first_among_the_best_matches(console: Console, tmp_path: Path, place: Place) -> None:
    """If the 150th match of a search is a company with a settled order, this company is listed first. The better
    matches follow in their former sequence.
    """
    place.drop_table_triggers("orders")
    import_into_registry(console, write_file(tmp_path, WHOLE_FILE_NAME, [make_row(index) for index in range(150)]))
    best = [match.corporation.number for match in console.registry.find("見本", limit=150).items]
    place.sql(
        f"INSERT INTO orders (merch_txn_id, total_amount, corporation_number) VALUES ('ORD-1', 3300, '{best[-1]}')"
    )
    companies = console.registry.find("見本", limit=5).items
    assert [match.corporation.number for match in companies] == [best[-1], *best[:4]]
    assert [(match.has_records, match.has_open_records) for match in companies] == [
        (True, False),
        *[(False, False)] * 4,
    ]


def test_the_search_keeps_its_function_name_and_defaults(console: Console) -> None:
    """The search has the function name and defaults that other programs use; without a registry it returns no
    companies.
    """
    parameters = inspect.signature(console.registry.find).parameters
    assert {name: one.default for name, one in parameters.items()} == {
        "text": inspect.Parameter.empty,
        "prefecture": None,
        "limit": 50,
    }
    assert console.registry.find("見本").items == ()


def test_a_company_name_differs_only_if_people_see_a_difference() -> None:
    """Names that differ only in width, case, spaces or short forms of the legal form count as equal."""
    official = Corporation(
        OPEN_NUMBER, "株式会社ＡＢＣ商事", "", "", CorporationKind.STOCK_COMPANY, "", "", "", "", "", "", "",
        CorporationEvent.NEW, WHOLE_FILE_DAY, WHOLE_FILE_DAY, WHOLE_FILE_DAY,
    )  # fmt: skip
    same = ("株式会社ABC商事", "㈱ａｂｃ商事", "(株) ABC 商事", None, "")
    assert find_other_names((*same, "株式会社旧名", "株式会社旧名", "ABC商事合同会社"), official) == (
        "株式会社旧名",
        "ABC商事合同会社",
    )


@pytest.mark.engines("sqlite")
def test_the_pages_of_money_have_the_name_of_a_credit_check(console: Console, place: Place, tmp_path: Path) -> None:
    """The details of an order, a payment and a refund have the name that a credit check of the same corporation has,
    unless the registry has the official name.
    """
    name = console.credit_checks.purchase(PurchaseRequest(OPEN_NUMBER, "1")).company_name
    place.sql(
        f"INSERT INTO orders (merch_txn_id, total_amount, corporation_number) VALUES ('ORD-1', 3300, '{OPEN_NUMBER}')"
    )
    order_id = int(place.sql("SELECT id FROM orders WHERE merch_txn_id = 'ORD-1'")[0][0])
    payment = console._context.write(lambda tx: insert_paid_payment(tx.conn, "ORD-1", order_id=order_id))
    place.drop_table_triggers("refunds")
    refund = console._context.write(lambda tx: insert_requested_refund(tx.conn, payment))

    def read_names() -> list[str | None]:
        return [
            console.payments.read_order(order_id).record.name_in_credit_check,
            console.payments.read_payment(payment.id).record.name_in_credit_check,
            console.refunds.read_refund(refund.id).record.name_in_credit_check,
        ]

    assert name
    assert read_names() == [name] * 3
    import_into_registry(console, write_small_whole_file(tmp_path))
    assert read_names() == [None] * 3


def _insert_payment_with_refund(number: str, maker: str, decide_by: datetime, tx: Transaction) -> Payment:
    """Insert a paid payment of the corporation `number` with a refund that waits for its decision."""
    payment = insert_paid_payment(tx.conn, f"ORD-{number}", corporation_number=number)
    insert_requested_refund(tx.conn, payment, maker=maker, decide_by=decide_by)
    return payment


def test_each_list_has_the_names_of_credit_checks(console: Console, place: Place, tmp_path: Path) -> None:
    """The rows of queues, of search results and of the inbox of approvals, and the payment in the plan of a refund,
    have the name in the newest credit check of their corporation. One statement reads the names of a page. If the
    registry has the corporations, no statement is sent.
    """
    for table in ("payments", "refunds", TABLE_NAME):
        place.drop_table_triggers(table)
    names = [f"株式会社検査{position}" for position in range(3)]
    numbers = (OPEN_NUMBER, CLOSED_NUMBER, MERGED_NUMBER)
    for number, name in zip(numbers, names, strict=True):
        for client, stored_name in enumerate(("'株式会社旧社名'", f"'{name}'", "' \u3000'", "NULL"), 1):
            place.sql(
                f"INSERT INTO {TABLE_NAME} (client_id, corporation_number, company_name, status)"
                f" VALUES ({client}, '{number}', {stored_name}, 'error')"
            )
    decide_by = console._context.now() + timedelta(hours=72)
    payments = [
        console._context.write(
            partial(_insert_payment_with_refund, number, place.get_account_name("op-a"), decide_by)
        )
        for number in numbers
    ]

    def read_names(records: Iterable[Order | Payment | Refund]) -> list[str | None]:
        return [record.name_in_credit_check for record in records]

    def count_name_statements(sent: list[str]) -> int:
        return sum("AS company_name" in statement for statement in sent)

    with record_statements(console) as sent:
        refunds = [item.record for item in console.recovery.read_queue("refunds").items]
    assert [record.name_in_credit_check for record in refunds if isinstance(record, Refund)] == names
    assert count_name_statements(sent) == 1
    inbox = console.refunds.read_inbox()
    assert read_names((*inbox.refunds_to_decide, *inbox.other_refunds)) == names
    assert console.refunds.make_plan(payments[0].id).payment.name_in_credit_check == names[0]
    found = console.lookup.search(f"ORD-{OPEN_NUMBER}").records_by_kind["payment"].records
    assert [record.name_in_credit_check for record in found if isinstance(record, Payment)] == names[:1]
    stored = console.lookup.read_records([("payment", payment.id) for payment in payments])
    assert {record.name_in_credit_check for record in stored.values() if isinstance(record, Payment)} == set(names)
    import_into_registry(console, write_small_whole_file(tmp_path))
    with record_statements(console) as sent:
        refunds = [item.record for item in console.recovery.read_queue("refunds").items]
    assert [record.registry_entry is not None for record in refunds] == [True] * 3
    assert count_name_statements(sent) == 0


@pytest.mark.engines("sqlite")
def test_an_unreadable_credit_check_hides_no_page_of_money(console: Console, place: Place) -> None:
    """The details of a payment have the name in the newest credit check of its corporation, also if this program
    can't read another column of this row."""
    newest = console.credit_checks.purchase(PurchaseRequest(OPEN_NUMBER, "2"))
    payment = console._context.write(lambda tx: insert_paid_payment(tx.conn, "ORD-1", corporation_number=OPEN_NUMBER))
    place.drop_table_triggers(TABLE_NAME)
    place.sql(f"UPDATE {TABLE_NAME} SET certainty = 'future' WHERE id = {newest.id}")
    assert newest.company_name
    assert console.payments.read_payment(payment.id).record.name_in_credit_check == newest.company_name
