"""Atom's encryption: AES-256-CBC under a key derived from text, in hex. Opened whole, or not at all."""

from binascii import unhexlify
from functools import lru_cache
from hmac import compare_digest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.modes import CBC

ROUNDS = 65_536
KEY_BYTES = 32
BLOCK = 16
# The provider's own design: the vector is always the same, so equal texts seal alike. Sealed texts are never kept.
_VECTOR = bytes(range(BLOCK))
_PADDINGS = tuple(bytes((length,)) * length for length in range(BLOCK + 1))


class SealBroken(Exception):
    """Not opened. It says no more: whoever could learn why could learn what is inside."""


@lru_cache(maxsize=16)
def derived_key(key: str, salt: str) -> bytes:
    """The AES key of a key text and a salt text (their letters, not the hex they look like); tens of milliseconds
    at first, remembered for as many merchants as a desk can have."""
    from cryptography.hazmat.primitives.hashes import SHA512
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

    return PBKDF2HMAC(SHA512(), KEY_BYTES, salt.encode(), ROUNDS).derive(key.encode())


def seal(text: str, key: bytes) -> str:
    """The text (as UTF-8) sealed, in upper-case hex."""
    plain = text.encode()
    turned = _cipher(key).encryptor()
    return (turned.update(plain + _PADDINGS[BLOCK - len(plain) % BLOCK]) + turned.finalize()).hex().upper()


def unseal(sealed: str, key: bytes) -> str:
    """The text that was sealed; raises SealBroken, whatever is wrong. Hex in either case."""
    plain, whole = turn_back(sealed, key)
    try:
        text = plain.decode()
    except UnicodeDecodeError:
        whole = False
    if not whole:
        raise SealBroken
    return text


def turn_back(sealed: str, key: bytes) -> tuple[bytes, bool]:
    """The bytes without their padding and whether it was one; for whoever must not stop at the first fault.

    What can't be decrypted at all is empty and False. A wrong padding is left where it stands.
    """
    try:
        data = unhexlify(sealed)
    except ValueError:
        return b"", False
    if not data or len(data) % BLOCK:
        return b"", False
    turned = _cipher(key).decryptor()
    plain = turned.update(data) + turned.finalize()
    length = plain[-1] if 1 <= plain[-1] <= BLOCK else BLOCK
    whole = compare_digest(plain[-length:], _PADDINGS[length])
    return plain[:-length] if whole else plain, whole


@lru_cache(maxsize=16)
def _cipher(key: bytes) -> "Cipher[CBC]":
    """The cipher of a key; it holds no state of any one text."""
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CBC

    return Cipher(AES(key), CBC(_VECTOR))
