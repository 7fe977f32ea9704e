"""Takes secrets out of texts that are kept or shown."""

import re
from collections.abc import Iterable
from functools import cache

TOKEN_FIELDS = ("access_token", "refresh_token", "client_secret", "client_id", "code", "password")
_BEARER = re.compile(r"(?i)\b(bearer)\s+[A-Za-z0-9._~+/=-]+")
_HIDDEN = "***"


def redact(text: str, secrets: Iterable[str] = (), fields: tuple[str, ...] = TOKEN_FIELDS) -> str:
    """The text without `secrets`, without what follows `Bearer`, and without the values of the JSON `fields`."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, _HIDDEN)
    return _BEARER.sub(rf"\1 {_HIDDEN}", _keyed(fields).sub(rf'\1"{_HIDDEN}"', text))


@cache
def _keyed(fields: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf'("(?:{"|".join(fields)})"\s*:\s*)"(?:[^"\\]|\\.)*"')
