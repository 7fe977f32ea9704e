"""Opens what Atom sends: form text or JSON around a sealed text, and the JSON in it, read exactly."""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from urllib.parse import parse_qs

from console.domain.money import Money, NotAnAmount, money_from_number, money_from_text
from console.providers.atom_messages import CURRENCY, Literal, written
from console.providers.judging import Unusable
from console.providers.strict_json import Unreadable, parse_object

Fields = dict[str, object]
_MOST_FIELDS = 16
_LARGEST_TEXT = 65_536
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
# Of the payer, of a card, or what opens something; everything else of an answer is kept as evidence.
_MASKED = re.compile(r"(?i)cust|card|mobile|phone|e?mail|password|signature|token|vpa|acc(oun)?t?no|holder|udf(?!1$)")


def sealed_in(body: bytes) -> str:
    """The sealed text of a body; `""` when there is none, or when it could be read in two ways."""
    try:
        text = body.decode("ascii").strip()
        if text.startswith("{"):
            found = parse_object(body).get("encData")
            return found if isinstance(found, str) else ""
        values = parse_qs(text, max_num_fields=_MOST_FIELDS).get("encData", [])
        return values[0] if len(values) == 1 else ""
    except (ValueError, Unreadable):
        return ""


def parse_exactly(plain: bytes) -> Fields:
    """The JSON object of an opened text, with fractions as Decimal; raises Unreadable."""
    return parse_object(plain, _exact)


def _exact(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise Unreadable("a number beyond all bounds") from None


def masked_text(plain: bytes) -> str:
    """What may be kept of an opened text: its JSON without what names the payer or opens anything."""
    try:
        return written(_masked(parse_exactly(plain)))[:_LARGEST_TEXT]
    except Unreadable:
        return f"{len(plain)} bytes, no JSON"


def _masked(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _masked_field(name, one) for name, one in value.items()}
    if isinstance(value, list):
        return [_masked(one) for one in value]
    return Literal(str(value)) if isinstance(value, Decimal) else value


def _masked_field(name: str, value: object) -> object:
    return "***" if _MASKED.search(name) and value not in (None, "", [], {}) else _masked(value)


def part(fields: Fields, name: str) -> Fields:
    """A part of a message; one that is missing is empty, one that is no object raises Unreadable."""
    found = fields.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise Unreadable("no object")
    return found


def code_in(fields: Fields, name: str = "statusCode") -> str:
    """The status code of a message; raises Unreadable when there is none."""
    code = part(fields, "responseDetails").get(name)
    if not isinstance(code, str) or not _ID.fullmatch(code.strip()):
        raise Unreadable("no code")
    return code.strip().upper()


def id_in(value: object) -> str | None:
    """An id as text, whether it came as a number or a text; None when it is not there. Raises Unusable."""
    if value is None or value == "":
        return None
    text = str(value) if type(value) in (int, str) else ""
    if not _ID.fullmatch(text):
        raise Unusable("bad_id")
    return text


def rupees_in(value: object) -> Money | None:
    """An amount in rupees, exact to the paisa; None when it is not there. Raises Unusable."""
    if value is None:
        return None
    try:
        if isinstance(value, str):
            return money_from_text(value, CURRENCY)
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return money_from_number(value, CURRENCY)
    except NotAnAmount:
        pass
    raise Unusable("bad_amount")


def check_currency(pay: Fields) -> None:
    """A currency may be left unsaid, but not be another; raises Unusable."""
    if pay.get("txnCurrency") not in (None, "", CURRENCY):
        raise Unusable("other_currency")


def is_id(text: str, longest: int = 50) -> bool:
    """Whether Atom takes it for an id of ours."""
    return len(text) <= longest and bool(_ID.fullmatch(text))
