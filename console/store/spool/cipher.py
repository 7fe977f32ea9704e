"""Encryption of secret data with the store key: the token pairs in the database, and the answers in a desk's spool.

Decryption raises DecryptionFailed if the data is damaged or was encrypted with another key.
"""

import hashlib
import hmac
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.setting_problems import SettingProblem

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

    from console.domain.errors.details import BadProfileDetail

SHORTEST_KEY_CHARACTERS = 16
"""Smallest accepted length (characters) of a store key."""
_KEY_DERIVATION_LABEL = b"support-console/store-key/v1/"
"""Text that is a part of every derived key, so that no key equals one of another program."""


class DecryptionFailed(Exception):
    """Raised if the encrypted bytes are damaged, or were encrypted with another key."""


class Cipher:
    """Authenticated encryption with the store key. The object contains keys that are derived from the key text,
    but not the text itself; `repr` shows none of them."""

    def __init__(self, key_text: str) -> None:
        """`key_text`: the store key. Raises ConsoleError `bad_profile` if it has fewer than 16 characters."""
        self._seal_key = derive_key(key_text, "seal")
        self._name_key = derive_key(key_text, "fingerprint")
        self._answer_key = derive_key(key_text, "answers")

    def __repr__(self) -> str:
        return "Cipher(hidden)"

    def encrypt(self, plaintext: bytes) -> bytes:
        """Return `plaintext` encrypted and authenticated (Fernet)."""
        return self._fernet.encrypt(plaintext)

    def decrypt(self, encrypted_text: bytes) -> bytes:
        """Decrypt `encrypted_text` and return the plain bytes. Raises DecryptionFailed for damaged bytes or
        another key."""
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(encrypted_text)
        except InvalidToken:
            raise DecryptionFailed from None

    def derive_answer_key(self, operation_id: str) -> str:
        """Return the secret (64 hex digits) of an operation, derived from the store key. The journal has its
        SHA-256, so the secret proves that an answer comes from a desk with the store key."""
        return hmac.digest(self._answer_key, operation_id.encode(), "sha256").hex()

    @property
    def fingerprint(self) -> str:
        """A text of 32 hex digits derived from the store key. Desks with equal fingerprints have the same store
        key."""
        return _derive_fingerprint(self._name_key)

    @cached_property
    def _fernet(self) -> "Fernet":
        from base64 import urlsafe_b64encode

        from cryptography.fernet import Fernet

        return Fernet(urlsafe_b64encode(self._seal_key))


@lru_cache(maxsize=4)
def _derive_fingerprint(name_key: bytes) -> str:
    """Return the fingerprint of the store key, computed with scrypt (about 50 ms and 16 MiB) from `name_key`, the key
    that `derive_key` has derived for this purpose. The fingerprint isn't secret, so a guess of the key must be
    expensive to compare with it."""
    return hashlib.scrypt(name_key, salt=_KEY_DERIVATION_LABEL, n=2**14, r=8, p=1, dklen=16).hex()


def derive_key(key_text: str, purpose: str) -> bytes:
    """Return a key of 32 bytes for one purpose (such as `seal`), derived from the store key `key_text`. Raises
    ConsoleError `bad_profile` if the text has fewer than 16 characters."""
    if len(key_text) < SHORTEST_KEY_CHARACTERS:
        facts: BadProfileDetail = {
            "variable": "CONSOLE_SECRET_STORE_KEY",
            "problem": SettingProblem.STORE_KEY_TOO_SHORT,
        }
        raise ConsoleError(ErrorCode.BAD_PROFILE, facts)
    return _compute_hkdf_block(key_text.encode("utf-8", "surrogatepass"), _KEY_DERIVATION_LABEL + purpose.encode())


def _compute_hkdf_block(secret: bytes, info: bytes) -> bytes:
    """Return one block (32 bytes) of HKDF-SHA256 (RFC 5869) without salt. It is computed here because the import
    of a library would slow down every start."""
    extracted_key = hmac.digest(bytes(32), secret, "sha256")
    return hmac.digest(extracted_key, info + b"\x01", "sha256")
