"""Japanese corporation numbers (法人番号): 13 digits, of which the first is the check digit.

The check digit is 9 − (Σ Pₙ·Qₙ mod 9), by an ordinance of the Ministry of Finance (法人番号の指定等に関する省令).
The tests compare it with python-stdnum. A number with the right check digit is well-formed, but possibly no
corporation has this number.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from console.domain.error_reasons import NumberReason

DIGIT_COUNT = 13
FIRST_ASSIGNMENT_DAY = date(2015, 10, 5)
"""The day on which the first corporation numbers were assigned."""
ALARMBOX_TEST_NUMBERS = frozenset({"0000000000001", "0000000000002", "0000000000003"})
"""Numbers that AlarmBox accepts for tests; no corporation has them."""

# Removed before any check: characters that forms, spreadsheets and input methods put between or around digits.
_SEPARATOR_CHARACTERS = " \t\r\n\u3000\u00a0\u200b\ufeff-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\uff0d\u30fc\uff70"
_CHARACTER_NORMALISATION = {ord(c): None for c in _SEPARATOR_CHARACTERS} | {0xFF10 + i: 0x30 + i for i in range(10)}
"""Translation of typed characters: separators are removed, full-width digits become ASCII digits."""
_INVOICE_NUMBER_PREFIXES = ("T", "t", "\uff34", "\uff54")
_ASCII_DIGITS = frozenset("0123456789")
# Longer input can't be a number of 13 digits; the limit avoids slow work on a very long pasted text.
_LONGEST_INPUT_CHARACTERS = 1_000
_CHECK_DIGIT_BY_REMAINDER = "987654321"  # by the weighted sum modulo 9


@dataclass(frozen=True, slots=True)
class CorporationNumber:
    """A well-formed corporation number: 13 ASCII digits in `value`. `had_prefix` is True if the person typed an
    invoice registration number `T…`, from which the T was removed.
    """

    value: str
    had_prefix: bool = False


@dataclass(frozen=True, slots=True)
class RejectedNumber:
    """A text that isn't a corporation number. `reason` is the first broken rule. `normalized` has the digits of the
    text if the reason is WRONG_LENGTH or WRONG_CHECK_DIGIT, otherwise None.
    """

    reason: NumberReason
    normalized: str | None = None


def read_corporation_number(text: str, *, allows_test_numbers: bool = False) -> CorporationNumber | RejectedNumber:
    """Normalise and check a corporation number that a person typed. Return the number, or a `RejectedNumber` with the
    reason.

    If `allows_test_numbers` is True, accept the ALARMBOX_TEST_NUMBERS too. The normalisation only replaces full-width
    digits and removes separators. It doesn't use NFKC, which would replace ① by 1, and doesn't use str.isdigit, which
    accepts digits of other scripts.
    """
    bare_text, is_prefix_stripped = _normalize_text(text)
    if not bare_text:
        return RejectedNumber(NumberReason.NO_DIGITS)
    if not _ASCII_DIGITS.issuperset(bare_text):
        return RejectedNumber(NumberReason.OTHER_CHARACTER)
    if len(bare_text) != DIGIT_COUNT or len(text) > _LONGEST_INPUT_CHARACTERS:
        return RejectedNumber(NumberReason.WRONG_LENGTH, bare_text)
    if not is_well_formed(bare_text) and not (allows_test_numbers and bare_text in ALARMBOX_TEST_NUMBERS):
        return RejectedNumber(NumberReason.WRONG_CHECK_DIGIT, bare_text)
    return CorporationNumber(bare_text, is_prefix_stripped)


def read_first_digits(text: str) -> str:
    """Return the digits of a typed text that may be a corporation number or the beginning of one, normalised as by
    `read_corporation_number`; "" for a text with any other character."""
    bare_text, _ = _normalize_text(text)
    return bare_text if _ASCII_DIGITS.issuperset(bare_text) else ""


def _normalize_text(text: str) -> tuple[str, bool]:
    """Return a typed text with ASCII digits, without separators and without the T of an invoice registration number,
    and whether it had this T. Only the first _LONGEST_INPUT_CHARACTERS characters are read."""
    return _strip_invoice_prefix(text[:_LONGEST_INPUT_CHARACTERS].translate(_CHARACTER_NORMALISATION))


def _strip_invoice_prefix(bare_text: str) -> tuple[str, bool]:
    """Remove the T of an invoice registration number (T and 13 digits). Return the digits and True; return any other
    text unchanged with False.
    """
    digits = bare_text[1:]
    if (
        bare_text.startswith(_INVOICE_NUMBER_PREFIXES)
        and len(digits) == DIGIT_COUNT
        and _ASCII_DIGITS.issuperset(digits)
    ):
        return digits, True
    return bare_text, False


def compute_check_digit(twelve_digits: str) -> str:
    """Return the check digit of a corporation number, computed from its last 12 digits (`twelve_digits`).

    In the published formula every second digit counts twice. A number and the sum of its digits have the same
    remainder modulo 9. So it is enough to add two numbers: `twelve_digits`, and the number that consists of every
    second digit of it.
    """
    return _CHECK_DIGIT_BY_REMAINDER[(int(twelve_digits) + int(twelve_digits[0::2])) % 9]


def is_well_formed(number: str) -> bool:
    """True if `number` consists of 13 ASCII digits, and the first one is the right check digit for the others."""
    has_form = len(number) == DIGIT_COUNT and number.isascii() and number.isdigit()
    return has_form and compute_check_digit(number[1:]) == number[0]


def are_well_formed(numbers: Iterable[str]) -> bool:
    """True if every number has the right check digit. Each must have 13 ASCII digits, which isn't checked here."""
    # 9 divides the sum of the check digit and of `compute_check_digit`'s two numbers. No check digit is 0.
    return not any((int(number) + int(number[1::2])) % 9 or number[0] == "0" for number in numbers)


def list_numbers_one_typing_error_away(typed_number: str) -> tuple[str, ...]:
    """Return the corporation numbers that a person may have meant by `typed_number`, in ascending order. Each is
    well-formed and differs from `typed_number` by one typing error: one wrong digit, two neighbouring digits that
    were swapped, one missing digit, or one digit too many. Empty if `typed_number` has fewer than 12 or more than 14
    digits.
    """
    return tuple(
        sorted(
            {
                n
                for n in _list_texts_one_typing_error_away(typed_number)
                if len(n) == DIGIT_COUNT and n != typed_number and is_well_formed(n)
            }
        )
    )


def _list_texts_one_typing_error_away(typed_number: str) -> set[str]:
    """Return the texts of 13 digits from which one typing error could have made `typed_number`. Their check digits
    may be right or wrong."""
    digit_count = len(typed_number)
    if digit_count == DIGIT_COUNT:
        one_digit_off_texts = {
            typed_number[:i] + d + typed_number[i + 1 :] for i in range(digit_count) for d in _ASCII_DIGITS
        }
        swapped_texts = {
            typed_number[:i] + typed_number[i + 1] + typed_number[i] + typed_number[i + 2 :]
            for i in range(digit_count - 1)
        }
        return one_digit_off_texts | swapped_texts
    if digit_count == DIGIT_COUNT - 1:
        return {typed_number[:i] + d + typed_number[i:] for i in range(digit_count + 1) for d in _ASCII_DIGITS}
    if digit_count == DIGIT_COUNT + 1:
        return {typed_number[:i] + typed_number[i + 1 :] for i in range(digit_count)}
    return set()


def group_digits(number: str) -> str:
    """Return a number of 13 digits in the form `7 1234 5678 9012`; any other text unchanged."""
    if len(number) != DIGIT_COUNT or not (number.isascii() and number.isdigit()):
        return number
    return " ".join((number[:1], number[1:5], number[5:9], number[9:]))
