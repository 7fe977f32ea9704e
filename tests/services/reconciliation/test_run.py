"""Tests of a reconciliation run: it finds exactly the differences, corrects only facts that the provider's history
proves, and continues after an interruption.
"""

import tracemalloc
from contextlib import suppress
from datetime import datetime, time, timedelta
from unittest.mock import Mock

import pytest

from console.domain.calendar_days import IST, JST, get_utc_span, list_days_of_span
from console.domain.errors import ConsoleError, ErrorCode, rebuild_error
from console.domain.payments.records import PaymentImport
from console.domain.reconciliation import row_comparison
from console.domain.reports.daily_close import NotFinalReason
from console.domain.tasks.records import Alert, ReconcileReport
from console.providers.paypay import reconciliation_file
from console.sandbox.server import Sandbox
from console.services.guarded.leases import acquire_lease
from console.services.payments.probe import PaymentProber
from console.services.process.failpoints import FailpointReached
from console.services.reconciliation import provider_rows
from console.services.reconciliation.provider_rows import ProviderHistoryComparison
from console.services.reconciliation.sources import MAX_REFUSED_ROWS
from console.services.recovery.related_records import _read_contradicting_answers
from console.store.operations import leases
from console.wording.sentences.catalogue import format_error_message
from tests.support import payment_desks
from tests.support.children import Child
from tests.support.desks import MovedClock
from tests.support.keyrings import LockedKeyring
from tests.support.payment_desks import PaymentDesk, open_payment_desk
from tests.support.places import Place
from tests.support.reconciled_day import ReconciledDay, get_counts, reconcile_in_child
from tests.support.refusals import call_for_refusal

pytestmark = pytest.mark.time_scale("1")


@pytest.fixture
def reconciled_day(scene: PaymentDesk) -> ReconciledDay:
    """Return the test's day for a reconciliation, with helpers that write the provider's history and payments."""
    return ReconciledDay(scene)


def read_case_rules(report: ReconcileReport) -> list[tuple[str, bool]]:
    """Return the rule of each case, with True if the case is open."""
    return [(case.rule_id, case.resolved_at is None) for case in report.cases]


def list_open_alerts(days: ReconciledDay) -> list[Alert]:
    """Return the open alerts, oldest first."""
    return [alert for alert in days.scene.console.alerts.list_alerts() if alert.resolved_at is None]


def announce_file_with_line(days: ReconciledDay, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """Announce a new daily file of the day, and add the line to each file that is downloaded from now on."""
    files = days.scene.console.reconciliation._daily_file_stores["paypay"]
    original = files.download_file
    monkeypatch.setattr(files, "download_file", lambda event: original(event) + f"{line}\n".encode("cp932"))
    days.announce_file()


def write_payments_of_each_verdict(days: ReconciledDay) -> None:
    """Write one payment for each verdict about a difference (imported, missing_there, different_state,
    different_amount) and two payments that match, and announce the daily file.
    """
    days.add_payment_on_both_sides("ORD-same")
    days.add_provider_payment("ORD-theirs", 500)
    days.insert_our_payment("ORD-ours", 700)
    days.insert_our_payment("ORD-wait", 900, is_paid=False)
    days.add_provider_payment("ORD-wait", 900)
    days.insert_our_payment("ORD-sum", 1000, days.add_provider_payment("ORD-sum", 1100))
    days.add_payment_on_both_sides("ORD-last")
    days.announce_file()


def test_every_written_difference_is_found_and_no_other(reconciled_day: ReconciledDay) -> None:
    """The run finds each difference once, with its verdict, and no other difference. Each lasting difference has a
    case, and a payment that only the provider has is imported.
    """
    write_payments_of_each_verdict(reconciled_day)
    report = reconciled_day.reconcile_day()
    assert get_counts(report) == (2, 1, 1, 1, 1)
    scene = reconciled_day.scene
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
    with scene.context.database.read() as conn:
        history_amounts = _read_contradicting_answers(conn, "payment", (ours, other))
    assert set(history_amounts) == {ours.id, other.id}, "the explanation of a payment names what the history has"


def test_a_resolved_case_about_a_payment_names_no_order(reconciled_day: ReconciledDay) -> None:
    """A run corrects a payment and stores the case about it as resolved. The case is about the payment, so it has no
    order number: the list of alerts would show the payment as an order.
    """
    reconciled_day.insert_our_payment("ORD-wait", 900, is_paid=False)
    reconciled_day.add_provider_payment("ORD-wait", 900)
    reconciled_day.announce_file()
    (case,) = reconciled_day.reconcile_day().cases
    assert (case.subject_kind, case.order_no, case.resolved_at is None) == ("payment", None, False)


def test_a_second_run_changes_nothing(reconciled_day: ReconciledDay) -> None:
    """A second run matches the payments that the first run booked, finds the same differences, and opens no case
    again.
    """
    write_payments_of_each_verdict(reconciled_day)
    first = reconciled_day.reconcile_day()
    before = reconciled_day.count_rows()
    second = reconciled_day.reconcile_day()
    assert get_counts(second) == (4, 0, 1, 0, 1)
    assert [case.id for case in second.cases] == [case.id for case in first.cases if case.resolved_at is None]
    after = reconciled_day.count_rows()
    for table in ("payments", "payment_events", "documents", "alerts", "orders"):
        assert after[table] == before[table], table
    assert reconciled_day.reconcile_day().differences[0].verdict == second.differences[0].verdict


@pytest.mark.engines("sqlite")
def test_a_dry_run_writes_nothing(reconciled_day: ReconciledDay) -> None:
    """A dry run returns the same counts as a real run and writes no row."""
    write_payments_of_each_verdict(reconciled_day)
    reconciled_day.scene.providers.get_reader("paypay")  # the first use stores the merchant of the database
    before = reconciled_day.count_rows()
    report = reconciled_day.reconcile_day(dry_run=True)
    assert get_counts(report) == (2, 1, 1, 1, 1)
    assert (report.run_id, report.cases, len(report.differences)) == (None, (), 4)
    assert reconciled_day.count_rows() == before
    assert get_counts(reconciled_day.reconcile_day()) == get_counts(report)


def test_a_daily_file_is_stored_as_evidence(reconciled_day: ReconciledDay) -> None:
    """The run stores the complete daily file with its hash. After the file's URL has expired, a later run reads the
    stored file.
    """
    reconciled_day.add_payment_on_both_sides("ORD-1")
    reconciled_day.announce_file()
    report = reconciled_day.reconcile_day()
    sql = f"SELECT source, sha256, body FROM evidence WHERE id = {report.evidence_id}"
    ((source, digest, body),) = reconciled_day.scene.place.sql(sql)
    assert source == "paypay.recon"
    assert digest in body
    reconciled_day.scene.control.change_settings(advance_seconds=3 * 3600)
    assert get_counts(reconciled_day.reconcile_day()) == (1, 0, 0, 0, 0)
    ((document_count,),) = reconciled_day.scene.place.sql(
        "SELECT COUNT(*) FROM documents WHERE subject_kind = 'notice'"
    )
    assert document_count == 1


@pytest.mark.engines("sqlite")
def test_a_daily_file_of_another_hash_is_not_compared(reconciled_day: ReconciledDay) -> None:
    """The evidence of a stored daily file states another hash than the path of its document: a run doesn't use the
    file."""
    reconciled_day.add_payment_on_both_sides("ORD-1")
    reconciled_day.announce_file()
    reconciled_day.reconcile_day()
    reconciled_day.scene.place.sql(f"UPDATE evidence SET sha256 = '{'0' * 64}' WHERE source = 'paypay.recon'")
    refusal = call_for_refusal(reconciled_day.reconcile_day)
    assert (refusal.code, refusal.detail["reason"]) == ("not_found", "damaged")


@pytest.mark.engines("sqlite")
def test_a_later_run_closes_the_case_of_a_found_payment(reconciled_day: ReconciledDay) -> None:
    """If a payment that was missing in the daily file is in a newer file, the run closes its case, and the payment no
    longer waits for a person.
    """
    payment = reconciled_day.insert_our_payment("ORD-1", 700)
    reconciled_day.announce_file()
    assert get_counts(reconciled_day.reconcile_day()) == (0, 0, 1, 0, 0)
    reconciled_day.add_provider_payment("ORD-1", 700, id=payment.provider_payment_id)
    reconciled_day.announce_file()
    report = reconciled_day.reconcile_day()
    assert get_counts(report) == (1, 0, 0, 0, 0)
    assert reconciled_day.scene.list_open_alert_rules() == []
    assert reconciled_day.scene.read_payment(payment.id).work.state == "none"


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("is_missing", [False, True])
def test_a_run_over_an_earlier_day_closes_no_case_of_a_later_day(
    reconciled_day: ReconciledDay, monkeypatch: pytest.MonkeyPatch, is_missing: bool
) -> None:
    """The file of a day contradicts a payment: it has failed there, or is missing. The file of the day before agrees
    with the payment: it was paid on this day, or a first attempt failed. A run over the day before closes no case.
    """
    day_before = ReconciledDay(reconciled_day.scene)
    day_before.day -= timedelta(days=1)
    if is_missing:
        reconciled_day.insert_our_payment("ORD-1")
        reconciled_day.announce_file()
        reconciled_day.reconcile_day()
        (case,) = list_open_alerts(reconciled_day)
        earlier_line = day_before.make_line("0477", "取引失敗", 12, 3300, "ORD-1")
        announce_file_with_line(day_before, monkeypatch, earlier_line)
    else:
        payment = day_before.add_payment_on_both_sides("ORD-1")
        day_before.announce_file()
        line = reconciled_day.make_line(payment.provider_payment_id or "", "取引失敗", 12, 3300, "ORD-1")
        with monkeypatch.context() as patch:
            announce_file_with_line(reconciled_day, patch, line)
            reconciled_day.reconcile_day()
        (case,) = list_open_alerts(reconciled_day)
    assert get_counts(day_before.reconcile_day()) == (1, 0, 0, 0, 0)
    assert [case] == list_open_alerts(reconciled_day)


@pytest.mark.engines("sqlite")
def test_a_day_without_an_announced_file_has_no_run(reconciled_day: ReconciledDay) -> None:
    """If no notice has announced a daily file of the day, the reconciliation ends with exit status 4, the day and a
    next step.
    """
    with pytest.raises(ConsoleError) as caught:
        reconciled_day.reconcile_day()
    assert (caught.value.code, caught.value.exit_status) == ("outcome_unknown", 4)
    assert (caught.value.detail["reason"], caught.value.detail["provider"]) == ("recon_not_announced", "paypay")
    for language, hours in (("en", "between 1:30 and 10:00 JST"), ("ja", "1:30〜10:00 に届きます")):
        sentence = format_error_message(caught.value, language)
        assert "PayPay" in sentence
        assert hours in sentence
    assert reconciled_day.count_rows()["reconciliations"] == 0


@pytest.mark.engines("sqlite")
def test_a_run_with_a_file_above_the_size_limit_is_refused(
    reconciled_day: ReconciledDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daily file that is too large can't be read, so the message doesn't advise to wait and reconcile again."""
    reconciled_day.announce_file()
    monkeypatch.setattr(reconciliation_file, "LARGEST_FILE_BYTES", 16)
    with pytest.raises(ConsoleError) as caught:
        reconciled_day.reconcile_day()
    assert (caught.value.code, caught.value.detail["reason"]) == ("provider_answer_unusable", "recon_file_unreadable")


@pytest.mark.engines("sqlite")
def test_a_run_with_an_expired_file_address_is_refused(reconciled_day: ReconciledDay) -> None:
    """A reconciliation whose daily file has an expired URL is refused, and the message states the reason."""
    reconciled_day.announce_file()
    reconciled_day.scene.control.change_settings(advance_seconds=3 * 3600)
    with pytest.raises(ConsoleError) as caught:
        reconciled_day.reconcile_day()
    assert (caught.value.code, caught.value.detail["reason"]) == ("provider_refused", "recon_file_gone")
    assert "two hours. Nothing changed. Ask PayPay to send it again" in format_error_message(caught.value, "en")
    assert "（2 時間）を過ぎています。何も変更していません。PayPay に再送を" in format_error_message(
        caught.value, "ja"
    )


@pytest.mark.engines("sqlite")
def test_a_locked_keyring_loses_no_announced_file(
    reconciled_day: ReconciledDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the keyring with the store key is locked, the notice of a daily file is not stored, so that the provider
    sends it again. A stored notice without the file's address would lose the file for good.
    """
    context = reconciled_day.scene.context
    context.__dict__.pop("cipher", None)
    with monkeypatch.context() as locked:
        locked.delitem(context.settings.secrets._environment, "STORE_KEY")
        locked.setattr(context.settings.secrets, "_open_keyring", LockedKeyring)
        refusal = call_for_refusal(reconciled_day.announce_file)
    assert (refusal.code, refusal.detail["problem"]) == ("bad_profile", "keyring_failed")
    reconciled_day.announce_file()
    assert reconciled_day.reconcile_day().ended_at is not None


@pytest.mark.engines("sqlite")
def test_the_url_of_a_daily_file_is_not_stored_unencrypted(reconciled_day: ReconciledDay) -> None:
    """The URL of a daily file, which contains an access permission, is not stored unencrypted."""
    reconciled_day.announce_file()
    ((body, day),) = reconciled_day.scene.place.sql("SELECT body, order_no FROM payment_events")
    assert "sig=" not in body
    assert "sealed" in body
    assert day == reconciled_day.day.isoformat()


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(("first", "last"), [(0, -1), (1, 1), (-400, 0)])
def test_an_invalid_period_is_refused(reconciled_day: ReconciledDay, first: int, last: int) -> None:
    """A period that ends before it begins, is in the future or is too long is refused."""
    today = reconciled_day.day + timedelta(days=1)
    with pytest.raises(ConsoleError) as caught:
        reconciled_day.scene.console.reconciliation.run(
            "paypay", today + timedelta(days=first), today + timedelta(days=last)
        )
    assert caught.value.code == "usage"


@pytest.mark.engines("sqlite")
def test_unknown_providers_are_refused(reconciled_day: ReconciledDay, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reconciliation of an unknown provider, or of a source of notices whose key this desk lacks, is refused with
    `not_found`.
    """
    with pytest.raises(ConsoleError) as caught:
        reconciled_day.reconcile_day(provider="nobody")
    assert caught.value.code == "not_found"
    reconciled_day.scene.console.reconciliation.run("bank", reconciled_day.day, reconciled_day.day)
    monkeypatch.delitem(reconciled_day.scene.context.settings.secrets._environment, "NOTICE_BANK_KEY")
    with pytest.raises(ConsoleError) as caught:
        reconciled_day.reconcile_day(provider="bank")
    assert caught.value.code == "not_found"


# Refunds


@pytest.mark.engines("sqlite")
def test_an_unrecorded_refund_in_the_file_opens_a_case(reconciled_day: ReconciledDay) -> None:
    """If the daily file has an unrecorded refund, the run opens one case."""
    refund = {"key": "RFD-X", "amount_minor": 1000, "at": reconciled_day.noon.isoformat()}
    payment = reconciled_day.add_payment_on_both_sides("ORD-1", refunds=[refund])
    reconciled_day.announce_file()
    report = reconciled_day.reconcile_day()
    assert get_counts(report) == (1, 0, 0, 0, 1)
    assert read_case_rules(report) == [("reconcile_unknown_refund", True)]
    assert get_counts(reconciled_day.reconcile_day()) == get_counts(report)
    assert reconciled_day.scene.list_open_alert_rules() == ["reconcile_unknown_refund"]
    assert reconciled_day.scene.read_payment(payment.id).refunded_minor == 0


@pytest.mark.engines("sqlite")
def test_an_acknowledged_foreign_refund_hides_no_other_one(
    reconciled_day: ReconciledDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A payment has two refunds that are not ours: one case has both. After a person has acknowledged it, a later run
    opens a case about a third one alone.
    """
    amounts = {"RFD-X": 1000, "RFD-Y": 700}
    refunds = [
        {"key": key, "amount_minor": minor, "at": (reconciled_day.noon + timedelta(minutes=turn)).isoformat()}
        for turn, (key, minor) in enumerate(amounts.items())
    ]
    payment = reconciled_day.add_payment_on_both_sides("ORD-1", refunds=refunds)
    reconciled_day.announce_file()
    reconciled_day.reconcile_day()
    (case,) = list_open_alerts(reconciled_day)
    assert (case.rule_id, case.acknowledged_by) == ("reconcile_unknown_refund", None)
    assert [minor for minor in (1000, 700) if f" {minor} JPY " not in case.observed] == []
    acknowledged = reconciled_day.scene.console.alerts.acknowledge(case.id, "given back on their page")
    reconciled_day.reconcile_day()
    assert list_open_alerts(reconciled_day) == [acknowledged]
    line = reconciled_day.make_line(payment.provider_payment_id or "", "返金完了", 15, -300, "ORD-1")
    announce_file_with_line(reconciled_day, monkeypatch, line)
    reconciled_day.reconcile_day()
    (case,) = list_open_alerts(reconciled_day)
    assert (case.acknowledged_by, case.observed.count("JPY"), " 300 JPY " in case.observed) == (None, 1, True)


@pytest.mark.engines("sqlite")
def test_a_refund_of_an_unknown_payment_is_a_difference(reconciled_day: ReconciledDay) -> None:
    """If the daily file has a refund of a payment that is not stored in our database, the run reads and imports the
    payment, and opens a case about the refund.
    """
    before = reconciled_day.noon - timedelta(days=2)
    refund = {"key": "RFD-X", "amount_minor": 1000, "at": reconciled_day.noon.isoformat()}
    reconciled_day.scene.money.register_payment("paypay", "ORD-old", 3300, at=before.isoformat(), refunds=[refund])
    reconciled_day.announce_file()
    report = reconciled_day.reconcile_day()
    assert get_counts(report) == (0, 0, 0, 0, 1)
    payment = reconciled_day.scene.find_payment("paypay", "ORD-old")
    assert payment is not None
    assert payment.captured_minor == 3300
    assert "reconcile_unknown_refund" in reconciled_day.scene.list_open_alert_rules()


def insert_completed_refund(days: ReconciledDay, payment_id: int, minor: int, key: str = "RFD-1") -> None:
    """Insert a completed refund of ours with the idempotency key `key` directly into the database, without the
    services."""
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
def test_equal_refunds_of_both_sides_are_matched(reconciled_day: ReconciledDay) -> None:
    """The refund lines of the file name only payment and amount. Two lines of the same amount match two refunds of
    ours.
    """
    refunds = [
        {"key": f"RFD-{n}", "amount_minor": 500, "at": (reconciled_day.noon + timedelta(minutes=n)).isoformat()}
        for n in (1, 2)
    ]
    payment = reconciled_day.add_payment_on_both_sides("ORD-1", refunds=refunds)
    for number in (1, 2):
        insert_completed_refund(reconciled_day, payment.id, 500, f"RFD-{number}")
    reconciled_day.announce_file()
    assert get_counts(reconciled_day.reconcile_day()) == (3, 0, 0, 0, 0)


@pytest.mark.engines("sqlite")
def test_the_list_of_another_day_is_refused(reconciled_day: ReconciledDay, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address of the day's file leads to the list of the day before. Each of its lines is refused, and a case is
    opened about them. No payment of the list is imported, and none of ours counts as missing at the provider."""
    ours = reconciled_day.insert_our_payment("ORD-1", 700)
    yesterday = reconciled_day.day - timedelta(days=1)
    lines = "".join(
        reconciled_day.make_line(f"0421{n}", "取引完了", 12, 500, f"ORD-old-{n}") + "\n" for n in range(3)
    ).replace(str(reconciled_day.day), str(yesterday))
    reconciled_day.announce_file()
    files = reconciled_day.scene.console.reconciliation._daily_file_stores["paypay"]
    original = files.download_file
    monkeypatch.setattr(files, "download_file", lambda event: original(event) + lines.encode("cp932"))
    report = reconciled_day.reconcile_day()
    assert (get_counts(report), report.refused) == ((0, 0, 0, 0, 0), 3)
    assert read_case_rules(report) == [("reconcile_rows_refused", True)]
    assert {one.theirs for one in report.differences if one.theirs} >= {"other_day 04210"}
    assert reconciled_day.scene.find_payment("paypay", "ORD-old-0") is None
    assert reconciled_day.scene.read_payment(ours.id).work.state == "none"


@pytest.mark.engines("sqlite")
def test_a_rejected_notice_leaves_the_number_of_missing_payments_known(
    reconciled_day: ReconciledDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rejected row of a daily file leaves the number of missing payments unknown. A run over a source of signed
    notices has compared all payments, whatever notices it has rejected.
    """
    reconciled_day.add_provider_payment("ORD-1")
    announce_file_with_line(reconciled_day, monkeypatch, "=1,2")
    reconciled_day.reconcile_day()
    views, place = reconciled_day.scene.console.reconciliation.views, reconciled_day.scene.place
    assert [item.is_missing_unknown for item in views.list_runs().items] == [True]
    place.drop_table_triggers("reconciliations")
    place.sql("UPDATE reconciliations SET provider = 'bank'")
    assert [item.is_missing_unknown for item in views.list_runs().items] == [False]


@pytest.mark.engines("sqlite")
@pytest.mark.expects_log("a row that can't be read")
def test_an_unreadable_payment_is_named_and_ends_no_run(reconciled_day: ReconciledDay) -> None:
    """A payment of both sides whose row the program can't read is neither missing nor imported: its row in the file
    and our row count as refused. The number of missing payments is known, because the file could be read.
    """
    payment = reconciled_day.add_payment_on_both_sides("ORD-1")
    reconciled_day.add_payment_on_both_sides("ORD-2")
    reconciled_day.announce_file()
    reconciled_day.scene.place.drop_table_triggers("payments")
    reconciled_day.scene.place.sql(f"UPDATE payments SET status = 'future' WHERE id = {payment.id}")
    report = reconciled_day.reconcile_day()
    assert (get_counts(report), report.refused) == ((1, 0, 0, 0, 0), 2)
    assert {row.verdict for row in report.differences} == {"refused"}
    (item,) = reconciled_day.scene.console.reconciliation.views.list_runs().items
    assert not item.is_missing_unknown


@pytest.mark.engines("sqlite")
@pytest.mark.expects_log("a row that can't be read")
def test_an_unreadable_refund_is_named_and_ends_no_run(reconciled_day: ReconciledDay) -> None:
    """A completed refund of ours whose row the program can't read counts as refused, and not as missing."""
    payment = reconciled_day.add_payment_on_both_sides("ORD-1")
    insert_completed_refund(reconciled_day, payment.id, 500)
    reconciled_day.announce_file()
    reconciled_day.scene.place.drop_table_triggers("refunds")
    reconciled_day.scene.place.sql("UPDATE refunds SET status = 'future'")
    report = reconciled_day.reconcile_day()
    assert (get_counts(report), report.refused) == ((1, 0, 0, 0, 0), 1)


@pytest.mark.engines("sqlite")
def test_a_programming_error_is_not_an_unreadable_refund(
    reconciled_day: ReconciledDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error in the comparison of a refund that was read ends the run: the row doesn't count as refused."""

    def raise_error(*_: object) -> None:
        raise KeyError("a bug")

    payment = reconciled_day.add_payment_on_both_sides(
        "ORD-1", refunds=[{"key": "RFD-1", "amount_minor": 500, "at": reconciled_day.noon.isoformat()}]
    )
    insert_completed_refund(reconciled_day, payment.id, 500)
    reconciled_day.announce_file()
    monkeypatch.setattr(row_comparison, "match_refunds", raise_error)
    with pytest.raises(KeyError):
        reconciled_day.reconcile_day()
    assert reconciled_day.scene.place.sql("SELECT verdict FROM reconciliation_rows") == []


@pytest.mark.engines("sqlite")
def test_a_refund_that_is_not_in_the_file_is_missing_at_the_provider(reconciled_day: ReconciledDay) -> None:
    """A completed refund of ours that is not in the daily file gets the verdict that it is missing at the
    provider.
    """
    payment = reconciled_day.add_payment_on_both_sides("ORD-1")
    insert_completed_refund(reconciled_day, payment.id, 500)
    reconciled_day.announce_file()
    report = reconciled_day.reconcile_day()
    assert get_counts(report) == (1, 0, 1, 0, 0)
    assert read_case_rules(report) == [("reconcile_missing_there", True)]
    assert get_counts(reconciled_day.reconcile_day()) == get_counts(report)


@pytest.mark.engines("sqlite")
def test_a_matching_payment_closes_no_case_about_its_refund(reconciled_day: ReconciledDay) -> None:
    """The row of a payment that agrees with ours says nothing about a refund that is missing in the file. A later run
    doesn't close the case about the refund, so that a person's acknowledgement of it stays.
    """
    payment = reconciled_day.add_payment_on_both_sides("ORD-1")
    insert_completed_refund(reconciled_day, payment.id, 500)
    reconciled_day.announce_file()
    (case,) = reconciled_day.reconcile_day().cases
    reconciled_day.scene.console.alerts.acknowledge(case.id, "PayPay looks for it")
    (later,) = reconciled_day.reconcile_day().cases
    assert (later.id, later.acknowledged_by, later.resolved_at) == (case.id, "op-a", None)


@pytest.mark.engines("sqlite")
def test_a_completed_refund_closes_no_case_about_its_payment(
    reconciled_day: ReconciledDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refund in the file isn't completed here, and a probe completes it. The case about the refund is stored as
    resolved; the case about the amount of its payment stays open.
    """
    payment = reconciled_day.insert_our_payment("ORD-1", 3000)
    refund = {"key": "RFD-1", "amount_minor": 500, "at": reconciled_day.noon.isoformat()}
    reconciled_day.add_provider_payment("ORD-1", 3300, id=payment.provider_payment_id, refunds=[refund])
    insert_completed_refund(reconciled_day, payment.id, 500)
    write = reconciled_day.scene.place.sql
    write("UPDATE refunds SET status = 'submitted'")
    monkeypatch.setattr(
        ProviderHistoryComparison, "probe_our_refund", lambda *_: write("UPDATE refunds SET status = 'completed'")
    )
    reconciled_day.announce_file()
    rules = read_case_rules(reconciled_day.reconcile_day())
    assert sorted(rules) == [("reconcile_amount", True), ("reconcile_state", False)]


@pytest.mark.engines("sqlite")
def test_two_missing_refunds_of_a_payment_are_in_one_case(
    reconciled_day: ReconciledDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two refunds of a payment are missing in the file: the case about them has both, and not the second one only
    after the end of the first. When a newer file has one of them, the case has the other.
    """
    payment = reconciled_day.add_payment_on_both_sides("ORD-1")
    insert_completed_refund(reconciled_day, payment.id, 500, "RFD-1")
    insert_completed_refund(reconciled_day, payment.id, 700, "RFD-2")
    reconciled_day.announce_file()
    reconciled_day.reconcile_day()
    (case,) = list_open_alerts(reconciled_day)
    assert case.observed == "refund 1 of 500 JPY; refund 2 of 700 JPY"
    reconciled_day.reconcile_day()
    assert [case] == list_open_alerts(reconciled_day)
    line = reconciled_day.make_line(payment.provider_payment_id or "", "返金完了", 12, -500, "ORD-1")
    announce_file_with_line(reconciled_day, monkeypatch, line)
    reconciled_day.reconcile_day()
    (case,) = list_open_alerts(reconciled_day)
    assert case.observed == "refund 2 of 700 JPY"
    assert reconciled_day.scene.read_payment(payment.id).work.reason == "reconcile_missing_there"


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("minor", [500, 700])
def test_a_missing_refund_among_two_is_a_difference(reconciled_day: ReconciledDay, minor: int) -> None:
    """If the file has only one of two refunds of a payment, with the same or different amounts, the other refund gets
    the verdict that it is missing at the provider.
    """
    payment = reconciled_day.add_payment_on_both_sides(
        "ORD-1", refunds=[{"key": "RFD-1", "amount_minor": 500, "at": reconciled_day.noon.isoformat()}]
    )
    insert_completed_refund(reconciled_day, payment.id, 500, "RFD-1")
    insert_completed_refund(reconciled_day, payment.id, minor, "RFD-2")
    reconciled_day.announce_file()
    report = reconciled_day.reconcile_day()
    assert get_counts(report) == (2, 0, 1, 0, 0)
    assert read_case_rules(report) == [("reconcile_missing_there", True)]


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("state", ["completed", "submitted"])
def test_a_refund_of_a_second_capture_is_not_matched_to_the_first(
    reconciled_day: ReconciledDay, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    """If the provider has captured our payment number twice and the second capture was refunded, that refund does not
    match our refund of the first capture, although the amounts are equal.
    """
    payment = reconciled_day.add_payment_on_both_sides("ORD-1")
    insert_completed_refund(reconciled_day, payment.id, 500)
    reconciled_day.scene.place.sql(f"UPDATE refunds SET status = '{state}'")
    reconciled_day.announce_file()
    files = reconciled_day.scene.console.reconciliation._daily_file_stores["paypay"]
    lines = (
        f"{reconciled_day.make_line('0477', '取引完了', 12, 3300, 'ORD-1')}\n"
        f"{reconciled_day.make_line('0477', '返金完了', 12, -500, 'ORD-1')}\n"
    )
    original = files.download_file
    monkeypatch.setattr(files, "download_file", lambda event: original(event) + lines.encode("cp932"))
    report = reconciled_day.reconcile_day()
    missing = state == "completed"
    assert get_counts(report) == (1, 0, missing, 1, 1)
    assert set(read_case_rules(report)) == {
        ("paid_twice", True),
        ("reconcile_state", True),
        ("reconcile_unknown_refund", True),
        *([("reconcile_missing_there", True)] if missing else []),
    }
    assert reconciled_day.scene.place.sql("SELECT status FROM refunds") == [(state,)]


# States


@pytest.mark.engines("sqlite")
def test_a_late_success_is_booked(reconciled_day: ReconciledDay) -> None:
    """If a payment has expired in our database but is paid in the daily file, the run books it and reports the
    difference.
    """
    payment = reconciled_day.insert_our_payment("ORD-1", is_paid=False)
    reconciled_day.scene.place.drop_table_triggers("payments")
    reconciled_day.scene.place.sql(f"UPDATE payments SET status = 'expired' WHERE id = {payment.id}")
    reconciled_day.add_provider_payment("ORD-1")
    reconciled_day.announce_file()
    report = reconciled_day.reconcile_day()
    assert get_counts(report) == (0, 0, 0, 1, 0)
    assert reconciled_day.scene.read_payment(payment.id).captured_minor == 3300


@pytest.mark.engines("sqlite")
def test_a_row_gives_the_missing_provider_id(reconciled_day: ReconciledDay) -> None:
    """If people have decided a payment without the provider's id, the run takes the id from the file's line. The
    payment counts neither as paid twice nor as missing at the provider.
    """
    provider_id = reconciled_day.add_provider_payment("ORD-1")
    payment = reconciled_day.insert_our_payment("ORD-1", provider_id=provider_id)
    reconciled_day.scene.place.drop_table_triggers("payments")
    reconciled_day.scene.place.sql(f"UPDATE payments SET provider_payment_id = NULL WHERE id = {payment.id}")
    reconciled_day.announce_file()
    assert get_counts(reconciled_day.reconcile_day()) == (1, 0, 0, 0, 0)
    assert reconciled_day.scene.read_payment(payment.id).provider_payment_id == payment.provider_payment_id
    assert reconciled_day.scene.list_open_alert_rules() == []


@pytest.mark.engines("sqlite")
def test_a_completed_payment_failed_at_the_provider_needs_a_person(reconciled_day: ReconciledDay) -> None:
    """If a payment is completed in our database and failed in the daily file, our state does not change and a person
    must look.
    """
    reconciled_day.scene.control.change_settings(paypay_lists_failed_payments=True)
    payment = reconciled_day.insert_our_payment(
        "ORD-1", provider_id=reconciled_day.add_provider_payment("ORD-1", state="failed")
    )
    reconciled_day.scene.place.drop_table_triggers("payments")
    early = (reconciled_day.noon - timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S.000000")
    reconciled_day.scene.place.sql(
        f"UPDATE payments SET paid_at = '{early}', told_at = '{early}' WHERE id = {payment.id}"
    )
    reconciled_day.announce_file()
    report = reconciled_day.reconcile_day()
    assert get_counts(report)[3] == 1
    assert reconciled_day.scene.read_payment(payment.id).state == "completed"
    assert ("reconcile_state", True) in read_case_rules(report)


@pytest.mark.engines("sqlite")
def test_a_waiting_payment_failed_at_the_provider_becomes_failed(reconciled_day: ReconciledDay) -> None:
    """If a payment waits in our database and has failed at the provider, the run sets it to failed and counts it as
    different. The next run counts it as matched.
    """
    reconciled_day.scene.control.change_settings(paypay_lists_failed_payments=True)
    payment = reconciled_day.insert_our_payment("ORD-1", is_paid=False)
    reconciled_day.add_provider_payment("ORD-1", state="failed")
    reconciled_day.announce_file()
    assert get_counts(reconciled_day.reconcile_day()) == (0, 0, 0, 1, 0)
    assert reconciled_day.scene.read_payment(payment.id).state == "payment_failed"
    assert get_counts(reconciled_day.reconcile_day()) == (1, 0, 0, 0, 0)


# Going on


@pytest.mark.engines("sqlite")
def test_invalid_lines_are_reported_in_a_case(reconciled_day: ReconciledDay, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run counts an invalid line of the daily file as refused and opens a case about it. While such lines exist,
    no payment gets the verdict that it is missing at the provider, and the run doesn't know the number of missing
    ones. A new file without such lines closes the case.
    """
    reconciled_day.add_provider_payment("ORD-1")
    reconciled_day.insert_our_payment("ORD-ours", 700)
    reconciled_day.announce_file()
    files = reconciled_day.scene.console.reconciliation._daily_file_stores["paypay"]
    original = files.download_file
    monkeypatch.setattr(files, "download_file", lambda event: original(event) + b"=1,2\n")
    dry_run_report = reconciled_day.reconcile_day(dry_run=True)
    assert (get_counts(dry_run_report), dry_run_report.is_missing_unknown) == ((0, 1, 0, 0, 0), True)
    report = reconciled_day.reconcile_day()
    assert get_counts(report) == (0, 1, 0, 0, 0)
    assert (report.refused, report.is_missing_unknown) == (1, True)
    assert read_case_rules(report) == [("reconcile_rows_refused", True)]
    monkeypatch.undo()
    reconciled_day.announce_file()
    report = reconciled_day.reconcile_day()
    assert (get_counts(report), report.is_missing_unknown) == ((1, 0, 1, 0, 0), False)
    runs = reconciled_day.scene.console.reconciliation.views.list_runs().items
    assert [item.is_missing_unknown for item in runs] == [False, True]
    assert reconciled_day.scene.list_open_alert_rules("reconciliation") == []


@pytest.mark.engines("sqlite")
def test_a_longer_file_needs_no_more_memory(reconciled_day: ReconciledDay, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run needs no more memory for a file with ten times as many lines, apart from the file itself."""
    payment = reconciled_day.add_payment_on_both_sides("ORD-1")
    reconciled_day.announce_file()
    original = reconciled_day.scene.console.reconciliation._daily_file_stores["paypay"].download_file
    peaks = []
    for count in (500, 5_000):
        failed = (
            "\n".join(_make_failed_line(reconciled_day, number) for number in range(count)).encode("cp932") + b"\n"
        )
        monkeypatch.setattr(
            reconciled_day.scene.console.reconciliation._daily_file_stores["paypay"],
            "download_file",
            lambda event, more=failed: original(event) + more,
        )
        reconciled_day.reconcile_day(dry_run=True)
        tracemalloc.start()
        report = reconciled_day.reconcile_day(dry_run=True)
        peaks.append(tracemalloc.get_traced_memory()[1] - 4 * len(failed))
        tracemalloc.stop()
        assert get_counts(report) == (1 + count, 0, 0, 0, 0)
    assert peaks[1] < peaks[0] + 200_000, peaks
    assert payment.state == "completed"


def _make_failed_line(days: ReconciledDay, number: int) -> str:
    """Return a line of the daily file about a failed payment; its ids are made from `number`."""
    return days.make_line(f"0555{number:016}", "取引失敗", 10, 5, f"F-{number}")


@pytest.mark.engines("sqlite")
def test_the_due_task_compares_each_announced_day_once(reconciled_day: ReconciledDay) -> None:
    """The due task runs the reconciliation of a day once after the day's file was announced."""
    reconciled_day.add_provider_payment("ORD-1")
    reconciliation = reconciled_day.scene.console.reconciliation
    assert reconciliation.reconcile_due_days() == 0
    reconciled_day.announce_file()
    assert reconciliation.reconcile_due_days() == 1
    assert reconciled_day.scene.find_payment("paypay", "ORD-1") is not None
    assert reconciliation.reconcile_due_days() == 0
    assert get_counts(reconciliation.list_latest_reports("paypay")[0]) == (0, 1, 0, 0, 0)


@pytest.mark.engines("sqlite")
def test_a_file_that_is_announced_again_is_compared_again(
    reconciled_day: ReconciledDay, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file of a day can't be read, so its run fails, and the due task doesn't try it again. When the provider
    announces the file again, the due task compares the day.
    """
    reconciled_day.add_provider_payment("ORD-1")
    reconciled_day.announce_file()
    reconciliation = reconciled_day.scene.console.reconciliation
    monkeypatch.setattr(provider_rows, "MAX_REFUSED_ROWS", -1)
    assert (reconciliation.reconcile_due_days(), len(reconciliation.list_latest_reports("paypay"))) == (0, 1)
    monkeypatch.undo()
    clock.offset += timedelta(minutes=30)
    assert (reconciliation.reconcile_due_days(), len(reconciliation.list_latest_reports("paypay"))) == (0, 1)
    reconciled_day.announce_file()
    assert [reconciliation.reconcile_due_days() for _ in range(2)] == [1, 0]
    assert reconciled_day.scene.find_payment("paypay", "ORD-1") is not None


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("failure", ["file_unusable", "file_not_fetched", "interrupted"])
def test_a_day_that_is_not_reconciled_raises_an_alert(
    reconciled_day: ReconciledDay, clock: MovedClock, monkeypatch: pytest.MonkeyPatch, failure: str
) -> None:
    """The run of an announced day fails, can't fetch its file, or is interrupted again and again. An hour after the
    announcement an alert names the day. It closes when the day is reconciled.
    """
    reconciled_day.add_provider_payment("ORD-1")
    reconciled_day.announce_file()
    scene, reconciliation = reconciled_day.scene, reconciled_day.scene.console.reconciliation
    if failure == "file_unusable":
        monkeypatch.setattr(provider_rows, "MAX_REFUSED_ROWS", -1)
    elif failure == "file_not_fetched":
        monkeypatch.setattr(reconciliation_file, "LARGEST_FILE_BYTES", 16)
    else:
        refusal = rebuild_error(ErrorCode.PROVIDER_UNREACHABLE, {})
        monkeypatch.setattr(ProviderHistoryComparison, "compare", Mock(side_effect=refusal))
    assert reconciliation.reconcile_due_days() == 0
    assert scene.list_open_alert_rules("provider") == []
    clock.offset += timedelta(minutes=61)
    for _ in range(2):
        assert reconciliation.reconcile_due_days() == 0
        assert scene.list_open_alert_rules("provider") == ["days_not_reconciled"]
    observed = scene.place.sql("SELECT observed FROM alerts WHERE rule_id = 'days_not_reconciled'")
    assert observed == [(f"paypay not reconciled: {reconciled_day.day}",)]
    monkeypatch.undo()
    reconciled_day.announce_file()
    assert reconciliation.reconcile_due_days() >= 1
    assert scene.list_open_alert_rules("provider") == []


@pytest.mark.engines("sqlite")
def test_the_due_task_catches_up_after_some_days_without_a_worker(scene: PaymentDesk, clock: MovedClock) -> None:
    """No worker ran for three days. For a provider without daily files, the due task then compares each of these days
    on which a payment may have begun, oldest first, and each only once.
    """
    day = scene.context.now().astimezone(IST).date()
    scene.money.register_payment("atom", "ORD-1", 50_000, "paid")
    scene.payments.import_payment(PaymentImport("atom", "ORD-1", amount="500.00", day=day))
    clock.offset += timedelta(days=3)
    reconciliation = scene.console.reconciliation
    assert reconciliation.reconcile_due_days() >= 1
    reports = [report for report in reversed(reconciliation.list_latest_reports("atom")) if report.matched]
    assert [(report.from_day, report.to_day, get_counts(report)) for report in reports] == [
        (day, day, (1, 0, 0, 0, 0))
    ]
    assert reconciliation.reconcile_due_days() == 0


@pytest.mark.engines("sqlite")
def test_a_day_compared_before_its_end_is_due_again(scene: PaymentDesk, clock: MovedClock) -> None:
    """If a person ran the reconciliation of a day before its end, the due task runs it once more after the end."""
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
    newest, early = reconciliation.list_latest_reports("bank")
    assert (newest.from_day, newest.to_day, early.from_day) == (day, day, day)
    assert newest.begun_at is not None
    assert newest.begun_at >= midnight + timedelta(days=1)


@pytest.mark.engines("mariadb")
def test_a_desk_with_a_clock_ahead_ends_no_running_day(scene: PaymentDesk, clock: MovedClock) -> None:
    """A desk whose clock is ahead compares and closes the running day. The close isn't final, and the day must be
    compared again when it is over, because payments and reversals may follow.
    """
    today = scene.context.now().astimezone(JST).date()
    days = list_days_of_span(*get_utc_span(today, today, JST), IST)
    scene.money.register_payment("atom", "ORD-1", 50_000, "paid")
    day = scene.context.now().astimezone(IST).date()
    scene.payments.import_payment(PaymentImport("atom", "ORD-1", amount="500.00", day=day))
    clock.offset += timedelta(days=2)
    runs = [scene.console.reconciliation.run("atom", day, day) for day in days]
    close = scene.console.reports.read_daily_close("atom", today)
    assert close.open_points == (NotFinalReason.DAY_RUNNING, NotFinalReason.NOT_RECONCILED)
    assert all(run.begun_at is not None and run.begun_at < scene.context.now() - timedelta(days=1) for run in runs)


# Others


@pytest.mark.engines("sqlite")
def test_a_reconciliation_of_atom_reads_each_own_payment(scene: PaymentDesk, clock: MovedClock) -> None:
    """Atom offers no history, so the run queries Atom about each of our payments of the day."""
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
def test_a_second_capture_at_atom_is_a_difference(scene: PaymentDesk, clock: MovedClock) -> None:
    """The payer has paid twice at Atom, and our payment is the first capture. Each run counts the payment as
    different; the first one opens the case about the second capture, and the list of differences shows this case."""
    day, run = scene.context.now().astimezone(IST).date(), scene.console.reconciliation.run
    scene.money.register_payment("atom", "ORD-1", 50_000, "paid")
    payment = scene.payments.import_payment(PaymentImport("atom", "ORD-1", amount="500.00", day=day))
    second = scene.money.change_payment_state("atom", "ORD-1", "paid", notify=False, another_attempt=True)["id"]
    clock.offset += timedelta(seconds=2)
    assert get_counts(run("atom", day, day, dry_run=True)) == (0, 0, 0, 1, 0)
    for _ in range(2):
        report = run("atom", day, day)
        assert get_counts(report) == (0, 0, 0, 1, 0)
        assert read_case_rules(report) == [("paid_twice", True)]
        assert scene.list_open_alert_rules() == ["paid_twice"]
        clock.offset += timedelta(seconds=2)
    (item,) = scene.console.reconciliation.views.list_differences(report.run_id or 0).items
    assert (item.difference.payment_id, item.difference.theirs) == (payment.id, f"OTS0000 50000 INR {second}")
    assert (item.case is not None and item.case.rule_id) == "paid_twice"
    assert scene.read_payment(payment.id).work.state == "needs_review"


@pytest.mark.engines("sqlite")
def test_a_page_shows_the_time_of_the_answer_of_a_match(scene: PaymentDesk, clock: MovedClock) -> None:
    """If Atom's answer agrees with our payment, the page of the payment shows the time of this answer and has the
    answer among its raw answers. The same answer of a later run renews the time, but isn't stored again; a
    different answer is stored. A dry run stores neither the answer nor the time."""
    day, run = scene.context.now().astimezone(IST).date(), scene.console.reconciliation.run
    scene.money.register_payment("atom", "ORD-1", 50_000, "paid")
    payment = scene.payments.import_payment(PaymentImport("atom", "ORD-1", amount="500.00", day=day))
    first = scene.read_payment(payment.id).told_at
    assert first is not None
    clock.offset += timedelta(seconds=2)

    def read_age_and_answer_count() -> tuple[datetime | None, int]:
        """Return the time at which the provider was last asked about the payment, and the number of stored
        answers.
        """
        view = scene.console.payments.read_payment(payment.id)
        return view.sides[1].asked, len(view.evidence)

    answer_count = read_age_and_answer_count()[1]
    run("atom", day, day, dry_run=True)
    assert read_age_and_answer_count() == (first, answer_count)
    assert get_counts(run("atom", day, day)) == (1, 0, 0, 0, 0)
    age, new_answer_count = read_age_and_answer_count()
    assert age is not None
    assert age - first >= timedelta(seconds=2)
    assert new_answer_count <= answer_count + 1
    for _ in range(3):
        clock.offset += timedelta(seconds=2)
        run("atom", day, day)
        assert read_age_and_answer_count()[1] == new_answer_count, "the same answer, stored again"
    renewed_age = read_age_and_answer_count()[0]
    assert renewed_age is not None
    assert renewed_age - age >= timedelta(seconds=6)
    scene.place.sql(f"UPDATE evidence SET sha256 = '{'0' * 64}' WHERE subject_id = {payment.id}")
    clock.offset += timedelta(seconds=2)
    run("atom", day, day)
    assert read_age_and_answer_count()[1] == new_answer_count + 1


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(("currency", "minor"), [("USD", 50_000), ("INR", 2**60)])
def test_a_payment_that_cannot_be_read_at_atom_ends_no_run(scene: PaymentDesk, currency: str, minor: int) -> None:
    """If another application has stored an amount or number that cannot be sent to Atom, this payment is refused with
    a case, and the run compares the payments after it.
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


@pytest.mark.engines("sqlite")
def test_a_payment_of_another_merchant_ends_no_run(scene: PaymentDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A payment was started under another merchant id than this desk's, so this desk can't ask Atom about it: the
    payment is refused with a case, and the run compares the payments after it.
    """
    day = scene.context.now().astimezone(IST).date()
    for number in ("ORD-1", "ORD-2"):
        scene.money.register_payment("atom", number, 50_000, "paid")
        scene.payments.import_payment(PaymentImport("atom", number, amount="500.00", day=day))
    monkeypatch.setattr(
        PaymentProber, "is_of_other_merchant", lambda _, payment: payment.merchant_payment_id == "ORD-1"
    )
    report = scene.console.reconciliation.run("atom", day, day)
    assert (get_counts(report), report.refused) == ((1, 0, 0, 0, 0), 1)
    assert [difference.theirs for difference in report.differences] == ["other_merchant ORD-1"]


@pytest.mark.time_scale("20")  # waits for an end
@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(("fault", "summary"), [("status:503", "UNKNOWN"), ("result:OTS0401", "NOT_FOUND")])
def test_an_answer_without_a_report_of_the_payment_is_stored_as_evidence(
    scene: PaymentDesk, fault: str, summary: str
) -> None:
    """An answer of Atom without a report of the payment is stored as evidence, whether it ends the run or opens a
    case. A dry run stores nothing.
    """
    day = scene.context.now().astimezone(IST).date()
    scene.money.register_payment("atom", "ORD-1", 50_000, "paid")
    payment = scene.payments.import_payment(PaymentImport("atom", "ORD-1", amount="500.00", day=day))
    scene.control.add_fault(fault, call="atom_verification", times="always")

    def read_last_answer() -> str:
        ((stored_answer,),) = scene.place.sql(
            f"SELECT summary FROM evidence WHERE subject_kind = 'payment' AND subject_id = {payment.id}"
            " ORDER BY id DESC LIMIT 1"
        )
        return str(stored_answer)

    before = read_last_answer()
    for dry_run in (True, False):
        assert read_last_answer() == before
        with suppress(ConsoleError):
            assert get_counts(scene.console.reconciliation.run("atom", day, day, dry_run=dry_run)) == (0, 0, 1, 0, 0)
    assert summary in read_last_answer()


@pytest.mark.engines("sqlite")
def test_a_source_of_notices_is_compared_with_our_payments(reconciled_day: ReconciledDay) -> None:
    """A run of a source of notices compares its notices with our payments: booked notices match, a notice without an
    order differs, and a payment without a notice is missing.
    """
    scene, at = reconciled_day.scene, reconciled_day.noon.isoformat()
    scene.insert_order("ORD-1", 3300)
    scene.payments.receive_notice(scene.make_bank_notice("e-1", "ORD-1", occurred_at=at))
    scene.payments.receive_notice(scene.make_bank_notice("e-2", "ORD-none", occurred_at=at))
    reconciled_day.insert_our_payment("ORD-3", source="bank")
    report = reconciled_day.reconcile_day(provider="bank")
    assert get_counts(report) == (1, 0, 1, 1, 0)
    assert get_counts(reconciled_day.reconcile_day(provider="bank")) == get_counts(report)


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
    """A run that was interrupted at any line of the file can continue, and counts each line once."""
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
    """Another process continues the run of a killed process after the lease has expired, and not before."""
    with open_payment_desk(place, sandbox) as scene:
        days = ReconciledDay(scene)
        write_payments_of_each_verdict(days)
        extra = payment_desks.make_settings(sandbox.url) | {"FAILPOINT": "after_reconcile_row:2:kill"}
        environment = place.make_environment(sandbox.url, "op-a", 0, **extra)
        child = Child(reconcile_in_child, environment, days.day)
        assert child.wait_for_end() == -9
        with pytest.raises(ConsoleError) as caught:
            days.reconcile_day()
        assert caught.value.code == "in_progress"
        place.sql("UPDATE leases SET lease_expires = 0")
        assert get_counts(days.reconcile_day()) == (2, 1, 1, 1, 1)
        scene.console.audit.verify_chains()


@pytest.mark.engines("sqlite")
def test_a_file_with_too_many_invalid_rows_ends_the_run(
    reconciled_day: ReconciledDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file with more than MAX_REFUSED_ROWS invalid lines ends the run as failed, and this run does not continue. A
    new file starts a new run.
    """
    reconciled_day.add_provider_payment("ORD-1")
    reconciled_day.announce_file()
    files = reconciled_day.scene.console.reconciliation._daily_file_stores["paypay"]
    original = files.download_file
    monkeypatch.setattr(files, "download_file", lambda event: original(event) + b"rubbish\n" * 1_200)
    with pytest.raises(ConsoleError) as caught:
        reconciled_day.reconcile_day()
    assert caught.value.code == "provider_answer_unusable"
    assert reconciled_day.scene.place.sql("SELECT state, reason FROM reconciliations") == [
        ("failed", "provider_answer_unusable")
    ]
    monkeypatch.undo()
    reconciled_day.announce_file()
    assert get_counts(reconciled_day.reconcile_day()) == (1, 0, 0, 0, 0)


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(
    ("refused_row_count", "end_state"), [(MAX_REFUSED_ROWS, "reported"), (MAX_REFUSED_ROWS + 1, "failed")]
)
def test_a_run_fails_above_the_limit_of_refused_rows(
    reconciled_day: ReconciledDay, monkeypatch: pytest.MonkeyPatch, refused_row_count: int, end_state: str
) -> None:
    """A file with MAX_REFUSED_ROWS refused lines is read, and the run reports each of them. With one more refused
    line the run fails.
    """
    reconciled_day.add_provider_payment("ORD-1")
    reconciled_day.announce_file()
    files = reconciled_day.scene.console.reconciliation._daily_file_stores["paypay"]
    original = files.download_file
    monkeypatch.setattr(files, "download_file", lambda event: original(event) + b"rubbish\n" * refused_row_count)
    if end_state == "reported":
        assert reconciled_day.reconcile_day().refused == MAX_REFUSED_ROWS
        return
    with pytest.raises(ConsoleError) as caught:
        reconciled_day.reconcile_day()
    assert (caught.value.code, caught.value.detail["rows"]) == ("provider_answer_unusable", MAX_REFUSED_ROWS + 1)


@pytest.mark.engines("sqlite")
def test_a_second_simultaneous_run_is_refused(reconciled_day: ReconciledDay) -> None:
    """While one reconciliation of a provider holds the lease, a second one is refused."""
    write_payments_of_each_verdict(reconciled_day)
    lease = acquire_lease(reconciled_day.scene.context, "reconciliation_paypay")
    assert lease is not None
    with pytest.raises(ConsoleError) as caught:
        reconciled_day.reconcile_day()
    assert (caught.value.code, caught.value.exit_status) == ("in_progress", 3)
    reconciled_day.scene.context.write(lambda tx: leases.release(tx.conn, lease))
    assert get_counts(reconciled_day.reconcile_day()) == (2, 1, 1, 1, 1)


@pytest.mark.engines("sqlite")
def test_a_run_without_files_is_refused(reconciled_day: ReconciledDay, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unfinished run of the same days exists, so a second request fetches no files, and the process of the first
    one ends the run before the second one has the lease: no run without files begins, in which each of our payments
    would be missing at the provider.
    """
    write_payments_of_each_verdict(reconciled_day)
    reconciliation = reconciled_day.scene.console.reconciliation
    monkeypatch.setattr(reconciliation, "_fetch_daily_files", lambda *_: ())
    assert call_for_refusal(reconciled_day.reconcile_day).code == "in_progress"
    monkeypatch.undo()
    assert get_counts(reconciled_day.reconcile_day()) == (2, 1, 1, 1, 1)


@pytest.mark.engines("sqlite")
def test_notices_without_a_payment_are_not_counted(reconciled_day: ReconciledDay) -> None:
    """Notices that are not about a payment are in no count and in no difference."""
    scene, at = reconciled_day.scene, reconciled_day.noon.isoformat()
    scene.payments.receive_notice(scene.make_bank_notice("e-1", "ORD-1", occurred_at=at, type="account.changed"))
    report = reconciled_day.reconcile_day(provider="bank")
    assert (get_counts(report), report.refused, report.cases) == ((0, 0, 0, 0, 0), 0, ())


@pytest.mark.engines("sqlite")
def test_a_dry_run_finds_a_payment_without_a_number(reconciled_day: ReconciledDay) -> None:
    """People have decided two payments without the provider's id, and the file has our payment number of one of them.
    A dry run gives only the other payment the verdict `missing_there`.
    """
    for number in ("ORD-1", "ORD-2"):
        reconciled_day.insert_our_payment(number, provider_id=reconciled_day.add_provider_payment(number))
    reconciled_day.scene.place.drop_table_triggers("payments")
    reconciled_day.scene.place.sql(
        "UPDATE payments SET provider_payment_id = NULL",
        "UPDATE payments SET merchant_payment_id = 'ORD-9' WHERE merchant_payment_id = 'ORD-2'",
    )
    reconciled_day.announce_file()
    report = reconciled_day.reconcile_day(dry_run=True)
    missing = [difference for difference in report.differences if difference.verdict == "missing_there"]
    payment = reconciled_day.scene.find_payment("paypay", "ORD-9")
    assert payment is not None
    assert [difference.payment_id for difference in missing] == [payment.id]
