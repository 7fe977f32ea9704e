"""The secrets of a desk, read from environment variables, otherwise from the keyring of the operating system.
Secrets are never shown, and not stored anywhere else.

An environment variable `CONSOLE_SECRET_NAME_FILE` contains the path of a file with the secret NAME. Service
managers and containers pass secrets in this way (credentials of systemd, secrets of Docker and Kubernetes). The
program never writes such a file.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NoReturn, Protocol, Self, TypeVar

from console.domain.errors import ConsoleError
from console.domain.process.daemon_threads import DaemonThread
from console.domain.setting_problems import SettingProblem
from console.settings.private_files import hold_exclusive_file_lock, open_ordinary_file
from console.settings.value_parsers import make_bad_profile_error

_ResultT = TypeVar("_ResultT")
MIN_STORE_KEY_CHARACTERS = 16
KEYRING_TIMEOUT_SECONDS = 120.0
"""Longest wait for one answer of the keyring. A person may type the keyring's password meanwhile."""
STORE_KEY_NAME = "STORE_KEY"
DRAFT_KEY_NAME = "DRAFT_KEY"
SECRET_VARIABLE_PREFIX = "CONSOLE_SECRET_"  # noqa: S105  # the beginning of a name
# Texts, not compiled patterns: `re` compiles one at its first use, and a start uses few of them.
_SECRET_NAME_PATTERN = r"[A-Z][A-Z0-9_]{0,99}"  # noqa: S105  # a pattern, no secret
# The keyrings of the operating systems. Other backends of the package keyring (plain files, null, combinations from
# a configuration file) aren't used, because they don't protect a secret.
_KEYRING_BACKENDS = (
    ("keyring.backends.Windows", "WinVaultKeyring"),
    ("keyring.backends.macOS", "Keyring"),
    ("keyring.backends.SecretService", "Keyring"),
    ("keyring.backends.kwallet", "DBusKeyring"),
)


_SECRET_FILE_VARIABLE_SUFFIX = "_FILE"  # noqa: S105  # the end of a name
_MAX_SECRET_FILE_BYTES = 64 * 1024
_IDENTIFIER_NAME_PATTERN = r"(?!OPERATOR_)[A-Z0-9_]+_(ID|API_KEY)"
"""Names of secrets that a provider uses as an identifier: ids of merchants, clients and applications, and API keys.
They are sent in headers and URLs.
"""
_IDENTIFIER_PATTERN = r"[!-~]+"


class Keyring(Protocol):
    """Interface of a keyring of the operating system: the methods that this program uses."""

    def get_password(self, service: str, username: str) -> str | None: ...

    def set_password(self, service: str, username: str, password: str) -> None: ...

    def delete_password(self, service: str, username: str) -> None: ...


def find_system_keyring() -> Keyring | None:
    """Return the keyring of the operating system; None if this machine has none. Keyrings that store secrets in
    plain files aren't used."""
    from importlib import import_module

    for module, name in _KEYRING_BACKENDS:
        backend = getattr(import_module(module), name)
        if backend.viable:
            keyring: Keyring = backend()
            return keyring
    return None


class HiddenSecrets:
    """Base class of objects that contain secrets. Its methods prevent that a secret gets into a log line, a copy as a
    dictionary, or another process by accident: `repr` returns a fixed text, copying returns the object itself, and
    pickling raises TypeError.
    """

    def __repr__(self) -> str:
        return "<secrets>"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("secrets do not travel: give the other process its environment")


class SecretStore(HiddenSecrets):
    """Reads the secrets of a desk by name (such as `ALARMBOX_CLIENT_ID`) from environment variables or the keyring.
    `env` are the environment variables, `home` is the desk's home folder. `urls` maps setting names to the configured
    URLs, which may contain a password; None if no URL is configured. `find_keyring` returns the keyring of the
    operating system, None if there is none. The constructor raises ConsoleError `bad_profile` for an unusable secret
    in `env` or in a file that `env` names."""

    def __init__(
        self,
        env: Mapping[str, str],
        home: Path,
        *,
        urls: Mapping[str, str] | None = None,
        find_keyring: Callable[[], Keyring | None] = find_system_keyring,
    ) -> None:
        names_in_environment = {
            name.removeprefix(SECRET_VARIABLE_PREFIX): value
            for name, value in env.items()
            if name.startswith(SECRET_VARIABLE_PREFIX) and value
        }
        self._environment = dict(_read_environment_secrets(names_in_environment))
        self._variables = {
            name.removesuffix(_SECRET_FILE_VARIABLE_SUFFIX): SECRET_VARIABLE_PREFIX + name
            for name in names_in_environment
        }
        self.secret_files = tuple(
            Path(value) for name, value in names_in_environment.items() if name.endswith(_SECRET_FILE_VARIABLE_SUFFIX)
        )
        """The files from which secrets were read."""
        self._home = home
        self._urls = dict(urls or {})
        self._open_keyring = find_keyring
        self._unanswered_call: DaemonThread | None = None

    @property
    def keyring_service(self) -> str:
        """The service name of this desk's entries in the keyring. It contains the path of the home folder, so that
        desks with different home folders have different entries."""
        return f"support-console:{self._home}"

    def find_configured_url(self, name: str) -> str | None:
        """Return the URL with this setting name, such as `DATABASE_URL`, which may contain a password; None if it
        isn't set."""
        return self._urls.get(name)

    def list_secret_names_in_environment(self) -> frozenset[str]:
        """Return the names of all secrets that environment variables contain, or whose files they name, without the
        prefix `CONSOLE_SECRET_` and the ending `_FILE`."""
        return frozenset(self._environment)

    def get_variable_with_secret(self, name: str) -> str:
        """Return the name of the environment variable that contains either the secret `name` or the path of a file
        with this secret. Raises KeyError if no such variable is set."""
        return self._variables[name]

    def read_secret(self, secret_name: str, *, must_ask_keyring: bool = True) -> str | None:
        """Return the secret with this name from the environment variables, otherwise (with `must_ask_keyring`) from
        the keyring; None if it is missing.

        Raises ConsoleError `bad_profile` if the keyring can't be read, or if its secret is empty or has a line break
        or another character that no provider's secret has; and ValueError for a text that can't be the name of a
        secret.
        """
        if not re.fullmatch(_SECRET_NAME_PATTERN, secret_name):
            raise ValueError(f"not the name of a secret: {secret_name!r}")
        return self._environment.get(secret_name) or (
            self._read_secret_from_keyring(secret_name) if must_ask_keyring else None
        )

    # -- entries of the keyring; `variable` is the secret's name in the environment, which may be set instead

    def has_keyring(self) -> bool:
        """Return True if the operating system has a keyring, even if the keyring is locked. Reading an entry of a
        locked keyring with `read_keyring_entry` raises ConsoleError `bad_profile`.
        """
        try:
            return self._find_keyring(STORE_KEY_NAME) is not None
        except ConsoleError:
            return True

    def read_keyring_entry(self, entry: str, secret_name: str) -> str | None:
        """Return the value of an entry in the keyring; None if there is no such entry or no keyring. Raises
        ConsoleError `bad_profile` if the keyring can't be read. The error names the environment variable that a
        person can set instead: that of the secret `secret_name`.
        """
        backend = self._find_keyring(secret_name)
        if backend is None:
            return None
        return self._call_keyring(secret_name, lambda: backend.get_password(self.keyring_service, entry))

    def store_keyring_entry(self, entry: str, value: str, secret_name: str) -> None:
        """Store an entry in the keyring. Raises ConsoleError `bad_profile` if there is no keyring or if it refuses
        the entry. The error names the environment variable that a person can set instead: that of the secret
        `secret_name`.
        """
        backend = self._find_keyring(secret_name)
        if backend is None:
            raise make_bad_profile_error(SECRET_VARIABLE_PREFIX + secret_name, SettingProblem.NO_KEYRING)
        self._call_keyring(secret_name, lambda: backend.set_password(self.keyring_service, entry, value))

    def delete_keyring_entry(self, entry: str, secret_name: str) -> bool:
        """Delete an entry in the keyring. Return True if the entry existed. Raises ConsoleError `bad_profile` if the
        keyring can't be read or doesn't delete the entry. The error names the environment variable that a person can
        set instead: that of the secret `secret_name`.
        """
        backend = self._find_keyring(secret_name)
        if backend is None or self.read_keyring_entry(entry, secret_name) is None:
            return False
        self._call_keyring(secret_name, lambda: backend.delete_password(self.keyring_service, entry))
        return True

    def read_store_key(self, *, may_create: bool) -> str:
        """Return the store key, which encrypts stored tokens and spooled answers. It is read from the environment
        variable or the keyring. With `may_create`, a missing key is created in the keyring.

        Raises ConsoleError `bad_profile` if the key is missing or has fewer than 16 characters, or if the keyring
        can't be read or doesn't store the key; with `may_create` also `storage_full` if the lock file of the key
        can't be written.
        """
        return self._read_encryption_key(STORE_KEY_NAME, may_create=may_create)

    def read_draft_key(self) -> str:
        """Return the draft key, which encrypts the data that the window stores on this desk for its person, such
        as drafts. It is read from the environment variable or the keyring; a missing key is created in the
        keyring.

        Raises ConsoleError `bad_profile` if the key is missing and there is no keyring, if the keyring can't be read
        or doesn't store the key, or if the key has fewer than 16 characters. Raises `storage_full` if the lock file
        of the key can't be written.
        """
        return self._read_encryption_key(DRAFT_KEY_NAME, may_create=True)

    def _read_encryption_key(self, secret_name: str, *, may_create: bool) -> str:
        key = self.read_secret(secret_name) or (self._find_or_create_key(secret_name) if may_create else None)
        if key is None:
            raise make_bad_profile_error(SECRET_VARIABLE_PREFIX + secret_name, SettingProblem.STORE_KEY_MISSING)
        if len(key) < MIN_STORE_KEY_CHARACTERS:
            raise make_bad_profile_error(SECRET_VARIABLE_PREFIX + secret_name, SettingProblem.STORE_KEY_TOO_SHORT)
        return key

    def _read_secret_from_keyring(self, name: str) -> str | None:
        value = self.read_keyring_entry(name, name)
        return _parse_secret(SECRET_VARIABLE_PREFIX + name, name, value) if value else value

    def _find_keyring(self, secret_name: str) -> Keyring | None:
        """Return the keyring; None if this machine has none. Raises ConsoleError `bad_profile` if the keyring can't
        be opened."""
        return self._call_keyring(secret_name, self._open_keyring)

    def _call_keyring(self, secret_name: str, call: Callable[[], _ResultT]) -> _ResultT:
        """Call the keyring in a thread, and return the result. Raises ConsoleError `bad_profile` if the keyring
        raises an exception, or if it hasn't answered after KEYRING_TIMEOUT_SECONDS; until that call has ended,
        further calls are refused at once. The error names the environment variable of the secret `secret_name`, which
        a person can set instead of the keyring's entry."""
        results: list[_ResultT] = []
        failures: list[BaseException] = []

        def call_and_keep_result() -> None:
            try:
                results.append(call())
            except BaseException as failure:  # the type of the exception depends on the backend
                failures.append(failure)

        if self._unanswered_call is None or not self._unanswered_call.is_alive():
            # A thread that waits for ever doesn't stop the end of the process, because it is a daemon.
            thread = DaemonThread(call_and_keep_result, "keyring")
            try:
                thread.start()
            except RuntimeError as failure:
                failures.append(failure)
            else:
                thread.join(KEYRING_TIMEOUT_SECONDS)
            self._unanswered_call = thread if thread.is_alive() else None
        if results:
            return results[0]
        cause = failures[0] if failures else TimeoutError("the keyring doesn't answer")
        raise make_bad_profile_error(SECRET_VARIABLE_PREFIX + secret_name, SettingProblem.KEYRING_FAILED) from cause

    def _find_or_create_key(self, secret_name: str) -> str | None:
        """Return the key with this name from the keyring; create the key if it is missing. A lock prevents two
        processes of the desk from creating two different keys. Return None if there is no keyring."""
        import secrets

        if self._find_keyring(secret_name) is None:
            return None
        with hold_exclusive_file_lock(self._home / "store-key.lock"):
            key = self._read_secret_from_keyring(secret_name)
            if key is None:
                self.store_keyring_entry(secret_name, secrets.token_urlsafe(32), secret_name)
            return key or self._read_secret_from_keyring(secret_name)


def _read_environment_secrets(variables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the name and value of each secret. `variables` are the environment variables without the prefix
    `CONSOLE_SECRET_`; if a name ends in `_FILE`, the value is read from the file that the variable names. Raises
    ConsoleError `bad_profile` if a secret is set twice, if its file can't be read, or if a provider can't have given
    such a secret.
    """
    for name, value in variables.items():
        variable = SECRET_VARIABLE_PREFIX + name
        if not name.endswith(_SECRET_FILE_VARIABLE_SUFFIX):
            yield name, _parse_secret(variable, name, value)
            continue
        secret_name = name.removesuffix(_SECRET_FILE_VARIABLE_SUFFIX)
        if secret_name in variables:
            raise make_bad_profile_error(variable, SettingProblem.SECRET_SET_TWICE)
        yield secret_name, _parse_secret(variable, secret_name, _read_secret_file(variable, Path(value)))


def _parse_secret(variable: str, secret_name: str, text: str) -> str:
    """Return the secret in `text` without one final line break, which `echo` and editors add. `variable` is the
    environment variable of the secret, or of the path of its file.

    Raises ConsoleError `bad_profile` if the secret is empty or contains a line break or a control character, or if an
    identifier (such as `PAYPAY_MERCHANT_ID`) contains other characters than visible ASCII: no provider has such
    secrets, and they would break headers and signatures, so that no call could be sent.
    """
    secret = _remove_final_line_break(text)
    if not secret or not secret.isprintable():
        raise make_bad_profile_error(variable, SettingProblem.INVALID_SECRET)
    if re.fullmatch(_IDENTIFIER_NAME_PATTERN, secret_name) and not re.fullmatch(_IDENTIFIER_PATTERN, secret):
        raise make_bad_profile_error(variable, SettingProblem.INVALID_SECRET)
    return secret


def _remove_final_line_break(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")


def _read_secret_file(variable: str, file: Path) -> str:
    """Return the text in the file of a secret, without the byte order mark and the final newline that editors add.
    `variable` is the environment variable that names the file.

    Raises ConsoleError `bad_profile` if the file can't be read, isn't a regular file (reading a pipe might never
    end), is empty or larger than 64 KiB, or has more than one line or a control character.
    """
    try:
        with open_ordinary_file(file) as secret_file:
            content = secret_file.read(_MAX_SECRET_FILE_BYTES + 1)
        text = _remove_final_line_break(content.decode("utf-8-sig"))
    except (OSError, ValueError):
        raise make_bad_profile_error(variable, SettingProblem.SECRET_FILE_UNUSABLE) from None
    if not text or not text.isprintable() or len(content) > _MAX_SECRET_FILE_BYTES:
        raise make_bad_profile_error(variable, SettingProblem.SECRET_FILE_UNUSABLE)
    return text
