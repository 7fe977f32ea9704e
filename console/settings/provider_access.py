"""Providers in the settings: their hosts, secrets and keys, and parsers that several providers use."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar
from urllib.parse import urlsplit

from console.domain.payments import provider_registry
from console.domain.payments.provider_registry import ProviderTraits
from console.domain.setting_problems import SettingProblem
from console.settings.urls import is_loopback, parse_provider_url, require_known_host
from console.settings.value_parsers import RawSetting

_URL_PATH_PATTERN = re.compile(r"/[A-Za-z0-9/._~-]{0,200}")

T = TypeVar("T")
D = TypeVar("D")


class SettingSource(Protocol):
    """Interface to the texts of the settings. `get` returns the parsed setting of a name, or the default if it is not
    set.
    """

    def get(self, name: str, parse: Callable[[RawSetting], T], default: D) -> T | D: ...


@dataclass(frozen=True, slots=True)
class ProviderAccess:
    """Hosts, secrets and keys of a provider in the settings. The names of the secrets have no provider prefix.

    - `hosts`: the hosts of all environments of the provider; a profile file may name no others
    - `credentials`: secrets; the provider is enabled if all of them are set
    - `further_secrets`: secrets that a call needs in addition
    - `keys`: keys in the provider's section of the profile file
    - `variables`: further complete keys of the profile file (such as `receiver.x`), each with its environment
      variable without `CONSOLE_`
    """

    hosts: frozenset[str]
    credentials: tuple[str, ...]
    further_secrets: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


class PaymentProviderSettings(Protocol):
    """Interface of the settings that every payment provider has."""

    @property
    def spacing_seconds(self) -> float:
        """Shortest time in seconds between the starts of two calls."""
        ...


S = TypeVar("S", bound=PaymentProviderSettings)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConfiguredProvider(ProviderTraits, Generic[S]):
    """A payment provider with its access and the reader of its settings.

    `read_settings` returns the settings of the provider. Its arguments: the texts of the settings, the configured
    origin (None: the provider's own hosts), and further hosts that a profile file may name. Raises bad_profile.
    """

    access: ProviderAccess
    read_settings: Callable[[SettingSource, str | None, Collection[str]], S]


ALARMBOX_ACCESS = ProviderAccess(
    hosts=frozenset({"api.alarmbox.jp"}),
    # The refresh token is not among them, because after its first use it is in the database.
    credentials=("CLIENT_ID", "CLIENT_SECRET"),
    keys=("spacing_seconds", "test_account"),
    variables={
        "alarmbox.find_purchases": "ALARMBOX_FIND_PURCHASES",
        "alarmbox.redirect_uri": "ALARMBOX_REDIRECT_URI",
    },
)
REGISTRY_ACCESS = ProviderAccess(
    hosts=frozenset({"api.houjin-bangou.nta.go.jp"}),
    credentials=("APPLICATION_ID",),
    variables={"registry.folder": "REGISTRY_FOLDER"},
)


def access_by_provider() -> Mapping[str, ProviderAccess]:
    """Return the access (hosts, names of secrets, keys) of AlarmBox, of each payment provider and of the corporation
    registry's publisher, by name.
    """
    payment_plugins = provider_registry.registered_parts(ConfiguredProvider)
    return {
        "alarmbox": ALARMBOX_ACCESS,
        **{plugin.name: plugin.access for plugin in payment_plugins},
        "registry": REGISTRY_ACCESS,
    }


def credential_names(provider: str) -> tuple[str, ...]:
    """Return the names of the secrets that enable a provider, such as `PAYPAY_API_KEY`."""
    return _prefixed_names(provider, access_by_provider()[provider].credentials)


def needed_secret_names(provider: str) -> tuple[str, ...]:
    """Return the names of all secrets that a provider needs, such as `PAYPAY_API_KEY`."""
    access = access_by_provider()[provider]
    return _prefixed_names(provider, (*access.credentials, *access.further_secrets))


def _prefixed_names(provider: str, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{provider.upper()}_{name}" for name in names)


def setting_name_by_profile_key() -> Mapping[str, str]:
    """Return the keys of all providers in the profile file, each with the name of its setting: that of the overriding
    environment variable without `CONSOLE_`, or the key itself if there is none.
    """
    keys: dict[str, str] = {}
    for name, access in access_by_provider().items():
        own_keys = {f"{name}.{key}": f"{name}.{key}" for key in access.keys}
        keys |= {f"{name}.url": f"{name.upper()}_URL", **access.variables, **own_keys}
    return keys


# Parsers


def spacing_seconds(url: str | None, seconds: float) -> float:
    """Return the time between two calls: 0 for a provider on this machine, otherwise `seconds`."""
    return 0.0 if url is not None and is_loopback(url) else seconds


def parse_seconds(raw: RawSetting) -> float:
    """Return a time in seconds. Raises bad_profile unless it is between 0 and 3,600."""
    return raw.parse_number(0, 3600)


def word_parser(pattern: re.Pattern[str]) -> Callable[[RawSetting], str]:
    """Return a parser that accepts only texts which match `pattern` completely."""

    def parse(raw: RawSetting) -> str:
        if not pattern.fullmatch(raw.text):
            raise raw.setting_error(SettingProblem.NOT_ALPHANUMERIC)
        return raw.text

    return parse


def parse_call_url(raw: RawSetting, private_networks: Sequence[str] = ()) -> str:
    """Return the URL of one call: an origin that `parse_provider_url` accepts, and a path. `private_networks`:
    networks in which the address of the host may be. Raises bad_profile.
    """
    origin, path = _split_url(raw)
    if not _URL_PATH_PATTERN.fullmatch(path):
        raise raw.setting_error(SettingProblem.INVALID_CALL_URL)
    return parse_provider_url(RawSetting(raw.name, origin, raw.file), private_networks) + path


def parse_origins(raw: RawSetting, hosts: Collection[str], domain: str) -> tuple[str, ...]:
    """Return the origins (scheme, host and port) in the text, which commas separate. In a profile file, each must be
    one of `hosts` or under `domain`, because files downloaded from there are trusted. Raises bad_profile.
    """
    raw_origins = (RawSetting(raw.name, part.strip(), raw.file) for part in raw.text.split(","))
    return tuple(require_known_host(part, parse_provider_url(part), hosts, domain) for part in raw_origins)


def _split_url(raw: RawSetting) -> tuple[str, str]:
    try:
        parts = urlsplit(raw.text)
    except ValueError:
        raise raw.setting_error(SettingProblem.INVALID_CALL_URL) from None
    if parts.query or parts.fragment or "?" in raw.text or "#" in raw.text:
        raise raw.setting_error(SettingProblem.INVALID_CALL_URL)
    return f"{parts.scheme}://{parts.netloc}", parts.path
