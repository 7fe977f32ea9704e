"""Checks the database accounts of operators on a server: one account per person, passwords, encryption. Their rights
are checked in `grants`.

The console's triggers identify a person by the name of the database account (`USER()` without the host). So a second
account of the same name, or an account without a name, would count as that person.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Executable, bindparam, text
from sqlalchemy.exc import DBAPIError

from console.domain.errors import ErrorCode
from console.domain.network.addresses import is_this_machine
from console.store.database import error_codes

MAX_PASSWORD_ERRORS = 1_000
"""Highest accepted value of the server's limit of consecutive wrong passwords for one account. Above this value an
attacker could guess a password.
"""
_PASSWORD_PLUGINS = ("", "mysql_native_password", "caching_sha2_password", "sha256_password", "ed25519")
"""Authentication plugins that check a password. An account with another plugin, such as unix_socket, may have an
empty password.
"""
_DATABASE_ACCOUNTS_QUERY = text(
    "SELECT User, Host, ssl_type, plugin, authentication_string FROM mysql.user WHERE User IN :names OR User = ''"
).bindparams(bindparam("names", expanding=True))
_RIGHTS_ON_SERVER_QUERY = text("SELECT * FROM mysql.user WHERE User IN :names AND Host = '%'").bindparams(
    bindparam("names", expanding=True)
)
_OPERATOR_NAMES_QUERY = text("SELECT name FROM operators")
_NAMES_WITH_ROLES_QUERY = text("SELECT name FROM operators WHERE disabled_at IS NULL OR disabled_by IS NOT NULL")
_ACCOUNTS_WITHOUT_DEFAULT_ROLE_QUERY = text(
    "SELECT User FROM mysql.user WHERE User IN :names AND default_role = '' ORDER BY User"
).bindparams(bindparam("names", expanding=True))
_PASSWORD_CHECK_VARIABLES = (
    "simple_password_check_minimal_length",
    "cracklib_password_check_dictionary",
    "validate_password.policy",  # MySQL's component
    "validate_password_policy",  # MySQL's older plugin
)
_WRONG_PASSWORD_LIMIT_VARIABLES = (
    "max_password_errors",  # MariaDB
    "component_connection_control.failed_connections_threshold",  # MySQL's component, since 9.2
    "connection_control_failed_connections_threshold",  # MySQL's older plugin
)
_VALUES_FOR_ANY_ADDRESS = ("", "*", "0.0.0.0", "::")  # noqa: S104  # values of a server's variable; nothing is bound to them here


def accepts_remote_connections(conn: Connection) -> bool:
    """True if the server accepts connections from other machines."""
    if _read_variable(conn, "skip_networking") == "ON":
        return False
    addresses = [address.strip() for address in (_read_variable(conn, "bind_address") or "").split(",")]
    return any(address in _VALUES_FOR_ANY_ADDRESS or not is_this_machine(address) for address in addresses)


def supports_encryption(conn: Connection) -> bool:
    """True if the server can encrypt connections."""
    return _read_variable(conn, "have_ssl") == "YES" or bool(_read_variable(conn, "ssl_cert"))


def find_account_faults(conn: Connection) -> tuple[str, ...] | None:
    """Return the faults of the operators' database accounts, each as one text "CODE ACCOUNT", such as "no_password
    op-a@%"; () if there are none. Return None if the connected account may not read mysql.user. The codes are:

    - several_accounts: the server has several accounts of this name; the text has the name without a host
    - anonymous_account: an account without a name
    - no_password: the account has no password
    - not_encrypted: the account may be used over unencrypted connections from other machines
    """
    is_remote = accepts_remote_connections(conn)
    rows = _read_accounts(conn, _DATABASE_ACCOUNTS_QUERY, [str(name) for name in conn.scalars(_OPERATOR_NAMES_QUERY)])
    if rows is None:
        return None
    accounts_per_name = Counter(_decode_text(user) for user, *_ in rows)
    faults = [f"several_accounts {name}" for name, n in sorted(accounts_per_name.items()) if name and n > 1]
    for user, host, tls, plugin, secret in rows:
        account = f"{_decode_text(user)}@{_decode_text(host)}"
        if not _decode_text(user):
            faults.append(f"anonymous_account {account}")
        elif not _decode_text(secret) and _decode_text(plugin) in _PASSWORD_PLUGINS:
            faults.append(f"no_password {account}")
        if is_remote and not _decode_text(tls) and not is_this_machine(_decode_text(host)):
            faults.append(f"not_encrypted {account}")
    return tuple(faults)


def find_accounts_without_default_role(conn: Connection) -> tuple[str, ...]:
    """Return the names, sorted, of the operators whose database account has no default role on MariaDB. Such a person
    can sign in, but has no rights. `db accounts apply` sets the default role in a session of the account itself. That
    is impossible while the account is locked, because an administrator has disabled the person. Return () if the
    connected account may not read mysql.user, and on MySQL, where the schema account sets the default role.
    """
    if not getattr(conn.dialect, "is_mariadb", False):
        return ()
    names = [str(name) for name in conn.scalars(_NAMES_WITH_ROLES_QUERY)]
    rows = _read_accounts(conn, _ACCOUNTS_WITHOUT_DEFAULT_ROLE_QUERY, names) or ()
    return tuple(_decode_text(row.User) for row in rows)


def find_names_with_server_wide_rights(conn: Connection, names: Sequence[str]) -> frozenset[str]:
    """Return those of the account names `names` whose account has a right on the whole server, such as SELECT on all
    databases. The console gives no such right, so another program or person uses the account. Return no name if the
    connected account may not read mysql.user.
    """
    return frozenset(
        _decode_text(row.User)
        for row in _read_accounts(conn, _RIGHTS_ON_SERVER_QUERY, names) or ()
        if any(column.endswith("_priv") and _decode_text(value) == "Y" for column, value in row._mapping.items())
    )


def _read_accounts(conn: Connection, query: Executable, names: Sequence[str]) -> Sequence[Any] | None:
    """Return the rows of `query`, a query of mysql.user with the parameter `names`; None if the connected account may
    not read mysql.user."""
    try:
        return conn.execute(query, {"names": list(names) or [""]}).all()
    except DBAPIError as error:
        if error_codes.find_database_error_code(error) not in (ErrorCode.NOT_ALLOWED, ErrorCode.BAD_PROFILE):
            raise
        return None


def find_missing_password_rules(conn: Connection) -> Sequence[str]:
    """Return the names of the password rules that the server doesn't enforce. `max_password_errors`: the limit of
    consecutive wrong passwords is missing, switched off, or above MAX_PASSWORD_ERRORS. `password_check`: no plugin
    refuses weak passwords.
    """
    limits = [_read_variable(conn, name) or "" for name in _WRONG_PASSWORD_LIMIT_VARIABLES]
    # MySQL counts no failed connections if its limit is 0; MariaDB's limit is at least 1
    is_limited = any(limit.isdecimal() and 0 < int(limit) <= MAX_PASSWORD_ERRORS for limit in limits)
    missing_rules = [] if is_limited else ["max_password_errors"]
    return (
        missing_rules
        if any(_read_variable(conn, name) is not None for name in _PASSWORD_CHECK_VARIABLES)
        else [*missing_rules, "password_check"]
    )


def _decode_text(value: object) -> str:
    """Return a value of the database as text: bytes are decoded as UTF-8, and NULL becomes ""."""
    return value.decode() if isinstance(value, bytes) else str(value or "")


def _read_variable(conn: Connection, variable_name: str) -> str | None:
    row = conn.exec_driver_sql("SHOW GLOBAL VARIABLES LIKE %s", (variable_name,)).first()
    return None if row is None else str(row[1] or "")
