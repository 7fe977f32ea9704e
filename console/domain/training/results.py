"""Results of a training: the state of each exercise, the reason for this state, and the score of a person."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

COLLEAGUE_NAME = "op-c"
"""Name of the invented person who has done everything that led to the exercises, such as purchases and refund
requests."""
INVENTED_APPROVER_NAME = "lead-d"
"""Name of the invented person who decides about the trainee's refund requests and proposals."""


class TrainingState(StrEnum):
    """The state of an exercise of the training for one person: not begun, open, right or wrong. An exercise in the
    state WRONG keeps this state until the person starts it again."""

    NOT_BEGUN = "not_begun"
    OPEN = "open"
    RIGHT = "right"
    WRONG = "wrong"


class TrainingVerdict(StrEnum):
    """Result of the check of a person's work on an exercise. The check compares the simulated provider's ledger with
    the console's records.

    - RIGHT: the person has solved the exercise. LEFT_OPEN: the person must still do a step.
    - BOUGHT_TWICE: credit checks were bought more often than needed. BOUGHT_OLD_COMPANY: a credit check was bought
      for a corporation that was merged into another one.
    - REFUNDED_TWICE, REFUNDED_WRONG_AMOUNT, REFUNDED_WRONG_PAYMENT: the money was given back more than once, or with
      another sum, or for the payment that should stay. REFUNDED_WITHOUT_CAUSE: the shop owed the customer the goods,
      not the money.
    - SETTLED_AGAINST_TRUTH: the recorded outcome contradicts the ledger.
    - ENDED_UNBOOKED: the person acknowledged the notice although the provider has its payment and our records don't.
      ENDED_UNCHECKED: the person acknowledged the notice without a query to the provider.
    """

    RIGHT = "right"
    LEFT_OPEN = "left_open"
    BOUGHT_TWICE = "bought_twice"
    BOUGHT_OLD_COMPANY = "bought_old_company"
    REFUNDED_TWICE = "refunded_twice"
    REFUNDED_WRONG_AMOUNT = "refunded_wrong_amount"
    REFUNDED_WRONG_PAYMENT = "refunded_wrong_payment"
    REFUNDED_WITHOUT_CAUSE = "refunded_without_cause"
    SETTLED_AGAINST_TRUTH = "settled_against_truth"
    ENDED_UNBOOKED = "ended_unbooked"
    ENDED_UNCHECKED = "ended_unchecked"


_STATE_BY_VERDICT: Mapping[TrainingVerdict, TrainingState] = {
    TrainingVerdict.RIGHT: TrainingState.RIGHT,
    TrainingVerdict.LEFT_OPEN: TrainingState.OPEN,
}


def get_training_state(verdict: TrainingVerdict) -> TrainingState:
    """Return the state of an exercise with this verdict: RIGHT for the verdict RIGHT, OPEN for LEFT_OPEN, WRONG for
    every other verdict.
    """
    return _STATE_BY_VERDICT.get(verdict, TrainingState.WRONG)


@dataclass(frozen=True, slots=True)
class TrainingExercise:
    """One exercise of the training as one person sees it. `key` is the exercise's name in the code.

    `facts` are the numbers and amounts in the sentence about the exercise; empty before the person starts it.
    `verdict` is None before the first check of this attempt. `attempt_count` counts how often the person has started
    the exercise. `is_solved` stays True once an attempt was right. `checked_at` is the time of the last check.
    """

    key: str
    state: TrainingState
    verdict: TrainingVerdict | None
    facts: Mapping[str, str]
    attempt_count: int
    is_solved: bool
    checked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TrainingScore:
    """The score of one person as numbers of exercises: solved, solved at the first attempt, and all; and the
    number of attempts."""

    person: str
    solved_count: int
    solved_at_first_attempt_count: int
    attempt_count: int
    exercise_count: int


@dataclass(frozen=True, slots=True)
class TrainingOverview:
    """All exercises of the training, in their order, with the score of the person. `is_running` is True if the
    person's training runs now, so that the program can check the person's work on the exercises.
    """

    exercises: tuple[TrainingExercise, ...]
    score: TrainingScore
    is_running: bool
