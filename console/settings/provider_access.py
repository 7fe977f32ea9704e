"""The settings of providers: their hosts, secrets and keys in the profile file, and parsers that several providers
use."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar
from urllib.parse import urlsplit

from console.domain.payments import provider_registry
from console.domain.payments.provider_registry import ProviderTraits
from console.domain.setting_problems import SettingProblem
from console.settings.urls import is_loopback_url, parse_provider_url, require_known_host
from console.settings.value_parsers import RawSetting

PRODUCTION_ENVIRONMENT = "production"
"""Name of a provider's real environment."""
LOOPBACK_ENVIRONMENT = "loopback"
"""Name of the environment of a simulated provider on this machine."""
_CALL_URL_PATH_PATTERN = r"/[A-Za-z0-9/._~-]{0,200}"  # a text: `re` compiles it at its first use

ValueT = TypeVar("ValueT")
DefaultT = TypeVar("DefaultT")


class SettingSource(Protocol):
    """Interface of an object that reads settings. `get` returns the setting with this name, parsed by `parse`, or
    `default` if it isn't set."""

    def get(
        self, setting_name: str, parse: Callable[[RawSetting], ValueT], default: DefaultT
    ) -> ValueT | DefaultT: ...


@dataclass(frozen=True, slots=True, eq=False)
class ProviderAccess:
    """The hosts of a provider, and the names of its secrets and settings. The names of secrets are without the
    provider's prefix.

    - `environment_by_host`: the provider's own hosts, each with the name of its environment; a profile file may use
      only these hosts
    - `credential_names`: the names of the secrets that enable the provider when all of them are set
    - `additional_secret_names`: the names of the other secrets that a call needs
    - `merchant_credential_name`: the name of the secret that identifies our merchant, also after a key is replaced;
      "" if there is no such secret
    - `profile_keys`: keys in the provider's section of the profile file
    - `variable_by_profile_key`: other full keys of the profile file (such as `receiver.x`), each with its environment
      variable without `CONSOLE_`
    """

    environment_by_host: Mapping[str, str]
    credential_names: tuple[str, ...]
    additional_secret_names: tuple[str, ...] = ()
    merchant_credential_name: str = ""
    profile_keys: tuple[str, ...] = ()
    variable_by_profile_key: Mapping[str, str] = field(default_factory=dict)


class PaymentProviderSettings(Protocol):
    """Settings that the program reads for every payment provider, independently of its adapter."""

    @property
    def spacing_seconds(self) -> float:
        """The shortest time between the starts of two calls, in seconds."""
        ...


ProviderSettingsT = TypeVar("ProviderSettingsT", bound=PaymentProviderSettings)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ConfiguredProvider(ProviderTraits, Generic[ProviderSettingsT]):
    """The part of a payment provider's plugin that concerns settings. `access` has the provider's hosts and the names
    of its secrets. `read_settings` reads the provider's settings.

    `read_settings` gets the source of the settings, the configured origin (None: the provider's own hosts), and the
    additional hosts that a profile file may use. It raises ConsoleError `bad_profile` for an invalid setting.
    `list_environments` returns the names of the provider's environments to which the URLs in the settings belong.
    Normally this is one name; there are several names if a profile file mixes the URLs of several environments.
    """

    access: ProviderAccess
    read_settings: Callable[[SettingSource, str | None, Collection[str]], ProviderSettingsT]
    list_environments: Callable[[ProviderSettingsT], Collection[str]] = lambda _settings: (PRODUCTION_ENVIRONMENT,)


ALARMBOX_ACCESS = ProviderAccess(
    environment_by_host={"api.alarmbox.jp": PRODUCTION_ENVIRONMENT},
    # The refresh token is not among them, because after its first use it is in the database.
    credential_names=("CLIENT_ID", "CLIENT_SECRET"),
    merchant_credential_name="CLIENT_ID",
    profile_keys=("spacing_seconds", "test_account"),
    variable_by_profile_key={
        "alarmbox.find_purchases": "ALARMBOX_FIND_PURCHASES",
        "alarmbox.redirect_uri": "ALARMBOX_REDIRECT_URI",
    },
)
REGISTRY_ACCESS = ProviderAccess(
    environment_by_host={"api.houjin-bangou.nta.go.jp": PRODUCTION_ENVIRONMENT},
    credential_names=("APPLICATION_ID",),
    variable_by_profile_key={"registry.folder": "REGISTRY_FOLDER"},
)


def get_access_by_provider() -> Mapping[str, ProviderAccess]:
    """Return the hosts, names of secrets and keys of AlarmBox, of each payment provider and of the corporation
    registry's publisher, by the name of the provider."""
    payment_plugins = provider_registry.list_providers_of_type(ConfiguredProvider)
    return {
        "alarmbox": ALARMBOX_ACCESS,
        **{plugin.name: plugin.access for plugin in payment_plugins},
        "registry": REGISTRY_ACCESS,
    }


def list_credential_names(provider: str) -> tuple[str, ...]:
    """Return the full names of the secrets that enable a provider, such as `PAYPAY_API_KEY`."""
    return _add_provider_prefix(provider, get_access_by_provider()[provider].credential_names)


def list_required_secret_names(provider: str) -> tuple[str, ...]:
    """Return the full names of all secrets that a provider needs, such as `ATOM_PASSWORD`: its `credential_names` and
    its `additional_secret_names` (see ProviderAccess), with the provider's prefix."""
    access = get_access_by_provider()[provider]
    return _add_provider_prefix(provider, (*access.credential_names, *access.additional_secret_names))


def _add_provider_prefix(provider: str, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{provider.upper()}_{name}" for name in names)


def get_setting_name_by_profile_key() -> Mapping[str, str]:
    """Return a mapping from each provider key that the profile file can have to the name of its setting. This name is
    the name of the environment variable without `CONSOLE_`, or the key itself if no environment variable exists."""
    keys: dict[str, str] = {}
    for name, access in get_access_by_provider().items():
        own_keys = {f"{name}.{key}": f"{name}.{key}" for key in access.profile_keys}
        keys |= {f"{name}.url": f"{name.upper()}_URL", **access.variable_by_profile_key, **own_keys}
    return keys


def find_provider_environment(url: str, access: ProviderAccess) -> str:
    """Return the name of the provider's environment to which this URL belongs, such as `production`. Return
    `loopback` for a URL on this machine, and the host for a URL of a host that isn't one of the provider's own."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    return (
        LOOPBACK_ENVIRONMENT
        if is_loopback_url(f"{parts.scheme}://{parts.netloc}")
        else access.environment_by_host.get(host, host)
    )


# Parsers


def choose_spacing_seconds(url: str | None, spacing_seconds: float) -> float:
    """Return the shortest time between the starts of two calls to a provider, in seconds. `url` is the origin that
    replaces the provider's own hosts; None if none is configured. The result is 0 if `url` is on this machine, as a
    simulated provider is; otherwise it is `spacing_seconds`.
    """
    return 0.0 if url is not None and is_loopback_url(url) else spacing_seconds


def parse_seconds(raw: RawSetting) -> float:
    """Return the number of seconds in the text of a setting. Raises ConsoleError `bad_profile` for a text that is no
    number from 0 to 3,600.
    """
    return raw.parse_number(0, 3600)


def make_pattern_parser(pattern: str) -> Callable[[RawSetting], str]:
    """Return a parser that returns a text if the whole text matches `pattern`, and raises ConsoleError `bad_profile`
    for any other text."""

    def parse_matching_text(raw: RawSetting) -> str:
        if not re.fullmatch(pattern, raw.text):
            raise raw.make_error(SettingProblem.NOT_ALPHANUMERIC)
        return raw.text

    return parse_matching_text


def parse_call_url(raw: RawSetting, private_networks: Sequence[str] = ()) -> str:
    """Return the URL of a call: an origin that `parse_provider_url` accepts, and a path. The address of the host may
    be in one of `private_networks`. Raises ConsoleError `bad_profile` for an origin that `parse_provider_url`
    refuses, for a URL with a query or a fragment, and for a path that is missing, is very long, or has other
    characters than letters, digits and `._~-/`.
    """
    origin, path = _split_origin_and_path(raw)
    if not re.fullmatch(_CALL_URL_PATH_PATTERN, path):
        raise raw.make_error(SettingProblem.INVALID_CALL_URL)
    return parse_provider_url(RawSetting(raw.name, origin, raw.file), private_networks) + path


def parse_origins(raw: RawSetting, hosts: Collection[str], domain: str) -> tuple[str, ...]:
    """Return the origins (scheme, host and port) in a text that separates them by commas. In a profile file, each
    origin must be one of `hosts` or a host under `domain`, because the program trusts files that it downloads from
    there. Raises ConsoleError `bad_profile` for another host in a profile file, and for an origin that
    `parse_provider_url` refuses.
    """
    raw_origins = (RawSetting(raw.name, part.strip(), raw.file) for part in raw.text.split(","))
    return tuple(require_known_host(part, parse_provider_url(part), hosts, domain) for part in raw_origins)


def _split_origin_and_path(raw: RawSetting) -> tuple[str, str]:
    """Return the origin and the path of a URL. Raises ConsoleError `bad_profile` for a URL with a query or a
    fragment."""
    try:
        parts = urlsplit(raw.text)
    except ValueError:
        raise raw.make_error(SettingProblem.INVALID_CALL_URL) from None
    if parts.query or parts.fragment or "?" in raw.text or "#" in raw.text:
        raise raw.make_error(SettingProblem.INVALID_CALL_URL)
    return f"{parts.scheme}://{parts.netloc}", parts.path
