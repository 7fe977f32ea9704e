"""Tests of signing in to a server database: the account comes from one of the stated sources, and the password is
stored only in the keyring and shown nowhere.
"""

import dataclasses
import logging
import pickle
from pathlib import Path

import pytest
from sqlalchemy import make_url

from console.domain.errors import ConsoleError, ErrorCode, rebuild_error
from console.settings.secrets import Keyring
from console.settings.settings import Settings, load_settings
from tests.support.keyrings import KeyringWithoutDeletion, LockedKeyring, MemoryKeyring

DATABASE_URL_WITHOUT_USER = "mysql+pymysql://db.example:3307/console"
ACCESS_DENIED_ERROR = rebuild_error(
    ErrorCode.BAD_PROFILE, {"variable": "CONSOLE_DATABASE_URL", "problem": "access_denied"}
)
DATABASE_UNREACHABLE_ERROR = rebuild_error(ErrorCode.DATABASE_UNREACHABLE, {"problem": "gone"})
PASSWORD = "canary-p@ss:w/rd?"


def load_desk_settings(
    home: Path, keyring: Keyring | None = None, url: str = DATABASE_URL_WITHOUT_USER, **extra: str
) -> Settings:
    environment = {"CONSOLE_HOME": str(home), "CONSOLE_DATABASE_URL": url}
    return load_settings(
        environment | {f"CONSOLE_{name}": value for name, value in extra.items()}, find_keyring=lambda: keyring
    )


def read_missing_password_error(settings: Settings) -> ConsoleError:
    with pytest.raises(ConsoleError) as caught:
        _ = settings.database_url
    assert (caught.value.code, caught.value.detail["problem"]) == ("bad_profile", "sign_in_missing")
    return caught.value


def test_a_url_with_account_and_password_needs_nothing_else(tmp_path: Path) -> None:
    """A database URL with account and password is used unchanged, including its percent escapes, and the keyring is
    not read.
    """
    keyring = MemoryKeyring()
    url = "mysql+pymysql://op-a:p%40ss%3A@db.example/console?ssl_ca=/etc/ca.pem"
    settings = load_desk_settings(tmp_path, keyring, url)
    assert settings.database_url == url
    assert (settings.sign_in.user, settings.sign_in.account_source) == ("op-a", "given")
    assert keyring.read_names == []


def test_an_empty_password_differs_from_no_password(tmp_path: Path) -> None:
    """`user:@host` is an account with an empty password; `user@host` is an account whose password is still to be
    found.
    """
    assert (
        load_desk_settings(tmp_path, url="mysql+pymysql://root:@127.0.0.1/c").database_url
        == "mysql+pymysql://root:@127.0.0.1/c"
    )
    read_missing_password_error(load_desk_settings(tmp_path, url="mysql+pymysql://root@127.0.0.1/c"))


def test_sqlite_needs_no_sign_in(tmp_path: Path) -> None:
    """An SQLite database has no accounts: its URL is complete and has no user."""
    settings = load_settings({"CONSOLE_HOME": str(tmp_path)}, find_keyring=lambda: None)
    assert settings.database_url == f"sqlite:///{tmp_path}/console.db"
    assert (settings.sign_in.is_server, settings.sign_in.user, settings.sign_in.database_address) == (False, None, "")


def test_a_desk_without_a_sign_in_names_the_database(tmp_path: Path) -> None:
    """If no account is known, reading the database URL is refused. The refusal names the database and the variable of
    the password, and the reason `none` is stored for the audit trail.
    """
    settings = load_desk_settings(tmp_path, MemoryKeyring())
    detail = read_missing_password_error(settings).detail
    assert (detail["place"], detail["user"]) == ("db.example:3307/console", None)
    assert detail["variable"] == "CONSOLE_SECRET_DATABASE_PASSWORD"
    assert settings.sign_in.sign_in_reason == "none"
    assert settings.masked_database_url == DATABASE_URL_WITHOUT_USER


def test_a_password_in_the_environment_is_enough(tmp_path: Path) -> None:
    """A password in the environment is enough if the URL or the operator's setting names the account. Without the
    name of an account the settings are refused.
    """
    whole = "mysql+pymysql://op-a:canary-p%40ss%3Aw%2Frd%3F@db.example:3307/console"
    assert (
        load_desk_settings(
            tmp_path, url=DATABASE_URL_WITHOUT_USER.replace("//", "//op-a@"), SECRET_DATABASE_PASSWORD=PASSWORD
        ).database_url
        == whole
    )
    assert load_desk_settings(tmp_path, OPERATOR="op-a", SECRET_DATABASE_PASSWORD=PASSWORD).database_url == whole
    with pytest.raises(ConsoleError) as unnamed:
        _ = load_desk_settings(tmp_path, SECRET_DATABASE_PASSWORD=PASSWORD).database_url
    assert unnamed.value.detail["problem"] == "sign_in_unnamed"
    assert unnamed.value.detail["variable"] == "CONSOLE_OPERATOR"


def test_a_sign_in_is_stored_for_its_account_and_address(tmp_path: Path) -> None:
    """A stored sign-in is found at the next start only for the same account at the same database."""
    keyring = MemoryKeyring()
    first = load_desk_settings(tmp_path, keyring)
    first.sign_in.set_entered_account("op-a", PASSWORD)
    whole = first.database_url
    assert keyring.entries == {}
    first.sign_in.store_password()
    assert keyring.entries["op-a@db.example:3307/console"] == PASSWORD
    again = load_desk_settings(tmp_path, keyring)
    assert again.database_url == whole
    assert (again.sign_in.user, again.sign_in.account_source, again.sign_in.sign_in_reason) == ("op-a", "kept", None)
    read_missing_password_error(
        load_desk_settings(tmp_path, keyring, DATABASE_URL_WITHOUT_USER.replace("3307", "3306"))
    )
    read_missing_password_error(load_desk_settings(tmp_path, keyring, OPERATOR="op-b"))
    assert (
        read_missing_password_error(
            load_desk_settings(tmp_path, keyring, DATABASE_URL_WITHOUT_USER.replace("//", "//lead-b@"))
        ).detail["user"]
        == "lead-b"
    )


def test_differently_written_addresses_mean_the_same_database(tmp_path: Path) -> None:
    """A database address with its host in upper case, or without the usual port, counts as the same address."""
    assert (
        load_desk_settings(tmp_path, url="mysql+pymysql://DB.example/console").sign_in.database_address
        == "db.example:3306/console"
    )
    assert (
        load_desk_settings(tmp_path, url="mariadb+pymysql://[::1]:3310/c%20d?ssl_ca=x").sign_in.database_address
        == "[::1]:3310/c d"
    )


def test_a_refused_sign_in_is_not_offered_again(tmp_path: Path) -> None:
    """A password that a person entered and the server refused is forgotten at once. A refused password of the keyring
    stays in the keyring, and the reason `refused` is stored.
    """
    keyring = MemoryKeyring({"op-a@db.example:3307/console": "old", "account at db.example:3307/console": "op-a"})
    settings = load_desk_settings(tmp_path, keyring)
    assert ":old@" in settings.database_url
    settings.sign_in.forget_refused_account(ACCESS_DENIED_ERROR)
    assert settings.sign_in.sign_in_reason == "refused"
    settings.sign_in.set_entered_account("op-a", "typed")
    assert ":typed@" in settings.database_url
    settings.sign_in.forget_refused_account(ACCESS_DENIED_ERROR)
    assert ":typed@" not in settings.database_url
    assert keyring.entries["op-a@db.example:3307/console"] == "old"


def test_an_unreachable_database_is_no_refused_sign_in(tmp_path: Path) -> None:
    """A password that a person entered is still used after the database couldn't be reached."""
    settings = load_desk_settings(tmp_path, None)
    settings.sign_in.set_entered_account("op-a", "typed")
    settings.sign_in.forget_refused_account(DATABASE_UNREACHABLE_ERROR)
    assert ":typed@" in settings.database_url
    assert settings.sign_in.sign_in_reason is None


def test_signing_out_removes_the_password_from_keyring_and_process(tmp_path: Path) -> None:
    """After a sign-out the keyring has no password, and the process requires a new one even if its environment
    contains a password.
    """
    keyring = MemoryKeyring()
    settings = load_desk_settings(tmp_path, keyring)
    settings.sign_in.set_entered_account("op-a", PASSWORD)
    assert settings.database_url
    settings.sign_in.store_password()
    assert settings.sign_in.is_password_stored()
    assert settings.sign_in.sign_out()
    assert keyring.entries == {}
    assert not settings.sign_in.sign_out()
    read_missing_password_error(settings)
    given = load_desk_settings(tmp_path, None, "mysql+pymysql://op-a:pw@db.example/console")
    assert given.database_url
    assert not given.sign_in.sign_out()
    read_missing_password_error(given)


def test_a_sign_out_leaves_no_password_that_nobody_can_delete(tmp_path: Path) -> None:
    """Two people have signed in at a desk, and the settings name the first one. The sign-out of the first person
    leaves the sign-in of the second person complete, so that a later sign-out deletes it, too. A keyring that fails
    between the two entries of a sign-in stores no password.
    """
    keyring = MemoryKeyring()
    for user in ("op-a", "lead-b"):
        settings = load_desk_settings(tmp_path, keyring)
        settings.sign_in.set_entered_account(user, PASSWORD)
        assert settings.database_url
        settings.sign_in.store_password()
    assert load_desk_settings(tmp_path, keyring, OPERATOR="op-a").sign_in.sign_out()
    assert load_desk_settings(tmp_path, keyring).sign_in.find_stored_user() == "lead-b"
    assert load_desk_settings(tmp_path, keyring).sign_in.sign_out()
    assert keyring.entries == {}

    class FullKeyring(MemoryKeyring):
        def set_password(self, service: str, username: str, password: str) -> None:
            if self.entries:
                raise RuntimeError("no room")
            super().set_password(service, username, password)

    full = FullKeyring()
    settings = load_desk_settings(tmp_path, full)
    settings.sign_in.set_entered_account("op-a", PASSWORD)
    assert settings.database_url
    with pytest.raises(ConsoleError):
        settings.sign_in.store_password()
    assert PASSWORD not in full.entries.values()


def test_a_keyring_that_keeps_the_password_keeps_the_person_signed_in(tmp_path: Path) -> None:
    """If the keyring can't delete the password, the sign-out fails and the account stays in use. A second sign-out
    succeeds once the keyring can delete.
    """
    keyring = KeyringWithoutDeletion(
        {"op-a@db.example:3307/console": "pw", "account at db.example:3307/console": "op-a"}
    )
    settings = load_desk_settings(tmp_path, keyring)
    url = settings.database_url
    with pytest.raises(ConsoleError) as caught:
        settings.sign_in.sign_out()
    assert caught.value.detail["problem"] == "keyring_failed"
    assert (settings.database_url, settings.sign_in.user) == (url, "op-a")
    keyring.allows_deletion = True
    assert settings.sign_in.sign_out()
    assert keyring.entries == {}
    read_missing_password_error(settings)


def test_a_password_without_a_keyring_stays_in_the_process(tmp_path: Path) -> None:
    """Without a keyring the password stays in this process: storing it is refused with the reason, and no file is
    written.
    """
    settings = load_desk_settings(tmp_path, None)
    settings.sign_in.set_entered_account("op-a", PASSWORD)
    assert "op-a" in settings.database_url
    assert not settings.sign_in.can_store_password()
    with pytest.raises(ConsoleError) as caught:
        settings.sign_in.store_password()
    assert (caught.value.code, caught.value.detail["problem"]) == ("bad_profile", "no_keyring")
    assert list(tmp_path.iterdir()) == []


def test_a_locked_keyring_is_reported(tmp_path: Path) -> None:
    """A locked keyring is reported as `keyring_failed`, not as a missing sign-in; an entered account can still be
    used.
    """
    settings = load_desk_settings(tmp_path, LockedKeyring())
    for act in (lambda: settings.database_url, settings.sign_in.store_password):
        with pytest.raises(ConsoleError) as caught:
            act()
        assert caught.value.detail["problem"] == "keyring_failed"
        settings.sign_in.set_entered_account("op-a", PASSWORD)
        assert settings.database_url
    assert settings.sign_in.can_store_password()
    assert not settings.sign_in.is_password_stored()


def test_a_password_with_half_a_surrogate_pair_is_only_a_wrong_one(tmp_path: Path) -> None:
    """A pasted password with half a surrogate pair can be tried at the server, which refuses it."""
    settings = load_desk_settings(tmp_path, None)
    settings.sign_in.set_entered_account("op-a", "word\ud800")
    assert make_url(settings.database_url).password not in (None, "word", "word?")
    assert make_url(settings.sign_in.make_url_with_password("\udfff")).username == "op-a"


@pytest.mark.parametrize("name", ["", "op\na", "x" * 81, "op\udcff"])
def test_a_name_that_no_account_has_is_refused(tmp_path: Path, name: str) -> None:
    """An account name in a form that no database account can have is refused before the program contacts the
    server.
    """
    with pytest.raises(ConsoleError) as caught:
        load_desk_settings(tmp_path).sign_in.set_entered_account(name, "x")
    assert (caught.value.code, caught.value.detail["problem"]) == ("usage", "account_name")


def test_no_password_is_ever_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The text form, the log lines, a copy and the refusals of the settings contain no password. Pickling the sign-in
    is refused.
    """
    settings = load_desk_settings(tmp_path, MemoryKeyring())
    error = read_missing_password_error(settings)
    settings.sign_in.set_entered_account("op-a", PASSWORD)
    assert settings.database_url
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("%s %r", settings.sign_in, settings)
    shown = [caplog.text, repr(dataclasses.asdict(settings)), repr(error.detail), settings.masked_database_url]
    assert [text for text in shown if "canary" in text] == []
    with pytest.raises(TypeError):
        pickle.dumps(settings.sign_in)


@pytest.mark.parametrize(("written", "seconds"), [("", 600), ("idle_lock_minutes = 3\n", 180)])
def test_the_idle_lock_is_set_in_the_profile(tmp_path: Path, written: str, seconds: int) -> None:
    """The window locks itself after ten minutes, unless the profile has another number."""
    (tmp_path / "profile.toml").write_text(written, encoding="utf-8")
    assert load_desk_settings(tmp_path).idle_lock_seconds == seconds


def test_the_profile_names_a_person_to_call(tmp_path: Path) -> None:
    """The profile can name a person to call, in any script, and that person's telephone number. Without these
    settings the desk has no contact.
    """
    assert (load_desk_settings(tmp_path).contact_name, load_desk_settings(tmp_path).contact_telephone) == (None, None)
    profile = '[contact]\nname = "情報システム部 佐藤"\ntelephone = "+81 (0)3-1234.5678"\n'
    (tmp_path / "profile.toml").write_text(profile, encoding="utf-8")
    assert load_desk_settings(tmp_path).contact_name == "情報システム部 佐藤"
    assert load_desk_settings(tmp_path).contact_telephone == "+81 (0)3-1234.5678"


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ('name = "a\\nb"', "bad_line"),
        (f'name = "{"x" * 61}"', "bad_line"),
        ('telephone = "ask Sato"', "bad_telephone"),
        ('telephone = "12"', "bad_telephone"),
    ],
)
def test_an_invalid_contact_is_refused(tmp_path: Path, written: str, problem: str) -> None:
    (tmp_path / "profile.toml").write_text(f"[contact]\n{written}\n", encoding="utf-8")
    with pytest.raises(ConsoleError) as caught:
        load_desk_settings(tmp_path)
    assert caught.value.detail["problem"] == problem
