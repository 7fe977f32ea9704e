"""A reconciliation finds exactly what differs, corrects only what the provider's history proves, and continues after
a break.
"""

import tracemalloc
from contextlib import suppress
from datetime import datetime, time, timedelta

import pytest

from console.domain.calendar_days import IST, JST
from console.domain.errors import ConsoleError
from console.domain.payments.records import PaymentImport
from console.domain.tasks.records import ReconcileReport
from console.sandbox.server import Sandbox
from console.services.guarded.leases import acquire_lease
from console.services.process.failpoints import FailpointReached
from console.services.reconciliation.sources import MAX_REFUSED_ROWS
from console.store.operations import leases
from console.wording.sentences.catalogue import format_error_message
from tests.support import payment_desks
from tests.support.children import Child
from tests.support.desks import MovedClock
from tests.support.payment_desks import PaymentDesk, open_payment_desk
from tests.support.places import Place
from tests.support.reconciled_day import ReconciledDay, get_counts, reconcile_in_child

pytestmark = pytest.mark.time_scale("1")


@pytest.fixture
def days(scene: PaymentDesk) -> ReconciledDay:
    """The day of a reconciliation, with helpers that write its history and payments."""
    return ReconciledDay(scene)


def read_case_rules(report: ReconcileReport) -> list[tuple[str, bool]]:
    """Return the rule of each case, and True if the case is open."""
    return [(case.rule_id, case.resolved_at is None) for case in report.cases]


def write_payments_of_each_verdict(days: ReconciledDay) -> None:
    """Write one payment for each verdict, and two that match."""
    days.add_payment_on_both_sides("ORD-same")
    days.add_provider_payment("ORD-theirs", 500)
    days.insert_our_payment("ORD-ours", 700)
    days.insert_our_payment("ORD-wait", 900, paid=False)
    days.add_provider_payment("ORD-wait", 900)
    days.insert_our_payment("ORD-sum", 1000, days.add_provider_payment("ORD-sum", 1100))
    days.add_payment_on_both_sides("ORD-last")
    days.announce_file()


def test_every_planted_difference_is_found_and_no_other(days: ReconciledDay) -> None:
    """Each verdict is found once with its difference, each lasting difference has a case, and a payment that only the
    provider has is imported.
    """
    write_payments_of_each_verdict(days)
    report = days.reconcile_day()
    assert get_counts(report) == (2, 1, 1, 1, 1)
    scene = days.scene
    numbers = {
        scene.read_payment(one.payment_id).merchant_payment_id: one.verdict.value
        for one in report.differences
        if one.payment_id
    }
    assert numbers == {
        "ORD-theirs": "imported",
        "ORD-ours": "missing_there",
        "ORD-wait": "different_state",
        "ORD-sum": "different_amount",
    }
    assert sorted(read_case_rules(report)) == [
        ("reconcile_amount", True),
        ("reconcile_missing_there", True),
        ("reconcile_state", False),
    ]
    wait, theirs = scene.find_payment("paypay", "ORD-wait"), scene.find_payment("paypay", "ORD-theirs")
    assert wait is not None
    assert theirs is not None
    assert (wait.state, wait.captured_minor, wait.work.state) == ("completed", 900, "none")
    assert (theirs.state, theirs.captured_minor) == ("completed", 500)
    ours, other = scene.find_payment("paypay", "ORD-ours"), scene.find_payment("paypay", "ORD-sum")
    assert ours is not None
    assert other is not None
    assert (ours.work.state, ours.work.reason) == ("needs_review", "reconcile_missing_there")
    assert (other.captured_minor, other.work.reason) == (1000, "reconcile_amount")


def test_a_second_run_changes_nothing(days: ReconciledDay) -> None:
    """A second run matches what the first one booked, finds the same differences, and opens no case again."""
    write_payments_of_each_verdict(days)
    first = days.reconcile_day()
    before = days.count_rows()
    second = days.reconcile_day()
    assert get_counts(second) == (4, 0, 1, 0, 1)
    assert [case.id for case in second.cases] == [case.id for case in first.cases if case.resolved_at is None]
    after = days.count_rows()
    for table in ("payments", "payment_events", "documents", "alerts", "orders"):
        assert after[table] == before[table], table
    assert days.reconcile_day().differences[0].verdict == second.differences[0].verdict


@pytest.mark.engines("sqlite")
def test_a_dry_run_writes_nothing(days: ReconciledDay) -> None:
    """A dry run has the same counts and writes no row."""
    write_payments_of_each_verdict(days)
    days.scene.vendors.get_reader("paypay")  # the first use stores the merchant of the database
    before = days.count_rows()
    report = days.reconcile_day(dry_run=True)
    assert get_counts(report) == (2, 1, 1, 1, 1)
    assert (report.run_id, report.cases, len(report.differences)) == (None, (), 4)
    assert days.count_rows() == before
    assert get_counts(days.reconcile_day()) == get_counts(report)


def test_a_daily_file_is_stored_as_evidence(days: ReconciledDay) -> None:
    """The daily file is stored completely with its hash, and is read from there after its address has ended."""
    days.add_payment_on_both_sides("ORD-1")
    days.announce_file()
    report = days.reconcile_day()
    sql = f"SELECT source, sha256, body FROM evidence WHERE id = {report.evidence_id}"
    ((source, digest, body),) = days.scene.place.sql(sql)
    assert source == "paypay.recon"
    assert digest in body
    days.scene.control.change_settings(advance_seconds=3 * 3600)
    assert get_counts(days.reconcile_day()) == (1, 0, 0, 0, 0)
    ((kept,),) = days.scene.place.sql("SELECT COUNT(*) FROM documents WHERE subject_kind = 'notice'")
    assert kept == 1


@pytest.mark.engines("sqlite")
def test_a_later_run_closes_the_case_of_a_found_payment(days: ReconciledDay) -> None:
    """A payment that was missing in the file is in a newer one: its case is closed, and no person has to look."""
    payment = days.insert_our_payment("ORD-1", 700)
    days.announce_file()
    assert get_counts(days.reconcile_day()) == (0, 0, 1, 0, 0)
    days.add_provider_payment("ORD-1", 700, id=payment.provider_payment_id)
    days.announce_file()
    report = days.reconcile_day()
    assert get_counts(report) == (1, 0, 0, 0, 0)
    assert days.scene.list_open_rules() == []
    assert days.scene.read_payment(payment.id).work.state == "none"


@pytest.mark.engines("sqlite")
def test_a_day_without_an_announced_file_has_no_run(days: ReconciledDay) -> None:
    """No notice has announced a file of the day: the reconciliation ends with exit status 4, the
    day and a next step.
    """
    with pytest.raises(ConsoleError) as caught:
        days.reconcile_day()
    assert (caught.value.code, caught.value.exit_status) == ("outcome_unknown", 4)
    assert (caught.value.detail["reason"], caught.value.detail["provider"]) == ("recon_not_announced", "paypay")
    for language, hours in (("en", "between 1:30 and 10:00 JST"), ("ja", "1:30〜10:00 に届きます")):
        sentence = format_error_message(caught.value, language)
        assert "PayPay" in sentence
        assert hours in sentence
    assert days.count_rows()["reconciliations"] == 0


@pytest.mark.engines("sqlite")
def test_a_run_with_an_ended_file_address_is_refused(days: ReconciledDay) -> None:
    """A reconciliation after the file's address has ended is refused, and the message says so."""
    days.announce_file()
    days.scene.control.change_settings(advance_seconds=3 * 3600)
    with pytest.raises(ConsoleError) as caught:
        days.reconcile_day()
    assert (caught.value.code, caught.value.detail["reason"]) == ("provider_refused", "recon_file_gone")
    assert "two hours. Nothing changed. Ask PayPay to send it again" in format_error_message(caught.value, "en")
    assert "（2 時間）を過ぎています。何も変更していません。PayPay に再送を" in format_error_message(
        caught.value, "ja"
    )


@pytest.mark.engines("sqlite")
def test_the_address_is_not_written_down(days: ReconciledDay) -> None:
    """The address of a file, which contains a permission, isn't stored in the clear."""
    days.announce_file()
    ((body, day),) = days.scene.place.sql("SELECT body, order_no FROM payment_events")
    assert "sig=" not in body
    assert "sealed" in body
    assert day == days.day.isoformat()


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(("first", "last"), [(0, -1), (1, 1), (-400, 0)])
def test_an_invalid_period_is_refused(days: ReconciledDay, first: int, last: int) -> None:
    """A period that ends before it begins, lies in the future or is too long is refused."""
    today = days.day + timedelta(days=1)
    with pytest.raises(ConsoleError) as caught:
        days.scene.console.reconciliation.run("paypay", today + timedelta(days=first), today + timedelta(days=last))
    assert caught.value.code == "usage"


@pytest.mark.engines("sqlite")
def test_unknown_providers_are_refused(days: ReconciledDay) -> None:
    """A reconciliation of an unknown provider, or of a source without a key here, is refused as `not_found`."""
    with pytest.raises(ConsoleError) as caught:
        days.reconcile_day(provider="nobody")
    assert caught.value.code == "not_found"


# Refunds


@pytest.mark.engines("sqlite")
def test_an_unknown_refund_in_the_file_opens_a_case(days: ReconciledDay) -> None:
    """The file has a refund that isn't ours: one case is opened."""
    refund = {"key": "RFD-X", "amount_minor": 1000, "at": days.noon.isoformat()}
    payment = days.add_payment_on_both_sides("ORD-1", refunds=[refund])
    days.announce_file()
    report = days.reconcile_day()
    assert get_counts(report) == (1, 0, 0, 0, 1)
    assert read_case_rules(report) == [("reconcile_unknown_refund", True)]
    assert get_counts(days.reconcile_day()) == get_counts(report)
    assert days.scene.list_open_rules() == ["reconcile_unknown_refund"]
    assert days.scene.read_payment(payment.id).refunded_minor == 0


@pytest.mark.engines("sqlite")
def test_an_acknowledged_foreign_refund_hides_no_other_one(days: ReconciledDay) -> None:
    """A payment has two refunds that aren't ours, and a person has acknowledged the first: the next run opens a case
    about the second.
    """
    amounts = {"RFD-X": 1000, "RFD-Y": 700}
    refunds = [
        {"key": key, "amount_minor": minor, "at": (days.noon + timedelta(minutes=turn)).isoformat()}
        for turn, (key, minor) in enumerate(amounts.items())
    ]
    days.add_payment_on_both_sides("ORD-1", refunds=refunds)
    days.announce_file()
    told = list[str]()
    for _ in amounts:
        days.reconcile_day()
        (case,) = [one for one in days.scene.console.alerts.list_alerts() if one.resolved_at is None]
        assert (case.rule_id, case.acknowledged_by) == ("reconcile_unknown_refund", None)
        acknowledged = days.scene.console.alerts.acknowledge(case.id, "given back on their page")
        told.append(case.observed)
    days.reconcile_day()
    assert [one for one in days.scene.console.alerts.list_alerts() if one.resolved_at is None] == [acknowledged]
    assert [minor for text, minor in zip(told, (1000, 700), strict=True) if f" {minor} " not in text] == []


@pytest.mark.engines("sqlite")
def test_a_refund_of_an_unknown_payment_is_a_difference(days: ReconciledDay) -> None:
    """The file has a refund of a payment that isn't here: the payment is read and imported, and the refund has a
    case.
    """
    before = days.noon - timedelta(days=2)
    refund = {"key": "RFD-X", "amount_minor": 1000, "at": days.noon.isoformat()}
    days.scene.money.register_payment("paypay", "ORD-old", 3300, at=before.isoformat(), refunds=[refund])
    days.announce_file()
    report = days.reconcile_day()
    assert get_counts(report) == (0, 0, 0, 0, 1)
    payment = days.scene.find_payment("paypay", "ORD-old")
    assert payment is not None
    assert payment.captured_minor == 3300
    assert "reconcile_unknown_refund" in days.scene.list_open_rules()


def insert_completed_refund(days: ReconciledDay, payment_id: int, minor: int, key: str = "RFD-1") -> None:
    """Insert a completed refund of ours without the services."""
    at = days.noon.strftime("%Y-%m-%d %H:%M:%S.000000")
    days.scene.place.drop_table_triggers("refunds")
    days.scene.place.drop_table_triggers("payments")
    days.scene.place.sql(
        "INSERT INTO refunds (payment_id, refund_amount, currency, status, maker, reason, saw, radar,"
        " checkers_needed, decide_by, provider_refund_key, refund_txn_id, first_sent_at, last_sent_at, told_at,"
        " created_at, changed_at)"
        f" VALUES ({payment_id}, {minor}, 'JPY', 'completed', 'op-a', 'x', '', '', 1, '{at}', '{key}', '{key}',"
        f" '{at}', '{at}', '{at}', '{at}', '{at}')",
        f"UPDATE payments SET refunded_minor = refunded_minor + {minor} WHERE id = {payment_id}",
    )


@pytest.mark.engines("sqlite")
def test_equal_refunds_of_both_sides_are_matched(days: ReconciledDay) -> None:
    """Lines of the file name payment and amount: two lines of one amount match two refunds of ours."""
    refunds = [
        {"key": f"RFD-{n}", "amount_minor": 500, "at": (days.noon + timedelta(minutes=n)).isoformat()} for n in (1, 2)
    ]
    payment = days.add_payment_on_both_sides("ORD-1", refunds=refunds)
    for number in (1, 2):
        insert_completed_refund(days, payment.id, 500, f"RFD-{number}")
    days.announce_file()
    assert get_counts(days.reconcile_day()) == (3, 0, 0, 0, 0)


@pytest.mark.engines("sqlite")
def test_a_refund_missing_in_the_file_has_its_verdict(days: ReconciledDay) -> None:
    """A completed refund of ours isn't in the file: it has the verdict that it is missing there."""
    payment = days.add_payment_on_both_sides("ORD-1")
    insert_completed_refund(days, payment.id, 500)
    days.announce_file()
    report = days.reconcile_day()
    assert get_counts(report) == (1, 0, 1, 0, 0)
    assert read_case_rules(report) == [("reconcile_missing_there", True)]
    assert get_counts(days.reconcile_day()) == get_counts(report)


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("minor", [500, 700])
def test_a_missing_refund_among_two_is_a_difference(days: ReconciledDay, minor: int) -> None:
    """The file has one of two refunds of a payment, of the same or another amount: the other one is missing there."""
    payment = days.add_payment_on_both_sides(
        "ORD-1", refunds=[{"key": "RFD-1", "amount_minor": 500, "at": days.noon.isoformat()}]
    )
    insert_completed_refund(days, payment.id, 500, "RFD-1")
    insert_completed_refund(days, payment.id, minor, "RFD-2")
    days.announce_file()
    report = days.reconcile_day()
    assert get_counts(report) == (2, 0, 1, 0, 0)
    assert read_case_rules(report) == [("reconcile_missing_there", True)]


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("state", ["completed", "submitted"])
def test_a_refund_of_a_second_capture_is_not_matched_to_the_first(
    days: ReconciledDay, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    """Our number was captured twice at the provider, and the second capture was refunded: it isn't our refund of the
    first capture, although the amounts are equal.
    """
    payment = days.add_payment_on_both_sides("ORD-1")
    insert_completed_refund(days, payment.id, 500)
    days.scene.place.sql(f"UPDATE refunds SET status = '{state}'")
    days.announce_file()
    files = days.scene.console.reconciliation._daily_file_stores["paypay"]
    lines = (
        f"{_make_line(days, '0477', '取引完了', 12, 3300, 'ORD-1')}\n"
        f"{_make_line(days, '0477', '返金完了', 12, -500, 'ORD-1')}\n"
    )
    original = files.download_file
    monkeypatch.setattr(files, "download_file", lambda event: original(event) + lines.encode("cp932"))
    report = days.reconcile_day()
    missing = state == "completed"
    assert get_counts(report) == (1, 0, missing, 1, 1)
    assert set(read_case_rules(report)) == {
        ("reconcile_state", True),
        ("reconcile_unknown_refund", True),
        *([("reconcile_missing_there", True)] if missing else []),
    }
    assert days.scene.place.sql("SELECT status FROM refunds") == [(state,)]


# States


@pytest.mark.engines("sqlite")
def test_a_late_success_is_booked(days: ReconciledDay) -> None:
    """A payment expired here and is paid in the file: it is booked, and the difference is reported."""
    payment = days.insert_our_payment("ORD-1", paid=False)
    days.scene.place.drop_table_triggers("payments")
    days.scene.place.sql(f"UPDATE payments SET status = 'expired' WHERE id = {payment.id}")
    days.add_provider_payment("ORD-1")
    days.announce_file()
    report = days.reconcile_day()
    assert get_counts(report) == (0, 0, 0, 1, 0)
    assert days.scene.read_payment(payment.id).captured_minor == 3300


@pytest.mark.engines("sqlite")
def test_a_row_gives_the_missing_provider_id(days: ReconciledDay) -> None:
    """People decided a payment without the provider's id: the file's line gives it, and the payment is neither paid
    twice nor missing there.
    """
    theirs = days.add_provider_payment("ORD-1")
    payment = days.insert_our_payment("ORD-1", theirs=theirs)
    days.scene.place.drop_table_triggers("payments")
    days.scene.place.sql(f"UPDATE payments SET provider_payment_id = NULL WHERE id = {payment.id}")
    days.announce_file()
    assert get_counts(days.reconcile_day()) == (1, 0, 0, 0, 0)
    assert days.scene.read_payment(payment.id).provider_payment_id == payment.provider_payment_id
    assert days.scene.list_open_rules() == []


@pytest.mark.engines("sqlite")
def test_a_completed_payment_failed_at_the_provider_needs_a_person(days: ReconciledDay) -> None:
    """A payment is completed here and failed in the file: our state stays, and a person must look."""
    days.scene.control.change_settings(paypay_lists_failed_payments=True)
    payment = days.insert_our_payment("ORD-1", theirs=days.add_provider_payment("ORD-1", state="failed"))
    days.scene.place.drop_table_triggers("payments")
    early = (days.noon - timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S.000000")
    days.scene.place.sql(f"UPDATE payments SET paid_at = '{early}', told_at = '{early}' WHERE id = {payment.id}")
    days.announce_file()
    report = days.reconcile_day()
    assert get_counts(report)[3] == 1
    assert days.scene.read_payment(payment.id).state == "completed"
    assert ("reconcile_state", True) in read_case_rules(report)


@pytest.mark.engines("sqlite")
def test_a_waiting_payment_failed_at_the_provider_becomes_failed(days: ReconciledDay) -> None:
    """A payment that waits here and failed at the provider becomes failed, and counts as different; in the next run
    it counts as matched.
    """
    days.scene.control.change_settings(paypay_lists_failed_payments=True)
    payment = days.insert_our_payment("ORD-1", paid=False)
    days.add_provider_payment("ORD-1", state="failed")
    days.announce_file()
    assert get_counts(days.reconcile_day()) == (0, 0, 0, 1, 0)
    assert days.scene.read_payment(payment.id).state == "payment_failed"
    assert get_counts(days.reconcile_day()) == (1, 0, 0, 0, 0)


# Going on


@pytest.mark.engines("sqlite")
def test_invalid_lines_are_reported_in_a_case(days: ReconciledDay, monkeypatch: pytest.MonkeyPatch) -> None:
    """Invalid lines of the file are reported one by one in a case. While there are such lines, no payment has the
    verdict that it is missing there.
    """
    days.add_provider_payment("ORD-1")
    days.insert_our_payment("ORD-ours", 700)
    days.announce_file()
    files = days.scene.console.reconciliation._daily_file_stores["paypay"]
    original = files.download_file
    monkeypatch.setattr(files, "download_file", lambda event: original(event) + b"=1,2\n")
    report = days.reconcile_day()
    assert get_counts(report) == (0, 1, 0, 0, 0)
    assert report.refused == 1
    assert read_case_rules(report) == [("reconcile_rows_refused", True)]
    monkeypatch.undo()
    days.announce_file()
    assert get_counts(days.reconcile_day()) == (1, 0, 1, 0, 0)
    assert days.scene.list_open_rules("reconciliation") == []


@pytest.mark.engines("sqlite")
def test_a_longer_file_needs_no_more_memory(days: ReconciledDay, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with ten times as many lines needs no more memory, apart from the file itself."""
    payment = days.add_payment_on_both_sides("ORD-1")
    days.announce_file()
    original = days.scene.console.reconciliation._daily_file_stores["paypay"].download_file
    peaks = []
    for count in (500, 5_000):
        failed = "\n".join(_make_failed_line(days, number) for number in range(count)).encode("cp932") + b"\n"
        monkeypatch.setattr(
            days.scene.console.reconciliation._daily_file_stores["paypay"],
            "download_file",
            lambda event, more=failed: original(event) + more,
        )
        days.reconcile_day(dry_run=True)
        tracemalloc.start()
        report = days.reconcile_day(dry_run=True)
        peaks.append(tracemalloc.get_traced_memory()[1] - 4 * len(failed))
        tracemalloc.stop()
        assert get_counts(report) == (1 + count, 0, 0, 0, 0)
    assert peaks[1] < peaks[0] + 200_000, peaks
    assert payment.state == "completed"


def _make_failed_line(days: ReconciledDay, number: int) -> str:
    """Return a line about a failed payment."""
    return _make_line(days, f"0555{number:016}", "取引失敗", 10, 5, f"F-{number}")


def _make_line(days: ReconciledDay, theirs: str, word: str, hour: int, minor: int, number: str) -> str:
    """Return a line of the daily file: the provider's id, its word for the state, the hour, the amount and our
    number.
    """
    from console.sandbox.environment.credentials import PAYPAY_MERCHANT_ID

    return f"{theirs},{PAYPAY_MERCHANT_ID},x,,,,{word},{days.day}T{hour}:00:00+09:00,{minor},,x,{number},"


@pytest.mark.engines("sqlite")
def test_the_due_task_compares_each_announced_day_once(days: ReconciledDay) -> None:
    """The due task compares a day once after its file was announced."""
    days.add_provider_payment("ORD-1")
    reconciliation = days.scene.console.reconciliation
    assert reconciliation.reconcile_due_days() == 0
    days.announce_file()
    assert reconciliation.reconcile_due_days() == 1
    assert days.scene.find_payment("paypay", "ORD-1") is not None
    assert reconciliation.reconcile_due_days() == 0
    assert get_counts(reconciliation.list_latest("paypay")[0]) == (0, 1, 0, 0, 0)


@pytest.mark.engines("sqlite")
def test_a_day_compared_before_its_end_is_due_again(scene: PaymentDesk, clock: MovedClock) -> None:
    """A person compared a day before its end: the day is due once after its end, unless a later run covers it."""
    midnight = datetime.combine(scene.context.now().astimezone(JST).date() + timedelta(days=1), time(), JST)
    noon, day = midnight + timedelta(hours=12), midnight.date()
    clock.offset = noon - scene.context.now()
    scene.insert_order("ORD-1", 3300)
    assert not scene.payments.receive_notice(
        scene.make_bank_notice("e-1", "ORD-1", occurred_at=noon.isoformat())
    ).is_refused
    reconciliation = scene.console.reconciliation
    assert get_counts(reconciliation.run("bank", day, day)) == (1, 0, 0, 0, 0)
    assert reconciliation.reconcile_due_days() == 0
    clock.offset += timedelta(hours=13)
    assert (reconciliation.reconcile_due_days(), reconciliation.reconcile_due_days()) == (1, 0)
    newest, early = reconciliation.list_latest("bank")
    assert (newest.from_day, newest.to_day, early.from_day) == (day, day, day)
    assert newest.begun_at is not None
    assert newest.begun_at >= midnight + timedelta(days=1)


# Others


@pytest.mark.engines("sqlite")
def test_a_reconciliation_of_atom_reads_each_own_payment(scene: PaymentDesk, clock: MovedClock) -> None:
    """Atom has no history: it is asked about each payment of the day."""
    day = scene.context.now().astimezone(IST).date()
    for number, state in (("ORD-1", "paid"), ("ORD-2", "paid")):
        scene.money.register_payment("atom", number, 50_000, state)
        scene.payments.import_payment(PaymentImport("atom", number, amount="500.00", day=day))
    run = scene.console.reconciliation.run
    assert get_counts(run("atom", day, day)) == (2, 0, 0, 0, 0)
    scene.money.change_payment_state("atom", "ORD-2", "reversed", notify=False)
    clock.offset += timedelta(seconds=2)
    report = run("atom", day, day)
    assert get_counts(report) == (1, 0, 0, 1, 0)
    assert read_case_rules(report) == [("reconcile_state", True)]


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(("currency", "minor"), [("USD", 50_000), ("INR", 2**60)])
def test_a_payment_that_cannot_be_read_at_atom_ends_no_run(scene: PaymentDesk, currency: str, minor: int) -> None:
    """Another application has written an amount or number with which Atom can't be asked: this payment is refused
    with a case, and the payments after it are compared. Formerly each run of the day ended there.
    """
    day = scene.context.now().astimezone(IST).date()
    for number in ("ORD-1", "ORD-2", "ORD-3"):
        scene.money.register_payment("atom", number, 50_000, "paid")
        scene.payments.import_payment(PaymentImport("atom", number, amount="500.00", day=day))
    scene.place.drop_table_triggers("payments")
    scene.place.sql(
        f"UPDATE payments SET currency = '{currency}', asked_minor = {minor}, captured_minor = 0,"
        " status = 'user_payment' WHERE merchant_payment_id = 'ORD-1'",
        "UPDATE payments SET merchant_payment_id = 'ORD 2?' WHERE merchant_payment_id = 'ORD-2'",
    )
    dry = scene.console.reconciliation.run("atom", day, day, dry_run=True)
    assert (get_counts(dry), dry.refused) == ((1, 0, 0, 0, 0), 2)
    report = scene.console.reconciliation.run("atom", day, day)
    assert (get_counts(report), report.refused) == ((1, 0, 0, 0, 0), 2)
    assert read_case_rules(report) == [("reconcile_rows_refused", True)]
    assert sorted(one.theirs or "" for one in report.differences) == ["amount ORD-1", "id ORD 2?"]


@pytest.mark.time_scale("20")  # waits for an end
@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(("fault", "summary"), [("status:503", "UNKNOWN"), ("result:OTS0401", "NOT_FOUND")])
def test_an_answer_that_says_nothing_of_a_payment_is_evidence(scene: PaymentDesk, fault: str, summary: str) -> None:
    """An answer of Atom that doesn't report a payment is stored as evidence, whether it ends the run or opens a case;
    a dry run writes nothing.
    """
    day = scene.context.now().astimezone(IST).date()
    scene.money.register_payment("atom", "ORD-1", 50_000, "paid")
    payment = scene.payments.import_payment(PaymentImport("atom", "ORD-1", amount="500.00", day=day))
    scene.control.add_fault(fault, call="atom_verification", times="always")

    def read_last_answer() -> str:
        ((found,),) = scene.place.sql(
            f"SELECT summary FROM evidence WHERE subject_kind = 'payment' AND subject_id = {payment.id}"
            " ORDER BY id DESC LIMIT 1"
        )
        return str(found)

    before = read_last_answer()
    for dry_run in (True, False):
        assert read_last_answer() == before
        with suppress(ConsoleError):
            assert get_counts(scene.console.reconciliation.run("atom", day, day, dry_run=dry_run)) == (0, 0, 1, 0, 0)
    assert summary in read_last_answer()


@pytest.mark.engines("sqlite")
def test_a_source_of_notices_is_compared_with_our_payments(days: ReconciledDay) -> None:
    """A run of a source of notices compares its notices with our payments: booked ones match, one without an order
    differs, and a payment without a notice is missing.
    """
    scene, at = days.scene, days.noon.isoformat()
    scene.insert_order("ORD-1", 3300)
    scene.payments.receive_notice(scene.make_bank_notice("e-1", "ORD-1", occurred_at=at))
    scene.payments.receive_notice(scene.make_bank_notice("e-2", "ORD-none", occurred_at=at))
    days.insert_our_payment("ORD-3", source="bank")
    report = days.reconcile_day(provider="bank")
    assert get_counts(report) == (1, 0, 1, 1, 0)
    assert get_counts(days.reconcile_day(provider="bank")) == get_counts(report)


# Broken off


KILL_POINTS = [
    *(("before_reconcile_row", nth) for nth in (1, 2, 3, 4)),
    ("after_reconcile_row", 1),
    ("after_reconcile_row", 4),
    ("after_reconcile_batch", 1),
    ("before_reconcile_end", 1),
]


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(("point", "nth"), KILL_POINTS)
def test_a_run_broken_off_at_any_row_continues(place: Place, sandbox: Sandbox, point: str, nth: int) -> None:
    """A run that broke off at any line continues, and counts each line once."""
    with open_payment_desk(place, sandbox) as scene:
        days = ReconciledDay(scene)
        write_payments_of_each_verdict(days)
        with (
            open_payment_desk(place, sandbox, FAILPOINT=f"{point}:{nth}:raise") as broken,
            pytest.raises(FailpointReached),
        ):
            ReconciledDay(broken).reconcile_day()
        report = days.reconcile_day()
        assert get_counts(report) == (2, 1, 1, 1, 1)
        assert len(report.differences) == 4
        assert scene.place.sql("SELECT COUNT(*), MAX(state) FROM reconciliations") == [(1, "done")]
        assert (
            scene.count_audit_entries("reconciliation.begun")
            == scene.count_audit_entries("reconciliation.ended")
            == 1
        )


@pytest.mark.time_scale("20")  # waits for an end
@pytest.mark.engines("sqlite", "mariadb")
def test_another_process_continues_a_killed_run(place: Place, sandbox: Sandbox) -> None:
    """Another process continues the run of a killed one after the lease has expired, and not before."""
    with open_payment_desk(place, sandbox) as scene:
        days = ReconciledDay(scene)
        write_payments_of_each_verdict(days)
        extra = payment_desks.make_settings(sandbox.url) | {"FAILPOINT": "after_reconcile_row:2:kill"}
        told = place.make_environment(sandbox.url, "op-a", 0, **extra)
        child = Child(reconcile_in_child, told, days.day)
        assert child.wait_for_end() == -9
        with pytest.raises(ConsoleError) as caught:
            days.reconcile_day()
        assert caught.value.code == "in_progress"
        place.sql("UPDATE leases SET lease_expires = 0")
        assert get_counts(days.reconcile_day()) == (2, 1, 1, 1, 1)
        scene.console.audit.verify_chains()


@pytest.mark.engines("sqlite")
def test_a_file_without_valid_rows_ends_the_run(days: ReconciledDay, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without valid lines ends the run as failed, and it isn't continued; a new file starts a new run."""
    days.add_provider_payment("ORD-1")
    days.announce_file()
    files = days.scene.console.reconciliation._daily_file_stores["paypay"]
    original = files.download_file
    monkeypatch.setattr(files, "download_file", lambda event: original(event) + b"rubbish\n" * 1_200)
    with pytest.raises(ConsoleError) as caught:
        days.reconcile_day()
    assert caught.value.code == "provider_answer_unusable"
    assert days.scene.place.sql("SELECT state, reason FROM reconciliations") == [
        ("failed", "provider_answer_unusable")
    ]
    monkeypatch.undo()
    days.announce_file()
    assert get_counts(days.reconcile_day()) == (1, 0, 0, 0, 0)


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(("rubbish", "ends"), [(MAX_REFUSED_ROWS, "reported"), (MAX_REFUSED_ROWS + 1, "failed")])
def test_a_run_fails_above_the_limit_of_refused_rows(
    days: ReconciledDay, monkeypatch: pytest.MonkeyPatch, rubbish: int, ends: str
) -> None:
    """A file with MAX_REFUSED_ROWS refused lines is read, and each is reported; with one more line the run fails."""
    days.add_provider_payment("ORD-1")
    days.announce_file()
    files = days.scene.console.reconciliation._daily_file_stores["paypay"]
    original = files.download_file
    monkeypatch.setattr(files, "download_file", lambda event: original(event) + b"rubbish\n" * rubbish)
    if ends == "reported":
        assert days.reconcile_day().refused == MAX_REFUSED_ROWS
        return
    with pytest.raises(ConsoleError) as caught:
        days.reconcile_day()
    assert (caught.value.code, caught.value.detail["rows"]) == ("provider_answer_unusable", MAX_REFUSED_ROWS + 1)


@pytest.mark.engines("sqlite")
def test_a_second_simultaneous_run_is_refused(days: ReconciledDay) -> None:
    """A second reconciliation of a provider is refused while the first one holds the lease."""
    write_payments_of_each_verdict(days)
    lease = acquire_lease(days.scene.context, "reconciliation_paypay")
    assert lease is not None
    with pytest.raises(ConsoleError) as caught:
        days.reconcile_day()
    assert (caught.value.code, caught.value.exit_status) == ("in_progress", 3)
    days.scene.context.write(lambda tx: leases.release(tx.conn, lease))
    assert get_counts(days.reconcile_day()) == (2, 1, 1, 1, 1)


@pytest.mark.engines("sqlite")
def test_notices_without_a_payment_are_not_counted(days: ReconciledDay) -> None:
    """Notices that aren't about a payment are in no count and no difference."""
    scene, at = days.scene, days.noon.isoformat()
    scene.payments.receive_notice(scene.make_bank_notice("e-1", "ORD-1", occurred_at=at, type="account.changed"))
    report = days.reconcile_day(provider="bank")
    assert (get_counts(report), report.refused, report.cases) == ((0, 0, 0, 0, 0), 0, ())


@pytest.mark.engines("sqlite")
def test_a_dry_run_finds_a_payment_without_a_number(days: ReconciledDay) -> None:
    """People decided two payments without the provider's number. The file has our number of one of them, so only the
    other one gets the verdict `missing_there`.
    """
    for number in ("ORD-1", "ORD-2"):
        days.insert_our_payment(number, theirs=days.add_provider_payment(number))
    days.scene.place.drop_table_triggers("payments")
    days.scene.place.sql(
        "UPDATE payments SET provider_payment_id = NULL",
        "UPDATE payments SET merchant_payment_id = 'ORD-9' WHERE merchant_payment_id = 'ORD-2'",
    )
    days.announce_file()
    report = days.reconcile_day(dry_run=True)
    missing = [difference for difference in report.differences if difference.verdict == "missing_there"]
    assert [difference.payment_id for difference in missing] == [days.scene.find_payment("paypay", "ORD-9").id]  # type: ignore[union-attr]
