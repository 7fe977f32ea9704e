"""Tests of the audit entries of sign-ins and sign-outs, and of the check of an operator's own password, on SQLite,
which has no passwords.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.app import Console
from console.domain.errors import ConsoleError
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.quick_desks import make_quick_folder, open_quick_desk


@pytest.fixture
def home() -> Iterator[Path]:
    with make_quick_folder() as folder:
        yield folder / "desk"


@pytest.fixture
def console(home: Path) -> Iterator[Console]:
    with open_quick_desk(home, InMemoryAlarmBox()) as desk:
        yield desk


def list_session_entries(console: Console) -> list[tuple[str, str, str | None]]:
    """Return action, result and reason of each audit entry about sign-ins and sign-outs, oldest first."""
    entries = [entry for entry in console.audit.list_entries() if entry.what.startswith("session_")]
    return [(entry.what, entry.result, entry.reason) for entry in reversed(entries)]


def test_the_named_operator_acts_on_sqlite(console: Console, home: Path) -> None:
    """On SQLite, while the database stores no operators, the person named in the setting acts with every role. No
    password is stored, and any password is accepted.
    """
    me = console.sign_in_service.read_identity()
    assert (me.person.name, me.is_known_operator, me.database_location) == ("op-a", True, str(home / "console.db"))
    assert (me.source, me.is_account_stored) == (None, False)
    assert console.sign_in_service.confirm_password("anything")
    assert list_session_entries(console) == []


def test_the_first_audit_entry_stores_the_process_session(console: Console, home: Path) -> None:
    """The first audit entry of a process adds one row to `sessions` with the operator, the process id and the
    program. Later entries add none, and a process without an entry has no row.
    """

    def list_sessions() -> list[tuple[str, str, int, str]]:
        """Return the rows of `sessions`, each with id, operator, process id and program."""
        with console.database.read() as conn:
            return [tuple(row) for row in conn.exec_driver_sql("SELECT id, operator, process, program FROM sessions")]

    assert list_sessions() == []
    console.sign_in_service.record_sign_in(must_store_password=False)
    console.sign_in_service.record_sign_in(must_store_password=False)
    (run,) = list_sessions()
    assert run[1:] == ("op-a", os.getpid(), "terminal")
    created = {entry.subject for entry in console.audit.list_entries() if entry.what == "session_created"}
    assert created == {f"session {run[0]}"}


def test_reading_the_identity_needs_a_name(home: Path) -> None:
    """If the settings name no operator, reading the identity fails with `no_operator`."""
    with open_quick_desk(home, InMemoryAlarmBox(), OPERATOR="") as console, pytest.raises(ConsoleError) as caught:
        console.sign_in_service.read_identity()
    assert caught.value.code == "no_operator"


def test_an_unknown_person_has_no_roles(console: Console, home: Path) -> None:
    """The identity of an operator who is not in the database is read without an error. It says that the operator is
    not known, has no roles and may not buy.
    """
    from console.domain.records import Person

    console.people.add_person(Person("lead-b", frozenset({"approver"}), may_buy=False))
    me = console.sign_in_service.read_identity()
    assert (me.is_known_operator, me.person.roles, me.person.may_buy) == (False, frozenset(), False)


@pytest.mark.parametrize("missing", ["none", "refused"])
def test_a_sign_in_is_audited_with_the_problem_before(console: Console, missing: str) -> None:
    """If the desk couldn't use a stored sign-in, the audit trail first gets an entry with the reason and then the
    entry of the new sign-in. The sign-in after that is audited without a reason.
    """
    console.settings.sign_in.sign_in_reason = missing  # type: ignore[assignment]  # one of the two
    assert not console.sign_in_service.record_sign_in(must_store_password=False)
    assert not console.sign_in_service.record_sign_in(
        must_store_password=True
    )  # there is no account on SQLite, and no keyring here
    assert list_session_entries(console) == [
        ("session_missing", "done", missing),
        ("session_created", "done", None),
        ("session_created", "done", None),
    ]


def test_a_sign_out_is_audited(console: Console) -> None:
    """A sign-out gets an audit entry even if no sign-in was stored."""
    assert console.sign_in_service.sign_out()
    assert list_session_entries(console) == [("session_deleted", "done", None)]


def test_a_sign_out_succeeds_without_the_database(console: Console, home: Path) -> None:
    """While the database is missing, a sign-out raises no error and returns False, because its audit entry couldn't
    be written.
    """
    (home / "console.db").rename(home / "elsewhere.db")
    assert not console.sign_in_service.sign_out()
    (home / "elsewhere.db").rename(home / "console.db")
    assert list_session_entries(console) == []


@pytest.mark.expects_log("the trail can't be written")
def test_an_unaudited_sign_in_leaves_no_reason_behind(console: Console, home: Path) -> None:
    """A first sign-in with the reason `refused` can't be audited because the database is missing. The next sign-in is
    audited without that reason.
    """
    console.settings.sign_in.sign_in_reason = "refused"
    (home / "console.db").rename(home / "elsewhere.db")
    assert not console.sign_in_service.record_sign_in(must_store_password=False)
    (home / "elsewhere.db").rename(home / "console.db")
    assert list_session_entries(console) == []
    assert not console.sign_in_service.record_sign_in(must_store_password=False)
    assert list_session_entries(console) == [("session_created", "done", None)]
