"""Reads Atom's messages: extracts the ciphertext from a form or from JSON, and parses the decrypted JSON without
rounding its numbers.
"""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from urllib.parse import parse_qs

from console.domain.money import InvalidAmountText, Money, make_money_from_number, parse_money
from console.providers.atom.request_bodies import ATOM_CURRENCY, ExactNumber, encode_json
from console.providers.http.answer_outcomes import UnusableAnswer
from console.providers.http.strict_json import UnreadableJson, parse_json_object, require_storable_texts

Fields = dict[str, object]
_MAX_FORM_FIELDS = 16
_LONGEST_EVIDENCE_CHARACTERS = 65_536
_LARGEST_EXPONENT = 100
"""Largest power of ten of an accepted number. With a much larger one, even a division by 100 fails."""
_ID_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,64}")
# Names of fields with data of the payer or a card, or secrets. All other fields of an answer are stored as evidence.
_MASKED_FIELDS_PATTERN = re.compile(
    r"(?i)cust|card|mobile|phone|e?mail|password|signature|token|vpa|acc(oun)?t?no|holder|udf(?!1$)"
)


def extract_ciphertext(body: bytes) -> str:
    """Return the ciphertext in the body of an Atom message; empty if the body has no ciphertext or more than one."""
    try:
        text = body.decode("ascii").strip()
        if text.startswith("{"):
            ciphertext = parse_json_object(body).get("encData")
            return ciphertext if isinstance(ciphertext, str) else ""
        values = parse_qs(text, max_num_fields=_MAX_FORM_FIELDS).get("encData", [])
        return values[0] if len(values) == 1 else ""
    except (ValueError, UnreadableJson):
        return ""


def parse_decrypted_message(plaintext: bytes) -> Fields:
    """Return the JSON object in a decrypted message of Atom; numbers with a fraction become Decimal. Raises
    UnreadableJson if the message isn't a JSON object or the database can't store one of its texts."""
    fields = parse_json_object(plaintext, _parse_decimal)
    require_storable_texts(fields)
    return fields


def _parse_decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise UnreadableJson("a number beyond all bounds") from None
    if abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise UnreadableJson("a number beyond all bounds")
    return number


def make_storable_text(plaintext: bytes) -> str:
    """Return a decrypted message of Atom as text that may be stored: its JSON, cut to a maximum length, with `***` in
    place of payer data and secrets. If `parse_decrypted_message` can't read the message, the text states only its
    size."""
    try:
        return encode_json(_mask_value(parse_decrypted_message(plaintext)))[:_LONGEST_EVIDENCE_CHARACTERS]
    except (UnreadableJson, RecursionError):
        return f"{len(plaintext)} bytes, no JSON"


def _mask_value(value: object) -> object:
    """Return a JSON value in which `***` replaces payer data and secrets at any depth."""
    if isinstance(value, Mapping):
        return {name: _mask_field(name, item) for name, item in value.items()}
    if isinstance(value, list):
        return [_mask_value(item) for item in value]
    return ExactNumber(str(value)) if isinstance(value, Decimal) else value


def _mask_field(name: str, value: object) -> object:
    """Return the value of the field `name`, with payer data and secrets masked. If the name itself is that of payer
    data or of a secret, return `***`."""
    return "***" if _MASKED_FIELDS_PATTERN.search(name) and value not in (None, "", [], {}) else _mask_value(value)


def get_object_field(fields: Fields, name: str) -> Fields:
    """Return the JSON object in the field `name`; empty if the field is missing. Raises UnreadableJson if its
    value isn't a JSON object."""
    value = fields.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UnreadableJson("no object")
    return value


def get_status_code(fields: Fields, name: str = "statusCode") -> str:
    """Return the status code of an Atom message in upper case: the value of the field `name` in `responseDetails`.
    Raises UnreadableJson if there is no code."""
    code = get_object_field(fields, "responseDetails").get(name)
    if not isinstance(code, str) or not _ID_PATTERN.fullmatch(code.strip()):
        raise UnreadableJson("no code")
    return code.strip().upper()


def parse_id(value: object) -> str | None:
    """Return an id in an Atom message as text, from a number or a text; None if it is missing. Raises
    UnusableAnswer `bad_id` for any other value."""
    if value is None or value == "":
        return None
    text = str(value) if type(value) in (int, str) else ""
    if not _ID_PATTERN.fullmatch(text):
        raise UnusableAnswer("bad_id")
    return text


def parse_rupees(value: object) -> Money | None:
    """Return an amount in an Atom message, in rupees and exact to the paisa; None if it is missing. Raises
    UnusableAnswer `bad_amount` for an invalid amount."""
    if value is None:
        return None
    try:
        if isinstance(value, str):
            return parse_money(value, ATOM_CURRENCY)
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return make_money_from_number(value, ATOM_CURRENCY)
    except InvalidAmountText:
        pass
    raise UnusableAnswer("bad_amount")


def require_rupees(pay_details: Fields) -> None:
    """Check that the currency of a message is INR; a message without a currency is accepted. Raises UnusableAnswer
    `other_currency` if `pay_details`, the object `payDetails` of the message, states another currency.
    """
    if pay_details.get("txnCurrency") not in (None, "", ATOM_CURRENCY):
        raise UnusableAnswer("other_currency")


def is_valid_id(text: str, max_characters: int = 50) -> bool:
    """True if Atom accepts the text as an id that the merchant chooses: up to `max_characters` letters, digits,
    hyphens and underscores.
    """
    return len(text) <= max_characters and bool(_ID_PATTERN.fullmatch(text))
