"""Who may speak to the simulated PayPay: the signature of a request, its clock, its nonce, its merchant."""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from threading import Lock

from console.sandbox.clock import SandboxClock
from console.sandbox.credentials import PAYPAY_API_KEY, PAYPAY_API_SECRET, PAYPAY_MERCHANT_ID
from console.sandbox.paypay_answers import refusal
from console.sandbox.wire import Request

SCHEME = "hmac OPA-Auth:"
TOLERANCE = timedelta(minutes=2)
EMPTY = "empty"


def body_hash(content_type: str | None, body: bytes) -> str:
    """Base64 of the MD5 over content type and body; `empty` without a body."""
    if not body:
        return EMPTY
    digest = hashlib.md5((content_type or "").encode() + body, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode("ascii")


def string_to_sign(method: str, path: str, nonce: str, epoch: str, content_type: str | None, body: bytes) -> str:
    kind = (content_type or "") if body else EMPTY
    return "\n".join((path, method, nonce, epoch, kind, body_hash(content_type, body)))


def mac(secret: str, text: str) -> str:
    """The secret counts as UTF-8 text; it is not decoded."""
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha256")).decode("ascii")


class PayPayDoor:
    """Knows API keys with their secrets and merchants; safe to use from any thread."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._lock = Lock()
        self.reset()

    def reset(self) -> None:
        with self._lock:
            self._keys: dict[str, tuple[str, str]] = {}
            self._nonces: dict[tuple[str, str], datetime] = {}
        self.accept(PAYPAY_API_KEY, PAYPAY_API_SECRET, PAYPAY_MERCHANT_ID)

    def accept(self, api_key: str, api_secret: str, merchant_id: str) -> None:
        """Know an API key, or another secret and merchant for it."""
        with self._lock:
            self._keys.pop(str(api_key), None)
            self._keys[str(api_key)] = (str(api_secret), str(merchant_id))

    @property
    def newest(self) -> str:
        """The merchant that was made known last."""
        return list(self._keys.values())[-1][1]

    def check(self, request: Request) -> str:
        """The merchant who asks. Raises `Refused`, 401 UNAUTHORIZED, without telling what was wrong."""
        merchant = self._merchant(request)
        if merchant is None:
            raise refusal("UNAUTHORIZED")
        return merchant

    def _merchant(self, request: Request) -> str | None:
        parts = _parts(request.headers.get("authorization", ""))
        if parts is None:
            return None
        api_key, given, nonce, epoch, hashed = parts
        secret, merchant = self._keys.get(api_key, ("", ""))
        content_type = request.headers.get("content-type")
        text = string_to_sign(request.method, request.path, nonce, epoch, content_type, request.body)
        genuine = hmac.compare_digest(mac(secret, text).encode(), given.encode())
        if not (secret and genuine and hashed == body_hash(content_type, request.body)):
            return None
        asked = request.query.get("assumeMerchant") or request.headers.get("x-assume-merchant") or merchant
        return merchant if asked == merchant and self._fresh(api_key, nonce, epoch) else None

    def _fresh(self, api_key: str, nonce: str, epoch: str) -> bool:
        now = self._clock.now()
        if not nonce or abs(now.timestamp() - int(epoch)) >= TOLERANCE.total_seconds():
            return False
        with self._lock:
            while self._nonces and now - next(iter(self._nonces.values())) > 2 * TOLERANCE:
                del self._nonces[next(iter(self._nonces))]
            return self._nonces.setdefault((api_key, nonce), now) is now


def _parts(header: str) -> list[str] | None:
    """API key, mac, nonce, epoch and hash."""
    parts = header.removeprefix(SCHEME).split(":")
    well_formed = header.startswith(SCHEME) and len(parts) == 5 and parts[3].isascii() and parts[3].isdigit()
    return parts if well_formed and len(parts[3]) <= 12 else None
