"""PayPay's request signature: HMAC-SHA256 over path, method, nonce, time, content type and the hash of the body."""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field

EMPTY_BODY_MARK = "empty"


@dataclass(frozen=True, slots=True)
class PayPayKey:
    """API key and secret with which requests to PayPay are signed; the key and the secret are hidden in `repr`."""

    api_key: str = field(repr=False)
    secret: str = field(repr=False)


def make_authorization(
    key: PayPayKey,
    method: str,
    path: str,
    *,
    nonce: str,
    epoch_seconds: int,
    content_type: str | None,
    body: bytes | None,
) -> str:
    """Return the value of the header `Authorization` for a request to PayPay. `path` is the request's path without
    the query; `nonce` is a random text that no other request has; `epoch_seconds` is the time in seconds since 1970
    (UTC). `content_type` and `body` are None for a request without a body."""
    content_type_text = content_type if body and content_type else EMPTY_BODY_MARK
    body_hash = compute_body_hash(content_type_text, body)
    mac = _compute_hmac(
        key.secret, make_string_to_sign(method, path, nonce, epoch_seconds, content_type_text, body_hash)
    )
    return f"hmac OPA-Auth:{key.api_key}:{mac}:{nonce}:{epoch_seconds}:{body_hash}"


def compute_body_hash(content_type: str, body: bytes | None) -> str:
    """Return the MD5 of content type and body in Base64; the word `empty` if there is no body."""
    if not body:
        return EMPTY_BODY_MARK
    digest = hashlib.md5(content_type.encode() + body, usedforsecurity=False)
    return base64.b64encode(digest.digest()).decode()


def make_string_to_sign(
    method: str, path: str, nonce: str, epoch_seconds: int, content_type: str, body_hash: str
) -> str:
    """Return the text that is signed: path, method, nonce, time, content type and body hash, one on each line."""
    return "\n".join((path, method, nonce, str(epoch_seconds), content_type, body_hash))


def _compute_hmac(secret: str, text: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha256")).decode()
