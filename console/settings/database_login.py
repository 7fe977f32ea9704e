"""Signing in to a server database: whose account this process connects with, and where its password is kept.

An account comes from, in this order: what was asked for in this process, the database URL, the environment's
CONSOLE_SECRET_DATABASE_PASSWORD, the system's keyring. No password is ever written anywhere else.
"""

import re
from typing import Literal
from urllib.parse import quote, unquote

from console.domain.errors import ConsoleError
from console.secret_store import SecretStore, Unshown

VARIABLE = "DATABASE_PASSWORD"
_URL = re.compile(
    r"(?P<scheme>[a-z]+\+pymysql://)(?:(?P<user>[^:/]*?)(?P<password>:[^@]*)?@)?"
    r"(?P<rest>(?P<host>\[[^\]/]+\]|[^/:?]*)(?::(?P<port>[0-9]+))?(?:/(?P<database>[^?]*))?(?:\?.*)?)",
    re.S,
)
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,80}")

Account = tuple[str, str]  # name and password; no class: it must never have a repr of its own by accident
Source = Literal["asked", "given", "kept"]
Missing = Literal["none", "refused"]


class SignIn(Unshown):
    """The account of this process at its server database; with SQLite there is none, and nothing to ask for.

    `missing` says why somebody had to be asked: no stored sign-in was found, or the database refused it.
    """

    def __init__(self, url: str, named: str | None, secrets: SecretStore) -> None:
        """`named`: who acts according to the settings, taken where the URL names nobody."""
        found = _URL.fullmatch(url)
        self.is_server = found is not None
        self._url, self._named, self._secrets = url, named, secrets
        self._parts = found.groupdict() if found else {}
        self._asked: Account | None = None
        self._used: tuple[Account, Source] | None = None
        self._left = False
        self.missing: Missing | None = None

    @property
    def place(self) -> str:
        """Where the database is, for people and as part of the keyring's entry: `host:port/database`."""
        part = self._parts
        host, port = (part.get("host") or "127.0.0.1").lower(), part.get("port") or "3306"
        return f"{host}:{port}/{unquote(part.get('database') or '')}" if self.is_server else ""

    @property
    def user(self) -> str | None:
        """The account that is used, or would be; on SQLite nobody. May ask the keyring."""
        if self._used is not None:
            return self._used[0][0]
        return self._presumed() or (self._remembered() if self.is_server else None)

    def known_user(self) -> str | None:
        """`user`, where a keyring that can't be read is as good as none."""
        try:
            return self.user
        except ConsoleError:
            return None

    @property
    def source(self) -> Source | None:
        """Where the account in use came from; None before one was used."""
        return self._used[1] if self._used else None

    def is_given(self) -> bool:
        """Whether URL and environment say it all, so that nobody is asked."""
        return self.is_server and self._given() is not None

    def can_keep(self) -> bool:
        """Whether there is a keyring to keep a password in."""
        return self._secrets.can_keep()

    def url(self) -> str:
        """The database's URL with the account: hand it on, never show it.

        Raises bad_profile `sign_in_missing` where nobody has signed in yet, `keyring_failed` where the keyring
        can't be read.
        """
        if not self.is_server:
            return self._url
        if self._asked is not None:
            return self._with(self._asked, "asked")
        given = None if self._left else self._given()
        if given is not None:
            return self._with(given, "given")
        kept = None if self._left else self._kept()
        if kept is not None:
            return self._with(kept, "kept")
        self.missing = self.missing or "none"
        raise _bad("sign_in_missing", user=self._presumed(), place=self.place)

    def url_for(self, password: str) -> str:
        """The URL for the same account with another password: to find out whether it is the person's own."""
        return self._filled((self.user or "", password))

    # -- signing in and out

    def take(self, user: str, password: str) -> None:
        """Use this account from now on, in this process alone. Raises usage for what can be no account's name."""
        if not _NAME.fullmatch(user):
            raise ConsoleError("usage", {"problem": "account_name"})
        self._asked, self._used = (user, password), None

    def refused(self, trouble: ConsoleError) -> None:
        """The database was asked and raised that: an account it doesn't accept is not offered again by itself."""
        if trouble.detail.get("problem") != "access_denied":
            return
        if self._asked is None:
            self.missing = "refused"
        self._asked = self._used = None

    def keep(self) -> None:
        """Keep the account in use in the keyring. Raises bad_profile `no_keyring` or `keyring_failed`."""
        if self._used is None:
            raise _bad("sign_in_missing", user=self._presumed(), place=self.place)
        user, password = self._used[0]
        self._secrets.keep(self._entry(user), password, VARIABLE)
        self._secrets.keep(self._who, user, VARIABLE)

    def is_kept(self) -> bool:
        """Whether the keyring holds a sign-in for this database. A keyring that can't be read counts as none."""
        try:
            return self._kept() is not None
        except ConsoleError:
            return False

    def forget(self) -> bool:
        """Sign out: nothing stays in the keyring, and this process asks again; whether anything was kept."""
        user = self.user
        self._asked, self._used, self._left = None, None, True
        entries = [self._who] if user is None else [self._entry(user), self._who]
        return any([self._secrets.forget(entry, VARIABLE) for entry in entries])  # noqa: C419  # all of them go

    # -- where accounts come from

    def _given(self) -> Account | None:
        """By the URL or the environment, whole."""
        url_user, url_password = self._parts["user"], self._parts["password"]
        if url_user and url_password is not None:
            return unquote(url_user), unquote(url_password[1:])
        password, user = self._secrets.get(VARIABLE, ask_keyring=False), self._presumed()
        return (user, password) if user and password else None

    def _kept(self) -> Account | None:
        """Only of the account that the settings name; where they name none, of the one that signed in last."""
        user = self._presumed() or self._remembered()
        password = self._secrets.kept(self._entry(user), VARIABLE) if user else None
        return (user, password) if user and password is not None else None

    def _presumed(self) -> str | None:
        if self._asked is not None:
            return self._asked[0]
        return unquote(self._parts.get("user") or "") or self._named

    def _remembered(self) -> str | None:
        return self._secrets.kept(self._who, VARIABLE)

    def _entry(self, user: str) -> str:
        return f"{user}@{self.place}"

    @property
    def _who(self) -> str:
        return f"account at {self.place}"

    # -- putting the URL together

    def _with(self, account: Account, source: Source) -> str:
        self._used = account, source
        return self._filled(account)

    def _filled(self, account: Account) -> str:
        user, password = (quote(part, safe="") for part in account)
        return f"{self._parts['scheme']}{user}:{password}@{self._parts['rest']}"


def _bad(problem: str, **facts: object) -> ConsoleError:
    return ConsoleError("bad_profile", {"variable": f"CONSOLE_SECRET_{VARIABLE}", "problem": problem} | facts)
