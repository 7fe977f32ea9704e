"""Read the profile file `profile.toml` of a desk. Unknown keys are refused; the error about a mistake contains the
number of the line."""

import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.setting_problems import SettingProblem
from console.settings.private_files import open_ordinary_file
from console.settings.provider_access import get_setting_name_by_profile_key
from console.settings.value_parsers import RawSetting

if TYPE_CHECKING:
    from console.domain.errors.details import BadProfileDetail

MAX_PROFILE_BYTES = 1 << 20
_CLIENTS_KEY = "clients"
# Key in the file → name of the setting: that of the environment variable which overrides it, without `CONSOLE_`. The
# settings with a name in small letters have no variable. The keys of providers are in `provider_access`.
_SETTING_NAME_BY_KEY: Mapping[str, str] = {
    "database_url": "DATABASE_URL",
    "documents_url": "DOCUMENTS_URL",
    "redis_url": "REDIS_URL",
    "language": "LANGUAGE",
    "operator": "OPERATOR",
    _CLIENTS_KEY: "CLIENTS",
    "receiver.bind": "RECEIVER_BIND",
    "receiver.port": "RECEIVER_PORT",
    "receiver.trusted_proxies": "RECEIVER_TRUSTED_PROXIES",
    "receiver.certificate": "RECEIVER_CERTIFICATE",
    "receiver.key": "RECEIVER_KEY",
    "contact.name": "CONTACT_NAME",
    "contact.telephone": "CONTACT_TELEPHONE",
    "environment": "environment",
    "idle_lock_minutes": "idle_lock_minutes",
}


def read_profile(file: Path) -> dict[str, RawSetting]:
    """Return the settings in the profile file, by the name of the setting; an empty dictionary if the file is
    missing.

    Raises ConsoleError `bad_profile` if the file can't be read or parsed, is larger than 1 MiB, or can be changed by
    another account. Also raises ConsoleError `bad_profile` for an unknown key and for a value of a wrong type. The
    error contains the file and, for a mistake in a line, the line and the key.
    """
    content = _read_profile_bytes(file)
    if content is None:
        return {}
    keys = {**_SETTING_NAME_BY_KEY, **get_setting_name_by_profile_key()}
    return {keys[key]: RawSetting(key, text, file) for key, text in _read_entries(file, content, keys)}


def _read_profile_bytes(file: Path) -> bytes | None:
    """Return the content of the profile file; None if it is missing. Raises ConsoleError `bad_profile` if the file
    can't be read, is larger than MAX_PROFILE_BYTES, or can be changed by another account.
    """
    try:
        with open_ordinary_file(file) as stream:
            _require_unshared_path(file, os.fstat(stream.fileno()), SettingProblem.PROFILE_WRITABLE_BY_OTHERS)
            _require_unshared_path(
                file, file.parent.stat(), SettingProblem.PROFILE_FOLDER_WRITABLE_BY_OTHERS, folder=str(file.parent)
            )
            content = stream.read(MAX_PROFILE_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as cause:
        raise _make_profile_error(file, SettingProblem.PROFILE_UNREADABLE) from cause
    if len(content) > MAX_PROFILE_BYTES:
        raise _make_profile_error(file, SettingProblem.PROFILE_TOO_LARGE)
    return content


def _require_unshared_path(
    file: Path, status: os.stat_result, problem: SettingProblem, /, **facts: Unpack["BadProfileDetail"]
) -> None:
    """Check that only the current user or the administrator can write to the profile file or to its folder. `status`
    is the status of the checked file or folder. Raises ConsoleError `bad_profile` if another account can write to it;
    detail.problem is `problem`, and `facts` are added to the detail.

    A folder with the sticky bit is accepted, because in such a folder an account can't replace the files of another
    account.
    """
    if os.name == "nt":
        return
    is_shared = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    is_sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
    if (is_shared and not is_sticky) or status.st_uid not in (0, os.geteuid()):
        raise _make_profile_error(file, problem, **facts)


def _read_entries(file: Path, content: bytes, keys: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield key and text of each value of the profile file that isn't empty. `keys` are the allowed full keys. Raises
    ConsoleError `bad_profile` for a key that isn't in `keys`, for a value of a wrong type, and for a content that
    isn't TOML in UTF-8. An empty list of clients is yielded, because it must not mean that every client is accepted.
    """
    sections = frozenset(key.partition(".")[0] for key in keys if "." in key)
    for key, value in _flatten_entries(_parse_profile(file, content), sections):
        text = _format_profile_value(value)
        if key not in keys or text is None:
            problem = SettingProblem.WRONG_TYPE if key in keys else SettingProblem.UNKNOWN_KEY
            raise _make_profile_error(file, problem, variable=key[:80], line=_find_line_number(content, key))
        if text or (key == _CLIENTS_KEY and isinstance(value, list)):
            yield key, text


def _parse_profile(file: Path, content: bytes) -> dict[str, object]:
    """Return the content of the profile file as a table. Raises ConsoleError `bad_profile`, with the line, if it
    isn't TOML in UTF-8."""
    import tomllib

    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as cause:
        raise _make_profile_error(
            file, SettingProblem.NOT_UTF8, line=content.count(b"\n", 0, cause.start) + 1
        ) from cause
    except (
        ValueError,
        RecursionError,
    ) as cause:  # a TOML error is a ValueError, and so is a number of 5,000 digits
        line = re.search(r"at line (\d+)", str(cause))
        raise _make_profile_error(
            file, SettingProblem.PROFILE_UNPARSABLE, line=int(line[1]) if line else content.count(b"\n") + 1
        ) from cause


def _flatten_entries(
    table: Mapping[str, object], sections: Collection[str], prefix: str = ""
) -> Iterator[tuple[str, object]]:
    """Yield each value of the profile file with its full key, such as `alarmbox.url` for `{"alarmbox": {"url": …}}`.
    `sections` are the names of the tables that contain keys, such as `alarmbox`. `prefix` is the name of the section
    `table` with a dot, or "" for the whole file. A table that isn't in `sections` is yielded as a value; the caller
    refuses such a value because of its type."""
    for key, value in table.items():
        if isinstance(value, dict) and not prefix and key in sections:
            yield from _flatten_entries(value, sections, f"{key}.")
        else:
            yield prefix + key, value


def _format_profile_value(value: object) -> str | None:
    """Return a value of the profile file as text in the notation of environment variables: `1` for true, a list
    with commas. Return None for a type that no setting has."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, str | int | float):
        return str(value).strip()
    if isinstance(value, list) and all(type(item) in (str, int) for item in value):
        return ",".join(map(str, value))
    return None


def _find_line_number(content: bytes, key: str) -> int:
    """Return the number of the line with this key. The search uses the last part of the key; if no line begins
    with it, return 1."""
    name = re.escape(key.rpartition(".")[2].encode())
    match = re.search(rb"^[ \t\[]*(?:[\w\"'-]+\.)*[\"']?" + name + rb"[\"']?\s*[=\].]", content, re.M)
    return content.count(b"\n", 0, match.start()) + 1 if match else 1


def _make_profile_error(file: Path, problem: SettingProblem, /, **facts: Unpack["BadProfileDetail"]) -> ConsoleError:
    return ConsoleError(
        ErrorCode.BAD_PROFILE, {"variable": file.name, "problem": problem, "file": str(file), **facts}
    )
