"""Parse the JSON file of the terminal command `db accounts apply`. The file lists people, their roles, and the
names of the environment variables that contain their passwords; the file itself contains no password."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Unpack

from console.domain.access.permissions import ALL_ROLES, WORKER
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import UsageDetail
from console.domain.records import Person
from console.domain.usage_problems import UsageProblem

_PERSON_NAME_PATTERN = re.compile(r"[a-z0-9._-]{1,32}")
_ENVIRONMENT_VARIABLE_NAME_PATTERN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_ALLOWED_ACCOUNT_ENTRY_KEYS = ("name", "roles", "may_buy", "password_env", "disabled", "acts", "asks")
ROLES_THAT_MAY_ASK_WORKER = ALL_ROLES - {WORKER}
"""Roles with which a person's account may ask a worker to act: every role except `worker`."""
# Accounts of the database server itself: a new password for one of them could lock everybody out of the server.
_DATABASE_SERVER_SYSTEM_ACCOUNTS = frozenset(
    {"root", "mysql", "mariadb.sys", "mysql.sys", "mysql.session", "mysql.infoschema"}
)


@dataclass(frozen=True, slots=True)
class AccountEntry:
    """One person in the JSON file of the command `db accounts apply`.

    `is_disabled`: True if the person may no longer work; None if the entry doesn't state it: then the person works,
    unless an administrator has disabled the person. `asks_worker`: True if a worker acts for the person; the person's
    own database account may then only read, and store desk requests. `has_no_acts_key`: True if the entry has neither
    the key `acts` nor its earlier form `asks`. `password_env`: name of the environment variable that contains the
    password; None if the entry names no variable. `line_number`: number of the line of the file that contains the
    person's name.
    """

    person: Person
    is_disabled: bool | None
    asks_worker: bool
    has_no_acts_key: bool
    password_env: str | None
    line_number: int


def read_account_entries(content: str) -> tuple[AccountEntry, ...]:
    """Parse `content`, the text of the JSON file of `db accounts apply`, and return its entries in the order of
    the file.

    Raises ConsoleError `usage` if the file deviates from the expected form. The error's detail has the problem, the
    line and the person's name (None if the mistake isn't about one person).
    """
    document = _parse_json(content)
    if not isinstance(document, dict) or not isinstance(document.get("operators"), list):
        raise make_account_file_error(UsageProblem.ACCOUNTS_WRONG_FORM, 1)
    _refuse_unknown_keys(document, ("operators",), 1)
    entries = tuple(_parse_account_entry(json_entry, content) for json_entry in document["operators"])
    used_names: set[str] = set()
    for entry in entries:
        if entry.person.name in used_names:
            raise make_account_file_error(UsageProblem.ACCOUNTS_SAME_NAME_TWICE, entry.line_number, entry.person.name)
        used_names.add(entry.person.name)
    return entries


def make_account_file_error(
    problem: UsageProblem, line: int, name: str = "", /, **facts: Unpack[UsageDetail]
) -> ConsoleError:
    """Return the ConsoleError `usage` about a mistake in the line `line` of the JSON file of `db accounts apply`.
    `problem` is the code of the mistake, and `name` the name of the person whom the mistake concerns; empty if it
    concerns no single person. `facts` are added to the error's detail.
    """
    return ConsoleError(ErrorCode.USAGE, {"problem": problem, "line": line, "name": name or None, **facts})


def _parse_json(content: str) -> object:
    try:
        return json.loads(content, object_pairs_hook=_refuse_repeated_keys)
    except json.JSONDecodeError as malformed:
        raise make_account_file_error(UsageProblem.ACCOUNTS_INVALID_JSON, malformed.lineno) from None
    except (ValueError, RecursionError):
        raise make_account_file_error(UsageProblem.ACCOUNTS_WRONG_FORM, 1) from None


def _refuse_repeated_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return `pairs`, the keys and values of one JSON object of the file, as a dict. Raises ValueError for a
    repeated key, because Python's JSON parser would silently use the last value."""
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return dict(pairs)


def _parse_account_entry(json_entry: object, content: str) -> AccountEntry:
    if not isinstance(json_entry, dict):
        raise make_account_file_error(UsageProblem.ACCOUNTS_WRONG_FORM, 1)
    name = json_entry.get("name")
    line = _find_line_of_name(content, name)
    if (
        not isinstance(name, str)
        or not _PERSON_NAME_PATTERN.fullmatch(name)
        or name in _DATABASE_SERVER_SYSTEM_ACCOUNTS
    ):
        raise make_account_file_error(UsageProblem.ACCOUNTS_INVALID_NAME, line, str(name)[:40])
    _refuse_unknown_keys(json_entry, _ALLOWED_ACCOUNT_ENTRY_KEYS, line, name)
    for key in ("may_buy", "disabled", "acts"):
        if not isinstance(json_entry.get(key, False), bool):
            raise make_account_file_error(UsageProblem.ACCOUNTS_FLAG_NOT_BOOLEAN, line, name, key=key)
    password_variable = json_entry.get("password_env")
    if password_variable is not None and not (
        isinstance(password_variable, str) and _ENVIRONMENT_VARIABLE_NAME_PATTERN.fullmatch(password_variable)
    ):
        raise make_account_file_error(UsageProblem.ACCOUNTS_INVALID_VARIABLE_NAME, line, name)
    person = Person(name, _parse_roles(json_entry.get("roles"), line, name), json_entry.get("may_buy", False))
    asks_worker = _parse_asks_worker(json_entry, person, line)
    has_no_acts_key = not {"acts", "asks"} & set(json_entry)
    return AccountEntry(person, json_entry.get("disabled"), asks_worker, has_no_acts_key, password_variable, line)


def _parse_asks_worker(json_entry: Mapping[str, object], person: Person, line: int) -> bool:
    """Return True if a worker acts for the person: the person has a role of ROLES_THAT_MAY_ASK_WORKER, and the
    person's entry `json_entry` doesn't say `"acts": true`. `"asks": true`, the earlier form, means `"acts": false`.
    Raises ConsoleError `usage` (with the line number `line`) if both keys are set, or if one of the keys is set for a
    person without such a role.
    """
    if "asks" in json_entry and ("acts" in json_entry or json_entry["asks"] is not True):
        raise make_account_file_error(UsageProblem.ACCOUNTS_ASKS_WITH_ACTS, line, person.name)
    may_ask_worker = bool(person.roles & ROLES_THAT_MAY_ASK_WORKER)
    if {"acts", "asks"} & set(json_entry) and not may_ask_worker:
        raise make_account_file_error(UsageProblem.ACCOUNTS_INVALID_ROLES, line, person.name)
    return may_ask_worker and not json_entry.get("acts", False)


def _parse_roles(json_roles: object, line: int, name: str) -> frozenset[str]:
    """Return the roles of one person; `json_roles` is the value of the key `roles` in the person's entry. `worker`
    must be the only role of an account, because a worker never decides. Raises ConsoleError `usage` (with the line
    number `line` and the person's name `name`) for an unknown or repeated role, for `worker` with another role, and
    if the person has no role."""
    if not isinstance(json_roles, list) or not json_roles or not all(isinstance(role, str) for role in json_roles):
        raise make_account_file_error(UsageProblem.ACCOUNTS_INVALID_ROLES, line, name)
    roles = frozenset(json_roles)
    if roles - ALL_ROLES:
        raise make_account_file_error(
            UsageProblem.ACCOUNTS_UNKNOWN_ROLE,
            line,
            name,
            role=min(roles - ALL_ROLES)[:40],
            allowed=sorted(ALL_ROLES),
        )
    if len(roles) != len(json_roles) or (WORKER in roles and len(roles) > 1):
        raise make_account_file_error(UsageProblem.ACCOUNTS_INVALID_ROLES, line, name)
    return roles


def _refuse_unknown_keys(
    json_object: Mapping[str, object], allowed_keys: tuple[str, ...], line: int, name: str = ""
) -> None:
    """Raise the error about an account file if the object has a key that isn't allowed. `line` is the number of the
    object's line, `name` the name of the account in it.
    """
    unknown_keys = sorted(set(json_object) - set(allowed_keys))
    if unknown_keys:
        raise make_account_file_error(
            UsageProblem.ACCOUNTS_UNKNOWN_KEY, line, name, key=unknown_keys[0][:40], allowed=list(allowed_keys)
        )


def _find_line_of_name(content: str, name: object) -> int:
    """Return the number of the line of the file (text `content`) that contains the person's name; 1 if the file
    doesn't contain `name` as plain JSON text."""
    return 1 + content[: max(0, next(_find_name_positions(content, name), 0))].count("\n")


def _find_name_positions(content: str, name: object) -> Iterator[int]:
    quoted_name = re.escape(json.dumps(name, ensure_ascii=False))
    yield from (match.start(1) for match in re.finditer(rf'"name"\s*:\s*({quoted_name})', content))
