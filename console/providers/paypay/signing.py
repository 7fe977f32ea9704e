"""PayPay's request signature: HMAC-SHA256 over path, method, nonce, time, content type and a hash of the body."""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field

NOTHING = "empty"


@dataclass(frozen=True, slots=True)
class PayPayKey:
    """Whom the signature speaks for; neither part shows in a repr."""

    api_key: str = field(repr=False)
    secret: str = field(repr=False)


def authorization(
    key: PayPayKey, method: str, path: str, *, nonce: str, epoch: int, content_type: str | None, body: bytes | None
) -> str:
    """The value of the header `Authorization`. `path` as sent, without query; `epoch` in seconds."""
    kind = content_type if body and content_type else NOTHING
    hashed = body_hash(kind, body)
    mac = _mac(key.secret, string_to_sign(method, path, nonce, epoch, kind, hashed))
    return f"hmac OPA-Auth:{key.api_key}:{mac}:{nonce}:{epoch}:{hashed}"


def body_hash(content_type: str, body: bytes | None) -> str:
    """Base64 of MD5 over content type and body; the word `empty` for no body."""
    if not body:
        return NOTHING
    digest = hashlib.md5(content_type.encode() + body, usedforsecurity=False)
    return base64.b64encode(digest.digest()).decode()


def string_to_sign(method: str, path: str, nonce: str, epoch: int, content_type: str, hashed: str) -> str:
    """What the signature is made over."""
    return "\n".join((path, method, nonce, str(epoch), content_type, hashed))


def _mac(secret: str, text: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha256")).decode()
