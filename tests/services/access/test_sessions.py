"""The audit entries of sign-ins, and the check of a person's own password; on SQLite, which asks nobody."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.app import Console
from console.domain.errors import ConsoleError
from tests.support.ledger_vendor import LedgerVendor
from tests.support.quick_desks import quick_desk, quick_folder


@pytest.fixture
def home() -> Iterator[Path]:
    with quick_folder() as folder:
        yield folder / "desk"


@pytest.fixture
def console(home: Path) -> Iterator[Console]:
    with quick_desk(home, LedgerVendor()) as desk:
        yield desk


def told(console: Console) -> list[tuple[str, str, str | None]]:
    """The entries about sessions in the audit trail, oldest first."""
    entries = [entry for entry in console.audit.list_entries() if entry.what.startswith("session_")]
    return [(entry.what, entry.result, entry.reason) for entry in reversed(entries)]


def test_on_sqlite_whoever_is_named_acts(console: Console, home: Path) -> None:
    """With every role while no operators are kept; there is nothing to keep and nothing to confirm."""
    me = console.sessions.read_identity()
    assert (me.person.name, me.is_known_operator, me.database) == ("op-a", True, str(home / "console.db"))
    assert (me.source, me.is_account_stored) == (None, False)
    assert console.sessions.confirm_password("anything")
    assert told(console) == []


def test_a_process_run_is_noted_with_its_first_entry(console: Console, home: Path) -> None:
    """Once, whatever follows: who, where, and with which program. A run that wrote nothing has no row."""

    def runs() -> list[tuple[str, str, int, str]]:
        with console.database.read() as conn:
            return [tuple(row) for row in conn.exec_driver_sql("SELECT id, operator, process, program FROM sessions")]

    assert runs() == []
    console.sessions.record_sign_in(must_store_password=False)
    console.sessions.record_sign_in(must_store_password=False)
    (run,) = runs()
    assert run[1:] == ("op-a", os.getpid(), "terminal")
    created = {entry.subject for entry in console.audit.list_entries() if entry.what == "session_created"}
    assert created == {f"session {run[0]}"}


def test_nobody_is_nobody(home: Path) -> None:
    """Without a name there is no answer to who acts."""
    with quick_desk(home, LedgerVendor(), OPERATOR="") as console, pytest.raises(ConsoleError) as caught:
        console.sessions.read_identity()
    assert caught.value.code == "no_operator"


def test_somebody_unknown_here_has_no_roles(console: Console, home: Path) -> None:
    """A name that the database doesn't know is told as such, instead of failing."""
    from console.domain.records import Person

    console.people.add_person(Person("lead-b", frozenset({"approver"}), may_buy=False))
    me = console.sessions.read_identity()
    assert (me.is_known_operator, me.person.roles, me.person.may_buy) == (False, frozenset(), False)


@pytest.mark.parametrize("missing", ["none", "refused"])
def test_a_sign_in_is_told_with_what_was_missing_before(console: Console, missing: str) -> None:
    """First that no stored one could be used and why, then the new one; a second sign-in misses nothing."""
    console.settings.sign_in.sign_in_reason = missing  # type: ignore[assignment]  # one of the two
    assert not console.sessions.record_sign_in(must_store_password=False)
    assert not console.sessions.record_sign_in(
        must_store_password=True
    )  # there is no account on SQLite, and no keyring here
    assert told(console) == [
        ("session_missing", "done", missing),
        ("session_created", "done", None),
        ("session_created", "done", None),
    ]


def test_signing_out_is_told(console: Console) -> None:
    """Even where nothing was kept: from here on this process asks again."""
    assert console.sessions.sign_out()
    assert told(console) == [("session_deleted", "done", None)]


def test_a_database_that_is_away_keeps_nobody_from_signing_out(console: Console, home: Path) -> None:
    """Signed out all the same; that it could not be audited is said."""
    (home / "console.db").rename(home / "elsewhere.db")
    assert not console.sessions.sign_out()
    (home / "elsewhere.db").rename(home / "console.db")
    assert told(console) == []


@pytest.mark.expects_log("the trail can't be written")
def test_a_sign_in_that_could_not_be_told_leaves_no_reason_behind(console: Console, home: Path) -> None:
    """Its reason is not that of the next sign-in, which missed nothing."""
    console.settings.sign_in.sign_in_reason = "refused"
    (home / "console.db").rename(home / "elsewhere.db")
    assert not console.sessions.record_sign_in(must_store_password=False)
    (home / "elsewhere.db").rename(home / "console.db")
    assert told(console) == []
    assert not console.sessions.record_sign_in(must_store_password=False)
    assert told(console) == [("session_created", "done", None)]
