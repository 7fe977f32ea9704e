"""Tests of the daily close: its sums against the simulated provider's ledger, its unknown outcomes, the reasons why
it is not final, its files cell by cell, and the changes since the first close.
"""

import random
import resource
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pypdfium2
import pytest

from console.app import Console
from console.domain.calendar_days import JST
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.exports.tables import CellKind, DocumentTable, ExportColumn, ExportDocument
from console.domain.payments.states import PaymentState
from console.domain.process import interrupts
from console.domain.reports.daily_close import DailyClose, DailyCloseMoney, MovedReversal, NotFinalReason
from console.domain.reports.refund_funnel import CountAndSum
from console.domain.reports.settlement import SettlementDay
from console.sandbox import start_sandbox
from console.services.exports.pdf_document import write_pdf_document
from console.services.payments.apply_report import apply_report
from console.store.reports import daily_close as store
from console.wording.daily_close import format_daily_close_notes, format_daily_close_state
from tests.services.payments.test_apply_report import make_report
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.places import Place
from tests.support.quick_desks import ManualClock
from tests.support.refund_desks import RefundDesk, open_refund_desk
from tests.support.refusals import call_and_get_code
from tests.support.report_rows import NOW, ReportRows

ONE_DAY, ONE_SECOND = timedelta(days=1), timedelta(seconds=1)
TODAY, YESTERDAY = date(2026, 11, 20), date(2026, 11, 19)
DAY_BEGIN, DAY_END = NOW - timedelta(hours=36), NOW - timedelta(hours=12)
"""The first instant of yesterday in Japan, and the first one after it."""


@pytest.fixture
def console(place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock) -> Iterator[Console]:
    hand_clock.at = NOW
    with place.desk(alarmbox, hand_clock, TIME_SCALE="1") as opened:
        yield opened


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[RefundDesk]:
    """Yield a desk for refunds with a simulated provider, in a folder of the test."""
    with start_sandbox() as sandbox, open_refund_desk(tmp_path / "home", sandbox.control) as opened:
        yield opened


def get_sums_by_currency(close: DailyClose) -> dict[str, DailyCloseMoney]:
    """Return the sums of the daily close by currency."""
    return {money.currency: money for money in close.money}


def test_the_sums_of_a_close_equal_the_ledger(desk: RefundDesk) -> None:
    """A random day has payments of PayPay and Atom, full and partial refunds, and refunds without an answer, some of
    which the provider made. The captured sum equals the provider's. The refunds that the provider has accepted are at
    most the refunded, submitted and unknown sums together. Nothing is counted twice, and currencies are not mixed.
    """
    drawn = random.Random(20261119)
    sent = {"paypay": 0, "atom": 0}
    for number in range(14):
        provider = drawn.choice(("paypay", "atom"))
        payment = desk.make_paid_payment(f"ORD-{number}", drawn.randrange(1_000, 90_000), provider)
        ending = drawn.choice(("kept", "refunded", "silent", "silent_done"))
        if ending == "kept":
            continue
        minor = drawn.randrange(100, payment.captured_minor)
        amount = str(minor) if provider == "paypay" else f"{minor // 100}.{minor % 100:02d}"
        if ending != "refunded":
            fault = "close_after_charge" if ending == "silent_done" else "reset"
            desk.control.add_fault(fault, call=f"{provider}_refund", times=1)
        refund = desk.request_refund(payment, amount)
        if ending == "refunded":
            desk.approve_refund(refund)
        else:
            assert call_and_get_code(lambda refund=refund: desk.approve_refund(refund)) == "outcome_unknown"
        sent[provider] += 1
    assert min(sent.values()) > 1
    desk.run_due_tasks()
    desk.move_clock(minutes=1)  # what became unknown in this very moment is of the time after it
    today = desk.context.now().astimezone(JST).date()
    ledger = desk.control.payments_control.read_ledger()["payments"]
    for provider, currency in (("paypay", "JPY"), ("atom", "INR")):
        provider_payments = [payment for payment in ledger if payment["provider"] == provider]
        close = desk.console.reports.read_daily_close(provider, today)
        (money,) = close.money
        assert money.currency == currency
        captured = CountAndSum(
            len(provider_payments), sum(payment["captured_minor"] for payment in provider_payments)
        )
        assert money.captured == captured
        rows = desk.sql(
            "SELECT r.refund_amount, r.certainty, r.status, r.id FROM refunds r"
            " JOIN payments p ON p.id = r.payment_id WHERE p.provider = :provider",
            provider=provider,
        )
        unknown = [row for row in rows if row.certainty == "unknown"]
        done = [row for row in rows if row.certainty == "known" and row.status == "completed"]
        assert money.unknown_closing == CountAndSum(len(unknown), sum(row.refund_amount for row in unknown))
        assert [record.id for record in close.unknown_records if record.kind == "refund"] == sorted(
            row.id for row in unknown
        )
        assert money.refunded == CountAndSum(len(done), sum(row.refund_amount for row in done))
        refunded_there = sum(payment["refunded_minor"] for payment in provider_payments)
        accepted_there = sum(payment["accepted_minor"] for payment in provider_payments)
        assert money.refunded.minor <= refunded_there <= accepted_there
        submitted = sum(row.refund_amount for row in rows if row.status == "submitted" and row.certainty == "known")
        assert accepted_there <= money.refunded.minor + submitted + money.unknown_closing.minor
        assert money.net_minor == money.captured.minor - money.refunded.minor
        assert (NotFinalReason.STILL_UNKNOWN in close.open_points) == bool(unknown)


def insert_records_of_day(rows: ReportRows) -> None:
    """Insert the rows of yesterday in Japan and around it: one second before and after, another provider and
    currency, reversed and unknown payments, and outcomes that were unknown at the day's beginning or end.
    """
    paid = {"captured_minor": 3_300, "paid_at": DAY_BEGIN}
    rows.insert_payment("paypay", "completed", DAY_BEGIN, id=1, **paid)
    rows.insert_payment("paypay", "payment_success", DAY_BEGIN, id=2, **{**paid, "paid_at": DAY_END - ONE_SECOND})
    rows.insert_payment("paypay", "completed", DAY_BEGIN, id=3, **{**paid, "paid_at": DAY_BEGIN - ONE_SECOND})
    rows.insert_payment("paypay", "completed", DAY_BEGIN, id=4, **{**paid, "paid_at": DAY_END})
    rows.insert_payment(
        "paypay", "completed", DAY_BEGIN, id=5, **{**paid, "currency": "INR", "captured_minor": 70_000}
    )
    rows.insert_payment("atom", "completed", DAY_BEGIN, id=6, **{**paid, "currency": "INR"})
    rows.insert_payment("paypay", "reversed", DAY_BEGIN, id=7, state_since=DAY_END - ONE_SECOND, **paid)
    rows.insert_payment(
        "paypay", "user_payment", DAY_BEGIN, id=8, certainty="unknown", state_since=DAY_END - ONE_SECOND
    )
    rows.insert_payment("paypay", "user_payment", DAY_BEGIN, id=9, certainty="unknown", state_since=DAY_END)
    refund = {"refund_amount": 500, "payment_id": 1}
    rows.insert_refund("completed", DAY_BEGIN, **{**refund, "id": 21, "state_since": DAY_BEGIN})
    rows.insert_refund("completed", DAY_BEGIN, **{**refund, "id": 22, "state_since": DAY_BEGIN - ONE_SECOND})
    rows.insert_refund("completed", DAY_BEGIN, **{**refund, "id": 23, "state_since": DAY_BEGIN, "payment_id": 6})
    rows.insert_refund(
        "submitting", DAY_BEGIN, **{**refund, "id": 24, "certainty": "unknown", "state_since": DAY_BEGIN - ONE_DAY}
    )
    # Known by now: before the day, within the day, after the day; and one that its own process learned.
    for id, begun, ended, fence in (
        (31, DAY_BEGIN - ONE_DAY, DAY_BEGIN - ONE_SECOND, 2),
        (32, DAY_BEGIN - ONE_SECOND, DAY_BEGIN, 2),
        (33, DAY_END - ONE_SECOND, NOW, 2),
        (34, DAY_END - ONE_SECOND, NOW, 1),
    ):
        rows.insert_refund("completed", begun, **{**refund, "id": id, "state_since": ended})
        call = {"subject_id": id, "ended_at": ended, "fence": fence}
        rows.insert_operation("refund", "refund.submit", "done", begun, **call)


def insert_run(
    rows: ReportRows,
    place: Place,
    state: str,
    day: date = YESTERDAY,
    begun_at: datetime = NOW,
    *,
    to_day: date | None = None,
    provider: str = "paypay",
    **counts: int,
) -> None:
    """Insert a reconciliation run of the day, or of the days until `to_day`, in this state. `counts` are its
    counts by column.
    """
    for table in ("reconciliations", "reconciliation_rows"):
        place.drop_table_triggers(table)
    days = {"from_day": day.isoformat(), "to_day": (to_day or day).isoformat()}
    ended = {"ended_at": NOW} if state != "running" else {}
    begun = {"begun_at": begun_at, "changed_at": NOW, "asked_by": "op-a", "phase": "ours"}
    rows.insert_row("reconciliations", {"provider": provider, **days, "state": state, **begun, **ended, **counts})


def test_a_refunded_and_reversed_payment_is_counted_as_in_the_ledger(desk: RefundDesk) -> None:
    """A payment was refunded in part, and then the payer's bank took back the rest: the close and the settlement have
    the same difference as the provider's ledger, and the reversed sum is the provider's.
    """
    payment = desk.make_paid_payment("ORD-1", 3_300)
    refund = desk.request_refund(payment, "1000")
    desk.approve_refund(refund)
    assert desk.probe_refund(refund).state == "completed"
    desk.control.payments_control.change_payment_state("paypay", "ORD-1", "reversed", notify=False)
    payment = desk.read_payment(payment.id)
    report = make_report(PaymentState.PAYMENT_FAILED, 0, provider_payment_id=payment.provider_payment_id)
    report = replace(report, effective_at=desk.context.now())
    desk.context.database.write(lambda tx: apply_report(desk.context, tx, payment, report))
    assert desk.read_payment(payment.id).state is PaymentState.REVERSED
    today = desk.context.now().astimezone(JST).date()
    ledger = desk.control.payments_control.read_payment("paypay", "ORD-1")
    (money,) = desk.console.reports.read_daily_close("paypay", today).money
    assert (money.reversed, money.refunded) == (CountAndSum(1, ledger["reversed_minor"]), CountAndSum(1, 1_000))
    left_there = ledger["captured_minor"] - ledger["refunded_minor"] - ledger["reversed_minor"]
    assert (money.captured, money.net_minor, left_there) == (CountAndSum(1, 1_000), 0, 0)
    (series,) = desk.console.reports.read_settlement().series
    assert series.days[-1] == SettlementDay(today, 1, 1_000, 1, 1_000)


def test_a_close_names_reversals_on_another_day_than_the_payment(console: Console, place: Place) -> None:
    """Two payments were paid on one day and reversed on the next; a third was paid and reversed on one day. The
    closes of both days name the first two, in the words of the screen, too.
    """
    rows = ReportRows(place)
    for paid_at, reversed_at in (
        (DAY_BEGIN - ONE_SECOND, DAY_BEGIN),
        (DAY_BEGIN - ONE_DAY, DAY_END - ONE_SECOND),
        (DAY_BEGIN, DAY_END - ONE_SECOND),
    ):
        money = {"captured_minor": 3_300, "refunded_minor": 300, "paid_at": paid_at, "state_since": reversed_at}
        rows.insert_payment("paypay", "reversed", paid_at, **money)
    moved = (MovedReversal("JPY", YESTERDAY - timedelta(days=1), YESTERDAY, 2, 6_000),)
    for day, (captured, reversed_sum) in {
        YESTERDAY - timedelta(days=1): (CountAndSum(2, 600), CountAndSum()),
        YESTERDAY: (CountAndSum(1, 300), CountAndSum(3, 9_000)),
    }.items():
        close = console.reports.read_daily_close("paypay", day)
        (sums,) = close.money
        assert (sums.captured, sums.reversed, close.moved_reversals) == (captured, reversed_sum, moved)
        (sentence,) = [text for text in format_daily_close_notes(close, "en") if "reversed on" in text]
        assert sentence.startswith(f"2 payments, ¥6,000, paid on {moved[0].paid_on} and reversed on {YESTERDAY}")
    assert console.reports.read_daily_close("paypay", YESTERDAY + timedelta(days=1)).moved_reversals == ()


def test_a_daily_close_counts_the_unknown_at_both_ends_of_the_day(
    console: Console, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The close counts each currency separately, with the amounts that were unknown at the first instant of the day
    and at the first instant after it. The list of the unknown records says since when each is known, if it is. A
    future day and an unknown provider are refused.
    """
    rows = ReportRows(place)
    insert_records_of_day(rows)
    close = console.reports.read_daily_close("paypay", YESTERDAY)
    money = get_sums_by_currency(close)
    assert list(money) == ["JPY", "INR"]
    yen = money["JPY"]
    assert yen.captured == CountAndSum(2, 6_600)
    assert yen.refunded == CountAndSum(2, 1_000), "21, and 32 that was settled at the first instant of the day"
    assert yen.reversed == CountAndSum(1, 3_300)
    assert yen.unknown_opening == CountAndSum(2, 1_000), "24 and 32"
    assert yen.unknown_closing == CountAndSum(3, 2_000), "payment 8, and the refunds 24 and 33"
    assert (yen.unknown_payments_opening, yen.unknown_refunds_opening) == (CountAndSum(), CountAndSum(2, 1_000))
    assert (yen.unknown_payments_closing, yen.unknown_refunds_closing) == (
        CountAndSum(1, 1_000),
        CountAndSum(2, 1_000),
    )
    assert money["INR"].captured == CountAndSum(1, 70_000)
    assert [(record.name, record.settled_at) for record in close.unknown_records] == [
        ("refund 24", None),
        ("payment 8", None),
        ("refund 33", NOW),
    ]
    assert close.open_points == (NotFinalReason.STILL_UNKNOWN, NotFinalReason.NOT_RECONCILED)
    assert console.reports.read_daily_close("paypay", TODAY).open_points[0] is NotFinalReason.DAY_RUNNING
    assert close.is_complete
    monkeypatch.setattr(store, "MAX_OPERATIONS", 3)
    assert not console.reports.read_daily_close("paypay", YESTERDAY).is_complete
    for provider, day, code in (
        ("paypay", TODAY + ONE_DAY, ErrorCode.USAGE),
        ("nobody", YESTERDAY, ErrorCode.NOT_FOUND),
    ):
        with pytest.raises(ConsoleError) as refused:
            console.reports.read_daily_close(provider, day)
        assert refused.value.code == code


def test_lapsed_calls_count_as_unknown_in_a_close(
    console: Console, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls of ended processes whose lapse no worker has recorded count as unknown. If more of them exist than the
    program reads, the close is marked as incomplete.
    """
    rows = ReportRows(place)
    with place.keep_connection_open():
        for _ in range(500):
            rows.insert_operation("credit-check", "credit_check.purchase", "calling", DAY_BEGIN - ONE_DAY)
    rows.insert_payment("paypay", "initializing", DAY_BEGIN, id=900, state_since=DAY_BEGIN)
    rows.insert_operation("payment", "payment.start", "calling", DAY_BEGIN, subject_id=900)
    close = console.reports.read_daily_close("paypay", YESTERDAY)
    assert ([record.id for record in close.unknown_records], close.is_complete) == ([900], True)
    monkeypatch.setattr(store, "MAX_OPERATIONS", 500)
    assert not console.reports.read_daily_close("paypay", YESTERDAY).is_complete


def test_a_close_is_final_without_open_money(console: Console, place: Place) -> None:
    """A close is final after its day is over, a complete run has covered it, and nothing at its end is unknown any
    more. A run that was interrupted, that covers other days or that is from before the end of the day does not count.
    Differences are listed and do not prevent a final close.
    """
    rows = ReportRows(place)
    rows.insert_payment("paypay", "completed", DAY_BEGIN, id=1, captured_minor=3_300, paid_at=DAY_BEGIN)
    rows.insert_payment("paypay", "user_payment", DAY_BEGIN, id=2, certainty="unknown", state_since=DAY_BEGIN)
    insert_run(rows, place, "failed")
    insert_run(rows, place, "done", YESTERDAY - ONE_DAY)
    insert_run(rows, place, "done", begun_at=DAY_END - ONE_SECOND)

    def list_open_points() -> tuple[NotFinalReason, ...]:
        """Return the reasons for which yesterday's daily close isn't final."""
        return console.reports.read_daily_close("paypay", YESTERDAY).open_points

    assert list_open_points() == (NotFinalReason.STILL_UNKNOWN, NotFinalReason.NOT_RECONCILED)
    early = console.reports.read_daily_close("paypay", YESTERDAY)
    assert "reconciliation no. 3 started before the day was over" in format_daily_close_state(early, "en")
    insert_run(rows, place, "done", matched=1, missing_there=1)
    run = place.sql("SELECT max(id) FROM reconciliations")[0][0]
    difference = {"run_id": run, "row_key": "P-1", "verdict": "missing_there", "payment_id": 1}
    rows.insert_row("reconciliation_rows", {**difference, "ours": "completed 3300 JPY", "case_opened": 1})
    assert list_open_points() == (NotFinalReason.STILL_UNKNOWN,)
    place.sql("UPDATE payments SET certainty = 'known', status = 'expired' WHERE id = 2")
    assert list_open_points() == ()
    close = console.reports.read_daily_close("paypay", YESTERDAY)
    assert close.reconciliation is not None
    assert (close.is_final, close.reconciliation.run_id, close.reconciliation.difference_count) == (True, run, 1)
    assert [item.difference.row_key for item in close.reconciliation.differences] == ["P-1"]
    assert not close.reconciliation.is_missing_unknown


def test_a_close_says_that_an_unreadable_row_prevented_the_search(console: Console, place: Place) -> None:
    """If a run didn't search the provider's history because a row was unreadable, the close says that the number of
    payments that are only ours is unknown, not 0."""
    rows = ReportRows(place)
    insert_records_of_day(rows)
    insert_run(rows, place, "done", matched=1)
    run = place.sql("SELECT max(id) FROM reconciliations")[0][0]
    rows.insert_row(
        "reconciliation_rows", {"run_id": run, "row_key": "L-2", "verdict": "refused", "theirs": "malformed"}
    )
    close = console.reports.read_daily_close("paypay", YESTERDAY)
    assert close.reconciliation is not None
    assert close.reconciliation.is_missing_unknown
    assert (
        "1 row of the gateway's history can't be read, so the number of payments that are only ours is unknown."
        in list(format_daily_close_notes(close, "en"))
    )


def test_a_close_has_every_sum_and_later_changes(console: Console, place: Place, tmp_path: Path) -> None:
    """The first page says that the close is not final, and the PDF and the workbook have every sum and every open
    record. Equal facts give equal bytes. A later close lists the changes since the first one. Each written file has
    an audit entry.
    """
    rows = ReportRows(place)
    insert_records_of_day(rows)

    def write_daily_close(name: str, language: str = "en") -> Path:
        console.daily_closes.write("paypay", YESTERDAY, tmp_path / name, language)
        return tmp_path / name

    first = read_pdf_pages(write_daily_close("first.pdf"))
    assert "Daily close PayPay 2026-11-19" in first[0]
    assert (
        "Not yet final: 1 payment is still unknown (¥1,000); 1 refund is still unknown (¥500); no complete"
        in first[0]
    )
    assert "No earlier close of this day was written to a file." in first[0]
    for cells in ("Paid in 2 6,600 JPY", "Reversed on this day 1 3,300 JPY", "Paid in 1 700.00 INR",
                  "Paid in less refunded – 5,600 JPY", "Refund R-33"):  # fmt: skip
        assert cells in "\n".join(first), cells
    again, third = write_daily_close("again.pdf"), write_daily_close("third.pdf")
    assert again.read_bytes() == third.read_bytes()
    assert "Nothing has changed since." in read_pdf_pages(again)[0]
    assert write_daily_close("a.xlsx").read_bytes() == write_daily_close("b.xlsx").read_bytes()
    require_workbook_of_close(tmp_path / "a.xlsx", console.reports.read_daily_close("paypay", YESTERDAY))
    reasons = "結果不明の決済 1 件（¥1,000）、結果不明の返金 1 件（¥500）、この日の照合が未完了"
    assert f"この締めは未確定です（{reasons}）。" in read_pdf_pages(write_daily_close("ja.pdf", "ja"))[0]

    place.sql("UPDATE payments SET certainty = 'known', status = 'completed', captured_minor = 1000,"
              " paid_at = '2026-11-19 03:00:00' WHERE id = 8")  # fmt: skip
    insert_run(rows, place, "done", matched=3)
    changes = {
        (change.what, change.currency): (change.before, change.after)
        for change in console.reports.read_daily_close("paypay", YESTERDAY).changes
    }
    assert changes == {
        ("captured", "JPY"): (CountAndSum(2, 6_600), CountAndSum(3, 7_600)),
        ("unknown_closing", "JPY"): (CountAndSum(3, 2_000), CountAndSum(2, 1_000)),
        ("unknown", ""): ("payment 8", None),
        ("reconciliation", ""): (None, "3 / 0"),
    }
    changed = "\n".join(read_pdf_pages(write_daily_close("changed.pdf")))
    assert "JPY Paid in 2 · ¥6,600 3 · ¥7,600" in changed
    ((number,),) = place.sql("SELECT merchant_payment_id FROM payments WHERE id = 8")
    assert f"Unknown record Payment {number} –" in changed
    assert "Payment 8" not in changed
    assert "Not yet final: 1 refund is still unknown (¥500)." in changed
    entries = [entry for entry in console.audit.list_entries(20) if entry.what == "daily_close.written"]
    assert len(entries) == 7
    facts = entries[0].detail
    assert (entries[0].subject, facts["day"], facts["format"]) == (
        "daily-close paypay 2026-11-19",
        "2026-11-19",
        "pdf",
    )
    assert str(tmp_path) not in str(facts), "where a file went may name a person; the trail has its hash"
    for name, code in (("first.pdf", ErrorCode.USAGE), ("close.csv", ErrorCode.USAGE)):
        with pytest.raises(ConsoleError) as refused:
            write_daily_close(name)
        assert refused.value.code == code
    assert not list(tmp_path.glob(".*.part"))


def read_pdf_pages(file: Path | bytes) -> list[str]:
    """Return the text of each page, with single spaces between words."""
    document = pypdfium2.PdfDocument(file)
    try:
        return [" ".join(page.get_textpage().get_text_bounded().split()) for page in document]
    finally:
        document.close()


def require_workbook_of_close(file: Path, close: DailyClose) -> None:
    """Check that each sum and each open record of the close is in the right cell of the workbook."""
    about, sums, unknown, changes = openpyxl.load_workbook(file).worksheets
    assert about["A1"].value == "Daily close PayPay 2026-11-19"
    assert about["A2"].value.startswith("Not yet final")
    titles, *rows = sums.values
    assert titles == ("Sum", "Count", "Amount", "Currency")
    scales = {"JPY": 1, "INR": 100}
    names = (
        *("captured", "refunded", "reversed"),
        *(f"unknown_{kind}_{instant}" for instant in ("opening", "closing") for kind in ("payments", "refunds")),
    )
    expected: list[tuple[object, ...]] = []
    for money in close.money:
        for name in names:
            value = money.get_sum(name)
            expected.append((value.count, value.minor / scales[money.currency], money.currency))
        expected.append((None, money.net_minor / scales[money.currency], money.currency))
    assert [row[1:] for row in rows] == expected
    titles, *rows = unknown.values
    assert [(row[0], row[2]) for row in rows] == [
        (f"Refund R-{record.id}" if record.kind == "refund" else "Payment", record.minor)
        for record in close.unknown_records
    ]
    assert rows[-1][-1] == datetime(2026, 11, 20, 12, tzinfo=UTC).replace(tzinfo=None), "known since, in Japan"
    assert [row[0].value for row in changes.iter_rows()] == ["What"], "nothing has changed"


def test_long_and_hostile_texts_stay_within_the_page(tmp_path: Path) -> None:
    """A row that is too long for a page is cut, a table continues on further pages with its column titles, and no
    text goes beyond the page's edge.
    """
    hostile = ("=1+1", "あ" * 40_000, "\u202egpj.exe", "\x00\x07", "\ud800", "₹ 1", "x" * 5_000, "\U0001f600")
    columns = [
        ExportColumn("Text", CellKind.TEXT, lambda row: str(row[0])),
        ExportColumn("Number", CellKind.NUMBER, lambda row: int(row[1])),
    ]
    rows: list[tuple[Any, int]] = [*((text, 1) for text in hostile), *((f"row {n}", n) for n in range(200))]
    table = DocumentTable("Table", columns, rows, "none")
    document = ExportDocument(
        "Title " * 40, ["line " * 60], [table, DocumentTable("Empty", columns, (), "none here")]
    )
    written = BytesIO()
    write_pdf_document(written, document)
    read = pypdfium2.PdfDocument(written.getvalue())
    pages = read_pdf_pages(written.getvalue())
    assert len(pages) > 5
    assert all("Text Number" in page for page in pages[1:-1])
    assert "row 199 199" in pages[-1]
    assert "none here" in pages[-1]
    assert f"{len(pages)} / {len(pages)}" in pages[-1]
    for page in read:
        text = page.get_textpage()
        for index in range(text.count_rects()):
            left, bottom, right, top = text.get_rect(index)
            assert left >= 0
            assert bottom >= 0
            assert right <= page.get_width()
            assert top <= page.get_height()
    read.close()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the memory in use is read from /proc")
def test_the_memory_of_a_pdf_is_released() -> None:
    """Writing many PDFs needs no more memory than writing one, because the 12 MB of fonts of each PDF are
    released.
    """

    def count_resident_pages() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1])

    document = ExportDocument("title", ("円",), ())
    write_pdf_document(BytesIO(), document)
    before = count_resident_pages()
    for _ in range(8):
        write_pdf_document(BytesIO(), document)
    assert (count_resident_pages() - before) * resource.getpagesize() < 40_000_000


def test_ctrl_c_during_a_pdf_ends_its_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    """If Ctrl+C comes during a function that the PDF library calls, where an exception would be lost, the writing
    ends after that function.
    """
    lost: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lost.append)

    class InterruptedWrites(BytesIO):
        def write(self, data: Any) -> int:
            signal.raise_signal(signal.SIGINT)
            return super().write(data)

    monkeypatch.setattr("console.services.exports.pdf_document.io.BytesIO", InterruptedWrites)
    with interrupts.handle_signals(defers_first_signal=False), pytest.raises(KeyboardInterrupt):
        write_pdf_document(BytesIO(), ExportDocument("title", ("line",), ()))
    assert lost == []
