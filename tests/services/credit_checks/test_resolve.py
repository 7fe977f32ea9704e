"""Tests of the four ways to settle an unknown or incomplete purchase without buying again: re-fetch, probe, decision
and due tasks.
"""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.records import CreditCheck, PurchaseRequest
from console.domain.recovery.decision_reasons import DecisionReason, StatedReason
from console.domain.views.any_record import ResolveResult
from console.sandbox.server import Sandbox
from console.services.credit_checks.part_reader import CreditCheckPartReader, FetchedPart
from console.wording.sentences.catalogue import format_error_message
from console.wording.timelines import format_event_sentence
from tests.support.desks import CORPORATION_NUMBERS, MovedClock
from tests.support.failing_methods import let_reads_fail_after_commit
from tests.support.places import Place
from tests.support.refusals import call_for_refusal, call_for_refusal_code

CORPORATION_NUMBER = CORPORATION_NUMBERS[0]


def buy_check(console: Console, number: str = CORPORATION_NUMBER) -> CreditCheck:
    return console.credit_checks.purchase(PurchaseRequest(number, "1"))


def make_unknown_purchase(console: Console, sandbox: Sandbox, fault: str = "status_after_charge:500") -> CreditCheck:
    """Make a purchase whose outcome is unknown because of this fault of the sandbox, and return its record."""
    sandbox.control.add_fault(fault, call="purchase", number=CORPORATION_NUMBER)
    with pytest.raises(ConsoleError) as caught:
        buy_check(console)
    record = caught.value.detail["record"]
    assert isinstance(record, CreditCheck)
    return record


def read_charged_id(sandbox: Sandbox) -> int:
    """Return the id of the newest charge in AlarmBox's ledger."""
    return int(sandbox.control.read_ledger()["entries"][-1]["id"])


def test_resolve_as_success_is_confirmed_by_a_read(console: Console, sandbox: Sandbox) -> None:
    """To resolve a purchase as a success, one person's decision is enough if AlarmBox confirms the given id."""
    record = make_unknown_purchase(console, sandbox)
    result = console.recovery.resolve(
        "credit-check", record.id, "success", "seen on their screen", read_charged_id(sandbox)
    )
    assert isinstance(result.record, CreditCheck)
    assert (result.record.state, result.record.certainty, result.awaiting) == ("success", "known", None)
    assert (
        call_for_refusal_code(lambda: console.recovery.resolve("credit-check", record.id, "success", "again", 1))
        == "nothing_to_resolve"
    )
    assert sandbox.control.count_charges(CORPORATION_NUMBER) == 1


def test_a_decision_with_the_id_of_another_purchase_is_refused(console: Console, sandbox: Sandbox) -> None:
    """A person resolves a purchase with the id of another record's purchase, or with an id that doesn't exist. The
    decision is refused, and the purchase stays unknown.
    """
    other = buy_check(console, CORPORATION_NUMBERS[1])
    record = make_unknown_purchase(console, sandbox)

    def resolve_as_success(id_at_provider: int | None) -> object:
        return console.recovery.resolve("credit-check", record.id, "success", "x", id_at_provider)

    assert call_for_refusal_code(lambda: resolve_as_success(other.credit_check_id)) == "evidence_mismatch"
    assert call_for_refusal_code(lambda: resolve_as_success(999_999)) == "evidence_mismatch"
    assert console.credit_checks.read_credit_check(record.id).record.certainty == "unknown"


@pytest.mark.parametrize("fault", ["status:429", "status:500", "status:400"])
def test_resolve_with_an_id_that_alarmbox_cannot_confirm_stays_unknown(
    console: Console, sandbox: Sandbox, fault: str
) -> None:
    """A person resolves a purchase with an id, but AlarmBox's answer about the id fails. The decision ends with
    `outcome_unknown` (exit status 4), and the purchase stays unknown.
    """
    record = make_unknown_purchase(console, sandbox)
    sandbox.control.add_fault(fault, call="detail", number=CORPORATION_NUMBER)
    with pytest.raises(ConsoleError) as caught:
        console.recovery.resolve("credit-check", record.id, "success", "x", read_charged_id(sandbox))
    assert (caught.value.code, caught.value.exit_status) == ("outcome_unknown", 4)
    assert console.credit_checks.read_credit_check(record.id).record.certainty == "unknown"


def test_resolve_as_error_takes_two_people(console: Console, sandbox: Sandbox, place: Place) -> None:
    """The first person's decision that a purchase was not made waits for a second person. The same person is refused,
    also with another spelling of the name. After a second person's decision the number can be bought again.
    """
    record = make_unknown_purchase(console, sandbox, "status:500")
    first = console.recovery.resolve("credit-check", record.id, "error", "not on their list")
    assert first.awaiting == "second_person"
    assert (
        call_for_refusal_code(lambda: console.recovery.resolve("credit-check", record.id, "error", "again"))
        == "same_person"
    )
    if not place.is_server:  # there nobody can call themselves otherwise
        with console.acting_as("OP-A"):
            again = call_for_refusal_code(
                lambda: console.recovery.resolve("credit-check", record.id, "error", "again")
            )
        assert again == "same_person"
    with place.open_console_of_person(console, "lead-b") as other:
        second = other.recovery.resolve("credit-check", record.id, "error", "checked with them by phone")
    assert isinstance(second.record, CreditCheck)
    assert (second.record.state, second.awaiting) == ("error", None)
    assert buy_check(console).state == "success"


def resolve_and_lose_database(
    console: Console, record_id: int, state: str, id_at_provider: int | None = None
) -> ResolveResult:
    """Resolve the purchase as the console's person, and return what the call returns. The database can't be read
    from the COMMIT of the decision on.
    """
    before = console.credit_checks.read_credit_check(record_id).record

    def is_stored() -> bool:
        return console.credit_checks.read_credit_check(record_id).record.version != before.version

    with let_reads_fail_after_commit(console.database, is_stored):
        return console.recovery.resolve("credit-check", record_id, state, "their letter", id_at_provider)


def test_a_stored_decision_is_returned_without_a_further_read(
    console: Console, sandbox: Sandbox, place: Place
) -> None:
    """If the database can't be read directly after a person's decision about a purchase was stored, the person still
    gets the credit check as it is stored, and no message that nothing was changed. This holds for the first person's
    decision, for the second person's, and for a decision that AlarmBox confirms.
    """
    record = make_unknown_purchase(console, sandbox, "status:500")
    first = resolve_and_lose_database(console, record.id, "error")
    assert (first.awaiting, first.record) == (
        "second_person",
        console.credit_checks.read_credit_check(record.id).record,
    )
    with place.open_console_of_person(console, "lead-b") as other:
        second = resolve_and_lose_database(other, record.id, "error")
        assert (second.awaiting, second.record) == (None, other.credit_checks.read_credit_check(record.id).record)
    assert second.record.state == "error"
    bought = make_unknown_purchase(console, sandbox)
    confirmed = resolve_and_lose_database(console, bought.id, "success", read_charged_id(sandbox))
    assert (confirmed.awaiting, confirmed.record) == (None, console.credit_checks.read_credit_check(bought.id).record)
    assert confirmed.record.state == "success"


def test_the_decision_reason_of_each_person_is_stored(console: Console, sandbox: Sandbox, place: Place) -> None:
    """The decision reason and the words of each person are stored with the evidence; the stored SHA-256 is that of
    the evidence alone. The reason `other` needs words, and at most 200 characters are allowed.
    """
    record = make_unknown_purchase(console, sandbox, "status:500")
    for words in ("  ", "x" * 201):
        unsaid = StatedReason(DecisionReason.OTHER, words)
        decide = partial(
            console.recovery.resolve, "credit-check", record.id, "error", "letter 26", None, None, unsaid
        )
        assert call_for_refusal_code(decide) == "usage"
    first = StatedReason(DecisionReason.PROVIDER_REPLY, " their letter 26 ")
    console.recovery.resolve("credit-check", record.id, "error", "letter 26", None, None, first)
    with place.open_console_of_person(console, "lead-b") as other:
        second = StatedReason(DecisionReason.NOT_LISTED, "20 purchases there")
        other.recovery.resolve("credit-check", record.id, "error", "the list", None, None, second)
        proofs = [
            item for item in other.credit_checks.read_credit_check(record.id).evidence if item.source == "person"
        ]
    assert [(one.summary, one.body) for one in proofs] == [
        ("[provider_reply] their letter 26", "letter 26"),
        ("[not_listed] 20 purchases there", "the list"),
    ]
    assert [one.sha256 for one in proofs] == [
        hashlib.sha256(text).hexdigest() for text in (b"letter 26", b"the list")
    ]
    timeline = console.recovery.read_timeline("credit-check", record.id)
    sentences = [format_event_sentence(event, "en") for event in timeline.events if event.source == "evidence"]
    assert "Added evidence: Reply of the provider: their letter 26" in sentences


@pytest.mark.parametrize("empty_text", ["", "  \n", "\u3000", "\u200b"])
def test_empty_evidence_is_refused(console: Console, sandbox: Sandbox, empty_text: str) -> None:
    """A decision with evidence that has no visible character is refused with `no_evidence`."""
    record = make_unknown_purchase(console, sandbox)
    assert (
        call_for_refusal_code(lambda: console.recovery.resolve("credit-check", record.id, "error", empty_text))
        == "no_evidence"
    )


def test_a_probe_without_the_list_call_stays_unknown(console: Console, sandbox: Sandbox) -> None:
    """If AlarmBox has no list of purchases, a probe ends with `outcome_unknown`, and AlarmBox charges nothing."""
    record = make_unknown_purchase(console, sandbox)
    assert call_for_refusal_code(lambda: console.credit_checks.probe(record.id)) == "outcome_unknown"
    assert sandbox.control.count_charges(CORPORATION_NUMBER) == 1


def test_a_probe_with_the_list_call_settles_an_unknown_purchase(place: Place, sandbox: Sandbox) -> None:
    """AlarmBox's list has exactly one purchase since the day of sending that belongs to no record: the probe settles
    the unknown purchase with the id of this listed purchase.
    """
    sandbox.control.change_settings(offers_purchase_list=True)
    with place.open_desk(sandbox, ALARMBOX_FIND_PURCHASES="1") as console:
        record = make_unknown_purchase(console, sandbox)
        assert record.work.state == "scheduled"
        settled = console.credit_checks.probe(record.id)
        assert (settled.state, settled.credit_check_id) == ("success", read_charged_id(sandbox))
        assert console.credit_checks.probe(record.id).state == "success"


def test_an_empty_list_settles_no_unknown_purchase(place: Place, sandbox: Sandbox) -> None:
    """If AlarmBox's list of purchases is empty, a probe leaves the purchase unknown, because AlarmBox may still make
    it.
    """
    sandbox.control.change_settings(offers_purchase_list=True)
    with place.open_desk(sandbox, ALARMBOX_FIND_PURCHASES="1") as console:
        record = make_unknown_purchase(console, sandbox, "status:500")
        for _ in range(3):
            assert call_for_refusal_code(lambda: console.credit_checks.probe(record.id)) == "outcome_unknown"


def test_refetch_brings_the_missing_pdf(console: Console, sandbox: Sandbox) -> None:
    """A re-fetch reads the missing PDF of a purchased check and costs nothing."""
    sandbox.control.add_fault("pdf_missing", call="pdf")
    record = buy_check(console)
    result = console.credit_checks.refetch(record.id, detail=False)
    assert (result.record.incomplete, result.changed_fields) == ((), ("pdf_file_path",))
    assert sandbox.control.count_charges(CORPORATION_NUMBER) == 1


def test_a_changed_pdf_becomes_the_current_one(console: Console, sandbox: Sandbox) -> None:
    """A re-fetch reads a PDF that differs from the stored one: the new PDF becomes the current one, the earlier one
    stays stored, and the change is reported.
    """
    record = buy_check(console)
    sandbox.control.add_fault("pdf_other", call="pdf")
    result = console.credit_checks.refetch(record.id)
    assert "pdf_file_path" in result.changed_fields
    assert [document.is_current for document in result.documents] == [True, False]
    old = next(document for document in result.documents if not document.is_current)
    assert console.credit_checks.read_pdf(record.id, old.sha256).startswith(b"%PDF-")


def test_a_pdf_that_a_check_lacks_is_not_found(console: Console, sandbox: Sandbox) -> None:
    """A credit check has no PDF with the given SHA-256, and another one has no PDF at all: the error and its sentence
    name the credit check, and say that the PDF is missing and not the credit check."""
    record = buy_check(console)
    sandbox.control.add_fault("status:503", call="pdf", times="always")
    without_pdf = buy_check(console, CORPORATION_NUMBERS[1])
    calls: dict[int, Callable[[], object]] = {
        record.id: partial(console.pdfs.open_comparison, record.id, "0" * 64),
        without_pdf.id: partial(console.credit_checks.read_pdf, without_pdf.id),
    }
    for record_id, read_missing_pdf in calls.items():
        refusal = call_for_refusal(read_missing_pdf)
        assert (refusal.code, refusal.detail["problem"]) == ("not_found", "no_pdf")
        sentence = f"Credit check {record_id} has no such PDF."
        assert format_error_message(refusal, "en").startswith(sentence)


def test_a_check_after_its_viewing_period_is_not_requested(console: Console, sandbox: Sandbox) -> None:
    """AlarmBox answers a re-fetch that the viewing period is over. The console itself refuses the next re-fetch (exit
    status 3) and sends no call.
    """
    record = buy_check(console)
    sandbox.control.add_fault("viewing_period_over", times="always")
    with pytest.raises(ConsoleError) as first:
        console.credit_checks.refetch(record.id)
    request_count = len(sandbox.control.read_requests())
    with pytest.raises(ConsoleError) as second:
        console.credit_checks.refetch(record.id)
    assert (first.value.code, first.value.exit_status) == ("viewing_period_over", 5)
    assert (second.value.code, second.value.exit_status) == ("viewing_period_over", 3)
    assert len(sandbox.control.read_requests()) == request_count
    assert console.credit_checks.read_credit_check(record.id).record.pdf_file_path


def test_a_refetch_stores_the_parts_that_it_read(console: Console, sandbox: Sandbox) -> None:
    """Two parts of a check are missing, and a re-fetch can read only one: this part is stored, and the error names
    the other part.
    """
    sandbox.control.add_fault("no_result", call="purchase", number=CORPORATION_NUMBER)
    sandbox.control.add_fault("status:500", call="detail")
    sandbox.control.add_fault("status:500", call="pdf", times=2)
    record = buy_check(console)
    assert set(record.incomplete) == {"result", "pdf"}
    with pytest.raises(ConsoleError) as caught:
        console.credit_checks.refetch(record.id)
    returned_record = caught.value.detail["record"]
    assert isinstance(returned_record, CreditCheck)
    assert returned_record.incomplete == ("pdf",)
    assert caught.value.exit_status == 5


def test_a_missing_document_has_no_cause_of_an_earlier_failure(console: Console, sandbox: Sandbox) -> None:
    """The detail could not be read after the purchase. A later re-fetch succeeds in reading it, but AlarmBox has no
    result yet: the record is still incomplete, and the earlier failure is no longer its reason."""
    sandbox.control.add_fault("status:500", call="detail")
    for call in ("purchase", "detail", "pdf"):
        sandbox.control.add_fault("no_result", call=call, number=CORPORATION_NUMBER, times="always")
    record = buy_check(console)
    assert (record.incomplete, record.error_code) == (("result",), "http_500")
    answer = console.credit_checks.refetch(record.id).record
    assert (answer.incomplete, answer.error_code) == (("result",), None)


def test_a_refetch_with_an_earlier_version_is_refused(console: Console) -> None:
    """A re-fetch with an earlier version of the record is refused with `stale_view`."""
    record = buy_check(console)
    assert (
        call_for_refusal_code(lambda: console.credit_checks.refetch(record.id, expected_version=record.version - 1))
        == "stale_view"
    )


def test_due_tasks_refetch_missing_parts(console: Console, sandbox: Sandbox, clock: MovedClock) -> None:
    """A due task re-fetches the missing parts of a record when the scheduled time has come."""
    sandbox.control.add_fault("pdf_missing", call="pdf")
    record = buy_check(console)
    assert {run.task: run.count for run in console.recovery.run_all_tasks()}["refetches"] == 0
    clock.offset = timedelta(minutes=6)
    assert {run.task: run.count for run in console.recovery.run_all_tasks()}["refetches"] == 1
    assert console.credit_checks.read_credit_check(record.id).record.incomplete == ()


def test_simultaneous_due_tasks_share_the_work(
    console: Console, sandbox: Sandbox, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the due tasks run twice at the same time, each record is re-fetched once."""
    sandbox.control.add_fault("pdf_missing", call="pdf", times=2)
    records = [buy_check(console, number) for number in CORPORATION_NUMBERS[:2]]
    clock.offset = timedelta(minutes=6)
    fetch, fetched_ids = CreditCheckPartReader.fetch_part, list[int]()

    def read_part_and_run_tasks(parts: CreditCheckPartReader, record: CreditCheck, name: str) -> FetchedPart:
        """Read the part of the check. Before the first read, run the due tasks a second time."""
        fetched_ids.append(record.id)
        if len(fetched_ids) == 1:
            console.recovery.run_all_tasks()
        return fetch(parts, record, name)

    monkeypatch.setattr(CreditCheckPartReader, "fetch_part", read_part_and_run_tasks)
    console.recovery.run_all_tasks()
    assert sorted(fetched_ids) == [record.id for record in records]


def test_a_person_must_act_after_the_last_automatic_refetch(
    console: Console, sandbox: Sandbox, clock: MovedClock
) -> None:
    """After the last automatic re-fetch has failed, the record waits for a person, and no further automatic re-fetch
    is made.
    """
    sandbox.control.add_fault("pdf_missing", call="pdf", times="always")
    record = buy_check(console)
    for days in range(1, 8):
        clock.offset = timedelta(days=2 * days)
        console.recovery.run_all_tasks()
    work = console.credit_checks.read_credit_check(record.id).record.work
    assert (work.state, work.reason) == ("needs_review", "refetches_ended")
    request_count = len(sandbox.control.read_requests(call="pdf"))
    clock.offset += timedelta(days=30)
    console.recovery.run_all_tasks()
    assert len(sandbox.control.read_requests(call="pdf")) == request_count


def test_foreign_rows_are_adopted_by_the_due_task(console: Console, place: Place) -> None:
    """Another application inserts two rows. The next due task normalises a number whose spelling SQL can't compare;
    the row with an unreadable number waits for a person.
    """
    row = "INSERT INTO hansha_alarmbox_credit_checks (client_id, corporation_number) VALUES"
    place.sql(f"{row} (7, 'T7010705000725')", f"{row} (7, 'nonsense')")
    console.recovery.run_all_tasks()
    assert console.lookup.find_records("7010705000725").credit_checks[0].work.reason == "written_by_other"
    reasons = {item.record.work.reason for item in console.recovery.read_queue("review").items}
    assert reasons == {"written_by_other", "number_unreadable"}


def test_the_trail_of_a_purchase_is_verified_and_tampering_found(console: Console, place: Place) -> None:
    """The audit trail of a purchase passes the verification. After one row of the trail was changed, the verification
    names that row.
    """
    buy_check(console)
    rows = console.audit.verify_chains()
    assert rows >= 4
    place.drop_table_triggers("audit_log")
    place.sql("UPDATE audit_log SET who = 'somebody' WHERE id = 2")
    with pytest.raises(ConsoleError) as caught:
        console.audit.verify_chains()
    assert (caught.value.code, caught.value.detail["first_bad"]) == ("audit_broken", 2)


def test_a_first_decision_makes_earlier_views_stale(console: Console, sandbox: Sandbox, place: Place) -> None:
    """A person who read the record before another person's first decision is refused with `stale_view`. So this
    person can't become the second person by mistake. The record's time of change stays unchanged.
    """
    record = make_unknown_purchase(console, sandbox, "status:500")
    first = console.recovery.resolve(
        "credit-check", record.id, "error", "not on their list", expected_version=record.version
    )
    assert isinstance(first.record, CreditCheck)
    assert first.record.changed_at == record.changed_at
    with place.open_console_of_person(console, "lead-b") as other:
        before = call_for_refusal_code(
            lambda: other.recovery.resolve("credit-check", record.id, "error", "x", expected_version=record.version)
        )
        assert before == "stale_view"
        second = other.recovery.resolve(
            "credit-check", record.id, "error", "x", expected_version=first.record.version
        )
    assert second.awaiting is None


def test_a_screen_that_reads_again_is_one_opening(place: Place, sandbox: Sandbox) -> None:
    """If a screen reads the same record several times in a row, the audit trail gets one entry `credit-check.opened`.
    Opening another record in between and then the first one again adds new entries.
    """
    with place.open_desk(sandbox) as console:
        one, other = buy_check(console), buy_check(console, CORPORATION_NUMBERS[1])
        for record in (one, one, one, other, one):
            console.credit_checks.read_credit_check(record.id)
    with place.open_desk(sandbox) as later:
        subjects = [entry.subject for entry in later.audit.list_entries(200) if entry.what == "credit-check.opened"]
    assert subjects == [f"credit-check {record.id}" for record in (one, other, one)]
