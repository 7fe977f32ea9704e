"""Tests of refunds on a database that was restored to an earlier state: the provider makes each refund once, however
often it is requested.
"""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from console.domain.payments.records import Payment, Refund
from console.domain.payments.states import PaymentState, RefundState
from console.domain.records import Operation, OperationState
from console.domain.service_results import OperationDetails
from console.sandbox import SandboxControl
from console.services.payments.providers import PaymentProviders
from console.services.refunds.idempotency_key import is_refund_of_payment
from console.store.payments import orders
from tests.support.refund_desks import RefundDesk, open_refund_desk
from tests.support.refusals import call_and_get_code, call_for_refusal

pytestmark = pytest.mark.expects_log("a loss is an error in the log")


@pytest.fixture
def backup_path(home: Path) -> Path:
    """The path of the backup."""
    return home.parent / "backup.db"


def write_backup(home: Path, backup: Path) -> None:
    """Write a backup of the database."""
    with closing(sqlite3.connect(home / "console.db", isolation_level=None)) as conn:
        conn.execute(f"VACUUM INTO '{backup}'")


def restore_backup(home: Path, backup: Path, *, deletes_spool: bool) -> None:
    """Restore the backup. With `deletes_spool`, also delete the spool, so that no desk has the refund."""
    for side in ("-wal", "-shm"):
        (home / f"console.db{side}").unlink(missing_ok=True)
    shutil.copy(backup, home / "console.db")
    if deletes_spool:
        for part in home.glob("desk.db*"):
            part.unlink()


@pytest.mark.parametrize("provider", ["paypay", "atom"])
def test_a_lost_refund_requested_again_gets_the_same_key(
    home: Path, control: SandboxControl, backup_path: Path, provider: str
) -> None:
    """If no desk has the lost refund, a new request of the same amount gets the same key, and the gateway answers
    with the refund that it already has.
    """
    with open_refund_desk(home, control) as desk:
        payment = desk.make_paid_payment("ORD1", 50_000, provider)
        write_backup(home, backup_path)
        first = desk.approve_refund(desk.request_refund(payment, "100"))
        assert first.state in (RefundState.SUBMITTED, RefundState.COMPLETED)
    restore_backup(home, backup_path, deletes_spool=True)
    with open_refund_desk(home, control) as desk:
        second = desk.approve_refund(desk.request_refund(payment, "100"))
        assert second.provider_refund_key == first.provider_refund_key
        assert desk.list_provider_keys(payment) == [first.provider_refund_key]


def test_a_refund_of_another_amount_after_a_restore_waits_for_a_person(
    home: Path, control: SandboxControl, backup_path: Path
) -> None:
    """If the gateway made a refund that the restored database lacks, a refund of another amount is stopped by a case,
    with which a person must deal.
    """
    with open_refund_desk(home, control) as desk:
        payment = desk.make_paid_payment()
        write_backup(home, backup_path)
        first = desk.approve_refund(desk.request_refund(payment, "1000"))
    restore_backup(home, backup_path, deletes_spool=True)
    with open_refund_desk(home, control) as desk:
        refund = desk.request_refund(payment, "500")
        refusal = call_for_refusal(lambda: desk.approve_refund(refund))
        assert (refusal.code, refusal.detail["reason"]) == ("not_allowed", "unknown_refund")
        assert desk.list_provider_keys(payment) == [first.provider_refund_key]
        (case,) = [one for one in desk.console.alerts.list_alerts() if one.rule_id == "unknown_refund"]
        with desk.console.acting_as("lead-b"):
            desk.console.alerts.acknowledge(case.id, "sent before the backup was put back")
        desk.approve_refund(refund)
        assert len(desk.list_provider_keys(payment)) == 2


def test_a_desk_that_knows_a_lost_refund_stops_other_refunds(
    home: Path, control: SandboxControl, backup_path: Path
) -> None:
    """The desk that sent the lost refund has an alert that the database went back. After its acknowledgement no other
    refund of the payment can be requested, at this desk and at another one, which learns of the lost refund from the
    database.
    """
    with open_refund_desk(home, control) as desk:
        payment = desk.make_paid_payment()
        write_backup(home, backup_path)
        sent = desk.approve_refund(desk.request_refund(payment, "1000"))
    restore_backup(home, backup_path, deletes_spool=False)
    with open_refund_desk(home, control) as desk:
        (alert,) = [one for one in desk.console.alerts.list_alerts() if one.rule_id == "database_went_back"]
        with desk.console.acting_as("lead-b"):
            desk.console.alerts.acknowledge(alert.id, "restored on purpose")
        refused = call_for_refusal(lambda: desk.request_refund(payment, "500"))
        assert (refused.code, refused.detail["source"]) == ("in_progress", "desk")
        assert refused.detail["operation_id"] == sent.operation_id
    for part in home.glob("desk.db*"):
        part.unlink()
    with open_refund_desk(home, control) as desk:  # another desk: it hears of it from the database
        assert call_and_get_code(lambda: desk.request_refund(payment, "500")) == "in_progress"
        assert desk.list_provider_keys(payment) == [sent.provider_refund_key]


def test_one_person_alone_cannot_release_a_lost_refund(
    home: Path, control: SandboxControl, backup_path: Path
) -> None:
    """If a person proposes the outcome of a lost refund and the proposal is closed by SQL, this does not count as a
    decision of two people, and no other refund can be requested. After two people have decided that the lost refund
    failed, another refund can be requested.
    """
    with open_refund_desk(home, control) as desk:
        payment = desk.make_paid_payment()
        write_backup(home, backup_path)
        sent = desk.request_refund(payment, "1000")
        control.add_fault("reset", call="paypay_refund", times=1)
        assert call_and_get_code(lambda: desk.approve_refund(sent)) == "outcome_unknown"
        sent = desk.read_refund(sent)
    restore_backup(home, backup_path, deletes_spool=False)
    with open_refund_desk(home, control) as desk:  # the desk that sent it tells the database
        (alert,) = [one for one in desk.console.alerts.list_alerts() if one.rule_id == "database_went_back"]
        with desk.console.acting_as("lead-b"):
            desk.console.alerts.acknowledge(alert.id, "restored on purpose")
    for part in home.glob("desk.db*"):
        part.unlink()
    operation = sent.operation_id or ""
    with open_refund_desk(home, control) as desk:
        _use_adapters_in_whole_console(desk)
        with desk.console.acting_as("op-a"):
            assert desk.console.recovery.resolve("operation", operation, "failed", "not on their list").awaiting
        with closing(sqlite3.connect(home / "console.db", isolation_level=None)) as conn:
            conn.execute("UPDATE approvals SET closed_at = at WHERE subject_kind = 'operation'")
        assert call_and_get_code(lambda: desk.request_refund(payment, "500")) == "in_progress"
        states = list[OperationState]()
        for person in ("op-a", "lead-b"):
            with desk.console.acting_as(person):
                decided = desk.console.recovery.resolve("operation", operation, "failed", "not on their list").record
                assert isinstance(decided, Operation)
                states.append(decided.state)
        assert states == [OperationState.UNKNOWN, OperationState.FAILED]  # as the desk that sent it shows it
        assert call_and_get_code(lambda: desk.request_refund(payment, "500")) == "done"
        again = call_for_refusal(
            lambda: desk.console.recovery.resolve("operation", operation, "failed", "not on their list")
        )
        assert (again.code, desk.console.recovery.list_proposals()) == ("nothing_to_resolve", ())


def test_a_refused_refund_keeps_its_key(desk: RefundDesk, control: SandboxControl) -> None:
    """A refund that the gateway refused keeps its key for good; the next refund gets another key."""
    payment = desk.make_paid_payment()
    control.add_fault("result:TRANSACTION_FAILED", call="paypay_refund", times=1)
    first = desk.request_refund(payment, "1000")
    call_and_get_code(lambda: desk.approve_refund(first))
    assert desk.read_refund(first).state is RefundState.FAILED
    second = desk.approve_refund(desk.request_refund(payment, "1000", intended_repeat=True))
    assert second.provider_refund_key not in (None, desk.read_refund(first).provider_refund_key)


def _start_pay_and_refund(home: Path, control: SandboxControl, backup: Path, provider: str) -> tuple[Refund, str]:
    """Write a backup, start a payment, pay it and refund a part of it. Return the refund and the id of the operation
    that started the payment.
    """
    with open_refund_desk(home, control) as desk:
        _use_adapters_in_whole_console(desk)
        now, currency = desk.context.now(), "JPY" if provider == "paypay" else "INR"
        order = desk.context.database.write(
            lambda tx: orders.insert_order(tx.conn, orders.NewOrder("ORD1", 50_000, currency), now)
        )
        write_backup(home, backup)
        begun = desk.console.payments.start(order, provider).payment
        control.payments_control.change_payment_state(provider, "ORD1", "paid")
        payment = desk.console.payments.probe(begun.id)
        assert payment.state is PaymentState.COMPLETED
        return desk.approve_refund(desk.request_refund(payment, "100")), begun.operation_id or ""


def _use_adapters_in_whole_console(desk: RefundDesk) -> None:
    """Let the whole console use the provider adapters of the refund desk."""
    desk.console._record_readers.payment_providers = PaymentProviders(lambda name: desk.providers.get_adapter(name))


@pytest.mark.parametrize("provider", ["paypay", "atom"])
@pytest.mark.parametrize("is_same_desk", [True, False])
def test_a_new_payment_may_have_the_id_of_a_lost_payment(
    home: Path, control: SandboxControl, backup_path: Path, provider: str, *, is_same_desk: bool
) -> None:
    """If a new payment has the id of a lost payment, the lost payment is restored under another id. The lost refund
    then belongs to the restored payment, not to the new one.
    """
    refund, start = _start_pay_and_refund(home, control, backup_path, provider)
    restore_backup(home, backup_path, deletes_spool=False)
    with open_refund_desk(home, control) as desk:
        _use_adapters_in_whole_console(desk)
        (alert,) = [one for one in desk.console.alerts.list_alerts() if one.rule_id == "database_went_back"]
        with desk.console.acting_as("lead-b"):
            desk.console.alerts.acknowledge(alert.id, "restored on purpose")
        other = desk.make_paid_payment("ORD2", 50_000, provider)
        assert other.id == refund.payment_id
        for operation in (start, refund.operation_id or ""):  # no other record is shown as theirs
            view = desk.console.recovery.read_record("operation", operation)
            assert isinstance(view, OperationDetails)
            shown_id = None if operation == start else refund.id
            assert (view.record.subject_id, view.record.source) == (shown_id, "desk")
            assert view.timeline == ()
        back = desk.console.recovery.probe("operation", start)
        assert isinstance(back, Payment)
        assert (back.merchant_payment_id, back.id != other.id) == ("ORD1", True)
    if not is_same_desk:
        for part in home.glob("desk.db*"):
            part.unlink()
    with open_refund_desk(home, control) as desk:
        _use_adapters_in_whole_console(desk)
        refused = call_for_refusal(lambda: desk.request_refund(back, "50"))
        assert (refused.code, refused.detail["operation_id"]) == ("in_progress", refund.operation_id)
        assert desk.request_refund(other, "100").id == refund.id
        view = desk.console.recovery.read_record("operation", refund.operation_id or "")
        assert isinstance(view, OperationDetails)
        assert (view.record.subject_id, view.timeline) == (None, ())
        probed_record = desk.console.recovery.probe("operation", refund.operation_id or "")
        assert isinstance(probed_record, Operation)
        assert probed_record.state is (OperationState.DONE if is_same_desk else OperationState.UNKNOWN)
        subject_ids = desk.sql("SELECT subject_id FROM alerts WHERE rule_id = 'unknown_refund'")
        assert [tuple(row) for row in subject_ids] == [(back.id,)]
        assert desk.list_provider_keys(back) == [refund.provider_refund_key]


def test_a_lost_refund_with_an_old_key_stops_its_payment(desk: RefundDesk) -> None:
    """If an earlier release made the key of a lost refund, the program finds the refund's payment by the payment's id
    and stops other refunds of it, unless the payment started after the refund was sent.
    """
    payment = desk.make_paid_payment()
    sent = desk.approve_refund(desk.request_refund(payment, "1000"))
    (entry,) = [one for one in desk.context.spool.read_entries(desk.context.database_id) if one.intent.payment_id]
    assert (entry.intent.provider_key, is_refund_of_payment(entry.intent, payment)) == (
        sent.provider_refund_key,
        True,
    )
    otherwise = replace(entry.intent, provider_key="RFD-1")
    assert is_refund_of_payment(otherwise, payment)
    assert not is_refund_of_payment(otherwise, replace(payment, id=payment.id + 1))
    later = replace(payment, begun_at=entry.intent.at + timedelta(seconds=1))
    assert not is_refund_of_payment(otherwise, later)
    assert is_refund_of_payment(otherwise, replace(payment, begun_at=None))
