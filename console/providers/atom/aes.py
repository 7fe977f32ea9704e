"""Atom's encryption: AES-256-CBC, written as hex, with a key that is derived from a text. A message is either
decrypted completely, or an error is raised.
"""

from binascii import unhexlify
from functools import lru_cache
from hmac import compare_digest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.modes import CBC

KEY_DERIVATION_ROUNDS = 65_536
KEY_BYTES = 32
BLOCK_BYTES = 16
# Atom requires a fixed initialisation vector: equal texts have equal ciphertexts. So no ciphertext is stored.
_INITIALISATION_VECTOR = bytes(range(BLOCK_BYTES))
_PADDING_BY_LENGTH = tuple(bytes((length,)) * length for length in range(BLOCK_BYTES + 1))


class DecryptionFailed(Exception):
    """Raised if a message can't be decrypted. The exception gives no reason, because an attacker who sends messages
    could derive their content from the reasons (padding oracle).
    """


@lru_cache(maxsize=16)
def derive_key(key_text: str, salt_text: str) -> bytes:
    """Return the AES key that is derived (PBKDF2-HMAC-SHA512) from `key_text` and `salt_text`. Both texts look like
    hex, but the derivation uses their characters without decoding them. It takes tens of milliseconds, so the last 16
    results are cached.
    """
    from cryptography.hazmat.primitives.hashes import SHA512
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

    return PBKDF2HMAC(SHA512(), KEY_BYTES, salt_text.encode(), KEY_DERIVATION_ROUNDS).derive(key_text.encode())


def encrypt_text(text: str, key: bytes) -> str:
    """Encrypt the text (as UTF-8) with the AES key `key`, and return the ciphertext as upper-case hex."""
    plaintext = text.encode()
    encryptor = _make_cipher(key).encryptor()
    return (
        (
            encryptor.update(plaintext + _PADDING_BY_LENGTH[BLOCK_BYTES - len(plaintext) % BLOCK_BYTES])
            + encryptor.finalize()
        )
        .hex()
        .upper()
    )


def decrypt_text(encrypted_text: str, key: bytes) -> str:
    """Return the plaintext of a ciphertext (hex in upper or lower case) that was encrypted with the AES key `key`.
    Raises DecryptionFailed if it can't be decrypted, for whatever reason."""
    plaintext, is_valid = decrypt_and_check_padding(encrypted_text, key)
    try:
        text = plaintext.decode()
    except UnicodeDecodeError:
        is_valid = False
    if not is_valid:
        raise DecryptionFailed
    return text


def decrypt_and_check_padding(encrypted_text: str, key: bytes) -> tuple[bytes, bool]:
    """Return the decrypted bytes, and True if their padding was valid. Valid padding is removed from the bytes,
    invalid padding isn't. For a ciphertext that can't be decrypted, return empty bytes and False. The function raises
    no exception, so that a caller can make all its other checks even after a failed decryption.
    """
    try:
        ciphertext = unhexlify(encrypted_text)
    except ValueError:
        return b"", False
    if not ciphertext or len(ciphertext) % BLOCK_BYTES:
        return b"", False
    decryptor = _make_cipher(key).decryptor()
    plaintext = decryptor.update(ciphertext) + decryptor.finalize()
    padding_length = plaintext[-1] if 1 <= plaintext[-1] <= BLOCK_BYTES else BLOCK_BYTES
    is_padding_valid = compare_digest(plaintext[-padding_length:], _PADDING_BY_LENGTH[padding_length])
    return plaintext[:-padding_length] if is_padding_valid else plaintext, is_padding_valid


@lru_cache(maxsize=16)
def _make_cipher(key: bytes) -> "Cipher[CBC]":
    """Return the AES cipher of a key. The cipher has no state, so all messages with this key can share it."""
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CBC

    return Cipher(AES(key), CBC(_INITIALISATION_VECTOR))
