"""A complete team on a server: a new database with its schema, and a database account with its rights for each
person.

    with open_team(mariadb_server) as people:
        console = open_quick_desk(home, alarmbox, DATABASE_URL=people.urls["op-a"], OPERATOR="")

Accounts belong to the whole server. So that several teams can use one server, the account names of each team end in a
text that no other team has. The keys of `people.urls` and `people.names` are the short names; `people.names["op-a"]`
is the account's name.
"""

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from console.app import open_console
from console.settings.settings import Settings
from console.store.access.grants import TEAM_MODE_ROLES, make_role_name, quote_identifier
from tests.support import server_schema
from tests.support.sql_server import SqlServer

UNUSED_URL = "http://127.0.0.1:9"
PERSON_NAME_BY_ROLE = {
    "operator": "op-a",
    "approver": "lead-b",
    "auditor": "aud-e",
    "admin": "adm-f",
    "worker": "worker",
}
"""For each role, the name of a person who has it."""
ROLES_BY_PERSON: Mapping[str, tuple[str, ...]] = {
    "op-a": ("operator",),
    "op-b": ("operator",),
    "lead-b": ("approver",),
    "lead-c": ("approver",),
    "aud-e": ("auditor",),
    "adm-f": ("admin",),
    "worker": ("worker",),
}
"""Roles of each person, by short name. Operators and approvers may buy credit checks."""


@dataclass(frozen=True)
class Team:
    """A team on a server. `urls` has the database URL of each person by short name, and `names` the name of each
    account. `owner` is the URL of the schema account, which only runs the commands `db …`.
    """

    server: SqlServer
    owner: str = field(repr=False)
    urls: Mapping[str, str] = field(repr=False)
    names: Mapping[str, str]

    @property
    def database(self) -> str:
        return self.owner.rpartition("/")[2]

    def get_password_of(self, person: str) -> str:
        """Return the password of the person's account."""
        return unquote(urlsplit(self.urls[person]).password or "")

    def get_grantee(self, person: str) -> str:
        """Return the grantee of a person's rights in SQL form. On MariaDB this is the person's own role, on MySQL the
        account.
        """
        return f"`console:{self.names[person]}`" if self.server.is_mariadb else f"`{self.names[person]}`@`%`"

    def open_connection(self, person: str, **more: Any) -> Any:
        """Return a PyMySQL connection of this person with AUTOCOMMIT; "owner" means the schema account. `more` are
        further arguments of PyMySQL.
        """
        parts = urlsplit(self.owner if person == "owner" else self.urls[person])
        return self.server.connect(parts.username or "", parts.password or "", self.database, **more)

    def drop(self) -> None:
        """Drop the database, the accounts and the roles of the team."""
        accounts = [f"DROP USER IF EXISTS `{name}`@`%`" for name in self.names.values()]
        roles = [f"DROP ROLE IF EXISTS `console:{name}`" for name in self.names.values()]
        shared = {role for roles in ROLES_BY_PERSON.values() for role in roles} | TEAM_MODE_ROLES
        named = (quote_identifier(make_role_name(self.database, role)) for role in shared)
        self.server.sql(*accounts, *roles, *(f"DROP ROLE IF EXISTS {name}" for name in named))
        self.server.drop_database(self.owner)


@contextmanager
def open_team(
    server: SqlServer, members: Mapping[str, tuple[str, ...]] = ROLES_BY_PERSON, **options: Any
) -> Iterator[Team]:
    """Yield a team, and drop it at the end of the block. The arguments are those of `create_team`."""
    made = create_team(server, members, **options)
    try:
        yield made
    finally:
        made.drop()


def create_team(
    server: SqlServer,
    members: Mapping[str, tuple[str, ...]] = ROLES_BY_PERSON,
    *,
    has_exact_names: bool = False,
    has_team_mode: bool = False,
    host: str | None = None,
) -> Team:
    """Create a database with its schema, and accounts as `db accounts apply` creates them. Return the team. With
    `has_exact_names` the accounts have exactly the short names, for a server with only one team. With `has_team_mode`
    operators and approvers are in team mode. `host` replaces the server's host in the URLs.
    """
    owner = server.create_database()
    server_schema.create_schema(server, owner)
    return create_accounts(
        server, owner, members, has_exact_names=has_exact_names, has_team_mode=has_team_mode, host=host
    )


def create_accounts(
    server: SqlServer,
    owner: str,
    members: Mapping[str, tuple[str, ...]] = ROLES_BY_PERSON,
    *,
    has_exact_names: bool = False,
    has_team_mode: bool = False,
    host: str | None = None,
) -> Team:
    """Create the accounts of a team on a database that has its schema. The parameters mean the same as in
    `create_team`.
    """
    mark = "" if has_exact_names else f".{secrets.token_hex(3)}"
    names = {short: f"{short}{mark}" for short in members}
    passwords = {short: secrets.token_urlsafe(12) for short in members}
    apply_accounts(
        owner,
        make_account_entries(names, members, has_team_mode=has_team_mode),
        {_make_password_variable(short): word for short, word in passwords.items()},
    )
    place = f"{host or server.host}:{server.port}/{owner.rpartition('/')[2]}"
    urls = {
        short: f"mysql+pymysql://{quote(names[short], safe='')}:{quote(passwords[short], safe='')}@{place}"
        for short in members
    }
    return Team(server, owner, urls, names)


def make_account_entries(
    names: Mapping[str, str], members: Mapping[str, tuple[str, ...]], *, has_team_mode: bool = False
) -> list[dict[str, object]]:
    """Return the entries of an accounts file for these members."""
    decides = {"operator", "approver"}
    return [
        {
            "name": names[short],
            "roles": list(roles),
            "may_buy": bool(decides & set(roles)),
            "password_env": _make_password_variable(short),
            **({} if "worker" in roles else {"acts": not has_team_mode}),
        }
        for short, roles in members.items()
    ]


def apply_accounts(owner: str, people: list[dict[str, object]], passwords: Mapping[str, str]) -> None:
    """Execute `db accounts apply` as the schema account. `passwords` has the passwords by environment variable."""
    with TemporaryDirectory(prefix="console-owner-") as home:
        environment = {
            "CONSOLE_HOME": str(Path(home)),
            "CONSOLE_DATABASE_URL": owner,
            "CONSOLE_ALARMBOX_URL": UNUSED_URL,
        }
        with open_console(Settings.load(environment)) as console:
            console.accounts.apply_account_file(json.dumps({"operators": people}), passwords.get)


def _make_password_variable(short_name: str) -> str:
    return f"CONSOLE_SECRET_OPERATOR_{short_name.upper().replace('-', '_')}"
