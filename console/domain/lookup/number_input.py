"""Parse a corporation number that a person typed or another program wrote, and fold the dashes of typed numbers."""

from typing import TYPE_CHECKING

from console.domain.corporation_number import DIGIT_COUNT, CorporationNumber, RejectedNumber, read_corporation_number
from console.domain.error_reasons import NumberReason
from console.domain.errors import ConsoleError, ErrorCode

if TYPE_CHECKING:
    from console.domain.errors.details import InvalidNumberDetail

HYPHEN_BY_DASH = str.maketrans(dict.fromkeys("‐‑‒–—―−─ー", "-"))
"""Translation of the characters that a Japanese keyboard or a word processor gives for a hyphen (ー is the key beside
0) into the hyphen. The text must be in NFKC form."""


class InvalidCorporationNumber(ConsoleError):
    """Raised if a typed text isn't a corporation number. `reason` is the first broken rule. `normalized` has the
    digits of the text if the reason is WRONG_LENGTH or WRONG_CHECK_DIGIT, otherwise None.
    """

    def __init__(self, reason: NumberReason, normalized: str | None = None) -> None:
        detail: InvalidNumberDetail = {"reason": reason, "normalized": normalized}
        if reason is NumberReason.WRONG_LENGTH and normalized is not None and len(normalized) == DIGIT_COUNT - 1:
            detail["hint"] = "check_digit_missing"
        super().__init__(ErrorCode.INVALID_CORPORATION_NUMBER, detail)
        self.reason = reason
        self.normalized = normalized


def parse_corporation_number(text: str, *, allows_test_numbers: bool = False) -> CorporationNumber:
    """Return the corporation number that a person typed, normalised and checked by the rules of
    `read_corporation_number`. Raises InvalidCorporationNumber for any other text, with the first rule that the text
    breaks. If `allows_test_numbers` is True, the ALARMBOX_TEST_NUMBERS are accepted too.
    """
    number = read_corporation_number(text, allows_test_numbers=allows_test_numbers)
    if isinstance(number, RejectedNumber):
        raise InvalidCorporationNumber(number.reason, number.normalized)
    return number


def find_corporation_number(text: str | None, *, allows_test_numbers: bool = False) -> str | None:
    """Return the 13 digits of the corporation number that `parse_corporation_number` returns for the text; None for
    None and for a text for which `parse_corporation_number` raises an error."""
    number = read_corporation_number(text or "", allows_test_numbers=allows_test_numbers)
    return None if isinstance(number, RejectedNumber) else number.value
