"""The file of `db accounts apply`: people, their roles, and where their passwords are. Never the passwords."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from console.domain.errors import ConsoleError
from console.domain.permissions import ALL_ROLES, WORKER
from console.domain.records import Person

LARGEST_FILE_BYTES = 1024 * 1024
_NAME = re.compile(r"[a-z0-9._-]{1,32}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_KEYS = ("name", "roles", "may_buy", "password_env", "disabled")
# A server's own accounts: whoever set one of their passwords by a slip would lose the server.
_SYSTEM = frozenset({"root", "mysql", "mariadb.sys", "mysql.sys", "mysql.session", "mysql.infoschema"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One person of the file; `line` is where the name stands."""

    person: Person
    disabled: bool
    password_env: str | None
    line: int


def read_entries(content: str) -> tuple[Entry, ...]:
    """Everybody in the file, in its order. Raises ConsoleError `usage` with problem, line and name (where there is
    one) for whatever is not exactly as it should be: nothing is guessed about who may do what.
    """
    whole = _parsed(content)
    if not isinstance(whole, dict) or not isinstance(whole.get("operators"), list):
        raise flawed("accounts_form", 1)
    _refuse_unknown(whole, ("operators",), 1)
    entries = tuple(_entry(one, content) for one in whole["operators"])
    seen: set[str] = set()
    for entry in entries:
        if entry.person.name in seen:
            raise flawed("accounts_twice", entry.line, entry.person.name)
        seen.add(entry.person.name)
    return entries


def flawed(problem: str, line: int, name: str = "", **facts: object) -> ConsoleError:
    """The refusal of a file."""
    return ConsoleError("usage", {"problem": problem, "line": line, "name": name or None, **facts})


def _parsed(content: str) -> object:
    try:
        return json.loads(content, object_pairs_hook=_without_repeats)
    except json.JSONDecodeError as wrong:
        raise flawed("accounts_json", wrong.lineno) from None
    except (ValueError, RecursionError):
        raise flawed("accounts_form", 1) from None


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """The second of two equal keys would win in silence."""
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return dict(pairs)


def _entry(given: object, content: str) -> Entry:
    if not isinstance(given, dict):
        raise flawed("accounts_form", 1)
    name = given.get("name")
    line = _line_of(content, name)
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name in _SYSTEM:
        raise flawed("accounts_name", line, str(name)[:40])
    _refuse_unknown(given, _KEYS, line, name)
    for key in ("may_buy", "disabled"):
        if not isinstance(given.get(key, False), bool):
            raise flawed("accounts_flag", line, name, key=key)
    variable = given.get("password_env")
    if variable is not None and not (isinstance(variable, str) and _VARIABLE.fullmatch(variable)):
        raise flawed("accounts_variable", line, name)
    person = Person(name, _roles(given.get("roles"), line, name), given.get("may_buy", False))
    return Entry(person, given.get("disabled", False), variable, line)


def _roles(given: object, line: int, name: str) -> frozenset[str]:
    """The worker's account never decides, so it is nothing else besides."""
    if not isinstance(given, list) or not given or not all(isinstance(role, str) for role in given):
        raise flawed("accounts_roles", line, name)
    roles = frozenset(given)
    if roles - ALL_ROLES:
        raise flawed("accounts_unknown_role", line, name, role=min(roles - ALL_ROLES)[:40], allowed=sorted(ALL_ROLES))
    if len(roles) != len(given) or (WORKER in roles and len(roles) > 1):
        raise flawed("accounts_roles", line, name)
    return roles


def _refuse_unknown(given: Mapping[str, object], known: tuple[str, ...], line: int, name: str = "") -> None:
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise flawed("accounts_unknown_key", line, name, key=unknown[0][:40], allowed=list(known))


def _line_of(content: str, name: object) -> int:
    """Where the name stands in the file; 1 for one that isn't there as written."""
    return 1 + content[: max(0, next(_places(content, name), 0))].count("\n")


def _places(content: str, name: object) -> Iterator[int]:
    written = re.escape(json.dumps(name, ensure_ascii=False))
    yield from (found.start(1) for found in re.finditer(rf'"name"\s*:\s*({written})', content))
