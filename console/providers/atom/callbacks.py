"""Atom's callbacks: each is decrypted, and is used only if its signature is valid. The answer doesn't tell the sender
the reason for a refusal.
"""

import hashlib

from console.domain.money import format_decimal
from console.domain.provider_outcome import OutcomeClass
from console.providers.atom.aes import decrypt_and_check_padding, derive_key
from console.providers.atom.envelopes import (
    Fields,
    extract_ciphertext,
    get_object_field,
    get_status_code,
    make_storable_text,
    parse_decrypted_message,
    parse_id,
    parse_rupees,
)
from console.providers.atom.payment_attempts import read_attempt_report, read_bank_transaction_id, read_sub_channel
from console.providers.atom.request_bodies import AtomMerchant
from console.providers.atom.signing import are_signatures_equal, compute_signature
from console.providers.atom.status_codes import PAYMENT_CODE_MEANINGS, AtomCall, find_code_verdict
from console.providers.http.answer_outcomes import UnusableAnswer
from console.providers.http.strict_json import UnreadableJson
from console.providers.payments.notices import SignedCallback

LARGEST_CALLBACK_BYTES = 64 << 10


def parse_callback(body: bytes, merchant: AtomMerchant) -> SignedCallback:
    """Return the content of the form that Atom sends as a callback. If one of the checks fails, the result has
    `has_valid_signature` False and the reason `callback_refused`. The function raises no exception, whatever `body`
    contains.

    Format, padding, text, merchant and signature are all checked before the result of any check is used. So a sender
    can't learn from the result or from the duration of the call which check has failed.
    """
    sha256 = hashlib.sha256(body).hexdigest()
    if len(body) > LARGEST_CALLBACK_BYTES:
        return _make_refused_callback(None, f"{len(body)} bytes", sha256)
    plaintext, is_valid = decrypt_and_check_padding(
        extract_ciphertext(body), derive_key(merchant.response_key, merchant.response_salt)
    )
    evidence = make_storable_text(plaintext)
    payment_number, signed_parts, received_signature = _read_signed_parts(plaintext)
    computed_signature = compute_signature(merchant.response_hash_key, *signed_parts)
    checks = (
        are_signatures_equal(computed_signature, received_signature),
        is_valid,
        bool(signed_parts),
        signed_parts[:1] == (merchant.merch_id,),
    )
    if not all(checks):
        return _make_refused_callback(payment_number, evidence, sha256)
    return _make_genuine_callback(plaintext, signed_parts, evidence, sha256)


def _read_signed_parts(plaintext: bytes) -> tuple[str | None, tuple[str, ...], object]:
    """Return three values of a decrypted callback: our payment number (`merchTxnId`), the parts that are signed (in
    the order of the signature), and the received signature. If the text can't be read, the parts are empty and the
    signature is None; the payment number is None too, except if it was read before the unreadable part.
    """
    payment_number: str | None = None
    try:
        message = _read_payment_fields(plaintext)
        pay_details, payment_mode, merchant = (
            get_object_field(message, "payDetails"),
            get_object_field(message, "payModeSpecificData"),
            get_object_field(message, "merchDetails"),
        )
        payment_number = parse_id(merchant.get("merchTxnId"))
        ids = [parse_id(value) for value in (merchant.get("merchId"), pay_details.get("atomTxnId"), payment_number)]
        present_ids = [value for value in ids if value is not None]
        total_amount = parse_rupees(pay_details.get("totalAmount"))
        if len(present_ids) != len(ids) or total_amount is None:
            return payment_number, (), None
        payment_values = (
            format_decimal(total_amount),
            get_status_code(message),
            read_sub_channel(payment_mode),
            read_bank_transaction_id(payment_mode),
        )
        return payment_number, (*present_ids, *payment_values), pay_details.get("signature")
    except (UnusableAnswer, UnreadableJson):
        return payment_number, (), None


def _read_payment_fields(plaintext: bytes) -> Fields:
    """Return the JSON object about the payment in a decrypted callback. Raises UnreadableJson if there is none or
    more than one."""
    instruments = parse_decrypted_message(plaintext).get("payInstrument")
    instrument = instruments[0] if isinstance(instruments, list) and len(instruments) == 1 else instruments
    if not isinstance(instrument, dict):
        raise UnreadableJson("no instrument")
    return instrument


def _make_genuine_callback(
    plaintext: bytes, signed_parts: tuple[str, ...], evidence: str, sha256: str
) -> SignedCallback:
    """Return the SignedCallback for a callback with a valid signature. The signed status code decides the outcome. If
    the payment's report is needed and can't be read, the outcome is UNKNOWN and the callback still counts as genuine.
    `evidence` is the text that may be stored, `sha256` the hash of the body as received.
    """
    _, atom_id, order, _, code, *_ = signed_parts
    event_id = hashlib.sha256(f"atom\n{order}\n{atom_id}\n{code}".encode()).hexdigest()
    verdict = find_code_verdict(AtomCall.PAYMENT, code)
    report, kind, reason = None, verdict.kind, verdict.reason
    if code in PAYMENT_CODE_MEANINGS:
        try:
            report = read_attempt_report(_read_payment_fields(plaintext), order)
        except UnusableAnswer as error:
            kind, reason = OutcomeClass.UNKNOWN, error.reason
        except UnreadableJson:
            kind, reason = OutcomeClass.UNKNOWN, "unreadable"
    return SignedCallback(True, order, event_id, kind, reason, report, evidence, sha256)


def _make_refused_callback(payment_number: str | None, evidence: str, sha256: str) -> SignedCallback:
    return SignedCallback(False, payment_number, "", OutcomeClass.UNKNOWN, "callback_refused", None, evidence, sha256)
