"""URLs in settings: providers over https (or on this machine), databases, and where documents lie."""

import os
import re
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import unquote, urlsplit

from console.domain.errors import ConsoleError
from console.providers.base_url import parse_base_url, private_network
from console.setting_values import Given

_SQLITE = re.compile(r"sqlite(\+pysqlite)?://(?P<path>.*)", re.S)
_SERVER = re.compile(r"(mysql|mariadb)\+pymysql://\S+")
_FOLDER = re.compile(r"file:(//(localhost)?(?=/))?(?P<path>(?!//)[^?#]+)", re.S)
_REDIS = re.compile(
    r"redis://[^\s/?#]+(/[0-9]{0,4})?|rediss://[^\s/?#]+(/[0-9]{0,4})?(\?ssl_ca_certs=[^\s&#]+)?"
    r"|unix://([^\s/?#]*@)?/[^\s?#]+(\?db=[0-9]{1,4})?"
)
_BUCKET = re.compile(r"gs://[a-z0-9][a-z0-9._-]{1,220}(/[A-Za-z0-9._/-]*)?")


def provider_url(given: Given, private: Sequence[str] = ()) -> str:
    """Scheme, host and port alone, normalised: https anywhere, http on this machine. No path, no userinfo. `private`:
    networks (as `private_networks` returns them) in which its address may lie.
    """
    try:
        return str(parse_base_url(given.text, given.name, [private_network(text) for text in private]))
    except ConsoleError as unfit:
        raise given.bad(str(unfit.detail["problem"])) from None


def private_networks(given: Given) -> tuple[str, ...]:
    """Private networks in CIDR form, between commas."""
    try:
        return tuple(str(private_network(part.strip())) for part in given.text.split(","))
    except ValueError:
        raise given.bad("not_private_network") from None


def is_loopback(url: str) -> bool:
    """Whether a URL as `provider_url` returns it stays on this machine."""
    return parse_base_url(url).loopback


def database_url(given: Given) -> tuple[str, Path | None]:
    """The URL and, for SQLite, its absolute file. A database in memory forgets what was bought: refused."""
    if _SERVER.fullmatch(given.text):
        return given.text, None
    found = _SQLITE.fullmatch(given.text)
    if found is None:
        raise given.bad("database_form")
    path = found["path"].removeprefix("/")
    if not path or "?" in path or path.startswith((":memory:", "file:")):
        raise given.bad("database_form")
    file = Given(given.name, unquote(path), given.file).path()
    if file.is_dir():
        raise given.bad("database_form")
    return sqlite_url(file), file


def sqlite_url(file: Path) -> str:
    """The SQLAlchemy URL of an absolute file: there `%` introduces a character and `?` ends the file's name."""
    return f"sqlite:///{str(file).replace('%', '%25').replace('?', '%3F')}"


def redis_url(given: Given) -> str:
    """`rediss://` anywhere (the certificate is verified), `redis://` and `unix://` on this machine."""
    if not _REDIS.fullmatch(given.text):
        raise given.bad("url_form")
    try:
        parts = urlsplit(given.text)
        host, port = parts.hostname or "localhost", parts.port
    except ValueError:
        raise given.bad("url_form") from None
    if port == 0:
        raise given.bad("url_form")
    if parts.scheme == "redis" and not _is_this_machine(host):
        raise given.bad("redis_not_tls")
    return given.text


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def documents_url(given: Given) -> str:
    """`file:///absolute/folder` (percent-encoded) or `gs://bucket/prefix`."""
    if _BUCKET.fullmatch(given.text):
        return given.text.rstrip("/")
    found = _FOLDER.fullmatch(given.text)
    if found is None:
        raise given.bad("documents_form")
    path = unquote(found["path"])
    drive = re.match(r"/[A-Za-z]:", path) if os.name == "nt" else None
    return folder_url(Given(given.name, path[1:] if drive else path, given.file).folder())


def folder_url(folder: Path) -> str:
    """The `file:` URL of an absolute folder."""
    return folder.as_uri()


def masked(url: str) -> str:
    """The URL for people: a password in it becomes `***`."""
    return re.sub(r"(?<=://)([^:/@]*):.*@", r"\1:***@", url, flags=re.S)
