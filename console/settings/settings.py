"""The settings of a desk. An environment variable overrides the profile file; secrets come from environment
variables or the keyring."""

import os
import re
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar, cast

from console.domain.payments import provider_registry
from console.domain.setting_problems import SettingProblem
from console.settings.alerts import AlertSettings, read_alert_settings
from console.settings.database_login import DatabaseSignIn
from console.settings.profile_file import read_profile
from console.settings.provider_access import (
    PRODUCTION_ENVIRONMENT,
    ConfiguredProvider,
    ProviderAccess,
    ProviderSettingsT,
    choose_spacing_seconds,
    find_provider_environment,
    get_access_by_provider,
    list_credential_names,
    list_required_secret_names,
    parse_call_url,
    parse_seconds,
)
from console.settings.secrets import STORE_KEY_NAME, Keyring, SecretStore, find_system_keyring
from console.settings.urls import (
    is_loopback_url,
    make_folder_url,
    make_sqlite_url,
    mask_password,
    parse_database_url,
    parse_documents_url,
    parse_hosts,
    parse_provider_url,
    parse_redis_url,
    require_known_host,
)
from console.settings.value_parsers import CLIENT_ID_PATTERN, RawSetting, make_bad_profile_error, make_choice_parser

if TYPE_CHECKING:
    from console.settings.provider_merchant import ProviderMerchant

DEFAULT_ALARMBOX_SPACING_SECONDS = 1.0
DEFAULT_RECEIVER_PORT = 8089
DEFAULT_IDLE_LOCK_MINUTES = 10
NOTICE_KEY_PATTERN = r"NOTICE_[A-Z0-9_]+_KEY"  # a text: `re` compiles it at its first use
"""Names of the secrets that are keys of signed notices."""
_MAX_FILE_DESCRIPTOR = 1_048_576
_MAX_MACOS_LANGUAGE_SECONDS = 2

ValueT = TypeVar("ValueT")
DefaultT = TypeVar("DefaultT")


# Settings are never compared; each method that `dataclass` makes is compiled at every start.
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Settings:
    """All settings of a desk, validated. Paths are absolute.

    Five fields are test switches. `failpoint` is (step, count, action): the program performs the action when it
    reaches the step for the count-th time. `time_scale` divides all waits (1.0: real time). `uses_leases` False:
    purchases, refunds and starts of payments acquire no lease. `allows_test_numbers`: AlarmBox's test numbers are
    accepted as corporation numbers. `refund_cooling_off_seconds` replaces the cooling-off period of every refund.

    Secrets, and URLs that may contain a password, are not fields. Methods read them by name, so that no `repr`,
    `asdict` or pickle contains them.

    `receiver_address` is the IP address at which the receiver of notices listens, `receiver_trusted_proxies` the
    networks (CIDR) of the proxies before it. `registry_folder` is the watched folder. `idle_lock_seconds` is the time
    without input after which the window locks. `operator_password_fd` is the file descriptor from which a program
    gives the operator's password.

    A field is None if the setting isn't set. This means, for `operator`: the operator has no name; for `clients`:
    every client id is accepted; for `contact_name` and `contact_telephone`: the sign-in shows no contact person; for
    `database_path`: the database is on a server; for a value of `provider_urls`: the provider's own hosts are used;
    for `refund_cooling_off_seconds`: the cooling-off period in the table `limits` is used; for
    `receiver_certificate`: this desk has no certificate.
    """

    home: Path
    database_path: Path | None  # the SQLite file; None for a server
    documents_url: str
    language: Literal["ja", "en"]
    operator: str | None
    clients: frozenset[str] | None
    provider_urls: Mapping[str, str | None]  # by provider; None: the provider's own hosts
    finds_alarmbox_purchases: bool
    alarmbox_redirect_uri: str | None  # None: AlarmBox shows the authorisation code on its own page
    alarmbox_spacing_seconds: float
    is_alarmbox_test_account: bool
    allows_test_numbers: bool
    time_scale: float
    uses_leases: bool
    failpoint: tuple[str, int, str] | None
    refund_cooling_off_seconds: int | None
    provider_settings: Mapping[str, object]  # by payment provider; read with `get_provider_settings`
    alerts: AlertSettings
    registry_folder: Path | None  # where the registry's files appear; None: nowhere
    receiver_address: str
    receiver_port: int
    receiver_trusted_proxies: tuple[str, ...]
    receiver_certificate: Path | None
    receiver_key: Path | None
    environment: Literal["production", "test", "training"]
    idle_lock_seconds: int
    contact_name: str | None  # whom a person calls who can't sign in
    contact_telephone: str | None
    operator_password_fd: int | None  # file descriptor from which a program gives the password of a decision
    secrets: SecretStore = field(repr=False, compare=False)
    sign_in: DatabaseSignIn = field(repr=False, compare=False)

    @staticmethod
    def load(env: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings from `env` (None: the environment of the process) and from `profile.toml` in the home
        folder, and return them. No file or folder is created.

        Raises ConsoleError `bad_profile` for an invalid setting, with the facts `variable` and `problem`; if the
        setting is in the profile file, also with `file` and `line`.
        """
        return load_settings(os.environ if env is None else env)

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL of the database. For a server it contains the password, so don't show it to people.

        Raises ConsoleError `bad_profile` if the database account or its password is unknown, so that a person must
        sign in.
        """
        return self.sign_in.database_url()

    @property
    def masked_database_url(self) -> str:
        """The URL of the database without a password, for showing it to people."""
        return mask_password(self.secrets.find_configured_url("DATABASE_URL") or "")

    @property
    def redis_url(self) -> str | None:
        """The URL of the optional Redis cache, which may contain a password; None without a cache."""
        return self.secrets.find_configured_url("REDIS_URL") or None

    def get_provider_url(self, provider: str) -> str | None:
        """Return the origin (scheme, host and port) that is configured for a provider; None if its own hosts are
        used."""
        return self.provider_urls[provider]

    def get_provider_settings(self, provider: ConfiguredProvider[ProviderSettingsT]) -> ProviderSettingsT:
        """Return the settings of a payment provider. Their type is the one that the provider's `read_settings`
        returns."""
        return cast(ProviderSettingsT, self.provider_settings[provider.name])

    def is_on_loopback(self, provider: str) -> bool:
        """Return True if an origin is configured for the provider and this origin is on this machine. Return False
        for any other origin, and for a provider without a configured origin, because its own hosts are used. Also
        return False for the sender of signed notices, which never has an origin.
        """
        url = self.provider_urls.get(provider)
        return url is not None and is_loopback_url(url)

    def is_enabled(self, provider: str) -> bool:
        """Return True if the provider has a configured origin, or if all secrets that enable it are set. This may
        read the keyring."""
        return self.get_provider_url(provider) is not None or all(
            map(self.read_secret, list_credential_names(provider))
        )

    def list_missing_secret_names(self, provider: str) -> tuple[str, ...]:
        """Return the names of the environment variables for the secrets that the provider needs and that are
        missing. This may read the keyring."""
        return tuple(
            f"CONSOLE_SECRET_{name}" for name in list_required_secret_names(provider) if not self.read_secret(name)
        )

    def read_secrets(self, provider: str) -> dict[str, str]:
        """Return all secrets that a provider needs, by name without the provider's prefix (`API_KEY`). A missing
        secret is "". This may read the keyring."""
        return {
            name.removeprefix(f"{provider.upper()}_"): self.read_secret(name) or ""
            for name in list_required_secret_names(provider)
        }

    def read_merchant(self, provider: str) -> "ProviderMerchant":
        """Return our merchant at the provider, under which this desk calls this provider. This may read the
        keyring."""
        from console.settings.provider_merchant import ProviderMerchant  # the start of the window calls no provider

        access, url = get_access_by_provider()[provider], self.get_provider_url(provider)
        environments: Collection[str] = (PRODUCTION_ENVIRONMENT,)
        plugins = provider_registry.list_providers_of_type(ConfiguredProvider)
        if url is not None:
            environments = (find_provider_environment(url, access),)
        elif plugin := next((plugin for plugin in plugins if plugin.name == provider), None):
            environments = plugin.list_environments(self.provider_settings[provider])
        merchant_id = (
            self.read_secret(f"{provider.upper()}_{access.merchant_credential_name}")
            if access.merchant_credential_name
            else ""
        )
        return ProviderMerchant("+".join(sorted(set(environments))), merchant_id or "")

    def get_merchant_variable(self, provider: str) -> str:
        """Return the name of the environment variable with the secret that names our merchant at the provider, such
        as `CONSOLE_SECRET_PAYPAY_MERCHANT_ID`. The variable needn't be set."""
        return f"CONSOLE_SECRET_{provider.upper()}_{get_access_by_provider()[provider].merchant_credential_name}"

    def read_secret(self, secret_name: str) -> str | None:
        """Return a secret by its name (such as `ALARMBOX_CLIENT_ID`) from the environment variables, otherwise from
        the keyring; None if it is missing. Raises ConsoleError `bad_profile` if the keyring can't be read or its
        secret is unusable.

        While a test switch is on, secrets of providers aren't read from the keyring, so that a process with a fast
        clock or a failpoint can't use real credentials.
        """
        provider = secret_name.split("_")[0].lower()
        return self.secrets.read_secret(
            secret_name, must_ask_keyring=not (self.active_test_switches and provider in get_access_by_provider())
        )

    def list_credential_variables(self) -> tuple[str, ...]:
        """Return the names of those environment variables that contain a secret of a provider, a key that signs
        notices, or the store key, or that contain the path of a file with such a secret. Variables that aren't set
        are left out."""
        names = self.secrets.list_secret_names_in_environment()
        notice_keys = {name for name in names if re.fullmatch(NOTICE_KEY_PATTERN, name)}
        return tuple(
            self.secrets.get_variable_with_secret(name)
            for name in sorted(names & set(_list_credential_names()) | notice_keys)
        )

    def list_credential_keyring_entries(self) -> tuple[str, ...]:
        """Return the names of the keyring's entries that contain a provider's secret or the store key. Raises
        ConsoleError `bad_profile` if the keyring can't be read."""
        return tuple(name for name in _list_credential_names() if self.secrets.read_keyring_entry(name, name))

    def read_store_key(self) -> str:
        """Return the store key, which encrypts stored tokens and spooled answers; it has at least 16 characters.
        For an SQLite database, a missing key is created in the keyring.

        Raises ConsoleError `bad_profile` if the key is missing and can't be created, if the keyring can't be read, or
        if the key has fewer than 16 characters.
        """
        return self.secrets.read_store_key(may_create=self.database_path is not None)

    def read_draft_key(self) -> str:
        """Return the key that encrypts the data that the window stores on this desk for its person, such as
        drafts. With an SQLite database this is the store key, with a database server a key which only this desk
        has. A missing key is created in the keyring.

        Raises ConsoleError `bad_profile` if the key is missing and there is no keyring, if the keyring can't be read,
        or if the key has fewer than 16 characters.
        """
        return self.read_store_key() if self.database_path is not None else self.secrets.read_draft_key()

    def is_accepted_client(self, client_id: str) -> bool:
        """Return True if the text has the form of a client id and is one of the configured clients. If no clients are
        configured, every text in the form of a client id is accepted."""
        return bool(re.fullmatch(CLIENT_ID_PATTERN, client_id)) and (
            self.clients is None or client_id in self.clients
        )

    @property
    def active_test_switches(self) -> tuple[str, ...]:
        """The environment variables of the test switches that are on. Test switches are allowed only if all
        configured providers are on this machine."""
        states = {
            "CONSOLE_TIME_SCALE": self.time_scale != 1,
            "CONSOLE_LEASES": not self.uses_leases,
            "CONSOLE_FAILPOINT": self.failpoint is not None,
            "CONSOLE_REFUND_COOLING_OFF_SECONDS": self.refund_cooling_off_seconds is not None,
            "CONSOLE_TEST_NUMBERS": self.allows_test_numbers and not self.is_alarmbox_test_account,
        }
        return tuple(name for name, is_on in states.items() if is_on)


def _list_credential_names() -> tuple[str, ...]:
    """Return the names of all secrets of providers, and the name of the store key."""
    of_providers = (name for provider in get_access_by_provider() for name in list_required_secret_names(provider))
    return (*of_providers, "ALARMBOX_REFRESH_TOKEN", STORE_KEY_NAME)


def load_settings(
    env: Mapping[str, str], *, find_keyring: Callable[[], Keyring | None] = find_system_keyring
) -> Settings:
    """Read the settings from `env` (environment variables) and from `profile.toml` in the home folder, and return
    them. `find_keyring` returns the keyring of the operating system, None if there is none. Raises ConsoleError
    `bad_profile` for an invalid setting.
    """
    home = _get_home_folder(env)
    setting_source = _SettingSource(env, read_profile(home / "profile.toml"))
    default_database = home / "console.db"
    database, file = setting_source.get(
        "DATABASE_URL", parse_database_url, (make_sqlite_url(default_database), default_database)
    )
    urls = {"DATABASE_URL": database, "REDIS_URL": setting_source.get("REDIS_URL", parse_redis_url, "")}
    hosts = setting_source.get("PROVIDER_HOSTS", parse_hosts, ())
    provider_urls = {
        name: _read_provider_url(name, access, setting_source, hosts)
        for name, access in get_access_by_provider().items()
    }
    default_spacing = choose_spacing_seconds(provider_urls["alarmbox"], DEFAULT_ALARMBOX_SPACING_SECONDS)
    payment_providers = provider_registry.list_providers_of_type(ConfiguredProvider)
    operator = setting_source.get("OPERATOR", RawSetting.parse_operator, None)
    secrets = SecretStore(env, home, urls=urls, find_keyring=find_keyring)
    settings = Settings(
        home=home,
        database_path=file,
        documents_url=setting_source.get("DOCUMENTS_URL", parse_documents_url, make_folder_url(home / "documents")),
        language=setting_source.get("LANGUAGE", make_choice_parser("ja", "en"), detect_system_language(env)),
        operator=operator,
        clients=setting_source.get("CLIENTS", RawSetting.parse_clients, None),
        provider_urls=provider_urls,
        finds_alarmbox_purchases=setting_source.get("ALARMBOX_FIND_PURCHASES", RawSetting.parse_flag, False),
        alarmbox_redirect_uri=setting_source.get("ALARMBOX_REDIRECT_URI", parse_call_url, None),
        alarmbox_spacing_seconds=setting_source.get("alarmbox.spacing_seconds", parse_seconds, default_spacing),
        is_alarmbox_test_account=setting_source.get("alarmbox.test_account", RawSetting.parse_flag, False),
        allows_test_numbers=setting_source.get("TEST_NUMBERS", RawSetting.parse_flag, False),
        time_scale=setting_source.get("TIME_SCALE", lambda raw: raw.parse_number(1, 100), 1.0),
        uses_leases=setting_source.get("LEASES", lambda raw: make_choice_parser("on", "off")(raw) == "on", True),
        failpoint=setting_source.get("FAILPOINT", RawSetting.parse_failpoint, None),
        refund_cooling_off_seconds=setting_source.get(
            "REFUND_COOLING_OFF_SECONDS", lambda raw: raw.parse_integer(0, 999_999), None
        ),
        provider_settings={
            plugin.name: plugin.read_settings(setting_source, provider_urls[plugin.name], hosts)
            for plugin in payment_providers
        },
        alerts=read_alert_settings(setting_source),
        registry_folder=setting_source.get("REGISTRY_FOLDER", RawSetting.parse_folder, None),
        receiver_address=setting_source.get("RECEIVER_BIND", RawSetting.parse_ip_address, "127.0.0.1"),
        receiver_port=setting_source.get(
            "RECEIVER_PORT", lambda raw: raw.parse_integer(0, 65535), DEFAULT_RECEIVER_PORT
        ),
        receiver_trusted_proxies=setting_source.get("RECEIVER_TRUSTED_PROXIES", RawSetting.parse_networks, ()),
        receiver_certificate=setting_source.get("RECEIVER_CERTIFICATE", RawSetting.parse_path, None),
        receiver_key=setting_source.get("RECEIVER_KEY", RawSetting.parse_path, None),
        environment=setting_source.get(
            "environment", make_choice_parser("production", "test", "training"), "production"
        ),
        idle_lock_seconds=60
        * setting_source.get("idle_lock_minutes", lambda raw: raw.parse_integer(1, 120), DEFAULT_IDLE_LOCK_MINUTES),
        contact_name=setting_source.get("CONTACT_NAME", RawSetting.parse_single_line, None),
        contact_telephone=setting_source.get("CONTACT_TELEPHONE", RawSetting.parse_telephone, None),
        operator_password_fd=setting_source.get(
            "OPERATOR_PASSWORD_FD", lambda raw: raw.parse_integer(0, _MAX_FILE_DESCRIPTOR), None
        ),
        secrets=secrets,
        sign_in=DatabaseSignIn(database, operator, secrets),
    )
    return _require_consistent_settings(
        settings, has_configured_environment=setting_source.find("environment") is not None
    )


def _read_provider_url(
    provider: str, access: ProviderAccess, setting_source: "_SettingSource", hosts: Collection[str]
) -> str | None:
    """Return the origin that is configured for the provider; None if no origin is configured. Raises ConsoleError
    `bad_profile` for an invalid URL. Also raises ConsoleError `bad_profile` for a host in a profile file that is
    neither one of the provider's own hosts nor one of `hosts`."""
    known_hosts = {*access.environment_by_host, *hosts}
    return setting_source.get(
        f"{provider.upper()}_URL", lambda raw: require_known_host(raw, parse_provider_url(raw), known_hosts), None
    )


def _require_consistent_settings(settings: Settings, *, has_configured_environment: bool) -> Settings:
    """Check the rules that concern several settings, and return the settings. Raises ConsoleError `bad_profile` if a
    test switch or the environment `training` is combined with a real provider.

    `has_configured_environment`: the setting `environment` is set. If it isn't, the environment of the returned
    settings is `test` for a test account at AlarmBox, or if providers are configured and all of them are on this
    machine; otherwise it is that of `settings`.
    """
    remote_providers = _list_remote_providers(settings)
    if settings.active_test_switches and remote_providers:
        raise make_bad_profile_error(
            settings.active_test_switches[0],
            SettingProblem.TEST_SETTING_WITH_REAL_PROVIDER,
            provider=remote_providers[0],
        )
    if settings.environment == "training" and remote_providers:
        raise make_bad_profile_error(
            "environment", SettingProblem.TRAINING_REACHES_PROVIDER, provider=remote_providers[0]
        )
    is_test = settings.is_alarmbox_test_account or (not remote_providers and any(settings.provider_urls.values()))
    return replace(settings, environment="test") if is_test and not has_configured_environment else settings


def _list_remote_providers(settings: Settings) -> list[str]:
    """Return the names of the providers that are configured (by an origin, or by a secret in the environment
    variables) and are not on this machine."""
    prefixes = {name.split("_")[0].lower() for name in settings.secrets.list_secret_names_in_environment()}
    return [
        name
        for name in get_access_by_provider()
        if not settings.is_on_loopback(name) and (settings.get_provider_url(name) or name in prefixes)
    ]


class _SettingSource:
    """Reads settings from environment variables and the profile file. The name of a setting in capitals is the name
    of its environment variable without `CONSOLE_`; this variable overrides the profile file. A name in small letters
    is a key that only the profile file can have. An empty environment variable counts as unset.
    """

    def __init__(self, env: Mapping[str, str], profile: Mapping[str, RawSetting]) -> None:
        self._env = env
        self._profile = profile

    def find(self, setting_name: str) -> RawSetting | None:
        """Return the setting with this name, as text; None if it is set nowhere."""
        text = self._env.get(f"CONSOLE_{setting_name}", "").strip() if setting_name.isupper() else ""
        return RawSetting(f"CONSOLE_{setting_name}", text) if text else self._profile.get(setting_name)

    def get(self, setting_name: str, parse: Callable[[RawSetting], ValueT], default: DefaultT) -> ValueT | DefaultT:
        raw = self.find(setting_name)
        return default if raw is None else parse(raw)


def _get_home_folder(env: Mapping[str, str]) -> Path:
    for name, value in env.items():
        if name.startswith("CONSOLE_") and not _is_valid_unicode(value):
            raise make_bad_profile_error(name, SettingProblem.NOT_UTF8)
    if env.get("CONSOLE_HOME", "").strip():
        return RawSetting("CONSOLE_HOME", env["CONSOLE_HOME"]).parse_home_folder()
    from platformdirs import user_data_path

    try:
        folder = user_data_path("support-console", appauthor=False)
    except RuntimeError as cause:  # the system knows no home folder of this user, and HOME names none
        raise make_bad_profile_error("CONSOLE_HOME", SettingProblem.BAD_PATH) from cause
    return RawSetting("CONSOLE_HOME", str(folder)).parse_home_folder()


def _is_valid_unicode(value: str) -> bool:
    """Return True if the text has no surrogates. Python uses surrogates in a text for bytes that are not UTF-8."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def detect_system_language(env: Mapping[str, str]) -> Literal["ja", "en"]:
    """Return `ja` if the operating system's language is Japanese, otherwise `en`."""
    if sys.platform == "win32":
        import ctypes

        return "ja" if ctypes.windll.kernel32.GetUserDefaultUILanguage() & 0x3FF == 0x11 else "en"
    locale_name = next(filter(None, map(env.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    if not locale_name and sys.platform == "darwin":
        locale_name = _read_macos_language()
    return "ja" if locale_name == "ja" or locale_name.startswith(("ja.", "ja_", "ja-")) else "en"


@cache
def _read_macos_language() -> str:
    """Return the first of the person's preferred languages in the settings of macOS, such as `ja-JP`; "" if it can't
    be read. An app that is started from Finder has no variable such as LANG. (Python itself can set LC_CTYPE there,
    so that variable says nothing.)
    """
    import subprocess  # only here: the import delays the start

    try:
        completed_process = subprocess.run(
            ["/usr/bin/defaults", "read", "-g", "AppleLanguages"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_MAX_MACOS_LANGUAGE_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    languages = re.findall(r"[\w-]+", completed_process.stdout.decode("ascii", "replace"))
    return languages[0] if languages else ""
