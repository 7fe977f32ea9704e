"""Serialize the answers of services as JSON text, so that a call with a repeated request id gets an answer equal
to the first one.

An answer consists of domain values (frozen dataclasses and enumerations), error codes and error details. The payer
of a payment is stored masked, as on the screen. Because another program may have changed the stored text,
`deserialize_answer` creates objects of domain classes only.
"""

import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any

from console.domain.errors import ConsoleError, ErrorCode, rebuild_error
from console.domain.payments.records import Payment, mask_payer
from console.domain.reason import Reason
from console.domain.records import WorkReason

LONGEST_ANSWER_CHARACTERS = 4 * 1024 * 1024
"""Length of the longest answer that is stored, in characters."""
_DOMAIN_PACKAGE_PREFIX = "console.domain."


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """The result of a call of a service: the value that it returned, or the error that it raised."""

    value: Any = None
    error: ConsoleError | None = None


def return_true_as_answer(_request_id_use: object) -> CallAnswer:
    """Return the answer True. This is the parameter `find_answer` of `RequestIdService.act_once` for functions `act`
    that return True after their only write: `find_answer` is called only if the call has written something."""
    return CallAnswer(True)


def serialize_answer(answer: CallAnswer) -> str:
    """Return the answer as JSON text, from which `deserialize_answer` can restore it."""
    error = answer.error
    content = (
        {"value": serialize_value(answer.value)}
        if error is None
        else {"code": error.code, "status": error.exit_status, "detail": serialize_value(error.detail)}
    )
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def deserialize_answer(text: str) -> CallAnswer:
    """Return the answer from `text`, which must be a text that `serialize_answer` has returned. Raises ValueError for
    any other text."""
    try:
        content = json.loads(text)
        if "value" in content:
            return CallAnswer(deserialize_value(content["value"]))
        code, status, detail = content["code"], content["status"], deserialize_value(content["detail"])
        if not isinstance(code, str) or not isinstance(status, int):
            raise ValueError("not a stored error")
        return CallAnswer(error=rebuild_error(ErrorCode(code), detail, exit_status=status))
    except (TypeError, KeyError, AttributeError, ImportError, RecursionError) as malformed:
        raise ValueError("not a stored answer") from malformed


def serialize_value(value: object) -> Any:
    """Return the value as JSON types. A value that JSON can't express becomes a JSON object whose first key
    identifies the type, such as {"day": "2026-01-31"}. An object of an unknown type becomes the text that `str()`
    returns for it.
    """
    match value:
        case ErrorCode() | WorkReason() | Reason():  # stored as plain text before they had a type
            return value.value
        case Enum():
            return {"enum": _make_class_name(type(value)), "is": value.value}
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return {"at": value.isoformat()}
        case date():
            return {"day": value.isoformat()}
        case Mapping():
            return {"map": {str(key): serialize_value(part) for key, part in value.items()}}
        case list():
            return [serialize_value(part) for part in value]
        case tuple():
            return {"tuple": [serialize_value(part) for part in value]}
        case set() | frozenset():
            return {"set": sorted((serialize_value(part) for part in value), key=str)}
        case _ if is_dataclass(value) and not isinstance(value, type):
            parts = {field.name: serialize_value(getattr(value, field.name)) for field in fields(value) if field.init}
            if isinstance(value, Payment):
                parts["payer"] = mask_payer(value.payer)
            return {"made": _make_class_name(type(value)), "of": parts}
        case _:
            return str(value)


def _make_class_name(cls: type) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


def deserialize_value(stored_value: Any) -> Any:
    """Return the original value for a result of `serialize_value` (JSON types). For any other argument, raises one of
    ValueError, TypeError, AttributeError and ImportError."""
    match stored_value:
        case list():
            return [deserialize_value(part) for part in stored_value]
        case {"enum": str(name), "is": of}:
            return _import_domain_class(name, Enum)(of)
        case {"made": str(name), "of": dict(parts)}:
            return _import_domain_class(name, None)(
                **{field: deserialize_value(part) for field, part in parts.items()}
            )
        case {"at": str(text)}:
            return datetime.fromisoformat(text)
        case {"day": str(text)}:
            return date.fromisoformat(text)
        case {"map": dict(parts)}:
            return {key: deserialize_value(part) for key, part in parts.items()}
        case {"tuple": list(parts)}:
            return tuple(deserialize_value(part) for part in parts)
        case {"set": list(parts)}:
            return frozenset(deserialize_value(part) for part in parts)
        case dict():
            raise ValueError("not a stored value")
    return stored_value


def _import_domain_class(name: str, base_class: type | None) -> Any:
    """Return the domain class with this name ("module:class"). The class must be a dataclass if `base_class` is None,
    otherwise a subclass of `base_class`. For any other name, raises one of ValueError, AttributeError and
    ImportError."""
    module, _, class_name = name.partition(":")
    if not module.startswith(_DOMAIN_PACKAGE_PREFIX) or not class_name.isidentifier():
        raise ValueError("not a class of the domain")
    candidate = getattr(importlib.import_module(module), class_name)
    is_class_of_module = isinstance(candidate, type) and candidate.__module__ == module
    if not is_class_of_module or not (
        is_dataclass(candidate) if base_class is None else issubclass(candidate, base_class)
    ):
        raise ValueError("not a value of the domain")
    return candidate
