"""The database was put back to an earlier state. A desk whose spool has the lost rows stops all desks, and no
corporation is charged twice.
"""

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import text

from console.app import Console, open_health_checks
from console.domain.audit.actions import AuditAction
from console.domain.errors import ConsoleError
from console.domain.process.read_interruption import ReadInterrupted, ReadInterruption
from console.domain.records import CreditCheck, PurchaseRequest
from console.domain.tasks.records import Alert
from console.services.guarded import database_rollback, leases
from console.store.audit import anchors
from console.store.constraints.worker import MAX_DATABASE_LOSS_REPORTS_PER_DAY
from console.store.database.sqlalchemy_names import Connection
from tests.support import backups
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.invented import invent_numbers
from tests.support.overtaking import start_other_process
from tests.support.places import Place, SqlitePlace
from tests.support.quick_desks import ManualClock, open_quick_desk
from tests.support.refusals import call_for_refusal
from tests.support.waiting import wait_until

FIRST_CORPORATION_NUMBER, SECOND_CORPORATION_NUMBER, THIRD_CORPORATION_NUMBER = invent_numbers(3, seed=21)
ROLLBACK_ERROR_CODE = "database_went_back"
pytestmark = pytest.mark.expects_log("a loss is an error in the log")


@pytest.fixture
def clock(hand_clock: ManualClock) -> ManualClock:
    return hand_clock


def buy_check(console: Console, number: str = FIRST_CORPORATION_NUMBER) -> CreditCheck:
    return console.credit_checks.purchase(PurchaseRequest(number, "1"))


def read_missing_operations(error: ConsoleError) -> list[tuple[object, object, object]]:
    """Return the operation id, the kind of its record and the corporation number of each missing operation that the
    error names.
    """
    return [(one["operation_id"], one["kind"], one["number"]) for one in error.detail["missing"]]


def list_loss_alerts(console: Console) -> list[Alert]:
    """Return the open alerts which stop all desks because the database went back to an earlier state."""
    return [
        alert
        for alert in console.alerts.list_alerts()
        if alert.rule_id == ROLLBACK_ERROR_CODE and alert.resolved_at is None
    ]


def has_newest_anchor(reader: Console, place: Place) -> bool:
    """Return True if the spool of a desk that has only read contains the newest audit row as its anchor. On a busy
    server the desk stores the anchor a little later.
    """
    database_rollback.find_database_rollback(reader._context)
    anchor_text = reader._context.spool.read_value(f"seen:{reader._context.database_id}")
    ((newest,),) = place.sql("SELECT MAX(id) FROM audit_log")
    return anchor_text is not None and json.loads(anchor_text)[2] == newest


def test_a_cancelled_comparison_is_not_logged(
    place: Place, alarmbox: InMemoryAlarmBox, caplog: pytest.LogCaptureFixture
) -> None:
    """A person leaves the page while the desk compares its spool with the database: the comparison ends, and the log
    has no message about it.
    """
    interruption = ReadInterruption()
    with place.desk(alarmbox) as desk:
        interruption.interrupt()
        caplog.clear()
        with pytest.raises(ReadInterrupted):
            interruption.run(lambda: database_rollback.find_database_rollback(desk._context))
        assert caplog.messages == []


def lose_purchase(
    place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock, buy_one: Callable[[Console], CreditCheck]
) -> CreditCheck:
    """Make a backup, buy at desk 0, and read the purchase at desk 2. Then close all desks, restore the backup, and
    return the lost purchase.
    """
    with place.desk(alarmbox, clock):
        put_back = backups.take_backup(place)
    with place.desk(alarmbox, clock) as knowing:
        bought = buy_one(knowing)
    with place.desk(alarmbox, clock, person="op-b", desk=2) as reader:
        assert reader.lookup.find_records(FIRST_CORPORATION_NUMBER).credit_checks
        wait_until(lambda: has_newest_anchor(reader, place), "the reader counts on what it has read")
    put_back()
    return bought


@pytest.fixture
def lost_purchase(place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock) -> CreditCheck:
    """Return a purchase that the database has lost; the spool of desk 0 has its answer."""
    return lose_purchase(place, alarmbox, clock, buy_check)


@pytest.fixture
def lost_unknown_purchase(place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock) -> CreditCheck:
    """A purchase that AlarmBox has charged without an answer, and that the database has lost. Its outcome is unknown,
    so people may decide about it.
    """

    def buy_unanswered(console: Console) -> CreditCheck:
        alarmbox.behaviour = "silent_after_charge"
        refused = call_for_refusal(lambda: buy_check(console))
        alarmbox.behaviour = "answers"
        record = refused.detail["record"]
        assert isinstance(record, CreditCheck)
        return record

    return lose_purchase(place, alarmbox, clock, buy_unanswered)


def test_every_desk_is_stopped_until_a_person_acknowledges(
    place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock, lost_purchase: CreditCheck
) -> None:
    """The desk that has the lost purchase in its spool writes this into the database: no desk can buy until a person
    has acknowledged the alert. The number of the lost purchase can't be bought afterwards either, until a probe
    restores the purchase.
    """
    lost_operation = (lost_purchase.operation_id, "credit-check", FIRST_CORPORATION_NUMBER)
    with place.desk(alarmbox, clock) as knowing, place.desk(alarmbox, clock, person="op-b", desk=1) as other:
        assert knowing.lookup.find_records(FIRST_CORPORATION_NUMBER).credit_checks == ()
        for console in (knowing, other):
            for number in (FIRST_CORPORATION_NUMBER, SECOND_CORPORATION_NUMBER):
                error = call_for_refusal(lambda console=console, number=number: buy_check(console, number))
                assert (error.code, read_missing_operations(error)) == (ROLLBACK_ERROR_CODE, [lost_operation])
        (alert,) = list_loss_alerts(other)
        other.alerts.acknowledge(alert.id, "the disk was put back by mistake")
        for console in (knowing, other):
            error = call_for_refusal(lambda console=console: buy_check(console, FIRST_CORPORATION_NUMBER))
            assert (error.code, error.detail["source"]) == ("already_purchased", "desk")
        buy_check(other, SECOND_CORPORATION_NUMBER)
        buy_check(knowing, THIRD_CORPORATION_NUMBER)
        other.recovery.probe("operation", lost_purchase.operation_id or "")
        (back,) = other.lookup.find_records(FIRST_CORPORATION_NUMBER).credit_checks
        assert (back.state, back.credit_check_id) == ("success", lost_purchase.credit_check_id)
        assert call_for_refusal(lambda: buy_check(other, FIRST_CORPORATION_NUMBER)).detail["record"] == back
        assert list_loss_alerts(knowing) == []
    assert len(alarmbox.charges) == 3


def test_one_person_alone_cannot_release_a_lost_purchase(
    place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock, lost_unknown_purchase: CreditCheck
) -> None:
    """One person forges evidence about the lost purchase, proposes that it was not made, and closes this proposal by
    SQL: the number still can't be bought.
    """
    operation = lost_unknown_purchase.operation_id or ""
    with place.desk(alarmbox, clock) as knowing, place.desk(alarmbox, clock, person="op-b", desk=1) as other:
        (alert,) = list_loss_alerts(knowing)
        other.alerts.acknowledge(alert.id, "put back on purpose")
        me = other._context.make_holder().operator
        forged = (
            "INSERT INTO evidence (subject_kind, operation_id, at, source, who, sha256, summary, body) VALUES"
            f" ('operation', '{operation}', '2026-11-20', 'x.refund_status', '{me}', 'x', 'FAILED_DEFINITE x', '')"
        )
        other._context.write(lambda tx: tx.conn.execute(text(forged)))
        assert other.recovery.resolve("operation", operation, "error", "not on their list").awaiting
        closed = f"UPDATE approvals SET closed_at = at WHERE subject_id = '{operation}'"
        other._context.write(lambda tx: tx.conn.execute(text(closed)))
        assert call_for_refusal(lambda: buy_check(other)).code == "already_purchased"
    assert len(alarmbox.charges) == 1


def test_a_desk_that_only_read_the_lost_purchase_stops_all_desks(
    place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock, lost_purchase: CreditCheck
) -> None:
    """The desk that made the lost purchase is never opened again. Another desk, which has only read the purchase,
    still finds the loss and stops all desks.
    """
    with place.desk(alarmbox, clock, person="op-b", desk=2) as reader:
        assert call_for_refusal(lambda: buy_check(reader)).code == ROLLBACK_ERROR_CODE
    with place.desk(alarmbox, clock, desk=1) as third:
        assert call_for_refusal(lambda: buy_check(third)).code == ROLLBACK_ERROR_CODE
        (alert,) = list_loss_alerts(third)
        third.alerts.acknowledge(alert.id, "seen")
    with place.desk(alarmbox, clock, person="op-b", desk=2) as reader:
        assert buy_check(reader, SECOND_CORPORATION_NUMBER).state == "success"
    assert len(alarmbox.charges) == 2, lost_purchase


def test_a_desk_that_knows_the_lost_purchase_stops_all_desks(
    place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock, lost_purchase: CreditCheck
) -> None:
    """A person has acknowledged the alert of a desk that only read the lost purchase. Then the desk that made the
    purchase is opened: it stops all desks again and names the lost purchase.
    """
    with place.desk(alarmbox, clock, person="op-b", desk=2) as reader:
        (alert,) = list_loss_alerts(reader)
        reader.alerts.acknowledge(alert.id, "nothing is known to be missing")
        buy_check(reader, SECOND_CORPORATION_NUMBER)
    with place.desk(alarmbox, clock) as knowing:
        error = call_for_refusal(lambda: buy_check(knowing, THIRD_CORPORATION_NUMBER))
        assert (error.code, read_missing_operations(error)) == (
            ROLLBACK_ERROR_CODE,
            [(lost_purchase.operation_id, "credit-check", FIRST_CORPORATION_NUMBER)],
        )
        (alert,) = list_loss_alerts(knowing)
        knowing.alerts.acknowledge(alert.id, "this one is looked after")
        assert buy_check(knowing, THIRD_CORPORATION_NUMBER).state == "success"
        assert call_for_refusal(lambda: buy_check(knowing)).detail["source"] == "desk"


def test_a_purchase_repeated_after_a_loss_can_be_renewed(
    place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock, lost_purchase: CreditCheck
) -> None:
    """If the corporation was bought again after a loss, the lost purchase cannot be restored. The newer purchase can
    be renewed after its expiry.
    """
    with place.desk(alarmbox, clock, person="op-b", desk=2) as reader:
        (alert,) = list_loss_alerts(reader)
        reader.alerts.acknowledge(alert.id, "nothing is known to be missing")
        clock.at += timedelta(minutes=1)
        bought_again = buy_check(reader)
    with place.desk(alarmbox, clock) as knowing:
        (alert,) = list_loss_alerts(knowing)
        knowing.alerts.acknowledge(alert.id, "bought twice")
        refused = call_for_refusal(lambda: knowing.recovery.probe("operation", lost_purchase.operation_id or ""))
        assert (refused.code, refused.detail["record"]) == ("already_purchased", bought_again)
        clock.at += timedelta(days=400)
        renewed = knowing.credit_checks.purchase(PurchaseRequest(FIRST_CORPORATION_NUMBER, "1", renew=True))
        assert (renewed.state, len(alarmbox.charges)) == ("success", 3)


def test_a_lost_renewal_stops_the_next_one(place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock) -> None:
    """The database has lost a renewal of a credit check: a further renewal is refused, because it would charge the
    corporation twice for the same period.
    """
    with place.desk(alarmbox, clock) as desk:
        buy_check(desk)
        clock.at += timedelta(days=400)
        put_back = backups.take_backup(place)
        lost_renewal = desk.credit_checks.purchase(PurchaseRequest(FIRST_CORPORATION_NUMBER, "1", renew=True))
    put_back()
    with place.desk(alarmbox, clock) as desk:
        (alert,) = list_loss_alerts(desk)
        desk.alerts.acknowledge(alert.id, "put back on purpose")
        refused = call_for_refusal(
            lambda: desk.credit_checks.purchase(PurchaseRequest(FIRST_CORPORATION_NUMBER, "1", renew=True))
        )
        assert (refused.code, refused.detail["operation_id"]) == ("already_purchased", lost_renewal.operation_id)
    assert len(alarmbox.charges) == 2


@pytest.mark.engines("mariadb")
def test_a_loss_beyond_the_daily_alerts_stores_the_lost_operations(
    place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock
) -> None:
    """The database goes back a fourth time within 24 hours, and its rules refuse one more alert of the same account.
    The lost purchase is stored, so that another person's desk doesn't charge it again.
    """
    with place.desk(alarmbox, clock) as desk:
        context = desk._context
        for _ in range(MAX_DATABASE_LOSS_REPORTS_PER_DAY):
            context.write(lambda tx: database_rollback._audit_database_loss(tx, context, (), None, 0))
        put_back = backups.take_backup(place)
        lost = buy_check(desk)
    put_back()
    with place.desk(alarmbox, clock) as knowing:
        assert call_for_refusal(lambda: buy_check(knowing)).code == ROLLBACK_ERROR_CODE
        assert list_loss_alerts(knowing) == []
    assert place.sql("SELECT id FROM lost_operations") == [(lost.operation_id,)]
    with place.desk(alarmbox, clock, person="op-b", desk=2) as other:
        assert call_for_refusal(lambda: buy_check(other)).code in ("in_progress", "already_purchased")
    assert len(alarmbox.charges) == 1


def test_both_processes_of_a_desk_see_an_acknowledgement(
    place: Place,
    alarmbox: InMemoryAlarmBox,
    clock: ManualClock,
    lost_purchase: CreditCheck,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A person acknowledges a loss, and two processes of one desk learn this at the same time: the lost anchors are
    deleted from the spool once, and the desks aren't stopped again.
    """
    real = database_rollback._report_rollback
    with place.desk(alarmbox, clock) as one, place.desk(alarmbox, clock) as two:
        (alert,) = list_loss_alerts(one)
        one.alerts.acknowledge(alert.id, "an old copy")

        def compare_first_and_report(*given: Any) -> object:
            """Let the other process compare its anchors first, and then report the loss. Return the result of the
            report."""
            monkeypatch.setattr(database_rollback, "_report_rollback", real)
            assert database_rollback.find_database_rollback(two._context) is None
            return real(*given)

        monkeypatch.setattr(database_rollback, "_report_rollback", compare_first_and_report)
        assert database_rollback.find_database_rollback(one._context) is None
        assert list_loss_alerts(two) == []
        assert call_for_refusal(lambda: buy_check(one)).code == "already_purchased"
    assert len(alarmbox.charges) == 1


@pytest.mark.engines("mariadb")
def test_a_loss_acknowledged_during_a_comparison_is_not_reported_again(
    place: Place,
    alarmbox: InMemoryAlarmBox,
    clock: ManualClock,
    lost_purchase: CreditCheck,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While a desk writes that its anchors are missing, a person acknowledges the alert about this loss. No other
    alert is raised.
    """
    list_resolved, turns, people = anchors.list_resolved_rollback_alert_keys, iter([True]), list[Thread]()
    with place.desk(alarmbox, clock), place.desk(alarmbox, clock, person="op-b", desk=1) as person:
        (alert,) = list_loss_alerts(person)

        def let_person_overtake(conn: Connection) -> frozenset[str]:
            resolved_alerts = list_resolved(conn)
            if next(turns, False):
                acknowledge = partial(person.alerts.acknowledge, alert.id, "an old copy of the disk")
                people.append(start_other_process(monkeypatch, leases, ROLLBACK_ERROR_CODE, acknowledge))
            return resolved_alerts

        monkeypatch.setattr(anchors, "list_resolved_rollback_alert_keys", let_person_overtake)
        with place.desk(alarmbox, clock, person="op-b", desk=2):
            people[0].join()
        assert list_loss_alerts(person) == []


def test_an_acknowledged_loss_is_not_reported_again(
    place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock, lost_purchase: CreditCheck
) -> None:
    """Before an operation a desk compares only its newest anchors, and the acknowledged loss is older. The next
    comparison of all anchors finds this loss again, and doesn't stop the desks.
    """
    with place.desk(alarmbox, clock) as knowing, place.desk(alarmbox, clock, person="op-b", desk=1) as other:
        (alert,) = list_loss_alerts(other)
        for _ in range(2 * database_rollback.MAX_COMPARED_ANCHORS_PER_OPERATION):
            knowing._context.write(
                lambda tx: knowing._context.record_audit(tx, AuditAction.ALERT_ACKNOWLEDGED, 1, {}, kind="alert")
            )
        other.alerts.acknowledge(alert.id, "an old copy")
        buy_check(knowing, SECOND_CORPORATION_NUMBER)
        assert database_rollback.find_database_rollback(knowing._context) is None
        assert list_loss_alerts(knowing) == []
        assert call_for_refusal(lambda: buy_check(knowing)).code == "already_purchased"
    assert len(alarmbox.charges) == 2, lost_purchase


def test_a_second_loss_stops_all_desks_again(
    place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock, lost_purchase: CreditCheck
) -> None:
    """After a person has acknowledged a first loss, the database goes back to an earlier state a second time: all
    desks are stopped again.
    """
    with place.desk(alarmbox, clock) as knowing:
        (alert,) = list_loss_alerts(knowing)
        knowing.alerts.acknowledge(alert.id, "seen")
        buy_check(knowing, SECOND_CORPORATION_NUMBER)
        put_back = backups.take_backup(place)
        buy_check(knowing, THIRD_CORPORATION_NUMBER)
    put_back()
    with place.desk(alarmbox, clock) as knowing:
        error = call_for_refusal(lambda: buy_check(knowing, SECOND_CORPORATION_NUMBER))
        assert error.code == ROLLBACK_ERROR_CODE
        assert THIRD_CORPORATION_NUMBER in [number for _, _, number in read_missing_operations(error)]
    assert len(alarmbox.charges) == 3, lost_purchase


def test_an_empty_database_in_place_of_the_known_one_stops_desks(
    place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock
) -> None:
    """The volume with the database isn't mounted, and a person creates an empty database at its place: all desks are
    stopped. After a person has acknowledged the alert, the number of the earlier purchase still can't be bought.
    """
    with place.desk(alarmbox, clock) as before:
        empty = backups.take_backup(place)
        bought = buy_check(before)
    empty()
    place.drop_table_triggers("console_meta")
    place.sql("UPDATE console_meta SET value = 'another' WHERE name = 'database_id'")
    with place.desk(alarmbox, clock) as knowing, place.desk(alarmbox, clock, person="op-b", desk=1) as other:
        for console in (knowing, other):
            error = call_for_refusal(lambda console=console: buy_check(console, SECOND_CORPORATION_NUMBER))
            assert (error.code, read_missing_operations(error)) == (
                ROLLBACK_ERROR_CODE,
                [(bought.operation_id, "credit-check", FIRST_CORPORATION_NUMBER)],
            )
        (alert,) = list_loss_alerts(other)
        other.alerts.acknowledge(alert.id, "seen")
        assert buy_check(knowing, SECOND_CORPORATION_NUMBER).state == "success"
        for console in (knowing, other):
            assert call_for_refusal(lambda console=console: buy_check(console)).detail["source"] == "desk"
    assert len(alarmbox.charges) == 2


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("file_state", ["missing", "empty"])
def test_no_database_is_created_in_place_of_a_known_one(
    place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock, file_state: str
) -> None:
    """The desk's database file is missing or empty: neither a desk nor the command `db upgrade` creates a new
    database there until a person has accepted that.
    """
    assert isinstance(place, SqlitePlace)
    with place.desk(alarmbox, clock) as console:
        buy_check(console)
    place.file.unlink()
    if file_state == "empty":
        place.file.touch()
    health = open_health_checks(console.settings)
    for open_it in (lambda: place.desk(alarmbox, clock), health.upgrade_schema):
        error = call_for_refusal(open_it)
        assert (error.code, error.detail["problem"], len(read_missing_operations(error))) == (
            ROLLBACK_ERROR_CODE,
            "file_missing",
            1,
        )
    assert not place.file.exists() or not place.file.stat().st_size
    health.upgrade_schema(accepts_new_database=True)
    with place.desk(alarmbox, clock) as console:
        assert buy_check(console).state == "success"


@pytest.mark.engines("sqlite")
def test_no_file_is_created_in_a_missing_folder(place: Place, alarmbox: InMemoryAlarmBox) -> None:
    """The folder of the database doesn't exist, for example because a volume isn't mounted: the program doesn't
    create a database there.
    """
    folder = place.folder / "volume"
    away = f"sqlite:///{folder / 'deep' / 'console.db'}"
    error = call_for_refusal(
        lambda: open_quick_desk(place.first_desk_home, alarmbox, OPERATOR="op-a", DATABASE_URL=away)
    )
    assert (error.code, error.detail["problem"]) == ("database_unreachable", "no_folder")
    assert not folder.exists()


@pytest.mark.engines("mariadb")
def test_a_running_desk_stops_after_a_restore(place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock) -> None:
    """A backup is restored while a desk is running: before its next purchase the desk compares its anchors with the
    database again, and stops.
    """
    with place.desk(alarmbox, clock) as running:
        put_back = backups.take_backup(place)
        buy_check(running, FIRST_CORPORATION_NUMBER)
        put_back()
        assert call_for_refusal(lambda: buy_check(running, FIRST_CORPORATION_NUMBER)).code == ROLLBACK_ERROR_CODE
        assert call_for_refusal(lambda: buy_check(running, SECOND_CORPORATION_NUMBER)).code == ROLLBACK_ERROR_CODE
    assert len(alarmbox.charges) == 1


@pytest.mark.parametrize("round_count", [6, pytest.param(200, marks=pytest.mark.soak)])
def test_comparisons_under_load_report_no_loss(place: Place, round_count: int) -> None:
    """Three threads buy at two desks, and a fourth thread opens one of these desks repeatedly. No comparison of
    anchors with the database reports a loss.
    """
    rows, start, rollbacks, alarmbox = (
        invent_numbers(3 * round_count, seed=8),
        Barrier(4),
        list[object](),
        InMemoryAlarmBox(),
    )

    def buy_at_desk(place_of: int, mine: list[str]) -> None:
        with place.desk(alarmbox, desk=place_of) as console:
            start.wait()
            for number in mine:
                buy_check(console, number)
                rollbacks.append(console.alerts.find_database_rollback())

    def compare_anchors() -> None:
        start.wait()
        for _ in range(round_count):
            with place.desk(alarmbox, desk=1) as console:
                rollbacks.append(console.alerts.find_database_rollback())

    threads = [Thread(target=buy_at_desk, args=(desk, rows[turn::3])) for turn, desk in enumerate((0, 0, 1))]
    threads.append(Thread(target=compare_anchors))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rollbacks == [None] * (4 * round_count)
    assert len(alarmbox.charges) == 3 * round_count


def test_desks_with_a_complete_database_report_no_loss(
    place: Place, alarmbox: InMemoryAlarmBox, clock: ManualClock
) -> None:
    """The database has lost nothing, and two desks in turn are opened, buy and are closed: neither reports a loss."""
    for number, desk in zip(invent_numbers(6, seed=3), (0, 1, 0, 1, 1, 0), strict=True):
        with place.desk(alarmbox, clock, desk=desk) as console:
            buy_check(console, number)
            assert console.alerts.find_database_rollback() is None
    assert len(alarmbox.charges) == 6
