"""Authentication at the simulated PayPay: checks the signature, time, nonce and merchant of a request."""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from threading import Lock

from console.sandbox.environment.clock import SandboxClock
from console.sandbox.environment.credentials import PAYPAY_API_KEY, PAYPAY_API_SECRET, PAYPAY_MERCHANT_ID
from console.sandbox.http.messages import HttpRequest
from console.sandbox.paypay.responses import make_result_refusal

AUTHORIZATION_SCHEME = "hmac OPA-Auth:"
CLOCK_TOLERANCE = timedelta(minutes=2)
HASH_OF_EMPTY_BODY = "empty"


def compute_body_hash(content_type: str | None, body: bytes) -> str:
    """Return the MD5 over content type and body in Base64; `empty` without a body."""
    if not body:
        return HASH_OF_EMPTY_BODY
    digest = hashlib.md5((content_type or "").encode() + body, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode("ascii")


def make_string_to_sign(method: str, path: str, nonce: str, epoch: str, content_type: str | None, body: bytes) -> str:
    """Return the text that PayPay's OPA signature covers: path, method, nonce, epoch, content type and body hash, one
    on each line.
    """
    kind = (content_type or "") if body else HASH_OF_EMPTY_BODY
    return "\n".join((path, method, nonce, epoch, kind, compute_body_hash(content_type, body)))


def compute_signature(secret: str, text: str) -> str:
    """Return the HMAC-SHA256 of a text in Base64; the secret is used as UTF-8 text and isn't decoded."""
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha256")).decode("ascii")


class RegisteredPayPayKeys:
    """The API keys that are registered at the simulated PayPay, with their secrets and merchants. Several threads may
    use this object at the same time."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._lock = Lock()
        self.reset()

    def reset(self) -> None:
        """Restore the default API key; delete all other keys and the used nonces."""
        with self._lock:
            self._secret_by_api_key: dict[str, tuple[str, str]] = {}
            self._used_nonces: dict[tuple[str, str], datetime] = {}
        self.register_key(PAYPAY_API_KEY, PAYPAY_API_SECRET, PAYPAY_MERCHANT_ID)

    def register_key(self, api_key: str, api_secret: str, merchant_id: str) -> None:
        """Register an API key, or replace the secret and merchant of a registered key."""
        with self._lock:
            self._secret_by_api_key.pop(str(api_key), None)
            self._secret_by_api_key[str(api_key)] = (str(api_secret), str(merchant_id))

    @property
    def newest_merchant_id(self) -> str:
        """The id of the merchant that was registered last."""
        return list(self._secret_by_api_key.values())[-1][1]

    def require_merchant(self, request: HttpRequest) -> str:
        """Return the id of the merchant that has signed a request.

        Raises `RequestRefused`, 401 UNAUTHORIZED, for an unknown key, a wrong signature or body hash, or a used
        nonce. It is also raised if the request names another merchant than that of the key, or if its time differs by
        two or more minutes from the sandbox's clock. The answer doesn't contain the cause.
        """
        merchant = self._find_authenticated_merchant(request)
        if merchant is None:
            raise make_result_refusal("UNAUTHORIZED")
        return merchant

    def _find_authenticated_merchant(self, request: HttpRequest) -> str | None:
        """Return the id of the merchant that has signed a request; None if the signature isn't accepted."""
        parts = _parse_header_parts(request.headers.get("authorization", ""))
        if parts is None:
            return None
        api_key, signature, nonce, epoch, sent_body_hash = parts
        secret, merchant = self._secret_by_api_key.get(api_key, ("", ""))
        content_type = request.headers.get("content-type")
        signed_text = make_string_to_sign(request.method, request.path, nonce, epoch, content_type, request.body)
        is_genuine = hmac.compare_digest(compute_signature(secret, signed_text).encode(), signature.encode())
        if not (secret and is_genuine and sent_body_hash == compute_body_hash(content_type, request.body)):
            return None
        assumed_merchant = request.query.get("assumeMerchant") or request.headers.get("x-assume-merchant") or merchant
        return merchant if assumed_merchant == merchant and self._use_nonce_if_fresh(api_key, nonce, epoch) else None

    def _use_nonce_if_fresh(self, api_key: str, nonce: str, epoch: str) -> bool:
        """Record the nonce of a signature as used, and return True, if the signature is fresh; otherwise return
        False. A signature is fresh if its time (`epoch`, seconds since 1970) differs by less than two minutes from
        the sandbox's clock, and if the API key has not used the nonce before."""
        now = self._clock.now()
        if not nonce or abs(now.timestamp() - int(epoch)) >= CLOCK_TOLERANCE.total_seconds():
            return False
        with self._lock:
            while self._used_nonces and now - next(iter(self._used_nonces.values())) > 2 * CLOCK_TOLERANCE:
                del self._used_nonces[next(iter(self._used_nonces))]
            return self._used_nonces.setdefault((api_key, nonce), now) is now


def _parse_header_parts(header: str) -> list[str] | None:
    """Return API key, MAC, nonce, epoch and body hash of an `Authorization` header; None if the header is
    malformed."""
    parts = header.removeprefix(AUTHORIZATION_SCHEME).split(":")
    is_well_formed = (
        header.startswith(AUTHORIZATION_SCHEME) and len(parts) == 5 and parts[3].isascii() and parts[3].isdigit()
    )
    return parts if is_well_formed and len(parts[3]) <= 12 else None
