"""Tests of rows that another application writes into the original columns: a desk sees these rows, they hold their
claim, and a due task adopts them.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

import pytest
from sqlalchemy import Connection

from console.app import Console
from console.domain.records import CreditCheck, PurchaseRequest
from console.services.tasks.due_tasks import DueTasks
from console.store.credit_checks import credit_checks
from console.store.queues import queues
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.invented import invent_numbers
from tests.support.places import Place
from tests.support.refusals import call_for_refusal_code

(CORPORATION_NUMBER,) = invent_numbers(1)


@pytest.fixture
def alarmbox() -> InMemoryAlarmBox:
    return InMemoryAlarmBox()


@pytest.fixture
def console(place: Place, alarmbox: InMemoryAlarmBox) -> Iterator[Console]:
    with place.desk(alarmbox) as desk:
        yield desk


def insert_as_other_application(place: Place, spelling: str = CORPORATION_NUMBER, **more: object) -> int:
    """Insert a row with this spelling of the corporation number as the other application does, without the
    server's strict mode, and return the row's id. `more` are the values of further columns.
    """
    (row,) = insert_rows_as_other_application(place, [spelling], **more)
    return row


def insert_rows_as_other_application(place: Place, spellings: Sequence[str], **more: object) -> list[int]:
    """Insert a row with each of these spellings (see `insert_as_other_application`), and return the rows' ids in the
    same order. All rows have the values `more`.
    """
    columns = ", ".join(("client_id", "corporation_number", *more))
    values = "".join(", NULL" if value is None else f", '{value}'" for value in more.values())
    rows = ", ".join(f"(1, '{spelling}'{values})" for spelling in spellings)
    id_rows = place.execute_as_shop(
        *(("SET sql_mode = ''",) if place.is_server else ()),
        f"INSERT INTO hansha_alarmbox_credit_checks ({columns}) VALUES {rows}",
        f"SELECT id FROM hansha_alarmbox_credit_checks ORDER BY id DESC LIMIT {len(spellings)}",
    )
    return [int(row) for (row,) in reversed(id_rows)]


def buy_check(console: Console, *, renew: bool = False) -> CreditCheck:
    return console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1", renew=renew))


def read_purchase_error_code(console: Console) -> str:
    """Try to purchase CORPORATION_NUMBER, which must be refused, and return the code of the error."""
    return call_for_refusal_code(lambda: buy_check(console))


def test_a_bought_row_with_an_unreadable_number_can_be_opened(console: Console, place: Place) -> None:
    """A row that another application has bought for a text that is no corporation number has a page, before and after
    the due tasks."""
    row = insert_as_other_application(place, "nonsense", credit_check_id=5, status="success")
    assert console.credit_checks.read_credit_check(row).record.corporation_number == "nonsense"
    console.recovery.run_all_tasks()
    assert console.credit_checks.read_credit_check(row).record.corporation_number == "nonsense"


def test_a_refetch_leaves_a_bought_row_bought(console: Console, alarmbox: InMemoryAlarmBox, place: Place) -> None:
    """A row of the other application with the provider's id is a success before and after a re-fetch, also if no due
    task has adopted it yet.
    """
    charged = alarmbox.buy_check(PurchaseRequest(CORPORATION_NUMBER, "1")).content
    row = insert_as_other_application(place, credit_check_id=charged.credit_check_id if charged else None)
    result = console.credit_checks.refetch(row)
    assert (result.record.state, result.record.incomplete) == ("success", ())
    assert read_purchase_error_code(console) == "already_purchased"


@pytest.mark.parametrize(
    "spelling",
    [
        f"T{CORPORATION_NUMBER}",
        f"Ｔ{CORPORATION_NUMBER}",
        f"{CORPORATION_NUMBER[:4]}\t{CORPORATION_NUMBER[4:]}",
        f"\ufeff{CORPORATION_NUMBER}",
    ],
)
@pytest.mark.parametrize("credit_check_id", [None, 77])
def test_rows_in_spellings_that_sql_cannot_compare_hold_the_claim(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place, spelling: str, credit_check_id: int | None
) -> None:
    """A row whose corporation number has a spelling that SQL cannot compare is found and holds its claim, at once
    after its insert and after the next due task.
    """
    row = insert_as_other_application(place, spelling, credit_check_id=credit_check_id)
    for _ in range(2):
        (record,) = console.lookup.find_records(CORPORATION_NUMBER).credit_checks
        assert (record.id, record.corporation_number, record.state) == (
            row,
            CORPORATION_NUMBER,
            "success" if credit_check_id else "pending",
        )
        assert read_purchase_error_code(console) == "already_purchased"
        console.recovery.run_all_tasks()
    assert alarmbox.charges == []


def test_a_row_in_another_spelling_holds_its_claim_among_many_unadopted_rows(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place
) -> None:
    """The other application has written 250 rows while no window and no worker was running. A later row with another
    spelling of its number still holds its claim.
    """
    insert_rows_as_other_application(place, invent_numbers(250, seed=9), credit_check_id=5)
    row = insert_as_other_application(place, f"T{CORPORATION_NUMBER}", credit_check_id=77)
    assert read_purchase_error_code(console) == "already_purchased"
    assert [record.id for record in console.lookup.find_records(CORPORATION_NUMBER).credit_checks] == [row]
    assert alarmbox.charges == []


@pytest.mark.parametrize("name", ["", " ", "\u3000\u3000", "\u200b"])
def test_a_blank_company_name_is_no_name(console: Console, place: Place, name: str) -> None:
    """A name of white space or invisible characters is read as missing, so that a screen shows the official name or
    the number in its place and not an empty title.
    """
    row = insert_as_other_application(place, credit_check_id=77, company_name=name)
    assert console.credit_checks.read_credit_check(row).record.company_name is None


def test_an_expired_row_in_another_spelling_can_be_renewed(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place
) -> None:
    """The other application wrote a row with the number in another spelling, and the row's validity has ended. A
    plain purchase is refused; a renewal is possible, and supersedes the row, also after the next due task.
    """
    row = insert_as_other_application(
        place, f"T{CORPORATION_NUMBER}", credit_check_id=77, expired_at="2020-01-01 00:00:00"
    )
    assert read_purchase_error_code(console) == "already_purchased"
    assert alarmbox.charges == []
    new = buy_check(console, renew=True)
    assert console.credit_checks.read_credit_check(row).record.superseded_by == new.id
    console.recovery.run_all_tasks()
    assert [r.id for r in console.lookup.find_records(CORPORATION_NUMBER).credit_checks] == [new.id, row]


def test_a_second_spelling_of_a_claimed_number_is_a_duplicate(console: Console, place: Place) -> None:
    """A row has another spelling of a number whose claim is held: the due task marks the row as a duplicate and puts
    it into the review queue. A lookup of the number finds both records.
    """
    purchased_check = buy_check(console)
    row = insert_as_other_application(place, f"T{CORPORATION_NUMBER}", credit_check_id=77)
    console.recovery.run_all_tasks()
    both = console.lookup.find_records(CORPORATION_NUMBER).credit_checks
    assert [(r.id, r.duplicate_of) for r in both] == [(row, purchased_check.id), (purchased_check.id, None)]
    assert [item.record.id for item in console.recovery.read_queue("review").items] == [row]


def test_a_pending_adopted_row_becomes_bought_by_its_writer(console: Console, place: Place) -> None:
    """The other application stores the provider's id in a pending row that was adopted: the row becomes a success at
    once and leaves the review queue.
    """
    row = insert_as_other_application(place)
    console.recovery.run_all_tasks()
    place.execute_as_shop(f"UPDATE hansha_alarmbox_credit_checks SET credit_check_id = 5 WHERE id = {row}")
    for _ in range(2):
        record = console.credit_checks.read_credit_check(row).record
        assert (record.state, record.work.state) == ("success", "none")
        console.recovery.run_all_tasks()
    assert console.recovery.read_queue("review").items == console.recovery.read_queue("pending").items == ()


@pytest.mark.parametrize("spelling", [CORPORATION_NUMBER, f"{CORPORATION_NUMBER[:4]}-{CORPORATION_NUMBER[4:]}"])
def test_the_writer_corrects_an_unreadable_number(console: Console, place: Place, spelling: str) -> None:
    """The other application corrects an unreadable number, as the record's next step advises. The due task adopts the
    row again, the row holds its claim, and its case is closed.
    """
    row = insert_as_other_application(place, "nonsense")
    console.recovery.run_all_tasks()
    assert console.credit_checks.read_credit_check(row).record.work.reason == "number_unreadable"
    place.execute_as_shop(
        f"UPDATE hansha_alarmbox_credit_checks SET corporation_number = '{spelling}' WHERE id = {row}"
    )
    for _ in range(2):
        console.recovery.run_all_tasks()
        record = console.credit_checks.read_credit_check(row).record
        assert (record.corporation_number, record.work.reason) == (CORPORATION_NUMBER, "written_by_other")
    assert [alert for alert in console.alerts.list_alerts() if alert.resolved_at is None] == []
    assert read_purchase_error_code(console) == "already_purchased"


@pytest.mark.parametrize("invalid_date", ["", "soon", "2026-13-45", "0000-00-00", 7])
def test_invalid_dates_are_missing_values(console: Console, place: Place, invalid_date: object) -> None:
    """A date that can't be read is shown as missing. The row's record and queue, and the due tasks, still work."""
    row = insert_as_other_application(place, credit_check_id=5, purchased_at=invalid_date, expired_at=invalid_date)
    assert "dates" in console.credit_checks.read_credit_check(row).record.incomplete
    console.recovery.run_all_tasks()
    assert [r.id for r in console.lookup.find_records(CORPORATION_NUMBER).credit_checks] == [row]


@pytest.mark.expects_log("the spoilt row is told")
def test_one_run_of_the_due_task_adopts_all_rows(
    console: Console, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 130 rows, one raises an error: one run of the due task adopts all others, and the next run adopts the
    remaining row.
    """
    many = invent_numbers(130)
    written = insert_rows_as_other_application(place, [f"T{number}" for number in many], credit_check_id=5)
    find, spoilt = credit_checks.find, written[3]

    def find_or_raise(conn: Connection, record_id: int) -> CreditCheck | None:
        if record_id == spoilt:
            raise ValueError("a row that nobody foresaw")
        return find(conn, record_id)

    monkeypatch.setattr("console.services.tasks.due_tasks.credit_checks.find", find_or_raise)
    assert run_adoption_task(console) == len(many) - 1
    monkeypatch.undo()
    assert run_adoption_task(console) == 1
    assert run_adoption_task(console) == 0
    assert place.sql("SELECT count(*) FROM hansha_alarmbox_credit_checks WHERE status = 'success'")[0][0] == 130


@pytest.mark.expects_log("the broken batch is told")
@pytest.mark.engines("sqlite", "mariadb", "galera")
def test_two_simultaneous_runs_adopt_each_row_once(
    console: Console, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a second worker adopts all rows after the first worker has listed them, the first worker adopts no row, and
    each row has one audit entry.
    """
    rows = [insert_as_other_application(place, number) for number in invent_numbers(5)]
    find, read_ids = credit_checks.find, list[int]()

    def raise_at_first_row(conn: Connection, record_id: int) -> CreditCheck | None:
        """Raise an error at the first row of the batch. The first worker then adopts the rows one by one, after the
        second worker has adopted them.
        """
        read_ids.append(record_id)
        if len(read_ids) == 1:
            raise ValueError("a row that nobody foresaw")
        return find(conn, record_id)

    def adopt_after_other_run(due: DueTasks, row: tuple[int, str, str]) -> bool:
        monkeypatch.undo()
        assert run_adoption_task(other) == len(rows)
        return due._adopt_row_alone(row)

    with place.desk(InMemoryAlarmBox(), person="op-b", desk=1) as other:
        monkeypatch.setattr("console.services.tasks.due_tasks.credit_checks.find", raise_at_first_row)
        monkeypatch.setattr(DueTasks, "_adopt_row_alone", adopt_after_other_run)
        assert run_adoption_task(console) == 0
    subject_ids = place.sql("SELECT subject_id FROM audit_log WHERE what = 'credit-check.adopted' ORDER BY id")
    assert [int(subject) for (subject,) in subject_ids] == rows


@pytest.mark.engines("mariadb", "galera")
def test_a_run_with_a_concurrent_commit_adopts_each_row(
    console: Console, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If another run commits between two statements of a run's transaction on a server, each row is still adopted
    once.
    """
    rows = [insert_as_other_application(place, number) for number in invent_numbers(5)]
    read, counts = queues.find_new_foreign_rows, list[int]()

    def find_and_run_other_task(conn: Connection, up_to_id: int, limit: int) -> tuple[queues.ForeignRow, ...]:
        read_rows = read(conn, up_to_id, limit)
        if limit > 1 and not counts:
            counts.append(0)
            counts.append(run_adoption_task(other))
        return read_rows

    with place.desk(InMemoryAlarmBox(), person="op-b", desk=1) as other:
        monkeypatch.setattr("console.services.tasks.due_tasks.queues.find_new_foreign_rows", find_and_run_other_task)
        assert (run_adoption_task(console), counts) == (0, [0, len(rows)])
    assert place.sql("SELECT count(*) FROM audit_log WHERE what = 'credit-check.adopted'") == [(len(rows),)]


def run_adoption_task(console: Console) -> int:
    """Run the due task `rows_by_others` without its lease, as a worker does that has lost the lease and hasn't
    noticed. Return the number of adopted rows.
    """
    with console.acting_as("worker"):
        return console.scheduler._tasks["rows_by_others"]()


@pytest.mark.engines("sqlite", "mariadb")
def test_a_run_ends_although_another_application_writes(
    console: Console, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """During each batch of a run, the other application inserts 30 more rows and changes an adopted row again. The
    run still ends; the next run adopts these later rows.
    """
    fresh, adopt = iter(invent_numbers(400, seed=9)), DueTasks._adopt_row_batch
    first = insert_rows_as_other_application(place, list(islice(fresh, 60)), credit_check_id=5)
    waiting = insert_rows_as_other_application(place, list(islice(fresh, 3)))
    assert run_adoption_task(console) == 63
    batches: list[int] = []

    def adopt_after_other_run(due: DueTasks, *given: object) -> None:
        adopt(due, *given)  # type: ignore[arg-type]  # as they came
        batches.append(1)
        assert len(batches) < 20, "the run doesn't end"
        insert_rows_as_other_application(place, list(islice(fresh, 30)), credit_check_id=5)
        place.sql(
            "UPDATE hansha_alarmbox_credit_checks SET work_state = 'needs_review', work_reason = 'written_by_other'"
            f" WHERE id = {waiting[0]}"
        )

    second = insert_rows_as_other_application(place, list(islice(fresh, 60)), credit_check_id=5)
    for row in waiting:
        place.execute_as_shop(f"UPDATE hansha_alarmbox_credit_checks SET credit_check_id = 6 WHERE id = {row}")
    monkeypatch.setattr(DueTasks, "_adopt_row_batch", adopt_after_other_run)
    assert run_adoption_task(console) == len(second) + len(waiting)
    monkeypatch.undo()
    assert run_adoption_task(console) >= 30
    assert len(first) == len(second)


@pytest.mark.expects_log("the spoilt rows are told")
def test_rows_that_cannot_be_adopted_delay_no_other_rows(
    console: Console, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If 120 rows raise an error when they are adopted, the same run still adopts the ten rows after them."""
    many = invent_numbers(130)
    written = insert_rows_as_other_application(place, [f"T{number}" for number in many], credit_check_id=5)
    find, spoilt = credit_checks.find, frozenset(written[:120])

    def find_or_raise(conn: Connection, record_id: int) -> CreditCheck | None:
        if record_id in spoilt:
            raise ValueError("a row that nobody foresaw")
        return find(conn, record_id)

    monkeypatch.setattr("console.services.tasks.due_tasks.credit_checks.find", find_or_raise)
    assert run_adoption_task(console) == 10
    assert run_adoption_task(console) == 0
    monkeypatch.undo()
    assert run_adoption_task(console) == 120
