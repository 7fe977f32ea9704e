"""Japanese corporation numbers (法人番号): 13 digits with the check digit first.

Rule of the check digit: ordinance of the Ministry of Finance, 9 − (Σ Pₙ·Qₙ mod 9), computed by python-stdnum.
A number that passes is well-formed; that doesn't say that the corporation exists.
"""

from dataclasses import dataclass
from functools import cache

from console.domain.errors import ConsoleError

LENGTH = 13
DUMMIES = frozenset({"0000000000001", "0000000000002", "0000000000003"})

# Removed before anything is judged: what forms, spreadsheets and input methods put between or around digits.
_SEPARATORS = " \t\r\n\u3000\u00a0\u200b\ufeff-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\uff0d\u30fc\uff70"
_NORMAL = {ord(c): None for c in _SEPARATORS} | {0xFF10 + i: 0x30 + i for i in range(10)}
_PREFIXES = ("T", "t", "\uff34", "\uff54")
_DIGITS = frozenset("0123456789")
# Longer input can't become 13 digits in any honest way; cutting it keeps a pasted book from costing time.
_LONGEST_INPUT = 1_000


@dataclass(frozen=True, slots=True)
class CorporationNumber:
    """A well-formed number as 13 ASCII digits; `stripped_prefix` when it came as an invoice number `T…`."""

    value: str
    stripped_prefix: bool = False


class InvalidCorporationNumber(ConsoleError):
    """`reason` is EMPTY, CHARACTER, LENGTH or CHECK_DIGIT; `normalized` what was understood, if anything."""

    def __init__(self, reason: str, normalized: str | None = None) -> None:
        detail: dict[str, object] = {"reason": reason, "normalized": normalized}
        if reason == "LENGTH" and normalized is not None and len(normalized) == LENGTH - 1:
            detail["hint"] = "check_digit_missing"
        super().__init__("invalid_corporation_number", detail)
        self.reason = reason
        self.normalized = normalized


def parse(text: str, *, dummies: bool = False) -> CorporationNumber:
    """Normalise and check what a person typed; raises InvalidCorporationNumber naming the first broken rule.

    Only ０–９ are mapped and separators dropped: no NFKC (① would become 1), no str.isdigit (other scripts pass).
    """
    bare, stripped = _strip_prefix(text[:_LONGEST_INPUT].translate(_NORMAL))
    if not bare:
        raise InvalidCorporationNumber("EMPTY")
    if not _DIGITS.issuperset(bare):
        raise InvalidCorporationNumber("CHARACTER")
    if len(bare) != LENGTH or len(text) > _LONGEST_INPUT:
        raise InvalidCorporationNumber("LENGTH", bare)
    if not well_formed(bare) and not (dummies and bare in DUMMIES):
        raise InvalidCorporationNumber("CHECK_DIGIT", bare)
    return CorporationNumber(bare, stripped)


def _strip_prefix(bare: str) -> tuple[str, bool]:
    """An invoice registration number is T + the corporation number; only one T, only before 13 digits."""
    rest = bare[1:]
    if bare.startswith(_PREFIXES) and len(rest) == LENGTH and _DIGITS.issuperset(rest):
        return rest, True
    return bare, False


def check_digit(base: str) -> str:
    """The check digit for 12 base digits."""
    return str(_stdnum().calc_check_digit(base))


@cache
def _stdnum():  # type: ignore[no-untyped-def]  # python-stdnum ships no types
    from stdnum.jp import cn

    return cn


def well_formed(number: str) -> bool:
    """Whether 13 ASCII digits carry their own check digit."""
    return check_digit(number[1:]) == number[0]


def one_slip(typed: str) -> tuple[str, ...]:
    """Well-formed numbers that one slip of a person explains: a wrong digit, two neighbours swapped, one digit
    missing or one too many. Sorted, so that the same question gets the same answer.
    """
    return tuple(sorted({n for n in _slips(typed) if len(n) == LENGTH and n != typed and well_formed(n)}))


def _slips(typed: str) -> set[str]:
    size = len(typed)
    if size == LENGTH:
        wrong = {typed[:i] + d + typed[i + 1 :] for i in range(size) for d in _DIGITS}
        swapped = {typed[:i] + typed[i + 1] + typed[i] + typed[i + 2 :] for i in range(size - 1)}
        return wrong | swapped
    if size == LENGTH - 1:
        return {typed[:i] + d + typed[i:] for i in range(size + 1) for d in _DIGITS}
    if size == LENGTH + 1:
        return {typed[:i] + typed[i + 1 :] for i in range(size)}
    return set()


def grouped(number: str) -> str:
    """`7123456789012` as people read it: `7 1234 5678 9012`."""
    return " ".join((number[:1], number[1:5], number[5:9], number[9:])) if len(number) == LENGTH else number
