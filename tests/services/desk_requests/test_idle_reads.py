"""The database reads that an idle window repeats in team mode: they are few statements, and none of them reads a
whole table.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

from sqlalchemy import event

from console.app import Console
from console.sandbox.server import Sandbox
from console.store.access import people_views
from console.store.database.engine import Database
from tests.support.places import Place, ServerPlace
from tests.support.team_mode import end_team_mode, keep_executing_desk_requests, start_team_mode


@contextmanager
def record_statements(desk: Console) -> Iterator[list[str]]:
    """Inside the block, record the SQL statements with which the desk reads; the block gets the growing list."""
    sent: list[str] = []

    def record_statement(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    event.listen(desk.database._read_engine, "before_cursor_execute", record_statement)
    try:
        yield sent
    finally:
        event.remove(desk.database._read_engine, "before_cursor_execute", record_statement)


def test_one_statement_reads_changes_and_the_workers_presence(place: Place, sandbox: Sandbox) -> None:
    """An idle window uses a single SQL statement to read the changed records, the changed switches and whether a
    worker is running.
    """
    start_team_mode(place, "op-a")
    with (
        place.open_desk(sandbox, person="worker", desk=1) as worker,
        place.open_desk(sandbox, person="lead-b", desk=2) as lead,
        place.open_desk(sandbox) as desk,
    ):
        first = desk.desk_status.read_desk_update()
        assert first.is_worker_away
        with keep_executing_desk_requests(worker):
            desk.desk_status.read_desk_update(first.feed_mark)  # prepares the statement
            with record_statements(desk) as sent:
                news = desk.desk_status.read_desk_update(first.feed_mark)
            assert (len(sent), news.changes, news.is_worker_away) == (1, (), False)
            place.sql("INSERT INTO orders (merch_txn_id, total_amount, currency) VALUES ('A-1', 100, 'JPY')")
            order = int(place.sql("SELECT id FROM orders WHERE merch_txn_id = 'A-1'")[0][0])
            lead.recovery.add_note("order", order, "called them")
            news = desk.desk_status.read_desk_update(news.feed_mark)
            assert (news.changes, news.is_worker_away) == ((("order", order),), False)
            lead.read_only_switches.set_switch("atom", True, "they asked us to wait")
            with record_statements(desk) as sent:
                later = desk.desk_status.read_desk_update(news.feed_mark)
            assert (len(sent), later.switches_version != news.switches_version) == (1, True)
            assert later.switches_version == desk.desk_status.read_desk_update().switches_version
            lead.read_only_switches.set_switch("atom", False, "they are back")
        assert desk.desk_status.read_desk_update(news.feed_mark).is_worker_away


def test_no_rows_are_counted_while_no_id_is_open(place: Place, sandbox: Sandbox) -> None:
    """A minute after the last change no id of the feed is open any more. Then a reading doesn't count the rows of
    open ids. It is one execution of a statement that the connection has prepared at the first such reading, and it
    still finds the next change.
    """
    start_team_mode(place, "op-a")
    with place.open_desk(sandbox, person="lead-b", desk=2) as lead, place.open_desk(sandbox) as desk:
        lead.read_only_switches.set_switch("atom", True, "they asked us to wait")
        place.sql("INSERT INTO orders (merch_txn_id, total_amount, currency) VALUES ('A-1', 100, 'JPY')")
        order = int(place.sql("SELECT id FROM orders WHERE merch_txn_id = 'A-1'")[0][0])
        lead.recovery.add_note("order", order, "called them")
        mark = desk.desk_status.read_desk_update().feed_mark
        closed_mark = replace(mark, read_ids=frozenset(), complete_up_to_id=mark.newest_id)
        for with_presence in (False, True):
            with record_statements(desk) as sent:
                for _ in range(3):
                    news = desk.desk_status.read_desk_update(closed_mark, with_presence=with_presence)
                    assert news.changes == ()
            assert [statement.partition(" ")[0] for statement in sent] == ["PREPARE", *["EXECUTE"] * 3]
            assert "count(" not in sent[0].lower()
        lead.recovery.add_note("order", order, "called them again")
        assert desk.desk_status.read_desk_update(closed_mark).changes == (("order", order),)


def test_a_prepared_reading_reads_views_that_were_replaced(place: Place, sandbox: Sandbox) -> None:
    """The views of people are created again, as by an upgrade, after a desk has prepared its reading of the feed: the
    desk's next reading still finds the workers, and the newest setting of a switch.
    """
    start_team_mode(place, "op-a")
    assert isinstance(place, ServerPlace)
    with (
        place.open_desk(sandbox, person="worker", desk=1) as worker,
        place.open_desk(sandbox, person="lead-b", desk=2) as lead,
        place.open_desk(sandbox) as desk,
        closing(Database(place.url(""), without_time_limit=True)) as owner,
    ):
        worker.desk_request_executor.announce_presence()
        mark = desk.desk_status.read_desk_update().feed_mark
        assert not desk.desk_status.read_desk_update(mark).is_worker_away
        with owner.write_without_retries() as tx:
            database = str(owner.url.database)
            for statement in list(people_views.make_view_statements(tx.conn, database, replaces_existing=True)):
                tx.conn.exec_driver_sql(statement.replace("%", "%%"))
        lead.read_only_switches.set_switch("atom", True, "they asked us to wait")
        newest_id = int(place.sql("SELECT MAX(id) FROM read_only_switches")[0][0])
        update = desk.desk_status.read_desk_update(mark)
        assert (update.is_worker_away, update.switches_version) == (False, newest_id)


def test_a_reading_of_the_counts_looks_the_person_up_once(place: Place, sandbox: Sandbox) -> None:
    """Within a block of `cache_acting_person`, several reads look the acting person up once; after the block, the
    next read looks the person up again.
    """
    start_team_mode(place, "op-a")

    def count_lookups(statements: list[str]) -> int:
        return sum("FROM operators" in statement for statement in statements)

    with place.open_desk(sandbox) as desk:
        with record_statements(desk) as sent, desk.desk_status.cache_acting_person():
            desk.recovery.count_queued_records()
            desk.notices.count_open_notices()
            desk.notifications.list_events(())
        assert count_lookups(sent) == 1
        with record_statements(desk) as sent:
            desk.recovery.count_queued_records()
        assert count_lookups(sent) == 1


def test_counts_of_nothing_are_few_statements(place: Place, sandbox: Sandbox) -> None:
    """Without unfinished operations and without incidents that a person has set aside, their counts don't read the
    records that they would need: each is one statement after the lookup of the person.
    """
    start_team_mode(place, "op-a")
    with place.open_desk(sandbox) as desk, desk.desk_status.cache_acting_person():
        desk.recovery.count_queued_records()
        with record_statements(desk) as sent:
            assert desk.recovery.list_unfinished_operations() == ()
            assert desk.incidents.count_waiting_incidents() == 0
        assert len(sent) == 2, sent


def test_counts_do_not_read_the_audit_trail(place: Place, sandbox: Sandbox) -> None:
    """The repeated count of lost operations does not query the audit trail. To find its newest entry, the server
    would have to read the whole trail.
    """
    start_team_mode(place, "op-a")
    with place.open_desk(sandbox) as desk, record_statements(desk) as sent:
        assert desk.alerts.count_lost_operations() is None
    assert sent
    assert not [statement for statement in sent if "audit_log" in statement]


def test_a_desk_of_a_person_put_into_team_mode_reports_no_rollback(place: Place, sandbox: Sandbox) -> None:
    """A desk has stored the newest audit entry as its anchor. Then its person is put into team mode and may no longer
    read this entry: the desk doesn't report the entry as lost.
    """
    end_team_mode(place, "op-a")
    with place.open_desk(sandbox, desk=5) as desk, place.open_desk(sandbox, person="lead-b", desk=2) as lead:
        lead.sign_in_service.record_sign_in(must_store_password=False)
        assert desk.alerts.count_lost_operations() is None
    start_team_mode(place, "op-a")
    with place.open_desk(sandbox, desk=5) as desk:
        assert desk.alerts.count_lost_operations() is None
