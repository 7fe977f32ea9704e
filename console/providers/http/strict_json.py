"""JSON from strangers: one reading or none. Twice the same key, NaN or endless nesting are no answer."""

import json
from collections.abc import Callable
from typing import NoReturn

LARGEST_BYTES = 2 << 20


class Unreadable(Exception):
    """The text is no JSON object that can be read in exactly one way."""


def parse_object(body: bytes, fraction: Callable[[str], object] | None = None) -> dict[str, object]:
    """The object in `body` (UTF-8, at most 2 MiB); raises Unreadable. `fraction` reads numbers with a fraction."""
    if len(body) > LARGEST_BYTES:
        raise Unreadable("too large")
    try:
        text = body.decode("utf-8-sig")
        found = json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_float=fraction)
    except (ValueError, RecursionError) as error:
        raise Unreadable("no JSON") from error
    if not isinstance(found, dict):
        raise Unreadable("no object")
    return found


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unreadable("a key stands there twice")
    return found


def _constant(word: str) -> NoReturn:
    raise Unreadable(f"{word} is no JSON")
