"""Tests of the score file of the training: the training starts with any content of the file, because a person can
edit it, and a verdict is stored only about the attempt that was judged.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from console.domain.training.results import TrainingExercise, TrainingState, TrainingVerdict
from console.services.training.exercises import EXERCISE_DECLARATIONS
from console.services.training.score_file import ExerciseAttempt, ScoreFile
from console.services.training.service import read_overview
from console.settings.person_files import get_person_file_path
from console.wording.training import format_training_situation, format_training_verdict

VALID_SCORE_ROW = {
    "number": 1,
    "run": "r",
    "facts": {"order": "1"},
    "verdict": "right",
    "checked_at": "2026-11-20T03:20:01+00:00",
}
UNREADABLE_SCORE_FIELDS: list[dict[str, Any]] = [
    {"checked_at": "yesterday"},
    {"checked_at": 5},
    {"checked_at": "9999-12-31T23:59:59-23:00"},
    {"checked_at": "0001-01-01T00:00:00+23:00"},
    {"facts": {"day": "yesterday"}},
    {"facts": {"day": None}},
    {"facts": []},
    {"facts": {"amount": "much", "paid": "1", "price": "1"}},
    {"facts": {"amount": "1", "paid": "9" * 5_000, "price": "-1"}},
    {"facts": {"record": "9" * 30}},
    {"number": -1},
    {"number": 10**12},
    {"number": "1"},
    {"verdict": "splendid"},
    {"verdict": {}},
]


def _write_score_file(home: Path, values: dict[str, Any]) -> ScoreFile:
    """Write these values into the person's score file and return it."""
    path = get_person_file_path(home, "op-a", ".training.json")
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"version": 1, "values": values}))
    path.chmod(0o600)
    return ScoreFile(home, "op-a")


def test_a_verdict_about_an_earlier_attempt_is_not_stored(tmp_path: Path) -> None:
    """An exercise is begun again in another process while the earlier attempt is judged. The verdict about the
    earlier attempt doesn't replace the newer attempt."""
    key, now = EXERCISE_DECLARATIONS[0].key, datetime(2026, 11, 20, tzinfo=UTC)
    scores = ScoreFile(tmp_path, "op-a")
    earlier_attempt, newer_attempt = (ExerciseAttempt(number, "r", {"order": str(number)}) for number in (1, 2))
    scores.write_attempt(key, newer_attempt)
    scores.write_verdict(key, earlier_attempt, TrainingVerdict.RIGHT, now)
    assert scores.read_attempt(key) == newer_attempt
    scores.write_verdict(key, newer_attempt, TrainingVerdict.RIGHT, now)
    assert scores.read_attempt(key) == newer_attempt.add_verdict(TrainingVerdict.RIGHT, now)


@pytest.mark.parametrize("strange_value", UNREADABLE_SCORE_FIELDS, ids=lambda value: str(value)[:60])
def test_an_unreadable_score_field_counts_as_missing(tmp_path: Path, strange_value: dict[str, Any]) -> None:
    """A field of an exercise's row in the score file that the program can't read counts as missing. The overview
    still lists all exercises.
    """
    scores = _write_score_file(
        tmp_path, {f"incident.{item.key}": {**VALID_SCORE_ROW, **strange_value} for item in EXERCISE_DECLARATIONS}
    )
    for run in (None, "r"):
        overview = read_overview(scores, run)
        assert len(overview.exercises) == len(EXERCISE_DECLARATIONS)
        for exercise in overview.exercises:
            assert format_training_situation(exercise, "ja")
            format_training_verdict(exercise, "ja")
            assert exercise.checked_at is None or exercise.checked_at.year == 2026


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_corporation_number_is_in_groups_of_digits(language: str) -> None:
    """The description of an exercise writes a corporation number as all screens do."""
    facts = {"number": "4982301209564", "provider_id": "100001"}
    exercise = TrainingExercise("lost_answer", TrainingState.OPEN, None, facts, 1, is_solved=False)
    assert "4 9823 0120 9564" in format_training_situation(exercise, language)


@pytest.mark.parametrize("run", ["x", {}, {"id": "r"}, {"id": 5, "database": {}, "url": []}, {"id": "r", "url": "x"}])
def test_an_unknown_run_in_the_score_file_is_ignored(tmp_path: Path, run: object) -> None:
    """A stored training run in a form that the program never writes is ignored: the score file is read as if it
    contained no run.
    """
    assert _write_score_file(tmp_path, {"run": run}).read_training_run() == {}
