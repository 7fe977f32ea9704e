"""Atom's callback: opened, checked against its signature, and believed only then. Refused in one single way."""

import hashlib
from dataclasses import dataclass

from console.domain.money import decimal_text
from console.domain.outcomes import OutcomeClass
from console.domain.payment_records import PaymentReport
from console.providers.atom_codes import PAYMENTS, Call, verdict
from console.providers.atom_messages import AtomMerchant
from console.providers.atom_opening import (
    Fields,
    code_in,
    id_in,
    masked_text,
    parse_exactly,
    part,
    rupees_in,
    sealed_in,
)
from console.providers.atom_payments import bank_id, read_report, sub_channel
from console.providers.atom_seal import derived_key, turn_back
from console.providers.atom_signing import same_signature, signature
from console.providers.judging import Unusable
from console.providers.strict_json import Unreadable

LARGEST_CALLBACK_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class AtomCallback:
    """What a callback says. Unless it is `genuine` nothing of it may be believed or answered to.

    `hint`: the order it names, genuine or not: worth a question of our own. `event_id`: the same for each
    repetition, `""` when not genuine. `kind` and `reason` as in an Outcome; `report` None where the code tells of no
    standing. `evidence` is fit to be kept, `sha256` (hex) is of the body as it came.
    """

    genuine: bool
    hint: str | None
    event_id: str
    kind: OutcomeClass
    reason: str
    report: PaymentReport | None
    evidence: str
    sha256: str


def open_callback(body: bytes, merchant: AtomMerchant) -> AtomCallback:
    """Read a form body. Never raises for what is in it.

    Format, padding, text, merchant and signature are all judged before any of them counts: neither the result nor
    the way to it tells a stranger which one was wrong.
    """
    sha256 = hashlib.sha256(body).hexdigest()
    if len(body) > LARGEST_CALLBACK_BYTES:
        return _refused(None, f"{len(body)} bytes", sha256)
    plain, whole = turn_back(sealed_in(body), derived_key(merchant.response_key, merchant.response_salt))
    evidence = masked_text(plain)
    hint, signed, claimed = _read(plain)
    made = signature(merchant.response_hash_key, *signed)
    checks = (same_signature(made, claimed), whole, bool(signed), signed[:1] == (merchant.merch_id,))
    if not all(checks):
        return _refused(hint, evidence, sha256)
    return _believed(plain, signed, evidence, sha256)


def _read(plain: bytes) -> tuple[str | None, tuple[str, ...], object]:
    """The order it names, what was signed (in order), and the signature it bears; nothing where it can't be read."""
    hint: str | None = None
    try:
        said = _instrument(plain)
        pay, mode, ours = part(said, "payDetails"), part(said, "payModeSpecificData"), part(said, "merchDetails")
        hint = id_in(ours.get("merchTxnId"))
        ids = [id_in(one) for one in (ours.get("merchId"), pay.get("atomTxnId"), hint)]
        known = [one for one in ids if one is not None]
        total = rupees_in(pay.get("totalAmount"))
        if len(known) != len(ids) or total is None:
            return hint, (), None
        told = (decimal_text(total), code_in(said), sub_channel(mode), bank_id(mode))
        return hint, (*known, *told), pay.get("signature")
    except (Unusable, Unreadable):
        return hint, (), None


def _instrument(plain: bytes) -> Fields:
    found = parse_exactly(plain).get("payInstrument")
    one = found[0] if isinstance(found, list) and len(found) == 1 else found
    if not isinstance(one, dict):
        raise Unreadable("no instrument")
    return one


def _believed(plain: bytes, signed: tuple[str, ...], evidence: str, sha256: str) -> AtomCallback:
    """A genuine callback, by its code; what else of it can't be read makes it UNKNOWN, not false."""
    _, atom_id, order, _, code, *_ = signed
    event = hashlib.sha256(f"atom\n{order}\n{atom_id}\n{code}".encode()).hexdigest()
    said = verdict(Call.PAYMENT, code)
    report, kind, reason = None, said.kind, said.reason
    if code in PAYMENTS:
        try:
            report = read_report(_instrument(plain), order)
        except Unusable as error:
            kind, reason = OutcomeClass.UNKNOWN, error.reason
        except Unreadable:
            kind, reason = OutcomeClass.UNKNOWN, "unreadable"
    return AtomCallback(True, order, event, kind, reason, report, evidence, sha256)


def _refused(hint: str | None, evidence: str, sha256: str) -> AtomCallback:
    return AtomCallback(False, hint, "", OutcomeClass.UNKNOWN, "callback_refused", None, evidence, sha256)


