"""The database reads that an idle window repeats in team mode: they are few statements, and none of them reads a
whole table.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import event

from console.app import Console
from console.sandbox.server import Sandbox
from tests.support.places import Place
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
    open ids, and it still finds the next change.
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
                news = desk.desk_status.read_desk_update(closed_mark, with_presence=with_presence)
            assert (len(sent), news.changes) == (1, ())
            assert "count(" not in sent[0].lower()
        lead.recovery.add_note("order", order, "called them again")
        assert desk.desk_status.read_desk_update(closed_mark).changes == (("order", order),)


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
        lead.sessions.record_sign_in(must_store_password=False)
        assert desk.alerts.count_lost_operations() is None
    start_team_mode(place, "op-a")
    with place.open_desk(sandbox, desk=5) as desk:
        assert desk.alerts.count_lost_operations() is None
