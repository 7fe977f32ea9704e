"""Parsers of URLs in the settings: of providers, databases, Redis and the document store."""

import os
import re
import stat
from collections.abc import Collection, Sequence
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from console.domain.errors import ConsoleError
from console.domain.network.addresses import is_this_machine
from console.domain.network.url_policy import parse_base_url, parse_private_network
from console.domain.setting_problems import SettingProblem
from console.settings.value_parsers import RawSetting

# Texts, not compiled patterns: `re` compiles one at its first use, and a start uses few of them.
_SQLITE_URL_PATTERN = r"(?s)sqlite(\+pysqlite)?://(?P<path>.*)"
_DATABASE_SERVER_URL_PATTERN = r"(mysql|mariadb)\+pymysql://\S+"
_DOCUMENTS_FOLDER_URL_PATTERN = r"(?s)file:(//(localhost)?(?=/))?(?P<path>(?!//)[^?#]+)"
_REDIS_URL_PATTERN = (
    r"redis://[^\s/?#]+(/[0-9]{0,4})?|rediss://[^\s/?#]+(/[0-9]{0,4})?(\?ssl_ca_certs=[^\s&#]+)?"
    r"|unix://([^\s/?#]*@)?/[^\s?#]+(\?db=[0-9]{1,4})?"
)
_PASSWORD_IN_URL_PATTERN = r"(?i)^[^:/]+://[^:/@]*:[^@]+@|[?&][^=&]*pass(word|wd|phrase)?=[^&]"  # noqa: S105 (a pattern, no secret)
_DOCUMENTS_BUCKET_URL_PATTERN = r"gs://[a-z0-9][a-z0-9._-]{1,220}(/[A-Za-z0-9._/-]*)?"
_SERVER_PORT_PATTERN = r"(?s)://([^@]*@)?(\[[^/\]]*\]|[^/:]*)(:(?P<port>[^/]*))?(/|\Z)"
_PORT_PATTERN = r"[0-9]{1,5}"
_LARGEST_PORT = 65_535
_QUERY_PATTERN = r"(?s)\?[A-Za-z_]+=[^&]*(?:&[A-Za-z_]+=[^&]*)*\Z"
"""Matches the query at the end of a URL, whose values may contain an `@`, such as the name of a file."""


def parse_provider_url(raw: RawSetting, private_networks: Sequence[str] = ()) -> str:
    """Return the normalized origin (scheme, host and port) of a provider: https, or http on this machine; without
    path, user and password. The address of the host may be in one of `private_networks` (see
    `parse_private_networks`). Raises ConsoleError `bad_profile` for any other URL.
    """
    try:
        return str(parse_base_url(raw.text, raw.name, [parse_private_network(text) for text in private_networks]))
    except ConsoleError as unfit:
        raise raw.make_error(SettingProblem(str(unfit.detail["problem"]))) from None


def require_known_host(raw: RawSetting, url: str, hosts: Collection[str], domain: str | None = None) -> str:
    """Return the URL if its host is allowed. An environment variable may contain any host. In a profile file, the
    host must be one of `hosts`, a host under `domain` (None: no domain is allowed), or this machine. Raises
    ConsoleError `bad_profile` for any other host in a profile file.

    The reason is that another person may have written the profile file, and the program sends credentials to the host
    in it.
    """
    base_url = parse_base_url(url.partition("://")[0] + "://" + urlsplit(url).netloc)
    is_in_domain = domain is not None and base_url.host.endswith(domain)
    if raw.file is not None and not (base_url.is_loopback or is_in_domain or base_url.host in hosts):
        raise raw.make_error(SettingProblem.UNKNOWN_PROVIDER_HOST, host=base_url.host)
    return url


def parse_hosts(raw: RawSetting) -> tuple[str, ...]:
    """Return the hosts in a text that separates them by commas. A profile file may use these hosts in addition to the
    providers' own hosts. Raises ConsoleError `bad_profile` for an invalid host."""
    try:
        return tuple(parse_base_url(f"https://{part.strip()}").host for part in raw.text.split(","))
    except ConsoleError as unfit:
        raise raw.make_error(SettingProblem(str(unfit.detail["problem"]))) from None


def parse_private_networks(raw: RawSetting) -> tuple[str, ...]:
    """Return the private networks (CIDR) in a text that separates them by commas. Raises ConsoleError `bad_profile`
    for a network that is not private."""
    try:
        return tuple(str(parse_private_network(part.strip())) for part in raw.text.split(","))
    except ValueError:
        raise raw.make_error(SettingProblem.NOT_PRIVATE_NETWORK) from None


def is_loopback_url(url: str) -> bool:
    """Return True if the URL names this machine. `url` is a URL that `parse_provider_url` has returned."""
    return parse_base_url(url).is_loopback


def parse_database_url(raw: RawSetting) -> tuple[str, Path | None]:
    """Return the URL of the database and, for SQLite, the absolute path of its file (None for a server). Raises
    ConsoleError `bad_profile` for an invalid URL, and for a database in memory, because purchases in such a database
    would be lost.

    A server's URL with two `@` is invalid. The part of the password after the first `@` would count as the server's
    name, which messages and logs show. A server's port is a number from 1 to 65535: the database driver would use
    the remainder of a larger number, and so connect to another port.
    """
    _require_no_password_in_url(raw)
    if re.fullmatch(_DATABASE_SERVER_URL_PATTERN, raw.text):
        address = re.sub(_QUERY_PATTERN, "", raw.text)
        if address.count("@") < 2 and _has_valid_port(address):
            return raw.text, None
    match = re.fullmatch(_SQLITE_URL_PATTERN, raw.text)
    if match is None:
        raise raw.make_error(SettingProblem.INVALID_DATABASE_URL)
    path = match["path"].removeprefix("/")
    if not path or "?" in path or path.startswith((":memory:", "file:")):
        raise raw.make_error(SettingProblem.INVALID_DATABASE_URL)
    file = RawSetting(raw.name, unquote(path), raw.file).parse_path()
    mode = raw.find_file_mode(file)
    if mode is not None and stat.S_ISDIR(mode):
        raise raw.make_error(SettingProblem.INVALID_DATABASE_URL)
    return make_sqlite_url(file), file


def _has_valid_port(address: str) -> bool:
    """Return True if the URL of a database server, without its query, has no port or one from 1 to 65535."""
    match = re.search(_SERVER_PORT_PATTERN, address)
    port = match["port"] if match else None
    return not port or (re.fullmatch(_PORT_PATTERN, port) is not None and 1 <= int(port) <= _LARGEST_PORT)


def _require_no_password_in_url(raw: RawSetting) -> None:
    """Raise ConsoleError `bad_profile` if a profile file contains a password in a URL, because people copy and back
    up such files. The password must be in the environment or the keyring."""
    if raw.file is not None and re.search(_PASSWORD_IN_URL_PATTERN, raw.text):
        raise raw.make_error(SettingProblem.PASSWORD_IN_FILE)


def make_sqlite_url(file: Path) -> str:
    """Return the SQLAlchemy URL of the SQLite file at the absolute path `file`. This function escapes `%` and `?`."""
    return f"sqlite:///{str(file).replace('%', '%25').replace('?', '%3F')}"


def parse_redis_url(raw: RawSetting) -> str:
    """Return the URL of the Redis cache after checking it: `rediss://` for any host (the certificate is verified);
    `redis://` and `unix://` only on this machine, `unix://` not on Windows, where Python has no such sockets. Raises
    ConsoleError `bad_profile` for any other URL, and for a password in a profile file."""
    import socket

    _require_no_password_in_url(raw)
    if not re.fullmatch(_REDIS_URL_PATTERN, raw.text):
        raise raw.make_error(SettingProblem.INVALID_REDIS_URL)
    try:
        parts = urlsplit(raw.text)
        host, port = parts.hostname or "localhost", parts.port
    except ValueError:
        raise raw.make_error(SettingProblem.INVALID_REDIS_URL) from None
    if port == 0 or (parts.scheme == "unix" and not hasattr(socket, "AF_UNIX")):
        raise raw.make_error(SettingProblem.INVALID_REDIS_URL)
    if parts.scheme == "redis" and not is_this_machine(host):
        raise raw.make_error(SettingProblem.REDIS_NOT_TLS)
    return raw.text


def parse_documents_url(raw: RawSetting) -> str:
    """Return the URL of the document store after checking it: `file:///absolute/folder` (percent-encoded) or
    `gs://bucket/prefix`. Raises ConsoleError `bad_profile` for any other URL, and if the path is a file."""
    if re.fullmatch(_DOCUMENTS_BUCKET_URL_PATTERN, raw.text):
        return raw.text.rstrip("/")
    match = re.fullmatch(_DOCUMENTS_FOLDER_URL_PATTERN, raw.text)
    if match is None:
        raise raw.make_error(SettingProblem.INVALID_DOCUMENTS_URL)
    path = unquote(match["path"])
    drive_match = re.match(r"/[A-Za-z]:", path) if os.name == "nt" else None
    return make_folder_url(RawSetting(raw.name, path[1:] if drive_match else path, raw.file).parse_folder())


def make_folder_url(folder: Path) -> str:
    """Return the `file:` URL of a folder; `folder` is an absolute path."""
    if os.name == "nt":
        return folder.as_uri()
    # Not as_uri: from Python 3.14 on it imports http.client, which every command would wait for.
    return f"file://{quote(os.fsencode(folder))}"


def mask_password(url: str) -> str:
    """Return a URL in a form that may be shown to people: its password, and a password in its query, is replaced by
    `***`."""
    query = re.search(_QUERY_PATTERN, url)
    end = query.start() if query else len(url)
    without_password = re.sub(r"(?<=://)([^:/@]*):.*@", r"\1:***@", url[:end], flags=re.S)
    return without_password + re.sub(r"(?i)([?&][^=&]*pass(?:word|wd|phrase)?=)[^&]*", r"\1***", url[end:])
