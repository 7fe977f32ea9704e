"""A training from its start to its end: a temporary home with simulated providers, and the service
`console.training`."""

import contextlib
import secrets
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from console.app import open_console
from console.demo.payments import register_merchant
from console.demo.training.ledger import SandboxLedger
from console.demo.training.training_actors import CLIENT_IDS, INVENTED_PEOPLE, SandboxTrainingActors
from console.domain.access.permissions import APPROVER, OPERATOR
from console.domain.clock import SystemClock
from console.domain.errors import ConsoleError
from console.domain.records import Person
from console.domain.setting_problems import SettingProblem
from console.domain.training.results import COLLEAGUE_NAME, INVENTED_APPROVER_NAME
from console.sandbox.environment.credentials import REGISTRY_APPLICATION_ID
from console.services.training.score_file import ScoreFile
from console.services.training.service import TrainingService, judge_attempts, read_overview, require_training_profile
from console.settings.private_files import make_private_file
from console.settings.provider_access import get_access_by_provider
from console.settings.settings import Settings
from console.settings.urls import make_sqlite_url
from console.settings.value_parsers import make_bad_profile_error
from console.store.database.engine import Database

if TYPE_CHECKING:
    from console.app import Console
    from console.domain.training.results import TrainingOverview
    from console.sandbox import Sandbox

DEFAULT_TRAINEE_NAME = "op-a"
"""The person of a training at a desk whose profile names nobody."""
APPROVER_PAUSE_SECONDS = 3.0
"""Pause (seconds) between two runs in which the invented approver decides the waiting requests and proposals."""


def get_trainee_name(settings: Settings) -> str:
    """Return the name under which the training stores its score: the person of the profile, or DEFAULT_TRAINEE_NAME.
    Raises ConsoleError `bad_profile` for the name of an invented person."""
    name = settings.operator or DEFAULT_TRAINEE_NAME
    if name in (COLLEAGUE_NAME, INVENTED_APPROVER_NAME):
        raise make_bad_profile_error("CONSOLE_OPERATOR", SettingProblem.BAD_OPERATOR)
    return name


@contextlib.contextmanager
def open_training(
    settings: Settings, *, approver_pause_seconds: float = APPROVER_PAUSE_SECONDS
) -> "Iterator[Console]":
    """Start simulated providers and yield the services of a new training, with `console.training`. `settings` are
    those of the person's desk; only its home folder, the person's name and the language are used, so that the
    training reaches no database server and no real provider. Every `approver_pause_seconds` seconds, the invented
    approver decides what the person has requested. At the end of the block everything except the score is deleted.

    Raises ConsoleError `bad_profile` if the desk's person has the name of an invented person, or if the settings of
    the training would reach a database server or a real provider.
    """
    from console.sandbox import start_sandbox

    person, run = get_trainee_name(settings), secrets.token_hex(8)
    scores = ScoreFile(settings.home, person)
    home = tempfile.TemporaryDirectory(prefix="support-console-training-", ignore_cleanup_errors=True)
    with home as folder, start_sandbox() as sandbox:
        env = _write_profile(Path(folder), sandbox, person, settings.language)
        own_settings = Settings.load(env)
        require_training_profile(own_settings, sandbox.url)
        with open_console(own_settings, program="window") as console:
            for invented_person in (Person(person, frozenset({OPERATOR, APPROVER}), may_buy=True), *INVENTED_PEOPLE):
                console.people.add_person(invented_person)
            actors = SandboxTrainingActors(console, sandbox.control, Path(folder))
            actors.publish_merged_corporations()
            training = TrainingService(console._context, actors, SandboxLedger(sandbox.control), scores, run)
            console.training = training
            scores.write_training_run({"id": run, "database": str(own_settings.database_path), "url": sandbox.url})
            try:
                with _run_approver_in_background(training, approver_pause_seconds):
                    yield console
            finally:
                scores.write_training_run(None)


def read_stored_overview(settings: Settings, *, must_check: bool) -> "TrainingOverview":
    """Return the training exercises and the score of the desk's person. If `must_check` is True and the person's
    training runs in another process, first check the person's work on the exercises of that training. Raises
    ConsoleError `bad_profile` if the person has the name of an invented person; `storage_full` if the score can't be
    written.
    """
    from console.sandbox import SandboxControl

    scores = ScoreFile(settings.home, get_trainee_name(settings))
    run = scores.read_training_run()
    if not run or not _is_training_running(run):
        return read_overview(scores, None)
    if must_check:
        database = Database(make_sqlite_url(Path(run["database"])))
        try:
            ledger = SandboxLedger(SandboxControl(run["url"]))
            judge_attempts(database, ledger, scores, run["id"], SystemClock().now())
        finally:
            database.close()
    return read_overview(scores, run["id"])


def _is_training_running(run: Mapping[str, str]) -> bool:
    """True if the training of the stored entry `run` is still running: its simulated providers answer at the entry's
    `url`, and the file `database` of the entry exists. The entry alone proves nothing, because a process that is
    killed doesn't delete the entry."""
    from console.sandbox import SandboxControl

    try:
        SandboxControl(run["url"]).read_state()
    except (OSError, ValueError, KeyError):
        return False
    return Path(run.get("database", "")).is_file()


def _write_profile(home: Path, sandbox: "Sandbox", person: str, language: str) -> dict[str, str]:
    """Write the profile file of the training into `home`, and return the environment variables for its settings;
    `person` is the name of the trainee. This function generates most of the secrets. They exist only in these
    variables and at the simulated providers, and are written to no file."""
    client, secret, refresh = (f"training-{secrets.token_urlsafe(16)}" for _ in range(3))
    sandbox.control.register_client(client, secret, refresh)
    urls = {f"CONSOLE_{name.upper()}_URL": sandbox.url for name in get_access_by_provider()}
    make_private_file(home / "profile.toml")
    (home / "profile.toml").write_text('environment = "training"\n', encoding="utf-8")
    return {
        **urls,
        "CONSOLE_HOME": str(home),
        "CONSOLE_CLIENTS": ",".join(CLIENT_IDS),
        "CONSOLE_LANGUAGE": language,
        "CONSOLE_OPERATOR": person,
        "CONSOLE_SECRET_ALARMBOX_CLIENT_ID": client,
        "CONSOLE_SECRET_ALARMBOX_CLIENT_SECRET": secret,
        "CONSOLE_SECRET_ALARMBOX_REFRESH_TOKEN": refresh,
        "CONSOLE_SECRET_REGISTRY_APPLICATION_ID": REGISTRY_APPLICATION_ID,
        "CONSOLE_SECRET_STORE_KEY": secrets.token_urlsafe(32),
        **register_merchant(sandbox),
    }


@contextlib.contextmanager
def _run_approver_in_background(training: TrainingService, pause_seconds: float) -> Iterator[None]:
    """Within the block, a thread lets the invented approver decide every `pause_seconds` seconds."""
    stopping = threading.Event()

    def decide_until_stopped() -> None:
        while not stopping.wait(pause_seconds):
            with contextlib.suppress(ConsoleError):
                training.make_approver_decide()

    thread = threading.Thread(target=decide_until_stopped, name="training-approver")
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()
