"""The reason that a person states for a decision about an unknown outcome: a code and the person's own words. The
module reads no record, so the terminal can list the codes quickly."""

import re
from dataclasses import dataclass
from enum import StrEnum

LONGEST_DECISION_REASON_CHARACTERS = 200
"""Longest text (characters) that a person may type as the reason of a decision."""


class DecisionReason(StrEnum):
    """Codes of the reason for which a person decides an unknown outcome: the source that shows the true outcome.
    PROVIDER_SCREEN: the provider's website. NOT_LISTED: the provider lists no such purchase, payment or refund.
    PROVIDER_REPLY: a reply of the provider to a person's question. The catalogue of wordings has a text
    `decision_reason.<code>` for each.
    """

    PROVIDER_SCREEN = "provider_screen"
    NOT_LISTED = "not_listed"
    SETTLEMENT_REPORT = "settlement_report"
    PROVIDER_REPLY = "provider_reply"
    BANK_STATEMENT = "bank_statement"
    OTHER = "other"


_SUMMARY_PATTERN = re.compile(rf"\[({'|'.join(DecisionReason)})\] (.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class StatedReason:
    """A person's reason for a decision: a code and the person's own words."""

    code: DecisionReason
    words: str

    def format_summary(self) -> str:
        """Return the reason as the summary text of the person's evidence: the code in brackets, then the person's
        words, such as `[not_listed] 20 purchases, not this one`."""
        return f"[{self.code}] {self.words}"


@dataclass(frozen=True, slots=True)
class PersonEvidence:
    """The evidence that a person hands in for a decision: the content of a file or a statement in UTF-8, and the
    person's reason for the decision. The reason is None if a script made the decision without stating one."""

    content: bytes
    reason: StatedReason | None = None


def parse_stated_reason(summary: str) -> StatedReason | None:
    """Return the reason that the summary of a person's evidence contains; None if it contains none."""
    match = _SUMMARY_PATTERN.fullmatch(summary)
    return StatedReason(DecisionReason(match[1]), match[2]) if match else None


def list_reason_arguments(reason: StatedReason | None) -> tuple[StatedReason, ...]:
    """Return the reason as additional arguments of the call that makes the decision: one argument, or none if the
    reason is None.

    A request id belongs to a call with its arguments. A call without a reason has the same arguments as in earlier
    versions of the program, so a script can repeat such a call with the same request id.
    """
    return () if reason is None else (reason,)
