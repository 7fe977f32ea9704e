"""Tests of the summary of a company: its money by currency, and the notes, documents and history of all its
records.
"""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from console.app import Console
from console.domain.explanations import credit_checks as explanations
from console.domain.explanations.credit_checks import explain_credit_check
from console.domain.records import CheckRelations
from console.domain.views.company import CompanyTotals
from console.wording.timelines import format_event_sentence
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.places import Place
from tests.support.quick_desks import ManualClock
from tests.support.report_rows import NOW, ReportRows
from tests.support.sent_statements import record_statements

CORPORATION_NUMBER, OTHER_NUMBER = "1180301018771", "5010001192707"
ONE_DAY = timedelta(days=1)


@pytest.fixture
def console(place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock) -> Iterator[Console]:
    hand_clock.at = NOW
    with place.desk(alarmbox, hand_clock) as opened:
        yield opened


def test_sums_of_twelve_months_include_payments_by_order(console: Console, place: Place) -> None:
    """The company's sums of twelve months by currency include payments that belong to it only through their order.
    Reversed, unknown, older and other companies' payments do not count. Accepted and unknown refunds are counted
    separately.
    """
    rows = ReportRows(place)
    paid = {"captured_minor": 3_300, "paid_at": NOW - ONE_DAY, "corporation_number": CORPORATION_NUMBER}
    order = {"merch_txn_id": "ORD-1", "total_amount": 500, "corporation_number": CORPORATION_NUMBER}
    rows.insert_row("orders", {"id": 71, "currency": "JPY", "status": "paid", **order})
    rows.insert_payment("paypay", "completed", NOW, **paid)
    rows.insert_payment("atom", "completed", NOW, **{**paid, "captured_minor": 99, "currency": "INR"})
    rows.insert_payment("paypay", "completed", NOW, captured_minor=500, paid_at=NOW, order_id=71)
    rows.insert_payment("paypay", "completed", NOW, **{**paid, "paid_at": NOW - 366 * ONE_DAY})
    rows.insert_payment("paypay", "completed", NOW, **{**paid, "certainty": "unknown"})
    rows.insert_payment("paypay", "reversed", NOW, **paid)
    rows.insert_payment("paypay", "completed", NOW, **{**paid, "corporation_number": OTHER_NUMBER})
    ids = [row[0] for row in place.sql("SELECT id FROM payments ORDER BY id")]
    rows.insert_refund("completed", NOW, payment_id=ids[0], state_since=NOW - ONE_DAY)
    rows.insert_refund("completed", NOW, payment_id=ids[0], state_since=NOW - 366 * ONE_DAY, refund_amount=7)
    rows.insert_refund("submitted", NOW, payment_id=ids[2], refund_amount=200, state_since=NOW)
    rows.insert_refund("submitting", NOW, payment_id=ids[3], refund_amount=30, certainty="unknown", state_since=NOW)
    rows.insert_refund("completed", NOW, payment_id=ids[6], state_since=NOW)
    result = console.lookup.find_records(CORPORATION_NUMBER)
    assert result.totals == (CompanyTotals("JPY", 3_800, 1_000, 200, 30), CompanyTotals("INR", 99))
    assert console.lookup.find_records(OTHER_NUMBER).totals == (CompanyTotals("JPY", 3_300, 1_000),)


@pytest.mark.engines("sqlite")
def test_a_lookup_advises_no_renewal_while_alarmbox_is_read_only(console: Console, place: Place) -> None:
    bought = {"client_id": 1, "corporation_number": CORPORATION_NUMBER, "credit_check_id": 5, "status": "success"}
    details = {"company_name": "Sample", "result": "ok", "pdf_file_path": "a.pdf", "work_state": "none"}
    dates = {"purchased_at": NOW - 400 * ONE_DAY, "expired_at": NOW - 30 * ONE_DAY}
    ReportRows(place).insert_row("hansha_alarmbox_credit_checks", {**bought, **details, **dates})
    console.read_only_switches.set_switch("alarmbox", True, "maintenance")
    (record,) = console.lookup.find_records(CORPORATION_NUMBER).credit_checks
    page = console.credit_checks.read_credit_check(record.id)
    assert page.explanation.next_step.code == "next.read_only_provider"
    assert explain_credit_check(record, NOW) == page.explanation


@pytest.mark.engines("sqlite")
def test_a_lookup_of_a_bought_check_sends_one_statement(
    console: Console, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lookup that finds a bought credit check sends one statement, and a second one only if the check has expired:
    it reads the read-only switches, which may stop the renewal. No explanation is made.
    """
    monkeypatch.delattr(explanations, "explain_credit_check")
    rows = ReportRows(place)
    bought = {"client_id": 1, "credit_check_id": 5, "status": "success", "purchased_at": NOW - 400 * ONE_DAY}
    details = {"company_name": "Sample", "result": "ok", "pdf_file_path": "a.pdf", "work_state": "none"}
    for number, expired_at in ((CORPORATION_NUMBER, NOW + 30 * ONE_DAY), (OTHER_NUMBER, NOW - ONE_DAY)):
        dates = {"corporation_number": number, "expired_at": expired_at}
        rows.insert_row("hansha_alarmbox_credit_checks", {**bought, **details, **dates})
    for number, statement_count in ((CORPORATION_NUMBER, 1), (OTHER_NUMBER, 2)):
        with record_statements(console) as sent:
            (check,) = console.lookup.find_records(number).credit_checks
        assert check.relations == CheckRelations()
        queries = [text for text in sent if not text.startswith("SELECT operators.name")]  # the place has no people
        assert len(queries) == statement_count, sent


def test_a_company_has_notes_documents_and_events_of_its_records(console: Console, place: Place) -> None:
    """The company has the notes, documents and events of all its records, newest first, and none of other records.
    The document whose path the record has is marked as current, also if another one was fetched at a later time by
    the clock of its desk; reading a record is no event.
    """
    rows = ReportRows(place)
    for table in ("notes", "documents", "audit_log"):
        place.drop_table_triggers(table)
    note = {"person": "op-a", "words": "called back", "at": NOW}
    for kind, id in (("payment", 1), ("refund", 2), ("payment", 9)):
        rows.insert_row("notes", {**note, "kind": kind, "subject_id": id})
    check = {"client_id": 1, "status": "success", "work_state": "none", "credit_check_id": 5}
    for id, path in ((3, "0.pdf"), (4, "2.pdf")):
        own = {"id": id, "corporation_number": f"700000000000{id}", "pdf_file_path": path}
        rows.insert_row("hansha_alarmbox_credit_checks", {**check, **own})
    document = {"subject_kind": "credit-check", "bytes": 10}
    for number, (id, days) in enumerate(((3, 2), (3, 0), (4, 1), (8, 0))):
        facts = {
            "subject_id": id,
            "path": f"{number}.pdf",
            "sha256": str(number) * 64,
            "fetched_at": NOW - days * ONE_DAY,
        }
        rows.insert_row("documents", {**document, **facts})
    entry = {"session": "s", "at": NOW, "who": "op-a", "desk": "", "result": "done", "detail": "{}"}
    hashes = {"prev_hash": "", "hash": ""}
    for number, (kind, id, what) in enumerate(
        (("payment", 1, "payment.start"), ("refund", 2, "refund.request"), ("refund", 2, "refund.opened"),
         ("payment", 9, "payment.start"))
    ):  # fmt: skip
        rows.insert_row(
            "audit_log",
            {**entry, **hashes, "seq": 900 + number, "what": what, "subject_kind": kind, "subject_id": str(id)},
        )
    refs = (("payment", 1), ("refund", 2), ("credit-check", 3), ("credit-check", 4))
    assert [(one.kind, one.subject_id) for one in console.lookup.read_notes(refs)] == [("refund", 2), ("payment", 1)]
    documents = console.lookup.read_documents(refs)
    assert [(one.record[1], one.document.path, one.document.is_current) for one in documents] == [
        (3, "1.pdf", False),
        (4, "2.pdf", True),
        (3, "0.pdf", True),
    ]
    notice = {"source": "paypay", "kind": "Transaction", "done": "done", "body": "", "amount_minor": 3_300,
              "currency": "JPY"}  # fmt: skip
    for number, (payment, at) in enumerate(((1, NOW), (1, NOW - ONE_DAY), (9, NOW))):
        place.drop_table_triggers("payment_events")
        rows.insert_row(
            "payment_events", {**notice, "event_id": f"n-{number}", "payment_id": payment, "received_at": at}
        )
    events = console.lookup.read_history(refs)
    assert [(one.record, one.event.what) for one in events] == [
        (("refund", 2), "refund.request"),
        (("payment", 1), "payment.start"),
        (("payment", 1), "Transaction"),
        (("payment", 1), "Transaction"),
    ], "the notice that moved the payment stands below its audit entry; a notice about another company is left out"
    assert [one.event.at for one in events] == [NOW, NOW, NOW, NOW - ONE_DAY]
    assert format_event_sentence(events[-1].event, "en") == (
        "Received a notice from PayPay: Other notice (Transaction), ¥3,300."
    )
    assert console.lookup.read_notes(()) == ()
