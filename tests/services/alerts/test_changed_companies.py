"""Tests of the alerts about changed companies: a change of a corporation with live records raises one alert; a change
of another corporation raises none.
"""

import json
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from itertools import count
from threading import Barrier, Thread

import pytest

from console.domain.errors import ConsoleError
from console.domain.explained_state import WorkBadge
from console.domain.explanations.credit_checks import explain_credit_check
from console.domain.registry.publication_days import is_publication_day
from console.domain.tasks.records import COMPANY_TOPIC
from console.domain.views.any_record import CreditCheckDetails
from console.sandbox.registry import changes, write_whole_file
from console.sandbox.registry.rows import RegistryRow
from console.services.alerts import changed_companies
from console.store.database.engine import RunAgain
from console.store.registry import watched_corporations
from console.wording.sentences import catalogue as wording
from tests.crash.broken_statements import StatementFault, break_statements
from tests.services.alerts.watched_companies import (
    DIFFERENCE_DAY,
    EXPIRED_AT,
    INVENTED_ROW_COUNT,
    SECOND_DIFFERENCE_DAY,
    SEED,
    WHOLE_FILE_DAY,
    DesksWithSameRegistry,
    make_corporation_number,
    make_registry_rows,
    open_company_desks,
)
from tests.store.registry.files import make_row, write_file
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.places import CHECKS_TABLE, MakePlace, Place
from tests.support.quick_desks import ManualClock, use_lease_clock
from tests.support.team_mode import keep_executing_desk_requests, use_team_mode

CHECKED_COMPANY_INDEXES = range(30)
"""Indexes of the companies with live credit checks."""
PAID_COMPANY_INDEXES = range(30, 40)
"""Indexes of the companies with open payments that contain the corporation number."""
COMPANY_INDEXES_OF_PAID_ORDERS = range(40, 45)
"""Indexes of the companies with open payments whose orders contain the corporation number."""
REFUNDED_COMPANY_INDEXES = range(45, 55)
"""Indexes of the companies with open refunds."""
UNWATCHED_COMPANY_INDEXES = range(55, 60)
"""Indexes of the companies that have only ended records, or none."""
SUCCESSOR_COMPANY_INDEX = 59
"""Index of the company into which others are merged. It has only an expired credit check, so it isn't watched."""
STATEMENT_PART_COUNT = 3
"""Number of test cases among which the SQL statements of an interrupted run are divided."""


def plan_changes(rows: dict[int, RegistryRow]) -> dict[int, RegistryRow]:
    """Return the changed registry rows of forty companies, by the company's index. Companies with each kind of record
    have each kind of change; one of the companies is deleted.
    """
    ways: tuple[Callable[[RegistryRow], RegistryRow], ...] = (
        lambda row: changes.rename_company(row, f"{row.name}改", DIFFERENCE_DAY),
        lambda row: changes.move_company(row, "永田町２丁目３－１", DIFFERENCE_DAY, city="港区"),
        lambda row: changes.close_company(row, DIFFERENCE_DAY),
        lambda row: changes.merge_company(row, make_corporation_number(SUCCESSOR_COMPANY_INDEX), DIFFERENCE_DAY),
        lambda row: changes.rename_company(
            changes.move_company(row, "大手町１－１", DIFFERENCE_DAY), "名称；変更|株式会社", DIFFERENCE_DAY
        ),
    )
    indexes = [index for index in range(55) if index % 4 != 3][:39]
    changed_rows = {index: ways[index % len(ways)](rows[index]) for index in indexes}
    return changed_rows | {54: changes.delete_company(rows[54], DIFFERENCE_DAY)}


def read_check(scene: DesksWithSameRegistry, index: int) -> CreditCheckDetails:
    """Return the company's earliest credit check that no other one supersedes, as its page shows it."""
    number = make_corporation_number(index)
    ((id,),) = scene.place.sql(
        f"SELECT min(id) FROM {CHECKS_TABLE} WHERE corporation_number = '{number}' AND superseded_at IS NULL"
    )
    return scene.console.credit_checks.read_credit_check(int(id))


def find_looked_up_badges(scene: DesksWithSameRegistry, index: int, clock: ManualClock) -> list[WorkBadge]:
    """Return the badges of work of the company's credit checks, as the page of the company shows them."""
    company = scene.console.lookup.find_records(make_corporation_number(index))
    return [explain_credit_check(check, clock.now()).work for check in company.credit_checks]


def write_records(scene: DesksWithSameRegistry) -> None:
    """Write the records of sixty companies: live credit checks, open payments and open refunds, and ended records
    for the companies in UNWATCHED_COMPANY_INDEXES, of which one has no record.
    """
    for index in CHECKED_COMPANY_INDEXES:
        scene.insert_check(index)
    scene.insert_check(0, client=2)
    for index in PAID_COMPANY_INDEXES:
        scene.insert_payment(index)
    for index in COMPANY_INDEXES_OF_PAID_ORDERS:
        scene.insert_payment(index, is_number_in_order=True)
    for index in REFUNDED_COMPANY_INDEXES:
        scene.insert_refund(index)
    scene.insert_check(55, expires_at=EXPIRED_AT)
    scene.insert_payment(56, is_paid=True)
    scene.insert_refund(57, has_ended=True)
    scene.insert_check(SUCCESSOR_COMPANY_INDEX, expires_at=EXPIRED_AT)


@pytest.mark.engines("sqlite")
def test_a_company_with_an_unnormalised_order_number_is_watched(place: Place, hand_clock: ManualClock) -> None:
    """The shop has stored the number of an order as `T` and the digits, which SQL doesn't normalise and no task
    corrects. A change of the company raises an alert, as for any open payment.
    """
    rows = make_registry_rows([0])
    with open_company_desks(place, hand_clock, rows) as scene:
        scene.insert_payment(0, is_number_in_order=True, number_prefix="T")
        scene.import_files(scene.whole)
        assert scene.run_watch() == 0
        renamed = changes.rename_company(rows[0], "株式会社改名", DIFFERENCE_DAY)
        scene.import_files(scene.write_difference(DIFFERENCE_DAY, [renamed]))
        assert scene.run_watch() == 1
        assert set(scene.read_alert_texts()) == {make_corporation_number(0)}


@pytest.mark.engines("sqlite", "mariadb", "galera")
def test_forty_changes_raise_one_alert_each(
    place: Place, hand_clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers read a difference with changes of forty watched corporations and a hundred others. Each of the
    forty gets one alert and one event. A second import of the same difference is refused. A new import of the whole
    file and the difference, a newer registry without changes, and further runs add no alerts.
    """
    monkeypatch.setattr(changed_companies, "ROWS_PER_PAGE", 7)
    monkeypatch.setattr(changed_companies, "IDS_PER_PAGE", 10)
    rows = make_registry_rows(range(60))
    with open_company_desks(place, hand_clock, rows, desk_count=2) as scene:
        write_records(scene)
        scene.import_files(scene.whole)
        assert (scene.run_watch(), scene.run_watch(1), scene.read_alert_texts()) == (0, 0, {})
        changed_rows = plan_changes(rows)
        others = [
            changes.rename_company(rows[index], "無関係株式会社", DIFFERENCE_DAY)
            for index in UNWATCHED_COMPANY_INDEXES
        ]
        corrected = rows[3]._replace(correct="1", furigana="テイセイ", update_date=DIFFERENCE_DAY.isoformat())
        difference = scene.write_difference(DIFFERENCE_DAY, [*changed_rows.values(), *others, corrected])
        scene.import_files(difference)
        _run_all_desks_at_once(scene)
        assert set(scene.read_alert_texts()) == {make_corporation_number(index) for index in changed_rows}
        assert len(scene.list_events()) == len(changed_rows) == 40
        _require_facts_of_changes(scene, rows, changed_rows)
        with pytest.raises(ConsoleError):
            scene.import_files(difference)
        scene.import_files(scene.whole, difference)
        scene.import_files(scene.write_difference(SECOND_DIFFERENCE_DAY, []))
        assert (scene.run_watch(), scene.run_watch(1)) == (0, 0)
        assert len(scene.list_events()) == 40


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("back_in_force", ["0", "1"])
def test_several_rows_of_one_company_in_a_difference_are_one_change(
    place: Place, hand_clock: ManualClock, back_in_force: str
) -> None:
    """A difference may have several rows of one company: a chain of mergers, an address changed and changed back, an
    undone closure, a company both renamed and closed, or a merger into a renamed company. A watched company gets one
    alert with all facts in which its last row differs from its former state, also if the file marks an earlier row as
    valid (latest = 1).
    """
    rows = make_registry_rows(range(8))
    with open_company_desks(place, hand_clock, rows) as scene:
        for index in (1, 3, 4, 5, 6):
            scene.insert_check(index)
        scene.import_files(scene.whole)
        scene.run_watch()
        moved = changes.move_company(rows[3], "別町１－１", DIFFERENCE_DAY)
        closed = changes.close_company(rows[4], DIFFERENCE_DAY)
        renamed = changes.rename_company(rows[5], "新名株式会社", DIFFERENCE_DAY)
        day = [
            changes.merge_company(rows[0], make_corporation_number(1), DIFFERENCE_DAY),
            changes.merge_company(rows[1], make_corporation_number(2), DIFFERENCE_DAY),
            changes.merge_company(rows[2], make_corporation_number(0), DIFFERENCE_DAY),  # a circle
            moved._replace(latest=back_in_force),
            changes.move_company(moved, rows[3].street_number, DIFFERENCE_DAY),
            closed._replace(latest=back_in_force),
            changes.reopen_company(closed, DIFFERENCE_DAY),
            renamed._replace(latest=back_in_force),
            changes.close_company(renamed, DIFFERENCE_DAY),
            changes.merge_company(rows[6], make_corporation_number(7), DIFFERENCE_DAY),
            changes.rename_company(rows[7], "後継株式会社", DIFFERENCE_DAY),
        ]
        scene.import_files(scene.write_difference(DIFFERENCE_DAY, day))
        scene.run_watch()
        assert scene.read_alert_texts() == {
            make_corporation_number(1): f"company merged 2026-11-18 {make_corporation_number(2)} {rows[2].name}",
            make_corporation_number(
                5
            ): f"company closed 2026-11-18 liquidation; company renamed {rows[5].name}|新名株式会社",
            make_corporation_number(6): f"company merged 2026-11-18 {make_corporation_number(7)} 後継株式会社",
        }
        void = changes.reopen_company(
            changes.merge_company(rows[1], make_corporation_number(2), DIFFERENCE_DAY), SECOND_DIFFERENCE_DAY
        )
        scene.import_files(scene.write_difference(SECOND_DIFFERENCE_DAY, [void]))
        scene.run_watch()
        assert set(scene.read_alert_texts()) == {make_corporation_number(5), make_corporation_number(6)}
        assert (scene.run_watch(), len(scene.list_events())) == (0, 4)


def _run_all_desks_at_once(scene: DesksWithSameRegistry) -> None:
    """Run the search for changed companies on all desks at the same time; assert that a further run changes
    nothing.
    """
    start = Barrier(len(scene.desks))

    def run_desk(desk: int) -> None:
        start.wait()
        scene.run_watch(desk)

    threads = [Thread(target=run_desk, args=(desk,)) for desk in range(len(scene.desks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [scene.run_watch(desk) for desk in range(len(scene.desks))] == [0] * len(scene.desks)


def _require_facts_of_changes(
    scene: DesksWithSameRegistry, rows: dict[int, RegistryRow], changed_rows: dict[int, RegistryRow]
) -> None:
    """Assert that each event and each item in the queue of changed companies contains the company's facts before and
    after the change.
    """
    items = {item.change.corporation_number: item for item in scene.console.alerts.read_company_queue(1_000).items}
    for topic, text in scene.list_events():
        body = json.loads(text)
        index = next(index for index in changed_rows if make_corporation_number(index) == body["corporation_number"])
        assert (topic, body["event"], body["rule_id"]) == (COMPANY_TOPIC, "AlertRaised", "corporation_changed")
        assert (body["before"]["name"], body["registry_date"]) == (rows[index].name, DIFFERENCE_DAY.isoformat())
        if index != 54:
            assert body["after"]["name"] == changed_rows[index].name
            assert body["after"]["successor"] == (changed_rows[index].successor_corporate_number or None)
        assert body["changed"] == sorted(items[make_corporation_number(index)].change.changed_facts)
    kinds = Counter(" ".join(sorted(item.change.changed_facts)) for item in items.values())
    assert kinds["deleted"] == 1
    assert set(kinds) == {"name", "address", "closed", "closed successor", "address name", "deleted"}


@pytest.mark.engines("sqlite", "mariadb")
def test_an_alert_closes_by_acknowledgement_and_renewal(place: Place, hand_clock: ManualClock) -> None:
    """A person's acknowledgement closes the alert once, under its request id. A credit check that is bought later
    also closes the alert, if the company has no older live check. Each closing has an event. The same change raises
    no second alert, but the next change does.
    """
    rows = make_registry_rows(range(3))
    with open_company_desks(place, hand_clock, rows) as scene:
        for index in range(3):
            scene.insert_check(index)
        scene.insert_check(2, client=2)
        scene.import_files(scene.whole)
        assert scene.run_watch() == 0
        moved = {index: changes.move_company(row, "別町１－１", DIFFERENCE_DAY) for index, row in rows.items()}
        scene.import_files(scene.write_difference(DIFFERENCE_DAY, moved.values()))
        assert scene.run_watch() == 3
        by_number = {
            item.change.corporation_number: item.change.alert_id
            for item in scene.console.alerts.read_company_queue().items
        }
        scene.place.sql(f"UPDATE {CHECKS_TABLE} SET pdf_file_path = 'a.pdf'")
        opened = read_check(scene, 0)
        assert (opened.explanation.next_step.code, opened.open_alert_id) == (
            "next.company_changed",
            by_number[make_corporation_number(0)],
        )
        assert find_looked_up_badges(scene, 0, hand_clock) == [WorkBadge.POSSIBLE] == [opened.explanation.work]
        acknowledge = scene.console.alerts.acknowledge
        acknowledged_alert = acknowledge(by_number[make_corporation_number(0)], "asked them", request_id="ack-1")
        assert (
            acknowledge(by_number[make_corporation_number(0)], "asked them", request_id="ack-1") == acknowledged_alert
        )
        assert acknowledged_alert.resolved_at is not None
        acknowledged = read_check(scene, 0)
        assert (acknowledged.explanation.next_step.code, acknowledged.open_alert_id) == ("next.nothing", None)
        assert find_looked_up_badges(scene, 0, hand_clock) == [WorkBadge.NONE]
        hand_clock.at += timedelta(minutes=5)
        later = f"{hand_clock.now():%Y-%m-%d %H:%M:%S}"
        for index in (1, 2):
            scene.place.sql(
                "UPDATE hansha_alarmbox_credit_checks SET superseded_at = '2026-11-20 03:00:00'"
                f" WHERE corporation_number = '{make_corporation_number(index)}' AND client_id = 1"
            )
            scene.insert_check(index, bought_at=later)
        assert scene.run_watch() == 1
        assert set(scene.read_alert_texts()) == {make_corporation_number(2)}
        assert (scene.run_watch(), len(scene.list_events())) == (0, 5)
        scene.import_files(
            scene.write_difference(SECOND_DIFFERENCE_DAY, [changes.close_company(moved[0], SECOND_DIFFERENCE_DAY)])
        )
        assert scene.run_watch() == 1
        assert scene.read_alert_texts()[make_corporation_number(0)] == "company closed 2026-11-19 liquidation"


def test_an_incident_affects_the_live_records_of_the_company(place: Place, hand_clock: ManualClock) -> None:
    """The incident of a changed company affects the records for which the company is watched, and not a credit check
    that failed, a duplicate or an expired one.
    """
    rows = make_registry_rows(range(1))
    with open_company_desks(place, hand_clock, rows) as scene:
        for client in (1, 2, 3):
            scene.insert_check(0, client=client)
        scene.insert_check(0, client=4, expires_at=EXPIRED_AT)
        scene.insert_payment(0)
        ((live_id,), *_) = scene.place.sql(f"SELECT id FROM {CHECKS_TABLE} ORDER BY id")
        for values in (
            "status = 'error', credit_check_id = NULL, work_state = 'none' WHERE client_id = 2",
            f"duplicate_of = {live_id} WHERE client_id = 3",
        ):
            scene.place.sql(f"UPDATE {CHECKS_TABLE} SET {values}")
        scene.import_files(scene.whole)
        assert scene.run_watch() == 0
        moved = changes.move_company(rows[0], "別町１－１", DIFFERENCE_DAY)
        scene.import_files(scene.write_difference(DIFFERENCE_DAY, [moved]))
        assert scene.run_watch() == 1
        (incident,) = scene.console.incidents.list_incidents()
        assert [(record.kind, record.id) for record in incident.records] == [
            ("credit-check", live_id),
            ("payment", 1),
        ]


@pytest.mark.engines("sqlite")
@pytest.mark.expects_log("a row that can't be read is told")
def test_an_incident_of_a_company_omits_unreadable_records(place: Place, hand_clock: ManualClock) -> None:
    """If this program can't read a credit check and a payment of a changed company, the list of incidents opens and
    names the company's other records.
    """
    rows = make_registry_rows(range(1))
    with open_company_desks(place, hand_clock, rows) as scene:
        for client in (1, 2):
            scene.insert_check(0, client=client)
        scene.insert_payment(0)
        scene.import_files(scene.whole)
        scene.run_watch()
        moved = changes.move_company(rows[0], "別町１－１", DIFFERENCE_DAY)
        scene.import_files(scene.write_difference(DIFFERENCE_DAY, [moved]))
        assert scene.run_watch() == 1
        ((live_id,), *_) = scene.place.sql(f"SELECT id FROM {CHECKS_TABLE} ORDER BY id")
        for table, condition in ((CHECKS_TABLE, "client_id = 2"), ("payments", "id = 1")):
            scene.place.drop_table_triggers(table)
            scene.place.sql(f"UPDATE {table} SET certainty = 'future' WHERE {condition}")
        (incident,) = scene.console.incidents.list_incidents()
        assert [(record.kind, record.id) for record in incident.records] == [("credit-check", live_id)]


@pytest.mark.engines("sqlite", "mariadb")
def test_an_acknowledged_change_is_reopened(place: Place, hand_clock: ManualClock) -> None:
    """If a person reopens an acknowledged change with a reason, a new alert with the same text is opened, and the
    acknowledged alert does not change. After a newer change of the company, or after its credit check has expired,
    the change cannot be reopened.
    """
    rows = make_registry_rows(range(2))
    with open_company_desks(place, hand_clock, rows) as scene:
        for index in range(2):
            scene.insert_check(index)
        scene.import_files(scene.whole)
        scene.run_watch()
        moved = {index: changes.move_company(row, "別町１－１", DIFFERENCE_DAY) for index, row in rows.items()}
        scene.import_files(scene.write_difference(DIFFERENCE_DAY, moved.values()))
        assert scene.run_watch() == 2
        services, words = scene.console, scene.read_alert_texts()[make_corporation_number(0)]
        first = {item.change.corporation_number: item.alert.id for item in services.alerts.read_company_queue().items}
        assert services.alerts.list_acknowledged_changes() == ()
        for id in first.values():
            services.alerts.acknowledge(id, "asked them")
        hand_clock.at += timedelta(minutes=5)
        assert {item.alert.id for item in services.alerts.list_acknowledged_changes()} == set(first.values())
        with pytest.raises(ConsoleError) as refused:
            services.incidents.reopen(first[make_corporation_number(0)], " ")
        assert refused.value.code == "usage"
        assert scene.read_alert_texts() == {}
        with services.database.read() as conn:
            as_read = watched_corporations.find_by_numbers(conn, [make_corporation_number(0)])[
                make_corporation_number(0)
            ]
        incident = services.incidents.reopen(
            first[make_corporation_number(0)], "the wrong company", request_id="re-1"
        )
        facts, day = as_read.facts, as_read.registry_date
        assert facts is not None
        with services.database.write_without_retries() as tx, pytest.raises(RunAgain):  # a worker that read earlier
            watched_corporations.store_facts(tx.conn, as_read, facts, day, hand_clock.at)
        assert (
            services.incidents.reopen(first[make_corporation_number(0)], "the wrong company", request_id="re-1").id
            == incident.id
        )
        assert (incident.state, incident.alerts[0].observed) == ("open", words)
        assert scene.read_alert_texts() == {make_corporation_number(0): words}
        assert [step.words for step in services.incidents.read_incident(first[make_corporation_number(0)]).steps] == [
            "the wrong company"
        ]
        assert [item.change.corporation_number for item in services.alerts.list_acknowledged_changes()] == [
            make_corporation_number(1)
        ]
        with pytest.raises(ConsoleError) as refused:
            services.incidents.reopen(first[make_corporation_number(0)], "again")
        assert refused.value.code == "already_decided"
        assert scene.run_watch() == 0
        scene.import_files(
            scene.write_difference(SECOND_DIFFERENCE_DAY, [changes.close_company(moved[1], SECOND_DIFFERENCE_DAY)])
        )
        assert scene.run_watch() == 1
        with pytest.raises(ConsoleError) as refused:
            services.incidents.reopen(first[make_corporation_number(1)], "too late")
        assert refused.value.code == "already_decided"
        (closed,) = (
            item.alert
            for item in services.alerts.read_company_queue().items
            if item.change.corporation_number == make_corporation_number(1)
        )
        services.alerts.acknowledge(closed.id, "asked them")
        assert [item.alert.id for item in services.alerts.list_acknowledged_changes()] == [closed.id]
        hand_clock.at += timedelta(days=400)  # the credit check has expired
        assert services.alerts.list_acknowledged_changes() == ()
        with pytest.raises(ConsoleError) as refused:
            services.incidents.reopen(closed.id, "too late")
        assert refused.value.code == "already_decided"


@pytest.mark.engines("sqlite")
def test_a_second_change_replaces_the_alert_by_one_with_both_changes(place: Place, hand_clock: ManualClock) -> None:
    """If a company changes again while its alert is open, one new alert with both changes replaces the alert. If the
    registry reverts the change, the alert closes and no new one is raised.
    """
    rows = make_registry_rows(range(2))
    with open_company_desks(place, hand_clock, rows) as scene:
        scene.insert_check(0)
        scene.insert_check(1)
        scene.import_files(scene.whole)
        scene.run_watch()
        renamed = {index: changes.rename_company(row, "新名株式会社", DIFFERENCE_DAY) for index, row in rows.items()}
        scene.import_files(scene.write_difference(DIFFERENCE_DAY, renamed.values()))
        assert scene.run_watch() == 2
        back = changes.rename_company(renamed[1], rows[1].name, SECOND_DIFFERENCE_DAY)
        scene.import_files(
            scene.write_difference(
                SECOND_DIFFERENCE_DAY, [changes.close_company(renamed[0], SECOND_DIFFERENCE_DAY), back]
            )
        )
        assert scene.run_watch() == 3
        assert scene.read_alert_texts() == {
            make_corporation_number(
                0
            ): f"company closed 2026-11-19 liquidation; company renamed {rows[0].name}|新名株式会社"
        }
        names = [json.loads(body)["event"] for _, body in scene.list_events()]
        assert Counter(names) == {"AlertRaised": 3, "AlertResolved": 2}


@pytest.mark.engines("sqlite")
def test_a_change_before_the_first_run_raises_an_alert(place: Place, hand_clock: ManualClock) -> None:
    """A company that changed after its check was bought has an alert although no run compared its facts in between.
    The change is found in a stored difference, or by the day of the company's closing. Changes before the purchase
    raise no alert. A company without live records raises no alert, but its facts are stored.
    """
    rows = make_registry_rows(range(6))
    rows_by_index = rows | {
        3: changes.close_company(rows[3], WHOLE_FILE_DAY),
        4: changes.close_company(rows[4], date(2026, 10, 1)),
    }
    with open_company_desks(place, hand_clock, rows_by_index) as scene:
        for index in range(5):
            scene.insert_check(index, bought_at="2026-11-20 02:00:00" if index == 2 else "2026-11-01 00:00:00")
        renamed = [changes.rename_company(rows[index], "新名株式会社", DIFFERENCE_DAY) for index in (0, 2, 5)]
        difference = scene.write_difference(DIFFERENCE_DAY, renamed)
        scene.import_files(scene.whole, difference)
        assert scene.run_watch() == 2
        assert set(scene.read_alert_texts()) == {make_corporation_number(0), make_corporation_number(3)}
        scene.insert_check(5, bought_at="2026-11-20 02:00:00")
        assert scene.run_watch() == 0
        scene.place.sql(f"UPDATE hansha_alarmbox_credit_checks SET expired_at = '{EXPIRED_AT}' WHERE client_id = 1")
        third = scene.write_difference(
            SECOND_DIFFERENCE_DAY, [changes.close_company(renamed[2], SECOND_DIFFERENCE_DAY)]
        )
        scene.import_files(third)
        assert scene.run_watch() == 0
        scene.insert_check(5, client=2, bought_at="2026-11-20 03:00:00")
        assert scene.run_watch() == 0
        assert set(scene.read_alert_texts()) == {make_corporation_number(0), make_corporation_number(3)}


@pytest.mark.engines("sqlite")
def test_an_import_compares_before_and_after_itself(place: Place, hand_clock: ManualClock) -> None:
    """An import of registry files searches for changed companies twice: before the import, so that records written
    since the last run are watched, and after the import.
    """
    rows = make_registry_rows(range(2))
    with open_company_desks(place, hand_clock, rows) as scene:
        scene.insert_check(0)
        scene.console.registry.import_files([scene.whole])
        scene.insert_check(1, bought_at="2026-11-20 02:00:00")
        renamed = [changes.rename_company(row, "新名株式会社", DIFFERENCE_DAY) for row in rows.values()]
        scene.console.registry.import_files([scene.write_difference(DIFFERENCE_DAY, renamed)])
        assert set(scene.read_alert_texts()) == {make_corporation_number(0), make_corporation_number(1)}


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("is_named", [True, False], ids=["the file says so", "the file lacks it"])
def test_a_whole_file_of_the_nation_deletes_a_watched_company(
    place: Place, hand_clock: ManualClock, is_named: bool
) -> None:
    """A watched company that a whole file of the nation deletes, or that this file lacks, raises one alert, as a
    deletion in a difference does."""
    rows = make_registry_rows(range(3))
    with open_company_desks(place, hand_clock, rows) as scene:
        scene.insert_check(0)
        scene.import_files(scene.whole)
        assert scene.run_watch() == 0
        deleted = [changes.delete_company(rows[0], DIFFERENCE_DAY)] if is_named else []
        folder = scene.folder / "next"
        folder.mkdir()
        first_rows = [*deleted, rows[1], rows[2]]
        scene.import_files(write_whole_file(folder, DIFFERENCE_DAY, INVENTED_ROW_COUNT, SEED, first_rows=first_rows))
        assert (scene.run_watch(), scene.run_watch()) == (1, 0)
        assert scene.read_alert_texts() == {make_corporation_number(0): "company deleted"}


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("is_named", [True, False], ids=["the file says so", "the file lacks it"])
def test_a_company_that_a_registry_of_prefectures_lacks_is_not_deleted(
    place: Place, hand_clock: ManualClock, is_named: bool
) -> None:
    """A registry of single prefectures doesn't have the company any more: it may have moved to another prefecture, so
    there is an alert only if the file says that it is deleted."""
    number = make_corporation_number(0)
    with open_company_desks(place, hand_clock, {}) as scene:
        scene.insert_check(0)
        fields = {"corporate_number": number, "name": "株式会社見張0"}
        scene.import_files(write_file(scene.folder, "13_tokyo_all_20261117", [make_row(0, **fields), make_row(1)]))
        assert scene.run_watch() == 0
        deleted = [make_row(0, **fields, process="99", update_date="2026-11-18")] if is_named else []
        scene.import_files(write_file(scene.folder, "13_tokyo_all_20261118", [*deleted, make_row(1)]))
        assert scene.run_watch() == int(is_named)


@pytest.mark.engines("sqlite", "mariadb")
def test_a_first_purchase_renews_no_credit_check(place: Place, hand_clock: ManualClock) -> None:
    """The alert about a company with an open payment and without credit checks stays open after a first purchase. A
    purchase after an earlier, expired credit check closes the alert.
    """
    rows = make_registry_rows(range(2))
    with open_company_desks(place, hand_clock, rows) as scene:
        for index in range(2):
            scene.insert_payment(index)
        scene.insert_check(1, bought_at="2025-11-01 00:00:00", expires_at=EXPIRED_AT)
        scene.import_files(scene.whole)
        assert scene.run_watch() == 0
        moved = [changes.move_company(row, "別町１－１", DIFFERENCE_DAY) for row in rows.values()]
        scene.import_files(scene.write_difference(DIFFERENCE_DAY, moved))
        assert scene.run_watch() == 2
        hand_clock.at += timedelta(minutes=5)
        scene.place.sql(f"UPDATE {CHECKS_TABLE} SET superseded_at = '2026-11-20 03:00:00'")
        for index in range(2):
            scene.insert_check(index, client=2, bought_at=f"{hand_clock.now():%Y-%m-%d %H:%M:%S}")
        assert scene.run_watch() == 1
        assert set(scene.read_alert_texts()) == {make_corporation_number(0)}


@pytest.mark.engines("sqlite")
def test_a_desk_with_an_older_registry_raises_no_alert(place: Place, hand_clock: ManualClock) -> None:
    """A desk whose corporation registry is older than another desk's raises no alert about changed companies and
    closes none.
    """
    rows = make_registry_rows(range(1))
    with open_company_desks(place, hand_clock, rows, desk_count=2) as scene:
        scene.insert_check(0)
        scene.import_files(scene.whole)
        scene.run_watch()
        newer = scene.write_difference(
            DIFFERENCE_DAY, [changes.rename_company(rows[0], "新名株式会社", DIFFERENCE_DAY)]
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(scene, "desks", scene.desks[:1])
            scene.import_files(newer)
        assert scene.run_watch() == 1
        assert (scene.run_watch(1), scene.run_watch(), len(scene.list_events())) == (0, 0, 1)


UNREADABLE_FACTS = (
    ("facts", "'[]'"), ("facts", "'{}'"), ("facts", "'x'"), ("facts_before", "'{\"name\":5}'"),
    ("facts", "'{\"name\":5,\"address\":\"b\",\"closed\":null,\"successor\":null}'"),
    ("registry_date", "'x'"), ("registry_date", "'9999-99-99'"),
)  # fmt: skip


@pytest.mark.engines("sqlite", "mariadb")
def test_unreadable_watched_rows_end_no_run(place: Place, hand_clock: ManualClock) -> None:
    """If the facts or the registry date of a row of `watched_corporations` can't be read, the run raises no alert
    about this corporation and goes on. It raises the alerts of all other corporations, also of one of which only
    the former facts (`facts_before`) can't be read. The next run raises none.
    """
    rows = make_registry_rows(range(len(UNREADABLE_FACTS) + 1))
    with open_company_desks(place, hand_clock, rows) as scene:
        for index in rows:
            scene.insert_check(index)
        scene.import_files(scene.whole)
        scene.run_watch()
        for index, (column, value) in enumerate(UNREADABLE_FACTS):
            scene.place.sql(
                f"UPDATE watched_corporations SET version = version + 1, {column} = {value}"
                f" WHERE corporation_number = '{make_corporation_number(index)}'"
            )
        scene.import_files(
            scene.write_difference(
                DIFFERENCE_DAY, [changes.close_company(row, DIFFERENCE_DAY) for row in rows.values()]
            )
        )
        assert (scene.run_watch(), scene.run_watch()) == (2, 0)
        assert set(scene.read_alert_texts()) == {
            make_corporation_number(3),
            make_corporation_number(len(UNREADABLE_FACTS)),
        }


@pytest.mark.engines("mariadb")
def test_a_person_in_team_mode_acknowledges_a_changed_company(place: Place, hand_clock: ManualClock) -> None:
    """A person in team mode can read the queue, and can acknowledge and reopen a change through a worker; the stored
    name is the person's.
    """
    rows = make_registry_rows(range(1))
    with open_company_desks(place, hand_clock, rows) as scene:
        scene.insert_check(0)
        scene.import_files(scene.whole)
        scene.run_watch()
        scene.import_files(scene.write_difference(DIFFERENCE_DAY, [changes.close_company(rows[0], DIFFERENCE_DAY)]))
        assert scene.run_watch() == 1
        alarmbox = InMemoryAlarmBox()
        with (
            use_team_mode(place, "op-a"),
            place.desk(alarmbox, desk=2) as asking,
            place.desk(alarmbox, person="worker", desk=3) as worker,
        ):
            (item,) = asking.alerts.read_company_queue().items
            assert item.change.after.closure is not None
            with keep_executing_desk_requests(worker):
                acknowledged = asking.alerts.acknowledge(item.change.alert_id, "called them", request_id="ask-1")
            assert acknowledged.acknowledged_by == place.get_account_name("op-a")
            assert asking.alerts.read_company_queue().items == ()
            assert [one.alert.id for one in asking.alerts.list_acknowledged_changes()] == [acknowledged.id]
            hand_clock.at += timedelta(seconds=5)
            with keep_executing_desk_requests(worker):
                again = asking.incidents.reopen(acknowledged.id, "they moved back", request_id="ask-2")
            assert [one.alert.id for one in asking.alerts.read_company_queue().items] == [again.id]


@pytest.mark.engines("sqlite", "mariadb")
@pytest.mark.parametrize("first", range(1, STATEMENT_PART_COUNT + 1))
def test_an_interrupted_run_loses_no_alert(fresh_place: MakePlace, engine: str, first: int) -> None:
    """A run is broken in turn at each SQL statement, or its COMMIT gets no answer: after the next run no alert is
    lost and none is raised twice. Each of the three parametrised cases takes every third statement.
    """
    faults: tuple[StatementFault, ...] = ("lost", "commit_lost") if engine == "sqlite" else ("deadlock",)
    with fresh_place() as place:
        clock = ManualClock()
        rows = make_registry_rows(range(40))
        with use_lease_clock(clock), open_company_desks(place, clock, rows) as scene:
            for index in rows:
                scene.insert_check(index)
            scene.import_files(scene.whole)
            assert scene.run_watch() == 0
            day, present, raised = WHOLE_FILE_DAY, dict(rows), 0
            for error in faults:
                for nth in count(first, STATEMENT_PART_COUNT):
                    day = _find_next_publication_day(day)
                    index = nth % len(rows)
                    present[index] = changes.rename_company(present[index], f"株式会社{error}{nth}".upper(), day)
                    scene.import_files(scene.write_difference(day, [present[index]]))
                    with break_statements(scene.console, nth, error, is_lasting=False) as countdown:
                        try:
                            scene.run_watch()
                        except Exception:  # whatever it is, the next run goes on
                            pass
                    scene.run_watch()
                    raised += 1
                    names = Counter(json.loads(body)["event"] for _, body in scene.list_events())
                    assert names["AlertRaised"] == raised, (error, nth)
                    if not countdown.has_fired:
                        break


def _find_next_publication_day(day: date) -> date:
    """Return the first day after `day` on which the corporation registry publishes a difference."""
    following = (day + timedelta(days=step) for step in count(1))
    return next(day for day in following if is_publication_day(day))


def test_alert_texts_of_changed_companies_are_sentences() -> None:
    """Every part of an alert's text is a sentence in both languages. This also holds if the registry has the
    company's name only as an image, so that the text of the name is empty.
    """
    observed = (
        "company merged 2026-10-31 1180301018771 株式会社承継; company renamed 甲|乙; company moved 東京都|大阪府",
        "company closed 2026-10-31 liquidation",
        "company closed 2026-10-31 by_registrar",
        "company renamed |乙",
        "company deleted; company reopened; company no_successor",
        "company successor 1180301018771",
    )
    english = [wording.format_finding(text, "en") for text in observed]
    assert english[0].split(", ") == [
        "Merged into 株式会社承継 (1 1803 0101 8771) on 2026-10-31",
        "Renamed from 甲 to 乙",
        "Moved from 東京都 to 大阪府",
    ]
    assert english[1] == "Closed on 2026-10-31 (end of liquidation)"
    for text in (*english, *(wording.format_finding(text, "ja") for text in observed)):
        assert "company" not in text
        assert "|" not in text
