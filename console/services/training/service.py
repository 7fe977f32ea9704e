"""The service `console.training`: lists the incidents, begins them, and judges them by the ledger and the records."""

from datetime import datetime
from threading import Lock

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.setting_problems import SettingProblem
from console.domain.training.results import TrainingIncident, TrainingState, TrainingView, Verdict, state_of
from console.services.process.context import ServiceContext
from console.services.training.approver import InventedApprover
from console.services.training.incidents import INCIDENT_BY_KEY, INCIDENTS, Incident
from console.services.training.protocols import InventedWorld, ProviderLedger
from console.services.training.score_file import Attempt, ScoreFile
from console.services.training.truth import Truth
from console.settings.settings import Settings
from console.settings.value_parsers import bad_profile_error
from console.store.database.engine import Database


def require_training_profile(settings: Settings, url: str) -> None:
    """Refuse everything but an embedded database and the simulated providers at `url`, so that a training can never
    reach a real provider or the database of a team. Raises bad_profile.
    """
    if settings.environment != "training" or settings.database_path is None:
        raise bad_profile_error("CONSOLE_DATABASE_URL", SettingProblem.TRAINING_REACHES_SERVER)
    for provider, configured_url in settings.provider_urls.items():
        if configured_url != url:
            raise bad_profile_error(
                f"CONSOLE_{provider.upper()}_URL", SettingProblem.TRAINING_REACHES_PROVIDER, provider=provider
            )


def check_attempts(database: Database, ledger: ProviderLedger, scores: ScoreFile, run: str, now: datetime) -> None:
    """Judge the begun incidents of the training with the id `run`, and store the verdicts. What was wrong stays
    wrong. Raises storage_full.
    """
    for key, attempt in scores.read_attempts().items():
        if attempt.run != run or _state_of(attempt) is TrainingState.WRONG:
            continue
        with database.read() as conn:
            verdict = INCIDENT_BY_KEY[key].judge(Truth(conn, ledger), attempt.facts)
        scores.write_attempt(key, attempt.add_verdict(verdict, now))


def read_view(scores: ScoreFile, run: str | None) -> TrainingView:
    """Return all incidents as they were at the last check. `run` is the id of the person's training; None if none
    runs.
    """
    attempts = scores.read_attempts()
    incidents = tuple(_make_incident(each, attempts.get(each.key, Attempt()), run) for each in INCIDENTS)
    return TrainingView(incidents, scores.score(), is_running=run is not None)


def _verdict_of(attempt: Attempt) -> Verdict | None:
    return next((verdict for verdict in Verdict if verdict.value == attempt.verdict), None)


def _state_of(attempt: Attempt) -> TrainingState:
    if not attempt.number:
        return TrainingState.NOT_BEGUN
    verdict = _verdict_of(attempt)
    return TrainingState.OPEN if verdict is None else state_of(verdict)


def _make_incident(incident: Incident, attempt: Attempt, run: str | None) -> TrainingIncident:
    """Return the incident as the person sees it. An attempt that another training has left open is not begun in this
    one, because its records are gone.
    """
    state, is_of_run = _state_of(attempt), attempt.run == run
    if state is TrainingState.OPEN and not is_of_run:
        state = TrainingState.NOT_BEGUN
    is_begun = state is not TrainingState.NOT_BEGUN
    return TrainingIncident(
        incident.key,
        state,
        _verdict_of(attempt) if is_begun else None,
        dict(attempt.facts) if is_begun else {},
        attempt.number,
        is_solved=attempt.solved_at_attempt > 0,
        checked_at=datetime.fromisoformat(attempt.checked_at) if attempt.checked_at else None,
    )


class TrainingService:
    """The training of one person. The state lies in the person's score file and in the records, so the service may be
    used by several threads. `run` is the id of this training.
    """

    def __init__(
        self, context: ServiceContext, world: InventedWorld, ledger: ProviderLedger, scores: ScoreFile, run: str
    ) -> None:
        self._context, self._world, self._ledger, self._scores, self._run = context, world, ledger, scores, run
        self._approver = InventedApprover(context, world, scores)
        self._lock = Lock()

    def read_view(self) -> TrainingView:
        """Return all incidents with the score, as they were at the last check."""
        return read_view(self._scores, self._run)

    def begin(self, key: str) -> TrainingView:
        """Begin an incident, or start it again: plant it anew with other records. Raises not_found for an unknown
        key, and the errors of the services that plant it.
        """
        incident = INCIDENT_BY_KEY.get(key)
        if incident is None:
            raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": "training", "id": key[:40]})
        with self._lock:
            earlier = self._scores.read_attempt(key)
            number = earlier.number + 1
            facts = incident.plant(self._world, number)
            attempt = Attempt(number, self._run, facts, solved_at_attempt=earlier.solved_at_attempt)
            self._scores.write_attempt(key, attempt)
        return self.read_view()

    def check(self) -> TrainingView:
        """Judge all incidents that are begun, and return them."""
        with self._lock:
            check_attempts(self._context.database, self._ledger, self._scores, self._run, self._context.now())
        return self.read_view()

    def let_approver_decide(self) -> None:
        """Let the invented approver decide about everything that waits now."""
        self._approver.decide()
