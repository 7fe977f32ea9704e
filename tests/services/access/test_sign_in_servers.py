"""Tests of signing in to a database server: the database account is the operator, and each kind of refusal by the
server has its own error.
"""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from console.app import Console, open_console, open_health_checks
from console.domain.errors import ConsoleError
from console.settings.secrets import Keyring
from console.settings.settings import Settings, load_settings
from tests.support.desks import STORE_KEY
from tests.support.keyrings import MemoryKeyring
from tests.support.places import Place
from tests.support.sql_server import SqlServer
from tests.support.teams import ROLES_BY_PERSON, open_team

pytestmark = pytest.mark.engines("mariadb")


def split_database_url(place: Place, person: str = "op-a") -> tuple[str, str, str]:
    """Split the database address of this person at the place; return the account, its password, and the address
    without account and password.
    """
    match = re.fullmatch(r"(.*//)([^:]*):([^@]*)@(.*)", place.url(person))
    assert match is not None
    return match[2], match[3], match[1] + match[4]


def make_settings(home: Path, url: str, keyring: Keyring | None, **extra: str) -> Settings:
    """Return the settings of a desk with this database address and keyring; None as keyring is a machine that has
    none. `extra` adds or replaces settings, by variable name without the prefix `CONSOLE_`.
    """
    variables = {"HOME": str(home), "DATABASE_URL": url, "LANGUAGE": "en", "SECRET_STORE_KEY": STORE_KEY}
    return load_settings(
        {f"CONSOLE_{name}": text for name, text in (variables | extra).items()}, find_keyring=lambda: keyring
    )


@contextmanager
def open_signed_in(
    place: Place, keyring: MemoryKeyring, *, keeps_password: bool = True, person: str = "op-a"
) -> Iterator[Console]:
    """Open a desk as a person who has entered account and password; with `keeps_password` the password is stored in
    the keyring.
    """
    user, password, url = split_database_url(place, person)
    settings = make_settings(place.first_desk_home, url, keyring)
    settings.sign_in.set_entered_account(user, password)
    with open_console(settings) as console:
        assert console.sign_in_service.record_sign_in(must_store_password=keeps_password) is keeps_password
        yield console


def read_opening_error(settings: Settings) -> ConsoleError:
    """Try to open a console with these settings, which must fail, and return the error."""
    with pytest.raises(ConsoleError) as caught, open_console(settings):
        pass
    return caught.value


def list_session_entries(console: Console) -> list[tuple[str, str, str, str | None]]:
    """Return person, action, result and reason of each audit entry about sign-ins and sign-outs, oldest first."""
    entries = [entry for entry in console.audit.list_entries() if entry.what.startswith("session_")]
    return [(entry.who, entry.what, entry.result, entry.reason) for entry in reversed(entries)]


def test_the_account_is_the_operator(place: Place) -> None:
    """The person who signs in with a database account acts with the roles that the database stores, and can't act
    under another name.
    """
    keyring = MemoryKeyring()
    user, password, url = split_database_url(place)
    with open_signed_in(place, keyring) as console:
        me = console.sign_in_service.read_identity()
        assert (me.person.name, me.is_known_operator, me.source, me.is_account_stored) == (user, True, "asked", True)
        assert "operator" in me.person.roles
        assert me.database_location == console.settings.sign_in.database_address
        assert list_session_entries(console) == [(user, "session_created", "done", None)]
        runs = place.sql(f"SELECT program, process FROM sessions WHERE operator = '{user}'")
        assert runs == [("terminal", os.getpid())]
    for name in ("somebody", "worker"):  # also the name that due tasks have on SQLite
        other = make_settings(place.first_desk_home, url, keyring, OPERATOR=name)
        other.sign_in.set_entered_account(user, password)
        with open_console(other) as console, pytest.raises(ConsoleError) as caught:
            console.sign_in_service.read_identity()
        assert (caught.value.code, caught.value.detail["reason"]) == ("not_allowed", "other_account")


def test_a_stored_sign_in_opens_the_next_desk(place: Place) -> None:
    """With a stored sign-in the next desk opens without asking for a password. Without a stored sign-in the next desk
    is refused with `sign_in_missing`.
    """
    keyring = MemoryKeyring()
    user, password, url = split_database_url(place)
    with open_signed_in(place, keyring, keeps_password=False):
        assert keyring.entries == {}
    assert (
        read_opening_error(make_settings(place.first_desk_home, url, keyring)).detail["problem"] == "sign_in_missing"
    )
    with open_signed_in(place, keyring):
        assert password in keyring.entries.values()
    with open_console(make_settings(place.first_desk_home, url, keyring)) as console:
        assert console.sign_in_service.read_identity().source == "kept"
        assert console.sign_in_service.read_identity().person.name == user


def test_the_audit_trail_states_the_missing_sign_in(place: Place) -> None:
    """One desk has no stored sign-in; another desk has a stored sign-in that the server refuses. As soon as each desk
    is connected, the program audits this reason before the new sign-in.
    """
    keyring = MemoryKeyring()
    user, password, url = split_database_url(place)
    settings = make_settings(place.first_desk_home, url, keyring)
    read_opening_error(settings)
    settings.sign_in.set_entered_account(user, password)
    with open_console(settings) as console:
        console.sign_in_service.record_sign_in(must_store_password=True)
        assert list_session_entries(console) == [
            (user, "session_missing", "done", "none"),
            (user, "session_created", "done", None),
        ]
    entry = next(entry for entry in keyring.entries if entry.startswith(user))
    keyring.entries[entry] = "changed meanwhile"
    settings = make_settings(place.first_desk_home, url, keyring)
    assert read_opening_error(settings).detail["problem"] == "access_denied"
    settings.sign_in.set_entered_account(user, password)
    with open_console(settings) as console:
        console.sign_in_service.record_sign_in(must_store_password=True)
        assert list_session_entries(console)[2:] == [
            (user, "session_missing", "done", "refused"),
            (user, "session_created", "done", None),
        ]
    assert keyring.entries[entry] == password


def test_three_sign_in_failures_have_three_reasons(place: Place) -> None:
    """A wrong password and an unknown account give the same error. A missing database and an unreachable server each
    give another error.
    """
    user, password, _ = split_database_url(place)
    whole = place.url()
    wrong = [
        read_opening_error(make_settings(place.first_desk_home, text, None))
        for text in (whole.replace(password, "wrong"), whole.replace(user, "nobody"))
    ]
    assert [(one.code, one.detail) for one in wrong] == [
        ("bad_profile", {"variable": "CONSOLE_DATABASE_URL", "problem": "access_denied"})
    ] * 2
    admin = place.database.nodes[0].admin_url  # type: ignore[attr-defined]  # a place on a server
    missing = read_opening_error(make_settings(place.first_desk_home, f"{admin}no_such_database", None))
    assert (missing.code, missing.detail["problem"]) == ("bad_profile", "unknown_database")
    away = read_opening_error(make_settings(place.first_desk_home, re.sub(r":[0-9]+/", ":9/", whole), None))
    assert away.code == "database_unreachable"


@pytest.mark.parametrize(
    ("change", "undo_statement", "problem"),
    [
        ("ACCOUNT LOCK", "ACCOUNT UNLOCK", "account_locked"),
        ("PASSWORD EXPIRE", "IDENTIFIED BY '{}'", "password_expired"),
    ],
)
def test_an_unusable_account_is_not_reported_as_a_wrong_password(
    place: Place, change: str, undo_statement: str, problem: str
) -> None:
    """An account is locked, or its password has expired: the sign-in, the confirmation of the right password and
    the health check `database` report this, and the audit trail has no entry about a wrong password.
    """
    user, password, _ = split_database_url(place, "op-b")
    with open_signed_in(place, MemoryKeyring(), person="op-b") as console:
        place.sql(f"ALTER USER `{user}`@`%` {change}")
        try:
            with pytest.raises(ConsoleError, match="bad_profile") as locked:
                console.sign_in_service.confirm_password(password)
            assert locked.value.detail["problem"] == problem
            at_start = read_opening_error(make_settings(place.first_desk_home, place.url("op-b"), None))
            assert (at_start.code, at_start.detail["problem"]) == ("bad_profile", problem)
            settings = make_settings(place.first_desk_home, place.url("op-b"), None)
            (check,) = [check for check in open_health_checks(settings).run_all_checks() if check.name == "database"]
            assert (check.ok, check.message) == (False, f"error.bad_profile.{problem}")
        finally:
            place.sql(f"ALTER USER `{user}`@`%` {undo_statement.format(password)}")
        assert [entry[1] for entry in list_session_entries(console)] == ["session_created"]


def test_a_wrong_password_is_reported_although_another_node_is_away(place: Place) -> None:
    """One node refuses the password, and the next node doesn't answer: the error is about the password, and the wrong
    password is audited.
    """
    user, password, _ = split_database_url(place)
    url = place.url() + ("&" if "?" in place.url() else "?") + "fallback=127.0.0.1:9"
    wrong = read_opening_error(make_settings(place.first_desk_home, url.replace(password, "wrong"), None))
    assert (wrong.code, wrong.detail["problem"]) == ("bad_profile", "access_denied")
    with open_console(make_settings(place.first_desk_home, url, None)) as console:
        assert console.sign_in_service.confirm_password(password)
        assert not console.sign_in_service.confirm_password("wrong")
        assert list_session_entries(console) == [(user, "session_confirmed", "refused", "password")]


def test_a_password_is_confirmed_by_the_database(place: Place) -> None:
    """To confirm a password, the database server checks it on a new connection: the person's own password is
    accepted, a wrong one is refused and audited.
    """
    user, password, _ = split_database_url(place)
    with open_signed_in(place, MemoryKeyring()) as console:
        assert console.sign_in_service.confirm_password(password)
        assert not console.sign_in_service.confirm_password("wrong")
        assert not console.sign_in_service.confirm_password("")
        assert list_session_entries(console)[1:] == [(user, "session_confirmed", "refused", "password")] * 2
        assert console.sign_in_service.read_identity().person.name == user  # nothing else has changed


def test_no_password_reaches_a_log(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the right nor a wrong password appears in the log or in the error of a refused sign-in."""
    _, password, _ = split_database_url(place)
    with caplog.at_level(logging.DEBUG), open_signed_in(place, MemoryKeyring()) as console:
        assert not console.sign_in_service.confirm_password("canary-7f3d2a1b")
        wrong = read_opening_error(
            make_settings(place.first_desk_home, place.url().replace(password, "canary-7f3d2a1b"), None)
        )
    texts = [caplog.text, repr(wrong), repr(wrong.detail), repr(wrong.__cause__)]
    assert [text for text in texts if password in text or "canary" in text] == []


def test_a_rotated_password_is_confirmed_anew(place: Place) -> None:
    """After the password was changed at the database server, the new password is accepted and the former password is
    refused: the process does not remember an earlier confirmation.
    """
    user, password, _ = split_database_url(place, "op-b")
    with open_signed_in(place, MemoryKeyring(), person="op-b") as console:
        place.sql(f"ALTER USER `{user}`@`%` IDENTIFIED BY 'the-next-one'")
        try:
            assert console.sign_in_service.confirm_password("the-next-one")
            assert not console.sign_in_service.confirm_password(password)
        finally:
            place.sql(f"ALTER USER `{user}`@`%` IDENTIFIED BY '{password}'")


def test_a_sign_out_is_audited_and_deletes_the_password(place: Place) -> None:
    """A sign-out gets an audit entry and deletes the stored password, so the next desk needs a new sign-in."""
    keyring = MemoryKeyring()
    url = split_database_url(place)[2]
    with open_signed_in(place, keyring) as console:
        assert console.sign_in_service.sign_out()
        assert keyring.entries == {}
    assert (
        read_opening_error(make_settings(place.first_desk_home, url, keyring)).detail["problem"] == "sign_in_missing"
    )
    with open_signed_in(place, keyring) as console:
        assert [entry[1] for entry in list_session_entries(console)] == [
            "session_created",
            "session_deleted",
            "session_created",
        ]


def test_an_address_with_account_and_password_needs_no_keyring(place: Place) -> None:
    """A database URL with account and password works without a keyring, and its password confirms decisions."""
    with open_console(make_settings(place.first_desk_home, place.url(), None)) as console:
        me = console.sign_in_service.read_identity()
        assert (me.source, me.is_account_stored, me.is_known_operator) == ("given", False, True)
        assert console.sign_in_service.confirm_password(split_database_url(place)[1])


@pytest.mark.parametrize("person", ["op-a", "lead-b", "aud-e", "adm-f", "worker"])
def test_every_role_can_sign_in_and_sign_out(sql_server: SqlServer, tmp_path: Path, person: str) -> None:
    """The account of each role has enough database rights to sign in, write the audit entries of its session, confirm
    its password and sign out.
    """
    with open_team(sql_server) as people:
        settings = make_settings(tmp_path / person, people.urls[person], MemoryKeyring())
        password = unquote(urlsplit(people.urls[person]).password or "")
        with open_console(settings) as console:
            me = console.sign_in_service.read_identity()
            assert (me.person.name, me.is_known_operator, set(me.person.roles)) == (
                people.names[person],
                True,
                set(ROLES_BY_PERSON[person]),
            )
            assert console.sign_in_service.record_sign_in(must_store_password=True)
            assert console.sign_in_service.confirm_password(password)
            assert not console.sign_in_service.confirm_password("wrong")
            assert console.sign_in_service.sign_out()
        with people.open_connection("owner") as connection, connection.cursor() as cursor:
            cursor.execute("SELECT what FROM audit_log WHERE who = %s ORDER BY id", (people.names[person],))
            what = [row[0] for row in cursor.fetchall()]
            cursor.execute("SELECT operator FROM sessions WHERE operator = %s", (people.names[person],))
            runs = cursor.fetchall()
        assert what == ["session_created", "session_confirmed", "session_deleted"]
        assert len(runs) == 1
