"""Functions that write values of any type as JSON. The module imports no module of records, so that the program
needn't load these modules for an answer without records."""

import json
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from console.domain.calendar_days import format_instant

JsonObject = dict[str, Any]
TranslateFunction = Callable[..., str]
"""A function: `translate(key, **facts)` returns the sentence of a wording key in the language of this command."""
_MAX_TEXT_VALUE_CHARACTERS = 2_000


def build_value_json(value: object, build_object_json: Callable[[Any], JsonObject]) -> Any:
    """Return any value of an error's detail, of a timeline entry or of an audit entry as JSON. `build_object_json`
    returns the JSON object of a dataclass, such as a record; text is cut to 2,000 characters.
    """
    match value:
        case None | bool() | int() | float():
            return value
        case datetime():
            return format_instant(value)
        case Enum():
            return build_value_json(value.value, build_object_json)
        case str():
            return value if len(value) <= _MAX_TEXT_VALUE_CHARACTERS else value[:_MAX_TEXT_VALUE_CHARACTERS] + "…"
        case Mapping():
            return {str(key): build_value_json(part, build_object_json) for key, part in value.items()}
        case list() | tuple() | set() | frozenset():
            return [build_value_json(part, build_object_json) for part in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return build_object_json(value)
        case _:
            return build_value_json(str(value), build_object_json)


def format_json_line(payload: JsonObject) -> bytes:
    """Return the object as one line of JSON in UTF-8. A lone surrogate, which UTF-8 can't encode, becomes U+FFFD."""
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode() + b"\n"
