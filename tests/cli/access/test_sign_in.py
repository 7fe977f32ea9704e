"""`sign-in`, `sign-out` and `whoami` at a terminal: which values the commands ask for, which refusals come before a
person types a password, and which messages are printed.
"""

import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from console.settings.settings import load_settings
from tests.cli.conftest import Terminal
from tests.support.keyrings import LockedKeyring, MemoryKeyring
from tests.support.places import Place
from tests.support.waiting import MAX_WAIT_SECONDS

SERVER_AND_DATABASE = "127.0.0.1:9/console"
DATABASE_URL = f"mysql+pymysql://{SERVER_AND_DATABASE}"
KEYRING_ENTRY_NAME = f"op-a@{SERVER_AND_DATABASE}"


@pytest.fixture
def keyring() -> Iterator[MemoryKeyring]:
    """Yield a keyring for the commands in this process."""
    drawer = MemoryKeyring()
    kwargs = load_settings.__kwdefaults__
    assert kwargs is not None
    with mock.patch.dict(kwargs, {"find_keyring": lambda: drawer}):
        yield drawer


@pytest.fixture
def unreachable_server_terminal(tmp_path: Path) -> Terminal:
    """Return a terminal of a desk whose database server doesn't exist."""
    home = str(tmp_path / "home")
    return Terminal({"CONSOLE_HOME": home, "CONSOLE_LANGUAGE": "en", "CONSOLE_DATABASE_URL": DATABASE_URL})


def make_standard_input(text: str) -> "mock._patch[io.StringIO]":
    """Return a patch (a context manager) that replaces `sys.stdin` by a stream with this text, as if a calling
    program had written it into a pipe.
    """
    return mock.patch.object(sys, "stdin", io.StringIO(text))


def test_sign_in_on_sqlite_is_refused(terminal: Terminal) -> None:
    """On SQLite, `sign-in` and `sign-out` are refused, because there are no database accounts. The message names the
    setting that decides who acts, and no password is requested.
    """
    for command in ("sign-in", "sign-out"):
        ending = terminal.json(command)
        assert ending.exit_status_and_code == (2, "usage")
        assert "CONSOLE_OPERATOR" in ending.error["message"]


def test_the_command_whoami_works_on_sqlite(terminal: Terminal) -> None:
    """On SQLite, `whoami` prints name, roles and database; without a configured name it prints that there is no
    person.
    """
    me = terminal.json("whoami").data
    assert (me["operator"], me["known"], me["may_buy"], me["source"], me["kept"]) == ("op-a", True, True, None, False)
    assert me["roles"] == ["admin", "approver", "auditor", "operator", "worker"]
    assert me["database"].endswith("console.db")
    assert terminal("whoami").out.startswith(b"You are op-a (")
    assert terminal.json("whoami", OPERATOR="").exit_status_and_code == (2, "no_operator")


@pytest.mark.parametrize("command", [("lookup", "1180301018771"), ("whoami",), ("worker", "--once")])
def test_every_command_without_a_sign_in_is_refused_with_a_next_step(
    unreachable_server_terminal: Terminal, command: tuple[str, ...]
) -> None:
    """Without a sign-in, every command is refused before anything is sent; the refusal names the database and the
    ways to sign in.
    """
    ending = unreachable_server_terminal.json(*command)
    assert ending.exit_status_and_code == (2, "bad_profile")
    assert ending.error["detail"]["problem"] == "sign_in_missing"
    assert ending.error["detail"]["place"] == SERVER_AND_DATABASE
    assert "support-console sign-in" in ending.error["message"]
    assert "CONSOLE_SECRET_DATABASE_PASSWORD" in ending.error["message"]


def test_the_doctor_says_that_nobody_has_signed_in(
    unreachable_server_terminal: Terminal, keyring: MemoryKeyring
) -> None:
    """If no person has signed in, `doctor` reports that as one failed check and skips the checks that need the
    database, such as whether a worker acts, so that this desk needs no secrets of PayPay. After a sign-in the same
    check names the account.
    """
    unreachable_server_terminal.env["CONSOLE_PAYPAY_URL"] = "http://127.0.0.1:9"
    checks = {check["name"]: check for check in unreachable_server_terminal.json("doctor").data["checks"]}
    assert not checks["sign_in"]["ok"]
    assert "support-console sign-in" in checks["sign_in"]["next"]
    assert checks["home"]["ok"]
    unchecked = [checks[name] for name in ("operator", "database", "tasks", "paypay")]
    message = f"Not checked, because you are not signed in to {SERVER_AND_DATABASE}."
    assert {check["message"] for check in unchecked} == {message}
    bad = [check for check in checks.values() if not check["ok"]]
    assert {check["next"] for check in bad if check["name"] not in ("alarmbox", "store_key")} == {
        checks["sign_in"]["next"]
    }
    keyring.entries.update({KEYRING_ENTRY_NAME: "kept", f"account at {SERVER_AND_DATABASE}": "op-a"})
    checks = {check["name"]: check for check in unreachable_server_terminal.json("doctor").data["checks"]}
    assert (checks["sign_in"]["ok"], checks["operator"]["ok"]) == (True, True)
    assert checks["sign_in"]["message"] == f"The account for {SERVER_AND_DATABASE} is op-a."
    assert not checks["database"]["ok"]
    assert "database" in checks["tasks"]["message"], "no word of late tasks where nobody can look"


def test_the_doctor_says_that_the_name_is_missing(unreachable_server_terminal: Terminal) -> None:
    """If the environment has a password but no account name, `doctor` and `db check` report the missing name, and
    don't report the password as missing.
    """
    for command in (("doctor",), ("db", "check")):
        checks = unreachable_server_terminal.json(*command, SECRET_DATABASE_PASSWORD="a password").data["checks"]
        next_steps = {
            check["next"] for check in checks if check["name"] in ("sign_in", "operator", "database", "tasks")
        }
        (next_,) = next_steps
        assert "Set CONSOLE_OPERATOR" in next_


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (f"{DATABASE_URL}?ssl_ca=/nowhere.pem", "tls_file"),
        (f"{DATABASE_URL}?ssl_ca={__file__}", "tls_file"),
        (f"{DATABASE_URL}?ssl_cert={__file__}&ssl_key=/nowhere.pem", "tls_file"),
        (f"{DATABASE_URL}?ssl_ca=/a.pem&ssl_ca=/b.pem", "unknown_option"),
        ("mysql+pymysql://[::1/console", "database_form"),
    ],
)
def test_an_unusable_database_address_is_refused(
    unreachable_server_terminal: Terminal, url: str, problem: str
) -> None:
    """Every command reports an unusable database address as a wrong setting, and not as an error of the program or
    the database.
    """
    login = {"OPERATOR": "op-a", "SECRET_DATABASE_PASSWORD": "a password"}
    for command in (("lookup", "1180301018771"), ("db", "upgrade")):
        ending = unreachable_server_terminal.json(*command, DATABASE_URL=url, **login)
        assert ending.exit_status_and_code == (2, "bad_profile")
        assert ending.error["detail"]["problem"] == problem
        assert "CONSOLE_DATABASE_URL" in ending.error["message"]
    assert unreachable_server_terminal.json("doctor", DATABASE_URL=url, **login).status == 0


def test_a_sign_in_without_a_keyring_asks_for_no_password(unreachable_server_terminal: Terminal) -> None:
    """Without a keyring the password can't be stored, so `sign-in` doesn't ask for a password. The message names the
    environment variable, and the window as the other place to sign in.
    """
    with make_standard_input("never read\n"):
        ending = unreachable_server_terminal.json("sign-in", "--user", "op-a")
    assert ending.exit_status_and_code == (2, "bad_profile")
    assert ending.error["detail"]["problem"] == "no_keyring"
    assert "CONSOLE_SECRET_DATABASE_PASSWORD" in ending.error["message"]


@pytest.mark.parametrize("backend", ["keyring.backends.null.Keyring", "keyring.backends.fail.Keyring"])
def test_sign_in_refuses_a_keyring_that_is_not_the_systems_own(
    unreachable_server_terminal: Terminal, tmp_path: Path, backend: str
) -> None:
    """Sign-in refuses a keyring that is not the system's own before it reads a password, and writes no file."""
    env = os.environ | unreachable_server_terminal.env | {"PYTHON_KEYRING_BACKEND": backend, "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "console", "--json", "sign-in", "--user", "op-a"]
    run = subprocess.run(command, input="canary-7f3d2a1b\n", capture_output=True, text=True, env=env, check=False)
    assert run.returncode == 2
    assert json.loads(run.stdout)["error"]["detail"]["problem"] == "no_keyring"
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_an_account_in_the_environment_excludes_sign_in(
    unreachable_server_terminal: Terminal, keyring: MemoryKeyring
) -> None:
    """Sign-in is refused if the environment sets the account or the password, because the program would use the
    environment's values instead of the stored ones.
    """
    for given in (
        {"DATABASE_URL": f"mysql+pymysql://op-a:pw@{SERVER_AND_DATABASE}"},
        {"SECRET_DATABASE_PASSWORD": "pw"},
    ):
        ending = unreachable_server_terminal.json("sign-in", OPERATOR="op-a", **given)
        assert ending.exit_status_and_code == (2, "usage")
        assert ending.error["detail"]["problem"] == "sign_in_given"
    assert keyring.entries == {}


@pytest.mark.parametrize(
    ("words", "line", "problem"),
    [
        ((), "secret\n", "no_account_name"),
        (("--user", "op-a"), "", "no_password"),
        (("--user", "op-a"), "\n", "no_password"),
        (("--user", "op\ta"), "secret\n", "account_name"),
    ],
)
def test_sign_in_without_account_or_password_asks_no_question(
    unreachable_server_terminal: Terminal, keyring: MemoryKeyring, words: tuple[str, ...], line: str, problem: str
) -> None:
    """If a calling program gives no account name, an impossible one or no password, `sign-in` is refused with the
    problem. It asks no question and stores nothing.
    """
    with make_standard_input(line):
        ending = unreachable_server_terminal.json("sign-in", *words)
    assert ending.exit_status_and_code == (2, "usage")
    assert ending.error["detail"]["problem"] == problem
    assert keyring.entries == {}


def test_an_unreachable_database_is_not_called_a_wrong_password(
    unreachable_server_terminal: Terminal, keyring: MemoryKeyring
) -> None:
    """If the database can't be reached, `sign-in` exits with 6 and doesn't store the password, which could not be
    checked. The account and password of an earlier sign-in stay stored.
    """
    with make_standard_input("secret\n"):
        ending = unreachable_server_terminal.json("sign-in", "--user", "op-a")
    assert ending.exit_status_and_code == (6, "database_unreachable")
    assert keyring.entries == {}
    keyring.entries.update({KEYRING_ENTRY_NAME: "kept", f"account at {SERVER_AND_DATABASE}": "op-a"})
    assert unreachable_server_terminal.json("lookup", "1180301018771").exit_status_and_code == (
        6,
        "database_unreachable",
    )
    assert keyring.entries[KEYRING_ENTRY_NAME] == "kept"


def test_signing_out_needs_no_database(unreachable_server_terminal: Terminal, keyring: MemoryKeyring) -> None:
    """Without the database, `sign-out` deletes the stored password immediately, and says that the audit trail could
    not be written. A second call finds no password to delete.
    """
    keyring.entries.update({KEYRING_ENTRY_NAME: "kept", f"account at {SERVER_AND_DATABASE}": "op-a"})
    assert unreachable_server_terminal.json("sign-out").data == {"signed_out": True, "audited": False}
    assert keyring.entries == {}
    assert unreachable_server_terminal.json("sign-out").data == {"signed_out": False, "audited": False}


def test_a_sign_out_at_a_locked_keyring_fails(unreachable_server_terminal: Terminal) -> None:
    """If the keyring can't be read, `sign-out` ends with `keyring_failed`: it doesn't say that no sign-in is stored,
    because the keyring may contain the password.
    """
    kwargs = load_settings.__kwdefaults__
    assert kwargs is not None
    with mock.patch.dict(kwargs, {"find_keyring": LockedKeyring}):
        ending = unreachable_server_terminal.json("sign-out")
    assert ending.exit_status_and_code == (2, "bad_profile")
    assert ending.error["detail"]["problem"] == "keyring_failed"


@pytest.mark.engines("mariadb")
def test_signing_in_at_a_terminal_serves_the_next_command(place: Place, keyring: MemoryKeyring) -> None:
    """A wrong password is refused and not stored. The right password is stored, and later commands use it until the
    person signs out.
    """
    url = place.url()
    account, address = url.removeprefix("mysql+pymysql://").split("@")
    user, password = account.split(":")
    home, bare = str(place.first_desk_home), f"mysql+pymysql://{address}"
    at = Terminal({"CONSOLE_HOME": home, "CONSOLE_LANGUAGE": "en", "CONSOLE_DATABASE_URL": bare})
    with make_standard_input("wrong\n"):
        ending = at.json("sign-in", "--user", user)
    assert ending.exit_status_and_code == (2, "bad_profile")
    assert ending.error["detail"]["problem"] == "access_denied"
    assert user not in ending.error["message"]
    assert keyring.entries == {}
    with make_standard_input(f"{password}\r\n"):
        done = at.json("sign-in", "--user", user).data
    assert (done["operator"], done["kept"], done["source"]) == (user, True, "asked")
    me = at.json("whoami").data
    assert (me["operator"], me["known"], me["source"], me["kept"]) == (user, True, "kept", True)
    assert at.json("lookup", "1180301018771").data["credit_checks"] == []
    audited_actions = [entry["what"] for entry in at.json("audit", "list").data["entries"]]
    assert "session_created" in audited_actions
    assert at.json("sign-out").data == {"signed_out": True, "audited": True}
    assert keyring.entries == {}
    assert at.json("lookup", "1180301018771").error["detail"]["problem"] == "sign_in_missing"


def test_a_password_is_typed_without_an_echo() -> None:
    """At a terminal the question for the password is shown, but not the typed password."""
    code = (
        "from console.cli.process.output import AnswerWriter\n"
        "from console.cli.text_output.translator import Translator\n"
        "from console.cli.access.sign_in import _read_password\n"
        "got = _read_password(AnswerWriter(None, Translator(), is_json=False), 'op-a')\n"
        "print('length', len(got), flush=True)\n"
    )
    ours, theirs = pty.openpty()
    env = os.environ | {"CONSOLE_LANGUAGE": "en"}
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=env,
        start_new_session=True,
        preexec_fn=_acquire_terminal,
    )
    os.close(theirs)
    screen_bytes = b""
    while b"Password of op-a: " not in screen_bytes:
        screen_bytes += os.read(ours, 1024)
    os.write(ours, b"hidden-word\n")
    while not screen_bytes.endswith((b"11\r\n", b"Error\r\n")):
        screen_bytes += os.read(ours, 1024)
    child.wait(timeout=MAX_WAIT_SECONDS)
    os.close(ours)
    assert b"length 11" in screen_bytes
    assert b"hidden-word" not in screen_bytes


def _acquire_terminal() -> None:
    """In the child process: make the pseudo-terminal at its standard input its controlling terminal."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
