"""Validates the output of commands with `--json` against docs/reference/json.schema.json."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

SCHEMA_FILE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "json.schema.json"
VALIDATED_COMMANDS: set[tuple[str, str]] = set()
"""(command, "ok" or the error code) of each answer that was validated in this process."""


@cache
def read_schema() -> dict[str, Any]:
    """Return the content of the schema's file."""
    read: dict[str, Any] = json.loads(SCHEMA_FILE.read_text("utf-8"))
    return read


def check_answer(words: Sequence[str], answer: dict[str, Any]) -> None:
    """Check the answer to the command line `words` against the schema.

    Raises AssertionError with the path of the first part of the answer that the schema doesn't allow.
    """
    name = find_definition_name(words)
    fault = best_match(_make_validator(name if answer["ok"] else "refusal").iter_errors(answer))
    assert fault is None, f"{name}: $.{'.'.join(map(str, fault.absolute_path))}: {fault.message[:400]}"
    VALIDATED_COMMANDS.add((name, "ok" if answer["ok"] else answer["error"]["code"]))


def find_definition_name(words: Sequence[str]) -> str:
    """Return the name of the schema's definition (in `$defs`) for the command in the command line `words`."""
    if "--help" in words or "-h" in words:
        return "help"
    if "--version" in words:
        return "version"
    named = [word for word in words if not word.startswith("-")]
    names = ("-".join(named[:count]) for count in (3, 2, 1))
    return next((name for name in names if name in _list_commands()), "refusal")


@cache
def _list_commands() -> frozenset[str]:
    return frozenset(part["$ref"].removeprefix("#/$defs/") for part in read_schema()["anyOf"])


@cache
def _make_validator(name: str) -> Draft202012Validator:
    """Return a validator for one definition. For a command the validator accepts only the answer on success, because
    the definition `refusal` describes the refusals of all commands.
    """
    definition = read_schema()["$defs"][name]
    chosen = definition if name == "refusal" else definition["anyOf"][0]
    return Draft202012Validator({"$defs": read_schema()["$defs"], **chosen})
