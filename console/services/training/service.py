"""The service `console.training`: lists the training exercises, begins them, and judges the person's work by the
providers' ledgers and our records."""

import logging
from datetime import datetime
from threading import Lock

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.setting_problems import SettingProblem
from console.domain.training.results import (
    TrainingExercise,
    TrainingOverview,
    TrainingState,
    TrainingVerdict,
    get_training_state,
)
from console.services.process.context import ServiceContext
from console.services.training.actual_state import ActualRecordReader
from console.services.training.approver import InventedApprover
from console.services.training.exercises import (
    EXERCISE_DECLARATION_BY_KEY,
    EXERCISE_DECLARATIONS,
    ExerciseDeclaration,
)
from console.services.training.protocols import ProviderLedger, TrainingActors
from console.services.training.score_file import ExerciseAttempt, ScoreFile
from console.settings.settings import Settings
from console.settings.value_parsers import make_bad_profile_error
from console.store.database.engine import Database

_log = logging.getLogger("console.training")


def require_training_profile(settings: Settings, url: str) -> None:
    """Raise bad_profile if the settings could reach a real provider or the database of a team. The settings must have
    an embedded database and, for all providers, the simulated providers at `url`."""
    if settings.environment != "training" or settings.database_path is None:
        raise make_bad_profile_error("CONSOLE_DATABASE_URL", SettingProblem.TRAINING_REACHES_SERVER)
    for provider, configured_url in settings.provider_urls.items():
        if configured_url != url:
            raise make_bad_profile_error(
                f"CONSOLE_{provider.upper()}_URL", SettingProblem.TRAINING_REACHES_PROVIDER, provider=provider
            )


def judge_attempts(
    database: Database, ledger: ProviderLedger, score_file: ScoreFile, training_id: str, now: datetime
) -> None:
    """Judge the begun exercises of the training with the id `training_id` by the providers' ledger and the database,
    and store the verdicts. No verdict is stored about an attempt that was begun again meanwhile. An attempt that was
    already judged as wrong is not judged again. `score_file` is the person's score file, which the person can edit:
    an attempt stays as it was judged before if one of its facts or records is missing. Raises storage_full if the
    file can't be written.
    """
    for key, attempt in score_file.read_attempts().items():
        if attempt.run != training_id or _find_training_state(attempt) is TrainingState.WRONG:
            continue
        judge = EXERCISE_DECLARATION_BY_KEY[key].judge
        try:
            with database.read() as conn:
                verdict = judge(ActualRecordReader(conn, ledger), attempt.facts)
        except LookupError:
            _log.warning("exercise %s isn't judged: a fact or a record of its attempt is missing", key)
            continue
        score_file.write_verdict(key, attempt, verdict, now)


def read_overview(score_file: ScoreFile, training_id: str | None) -> TrainingOverview:
    """Return all exercises with their stored verdicts, and the score. `score_file` is the person's score file.
    `training_id` is the id of the person's running training; None if none runs."""
    attempts = score_file.read_attempts()
    exercises = tuple(
        _make_training_exercise(declaration, attempts.get(declaration.key, ExerciseAttempt()), training_id)
        for declaration in EXERCISE_DECLARATIONS
    )
    return TrainingOverview(exercises, score_file.compute_score(), is_running=training_id is not None)


def _parse_verdict(attempt: ExerciseAttempt) -> TrainingVerdict | None:
    return next((verdict for verdict in TrainingVerdict if verdict.value == attempt.verdict), None)


def _find_training_state(attempt: ExerciseAttempt) -> TrainingState:
    if not attempt.number:
        return TrainingState.NOT_BEGUN
    verdict = _parse_verdict(attempt)
    return TrainingState.OPEN if verdict is None else get_training_state(verdict)


def _make_training_exercise(
    declaration: ExerciseDeclaration, attempt: ExerciseAttempt, training_id: str | None
) -> TrainingExercise:
    """Return the declared exercise with the person's attempt, as the screen shows it. An open attempt of an earlier
    training counts as not begun, because the records of that training are deleted. `training_id` is the id of the
    training that is running now, None without one."""
    state, is_of_running_training = _find_training_state(attempt), attempt.run == training_id
    if state is TrainingState.OPEN and not is_of_running_training:
        state = TrainingState.NOT_BEGUN
    is_begun = state is not TrainingState.NOT_BEGUN
    return TrainingExercise(
        declaration.key,
        state,
        _parse_verdict(attempt) if is_begun else None,
        dict(attempt.facts) if is_begun else {},
        attempt.number,
        is_solved=attempt.solved_at_attempt > 0,
        checked_at=datetime.fromisoformat(attempt.checked_at) if attempt.checked_at else None,
    )


class TrainingService:
    """The training of one person. All state is in the person's score file and in the database, so several threads may
    use the service. `training_id` is the id of this training.
    """

    def __init__(
        self,
        context: ServiceContext,
        actors: TrainingActors,
        ledger: ProviderLedger,
        score_file: ScoreFile,
        training_id: str,
    ) -> None:
        self._context, self._actors, self._ledger, self._scores, self._training_id = (
            context,
            actors,
            ledger,
            score_file,
            training_id,
        )
        self._approver = InventedApprover(context, actors, score_file)
        self._lock = Lock()

    def read_overview(self) -> TrainingOverview:
        """Return all exercises with their stored verdicts, and the score."""
        return read_overview(self._scores, self._training_id)

    def begin_exercise(self, key: str) -> TrainingOverview:
        """Begin the exercise `key`, or begin it again with new records. Return all exercises. Raises not_found for an
        unknown key, the error of the service if one of the new records can't be created, and storage_full if the
        score file can't be written.
        """
        declaration = EXERCISE_DECLARATION_BY_KEY.get(key)
        if declaration is None:
            raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": "training", "id": key[:40]})
        with self._lock:
            earlier_attempt = self._scores.read_attempt(key)
            number = earlier_attempt.number + 1
            facts = declaration.create(self._actors, number)
            attempt = ExerciseAttempt(
                number, self._training_id, facts, solved_at_attempt=earlier_attempt.solved_at_attempt
            )
            self._scores.write_attempt(key, attempt)
        return self.read_overview()

    def check_exercises(self) -> TrainingOverview:
        """Judge the exercises that the person has begun in this training, and return all exercises with the new
        verdicts. Raises the errors of `judge_attempts`."""
        with self._lock:
            judge_attempts(self._context.database, self._ledger, self._scores, self._training_id, self._context.now())
        return self.read_overview()

    def make_approver_decide(self) -> None:
        """Let the invented approver decide about the waiting requests and proposals of the person
        (`InventedApprover.decide_waiting_requests`)."""
        self._approver.decide_waiting_requests()
