"""Tests that secrets are read by name, never shown, and stored only in the system's keyring."""

import copy
import dataclasses
import json
import logging
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from console.domain.errors import ConsoleError
from console.settings import secrets as secret_store
from console.settings.secrets import Keyring, SecretStore
from console.settings.settings import Settings, load_settings
from tests.support.keyrings import LockedKeyring, MemoryKeyring, SilentKeyring
from tests.support.refusals import call_for_refusal

MARKED_SECRET = "canary-7f3d2a1b9c8e"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"CONSOLE_HOME": str(tmp_path)}


@pytest.fixture
def environment_with_all_secrets(env: dict[str, str]) -> dict[str, str]:
    """Return an environment with MARKED_SECRET in every variable that may contain a secret."""
    return env | {
        "CONSOLE_DATABASE_URL": f"mysql+pymysql://op-a:{MARKED_SECRET}@db.example/console",
        "CONSOLE_REDIS_URL": f"redis://:{MARKED_SECRET}@127.0.0.1/0",
        "CONSOLE_SECRET_ALARMBOX_CLIENT_SECRET": MARKED_SECRET,
        "CONSOLE_SECRET_STORE_KEY": MARKED_SECRET,
        "CONSOLE_SECRET_OPERATOR_OP_A": MARKED_SECRET,
    }


def load_with_keyring(env: Mapping[str, str], keyring: Keyring | None) -> Settings:
    return load_settings(env, find_keyring=lambda: keyring)


def get_code_and_problem(caught: pytest.ExceptionInfo[ConsoleError]) -> tuple[str, object]:
    """Return the error code and the fact `problem` of the caught error."""
    return caught.value.code, caught.value.detail["problem"]


def test_each_secret_is_returned_under_its_name(environment_with_all_secrets: dict[str, str]) -> None:
    """Each secret is returned under its own name, and the password is in the database URL."""
    settings = load_with_keyring(environment_with_all_secrets, None)
    assert settings.read_secret("ALARMBOX_CLIENT_SECRET") == MARKED_SECRET
    assert settings.read_store_key() == MARKED_SECRET
    assert settings.read_secret("ALARMBOX_CLIENT_ID") is None
    assert MARKED_SECRET in settings.database_url
    assert MARKED_SECRET in (settings.redis_url or "")


def test_no_text_form_or_copy_of_settings_contains_a_secret(
    environment_with_all_secrets: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """The settings' repr, str, format, asdict, vars, log line, copy and masked database URL contain no secret."""
    settings = load_with_keyring(environment_with_all_secrets, None)
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("%s %r", settings, settings)
    shown = [
        repr(settings), str(settings), f"{settings}", repr(settings.secrets), str(settings.secrets),
        repr(dataclasses.asdict(settings)), repr(dataclasses.astuple(settings)), settings.masked_database_url,
        json.dumps(dataclasses.asdict(settings), default=str), repr(copy.deepcopy(settings)), caplog.text,
        repr(dataclasses.replace(settings, operator="op-b")),
    ]  # fmt: skip
    assert [text for text in shown if MARKED_SECRET in text] == []
    assert settings.masked_database_url == "mysql+pymysql://op-a:***@db.example/console"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_settings_are_not_pickled(environment_with_all_secrets: dict[str, str], protocol: int) -> None:
    """Pickling the settings is refused, because a pickle would carry every secret to a file or another process. The
    refusal contains no secret.
    """
    with pytest.raises(TypeError) as caught:
        pickle.dumps(load_with_keyring(environment_with_all_secrets, None), protocol)
    assert MARKED_SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://op-a:{MARKED_SECRET}@h/db",
        f"mysql+pymysql://op-a:p@{MARKED_SECRET}@h/db",
        f"mysql+pymysql://op-a:p@s/{MARKED_SECRET}@h/db",
        f"mysql+pymysql://op-a:p@s?{MARKED_SECRET}@h/db",
    ],
)
def test_a_refused_database_url_is_not_repeated(env: dict[str, str], url: str) -> None:
    """The message about a malformed database URL contains no part of the URL. If the password has an `@`, its rest
    would otherwise be shown as the name of the server.
    """
    with pytest.raises(ConsoleError) as caught:
        Settings.load(env | {"CONSOLE_DATABASE_URL": url})
    assert caught.value.detail["problem"] == "database_form"
    assert MARKED_SECRET not in repr(caught.value.detail) + str(caught.value)


def test_a_password_in_the_query_of_a_database_url_is_not_shown(env: dict[str, str]) -> None:
    """A password in the query of a database URL is masked too, because PyMySQL accepts it there."""
    url = f"mysql+pymysql://op-a@h/db?passwd={MARKED_SECRET}&ssl_ca=/ca.pem"
    shown = Settings.load(env | {"CONSOLE_DATABASE_URL": url}).masked_database_url
    assert shown == "mysql+pymysql://op-a@h/db?passwd=***&ssl_ca=/ca.pem"


@pytest.mark.parametrize("name", ["/ca.pem", "/c@corp.pem"])
def test_a_file_name_in_a_database_url_is_shown_without_the_password(env: dict[str, str], name: str) -> None:
    """The masked database URL shows a file name with an `@` in its query, and masks the password."""
    url = f"mysql+pymysql://op-a:{MARKED_SECRET}@h/db?ssl_ca={name}"
    shown = Settings.load(env | {"CONSOLE_DATABASE_URL": url}).masked_database_url
    assert shown == f"mysql+pymysql://op-a:***@h/db?ssl_ca={name}"


def test_the_environment_overrides_the_keyring(env: dict[str, str]) -> None:
    """A secret in the environment has priority over the keyring; an empty variable counts as not set."""
    keyring = MemoryKeyring({"ALARMBOX_CLIENT_ID": "kept"})
    given = env | {"CONSOLE_SECRET_ALARMBOX_CLIENT_ID": "given"}
    assert load_with_keyring(given, keyring).read_secret("ALARMBOX_CLIENT_ID") == "given"
    assert keyring.read_names == []
    given["CONSOLE_SECRET_ALARMBOX_CLIENT_ID"] = ""
    assert load_with_keyring(given, keyring).read_secret("ALARMBOX_CLIENT_ID") == "kept"


def test_loading_settings_never_opens_the_keyring(env: dict[str, str]) -> None:
    """Loading the settings doesn't read the keyring."""

    def fail_on_keyring() -> Keyring | None:
        raise AssertionError("the keyring was opened")

    assert load_settings(env, find_keyring=fail_on_keyring).operator is None


def test_a_switch_for_tests_disables_provider_credentials_of_the_keyring(env: dict[str, str]) -> None:
    """While a switch for tests is on, such as a time scale, credentials of a provider in the keyring don't enable the
    provider.
    """
    keyring = MemoryKeyring({"PAYPAY_API_KEY": "x", "PAYPAY_API_SECRET": "y", "PAYPAY_MERCHANT_ID": "z"})
    assert load_with_keyring(env, keyring).is_enabled("paypay")
    assert not load_with_keyring(env | {"CONSOLE_TIME_SCALE": "20"}, keyring).is_enabled("paypay")


def test_the_name_of_a_secret_is_checked(env: dict[str, str]) -> None:
    """Reading a secret whose name can't be one raises ValueError, because that is a bug of the program."""
    with pytest.raises(ValueError, match="not the name"):
        load_with_keyring(env, None).read_secret("alarmbox client id")


def test_an_unreadable_keyring_is_reported(env: dict[str, str]) -> None:
    """A locked keyring is refused as `keyring_failed`: it isn't treated as an empty one, and no second store key is
    made.
    """
    keyring = LockedKeyring()
    settings = load_with_keyring(env, keyring)
    with pytest.raises(ConsoleError) as caught:
        settings.read_store_key()
    assert get_code_and_problem(caught) == ("bad_profile", "keyring_failed")
    with pytest.raises(ConsoleError) as caught:
        settings.read_secret("ALARMBOX_CLIENT_ID")
    assert get_code_and_problem(caught) == ("bad_profile", "keyring_failed")
    assert keyring.entries == {}


def test_a_keyring_without_an_answer_is_reported(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A keyring that doesn't answer is refused as `keyring_failed` after the time limit. Until it has answered that
    call, a second one is refused at once; later the secret is read.
    """
    keyring = SilentKeyring({"ALARMBOX_CLIENT_ID": "the-client"})
    settings = load_with_keyring(env, keyring)
    monkeypatch.setattr(secret_store, "KEYRING_TIMEOUT_SECONDS", 0.05)
    with pytest.raises(ConsoleError) as caught:
        settings.read_secret("ALARMBOX_CLIENT_ID")
    assert get_code_and_problem(caught) == ("bad_profile", "keyring_failed")
    monkeypatch.setattr(secret_store, "KEYRING_TIMEOUT_SECONDS", 1_000.0)
    with pytest.raises(ConsoleError) as caught:
        settings.read_secret("ALARMBOX_CLIENT_ID")
    assert get_code_and_problem(caught) == ("bad_profile", "keyring_failed")
    unanswered_call = settings.secrets._unanswered_call
    assert unanswered_call is not None
    keyring.answers.set()
    unanswered_call.join()
    assert settings.read_secret("ALARMBOX_CLIENT_ID") == "the-client"


def test_the_store_key_is_made_once_and_kept(env: dict[str, str]) -> None:
    """Reading the store key of an embedded database makes a key in the keyring, and the next process reads the same
    key.
    """
    keyring = MemoryKeyring()
    key = load_with_keyring(env, keyring).read_store_key()
    assert len(key) >= 32
    assert load_with_keyring(env, keyring).read_store_key() == key == keyring.entries["STORE_KEY"]


def test_simultaneous_processes_make_one_store_key(env: dict[str, str]) -> None:
    """Several processes that make the first store key at the same time all use the key that was stored first."""
    keyring = MemoryKeyring()
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: load_with_keyring(env, keyring).read_store_key(), range(16)))
    assert set(keys) == {keyring.entries["STORE_KEY"]}


@pytest.mark.parametrize("keyring", [None, MemoryKeyring()])
def test_no_store_key_is_made_without_a_keyring(env: dict[str, str], keyring: Keyring | None) -> None:
    """Without a keyring, or with a database on a server, the program makes no store key. A read of the store key is
    refused with the name of the variable that would contain it.
    """
    shared = env | ({"CONSOLE_DATABASE_URL": "mysql+pymysql://a:b@h/db"} if keyring else {})
    with pytest.raises(ConsoleError) as caught:
        load_with_keyring(shared, keyring).read_store_key()
    assert get_code_and_problem(caught) == ("bad_profile", "store_key_missing")
    assert caught.value.detail["variable"] == "CONSOLE_SECRET_STORE_KEY"


@pytest.mark.parametrize(("key", "is_accepted"), [("x" * 15, False), ("x" * 16, True), ("鍵" * 16, True)])
def test_the_store_key_has_sixteen_characters(env: dict[str, str], key: str, is_accepted: bool) -> None:
    """A store key with fewer than 16 characters is refused, and the keyring is not read instead."""
    settings = load_with_keyring(env | {"CONSOLE_SECRET_STORE_KEY": key}, MemoryKeyring())
    if is_accepted:
        assert settings.read_store_key() == key
        return
    with pytest.raises(ConsoleError) as caught:
        settings.read_store_key()
    assert get_code_and_problem(caught) == ("bad_profile", "store_key_short")


def test_no_key_is_stored_if_the_home_folder_cannot_be_written(env: dict[str, str], tmp_path: Path) -> None:
    """If the data folder can't be written, reading the store key is refused with `storage_full`, and the keyring gets
    no key.
    """
    (tmp_path / "store-key.lock").mkdir()
    keyring = MemoryKeyring()
    with pytest.raises(ConsoleError) as caught:
        load_with_keyring(env, keyring).read_store_key()
    assert caught.value.code == "storage_full"
    assert keyring.entries == {}


def test_only_keyring_backends_of_the_system_are_used(tmp_path: Path) -> None:
    """A configured keyring backend other than the system's own is ignored: reading the store key is refused, and no
    file is written.
    """
    code = (
        "from console.settings.settings import Settings\n"
        "from console.domain.errors import ConsoleError\n"
        "try: print(Settings.load().read_store_key())\n"
        "except ConsoleError as error: print(error.code, error.detail['problem'])\n"
    )
    env = {
        "CONSOLE_HOME": str(tmp_path),
        "HOME": str(tmp_path),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "PYTHONPATH": str(Path(__file__).parent.parent.parent),
    }
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert run.stdout.split() == ["bad_profile", "store_key_missing"]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("after", [b"", b"\n", b"\r\n"])
def test_a_secret_is_read_from_a_file(tmp_path: Path, before: bytes, after: bytes) -> None:
    """A secret is read from the file that `CONSOLE_SECRET_…_FILE` names, without a byte order mark and a final
    newline.
    """
    content = before + b"sixteen-or-more-1" + after
    file = tmp_path / "key"
    file.write_bytes(content)
    secrets = SecretStore({"CONSOLE_SECRET_STORE_KEY_FILE": str(file)}, tmp_path)
    assert secrets.read_secret("STORE_KEY", must_ask_keyring=False) == "sixteen-or-more-1"
    assert secrets.list_secret_names_in_environment() == {"STORE_KEY"}


CONTENTS_WITHOUT_ONE_LINE = [
    b"",
    b"\n",
    b"\xff\xfe",
    b"x" * 70_000,
    b"sixteen-or-more\nsixteen",
    b"sixteen-or-more\n\n",
    b"six\0teen",
]


@pytest.mark.parametrize("content", [*CONTENTS_WITHOUT_ONE_LINE, None, os.mkfifo, os.mkdir])
def test_an_unusable_secret_file_is_refused(tmp_path: Path, content: bytes | Callable[[Path], None] | None) -> None:
    """A secret file that is missing, empty, too large, not text, a pipe or a folder is refused with the variable's
    name and without its content.
    """
    file = tmp_path / "key"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content is not None:
        content(file)
    error = call_for_refusal(lambda: SecretStore({"CONSOLE_SECRET_STORE_KEY_FILE": str(file)}, tmp_path))
    assert error.detail == {"variable": "CONSOLE_SECRET_STORE_KEY_FILE", "problem": "secret_file"}


def read_secret_problem(given: Mapping[str, str], home: Path) -> object:
    return call_for_refusal(lambda: SecretStore(given, home)).detail


@pytest.mark.parametrize("after", ["", "\n", "\r\n"])
def test_a_secret_in_the_environment_loses_its_final_line_break(tmp_path: Path, after: str) -> None:
    """A final line break, which `echo` adds to a secret, isn't a part of the secret in an environment variable."""
    secrets = SecretStore({"CONSOLE_SECRET_PAYPAY_API_KEY": "a_key" + after}, tmp_path)
    assert secrets.read_secret("PAYPAY_API_KEY", must_ask_keyring=False) == "a_key"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PAYPAY_API_SECRET", "\n"),
        ("PAYPAY_API_SECRET", "se\ncret"),
        ("PAYPAY_API_SECRET", "secret\n\n"),
        ("PAYPAY_API_SECRET", "secret\x07"),
        ("PAYPAY_API_KEY", "ｋｅｙ"),
        ("PAYPAY_MERCHANT_ID", "1000 "),
        ("ALARMBOX_CLIENT_ID", "clié"),
    ],
)
def test_a_secret_that_no_provider_gives_is_refused(tmp_path: Path, name: str, value: str) -> None:
    """A secret with a line break or a control character, and an identifier with other characters than visible ASCII,
    is refused by the name of its variable before anything is written or sent, from whichever source it comes.
    """
    variable, file = f"CONSOLE_SECRET_{name}", tmp_path / "secret"
    refusal = {"variable": variable, "problem": "secret_form"}
    home = tmp_path / "home"
    assert call_for_refusal(lambda: Settings.load({"CONSOLE_HOME": str(home), variable: value})).detail == refusal
    settings = load_with_keyring({"CONSOLE_HOME": str(home)}, MemoryKeyring({name: value}))
    assert call_for_refusal(lambda: settings.read_secret(name)).detail == refusal
    file.write_text(value, "utf-8")
    in_file = read_secret_problem({f"{variable}_FILE": str(file)}, home)
    assert in_file in [
        {"variable": f"{variable}_FILE", "problem": problem} for problem in ("secret_form", "secret_file")
    ]
    assert not home.exists()


def test_a_secret_with_two_sources_is_refused(tmp_path: Path) -> None:
    """A secret that the environment contains both as a value and as a file path is refused with the problem
    `secret_twice`.
    """
    given = {"CONSOLE_SECRET_STORE_KEY": "a" * 16, "CONSOLE_SECRET_STORE_KEY_FILE": "/run/secrets/key"}
    error = call_for_refusal(lambda: SecretStore(given, tmp_path))
    assert error.detail == {"variable": "CONSOLE_SECRET_STORE_KEY_FILE", "problem": "secret_twice"}


def test_a_credential_file_is_reported_by_its_variable(tmp_path: Path) -> None:
    """The list of credentials names the variable that is set. For a secret in a file this is the variable with the
    path, because a person can remove only that variable.
    """
    file = tmp_path / "secret"
    file.write_text("in-a-file")
    given = {
        "CONSOLE_SECRET_ALARMBOX_CLIENT_ID": "in-the-environment",
        "CONSOLE_SECRET_ALARMBOX_CLIENT_SECRET_FILE": str(file),
        "CONSOLE_SECRET_NOTICE_SHOP_KEY_FILE": str(file),
    }
    settings = load_settings({"CONSOLE_HOME": str(tmp_path), **given}, find_keyring=lambda: None)
    assert settings.list_credential_variables() == tuple(given)
