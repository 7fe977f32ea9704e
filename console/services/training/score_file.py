"""The file with a person's score in the training: for each exercise the present attempt, its verdict, and the number
of the first attempt that solved the exercise. The file is in the desk's ordinary home folder, so that it stays when a
training ends.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from console.domain.training.results import TrainingScore, TrainingVerdict
from console.services.training.exercises import EXERCISE_DECLARATIONS
from console.settings.named_values_file import NamedValuesFile
from console.settings.person_files import get_person_file_path

_EXERCISE_ENTRY_PREFIX = "incident."
"""Beginning of the name of an exercise's value in the file; the exercise's key follows."""
_TRAINING_RUN_VALUE_NAME = "run"
_RUN_VALUE_NAMES = ("id", "database", "url")
_NUMBER_FACT_NAMES = frozenset({"amount", "paid", "price", "record", "refund"})
"""Names of the facts that are whole numbers: amounts in yen and record ids."""
_NUMBER_PATTERN = re.compile(r"[0-9]{1,18}")
_MAX_ATTEMPTS = 1_000
"""Largest accepted number of attempts. Each attempt at some exercises needs payments of three further days."""


@dataclass(frozen=True, slots=True)
class ExerciseAttempt:
    """A person's present attempt at one exercise. `number` is the number of attempts so far. `facts` are the facts
    about the attempt's records; they are valid only in the training with the id `run`. `verdict` is the last verdict,
    such as `right`, and `checked_at` its time (ISO text); before the first verdict, `verdict` and `checked_at` are
    "". `solved_at_attempt` is the number of the first attempt with the verdict `right`; 0 if there is none.
    """

    number: int = 0
    run: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    verdict: str = ""
    checked_at: str = ""
    solved_at_attempt: int = 0

    def add_verdict(self, verdict: TrainingVerdict, at: datetime) -> "ExerciseAttempt":
        """Return a copy of the attempt with this verdict of the time `at`. With the first verdict `right`,
        `solved_at_attempt` becomes the attempt's number."""
        solving_attempt = self.solved_at_attempt or (self.number if verdict is TrainingVerdict.RIGHT else 0)
        return replace(self, verdict=verdict.value, checked_at=at.isoformat(), solved_at_attempt=solving_attempt)


class ScoreFile:
    """Reads and changes the score file of one person. Several threads and processes may use it at the same time."""

    def __init__(self, home: Path, person: str) -> None:
        self.person = person
        self._file = NamedValuesFile(get_person_file_path(home, person, ".training.json"))

    def read_attempts(self) -> dict[str, ExerciseAttempt]:
        """Return the person's attempts by the key of the exercise. An exercise without attempts is not in the
        result."""
        values = self._file.read().values
        stored_entries = {
            exercise.key: values.get(_EXERCISE_ENTRY_PREFIX + exercise.key) for exercise in EXERCISE_DECLARATIONS
        }
        return {key: _parse_attempt(value) for key, value in stored_entries.items() if isinstance(value, dict)}

    def read_attempt(self, key: str) -> ExerciseAttempt:
        """Return the person's present attempt at the exercise `key`. If the person has not begun the exercise, return
        an attempt with the number 0.
        """
        return self.read_attempts().get(key, ExerciseAttempt())

    def write_attempt(self, key: str, attempt: ExerciseAttempt) -> None:
        """Store the person's attempt at the exercise `key`. Raises storage_full if the file can't be written."""
        self._file.change({_EXERCISE_ENTRY_PREFIX + key: asdict(attempt)})

    def write_verdict(
        self, key: str, judged_attempt: ExerciseAttempt, verdict: TrainingVerdict, at: datetime
    ) -> None:
        """Store a verdict of the time `at` about the attempt `judged_attempt` at the exercise `key`. Change nothing
        if another attempt was begun since `judged_attempt` was read. Raises storage_full if the file can't be
        written.
        """
        name = _EXERCISE_ENTRY_PREFIX + key

        def add_verdict(values: Mapping[str, Any]) -> Mapping[str, Any]:
            stored_value = values.get(name)
            stored_attempt = _parse_attempt(stored_value) if isinstance(stored_value, dict) else ExerciseAttempt()
            if (stored_attempt.run, stored_attempt.number) != (judged_attempt.run, judged_attempt.number):
                return {}
            return {name: asdict(judged_attempt.add_verdict(verdict, at))}

        self._file.change_stored(add_verdict)

    def read_training_run(self) -> Mapping[str, str]:
        """Return the person's running training: its `id`, the path `database` and the `url` of the simulated
        providers. Return an empty mapping if no training runs."""
        run = self._file.read().values.get(_TRAINING_RUN_VALUE_NAME)
        if not isinstance(run, dict) or not all(isinstance(run.get(name), str) for name in _RUN_VALUE_NAMES):
            return {}
        return run

    def write_training_run(self, run: Mapping[str, str] | None) -> None:
        """Store the person's running training `run`, with the keys that `read_training_run` returns; with None, store
        that no training runs. Raises storage_full if the file can't be written."""
        self._file.change({_TRAINING_RUN_VALUE_NAME: None if run is None else dict(run)})

    def compute_score(self) -> TrainingScore:
        """Compute the person's score in the training from the stored verdicts, and return it."""
        attempts = self.read_attempts().values()
        return TrainingScore(
            person=self.person,
            solved_count=sum(attempt.solved_at_attempt > 0 for attempt in attempts),
            solved_at_first_attempt_count=sum(attempt.solved_at_attempt == 1 for attempt in attempts),
            attempt_count=sum(attempt.number for attempt in attempts),
            exercise_count=len(EXERCISE_DECLARATIONS),
        )


def _parse_attempt(value: Mapping[str, Any]) -> ExerciseAttempt:
    """Parse the stored attempt and return it. A value that this program never writes counts as missing, because the
    person can edit the file, and a wrong value must not prevent the training.
    """
    return ExerciseAttempt(
        number=_parse_count(value.get("number")),
        run=str(value.get("run", "")),
        facts=_parse_facts(value.get("facts")),
        verdict=str(value.get("verdict", "")),
        checked_at=_convert_to_utc_text(value.get("checked_at")),
        solved_at_attempt=_parse_count(value.get("solved_at_attempt")),
    )


def _parse_facts(value: object) -> dict[str, str]:
    """Return the stored facts; {} if one of them is a number or a day in another form than the program writes."""
    facts = {str(name): str(text) for name, text in value.items()} if isinstance(value, dict) else {}
    try:
        date.fromisoformat(facts.get("day", "2026-11-20"))
    except ValueError:
        return {}
    is_readable = all(_NUMBER_PATTERN.fullmatch(facts.get(name, "0")) for name in _NUMBER_FACT_NAMES)
    return facts if is_readable else {}


def _convert_to_utc_text(value: object) -> str:
    """Return the instant in the ISO text `value` as ISO text in UTC; "" if `value` is no such text, or if its instant
    is outside of the calendar in UTC."""
    try:
        return datetime.fromisoformat(str(value)).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        return ""


def _parse_count(value: object) -> int:
    return value if type(value) is int and 0 < value <= _MAX_ATTEMPTS else 0
