"""The profile file: reads `profile.toml`, refuses what it does not know, and says where a mistake stands."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from console.domain.errors import ConsoleError
from console.setting_payments import ATOM_CALLS
from console.setting_values import Given

MAX_BYTES = 1 << 20
# Key in the file → the setting, named like the variable that stands over it. The last ones exist here only.
KEYS: Mapping[str, str] = {
    "database_url": "DATABASE_URL",
    "documents_url": "DOCUMENTS_URL",
    "redis_url": "REDIS_URL",
    "language": "LANGUAGE",
    "operator": "OPERATOR",
    "clients": "CLIENTS",
    "alarmbox.url": "ALARMBOX_URL",
    "alarmbox.find_purchases": "ALARMBOX_FIND_PURCHASES",
    "paypay.url": "PAYPAY_URL",
    "atom.url": "ATOM_URL",
    "receiver.bind": "RECEIVER_BIND",
    "receiver.port": "RECEIVER_PORT",
    "receiver.trusted_proxies": "RECEIVER_TRUSTED_PROXIES",
    "receiver.certificate": "RECEIVER_CERTIFICATE",
    "receiver.key": "RECEIVER_KEY",
    "receiver.paypay_webhook_sources": "PAYPAY_WEBHOOK_SOURCES",
    "environment": "environment",
    "idle_lock_minutes": "idle_lock_minutes",
    "alarmbox.spacing_seconds": "alarmbox.spacing_seconds",
    "alarmbox.test_account": "alarmbox.test_account",
    **{
        f"paypay.{key}": f"paypay.{key}"
        for key in ("environment", "recon_hosts", "repeated_refunds", "spacing_seconds")
    },
    **{
        f"atom.{key}": f"atom.{key}"
        for key in (
            "environment", "verification", "amount_format", "product", "account", "spacing_seconds",
            *(f"{call}_url" for call in ATOM_CALLS),
        )
    },
}  # fmt: skip


_SECTIONS = frozenset(key.partition(".")[0] for key in KEYS if "." in key)


def read_profile(file: Path) -> dict[str, Given]:
    """Settings by name; none when the file is missing. Raises `bad_profile` with file, line and key."""
    raw = _bytes(file)
    return {} if raw is None else {KEYS[key]: Given(key, text, file) for key, text in _entries(file, raw)}


def _bytes(file: Path) -> bytes | None:
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as cause:
        raise _bad(file, "unreadable") from cause
    if len(raw) > MAX_BYTES:
        raise _bad(file, "too_large")
    return raw


def _entries(file: Path, raw: bytes) -> Iterator[tuple[str, str]]:
    for key, value in _flat(_table(file, raw)):
        text = _text(value)
        if key not in KEYS or text is None:
            problem = "wrong_type" if key in KEYS else "unknown_key"
            raise _bad(file, problem, variable=key[:80], line=_line_of(raw, key))
        if text:
            yield key, text


def _table(file: Path, raw: bytes) -> dict[str, object]:
    import tomllib

    try:
        return tomllib.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as cause:
        raise _bad(file, "not_utf8", line=raw.count(b"\n", 0, cause.start) + 1) from cause
    except (
        ValueError,
        RecursionError,
    ) as cause:  # a TOML error is a ValueError, so is a number of 5,000 digits
        line = re.search(r"at line (\d+)", str(cause))
        raise _bad(file, "corrupt", line=int(line[1]) if line else raw.count(b"\n") + 1) from cause


def _flat(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """`{"alarmbox": {"url": …}}` as `alarmbox.url`; a table below that is a value of the wrong type."""
    for key, value in table.items():
        if isinstance(value, dict) and not prefix and key in _SECTIONS:
            yield from _flat(value, f"{key}.")
        else:
            yield prefix + key, value


def _text(value: object) -> str | None:
    """The value as the environment would spell it; None for what no setting can be."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, str | int | float):
        return str(value).strip()
    if isinstance(value, list) and all(type(item) in (str, int) for item in value):
        return ",".join(map(str, value))
    return None


def _line_of(raw: bytes, key: str) -> int:
    """The first line that begins with the key's last part; line 1 where it is spelled in another way."""
    name = re.escape(key.rpartition(".")[2].encode())
    found = re.search(rb"^[ \t\[]*(?:[\w\"'-]+\.)*[\"']?" + name + rb"[\"']?\s*[=\].]", raw, re.M)
    return raw.count(b"\n", 0, found.start()) + 1 if found else 1


def _bad(file: Path, problem: str, **facts: object) -> ConsoleError:
    return ConsoleError("bad_profile", {"variable": file.name, "problem": problem, "file": str(file)} | facts)
