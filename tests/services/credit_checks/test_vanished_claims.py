"""Requirement 12: the database has lost the row of a purchase. The desk whose spool has this purchase refuses to buy
the same corporation number again.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from console.app import Console, open_health_checks
from console.domain.errors import ConsoleError
from console.domain.explanations.credit_checks import explain_credit_check
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import CheckReport, CreditCheck, Operation, PurchaseRequest
from console.domain.service_results import OperationDetails
from console.services.recovery.operations import OperationRecovery
from tests.support.in_memory_alarmbox import Charge, InMemoryAlarmBox, LedgerReader
from tests.support.invented import invent_numbers
from tests.support.lost_operations import store_lost_operations
from tests.support.places import Place
from tests.support.quick_desks import ManualClock
from tests.support.refusals import call_for_refusal

ROUND_COUNT = 10
FIRST_NUMBER, SECOND_NUMBER = invent_numbers(2)
DELETE_CHECK_SQL = "DELETE FROM hansha_alarmbox_credit_checks WHERE id = {}"
DELETE_OPERATIONS_SQL = "DELETE FROM operations WHERE subject_id = {}"


@pytest.fixture
def clock(hand_clock: ManualClock) -> ManualClock:
    return hand_clock


@pytest.fixture
def console(place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock) -> Iterator[Console]:
    with place.desk(alarmbox, clock) as desk:
        yield desk


def buy_check(console: Console, number: str = FIRST_NUMBER, *, renew: bool = False) -> CreditCheck:
    return console.credit_checks.purchase(PurchaseRequest(number, "1", renew=renew))


def delete_rows(place: Place, record: CreditCheck, *statements: str) -> None:
    """Execute SQL statements that delete rows of the record, as a restored backup or a lost commit would do."""
    place.sql(*(statement.format(record.id) for statement in statements))


@pytest.mark.parametrize("round_count", [ROUND_COUNT, pytest.param(100, marks=pytest.mark.soak)])
def test_a_lost_purchase_is_refused_again(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place, round_count: int
) -> None:
    """The row of a completed purchase is deleted, with and without its journal row: the desk refuses each second
    purchase of the number.
    """
    refused = 0
    for i, number in enumerate(invent_numbers(round_count, seed=12)):
        delete_rows(place, buy_check(console, number), DELETE_CHECK_SQL, *([DELETE_OPERATIONS_SQL] if i % 2 else []))
        error = call_for_refusal(lambda n=number: buy_check(console, n))
        refused += (error.code, error.detail.get("source")) == ("already_purchased", "desk")
    print(f"demand 12: {place.engine}: {refused} of {round_count} second purchases refused from the desk's memory")
    assert refused == round_count
    assert len(alarmbox.charges) == round_count


def test_a_lost_unknown_purchase_holds_its_claim(console: Console, alarmbox: InMemoryAlarmBox, place: Place) -> None:
    """The database has lost a purchase with an unknown outcome: the purchase still holds its claim, because the
    desk's spool has an entry for it.
    """
    alarmbox.behaviour = "silent_after_charge"
    record = call_for_refusal(lambda: buy_check(console)).detail["record"]
    assert isinstance(record, CreditCheck)
    delete_rows(place, record, DELETE_CHECK_SQL, DELETE_OPERATIONS_SQL)
    assert call_for_refusal(lambda: buy_check(console)).detail["source"] == "desk"


def test_a_lost_refused_purchase_holds_no_claim(console: Console, alarmbox: InMemoryAlarmBox, place: Place) -> None:
    """A purchase that AlarmBox refused holds no claim, also if the database has lost its row."""
    alarmbox.behaviour = "refuses"
    record = call_for_refusal(lambda: buy_check(console)).detail["record"]
    assert isinstance(record, CreditCheck)
    delete_rows(place, record, DELETE_CHECK_SQL, DELETE_OPERATIONS_SQL)
    alarmbox.behaviour = "answers"
    assert buy_check(console).state == "success"


@pytest.mark.parametrize("delete_statements", [(DELETE_CHECK_SQL,), (DELETE_CHECK_SQL, DELETE_OPERATIONS_SQL)])
def test_a_confirmed_resolution_restores_a_lost_purchase(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place, delete_statements: tuple[str, ...]
) -> None:
    """A person runs `resolve operation` with the outcome success, and AlarmBox confirms the outcome: the lost row is
    restored under its former id, and the operation has ended.
    """
    lost = buy_check(console)
    delete_rows(place, lost, *delete_statements)
    operation_id = lost.operation_id or ""
    shown = console.recovery.read_record("operation", operation_id)
    assert isinstance(shown, OperationDetails)
    assert (shown.record.source, shown.explanation.next_step.code) == ("desk", "next.resolve_operation")
    console.recovery.resolve("operation", operation_id, "success", "seen on their screen", lost.credit_check_id)
    (back,) = console.lookup.find_records(FIRST_NUMBER).credit_checks
    assert (back.id, back.state, back.credit_check_id) == (lost.id, "success", lost.credit_check_id)
    again = console.recovery.read_record("operation", operation_id)
    assert isinstance(again, OperationDetails)
    assert (again.record.source, again.record.state) == ("database", "done")
    assert again.record.operator == place.get_account_name("op-a")
    assert call_for_refusal(lambda: buy_check(console)).detail["record"] == back
    console.audit.verify_chains()


@pytest.mark.engines("sqlite")
def test_a_lost_purchase_that_two_people_probe_at_once_is_restored_once(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a probe of a lost purchase asks AlarmBox, another probe restores the purchase: the first probe returns
    the restored credit check, and doesn't say that the id belongs to another record.
    """
    lost = buy_check(console)
    delete_rows(place, lost, DELETE_CHECK_SQL, DELETE_OPERATIONS_SQL)
    read_detail, restored = LedgerReader.read_detail, list[object]()

    def restore_and_read_detail(reader: LedgerReader, id_at_provider: int) -> Outcome[CheckReport]:
        monkeypatch.setattr(LedgerReader, "read_detail", read_detail)
        restored.append(console.recovery.probe("operation", lost.operation_id or ""))
        return read_detail(reader, id_at_provider)

    monkeypatch.setattr(LedgerReader, "read_detail", restore_and_read_detail)
    assert console.recovery.probe("operation", lost.operation_id or "") == restored[0]
    assert place.sql("SELECT COUNT(*) FROM hansha_alarmbox_credit_checks") == [(1,)]


def test_the_providers_answer_about_a_lost_purchase_is_evidence(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place
) -> None:
    """A person gives an AlarmBox id that AlarmBox doesn't have, or the id of a purchase of another number or record:
    the decision is refused, and AlarmBox's answer is stored as evidence.
    """
    alarmbox.behaviour = "silent_after_charge"
    lost = call_for_refusal(lambda: buy_check(console)).detail["record"]
    alarmbox.behaviour = "answers"
    assert isinstance(lost, CreditCheck)
    of_other_number = buy_check(console, SECOND_NUMBER).credit_check_id
    of_other_client = console.credit_checks.purchase(PurchaseRequest(FIRST_NUMBER, "2")).credit_check_id
    delete_rows(place, lost, DELETE_CHECK_SQL, DELETE_OPERATIONS_SQL)
    operation_id = lost.operation_id or ""
    answers = ((77, None), (of_other_number, "other_number"), (of_other_client, "used_by_other_record"))
    for expected_count, (id_at_provider, reason) in enumerate(answers, 1):
        refused = call_for_refusal(
            lambda provider_id=id_at_provider: console.recovery.resolve(
                "operation", operation_id, "success", "seen", provider_id
            )
        )
        assert refused.code == "evidence_mismatch"
        assert reason in (None, refused.detail["reason"])
        where = f"operation_id = '{operation_id}' AND source = 'alarmbox.restore'"
        assert place.sql(f"SELECT COUNT(*) FROM evidence WHERE {where}") == [(expected_count,)]


@pytest.mark.expects_log("a loss is an error in the log")
@pytest.mark.engines("sqlite")
def test_a_lost_purchase_is_restored_under_another_row_id(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place, clock: ManualClock
) -> None:
    """If the restored database has given the lost row's id to another purchase, a probe restores the lost row under a
    new id.
    """
    console.close()
    backup, file = place.folder / "backup.db", place.folder / "console.db"
    shutil.copy(file, backup)
    with place.desk(alarmbox, clock) as before:
        lost = buy_check(before)
    for side in ("console.db-wal", "console.db-shm"):
        (place.folder / side).unlink(missing_ok=True)
    shutil.copy(backup, file)
    with place.desk(alarmbox, clock) as after:
        (alert,) = after.alerts.list_alerts()
        after.alerts.acknowledge(alert.id, "the backup is meant to stay")
        assert buy_check(after, SECOND_NUMBER).id == lost.id
        view = after.recovery.read_record("operation", lost.operation_id or "")
        assert isinstance(view, OperationDetails)
        assert (view.record.subject_id, view.record.corporation_number, view.timeline) == (None, FIRST_NUMBER, ())
        assert call_for_refusal(lambda: buy_check(after)).detail["source"] == "desk"
        after.recovery.probe("operation", lost.operation_id or "")
        (back,) = after.lookup.find_records(FIRST_NUMBER).credit_checks
        assert back.id != lost.id
        assert (back.state, back.credit_check_id) == ("success", lost.credit_check_id)


def test_two_people_resolve_a_lost_purchase_as_not_bought(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place
) -> None:
    """Two people must decide with evidence that a lost purchase was not made; after the first decision, the next step
    is the second one. After that the corporation number can be bought again.
    """
    alarmbox.behaviour = "silent_before_charge"
    record = call_for_refusal(lambda: buy_check(console)).detail["record"]
    assert isinstance(record, CreditCheck)
    delete_rows(place, record, DELETE_CHECK_SQL, DELETE_OPERATIONS_SQL)
    operation_id = record.operation_id or ""

    def resolve_operation(evidence: str, acting_console: Console = console) -> object:
        return acting_console.recovery.resolve("operation", operation_id, "error", evidence).record

    assert call_for_refusal(lambda: resolve_operation("  ")).code == "no_evidence"
    resolve_operation("their list is empty")
    step = console.recovery.read_record("operation", operation_id).explanation.next_step
    command = f"support-console resolve operation {operation_id} --as error --evidence FILE"
    assert (step.code, step.command) == ("next.second_person", command)
    assert call_for_refusal(lambda: resolve_operation("still empty")).code == "same_person"
    assert call_for_refusal(lambda: buy_check(console)).code == "already_purchased"
    with place.open_console_of_person(console, "lead-b") as other:
        freed = resolve_operation("not on the bill", other)
    assert isinstance(freed, Operation)
    alarmbox.behaviour = "answers"
    assert buy_check(console).state == "success"


def test_a_decision_overtaken_by_two_others_opens_no_proposal(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a person decides that a lost purchase was not made, two other decisions settle this: the person is told
    so. The decision doesn't become a proposal, which nobody could confirm.
    """
    alarmbox.behaviour = "silent_before_charge"
    record = call_for_refusal(lambda: buy_check(console)).detail["record"]
    assert isinstance(record, CreditCheck)
    delete_rows(place, record, DELETE_CHECK_SQL, DELETE_OPERATIONS_SQL)

    def resolve_operation(evidence: str, acting_console: Console = console) -> object:
        return acting_console.recovery.resolve("operation", record.operation_id or "", "error", evidence)

    resolve_operation("their list is empty")
    with place.open_console_of_person(console, "lead-b") as other:
        record_decision = OperationRecovery._record_no_effect_decision

        def settle_and_record_decision(*arguments: Any) -> object:
            monkeypatch.setattr(OperationRecovery, "_record_no_effect_decision", record_decision)
            resolve_operation("not on the bill", other)
            return record_decision(*arguments)

        monkeypatch.setattr(OperationRecovery, "_record_no_effect_decision", settle_and_record_decision)
        assert call_for_refusal(lambda: resolve_operation("not listed", other)).code == "nothing_to_resolve"
    assert place.sql("SELECT COUNT(*) FROM approvals WHERE closed_at IS NULL") == [(0,)]


@pytest.mark.engines("sqlite")
def test_a_lost_purchase_denied_at_another_desk_can_be_bought(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two people decide at another desk that a lost purchase was not made. The desk that has sent it buys the
    corporation number again, although its own spool still has the claim.
    """
    alarmbox.behaviour = "silent_before_charge"
    record, context = call_for_refusal(lambda: buy_check(console)).detail["record"], console._context
    assert isinstance(record, CreditCheck)
    delete_rows(place, record, DELETE_CHECK_SQL, DELETE_OPERATIONS_SQL)
    store_lost_operations(context, context.spool.read_entries(context.database_id))
    monkeypatch.setattr(type(context.spool), "give_up_claim", lambda *_: None)
    console.recovery.resolve("operation", record.operation_id or "", "error", "their list is empty")
    with place.open_console_of_person(console, "lead-b") as other:
        other.recovery.resolve("operation", record.operation_id or "", "error", "not on the bill")
    (entry,) = context.spool.read_entries(context.database_id)
    assert entry.holds_claim
    alarmbox.behaviour = "answers"
    assert buy_check(console).state == "success"


@pytest.mark.engines("sqlite")
def test_a_reported_purchase_that_holds_no_claim_stays_blocked_at_its_desk(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place
) -> None:
    """The table of lost operations says that a lost purchase holds no claim, as a person with an acting account could
    have written by SQL. The desk that has sent the purchase still refuses to buy the corporation number again,
    because two people haven't decided about the purchase.
    """
    alarmbox.behaviour = "silent_before_charge"
    record, context = call_for_refusal(lambda: buy_check(console)).detail["record"], console._context
    assert isinstance(record, CreditCheck)
    delete_rows(place, record, DELETE_CHECK_SQL, DELETE_OPERATIONS_SQL)
    store_lost_operations(context, context.spool.read_entries(context.database_id))
    place.drop_table_triggers("lost_operations")
    place.sql("UPDATE lost_operations SET holds = 0")
    assert call_for_refusal(lambda: buy_check(console)).code == "already_purchased"


def test_pages_name_a_lost_renewal_and_advise_no_purchase(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place, clock: ManualClock
) -> None:
    """The database has lost a renewal, so a new purchase would be refused. The pages of an earlier failed purchase
    and of the superseded check don't advise a new purchase: both name the lost renewal.
    """
    alarmbox.behaviour = "refuses"
    assert call_for_refusal(lambda: buy_check(console)).code == "provider_refused"
    (failed,) = console.lookup.find_records(FIRST_NUMBER).credit_checks
    alarmbox.behaviour = "answers"
    old = buy_check(console)
    clock.at += timedelta(days=400)
    renewal = buy_check(console, renew=True)
    assert read_next_step(console, failed) == "next.bought_since"
    assert read_next_step(console, old) == "next.open_successor"
    delete_rows(place, renewal, DELETE_CHECK_SQL, DELETE_OPERATIONS_SQL)
    blocker = call_for_refusal(lambda: buy_check(console)).detail["record"]
    assert isinstance(blocker, CreditCheck)
    assert blocker.id == old.id
    assert read_next_step(console, failed) == "next.other_renewal_lost"
    assert read_next_step(console, old) == "next.find_lost_renewal"


@pytest.mark.engines("sqlite")
def test_a_lookup_names_a_lost_renewal(console: Console, place: Place, clock: ManualClock) -> None:
    """If the row of a renewal has vanished, the next step of the earlier credit check asks to look for the lost
    renewal.
    """
    old = buy_check(console)
    clock.at += timedelta(days=400)
    delete_rows(place, buy_check(console, renew=True), DELETE_CHECK_SQL, DELETE_OPERATIONS_SQL)
    (record,) = console.lookup.find_records(FIRST_NUMBER).credit_checks
    assert explain_credit_check(record, clock.at).next_step.code == "next.find_lost_renewal"
    assert read_next_step(console, old) == "next.find_lost_renewal"


def read_next_step(console: Console, record: CreditCheck) -> str:
    """Return the code of the next step on the record's page."""
    return console.credit_checks.read_credit_check(record.id).explanation.next_step.code


def test_a_spool_entry_counts_only_for_its_database(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place
) -> None:
    """A spool entry counts only for the database whose random id it contains. After a person has accepted another
    database in the place of the known one, the number of a lost purchase can be bought there.
    """
    record = buy_check(console)
    delete_rows(place, record, DELETE_CHECK_SQL, DELETE_OPERATIONS_SQL)
    place.sql("UPDATE console_meta SET value = 'another' WHERE name = 'database_id'")
    console.close()
    open_health_checks(console.settings).upgrade_schema(accepts_new_database=True)
    with place.desk(alarmbox) as other:
        assert buy_check(other).state == "success"


@pytest.mark.expects_log("another database is an error in the log")
def test_another_database_refuses_purchases_before_it_is_accepted(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place
) -> None:
    """Another database is in the place of the known one, and no person has accepted it: the desk refuses every
    purchase. If a person acknowledges the case without accepting the database, the desk still refuses the number of
    the lost purchase.
    """
    record = buy_check(console)
    delete_rows(place, record, DELETE_CHECK_SQL, DELETE_OPERATIONS_SQL)
    place.sql("UPDATE console_meta SET value = 'another' WHERE name = 'database_id'")
    console.close()
    with place.desk(alarmbox) as other:
        for number in (FIRST_NUMBER, SECOND_NUMBER):
            assert call_for_refusal(lambda n=number: buy_check(other, n)).code == "database_went_back"
        (case,) = other.alerts.list_alerts()
        with place.open_console_of_person(other, "lead-b") as lead:
            lead.alerts.acknowledge(case.id, "the new database is meant")
        refusal = call_for_refusal(lambda: buy_check(other))
        assert (refusal.code, refusal.detail["source"]) == ("already_purchased", "desk")
    assert len(alarmbox.charges) == 1


def deny_operation_as_two_people(console: Console, place: Place, operation_id: str) -> tuple[str | None, str | None]:
    """Decide as two people that the operation was not made. Return one text for each decision: the code and the
    reason of its refusal, joined by a full stop, or None if it was accepted.
    """
    ends: list[str | None] = []
    for person in ("op-a", "lead-b"):
        with place.open_console_of_person(console, person) as desk:
            try:
                desk.recovery.resolve("operation", operation_id, "error", f"{person}: not on their list")
            except ConsoleError as error:
                ends.append(f"{error.code}.{error.detail['reason']}")
            else:
                ends.append(None)
    return ends[0], ends[1]


ANSWER_ON_DESK_REFUSAL = "evidence_mismatch.answer_on_desk"


def test_a_lost_purchase_with_a_spooled_success_cannot_be_denied(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place
) -> None:
    """The spool has AlarmBox's answer that the lost purchase was made. People cannot decide that it was not made, its
    number cannot be bought again, and a probe restores it.
    """
    lost = buy_check(console)
    delete_rows(place, lost, DELETE_CHECK_SQL, DELETE_OPERATIONS_SQL)
    assert deny_operation_as_two_people(console, place, lost.operation_id or "") == (
        ANSWER_ON_DESK_REFUSAL,
        ANSWER_ON_DESK_REFUSAL,
    )
    assert call_for_refusal(lambda: buy_check(console)).detail["source"] == "desk"
    assert len(alarmbox.charges) == 1
    back = console.recovery.probe("operation", lost.operation_id or "")
    assert isinstance(back, CreditCheck)
    assert back.state == "success"


@pytest.mark.expects_log("the answer can't be recorded")
def test_a_lost_purchase_with_a_spooled_answer_cannot_be_denied(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place
) -> None:
    """The database lost the row of a purchase before its answer was stored. The encrypted answer in the spool
    prevents that people deny the purchase and that it is bought a second time.
    """

    def delete_record() -> None:
        (row,) = place.sql(
            f"SELECT id FROM hansha_alarmbox_credit_checks WHERE corporation_number = '{FIRST_NUMBER}'"
        )
        place.sql(DELETE_CHECK_SQL.format(row[0]), DELETE_OPERATIONS_SQL.format(row[0]))

    alarmbox.during_call = delete_record
    operation_id = str(call_for_refusal(lambda: buy_check(console)).detail["operation_id"])
    alarmbox.during_call = lambda: None
    assert deny_operation_as_two_people(console, place, operation_id) == (
        ANSWER_ON_DESK_REFUSAL,
        ANSWER_ON_DESK_REFUSAL,
    )
    assert call_for_refusal(lambda: buy_check(console)).detail["source"] == "desk"
    assert len(alarmbox.charges) == 1


def test_an_answer_after_the_denial_holds_the_number_again(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place
) -> None:
    """Two people have denied a lost purchase, and then a delayed process stores AlarmBox's answer in the spool: a
    purchase of the number is refused again, and a probe restores the lost purchase.
    """
    alarmbox.behaviour = "silent_after_charge"
    lost = call_for_refusal(lambda: buy_check(console)).detail["record"]
    alarmbox.behaviour = "answers"
    assert isinstance(lost, CreditCheck)
    delete_rows(place, lost, DELETE_CHECK_SQL, DELETE_OPERATIONS_SQL)
    operation_id = lost.operation_id or ""
    assert deny_operation_as_two_people(console, place, operation_id) == (None, None)
    report = alarmbox.report_charge(alarmbox.charges[0])
    spool = console._context.spool
    spool.set_cipher(console._context.cipher)
    spool.store_answer(operation_id, Outcome(OutcomeClass.SUCCEEDED, "answered", SendingCertainty.YES, report))
    assert call_for_refusal(lambda: buy_check(console)).detail["source"] == "desk"
    assert len(alarmbox.charges) == 1
    assert deny_operation_as_two_people(console, place, operation_id) == (
        ANSWER_ON_DESK_REFUSAL,
        ANSWER_ON_DESK_REFUSAL,
    )
    back = console.recovery.probe("operation", operation_id)
    assert isinstance(back, CreditCheck)
    assert (back.state, back.credit_check_id) == ("success", report.credit_check_id)


def test_a_lost_purchase_bought_at_another_desk_cannot_be_denied(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place
) -> None:
    """The desk that made a lost purchase has written it with its id into the database. Another desk, whose spool does
    not have the purchase, refuses to deny it and refuses a second purchase.
    """
    lost, context = buy_check(console), console._context
    delete_rows(place, lost, DELETE_CHECK_SQL, DELETE_OPERATIONS_SQL)
    entries = context.spool.read_entries(context.database_id)
    store_lost_operations(context, entries)
    console.close()
    with place.desk(alarmbox, desk=1) as other:
        assert deny_operation_as_two_people(other, place, lost.operation_id or "")[0] == ANSWER_ON_DESK_REFUSAL
        assert call_for_refusal(lambda: buy_check(other)).detail["source"] == "desk"


UNDO_ANSWER_STATEMENTS = (
    (
        "UPDATE hansha_alarmbox_credit_checks SET status = 'pending', certainty = 'unknown', credit_check_id = NULL,"
        " company_name = NULL, result = NULL, purchased_at = NULL, expired_at = NULL, pdf_file_path = NULL,"
        " work_state = 'needs_review', work_reason = 'no_list_call', version = version + 1 WHERE id = {}"
    ),
    (
        "UPDATE operations SET state = 'unknown', outcome_class = NULL, outcome_reason = NULL, ended_at = NULL"
        " WHERE subject_id = {}"
    ),
)


def test_a_backup_from_before_the_answer_keeps_the_claim(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place
) -> None:
    """If a backup from before the answer is restored, the purchase is unknown again. The spool still has the answer,
    so people cannot deny the purchase, and a probe settles it.
    """
    bought = buy_check(console)
    for table in ("hansha_alarmbox_credit_checks", "operations"):
        place.drop_table_triggers(table)
    delete_rows(place, bought, *UNDO_ANSWER_STATEMENTS)
    for person in ("op-a", "lead-b"):
        with place.open_console_of_person(console, person) as desk:
            denied = call_for_refusal(
                lambda at=desk: at.recovery.resolve("credit-check", bought.id, "error", "not on their list")
            )
        assert (denied.code, denied.detail["reason"]) == ("evidence_mismatch", "answer_on_desk")
    assert call_for_refusal(lambda: buy_check(console)).code == "already_purchased"
    back = console.recovery.probe("credit-check", bought.id)
    assert isinstance(back, CreditCheck)
    assert (back.state, back.credit_check_id) == ("success", bought.credit_check_id)
    assert len(alarmbox.charges) == 1
    console.audit.verify_chains()


@pytest.mark.parametrize("is_readable", [True, False])
def test_a_restored_older_backup_asks_the_provider_first(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place, is_readable: bool
) -> None:
    """A restored backup contains the purchase with an unknown outcome. AlarmBox doesn't answer, or now has another
    number under the purchase's id: a probe is refused, and the purchase stays unknown.
    """
    bought = buy_check(console)
    for table in ("hansha_alarmbox_credit_checks", "operations"):
        place.drop_table_triggers(table)
    delete_rows(place, bought, *UNDO_ANSWER_STATEMENTS)
    alarmbox.is_readable = is_readable
    if is_readable:
        alarmbox.charges[0] = replace(alarmbox.charges[0], number=SECOND_NUMBER)
    refused = call_for_refusal(lambda: console.recovery.probe("credit-check", bought.id))
    assert refused.code == ("evidence_mismatch" if is_readable else "provider_unreachable")
    (now,) = console.lookup.find_records(FIRST_NUMBER).credit_checks
    assert (now.state, now.certainty) == ("pending", "unknown")


def test_a_backup_from_before_the_contradiction_keeps_the_claim(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place
) -> None:
    """Two people deny a purchase, and then AlarmBox answers that it was made. A restored backup has the denial, but
    neither the answer nor the case about the contradiction. The desk's spool still prevents a second purchase, and a
    probe opens the case again. After a person has acknowledged the case, the number can be bought.
    """
    bought = buy_check(console)
    for table in ("hansha_alarmbox_credit_checks", "operations"):
        place.drop_table_triggers(table)
    denied = UNDO_ANSWER_STATEMENTS[0].replace("'pending', certainty = 'unknown'", "'error', certainty = 'known'")
    denied = denied.replace("work_state = 'needs_review', work_reason = 'no_list_call'", "work_state = 'none'")
    failed = UNDO_ANSWER_STATEMENTS[1].replace("'unknown'", "'failed'")
    delete_rows(place, bought, denied, failed)
    refused = call_for_refusal(lambda: buy_check(console))
    assert (refused.code, refused.detail.get("source")) == ("already_purchased", "desk")
    assert refused.detail["operation_id"] == bought.operation_id
    console.recovery.probe("operation", bought.operation_id or "")
    (case,) = console.alerts.list_alerts()
    assert (case.rule_id, case.observed) == ("contradicted", f"bought {bought.credit_check_id}")
    assert call_for_refusal(lambda: buy_check(console)).detail["reason"] == "denied_but_bought"
    assert len(alarmbox.charges) == 1
    console.alerts.acknowledge(case.id, "AlarmBox has cancelled it")
    assert buy_check(console).state == "success"


@pytest.mark.engines("sqlite")
@pytest.mark.expects_log("a loss is an error in the log")
def test_a_restored_purchase_frees_no_later_lost_renewal(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place, clock: ManualClock
) -> None:
    """The database has lost a purchase and its renewal, and a probe restores the purchase: another renewal is refused
    because of the lost one, although the purchase was restored later than the renewal was sent. The restored record
    has the time at which its purchase was sent.
    """
    bought = buy_check(console)
    clock.at += timedelta(days=370)
    renewed = buy_check(console, renew=True)
    for record in (bought, renewed):
        delete_rows(place, record, DELETE_CHECK_SQL, DELETE_OPERATIONS_SQL)
    clock.at += timedelta(days=1)
    restored = console.recovery.probe("operation", bought.operation_id or "")
    assert isinstance(restored, CreditCheck)
    assert restored.created_at is not None
    assert bought.created_at is not None
    assert abs(restored.created_at - bought.created_at) < timedelta(seconds=1)
    error = call_for_refusal(lambda: buy_check(console, renew=True))
    assert (error.code, error.detail.get("operation_id")) == ("already_purchased", renewed.operation_id)
    restored = console.recovery.probe("operation", renewed.operation_id or "")
    assert isinstance(restored, CreditCheck)
    assert (restored.state, restored.credit_check_id, alarmbox.count_charges(FIRST_NUMBER)) == ("success", 2, 2)


@pytest.mark.expects_log("answers that can't be recorded")
def test_no_desk_denies_an_answer_that_another_desk_could_not_deliver(
    console: Console, alarmbox: InMemoryAlarmBox, place: Place, clock: ManualClock
) -> None:
    """The database goes back while a purchase runs, and the desk can't deliver the answer: another desk then refuses
    the decision that the purchase was not made, because the audit trail says that the first desk has the answer.
    """

    def lose_rows_and_report_loss() -> None:
        place.sql("DELETE FROM hansha_alarmbox_credit_checks", "DELETE FROM operations")
        store_lost_operations(console._context, console._context.spool.read_entries(console._context.database_id))

    alarmbox.during_call = lose_rows_and_report_loss
    operation_id = call_for_refusal(lambda: buy_check(console)).detail["operation_id"]
    alarmbox.during_call = lambda: None
    console.recovery.run_all_tasks()
    with place.desk(alarmbox, clock, desk=1) as other_desk:
        error = call_for_refusal(lambda: other_desk.recovery.resolve("operation", str(operation_id), "error", "x"))
    assert (error.code, error.detail["reason"]) == ("evidence_mismatch", "answer_on_desk")
    restored = console.recovery.probe("operation", str(operation_id))
    assert isinstance(restored, CreditCheck)
    assert (restored.state, alarmbox.count_charges(FIRST_NUMBER)) == ("success", 1)


@dataclass
class NumberlessAlarmBox(InMemoryAlarmBox):
    """A simulated AlarmBox whose reports have no corporation number."""

    def report_charge(self, charge: Charge) -> CheckReport:
        return replace(super().report_charge(charge), corporation_number=None)


def test_a_report_without_a_number_restores_only_the_answered_purchase(place: Place, clock: ManualClock) -> None:
    """AlarmBox's report names no corporation. A lost purchase is restored with the id in AlarmBox's answer to this
    purchase. The id that a person states proves nothing.
    """
    alarmbox = NumberlessAlarmBox(today=clock.today)
    with place.desk(alarmbox, clock) as desk:
        bought = buy_check(desk)
        delete_rows(place, bought, DELETE_CHECK_SQL, DELETE_OPERATIONS_SQL)
        alarmbox.buy_check(PurchaseRequest(FIRST_NUMBER, "1"))  # by hand, on AlarmBox's screen
        operation_id = bought.operation_id or ""
        error = call_for_refusal(lambda: desk.recovery.resolve("operation", operation_id, "success", "seen", 2))
        assert (error.code, error.detail["reason"]) == ("evidence_mismatch", "no_number")
        restored = desk.recovery.probe("operation", operation_id)
        assert isinstance(restored, CreditCheck)
        assert (restored.state, restored.credit_check_id) == ("success", 1)
