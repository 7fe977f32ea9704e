"""Sealing of what the desk and the database keep but nobody may read: token pairs and spooled answers.

SealBroken   what was sealed is damaged, or another key sealed it
"""

import hashlib
import hmac
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from console.domain.errors import ConsoleError

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

SHORTEST_KEY = 16
_LABEL = b"support-console/store-key/v1/"


class SealBroken(Exception):
    """The sealed bytes are damaged, or were sealed with another key."""


class Cipher:
    """Authenticated encryption under one key text. Holds derived keys only; `repr` shows nothing of them."""

    def __init__(self, key_text: str) -> None:
        """Raises ConsoleError `bad_profile` for a key text of fewer than 16 characters."""
        self._seal_key = derived_key(key_text, "seal")
        self._name_key = derived_key(key_text, "fingerprint")

    def __repr__(self) -> str:
        return "Cipher(hidden)"

    def seal(self, plain: bytes) -> bytes:
        return self._fernet.encrypt(plain)

    def open(self, sealed: bytes) -> bytes:
        """What was sealed. Raises SealBroken."""
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken:
            raise SealBroken from None

    @property
    def fingerprint(self) -> str:
        """32 hex digits by which two desks see whether they use the same key."""
        return _fingerprint(self._name_key)

    @cached_property
    def _fernet(self) -> "Fernet":
        from base64 import urlsafe_b64encode

        from cryptography.fernet import Fernet

        return Fernet(urlsafe_b64encode(self._seal_key))


@lru_cache(maxsize=4)
def _fingerprint(name_key: bytes) -> str:
    """It is stored where others read it, so each guess at the key must cost: scrypt, about 50 ms and 16 MiB."""
    return hashlib.scrypt(name_key, salt=_LABEL, n=2**14, r=8, p=1, dklen=16).hex()


def derived_key(key_text: str, purpose: str) -> bytes:
    """32 bytes for one purpose. Raises ConsoleError `bad_profile` for a key text of fewer than 16 characters."""
    if len(key_text) < SHORTEST_KEY:
        facts = {"variable": "CONSOLE_SECRET_STORE_KEY", "problem": "store_key_short"}
        raise ConsoleError("bad_profile", facts)
    return _hkdf(key_text.encode("utf-8", "surrogatepass"), _LABEL + purpose.encode())


def _hkdf(secret: bytes, info: bytes) -> bytes:
    """HKDF-SHA256 (RFC 5869), no salt, one block of 32 bytes: not worth importing a library for."""
    extracted = hmac.digest(bytes(32), secret, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")
