"""Cryptography of Atom: AES-256-CBC with a derived key and a fixed initialisation vector, and HMAC-SHA512 over
concatenated texts.
"""

from collections.abc import Iterable
from functools import lru_cache

KEY_DERIVATION_ROUNDS = 65_536
INITIALIZATION_VECTOR = bytes(range(16))
AES_BLOCK_BYTES = 16


class DecryptionFailed(ValueError):
    """The text can't be decrypted with this key. The exception gives no reason, because a sender could derive the
    content from the reason.
    """


@lru_cache(maxsize=256)
def derive_key(key_text: str, salt_text: str) -> bytes:
    """Return the AES key that is derived from `key_text` and `salt_text`. Both texts are encoded
    as UTF-8, not decoded from hex or Base64. The derivation takes tens of milliseconds; the results are cached."""
    from cryptography.hazmat.primitives.hashes import SHA512
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

    return PBKDF2HMAC(SHA512(), 32, salt_text.encode(), KEY_DERIVATION_ROUNDS).derive(key_text.encode())


def encrypt_text(text: str, key: str, salt: str) -> str:
    """Encrypt a text (as UTF-8) with the AES key that is derived from `key` and `salt`, and return the ciphertext as
    upper-case hex."""
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CBC
    from cryptography.hazmat.primitives.padding import PKCS7

    padder = PKCS7(AES_BLOCK_BYTES * 8).padder()
    padded_text = padder.update(text.encode()) + padder.finalize()
    encryptor = Cipher(AES(derive_key(key, salt)), CBC(INITIALIZATION_VECTOR)).encryptor()
    return (encryptor.update(padded_text) + encryptor.finalize()).hex().upper()


def decrypt_text(encrypted_text: str, key: str, salt: str) -> str:
    """Return the plaintext of a ciphertext (hex in upper or lower case) that was encrypted with the AES key derived
    from `key` and `salt`.

    Raises `DecryptionFailed` if the text can't be decrypted, whatever the reason is.
    """
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CBC
    from cryptography.hazmat.primitives.padding import PKCS7

    try:
        decryptor = Cipher(AES(derive_key(key, salt)), CBC(INITIALIZATION_VECTOR)).decryptor()
        padded_text = decryptor.update(bytes.fromhex(encrypted_text)) + decryptor.finalize()
        unpadder = PKCS7(AES_BLOCK_BYTES * 8).unpadder()
        return (unpadder.update(padded_text) + unpadder.finalize()).decode()
    except ValueError:
        raise DecryptionFailed from None


def compute_signature_of_parts(key: str, parts: Iterable[str]) -> str:
    """Return the HMAC-SHA512 with the text `key` over the concatenated parts, as lower-case hex."""
    from cryptography.hazmat.primitives.hashes import SHA512
    from cryptography.hazmat.primitives.hmac import HMAC

    signer = HMAC(key.encode(), SHA512())
    signer.update("".join(parts).encode())
    return signer.finalize().hex()
