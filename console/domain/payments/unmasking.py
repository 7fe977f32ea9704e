"""The texts that a person sees for a short time in place of masked ones: the payer's name, and the provider's answers
that contain it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

UNMASKED_SECONDS = 60
"""Seconds after which an unmasked text is masked again, counted from the audit entry about the unmasking."""


@dataclass(frozen=True, slots=True)
class UnmaskedTexts:
    """The unmasked texts of a record: the payer of its payment, and the texts of its stored answers by the id of the
    evidence. `seconds_left` is the number of seconds until the texts are masked again, 0 to UNMASKED_SECONDS.
    """

    payer: str | None = field(repr=False)
    answers: Mapping[int, str] = field(repr=False)
    seconds_left: float
