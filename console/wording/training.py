"""Texts about the invented exercises of the training, and the score."""

from collections.abc import Mapping
from datetime import date

from console.domain.money import Money
from console.domain.training.results import TrainingExercise, TrainingScore, TrainingState
from console.wording.sentences.catalogue import format_corporation_number, translate

_TRAINING_AMOUNT_FACT_NAMES = frozenset({"amount", "paid", "price"})
_TRAINING_CURRENCY = "JPY"


def format_training_exercise_title(exercise: TrainingExercise, language: str) -> str:
    """Return the title of an invented exercise."""
    return translate(f"training.incident.{exercise.key}", language)


def format_training_situation(exercise: TrainingExercise, language: str) -> str:
    """Return the description of an invented exercise, in the words of a person who calls the support desk. Before the
    trainee starts the exercise, the text explains how to start it.
    """
    if exercise.state is TrainingState.NOT_BEGUN or not exercise.facts:
        return translate("training.not_begun", language)
    return translate(f"training.call.{exercise.key}", language, **_make_readable_facts(exercise.facts))


def format_training_verdict(exercise: TrainingExercise, language: str) -> str:
    """Return a sentence about the verdict of the last check of an invented exercise. It gives the reason why the
    exercise is still open, solved correctly or solved wrongly. Return "" before the first check.
    """
    if exercise.verdict is None:
        return ""
    return translate(f"training.verdict.{exercise.verdict}", language, **_make_readable_facts(exercise.facts))


def format_training_score(score: TrainingScore, language: str) -> str:
    """Return the score of a person as one line."""
    return translate(
        "training.score",
        language,
        person=score.person,
        solved=score.solved_count,
        total=score.exercise_count,
        first=score.solved_at_first_attempt_count,
    )


def _make_readable_facts(facts: Mapping[str, str]) -> Mapping[str, object]:
    """Return the facts with amounts converted to Money and days to dates, so that `translate` formats them as on
    all screens."""
    return {name: _make_readable_fact(name, text) for name, text in facts.items()}


def _make_readable_fact(fact_name: str, text: str) -> object:
    """Return an amount of a training exercise as Money, a day as a date, a corporation number in groups of digits;
    any other fact unchanged."""
    if fact_name == "number":
        return format_corporation_number(text)
    if fact_name in _TRAINING_AMOUNT_FACT_NAMES:
        return Money(int(text), _TRAINING_CURRENCY)
    return date.fromisoformat(text) if fact_name == "day" else text
