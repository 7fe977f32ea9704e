"""Makes the page about all settings. It records each setting that `load_settings` reads, with its parser and default
value.

The text about the accepted values comes from the setting's own refusal: each parser gets a text that no setting
accepts.
"""

import ast
import inspect
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from console.domain.errors import ConsoleError
from console.settings import settings as module
from console.settings.alerts import MIN_WEBHOOK_KEY_CHARACTERS, WEBHOOK_KEY_NAME
from console.settings.profile_file import _SETTING_NAME_BY_KEY
from console.settings.provider_access import (
    get_access_by_provider,
    get_setting_name_by_profile_key,
    list_required_secret_names,
)
from console.settings.secrets import MIN_STORE_KEY_CHARACTERS, SECRET_VARIABLE_PREFIX, STORE_KEY_NAME
from console.settings.value_parsers import RawSetting
from console.wording.sentences import catalogue as wording
from console.worker.live_websocket import LIVE_TOKEN_SECRET_NAMES, MIN_LIVE_TOKEN_CHARACTERS

ROOT = Path(__file__).resolve().parents[2]
_REFUSED_TEXTS = ("?", "\0")
"""Two texts; every parser refuses at least one of them."""
_TYPE_BY_PROBLEM: Mapping[str, str] = {
    "bad_address": "address",
    "bad_clients": "list",
    "bad_failpoint": "text",
    "bad_line": "text",
    "bad_operator": "name",
    "bad_telephone": "text",
    "bad_path": "path",
    "bad_word": "word",
    "broker_form": "list",
    "call_url_form": "URL",
    "database_form": "URL",
    "documents_form": "URL",
    "not_a_folder": "path",
    "not_one_of": "word",
    "not_private_network": "list",
    "redis_form": "URL",
    "url_form": "URL",
}
_PAGE_HEAD = """# Settings

Made by `python -m scripts.reference` from what `console/settings` asks for; a test keeps it in step.

An environment variable overrides the key in the profile file `profile.toml` of the data folder; an empty variable
counts as unset. Settings without a variable stand in the profile file alone, those without a key in the environment
alone. A wrong value ends every command with `bad_profile` (exit status 2), which names the setting. *Read by* names
the packages of `console` that use the value. The URLs of the database and of Redis may contain a password, so they
are treated as secrets.
"""
_SECRETS_SECTION = """
## Secrets

Each is a variable, a variable with `_FILE` behind its name (the path of a file that has the secret alone), or an
entry of the system's keyring; never a key of the profile file. A secret is not written to a log, an answer or a
screen.

| variable | of |
| --- | --- |
"""


@dataclass(frozen=True)
class Setting:
    """One setting: its name, the type and range of its values, its default value, and the module that reads it."""

    name: str
    value_type: str
    accepted_values: str
    default: str
    module: str


def make_settings_page() -> str:
    """Return the page about all settings in Markdown."""
    key_by_name = {name: key for key, name in {**_SETTING_NAME_BY_KEY, **get_setting_name_by_profile_key()}.items()}
    rows = [
        _format_row(
            f"`CONSOLE_{one.name}`" if one.name.isupper() else "",
            f"`{key_by_name[one.name]}`" if one.name in key_by_name else "",
            *(one.value_type, one.accepted_values, one.default, _format_readers(one)),
        )
        for one in sorted(record_settings(), key=lambda one: (not one.name.isupper(), one.name))
    ]
    head = (_format_row("variable", "key", "type", "accepts", "default", "read by"), _format_row(*["---"] * 6))
    return "\n".join(
        (
            _PAGE_HEAD,
            *head,
            *rows,
            _SECRETS_SECTION + "\n".join(_format_row(f"`{n}`", purpose) for n, purpose in _list_secrets()),
            "",
        )
    )


def _format_row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def record_settings() -> list[Setting]:
    """Return every setting that `load_settings` reads, with an empty home folder."""
    setting_by_name: dict[str, Setting] = {}

    class Recorder(module._SettingSource):
        def get(self, name: str, parse: Callable[[RawSetting], Any], default: Any) -> Any:
            asking = sys._getframe(1).f_globals["__name__"]
            setting_by_name[name] = Setting(
                name, *_find_type_and_range_by_refusal(name, parse), _format_default(name, default, home), asking
            )
            return super().get(name, parse, default)

    with tempfile.TemporaryDirectory() as home, mock.patch.object(module, "_SettingSource", Recorder):
        module.load_settings({"CONSOLE_HOME": home}, find_keyring=lambda: None)
    folder = _find_type_and_range_by_refusal("HOME", RawSetting.parse_folder)
    return [
        *setting_by_name.values(),
        Setting("HOME", *folder, "`support-console` in the system's data folder", "console"),
    ]


def _find_type_and_range_by_refusal(name: str, parse: Callable[[RawSetting], Any]) -> tuple[str, str]:
    """Return type and range of a setting, from the error with which its parser refuses a text."""
    for text in _REFUSED_TEXTS:
        try:
            parse(RawSetting(name, text))
        except ConsoleError as refusal:
            detail: Mapping[str, Any] = refusal.detail
            problem = str(detail["problem"])
            if problem == "out_of_range":
                kind = "number" if _accepts_fractions(name, parse) else "integer"
                return kind, f"{detail['low']} to {detail['high']}"
            if problem == "not_one_of":
                return _TYPE_BY_PROBLEM[problem], detail["allowed"]
            sentence = wording.translate(f"error.bad_profile.{problem}", "en", **{**detail, "variable": "it"})
            return _TYPE_BY_PROBLEM[problem], _extract_accepted_values(sentence, parse)
    raise AssertionError(f"{name} accepts everything")


def _extract_accepted_values(sentence: str, parse: Callable[[RawSetting], Any]) -> str:
    """Return the part of the sentence that describes the values that a setting accepts."""
    if parse is RawSetting.parse_path:
        return "the path of a file"
    accepted_text = re.split(r"\b(?:Use|must list) ", sentence)[1]
    return accepted_text.split(" Nothing was")[0].removeprefix("a form ").rstrip(".")


def _accepts_fractions(name: str, parse: Callable[[RawSetting], Any]) -> bool:
    """True if the parser of the setting accepts the text "1.5"."""
    try:
        parse(RawSetting(name, "1.5"))
    except ConsoleError:
        return False
    return True


def _format_default(name: str, default: Any, home: str) -> str:
    if name == "LANGUAGE":
        return "of the system"
    value = default[0] if name == "DATABASE_URL" else default
    text = str(value).replace(home, "$CONSOLE_HOME") if not isinstance(value, bool) else str(int(value))
    if name == "LEASES":
        text = "on"
    return "" if value in (None, (), "") else f"`{', '.join(map(str, value)) if isinstance(value, tuple) else text}`"


# -- who reads a setting


def _format_readers(setting: Setting) -> str:
    """Return the packages that use the setting's value; for a setting of a provider or of the alerts, the package
    that reads the setting.
    """
    if setting.name == "HOME":
        return "all"
    if setting.module.startswith("console.providers."):
        return _get_package(setting.module)
    in_group = "alerts" if setting.module.endswith(".alerts") else "get_provider_url"
    name = _map_field_by_name().get(setting.name) or _ATTRIBUTE_BY_NAME.get(setting.name, in_group)
    return ", ".join(sorted(_map_packages_by_attribute().get(name, {"settings"})))


_ATTRIBUTE_BY_NAME: Mapping[str, str] = {
    "DATABASE_URL": "database_url",
    "REDIS_URL": "redis_url",
    "PROVIDER_HOSTS": "",
}


@cache
def _map_field_by_name() -> Mapping[str, str]:
    """Return the field of `Settings` that has the value of each setting."""
    field_by_name: dict[str, str] = {}
    for node in ast.walk(ast.parse(inspect.getsource(module.load_settings))):
        if isinstance(node, ast.keyword) and node.arg is not None:
            for name in re.findall(r"setting_source\.get\(\s*'(\w[\w.]*)'", ast.unparse(node.value)):
                field_by_name[name] = node.arg
    return field_by_name


@cache
def _map_packages_by_attribute() -> Mapping[str, set[str]]:
    """Return the packages of `console` in which `settings.NAME` is read, by name."""
    packages_by_attribute: defaultdict[str, set[str]] = defaultdict(set)
    for file in sorted((ROOT / "console").rglob("*.py")):
        name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        if name.startswith("console.settings."):
            continue
        for attribute in re.findall(r"settings\.(\w+)", file.read_text("utf-8")):
            packages_by_attribute[attribute].add(_get_package(name))
    return packages_by_attribute


def _get_package(name: str) -> str:
    parts = name.removesuffix(".__init__").split(".")[1:] or ["app"]
    return "/".join(parts[:2] if parts[0] in ("providers", "services", "settings") else parts[:1])


# -- secrets


def _list_secrets() -> list[tuple[str, str]]:
    """Return (environment variable, service or use) of each secret."""
    purpose_by_name = {
        name: provider for provider in get_access_by_provider() for name in list_required_secret_names(provider)
    }
    purpose_by_name |= {
        "ALARMBOX_REFRESH_TOKEN": "alarmbox, the first one; later ones are in the database",
        STORE_KEY_NAME: "stored tokens and spooled answers, encrypted; "
        f"at least {MIN_STORE_KEY_CHARACTERS} characters",
        WEBHOOK_KEY_NAME: f"the webhook of alerts; at least {MIN_WEBHOOK_KEY_CHARACTERS} characters",
        LIVE_TOKEN_SECRET_NAMES[0]: f"`/live` of the receiver; at least {MIN_LIVE_TOKEN_CHARACTERS} characters",
        LIVE_TOKEN_SECRET_NAMES[1]: "`/live`: an earlier token, while listeners change to the new one",
        "NOTICE_<SOURCE>_KEY": "`/notices/{source}` of the receiver",
        "DATABASE_PASSWORD": "the account at a database server",
    }
    return [(SECRET_VARIABLE_PREFIX + name, purpose) for name, purpose in sorted(purpose_by_name.items())]
