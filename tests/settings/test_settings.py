"""Tests the settings of a desk: their sources, forms and defaults, and the switches for tests, which are refused
together with real providers.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from console.domain.errors import ConsoleError
from console.providers.paypay.plugin import PLUGIN as PAYPAY
from console.settings.settings import Settings, _read_macos_language, detect_system_language, load_settings

LOOPBACK_URL = "http://127.0.0.1:8080"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"CONSOLE_HOME": str(tmp_path)}


def read_refusal_detail(env: Mapping[str, str]) -> Mapping[str, object]:
    """Return the detail of the `bad_profile` with which these variables are refused."""
    with pytest.raises(ConsoleError) as caught:
        Settings.load(env)
    assert (caught.value.code, caught.value.exit_status) == ("bad_profile", 2)
    return caught.value.detail


def test_an_empty_home_gives_default_settings(env: dict[str, str], tmp_path: Path) -> None:
    """Without a profile and further variables every setting has its default, and no file is created."""
    settings = Settings.load(env)
    assert settings.database_path == tmp_path / "console.db"
    assert settings.database_url == f"sqlite:///{tmp_path}/console.db"
    assert settings.documents_url == f"file://{tmp_path}/documents"
    assert (settings.operator, settings.clients, settings.get_provider_url("alarmbox"), settings.redis_url) == (
        None,
    ) * 4
    assert (settings.time_scale, settings.uses_leases, settings.failpoint) == (1.0, True, None)
    assert settings.environment == "production"
    assert list(tmp_path.iterdir()) == []


def test_a_desk_without_a_home_setting_uses_the_systems_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without CONSOLE_HOME the home folder is in the system's folder for the user's data."""
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere/data")
    monkeypatch.setenv("HOME", "/somewhere")
    assert Settings.load({}).home.name == "support-console"


@pytest.mark.skipif(os.name == "nt", reason="Windows is asked for the folder, not HOME")
def test_the_refusal_without_a_home_folder_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the system knows no home folder of the user, as in a container that runs with any user id, the refusal names
    the variable CONSOLE_HOME.
    """
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("os.getuid", lambda: 2_000_000_000)
    assert read_refusal_detail({}) == {"variable": "CONSOLE_HOME", "problem": "bad_path"}


@pytest.mark.skipif(os.name == "nt", reason="Windows is asked for the folder, not HOME")
@pytest.mark.parametrize("env", [{}, {"CONSOLE_HOME": "~/desk"}])
def test_a_home_folder_with_a_name_not_in_utf8_is_refused(
    monkeypatch: pytest.MonkeyPatch, env: dict[str, str]
) -> None:
    """SQLite opens no file at a path that isn't UTF-8, so a desk there would have no spool. The path of the user's
    home folder is checked like the value of CONSOLE_HOME.
    """
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", "/somewhere/\udcff")
    assert read_refusal_detail(env) == {"variable": "CONSOLE_HOME", "problem": "not_utf8"}


def test_importing_settings_imports_no_heavy_library() -> None:
    """Importing the module of the settings imports no library for databases, HTTP, keyrings or windows."""
    heavy = {"sqlalchemy", "requests", "keyring", "PySide6", "platformdirs", "cryptography", "sqlite3"}
    code = f"import sys, console.settings.settings; print(sorted({heavy!r} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_environment_overrides_the_profile(env: dict[str, str], tmp_path: Path) -> None:
    """An environment variable has priority over the profile, and the profile over the default. An empty variable
    counts as not set.
    """
    (tmp_path / "profile.toml").write_text('operator = "from-file"\nlanguage = "ja"\nclients = [1, "42"]\n')
    settings = Settings.load(env | {"CONSOLE_OPERATOR": "from-env", "CONSOLE_LANGUAGE": "  "})
    assert (settings.operator, settings.language) == ("from-env", "ja")
    assert settings.clients == frozenset({"1", "42"})


def test_each_key_of_the_settings_file_is_read(env: dict[str, str], tmp_path: Path) -> None:
    """The settings contain the value of every key of the profile."""
    (tmp_path / "profile.toml").write_text(
        f"""
        database_url = "sqlite:///{tmp_path}/other.db"
        documents_url = "file:{tmp_path}/papers"
        redis_url = "redis://127.0.0.1:6379/0"
        environment = "test"
        [alarmbox]
        url = "{LOOPBACK_URL}/"
        find_purchases = true
        spacing_seconds = 0.5
        test_account = true
        [paypay]
        url = "https://paypay.example"
        [atom]
        url = "https://ATOM.example:8443"
        [receiver]
        bind = "::1"
        port = 9000
        trusted_proxies = ["10.0.0.0/8"]
        paypay_webhook_sources = ["192.0.2.0/24", "2001:db8::/32"]
        [registry]
        url = "https://api.houjin-bangou.nta.go.jp"
        folder = "{tmp_path}/registry-files"
        """
    )
    settings = Settings.load(env | {"CONSOLE_PROVIDER_HOSTS": "PayPay.example, atom.example"})
    assert settings.database_path == tmp_path / "other.db"
    assert settings.documents_url == f"file://{tmp_path}/papers"
    assert settings.redis_url == "redis://127.0.0.1:6379/0"
    assert settings.environment == "test"
    assert (settings.get_provider_url("alarmbox"), settings.finds_alarmbox_purchases) == (LOOPBACK_URL, True)
    assert (settings.alarmbox_spacing_seconds, settings.is_alarmbox_test_account) == (0.5, True)
    assert (settings.get_provider_url("paypay"), settings.get_provider_url("atom")) == (
        "https://paypay.example",
        "https://atom.example:8443",
    )
    assert settings.get_provider_url("registry") == "https://api.houjin-bangou.nta.go.jp"
    assert settings.registry_folder == tmp_path / "registry-files"
    assert (settings.receiver_address, settings.receiver_port) == ("::1", 9000)
    assert settings.receiver_trusted_proxies == ("10.0.0.0/8",)
    assert settings.get_provider_settings(PAYPAY).webhook_sources == ("192.0.2.0/24", "2001:db8::/32")


@pytest.mark.parametrize("mode", [0o666, 0o622, 0o606, 0o664, 0o620, 0o602, 0o777])
def test_a_profile_writable_by_others_is_refused(env: dict[str, str], tmp_path: Path, mode: int) -> None:
    """A profile is refused if other users can change the file or its folder. The refusal contains the command that
    corrects the permissions; after this command the profile is accepted.
    """
    file = tmp_path / "profile.toml"
    file.write_text('language = "ja"\n')
    both = ((file, "writable_by_others", 0o600), (tmp_path, "folder_writable_by_others", 0o755))
    for place, problem, corrected in both:
        place.chmod(mode | (0o700 if place is tmp_path else 0))
        detail = read_refusal_detail(env)
        assert (detail["problem"], detail["file"]) == (problem, str(file))
        place.chmod(corrected)
        assert Settings.load(env).language == "ja"


def test_a_profile_of_another_user_is_refused(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A profile that belongs to another user is refused, unless that user is the system's administrator."""
    file = tmp_path / "profile.toml"
    file.write_text('language = "ja"\n')
    monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid + 7)
    if file.stat().st_uid == 0:
        assert Settings.load(env).language == "ja"
    else:
        assert read_refusal_detail(env)["problem"] == "writable_by_others"


@pytest.mark.skipif(os.name == "nt", reason="there are no such pipes")
def test_a_pipe_is_no_profile(env: dict[str, str], tmp_path: Path) -> None:
    """A named pipe in place of the profile is refused, because reading it would wait for ever."""
    os.mkfifo(tmp_path / "profile.toml", 0o600)
    assert read_refusal_detail(env)["problem"] == "unreadable"


UNKNOWN_HOST_URLS = (
    ("alarmbox.url", "https://evil.example"),
    ("alarmbox.url", "https://api.alarmbox.jp.evil.example"),
    ("alarmbox.url", "https://apigw.paypay.ne.jp"),
    ("paypay.url", "https://xapigw.paypay.ne.jp"),
    ("paypay.url", "https://8.8.8.8"),
    ("atom.url", "https://api.alarmbox.jp"),
    ("atom.auth_url", "https://evil.example/x"),
    ("atom.refund_status_url", "https://payment1.atomtech.in.x/a"),
    ("paypay.recon_hosts", "https://evil.example"),
    ("paypay.recon_hosts", "https://evilpaypay.ne.jp"),
    ("paypay.recon_hosts", "https://a.paypay.ne.jp,https://evil.example"),
)


@pytest.mark.parametrize(("key", "url"), UNKNOWN_HOST_URLS)
def test_an_unknown_host_in_the_profile_is_refused(env: dict[str, str], tmp_path: Path, key: str, url: str) -> None:
    """A profile with the URL of an unknown host is refused, because the program would send credentials to that host.
    An environment variable may allow the host.
    """
    section, _, name = key.partition(".")
    (tmp_path / "profile.toml").write_text(f'[{section}]\n{name} = "{url}"\n')
    detail = read_refusal_detail(env)
    assert (detail["variable"], detail["problem"]) == (key, "host_unknown")
    allowed = {"CONSOLE_PROVIDER_HOSTS": str(detail["host"])}
    assert Settings.load(env | allowed).home == tmp_path
    variable = f"CONSOLE_{section.upper()}_URL"
    (tmp_path / "profile.toml").unlink()
    if name == "url":
        assert Settings.load(env | {variable: url}).get_provider_url(section) == url


@pytest.mark.parametrize(
    ("section", "url"),
    [
        ("alarmbox", "https://API.alarmbox.jp"),
        ("paypay", "https://apigw.stg.paypay.ne.jp:443"),
        ("atom", "https://caller.atomtech.in"),
        ("alarmbox", LOOPBACK_URL),
        ("paypay", "http://[::1]:8"),
    ],
)
def test_the_providers_own_hosts_in_the_profile_are_accepted(
    env: dict[str, str], tmp_path: Path, section: str, url: str
) -> None:
    """The profile may contain the URLs of the provider's own hosts, in every environment, and of this machine."""
    (tmp_path / "profile.toml").write_text(f'[{section}]\nurl = "{url}"\n')
    assert Settings.load(env).get_provider_url(section) is not None


@pytest.mark.parametrize(
    ("key", "url"),
    [
        ("database_url", "mysql+pymysql://op-a:canary@127.0.0.1/books"),
        ("database_url", "mysql+pymysql://op-a:can%40ry@db.example:3306/books?ssl_ca=/ca.pem"),
        ("database_url", "mysql+pymysql://op-a:can/ary@db.example/books"),
        ("database_url", "mysql+pymysql://:canary@db.example/books"),
        ("database_url", "mysql+pymysql://op-a@db.example/books?password=canary"),
        ("database_url", "mysql+pymysql://op-a@db.example/books?ssl_ca=/ca.pem&ssl_key_password=canary"),
        ("redis_url", "redis://:canary@127.0.0.1:6379/0"),
        ("redis_url", "rediss://me:canary@cache.example/0"),
    ],
)
def test_a_password_in_the_profile_is_refused(env: dict[str, str], tmp_path: Path, key: str, url: str) -> None:
    """A URL with a password in the profile is refused, and the refusal doesn't contain the password."""
    (tmp_path / "profile.toml").write_text(f'{key} = "{url}"\n')
    env = {name: text for name, text in env.items() if name != "CONSOLE_DATABASE_URL"}
    detail = read_refusal_detail(env)
    assert (detail["variable"], detail["problem"]) == (key, "password_in_file")
    assert "canary" not in str(detail)


BROKEN_PROFILES = {
    "not TOML": (b'operator = "a"\noperator: b\n', "corrupt", 2),
    "cut off": (b'operator = "a"\nlanguage = "j', "corrupt", 2),
    "same key twice": (b'operator = "a"\n\noperator = "b"\n', "corrupt", 3),
    "not UTF-8": ('operator = "a"\n# 顧客\n'.encode("cp932"), "not_utf8", 2),
    "a PDF": (b"%PDF-1.4\n%%EOF", "corrupt", 1),
    "nested without end": (b"clients = " + b"[" * 5000, "corrupt", 1),
    "a number of 5,000 digits": (b"clients = [" + b"9" * 5000 + b"]", "corrupt", 1),
    "unknown key": (b'language = "ja"\noperater = "op-a"\n', "unknown_key", 2),
    "unknown key in a section": (b'[alarmbox]\n# a\nclient_secret = "x"\n', "unknown_key", 3),
    "unknown section": (b'[stripe]\nurl = "https://s.example"\n', "unknown_key", 1),
    "a table for a value": (b"[operator]\nname = 1\n", "wrong_type", 1),
    "a date for a value": (b"operator = 2026-11-20\n", "wrong_type", 1),
    "a list of flags": (b"clients = [true]\n", "wrong_type", 1),
}


@pytest.mark.parametrize("name", BROKEN_PROFILES)
def test_a_broken_profile_names_file_and_line(env: dict[str, str], tmp_path: Path, name: str) -> None:
    """A profile that can't be parsed is refused with the file's name and the line. The program guesses no value from
    it.
    """
    raw, problem, line = BROKEN_PROFILES[name]
    file = tmp_path / "profile.toml"
    file.write_bytes(raw)
    detail = read_refusal_detail(env)
    assert (detail["file"], detail["problem"], detail["line"]) == (str(file), problem, line)


def test_a_folder_or_huge_file_is_refused_as_a_profile(env: dict[str, str], tmp_path: Path) -> None:
    """A folder, and a file above the size limit, are refused as a profile without being read."""
    (tmp_path / "profile.toml").mkdir()
    assert read_refusal_detail(env)["problem"] == "unreadable"
    (tmp_path / "profile.toml").rmdir()
    (tmp_path / "profile.toml").write_bytes(b"#" * (1 << 20) + b"\n")
    assert read_refusal_detail(env)["problem"] == "too_large"


def test_a_profile_may_begin_with_a_byte_order_mark(env: dict[str, str], tmp_path: Path) -> None:
    """A profile may begin with a byte order mark, because editors on Windows write one."""
    (tmp_path / "profile.toml").write_text('operator = "op-a"\n', encoding="utf-8-sig")
    assert Settings.load(env).operator == "op-a"


def test_an_empty_list_of_clients_does_not_accept_every_client(env: dict[str, str], tmp_path: Path) -> None:
    """An empty list of clients is refused: without this setting, purchases for every client would be accepted."""
    (tmp_path / "profile.toml").write_text("clients = []\n")
    detail = read_refusal_detail(env)
    assert (detail["variable"], detail["problem"]) == ("clients", "bad_clients")


def test_a_value_from_the_profile_is_refused_with_the_file(env: dict[str, str], tmp_path: Path) -> None:
    """The refusal of a wrong value in the profile names the key and the profile's path."""
    (tmp_path / "profile.toml").write_text("[alarmbox]\nspacing_seconds = -1\n")
    detail = read_refusal_detail(env)
    assert (detail["variable"], detail["file"]) == ("alarmbox.spacing_seconds", str(tmp_path / "profile.toml"))


REFUSED_VARIABLES_AND_VALUES = [
    ("CONSOLE_LANGUAGE", "fr"), ("CONSOLE_LANGUAGE", "JA"), ("CONSOLE_OPERATOR", "op a"),
    ("CONSOLE_OPERATOR", "x" * 33), ("CONSOLE_OPERATOR", "担当"), ("CONSOLE_OPERATOR", "op-a\nlead-b"),
    ("CONSOLE_CLIENTS", "0"), ("CONSOLE_CLIENTS", "01"), ("CONSOLE_CLIENTS", "1,,2"), ("CONSOLE_CLIENTS", "1;2"),
    ("CONSOLE_CLIENTS", "9" * 19), ("CONSOLE_CLIENTS", "１"), ("CONSOLE_CLIENTS", "-1"),
    ("CONSOLE_TIME_SCALE", "0.5"), ("CONSOLE_TIME_SCALE", "101"), ("CONSOLE_TIME_SCALE", "nan"),
    ("CONSOLE_TIME_SCALE", "inf"), ("CONSOLE_TIME_SCALE", "２０"), ("CONSOLE_TIME_SCALE", "1e1"),
    ("CONSOLE_LEASES", "no"), ("CONSOLE_TEST_NUMBERS", "yes"), ("CONSOLE_ALARMBOX_FIND_PURCHASES", "true"),
    ("CONSOLE_FAILPOINT", "before_send"), ("CONSOLE_FAILPOINT", "before_send:0:kill"),
    ("CONSOLE_FAILPOINT", "before_send:1:explode"), ("CONSOLE_FAILPOINT", "before_send:１:kill"),
    ("CONSOLE_FAILPOINT", "before_sending:1:kill"), ("CONSOLE_FAILPOINT", "afterwards:2:hang"),
    ("CONSOLE_RECEIVER_PORT", "65536"), ("CONSOLE_RECEIVER_PORT", "80.0"), ("CONSOLE_RECEIVER_BIND", "localhost"),
    ("CONSOLE_RECEIVER_TRUSTED_PROXIES", "10.0.0.1/8"), ("CONSOLE_PAYPAY_WEBHOOK_SOURCES", "everyone"),
    ("CONSOLE_REFUND_COOLING_OFF_SECONDS", "-1"), ("CONSOLE_REDIS_URL", "127.0.0.1"),
    ("CONSOLE_REDIS_URL", "redis://10.0.0.5:6379/0"), ("CONSOLE_REDIS_URL", "redis://127.0.0.1.example/0"),
    ("CONSOLE_REDIS_URL", "rediss://redis.example/0?ssl_cert_reqs=none"), ("CONSOLE_REDIS_URL", "redis://h:x/0"),
    ("CONSOLE_REDIS_URL", "redis://127.0.0.1/0?socket_timeout=60"), ("CONSOLE_REDIS_URL", "redis://127.0.0.1/a"),
    ("CONSOLE_DATABASE_URL", "sqlite://"), ("CONSOLE_DATABASE_URL", "sqlite:///:memory:"),
    ("CONSOLE_DATABASE_URL", "sqlite:////tmp/a.db?mode=ro"), ("CONSOLE_DATABASE_URL", "sqlite:///file:a.db"),
    ("CONSOLE_DATABASE_URL", "postgresql://u:canary-9@h/db"), ("CONSOLE_DATABASE_URL", "/tmp/a.db"),
    ("CONSOLE_DATABASE_URL", f"sqlite:////tmp/{'x' * 300}"), ("CONSOLE_DATABASE_URL", f"sqlite:////{'x/' * 3_000}a"),
    ("CONSOLE_DATABASE_URL", "sqlite:////tmp"), ("CONSOLE_DATABASE_URL", "sqlite:///a\0b"),
    ("CONSOLE_DOCUMENTS_URL", "file:"), ("CONSOLE_DOCUMENTS_URL", "file://server/share"),
    ("CONSOLE_DOCUMENTS_URL", "s3://bucket"), ("CONSOLE_DOCUMENTS_URL", "file:///etc/hostname"),
    ("CONSOLE_REGISTRY_FOLDER", "/etc/hostname"), ("CONSOLE_REGISTRY_URL", "http://registry.example"),
    ("CONSOLE_HOME", "/etc/hostname"), ("CONSOLE_HOME", "a\0b"), ("CONSOLE_HOME", "/" + "x" * 5000),
    ("CONSOLE_HOME", "~nobody-of-that-name/x"), ("CONSOLE_OPERATOR", "\udc80"), ("CONSOLE_HOME", "relative/home"),
    ("CONSOLE_HOME", "/dev/null/x"),
    ("CONSOLE_DATABASE_URL", "mysql+pymysql://u:p@h:65536/x"), ("CONSOLE_DATABASE_URL", "mysql+pymysql://u:p@h:0/x"),
    ("CONSOLE_DATABASE_URL", "mysql+pymysql://u:p@[::1]:99465/x"), ("CONSOLE_DATABASE_URL", "mariadb+pymysql://h:３３０６"),
    ("CONSOLE_DATABASE_URL", "mysql+pymysql://u:a/b:1@h:99999/x?ssl_ca=/a:1"),
]  # fmt: skip


@pytest.mark.parametrize(("variable", "value"), REFUSED_VARIABLES_AND_VALUES)
def test_a_wrong_value_is_reported_by_its_variable_only(env: dict[str, str], variable: str, value: str) -> None:
    """A value of the wrong form is refused; the refusal names the variable and never repeats the value."""
    detail = read_refusal_detail(env | {variable: value})
    assert detail["variable"] == variable
    assert "canary" not in repr(detail)


@pytest.mark.parametrize("url", ["mysql+pymysql://u:a/b:70000@h/x", "mysql+pymysql://u@h:65535/x?ssl_ca=/a:70000"])
def test_only_the_port_of_a_database_address_is_checked(env: dict[str, str], url: str) -> None:
    """A database address is accepted although it has a large number after a colon, if this number is in another part
    than the port.
    """
    assert Settings.load(env | {"CONSOLE_DATABASE_URL": url}).masked_database_url


def test_a_folder_below_a_file_is_no_home(env: dict[str, str]) -> None:
    """A home folder whose path leads through a file is refused. The error names the variable CONSOLE_HOME, not the
    profile file that would be in the folder."""
    detail = read_refusal_detail({"CONSOLE_HOME": "/dev/null/x"})
    assert detail == {"variable": "CONSOLE_HOME", "problem": "not_a_folder"}
    assert Settings.load({"CONSOLE_HOME": "~"}).home == Path.home()


def test_a_wrong_redis_address_has_its_own_problem(env: dict[str, str]) -> None:
    """A wrong Redis address is refused with a problem code of its own, whose sentence is about Redis."""
    assert read_refusal_detail(env | {"CONSOLE_REDIS_URL": "127.0.0.1:6379"})["problem"] == "redis_form"


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1",
        "redis://:pw@[::1]:6379/2",
        "redis://localhost:6379",
        "rediss://u:p%40@cache.example:6380/0",
        "rediss://10.0.0.5/1?ssl_ca_certs=/etc/ca.pem",
        "unix:///run/redis.sock?db=1",
        "unix://:pw@/run/redis.sock",
    ],
)
def test_a_remote_redis_address_needs_tls(env: dict[str, str], url: str) -> None:
    """A Redis address on this machine is accepted with or without TLS. An address on another machine needs TLS."""
    assert Settings.load(env | {"CONSOLE_REDIS_URL": url}).redis_url == url


def test_a_redis_socket_is_refused_on_windows(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows, the address of a Unix socket is refused as the Redis address: Python has no Unix sockets there, so
    the program could never reach it."""
    monkeypatch.delattr(socket, "AF_UNIX", raising=False)
    assert read_refusal_detail(env | {"CONSOLE_REDIS_URL": "unix:///run/redis.sock"})["problem"] == "redis_form"


def test_valid_values_of_each_setting_are_accepted(env: dict[str, str]) -> None:
    """Each setting accepts a valid value of each of its forms."""
    settings = Settings.load(
        env
        | {
            "CONSOLE_ALARMBOX_URL": LOOPBACK_URL,
            "CONSOLE_OPERATOR": "Op_A.b-" + "9" * 25,
            "CONSOLE_CLIENTS": "1, 42 ,999999999999999999",
            "CONSOLE_TIME_SCALE": "12.5",
            "CONSOLE_LEASES": "off",
            "CONSOLE_FAILPOINT": "before_tx1:3:hang",
            "CONSOLE_TEST_NUMBERS": "1",
            "CONSOLE_REFUND_COOLING_OFF_SECONDS": "0",
        }
    )
    assert settings.clients == frozenset({"1", "42", "999999999999999999"})
    assert (settings.time_scale, settings.uses_leases) == (12.5, False)
    assert settings.failpoint == ("before_tx1", 3, "hang")
    assert (settings.allows_test_numbers, settings.refund_cooling_off_seconds) == (True, 0)
    assert settings.environment == "test"


def test_only_listed_clients_exist(env: dict[str, str]) -> None:
    """Without the setting CLIENTS every well-formed client id is accepted; with the setting only the listed ids are
    accepted.
    """
    any_client = Settings.load(env)
    assert any_client.is_accepted_client("7")
    assert not any(map(any_client.is_accepted_client, ["0", "07", "", "1" * 19, "１", "7\n", "7 "]))
    two = Settings.load(env | {"CONSOLE_CLIENTS": "1,2"})
    assert two.is_accepted_client("2")
    assert not two.is_accepted_client("3")


@pytest.mark.parametrize(
    ("language_variables", "language"),
    [
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "ja"}, "ja"),
        ({"LANG": "jam_JM"}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LC_ALL": "en_GB.UTF-8", "LANG": "ja_JP.UTF-8"}, "en"),
        ({"LC_ALL": "", "LANG": "ja_JP.UTF-8"}, "ja"),
        ({}, "en"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows is asked through its own interface")
def test_the_language_follows_the_system(
    env: dict[str, str], language_variables: dict[str, str], language: str
) -> None:
    """Without CONSOLE_LANGUAGE the program uses the language of the system."""
    assert Settings.load(env | language_variables).language == language


MACOS_LANGUAGES = b'(\n    "ja-JP",\n    "en-JP"\n)\n'


@pytest.mark.parametrize(
    ("language_variables", "answer", "language"),
    [
        ({}, MACOS_LANGUAGES, "ja"),
        ({}, b"(\n    ja,\n    en\n)\n", "ja"),
        ({}, b'(\n    "en-JP",\n    "ja-JP"\n)\n', "en"),
        ({}, b"(\n)\n", "en"),
        ({}, FileNotFoundError("/usr/bin/defaults"), "en"),
        ({}, subprocess.CalledProcessError(1, "defaults"), "en"),
        ({}, subprocess.TimeoutExpired("defaults", 2), "en"),
        ({"LC_CTYPE": "UTF-8"}, MACOS_LANGUAGES, "ja"),  # Python sets it in an app without a locale
        ({"LANG": "en_US.UTF-8"}, MACOS_LANGUAGES, "en"),
        ({"LANG": "ja_JP.UTF-8"}, b"(\n    en\n)\n", "ja"),
    ],
)
def test_an_app_of_macos_without_lang_uses_the_language_of_its_settings(
    env: dict[str, str],
    language_variables: dict[str, str],
    answer: bytes | Exception,
    language: str,
    monkeypatch: pytest.MonkeyPatch,
    forgotten_macos_language: None,
) -> None:
    """An app that is started from Finder has no variable with its language: it uses the first preferred language of
    macOS, which is read once. A variable decides if there is one, and a failure leaves English.
    """
    commands: list[list[str]] = []

    def run_fake_command(command: list[str], **options: object) -> subprocess.CompletedProcess[bytes]:
        assert options["timeout"]
        commands.append(command)
        if isinstance(answer, Exception):
            raise answer
        return subprocess.CompletedProcess(command, 0, answer)

    monkeypatch.setattr(subprocess, "run", run_fake_command)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert [detect_system_language(env | language_variables) for _ in range(2)] == [language, language]
    expected_command = ["/usr/bin/defaults", "read", "-g", "AppleLanguages"]
    assert commands == ([] if "LANG" in language_variables else [expected_command])


@pytest.fixture
def forgotten_macos_language() -> Iterator[None]:
    """Let the settings ask macOS for its language again, before and after the test."""
    _read_macos_language.cache_clear()
    yield
    _read_macos_language.cache_clear()


TEST_SWITCHES = {
    "CONSOLE_TIME_SCALE": "20",
    "CONSOLE_LEASES": "off",
    "CONSOLE_FAILPOINT": "before_send:1:kill",
    "CONSOLE_TEST_NUMBERS": "1",
    "CONSOLE_REFUND_COOLING_OFF_SECONDS": "1",
}
REMOTE_PROVIDER_SETTINGS = {
    "a provider's URL elsewhere": {"CONSOLE_ALARMBOX_URL": "https://alarmbox.example"},
    "another provider's URL elsewhere": {
        "CONSOLE_ALARMBOX_URL": LOOPBACK_URL,
        "CONSOLE_PAYPAY_URL": "https://paypay.example",
    },
    "credentials without a URL": {"CONSOLE_SECRET_ALARMBOX_CLIENT_ID": "id"},
}


@pytest.mark.parametrize("switch", TEST_SWITCHES)
@pytest.mark.parametrize("provider_setting", REMOTE_PROVIDER_SETTINGS)
def test_switches_for_tests_never_meet_a_real_provider(
    env: dict[str, str], switch: str, provider_setting: str
) -> None:
    """Each switch for tests is refused if a configured provider isn't on this machine. The refusal names the
    switch.
    """
    detail = read_refusal_detail(env | REMOTE_PROVIDER_SETTINGS[provider_setting] | {switch: TEST_SWITCHES[switch]})
    assert (detail["variable"], detail["problem"]) == (switch, "loopback_only")


@pytest.mark.parametrize("url", [LOOPBACK_URL, "http://localhost:1", "http://[::1]:8080", "https://127.8.9.1"])
def test_switches_for_tests_are_accepted_with_local_providers(env: dict[str, str], url: str) -> None:
    """If all providers are on loopback, every switch for tests is accepted, with or without credentials."""
    given = {"CONSOLE_ALARMBOX_URL": url, "CONSOLE_SECRET_ALARMBOX_CLIENT_ID": "id"}
    assert set(Settings.load(env | given | TEST_SWITCHES).active_test_switches) == set(TEST_SWITCHES)


def test_a_switch_with_its_default_value_is_accepted(env: dict[str, str]) -> None:
    """A switch for tests that is set to its default value, such as a time scale of 1, is accepted even with a real
    provider.
    """
    environment = {"CONSOLE_TIME_SCALE": "1", "CONSOLE_LEASES": "on", "CONSOLE_TEST_NUMBERS": "0"}
    settings = Settings.load(env | REMOTE_PROVIDER_SETTINGS["a provider's URL elsewhere"] | environment)
    assert settings.active_test_switches == ()
    assert settings.environment == "production"


def test_a_test_account_may_use_the_test_numbers(env: dict[str, str], tmp_path: Path) -> None:
    """If the profile says that the provider account is a test account, test numbers are accepted and every other
    switch for tests is refused.
    """
    (tmp_path / "profile.toml").write_text("[alarmbox]\ntest_account = true\n")
    real = env | REMOTE_PROVIDER_SETTINGS["credentials without a URL"]
    settings = Settings.load(real | {"CONSOLE_TEST_NUMBERS": "1"})
    assert (settings.allows_test_numbers, settings.environment) == (True, "test")
    assert read_refusal_detail(real | {"CONSOLE_TIME_SCALE": "20"})["problem"] == "loopback_only"


def test_training_settings_refuse_remote_providers(env: dict[str, str], tmp_path: Path) -> None:
    """In the environment `training`, settings of a provider that isn't on this machine are refused."""
    (tmp_path / "profile.toml").write_text('environment = "training"\n')
    assert Settings.load(env).environment == "training"
    assert (
        read_refusal_detail(env | REMOTE_PROVIDER_SETTINGS["credentials without a URL"])["problem"]
        == "training_reaches_provider"
    )


def test_calls_are_spaced_unless_the_provider_is_here(env: dict[str, str], tmp_path: Path) -> None:
    """Calls to AlarmBox are one second apart by default and have no pause if AlarmBox is on loopback. A value in the
    profile replaces both defaults.
    """
    assert Settings.load(env).alarmbox_spacing_seconds == 1.0
    assert Settings.load(env | {"CONSOLE_ALARMBOX_URL": LOOPBACK_URL}).alarmbox_spacing_seconds == 0.0
    (tmp_path / "profile.toml").write_text("[alarmbox]\nspacing_seconds = 2\n")
    assert Settings.load(env | {"CONSOLE_ALARMBOX_URL": LOOPBACK_URL}).alarmbox_spacing_seconds == 2.0


def test_a_relative_database_path_becomes_absolute(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative path in an SQLite URL is made absolute when the settings are loaded."""
    monkeypatch.chdir(tmp_path)
    settings = Settings.load(env | {"CONSOLE_DATABASE_URL": "sqlite:///here.db"})
    assert settings.database_path == tmp_path / "here.db"
    assert settings.database_url == f"sqlite:///{tmp_path}/here.db"


def test_a_folder_with_a_space_becomes_a_proper_url(env: dict[str, str], tmp_path: Path) -> None:
    """A documents URL is percent-encoded, also for a home folder with spaces or Japanese characters, and an encoded
    one is accepted.
    """
    spaced = tmp_path / "調査 100%"
    assert Settings.load({"CONSOLE_HOME": str(spaced)}).documents_url.endswith("%20100%25/documents")
    encoded = spaced.as_uri()
    assert Settings.load({"CONSOLE_HOME": str(spaced)}).documents_url == f"{encoded}/documents"
    assert Settings.load(env | {"CONSOLE_DOCUMENTS_URL": encoded}).documents_url == encoded
    assert Settings.load(env | {"CONSOLE_DOCUMENTS_URL": "gs://papers/desk/"}).documents_url == "gs://papers/desk"


PROVIDER_URLS = [
    ("https://api.example", "https://api.example"), ("https://API.Example:8443/", "https://api.example:8443"),
    ("HTTPS://api.example", "https://api.example"), ("https://日本語.jp", "https://xn--wgv71a119e.jp"),
    ("https://9.9.9.9", "https://9.9.9.9"), ("https://[2620:fe::fe]:443", "https://[2620:fe::fe]:443"),
    ("https://192.168.0.1", None), ("https://[fd00::1]", None), ("https://169.254.169.254", None),
    ("http://localhost:8080", "http://localhost:8080"), ("http://127.0.0.1", "http://127.0.0.1"),
    ("http://[0:0:0:0:0:0:0:1]:1", "http://[0:0:0:0:0:0:0:1]:1"),
    ("http://api.example", None), ("http://192.0.2.1", None), ("http://0.0.0.0:80", None), ("http://127.1", None),
    ("http://2130706433", None), ("http://0x7f000001", None), ("http://localhost.example", None),
    ("http://127.0.0.1.example", None), ("http://127.0.0.1@evil.example", None), ("https://u:pw@h.example", None),
    ("https://@h.example", None), ("https://h.example/path", None), ("https://h.example?q", None),
    ("https://h.example#f", None), ("https://h.example\\@127.0.0.1", None), ("https://h.example:0", None),
    ("https://h.example:65536", None), ("https://h.example:", None), ("https://h.example:８０", None),
    ("https://", None), ("https:///h.example", None), ("//h.example", None), ("h.example", None),
    ("ftp://h.example", None), ("file:///etc/passwd", None), ("https://h example", None),
    ("https://h\n.example", None), ("https://-h.example", None), ("https://[fe80::1%25eth0]", None),
    ("https://[::1", None), ("https://%6c.example", None), ("https://" + "a" * 64 + ".example", None),
    ("http://１２７.0.0.1", None), ("https://h.example\0", None), ("http://ⓛocalhost", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "origin"), PROVIDER_URLS)
def test_a_provider_url_needs_https_or_this_machine(env: dict[str, str], text: str, origin: str | None) -> None:
    """A provider's URL must have https, or http on this machine, and must be an origin without a path."""
    given = env | {"CONSOLE_ALARMBOX_URL": text}
    if origin is None:
        assert read_refusal_detail(given)["variable"] == "CONSOLE_ALARMBOX_URL"
    else:
        assert Settings.load(given).get_provider_url("alarmbox") == origin


def test_a_provider_is_enabled_by_url_or_credentials(env: dict[str, str]) -> None:
    """A provider is disabled if it has no URL and no credentials. A URL or credentials enable it."""
    without = load_settings(env, find_keyring=lambda: None)
    assert not any(map(without.is_enabled, ("alarmbox", "paypay", "atom")))
    secrets = {"CONSOLE_SECRET_ALARMBOX_CLIENT_ID": "a", "CONSOLE_SECRET_ALARMBOX_CLIENT_SECRET": "b"}
    assert load_settings(env | secrets, find_keyring=lambda: None).is_enabled("alarmbox")
    assert load_settings(env | {"CONSOLE_ALARMBOX_URL": LOOPBACK_URL}, find_keyring=lambda: None).is_enabled(
        "alarmbox"
    )


@pytest.mark.parametrize("name", ["p%20q", "50%", "a b#c", "デスク", *(["who?"] if sys.platform != "win32" else [])])
def test_a_home_folder_of_any_name_contains_the_database(tmp_path: Path, name: str) -> None:
    """The name of the home folder may contain characters that have a meaning in URLs. The database file is in this
    folder, by default and with an explicit database URL.
    """
    from sqlalchemy import make_url

    home = tmp_path / name
    settings = Settings.load({"CONSOLE_HOME": str(home)})
    assert make_url(settings.database_url).database == str(home / "console.db")
    written = Settings.load({"CONSOLE_HOME": str(home), "CONSOLE_DATABASE_URL": settings.database_url})
    assert (written.database_url, written.database_path) == (settings.database_url, home / "console.db")
