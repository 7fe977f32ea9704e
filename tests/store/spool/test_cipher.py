"""Tests of the encryption of the spool: a text can't be read without the store key, and key fingerprints distinguish
keys without showing them."""

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from console.domain.errors import ConsoleError
from console.store.spool.cipher import Cipher, DecryptionFailed, _compute_hkdf_block

STORE_KEY = "correct horse battery"


def test_an_encrypted_text_opens_with_the_same_key() -> None:
    """Another cipher object with the same key decrypts the text. The encrypted form doesn't contain the text."""
    sealed = Cipher(STORE_KEY).encrypt("秘密".encode())
    assert "秘密".encode() not in sealed
    assert Cipher(STORE_KEY).decrypt(sealed).decode() == "秘密"


@pytest.mark.parametrize("change", [b"", b"\x80", b"gAAAA", b"x" * 200])
def test_bytes_of_no_cipher_raise_decryption_failed(change: bytes) -> None:
    """Decrypting bytes that no cipher has encrypted raises DecryptionFailed."""
    with pytest.raises(DecryptionFailed):
        Cipher(STORE_KEY).decrypt(change)


def test_a_changed_byte_or_another_key_opens_nothing() -> None:
    """Decryption raises DecryptionFailed if any one byte was changed, or if the key differs in one character."""
    sealed = Cipher(STORE_KEY).encrypt(b"plain")
    with pytest.raises(DecryptionFailed):
        Cipher(STORE_KEY + "!").decrypt(sealed)
    for index in range(len(sealed.rstrip(b"=")) - 1):  # the last letter is partly padding
        spoiled = sealed[:index] + (b"A" if sealed[index : index + 1] != b"A" else b"B") + sealed[index + 1 :]
        with pytest.raises(DecryptionFailed):
            Cipher(STORE_KEY).decrypt(spoiled)


@pytest.mark.parametrize("key", ["", "short", "15 characters..", "鍵" * 15])
def test_a_short_key_is_refused(key: str) -> None:
    """A store key of fewer than 16 characters is refused with the name of its variable; the refusal doesn't contain
    the key.
    """
    with pytest.raises(ConsoleError) as caught:
        Cipher(key)
    assert caught.value.code == "bad_profile"
    assert caught.value.detail == {"variable": "CONSOLE_SECRET_STORE_KEY", "problem": "store_key_short"}


def test_the_fingerprint_distinguishes_keys_and_reveals_none() -> None:
    """Equal keys have equal fingerprints, and different keys have different ones. Neither the fingerprint nor the
    text form of the cipher contains the key.
    """
    cipher = Cipher(STORE_KEY)
    assert cipher.fingerprint == Cipher(STORE_KEY).fingerprint != Cipher(STORE_KEY + " ").fingerprint
    assert len(cipher.fingerprint) == 32
    assert repr(cipher) == "Cipher(hidden)"
    assert not any(STORE_KEY in str(value) for value in vars(cipher).values())


def test_the_key_derivation_equals_hkdf() -> None:
    """The program's own derivation of keys gives the same result as HKDF-SHA256 of the library `cryptography`."""
    library_key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"label").derive(b"secret")
    assert _compute_hkdf_block(b"secret", b"label") == library_key
