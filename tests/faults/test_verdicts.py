"""A process that gets no answer to COMMIT finds out whether the transaction was committed. For this it looks for the
row with the transaction's own token.
"""

import threading
import time

import pytest

from console.domain.errors import ConsoleError
from console.store.database import server
from console.store.database.server import IDLE_TRANSACTION_TIMEOUT_SECONDS
from tests.faults import verdicts
from tests.faults.verdicts import TriedAuditEntry, open_database_behind_proxy, read_stored_tries, stop_commits
from tests.support.places import ServerPlace
from tests.support.servers import Server
from tests.support.sql_proxy import BreakKind
from tests.support.waiting import MAX_WAIT_SECONDS

TRANSACTION_COUNT = 20


def test_a_lost_reply_to_commit_is_verified(place: ServerPlace) -> None:
    """The COMMIT arrives at the server or not, its answer is lost completely or partly, or it is still on the way. In
    each case the program decides correctly whether the transaction was committed, and nothing is stored twice.
    """
    tally = verdicts.lose_commit_answers(place, TRANSACTION_COUNT)
    print(f"demand 8: verdict right {tally['right']} of {tally['commits']}, {tally['had_arrived']} had arrived")
    assert tally["right"] == tally["commits"] == TRANSACTION_COUNT


@pytest.mark.parametrize("kind", ["unheard", "unanswered"])
def test_a_session_silent_at_commit_is_ended_and_decided(
    place: ServerPlace, monkeypatch: pytest.MonkeyPatch, kind: BreakKind
) -> None:
    """The connection gets no more answers at COMMIT, and the server keeps the session and its locks. The program ends
    the session and then decides whether the transaction was committed. The server's time limit for idle transactions
    is raised in this test; otherwise the server would end the session.
    """
    patient = server._SET_TIME_LIMITS_SQL.replace(
        f"idle_transaction_timeout = {IDLE_TRANSACTION_TIMEOUT_SECONDS}", "idle_transaction_timeout = 600"
    )
    monkeypatch.setattr(server, "_SET_TIME_LIMITS_SQL", patient)
    with open_database_behind_proxy(place, answer_seconds=1) as (proxy, database):
        note = TriedAuditEntry(kind, place.get_account_name("op-a"))
        with proxy.cause_fault(kind, sql_prefix="COMMIT"):
            result = database.write(note)
        assert read_stored_tries(place, kind) == [result]
        assert note.tries == (1 if kind == "unanswered" else 2)


def test_a_slow_commit_is_waited_for(place: ServerPlace) -> None:
    """The time limit for the answer to COMMIT has passed, but the server is still executing it. The program waits
    until the server has finished before it decides whether the transaction was committed.
    """
    with open_database_behind_proxy(place, answer_seconds=0.5) as (_, database):
        note = TriedAuditEntry("slow", place.get_account_name("op-a"))
        database.write(TriedAuditEntry("warm", place.get_account_name("op-a")))
        with stop_commits(place) as go:
            threading.Timer(1.0, go.set).start()
            result = database.write(note)
        assert read_stored_tries(place, "slow") == [result]


def test_an_impossible_commit_is_refused_as_unreachable(place: ServerPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the server can't execute COMMIT, the call is refused with `database_unreachable` within a limited time.
    Nothing is stored later, because the program has ended the session.
    """
    monkeypatch.setattr("console.store.database.retry_policy.UNREACHABLE_RETRY_SECONDS", 0.5)
    monkeypatch.setattr("console.store.database.engine.COMMIT_CHECK_SECONDS", 3.0)
    with open_database_behind_proxy(place, answer_seconds=0.5) as (_, database):
        database.write(TriedAuditEntry("warm", place.get_account_name("op-a")))
        with stop_commits(place), pytest.raises(ConsoleError) as refused:
            database.write(TriedAuditEntry("stuck", place.get_account_name("op-a")))
        assert refused.value.code == "database_unreachable"
        assert read_stored_tries(place, "stuck") == []


def test_only_a_session_that_holds_the_token_is_ended(place: ServerPlace) -> None:
    """The answer to COMMIT was lost, but the transaction was committed, so no session holds the row with the token
    any more: the program ends no session on the server.
    """
    with open_database_behind_proxy(place) as (proxy, database):
        database.write(TriedAuditEntry("warm", place.get_account_name("op-a")))
        with proxy.cause_fault("lost_reply", sql_prefix="COMMIT"):
            database.write(TriedAuditEntry("told", place.get_account_name("op-a")))
            assert not [sql for sql in proxy.commands if sql.startswith("KILL")]


@pytest.mark.parametrize("is_committed", [False, True])
def test_a_commit_is_looked_up_after_the_server_was_killed_and_restarted(
    own_place: ServerPlace, own_server: Server, is_committed: bool
) -> None:
    """The server is killed before COMMIT arrives, or directly after it has executed COMMIT, and is restarted. After
    the restart the program decides correctly whether the transaction was committed.
    """
    kind: BreakKind = "unanswered" if is_committed else "passed"
    with open_database_behind_proxy(own_place, answer_seconds=2) as (proxy, database):
        note = TriedAuditEntry(f"died {is_committed}", own_place.get_account_name("op-a"))
        database.write(TriedAuditEntry("warm", own_place.get_account_name("op-a")))
        restart = threading.Thread(target=own_server.start)

        def kill_server(_session: int = 0) -> None:
            own_server.kill()
            restart.start()

        def die_when_done() -> None:
            shot.reply_event.wait(MAX_WAIT_SECONDS)
            kill_server()

        killer = threading.Thread(target=die_when_done)
        with proxy.cause_fault(
            kind, sql_prefix="COMMIT", before_fault=lambda _: None if is_committed else kill_server()
        ) as shot:
            if is_committed:
                killer.start()
            begun = time.monotonic()
            result = database.write(note)
            print(
                f"demand 8: server killed {'after' if is_committed else 'at'} COMMIT,"
                f" {time.monotonic() - begun:.1f} s"
            )
        restart.join()
        assert read_stored_tries(own_place, note.name) == [result]
        assert note.tries == (1 if is_committed else 2)
