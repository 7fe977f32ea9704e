"""NDPS's cryptography: AES-256-CBC with a derived key and a fixed IV, and HMAC-SHA512 over joined texts."""

from collections.abc import Iterable
from functools import lru_cache

ROUNDS = 65_536
IV = bytes(range(16))
BLOCK = 16


class BadSeal(ValueError):
    """The text can't be opened with this key; nothing tells why."""


@lru_cache(maxsize=256)
def derive(key: str, salt: str) -> bytes:
    """The AES key behind a key text and a salt text, neither of them decoded; tens of milliseconds, once."""
    from cryptography.hazmat.primitives.hashes import SHA512
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

    return PBKDF2HMAC(SHA512(), 32, salt.encode(), ROUNDS).derive(key.encode())


def seal(text: str, key: str, salt: str) -> str:
    """Upper-case hex."""
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CBC
    from cryptography.hazmat.primitives.padding import PKCS7

    padder = PKCS7(BLOCK * 8).padder()
    padded = padder.update(text.encode()) + padder.finalize()
    encryptor = Cipher(AES(derive(key, salt)), CBC(IV)).encryptor()
    return (encryptor.update(padded) + encryptor.finalize()).hex().upper()


def unseal(sealed: str, key: str, salt: str) -> str:
    """The text; hex in either case. Raises `BadSeal`."""
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CBC
    from cryptography.hazmat.primitives.padding import PKCS7

    try:
        decryptor = Cipher(AES(derive(key, salt)), CBC(IV)).decryptor()
        padded = decryptor.update(bytes.fromhex(sealed)) + decryptor.finalize()
        unpadder = PKCS7(BLOCK * 8).unpadder()
        return (unpadder.update(padded) + unpadder.finalize()).decode()
    except ValueError:
        raise BadSeal from None


def sign(key: str, parts: Iterable[str]) -> str:
    """Lower-case hex of HMAC-SHA512 over the parts, joined without anything between them."""
    from cryptography.hazmat.primitives.hashes import SHA512
    from cryptography.hazmat.primitives.hmac import HMAC

    signer = HMAC(key.encode(), SHA512())
    signer.update("".join(parts).encode())
    return signer.finalize().hex()
