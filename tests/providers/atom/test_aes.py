"""Tests of Atom's encryption and signatures with the test vectors: decryption returns the complete text or fails."""

from binascii import unhexlify
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.domain.calendar_days import JST
from console.domain.money import Money
from console.providers.atom.aes import (
    DecryptionFailed,
    decrypt_and_check_padding,
    decrypt_text,
    derive_key,
    encrypt_text,
)
from console.providers.atom.signing import (
    AmountFormat,
    are_signatures_equal,
    compute_signature,
    find_india_day,
    format_india_time,
    parse_india_time,
)
from tests.providers.payments.parts import PROVIDER_TEST_VECTORS, derive_response_key

ENCRYPTED_VECTORS, DAMAGED_VECTORS, SIGNATURE_VECTORS = (
    PROVIDER_TEST_VECTORS[name] for name in ("ndps_aes", "ndps_aes_bad", "ndps_signature")
)
AES_KEY = bytes(range(32))


@pytest.mark.parametrize("vector", ENCRYPTED_VECTORS, ids=[v["id"] for v in ENCRYPTED_VECTORS])
def test_texts_of_the_test_vectors_are_encrypted_and_decrypted(vector: dict[str, Any]) -> None:
    """The derived key, the encrypted text and the decrypted text equal those of the test vectors; the key's
    characters are used as they are."""
    key = derive_key(vector["password"], vector["salt"])
    assert key.hex() == vector["derived_key_hex"]
    assert encrypt_text(vector["plaintext"], key) == vector["expected_hex"]
    assert decrypt_text(vector["expected_hex"], key) == vector["plaintext"]


@pytest.mark.parametrize("vector", DAMAGED_VECTORS, ids=[v["id"] for v in DAMAGED_VECTORS])
def test_damaged_texts_raise_one_error_without_details(vector: dict[str, Any]) -> None:
    """A damaged text is decrypted to the text that its example states, or its decryption raises one kind of error,
    without details about the damage.
    """
    key = derive_key(vector["password"], vector["salt"])
    if vector["expected"] != "DECRYPT_ERROR":
        assert decrypt_text(vector["hex"], key) == vector["expected"]
        return
    with pytest.raises(DecryptionFailed) as caught:
        decrypt_text(vector["hex"], key)
    assert (caught.value.args, str(caught.value)) == ((), "")


@given(st.text(max_size=200))
def test_an_encrypted_text_is_decrypted(text: str) -> None:
    """Each text that is encrypted is decrypted to the same text. The encrypted form is upper-case hex; lower-case hex
    is decrypted too.
    """
    sealed = encrypt_text(text, AES_KEY)
    assert sealed == sealed.upper()
    assert len(sealed) % 32 == 0
    assert decrypt_text(sealed, AES_KEY) == text == decrypt_text(sealed.lower(), AES_KEY)


@given(st.text(max_size=100), st.data())
def test_a_flipped_bit_never_decrypts_to_the_same_text(text: str, data: st.DataObject) -> None:
    """If one bit of an encrypted text is changed, decryption returns another text or fails."""
    sealed = bytearray(unhexlify(encrypt_text(text, AES_KEY)))
    place = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[place // 8] ^= 1 << place % 8
    try:
        assert decrypt_text(sealed.hex(), AES_KEY) != text
    except DecryptionFailed:
        pass


@given(st.text(max_size=100).map(lambda text: encrypt_text(text, AES_KEY)), st.data())
def test_a_cut_text_never_decrypts_to_the_whole_text(sealed: str, data: st.DataObject) -> None:
    """An encrypted text that is cut at any place is never decrypted to the whole text. The padding reveals a cut
    between two blocks, and the length reveals a cut within a block."""
    cut = data.draw(st.integers(0, len(sealed) - 1))
    try:
        opened = decrypt_text(sealed[:cut], AES_KEY)
    except DecryptionFailed:
        return
    assert cut % 32 == 0
    assert opened != decrypt_text(sealed, AES_KEY)


@given(st.binary(max_size=64) | st.text(max_size=64))
def test_decryption_of_any_text_raises_only_its_own_error(garbage: bytes | str) -> None:
    """Decryption of any bytes or text returns a text or raises DecryptionFailed, and raises no other error."""
    given_text = garbage.hex() if isinstance(garbage, bytes) else garbage
    try:
        decrypt_text(given_text, AES_KEY)
    except DecryptionFailed:
        pass


INVALID_HEX_TEXTS = ["98 05", "0x98", "98056", "９８", "zz" * 16, " " * 32, "980564D2B2360165FE21FA55FD8BE45E\n"]


@pytest.mark.parametrize("text", INVALID_HEX_TEXTS)
def test_a_text_that_is_not_hex_is_refused(text: str) -> None:
    """Decryption refuses a text with blanks, prefixes or other characters that are not hex digits."""
    with pytest.raises(DecryptionFailed):
        decrypt_text(text, AES_KEY)


def test_invalid_paddings_are_refused() -> None:
    """Decryption refuses a padding with an impossible length byte or with unequal bytes."""
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CBC

    def encrypt_without_padding(plain: bytes) -> str:
        turned = Cipher(AES(AES_KEY), CBC(bytes(range(16)))).encryptor()
        return (turned.update(plain) + turned.finalize()).hex()

    for length in (0, *range(17, 256)):
        assert decrypt_and_check_padding(encrypt_without_padding(b"a" * 15 + bytes((length,))), AES_KEY)[1] is False
    for length in range(2, 17):
        assert decrypt_and_check_padding(encrypt_without_padding(b"a" * 15 + bytes((length,))), AES_KEY)[1] is False
    assert decrypt_and_check_padding(encrypt_without_padding(b"a" * 15 + b"\1"), AES_KEY) == (b"a" * 15, True)
    assert decrypt_and_check_padding(encrypt_without_padding(b"\x10" * 16), AES_KEY) == (b"", True)


def test_a_key_derivation_is_cached() -> None:
    """The slow key derivation runs once for each pair of key and salt, and the number of cached keys is limited."""
    derive_response_key()
    before = derive_key.cache_info()
    for _ in range(5):
        derive_response_key()
    after = derive_key.cache_info()
    assert (after.misses, after.hits) == (before.misses, before.hits + 5)
    assert after.maxsize is not None
    assert after.maxsize <= 64


def test_threads_do_not_mix_their_texts() -> None:
    """If several threads encrypt and decrypt with one key at the same time, each thread gets its own text back."""
    texts = [f"{number}-" * (number % 50) for number in range(400)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda text: decrypt_text(encrypt_text(text, AES_KEY), AES_KEY), texts)) == texts


def test_another_salt_gives_another_key() -> None:
    """If the salt is another text than the key, the derived key is different."""
    assert derive_key("A", "B") != derive_key("A", "A")


# ---- signatures


@pytest.mark.parametrize("vector", SIGNATURE_VECTORS, ids=[v["id"] for v in SIGNATURE_VECTORS])
def test_signatures_of_the_test_vectors_are_computed(vector: dict[str, Any]) -> None:
    """The text that is signed and the signature equal those of the test vectors, two of which Atom has published."""
    parts = [part["value"] for part in vector["parts"]]
    assert "".join(parts) == vector["expected_string_to_sign"]
    made = compute_signature(vector["hash_key"], *parts)
    assert made == vector["expected_signature"]
    assert are_signatures_equal(made, made.upper())


@pytest.mark.parametrize("given_text", [None, "", 5, [], "0" * 128, "Ａ" * 128, "\ud800", True])
def test_a_missing_signature_is_refused(given_text: object) -> None:
    """The comparison refuses a signature that is missing, too short, of another text, or not a text."""
    assert not are_signatures_equal(compute_signature("key", "a"), given_text)


# ---- amounts and times


@pytest.mark.parametrize(
    ("minor", "two_decimals", "short_text"),
    [(15_050, "150.50", "150.5"), (500, "5.00", "5"), (50_000, "500.00", "500"), (1, "0.01", "0.01")],
)
def test_the_setting_of_the_amount_format_decides_the_decimals(
    minor: int, two_decimals: str, short_text: str
) -> None:
    """The setting of the amount format decides whether an amount is written with two decimal places or with as few as
    possible."""
    money = Money(minor, "INR")
    assert (AmountFormat.TWO_DECIMALS.format_amount(money), AmountFormat.SHORTEST.format_amount(money)) == (
        two_decimals,
        short_text,
    )


@pytest.mark.parametrize(
    "vector", PROVIDER_TEST_VECTORS["ndps_dates"], ids=[v["id"] for v in PROVIDER_TEST_VECTORS["ndps_dates"]]
)
def test_a_time_is_written_in_indian_local_time(vector: dict[str, Any]) -> None:
    """A time is written in Indian time and read back as the same instant. The test vectors also state the same
    instant in Japanese time."""
    at = datetime.fromtimestamp(vector["epoch"], UTC)
    assert format_india_time(at) == vector["merchTxnDate_auth"]
    assert find_india_day(at).isoformat() == vector["merchTxnDate_status"]
    assert parse_india_time(vector["merchTxnDate_auth"]) == at
    assert at.astimezone(JST).isoformat() == vector["jst"]


@given(st.integers(-62_135_500_000, 253_402_200_000))
def test_times_are_written_and_read_back(epoch: int) -> None:
    """Any time in whole seconds, written in Indian time and read back, is the same instant."""
    at = datetime.fromtimestamp(epoch, UTC)
    assert parse_india_time(format_india_time(at)) == at


INVALID_TIMES = [
    None,
    "",
    5,
    "2026-11-20",
    "2026-11-20 25:00:00",
    "2026-02-30 00:00:00",
    "２０２６-11-20 00:00:00",
    "0001-01-01 00:00:00",
]


@pytest.mark.parametrize("value", INVALID_TIMES)
def test_an_invalid_time_is_refused(value: object) -> None:
    """For a text that isn't a valid time, the reader of times returns None."""
    assert parse_india_time(value) is None


def test_a_day_in_india_is_not_a_day_in_japan() -> None:
    """Half past midnight in Japan belongs to the day before in India."""
    assert find_india_day(datetime(2026, 11, 21, 0, 30, tzinfo=JST)) == date(2026, 11, 20)
