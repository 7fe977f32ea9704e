"""Secrets of this desk: the environment first, then the system's keyring; never shown, never copied."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, Protocol, Self

from console.domain.errors import ConsoleError

SHORTEST_STORE_KEY = 16
STORE_KEY = "STORE_KEY"
_PREFIX = "CONSOLE_SECRET_"
_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,99}")
# The system's own keyrings. Everything else that keyring knows (plain files, null, chains set up by a
# configuration file) is passed over: a secret is either kept well or not at all.
_BACKENDS = (
    ("keyring.backends.Windows", "WinVaultKeyring"),
    ("keyring.backends.macOS", "Keyring"),
    ("keyring.backends.SecretService", "Keyring"),
    ("keyring.backends.kwallet", "DBusKeyring"),
)


class Keyring(Protocol):
    """What we use of a keyring backend."""

    def get_password(self, service: str, username: str) -> str | None: ...

    def set_password(self, service: str, username: str, password: str) -> None: ...

    def delete_password(self, service: str, username: str) -> None: ...


def system_keyring() -> Keyring | None:
    """The first of the accepted backends that works here, None on a machine without one."""
    from importlib import import_module

    for module, name in _BACKENDS:
        backend = getattr(import_module(module), name)
        if backend.viable:
            found: Keyring = backend()
            return found
    return None


class Unshown:
    """Holds secrets. Copies are the object itself, pickling is refused and `repr` is a fixed text, so that no log
    line, no `asdict` and no other process ever gets a value that was not asked for by name.
    """

    def __repr__(self) -> str:
        return "<secrets>"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("secrets do not travel: give the other process its environment")


class SecretStore(Unshown):
    """Secrets by name (`ALARMBOX_CLIENT_ID`), and the URLs that may hold a password."""

    def __init__(
        self,
        env: Mapping[str, str],
        home: Path,
        *,
        urls: Mapping[str, str] | None = None,
        keyring: Callable[[], Keyring | None] = system_keyring,
    ) -> None:
        named = {name.removeprefix(_PREFIX): value for name, value in env.items() if name.startswith(_PREFIX)}
        self._given = {name: value for name, value in named.items() if value}
        self._home = home
        self._urls = dict(urls or {})
        self._open_keyring = keyring

    @property
    def service(self) -> str:
        """The name under which the keyring holds this desk's secrets: two homes never share any."""
        return f"support-console:{self._home}"

    def url(self, name: str) -> str | None:
        return self._urls.get(name)

    def names(self) -> frozenset[str]:
        """Which secrets the environment gives."""
        return frozenset(self._given)

    def get(self, name: str, *, ask_keyring: bool = True) -> str | None:
        """The secret, or None. Raises `bad_profile` when a keyring is there and can't be read."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"not the name of a secret: {name!r}")
        return self._given.get(name) or (self._from_keyring(name) if ask_keyring else None)

    # -- what is kept in the keyring for a person: entries by name, `variable` is what may be given instead

    def can_keep(self) -> bool:
        """Whether there is a real keyring here. One that is there and locked counts: using it says so."""
        try:
            return self._open_keyring() is not None
        except Exception:  # a backend raises what its system raises
            return True

    def kept(self, entry: str, variable: str) -> str | None:
        """What the keyring holds, None without a keyring. Raises `bad_profile` where it can't be read."""
        backend = self._keyring(variable)
        with _said(variable):
            return backend.get_password(self.service, entry) if backend else None

    def keep(self, entry: str, value: str, variable: str) -> None:
        """Keep it in the keyring and nowhere else. Raises `bad_profile` where there is none or it refuses."""
        backend = self._keyring(variable)
        if backend is None:
            raise _bad(variable, "no_keyring")
        with _said(variable):
            backend.set_password(self.service, entry, value)

    def forget(self, entry: str, variable: str) -> bool:
        """Take it out of the keyring; whether there was anything."""
        backend = self._keyring(variable)
        if backend is None or self.kept(entry, variable) is None:
            return False
        with _said(variable):
            backend.delete_password(self.service, entry)
        return True

    def store_key(self, *, may_make: bool) -> str:
        """The key of stored tokens and spooled answers: given, kept, or (`may_make`) made and kept now.

        Raises `bad_profile` when there is none, or when it is shorter than 16 characters.
        """
        key = self.get(STORE_KEY) or (self._made_key() if may_make else None)
        if key is None:
            raise _bad(STORE_KEY, "store_key_missing")
        if len(key) < SHORTEST_STORE_KEY:
            raise _bad(STORE_KEY, "store_key_short")
        return key

    def _from_keyring(self, name: str) -> str | None:
        return self.kept(name, name)

    def _keyring(self, variable: str) -> Keyring | None:
        with _said(variable):
            return self._open_keyring()

    def _made_key(self) -> str | None:
        """Make the key, once for all processes of the desk; None without a real keyring."""
        import secrets

        if self._keyring(STORE_KEY) is None:
            return None
        with _alone(self._home / "store-key.lock"):
            kept = self._from_keyring(STORE_KEY)
            if kept is None:
                self.keep(STORE_KEY, secrets.token_urlsafe(32), STORE_KEY)
            return kept or self._from_keyring(STORE_KEY)


@contextmanager
def _said(variable: str) -> Iterator[None]:
    """A keyring that fails is a setting that is missing: it says which one may be given instead."""
    try:
        yield
    except Exception as cause:  # a backend raises what its system raises
        raise _bad(variable, "keyring_failed") from cause


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process of the desk at a time: an exclusive lock that the system drops when its holder dies."""
    import sqlite3

    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = sqlite3.connect(path, timeout=30, isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
    except (OSError, sqlite3.Error) as cause:
        raise ConsoleError("storage_full", {"path": str(path), "reason": "not_writable"}) from cause
    try:
        yield
    finally:
        lock.close()


def _bad(name: str, problem: str) -> ConsoleError:
    return ConsoleError("bad_profile", {"variable": _PREFIX + name, "problem": problem})
