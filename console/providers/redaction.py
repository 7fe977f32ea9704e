"""Takes secrets out of texts that are kept or shown."""

import re
from collections.abc import Iterable

_KEYED = re.compile(
    r'("(?:access_token|refresh_token|client_secret|client_id|code|password)"\s*:\s*)"(?:[^"\\]|\\.)*"'
)
_BEARER = re.compile(r"(?i)\b(bearer)\s+[A-Za-z0-9._~+/=-]+")
_HIDDEN = "***"


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without `secrets`, without what follows `Bearer`, and without the values of token fields."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, _HIDDEN)
    return _BEARER.sub(rf"\1 {_HIDDEN}", _KEYED.sub(rf'\1"{_HIDDEN}"', text))
