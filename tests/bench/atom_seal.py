"""Goal 18: the cost of encrypting and decrypting a message for Atom, compared with the cryptographic primitives and a
derived key."""

import json
from collections.abc import Iterator

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from console.providers.atom.aes import decrypt_text, derive_key, encrypt_text
from tests.bench.figures import (
    MeasuredFunction,
    ReportRow,
    compute_median,
    format_duration,
    format_ratio,
    measure_alternately,
)

_ROUND_COUNT = 400
_CALLS_PER_ROUND = 50
_PASSWORD_HEX = "0123456789ABCDEF0123456789ABCDEF"
_INITIALISATION_VECTOR = bytes(range(16))
_REQUEST_TEXT = json.dumps(
    {
        "payInstrument": {
            "merchDetails": {"merchId": 317157, "merchTxnId": "ORD20261120000123"},
            "payDetails": {"atomTxnId": 11000000615892, "totalAmount": 517.67, "signature": "0" * 128},
            "responseDetails": {"statusCode": "OTS0000", "message": "SUCCESS", "description": "返金を受け付けました"},
        }
    }
)


def measure_rows(goal_numbers: frozenset[int]) -> Iterator[ReportRow]:
    """Yield two rows of the report: the times of the encryption and of the decryption of a message for Atom, each
    compared with the cryptographic primitives alone. The floor is one pass of the cipher over the same bytes.
    """
    if 18 not in goal_numbers:
        return
    key, plain = derive_key(_PASSWORD_HEX, _PASSWORD_HEX), _REQUEST_TEXT.encode()
    sealed = encrypt_text(_REQUEST_TEXT, key)
    whole = plain + b" " * (-len(plain) % 16)
    made = Cipher(AES(key), CBC(_INITIALISATION_VECTOR))
    works = {
        # As the program does it: the key is asked for each time, and comes out of the memory.
        "seal": lambda: encrypt_text(_REQUEST_TEXT, derive_key(_PASSWORD_HEX, _PASSWORD_HEX)),
        "open": lambda: decrypt_text(sealed, derive_key(_PASSWORD_HEX, _PASSWORD_HEX)),
        "raw seal": lambda: _encrypt_with_primitives(_REQUEST_TEXT, key),
        "raw open": lambda: _decrypt_with_primitives(sealed, key),
        "cipher": lambda: _encrypt_padded_bytes(whole, made),
    }
    took = measure_alternately(
        {name: repeat_work(work, _CALLS_PER_ROUND) for name, work in works.items()}, _ROUND_COUNT
    )
    each = {name: compute_median(seconds) / _CALLS_PER_ROUND for name, seconds in took.items()}
    for what in ("seal", "open"):
        ratio = each[what] / each[f"raw {what}"]
        name = f"Atom {what}, {len(plain):,} bytes"
        comparison, floor = (
            f"primitives {format_duration(each[f'raw {what}'])}",
            f"cipher alone {format_duration(each['cipher'])}",
        )
        yield ReportRow(
            "18", name, format_duration(each[what]), floor, comparison, format_ratio(ratio), "≤ 1.2×", ratio <= 1.2
        )


def repeat_work(work: MeasuredFunction, count: int) -> MeasuredFunction:
    """Return a function that calls `work` `count` times, for work that is too short to be measured once."""

    def work_repeatedly() -> None:
        for _ in range(count):
            work()

    return work_repeatedly


def _encrypt_with_primitives(text: str, key: bytes) -> str:
    """Encrypt the text with the primitives alone. Return the encrypted bytes as upper-case hexadecimal text."""
    padder = PKCS7(128).padder()
    padded = padder.update(text.encode()) + padder.finalize()
    return _encrypt_padded_bytes(padded, Cipher(AES(key), CBC(_INITIALISATION_VECTOR))).hex().upper()


def _decrypt_with_primitives(sealed: str, key: bytes) -> str:
    """Decrypt the hexadecimal text with the primitives alone, and return the plain text."""
    turned = Cipher(AES(key), CBC(_INITIALISATION_VECTOR)).decryptor()
    padded = turned.update(bytes.fromhex(sealed)) + turned.finalize()
    unpadder = PKCS7(128).unpadder()
    return (unpadder.update(padded) + unpadder.finalize()).decode()


def _encrypt_padded_bytes(padded: bytes, cipher: Cipher[CBC]) -> bytes:
    """Return the padded bytes, encrypted."""
    turned = cipher.encryptor()
    return turned.update(padded) + turned.finalize()
