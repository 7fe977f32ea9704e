"""What a desk is told: the environment over the profile file, secrets from the environment or the keyring."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeVar

from console.domain.errors import ConsoleError
from console.profile_file import read_profile
from console.secret_store import Keyring, SecretStore, system_keyring
from console.setting_alerts import AlertSettings, alert_settings
from console.setting_payments import AtomSettings, PayPaySettings, atom_settings, paypay_settings, spacing
from console.setting_urls import (
    database_url,
    documents_url,
    folder_url,
    is_loopback,
    masked,
    provider_url,
    redis_url,
    sqlite_url,
)
from console.setting_values import CLIENT_ID, Given
from console.sign_in import SignIn

PROVIDERS = ("alarmbox", "paypay", "atom")
_LOOPBACK_NETWORKS = ("127.0.0.0/8", "::1/128")
# What a provider can't be reached without. The AlarmBox refresh token is not among them: after the first
# time it lives in the database.
_CREDENTIALS: Mapping[str, tuple[str, ...]] = {
    "alarmbox": ("ALARMBOX_CLIENT_ID", "ALARMBOX_CLIENT_SECRET"),
    "paypay": ("PAYPAY_API_KEY", "PAYPAY_API_SECRET", "PAYPAY_MERCHANT_ID"),
    "atom": ("ATOM_MERCH_ID", "ATOM_PASSWORD"),
}
_KEYS = ("REQUEST_KEY", "REQUEST_SALT", "RESPONSE_KEY", "RESPONSE_SALT", "REQUEST_HASH_KEY", "RESPONSE_HASH_KEY")
NEEDED: Mapping[str, tuple[str, ...]] = {
    **_CREDENTIALS,
    "atom": (*_CREDENTIALS["atom"], *(f"ATOM_{name}" for name in _KEYS)),
}
"""Every secret without which a provider can't be asked."""

ALARMBOX_SPACING_SECONDS = 1.0
RECEIVER_PORT = 8089
IDLE_LOCK_MINUTES = 10
VARIABLES = tuple(
    f"CONSOLE_{name}"
    for name in (
        "DATABASE_URL", "DOCUMENTS_URL", "REDIS_URL", "LANGUAGE", "OPERATOR", "CLIENTS",
        "ALARMBOX_URL", "PAYPAY_URL", "ATOM_URL", "ALARMBOX_FIND_PURCHASES",
        "RECEIVER_BIND", "RECEIVER_PORT", "RECEIVER_TRUSTED_PROXIES", "RECEIVER_CERTIFICATE", "RECEIVER_KEY",
        "PAYPAY_WEBHOOK_SOURCES",
        "REFUND_COOLING_OFF_SECONDS", "TIME_SCALE", "LEASES", "FAILPOINT", "TEST_NUMBERS",
        "ALERTS_WEBHOOK_URL", "ALERTS_WEBHOOK_NETWORKS", "ALERTS_KAFKA_BROKERS",
    )
)  # fmt: skip

T = TypeVar("T")
D = TypeVar("D")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that differs between desks, checked. Durations in seconds, paths absolute.

    `failpoint` is (step, nth passing, action). Secrets and the URLs that may hold a password are no fields:
    they are asked for by name and appear in no `repr`, no `asdict` and no pickle.
    """

    home: Path
    database_path: Path | None  # the SQLite file; None for a server
    documents_url: str
    language: Literal["ja", "en"]
    operator: str | None
    clients: frozenset[str] | None
    alarmbox_url: str | None
    paypay_url: str | None
    atom_url: str | None
    alarmbox_find_purchases: bool
    alarmbox_spacing_seconds: float
    alarmbox_test_account: bool
    test_numbers: bool
    time_scale: float
    leases: bool
    failpoint: tuple[str, int, str] | None
    refund_cooling_off_seconds: int | None
    paypay: PayPaySettings
    atom: AtomSettings
    alerts: AlertSettings
    receiver_bind: str
    receiver_port: int
    receiver_trusted_proxies: tuple[str, ...]
    receiver_certificate: Path | None
    receiver_key: Path | None
    paypay_webhook_sources: tuple[str, ...]
    environment_word: Literal["production", "test", "training"]
    idle_lock_seconds: int
    secrets: SecretStore = field(repr=False, compare=False)
    sign_in: SignIn = field(repr=False, compare=False)

    @staticmethod
    def load(env: Mapping[str, str] | None = None) -> "Settings":
        """Read `env` (default: the process's) over `profile.toml` in the home folder; creates nothing.

        Raises `bad_profile` with detail.variable and detail.problem, and file and line where it is the file.
        """
        return load_settings(os.environ if env is None else env)

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL, a server's password included: hand it on, never show it.

        Raises `bad_profile` where a server's account or password isn't known yet: somebody has to sign in.
        """
        return self.sign_in.url()

    @property
    def database_shown(self) -> str:
        """The database for people: no password."""
        return masked(self.secrets.url("DATABASE_URL") or "")

    @property
    def redis_url(self) -> str | None:
        """Where the optional cache answers; may hold a password."""
        return self.secrets.url("REDIS_URL") or None

    def url(self, provider: str) -> str | None:
        """The configured origin of `alarmbox`, `paypay` or `atom`; None: the provider's own hosts."""
        return {"alarmbox": self.alarmbox_url, "paypay": self.paypay_url, "atom": self.atom_url}[provider]

    def on_loopback(self, provider: str) -> bool:
        url = self.url(provider)
        return url is not None and is_loopback(url)

    def enabled(self, provider: str) -> bool:
        """Whether the provider has a URL of its own here, or credentials. May ask the keyring."""
        return self.url(provider) is not None or all(map(self.secret, _CREDENTIALS[provider]))

    def missing(self, provider: str) -> tuple[str, ...]:
        """The variables of the secrets that a provider lacks here. May ask the keyring."""
        return tuple(f"CONSOLE_SECRET_{name}" for name in NEEDED[provider] if not self.secret(name))

    def secret(self, name: str) -> str | None:
        """A secret by its name (`ALARMBOX_CLIENT_ID`), environment first, then keyring; else None.

        While a switch for tests is on, the keyring stays closed for providers: their real credentials can't
        be reached by a process whose clock runs fast or which dies on purpose.
        """
        provider = name.split("_")[0].lower()
        return self.secrets.get(name, ask_keyring=not (self.switches and provider in PROVIDERS))

    def store_key(self) -> str:
        """The key of stored tokens and spooled answers, at least 16 characters.

        For an embedded database one is made in the system's keyring when there is none yet. Raises
        `bad_profile` when there is no key and nowhere to keep one.
        """
        return self.secrets.store_key(may_make=self.database_path is not None)

    def knows_client(self, client_id: str) -> bool:
        """Whether the id has the right form and is one of the clients that exist."""
        return bool(CLIENT_ID.fullmatch(client_id)) and (self.clients is None or client_id in self.clients)

    @property
    def switches(self) -> tuple[str, ...]:
        """The variables in force that are allowed with providers on this machine alone."""
        on = {
            "CONSOLE_TIME_SCALE": self.time_scale != 1,
            "CONSOLE_LEASES": not self.leases,
            "CONSOLE_FAILPOINT": self.failpoint is not None,
            "CONSOLE_REFUND_COOLING_OFF_SECONDS": self.refund_cooling_off_seconds is not None,
            "CONSOLE_TEST_NUMBERS": self.test_numbers and not self.alarmbox_test_account,
        }
        return tuple(name for name, is_on in on.items() if is_on)


def load_settings(env: Mapping[str, str], *, keyring: Callable[[], Keyring | None] = system_keyring) -> Settings:
    """`Settings.load`, with the keyring to ask."""
    home = _home(env)
    given = _Sources(read_profile(home / "profile.toml") | _from_environment(env))
    default_database = home / "console.db"
    database, file = given.get("DATABASE_URL", database_url, (sqlite_url(default_database), default_database))
    urls = {"DATABASE_URL": database, "REDIS_URL": given.get("REDIS_URL", redis_url, "")}
    alarmbox = given.get("ALARMBOX_URL", provider_url, None)
    paypay, atom = given.get("PAYPAY_URL", provider_url, None), given.get("ATOM_URL", provider_url, None)
    pause = spacing(alarmbox, ALARMBOX_SPACING_SECONDS)
    operator = given.get("OPERATOR", Given.operator, None)
    secrets = SecretStore(env, home, urls=urls, keyring=keyring)
    settings = Settings(
        home=home,
        database_path=file,
        documents_url=given.get("DOCUMENTS_URL", documents_url, folder_url(home / "documents")),
        language=given.get("LANGUAGE", Given.language, system_language(env)),
        operator=operator,
        clients=given.get("CLIENTS", Given.clients, None),
        alarmbox_url=alarmbox,
        paypay_url=paypay,
        atom_url=atom,
        alarmbox_find_purchases=given.get("ALARMBOX_FIND_PURCHASES", Given.flag, False),
        alarmbox_spacing_seconds=given.get("alarmbox.spacing_seconds", _seconds, pause),
        alarmbox_test_account=given.get("alarmbox.test_account", Given.flag, False),
        test_numbers=given.get("TEST_NUMBERS", Given.flag, False),
        time_scale=given.get("TIME_SCALE", lambda it: it.number(1, 100), 1.0),
        leases=given.get("LEASES", lambda it: it.one_of("on", "off") == "on", True),
        failpoint=given.get("FAILPOINT", Given.failpoint, None),
        refund_cooling_off_seconds=given.get("REFUND_COOLING_OFF_SECONDS", _whole_seconds, None),
        paypay=paypay_settings(given, paypay),
        atom=atom_settings(given, atom),
        alerts=alert_settings(given),
        receiver_bind=given.get("RECEIVER_BIND", Given.address, "127.0.0.1"),
        receiver_port=given.get("RECEIVER_PORT", lambda it: it.whole(0, 65535), RECEIVER_PORT),
        receiver_trusted_proxies=given.get("RECEIVER_TRUSTED_PROXIES", Given.networks, ()),
        receiver_certificate=given.get("RECEIVER_CERTIFICATE", Given.path, None),
        receiver_key=given.get("RECEIVER_KEY", Given.path, None),
        paypay_webhook_sources=given.get("PAYPAY_WEBHOOK_SOURCES", Given.networks, _LOOPBACK_NETWORKS),
        environment_word=given.get("environment", Given.environment_word, "production"),
        idle_lock_seconds=60 * given.get("idle_lock_minutes", lambda it: it.whole(1, 120), IDLE_LOCK_MINUTES),
        secrets=secrets,
        sign_in=SignIn(database, operator, secrets),
    )
    return _checked_as_a_whole(settings, named="environment" in given.settings)


def _checked_as_a_whole(settings: Settings, *, named: bool) -> Settings:
    """Rules over several settings: switches for tests and a word for training keep off real money."""
    abroad = _beyond_this_machine(settings)
    if settings.switches and abroad:
        raise _refused(settings.switches[0], "loopback_only", provider=abroad[0])
    if settings.environment_word == "training" and abroad:
        raise _refused("environment", "training_reaches_provider", provider=abroad[0])
    local = settings.alarmbox_test_account or (not abroad and any(map(settings.url, PROVIDERS)))
    return replace(settings, environment_word="test") if local and not named else settings


def _beyond_this_machine(settings: Settings) -> list[str]:
    """Providers that are configured, by URL or by a given credential, and don't answer on loopback."""
    prefixes = {name.split("_")[0].lower() for name in settings.secrets.names()}
    return [
        name for name in PROVIDERS if not settings.on_loopback(name) and (settings.url(name) or name in prefixes)
    ]


class _Sources:
    """Settings by name as they were written; what nobody wrote takes its default."""

    def __init__(self, settings: Mapping[str, Given]) -> None:
        self.settings = settings

    def get(self, name: str, parse: Callable[[Given], T], default: D) -> T | D:
        return parse(self.settings[name]) if name in self.settings else default


def _from_environment(env: Mapping[str, str]) -> dict[str, Given]:
    """What the environment says; an empty variable counts as unset."""
    named = (Given(variable, env.get(variable, "").strip()) for variable in VARIABLES)
    return {given.name.removeprefix("CONSOLE_"): given for given in named if given.text}


def _seconds(given: Given) -> float:
    return given.number(0, 3600)


def _whole_seconds(given: Given) -> int:
    return given.whole(0, 999_999)


def _home(env: Mapping[str, str]) -> Path:
    for name, value in env.items():
        if name.startswith("CONSOLE_") and not _is_text(value):
            raise _refused(name, "not_utf8")
    if env.get("CONSOLE_HOME", "").strip():
        return Given("CONSOLE_HOME", env["CONSOLE_HOME"]).folder()
    from platformdirs import user_data_path

    return user_data_path("support-console", appauthor=False).absolute()


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def system_language(env: Mapping[str, str]) -> Literal["ja", "en"]:
    """Japanese where the system speaks Japanese, English everywhere else."""
    if sys.platform == "win32":
        import ctypes

        return "ja" if ctypes.windll.kernel32.GetUserDefaultUILanguage() & 0x3FF == 0x11 else "en"
    spoken = next(filter(None, map(env.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return "ja" if spoken.split(".")[0].split("_")[0] == "ja" else "en"


def _refused(variable: str, problem: str, **facts: object) -> ConsoleError:
    return ConsoleError("bad_profile", {"variable": variable, "problem": problem} | facts)
