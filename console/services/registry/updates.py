"""The due task `registry`: imports the publisher's files that appear in the watched folder, and fetches the
differences of later days from the publisher's Web-API."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from console.domain.calendar_days import JST
from console.domain.errors import ConsoleError, ErrorCode, make_outcome_error
from console.domain.file_problems import RegistryFileProblem
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.registry.corporations import RegistryStatus
from console.domain.registry.import_plan import PublishedFile, plan_import
from console.domain.registry.publication_days import list_publication_days_between
from console.domain.setting_problems import SettingProblem
from console.services.process.context import ServiceContext
from console.store.documents.documents import Documents
from console.store.registry.distribution import fetch_registry, is_manifest_damage, publish_registry
from console.store.registry.fetched_file import create_difference_file, delete_imported_difference_files
from console.store.registry.source_file import make_bad_file_error
from console.store.registry.watched_folder import WatchedFolder

if TYPE_CHECKING:  # imported by the composition root if it is needed: most desks have no application id
    from console.providers.registry.client import RegistryApi
    from console.providers.registry.responses import DifferencePart

WAIT_FOR_UNPUBLISHED_DAY = timedelta(hours=1)
"""Wait before the Web-API is asked again for a day that it hadn't published yet."""
MAX_FETCHED_DAYS_PER_RUN = 60
"""Largest number of days that one run asks the Web-API for."""
_TEMPORARY_PROBLEMS = frozenset(
    {RegistryFileProblem.FILE_CHANGED, RegistryFileProblem.FILE_UNREADABLE, RegistryFileProblem.FUTURE_DAY}
)
_ERROR_CODE_OF_OUTCOME_CLASS = {
    OutcomeClass.AUTH: ErrorCode.PROVIDER_AUTH,
    OutcomeClass.RATE_LIMITED: ErrorCode.RATE_LIMITED,
    OutcomeClass.FAILED_DEFINITE: ErrorCode.PROVIDER_REFUSED,
}

FilesImporter = Callable[[Sequence[Path]], RegistryStatus]
"""A function that imports files of the publisher and returns the registry in use after that."""


class RegistryUpdater:
    """Updates this desk's registry with new files and differences of the publisher. `import_files` imports files.
    `open_api` returns the publisher's Web-API, None without an application id. `should_stop` returns True if the
    process must end or the task's lease is lost.
    """

    def __init__(
        self,
        context: ServiceContext,
        import_files: FilesImporter,
        open_api: "Callable[[], RegistryApi | None]",
        should_stop: Callable[[], bool],
    ) -> None:
        self._context, self._folder = context, context.registry_folder
        self._import_files, self._open_api, self._should_stop = import_files, open_api, should_stop
        self._next_query_at = float("-inf")
        """Time before which the Web-API isn't asked, in monotonic seconds. The clock of the calendar isn't used: if
        it was wrongly ahead when this time was computed, the Web-API would not be asked until the clock reaches that
        wrong time."""
        self._reported_future_files: frozenset[PublishedFile] = frozenset()
        """The files of future days that the watched folder had at the last run: an earlier run has failed because of
        them."""

    def import_new_files(self) -> int:
        """Due task: import the new files, and on a database server publish the new registry to the desks. Return the
        number of imported files.

        If the import refuses a file because of its content, each later run raises the same error without reading the
        file again and without asking the Web-API, until a person replaces or deletes the file. So people continue to
        see that the task fails.

        A file of a future day doesn't stop the import of the others: at the end of the first run that finds it, the
        error that the import would raise is raised, and `doctor` names the file until its day has come or a person
        deletes it.
        """
        is_server, documents = self._context.database.is_server, self._context.documents
        if is_server:  # another worker's registry may be newer; then it is used
            self._fetch_published_registry(documents)
        watched_folder = self._context.settings.registry_folder
        count, future_files = 0, frozenset[PublishedFile]()
        if watched_folder is not None:
            count, future_files = self._import_watched_files(WatchedFolder(watched_folder, self._folder))
        count += self._import_fetched_differences()
        if is_server:  # an earlier run may have failed to publish; does nothing if the desks have this registry
            publish_registry(self._folder, documents)
        new_future_files = sorted(future_files - self._reported_future_files)
        self._reported_future_files = future_files
        if new_future_files:
            raise make_bad_file_error(new_future_files[0].name, RegistryFileProblem.FUTURE_DAY)
        return count

    def _fetch_published_registry(self, documents: Documents) -> None:
        """Fetch the registry that a worker of the team has published in the document store. If the manifest of the
        published registry is damaged, replace it by publishing this worker's own registry. If this worker has no
        registry, raise the error about the damaged manifest.
        """
        try:
            fetch_registry(self._folder, documents, should_stop=self._should_stop)
        except ConsoleError as error:
            if not is_manifest_damage(error) or self._read_status() is None:
                raise
            publish_registry(self._folder, documents)

    # The watched folder

    def _import_watched_files(self, watched_folder: WatchedFolder) -> tuple[int, frozenset[PublishedFile]]:
        """Import the new files. Return the number of imported files, and the files of future days."""
        today = self._find_today()
        future_files = frozenset(watched_folder.list_future_files(today))
        files = [file for file in watched_folder.list_complete_files() if file.day <= today]
        planned_files = plan_import(files, self._read_status_unless_damaged())
        if not planned_files:
            return 0, future_files
        refused_file = watched_folder.find_refused_file(planned_files)
        if refused_file is not None:
            raise refused_file.make_error()
        try:
            self._import_files([watched_folder.get_path_of(file) for file in planned_files])
        except ConsoleError as error:
            if _is_refusal_of_file(error):
                watched_folder.store_refusal(str(error.detail.get("file", "")), error)
            raise
        return len(planned_files), future_files

    # The Web-API

    def _import_fetched_differences(self) -> int:
        """Fetch and import the differences from the day after the registry date to yesterday, of at most
        MAX_FETCHED_DAYS_PER_RUN publication days. Today's difference is left out, because the publisher may still add
        rows to it. The days between two publication days are fetched together with the second of them: a day that
        this program version counts as a day without publication may have become a publication day by a later law.
        Stop at the first day that the publisher has not published yet. Return the number of publication days whose
        differences were imported.
        """
        status = self._read_status()
        clock = self._context.clock
        if status is None or clock.monotonic() < self._next_query_at:
            return 0  # without a registry there is nothing that a difference could change
        delete_imported_difference_files(self._folder, status.registry_date)
        days = list_publication_days_between(status.registry_date, self._find_today())[:MAX_FETCHED_DAYS_PER_RUN]
        api = self._open_api() if days else None
        count, first_day = 0, status.registry_date + timedelta(days=1)
        for day in days if api is not None else ():
            if self._should_stop():
                break
            path = self._fetch_difference_of_days(api, first_day, day) if api is not None else None
            if path is None:
                wait_seconds = self._context.scale.scale_seconds(WAIT_FOR_UNPUBLISHED_DAY.total_seconds())
                self._next_query_at = clock.monotonic() + wait_seconds
                break
            try:
                self._import_files([path])
            finally:
                path.unlink(missing_ok=True)
            count, first_day = count + 1, day + timedelta(days=1)
        return count

    def _fetch_difference_of_days(self, api: "RegistryApi", first_day: date, day: date) -> Path | None:
        """Fetch the differences from `first_day` to `day` by the Web-API `api`, write them into a file of the
        publisher's format for `day`, and return the file's path; None if the publisher has not published `day` yet.

        Raises provider_unreachable if the publisher doesn't answer; an error of _ERROR_CODE_OF_OUTCOME_CLASS if the
        publisher refuses the call; provider_answer_unusable if its answer can't be read, or if the difference changes
        between two calls, has a part twice or has not the stated number of rows; interrupted if the process must end.
        """
        first_part = _require_difference_part(api.read_difference(day, first_day=first_day), day)
        if first_part.updated_on < day:
            return None
        with create_difference_file(self._folder, day) as (path, add_lines):
            add_lines(first_part.lines)
            count, known_lines = len(first_part.lines), {_get_first_line_unnumbered(first_part)}
            for part_number in range(2, first_part.part_count + 1):
                if self._should_stop():
                    raise ConsoleError(ErrorCode.INTERRUPTED, {"reason": "registry_import"})
                part = _require_difference_part(api.read_difference(day, part_number, first_day=first_day), day)
                if (part.row_count, part.part_count) != (first_part.row_count, first_part.part_count):
                    raise _make_fetch_error(ErrorCode.PROVIDER_ANSWER_UNUSABLE, day, "changed_meanwhile", None)
                if (first_line := _get_first_line_unnumbered(part)) in known_lines:
                    raise _make_fetch_error(ErrorCode.PROVIDER_ANSWER_UNUSABLE, day, "repeated_part", None)
                known_lines.add(first_line)
                add_lines(part.lines)
                count += len(part.lines)
            if count != first_part.row_count:
                raise _make_fetch_error(ErrorCode.PROVIDER_ANSWER_UNUSABLE, day, "other_count", None)
        return path

    def _find_today(self) -> date:
        return self._context.now().astimezone(JST).date()

    def _read_status(self) -> RegistryStatus | None:
        reader = self._context.open_registry()
        return None if reader is None else reader.read_status()

    def _read_status_unless_damaged(self) -> RegistryStatus | None:
        """Return the status of the registry in use. Return None if there is no registry, or if it is damaged, because
        new whole files then replace it."""
        try:
            return self._read_status()
        except ConsoleError as error:
            if error.detail.get("problem") != SettingProblem.DESK_FILE_DAMAGED:
                raise
            return None


def _require_difference_part(outcome: "Outcome[DifferencePart]", day: date) -> "DifferencePart":
    if outcome.content is not None:
        return outcome.content
    code = _ERROR_CODE_OF_OUTCOME_CLASS.get(outcome.kind)
    if code is None or (code is ErrorCode.PROVIDER_REFUSED and outcome.sent is SendingCertainty.NO):
        code = ErrorCode.PROVIDER_ANSWER_UNUSABLE if outcome.has_success_status else ErrorCode.PROVIDER_UNREACHABLE
    raise _make_fetch_error(code, day, outcome.reason, outcome.status)


def _get_first_line_unnumbered(part: "DifferencePart") -> str:
    """Return the first line of the part without its sequence number; "" if the part has no rows."""
    return part.lines[0].partition(",")[2] if part.lines else ""


def _make_fetch_error(code: ErrorCode, day: date, cause: str, status: int | None) -> ConsoleError:
    return make_outcome_error(code, {"day": day.isoformat(), "cause": cause, "status": status})


def _is_refusal_of_file(error: ConsoleError) -> bool:
    """True if a repeated import would refuse the file for the same reason. False if the reason can disappear while
    size and time of the file stay the same. Such a reason is that files of earlier days or of other prefectures are
    missing, that the file was replaced during the import, that it couldn't be read (permissions, network drive), or
    that its day is in the future.
    """
    return error.code == ErrorCode.BAD_REGISTRY_FILE and error.detail.get("problem") not in _TEMPORARY_PROBLEMS
