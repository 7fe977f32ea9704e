"""Sign-in to a database server: the database account of this process, and the sources of its password.

The first of these sources that has a password is used: the account that a person has entered in this process, the
database URL, CONSOLE_SECRET_DATABASE_PASSWORD in the environment, the keyring of the operating system. Passwords
are stored nowhere else.
"""

import re
from typing import Literal
from urllib.parse import quote, unquote

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.setting_problems import LOGIN_REFUSED_PROBLEMS, SettingProblem
from console.settings.secrets import SECRET_VARIABLE_PREFIX, HiddenSecrets, SecretStore
from console.settings.value_parsers import make_bad_profile_error

DATABASE_PASSWORD_SECRET_NAME = "DATABASE_PASSWORD"  # noqa: S105  # the name of a secret
_DATABASE_PASSWORD_VARIABLE = f"{SECRET_VARIABLE_PREFIX}{DATABASE_PASSWORD_SECRET_NAME}"
OPERATOR_VARIABLE = "CONSOLE_OPERATOR"
"""Environment variable with the name of the operator. It is also the name of the database account if the URL has no
name, unless a person enters an account.
"""
# Texts, not compiled patterns: `re` compiles one at its first use, and a start uses few of them.
_DATABASE_SERVER_URL_PATTERN = (
    r"(?s)(?P<scheme>[a-z]+\+pymysql://)(?:(?P<user>[^:/]*?)(?P<password>:[^@]*)?@)?"
    r"(?P<rest>(?P<host>\[[^\]/]+\]|[^/:?]*)(?::(?P<port>[0-9]+))?(?:/(?P<database>[^?]*))?(?:\?.*)?)"
)
_ACCOUNT_NAME_PATTERN = r"[^\x00-\x1f\x7f\ud800-\udfff]{1,80}"

DatabaseAccount = tuple[str, str]  # name and password; a tuple, because the repr of a class could show the password
AccountSource = Literal["asked", "given", "kept"]
"""Source of the account in use: a person has typed it ("asked"), the settings have it ("given"), or the keyring
("kept").
"""
SignInReason = Literal["none", "refused"]
"""Reason for which a person must sign in: no account is known, or the server has refused it."""


class DatabaseSignIn(HiddenSecrets):
    """The database account with which this process signs in at its database server. SQLite has no accounts and
    needs no sign-in.

    `sign_in_reason` is the code of the reason for which a person must sign in: `none` (no account is stored) or
    `refused` (the database has refused the account). It is None if no person must sign in.
    """

    def __init__(self, url: str, operator: str | None, secrets: SecretStore) -> None:
        """`url` is the configured database URL. `operator` is the operator's name in the settings; if the URL
        contains no name of an account, the account has this name. Passwords are read from `secrets`."""
        # A start with SQLite doesn't compile the pattern.
        match = re.fullmatch(_DATABASE_SERVER_URL_PATTERN, url) if "+pymysql:" in url else None
        self.is_server = match is not None
        self._url, self._configured_operator, self._secrets = url, operator, secrets
        self._url_parts = match.groupdict() if match else {}
        self._entered_account: DatabaseAccount | None = None
        self._account_in_use: tuple[DatabaseAccount, AccountSource] | None = None
        self._has_signed_out = False
        self.sign_in_reason: SignInReason | None = None

    @property
    def database_address(self) -> str:
        """The address of the database server as `host:port/database`. People see this address, and the keyring's
        entries of the account contain it. "" on SQLite."""
        url_parts = self._url_parts
        host, port = (url_parts.get("host") or "127.0.0.1").lower(), url_parts.get("port") or "3306"
        return f"{host}:{port}/{unquote(url_parts.get('database') or '')}" if self.is_server else ""

    @property
    def user(self) -> str | None:
        """The name of the database account in use. Before the sign-in, the name of the account with which the process
        would sign in. On SQLite, the operator's name in the settings. None if no name is known. This property may
        read the keyring."""
        if self._account_in_use is not None:
            return self._account_in_use[0][0]
        return self._find_expected_user() or (self._read_last_signed_in_user() if self.is_server else None)

    def find_user_without_error(self) -> str | None:
        """Return the name of the database account in use or, before the sign-in, of the account with which the
        process would sign in. Return None if no name is known, or if the keyring, which may contain the name, can't
        be read."""
        try:
            return self.user
        except ConsoleError:
            return None

    @property
    def account_source(self) -> AccountSource | None:
        """The source of the account in use: entered by a person (`asked`), from the URL or the environment (`given`),
        or from the keyring (`kept`). None while no account is in use, for example before the first call of
        `database_url`."""
        return self._account_in_use[1] if self._account_in_use else None

    def has_configured_account(self) -> bool:
        """Return True if the settings contain an account, so that no person has to enter it: its name in the URL or
        as the operator's name, and its password in the URL or the environment."""
        return self.is_server and self._find_configured_account() is not None

    def has_password_without_name(self) -> bool:
        """Return True if the environment contains a password, but the name of the account is neither in the URL nor,
        as the operator's name, in the settings."""
        is_known = self._has_signed_out or self._find_expected_user() is not None
        return (
            self.is_server
            and not is_known
            and bool(self._secrets.read_secret(DATABASE_PASSWORD_SECRET_NAME, must_ask_keyring=False))
        )

    def can_store_password(self) -> bool:
        """Return True if the operating system has a keyring in which a password can be stored."""
        return self._secrets.has_keyring()

    def database_url(self) -> str:
        """Return the URL of the database, with the name and password of the account. Don't show this URL to people.

        Raises ConsoleError `bad_profile`: `sign_in_missing` if no account is known, `sign_in_unnamed` if the
        environment has a password but no name, `keyring_failed` if the keyring can't be read.
        """
        if not self.is_server:
            return self._url
        if self._entered_account is not None:
            return self._set_account_in_use(self._entered_account, "asked")
        configured_account = None if self._has_signed_out else self._find_configured_account()
        if configured_account is not None:
            return self._set_account_in_use(configured_account, "given")
        stored_account = None if self._has_signed_out else self._read_stored_account()
        if stored_account is not None:
            return self._set_account_in_use(stored_account, "kept")
        self.sign_in_reason = self.sign_in_reason or "none"
        if self.has_password_without_name():
            raise make_bad_profile_error(
                OPERATOR_VARIABLE, SettingProblem.ACCOUNT_NAME_MISSING, place=self.database_address
            )
        raise make_bad_profile_error(
            _DATABASE_PASSWORD_VARIABLE,
            SettingProblem.SIGN_IN_MISSING,
            user=self._find_expected_user(),
            place=self.database_address,
        )

    def make_url_with_password(self, password: str) -> str:
        """Return the database URL with the account name `user` and this password, so that the caller can check a
        password that a person has entered. The account in use doesn't change."""
        return self._make_account_url((self.user or "", password))

    # -- sign-in and sign-out

    def set_entered_account(self, user: str, password: str) -> None:
        """Use this account from now on, in this process only. Raises ConsoleError `usage` if `user` can't be the name
        of an account."""
        if not re.fullmatch(_ACCOUNT_NAME_PATTERN, user):
            from console.domain.usage_problems import UsageProblem  # late: each import delays the first frame

            raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.INVALID_ACCOUNT_NAME})
        self._entered_account, self._account_in_use = (user, password), None

    def forget_refused_account(self, error: ConsoleError) -> None:
        """If the error says that the database has refused the account, stop using the account, so that a person
        must sign in again. Other errors are ignored."""
        if error.detail.get("problem") not in LOGIN_REFUSED_PROBLEMS:
            return
        if self._entered_account is None:
            self.sign_in_reason = "refused"
        self._entered_account = self._account_in_use = None

    def store_password(self) -> None:
        """Store the account in use and its password in the keyring.

        Raises ConsoleError `bad_profile`: `sign_in_missing` if no account is in use, `no_keyring` or `keyring_failed`
        if the keyring can't store it.
        """
        if self._account_in_use is None:
            raise make_bad_profile_error(
                _DATABASE_PASSWORD_VARIABLE,
                SettingProblem.SIGN_IN_MISSING,
                user=self._find_expected_user(),
                place=self.database_address,
            )
        user, password = self._account_in_use[0]
        # The name first: a password without it would be found by no sign-out.
        self._secrets.store_keyring_entry(self._last_signed_in_user_entry_name, user, DATABASE_PASSWORD_SECRET_NAME)
        self._secrets.store_keyring_entry(
            self._make_password_entry_name(user), password, DATABASE_PASSWORD_SECRET_NAME
        )

    def is_password_stored(self) -> bool:
        """Return True if the keyring contains an account and its password for this database; False also if the
        keyring can't be read."""
        try:
            return self.find_stored_user() is not None
        except ConsoleError:
            return False

    def find_stored_user(self) -> str | None:
        """Return the name of the account that the keyring contains with its password for this database: the account
        whose name is configured or, without such a name, the account that has signed in last. Return None if the
        keyring has none. Raises ConsoleError `bad_profile` if the keyring can't be read."""
        account = self._read_stored_account()
        return None if account is None else account[0]

    def sign_out(self) -> bool:
        """Delete the keyring's entries of this database's account, then require a new sign-in in this process. Return
        True if the keyring had such an entry. If another account has signed in last, the entries of that account
        stay, so that it can be signed out later. If the keyring fails, raises ConsoleError `bad_profile`; then the
        account stays in use, and the keyring may still contain the password."""
        user = self.user
        entries = [] if user is None else [self._make_password_entry_name(user)]
        if self._read_last_signed_in_user() in (None, user):
            entries.append(self._last_signed_in_user_entry_name)
        deleted = [self._secrets.delete_keyring_entry(entry, DATABASE_PASSWORD_SECRET_NAME) for entry in entries]
        # After the keyring: if it raises an error, the person sees that the sign-out failed, and stays signed in.
        self._entered_account, self._account_in_use, self._has_signed_out = None, None, True
        return any(deleted)

    # -- sources of account and password

    def _find_configured_account(self) -> DatabaseAccount | None:
        """Return the name and password in the URL or, if the URL lacks one of them, the name of `_find_expected_user`
        and the password in the environment; None if one of these is missing."""
        url_user, url_password = self._url_parts["user"], self._url_parts["password"]
        if url_user and url_password is not None:
            return unquote(url_user), unquote(url_password[1:])
        password, user = (
            self._secrets.read_secret(DATABASE_PASSWORD_SECRET_NAME, must_ask_keyring=False),
            self._find_expected_user(),
        )
        return (user, password) if user and password else None

    def _read_stored_account(self) -> DatabaseAccount | None:
        """Return the name and password of an account from the keyring. This is the account whose name is configured
        or, without such a name, the account that has signed in last. Return None if the keyring doesn't contain both
        name and password."""
        user = self._find_expected_user() or self._read_last_signed_in_user()
        password = (
            self._secrets.read_keyring_entry(self._make_password_entry_name(user), DATABASE_PASSWORD_SECRET_NAME)
            if user
            else None
        )
        return (user, password) if user and password is not None else None

    def _find_expected_user(self) -> str | None:
        """Return the name of the entered account, else that in the URL, else the operator's name in the settings;
        None if there is none."""
        if self._entered_account is not None:
            return self._entered_account[0]
        return unquote(self._url_parts.get("user") or "") or self._configured_operator

    def _read_last_signed_in_user(self) -> str | None:
        """Return the name of the account that last signed in to this database on this desk. The name is read from the
        keyring; None if the keyring doesn't have it."""
        return self._secrets.read_keyring_entry(self._last_signed_in_user_entry_name, DATABASE_PASSWORD_SECRET_NAME)

    def _make_password_entry_name(self, user: str) -> str:
        return f"{user}@{self.database_address}"

    @property
    def _last_signed_in_user_entry_name(self) -> str:
        return f"account at {self.database_address}"

    # -- building the URL

    def _set_account_in_use(self, account: DatabaseAccount, source: AccountSource) -> str:
        """Set `account` (name and password) as the account in use; `source` is the source from which it comes. Return
        the database URL with the account's name and password."""
        self._account_in_use = account, source
        return self._make_account_url(account)

    def _make_account_url(self, account: DatabaseAccount) -> str:
        # `surrogatepass`: a pasted password may contain half a surrogate pair; the server then refuses it.
        user, password = (quote(part, safe="", errors="surrogatepass") for part in account)
        return f"{self._url_parts['scheme']}{user}:{password}@{self._url_parts['rest']}"
