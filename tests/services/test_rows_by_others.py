"""Rows that another application writes with the original columns alone: seen, claimed and kept as what they are."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.records import CreditCheck, PurchaseRequest
from console.store import credit_checks
from tests.support.invented import numbers
from tests.support.ledger_vendor import LedgerVendor
from tests.support.quick_desks import quick_desk, quick_folder

(NUMBER,) = numbers(1)


@pytest.fixture
def home() -> Iterator[Path]:
    with quick_folder() as folder:
        yield folder


@pytest.fixture
def vendor() -> LedgerVendor:
    return LedgerVendor()


@pytest.fixture
def console(home: Path, vendor: LedgerVendor) -> Iterator[Console]:
    with quick_desk(home, vendor) as desk:
        yield desk


def write(console: Console, spelling: str = NUMBER, **more: object) -> int:
    """Insert as the other application does."""
    values = {"client_id": 1, "corporation_number": spelling, **more}
    names = ", ".join(values)
    sql = f"INSERT INTO hansha_alarmbox_credit_checks ({names}) VALUES ({', '.join(':' + n for n in values)})"
    with console.database.attempt() as tx:
        return int(tx.conn.execute(text(sql), values).lastrowid or 0)


def buy(console: Console, *, renew: bool = False) -> CreditCheck:
    return console.credit_checks.purchase(PurchaseRequest(NUMBER, "1", renew=renew))


def code_of_buying(console: Console) -> str:
    with pytest.raises(ConsoleError) as refused:
        buy(console)
    return refused.value.code


def test_a_refetch_leaves_a_bought_row_bought(console: Console, vendor: LedgerVendor) -> None:
    """A row with an id is a success before and after we write to it, due task or not."""
    charged = vendor.check(PurchaseRequest(NUMBER, "1")).found
    row = write(console, credit_check_id=charged.credit_check_id if charged else None)
    result = console.credit_checks.refetch(row)
    assert (result.record.state, result.record.incomplete) == ("success", ())
    assert code_of_buying(console) == "already_purchased"


@pytest.mark.parametrize("spelling", [f"T{NUMBER}", f"Ｔ{NUMBER}", f"{NUMBER[:4]}\t{NUMBER[4:]}", f"\ufeff{NUMBER}"])
@pytest.mark.parametrize("bought", [None, 77])
def test_spellings_that_sql_does_not_know_hold_the_claim(
    console: Console, vendor: LedgerVendor, spelling: str, bought: int | None
) -> None:
    """Found and refused like any other from the moment they stand there, and put right by the next due task."""
    row = write(console, spelling, credit_check_id=bought)
    for _ in range(2):
        (found,) = console.lookup.find(NUMBER).credit_checks
        assert (found.id, found.corporation_number, found.state) == (row, NUMBER, "success" if bought else "pending")
        assert code_of_buying(console) == "already_purchased"
        console.recovery.run_due()
    assert vendor.charges == []


def test_an_expired_stray_can_be_renewed(console: Console, vendor: LedgerVendor) -> None:
    """Its spelling is no reason to buy beside it: the renewal supersedes it."""
    row = write(console, f"T{NUMBER}", credit_check_id=77, expired_at="2020-01-01 00:00:00")
    new = buy(console, renew=True)
    assert console.credit_checks.show(row).record.superseded_by == new.id
    console.recovery.run_due()
    assert [r.id for r in console.lookup.find(NUMBER).credit_checks] == [new.id, row]


def test_a_second_spelling_of_a_held_number_is_a_duplicate(console: Console) -> None:
    """Kept, marked and queued beside the record that holds the claim; found under the number."""
    held = buy(console)
    row = write(console, f"T{NUMBER}", credit_check_id=77)
    console.recovery.run_due()
    both = console.lookup.find(NUMBER).credit_checks
    assert [(r.id, r.duplicate_of) for r in both] == [(row, held.id), (held.id, None)]
    assert [item.record.id for item in console.recovery.queue("review").items] == [row]


def test_its_writer_may_buy_later(console: Console) -> None:
    """A pending row that its writer gives an id after we took it in becomes a success, and leaves the review."""
    row = write(console)
    console.recovery.run_due()
    with console.database.attempt() as tx:
        tx.conn.execute(
            text("UPDATE hansha_alarmbox_credit_checks SET credit_check_id = 5 WHERE id = :id"), {"id": row}
        )
    for _ in range(2):
        record = console.credit_checks.show(row).record
        assert (record.state, record.work.state) == ("success", "none")
        console.recovery.run_due()
    assert console.recovery.queue("review").items == console.recovery.queue("pending").items == ()


@pytest.mark.parametrize("nonsense", ["", "soon", "2026-13-45", 7])
def test_dates_that_are_none_are_missing(console: Console, nonsense: object) -> None:
    """One unreadable date must not take the record, its queue or the due tasks away."""
    row = write(console, credit_check_id=5, purchased_at=nonsense, expired_at=nonsense)
    assert "dates" in console.credit_checks.show(row).record.incomplete
    console.recovery.run_due()
    assert [r.id for r in console.lookup.find(NUMBER).credit_checks] == [row]


@pytest.mark.expects_log("the spoilt row is told")
def test_one_run_puts_all_of_them_right(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, and even if one of them can't be: the others don't wait for it."""
    many = numbers(130)
    written = [write(console, f"T{number}", credit_check_id=5) for number in many]
    find, spoilt = credit_checks.find, written[3]

    def sometimes(conn: Connection, record_id: int) -> CreditCheck | None:
        if record_id == spoilt:
            raise ValueError("a row that nobody foresaw")
        return find(conn, record_id)

    monkeypatch.setattr("console.services.due.credit_checks.find", sometimes)
    assert adopted(console) == len(many) - 1
    monkeypatch.undo()
    assert adopted(console) == 1
    assert adopted(console) == 0
    with console.database.read() as conn:
        assert conn.scalar(text("SELECT count(*) FROM hansha_alarmbox_credit_checks WHERE status = 'success'")) == 130


def adopted(console: Console) -> int:
    return next(run.count for run in console.recovery.run_due() if run.task == "rows_by_others")
