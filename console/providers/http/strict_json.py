"""JSON from untrusted sources, accepted only if it has exactly one meaning: duplicate keys, NaN and too deep nesting
are refused.
"""

import json
from collections.abc import Callable
from typing import NoReturn

MAX_JSON_BYTES = 2 << 20
MAX_JSON_DEPTH = 100
"""Largest number of objects and lists that may be nested in each other."""


class UnreadableJson(Exception):
    """The body isn't a JSON object that this program accepts: it is too large, damaged or nested too deeply, a key
    occurs twice, or the database can't store one of its texts.
    """


def parse_json_object(body: bytes, convert_fraction: Callable[[str], object] | None = None) -> dict[str, object]:
    """Return the JSON object in `body` (UTF-8, at most 2 MiB). `convert_fraction` converts the text of a number with
    a fraction; None: such a number becomes a float. Raises UnreadableJson for any other body, and for an object with
    more than MAX_JSON_DEPTH nested levels.
    """
    if len(body) > MAX_JSON_BYTES:
        raise UnreadableJson("too large")
    try:
        text = body.decode("utf-8-sig")
        value = json.loads(
            text,
            object_pairs_hook=_require_unique_fields,
            parse_constant=_refuse_json_constant,
            parse_float=convert_fraction,
        )
    except (ValueError, RecursionError) as error:
        raise UnreadableJson("no JSON") from error
    if not isinstance(value, dict):
        raise UnreadableJson("no object")
    _require_allowed_depth(value)
    return value


def _require_allowed_depth(value: dict[str, object]) -> None:
    """Raise UnreadableJson if objects and lists are nested in each other on more than MAX_JSON_DEPTH levels."""
    # Up to Python 3.13, json.loads refuses about a thousand levels by itself; newer ones read tens of thousands.
    level: list[object] = [value]
    for _ in range(MAX_JSON_DEPTH):
        containers = [item for item in level if isinstance(item, dict | list)]
        level = [part for item in containers for part in (item.values() if isinstance(item, dict) else item)]
        if not level:
            return
    if any(isinstance(item, dict | list) for item in level):
        raise UnreadableJson("nested too deeply")


def require_storable_texts(value: object) -> None:
    """Raise UnreadableJson if `value` contains a text that the database can't store, because it has an unpaired
    surrogate or a NUL character.
    """
    unchecked_values = [value]
    while unchecked_values:
        part = unchecked_values.pop()
        if isinstance(part, dict):
            unchecked_values += [*part.keys(), *part.values()]
        elif isinstance(part, list):
            unchecked_values += part
        elif isinstance(part, str) and ("\0" in part or any("\ud800" <= letter <= "\udfff" for letter in part)):
            raise UnreadableJson("no text")


def _require_unique_fields(names_and_values: list[tuple[str, object]]) -> dict[str, object]:
    """Return the fields of a JSON object as a dictionary. Raises UnreadableJson if a name occurs twice."""
    fields = dict(names_and_values)
    if len(fields) != len(names_and_values):
        raise UnreadableJson("a key stands there twice")
    return fields


def _refuse_json_constant(constant: str) -> NoReturn:
    """Raise UnreadableJson for NaN and the infinities, which aren't JSON."""
    raise UnreadableJson(f"{constant} is no JSON")
