"""Tests that the training starts with any content of its score file, because a person can edit the file."""

import json
from pathlib import Path
from typing import Any

import pytest

from console.services.training.incidents import INCIDENT_DECLARATIONS
from console.services.training.score_file import ScoreFile
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
    {"number": -1},
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


@pytest.mark.parametrize("strange", UNREADABLE_SCORE_FIELDS, ids=str)
def test_an_unreadable_score_field_counts_as_missing(tmp_path: Path, strange: dict[str, Any]) -> None:
    """A field of an incident's row in the score file that the program can't read counts as missing. The overview
    still lists all incidents.
    """
    scores = _write_score_file(
        tmp_path, {f"incident.{item.key}": {**VALID_SCORE_ROW, **strange} for item in INCIDENT_DECLARATIONS}
    )
    for run in (None, "r"):
        overview = read_overview(scores, run)
        assert len(overview.incidents) == len(INCIDENT_DECLARATIONS)
        for incident in overview.incidents:
            assert format_training_situation(incident, "ja")
            format_training_verdict(incident, "ja")
            assert incident.checked_at is None or incident.checked_at.year == 2026


@pytest.mark.parametrize("run", ["x", {}, {"id": "r"}, {"id": 5, "database": {}, "url": []}, {"id": "r", "url": "x"}])
def test_an_unknown_run_in_the_score_file_is_ignored(tmp_path: Path, run: object) -> None:
    """A stored training run in a form that the program never writes is ignored: the score file is read as if it
    contained no run.
    """
    assert _write_score_file(tmp_path, {"run": run}).read_training_run() == {}
