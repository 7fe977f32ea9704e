"""The explanation of a record's state, its next step and its badges."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

OPEN_ALERT_ACTION = "open_alert"
"""Name of the action that opens the alert about a record. A next step has it if a person must acknowledge the
alert."""


@dataclass(frozen=True, slots=True)
class NextStep:
    """The next step of a record: a wording key with facts, and the terminal command for the step; None if there is
    no command. `action` is the name of the action that does the step (see `AllowedAction`); None if the step is no
    action, such as to wait. `asks_others_first` is True if the person must first ask somebody else, such as the shop
    or an administrator, because the action is only right after one of the possible answers.
    """

    code: str
    facts: Mapping[str, object] = field(default_factory=dict)
    command: str | None = None
    action: str | None = None
    asks_others_first: bool = False


class CertaintyBadge(StrEnum):
    """Certainty of a record, as its badge shows it. Only UNKNOWN and KNOWN are stored. UNCONFIRMED: the provider has
    not confirmed the record's state yet; SIDES_DISAGREE: this database, the provider and the order contradict each
    other; MAY_BE_REVERSED: the payer's bank can still reverse the payment; OLD: the provider's last answer is old.
    """

    UNKNOWN = "unknown"
    SIDES_DISAGREE = "sides_disagree"
    MAY_BE_REVERSED = "may_be_reversed"
    OLD = "old"
    UNCONFIRMED = "unconfirmed"
    KNOWN = "known"


class WorkBadge(StrEnum):
    """Person or program that does a record's next step, as the badge of work shows it. NONE (no step), SCHEDULED (the
    program) and NEEDS_REVIEW (a person) are stored work states. WAITING_FOR_APPROVAL: an approver or a second person.
    WAITING_FOR_SENDING: the program will send the refund at a later time; nothing is checked until then. POSSIBLE:
    the stored work state isn't NEEDS_REVIEW, but a person may do the next step. AUTOMATIC: no work is stored, but the
    program does the next step, for example that of the record's payment or refund.
    """

    NONE = "none"
    SCHEDULED = "scheduled"
    NEEDS_REVIEW = "needs_review"
    WAITING_FOR_APPROVAL = "waiting_for_approval"
    WAITING_FOR_SENDING = "waiting_for_sending"
    POSSIBLE = "possible"
    AUTOMATIC = "automatic"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Verdict, reason and next step of a record, each as a wording key with facts. `roles_that_may_act` has the
    roles that may do the next step. `certainty` and `work` are the badges of the record, which every list, screen and
    text shows. `further_reason` is a wording key, too: a sentence after the reason about something else that waits
    for a person; None if nothing else does.
    """

    verdict: str
    why: str
    next_step: NextStep
    facts: Mapping[str, object] = field(default_factory=dict)
    roles_that_may_act: tuple[str, ...] = ()
    certainty: CertaintyBadge = CertaintyBadge.KNOWN
    work: WorkBadge = WorkBadge.NONE
    further_reason: str | None = None
