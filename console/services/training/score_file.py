"""The file with a person's score: for each incident the present attempt, what came of it, and whether the person has
solved it. It lies in the ordinary home folder of the desk, so it stays when a training ends.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from console.domain.training.results import TrainingScore, Verdict
from console.services.training.incidents import INCIDENTS
from console.settings.entries_file import EntriesFile
from console.settings.person_files import person_file

_INCIDENT_PREFIX = "incident."
_RUN_ENTRY = "run"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A person's attempts at one incident. `facts` are those of the present attempt; they belong to the training
    with the id `run`, so that they mean nothing once another training runs. `solved_at_attempt` is the number of the
    first right attempt; 0 if none was right.
    """

    number: int = 0
    run: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    verdict: str = ""
    checked_at: str = ""
    solved_at_attempt: int = 0

    def add_verdict(self, verdict: Verdict, at: datetime) -> "Attempt":
        """Return the attempt with this verdict added. The first right verdict counts for the score."""
        solved = self.solved_at_attempt or (self.number if verdict is Verdict.RIGHT else 0)
        return replace(self, verdict=verdict.value, checked_at=at.isoformat(), solved_at_attempt=solved)


class ScoreFile:
    """Reads and changes the score of one person. Safe from any thread and process."""

    def __init__(self, home: Path, person: str) -> None:
        self.person = person
        self._file = EntriesFile(person_file(home, person, ".training.json"))

    def read_attempts(self) -> dict[str, Attempt]:
        """Return the attempts by the key of the incident; one without attempts is missing."""
        values = self._file.read().values
        stored = {incident.key: values.get(_INCIDENT_PREFIX + incident.key) for incident in INCIDENTS}
        return {key: _read_attempt(value) for key, value in stored.items() if isinstance(value, dict)}

    def read_attempt(self, key: str) -> Attempt:
        return self.read_attempts().get(key, Attempt())

    def write_attempt(self, key: str, attempt: Attempt) -> None:
        """Store the attempt. Raises storage_full if the file can't be written."""
        self._file.change({_INCIDENT_PREFIX + key: asdict(attempt)})

    def read_run(self) -> Mapping[str, str]:
        """Return where the person's training runs: its `id`, the `home` folder and the `url` of the simulated
        providers; empty if none runs.
        """
        run = self._file.read().values.get(_RUN_ENTRY)
        return run if isinstance(run, dict) else {}

    def write_run(self, run: Mapping[str, str] | None) -> None:
        """Store where the training runs; None if it has ended."""
        self._file.change({_RUN_ENTRY: None if run is None else dict(run)})

    def score(self) -> TrainingScore:
        """Return the score, as it was at the last check."""
        attempts = self.read_attempts().values()
        return TrainingScore(
            person=self.person,
            solved=sum(attempt.solved_at_attempt > 0 for attempt in attempts),
            at_first_attempt=sum(attempt.solved_at_attempt == 1 for attempt in attempts),
            attempts=sum(attempt.number for attempt in attempts),
            total=len(INCIDENTS),
        )


def _read_attempt(value: Mapping[str, Any]) -> Attempt:
    facts = value.get("facts")
    return Attempt(
        number=_read_count(value.get("number")),
        run=str(value.get("run", "")),
        facts={str(name): str(text) for name, text in facts.items()} if isinstance(facts, dict) else {},
        verdict=str(value.get("verdict", "")),
        checked_at=str(value.get("checked_at", "")),
        solved_at_attempt=_read_count(value.get("solved_at_attempt")),
    )


def _read_count(value: object) -> int:
    return value if type(value) is int and value > 0 else 0
