"""Parse the arguments of a desk request at the worker. The worker does not trust these arguments, because every
account of the database may store desk requests."""

import json
import types
from collections.abc import Sequence
from dataclasses import is_dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from console.services.desk_requests.commands import (
    FILE_PLACEHOLDER_KEY,
    LARGEST_LIST_BYTES,
    LONG_LIST_PLACEHOLDER_KEY,
)
from console.services.guarded import answer_serialization

_LARGEST_INTEGER_ARGUMENT = 2**63 - 1
_MAX_OBJECTS_IN_LIST = 100_000
"""Largest number of JSON objects and arrays in a long list. Without this limit, the objects of a list of
LARGEST_LIST_BYTES could take hundreds of megabytes of the worker's memory. A selected record needs two objects.
"""


def read_arguments(text: str, argument_types: Sequence[Any], file: Path | None) -> tuple[Any, ...]:
    """Return the arguments in the JSON list `text`; `argument_types` are their required types. If an argument is a
    file, `text` has a placeholder in its place (a map with the only key FILE_PLACEHOLDER_KEY); the placeholder is
    replaced by the path `file`. `file` is None if the request has no file. If an argument is a long list, the file
    has this list, and `text` has a placeholder with the only key LONG_LIST_PLACEHOLDER_KEY. Arguments that are
    missing at the end of the list are None: a desk leaves out arguments that it doesn't need, or that the desk's
    earlier version of the program doesn't have.

    Raises ValueError if `text` is not a JSON list of arguments with these types.
    """
    try:
        values = json.loads(text, parse_constant=_refuse_json_constant)
        if not isinstance(values, list) or len(values) > len(argument_types):
            raise ValueError("another number of arguments")
        values += [None] * (len(argument_types) - len(values))
        arguments = tuple(_read_argument(value, file) for value in values)
    except (AttributeError, ImportError, RecursionError, TypeError) as malformed:
        raise ValueError("no arguments") from malformed
    for argument, required_type in zip(arguments, argument_types, strict=True):
        if not _has_type(argument, required_type):
            raise ValueError(f"an argument isn't of the type {required_type}")
    return arguments


def _refuse_json_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _read_argument(value: Any, file: Path | None) -> Any:
    """Return the argument with the JSON value `value`; `file` is the request's file, None if it has none."""
    if file is not None and _is_placeholder(value, FILE_PLACEHOLDER_KEY):
        return file
    if file is not None and _is_placeholder(value, LONG_LIST_PLACEHOLDER_KEY):
        value = _read_long_list(file)
    return answer_serialization.deserialize_value(value)


def _is_placeholder(value: object, key: str) -> bool:
    """True if the JSON value `value` is the placeholder with this key."""
    return isinstance(value, dict) and isinstance(value.get("map"), dict) and set(value["map"]) == {key}


def _read_long_list(file: Path) -> Any:
    """Return the JSON value in a file that contains a long list. Raises ValueError if the file contains no JSON or is
    too large."""
    content = file.read_bytes()
    if len(content) > LARGEST_LIST_BYTES or content.count(b"{") + content.count(b"[") > _MAX_OBJECTS_IN_LIST:
        raise ValueError("too long a list")
    return json.loads(content.decode(), parse_constant=_refuse_json_constant)


def _has_type(value: object, required_type: Any) -> bool:
    """True if the value, with all of its elements and fields, has the annotated type `required_type` and can be
    stored in the database."""
    if isinstance(required_type, types.UnionType):
        return any(_has_type(value, choice) for choice in get_args(required_type))
    if get_origin(required_type) is tuple:
        return isinstance(value, tuple) and _have_types(value, get_args(required_type))
    if is_dataclass(required_type):
        hints = get_type_hints(required_type)
        return type(value) is required_type and all(
            _has_type(getattr(value, name), hint) for name, hint in hints.items()
        )
    if isinstance(value, Enum):
        return type(value) is required_type
    if isinstance(value, str):
        return required_type is str and _is_storable_text(value)
    if isinstance(value, int):
        return required_type is type(value) and abs(value) <= _LARGEST_INTEGER_ARGUMENT
    if isinstance(value, datetime):  # it is also a `date`, and can be compared with an instant only if it has a zone
        return required_type is datetime and value.tzinfo is not None
    return isinstance(value, required_type)


def _have_types(values: tuple[object, ...], required_types: tuple[Any, ...]) -> bool:
    if required_types[1:] == (...,):
        required_types = required_types[:1] * len(values)
    return len(values) == len(required_types) and all(map(_has_type, values, required_types))


def _is_storable_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text
