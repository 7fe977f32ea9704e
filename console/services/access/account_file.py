"""Parse the file of `db accounts apply`: people, their roles, and the names of the environment variables with their
passwords. The file itself contains no passwords.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Unpack

from console.domain.access.permissions import ALL_ROLES, WORKER
from console.domain.error_reasons import UsageProblem
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import Usage
from console.domain.records import Person

_NAME_PATTERN = re.compile(r"[a-z0-9._-]{1,32}")
_VARIABLE_PATTERN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_PERSON_KEYS = ("name", "roles", "may_buy", "password_env", "disabled", "acts", "asks")
ASKING_ROLES = ALL_ROLES - {WORKER}
"""Roles with which a person's account may ask a worker to act: every role except `worker`."""
# Accounts of the database server itself: a new password for one of them could lock everybody out of the server.
_SYSTEM_ACCOUNTS = frozenset({"root", "mysql", "mariadb.sys", "mysql.sys", "mysql.session", "mysql.infoschema"})


@dataclass(frozen=True, slots=True)
class AccountEntry:
    """One person of the file of `db accounts apply`.

    `asks_worker`: True if a worker acts for the person, whose own account may then only read and ask.
    `has_no_choice_of_way`: True if the entry has neither the key `acts` nor the key `asks`. `password_env`: name of
    the environment variable with the password; None without one. `line`: number of the line that contains the name.
    """

    person: Person
    disabled: bool
    asks_worker: bool
    has_no_choice_of_way: bool
    password_env: str | None
    line: int


def read_entries(content: str) -> tuple[AccountEntry, ...]:
    """Parse the text of the file and return its entries, in the sequence of the file.

    Raises ConsoleError `usage` with problem, line and name (None if the mistake concerns no person) for every
    deviation from the expected form: the parser never guesses a right.
    """
    document = _parse_json(content)
    if not isinstance(document, dict) or not isinstance(document.get("operators"), list):
        raise make_file_error(UsageProblem.ACCOUNTS_WRONG_FORM, 1)
    _refuse_unknown(document, ("operators",), 1)
    entries = tuple(_parse_entry(row, content) for row in document["operators"])
    names: set[str] = set()
    for entry in entries:
        if entry.person.name in names:
            raise make_file_error(UsageProblem.ACCOUNTS_SAME_NAME_TWICE, entry.line, entry.person.name)
        names.add(entry.person.name)
    return entries


def make_file_error(problem: UsageProblem, line: int, name: str = "", /, **facts: Unpack[Usage]) -> ConsoleError:
    """Return the ConsoleError `usage` about a mistake in the file. An empty `name` means that the mistake concerns no
    single person.
    """
    return ConsoleError(ErrorCode.USAGE, {"problem": problem, "line": line, "name": name or None, **facts})


def _parse_json(content: str) -> object:
    try:
        return json.loads(content, object_pairs_hook=_refuse_repeated_keys)
    except json.JSONDecodeError as malformed:
        raise make_file_error(UsageProblem.ACCOUNTS_INVALID_JSON, malformed.lineno) from None
    except (ValueError, RecursionError):
        raise make_file_error(UsageProblem.ACCOUNTS_WRONG_FORM, 1) from None


def _refuse_repeated_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return the object's pairs as a dict. Raises ValueError for a repeated key, because Python's parser would
    silently use the last one.
    """
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return dict(pairs)


def _parse_entry(row: object, content: str) -> AccountEntry:
    if not isinstance(row, dict):
        raise make_file_error(UsageProblem.ACCOUNTS_WRONG_FORM, 1)
    name = row.get("name")
    line = _line_of(content, name)
    if not isinstance(name, str) or not _NAME_PATTERN.fullmatch(name) or name in _SYSTEM_ACCOUNTS:
        raise make_file_error(UsageProblem.ACCOUNTS_INVALID_NAME, line, str(name)[:40])
    _refuse_unknown(row, _PERSON_KEYS, line, name)
    for key in ("may_buy", "disabled", "acts"):
        if not isinstance(row.get(key, False), bool):
            raise make_file_error(UsageProblem.ACCOUNTS_FLAG_NOT_BOOLEAN, line, name, key=key)
    variable = row.get("password_env")
    if variable is not None and not (isinstance(variable, str) and _VARIABLE_PATTERN.fullmatch(variable)):
        raise make_file_error(UsageProblem.ACCOUNTS_INVALID_VARIABLE_NAME, line, name)
    person = Person(name, _parse_roles(row.get("roles"), line, name), row.get("may_buy", False))
    asks = _parse_asks_worker(row, person, line)
    is_default = not {"acts", "asks"} & set(row)
    return AccountEntry(person, row.get("disabled", False), asks, is_default, variable, line)


def _parse_asks_worker(row: Mapping[str, object], person: Person, line: int) -> bool:
    """Return True if a worker acts for the person: the person has a role of ASKING_ROLES, and the entry `row` doesn't
    say `"acts": true`. `"asks": true`, the earlier form, means `"acts": false`. Raises ConsoleError `usage` if both
    keys are set, or if one is set for a person without such a role.
    """
    if "asks" in row and ("acts" in row or row["asks"] is not True):
        raise make_file_error(UsageProblem.ACCOUNTS_ASKS_WITH_ACTS, line, person.name)
    may_ask = bool(person.roles & ASKING_ROLES)
    if {"acts", "asks"} & set(row) and not may_ask:
        raise make_file_error(UsageProblem.ACCOUNTS_INVALID_ROLES, line, person.name)
    return may_ask and not row.get("acts", False)


def _parse_roles(row: object, line: int, name: str) -> frozenset[str]:
    """Return the roles of an entry; `row` is its value `roles`. `worker` must be the only role of an account, because
    a worker never decides. Raises ConsoleError `usage` for an unknown, repeated or forbidden role and for no role.
    """
    if not isinstance(row, list) or not row or not all(isinstance(role, str) for role in row):
        raise make_file_error(UsageProblem.ACCOUNTS_INVALID_ROLES, line, name)
    roles = frozenset(row)
    if roles - ALL_ROLES:
        raise make_file_error(
            UsageProblem.ACCOUNTS_UNKNOWN_ROLE,
            line,
            name,
            role=min(roles - ALL_ROLES)[:40],
            allowed=sorted(ALL_ROLES),
        )
    if len(roles) != len(row) or (WORKER in roles and len(roles) > 1):
        raise make_file_error(UsageProblem.ACCOUNTS_INVALID_ROLES, line, name)
    return roles


def _refuse_unknown(row: Mapping[str, object], allowed_keys: tuple[str, ...], line: int, name: str = "") -> None:
    unknown = sorted(set(row) - set(allowed_keys))
    if unknown:
        raise make_file_error(
            UsageProblem.ACCOUNTS_UNKNOWN_KEY, line, name, key=unknown[0][:40], allowed=list(allowed_keys)
        )


def _line_of(content: str, name: object) -> int:
    """Return the number of the line that contains the name; 1 if the name is not found in this spelling."""
    return 1 + content[: max(0, next(_positions_of(content, name), 0))].count("\n")


def _positions_of(content: str, name: object) -> Iterator[int]:
    quoted = re.escape(json.dumps(name, ensure_ascii=False))
    yield from (match.start(1) for match in re.finditer(rf'"name"\s*:\s*({quoted})', content))
